//! Bytes in, ledger lines out: the built binary on a real store, fed through every surface, held against a golden ledger.
//!
//! The golden file stands in `data/`. In it only what no two runs of the test share is a placeholder: times, ids, digests
//! and the chain's hashes. Each of these is checked by itself: digests are computed again from the files they are of, the
//! chain is recomputed line by line, and an id that stands twice in the golden file must be one and the same.

mod approvals;
mod callers;
mod disk;

use std::collections::HashMap;

use cortexpilot_runs::fixture::RunFixture;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::support::{GATE_OPEN, GENESIS, Home, Request, chain_problem, sha256_hex};

const GOLDEN: &str = include_str!("data/ledger.golden");
const REFUSALS: &str = include_str!("data/decisions.golden");

/// What a client writes to the pilot server, to the byte.
const SESSION: &str = include_str!("data/pilot-session.jsonl");

#[test]
fn every_surface_writes_the_golden_lines_with_all_their_stamps() {
    let home = Home::new();
    for name in ["run_over_mcp", "run_over_http", "run_on_the_command_line"] {
        home.run(&RunFixture::new(name).workflow("wf-golden"));
    }
    let environment = [GATE_OPEN, ("CORTEXPILOT_PRINCIPAL", "local:ada"), ("CORTEXPILOT_API_TOKEN_ROLES", "OPS,OWNER")];
    let answers =
        [over_mcp(&home, &environment), over_http(&home, &environment), on_the_command_line(&home, &environment)];
    // What each apply answered is the line itself as an object, and where the item stands.
    for (answer, line) in answers.iter().zip(home.queue().events()) {
        assert_eq!(*answer, as_answered(&line));
    }
    check_pinned(&home);
    roll_back_and_work(&home, &environment);
    check_golden(&home, GOLDEN, REFUSALS);
}

/// What the call that appended this line answers: the line, and where its item stands.
fn as_answered(line: &Value) -> Value {
    let mut answer = line.as_object().unwrap().clone();
    answer.insert("already_applied".into(), json!(false));
    answer.insert("current_status".into(), json!("PENDING"));
    Value::Object(answer)
}

/// Sends the recorded session line by line, waiting for the answer to each line that asks for one.
fn over_mcp(home: &Home, environment: &[(&str, &str)]) -> Value {
    let mut answers = Vec::new();
    let mut pilot = home.raw("mcp-queue-pilot-server", environment);
    for line in SESSION.lines() {
        pilot.send(line.as_bytes());
        let sent: Value = serde_json::from_str(line).unwrap();
        if sent.get("id").is_some() {
            let answer: Value = serde_json::from_str(&pilot.expect_line()).unwrap();
            assert_eq!(answer["id"], sent["id"]);
            answers.push(answer);
        }
    }
    assert!(pilot.finish().status.success());
    let applied = &answers.last().unwrap()["result"];
    assert_eq!(applied["isError"], false, "{applied}");
    applied["structuredContent"].clone()
}

fn over_http(home: &Home, environment: &[(&str, &str)]) -> Value {
    let server = home.serve(environment);
    let path = "/api/queue/from-run/run_over_http";
    let preview = server.send(&Request::post(&format!("{path}/preview"), "{}")).answer();
    let body = json!({
        "confirm": true, "actor_role": "OPS", "requested_by": "Ada Lovelace", "approval_reason": "the fix is in",
        "preview_token": preview["preview_token"],
    });
    let applied = server.send(&Request::post(path, &body.to_string())).answer();
    assert!(server.stop().status.success());
    assert_eq!(applied["preview_digest"], preview["preview_digest"]);
    applied
}

fn on_the_command_line(home: &Home, environment: &[(&str, &str)]) -> Value {
    let run = "run_on_the_command_line";
    let when = ["--priority", "-3", "--deadline-at", "2030-01-31T18:00:00Z"];
    let preview = home.cli(&[&["queue", "preview", run], &when[..]].concat(), environment).answer();
    let token = preview["preview_token"].as_str().unwrap();
    let inputs =
        ["--role", "OWNER", "--requested-by", "Ada", "--reason", "by hand", "--confirm", "--preview-token", token];
    let applied = home.cli(&[&["queue", "enqueue", run], &when[..], &inputs].concat(), environment).answer();
    assert_eq!(applied["preview_digest"], preview["preview_digest"]);
    applied
}

