//! Lists of queue items: what is asked for and what comes back.

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

/// Which items to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueFilter {
    /// Only items of this workflow case.
    pub workflow_id: Option<String>,
    /// Only items of this status, in any case.
    pub status: Option<String>,
    /// Only items that are in this state at this moment.
    pub state: Option<(QueueState, Timestamp)>,
    /// Only items enqueued after this position.
    pub after_seq: Option<u64>,
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

/// Items in enqueue order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueListing {
    /// The items.
    pub items: Vec<QueueItem>,
    /// Whether more follow after the last.
    pub more: bool,
    /// What is wrong with the ledger they come from; empty when it is sound.
    pub problems: Vec<FileProblem>,
}
