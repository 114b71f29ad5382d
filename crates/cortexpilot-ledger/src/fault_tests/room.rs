//! A disk that says how little room it has: what is refused before anything is written, what goes on, and what becomes of
//! the reserve.

use std::os::unix::fs::MetadataExt as _;

use cortexpilot_core::port::conformance::{complete, lease};

use super::*;
use crate::reserve::NAME;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// A store on a disk whose room the test tells; nothing else is wrong with it.
fn roomy() -> (Root, FileStore, Arc<Faults>) {
    let (root, faults) = (Root::new(), Faults::at(i64::MAX, Fault::Fail));
    let store = root.open(faults.disk()).unwrap();
    (root, store, faults)
}

fn is_full(answer: &Result<Verdict, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Full(_)))
}

/// What the reserve keeps, in bytes.
fn kept(root: &Root) -> Option<u64> {
    let meta = std::fs::metadata(root.path.join(NAME)).ok()?;
    assert_eq!(meta.mode() & 0o777, 0o600);
    Some(meta.blocks() * 512)
}

fn enqueue(store: &FileStore, run: &str, second: i64) -> Result<Verdict, StoreError> {
    let ask = Ask::of(run).at(second);
    block_on(store.execute(ask.command(block_on(ask.preview(store)))))
}

#[test]
fn with_too_little_room_what_adds_work_is_refused_unwritten_and_what_takes_it_back_goes_on() {
    let (root, store, faults) = roomy();
    assert_eq!(kept(&root), Some(MIB), "made by the first process that writes");
    let items: Vec<QueueItem> =
        (0..4).map(|nth| block_on(Ask::of(&format!("run_{nth}")).at(nth).enqueue(&store))).collect();
    let Verdict::Claimed(claimed) = block_on(execute(&store, claim(soon(5)))) else { panic!("not claimed") };
    let (wished, decisions) = wishes(&store);
    let files = || ["queue.jsonl", "decisions.jsonl"].map(|name| root.read(name));
    let before = files();

    // Enough for a line or two, and not for the longest.
    faults.leave_room(Some(20 * KIB));
    let ask = Ask::of("run_new").by(agent("alice")).under(ApprovalPolicy::Operator).at(11);
    let adds = [
        enqueue(&store, "run_e", 10),
        block_on(store.execute(ask.command(block_on(ask.preview(&store))))),
        block_on(store.execute(claim(soon(12)))),
        block_on(store.execute(decisions[0].clone())),
    ];
    assert!(adds.iter().all(is_full), "{adds:?}");
    assert_eq!(files(), before, "not a byte");
    assert_eq!(store.failed(), None, "nothing is broken");

    // A refusal stands, and takes no room.
    let refused = block_on(execute(&store, Ask::of("run_x").at(13).unseen()));
    assert!(matches!(refused, Verdict::Denied(_)), "{refused:?}");
    assert_eq!((files(), store.unrecorded_refusals()), (before, 1));

    let done = complete(claimed.queue_id(), &lease(&claimed), soon(14));
    assert!(matches!(block_on(execute(&store, done)), Verdict::Completed(_)));
    for takes_back in [cancel(items[1].queue_id(), soon(15)), decisions[3].clone(), decisions[4].clone()] {
        block_on(store.execute(takes_back)).unwrap();
    }
    assert!(frozen(&store));
    block_on(execute(&store, govern(&person("ops"), soon(15), Decide::Unfreeze)));
    assert_eq!(kept(&root), Some(MIB), "it was not needed yet");

    faults.leave_room(Some(KIB));
    block_on(execute(&store, cancel(items[2].queue_id(), soon(16))));
    assert_eq!(kept(&root), None, "given up for what must go on");
    assert!(is_full(&enqueue(&store, "run_f", 17)), "and not for new work");

    // What was given up is what there is.
    faults.leave_room(Some(MIB));
    assert!(is_full(&enqueue(&store, "run_f", 18)));
    faults.leave_room(Some(3 * MIB));
    assert!(matches!(enqueue(&store, "run_f", 20), Ok(Verdict::Enqueued(_))));
    assert_eq!(kept(&root), Some(MIB), "made again");
    drop((wished, store));
    assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
}

