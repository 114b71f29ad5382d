//! Deciding: from a command and the facts that the store loaded, to an event or a refusal. Pure.
//!
//! The functions are private to the crate and [`crate::judge`] is their only caller; a [`Judged`] can be made here alone.

use std::sync::Arc;

use jiff::Timestamp;

use super::approval::{ApprovalRequest, Approver};
use super::command::{ApplyInputs, ApprovalPolicy, Cancel, Enqueue, Presented, Request};
use super::gate::{self, Answer, Denial, EnqueueFacts, EnqueueQuery, GateId, Subject};
use super::governance::{DecisionEvent, GovernanceFacts, Recorded};
use super::id::QueueItemId;
use super::lease::Idle;
use super::preview::Sealed;
use super::principal::{Caller, Principal, PrincipalKind, Role, Roles, StatedRole, Surface};
use super::queue::{Cancelled, Enqueued, ItemState, Provenance, QueueEvent, QueueItem, When};
use super::run::{Pinned, RunFacts};
use super::seal;
use super::time::to_micros;
use super::token::TokenState;
use crate::error::ErrorCode;

mod approval;
mod governance;
mod lease;
mod work;

pub(crate) use approval::approval_query;
pub use governance::starts_with;
pub(crate) use governance::{decide_govern, governance_query};
pub(crate) use lease::{decide_expire, decide_lose, decide_release, decide_revoke, decide_settle, decide_stop};
pub use work::JudgedBeat;
pub(crate) use work::{decide_claim, decide_complete, judge_beat, judge_presence};

/// What was judged and may be appended: the only thing that a store can turn into a ledger line. It cannot be made,
/// copied or read from bytes outside this module.
#[must_use]
#[derive(Debug)]
pub struct Judged {
    event: QueueEvent,
    pin: Option<Pinned>,
}

/// A judged decision: the only thing, beside refusals, that a store can turn into a line of `decisions.jsonl`. Like
/// [`Judged`] it cannot be made outside this module.
#[must_use]
#[derive(Debug)]
pub struct JudgedDecision(DecisionEvent);

impl JudgedDecision {
    /// The event to append.
    pub fn event(&self) -> &DecisionEvent {
        &self.0
    }
}

impl Judged {
    /// The event to append.
    pub fn event(&self) -> &QueueEvent {
        &self.event
    }

    /// The contract that must be durable in the pinned store before the line is.
    pub fn pin(&self) -> Option<&Pinned> {
        self.pin.as_ref()
    }
}

/// What a command came to. Items are as they stand after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// One item was appended.
    Enqueued(QueueItem),
    /// The same preview, or the same key and arguments, was applied before: this is its item, and nothing was appended.
    AlreadyApplied(QueueItem),
    /// The item was rolled back.
    Cancelled(QueueItem),
    /// The item was claimed.
    Claimed(QueueItem),
    /// There is nothing to claim, for this reason.
    NothingToClaim(Idle),
    /// The item was finished.
    Completed(QueueItem),
    /// The item's claim ended without a result: it waits again, or for an operator, as its contract says.
    LeaseEnded(QueueItem),
    /// The item's deadline had passed: it is closed. A claim that met it may be asked again.
    Expired(QueueItem),
    /// The item's run was asked to end.
    StopRequested(QueueItem),
    /// The held item waits again, or is closed.
    Settled(QueueItem),
    /// What was watched is not so any more: nothing was changed.
    Unchanged,
    /// Every gate but the approval is open, and people are asked: this is the request. Nothing was queued.
    AwaitsApproval(Box<ApprovalRequest>),
    /// The last approval came, and is this item's line.
    Approved(QueueItem),
    /// A decision was written down, or stood already.
    Recorded(Box<Recorded>),
    /// Refused; nothing was appended to the queue.
    Denied(Denial),
}

/// What deciding gives: something to append to the queue with the verdict it becomes, a decision to write down, an answer
/// without a change, or a refusal.
pub(crate) enum Decision {
    Append(Judged, fn(QueueItem) -> Verdict),
    Record(JudgedDecision, Box<Verdict>),
    Answer(Box<Verdict>),
    Deny(Denial),
}

impl From<Denial> for Decision {
    fn from(denial: Denial) -> Self {
        Self::Deny(denial)
    }
}

