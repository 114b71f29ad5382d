//! Lists, pages, the cache behind them, and the hash chain.

use std::fs;
use std::io::Write as _;

use cortexpilot_core::port::runs::{EventsQuery, PageQuery, ReadProblem, RootState, Runs as _, Verdict};
use cortexpilot_runs::RunStore;
use cortexpilot_runs::fixture::RunFixture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Root, id, now, said};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_772_366_400).unwrap() + SignedDuration::from_secs(seconds)
}

#[test]
fn a_missing_root_is_an_empty_list_that_says_so() {
    let temp = tempfile::tempdir().unwrap();
    let store = RunStore::new(temp.path().join("not/yet")).unwrap();
    let list = now(store.list(PageQuery::all())).unwrap();
    assert_eq!((list.items.len(), list.next, list.root), (0, None, RootState::Missing));
    assert_eq!(store.root(), temp.path().join("not/yet").to_str().unwrap());
    assert_eq!(now(store.workflows(PageQuery::all())).unwrap().root, RootState::Missing);
    assert_eq!(now(store.get(&id("run"))), Err(ReadProblem::NotFound));
    assert_eq!(now(store.workflow("wf")), Err(ReadProblem::WorkflowNotFound));
    // It is found once it is there.
    RunFixture::new("run").write(store.path()).unwrap();
    assert_eq!(now(store.list(PageQuery::all())).unwrap().items.len(), 1);

    let file = temp.path().join("file");
    fs::write(&file, "").unwrap();
    let list = now(RunStore::new(file).unwrap().list(PageQuery::all())).unwrap();
    assert_eq!(list.root, RootState::Unreadable("the runs root is not a directory".into()));
}

#[test]
fn what_is_no_run_is_not_listed() {
    let root = Root::new();
    RunFixture::new("run").write(&root.path()).unwrap();
    for name in [".hidden", "a..b", "-dash", "with space", "ünicode", "no_manifest"] {
        fs::create_dir(root.path().join(name)).unwrap();
        if name != "no_manifest" {
            fs::write(root.path().join(name).join("manifest.json"), "{}").unwrap();
        }
    }
    fs::write(root.path().join("file"), "").unwrap();
    assert_eq!(root.listed(), ["run"]);
    assert_eq!(now(root.store.get(&id("no_manifest"))), Err(ReadProblem::NotFound));
}

#[test]
fn runs_are_listed_newest_first_and_paged_without_gap() {
    let root = Root::new();
    for (run, second) in [("old", 0), ("new", 9), ("tie_b", 5), ("tie_a", 5)] {
        RunFixture::new(run).created_at(at(second)).write(&root.path()).unwrap();
    }
    assert_eq!(root.listed(), ["new", "tie_a", "tie_b", "old"]);
    let mut query = PageQuery::first(3);
    let first = now(root.store.list(query.clone())).unwrap();
    assert_eq!(first.items.iter().map(|row| row.run_id.as_str()).collect::<Vec<_>>(), ["new", "tie_a", "tie_b"]);
    query.after = first.next;
    // A run that appears meanwhile shifts nothing.
    RunFixture::new("newest").created_at(at(20)).write(&root.path()).unwrap();
    let second = now(root.store.list(query)).unwrap();
    assert_eq!(second.items.iter().map(|row| row.run_id.as_str()).collect::<Vec<_>>(), ["old"]);
    assert_eq!(second.next, None);
    let broken = PageQuery { limit: None, after: Some("no cursor".into()) };
    assert_eq!(now(root.store.list(broken)), Err(ReadProblem::BadCursor));
}

#[test]
fn lists_follow_every_change_of_a_file() {
    let root = Root::new();
    let dir = RunFixture::new("run").status("RUNNING").event("A", json!({})).write(&root.path()).unwrap();
    let row = || now(root.store.list(PageQuery::all())).unwrap().items.remove(0);
    assert_eq!((row().status.as_deref(), row().awaits_approval), (Some("RUNNING"), Some(false)));
    RunFixture::new("run")
        .failed("diff gate violation")
        .event("A", json!({}))
        .event("HUMAN_APPROVAL_REQUIRED", json!({}))
        .write(&root.path())
        .unwrap();
    let changed = row();
    assert_eq!((changed.status.as_deref(), changed.awaits_approval), (Some("FAILURE"), Some(true)));
    assert_eq!(changed.failure.failure_class, "manual");
    fs::remove_file(dir.join("events.jsonl")).unwrap();
    let changed = row();
    assert_eq!((changed.awaits_approval, changed.failure.failure_class.as_str()), (Some(false), "gate"));
    fs::remove_dir_all(dir).unwrap();
    assert!(root.listed().is_empty());
}

