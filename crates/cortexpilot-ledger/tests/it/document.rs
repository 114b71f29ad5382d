//! What `docs/reference/ledger.md` tells people who read the ledger with their own programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::text::Reason;
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{Ask, block_on, cancel, claim, complete, execute, lease, soon};
use cortexpilot_ledger::{repair, verify};

use crate::support::{Root, World};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/ledger.md");
    std::fs::read_to_string(path).expect("the page is there")
}

/// The page's script, in a file.
fn script(root: &Root) -> PathBuf {
    let page = page();
    let (_, after) = page.split_once("```python\n").expect("the page has a script");
    let (script, _) = after.split_once("```").expect("the script ends");
    assert_eq!(script.lines().count(), 12, "as the page says");
    let path = root.path.parent().expect("a directory").join("verify.py");
    std::fs::write(&path, script).unwrap();
    path
}

fn run(script: &Path, file: &Path) -> (bool, String) {
    let output = Command::new("python3").arg(script).arg(file).output().expect("python3 is needed for this test");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("UTF-8").trim().to_owned())
}

#[test]
fn the_twelve_lines_of_python_agree_with_verify() {
    let legacy = "{\"event\": \"QUEUE_ENQUEUE\", \"task_id\": \"t\", \"queue_id\": \"a\"}\n[]\n\n";
    for prefix in ["", legacy] {
        let world = World::on(Root::with_queue(prefix));
        let script = script(&world.root);
        let path = world.root.file("queue.jsonl");
        let agree = || {
            let report = verify(&world.root.path).unwrap().files.remove(0);
            let want = format!("sound, {} lines, head {}", report.lines, report.head);
            assert_eq!(run(&script, &path), (true, want));
        };
        agree();
        let item = block_on(Ask::of("run_a").enqueue(&world.store));
        block_on(execute(&world.store, cancel(item.queue_id(), soon(1))));
        block_on(Ask::of("run_b").at(2).enqueue(&world.store));
        agree();
        let text = world.root.queue();
        world.root.write("queue.jsonl", format!("{text}{{\"torn"));
        agree();
        let lines = prefix.lines().count();
        for (what, line) in [("task_of_run_b", lines + 3), ("Not needed", lines + 2)] {
            let at = text.find(what).unwrap();
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            world.root.write("queue.jsonl", &bytes);
            assert_eq!(run(&script, &path), (false, format!("line {line} was altered")));
            let damage = verify(&world.root.path).unwrap().files.remove(0).damage.unwrap();
            assert_eq!(damage.line, line as u64);
        }
    }
}

#[test]
fn every_member_of_every_line_is_on_the_page() {
    let world = World::new();
    let item = block_on(Ask::of("run_a").keyed("k").enqueue(&world.store));
    block_on(execute(&world.store, cancel(item.queue_id(), soon(1))));
    block_on(Ask::of("run_b").enqueue(&world.store));
    let Verdict::Claimed(item) = block_on(execute(&world.store, claim(soon(2)))) else { panic!("not claimed") };
    block_on(execute(&world.store, complete(item.queue_id(), &lease(&item), soon(3))));
    block_on(execute(&world.store, Ask::of("run_c").unseen()));
    let mut lines = world.root.lines();
    world.root.write("queue.jsonl", world.root.queue().replace("Alice", "Malice"));
    let reason = Reason::parse("A test changed it.").unwrap().unwrap();
    repair(&world.root.path, &reason, "local:alice", soon(4)).unwrap();
    lines.extend(world.root.lines());
    lines.extend(String::from_utf8(world.root.read("decisions.jsonl")).unwrap().lines().map(str::to_owned));
    let page = page();
    for line in &lines {
        let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let event = members["event"].as_str().unwrap();
        assert!(page.contains(&format!("`{event}`")), "{event}");
        for name in members.keys() {
            assert!(page.contains(&format!("`{name}`")), "{event}: {name}");
        }
        assert_eq!(members.keys().next_back().map(String::as_str), Some("h"));
    }
    assert_eq!(lines.len(), 7);
}

#[test]
fn the_lock_file_on_the_page_is_one_that_checks() {
    let page = page();
    let (_, after) = page.split_once("```text\n").expect("the page shows a lock file");
    let (records, _) = after.split_once("```").expect("it ends");
    for record in records.lines() {
        let (text, check) = record.rsplit_once(' ').unwrap();
        let digest = Sha256Digest::of(format!("{text} ").as_bytes()).to_string();
        assert_eq!((record.len(), check), (99, &digest[..16]), "{text}");
    }
    let world = World::on(Root::with_queue(""));
    world.root.write("ledger.lock", records);
    let reader = cortexpilot_ledger::FileReader::open(&world.root.path);
    assert_eq!(block_on(reader.health()).unwrap().lines, 0);
}
