//! Questions of protocol version 2026-07-28: a call is answered with `input_required` and a sealed state, and the client
//! calls again with its answers. Every call that brings answers gets the tool's own answer, whatever they are.

use cortexpilot_server::mcp::{Answer, End};
use serde_json::{Value, json};

use super::asking::{Kept, assert_pending, connect, initialized, request};
use super::harness::{Client, call, stateless};

const VERSION: &str = "2026-07-28";

/// A request of the version without handshakes, by a client that has forms.
fn asking(request: Value) -> Value {
    let mut request = stateless(request, VERSION);
    request["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {} });
    request
}

/// The same call again, with answers and the state of the first round.
fn again(first: &Value, id: &str, state: &Value, responses: Value) -> Value {
    let mut again = first.clone();
    again["id"] = id.into();
    again["params"]["requestState"] = state.clone();
    again["params"]["inputResponses"] = responses;
    again
}

/// Makes the first round; gives its call, the key of the question and the state.
async fn first_round(client: &mut Client, about: &str) -> (Value, String, Value) {
    let first = asking(request(format!("first {about}"), about));
    let answer = client.ask(first.clone()).await;
    let result = &answer["result"];
    assert_eq!(result["resultType"], "input_required", "{answer}");
    let (key, question) = result["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(question["method"], "elicitation/create");
    (first, key.clone(), result["requestState"].clone())
}

fn yes(key: &str) -> Value {
    json!({ key: { "action": "accept", "content": { "confirm": true } } })
}

fn accepted(kept: &Kept) -> usize {
    kept.recorded().iter().filter(|(_, answer, _)| *answer == Answer::Accepted).count()
}

#[tokio::test]
async fn a_call_is_asked_back_and_the_second_brings_the_answer() {
    let (mut client, kept) = connect();
    let first = asking(request(1, "apr_1"));
    let answer = client.ask(first.clone()).await;
    let result = answer["result"].as_object().unwrap();
    let members: Vec<_> = result.keys().filter(|name| *name != "_meta").collect();
    assert_eq!(members, ["resultType", "inputRequests", "requestState"]);
    let questions = result["inputRequests"].as_object().unwrap();
    assert_eq!(questions.len(), 1);
    let (key, question) = questions.iter().next().unwrap();
    let params = &question["params"];
    assert_eq!((&params["mode"], &params["message"]), (&json!("form"), &json!("Is apr_1 yours?")));
    let (mut pushed, _) = initialized("2025-11-25", json!({ "elicitation": {} })).await;
    pushed.send(request(1, "apr_1").to_string().as_bytes()).await;
    assert_eq!(
        params["requestedSchema"],
        pushed.answer().await["params"]["requestedSchema"],
        "the form of every version"
    );

    let mut responses = yes(key);
    responses["what nobody asked"] = json!({ "roots": [] });
    let second = client.ask(again(&first, "second", &result["requestState"], responses)).await;
    assert_eq!(second["result"]["resultType"], "complete");
    assert_pending(&second, "apr_1");
    assert_eq!(kept.recorded(), [("apr_1".to_owned(), Answer::Accepted, None)]);

    // A new call about the same is answered and not asked back.
    assert_pending(&client.ask(asking(request(3, "apr_1"))).await, "apr_1");
}

#[tokio::test]
async fn every_further_round_gets_the_answer_of_the_tool_whatever_it_brings() {
    let rows = [
        (json!({ "action": "decline" }), Some(Answer::Declined)),
        (json!({ "action": "cancel" }), Some(Answer::Cancelled)),
        (json!({ "action": "accept", "content": { "confirm": false } }), Some(Answer::Declined)),
        (json!({ "action": "accept", "content": {} }), None),
        (json!({ "action": "approve" }), None),
        (json!([]), None),
        (json!(null), None),
    ];
    let (mut client, kept) = connect();
    let mut expected = Vec::new();
    for (index, (response, recorded)) in rows.into_iter().enumerate() {
        let about = format!("apr_{index}");
        let (first, key, state) = first_round(&mut client, &about).await;
        let second = client.ask(again(&first, "second", &state, json!({ key: response }))).await;
        assert_pending(&second, &about);
        expected.extend(recorded.map(|answer| (about, answer, None)));
        assert_eq!(kept.recorded(), expected, "{response}");
    }
    for (index, responses) in
        [json!({}), json!([]), json!(null), json!("yes"), json!({ "other": {} })].into_iter().enumerate()
    {
        let about = format!("apr_with_none_{index}");
        let (first, _, state) = first_round(&mut client, &about).await;
        assert_pending(&client.ask(again(&first, "second", &state, responses)).await, &about);
    }
    assert_eq!(kept.recorded(), expected);
}

#[tokio::test]
async fn a_state_is_good_for_one_answer_to_its_own_call() {
    let (mut client, kept) = connect();
    let (first, key, state) = first_round(&mut client, "apr_1").await;
    let (other, _, other_state) = first_round(&mut client, "apr_2").await;
    let forged = state.as_str().unwrap().replace(|c: char| c.is_ascii_lowercase(), "x");
    for bad in [other_state, json!(forged), json!(""), json!("…"), json!(null), json!(5), json!({ "about": "apr_1" })]
    {
        assert_pending(&client.ask(again(&first, "bad", &bad, yes(&key))).await, "apr_1");
    }
    assert_pending(&client.ask(again(&other, "other call", &state, yes(&key))).await, "apr_2");
    let mut noted = first.clone();
    noted["params"]["arguments"]["note"] = "another call about the same".into();
    assert_pending(&client.ask(again(&noted, "other arguments", &state, yes(&key))).await, "apr_1");
    let mut without = again(&first, "without a state", &state, yes(&key));
    without["params"].as_object_mut().unwrap().remove("requestState");
    assert_pending(&client.ask(without).await, "apr_1");
    assert_eq!(kept.recorded(), []);

    for _ in 0..3 {
        assert_pending(&client.ask(again(&first, "good", &state, yes(&key))).await, "apr_1");
    }
    assert_eq!(accepted(&kept), 1, "used once");

    let (late, key, state) = first_round(&mut client, "apr_3").await;
    kept.let_pass(600);
    assert_pending(&client.ask(again(&late, "late", &state, yes(&key))).await, "apr_3");
    assert_eq!(accepted(&kept), 1, "ended");
}

#[tokio::test]
async fn twenty_equal_second_rounds_at_once_leave_one_answer() {
    let (mut client, kept) = connect();
    let (first, key, state) = first_round(&mut client, "apr_1").await;
    for index in 0..20 {
        client.send(again(&first, &index.to_string(), &state, yes(&key)).to_string().as_bytes()).await;
    }
    let (answers, end) = client.finish().await;
    assert_eq!((answers.len(), end), (20, End::InputClosed));
    answers.iter().for_each(|answer| assert_pending(answer, "apr_1"));
    assert_eq!(accepted(&kept), 1);
}

#[tokio::test]
async fn a_client_without_forms_is_not_asked_back_and_no_client_is_sent_a_request() {
    let (mut client, kept) = connect();
    assert_pending(&client.ask(stateless(request(1, "apr_1"), VERSION)).await, "apr_1");
    let mut url_only = asking(request(2, "apr_2"));
    url_only["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": { "url": {} } });
    assert_pending(&client.ask(url_only).await, "apr_2");
    // An older version on a connection without a handshake: it has no intermediate results, and nothing says that the
    // client would read a request of ours.
    let mut older = asking(request(3, "apr_3"));
    older["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2025-11-25".into();
    assert_pending(&client.ask(older).await, "apr_3");
    // Members of rounds under a version that has none are members nobody reads.
    let (mut older, older_kept) = initialized("2025-03-26", json!({ "elicitation": {} })).await;
    let with_rounds = again(&request(1, "apr_4"), "rounds", &json!("x"), yes("is_this_your_request"));
    assert_pending(&older.ask(with_rounds).await, "apr_4");
    assert_eq!((kept.recorded(), older_kept.recorded()), (vec![], vec![]));
}

#[tokio::test]
async fn a_tool_that_asks_nothing_takes_the_members_of_a_further_round_for_nothing() {
    let (mut client, kept) = connect();
    let bad = asking(call("bad", "request", &json!({ "about": 5 })));
    let answer = client.ask(again(&bad, "bad", &json!("x"), yes("is_this_your_request"))).await;
    assert_eq!(answer["result"]["structuredContent"], json!({ "code": "ARGUMENTS_INVALID" }));
    assert_eq!(kept.recorded(), []);
}
