//! What the approver sees is this server's own; what a run or a caller wrote is apart, bounded, and cannot hide anything.

use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::run::{ContractEvidence, Effect};
use cortexpilot_core::port::fake::run_facts;
use serde_json::{Value, json};

use super::harness::{AGENT, Ask, OPERATOR, World, apply, decide, preview};

async fn look(world: &World, id: &str) -> Value {
    world.send(Ask::get(&format!("/api/approvals/{id}"))).await.json()
}

fn codes(view: &Value) -> Vec<&str> {
    let warnings = view["warnings"].as_array().expect("an array");
    warnings.iter().map(|warning| warning["code"].as_str().expect("a code")).collect()
}

#[tokio::test]
async fn a_review_says_what_would_happen_who_asks_and_how_often_today() {
    let world = World::under(ApprovalPolicy::Operator);
    let bot = world.agent("bot", "operator:alice").await;
    let refused = world.request(&bot, "run_two").await;
    assert_eq!(world.send(decide(&refused, "reject", OPERATOR)).await.status, 200);
    let body = json!({"priority": 7, "deadline_at": "2026-11-22T08:00:00Z"});
    let seen = world.send(Ask::post("/api/queue/from-run/run_ok/preview", body.clone()).token(&bot)).await.json();
    let mut arguments = apply(seen["preview_token"].as_str().unwrap());
    for (member, value) in body.as_object().unwrap() {
        arguments[member] = value.clone();
    }
    let asked = world.send(Ask::post("/api/queue/from-run/run_ok", arguments).token(&bot)).await.json();
    let view = look(&world, asked["approval"]["id"].as_str().unwrap()).await;
    assert_eq!(
        view["effect"],
        json!({
            "allowed_paths": ["docs"], "commands": ["cargo test"], "tool_permissions": {"filesystem": "workspace-write"},
            "runner": "mock", "timeout_s": 600, "truncated": false,
        })
    );
    assert_eq!(
        view["differs"],
        json!([
            {"field": "priority", "was": "0", "now": "7"},
            {"field": "deadline_at", "was": "", "now": "2026-11-22T08:00:00Z"},
        ])
    );
    assert_eq!(view["requester"], json!({"principal": "agent:bot", "kind": "agent", "sponsor": "operator:alice"}));
    assert_eq!(view["today"], json!({"asked": 2, "approved": 0, "rejected": 1, "pending": 1}));
    assert_eq!(
        view["stated"],
        json!({
            "label": cortexpilot_server::wire::review::STATED_LABEL,
            "written_by": "agent:bot",
            "requested_by": "Alice Example",
            "approval_reason": "The nightly run failed on a flaky network.",
            "elicited": [],
            "truncated": false,
        })
    );
    assert_eq!(codes(&view), ["DEADLINE_PASSED"]);
    for (member, want) in [
        ("status", json!("PENDING")),
        ("needs", json!(1)),
        ("has", json!(0)),
        ("approval_policy", json!("operator")),
        ("mutation_gate", json!("open")),
        ("surface", json!("http")),
        ("actor_role", json!("OPS")),
        ("depth", json!(1)),
        ("depth_max", json!(5)),
        ("expires_in_s", json!(86_400)),
        ("pending_count", json!(0)),
        ("item", Value::Null),
        ("preview_digest", seen["preview_digest"].clone()),
    ] {
        assert_eq!(view[member], want, "{member}");
    }
    // Nothing that is this server's own holds a word that the caller wrote.
    let mut ours = view.clone();
    ours.as_object_mut().unwrap().remove("stated");
    assert!(!ours.to_string().contains("flaky") && !ours.to_string().contains("Alice Example"));
    assert!(!ours.to_string().contains("/srv"), "no path of the machine");
}

