//! Reaching past the other layers through the kernel itself.

use cortexpilot_work::sandbox::Level;

use super::{CONFINED, Cell};

/// Who can make a call at all, so that its refusal is the sandbox's.
#[derive(PartialEq)]
enum By {
    Anybody,
    Root,
}
use By::{Anybody, Root};

/// Each with arguments that do nothing, whoever makes it: what is looked at is whether the kernel looks at them.
#[rustfmt::skip]
const CALLS: &[(&str, i64, &str, By)] = &[
    ("ptrace", libc::SYS_ptrace, "0x4206, 0x3fffffff, 0, 0", Anybody),
    ("process_vm_readv", libc::SYS_process_vm_readv, "0x3fffffff, 0, 0, 0, 0, 0", Anybody),
    ("process_vm_writev", libc::SYS_process_vm_writev, "0x3fffffff, 0, 0, 0, 0, 0", Anybody),
    ("process_madvise", libc::SYS_process_madvise, "-1, 0, 0, 0, 0", Anybody),
    ("kcmp", libc::SYS_kcmp, "0x3fffffff, 0x3fffffff, 0, 0, 0", Anybody),
    ("pidfd_getfd", libc::SYS_pidfd_getfd, "-1, 0, 0", Anybody),
    ("mount", libc::SYS_mount, "0, 0, 0, 0, 0", Anybody),
    ("umount2", libc::SYS_umount2, "0, 0", Anybody),
    ("pivot_root", libc::SYS_pivot_root, "0, 0", Root),
    ("chroot", libc::SYS_chroot, "0", Anybody),
    ("move_mount", libc::SYS_move_mount, "-1, 0, -1, 0, 0", Root),
    ("open_tree", libc::SYS_open_tree, "-1, 0, 0", Anybody),
    ("open_tree_attr", 467, "-1, 0, 0, 0, 0", Root),
    ("fsopen", libc::SYS_fsopen, "0, 0", Root),
    ("fsconfig", libc::SYS_fsconfig, "-1, 0, 0, 0, 0", Anybody),
    ("fsmount", libc::SYS_fsmount, "-1, 0, 0", Root),
    ("fspick", libc::SYS_fspick, "-1, 0, 0", Root),
    ("mount_setattr", libc::SYS_mount_setattr, "-1, 0, 0, 0, 0", Root),
    ("unshare", libc::SYS_unshare, "0", Anybody),
    ("setns", libc::SYS_setns, "-1, 0", Anybody),
    ("open_by_handle_at", libc::SYS_open_by_handle_at, "-1, 0, 0", Root),
    ("name_to_handle_at", libc::SYS_name_to_handle_at, "-1, 0, 0, 0, 0", Anybody),
    ("bpf", libc::SYS_bpf, "99, 0, 0", Root),
    ("perf_event_open", libc::SYS_perf_event_open, "0, 0, -1, -1, 0", Root),
    ("userfaultfd", libc::SYS_userfaultfd, "0xffff", Root),
    ("fanotify_init", libc::SYS_fanotify_init, "0xffffffff, 0", Root),
    ("kexec_load", libc::SYS_kexec_load, "0, 99999999, 0, 0", Root),
    ("init_module", libc::SYS_init_module, "0, 0, 0", Root),
    ("finit_module", libc::SYS_finit_module, "-1, 0, 0", Root),
    ("delete_module", libc::SYS_delete_module, "0, 0", Root),
    ("reboot", libc::SYS_reboot, "0, 0, 0, 0", Root),
    ("swapon", libc::SYS_swapon, "0, 0", Root),
    ("swapoff", libc::SYS_swapoff, "0", Root),
    ("acct", libc::SYS_acct, "1", Root),
    ("quotactl", libc::SYS_quotactl, "-1, 0, 0, 0", Anybody),
    ("syslog", libc::SYS_syslog, "10, 0, 0", Root),
    ("keyctl", libc::SYS_keyctl, "0, -3, 0, 0, 0", Anybody),
    ("add_key", libc::SYS_add_key, "0, 0, 0, 0, 0", Anybody),
    ("request_key", libc::SYS_request_key, "0, 0, 0, 0", Anybody),
    ("settimeofday", libc::SYS_settimeofday, "0, 0", Root),
    ("clock_settime", libc::SYS_clock_settime, "0, 0", Anybody),
    ("clock_adjtime", libc::SYS_clock_adjtime, "0, 0", Anybody),
    ("adjtimex", libc::SYS_adjtimex, "0", Anybody),
    ("sethostname", libc::SYS_sethostname, "0, -1", Root),
    ("setdomainname", libc::SYS_setdomainname, "0, -1", Root),
    ("migrate_pages", libc::SYS_migrate_pages, "0x3fffffff, 0, 0, 0", Anybody),
    ("move_pages", libc::SYS_move_pages, "0x3fffffff, 0, 0, 0, 0, 0", Anybody),
    ("clone3", libc::SYS_clone3, "0, 0", Anybody),
    ("io_uring_setup", libc::SYS_io_uring_setup, "0, 0", Anybody),
    ("io_uring_enter", libc::SYS_io_uring_enter, "-1, 0, 0, 0, 0, 0", Anybody),
    ("io_uring_register", libc::SYS_io_uring_register, "-1, 0, 0, 0", Anybody),
    ("setxattr", libc::SYS_setxattr, "0, 0, 0, 0, 0", Anybody),
    ("lsetxattr", libc::SYS_lsetxattr, "0, 0, 0, 0, 0", Anybody),
    ("fsetxattr", libc::SYS_fsetxattr, "-1, 0, 0, 0, 0", Anybody),
    ("removexattr", libc::SYS_removexattr, "0, 0", Anybody),
    ("setxattrat", 463, "-1, 0, 0, 0, 0, 0", Anybody),
    ("removexattrat", 466, "-1, 0, 0, 0", Anybody),
    ("typing into a terminal", libc::SYS_ioctl, "0, 0x5412, 0", Anybody),
    ("typing into a terminal, with bits above", libc::SYS_ioctl, "0, 0x100005412, 0", Anybody),
    ("pasting into a terminal", libc::SYS_ioctl, "0, 0x541c, 0", Anybody),
];

