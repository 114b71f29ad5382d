//! The queue item: its states, the events that move it, and what follows from both at a given moment.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::id::{QueueItemId, Sha256Digest};
use super::time::Schedule;

/// What every enqueue line of ours says in `approval_mode`.
pub const APPROVAL_MODE: &str = "manual-owner-default-off";

/// Priorities are clamped to this range, both ends included.
pub const PRIORITY_RANGE: std::ops::RangeInclusive<i64> = -100..=100;

/// One change of the queue: one ledger line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueEvent {
    /// An item was appended (`QUEUE_ENQUEUE`).
    Enqueued(Arc<Enqueued>),
    /// A pending item was cancelled (`QUEUE_CANCEL`).
    Cancelled(Cancelled),
    /// A worker took an item (`QUEUE_CLAIM`).
    Claimed(Claimed),
    /// A worker finished an item (`QUEUE_DONE`).
    Done(Done),
}

impl QueueEvent {
    /// When it happened.
    pub fn ts(&self) -> Timestamp {
        match self {
            Self::Enqueued(event) => event.ts,
            Self::Cancelled(event) => event.ts,
            Self::Claimed(event) => event.ts,
            Self::Done(event) => event.ts,
        }
    }

    /// The item it is about.
    pub fn queue_id(&self) -> &QueueItemId {
        match self {
            Self::Enqueued(event) => &event.queue_id,
            Self::Cancelled(event) => &event.queue_id,
            Self::Claimed(event) => &event.queue_id,
            Self::Done(event) => &event.queue_id,
        }
    }
}

/// The members of a `QUEUE_ENQUEUE` line that say what was enqueued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueued {
    /// The item's id.
    pub queue_id: QueueItemId,
    /// The task, from the run.
    pub task_id: String,
    /// The owning agent, from the run.
    pub owner: String,
    /// Absolute path of the source run's contract.
    pub contract_path: String,
    /// −100 to 100, higher first.
    pub priority: i64,
    /// The workflow case, or empty.
    pub workflow_id: String,
    /// The run it was derived from.
    pub source_run_id: String,
    /// Not to be claimed before.
    pub scheduled: Option<When>,
    /// Should be finished by.
    pub deadline: Option<When>,
    /// When it was enqueued.
    pub ts: Timestamp,
    /// What our lines add; absent on a line of the original.
    pub provenance: Option<Provenance>,
}

/// A schedule as an enqueue line holds it: our own lines always have an instant, a legacy line may hold any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// As written.
    pub text: String,
    /// The instant; `None` when a legacy text names none.
    pub at: Option<Timestamp>,
}

impl From<&Schedule> for When {
    fn from(schedule: &Schedule) -> Self {
        Self { text: schedule.text().to_owned(), at: Some(schedule.at()) }
    }
}

/// The audit stamps of an enqueue line: who, in which role, why, through what, resting on which preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Digest of the pinned contract.
    pub contract_sha256: Sha256Digest,
    /// Who asked, as stated.
    pub requested_by: String,
    /// The role, stated and held.
    pub actor_role: String,
    /// Why, as stated.
    pub approval_reason: String,
    /// The surface's word.
    pub pilot_source: String,
    /// The authenticated principal.
    pub principal: String,
    /// Digest of the preview it rests on.
    pub preview_digest: Sha256Digest,
    /// The caller's key, if any.
    pub idempotency_key: Option<String>,
    /// How many items deep the source run's ancestry is: 1 for a run that came out of no item.
    pub depth: u32,
    /// The policy under which it was approved.
    pub approval_policy: String,
    /// Approvals by people, each a principal in its role; empty under `declared`. The last is this line itself.
    pub approvals: Vec<String>,
    /// Why the last of them agreed, if stated. What the others said stands in their own lines.
    pub approver_reason: Option<String>,
}

/// A `QUEUE_CANCEL` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// The item.
    pub queue_id: QueueItemId,
    /// Its task.
    pub task_id: String,
    /// Why, if stated.
    pub reason: Option<String>,
    /// The principal with its role.
    pub cancelled_by: Option<String>,
    /// When.
    pub ts: Timestamp,
}

/// A `QUEUE_CLAIM` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The item.
    pub queue_id: QueueItemId,
    /// Its task.
    pub task_id: String,
    /// The run that will come out of it.
    pub run_id: String,
    /// The worker, as it names itself; empty on a legacy line.
    pub worker: String,
    /// First claim is 1.
    pub attempt: u32,
    /// Until when the worker holds it; `None` on a legacy line.
    pub lease_expires_at: Option<Timestamp>,
    /// When.
    pub ts: Timestamp,
}

/// A `QUEUE_DONE` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The item.
    pub queue_id: QueueItemId,
    /// Its task.
    pub task_id: String,
    /// The run that came out of it.
    pub run_id: String,
    /// How it ended.
    pub status: String,
    /// When.
    pub ts: Timestamp,
}

/// How a worker may say that an item ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalStatus {
    /// The run succeeded.
    Success,
    /// The run failed.
    Failure,
}

impl FinalStatus {
    /// Parses the wire word, any case.
    pub fn parse(raw: &str) -> Option<Self> {
        match raw.trim().to_ascii_uppercase().as_str() {
            "SUCCESS" => Some(Self::Success),
            "FAILURE" => Some(Self::Failure),
            _ => None,
        }
    }

    /// The wire word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
        }
    }
}

