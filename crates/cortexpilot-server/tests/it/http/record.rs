//! The record: histories, refusals and decisions, the ledger's lines and its head.

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger;
use cortexpilot_core::port::StoreError;
use serde_json::{Value, json};

use super::harness::{AGENT, Ask, OPS_ONLY, WORKER, World, apply, preview};

async fn cancel(world: &World, id: &str) {
    let told = world.send(Ask::post(&format!("/api/queue/{id}/cancel"), json!({"reason": "not needed"}))).await;
    assert_eq!(told.status, 200, "{told:?}");
}

async fn page(world: &World, path: &str) -> (Vec<Value>, Option<String>) {
    let told = world.send(Ask::get(path)).await;
    assert_eq!(told.status, 200, "{told:?}");
    let page = told.json();
    let items = page["items"].as_array().expect("a page").clone();
    (items, page["next_cursor"].as_str().map(str::to_owned))
}

fn seqs(items: &[Value]) -> Vec<u64> {
    items.iter().map(|item| item["seq"].as_u64().expect("a number")).collect()
}

#[tokio::test]
async fn an_items_history_says_who_did_what_when_and_why_and_where_its_receipts_are() {
    let world = World::new();
    world.enqueue("run_two").await;
    let id = world.enqueue("run_ok").await;
    cancel(&world, &id).await;
    let history = world.send(Ask::get(&format!("/api/queue/{id}/history"))).await.json();
    assert_eq!((&history["item"]["queue_id"], &history["item"]["status"]), (&json!(id), &json!("CANCELLED")));
    let lines = history["lines"].as_array().unwrap();
    assert_eq!(seqs(lines), [2, 3]);
    assert_eq!(
        (&lines[0]["event"], &lines[0]["by"], &lines[0]["reason"]),
        (&json!("QUEUE_ENQUEUE"), &json!("token:api"), &json!("The nightly run failed on a flaky network."))
    );
    assert_eq!(
        (&lines[1]["event"], &lines[1]["by"], &lines[1]["reason"]),
        (&json!("QUEUE_CANCEL"), &json!("token:api (OPS)"), &json!("not needed"))
    );
    let stored = world.ledger.memory.lines();
    for (line, of) in lines.iter().zip(["enqueued", "cancelled"]) {
        let at = usize::try_from(line["seq"].as_u64().unwrap()).unwrap() - 1;
        assert!(stored[at].contains(line["h"].as_str().unwrap()));
        assert_eq!(line["receipt"], format!("/api/queue/{id}/receipt?of={of}"));
        let receipt = world.send(Ask::get(line["receipt"].as_str().unwrap())).await;
        assert_eq!(receipt.status, 200, "the address is one that answers");
    }
    assert_eq!(world.send(Ask::get("/api/queue/none/history")).await.verdict(), "404 QUEUE_ITEM_NOT_FOUND");
}

#[tokio::test]
async fn an_agent_sees_the_history_of_its_own_items_and_a_worker_none() {
    let world = World::new();
    let (own, other) = (world.enqueue_by(AGENT, "run_ok").await, world.enqueue("run_two").await);
    let of = |id: &str, token: &str| Ask::get(&format!("/api/queue/{id}/history")).token(token).no_role();
    let told = world.send(of(&own, AGENT)).await;
    assert_eq!((told.status.as_u16(), &told.json()["lines"][0]["by"]), (200, &json!("agent:bot")), "{told:?}");
    let h = told.json()["lines"][0]["h"].clone();
    assert!(world.ledger.memory.lines()[0].contains(h.as_str().unwrap()), "a hash is no secret: {h}");
    assert_eq!(world.send(of(&other, AGENT)).await.verdict(), "403 SCOPE_FORBIDDEN");
    assert_eq!(world.send(of(&own, WORKER)).await.verdict(), "403 SCOPE_FORBIDDEN");
    assert_eq!(world.send(of(&own, OPS_ONLY)).await.status, 200);
}

