//! Leases: how a claim is kept, how it ends, and what becomes of the item then.

use futures_util::future::join_all;
use jiff::SignedDuration;

use super::hands::{
    beat, beat_by, changes, claim_for, claim_that, claim_within, code, complete_as, expire, fail, intervene,
    item_after, lose, now_of, release, repeatable, requeue, revoke_lease, stop,
};
use super::scene::{all, cancel, claim, claimed, complete, execute, govern, head, lease, person};
use super::{Ask, Subject, agent, nobody, operator_at, soon, start, worker};
use crate::Verdict;
use crate::domain::command::{Command, Decide, HowSettled, Intervene, Parameters, Settle};
use crate::domain::id::QueueItemId;
use crate::domain::lease::{
    CannotTake, ClaimQuery, Concurrency, HeldKind, Idle, LeaseWatch, MESSAGE_MAX, ProgressNote, WorkerPresence,
};
use crate::domain::principal::{Role, StatedRole, Surface};
use crate::domain::queue::{FinalStatus, ItemState, QueueItem};
use crate::domain::text::Stated;
use crate::domain::time::Schedule;
use crate::error::ErrorCode;
use crate::port::Store;

/// How long a claim of these tests holds without another word, in seconds.
const LEASE: u64 = 900;

/// A way in which a claim ends: of this item, with this token.
type End = fn(&QueueItem, &str) -> Command;

/// Everything that whoever holds this token could say of the item is refused, and changes nothing.
async fn says_nothing_more(store: &dyn Store, id: &QueueItemId, token: &str, want: ErrorCode, at: i64) {
    let (before, item) = (head(store).await, now_of(store, id).await);
    for status in FinalStatus::ALL {
        assert_eq!(code(execute(store, complete_as(id, token, status, soon(at))).await), want);
    }
    for started in [true, false] {
        assert_eq!(code(execute(store, release(id, token, started, soon(at))).await), want);
    }
    assert_eq!(beat(store, id, token, None, soon(at)).await.map_err(|denial| denial.code), Err(want));
    assert_eq!((head(store).await, now_of(store, id).await), (before, item));
}

fn held_as(item: &QueueItem) -> (HeldKind, &str, Option<&str>) {
    let ItemState::Held(held) = &item.state else { panic!("not held: {item:?}") };
    (held.kind, held.reason.as_str(), held.by.as_deref())
}

/// However a lease ends, from then on its token says nothing of the item, also when the item is claimed again.
pub async fn a_token_is_worth_nothing_after_its_claim_ended(subject: &dyn Subject) {
    let store = subject.store();
    let ways: [(&str, End); 6] = [
        ("done", |item, token| complete(item.queue_id(), token, soon(2))),
        ("lost", |item, _| lose(item, 0, LEASE, soon(2))),
        ("handed back", |item, token| release(item.queue_id(), token, false, soon(2))),
        ("given up", |item, token| release(item.queue_id(), token, true, soon(2))),
        ("taken away", |item, _| revoke_lease(item.queue_id(), soon(2))),
        ("lost and repeated", |item, _| lose(item, 0, LEASE, soon(2))),
    ];
    for (name, end) in ways {
        let run = if name == "lost and repeated" { repeatable("run_r", 3, 0) } else { repeatable("run_a", 0, 0) };
        let item = Ask { run, ..Ask::of("run_a") }.enqueue(store).await;
        let id = item.queue_id();
        let first = claimed(store, soon(1)).await;
        assert_eq!(first.queue_id(), id, "{name}");
        let token = lease(&first);
        let ended = changes(store, end(&first, &token)).await;
        says_nothing_more(store, id, &token, ErrorCode::QueueItemNotClaimed, 3).await;
        if !ended.is_live() {
            continue;
        }
        if ended.status() == "LOST" {
            changes(store, requeue(id, soon(4))).await;
            says_nothing_more(store, id, &token, ErrorCode::QueueItemNotClaimed, 5).await;
        }
        let second = claimed(store, soon(60)).await;
        assert_eq!((second.queue_id(), second.attempts), (id, 2), "{name}");
        says_nothing_more(store, id, &token, ErrorCode::LeaseInvalid, 61).await;
        changes(store, complete(id, &lease(&second), soon(62))).await;
    }
}