/// Which ledger facts a request needs; the same for preview (no inputs) and apply.
pub fn query(request: &Request, inputs: Option<&ApplyInputs>) -> EnqueueQuery {
    let principal = request.caller.principal_id().to_owned();
    let presented = inputs.map(|inputs| &inputs.presented);
    EnqueueQuery {
        by_preview: match presented {
            Some(Presented::Seen { seen, .. }) => Some(seal::queue_id_of(&principal, &seen.nonce)),
            Some(Presented::Nothing | Presented::Invalid) | None => None,
        },
        by_key: inputs.and_then(|inputs| inputs.idempotency_key.as_ref()).map(|key| key.as_str().to_owned()),
        principal,
        source_run_id: request.run_id.as_ref().map(ToString::to_string),
        now: request.now,
        applies_per_hour: request.policy.limits.applies_per_hour,
        request: None,
    }
}

/// A principal known by a personal token acts only while that token lives. Loaded in the same turn as everything else, so
/// that nothing is decided for a token that was revoked before.
pub(crate) fn caller_lives(caller: &Caller, facts: &GovernanceFacts, now: Timestamp) -> Result<(), Denial> {
    let Some(token) = caller.principal.as_ref().and_then(Principal::token) else { return Ok(()) };
    let refuse = |said: &str| Err(Denial::new(ErrorCode::Unauthenticated, format!("{said} Nothing was changed.")));
    match facts.caller_token.as_ref().filter(|record| record.id == *token).map(|record| record.state(now)) {
        Some(TokenState::Live) => Ok(()),
        Some(TokenState::Expired) => refuse("Your token has expired."),
        Some(TokenState::Revoked) => refuse("Your token was revoked."),
        None => refuse("Your token is not known here."),
    }
}

/// Decides `enqueue` from the facts that the store loaded.
pub(crate) fn decide_enqueue(enqueue: &Enqueue, facts: &EnqueueFacts, last: Last) -> Decision {
    let (request, inputs) = (&enqueue.request, &enqueue.inputs);
    let subject = Subject::new(request, Some(inputs), facts);
    for gate in GateId::ALL {
        // Between what identifies the caller's wish and what the run says today: a retry of what was applied is answered
        // with its item even when the run is gone or the preview has expired.
        if gate == GateId::Run {
            match already_applied(request, inputs, facts) {
                Ok(None) => {}
                Ok(Some(item)) => return Decision::Answer(Box::new(Verdict::AlreadyApplied(item.clone()))),
                Err(denial) => return Decision::Deny(denial),
            }
        }
        // What this caller asks people already counts against its limits; asking once more is a retry.
        if gate == GateId::Limits && approval::asked_already(&subject, request, facts) {
            continue;
        }
        match gate::check(gate, &subject) {
            Answer::Open => {}
            Answer::Shut(denial) => return Decision::Deny(denial),
            // The last gate: everything else is open, and people are asked.
            Answer::Pending if gate == GateId::Approval => {
                return approval::ask(&subject, request, inputs, facts, last);
            }
            Answer::Pending => return Decision::Deny(unanswered(gate)),
        }
    }
    let judged = wish(&subject, request, inputs, facts).and_then(|wish| {
        approval::not_ended(&wish.queue_id, facts, request.now)?;
        let said = own_approval(&wish);
        enqueued(wish, said, facts, last)
    });
    match judged {
        Ok(judged) => Decision::Append(judged, Verdict::Enqueued),
        Err(denial) => Decision::Deny(denial),
    }
}

/// When the last lines of the two files were written: no line is earlier than the one before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Last {
    pub(crate) queue: Option<Timestamp>,
    pub(crate) decisions: Option<Timestamp>,
}

/// No gate leaves an apply unanswered; if one ever did, that is no yes.
fn unanswered(gate: GateId) -> Denial {
    Denial::new(ErrorCode::Internal, format!("The check `{}` gave no answer. Nothing was queued.", gate.row().name))
}

fn conflict() -> Denial {
    Denial::new(
        ErrorCode::IdempotencyConflict,
        "This idempotency_key was used before with another run or other parameters. Nothing was queued.",
    )
}

fn already_applied<'a>(
    request: &Request,
    inputs: &ApplyInputs,
    facts: &'a EnqueueFacts,
) -> Result<Option<&'a QueueItem>, Denial> {
    if let (Some(_), Some(item)) = (&inputs.idempotency_key, &facts.by_key) {
        if gate::same_arguments(request, item) {
            return Ok(Some(item));
        }
        let mut denial = conflict();
        denial.queue_id = Some(item.queue_id().to_string());
        return Err(denial);
    }
    let asked = facts.request_by_key.as_ref().filter(|_| inputs.idempotency_key.is_some());
    if asked.is_some_and(|other| other.is_open(request.now) && !approval::same_arguments(request, other)) {
        return Err(conflict());
    }
    Ok(facts.by_preview.as_ref().filter(|item| gate::same_arguments(request, item)))
}

