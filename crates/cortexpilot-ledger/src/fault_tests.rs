//! The store on a disk that fails or stops at every n-th change: what was acknowledged is there afterwards, what was not is
//! there whole or not at all, and whoever comes next goes on.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::approval::{ApprovalRequest, ApprovalStatus};
use cortexpilot_core::domain::command::{ApprovalPolicy, Command, Decide};
use cortexpilot_core::domain::governance::GovernanceQuery;
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::text::Reason;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::conformance::{
    Ask, agent, approve, block_on, cancel, claim, execute, govern, known, person, reject, soon, start,
};
use cortexpilot_core::port::fake::{ManualClock, SeqIds};
use cortexpilot_core::port::{Store as _, StoreError, StoreRead};

use crate::chain::FileKind;
use crate::disk::{Disk, Step};
use crate::faults::{Fault, Faults};
use crate::follow::read_range;
use crate::keys::{load_key, load_or_make_on};
use crate::repair::{RepairError, repair_on};
use crate::segments::{self, SegmentRule};
use crate::store::{FileStore, OpenError, StoreOptions};
use crate::verify::{Verdict as Sound, verify};

mod ahead;
mod campaign;
mod interleaved;
mod model;
mod room;
mod sealing;

const KILLING: [Fault; 3] = [Fault::Fail, Fault::Stop, Fault::Tear];

/// A runtime root in memory, where there is such a file system: these tests open thousands of stores.
struct Root {
    _dir: tempfile::TempDir,
    path: PathBuf,
    /// When its stores seal the beginning of the ledger. Usually never.
    segments: SegmentRule,
}

impl Root {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        Self { path: dir.path().join("root"), _dir: dir, segments: SegmentRule::default() }
    }

    /// One whose stores seal whatever they can at the end of every commit.
    fn sealing() -> Self {
        Self { segments: SegmentRule { bytes: Some(1), age: None }, ..Self::new() }
    }

    /// All of a file, also what is sealed before it.
    fn whole(&self, kind: FileKind) -> Vec<u8> {
        segments::open(&self.path, kind).unwrap().map_or(Vec::new(), |opened| {
            let (file, stat) = opened.whole().unwrap();
            read_range(&file, 0, stat.size).unwrap()
        })
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path.join(name)).unwrap_or_default()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::create_dir_all(&self.path).unwrap();
        std::fs::write(self.path.join(name), bytes).unwrap();
    }

    fn open(&self, disk: Disk) -> Result<FileStore, OpenError> {
        let (lock_wait, segments) = (Duration::from_secs(30), self.segments);
        let options = StoreOptions { lock_wait, segments, ..StoreOptions::new(&self.path) };
        FileStore::open_on(options, Arc::new(ManualClock::at(start())), disk)
    }

    fn sound(&self) -> FileStore {
        self.open(Disk::default()).unwrap()
    }
}

fn items(store: &dyn StoreRead) -> Vec<QueueItem> {
    let listing = block_on(store.items(&QueueFilter::default())).unwrap();
    assert_eq!(listing.problems, []);
    listing.items
}

/// What each command of the story would do, given that those before it did.
fn story(first: &QueueItem) -> Vec<Command> {
    let apply = |run: &str, second: i64| {
        let ask = Ask::of(run).at(second);
        let nobody_has_it = cortexpilot_core::port::fake::MemStore::default();
        ask.command(block_on(ask.preview(&nobody_has_it)))
    };
    vec![
        apply("run_c", 2),
        Ask::of("run_x").at(3).unseen(),
        cancel(first.queue_id(), soon(4)),
        claim(soon(5)),
        apply("run_d", 6),
    ]
}

