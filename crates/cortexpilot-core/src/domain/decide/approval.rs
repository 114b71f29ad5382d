//! Requests that people decide: asking, and what they say.

use jiff::Timestamp;

use super::super::approval::{ApprovalId, ApprovalRequest, ApprovalStatus, Approver, Asked, Requester, Yes};
use super::super::command::{ApplyInputs, ApprovalPolicy, Govern, Policy, Presented, Request};
use super::super::gate::{self, Answer, Denial, EnqueueFacts, EnqueueQuery, GateId, Subject};
use super::super::governance::{Act, DecisionEvent, Elicited, Expired, GovernanceFacts, Joined, OnRequest, Recorded};
use super::super::id::{QueueItemId, RunId};
use super::super::principal::{Caller, KnownBy, Principal, StatedRole};
use super::super::run::{RunFacts, RunProblem};
use super::super::seal::{SeenPreview, short};
use super::super::text::Stated;
use super::super::token::TokenState;
use super::governance::operator;
use super::{Decision, JudgedDecision, Last, Said, Verdict, Wish, enqueued, stamp, unanswered, wish};
use crate::error::ErrorCode;

/// Whether a request was made with these arguments: the run and the parameters.
pub(super) fn same_arguments(request: &Request, other: &ApprovalRequest) -> bool {
    let asked = &other.asked;
    request.run_id.as_ref().is_some_and(|id| id.as_str() == asked.run_id) && request.parameters == asked.parameters
}

/// Every gate but the last is open: people are asked, once for the same thing.
pub(super) fn ask(
    subject: &Subject<'_>,
    request: &Request,
    inputs: &ApplyInputs,
    facts: &EnqueueFacts,
    last: Last,
) -> Decision {
    let wish = match wish(subject, request, inputs, facts) {
        Ok(wish) => wish,
        Err(denial) => return denial.into(),
    };
    let (requester, digest) = (Requester::of(wish.principal), wish.basis.digest());
    let same = |other: &&ApprovalRequest| other.is_open(request.now) && other.asked.preview_digest == digest;
    if let Some(open) = facts.requests.iter().find(same) {
        return join(open, requester, &wish, last);
    }
    let id = ApprovalId::of(&wish.queue_id);
    if let Some(decided) = facts.requests.iter().find(|other| other.asked.id == id) {
        return decided_before(decided, request.now).into();
    }
    let at = stamp(request.now, last.decisions);
    let asked = Asked {
        id,
        queue_id: wish.queue_id.clone(),
        run_id: wish.basis.basis().derived.source_run_id.clone(),
        parameters: request.parameters.clone(),
        preview_digest: digest,
        contract_sha256: wish.basis.basis().contract_sha256,
        task_id: Some(wish.basis.basis().derived.task_id.clone()),
        requester,
        surface: request.caller.surface,
        actor_role: wish.role.clone(),
        requested_by: wish.requested_by.clone(),
        approval_reason: wish.reason.clone(),
        idempotency_key: wish.idempotency_key.clone(),
        allow_duplicate: inputs.allow_duplicate,
        policy: wish.policy,
        at,
        expires_at: super::to_micros(at.checked_add(request.policy.approval_ttl).unwrap_or(Timestamp::MAX)),
    };
    let verdict = Verdict::AwaitsApproval(Box::new(ApprovalRequest::new(asked.clone())));
    Decision::Record(JudgedDecision(DecisionEvent::Requested(Box::new(asked))), Box::new(verdict))
}

/// Whether this principal asked for exactly this, and it may still be decided: asking again takes up nothing more.
pub(super) fn asked_already(subject: &Subject<'_>, request: &Request, facts: &EnqueueFacts) -> bool {
    let caller = request.caller.principal_id();
    let mut mine =
        facts.requests.iter().filter(|other| other.is_open(request.now) && other.was_asked_by(caller)).peekable();
    // Nearly always there is none, and a digest under the store's lock is what everybody else waits for.
    let (Ok(run), Some(_)) = (&request.run, mine.peek()) else { return false };
    let digest = subject.basis(run).digest();
    mine.any(|other| other.asked.preview_digest == digest)
}

/// Refuses an item whose request ended: no later yes, not even the requester's own, undoes what was decided.
pub(super) fn not_ended(queue_id: &QueueItemId, facts: &EnqueueFacts, now: Timestamp) -> Result<(), Denial> {
    if facts.requests.is_empty() {
        return Ok(());
    }
    let id = ApprovalId::of(queue_id);
    match facts.requests.iter().find(|request| request.asked.id == id && !request.is_open(now)) {
        Some(request) => Err(decided_before(request, now)),
        None => Ok(()),
    }
}

