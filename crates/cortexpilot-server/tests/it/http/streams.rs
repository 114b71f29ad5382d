//! Live streams: nothing lost, nothing twice, and an end that is told.

use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::port::StoreError;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::{HttpOptions, ServeLimits, serve_with};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Duration;

use super::harness::{AGENT, Ask, Block, OPERATOR, VIEWER, WORKER, World, tokens};

const RUN: &str = "/api/runs/run_live/events/stream";

fn event(n: usize) -> String {
    format!("{{\"event\": \"E{n}\", \"ts\": \"2026-03-01T12:00:{n:02}Z\"}}\n")
}

/// A world with a run that has so many events.
fn world_with(events: usize) -> World {
    let world = World::new();
    world.runs.append("run_live", &(0..events).map(event).collect::<String>());
    world
}

fn names(blocks: &[Block]) -> Vec<&str> {
    blocks.iter().map(|block| block.data["event"].as_str().unwrap_or(&block.event)).collect()
}

fn reason(block: Option<Block>) -> String {
    let block = block.expect("a block");
    assert_eq!(block.event, "end");
    format!("{} {}", block.data["reason"].as_str().expect("a reason"), block.data["resume"])
}

#[tokio::test(start_paused = true)]
async fn events_come_as_they_are_appended_to_everybody_who_follows() {
    let world = world_with(2);
    let (mut first, mut second) = (world.open(Ask::get(RUN)).await, world.open(Ask::get(RUN)).await);
    assert_eq!(names(&first.take(2).await), ["E0", "E1"]);
    assert_eq!(names(&second.take(2).await), ["E0", "E1"]);
    for n in 2..5 {
        world.runs.append("run_live", &event(n));
        assert_eq!(names(&first.take(1).await), [format!("E{n}")]);
    }
    assert_eq!(names(&second.take(3).await), ["E2", "E3", "E4"]);
}

