//! Lines that are no request of ours: each is answered as the wire contract says, and the next request is served.

use serde_json::{Value, json};

use super::harness::{Client, call, initialize, stateless};

/// The answer a line gets: code and id, or none at all.
pub(crate) type Expected = Option<(i64, Value)>;

const NOT_JSON: i64 = -32700;
const NO_REQUEST: i64 = -32600;
const BAD_PARAMS: i64 = -32602;

fn refused(code: i64, id: impl Into<Value>) -> Expected {
    Some((code, id.into()))
}

fn text(line: impl Into<String>) -> Vec<u8> {
    line.into().into_bytes()
}

/// `tools/call` of `say` with the given JSON text as its arguments.
fn say(arguments: &str) -> Vec<u8> {
    text(format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"say","arguments":{arguments}}}}}"#
    ))
}

fn with_id(id: &str) -> Vec<u8> {
    text(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#))
}

fn with_params(params: &str) -> Vec<u8> {
    text(format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{params}}}"#))
}

/// Arrays nested so that the deepest stands at `depth`, the message object being level 1.
fn nested(depth: usize) -> Vec<u8> {
    let levels = depth - 3;
    say(&format!(r#"{{"text":{}{}}}"#, "[".repeat(levels), "]".repeat(levels)))
}

pub(crate) fn table() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let null = || Value::Null;
    vec![
        // Not JSON.
        ("free text", text("hello"), refused(NOT_JSON, null())),
        ("a cut message", text(r#"{"jsonrpc":"2.0","id":7,"method":"ping""#), refused(NOT_JSON, null())),
        ("two values", text(r#"{"jsonrpc":"2.0","id":7,"method":"ping"} {}"#), refused(NOT_JSON, null())),
        ("a comment", text(r#"{"jsonrpc":"2.0","id":7,"method":"ping"} // x"#), refused(NOT_JSON, null())),
        ("NaN", say(r#"{"text":NaN}"#), refused(NOT_JSON, null())),
        (
            "a byte order mark",
            text("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}"),
            refused(NOT_JSON, null()),
        ),
        (
            "invalid UTF-8",
            [&b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"p\xff"[..], b"\"}"].concat(),
            refused(NOT_JSON, null()),
        ),
        (
            "UTF-8 of a surrogate",
            [&b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"\xed\xa0\x80"[..], b"\"}"].concat(),
            refused(NOT_JSON, null()),
        ),
        ("a lone surrogate", say(r#"{"text":"\ud800"}"#), refused(NOT_JSON, null())),
        ("a lone surrogate in a name", say(r#"{"\udc00":1}"#), refused(NOT_JSON, null())),
        (
            "a lone surrogate where nobody looks",
            text(r#"{"jsonrpc":"2.0","id":7,"method":"ping","x":"\ud800"}"#),
            refused(NOT_JSON, null()),
        ),
        ("a raw control character", say("{\"text\":\"a\u{1}b\"}"), refused(NOT_JSON, null())),
        ("a 4300-digit integer", say(&format!(r#"{{"times":{}}}"#, "9".repeat(4300))), refused(NOT_JSON, null())),
        ("a 4300-digit id", with_id(&"9".repeat(4300)), refused(NOT_JSON, null())),
        ("an exponent out of range", say(r#"{"times":1e400}"#), refused(NOT_JSON, null())),
        ("985 open brackets", text("[".repeat(985)), refused(NOT_JSON, null())),
        ("100,000 open brackets", text("[".repeat(100_000)), refused(NOT_JSON, null())),
        (
            "a duplicate and then no JSON",
            text(r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"#),
            refused(NOT_JSON, null()),
        ),
        // JSON, but nothing we take.
        ("985 nested arrays", text(format!("{}{}", "[".repeat(985), "]".repeat(985))), refused(NO_REQUEST, null())),
        ("100,000 nested arrays in a request", nested(100_000), refused(NO_REQUEST, 7)),
        (
            "100,000 nested objects in a request",
            say(&format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000))),
            refused(NO_REQUEST, 7),
        ),
        ("one level too deep", nested(33), refused(NO_REQUEST, 7)),
        ("a batch", text(r#"[{"jsonrpc":"2.0","id":7,"method":"ping"}]"#), refused(NO_REQUEST, null())),
        ("an empty batch", text("[]"), refused(NO_REQUEST, null())),
        ("a string", text("\"x\""), refused(NO_REQUEST, null())),
        ("null", text("null"), refused(NO_REQUEST, null())),
        ("an empty object", text("{}"), refused(NO_REQUEST, null())),
        ("no version", text(r#"{"id":7,"method":"ping"}"#), refused(NO_REQUEST, 7)),
        ("another version", text(r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#), refused(NO_REQUEST, 7)),
        ("a version that is a number", text(r#"{"jsonrpc":2.0,"id":7,"method":"ping"}"#), refused(NO_REQUEST, 7)),
        ("a method that is a number", text(r#"{"jsonrpc":"2.0","id":7,"method":1}"#), refused(NO_REQUEST, 7)),
        ("no method", text(r#"{"jsonrpc":"2.0","id":7}"#), refused(NO_REQUEST, 7)),
        (
            "a method and a result",
            text(r#"{"jsonrpc":"2.0","id":7,"method":"ping","result":{}}"#),
            refused(NO_REQUEST, 7),
        ),
        ("params that are an array", with_params("[]"), refused(NO_REQUEST, 7)),
        ("params that are a string", with_params("\"x\""), refused(NO_REQUEST, 7)),
        ("params that are null", with_params("null"), refused(NO_REQUEST, 7)),
        (
            "params twice",
            text(r#"{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{},"params":{}}"#),
            refused(NO_REQUEST, 7),
        ),
        ("a duplicate id", text(r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}"#), refused(NO_REQUEST, null())),
        (
            "a duplicate method",
            text(r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"ping"}"#),
            refused(NO_REQUEST, 7),
        ),
        (
            "a duplicate name",
            text(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"say","name":"boom"}}"#),
            refused(NO_REQUEST, 7),
        ),
        (
            "duplicate arguments",
            text(
                r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"say","arguments":{},"arguments":{}}}"#,
            ),
            refused(NO_REQUEST, 7),
        ),
        ("a duplicate in arguments", say(r#"{"text":"x","confirm":false,"confirm":true}"#), refused(NO_REQUEST, 7)),
        (
            "a duplicate spelled differently",
            say(r#"{"text":"x","confirm":false,"\u0063onfirm":true}"#),
            refused(NO_REQUEST, 7),
        ),
        ("a duplicate deep in arguments", say(r#"{"text":[{"a":{"b":1,"b":1}}]}"#), refused(NO_REQUEST, 7)),
        (
            "a duplicate where nobody looks",
            text(r#"{"jsonrpc":"2.0","id":7,"method":"ping","x":{"a":1,"a":1}}"#),
            refused(NO_REQUEST, 7),
        ),
        (
            "a name the JSON reader reserves",
            say(r#"{"text":{"$serde_json::private::RawValue":"{}"}}"#),
            refused(NO_REQUEST, 7),
        ),
        // Ids of every type. Those that can be echoed are, so that the client does not wait for ever.
        ("an id that is null", with_id("null"), refused(NO_REQUEST, null())),
        ("an id that is true", with_id("true"), refused(NO_REQUEST, null())),
        ("an id that is an array", with_id("[1]"), refused(NO_REQUEST, null())),
        ("an id that is an object", with_id(r#"{"a":1}"#), refused(NO_REQUEST, null())),
        ("an id that is a fraction", with_id("1.5"), refused(NO_REQUEST, 1.5)),
        ("an id beyond 64 bits", with_id("18446744073709551616"), refused(NO_REQUEST, 18_446_744_073_709_551_616.0)),
        // Known methods with params of a wrong type.
        (
            "a tool name that is a number",
            text(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":5}}"#),
            refused(BAD_PARAMS, 7),
        ),
        (
            "a call without a name",
            text(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}"#),
            refused(BAD_PARAMS, 7),
        ),
        ("a call without params", text(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call"}"#), refused(BAD_PARAMS, 7)),
        ("a cursor that is a number", with_params(r#"{"cursor":5}"#), refused(BAD_PARAMS, 7)),
        ("_meta that is an array", with_params(r#"{"_meta":[]}"#), refused(BAD_PARAMS, 7)),
        (
            "initialize without params",
            text(r#"{"jsonrpc":"2.0","id":7,"method":"initialize"}"#),
            refused(BAD_PARAMS, 7),
        ),
        (
            "initialize with a version that is a number",
            text(
                r#"{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":5,"capabilities":{},"clientInfo":{"name":"a","version":"b"}}}"#,
            ),
            refused(BAD_PARAMS, 7),
        ),
        // Responses that are none.
        (
            "a response with both",
            text(r#"{"jsonrpc":"2.0","id":7,"result":{},"error":{"code":1,"message":"x"}}"#),
            refused(NO_REQUEST, null()),
        ),
        ("a response without an id", text(r#"{"jsonrpc":"2.0","result":{}}"#), refused(NO_REQUEST, null())),
        ("an error that is a string", text(r#"{"jsonrpc":"2.0","id":7,"error":"x"}"#), refused(NO_REQUEST, null())),
        // Messages that get no answer.
        ("a notification", text(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), None),
        (
            "an unknown notification",
            text(r#"{"jsonrpc":"2.0","method":"notifications/nonsense","params":{"a":1}}"#),
            None,
        ),
        (
            "a cancellation of nothing",
            text(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}"#),
            None,
        ),
        ("a ping without an id", text(r#"{"jsonrpc":"2.0","method":"ping"}"#), None),
        (
            "an initialize without an id",
            text(initialize("2025-06-18").to_string().replace(r#""id":"init","#, "")),
            None,
        ),
        (
            "a call without an id",
            text(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"say","arguments":{"text":"x"}}}"#),
            None,
        ),
        ("a response", text(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#), None),
        ("an error response", text(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"x"}}"#), None),
        ("an error response without an id", text(r#"{"jsonrpc":"2.0","error":{"code":-1,"message":"x"}}"#), None),
        ("an empty line", text(""), None),
        ("an empty line of another system", text("\r"), None),
        ("a line of blanks", text("  \t "), None),
    ]
}

fn check(what: &str, before: &[Value], expected: &Expected) {
    let Some((code, id)) = expected else {
        assert_eq!(before, &[] as &[Value], "{what}");
        return;
    };
    assert_eq!(before.len(), 1, "{what}: {before:?}");
    assert_eq!(before[0]["jsonrpc"], "2.0", "{what}");
    assert_eq!((&before[0]["error"]["code"], &before[0]["id"]), (&json!(code), id), "{what}: {before:?}");
    assert!(before[0].as_object().unwrap().contains_key("id"), "{what}: {before:?}");
    let message = before[0]["error"]["message"].as_str().unwrap();
    assert!(message.ends_with('.') && message.len() < 120, "{what}: {message}");
}

#[tokio::test]
async fn each_bad_line_in_a_session_is_answered_and_the_next_call_is_served() {
    let mut client = Client::initialized("2025-06-18").await;
    for (round, (what, line, expected)) in table().into_iter().enumerate() {
        let good = call(format!("good-{round}"), "say", &json!({ "text": "still here" }));
        client.send(&line).await;
        client.send(good.to_string().as_bytes()).await;
        let (before, answer) = client.answers_before(&good["id"]).await;
        check(what, &before, &expected);
        assert_eq!(answer["result"]["structuredContent"]["zulu"], "still here", "{what}");
    }
    // Nothing but the good calls ever reached a handler.
    assert_eq!(client.seen.entered(), table().len());
}

#[tokio::test]
async fn each_bad_line_as_the_very_first_message_leaves_both_handshakes_open() {
    for (what, line, expected) in table() {
        let mut client = Client::connect();
        client.send(&line).await;
        let ping = json!({ "jsonrpc": "2.0", "id": "first", "method": "ping" });
        client.send(ping.to_string().as_bytes()).await;
        let (before, answer) = client.answers_before(&ping["id"]).await;
        check(what, &before, &expected);
        assert_eq!(answer["result"], json!({}), "{what}");
        // The first request after it may open either era.
        let good = call("good", "say", &json!({ "text": "open" }));
        let answer = if what.len() % 2 == 0 {
            client.ask(initialize("2025-11-25")).await;
            client.ask(good).await
        } else {
            client.ask(stateless(good, "2026-07-28")).await
        };
        assert_eq!(answer["result"]["structuredContent"]["zulu"], "open", "{what}");
        assert_eq!(client.seen.entered(), 1, "{what}");
    }
}

#[tokio::test]
async fn the_deepest_message_that_is_taken_has_thirty_two_levels() {
    let mut client = Client::initialized("2025-06-18").await;
    client.send(&nested(32)).await;
    let answer = client.answer().await;
    // It reaches the tool, which wants a string there.
    assert_eq!(answer["result"]["structuredContent"]["code"], "ARGUMENTS_INVALID");
}

#[tokio::test]
async fn a_line_of_exactly_one_mebibyte_is_taken_and_a_longer_one_is_refused_once() {
    let mut client = Client::initialized("2025-06-18").await;
    let padded = |length: usize| {
        let empty = say(r#"{"text":""}"#).len();
        say(&format!(r#"{{"text":"{}"}}"#, "x".repeat(length - empty)))
    };
    let limit = 1024 * 1024;
    client.send(&padded(limit)).await;
    assert!(client.answer().await["result"]["structuredContent"]["zulu"].is_string());
    client.send(&[padded(limit), b"\r".to_vec()].concat()).await;
    assert!(client.answer().await["result"]["structuredContent"]["zulu"].is_string());
    for length in [limit + 1, limit + 2, 5 * limit] {
        client.send(&padded(length)).await;
        let good = json!({ "jsonrpc": "2.0", "id": length, "method": "ping" });
        client.send(good.to_string().as_bytes()).await;
        let (before, _) = client.answers_before(&json!(length)).await;
        check("a long line", &before, &refused(NO_REQUEST, Value::Null));
    }
    // The limit also holds for a line that never ends.
    let mut endless = Client::initialized("2025-06-18").await;
    let to = endless.to.as_mut().unwrap();
    tokio::io::AsyncWriteExt::write_all(to, &vec![b'x'; 3 * limit]).await.unwrap();
    let (answers, _) = endless.finish().await;
    check("an endless line", &answers, &refused(NO_REQUEST, Value::Null));
}

#[tokio::test]
async fn valid_ids_come_back_byte_for_byte() {
    let mut client = Client::initialized("2025-06-18").await;
    for id in ["0", "-1", "9223372036854775807", "18446744073709551615", r#""""#, r#""a\u0062\"\\ü""#, r#""7""#] {
        client.send(&with_id(id)).await;
        assert_eq!(client.line().await, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
    }
}

#[tokio::test]
async fn separators_that_are_no_newline_do_not_split_a_message() {
    let mut client = Client::initialized("2025-06-18").await;
    let spoken = "a\u{2028}b\u{2029}c\u{85}d\u{b}e";
    client.send(say(&json!({ "text": spoken }).to_string()).as_slice()).await;
    assert_eq!(client.answer().await["result"]["structuredContent"]["zulu"], spoken);
}