/// Nobody knows what its run did, so an operator is to look; its contract stays, and nobody can claim it.
pub async fn a_lost_item_waits_for_an_operator_unless_its_contract_says_otherwise(subject: &dyn Subject) {
    let store = subject.store();
    let item = Ask::of("run_a").enqueue(store).await;
    let (id, sha256) = (item.queue_id(), *item.contract_sha256().expect("it has a contract"));
    let first = claimed(store, soon(1)).await;
    let lost = changes(store, lose(&first, 0, LEASE, soon(2))).await;
    assert_eq!(held_as(&lost), (HeldKind::Lost, "nothing was heard of the worker for 900 s", None));
    assert_eq!((lost.status(), lost.run_id(), lost.attempts), ("LOST", first.run_id(), 1));
    assert_eq!(execute(store, claim(soon(99_999))).await, Verdict::NothingToClaim(Idle::Empty));
    assert_eq!(code(execute(store, cancel(id, soon(3))).await), ErrorCode::QueueItemNotCancellable);
    let pinned = store.pinned(&sha256).await.expect("the store can be read");
    assert!(pinned.is_some_and(|bytes| crate::domain::id::Sha256Digest::of(&bytes) == sha256));
    let health = store.health().await.expect("the store can be read");
    assert_eq!((health.pending, health.claimed, health.held), (0, 0, 1));
    // A run that comes out of what was lost is as deep as ever.
    let again = changes(store, requeue(id, soon(4))).await;
    assert_eq!((again.status(), again.attempts, again.not_before), ("PENDING", 1, None));
    let second = claimed(store, soon(5)).await;
    changes(store, lose(&second, 0, LEASE, soon(6))).await;
    let over = changes(store, fail(id, soon(7))).await;
    let ItemState::Closed { status, reason, by, .. } = &over.state else { panic!("not closed: {over:?}") };
    assert_eq!((status.as_str(), reason.as_deref()), ("FAILURE", Some("Looked at it.")));
    assert_eq!(by.as_deref(), Some("token:ops (OPS)"));
    let health = store.health().await.expect("the store can be read");
    assert_eq!((health.pending, health.claimed, health.held), (0, 0, 0));
    let mut deeper = Ask::of("run_b");
    deeper.run.run_id = crate::domain::id::RunId::parse(first.run_id()).expect("a run id");
    let deeper = deeper.enqueue(store).await;
    assert_eq!(deeper.enqueued.provenance.as_ref().map(|by| by.depth), Some(2));
}

/// As often as it says, each time after twice the wait, which is an hour at most; then it is a dead letter.
pub async fn what_is_lost_is_repeated_as_often_as_its_contract_says(subject: &dyn Subject) {
    let store = subject.store();
    let item = Ask { run: repeatable("run_a", 3, 1000), ..Ask::of("run_a") }.enqueue(store).await;
    let id = item.queue_id();
    let mut now = 0;
    for wait in [1000, 2000, 3600] {
        let taken = claimed(store, soon(now)).await;
        now += 1000;
        let back = changes(store, lose(&taken, 0, LEASE, soon(now))).await;
        assert_eq!((back.status(), back.not_before), ("PENDING", Some(soon(now + wait))));
        assert_eq!((back.waiting_reason(soon(now)), back.queue_state(soon(now))), ("backing_off", "waiting"));
        let early = execute(store, claim(soon(now + wait - 1))).await;
        assert_eq!(early, Verdict::NothingToClaim(Idle::Empty), "not before");
        now += wait;
    }
    let last = claimed(store, soon(now)).await;
    assert_eq!(last.attempts, 4);
    let dead = changes(store, lose(&last, 0, LEASE, soon(now + 1))).await;
    assert_eq!(held_as(&dead).0, HeldKind::DeadLetter);
    assert_eq!(dead.status(), "DEAD_LETTER");
    // An operator may try it once more, and then it is one again at once.
    changes(store, requeue(id, soon(now + 2))).await;
    let fifth = claimed(store, soon(now + 2)).await;
    let dead = changes(store, lose(&fifth, 0, LEASE, soon(now + 3))).await;
    assert_eq!((held_as(&dead).0, dead.attempts), (HeldKind::DeadLetter, 5));
}

/// What was watched must still be so when it is judged: one beat, another claim, or a moment too few, and nothing happens.
pub async fn a_lease_ends_only_for_what_is_still_silent(subject: &dyn Subject) {
    let store = subject.store();
    let item = Ask::of("run_a").enqueue(store).await;
    let id = item.queue_id();
    let unclaimed = execute(store, lose(&item, 0, 99_999, soon(1))).await;
    assert_eq!(unclaimed, Verdict::Unchanged);
    let taken = claimed(store, soon(1)).await;
    let before = head(store).await;
    assert_eq!(execute(store, lose(&taken, 0, LEASE - 1, soon(2))).await, Verdict::Unchanged);
    assert_eq!(execute(store, lose(&taken, 1, LEASE, soon(2))).await, Verdict::Unchanged, "no beat was heard");
    beat(store, id, &lease(&taken), None, soon(2)).await.expect("its own");
    assert_eq!(execute(store, lose(&taken, 0, LEASE, soon(3))).await, Verdict::Unchanged, "one was");
    let other = QueueItem { attempts: 2, ..taken.clone() };
    assert_eq!(execute(store, lose(&other, 1, LEASE, soon(3))).await, Verdict::Unchanged, "another claim");
    assert_eq!(execute(store, lose(&other, 1, LEASE, soon(3))).await, Verdict::Unchanged);
    let unknown = QueueItemId::from_bytes([9; 16]);
    let gone = Command::Expire(crate::domain::command::Expire { caller: worker(), now: soon(3), queue_id: unknown });
    assert_eq!(execute(store, gone).await, Verdict::Unchanged);
    assert_eq!((head(store).await, subject.decisions().len()), (before, 0), "and nothing is written down");
    assert_eq!(held_as(&changes(store, lose(&taken, 1, LEASE, soon(4))).await).0, HeldKind::Lost);
    assert_eq!(execute(store, lose(&taken, 1, LEASE, soon(5))).await, Verdict::Unchanged, "it has ended");
}

