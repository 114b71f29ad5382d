//! What each principal has queued, as far as limits ask.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::super::command::Limits;

/// What one principal has queued.
#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) pending: usize,
    // Times of its appends within an hour of the newest, oldest first; no more than any limit can ask for.
    pub(super) applies: VecDeque<Timestamp>,
}

/// The window of the limit on appends.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Used {
    pub(super) fn applied(&mut self, at: Timestamp, counted_before: bool) {
        self.pending += 1;
        if counted_before {
            return;
        }
        self.applies.push_back(at);
        let most = usize::try_from(Limits::MAX).unwrap_or(usize::MAX);
        while self.applies.len() > most || self.applies.front().is_some_and(|first| at.duration_since(*first) >= HOUR) {
            self.applies.pop_front();
        }
    }

    /// When fewer than `most` of its appends lie within the last hour; `None` when that is so now.
    pub(super) fn frees_at(&self, most: u32, now: Timestamp) -> Option<Timestamp> {
        let over = self.applies.len().checked_sub(usize::try_from(most).ok()?)?;
        let frees_at = self.applies.get(over)?.checked_add(HOUR).ok()?;
        (most > 0 && frees_at > now).then_some(frees_at)
    }

    /// Whether its appends may still count against a limit, after a line of this moment. A second hour is kept for clocks
    /// that go back.
    pub(super) fn counts_after(&self, newest: Option<Timestamp>) -> bool {
        let last = self.applies.back();
        last.is_some_and(|last| newest.is_none_or(|newest| newest.duration_since(*last) < HOUR * 2))
    }
}
