//! Demonstration runs for `up --demo`: made up, but shaped like real ones in every file, so that what is shown of them is
//! what would be shown of yours. They live in a root of their own, beside the repository that they are about, and are written
//! only where they are missing. Their task contracts are real: a worker carries them out when somebody queues one again.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use cortexpilot_core::domain::id::hex;
use cortexpilot_core::port::Ids;
use cortexpilot_runs::fixture::RunFixture;
use cortexpilot_work::tools::Tools;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

mod shop;
mod stories;

use shop::BASELINE;
pub(crate) use shop::repository;
use stories::{Ending, STORIES, Story};

/// The run that the demonstration previews: it succeeded, and nothing but the mutation gate stands in its way.
pub(crate) const PREVIEWED: &str = "run_demo_quote_cache";

/// The run that left its paths: queued again, it does so again, and the diff gate stops it.
pub(crate) const STOPPED: &str = "run_demo_payment_timeout";

/// The run that waits for a person of its own: its refusal can be looked at without causing one.
pub(crate) const WAITING: &str = "run_demo_tls_upgrade";

/// Who does these runs' tasks: the scenario in their contract, because nobody has an agent's credentials at first.
const RUNNER: &str = "script";

/// Writes the repository and the runs that are missing and says how many runs it wrote. A run that is there stays as it is,
/// unless it is about another repository or another commit than those that are there now: one that an earlier version wrote,
/// or whose directory was moved.
///
/// Where git is not installed there is no repository; the runs can be looked at all the same.
///
/// # Errors
/// Whatever the file system or git answers.
pub(crate) fn write_missing(runs_root: &Path, now: Timestamp, ids: &dyn Ids) -> io::Result<usize> {
    // The runtime root may be made here, and it is private.
    let private = |dir: &Path| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    private(runs_root)?;
    // Beside the runs, so that a reader sees a run whole or not at all.
    let workshop = runs_root.with_file_name(format!(".making-{}", hex(&ids.bytes::<8>())));
    private(&workshop)?;
    let made = make(runs_root, &workshop, now);
    // Empty by now, or holding what could not be finished and what was replaced.
    let removed = std::fs::remove_dir_all(&workshop);
    let made = made?;
    removed?;
    Ok(made)
}

fn make(runs_root: &Path, workshop: &Path, now: Timestamp) -> io::Result<usize> {
    if let Ok(tools) = Tools::resolve() {
        shop::make_missing(&tools.git, runs_root, workshop)?;
    }
    let repository = repository(runs_root);
    let missing: Vec<&Story> =
        STORIES.iter().filter(|story| !story.is_there(&runs_root.join(story.run_id), &repository)).collect();
    for story in &missing {
        let whole = story.run(&repository, now).write(workshop)?;
        let place = runs_root.join(story.run_id);
        if place.exists() {
            std::fs::rename(&place, workshop.join(format!("earlier-{}", story.run_id)))?;
        }
        std::fs::rename(whole, place)?;
    }
    Ok(missing.len())
}

impl Story {
    /// Whether the run is there, and about this repository at the commit that it holds.
    fn is_there(&self, dir: &Path, repository: &Path) -> bool {
        let Ok(manifest) = std::fs::read(dir.join("manifest.json")) else { return false };
        let manifest: Value = serde_json::from_slice(&manifest).unwrap_or_default();
        manifest["repo"] == about(repository)
    }

