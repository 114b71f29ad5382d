//! Claiming, completing, cancelling.

use futures_util::future::{join, join_all};

use super::scene::{all, cancel, claim, claimed, complete, execute, lease};
use super::{Ask, Subject, code, soon, start};
use crate::Verdict;
use crate::domain::lease::Idle;
use crate::domain::queue::QueueItem;
use crate::error::ErrorCode;
use crate::port::StoreError;

/// Priority high to low; among equals the unscheduled, then the earlier instant (whatever its text); then the older.
pub async fn items_are_claimed_by_priority_then_instant_then_age(subject: &dyn Subject) {
    let store = subject.store();
    let rows = [
        ("last", -5, None),
        ("later", 0, Some("2026-03-01T10:00:00Z")),
        // Earlier as an instant, later as a text.
        ("sooner", 0, Some("2026-03-01T11:30:00+02:00")),
        ("older", 0, None),
        ("younger", 0, None),
        ("urgent", 9, Some("2026-03-01T11:59:59Z")),
    ];
    for (run, priority, scheduled) in rows {
        Ask::of(run).with(priority, scheduled).enqueue(store).await;
    }
    let mut order = Vec::new();
    for second in 0..rows.len() {
        order.push(claimed(store, soon(second as i64)).await.enqueued.source_run_id.clone());
    }
    assert_eq!(order, ["urgent", "older", "younger", "sooner", "later", "last"]);
}

/// Not before, and from its moment on.
pub async fn an_item_is_not_claimed_before_its_time(subject: &dyn Subject) {
    let store = subject.store();
    Ask::of("run_a").with(9, Some("2026-03-01T12:00:10Z")).enqueue(store).await;
    Ask::of("run_b").enqueue(store).await;
    assert_eq!(claimed(store, soon(9)).await.enqueued.source_run_id, "run_b");
    assert_eq!(execute(store, claim(soon(9))).await, Verdict::NothingToClaim(Idle::Empty));
    assert_eq!(claimed(store, soon(10)).await.enqueued.source_run_id, "run_a");
}

/// Which is an answer and no error.
pub async fn an_empty_queue_has_nothing_to_claim(subject: &dyn Subject) {
    assert_eq!(execute(subject.store(), claim(start())).await, Verdict::NothingToClaim(Idle::Empty));
}

/// The rollback and the worker never both win.
pub async fn cancelling_and_claiming_exclude_each_other(subject: &dyn Subject) {
    let store = subject.store();
    for n in 0..20 {
        let item = Ask::of(&format!("run_{n}")).at(n).enqueue(store).await;
        let (cancelling, claiming) = (cancel(item.queue_id(), soon(n)), claim(soon(n)));
        let (cancelled, taken) = if n % 2 == 0 {
            join(execute(store, cancelling), execute(store, claiming)).await
        } else {
            let (taken, cancelled) = join(execute(store, claiming), execute(store, cancelling)).await;
            (cancelled, taken)
        };
        match (cancelled, taken) {
            (Verdict::Cancelled(_), Verdict::NothingToClaim(Idle::Empty)) => {}
            (Verdict::Denied(denial), Verdict::Claimed(_)) => {
                assert_eq!(denial.code, ErrorCode::QueueItemNotCancellable);
            }
            both => panic!("{both:?}"),
        }
    }
    let statuses: Vec<String> = all(store).await.iter().map(|item| item.status().to_owned()).collect();
    assert!(statuses.iter().all(|status| status == "CANCELLED" || status == "CLAIMED"), "{statuses:?}");
}

/// However many workers ask.
pub async fn each_item_is_claimed_once(subject: &dyn Subject) {
    let store = subject.store();
    for n in 0..8 {
        Ask::of(&format!("run_{n}")).enqueue(store).await;
    }
    let verdicts = join_all((0..16).map(|_| execute(store, claim(soon(1))))).await;
    let mut taken: Vec<String> = Vec::new();
    for verdict in verdicts {
        if let Verdict::Claimed(item) = verdict {
            taken.push(item.queue_id().to_string());
        } else {
            assert_eq!(verdict, Verdict::NothingToClaim(Idle::Empty));
        }
    }
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 8);
}