/// Ten years forward or back: lines stay in order, tokens go on, and silence is what a watch has heard.
pub async fn no_clock_ends_a_lease(subject: &dyn Subject) {
    let store = subject.store();
    const YEARS: i64 = 10 * 365 * 86_400;
    let item = Ask::of("run_a").enqueue(store).await;
    let id = item.queue_id();
    let taken = claimed(store, soon(1)).await;
    for at in [YEARS, -YEARS, 2, YEARS + 1] {
        assert!(beat(store, id, &lease(&taken), None, soon(at)).await.is_ok());
        let query = ClaimQuery::at(soon(at));
        assert_eq!(store.eligible(&query, 9).await.expect("the store can be read"), []);
        assert_eq!(store.overdue(soon(at), 9).await.expect("the store can be read"), []);
        assert_eq!(execute(store, claim(soon(at))).await, Verdict::NothingToClaim(Idle::Empty));
    }
    let stopped = changes(store, stop(id, soon(YEARS))).await;
    let done = changes(store, complete_as(id, &lease(&taken), FinalStatus::Stopped, soon(-YEARS))).await;
    assert_eq!((done.status(), stopped.status()), ("STOPPED", "CLAIMED"));
    let ItemState::Closed { completed_at, .. } = done.state else { panic!("not closed") };
    assert_eq!(completed_at, soon(YEARS), "no line is earlier than the one before it");
    // What one clock that was years ahead lets wait, another does not wait for.
    let run = repeatable("run_b", 5, 60);
    let second = Ask { run, ..Ask::of("run_b") }.enqueue(store).await;
    let taken = claimed(store, soon(10)).await;
    assert_eq!(taken.queue_id(), second.queue_id());
    changes(store, lose(&taken, 0, LEASE, soon(YEARS))).await;
    assert_eq!(claimed(store, soon(20)).await.queue_id(), second.queue_id());
}

/// As its own state, which the worker's answer carries, and which only its worker's word ends.
pub async fn a_stop_is_asked_for_told_and_acknowledged(subject: &dyn Subject) {
    let store = subject.store();
    let item = Ask { run: repeatable("run_a", 9, 0), ..Ask::of("run_a") }.enqueue(store).await;
    let id = item.queue_id();
    assert_eq!(code(execute(store, stop(id, soon(1))).await), ErrorCode::QueueItemNotStoppable);
    let taken = claimed(store, soon(1)).await;
    let token = lease(&taken);
    let early = execute(store, complete_as(id, &token, FinalStatus::Stopped, soon(2))).await;
    assert_eq!(code(early), ErrorCode::StopNotRequested);
    assert_eq!(beat(store, id, &token, None, soon(2)).await.expect("its own").stop, None);
    let stopping = changes(store, stop(id, soon(3))).await;
    assert_eq!(stopping.status(), "CLAIMED", "what was asked is no end");
    let lines = head(store).await.0;
    assert_eq!(changes(store, stop(id, soon(4))).await, stopping, "and asked twice it is one wish");
    assert_eq!(head(store).await.0, lines);
    let told = beat(store, id, &token, None, soon(5)).await.expect("its own").stop.expect("it is told");
    assert_eq!((told.by.as_str(), told.reason.as_str(), told.at), ("token:ops (OPS)", "Looked at it.", soon(3)));
    let done = changes(store, complete_as(id, &token, FinalStatus::Stopped, soon(6))).await;
    assert_eq!((done.status(), done.is_live()), ("STOPPED", false));
    assert_eq!(code(execute(store, stop(id, soon(7))).await), ErrorCode::QueueItemNotStoppable);
    // Whoever finishes all the same has finished; and what is lost on the way is not repeated, whatever its contract says.
    for end in ["done", "lost", "given up", "handed back"] {
        let again = Ask { run: repeatable("run_a", 9, 0), ..Ask::of("run_a") }.enqueue(store).await;
        let id = again.queue_id();
        let taken = claimed(store, soon(8)).await;
        let token = lease(&taken);
        changes(store, stop(id, soon(9))).await;
        let (command, want) = match end {
            "done" => (complete(id, &token, soon(10)), "SUCCESS"),
            "lost" => (lose(&taken, 0, LEASE, soon(10)), "LOST"),
            "given up" => (release(id, &token, true, soon(10)), "LOST"),
            _ => (release(id, &token, false, soon(10)), "LOST"),
        };
        assert_eq!(changes(store, command).await.status(), want, "{end}");
        if want == "LOST" {
            changes(store, requeue(id, soon(11))).await;
            let fresh = claimed(store, soon(11)).await;
            assert_eq!(
                fresh.claim().and_then(|claim| claim.stop.clone()),
                None,
                "{end}: the wish ended with its claim"
            );
            changes(store, complete(id, &lease(&fresh), soon(12))).await;
        }
    }
}

