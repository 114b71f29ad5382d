//! Signing beside a process that serves: by the clock, at its end, and for who asks; and what it says where it cannot.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::port::conformance::{Ask, block_on, start};
use cortexpilot_core::port::fake::{ManualClock, SeqIds};
use cortexpilot_core::port::receipts::{LineOf, NoReceipt, ReceiptDocument, Signing};
use cortexpilot_ledger::log::{KeeperOptions, LogKeeper, Receipt, init_audit_key, leaf_hash, receipt_now, stored_logs};

use crate::support::{Root, World};

const HOUR: Duration = Duration::from_secs(3600);

fn keeper(root: &Root, every: Option<Duration>) -> LogKeeper {
    let options = KeeperOptions { root: root.path.clone(), every, damage: Box::new(|| None) };
    LogKeeper::start(options, Arc::new(ManualClock::at(start()))).unwrap()
}

fn init(root: &Root) {
    init_audit_key(&root.path, Some("test.example/log"), &SeqIds::default()).unwrap();
}

fn append(world: &World, name: &str) -> QueueItemId {
    block_on(Ask::of(name).enqueue(&world.store));
    let line: serde_json::Value = serde_json::from_str(world.root.lines().last().unwrap()).unwrap();
    QueueItemId::parse(line["queue_id"].as_str().unwrap()).unwrap()
}

fn verified(root: &Root, document: &ReceiptDocument) -> u64 {
    let receipt = Receipt {
        index: document.index,
        leaf: document.leaf_hash,
        inclusion: document.inclusion.clone(),
        checkpoint: document.checkpoint.clone(),
    };
    let key = stored_logs(&root.path).unwrap()[0].1.clone().unwrap().key;
    let line = root.lines()[usize::try_from(receipt.index).unwrap()].clone();
    assert_eq!(leaf_hash(line.as_bytes()), receipt.leaf);
    receipt.verify(line.as_bytes(), &key).unwrap().checkpoint().size
}

fn size(root: &Root) -> Option<u64> {
    Some(stored_logs(&root.path).unwrap()[0].1.as_ref()?.checkpoint.checkpoint().size)
}

#[test]
fn who_asks_has_a_checkpoint_signed_at_once_and_the_receipt_verifies() {
    let world = World::new();
    init(&world.root);
    let keeper = keeper(&world.root, None);
    let receipts = keeper.receipts();
    let first = append(&world, "run_a");
    let second = append(&world, "run_b");
    let kept = block_on(receipts.kept(LineOf::Enqueued(first.clone())));
    assert_eq!(kept, Err(NoReceipt::NotCovered { retry_after_s: None }), "who only looks has nothing signed");
    let document = block_on(receipts.fresh(LineOf::Enqueued(first.clone()))).unwrap();
    assert_eq!((document.index, verified(&world.root, &document)), (0, 2));
    let document = block_on(receipts.kept(LineOf::Enqueued(second.clone()))).unwrap();
    assert_eq!((document.index, verified(&world.root, &document)), (1, 2));
    let missing = block_on(receipts.fresh(LineOf::Cancelled(second)));
    assert_eq!(missing, Err(NoReceipt::NoLine), "it was not cancelled");
    let health = receipts.health();
    assert_eq!((health.signing, health.queue_lines, health.failures), (Signing::Signed, 2, 0));
    let third = append(&world, "run_c");
    keeper.stop();
    assert_eq!(size(&world.root), Some(2), "where the clock signs nothing, the end does not either");
    assert!(matches!(block_on(receipts.fresh(LineOf::Enqueued(third))), Err(NoReceipt::Failed(_))), "it has ended");
}

#[test]
fn the_clock_signs_at_the_start_and_a_clean_end_signs_the_rest() {
    let world = World::new();
    init(&world.root);
    append(&world, "run_a");
    let keeper = keeper(&world.root, Some(HOUR));
    let receipts = keeper.receipts();
    // An answer of the same thread: by then it has signed what was there when it started.
    let item = append(&world, "run_b");
    block_on(receipts.fresh(LineOf::Enqueued(item))).unwrap();
    assert_eq!(size(&world.root), Some(2));
    append(&world, "run_c");
    keeper.stop();
    assert_eq!(size(&world.root), Some(3));
    assert_eq!(receipts.health().every_s, Some(3600));
}

