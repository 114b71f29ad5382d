//! Calls: what reaches a handler, what a model gets back, and what a panic does to the rest.

use cortexpilot_server::mcp::{table_problems, tools_list};
use serde_json::{Value, json};

use super::harness::{Client, TOOLS, call};

fn validator(tool: usize) -> jsonschema::Validator {
    jsonschema::validator_for(&tools_list(TOOLS)["tools"][tool]["outputSchema"]).unwrap()
}

/// The tool answer as a client sees it: both renderings the same, and valid against the declared schema.
fn content(answer: &Value, tool: usize) -> Value {
    let result = &answer["result"];
    let structured = &result["structuredContent"];
    assert_eq!(result["content"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(result["content"][0]["type"], "text");
    assert_eq!(result["content"][0]["text"], structured.to_string(), "{answer}");
    assert!(validator(tool).is_valid(structured), "{answer}");
    structured.clone()
}

#[test]
fn the_test_table_itself_may_be_served() {
    assert_eq!(table_problems(TOOLS), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_keeps_its_member_order_and_stands_there_twice() {
    let mut client = Client::initialized("2025-06-18").await;
    let asked = call(1, "say", &json!({ "text": "hi\u{2028}\"", "times": 3 }));
    client.send(asked.to_string().as_bytes()).await;
    let line = client.line().await;
    let expected = r#""structuredContent":{"zulu":"hi "#.replace(' ', "\u{2028}");
    assert!(line.contains(&expected), "{line}");
    let answer: Value = serde_json::from_str(&line).unwrap();
    let said = content(&answer, 0);
    let order: Vec<_> = said.as_object().unwrap().keys().collect();
    assert_eq!(order, ["zulu", "alpha", "raw"]);
    assert_eq!(answer["result"]["isError"], false);
}

#[tokio::test]
async fn a_handler_gets_the_bytes_the_client_wrote() {
    let mut client = Client::initialized("2025-06-18").await;
    let raw = r#"{ "times" : 12,"text":"\u0041\/", "confirm":true }"#;
    client
        .send(
            format!(r#"{{"params":{{"arguments":{raw},"name":"say"}},"method":"tools/call","id":1,"jsonrpc":"2.0"}}"#)
                .as_bytes(),
        )
        .await;
    let said = content(&client.answer().await, 0);
    assert_eq!((&said["raw"], &said["zulu"]), (&json!(raw), &json!("A/")));
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_a_tool_error_the_model_can_read() {
    let mut client = Client::initialized("2025-06-18").await;
    for (arguments, names) in [
        (json!({ "text": "x", "times": 5.0 }), "`times` must be an integer"),
        (json!({ "text": "x", "times": "5" }), "`times` must be an integer"),
        (json!({ "text": "x", "confirm": "true" }), "`confirm` must be true or false"),
        (json!({ "text": "x", "nonsense": 1 }), "`nonsense` is not an argument here"),
        (json!({ "times": 1 }), "`text` is missing"),
        (json!([]), "must be one JSON object"),
        (json!("text"), "must be one JSON object"),
        (Value::Null, "`text` is missing"),
    ] {
        let answer = client.ask(call(1, "say", &arguments)).await;
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        let refused = content(&answer, 0);
        assert_eq!(refused["code"], "ARGUMENTS_INVALID");
        assert!(refused["reason"].as_str().unwrap().contains(names), "{refused}");
    }
    let bare = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "say" } });
    assert_eq!(content(&client.ask(bare).await, 0)["reason"], "The argument `text` is missing.");
}

#[tokio::test]
async fn an_unknown_tool_is_a_protocol_error_and_reaches_no_handler() {
    let mut client = Client::initialized("2025-06-18").await;
    for name in ["nope", "Say", "say ", "", "../say"] {
        let answer = client.ask(call(1, name, &json!({}))).await;
        assert_eq!(answer["error"]["code"], -32602, "{name}: {answer}");
    }
    assert_eq!(client.seen.entered(), 0);
}

#[tokio::test]
async fn a_panicking_handler_is_an_answer_and_costs_nothing_but_its_own_call() {
    let mut client = Client::initialized("2025-06-18").await;
    // More panics than permits: none is lost with its call.
    for round in 0..100 {
        let (name, tool) = [("boom", 1), ("boom_late", 2)][round % 2];
        let answer = client.ask(call(round, name, &json!({}))).await;
        assert_eq!(answer["result"]["isError"], true);
        assert_eq!(content(&answer, tool)["code"], "INTERNAL");
    }
    let said = client.ask(call("after", "say", &json!({ "text": "alive" }))).await;
    assert_eq!(content(&said, 0)["zulu"], "alive");
}

#[tokio::test]
async fn a_cursor_that_was_never_handed_out_is_refused() {
    let mut client = Client::initialized("2025-06-18").await;
    let asked = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "cursor": "x" } });
    assert_eq!(client.ask(asked).await["error"]["code"], -32602);
}
