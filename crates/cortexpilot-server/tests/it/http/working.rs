//! The worker protocol, request by request: what a worker looks at, holds and loses, and what operators do about it.

use std::time::Duration;

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::lease::{Concurrency, LeaseWatch};
use cortexpilot_core::port::fake::run_facts;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::harness::{AGENT, Ask, SetUp, Told, WORKER, World, machinist};

fn worker(path: &str, body: Value) -> Ask {
    Ask::post(path, body).token(WORKER).no_role()
}

fn about(id: &str, word: &str, body: Value) -> Ask {
    worker(&format!("/api/queue/{id}/{word}"), body)
}

/// An operator does something about an item, with a reason.
async fn intervene(world: &World, id: &str, word: &str) -> Told {
    world.send(Ask::post(&format!("/api/queue/{id}/{word}"), json!({"reason": "because"}))).await
}

async fn next(world: &World) -> Value {
    let told = world.send(Ask::get("/api/queue/next").token(WORKER).no_role()).await;
    assert_eq!(told.status, 200, "{told:?}");
    told.json()
}

fn ids(list: &Value) -> Vec<&str> {
    list["items"].as_array().expect("a list").iter().map(|item| item["queue_id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_worker_looks_without_leaving_a_line_and_is_told_why_there_is_nothing() {
    let world = World::new();
    assert_eq!(next(&world).await, json!({"items": [], "reason": "queue empty"}));
    let (first, second) = (world.enqueue("run_ok").await, world.enqueue("run_two").await);
    let before = world.lines();
    assert_eq!(ids(&next(&world).await), [&*first, &*second], "in claim order");
    let one = world.send(Ask::get("/api/queue/next?limit=1").token(WORKER).no_role()).await.json();
    assert_eq!((ids(&one), &one["reason"]), (vec![&*first], &Value::Null));
    for limit in ["0", "101", "x"] {
        let told = world.send(Ask::get(&format!("/api/queue/next?limit={limit}")).token(WORKER)).await;
        assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{limit}");
    }
    assert_eq!(world.lines(), before);
}

#[tokio::test]
async fn idle_polling_under_a_freeze_and_a_pause_writes_no_refusal() {
    let world = World::new();
    let id = world.enqueue("run_ok").await;
    assert_eq!(world.send(Ask::post("/api/gate/pause", json!({"reason": "the disk moves"}))).await.status, 200);
    let before = world.lines();
    for _ in 0..3 {
        assert_eq!(next(&world).await, json!({"items": [], "reason": "paused"}));
        let claimed = world.send(worker("/api/queue/claim", json!({}))).await;
        assert_eq!(claimed.json(), json!({"ok": false, "reason": "paused"}), "an answer, not a refusal");
    }
    assert_eq!(world.lines(), before);
    world.send(Ask::post("/api/gate/freeze", json!({"reason": "look first"}))).await;
    let before = world.lines();
    for _ in 0..3 {
        assert_eq!(next(&world).await, json!({"items": [], "reason": "frozen"}));
    }
    assert_eq!(world.lines(), before);
    assert_eq!(world.send(worker("/api/queue/claim", json!({}))).await.verdict(), "403 FROZEN");
    world.send(Ask::post("/api/gate/unfreeze", json!({"reason": "looked"}))).await;
    let standing = world.send(Ask::post("/api/gate/resume", json!({}))).await.json();
    assert_eq!((&standing["paused"], &standing["frozen"]), (&Value::Null, &Value::Null));
    assert_eq!(ids(&next(&world).await), [&*id]);
}

#[tokio::test]
async fn a_pause_stops_claims_and_nothing_else() {
    let world = World::new();
    let (id, lease) = world.claimed("run_ok").await;
    let paused = world.send(Ask::post("/api/gate/pause", json!({"reason": "the disk moves"}))).await.json();
    assert_eq!(paused["paused"]["reason"], "the disk moves");
    assert_eq!((&paused["agents_may_queue"], &paused["frozen"]), (&json!("ON, nobody is asked"), &Value::Null));
    world.enqueue("run_two").await;
    let beat = world.send(about(&id, "heartbeat", json!({"lease_token": lease}))).await;
    let done = world.send(about(&id, "complete", json!({"lease_token": lease, "status": "SUCCESS"}))).await;
    assert_eq!((beat.verdict().as_str(), done.verdict().as_str()), ("200", "200"));
}

#[tokio::test]
async fn a_claim_names_the_one_item_it_wants() {
    let world = World::new();
    let (first, second) = (world.enqueue("run_ok").await, world.enqueue("run_two").await);
    let claim = |id: &str| worker("/api/queue/claim", json!({"worker": "box-7", "lease_s": 60, "queue_id": id}));
    let claimed = world.send(claim(&second)).await.json();
    assert_eq!(claimed["item"]["queue_id"], *second);
    assert_eq!((&claimed["lease_s"], &claimed["attempt"]), (&json!(60), &json!(1)));
    let item = &claimed["item"];
    assert_eq!((&item["attempts"], &item["worker"]), (&json!(1), &json!("box-7")));
    assert_eq!(item["lease_expires_at"], claimed["lease_expires_at"]);
    // Another was faster: not an error, and nothing else is taken instead.
    assert_eq!(world.send(claim(&second)).await.json(), json!({"ok": false, "reason": "queue empty"}));
    assert_eq!(world.send(claim("nope")).await.json()["ok"], false);
    assert_eq!(world.send(claim(" ")).await.verdict(), "422 REQUEST_VALIDATION_ERROR", "not whatever comes next");
    assert_eq!(ids(&next(&world).await), [&*first]);
}

#[tokio::test]
async fn at_capacity_is_said_where_only_a_limit_stands_in_the_way() {
    let concurrency = Concurrency { per_workflow: 1, per_repository: 0 };
    let world = World::of(SetUp { concurrency, ..SetUp::default() });
    for run in ["run_ok", "run_two"] {
        let mut facts = run_facts(run);
        facts.workflow_id = "wf-1".into();
        world.runs.facts.set(facts);
        world.enqueue(run).await;
    }
    assert_eq!(world.claim().await["ok"], true);
    assert_eq!(next(&world).await, json!({"items": [], "reason": "at capacity"}));
    assert_eq!(world.claim().await, json!({"ok": false, "reason": "at capacity"}));
}

#[tokio::test]
async fn the_pinned_contract_is_given_byte_for_byte_and_only_while_it_is_kept() {
    let world = World::new();
    let id = world.enqueue("run_ok").await;
    let path = format!("/api/queue/{id}/contract");
    let told = world.send(Ask::get(&path).token(WORKER).no_role()).await;
    assert_eq!((told.status.as_u16(), told.header("content-type")), (200, "application/json"));
    let (_, lease) = {
        let claimed = world.claim().await;
        assert_eq!(claimed["contract_sha256"], Sha256Digest::of(&told.body).to_string());
        (id.clone(), claimed["lease_token"].clone())
    };
    assert_eq!(world.send(Ask::get(&path)).await.body, told.body, "an operator sees the same");
    assert_eq!(world.send(Ask::get(&path).token(AGENT)).await.verdict(), "403 SCOPE_FORBIDDEN");
    world.send(about(&id, "complete", json!({"lease_token": lease, "status": "SUCCESS"}))).await;
    assert_eq!(world.send(Ask::get(&path)).await.verdict(), "404 ARTIFACT_NOT_FOUND");
    assert_eq!(world.send(Ask::get("/api/queue/none/contract")).await.verdict(), "404 QUEUE_ITEM_NOT_FOUND");
}

#[tokio::test]
async fn a_heartbeat_keeps_the_lease_shows_how_far_it_is_and_leaves_no_line() {
    let world = World::new();
    let (id, lease) = world.claimed("run_ok").await;
    let before = world.lines();
    world.clock.advance(SignedDuration::from_secs(20));
    let progress = json!({"stage": "tests", "message": "12 of 40\u{202e}", "events": 118});
    let beat = world.send(about(&id, "heartbeat", json!({"lease_token": lease, "progress": progress}))).await.json();
    assert_eq!(
        beat,
        json!({"ok": true, "lease_expires_at": "2026-11-22T08:32:12.000000+00:00", "stop": null}),
        "from now on, not from the claim on"
    );
    world.send(about(&id, "heartbeat", json!({"lease_token": lease}))).await;
    let shown = world.send(Ask::get(&format!("/api/queue/{id}"))).await.json();
    assert_eq!(
        shown["progress"],
        json!({"stage": "tests", "message": "12 of 40\\u{202E}", "events": 118, "at": "2026-11-22T08:31:12.000000+00:00", "beats": 2}),
        "without news it is where it was; nothing hidden is shown"
    );
    assert_eq!(shown["lease_expires_at"], beat["lease_expires_at"]);
    assert_eq!(world.lines(), before);
    for (body, verdict) in [
        (json!({"lease_token": "x"}), "409 LEASE_INVALID"),
        (json!({}), "409 LEASE_INVALID"),
        (json!({"lease_token": lease, "progress": {"percent": 5}}), "422 REQUEST_VALIDATION_ERROR"),
        (json!({"lease_token": lease, "progress": {"events": -1}}), "422 REQUEST_VALIDATION_ERROR"),
        (json!({"lease_token": lease, "progress": {"events": u64::MAX}}), "422 REQUEST_VALIDATION_ERROR"),
    ] {
        assert_eq!(world.send(about(&id, "heartbeat", body.clone())).await.verdict(), verdict, "{body}");
    }
    let long = json!({"lease_token": lease, "progress": {"stage": "s".repeat(5000), "message": "m".repeat(5000)}});
    assert_eq!(world.send(about(&id, "heartbeat", long)).await.verdict(), "200", "cut, never refused");
    let of_nobody = about("nope", "heartbeat", json!({"lease_token": lease}));
    assert_eq!(world.send(of_nobody).await.verdict(), "404 QUEUE_ITEM_NOT_FOUND");
    assert_eq!(world.lines(), before, "a refused heartbeat is no line either");
}

#[tokio::test]
async fn whatever_arrives_with_the_token_of_an_earlier_attempt_is_refused_and_changes_nothing() {
    let world = World::new();
    let (id, old) = world.claimed("run_ok").await;
    let all = |lease: &str| {
        [
            about(&id, "heartbeat", json!({"lease_token": lease})),
            about(&id, "complete", json!({"lease_token": lease, "status": "SUCCESS"})),
            about(&id, "complete", json!({"lease_token": lease, "status": "STOPPED"})),
            about(&id, "release", json!({"lease_token": lease, "started": false})),
        ]
    };
    assert_eq!(intervene(&world, &id, "revoke").await.status, 200);
    for ask in all(&old) {
        assert_eq!(world.send(ask).await.verdict(), "409 QUEUE_ITEM_NOT_CLAIMED", "while it is held");
    }
    assert_eq!(intervene(&world, &id, "requeue").await.status, 200);
    for ask in all(&old) {
        assert_eq!(world.send(ask).await.verdict(), "409 QUEUE_ITEM_NOT_CLAIMED", "while it waits again");
    }
    let again = world.claim().await;
    assert_eq!((&again["attempt"], &again["item"]["attempts"]), (&json!(2), &json!(2)));
    let queue = world.lines().0;
    for ask in all(&old) {
        assert_eq!(world.send(ask).await.verdict(), "409 LEASE_INVALID", "while another has it");
    }
    assert_eq!(world.lines().0, queue);
    let new = again["lease_token"].as_str().unwrap();
    let done = world.send(about(&id, "complete", json!({"lease_token": new, "status": "SUCCESS"}))).await;
    assert_eq!(done.json()["status"], "SUCCESS");
}

#[tokio::test]
async fn a_stop_is_heard_honoured_and_never_called_a_rollback() {
    let world = World::new();
    let (id, lease) = world.claimed("run_ok").await;
    let cancel = world.send(Ask::post(&format!("/api/queue/{id}/cancel"), json!({}))).await;
    assert_eq!(cancel.verdict(), "409 QUEUE_ITEM_NOT_CANCELLABLE");
    assert!(cancel.reason().contains("no longer a rollback"));
    let unasked = about(&id, "complete", json!({"lease_token": lease, "status": "STOPPED"}));
    assert_eq!(world.send(unasked).await.verdict(), "409 STOP_NOT_REQUESTED");
    let silent = Ask::post(&format!("/api/queue/{id}/stop"), json!({}));
    assert_eq!(world.send(silent).await.verdict(), "422 METADATA_REQUIRED", "a stop says why");

    let asked = intervene(&world, &id, "stop").await.json();
    let stop = json!({"by": "token:api (OPS)", "reason": "because", "at": "2026-11-22T08:30:52.000000+00:00"});
    assert_eq!(
        (&asked["status"], &asked["stop"]),
        (&json!("CLAIMED"), &stop),
        "it is a request: the item is claimed still"
    );
    let queue = world.lines().0;
    assert_eq!(intervene(&world, &id, "stop").await.json()["stop"], stop, "asked twice it is one request");
    assert_eq!(world.lines().0, queue);
    let beat = world.send(about(&id, "heartbeat", json!({"lease_token": lease}))).await.json();
    assert_eq!(beat["stop"], stop);
    let body = json!({"lease_token": lease, "status": "stopped", "reason": "after step 3"});
    let stopped = world.send(about(&id, "complete", body)).await.json();
    assert_eq!((&stopped["status"], &stopped["sla_state"]), (&json!("STOPPED"), &json!("ended")));
    assert_eq!((&stopped["reason"], &stopped["stop"]), (&json!("after step 3"), &stop));
    for word in ["stop", "revoke"] {
        assert_eq!(intervene(&world, &id, word).await.verdict(), "409 QUEUE_ITEM_NOT_STOPPABLE");
    }
}

#[tokio::test]
async fn work_that_never_began_waits_again_and_work_that_did_is_held() {
    let world = World::new();
    let (id, lease) = world.claimed("run_ok").await;
    let body = json!({"lease_token": lease, "started": false, "reason": "no such repository here"});
    let back = world.send(about(&id, "release", body)).await.json();
    assert_eq!((&back["status"], &back["queue_state"]), (&json!("PENDING"), &json!("waiting")));
    assert_eq!((&back["waiting_reason"], &back["eligible"]), (&json!("backing_off"), &json!(false)));
    assert_eq!(back["not_before"], "2026-11-22T08:31:02.000000+00:00");
    assert_eq!(world.claim().await["reason"], "queue empty");
    world.clock.advance(SignedDuration::from_secs(10));
    let again = world.claim().await;
    assert_eq!(again["attempt"], 2);
    assert_eq!(again["item"]["not_before"], Value::Null, "of a claimed item that is the past");
    // Left out, it is taken that work had begun.
    let held = world.send(about(&id, "release", json!({"lease_token": again["lease_token"]}))).await.json();
    assert_eq!((&held["status"], &held["queue_state"]), (&json!("LOST"), &json!("held")));
    assert_eq!((&held["held"]["kind"], &held["held"]["by"]), (&json!("LOST"), &json!("worker:one")));
    assert_eq!(world.send(Ask::get("/api/queue?queue_state=held")).await.json()[0]["queue_id"], *id);
    let listed = world.send(Ask::get("/api/queue?status=lost")).await.json();
    assert_eq!(listed[0]["held"], held["held"]);
}

#[tokio::test]
async fn only_an_operator_settles_what_is_held() {
    let world = World::new();
    let id = world.held("run_ok").await;
    for word in ["stop", "revoke", "requeue", "fail"] {
        for token in [WORKER, AGENT] {
            let path = format!("/api/queue/{id}/{word}");
            let told = world.send(Ask::post(&path, json!({"reason": "because"})).token(token)).await;
            assert_eq!(told.verdict(), "403 SCOPE_FORBIDDEN", "{word}");
        }
    }
    let failed = intervene(&world, &id, "fail").await.json();
    assert_eq!((&failed["status"], &failed["queue_state"]), (&json!("FAILURE"), &json!("closed")));
    assert_eq!((&failed["reason"], &failed["ended_by"]), (&json!("because"), &json!("token:api (OPS)")));
    for word in ["requeue", "fail"] {
        assert_eq!(intervene(&world, &id, word).await.verdict(), "409 QUEUE_ITEM_NOT_HELD", "{word}");
    }
    let other = world.held("run_two").await;
    let waits = intervene(&world, &other, "requeue").await.json();
    assert_eq!((&waits["status"], &waits["eligible"], &waits["held"]), (&json!("PENDING"), &json!(true), &Value::Null));
    let cancelled = world.send(Ask::post(&format!("/api/queue/{other}/cancel"), json!({}))).await;
    assert_eq!(cancelled.json()["status"], "CANCELLED", "pending again, it can be rolled back again");
}

#[tokio::test]
async fn interventions_work_while_all_else_is_shut() {
    let world = World::new();
    let (claimed, held) = (world.claimed("run_ok").await.0, world.held("run_two").await);
    world.send(Ask::post("/api/gate/freeze", json!({"reason": "look first"}))).await;
    for (id, word) in [(&claimed, "stop"), (&claimed, "revoke"), (&held, "fail"), (&claimed, "requeue")] {
        assert_eq!(intervene(&world, id, word).await.verdict(), "200", "{word}");
    }
}

#[tokio::test]
async fn a_worker_that_falls_silent_loses_its_item_by_the_watchs_clock_alone() {
    let world = World::new();
    // Counting begins when somebody asks for the first time.
    let metrics = async || world.send(Ask::get("/metrics")).await;
    let counted = "cortexpilot_queue_events_total{event=\"QUEUE_HOLD\",status=\"LOST\"}";
    assert!(metrics().await.text().contains(&format!("{counted} 0\n")));
    let (id, lease) = world.claimed("run_ok").await;
    let mut watch = LeaseWatch::new();
    let mut look = async |seconds| {
        let elapsed = Duration::from_secs(seconds);
        world.machine.sweep(&machinist(), &mut watch, elapsed).await.unwrap().len()
    };
    assert_eq!(look(0).await, 0);
    // Ten years are no reason; a minute of silence is.
    world.clock.advance(SignedDuration::from_hours(24 * 3650));
    assert_eq!(look(59).await, 0);
    assert_eq!(world.send(about(&id, "heartbeat", json!({"lease_token": lease}))).await.verdict(), "200");
    assert_eq!(look(61).await, 0, "it was heard");
    assert_eq!(look(120).await, 0);
    assert_eq!(look(121).await, 1);
    let lost = world.send(Ask::get(&format!("/api/queue/{id}"))).await.json();
    assert_eq!((&lost["status"], &lost["held"]["by"]), (&json!("LOST"), &Value::Null), "nobody took it away");
    let late = world.send(about(&id, "complete", json!({"lease_token": lease, "status": "SUCCESS"}))).await;
    assert_eq!(late.verdict(), "409 QUEUE_ITEM_NOT_CLAIMED");
    let told = metrics().await;
    for line in [
        &format!("{counted} 1"),
        "cortexpilot_queue_events_total{event=\"QUEUE_CLAIM\",status=\"\"} 1",
        "cortexpilot_queue_items{state=\"held\"} 1",
        "cortexpilot_queue_items{state=\"claimed\"} 0",
        "cortexpilot_lease_silence_seconds 0",
        "cortexpilot_workers 0",
    ] {
        assert!(told.text().lines().any(|have| have == line), "{line}\n{}", told.text());
    }
    assert_eq!(metrics().await.text().matches(&format!("{counted} 1\n")).count(), 1, "a line is counted once");
}

#[tokio::test]
async fn the_history_of_an_item_names_every_attempt_and_who_did_what() {
    let world = World::new();
    let (id, _) = world.claimed("run_ok").await;
    for word in ["stop", "revoke", "requeue"] {
        assert_eq!(intervene(&world, &id, word).await.status, 200, "{word}");
    }
    let lease = world.claim().await["lease_token"].clone();
    let body = json!({"lease_token": lease, "status": "FAILURE", "reason": "3 tests fail"});
    assert_eq!(world.send(about(&id, "complete", body)).await.status, 200);
    let history = world.send(Ask::get(&format!("/api/queue/{id}/history"))).await.json();
    let lines = history["lines"].as_array().unwrap();
    let shown: Vec<_> =
        lines.iter().map(|line| [&line["event"], &line["by"], &line["reason"]].map(Value::as_str)).collect();
    let operator = Some("token:api (OPS)");
    let because = Some("because");
    assert_eq!(
        shown,
        [
            [Some("QUEUE_ENQUEUE"), Some("token:api"), Some("The nightly run failed on a flaky network.")],
            [Some("QUEUE_CLAIM"), Some("box-7"), None],
            [Some("QUEUE_STOP"), operator, because],
            [Some("QUEUE_HOLD"), operator, because],
            [Some("QUEUE_REQUEUE"), operator, because],
            [Some("QUEUE_CLAIM"), Some("worker:one"), None],
            [Some("QUEUE_DONE"), None, Some("3 tests fail")],
        ]
    );
}

#[tokio::test]
async fn a_worker_says_that_it_is_there_and_is_forgotten_when_it_falls_silent() {
    let world = World::new();
    let list = || Ask::get("/api/workers");
    assert_eq!(world.send(list()).await.json(), json!([]));
    let before = world.lines();
    let body =
        json!({"worker": "box-7", "host": "box\u{202e}7", "slots": 2, "running": ["0".repeat(32)], "draining": true});
    let said = world.send(worker("/api/workers/presence", body)).await;
    assert_eq!(said.json(), json!({"ok": true, "again_within_s": 180}));
    world.send(worker("/api/workers/presence", json!({"worker": "box-8"}))).await;
    let workers = world.send(list()).await.json();
    assert_eq!((&workers[0]["worker"], &workers[0]["principal"]), (&json!("box-7"), &json!("worker:one")));
    assert_eq!((&workers[0]["surface"], &workers[0]["host"]), (&json!("http"), &json!("box\\u{202E}7")));
    assert_eq!((&workers[0]["draining"], &workers[0]["running"]), (&json!(true), &json!(["0".repeat(32)])));
    let page = world.send(Ask::get("/api/workers?limit=1")).await.json();
    assert_eq!((&page["items"][0]["worker"], &page["next_cursor"]), (&json!("box-7"), &json!("box-7")));
    let rest = world.send(Ask::get("/api/workers?limit=1&cursor=box-7")).await.json();
    assert_eq!((&rest["items"][0]["worker"], &rest["next_cursor"]), (&json!("box-8"), &Value::Null));
    assert_eq!(world.lines(), before, "a presence is no line");
    world.send(worker("/api/workers/presence", json!({"worker": "box-8", "gone": true}))).await;
    assert_eq!(world.send(list()).await.json().as_array().unwrap().len(), 1);
    world.clock.advance(SignedDuration::from_secs(181));
    assert_eq!(world.send(list()).await.json(), json!([]));
    for body in [
        json!({}),
        json!({"worker": " "}),
        json!({"worker": "a\nb"}),
        json!({"worker": "w", "running": [""]}),
        json!({"worker": "w", "started_at": "yesterday"}),
        json!({"worker": "w", "slots": -1}),
        json!({"worker": "w", "slots": 1025}),
        json!({"worker": "w", "pid": 4294967295_u32}),
        json!({"worker": "w", "cannot": [{"queue_id": "x"}]}),
    ] {
        let told = world.send(worker("/api/workers/presence", body.clone())).await;
        assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{body}");
    }
    assert_eq!(world.send(list().token(WORKER).no_role()).await.verdict(), "403 SCOPE_FORBIDDEN");
    assert_eq!(world.send(list().token(AGENT)).await.verdict(), "403 SCOPE_FORBIDDEN");
}
