//! The read-only server under any sequence of messages: it goes on answering, and not one byte below the roots changes.

use cortexpilot_runs::fixture::RunFixture;
use cortexpilot_server::mcp::readonly::TOOLS;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{GATE_OPEN, Home, STATELESS, VERSIONS};

/// Sequences tried, and messages in the longest.
const SEQUENCES: u32 = 64;
const MESSAGES_MAX: usize = 40;

#[test]
fn after_any_sequence_of_messages_to_the_read_only_server_no_byte_has_changed() {
    let home = home();
    let before = home.snapshot();
    let mut runner = TestRunner::new(Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() });
    let mut sent = 0;
    let sequences = (proptest::sample::select(&VERSIONS[..]), prop::collection::vec(message(), 1..MESSAGES_MAX));
    let sent_here = std::cell::RefCell::new(&mut sent);
    runner
        .run(&sequences, |(version, messages)| {
            **sent_here.borrow_mut() += messages.len();
            still_answers_after(&home, version, &messages);
            before.assert_unchanged(home.root(), "a sequence of messages");
            Ok(())
        })
        .expect("the read-only server holds");
    println!("figure: {SEQUENCES} sequences, {sent} messages, no byte changed");
}

/// A home with a queue that has something in it, so that there is something that could be changed.
fn home() -> Home {
    let home = Home::new();
    for run in ["run_a", "run_b"] {
        home.run(&RunFixture::new(run));
    }
    let mut pilot = home.pilot(VERSIONS[0], &[GATE_OPEN]);
    pilot.enqueue("run_a");
    pilot.finish();
    home
}

/// Sends the messages to a fresh server, the handshake first or not at all, and asks something at the end.
fn still_answers_after(home: &Home, version: &str, messages: &[Vec<u8>]) {
    let mut server = home.raw("mcp-readonly-server", &[GATE_OPEN]);
    if version != STATELESS {
        let hello = json!({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "random", "version": "1"}}});
        server.send(hello.to_string().as_bytes());
    }
    for message in messages {
        server.send(message);
    }
    let meta = json!({"io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientInfo": {"name": "random", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}});
    let params = if version == STATELESS { json!({"_meta": meta}) } else { json!({}) };
    let last = json!({"jsonrpc": "2.0", "id": "the last", "method": "tools/list", "params": params});
    server.send(last.to_string().as_bytes());
    let answer = loop {
        let message: Value = serde_json::from_str(&server.expect_line()).expect("every line is JSON");
        if message["id"] == "the last" {
            break message;
        }
    };
    assert_eq!(answer["result"]["tools"].as_array().map(Vec::len), Some(TOOLS.len()), "{answer}");
    let finished = server.finish();
    assert!(finished.status.success(), "{:?}\n{}", finished.status, finished.stderr);
}

/// One line: a call of a tool that exists or not, another method, or noise.
fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (tool(), arguments(), id()).prop_map(|(tool, arguments, id)| {
            request(&id, "tools/call", &json!({"name": tool, "arguments": arguments}))
        }),
        3 => (read(), id()).prop_map(|((method, params), id)| request(&id, &method, &params)),
        2 => (method(), json_value(), id()).prop_map(|(method, params, id)| request(&id, &method, &params)),
        1 => json_value().prop_map(|value| value.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>().prop_filter("one line", |byte| *byte != b'\n'), 0..200),
    ]
}

fn request(id: &Value, method: &str, params: &Value) -> Vec<u8> {
    let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
    if !id.is_null() {
        message["id"] = id.clone();
    }
    message.to_string().into_bytes()
}

/// Reading and watching beside tools, with parameters of about the right shape; half of them as the version without a
/// handshake has them.
fn read() -> impl Strategy<Value = (String, Value)> {
    const URIS: &[&str] = &[
        "cortexpilot://runs/run_a",
        "cortexpilot://runs/run_b/events",
        "cortexpilot://runs/run_a/reports/none.json",
        "cortexpilot://runs/%2e%2e",
        "cortexpilot://runs/..%2f..%2fqueue.jsonl",
        "cortexpilot://workflows/wf-1",
        "cortexpilot://queue/00000000000000000000000000000000",
        "cortexpilot://log/checkpoint",
        "file:///etc/passwd",
        "",
    ];
    let methods = [
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
        "subscriptions/listen",
        "notifications/cancelled",
        "prompts/list",
        "prompts/get",
        "completion/complete",
    ];
    let uris = prop::collection::vec(proptest::sample::select(URIS), 1..4);
    (proptest::sample::select(methods.to_vec()), uris, any::<bool>(), any::<i8>()).prop_map(
        |(method, uris, stateless, number)| {
            let mut params = match method {
                "resources/list" | "resources/templates/list" | "prompts/list" => json!({}),
                "subscriptions/listen" => json!({"notifications": {"resourceSubscriptions": uris}}),
                "notifications/cancelled" => json!({"requestId": number}),
                "prompts/get" => json!({"name": "explain_run", "arguments": {"run_id": "run_a"}}),
                "completion/complete" => json!({"ref": {"type": "ref/prompt", "name": "explain_run"},
                    "argument": {"name": "run_id", "value": "r"}}),
                _ => json!({"uri": uris[0]}),
            };
            if stateless {
                params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": STATELESS,
                    "io.modelcontextprotocol/clientInfo": {"name": "random", "version": "1"},
                    "io.modelcontextprotocol/clientCapabilities": {}});
            }
            (method.to_owned(), params)
        },
    )
}

fn tool() -> impl Strategy<Value = String> {
    let ours: Vec<String> = TOOLS.iter().map(|tool| tool.name.to_owned()).collect();
    let wishes =
        ["enqueue_from_run", "preview_enqueue_from_run", "cancel_queue_item", "write_file", "approve", "rollback_run"];
    prop_oneof![
        5 => proptest::sample::select(ours),
        2 => proptest::sample::select(wishes.map(str::to_owned).to_vec()),
        1 => ".{0,20}",
    ]
}

fn arguments() -> impl Strategy<Value = Value> {
    const TEXTS: &[&str] =
        &["run_a", "run_b", "missing", "../../etc/passwd", "", " ", "/dev/zero", "PENDING", "wf-1", "\u{202e}"];
    let known = proptest::sample::select(
        &["run_id", "workflow_id", "status", "limit", "cursor", "fields", "since", "tail", "path"][..],
    );
    let value = prop_oneof![
        4 => proptest::sample::select(TEXTS).prop_map(|text| json!(text)),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => json_value(),
    ];
    prop_oneof![
        6 => prop::collection::btree_map(known.prop_map(str::to_owned), value, 0..4).prop_map(|map| json!(map)),
        1 => json_value(),
    ]
}

fn method() -> impl Strategy<Value = String> {
    let known = [
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "resources/list",
        "resources/read",
        "resources/subscribe",
        "prompts/get",
        "completion/complete",
        "logging/setLevel",
        "sampling/createMessage",
        "roots/list",
        "notifications/cancelled",
        "notifications/initialized",
        "queue/cancel",
    ];
    prop_oneof![8 => proptest::sample::select(known.map(str::to_owned).to_vec()), 1 => ".{0,20}"]
}

fn id() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), any::<i32>().prop_map(|id| json!(id)), "[a-z]{1,8}".prop_map(|id| json!(id))]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        ".{0,12}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(".{0,8}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}
