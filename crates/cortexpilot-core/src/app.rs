//! What surfaces call: [`Reader`] answers questions, [`App`] carries out commands. The read-only MCP server is built from a
//! `Reader`, a type without command methods, so that it could not write if it tried.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::approval::ApprovalRequest;
use crate::domain::command::{ApplyInputs, Cancel, Command, Enqueue, Parameters, Policy, Presented, Request};
use crate::domain::decide::{Verdict, query};
use crate::domain::gate::Denial;
use crate::domain::id::{QueueItemId, RunId, hex};
use crate::domain::preview::Sealed;
use crate::domain::principal::{Caller, StatedRole};
use crate::domain::queue::QueueItem;
use crate::domain::run::RunProblem;
use crate::domain::seal::SealKey;
use crate::domain::text::{IdempotencyKey, Reason, RequestedBy, Stated};
use crate::domain::time::to_micros;
use crate::error::ErrorCode;
use crate::port::receipts::Receipts;
use crate::port::runs::Runs;
use crate::port::{Clock, Ids, Store, StoreError, StoreRead};

pub mod preview;

pub mod govern;

pub mod identity;

pub mod session;

pub mod work;

pub mod review;

mod memory;

use memory::Memory;
use preview::Preview;
pub use work::{ClaimAsk, Claimed, CompleteAsk, LEASE_DEFAULT, LEASE_MAX, Release, Took, WorkerReport};

/// Why a command or question was not answered as wished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Refused, with a code.
    Denied(Denial),
    /// The store could not.
    Store(StoreError),
}