/// Before its run began an item waits for the next worker, after a moment; afterwards it is as if its worker was lost.
pub async fn an_item_is_given_back_before_or_after_its_run_began(subject: &dyn Subject) {
    let store = subject.store();
    let item = Ask::of("run_a").enqueue(store).await;
    let id = item.queue_id();
    let taken = claimed(store, soon(1)).await;
    assert_eq!(code(execute(store, release(id, "x", false, soon(2))).await), ErrorCode::LeaseInvalid);
    let back = changes(store, release(id, &lease(&taken), false, soon(2))).await;
    assert_eq!((back.status(), back.attempts, back.not_before), ("PENDING", 1, Some(soon(12))));
    assert_eq!(execute(store, claim(soon(11))).await, Verdict::NothingToClaim(Idle::Empty));
    let second = claimed(store, soon(12)).await;
    assert_eq!(second.attempts, 2);
    assert_ne!(lease(&second), lease(&taken));
    let lost = changes(store, release(id, &lease(&second), true, soon(13))).await;
    assert_eq!(held_as(&lost), (HeldKind::Lost, "given up after its run had begun", Some("token:worker")));
    // Where the contract lets it, what had begun is repeated too.
    let item = Ask { run: repeatable("run_b", 1, 5), ..Ask::of("run_b") }.enqueue(store).await;
    let taken = claimed(store, soon(20)).await;
    let back = changes(store, release(item.queue_id(), &lease(&taken), true, soon(21))).await;
    assert_eq!((back.status(), back.not_before), ("PENDING", Some(soon(26))));
}

/// A claim that meets it closes it too, and nobody works on what is of no use any more.
pub async fn a_passed_deadline_closes_what_nobody_claimed(subject: &dyn Subject) {
    let store = subject.store();
    let due = |run: &str, second: i64| {
        let deadline = Schedule::parse(&soon(second).to_string()).expect("ISO 8601");
        Ask { parameters: Parameters::new(0, None, deadline), ..Ask::of(run) }
    };
    let (first, second) = (due("run_a", 10).enqueue(store).await, due("run_b", 20).enqueue(store).await);
    let none = store.overdue(soon(9), 9).await.expect("the store can be read");
    assert_eq!(none, []);
    assert_eq!(execute(store, expire(first.queue_id(), soon(9))).await, Verdict::Unchanged);
    let overdue = store.overdue(soon(20), 9).await.expect("the store can be read");
    assert_eq!(overdue, [first.queue_id().clone(), second.queue_id().clone()]);
    assert_eq!(store.overdue(soon(20), 1).await.expect("the store can be read").len(), 1);
    let over = changes(store, expire(first.queue_id(), soon(10))).await;
    assert_eq!((over.status(), over.queue_state(soon(10)), over.sla_state(soon(10))), ("EXPIRED", "closed", "ended"));
    assert_eq!(execute(store, expire(first.queue_id(), soon(11))).await, Verdict::Unchanged);
    assert_eq!(code(execute(store, cancel(first.queue_id(), soon(11))).await), ErrorCode::QueueItemNotCancellable);
    // In time it is claimed, and then its deadline ends nothing.
    let taken = claimed(store, soon(19)).await;
    assert_eq!(taken.queue_id(), second.queue_id());
    assert_eq!(execute(store, expire(second.queue_id(), soon(30))).await, Verdict::Unchanged);
    changes(store, complete(second.queue_id(), &lease(&taken), soon(31))).await;
    let third = due("run_c", 40).enqueue(store).await;
    let Verdict::Expired(met) = execute(store, claim(soon(40))).await else { panic!("its deadline has passed") };
    assert_eq!((met.queue_id(), met.status()), (third.queue_id(), "EXPIRED"));
    assert_eq!(execute(store, claim(soon(40))).await, Verdict::NothingToClaim(Idle::Empty));
    // What was lost is not over by its deadline: somebody is to look.
    let fourth = due("run_d", 60).enqueue(store).await;
    let taken = claimed(store, soon(50)).await;
    changes(store, lose(&taken, 0, LEASE, soon(51))).await;
    assert_eq!(execute(store, expire(fourth.queue_id(), soon(70))).await, Verdict::Unchanged);
}