/// A request that the gates let through, with everything that its line says.
struct Wish<'a> {
    request: &'a Request,
    principal: &'a Principal,
    role: Role,
    requested_by: String,
    reason: String,
    idempotency_key: Option<String>,
    queue_id: QueueItemId,
    run: &'a RunFacts,
    basis: Arc<Sealed>,
    policy: ApprovalPolicy,
}

/// Collects what the gates let through. Whatever is missing here was a gate's to refuse.
fn wish<'a>(
    subject: &Subject<'_>,
    request: &'a Request,
    inputs: &ApplyInputs,
    facts: &EnqueueFacts,
) -> Result<Wish<'a>, Denial> {
    let principal = gate::authenticated(&request.caller)?;
    let role = gate::apply_role(request, &inputs.actor_role)?;
    let run = request.run.as_ref().map_err(gate::run_denial)?;
    let (Presented::Seen { seen, .. }, Some(requested_by), Some(reason)) =
        (&inputs.presented, inputs.requested_by.given(), inputs.approval_reason.given())
    else {
        return Err(unanswered(GateId::Metadata));
    };
    Ok(Wish {
        request,
        principal,
        role,
        requested_by: requested_by.to_string(),
        reason: reason.to_string(),
        idempotency_key: inputs.idempotency_key.as_ref().map(ToString::to_string),
        queue_id: seal::queue_id_of(&principal.id, &seen.nonce),
        run,
        basis: subject.basis(run).clone(),
        policy: facts.policy(request),
    })
}

/// Under `operator` an operator who typed the run's id approves their own request, and the line says so. Nobody else gets
/// past the last gate without people.
fn own_approval(wish: &Wish<'_>) -> Said {
    match wish.policy {
        ApprovalPolicy::Declared => Said::default(),
        ApprovalPolicy::Operator | ApprovalPolicy::TwoPerson => {
            let own = Approver { principal: wish.principal.id.clone(), role: wish.role.clone() };
            Said { approvals: vec![own.to_string()], reason: None }
        }
    }
}

/// What people said to a wish.
#[derive(Default)]
struct Said {
    /// Who agreed, the last of them last.
    approvals: Vec<String>,
    /// Why the last of them did.
    reason: Option<String>,
}

fn enqueued(wish: Wish<'_>, said: Said, facts: &EnqueueFacts, last: Last) -> Result<Judged, Denial> {
    // Whatever led here: no line says that fewer people agreed than the policy asks.
    if said.approvals.len() < usize::try_from(wish.policy.people()).unwrap_or(usize::MAX) {
        return Err(unanswered(GateId::Approval));
    }
    let (basis, request) = (wish.basis.basis(), wish.request);
    let derived = &basis.derived;
    let event = QueueEvent::Enqueued(Arc::new(Enqueued {
        queue_id: wish.queue_id,
        task_id: derived.task_id.clone(),
        owner: derived.owner.clone(),
        contract_path: derived.contract_path.clone(),
        priority: derived.priority,
        workflow_id: derived.workflow_id.clone(),
        source_run_id: derived.source_run_id.clone(),
        scheduled: request.parameters.scheduled.as_ref().map(When::from),
        deadline: request.parameters.deadline.as_ref().map(When::from),
        ts: stamp(request.now, last.queue),
        provenance: Some(Provenance {
            contract_sha256: basis.contract_sha256,
            requested_by: wish.requested_by,
            actor_role: wish.role.to_string(),
            approval_reason: wish.reason,
            pilot_source: request.caller.surface.pilot_source().to_owned(),
            principal: wish.principal.id.clone(),
            preview_digest: wish.basis.digest(),
            repository: wish.run.repository.clone(),
            idempotency_key: wish.idempotency_key,
            depth: facts.depth(),
            approval_policy: wish.policy.as_str().to_owned(),
            approvals: said.approvals,
            approver_reason: said.reason,
        }),
    }));
    Ok(Judged { event, pin: Some(wish.run.contract.clone()) })
}

/// Decides `cancel` from the facts that the store loaded.
pub(crate) fn decide_cancel(cancel: &Cancel, item: Option<QueueItem>, last: Last) -> Decision {
    let acting = match operator_role(&cancel.caller, &cancel.role, &cancel.allowed_roles) {
        Ok(acting) => acting,
        Err(denial) => return Decision::Deny(denial),
    };
    if let Err(denial) = gate::text_accepted("reason", &cancel.reason) {
        return Decision::Deny(denial);
    }
    if cancel.queue_id.is_none() {
        return Decision::Deny(Denial::new(ErrorCode::QueueItemNotCancellable, "queue_id is required"));
    }
    let Some(item) = item else {
        return Decision::Deny(Denial::new(ErrorCode::QueueItemNotFound, "There is no queue item with this id."));
    };
    if acting.principal.kind == PrincipalKind::Agent && !owns(&acting.principal.id, &item) {
        return Decision::Deny(Denial::new(
            ErrorCode::ScopeForbidden,
            "An agent may cancel only what it queued itself.",
        ));
    }
    if !item.is_pending() {
        let mut denial = Denial::new(ErrorCode::QueueItemNotCancellable, not_cancellable(&item));
        denial.queue_id = Some(item.queue_id().to_string());
        return Decision::Deny(denial);
    }
    let event = Cancelled {
        queue_id: item.queue_id().clone(),
        task_id: item.enqueued.task_id.clone(),
        reason: cancel.reason.given().map(ToString::to_string),
        cancelled_by: Some(acting.to_string()),
        ts: stamp(cancel.now, last.queue),
    };
    append(QueueEvent::Cancelled(event), Verdict::Cancelled)
}

