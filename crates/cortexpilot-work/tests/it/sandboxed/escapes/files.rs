//! Reading and writing what lies outside the workspace.

use std::path::Path;

use cortexpilot_work::sandbox::Level;

use super::{CONFINED, Cell, is_root};

/// Files of the machine that say something about it or its users. Not each is on every machine or readable by every user:
/// what the control can read, the sandbox must not.
const OF_THE_MACHINE: [&str; 20] = [
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/sudoers",
    "/etc/fstab",
    "/etc/hostname",
    "/etc/machine-id",
    "/etc/crontab",
    "/etc/environment",
    "/etc/ssh/sshd_config",
    "/etc/apt/sources.list.d",
    "/root",
    "/home",
    "/var/log/dpkg.log",
    "/var/lib/dpkg/status",
    "/run",
    "/tmp",
    "/proc/1/environ",
    "/proc/1/root/etc/shadow",
    "/dev/kmsg",
    "/sys/kernel/notes",
];

#[test]
fn secrets_of_the_machine_and_of_the_runtime_root_cannot_be_read() {
    for cell in Cell::each() {
        for name in ["contract.json", "queue.jsonl", "preview.key"] {
            let path = cell.keep(name, "secret");
            cell.row(name, &format!("cat {} > /dev/null", path.display()));
        }
        cell.row("the names in it", &format!("ls {} > /dev/null", cell.outside("").display()));
        let attempt: String = OF_THE_MACHINE
            .iter()
            .map(|path| format!("if [ -d {path} ]; then [ \"$(ls -A {path})\" ]; else timeout 2 dd if={path} of=/dev/null bs=8k count=1; fi 2>/dev/null && echo {path}\n"))
            .collect();
        let (_, control) = cell.sh(Level::None, &attempt);
        let readable: Vec<&str> = control.lines().collect();
        assert!(readable.len() >= 4, "the control reads what there is: {readable:?}");
        assert!(!cell.of_root() || readable.contains(&"/etc/shadow"), "{readable:?}");
        let (_, said) = cell.sh(Level::Confined, &attempt);
        assert_eq!(said, "", "confined");
        let (_, said) = cell.sh(Level::Namespaces, &attempt);
        // Its own `/tmp` holds the way to its workspace, where that lies in the machine's.
        assert!(said.lines().all(|path| path == "/tmp"), "namespaces: {said}");
        let (_, said) = cell.sh(Level::Namespaces, "ls -A /tmp");
        let own = cell.dir.path().file_name().unwrap().to_str().unwrap();
        assert!(said.lines().all(|line| line == own), "{said}");
    }
}

#[test]
fn terminals_and_shared_memory_of_the_same_user_cannot_be_read() {
    for cell in Cell::each() {
        let shared = Path::new("/dev/shm").join(format!("cortexpilot-{}-{}", std::process::id(), cell.user.is_some()));
        std::fs::write(&shared, "secret").unwrap();
        cell.give(&shared);
        cell.row("shared memory", &format!("cat {} > /dev/null", shared.display()));
        std::fs::remove_file(shared).unwrap();
        // What somebody types into a terminal of the same user.
        let (_typist, number) = cell.outsider(
            "open(my $m, '+<', '/dev/ptmx') or die; my $n = pack('i', 0); ioctl($m, 0x80045430, $n) or die; \
             my $z = pack('i', 0); ioctl($m, 0x40045431, $z) or die; syswrite($m, qq(secret\\n)); $| = 1; \
             print unpack('i', $n), qq(\\n); sleep 600;",
        );
        cell.row("a terminal", &format!("timeout 5 head -c 1 /dev/pts/{number}"));
    }
}

