//! Leases: how a worker's hold on an item is kept alive, asked to stop, ended, and what an item is when nobody knows what
//! became of its run.
//!
//! No wall clock ends a lease. A worker says now and then that it is there ([`Beat`]); whoever watches counts on its own
//! clock how long nothing was heard ([`LeaseWatch`]), and what it found is judged like any command.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::id::{QueueItemId, Sha256Digest};
use super::queue::{Claim, ItemState, QueueItem};

/// An operator's wish that the run of a claimed item end. The worker sees to it and says so; nothing is rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRequest {
    /// The principal with its role.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Why an item waits for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeldKind {
    /// Nobody knows what became of its run: the worker fell silent, gave it up half way, or lost it to an operator.
    Lost,
    /// It was lost as often as its contract lets it be repeated, and once more.
    DeadLetter,
}

impl HeldKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Lost, Self::DeadLetter];

    /// The status word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "LOST",
            Self::DeadLetter => "DEAD_LETTER",
        }
    }

    /// Parses the status word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// An item that waits for an operator. Its contract stays pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Why it does.
    pub kind: HeldKind,
    /// The claim that ended.
    pub claim: Claim,
    /// Since when.
    pub at: Timestamp,
    /// The principal that ended it; `None` where a watch found it silent.
    pub by: Option<String>,
    /// In words.
    pub reason: String,
}

/// How many items may be claimed at once that have something in common; 0 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Concurrency {
    /// Of one workflow case. Items without one are not limited.
    pub per_workflow: u32,
    /// Of one repository. Items whose repository is not known are not limited.
    pub per_repository: u32,
}

impl Concurrency {
    /// No limit: what holds unless configured otherwise.
    pub const NONE: Self = Self { per_workflow: 0, per_repository: 0 };

    /// Whether nothing is limited.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// Which items may be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimQuery {
    /// At this moment.
    pub now: Timestamp,
    /// Under these limits.
    pub concurrency: Concurrency,
    /// Only this one.
    pub queue_id: Option<QueueItemId>,
}

impl ClaimQuery {
    /// Any item, at this moment, without limits.
    pub fn at(now: Timestamp) -> Self {
        Self { now, concurrency: Concurrency::NONE, queue_id: None }
    }
}

/// What may be claimed next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Next {
    /// The item.
    pub item: Option<QueueItem>,
    /// There is none, but there would be one without the limits.
    pub at_capacity: bool,
}

/// Why a claim found nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// No item may be claimed now.
    Empty,
    /// An operator has paused the queue.
    Paused,
    /// As many items as are allowed at once are claimed of every workflow or repository that has some waiting.
    AtCapacity,
}

impl Idle {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "queue empty",
            Self::Paused => "paused",
            Self::AtCapacity => "at capacity",
        }
    }
}

/// How far a run has come, in the worker's words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProgressNote {
    /// What it does now; at most [`STAGE_MAX`] characters.
    pub stage: String,
    /// One sentence about it; at most [`MESSAGE_MAX`] characters.
    pub message: String,
    /// How many events its run has so far.
    pub events: u64,
}

/// Longest stage, in characters.
pub const STAGE_MAX: usize = 64;
/// Longest message, in characters.
pub const MESSAGE_MAX: usize = 400;

impl ProgressNote {
    /// The same with texts no longer than they may be: progress is a courtesy, and nothing is refused for it.
    #[must_use]
    pub fn bounded(self) -> Self {
        let cut = |text: String, most: usize| match text.char_indices().nth(most) {
            Some((at, _)) => text[..at].to_owned(),
            None => text,
        };
        Self { stage: cut(self.stage, STAGE_MAX), message: cut(self.message, MESSAGE_MAX), events: self.events }
    }
}

/// What a worker last said of an item it works on. Kept beside the ledger, neither chained nor synced: it decides nothing
/// but that the lease goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// The item.
    pub queue_id: QueueItemId,
    /// Which claim of it.
    pub attempt: u32,
    /// How many times it was said.
    pub count: u64,
    /// When, by the clock of whoever wrote it down. For people.
    pub at: Timestamp,
    /// The worker.
    pub worker: String,
    /// How far it is.
    pub progress: Option<ProgressNote>,
}

/// A claimed item and what its worker last said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimStanding {
    /// The item.
    pub item: QueueItem,
    /// Of this very claim; `None` when nothing was said since.
    pub beat: Option<Beat>,
}

/// What a heartbeat answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatAnswer {
    /// Until when the lease would hold without another word, by the clock of whoever answers. For people: see
    /// [`LeaseWatch`]. `None` for a claim that never ends by itself.
    pub lease_expires_at: Option<Timestamp>,
    /// An operator wants the run to end.
    pub stop: Option<StopRequest>,
}