#[tokio::test(start_paused = true)]
async fn from_every_position_the_rest_follows_once() {
    let world = world_with(6);
    let all = world.open(Ask::get(RUN)).await.take(6).await;
    for (at, block) in all.iter().enumerate() {
        for ask in [
            Ask::get(RUN).header("last-event-id", &block.id),
            Ask::get(&format!("{RUN}?last_event_id={}&limit=1&tail=true", block.id)),
            // The header is what a browser adds by itself when it comes back: it is the newer one.
            Ask::get(&format!("{RUN}?last_event_id={}", all[0].id)).header("last-event-id", &block.id),
        ] {
            let mut stream = world.open(ask).await;
            let rest = all.len() - at - 1;
            let seen: Vec<Block> = if rest == 0 { Vec::new() } else { stream.take(rest).await };
            assert_eq!(seen, all[at + 1..], "behind {at}");
            assert_eq!(stream.there().await.matches("data:").count(), 1, "the word that this is all");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_cut_between_any_two_blocks_goes_on_without_loss_or_repetition() {
    let world = world_with(0);
    world.runs.append("run_live", "");
    let (mut seen, mut last) = (Vec::new(), None::<String>);
    for n in 0..12 {
        world.runs.append("run_live", &event(n));
        let ask = match &last {
            Some(id) => Ask::get(RUN).header("last-event-id", id),
            None => Ask::get(RUN),
        };
        // The connection lasts for one block, or for two.
        let mut stream = world.open(ask).await;
        seen.extend(stream.take(1).await);
        if n % 3 == 0 {
            world.runs.append("run_live", &event(100 + n));
            seen.extend(stream.take(1).await);
        }
        last = seen.last().map(|block| block.id.clone());
    }
    assert_eq!(names(&seen).join(" "), "E0 E100 E1 E2 E3 E103 E4 E5 E6 E106 E7 E8 E9 E109 E10 E11");
}

#[tokio::test(start_paused = true)]
async fn a_word_says_that_all_that_was_there_has_come_once_for_each_file() {
    // More than are read at once.
    let world = world_with(700);
    let mut stream = world.open(Ask::get(&format!("{RUN}?tail=false&limit=1"))).await;
    for n in 0..700 {
        assert_eq!(stream.next_of_all().await.unwrap().data["event"], format!("E{n}"));
    }
    let word = stream.next_of_all().await.unwrap();
    assert_eq!((word.event.as_str(), &word.data), ("caught_up", &json!({"events": 700})));
    world.runs.append("run_live", &event(700));
    let new = stream.next_of_all().await.unwrap();
    assert_eq!(new.data["event"], "E700", "what follows is new");
    world.runs.take_away("run_live");
    world.runs.append("run_live", &event(1));
    let events: Vec<String> = [stream.next_of_all().await, stream.next_of_all().await, stream.next_of_all().await]
        .map(|block| block.unwrap().event)
        .into();
    assert_eq!(events, ["reset", "run_event", "caught_up"]);
    // Whoever comes back is told where it stands, with an id that it can come back with again.
    let mut stream = world.open(Ask::get(RUN).header("last-event-id", &word.id)).await;
    assert_eq!(stream.next_of_all().await.unwrap().event, "reset", "that was another file");
    let mut stream = world.open(Ask::get("/api/runs/run_ok/events/stream")).await;
    let mut last = stream.next_of_all().await.unwrap();
    while last.event != "caught_up" {
        last = stream.next_of_all().await.unwrap();
    }
    let mut again = world.open(Ask::get("/api/runs/run_ok/events/stream").header("last-event-id", &last.id)).await;
    assert_eq!(again.next_of_all().await.unwrap().data, json!({"events": 0}));
}

#[tokio::test(start_paused = true)]
async fn decisions_are_followed_line_by_line_by_operators_alone() {
    const DECISIONS: &str = "/api/decisions/stream";
    let world = World::new();
    let refused = Ask::post("/api/queue/from-run/run_ok", json!({}));
    assert_eq!(world.send(refused).await.status, 403);
    let mut stream = world.open(Ask::get(DECISIONS)).await;
    let head = stream.next_of_all().await.unwrap();
    assert_eq!((head.event.as_str(), &head.data["seq"]), ("decisions_head", &json!(1)));
    assert_eq!(stream.next_of_all().await.unwrap().event, "caught_up");
    let freeze = |verb: &str| Ask::post(&format!("/api/gate/{verb}"), json!({"reason": "Look at this first."}));
    assert_eq!(world.send(freeze("freeze")).await.status, 200);
    assert_eq!(world.send(freeze("unfreeze")).await.status, 200);
    let seen = stream.take(2).await;
    assert!(seen.iter().all(|block| block.event == "decision"));
    assert_eq!((&seen[0].data["event"], &seen[0].data["seq"]), (&json!("FROZEN"), &json!(2)));
    assert_eq!((&seen[1].data["event"], &seen[1].data["reason"]), (&json!("UNFROZEN"), &json!("Look at this first.")));
    // As the list has them, and from every line the rest follows once.
    let listed = world.send(Ask::get("/api/decisions")).await.json();
    assert_eq!((&listed["items"][1], &listed["items"][0]), (&seen[0].data, &seen[1].data));
    for (id, rest) in [("0", 3), ("1", 2), (seen[0].id.as_str(), 1), (seen[1].id.as_str(), 0)] {
        let told = world.send(Ask::get(&format!("{DECISIONS}?follow=false&last_event_id={id}"))).await;
        assert_eq!(told.text().matches("event: decision\n").count(), rest, "{id}");
        let mut stream = world.open(Ask::get(DECISIONS).header("last-event-id", id)).await;
        assert_eq!(stream.next_of_all().await.unwrap().event, "decisions_head");
        assert_eq!(stream.take(rest).await.len(), rest);
        assert_eq!(stream.next_of_all().await.unwrap().data, json!({"events": rest}));
    }
    let mut stream = world.open(Ask::get(DECISIONS).header("last-event-id", "3-000000000000")).await;
    assert_eq!(stream.next_of_all().await.unwrap().event, "reset");
    for token in [AGENT, WORKER] {
        let told = world.send(Ask::get(DECISIONS).token(token).no_role()).await;
        assert_eq!(told.verdict(), "403 SCOPE_FORBIDDEN");
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_is_not_sent_before_its_newline_is_there() {
    let world = world_with(1);
    let mut stream = world.open(Ask::get(RUN)).await;
    assert_eq!(names(&stream.take(1).await), ["E0"]);
    assert!(stream.there().await.contains("event: caught_up"));
    let line = event(1);
    let (begin, end) = line.split_at(line.len() - 1);
    world.runs.append("run_live", begin);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stream.there().await, "");
    world.runs.append("run_live", end);
    assert_eq!(names(&stream.take(1).await), ["E1"]);
}

#[tokio::test]
async fn without_following_the_answer_is_that_of_existing_clients() {
    let world = world_with(3);
    let told = world.send(Ask::get(&format!("{RUN}?follow=false"))).await;
    let block = |n: usize| format!("id: 2026-03-01T12:00:{n:02}Z\nevent: run_event\ndata: {}\n", event(n));
    assert_eq!(told.text(), (0..3).map(block).collect::<String>());
    assert_eq!(told.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!((told.header("cache-control"), told.header("x-accel-buffering")), ("no-store", "no"));
    for (query, seen) in [
        ("limit=2", vec!["E1", "E2"]),
        ("limit=2&tail=false", vec!["E0", "E1"]),
        ("since=2026-03-01T12:00:00Z", vec!["E1", "E2"]),
        // An id of such an answer, sent back.
        ("last_event_id=2026-03-01T12:00:01Z", vec!["E2"]),
    ] {
        let told = world.send(Ask::get(&format!("{RUN}?follow=false&{query}"))).await;
        let blocks: Vec<Block> = told.text().split("\n\n").filter_map(Block::read).collect();
        assert_eq!(names(&blocks), seen, "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_before_the_stream_begins() {
    let world = world_with(1);
    for (ask, verdict) in [
        (Ask::get("/api/runs/none/events/stream"), "404 RUN_NOT_FOUND"),
        (Ask::get("/api/runs/..%2f/events/stream"), "400 RUN_ID_INVALID"),
        (Ask::get(&format!("{RUN}?limit=0")), "422 REQUEST_VALIDATION_ERROR"),
        (Ask::get(&format!("{RUN}?limit=5001")), "422 REQUEST_VALIDATION_ERROR"),
        (Ask::get(&format!("{RUN}?follow=perhaps")), "422 REQUEST_VALIDATION_ERROR"),
        (Ask::get(&format!("{RUN}?token=x")), "422 REQUEST_VALIDATION_ERROR"),
        (Ask::get(RUN).nobody(), "401 AUTH_MISSING_BEARER"),
        (Ask::get("/api/queue/stream").nobody(), "401 AUTH_MISSING_BEARER"),
    ] {
        assert_eq!(world.send(ask).await.verdict(), verdict);
    }
    *world.ledger.fails.lock().unwrap() = Some(StoreError::Unavailable("away".into()));
    assert_eq!(world.send(Ask::get("/api/queue/stream")).await.verdict(), "503 STORE_UNAVAILABLE");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_taken_away_ends_its_stream_and_another_file_begins_it_anew() {
    let world = world_with(2);
    let (mut stays, mut goes) = (world.open(Ask::get(RUN)).await, world.open(Ask::get(RUN)).await);
    let position = stays.take(2).await.pop().unwrap().id;
    goes.take(2).await;
    world.runs.take_away("run_live");
    world.runs.append("run_live", &event(7));
    let anew = stays.take(2).await;
    assert_eq!((anew[0].event.as_str(), &anew[0].data), ("reset", &json!({"reason": "file_replaced"})));
    assert_eq!(names(&anew[1..]), ["E7"]);
    // Also for who comes back, and for who brings a position that nobody gave out.
    for (id, why) in [(position.as_str(), "file_replaced"), ("abc", "position_unknown")] {
        let anew = world.open(Ask::get(RUN).header("last-event-id", id)).await.take(2).await;
        assert_eq!((anew[0].event.as_str(), &anew[0].data), ("reset", &json!({"reason": why})));
        assert_eq!(names(&anew[1..]), ["E7"]);
    }
    goes.take(2).await;
    world.runs.take_away("run_live");
    assert_eq!(reason(goes.next().await), "gone false");
    assert_eq!(goes.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_shows_that_it_lives_and_a_first_answer_says_when_to_come_back() {
    let world = world_with(1);
    let mut stream = world.open(Ask::get(RUN)).await;
    let begin = stream.there().await;
    assert!(begin.starts_with("retry: 2000\n\nid: "), "{begin}");
    assert!(begin.ends_with("event: caught_up\ndata: {\"events\": 1}\n\n"), "{begin}");
    tokio::time::sleep(Duration::from_millis(15_001)).await;
    assert_eq!(stream.there().await, ": keep-alive\n\n");
    tokio::time::sleep(Duration::from_millis(15_001)).await;
    assert_eq!(stream.there().await, ": keep-alive\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_taken_back_ends_its_streams_within_a_second_or_so_and_no_other() {
    let world = world_with(1);
    let (alice, bob) = (world.operator("alice").await, world.operator("bob").await);
    let mut hers = world.open(Ask::get(RUN).token(&alice)).await;
    let mut too = world.open(Ask::get("/api/queue/stream").token(&alice)).await;
    let mut his = world.open(Ask::get(RUN).token(&bob)).await;
    for stream in [&mut hers, &mut too, &mut his] {
        stream.take(1).await;
    }
    world.revoke(&alice).await;
    let revoked = tokio::time::Instant::now();
    assert_eq!(reason(hers.next().await), "token false");
    assert_eq!(reason(too.next().await), "token false");
    assert!(revoked.elapsed() <= Duration::from_millis(1500));
    assert_eq!(hers.next().await, None);
    world.runs.append("run_live", &event(1));
    assert_eq!(names(&his.take(1).await), ["E1"]);
    assert_eq!(world.send(Ask::get(RUN).token(&alice)).await.verdict(), "401 AUTH_INVALID_TOKEN");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_what_it_is_sent_is_told_and_can_come_back() {
    let world = world_with(1);
    let mut stream = world.open(Ask::get(RUN)).await;
    let first = stream.take(1).await;
    world.runs.append("run_live", &event(1));
    assert_eq!(names(&stream.take(1).await), ["E1"]);
    // It was handed a chunk and asks for the next only now.
    world.runs.append("run_live", &event(2));
    tokio::time::sleep(Duration::from_secs(21)).await;
    assert_eq!(reason(stream.next().await), "slow_reader true");
    assert_eq!(stream.next().await, None);
    let rest = world.open(Ask::get(RUN).header("last-event-id", &first[0].id)).await.take(2).await;
    assert_eq!(names(&rest), ["E1", "E2"]);
}

#[tokio::test(start_paused = true)]
async fn what_agents_receive_is_cleaned_and_what_operators_receive_is_not() {
    let world = world_with(0);
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    world.runs.append("run_live", &format!("{{\"event\": \"E\", \"text\": \"x {secret} \\u202e\"}}\n"));
    let stored = world.open(Ask::get(RUN)).await.take(1).await;
    assert!(stored[0].data["text"].as_str().unwrap().contains(&secret));
    let cleaned = world.open(Ask::get(RUN).token(AGENT)).await.take(1).await;
    let text = cleaned[0].data["text"].as_str().unwrap();
    assert!(!text.contains(&secret) && !text.contains('\u{202e}'), "{text}");
    assert_eq!(cleaned[0].id, stored[0].id, "the position is ours");
    let told = world.send(Ask::get(&format!("{RUN}?follow=false")).token(AGENT)).await;
    assert!(!told.text().contains(&secret));
    // An event that comes while both follow.
    let (mut operator, mut agent) = (world.open(Ask::get(RUN)).await, world.open(Ask::get(RUN).token(AGENT)).await);
    operator.take(1).await;
    agent.take(1).await;
    world.runs.append("run_live", &format!("{{\"event\": \"E\", \"text\": \"y {secret}\"}}\n"));
    assert!(operator.take(1).await[0].data["text"].as_str().unwrap().contains(&secret));
    assert!(!agent.take(1).await[0].data["text"].as_str().unwrap().contains(&secret));
}

fn told(block: &Block) -> String {
    let (seq, event, status) = (&block.data["seq"], &block.data["event"], &block.data["item"]["status"]);
    format!("{seq} {} {}", event.as_str().expect("an event"), status.as_str().expect("a status"))
}

async fn queue_head(stream: &mut super::harness::Live) -> Value {
    let head = stream.next().await.expect("a block");
    assert_eq!(head.event, "queue_head");
    head.data
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_followed_line_by_line_with_the_item_as_it_then_stood() {
    let world = World::new();
    world.enqueue("run_ok").await;
    let mut stream = world.open(Ask::get("/api/queue/stream")).await;
    let head = queue_head(&mut stream).await;
    assert_eq!((&head["seq"], &head["pending"], &head["snapshot"]), (&json!(1), &json!(1), &json!("/api/queue")));
    // Several changes before the stream looks: each is told as it was.
    let id = world.enqueue("run_two").await;
    let cancel = Ask::post(&format!("/api/queue/{id}/cancel"), json!({"reason": "not needed"}));
    assert_eq!(world.send(cancel).await.status, 200);
    world.claim().await;
    let seen = stream.take(3).await;
    assert_eq!(
        seen.iter().map(told).collect::<Vec<_>>(),
        ["2 QUEUE_ENQUEUE PENDING", "3 QUEUE_CANCEL CANCELLED", "4 QUEUE_CLAIM CLAIMED"]
    );
    assert_eq!((&seen[0].data["queue_id"], &seen[1].data["item"]["reason"]), (&json!(id), &json!("not needed")));
    // Refusals change nothing.
    assert_eq!(world.send(Ask::post("/api/queue/from-run/run_ok", json!({}))).await.status, 403);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stream.there().await, "");
    let last = world.ledger.memory.lines().pop().unwrap();
    assert!(last.ends_with(&format!("\"h\": \"{}\"}}", seen[2].data["h"].as_str().unwrap())));
}

#[tokio::test(start_paused = true)]
async fn from_every_line_of_the_ledger_the_rest_follows_once() {
    let world = World::new();
    for run in ["run_ok", "run_two", "run_three"] {
        let id = world.enqueue(run).await;
        world.send(Ask::post(&format!("/api/queue/{id}/cancel"), json!({}))).await;
    }
    let mut stream = world.open(Ask::get("/api/queue/stream?last_event_id=0")).await;
    assert_eq!(queue_head(&mut stream).await["seq"], 0);
    let all = stream.take(6).await;
    assert_eq!(all.iter().map(|block| block.data["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    for (at, block) in all.iter().enumerate() {
        let number = block.data["seq"].to_string();
        for id in [block.id.as_str(), number.as_str()] {
            let mut stream = world.open(Ask::get("/api/queue/stream").header("last-event-id", id)).await;
            assert_eq!(queue_head(&mut stream).await["h"], block.data["h"]);
            for rest in &all[at + 1..] {
                assert_eq!(stream.next().await.as_ref(), Some(rest));
            }
            let told = world.send(Ask::get(&format!("/api/queue/stream?follow=false&last_event_id={id}"))).await;
            assert_eq!(told.text().matches("event: queue_event").count(), 5 - at);
        }
    }
    for id in ["7", "6-000000000000", "0-000000000000", "x", "-1", "1-", "99999999999999999999"] {
        let mut stream = world.open(Ask::get("/api/queue/stream").header("last-event-id", id)).await;
        let reset = stream.next().await.unwrap();
        assert_eq!((reset.event.as_str(), &reset.data), ("reset", &json!({"reason": "position_unknown"})), "{id}");
        assert_eq!(queue_head(&mut stream).await["seq"], 6, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_follow_the_queue_are_served_by_one_reading_of_each_line() {
    let world = World::new();
    let mut streams = Vec::new();
    for _ in 0..1000 {
        let mut stream = world.open(Ask::get("/api/queue/stream")).await;
        queue_head(&mut stream).await;
        streams.push(stream);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = world.ledger.looked_at.load(std::sync::atomic::Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let idle = world.ledger.looked_at.load(std::sync::atomic::Ordering::Relaxed) - before;
    assert_eq!(idle, 0, "nothing is read while nothing happens");
    world.enqueue("run_ok").await;
    let mut seen = Vec::new();
    for stream in &mut streams {
        seen.extend(stream.take(1).await);
    }
    assert!(seen.iter().all(|block| told(block) == "1 QUEUE_ENQUEUE PENDING"));
    let after = world.ledger.looked_at.load(std::sync::atomic::Ordering::Relaxed) - before;
    // Each begins by looking once whether something came since its head, which is not kept; of what came one reads.
    assert!(after <= 1010, "{after} readings");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_cannot_be_read_any_more_ends_the_stream_which_is_worth_opening_again() {
    let world = World::new();
    let mut stream = world.open(Ask::get("/api/queue/stream")).await;
    queue_head(&mut stream).await;
    world.enqueue("run_ok").await;
    *world.ledger.fails.lock().unwrap() = Some(StoreError::Unavailable("away".into()));
    assert_eq!(reason(stream.next().await), "unavailable true");
}

#[tokio::test(start_paused = true)]
async fn everybody_who_may_list_the_queue_may_follow_it() {
    let world = World::new();
    world.token(PrincipalKind::Operator, "carol", "VIEWER", None).await;
    for token in [OPERATOR, VIEWER, AGENT, WORKER] {
        let mut stream = world.open(Ask::get("/api/queue/stream").token(token).no_role()).await;
        assert_eq!(queue_head(&mut stream).await["seq"], 0);
    }
}

/// A control plane on a real port.
struct Served {
    world: World,
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let world = World::with(MutationGate::Open, Auth::tokens(tokens()), HttpOptions::new(address, "test"));
        let (stop, stopped) = oneshot::channel();
        let stopped = async move {
            let _ = stopped.await;
        };
        let served = tokio::spawn(serve_with(listener, world.plane.clone(), ServeLimits::default(), stopped));
        Self { world, address, stop, served }
    }

    /// Sends a request and leaves the connection as it is.
    async fn send(&self, line: &str, more: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("somebody listens");
        let host = self.address;
        let head = format!("{line} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {OPERATOR}\r\n{more}\r\n");
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        stream
    }
}

async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains(text) {
        bytes.push(stream.read_u8().await.expect("more to read"));
    }
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn the_end_of_the_server_is_told_and_waits_for_no_stream() {
    let served = Served::start().await;
    served.world.runs.append("run_live", &event(0));
    let mut streams = Vec::new();
    for path in [RUN, "/api/queue/stream"] {
        let mut stream = served.send(&format!("GET {path}"), "accept-encoding: gzip\r\n").await;
        let begin = until(&mut stream, "data: ").await;
        assert!(begin.starts_with("HTTP/1.1 200 OK\r\n") && begin.contains("\r\nx-accel-buffering: no\r\n"), "{begin}");
        assert!(!begin.contains("content-encoding"), "{begin}");
        streams.push(stream);
    }
    let Served { stop, served, .. } = served;
    stop.send(()).unwrap();
    for mut stream in streams {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        let rest = String::from_utf8(rest).unwrap();
        assert!(rest.contains("event: end\ndata: {\"reason\": \"shutdown\", \"resume\": true}\n\n"), "{rest}");
        assert!(rest.ends_with("0\r\n\r\n"), "the answer ends well: {rest}");
    }
    // Well before the time that a server waits for what was begun.
    let ended = tokio::time::timeout(Duration::from_secs(10), served).await.expect("it ends at once");
    ended.expect("no panic").expect("the server ends well");
}

#[tokio::test]
async fn a_head_is_answered_without_a_stream() {
    let served = Served::start().await;
    served.world.runs.append("run_live", &event(0));
    let mut stream = served.send(&format!("HEAD {RUN}"), "connection: close\r\n").await;
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n") && told.ends_with("\r\n\r\n"), "{told}");
    served.stop.send(()).unwrap();
    served.served.await.expect("no panic").expect("the server ends well");
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_nothing_that_looks() {
    let served = Served::start().await;
    served.world.runs.append("run_live", &event(0));
    let mut stream = served.send(&format!("GET {RUN}"), "").await;
    until(&mut stream, "data: ").await;
    drop(stream);
    served.stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), served.served).await.expect("nothing is waited for");
    ended.expect("no panic").expect("the server ends well");
}
