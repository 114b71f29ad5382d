//! Whole runs, with the script runner.

use std::time::{Duration, Instant};

use cortexpilot_runs::check_path;
use cortexpilot_work::contract::check::{Document, document};
use cortexpilot_work::execute::FailureKind;
use cortexpilot_work::sandbox::Level;
use cortexpilot_work::{NotStarted, Stage};
use serde_json::{Value, json};

use crate::support::World;

fn append() -> Value {
    json!([{"append": {"path": "docs/README.md", "text": "two\n"}}])
}

#[test]
fn a_run_that_succeeds_leaves_a_whole_directory_at_every_level() {
    for level in [Level::None, Level::Confined, Level::Namespaces] {
        let world = World::at(level);
        let mut contract = world.contract(append());
        contract["acceptance_tests"] =
            json!([{"name": "line", "cmd": "grep -q two docs/README.md", "must_pass": true}]);
        let outcome = world.run(&contract).unwrap();
        assert_eq!(outcome.failure, None, "{level:?}");
        assert_eq!(outcome.status(), "SUCCESS");
        let run = crate::support::Run(outcome.dir);
        document(Document::Manifest, run.text("manifest.json").as_bytes()).unwrap();
        let check = check_path(&world.path("runs"));
        assert!(check.findings.is_empty(), "{:?}", check.findings);
        let manifest = run.json("manifest.json");
        assert_eq!(manifest["status"], "SUCCESS");
        assert_eq!(manifest["sandbox"]["level"], level.as_str());
        assert_eq!(manifest["repo"]["baseline_ref"], world.baseline);
        assert_eq!(run.json("contract.json"), contract);
        let patch = run.text("patch.diff");
        assert!(patch.contains("\n one\n+two\n") && patch.contains("docs/README.md"), "{patch}");
        assert_eq!(run.text("diff_name_only.txt"), "docs/README.md\n");
        assert_eq!(run.event("DIFF_GATE_RESULT")["ok"], true);
        assert_eq!(run.json("reports/test_report.json")["status"], "PASS");
        assert_eq!(run.json("reports/task_result.json")["status"], "SUCCESS");
        // The patch is one: git takes it on the baseline.
        let patch = run.0.join("patch.diff");
        crate::support::git(&world.repo(), &["apply", "--check", patch.to_str().unwrap()]);
        assert_eq!(std::fs::read_dir(world.path("work")).unwrap().count(), 0, "the workspace is gone");
        assert_eq!(crate::support::git(&world.repo(), &["status", "--porcelain"]), "", "the repository is as it was");
    }
}

#[test]
fn the_first_thing_that_does_not_hold_names_the_failure() {
    let world = World::at(Level::Confined);
    let base = world.contract(append());
    let mut number = 0;
    let mut check = |change: &dyn Fn(&mut Value), kind: FailureKind, said: &str| {
        let mut contract = base.clone();
        change(&mut contract);
        let mut assignment = world.assignment(&contract);
        number += 1;
        assignment.run_id = cortexpilot_core::domain::id::RunId::parse(&format!("run_{number}")).unwrap();
        let outcome = cortexpilot_work::execute(&world.worker, &assignment, &(), &world.stop).unwrap();
        let failure = outcome.failure.unwrap_or_else(|| panic!("it did not fail: {said}"));
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.reason.contains(said), "{failure:?}\nwanted: {said}");
        let manifest = crate::support::Run(outcome.dir).json("manifest.json");
        assert_eq!((&manifest["status"], &manifest["failure_code"]), (&json!("FAILURE"), &json!(kind.code())));
    };
    let script = |steps: Value| move |contract: &mut Value| contract["runtime_options"]["script"] = steps.clone();
    check(
        &script(json!([{"write": {"path": "src/x", "text": ""}}])),
        FailureKind::DiffGate,
        "src/x (it lies outside allowed_paths)",
    );
    check(&script(json!([{"fail": 3}])), FailureKind::Runner, "it ended with status 3");
    check(&script(json!([{"crash": true}])), FailureKind::Runner, "it was ended by signal 9");
    check(
        &script(json!([{"delete": "docs/README.md"}])),
        FailureKind::RequiredOutputs,
        "docs/README.md: it is not there",
    );
    check(
        &|contract| contract["acceptance_tests"] = json!([{"name": "a", "cmd": "false", "must_pass": true}]),
        FailureKind::AcceptanceTests,
        "acceptance test `a` failed: it ended with status 1",
    );
    check(
        &|contract| contract["acceptance_tests"] = json!([{"name": "a", "cmd": "no-such-program", "must_pass": true}]),
        FailureKind::AcceptanceTests,
        "it could not be started",
    );
    check(
        &|contract| contract["rollback"]["baseline_ref"] = json!("0".repeat(40)),
        FailureKind::Workspace,
        "is no commit of",
    );
    check(
        &|contract| {
            contract["runtime_options"]["script"] = json!([{"hang": true}]);
            contract["timeout_retry"]["timeout_sec"] = json!(1);
        },
        FailureKind::TimedOut,
        "took longer than 1 s",
    );
    check(
        &|contract| {
            contract["runtime_options"]["script"] = json!([{"hang": true}]);
            contract["runtime_options"]["idle_timeout_sec"] = json!(1);
        },
        FailureKind::Idle,
        "said nothing for 1 s",
    );
}

