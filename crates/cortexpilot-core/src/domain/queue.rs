//! The queue item: its states, the events that move it, and what follows from both at a given moment.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::id::{QueueItemId, Sha256Digest};
use super::lease::{BACKOFF_MAX, Held, HeldKind, StopRequest};
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
    /// A worker finished an item, or an operator closed a held one (`QUEUE_DONE`).
    Done(Done),
    /// A claim ended, and nobody knows what became of its run (`QUEUE_HOLD`).
    Held(Hold),
    /// A claim ended, or an operator settled what it left: the item waits again (`QUEUE_REQUEUE`).
    Requeued(Requeued),
    /// A pending item's deadline passed (`QUEUE_EXPIRE`).
    Expired(Expired),
    /// An operator wants the run of a claimed item to end (`QUEUE_STOP`).
    StopRequested(StopRequested),
}

impl QueueEvent {
    /// When it happened.
    pub fn ts(&self) -> Timestamp {
        match self {
            Self::Enqueued(event) => event.ts,
            Self::Cancelled(event) => event.ts,
            Self::Claimed(event) => event.ts,
            Self::Done(event) => event.ts,
            Self::Held(event) => event.ts,
            Self::Requeued(event) => event.ts,
            Self::Expired(event) => event.ts,
            Self::StopRequested(event) => event.ts,
        }
    }

    /// The item it is about.
    pub fn queue_id(&self) -> &QueueItemId {
        match self {
            Self::Enqueued(event) => &event.queue_id,
            Self::Cancelled(event) => &event.queue_id,
            Self::Claimed(event) => &event.queue_id,
            Self::Done(event) => &event.queue_id,
            Self::Held(event) => &event.queue_id,
            Self::Requeued(event) => &event.queue_id,
            Self::Expired(event) => &event.queue_id,
            Self::StopRequested(event) => &event.queue_id,
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
    /// Absolute path of the repository that the source run worked on, where its manifest names one.
    pub repository: Option<String>,
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
    /// Until when the worker would hold it without another word, by the clock of whoever wrote the line: for people, it
    /// decides nothing. `None` on a legacy line.
    pub lease_expires_at: Option<Timestamp>,
    /// For how long nothing need be heard; `None` on lines of the original and of versions before it was written.
    pub lease: Option<SignedDuration>,
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
    /// Which claim it ended; `None` on lines of the original and of versions before it was written.
    pub attempt: Option<u32>,
    /// In a sentence, if stated.
    pub reason: Option<String>,
    /// The operator that closed a held item; `None` where a worker finished it.
    pub by: Option<String>,
}

/// A `QUEUE_HOLD` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The item.
    pub queue_id: QueueItemId,
    /// Its task.
    pub task_id: String,
    /// The run that should have come out of it.
    pub run_id: String,
    /// Lost, or a dead letter.
    pub kind: HeldKind,
    /// The claim that ended.
    pub attempt: u32,
    /// In words.
    pub reason: String,
    /// The principal that ended it; `None` where a watch found it silent.
    pub by: Option<String>,
    /// When.
    pub ts: Timestamp,
}

/// A `QUEUE_REQUEUE` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requeued {
    /// The item.
    pub queue_id: QueueItemId,
    /// Its task.
    pub task_id: String,
    /// The claim that ended.
    pub attempt: u32,
    /// Not to be claimed before.
    pub not_before: Option<Timestamp>,
    /// In words.
    pub reason: String,
    /// The principal that gave it back or settled it; `None` where a watch found the worker silent.
    pub by: Option<String>,
    /// When.
    pub ts: Timestamp,
}

/// A `QUEUE_EXPIRE` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The item.
    pub queue_id: QueueItemId,
    /// Its task.
    pub task_id: String,
    /// The deadline that passed.
    pub deadline_at: Timestamp,
    /// When.
    pub ts: Timestamp,
}

