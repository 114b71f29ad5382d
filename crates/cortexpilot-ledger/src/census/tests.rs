//! The census agrees with the fold.

use cortexpilot_core::domain::fold::State;
use cortexpilot_core::domain::lease::HeldKind;
use cortexpilot_core::domain::queue::{
    Cancelled, Claimed, Done, Enqueued, Expired, Hold, Provenance, QueueEvent, Requeued, StopRequested, When,
};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

/// An event: what happens, to which of a few items, of which of a few tasks, resting on which of a few contracts.
fn event() -> impl Strategy<Value = QueueEvent> {
    (0..9_u8, 0..6_u8, 0..3_u8, prop::option::of(0..3_u8), 1..3_u32).prop_map(|(what, item, task, pin, attempt)| {
        let ids = ["0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789abcdef", "a", "q-2", "é", "b"];
        let queue_id = QueueItemId::parse(ids[usize::from(item)]).expect("an id");
        let (task_id, run_id, ts) = (format!("t{task}"), String::new(), Timestamp::UNIX_EPOCH);
        match what {
            0 => QueueEvent::Enqueued(enqueued(queue_id, task_id, pin).into()),
            1 => QueueEvent::Claimed(Claimed {
                queue_id,
                task_id,
                run_id,
                worker: String::new(),
                attempt,
                lease_expires_at: None,
                lease: None,
                ts,
            }),
            2 => {
                let (status, attempt, reason, by) = (String::new(), None, None, None);
                QueueEvent::Done(Done { queue_id, task_id, run_id, status, ts, attempt, reason, by })
            }
            3 => {
                let (kind, reason, by) = (HeldKind::Lost, String::new(), None);
                QueueEvent::Held(Hold { queue_id, task_id, run_id, kind, attempt, reason, by, ts })
            }
            4 | 5 => {
                let (not_before, reason, by) = (None, String::new(), None);
                QueueEvent::Requeued(Requeued { queue_id, task_id, attempt, not_before, reason, by, ts })
            }
            6 => QueueEvent::Expired(Expired { queue_id, task_id, deadline_at: ts, ts }),
            7 => {
                let (reason, by) = (String::new(), String::new());
                QueueEvent::StopRequested(StopRequested { queue_id, task_id, run_id, attempt, reason, by, ts })
            }
            _ => QueueEvent::Cancelled(Cancelled { queue_id, task_id, reason: None, cancelled_by: None, ts }),
        }
    })
}

fn enqueued(queue_id: QueueItemId, task_id: String, pin: Option<u8>) -> Enqueued {
    let text = String::new;
    Enqueued {
        queue_id,
        task_id,
        owner: text(),
        contract_path: text(),
        priority: 0,
        workflow_id: text(),
        source_run_id: text(),
        scheduled: None::<When>,
        deadline: None,
        ts: Timestamp::UNIX_EPOCH,
        provenance: pin.map(|pin| Provenance {
            contract_sha256: Sha256Digest::of(&[pin]),
            requested_by: text(),
            actor_role: text(),
            approval_reason: text(),
            pilot_source: text(),
            principal: text(),
            preview_digest: Sha256Digest::ZERO,
            idempotency_key: None,
            depth: 1,
            approval_policy: text(),
            approvals: Vec::new(),
            approver_reason: None,
            repository: None,
        }),
    }
}

fn pins_of(state: &State) -> BTreeMap<Sha256Digest, Vec<QueueItemId>> {
    let mut pins: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for item in state.queue.held().filter(|item| item.is_live()) {
        if let Some(stamps) = &item.enqueued.provenance {
            pins.entry(stamps.contract_sha256).or_default().push(item.queue_id().clone());
        }
    }
    pins
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_census_finds_what_the_fold_finds(events in prop::collection::vec(event(), 0..60)) {
        let (mut census, mut state) = (Census::default(), State::default());
        for event in events {
            let expected = state.apply(&event, None);
            prop_assert_eq!(census.apply(Outline::from(event.clone()).into()), expected, "{:?}", event);
            prop_assert_eq!(census.live_pins(), pins_of(&state));
        }
    }
}
