//! Counters that go on over the whole history: how closed items ended, and what was done lately. They cost a line a look at its
//! event, and an answer nothing that grows with the history. What live items come to is counted elsewhere.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::lease::HeldKind;
use super::super::listing::{DoneCounts, QueueCounts, SLICE_S, SLICES_KEPT, Slice};
use super::super::queue::QueueEvent;
use super::State;

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    closed: BTreeMap<String, u64>,
    slices: BTreeMap<i64, DoneCounts>,
}

impl Tally {
    /// Counts an event that changed something.
    pub(super) fn count(&mut self, event: &QueueEvent) {
        match event {
            QueueEvent::Enqueued(event) => self.did(event.ts, |done| done.queued += 1),
            QueueEvent::Done(event) => {
                self.ended(&event.status);
                let well = event.status.trim().eq_ignore_ascii_case("SUCCESS");
                self.did(event.ts, |done| if well { done.succeeded += 1 } else { done.failed += 1 });
            }
            QueueEvent::Cancelled(event) => {
                self.ended("CANCELLED");
                self.did(event.ts, |done| done.cancelled += 1);
            }
            QueueEvent::Expired(event) => {
                self.ended("EXPIRED");
                self.did(event.ts, |done| done.cancelled += 1);
            }
            QueueEvent::Held(event) => self.did(event.ts, |done| done.lost += 1),
            QueueEvent::Claimed(_) | QueueEvent::Requeued(_) | QueueEvent::StopRequested(_) => {}
        }
    }

    fn ended(&mut self, status: &str) {
        match self.closed.get_mut(status) {
            Some(count) => *count += 1,
            None => *self.closed.entry(QueueCounts::word(status, &self.closed)).or_default() += 1,
        }
    }

    fn did(&mut self, at: Timestamp, count: impl FnOnce(&mut DoneCounts)) {
        let slice = at.as_second().div_euclid(SLICE_S) * SLICE_S;
        count(self.slices.entry(slice).or_default());
        if self.slices.len() > SLICES_KEPT {
            self.slices.pop_first();
        }
    }
}

impl State {
    /// How many items there are at this moment, those that were archived included.
    pub fn counts(&self, now: Timestamp) -> QueueCounts {
        let (pending, claimed) = self.queue.live();
        let waiting = self.queue.waiting(now).min(pending);
        let dead_letter = self.queue.held_as(HeldKind::DeadLetter);
        QueueCounts {
            eligible: (pending - waiting) as u64,
            waiting: waiting as u64,
            claimed: claimed as u64,
            lost: self.queue.held_as(HeldKind::Lost) as u64,
            dead_letter: dead_letter as u64,
            closed: self.tally.closed.clone(),
        }
    }

    /// What was done in each five minutes since this moment, in order; in those that are left out, nothing. The first may have
    /// begun before it.
    pub fn done_since(&self, since: Timestamp) -> Vec<Slice> {
        let first = since.as_second().div_euclid(SLICE_S) * SLICE_S;
        self.tally.slices.range(first..).map(|(from_s, done)| Slice { from_s: *from_s, done: *done }).collect()
    }

    /// What [`State::resume_tally`] needs of lines that are not read again: how items ended, and what was done lately.
    pub fn tally(&self) -> (&BTreeMap<String, u64>, impl Iterator<Item = Slice>) {
        let slices = self.tally.slices.iter().map(|(from_s, done)| Slice { from_s: *from_s, done: *done });
        (&self.tally.closed, slices)
    }

    /// Takes that over, in place of what the lines of live items alone come to.
    pub fn resume_tally(&mut self, closed: BTreeMap<String, u64>, slices: impl IntoIterator<Item = Slice>) {
        let slices = slices.into_iter().map(|slice| (slice.from_s, slice.done)).collect();
        self.tally = Tally { closed, slices };
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::super::id::QueueItemId;
    use super::super::super::listing::{OTHER_STATUS, STATUSES_MAX};
    use super::super::super::queue::{Cancelled, Done};
    use super::*;

    fn done(status: &str, ts: Timestamp) -> QueueEvent {
        QueueEvent::Done(Done {
            queue_id: QueueItemId::from_bytes([1; 16]),
            task_id: String::new(),
            run_id: String::new(),
            status: status.into(),
            attempt: None,
            reason: None,
            by: None,
            ts,
        })
    }

    #[test]
    fn what_is_remembered_is_bounded_whatever_the_lines_say() {
        let mut tally = Tally::default();
        let start: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for n in 0..1000 {
            tally.count(&done(&format!("word_{n}"), start + SignedDuration::from_secs(n * SLICE_S)));
        }
        assert_eq!(tally.slices.len(), SLICES_KEPT);
        let first = start.as_second() + (1000 - SLICES_KEPT as i64) * SLICE_S;
        assert_eq!(tally.slices.first_key_value().map(|(from, _)| *from), Some(first), "the last are kept");
        assert!(tally.closed.len() <= STATUSES_MAX + 1);
        assert_eq!(tally.closed.values().sum::<u64>(), 1000);
        assert!(tally.closed[OTHER_STATUS] >= 1000 - STATUSES_MAX as u64);
    }

    #[test]
    fn a_status_is_counted_in_upper_case_and_what_is_no_word_as_other() {
        let mut tally = Tally::default();
        let now = Timestamp::UNIX_EPOCH;
        for status in ["success", " SUCCESS ", "SUCCESS", "Failure", "", "two words", "\u{202e}x", &"x".repeat(33)] {
            tally.count(&done(status, now));
        }
        let (queue_id, task_id) = (QueueItemId::from_bytes([1; 16]), String::new());
        let cancelled = Cancelled { queue_id, task_id, cancelled_by: None, reason: None, ts: now };
        tally.count(&QueueEvent::Cancelled(cancelled));
        let counts: Vec<(&str, u64)> = tally.closed.iter().map(|(status, count)| (status.as_str(), *count)).collect();
        assert_eq!(counts, [("CANCELLED", 1), ("FAILURE", 1), (OTHER_STATUS, 4), ("SUCCESS", 3)]);
        let wanted = DoneCounts { succeeded: 3, failed: 5, cancelled: 1, ..DoneCounts::default() };
        assert_eq!(tally.slices[&0], wanted);
    }
}
