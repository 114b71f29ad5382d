//! The system call filter: what no build, test or agent needs, and what would reach past the other layers.
//!
//! It is a list of refusals, because the work is anybody's toolchain; what a list of permissions would have caught beside
//! these is held by Landlock, by the missing capabilities and by the namespaces.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use super::policy::SeccompEnforced;

/// Calls that are younger than the C library's list of them; their numbers are the same on every architecture.
const OPEN_TREE_ATTR: i64 = 467;
const SETXATTRAT: i64 = 463;
const REMOVEXATTRAT: i64 = 466;

/// Refused whatever their arguments, with EPERM.
const REFUSED: &[i64] = &[
    // Other processes' memory and files.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    // Mounts, roots and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    OPEN_TREE_ATTR,
    libc::SYS_unshare,
    libc::SYS_setns,
    // Files by handle, past every path.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_lookup_dcookie,
    // Keys of the session.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // The machine's clock and name.
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Limits of other processes.
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_kexec_file_load,
    libc::SYS_modify_ldt,
    // The same calls under x32's own numbers.
    0x4000_0000 | 521, // ptrace
    0x4000_0000 | 528, // kexec_load
    0x4000_0000 | 539, // process_vm_readv
    0x4000_0000 | 540, // process_vm_writev
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[libc::SYS_kexec_file_load];

/// Refused where no namespaces are around the work: they reach what the same user has elsewhere, and Landlock does not know
/// them. (What stays possible there, because no toolchain does without it, is `chmod` and the setting of times.)
const REFUSED_BARE: &[i64] = &[
    // Memory, messages and locks that processes share by a number or a name.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
];

/// Refused there too, as a file system that has none answers (`EOPNOTSUPP`): whoever copies a file goes on without them.
const NO_ATTRIBUTES_BARE: &[i64] = &[
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
];

/// Answered with ENOSYS, so that callers use what came before them: `clone3` hides its flags behind a pointer, and io_uring
/// opens sockets and files that this filter would not see.
const UNKNOWN: &[i64] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// A call's number under x32, the other set of calls of the same architecture.
const X32: i64 = 0x4000_0000;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Applies the filter. `scoped`: Landlock keeps abstract sockets in.
pub(super) fn apply(network: bool, isolated: bool, scoped: bool) -> Result<SeccompEnforced, String> {
    let told = |error: seccompiler::Error| format!("seccomp: {error}");
    let (sockets, families) = sockets(network, isolated, scoped);
    let rules = rules(&families, isolated).map_err(told)?;
    let mut refused = rules.len() + UNKNOWN.len();
    let whole = |calls: &[i64]| calls.iter().flat_map(|call| both(*call)).map(|call| (call, Vec::new())).collect();
    // None of them refuses what installs filters, so the order is free; each is checked at every call.
    install(rules, libc::EPERM)?;
    install(whole(UNKNOWN), libc::ENOSYS)?;
    if !isolated {
        refused += NO_ATTRIBUTES_BARE.len();
        install(whole(NO_ATTRIBUTES_BARE), libc::EOPNOTSUPP)?;
    }
    Ok(SeccompEnforced { refused, sockets })
}

fn install(rules: Rules, errno: i32) -> Result<(), String> {
    let told = |error: seccompiler::Error| format!("seccomp: {error}");
    let architecture: TargetArch =
        std::env::consts::ARCH.try_into().map_err(|_| "seccomp: this processor's calls are not known".to_owned())?;
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    let filter =
        SeccompFilter::new(rules, SeccompAction::Allow, answer, architecture).map_err(|error| told(error.into()))?;
    let program: BpfProgram = filter.try_into().map_err(|error: seccompiler::BackendError| told(error.into()))?;
    seccompiler::apply_filter(&program).map_err(told)
}

/// Which socket families may be opened. With namespaces, an own network and own files stand behind them; without, a socket
/// in the file system would lead to whatever listens there. With the machine's network, abstract sockets are the machine's
/// too, unless Landlock keeps them in.
fn sockets(network: bool, isolated: bool, scoped: bool) -> (Vec<String>, Vec<i32>) {
    let mut families = Vec::new();
    if isolated && (scoped || !network) {
        families.push(("unix", libc::AF_UNIX));
    }
    if network || isolated {
        families.extend([("inet", libc::AF_INET), ("inet6", libc::AF_INET6), ("netlink", libc::AF_NETLINK)]);
    }
    families.into_iter().map(|(name, family)| (name.to_owned(), family)).unzip()
}

fn rules(families: &[i32], isolated: bool) -> Result<Rules, seccompiler::Error> {
    let bare: &[i64] = if isolated { &[] } else { REFUSED_BARE };
    let refused = REFUSED.iter().chain(REFUSED_HERE).chain(bare);
    let mut rules: Rules = refused.flat_map(|call| both(*call)).map(|call| (call, Vec::new())).collect();
    let arg =
        |index, length, op, value| SeccompCondition::new(index, length, op, value).map_err(seccompiler::Error::from);
    let rule = |conditions| SeccompRule::new(conditions).map_err(seccompiler::Error::from);
    let mut socket = Vec::new();
    if !families.is_empty() {
        let mut none_of_them = Vec::new();
        for family in families {
            none_of_them.push(arg(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, u64::from(family.unsigned_abs()))?);
        }
        socket.push(rule(none_of_them)?);
    }
    // A new process in new namespaces. CLONE_NEWTIME's bit means something else in clone, so it is not here.
    let mut clone = Vec::new();
    for flag in [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ] {
        let flag = u64::from(flag.unsigned_abs());
        clone.push(rule(vec![arg(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?])?);
    }
    // Typing into somebody's terminal.
    let mut ioctl = Vec::new();
    for request in [libc::TIOCSTI, libc::TIOCLINUX] {
        #[expect(clippy::useless_conversion, reason = "the type differs between C libraries")]
        let request = u64::try_from(request).unwrap_or(0);
        ioctl.push(rule(vec![arg(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, request)?])?);
    }
    let mut conditional = vec![(libc::SYS_socket, socket), (libc::SYS_clone, clone), (libc::SYS_ioctl, ioctl)];
    if !isolated {
        // One end of a pair of datagram sockets can be connected anew, or sent from, to any socket in the file system. (A raw
        // one of this family is one of datagrams.) Pairs of streams lead nowhere else.
        let of_type = |kind: i32| {
            let kind = u64::from(kind.unsigned_abs());
            rule(vec![arg(1, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(0xf), kind)?])
        };
        let unix = u64::from(libc::AF_UNIX.unsigned_abs());
        let foreign = rule(vec![arg(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, unix)?])?;
        conditional.push((libc::SYS_socketpair, vec![foreign, of_type(libc::SOCK_DGRAM)?, of_type(libc::SOCK_RAW)?]));
        // Limits and priorities of other processes of the same user: 0 is whoever calls.
        for (call, whose) in [
            (libc::SYS_prlimit64, 0),
            (libc::SYS_sched_setaffinity, 0),
            (libc::SYS_sched_setscheduler, 0),
            (libc::SYS_sched_setparam, 0),
            (libc::SYS_sched_setattr, 0),
            (libc::SYS_setpriority, 1),
            (libc::SYS_ioprio_set, 1),
        ] {
            let mut others = vec![rule(vec![arg(whose, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0)?])?];
            // "All of my user's": 2 for priorities, 3 for classes of input and output.
            let everybody = if call == libc::SYS_ioprio_set { 3 } else { 2 };
            if whose == 1 {
                others.push(rule(vec![arg(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, everybody)?])?);
            }
            conditional.push((call, others));
        }
    }
    for (call, conditions) in conditional {
        for number in both(call) {
            rules.insert(number, conditions.clone());
        }
    }
    if cfg!(target_arch = "x86_64") {
        // ioctl has a number of its own under x32.
        rules.insert(X32 | 514, rules.get(&libc::SYS_ioctl).cloned().unwrap_or_default());
    }
    Ok(rules)
}

/// A call's numbers on this architecture.
fn both(call: i64) -> impl Iterator<Item = i64> {
    let other = (cfg!(target_arch = "x86_64") && call & X32 == 0).then_some(call | X32);
    std::iter::once(call).chain(other)
}