    fn run(&self, repository: &Path, now: Timestamp) -> RunFixture {
        let started = now.saturating_sub(SignedDuration::from_mins(self.minutes_ago)).unwrap_or(now);
        let run = RunFixture::new(self.run_id)
            .created_at(started)
            .status(self.ending.status())
            .task(self.task_id)
            .request(self.request)
            .workflow(self.workflow_id)
            .contract(|contract| {
                let mut set = |name: &str, value: Value| contract.insert(name.into(), value);
                set("owner_agent", json!({"role": "TECH_LEAD", "agent_id": self.owner, "codex_thread_id": ""}));
                set("assigned_agent", json!({"role": "WORKER", "agent_id": self.worker, "codex_thread_id": ""}));
                set("required_outputs", json!([{"name": self.changes[0].0, "type": "file", "acceptance": "changed"}]));
                set("allowed_paths", json!(self.allowed_paths));
                set("acceptance_tests", json!([{"name": "tests", "cmd": self.test_command, "must_pass": true}]));
                set(
                    "tool_permissions",
                    json!({"filesystem": "workspace-write", "shell": "never", "network": "deny", "mcp_tools": []}),
                );
                set("mcp_tool_set", json!([]));
                set("timeout_retry", json!({"timeout_sec": self.timeout_s, "max_retries": 0, "retry_backoff_sec": 0}));
                set("rollback", json!({"strategy": "worktree_drop", "baseline_ref": BASELINE}));
                set("runtime_options", json!({"runner": RUNNER, "script": self.scenario()}));
            })
            .manifest(|manifest| {
                manifest.insert("runner".into(), json!({"name": RUNNER, "profile": ""}));
                manifest.insert("repo".into(), about(repository));
                manifest.insert("policy_pack".into(), "low".into());
            });
        self.end(self.begin(run))
    }

    /// The work as steps, with a moment between them, so that whoever watches sees it go on.
    fn scenario(&self) -> Vec<Value> {
        let say = |text: &str| json!({"emit": {"type": "message", "text": text}});
        let mut steps = vec![say(self.notes[0]), json!({"sleep_ms": 400})];
        steps.extend(self.changes.iter().map(|(path, after)| json!({"write": {"path": path, "text": after}})));
        steps.extend([json!({"sleep_ms": 400}), say(self.notes[1])]);
        steps
    }

    /// What every run writes before its agent has done anything.
    fn begin(&self, run: RunFixture) -> RunFixture {
        run.event("POLICY_PACK_SELECTED", json!({"policy_pack": "low", "role": "WORKER"}))
            .event("STEP_STARTED", json!({"contract": "contract.json"}))
            .event("PROMPT_ARTIFACT_WRITTEN", json!({"path": "artifacts/prompt_artifact.json"}))
            .event("WORKTREE_CREATED", json!({"baseline": BASELINE}))
            .event("INTEGRATED_GATE_RESULT", json!({"ok": true, "required": [], "missing": []}))
            .event(
                "NETWORK_GATE_RESULT",
                json!({"ok": true, "policy": "deny", "requires_network": false, "reason": ""}),
            )
            .event("MCP_TOOL_GATE_RESULT", json!({"ok": true, "allowed": [], "required": [], "missing": []}))
            .file(
                "meta.json",
                pretty(&json!({"run_id": self.run_id, "task_id": self.task_id, "workflow_id": self.workflow_id})),
            )
            .file("git/baseline_commit.txt", BASELINE)
            .file(
                "artifacts/prompt_artifact.json",
                pretty(&json!({"artifact_type": "prompt_artifact", "version": "v1", "purpose": self.request})),
            )
    }

    fn end(&self, run: RunFixture) -> RunFixture {
        match self.ending {
            Ending::Running => self.working(run),
            Ending::AwaitsApproval { reason, action } => self.awaits_approval(run, reason, action),
            Ending::OutsideItsPaths { violation } => self.outside(self.worked(run), violation),
            Ending::TestsFailed { output } => self.tests_failed(self.diff_gate_passed(self.worked(run)), output),
            Ending::Succeeded { summary } => self.succeeded(self.diff_gate_passed(self.worked(run)), summary),
        }
    }

    fn working(&self, run: RunFixture) -> RunFixture {
        let mut run = run
            .event("RUNNER_SELECTED", json!({"runner": RUNNER, "network": false}))
            .event("AGENT_MESSAGE", json!({"text": self.notes[0]}));
        for (path, _) in self.changes {
            run = run.event("AGENT_FILE_CHANGED", json!({"path": path}));
        }
        run.event("AGENT_MESSAGE", json!({"text": self.notes[1]}))
            .event("HEARTBEAT", json!({"step": "edit", "alive": true}))
            .event("HEARTBEAT", json!({"step": "edit", "alive": true}))
            .without_evidence()
    }

