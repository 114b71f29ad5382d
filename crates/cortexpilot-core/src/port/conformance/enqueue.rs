//! Applying a preview.

use futures_util::future::join_all;

use super::scene::{all, claimed, execute, head, runs};
use super::{Ask, Subject, agent, block_on, operator, operator_at, soon};
use crate::Verdict;
use crate::domain::gate::Denial;
use crate::domain::principal::Surface;
use crate::domain::queue::QueueItem;
use crate::error::ErrorCode;

fn denied(verdict: Verdict) -> Denial {
    let Verdict::Denied(denial) = verdict else { panic!("not denied: {verdict:?}") };
    denial
}

fn again(verdict: Verdict) -> QueueItem {
    let Verdict::AlreadyApplied(item) = verdict else { panic!("not answered with the item of before: {verdict:?}") };
    item
}

/// One apply, one line, one pending item with its stamps.
pub async fn an_apply_appends_exactly_one_item(subject: &dyn Subject) {
    let store = subject.store();
    let item = Ask::of("run_a").at(5).keyed("k").enqueue(store).await;
    assert_eq!(head(store).await.0, 1);
    assert_eq!(all(store).await, std::slice::from_ref(&item));
    assert!(item.is_pending());
    assert_eq!((item.seq, item.enqueued.ts), (0, soon(5)));
    assert_eq!(Some(head(store).await.1), item.line_hash.map(|hash| hash.to_string()));
    let stamps = item.enqueued.provenance.as_ref().expect("an item of ours has its stamps");
    assert_eq!((stamps.principal.as_str(), stamps.actor_role.as_str()), ("token:ops", "OPS"));
    assert_eq!(stamps.requested_by, "Alice Example");
    assert_eq!(stamps.idempotency_key.as_deref(), Some("k"));
    assert_eq!(stamps.contract_sha256, Ask::of("run_a").run.contract.sha256());
}

/// A retry is answered, not carried out.
pub async fn the_same_preview_applied_again_answers_the_same_item(subject: &dyn Subject) {
    let store = subject.store();
    let ask = Ask::of("run_a");
    let seen = ask.preview(store).await;
    let Verdict::Enqueued(item) = execute(store, ask.command(seen)).await else { panic!("not enqueued") };
    assert_eq!(again(execute(store, ask.command(seen)).await), item);
    // Also long after the preview has expired, and as the item stands by then.
    claimed(store, soon(60)).await;
    let late = again(execute(store, ask.clone().at(86_400).command(seen)).await);
    assert_eq!((late.queue_id(), late.status()), (item.queue_id(), "CLAIMED"));
    assert_eq!(head(store).await.0, 2);
}

/// A key stands for one attempt.
pub async fn the_same_key_and_arguments_answer_the_same_item(subject: &dyn Subject) {
    let store = subject.store();
    let item = Ask::of("run_a").keyed("k").enqueue(store).await;
    let ask = Ask::of("run_a").keyed("k").at(1);
    assert_eq!(again(ask.apply(store).await), item, "with a preview of its own");
    assert_eq!(again(execute(store, ask.unseen()).await), item, "without any");
    assert_eq!(head(store).await.0, 1);
}

/// A key does not stand for two.
pub async fn the_same_key_with_other_arguments_is_a_conflict(subject: &dyn Subject) {
    let store = subject.store();
    let item = Ask::of("run_a").keyed("k").enqueue(store).await;
    for other in [Ask::of("run_b").keyed("k"), Ask::of("run_a").keyed("k").with(7, None)] {
        let denial = denied(other.apply(store).await);
        assert_eq!(denial.code, ErrorCode::IdempotencyConflict);
        assert_eq!(denial.queue_id.as_deref(), Some(item.queue_id().as_str()));
    }
    assert_eq!(head(store).await.0, 1);
}

/// A key is its principal's own.
pub async fn two_principals_may_use_equal_keys(subject: &dyn Subject) {
    let store = subject.store();
    let first = Ask::of("run_a").keyed("k").by(agent("alice")).enqueue(store).await;
    let second = Ask::of("run_b").keyed("k").by(agent("bob")).enqueue(store).await;
    assert_ne!(first.queue_id(), second.queue_id());
    assert_eq!(again(Ask::of("run_a").keyed("k").by(agent("alice")).apply(store).await), first);
    assert_eq!(again(Ask::of("run_b").keyed("k").by(agent("bob")).apply(store).await), second);
}

/// One run, one contract, one set of parameters: one pending item.
pub async fn an_equal_pending_item_is_refused_and_named(subject: &dyn Subject) {
    let store = subject.store();
    let first = Ask::of("run_a").enqueue(store).await;
    let denial = denied(Ask::of("run_a").by(agent("bob")).apply(store).await);
    assert_eq!(denial.code, ErrorCode::AlreadyPending);
    assert_eq!(denial.queue_id.as_deref(), Some(first.queue_id().as_str()));
    Ask::of("run_a").with(7, None).enqueue(store).await;
    // Once it is claimed, it waits no more.
    claimed(store, soon(1)).await;
    claimed(store, soon(1)).await;
    Ask::of("run_a").at(2).enqueue(store).await;
    assert_eq!(all(store).await.len(), 3);
}