/// How a call is refused, by a filter or by a kernel that does not know it.
const REFUSED: [i32; 3] = [libc::EPERM, libc::ENOSYS, libc::EOPNOTSUPP];

#[test]
fn no_call_that_reaches_past_the_sandbox_is_answered() {
    for cell in Cell::each() {
        let mut program = String::from("$| = 1; my ($r, $e);\n");
        let tried = CALLS.iter().filter(|(.., by)| *by == Anybody || cell.of_root());
        for (name, number, args, _) in tried {
            program.push_str(&format!(
                "$! = 0; $r = syscall({number}, {args}); $e = $r == -1 ? $!+0 : 0; print '{name}: ', $e, qq(\\n);\n"
            ));
        }
        std::fs::write(cell.tree().join("calls.pl"), program).unwrap();
        let answers = |level| -> Vec<(String, i32)> {
            let (ended, said) = cell.sh(level, "exec perl calls.pl");
            assert!(ended.is_success(), "{level:?}: {ended:?} {said}");
            said.lines()
                .map(|line| line.split_once(": ").unwrap())
                .map(|(name, errno)| (name.to_owned(), errno.parse().unwrap()))
                .collect()
        };
        let control = answers(Level::None);
        // What this kernel does not have, or does not give this user by a setting of its own, is nothing to reach past with.
        let given: Vec<&str> =
            control.iter().filter(|(_, errno)| !REFUSED.contains(errno)).map(|(name, _)| name.as_str()).collect();
        assert!(given.len() >= if cell.of_root() { 45 } else { 25 }, "{control:?}");
        for level in CONFINED {
            let answered: Vec<(String, i32)> =
                answers(level).into_iter().filter(|(_, errno)| !REFUSED.contains(errno)).collect();
            // Namespaces hold what files and their attributes are reached by.
            let held_otherwise = |name: &str| level == Level::Namespaces && name.contains("xattr");
            let answered: Vec<_> = answered.iter().filter(|(name, _)| !held_otherwise(name)).collect();
            assert!(answered.is_empty(), "{level:?} as {:?}: {answered:?}", cell.user);
        }
    }
}

