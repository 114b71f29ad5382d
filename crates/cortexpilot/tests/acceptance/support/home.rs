//! A private runtime root, runs root and environment, and the binary started in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cortexpilot_core::domain::seal::{SealKey, SeenPreview};
use cortexpilot_runs::fixture::RunFixture;
use tempfile::TempDir;

use super::cli::Ran;
use super::http::Server;
use super::ledger::Ledger;
use super::mcp::Mcp;
use super::process::Process;
use super::secrets;
use super::snapshot::Snapshot;

/// One variable of the environment.
pub(crate) type Variable<'a> = (&'a str, &'a str);

/// Opens the mutation gate.
pub(crate) const GATE_OPEN: Variable<'static> = ("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY", "1");

/// No limits for agents and the pilot: for tests in which one of them queues more than the defaults allow.
pub(crate) const NO_LIMITS: [Variable<'static>; 2] =
    [("CORTEXPILOT_AGENT_PENDING_MAX", "0"), ("CORTEXPILOT_AGENT_APPLIES_PER_HOUR", "0")];

/// The operator's token of every server started here.
pub(crate) const TOKEN: &str = "acceptance-operator-token";

/// A place of its own for one test. Gone when dropped, and then no ledger in it may hold a secret.
pub(crate) struct Home(TempDir);

impl Home {
    /// An empty place: an empty runs root, and no runtime root until the binary makes it.
    pub(crate) fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// The same in memory where the system offers that: for tests of many thousand small writes that do not ask whether
    /// what is written survives.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::within(memory) } else { Self::new() }
    }

    fn within(parent: &Path) -> Self {
        let home = Self(tempfile::tempdir_in(parent).expect("a temporary directory can be made"));
        fs::create_dir(home.runs()).expect("a directory can be made");
        fs::create_dir(home.root().join("user")).expect("a directory can be made");
        home
    }

    /// The directory that holds everything else.
    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// The runtime root.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.root().join("runtime")
    }

    /// The runs root.
    pub(crate) fn runs(&self) -> PathBuf {
        self.root().join("runs")
    }

    /// Writes a run into the runs root; answers its directory.
    pub(crate) fn run(&self, run: &RunFixture) -> PathBuf {
        run.write(&self.runs()).expect("a run can be written")
    }

    /// The token of this preview of `principal`, changed and sealed again under the home's own key: what nobody but the
    /// holder of the key can make. So no test has to wait until a preview expires.
    pub(crate) fn resealed(&self, token: &str, principal: &str, change: impl FnOnce(&mut SeenPreview)) -> String {
        let key = fs::read(self.runtime().join("keys/preview.key")).expect("a process that may write has made the key");
        let key = SealKey::new(key.try_into().expect("the key has 32 bytes"));
        let mut seen = key.read_preview_token(principal, token).expect("the token is this principal's");
        change(&mut seen);
        key.preview_token(principal, &seen)
    }

    /// Makes the key that previews are sealed with, as any process that may write does when it starts: the commands that
    /// only look never make it.
    pub(crate) fn make_key(&self) {
        assert!(self.raw("mcp-queue-pilot-server", &[]).finish().status.success());
    }

    /// `queue.jsonl` as it is now.
    pub(crate) fn queue(&self) -> Ledger {
        Ledger::read(&self.runtime().join("queue.jsonl"))
    }

    /// `decisions.jsonl` as it is now.
    pub(crate) fn decisions(&self) -> Ledger {
        Ledger::read(&self.runtime().join("decisions.jsonl"))
    }

    /// Fails the test when a ledger, what was set aside of one, or what processes say of themselves holds a secret.
    pub(crate) fn assert_no_secret_in_ledgers(&self) {
        let files = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let ledgers = files(self.runtime())
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(".jsonl")));
        for path in ledgers.chain(files(self.runtime().join("processes"))) {
            // A process may end and take its file along while this looks.
            let bytes = fs::read(&path).unwrap_or_default();
            secrets::assert_none_in(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }

    /// Everything below the root as it is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.root())
    }

    /// The binary with these arguments, in an environment that holds nothing but what is said here.
    pub(crate) fn command(&self, arguments: &[&str], environment: &[Variable<'_>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cortexpilot"));
        command
            .args(arguments)
            .current_dir(self.root().join("user"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.root().join("user"))
            .env("CORTEXPILOT_RUNTIME_ROOT", self.runtime())
            .env("CORTEXPILOT_RUNS_ROOT", self.runs())
            .envs(environment.iter().copied());
        command
    }

    /// Runs a command to its end, with its answer as JSON.
    pub(crate) fn cli(&self, arguments: &[&str], environment: &[Variable<'_>]) -> Ran {
        let all = [&["--output", "json"], arguments].concat();
        Ran::to_the_end(Process::spawn(self.command(&all, environment), &arguments.join(" ")))
    }

    /// Starts the HTTP server on a free port, with [`TOKEN`] as the operator's token.
    pub(crate) fn serve(&self, environment: &[Variable<'_>]) -> Server {
        self.serve_with(&[], environment)
    }

    /// The same with further words on its command line.
    pub(crate) fn serve_with(&self, words: &[&str], environment: &[Variable<'_>]) -> Server {
        let ours = [("CORTEXPILOT_API_PORT", "0"), ("CORTEXPILOT_API_TOKEN", TOKEN)];
        let line = [&["serve"], words].concat();
        Server::listening(Process::spawn(self.command(&line, &[&ours, environment].concat()), "serve"))
    }

    /// Starts the read-only MCP server alone over HTTP, with [`TOKEN`] as the operator's token.
    pub(crate) fn readonly_http(&self, environment: &[Variable<'_>]) -> Server {
        let line = ["mcp-readonly-server", "--http", "127.0.0.1:0"];
        let ours = [("CORTEXPILOT_API_TOKEN", TOKEN)];
        Server::listening(Process::spawn(self.command(&line, &[&ours, environment].concat()), "readonly over HTTP"))
    }

    /// Has an agent's personal token made that lives for a day.
    pub(crate) fn agent_token(&self, name: &str, roles: &[&str], environment: &[Variable<'_>]) -> String {
        let mut line = vec!["token", "create", "--kind", "agent", "--name", name, "--ttl", "1d"];
        line.extend(roles.iter().flat_map(|role| ["--role", role]));
        self.cli(&line, environment).answer()["token"].as_str().expect("a token is printed").to_owned()
    }

    /// Starts the queue pilot MCP server and opens a connection to it.
    pub(crate) fn pilot(&self, version: &'static str, environment: &[Variable<'_>]) -> Mcp {
        self.mcp("mcp-queue-pilot-server", version, environment)
    }

    /// Starts the read-only MCP server and opens a connection to it.
    pub(crate) fn readonly(&self, version: &'static str, environment: &[Variable<'_>]) -> Mcp {
        self.mcp("mcp-readonly-server", version, environment)
    }

    /// Starts an MCP server by its command and opens a connection to it.
    pub(crate) fn mcp(&self, server: &str, version: &'static str, environment: &[Variable<'_>]) -> Mcp {
        Mcp::open(self.raw(server, environment), version)
    }

    /// Starts a command that is talked to line by line, without saying a word to it.
    pub(crate) fn raw(&self, command: &str, environment: &[Variable<'_>]) -> Process {
        Process::spawn(self.command(&[command], environment), command)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_no_secret_in_ledgers();
        }
    }
}
