//! Other processes: their memory, their environment, their life; and what outlives its command.

use std::io::Read as _;
use std::process::Stdio;

use cortexpilot_work::sandbox::{Level, launch};

use super::{ALL, CONFINED, Cell};

#[test]
fn other_processes_can_neither_be_traced_nor_read() {
    for cell in Cell::each() {
        let (ptrace, readv) = (libc::SYS_ptrace, libc::SYS_process_vm_readv);
        // A child of its own, which everybody may trace: not even that.
        cell.perl(
            "ptrace of a child",
            &format!(
                "my $p = fork; if (!$p) {{ sleep 30; exit }} my $r = syscall({ptrace}, 16, $p, 0, 0); kill 'KILL', $p; exit($r == 0 ? 0 : 1);"
            ),
        );
        let victim = cell.victim();
        let pid = victim.pid();
        cell.perl("ptrace", &format!("exit(syscall({ptrace}, 0x4206, {pid}, 0, 0) == 0 ? 0 : 1);"));
        cell.perl("process_vm_readv", &format!("exit(syscall({readv}, {pid}, 0, 0, 0, 0, 0) == 0 ? 0 : 1);"));
        for name in ["environ", "maps", "auxv", "io"] {
            cell.row(name, &format!("cat /proc/{pid}/{name} > /dev/null"));
        }
        cell.row("its memory", &format!("exec 8< /proc/{pid}/mem"));
        cell.row("its memory, to write", &format!("exec 8<> /proc/{pid}/mem"));
        for name in ["exe", "cwd", "root", "fd/0"] {
            cell.row(name, &format!("readlink /proc/{pid}/{name}"));
        }
        cell.row("its files", &format!("ls /proc/{pid}/root/etc > /dev/null"));
        // The worker itself, whose environment holds tokens. Root's is nobody else's to read anyway.
        if cell.user.is_none() {
            let worker = std::process::id();
            cell.row("the worker's environment", &format!("cat /proc/{worker}/environ > /dev/null"));
            cell.row("the worker's memory", &format!("exec 8< /proc/{worker}/mem"));
        }
    }
}

#[test]
fn other_processes_can_neither_be_signalled_nor_limited() {
    for cell in Cell::each() {
        let victim = cell.victim();
        let pid = victim.pid();
        cell.row("a signal", &format!("kill -CONT {pid}"));
        cell.row("whether it can be signalled", &format!("kill -0 {pid}"));
        cell.perl(
            "a signal by descriptor",
            &format!(
                "my $f = syscall({}, {pid}, 0); exit($f >= 0 && syscall({}, $f, 18, 0, 0) == 0 ? 0 : 1);",
                libc::SYS_pidfd_open,
                libc::SYS_pidfd_send_signal
            ),
        );
        cell.perl(
            "a signal to a thread",
            &format!("exit(syscall({}, {pid}, {pid}, 18) == 0 ? 0 : 1);", libc::SYS_tgkill),
        );
        cell.row("a signal to whoever started it", "kill -CONT $PPID");
        cell.row("a limit", &format!("prlimit --pid {pid} --nofile=64:64"));
        cell.row("a priority", &format!("renice -n 5 -p {pid}"));
        cell.row("processors", &format!("taskset -p 1 {pid}"));
        cell.row("a scheduling class", &format!("chrt -b -p 0 {pid}"));
        cell.row("a class of input and output", &format!("ionice -c 3 -p {pid}"));
        if cell.user.is_none() {
            cell.row("a signal to the worker", &format!("kill -CONT {}", std::process::id()));
            cell.row("a limit of the worker", &format!("prlimit --pid {} --core=0:0", std::process::id()));
        }
    }
}

#[test]
fn memory_and_messages_shared_by_name_are_not_shared_with_the_sandbox() {
    for cell in Cell::each() {
        let key = 0x4350_0000_u32 | (std::process::id() & 0xffff) | u32::from(cell.user.is_some()) << 20;
        let (_owner, said) = cell.outsider(&format!(
            "my $m = shmget({key}, 64, 01600) // die; shmwrite($m, 'secret', 0, 6); my $q = msgget({key}, 01600) // die; \
             msgsnd($q, pack('l! a*', 1, 'secret'), 0); $| = 1; print qq(ready\\n); sleep 600;"
        ));
        assert_eq!(said, "ready");
        cell.perl(
            "shared memory",
            &format!("my $m = shmget({key}, 64, 0) // exit 1; my $x; shmread($m, $x, 0, 6) or exit 1;"),
        );
        cell.perl(
            "a queue",
            &format!("my $q = msgget({key}, 0) // exit 1; msgrcv($q, my $x, 64, 0, 04000) or exit 1;"),
        );
        for kind in ["-M", "-Q"] {
            cell.command("ipcrm").args([kind, &format!("{key:#x}")]).status().unwrap();
        }
        let (name, open, unlink) = (format!("cortexpilot-{key}"), libc::SYS_mq_open, libc::SYS_mq_unlink);
        let made =
            format!("my $n = '{name}'; print syscall({open}, $n, 0102, 0600, 0) >= 0 ? qq(ready\\n) : qq($!\\n);");
        assert_eq!(cell.outsider(&made).1, "ready");
        cell.perl("a POSIX queue", &format!("my $n = '{name}'; exit(syscall({open}, $n, 0, 0, 0) >= 0 ? 0 : 1);"));
        cell.outsider(&format!("my $n = '{name}'; syscall({unlink}, $n); print qq(done\\n);"));
    }
}

