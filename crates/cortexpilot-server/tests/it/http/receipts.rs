//! Receipts: never asked for unless preferred, never a reason to answer what was done as not done, and shown to whoever may
//! see what they are of.

use std::time::Duration;

use cortexpilot_core::domain::approval::ApprovalId;
use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::domain::token::TokenText;
use cortexpilot_core::port::receipts::{LineOf, NoReceipt, Signing};
use serde_json::{Value, json};

use super::harness::{AGENT, Ask, OPERATOR, Told, VIEWER, WORKER, World, apply, decide, preview};

const APPLY: &str = "/api/queue/from-run/run_ok";

impl Ask {
    fn prefer(self) -> Self {
        self.header("prefer", "receipt")
    }
}

impl World {
    fn asked(&self) -> Vec<(LineOf, bool)> {
        std::mem::take(&mut *self.notary.asked.lock().expect("no test panics while it holds this"))
    }

    fn no_receipt(&self, problem: NoReceipt) {
        *self.notary.answer.lock().expect("no test panics while it holds this") = Err(problem);
    }
}

fn id(text: &Value) -> QueueItemId {
    QueueItemId::parse(text.as_str().expect("an id")).expect("an id")
}

fn assert_receipt(told: &Told, what: &str) {
    assert_eq!(told.status, 200, "{what}: {told:?}");
    let receipt = &told.json()["receipt"];
    assert_eq!((&receipt["format"], &receipt["index"]), (&json!("cortexpilot-receipt/1"), &json!(6)), "{what}");
    let members: Vec<&String> = receipt.as_object().expect("an object").keys().collect();
    assert_eq!(members.len(), 5, "{what}: a file of it must verify as it is");
    assert_eq!(told.json()["receipt_problem"], Value::Null, "{what}");
    assert_eq!(told.header("preference-applied"), "receipt", "{what}");
}

#[tokio::test]
async fn every_operation_that_writes_gives_a_receipt_to_who_prefers_one_and_none_to_who_does_not() {
    let world = World::new();
    let seen = world.preview("run_ok").await;
    let plain = world.send(Ask::post(APPLY, apply(&seen))).await;
    assert_eq!(world.asked(), [], "nobody asked");
    assert!(plain.json().get("receipt").is_none() && !plain.headers.contains_key("preference-applied"));

    let again = world.send(Ask::post(APPLY, apply(&seen)).prefer()).await;
    assert_receipt(&again, "an apply that was applied before");
    let item = id(&plain.json()["queue_id"]);
    assert_eq!(world.asked(), [(LineOf::Enqueued(item.clone()), true)]);
    let mut without = again.json();
    for member in ["receipt", "receipt_problem", "already_applied"] {
        without.as_object_mut().expect("an object").remove(member);
    }
    let mut answer = plain.json();
    answer.as_object_mut().expect("an object").remove("already_applied");
    assert_eq!(without, answer, "the answer is what it is without");

    let told = world.send(Ask::post("/api/queue/claim", json!({})).token(WORKER).no_role().prefer()).await;
    assert_receipt(&told, "a claim");
    assert_eq!(world.asked(), [(LineOf::Claimed(item.clone()), true)]);
    let body = json!({"lease_token": told.json()["lease_token"], "status": "SUCCESS"});
    let complete = Ask::post(&format!("/api/queue/{item}/complete"), body);
    assert_receipt(&world.send(complete.token(WORKER).no_role().prefer()).await, "a completion");
    assert_eq!(world.asked(), [(LineOf::Completed(item), true)]);

    let second = world.enqueue("run_two").await;
    assert_receipt(
        &world.send(Ask::post(&format!("/api/queue/{second}/cancel"), json!({})).prefer()).await,
        "a cancel",
    );
    assert_eq!(world.asked(), [(LineOf::Cancelled(id(&json!(second))), true)]);
    for (word, of) in [
        ("freeze", LineOf::Frozen),
        ("unfreeze", LineOf::Unfrozen),
        ("pause", LineOf::Paused),
        ("resume", LineOf::Resumed),
    ] {
        let ask = Ask::post(&format!("/api/gate/{word}"), json!({"reason": "why"}));
        assert_receipt(&world.send(ask.prefer()).await, word);
        assert_eq!(world.asked(), [(of, true)]);
    }
    let token = TokenText::parse(&world.operator("olga").await).expect("a token").id().clone();
    let revoke = Ask::post(&format!("/api/tokens/{token}/revoke"), json!({"reason": "lost"}));
    assert_receipt(&world.send(revoke.prefer()).await, "a revocation");
    assert_eq!(world.asked(), [(LineOf::Token(token), true)]);
}