/// The same was asked before. Another principal that asks for it is written down: whoever asks does not approve.
fn join(open: &ApprovalRequest, requester: Requester, wish: &Wish<'_>, last: Last) -> Decision {
    let mut request = open.clone();
    if open.was_asked_by(&requester.principal) {
        return Decision::Answer(Box::new(Verdict::AwaitsApproval(Box::new(request))));
    }
    request.joined.push(requester.clone());
    let event = Joined {
        id: open.asked.id.clone(),
        run_id: open.asked.run_id.clone(),
        requester,
        surface: wish.request.caller.surface,
        approval_reason: wish.reason.clone(),
        at: stamp(wish.request.now, last.decisions),
    };
    let verdict = Verdict::AwaitsApproval(Box::new(request));
    Decision::Record(JudgedDecision(DecisionEvent::Joined(Box::new(event))), Box::new(verdict))
}

/// The request that says yes to `id` waits for no more.
fn decided_before(request: &ApprovalRequest, now: Timestamp) -> Denial {
    let (code, said) = match request.status(now) {
        ApprovalStatus::Approved => (ErrorCode::ApprovalDecided, "was approved, and its item is in the queue"),
        ApprovalStatus::Rejected => (ErrorCode::ApprovalDecided, "was rejected"),
        ApprovalStatus::Expired => (ErrorCode::ApprovalExpired, "expired before people decided it"),
        ApprovalStatus::Pending => (ErrorCode::ApprovalDecided, "waits for somebody else: you have said yes already"),
    };
    let mut denial = Denial::new(code, format!("The request {} {said}. Nothing was changed.", request.asked.id));
    if request.queued {
        denial.queue_id = Some(request.asked.queue_id.to_string());
    }
    denial
}

/// Which facts of the queue an approval rests on: those of the request that is judged again.
pub(crate) fn approval_query(request: &ApprovalRequest, now: Timestamp) -> EnqueueQuery {
    let asked = &request.asked;
    EnqueueQuery {
        by_preview: Some(asked.queue_id.clone()),
        by_key: asked.idempotency_key.clone(),
        principal: asked.requester.principal.clone(),
        source_run_id: Some(asked.run_id.clone()),
        now,
        // It was counted when it was asked for.
        applies_per_hour: 0,
        request: Some(asked.id.clone()),
    }
}

/// Decides a yes. The request is judged again in full, by the same gates; the last yes that is needed is the item's line.
pub(super) fn approve(
    govern: &Govern,
    run: &Result<RunFacts, RunProblem>,
    facts: &GovernanceFacts,
    queue: Option<&EnqueueFacts>,
    last: Last,
) -> Decision {
    match judge_yes(govern, run, facts, queue, last) {
        Ok(decision) => decision,
        Err(denial) => denial.into(),
    }
}

fn judge_yes(
    govern: &Govern,
    run: &Result<RunFacts, RunProblem>,
    facts: &GovernanceFacts,
    queue: Option<&EnqueueFacts>,
    last: Last,
) -> Result<Decision, Denial> {
    gate::authenticated(&govern.caller)?;
    gate::mutation_gate(govern.policy.mutation_gate, &facts.standing)?;
    let approver = operator(govern)?;
    gate::text_accepted("reason", &govern.reason)?;
    let (request, queue) = facts.approval.as_ref().zip(queue).ok_or_else(not_found)?;
    if !request.is_open(govern.now) || request.was_approved_by(&approver.principal) {
        return Err(decided_before(request, govern.now));
    }
    let again = asked_again(request, run, &govern.policy, govern.now);
    may_approve(request, &approver, queue.policy(&again), &govern.caller)?;
    requester_lives(request, facts, govern.now)?;
    key_is_free(queue)?;
    let inputs = inputs_again(request);
    let subject = Subject::new(&again, Some(&inputs), queue);
    for gate in [GateId::Authenticated, GateId::Role, GateId::Run, GateId::Preview, GateId::Limits] {
        match gate::check(gate, &subject) {
            Answer::Open => {}
            Answer::Shut(denial) => return Err(denial),
            Answer::Pending => return Err(unanswered(gate)),
        }
    }
    let mut approvals: Vec<String> = request.counted().map(|yes| yes.by.to_string()).collect();
    approvals.push(approver.to_string());
    let wish = Wish {
        queue_id: request.asked.queue_id.clone(),
        requested_by: request.asked.requested_by.clone(),
        reason: request.asked.approval_reason.clone(),
        idempotency_key: request.asked.idempotency_key.clone(),
        ..wish(&subject, &again, &inputs, queue)?
    };
    // The gate compared what a preview token has room for; the request holds the whole digest.
    if wish.basis.digest() != request.asked.preview_digest {
        return Err(unanswered(GateId::Preview));
    }
    if approvals.len() >= usize::try_from(wish.policy.people()).unwrap_or(usize::MAX) {
        let said = Said { approvals, reason: govern.reason.given().map(ToString::to_string) };
        return enqueued(wish, said, queue, last).map(|judged| Decision::Append(judged, Verdict::Approved));
    }
    let act = act(govern, approver, last);
    let mut after = request.clone();
    after.approvals.push(Yes { by: act.by.clone(), reason: act.reason.clone(), at: act.at });
    Ok(on_request(after, act, DecisionEvent::Approved))
}