/// A token made for this claim, and no other text.
pub async fn completing_takes_the_lease_of_this_claim(subject: &dyn Subject) {
    let store = subject.store();
    Ask::of("run_a").enqueue(store).await;
    Ask::of("run_b").enqueue(store).await;
    let (first, second) = (claimed(store, soon(1)).await, claimed(store, soon(2)).await);
    let id = first.queue_id();
    assert_eq!(code(execute(store, complete(id, "", soon(3))).await), ErrorCode::LeaseInvalid);
    assert_eq!(code(execute(store, complete(id, &lease(&second), soon(3))).await), ErrorCode::LeaseInvalid);
    let Verdict::Completed(done) = execute(store, complete(id, &lease(&first), soon(4))).await else {
        panic!("not completed")
    };
    assert_eq!((done.status(), done.run_id()), ("SUCCESS", first.run_id()));
    assert_eq!(all(store).await, [done, second]);
}

/// Neither a second end nor a way back.
pub async fn closed_items_stay_closed(subject: &dyn Subject) {
    let store = subject.store();
    let rolled_back = Ask::of("run_a").enqueue(store).await;
    let rolled_back = rolled_back.queue_id();
    assert!(matches!(execute(store, cancel(rolled_back, soon(1))).await, Verdict::Cancelled(_)));
    assert_eq!(code(execute(store, cancel(rolled_back, soon(2))).await), ErrorCode::QueueItemNotCancellable);
    assert_eq!(execute(store, claim(soon(2))).await, Verdict::NothingToClaim(Idle::Empty));
    Ask::of("run_b").at(3).enqueue(store).await;
    let item = claimed(store, soon(4)).await;
    let token = lease(&item);
    let id = item.queue_id();
    assert_eq!(code(execute(store, cancel(id, soon(5))).await), ErrorCode::QueueItemNotCancellable);
    assert!(matches!(execute(store, complete(id, &token, soon(6))).await, Verdict::Completed(_)));
    assert_eq!(code(execute(store, complete(id, &token, soon(7))).await), ErrorCode::QueueItemNotClaimed);
    assert_eq!(code(execute(store, cancel(id, soon(7))).await), ErrorCode::QueueItemNotCancellable);
    let unknown = crate::domain::id::QueueItemId::from_bytes([9; 16]);
    assert_eq!(code(execute(store, cancel(&unknown, soon(8))).await), ErrorCode::QueueItemNotFound);
    assert_eq!(code(execute(store, complete(&unknown, &token, soon(8))).await), ErrorCode::QueueItemNotFound);
}

fn done(answers: Vec<Result<Verdict, StoreError>>) -> Vec<Verdict> {
    answers.into_iter().map(|answer| answer.expect("the store can be written")).collect()
}

/// Each for itself, in their order, each in the state that those before it left.
pub async fn commands_together_are_judged_one_after_the_other(subject: &dyn Subject) {
    let store = subject.store();
    let waits = Ask::of("run_a").enqueue(store).await;
    let id = waits.queue_id();
    let commands = vec![claim(soon(1)), claim(soon(2)), cancel(id, soon(3)), Ask::of("run_b").unseen(), claim(soon(4))];
    let [
        Verdict::Claimed(item),
        Verdict::NothingToClaim(Idle::Empty),
        Verdict::Denied(late),
        Verdict::Denied(unseen),
        Verdict::NothingToClaim(Idle::Empty),
    ] = &done(store.execute_all(commands).await)[..]
    else {
        panic!("not so")
    };
    assert_eq!(item.queue_id(), id);
    assert_eq!((late.code, unseen.code), (ErrorCode::QueueItemNotCancellable, ErrorCode::PreviewRequired));
    assert_eq!(all(store).await.len(), 1, "a denial leaves nothing in the queue");
    assert_eq!(done(store.execute_all(Vec::new()).await), []);
}

