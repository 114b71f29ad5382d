//! Questions pushed to the client while its call waits (2025-06-18, 2025-11-25): the call's answer is the same whatever
//! comes back, and nothing that comes back harms the transport.

use std::time::Duration;

use cortexpilot_server::mcp::{ANSWER_WITHIN, Answer, End, MAX_CALLS_IN_FLIGHT, MAX_QUESTIONS};
use serde_json::{Value, json};

use super::asking::{assert_pending, connect, initialized, request};
use super::harness::{Client, call, initialize, settle};

const PUSHED: [&str; 2] = ["2025-06-18", "2025-11-25"];

async fn reply(client: &mut Client, question: &Value, body: &Value) {
    let mut reply = json!({ "jsonrpc": "2.0", "id": question["id"] });
    for (member, value) in body.as_object().unwrap() {
        reply[member.as_str()] = value.clone();
    }
    client.send(reply.to_string().as_bytes()).await;
}

/// The next line, which is a question.
async fn question(client: &mut Client) -> Value {
    let question = client.answer().await;
    assert_eq!(question["method"], "elicitation/create", "{question}");
    question
}

#[tokio::test]
async fn a_client_that_declares_forms_is_asked_and_its_answer_is_kept_beside_the_call() {
    for version in PUSHED {
        let (mut client, kept) = initialized(version, json!({ "elicitation": {} })).await;
        client.send(request(7, "apr_1").to_string().as_bytes()).await;
        let asked = question(&mut client).await;
        assert_eq!(asked["jsonrpc"], "2.0");
        assert!(asked["id"].is_i64());
        let params = &asked["params"];
        assert_eq!(params["message"], "Is apr_1 yours?");
        assert_eq!(params.get("mode"), None, "{version}: a form is what is meant without it");
        let form = &params["requestedSchema"];
        assert_eq!((&form["type"], &form["required"]), (&json!("object"), &json!(["confirm"])));
        let members: Vec<_> =
            form["properties"].as_object().unwrap().iter().map(|(name, of)| (name, &of["type"])).collect();
        assert_eq!(members, [(&"confirm".to_owned(), &json!("boolean")), (&"comment".to_owned(), &json!("string"))]);

        let content = json!({ "confirm": true, "comment": "mine" });
        reply(&mut client, &asked, &json!({ "result": { "action": "accept", "content": content } })).await;
        let answer = client.answer().await;
        assert_eq!(answer["id"], 7);
        assert_pending(&answer, "apr_1");
        assert_eq!(kept.recorded(), [("apr_1".to_owned(), Answer::Accepted, Some("mine".to_owned()))]);

        // Whoever calls again is answered, not asked again.
        assert_pending(&client.ask(request(8, "apr_1")).await, "apr_1");
        assert_eq!(client.finish().await, (vec![], End::InputClosed));
    }
}

#[tokio::test]
async fn the_answer_of_the_call_is_the_same_whatever_the_client_answers() {
    let declined = |comment: Option<&str>| Some((Answer::Declined, comment.map(str::to_owned)));
    let rows = [
        (json!({ "result": { "action": "accept", "content": { "confirm": true } } }), Some((Answer::Accepted, None))),
        (
            json!({ "result": { "action": "accept", "content": { "confirm": false, "comment": "no" } } }),
            declined(Some("no")),
        ),
        (json!({ "result": { "action": "decline" } }), declined(None)),
        (json!({ "result": { "action": "cancel" } }), Some((Answer::Cancelled, None))),
        (json!({ "result": { "action": "accept" } }), None),
        (json!({ "result": { "action": "accept", "content": {} } }), None),
        (json!({ "result": { "action": "accept", "content": { "confirm": "true" } } }), None),
        (json!({ "result": { "action": "approve", "content": { "confirm": true } } }), None),
        (json!({ "result": { "status": "PENDING", "queue_id": "x" } }), None),
        (json!({ "result": [] }), None),
        (json!({ "result": null }), None),
        (json!({ "error": { "code": -32601, "message": "Method not found" } }), None),
    ];
    let (mut client, kept) = initialized("2025-11-25", json!({ "elicitation": { "form": {}, "url": {} } })).await;
    let mut expected = Vec::new();
    for (index, (body, recorded)) in rows.into_iter().enumerate() {
        let about = format!("apr_{index}");
        client.send(request(index, &about).to_string().as_bytes()).await;
        let asked = question(&mut client).await;
        reply(&mut client, &asked, &body).await;
        let answer = client.answer().await;
        assert_eq!(answer["id"], index, "{body}");
        assert_pending(&answer, &about);
        expected.extend(recorded.map(|(answer, comment)| (about, answer, comment)));
        assert_eq!(kept.recorded(), expected, "{body}");
    }
}

