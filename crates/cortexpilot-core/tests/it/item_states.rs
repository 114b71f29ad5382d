//! What follows from an item's state at a moment: the words of its view.

use std::sync::Arc;

use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::lease::{Held, HeldKind};
use cortexpilot_core::domain::queue::{Claim, Enqueued, ItemState, QueueItem, When};
use cortexpilot_core::domain::time::Schedule;
use jiff::{SignedDuration, Timestamp};

use crate::support::start;

fn item(state: ItemState, scheduled: Option<Timestamp>, deadline: Option<Timestamp>) -> QueueItem {
    let when = |at: Timestamp| When { text: at.to_string(), at: Some(at) };
    QueueItem {
        seq: 0,
        enqueued: Arc::new(Enqueued {
            queue_id: QueueItemId::from_bytes([1; 16]),
            task_id: "task".into(),
            owner: String::new(),
            contract_path: String::new(),
            priority: 0,
            workflow_id: String::new(),
            source_run_id: String::new(),
            scheduled: scheduled.map(when),
            deadline: deadline.map(when),
            ts: start(),
            provenance: None,
        }),
        line_hash: None,
        attempts: 0,
        not_before: None,
        state,
    }
}

fn held() -> Claim {
    Claim {
        run_id: "run_1".into(),
        claimed_at: start(),
        worker: "w".into(),
        attempt: 1,
        lease_expires_at: None,
        lease: None,
        stop: None,
    }
}

fn closed(status: &str) -> ItemState {
    ItemState::Closed {
        status: status.into(),
        claim: Some(held()),
        run_id: "run_1".into(),
        completed_at: start(),
        reason: None,
        by: None,
    }
}

fn lost(kind: HeldKind) -> ItemState {
    ItemState::Held(Box::new(Held { kind, claim: held(), at: start(), by: None, reason: "silent".into() }))
}

fn cancelled() -> ItemState {
    ItemState::Cancelled { at: start(), by: None, reason: None }
}

#[test]
fn a_pending_items_words_follow_from_its_schedule_and_deadline() {
    let (tick, hour, now) = (SignedDuration::from_nanos(1), SignedDuration::from_hours(1), start());
    type FromNow = Option<SignedDuration>;
    // Scheduled and deadline; then `sla_state`, `queue_state`, `waiting_reason`.
    let rows: [(FromNow, FromNow, &str, &str, &str); 14] = [
        (None, None, "on_track", "eligible", ""),
        (Some(-hour), None, "on_track", "eligible", ""),
        // At its time an item may be claimed; a moment before it may not.
        (Some(SignedDuration::ZERO), None, "on_track", "eligible", ""),
        (Some(tick), None, "scheduled", "waiting", "scheduled_for_future"),
        (None, Some(-hour), "breached", "eligible", ""),
        (None, Some(SignedDuration::ZERO), "breached", "eligible", ""),
        (None, Some(tick), "at_risk", "eligible", ""),
        (None, Some(hour - tick), "at_risk", "eligible", ""),
        (None, Some(hour), "at_risk", "eligible", ""),
        (None, Some(hour + tick), "on_track", "eligible", ""),
        // A schedule in the future comes before whatever the deadline says.
        (Some(hour), Some(-hour), "scheduled", "waiting", "scheduled_for_future"),
        (Some(hour), Some(tick), "scheduled", "waiting", "scheduled_for_future"),
        (Some(-tick), Some(-tick), "breached", "eligible", ""),
        (Some(-tick), Some(hour), "at_risk", "eligible", ""),
    ];
    for (scheduled, deadline, sla, queue, waiting) in rows {
        let item = item(ItemState::Pending, scheduled.map(|by| now + by), deadline.map(|by| now + by));
        let got = (item.sla_state(now), item.queue_state(now), item.waiting_reason(now));
        assert_eq!(got, (sla, queue, waiting), "scheduled {scheduled:?}, deadline {deadline:?}");
        assert_eq!(item.eligible(now), queue == "eligible", "scheduled {scheduled:?}");
        assert_eq!((item.status(), item.run_id()), ("PENDING", ""));
    }
}