#[test]
fn a_manifest_that_names_another_run_is_listed_under_its_own_name() {
    let root = Root::new();
    RunFixture::new("copy")
        .manifest(|manifest| _ = manifest.insert("run_id".into(), "original".into()))
        .write(&root.path())
        .unwrap();
    assert_eq!(root.listed(), ["copy"]);
    assert_eq!(root.problems("copy"), ["manifest.json names another run than the directory it stands in"]);
    let record = now(root.store.records(PageQuery::all())).unwrap().items.remove(0);
    let record = serde_json::to_value(record).unwrap();
    assert_eq!(record["run_id"], "copy");
    assert!(root.facts("copy").is_ok(), "which is odd and not ambiguous");
}

#[test]
fn events_are_filtered_limited_and_paged() {
    let root = Root::new();
    let run = (1..=5).fold(RunFixture::new("run"), |run, n| run.event(&format!("E{n}"), json!({})));
    run.write(&root.path()).unwrap();
    let names = |query: EventsQuery| {
        let events = now(root.store.events(&id("run"), query)).unwrap();
        assert_eq!(said(&events.problems), Vec::<String>::new());
        let names: Vec<String> =
            events.events.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
        (names.join(" "), events.next)
    };
    let query = EventsQuery::default;
    assert_eq!(names(query()), ("E1 E2 E3 E4 E5".into(), None));
    assert_eq!(names(EventsQuery { limit: Some(2), tail: true, ..query() }), ("E4 E5".into(), None));
    assert_eq!(names(EventsQuery { tail: true, ..query() }).0, "E1 E2 E3 E4 E5");
    let (first, second) = names(EventsQuery { limit: Some(2), ..query() });
    assert_eq!(first, "E1 E2");
    // A cursor names the place; those of earlier versions name the line alone.
    for after in [second.unwrap(), "2".into()] {
        let (second, third) = names(EventsQuery { limit: Some(2), after: Some(after), ..query() });
        assert_eq!(second, "E3 E4");
        assert_eq!(names(EventsQuery { limit: Some(2), after: third, ..query() }), ("E5".into(), None));
    }
    let exact = EventsQuery { limit: Some(5), ..query() };
    assert_eq!(names(exact).1, None, "no further page is announced when there is none");
    let since = |text: &str| EventsQuery { since: Some(text.into()), ..query() };
    assert_eq!(names(since("2026-03-01T12:00:03+00:00")).0, "E4 E5");
    assert_eq!(names(since("2026-03-01T14:00:03+02:00")).0, "E4 E5", "as instants, not as text");
    assert_eq!(names(since("2026-03-01T12:00:03")).0, "E4 E5", "without an offset it is UTC");
    assert_eq!(names(since("  ")).0, "E1 E2 E3 E4 E5");
    let query = EventsQuery { after: Some("x".into()), ..query() };
    assert_eq!(now(root.store.events(&id("run"), query)), Err(ReadProblem::BadCursor));
}

