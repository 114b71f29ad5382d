//! Tokens, cookies, roles: who may knock, and what a stated role is worth.

use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_server::auth::Auth;
use serde_json::json;

use super::harness::{AGENT, Ask, OPERATOR, OPS_ONLY, VIEWER, WORKER, World, apply, options};

const PREVIEW: &str = "/api/queue/from-run/run_ok/preview";

#[tokio::test]
async fn a_token_comes_as_bearer_or_as_session_cookie_and_from_nowhere_else() {
    let world = World::new();
    let list = || Ask::get("/api/queue").nobody();
    let cookie = |text: &str| list().header("cookie", text);
    for (ask, want) in [
        (list(), "401 AUTH_MISSING_BEARER"),
        (list().header("authorization", "Bearer wrong"), "401 AUTH_INVALID_TOKEN"),
        (list().header("authorization", &format!("Basic {OPERATOR}")), "401 AUTH_MISSING_BEARER"),
        (list().header("authorization", &format!("bearer {OPERATOR}")), "200"),
        (list().header("authorization", &format!("BEARER {OPERATOR}")), "200"),
        (list().and("authorization", b"Bearer \xe9"), "401 AUTH_INVALID_TOKEN"),
        (list().and("authorization", "Bearer é".as_bytes()), "401 AUTH_INVALID_TOKEN"),
        (cookie(&format!("cortexpilot_api_token={OPERATOR}")), "200"),
        (cookie(&format!("api_token={OPERATOR}")), "200"),
        (cookie("api_token=wrong"), "401 AUTH_INVALID_TOKEN"),
        (Ask::get(&format!("/api/queue?token={OPERATOR}&api_token={OPERATOR}")).nobody(), "401 AUTH_MISSING_BEARER"),
        (Ask::get(&format!("/api/queue?access_token={OPERATOR}")).token("wrong"), "401 AUTH_INVALID_TOKEN"),
    ] {
        let shown = format!("{ask:?}");
        assert_eq!(world.send(ask).await.verdict(), want, "{shown}");
    }
}

#[tokio::test]
async fn a_refused_token_is_answered_with_a_challenge_and_never_repeated() {
    let world = World::new();
    let told = world.send(Ask::get("/api/runs").token("a-wrong-secret")).await;
    assert_eq!(told.verdict(), "401 AUTH_INVALID_TOKEN");
    assert_eq!(told.header("www-authenticate"), "Bearer realm=\"cortexpilot\", error=\"invalid_token\"");
    assert!(!told.text().contains("a-wrong-secret"));
    let detail = &told.json()["detail"];
    assert_eq!(detail["retry"], "after_fix");
    assert_eq!(detail["request_id"], told.header("x-request-id"));
    assert_eq!(detail["trace_id"], told.header("x-trace-id"));
    assert_eq!(world.lines(), (0, 0), "a request without a principal leaves no line");
    assert_eq!(
        world.send(Ask::get("/api/runs").nobody()).await.header("www-authenticate"),
        "Bearer realm=\"cortexpilot\""
    );
}

#[tokio::test]
async fn what_is_open_needs_no_token_and_everything_else_does() {
    let world = World::new();
    for path in ["/health", "/api/health", "/readyz", "/"] {
        assert_eq!(world.send(Ask::get(path).nobody()).await.status, 200, "{path}");
    }
    assert_eq!(world.send(Ask::get("/health").nobody()).await.json(), json!({"status": "ok"}));
    for path in ["/api/runs", "/api/nothing", "/metrics", "/api/queue/x"] {
        assert_eq!(world.send(Ask::get(path).nobody()).await.verdict(), "401 AUTH_MISSING_BEARER", "{path}");
    }
    // A path outside the API is public knowledge, so its absence is as well.
    assert_eq!(world.send(Ask::get("/nothing.txt").nobody()).await.json(), json!({"detail": "Not Found"}));
}

