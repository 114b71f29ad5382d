//! Requests that people decide, from asking to the item's line.

use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::domain::run::Pinned;
use cortexpilot_core::port::fake::run_facts;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::harness::{AGENT, Ask, OPERATOR, WORKER, World, apply, decide, preview};

const APPLY: &str = "/api/queue/from-run/run_ok";

async fn look(world: &World, id: &str) -> Value {
    let told = world.send(Ask::get(&format!("/api/approvals/{id}"))).await;
    assert_eq!(told.status, 200, "{told:?}");
    told.json()
}

fn line(world: &World) -> Value {
    let lines = world.ledger.memory.lines();
    assert_eq!(lines.len(), 1);
    serde_json::from_str(&lines[0]).expect("JSON")
}

#[tokio::test]
async fn an_agent_asks_and_a_persons_yes_is_the_items_line() {
    let world = World::under(ApprovalPolicy::Operator);
    let (alice, bob) = (world.operator("alice").await, world.operator("bob").await);
    let bot = world.agent("bot", "operator:alice").await;
    let seen = world.send(preview("run_ok").token(&bot)).await.json();
    assert_eq!((&seen["approval_policy"], &seen["approval"]), (&json!("operator"), &Value::Null));
    let last = seen["gates"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["gate"], &last["open"], &last["code"]), (&json!("approval_policy"), &Value::Null, &Value::Null));
    assert_eq!(seen["can_apply"], true);

    let ask = || Ask::post(APPLY, apply(seen["preview_token"].as_str().unwrap())).token(&bot);
    let told = world.send(ask()).await;
    assert_eq!((told.status.as_u16(), &told.json()["status"]), (200, &json!("PENDING_APPROVAL")));
    let asked = told.json()["approval"].clone();
    assert_eq!((&asked["needs"], &asked["has"]), (&json!(1), &json!(0)));
    let id = asked["id"].as_str().unwrap().to_owned();
    let before = world.lines();
    assert_eq!(world.send(ask()).await.json()["approval"], asked, "asked again, it is the same request");
    assert_eq!(world.lines(), before);
    assert_eq!(before.0, 0, "nothing is queued yet");
    let polled = world.send(preview("run_ok").token(&bot)).await.json()["approval"].clone();
    assert_eq!((&polled["id"], &polled["status"]), (&json!(id), &json!("PENDING")));

    let yes = world.send(decide(&id, "approve", &bob)).await;
    assert_eq!(yes.status, 200, "{yes:?}");
    let yes = yes.json();
    assert_eq!((&yes["event"], &yes["approvals"]), (&json!("QUEUE_ENQUEUE"), &json!(["operator:bob (OPS)"])));
    assert_eq!((&yes["principal"], &yes["pilot_source"]), (&json!("agent:bot"), &json!("http_control_plane")));
    assert_eq!((&line(&world)["approvals"], &line(&world)["h"]), (&yes["approvals"], &yes["h"]));
    assert_eq!(id, format!("apr_{}", yes["queue_id"].as_str().unwrap()));

    // A double click, a second person, the agent's own retry: nothing is appended any more.
    for (token, word) in [(&bob, "approve"), (&alice, "approve"), (&alice, "reject")] {
        let told = world.send(decide(&id, word, token)).await;
        assert_eq!(told.verdict(), "409 APPROVAL_DECIDED");
        assert_eq!(told.json()["detail"]["queue_id"], yes["queue_id"]);
    }
    let retry = world.send(ask()).await.json();
    assert_eq!((&retry["already_applied"], &retry["queue_id"]), (&json!(true), &yes["queue_id"]));
    assert_eq!(world.lines().0, 1);
    let seen = look(&world, &id).await;
    assert_eq!((&seen["status"], &seen["needs"], &seen["has"]), (&json!("APPROVED"), &json!(1), &json!(1)));
    assert_eq!(seen["item"]["approvals"], json!(["operator:bob (OPS)"]));
    assert_eq!(seen["item"]["current_status"], "PENDING");
}