#[test]
fn nothing_is_written_outside_the_workspace() {
    for cell in Cell::each() {
        let out = |name: &str| cell.outside(name).display().to_string();
        cell.keep("queue.jsonl", "line\n");
        cell.row("a new file", &format!("echo x > {}", out("new")));
        cell.row("a file that is there", &format!("echo x >> {}", out("queue.jsonl")));
        cell.row("a file cut short", &format!("truncate -s 1 {}", out("queue.jsonl")));
        cell.row("a file moved there", &format!("echo x > a; mv a {}", out("moved")));
        cell.keep("away", "x");
        cell.row("a file moved away", &format!("mv {} b && mv b {0}", out("away")));
        cell.row("a hard link to it", &format!("ln {} linked && rm linked", out("queue.jsonl")));
        cell.row("through a link", &format!("ln -sfn {} l; echo x > l/through", out("")));
        cell.row("through a directory of its own", "cd $(mktemp -d -p .) && echo x > ../../outside/upwards");
        cell.row("a directory", &format!("mkdir {0} && rmdir {0}", out("dir")));
        cell.row("a link", &format!("ln -s x {0} && rm {0}", out("link")));
        cell.row("a pipe", &format!("mkfifo {0} && rm {0}", out("pipe")));
        cell.row("a file removed", &format!("touch gone; rm {}", out("queue.jsonl")));
        assert!(!cell.outside("queue.jsonl").exists(), "the control removed it");
        if cell.of_root() {
            let setting = "/proc/sys/kernel/randomize_va_space";
            cell.row("a setting of the kernel", &format!("x=$(cat {setting}) && echo $x > {setting}"));
        }
        for level in CONFINED {
            for path in ["/usr/x", "/etc/x", "/bin/x", "/opt/x", "/var/tmp/x", "/dev/x", "/proc/x"] {
                let (ended, _) = cell.sh(level, &format!("touch {path}"));
                assert!(!ended.is_success() && !Path::new(path).exists(), "{path} at {level:?}");
            }
        }
    }
}

/// Landlock knows nothing of these calls. Only namespaces hold all of them; at `confined` the documentation says what is left.
#[test]
fn attributes_of_files_outside_are_held_by_namespaces_and_extended_ones_everywhere() {
    const ISOLATED: &[Level] = &[Level::Namespaces];
    for cell in Cell::each() {
        let path = cell.keep("secret", "x").display().to_string();
        cell.row_at(ISOLATED, "a mode", &format!("chmod 640 {path}"));
        cell.row_at(ISOLATED, "a time", &format!("perl -e 'exit(utime(1, 1, \"{path}\") ? 0 : 1)'"));
        cell.row_at(ISOLATED, "that it is there", &format!("test -e {path}"));
        let setxattr = libc::SYS_setxattr;
        cell.perl(
            "an extended attribute",
            &format!(
                "my ($p, $n, $v) = ('{path}', 'user.x', 'y'); exit(syscall({setxattr}, $p, $n, $v, 1, 0) == 0 ? 0 : 1);"
            ),
        );
        if cell.of_root() {
            cell.row_at(ISOLATED, "a program of the system", "chmod $(stat -c %a /usr/bin/perl) /usr/bin/perl");
            let before = std::fs::metadata("/usr/bin/perl").unwrap();
            cell.row("another owner", "touch o && chown 65534 o");
            assert_eq!(
                std::os::unix::fs::MetadataExt::mode(&before),
                std::os::unix::fs::MetadataExt::mode(&std::fs::metadata("/usr/bin/perl").unwrap())
            );
        }
    }
    assert!(is_root() || !Path::new("/usr/x").exists());
}

#[test]
fn a_link_that_is_swapped_while_it_is_used_leads_nowhere() {
    let cell = Cell::new();
    std::fs::create_dir(cell.tree().join("real")).unwrap();
    let race = |target: &Path| {
        format!(
            "(i=0; while [ $i -lt 300 ]; do ln -sfn {out} d 2>/dev/null; ln -sfn real d 2>/dev/null; i=$((i+1)); done) & \
             i=0; while [ $i -lt 300 ]; do (echo x > d/swapped) 2>/dev/null; i=$((i+1)); done; wait; ln -sfn {out} d; \
             (echo x > d/swapped) 2>/dev/null; test -e {out}/swapped",
            out = target.display()
        )
    };
    for level in CONFINED {
        let target = cell.outside(level.as_str());
        std::fs::create_dir(&target).unwrap();
        let (ended, _) = cell.sh(level, &race(&target));
        assert!(!ended.is_success() && std::fs::read_dir(&target).unwrap().next().is_none(), "{level:?}");
    }
    let target = cell.outside("control");
    std::fs::create_dir(&target).unwrap();
    assert!(cell.sh(Level::None, &race(&target)).0.is_success(), "the control writes there");
}
