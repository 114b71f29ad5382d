//! Lists over all runs: filters, contracts, reports of one name, newest events.

use std::fs;
use std::os::unix::fs::symlink;

use cortexpilot_core::port::runs::{PageQuery, ReadProblem, RootState, RunFilter, Runs as _};
use cortexpilot_runs::RunStore;
use cortexpilot_runs::fixture::RunFixture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Root, now, said};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_772_366_400).unwrap() + SignedDuration::from_secs(seconds)
}

fn four() -> Root {
    let root = Root::new();
    let run = |name: &str, second| RunFixture::new(name).created_at(at(second));
    run("a", 1).task("t1").workflow("wf").write(&root.path()).unwrap();
    run("b", 2).task("t2").failed("diff gate violation").workflow("wf").write(&root.path()).unwrap();
    run("c", 3).task("t1").status("RUNNING").write(&root.path()).unwrap();
    run("d", 4).task("t1").write(&root.path()).unwrap();
    root
}

fn select(root: &Root, filter: &RunFilter, page: PageQuery) -> (String, Option<String>) {
    let found = now(root.store.select(filter.clone(), page)).unwrap();
    let ids: Vec<_> = found.items.into_iter().map(|row| row.run_id).collect();
    (ids.join(" "), found.next)
}

#[test]
fn runs_are_chosen_by_status_outcome_workflow_task_and_time_together() {
    let root = four();
    let text = |text: &str| Some(text.to_owned());
    let all = RunFilter::default;
    for (filter, want) in [
        (all(), "d c b a"),
        (RunFilter { status: text("success"), ..all() }, "d a"),
        (RunFilter { status: text("nope"), ..all() }, ""),
        (RunFilter { outcome: text("gate"), ..all() }, "b"),
        (RunFilter { outcome: text("in_progress"), ..all() }, "c"),
        (RunFilter { workflow_id: text("wf"), ..all() }, "b a"),
        (RunFilter { task_id: text("t1"), ..all() }, "d c a"),
        (RunFilter { task_id: text("t1"), status: text("SUCCESS"), workflow_id: text("wf"), ..all() }, "a"),
        (RunFilter { since: Some(at(2)), ..all() }, "d c b"),
        (RunFilter { until: Some(at(3)), ..all() }, "b a"),
        (RunFilter { since: Some(at(2)), until: Some(at(4)), ..all() }, "c b"),
        (RunFilter { since: Some(at(2)), until: Some(at(4)), outcome: text("gate"), ..all() }, "b"),
        (RunFilter { since: Some(at(9)), ..all() }, ""),
        (RunFilter { since: Some(at(4)), until: Some(at(2)), ..all() }, ""),
    ] {
        assert_eq!(select(&root, &filter, PageQuery::all()), (want.to_owned(), None), "{filter:?}");
    }
}

#[test]
fn chosen_runs_are_paged_with_the_cursors_of_the_whole_list() {
    let root = four();
    let filter = RunFilter { task_id: Some("t1".into()), ..RunFilter::default() };
    let (first, next) = select(&root, &filter, PageQuery::first(2));
    assert_eq!(first, "d c");
    let page = PageQuery { limit: Some(2), after: next };
    assert_eq!(select(&root, &filter, page), ("a".to_owned(), None));
    // The last run that is wanted ends the list, whatever comes after it.
    assert_eq!(select(&root, &filter, PageQuery::first(3)), ("d c a".to_owned(), None));
    let whole = now(root.store.list(PageQuery::first(2))).unwrap().next;
    assert_eq!(select(&root, &filter, PageQuery { limit: None, after: whole }), ("a".to_owned(), None));
    let foreign = PageQuery { limit: None, after: Some("x".into()) };
    assert_eq!(now(root.store.select(filter, foreign)), Err(ReadProblem::BadCursor));
}

