//! The approval webhook of the real binary: whoever is to hear of a request does, before the command line ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use crate::support::{A_PERSON, APPLY, Home, LIMIT};

/// Takes notices until it is dropped: their headers, and their bodies.
struct Ear {
    url: String,
    heard: Receiver<(String, Value)>,
}

impl Ear {
    fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (send, heard) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.expect("a connection"));
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).expect("a header");
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a length");
                    }
                    head.push_str(&line);
                    if line.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("a body");
                let answer = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                reader.get_mut().write_all(answer).expect("the answer is read");
                if send.send((head, serde_json::from_slice(&body).expect("JSON"))).is_err() {
                    return;
                }
            }
        });
        Self { url, heard }
    }
}

#[test]
fn the_command_line_tells_of_a_new_request_and_of_no_other() {
    let home = Home::with_run();
    let ear = Ear::new();
    let secret = "0123456789abcdef0123";
    let hook = [("CORTEXPILOT_APPROVAL_WEBHOOK", ear.url.as_str()), ("CORTEXPILOT_APPROVAL_WEBHOOK_SECRET", secret)];
    let environment = [&[APPLY, A_PERSON], &hook[..]].concat();
    let asked = home.ask(&environment, &[], &[]);
    let (head, notice) = ear.heard.recv_timeout(LIMIT).expect("the notice was delivered before the command ended");
    assert_eq!(notice["event"], "approval.requested");
    assert_eq!((&notice["id"], &notice["run_id"]), (&asked["approval"]["id"], &Value::from("run_ok")));
    assert_eq!((&notice["principal"], &notice["policy"]), (&Value::from("local:alice"), &Value::from("operator")));
    assert!(head.starts_with("POST /hook ") && !head.contains(secret), "{head}");
    // The same request again is no news, and neither is what needs nobody.
    home.ask(&environment, &[], &[]);
    home.ask(&environment, &["--priority", "1"], &["--confirm-run-id", "run_ok"]);
    assert!(ear.heard.try_recv().is_err());
    // A running server tells too.
    let server = home.serve(&environment);
    let preview = server.send("POST", "/api/queue/from-run/run_ok/preview", Some("{\"priority\": 9}")).json();
    let body = serde_json::json!({
        "priority": 9, "confirm": true, "actor_role": "OPS", "requested_by": "Bob", "approval_reason": "again",
        "preview_token": preview["preview_token"],
    });
    let pending = server.send("POST", "/api/queue/from-run/run_ok", Some(&body.to_string()));
    assert_eq!(pending.json()["status"], "PENDING_APPROVAL", "{pending:?}");
    let (_, notice) = ear.heard.recv_timeout(LIMIT).expect("the server tells");
    assert_eq!(notice["requested_by"], "Bob");
}

#[test]
fn a_receiver_that_is_not_there_keeps_nobody_from_asking() {
    let home = Home::with_run();
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/hook");
    let hook =
        [("CORTEXPILOT_APPROVAL_WEBHOOK", url.as_str()), ("CORTEXPILOT_APPROVAL_WEBHOOK_SECRET", "0123456789abcdef")];
    let asked = home.ask(&[&[APPLY, A_PERSON], &hook[..]].concat(), &[], &[]);
    assert_eq!(asked["status"], "PENDING_APPROVAL");
    assert_eq!(home.json(&[], &["approval", "list"], 0)["items"][0]["id"], asked["approval"]["id"]);
}
