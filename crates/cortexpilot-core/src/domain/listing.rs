//! Lists of queue items: what is asked for and what comes back.

use super::queue::QueueItem;

/// Which items to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueFilter {
    /// Only items of this workflow case.
    pub workflow_id: Option<String>,
    /// Only items of this status, in any case.
    pub status: Option<String>,
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