/// Who works on how much of one workflow or one repository at once; what has neither is not limited.
pub async fn limits_hold_among_items_that_have_something_in_common(subject: &dyn Subject) {
    let store = subject.store();
    let of = |run: &str, workflow: &str, repository: Option<&str>| {
        let mut ask = Ask::of(run);
        ask.run.workflow_id = workflow.to_owned();
        ask.run.repository = repository.map(str::to_owned);
        ask
    };
    for (run, workflow, repository) in [
        ("run_1", "w", Some("/srv/a")),
        ("run_2", "w", Some("/srv/b")),
        ("run_3", "v", Some("/srv/a")),
        ("run_4", "", None),
        ("run_5", "", None),
        ("run_6", "v", Some("/srv/b")),
    ] {
        of(run, workflow, repository).enqueue(store).await;
    }
    let limits = Concurrency { per_workflow: 1, per_repository: 1 };
    let next = async |at| {
        let verdict = execute(store, claim_within(limits, soon(at))).await;
        if let Verdict::NothingToClaim(idle) = verdict { Err(idle) } else { Ok(item_after(verdict)) }
    };
    let query = |at| ClaimQuery { now: soon(at), concurrency: limits, queue_id: None };
    let shown = store.eligible(&query(0), 9).await.expect("the store can be read");
    assert_eq!(shown.len(), 6, "each as if it were the next");
    let first = next(1).await.expect("there is one");
    assert_eq!(first.enqueued.source_run_id, "run_1");
    let shown = store.eligible(&query(1), 9).await.expect("the store can be read");
    assert_eq!(super::scene::runs(&shown), ["run_4", "run_5", "run_6"]);
    let mut taken = Vec::new();
    for at in 2..5 {
        taken.push(next(at).await.expect("there is one").enqueued.source_run_id.clone());
    }
    assert_eq!(taken, ["run_4", "run_5", "run_6"]);
    assert_eq!(next(5).await.map(|item| item.enqueued.source_run_id.clone()), Err(Idle::AtCapacity));
    let second = all(store).await.swap_remove(1);
    let Command::Claim(named) = claim_that(second.queue_id(), soon(6)) else { panic!("a claim") };
    let named = Command::Claim(crate::domain::command::Claim { concurrency: limits, ..named });
    assert_eq!(execute(store, named).await, Verdict::NothingToClaim(Idle::AtCapacity));
    // What is over makes room, however it ended.
    changes(store, lose(&first, 0, LEASE, soon(7))).await;
    assert_eq!(next(8).await.map(|item| item.enqueued.source_run_id.clone()), Err(Idle::AtCapacity), "/srv/b, v");
    let sixth = all(store).await.swap_remove(5);
    changes(store, complete(sixth.queue_id(), &lease(&sixth), soon(9))).await;
    assert_eq!(next(10).await.map(|item| item.enqueued.source_run_id.clone()).as_deref(), Ok("run_2"));
    // In a process without limits nothing stands before the rest.
    assert_eq!(claimed(store, soon(11)).await.enqueued.source_run_id, "run_3");
}

/// Exactly that, or nothing: whoever can only do one item does not take another away.
pub async fn a_claim_that_names_an_item_takes_that_one_or_none(subject: &dyn Subject) {
    let store = subject.store();
    Ask::of("run_a").enqueue(store).await;
    let second = Ask::of("run_b").enqueue(store).await;
    let later = Ask::of("run_c").with(0, Some("2026-03-01T13:00:00Z")).enqueue(store).await;
    let idle = Verdict::NothingToClaim(Idle::Empty);
    assert_eq!(execute(store, claim_that(later.queue_id(), soon(1))).await, idle);
    assert_eq!(execute(store, claim_that(&QueueItemId::from_bytes([9; 16]), soon(1))).await, idle);
    let taken = changes(store, claim_that(second.queue_id(), soon(1))).await;
    assert_eq!(taken.queue_id(), second.queue_id());
    assert_eq!(execute(store, claim_that(second.queue_id(), soon(1))).await, idle);
    let both = join_all((0..9).map(|_| execute(store, claim_that(later.queue_id(), soon(3600))))).await;
    assert_eq!(both.iter().filter(|verdict| matches!(verdict, Verdict::Claimed(_))).count(), 1);
}

/// Claims stop and everything else goes on; under a freeze what ends work goes on, too.
pub async fn a_pause_stops_claims_and_a_freeze_lets_work_end(subject: &dyn Subject) {
    let store = subject.store();
    for run in ["run_a", "run_b", "run_c", "run_d"] {
        Ask::of(run).enqueue(store).await;
    }
    let (first, second, third) =
        (claimed(store, soon(1)).await, claimed(store, soon(1)).await, claimed(store, soon(1)).await);
    let ops = person("ops");
    assert!(matches!(execute(store, govern(&ops, soon(2), Decide::Pause)).await, Verdict::Recorded(_)));
    assert_eq!(execute(store, claim(soon(3))).await, Verdict::NothingToClaim(Idle::Paused));
    let standing = store.governance(&Default::default()).await.expect("the store can be read").standing;
    assert!(standing.paused.is_some_and(|paused| paused.by == "local:ops (OPS)") && standing.frozen.is_none());
    Ask::of("run_e").at(3).enqueue(store).await;
    assert!(beat(store, first.queue_id(), &lease(&first), None, soon(3)).await.is_ok());
    let lines = subject.decisions().len();
    execute(store, govern(&ops, soon(3), Decide::Pause)).await;
    assert_eq!(subject.decisions().len(), lines, "it is paused already");
    for deputy in [agent("a"), worker(), nobody(), operator_at(Surface::Mcp)] {
        let verdict = execute(store, govern(&deputy, soon(3), Decide::Resume)).await;
        assert!(matches!(verdict, Verdict::Denied(_)), "{deputy:?}");
    }
    execute(store, govern(&ops, soon(4), Decide::Freeze)).await;
    assert_eq!(code(execute(store, claim(soon(5))).await), ErrorCode::Frozen);
    assert!(beat(store, first.queue_id(), &lease(&first), None, soon(5)).await.is_ok());
    changes(store, stop(first.queue_id(), soon(5))).await;
    changes(store, complete_as(first.queue_id(), &lease(&first), FinalStatus::Stopped, soon(6))).await;
    changes(store, complete(second.queue_id(), &lease(&second), soon(6))).await;
    changes(store, revoke_lease(third.queue_id(), soon(6))).await;
    changes(store, requeue(third.queue_id(), soon(7))).await;
    execute(store, govern(&ops, soon(8), Decide::Unfreeze)).await;
    assert_eq!(execute(store, claim(soon(9))).await, Verdict::NothingToClaim(Idle::Paused), "it still is");
    execute(store, govern(&ops, soon(10), Decide::Resume)).await;
    assert_eq!(claimed(store, soon(11)).await.queue_id(), third.queue_id());
    let decided: Vec<String> = subject.decisions().into_iter().map(|line| line.event).collect();
    let decided: Vec<&str> = decided.iter().map(String::as_str).filter(|event| *event != "DENIED").collect();
    assert_eq!(decided, ["PAUSED", "FROZEN", "UNFROZEN", "RESUMED"]);
}

