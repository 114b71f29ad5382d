//! What the control plane shows of runs beside the lists that `lists` holds: filters, files, what follows from them.

use serde_json::{Value, json};

use super::harness::{AGENT, Ask, Told, World};

async fn get(world: &World, path: &str) -> Told {
    world.send(Ask::get(path)).await
}

#[tokio::test]
async fn runs_are_chosen_by_the_filters_that_were_sent() {
    let world = World::new();
    let query = "status=failure&workflow_id=wf&outcome=GATE&task_id=t&since=2026-03-01T12:00:00%2B01:00&until=2026-03-02T00:00:00Z";
    for path in [format!("/api/runs?{query}"), format!("/api/runs?{query}&limit=2")] {
        let answer = get(&world, &path).await.json();
        let row = answer["items"].get(0).unwrap_or(&answer[0]).clone();
        let asked: Value = serde_json::from_str(row["failure_reason"].as_str().unwrap()).unwrap();
        let want = json!({
            "status": "failure", "workflow_id": "wf", "outcome": "gate", "task_id": "t",
            "since": "2026-03-01T11:00:00Z", "until": "2026-03-02T00:00:00Z",
        });
        assert_eq!(asked, want, "{path}");
    }
    let blank = get(&world, "/api/runs?status=&outcome=%20&since=").await.json();
    assert_eq!(blank, get(&world, "/api/runs").await.json(), "what is blank does not choose");
    for query in ["outcome=maybe", "since=yesterday", "until=2026-03-01T12:00:00", "status=a&status=b", "verdict=x"] {
        let told = get(&world, &format!("/api/runs?{query}")).await;
        assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{query}");
    }
}

#[tokio::test]
async fn a_run_without_files_answers_in_the_shapes_that_clients_know() {
    let world = World::new();
    for run in ["run_two", "missing"] {
        assert_eq!(get(&world, &format!("/api/runs/{run}/diff")).await.json(), json!({"diff": "", "files": []}));
        let files = get(&world, &format!("/api/runs/{run}/artifacts")).await.json();
        assert_eq!(files, json!({"items": [], "artifacts": []}));
    }
    let search = get(&world, "/api/runs/run_two/search").await.json();
    assert_eq!((search.as_object().unwrap().len(), &search["raw"]), (13, &Value::Null));
    assert_eq!(get(&world, "/api/runs/run_two/incident").await.json()["source"], "none");
    assert_eq!(get(&world, "/api/runs/run_two/proof").await.json()["hash_chain"], "absent");
    let compared = get(&world, "/api/runs/run_two/compare?with=run_three").await.json();
    assert_eq!((&compared["run_id"], &compared["comparison"]), (&json!("run_two"), &Value::Null));
    for path in ["search", "proof", "incident", "compare", "compare?with=run_ok", "artifacts/a"] {
        let told = get(&world, &format!("/api/runs/missing/{path}")).await;
        assert_eq!(told.verdict(), "404 RUN_NOT_FOUND", "{path}");
    }
    assert_eq!(get(&world, "/api/runs/run_two/compare?with=missing").await.verdict(), "404 RUN_NOT_FOUND");
    assert_eq!(get(&world, "/api/runs/run_ok/compare?with=..").await.verdict(), "400 RUN_ID_INVALID");
    for path in ["diff", "artifacts", "artifacts/a", "search", "compare", "proof", "incident"] {
        let told = get(&world, &format!("/api/runs/a..b/{path}")).await;
        assert_eq!(told.verdict(), "400 RUN_ID_INVALID", "{path}");
    }
}

#[tokio::test]
async fn a_run_with_everything_is_shown_whole() {
    let world = World::new();
    let of = async |path: &str| get(&world, &format!("/api/runs/run_ok/{path}")).await.json();
    assert_eq!(of("diff").await["files"], json!(["docs/a.md"]));
    let files = of("artifacts").await;
    let states: Vec<_> =
        files["artifacts"].as_array().unwrap().iter().map(|file| file["checksum"].as_str().unwrap()).collect();
    assert_eq!(states, ["verified", "unlisted", "altered", "unchecked", "missing"]);
    assert_eq!(of("search").await["raw"], json!({"latest": {"results": []}}));
    assert_eq!(of("compare").await["source"], "stored");
    let made = of("compare?with=run_ok").await;
    assert_eq!(
        (&made["source"], &made["comparison"]["events"]["RUN_STARTED"]["other"]),
        (&json!("derived"), &json!(2))
    );
    assert_eq!(of("proof").await["evidence"]["altered"], json!(1));
    let incident = of("incident").await;
    assert_eq!((&incident["source"], &incident["outcome_type"]), (&json!("stored"), &json!("success")));
}

