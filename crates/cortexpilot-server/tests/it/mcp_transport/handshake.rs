//! Every protocol version, both eras, and what a client may do before it has agreed on one.

use cortexpilot_server::mcp::tools_list;
use serde_json::{Value, json};

use super::harness::{Client, INFO, TOOLS, call, initialize, stateless};

const WITH_INITIALIZE: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

fn request(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn assert_names_us(server_info: &Value) {
    assert_eq!(*server_info, json!({ "name": INFO.name, "title": INFO.title, "version": INFO.version }));
}

#[tokio::test]
async fn every_version_with_a_handshake_is_agreed_to_and_served() {
    for version in WITH_INITIALIZE {
        let mut client = Client::connect();
        let result = client.ask(initialize(version)).await["result"].take();
        assert_eq!(result["protocolVersion"], version);
        assert_names_us(&result["serverInfo"]);
        assert_eq!(result["capabilities"], json!({ "tools": { "listChanged": false } }));
        assert_eq!(result["instructions"], INFO.instructions);
        client.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;

        let listed = client.ask(request(1, "tools/list", json!({}))).await;
        assert_eq!(listed["result"], tools_list(TOOLS), "{version}");
        let said = client.ask(call(2, "say", &json!({ "text": "hi" }))).await;
        assert_eq!(said["result"]["isError"], false);
        assert!(said["result"].get("resultType").is_none(), "{version}: {said}");
        assert_eq!(client.ask(request(3, "ping", json!({}))).await["result"], json!({}));

        let metas = client.seen.metas.lock().unwrap();
        assert_eq!(metas[0].protocol_version.as_deref(), Some(version));
        assert_eq!(metas[0].client, Some(("tester".to_owned(), "1.2.3".to_owned())));
        assert_eq!(metas[0].id.as_json(), "2");
    }
}

#[tokio::test]
async fn a_version_without_our_handshake_gets_the_newest_that_has_one() {
    for version in ["1999-01-01", "2026-07-28", "2099-01-01", "", "latest"] {
        let mut client = Client::connect();
        let answer = client.ask(initialize(version)).await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{version}");
        // And the session runs under what was agreed, not under what was asked for.
        assert_eq!(client.ask(request(1, "ping", json!({}))).await["result"], json!({}), "{version}");
        client.ask(call(2, "say", &json!({ "text": "hi" }))).await;
        let metas = client.seen.metas.lock().unwrap();
        assert_eq!(metas[0].protocol_version.as_deref(), Some("2025-11-25"), "{version}");
    }
}

#[tokio::test]
async fn a_second_initialize_is_answered_and_moves_the_session_to_nothing_it_cannot_have() {
    let mut client = Client::initialized("2024-11-05").await;
    for (asked, agreed) in [("2025-06-18", "2025-06-18"), ("2026-07-28", "2025-11-25")] {
        assert_eq!(client.ask(initialize(asked)).await["result"]["protocolVersion"], agreed);
        assert_eq!(client.ask(request(1, "ping", json!({}))).await["result"], json!({}));
    }
}

#[tokio::test]
async fn the_stateless_version_needs_no_handshake() {
    let mut client = Client::connect();
    let version = "2026-07-28";
    let discover = stateless(request(1, "server/discover", json!({})), version);
    // A discovery opens nothing yet; it can be repeated, and either era may follow.
    for _ in 0..2 {
        let result = client.ask(discover.clone()).await["result"].take();
        let known = [&WITH_INITIALIZE[..], &[version]].concat();
        assert_eq!(result["supportedVersions"], json!(known));
        assert_eq!(result["capabilities"], json!({ "tools": { "listChanged": false } }));
        assert_eq!(result["instructions"], INFO.instructions);
        assert_eq!(result["resultType"], "complete");
        assert_names_us(&result["_meta"]["io.modelcontextprotocol/serverInfo"]);
    }
    let listed = client.ask(stateless(request(2, "tools/list", json!({})), version)).await;
    assert_eq!(listed["result"]["tools"], tools_list(TOOLS)["tools"]);
    assert_eq!(listed["result"]["resultType"], "complete");
    assert!(listed["result"]["ttlMs"].is_u64() && listed["result"]["cacheScope"].is_string(), "{listed}");

    let said = client.ask(stateless(call(3, "say", &json!({ "text": "hi" })), version)).await;
    assert_eq!(said["result"]["resultType"], "complete");
    assert_eq!(said["result"]["structuredContent"]["zulu"], "hi");
    let metas = client.seen.metas.lock().unwrap().clone();
    assert_eq!(metas[0].protocol_version.as_deref(), Some(version));
    assert_eq!(metas[0].client, Some(("tester".to_owned(), "1.2.3".to_owned())));

    // Every request carries its own metadata: one without is refused, and the next one with it is served.
    let bare = client.ask(call(4, "say", &json!({ "text": "hi" }))).await;
    assert_eq!(bare["error"]["code"], -32602);
    let unknown = client.ask(stateless(call(5, "say", &json!({ "text": "hi" })), "1999-01-01")).await;
    assert_eq!(unknown["error"]["code"], -32022);
    assert_eq!(unknown["error"]["data"]["requested"], "1999-01-01");
    // `ping` is no method of that version.
    assert_eq!(client.ask(stateless(request(6, "ping", json!({})), version)).await["error"]["code"], -32601);
    let said = client.ask(stateless(call(7, "say", &json!({ "text": "hi" })), version)).await;
    assert_eq!(said["result"]["isError"], false);
    assert_eq!(client.seen.entered(), 2);
}

#[tokio::test]
async fn a_stateless_call_may_be_the_first_message_and_a_discovery_may_end_in_a_handshake() {
    let mut client = Client::connect();
    let said = client.ask(stateless(call(1, "say", &json!({ "text": "hi" })), "2026-07-28")).await;
    assert_eq!(said["result"]["structuredContent"]["zulu"], "hi");

    let mut client = Client::connect();
    client.ask(stateless(request(1, "server/discover", json!({})), "2026-07-28")).await;
    let agreed = client.ask(initialize("2025-06-18")).await;
    assert_eq!(agreed["result"]["protocolVersion"], "2025-06-18");
    let said = client.ask(call(2, "say", &json!({ "text": "hi" }))).await;
    assert_eq!(said["result"]["structuredContent"]["zulu"], "hi");
    // Within a session a single request may still state the newer version for itself.
    let said = client.ask(stateless(call(3, "say", &json!({ "text": "hi" })), "2026-07-28")).await;
    assert_eq!(said["result"]["resultType"], "complete");
}

#[tokio::test]
async fn before_the_handshake_requests_are_refused_and_nothing_is_carried_out() {
    let mut client = Client::connect();
    // A ping is answered and opens nothing.
    assert_eq!(client.ask(request(1, "ping", json!({}))).await["result"], json!({}));
    for refused in [
        call(2, "say", &json!({ "text": "hi" })),
        request(3, "tools/list", json!({})),
        request(4, "server/discover", json!({})),
        request(5, "no/such", json!({})),
        stateless(call(6, "say", &json!({ "text": "hi" })), "1999-01-01"),
    ] {
        let answer = client.ask(refused).await;
        assert!(answer["error"]["code"].is_i64(), "{answer}");
    }
    // Nor did any of those count as a handshake: what a session forbids before it starts is still ignored.
    client.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    client.send(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#).await;
    assert_eq!(client.seen.entered(), 0);
    assert_eq!(client.ask(initialize("2025-06-18")).await["result"]["protocolVersion"], "2025-06-18");
    client.ask(call(7, "say", &json!({ "text": "hi" }))).await;
    assert_eq!(client.seen.entered(), 1);
}

#[tokio::test]
async fn what_is_not_declared_is_not_there() {
    let mut client = Client::initialized("2025-11-25").await;
    let uri = json!({ "uri": "file:///etc/passwd" });
    let methods = [
        ("prompts/list", json!({})),
        ("prompts/get", json!({ "name": "x" })),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", uri.clone()),
        ("resources/subscribe", uri.clone()),
        ("resources/unsubscribe", uri.clone()),
        ("resources/directory/read", uri),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "x" }, "argument": { "name": "a", "value": "b" } }),
        ),
        ("logging/setLevel", json!({ "level": "debug" })),
        ("tasks/get", json!({ "taskId": "x" })),
        ("tasks/update", json!({ "taskId": "x" })),
        ("tasks/cancel", json!({ "taskId": "x" })),
        ("tasks/list", json!({})),
        ("skills/list", json!({})),
        ("skills/get", json!({ "uri": "skill://x" })),
        ("subscriptions/listen", json!({ "notifications": {} })),
        ("sampling/createMessage", json!({})),
        ("notifications/initialized", json!({})),
        ("rpc.discover", json!({})),
        ("", json!({})),
    ];
    for (index, (method, params)) in methods.into_iter().enumerate() {
        let asked = request(index as u64, method, params);
        assert_eq!(client.ask(asked.clone()).await["error"]["code"], -32601, "{method}");
        assert_eq!(client.ask(stateless(asked, "2026-07-28")).await["error"]["code"], -32601, "{method}");
    }
}