/// Queued together, claimed together, finished together.
pub async fn work_is_done_in_batches(subject: &dyn Subject) {
    let store = subject.store();
    let mut asked = Vec::new();
    for n in 0..5 {
        let ask = Ask::of(&format!("run_{n}"));
        asked.push(ask.command(ask.preview(store).await));
    }
    let again = asked.clone();
    let queued = done(store.execute_all(asked).await);
    assert!(queued.iter().all(|verdict| matches!(verdict, Verdict::Enqueued(_))), "{queued:?}");
    let retried = done(store.execute_all(again).await);
    assert!(retried.iter().all(|verdict| matches!(verdict, Verdict::AlreadyApplied(_))), "{retried:?}");
    let claims = done(store.execute_all((0..6).map(|_| claim(soon(1))).collect()).await);
    let items: Vec<&QueueItem> = claims
        .iter()
        .filter_map(|verdict| if let Verdict::Claimed(item) = verdict { Some(item) } else { None })
        .collect();
    assert_eq!(runs_of(&items), ["run_0", "run_1", "run_2", "run_3", "run_4"]);
    assert_eq!(claims[5], Verdict::NothingToClaim(Idle::Empty));
    let ends = items.iter().map(|item| complete(item.queue_id(), &lease(item), soon(2))).collect();
    let finished = done(store.execute_all(ends).await);
    assert!(finished.iter().all(|verdict| matches!(verdict, Verdict::Completed(_))), "{finished:?}");
    assert_eq!(store.health().await.expect("the store can be read").lines, 15);
}

fn runs_of<'a>(items: &[&'a QueueItem]) -> Vec<&'a str> {
    items.iter().map(|item| item.enqueued.source_run_id.as_str()).collect()
}

/// A worker hands in one item and takes the next with one call.
pub async fn an_item_is_handed_in_and_the_next_taken_in_one_call(subject: &dyn Subject) {
    let store = subject.store();
    for n in 0..3 {
        Ask::of(&format!("run_{n}")).enqueue(store).await;
    }
    let mut held = claimed(store, soon(1)).await;
    let mut finished = 0;
    loop {
        let commands = vec![complete(held.queue_id(), &lease(&held), soon(2)), claim(soon(2))];
        let mut answers = done(store.execute_all(commands).await);
        let next = answers.pop().expect("two answers");
        let [Verdict::Completed(item)] = &answers[..] else { panic!("not completed: {answers:?}") };
        assert_eq!((item.queue_id(), item.status()), (held.queue_id(), "SUCCESS"));
        finished += 1;
        let Verdict::Claimed(item) = next else {
            assert_eq!(next, Verdict::NothingToClaim(Idle::Empty));
            break;
        };
        held = item;
    }
    assert_eq!(finished, 3);
}

/// Whoever else writes comes before or after them.
pub async fn groups_of_commands_at_once_keep_their_order(subject: &dyn Subject) {
    let store = subject.store();
    for n in 0..8 {
        Ask::of(&format!("run_{n}")).enqueue(store).await;
    }
    let groups = join_all((0..4).map(|_| store.execute_all(vec![claim(soon(1)), claim(soon(1))]))).await;
    let mut taken = Vec::new();
    for group in groups {
        let [Verdict::Claimed(first), Verdict::Claimed(second)] = &done(group)[..] else { panic!("not two items") };
        assert!(first.seq < second.seq, "the second claim is judged after the first");
        taken.extend([first.seq, second.seq]);
    }
    taken.sort_unstable();
    assert_eq!(taken, [0, 1, 2, 3, 4, 5, 6, 7]);
}

/// A clock that is set back does not reorder what happened.
pub async fn time_never_goes_back(subject: &dyn Subject) {
    let store = subject.store();
    let first = Ask::of("run_a").at(100).enqueue(store).await;
    let second = Ask::of("run_b").at(50).enqueue(store).await;
    assert_eq!((first.enqueued.ts, second.enqueued.ts), (soon(100), soon(100)));
    let Verdict::Cancelled(_) = execute(store, cancel(first.queue_id(), soon(10))).await else {
        panic!("not cancelled")
    };
    let health = store.health().await.expect("the store can be read");
    assert_eq!(health.last_ts, Some(soon(100)));
}
