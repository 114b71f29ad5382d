//! Receipts with acknowledgements, and checkpoints by the clock: the real binary, on the command line and as servers.

use std::process::Command;
use std::time::Instant;

use cortexpilot_runs::fixture::RunFixture;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::audit_log::scripts;
use crate::support::{A_PERSON, APPLY, Home, LIMIT, Server, TOKEN};

const NAME: &str = "test.example/cortexpilot";

/// By the clock, often.
const OFTEN: (&str, &str) = ("CORTEXPILOT_CHECKPOINT_EVERY", "1s");

/// By the clock, so seldom that no test sees it after the start.
const SELDOM: (&str, &str) = ("CORTEXPILOT_CHECKPOINT_EVERY", "24h");

/// Not by the clock.
const NEVER: (&str, &str) = ("CORTEXPILOT_CHECKPOINT_EVERY", "0");

impl Home {
    fn init_key(&self) -> String {
        let made = self.json(&[], &["audit", "init-key", "--name", NAME], 0);
        made["keys"][0].as_str().expect("a key").to_owned()
    }

    fn another(&self, run: &str) -> String {
        self.run(&RunFixture::new(run));
        self.enqueue(run)
    }

    /// Asserts that a receipt verifies with the binary and with the program on the page, and gives what its line did.
    fn verified(&self, key: &str, receipt: &str) -> String {
        let document: Value =
            serde_json::from_str(&std::fs::read_to_string(self.path().join(receipt)).expect("a receipt"))
                .expect("JSON");
        let origin = document["checkpoint"].as_str().expect("a checkpoint").lines().next().expect("its name");
        let file = self.root().join(origin.strip_prefix(NAME).expect("our name").trim_start_matches('/'));
        let ledger = file.to_str().expect("UTF-8");
        self.cli(&["audit", "verify", "--receipt", receipt, "--ledger", ledger, "--key", key]).expect(0);
        std::fs::write(self.path().join("receipt.py"), &scripts()[0]).expect("a file");
        let mut python = Command::new("python3");
        python.current_dir(self.path()).args(["receipt.py", receipt, ledger]);
        assert!(python.output().expect("python3 is needed for this test").status.success(), "{receipt}");
        let index = usize::try_from(document["index"].as_u64().expect("a number")).expect("a place");
        let line = std::fs::read_to_string(&file).expect("a ledger").lines().nth(index).expect("the line").to_owned();
        serde_json::from_str::<Value>(&line).expect("JSON")["event"].as_str().expect("an event").to_owned()
    }

    /// How many lines of the queue are signed.
    fn signed_lines(&self) -> u64 {
        let checkpoint = std::fs::read_to_string(self.root().join("log/queue.jsonl/checkpoint")).unwrap_or_default();
        checkpoint.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(0)
    }