#[tokio::test]
async fn an_operator_approves_an_own_request_by_typing_the_runs_id_and_in_no_other_way() {
    let world = World::under(ApprovalPolicy::Operator);
    let alice = world.operator("alice").await;
    let typed = async |token: &str, run_id: &str| {
        let mut body = apply(&world.preview_of(preview("run_ok").token(token)).await);
        body["confirm_run_id"] = json!(run_id);
        world.send(Ask::post(APPLY, body).token(token)).await
    };
    assert_eq!(typed(&alice, "run_two").await.verdict(), "403 CONFIRM_REQUIRED");
    assert_eq!(typed(&alice, "").await.verdict(), "403 CONFIRM_REQUIRED");
    let id = world.request(&alice, "run_ok").await;
    let told = world.send(decide(&id, "approve", &alice)).await;
    assert_eq!(told.verdict(), "403 SELF_APPROVAL");
    assert!(look(&world, &id).await["you"]["asked"] == false, "the operator that looks did not ask");
    let seen = world.send(Ask::get(&format!("/api/approvals/{id}")).token(&alice)).await.json();
    assert_eq!(seen["you"], json!({"asked": true, "sponsor": false, "approved": false}));
    // An agent that types it is asked about all the same.
    assert_eq!(typed(AGENT, "run_ok").await.json()["status"], "PENDING_APPROVAL");
    assert_eq!(world.lines().0, 0);
    let told = typed(&alice, " run_ok ").await;
    assert_eq!((told.status.as_u16(), &told.json()["approvals"]), (200, &json!(["operator:alice (OPS)"])), "{told:?}");
}

#[tokio::test]
async fn a_sponsor_approves_under_operator_and_not_where_two_people_must_agree() {
    for (policy, want) in [(ApprovalPolicy::Operator, "200"), (ApprovalPolicy::TwoPerson, "403 SELF_APPROVAL")] {
        let world = World::under(policy);
        let alice = world.operator("alice").await;
        let bot = world.agent("bot", "operator:alice").await;
        let id = world.request(&bot, "run_ok").await;
        assert_eq!(world.send(decide(&id, "approve", &alice)).await.verdict(), want);
        assert_eq!(world.lines().0, usize::from(want == "200"));
        // Saying no is nobody's to refuse.
        if policy == ApprovalPolicy::TwoPerson {
            assert_eq!(world.send(decide(&id, "reject", &alice)).await.verdict(), "200");
        }
    }
}

#[tokio::test]
async fn where_two_people_must_agree_it_takes_two_whom_their_tokens_prove() {
    let world = World::under(ApprovalPolicy::TwoPerson);
    let (bob, carol) = (world.operator("bob").await, world.operator("carol").await);
    let bot = world.agent("bot", "operator:alice").await;
    let id = world.request(&bot, "run_ok").await;
    assert_eq!(world.send(decide(&id, "approve", OPERATOR)).await.verdict(), "403 APPROVER_UNVERIFIED");
    let first = world.send(decide(&id, "approve", &bob)).await.json();
    assert_eq!((&first["status"], &first["approval"]["has"]), (&json!("PENDING_APPROVAL"), &json!(1)));
    assert_eq!(first["approval"]["needs"], 2);
    assert_eq!(world.send(decide(&id, "approve", &bob)).await.verdict(), "409 APPROVAL_DECIDED");
    let seen = look(&world, &id).await;
    assert_eq!((&seen["status"], &seen["has"]), (&json!("PENDING"), &json!(1)));
    assert_eq!(
        (&seen["approvals"][0]["by"], &seen["approvals"][0]["reason"]),
        (&json!("operator:bob (OPS)"), &json!("looked at it"))
    );
    assert_eq!(world.lines().0, 0);
    let second = world.send(decide(&id, "approve", &carol).role("OWNER")).await.json();
    assert_eq!(second["approvals"], json!(["operator:bob (OPS)", "operator:carol (OWNER)"]));
    assert_eq!(line(&world)["approval_policy"], "two-person");
}

#[tokio::test]
async fn whoever_joins_a_request_asks_for_it_and_does_not_approve_it() {
    let world = World::under(ApprovalPolicy::Operator);
    let (alice, bob) = (world.operator("alice").await, world.operator("bob").await);
    let id = world.request(AGENT, "run_ok").await;
    assert_eq!(world.request(&alice, "run_ok").await, id);
    let seen = look(&world, &id).await;
    assert_eq!(seen["joined"], json!([{"principal": "operator:alice", "kind": "operator", "sponsor": null}]));
    assert_eq!(world.send(decide(&id, "approve", &alice)).await.verdict(), "403 SELF_APPROVAL");
    assert_eq!(world.send(decide(&id, "approve", &bob)).await.verdict(), "200");
    assert_eq!(line(&world)["principal"], "agent:bot", "the item is whose request it was");
}

