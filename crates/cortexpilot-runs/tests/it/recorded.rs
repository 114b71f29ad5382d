//! What the archived orchestrator answered to reads of the same directories. Ours is equal, member for member and in their
//! order, but for the differences that each comparison names.

use std::fs;
use std::os::unix::fs::symlink;

use cortexpilot_core::port::runs::{EventsQuery, PageQuery, RunSnapshot, Runs as _};
use serde::Serialize;
use serde_json::{Value, json};

use crate::support::{Root, data, id, now};

struct Recorded {
    root: Root,
    reads: Vec<Value>,
}

impl Recorded {
    fn load() -> Self {
        let text = fs::read_to_string(data().join("recorded-reads.json")).unwrap();
        let mut recorded: Value = serde_json::from_str(&text).unwrap();
        let root = Root::new();
        for (path, content) in recorded["files"].as_object().unwrap() {
            let path = root.outside().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match content["symlink"].as_str().and_then(|target| target.strip_prefix("$ROOT/")) {
                Some(target) => symlink(root.outside().join(target), path).unwrap(),
                None => fs::write(path, content.as_str().unwrap()).unwrap(),
            }
        }
        let Value::Array(reads) = recorded["reads"].take() else { panic!("`reads` is a list") };
        Self { root, reads }
    }

    fn http(&self, path: &str) -> Value {
        self.reads.iter().find(|read| read["http"] == path).unwrap_or_else(|| panic!("{path} was not recorded"))["response"].clone()
    }

    fn tool(&self, tool: &str, arguments: Value) -> Value {
        let read = self.reads.iter().find(|read| read["tool"] == tool && read["arguments"] == arguments);
        read.unwrap_or_else(|| panic!("{tool} {arguments} was not recorded"))["response"].clone()
    }
}

/// As text, so that the order of members counts.
fn same(ours: impl Serialize, theirs: &Value) {
    assert_eq!(serde_json::to_string_pretty(&ours).unwrap(), serde_json::to_string_pretty(theirs).unwrap());
}

fn value(ours: impl Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(&ours).unwrap()).unwrap()
}

/// Takes our problems away, answering which runs had some.
fn without_problems(rows: &mut Value) -> Vec<String> {
    let mut with = Vec::new();
    for row in rows.as_array_mut().unwrap() {
        let row = row.as_object_mut().unwrap();
        if row.shift_remove("problems").is_some() {
            with.push(row["run_id"].as_str().unwrap().to_owned());
        }
    }
    with
}

fn without(rows: &Value, run: &str) -> Value {
    rows.as_array().unwrap().iter().filter(|row| row["run_id"] != run).cloned().collect()
}

#[test]
fn the_operators_list_is_equal() {
    let recorded = Recorded::load();
    let mut ours = value(now(recorded.root.store.list(PageQuery::all())).unwrap().items);
    // Ours are listed with their problems, also the one whose manifest is broken, which the original left out.
    let problems = without_problems(&mut ours);
    assert_eq!(problems, ["run_badmanifest_0008", "run_tear_0009", "run_badcontract_0007", "run_nocontract_0006"]);
    // The original followed a link to a directory outside.
    same(without(&ours, "run_badmanifest_0008"), &without(&recorded.http("/api/runs"), "evil"));
}

#[test]
fn the_tools_list_is_equal() {
    let recorded = Recorded::load();
    let mut ours = value(now(recorded.root.store.records(PageQuery::all())).unwrap().items);
    let problems = without_problems(&mut ours);
    assert_eq!(problems, ["run_badmanifest_0008", "run_tear_0009"]);
    same(without(&ours, "run_badmanifest_0008"), &without(&recorded.tool("list_runs", json!({}))["runs"], "evil"));
}

#[test]
fn one_run_is_equal_but_for_what_the_originals_registries_say() {
    let recorded = Recorded::load();
    for (run, problems) in [
        ("run_ok_0001", 0),
        ("run_fail_0002", 0),
        ("run_wait_0003", 0),
        ("run_nocontract_0006", 1),
        ("run_badmanifest_0008", 1),
    ] {
        let detail = now(recorded.root.store.get(&id(run))).unwrap();
        assert_eq!(detail.problems.len(), problems, "{run}");
        let mut ours = value(&detail);
        let ours_binding = ours["role_binding_read_model"].take();
        ours.as_object_mut().unwrap().shift_remove("problems");
        let mut theirs = recorded.http(&format!("/api/runs/{run}"));
        let theirs_binding = theirs["role_binding_read_model"].take();
        same(ours, &theirs);
        for member in ["authority", "execution_authority"] {
            assert_eq!(ours_binding[member], theirs_binding[member]);
        }
        for member in ["status", "authority_scope", "source", "summary"] {
            assert_eq!(ours_binding["runtime_binding"][member], theirs_binding["runtime_binding"][member]);
        }
    }
    let detail = now(recorded.root.store.get(&id("run_ok_0001"))).unwrap();
    let mut ours = value(RunSnapshot(&detail));
    let mut theirs = recorded.tool("get_run", json!({"run_id": "run_ok_0001"}))["run"].take();
    assert_eq!(
        ours["role_binding_read_model"]["mcp_bundle_ref"]["resolved_mcp_tool_set"],
        theirs["role_binding_read_model"]["mcp_bundle_ref"]["resolved_mcp_tool_set"]
    );
    ours["role_binding_read_model"].take();
    theirs["role_binding_read_model"].take();
    same(ours, &theirs);
}

