//! Live streams of the real server on real files: what other processes write is told, and a server that was started again
//! goes on where the last one ended.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;

use cortexpilot_runs::fixture::RunFixture;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::http::Server;
use crate::support::{APPLY, Home, LIMIT, TOKEN};

/// A stream that is being received, line by line.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(server: &Server, path: &str, last: &str) -> Self {
        let mut stream = TcpStream::connect(server.authority()).expect("the server listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout can be set");
        let host = server.authority();
        let last = if last.is_empty() { String::new() } else { format!("last-event-id: {last}\r\n") };
        let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {TOKEN}\r\n{last}\r\n");
        stream.write_all(head.as_bytes()).expect("the server reads");
        let mut stream = BufReader::new(stream);
        let mut status = String::new();
        stream.read_line(&mut status).expect("an answer");
        assert_eq!(status, "HTTP/1.1 200 OK\r\n");
        Self(stream)
    }

    /// The next block: its id, its event and its data.
    fn next(&mut self) -> (String, String, Value) {
        let (mut id, mut event) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).expect("more to read") > 0, "the stream has ended");
            let line = line.trim_end();
            if let Some(value) = line.strip_prefix("id: ") {
                id = value.to_owned();
            } else if let Some(value) = line.strip_prefix("event: ") {
                event = value.to_owned();
            } else if let Some(value) = line.strip_prefix("data: ") {
                return (id, event, serde_json::from_str(value).expect("JSON"));
            }
        }
    }
}

fn append(run: &Path, bytes: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(run.join("events.jsonl")).expect("an events file");
    file.write_all(bytes.as_bytes()).expect("it can be written");
}

fn event(n: usize) -> String {
    format!("{{\"event\": \"E{n}\", \"ts\": \"2026-03-01T12:00:{n:02}Z\"}}\n")
}

#[test]
fn a_runs_events_are_told_as_they_are_appended_and_over_a_restart_of_the_server() {
    let home = Home::with_run();
    let run = home.run(&RunFixture::new("run_live"));
    let path = "/api/runs/run_live/events/stream";
    let server = home.serve(&[]);
    let mut stream = Stream::open(&server, path, "");
    let mut last = String::new();
    assert_eq!(stream.next().1, "caught_up", "nothing was there yet");
    for n in 0..3 {
        // In two pieces, as a program writes that is in the middle of its line.
        let line = event(n);
        append(&run, &line[..10]);
        append(&run, &line[10..]);
        let (id, name, data) = stream.next();
        assert_eq!((name.as_str(), &data["event"]), ("run_event", &json!(format!("E{n}"))));
        last = id;
    }
    assert_eq!(server.stop(Signal::TERM), (Some(0), String::new()));
    assert_eq!(stream.next().2, json!({"reason": "shutdown", "resume": true}));
    append(&run, &event(3));
    let server = home.serve(&[]);
    let mut stream = Stream::open(&server, path, &last);
    assert_eq!(stream.next().2["event"], "E3");
    assert_eq!(stream.next().2, json!({"events": 1}));
    std::fs::remove_dir_all(&run).expect("the run can be deleted");
    assert_eq!(stream.next().2, json!({"reason": "gone", "resume": false}));
    assert_eq!(server.stop(Signal::TERM), (Some(0), String::new()));
}

#[test]
fn what_another_process_does_to_the_queue_is_told_line_by_line_and_over_a_restart() {
    let home = Home::with_run();
    let server = home.serve(&[APPLY]);
    let mut stream = Stream::open(&server, "/api/queue/stream", "");
    assert_eq!((stream.next().1, home.ledger().len()), ("queue_head".to_owned(), 0));
    let id = home.enqueue("run_ok");
    let (first, name, data) = stream.next();
    assert_eq!((name.as_str(), &data["seq"], &data["item"]["status"]), ("queue_event", &json!(1), &json!("PENDING")));
    assert_eq!((&data["queue_id"], &data["h"]), (&json!(id), &home.ledger()[0]["h"]));
    assert_eq!(server.stop(Signal::TERM), (Some(0), String::new()));
    assert_eq!(stream.next().2["reason"], "shutdown");
    home.json(&[], &["queue", "cancel", &id], 0);
    let server = home.serve(&[APPLY]);
    let mut stream = Stream::open(&server, "/api/queue/stream", &first);
    assert_eq!(stream.next().2["seq"], 1);
    let (_, _, data) = stream.next();
    assert_eq!((&data["seq"], &data["event"]), (&json!(2), &json!("QUEUE_CANCEL")));
    assert_eq!(data["item"]["status"], "CANCELLED");
    // The record of both is had from the same server.
    let history = server.get(&format!("/api/queue/{id}/history"));
    assert_eq!(history["lines"].as_array().map(Vec::len), Some(2));
    let entries = server.get("/api/ledger/entries?order=oldest");
    let stored = home.ledger();
    for (entry, line) in entries["items"].as_array().expect("a page").iter().zip(&stored) {
        assert_eq!((&entry["h"], &entry["event"]), (&line["h"], &line["event"]));
    }
    assert_eq!(server.get("/api/ledger")["queue"]["h"], stored[1]["h"]);
    assert_eq!(server.stop(Signal::TERM), (Some(0), String::new()));
}

#[test]
fn reading_the_record_and_following_it_writes_nothing() {
    let home = Home::with_run();
    let id = home.enqueue("run_ok");
    let server = home.serve(&[]);
    server.get("/api/ledger");
    let before = home.snapshot();
    let mut streams: Vec<Stream> = ["/api/queue/stream?last_event_id=0", "/api/runs/run_ok/events/stream"]
        .map(|path| Stream::open(&server, path, ""))
        .into();
    assert_eq!(streams[0].next().1, "queue_head");
    assert_eq!(streams[0].next().2["queue_id"], json!(id));
    for path in ["/api/decisions", "/api/ledger", "/api/ledger/entries", "/api/ledger/checkpoints"] {
        server.get(path);
    }
    server.get(&format!("/api/queue/{id}/history"));
    assert_eq!(home.snapshot(), before);
    assert_eq!(server.stop(Signal::TERM), (Some(0), String::new()));
}
