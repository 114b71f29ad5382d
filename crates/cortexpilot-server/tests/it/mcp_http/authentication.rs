//! Who may knock at which endpoint.

use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::mcp::http::McpLimits;
use serde_json::{Value, json};

use super::harness::{Post, STATELESS, VERSIONS};
use crate::http::harness::{AGENT, OPERATOR, OPS_ONLY, SetUp, VIEWER, WORKER, World};

const READONLY: &str = "/mcp/readonly";
const PILOT: &str = "/mcp/queue-pilot";

fn world() -> World {
    World::of(SetUp { mcp: Some(McpLimits::default()), ..SetUp::default() })
}

fn list(path: &str, version: &str) -> Post {
    Post::message(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }), version).to(path)
}

#[tokio::test]
async fn reading_is_for_everybody_who_is_signed_in_and_the_pilot_for_agents_alone() {
    let world = world();
    for version in VERSIONS {
        for (token, read, pilot) in [
            (None, "401 AUTH_MISSING_BEARER", "401 AUTH_MISSING_BEARER"),
            (Some("wrong"), "401 AUTH_INVALID_TOKEN", "401 AUTH_INVALID_TOKEN"),
            (Some(OPERATOR), "200", "403 SCOPE_FORBIDDEN"),
            (Some(OPS_ONLY), "200", "403 SCOPE_FORBIDDEN"),
            (Some(VIEWER), "200", "403 SCOPE_FORBIDDEN"),
            (Some(WORKER), "200", "403 SCOPE_FORBIDDEN"),
            (Some(AGENT), "200", "200"),
        ] {
            for (path, wanted) in [(READONLY, read), (PILOT, pilot)] {
                let post = list(path, version);
                let post = if let Some(token) = token { post.token(token) } else { post };
                let answer = post.send(&world.router).await;
                assert_eq!(answer.verdict(), wanted, "{token:?} at {path} under {version}: {answer:?}");
                if answer.status == 401 {
                    assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{answer:?}");
                    assert_eq!(answer.json()["detail"]["request_id"], answer.headers["x-request-id"].to_str().unwrap());
                }
            }
        }
    }
    assert_eq!(world.lines(), (0, 0), "nobody who was turned away left a line");
}

#[tokio::test]
async fn no_message_and_no_other_method_is_answered_before_the_token_is() {
    let world = world();
    for path in [READONLY, PILOT] {
        for method in ["POST", "GET", "DELETE", "HEAD", "PUT"] {
            assert_eq!(Post::raw("{").to(path).method(method).send(&world.router).await.status, 401, "{method} {path}");
        }
        // A length that is refused, and a type that is: not before it is known who sends it.
        let long = Post::raw("x".repeat(1_000_000)).to(path).send(&world.router).await;
        assert_eq!(long.verdict(), "401 AUTH_MISSING_BEARER");
        let answer = Post::raw("{").to(path).method("OPTIONS").send(&world.router).await;
        assert_eq!(answer.status, 405, "how a client asks for the methods");
        // Where a token does not belong.
        let query = list(&format!("{path}?token={OPERATOR}"), STATELESS).send(&world.router).await;
        assert_eq!(query.verdict(), "401 AUTH_MISSING_BEARER");
        let two = list(path, STATELESS).token(AGENT).and("authorization", &format!("Bearer {AGENT}"));
        assert_eq!(two.send(&world.router).await.verdict(), "401 AUTH_INVALID_TOKEN");
    }
}