#[tokio::test]
async fn what_becomes_of_a_claim_has_receipts_too_and_a_heartbeat_has_no_line_to_prove() {
    let world = World::new();
    let (claimed, lease) = world.claimed("run_ok").await;
    let of = id(&json!(claimed));
    let about = |word: &str, body: Value| Ask::post(&format!("/api/queue/{claimed}/{word}"), body).prefer();
    let told = world.send(about("heartbeat", json!({"lease_token": lease}))).await;
    assert_eq!((&told.json()["receipt"], &told.json()["ok"]), (&Value::Null, &json!(true)));
    assert_eq!(told.json()["receipt_problem"]["code"], "RECEIPT_NOT_FOUND");
    assert_eq!(world.asked(), []);
    for (word, line) in [
        ("stop", LineOf::StopRequested(of.clone())),
        ("revoke", LineOf::Held(of.clone())),
        ("requeue", LineOf::Requeued(of.clone())),
    ] {
        assert_receipt(&world.send(about(word, json!({"reason": "why"}))).await, word);
        assert_eq!(world.asked(), [(line, true)], "{word}");
    }
    for (started, line) in [(false, LineOf::Requeued(of.clone())), (true, LineOf::Held(of.clone()))] {
        let lease = world.claim().await["lease_token"].clone();
        let body = json!({"lease_token": lease, "started": started});
        assert_receipt(&world.send(about("release", body)).await, "a release");
        assert_eq!(world.asked(), [(line, true)]);
        world.clock.advance(jiff::SignedDuration::from_secs(10));
    }
    assert_receipt(&world.send(about("fail", json!({"reason": "why"}))).await, "fail");
    assert_eq!(world.asked(), [(LineOf::Completed(of.clone()), true)]);
    // Each of these is proven later too; what was not done is not.
    for (word, line) in [
        ("stop_requested", LineOf::StopRequested(of.clone())),
        ("held", LineOf::Held(of.clone())),
        ("requeued", LineOf::Requeued(of.clone())),
        ("completed", LineOf::Completed(of.clone())),
    ] {
        let told = world.send(Ask::get(&format!("/api/queue/{claimed}/receipt?of={word}"))).await;
        assert_eq!((told.verdict().as_str(), world.asked()), ("200", vec![(line, false)]), "{word}");
    }
    let never = world.send(Ask::get(&format!("/api/queue/{claimed}/receipt?of=expired"))).await;
    assert_eq!(never.verdict(), "404 RECEIPT_NOT_FOUND");
}

#[tokio::test]
async fn what_people_decide_has_receipts_too() {
    let world = World::under(ApprovalPolicy::TwoPerson);
    let (alice, bob, carol) =
        (world.operator("alice").await, world.operator("bob").await, world.operator("carol").await);
    let seen = world.preview_of(preview("run_ok").token(&alice)).await;
    let told = world.send(Ask::post(APPLY, apply(&seen)).token(&alice).prefer()).await;
    assert_receipt(&told, "a request");
    let approval = told.json()["approval"]["id"].as_str().expect("an id").to_owned();
    let request = LineOf::Request(ApprovalId::parse(&approval).expect("an id"));
    assert_eq!(world.asked(), [(request.clone(), true)]);
    assert_receipt(&world.send(decide(&approval, "approve", &bob).prefer()).await, "the first of two");
    assert_eq!(world.asked(), [(request, true)]);
    let told = world.send(decide(&approval, "approve", &carol).prefer()).await;
    assert_receipt(&told, "the last yes");
    assert_eq!(world.asked(), [(LineOf::Enqueued(id(&told.json()["queue_id"])), true)], "which is the item's line");

    let other = world.request(&alice, "run_two").await;
    assert_receipt(&world.send(decide(&other, "reject", &bob).prefer()).await, "a no");
    assert_eq!(world.asked(), [(LineOf::Request(ApprovalId::parse(&other).expect("an id")), true)]);
}

