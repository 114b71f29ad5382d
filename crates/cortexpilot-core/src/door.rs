//! The door: the one function through which a store may change anything.

use crate::codec;
use crate::domain::command::{ApplyInputs, Claim as ClaimCommand, Command, Presented};
use crate::domain::decide::{self, Decision, Last, Verdict};
use crate::domain::gate::Denial;
use crate::domain::id::{QueueItemId, Sha256Digest};
use crate::domain::lease::{ClaimQuery, Retries};
use crate::domain::queue::QueueItem;
use crate::domain::refusal::Refusal;
use crate::port::{StoreError, Turn};

/// Judges one command inside a store's turn: loads the facts it needs, decides, and stages the accepted event or notes the
/// refusal. Nothing is acknowledged by this alone; the store answers when its lines are durable.
///
/// # Errors
/// Only the turn's own.
pub async fn judge<T: Turn + ?Sized>(turn: &mut T, command: &Command) -> Result<Verdict, StoreError> {
    match load_and_decide(turn, command).await? {
        Decision::Append(judged, verdict) => turn.stage(judged).await.map(verdict),
        Decision::Record(judged, verdict) => turn.record(judged).await.map(|()| *verdict),
        Decision::Answer(verdict) => Ok(*verdict),
        Decision::Deny(denial) => {
            turn.refuse(&refusal(command, &denial)).await;
            Ok(Verdict::Denied(denial))
        }
    }
}

async fn load_and_decide<T: Turn + ?Sized>(turn: &mut T, command: &Command) -> Result<Decision, StoreError> {
    let last = Last { queue: turn.last_ts(), decisions: turn.last_decision_ts() };
    let facts = turn.governance(&decide::governance_query(command.caller(), command.govern())).await?;
    if let Err(denial) = decide::caller_lives(command.caller(), &facts, command.now()) {
        return Ok(Decision::Deny(denial));
    }
    Ok(match command {
        Command::Enqueue(enqueue) => {
            let facts = turn.enqueue_facts(&decide::query(&enqueue.request, Some(&enqueue.inputs))).await?;
            decide::decide_enqueue(enqueue, &facts, last)
        }
        Command::Cancel(cancel) => {
            let item = find(turn, cancel.queue_id.as_ref()).await?;
            decide::decide_cancel(cancel, item, last)
        }
        Command::Claim(claim) => {
            let ClaimCommand { now, concurrency, ref queue_id, .. } = *claim;
            let query = ClaimQuery { now, concurrency, queue_id: queue_id.clone() };
            let next = turn.next_eligible(&query).await?;
            decide::decide_claim(claim, next, &facts.standing, last)
        }
        Command::Complete(complete) => {
            let item = find(turn, complete.queue_id.as_ref()).await?;
            decide::decide_complete(complete, item, last)
        }
        Command::Release(release) => {
            let item = find(turn, release.queue_id.as_ref()).await?;
            let retries = match &item {
                Some(item) if release.started => retries_of(turn, item).await?,
                Some(_) | None => None,
            };
            decide::decide_release(release, item.as_ref(), retries, last)
        }
        Command::Lose(lose) => {
            let item = turn.item(&lose.queue_id).await?;
            let beat = turn.beat(&lose.queue_id).await?;
            let retries = match &item {
                Some(item) => retries_of(turn, item).await?,
                None => None,
            };
            decide::decide_lose(lose, item.as_ref(), beat.as_ref(), retries, last)
        }
        Command::Expire(expire) => {
            let item = turn.item(&expire.queue_id).await?;
            decide::decide_expire(expire, item.as_ref(), last)
        }
        Command::Stop(stop) => {
            let item = find(turn, stop.queue_id.as_ref()).await?;
            decide::decide_stop(stop, item.as_ref(), last)
        }
        Command::Revoke(revoke) => {
            let item = find(turn, revoke.queue_id.as_ref()).await?;
            decide::decide_revoke(revoke, item.as_ref(), last)
        }
        Command::Settle(settle) => {
            let item = find(turn, settle.act.queue_id.as_ref()).await?;
            decide::decide_settle(settle, item.as_ref(), last)
        }
        Command::Govern(govern) => {
            let queue = match &facts.approval {
                Some(request) => Some(turn.enqueue_facts(&decide::approval_query(request, govern.now)).await?),
                None => None,
            };
            decide::decide_govern(govern, &facts, queue.as_ref(), last)
        }
    })
}

async fn find<T: Turn + ?Sized>(turn: &mut T, id: Option<&QueueItemId>) -> Result<Option<QueueItem>, StoreError> {
    match id {
        Some(id) => turn.item(id).await,
        None => Ok(None),
    }
}

/// What the pinned contract of an item says about repeating; `None` where there is none, or it cannot be read.
async fn retries_of<T: Turn + ?Sized>(turn: &mut T, item: &QueueItem) -> Result<Option<Retries>, StoreError> {
    let Some(sha256) = item.contract_sha256() else { return Ok(None) };
    Ok(turn.pinned(sha256).await?.and_then(|contract| codec::contract::retries(&contract)))
}

fn refusal<'a>(command: &'a Command, denial: &'a Denial) -> Refusal<'a> {
    let (run_id, preview_digest): (Option<String>, Option<Sha256Digest>) = if let Command::Enqueue(enqueue) = command {
        (enqueue.request.run_id.as_ref().map(ToString::to_string), shown_digest(&enqueue.inputs))
    } else {
        (None, None)
    };
    let approval_id = command.govern().and_then(|govern| govern.what.request());
    Refusal { caller: command.caller(), denial, run_id, preview_digest, approval_id, now: command.now() }
}

fn shown_digest(inputs: &ApplyInputs) -> Option<Sha256Digest> {
    match &inputs.presented {
        Presented::Seen { shown: Some(shown), .. } => Some(shown.digest()),
        Presented::Seen { shown: None, .. } | Presented::Nothing | Presented::Invalid => None,
    }
}
