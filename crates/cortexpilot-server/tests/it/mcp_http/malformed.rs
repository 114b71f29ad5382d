//! Messages that are no request of ours: the table of standard input, under every protocol version.

use axum::body::Body;
use serde_json::{Value, json};

use super::harness::{Endpoint, Post, STATELESS, VERSIONS};
use crate::mcp_transport::malformed::table;

/// More than a message may have over HTTP, less than over standard input.
const LIMIT: usize = 64 * 1024;

/// What a message comes to here: status, number and id; no number where nothing is answered.
fn expected(what: &str, message: &[u8], over_stdio: Option<(i64, Value)>, version: &str) -> (u16, Option<i64>, Value) {
    if message.len() > LIMIT {
        return (413, Some(-32600), Value::Null);
    }
    match over_stdio {
        // A known method with params that it cannot take was understood; what is no request was not.
        Some((-32602, id)) => (200, Some(-32602), id),
        Some((number, id)) => (400, Some(number), id),
        None => {
            let message: Value = serde_json::from_slice(message).unwrap_or_default();
            match (message.is_object(), message.get("method").is_some()) {
                // Nobody sends an empty line over HTTP by accident.
                (false, _) => (400, Some(-32700), Value::Null),
                // This server asked nothing.
                (true, false) => (400, Some(-32600), Value::Null),
                // From 2026-07-28 on the headers repeat the method, and here they do not.
                (true, true) if version == STATELESS => (400, Some(-32020), Value::Null),
                (true, true) => {
                    assert!(!what.is_empty());
                    (202, None, Value::Null)
                }
            }
        }
    }
}

#[tokio::test]
async fn each_bad_message_has_its_answer_under_every_version_and_the_next_call_is_served() {
    for version in VERSIONS {
        let endpoint = Endpoint::new();
        let rows = table();
        let count = rows.len();
        for (what, message, over_stdio) in rows {
            let wanted = expected(what, &message, over_stdio, version);
            let answer = endpoint.send(Post::raw(message).and("mcp-protocol-version", version)).await;
            let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
            let got = (answer.status.as_u16(), body["error"]["code"].as_i64(), body["id"].clone());
            assert_eq!(got, wanted, "{what} under {version}: {answer:?}");
            if wanted.1.is_none() {
                assert_eq!(answer.text, "", "{what} under {version}");
            } else {
                assert_eq!(answer.json()["jsonrpc"], "2.0", "{what} under {version}");
                let message = body["error"]["message"].as_str().unwrap();
                assert!(message.len() < 140, "{what} under {version}: {message}");
            }
            let good = endpoint.send(Post::call("good", "say", &json!({ "text": "still here" }), version)).await;
            assert_eq!(good.told()["zulu"], "still here", "{what} under {version}: {good:?}");
        }
        // Nothing but the good calls ever reached a handler.
        assert_eq!(endpoint.seen.entered(), count, "{version}");
    }
}

#[tokio::test]
async fn each_bad_message_as_the_very_first_has_the_same_answer() {
    for version in VERSIONS {
        for (what, message, over_stdio) in table() {
            let endpoint = Endpoint::new();
            let wanted = expected(what, &message, over_stdio, version);
            let answer = endpoint.send(Post::raw(message).and("mcp-protocol-version", version)).await;
            assert_eq!(answer.status.as_u16(), wanted.0, "{what} under {version}: {answer:?}");
            assert_eq!(endpoint.send(Post::ping(version)).await.status, 200, "{what} under {version}");
            assert_eq!(endpoint.seen.entered(), 0, "{what} under {version}");
        }
    }
}

#[tokio::test]
async fn a_message_of_exactly_the_limit_is_taken_and_a_longer_one_is_not_read() {
    let endpoint = Endpoint::new();
    let padded = |length: usize| {
        let text = |padding: usize| {
            let text = "x".repeat(padding);
            format!(
                r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"say","arguments":{{"text":"{text}"}}}}}}"#
            )
        };
        text(length - text(0).len())
    };
    let taken = endpoint.send(Post::raw(padded(LIMIT))).await;
    assert!(taken.told()["zulu"].is_string());
    for length in [LIMIT + 1, 1024 * 1024, 16 * 1024 * 1024] {
        assert_eq!(endpoint.send(Post::raw(padded(length))).await.verdict(), "413 -32600", "{length}");
        // One that does not say how long it will be is cut off at the limit.
        let pieces = padded(length).into_bytes();
        let pieces: Vec<_> = pieces.chunks(4096).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        assert_eq!(endpoint.send(Post::raw(body)).await.verdict(), "413 -32600", "{length} in pieces");
    }
    let broken = futures_util::stream::iter([Ok(b"{".to_vec()), Err(std::io::Error::other("gone"))]);
    assert_eq!(endpoint.send(Post::raw(Body::from_stream(broken))).await.verdict(), "400 -32600");
    assert_eq!(endpoint.seen.entered(), 1);
}

#[tokio::test]
async fn valid_ids_of_every_kind_come_back_with_the_value_they_had() {
    let endpoint = Endpoint::new();
    for id in [
        "0",
        "-1",
        "-0",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        r#""""#,
        r#""a\u0062\"ü""#,
    ] {
        for (method, member) in [("ping", "result"), ("nothing/like/it", "error")] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#);
            let answer = endpoint.send(Post::raw(text)).await;
            let (sent, got): (Value, Value) = (serde_json::from_str(id).unwrap(), answer.json()["id"].clone());
            assert_eq!(got, sent, "{answer:?}");
            assert!(answer.json().get(member).is_some(), "{id}: {answer:?}");
        }
    }
    // A stream would carry such an id in each of its messages, and the library has no room for it.
    let listen = r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"subscriptions/listen"}"#;
    assert_eq!(endpoint.send(Post::raw(listen)).await.verdict(), "400 -32600");
}

#[tokio::test]
async fn arguments_reach_the_tool_as_the_clients_own_bytes() {
    let endpoint = Endpoint::new();
    let arguments = r#"{ "text": "caf\u00e9", "times": 3 }"#;
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"say","arguments":{arguments},"_meta":{{"x":1}}}}}}"#
    );
    let told = endpoint.send(Post::raw(text)).await.told();
    assert_eq!((&told["raw"], &told["zulu"], &told["alpha"]), (&json!(arguments), &json!("café"), &json!(3)));
}
