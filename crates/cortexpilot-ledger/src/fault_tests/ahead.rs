//! A batch that is judged and written while the one before it is flushed, and what becomes of both; one flush for several
//! processes; commands on the caller's own thread.

use super::*;

/// Returns when the file has so many lines.
fn wait_for_lines(root: &Root, name: &str, lines: usize) {
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while root.read(name).iter().filter(|byte| **byte == b'\n').count() < lines {
        assert!(std::time::Instant::now() < until, "{name} never had {lines} lines");
        std::thread::yield_now();
    }
}

/// A store with two pending items, whose next sync waits.
fn holding() -> (Root, Arc<Faults>, FileStore, [QueueItem; 2]) {
    let root = Root::new();
    let hold = Faults::later(Fault::Hold, Step::Sync);
    let store = root.open(hold.disk()).unwrap();
    let items = ["run_a", "run_b"].map(|run| block_on(Ask::of(run).enqueue(&store)));
    hold.arm(0);
    (root, hold, store, items)
}

fn pending_in(store: &dyn StoreRead) -> usize {
    items(store).iter().filter(|item| item.is_pending()).count()
}

#[test]
fn while_a_batch_is_flushed_the_next_is_written_and_nothing_of_either_is_answered() {
    let (root, hold, store, [a, b]) = holding();
    let (other, reader) = (root.sound(), crate::FileReader::open(&root.path));
    let mut context = Context::from_waker(Waker::noop());
    let mut first = pin!(store.execute(cancel(a.queue_id(), soon(1))));
    hold.wait_until_held();
    let mut second = pin!(store.execute(cancel(b.queue_id(), soon(2))));
    wait_for_lines(&root, "queue.jsonl", 4);
    assert!(first.as_mut().poll(&mut context).is_pending() && second.as_mut().poll(&mut context).is_pending());
    assert_eq!((pending_in(&reader), pending_in(&other)), (2, 2), "and is shown to nobody");
    let filter = QueueFilter::default();
    let mut listing = pin!(store.items(&filter));
    assert!(listing.as_mut().poll(&mut context).is_pending(), "a list that would show it waits");
    let before = hold.syncs();
    hold.release();
    assert!(matches!(block_on(first), Ok(Verdict::Cancelled(_))));
    assert!(matches!(block_on(second), Ok(Verdict::Cancelled(_))));
    assert!(block_on(listing).is_ok());
    assert_eq!(
        (hold.syncs() - before, pending_in(&store), pending_in(&other)),
        (1, 0, 0),
        "each has a flush of its own"
    );
    // Nothing rests on the contracts, and whoever came last has seen to both.
    assert_eq!(std::fs::read_dir(root.path.join("contracts")).unwrap().count(), 0);
}

#[test]
fn when_a_flush_fails_everything_written_behind_it_is_unknown_and_the_next_process_goes_on() {
    let (root, hold, store, [a, b]) = holding();
    let other = root.sound();
    let first = store.execute(cancel(a.queue_id(), soon(1)));
    hold.wait_until_held();
    let second = store.execute(cancel(b.queue_id(), soon(2)));
    wait_for_lines(&root, "queue.jsonl", 4);
    // These are judged when the two are through, or not at all.
    let (claimed, refused) = (store.execute(claim(soon(3))), store.execute(Ask::of("run_x").unseen()));
    let before = hold.syncs();
    hold.fail_after(0);
    hold.release();
    for (nth, answer) in [block_on(first), block_on(second)].into_iter().enumerate() {
        assert!(
            matches!(&answer, Err(StoreError::OutcomeUnknown(why)) if why.contains("syncing queue.jsonl")),
            "{nth}: {answer:?}"
        );
    }
    assert!(matches!(block_on(claimed), Err(StoreError::Unavailable(_))));
    assert!(matches!(block_on(refused), Ok(Verdict::Denied(_))));
    assert_eq!(hold.syncs(), before, "no flush after the one that failed");
    assert!(String::from_utf8(root.read("ledger.lock")).unwrap().starts_with("queue.jsonl     set"));
    assert_eq!((pending_in(&store), pending_in(&other)), (2, 2), "nobody answers from what may not last");
    // Both lines did reach the file: whoever writes next makes them durable.
    block_on(Ask::of("run_c").at(5).enqueue(&other));
    assert_eq!((pending_in(&store), pending_in(&other)), (1, 1));
    assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
}