/// In an allowed role, saying why; whatever an agent or a worker says, nothing changes but one line about its refusal.
pub async fn only_operators_stop_revoke_requeue_and_fail(subject: &dyn Subject) {
    let store = subject.store();
    Ask::of("run_a").by(agent("a")).enqueue(store).await;
    Ask::of("run_b").enqueue(store).await;
    let (taken, other) = (claimed(store, soon(1)).await, claimed(store, soon(1)).await);
    let lost = changes(store, lose(&other, 0, LEASE, soon(2))).await;
    let before = (head(store).await, all(store).await);
    let ways: [fn(Intervene) -> Command; 4] = [
        Command::Stop,
        Command::Revoke,
        |act| Command::Settle(Settle { act, how: HowSettled::Requeue }),
        |act| Command::Settle(Settle { act, how: HowSettled::Fail }),
    ];
    for (at, way) in ways.into_iter().enumerate() {
        let item = if at < 2 { &taken } else { &lost };
        // An agent not even about what it queued itself, and nobody through MCP.
        for who in [agent("a"), worker(), operator_at(Surface::Mcp)] {
            let verdict = execute(store, way(intervene(&who, item.queue_id(), soon(3)))).await;
            assert_eq!(code(verdict), ErrorCode::ScopeForbidden, "{who:?}");
        }
        let verdict = execute(store, way(intervene(&nobody(), item.queue_id(), soon(3)))).await;
        assert_eq!(code(verdict), ErrorCode::Unauthenticated);
        let act = || intervene(&super::operator(), item.queue_id(), soon(3));
        let silent = Intervene { reason: Stated::Absent, ..act() };
        assert_eq!(code(execute(store, way(silent)).await), ErrorCode::MetadataRequired);
        let unseen = Intervene { reason: Stated::read(Some("a\u{202e}b")), ..act() };
        assert_eq!(code(execute(store, way(unseen)).await), ErrorCode::MetadataRejected);
        let other = StatedRole::Named(Role::parse("OWNER").expect("a role"));
        let other = Intervene { role: other, ..act() };
        assert_eq!(code(execute(store, way(other)).await), ErrorCode::RoleMismatch);
        let unknown = Intervene { queue_id: Some(QueueItemId::from_bytes([9; 16])), ..act() };
        assert_eq!(code(execute(store, way(unknown)).await), ErrorCode::QueueItemNotFound);
        // What is held is not stopped, and what is claimed not settled.
        let wrong = Intervene { queue_id: Some(if at < 2 { &lost } else { &taken }.queue_id().clone()), ..act() };
        let want = if at < 2 { ErrorCode::QueueItemNotStoppable } else { ErrorCode::QueueItemNotHeld };
        assert_eq!(code(execute(store, way(wrong)).await), want);
    }
    assert_eq!((head(store).await, all(store).await), before);
    let revoked = changes(store, revoke_lease(taken.queue_id(), soon(4))).await;
    assert_eq!(held_as(&revoked), (HeldKind::Lost, "Looked at it.", Some("token:ops (OPS)")));
}

/// Of many at once one ends it: whoever was first is obeyed, and the others find it so.
pub async fn a_claim_ends_once(subject: &dyn Subject) {
    let store = subject.store();
    for n in 0..12 {
        let item = Ask { run: repeatable("run_a", 99, 0), ..Ask::of("run_a") }.at(n).enqueue(store).await;
        let id = item.queue_id();
        let taken = claimed(store, soon(n)).await;
        let token = lease(&taken);
        let mut ends = vec![
            complete(id, &token, soon(n)),
            lose(&taken, 0, LEASE, soon(n)),
            release(id, &token, true, soon(n)),
            revoke_lease(id, soon(n)),
            release(id, &token, false, soon(n)),
        ];
        let count = ends.len();
        ends.rotate_left(usize::try_from(n).expect("small") % count);
        let verdicts = join_all(ends.into_iter().map(|end| execute(store, end))).await;
        let ended = |verdict: &&Verdict| matches!(verdict, Verdict::Completed(_) | Verdict::LeaseEnded(_));
        assert_eq!(verdicts.iter().filter(ended).count(), 1, "{verdicts:?}");
        let now = now_of(store, id).await;
        assert!(now.claim().is_none());
        match now.state {
            ItemState::Held(_) => drop(changes(store, fail(id, soon(n))).await),
            ItemState::Pending => drop(changes(store, cancel(id, soon(n))).await),
            ItemState::Closed { .. }
            | ItemState::Claimed(_)
            | ItemState::Cancelled { .. }
            | ItemState::Expired { .. } => {}
        }
    }
}