#[tokio::test]
async fn nobody_is_asked_by_a_version_or_a_client_that_has_no_forms() {
    let rows = [
        ("2024-11-05", json!({ "elicitation": {} })),
        ("2025-03-26", json!({ "elicitation": {} })),
        ("2025-06-18", json!({})),
        ("2025-11-25", json!({ "elicitation": { "url": {} } })),
        ("2025-11-25", json!({ "sampling": {}, "roots": {} })),
    ];
    for (version, capabilities) in rows {
        let (mut client, kept) = initialized(version, capabilities).await;
        assert_pending(&client.ask(request(1, "apr_1")).await, "apr_1");
        assert_eq!((client.finish().await, kept.recorded()), ((vec![], End::InputClosed), vec![]), "{version}");
    }
}

#[tokio::test]
async fn nobody_is_asked_before_the_client_has_ended_the_handshake() {
    let (mut client, _) = connect();
    let mut hello = initialize("2025-11-25");
    hello["params"]["capabilities"] = json!({ "elicitation": {} });
    client.ask(hello).await;
    assert_pending(&client.ask(request(1, "apr_1")).await, "apr_1");
    // That was no question put, so the next call may put it.
    client.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    client.send(request(2, "apr_1").to_string().as_bytes()).await;
    question(&mut client).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_answers_gets_its_answer_all_the_same_and_the_question_is_withdrawn() {
    let (mut client, kept) = initialized("2025-06-18", json!({ "elicitation": {} })).await;
    let began = tokio::time::Instant::now();
    client.send(request(1, "apr_1").to_string().as_bytes()).await;
    let asked = question(&mut client).await;
    let withdrawn = client.answer().await;
    assert_eq!(withdrawn["method"], "notifications/cancelled");
    assert_eq!(withdrawn["params"]["requestId"], asked["id"]);
    assert_pending(&client.answer().await, "apr_1");
    let took = began.elapsed();
    assert!(took >= ANSWER_WITHIN && took < Duration::from_secs(60), "{took:?}");

    // Too late is never.
    reply(&mut client, &asked, &json!({ "result": { "action": "accept", "content": { "confirm": true } } })).await;
    assert_eq!((client.finish().await, kept.recorded()), ((vec![], End::InputClosed), vec![]));
}

#[tokio::test]
async fn a_call_that_waits_for_a_person_ends_with_the_connection_or_the_process() {
    for stop in [false, true] {
        let (mut client, kept) = initialized("2025-11-25", json!({ "elicitation": {} })).await;
        client.send(request(1, "apr_1").to_string().as_bytes()).await;
        question(&mut client).await;
        let end = if stop {
            client.stop.take().unwrap().send(()).unwrap();
            assert_pending(&client.answer().await, "apr_1");
            client.ended().await
        } else {
            let (answers, end) = client.finish().await;
            assert_eq!(answers.len(), 1);
            assert_pending(&answers[0], "apr_1");
            end
        };
        assert_eq!(end, if stop { End::Shutdown } else { End::InputClosed });
        assert_eq!(kept.recorded(), []);
    }
}

#[tokio::test]
async fn only_a_response_to_an_open_question_is_heard_and_each_question_hears_one() {
    let (mut client, kept) = initialized("2025-11-25", json!({ "elicitation": {} })).await;
    let yes = json!({ "result": { "action": "accept", "content": { "confirm": true } } });
    for id in [json!(1), json!(2), json!("1"), json!(-1)] {
        reply(&mut client, &json!({ "id": id }), &yes).await;
    }
    client.send(request(1, "apr_1").to_string().as_bytes()).await;
    let asked = question(&mut client).await;
    for id in [json!(asked["id"].as_i64().unwrap() + 1), json!(asked["id"].to_string()), json!(0), json!(i64::MIN)] {
        reply(&mut client, &json!({ "id": id }), &yes).await;
    }
    for _ in 0..10_000 {
        client.send(br#"{"jsonrpc":"2.0","id":99,"result":{"action":"accept"}}"#).await;
    }
    // The same scan judges responses: of two equal members neither counts, and the question stays open.
    let twice = format!(
        r#"{{"jsonrpc":"2.0","id":{},"result":{{"action":"accept","content":{{"confirm":false,"confirm":true}}}}}}"#,
        asked["id"]
    );
    client.send(twice.as_bytes()).await;
    let refused = client.answer().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&Value::Null, &json!(-32600)));
    assert_eq!(kept.recorded(), []);

    reply(&mut client, &asked, &json!({ "result": { "action": "decline" } })).await;
    reply(&mut client, &asked, &yes).await;
    assert_pending(&client.answer().await, "apr_1");
    assert_eq!(client.finish().await, (vec![], End::InputClosed));
    assert_eq!(kept.recorded(), [("apr_1".to_owned(), Answer::Declined, None)]);
}

