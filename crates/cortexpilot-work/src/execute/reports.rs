//! The reports of a run, in the shapes that readers of run directories know.

use cortexpilot_core::domain::time::ledger_text;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Failure;
use crate::contract::TaskContract;
use crate::gate::ChangeKind;
use crate::outputs::Checked;
use crate::record::FileRef;
use crate::sandbox::Ended;
use crate::workspace::Diff;

/// One acceptance command that ran.
pub(super) struct TestRun {
    pub(super) index: usize,
    pub(super) ended: Ended,
    pub(super) timed_out: bool,
    pub(super) seconds: f64,
    pub(super) stdout: FileRef,
    pub(super) stderr: FileRef,
}

impl TestRun {
    pub(super) fn passed(&self) -> bool {
        self.ended.is_success() && !self.timed_out
    }
}

/// At most so many paths stand in a report; all of them stand in `diff_name_only.txt`.
const SHOWN_MAX: usize = 1_000;

fn how(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Modified => "modified",
        ChangeKind::Deleted => "deleted",
    }
}

/// What a report is about.
pub(super) struct About<'a> {
    pub(super) run_id: &'a str,
    pub(super) contract: &'a TaskContract,
    pub(super) attempt: u32,
    pub(super) started: Timestamp,
    pub(super) finished: Timestamp,
}

impl About<'_> {
    fn head(&self) -> Value {
        json!({"run_id": self.run_id, "task_id": self.contract.task_id, "attempt": self.attempt.saturating_sub(1)})
    }
}

fn with(mut head: Value, more: Value) -> Value {
    if let (Value::Object(head), Value::Object(more)) = (&mut head, more) {
        head.extend(more);
    }
    head
}

/// `reports/test_report.json`. `SKIPPED` where the run had failed before.
pub(super) fn tests(about: &About<'_>, runs: &[TestRun], changed_by_tests: &[String], skipped: Option<&str>) -> Value {
    let tests = &about.contract.acceptance_tests;
    let failed = runs.iter().any(|run| tests[run.index].must_pass && !run.passed());
    let status = match (skipped, failed) {
        (Some(_), _) => "SKIPPED",
        (None, true) => "FAIL",
        (None, false) => "PASS",
    };
    let commands: Vec<Value> = runs
        .iter()
        .map(|run| {
            let test = &tests[run.index];
            json!({
                "name": test.name,
                "cmd_argv": test.argv,
                "must_pass": test.must_pass,
                "timeout_sec": about.contract.timeout.as_secs(),
                "exit_code": run.ended.code,
                "signal": run.ended.signal,
                "passed": run.passed(),
                "ended": run.ended.words(),
                "timed_out": run.timed_out,
                "duration_sec": run.seconds,
                "stdout": run.stdout.to_json(),
                "stderr": run.stderr.to_json(),
            })
        })
        .collect();
    let mut report = with(
        about.head(),
        json!({
            "runner": {"role": "TEST_RUNNER", "agent_id": "acceptance_tests"},
            "started_at": ledger_text(about.started),
            "finished_at": ledger_text(about.finished),
            "status": status,
            "commands": commands,
            "artifacts": runs.iter().flat_map(|run| [run.stdout.to_json(), run.stderr.to_json()]).collect::<Vec<_>>(),
            "changed_by_tests": changed_by_tests,
        }),
    );
    if let Some(why) = skipped {
        report["failure"] = json!({"message": why});
    }
    report
}

/// `reports/task_result.json`.
pub(super) fn task_result(
    about: &About<'_>,
    diff: Option<(&Diff, &FileRef, &FileRef)>,
    baseline: Option<&str>,
    outputs: &[Checked],
    tests_passed: Option<bool>,
    failure: Option<&Failure>,
) -> Value {
    let violations: Vec<Value> = diff.map_or_else(Vec::new, |(diff, ..)| {
        diff.violations.iter().take(SHOWN_MAX).map(|one| json!({"path": one.path, "reason": one.reason})).collect()
    });
    let git = diff.map(|(diff, patch, names)| {
        json!({
            "baseline_ref": baseline,
            "tree_id": diff.tree_id,
            "changes": diff.changed.iter().take(SHOWN_MAX).map(|(path, kind)| json!({"path": path, "how": how(*kind)})).collect::<Vec<_>>(),
            "changed_total": diff.changed.len(),
            "changed_files": names.to_json(),
            "patch": patch.to_json(),
            "ignored_files": diff.ignored,
        })
    });
    with(
        about.head(),
        json!({
            "producer": {"role": about.contract.role, "agent_id": about.contract.agent_id},
            "status": if failure.is_none() { "SUCCESS" } else { "FAILED" },
            "started_at": ledger_text(about.started),
            "finished_at": ledger_text(about.finished),
            "summary": failure.map_or("everything that was asked for holds", |failure| failure.reason.as_str()),
            "artifacts": [],
            "git": git,
            "gates": {
                "diff_gate": {"passed": diff.map(|(diff, ..)| diff.violations.is_empty()), "violations": violations},
                "outputs_gate": {"passed": (!outputs.is_empty()).then(|| outputs.iter().all(|one| one.problem.is_none()))},
                "tests_gate": {"passed": tests_passed},
            },
            "required_outputs": outputs.iter().map(Checked::to_json).collect::<Vec<_>>(),
            "failure": failure.map(|failure| json!({"code": failure.kind.code(), "message": failure.reason})),
        }),
    )
}

/// `reports/work_report.json`.
pub(super) fn work(about: &About<'_>, diff: Option<&Diff>, failure: Option<&Failure>) -> Value {
    let names = diff
        .map(|diff| diff.changed.iter().take(SHOWN_MAX).map(|(path, _)| path.as_str()).collect::<Vec<_>>().join("\n"));
    with(
        about.head(),
        json!({
            "role": about.contract.role,
            "status": if failure.is_none() { "success" } else { "fail" },
            "patch_ref": "patch.diff",
            "diff_summary": names.unwrap_or_default(),
            "evidence_refs": {"test_report": "reports/test_report.json", "task_result": "reports/task_result.json"},
            "failure_reason": failure.map_or("", |failure| failure.reason.as_str()),
            "gates": {"diff_gate": {
                "passed": diff.is_some_and(|diff| diff.violations.is_empty()),
                "violations": diff.map_or_else(Vec::new, |diff| diff.violations.iter().take(SHOWN_MAX).map(|one| one.path.clone()).collect()),
            }},
        }),
    )
}
