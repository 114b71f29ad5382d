//! Lists: plain arrays, pages, and what could not be read.

use cortexpilot_core::domain::listing::FileProblem;
use cortexpilot_core::port::runs::RootState;
use serde_json::{Value, json};

use super::harness::{AGENT, Ask, OPERATOR, WORKER, World};

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().expect("an array").iter().map(|item| item["queue_id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn the_queue_is_a_plain_array_and_filters_by_status_in_any_case_and_by_workflow() {
    let world = World::new();
    let (first, second) = (world.enqueue("run_ok").await, world.enqueue("run_two").await);
    let cancel = Ask::post(&format!("/api/queue/{first}/cancel"), json!({}));
    assert_eq!(world.send(cancel).await.status, 200);
    let list = async |query: &str| world.send(Ask::get(&format!("/api/queue{query}"))).await.json();
    for (query, want) in [
        ("", vec![&first, &second]),
        ("?status=", vec![&first, &second]),
        ("?status=pending", vec![&second]),
        ("?status=%20Cancelled%20", vec![&first]),
        ("?status=CLAIMED", vec![]),
        ("?workflow_id=workflow_of_run_two", vec![&second]),
        ("?workflow_id=none", vec![]),
        ("?workflow_id=workflow_of_run_ok&status=PENDING", vec![]),
    ] {
        assert_eq!(ids(&list(query).await), want, "{query}");
    }
}

#[tokio::test]
async fn pages_of_the_queue_hold_every_item_once() {
    let world = World::new();
    let mut all = Vec::new();
    for run in ["run_ok", "run_two", "run_three"] {
        all.push(world.enqueue(run).await);
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), Some(String::new()), 0);
    while let Some(at) = cursor {
        let page = world.send(Ask::get(&format!("/api/queue?limit=2&cursor={at}"))).await.json();
        assert_eq!(page.as_object().unwrap().keys().collect::<Vec<_>>(), ["items", "next_cursor"]);
        seen.extend(ids(&page["items"]).into_iter().map(str::to_owned));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!((seen, pages), (all, 2));
    let all_in_one = world.send(Ask::get("/api/queue?limit=500")).await.json();
    assert_eq!((all_in_one["items"].as_array().unwrap().len(), &all_in_one["next_cursor"]), (3, &Value::Null));
}

#[tokio::test]
async fn the_newest_items_come_first_where_that_is_asked_for_and_a_cursor_leads_both_ways() {
    let world = World::new();
    let mut all = Vec::new();
    for run in ["run_ok", "run_two", "run_three"] {
        all.push(world.enqueue(run).await);
    }
    let page = async |query: &str| world.send(Ask::get(&format!("/api/queue?limit=1&{query}"))).await.json();
    let newest = page("order=newest").await;
    assert_eq!(ids(&newest["items"]), [&all[2]]);
    let cursor = newest["next_cursor"].as_str().unwrap().to_owned();
    let second = page(&format!("order=newest&cursor={cursor}")).await;
    assert_eq!(ids(&second["items"]), [&all[1]]);
    let place = second["next_cursor"].as_str().unwrap();
    assert_eq!(ids(&page(&format!("order=newest&cursor={place}")).await["items"]), [&all[0]]);
    assert_eq!(ids(&page(&format!("order=oldest&cursor={place}")).await["items"]), [&all[2]]);
    let plain = world.send(Ask::get("/api/queue?order=newest")).await.json();
    assert_eq!(ids(&plain), [&all[2], &all[1], &all[0]]);
    let told = world.send(Ask::get("/api/queue?order=random")).await;
    assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR");
}

#[tokio::test]
async fn items_are_counted_by_where_they_stand_and_by_what_was_done_lately() {
    let world = World::new();
    let gone = world.enqueue("run_ok").await;
    assert_eq!(world.send(Ask::post(&format!("/api/queue/{gone}/cancel"), json!({}))).await.status, 200);
    world.held("run_two").await;
    world.enqueue("run_three").await;
    for token in [OPERATOR, AGENT, WORKER] {
        let counts = world.send(Ask::get("/api/queue/counts").token(token).no_role()).await.json();
        assert_eq!(counts["total"], 3);
        assert_eq!(counts["by_state"], json!({"eligible": 1, "waiting": 0, "claimed": 0, "held": 1, "closed": 1}));
        let by_status = json!({"PENDING": 1, "CLAIMED": 0, "LOST": 1, "DEAD_LETTER": 0, "CANCELLED": 1});
        assert_eq!(counts["by_status"], by_status);
    }
    for (span, steps, long) in [("hour", 12, 300), ("day", 24, 3600), ("", 24, 3600)] {
        let done = world.send(Ask::get(&format!("/api/queue/throughput?span={span}"))).await.json();
        let buckets = done["buckets"].as_array().unwrap();
        assert_eq!((buckets.len(), &done["bucket_seconds"]), (steps, &json!(long)));
        let mut last = buckets.last().unwrap().clone();
        last.as_object_mut().unwrap().remove("from");
        assert_eq!(last, json!({"queued": 3, "succeeded": 0, "failed": 0, "cancelled": 1, "lost": 1}));
        assert!(buckets[..steps - 1].iter().all(|bucket| bucket["queued"] == 0));
    }
    let told = world.send(Ask::get("/api/queue/throughput?span=week")).await;
    assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR");
}

#[tokio::test]
async fn a_query_of_the_wrong_form_is_refused_instead_of_ignored() {
    let world = World::new();
    for path in [
        "/api/queue?limit=0",
        "/api/queue?limit=501",
        "/api/queue?limit=ten",
        "/api/queue?stauts=PENDING",
        "/api/queue?status=PENDING&status=CLAIMED",
        "/api/queue?cursor=abc",
        "/api/queue?cursor=-1",
        "/api/queue/abc?verbose=1",
        "/api/runs?cursor=abc",
        "/api/runs?stauts=FAILURE",
        "/api/workflows?limit=0",
        "/api/runs/run_ok/events?limit=0",
        "/api/runs/run_ok/events?limit=-1",
        "/api/runs/run_ok/events?tail=maybe",
        "/api/runs/run_ok/events?tail=true&cursor=",
        "/api/runs/run_ok/reports?cursor=abc",
        "/health?x=1",
    ] {
        let told = world.send(Ask::get(path)).await;
        assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{path}");
        assert!(!told.reason().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_damaged_ledger_is_listed_with_its_problems_in_either_form() {
    let world = World::new();
    world.enqueue("run_ok").await;
    assert!(!world.send(Ask::get("/api/queue")).await.headers.contains_key("x-cortexpilot-problems"));
    let problem = FileProblem { file: "queue.jsonl".into(), line: 7, problem: "the line does not verify".into() };
    world.ledger.problems.lock().unwrap().push(problem);
    let want = json!([{"file": "queue.jsonl", "line": 7, "problem": "the line does not verify"}]);

    let told = world.send(Ask::get("/api/queue")).await;
    assert_eq!(told.json().as_array().unwrap().len(), 1, "the array is as clients know it");
    assert_eq!(serde_json::from_str::<Value>(told.header("x-cortexpilot-problems")).unwrap(), want);
    assert_eq!(told.header("x-cortexpilot-problem-count"), "1");

    let told = world.send(Ask::get("/api/queue?limit=10")).await;
    assert_eq!(told.json()["problems"], want);
    assert!(!told.headers.contains_key("x-cortexpilot-problems"));
}

#[tokio::test]
async fn runs_and_cases_are_plain_arrays_or_pages() {
    let world = World::new();
    for (path, name) in [("/api/runs", "run_id"), ("/api/workflows", "workflow_id")] {
        let whole = world.send(Ask::get(path)).await.json();
        assert_eq!(whole.as_array().unwrap().len(), 5, "{path}");
        let first = world.send(Ask::get(&format!("{path}?limit=3"))).await.json();
        assert_eq!(first["items"].as_array().unwrap()[..], whole.as_array().unwrap()[..3], "{path}");
        let next = first["next_cursor"].as_str().unwrap();
        let last = world.send(Ask::get(&format!("{path}?limit=3&cursor={next}"))).await.json();
        assert_eq!((&last["items"][1][name], &last["next_cursor"]), (&whole[4][name], &Value::Null), "{path}");
    }
}

#[tokio::test]
async fn an_empty_list_says_so_when_the_runs_root_could_not_be_looked_in() {
    let world = World::new();
    for (root, want) in [
        (RootState::Missing, "the runs root does not exist yet, so nothing was looked at"),
        (RootState::Unreadable("permission denied".into()), "the runs root cannot be read: permission denied"),
    ] {
        *world.runs.root.lock().unwrap() = root;
        let told = world.send(Ask::get("/api/runs")).await;
        assert_eq!((told.status.as_u16(), told.json()), (200, json!([])));
        let problems: Value = serde_json::from_str(told.header("x-cortexpilot-problems")).unwrap();
        assert_eq!(problems, json!([{"file": ".", "problem": want}]));
        assert!(!told.header("x-cortexpilot-problems").contains("/srv"), "the path is not told");
        assert_eq!(world.send(Ask::get("/api/workflows?limit=1")).await.json()["problems"], problems);
    }
}

#[tokio::test]
async fn a_missing_run_is_404_and_has_no_events_and_no_reports() {
    let world = World::new();
    let told = world.send(Ask::get("/api/runs/missing")).await;
    assert_eq!(told.verdict(), "404 RUN_NOT_FOUND");
    assert_eq!(world.send(Ask::get("/api/workflows/none")).await.verdict(), "404 WORKFLOW_NOT_FOUND");
    for path in ["/api/runs/missing/events", "/api/runs/missing/reports", "/api/runs/missing/events?limit=5&tail=true"]
    {
        let told = world.send(Ask::get(path)).await;
        assert_eq!((told.status.as_u16(), told.json()), (200, json!([])), "{path}");
    }
    for path in ["/api/runs/missing/events?cursor=", "/api/runs/missing/reports?limit=5"] {
        assert_eq!(world.send(Ask::get(path)).await.verdict(), "404 RUN_NOT_FOUND", "{path}");
    }
    assert_eq!(world.send(Ask::get("/api/runs/run_shut")).await.verdict(), "409 RUN_UNREADABLE");
}

#[tokio::test]
async fn events_are_asked_for_by_time_count_tail_or_page() {
    let world = World::new();
    let events = async |query: &str| world.send(Ask::get(&format!("/api/runs/run_ok/events{query}"))).await;
    let told = events("?limit=2&tail=true&since=2026-03-01T12:00:01%2B00:00").await;
    assert_eq!(
        told.json(),
        json!([
            {"event": 0, "asked": {"since": "2026-03-01T12:00:01+00:00", "tail": true}},
            {"event": 1, "asked": {"since": "2026-03-01T12:00:01+00:00", "tail": true}},
        ])
    );
    let problems: Value = serde_json::from_str(told.header("x-cortexpilot-problems")).unwrap();
    assert_eq!(problems, json!([{"file": "events.jsonl", "line": 2, "problem": "is no JSON object"}]));
    assert_eq!(events("").await.json().as_array().unwrap().len(), 5);
    assert_eq!(events("?limit=1000").await.json().as_array().unwrap().len(), 5, "a count is no page size");
    let page = events("?limit=3&cursor=").await.json();
    assert_eq!((page["items"].as_array().unwrap().len(), page["next_cursor"].as_str()), (3, Some("3")));
    assert_eq!(page["problems"], problems);
    let last = events("?limit=3&cursor=3").await.json();
    assert_eq!((last["items"].as_array().unwrap().len(), &last["next_cursor"]), (2, &Value::Null));
}

#[tokio::test]
async fn reports_are_the_stored_ones_then_the_derived_ones() {
    let world = World::new();
    let names = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|report| report["name"].as_str().unwrap().to_owned()).collect()
    };
    let whole = world.send(Ask::get("/api/runs/run_ok/reports")).await.json();
    assert_eq!(names(&whole), ["stored_0.json", "stored_1.json", "proof_pack.json"]);
    let page = world.send(Ask::get("/api/runs/run_ok/reports?limit=1")).await.json();
    assert_eq!((names(&page["items"]), page["next_cursor"].as_str()), (vec!["stored_0.json".to_owned()], Some("1")));
}
