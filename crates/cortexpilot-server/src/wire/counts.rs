//! How many items there are, and what was done lately.

use std::collections::BTreeMap;

use cortexpilot_core::domain::listing::{DoneCounts, QueueCounts, SLICE_S, Slice};
use cortexpilot_core::domain::time::ledger_text;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// How many items there are, by where they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CountsView {
    /// All of them.
    pub total: u64,
    /// By `queue_state`.
    pub by_state: StatesView,
    /// By `status`: `PENDING`, `CLAIMED`, `LOST` and `DEAD_LETTER` always, of the closed ones those that there are. `OTHER`
    /// stands for what the original wrote that is no word.
    pub by_status: BTreeMap<String, u64>,
}

/// How many items are in each state now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatesView {
    /// A worker may claim them now.
    pub eligible: u64,
    /// Their time has not come.
    pub waiting: u64,
    /// A worker has them.
    pub claimed: u64,
    /// An operator is to settle them.
    pub held: u64,
    /// Nothing becomes of them any more.
    pub closed: u64,
}

impl CountsView {
    /// What was counted.
    pub fn of(counts: &QueueCounts) -> Self {
        let live = [
            ("PENDING", counts.eligible + counts.waiting),
            ("CLAIMED", counts.claimed),
            ("LOST", counts.lost),
            ("DEAD_LETTER", counts.dead_letter),
        ];
        // A line of the original may have closed an item with a word that says it is open.
        let mut by_status = counts.closed.clone();
        for (status, count) in live {
            *by_status.entry(status.to_owned()).or_default() += count;
        }
        Self {
            total: counts.total(),
            by_state: StatesView {
                eligible: counts.eligible,
                waiting: counts.waiting,
                claimed: counts.claimed,
                held: counts.lost + counts.dead_letter,
                closed: counts.closed.values().sum(),
            },
            by_status,
        }
    }
}

/// A span of time that is shown in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Twelve times five minutes.
    Hour,
    /// Twenty-four hours.
    Day,
}

impl Span {
    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Hour, Self::Day].into_iter().find(|span| span.as_str() == word)
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    fn steps(self) -> (i64, i64) {
        match self {
            Self::Hour => (12, SLICE_S),
            Self::Day => (24, 3600),
        }
    }

    /// When the first step begins: the last one is the one that this moment is in.
    pub fn begin(self, now: Timestamp) -> Timestamp {
        let (count, long) = self.steps();
        let last = now.as_second().div_euclid(long) * long;
        Timestamp::from_second(last - (count - 1) * long).unwrap_or(Timestamp::MIN)
    }
}

/// What was done lately, in steps of equal length, oldest first. The times are those of the ledger's lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ThroughputView {
    /// `hour` or `day`.
    pub span: &'static str,
    /// How long a step is.
    pub bucket_seconds: i64,
    /// When the first begins.
    pub from: String,
    /// When the last ends, which is not over yet.
    pub until: String,
    /// The steps, those in which nothing was done included.
    pub buckets: Vec<BucketView>,
}

/// What was done within one step. An item that was queued and ended in it is counted as both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BucketView {
    /// When it begins.
    pub from: String,
    /// Items that were queued.
    pub queued: u64,
    /// Items that ended as `SUCCESS`.
    pub succeeded: u64,
    /// Items that ended as anything else, such as `FAILURE` or `STOPPED`.
    pub failed: u64,
    /// Items that were cancelled, or expired, before a worker had them.
    pub cancelled: u64,
    /// Items whose worker was lost with them, and that wait for an operator since.
    pub lost: u64,
}

impl ThroughputView {
    /// What was counted in slices since [`Span::begin`].
    pub fn of(span: Span, slices: &[Slice], now: Timestamp) -> Self {
        let (count, long) = span.steps();
        let begin = span.begin(now).as_second();
        let text = |second: i64| ledger_text(Timestamp::from_second(second).unwrap_or(Timestamp::MAX));
        let buckets = (0..count).map(|step| {
            let from = begin + step * long;
            let mut done = DoneCounts::default();
            let within = slices.iter().filter(|slice| (from..from + long).contains(&slice.from_s));
            within.for_each(|slice| done.add(&slice.done));
            let DoneCounts { queued, succeeded, failed, cancelled, lost } = done;
            BucketView { from: text(from), queued, succeeded, failed, cancelled, lost }
        });
        Self {
            span: span.as_str(),
            bucket_seconds: long,
            from: text(begin),
            until: text(begin + count * long),
            buckets: buckets.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_end_with_the_one_that_now_is_in_and_slices_fall_into_theirs() {
        let now: Timestamp = "2026-03-01T12:34:56Z".parse().unwrap();
        assert_eq!(Span::Day.begin(now).to_string(), "2026-02-28T13:00:00Z");
        assert_eq!(Span::Hour.begin(now).to_string(), "2026-03-01T11:35:00Z");
        let slice = |at: &str, queued| Slice {
            from_s: at.parse::<Timestamp>().unwrap().as_second(),
            done: DoneCounts { queued, ..DoneCounts::default() },
        };
        let slices = [
            slice("2026-02-28T12:55:00Z", 100),
            slice("2026-02-28T13:00:00Z", 1),
            slice("2026-03-01T12:00:00Z", 2),
            slice("2026-03-01T12:30:00Z", 4),
        ];
        let queued = |span: Span| -> Vec<u64> {
            ThroughputView::of(span, &slices, now).buckets.iter().map(|bucket| bucket.queued).collect()
        };
        let day = queued(Span::Day);
        assert_eq!((day.len(), day[0], day[23], day.iter().sum::<u64>()), (24, 1, 6, 7));
        assert_eq!(queued(Span::Hour), [0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 4]);
    }
}
