//! `audit repair`: the way out of a damaged ledger.

use std::os::unix::fs::MetadataExt as _;

use cortexpilot_core::domain::command::Decide;
use cortexpilot_core::domain::governance::GovernanceQuery;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger;
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::domain::text::Reason;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::StoreRead;
use cortexpilot_core::port::conformance::{Ask, block_on, claim, execute, govern, person, soon};
use cortexpilot_ledger::{FileReader, RepairError, RepairReport, Verdict, repair, verify};

use crate::support::{Root, World};

fn reason() -> Reason {
    Reason::parse("A backup tool truncated the file.").unwrap().unwrap()
}

fn run(root: &Root) -> Result<RepairReport, RepairError> {
    repair(&root.path, &reason(), "local:alice", soon(100))
}

/// Two pending items and a claimed one, and then the last line is changed.
fn damaged() -> (World, String) {
    let world = World::new();
    for name in ["run_a", "run_b", "run_c"] {
        block_on(Ask::of(name).enqueue(&world.store));
    }
    block_on(execute(&world.store, claim(soon(1))));
    block_on(Ask::of("run_d").at(2).enqueue(&world.store));
    let text = world.root.queue().replace("task_of_run_d", "task_of_run_x");
    world.root.write("queue.jsonl", &text);
    (world, text)
}

fn count(store: &dyn StoreRead) -> usize {
    let listing = block_on(store.items(&QueueFilter::default())).unwrap();
    assert_eq!(listing.problems, []);
    listing.items.len()
}

#[test]
fn the_damaged_file_is_kept_and_the_new_one_commits_to_it() {
    let (world, text) = damaged();
    let inode = std::fs::metadata(world.root.file("queue.jsonl")).unwrap().ino();
    let report = run(&world.root).unwrap();
    let [file] = &report.files[..] else { panic!("one file was damaged") };
    assert_eq!((file.file, file.verified_lines, file.damage.line), ("queue.jsonl", 4, 5));
    assert_eq!(file.damaged_sha256, Sha256Digest::of(text.as_bytes()));
    assert_eq!(world.root.read(&file.kept_as), text.as_bytes());
    assert_eq!(std::fs::metadata(world.root.file(&file.kept_as)).unwrap().ino(), inode, "the very file");
    let lost: Vec<(&str, &str)> =
        report.lost.iter().map(|item| (item.enqueued.source_run_id.as_str(), item.status())).collect();
    assert_eq!(lost, [("run_a", "CLAIMED"), ("run_b", "PENDING"), ("run_c", "PENDING")]);

    let lines = world.root.lines();
    let want = format!(
        "{{\"event\": \"LEDGER_REPAIRED\", \"damaged_sha256\": \"{}\", \"kept_as\": \"{}\", \"verified_lines\": 4, \
         \"reason\": \"A backup tool truncated the file.\", \"principal\": \"local:alice\", \
         \"ts\": \"2026-03-01T12:01:40.000000+00:00\"",
        file.damaged_sha256, file.kept_as
    );
    assert_eq!(lines, [ledger::seal(&Sha256Digest::ZERO, &want).0]);
    let report = verify(&world.root.path).unwrap();
    assert_eq!((report.verdict, report.files[0].lines), (Verdict::Sound, 1));
    let repaired = report.files[0].repaired.as_ref().unwrap();
    assert_eq!((repaired.kept_as.as_str(), repaired.verified_lines), (file.kept_as.as_str(), 4));
}

#[test]
fn a_running_process_goes_on_after_a_repair() {
    let (world, _) = damaged();
    let reader = FileReader::open(&world.root.path);
    assert!(block_on(world.store.health()).unwrap().refuses_writes.is_some());
    assert!(block_on(reader.health()).unwrap().refuses_writes.is_some());
    run(&world.root).unwrap();
    assert_eq!((count(&world.store), count(&reader)), (0, 0));
    let item = block_on(Ask::of("run_d").at(50).enqueue(&world.store));
    assert_eq!(item.enqueued.ts, soon(100), "not before the repair");
    assert_eq!((count(&world.store), count(&reader)), (1, 1));
    assert_eq!(world.root.lines().len(), 2);
    // The contracts of what was lost stay, as evidence; so does the old ledger.
    let world = world.reopen();
    assert_eq!(crate::support::names(&world.root.file("contracts")).len(), 4);
}

