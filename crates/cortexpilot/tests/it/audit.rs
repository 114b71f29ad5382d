//! Verifying and repairing the ledger on the command line.

use serde_json::{Value, json};

use crate::support::{APPLY, Home};

fn damage(home: &Home) {
    let path = home.root().join("queue.jsonl");
    let text = std::fs::read_to_string(&path).expect("the ledger is readable");
    std::fs::write(&path, text.replacen("Alice", "Mallo", 1)).expect("the ledger is writable");
}

#[test]
fn a_sound_ledger_is_told_with_what_was_covered() {
    let home = Home::with_run();
    assert_eq!(home.json(&[], &["audit", "verify"], 0)["verdict"], "sound", "an empty root is sound");
    let id = home.enqueue("run_ok");
    home.cli(&["queue", "cancel", &id]).expect(0);
    let report = home.json(&[], &["audit", "verify"], 0);
    let queue = &report["files"][0];
    assert_eq!(
        (&queue["file"], &queue["lines"], &queue["verdict"]),
        (&json!("queue.jsonl"), &json!(2), &json!("sound"))
    );
    assert_eq!(queue["head"], home.ledger()[1]["h"]);
    assert!(queue["first_ts"].is_string() && queue["last_ts"].is_string());
    let text = home.cli(&["audit", "verify"]).expect(0).stdout;
    assert!(text.contains(queue["head"].as_str().unwrap()) && text.contains("keep the heads elsewhere"), "{text}");
}

#[test]
fn an_altered_line_is_found_and_nothing_is_written_any_more() {
    let home = Home::with_run();
    let id = home.enqueue("run_ok");
    damage(&home);
    let report = home.json(&[], &["audit", "verify"], 11);
    assert_eq!((&report["verdict"], &report["files"][0]["damage"]["line"]), (&json!("altered"), &json!(1)));
    let text = home.cli(&["audit", "verify"]).expect(11).stdout;
    assert!(text.contains("audit repair"), "{text}");
    let before = std::fs::read(home.root().join("queue.jsonl")).unwrap();
    assert_eq!(home.json(&[APPLY], &["queue", "cancel", &id], 6)["code"], "LEDGER_CORRUPT");
    assert_eq!(std::fs::read(home.root().join("queue.jsonl")).unwrap(), before);
    let list = home.json(&[], &["queue", "list"], 0);
    assert_eq!(list["problems"][0]["line"], 1, "{list}");
}

#[test]
fn an_incomplete_last_line_is_torn_and_costs_nothing() {
    let home = Home::with_run();
    home.enqueue("run_ok");
    let path = home.root().join("queue.jsonl");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], b"{\"event\": \"QUEUE_CAN"].concat()).unwrap();
    assert_eq!(home.json(&[], &["audit", "verify"], 10)["verdict"], "torn");
    home.cli(&["audit", "repair", "--reason", "torn", "--yes"]).expect(5);
}

#[test]
fn a_line_of_a_newer_version_has_its_own_exit_code() {
    use cortexpilot_core::domain::id::Sha256Digest;
    use cortexpilot_core::domain::ledger::seal;
    let home = Home::with_run();
    home.enqueue("run_ok");
    let path = home.root().join("queue.jsonl");
    let head = Sha256Digest::parse(home.ledger()[0]["h"].as_str().unwrap()).unwrap();
    let body = r#"{"event": "QUEUE_TELEPORT", "status": "PENDING", "task_id": "t", "queue_id": "q", "ts": "2099-01-01T00:00:00.000000+00:00""#;
    let (line, _) = seal(&head, body);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{line}\n")).unwrap();
    assert_eq!(home.json(&[], &["audit", "verify"], 12)["verdict"], "newer");
    assert_eq!(home.json(&[], &["queue", "claim"], 6)["code"], "LEDGER_NEWER");
}

#[test]
fn a_repair_keeps_the_damaged_file_and_names_what_was_lost() {
    let home = Home::with_run();
    home.enqueue("run_ok");
    let id = home.enqueue_again();
    damage_second(&home);
    let damaged = std::fs::read(home.root().join("queue.jsonl")).unwrap();
    let asked = home.cli(&["audit", "repair", "--reason", "ticket 4711"]).expect(2);
    assert!(asked.stderr.contains("--yes") && asked.stdout.is_empty(), "{asked:?}");
    assert_eq!(
        std::fs::read(home.root().join("queue.jsonl")).unwrap(),
        damaged,
        "nothing is asked in a pipe, nothing is done"
    );
    for reason in ["", "a\u{2028}b"] {
        home.cli(&["audit", "repair", "--reason", reason, "--yes"]).expect(3);
    }
    let viewer = [("CORTEXPILOT_PRINCIPAL_ROLES", "VIEWER")];
    let refused = home.json(&viewer, &["audit", "repair", "--reason", "ticket 4711", "--yes"], 3);
    assert_eq!(refused["code"], "ROLE_FORBIDDEN");
    assert_eq!(std::fs::read(home.root().join("queue.jsonl")).unwrap(), damaged, "who may not apply may not repair");
    let done = home.json(&[], &["audit", "repair", "--reason", "ticket 4711", "--yes"], 0);
    let kept = done["files"][0]["kept_as"].as_str().unwrap();
    assert_eq!(std::fs::read(home.root().join(kept)).unwrap(), damaged);
    let lost: Vec<&Value> = done["lost"].as_array().unwrap().iter().map(|item| &item["source_run_id"]).collect();
    assert_eq!(lost, ["run_ok"], "the first item verified and is named");
    assert_ne!(done["lost"][0]["queue_id"], id);
    let first = &home.ledger()[0];
    assert_eq!((&first["event"], &first["reason"]), (&json!("LEDGER_REPAIRED"), &json!("ticket 4711")));
    assert_eq!(first["principal"], "local:alice");
    assert_eq!(home.json(&[], &["audit", "verify"], 0)["verdict"], "sound");
    home.enqueue("run_ok");
    let again = home.cli(&["audit", "repair", "--reason", "again", "--yes"]).expect(5);
    assert!(again.stderr.contains("nothing to repair"), "{again:?}");
}

impl Home {
    /// A second item, of another run.
    fn enqueue_again(&self) -> String {
        self.run(&cortexpilot_runs::fixture::RunFixture::new("run_second"));
        self.enqueue("run_second")
    }
}

fn damage_second(home: &Home) {
    let path = home.root().join("queue.jsonl");
    let text = std::fs::read_to_string(&path).expect("the ledger is readable");
    let (first, second) = text.split_once('\n').expect("the ledger has two lines");
    let second = second.replacen("Alice", "Mallo", 1);
    std::fs::write(&path, format!("{first}\n{second}")).expect("the ledger is writable");
}

#[test]
fn a_sound_ledger_is_not_touched_by_a_repair() {
    let home = Home::with_run();
    home.cli(&["audit", "repair", "--reason", "x", "--yes"]).expect(5);
    assert!(!home.root().exists(), "not even made");
    home.enqueue("run_ok");
    let before = home.snapshot();
    home.cli(&["audit", "repair", "--reason", "x", "--yes"]).expect(5);
    assert_eq!(home.snapshot(), before);
}
