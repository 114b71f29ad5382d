//! The states of a queue item: the table is what the fold itself does with every event in every state.

use std::sync::Arc;

use cortexpilot_core::domain::fold::Queue;
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::queue::{
    Cancelled, Claimed, Done, Enqueued, FinalStatus, ItemState, PRIORITY_RANGE, QueueEvent, QueueItem, When,
};
use jiff::{SignedDuration, Timestamp};

use super::{code, head, markdown};

const EVENTS: [&str; 4] = ["QUEUE_ENQUEUE", "QUEUE_CANCEL", "QUEUE_CLAIM", "QUEUE_DONE"];

/// How an item comes into each state.
const HISTORIES: [(&str, &[&str]); 5] = [
    ("(no item)", &[]),
    ("PENDING", &["QUEUE_ENQUEUE"]),
    ("CLAIMED", &["QUEUE_ENQUEUE", "QUEUE_CLAIM"]),
    ("SUCCESS, FAILURE", &["QUEUE_ENQUEUE", "QUEUE_CLAIM", "QUEUE_DONE"]),
    ("CANCELLED", &["QUEUE_ENQUEUE", "QUEUE_CANCEL"]),
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
    let run_id = "run_2".to_owned();
    match name {
        "QUEUE_CANCEL" => QueueEvent::Cancelled(Cancelled { queue_id, task_id, reason: None, cancelled_by: None, ts }),
        "QUEUE_CLAIM" => QueueEvent::Claimed(Claimed {
            queue_id,
            task_id,
            run_id,
            worker: "worker".into(),
            attempt: 1,
            lease_expires_at: None,
            ts,
        }),
        "QUEUE_DONE" => {
            let status = FinalStatus::Success.as_str().to_owned();
            QueueEvent::Done(Done { queue_id, task_id, run_id, status, ts })
        }
        _ => QueueEvent::Enqueued(Arc::new(enqueued())),
    }
}

/// What a state and an event come to, as the fold says.
fn outcome(history: &[&str], next: &str) -> String {
    let mut queue = Queue::default();
    for name in history {
        // Histories are made of events that fit; the test below would show one that does not.
        let _ = queue.apply(&event(name), None);
    }
    match (queue.apply(&event(next), None), queue.get(&id())) {
        (Ok(()), Some(item)) => code(item.status()),
        (Ok(()), None) => "–".to_owned(),
        (Err(oddity), _) => format!("no change: it {oddity}"),
    }
}

pub(super) fn page() -> String {
    let rows = HISTORIES.iter().map(|(state, history)| {
        let [a, b, c, d] = EVENTS.map(|next| outcome(history, next));
        let state = if history.is_empty() { "(no item)".to_owned() } else { code(state) };
        [state, a, b, c, d]
    });
    let table = markdown(["state", "`QUEUE_ENQUEUE`", "`QUEUE_CANCEL`", "`QUEUE_CLAIM`", "`QUEUE_DONE`"], rows);
    format!(
        "{}\
An item's state follows from its ledger lines alone. The commands ask first: a cancel of a claimed item is refused
(`QUEUE_ITEM_NOT_CANCELLABLE`), and no line is written. The table says what a reader makes of lines that are there anyway,
such as those of a ledger that another system wrote.

{table}
## Facts that follow from the state and the moment

None of these is stored.

{}
`sla_state` is the first that fits: `in_progress` (claimed), `completed` (ended well), `ended` (ended otherwise),
`scheduled` (not to be claimed yet), `breached` (the deadline has passed), `at_risk` (the deadline is within an hour),
`on_track`.

## Claim order

Priority from high to low ({} to {}), then the scheduled instant (none first), then the order of queueing.
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
    let samples: [(&str, &[&str], Enqueued); 8] = [
        ("pending", &[], enqueued()),
        ("pending, scheduled for later", &[], Enqueued { scheduled: when(10), ..enqueued() }),
        ("pending, scheduled time has come", &[], Enqueued { scheduled: when(-10), ..enqueued() }),
        ("pending, deadline in half an hour", &[], Enqueued { deadline: when(30), ..enqueued() }),
        ("pending, deadline passed", &[], Enqueued { deadline: when(-1), ..enqueued() }),
        ("claimed", &["QUEUE_CLAIM"], enqueued()),
        ("finished", &["QUEUE_CLAIM", "QUEUE_DONE"], enqueued()),
        ("cancelled", &["QUEUE_CANCEL"], enqueued()),
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
    let finals = [FinalStatus::Success, FinalStatus::Failure].map(FinalStatus::as_str);
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
            ItemState::Cancelled { .. } => once(&mut words.statuses, "CANCELLED"),
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
        assert_eq!(outcome(&["QUEUE_ENQUEUE"], "QUEUE_CANCEL"), "`CANCELLED`");
        assert!(outcome(&["QUEUE_ENQUEUE", "QUEUE_CLAIM"], "QUEUE_CANCEL").starts_with("no change"));
    }
}
