//! What is read beside tools: declared where it is served, and refused as not there where it is not.

use std::sync::Arc;

use serde_json::{Value, json};

use super::harness::{Client, Seen, initialize, stateless};
use super::watching::{Rings, server};

const VERSIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// A client of a server with resources, under this version.
async fn client(version: &str) -> Client {
    let seen = Seen::new(0);
    let mut client = Client::of(server(&seen, &Arc::default()), seen, 64 * 1024);
    if version != "2026-07-28" {
        client.ask(initialize(version)).await;
    }
    client
}

fn request(version: &str, method: &str, params: Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    if version == "2026-07-28" { stateless(request, version) } else { request }
}

#[tokio::test]
async fn capabilities_are_declared_where_they_are_served() {
    let declared = json!({
        "tools": { "listChanged": false },
        "resources": { "listChanged": false, "subscribe": true },
        "prompts": { "listChanged": false },
        "completions": {},
    });
    let seen = Seen::new(0);
    let mut client = Client::of(server(&seen, &Arc::default()), seen, 64 * 1024);
    let discovered = client.ask(request("2026-07-28", "server/discover", json!({}))).await;
    assert_eq!(discovered["result"]["capabilities"], declared);
    assert_eq!(client.ask(initialize("2025-11-25")).await["result"]["capabilities"], declared);
}

#[tokio::test]
async fn a_server_without_resources_has_no_method_for_them() {
    let mut client = Client::initialized("2025-11-25").await;
    for (method, params) in [
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({ "uri": "test://rock" })),
        ("resources/subscribe", json!({ "uri": "test://rock" })),
        ("resources/unsubscribe", json!({ "uri": "test://rock" })),
        ("prompts/list", json!({})),
        ("prompts/get", json!({ "name": "tell" })),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "tell" }, "argument": { "name": "name", "value": "" } }),
        ),
    ] {
        let answer = client.ask(request("2025-11-25", method, params.clone())).await;
        assert_eq!(answer["error"]["code"], -32601, "{method}: {answer}");
        let answer = client.ask(request("2026-07-28", method, params)).await;
        assert_eq!(answer["error"]["code"], -32601, "{method}: {answer}");
    }
    let listen = json!({ "notifications": { "resourceSubscriptions": ["test://rock"] } });
    for version in ["2025-11-25", "2026-07-28"] {
        let answer = client.ask(request(version, "subscriptions/listen", listen.clone())).await;
        assert_eq!(answer["error"]["code"], -32601, "{answer}");
    }
}

#[tokio::test]
async fn everything_beside_tools_is_served_under_every_version() {
    for version in VERSIONS {
        let mut client = client(version).await;
        let mut ask = async |method: &str, params| client.ask(request(version, method, params)).await;
        let page = ask("resources/list", json!({})).await;
        assert_eq!(page["result"]["nextCursor"], "two", "{version}: {page}");
        let last = ask("resources/list", json!({ "cursor": "two" })).await;
        assert!(last["result"].get("nextCursor").is_none() && last["result"]["resources"] == json!([]), "{last}");
        let templates = ask("resources/templates/list", json!({})).await;
        assert_eq!(templates["result"]["resourceTemplates"][0]["uriTemplate"], "test://things/{name}");
        let read = ask("resources/read", json!({ "uri": "test://rock" })).await;
        let contents = json!([{ "uri": "test://rock", "mimeType": "text/plain", "text": "a rock" }]);
        assert_eq!(read["result"]["contents"], contents, "{version}");
        assert_eq!(ask("prompts/list", json!({})).await["result"]["prompts"][0]["name"], "tell");
        let told = ask("prompts/get", json!({ "name": "tell", "arguments": { "name": "Ada" } })).await;
        let messages = &told["result"]["messages"];
        assert_eq!(messages[0]["content"], json!({ "type": "text", "text": "Tell me." }));
        assert_eq!(messages[1]["content"]["resource"]["text"], "Ada", "{told}");
        for reference in [
            json!({ "type": "ref/prompt", "name": "tell" }),
            json!({ "type": "ref/resource", "uri": "test://things/{name}" }),
        ] {
            let asked = json!({ "ref": reference, "argument": { "name": "name", "value": "name_1" } });
            let completion = ask("completion/complete", asked).await["result"]["completion"].take();
            assert_eq!(completion["values"].as_array().map(Vec::len), Some(61), "{version}: {completion}");
            assert_eq!(completion["hasMore"], false);
        }
        let all =
            json!({ "ref": { "type": "ref/prompt", "name": "tell" }, "argument": { "name": "name", "value": "" } });
        let completion = ask("completion/complete", all).await["result"]["completion"].take();
        assert_eq!((completion["values"].as_array().map(Vec::len), &completion["hasMore"]), (Some(100), &json!(true)));
    }
}

#[tokio::test]
async fn what_cannot_be_read_has_the_number_of_its_protocol_version() {
    for version in VERSIONS {
        let mut client = client(version).await;
        let missing = if version == "2026-07-28" { -32602 } else { -32002 };
        let complete = |reference: Value, argument: &str| json!({ "ref": reference, "argument": { "name": argument, "value": "" } });
        for (method, params, code) in [
            ("resources/read", json!({ "uri": "test://none" }), missing),
            ("resources/read", json!({ "uri": "test://shut" }), -32603),
            ("resources/read", json!({ "uri": "test://boom" }), -32603),
            ("resources/read", json!({ "uri": 5 }), -32602),
            ("resources/read", json!({}), -32602),
            ("resources/list", json!({ "cursor": "three" }), -32602),
            ("resources/templates/list", json!({ "cursor": "two" }), -32602),
            ("prompts/list", json!({ "cursor": "two" }), -32602),
            ("prompts/get", json!({ "name": "none" }), -32602),
            ("prompts/get", json!({ "name": "tell" }), -32602),
            ("prompts/get", json!({ "name": "tell", "arguments": [] }), -32602),
            ("completion/complete", complete(json!({ "type": "ref/prompt", "name": "none" }), "name"), -32602),
            ("completion/complete", complete(json!({ "type": "ref/prompt", "name": "tell" }), "none"), -32602),
            ("completion/complete", complete(json!({ "type": "ref/nothing" }), "name"), -32602),
            ("completion/complete", json!({}), -32602),
        ] {
            let answer = client.ask(request(version, method, params.clone())).await;
            assert_eq!(answer["error"]["code"], code, "{version}: {method} {params}: {answer}");
        }
        let answer = client.ask(request(version, "resources/read", json!({ "uri": "test://none" }))).await;
        assert_eq!(answer["error"]["data"], json!({ "code": "NOT_FOUND", "uri": "test://none" }));
    }
}

#[tokio::test]
async fn a_duplicate_argument_of_a_prompt_is_no_request() {
    let seen = Seen::new(0);
    let mut client = Client::of(server(&seen, &Arc::<Rings>::default()), seen, 64 * 1024);
    client.ask(initialize("2025-11-25")).await;
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"tell","arguments":{"name":"a","name":"b"}}}"#;
    client.send(twice.as_bytes()).await;
    assert_eq!(client.answer().await["error"]["code"], -32600);
}