/// Runs the story on a disk with a fault; says whether it struck.
fn strike(fault: Fault, n: i64) -> bool {
    let root = Root::new();
    let store = root.sound();
    let first = block_on(Ask::of("run_a").enqueue(&store));
    block_on(Ask::of("run_b").enqueue(&store));
    drop(store);
    let place = format!("{fault:?} at {n}");

    let faults = Faults::at(n, fault);
    let mut acknowledged = Vec::new();
    let (mut failed, mut unknown) = (false, 0);
    match root.open(faults.disk()) {
        Ok(store) => {
            for command in story(&first) {
                let refused = command.now() == soon(3);
                match block_on(store.execute(command)) {
                    Ok(Verdict::Denied(_)) => assert!(refused, "{place}"),
                    Ok(verdict) => {
                        assert!(!failed && !refused, "{place}: acknowledged after a failure");
                        acknowledged.push(verdict);
                    }
                    Err(error) => {
                        assert!(!refused, "{place}: a refusal stands, recorded or not");
                        assert!(matches!(error, StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_)), "{error}");
                        // Without a failed write or sync, that command was not carried out, and the next one may be.
                        failed = block_on(store.health()).unwrap().refuses_writes.is_some();
                        unknown = unknown.max(u64::from(matches!(error, StoreError::OutcomeUnknown(_))));
                    }
                }
                // What this process answers now rests on what is durable.
                assert_eq!(items(&store), items(&crate::FileReader::open(&root.path)), "{place}");
            }
            let lines = block_on(store.health()).unwrap().lines;
            assert_eq!(lines, 2 + acknowledged.len() as u64, "{place}: no more, no less than was acknowledged");
        }
        Err(_) => assert!(faults.struck(), "{place}"),
    }

    let store = root.sound();
    let listed = items(&store);
    for verdict in &acknowledged {
        let there = |item: &QueueItem| listed.iter().find(|other| other.queue_id() == item.queue_id()).cloned();
        match verdict {
            Verdict::Enqueued(item) => assert_eq!(there(item).map(|there| there.enqueued), Some(item.enqueued.clone())),
            Verdict::Cancelled(item) | Verdict::Claimed(item) => assert_eq!(there(item), Some(item.clone()), "{place}"),
            other @ (Verdict::AlreadyApplied(_)
            | Verdict::NothingToClaim(_)
            | Verdict::Completed(_)
            | Verdict::LeaseEnded(_)
            | Verdict::Expired(_)
            | Verdict::StopRequested(_)
            | Verdict::Settled(_)
            | Verdict::Unchanged
            | Verdict::AwaitsApproval(_)
            | Verdict::Approved(_)
            | Verdict::Recorded(_)
            | Verdict::Denied(_)) => panic!("{place}: {other:?}"),
        }
    }
    let lines = block_on(store.health()).unwrap().lines - 2;
    let most = acknowledged.len() as u64 + unknown;
    assert!((acknowledged.len() as u64..=most).contains(&lines), "{place}: {lines} lines");
    let report = verify(&root.path).unwrap();
    assert_eq!((report.verdict, report.pins.len()), (Sound::Sound, 0), "{place}");
    let pins = std::fs::read_dir(root.path.join("contracts")).unwrap().count();
    assert_eq!(pins, report.live_contracts, "{place}: no contract too many");
    assert!(String::from_utf8(root.read("ledger.lock")).unwrap().starts_with("queue.jsonl     clear"));
    block_on(Ask::of("run_e").at(9).enqueue(&store));
    faults.struck()
}

#[test]
fn after_a_fault_at_any_change_what_was_acknowledged_is_there_and_nothing_is_there_by_half() {
    for fault in KILLING {
        let strikes = (0..).take_while(|n| strike(fault, *n)).count();
        // Open, mark, append, sync, pin, unlink, …: the story changes the disk in dozens of ways.
        assert!(strikes > 20, "{fault:?} struck at {strikes} places");
    }
}

#[test]
fn settling_what_a_dead_writer_left_can_itself_be_interrupted_anywhere() {
    let root = Root::new();
    let store = root.sound();
    for run in ["run_a", "run_b"] {
        block_on(Ask::of(run).enqueue(&store));
    }
    drop(store);
    let whole = root.read("queue.jsonl");
    let begins = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let legacy = b"{\"event\": \"QUEUE_ENQUEUE\", \"task_id\": \"t\", \"queue_id\": \"a\"}\n".to_vec();
    let cases = [
        (whole[..begins + 100].to_vec(), whole[..begins].to_vec(), 1),
        (whole[..whole.len() - 1].to_vec(), whole.clone(), 2),
        ([&legacy[..], b"{\"event"].concat(), legacy.clone(), 1),
    ];
    for (left, settled, count) in cases {
        for fault in KILLING {
            for n in 0.. {
                let root = Root::new();
                root.write("queue.jsonl", &left);
                let faults = Faults::at(n, fault);
                drop(root.open(faults.disk()));
                let store = root.sound();
                assert_eq!(
                    (root.read("queue.jsonl"), items(&store).len()),
                    (settled.clone(), count),
                    "{fault:?} at {n}"
                );
                if settled.len() < left.len() {
                    let aside: Vec<u8> = std::fs::read_dir(&root.path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path())
                        .filter(|path| path.to_string_lossy().contains(".torn-"))
                        .map(|path| std::fs::read(path).unwrap())
                        .max_by_key(Vec::len)
                        .unwrap();
                    assert_eq!(aside, left[settled.len()..], "{fault:?} at {n}");
                }
                if !faults.struck() {
                    assert!(n > 8);
                    break;
                }
            }
        }
    }
}

