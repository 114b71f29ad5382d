//! A private root, the built binary, and clients for each of its surfaces.
//!
//! [`Home`] is a temporary directory with a runtime root and a runs root. Commands run in it with an environment of their
//! own; servers listen on port 0; every child is killed when its handle is dropped, so that nothing outlives its test.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use cortexpilot_runs::fixture::RunFixture;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) mod http;
pub(crate) mod mcp;
mod terminal;

pub(crate) use http::Server;
pub(crate) use mcp::{McpClient, VERSIONS};
pub(crate) use terminal::Terminal;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_cortexpilot");

/// The variable that opens the mutation gate.
pub(crate) const APPLY: (&str, &str) = ("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY", "1");

/// The variable that asks a person.
pub(crate) const A_PERSON: (&str, &str) = ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "operator");

/// The same for two.
pub(crate) const TWO_PEOPLE: (&str, &str) = ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "two-person");

/// The variable that holds a personal token.
pub(crate) const PERSONAL: &str = "CORTEXPILOT_TOKEN";

/// The HTTP token of servers that [`Home::serve`] starts.
pub(crate) const TOKEN: &str = "test-token-0123456789abcdef";

/// Nothing here takes longer; a child that does is killed, and its test fails.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Which stdio server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum McpServer {
    /// `mcp-readonly-server`.
    Readonly,
    /// `mcp-queue-pilot-server`.
    Pilot,
}

impl McpServer {
    /// Its command.
    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Readonly => "mcp-readonly-server",
            Self::Pilot => "mcp-queue-pilot-server",
        }
    }
}

/// A private directory with a runtime root and a runs root, and an environment for everything started in it.
pub(crate) struct Home {
    dir: TempDir,
    path: PathBuf,
    plans: Cell<u32>,
    environment: Vec<(String, String)>,
}

impl Home {
    /// Empty, with both roots named in the environment. Neither root exists yet.
    pub(crate) fn new() -> Self {
        let home = Self::bare();
        let (root, runs) = (home.root().display().to_string(), home.runs().display().to_string());
        home.env("CORTEXPILOT_RUNTIME_ROOT", &root).env("CORTEXPILOT_RUNS_ROOT", &runs)
    }

    /// Empty, with nothing of ours in the environment.
    pub(crate) fn bare() -> Self {
        let dir = tempfile::Builder::new().prefix("cortexpilot-").tempdir().expect("a temporary directory");
        // Without links, as the product names it.
        let path = dir.path().canonicalize().expect("the temporary directory exists");
        Self { dir, path, plans: Cell::default(), environment: Vec::new() }.env("CORTEXPILOT_PRINCIPAL", "local:alice")
    }

    /// With one run that can be queued, `run_ok`.
    pub(crate) fn with_run() -> Self {
        let home = Self::new();
        home.run(&RunFixture::new("run_ok").task("task_ok").event("RUN_STARTED", serde_json::json!({})));
        home
    }

    /// Adds a variable to the environment of everything started from now on.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The working directory of everything started.
    pub(crate) fn path(&self) -> &Path {
        debug_assert!(self.dir.path().exists());
        &self.path
    }

    /// The runtime root.
    pub(crate) fn root(&self) -> PathBuf {
        self.path.join("rt")
    }

    /// The runs root.
    pub(crate) fn runs(&self) -> PathBuf {
        self.path.join("runs")
    }

    /// Writes a run.
    pub(crate) fn run(&self, run: &RunFixture) -> PathBuf {
        run.write(&self.runs()).expect("the run is written")
    }

