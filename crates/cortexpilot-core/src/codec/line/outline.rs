//! What a line says, as far as holding the lines against each other needs it: which item, what becomes of it, when.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Adopted, Line, LineProblem, Repaired, decode_any, quick};
use crate::domain::id::Sha256Digest;
use crate::domain::queue::QueueEvent;

/// An event without its texts, most of which nobody asks for while a ledger is verified. Making it of a line of ours
/// allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline<'a> {
    /// The item's id.
    pub queue_id: Cow<'a, str>,
    /// The task, as this line names it.
    pub task_id: Cow<'a, str>,
    /// When it happened; the epoch where a line of the original does not say.
    pub ts: Timestamp,
    /// What becomes of the item.
    pub change: Change,
}

/// What becomes of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It comes to be, and rests on this pinned contract; a line of the original names none.
    Enqueued(Option<Sha256Digest>),
    /// It will not be run.
    Cancelled,
    /// It is being run, under this claim.
    Claimed(u32),
    /// It is over.
    Done,
    /// This claim has ended; it waits for an operator.
    Held(u32),
    /// This claim has ended; it waits again.
    Requeued(u32),
    /// Its deadline passed.
    Expired,
    /// This claim's run is asked to end.
    StopRequested(u32),
}

/// What a line says, in outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutlineLine<'a> {
    /// An event of the queue.
    Event(Outline<'a>),
    /// A repair.
    Repaired(Repaired),
    /// An import.
    Adopted(Adopted),
    /// An event of a newer version.
    Unknown {
        /// Its name.
        event: String,
    },
}

/// Reads one of our lines in outline. Every member is looked at: it fails where [`decode`](super::decode) fails, in the same
/// words.
///
/// # Errors
/// As [`decode`](super::decode).
pub fn outline(line: &[u8]) -> Result<OutlineLine<'_>, LineProblem> {
    if let Some(event) = quick::read(line) {
        return Ok(OutlineLine::Event(event));
    }
    Ok(match decode_any(line)? {
        Line::Event(event) => OutlineLine::Event(event.into()),
        Line::Repaired(repaired) => OutlineLine::Repaired(repaired),
        Line::Adopted(adopted) => OutlineLine::Adopted(adopted),
        Line::Unknown { event } => OutlineLine::Unknown { event },
    })
}

impl From<QueueEvent> for Outline<'static> {
    fn from(event: QueueEvent) -> Self {
        let (ts, queue_id) = (event.ts(), event.queue_id().as_str().to_owned().into());
        let (task_id, change) = match event {
            QueueEvent::Enqueued(event) => {
                let pin = event.provenance.as_ref().map(|stamps| stamps.contract_sha256);
                (event.task_id.clone(), Change::Enqueued(pin))
            }
            QueueEvent::Cancelled(event) => (event.task_id, Change::Cancelled),
            QueueEvent::Claimed(event) => (event.task_id, Change::Claimed(event.attempt)),
            QueueEvent::Done(event) => (event.task_id, Change::Done),
            QueueEvent::Held(event) => (event.task_id, Change::Held(event.attempt)),
            QueueEvent::Requeued(event) => (event.task_id, Change::Requeued(event.attempt)),
            QueueEvent::Expired(event) => (event.task_id, Change::Expired),
            QueueEvent::StopRequested(event) => (event.task_id, Change::StopRequested(event.attempt)),
        };
        Self { queue_id, task_id: task_id.into(), ts, change }
    }
}
