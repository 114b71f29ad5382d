//! What a caller wants to do, parsed: the input of the one decision function.
//!
//! Clock and randomness were read before, once; they are values here.

use jiff::{SignedDuration, Timestamp};

use super::id::{QueueItemId, RunId};
use super::principal::{Caller, Roles, StatedRole};
use super::queue::FinalStatus;
use super::run::{RunFacts, RunProblem};
use super::seal::{SealKey, SeenPreview};
use super::text::{IdempotencyKey, Reason, RequestedBy, Stated, WorkerName};
use super::time::Schedule;

/// Any command.
#[derive(Debug, Clone)]
pub enum Command {
    /// Append one item derived from one run.
    Enqueue(Box<Enqueue>),
    /// Roll a pending item back.
    Cancel(Cancel),
    /// Take the next eligible item.
    Claim(Claim),
    /// Finish a claimed item.
    Complete(Complete),
}

impl Command {
    /// Who asks.
    pub fn caller(&self) -> &Caller {
        match self {
            Self::Enqueue(command) => &command.request.caller,
            Self::Cancel(command) => &command.caller,
            Self::Claim(command) => &command.caller,
            Self::Complete(command) => &command.caller,
        }
    }

    /// When it was asked.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Enqueue(command) => command.request.now,
            Self::Cancel(command) => command.now,
            Self::Claim(command) => command.now,
            Self::Complete(command) => command.now,
        }
    }
}

/// The caller's choice of when and how urgently.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters {
    /// Clamped to −100…100.
    pub priority: i64,
    /// Not to be claimed before.
    pub scheduled: Option<Schedule>,
    /// Should be finished by.
    pub deadline: Option<Schedule>,
}

impl Parameters {
    /// Clamps the priority.
    pub fn new(priority: i64, scheduled: Option<Schedule>, deadline: Option<Schedule>) -> Self {
        let (low, high) = (*super::queue::PRIORITY_RANGE.start(), *super::queue::PRIORITY_RANGE.end());
        Self { priority: priority.clamp(low, high), scheduled, deadline }
    }
}

/// What preview and apply have in common: who asks about which run, with which parameters, under which policy.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who asks.
    pub caller: Caller,
    /// When.
    pub now: Timestamp,
    /// The run id as far as it could be parsed, for records and for finding pending items.
    pub run_id: Option<RunId>,
    /// The run, read once just now.
    pub run: Result<RunFacts, RunProblem>,
    /// When and how urgently.
    pub parameters: Parameters,
    /// This process's configuration.
    pub policy: Policy,
    /// The role the surface itself carried (HTTP's role header).
    pub header_role: StatedRole,
}

/// What this process's trusted environment allows. Read once at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whether apply is enabled here.
    pub mutation_gate: MutationGate,
    /// Who says yes.
    pub approval: ApprovalPolicy,
    /// Roles that may apply.
    pub allowed_roles: Roles,
    /// How long a preview may be applied.
    pub preview_ttl: SignedDuration,
    /// How much an agent may queue.
    pub limits: Limits,
}

/// How much one agent, or anybody through the queue pilot, may queue. Operators are not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Items of one principal that may be pending at once; 0 for no limit.
    pub pending_max: u32,
    /// Items of one principal that may be appended within an hour; 0 for no limit.
    pub applies_per_hour: u32,
}

impl Limits {
    /// No limit but depth: what holds unless configured otherwise.
    pub const NONE: Self = Self { pending_max: 0, applies_per_hour: 0 };

    /// The largest limit that can be configured: the ledger's fold keeps so many times of each principal.
    pub const MAX: u32 = 10_000;
}

/// The switch for the apply path as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MutationGate {
    /// The default.
    Shut,
    /// Opened by an operator in this process's environment.
    Open,
}

/// Who says yes to an apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalPolicy {
    /// Gates 1 to 8 are the approval; nobody else is asked.
    Declared,
}

impl ApprovalPolicy {
    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
        }
    }
}

/// Append one item derived from one run.
#[derive(Debug, Clone)]
pub struct Enqueue {
    /// What is asked.
    pub request: Request,
    /// What only apply states.
    pub inputs: ApplyInputs,
}

/// The inputs that come only with apply. Each is kept as stated, because each is a gate's to judge, in the gates' order.
#[derive(Debug, Clone, Default)]
pub struct ApplyInputs {
    /// `true` only for the JSON value `true`.
    pub confirm: bool,
    /// The role stated in the arguments.
    pub actor_role: StatedRole,
    /// Who asks.
    pub requested_by: Stated<RequestedBy>,
    /// Why.
    pub approval_reason: Stated<Reason>,
    /// The caller's key.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The preview this rests on.
    pub presented: Presented,
    /// A second equal item is wanted. Ignored for anyone but an operator; MCP cannot send it.
    pub allow_duplicate: bool,
}

/// The preview that an apply rests on.
#[derive(Debug, Clone, Default)]
pub enum Presented {
    /// No token was sent and this process remembers no preview of this run by this principal.
    #[default]
    Nothing,
    /// A token was sent that was not made for this principal here.
    Invalid,
    /// A preview was shown to this principal.
    Seen {
        /// What the token says.
        seen: SeenPreview,
        /// What was shown, where this process still knows: it lets a stale answer name what changed.
        shown: Option<Box<super::preview::Shown>>,
    },
}

/// Roll a pending item back.
#[derive(Debug, Clone)]
pub struct Cancel {
    /// Who asks.
    pub caller: Caller,
    /// When.
    pub now: Timestamp,
    /// The item; `None` when the text sent was blank.
    pub queue_id: Option<QueueItemId>,
    /// Why.
    pub reason: Stated<Reason>,
    /// The role stated; the command line may leave it out.
    pub role: StatedRole,
    /// Roles that may cancel.
    pub allowed_roles: Roles,
}

/// Take the next eligible item.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who asks.
    pub caller: Caller,
    /// When.
    pub now: Timestamp,
    /// What the worker calls itself.
    pub worker: Stated<WorkerName>,
    /// The run that will come out of it, minted by the caller's app.
    pub run_id: RunId,
    /// How long the lease holds.
    pub lease: SignedDuration,
    /// The role stated.
    pub role: StatedRole,
    /// Roles that may claim, for principals that are no workers.
    pub allowed_roles: Roles,
}

/// Finish a claimed item.
#[derive(Debug, Clone)]
pub struct Complete {
    /// Who asks.
    pub caller: Caller,
    /// When.
    pub now: Timestamp,
    /// The item; `None` when the text sent was blank.
    pub queue_id: Option<QueueItemId>,
    /// The lease token that the claim answered.
    pub lease_token: String,
    /// How it ended.
    pub status: FinalStatus,
    /// Checks lease tokens.
    pub key: SealKey,
    /// The role stated.
    pub role: StatedRole,
    /// Roles that may complete, for principals that are no workers.
    pub allowed_roles: Roles,
}
