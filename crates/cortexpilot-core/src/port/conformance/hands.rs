//! What workers, watches and operators say of claimed items: commands as the app makes them.

use std::time::Duration;

use jiff::Timestamp;

use super::scene::{allowed_roles, claim, complete, execute, key, ops};
use super::{operator, worker};
use crate::Verdict;
use crate::domain::command::{
    Claim, Command, Complete, Expire, Heartbeat, HowSettled, Intervene, Lose, Release, Settle,
};
use crate::domain::decide::judge_beat;
use crate::domain::gate::Denial;
use crate::domain::id::{QueueItemId, RunId};
use crate::domain::lease::{Concurrency, HeartbeatAnswer, ProgressNote};
use crate::domain::principal::{Caller, StatedRole};
use crate::domain::queue::{FinalStatus, QueueItem};
use crate::domain::run::{Pinned, RunFacts};
use crate::domain::text::Stated;
use crate::error::ErrorCode;
use crate::port::Store;
use crate::port::fake::run_facts;

/// The code of a refusal.
///
/// # Panics
/// When it is none.
pub fn code(verdict: Verdict) -> ErrorCode {
    let Verdict::Denied(denial) = verdict else { panic!("not denied: {verdict:?}") };
    denial.code
}

/// The item of whatever changed one.
///
/// # Panics
/// When nothing did.
pub fn item_after(verdict: Verdict) -> QueueItem {
    match verdict {
        Verdict::Enqueued(item)
        | Verdict::AlreadyApplied(item)
        | Verdict::Cancelled(item)
        | Verdict::Claimed(item)
        | Verdict::Completed(item)
        | Verdict::LeaseEnded(item)
        | Verdict::Expired(item)
        | Verdict::StopRequested(item)
        | Verdict::Settled(item)
        | Verdict::Approved(item) => item,
        other @ (Verdict::NothingToClaim(_)
        | Verdict::Unchanged
        | Verdict::AwaitsApproval(_)
        | Verdict::Recorded(_)
        | Verdict::Denied(_)) => panic!("no item: {other:?}"),
    }
}

/// A run whose contract lets what is lost be repeated so often, after waits that begin with so many seconds.
pub fn repeatable(run_id: &str, max_retries: u32, backoff_s: u64) -> RunFacts {
    let contract = format!(
        "{{\"task_id\": \"{run_id}\", \"timeout_retry\": {{\"max_retries\": {max_retries}, \"retry_backoff_sec\": \
         {backoff_s}}}}}"
    );
    RunFacts { contract: Pinned::new(contract.into_bytes()), ..run_facts(run_id) }
}

/// The worker asks for exactly this item.
pub fn claim_that(id: &QueueItemId, now: Timestamp) -> Command {
    let Command::Claim(command) = claim(now) else { panic!("a claim is one") };
    Command::Claim(Claim { queue_id: Some(id.clone()), ..command })
}

/// The worker asks for the next item, for this run.
///
/// # Panics
/// When the text is no run id.
pub fn claim_for(run_id: &str, now: Timestamp) -> Command {
    let Command::Claim(command) = claim(now) else { panic!("a claim is one") };
    Command::Claim(Claim { run_id: RunId::parse(run_id).expect("a run id"), ..command })
}

/// The worker asks for the next item in a process with these limits.
pub fn claim_within(concurrency: Concurrency, now: Timestamp) -> Command {
    let Command::Claim(command) = claim(now) else { panic!("a claim is one") };
    Command::Claim(Claim { concurrency, ..command })
}

/// The worker finishes an item in this way.
pub fn complete_as(id: &QueueItemId, lease_token: &str, status: FinalStatus, now: Timestamp) -> Command {
    let Command::Complete(command) = complete(id, lease_token, now) else { panic!("a completion is one") };
    Command::Complete(Complete { status, ..command })
}

/// The worker gives an item back.
pub fn release(id: &QueueItemId, lease_token: &str, started: bool, now: Timestamp) -> Command {
    Command::Release(Release {
        caller: worker(),
        now,
        queue_id: Some(id.clone()),
        lease_token: lease_token.to_owned(),
        started,
        reason: Stated::Absent,
        key: key(),
        role: StatedRole::Absent,
        allowed_roles: allowed_roles(),
    })
}

/// A watch saw this claim, with so many beats, silent for so many seconds.
pub fn lose(item: &QueueItem, beat: u64, silent_s: u64, now: Timestamp) -> Command {
    Command::Lose(Lose {
        caller: worker(),
        now,
        queue_id: item.queue_id().clone(),
        attempt: item.attempts,
        beat,
        silent_for: Duration::from_secs(silent_s),
    })
}

/// A look finds that a deadline has passed.
pub fn expire(id: &QueueItemId, now: Timestamp) -> Command {
    Command::Expire(Expire { caller: worker(), now, queue_id: id.clone() })
}

/// What somebody does about an item, saying why.
pub fn intervene(who: &Caller, id: &QueueItemId, now: Timestamp) -> Intervene {
    Intervene {
        caller: who.clone(),
        now,
        queue_id: Some(id.clone()),
        reason: Stated::read(Some("Looked at it.")),
        role: ops(),
        allowed_roles: allowed_roles(),
    }
}

/// The operator wants the run to end.
pub fn stop(id: &QueueItemId, now: Timestamp) -> Command {
    Command::Stop(intervene(&operator(), id, now))
}

/// The operator takes the lease away.
pub fn revoke_lease(id: &QueueItemId, now: Timestamp) -> Command {
    Command::Revoke(intervene(&operator(), id, now))
}

/// The operator lets a held item wait again.
pub fn requeue(id: &QueueItemId, now: Timestamp) -> Command {
    Command::Settle(Settle { act: intervene(&operator(), id, now), how: HowSettled::Requeue })
}

/// The operator closes a held item.
pub fn fail(id: &QueueItemId, now: Timestamp) -> Command {
    Command::Settle(Settle { act: intervene(&operator(), id, now), how: HowSettled::Fail })
}

/// The worker says that it is still at it.
///
/// # Errors
/// When that is refused.
///
/// # Panics
/// When the store cannot.
pub async fn beat(
    store: &dyn Store,
    id: &QueueItemId,
    lease_token: &str,
    progress: Option<ProgressNote>,
    now: Timestamp,
) -> Result<HeartbeatAnswer, Denial> {
    beat_by(store, &worker(), id, lease_token, progress, now).await
}

pub(super) async fn beat_by(
    store: &dyn Store,
    who: &Caller,
    id: &QueueItemId,
    lease_token: &str,
    progress: Option<ProgressNote>,
    now: Timestamp,
) -> Result<HeartbeatAnswer, Denial> {
    let said = Heartbeat {
        caller: who.clone(),
        now,
        queue_id: Some(id.clone()),
        lease_token: lease_token.to_owned(),
        progress,
        key: key(),
        role: ops(),
        allowed_roles: allowed_roles(),
    };
    let item = store.item(id).await.expect("the store can be read");
    let before = store.beat(id).await.expect("the store can be read");
    let judged = judge_beat(&said, item.as_ref(), before.as_ref())?;
    Ok(store.write_beat(judged).await.expect("the store can be written"))
}

/// The item as it stands.
///
/// # Panics
/// When there is none.
pub async fn now_of(store: &dyn Store, id: &QueueItemId) -> QueueItem {
    store.item(id).await.expect("the store can be read").expect("there is such an item")
}

/// Carries a command out that changes an item.
///
/// # Panics
/// When it does not.
pub async fn changes(store: &dyn Store, command: Command) -> QueueItem {
    item_after(execute(store, command).await)
}
