//! One runtime root with a repository, a server that an operator speaks to, and workers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::history::History;
use crate::support::home::Variable;
use crate::support::process::{PATIENCE, Process};
use crate::support::{GATE_OPEN, Home, NO_LIMITS, Request, Server};

/// How long nothing need be heard of a worker. Short, and as long as a stopped one must stand still.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// How often items of one half are repeated without asking; the others never are.
const RETRIES: u64 = 2;

/// Begins the names of runs whose contract lets a lost attempt be repeated.
const REPEATED: &str = "run_repeated_";

/// Where everything takes place.
pub(crate) struct Stage {
    pub(crate) home: Home,
    pub(crate) server: Server,
    repository: PathBuf,
    baseline: String,
    items: AtomicUsize,
}

impl Stage {
    /// A repository with one commit, and a server with the gate open.
    pub(crate) fn new(environment: &[Variable<'_>]) -> Self {
        let home = Home::in_memory();
        let repository = home.root().join("repository");
        std::fs::create_dir_all(repository.join("docs")).expect("a directory can be made");
        std::fs::write(repository.join("docs/README.md"), "one\n").expect("a file can be written");
        git(&repository, &["init", "-q", "-b", "main"]);
        git(&repository, &["add", "-A"]);
        git(&repository, &["commit", "-q", "-m", "a commit"]);
        let baseline = git(&repository, &["rev-parse", "HEAD"]);
        let server = home.serve(&[&[GATE_OPEN], &NO_LIMITS[..], environment].concat());
        Self { home, server, repository, baseline, items: AtomicUsize::new(0) }
    }

    /// Starts a worker with one slot.
    pub(crate) fn worker(&self, name: &str, environment: &[Variable<'_>]) -> Process {
        let repository = self.repository.to_str().expect("a temporary directory has a plain name");
        let lease = format!("{}s", LEASE.as_secs());
        let words =
            ["worker", "--jobs", "1", "--name", name, "--lease", &lease, "--sandbox", "none", "--repo", repository];
        Process::spawn(self.home.command(&words, &[&[GATE_OPEN], environment].concat()), name)
    }

    /// Queues one more item: of every second one the contract lets lost attempts be repeated.
    ///
    /// An expired preview is asked for again: the server's clock may be what the test plays with.
    pub(crate) fn enqueue(&self) {
        let number = self.items.fetch_add(1, Ordering::SeqCst);
        let retries = if number.is_multiple_of(2) { 0 } else { RETRIES };
        let run_id = if retries > 0 { format!("{REPEATED}{number}") } else { format!("run_once_{number}") };
        self.home.run(&self.run(&run_id, retries));
        let path = format!("/api/queue/from-run/{run_id}");
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.server.send(&Request::post(&format!("{path}/preview"), "{}")).answer();
            let body = json!({
                "confirm": true, "requested_by": "Ada", "approval_reason": "small work",
                "preview_token": shown["preview_token"],
            });
            let applied = self.server.send(&Request::post(&path, &body.to_string()));
            match applied.status {
                200 => return,
                _ if Instant::now() < until && applied.text().contains("PREVIEW_") => {}
                _ => panic!("not queued: {}", applied.text()),
            }
        }
    }

    /// The operator lets a held item run again. Somebody else may have been faster, or the item may be gone.
    pub(crate) fn requeue(&self, queue_id: &str) {
        let body = json!({"reason": "Looked at its workspace: nothing left it."}).to_string();
        let answer = self.server.send(&Request::post(&format!("/api/queue/{queue_id}/requeue"), &body));
        assert!(answer.status == 200 || answer.text().contains("QUEUE_ITEM_NOT_HELD"), "{}", answer.text());
    }

    /// What the lines say so far.
    pub(crate) fn history(&self) -> History {
        History::of(&self.events(), retries_of)
    }

    /// The lines so far. The last may still be on its way.
    pub(crate) fn events(&self) -> Vec<Value> {
        let bytes = std::fs::read(self.home.runtime().join("queue.jsonl")).unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).expect("a line is JSON")).collect()
    }

    fn run(&self, run_id: &str, retries: u64) -> RunFixture {
        let script = json!([
            {"append": {"path": "docs/README.md", "text": format!("{run_id}\n")}},
            {"sleep_ms": 60},
        ]);
        RunFixture::new(run_id)
            .contract(|contract| {
                let mut set = |name: &str, value: Value| contract.insert(name.into(), value);
                set("acceptance_tests", json!([{"name": "noop", "cmd": "true", "must_pass": true}]));
                set(
                    "tool_permissions",
                    json!({"filesystem": "workspace-write", "shell": "never", "network": "deny", "mcp_tools": []}),
                );
                set("mcp_tool_set", json!([]));
                set("timeout_retry", json!({"timeout_sec": 60, "max_retries": retries, "retry_backoff_sec": 0}));
                set("rollback", json!({"strategy": "worktree_drop", "baseline_ref": self.baseline}));
                set("runtime_options", json!({"runner": "script", "script": script}));
            })
            .manifest(|manifest| {
                manifest.insert("repo".into(), json!({"root": self.repository, "baseline_ref": self.baseline}));
            })
    }
}

/// What the contract of an enqueued item allows, by the name that its run was given here.
pub(crate) fn retries_of(enqueued: &Value) -> u64 {
    if enqueued["source_run_id"].as_str().is_some_and(|run| run.starts_with(REPEATED)) { RETRIES } else { 0 }
}

fn git(dir: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"])
        .args(words)
        .output()
        .expect("git can be started");
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("git prints UTF-8").trim().to_owned()
}