#[test]
fn events_are_equal() {
    let recorded = Recorded::load();
    let events = |run: &str, query: EventsQuery| now(recorded.root.store.events(&id(run), query)).unwrap().events;
    let query = EventsQuery::default;
    same(events("run_ok_0001", query()), &recorded.http("/api/runs/run_ok_0001/events"));
    same(events("run_ok_0001", query()), &recorded.tool("get_run_events", json!({"run_id": "run_ok_0001"}))["events"]);
    same(events("run_tear_0009", query()), &recorded.http("/api/runs/run_tear_0009/events"));
    same(
        events("run_tear_0009", query()),
        &recorded.tool("get_run_events", json!({"run_id": "run_tear_0009"}))["events"],
    );
    let tail = EventsQuery { limit: Some(1), tail: true, ..query() };
    same(events("run_ok_0001", tail), &recorded.http("/api/runs/run_ok_0001/events?limit=1&tail=true"));
    let since = EventsQuery { since: Some("2026-03-01T12:00:01+00:00".into()), ..query() };
    same(
        events("run_ok_0001", since),
        &recorded.http("/api/runs/run_ok_0001/events?since=2026-03-01T12:00:01%2B00:00"),
    );
}

#[test]
fn reports_are_equal_but_for_the_order_of_files_on_a_disk() {
    let recorded = Recorded::load();
    for run in ["run_ok_0001", "run_fail_0002", "run_wait_0003", "run_done_0004", "run_rb_0010"] {
        let reports = now(recorded.root.store.reports(&id(run), PageQuery::all())).unwrap();
        assert_eq!(reports.problems, []);
        let theirs = recorded.http(&format!("/api/runs/{run}/reports"));
        let (stored, derived) = theirs.as_array().unwrap().split_at(reports.stored.len());
        let mut stored = stored.to_vec();
        stored.sort_by_key(|report| report["name"].as_str().map(str::to_owned));
        same(&reports.stored, &stored.into());
        same(&reports.derived, &derived.to_vec().into());
    }
    let reports = now(recorded.root.store.reports(&id("run_ok_0001"), PageQuery::all())).unwrap();
    same(reports.stored, &recorded.tool("get_run_reports", json!({"run_id": "run_ok_0001"}))["reports"]);
}

/// Cases are never written down, so they were not written at any time.
fn case_is_derived(case: &mut Value) {
    assert_eq!(case["case_source"], "persisted");
    case["case_source"] = json!("derived");
    case["case_updated_at"] = json!("");
}

#[test]
fn workflow_cases_are_equal_but_that_none_is_written() {
    let recorded = Recorded::load();
    let ours = now(recorded.root.store.workflows(PageQuery::all())).unwrap().items;
    let tool = recorded.tool("list_workflows", json!({}))["workflows"].clone();
    for mut theirs in [recorded.http("/api/workflows"), tool] {
        theirs.as_array_mut().unwrap().iter_mut().for_each(case_is_derived);
        same(&ours, &theirs);
    }
    let tool = recorded.tool("get_workflow", json!({"workflow_id": "wf-alpha"}))["workflow_detail"].clone();
    for (workflow, mut theirs) in [
        ("wf-alpha", recorded.http("/api/workflows/wf-alpha")),
        ("wf-beta", recorded.http("/api/workflows/wf-beta")),
        ("wf-alpha", tool),
    ] {
        case_is_derived(&mut theirs["workflow"]);
        same(now(recorded.root.store.workflow(workflow)).unwrap(), &theirs);
    }
}

#[test]
fn gates_and_approvals_are_equal() {
    let recorded = Recorded::load();
    let store = &recorded.root.store;
    let gates = |run: Option<&str>| now(store.diff_gates(run.map(id).as_ref(), PageQuery::all())).unwrap().items;
    same(gates(None), &recorded.http("/api/diff-gate"));
    same(gates(None), &recorded.tool("get_diff_gate_state", json!({}))["diff_gates"]);
    same(
        gates(Some("run_fail_0002")),
        &recorded.tool("get_diff_gate_state", json!({"run_id": "run_fail_0002"}))["diff_gates"],
    );
    let approvals =
        |run: Option<&str>| now(store.pending_approvals(run.map(id).as_ref(), PageQuery::all())).unwrap().items;
    same(approvals(None), &recorded.tool("get_pending_approvals", json!({}))["approvals"]);
    same(
        approvals(Some("run_ok_0001")),
        &recorded.tool("get_pending_approvals", json!({"run_id": "run_ok_0001"}))["approvals"],
    );
}

#[test]
fn stored_summaries_are_equal() {
    let recorded = Recorded::load();
    let store = &recorded.root.store;
    for run in ["run_ok_0001", "run_fail_0002"] {
        let arguments = json!({"run_id": run});
        let compare = now(store.compare_summary(&id(run))).unwrap();
        same(compare.data, &recorded.tool("get_compare_summary", arguments.clone())["compare_summary"]);
        let incident = now(store.incident_summary(&id(run))).unwrap();
        same(incident.data, &recorded.tool("get_incident_summary", arguments)["incident_pack"]);
    }
    let proof = now(store.proof_summary(&id("run_ok_0001"))).unwrap();
    same(proof.data, &recorded.tool("get_proof_summary", json!({"run_id": "run_ok_0001"}))["proof_pack"]);
}
