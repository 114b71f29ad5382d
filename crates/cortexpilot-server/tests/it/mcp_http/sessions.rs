//! Sessions, which only fixtures of protocol tests switch on: the same layer stands before them.

use cortexpilot_server::mcp::http::{McpOptions, Sessions};
use serde_json::{Value, json};

use super::harness::{Endpoint, Post, STATELESS};
use crate::mcp_transport::harness::initialize;

fn endpoint() -> Endpoint {
    Endpoint::of(McpOptions { sessions: Sessions::On, ..McpOptions::new("fixture") })
}

/// The last message of a stream of events.
fn last_event(text: &str) -> Value {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).rfind(|data| !data.is_empty());
    serde_json::from_str(data.unwrap()).unwrap()
}

#[tokio::test]
async fn a_client_of_an_earlier_version_opens_uses_and_ends_a_session() {
    let endpoint = endpoint();
    let hello = endpoint.send(Post::raw(initialize("2025-11-25").to_string())).await;
    assert_eq!(last_event(&hello.text)["result"]["protocolVersion"], "2025-11-25", "{hello:?}");
    let session = hello.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let within = |post: Post| post.and("mcp-session-id", &session);
    let ready = Post::message(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }), "2025-11-25");
    assert_eq!(endpoint.send(within(ready)).await.status, 202);
    let said = endpoint.send(within(Post::call(5, "say", &json!({ "text": "here" }), "2025-11-25"))).await;
    assert_eq!(last_event(&said.text)["result"]["structuredContent"]["zulu"], "here", "{said:?}");
    // What is no message is refused before the session sees it.
    assert_eq!(endpoint.send(within(Post::raw("{"))).await.verdict(), "400 -32700");
    let twice = within(within(Post::call(6, "say", &json!({ "text": "x" }), "2025-11-25")));
    assert_eq!(endpoint.send(twice).await.verdict(), "400 -32020");
    let end = Post::raw("").method("DELETE");
    assert_eq!(endpoint.send(within(end)).await.status, 202);
    let gone = endpoint.send(within(Post::call(7, "say", &json!({ "text": "x" }), "2025-11-25"))).await;
    assert_eq!((gone.verdict().as_str(), &gone.json()["id"]), ("404 -32600", &json!(7)), "{gone:?}");
}

#[tokio::test]
async fn other_methods_are_named_and_other_sites_kept_out_there_too() {
    let endpoint = endpoint();
    let put = endpoint.send(Post::raw("").method("PUT")).await;
    assert_eq!((put.status.as_u16(), put.headers["allow"].to_str().unwrap()), (405, "POST, GET, DELETE"));
    for method in ["GET", "DELETE", "POST"] {
        let foreign = Post::raw("").method(method).and("origin", "https://evil.example").and("mcp-session-id", "x");
        assert_eq!(endpoint.send(foreign).await.status, 403, "{method}");
    }
    // The newest version has no sessions, whatever is switched on.
    let said = endpoint.send(Post::call(5, "say", &json!({ "text": "here" }), STATELESS)).await;
    assert_eq!(said.told()["zulu"], "here");
}