#[tokio::test]
async fn decisions_are_listed_newest_first_and_found_by_what_they_say() {
    let world = World::new();
    for run in ["run_ok", "run_two"] {
        assert_eq!(world.send(Ask::post(&format!("/api/queue/from-run/{run}"), json!({}))).await.status, 403);
    }
    assert_eq!(world.send(Ask::post("/api/gate/freeze", json!({"reason": "a loop"}))).await.status, 200);
    let refused = world.send(Ask::post("/api/queue/from-run/run_ok", apply("")).token(AGENT)).await;
    assert_eq!(refused.verdict(), "403 FROZEN");
    let (all, next) = page(&world, "/api/decisions").await;
    assert_eq!((seqs(&all), next), (vec![4, 3, 2, 1], None));
    assert_eq!(
        (&all[0]["event"], &all[0]["code"], &all[0]["principal"], &all[0]["run_id"], &all[0]["count"]),
        (&json!("DENIED"), &json!("FROZEN"), &json!("agent:bot"), &json!("run_ok"), &json!(1))
    );
    assert_eq!(
        (&all[1]["event"], &all[1]["code"], &all[1]["reason"], &all[1]["details"]),
        (&json!("FROZEN"), &Value::Null, &json!("a loop"), &json!({"role": "OPS"}))
    );
    let stored = world.ledger.memory.decisions();
    assert!(stored[3].contains(all[0]["h"].as_str().unwrap()));
    let (first, next) = page(&world, "/api/decisions?limit=3").await;
    let (second, none) = page(&world, &format!("/api/decisions?limit=3&cursor={}", next.unwrap())).await;
    assert_eq!((seqs(&first), seqs(&second), none), (vec![4, 3, 2], vec![1], None));
    for (query, found) in [
        ("event=frozen", vec![3]),
        ("event=DENIED&principal=token:api", vec![2, 1]),
        ("code=CONFIRM_REQUIRED", vec![2, 1]),
        ("code=frozen", vec![4]),
        ("principal=nobody", vec![]),
        ("since=2026-11-22T08:30:52Z", vec![4, 3, 2, 1]),
        ("since=2026-11-22T08:30:53Z", vec![]),
        ("until=2026-11-22T08:30:52Z", vec![]),
    ] {
        assert_eq!(seqs(&page(&world, &format!("/api/decisions?{query}")).await.0), found, "{query}");
    }
    for query in ["since=yesterday", "cursor=x", "limit=501", "limit=0", "kind=x"] {
        let told = world.send(Ask::get(&format!("/api/decisions?{query}"))).await;
        assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{query}");
    }
}

#[tokio::test]
async fn an_agent_sees_its_own_refusals_and_no_token_is_shown_by_its_digest() {
    let world = World::new();
    for token in [AGENT, OPS_ONLY] {
        world.send(Ask::post("/api/queue/from-run/run_ok", json!({})).token(token)).await;
    }
    world.operator("carol").await;
    let told = world.send(Ask::get("/api/decisions").token(AGENT)).await.json();
    let own = told["items"].as_array().unwrap();
    assert_eq!((seqs(own), &own[0]["principal"]), (vec![1], &json!("agent:bot")));
    let others = world.send(Ask::get("/api/decisions?principal=token:ops").token(AGENT)).await;
    assert_eq!(others.verdict(), "403 SCOPE_FORBIDDEN");
    assert_eq!(world.send(Ask::get("/api/decisions").token(WORKER).no_role()).await.verdict(), "403 SCOPE_FORBIDDEN");
    let (all, _) = page(&world, "/api/decisions?event=TOKEN_CREATED").await;
    assert_eq!((&all[0]["details"]["name"], &all[0]["details"]["sha256"]), (&json!("carol"), &Value::Null));
}

