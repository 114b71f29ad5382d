//! `cortexpilot import`: the ledger of an original, taken over in one command, and the report of what was odd.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::support::{APPLY, Home, PERSONAL, Snapshot};

/// How many lines the large original has.
const LINES: usize = 100_000;

/// A ledger as the original writes it and as it was seen to leave it behind, with a torn end. The same bytes on every machine.
fn ledger(lines: usize) -> Vec<u8> {
    let mut text = String::with_capacity(lines * 300);
    let mut written = 0;
    let mut item = 0;
    while written < lines {
        let (task, at) = (item / 3 * 2 + item % 3 % 2, time(item));
        let run = ["run_ok", "run_waits", "run_gone", "run_altered"][item / 10 % 4];
        let run = if item % 997 == 0 { "../etc" } else { run };
        let scheduled = match item % 500 {
            9 => "\"next tuesday\"",
            8 => "\"2026-02-20T10:00:00+00:00\"",
            _ => "null",
        };
        let mut lines_of_item = vec![format!(
            "{{\"event\": \"QUEUE_ENQUEUE\", \"status\": \"PENDING\", \"task_id\": \"task_{task}\", \"owner\": \"agent-1\", \
             \"contract_path\": \"/srv/original/runs/{run}/contract.json\", \"priority\": {}, \"workflow_id\": \"\", \
             \"source_run_id\": \"{run}\", \"scheduled_at\": {scheduled}, \"deadline_at\": null, \"ts\": \"{at}\", \
             \"queue_id\": \"{item:032x}\"}}",
            item % 7,
        )];
        let about = |event: &str, status: &str, more: &str| {
            format!(
                "{{\"event\": \"{event}\", \"status\": \"{status}\", \"task_id\": \"task_{task}\", {more}\"ts\": \"{at}\", \
                 \"queue_id\": \"{item:032x}\"}}"
            )
        };
        match item % 10 {
            0..=5 => {
                lines_of_item.push(about("QUEUE_CLAIM", "CLAIMED", "\"run_id\": \"\", "));
                let status = if item % 10 == 5 { "FAILURE" } else { "SUCCESS" };
                lines_of_item.push(about("QUEUE_DONE", status, "\"run_id\": \"run_made\", "));
            }
            6 => lines_of_item.push(about("QUEUE_CLAIM", "CLAIMED", "\"run_id\": \"\", ")),
            7 if item % 70 == 7 => {
                lines_of_item.push(about("QUEUE_CANCEL", "CANCELLED", "\"reason\": \"a\u{2028}b\", "))
            }
            7 | 8 => lines_of_item.push(about("QUEUE_CANCEL", "CANCELLED", "\"reason\": \"no\", ")),
            _ => {}
        }
        match item % 1000 {
            1 => lines_of_item.push("[]".to_owned()),
            2 => lines_of_item.push(String::new()),
            3 => lines_of_item.push("{\"event\": \"QUEUE_ENQ".to_owned()),
            4 => lines_of_item.push(about(&format!("SOMETHING_{item}"), "", "")),
            5 => lines_of_item.push(about("QUEUE_CANCEL", "CANCELLED", "")),
            6 => lines_of_item.push(lines_of_item[0].clone()),
            9 => lines_of_item.push(
                about("QUEUE_DONE", "SUCCESS", "")
                    .replace(&format!("task_{task}"), "x")
                    .replace(&format!("{item:032x}"), "ff"),
            ),
            10 => lines_of_item.push(about("QUEUE_DONE", "SUCCESS", "").replace("task_id", "task")),
            11 => lines_of_item[0] = lines_of_item[0].replace(&at, "yesterday"),
            12 => lines_of_item[0] = lines_of_item[0].replace(&at, "2020-01-01T00:00:00+00:00"),
            _ => {}
        }
        for line in lines_of_item.iter().take(lines - written) {
            let _ = writeln!(text, "{line}");
            written += 1;
        }
        item += 1;
    }
    text.push_str("{\"event\": \"QUEUE_CLA");
    text.into_bytes()
}

fn time(item: usize) -> String {
    format!("2026-01-{:02}T{:02}:{:02}:{:02}+00:00", 1 + item / 3600 % 28, item / 900 % 24, item / 60 % 60, item % 60)
}

/// An original's runtime root, with runs of every kind below it.
fn original(home: &Home, ledger: &[u8]) -> PathBuf {
    let root = home.path().join("original");
    let runs = root.join("runs");
    std::fs::create_dir_all(&runs).expect("a directory");
    std::fs::write(root.join("queue.jsonl"), ledger).expect("a file");
    let run = |name: &str| RunFixture::new(name).event("RUN_STARTED", json!({}));
    let write = |run: RunFixture| run.write(&runs).expect("the run is written");
    write(run("run_ok"));
    write(run("run_waits").event("HUMAN_APPROVAL_REQUIRED", json!({})));
    let altered = write(run("run_altered")).join("contract.json");
    let contract = std::fs::read_to_string(&altered).expect("the contract");
    std::fs::write(&altered, contract.replace("docs/README.md", "docs/OTHER.md")).expect("a file");
    root
}

