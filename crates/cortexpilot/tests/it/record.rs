//! `cortexpilot runs record`: a first run from nothing, with the built binary as its own sandbox's helper.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn git(dir: &Path, args: &[&str]) {
    let done = Command::new("git")
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(args)
        .status()
        .expect("git starts");
    assert!(done.success(), "git {args:?}");
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        let repo = place.repo();
        std::fs::create_dir(&repo).expect("a repository's directory");
        std::fs::write(repo.join("README.md"), "one\n").expect("a file");
        git(&repo, &["init", "-q"]);
        git(&repo, &["add", "-A"]);
        git(&repo, &["commit", "-q", "-m", "first"]);
        place
    }

    fn repo(&self) -> std::path::PathBuf {
        self.0.path().join("repo")
    }

    fn cortexpilot(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cortexpilot"))
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.0.path())
            .env("SECRET_OF_THE_OPERATOR", "s3cret")
            .env("CORTEXPILOT_RUNTIME_ROOT", self.0.path().join("rt"))
            .output()
            .expect("the built binary starts")
    }

    fn record(&self, more: &[&str]) -> (Option<i32>, Value) {
        let mut args = vec![
            "runs",
            "record",
            "--output",
            "json",
            "--repo",
            "repo",
            "--spec",
            "Add a line",
            "--allow",
            "README.md",
        ];
        args.extend(more);
        let output = self.cortexpilot(&args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let answer =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code(), answer)
    }
}

#[test]
fn from_an_empty_root_a_command_becomes_a_run_that_can_be_previewed() {
    let place = Place::new();
    let (status, answer) =
        place.record(&["--test", "grep -q two README.md", "--", "sh", "-c", "echo two >> README.md; env"]);
    assert_eq!((status, &answer["status"]), (Some(0), &Value::from("SUCCESS")), "{answer}");
    assert_eq!(answer["changed_files"], serde_json::json!(["README.md"]));
    let run = answer["run_id"].as_str().expect("a run's id");
    let dir = Path::new(answer["directory"].as_str().expect("a directory"));
    let log = std::fs::read_to_string(dir.join("logs/runner.stdout.log")).expect("a log");
    assert!(log.contains("HOME=") && !log.contains("s3cret"), "{log}");
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(dir.join("manifest.json")).expect("a manifest")).expect("JSON");
    assert_eq!(
        manifest["sandbox"]["level"], "namespaces",
        "bubblewrap is needed for this test: apt install bubblewrap"
    );
    for check in [vec!["runs", "check", run], vec!["queue", "preview", run]] {
        let output = place.cortexpilot(&check);
        assert!(
            output.status.success(),
            "{check:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let listed = place.cortexpilot(&["runs", "list", "--output", "json"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains(run));
    assert_eq!(
        std::fs::read(place.repo().join("README.md")).expect("the file"),
        b"one\n",
        "the operator's tree is as it was"
    );
}

#[test]
fn a_change_outside_what_is_allowed_is_recorded_and_fails() {
    let place = Place::new();
    let (status, answer) = place.record(&["--", "sh", "-c", "echo x > other"]);
    assert_eq!(status, Some(5));
    assert_eq!(answer["failure"]["code"], "DIFF_GATE");
    assert!(
        answer["failure"]["reason"].as_str().is_some_and(|reason| reason.contains("other (it lies outside")),
        "{answer}"
    );
}

#[test]
fn what_cannot_be_recorded_is_said_and_leaves_nothing() {
    let place = Place::new();
    for args in [
        vec!["runs", "record", "--repo", "nowhere", "--spec", "x", "--allow", "a", "--", "true"],
        vec!["runs", "record", "--repo", ".", "--spec", "x", "--allow", "a", "--", "true"],
        vec!["runs", "record", "--repo", "repo", "--spec", "x", "--allow", "../a", "--", "true"],
        vec!["runs", "record", "--repo", "repo", "--spec", "x", "--allow", "a", "--test", "a | b", "--", "true"],
    ] {
        let output = place.cortexpilot(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(!place.0.path().join("rt/runs").exists() && !place.0.path().join("rt/work").exists());
}

#[test]
fn an_agent_that_cannot_start_is_refused_with_everything_that_it_needs() {
    let place = Place::new();
    let args = ["runs", "record", "--repo", "repo", "--spec", "x", "--allow", "a", "--runner", "claude"];
    let output = place.cortexpilot(&args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in ["ANTHROPIC_API_KEY", "tool_permissions.network"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_killed_worker_takes_its_work_with_it_and_leaves_a_run_that_says_it_is_not_finished() {
    for level in ["none", "confined", "namespaces"] {
        let place = Place::new();
        let (pipe, lock) = (place.0.path().join("pipe"), place.0.path().join("lock"));
        let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts");
        assert!(made.success());
        let held = std::fs::File::create(&lock).expect("a file to lock");
        // Everything below holds the lock; a part of it has left the session.
        let work = format!(
            "exec 9<{}; flock -s 9; setsid sleep 900 & echo two >> README.md; cat {} >/dev/null; sleep 900",
            lock.display(),
            pipe.display()
        );
        let mut worker = Command::new(env!("CARGO_BIN_EXE_cortexpilot"))
            .args(["runs", "record", "--repo", "repo", "--spec", "x", "--allow", "README.md", "--sandbox", level])
            .arg("--read")
            .arg(place.0.path())
            .args(["--", "sh", "-c", &work])
            .current_dir(place.0.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("CORTEXPILOT_RUNTIME_ROOT", place.0.path().join("rt"))
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("the built binary starts");
        // Opens when the work reads from it, so the lock is held by now.
        drop(std::fs::OpenOptions::new().write(true).open(&pipe).expect("the pipe"));
        assert!(held.try_lock().is_err(), "{level}: the work holds the lock");
        worker.kill().expect("it is there to be killed");
        worker.wait().expect("it ends");
        // Comes back when the last process of the work has ended.
        held.lock().expect("the lock");
        let listed = place.cortexpilot(&["runs", "list", "--output", "json"]);
        let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
        assert_eq!(listed["items"][0]["status"], "RUNNING", "{level}: {listed}");
        assert_eq!(listed["items"][0].get("problems"), None, "{level}: {listed}");
    }
}
