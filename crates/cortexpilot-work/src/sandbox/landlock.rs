//! Landlock: which files can be reached, where signals and abstract sockets end, and no TCP without network.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};

use super::Level;
use super::policy::{LandlockEnforced, Policy};

/// What programs need of the system, to read and execute.
pub(super) const SYSTEM_DIRS: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt"];

/// Of `/etc` only what says nothing about the machine's secrets: no `shadow`, no keys, no services' configuration.
pub(super) const ETC: [&str; 27] = [
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/bash.bashrc",
    "/etc/debian_version",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/inputrc",
    "/etc/java",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/profile",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
];

/// Devices that hold nothing. Of the machine's `/dev` nothing else: there are terminals in it, shared memory, and disks.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// The newest rights that are asked for; what an older kernel lacks of them is reported, down to [`LEAST`].
const NEWEST: ABI = ABI::V5;
/// Linux 6.2: below it a file could be cut (`truncate`) that may not be written.
const LEAST: ABI = ABI::V3;

pub(super) fn apply(policy: &Policy) -> Result<LandlockEnforced, String> {
    let told = |error: landlock::RulesetError| format!("Landlock: {error}");
    let isolated = policy.level == Level::Namespaces;
    let tcp = !policy.network && !isolated;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LEAST))
        .map_err(|_| {
            "Landlock is missing or too old in this kernel (Linux 6.2 with CONFIG_SECURITY_LANDLOCK is needed)"
                .to_owned()
        })?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .map_err(told)?
        .scope(Scope::from_all(ABI::V6))
        .map_err(told)?;
    if tcp {
        ruleset = ruleset.handle_access(AccessNet::from_all(ABI::V4)).map_err(told)?;
    }
    let read = AccessFs::from_read(NEWEST);
    let write = AccessFs::from_all(NEWEST) & !AccessFs::IoctlDev & !AccessFs::MakeChar & !AccessFs::MakeBlock;
    let mut writable: Vec<&str> = policy.write.iter().map(String::as_str).collect();
    if isolated {
        // Made for this sandbox, and gone with it.
        writable.extend(["/tmp", "/dev/shm"]);
    }
    let mut shown = vec!["/proc", "/sys/devices/system/cpu"];
    if isolated {
        shown.push("/dev");
    }
    let readable = SYSTEM_DIRS.iter().chain(&ETC).copied().chain(policy.read.iter().map(String::as_str));
    let status = ruleset
        .create()
        .map_err(told)?
        .add_rules(path_beneath_rules(readable, read))
        .map_err(told)?
        .add_rules(path_beneath_rules(shown, read & !AccessFs::Execute))
        .map_err(told)?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))
        .map_err(told)?
        .add_rules(path_beneath_rules(writable, write))
        .map_err(told)?
        .restrict_self()
        .map_err(told)?;
    let LandlockStatus::Available { effective_abi, kernel_abi } = status.landlock else {
        return Err("Landlock is not enabled in this kernel".into());
    };
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err("Landlock was not enforced".into());
    }
    let abi = kernel_abi.and_then(|abi| u32::try_from(abi).ok()).unwrap_or(effective_abi as u32);
    Ok(LandlockEnforced { abi, scoped: abi >= 6, tcp: tcp && abi >= 4 })
}

/// Keeps the signals of this process, and of everything that it starts, among themselves. `true`: the kernel does; a process
/// with no such bound must never send a signal to everybody.
pub(super) fn keep_signals() -> bool {
    // Moving a file to another directory is refused by every ruleset that does not say otherwise.
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::Refer)
        .and_then(|ruleset| ruleset.scope(Scope::Signal))
        .and_then(|ruleset| ruleset.create())
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(["/"], AccessFs::Refer)))
        .and_then(|ruleset| ruleset.restrict_self());
    restricted.is_ok_and(|status| status.ruleset == RulesetStatus::FullyEnforced)
}