#[test]
fn the_clock_goes_on_signing_what_comes() {
    let world = World::new();
    init(&world.root);
    let keeper = keeper(&world.root, Some(Duration::from_millis(5)));
    for number in 1..=3 {
        append(&world, &format!("run_{number}"));
        let until = std::time::Instant::now() + Duration::from_secs(30);
        while size(&world.root) != Some(number) {
            assert!(std::time::Instant::now() < until, "the clock does not sign");
            std::thread::yield_now();
        }
    }
    keeper.stop();
}

#[test]
fn without_a_key_nothing_is_wrong_and_a_key_made_later_is_used() {
    let world = World::new();
    let item = append(&world, "run_a");
    let keeper = keeper(&world.root, Some(HOUR));
    let receipts = keeper.receipts();
    let of = LineOf::Enqueued(item);
    assert_eq!(block_on(receipts.fresh(of.clone())), Err(NoReceipt::NoKey));
    assert_eq!(block_on(receipts.kept(of.clone())), Err(NoReceipt::NoKey));
    assert_eq!(receipt_now(&world.root.path, &of), Err(NoReceipt::NoKey));
    assert_eq!((receipts.health().signing, receipts.health().failures), (Signing::NoKey, 0));
    assert!(!world.root.file("log").exists(), "not a byte");
    init(&world.root);
    verified(&world.root, &block_on(receipts.fresh(of)).unwrap());
    keeper.stop();
}

#[test]
fn a_key_that_did_not_sign_before_fails_and_what_was_signed_is_still_proven() {
    let world = World::new();
    init(&world.root);
    let covered = append(&world, "run_a");
    let keeper = keeper(&world.root, Some(HOUR));
    let receipts = keeper.receipts();
    verified(&world.root, &block_on(receipts.fresh(LineOf::Enqueued(covered.clone()))).unwrap());
    let checkpoint = world.root.read("log/queue.jsonl/checkpoint");
    std::fs::remove_file(world.root.file("keys/audit.key")).unwrap();
    init_audit_key(&world.root.path, Some("someone.else"), &SeqIds::default()).unwrap();
    let newer = append(&world, "run_b");
    let refused = block_on(receipts.fresh(LineOf::Enqueued(newer)));
    assert!(matches!(&refused, Err(NoReceipt::Failed(why)) if why.contains("was signed by")), "{refused:?}");
    verified(&world.root, &block_on(receipts.fresh(LineOf::Enqueued(covered.clone()))).unwrap());
    verified(&world.root, &block_on(receipts.kept(LineOf::Enqueued(covered))).unwrap());
    assert_eq!((receipts.health().signing, receipts.health().failures), (Signing::Failing, 2));
    keeper.stop();
    assert_eq!(world.root.read("log/queue.jsonl/checkpoint"), checkpoint);
}

#[test]
fn while_the_writer_holds_the_ledger_for_damaged_nothing_is_signed() {
    let world = World::new();
    init(&world.root);
    let item = append(&world, "run_a");
    let (tell, told) = channel();
    let damage = move || {
        tell.send(()).unwrap();
        Some("queue.jsonl: line 1 does not verify".to_owned())
    };
    let options = KeeperOptions { root: world.root.path.clone(), every: Some(HOUR), damage: Box::new(damage) };
    let keeper = LogKeeper::start(options, Arc::new(ManualClock::at(start()))).unwrap();
    let receipts = keeper.receipts();
    let refused = block_on(receipts.fresh(LineOf::Enqueued(item)));
    assert!(matches!(&refused, Err(NoReceipt::Failed(why)) if why.contains("damaged")), "{refused:?}");
    assert_eq!(receipts.health().signing, Signing::Failing);
    keeper.stop();
    assert!(told.iter().count() >= 2, "asked each time");
    assert_eq!(size(&world.root), None);
}

#[test]
fn a_process_that_ends_at_once_has_its_receipt_while_the_store_is_open() {
    let world = World::new();
    init(&world.root);
    for number in 0..20 {
        let item = append(&world, &format!("run_{number}"));
        let document = receipt_now(&world.root.path, &LineOf::Enqueued(item)).unwrap();
        assert_eq!((document.index, verified(&world.root, &document)), (number, number + 1));
    }
}
