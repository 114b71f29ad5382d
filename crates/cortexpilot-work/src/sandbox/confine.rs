//! The second stage: restricts itself, reports it, and becomes the command.
//!
//! The order matters. Files are opened and limits set first, capabilities go while there is still the right to lock them
//! away, then Landlock, then the system call filter, which would refuse some of what came before.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, no_new_privs,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits, set_no_new_privs,
};

use super::helper::Control;
use super::policy::{Enforced, Policy, Said};
use super::{Level, bwrap, landlock, seccomp};

pub(super) fn run(mut control: Control) -> io::Result<ExitCode> {
    let policy = control.policy()?;
    let enforced = match restrict(&policy) {
        Ok(enforced) => enforced,
        Err(why) => {
            control.say(&Said::Refused(why))?;
            return Ok(ExitCode::from(126));
        }
    };
    control.say(&Said::Restricted(enforced))?;
    let Some((program, args)) = policy.argv.split_first() else {
        control.say(&Said::NotStarted("there is no program to run".into()))?;
        return Ok(ExitCode::from(127));
    };
    let error = Command::new(program).args(args).env_clear().envs(&policy.env).current_dir(&policy.cwd).exec();
    control.say(&Said::NotStarted(format!("{program}: {error}")))?;
    Ok(ExitCode::from(127))
}

fn restrict(policy: &Policy) -> Result<Enforced, String> {
    let told = |what: &'static str| move |error: rustix::io::Errno| format!("{what}: {}", io::Error::from(error));
    if let Some(path) = &policy.stdin {
        let file = File::open(path).map_err(|error| format!("standard input: {error}"))?;
        rustix::stdio::dup2_stdin(&file).map_err(told("standard input"))?;
    }
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // A session of its own: no terminal, and signals to the group reach only it. Under bubblewrap it has one already.
    rustix::process::setsid().ok();
    let mut enforced = Enforced::of(policy.level);
    if policy.level == Level::None {
        with_its_parent();
        return Ok(enforced);
    }
    // Out of memory, the work goes before what records it.
    drop(std::fs::write("/proc/self/oom_score_adj", "1000"));
    limits(policy).map_err(told("resource limits"))?;
    enforced.limits = Some(policy.limits);
    set_no_new_privs(true).map_err(told("no new privileges"))?;
    enforced.no_new_privs = no_new_privs().map_err(told("no new privileges"))?;
    drop_capabilities().map_err(told("capabilities"))?;
    enforced.no_capabilities = true;
    with_its_parent();
    if policy.level == Level::Namespaces {
        enforced.namespaces = bwrap::namespaces(policy.network);
    }
    let isolated = policy.level == Level::Namespaces;
    enforced.landlock = Some(landlock::apply(policy)?);
    // Without a namespace of processes only Landlock keeps signals in, so an older kernel cannot confine.
    if !isolated && !enforced.landlock.as_ref().is_some_and(|landlock| landlock.scoped) {
        return Err(
            "the kernel's Landlock does not keep signals in (Linux 6.12 does), and there are no namespaces".into()
        );
    }
    let scoped = enforced.landlock.as_ref().is_some_and(|landlock| landlock.scoped);
    enforced.seccomp = Some(seccomp::apply(policy.network, isolated, scoped)?);
    enforced.network = if policy.network { "host".into() } else { "none".into() };
    if !enforced.no_new_privs {
        return Err("no new privileges: the kernel did not keep it".into());
    }
    Ok(enforced)
}

/// Whoever keeps the tree may be killed itself. It ends the tree otherwise; this is for the command alone, and what a change
/// of capabilities would undo.
fn with_its_parent() {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).ok();
}

fn limits(policy: &Policy) -> rustix::io::Result<()> {
    let limits = &policy.limits;
    let both = |value| Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(Resource::Core, both(0))?;
    setrlimit(Resource::Data, both(limits.data_bytes))?;
    setrlimit(Resource::Fsize, both(limits.file_bytes))?;
    setrlimit(Resource::Nofile, both(limits.open_files))?;
    setrlimit(Resource::Memlock, both(64 << 10))?;
    if policy.level == Level::Namespaces && !rustix::process::geteuid().is_root() {
        // Counted within the user namespace that bubblewrap made. Elsewhere the kernel would count everything that this
        // user runs, or, for root, nothing.
        setrlimit(Resource::Nproc, both(limits.processes))?;
    }
    Ok(())
}

/// Takes every capability away, also from programs that root executes later.
fn drop_capabilities() -> rustix::io::Result<()> {
    let held = capabilities(None)?;
    if held.permitted.contains(CapabilitySet::SETPCAP) {
        for number in 0..64 {
            match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
                Ok(()) => {}
                // Past the last one that this kernel knows.
                Err(rustix::io::Errno::INVAL) => break,
                Err(error) => return Err(error),
            }
        }
        let bits = CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::NO_SETUID_FIXUP
            | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
            | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
        set_capabilities_secure_bits(bits)?;
    }
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    let held = capabilities(None)?;
    if held.effective.is_empty() && held.permitted.is_empty() && held.inheritable.is_empty() {
        Ok(())
    } else {
        Err(rustix::io::Errno::PERM)
    }
}