impl Failure {
    /// The code that surfaces answer.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Denied(denial) => denial.code,
            Self::Store(StoreError::Unavailable(_)) => ErrorCode::StoreUnavailable,
            Self::Store(StoreError::OutcomeUnknown(_)) => ErrorCode::OutcomeUnknown,
            Self::Store(StoreError::Full(_)) => ErrorCode::StoreFull,
            Self::Store(StoreError::Corrupt { .. }) => ErrorCode::LedgerCorrupt,
            Self::Store(StoreError::Newer { .. }) => ErrorCode::LedgerNewer,
        }
    }

    /// What callers may read. A store error's own text is for logs.
    pub fn reason(&self) -> String {
        match self {
            Self::Denied(denial) => denial.reason.clone(),
            Self::Store(_) => self.code().row().meaning.to_owned(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

/// The reading half: runs and the queue, no command methods.
#[derive(Clone)]
pub struct Reader {
    store: Arc<dyn StoreRead>,
    runs: Arc<dyn Runs>,
    clock: Arc<dyn Clock>,
}

impl Reader {
    /// Joins a store's reading half with a run store.
    pub fn new(store: Arc<dyn StoreRead>, runs: Arc<dyn Runs>, clock: Arc<dyn Clock>) -> Self {
        Self { store, runs, clock }
    }

    /// The queue.
    pub fn queue(&self) -> &dyn StoreRead {
        &*self.store
    }

    /// The runs.
    pub fn runs(&self) -> &dyn Runs {
        &*self.runs
    }

    /// Now, for states that depend on the moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// What preview and apply are asked about, as far as the wire could type it.
#[derive(Debug, Clone, Default)]
pub struct RunRequest {
    /// The run id as sent; empty when absent.
    pub run_id: String,
    /// When and how urgently.
    pub parameters: Parameters,
    /// HTTP's role header.
    pub header_role: StatedRole,
}

/// What an apply states beside that.
#[derive(Debug, Clone, Default)]
pub struct ApplyRequest {
    /// `true` only for the JSON value `true`.
    pub confirm: bool,
    /// The role stated in the arguments.
    pub actor_role: StatedRole,
    /// Who asks.
    pub requested_by: Stated<RequestedBy>,
    /// Why.
    pub approval_reason: Stated<Reason>,
    /// The token of the preview this rests on.
    pub preview_token: Option<String>,
    /// The caller's key.
    pub idempotency_key: Option<IdempotencyKey>,
    /// A second equal item is wanted.
    pub allow_duplicate: bool,
    /// The run's id, typed once more by an operator who approves their own request.
    pub typed_run_id: Option<String>,
}

/// An apply's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "made once a call and moved once")]
pub enum Outcome {
    /// The item is in the queue.
    Applied(Applied),
    /// People are asked. Nothing was queued.
    AwaitsApproval(Box<ApprovalRequest>),
}

/// An item that an apply put into the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The item as it stands.
    pub item: QueueItem,
    /// It was appended before; nothing was appended now.
    pub already_applied: bool,
}

/// Hears of a request that people decide.
pub type OnRequest = Arc<dyn Fn(&ApprovalRequest) + Send + Sync>;

/// The commanding half: everything that may change the queue goes through here to the store's one door.
pub struct App {
    reader: Reader,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    policy: Policy,
    key: Option<SealKey>,
    memory: Memory,
    on_request: Option<OnRequest>,
    receipts: Option<Arc<dyn Receipts>>,
}

impl App {
    /// Wires an app. `key` is absent in a process that neither applies nor claims and found none: its previews cannot be
    /// applied by another process, and say so.
    pub fn new(
        store: Arc<dyn Store>,
        runs: Arc<dyn Runs>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        policy: Policy,
        key: Option<SealKey>,
    ) -> Self {
        let reader = Reader::new(store.clone(), runs, clock.clone());
        Self { reader, store, clock, ids, policy, key, memory: Memory::default(), on_request: None, receipts: None }
    }

    /// Calls this with every request that an apply through this app newly records, once its line is durable; one that an
    /// apply joins or repeats was told before. It must return at once, and nothing may rest on it.
    #[must_use]
    pub fn on_request(mut self, tell: OnRequest) -> Self {
        self.on_request = Some(tell);
        self
    }

    /// Lets whoever asks have receipts from this.
    #[must_use]
    pub fn with_receipts(mut self, receipts: Arc<dyn Receipts>) -> Self {
        self.receipts = Some(receipts);
        self
    }

    /// Who proves lines, where this process can.
    pub fn receipts(&self) -> Option<&dyn Receipts> {
        self.receipts.as_deref()
    }

    /// The reading half.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// This process's policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Random bytes, for request ids.
    pub fn ids(&self) -> &dyn Ids {
        &*self.ids
    }

    /// Derives the one item and says whether it could be queued now. Changes nothing.
    ///
    /// # Errors
    /// When the run cannot be found or read, when nobody is signed in, or when the store cannot be read. A shut gate is no
    /// error: it is what the preview shows.
    pub async fn preview(&self, caller: &Caller, ask: RunRequest) -> Result<Preview, Failure> {
        self.reader.still_signed_in(caller).await?;
        let request = self.request(caller, ask).await;
        let facts = self.store.enqueue_facts(&query(&request, None)).await?;
        let preview = Preview::build(&request, &facts, self.ids.bytes(), self.key.as_ref())?;
        self.memory.remember(caller.principal_id(), &preview);
        Ok(preview)
    }

    /// Appends the item that was previewed, if every gate is open; where people are asked, records the request.
    ///
    /// # Errors
    /// The first shut gate's denial, or the store's error.
    pub async fn enqueue(&self, caller: &Caller, ask: RunRequest, apply: ApplyRequest) -> Result<Outcome, Failure> {
        let request = self.request(caller, ask).await;
        let now = request.now;
        let presented = self.presented(&request, apply.preview_token.as_deref());
        let inputs = ApplyInputs {
            confirm: apply.confirm,
            actor_role: apply.actor_role,
            requested_by: apply.requested_by,
            approval_reason: apply.approval_reason,
            idempotency_key: apply.idempotency_key,
            presented,
            allow_duplicate: apply.allow_duplicate,
            typed_run_id: apply.typed_run_id,
        };
        match self.store.execute(Command::Enqueue(Box::new(Enqueue { request, inputs }))).await? {
            Verdict::Enqueued(item) => Ok(Outcome::Applied(Applied { item, already_applied: false })),
            Verdict::AlreadyApplied(item) => Ok(Outcome::Applied(Applied { item, already_applied: true })),
            Verdict::AwaitsApproval(request) => {
                // No line is earlier than its command, and no earlier command's is later than this one unless the clock
                // went back: then it is told twice, which is better than not at all.
                let is_new = request.asked.at >= to_micros(now) && request.joined.is_empty();
                if let Some(tell) = self.on_request.as_ref().filter(|_| is_new) {
                    tell(&request);
                }
                Ok(Outcome::AwaitsApproval(request))
            }
            other @ (Verdict::Cancelled(_)
            | Verdict::Claimed(_)
            | Verdict::NothingToClaim(_)
            | Verdict::Completed(_)
            | Verdict::LeaseEnded(_)
            | Verdict::Expired(_)
            | Verdict::StopRequested(_)
            | Verdict::Settled(_)
            | Verdict::Unchanged
            | Verdict::Approved(_)
            | Verdict::Recorded(_)
            | Verdict::Denied(_)) => Err(unexpected(other)),
        }
    }

    /// Rolls a pending item back.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn cancel(
        &self,
        caller: &Caller,
        queue_id: &str,
        reason: Stated<Reason>,
        role: StatedRole,
    ) -> Result<QueueItem, Failure> {
        let command = Cancel {
            caller: caller.clone(),
            now: self.clock.now(),
            queue_id: QueueItemId::parse(queue_id),
            reason,
            role,
            allowed_roles: self.policy.allowed_roles.clone(),
        };
        let verdict = self.store.execute(Command::Cancel(command)).await?;
        if let Verdict::Cancelled(item) = verdict {
            return Ok(item);
        }
        Err(unexpected(verdict))
    }

    async fn request(&self, caller: &Caller, ask: RunRequest) -> Request {
        let run_id = RunId::parse(&ask.run_id).ok();
        let run = match &run_id {
            Some(id) => self.reader.runs.facts(id).await,
            None => Err(RunProblem::InvalidId),
        };
        Request {
            caller: caller.clone(),
            now: self.clock.now(),
            run_id,
            run,
            parameters: ask.parameters,
            policy: self.policy.clone(),
            header_role: ask.header_role,
        }
    }

    /// Resolves the preview that an apply rests on: by its token, else by what this process showed this principal.
    fn presented(&self, request: &Request, token: Option<&str>) -> Presented {
        let principal = request.caller.principal_id();
        let run_id = request.run_id.as_ref().map_or("", RunId::as_str);
        match token.map(str::trim).filter(|token| !token.is_empty()) {
            None => match self.memory.latest(principal, run_id, &request.parameters) {
                Some((seen, shown)) => Presented::Seen { seen, shown: Some(shown) },
                None => Presented::Nothing,
            },
            Some(token) => match self.key.as_ref().and_then(|key| key.read_preview_token(principal, token)) {
                Some(seen) => {
                    let shown = self.memory.shown(principal, &seen.nonce);
                    let shown = shown.or_else(|| Sealed::recognise(request, &seen));
                    Presented::Seen { seen, shown }
                }
                None => Presented::Invalid,
            },
        }
    }

    fn key(&self) -> Result<&SealKey, Failure> {
        self.key.as_ref().ok_or_else(|| StoreError::Unavailable("this process was started without a key".into()).into())
    }

    /// `run_YYYYMMDD_HHMMSS_<32 hex>`, as the original names its runs.
    fn new_run_id(&self, now: Timestamp) -> RunId {
        let when = now.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y%m%d_%H%M%S").to_string();
        let name = format!("run_{when}_{}", hex(&self.ids.bytes::<16>()));
        RunId::parse(&name).expect("invariant: digits, letters and underscores are a run id")
    }
}

fn unexpected(verdict: Verdict) -> Failure {
    match verdict {
        Verdict::Denied(denial) => Failure::Denied(denial),
        Verdict::Enqueued(_)
        | Verdict::AlreadyApplied(_)
        | Verdict::Cancelled(_)
        | Verdict::Claimed(_)
        | Verdict::NothingToClaim(_)
        | Verdict::Completed(_)
        | Verdict::LeaseEnded(_)
        | Verdict::Expired(_)
        | Verdict::StopRequested(_)
        | Verdict::Settled(_)
        | Verdict::Unchanged
        | Verdict::AwaitsApproval(_)
        | Verdict::Approved(_)
        | Verdict::Recorded(_) => Failure::Denied(Denial::new(
            ErrorCode::Internal,
            "The store answered another command. Nothing is known of this one.",
        )),
    }
}
