//! What a worker does with an item: take it, say that it is there, finish it.

use jiff::SignedDuration;

use super::super::command::{Claim, Complete, Heartbeat};
use super::super::gate::{self, Denial};
use super::super::governance::Standing;
use super::super::id::QueueItemId;
use super::super::lease::{Beat, HeartbeatAnswer, Idle, Next};
use super::super::principal::{Caller, Roles, StatedRole};
use super::super::queue::{self, Claimed, Done, FinalStatus, ItemState, QueueEvent, QueueItem};
use super::super::seal::SealKey;
use super::super::text::Stated;
use super::super::time::to_micros;
use super::{Decision, Last, Verdict, append, lease, stamp, worker_scope};
use crate::error::ErrorCode;

/// A heartbeat that was judged: the only thing a store keeps as one. It cannot be made outside this module.
#[must_use]
#[derive(Debug)]
pub struct JudgedBeat {
    beat: Beat,
    answer: HeartbeatAnswer,
}

impl JudgedBeat {
    /// What is kept.
    pub fn beat(&self) -> &Beat {
        &self.beat
    }

    /// What the worker is answered once it is.
    pub fn answer(&self) -> &HeartbeatAnswer {
        &self.answer
    }
}

/// Decides `claim` from the facts that the store loaded.
pub(crate) fn decide_claim(claim: &Claim, next: Next, standing: &Standing, last: Last) -> Decision {
    let acting = match worker_scope(&claim.caller, &claim.role, &claim.allowed_roles) {
        Ok(acting) => acting,
        Err(denial) => return Decision::Deny(denial),
    };
    if let Err(denial) = gate::thawed(standing, "Nothing was claimed.") {
        return Decision::Deny(denial);
    }
    if let Err(denial) = gate::text_accepted("worker", &claim.worker) {
        return Decision::Deny(denial);
    }
    let nothing = |idle| Decision::Answer(Box::new(Verdict::NothingToClaim(idle)));
    if standing.paused.is_some() {
        return nothing(Idle::Paused);
    }
    let Some(item) = next.item else { return nothing(if next.at_capacity { Idle::AtCapacity } else { Idle::Empty }) };
    // The store finds the item, the rule stays here: whatever its index offers, nothing is claimed twice or too early, and
    // nobody gets another than they named.
    let named = claim.queue_id.as_ref().is_none_or(|id| id == item.queue_id());
    if !item.eligible(claim.now) || !named {
        let reason = "The store offered an item that cannot be claimed now. Nothing was changed.";
        return Decision::Deny(Denial::new(ErrorCode::Internal, reason));
    }
    if let Some(expired) = lease::overdue(&item, claim.now, last) {
        return expired;
    }
    let ts = stamp(claim.now, last.queue);
    let worker = match &claim.worker {
        Stated::Given(name) => name.to_string(),
        Stated::Absent | Stated::Rejected(_) => acting.principal.id.clone(),
    };
    // Whole seconds, as the line has them.
    let lease = SignedDuration::from_secs(claim.lease.as_secs().clamp(1, i64::from(u32::MAX)));
    let event = Claimed {
        queue_id: item.queue_id().clone(),
        task_id: item.enqueued.task_id.clone(),
        run_id: claim.run_id.to_string(),
        worker,
        attempt: item.attempts.saturating_add(1),
        lease_expires_at: claim.now.checked_add(lease).ok().map(to_micros),
        lease: Some(lease),
        ts,
    };
    append(QueueEvent::Claimed(event), Verdict::Claimed)
}