    /// The agent's own work, with the change it made.
    fn worked(&self, run: RunFixture) -> RunFixture {
        let names: String = self.changes.iter().map(|(path, _)| format!("{path}\n")).collect();
        let patch: String = self.changes.iter().map(|(path, after)| shop::patch(path, after)).collect();
        run.event("RUNNER_SELECTED", json!({"runner": RUNNER, "network": false}))
            .event("AGENT_MESSAGE", json!({"text": self.notes[0]}))
            .event("AGENT_MESSAGE", json!({"text": self.notes[1]}))
            .event("AGENT_TASK_RESULT_SNAPSHOT", json!({"path": "artifacts/agent_task_result.json"}))
            .event("TASK_RESULT_RECORDED", json!({"status": "SUCCESS"}))
            .file("artifacts/agent_task_result.json", pretty(&json!({"status": "SUCCESS", "summary": self.notes[1]})))
            .file("patch.diff", patch)
            .file("diff_name_only.txt", names)
    }

    fn changed_files(&self) -> Vec<&str> {
        self.changes.iter().map(|(path, _)| *path).collect()
    }

    fn diff_gate_passed(&self, run: RunFixture) -> RunFixture {
        run.event("DIFF_GATE_RESULT", self.diff_gate(true, &[], ""))
    }

    fn diff_gate(&self, ok: bool, violations: &[&str], reason: &str) -> Value {
        json!({
            "ok": ok,
            "changed_files": self.changed_files(),
            "violations": violations,
            "baseline_ref": BASELINE,
            "reason": reason,
            "allowed_paths": self.allowed_paths,
        })
    }

    fn outside(&self, run: RunFixture, violation: &str) -> RunFixture {
        let reason = "changed files outside allowed_paths";
        let context = self.diff_gate(false, &[violation], reason);
        run.event("DIFF_GATE_RESULT", context.clone())
            .event_at_level(
                "ERROR",
                "gate_failed",
                json!({"gate": "diff_gate", "reason": reason, "violations": [violation]}),
            )
            .event_at_level("ERROR", "DIFF_GATE_FAIL", context)
            .event("STATE_TRANSITION", json!({"status": "FAILURE"}))
            .failed(&format!("diff gate: {reason}"))
            .report("task_result.json", self.task_result("FAILED", reason, &[("diff_gate", false)]))
            .report("review_report.json", self.review("BLOCKED", reason, &[violation]))
            .report("run_compare_report.json", self.compared(1))
            .report("evidence_report.json", json!({"status": "ok", "missing": []}))
    }

    fn tests_failed(&self, run: RunFixture, output: &str) -> RunFixture {
        run.event_at_level("ERROR", "TEST_RESULT", json!({"ok": false, "command": self.test_command, "exit_code": 1}))
            .event_at_level(
                "ERROR",
                "gate_failed",
                json!({"gate": "tests_gate", "reason": "acceptance tests failed", "ok": false}),
            )
            .event("STATE_TRANSITION", json!({"status": "FAILURE"}))
            .failed("acceptance tests failed")
            .file("tests/stdout.log", output)
            .file("tests/command.txt", self.test_command)
            .report(
                "task_result.json",
                self.task_result("FAILED", "acceptance tests failed", &[("diff_gate", true), ("tests_gate", false)]),
            )
            .report("test_report.json", self.tests("FAIL", 1))
            .report("review_report.json", self.review("BLOCKED", "the acceptance tests fail", &[]))
            .report("evidence_report.json", json!({"status": "ok", "missing": []}))
    }

    fn succeeded(&self, run: RunFixture, summary: &str) -> RunFixture {
        let evidence = json!({"patch": "patch.diff", "test_report": "reports/test_report.json"});
        run.event("TEST_RESULT", json!({"ok": true, "command": self.test_command, "exit_code": 0}))
            .event("REVIEWER_GATE_RESULT", json!({"ok": true, "changed": [], "reason": ""}))
            .event("REVIEW_RESULT", json!({"verdict": "PASS", "summary": "within its paths, tests pass"}))
            .event("STATE_TRANSITION", json!({"status": "SUCCESS"}))
            .file("tests/stdout.log", "all tests passed\n")
            .file("tests/command.txt", self.test_command)
            .report(
                "task_result.json",
                self.task_result(
                    "SUCCESS",
                    summary,
                    &[("diff_gate", true), ("tests_gate", true), ("review_gate", true)],
                ),
            )
            .report("test_report.json", self.tests("PASS", 0))
            .report("review_report.json", self.review("PASS", "within its paths, tests pass", &[]))
            .report(
                "page_brief_result.json",
                json!({"status": "SUCCESS", "summary": summary, "evidence_refs": evidence}),
            )
            .report("run_compare_report.json", self.compared(0))
            .report("evidence_report.json", json!({"status": "ok", "missing": []}))
    }