#[tokio::test]
async fn few_questions_are_open_at_once_so_the_answers_to_them_can_always_be_read() {
    let (mut client, kept) = initialized("2025-06-18", json!({ "elicitation": {} })).await;
    for index in 0..MAX_CALLS_IN_FLIGHT {
        client.send(request(index, &format!("apr_{index}")).to_string().as_bytes()).await;
    }
    let mut questions = Vec::new();
    let mut answered = 0;
    while answered + questions.len() < MAX_CALLS_IN_FLIGHT {
        let line = client.answer().await;
        match line.get("method") {
            Some(_) => questions.push(line),
            None => answered += 1,
        }
    }
    assert_eq!(questions.len(), MAX_QUESTIONS);
    // All other places are taken, and then some: the reader stops at the first call without one.
    for index in 0..MAX_CALLS_IN_FLIGHT {
        client.send(call(1000 + index, "hold", &json!({})).to_string().as_bytes()).await;
    }
    settle().await;
    for asked in &questions {
        reply(&mut client, asked, &json!({ "result": { "action": "decline" } })).await;
    }
    settle().await;
    assert_eq!(kept.recorded(), [], "the answers stand behind a call that waits for its place");
    client.seen.release.add_permits(MAX_CALLS_IN_FLIGHT);
    let (answers, end) = client.finish().await;
    assert_eq!((answers.len(), end), (MAX_CALLS_IN_FLIGHT + MAX_QUESTIONS, End::InputClosed));
    assert_eq!(kept.recorded().len(), MAX_QUESTIONS);
}

#[tokio::test]
async fn an_answer_that_cannot_be_kept_costs_the_call_nothing() {
    let (mut client, kept) = initialized("2025-11-25", json!({ "elicitation": {} })).await;
    kept.fail_to_record();
    client.send(request(1, "apr_1").to_string().as_bytes()).await;
    let asked = question(&mut client).await;
    reply(&mut client, &asked, &json!({ "result": { "action": "decline" } })).await;
    assert_pending(&client.answer().await, "apr_1");
    assert_pending(&client.ask(request(2, "apr_1")).await, "apr_1");
}
