//! Any JSON value in any place that the store looks at: never a panic, never a broken list, never another run's problem.

use std::fs;

use cortexpilot_core::port::runs::{EventsQuery, PageQuery, RunSnapshot, Runs as _};
use cortexpilot_runs::fixture::RunFixture;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{Root, id, now};

/// Members of contract, manifest, events and reports that any read looks at, as paths.
const CONTRACT: [&str; 12] = [
    "task_id",
    "owner_agent",
    "owner_agent/agent_id",
    "owner_agent/role",
    "assigned_agent",
    "allowed_paths",
    "acceptance_tests",
    "tool_permissions",
    "mcp_tool_set",
    "role_contract",
    "runtime_options",
    "timeout_retry/timeout_sec",
];
const MANIFEST: [&str; 19] = [
    "run_id",
    "task_id",
    "status",
    "created_at",
    "finished_at",
    "failure_reason",
    "failure_class",
    "workflow",
    "workflow/workflow_id",
    "workflow/status",
    "workflow/task_queue",
    "evidence_hashes",
    "evidence_hashes/contract.json",
    "role_binding_summary",
    "runner",
    "runner/name",
    "repo",
    "repo/root",
    "problems",
];
const EVENT: [&str; 9] = [
    "event",
    "event_type",
    "ts",
    "context",
    "meta",
    "context/result",
    "context/reason",
    "context/workflow_id",
    "meta/reason",
];
const REPORT: [&str; 4] = ["status", "summary", "evidence_refs", "compare_summary"];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(u64::MAX)),
        any::<f64>().prop_map(Value::from),
        Just(json!("")),
        Just(json!("HUMAN_APPROVAL_REQUIRED")),
        Just(json!("diff gate")),
        Just(json!("9999-12-31T23:59:59.999999999+23:59")),
        Just(json!("-262144-01-01T00:00:00Z")),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop_oneof![Just("agent_id".to_owned()), ".{0,10}"], inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn set(document: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('/') {
        None => _ = document.insert(path.to_owned(), value),
        Some((first, rest)) => {
            let inner = document.entry(first).or_insert_with(|| json!({}));
            if !inner.is_object() {
                *inner = json!({});
            }
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

fn changes(members: &'static [&'static str]) -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    prop::collection::vec((prop::sample::select(members), any_json()), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_in_any_member_breaks_nothing(
        contract in changes(&CONTRACT),
        manifest in changes(&MANIFEST),
        events in prop::collection::vec(changes(&EVENT), 0..4),
        report in changes(&REPORT),
        name in prop::sample::select(vec!["run_compare_report.json", "proof_pack.json", "page_brief_result.json"]),
    ) {
        let root = Root::new();
        RunFixture::new("good").workflow("wf").event("DIFF_GATE_RESULT", json!({})).write(&root.path()).unwrap();
        let mut data = Map::new();
        report.into_iter().for_each(|(member, value)| set(&mut data, member, value));
        let odd = RunFixture::new("odd")
            .workflow("wf")
            .contract(|document| contract.into_iter().for_each(|(member, value)| set(document, member, value)))
            .manifest(|document| manifest.into_iter().for_each(|(member, value)| set(document, member, value)))
            .report(name, Value::Object(data));
        let dir = odd.write(&root.path()).unwrap();
        let mut lines = String::new();
        for event in events {
            let mut line = Map::new();
            event.into_iter().for_each(|(member, value)| set(&mut line, member, value));
            lines.push_str(&Value::Object(line).to_string());
            lines.push('\n');
        }
        fs::write(dir.join("events.jsonl"), lines).unwrap();

        let mut listed = root.listed();
        listed.sort();
        prop_assert_eq!(listed, ["good", "odd"]);
        prop_assert_eq!(root.problems("good"), Vec::<String>::new());
        prop_assert!(root.facts("good").is_ok());
        let run = id("odd");
        let _ = now(root.store.facts(&run));
        let detail = now(root.store.get(&run)).unwrap();
        serde_json::to_string(&detail).unwrap();
        serde_json::to_string(&RunSnapshot(&detail)).unwrap();
        prop_assert!(now(root.store.events(&run, EventsQuery::default())).unwrap().events.iter().all(Value::is_object));
        now(root.store.reports(&run, PageQuery::all())).unwrap();
        for summary in [root.store.compare_summary(&run), root.store.proof_summary(&run), root.store.incident_summary(&run)] {
            prop_assert!(now(summary).unwrap().data.is_object());
        }
        now(root.store.check(&run)).unwrap();
        for record in now(root.store.records(PageQuery::all())).unwrap().items {
            let text = serde_json::to_string(&record).unwrap();
            // No member is written twice, whatever the manifest calls its own.
            prop_assert_eq!(text.matches("\"last_event_ts\":").count(), 1);
        }
        for case in now(root.store.workflows(PageQuery::all())).unwrap().items {
            now(root.store.workflow(&case.workflow_id)).unwrap();
        }
        now(root.store.diff_gates(None, PageQuery::all())).unwrap();
        now(root.store.pending_approvals(None, PageQuery::all())).unwrap();
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_in_any_file_break_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let root = Root::new();
        RunFixture::new("good").write(&root.path()).unwrap();
        let run = id("odd");
        for file in ["manifest.json", "contract.json", "events.jsonl", "events.hashchain.jsonl", "reports/proof_pack.json"] {
            let dir = RunFixture::new("odd").report("proof_pack.json", json!({})).event("A", json!({})).write(&root.path()).unwrap();
            fs::write(dir.join(file), &bytes).unwrap();
            prop_assert_eq!(root.listed().len(), 2);
            now(root.store.get(&run)).unwrap();
            now(root.store.events(&run, EventsQuery::default())).unwrap();
            now(root.store.reports(&run, PageQuery::all())).unwrap();
            now(root.store.check(&run)).unwrap();
            let _ = now(root.store.facts(&run));
        }
        prop_assert!(root.facts("good").is_ok());
    }
}