    /// The binary with this environment and nothing else of this machine's.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, environment: &[(&str, &str)], arguments: &[S]) -> Command {
        let mut command = Command::new(BINARY);
        command.current_dir(&self.path).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &self.path);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs(environment.iter().copied()).args(arguments);
        command
    }

    /// Runs a command in pipes to its end.
    pub(crate) fn cli<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        self.cli_with(&[], arguments, "")
    }

    /// Runs a command in pipes with further variables and this standard input.
    pub(crate) fn cli_with<S: AsRef<OsStr>>(
        &self,
        environment: &[(&str, &str)],
        arguments: &[S],
        stdin: &str,
    ) -> Output {
        finish(self.command(environment, arguments), stdin)
    }

    /// Runs a command with `--output json` and gives its document; the exit code must be this one.
    pub(crate) fn json<S: AsRef<OsStr>>(&self, environment: &[(&str, &str)], arguments: &[S], code: i32) -> Value {
        let mut all: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
        all.extend(["--output", "json"].map(OsStr::new));
        let output = self.cli_with(environment, &all, "");
        assert_eq!(output.code, code, "{all:?}: {output:?}");
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{all:?}: {error}: {output:?}"))
    }

    /// Previews a run on the command line, keeps the plan, and applies it: a queue item's id.
    pub(crate) fn enqueue(&self, run: &str) -> String {
        let plan = format!("plan-{run}.json");
        let kept = self.cli(&["queue", "preview", run, "-o", &plan]);
        assert_eq!(kept.code, 0, "{kept:?}");
        let apply =
            ["queue", "enqueue", "--plan", &plan, "--role", "OPS", "--requested-by", "Alice", "--reason", "again"];
        let applied = self.json(&[APPLY], &[&apply[..], &["--confirm"]].concat(), 0);
        applied["queue_id"].as_str().expect("an applied item has an id").to_owned()
    }

    /// Makes a personal token on the command line; its text.
    pub(crate) fn token(&self, kind: &str, name: &str, roles: &[&str]) -> String {
        let roles: Vec<&str> = roles.iter().flat_map(|role| ["--role", role]).collect();
        let made = self.cli(&[&["token", "create", "--kind", kind, "--name", name], &roles[..]].concat()).expect(0);
        assert!(made.stdout.starts_with(&format!("cpt_{kind}_")) && made.stdout.lines().count() == 1, "one line");
        made.stdout.trim().to_owned()
    }

    /// Previews `run_ok` in this environment and asks for it to be queued: the answer, of exit code 0.
    pub(crate) fn ask(&self, environment: &[(&str, &str)], when: &[&str], more: &[&str]) -> Value {
        let plan = format!("plan-{}.json", self.plans.replace(self.plans.get() + 1));
        self.cli_with(environment, &[&["queue", "preview", "run_ok", "-o", &plan], when].concat(), "").expect(0);
        let apply =
            ["queue", "enqueue", "--plan", &plan, "--role", "OPS", "--requested-by", "Claude", "--reason", "again"];
        self.json(environment, &[&apply[..], &["--confirm"], more].concat(), 0)
    }

    /// Starts `serve` on a free port with [`TOKEN`], and waits until it listens.
    pub(crate) fn serve(&self, environment: &[(&str, &str)]) -> Server {
        let token = [("CORTEXPILOT_API_TOKEN", TOKEN)];
        Server::start(self.command(&[&token[..], environment].concat(), &["serve", "--port", "0", "--output", "json"]))
    }

    /// Starts a stdio server.
    pub(crate) fn mcp(&self, which: McpServer, environment: &[(&str, &str)]) -> McpClient {
        McpClient::start(self.command(environment, &[which.command()]))
    }

    /// The lines of `queue.jsonl`; none where there is no file.
    pub(crate) fn ledger(&self) -> Vec<Value> {
        lines_of(&self.root().join("queue.jsonl"))
    }

    /// The lines of `decisions.jsonl`.
    pub(crate) fn decisions(&self) -> Vec<Value> {
        lines_of(&self.root().join("decisions.jsonl"))
    }

    /// Everything below the home: path → what could be told apart of it.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.path)
    }
}

fn lines_of(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

/// Every file and directory below a root, with mode, inode, times of change, and content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, (u32, u64, i64, i64, Vec<u8>)>);

impl Snapshot {
    /// Looks at everything below this directory.
    pub(crate) fn of(root: &Path) -> Self {
        let mut entries = BTreeMap::new();
        let mut open = vec![root.to_path_buf()];
        while let Some(path) = open.pop() {
            let meta = std::fs::symlink_metadata(&path).expect("what was listed is there");
            let content = if meta.is_file() { std::fs::read(&path).expect("readable") } else { Vec::new() };
            if meta.is_dir() {
                open.extend(std::fs::read_dir(&path).expect("readable").map(|entry| entry.expect("readable").path()));
            }
            entries.insert(path, (meta.mode(), meta.ino(), meta.mtime(), meta.mtime_nsec(), content));
        }
        Self(entries)
    }
}

/// What a command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    /// The exit code; −1 for an end by a signal.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Output {
    /// The same, if the code is this one.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// Runs a command to its end, with this standard input.
pub(crate) fn finish(mut command: Command, stdin: &str) -> Output {
    use std::io::{Read as _, Write as _};
    let mut child = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut input = child.0.stdin.take().expect("piped");
    let (mut stdout, mut stderr) = (child.0.stdout.take().expect("piped"), child.0.stderr.take().expect("piped"));
    let stdin = stdin.to_owned();
    let (mut out, mut err) = (String::new(), String::new());
    std::thread::scope(|scope| {
        // A command that does not read its input closes it; that is its right.
        scope.spawn(move || _ = input.write_all(stdin.as_bytes()));
        scope.spawn(|| stdout.read_to_string(&mut out).expect("standard output is UTF-8"));
        scope.spawn(|| stderr.read_to_string(&mut err).expect("standard error is UTF-8"));
    });
    let status = child.wait();
    Output { code: status.code().unwrap_or(-1), stdout: out, stderr: err }
}

/// A child that does not outlive its handle.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
        rustix::process::kill_process(pid, signal).expect("the process can be signalled");
    }

    /// Waits for its end; one that does not come within [`LIMIT`] fails the test.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let (done, watched) = std::sync::mpsc::channel::<()>();
        let pid = self.0.id();
        let watchdog = std::thread::spawn(move || {
            let late = watched.recv_timeout(LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
            if late && let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            late
        });
        let status = self.0.wait().expect("the child can be waited for");
        drop(done);
        assert!(!watchdog.join().expect("the watchdog does not panic"), "a child did not end in {LIMIT:?}");
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where the child has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