#[tokio::test]
async fn a_stated_role_must_be_allowed_and_held() {
    let world = World::new();
    let preview = |token: &str| Ask::post(PREVIEW, json!({})).token(token).no_role();
    for (ask, want) in [
        (preview(OPERATOR), "403 ROLE_REQUIRED"),
        (preview(OPERATOR).role("  "), "403 ROLE_REQUIRED"),
        (preview(OPERATOR).role("worker"), "403 ROLE_FORBIDDEN"),
        (preview(OPERATOR).role("not a role"), "403 ROLE_FORBIDDEN"),
        (preview(OPERATOR).and("x-cortexpilot-role", b"\xe9"), "403 ROLE_FORBIDDEN"),
        (preview(OPERATOR).role("OPS").and("x-cortexpilot-role", b"OWNER"), "403 ROLE_FORBIDDEN"),
        (preview(OPERATOR).role(" owner "), "200"),
        (preview(OPERATOR).role("Tech_Lead"), "200"),
        // Who holds exactly one role need not name it.
        (preview(OPS_ONLY), "200"),
        (preview(OPS_ONLY).role("OWNER"), "403 ROLE_MISMATCH"),
        (preview(VIEWER), "403 ROLE_FORBIDDEN"),
        (preview(VIEWER).role("OWNER"), "403 ROLE_FORBIDDEN"),
        (preview(WORKER).role("OWNER"), "403 ROLE_FORBIDDEN"),
        (preview(AGENT).role("OPS"), "200"),
    ] {
        let shown = format!("{ask:?}");
        assert_eq!(world.send(ask).await.verdict(), want, "{shown}");
    }
    let told = world.send(preview(OPS_ONLY).role("OWNER")).await;
    assert_eq!(
        told.json()["detail"]["acting_as"],
        json!({"principal": "token:ops", "kind": "operator", "roles": ["OPS"]})
    );
}

#[tokio::test]
async fn the_role_header_may_stand_for_the_body_and_must_agree_with_it() {
    let world = World::new();
    let token = world.preview("run_ok").await;
    let with_role = |role: serde_json::Value| {
        let mut body = apply(&token);
        body["actor_role"] = role;
        Ask::post("/api/queue/from-run/run_ok", body).no_role()
    };
    for (ask, want) in [
        (with_role(json!(null)), "403 ROLE_REQUIRED"),
        (with_role(json!("OWNER")).role("OPS"), "403 ROLE_MISMATCH"),
        (with_role(json!("OWNER")).and("x-cortexpilot-role", b"\xff"), "403 ROLE_FORBIDDEN"),
        (with_role(json!("INTERN")), "403 ROLE_FORBIDDEN"),
        (with_role(json!(null)).role(" ops "), "200"),
    ] {
        let shown = format!("{ask:?}");
        assert_eq!(world.send(ask).await.verdict(), want, "{shown}");
    }
    assert!(world.ledger.memory.lines()[0].contains("\"actor_role\": \"OPS\""));
}

#[tokio::test]
async fn with_authentication_off_everybody_reads_previews_and_cancels_and_nobody_queues() {
    let world = World::with(MutationGate::Open, Auth::Off, options());
    let nobody = |ask: Ask| ask.nobody().no_role();
    assert_eq!(world.send(nobody(Ask::get("/api/runs"))).await.verdict(), "200");
    let told = world.send(nobody(Ask::post(PREVIEW, json!({})))).await;
    assert_eq!(told.verdict(), "200");
    assert_eq!(told.json()["acting_as"], json!({"principal": "anonymous:loopback", "kind": "anonymous", "roles": []}));
    let token = told.json()["preview_token"].as_str().unwrap().to_owned();
    let enqueue = || nobody(Ask::post("/api/queue/from-run/run_ok", apply(&token)));
    assert_eq!(world.send(enqueue()).await.verdict(), "403 ROLE_FORBIDDEN");
    // A token changes nothing where none is asked for.
    assert_eq!(world.send(enqueue().token(OPERATOR).role("OPS")).await.verdict(), "403 ROLE_FORBIDDEN");
    assert_eq!(world.send(nobody(Ask::post("/api/queue/claim", json!({})))).await.verdict(), "403 SCOPE_FORBIDDEN");
    let cancel = nobody(Ask::post("/api/queue/nope/cancel", json!({})));
    assert_eq!(world.send(cancel).await.verdict(), "404 QUEUE_ITEM_NOT_FOUND");
    assert_eq!(world.ledger.memory.lines().len(), 0);
}
