//! Lists of queue items: what is asked for and what comes back.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::queue::QueueItem;

/// Where an item stands for whoever works the queue, at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueState {
    /// A worker has it.
    Claimed,
    /// Nothing becomes of it any more.
    Closed,
    /// A worker may claim it now.
    Eligible,
    /// Its time has not come.
    Waiting,
    /// An operator is to settle it.
    Held,
}

impl QueueState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Claimed, Self::Closed, Self::Eligible, Self::Waiting, Self::Held];

    /// The word of the item view.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Closed => "closed",
            Self::Eligible => "eligible",
            Self::Waiting => "waiting",
            Self::Held => "held",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// In which direction items are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueOrder {
    /// In the order in which they were enqueued.
    #[default]
    Oldest,
    /// The last that was enqueued first.
    Newest,
}

/// Which items to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueFilter {
    /// Only items of this workflow case.
    pub workflow_id: Option<String>,
    /// Only items of this status, in any case.
    pub status: Option<String>,
    /// Only items that are in this state at this moment.
    pub state: Option<(QueueState, Timestamp)>,
    /// Only items behind this position, in the direction of the list: enqueued after it, or with [`QueueOrder::Newest`] before
    /// it.
    pub after_seq: Option<u64>,
    /// In which direction.
    pub order: QueueOrder,
    /// At most so many.
    pub limit: Option<usize>,
}

impl QueueFilter {
    /// Whether an item is listed (position and limit aside).
    pub fn accepts(&self, item: &QueueItem) -> bool {
        self.workflow_id.as_ref().is_none_or(|id| *id == item.enqueued.workflow_id)
            && self.status.as_ref().is_none_or(|status| status.eq_ignore_ascii_case(item.status().trim()))
            && self.state.is_none_or(|(state, now)| item.queue_state(now) == state.as_str())
    }

    /// Whether a closed item can be listed at all: otherwise nobody needs to look for one.
    pub fn accepts_closed(&self) -> bool {
        self.state.is_none_or(|(state, _)| state == QueueState::Closed)
    }
}

/// Something wrong with a file of the store, as lists report it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// The file's name, without its directory.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong, in our words.
    pub problem: String,
}

/// How many items there are, by where they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueCounts {
    /// Pending, and a worker may claim them now.
    pub eligible: u64,
    /// Pending, and their time has not come.
    pub waiting: u64,
    /// A worker has them.
    pub claimed: u64,
    /// Held for an operator: nobody knows what became of their run.
    pub lost: u64,
    /// Held for an operator: lost as often as they may be repeated.
    pub dead_letter: u64,
    /// Nothing becomes of them any more, by status: in upper case, and [`OTHER_STATUS`] for what the original wrote that is no
    /// word, or beyond the first [`STATUSES_MAX`] words. Statuses that no item has are left out.
    pub closed: BTreeMap<String, u64>,
}

/// So many different statuses of closed items are counted apart: a ledger of the original may name any.
pub const STATUSES_MAX: usize = 64;

/// Under this the rest is counted.
pub const OTHER_STATUS: &str = "OTHER";

impl QueueCounts {
    /// Under which word a closed item of this status is counted, where these are counted already.
    pub fn word(status: &str, known: &BTreeMap<String, u64>) -> String {
        let word = status.trim();
        let plain = !word.is_empty() && word.len() <= 32 && word.bytes().all(|byte| byte.is_ascii_graphic());
        let word = if plain { word.to_ascii_uppercase() } else { OTHER_STATUS.to_owned() };
        if known.contains_key(&word) || known.len() < STATUSES_MAX { word } else { OTHER_STATUS.to_owned() }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.eligible + self.waiting + self.claimed + self.lost + self.dead_letter + self.closed.values().sum::<u64>()
    }
}

/// How long a [`Slice`] is, in seconds. Slices begin at multiples of it since 1970.
pub const SLICE_S: i64 = 300;

/// How many slices with anything in them a store remembers at least, the last ones: a day's and one more.
pub const SLICES_KEPT: usize = 289;

/// What was done with items within five minutes, by the times of the ledger's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// When it begins, in seconds since 1970.
    pub from_s: i64,
    /// What was done.
    pub done: DoneCounts,
}

/// How many lines did what. An item that is queued and ended within one slice is counted as both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DoneCounts {
    /// Enqueued.
    pub queued: u64,
    /// Ended as `SUCCESS`.
    pub succeeded: u64,
    /// Ended as anything else.
    pub failed: u64,
    /// Cancelled, or expired, before a worker had them.
    pub cancelled: u64,
    /// Held for an operator.
    pub lost: u64,
}

impl DoneCounts {
    /// Adds others.
    pub fn add(&mut self, others: &Self) {
        self.queued += others.queued;
        self.succeeded += others.succeeded;
        self.failed += others.failed;
        self.cancelled += others.cancelled;
        self.lost += others.lost;
    }
}

/// Items in the order that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueListing {
    /// The items.
    pub items: Vec<QueueItem>,
    /// Whether more follow after the last.
    pub more: bool,
    /// What is wrong with the ledger they come from; empty when it is sound.
    pub problems: Vec<FileProblem>,
}
