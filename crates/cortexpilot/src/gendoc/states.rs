//! The states of a queue item: the table is what the fold itself does with every event in every state.

use std::sync::Arc;

use cortexpilot_core::domain::fold::Queue;
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::lease::HeldKind;
use cortexpilot_core::domain::queue::{
    Cancelled, Claimed, Done, Enqueued, Expired, FinalStatus, Hold, ItemState, PRIORITY_RANGE, QueueEvent, QueueItem,
    Requeued, StopRequested, When,
};
use jiff::{SignedDuration, Timestamp};

use super::{code, head, markdown};

const EVENTS: [&str; 8] = [
    "QUEUE_ENQUEUE",
    "QUEUE_CANCEL",
    "QUEUE_CLAIM",
    "QUEUE_DONE",
    "QUEUE_STOP",
    "QUEUE_HOLD",
    "QUEUE_REQUEUE",
    "QUEUE_EXPIRE",
];

/// How an item comes into each state.
const HISTORIES: [(&str, &[&str]); 8] = [
    ("(no item)", &[]),
    ("PENDING", &["QUEUE_ENQUEUE"]),
    ("CLAIMED", &["QUEUE_ENQUEUE", "QUEUE_CLAIM"]),
    ("CLAIMED, asked to stop", &["QUEUE_ENQUEUE", "QUEUE_CLAIM", "QUEUE_STOP"]),
    ("LOST, DEAD_LETTER", &["QUEUE_ENQUEUE", "QUEUE_CLAIM", "QUEUE_HOLD"]),
    ("SUCCESS, FAILURE, STOPPED", &["QUEUE_ENQUEUE", "QUEUE_CLAIM", "QUEUE_DONE"]),
    ("CANCELLED", &["QUEUE_ENQUEUE", "QUEUE_CANCEL"]),
    ("EXPIRED", &["QUEUE_ENQUEUE", "QUEUE_EXPIRE"]),
];

fn id() -> QueueItemId {
    QueueItemId::from_bytes([1; 16])
}

fn enqueued() -> Enqueued {
    Enqueued {
        queue_id: id(),
        task_id: "task".into(),
        owner: String::new(),
        contract_path: String::new(),
        priority: 0,
        workflow_id: String::new(),
        source_run_id: "run".into(),
        scheduled: None,
        deadline: None,
        ts: Timestamp::UNIX_EPOCH,
        provenance: None,
    }
}

fn event(name: &str) -> QueueEvent {
    let (queue_id, task_id, ts) = (id(), "task".to_owned(), Timestamp::UNIX_EPOCH);
    let (run_id, reason, by, attempt) = ("run_2".to_owned(), "because".to_owned(), "operator:ann (OPS)".to_owned(), 1);
    match name {
        "QUEUE_CANCEL" => QueueEvent::Cancelled(Cancelled { queue_id, task_id, reason: None, cancelled_by: None, ts }),
        "QUEUE_CLAIM" => QueueEvent::Claimed(Claimed {
            queue_id,
            task_id,
            run_id,
            worker: "worker".into(),
            attempt,
            lease_expires_at: None,
            lease: None,
            ts,
        }),
        "QUEUE_DONE" => {
            let status = FinalStatus::Success.as_str().to_owned();
            QueueEvent::Done(Done { queue_id, task_id, run_id, status, ts, attempt: Some(1), reason: None, by: None })
        }
        "QUEUE_STOP" => QueueEvent::StopRequested(StopRequested { queue_id, task_id, run_id, attempt, reason, by, ts }),
        "QUEUE_HOLD" => {
            let kind = HeldKind::Lost;
            QueueEvent::Held(Hold { queue_id, task_id, run_id, kind, attempt, reason, by: None, ts })
        }
        "QUEUE_REQUEUE" => {
            let not_before = Some(ts + SignedDuration::from_mins(10));
            QueueEvent::Requeued(Requeued { queue_id, task_id, attempt, not_before, reason, by: None, ts })
        }
        "QUEUE_EXPIRE" => QueueEvent::Expired(Expired { queue_id, task_id, deadline_at: ts, ts }),
        _ => QueueEvent::Enqueued(Arc::new(enqueued())),
    }
}