    fn awaits_approval(&self, run: RunFixture, reason: &str, action: &str) -> RunFixture {
        let asked = json!({
            "timeout_sec": 0,
            "reason": [reason],
            "actions": [action],
            "verify_steps": ["Look at allowed_paths of the task contract"],
            "resume_step": "policy_gate",
        });
        let wide = json!({"reason": "wide paths require human approval", "wide_paths": self.allowed_paths});
        run.event("MCP_CONCURRENCY_CHECK", json!({"ok": true, "mode": "single"}))
            .event("POLICY_GATE_RESULT", json!({"ok": false, "reason": reason}))
            .event_at_level("WARN", "HUMAN_APPROVAL_REQUIRED", asked)
            .event_at_level("ERROR", "policy_violation", wide)
            .event("STATE_TRANSITION", json!({"status": "FAILURE"}))
            .failed("wide paths require human approval")
            .file("patch.diff", "")
            .file("diff_name_only.txt", "")
            .report(
                "task_result.json",
                self.task_result("FAILED", "wide paths require human approval", &[("policy_gate", false)]),
            )
            .report(
                "review_report.json",
                self.review("BLOCKED", "wide paths require human approval", &self.allowed_paths[..1]),
            )
            .report("evidence_report.json", json!({"status": "ok", "missing": []}))
    }

    fn task_result(&self, status: &str, summary: &str, gates: &[(&str, bool)]) -> Value {
        let gates: serde_json::Map<String, Value> =
            gates.iter().map(|(name, passed)| ((*name).to_owned(), json!({"passed": passed}))).collect();
        json!({
            "run_id": self.run_id,
            "task_id": self.task_id,
            "attempt": 0,
            "producer": {"role": "WORKER", "agent_id": self.worker},
            "status": status,
            "summary": summary,
            "git": {"baseline_ref": BASELINE, "changed_files": self.changed_files()},
            "gates": gates,
        })
    }

    fn tests(&self, status: &str, exit_code: i32) -> Value {
        json!({
            "run_id": self.run_id,
            "task_id": self.task_id,
            "runner": {"role": "TEST_RUNNER", "agent_id": "tests_gate"},
            "status": status,
            "commands": [{"name": "tests", "cmd": self.test_command, "must_pass": true, "exit_code": exit_code}],
        })
    }

    fn review(&self, verdict: &str, summary: &str, violations: &[&str]) -> Value {
        json!({
            "run_id": self.run_id,
            "task_id": self.task_id,
            "reviewer": {"role": "REVIEWER", "agent_id": "reviewer-1"},
            "verdict": verdict,
            "summary": summary,
            "scope_check": {"passed": violations.is_empty(), "violations": violations},
        })
    }

    fn compared(&self, mismatched: u32) -> Value {
        json!({
            "report_type": "run_compare_report",
            "run_id": self.run_id,
            "status": "ok",
            "compare_summary": {
                "mismatched_count": mismatched,
                "missing_count": 0,
                "extra_count": 0,
                "missing_reports_count": 0,
                "failed_report_checks_count": mismatched,
                "evidence_ok": true,
                "llm_params_ok": true,
                "llm_snapshot_ok": true,
            },
        })
    }
}

/// What the manifest says of the repository.
fn about(repository: &Path) -> Value {
    json!({"root": repository.to_string_lossy(), "baseline_ref": BASELINE})
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("invariant: a JSON value serialises")
}

#[cfg(test)]
mod tests {
    use cortexpilot_core::port::fake::SeqIds;
    use cortexpilot_core::port::runs::{EventsQuery, PageQuery, Runs as _, Verdict};
    use cortexpilot_runs::RunStore;

    use super::*;

