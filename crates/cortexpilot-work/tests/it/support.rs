//! A repository, a worker and a contract to begin with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cortexpilot_core::domain::id::{RunId, Sha256Digest};
use cortexpilot_core::port::Clock;
use cortexpilot_core::port::fake::ManualClock;
use cortexpilot_work::runner::Means;
use cortexpilot_work::sandbox::{Choice, Helper, Level, Limits, Machine};
use cortexpilot_work::tools::Tools;
use cortexpilot_work::{Assignment, NotStarted, Outcome, Stop, Worker, execute};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The helper as cargo built it for these tests.
pub(crate) fn helper() -> Helper {
    Helper { program: env!("CARGO_BIN_EXE_cortexpilot-sandbox-exec").into(), args: Vec::new() }
}

pub(crate) fn tools() -> Tools {
    Tools::resolve().unwrap()
}

/// bubblewrap, for the tests that are about it; the message says how to get it.
pub(crate) fn bwrap() -> PathBuf {
    tools().bwrap.expect("bubblewrap is needed for this test: apt install bubblewrap")
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(Timestamp::from_second(1_772_366_400).unwrap()))
}

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) baseline: String,
    pub(crate) worker: Worker,
    pub(crate) stop: Stop,
}

/// A directory for tests that is not beneath `/tmp`, of which a sandbox has its own: there a write to a path that leads to
/// the workspace succeeds, and is a write to nothing.
fn outside_tmp() -> &'static Path {
    let usual = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if usual.starts_with("/tmp") { Path::new("/var/tmp") } else { usual }
}

impl World {
    /// A repository with three files, and a worker whose sandbox is `level`.
    pub(crate) fn at(level: Level) -> Self {
        let dir = tempfile::tempdir_in(outside_tmp()).unwrap();
        let repo = dir.path().join("repo");
        std::fs::create_dir(&repo).unwrap();
        let files = [("docs/README.md", "one\n"), ("src/lib.rs", "fn f() {}\n"), (".gitignore", "target/\n*.tmp\n")];
        for (path, text) in files {
            let path = repo.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        git(&repo, &["init", "-q", "-b", "main"]);
        let baseline = commit(&repo);
        let tools = tools();
        let machine = match level {
            // Nothing is probed for the sandbox that is none.
            Level::None => Machine { confined: Err("not asked".into()), namespaces: Err("not asked".into()) },
            Level::Confined => Machine::probe(&helper(), None),
            Level::Namespaces => Machine::probe(&helper(), Some(&bwrap())),
        };
        let worker = Worker {
            name: "worker-1".into(),
            version: "0.0.0".into(),
            tools,
            helper: helper(),
            machine,
            choice: Choice::Exactly(level),
            runs_root: dir.path().join("runs"),
            work_root: dir.path().join("work"),
            limits: Limits::default(),
            environment: BTreeMap::new(),
            path: Vec::new(),
            read: Vec::new(),
            means: Means::default(),
            clock: clock(),
        };
        Self { dir, baseline, worker, stop: Stop::default() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    /// A contract of the script runner that allows `docs`.
    pub(crate) fn contract(&self, script: Value) -> Value {
        json!({
            "task_id": "task_note",
            "assigned_agent": {"role": "WORKER", "agent_id": "agent-1"},
            "inputs": {"spec": "Append one line to docs/README.md", "artifacts": []},
            "required_outputs": [{"name": "docs/README.md", "type": "file", "acceptance": "exists"}],
            "allowed_paths": ["docs"],
            "acceptance_tests": [{"name": "noop", "cmd": "echo ok", "must_pass": true}],
            "tool_permissions": {"filesystem": "workspace-write", "shell": "never", "network": "deny", "mcp_tools": []},
            "timeout_retry": {"timeout_sec": 60, "max_retries": 0, "retry_backoff_sec": 0},
            "rollback": {"strategy": "worktree_drop", "baseline_ref": self.baseline},
            "runtime_options": {"runner": "script", "script": script},
        })
    }

    pub(crate) fn assignment(&self, contract: &Value) -> Assignment {
        let bytes: Arc<[u8]> = serde_json::to_vec(contract).unwrap().into();
        Assignment {
            run_id: RunId::parse("run_1").unwrap(),
            trace_id: "0123456789abcdef0123456789abcdef".into(),
            pinned: Sha256Digest::of(&bytes),
            contract: bytes,
            repository: self.repo(),
            runner: None,
            workflow_id: Some("wf_1".into()),
            item: None,
        }
    }

    pub(crate) fn run(&self, contract: &Value) -> Result<Outcome, NotStarted> {
        execute(&self.worker, &self.assignment(contract), &(), &self.stop)
    }

    /// Runs a script and answers how it failed (`""`: it did not) and the run.
    pub(crate) fn script(&self, script: Value) -> (String, Run) {
        let outcome = self.run(&self.contract(script)).unwrap();
        let failure = outcome.failure.as_ref().map_or_else(String::new, |failure| failure.reason.clone());
        (failure, Run(outcome.dir))
    }
}

/// A finished run directory.
pub(crate) struct Run(pub PathBuf);

impl Run {
    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.0.join(path)).unwrap()).unwrap()
    }

    pub(crate) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.0.join(path)).unwrap()
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        self.text("events.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn event(&self, name: &str) -> Value {
        let found = self.events().into_iter().find(|event| event["event"] == name);
        found.unwrap_or_else(|| panic!("there is no {name}: {}", self.text("events.jsonl")))["context"].clone()
    }
}

/// Plain git, as a person runs it: with whatever the repository's configuration says.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .env_remove("GIT_DIR")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn commit(repo: &Path) -> String {
    git(repo, &["add", "-A"]);
    git(repo, &["commit", "-q", "-m", "a commit"]);
    git(repo, &["rev-parse", "HEAD"])
}
