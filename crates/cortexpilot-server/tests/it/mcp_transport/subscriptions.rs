//! Being told of changes: in both eras, whoever else calls, whoever does not read, and however it ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use cortexpilot_server::mcp::{End, MAX_CALLS_IN_FLIGHT, MAX_LISTENS, MAX_WATCHED};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::harness::{Client, Seen, by_id, call, initialize, settle, stateless};
use super::watching::{Rings, server};

const WITH_INITIALIZE: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

struct World {
    client: Client,
    rings: Arc<Rings>,
}

async fn world(pipe: usize) -> World {
    let (seen, rings) = (Seen::new(0), Arc::<Rings>::default());
    World { client: Client::of(server(&seen, &rings), seen, pipe), rings }
}

async fn initialized(version: &str) -> World {
    let mut world = world(64 * 1024).await;
    world.client.ask(initialize(version)).await;
    world.client.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    world
}

fn request(id: u64, method: &str, uri: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": { "uri": uri } })
}

fn thing(number: usize) -> String {
    format!("test://things/{number}")
}

fn listen(id: impl Into<Value>, uris: &[String]) -> Value {
    let request = json!({
        "jsonrpc": "2.0", "id": id.into(), "method": "subscriptions/listen",
        "params": { "notifications": { "resourceSubscriptions": uris, "toolsListChanged": true } },
    });
    stateless(request, "2026-07-28")
}

fn cancelled(id: &Value) -> Vec<u8> {
    let message = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
    message.to_string().into_bytes()
}

/// Opens a listen, reads its acknowledgement, and the one update of each address with which it begins: it is acknowledged
/// before it watches, so what changed in between is told by those.
async fn opened(client: &mut Client, id: impl Into<Value>, uris: &[String]) -> Value {
    let message = listen(id, uris);
    client.send(message.to_string().as_bytes()).await;
    let acknowledged = client.answer().await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged", "{acknowledged}");
    assert_eq!(acknowledged["params"]["_meta"][SUBSCRIPTION], message["id"], "{acknowledged}");
    let agreed = acknowledged["params"]["notifications"]["resourceSubscriptions"].as_array().unwrap();
    let mut first: BTreeSet<&str> = agreed.iter().filter_map(Value::as_str).collect();
    while !first.is_empty() {
        let told = client.answer().await;
        assert_eq!(told["params"]["_meta"][SUBSCRIPTION], message["id"], "{told}");
        assert!(first.remove(told["params"]["uri"].as_str().unwrap()), "{told}");
    }
    acknowledged
}

fn is_update(message: &Value, uri: &str) -> bool {
    message["method"] == "notifications/resources/updated" && message["params"]["uri"] == uri
}

#[tokio::test]
async fn a_subscriber_of_an_older_version_is_told_until_it_unsubscribes() {
    for version in WITH_INITIALIZE {
        let World { mut client, rings } = initialized(version).await;
        let uri = thing(1);
        rings.ring(&uri);
        for id in [1, 2] {
            // Twice is once.
            assert_eq!(client.ask(request(id, "resources/subscribe", &uri)).await["result"], json!({}), "{version}");
        }
        for _ in 0..3 {
            rings.ring(&uri);
            let told = client.answer().await;
            let wanted =
                json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "uri": uri } });
            assert_eq!(told, wanted, "{version}");
        }
        rings.ring(&thing(2));
        for id in [3, 4] {
            assert_eq!(client.ask(request(id, "resources/unsubscribe", &uri)).await["result"], json!({}), "{version}");
        }
        assert_eq!(rings.count(), 0);
        rings.ring(&uri);
        assert_eq!(client.finish().await, (Vec::new(), End::InputClosed), "{version}");
    }
}