#[test]
fn with_no_room_and_no_reserve_everything_is_refused_unwritten_and_goes_on_afterwards() {
    let (root, store, faults) = roomy();
    let item = block_on(Ask::of("run_a").enqueue(&store));
    std::fs::remove_file(root.path.join(NAME)).unwrap();
    faults.leave_room(Some(0));
    let before = root.read("queue.jsonl");
    assert!(is_full(&block_on(store.execute(cancel(item.queue_id(), soon(1))))));
    assert_eq!((root.read("queue.jsonl"), kept(&root), store.failed()), (before, None, None));
    faults.leave_room(None);
    assert!(matches!(block_on(execute(&store, cancel(item.queue_id(), soon(2)))), Verdict::Cancelled(_)));
    assert_eq!(kept(&root), Some(MIB));
}

#[test]
fn in_one_batch_each_command_is_taken_as_far_as_there_is_room() {
    let root = Root::new();
    let store = root.sound();
    let item = block_on(Ask::of("run_a").enqueue(&store));
    let nobody_has_it = cortexpilot_core::port::fake::MemStore::default();
    let apply = |run: &str| {
        let ask = Ask::of(run).at(2);
        ask.command(block_on(ask.preview(&nobody_has_it)))
    };
    drop(store);
    let hold = Faults::later(Fault::Hold, Step::Sync);
    let store = root.open(hold.disk()).unwrap();
    store.judge_nothing_ahead();
    hold.arm(0);
    let holding = store.execute(Ask::of("run_held").unseen());
    hold.wait_until_held();
    let commands = [apply("run_b"), apply("run_c"), cancel(item.queue_id(), soon(3)), apply("run_d")];
    let waiting: Vec<_> = commands.into_iter().map(|command| store.execute(command)).collect();
    // For one more item, and for what takes work back.
    hold.leave_room(Some(120 * KIB));
    hold.release();
    block_on(holding).unwrap();
    let answers = block_on(futures_util::future::join_all(waiting));
    assert!(matches!(&answers[0], Ok(Verdict::Enqueued(_))), "{answers:?}");
    assert!(is_full(&answers[1]) && is_full(&answers[3]), "{answers:?}");
    assert!(matches!(&answers[2], Ok(Verdict::Cancelled(_))), "{answers:?}");
    drop(store);
    assert_eq!(root.read("queue.jsonl").iter().filter(|byte| **byte == b'\n').count(), 3);
    assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
}

#[test]
fn a_torn_line_is_set_aside_in_the_reserves_room() {
    let root = Root::new();
    let store = root.sound();
    block_on(Ask::of("run_a").enqueue(&store));
    drop(store);
    let whole = root.read("queue.jsonl");
    root.write("queue.jsonl", [&whole[..], b"{\"event\": \"QUEUE_ENQ"].concat());
    let faults = Faults::at(i64::MAX, Fault::Fail);
    faults.leave_room(Some(0));
    let store = root.open(faults.disk()).unwrap();
    assert_eq!((root.read("queue.jsonl"), kept(&root)), (whole.clone(), None));
    assert_eq!(root.read(&format!("queue.jsonl.torn-{}", whole.len())), b"{\"event\": \"QUEUE_ENQ");
    assert_eq!(items(&store).len(), 1);
}

#[test]
fn a_reserve_that_cannot_be_made_keeps_nothing_from_being_written() {
    let root = Root::new();
    root.write("queue.jsonl", "");
    // Something else has its name.
    std::fs::create_dir(root.path.join(NAME)).unwrap();
    let store = root.sound();
    let item = block_on(Ask::of("run_a").enqueue(&store));
    assert!(matches!(block_on(execute(&store, cancel(item.queue_id(), soon(1)))), Verdict::Cancelled(_)));
}
