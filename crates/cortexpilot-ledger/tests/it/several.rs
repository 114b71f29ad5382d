//! Several processes on one runtime root. `flock` tells open files apart, not processes, so several stores in one process
//! stand for several processes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::port::conformance::{Ask, block_on, cancel, claim, execute, soon, start};
use cortexpilot_core::port::fake::ManualClock;
use cortexpilot_core::port::{Store as _, StoreError, StoreRead};
use cortexpilot_ledger::{FileReader, FileStore, StoreOptions, verify};

use crate::support::{Root, World, options};

fn items(store: &dyn StoreRead) -> Vec<QueueItem> {
    let listing = block_on(store.items(&QueueFilter::default())).expect("no read fails");
    assert_eq!(listing.problems, []);
    listing.items
}

#[test]
fn what_one_process_acknowledged_the_others_read_at_once() {
    let root = Root::new();
    let (a, b, reader) = (root.open(), root.open(), FileReader::open(&root.path));
    for n in 0..20 {
        let (writer, other) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
        let item = block_on(Ask::of(&format!("run_{n}")).enqueue(writer));
        assert_eq!(items(other).len(), n + 1);
        assert_eq!(items(&reader).last(), Some(&item));
        assert_eq!(block_on(other.item(item.queue_id())).unwrap(), Some(item));
    }
}

#[test]
fn one_preview_applied_by_four_processes_appends_one_item() {
    let root = Root::new();
    let stores: Vec<FileStore> = (0..4).map(|_| root.open()).collect();
    let ask = Ask::of("run_a");
    let seen = block_on(ask.preview(&stores[0]));
    let verdicts: Vec<Verdict> = std::thread::scope(|scope| {
        let appliers: Vec<_> = (0..16)
            .map(|n| (&stores[n % 4], &ask))
            .map(|(store, ask)| scope.spawn(move || block_on(execute(store, ask.command(seen)))))
            .collect();
        appliers.into_iter().map(|applier| applier.join().unwrap()).collect()
    });
    let appended = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Enqueued(_))).count();
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Enqueued(_) | Verdict::AlreadyApplied(_))));
    assert_eq!((appended, root.lines().len()), (1, 1));
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn processes_that_write_at_once_lose_nothing_and_readers_see_only_what_lasts() {
    let root = Root::new();
    let stores: Vec<FileStore> = (0..4).map(|_| root.open()).collect();
    let done = AtomicBool::new(false);
    let acknowledged: BTreeSet<String> = std::thread::scope(|scope| {
        // Also when a writer panics: the watcher must come to its end for that to be seen.
        let _done = SetOnDrop(&done);
        let watcher = scope.spawn(|| {
            let (reader, mut most) = (FileReader::open(&root.path), 0);
            while !done.load(Ordering::SeqCst) {
                let seen = items(&reader).len();
                assert!(seen >= most, "an item vanished");
                most = seen;
                block_on(stores[0].health()).unwrap();
            }
            most
        });
        let writers: Vec<_> = stores
            .iter()
            .enumerate()
            .map(|(which, store)| {
                scope.spawn(move || {
                    let one =
                        |n: i32| block_on(Ask::of(&format!("run_{which}_{n}")).enqueue(store)).queue_id().to_string();
                    (0..50).map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        let ids = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        done.store(true, Ordering::SeqCst);
        assert!(watcher.join().unwrap() <= 200);
        ids
    });
    assert_eq!((acknowledged.len(), root.lines().len()), (200, 200));
    for store in &stores {
        let listed: BTreeSet<String> = items(store).iter().map(|item| item.queue_id().to_string()).collect();
        assert_eq!(listed, acknowledged);
    }
    assert_eq!(verify(&root.path).unwrap().verdict, cortexpilot_ledger::Verdict::Sound);
}

#[test]
fn cancelling_in_one_process_and_claiming_in_another_exclude_each_other() {
    let root = Root::new();
    let (a, b) = (root.open(), root.open());
    for n in 0..50 {
        let item = block_on(Ask::of(&format!("run_{n}")).enqueue(&a));
        let (cancelled, claimed) = std::thread::scope(|scope| {
            let cancelling = scope.spawn(|| block_on(execute(&a, cancel(item.queue_id(), soon(n)))));
            let claiming = scope.spawn(|| block_on(execute(&b, claim(soon(n)))));
            (cancelling.join().unwrap(), claiming.join().unwrap())
        });
        let both = (matches!(cancelled, Verdict::Cancelled(_)), matches!(claimed, Verdict::Claimed(_)));
        assert!(both.0 ^ both.1, "{cancelled:?} {claimed:?}");
    }
}

#[test]
fn a_lock_that_is_never_let_go_is_an_error_in_bounded_time_and_a_refusal_still_a_refusal() {
    let root = Root::new();
    let quick = StoreOptions { lock_wait: Duration::from_millis(20), ..options(&root.path) };
    let store = FileStore::open(quick.clone(), Arc::new(ManualClock::at(start()))).unwrap();
    block_on(Ask::of("run_a").enqueue(&store));
    let before = root.read("queue.jsonl");
    let lock = std::fs::File::open(root.file("ledger.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();

    let ask = Ask::of("run_b");
    let seen = block_on(ask.preview(&store));
    let error = block_on(store.execute(ask.command(seen))).unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(why) if why.contains("ledger.lock")), "{error}");
    let refused = block_on(store.execute(Ask::of("run_b").unseen()));
    assert!(matches!(refused, Ok(Verdict::Denied(_))), "{refused:?}");
    assert_eq!(store.unrecorded_refusals(), 1);
    assert_eq!(items(&store).len(), 1, "reads need no lock");
    let second = FileStore::open(quick, Arc::new(ManualClock::at(start())));
    assert!(second.err().is_some_and(|error| error.to_string().contains("ledger.lock")));
    assert_eq!(root.read("queue.jsonl"), before);

    drop(lock);
    assert!(matches!(block_on(store.execute(ask.command(seen))), Ok(Verdict::Enqueued(_))), "and then it goes on");
}

#[test]
fn a_lock_file_that_was_deleted_costs_nothing() {
    let world = World::new();
    block_on(Ask::of("run_a").enqueue(&world.store));
    std::fs::remove_file(world.root.file("ledger.lock")).unwrap();
    assert_eq!(items(&world.store).len(), 1);
    let other = world.root.open();
    block_on(Ask::of("run_b").enqueue(&other));
    block_on(Ask::of("run_c").enqueue(&world.store));
    assert_eq!((items(&other).len(), items(&world.store).len()), (3, 3));
    assert!(world.root.marks().starts_with("queue.jsonl     clear"));
}

#[test]
fn a_root_that_was_taken_away_is_an_error_and_is_not_made_again() {
    let world = World::new();
    block_on(Ask::of("run_a").enqueue(&world.store));
    std::fs::remove_dir_all(&world.root.path).unwrap();
    let listing = block_on(world.store.items(&QueueFilter::default())).unwrap();
    assert_eq!((listing.items.len(), listing.problems.len()), (1, 1));
    let ask = Ask::of("run_b");
    let seen = block_on(ask.preview(&world.store));
    assert!(block_on(world.store.execute(ask.command(seen))).is_err());
    assert!(!world.root.path.exists());
}
