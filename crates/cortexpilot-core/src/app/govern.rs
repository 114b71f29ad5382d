//! What operators decide: requests, freeze, the policy's floor, tokens. Each is a command like any other, judged in the
//! store's turn.

use jiff::SignedDuration;

use super::{App, Failure, Reader, unexpected};
use crate::domain::approval::{ApprovalId, ApprovalRequest, ElicitedAnswer};
use crate::domain::command::{ApprovalPolicy, Command, Decide, Govern};
use crate::domain::decide::Verdict;
use crate::domain::gate::Denial;
use crate::domain::governance::{ApprovalFilter, GovernanceQuery, Recorded, Standing};
use crate::domain::principal::{Caller, PrincipalKind, Roles, StatedRole};
use crate::domain::queue::QueueItem;
use crate::domain::run::RunProblem;
use crate::domain::text::{Reason, Stated};
use crate::domain::token::{TokenId, TokenName, TokenRecord, TokenText};
use crate::error::ErrorCode;
use crate::port::{ApprovalListing, StoreError};

pub use crate::domain::decide::starts_with;

/// What every decision states: why, and in which role.
#[derive(Debug, Clone, Default)]
pub struct Stating {
    /// Why.
    pub reason: Stated<Reason>,
    /// The role acted in; the command line may leave it out.
    pub role: StatedRole,
}

/// What a yes came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approved {
    /// It was the last that was needed: the item is in the queue.
    Queued(Box<QueueItem>),
    /// More people must agree.
    More(Box<ApprovalRequest>),
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What its principal may be used for.
    pub kind: PrincipalKind,
    /// Its principal's own name.
    pub name: TokenName,
    /// The roles that come with it.
    pub roles: Roles,
    /// For an agent: who answers for it; whoever makes it, unless named.
    pub sponsor: Option<String>,
    /// How long it lives.
    pub ttl: SignedDuration,
}

impl Reader {
    /// What holds for everybody.
    ///
    /// # Errors
    /// The store's.
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        Ok(self.store.governance(&GovernanceQuery::default()).await?.standing)
    }

    /// One request.
    ///
    /// # Errors
    /// The store's.
    pub async fn approval(&self, id: &ApprovalId) -> Result<Option<ApprovalRequest>, StoreError> {
        let query = GovernanceQuery { approval: Some(id.clone()), ..GovernanceQuery::default() };
        Ok(self.store.governance(&query).await?.approval)
    }

    /// Requests, in the order of asking.
    ///
    /// # Errors
    /// The store's.
    pub async fn approvals(&self, filter: &ApprovalFilter) -> Result<ApprovalListing, StoreError> {
        self.store.approvals(filter).await
    }
}