#[tokio::test]
async fn what_never_changes_cannot_be_subscribed_to_and_sixty_four_are_enough() {
    let World { mut client, rings } = initialized("2025-11-25").await;
    let refused = client.ask(request(1, "resources/subscribe", "test://rock")).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    for number in 0..MAX_WATCHED {
        assert_eq!(client.ask(request(2, "resources/subscribe", &thing(number))).await["result"], json!({}));
    }
    let refused = client.ask(request(3, "resources/subscribe", &thing(MAX_WATCHED))).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    assert_eq!(
        client.ask(request(4, "resources/subscribe", &thing(0))).await["result"],
        json!({}),
        "it is one of them"
    );
    client.ask(request(5, "resources/unsubscribe", &thing(0))).await;
    assert_eq!(client.ask(request(6, "resources/subscribe", &thing(MAX_WATCHED))).await["result"], json!({}));
    assert_eq!(rings.count(), MAX_WATCHED);
    // Each era has its own way.
    let newer = stateless(request(7, "resources/subscribe", &thing(1)), "2026-07-28");
    assert_eq!(client.ask(newer).await["error"]["code"], -32601);
    let mut older = listen(8, &[thing(1)]);
    older["params"].as_object_mut().unwrap().remove("_meta");
    assert_eq!(client.ask(older).await["error"]["code"], -32601);
}