#[test]
fn a_repair_can_be_interrupted_anywhere_and_run_again() {
    let reason = Reason::parse("A test changed it.").unwrap().unwrap();
    for fault in KILLING {
        for n in 0.. {
            let root = Root::new();
            let store = root.sound();
            block_on(Ask::of("run_a").enqueue(&store));
            drop(store);
            let damaged = String::from_utf8(root.read("queue.jsonl")).unwrap().replace("Alice", "Malice").into_bytes();
            root.write("queue.jsonl", &damaged);
            let faults = Faults::at(n, fault);
            let first = repair_on(&root.path, &reason, "local:alice", soon(9), &faults.disk());
            let again = repair_on(&root.path, &reason, "local:alice", soon(9), &Disk::default());
            match (&first, &again) {
                (Ok(_), Err(RepairError::Sound)) | (Err(_), Ok(_) | Err(RepairError::Sound)) => {}
                other => panic!("{fault:?} at {n}: {other:?}"),
            }
            let report = verify(&root.path).unwrap();
            assert_eq!(report.verdict, Sound::Sound);
            let kept = &report.files[0].repaired.as_ref().unwrap().kept_as;
            assert_eq!(root.read(kept), damaged, "{fault:?} at {n}: the evidence is whole");
            let store = root.sound();
            block_on(Ask::of("run_b").at(10).enqueue(&store));
            assert_eq!(items(&store).len(), 1);
            if !faults.struck() {
                assert!(first.is_ok() && n > 8);
                break;
            }
        }
    }
}

#[test]
fn making_the_key_can_be_interrupted_anywhere() {
    for fault in KILLING {
        for n in 0.. {
            let root = Root::new();
            std::fs::create_dir(&root.path).unwrap();
            let (faults, ids) = (Faults::at(n, fault), SeqIds::default());
            let first = load_or_make_on(&root.path, &ids, &faults.disk());
            let found = load_key(&root.path).unwrap();
            assert!(first.is_err() || found.is_some());
            load_or_make_on(&root.path, &ids, &Disk::default()).unwrap();
            assert_eq!(root.read("keys/preview.key").len(), 32);
            if !faults.struck() {
                break;
            }
        }
    }
}

#[test]
fn a_process_whose_sync_failed_says_so_and_another_settles_what_it_left() {
    let root = Root::new();
    let other = root.sound();
    let faults = Faults::later(Fault::Fail, Step::Sync);
    let store = root.open(faults.disk()).unwrap();
    block_on(Ask::of("run_a").enqueue(&store));
    // The contract's file and directory are synced first.
    faults.arm(2);
    let ask = Ask::of("run_b");
    let seen = block_on(ask.preview(&store));
    let error = block_on(store.execute(ask.command(seen))).unwrap_err();
    assert!(matches!(&error, StoreError::OutcomeUnknown(why) if why.contains("syncing queue.jsonl")), "{error}");
    assert!(String::from_utf8(root.read("ledger.lock")).unwrap().starts_with("queue.jsonl     set"));
    let health = block_on(store.health()).unwrap();
    assert_eq!((health.lines, matches!(health.refuses_writes, Some(StoreError::Unavailable(_)))), (1, true));
    assert_eq!((items(&store).len(), items(&other).len()), (1, 1), "nobody answers from what may not last");
    // Nothing more is acknowledged, though the disk works again; refusals are still refusals.
    assert!(matches!(block_on(store.execute(ask.command(seen))), Err(StoreError::Unavailable(_))));
    assert!(matches!(block_on(store.execute(claim(soon(1)))), Err(StoreError::Unavailable(_))));
    assert!(matches!(block_on(store.execute(Ask::of("run_c").unseen())), Ok(Verdict::Denied(_))));
    assert_eq!(store.unrecorded_refusals(), 1);
    // The line did reach the file. Whoever writes next makes it durable, and a retry there finds it.
    assert!(matches!(block_on(execute(&other, ask.command(seen))), Verdict::AlreadyApplied(_)));
    assert_eq!((items(&store).len(), items(&other).len()), (2, 2));
    assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
}

