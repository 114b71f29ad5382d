//! How much anybody may have under way.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cortexpilot_server::mcp::http::{McpLimits, McpOptions};
use serde_json::json;

use super::harness::{Answer, Endpoint, Post, STATELESS};
use crate::http::harness::{AGENT, OPERATOR, SetUp, World};
use crate::mcp_transport::harness::settle;

fn endpoint(limits: McpLimits) -> Endpoint {
    Endpoint::of(McpOptions { limits, ..McpOptions::new("test") })
}

fn hold(id: u64) -> Post {
    Post::call(id, "hold", &json!({}), STATELESS)
}

#[tokio::test(start_paused = true)]
async fn who_sends_too_many_messages_is_told_when_to_come_back() {
    let endpoint = endpoint(McpLimits { messages_per_second: 1, burst: 3, ..McpLimits::default() });
    for _ in 0..3 {
        assert_eq!(endpoint.send(Post::ping(STATELESS)).await.status, 200);
    }
    let answer = endpoint.send(Post::ping(STATELESS)).await;
    assert_eq!(
        (answer.verdict().as_str(), &answer.headers["retry-after"]),
        ("429 RATE_LIMITED", &"1".parse().unwrap())
    );
    let detail = &answer.json()["detail"];
    assert_eq!((&detail["retry"], &detail["retry_after_s"]), (&json!("after_wait"), &json!(1)));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(endpoint.send(Post::ping(STATELESS)).await.status, 200);
    // What is refused before a principal is known is counted for nobody.
    for _ in 0..10 {
        endpoint.send(Post::ping(STATELESS).header("host", "evil.example")).await;
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(endpoint.send(Post::ping(STATELESS)).await.status, 200);
}

#[tokio::test]
async fn one_principals_flood_does_not_cost_another_its_turn() {
    let limits = McpLimits { messages_per_second: 1, burst: 2, ..McpLimits::default() };
    let world = World::of(SetUp { mcp: Some(limits), ..SetUp::default() });
    let ask = |token: &str| Post::ping(STATELESS).to("/mcp/readonly").token(token);
    for wanted in [200, 200, 429, 429] {
        assert_eq!(ask(AGENT).send(&world.router).await.status, wanted);
    }
    assert_eq!(ask(OPERATOR).send(&world.router).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_places_wait_a_little_and_are_then_refused() {
    let limits = McpLimits { calls: 3, calls_per_principal: 2, ..McpLimits::default() };
    let endpoint = endpoint(limits);
    let router = endpoint.router.clone();
    let running: Vec<_> = (0..2)
        .map(|id| {
            tokio::spawn({
                let router = router.clone();
                async move { hold(id).send(&router).await }
            })
        })
        .collect();
    settle().await;
    assert_eq!(endpoint.seen.running.load(Ordering::SeqCst), 2);
    let refused: Answer = hold(2).send(&router).await;
    assert_eq!(refused.verdict(), "429 RATE_LIMITED", "{refused:?}");
    // A place that comes free in time is taken.
    let waiting = tokio::spawn({
        let router = router.clone();
        async move { hold(3).send(&router).await }
    });
    settle().await;
    endpoint.seen.release.add_permits(3);
    for call in running {
        assert_eq!(call.await.unwrap().told()["zulu"], "held");
    }
    assert_eq!(waiting.await.unwrap().told()["zulu"], "held");
    assert_eq!(endpoint.seen.entered(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_taken_keeps_its_place() {
    let endpoint = endpoint(McpLimits { calls_per_principal: 1, ..McpLimits::default() });
    let say = || Post::call(1, "say", &json!({ "text": "x" }), STATELESS);
    let (status, _, untaken) = say().open(&endpoint.router).await;
    assert_eq!(status, 200);
    assert_eq!(say().send(&endpoint.router).await.verdict(), "429 RATE_LIMITED");
    let taken = axum::body::to_bytes(untaken, usize::MAX).await.unwrap();
    assert!(!taken.is_empty());
    assert_eq!(say().send(&endpoint.router).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_too_long_is_an_answer_too() {
    let endpoint = Endpoint::new();
    let answer = endpoint.send(hold(9)).await;
    assert_eq!((answer.verdict().as_str(), &answer.json()["id"]), ("200 -32603", &json!(9)));
    let said = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains("Nothing was changed"), "{said}");
    settle().await;
    // What only reads was dropped, and its place given back.
    endpoint.seen.release.add_permits(1);
    assert_eq!(endpoint.send(hold(10)).await.told()["zulu"], "held");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_come_whole_is_given_up() {
    let endpoint = Endpoint::new();
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let answer = endpoint.send(Post::raw(axum::body::Body::from_stream(never))).await;
    assert_eq!(answer.verdict(), "408 REQUEST_TIMEOUT");
}