/// Whoever sits at the queue may want the same twice.
pub async fn an_operator_may_duplicate_and_nobody_else(subject: &dyn Subject) {
    let store = subject.store();
    let mut ask = Ask::of("run_a");
    ask.inputs.allow_duplicate = true;
    ask.enqueue(store).await;
    ask.enqueue(store).await;
    for who in [agent("alice"), operator_at(Surface::Mcp)] {
        assert_eq!(denied(ask.clone().by(who).apply(store).await).code, ErrorCode::AlreadyPending);
    }
    assert_eq!(runs(&all(store).await), ["run_a", "run_a"]);
}

/// What is applied is what was seen.
pub async fn a_preview_is_stale_once_a_pending_item_of_its_run_appeared(subject: &dyn Subject) {
    let store = subject.store();
    let ask = Ask::of("run_a").with(7, None);
    let seen = ask.preview(store).await;
    Ask::of("run_a").enqueue(store).await;
    assert_eq!(denied(execute(store, ask.command(seen)).await).code, ErrorCode::PreviewStale);
    Ask::of("run_b").enqueue(store).await;
    let seen = ask.preview(store).await;
    Ask::of("run_c").enqueue(store).await;
    assert!(matches!(execute(store, ask.command(seen)).await, Verdict::Enqueued(_)), "other runs change nothing");
}

/// However many callers hold the same preview.
pub async fn sixteen_applies_of_one_preview_append_one_item(subject: &dyn Subject) {
    let store = subject.store();
    let ask = Ask::of("run_a");
    let seen = ask.preview(store).await;
    let verdicts = join_all((0..16).map(|_| execute(store, ask.command(seen)))).await;
    let mut appended = 0;
    for verdict in verdicts {
        if matches!(verdict, Verdict::Enqueued(_)) {
            appended += 1;
        } else {
            again(verdict);
        }
    }
    assert_eq!((appended, all(store).await.len(), head(store).await.0), (1, 1, 1));
}

/// However many callers there are.
pub async fn applies_at_once_are_all_there(subject: &dyn Subject) {
    let store = subject.store();
    let mut commands = Vec::new();
    for n in 0..64 {
        let ask = Ask::of(&format!("run_{n}"));
        commands.push(ask.command(ask.preview(store).await));
    }
    let verdicts = join_all(commands.into_iter().map(|command| execute(store, command))).await;
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Enqueued(_))));
    let items = all(store).await;
    let mut names = runs(&items);
    names.sort_unstable();
    names.dedup();
    assert_eq!((items.len(), names.len()), (64, 64));
    assert!(items.iter().enumerate().all(|(at, item)| item.seq == at as u64));
}

/// Whichever thread carries a command out.
pub async fn callers_that_block_and_callers_that_wait_are_served_alike(subject: &dyn Subject) {
    let store = subject.store();
    let mut commands = Vec::new();
    for n in 0..24 {
        let ask = Ask::of(&format!("run_{n}"));
        commands.push(ask.command(ask.preview(store).await));
    }
    let waiting = commands.split_off(16);
    let verdicts = std::thread::scope(|scope| {
        let blocked = commands.chunks(4).map(|some| {
            scope.spawn(move || some.iter().map(|one| store.execute_here(one.clone())).collect::<Vec<_>>())
        });
        let blocked: Vec<_> = blocked.collect();
        let mut verdicts = block_on(join_all(waiting.into_iter().map(|command| store.execute(command))));
        for thread in blocked {
            verdicts.extend(thread.join().expect("it does not panic"));
        }
        verdicts
    });
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Ok(Verdict::Enqueued(_)))), "{verdicts:?}");
    assert_eq!((all(store).await.len(), head(store).await.0), (24, 24));
    // A refusal is an answer like any other.
    assert!(matches!(store.execute_here(Ask::of("run_x").unseen()), Ok(Verdict::Denied(_))));
}

/// A run that came out of an item counts that item.
pub async fn an_item_knows_how_deep_its_run_is(subject: &dyn Subject) {
    let store = subject.store();
    let depth = |item: &QueueItem| item.enqueued.provenance.as_ref().map(|stamps| stamps.depth);
    let parent = Ask::of("run_a").by(operator()).enqueue(store).await;
    assert_eq!(depth(&parent), Some(1));
    let parent = claimed(store, soon(1)).await;
    let child = Ask::of(parent.run_id()).at(2).enqueue(store).await;
    assert_eq!(depth(&child), Some(2));
}