#[test]
fn a_refusal_that_cannot_be_recorded_stands_and_nothing_is_appended_after_it() {
    for step in [Step::Write, Step::Sync] {
        let root = Root::new();
        let faults = Faults::later(Fault::Stop, step);
        let store = root.open(faults.disk()).unwrap();
        let item = block_on(Ask::of("run_a").enqueue(&store));
        let queue = root.read("queue.jsonl");
        faults.arm(0);
        for nth in 1..=3 {
            let verdict = block_on(execute(&store, Ask::of("run_b").unseen()));
            assert!(matches!(verdict, Verdict::Denied(denial) if denial.code.as_str() == "PREVIEW_REQUIRED"));
            assert_eq!(store.unrecorded_refusals(), nth);
        }
        assert!(block_on(store.execute(cancel(item.queue_id(), soon(1)))).is_err());
        assert_eq!((root.read("queue.jsonl"), items(&store)), (queue, vec![item]));
    }
}

#[test]
fn nothing_is_answered_from_a_line_that_is_being_synced_and_waiting_commands_share_the_next_commit() {
    let root = Root::new();
    let faults = Faults::later(Fault::Hold, Step::Sync);
    let store = root.open(faults.disk()).unwrap();
    let other = root.sound();
    let reader = crate::FileReader::open(&root.path);
    store.judge_nothing_ahead();
    let mut pending = Vec::new();
    for n in 0..6 {
        pending.push(block_on(Ask::of(&format!("run_{n}")).enqueue(&store)));
    }
    faults.arm(0);
    let mut context = Context::from_waker(Waker::noop());
    let mut first = pin!(store.execute(cancel(pending[0].queue_id(), soon(1))));
    faults.wait_until_held();
    assert!(first.as_mut().poll(&mut context).is_pending(), "not acknowledged before it is durable");
    let pending_in = |store: &dyn StoreRead| items(store).iter().filter(|item| item.is_pending()).count();
    assert_eq!((pending_in(&reader), pending_in(&other)), (6, 6), "other processes do not see it yet");
    let filter = QueueFilter::default();
    let mut listing = pin!(store.items(&filter));
    assert!(listing.as_mut().poll(&mut context).is_pending(), "a list that would show it waits");
    let mut health = pin!(store.health());
    assert!(health.as_mut().poll(&mut context).is_pending());

    let waiting: Vec<_> = pending[1..].iter().map(|item| store.execute(cancel(item.queue_id(), soon(2)))).collect();
    let before = faults.syncs();
    faults.release();
    assert!(matches!(block_on(first), Ok(Verdict::Cancelled(_))));
    let shown = block_on(listing).unwrap().items;
    assert!(!shown[0].is_pending());
    assert!(block_on(health).is_ok());
    for verdict in block_on(futures_util::future::join_all(waiting)) {
        assert!(matches!(verdict, Ok(Verdict::Cancelled(_))));
    }
    assert_eq!(faults.syncs() - before, 1, "five commands, one sync");
    assert_eq!((pending_in(&reader), pending_in(&other), pending_in(&store)), (0, 0, 0));
}

#[test]
fn a_list_that_waited_for_a_commit_that_failed_shows_what_is_durable() {
    let root = Root::new();
    let hold = Faults::later(Fault::Hold, Step::Sync);
    let store = root.open(hold.disk()).unwrap();
    let item = block_on(Ask::of("run_a").enqueue(&store));
    hold.arm(0);
    let cancelling = store.execute(cancel(item.queue_id(), soon(1)));
    hold.wait_until_held();
    let filter = QueueFilter::default();
    let mut listing = pin!(store.items(&filter));
    let mut context = Context::from_waker(Waker::noop());
    assert!(listing.as_mut().poll(&mut context).is_pending());
    hold.fail_after(0);
    hold.release();
    assert!(matches!(block_on(cancelling), Err(StoreError::OutcomeUnknown(_))));
    assert!(matches!(listing.poll(&mut context), Poll::Ready(Ok(listing)) if listing.items == [item]));
}