/// A `QUEUE_STOP` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRequested {
    /// The item.
    pub queue_id: QueueItemId,
    /// Its task.
    pub task_id: String,
    /// The run that is to end.
    pub run_id: String,
    /// The claim that it is asked of.
    pub attempt: u32,
    /// Why.
    pub reason: String,
    /// The principal with its role.
    pub by: String,
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
    /// The run ended because an operator asked for that.
    Stopped,
}

impl FinalStatus {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Stopped];

    /// Parses the wire word, any case.
    pub fn parse(raw: &str) -> Option<Self> {
        match raw.trim().to_ascii_uppercase().as_str() {
            "SUCCESS" => Some(Self::Success),
            "FAILURE" => Some(Self::Failure),
            "STOPPED" => Some(Self::Stopped),
            _ => None,
        }
    }

    /// The wire word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Stopped => "STOPPED",
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
        /// In a sentence, if stated.
        reason: Option<String>,
        /// The operator that closed it when it was held; `None` where a worker finished it.
        by: Option<String>,
    },
    /// Its claim ended, nobody knows what became of its run, and an operator is to settle it.
    Held(Box<Held>),
    /// Its deadline passed before anybody claimed it.
    Expired {
        /// When that was found.
        at: Timestamp,
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
    /// Until when it would hold without another word, by the clock of whoever claimed. For people: it decides nothing.
    pub lease_expires_at: Option<Timestamp>,
    /// For how long nothing need be heard of the worker; `None`: the claim never ends by itself.
    pub lease: Option<SignedDuration>,
    /// An operator wants its run to end.
    pub stop: Option<StopRequest>,
}

impl Claim {
    /// Whether nobody need wait any longer after so much silence.
    pub fn ends_after(&self, silence: std::time::Duration) -> bool {
        self.lease.is_some_and(|lease| SignedDuration::try_from(silence).is_ok_and(|silence| silence >= lease))
    }
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
    /// How often it was claimed.
    pub attempts: u32,
    /// Not to be claimed before, after a claim that came to nothing. At most an hour after it was said.
    pub not_before: Option<Timestamp>,
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

    /// Whether it is pending, claimed or held: what can still change.
    pub fn is_live(&self) -> bool {
        match self.state {
            ItemState::Pending | ItemState::Claimed(_) | ItemState::Held(_) => true,
            ItemState::Closed { .. } | ItemState::Cancelled { .. } | ItemState::Expired { .. } => false,
        }
    }

    /// The claim under which a worker has it.
    pub fn claim(&self) -> Option<&Claim> {
        match &self.state {
            ItemState::Claimed(claim) => Some(claim),
            ItemState::Pending
            | ItemState::Closed { .. }
            | ItemState::Held(_)
            | ItemState::Cancelled { .. }
            | ItemState::Expired { .. } => None,
        }
    }

    /// The repository that its run works on, where the source run's manifest names one.
    pub fn repository(&self) -> Option<&str> {
        self.enqueued.provenance.as_ref().and_then(|provenance| provenance.repository.as_deref())
    }

    /// The pinned contract that it rests on; `None` for an item of the original.
    pub fn contract_sha256(&self) -> Option<&Sha256Digest> {
        self.enqueued.provenance.as_ref().map(|provenance| &provenance.contract_sha256)
    }

    /// The status word of the item view.
    pub fn status(&self) -> &str {
        match &self.state {
            ItemState::Pending => "PENDING",
            ItemState::Claimed(_) => "CLAIMED",
            ItemState::Closed { status, .. } => status,
            ItemState::Held(held) => held.kind.as_str(),
            ItemState::Cancelled { .. } => "CANCELLED",
            ItemState::Expired { .. } => "EXPIRED",
        }
    }

    /// The run that comes or came out of it, if claimed.
    pub fn run_id(&self) -> &str {
        match &self.state {
            ItemState::Pending | ItemState::Cancelled { .. } | ItemState::Expired { .. } => "",
            ItemState::Held(held) => &held.claim.run_id,
            ItemState::Claimed(claim) => &claim.run_id,
            ItemState::Closed { run_id, .. } => run_id,
        }
    }

