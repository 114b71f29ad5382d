//! The escape set: each row is tried in the sandbox, where it must fail, at both levels, and without one, where the same
//! attempt must succeed, so that a row cannot pass because the attempt itself is wrong. Where root runs the tests, all of it
//! is tried a second time by a user without rights, as most workers are. Controls are harmless: what they read and write are
//! files of the test, and what they take is bounded.

mod files;
mod items;
mod kernel;
mod machine;
mod network;
mod processes;
mod resources;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cortexpilot_work::sandbox::{Ended, Enforced, Helper, Level, Limits, Policy, launch};
use tempfile::TempDir;

use crate::support::{bwrap, helper};

const CONFINED: [Level; 2] = [Level::Confined, Level::Namespaces];
const ALL: [Level; 3] = [Level::None, Level::Confined, Level::Namespaces];

/// The user that root tries everything as, too.
const NOBODY: u32 = 65534;

/// A workspace to break out of, and what lies beside it.
struct Cell {
    dir: TempDir,
    limits: Limits,
    network: bool,
    helper: Helper,
    /// The user of the attempt, where it is not the test's own.
    user: Option<u32>,
}

impl Cell {
    /// As whoever runs the tests.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["tree", "outside"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir, limits: Limits::default(), network: false, helper: helper(), user: None }
    }

    /// As a user without rights: the same helper, started by `setpriv`.
    fn nobody() -> Self {
        let mut cell = Self::new();
        let program = cell.dir.path().join("helper");
        std::fs::copy(&cell.helper.program, &program).unwrap();
        std::fs::set_permissions(cell.dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        for path in [cell.tree(), cell.outside("")] {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let words = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()];
        let args = words.into_iter().chain([program.to_str().unwrap().to_owned()]).collect();
        cell.helper = Helper { program: "/usr/bin/setpriv".into(), args };
        cell.user = Some(NOBODY);
        cell
    }

    /// Everybody that an attempt is made as.
    fn each() -> Vec<Self> {
        let mut cells = vec![Self::new()];
        if is_root() {
            cells.push(Self::nobody());
        }
        cells
    }

    /// Whether the attempts are root's.
    fn of_root(&self) -> bool {
        self.user.is_none() && is_root()
    }

    fn tree(&self) -> PathBuf {
        self.dir.path().join("tree")
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join("outside").join(name)
    }

    /// A file outside that belongs to the user of the attempts.
    fn keep(&self, name: &str, text: &str) -> PathBuf {
        let path = self.outside(name);
        std::fs::write(&path, text).unwrap();
        self.give(&path);
        path
    }

    fn give(&self, path: &Path) {
        if let Some(user) = self.user {
            std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
        }
    }

    fn policy(&self, level: Level, argv: &[&str]) -> Policy {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        Policy {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            cwd: text(&self.tree()),
            env: BTreeMap::from([("PATH".into(), "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".into())]),
            stdin: None,
            level,
            read: Vec::new(),
            write: vec![text(&self.tree())],
            shown: BTreeMap::new(),
            network: self.network,
            limits: self.limits,
            bwrap: (level == Level::Namespaces).then(|| text(&bwrap())),
            helper_args: Vec::new(),
        }
    }

    fn run(&self, level: Level, argv: &[&str]) -> (Ended, String) {
        let (ended, said, _) = self.carried_out(&self.policy(level, argv));
        (ended, said)
    }

    fn carried_out(&self, policy: &Policy) -> (Ended, String, Enforced) {
        let (mut launched, mut stdout, mut stderr) = launch(&self.helper, policy).unwrap();
        let enforced = launched.enforced.clone();
        if policy.level != Level::None {
            assert!(enforced.no_new_privs && enforced.no_capabilities, "{enforced:?}");
            assert!(
                enforced.landlock.is_some() && enforced.seccomp.is_some() && enforced.limits.is_some(),
                "{enforced:?}"
            );
            assert_eq!(enforced.namespaces.is_empty(), policy.level == Level::Confined, "{enforced:?}");
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
        (ended, String::from_utf8_lossy(&said).into_owned(), enforced)
    }

    fn sh(&self, level: Level, command: &str) -> (Ended, String) {
        self.run(level, &["/bin/sh", "-c", command])
    }

    /// Succeeds without a sandbox and fails in each.
    fn row(&self, name: &str, command: &str) {
        self.row_at(&CONFINED, name, command);
    }

    /// Succeeds without a sandbox and fails at these levels.
    fn row_at(&self, levels: &[Level], name: &str, command: &str) {
        let (ended, said) = self.sh(Level::None, command);
        assert!(ended.is_success(), "the control of `{name}` must succeed: {ended:?} {said}");
        for level in levels {
            let (ended, said) = self.sh(*level, command);
            assert!(!ended.is_success(), "`{name}` succeeded at {level:?} as {:?}: {said}", self.user);
        }
    }

    fn perl(&self, name: &str, program: &str) {
        self.perl_at(&CONFINED, name, program);
    }

    fn perl_at(&self, levels: &[Level], name: &str, program: &str) {
        std::fs::write(self.tree().join("attempt.pl"), program).unwrap();
        self.row_at(levels, name, "exec perl attempt.pl");
    }

    /// A program outside every sandbox, as the user of the attempts.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// A process of the same user outside, to be attacked; ended when the test ends.
    fn victim(&self) -> Victim {
        Victim(self.command("sleep").arg("600").spawn().unwrap())
    }

    /// A Perl program outside that says one line when it is ready, and that line.
    fn outsider(&self, program: &str) -> (Victim, String) {
        let mut child = self.command("perl").args(["-e", program]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        (Victim(child), line.trim().to_owned())
    }
}

struct Victim(Child);

impl Victim {
    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