#[test]
fn a_refusal_that_rests_on_a_line_that_was_lost_is_not_given() {
    let root = Root::new();
    let hold = Faults::later(Fault::Hold, Step::Sync);
    let store = root.open(hold.disk()).unwrap();
    store.judge_nothing_ahead();
    let (first, second) = (block_on(Ask::of("run_a").enqueue(&store)), block_on(Ask::of("run_b").enqueue(&store)));
    hold.arm(0);
    let holding = store.execute(cancel(first.queue_id(), soon(1)));
    hold.wait_until_held();
    // These three are one batch. Its refusals are synced, its lines are not.
    let refused = store.execute(Ask::of("run_x").unseen());
    let lost = store.execute(cancel(second.queue_id(), soon(2)));
    let rests_on_it = store.execute(cancel(second.queue_id(), soon(3)));
    hold.fail_after(2);
    hold.release();
    assert!(matches!(block_on(holding), Ok(Verdict::Cancelled(_))));
    assert!(matches!(block_on(refused), Ok(Verdict::Denied(_))));
    assert!(matches!(block_on(lost), Err(StoreError::OutcomeUnknown(_))));
    let answer = block_on(rests_on_it);
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "nobody knows yet whether it was cancelled: {answer:?}");
    assert!(items(&store)[1].is_pending());
    assert_eq!(store.unrecorded_refusals(), 0);
}

#[test]
fn what_could_not_even_be_begun_is_an_error_and_the_next_command_is_carried_out() {
    let root = Root::new();
    let faults = Faults::later(Fault::Fail, Step::Create);
    let store = root.open(faults.disk()).unwrap();
    let ask = Ask::of("run_a");
    let seen = block_on(ask.preview(&store));
    // The contract's file cannot be made: too many open files, for example.
    faults.arm(0);
    let error = block_on(store.execute(ask.command(seen))).unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(why) if why.contains("pinning")), "{error}");
    assert_eq!((items(&store), root.read("queue.jsonl")), (vec![], vec![]));
    assert_eq!(block_on(store.health()).unwrap().refuses_writes, None);
    assert!(matches!(block_on(execute(&store, ask.command(seen))), Verdict::Enqueued(_)));
    assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
}

/// What people are asked about, and what is done to it; of two requests under `two-person` one is approved half.
fn wishes(store: &FileStore) -> (Vec<ApprovalRequest>, Vec<Command>) {
    let (ann, bob) = (
        block_on(known(store, PrincipalKind::Operator, "ann", soon(0))),
        block_on(known(store, PrincipalKind::Operator, "bob", soon(0))),
    );
    let ask = |run: &str, policy| block_on(Ask::of(run).by(agent("alice")).under(policy).requested(store));
    let wished = vec![
        ask("run_a", ApprovalPolicy::Operator),
        ask("run_b", ApprovalPolicy::TwoPerson),
        ask("run_c", ApprovalPolicy::Operator),
    ];
    let commands = vec![
        approve(&person("carol"), &wished[0], soon(2)),
        approve(&ann, &wished[1], soon(3)),
        approve(&bob, &wished[1], soon(4)),
        reject(&bob, &wished[2], soon(5)),
        govern(&ann, soon(6), Decide::Freeze),
    ];
    (wished, commands)
}

fn request(store: &dyn StoreRead, of: &ApprovalRequest) -> ApprovalRequest {
    let query = GovernanceQuery { approval: Some(of.asked.id.clone()), ..GovernanceQuery::default() };
    block_on(store.governance(&query)).unwrap().approval.expect("it was made")
}

fn frozen(store: &dyn StoreRead) -> bool {
    block_on(store.governance(&GovernanceQuery::default())).unwrap().standing.frozen.is_some()
}

