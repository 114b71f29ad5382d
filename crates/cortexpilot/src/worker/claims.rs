//! What a worker asks of a queue, whoever keeps it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cortexpilot_core::domain::id::{QueueItemId, RunId, Sha256Digest};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::BoxFuture;

use crate::config::Secret;

/// An item that could be claimed now, as far as the queue knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The item.
    pub(crate) queue_id: QueueItemId,
    /// Its task.
    pub(crate) task_id: String,
    /// Its workflow case; empty for none.
    pub(crate) workflow_id: String,
    /// The run that it was derived from.
    pub(crate) source_run_id: String,
    /// The repository that its line names.
    pub(crate) repository: Option<PathBuf>,
    /// The contract that was approved, where the queue says it before the claim.
    pub(crate) pinned: Option<Sha256Digest>,
}

/// A look at the queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Looked {
    /// What could be claimed now, in claim order.
    pub(crate) candidates: Vec<Candidate>,
    /// Why nothing can be, where that is not simply because the queue is empty: `paused`, `frozen`, `at capacity`.
    pub(crate) idle: Option<String>,
}

/// A claim that this worker holds.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    /// The item.
    pub(crate) queue_id: QueueItemId,
    /// The run that this attempt is to be recorded as.
    pub(crate) run_id: RunId,
    /// Which attempt it is, from 1.
    pub(crate) attempt: u32,
    /// What every later word about the claim must carry.
    pub(crate) token: Secret,
    /// How long the claim holds without a heartbeat.
    pub(crate) lease: Duration,
    /// The contract that was approved; `None` on an item of another system.
    pub(crate) pinned: Option<Sha256Digest>,
}

/// How a run goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Note {
    /// Where it is.
    pub(crate) stage: String,
    /// How many events it has.
    pub(crate) events: u64,
}

/// What an operator asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StopAsked {
    /// Who.
    pub(crate) by: String,
    /// Why.
    pub(crate) reason: String,
}

/// How a claimed item ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything that was asked for holds.
    Success,
    /// Something does not.
    Failure,
    /// An operator asked for it.
    Stopped,
}

impl End {
    /// The queue's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Stopped => "STOPPED",
        }
    }
}

/// What a worker says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Presence {
    /// Its name.
    pub(crate) worker: String,
    /// The machine's name.
    pub(crate) host: String,
    /// Its process.
    pub(crate) pid: u32,
    /// Its version.
    pub(crate) version: String,
    /// When it began.
    pub(crate) started_at: jiff::Timestamp,
    /// It takes nothing more.
    pub(crate) draining: bool,
    /// How many items it carries out at once.
    pub(crate) slots: u32,
    /// What it carries out now.
    pub(crate) running: Vec<QueueItemId>,
    /// What it could claim and cannot carry out, with the reason and the next step.
    pub(crate) cannot: Vec<(QueueItemId, String)>,
}

/// Why a queue did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The claim is not this worker's any more: it ended, was taken away, or somebody else has it.
    NotOurs(String),
    /// Refused, for another reason: a code and a sentence.
    Refused {
        /// The code of the wire contract.
        code: String,
        /// Why, and what can be done.
        reason: String,
    },
    /// It could not be asked, or nobody knows what came of it.
    Away(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotOurs(why) | Self::Away(why) => f.write_str(why),
            Self::Refused { code, reason } => write!(f, "{code}: {reason}"),
        }
    }
}

impl Trouble {
    /// By the code of a refusal.
    pub(crate) fn of(code: &str, reason: String) -> Self {
        let is = |codes: &[ErrorCode]| codes.iter().any(|known| known.as_str() == code);
        if is(&[ErrorCode::LeaseInvalid, ErrorCode::QueueItemNotClaimed, ErrorCode::QueueItemNotFound]) {
            Self::NotOurs(reason)
        } else if is(&[
            ErrorCode::StoreUnavailable,
            ErrorCode::OutcomeUnknown,
            ErrorCode::StoreFull,
            ErrorCode::RateLimited,
            ErrorCode::RequestTimeout,
            ErrorCode::Internal,
        ]) {
            Self::Away(format!("{code}: {reason}"))
        } else {
            Self::Refused { code: code.to_owned(), reason }
        }
    }

    /// Whether asking again in the same way is of no use: this worker may not ask.
    pub(crate) fn is_final(&self) -> bool {
        const FINAL: [&str; 7] = [
            "UNAUTHENTICATED",
            "AUTH_MISSING_BEARER",
            "AUTH_INVALID_TOKEN",
            "SCOPE_FORBIDDEN",
            "ROLE_REQUIRED",
            "ROLE_FORBIDDEN",
            "ROLE_MISMATCH",
        ];
        match self {
            Self::Refused { code, .. } => FINAL.contains(&code.as_str()),
            Self::NotOurs(_) | Self::Away(_) => false,
        }
    }
}

/// The answer of a queue.
pub(crate) type Asked<'a, T> = BoxFuture<'a, Result<T, Trouble>>;

/// A queue, as a worker sees it. Every method may be called at any time, from several tasks.
pub(crate) trait Claims: Send + Sync {
    /// What could be claimed now, at most so many, in claim order. Changes nothing.
    fn look(&self, limit: usize) -> Asked<'_, Looked>;

    /// The bytes that were pinned for an item; `None` where they are gone.
    fn contract<'a>(&'a self, id: &'a QueueItemId) -> Asked<'a, Option<Arc<[u8]>>>;

    /// Takes exactly this item; `None`: it cannot be had any more.
    fn claim<'a>(&'a self, id: &'a QueueItemId, lease: Duration) -> Asked<'a, Option<Taken>>;

    /// Renews the claim and says how the run goes on; answers an operator's wish that it end.
    fn heartbeat<'a>(&'a self, taken: &'a Taken, note: Note) -> Asked<'a, Option<StopAsked>>;

    /// Ends the claim.
    fn complete<'a>(&'a self, taken: &'a Taken, end: End, reason: Option<String>) -> Asked<'a, ()>;

    /// Gives the claim back: `started` says whether anything was carried out, for then its effects are unknown.
    fn release<'a>(&'a self, taken: &'a Taken, started: bool, reason: String) -> Asked<'a, ()>;

    /// Whether the item's last attempt is this one and ended in this way: asked where the answer to a final word was lost.
    fn ended_so<'a>(&'a self, taken: &'a Taken, end: Option<End>) -> Asked<'a, bool>;

    /// Says that the worker is there.
    fn present<'a>(&'a self, presence: &'a Presence) -> Asked<'a, ()>;

    /// Says that it is gone.
    fn gone<'a>(&'a self, presence: &'a Presence) -> Asked<'a, ()>;
}