#[test]
fn a_test_that_need_not_pass_does_not_fail_the_run_and_is_reported() {
    let world = World::at(Level::Confined);
    let mut contract = world.contract(append());
    contract["acceptance_tests"] = json!([
        {"name": "may fail", "cmd": "false", "must_pass": false},
        {"name": "leaves files", "cmd": "sh -c 'mkdir -p target && echo x > target/y && echo z > left.tmp && echo out'", "must_pass": true},
    ]);
    let outcome = world.run(&contract).unwrap();
    assert_eq!(outcome.failure, None);
    let run = crate::support::Run(outcome.dir);
    let report = run.json("reports/test_report.json");
    assert_eq!(report["commands"][0]["passed"], false);
    assert_eq!(report["commands"][1]["passed"], true);
    assert_eq!(run.text("tests/stdout_1.log"), "out\n");
    assert_eq!(report["changed_by_tests"], json!(["left.tmp", "target/y"]));
    assert_eq!(run.text("diff_name_only.txt"), "docs/README.md\n", "what tests leave is not in the diff");
}

#[test]
fn new_files_that_the_baseline_ignores_are_not_in_the_diff_and_new_rules_hide_nothing() {
    let world = World::at(Level::Confined);
    let (failure, run) = world.script(json!([
        {"write": {"path": "target/debug/x", "text": "built"}}, {"write": {"path": "docs/n.tmp", "text": ""}},
        {"write": {"path": "docs/.gitignore", "text": "*\n"}}, {"write": {"path": "docs/hidden", "text": "1"}},
    ]));
    assert_eq!(failure, "");
    assert_eq!(run.text("diff_name_only.txt"), "docs/.gitignore\ndocs/hidden\n");
    assert_eq!(run.json("reports/task_result.json")["git"]["ignored_files"], 2);
}

#[test]
fn a_run_that_is_asked_to_stop_ends_soon_and_says_so() {
    struct StopWhenRunning<'a>(&'a World);
    impl cortexpilot_work::Progress for StopWhenRunning<'_> {
        fn at(&self, stage: Stage, events: u64) {
            // The script has begun: its event is there.
            if stage == Stage::Running && events >= 4 {
                self.0.stop.ask();
            }
        }
    }
    let world = World::at(Level::Namespaces);
    let contract = world
        .contract(json!([{"emit": {"type": "begun"}}, {"write": {"path": "docs/a", "text": "1"}}, {"hang": true}]));
    let started = Instant::now();
    let outcome =
        cortexpilot_work::execute(&world.worker, &world.assignment(&contract), &StopWhenRunning(&world), &world.stop)
            .unwrap();
    assert_eq!(outcome.failure.unwrap().kind, FailureKind::Stopped);
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(crate::support::Run(outcome.dir).json("manifest.json")["failure_code"], "STOPPED");
}

#[test]
fn what_outlives_the_command_is_killed_with_it() {
    let world = World::at(Level::Confined);
    // Its session is another, its parent is gone: only the tree's reaper still knows it.
    let (failure, run) = world.script(json!([
        {"exec": ["sh", "-c", "setsid sleep 300 >/dev/null 2>&1 & setsid sh -c 'sleep 300 & sleep 300' >/dev/null 2>&1 & sleep 0.2"]},
    ]));
    assert_eq!(failure, "");
    assert!(run.event("RUNNER_ENDED")["left_behind"].as_u64().unwrap() >= 2, "{}", run.event("RUNNER_ENDED"));
}

#[test]
fn a_read_only_contract_cannot_change_a_file() {
    for level in [Level::Confined, Level::Namespaces] {
        let world = World::at(level);
        let mut contract = world.contract(append());
        contract["tool_permissions"]["filesystem"] = json!("read-only");
        let failure = world.run(&contract).unwrap().failure.unwrap();
        assert_eq!(failure.kind, FailureKind::Runner, "{failure:?}");
    }
}

#[test]
fn what_is_missing_is_said_before_anything_is_started() {
    let mut world = World::at(Level::Confined);
    let mut contract = world.contract(json!([]));
    contract["runtime_options"]["isolation"] = json!("namespaces");
    let refused = world.run(&contract).unwrap_err();
    assert!(matches!(refused, NotStarted::Isolation(_)), "{refused}");
    world.worker.choice = cortexpilot_work::sandbox::Choice::Best;
    let refused = world.run(&contract).unwrap_err();
    assert!(refused.to_string().contains("bubblewrap is not installed"), "{refused}");
    contract["runtime_options"] = json!({"runner": "claude"});
    let refused = world.run(&contract).unwrap_err().to_string();
    for part in ["ANTHROPIC_API_KEY", "tool_permissions.network is not `allow`"] {
        assert!(refused.contains(part), "{refused}");
    }
    contract["runtime_options"] = json!({"runner": "agents"});
    let refused = world.run(&contract).unwrap_err().to_string();
    assert!(refused.contains("another orchestrator"), "{refused}");
    assert!(!world.path("runs").exists() && !world.path("work").exists(), "nothing was begun");
}
