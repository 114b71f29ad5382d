//! How a claim ends without a result, and what becomes of the item then.

use jiff::{SignedDuration, Timestamp};

use super::super::command::{Expire, HowSettled, Intervene, Lose, Release, Settle};
use super::super::gate::{self, Denial};
use super::super::lease::{Beat, HeldKind, Retries};
use super::super::principal::{Caller, PrincipalKind, Roles, StatedRole, Surface};
use super::super::queue::{
    self, Done, Expired, FinalStatus, Hold, ItemState, QueueEvent, QueueItem, Requeued, StopRequested,
};
use super::super::time::to_micros;
use super::work::{Holder, about, no_item};
use super::{Acting, Decision, Last, Verdict, append, held_role, stamp};
use crate::error::ErrorCode;

/// How long an item waits that was handed back before its run began: whoever handed it back is not to be the next at once.
const HANDED_BACK_WAIT: SignedDuration = SignedDuration::from_secs(10);

/// How a claim came to end.
struct End {
    reason: String,
    by: Option<String>,
    now: Timestamp,
}

/// What becomes of an item whose run may have done something, and whose outcome nobody knows: what its contract lets happen
/// without asking, and else an operator is to look. Nothing is repeated that an operator wanted to end.
fn lost(item: &QueueItem, claim: &queue::Claim, retries: Option<Retries>, end: End, last: Last) -> QueueEvent {
    let max = retries.map_or(0, |retries| retries.max);
    let attempts = item.attempts.max(claim.attempt);
    if let Some(retries) = retries.filter(|_| claim.stop.is_none() && max > 0 && attempts <= max) {
        return requeued(item, claim.attempt, Some(retries.backoff(attempts)), end, last);
    }
    let kind = if max > 0 && claim.stop.is_none() { HeldKind::DeadLetter } else { HeldKind::Lost };
    held(item, claim, kind, end, last)
}

fn held(item: &QueueItem, claim: &queue::Claim, kind: HeldKind, end: End, last: Last) -> QueueEvent {
    QueueEvent::Held(Hold {
        queue_id: item.queue_id().clone(),
        task_id: item.enqueued.task_id.clone(),
        run_id: claim.run_id.clone(),
        kind,
        attempt: claim.attempt,
        reason: end.reason,
        by: end.by,
        ts: stamp(end.now, last.queue),
    })
}

fn requeued(item: &QueueItem, attempt: u32, wait: Option<SignedDuration>, end: End, last: Last) -> QueueEvent {
    // By the clock of whoever ends the claim, as schedules are judged by the clock of whoever claims: not by the newest
    // line's time, which may come from a clock that was ahead.
    let not_before = wait.and_then(|wait| end.now.checked_add(wait).ok()).map(to_micros);
    QueueEvent::Requeued(Requeued {
        queue_id: item.queue_id().clone(),
        task_id: item.enqueued.task_id.clone(),
        attempt,
        not_before,
        reason: end.reason,
        by: end.by,
        ts: stamp(end.now, last.queue),
    })
}

/// Decides `lose`: nothing is taken on trust of what was watched but how long. `retries` is what the pinned contract says,
/// `None` where it cannot be read.
pub(crate) fn decide_lose(
    lose: &Lose,
    item: Option<&QueueItem>,
    beat: Option<&Beat>,
    retries: Option<Retries>,
    last: Last,
) -> Decision {
    let unchanged = || Decision::Answer(Box::new(Verdict::Unchanged));
    let Some((item, claim)) = item.and_then(|item| Some((item, item.claim()?))) else { return unchanged() };
    let beats = beat.filter(|beat| beat.attempt == claim.attempt).map_or(0, |beat| beat.count);
    if (claim.attempt, beats) != (lose.attempt, lose.beat) || !claim.ends_after(lose.silent_for) {
        return unchanged();
    }
    let reason = format!("nothing was heard of the worker for {} s", lose.silent_for.as_secs());
    let end = End { reason, by: None, now: lose.now };
    append(lost(item, claim, retries, end, last), Verdict::LeaseEnded)
}

/// Decides `release` from the facts that the store loaded.
pub(crate) fn decide_release(
    release: &Release,
    item: Option<&QueueItem>,
    retries: Option<Retries>,
    last: Last,
) -> Decision {
    let held_by = Holder {
        caller: &release.caller,
        role: &release.role,
        allowed: &release.allowed_roles,
        token: &release.lease_token,
        key: &release.key,
    };
    let (item, claim) = match held_by.claim_of(item) {
        Ok(found) => found,
        Err(denial) => return Decision::Deny(denial),
    };
    if let Err(denial) = gate::text_accepted("reason", &release.reason) {
        return Decision::Deny(denial);
    }
    let said = if release.started { "given up after its run had begun" } else { "handed back before its run began" };
    let reason = release.reason.given().map_or_else(|| said.to_owned(), ToString::to_string);
    let by = Some(release.caller.principal_id().to_owned());
    let end = End { reason, by, now: release.now };
    let event = match (release.started, &claim.stop) {
        (true, _) => lost(item, claim, retries, end, last),
        (false, None) => requeued(item, claim.attempt, Some(HANDED_BACK_WAIT), end, last),
        // An operator wanted it to end: it does not wait for the next worker.
        (false, Some(_)) => held(item, claim, HeldKind::Lost, end, last),
    };
    append(event, Verdict::LeaseEnded)
}