fn import<'a>(dir: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [&["import", dir.to_str().expect("UTF-8")], more].concat()
}

const WHY: [&str; 2] = ["--reason", "moving house"];

/// What differs from one place and moment to the next, by name.
fn settled(home: &Home, text: &str, report: &Value) -> String {
    let mut text = text.replace(&home.path().display().to_string(), "$HOME");
    for (member, name) in [("ts", "$TS"), ("head", "$HEAD")] {
        if let Some(value) = report["record"][member].as_str() {
            text = text.replace(value, name);
        }
    }
    text
}

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn an_original_of_a_hundred_thousand_lines_is_adopted_in_one_command_and_its_report_is_the_golden() {
    let home = Home::with_run();
    let bytes = ledger(LINES);
    let dir = original(&home, &bytes);
    let before = Snapshot::of(&dir);
    let output = home.cli(&import(&dir, &[&WHY[..], &["--output", "json"]].concat())).expect(0);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(settled(&home, &output.stdout, &report), golden("report.json"));
    assert_eq!(Snapshot::of(&dir), before, "the original was only read");

    let lines = bytes.len() - "{\"event\": \"QUEUE_CLA".len();
    let adopted = std::fs::read(home.root().join("queue.jsonl")).unwrap();
    assert!(adopted.starts_with(&bytes[..lines]), "byte for byte");
    let record: Value = serde_json::from_slice(&adopted[lines..]).unwrap();
    assert_eq!(record["prefix_sha256"], Sha256Digest::of(&bytes[..lines]).to_string());
    assert_eq!((&record["event"], &record["prefix_lines"]), (&json!("LEDGER_ADOPTED"), &json!(LINES)));
    assert_eq!((&record["principal"], &record["reason"]), (&json!("local:alice"), &json!("moving house")));
    assert_eq!(record["source"], dir.display().to_string());
    assert_eq!(record["h"], report["record"]["head"]);
    let torn = std::fs::read(home.root().join(report["record"]["torn_as"].as_str().unwrap())).unwrap();
    assert_eq!(torn, bytes[lines..]);

    let verified = home.json(&[], &["audit", "verify"], 0);
    let queue = &verified["files"][0];
    assert_eq!((&verified["verdict"], &queue["lines"]), (&json!("sound"), &json!(LINES + 1)));
    assert_eq!((&queue["legacy_lines"], &queue["head"]), (&json!(LINES), &report["record"]["head"]));
    assert_eq!(queue["odd_lines"], report["ledger"]["change_nothing"]);
    println!("figure: {LINES} lines, {} bytes adopted", report["ledger"]["bytes"]);
}

#[test]
fn a_dry_run_tells_people_the_same_and_makes_nothing() {
    let home = Home::with_run();
    let bytes = ledger(3_000);
    let dir = original(&home, &bytes);
    let before = home.snapshot();
    let said = home.cli(&import(&dir, &["--dry-run"])).expect(0);
    assert_eq!(settled(&home, &said.stdout, &json!({})), golden("report.txt"));
    let mut dry = home.json(&[], &import(&dir, &["--dry-run"]), 0);
    assert_eq!(home.snapshot(), before);
    let mut done = home.json(&[], &import(&dir, &WHY), 0);
    assert_eq!((dry["adopted"].take(), done["adopted"].take()), (json!(false), json!(true)));
    assert!(dry["record"].take().is_null() && done["record"].take().is_object());
    assert_eq!(dry, done, "what was told is what was done");
}

#[test]
fn a_second_import_says_that_it_was_adopted_before_and_changes_nothing() {
    let home = Home::with_run();
    let dir = original(&home, &ledger(30));
    let said = home.cli(&import(&dir, &WHY)).expect(0).stdout;
    assert!(said.starts_with("Adopted 30 lines of ") && said.contains("because   moving house"), "{said}");
    assert!(said.contains("CORTEXPILOT_RUNS_ROOT=") && said.contains("stop it for good"), "{said}");
    home.enqueue("run_ok");
    let before = std::fs::read(home.root().join("queue.jsonl")).unwrap();
    for more in [&WHY[..], &["--dry-run"]] {
        let again = home.cli(&import(&dir, more)).expect(5);
        assert!(again.stderr.contains("adopted before") && again.stderr.contains("local:alice"), "{again:?}");
    }
    assert_eq!(std::fs::read(home.root().join("queue.jsonl")).unwrap(), before);
    // What another original holds is never mixed in.
    std::fs::write(dir.join("queue.jsonl"), ledger(40)).unwrap();
    let other = home.cli(&import(&dir, &WHY)).expect(5);
    assert!(other.stderr.contains("never mixed") && other.stderr.contains("--runtime-root"), "{other:?}");
    let refused = home.json(&[], &import(&dir, &WHY), 5);
    assert_eq!(refused["changed"], false);
    assert_eq!(std::fs::read(home.root().join("queue.jsonl")).unwrap(), before);
}

