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