fn not_cancellable(item: &QueueItem) -> String {
    let id = item.queue_id();
    match item.state {
        ItemState::Claimed(_) => {
            format!("queue item `{id}` is not pending: a worker has claimed it, so cancelling is no longer a rollback")
        }
        ItemState::Held(_) => {
            format!("queue item `{id}` is not pending: its run was lost, and an operator requeues or fails it")
        }
        ItemState::Pending | ItemState::Closed { .. } | ItemState::Cancelled { .. } | ItemState::Expired { .. } => {
            format!("queue item `{id}` is not pending")
        }
    }
}

fn owns(principal: &str, item: &QueueItem) -> bool {
    item.enqueued.provenance.as_ref().is_some_and(|provenance| provenance.principal == principal)
}

fn append(event: QueueEvent, verdict: fn(QueueItem) -> Verdict) -> Decision {
    Decision::Append(Judged { event, pin: None }, verdict)
}

/// A principal in the role it acts in; no role for the anonymous one and for workers.
struct Acting<'a> {
    principal: &'a Principal,
    role: Option<Role>,
}

impl std::fmt::Display for Acting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.role {
            Some(role) => write!(f, "{} ({role})", self.principal.id),
            None => f.write_str(&self.principal.id),
        }
    }
}

/// Who may cancel: whoever holds an allowed role, and the anonymous principal of a server without authentication, for the
/// rollback must work when all else is shut. Workers may not.
fn operator_role<'a>(caller: &'a Caller, stated: &StatedRole, allowed: &Roles) -> Result<Acting<'a>, Denial> {
    let principal = gate::authenticated(caller)?;
    let role = match principal.kind {
        PrincipalKind::Worker => {
            return Err(Denial::new(ErrorCode::ScopeForbidden, "A worker may claim and complete, nothing else."));
        }
        PrincipalKind::Anonymous => match stated {
            StatedRole::Absent => None,
            StatedRole::Named(role) if allowed.contains(role) => None,
            StatedRole::Named(_) | StatedRole::Unreadable => {
                return Err(Denial::new(
                    ErrorCode::RoleForbidden,
                    "The stated role may not do this. Nothing was changed.",
                ));
            }
        },
        PrincipalKind::Operator | PrincipalKind::Agent => Some(held_role(principal, caller.surface, stated, allowed)?),
    };
    Ok(Acting { principal, role })
}

/// On the command line the person at the keyboard need not name one of their own roles: the first allowed one is meant.
fn held_role(principal: &Principal, surface: Surface, stated: &StatedRole, allowed: &Roles) -> Result<Role, Denial> {
    let implied = principal.roles.iter().find(|role| allowed.contains(role));
    match (surface, stated, implied) {
        (Surface::Cli, StatedRole::Absent, Some(role)) => Ok(role.clone()),
        _ => gate::stated_role(principal, stated, allowed, surface),
    }
}

/// Who may claim and complete: workers, and operators in an allowed role.
fn worker_scope<'a>(caller: &'a Caller, stated: &StatedRole, allowed: &Roles) -> Result<Acting<'a>, Denial> {
    let principal = gate::authenticated(caller)?;
    match principal.kind {
        PrincipalKind::Worker => Ok(Acting { principal, role: None }),
        PrincipalKind::Operator => {
            let role = held_role(principal, caller.surface, stated, allowed)?;
            Ok(Acting { principal, role: Some(role) })
        }
        PrincipalKind::Agent | PrincipalKind::Anonymous => {
            Err(Denial::new(ErrorCode::ScopeForbidden, "Only a worker or an operator may claim and complete items."))
        }
    }
}

/// The line's time: now, but never earlier than the line before, so that a clock set back cannot reorder history.
fn stamp(now: Timestamp, last: Option<Timestamp>) -> Timestamp {
    to_micros(last.map_or(now, |last| last.max(now)))
}
