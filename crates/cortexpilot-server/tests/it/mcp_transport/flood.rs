//! A client that sends and does not read, or breaks the rules about ids: work stays bounded and no answer is lost.

use std::sync::atomic::Ordering;

use cortexpilot_server::mcp::{End, MAX_CALLS_IN_FLIGHT};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::harness::{Client, Seen, by_id, call, initialize, settle};

/// Starts to send `lines` without reading anything; gives how many fitted into server and pipe.
async fn flood(client: &mut Client, lines: Vec<String>) -> tokio::task::JoinHandle<tokio::io::DuplexStream> {
    let mut to = client.to.take().unwrap();
    let sending = tokio::spawn(async move {
        for line in lines {
            to.write_all(line.as_bytes()).await.unwrap();
            to.write_all(b"\n").await.unwrap();
        }
        to
    });
    settle().await;
    sending
}

#[tokio::test]
async fn at_most_sixty_four_calls_run_at_once_and_all_are_answered_in_the_end() {
    let mut client = Client::over(Seen::new(0), 1024);
    client.ask(initialize("2025-06-18")).await;
    let calls = (0..1000).map(|id| call(id, "hold", &json!({})).to_string()).collect();
    let sending = flood(&mut client, calls).await;
    assert_eq!(client.seen.entered(), MAX_CALLS_IN_FLIGHT);
    assert!(!sending.is_finished(), "the pipe pushes back on the client");

    client.seen.release.add_permits(1000);
    let mut answers = Vec::new();
    while answers.len() < 1000 {
        answers.push(client.answer().await);
    }
    assert_eq!(by_id(&answers).len(), 1000);
    assert_eq!(client.seen.entered(), 1000);
    assert_eq!(client.seen.most_running.load(Ordering::SeqCst), MAX_CALLS_IN_FLIGHT);
    client.to = Some(sending.await.unwrap());
    assert_eq!(client.finish().await, (Vec::new(), End::InputClosed));
}

#[tokio::test]
async fn a_client_that_reads_nothing_gets_no_more_than_sixty_four_calls_carried_out() {
    // Each answer is larger than the pipe, so not one of them is written whole.
    let mut client = Client::over(Seen::new(8 * 1024), 1024);
    client.ask(initialize("2025-06-18")).await;
    let calls = (0..1000).map(|id| call(id, "say", &json!({ "text": "x" })).to_string()).collect();
    let sending = flood(&mut client, calls).await;
    assert_eq!(client.seen.entered(), MAX_CALLS_IN_FLIGHT);
    assert!(!sending.is_finished());

    let mut answers = Vec::new();
    while answers.len() < 1000 {
        answers.push(client.answer().await);
    }
    assert_eq!(by_id(&answers).len(), 1000);
}

#[tokio::test]
async fn refusals_take_a_place_too_so_a_flood_of_nonsense_stops_itself() {
    let mut client = Client::over(Seen::new(0), 1024);
    client.ask(initialize("2025-06-18")).await;
    let sending = flood(&mut client, vec!["nonsense".to_owned(); 100_000]).await;
    assert!(!sending.is_finished(), "100,000 refusals would have to be kept somewhere");
    let mut refused = 0;
    while refused < 100_000 {
        assert_eq!(client.answer().await["error"]["code"], -32700);
        refused += 1;
    }
    client.to = Some(sending.await.unwrap());
    assert_eq!(client.finish().await, (Vec::new(), End::InputClosed));
}

#[tokio::test]
async fn messages_that_ask_for_no_answer_are_read_and_forgotten_without_end() {
    let mut client = Client::over(Seen::new(0), 1024);
    client.ask(initialize("2025-06-18")).await;
    let quiet = [
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"say","arguments":{"text":"x"}}}"#,
        r#"{"jsonrpc":"2.0","id":3,"result":{}}"#,
        "",
    ];
    let lines = (0..40_000).map(|index| quiet[index % quiet.len()].to_owned()).collect();
    let sending = flood(&mut client, lines).await;
    client.to = Some(sending.await.unwrap());
    assert_eq!(client.ask(json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" })).await["result"], json!({}));
    assert_eq!(client.seen.entered(), 0);
}

#[tokio::test]
async fn equal_ids_and_cancellations_neither_silence_a_call_nor_cost_a_place() {
    let mut client = Client::initialized("2025-06-18").await;
    let cancel =
        |id: &Value| json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
    for round in 0..100 {
        let same = call("same", "hold", &json!({}));
        let other = call(round, "hold", &json!({}));
        for message in [&same, &same, &other, &cancel(&same["id"]), &cancel(&other["id"]), &cancel(&json!(99))] {
            client.send(message.to_string().as_bytes()).await;
        }
        client.seen.release.add_permits(3);
        let answers = [client.answer().await, client.answer().await, client.answer().await];
        assert!(answers.iter().all(|answer| answer["result"]["isError"] == false), "{answers:?}");
        let counts = by_id(&answers);
        assert_eq!((counts[r#""same""#], counts[&round.to_string()]), (2, 1));
    }
    // Were a single place lost a round, none would be left.
    client.seen.release.add_permits(MAX_CALLS_IN_FLIGHT);
    for id in 0..MAX_CALLS_IN_FLIGHT {
        client.send(call(id, "hold", &json!({})).to_string().as_bytes()).await;
    }
    let (answers, end) = client.finish().await;
    assert_eq!((by_id(&answers).len(), end), (MAX_CALLS_IN_FLIGHT, End::InputClosed));
}