#[tokio::test]
async fn the_ledgers_lines_verify_in_either_direction() {
    let world = World::new();
    let first = world.enqueue("run_ok").await;
    cancel(&world, &first).await;
    world.enqueue("run_two").await;
    let (oldest, _) = page(&world, "/api/ledger/entries?order=oldest").await;
    assert_eq!(seqs(&oldest), [1, 2, 3]);
    let mut prev = Sha256Digest::ZERO;
    for entry in &oldest {
        prev = ledger::verify(&prev, entry["line"].as_str().unwrap().as_bytes()).expect("it continues the line before");
        assert_eq!(entry["h"], prev.to_string());
        assert_eq!(entry["bytes"], entry["line"].as_str().unwrap().len());
    }
    let (newest, _) = page(&world, "/api/ledger/entries").await;
    assert_eq!(newest, oldest.iter().rev().cloned().collect::<Vec<_>>());
    let pages = async |path: &str| {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let (items, next) = page(&world, &format!("{path}&limit=1&cursor={cursor}")).await;
            seen.extend(seqs(&items));
            let Some(next) = next else { return seen };
            cursor = next;
        }
    };
    assert_eq!(pages("/api/ledger/entries?order=oldest").await, [1, 2, 3]);
    assert_eq!(pages("/api/ledger/entries?order=newest").await, [3, 2, 1]);
    assert_eq!(pages(&format!("/api/ledger/entries?queue_id={first}")).await, [2, 1]);
    assert_eq!(pages(&format!("/api/ledger/entries?queue_id={first}&order=oldest")).await, [1, 2]);
    assert_eq!(pages(&format!("/api/ledger/entries?queue_id={first}&event=queue_cancel")).await, [2]);
    assert_eq!(pages("/api/ledger/entries?event=QUEUE_ENQUEUE").await, [3, 1]);
    assert_eq!(pages("/api/ledger/entries?queue_id=none").await, [] as [u64; 0]);
    for (token, verdict) in [(AGENT, "403 SCOPE_FORBIDDEN"), (WORKER, "403 SCOPE_FORBIDDEN"), (OPS_ONLY, "200")] {
        assert_eq!(world.send(Ask::get("/api/ledger/entries").token(token).no_role()).await.verdict(), verdict);
    }
    let told = world.send(Ask::get("/api/ledger/entries?order=random")).await;
    assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR");
}

#[tokio::test]
async fn the_lines_of_refusals_and_decisions_verify_as_they_stand() {
    let world = World::new();
    assert_eq!(world.send(Ask::post("/api/queue/from-run/run_ok", json!({}))).await.status, 403);
    assert_eq!(world.send(Ask::post("/api/gate/freeze", json!({}))).await.status, 200);
    let (oldest, _) = page(&world, "/api/ledger/entries?file=decisions&order=oldest").await;
    assert_eq!(seqs(&oldest), [1, 2]);
    let mut prev = Sha256Digest::ZERO;
    for (entry, stored) in oldest.iter().zip(world.ledger.memory.decisions()) {
        assert_eq!(entry["line"], stored);
        prev = ledger::verify(&prev, stored.as_bytes()).expect("it continues the line before");
        assert_eq!(entry["h"], prev.to_string());
    }
    let (frozen, _) = page(&world, "/api/ledger/entries?file=decisions&event=frozen").await;
    assert_eq!(seqs(&frozen), [2]);
    assert_eq!(page(&world, "/api/ledger/entries?file=queue").await.0, [] as [Value; 0]);
    for (query, verdict) in
        [("file=other", "422 REQUEST_VALIDATION_ERROR"), ("file=decisions&queue_id=x", "422 REQUEST_VALIDATION_ERROR")]
    {
        assert_eq!(world.send(Ask::get(&format!("/api/ledger/entries?{query}"))).await.verdict(), verdict);
    }
    let told = world.send(Ask::get("/api/ledger/entries?file=decisions").token(AGENT)).await;
    assert_eq!(told.verdict(), "403 SCOPE_FORBIDDEN");
}