/// Decides `complete` from the facts that the store loaded.
pub(crate) fn decide_complete(complete: &Complete, item: Option<QueueItem>, last: Last) -> Decision {
    let held = Holder {
        caller: &complete.caller,
        role: &complete.role,
        allowed: &complete.allowed_roles,
        token: &complete.lease_token,
        key: &complete.key,
    };
    let (item, claim) = match held.claim_of(item.as_ref()) {
        Ok(found) => found,
        Err(denial) => return Decision::Deny(denial),
    };
    if let Err(denial) = gate::text_accepted("reason", &complete.reason) {
        return Decision::Deny(denial);
    }
    if complete.status == FinalStatus::Stopped && claim.stop.is_none() {
        return Decision::Deny(about(
            item.queue_id(),
            ErrorCode::StopNotRequested,
            "Nobody has asked for this run to end, so it cannot have ended for that. Nothing was changed.",
        ));
    }
    let event = Done {
        queue_id: item.queue_id().clone(),
        task_id: item.enqueued.task_id.clone(),
        run_id: claim.run_id.clone(),
        status: complete.status.as_str().to_owned(),
        ts: stamp(complete.now, last.queue),
        attempt: Some(claim.attempt),
        reason: complete.reason.given().map(ToString::to_string),
        by: None,
    };
    append(QueueEvent::Done(event), Verdict::Completed)
}

/// Judges what a worker says while it works. `before` is what it said last.
pub(crate) fn judge_beat(
    said: &Heartbeat,
    item: Option<&QueueItem>,
    before: Option<&Beat>,
) -> Result<JudgedBeat, Denial> {
    let held = Holder {
        caller: &said.caller,
        role: &said.role,
        allowed: &said.allowed_roles,
        token: &said.lease_token,
        key: &said.key,
    };
    let (item, claim) = held.claim_of(item)?;
    let before = before.filter(|before| before.attempt == claim.attempt);
    let beat = Beat {
        queue_id: item.queue_id().clone(),
        attempt: claim.attempt,
        count: before.map_or(0, |before| before.count).saturating_add(1),
        at: to_micros(said.now),
        worker: claim.worker.clone(),
        // A worker that has nothing new to say is still where it was.
        progress: match &said.progress {
            Some(progress) => Some(progress.clone().bounded()),
            None => before.and_then(|before| before.progress.clone()),
        },
    };
    let lease_expires_at = claim.lease.and_then(|lease| said.now.checked_add(lease).ok()).map(to_micros);
    Ok(JudgedBeat { beat, answer: HeartbeatAnswer { lease_expires_at, stop: claim.stop.clone() } })
}

/// Who may say that a worker is there: whoever may claim.
pub(crate) fn judge_presence(caller: &Caller, role: &StatedRole, allowed: &Roles) -> Result<(), Denial> {
    worker_scope(caller, role, allowed).map(|_| ())
}

/// Whoever says that an item is theirs.
pub(super) struct Holder<'a> {
    pub(super) caller: &'a Caller,
    pub(super) role: &'a StatedRole,
    pub(super) allowed: &'a Roles,
    pub(super) token: &'a str,
    pub(super) key: &'a SealKey,
}

impl Holder<'_> {
    /// The item and its claim, if they may say anything about items, it is claimed, and the token is that claim's: every way
    /// in which a claim ends makes its token one that is refused.
    pub(super) fn claim_of<'a>(
        &self,
        item: Option<&'a QueueItem>,
    ) -> Result<(&'a QueueItem, &'a queue::Claim), Denial> {
        worker_scope(self.caller, self.role, self.allowed)?;
        let item = item.ok_or_else(no_item)?;
        let claim = match &item.state {
            ItemState::Claimed(claim) => claim,
            ItemState::Pending
            | ItemState::Closed { .. }
            | ItemState::Held(_)
            | ItemState::Cancelled { .. }
            | ItemState::Expired { .. } => {
                let reason = format!("queue item `{}` is not claimed", item.queue_id());
                return Err(about(item.queue_id(), ErrorCode::QueueItemNotClaimed, reason));
            }
        };
        if !self.key.lease_holds(item, self.token) {
            return Err(Denial::new(ErrorCode::LeaseInvalid, "The lease token is not the one of this item's claim."));
        }
        Ok((item, claim))
    }
}

pub(super) fn no_item() -> Denial {
    Denial::new(ErrorCode::QueueItemNotFound, "There is no queue item with this id.")
}

pub(super) fn about(id: &QueueItemId, code: ErrorCode, reason: impl Into<String>) -> Denial {
    let mut denial = Denial::new(code, reason);
    denial.queue_id = Some(id.to_string());
    denial
}