/// Neither a line nor a change of the item: who speaks is checked, what it said is kept, and the last word counts.
pub async fn a_heartbeat_leaves_no_line_and_is_known_to_everybody(subject: &dyn Subject) {
    let store = subject.store();
    let item = Ask::of("run_a").enqueue(store).await;
    let id = item.queue_id();
    assert_eq!(store.beat(id).await.expect("the store can be read"), None);
    let taken = claimed(store, soon(1)).await;
    let token = lease(&taken);
    let before = head(store).await;
    let note = |events| Some(ProgressNote { stage: "run".into(), message: "m".repeat(9999), events });
    let answer = beat(store, id, &token, note(3), soon(2)).await.expect("its own");
    assert_eq!((answer.lease_expires_at, answer.stop), (Some(soon(902)), None));
    beat(store, id, &token, None, soon(3)).await.expect("its own");
    let refused = |who| async move {
        let refused = beat_by(store, &who, id, &lease(&now_of(store, id).await), None, soon(4)).await;
        refused.map(|_| ()).map_err(|denial| denial.code)
    };
    assert_eq!(refused(agent("a")).await, Err(ErrorCode::ScopeForbidden));
    assert_eq!(refused(nobody()).await, Err(ErrorCode::Unauthenticated));
    assert_eq!(beat(store, id, "x", None, soon(4)).await.map_err(|no| no.code), Err(ErrorCode::LeaseInvalid));
    let unknown = QueueItemId::from_bytes([9; 16]);
    let of_nothing = beat(store, &unknown, &token, None, soon(4)).await.map_err(|no| no.code);
    assert_eq!(of_nothing, Err(ErrorCode::QueueItemNotFound));
    assert_eq!((head(store).await, subject.decisions().len()), (before, 0));
    assert_eq!(now_of(store, id).await, taken);
    let another = subject.another();
    for store in [Some(store), another.as_deref()].into_iter().flatten() {
        let claims = store.claims().await.expect("the store can be read");
        let [standing] = &claims[..] else { panic!("one is claimed: {claims:?}") };
        let said = standing.beat.clone().expect("it spoke");
        assert_eq!((&standing.item, said.attempt, said.count, said.at), (&taken, 1, 2, soon(3)));
        let progress = said.progress.expect("it said how far it is");
        assert_eq!((progress.events, progress.message.len()), (3, MESSAGE_MAX), "nothing new is not nothing");
    }
    drop(another);
    changes(store, complete(id, &token, soon(5))).await;
    assert_eq!(store.beat(id).await.expect("the store can be read"), None, "what is over says nothing more");
    assert_eq!(store.claims().await.expect("the store can be read"), []);
}

/// A whole lease without a word, on the watch's own clock, from the first look on; every word begins it anew.
pub async fn a_watch_finds_what_is_silent_for_a_whole_lease(subject: &dyn Subject) {
    let store = subject.store();
    for run in ["run_a", "run_b"] {
        Ask::of(run).enqueue(store).await;
    }
    let (first, second) = (claimed(store, soon(1)).await, claimed(store, soon(1)).await);
    let mut watch = LeaseWatch::new();
    let mut look = async |seconds: u64| {
        let claims = store.claims().await.expect("the store can be read");
        let silent = watch.look(&claims, std::time::Duration::from_secs(seconds));
        silent.into_iter().map(|found| (found.queue_id, found.silent_for.as_secs(), found.beat)).collect::<Vec<_>>()
    };
    // The machine had been up for days: only what was watched counts.
    assert_eq!(look(500_000).await, []);
    assert_eq!(look(500_899).await, []);
    beat(store, first.queue_id(), &lease(&first), None, soon(2)).await.expect("its own");
    assert_eq!(look(500_900).await, [(second.queue_id().clone(), LEASE, 0)]);
    assert_eq!(look(501_799).await, [(second.queue_id().clone(), 1799, 0)], "found again until something is done");
    assert_eq!(look(501_800).await.len(), 2);
    changes(store, lose(&second, 0, LEASE, soon(3))).await;
    assert_eq!(look(501_801).await, [(first.queue_id().clone(), 901, 1)]);
    changes(store, requeue(second.queue_id(), soon(4))).await;
    let again = claimed(store, soon(5)).await;
    assert_eq!(look(501_802).await.len(), 1, "another claim is another lease");
    changes(store, complete(first.queue_id(), &lease(&first), soon(6))).await;
    assert_eq!(look(502_701).await, []);
    assert_eq!(look(502_702).await, [(again.queue_id().clone(), LEASE, 0)]);
    let found = changes(store, lose(&again, 0, LEASE, soon(7))).await;
    assert_eq!(found.attempts, 2);
}