/// The status that a state and an event come to, as the fold says; or what is odd about the event, which changes nothing.
fn outcome(history: &[&str], next: &str) -> Result<String, String> {
    let mut queue = Queue::default();
    for name in history {
        // Histories are made of events that fit; the test below would show one that does not.
        let _ = queue.apply(&event(name), None);
    }
    queue.apply(&event(next), None).map_err(|oddity| oddity.to_string())?;
    let item = queue.get(&id()).map(|item| match item.claim().is_some_and(|claim| claim.stop.is_some()) {
        true => format!("{}, asked to stop", code(item.status())),
        false => code(item.status()),
    });
    Ok(item.unwrap_or_default())
}

/// The table of states and events, and what its numbers stand for.
fn table() -> (String, String) {
    let mut oddities: Vec<String> = Vec::new();
    let rows: Vec<[String; 9]> = HISTORIES
        .iter()
        .map(|(state, history)| {
            let mut cells = EVENTS.iter().map(|next| match outcome(history, next) {
                Ok(status) => status,
                Err(oddity) => {
                    let known = oddities.iter().position(|known| *known == oddity);
                    let at = known.unwrap_or_else(|| {
                        oddities.push(oddity);
                        oddities.len() - 1
                    });
                    format!("({})", at + 1)
                }
            });
            let state = match state.split_once(", asked") {
                Some((status, _)) => format!("{}, asked to stop", code(status)),
                None if history.is_empty() => (*state).to_owned(),
                None => code(state),
            };
            std::array::from_fn(|at| if at == 0 { state.clone() } else { cells.next().unwrap_or_default() })
        })
        .collect();
    let header = ["state", EVENTS[0], EVENTS[1], EVENTS[2], EVENTS[3], EVENTS[4], EVENTS[5], EVENTS[6], EVENTS[7]];
    let header = header.map(|name| if name == "state" { name.to_owned() } else { code(name) });
    let legend = oddities.iter().enumerate().map(|(at, oddity)| format!("- ({}) no change: it {oddity}\n", at + 1));
    (markdown(header.each_ref().map(String::as_str), rows), legend.collect())
}

pub(super) fn page() -> String {
    let (table, legend) = table();
    format!(
        "{}\
An item's state follows from its ledger lines alone. The commands ask first: a cancel of a claimed item is refused
(`QUEUE_ITEM_NOT_CANCELLABLE`), and no line is written. The table says what a reader makes of lines that are there anyway,
such as those of a ledger that another system wrote.

{table}
{legend}
`PENDING` is the only state from which there is a rollback: the cancel. A claimed item can be asked to stop or be taken away
from its worker, which undoes nothing. `LOST` and `DEAD_LETTER` are held: nobody knows what became of the run, and an operator
requeues the item or fails it. A pending item whose deadline has passed is claimed by nobody: the claim that meets it, or a process
that looks after the queue, writes `QUEUE_EXPIRE`. How a claim is kept, lost and fenced is told in [the worker protocol](worker-protocol.md).

## Facts that follow from the state and the moment

None of these is stored.

{}
`sla_state` is the first that fits: `in_progress` (claimed), `completed` (ended well), `ended` (ended otherwise),
`scheduled` (not to be claimed yet), `breached` (the deadline has passed), `at_risk` (the deadline is within an hour),
`on_track`.

## Claim order

Priority from high to low ({} to {}), then the instant from which an item may be claimed, be it scheduled or waiting after a claim
that came to nothing (none first), then the order of queueing.
",
        head("States of a queue item"),
        facts(),
        PRIORITY_RANGE.end(),
        PRIORITY_RANGE.start(),
    )
}

/// Sample items, as what happened to each leaves it.
fn samples() -> Vec<(&'static str, QueueItem)> {
    let when = |minutes: i64| {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        Some(When { text: at.to_string(), at: Some(at) })
    };
    let samples: [(&str, &[&str], Enqueued); 11] = [
        ("pending", &[], enqueued()),
        ("pending, scheduled for later", &[], Enqueued { scheduled: when(10), ..enqueued() }),
        ("pending, scheduled time has come", &[], Enqueued { scheduled: when(-10), ..enqueued() }),
        ("pending, deadline in half an hour", &[], Enqueued { deadline: when(30), ..enqueued() }),
        ("pending, deadline passed", &[], Enqueued { deadline: when(-1), ..enqueued() }),
        ("claimed", &["QUEUE_CLAIM"], enqueued()),
        ("pending again, ten minutes after a claim was lost", &["QUEUE_CLAIM", "QUEUE_REQUEUE"], enqueued()),
        ("held", &["QUEUE_CLAIM", "QUEUE_HOLD"], enqueued()),
        ("finished", &["QUEUE_CLAIM", "QUEUE_DONE"], enqueued()),
        ("cancelled", &["QUEUE_CANCEL"], enqueued()),
        ("expired", &["QUEUE_EXPIRE"], enqueued()),
    ];
    let item = |(what, events, first): (&'static str, &[&str], Enqueued)| {
        let mut queue = Queue::default();
        let mut all = vec![QueueEvent::Enqueued(Arc::new(first))];
        all.extend(events.iter().map(|name| event(name)));
        for event in &all {
            // As above.
            let _ = queue.apply(event, None);
        }
        queue.get(&id()).map(|item| (what, item.clone()))
    };
    samples.into_iter().filter_map(item).collect()
}