/// Approves on a disk with a fault; says whether it struck.
fn strike_approvals(fault: Fault, n: i64) -> bool {
    let root = Root::new();
    let store = root.sound();
    let (wished, commands) = wishes(&store);
    drop(store);
    let place = format!("{fault:?} at {n}");
    let faults = Faults::at(n, fault);
    let mut acknowledged = Vec::new();
    if let Ok(store) = root.open(faults.disk()) {
        for (nth, command) in commands.iter().enumerate() {
            match block_on(store.execute(command.clone())) {
                // One that rests on another that was not carried out is only the first of two.
                Ok(Verdict::Approved(_) | Verdict::Recorded(_)) => acknowledged.push(nth),
                Ok(other) => panic!("{place}: {other:?}"),
                Err(error) => {
                    assert!(
                        matches!(error, StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_)),
                        "{place}: {error}"
                    );
                }
            }
            let reader = crate::FileReader::open(&root.path);
            for of in &wished {
                assert_eq!(request(&store, of), request(&reader, of), "{place}: answered from what does not last");
            }
        }
    } else {
        assert!(faults.struck(), "{place}");
    }

    let store = root.sound();
    let check = |store: &FileStore| {
        let items = items(store);
        for of in &wished {
            let now = request(store, of);
            let there: Vec<&QueueItem> = items.iter().filter(|item| *item.queue_id() == of.asked.queue_id).collect();
            assert_eq!(there.len(), usize::from(now.queued), "{place}: approved exactly when it is queued");
            assert!(!(now.queued && now.ended.is_some()), "{place}");
            for item in there {
                let approvals = &item.enqueued.provenance.as_ref().unwrap().approvals;
                assert_eq!(approvals.len(), of.needs() as usize, "{place}: {approvals:?}");
            }
        }
        items.len()
    };
    check(&store);
    let status = |nth: usize| request(&store, &wished[nth]).status(soon(7));
    for nth in acknowledged {
        match nth {
            0 => assert_eq!(status(0), ApprovalStatus::Approved, "{place}"),
            1 => assert!(request(&store, &wished[1]).has() >= 1, "{place}"),
            // Without the first it was the first itself.
            2 => assert!(request(&store, &wished[1]).has() >= 1, "{place}"),
            3 => assert_eq!(status(2), ApprovalStatus::Rejected, "{place}"),
            _ => assert!(frozen(&store), "{place}"),
        }
    }
    // Whoever comes next goes on: everything can still be brought to its end, once.
    let thaw = govern(&person("carol"), soon(7), Decide::Unfreeze);
    assert!(matches!(block_on(execute(&store, thaw)), Verdict::Recorded(_)));
    for command in commands.iter().take(3) {
        let verdict = block_on(execute(&store, command.clone()));
        let decided = |denial: &cortexpilot_core::domain::gate::Denial| denial.code == ErrorCode::ApprovalDecided;
        let goes_on = matches!(&verdict, Verdict::Approved(_) | Verdict::Recorded(_));
        assert!(goes_on || matches!(&verdict, Verdict::Denied(denial) if decided(denial)), "{place}: {verdict:?}");
    }
    assert_eq!((status(0), status(1)), (ApprovalStatus::Approved, ApprovalStatus::Approved), "{place}");
    assert_eq!(check(&store), 2, "{place}");
    let report = verify(&root.path).unwrap();
    assert_eq!((report.verdict, report.pins.len()), (Sound::Sound, 0), "{place}");
    faults.struck()
}

#[test]
fn after_a_fault_at_any_change_a_request_is_approved_exactly_when_it_is_queued() {
    for fault in KILLING {
        let strikes = (0..).take_while(|n| strike_approvals(fault, *n)).count();
        assert!(strikes > 20, "{fault:?} struck at {strikes} places");
    }
}

/// A store whose next commit waits in its sync while the given commands gather for the one after it; so many syncs work
/// from there on.
fn in_one_batch(root: &Root, commands: Vec<Command>, syncs: i64) -> (FileStore, Vec<Result<Verdict, StoreError>>, u64) {
    let hold = Faults::later(Fault::Hold, Step::Sync);
    let store = root.open(hold.disk()).unwrap();
    store.judge_nothing_ahead();
    hold.arm(0);
    let holding = store.execute(Ask::of("run_held").unseen());
    hold.wait_until_held();
    let waiting: Vec<_> = commands.into_iter().map(|command| store.execute(command)).collect();
    hold.fail_after(1 + syncs);
    let before = hold.syncs();
    hold.release();
    assert!(matches!(block_on(holding), Ok(Verdict::Denied(_))));
    let answers = block_on(futures_util::future::join_all(waiting));
    let syncs = hold.syncs() - before;
    (store, answers, syncs)
}

