//! Random input: whatever arrives, the server lives, answers what asks for an answer, and serves the next request.

use cortexpilot_server::mcp::{
    End,
    scan::{Scanned, scan},
};
use proptest::prelude::*;
use serde_json::json;

use super::harness::{Client, initialize};

const METHODS: &[&str] = &[
    r#""initialize""#,
    r#""ping""#,
    r#""server/discover""#,
    r#""tools/list""#,
    r#""tools/call""#,
    r#""prompts/list""#,
    r#""completion/complete""#,
    r#""subscriptions/listen""#,
    r#""tasks/get""#,
    r#""notifications/initialized""#,
    r#""notifications/cancelled""#,
    r#""no/such""#,
    r#""""#,
    "5",
    "null",
];

const IDS: &[&str] =
    &["1", "1", "2", r#""a""#, "-7", "18446744073709551615", "18446744073709551616", "1.5", "null", "true", "[]", "{}"];

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

const MEMBERS: &[&str] = &[
    META,
    r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2025-06-18","io.modelcontextprotocol/clientCapabilities":{}}"#,
    r#""_meta":{"io.modelcontextprotocol/protocolVersion":5,"io.modelcontextprotocol/clientCapabilities":null}"#,
    r#""_meta":{"progressToken":{"a":[]}}"#,
    r#""_meta":null"#,
    r#""_meta":"x""#,
    r#""name":"say""#,
    r#""name":"say""#,
    r#""name":"boom""#,
    r#""name":"nope""#,
    r#""name":{}"#,
    r#""arguments":{"text":"x"}"#,
    r#""arguments":{"text":"x","text":"y"}"#,
    r#""arguments":[]"#,
    r#""arguments":null"#,
    r#""cursor":"x""#,
    r#""cursor":null"#,
    r#""protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"a","version":"b"}"#,
    r#""protocolVersion":"2026-07-28","capabilities":{"extensions":{"x":{}}},"clientInfo":{"name":"a","version":"b"}"#,
    r#""protocolVersion":[],"capabilities":5,"clientInfo":null"#,
    r#""requestId":1"#,
    r#""level":"debug""#,
    r#""uri":"file:///""#,
    r#""notifications":{"toolsListChanged":true}"#,
    r#""x":"\ud800""#,
    r#""x":1e999"#,
    r#""$serde_json::private::RawValue":"[[[["#,
];

/// Something like a message, mostly well formed, of parts that have each been trouble somewhere.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let params = prop_oneof![
        6 => proptest::sample::subsequence(MEMBERS, 0..5).prop_map(|members| format!(r#","params":{{{}}}"#, members.join(","))),
        1 => proptest::sample::select(&[r#","params":[]"#, r#","params":null"#, r#","params":"x""#, r#","params":{},"params":{}"#][..]).prop_map(str::to_owned),
        1 => Just(String::new()),
    ];
    let id = prop_oneof![
        5 => proptest::sample::select(IDS).prop_map(|id| format!(r#","id":{id}"#)),
        1 => Just(String::new()),
    ];
    let method = proptest::sample::select(METHODS);
    let tail = prop_oneof![
        9 => Just(""),
        1 => proptest::sample::select(&[r#","result":{}"#, r#","error":{"code":1,"message":"x"}"#, r#","id":9"#, r#","extra":[{}]"#][..]),
    ];
    // A byte changed here and there gives the messages no list of parts contains.
    let damage = prop_oneof![4 => Just(None), 1 => (any::<proptest::sample::Index>(), any::<u8>()).prop_map(Some)];
    (method, id, params, tail, damage).prop_map(|(method, id, params, tail, damage)| {
        let mut line = format!(r#"{{"jsonrpc":"2.0"{id},"method":{method}{params}{tail}}}"#).into_bytes();
        if let Some((index, byte)) = damage {
            let index = index.index(line.len());
            line[index] = byte;
        }
        line
    })
}

/// Something like an answer to a question, of which none is open.
fn response() -> impl Strategy<Value = Vec<u8>> {
    let bodies = [
        r#""result":{}"#,
        r#""result":{"action":"accept","content":{"confirm":true}}"#,
        r#""result":null,"error":{"code":1,"message":"x"}"#,
        r#""error":{"code":1,"message":"x"}"#,
        r#""error":{}"#,
        r#""result":{"a":1,"a":2}"#,
    ];
    (proptest::sample::select(IDS), proptest::sample::select(bodies.to_vec()))
        .prop_map(|(id, body)| format!(r#"{{"jsonrpc":"2.0","id":{id},{body}}}"#).into_bytes())
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => proptest::collection::vec(any::<u8>(), 0..200),
        1 => "\\PC{0,80}".prop_map(String::into_bytes),
        1 => "[\\[\\]{}\",:0-9a-z\\\\ ]{0,80}".prop_map(String::into_bytes),
        1 => response(),
        6 => soup(),
    ]
}

/// Whether a line asks for an answer. This much the scan alone decides; that the server then gives it is the property.
fn asks(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let blank = line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
    !blank && matches!(scan(line), Scanned::Request(_) | Scanned::Refused(_))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_lines_ends_the_server_or_goes_unanswered(
        lines in proptest::collection::vec(line(), 1..40),
        after_handshake in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = Client::connect();
            if after_handshake {
                client.ask(initialize("2025-06-18")).await;
            }
            let input = lines.join(&b'\n');
            let expected = input.split(|byte| *byte == b'\n').filter(|line| asks(line)).count();
            client.send(&input).await;
            let ping = json!({ "jsonrpc": "2.0", "id": "the last ping", "method": "ping" });
            client.send(ping.to_string().as_bytes()).await;
            let (mut answers, end) = client.finish().await;
            // Calls run side by side, so the ping may be answered before the last of them.
            let pings = answers.iter().filter(|answer| answer["id"] == ping["id"]).count();
            prop_assert_eq!(pings, 1);
            answers.retain(|answer| answer["id"] != ping["id"]);
            prop_assert_eq!(answers.len(), expected);
            prop_assert_eq!(end, End::InputClosed);
            for answer in &answers {
                prop_assert!(answer.get("result").is_some() != answer.get("error").is_some());
            }
            Ok(())
        })?;
    }
}
