//! Being told what becomes of a queue item and of a run, whichever process did it, within a second.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise, as tests do")]

use std::io::Write as _;
use std::time::{Duration, Instant};

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::support::{Home, McpClient, McpServer, VERSIONS};

const STATELESS: &str = "2026-07-28";
const WITHIN: Duration = Duration::from_secs(1);

/// A client that subscribed to these addresses in the way of its version.
fn subscribed(home: &Home, version: &'static str, uris: &[String]) -> McpClient {
    let mut client = home.mcp(McpServer::Readonly, &[]);
    client.handshake(version);
    if version == STATELESS {
        let meta = json!({"io.modelcontextprotocol/protocolVersion": STATELESS,
            "io.modelcontextprotocol/clientInfo": {"name": "it", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {}});
        let params = json!({"notifications": {"resourceSubscriptions": uris}, "_meta": meta});
        let listen = json!({"jsonrpc": "2.0", "id": "told", "method": "subscriptions/listen", "params": params});
        client.send_line(&listen.to_string());
        let acknowledged = client.message();
        assert_eq!(acknowledged["params"]["notifications"]["resourceSubscriptions"], json!(uris), "{acknowledged}");
        // It begins with an update of each address: from then on it watches.
        for _ in uris {
            let told = client.message();
            assert_eq!(told["method"], "notifications/resources/updated", "{told}");
        }
    } else {
        for uri in uris {
            assert_eq!(client.request("resources/subscribe", json!({"uri": uri}))["result"], json!({}), "{version}");
        }
    }
    client
}

/// Waits for news of this address; of how long after `done` they came.
fn heard(client: &mut McpClient, version: &str, uri: &str, done: Instant) -> Duration {
    let told = client.message();
    let after = done.elapsed();
    assert_eq!(told["method"], "notifications/resources/updated", "{told}");
    assert_eq!(told["params"]["uri"], uri, "{told}");
    let meta = told["params"]["_meta"].get("io.modelcontextprotocol/subscriptionId");
    assert_eq!(meta, (version == STATELESS).then(|| json!("told")).as_ref(), "{told}");
    after
}

fn status(client: &mut McpClient, uri: &str) -> String {
    let read = client.request("resources/read", json!({"uri": uri}));
    let item: Value = serde_json::from_str(read["result"]["contents"][0]["text"].as_str().unwrap()).unwrap();
    item["item"]["status"].as_str().unwrap().to_owned()
}

#[test]
fn claim_completion_and_cancel_by_other_processes_are_heard_within_a_second() {
    let mut slowest = Duration::ZERO;
    for version in [VERSIONS[0], VERSIONS[3], STATELESS] {
        let home = Home::with_run();
        home.run(&RunFixture::new("run_two"));
        let (worked, dropped) = (home.enqueue("run_ok"), home.enqueue("run_two"));
        let uris = [&worked, &dropped].map(|id| format!("cortexpilot://queue/{id}"));
        let mut client = subscribed(&home, version, &uris);
        let mut told = |client: &mut McpClient, uri: &str, done: Instant, wanted: &str| {
            slowest = slowest.max(heard(client, version, uri, done));
            assert_eq!(status(client, uri), wanted);
        };

        let claimed = home.json(&[], &["queue", "claim", "--worker", "w"], 0);
        told(&mut client, &uris[0], Instant::now(), "CLAIMED");
        assert_eq!(claimed["item"]["queue_id"], json!(worked));
        let lease = claimed["lease_token"].as_str().unwrap();
        home.cli(&["queue", "complete", &worked, "--lease-token", lease, "--status", "SUCCESS"]).expect(0);
        told(&mut client, &uris[0], Instant::now(), "SUCCESS");
        home.cli(&["queue", "cancel", &dropped, "--reason", "not needed"]).expect(0);
        told(&mut client, &uris[1], Instant::now(), "CANCELLED");
        // What nobody waits for is told to nobody.
        home.enqueue("run_two");
        let (code, rest, _) = client.close();
        let ended = rest.iter().all(|line| line.contains(r#""id":"told","result""#));
        assert_eq!((code, rest.len(), ended), (Some(0), usize::from(version == STATELESS), true), "{rest:?}");
    }
    assert!(slowest <= WITHIN, "the slowest news came after {slowest:?}");
    println!("figure: the slowest of nine came {slowest:?} after the command had ended");
}

#[test]
fn what_an_item_becomes_is_heard_from_before_it_is_there() {
    let home = Home::with_run();
    let id = home.enqueue("run_ok");
    let ghost = "cortexpilot://queue/00000000000000000000000000000000".to_owned();
    let mut client = subscribed(&home, "2025-11-25", &[ghost, format!("cortexpilot://queue/{id}")]);
    home.cli(&["queue", "cancel", &id, "--reason", "no"]).expect(0);
    heard(&mut client, "2025-11-25", &format!("cortexpilot://queue/{id}"), Instant::now());
    client.close();
}

#[test]
fn a_run_its_events_and_its_reports_are_heard_of_and_no_byte_is_left_behind() {
    for version in ["2025-06-18", STATELESS] {
        let home = Home::with_run();
        let dir = home.run(&RunFixture::new("run_going").status("RUNNING").event("RUN_STARTED", json!({})));
        let uris = ["events", "reports/task_result.json"].map(|part| format!("cortexpilot://runs/run_going/{part}"));
        let whole = ["cortexpilot://runs/run_ok".to_owned(), "cortexpilot://runs/run_later".to_owned()];
        let mut client = subscribed(&home, version, &[&uris[..], &whole[..]].concat());

        let mut events = std::fs::OpenOptions::new().append(true).open(dir.join("events.jsonl")).unwrap();
        events.write_all(b"{\"event\": \"STEP\"}\n").unwrap();
        heard(&mut client, version, &uris[0], Instant::now());
        std::fs::create_dir_all(dir.join("reports")).unwrap();
        std::fs::write(dir.join("reports/task_result.json"), "{}").unwrap();
        heard(&mut client, version, &uris[1], Instant::now());
        std::fs::write(home.runs().join("run_ok/manifest.json"), r#"{"status": "FAILURE"}"#).unwrap();
        heard(&mut client, version, &whole[0], Instant::now());
        home.run(&RunFixture::new("run_later"));
        heard(&mut client, version, &whole[1], Instant::now());

        let before = home.snapshot();
        client.request("resources/read", json!({"uri": whole[1]}));
        client.close();
        assert_eq!(home.snapshot(), before, "{version}");
    }
}

#[test]
fn a_new_signed_checkpoint_is_heard_of() {
    let home = Home::with_run();
    let uri = "cortexpilot://log/checkpoint".to_owned();
    let mut client = subscribed(&home, "2025-11-25", std::slice::from_ref(&uri));
    home.cli(&["audit", "init-key"]).expect(0);
    home.enqueue("run_ok");
    home.cli(&["audit", "checkpoint"]).expect(0);
    heard(&mut client, "2025-11-25", &uri, Instant::now());
    client.close();
}

#[test]
fn a_workflow_case_is_not_watched_and_says_so() {
    let home = Home::with_run();
    let mut client = home.mcp(McpServer::Readonly, &[]);
    client.handshake("2025-11-25");
    for uri in ["cortexpilot://workflows/wf", "cortexpilot://nothing", "file:///etc/passwd"] {
        let answer = client.request("resources/subscribe", json!({"uri": uri}));
        assert_eq!(answer["error"]["code"], -32602, "{uri}: {answer}");
        assert_eq!(client.request("resources/unsubscribe", json!({"uri": uri}))["result"], json!({}));
    }
    client.close();
}
