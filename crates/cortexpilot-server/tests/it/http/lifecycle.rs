//! An item from preview to its end, through the one door.

use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_server::auth::Auth;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::harness::{AGENT, Ask, OPERATOR, WORKER, World, apply, options, tokens};

const KEPT_MEMBERS: [&str; 19] = [
    "queue_id",
    "task_id",
    "owner",
    "contract_path",
    "workflow_id",
    "source_run_id",
    "status",
    "priority",
    "scheduled_at",
    "deadline_at",
    "run_id",
    "claimed_at",
    "completed_at",
    "sla_state",
    "queue_state",
    "eligible",
    "waiting_reason",
    "created_at",
    "cancelled_at",
];

fn members(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_preview_shows_the_item_and_writes_nothing() {
    let world = World::new();
    let body =
        json!({"priority": 7, "scheduled_at": "2030-01-01T00:00:00Z", "deadline_at": "2030-01-02T00:00:00+02:00"});
    let told = world.send(Ask::post("/api/queue/from-run/run_ok/preview", body)).await;
    assert_eq!(told.status, 200);
    let preview = told.json();
    assert_eq!((&preview["run_id"], &preview["validation"]), (&json!("run_ok"), &json!("fail-closed")));
    assert_eq!(preview["can_apply"], true);
    let item = &preview["preview_item"];
    assert_eq!(members(item), KEPT_MEMBERS);
    assert_eq!(item["scheduled_at"], "2030-01-01T00:00:00Z");
    assert_eq!(item["deadline_at"], "2030-01-02T00:00:00+02:00");
    assert_eq!((&item["queue_id"], &item["created_at"]), (&json!(""), &json!("")));
    assert_eq!((&item["queue_state"], &item["waiting_reason"]), (&json!("waiting"), &json!("scheduled_for_future")));
    assert_eq!(preview["changes"], json!([{"field": "queue", "current": "not-enqueued", "next": "pending"}]));
    assert_eq!(preview["preview_token"].as_str().unwrap().len(), 64);
    assert_eq!(world.lines(), (0, 0));
}

#[tokio::test]
async fn an_item_is_previewed_applied_listed_and_cancelled() {
    let world = World::new();
    let token = world.preview("run_ok").await;
    let told = world.send(Ask::post("/api/queue/from-run/run_ok", apply(&token))).await;
    assert_eq!(told.status, 200);
    let applied = told.json();
    let kept = [
        "event",
        "status",
        "task_id",
        "owner",
        "contract_path",
        "priority",
        "workflow_id",
        "source_run_id",
        "scheduled_at",
        "deadline_at",
        "ts",
        "queue_id",
    ];
    assert_eq!(members(&applied)[..12], kept);
    assert_eq!((&applied["scheduled_at"], &applied["pilot_source"]), (&Value::Null, &json!("http_control_plane")));
    assert_eq!((&applied["principal"], &applied["already_applied"]), (&json!("token:api"), &json!(false)));
    let id = applied["queue_id"].as_str().unwrap();

    let again = world.send(Ask::post("/api/queue/from-run/run_ok", apply(&token))).await.json();
    assert_eq!((again["queue_id"].as_str(), &again["already_applied"]), (Some(id), &json!(true)));
    assert_eq!(world.lines(), (1, 0), "a retry appends nothing");

    let listed = world.send(Ask::get("/api/queue")).await.json();
    assert_eq!(members(&listed[0])[..19], KEPT_MEMBERS);
    assert_eq!(members(&listed[0])[19..], ["asked_by"]);
    assert_eq!(listed[0]["asked_by"], "token:api");
    assert_eq!(world.send(Ask::get(&format!("/api/queue/{id}"))).await.json(), listed[0]);

    let cancel = |reason: &str| Ask::post(&format!("/api/queue/{id}/cancel"), json!({"reason": reason}));
    let told = world.send(cancel("  changed my mind ")).await;
    assert_eq!(told.status, 200);
    let item = told.json();
    assert_eq!(members(&item)[19..], ["reason", "cancelled_by", "asked_by"]);
    assert_eq!((&item["status"], &item["sla_state"]), (&json!("CANCELLED"), &json!("ended")));
    assert_eq!((&item["reason"], &item["cancelled_by"]), (&json!("changed my mind"), &json!("token:api (OPS)")));

    let told = world.send(cancel("again")).await;
    assert_eq!(told.verdict(), "409 QUEUE_ITEM_NOT_CANCELLABLE");
    assert_eq!(told.reason(), format!("queue item `{id}` is not pending"));
    let told = world.send(Ask::post("/api/queue/%20/cancel", json!({}))).await;
    assert_eq!(
        (told.verdict().as_str(), told.reason().as_str()),
        ("409 QUEUE_ITEM_NOT_CANCELLABLE", "queue_id is required")
    );
}

#[tokio::test]
async fn a_shut_gate_refuses_the_apply_and_lets_the_rollback_through() {
    let world = World::with(MutationGate::Shut, Auth::tokens(tokens()), options());
    let preview = world.send(Ask::post("/api/queue/from-run/run_ok/preview", json!({}))).await.json();
    assert_eq!((&preview["can_apply"], &preview["mutation_gate"]), (&json!(false), &json!("default-off")));
    let token = preview["preview_token"].as_str().unwrap();
    let told = world.send(Ask::post("/api/queue/from-run/run_ok", apply(token))).await;
    assert_eq!(told.verdict(), "403 MUTATION_GATE_CLOSED");
    let detail = told.json()["detail"].clone();
    assert_eq!((&detail["retry"], &detail["who_can_act"]), (&json!("never"), &json!("operator")));
    assert_eq!(world.lines(), (0, 1), "the refusal is recorded, the queue is as it was");
    let told = world.send(Ask::post("/api/queue/nope/cancel", json!({}))).await;
    assert_eq!(told.verdict(), "404 QUEUE_ITEM_NOT_FOUND", "cancel asks no gate");
}

#[tokio::test]
async fn a_caller_that_sends_no_token_rests_on_the_preview_it_was_shown() {
    let world = World::new();
    world.preview("run_ok").await;
    let mut body = apply("");
    assert_eq!(
        world.send(Ask::post("/api/queue/from-run/run_two", body.clone())).await.verdict(),
        "409 PREVIEW_REQUIRED"
    );
    body.as_object_mut().unwrap().remove("preview_token");
    assert_eq!(world.send(Ask::post("/api/queue/from-run/run_ok", body)).await.verdict(), "200");
}

#[tokio::test]
async fn a_duplicate_is_an_operators_to_allow_and_nobody_elses() {
    let world = World::new();
    let first = world.enqueue("run_ok").await;
    let token = world.preview("run_ok").await;
    let told = world.send(Ask::post("/api/queue/from-run/run_ok", apply(&token))).await;
    assert_eq!(told.verdict(), "409 ALREADY_PENDING");
    assert_eq!(told.json()["detail"]["queue_id"], first);

    let twice = |token: &str| {
        let mut body = apply(token);
        body["allow_duplicate"] = json!(true);
        Ask::post("/api/queue/from-run/run_ok", body)
    };
    let preview = Ask::post("/api/queue/from-run/run_ok/preview", json!({})).token(AGENT);
    let agents = world.send(preview).await.json()["preview_token"].as_str().unwrap().to_owned();
    assert_eq!(world.send(twice(&agents).token(AGENT)).await.verdict(), "409 ALREADY_PENDING");
    let told = world.send(twice(&token)).await;
    assert_eq!(told.verdict(), "200");
    assert_ne!(told.json()["queue_id"], first);
}

#[tokio::test]
async fn a_worker_claims_and_completes_and_a_claimed_item_is_no_longer_rolled_back() {
    let world = World::new();
    assert_eq!(world.claim().await, json!({"ok": false, "reason": "queue empty"}));
    let id = world.enqueue("run_ok").await;
    let ask = Ask::post("/api/queue/claim", json!({"worker": "box-7", "lease_s": 60})).token(WORKER).no_role();
    let claimed = world.send(ask).await.json();
    assert_eq!((&claimed["ok"], claimed["item"]["queue_id"].as_str()), (&json!(true), Some(id.as_str())));
    assert_eq!(claimed["item"]["status"], "CLAIMED");
    assert_eq!(claimed["lease_expires_at"], "2026-11-22T08:31:52.000000+00:00");
    let lease = claimed["lease_token"].as_str().unwrap();

    let told = world.send(Ask::post(&format!("/api/queue/{id}/cancel"), json!({}))).await;
    assert_eq!(told.verdict(), "409 QUEUE_ITEM_NOT_CANCELLABLE");
    assert!(told.reason().contains("no longer a rollback"));

    let complete = |lease: Value, status: &str| {
        let body = json!({"lease_token": lease, "status": status});
        Ask::post(&format!("/api/queue/{id}/complete"), body).token(WORKER).no_role()
    };
    assert_eq!(world.send(complete(json!("stolen"), "SUCCESS")).await.verdict(), "409 LEASE_INVALID");
    assert_eq!(world.send(complete(json!(null), "SUCCESS")).await.verdict(), "409 LEASE_INVALID");
    let told = world.send(complete(json!(lease), "success")).await;
    assert_eq!((told.verdict().as_str(), &told.json()["status"]), ("200", &json!("SUCCESS")));
    assert_eq!(world.send(complete(json!(lease), "SUCCESS")).await.verdict(), "409 QUEUE_ITEM_NOT_CLAIMED");
}

#[tokio::test]
async fn an_agent_cancels_its_own_items_and_no_others() {
    let world = World::new();
    let foreign = world.enqueue("run_ok").await;
    let cancel = |id: &str| Ask::post(&format!("/api/queue/{id}/cancel"), json!({})).token(AGENT);
    assert_eq!(world.send(cancel(&foreign)).await.verdict(), "403 SCOPE_FORBIDDEN");
    let preview = Ask::post("/api/queue/from-run/run_two/preview", json!({})).token(AGENT);
    let token = world.send(preview).await.json()["preview_token"].as_str().unwrap().to_owned();
    let applied = world.send(Ask::post("/api/queue/from-run/run_two", apply(&token)).token(AGENT)).await.json();
    let own = applied["queue_id"].as_str().unwrap();
    assert_eq!(world.send(cancel(own)).await.verdict(), "200");
}

#[tokio::test]
async fn a_token_of_a_preview_is_worth_nothing_to_another_principal_or_after_its_time() {
    let world = World::new();
    let token = world.preview("run_ok").await;
    let others = Ask::post("/api/queue/from-run/run_ok", apply(&token)).token(AGENT);
    assert_eq!(world.send(others).await.verdict(), "409 PREVIEW_REQUIRED");
    world.clock.advance(SignedDuration::from_mins(15));
    let late = Ask::post("/api/queue/from-run/run_ok", apply(&token)).token(OPERATOR);
    assert_eq!(world.send(late).await.verdict(), "409 PREVIEW_EXPIRED");
}