/// In claim order, as many as are wanted, and never what a claim would not take.
pub async fn what_may_be_claimed_is_shown_in_claim_order(subject: &dyn Subject) {
    let store = subject.store();
    for (run, priority, scheduled) in
        [("low", -1, None), ("high", 5, None), ("later", 9, Some("2026-03-01T13:00:00Z")), ("mid", 0, None)]
    {
        Ask::of(run).with(priority, scheduled).enqueue(store).await;
    }
    let shown = async |at: i64, limit| {
        let items = store.eligible(&ClaimQuery::at(soon(at)), limit).await.expect("the store can be read");
        items.iter().map(|item| item.enqueued.source_run_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(shown(0, 9).await, ["high", "mid", "low"]);
    assert_eq!(shown(0, 2).await, ["high", "mid"]);
    assert_eq!(shown(3600, 9).await, ["later", "high", "mid", "low"]);
    let taken = claimed(store, soon(1)).await;
    assert_eq!(shown(1, 9).await, ["mid", "low"]);
    changes(store, release(taken.queue_id(), &lease(&taken), false, soon(1))).await;
    assert_eq!(shown(10, 9).await, ["mid", "low"]);
    assert_eq!(shown(11, 9).await, ["high", "mid", "low"]);
    let only = ClaimQuery { queue_id: Some(taken.queue_id().clone()), ..ClaimQuery::at(soon(11)) };
    assert_eq!(store.eligible(&only, 9).await.expect("the store can be read").len(), 1);
}

/// Everything that happened to an item is in its lines, in their order, and in the item that is made of them again.
pub async fn an_item_that_was_claimed_often_keeps_all_its_lines(subject: &dyn Subject) {
    let store = subject.store();
    let item = Ask { run: repeatable("run_a", 1, 0), ..Ask::of("run_a") }.enqueue(store).await;
    let id = item.queue_id();
    let first = changes(store, claim_for("run_first", soon(1))).await;
    changes(store, lose(&first, 0, LEASE, soon(2))).await;
    let second = changes(store, claim_for("run_second", soon(3))).await;
    changes(store, stop(id, soon(4))).await;
    changes(store, lose(&second, 0, LEASE, soon(5))).await;
    changes(store, requeue(id, soon(6))).await;
    let third = changes(store, claim_for("run_third", soon(7))).await;
    let done = changes(store, complete(id, &lease(&third), soon(8))).await;
    assert_eq!((done.attempts, done.status()), (3, "SUCCESS"));
    // What is behind it must not hide it.
    for n in 0..6 {
        let other = Ask::of(&format!("run_{n}")).at(9 + n).enqueue(store).await;
        execute(store, cancel(other.queue_id(), soon(9 + n))).await;
    }
    let another = subject.another();
    for store in [Some(store), another.as_deref()].into_iter().flatten() {
        let lines = store.lines_of(id).await.expect("the store can be read");
        let events: Vec<String> = lines.iter().map(|line| line.said().event().to_owned()).collect();
        assert_eq!(
            events.join(" "),
            "QUEUE_ENQUEUE QUEUE_CLAIM QUEUE_REQUEUE QUEUE_CLAIM QUEUE_STOP QUEUE_HOLD QUEUE_REQUEUE QUEUE_CLAIM QUEUE_DONE"
        );
        assert_eq!(now_of(store, id).await, done);
        for run in [&first, &second, &third] {
            let mut of_run = Ask::of("run_x");
            of_run.run.run_id = crate::domain::id::RunId::parse(run.run_id()).expect("a run id");
            let seen = of_run.preview(store).await;
            let Command::Enqueue(command) = of_run.command(seen) else { panic!("an apply is one") };
            let deep = crate::domain::decide::query(&command.request, Some(&command.inputs));
            let parent = store.enqueue_facts(&deep).await.expect("the store can be read").parent;
            assert_eq!(parent.map(|parent| parent.queue_id().clone()), Some(id.clone()));
        }
    }
}

/// Those who said so lately, each by its name, whatever else lies there.
pub async fn workers_are_known_while_they_say_that_they_are_there(subject: &dyn Subject) {
    let store = subject.store();
    let item = Ask::of("run_a").enqueue(store).await;
    let named = |name: &str, at| WorkerPresence {
        worker: name.into(),
        principal: "token:worker".into(),
        surface: "http".into(),
        host: "h".into(),
        pid: 7,
        version: "1.0".into(),
        started_at: start(),
        at: soon(at),
        draining: false,
        slots: 2,
        running: vec![item.queue_id().clone()],
        cannot: vec![CannotTake { queue_id: item.queue_id().clone(), why: "no such repository here".into() }],
    };
    assert_eq!(store.workers().await.expect("the store can be read"), []);
    for (name, at) in [("b", 1), ("a/../c", 2), ("b", 3)] {
        store.write_presence(named(name, at)).await.expect("the store can be written");
    }
    let another = subject.another();
    for store in [Some(store), another.as_deref()].into_iter().flatten() {
        assert_eq!(store.workers().await.expect("the store can be read"), [named("a/../c", 2), named("b", 3)]);
    }
    assert!(named("b", 0).is_alive(soon(180)) && !named("b", 0).is_alive(soon(181)));
    assert!(named("b", 0).is_alive(start() - SignedDuration::from_secs(180)));
    store.remove_presence("b").await.expect("the store can be written");
    store.remove_presence("never there").await.expect("that is no fault");
    assert_eq!(store.workers().await.expect("the store can be read"), [named("a/../c", 2)]);
    assert_eq!(item_after(execute(store, cancel(item.queue_id(), soon(4))).await).status(), "CANCELLED");
}