#[tokio::test]
async fn the_ledgers_head_says_how_it_stands() {
    let world = World::new();
    let empty = world.send(Ask::get("/api/ledger")).await.json();
    assert_eq!((&empty["queue"]["lines"], &empty["queue"]["h"]), (&json!(0), &json!("0".repeat(64))));
    assert_eq!(
        (&empty["last_ts"], &empty["sound"], &empty["refuses_writes"]),
        (&Value::Null, &json!(true), &Value::Null)
    );
    world.enqueue("run_ok").await;
    world.send(Ask::post("/api/queue/from-run/run_two", json!({}))).await;
    let head = world.send(Ask::get("/api/ledger").token(AGENT)).await.json();
    assert_eq!((&head["queue"]["lines"], &head["decisions"]["lines"]), (&json!(1), &json!(1)));
    let (queue, decisions) = (world.ledger.memory.lines(), world.ledger.memory.decisions());
    assert!(queue[0].contains(head["queue"]["h"].as_str().unwrap()));
    assert!(decisions[0].contains(head["decisions"]["h"].as_str().unwrap()));
    assert_eq!((&head["queue"]["checkpoint"]["size"], &head["decisions"]["checkpoint"]), (&json!(7), &Value::Null));
    assert_eq!((&head["signing"], &head["gate"]), (&json!("signed"), &json!("/api/gate")));
    *world.ledger.fails.lock().unwrap() = Some(StoreError::Corrupt { file: "queue.jsonl".into(), line: 2 });
    let damaged = world.send(Ask::get("/api/ledger")).await.json();
    assert_eq!((&damaged["sound"], &damaged["refuses_writes"]), (&json!(false), &json!("LEDGER_CORRUPT")));
}

#[tokio::test]
async fn the_last_checkpoint_is_had_by_its_size_and_no_other_is_kept() {
    let world = World::new();
    let list = world.send(Ask::get("/api/ledger/checkpoints")).await.json();
    assert_eq!(
        (list.as_array().unwrap().len(), &list[0]["size"], &list[0]["file"]),
        (1, &json!(7), &json!("queue.jsonl"))
    );
    let one = world.send(Ask::get("/api/ledger/checkpoints/7").token(AGENT)).await;
    assert_eq!(one.json(), list[0]);
    assert!(one.json()["note"].as_str().unwrap().starts_with("test.example/queue.jsonl\n7\n"));
    for path in ["/api/ledger/checkpoints/6", "/api/ledger/checkpoints/7?file=decisions", "/api/ledger/checkpoints/x"] {
        assert_eq!(world.send(Ask::get(path)).await.verdict(), "404 RECEIPT_NOT_FOUND", "{path}");
    }
    let told = world.send(Ask::get("/api/ledger/checkpoints/7?file=x")).await;
    assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR");
    *world.notary.signed.lock().unwrap() = None;
    assert_eq!(world.send(Ask::get("/api/ledger/checkpoints")).await.json(), json!([]));
    assert_eq!(world.send(Ask::get("/api/ledger")).await.json()["queue"]["checkpoint"], Value::Null);
}

#[tokio::test]
async fn with_authentication_off_the_record_is_for_whoever_is_at_the_machine() {
    use cortexpilot_core::domain::command::MutationGate;
    use cortexpilot_server::auth::Auth;

    let world = World::with(MutationGate::Open, Auth::Off, super::harness::options());
    world.preview_of(preview("run_ok").nobody()).await;
    for path in ["/api/ledger", "/api/ledger/entries", "/api/decisions"] {
        assert_eq!(world.send(Ask::get(path).nobody()).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_queue_is_listed_by_where_its_items_stand_now() {
    let world = World::new();
    let (gone, _) = (world.enqueue("run_ok").await, world.enqueue("run_two").await);
    cancel(&world, &gone).await;
    world.claim().await;
    world.enqueue("run_three").await;
    for (state, runs) in [("closed", "run_ok"), ("claimed", "run_two"), ("eligible", "run_three"), ("waiting", "")] {
        let told = world.send(Ask::get(&format!("/api/queue?queue_state={state}"))).await.json();
        let listed: Vec<&str> =
            told.as_array().unwrap().iter().map(|it| it["source_run_id"].as_str().unwrap()).collect();
        assert_eq!(listed.join(" "), runs, "{state}");
    }
    let told = world.send(Ask::get("/api/queue?queue_state=done")).await;
    assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR");
}
