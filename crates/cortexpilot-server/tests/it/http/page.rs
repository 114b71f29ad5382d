//! The page for people.

use cortexpilot_core::domain::command::{ApprovalPolicy, MutationGate};
use cortexpilot_core::port::StoreError;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::{PageFacts, operations};
use serde_json::json;

use super::harness::{Ask, OPERATOR, World, options};

async fn page(world: &World, ask: Ask) -> String {
    let told = world.send(ask).await;
    assert_eq!((told.status.as_u16(), told.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = told.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
    told.text().to_owned()
}

#[tokio::test]
async fn the_page_says_what_this_is_and_shows_numbers_only_to_whoever_is_signed_in() {
    let world = World::new();
    world.enqueue("run_ok").await;
    let stranger = page(&world, Ask::get("/").nobody()).await;
    for said in [
        "1.2.3-test",
        "http://127.0.0.1:8000/api/runs",
        "docs/boundary.md",
        "docs/runbooks/queue-pilot.md",
        "shown to whoever sends a token",
        "still ships a read-only public MCP surface",
    ] {
        assert!(stranger.contains(said), "{said}");
    }
    for operation in operations() {
        assert!(stranger.contains(&format!("<code>{} {}</code>", operation.verb.as_str(), operation.path)));
    }
    for never in ["<script", "pending,", OPERATOR, "CORTEXPILOT_", "/srv", "http-equiv", "src="] {
        assert!(!stranger.contains(never), "{never}");
    }
    for ask in [Ask::get("/"), Ask::get("/").nobody().header("cookie", &format!("api_token={OPERATOR}"))] {
        let known = page(&world, ask).await;
        assert!(known.contains("5 runs, 1 of them waiting for a person; 1 items pending, 0 claimed"), "{known}");
    }
}

#[tokio::test]
async fn the_page_names_the_state_of_gate_tokens_ledger_and_demo() {
    let open = World::new();
    let told = page(&open, Ask::get("/")).await;
    assert!(told.contains("yes: queueing is switched on in this process"));
    assert!(told.contains("<th>Agents may queue</th><td>ON, nobody is asked</td>"));
    let people = World::under(ApprovalPolicy::Operator);
    assert!(page(&people, Ask::get("/").nobody()).await.contains("<td>after a person agrees</td>"));
    assert_eq!(people.send(Ask::post("/api/gate/freeze", json!({"reason": "a secret reason"}))).await.status, 200);
    let told = page(&people, Ask::get("/").nobody()).await;
    assert!(told.contains("<td>FROZEN</td>") && !told.contains("a secret reason"));
    let mut options = options();
    options.page = PageFacts { base_url: "http://x/\"><script>alert(1)</script>".into(), demo: true };
    let shut = World::with(MutationGate::Shut, Auth::Off, options);
    *shut.ledger.fails.lock().unwrap() = Some(StoreError::Corrupt { file: "queue.jsonl".into(), line: 3 });
    let told = page(&shut, Ask::get("/").nobody()).await;
    assert!(told.contains("no: queueing is switched off in this process, which is the default"));
    assert!(told.contains("switched off: everybody on this machine"));
    assert!(told.contains("<td>OFF</td>"));
    assert!(told.contains("refuses writes (LEDGER_CORRUPT)"));
    assert!(told.contains("These runs are made up"));
    assert!(!told.contains("<script>"), "facts are text, not markup");
    // The page is there even when the store is not.
    *shut.ledger.fails.lock().unwrap() = Some(StoreError::Unavailable("secret detail".into()));
    let told = page(&shut, Ask::get("/").nobody()).await;
    assert!(told.contains("cannot be read") && !told.contains("secret detail"));
}