impl App {
    /// Says yes to a request. The last yes that is needed queues its item, after everything was judged again.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn approve(&self, caller: &Caller, id: &str, stating: Stating) -> Result<Approved, Failure> {
        let id = ApprovalId::parse(id);
        let request = match &id {
            Some(id) => self.reader.approval(id).await?,
            None => None,
        };
        let run_id = request.and_then(|request| crate::domain::id::RunId::parse(&request.asked.run_id).ok());
        let run = match &run_id {
            Some(run_id) => self.reader.runs.facts(run_id).await,
            None => Err(RunProblem::NotFound),
        };
        match self.govern(caller, stating, Decide::Approve { id, run: Box::new(run) }).await? {
            Verdict::Approved(item) => Ok(Approved::Queued(Box::new(item))),
            Verdict::Recorded(recorded) => Ok(Approved::More(Box::new(request_of(*recorded)?))),
            other @ (Verdict::Enqueued(_)
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
            | Verdict::Denied(_)) => Err(unexpected(other)),
        }
    }

    /// Says no to a request.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn reject(&self, caller: &Caller, id: &str, stating: Stating) -> Result<ApprovalRequest, Failure> {
        let decide = Decide::Reject { id: ApprovalId::parse(id) };
        request_of(self.recorded(caller, stating, decide).await?)
    }

    /// Writes down one request that nobody decided in time; `None` when there is none.
    ///
    /// # Errors
    /// The store's.
    pub async fn expire_one(&self, caller: &Caller) -> Result<Option<ApprovalRequest>, Failure> {
        match self.recorded(caller, Stating::default(), Decide::Expire).await? {
            Recorded::Request(request) => Ok(Some(request)),
            Recorded::Nothing | Recorded::Standing(_) | Recorded::Token(_) => Ok(None),
        }
    }

    /// Writes down what a client's own dialog was answered about a request. Evidence: it approves nothing.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn record_elicitation(
        &self,
        caller: &Caller,
        id: &ApprovalId,
        answer: ElicitedAnswer,
        comment: Stated<Reason>,
    ) -> Result<ApprovalRequest, Failure> {
        let stating = Stating { reason: comment, role: StatedRole::Absent };
        request_of(self.recorded(caller, stating, Decide::Elicited { id: id.clone(), answer }).await?)
    }

    /// Stops applies and claims in every process.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn freeze(&self, caller: &Caller, stating: Stating) -> Result<Standing, Failure> {
        standing_of(self.recorded(caller, stating, Decide::Freeze).await?)
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn unfreeze(&self, caller: &Caller, stating: Stating) -> Result<Standing, Failure> {
        standing_of(self.recorded(caller, stating, Decide::Unfreeze).await?)
    }

    /// Stops claims in every process; applies go on.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn pause(&self, caller: &Caller, stating: Stating) -> Result<Standing, Failure> {
        standing_of(self.recorded(caller, stating, Decide::Pause).await?)
    }

    /// Lets claims go on.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn resume(&self, caller: &Caller, stating: Stating) -> Result<Standing, Failure> {
        standing_of(self.recorded(caller, stating, Decide::Resume).await?)
    }

    /// Sets the policy that every process must have at least; where it takes two to lower it, proposes that first.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn set_policy(
        &self,
        caller: &Caller,
        policy: ApprovalPolicy,
        stating: Stating,
    ) -> Result<Standing, Failure> {
        standing_of(self.recorded(caller, stating, Decide::SetPolicy(policy)).await?)
    }

    /// Makes a token. Its text is given out here and nowhere else.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn create_token(
        &self,
        caller: &Caller,
        token: NewToken,
        stating: Stating,
    ) -> Result<(TokenText, TokenRecord), Failure> {
        let text = self.new_token_text(token.kind);
        let NewToken { kind, name, roles, sponsor, ttl } = token;
        let (id, sha256) = (text.id().clone(), text.digest());
        let decide = Decide::CreateToken { id, sha256, kind, name, roles, sponsor, ttl };
        Ok((text, token_of(self.recorded(caller, stating, decide).await?)?))
    }

    /// Makes a token that takes another's place; the other lives on until it is revoked or expires.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn rotate_token(
        &self,
        caller: &Caller,
        replaces: &str,
        ttl: SignedDuration,
        stating: Stating,
    ) -> Result<(TokenText, TokenRecord), Failure> {
        let replaces = TokenId::parse(replaces);
        let query = GovernanceQuery { token: replaces.clone(), ..GovernanceQuery::default() };
        let old = self.store.governance(&query).await?.token;
        // Where there is no such token the command is refused, whatever kind is written here.
        let text = self.new_token_text(old.map_or(PrincipalKind::Worker, |old| old.kind));
        let decide = Decide::RotateToken { replaces, id: text.id().clone(), sha256: text.digest(), ttl };
        Ok((text, token_of(self.recorded(caller, stating, decide).await?)?))
    }

    /// Takes a token back.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn revoke_token(&self, caller: &Caller, id: &str, stating: Stating) -> Result<TokenRecord, Failure> {
        token_of(self.recorded(caller, stating, Decide::RevokeToken { id: TokenId::parse(id) }).await?)
    }

    fn new_token_text(&self, kind: PrincipalKind) -> TokenText {
        TokenText::new(kind, TokenId::from_bytes(self.ids.bytes()), self.ids.bytes())
    }

    async fn govern(&self, caller: &Caller, stating: Stating, what: Decide) -> Result<Verdict, Failure> {
        let govern = Govern {
            caller: caller.clone(),
            now: self.clock.now(),
            reason: stating.reason,
            role: stating.role,
            policy: self.policy.clone(),
            what,
        };
        Ok(self.store.execute(Command::Govern(Box::new(govern))).await?)
    }

    async fn recorded(&self, caller: &Caller, stating: Stating, what: Decide) -> Result<Recorded, Failure> {
        let verdict = self.govern(caller, stating, what).await?;
        if let Verdict::Recorded(recorded) = verdict {
            return Ok(*recorded);
        }
        Err(unexpected(verdict))
    }
}

fn request_of(recorded: Recorded) -> Result<ApprovalRequest, Failure> {
    match recorded {
        Recorded::Request(request) => Ok(request),
        Recorded::Standing(_) | Recorded::Token(_) | Recorded::Nothing => Err(another()),
    }
}

fn standing_of(recorded: Recorded) -> Result<Standing, Failure> {
    match recorded {
        Recorded::Standing(standing) => Ok(standing),
        Recorded::Request(_) | Recorded::Token(_) | Recorded::Nothing => Err(another()),
    }
}

fn token_of(recorded: Recorded) -> Result<TokenRecord, Failure> {
    match recorded {
        Recorded::Token(token) => Ok(token),
        Recorded::Request(_) | Recorded::Standing(_) | Recorded::Nothing => Err(another()),
    }
}

fn another() -> Failure {
    Failure::Denied(Denial::new(
        ErrorCode::Internal,
        "The store answered another command. Nothing is known of this one.",
    ))
}
