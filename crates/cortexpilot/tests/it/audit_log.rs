//! The signed log on the command line: key, checkpoints, receipts, evidence, and a start on a ledger that was cut back.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::{APPLY, Home, TOKEN};

const NAME: &str = "test.example/cortexpilot";

/// Two items, a key and checkpoints; the public key.
fn signed() -> (Home, String, Vec<String>) {
    let home = Home::with_run();
    let items = vec![home.enqueue("run_ok"), home.enqueue_second()];
    let made = home.json(&[], &["audit", "init-key", "--name", NAME], 0);
    home.cli(&["audit", "checkpoint", "-o", "monday.checkpoint"]).expect(0);
    (home, made["keys"][0].as_str().expect("a key").to_owned(), items)
}

impl Home {
    fn enqueue_second(&self) -> String {
        self.run(&cortexpilot_runs::fixture::RunFixture::new("run_second"));
        self.enqueue("run_second")
    }

    fn queue_file(&self) -> std::path::PathBuf {
        self.root().join("queue.jsonl")
    }

    /// The ledger without its last line, as it once was.
    fn cut_back(&self) {
        let text = std::fs::read_to_string(self.queue_file()).expect("a ledger");
        let lines: Vec<&str> = text.lines().collect();
        let older: String = lines[..lines.len() - 1].iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(self.queue_file(), older).expect("the ledger is writable");
    }
}