/// What is true of sample items at the epoch.
fn facts() -> String {
    let rows = samples().into_iter().map(|(what, item)| fact_row(what, &item));
    markdown(["item", "`queue_state`", "`eligible`", "`sla_state`"], rows)
}

/// The words that an item's members can be, each once, in the order in which an item comes by them.
pub(super) struct ItemWords {
    pub(super) statuses: Vec<&'static str>,
    pub(super) queue_states: Vec<&'static str>,
    pub(super) sla_states: Vec<&'static str>,
}

/// As the items themselves say.
pub(super) fn item_words() -> ItemWords {
    let now = Timestamp::UNIX_EPOCH;
    let (finals, held) = (FinalStatus::ALL.map(FinalStatus::as_str), HeldKind::ALL.map(HeldKind::as_str));
    let mut words = ItemWords { statuses: Vec::new(), queue_states: Vec::new(), sla_states: Vec::new() };
    let once = |list: &mut Vec<&'static str>, word: &'static str| {
        if !list.contains(&word) {
            list.push(word);
        }
    };
    for (_, item) in samples() {
        match &item.state {
            ItemState::Pending => once(&mut words.statuses, "PENDING"),
            ItemState::Claimed(_) => once(&mut words.statuses, "CLAIMED"),
            ItemState::Closed { .. } => finals.into_iter().for_each(|word| once(&mut words.statuses, word)),
            ItemState::Held(_) => held.into_iter().for_each(|word| once(&mut words.statuses, word)),
            ItemState::Cancelled { .. } => once(&mut words.statuses, "CANCELLED"),
            ItemState::Expired { .. } => once(&mut words.statuses, "EXPIRED"),
        }
        once(&mut words.queue_states, item.queue_state(now));
        once(&mut words.sla_states, item.sla_state(now));
    }
    words
}

fn fact_row(what: &str, item: &QueueItem) -> [String; 4] {
    let now = Timestamp::UNIX_EPOCH;
    let state = match item.waiting_reason(now) {
        "" => code(item.queue_state(now)),
        why => format!("{} ({why})", code(item.queue_state(now))),
    };
    [what.to_owned(), state, item.eligible(now).to_string(), code(item.sla_state(now))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histories_lead_where_they_say() {
        for (state, history) in HISTORIES {
            let mut queue = Queue::default();
            for name in history {
                queue.apply(&event(name), None).unwrap();
            }
            let found = queue.get(&id()).map_or("(no item)".to_owned(), |item| item.status().to_owned());
            assert!(state.contains(&found), "{state}: {found}");
        }
    }

    #[test]
    fn the_words_of_an_item_are_its_own() {
        for (what, item) in samples() {
            assert!(item_words().statuses.contains(&item.status()), "{what}");
        }
    }

    #[test]
    fn the_boundary_of_the_rollback_stands_in_the_table() {
        assert_eq!(outcome(&["QUEUE_ENQUEUE"], "QUEUE_CANCEL"), Ok("`CANCELLED`".to_owned()));
        let claimed = ["QUEUE_ENQUEUE", "QUEUE_CLAIM"];
        assert!(outcome(&claimed, "QUEUE_CANCEL").is_err());
        // Nor is there one from any state that a claim has left, but the one in which it waits again.
        for after in ["QUEUE_DONE", "QUEUE_STOP", "QUEUE_HOLD"] {
            assert!(outcome(&[&claimed[..], &[after]].concat(), "QUEUE_CANCEL").is_err(), "{after}");
        }
    }
}
