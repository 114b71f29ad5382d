//! What operators decided, as a fold over the judged lines of `decisions.jsonl`: freeze, the policy's floor, tokens, and
//! requests that people decide.
//!
//! Like the queue's, this fold serves every store. It is loaded in the same turn as the queue, so that a freeze, a raised
//! floor or a revoked token holds for the next command of every process, however long that process has been running.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::approval::{
    ApprovalId, ApprovalRequest, ApprovalStatus, Approver, Asked, ElicitedAnswer, Ended, Requester, Yes,
};
use super::command::{ApprovalPolicy, Limits};
use super::fold::Oddity;
use super::id::QueueItemId;
use super::principal::Surface;
use super::token::{TokenId, TokenRecord, TokenState};

/// One decision: one judged line of `decisions.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecisionEvent {
    /// People are asked (`APPROVAL_REQUESTED`).
    Requested(Box<Asked>),
    /// Somebody asked for what others had asked for (`APPROVAL_REQUESTED` with an id that exists).
    Joined(Box<Joined>),
    /// A person said yes, and more are needed (`APPROVED`). The last yes is no decision line: it is the item's.
    Approved(OnRequest),
    /// A person said no (`REJECTED`).
    Rejected(OnRequest),
    /// Nobody decided in time (`EXPIRED`).
    Expired(Expired),
    /// A client's dialog was answered (`ELICITED`).
    Elicited(Elicited),
    /// Applies and claims stop (`FROZEN`).
    Frozen(Act),
    /// They go on (`UNFROZEN`).
    Unfrozen(Act),
    /// Claims stop, applies go on (`PAUSED`).
    Paused(Act),
    /// Claims go on (`RESUMED`).
    Resumed(Act),
    /// The floor was set (`POLICY_SET`).
    PolicySet(PolicySet),
    /// The first of two operators wants the floor lower (`POLICY_PROPOSED`).
    PolicyProposed(PolicySet),
    /// A token was made (`TOKEN_CREATED`), or one that takes another's place (`TOKEN_ROTATED`).
    TokenMade(Box<TokenMade>),
    /// A token was taken back (`TOKEN_REVOKED`).
    TokenRevoked(TokenRevoked),
}

impl DecisionEvent {
    /// When it happened.
    pub fn ts(&self) -> Timestamp {
        match self {
            Self::Requested(asked) => asked.at,
            Self::Joined(joined) => joined.at,
            Self::Approved(event) | Self::Rejected(event) => event.act.at,
            Self::Expired(event) => event.at,
            Self::Elicited(event) => event.at,
            Self::Frozen(act) | Self::Unfrozen(act) | Self::Paused(act) | Self::Resumed(act) => act.at,
            Self::PolicySet(event) | Self::PolicyProposed(event) => event.act.at,
            Self::TokenMade(event) => event.record.created_at,
            Self::TokenRevoked(event) => event.act.at,
        }
    }
}

/// Who decided, through what, why and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The principal in its role.
    pub by: Approver,
    /// Through what.
    pub surface: Surface,
    /// Why, if stated.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A decision about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnRequest {
    /// Which.
    pub id: ApprovalId,
    /// The run it is about.
    pub run_id: String,
    /// Who, why, when.
    pub act: Act,
}

/// Somebody asked for what others had asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Which request.
    pub id: ApprovalId,
    /// The run it is about.
    pub run_id: String,
    /// Who asks.
    pub requester: Requester,
    /// Through what.
    pub surface: Surface,
    /// Why, as stated.
    pub approval_reason: String,
    /// When.
    pub at: Timestamp,
}

/// Nobody decided in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Which request.
    pub id: ApprovalId,
    /// The run it is about.
    pub run_id: String,
    /// Whose process wrote it down.
    pub principal: String,
    /// Through what.
    pub surface: Surface,
    /// When.
    pub at: Timestamp,
}