/// What was asked, as if it were asked now, in this process, by whoever asked it.
fn asked_again(
    request: &ApprovalRequest,
    run: &Result<RunFacts, RunProblem>,
    policy: &Policy,
    now: Timestamp,
) -> Request {
    let asked = &request.asked;
    let principal = Principal {
        id: asked.requester.principal.clone(),
        kind: asked.requester.kind,
        roles: std::iter::once(asked.actor_role.clone()).collect(),
        sponsor: asked.requester.sponsor.clone(),
        known_by: asked.requester.token.clone().map_or(KnownBy::Process, KnownBy::Token),
    };
    Request {
        caller: Caller { principal: Some(principal), surface: asked.surface },
        now,
        run_id: RunId::parse(&asked.run_id).ok(),
        run: run.clone(),
        parameters: asked.parameters.clone(),
        // A process that asks less than the one where the request was made does not make it weaker.
        policy: Policy { approval: policy.approval.max(asked.policy), ..policy.clone() },
        header_role: StatedRole::Absent,
    }
}

fn inputs_again(request: &ApprovalRequest) -> ApplyInputs {
    let asked = &request.asked;
    // The nonce is not known any more and not needed: the item's id is.
    let seen = SeenPreview { nonce: [0; 12], digest: short(&asked.preview_digest), expires_at: asked.expires_at };
    ApplyInputs {
        confirm: true,
        actor_role: StatedRole::Named(asked.actor_role.clone()),
        requested_by: Stated::read(Some(&asked.requested_by)),
        approval_reason: Stated::read(Some(&asked.approval_reason)),
        idempotency_key: None,
        presented: Presented::Seen { seen, shown: None },
        allow_duplicate: asked.allow_duplicate,
        typed_run_id: None,
    }
}

/// Nobody approves what they asked for; where two people are asked, each is known by a token of their own, and none of them
/// answers for the agent that asks.
fn may_approve(
    request: &ApprovalRequest,
    approver: &Approver,
    policy: ApprovalPolicy,
    caller: &Caller,
) -> Result<(), Denial> {
    let own = |said: &str| Err(Denial::new(ErrorCode::SelfApproval, format!("{said} Nothing was changed.")));
    if request.was_asked_by_person(&approver.principal) {
        return own("You asked for this, so somebody else must approve it.");
    }
    if policy < ApprovalPolicy::TwoPerson {
        return Ok(());
    }
    if request.is_sponsored_by(&approver.principal) {
        return own("You answer for the agent that asks, so others must approve it.");
    }
    personally_known(caller)
}

/// Two names are two people only where names are proven.
pub(super) fn personally_known(caller: &Caller) -> Result<(), Denial> {
    if caller.principal.as_ref().and_then(Principal::token).is_some() {
        return Ok(());
    }
    Err(Denial::new(
        ErrorCode::ApproverUnverified,
        "Where two people must agree, each must be known by a personal token; here you are not. Nothing was changed.",
    ))
}

/// A request of a principal that was known by a token falls with its last live one.
fn requester_lives(request: &ApprovalRequest, facts: &GovernanceFacts, now: Timestamp) -> Result<(), Denial> {
    let live = facts.tokens.iter().any(|token| token.state(now) == TokenState::Live);
    if request.asked.requester.token.is_none() || live {
        return Ok(());
    }
    Err(Denial::new(ErrorCode::PreviewStale, "Whoever asked for this has no valid token any more. Nothing was queued."))
}