#[test]
fn a_refusal_that_rests_on_a_line_still_being_flushed_is_not_given_when_that_is_lost() {
    let (_root, hold, store, [a, _]) = holding();
    let first = store.execute(cancel(a.queue_id(), soon(1)));
    hold.wait_until_held();
    let mut context = Context::from_waker(Waker::noop());
    // It writes its refusal, which rests on the line before it.
    let mut again = pin!(store.execute(cancel(a.queue_id(), soon(2))));
    assert!(again.as_mut().poll(&mut context).is_pending());
    hold.fail_after(0);
    hold.release();
    assert!(matches!(block_on(first), Err(StoreError::OutcomeUnknown(_))));
    let again = block_on(again);
    assert!(matches!(again, Err(StoreError::Unavailable(_))), "nobody knows whether it is cancelled: {again:?}");
    assert_eq!(pending_in(&store), 2);
}

#[test]
fn what_writes_nothing_waits_for_the_line_it_rests_on() {
    let (_root, hold, store, [a, b]) = holding();
    block_on(async {
        let claims = [claim(soon(1)), claim(soon(2))];
        let first = store.execute_all(claims.into());
        hold.wait_until_held();
        let mut context = Context::from_waker(Waker::noop());
        let mut nothing = pin!(store.execute(claim(soon(3))));
        assert!(nothing.as_mut().poll(&mut context).is_pending(), "that nothing is left rests on both claims");
        hold.release();
        let claimed = first.await;
        let ids: Vec<_> = claimed
            .iter()
            .map(|answer| match answer {
                Ok(Verdict::Claimed(item)) => item.queue_id(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids, [a.queue_id(), b.queue_id()]);
        assert!(matches!(nothing.await, Ok(Verdict::NothingToClaim(_))));
    });
}

#[test]
fn a_line_of_the_queue_is_not_written_before_decisions_of_this_process_are_durable() {
    let (root, hold, store, [a, _]) = holding();
    let freeze = store.execute(govern(&person("ops"), soon(1), Decide::Freeze));
    hold.wait_until_held();
    let cancelled = store.execute(cancel(a.queue_id(), soon(2)));
    hold.fail_after(0);
    hold.release();
    assert!(matches!(block_on(freeze), Err(StoreError::OutcomeUnknown(why)) if why.contains("decisions.jsonl")));
    // Not "unknown": its line was never written.
    assert!(matches!(block_on(cancelled), Err(StoreError::Unavailable(_))));
    assert_eq!(root.read("queue.jsonl").iter().filter(|byte| **byte == b'\n').count(), 2);
}

/// Two claims of all there is, their flush held.
fn claiming_all() -> (Root, Arc<Faults>, FileStore, [QueueItem; 2]) {
    let (root, hold, store, items) = holding();
    // Dropped: the commands are carried out all the same.
    drop(store.execute_all(vec![claim(soon(1)), claim(soon(2))]));
    hold.wait_until_held();
    (root, hold, store, items)
}

/// Long enough for the threads that commit to answer, if anything lets them.
fn stays_pending<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    (0..2000).all(|_| {
        std::thread::yield_now();
        future.as_mut().poll(&mut context).is_pending()
    })
}

#[test]
fn when_nothing_could_be_written_what_is_being_flushed_is_still_waited_for() {
    let elsewhere = Root::new();
    block_on(Ask::of("run_c").enqueue(&elsewhere.sound()));
    let pinned = std::fs::read_dir(elsewhere.path.join("contracts")).unwrap().next().unwrap().unwrap().file_name();
    for flush_fails in [false, true] {
        let (root, hold, store, _) = claiming_all();
        // No contract can be pinned under this name: nothing was written, and the process goes on.
        let ask = Ask::of("run_c").at(3);
        let command = ask.command(block_on(ask.preview(&cortexpilot_core::port::fake::MemStore::default())));
        std::fs::create_dir(root.path.join("contracts").join(&pinned)).unwrap();
        let moment = || {
            let shared = store.engine().read();
            (shared.generation, shared.in_flight.map(|turn| turn.commit))
        };
        let before = moment();
        let mut unpinned = pin!(store.execute(command));
        // In a batch of its own.
        while moment() == before {
            std::thread::yield_now();
        }
        let mut nothing = pin!(store.execute(claim(soon(4))));
        assert!(stays_pending(nothing.as_mut()), "that nothing is left rests on the claims");
        assert!(stays_pending(unpinned.as_mut()));
        if flush_fails {
            hold.fail_after(0);
        }
        hold.release();
        assert!(matches!(block_on(unpinned), Err(StoreError::Unavailable(_))));
        match block_on(nothing) {
            Ok(Verdict::NothingToClaim(_)) if !flush_fails => {}
            Err(StoreError::Unavailable(_)) if flush_fails => {}
            other => panic!("{other:?}"),
        }
        let claimed = |store: &dyn StoreRead| items(store).len() - pending_in(store);
        assert_eq!(claimed(&store), if flush_fails { 0 } else { 2 });
    }
}

#[test]
fn a_refusal_without_the_lock_rests_on_no_line_that_is_still_being_flushed() {
    let (root, hold, store, [a, _]) = holding();
    drop(store);
    let options = StoreOptions { lock_wait: Duration::ZERO, ..StoreOptions::new(&root.path) };
    let store = FileStore::open_on(options, Arc::new(ManualClock::at(start())), hold.disk()).unwrap();
    hold.arm(0);
    let first = store.execute(cancel(a.queue_id(), soon(1)));
    hold.wait_until_held();
    let lock = std::fs::File::open(root.path.join("ledger.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let mut again = pin!(store.execute(cancel(a.queue_id(), soon(2))));
    assert!(stays_pending(again.as_mut()), "that it is cancelled already may not last");
    hold.fail_after(0);
    hold.release();
    assert!(matches!(block_on(first), Err(StoreError::OutcomeUnknown(_))));
    let again = block_on(again);
    assert!(matches!(again, Err(StoreError::Unavailable(_))), "{again:?}");
    assert_eq!(pending_in(&store), 2);
}

#[test]
fn between_a_failed_flush_and_its_end_nothing_is_said_that_rests_on_it() {
    let (_root, hold, store, [a, _]) = holding();
    let first = store.execute(cancel(a.queue_id(), soon(1)));
    hold.wait_until_held();
    store.poison();
    let mut again = pin!(store.execute(cancel(a.queue_id(), soon(2))));
    assert!(stays_pending(again.as_mut()));
    hold.fail_after(0);
    hold.release();
    assert!(matches!(block_on(again), Err(StoreError::Unavailable(_))));
    assert!(matches!(block_on(first), Err(StoreError::OutcomeUnknown(_))));
    assert_eq!(pending_in(&store), 2);
}

#[test]
fn whoever_waits_for_a_failure_hears_of_one_that_is_no_batchs() {
    // What a dead writer left cannot be settled: the process fails before it has judged anything.
    let root = Root::new();
    let faults = Faults::later(Fault::Fail, Step::Sync);
    let store = root.open(faults.disk()).unwrap();
    block_on(Ask::of("run_a").enqueue(&store));
    let torn = [&root.read("queue.jsonl")[..], b"{\"event"].concat();
    root.write("queue.jsonl", torn);
    let mut failure = pin!(store.failure());
    assert!(stays_pending(failure.as_mut()));
    faults.arm(0);
    assert!(block_on(store.execute(claim(soon(1)))).is_err());
    assert!(store.failed().unwrap().contains("settling queue.jsonl"));
    assert!(!stays_pending(failure), "who waited before was told");
}

#[test]
fn one_flush_serves_a_process_that_wrote_before_it_began() {
    let root = Root::new();
    let hold = Faults::later(Fault::Hold, Step::Sync);
    let beside = Faults::later(Fault::Fail, Step::Sync);
    let (slow, quick) = (root.open(hold.disk()).unwrap(), root.open(beside.disk()).unwrap());
    let (a, b) = (block_on(Ask::of("run_a").enqueue(&slow)), block_on(Ask::of("run_b").at(1).enqueue(&quick)));
    hold.arm(0);
    let first = slow.execute(cancel(a.queue_id(), soon(2)));
    hold.wait_until_held();
    // The first flush does not come: this one is made, and covers both lines.
    assert!(matches!(block_on(quick.execute(cancel(b.queue_id(), soon(3)))), Ok(Verdict::Cancelled(_))));
    assert!(String::from_utf8(root.read("ledger.lock")).unwrap().starts_with("queue.jsonl     clear"));
    assert_eq!(pending_in(&quick), 0);
    hold.release();
    assert!(matches!(block_on(first), Ok(Verdict::Cancelled(_))));

    // Three that write while a fourth flushes need far fewer flushes than lines, and lose nothing.
    let before = beside.syncs() + hold.syncs();
    let stores = [&slow, &quick];
    std::thread::scope(|scope| {
        for (nth, store) in stores.into_iter().cycle().take(6).enumerate() {
            scope.spawn(move || {
                for line in 0..5 {
                    let ask = Ask::of(&format!("run_{nth}_{line}")).at(10);
                    let seen = block_on(ask.preview(store));
                    assert!(matches!(store.execute_here(ask.command(seen)), Ok(Verdict::Enqueued(_))));
                }
            });
        }
    });
    assert_eq!((pending_in(&slow), pending_in(&quick)), (30, 30));
    assert!(beside.syncs() + hold.syncs() > before);
    assert_eq!(verify(&root.path).unwrap().verdict, Sound::Sound);
}

#[test]
fn a_caller_that_may_be_blocked_commits_itself_when_nobody_else_does_and_waits_in_line_otherwise() {
    let root = Root::new();
    let hold = Faults::later(Fault::Hold, Step::Sync);
    let store = root.open(hold.disk()).unwrap();
    let own = Some(std::thread::current().id());
    let here = |run: &str| {
        let ask = Ask::of(run);
        store.execute_here(ask.command(block_on(ask.preview(&store))))
    };
    assert!(matches!(here("run_a"), Ok(Verdict::Enqueued(_))));
    assert_eq!(hold.last_by(), own);
    block_on(Ask::of("run_b").enqueue(&store));
    assert_ne!(hold.last_by(), own, "a caller that waits is not blocked");
    // While a thread of the store's flushes, and another waits for it with the next batch, this one is in line.
    hold.arm(0);
    let flushing = store.execute(cancel(items(&store)[0].queue_id(), soon(1)));
    hold.wait_until_held();
    let written = store.execute(cancel(items_now(&root)[1].queue_id(), soon(2)));
    wait_for_lines(&root, "queue.jsonl", 4);
    std::thread::scope(|scope| {
        let (ask, nobody_has_it) = (Ask::of("run_c"), cortexpilot_core::port::fake::MemStore::default());
        let command = ask.command(block_on(ask.preview(&nobody_has_it)));
        let blocked = scope.spawn(|| store.execute_here(command));
        hold.release();
        assert!(matches!(blocked.join().unwrap(), Ok(Verdict::Enqueued(_))));
    });
    assert!(block_on(flushing).is_ok() && block_on(written).is_ok());
    assert_eq!(pending_in(&store), 1);
}

/// What a reader shows that waits for nothing.
fn items_now(root: &Root) -> Vec<QueueItem> {
    items(&crate::FileReader::open(&root.path))
}
