//! The fold: every state times every event, and its indexes against a model that has none.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cortexpilot_core::domain::command::Limits;
use cortexpilot_core::domain::fold::{Oddity, Queue, State, item_of};
use cortexpilot_core::domain::gate::{EnqueueQuery, Usage};
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::lease::{ClaimQuery, Concurrency, HeldKind};
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::domain::queue::{
    Cancelled, Claimed, Done, Enqueued, Expired, Hold, ItemState, Provenance, QueueEvent, QueueItem, Requeued,
    StopRequested, When,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{seconds, start};

fn id(number: u8) -> QueueItemId {
    QueueItemId::from_bytes([number; 16])
}

fn digest(number: u8) -> Sha256Digest {
    Sha256Digest::of(&[number])
}

fn provenance(principal: u8, key: Option<u8>, contract: u8) -> Provenance {
    Provenance {
        contract_sha256: digest(contract),
        requested_by: "Alice".into(),
        actor_role: "OPS".into(),
        approval_reason: "why".into(),
        pilot_source: "cli".into(),
        principal: format!("p{principal}"),
        preview_digest: digest(0),
        idempotency_key: key.map(|key| format!("k{key}")),
        depth: 1,
        approval_policy: "declared".into(),
        approvals: Vec::new(),
        approver_reason: None,
        repository: None,
    }
}

fn enqueued(number: u8) -> Enqueued {
    Enqueued {
        queue_id: id(number),
        task_id: "task".into(),
        owner: String::new(),
        contract_path: "/contract.json".into(),
        priority: 0,
        workflow_id: String::new(),
        source_run_id: "run".into(),
        scheduled: None,
        deadline: None,
        ts: start(),
        provenance: Some(provenance(0, None, 0)),
    }
}

fn enqueue(number: u8) -> QueueEvent {
    QueueEvent::Enqueued(Arc::new(enqueued(number)))
}

fn cancel(number: u8) -> QueueEvent {
    QueueEvent::Cancelled(Cancelled {
        queue_id: id(number),
        task_id: "task".into(),
        reason: Some("why".into()),
        cancelled_by: Some("p (OPS)".into()),
        ts: start(),
    })
}

fn claim(number: u8) -> QueueEvent {
    claim_as(number, 1)
}

fn claim_as(number: u8, attempt: u32) -> QueueEvent {
    let again = if attempt > 1 { format!("_{attempt}") } else { String::new() };
    QueueEvent::Claimed(Claimed {
        queue_id: id(number),
        task_id: "task".into(),
        run_id: format!("run_of_{number}{again}"),
        worker: "w".into(),
        attempt,
        lease_expires_at: None,
        lease: Some(seconds(60)),
        ts: start(),
    })
}

fn hold(number: u8, attempt: u32) -> QueueEvent {
    QueueEvent::Held(Hold {
        queue_id: id(number),
        task_id: "task".into(),
        run_id: "run".into(),
        kind: HeldKind::Lost,
        attempt,
        reason: "silent".into(),
        by: None,
        ts: start(),
    })
}

fn requeue(number: u8, attempt: u32, not_before: Option<Timestamp>) -> QueueEvent {
    QueueEvent::Requeued(Requeued {
        queue_id: id(number),
        task_id: "task".into(),
        attempt,
        not_before,
        reason: "again".into(),
        by: None,
        ts: start(),
    })
}

fn expire(number: u8) -> QueueEvent {
    let (queue_id, task_id) = (id(number), "task".into());
    QueueEvent::Expired(Expired { queue_id, task_id, deadline_at: start(), ts: start() })
}

fn stop(number: u8, attempt: u32) -> QueueEvent {
    QueueEvent::StopRequested(StopRequested {
        queue_id: id(number),
        task_id: "task".into(),
        run_id: "run".into(),
        attempt,
        reason: "enough".into(),
        by: "p (OPS)".into(),
        ts: start(),
    })
}

fn done(number: u8, task: &str, run_id: &str) -> QueueEvent {
    QueueEvent::Done(Done {
        queue_id: id(number),
        task_id: task.into(),
        run_id: run_id.into(),
        status: "SUCCESS".into(),
        ts: start(),
        attempt: None,
        reason: None,
        by: None,
    })
}

/// Each state of item 1, how it is reached, and what each event gives there: the status after it, or the oddity.
#[test]
fn every_state_takes_every_event_as_the_table_says() {
    use Oddity::{DuplicateId, UnknownItem, WrongState};
    // Enqueue, cancel, claim, done, hold, requeue, expire, stop; of the second claim.
    type Want = [Result<&'static str, Oddity>; 8];
    let no = Err(WrongState);
    let closed: Want = [Err(DuplicateId), no, no, no, no, no, no, no];
    let again = || vec![enqueue(1), claim(1), requeue(1, 1, None), claim_as(1, 2)];
    let with = |mut history: Vec<QueueEvent>, event: QueueEvent| {
        history.push(event);
        history
    };
    let unknown = Err(UnknownItem);
    let table: [(&str, Vec<QueueEvent>, Want); 11] = [
        ("unknown", vec![], [Ok("PENDING"), unknown, unknown, unknown, unknown, unknown, unknown, unknown]),
        (
            "pending",
            vec![enqueue(1)],
            [Err(DuplicateId), Ok("CANCELLED"), Ok("CLAIMED"), Ok("SUCCESS"), no, no, Ok("EXPIRED"), no],
        ),
        ("claimed once", vec![enqueue(1), claim(1)], [Err(DuplicateId), no, no, Ok("SUCCESS"), no, no, no, no]),
        (
            "claimed twice",
            again(),
            [Err(DuplicateId), no, no, Ok("SUCCESS"), Ok("LOST"), Ok("PENDING"), no, Ok("CLAIMED")],
        ),
        (
            "asked to stop",
            with(again(), stop(1, 2)),
            [Err(DuplicateId), no, no, Ok("SUCCESS"), Ok("LOST"), Ok("PENDING"), no, no],
        ),
        ("held", with(again(), hold(1, 2)), [Err(DuplicateId), no, no, Ok("SUCCESS"), no, Ok("PENDING"), no, no]),
        (
            "requeued",
            with(again(), requeue(1, 2, None)),
            [Err(DuplicateId), Ok("CANCELLED"), Ok("CLAIMED"), Ok("SUCCESS"), no, no, Ok("EXPIRED"), no],
        ),
        ("finished", vec![enqueue(1), claim(1), done(1, "task", "")], closed),
        ("finished, never claimed", vec![enqueue(1), done(1, "task", "r")], closed),
        ("cancelled", vec![enqueue(1), cancel(1)], closed),
        ("expired", vec![enqueue(1), expire(1)], closed),
    ];
    let mut pairs = 0;
    for (state, history, want) in table {
        let events = [
            enqueue(1),
            cancel(1),
            claim_as(1, 2),
            done(1, "task", "other_run"),
            hold(1, 2),
            requeue(1, 2, None),
            expire(1),
            stop(1, 2),
        ];
        for (event, want) in events.iter().zip(want) {
            let mut queue = Queue::default();
            for past in &history {
                queue.apply(past, None).expect("the history fits");
            }
            let before: Vec<QueueItem> = queue.held().cloned().collect();
            let got = queue.apply(event, None).map(|()| queue.get(&id(1)).expect("there").status().to_owned());
            assert_eq!(got, want.map(str::to_owned), "{state}: {event:?}");
            if got.is_err() {
                assert_eq!(queue.held().cloned().collect::<Vec<_>>(), before, "{state}: an oddity changes nothing");
            }
            pairs += 1;
        }
    }
    println!("figure: {pairs} pairs of a state and an event");
}

#[test]
fn a_finished_item_keeps_its_claim_and_its_run() {
    let mut queue = Queue::default();
    for event in [enqueue(1), claim(1), done(1, "task", "")] {
        queue.apply(&event, Some(digest(9))).expect("it fits");
    }
    let item = queue.get(&id(1)).expect("there");
    assert_eq!(item.line_hash, Some(digest(9)));
    let ItemState::Closed { claim: Some(claim), run_id, .. } = &item.state else { panic!("finished") };
    assert_eq!((claim.run_id.as_str(), run_id.as_str()), ("run_of_1", "run_of_1"));
    assert_eq!(queue.by_run("run_of_1").map(QueueItem::queue_id), Some(&id(1)));
}

#[test]
fn a_legacy_done_with_a_foreign_id_closes_the_item_of_its_task_that_was_claimed_first() {
    let mut queue = Queue::default();
    let other_task = Enqueued { task_id: "other".into(), ..enqueued(4) };
    for event in [
        enqueue(1),
        enqueue(2),
        enqueue(3),
        QueueEvent::Enqueued(Arc::new(other_task)),
        claim(4),
        // Not in the order in which they were enqueued.
        claim(2),
        claim(1),
    ] {
        queue.apply(&event, None).expect("it fits");
    }
    let statuses = |queue: &Queue| queue.held().map(|item| item.status().to_owned()).collect::<Vec<_>>();
    queue.apply(&done(99, "task", "r2"), None).expect("it closes the claimed one");
    assert_eq!(statuses(&queue), ["CLAIMED", "SUCCESS", "PENDING", "CLAIMED"]);
    queue.apply(&done(98, "task", "r1"), None).expect("and then the other");
    assert_eq!(statuses(&queue), ["SUCCESS", "SUCCESS", "PENDING", "CLAIMED"]);
    assert_eq!(queue.apply(&done(97, "task", "r3"), None), Err(Oddity::UnknownItem), "a pending one was never claimed");
    assert_eq!(queue.apply(&done(97, "no such task", "r3"), None), Err(Oddity::UnknownItem));
    assert_eq!(queue.live(), (1, 1));
    assert_eq!(queue.by_run("r2").map(QueueItem::queue_id), Some(&id(2)));
}

/// What the fold must agree with: a list of items and nothing else; every question walks it.
#[derive(Debug, Default)]
struct Naive {
    items: Vec<Row>,
    claims: Vec<usize>,
    runs: Vec<(String, usize)>,
}

#[derive(Debug)]
struct Row {
    event: Enqueued,
    status: &'static str,
    run_id: String,
    attempt: u32,
    stopping: bool,
    not_before: Option<Timestamp>,
}

impl Row {
    fn scheduled(&self) -> Option<Timestamp> {
        self.event.scheduled.as_ref().and_then(|when| when.at)
    }

    fn ready(&self, now: Timestamp) -> bool {
        let backs_off = |at: Timestamp| at > now && at <= now + HOUR;
        self.scheduled().is_none_or(|at| at <= now) && !self.not_before.is_some_and(backs_off)
    }

    fn repository(&self) -> Option<&str> {
        self.event.provenance.as_ref().and_then(|by| by.repository.as_deref())
    }
}

impl Naive {
    fn find(&self, wanted: &QueueItemId) -> Option<usize> {
        self.items.iter().position(|row| row.event.queue_id == *wanted)
    }

    fn apply(&mut self, event: &QueueEvent) -> bool {
        match event {
            QueueEvent::Enqueued(event) => {
                if self.find(&event.queue_id).is_some() {
                    return false;
                }
                self.items.push(Row {
                    event: (**event).clone(),
                    status: "PENDING",
                    run_id: String::new(),
                    attempt: 0,
                    stopping: false,
                    not_before: None,
                });
            }
            QueueEvent::Cancelled(event) => match self.find(&event.queue_id) {
                Some(at) if self.items[at].status == "PENDING" => self.items[at].status = "CANCELLED",
                Some(_) | None => return false,
            },
            QueueEvent::Claimed(event) => match self.find(&event.queue_id) {
                Some(at) if self.items[at].status == "PENDING" => {
                    let row = &mut self.items[at];
                    (row.status, row.attempt, row.stopping, row.not_before) = ("CLAIMED", event.attempt, false, None);
                    row.run_id.clone_from(&event.run_id);
                    self.claims.push(at);
                    self.runs.push((event.run_id.clone(), at));
                }
                Some(_) | None => return false,
            },
            QueueEvent::Done(event) => {
                let of_task = || {
                    let held = |at: &&usize| self.items[**at].status == "CLAIMED";
                    let task = |at: &&usize| self.items[**at].event.task_id == event.task_id;
                    self.claims.iter().filter(held).find(task).copied()
                };
                match self.find(&event.queue_id).or_else(of_task) {
                    Some(at) if matches!(self.items[at].status, "PENDING" | "CLAIMED" | "LOST") => {
                        // A line that names no run means the claim's. Of several items that name one run the last counts.
                        let row = &mut self.items[at];
                        if row.status == "PENDING" {
                            row.run_id.clear();
                        }
                        row.status = "SUCCESS";
                        if !event.run_id.is_empty() {
                            row.run_id.clone_from(&event.run_id);
                        }
                        self.runs.push((self.items[at].run_id.clone(), at));
                    }
                    Some(_) | None => return false,
                }
            }
            QueueEvent::Held(event) => match self.find(&event.queue_id) {
                Some(at) if self.is_worked(at, event.attempt) => {
                    self.items[at].status = "LOST";
                    self.claims.retain(|claim| *claim != at);
                }
                Some(_) | None => return false,
            },
            QueueEvent::Requeued(event) => match self.find(&event.queue_id) {
                Some(at)
                    if matches!(self.items[at].status, "CLAIMED" | "LOST")
                        && self.items[at].attempt == event.attempt =>
                {
                    self.items[at].status = "PENDING";
                    self.items[at].not_before = event.not_before;
                    self.claims.retain(|claim| *claim != at);
                }
                Some(_) | None => return false,
            },
            QueueEvent::Expired(event) => match self.find(&event.queue_id) {
                Some(at) if self.items[at].status == "PENDING" => self.items[at].status = "EXPIRED",
                Some(_) | None => return false,
            },
            QueueEvent::StopRequested(event) => match self.find(&event.queue_id) {
                Some(at) if self.is_worked(at, event.attempt) && !self.items[at].stopping => {
                    self.items[at].stopping = true;
                }
                Some(_) | None => return false,
            },
        }
        true
    }

    fn is_worked(&self, at: usize, attempt: u32) -> bool {
        self.items[at].status == "CLAIMED" && self.items[at].attempt == attempt
    }

    fn pending(&self) -> impl Iterator<Item = (usize, &Row)> {
        self.items.iter().enumerate().filter(|(_, row)| row.status == "PENDING")
    }

    fn next(&self, now: Timestamp) -> Option<&QueueItemId> {
        self.next_within(now, Concurrency::NONE)
    }

    fn next_within(&self, now: Timestamp, limits: Concurrency) -> Option<&QueueItemId> {
        let claimed =
            |same: &dyn Fn(&Row) -> bool| self.items.iter().filter(|row| row.status == "CLAIMED" && same(row)).count();
        let below = |most: u32, count: usize| most == 0 || count < most as usize;
        let fits = |row: &Row| {
            let workflow = claimed(&|other| other.event.workflow_id == row.event.workflow_id);
            let repository = claimed(&|other| other.repository() == row.repository());
            (row.event.workflow_id.is_empty() || below(limits.per_workflow, workflow))
                && (row.repository().is_none() || below(limits.per_repository, repository))
        };
        self.pending()
            .filter(|(_, row)| row.ready(now) && fits(row))
            .min_by_key(|(at, row)| (-row.event.priority, row.scheduled().max(row.not_before), *at))
            .map(|(_, row)| &row.event.queue_id)
    }

    fn by_key(&self, principal: &str, key: &str) -> Option<&QueueItemId> {
        let made = |row: &&Row| {
            row.event
                .provenance
                .as_ref()
                .is_some_and(|p| p.principal == principal && p.idempotency_key.as_deref() == Some(key))
        };
        self.items.iter().rev().find(made).map(|row| &row.event.queue_id)
    }

    fn by_run(&self, run_id: &str) -> Option<&QueueItemId> {
        self.runs.iter().rev().find(|(run, _)| run == run_id).map(|(_, at)| &self.items[*at].event.queue_id)
    }

    /// What a principal has used of its limits: when the next append stays within the hour's is looked for among all
    /// moments at which one leaves the hour. No line is earlier than the one before, so none is appended before the newest.
    fn usage(&self, principal: &str, now: Timestamp, applies_per_hour: u32) -> Usage {
        let its = |row: &&Row| row.event.provenance.as_ref().is_some_and(|by| by.principal == principal);
        let appended: Vec<Timestamp> = self.items.iter().filter(its).map(|row| row.event.ts).collect();
        let within = |now: Timestamp| appended.iter().filter(|at| **at + HOUR > now).count();
        let full = |now: Timestamp| applies_per_hour > 0 && within(now) >= applies_per_hour as usize;
        let now = appended.iter().copied().max().map_or(now, |newest| newest.max(now));
        let leaving = appended.iter().map(|at| *at + HOUR).filter(|at| *at > now && !full(*at)).min();
        Usage {
            pending: self.pending().filter(|(_, row)| its(row)).count(),
            hour_frees_at: full(now).then(|| leaving.expect("once the newest has left, the hour is empty")),
        }
    }

    fn live_pins(&self) -> BTreeSet<Sha256Digest> {
        let live = |row: &&Row| matches!(row.status, "PENDING" | "CLAIMED" | "LOST");
        self.items
            .iter()
            .filter(live)
            .filter_map(|row| row.event.provenance.as_ref().map(|p| p.contract_sha256))
            .collect()
    }
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A step: an event, or a moment at which a store looks for what is due.
#[derive(Debug, Clone)]
enum Step {
    Event(QueueEvent),
    Promote(i64),
}

/// Items enqueued in some order, each so many seconds after the one before, as lines are.
fn in_time(steps: &mut [Step], seconds_between: &[i64]) {
    let mut ts = start();
    for (step, between) in steps.iter_mut().zip(seconds_between) {
        if let Step::Event(QueueEvent::Enqueued(event)) = step {
            ts += seconds(*between);
            Arc::make_mut(event).ts = ts;
        }
    }
}

fn an_enqueue() -> impl Strategy<Value = QueueEvent> {
    let who = prop::option::weighted(0.8, (0..2_u8, prop::option::of(0..3_u8), 0..3_u8));
    let keys = (0..3_u8, 0..3_u8, prop::option::weighted(0.3, -5..25_i64));
    (0..12_u8, 0..3_u8, keys, -2..=2_i64, prop::option::of(0..20_i64), who).prop_map(
        |(number, task, (run, repository, deadline), priority, scheduled, who)| {
            let scheduled = scheduled.map(|at| {
                // One legacy text that names no instant: it waits for nothing.
                let at = (at > 0).then(|| start() + seconds(at));
                When { text: at.map_or("next tuesday".into(), |at| at.to_string()), at }
            });
            QueueEvent::Enqueued(Arc::new(Enqueued {
                task_id: format!("task_{task}"),
                source_run_id: format!("run_{run}"),
                workflow_id: if run == 0 { String::new() } else { format!("workflow_{run}") },
                priority,
                scheduled,
                deadline: deadline
                    .map(|by| start() + seconds(by))
                    .map(|at| When { text: at.to_string(), at: Some(at) }),
                provenance: who.map(|(principal, key, contract)| Provenance {
                    repository: (repository > 0).then(|| format!("/srv/{repository}")),
                    ..provenance(principal, key, contract)
                }),
                ..enqueued(number)
            }))
        },
    )
}

fn a_step() -> impl Strategy<Value = Step> {
    let number = 0..14_u8;
    prop_oneof![
        5 => an_enqueue().prop_map(Step::Event),
        2 => number.clone().prop_map(|number| Step::Event(cancel(number))),
        4 => (number.clone(), 1..3_u32).prop_map(|(number, attempt)| Step::Event(claim_as(number, attempt))),
        1 => (number.clone(), 1..3_u32).prop_map(|(number, attempt)| Step::Event(hold(number, attempt))),
        // Soon, or said by a clock that was hours ahead.
        2 => (number.clone(), 1..3_u32, prop::option::of(prop_oneof![-5..25_i64, Just(7200_i64)])).prop_map(
            |(number, attempt, wait)| Step::Event(requeue(number, attempt, wait.map(|wait| start() + seconds(wait))))
        ),
        1 => number.clone().prop_map(|number| Step::Event(expire(number))),
        1 => (number.clone(), 1..3_u32).prop_map(|(number, attempt)| Step::Event(stop(number, attempt))),
        3 => (number, 0..3_u8, 0..3_u8).prop_map(|(number, task, run)| {
            let run_id = if run == 0 { String::new() } else { format!("run_of_{run}") };
            Step::Event(done(number, &format!("task_{task}"), &run_id))
        }),
        2 => (-5..25_i64).prop_map(Step::Promote),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_indexes_always_say_what_a_walk_over_the_items_would(
        mut steps in prop::collection::vec(a_step(), 0..60),
        moments in prop::collection::vec(-5..25_i64, 1..6),
        limited in any::<bool>(),
        seconds_between in prop::collection::vec(prop_oneof![Just(0), 1..2000_i64], 60),
        hours in prop::collection::vec((-1000..9000_i64, 0..5_u32), 1..6),
    ) {
        in_time(&mut steps, &seconds_between);
        let (mut state, mut naive) = (State::default(), Naive::default());
        for step in &steps {
            match step {
                Step::Event(event) => prop_assert_eq!(state.apply(event, None).is_ok(), naive.apply(event), "{:?}", event),
                Step::Promote(at) => state.queue.promote(start() + seconds(*at)),
            }
            // In any order: a clock may go back after items were filed as due.
            for at in &moments {
                let now = start() + seconds(*at);
                prop_assert_eq!(state.queue.next_eligible(now).map(QueueItem::queue_id), naive.next(now), "at {}", at);
                for (per_workflow, per_repository) in [(0, 0), (1, 0), (0, 1), (2, 1)] {
                    let concurrency = Concurrency { per_workflow, per_repository };
                    let query = ClaimQuery { now, concurrency, queue_id: None };
                    let want = naive.next_within(now, concurrency);
                    let peeked = state.queue.peek_next(&query).item;
                    prop_assert_eq!(peeked.as_ref().map(QueueItem::queue_id), want);
                    if limited {
                        let next = state.queue.next(&query);
                        prop_assert_eq!(next.item.as_ref().map(QueueItem::queue_id), want, "{:?}", query);
                        prop_assert_eq!(next.at_capacity, want.is_none() && naive.next(now).is_some());
                    }
                }
                let overdue: Vec<_> = state.queue.overdue(now, 99).into_iter().map(|item| item.seq).collect();
                let deadline = |row: &Row| row.event.deadline.as_ref().and_then(|when| when.at).filter(|at| *at <= now);
                let mut want: Vec<_> = naive.pending().filter_map(|(at, row)| Some((deadline(row)?, at as u64))).collect();
                want.sort_unstable();
                prop_assert_eq!(overdue, want.into_iter().map(|(_, at)| at).collect::<Vec<_>>());
            }
        }
        prop_assert_eq!(state.queue.to_settle(), naive.items.iter().filter(|row| row.status == "LOST").count());
        prop_assert_eq!(
            state.queue.claimed().iter().map(|item| item.seq).collect::<Vec<_>>(),
            (0..).zip(&naive.items).filter(|(_, row)| row.status == "CLAIMED").map(|(at, _)| at).collect::<Vec<u64>>()
        );
        let statuses: Vec<&str> = state.queue.held().map(QueueItem::status).collect();
        prop_assert_eq!(statuses, naive.items.iter().map(|row| row.status).collect::<Vec<_>>());
        let count = |status: &str| naive.items.iter().filter(|row| row.status == status).count();
        prop_assert_eq!(state.queue.live(), (count("PENDING"), count("CLAIMED")));
        for run in (0..4).map(|run| format!("run_{run}")) {
            let pending: Vec<&QueueItemId> = state.queue.pending_of_run(&run).map(QueueItem::queue_id).collect();
            let want: Vec<&QueueItemId> =
                naive.pending().filter(|(_, row)| row.event.source_run_id == run).map(|(_, row)| &row.event.queue_id).collect();
            prop_assert_eq!(pending, want);
        }
        for (principal, key) in (0..3).flat_map(|p| (0..4).map(move |k| (format!("p{p}"), format!("k{k}")))) {
            prop_assert_eq!(state.queue.by_key(&principal, &key).map(QueueItem::queue_id), naive.by_key(&principal, &key));
        }
        for run in (0..14).flat_map(|run| [format!("run_of_{run}"), format!("run_of_{run}_2")]) {
            prop_assert_eq!(state.queue.by_run(&run).map(QueueItem::queue_id), naive.by_run(&run));
        }
        prop_assert_eq!(state.queue.live_pins().copied().collect::<BTreeSet<_>>(), naive.live_pins());
        for contract in 0..4 {
            prop_assert_eq!(state.queue.pin_is_live(&digest(contract)), naive.live_pins().contains(&digest(contract)));
        }
        // The facts that decisions rest on are these same answers, together.
        let mut query = EnqueueQuery {
            now: start(),
            applies_per_hour: 0,
            by_preview: Some(id(3)),
            by_key: Some("k1".into()),
            principal: "p1".into(),
            source_run_id: Some("run_1".into()),
            request: None,
        };
        let facts = state.facts(&query);
        prop_assert_eq!(facts.by_preview.as_ref().map(QueueItem::queue_id), naive.find(&id(3)).map(|at| &naive.items[at].event.queue_id));
        prop_assert_eq!(facts.by_key.as_ref().map(QueueItem::queue_id), naive.by_key("p1", "k1"));
        prop_assert_eq!(facts.parent.as_ref().map(QueueItem::queue_id), naive.by_run("run_1"));
        prop_assert_eq!(facts.pending.len(), naive.pending().filter(|(_, row)| row.event.source_run_id == "run_1").count());
        let newest = naive.items.last().map_or(start(), |row| row.event.ts);
        for (after, most) in hours {
            query.now = newest + seconds(after);
            query.applies_per_hour = most;
            for principal in ["p0", "p1", "nobody"] {
                query.principal = principal.into();
                prop_assert_eq!(state.facts(&query).usage, naive.usage(principal, query.now, most), "{:?}", query);
            }
        }
    }

    #[test]
    fn what_is_archived_changes_no_answer_about_live_items(
        mut steps in prop::collection::vec(a_step(), 0..60),
        archived in prop::collection::vec(any::<bool>(), 60),
        seconds_between in prop::collection::vec(prop_oneof![Just(0), 1..2000_i64], 60),
    ) {
        in_time(&mut steps, &seconds_between);
        let (mut whole, mut thin) = (State::default(), State::default());
        // Lines of ours, and fitting: what nobody judged may name an item that is archived, which a fold then cannot tell
        // from one that never was.
        let mut events: HashMap<QueueItemId, Vec<(QueueEvent, Option<Sha256Digest>)>> = HashMap::new();
        for (at, (step, archive)) in (0_u64..).zip(steps.iter().zip(archived)) {
            let Step::Event(event) = step else { continue };
            let hash = Some(digest(7));
            if whole.apply_at(event, hash, at).is_err() {
                continue;
            }
            prop_assert_eq!(thin.apply_at(event, hash, at), Ok(()));
            events.entry(event.queue_id().clone()).or_default().push((event.clone(), hash));
            if archive {
                thin.archive(at);
            }
            prop_assert_eq!(thin.queue.next_eligible(start()), whole.queue.next_eligible(start()));
        }
        thin.archive(u64::MAX);
        prop_assert!(thin.queue.held().all(QueueItem::is_live));
        prop_assert_eq!(thin.queue.closed().count(), 0);
        prop_assert_eq!((thin.queue.live(), thin.queue.next_seq()), (whole.queue.live(), whole.queue.next_seq()));
        let pins = |state: &State| state.queue.live_pins().copied().collect::<BTreeSet<_>>();
        prop_assert_eq!(pins(&thin), pins(&whole));
        let now = whole.queue.held().map(|item| item.enqueued.ts).max().unwrap_or(start());
        let usage = |state: &State, principal: &str| {
            let (by_preview, by_key, source_run_id, request) = (None, None, None, None);
            let (principal, applies_per_hour) = (principal.to_owned(), 2);
            let query = EnqueueQuery { by_preview, by_key, principal, source_run_id, now, applies_per_hour, request };
            state.facts(&query).usage
        };
        for principal in ["p0", "p1"] {
            prop_assert_eq!(usage(&thin, principal), usage(&whole, principal));
        }
        for item in whole.queue.held() {
            let again = item_of(item.seq, &events[item.queue_id()]);
            prop_assert_eq!(again.as_ref(), Some(item), "an item is its own events");
            prop_assert_eq!(thin.queue.get(item.queue_id()), Some(item).filter(|item| item.is_live()));
        }
    }

    #[test]
    fn pages_of_a_list_are_the_list(events in prop::collection::vec(an_enqueue(), 0..20), limit in 1..7_usize) {
        let mut queue = Queue::default();
        for event in &events {
            // A second enqueue of an id is an oddity and changes nothing.
            let _ = queue.apply(event, None);
        }
        for number in 0..6 {
            let _ = queue.apply(&cancel(number), None);
        }
        for status in [None, Some("pending"), Some("CANCELLED"), Some("nothing")] {
            let status = status.map(str::to_owned);
            let whole = queue.list(&QueueFilter { status: status.clone(), ..QueueFilter::default() });
            prop_assert!(!whole.more);
            let mut paged = Vec::new();
            let mut after_seq = None;
            loop {
                let page = queue.list(&QueueFilter { status: status.clone(), after_seq, limit: Some(limit), ..QueueFilter::default() });
                prop_assert!(page.items.len() <= limit);
                after_seq = page.items.last().map(|item| item.seq);
                paged.extend(page.items);
                if !page.more {
                    break;
                }
            }
            prop_assert_eq!(paged, whole.items);
        }
    }
}

#[test]
fn a_list_can_be_of_one_workflow() {
    let mut queue = Queue::default();
    for (number, workflow) in [(1, "wf-a"), (2, "wf-b"), (3, "wf-a")] {
        let event = Enqueued { workflow_id: workflow.into(), ..enqueued(number) };
        queue.apply(&QueueEvent::Enqueued(Arc::new(event)), None).expect("new");
    }
    let filter = QueueFilter { workflow_id: Some("wf-a".into()), ..QueueFilter::default() };
    let found: Vec<u64> = queue.list(&filter).items.iter().map(|item| item.seq).collect();
    assert_eq!(found, [0, 2]);
}

#[test]
fn the_largest_limit_that_can_be_configured_holds() {
    let mut state = State::default();
    let mut usage = |number: u32, at: i64| {
        let queue_id = QueueItemId::parse(&number.to_string()).expect("an id");
        let event = Enqueued { queue_id, ts: start() + SignedDuration::from_millis(at), ..enqueued(0) };
        state.apply(&QueueEvent::Enqueued(Arc::new(event)), None).expect("new");
        let now = start() + SignedDuration::from_millis(at);
        let (by_preview, by_key, source_run_id) = (None, None, None);
        let principal = "p0".into();
        let (applies_per_hour, request) = (Limits::MAX, None);
        let query = EnqueueQuery { by_preview, by_key, principal, source_run_id, now, applies_per_hour, request };
        state.facts(&query).usage
    };
    // A tenth of a second apart: all of them within the hour.
    let all: Vec<Usage> = (1..=Limits::MAX + 1).map(|number| usage(number, i64::from(number) * 100)).collect();
    let freed = |number: i64| Some(start() + HOUR + SignedDuration::from_millis(number * 100));
    let most = Limits::MAX as usize;
    assert_eq!(all[most - 2], Usage { pending: most - 1, hour_frees_at: None });
    assert_eq!(all[most - 1], Usage { pending: most, hour_frees_at: freed(1) });
    assert_eq!(all[most], Usage { pending: most + 1, hour_frees_at: freed(2) }, "by an operator, who is not limited");
}

#[test]
fn a_deep_backlog_is_claimed_in_order_without_walking_it() {
    // Ten thousand due items, claimed one by one: with a walk over the backlog for each this takes minutes.
    let mut queue = Queue::default();
    let mut order = HashMap::new();
    for number in 0..10_000_u32 {
        let queue_id = QueueItemId::parse(&number.to_string()).expect("an id");
        let priority = i64::from(number % 7);
        order.insert(queue_id.clone(), (-priority, number));
        let event = Enqueued { queue_id, priority, ..enqueued(0) };
        queue.apply(&QueueEvent::Enqueued(Arc::new(event)), None).expect("new");
    }
    let mut claimed = Vec::new();
    while let Some(next) =
        queue.next_eligible(start() + SignedDuration::from_hours(1)).map(|item| item.queue_id().clone())
    {
        let event = Claimed {
            lease: None,
            queue_id: next.clone(),
            task_id: "task".into(),
            run_id: String::new(),
            worker: String::new(),
            attempt: 1,
            lease_expires_at: None,
            ts: start(),
        };
        queue.apply(&QueueEvent::Claimed(event), None).expect("pending");
        claimed.push(order[&next]);
    }
    assert_eq!(claimed.len(), 10_000);
    assert!(claimed.is_sorted());
    assert_eq!(queue.live(), (0, 10_000));
}
