//! Directories that the orchestrator really wrote. Their diffs were left out; nothing else is missing.

use cortexpilot_core::domain::run::ContractEvidence;
use cortexpilot_core::port::runs::{EventsQuery, PageQuery, RunSnapshot, Runs as _};
use cortexpilot_runs::{RunStore, check_path};

use crate::support::{data, id, now, said};

const WAITING: &str = "run_20261122_083052_7d2ddd9c25c74e0f92031abf99507214";
const REJECTED: &str = "run_20261122_083059_3f9d79acfaaf47c5b723ec869965bc48";
const SUCCEEDED: &str = "run_20261122_083122_d5dc78cb9b4d46129342950440682119";

fn store() -> RunStore {
    RunStore::new(data().join("real-runs")).unwrap()
}

#[test]
fn every_real_run_reads_whole_without_a_problem() {
    let store = store();
    let list = now(store.list(PageQuery::all())).unwrap();
    let ids: Vec<&str> = list.items.iter().map(|row| row.run_id.as_str()).collect();
    assert_eq!(ids, [SUCCEEDED, REJECTED, WAITING], "newest first");
    for row in &list.items {
        let run = id(&row.run_id);
        assert_eq!(said(&row.problems), Vec::<String>::new());
        let events = now(store.events(&run, EventsQuery::default())).unwrap();
        assert_eq!(said(&events.problems), Vec::<String>::new(), "the hash chain of {run} verifies");
        let reports = now(store.reports(&run, PageQuery::all())).unwrap();
        assert_eq!(said(&reports.problems), Vec::<String>::new());
        assert_eq!(reports.stored.len(), 8);
        let detail = now(store.get(&run)).unwrap();
        assert_eq!(said(&detail.problems), Vec::<String>::new());
        assert_eq!(
            detail.role_binding_read_model, detail.manifest["role_binding_summary"],
            "what was recorded is shown"
        );
        let snapshot = serde_json::to_value(RunSnapshot(&detail)).unwrap();
        assert_eq!(snapshot["last_event_ts"], row.last_event_ts.as_str());
        assert_eq!(now(store.check(&run)).unwrap(), []);
    }
    assert_eq!(
        list.items.iter().map(|row| row.outcome.outcome_type).collect::<Vec<_>>(),
        ["success", "gate", "manual"]
    );
}

#[test]
fn real_runs_give_the_facts_that_decisions_need() {
    let store = store();
    let facts = now(store.facts(&id(SUCCEEDED))).unwrap();
    assert_eq!(facts.task_id, "task_mock_success");
    assert_eq!(facts.owner, "agent-1");
    assert_eq!(facts.workflow_id, "");
    assert_eq!(facts.status, "SUCCESS");
    assert_eq!(facts.evidence, ContractEvidence::Verified);
    assert!(!facts.awaits_approval);
    assert_eq!(facts.contract.bytes(), std::fs::read(store.path().join(SUCCEEDED).join("contract.json")).unwrap());
    assert_eq!(facts.contract.sha256().to_string(), "63341a7ad26ef2c3239e1e283895784247cc189b78923183088a5d781c170e70");
    assert_eq!(facts.contract_path, store.path().join(SUCCEEDED).join("contract.json").to_str().unwrap());
    assert_eq!(facts.effect.allowed_paths, ["docs/README.md"]);
    assert_eq!(facts.effect.commands, ["echo ok"]);
    let permissions: Vec<String> =
        facts.effect.tool_permissions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(permissions, ["filesystem=workspace-write", "shell=never", "network=deny", "mcp_tools=codex"]);
    assert_eq!(facts.effect.runner, "agents");
    assert_eq!(facts.effect.timeout_s, Some(60));

    let facts = now(store.facts(&id(WAITING))).unwrap();
    assert_eq!(facts.status, "FAILURE");
    assert!(facts.awaits_approval, "it waits although its status is FAILURE");
    assert!(!now(store.facts(&id(REJECTED))).unwrap().awaits_approval);
}

#[test]
fn real_runs_stand_at_the_gates_they_met() {
    let store = store();
    let gates = now(store.diff_gates(None, PageQuery::all())).unwrap().items;
    let gates: Vec<_> =
        gates.iter().map(|row| (row.run_id.as_str(), row.status.as_deref(), row.diff_gate["ok"].as_bool())).collect();
    assert_eq!(gates, [(SUCCEEDED, Some("SUCCESS"), Some(true)), (REJECTED, Some("FAILURE"), Some(false))]);
    let approvals = now(store.pending_approvals(None, PageQuery::all())).unwrap().items;
    let approvals: Vec<_> = approvals.iter().map(|row| (row.run_id.as_str(), row.reason[0].as_str())).collect();
    assert_eq!(approvals, [(WAITING, Some("allowed_paths too wide"))]);
}

#[test]
fn a_root_of_real_runs_passes_the_check() {
    let check = check_path(&data().join("real-runs"));
    assert!(!check.is_run);
    assert_eq!((check.runs, check.findings, check.skipped), (3, vec![], vec![]));
    let check = check_path(&data().join("real-runs").join(WAITING));
    assert!(check.is_run);
    assert_eq!((check.runs, check.findings), (1, vec![]));
}