/// Where an item stands. Derived facts ([`QueueItem::sla_state`], [`QueueItem::eligible`]) are functions of this and a
/// moment; they are never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemState {
    /// Waits to be claimed; can be cancelled.
    Pending,
    /// A worker has it; cancelling is no longer a rollback.
    Claimed(Claim),
    /// Finished.
    Closed {
        /// How it ended.
        status: String,
        /// The claim it ended; `None` where a legacy line closed an unclaimed item.
        claim: Option<Claim>,
        /// The run that came out of it.
        run_id: String,
        /// When.
        completed_at: Timestamp,
    },
    /// Rolled back before anybody claimed it.
    Cancelled {
        /// When.
        at: Timestamp,
        /// The principal with its role.
        by: Option<String>,
        /// Why, if stated.
        reason: Option<String>,
    },
}

/// A worker's hold on an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The run that will come out of it.
    pub run_id: String,
    /// Since when.
    pub claimed_at: Timestamp,
    /// The worker.
    pub worker: String,
    /// Which attempt; part of the lease token, so that an earlier holder's token is refused.
    pub attempt: u32,
    /// Until when.
    pub lease_expires_at: Option<Timestamp>,
}

/// A queue item: what was enqueued and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueItem {
    /// Position in enqueue order.
    pub seq: u64,
    /// What was enqueued. It never changes, so whoever reads the item shares it.
    pub enqueued: Arc<Enqueued>,
    /// The enqueue line's chain hash; `None` on a legacy line.
    pub line_hash: Option<Sha256Digest>,
    /// Where it stands.
    pub state: ItemState,
}

impl QueueItem {
    /// The item's id.
    pub fn queue_id(&self) -> &QueueItemId {
        &self.enqueued.queue_id
    }

    /// Whether it waits to be claimed, at whatever time.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, ItemState::Pending)
    }

    /// Whether it is pending or claimed: what can still change.
    pub fn is_live(&self) -> bool {
        match self.state {
            ItemState::Pending | ItemState::Claimed(_) => true,
            ItemState::Closed { .. } | ItemState::Cancelled { .. } => false,
        }
    }

    /// The status word of the item view.
    pub fn status(&self) -> &str {
        match &self.state {
            ItemState::Pending => "PENDING",
            ItemState::Claimed(_) => "CLAIMED",
            ItemState::Closed { status, .. } => status,
            ItemState::Cancelled { .. } => "CANCELLED",
        }
    }

    /// The run that comes or came out of it, if claimed.
    pub fn run_id(&self) -> &str {
        match &self.state {
            ItemState::Pending | ItemState::Cancelled { .. } => "",
            ItemState::Claimed(claim) => &claim.run_id,
            ItemState::Closed { run_id, .. } => run_id,
        }
    }

    /// Whether a worker may claim it now.
    pub fn eligible(&self, now: Timestamp) -> bool {
        self.is_pending() && !self.scheduled_after(now)
    }

    /// `claimed`, `closed`, `eligible` or `waiting`.
    pub fn queue_state(&self, now: Timestamp) -> &'static str {
        match self.state {
            ItemState::Pending if self.scheduled_after(now) => "waiting",
            ItemState::Pending => "eligible",
            ItemState::Claimed(_) => "claimed",
            ItemState::Closed { .. } | ItemState::Cancelled { .. } => "closed",
        }
    }

    /// `scheduled_for_future`, or empty.
    pub fn waiting_reason(&self, now: Timestamp) -> &'static str {
        if self.queue_state(now) == "waiting" { "scheduled_for_future" } else { "" }
    }

    /// How the item stands against its schedule and deadline: the first that fits of `in_progress`, `completed`, `ended`,
    /// `scheduled`, `breached`, `at_risk` (deadline within an hour) and `on_track`.
    pub fn sla_state(&self, now: Timestamp) -> &'static str {
        // A legacy line may write its status in any case; the original compares it upper-cased.
        match self.status().trim().to_ascii_uppercase().as_str() {
            "CLAIMED" => return "in_progress",
            "SUCCESS" | "DONE" | "COMPLETED" => return "completed",
            "FAILURE" | "FAILED" | "ERROR" | "REJECTED" | "CANCELLED" => return "ended",
            _ => {}
        }
        if self.scheduled_after(now) {
            return "scheduled";
        }
        match self.enqueued.deadline.as_ref().and_then(|deadline| deadline.at) {
            Some(deadline) if deadline <= now => "breached",
            Some(deadline) if deadline.duration_since(now) <= SignedDuration::from_hours(1) => "at_risk",
            Some(_) | None => "on_track",
        }
    }

    /// Where the item stands in the order in which items are claimed: priority high to low, then the scheduled instant
    /// (none first), then enqueue order.
    pub fn claim_key(&self) -> ClaimKey {
        ClaimKey {
            lowness: -self.enqueued.priority.clamp(i64::MIN + 1, i64::MAX),
            scheduled: self.scheduled_at(),
            seq: self.seq,
        }
    }

    /// The scheduled instant, if it names one.
    pub fn scheduled_at(&self) -> Option<Timestamp> {
        self.enqueued.scheduled.as_ref().and_then(|scheduled| scheduled.at)
    }

    fn scheduled_after(&self, now: Timestamp) -> bool {
        self.scheduled_at().is_some_and(|at| at > now)
    }
}

/// Claim order as a key: smaller is claimed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimKey {
    lowness: i64,
    // `None` sorts before `Some`: an unscheduled item goes first among equals.
    scheduled: Option<Timestamp>,
    seq: u64,
}

impl ClaimKey {
    /// Whether the item may be claimed at this moment.
    pub fn ready(&self, now: Timestamp) -> bool {
        self.scheduled.is_none_or(|at| at <= now)
    }

    /// The item's position in enqueue order.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}