#[test]
fn every_other_state_has_its_words_whatever_the_clock_says() {
    let rows = [
        (ItemState::Claimed(held()), "CLAIMED", "in_progress", "claimed"),
        (closed("SUCCESS"), "SUCCESS", "completed", "closed"),
        (closed("DONE"), "DONE", "completed", "closed"),
        (closed("COMPLETED"), "COMPLETED", "completed", "closed"),
        (closed("FAILURE"), "FAILURE", "ended", "closed"),
        (closed("FAILED"), "FAILED", "ended", "closed"),
        (closed("ERROR"), "ERROR", "ended", "closed"),
        (closed("REJECTED"), "REJECTED", "ended", "closed"),
        // A legacy line's spelling is shown as it is and understood in any case.
        (closed(" success"), " success", "completed", "closed"),
        (cancelled(), "CANCELLED", "ended", "closed"),
        (closed("STOPPED"), "STOPPED", "ended", "closed"),
        (ItemState::Expired { at: start() }, "EXPIRED", "ended", "closed"),
    ];
    let hour = SignedDuration::from_hours(1);
    for (state, status, sla, queue) in rows {
        for (scheduled, deadline) in [(None, None), (Some(start() + hour), Some(start() - hour))] {
            let item = item(state.clone(), scheduled, deadline);
            assert_eq!((item.status(), item.sla_state(start()), item.queue_state(start())), (status, sla, queue));
            assert_eq!((item.eligible(start()), item.waiting_reason(start())), (false, ""), "{status}");
        }
    }
    // A status that nobody knows is closed, and stands against its deadline.
    assert_eq!(item(closed("PAUSED"), None, None).sla_state(start()), "on_track");
    assert_eq!(item(closed("PAUSED"), None, Some(start())).sla_state(start()), "breached");
}

#[test]
fn a_held_item_is_unfinished_and_stands_against_its_deadline() {
    let hour = SignedDuration::from_hours(1);
    for kind in HeldKind::ALL {
        for (deadline, sla) in [(None, "on_track"), (Some(start() + hour), "at_risk"), (Some(start()), "breached")] {
            let item = item(lost(kind), None, deadline);
            assert_eq!((item.status(), item.sla_state(start())), (kind.as_str(), sla));
            assert_eq!((item.queue_state(start()), item.waiting_reason(start())), ("held", ""));
            assert!(item.is_live() && !item.eligible(start()) && item.claim().is_none());
            assert_eq!(item.run_id(), "run_1");
        }
    }
}

#[test]
fn a_wait_after_a_claim_that_came_to_nothing_is_an_hour_at_most() {
    let (tick, hour) = (SignedDuration::from_nanos(1), SignedDuration::from_hours(1));
    // Scheduled, not before; then the words of the view.
    let rows: [(Option<SignedDuration>, SignedDuration, &str, &str); 6] = [
        (None, SignedDuration::ZERO, "eligible", ""),
        (None, tick, "waiting", "backing_off"),
        (None, hour, "waiting", "backing_off"),
        // Said by a clock that was far ahead, and has been set back since.
        (None, hour + tick, "eligible", ""),
        (Some(tick), tick, "waiting", "scheduled_for_future"),
        (Some(hour * 9), hour + tick, "waiting", "scheduled_for_future"),
    ];
    for (scheduled, not_before, queue, waiting) in rows {
        let mut item = item(ItemState::Pending, scheduled.map(|by| start() + by), None);
        item.not_before = Some(start() + not_before);
        let got = (item.queue_state(start()), item.waiting_reason(start()));
        assert_eq!(got, (queue, waiting), "{scheduled:?} {not_before:?}");
        assert_eq!(item.eligible(start()), queue == "eligible");
    }
}

#[test]
fn a_legacy_time_that_names_no_instant_holds_nothing_up() {
    let mut item = item(ItemState::Pending, None, None);
    Arc::make_mut(&mut item.enqueued).scheduled = Some(When { text: "next tuesday".into(), at: None });
    Arc::make_mut(&mut item.enqueued).deadline = Some(When { text: "2020-01-01T00:00:00".into(), at: None });
    assert!(item.eligible(start()));
    assert_eq!(item.sla_state(start()), "on_track");
}

#[test]
fn a_schedule_means_its_instant_whatever_its_offset() {
    let text = "2026-11-22T10:30:52+02:00";
    let schedule = Schedule::parse(text).expect("ISO 8601").expect("given");
    assert_eq!(schedule.at(), start());
    let mut item = item(ItemState::Pending, None, None);
    Arc::make_mut(&mut item.enqueued).scheduled = Some(When::from(&schedule));
    assert!(item.eligible(start()));
    assert!(!item.eligible(start() - SignedDuration::from_nanos(1)));
    assert_eq!(item.enqueued.scheduled.as_ref().map(|when| when.text.as_str()), Some(text), "kept as sent");
}

#[test]
fn claim_order_is_priority_then_instant_then_order() {
    let key = |priority: i64, scheduled: Option<i64>, seq: u64| {
        let mut item = item(ItemState::Pending, scheduled.map(|s| start() + SignedDuration::from_secs(s)), None);
        Arc::make_mut(&mut item.enqueued).priority = priority;
        item.seq = seq;
        item.claim_key()
    };
    let ordered = [
        key(i64::MAX, None, 9),
        key(100, None, 8),
        key(100, Some(-5), 7),
        key(100, Some(5), 2),
        key(100, Some(5), 6),
        key(0, None, 3),
        key(0, None, 5),
        key(-100, None, 1),
        key(i64::MIN, None, 0),
    ];
    assert!(ordered.is_sorted(), "{ordered:#?}");
    assert!(ordered[2].ready(start()) && !ordered[3].ready(start()));
}