#[test]
fn files_that_the_worker_has_open_are_not_open_in_the_sandbox() {
    for cell in Cell::each() {
        let secret = std::fs::File::open(cell.keep("secret", "x")).unwrap();
        rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
        let list = "ls /proc/self/fd | sort -n | tr '\\n' ' '";
        // The control: whatever is started without care has it.
        let careless = cell.command("/bin/sh").args(["-c", list]).output().unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&secret).to_string();
        let said = String::from_utf8(careless.stdout).unwrap();
        assert!(said.split(' ').any(|one| one == number), "{said}");
        for level in ALL {
            let (ended, said) = cell.sh(level, list);
            // 3 is the directory that `ls` itself reads.
            assert!(ended.is_success() && said.trim() == "0 1 2 3", "{level:?}: {said}");
        }
    }
}

#[test]
fn when_the_worker_is_gone_its_whole_tree_is() {
    for cell in Cell::each() {
        for level in ALL {
            let marker = cell.tree().join("marker");
            let policy =
                cell.policy(level, &["/bin/sh", "-c", "setsid sleep 601 & exec 9>marker; flock 9; echo up; sleep 602"]);
            let (launched, mut stdout, _stderr) = launch(&cell.helper, &policy).unwrap();
            stdout.read_exact(&mut [0; 3]).unwrap();
            let lock = std::fs::File::open(&marker).unwrap();
            assert!(lock.try_lock().is_err(), "it holds the lock");
            drop(launched);
            // Everything that held the lock has ended when the helper has.
            lock.try_lock().unwrap_or_else(|error| panic!("{level:?}: {error:?}"));
        }
    }
}

/// A lock that everything which the command started holds for as long as it lives. Its output is let go of, so that nobody waits
/// for the end of that.
const HOLD: &str = "exec 9>marker; flock 9; exec >/dev/null 2>&1;";

#[test]
fn nothing_that_a_command_leaves_behind_outlives_it() {
    let daemon = format!("{HOLD} (setsid sleep 603 &) ; (trap '' TERM HUP INT; setsid sh -c 'sleep 604' &) ; exit 0");
    // Always one process, never the same one for long, in a group of its own: who looks and then kills comes too late.
    let hydra = format!(
        "{HOLD} perl -e 'fork and exit; my $end = time + 20; while (time < $end && !-e \"stop\") {{ my $p = fork; defined $p or next; \
         exit if $p; setpgrp(0, 0) }}' & sleep 0.2; exit 0"
    );
    for cell in Cell::each() {
        for (name, command, levels) in [("a daemon", &daemon, ALL.as_slice()), ("a hydra", &hydra, CONFINED.as_slice())]
        {
            // The control: a shell that nobody watches leaves it behind.
            let mut careless = cell
                .command("/bin/sh")
                .current_dir(cell.tree())
                .args(["-c", command])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            assert!(careless.wait().unwrap().success());
            let lock = std::fs::File::open(cell.tree().join("marker")).unwrap();
            assert!(lock.try_lock().is_err(), "the control of `{name}` outlives its shell");
            drop(lock);
            std::fs::write(cell.tree().join("stop"), "").unwrap();
            // Until the last of it has ended: one that was just started is not yet what it will be.
            let lock = std::fs::File::open(cell.tree().join("marker")).unwrap();
            while lock.try_lock().is_err() {
                end_the_controls();
                std::thread::yield_now();
            }
            for name in ["marker", "stop"] {
                std::fs::remove_file(cell.tree().join(name)).unwrap();
            }
            for level in levels {
                let (ended, said) = cell.sh(*level, command);
                assert!(ended.is_success(), "{name} at {level:?}: {ended:?} {said}");
                let lock = std::fs::File::open(cell.tree().join("marker")).unwrap();
                lock.try_lock().unwrap_or_else(|error| panic!("{name} outlives {level:?}: {error:?}"));
            }
        }
    }
}

/// The controls left daemons behind on purpose. They are found by what only they wait for.
fn end_the_controls() {
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_ours = [b"sleep\x00603\x00".as_slice(), b"sleep\x00604\x00", b"sh\x00-c\x00sleep 604\x00"]
            .contains(&line.as_slice());
        let pid =
            entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(rustix::process::Pid::from_raw);
        if let (true, Some(pid)) = (is_ours, pid) {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
    }
}

#[test]
fn the_level_none_ends_a_tree_that_flees_too() {
    let cell = Cell::new();
    let hydra = format!(
        "{HOLD} perl -e 'fork and exit; my $end = time + 20; while (time < $end && !-e \"stop\") {{ my $p = fork; defined $p or next; \
         exit if $p }}' & sleep 0.2; exit 0"
    );
    let (ended, said) = cell.sh(Level::None, &hydra);
    assert!(ended.is_success(), "{ended:?} {said}");
    let lock = std::fs::File::open(cell.tree().join("marker")).unwrap();
    lock.try_lock().expect("it has ended");
}