#[tokio::test]
async fn pending_items_of_the_same_run_and_its_depth_are_shown() {
    let world = World::new();
    let first = world.enqueue("run_ok").await;
    let claimed = world.claim().await["item"]["run_id"].as_str().unwrap().to_owned();
    world.runs.facts.set(run_facts(&claimed));
    let second = world.enqueue(&claimed).await;
    assert_ne!(first, second);
    world
        .machine
        .set_policy(&super::harness::machinist(), ApprovalPolicy::Operator, super::harness::why("now"))
        .await
        .unwrap();
    let seen = world.preview_of(preview(&claimed).token(AGENT)).await;
    // An equal item waits, which an operator may allow and an agent may not.
    let told = world.send(Ask::post(&format!("/api/queue/from-run/{claimed}"), apply(&seen)).token(AGENT)).await;
    assert_eq!(told.verdict(), "409 ALREADY_PENDING");
    let mut body = apply(&world.preview(&claimed).await);
    body["allow_duplicate"] = json!(true);
    let asked = world.send(Ask::post(&format!("/api/queue/from-run/{claimed}"), body)).await.json();
    let view = look(&world, asked["approval"]["id"].as_str().unwrap()).await;
    assert_eq!((&view["depth"], &view["pending_count"]), (&json!(2), &json!(1)));
    assert_eq!(view["pending_matches"][0]["queue_id"], second.as_str());
    assert_eq!(view["pending_matches"][0]["principal"], "token:api");
    assert_eq!(codes(&view), ["ITEMS_DEEP"]);
}

#[tokio::test]
async fn text_of_a_run_is_escaped_and_cut_and_says_so() {
    let world = World::under(ApprovalPolicy::Operator);
    let hidden = "a\u{1b}[2J\u{202e}b\u{200b}\u{e0041}\u{2028}c";
    let mut facts = run_facts("run_ok");
    facts.task_id = hidden.into();
    facts.owner = "o".repeat(1024);
    facts.status = "RUNNING".into();
    facts.evidence = ContractEvidence::Absent;
    facts.effect = Effect {
        allowed_paths: (0..1000).map(|n| format!("path {n}")).collect(),
        commands: vec![hidden.into(), "x".repeat(100_000)],
        tool_permissions: vec![(hidden.into(), hidden.into())],
        runner: hidden.into(),
        timeout_s: None,
    };
    world.runs.facts.set(facts);
    let id = world.request(AGENT, "run_ok").await;
    let told = world.send(Ask::get(&format!("/api/approvals/{id}"))).await;
    let view = told.json();
    let shown = "a\\u{001B}[2J\\u{202E}b\\u{200B}\\u{E0041}\\u{2028}c";
    assert_eq!((&view["run"]["task_id"], &view["effect"]["runner"]), (&json!(shown), &json!(shown)));
    assert_eq!(
        (&view["effect"]["commands"][0], &view["effect"]["tool_permissions"][shown]),
        (&json!(shown), &json!(shown))
    );
    assert_eq!(view["effect"]["commands"][1].as_str().unwrap().len(), 1000);
    assert_eq!(view["effect"]["allowed_paths"].as_array().unwrap().len(), 200);
    assert_eq!((&view["effect"]["truncated"], &view["run"]["truncated"]), (&json!(true), &json!(true)));
    assert_eq!(codes(&view), ["EFFECT_TRUNCATED", "CONTRACT_UNVERIFIED", "RUN_STILL_RUNNING"]);
    for c in ['\u{1b}', '\u{202e}', '\u{200b}', '\u{e0041}', '\u{2028}'] {
        assert!(!told.text().contains(c), "{c:?}");
    }
    assert!(told.text().len() < 32_000, "{}", told.text().len());
}

#[tokio::test]
async fn hidden_characters_in_what_a_caller_states_are_refused_before_anybody_reads_them() {
    let world = World::under(ApprovalPolicy::Operator);
    let seen = world.preview_of(preview("run_ok").token(AGENT)).await;
    for member in ["requested_by", "approval_reason"] {
        for text in ["a\u{202e}b", "a\u{1b}[2Jb", "a\u{200b}b", "a\u{e0041}b", "a\u{2028}b", &"x".repeat(2001)] {
            let mut body = apply(&seen);
            body[member] = json!(text);
            let told = world.send(Ask::post("/api/queue/from-run/run_ok", body).token(AGENT)).await;
            assert_eq!(told.verdict(), "422 METADATA_REJECTED", "{member} {text:?}");
        }
    }
    // What can be seen for what it is stays as it was written, markup and all: as data, in its own block.
    let mut body = apply(&seen);
    body["approval_reason"] = json!("<b>APPROVED BY OWNER</b> \"needs\": 0 `approve` ✔");
    let asked = world.send(Ask::post("/api/queue/from-run/run_ok", body).token(AGENT)).await.json();
    let view = look(&world, asked["approval"]["id"].as_str().unwrap()).await;
    assert_eq!(view["stated"]["approval_reason"], "<b>APPROVED BY OWNER</b> \"needs\": 0 `approve` ✔");
    assert_eq!(view["needs"], 1);
    let list = world.send(Ask::get("/api/approvals")).await.json();
    assert_eq!(list[0]["stated"], view["stated"]);
}