/// The calls of the 32-bit machine have other numbers. One program of 64 bits makes one by an interrupt: `exit(0)` there.
#[test]
#[cfg(target_arch = "x86_64")]
fn the_calls_of_the_32_bit_machine_are_not_made() {
    let code = [0x31, 0xdb, 0xb8, 1, 0, 0, 0, 0xcd, 0x80, 0x0f, 0x0b];
    let base = 0x40_0000_u64;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0, 1, 0, 0, 0];
    elf.extend((base + 120).to_le_bytes());
    elf.extend(64_u64.to_le_bytes());
    elf.extend([0; 12]);
    elf.extend([64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    elf.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    let size = 120 + code.len() as u64;
    for value in [0, base, base, size, size, 0x1000] {
        elf.extend(value.to_le_bytes());
    }
    elf.extend(code);
    for cell in Cell::each() {
        std::fs::write(cell.tree().join("thirty-two"), &elf).unwrap();
        std::fs::set_permissions(cell.tree().join("thirty-two"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let (control, _) = cell.run(Level::None, &["./thirty-two"]);
        // A kernel without these calls answers the interrupt with a fault: then there is nothing to be made.
        assert!(control.is_success() || control.signal == Some(libc::SIGSEGV), "{control:?}");
        for level in CONFINED {
            let (ended, _) = cell.run(level, &["./thirty-two"]);
            assert!(!ended.is_success(), "{level:?}: {ended:?}");
        }
    }
}

#[test]
fn namespaces_mounts_and_devices_cannot_be_made() {
    for cell in Cell::each() {
        if cell.of_root() {
            cell.row("a namespace", "unshare -m true");
            cell.row("a device", "mknod null c 1 3 && rm null");
            cell.row("a mount", "unshare -m sh -c 'mkdir -p m && mount -t tmpfs none m'");
            cell.row("another root", "mkdir -p r && chroot r /bin/sh -c true; test $? -ne 125");
        }
        cell.row("a user's namespace", "unshare -U true");
        // The same by `clone`, and by a number of the child's own bits above it.
        let clone = libc::SYS_clone;
        for flags in ["0x10000000", "0x10020000", "0x50000000", "0x30000000"] {
            cell.perl(
                "a process in a namespace of its own",
                &format!("my $p = syscall({clone}, {flags} | 17, 0, 0, 0, 0); if ($p == 0) {{ kill KILL => $$ }} exit($p > 0 ? 0 : 1);"),
            );
        }
        for level in CONFINED {
            for command in [
                "unshare -n true",
                "chroot . true",
                "mount -t tmpfs none .",
                "mknod n c 1 3",
                "hostname x",
                "date -s @0",
            ] {
                let (ended, _) = cell.sh(level, command);
                assert!(!ended.is_success(), "{command} at {level:?}");
            }
            let (_, said) =
                cell.sh(level, "grep -E '^(CapEff|CapPrm|CapInh|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status");
            // Bounds that were never held cannot be dropped by who is not root; without new privileges they grant nothing.
            let zero = |name: &str| said.contains(&format!("{name}:\t0000000000000000"));
            assert!(["CapEff", "CapPrm", "CapInh", "CapAmb"].into_iter().all(zero), "{level:?}: {said}");
            assert!(zero("CapBnd") || !cell.of_root(), "{level:?}: {said}");
            assert!(said.contains("NoNewPrivs:\t1") && said.contains("Seccomp:\t2"), "{level:?}: {said}");
        }
    }
}

/// A program that makes whoever starts it somebody else. Only root can put one here; elsewhere `NoNewPrivs` above says it.
#[test]
fn programs_that_change_who_runs_them_change_nothing() {
    for cell in Cell::each() {
        let whose = if cell.of_root() { super::NOBODY } else { 0 };
        let id = cell.tree().join("id");
        std::fs::copy("/usr/bin/id", &id).unwrap();
        if super::is_root() {
            std::os::unix::fs::chown(&id, Some(whose), Some(whose)).unwrap();
            std::fs::set_permissions(&id, std::os::unix::fs::PermissionsExt::from_mode(0o4755)).unwrap();
            cell.row("set-user-id", &format!("test \"$(./id -u)\" = {whose}"));
        }
    }
}
