//! What a caller wants to do, parsed: the input of the one decision function.
//!
//! Clock and randomness were read before, once; they are values here.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::approval::{ApprovalId, ElicitedAnswer};
use super::id::{QueueItemId, RunId, Sha256Digest};
use super::lease::{Concurrency, ProgressNote};
use super::principal::{Caller, PrincipalKind, Roles, StatedRole};
use super::queue::FinalStatus;
use super::run::{RunFacts, RunProblem};
use super::seal::{SealKey, SeenPreview};
use super::text::{IdempotencyKey, Reason, RequestedBy, Stated, WorkerName};
use super::time::Schedule;
use super::token::{TokenId, TokenName};

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
    /// Give a claimed item back.
    Release(Release),
    /// End a claim of which nothing was heard for as long as its lease.
    Lose(Lose),
    /// Close a pending item whose deadline has passed.
    Expire(Expire),
    /// Ask for the run of a claimed item to end.
    Stop(Intervene),
    /// Take the lease of a claimed item away.
    Revoke(Intervene),
    /// Let a held item wait again, or close it.
    Settle(Settle),
    /// Decide what people are asked, or what holds for everybody.
    Govern(Box<Govern>),
}

impl Command {
    /// Who asks.
    pub fn caller(&self) -> &Caller {
        match self {
            Self::Enqueue(command) => &command.request.caller,
            Self::Cancel(command) => &command.caller,
            Self::Claim(command) => &command.caller,
            Self::Complete(command) => &command.caller,
            Self::Release(command) => &command.caller,
            Self::Lose(command) => &command.caller,
            Self::Expire(command) => &command.caller,
            Self::Stop(command) | Self::Revoke(command) => &command.caller,
            Self::Settle(command) => &command.act.caller,
            Self::Govern(command) => &command.caller,
        }
    }

    /// What is to be decided, if it is a decision of an operator's.
    pub fn govern(&self) -> Option<&Govern> {
        if let Self::Govern(govern) = self { Some(govern) } else { None }
    }

    /// When it was asked.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Enqueue(command) => command.request.now,
            Self::Cancel(command) => command.now,
            Self::Claim(command) => command.now,
            Self::Complete(command) => command.now,
            Self::Release(command) => command.now,
            Self::Lose(command) => command.now,
            Self::Expire(command) => command.now,
            Self::Stop(command) | Self::Revoke(command) => command.now,
            Self::Settle(command) => command.act.now,
            Self::Govern(command) => command.now,
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
    /// How long people may decide a request, and a second operator may agree to a lower floor.
    pub approval_ttl: SignedDuration,
    /// How much an agent may queue.
    pub limits: Limits,
    /// How many items with something in common may be claimed at once.
    pub concurrency: Concurrency,
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

/// Who says yes to an apply. Ordered: what is greater asks more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApprovalPolicy {
    /// Gates 1 to 8 are the approval; nobody else is asked.
    Declared,
    /// A person, who is not the one that asks.
    Operator,
    /// Two people, neither of whom asks or answers for the agent that asks.
    TwoPerson,
}

impl ApprovalPolicy {
    /// Every policy, from the weakest to the strictest.
    pub const ALL: [Self; 3] = [Self::Declared, Self::Operator, Self::TwoPerson];

    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Operator => "operator",
            Self::TwoPerson => "two-person",
        }
    }

    /// Parses the policy's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == word)
    }

    /// How many people are asked.
    pub fn people(self) -> u32 {
        match self {
            Self::Declared => 0,
            Self::Operator => 1,
            Self::TwoPerson => 2,
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
    /// The run's id, typed once more. Under `operator` it makes an operator's own request its own approval; MCP cannot send
    /// it.
    pub typed_run_id: Option<String>,
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
        /// What was shown, where this process still knows or can tell: it lets a stale answer name what changed, and saves
        /// the hash of what is judged where nothing has.
        shown: Option<super::preview::Shown>,
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
    /// How long the lease holds without another word.
    pub lease: SignedDuration,
    /// The role stated.
    pub role: StatedRole,
    /// Roles that may claim, for principals that are no workers.
    pub allowed_roles: Roles,
    /// Exactly this item, if it may be claimed now.
    pub queue_id: Option<QueueItemId>,
    /// How many items with something in common may be claimed at once.
    pub concurrency: Concurrency,
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
    /// In a sentence, if there is something to say.
    pub reason: Stated<Reason>,
    /// Checks lease tokens.
    pub key: SealKey,
    /// The role stated.
    pub role: StatedRole,
    /// Roles that may complete, for principals that are no workers.
    pub allowed_roles: Roles,
}

/// Give a claimed item back.
#[derive(Debug, Clone)]
pub struct Release {
    /// Who asks.
    pub caller: Caller,
    /// When.
    pub now: Timestamp,
    /// The item; `None` when the text sent was blank.
    pub queue_id: Option<QueueItemId>,
    /// The lease token that the claim answered.
    pub lease_token: String,
    /// Whether its run has begun: then what it did so far is not undone, and the item is as if its worker was lost.
    pub started: bool,
    /// Why.
    pub reason: Stated<Reason>,
    /// Checks lease tokens.
    pub key: SealKey,
    /// The role stated.
    pub role: StatedRole,
    /// Roles that may release, for principals that are no workers.
    pub allowed_roles: Roles,
}

/// What a worker says while it works. No command: it changes no item.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Who speaks.
    pub caller: Caller,
    /// When.
    pub now: Timestamp,
    /// The item; `None` when the text sent was blank.
    pub queue_id: Option<QueueItemId>,
    /// The lease token that the claim answered.
    pub lease_token: String,
    /// How far it is.
    pub progress: Option<ProgressNote>,
    /// Checks lease tokens.
    pub key: SealKey,
    /// The role stated.
    pub role: StatedRole,
    /// Roles that may, for principals that are no workers.
    pub allowed_roles: Roles,
}