#[test]
fn a_damaged_record_of_refusals_is_repaired_by_itself() {
    let world = World::new();
    block_on(Ask::of("run_a").enqueue(&world.store));
    block_on(execute(&world.store, Ask::of("run_b").unseen()));
    let queue = world.root.queue();
    let text = String::from_utf8(world.root.read("decisions.jsonl")).unwrap().replace("http", "cli!");
    world.root.write("decisions.jsonl", &text);
    let report = run(&world.root).unwrap();
    assert_eq!((report.files.len(), report.files[0].file, report.lost.len()), (1, "decisions.jsonl", 0));
    assert_eq!(world.root.queue(), queue, "the queue was sound");
    // Nobody knows what the lines that are gone forbade, so everything stands still until an operator has looked.
    for store in [&world.store, &world.root.open()] {
        let refused = block_on(Ask::of("run_c").at(101).apply(store));
        assert!(
            matches!(&refused, cortexpilot_core::Verdict::Denied(denial) if denial.code == ErrorCode::Frozen),
            "{refused:?}"
        );
        let refused = block_on(execute(store, claim(soon(101))));
        assert!(
            matches!(&refused, cortexpilot_core::Verdict::Denied(denial) if denial.code == ErrorCode::Frozen),
            "{refused:?}"
        );
    }
    let frozen = block_on(world.store.governance(&GovernanceQuery::default())).unwrap().standing.frozen.unwrap();
    assert_eq!((frozen.by.as_str(), frozen.since), ("local:alice", soon(100)));
    assert!(matches!(
        block_on(execute(&world.store, govern(&person("ops"), soon(102), Decide::Unfreeze))),
        cortexpilot_core::Verdict::Recorded(_)
    ));
    block_on(Ask::of("run_c").at(103).enqueue(&world.store));
    block_on(execute(&world.store, Ask::of("run_d").unseen()));
    let events: Vec<String> = world.root.decisions().into_iter().map(|decision| decision.event).collect();
    assert_eq!(events, ["LEDGER_REPAIRED", "DENIED", "DENIED", "DENIED", "DENIED", "UNFROZEN", "DENIED"]);
    assert_eq!(verify(&world.root.path).unwrap().verdict, Verdict::Sound);
}

#[test]
fn what_is_sound_torn_or_newer_is_not_repaired() {
    let world = World::new();
    block_on(Ask::of("run_a").enqueue(&world.store));
    let text = world.root.queue();
    assert!(matches!(run(&world.root), Err(RepairError::Sound)));
    world.root.write("queue.jsonl", format!("{text}{{\"event\""));
    assert!(matches!(run(&world.root), Err(RepairError::Sound)));
    let head = ledger::split(text.trim_end().as_bytes()).unwrap().1;
    let (line, _) = ledger::seal(&head, "{\"event\": \"QUEUE_PAUSE\"");
    world.root.write("queue.jsonl", format!("{text}{line}\n[]\n"));
    assert!(matches!(run(&world.root), Err(RepairError::Newer(event)) if event == "QUEUE_PAUSE"));
    assert_eq!(world.root.queue(), format!("{text}{line}\n[]\n"));
    assert!(matches!(run(&Root::new()), Err(RepairError::Io { .. })));
}

#[test]
fn two_damages_in_a_row_are_both_kept() {
    let (world, _) = damaged();
    let first = run(&world.root).unwrap().files.remove(0).kept_as;
    block_on(Ask::of("run_e").at(101).enqueue(&world.store));
    let text = world.root.queue().replace("task_of_run_e", "task_of_run_x");
    world.root.write("queue.jsonl", &text);
    let second = run(&world.root).unwrap().files.remove(0);
    assert_ne!(first, second.kept_as);
    assert_eq!(second.verified_lines, 1);
    assert!(world.root.names().contains(&first) && world.root.names().contains(&second.kept_as));
    assert_eq!(count(&world.store), 0);
}