#[tokio::test]
async fn what_was_done_is_answered_as_done_whatever_becomes_of_its_receipt() {
    for (problem, code) in [
        (NoReceipt::NoKey, "RECEIPT_NO_KEY"),
        (NoReceipt::NoLine, "RECEIPT_NOT_FOUND"),
        (NoReceipt::NotCovered { retry_after_s: Some(9) }, "RECEIPT_NOT_COVERED"),
        (NoReceipt::Failed("/secret/path: no space".into()), "RECEIPT_NOT_COVERED"),
    ] {
        let world = World::new();
        world.no_receipt(problem);
        let seen = world.preview("run_ok").await;
        let told = world.send(Ask::post(APPLY, apply(&seen)).prefer()).await;
        assert_eq!((told.status.as_u16(), &told.json()["receipt"]), (200, &Value::Null), "{code}");
        assert_eq!(told.json()["receipt_problem"]["code"], code);
        assert!(told.json()["receipt_problem"]["reason"].as_str().is_some_and(|reason| reason.contains('.')));
        assert!(!told.text().contains("secret"), "{}", told.text());
        assert_eq!(told.json()["current_status"], "PENDING");
        assert_eq!(world.lines().0, 1);
    }
    let world = World::new();
    let told = world.send(Ask::post("/api/queue/claim", json!({})).token(WORKER).no_role().prefer()).await;
    assert_eq!((told.status.as_u16(), &told.json()["ok"]), (200, &json!(false)));
    assert_eq!(told.json()["receipt_problem"]["code"], "RECEIPT_NOT_FOUND", "nothing was written");
    assert_eq!(world.asked(), []);
}

#[tokio::test(start_paused = true)]
async fn a_signer_that_hangs_delays_the_answer_and_never_takes_it_away() {
    let world = World::new();
    *world.notary.hangs.lock().expect("no test panics while it holds this") = true;
    let seen = world.preview("run_ok").await;
    let before = tokio::time::Instant::now();
    let told = world.send(Ask::post(APPLY, apply(&seen)).prefer()).await;
    assert!(before.elapsed() < Duration::from_secs(30));
    assert_eq!((told.status.as_u16(), &told.json()["receipt"]), (200, &Value::Null), "{told:?}");
    assert_eq!(told.json()["receipt_problem"]["code"], "RECEIPT_NOT_COVERED");
}

#[tokio::test]
async fn what_is_refused_has_no_receipt_and_asks_for_none() {
    let world = World::new();
    for ask in [
        Ask::post(APPLY, apply("")).prefer(),
        Ask::post("/api/gate/freeze", json!({})).token(VIEWER).prefer(),
        Ask::post("/api/gate/freeze", json!({})).nobody().prefer(),
        Ask::post(APPLY, json!({"no_such_member": 1})).prefer(),
    ] {
        let told = world.send(ask).await;
        assert!(told.status.as_u16() >= 400 && told.json().get("receipt").is_none(), "{told:?}");
        assert!(!told.headers.contains_key("preference-applied"));
    }
    assert_eq!(world.asked(), []);
}

