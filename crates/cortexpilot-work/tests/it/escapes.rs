//! The escape set: each row is tried in the sandbox, where it must fail, at both levels, and without one, where the same
//! attempt must succeed, so that a row cannot pass because the attempt itself is wrong. Controls are harmless: what they read
//! and write are files of the test, and what they take is bounded.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cortexpilot_work::sandbox::{Ended, Level, Limits, Policy, launch};
use tempfile::TempDir;

use crate::support::{helper, tools};

const CONFINED: [Level; 2] = [Level::Confined, Level::Namespaces];

struct Cell {
    dir: TempDir,
    limits: Limits,
    network: bool,
}

impl Cell {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["tree", "outside"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir, limits: Limits::default(), network: false }
    }

    fn tree(&self) -> PathBuf {
        self.dir.path().join("tree")
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join("outside").join(name)
    }

    fn run(&self, level: Level, argv: &[&str]) -> (Ended, String) {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let policy = Policy {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            cwd: text(&self.tree()),
            env: BTreeMap::from([("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())]),
            stdin: None,
            level,
            read: Vec::new(),
            write: vec![text(&self.tree())],
            network: self.network,
            limits: self.limits,
            bwrap: tools().bwrap.map(|path| text(&path)),
            helper_args: Vec::new(),
        };
        let (mut launched, mut stdout, mut stderr) = launch(&helper(), &policy).unwrap();
        if level != Level::None {
            let enforced = &launched.enforced;
            assert!(enforced.no_new_privs && enforced.no_capabilities, "{enforced:?}");
            assert!(
                enforced.landlock.is_some() && enforced.seccomp.is_some() && enforced.limits.is_some(),
                "{enforced:?}"
            );
            assert_eq!(enforced.namespaces.is_empty(), level == Level::Confined, "{enforced:?}");
        }
        let reader = std::thread::spawn(move || {
            let mut said = Vec::new();
            stderr.read_to_end(&mut said).unwrap();
            said
        });
        let mut said = Vec::new();
        stdout.read_to_end(&mut said).unwrap();
        said.extend(reader.join().unwrap());
        let ended = launched.wait(Duration::from_secs(60)).expect("it ends");
        (ended, String::from_utf8_lossy(&said).into_owned())
    }

    fn sh(&self, level: Level, command: &str) -> (Ended, String) {
        self.run(level, &["/bin/sh", "-c", command])
    }

    /// Succeeds without a sandbox and fails in each.
    fn row(&self, name: &str, command: &str) {
        let (ended, said) = self.sh(Level::None, command);
        assert!(ended.is_success(), "the control of `{name}` must succeed: {ended:?} {said}");
        for level in CONFINED {
            let (ended, said) = self.sh(level, command);
            assert!(!ended.is_success(), "`{name}` succeeded at {level:?}: {said}");
        }
    }

    fn perl(&self, name: &str, program: &str) {
        std::fs::write(self.tree().join("attempt.pl"), program).unwrap();
        self.row(name, "exec perl attempt.pl");
    }
}

/// A process of the same user outside, to be attacked; ended when the test ends.
struct Victim(Child);

impl Victim {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn what_is_not_forbidden_works_in_each_sandbox() {
    let cell = Cell::new();
    for level in CONFINED {
        let command = "set -e; echo x > a; mkdir d; mv a d/b; ln -s b d/c; cat d/c; git --version; perl -e 'print 1'; \
                       (sleep 0.01 & wait); cat /etc/passwd > /dev/null; : < /dev/urandom; rm -r d";
        let (ended, said) = cell.sh(level, command);
        assert!(ended.is_success(), "{level:?}: {ended:?} {said}");
    }
}

#[test]
fn secrets_of_the_machine_and_of_the_runtime_root_cannot_be_read() {
    let cell = Cell::new();
    for name in ["shadow", "contract.json", "queue.jsonl", "preview.key"] {
        std::fs::write(cell.outside(name), "secret").unwrap();
        cell.row(name, &format!("cat {} > /dev/null", cell.outside(name).display()));
    }
    cell.row("the names in it", &format!("ls {} > /dev/null", cell.outside("").display()));
    for level in CONFINED {
        for path in [
            "/etc/shadow",
            "/etc/ssh/sshd_config",
            "~root/.bashrc",
            "/var/log/dpkg.log",
            "/proc/1/environ",
            "/dev/vda",
            "/sys/kernel/notes",
        ] {
            let (ended, _) = cell.sh(level, &format!("head -c 1 {path} > /dev/null"));
            assert!(!ended.is_success(), "{path} at {level:?}");
        }
    }
}

#[test]
fn nothing_is_written_outside_the_workspace() {
    let cell = Cell::new();
    let out = |name: &str| cell.outside(name).display().to_string();
    std::fs::write(cell.outside("queue.jsonl"), "line\n").unwrap();
    cell.row("a new file", &format!("echo x > {}", out("new")));
    cell.row("a file that is there", &format!("echo x >> {}", out("queue.jsonl")));
    cell.row("a file cut short", &format!("truncate -s 1 {}", out("queue.jsonl")));
    cell.row("a file moved there", &format!("echo x > a; mv a {}", out("moved")));
    cell.row("a hard link to it", &format!("ln {} linked && rm linked", out("queue.jsonl")));
    cell.row("through a link", &format!("ln -sfn {} l; echo x > l/through", out("")));
    cell.row("a file removed", &format!("touch gone; rm {}", out("queue.jsonl")));
    assert!(!cell.outside("queue.jsonl").exists(), "the control removed it");
    for level in CONFINED {
        for path in ["/usr/x", "/etc/x", "/bin/x", "/opt/x", "/var/tmp/x"] {
            let (ended, _) = cell.sh(level, &format!("touch {path}"));
            assert!(!ended.is_success() && !Path::new(path).exists(), "{path} at {level:?}");
        }
    }
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

#[test]
fn there_is_no_network() {
    let cell = Cell::new();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    cell.perl(
        "TCP",
        &format!(
            "use IO::Socket::INET; exit(IO::Socket::INET->new(PeerAddr => '127.0.0.1:{port}', Timeout => 5) ? 0 : 1);"
        ),
    );
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_nonblocking(true).unwrap();
    let port = udp.local_addr().unwrap().port();
    let send = format!(
        "use IO::Socket::INET; my $s = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '127.0.0.1:{port}') or exit 1; $s->send('x') or exit 1;"
    );
    std::fs::write(cell.tree().join("udp.pl"), send).unwrap();
    for level in CONFINED {
        // In a network of its own a datagram may be sent; it arrives nowhere.
        cell.sh(level, "perl udp.pl");
        assert!(udp.recv(&mut [0; 8]).is_err(), "a datagram arrived from {level:?}");
    }
    cell.sh(Level::None, "perl udp.pl");
    assert_eq!(udp.recv(&mut [0; 8]).unwrap(), 1, "the control's datagram arrives");
    let path = cell.outside("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    cell.perl(
        "a socket in the file system",
        &format!("use IO::Socket::UNIX; exit(IO::Socket::UNIX->new(Peer => '{}') ? 0 : 1);", path.display()),
    );
    if rustix::process::geteuid().is_root() {
        cell.perl("packets", "use Socket; socket(my $s, 17, SOCK_RAW, 0) or exit 1;");
    }
    cell.perl("kernel crypto", "use Socket; socket(my $s, 38, SOCK_SEQPACKET, 0) or exit(($! =~ /support/) ? 0 : 1);");
}

#[test]
fn a_contract_that_allows_the_network_gets_it_and_no_more() {
    let mut cell = Cell::new();
    cell.network = true;
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let program = format!(
        "use IO::Socket::INET; exit(IO::Socket::INET->new(PeerAddr => '127.0.0.1:{port}', Timeout => 5) ? 0 : 1);"
    );
    std::fs::write(cell.tree().join("attempt.pl"), program).unwrap();
    for level in CONFINED {
        let (ended, said) = cell.sh(level, "perl attempt.pl");
        assert!(ended.is_success(), "{level:?}: {said}");
    }
    let path = cell.outside("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    cell.perl(
        "a socket in the file system",
        &format!("use IO::Socket::UNIX; exit(IO::Socket::UNIX->new(Peer => '{}') ? 0 : 1);", path.display()),
    );
}

#[test]
fn other_processes_can_neither_be_traced_nor_read_nor_signalled() {
    let cell = Cell::new();
    let (ptrace, readv) = if cfg!(target_arch = "x86_64") { (101, 310) } else { (117, 270) };
    // A child of its own, which everybody may trace: not even that.
    cell.perl(
        "ptrace",
        &format!(
            "my $p = fork; if (!$p) {{ sleep 30; exit }} my $r = syscall({ptrace}, 16, $p, 0, 0); kill 'KILL', $p; exit($r == 0 ? 0 : 1);"
        ),
    );
    cell.perl(
        "process_vm_readv",
        &format!("my $p = fork; if (!$p) {{ sleep 30; exit }} my $r = syscall({readv}, $p, 0, 0, 0, 0, 0); kill 'KILL', $p; exit($r == 0 ? 0 : 1);"),
    );
    let victim = Victim::start();
    cell.row("its environment", &format!("cat /proc/{}/environ > /dev/null", victim.0.id()));
    cell.row("a signal", &format!("kill -CONT {}", victim.0.id()));
}

#[test]
fn namespaces_mounts_and_devices_cannot_be_made() {
    let cell = Cell::new();
    let root = rustix::process::geteuid().is_root();
    if root {
        cell.row("a namespace", "unshare -m true");
        cell.row("a device", "mknod null c 1 3 && rm null");
        cell.row("another owner", "touch o && chown 65534 o");
        cell.row("a mount", "unshare -m sh -c 'mkdir -p m && mount -t tmpfs none m'");
    }
    for level in CONFINED {
        for command in [
            "unshare -U true",
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
            cell.sh(level, "grep -E '^(CapEff|CapPrm|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status");
        let zero = said.lines().filter(|line| line.starts_with("Cap")).all(|line| line.ends_with("\t0000000000000000"));
        // Bounds that were never held cannot be dropped by who is not root; without new privileges they grant nothing.
        assert!(zero || !root, "{level:?}: {said}");
        assert!(said.contains("NoNewPrivs:\t1") && said.contains("Seccomp:\t2"), "{level:?}: {said}");
    }
}

#[test]
fn a_flood_of_processes_is_held() {
    let mut cell = Cell::new();
    cell.limits.processes = 40;
    cell.perl(
        "a flood of processes",
        "for (1..150) { my $p = fork; exit 1 unless defined $p; if (!$p) { sleep 20; exit } } sleep 1; exit 0;",
    );
}

#[test]
fn ten_gibibytes_of_memory_are_not_given() {
    let cell = Cell::new();
    let mmap = if cfg!(target_arch = "x86_64") { 9 } else { 222 };
    // Asked for and not touched: the control takes no memory.
    let program = format!("my $r = syscall({mmap}, 0, 10 << 30, 3, 0x4022, -1, 0); exit($r == -1 ? 1 : 0);");
    cell.perl("ten gibibytes in one piece", &program);
    let mut cell = Cell::new();
    cell.limits.data_bytes = 64 << 20;
    cell.perl("more than the limit, touched", "my $x = 'x' x (128 << 20); exit(length($x) > 0 ? 0 : 1);");
    // Each process stays below its own limit; together they pass the tree's.
    let mut cell = Cell::new();
    cell.limits.memory_bytes = 128 << 20;
    cell.perl(
        "many processes together",
        "for (1..6) { my $p = fork; if (!$p) { my $x = 'x' x (48 << 20); sleep 2; exit(length($x) > 0 ? 0 : 1) } } \
         my $bad = 0; while (wait() > 0) { $bad = 1 if $? } exit $bad;",
    );
}

#[test]
fn files_that_the_worker_has_open_are_not_open_in_the_sandbox() {
    let cell = Cell::new();
    for level in [Level::None, Level::Confined, Level::Namespaces] {
        let (ended, said) = cell.sh(level, "ls /proc/self/fd | sort -n | tr '\\n' ' '");
        // 3 is the directory that `ls` itself reads.
        assert!(ended.is_success() && said.trim() == "0 1 2 3", "{level:?}: {said}");
    }
}

#[test]
fn when_the_worker_is_gone_its_whole_tree_is() {
    for level in [Level::None, Level::Confined, Level::Namespaces] {
        let cell = Cell::new();
        let pids = cell.tree().join("marker");
        let policy = Policy {
            argv: vec![
                "/bin/sh".into(),
                "-c".into(),
                "setsid sleep 601 & exec 9>marker; flock 9; echo up; sleep 602".into(),
            ],
            cwd: cell.tree().to_str().unwrap().into(),
            env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
            stdin: None,
            level,
            read: Vec::new(),
            write: vec![cell.tree().to_str().unwrap().into()],
            network: false,
            limits: Limits::default(),
            bwrap: tools().bwrap.map(|path| path.to_str().unwrap().into()),
            helper_args: Vec::new(),
        };
        let (launched, mut stdout, _stderr) = launch(&helper(), &policy).unwrap();
        stdout.read_exact(&mut [0; 3]).unwrap();
        let lock = std::fs::File::open(&pids).unwrap();
        assert!(lock.try_lock().is_err(), "it holds the lock");
        drop(launched);
        // Everything that held the lock has ended when the helper has.
        lock.try_lock().unwrap_or_else(|error| panic!("{level:?}: {error:?}"));
    }
}