#[tokio::test]
async fn a_listen_is_acknowledged_and_told_under_the_clients_own_id_until_it_is_cancelled() {
    let World { mut client, rings } = world(64 * 1024).await;
    for id in [json!("my \"listen\""), json!(7), json!(-1), json!(u64::MAX), json!(1)] {
        let uris = [thing(1), thing(2), thing(1), "test://rock".to_owned(), "nonsense".to_owned()];
        let acknowledged = opened(&mut client, id.clone(), &uris).await;
        let agreed = &acknowledged["params"]["notifications"];
        let mut agreed_uris: Vec<&str> =
            agreed["resourceSubscriptions"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        agreed_uris.dedup();
        agreed_uris.sort_unstable();
        agreed_uris.dedup();
        assert_eq!(agreed_uris, [thing(1), thing(2)], "{acknowledged}");
        assert!(agreed.get("toolsListChanged").is_none(), "the tools never change: {acknowledged}");
        assert_eq!(rings.count(), 2);
        for uri in [thing(2), thing(1), thing(2)] {
            rings.ring(&uri);
            let told = client.answer().await;
            assert!(is_update(&told, &uri), "{told}");
            assert_eq!(told["params"]["_meta"][SUBSCRIPTION], id, "{told}");
        }
        // A call goes on beside it, and cancelling something else ends nothing.
        client.send(&cancelled(&json!("another"))).await;
        let said = client.ask(stateless(call(99, "say", &json!({ "text": "hi" })), "2026-07-28")).await;
        assert_eq!(said["result"]["isError"], false);
        assert_eq!(rings.count(), 2);
        client.send(&cancelled(&id)).await;
        settle().await;
        assert_eq!(rings.count(), 0);
        rings.ring(&thing(1));
    }
    assert_eq!(client.finish().await, (Vec::new(), End::InputClosed), "what was cancelled is not answered");
}

#[tokio::test]
async fn those_who_listen_take_no_place_of_those_who_call() {
    let World { mut client, rings } = world(64 * 1024).await;
    for id in 0..MAX_LISTENS {
        opened(&mut client, format!("listen {id}"), &[thing(id)]).await;
    }
    // One more is refused, and refused again, until one of them is cancelled.
    for _ in 0..2 {
        let refused = client.ask(listen("one more", &[thing(99)])).await;
        assert_eq!(refused["error"]["code"], -32602, "{refused}");
    }
    for id in 0..MAX_CALLS_IN_FLIGHT {
        client.send(stateless(call(id, "hold", &json!({})), "2026-07-28").to_string().as_bytes()).await;
    }
    settle().await;
    assert_eq!(client.seen.entered(), MAX_CALLS_IN_FLIGHT);
    // All places of calls are taken, and who listens is told all the same.
    rings.ring(&thing(3));
    assert!(is_update(&client.answer().await, &thing(3)));
    client.seen.release.add_permits(MAX_CALLS_IN_FLIGHT);
    let mut answers = Vec::new();
    while answers.len() < MAX_CALLS_IN_FLIGHT {
        answers.push(client.answer().await);
    }
    assert_eq!(by_id(&answers).len(), MAX_CALLS_IN_FLIGHT);
    // Cancelling one and opening another in the same breath is not refused for being quick.
    for round in 0..20 {
        client.send(&cancelled(&json!("listen 0"))).await;
        opened(&mut client, "listen 0", &[thing(round)]).await;
    }
    assert_eq!(rings.count(), MAX_LISTENS);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_told_once_of_a_hundred_thousand_changes() {
    let World { mut client, rings } = world(1024).await;
    let uris: Vec<String> = (0..MAX_WATCHED).map(thing).collect();
    client.ask(initialize("2025-11-25")).await;
    for uri in &uris {
        client.ask(request(1, "resources/subscribe", uri)).await;
    }
    for round in 0..100_000 {
        rings.ring(&uris[round % uris.len()]);
        if round % 1000 == 0 {
            settle_a_little().await;
        }
    }
    settle().await;
    client.send(request(2, "ping", "").to_string().as_bytes()).await;
    let (told, _) = client.answers_before(&json!(2)).await;
    for uri in &uris {
        let times = told.iter().filter(|message| is_update(message, uri)).count();
        // What went into the pipe until it was full, what was being written then, and once for everything after it.
        assert!((1..=4).contains(&times), "{uri}: {times}");
    }
    assert!(told.len() <= 4 * MAX_WATCHED, "{}", told.len());
}

async fn settle_a_little() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_opens_and_cancels_without_reading_is_stopped_by_its_own_pipe() {
    let World { mut client, rings } = world(1024).await;
    let mut to = client.to.take().unwrap();
    let sending = tokio::spawn(async move {
        for id in 0..1_000 {
            to.write_all(format!("{}\n", listen(id, &[thing(1)])).as_bytes()).await.unwrap();
            to.write_all(&cancelled(&json!(id))).await.unwrap();
            to.write_all(b"\n").await.unwrap();
        }
        to
    });
    settle().await;
    assert!(!sending.is_finished(), "1,000 acknowledgements would have to be kept somewhere");
    assert!(rings.count() <= MAX_LISTENS);
    let mut acknowledged = 0;
    while acknowledged < 1_000 {
        let message = client.answer().await;
        if is_update(&message, &thing(1)) {
            continue;
        }
        // A cancellation may come before the acknowledgement was written; it is written all the same.
        assert_eq!(message["method"], "notifications/subscriptions/acknowledged", "{message}");
        acknowledged += 1;
    }
    client.to = Some(sending.await.unwrap());
    settle().await;
    assert_eq!(rings.count(), 0);
    assert_eq!(client.finish().await, (Vec::new(), End::InputClosed));
}

#[tokio::test]
async fn at_the_end_every_listen_is_answered_and_nothing_is_watched_any_more() {
    for told_to_stop in [false, true] {
        let World { mut client, rings } = world(64 * 1024).await;
        opened(&mut client, "a", &[thing(1)]).await;
        opened(&mut client, 18, &[thing(1), thing(2)]).await;
        let stop = client.stop.take().unwrap();
        let end = if told_to_stop {
            stop.send(()).unwrap();
            let mut answers = vec![client.answer().await, client.answer().await];
            answers.sort_by_key(|answer| answer["id"].to_string());
            assert_ended(&answers);
            client.ended().await
        } else {
            let (mut answers, end) = client.finish().await;
            answers.sort_by_key(|answer| answer["id"].to_string());
            assert_ended(&answers);
            end
        };
        assert_eq!(end, if told_to_stop { End::Shutdown } else { End::InputClosed });
        assert_eq!(rings.count(), 0);
    }
}

fn assert_ended(answers: &[Value]) {
    assert_eq!(answers.len(), 2, "{answers:?}");
    for (answer, id) in answers.iter().zip([json!("a"), json!(18)]) {
        assert_eq!((&answer["id"], &answer["result"]["_meta"][SUBSCRIPTION]), (&id, &id), "{answer}");
        assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_nothing_watched() {
    let World { mut client, rings } = world(64 * 1024).await;
    opened(&mut client, 1, &[thing(1)]).await;
    assert_eq!(rings.count(), 1);
    client.from = None;
    rings.ring(&thing(1));
    assert_eq!(client.ended().await, End::OutputClosed);
    assert_eq!(rings.count(), 0);
}