#[test]
fn the_key_is_made_once_and_must_be_nobody_elses() {
    let home = Home::with_run();
    home.enqueue("run_ok");
    let none = home.cli(&["audit", "checkpoint"]).expect(5);
    assert!(none.stderr.contains("audit init-key"), "{none:?}");
    home.cli(&["audit", "init-key", "--name", "two words"]).expect(2);
    let made = home.cli(&["audit", "init-key", "--name", NAME]).expect(0);
    assert!(made.stdout.contains(&format!("\n  {NAME}/queue.jsonl+")), "{made:?}");
    assert!(made.stdout.contains(&format!("\n  {NAME}/decisions.jsonl+")), "{made:?}");
    assert!(!made.stdout.contains("PRIVATE"));
    let key = home.root().join("keys/audit.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&key).unwrap();
    let again = home.json(&[], &["audit", "init-key"], 5);
    assert_eq!(again["changed"], json!(false));
    assert_eq!(std::fs::read(&key).unwrap(), before);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let loose = home.cli(&["audit", "checkpoint"]).expect(6);
    assert!(loose.stderr.contains("mode 644") && !home.root().join("log").exists(), "{loose:?}");
}

#[test]
fn a_checkpoint_is_printed_kept_and_continued_and_nothing_is_overwritten() {
    let (home, key, _) = signed();
    let kept = std::fs::read_to_string(home.path().join("monday.checkpoint")).unwrap();
    assert!(kept.starts_with(&format!("{NAME}/queue.jsonl\n2\n")), "{kept}");
    home.cli(&["audit", "checkpoint", "-o", "monday.checkpoint"]).expect(2);
    assert_eq!(home.cli(&["audit", "checkpoint"]).expect(0).stdout, kept, "nothing new, so nothing new is signed");
    let item = home.ledger()[0]["queue_id"].as_str().unwrap().to_owned();
    home.cli(&["queue", "cancel", &item]).expect(0);
    let states = home.json(&[], &["audit", "checkpoint"], 0);
    assert_eq!((&states[0]["before"], &states[0]["checkpoint"]["size"]), (&json!(2), &json!(3)));
    let report = home.json(&[], &["audit", "verify", "--since", "monday.checkpoint", "--key", &key], 0);
    assert_eq!((&report["verdict"], &report["since"][0]["continued"]), (&json!("sound"), &json!(true)));
    assert_eq!(report["files"][0]["checkpoint"]["size"], 3);
    let text = home.cli(&["audit", "verify", "--since", "monday.checkpoint"]).expect(0).stdout;
    assert!(text.contains("2 lines: continued") && text.contains("checkpoint of 3 lines, signed by"), "{text}");
    home.cli(&["audit", "verify", "--since", "plan-run_ok.json"]).expect(2);
}

#[test]
fn a_ledger_cut_back_to_an_older_valid_state_refuses_to_start() {
    let (home, _, items) = signed();
    home.cut_back();
    let before = std::fs::read(home.queue_file()).unwrap();
    let serve = home.command(&[("CORTEXPILOT_API_TOKEN", TOKEN)], &["serve", "--port", "0"]).output().unwrap();
    assert_eq!(serve.status.code(), Some(6), "{serve:?}");
    let said = String::from_utf8(serve.stderr).unwrap();
    assert!(said.contains("LEDGER_CORRUPT") && said.contains("queue.jsonl"), "{said}");
    assert!(said.contains("covers 2 lines; it has 1"), "{said}");
    assert_eq!(home.json(&[APPLY], &["queue", "cancel", &items[0]], 6)["code"], "LEDGER_CORRUPT");
    assert_eq!(home.json(&[], &["audit", "checkpoint"], 6)["code"], "LEDGER_CORRUPT");
    let report = home.json(&[], &["audit", "verify"], 11);
    assert!(report["files"][0]["damage"]["what"].as_str().unwrap().contains("its last checkpoint"), "{report}");
    assert_eq!(home.json(&[], &["queue", "list"], 0)["problems"][0]["line"], 2, "reads go on, and say so");
    assert_eq!(std::fs::read(home.queue_file()).unwrap(), before);
    let done = home.json(&[], &["audit", "repair", "--reason", "ticket 4711", "--yes"], 0);
    let aside = home.root().join("log").join(done["files"][0]["kept_as"].as_str().unwrap());
    assert!(aside.join("checkpoint").exists(), "the old log stays beside the old file");
    home.cli(&["audit", "verify"]).expect(0);
    home.enqueue("run_ok");
    let states = home.json(&[], &["audit", "checkpoint"], 0);
    let origin = states[0]["checkpoint"]["origin"].as_str().unwrap();
    assert!(origin.starts_with(&format!("{NAME}/queue.jsonl/after-")), "{origin}");
    home.cli(&["audit", "verify", "--since", "monday.checkpoint"]).expect(11);
}

#[test]
fn a_kept_checkpoint_shows_the_rollback_of_a_whole_root() {
    let (home, key, items) = signed();
    let copy = home.path().join("older");
    let copied = Command::new("cp").arg("-a").arg(home.root()).arg(&copy).status().unwrap();
    assert!(copied.success());
    home.cli(&["queue", "cancel", &items[0]]).expect(0);
    home.cli(&["audit", "checkpoint", "-o", "tuesday.checkpoint"]).expect(0);
    std::fs::remove_dir_all(home.root()).unwrap();
    std::fs::rename(&copy, home.root()).unwrap();
    home.cli(&["audit", "verify"]).expect(0);
    home.cli(&["audit", "verify", "--since", "monday.checkpoint", "--key", &key]).expect(0);
    let report = home.json(&[], &["audit", "verify", "--since", "tuesday.checkpoint", "--key", &key], 11);
    assert_eq!((&report["verdict"], &report["since"][0]["continued"]), (&json!("altered"), &json!(false)));
    let text = home.cli(&["audit", "verify", "--since", "tuesday.checkpoint", "--key", &key]).expect(11).stdout;
    assert!(text.contains("has 2 lines and had 3 when it was signed: it was cut back"), "{text}");
    // A log that somebody made anew, with a key of their own.
    std::fs::remove_dir_all(home.root().join("log")).unwrap();
    std::fs::remove_file(home.root().join("keys/audit.key")).unwrap();
    home.cli(&["audit", "init-key", "--name", NAME]).expect(0);
    home.cli(&["audit", "checkpoint"]).expect(0);
    home.cli(&["audit", "verify"]).expect(0);
    let forged = home.json(&[], &["audit", "verify", "--key", &key], 11);
    assert_eq!(forged["signed_by_others"].as_array().unwrap().len(), 2, "{forged}");
}

/// The scripts of the page, in their order.
pub(super) fn scripts() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/receipts.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let blocks = page.split("```python\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_receipt_is_verified_by_the_documented_scripts_by_openssl_and_by_the_binary_offline() {
    let (home, key, items) = signed();
    home.cli(&["audit", "prove", &items[1], "-o", "receipt.json"]).expect(0);
    let printed = home.cli(&["audit", "prove", "--index", "1"]).expect(0).stdout;
    assert_eq!(std::fs::read_to_string(home.path().join("receipt.json")).unwrap(), printed);
    std::fs::copy(home.queue_file(), home.path().join("copy.jsonl")).unwrap();
    let third = {
        home.run(&cortexpilot_runs::fixture::RunFixture::new("run_third"));
        home.enqueue("run_third")
    };
    let newer = home.cli(&["audit", "prove", &third]).expect(5);
    assert!(newer.stderr.contains("audit checkpoint"), "{newer:?}");
    home.cli(&["audit", "prove", "--index", "0", "--decisions"]).expect(5);
    assert_eq!(home.json(&[], &["audit", "prove", "nobody"], 4)["code"], "QUEUE_ITEM_NOT_FOUND");
    home.cli(&["audit", "prove"]).expect(2);
    std::fs::remove_dir_all(home.root()).unwrap();

    let run = |script: &str, arguments: &[&str]| {
        std::fs::write(home.path().join("script.py"), script).unwrap();
        let mut command = Command::new("python3");
        command.current_dir(home.path()).arg("script.py").args(arguments);
        command.output().expect("python3 is needed for this test").status.success()
    };
    let [receipt, split] = &scripts()[..] else { panic!("two scripts") };
    assert!(run(receipt, &["receipt.json", "copy.jsonl"]));
    assert!(run(split, &["receipt.json", &key]));
    let openssl = |file: &str| {
        let mut command = Command::new("openssl");
        command.current_dir(home.path());
        command.args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin", "-in", file]);
        command.args(["-sigfile", "signature"]).output().expect("openssl is needed for this test").status.success()
    };
    assert!(openssl("text") && !openssl("copy.jsonl"));
    let verify = ["audit", "verify", "--receipt", "receipt.json", "--ledger", "copy.jsonl", "--key", &key];
    assert_eq!(home.json(&[], &verify, 0)["sections"][0]["size"], 2);
    assert!(!home.root().exists(), "no runtime root was needed, and none was made");

    let copy = std::fs::read_to_string(home.path().join("copy.jsonl")).unwrap();
    let (first, second) = copy.split_once('\n').unwrap();
    std::fs::write(home.path().join("copy.jsonl"), format!("{first}\n{}", second.replacen("Alice", "Mallo", 1)))
        .unwrap();
    assert!(!run(receipt, &["receipt.json", "copy.jsonl"]));
    let other = home.json(&[], &verify, 11);
    assert!(other["problem"].as_str().unwrap().contains("another line"), "{other}");
    std::fs::write(home.path().join("receipt.json"), printed.replacen("\"index\":1", "\"index\":0", 1)).unwrap();
    home.cli(&["audit", "verify", "--receipt", "receipt.json", "--key", &key]).expect(11);
    home.cli(&["audit", "verify", "--receipt", "receipt.json"]).expect(2);
}

#[test]
fn evidence_verifies_with_the_root_gone_and_one_flipped_byte_fails_it() {
    let (home, key, _) = signed();
    home.cli(&["audit", "export", "-o", "evidence.jsonl"]).expect(0);
    home.cli(&["audit", "export", "-o", "evidence.jsonl"]).expect(2);
    std::fs::remove_dir_all(home.root()).unwrap();
    let verify = ["audit", "verify", "--bundle", "evidence.jsonl", "--key", &key];
    let report = home.json(&[], &verify, 0);
    let lines: Vec<_> = report["sections"].as_array().unwrap().iter().map(|section| &section["lines"]).collect();
    assert_eq!((lines, &report["key_given"]), (vec![&json!(2), &json!(0)], &json!(true)));
    let unsure = home.cli(&["audit", "verify", "--bundle", "evidence.jsonl"]).expect(0).stdout;
    assert!(unsure.contains("--key"), "{unsure}");
    let path = home.path().join("evidence.jsonl");
    let bytes = std::fs::read(&path).unwrap();
    for at in [10, bytes.len() / 4, bytes.len() / 2, bytes.len() - 2] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        assert_eq!(home.json(&[], &verify, 11)["verdict"], "altered", "byte {at}");
    }
    assert!(!home.root().exists());
}

#[test]
fn there_is_no_evidence_without_a_checkpoint_and_no_file_is_left() {
    let home = Home::with_run();
    home.enqueue("run_ok");
    let none = home.cli(&["audit", "export", "-o", "evidence.jsonl"]).expect(5);
    assert!(none.stderr.contains("audit checkpoint"), "{none:?}");
    assert!(!home.path().join("evidence.jsonl").exists() && !home.path().join("evidence.jsonl.part").exists());
    home.cli(&["audit", "prove", "--index", "0"]).expect(5);
}