    fn written() -> (tempfile::TempDir, RunStore) {
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path().join("demo/runs");
        let now = "2026-01-15T12:00:00Z".parse().unwrap();
        assert_eq!(write_missing(&runs, now, &SeqIds::default()).unwrap(), STORIES.len());
        let store = RunStore::new(&runs).unwrap();
        (dir, store)
    }

    #[tokio::test]
    async fn the_runs_are_whole_and_worth_looking_at() {
        let (_dir, store) = written();
        let runs = store.list(PageQuery::all()).await.unwrap().items;
        assert_eq!(runs.len(), STORIES.len());
        for run in &runs {
            let id = cortexpilot_core::domain::id::RunId::parse(&run.run_id).unwrap();
            assert_eq!(
                store.check(&id).await.unwrap().iter().filter(|finding| finding.blocks_enqueue).count(),
                0,
                "{}",
                run.run_id
            );
            assert!(run.problems.is_empty(), "{}: {:?}", run.run_id, run.problems);
            let events = store.events(&id, EventsQuery::default()).await.unwrap();
            assert!(events.events.len() >= 12, "{}: {} events", run.run_id, events.events.len());
            assert!(events.problems.is_empty(), "{}: {:?}", run.run_id, events.problems);
        }
        let mut outcomes: Vec<_> = runs.iter().map(|run| run.outcome.outcome_type).collect();
        outcomes.sort_unstable();
        outcomes.dedup();
        assert_eq!(outcomes, ["gate", "in_progress", "manual", "product", "success"]);
    }

    #[tokio::test]
    async fn the_cases_differ_in_what_they_need() {
        let (_dir, store) = written();
        let cases = store.workflows(PageQuery::all()).await.unwrap().items;
        let verdict = |wanted| cases.iter().any(|case| case.verdict == wanted);
        assert!(cases.len() >= 3, "{}", cases.len());
        assert!(verdict(Verdict::AwaitingApproval) && verdict(Verdict::AttentionRequired) && verdict(Verdict::Active));
        let waiting = store.pending_approvals(None, PageQuery::all()).await.unwrap().items;
        assert_eq!(waiting.iter().map(|row| row.run_id.as_str()).collect::<Vec<_>>(), [WAITING]);
        assert!(!store.diff_gates(None, PageQuery::all()).await.unwrap().items.is_empty());
        let previewed = cortexpilot_core::domain::id::RunId::parse(PREVIEWED).unwrap();
        let facts = store.facts(&previewed).await.unwrap();
        assert!(!facts.awaits_approval && !facts.effect.commands.is_empty() && !facts.effect.allowed_paths.is_empty());
        assert_eq!(facts.evidence, cortexpilot_core::domain::run::ContractEvidence::Verified);
    }

    #[test]
    fn only_what_is_missing_is_written_again() {
        let (dir, store) = written();
        let kept = store.path().join(PREVIEWED).join("manifest.json");
        let before = std::fs::read(&kept).unwrap();
        std::fs::remove_dir_all(store.path().join(WAITING)).unwrap();
        let later = "2026-02-01T00:00:00Z".parse().unwrap();
        assert_eq!(write_missing(store.path(), later, &SeqIds::default()).unwrap(), 1);
        assert_eq!(write_missing(store.path(), later, &SeqIds::default()).unwrap(), 0);
        assert_eq!(std::fs::read(&kept).unwrap(), before);
        let mut beside: Vec<_> =
            std::fs::read_dir(dir.path().join("demo")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        beside.sort();
        assert_eq!(beside, ["runs", "shop"]);
    }

    #[test]
    fn a_run_about_another_repository_or_commit_is_made_anew() {
        let (_dir, store) = written();
        let now = "2026-02-01T00:00:00Z".parse().unwrap();
        let file = store.path().join(PREVIEWED).join("manifest.json");
        let written = std::fs::read_to_string(&file).unwrap();
        for other in [written.replace("/shop\"", "/elsewhere\""), written.replace(BASELINE, "main"), "{".to_owned()] {
            assert_ne!(other, written);
            std::fs::write(&file, other).unwrap();
            assert_eq!(write_missing(store.path(), now, &SeqIds::default()).unwrap(), 1);
            let repo: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            assert_eq!(repo["repo"], about(&repository(store.path())));
        }
        assert_eq!(write_missing(store.path(), now, &SeqIds::default()).unwrap(), 0);
    }
}