/// Decides `expire`: not a decision of anybody's, so it takes no right.
pub(crate) fn decide_expire(expire: &Expire, item: Option<&QueueItem>, last: Last) -> Decision {
    let expired = item.and_then(|item| overdue(item, expire.now, last));
    expired.unwrap_or_else(|| Decision::Answer(Box::new(Verdict::Unchanged)))
}

/// The end of a pending item whose deadline has passed; `None` for any other.
pub(super) fn overdue(item: &QueueItem, now: Timestamp, last: Last) -> Option<Decision> {
    let deadline_at = item.deadline_at().filter(|deadline| item.is_pending() && *deadline <= now)?;
    let event = Expired {
        queue_id: item.queue_id().clone(),
        task_id: item.enqueued.task_id.clone(),
        deadline_at: to_micros(deadline_at),
        ts: stamp(now, last.queue),
    };
    Some(append(QueueEvent::Expired(event), Verdict::Expired))
}

/// Decides `stop` from the facts that the store loaded. Asked twice it is one request: the first stands.
pub(crate) fn decide_stop(stop: &Intervene, item: Option<&QueueItem>, last: Last) -> Decision {
    let judged = intervening(stop, item).and_then(|(acting, reason, item)| {
        let claim = claimed(item)?;
        if claim.stop.is_some() {
            return Ok(Decision::Answer(Box::new(Verdict::StopRequested(item.clone()))));
        }
        let event = StopRequested {
            queue_id: item.queue_id().clone(),
            task_id: item.enqueued.task_id.clone(),
            run_id: claim.run_id.clone(),
            attempt: claim.attempt,
            reason,
            by: acting.to_string(),
            ts: stamp(stop.now, last.queue),
        };
        Ok(append(QueueEvent::StopRequested(event), Verdict::StopRequested))
    });
    judged.unwrap_or_else(Decision::Deny)
}

/// Decides `revoke` from the facts that the store loaded: the item is lost, whatever its contract says, for the operator
/// that took it away is there to settle it.
pub(crate) fn decide_revoke(revoke: &Intervene, item: Option<&QueueItem>, last: Last) -> Decision {
    let judged = intervening(revoke, item).and_then(|(acting, reason, item)| {
        let claim = claimed(item)?;
        let end = End { reason, by: Some(acting.to_string()), now: revoke.now };
        Ok(append(held(item, claim, HeldKind::Lost, end, last), Verdict::LeaseEnded))
    });
    judged.unwrap_or_else(Decision::Deny)
}

/// Decides `requeue` and `fail` from the facts that the store loaded.
pub(crate) fn decide_settle(settle: &Settle, item: Option<&QueueItem>, last: Last) -> Decision {
    let judged = intervening(&settle.act, item).and_then(|(acting, reason, item)| {
        let held = match &item.state {
            ItemState::Held(held) => held,
            ItemState::Pending
            | ItemState::Claimed(_)
            | ItemState::Closed { .. }
            | ItemState::Cancelled { .. }
            | ItemState::Expired { .. } => {
                let said = format!("queue item `{}` is not held: it is {}", item.queue_id(), item.status());
                return Err(about(item.queue_id(), ErrorCode::QueueItemNotHeld, said));
            }
        };
        let by = Some(acting.to_string());
        Ok(match settle.how {
            HowSettled::Requeue => {
                let end = End { reason, by, now: settle.act.now };
                append(requeued(item, held.claim.attempt, None, end, last), Verdict::Settled)
            }
            HowSettled::Fail => {
                let event = Done {
                    queue_id: item.queue_id().clone(),
                    task_id: item.enqueued.task_id.clone(),
                    run_id: held.claim.run_id.clone(),
                    status: FinalStatus::Failure.as_str().to_owned(),
                    ts: stamp(settle.act.now, last.queue),
                    attempt: Some(held.claim.attempt),
                    reason: Some(reason),
                    by,
                };
                append(QueueEvent::Done(event), Verdict::Settled)
            }
        })
    });
    judged.unwrap_or_else(Decision::Deny)
}

fn claimed(item: &QueueItem) -> Result<&queue::Claim, Denial> {
    item.claim().ok_or_else(|| {
        let said = format!("queue item `{}` is not claimed: it is {}", item.queue_id(), item.status());
        about(item.queue_id(), ErrorCode::QueueItemNotStoppable, said)
    })
}

/// Who acts, why, and on which item: in this order, so that nobody learns of an item what they may not ask.
fn intervening<'a, 'i>(
    act: &'a Intervene,
    item: Option<&'i QueueItem>,
) -> Result<(Acting<'a>, String, &'i QueueItem), Denial> {
    let acting = only_operator(&act.caller, &act.role, &act.allowed_roles)?;
    gate::text_given("reason", &act.reason)?;
    let reason = act.reason.given().map(ToString::to_string).unwrap_or_default();
    Ok((acting, reason, item.ok_or_else(no_item)?))
}

/// Only operators, in a role that is allowed and theirs; never through MCP, whoever calls there.
fn only_operator<'a>(caller: &'a Caller, stated: &StatedRole, allowed: &Roles) -> Result<Acting<'a>, Denial> {
    let principal = gate::authenticated(caller)?;
    let operates = match principal.kind {
        PrincipalKind::Operator => caller.surface != Surface::Mcp,
        PrincipalKind::Agent | PrincipalKind::Worker | PrincipalKind::Anonymous => false,
    };
    if !operates {
        return Err(Denial::new(
            ErrorCode::ScopeForbidden,
            "Only an operator may do this, and never through MCP. Nothing was changed.",
        ));
    }
    let role = held_role(principal, caller.surface, stated, allowed)?;
    Ok(Acting { principal, role: Some(role) })
}