/// Cancels the items of two surfaces, each on another one, and carries the third from claim to completion; then one more
/// item from claim to failure.
fn roll_back_and_work(home: &Home, environment: &[(&str, &str)]) {
    let ids: Vec<String> =
        home.queue().events().iter().map(|line| line["queue_id"].as_str().unwrap().to_owned()).collect();
    let server = home.serve(environment);
    let cancel = Request::post(&format!("/api/queue/{}/cancel", ids[2]), r#"{"reason":"doch nicht — später"}"#);
    assert_eq!(server.send(&cancel).answer()["status"], "CANCELLED");
    assert_eq!(home.cli(&["queue", "cancel", &ids[1], "--role", "OPS"], environment).answer()["status"], "CANCELLED");

    let claim = Request::post("/api/queue/claim", r#"{"worker":"builder-1","lease_s":600}"#);
    let claimed = server.send(&claim).answer();
    assert_eq!(claimed["item"]["queue_id"], json!(ids[0]));
    let done = json!({"lease_token": claimed["lease_token"], "status": "SUCCESS"}).to_string();
    let complete = Request::post(&format!("/api/queue/{}/complete", ids[0]), &done);
    assert_eq!(server.send(&complete).answer()["status"], "SUCCESS");

    over_http_again(&server);
    let claimed = home.cli(&["queue", "claim", "--lease", "10m"], environment).answer();
    let (id, lease) = (claimed["item"]["queue_id"].as_str().unwrap(), claimed["lease_token"].as_str().unwrap());
    let done = ["queue", "complete", id, "--lease-token", lease, "--status", "FAILURE"];
    assert_eq!(home.cli(&done, environment).answer()["status"], "FAILURE");

    // And one refusal, for the other file: the item is closed.
    assert_eq!(home.cli(&["queue", "cancel", id], environment).code(), "QUEUE_ITEM_NOT_CANCELLABLE");
    assert!(server.stop().status.success());
}

/// The same run a second time: its first item was cancelled, so nothing waits. Without a token, because this server process
/// shows the preview and applies it.
fn over_http_again(server: &super::support::Server) {
    let path = "/api/queue/from-run/run_over_http";
    server.send(&Request::post(&format!("{path}/preview"), "{}")).answer();
    let body = r#"{"confirm":true,"requested_by":"Ada","approval_reason":"once more"}"#;
    server.send(&Request::post(path, body)).answer();
}

/// Holds both files against their golden text, and every placeholder against what it stands for.
fn check_golden(home: &Home, queue: &str, decisions: &str) {
    let mut names = Names::default();
    for (ledger, golden) in [(home.queue(), queue), (home.decisions(), decisions)] {
        assert_eq!(chain_problem(&ledger.lines(), GENESIS), None);
        assert!(ledger.bytes().ends_with(b"\n"), "every line ends with its newline");
        names.times.clear();
        let plain: Vec<String> = ledger.lines().iter().map(|line| names.plain(line, home)).collect();
        let golden: Vec<&str> = golden.lines().collect();
        assert_eq!(plain, golden, "\n{}\n", plain.join("\n"));
        assert!(names.times.is_sorted(), "{:?}", names.times);
    }
}

/// Each item names the digest of its run's contract, and the store keeps a copy of those very bytes under it.
fn check_pinned(home: &Home) {
    for line in home.queue().events() {
        let run = home.runs().join(line["source_run_id"].as_str().unwrap());
        let contract = std::fs::read(run.join("contract.json")).unwrap();
        let digest = sha256_hex(&contract);
        assert_eq!(line["contract_sha256"], json!(digest));
        assert_eq!(std::fs::read(home.runtime().join(format!("contracts/{digest}.json"))).unwrap(), contract);
    }
}

/// Names for what differs from run to run, in the order in which it first appears.
#[derive(Default)]
struct Names {
    known: HashMap<String, String>,
    times: Vec<Timestamp>,
    /// The times of the lines so far, as they stand there.
    written: Vec<String>,
}

impl Names {
    /// A ledger line with names in the places of ids, digests, times and paths.
    fn plain(&mut self, line: &str, home: &Home) -> String {
        let event: Value = serde_json::from_str(line).unwrap();
        let mut plain = line.replace(&format!("{}/", home.runs().display()), "<runs>/");
        for (member, form) in [
            ("queue_id", hex(32)),
            ("contract_sha256", hex(64)),
            ("preview_digest", hex(64)),
            ("token_id", hex(12)),
            ("sha256", hex(64)),
            ("h", hex(64)),
        ] {
            if let Some(value) = event[member].as_str() {
                assert!(form(value), "{member}: {line}");
                self.name(member, value);
            }
        }
        // The run that a claim makes is named after its moment.
        if let Some(run) = event["run_id"].as_str().filter(|run| run.starts_with("run_2")) {
            self.name("run_id", run);
        }
        for (value, name) in &self.known {
            plain = plain.replace(value, name);
        }
        let ts = ledger_time(&event["ts"], line);
        self.times.push(ts);
        if let Some(lease) = event.get("lease_expires_at") {
            assert_eq!(ledger_time(lease, line).as_second() - ts.as_second(), 600, "{line}");
            plain = plain.replace(lease.as_str().unwrap(), "<ten minutes after ts>");
        }
        if let Some(expires) = event.get("expires_at") {
            assert_eq!(ledger_time(expires, line).as_second() - ts.as_second(), 24 * 3600, "{line}");
            plain = plain.replace(expires.as_str().unwrap(), "<a day after ts>");
        }
        // Whom a server acts as depends on who starts it.
        if let Some(agent) = event["principal"].as_str().filter(|principal| principal.starts_with("agent:")) {
            plain = plain.replace(agent, "agent:<user>");
        }
        plain = plain.replace(event["ts"].as_str().unwrap(), "<ts>");
        // A refusal may say since when something holds: that is another line's time.
        for earlier in &self.written {
            plain = plain.replace(earlier, "<ts of an earlier line>");
        }
        self.written.push(event["ts"].as_str().unwrap().to_owned());
        plain
    }

    fn name(&mut self, member: &str, value: &str) {
        let next = 1 + self.known.values().filter(|name| name.starts_with(&format!("<{member} "))).count();
        let name = if member == "h" { "<h>".to_owned() } else { format!("<{member} {next}>") };
        self.known.entry(value.to_owned()).or_insert(name);
    }
}

/// Whether a text is so many lower-case hexadecimal characters.
fn hex(length: usize) -> impl Fn(&str) -> bool {
    move |text| text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A time as the ledger writes it: `YYYY-MM-DDTHH:MM:SS.ffffff+00:00`, nothing shorter and nothing else.
fn ledger_time(value: &Value, line: &str) -> Timestamp {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {line}"));
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000+00:00", "{line}");
    text.parse().unwrap()
}