#[tokio::test]
async fn an_items_receipts_are_there_for_whoever_sees_the_item_and_only_of_what_was_done() {
    let world = World::new();
    let item = world.enqueue("run_ok").await;
    let of = |of: &str| Ask::get(&format!("/api/queue/{item}/receipt{of}"));
    for token in [OPERATOR, VIEWER, AGENT, WORKER] {
        let told = world.send(of("").token(token).no_role()).await;
        assert_eq!((told.status.as_u16(), &told.json()["format"]), (200, &json!("cortexpilot-receipt/1")), "{token}");
    }
    let queued = LineOf::Enqueued(id(&json!(item)));
    assert!(world.asked().iter().all(|asked| *asked == (queued.clone(), false)), "and nothing is signed for it");
    assert_eq!(world.send(of("").nobody()).await.verdict(), "401 AUTH_MISSING_BEARER");
    assert_eq!(world.send(of("?of=signed")).await.verdict(), "422 REQUEST_VALIDATION_ERROR");
    for not_done in ["cancelled", "claimed", "completed"] {
        let told = world.send(of(&format!("?of={not_done}"))).await;
        assert_eq!(told.verdict(), "404 RECEIPT_NOT_FOUND", "{not_done}");
    }
    for missing in ["0".repeat(32), "nonsense".into()] {
        let told = world.send(Ask::get(&format!("/api/queue/{missing}/receipt"))).await;
        assert_eq!(told.verdict(), "404 QUEUE_ITEM_NOT_FOUND");
    }
    assert_eq!(world.asked(), []);
    world.claim().await;
    assert_eq!(world.send(of("?of=claimed")).await.status, 200);
    assert_eq!(world.send(of("?of=completed")).await.verdict(), "404 RECEIPT_NOT_FOUND");
    assert_eq!(world.asked(), [(LineOf::Claimed(id(&json!(item))), false)]);

    world.no_receipt(NoReceipt::NotCovered { retry_after_s: Some(60) });
    let told = world.send(of("")).await;
    assert_eq!((told.verdict().as_str(), told.header("retry-after")), ("409 RECEIPT_NOT_COVERED", "60"));
    world.no_receipt(NoReceipt::NotCovered { retry_after_s: None });
    assert!(!world.send(of("")).await.headers.contains_key("retry-after"), "nobody signs by the clock");
    world.no_receipt(NoReceipt::NoKey);
    assert_eq!(world.send(of("")).await.verdict(), "409 RECEIPT_NO_KEY");
    world.no_receipt(NoReceipt::Failed("/secret/path".into()));
    let told = world.send(of("")).await;
    assert_eq!(told.verdict(), "503 STORE_UNAVAILABLE");
    assert!(!told.text().contains("secret"));
}

#[tokio::test]
async fn a_requests_receipt_is_shown_to_operators_and_to_the_agent_that_asked() {
    let world = World::under(ApprovalPolicy::Operator);
    let alice = world.operator("alice").await;
    let (bot, other) = (world.agent("bot", "operator:alice").await, world.agent("other", "operator:alice").await);
    let worker = world.token(PrincipalKind::Worker, "w1", "", None).await;
    let approval = world.request(&bot, "run_ok").await;
    let ask = || Ask::get(&format!("/api/approvals/{approval}/receipt")).no_role();
    for (token, want) in
        [(alice.as_str(), "200"), (&bot, "200"), (&other, "404 APPROVAL_NOT_FOUND"), (&worker, "403 SCOPE_FORBIDDEN")]
    {
        assert_eq!(world.send(ask().token(token)).await.verdict(), want);
    }
    let request = LineOf::Request(ApprovalId::parse(&approval).expect("an id"));
    assert_eq!(world.asked(), [(request.clone(), false), (request, false)]);
    let told = world.send(decide(&approval, "approve", &alice)).await;
    world.send(ask().token(&alice)).await;
    assert_eq!(world.asked(), [(LineOf::Enqueued(id(&told.json()["queue_id"])), false)], "its item's line");
    for missing in [format!("apr_{}", "0".repeat(32)), "nonsense".into()] {
        let told = world.send(Ask::get(&format!("/api/approvals/{missing}/receipt"))).await;
        assert_eq!(told.verdict(), "404 APPROVAL_NOT_FOUND");
    }
}

#[tokio::test]
async fn a_signer_that_fails_is_told_and_stops_nothing() {
    let world = World::new();
    assert_eq!(world.send(Ask::get("/readyz").nobody()).await.json(), json!({"status": "ok"}));
    *world.notary.signing.lock().expect("no test panics while it holds this") = Signing::Failing;
    let told = world.send(Ask::get("/readyz").nobody()).await;
    assert_eq!((told.status.as_u16(), told.json()), (200, json!({"status": "ok", "checkpoints": "failing"})));
    let metrics = world.send(Ask::get("/metrics")).await;
    for line in [
        "cortexpilot_checkpoint_signing{state=\"failing\"} 1",
        "cortexpilot_checkpoint_lines{file=\"queue.jsonl\"} 7",
        "cortexpilot_checkpoint_lines{file=\"decisions.jsonl\"} 2",
        "cortexpilot_checkpoint_failures_total 3",
        "cortexpilot_checkpoint_timestamp_seconds 1795336252",
    ] {
        assert!(metrics.text().lines().any(|told| told == line), "{line}\n{}", metrics.text());
    }
    world.enqueue("run_ok").await;
}