#[test]
fn large_answers_end_early_and_go_on_from_there() {
    let root = Root::new();
    let big = "x".repeat(900_000);
    let run =
        (1..=12).fold(RunFixture::new("run"), |run, n| run.event(&format!("E{n}"), json!({"big": &big[..300_000]})));
    run.write(&root.path()).unwrap();
    let mut query = EventsQuery { limit: Some(500), ..EventsQuery::default() };
    let mut seen = 0;
    let mut pages = 0;
    loop {
        let page = now(root.store.events(&id("run"), query.clone())).unwrap();
        assert!(page.problems.is_empty());
        seen += page.events.len();
        pages += 1;
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!((seen, pages), (12, 2));
    let (events, problems) = root.events("run", EventsQuery::default());
    assert!(events.len() < 12);
    assert_eq!(problems, ["events.jsonl has more than fits into one answer"], "without paging it is said");
}

#[test]
fn reports_are_paged_by_name_and_the_derived_ones_close_the_list() {
    let root = Root::new();
    let run = ["b.json", "a.json", "c.json"]
        .into_iter()
        .fold(RunFixture::new("run").failed("boom"), |run, name| run.report(name, json!({"n": name})));
    run.file("reports/notes.txt", "no report").write(&root.path()).unwrap();
    let first = now(root.store.reports(&id("run"), PageQuery::first(2))).unwrap();
    assert_eq!(first.stored.iter().map(|report| report.name.as_str()).collect::<Vec<_>>(), ["a.json", "b.json"]);
    assert!(first.derived.is_empty());
    let second = now(root.store.reports(&id("run"), PageQuery { limit: Some(2), after: first.next })).unwrap();
    assert_eq!(second.stored.iter().map(|report| report.name.as_str()).collect::<Vec<_>>(), ["c.json"]);
    assert_eq!(second.derived[0].data["summary"], "boom");
    assert_eq!(second.next, None);
}

#[test]
fn a_break_of_the_hash_chain_is_named_once() {
    let broken = |change: fn(&str, &str) -> (String, String)| {
        let root = Root::new();
        let run = (1..=4).fold(RunFixture::new("run"), |run, n| run.event(&format!("E{n}"), json!({})));
        let dir = run.write(&root.path()).unwrap();
        let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
        let (events, chain) = change(&read("events.jsonl"), &read("events.hashchain.jsonl"));
        fs::write(dir.join("events.jsonl"), events).unwrap();
        fs::write(dir.join("events.hashchain.jsonl"), chain).unwrap();
        assert!(
            root.facts("run").is_ok(),
            "the chain proves nothing to a decision: who writes one file writes the other"
        );
        root.events("run", EventsQuery::default()).1.join("; ")
    };
    assert_eq!(broken(|events, chain| (events.into(), chain.into())), "");
    assert_eq!(
        broken(|events, chain| (events.replace("E2", "X2"), chain.into())),
        "events.jsonl:2 is not the line that the hash chain recorded"
    );
    assert_eq!(
        broken(|events, chain| (drop_line(events, 3), chain.into())),
        "events.jsonl:3 is not the line that the hash chain recorded"
    );
    assert_eq!(
        broken(|events, chain| (drop_line(events, 4), chain.into())),
        "events.hashchain.jsonl has entries for lines that events.jsonl lacks"
    );
    assert_eq!(
        broken(|events, chain| (events.into(), drop_line(chain, 4))),
        "events.jsonl:4 has no entry in the hash chain"
    );
    assert_eq!(
        broken(|events, chain| (drop_line(events, 2), drop_line(chain, 2))),
        "events.hashchain.jsonl:2 does not continue the hash chain"
    );
    assert_eq!(
        broken(|events, chain| (events.into(), chain.replace("\"index\": 3", "\"index\": 7"))),
        "events.hashchain.jsonl:3 does not continue the hash chain"
    );
    assert_eq!(
        broken(|events, chain| (events.into(), chain.replace("\"index\": 3", "\"index\": {}"))),
        "events.hashchain.jsonl:3 is not an entry of a hash chain"
    );
    assert_eq!(broken(|events, _| (events.into(), String::new())), "events.jsonl:1 has no entry in the hash chain");
}

fn drop_line(text: &str, line: usize) -> String {
    text.lines().enumerate().filter(|(n, _)| n + 1 != line).map(|(_, line)| format!("{line}\n")).collect()
}

#[test]
fn a_torn_last_event_without_an_entry_is_one_problem() {
    let root = Root::new();
    let dir = RunFixture::new("run").event("E1", json!({})).write(&root.path()).unwrap();
    let events = fs::read_to_string(dir.join("events.jsonl")).unwrap();
    fs::write(dir.join("events.jsonl"), format!("{events}{{\"ts\": \"20")).unwrap();
    let (_, problems) = root.events("run", EventsQuery::default());
    assert_eq!(problems, ["events.jsonl:2 is torn: it ends without a newline and is not JSON"]);
}

#[test]
fn workflow_cases_show_what_they_need() {
    let root = Root::new();
    let run = |name: &str, second: i64, workflow: &str, status: &str| {
        RunFixture::new(name).created_at(at(second)).status(status).workflow(workflow)
    };
    let write = |run: RunFixture| drop(run.write(&root.path()).unwrap());
    write(run("r1", 1, "wf-ok", "SUCCESS"));
    write(run("r2", 2, "wf-failed", "CANCELLED"));
    write(run("r3", 3, "wf-failed", "RUNNING"));
    write(run("r4", 4, "wf-active", "QUEUED"));
    write(run("r5", 5, "wf-wait", "FAILURE").event("HUMAN_APPROVAL_REQUIRED", json!({})));
    write(
        RunFixture::new("r6").manifest(|manifest| _ = manifest.insert("workflow".into(), json!({"workflow_id": " "}))),
    );
    let cases = now(root.store.workflows(PageQuery::all())).unwrap().items;
    let cases: Vec<_> = cases
        .iter()
        .map(|case| (case.workflow_id.as_str(), case.verdict, case.status.as_str(), case.has_failure, case.has_running))
        .collect();
    assert_eq!(
        cases,
        [
            ("wf-wait", Verdict::AwaitingApproval, "FAILURE", Some(true), Some(false)),
            ("wf-active", Verdict::Active, "QUEUED", None, None),
            ("wf-failed", Verdict::AttentionRequired, "RUNNING", None, Some(true)),
            ("wf-ok", Verdict::Healthy, "SUCCESS", None, None),
        ]
    );
    let page = now(root.store.workflows(PageQuery::first(1))).unwrap();
    assert_eq!((page.items[0].workflow_id.as_str(), page.items.len()), ("wf-wait", 1));
    let page = now(root.store.workflows(PageQuery { limit: None, after: page.next })).unwrap();
    assert_eq!(page.items.len(), 3);
    assert_eq!(now(root.store.workflow("wf-none")), Err(ReadProblem::WorkflowNotFound));
}

#[test]
fn a_case_shows_the_role_binding_that_its_newest_run_recorded() {
    let root = Root::new();
    for (run, second, binding) in [("r1", 1, json!({"n": 1})), ("r2", 2, json!({"n": 2})), ("r3", 3, Value::Null)] {
        let fixture = RunFixture::new(run).created_at(at(second)).workflow("wf");
        fixture
            .manifest(|manifest| _ = manifest.insert("role_binding_summary".into(), binding))
            .write(&root.path())
            .unwrap();
    }
    let case = now(root.store.workflow("wf")).unwrap().workflow;
    let model = case.workflow_case_read_model.unwrap();
    assert_eq!((model["source_run_id"].as_str(), model["role_binding_summary"]["n"].as_i64()), (Some("r2"), Some(2)));
}

#[test]
fn rows_of_one_run_are_asked_for_by_its_id() {
    let root = Root::new();
    RunFixture::new("gate").event("DIFF_GATE_RESULT", json!({"result": "PASSED"})).write(&root.path()).unwrap();
    RunFixture::new("wait")
        .event("HUMAN_APPROVAL_REQUIRED", json!({"reason": "one text", "actions": 5}))
        .write(&root.path())
        .unwrap();
    let gate = |run: &str| now(root.store.diff_gates(Some(&id(run)), PageQuery::all())).map(|list| list.items.len());
    assert_eq!((gate("gate"), gate("wait"), gate("none")), (Ok(1), Ok(0), Err(ReadProblem::NotFound)));
    let wait = now(root.store.pending_approvals(Some(&id("wait")), PageQuery::all())).unwrap().items.remove(0);
    assert_eq!((wait.reason, wait.actions, wait.task_id.as_str()), (vec![json!("one text")], vec![], "task_wait"));
    assert_eq!(now(root.store.pending_approvals(Some(&id("gate")), PageQuery::all())).unwrap().items.len(), 0);
}

#[test]
fn a_page_of_events_goes_on_where_the_one_before_ended_and_names_its_own_lines() {
    let root = Root::new();
    RunFixture::new("run").write(&root.path()).unwrap();
    let file = root.path().join("run/events.jsonl");
    let line = |n: usize| match n {
        3 => "not json".to_owned(),
        4 => String::new(),
        _ => format!("{{\"event\": \"E{n}\", \"pad\": \"{}\"}}", "x".repeat(n * 53 % 211)),
    };
    fs::write(&file, (1..=400).map(|n| line(n) + "\n").collect::<String>()).unwrap();
    let page = |after: Option<String>, limit| {
        now(root.store.events(&id("run"), EventsQuery { limit: Some(limit), after, ..EventsQuery::default() }))
    };
    let whole = page(None, usize::MAX).unwrap();
    for limit in [1, 2, 7, 398, 399, 400] {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = page(after, limit).unwrap();
            assert!(page.events.len() <= limit);
            // The first page says what is wrong anywhere, a later one what is wrong with its own lines.
            let odd = page.problems.iter().any(|problem| problem.line == Some(3));
            assert_eq!(odd, all.is_empty() || (all.len()..all.len() + page.events.len()).contains(&2), "{limit}");
            all.extend(page.events);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(all, whole.events, "{limit}");
    }
    let after = page(None, 100).unwrap().next;
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"event\": \"new\"}\n").unwrap();
    assert_eq!(page(after.clone(), 1000).unwrap().events.len(), 300, "what was appended since is there");
    fs::write(&file, (1..=400).map(|n| line(n + 1) + "\n").collect::<String>()).unwrap();
    assert_eq!(page(after.clone(), 5), Err(ReadProblem::BadCursor), "another file");
    fs::remove_file(&file).unwrap();
    assert_eq!(page(after, 5), Err(ReadProblem::BadCursor));
}