#[tokio::test]
async fn a_token_that_was_revoked_a_moment_ago_opens_nothing() {
    let world = world();
    let ann = world.operator("ann").await;
    let agent = world.agent("robot", "operator:ann").await;
    for version in VERSIONS {
        assert_eq!(list(READONLY, version).token(&ann).send(&world.router).await.status, 200);
        assert_eq!(list(PILOT, version).token(&ann).send(&world.router).await.verdict(), "403 SCOPE_FORBIDDEN");
        for path in [READONLY, PILOT] {
            assert_eq!(list(path, version).token(&agent).send(&world.router).await.status, 200);
        }
    }
    world.revoke(&agent).await;
    world.revoke(&ann).await;
    for version in VERSIONS {
        for (path, token) in [(READONLY, &ann), (READONLY, &agent), (PILOT, &agent)] {
            let answer = list(path, version).token(token).send(&world.router).await;
            assert_eq!(answer.verdict(), "401 AUTH_INVALID_TOKEN", "{path} under {version}");
            assert!(!answer.text.contains(token.as_str()));
        }
    }
    let worker = world.token(PrincipalKind::Worker, "one", "", None).await;
    assert_eq!(list(READONLY, STATELESS).token(&worker).send(&world.router).await.status, 200);
    assert_eq!(list(PILOT, STATELESS).token(&worker).send(&world.router).await.verdict(), "403 SCOPE_FORBIDDEN");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_token_counts_no_longer() {
    let world = world();
    let agent = world.agent("robot", "token:api").await;
    let listen = || {
        let watched = json!({ "notifications": { "resourceSubscriptions": ["cortexpilot://runs/run_ok"] } });
        let listen = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": watched });
        Post::message(&listen, STATELESS).to(READONLY).token(&agent)
    };
    let (status, headers, body) = listen().open(&world.router).await;
    assert_eq!((status.as_u16(), &headers["content-type"]), (200, &"text/event-stream".parse().unwrap()));
    world.revoke(&agent).await;
    // The clock stands still but for what is waited for, so this ends only because the stream does.
    let told = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    assert!(told.starts_with(b"data:"), "{told:?}");
    assert_eq!(listen().send(&world.router).await.verdict(), "401 AUTH_INVALID_TOKEN");
}

#[tokio::test]
async fn with_authentication_off_everybody_may_read_and_nobody_is_an_agent() {
    let world = World::of(SetUp { auth: Auth::Off, mcp: Some(McpLimits::default()), ..SetUp::default() });
    let answer = list(READONLY, STATELESS).send(&world.router).await;
    assert_eq!(answer.json()["result"]["tools"].as_array().map(Vec::len), Some(12));
    for post in [list(PILOT, STATELESS), list(PILOT, STATELESS).token(AGENT)] {
        let answer = post.send(&world.router).await;
        assert_eq!(answer.verdict(), "403 SCOPE_FORBIDDEN");
        assert!(answer.json()["detail"]["reason"].as_str().unwrap().contains("anonymous"), "{answer:?}");
    }
}

#[tokio::test]
async fn without_the_pilot_its_path_is_as_unknown_as_any() {
    let world = World::new();
    for path in [READONLY, PILOT, "/mcp/anything"] {
        for post in [list(path, STATELESS), list(path, STATELESS).token(AGENT), list(path, STATELESS).method("GET")] {
            let answer = post.send(&world.router).await;
            assert_eq!((answer.status.as_u16(), answer.json()), (404, json!({ "detail": "Not Found" })), "{path}");
        }
    }
}

#[tokio::test]
async fn calls_are_counted_by_server_tool_and_outcome() {
    let world = world();
    let call = |path: &str, tool: &str, arguments: Value| {
        Post::call(1, tool, &arguments, STATELESS).to(path).token(AGENT).send(&world.router)
    };
    call(READONLY, "list_runs", json!({})).await;
    call(READONLY, "list_runs", json!({})).await;
    call(READONLY, "get_run", json!({ "run_id": "run_none" })).await;
    call(PILOT, "enqueue_from_run", json!({ "run_id": "run_ok" })).await;
    call(PILOT, "nothing_like_it\"} 1", json!({})).await;
    let metrics = Post::raw("").to("/metrics").method("GET").token(OPERATOR).send(&world.router).await.text;
    for line in [
        "cortexpilot_mcp_calls_total{server=\"mcp_readonly\",tool=\"list_runs\",outcome=\"ok\"} 2",
        "cortexpilot_mcp_calls_total{server=\"mcp_readonly\",tool=\"get_run\",outcome=\"RUN_NOT_FOUND\"} 1",
        "cortexpilot_mcp_calls_total{server=\"mcp_queue_pilot\",tool=\"enqueue_from_run\",outcome=\"CONFIRM_REQUIRED\"} 1",
        "cortexpilot_http_answers_total{operation=\"mcp_readonly\",status=\"200\",code=\"\"} 3",
    ] {
        assert!(metrics.lines().any(|had| had == line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains("nothing_like_it"));
}