    /// Whether a worker may claim it now.
    pub fn eligible(&self, now: Timestamp) -> bool {
        self.is_pending() && self.claim_key().ready(now)
    }

    /// `claimed`, `closed`, `eligible`, `waiting` or `held`.
    pub fn queue_state(&self, now: Timestamp) -> &'static str {
        match self.state {
            ItemState::Pending if self.claim_key().ready(now) => "eligible",
            ItemState::Pending => "waiting",
            ItemState::Claimed(_) => "claimed",
            ItemState::Held(_) => "held",
            ItemState::Closed { .. } | ItemState::Cancelled { .. } | ItemState::Expired { .. } => "closed",
        }
    }

    /// `scheduled_for_future`, `backing_off` after a claim that came to nothing, or empty.
    pub fn waiting_reason(&self, now: Timestamp) -> &'static str {
        match self.queue_state(now) {
            "waiting" if self.scheduled_after(now) => "scheduled_for_future",
            "waiting" => "backing_off",
            _ => "",
        }
    }

    /// The deadline's instant, if it names one.
    pub fn deadline_at(&self) -> Option<Timestamp> {
        self.enqueued.deadline.as_ref().and_then(|deadline| deadline.at)
    }

    /// How the item stands against its schedule and deadline: the first that fits of `in_progress`, `completed`, `ended`,
    /// `scheduled`, `breached`, `at_risk` (deadline within an hour) and `on_track`.
    pub fn sla_state(&self, now: Timestamp) -> &'static str {
        // A legacy line may write its status in any case; the original compares it upper-cased.
        match self.status().trim().to_ascii_uppercase().as_str() {
            "CLAIMED" => return "in_progress",
            "SUCCESS" | "DONE" | "COMPLETED" => return "completed",
            "FAILURE" | "FAILED" | "ERROR" | "REJECTED" | "CANCELLED" | "EXPIRED" | "STOPPED" => return "ended",
            _ => {}
        }
        if self.scheduled_after(now) {
            return "scheduled";
        }
        match self.deadline_at() {
            Some(deadline) if deadline <= now => "breached",
            Some(deadline) if deadline.duration_since(now) <= SignedDuration::from_hours(1) => "at_risk",
            Some(_) | None => "on_track",
        }
    }

    /// Where the item stands in the order in which items are claimed: priority high to low, then the instant from which it
    /// may be (none first), then enqueue order.
    pub fn claim_key(&self) -> ClaimKey {
        let (scheduled, not_before) = (self.scheduled_at(), self.not_before);
        ClaimKey {
            lowness: -self.enqueued.priority.clamp(i64::MIN + 1, i64::MAX),
            from: scheduled.max(not_before),
            seq: self.seq,
            scheduled,
            not_before,
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
    from: Option<Timestamp>,
    seq: u64,
    // No two keys have one position, so that these never decide.
    scheduled: Option<Timestamp>,
    not_before: Option<Timestamp>,
}

impl ClaimKey {
    /// Whether the item may be claimed at this moment. A wait after a claim that came to nothing is an hour at most: what
    /// lies further ahead was said by a clock that has been set back since.
    pub fn ready(&self, now: Timestamp) -> bool {
        let backs_off = |at: Timestamp| at > now && at.duration_since(now) <= BACKOFF_MAX;
        self.scheduled.is_none_or(|at| at <= now) && !self.not_before.is_some_and(backs_off)
    }

    /// The item's position in enqueue order.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// From when on the item may be claimed, if that was said.
    pub fn from(&self) -> Option<Timestamp> {
        self.from
    }

    /// Whether it waits, or waited, after a claim that came to nothing.
    pub fn backed_off(&self) -> bool {
        self.not_before.is_some()
    }
}