    fn until_signed(&self, lines: u64) {
        let began = Instant::now();
        while self.signed_lines() < lines {
            assert!(began.elapsed() < LIMIT, "{} of {lines} lines are signed", self.signed_lines());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Previews over HTTP and applies with a receipt.
fn apply(server: &Server, run: &str) -> Value {
    let preview = server.send("POST", &format!("/api/queue/from-run/{run}/preview"), Some("{}")).json();
    let body = json!({"confirm": true, "actor_role": "OPS", "requested_by": "Ada", "approval_reason": "again",
        "preview_token": preview["preview_token"]});
    prefer(server, &format!("/api/queue/from-run/{run}"), &body)
}

fn prefer(server: &Server, path: &str, body: &Value) -> Value {
    let token = format!("Bearer {TOKEN}");
    let headers = [("authorization", token.as_str()), ("x-cortexpilot-role", "OPS"), ("prefer", "receipt")];
    let response = server.anonymous("POST", path, &headers, Some(&body.to_string()));
    assert_eq!((response.status, response.header("preference-applied")), (200, Some("receipt")), "{response:?}");
    response.json()
}

fn keep(home: &Home, answer: &Value) -> &'static str {
    std::fs::write(home.path().join("http.json"), answer["receipt"].to_string()).expect("a file");
    "http.json"
}

#[test]
fn every_command_that_changes_something_gives_a_receipt_that_the_documented_program_verifies() {
    let home = Home::with_run();
    let key = home.init_key();
    let applied = home.ask(&[APPLY], &[], &["--receipt", "enqueue.json"]);
    assert_eq!(home.verified(&key, "enqueue.json"), "QUEUE_ENQUEUE");
    let kept: Value = serde_json::from_slice(&std::fs::read(home.path().join("enqueue.json")).unwrap()).unwrap();
    assert_eq!((&applied["receipt"], &applied["receipt_problem"]), (&kept, &Value::Null), "the same in the answer");

    let claim = home.json(&[], &["queue", "claim", "--receipt", "claim.json"], 0);
    assert_eq!(home.verified(&key, "claim.json"), "QUEUE_CLAIM");
    let (id, lease) = (claim["item"]["queue_id"].as_str().unwrap(), claim["lease_token"].as_str().unwrap());
    let receipt = std::fs::read_to_string(home.path().join("claim.json")).unwrap();
    assert!(!receipt.contains(lease), "no secret");
    let complete = ["queue", "complete", id, "--lease-token", lease, "--status", "SUCCESS", "--receipt", "done.json"];
    home.cli(&complete).expect(0);
    assert_eq!(home.verified(&key, "done.json"), "QUEUE_DONE");
    let second = home.another("run_second");
    home.cli(&["queue", "cancel", &second, "--receipt", "cancel.json"]).expect(0);
    assert_eq!(home.verified(&key, "cancel.json"), "QUEUE_CANCEL");

    for (line, file, event) in [
        (&["gate", "freeze"][..], "freeze.json", "FROZEN"),
        (&["gate", "unfreeze", "--reason", "done"], "unfreeze.json", "UNFROZEN"),
        (&["gate", "policy", "set", "operator", "--reason", "agents come"], "policy.json", "POLICY_SET"),
    ] {
        home.cli(&[line, &["--receipt", file]].concat()).expect(0);
        assert_eq!(home.verified(&key, file), event);
    }
    let robot = home.token("agent", "robot", &["OPS"]);
    let asking = [APPLY, A_PERSON, ("CORTEXPILOT_TOKEN", robot.as_str())];
    let asked = home.ask(&asking, &[], &["--receipt", "asked.json"]);
    assert_eq!(home.verified(&key, "asked.json"), "APPROVAL_REQUESTED");
    let approval = asked["approval"]["id"].as_str().unwrap();
    let approve = ["approval", "approve", approval, "--yes", "--receipt", "approve.json"];
    home.cli_with(&[APPLY, A_PERSON], &approve, "").expect(0);
    assert_eq!(home.verified(&key, "approve.json"), "QUEUE_ENQUEUE", "the last yes is the item's line");
    let asked = home.ask(&asking, &["--priority", "7"], &[]);
    let approval = asked["approval"]["id"].as_str().unwrap();
    home.cli(&["approval", "reject", approval, "--reason", "no", "--receipt", "reject.json"]).expect(0);
    assert_eq!(home.verified(&key, "reject.json"), "REJECTED");
    let tokens = home.json(&[], &["token", "list"], 0);
    let id = tokens["items"][0]["id"].as_str().unwrap();
    home.cli(&["token", "revoke", id, "--receipt", "revoke.json"]).expect(0);
    assert_eq!(home.verified(&key, "revoke.json"), "TOKEN_REVOKED");
    // A refusal is a line like any other, and is proven by its place.
    home.cli_with(&[("CORTEXPILOT_PRINCIPAL_ROLES", "INTERN")], &["gate", "freeze"], "").expect(3);
    home.cli(&["audit", "checkpoint"]).expect(0);
    let last = (home.decisions().len() - 1).to_string();
    home.cli(&["audit", "prove", "--index", &last, "--decisions", "-o", "denied.json"]).expect(0);
    assert_eq!(home.verified(&key, "denied.json"), "DENIED");
    // And a receipt is of its own line alone.
    let ledger = home.root().join("queue.jsonl");
    let foreign = ["audit", "verify", "--receipt", "freeze.json", "--ledger", ledger.to_str().unwrap(), "--key", &key];
    home.cli(&foreign).expect(11);
}

#[test]
fn on_the_command_line_what_was_done_stands_without_its_receipt() {
    let home = Home::with_run();
    let first = home.enqueue("run_ok");
    let ran = home.cli(&["queue", "cancel", &first, "--receipt", "none.json"]).expect(0);
    assert!(ran.stdout.contains("Cancelled"), "{ran:?}");
    assert!(ran.stderr.contains("No receipt") && ran.stderr.contains("audit init-key"), "{ran:?}");
    assert!(!home.path().join("none.json").exists() && !home.root().join("log").exists());
    let claimed = home.json(&[], &["queue", "claim", "--receipt", "-"], 0);
    assert_eq!((&claimed["ok"], &claimed["receipt"]), (&json!(false), &Value::Null));
    assert_eq!(claimed["receipt_problem"]["code"], "RECEIPT_NOT_FOUND", "nothing was written");

    let second = home.another("run_second");
    let answer = home.json(&[], &["queue", "cancel", &second, "--receipt", "none.json"], 0);
    assert_eq!((&answer["status"], &answer["receipt"]), (&json!("CANCELLED"), &Value::Null));
    assert_eq!(answer["receipt_problem"]["code"], "RECEIPT_NO_KEY");

    let key = home.init_key();
    let third = home.another("run_third");
    let lines = home.ledger().len();
    std::fs::write(home.path().join("there.json"), "mine").unwrap();
    for place in ["there.json", "no/such/directory.json"] {
        home.cli(&["queue", "cancel", &third, "--receipt", place]).expect(2);
    }
    assert_eq!(home.ledger().len(), lines, "a place that cannot be written is seen before anything is done");
    let ran = home.cli(&["queue", "cancel", &third, "--receipt", "-"]).expect(0);
    assert!(ran.stderr.contains("Cancelled"), "{ran:?}");
    std::fs::write(home.path().join("printed.json"), &ran.stdout).unwrap();
    assert_eq!(home.verified(&key, "printed.json"), "QUEUE_CANCEL");

    // Somebody else's key: nothing is signed, and it is said.
    std::fs::remove_file(home.root().join("keys/audit.key")).unwrap();
    home.cli(&["audit", "init-key", "--name", "someone.else"]).expect(0);
    let fourth = home.another("run_fourth");
    let ran = home.cli(&["queue", "cancel", &fourth, "--receipt", "other.json"]).expect(0);
    assert!(ran.stdout.contains("Cancelled") && ran.stderr.contains("was signed by"), "{ran:?}");
    let shown = home.cli(&["gate", "status"]).expect(0).stdout;
    assert!(shown.contains("6 of 8 lines of queue.jsonl"), "{shown}");
    let shown = home.json(&[], &["gate", "status"], 0);
    assert_eq!(shown["checkpoints"][0], json!({"file": "queue.jsonl", "signed_lines": 6, "lines": 8}));
}

#[test]
fn over_http_an_acknowledgement_brings_its_receipt_and_a_later_question_finds_it() {
    let home = Home::with_run();
    let key = home.init_key();
    let server = home.serve(&[APPLY, SELDOM]);
    let applied = apply(&server, "run_ok");
    assert_eq!(home.verified(&key, keep(&home, &applied)), "QUEUE_ENQUEUE");
    let id = applied["queue_id"].as_str().unwrap();
    let frozen = prefer(&server, "/api/gate/freeze", &json!({}));
    assert_eq!(home.verified(&key, keep(&home, &frozen)), "FROZEN");
    prefer(&server, "/api/gate/unfreeze", &json!({"reason": "done"}));
    let cancelled = prefer(&server, &format!("/api/queue/{id}/cancel"), &json!({}));
    assert_eq!(home.verified(&key, keep(&home, &cancelled)), "QUEUE_CANCEL");
    for (of, event) in [("enqueued", "QUEUE_ENQUEUE"), ("cancelled", "QUEUE_CANCEL")] {
        let receipt = server.get(&format!("/api/queue/{id}/receipt?of={of}"));
        assert_eq!(home.verified(&key, keep(&home, &json!({"receipt": receipt}))), event);
    }
    // Not asked for, not signed; so it is not there yet, and the answer says when.
    let newer = home.another("run_second");
    let before = home.snapshot();
    let early = server.send("GET", &format!("/api/queue/{newer}/receipt"), None);
    assert_eq!((early.status, early.header("retry-after")), (409, Some("86400")), "{early:?}");
    assert_eq!(early.json()["detail"]["code"], "RECEIPT_NOT_COVERED");
    assert_eq!(home.snapshot(), before, "a question writes nothing");
    home.cli(&["audit", "checkpoint"]).expect(0);
    server.get(&format!("/api/queue/{newer}/receipt"));
    assert_eq!(server.stop(Signal::TERM).0, Some(0));
}

#[test]
fn a_server_signs_by_the_clock_and_at_its_clean_end() {
    let home = Home::with_run();
    home.enqueue("run_ok");
    let server = home.serve(&[OFTEN]);
    assert!(!home.root().join("log").exists(), "nobody has made a key");
    home.init_key();
    home.until_signed(1);
    home.another("run_second");
    home.until_signed(2);
    let metrics = server.send("GET", "/metrics", None).body;
    assert!(metrics.contains("cortexpilot_checkpoint_signing{state=\"signed\"} 1"), "{metrics}");
    assert_eq!(server.stop(Signal::TERM).0, Some(0));

    let server = home.serve(&[SELDOM]);
    home.another("run_third");
    assert_eq!(server.stop(Signal::TERM).0, Some(0));
    assert_eq!(home.signed_lines(), 3, "the end signs what the clock has not");
    let server = home.serve(&[NEVER]);
    home.another("run_fourth");
    assert_eq!(server.stop(Signal::INT).0, Some(0));
    assert_eq!(home.signed_lines(), 3, "switched off, neither the clock nor the end signs");
    home.cli(&["audit", "verify"]).expect(0);
}

#[test]
fn two_servers_on_one_root_sign_one_log_and_one_of_them_may_be_killed() {
    let home = Home::with_run();
    let key = home.init_key();
    let (one, two) = (home.serve(&[APPLY, OFTEN]), home.serve(&[APPLY, OFTEN]));
    let mut before = 0;
    for number in 0..12 {
        let run = format!("run_number_{number}");
        home.run(&RunFixture::new(&run));
        let server = if number % 2 == 0 { &one } else { &two };
        let applied = apply(server, &run);
        assert_eq!(home.verified(&key, keep(&home, &applied)), "QUEUE_ENQUEUE");
        let signed = home.signed_lines();
        assert!(signed > before, "smaller than before");
        before = signed;
    }
    std::fs::copy(home.root().join("log/queue.jsonl/checkpoint"), home.path().join("kept.checkpoint")).unwrap();
    one.kill();
    home.another("run_last");
    home.until_signed(13);
    assert_eq!(two.stop(Signal::TERM).0, Some(0));
    home.cli(&["audit", "verify", "--since", "kept.checkpoint", "--key", &key]).expect(0);
}

#[test]
fn a_server_whose_log_cannot_be_signed_says_so_and_goes_on_acknowledging() {
    let home = Home::with_run();
    home.init_key();
    home.enqueue("run_ok");
    home.cli(&["audit", "checkpoint"]).expect(0);
    std::fs::remove_file(home.root().join("keys/audit.key")).unwrap();
    home.cli(&["audit", "init-key", "--name", "someone.else"]).expect(0);
    let checkpoint = std::fs::read(home.root().join("log/queue.jsonl/checkpoint")).unwrap();
    let server = home.serve(&[APPLY, OFTEN]);
    home.run(&RunFixture::new("run_second"));
    let applied = apply(&server, "run_second");
    assert_eq!((&applied["current_status"], &applied["receipt"]), (&json!("PENDING"), &Value::Null), "{applied}");
    assert_eq!(applied["receipt_problem"]["code"], "RECEIPT_NOT_COVERED");
    assert!(!applied.to_string().contains("someone.else"), "what went wrong is for the log");
    let ready = server.send("GET", "/readyz", None);
    assert_eq!((ready.status, ready.json()), (200, json!({"status": "ok", "checkpoints": "failing"})));
    assert_eq!(std::fs::read(home.root().join("log/queue.jsonl/checkpoint")).unwrap(), checkpoint);
    let said = server.kill();
    assert!(said.contains("no checkpoint of the ledger could be signed") && said.contains("someone.else"), "{said}");
}