/// A client's dialog was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elicited {
    /// About which request.
    pub id: ApprovalId,
    /// The run it is about.
    pub run_id: String,
    /// Whose client.
    pub principal: String,
    /// Through what.
    pub surface: Surface,
    /// What it answered.
    pub answer: ElicitedAnswer,
    /// What was written there, if anything.
    pub comment: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// The floor of the approval policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySet {
    /// The policy that every process must have at least.
    pub policy: ApprovalPolicy,
    /// The floor before.
    pub previous: ApprovalPolicy,
    /// Who proposed it, where it takes two.
    pub proposed_by: Option<String>,
    /// Who, why, when.
    pub act: Act,
}

/// A token was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMade {
    /// Everything that is kept of it.
    pub record: TokenRecord,
    /// The token whose place it takes.
    pub replaces: Option<TokenId>,
    /// Through what.
    pub surface: Surface,
    /// Why, if stated.
    pub reason: Option<String>,
}

/// A token was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRevoked {
    /// Which.
    pub id: TokenId,
    /// Who, why, when.
    pub act: Act,
}

/// Applies and claims are stopped, or claims alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// Since when.
    pub since: Timestamp,
    /// By whom.
    pub by: String,
    /// Why, if stated.
    pub reason: Option<String>,
}

/// The first of two operators wants the floor lower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lowering {
    /// To what.
    pub to: ApprovalPolicy,
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

/// What holds for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Applies and claims are stopped.
    pub frozen: Option<Freeze>,
    /// Claims are stopped, applies are not.
    pub paused: Option<Freeze>,
    /// Who ended the last freeze, and when; `None` during one, and where there never was one.
    pub unfrozen: Option<(String, Timestamp)>,
    /// The same of the last pause.
    pub resumed: Option<(String, Timestamp)>,
    /// The policy that every process must have at least.
    pub floor: ApprovalPolicy,
    /// Who set it, and when; nobody has where it is the default.
    pub floor_set: Option<(String, Timestamp)>,
    /// A lower floor that waits for a second operator.
    pub lowering: Option<Lowering>,
}

impl Default for Standing {
    fn default() -> Self {
        let (frozen, paused, unfrozen, resumed) = Default::default();
        let floor = ApprovalPolicy::Declared;
        Self { frozen, paused, unfrozen, resumed, floor, floor_set: None, lowering: None }
    }
}

impl Standing {
    /// The policy that holds in a process configured with this one: the stricter of both.
    pub fn policy(&self, configured: ApprovalPolicy) -> ApprovalPolicy {
        self.floor.max(configured)
    }
}

/// Which decisions a command or a question rests on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GovernanceQuery {
    /// The token that the caller is known by.
    pub caller_token: Option<TokenId>,
    /// A request.
    pub approval: Option<ApprovalId>,
    /// A token.
    pub token: Option<TokenId>,
    /// A principal whose tokens are wanted; those of a request's requester and of a token's principal come with it.
    pub tokens_of: Option<String>,
    /// A request that nobody decided until this moment, and that nobody wrote down as expired.
    pub overdue_at: Option<Timestamp>,
}

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct GovernanceFacts {
    /// What holds for everybody.
    pub standing: Standing,
    /// The token that the caller is known by.
    pub caller_token: Option<TokenRecord>,
    /// The request.
    pub approval: Option<ApprovalRequest>,
    /// The token.
    pub token: Option<TokenRecord>,
    /// The principal's tokens.
    pub tokens: Vec<TokenRecord>,
    /// A request that nobody decided in time.
    pub overdue: Option<ApprovalRequest>,
}

/// What a recorded decision came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "made once a command and moved once, in a box")]
pub enum Recorded {
    /// The request as it stands after it.
    Request(ApprovalRequest),
    /// What holds for everybody after it.
    Standing(Standing),
    /// The token as it stands after it.
    Token(TokenRecord),
    /// There was nothing to write down.
    Nothing,
}

/// Which requests are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApprovalFilter {
    /// With this status at this moment.
    pub status: Option<(ApprovalStatus, Timestamp)>,
    /// Of this principal.
    pub principal: Option<String>,
    /// Asked at or after this moment.
    pub since: Option<Timestamp>,
    /// After this position; positions count from 0 in the order of asking.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// The state.