#[test]
fn a_freeze_holds_for_the_claims_behind_it_in_the_same_batch() {
    let root = Root::new();
    let store = root.sound();
    let queued: Vec<QueueItem> = ["run_a", "run_b", "run_c"].map(|run| block_on(Ask::of(run).enqueue(&store))).into();
    drop(store);
    let freeze = govern(&person("ops"), soon(2), Decide::Freeze);
    let batch = vec![claim(soon(1)), freeze, claim(soon(3)), cancel(queued[2].queue_id(), soon(4)), claim(soon(5))];
    let (store, answers, syncs) = in_one_batch(&root, batch, 100);
    let [
        Ok(Verdict::Claimed(claimed)),
        Ok(Verdict::Recorded(_)),
        Ok(Verdict::Denied(first)),
        Ok(Verdict::Cancelled(_)),
        Ok(Verdict::Denied(second)),
    ] = &answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!(
        (claimed.queue_id(), first.code, second.code),
        (queued[0].queue_id(), ErrorCode::Frozen, ErrorCode::Frozen)
    );
    assert_eq!(syncs, 2, "one for each file");
    assert!(frozen(&store) && frozen(&crate::FileReader::open(&root.path)));
    assert_eq!(items(&store)[1].status(), "PENDING");
}

#[test]
fn a_decision_that_may_not_last_is_unknown_and_no_refusal_that_rests_on_it_is_given() {
    let root = Root::new();
    let store = root.sound();
    block_on(Ask::of("run_a").enqueue(&store));
    drop(store);
    let other = root.sound();
    let batch = vec![govern(&person("ops"), soon(1), Decide::Freeze), claim(soon(2))];
    let (store, answers, _) = in_one_batch(&root, batch, 0);
    assert!(
        matches!(&answers[0], Err(StoreError::OutcomeUnknown(why)) if why.contains("decisions.jsonl")),
        "{answers:?}"
    );
    assert!(
        matches!(&answers[1], Err(StoreError::Unavailable(_))),
        "nobody knows yet whether it is frozen: {answers:?}"
    );
    assert!(!frozen(&store) && !frozen(&crate::FileReader::open(&root.path)), "nobody answers from what may not last");
    // The line did reach the file: whoever writes next makes it durable, and from then on it holds for everybody.
    let verdict = block_on(execute(&other, claim(soon(3))));
    assert!(matches!(&verdict, Verdict::Denied(denial) if denial.code == ErrorCode::Frozen), "{verdict:?}");
    assert!(frozen(&store));
    assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
}

#[test]
fn a_decision_that_lasts_is_acknowledged_though_the_queues_line_beside_it_may_not() {
    let root = Root::new();
    let store = root.sound();
    let wished = block_on(Ask::of("run_a").by(agent("alice")).under(ApprovalPolicy::Operator).requested(&store));
    let item = block_on(Ask::of("run_b").enqueue(&store));
    drop(store);
    let other = root.sound();
    let yes = |who: &str, second| approve(&person(who), &wished, soon(second));
    let batch = vec![
        cancel(item.queue_id(), soon(1)),
        yes("bob", 2),
        yes("carol", 3),
        govern(&person("ops"), soon(4), Decide::Freeze),
        claim(soon(5)),
    ];
    // The decisions' sync works, and so do the two of the pinned contract; the queue's does not.
    let (store, answers, _) = in_one_batch(&root, batch, 3);
    let [cancelled, approved, decided, frozen_now, claimed] = &answers[..] else { panic!("{answers:?}") };
    for answer in [cancelled, approved] {
        assert!(
            matches!(answer, Err(StoreError::OutcomeUnknown(why)) if why.contains("syncing queue.jsonl")),
            "{answers:?}"
        );
    }
    // Not "decided": it is decided only if the line lasts. What lasts is the freeze, and that is what stands in the way.
    assert!(matches!(decided, Ok(Verdict::Denied(denial)) if denial.code == ErrorCode::Frozen), "{answers:?}");
    assert!(matches!(frozen_now, Ok(Verdict::Recorded(_))), "{answers:?}");
    assert!(matches!(claimed, Ok(Verdict::Denied(denial)) if denial.code == ErrorCode::Frozen), "{answers:?}");
    assert_eq!(
        request(&store, &wished).status(soon(6)),
        ApprovalStatus::Pending,
        "not approved, as far as anybody knows"
    );
    // Settled, it was approved; a second yes finds that.
    let thaw = govern(&person("ops"), soon(6), Decide::Unfreeze);
    assert!(matches!(block_on(execute(&other, thaw)), Verdict::Recorded(_)));
    let late = block_on(execute(&other, yes("carol", 7)));
    assert!(matches!(&late, Verdict::Denied(denial) if denial.code == ErrorCode::ApprovalDecided), "{late:?}");
    assert_eq!((request(&store, &wished).queued, items(&store).len()), (true, 2));
}
