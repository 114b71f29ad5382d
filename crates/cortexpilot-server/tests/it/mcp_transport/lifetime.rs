//! How serving ends: never by a message, always with what was in flight written first when anybody still reads.

use cortexpilot_server::mcp::End;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::harness::{Client, Seen, call, in_time, initialize, settle};

#[tokio::test]
async fn end_of_input_waits_for_the_answers_in_flight() {
    let mut client = Client::initialized("2025-06-18").await;
    for id in 0..3 {
        client.send(call(id, "hold", &json!({})).to_string().as_bytes()).await;
    }
    client.to = None;
    settle().await;
    assert_eq!(client.seen.entered(), 3);
    client.seen.release.add_permits(3);
    let (answers, end) = client.finish().await;
    assert_eq!((answers.len(), end), (3, End::InputClosed));
}

#[tokio::test]
async fn end_of_input_before_any_handshake_is_an_ordinary_end() {
    assert_eq!(Client::connect().finish().await, (vec![], End::InputClosed));
    let mut client = Client::connect();
    client.send(b"nonsense").await;
    let (answers, end) = client.finish().await;
    assert_eq!((answers.len(), end), (1, End::InputClosed));
}

#[tokio::test]
async fn a_last_line_without_a_newline_is_a_message() {
    let mut client = Client::initialized("2025-06-18").await;
    let last = call("last", "say", &json!({ "text": "hi" })).to_string();
    client.to.as_mut().unwrap().write_all(last.as_bytes()).await.unwrap();
    let (answers, end) = client.finish().await;
    assert_eq!((&answers[0]["id"], answers.len(), end), (&json!("last"), 1, End::InputClosed));
}

#[tokio::test]
async fn a_client_that_closed_its_reading_end_ends_the_server() {
    let mut client = Client::initialized("2025-06-18").await;
    client.from = None;
    // The server learns of it with the next answer it cannot write.
    client.send(call(1, "say", &json!({ "text": "hi" })).to_string().as_bytes()).await;
    assert_eq!(client.ended().await, End::OutputClosed);
}

#[tokio::test]
async fn shutdown_stops_reading_and_writes_what_is_in_flight() {
    let mut client = Client::initialized("2025-06-18").await;
    client.send(call(1, "hold", &json!({})).to_string().as_bytes()).await;
    settle().await;
    client.stop.take().unwrap().send(()).unwrap();
    settle().await;
    client.send(call(2, "say", &json!({ "text": "too late" })).to_string().as_bytes()).await;
    client.seen.release.add_permits(1);
    assert_eq!(client.answer().await["id"], 1);
    assert_eq!((client.seen.entered(), client.ended().await), (1, End::Shutdown));
}

#[tokio::test]
async fn shutdown_also_ends_a_server_nobody_ever_spoke_to() {
    let mut client = Client::connect();
    client.stop.take().unwrap().send(()).unwrap();
    assert_eq!(client.ended().await, End::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_returns_delays_the_end_but_does_not_prevent_it() {
    for end in [End::InputClosed, End::Shutdown] {
        let mut client = Client::over(Seen::new(0), 64 * 1024);
        client.ask(initialize("2025-06-18")).await;
        client.send(call(1, "hold", &json!({})).to_string().as_bytes()).await;
        settle().await;
        if end == End::Shutdown {
            client.stop.take().unwrap().send(()).unwrap();
        } else {
            client.to = None;
        }
        assert_eq!(in_time(client.ended()).await, end);
    }
}
