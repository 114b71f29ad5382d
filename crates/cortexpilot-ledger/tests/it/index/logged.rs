//! An index beside signed checkpoints: what was signed is held against the lines all the same.

use cortexpilot_core::port::conformance::{Ask, block_on, cancel, execute, soon};
use cortexpilot_core::port::fake::SeqIds;
use cortexpilot_core::port::{StoreError, StoreRead as _};
use cortexpilot_ledger::log::{checkpoint, init_audit_key};
use cortexpilot_ledger::{FileReader, OpenError};

use super::{answers, reads_history, story};
use crate::support::{Root, World};

/// The story, its key, and a checkpoint of all of it, then so many more items that are rolled back.
fn signed(more: i64) -> Root {
    let World { store, root } = World::on(Root::quick().indexed(1));
    story(&store);
    init_audit_key(&root.path, Some("test.example/log"), &SeqIds::default()).unwrap();
    checkpoint(&root.path).unwrap();
    for n in 0..more {
        append(&store, n);
    }
    drop(store);
    root
}

fn append(store: &cortexpilot_ledger::FileStore, n: i64) {
    let item = block_on(Ask::of(&format!("run_{}", 80 + n)).at(60 + n).enqueue(store));
    block_on(execute(store, cancel(item.queue_id(), soon(60 + n))));
}

#[test]
fn a_checkpoint_that_the_index_was_held_against_is_not_computed_again() {
    let root = signed(2);
    assert!(!reads_history(&root));
    let want = answers(&FileReader::open(&root.path));
    assert_eq!(want.health.refuses_writes, None);
    assert_eq!(answers(&root.open()), want);
}

#[test]
fn a_checkpoint_that_the_index_does_not_know_makes_it_be_ignored() {
    // Signed behind the last snapshot: it covers no more lines than the snapshot, and was not looked at.
    let root = signed(0);
    assert!(reads_history(&root));
    let store = root.open();
    append(&store, 1);
    drop(store);
    assert!(!reads_history(&root), "the next snapshot was held against it");
}

#[test]
fn a_checkpoint_beyond_the_index_is_held_against_the_tree_that_goes_on() {
    let World { store, root } = World::on(signed(2).indexed(1000));
    append(&store, 5);
    append(&store, 6);
    drop(store);
    checkpoint(&root.path).unwrap();
    assert!(!reads_history(&root));
    let want = answers(&root.open());
    assert_eq!(answers(&FileReader::open(&root.path)), want);
    // A valid chain that is not what was signed: the last two items never were.
    let (lines, whole) = (root.lines(), root.read("queue.jsonl"));
    let keep = lines.len() - 2;
    root.write("queue.jsonl", lines[..keep].iter().map(|line| format!("{line}\n")).collect::<String>());
    assert!(matches!(root.try_open().err(), Some(OpenError::Checkpoint { file: "queue.jsonl", .. })));
    let refused = block_on(FileReader::open(&root.path).health()).unwrap().refuses_writes;
    assert!(matches!(refused, Some(StoreError::Corrupt { .. })), "{refused:?}");
    root.write("queue.jsonl", whole);
    assert_eq!(answers(&root.open()), want);
}

#[test]
fn a_ledger_cut_back_below_its_index_and_its_checkpoint_starts_no_process_that_writes() {
    let root = signed(2);
    let lines = root.lines();
    root.write("queue.jsonl", lines[..9].iter().map(|line| format!("{line}\n")).collect::<String>());
    assert!(matches!(root.try_open().err(), Some(OpenError::Checkpoint { file: "queue.jsonl", .. })));
}

#[test]
fn an_index_made_under_a_log_that_is_gone_is_ignored() {
    let root = signed(2);
    std::fs::remove_dir_all(root.file("log")).unwrap();
    assert!(reads_history(&root));
}