#[tokio::test]
async fn a_files_content_is_given_as_what_nobody_carries_out() {
    let world = World::new();
    let set = |bytes: &[u8]| *world.runs.content.lock().unwrap() = bytes.to_vec();
    set(b"<script>alert(1)</script>");
    let told = get(&world, "/api/runs/run_ok/artifacts/sub%2Fpage.html").await;
    assert_eq!((told.status.as_u16(), &told.body[..]), (200, b"<script>alert(1)</script>".as_slice()));
    assert_eq!(told.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(told.header("content-disposition"), "attachment; filename=\"page.html\"");
    assert_eq!(told.header("x-content-type-options"), "nosniff");
    assert_eq!(told.header("x-cortexpilot-size-bytes"), "25");
    assert!(!told.headers.contains_key("x-cortexpilot-next-offset"));
    set(&[0x7F, b'E', b'L', b'F', 0]);
    assert_eq!(get(&world, "/api/runs/run_ok/artifacts/x").await.header("content-type"), "application/octet-stream");
    let none = get(&world, "/api/runs/run_ok/artifacts/none").await;
    assert_eq!(none.verdict(), "404 ARTIFACT_NOT_FOUND");
}

#[tokio::test]
async fn a_file_is_read_to_its_end_in_parts() {
    let world = World::new();
    *world.runs.content.lock().unwrap() = "0123456789ä".as_bytes().to_vec();
    let (mut whole, mut at) = (Vec::new(), "0".to_owned());
    loop {
        let told = get(&world, &format!("/api/runs/run_ok/artifacts/x?offset={at}&limit=4")).await;
        assert_eq!(told.header("content-type"), "text/plain; charset=utf-8", "also where a character is cut");
        whole.extend_from_slice(&told.body);
        match told.headers.get("x-cortexpilot-next-offset") {
            Some(next) => at = next.to_str().unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(whole, "0123456789ä".as_bytes());
    assert!(get(&world, "/api/runs/run_ok/artifacts/x?offset=99").await.body.is_empty());
    for query in ["offset=-1", "offset=x", "offset=99999999999999999999", "limit=0", "limit=8388609", "name=x"] {
        let told = get(&world, &format!("/api/runs/run_ok/artifacts/x?{query}")).await;
        assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{query}");
    }
}

#[tokio::test]
async fn an_agent_gets_a_files_text_with_its_secrets_masked_and_does_not_choose_where_it_is_cut() {
    let world = World::new();
    let secret = format!("gh{}_{}", "p", "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8");
    *world.runs.content.lock().unwrap() = format!("token = {secret}\n").into_bytes();
    let as_agent = async |path: &str| world.send(Ask::get(path).token(AGENT)).await;
    let told = as_agent("/api/runs/run_ok/artifacts/x").await;
    let text = String::from_utf8(told.body.to_vec()).unwrap();
    assert!(text.starts_with("token") && !text.contains(&secret), "{text}");
    assert_eq!(told.header("x-cortexpilot-redacted"), "1");
    for query in ["offset=3", "limit=12"] {
        let told = as_agent(&format!("/api/runs/run_ok/artifacts/x?{query}")).await;
        assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{query}");
    }
    let told = as_agent("/api/runs/run_ok/artifacts?name=x.txt").await;
    assert!(!told.json()["data"].as_str().unwrap().contains(&secret));
    // An operator gets what is stored.
    assert!(String::from_utf8_lossy(&get(&world, "/api/runs/run_ok/artifacts/x").await.body).contains(&secret));
}

#[tokio::test]
async fn one_files_content_is_parsed_where_clients_ask_for_it_by_name() {
    let world = World::new();
    *world.runs.content.lock().unwrap() = b"{\"a\": 1}\n".to_vec();
    let data = async |name: &str| get(&world, &format!("/api/runs/run_ok/artifacts?name={name}")).await.json();
    assert_eq!(data("x.json").await, json!({"name": "x.json", "data": {"a": 1}}));
    assert_eq!(data("x.jsonl").await, json!({"name": "x.jsonl", "data": [{"a": 1}]}));
    assert_eq!(data("x.txt").await, json!({"name": "x.txt", "data": "{\"a\": 1}\n"}));
    assert_eq!(data("none").await, json!({"name": "none", "data": null}));
    assert_eq!(data("").await["items"], json!(["notes.txt"]), "a blank name asks for the list");
    assert_eq!(get(&world, "/api/runs/missing/artifacts?name=x").await.json(), json!({"items": [], "artifacts": []}));
    // What does not fit into the answer is asked for by its own path.
    *world.runs.content.lock().unwrap() = vec![b'1'; (8 << 20) + 1];
    assert_eq!(data("x.json").await, json!({"name": "x.json", "data": null}));
}

#[tokio::test]
async fn lists_over_all_runs_are_plain_arrays_or_pages() {
    let world = World::new();
    for (path, name) in [("/api/reviews", "review_report.json"), ("/api/tests", "test_report.json")] {
        let whole = get(&world, path).await.json();
        assert_eq!((whole.as_array().unwrap().len(), &whole[0]["report"]["name"]), (5, &json!(name)), "{path}");
        let page = get(&world, &format!("{path}?limit=2")).await.json();
        assert_eq!((page["items"].as_array().unwrap().len(), page["next_cursor"].is_string()), (2, true), "{path}");
    }
    for (path, name) in [("/api/contracts", "_run_id"), ("/api/diff-gate", "run_id")] {
        let whole = get(&world, path).await.json();
        assert_eq!((whole.as_array().unwrap().len(), &whole[4][name]), (5, &json!("run_4")), "{path}");
        let page = get(&world, &format!("{path}?limit=2")).await.json();
        assert_eq!((page["items"].as_array().unwrap().len(), page["next_cursor"].is_string()), (2, true), "{path}");
    }
}

#[tokio::test]
async fn the_newest_events_are_counted_as_clients_ask_for_them() {
    let world = World::new();
    for (query, want) in [("", 200), ("?limit=2", 2), ("?limit=2000", 2_000), ("?limit=5000", 2_000)] {
        let events = get(&world, &format!("/api/events{query}")).await.json();
        assert_eq!(events, json!([{"asked": want, "_run_id": "run_ok"}]), "{query}");
    }
    for query in ["limit=0", "limit=5001", "cursor="] {
        assert_eq!(
            get(&world, &format!("/api/events?{query}")).await.verdict(),
            "422 REQUEST_VALIDATION_ERROR",
            "{query}"
        );
    }
}