/// End a claim of which nothing was heard for as long as its lease. Whoever watched says what it saw; whether that still is
/// so is judged.
#[derive(Debug, Clone)]
pub struct Lose {
    /// Whose process watched.
    pub caller: Caller,
    /// When.
    pub now: Timestamp,
    /// The item.
    pub queue_id: QueueItemId,
    /// The claim that was watched.
    pub attempt: u32,
    /// How many beats it had all that time.
    pub beat: u64,
    /// For how long, on a clock that only goes forward.
    pub silent_for: Duration,
}

/// Close a pending item whose deadline has passed.
#[derive(Debug, Clone)]
pub struct Expire {
    /// Whose process looked.
    pub caller: Caller,
    /// When.
    pub now: Timestamp,
    /// The item.
    pub queue_id: QueueItemId,
}

/// What an operator does about an item that a worker has, or had.
#[derive(Debug, Clone)]
pub struct Intervene {
    /// Who.
    pub caller: Caller,
    /// When.
    pub now: Timestamp,
    /// The item; `None` when the text sent was blank.
    pub queue_id: Option<QueueItemId>,
    /// Why; needed.
    pub reason: Stated<Reason>,
    /// The role stated; the command line may leave it out.
    pub role: StatedRole,
    /// Roles that may.
    pub allowed_roles: Roles,
}

/// Let a held item wait again, or close it.
#[derive(Debug, Clone)]
pub struct Settle {
    /// Who, which and why.
    pub act: Intervene,
    /// What becomes of it.
    pub how: HowSettled,
}

/// What becomes of a held item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HowSettled {
    /// It waits to be claimed again.
    Requeue,
    /// It is over, as a failure.
    Fail,
}

/// Decide what people are asked, or what holds for everybody.
#[derive(Debug, Clone)]
pub struct Govern {
    /// Who decides.
    pub caller: Caller,
    /// When.
    pub now: Timestamp,
    /// Why.
    pub reason: Stated<Reason>,
    /// The role stated; the command line may leave it out.
    pub role: StatedRole,
    /// This process's configuration.
    pub policy: Policy,
    /// What.
    pub what: Decide,
}

/// A decision to make.
#[derive(Debug, Clone)]
pub enum Decide {
    /// Say yes to a request.
    Approve {
        /// Which; `None` when the text sent was no request's id.
        id: Option<ApprovalId>,
        /// The request's run, read once just now; it is judged again in full.
        run: Box<Result<RunFacts, RunProblem>>,
    },
    /// Say no to a request.
    Reject {
        /// Which; `None` when the text sent was no request's id.
        id: Option<ApprovalId>,
    },
    /// Write down one request that nobody decided in time.
    Expire,
    /// Write down what a client's dialog was answered.
    Elicited {
        /// About which request.
        id: ApprovalId,
        /// What.
        answer: ElicitedAnswer,
    },
    /// Stop applies and claims.
    Freeze,
    /// Let them go on.
    Unfreeze,
    /// Stop claims; applies go on.
    Pause,
    /// Let claims go on.
    Resume,
    /// Set the floor.
    SetPolicy(ApprovalPolicy),
    /// Make a token. Its text stays with whoever asked.
    CreateToken {
        /// Its name.
        id: TokenId,
        /// SHA-256 of its text.
        sha256: Sha256Digest,
        /// What its principal may be used for.
        kind: PrincipalKind,
        /// Its principal's own name.
        name: TokenName,
        /// The roles that come with it.
        roles: Roles,
        /// For an agent: who answers for it; whoever makes it, unless named.
        sponsor: Option<String>,
        /// How long it lives.
        ttl: SignedDuration,
    },
    /// Make a token that takes another's place.
    RotateToken {
        /// The other.
        replaces: Option<TokenId>,
        /// Its name.
        id: TokenId,
        /// SHA-256 of its text.
        sha256: Sha256Digest,
        /// How long it lives.
        ttl: SignedDuration,
    },
    /// Take a token back.
    RevokeToken {
        /// Which; `None` when the text sent was no token's id.
        id: Option<TokenId>,
    },
}

impl Decide {
    /// The request it is about.
    pub fn request(&self) -> Option<&ApprovalId> {
        match self {
            Self::Approve { id, .. } | Self::Reject { id } => id.as_ref(),
            Self::Elicited { id, .. } => Some(id),
            Self::Expire
            | Self::Freeze
            | Self::Unfreeze
            | Self::Pause
            | Self::Resume
            | Self::SetPolicy(_)
            | Self::CreateToken { .. }
            | Self::RotateToken { .. }
            | Self::RevokeToken { .. } => None,
        }
    }
}