/// Decides a no. It is nobody's to refuse: not behind the mutation gate, not stopped by a freeze.
pub(super) fn reject(govern: &Govern, facts: &GovernanceFacts, last: Last) -> Decision {
    let judged = operator(govern).and_then(|rejecter| {
        gate::text_given("reason", &govern.reason)?;
        let request = facts.approval.as_ref().ok_or_else(not_found)?;
        if !request.is_open(govern.now) {
            return Err(decided_before(request, govern.now));
        }
        let act = act(govern, rejecter, last);
        let mut after = request.clone();
        after.ended = Some(super::super::approval::Ended::Rejected {
            by: act.by.clone(),
            reason: act.reason.clone().unwrap_or_default(),
            at: act.at,
        });
        Ok(on_request(after, act, DecisionEvent::Rejected))
    });
    judged.unwrap_or_else(Decision::Deny)
}

/// One key, one item: what the requester's key made meanwhile, by another request or under a weaker policy, is its item.
fn key_is_free(queue: &EnqueueFacts) -> Result<(), Denial> {
    let Some(item) = &queue.by_key else { return Ok(()) };
    let said = "The idempotency_key of this request has made an item already. Nothing was queued.";
    let mut denial = Denial::new(ErrorCode::IdempotencyConflict, said);
    denial.queue_id = Some(item.queue_id().to_string());
    Err(denial)
}

/// Writes down that a request's time is over: not a decision of anybody's, so it takes no right.
pub(super) fn expire(govern: &Govern, facts: &GovernanceFacts, last: Last) -> Decision {
    let Some(request) = facts.overdue.as_ref().filter(|request| govern.now >= request.asked.expires_at) else {
        return Decision::Answer(Box::new(Verdict::Recorded(Box::new(Recorded::Nothing))));
    };
    let event = Expired {
        id: request.asked.id.clone(),
        run_id: request.asked.run_id.clone(),
        principal: govern.caller.principal_id().to_owned(),
        surface: govern.caller.surface,
        at: stamp(govern.now, last.decisions),
    };
    let recorded = Recorded::Request(request.clone());
    Decision::Record(JudgedDecision(DecisionEvent::Expired(event)), Box::new(Verdict::Recorded(Box::new(recorded))))
}

/// Writes down what a client's dialog was answered, for the principal that asked. It changes nothing about the request.
pub(super) fn elicited(
    govern: &Govern,
    answer: super::super::approval::ElicitedAnswer,
    facts: &GovernanceFacts,
    last: Last,
) -> Decision {
    let mine = |request: &&ApprovalRequest| request.was_asked_by(govern.caller.principal_id());
    let Some(request) = facts.approval.as_ref().filter(mine) else { return not_found().into() };
    if !request.is_open(govern.now) {
        return decided_before(request, govern.now).into();
    }
    // One answer is evidence; a thousand would be a way to fill the disk.
    if !request.elicited.is_empty() {
        return Decision::Answer(Box::new(Verdict::Recorded(Box::new(Recorded::Request(request.clone())))));
    }
    let event = Elicited {
        id: request.asked.id.clone(),
        run_id: request.asked.run_id.clone(),
        principal: govern.caller.principal_id().to_owned(),
        surface: govern.caller.surface,
        answer,
        comment: govern.reason.given().map(ToString::to_string),
        at: stamp(govern.now, last.decisions),
    };
    let mut after = request.clone();
    after.elicited.push((answer, event.comment.clone(), event.at));
    let verdict = Verdict::Recorded(Box::new(Recorded::Request(after)));
    Decision::Record(JudgedDecision(DecisionEvent::Elicited(event)), Box::new(verdict))
}

fn not_found() -> Denial {
    Denial::new(ErrorCode::ApprovalNotFound, "There is no approval request with this id.")
}

pub(super) fn act(govern: &Govern, by: Approver, last: Last) -> Act {
    Act {
        by,
        surface: govern.caller.surface,
        reason: govern.reason.given().map(ToString::to_string),
        at: stamp(govern.now, last.decisions),
    }
}

fn on_request(after: ApprovalRequest, act: Act, event: fn(OnRequest) -> DecisionEvent) -> Decision {
    let about = OnRequest { id: after.asked.id.clone(), run_id: after.asked.run_id.clone(), act };
    let verdict = Verdict::Recorded(Box::new(Recorded::Request(after)));
    Decision::Record(JudgedDecision(event(about)), Box::new(verdict))
}