#[test]
fn a_choice_follows_every_change() {
    let root = four();
    let gate = RunFilter { outcome: Some("gate".into()), ..RunFilter::default() };
    assert_eq!(select(&root, &gate, PageQuery::all()).0, "b");
    fs::write(root.path().join("b/manifest.json"), r#"{"status": "SUCCESS"}"#).unwrap();
    assert_eq!(select(&root, &gate, PageQuery::all()).0, "");
    fs::write(root.path().join("a/manifest.json"), r#"{"status": "FAILURE"}"#).unwrap();
    fs::write(root.path().join("a/events.jsonl"), "{\"event\": \"DIFF_GATE_REJECTED\"}\n").unwrap();
    assert_eq!(select(&root, &gate, PageQuery::all()).0, "a");
    fs::remove_dir_all(root.path().join("a")).unwrap();
    assert_eq!(select(&root, &gate, PageQuery::all()).0, "");
}

#[test]
fn contracts_are_listed_with_where_they_come_from() {
    let root = Root::new();
    RunFixture::new("whole")
        .created_at(at(2))
        .contract(|contract| _ = contract.insert("_path".into(), json!("/etc")))
        .write(&root.path())
        .unwrap();
    let dir = RunFixture::new("odd").created_at(at(1)).write(&root.path()).unwrap();
    fs::write(dir.join("contract.json"), "[]").unwrap();
    let dir = RunFixture::new("none").write(&root.path()).unwrap();
    fs::remove_file(dir.join("contract.json")).unwrap();
    let list = || serde_json::to_value(now(root.store.contracts(PageQuery::all())).unwrap().items).unwrap();
    let rows = list();
    assert_eq!(rows.as_array().unwrap().len(), 2, "a run without a contract has no row");
    let text = fs::read(root.path().join("whole/contract.json")).unwrap();
    let digest = cortexpilot_core::domain::id::Sha256Digest::of(&text).to_string();
    assert_eq!(
        (&rows[0]["_run_id"], &rows[0]["_source"], &rows[0]["_sha256"]),
        (&json!("whole"), &json!("runs"), &json!(digest))
    );
    assert_eq!(rows[0]["_path"], json!(root.path().join("whole/contract.json").to_str().unwrap()));
    assert_eq!(rows[0]["task_id"], json!("task_whole"));
    assert_eq!((&rows[1]["_run_id"], rows[1]["_problems"].as_array().unwrap().len()), (&json!("odd"), 1));
    assert_eq!(list(), rows, "asked again");
    fs::write(root.path().join("odd/contract.json"), "{\"task_id\": \"mended\"}").unwrap();
    assert_eq!(list()[1]["task_id"], json!("mended"));
}

#[test]
fn reports_of_one_name_are_listed_and_follow_their_files() {
    let root = Root::new();
    let report = |run: &str, second, status: &str| {
        RunFixture::new(run).created_at(at(second)).report("test_report.json", json!({"status": status}))
    };
    report("a", 1, "PASS").write(&root.path()).unwrap();
    report("b", 2, "FAIL").write(&root.path()).unwrap();
    RunFixture::new("none").write(&root.path()).unwrap();
    let list = |name: &str| {
        serde_json::to_value(now(root.store.reports_named(name, PageQuery::all())).unwrap().items).unwrap()
    };
    let want = json!([{"run_id": "b", "report": {"status": "FAIL"}}, {"run_id": "a", "report": {"status": "PASS"}}]);
    assert_eq!(list("test_report.json"), want);
    assert_eq!(list("test_report.json"), want, "asked again");
    assert_eq!(list("review_report.json"), json!([]));
    for name in ["../contract.json", "no_json", ""] {
        assert_eq!(list(name), json!([]), "{name}");
    }
    fs::write(root.path().join("a/reports/test_report.json"), "torn").unwrap();
    let row = &list("test_report.json")[1];
    assert_eq!((&row["report"], row["problems"].as_array().unwrap().len()), (&json!({"raw": "torn"}), 1));
    // A directory that became a link is none, also where the file behind it is the one that was read before.
    fs::rename(root.path().join("b/reports"), root.outside().join("away")).unwrap();
    symlink(root.outside().join("away"), root.path().join("b/reports")).unwrap();
    assert_eq!(list("test_report.json").as_array().unwrap().len(), 1);
    fs::remove_file(root.path().join("a/reports/test_report.json")).unwrap();
    assert_eq!(list("test_report.json"), json!([]));
    let first = now(root.store.reports_named("test_report.json", PageQuery::first(1))).unwrap();
    assert_eq!((first.items.len(), first.next), (0, None));
}

#[test]
fn the_newest_events_of_all_runs_are_in_one_order() {
    let root = Root::new();
    let events = |run: &str, times: &[&str]| {
        let dir = RunFixture::new(run).without_hash_chain().write(&root.path()).unwrap();
        let lines = times.iter().map(|ts| format!("{}\n", json!({"event": run, "ts": ts})));
        fs::write(dir.join("events.jsonl"), lines.collect::<String>()).unwrap();
    };
    events("a", &["2026-01-01", "2026-01-04", "2026-01-02"]);
    events("b", &["2026-01-03", "2026-01-05"]);
    events("c", &["2026-01-02", "", "2026-01-02"]);
    events("none", &[]);
    let newest = |limit| {
        let found = now(root.store.recent_events(limit)).unwrap();
        let show = |event: &Value| {
            format!(
                "{}{}",
                event["_run_id"].as_str().unwrap(),
                &event["ts"].as_str().unwrap().chars().last().map(String::from).unwrap_or_default()
            )
        };
        found.events.iter().map(show).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(newest(3), "b5 a4 b3");
    assert_eq!(newest(5), "b5 a4 b3 a2 c2", "among equals by run");
    assert_eq!(newest(100), "b5 a4 b3 a2 c2 c2 a1 c");
    assert_eq!(newest(1), "b5");
    fs::write(root.path().join("a/events.jsonl"), "{\"ts\": \"2026-01-09\"}\nnot json\n").unwrap();
    let found = now(root.store.recent_events(2)).unwrap();
    assert_eq!(found.events[0], json!({"ts": "2026-01-09", "_run_id": "a"}));
    assert_eq!(said(&found.problems).len(), 1);
    let lines = now(root.store.recent_events(100)).unwrap().events;
    assert!(lines.contains(&json!({"raw": "not json", "_run_id": "a"})));
}

#[test]
fn events_too_large_for_one_answer_end_it_early_and_are_told() {
    let root = Root::new();
    for (run, second) in [("a", 1), ("b", 2)] {
        let run = RunFixture::new(run).created_at(at(second)).without_hash_chain();
        (0..12).fold(run, |run, _| run.event("BIG", json!({"bulk": "x".repeat(200_000)}))).write(&root.path()).unwrap();
    }
    let found = now(root.store.recent_events(2_000)).unwrap();
    assert!((10..24).contains(&found.events.len()), "{}", found.events.len());
    assert_eq!(said(&found.problems), ["events.jsonl has more than fits into one answer"]);
    let times: Vec<_> = found.events.iter().map(|event| event["ts"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b));
}

#[test]
fn lists_over_a_root_that_is_not_there_are_empty_and_say_so() {
    let temp = tempfile::tempdir().unwrap();
    let store = RunStore::new(temp.path().join("none")).unwrap();
    assert_eq!(now(store.select(RunFilter::default(), PageQuery::all())).unwrap().root, RootState::Missing);
    assert_eq!(now(store.contracts(PageQuery::all())).unwrap().root, RootState::Missing);
    assert_eq!(now(store.reports_named("test_report.json", PageQuery::all())).unwrap().root, RootState::Missing);
    assert!(now(store.recent_events(10)).unwrap().events.is_empty());
}