#[derive(Debug, Default)]
pub struct Governance {
    standing: Standing,
    tokens: BTreeMap<TokenId, TokenRecord>,
    tokens_of: HashMap<String, Vec<TokenId>>,
    requests: Vec<ApprovalRequest>,
    by_id: HashMap<ApprovalId, usize>,
    by_run: HashMap<String, Vec<usize>>,
    by_key: HashMap<(String, String), usize>,
    // Neither ended nor queued; some of them may be past their time.
    open: BTreeSet<usize>,
    // Times of each principal's requests within an hour of its newest, oldest first.
    asked: HashMap<String, VecDeque<Timestamp>>,
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Governance {
    /// Applies one event.
    ///
    /// # Errors
    /// An [`Oddity`] when the event changes nothing. Our own events were judged and never are.
    pub fn apply(&mut self, event: &DecisionEvent) -> Result<(), Oddity> {
        match event {
            DecisionEvent::Requested(asked) => self.request(asked),
            DecisionEvent::Joined(event) => self.on(&event.id, |request| request.joined.push(event.requester.clone())),
            DecisionEvent::Approved(OnRequest { id, act, .. }) => self.on(id, |request| {
                request.approvals.push(Yes { by: act.by.clone(), reason: act.reason.clone(), at: act.at });
            }),
            DecisionEvent::Rejected(OnRequest { id, act, .. }) => {
                let reason = act.reason.clone().unwrap_or_default();
                self.end(id, Ended::Rejected { by: act.by.clone(), reason, at: act.at })
            }
            DecisionEvent::Expired(event) => self.end(&event.id, Ended::Expired { at: event.at }),
            DecisionEvent::Elicited(event) => {
                self.on(&event.id, |request| request.elicited.push((event.answer, event.comment.clone(), event.at)))
            }
            DecisionEvent::Frozen(act) => {
                let (by, reason) = (act.by.to_string(), act.reason.clone());
                self.standing.frozen = Some(Freeze { since: act.at, by, reason });
                self.standing.unfrozen = None;
                Ok(())
            }
            DecisionEvent::Unfrozen(act) => {
                self.standing.frozen = None;
                self.standing.unfrozen = Some((act.by.to_string(), act.at));
                Ok(())
            }
            DecisionEvent::Paused(act) => {
                let (by, reason) = (act.by.to_string(), act.reason.clone());
                self.standing.paused = Some(Freeze { since: act.at, by, reason });
                self.standing.resumed = None;
                Ok(())
            }
            DecisionEvent::Resumed(act) => {
                self.standing.paused = None;
                self.standing.resumed = Some((act.by.to_string(), act.at));
                Ok(())
            }
            DecisionEvent::PolicySet(event) => {
                self.standing.floor = event.policy;
                self.standing.floor_set = Some((event.act.by.to_string(), event.act.at));
                self.standing.lowering = None;
                Ok(())
            }
            DecisionEvent::PolicyProposed(event) => {
                let by = event.act.by.principal.clone();
                self.standing.lowering = Some(Lowering { to: event.policy, by, at: event.act.at });
                Ok(())
            }
            DecisionEvent::TokenMade(event) => self.make_token(&event.record),
            DecisionEvent::TokenRevoked(event) => {
                let record = self.tokens.get_mut(&event.id).ok_or(Oddity::UnknownItem)?;
                record.revoked.get_or_insert_with(|| (event.act.at, event.act.by.to_string()));
                let principal = record.principal_id();
                self.forget_word_of(&principal);
                Ok(())
            }
        }
    }

    /// The lines before are gone, set aside by a repair: nobody knows what they forbade. So everything stands still until
    /// an operator has looked.
    pub fn repaired(&mut self, by: &str, at: Timestamp) {
        let reason = "the record of decisions was repaired: set the policy floor and make tokens anew, then unfreeze";
        self.standing.frozen = Some(Freeze { since: at, by: by.to_owned(), reason: Some(reason.to_owned()) });
    }

    /// What holds for everybody.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Answers a question.
    pub fn facts(&self, query: &GovernanceQuery) -> GovernanceFacts {
        let token = |id: &Option<TokenId>| id.as_ref().and_then(|id| self.tokens.get(id)).cloned();
        let approval = query.approval.as_ref().and_then(|id| self.get(id)).cloned();
        let about = approval.as_ref().map(|request| request.asked.requester.principal.clone());
        let about = about.or_else(|| token(&query.token).map(|record| record.principal_id()));
        GovernanceFacts {
            standing: self.standing.clone(),
            caller_token: token(&query.caller_token),
            token: token(&query.token),
            tokens: query.tokens_of.clone().or(about).map(|of| self.tokens_of(&of)).unwrap_or_default(),
            overdue: query.overdue_at.and_then(|at| self.overdue(at)).cloned(),
            approval,
        }
    }

    /// The request of this id.
    pub fn get(&self, id: &ApprovalId) -> Option<&ApprovalRequest> {
        self.by_id.get(id).map(|at| &self.requests[*at])
    }

    /// The requests about this run, in the order of asking.
    pub fn of_run(&self, run_id: &str) -> impl Iterator<Item = &ApprovalRequest> {
        self.by_run.get(run_id).into_iter().flatten().map(|at| &self.requests[*at])
    }

    /// The request that this principal made under this key.
    pub fn by_key(&self, principal: &str, key: &str) -> Option<&ApprovalRequest> {
        self.by_key.get(&(principal.to_owned(), key.to_owned())).map(|at| &self.requests[*at])
    }

    /// Requests in the order of asking, each with its position, and whether there are more.
    pub fn list(&self, filter: &ApprovalFilter) -> (Vec<(u64, ApprovalRequest)>, bool) {
        let accepts = |request: &ApprovalRequest| {
            filter.status.is_none_or(|(status, now)| request.status(now) == status)
                && filter.principal.as_ref().is_none_or(|principal| request.was_asked_by(principal))
                && filter.since.is_none_or(|since| request.asked.at >= since)
        };
        let start = filter.after.map_or(0, |at| usize::try_from(at).unwrap_or(usize::MAX).saturating_add(1));
        let numbered = self.requests.iter().enumerate().skip(start);
        let mut matching = numbered.filter(|(_, request)| accepts(request));
        let most = filter.limit.unwrap_or(usize::MAX);
        let found = matching.by_ref().take(most).map(|(at, request)| (at as u64, request.clone())).collect();
        (found, matching.next().is_some())
    }

    /// Every token, by id.
    pub fn tokens(&self) -> impl Iterator<Item = &TokenRecord> {
        self.tokens.values()
    }

    /// How many of a principal's requests may still be decided, one of them left out if wanted.
    pub fn open_of(&self, principal: &str, but: Option<&ApprovalId>, now: Timestamp) -> usize {
        let mine = |request: &&ApprovalRequest| {
            request.asked.requester.principal == principal && but != Some(&request.asked.id) && request.is_open(now)
        };
        self.open.iter().map(|at| &self.requests[*at]).filter(mine).count()
    }

    /// When fewer than `most` of the principal's requests lie within the last hour; `None` when that is so now.
    pub fn frees_at(&self, principal: &str, most: u32, now: Timestamp) -> Option<Timestamp> {
        let times = self.asked.get(principal)?;
        let over = times.len().checked_sub(usize::try_from(most).ok()?)?;
        let frees_at = times.get(over)?.checked_add(HOUR).ok()?;
        (most > 0 && frees_at > now).then_some(frees_at)
    }

    /// The item of a request is in the queue, or (with `false`) is not known to be any more.
    pub(super) fn queued(&mut self, queue_id: &QueueItemId, queued: bool) {
        if self.by_id.is_empty() {
            return;
        }
        let Some(at) = self.by_id.get(&ApprovalId::of(queue_id)).copied() else { return };
        self.requests[at].queued = queued;
        if queued {
            self.open.remove(&at);
        } else if self.requests[at].ended.is_none() {
            self.open.insert(at);
        }
    }

    /// Items of requests that are in the queue, whatever became of them.
    pub(super) fn queued_ids(&self) -> impl Iterator<Item = &QueueItemId> {
        self.requests.iter().filter(|request| request.queued).map(|request| &request.asked.queue_id)
    }

    /// Nothing is known of the queue any more.
    pub(super) fn forget_queue(&mut self) {
        let queued: Vec<QueueItemId> = self
            .requests
            .iter()
            .filter(|request| request.queued)
            .map(|request| request.asked.queue_id.clone())
            .collect();
        for queue_id in queued {
            self.queued(&queue_id, false);
        }
    }

    fn tokens_of(&self, principal: &str) -> Vec<TokenRecord> {
        let ids = self.tokens_of.get(principal).into_iter().flatten();
        ids.filter_map(|id| self.tokens.get(id)).cloned().collect()
    }

    fn overdue(&self, now: Timestamp) -> Option<&ApprovalRequest> {
        self.open.iter().map(|at| &self.requests[*at]).find(|request| now >= request.asked.expires_at)
    }

    fn request(&mut self, asked: &Asked) -> Result<(), Oddity> {
        if self.by_id.contains_key(&asked.id) {
            return Err(Oddity::DuplicateId);
        }
        let at = self.requests.len();
        let principal = asked.requester.principal.clone();
        self.by_id.insert(asked.id.clone(), at);
        self.by_run.entry(asked.run_id.clone()).or_default().push(at);
        if let Some(key) = &asked.idempotency_key {
            self.by_key.insert((principal.clone(), key.clone()), at);
        }
        let times = self.asked.entry(principal).or_default();
        times.push_back(asked.at);
        let most = usize::try_from(Limits::MAX).unwrap_or(usize::MAX);
        while times.len() > most || times.front().is_some_and(|first| asked.at.duration_since(*first) >= HOUR) {
            times.pop_front();
        }
        self.requests.push(ApprovalRequest::new(asked.clone()));
        self.open.insert(at);
        Ok(())
    }

    fn on(&mut self, id: &ApprovalId, change: impl FnOnce(&mut ApprovalRequest)) -> Result<(), Oddity> {
        let at = *self.by_id.get(id).ok_or(Oddity::UnknownItem)?;
        change(&mut self.requests[at]);
        Ok(())
    }

    fn end(&mut self, id: &ApprovalId, ended: Ended) -> Result<(), Oddity> {
        let at = *self.by_id.get(id).ok_or(Oddity::UnknownItem)?;
        if self.requests[at].ended.is_some() {
            return Err(Oddity::WrongState);
        }
        self.requests[at].ended = Some(ended);
        self.open.remove(&at);
        Ok(())
    }

    /// Whoever holds no token any more because operators took every one back has said nothing: their yes, or their proposal
    /// to lower the floor, does not count where more people must agree. A token that merely expired, or gave way to another,
    /// leaves it standing.
    fn forget_word_of(&mut self, principal: &str) {
        let mut ids = self.tokens_of.get(principal).into_iter().flatten();
        if ids.any(|id| self.tokens.get(id).is_some_and(|token| token.revoked.is_none())) {
            return;
        }
        for at in &self.open {
            self.requests[*at].approvals.retain(|yes| yes.by.principal != principal);
        }
        if self.standing.lowering.as_ref().is_some_and(|lowering| lowering.by == principal) {
            self.standing.lowering = None;
        }
    }

    fn make_token(&mut self, record: &TokenRecord) -> Result<(), Oddity> {
        if self.tokens.contains_key(&record.id) {
            return Err(Oddity::DuplicateId);
        }
        self.tokens_of.entry(record.principal_id()).or_default().push(record.id.clone());
        self.tokens.insert(record.id.clone(), record.clone());
        Ok(())
    }
}

/// How many of these tokens live.
pub fn live_tokens(tokens: &[TokenRecord], now: Timestamp) -> usize {
    tokens.iter().filter(|token| token.state(now) == TokenState::Live).count()
}