#[test]
fn the_runtime_root_itself_is_adopted_where_it_stands() {
    let home = Home::with_run();
    let bytes = ledger(40);
    std::fs::create_dir(home.root()).unwrap();
    std::fs::write(home.root().join("queue.jsonl"), &bytes).unwrap();
    let root = home.root();
    let dry = home.json(&[], &import(&root, &["--dry-run"]), 0);
    assert_eq!((&dry["in_place"], &dry["adopted"], &dry["record"]), (&json!(true), &json!(false), &Value::Null));
    assert_eq!(std::fs::read(root.join("queue.jsonl")).unwrap(), bytes);
    let report = home.json(&[], &import(&root, &WHY), 0);
    assert_eq!((&report["ledger"], &report["findings"]), (&dry["ledger"], &dry["findings"]));
    assert_eq!(report["runs"]["set_runs_root"], Value::Null, "the configured runs are the ones to use");
    let adopted = std::fs::read_to_string(root.join("queue.jsonl")).unwrap();
    assert_eq!(adopted.lines().count(), 41);
    let (prefix, _) = adopted.split_once("{\"event\": \"LEDGER_ADOPTED\"").unwrap();
    assert!(bytes.starts_with(prefix.as_bytes()));
    home.cli(&import(&root, &WHY)).expect(5);
    home.enqueue("run_ok");
    assert_eq!(home.json(&[], &["audit", "verify"], 0)["files"][0]["adopted_from"], root.display().to_string());
    // Another root cannot take over what this system has continued.
    let moved = home.json(&[("CORTEXPILOT_RUNTIME_ROOT", "elsewhere")], &import(&root, &WHY), 5);
    assert!(moved["reason"].as_str().unwrap().contains("--runtime-root"), "{moved}");
}

#[test]
fn only_an_operator_in_an_allowed_role_imports_and_every_refusal_leaves_no_byte() {
    let home = Home::with_run();
    let agent = home.token("agent", "ci", &["OPS"]);
    let dir = original(&home, &ledger(30));
    let empty = home.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let before = home.snapshot();
    let refused = home.json(&[("CORTEXPILOT_PRINCIPAL_ROLES", "GUEST")], &import(&dir, &WHY), 3);
    assert_eq!(refused["code"], "ROLE_FORBIDDEN");
    let refused = home.json(&[(PERSONAL, &agent)], &import(&dir, &WHY), 3);
    assert_eq!(refused["code"], "SCOPE_FORBIDDEN");
    assert_eq!(home.json(&[APPLY], &import(&dir, &["--reason", " "]), 3)["code"], "METADATA_REQUIRED");
    home.cli(&import(&dir, &[])).expect(2);
    for (at, what) in [(home.path().join("nowhere"), "No such file"), (empty, "queue.jsonl")] {
        let gone = home.json(&[], &import(&at, &WHY), 4);
        assert!(
            gone["reason"].as_str().unwrap().contains(what)
                && gone["next_step"].as_str().unwrap().contains("queue.jsonl")
        );
    }
    assert_eq!(home.snapshot(), before);
}

#[test]
fn an_original_that_this_system_decided_beside_is_not_torn_from_its_decisions() {
    let home = Home::with_run();
    let dir = original(&home, &ledger(30));
    let beside = dir.display().to_string();
    home.cli(&["gate", "freeze", "--role", "OWNER", "--reason", "a loop", "--runtime-root", &beside]).expect(0);
    let refused = home.json(&[], &import(&dir, &WHY), 5);
    assert!(refused["reason"].as_str().unwrap().contains("decisions.jsonl"), "{refused}");
    assert!(!home.root().join("queue.jsonl").exists());
    home.cli(&import(&dir, &[&WHY[..], &["--runtime-root", &beside]].concat())).expect(0);
}

#[test]
fn an_adopted_pending_item_is_listed_cancelled_and_claimed_like_any_other() {
    let home = Home::with_run();
    let dir = original(&home, &ledger(60));
    let report = home.json(&[], &import(&dir, &WHY), 0);
    let pending = report["items"]["by_status"]["PENDING"].as_u64().unwrap();
    assert!(pending >= 2, "{report}");
    let listed = home.json(&[], &["queue", "list", "--status", "PENDING"], 0);
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len() as u64, pending);
    let id = items[0]["queue_id"].as_str().unwrap();
    assert_eq!(home.json(&[], &["queue", "cancel", id, "--role", "OPS"], 0)["status"], "CANCELLED");
    home.json(&[APPLY], &["queue", "claim", "--role", "OPS"], 0);
    assert_eq!(home.json(&[], &["audit", "verify"], 0)["verdict"], "sound");
}
