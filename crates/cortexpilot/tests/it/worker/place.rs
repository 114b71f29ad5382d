//! A repository, runs that can be queued again, and workers whose every word is heard.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use cortexpilot_runs::fixture::RunFixture;
use rustix::process::Signal;
use serde_json::{Map, Value, json};

use crate::support::{Home, LIMIT, Output, Running};

/// How often something outside is looked at that says nothing by itself.
const LOOK: Duration = Duration::from_millis(20);

/// A home with a git repository beside its roots.
pub(super) struct Place {
    pub(super) home: Home,
    baseline: String,
}

impl Place {
    pub(super) fn new() -> Self {
        let home = Home::new();
        let repo = home.path().join("repo");
        std::fs::create_dir_all(repo.join("docs")).expect("a directory");
        std::fs::write(repo.join("docs/README.md"), "one\n").expect("a file");
        git(&repo, &["init", "-q", "-b", "main"]);
        git(&repo, &["add", "-A"]);
        git(&repo, &["commit", "-q", "-m", "first"]);
        let baseline = git(&repo, &["rev-parse", "HEAD"]);
        Self { home, baseline }
    }

    pub(super) fn repo(&self) -> PathBuf {
        self.home.path().join("repo")
    }

    /// A file that work outside a sandbox waits for.
    pub(super) fn go(&self) -> PathBuf {
        self.home.path().join("go")
    }

    /// A step that waits for [`Self::go`].
    pub(super) fn wait_for_go(&self) -> Value {
        json!({"exec": ["/bin/sh", "-c", format!("until test -e {}; do sleep 0.02; done", self.go().display())]})
    }

    /// Writes a run whose contract lets a script change `docs`.
    pub(super) fn run(&self, run_id: &str, script: Value, change: impl FnOnce(&mut Map<String, Value>)) {
        let repo = self.repo();
        let run = RunFixture::new(run_id).contract(|contract| {
            contract.remove("mcp_tool_set");
            contract["tool_permissions"]["mcp_tools"] = json!([]);
            contract["rollback"] = json!({"strategy": "worktree_drop", "baseline_ref": self.baseline});
            contract.insert("runtime_options".into(), json!({"runner": "script", "script": script}));
            change(contract);
        });
        let run = run.manifest(|manifest| {
            manifest.insert("repo".into(), json!({"root": repo, "baseline_ref": self.baseline}));
        });
        self.home.run(&run);
    }

    /// Writes a run and queues it: the item's id.
    pub(super) fn queue(&self, run_id: &str, script: Value) -> String {
        self.queue_with(run_id, script, |_| {})
    }

    pub(super) fn queue_with(
        &self,
        run_id: &str,
        script: Value,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> String {
        self.run(run_id, script, change);
        self.home.enqueue(run_id)
    }

    /// The item as `queue show` prints it.
    pub(super) fn item(&self, id: &str) -> Value {
        self.home.json(&[], &["queue", "show", id], 0)["item"].clone()
    }

    /// Waits until the item's status is this one.
    pub(super) fn until(&self, id: &str, status: &str) -> Value {
        let began = Instant::now();
        loop {
            let item = self.item(id);
            if item["status"] == status {
                return item;
            }
            assert!(began.elapsed() < LIMIT, "it did not become {status}: {item}");
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until a run's own program was started.
    pub(super) fn until_begun(&self, run_id: &str) {
        let log = self.home.runs().join(run_id).join("logs/runner.stdout.log");
        let began = Instant::now();
        while !log.exists() {
            assert!(began.elapsed() < LIMIT, "{run_id} was not begun");
            std::thread::sleep(LOOK);
        }
    }

    /// A finished run's file.
    pub(super) fn file(&self, run_id: &str, path: &str) -> Value {
        let path = self.home.runs().join(run_id).join(path);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&bytes).expect("JSON")
    }

    pub(super) fn manifest(&self, run_id: &str) -> Value {
        self.file(run_id, "manifest.json")
    }

    /// `cortexpilot run-next` in no sandbox, to its end.
    pub(super) fn run_next(&self, more: &[&str]) -> Output {
        let args = [&["run-next", "--sandbox", "none", "--output", "json"], more].concat();
        self.home.cli(&args)
    }

    /// Starts a worker without a sandbox, and waits until it is ready.
    pub(super) fn worker(&self, name: &str, more: &[&str]) -> Worker {
        let args = [&["worker", "--name", name, "--sandbox", "none", "--output", "json"], more].concat();
        Worker::start(self.home.command(&[], &args))
    }

    /// An operator's command that must work.
    pub(super) fn operate(&self, args: &[&str]) -> Value {
        self.home.json(&[], &[args, &["--reason", "a test"]].concat(), 0)
    }

    /// The events of the queue's lines.
    pub(super) fn lines(&self) -> Vec<String> {
        self.home.ledger().iter().map(|line| line["event"].as_str().expect("an event").to_owned()).collect()
    }

    /// How many workspaces are left.
    pub(super) fn workspaces(&self) -> usize {
        let entries = std::fs::read_dir(self.home.root().join("work")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().is_dir()).count()
    }
}

/// A started worker.
pub(super) struct Worker {
    child: Running,
    said: Receiver<Value>,
    heard: Vec<Value>,
}

impl Worker {
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()));
        let stdout = BufReader::new(child.0.stdout.take().expect("piped"));
        let (say, said) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                if say.send(line).is_err() {
                    return;
                }
            }
        });
        let mut worker = Self { child, said, heard: Vec::new() };
        worker.hears("started");
        worker
    }

    /// Waits until it says this.
    pub(super) fn hears(&mut self, event: &str) -> Value {
        let began = Instant::now();
        loop {
            let left = LIMIT.saturating_sub(began.elapsed());
            let Ok(said) = self.said.recv_timeout(left) else {
                panic!("the worker did not say {event}: {:?}", self.heard);
            };
            self.heard.push(said.clone());
            if said["event"] == event {
                return said;
            }
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        self.child.signal(signal);
    }

    /// Waits for its end: the exit code, and everything that it said.
    pub(super) fn ends(mut self) -> (Option<i32>, Vec<Value>) {
        let code = self.child.wait().code();
        self.heard.extend(self.said.iter());
        (code, self.heard)
    }

    /// Tells it to stop and waits.
    pub(super) fn stop(self) -> (Option<i32>, Vec<Value>) {
        self.signal(Signal::TERM);
        self.ends()
    }

    /// Kills it: no last word.
    pub(super) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait();
    }
}

/// The events that were said, by name.
pub(super) fn names(said: &[Value]) -> Vec<&str> {
    said.iter().map(|said| said["event"].as_str().expect("an event")).collect()
}

pub(super) fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(args)
        .output()
        .expect("git starts");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}