#[tokio::test]
async fn twenty_people_who_approve_at_once_make_one_line() {
    let world = World::under(ApprovalPolicy::Operator);
    let id = world.request(AGENT, "run_ok").await;
    let mut people = Vec::new();
    for n in 0..20 {
        people.push(world.operator(&format!("op{n}")).await);
    }
    let asked = people.iter().map(|token| world.send(decide(&id, "approve", token)));
    let told = futures_util::future::join_all(asked).await;
    let verdicts: Vec<String> = told.iter().map(super::harness::Told::verdict).collect();
    assert_eq!(verdicts.iter().filter(|verdict| *verdict == "200").count(), 1, "{verdicts:?}");
    assert_eq!(verdicts.iter().filter(|verdict| *verdict == "409 APPROVAL_DECIDED").count(), 19);
    assert_eq!(line(&world)["approvals"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_rejection_says_why_and_ends_the_request() {
    let world = World::under(ApprovalPolicy::Operator);
    let id = world.request(AGENT, "run_ok").await;
    let reject = |body: Value| Ask::post(&format!("/api/approvals/{id}/reject"), body);
    assert_eq!(world.send(reject(json!({}))).await.verdict(), "422 METADATA_REQUIRED");
    assert_eq!(world.send(reject(json!({"reason": "a\u{202e}b"}))).await.verdict(), "422 METADATA_REJECTED");
    assert_eq!(world.send(reject(json!({"reason": 5}))).await.verdict(), "422 REQUEST_VALIDATION_ERROR");
    assert_eq!(
        world.send(reject(json!({"reason": "no", "force": true}))).await.verdict(),
        "422 REQUEST_VALIDATION_ERROR"
    );
    let told = world.send(reject(json!({"reason": "not on a Friday"}))).await.json();
    assert_eq!((&told["status"], &told["ended"]["by"]), (&json!("REJECTED"), &json!("token:api (OPS)")));
    assert_eq!(told["ended"]["reason"], "not on a Friday");
    assert_eq!(look(&world, &id).await["ended"], told["ended"]);
    assert_eq!(world.send(reject(json!({"reason": "again"}))).await.verdict(), "409 APPROVAL_DECIDED");
    let polled = world.send(preview("run_ok").token(AGENT)).await.json();
    assert_eq!(polled["approval"]["status"], "REJECTED");
    assert_ne!(world.request(AGENT, "run_ok").await, id, "after another preview it may be asked again");
    assert_eq!(world.lines().0, 0);
}

#[tokio::test]
async fn a_request_is_decided_until_its_last_moment_and_not_at_it() {
    let last = SignedDuration::from_hours(24) - SignedDuration::from_micros(1);
    let world = World::under(ApprovalPolicy::Operator);
    let id = world.request(AGENT, "run_ok").await;
    world.clock.advance(last);
    let seen = look(&world, &id).await;
    assert_eq!((&seen["status"], &seen["expires_in_s"]), (&json!("PENDING"), &json!(0)));
    assert_eq!(world.send(decide(&id, "approve", OPERATOR)).await.verdict(), "200");

    let world = World::under(ApprovalPolicy::Operator);
    let id = world.request(AGENT, "run_ok").await;
    world.clock.advance(SignedDuration::from_hours(24));
    let seen = look(&world, &id).await;
    assert_eq!((&seen["status"], &seen["ended"]["how"]), (&json!("EXPIRED"), &json!("expired")));
    for word in ["approve", "reject"] {
        assert_eq!(world.send(decide(&id, word, OPERATOR)).await.verdict(), "409 APPROVAL_EXPIRED");
    }
    assert_eq!(world.send(preview("run_ok").token(AGENT)).await.json()["approval"]["status"], "EXPIRED");
    assert_eq!(world.lines().0, 0);
}

#[tokio::test]
async fn what_changed_after_it_was_asked_is_shown_and_not_approved() {
    let world = World::under(ApprovalPolicy::Operator);
    let id = world.request(AGENT, "run_ok").await;
    assert_eq!(
        (&look(&world, &id).await["changed"], &look(&world, &id).await["status"]),
        (&json!([]), &json!("PENDING"))
    );
    let mut facts = run_facts("run_ok");
    facts.contract = Pinned::new(b"{}".to_vec());
    world.runs.facts.set(facts);
    let seen = look(&world, &id).await;
    assert_eq!((&seen["status"], &seen["changed"][0]["field"]), (&json!("STALE"), &json!("contract_sha256")));
    assert_eq!(world.send(decide(&id, "approve", OPERATOR)).await.verdict(), "409 PREVIEW_STALE");
    assert_eq!(world.send(preview("run_ok").token(AGENT)).await.json()["approval"]["status"], "STALE");
    world.runs.facts.remove(&RunId::parse("run_ok").unwrap());
    let seen = look(&world, &id).await;
    assert_eq!((&seen["run_problem"]["code"], &seen["effect"]), (&json!("RUN_NOT_FOUND"), &Value::Null));
    assert_eq!(world.send(decide(&id, "approve", OPERATOR)).await.verdict(), "404 RUN_NOT_FOUND");
    world.runs.facts.set(run_facts("run_ok"));
    assert_eq!(world.send(decide(&id, "approve", OPERATOR)).await.verdict(), "200", "what was asked is back");
    assert_eq!(world.lines().0, 1);
}

#[tokio::test]
async fn a_request_falls_with_the_token_of_whoever_asked() {
    let world = World::under(ApprovalPolicy::Operator);
    let bot = world.agent("bot", "operator:alice").await;
    let id = world.request(&bot, "run_ok").await;
    world.revoke(&bot).await;
    let warnings = look(&world, &id).await["warnings"].clone();
    assert!(warnings.as_array().unwrap().iter().any(|warning| warning["code"] == "REQUESTER_SIGNED_OUT"), "{warnings}");
    assert_eq!(world.send(decide(&id, "approve", OPERATOR)).await.verdict(), "409 PREVIEW_STALE");
    assert_eq!(world.lines().0, 0);
}

#[tokio::test]
async fn requests_are_listed_to_operators_and_to_the_agent_that_asked() {
    let world = World::under(ApprovalPolicy::Operator);
    let bot = world.agent("bot2", "operator:alice").await;
    let first = world.request(AGENT, "run_ok").await;
    let second = world.request(&bot, "run_two").await;
    let third = world.request(&bot, "run_three").await;
    let ids = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let list =
        async |query: &str, token: &str| world.send(Ask::get(&format!("/api/approvals{query}")).token(token)).await;
    assert_eq!(ids(&list("", OPERATOR).await.json()), [first.as_str(), &second, &third]);
    assert_eq!(ids(&list("", &bot).await.json()), [second.as_str(), &third]);
    assert_eq!(world.send(decide(&second, "reject", OPERATOR)).await.verdict(), "200");
    assert_eq!(ids(&list("?status=rejected", OPERATOR).await.json()), [second.as_str()]);
    assert_eq!(ids(&list("?status=PENDING", &bot).await.json()), [third.as_str()]);
    let page = list("?limit=2", OPERATOR).await.json();
    assert_eq!(ids(&page["items"]), [first.as_str(), &second]);
    let rest = list(&format!("?limit=2&cursor={}", page["next_cursor"].as_str().unwrap()), OPERATOR).await.json();
    assert_eq!((ids(&rest["items"]), &rest["next_cursor"]), (vec![third.clone()], &Value::Null));
    for bad in ["?status=STALE", "?status=maybe", "?cursor=x", "?limit=0", "?principal=agent:bot"] {
        assert_eq!(list(bad, OPERATOR).await.verdict(), "422 REQUEST_VALIDATION_ERROR", "{bad}");
    }
    // One's own and nobody else's; what is not there and what is not one's own are answered alike.
    let get = |id: &str, token: &str| Ask::get(&format!("/api/approvals/{id}")).token(token);
    assert_eq!(world.send(get(&third, &bot)).await.verdict(), "200");
    let (foreign, missing) = (world.send(get(&first, &bot)).await, world.send(get("apr_x", &bot)).await);
    assert_eq!((foreign.verdict().as_str(), foreign.reason()), ("404 APPROVAL_NOT_FOUND", missing.reason()));
    assert_eq!(missing.verdict(), "404 APPROVAL_NOT_FOUND");
    assert_eq!(list("", WORKER).await.verdict(), "403 SCOPE_FORBIDDEN");
}

#[tokio::test]
async fn only_an_operator_in_an_allowed_role_decides() {
    let world = World::under(ApprovalPolicy::Operator);
    let id = world.request(AGENT, "run_ok").await;
    let (viewer, two) = (
        world.token(PrincipalKind::Operator, "vera", "VIEWER", None).await,
        world.token(PrincipalKind::Operator, "tess", "OPS,OWNER", None).await,
    );
    for word in ["approve", "reject"] {
        for (ask, want) in [
            (decide(&id, word, AGENT), "403 SCOPE_FORBIDDEN"),
            (decide(&id, word, WORKER).no_role(), "403 SCOPE_FORBIDDEN"),
            (decide(&id, word, &viewer), "403 ROLE_FORBIDDEN"),
            (decide(&id, word, &two).no_role(), "403 ROLE_REQUIRED"),
            (decide(&id, word, &two).role("ARCHITECT"), "403 ROLE_MISMATCH"),
            (decide("apr_nope", word, &two), "404 APPROVAL_NOT_FOUND"),
            (decide(&format!("apr_{}", "0".repeat(32)), word, &two), "404 APPROVAL_NOT_FOUND"),
        ] {
            let (shown, before) = (format!("{ask:?}"), world.lines());
            assert_eq!(world.send(ask).await.verdict(), want, "{shown}");
            assert_eq!(world.lines(), (before.0, before.1 + 1), "{shown}: one refusal is recorded");
        }
    }
    assert_eq!(look(&world, &id).await["status"], "PENDING");
}