/// A worker that says that it is there. Kept beside the ledger, like a [`Beat`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerPresence {
    /// What it calls itself.
    pub worker: String,
    /// The principal that it acts as.
    pub principal: String,
    /// Through which surface.
    pub surface: String,
    /// Where it runs.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// Of which version it is.
    pub version: String,
    /// Since when it runs.
    pub started_at: Timestamp,
    /// When it last said so.
    pub at: Timestamp,
    /// It takes nothing new.
    pub draining: bool,
    /// How many items it works on at once.
    pub slots: u32,
    /// Those it works on.
    pub running: Vec<QueueItemId>,
    /// Those it cannot take, and why.
    pub cannot: Vec<CannotTake>,
}

/// An item that a worker cannot take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannotTake {
    /// The item.
    pub queue_id: QueueItemId,
    /// Why, in one sentence.
    pub why: String,
}

/// How old a worker's word may be for the worker to count as there.
pub const PRESENCE_MAX: SignedDuration = SignedDuration::from_mins(3);
/// Most items that a presence names as running.
pub const RUNNING_MAX: usize = 256;
/// Most items that a presence names as not to be taken.
pub const CANNOT_MAX: usize = 64;

impl WorkerPresence {
    /// Whether the worker counts as there. A word from the future does for as long as one from the past: clocks differ.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).abs() <= PRESENCE_MAX
    }

    /// The name of the file in which it is kept: two workers of different names never share one.
    pub fn file_name(worker: &str) -> String {
        let digest = Sha256Digest::of(worker.as_bytes());
        format!("{}.json", super::id::hex(&digest.as_bytes()[..16]))
    }

    /// The same with texts and lists no longer than they may be.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let cut = |text: &mut String| {
            if let Some((at, _)) = text.char_indices().nth(200) {
                text.truncate(at);
            }
        };
        [&mut self.worker, &mut self.principal, &mut self.surface, &mut self.host, &mut self.version]
            .into_iter()
            .for_each(cut);
        self.running.truncate(RUNNING_MAX);
        self.cannot.truncate(CANNOT_MAX);
        self.cannot.iter_mut().for_each(|cannot| cut(&mut cannot.why));
        self
    }
}

/// What a contract says about repeating what was lost (`timeout_retry`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retries {
    /// How often a lost attempt may be repeated without asking; 0 where the contract does not say so.
    pub max: u32,
    /// How many seconds to wait before the first repetition; twice as long before each further one.
    pub backoff_s: u64,
}

/// The longest wait before a repetition. A claim never waits longer, however the clock was set meanwhile.
pub const BACKOFF_MAX: SignedDuration = SignedDuration::from_hours(1);

impl Retries {
    /// How long to wait after so many claims.
    pub fn backoff(self, attempts: u32) -> SignedDuration {
        let doubled = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
        // 64 doublings shift the one out of the word; long before that an hour is reached.
        let factor = if attempts > 60 { u64::MAX } else { doubled };
        let seconds = self.backoff_s.saturating_mul(factor);
        let most = BACKOFF_MAX.as_secs();
        SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(most).min(most))
    }
}

/// A claim of which nothing was heard for as long as its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silent {
    /// The item.
    pub queue_id: QueueItemId,
    /// Which claim.
    pub attempt: u32,
    /// How many beats it had all that time.
    pub beat: u64,
    /// For how long.
    pub silent_for: Duration,
}

/// Watches claimed items for silence, on a clock that only goes forward.
///
/// Pure: it is shown every claimed item and a reading of a monotonic clock (time since any fixed moment of the caller's, the
/// same for every look), and says which claims have shown neither a new beat nor a new attempt for as long as their lease. It
/// knows nothing of the time before its first look, so a process that has just started gives every worker a whole lease.
#[derive(Debug, Default)]
pub struct LeaseWatch {
    seen: HashMap<QueueItemId, Seen>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    attempt: u32,
    beat: u64,
    since: Duration,
}

impl LeaseWatch {
    /// A watch that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One look. Claims that are gone are forgotten.
    pub fn look(&mut self, claims: &[ClaimStanding], elapsed: Duration) -> Vec<Silent> {
        let mut before = std::mem::take(&mut self.seen);
        let mut silent = Vec::new();
        for ClaimStanding { item, beat } in claims {
            let ItemState::Claimed(claim) = &item.state else { continue };
            let attempt = claim.attempt;
            let beat = beat.as_ref().filter(|beat| beat.attempt == attempt).map_or(0, |beat| beat.count);
            let known = before.remove(item.queue_id());
            let same = known.filter(|seen| (seen.attempt, seen.beat) == (attempt, beat));
            let seen = same.unwrap_or(Seen { attempt, beat, since: elapsed });
            let silent_for = elapsed.saturating_sub(seen.since);
            if claim.ends_after(silent_for) {
                silent.push(Silent { queue_id: item.queue_id().clone(), attempt, beat, silent_for });
            }
            self.seen.insert(item.queue_id().clone(), seen);
        }
        silent
    }

    /// How many claims are watched.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}
