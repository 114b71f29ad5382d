//! A queue in this process's own store, through `App`: the same door as every other surface.

use std::sync::Arc;
use std::time::Duration;

use cortexpilot_core::app::govern::Stating;
use cortexpilot_core::app::{App, ClaimAsk, CompleteAsk, Failure, Release, Took, WorkerReport};
use cortexpilot_core::domain::id::{QueueItemId, RunId};
use cortexpilot_core::domain::lease::{CannotTake, ClaimQuery, Idle, ProgressNote};
use cortexpilot_core::domain::principal::{Caller, StatedRole};
use cortexpilot_core::domain::queue::{FinalStatus, ItemState, QueueItem};
use cortexpilot_core::domain::text::{Stated, WorkerName};
use cortexpilot_core::port::StoreError;
use jiff::SignedDuration;

use super::claims::{Asked, Candidate, Claims, End, Looked, Note, Presence, StopAsked, Taken, Trouble};
use crate::config::Secret;

/// This process's queue, and as whom it is asked.
pub(crate) struct Local {
    app: Arc<App>,
    caller: Caller,
    worker: WorkerName,
    role: StatedRole,
}

impl Local {
    pub(crate) fn new(app: Arc<App>, caller: Caller, worker: WorkerName, role: StatedRole) -> Self {
        Self { app, caller, worker, role }
    }
}

fn trouble(failure: &Failure) -> Trouble {
    let cause = match failure {
        Failure::Denied(_) => String::new(),
        // Only this process's own terminal is told.
        Failure::Store(error) => format!(" ({error})"),
    };
    Trouble::of(failure.code().as_str(), format!("{}{cause}", failure.reason()))
}

fn of_store(error: StoreError) -> Trouble {
    trouble(&Failure::Store(error))
}

fn candidate(item: &QueueItem) -> Candidate {
    let enqueued = &item.enqueued;
    Candidate {
        queue_id: item.queue_id().clone(),
        task_id: enqueued.task_id.clone(),
        workflow_id: enqueued.workflow_id.clone(),
        source_run_id: enqueued.source_run_id.clone(),
        repository: item.repository().map(Into::into),
        pinned: item.contract_sha256().copied(),
    }
}

impl Claims for Local {
    fn look(&self, limit: usize) -> Asked<'_, Looked> {
        Box::pin(async move {
            let reader = self.app.reader();
            let standing = reader.standing().await.map_err(of_store)?;
            // Said before a claim is tried: a refused claim would be a line of the record each time.
            let closed = standing.frozen.map(|_| "frozen").or(standing.paused.map(|_| "paused"));
            if let Some(why) = closed {
                return Ok(Looked { candidates: Vec::new(), idle: Some(why.to_owned()) });
            }
            let query = ClaimQuery { now: reader.now(), concurrency: self.app.policy().concurrency, queue_id: None };
            let items = reader.eligible(&query, limit).await.map_err(of_store)?;
            Ok(Looked { candidates: items.iter().map(candidate).collect(), idle: None })
        })
    }

    fn contract<'a>(&'a self, id: &'a QueueItemId) -> Asked<'a, Option<Arc<[u8]>>> {
        Box::pin(async move { self.app.reader().pinned_contract(id).await.map_err(of_store) })
    }

    fn claim<'a>(&'a self, id: &'a QueueItemId, lease: Duration) -> Asked<'a, Option<Taken>> {
        Box::pin(async move {
            let ask = ClaimAsk {
                worker: Stated::Given(self.worker.clone()),
                lease: SignedDuration::try_from(lease).unwrap_or(SignedDuration::MAX),
                role: self.role.clone(),
                queue_id: Some(id.clone()),
            };
            let claimed = match self.app.claim(&self.caller, ask).await.map_err(|failure| trouble(&failure)) {
                Ok(Took::Claimed(claimed)) => claimed,
                Ok(Took::Idle(Idle::Empty | Idle::Paused | Idle::AtCapacity)) | Err(Trouble::NotOurs(_)) => {
                    return Ok(None);
                }
                Err(other @ (Trouble::Refused { .. } | Trouble::Away(_))) => return Err(other),
            };
            let claim = claimed.item.claim();
            let run = claim.and_then(|claim| RunId::parse(&claim.run_id).ok());
            let (Some(claim), Some(run_id)) = (claim, run) else {
                return Err(Trouble::Away("a claim without a run".to_owned()));
            };
            let lease = claim.lease.map_or(lease, SignedDuration::unsigned_abs);
            Ok(Some(Taken {
                queue_id: claimed.item.queue_id().clone(),
                run_id,
                attempt: claim.attempt,
                token: Secret::new(claimed.lease_token.clone()),
                lease,
                pinned: claimed.item.contract_sha256().copied(),
            }))
        })
    }

    fn heartbeat<'a>(&'a self, taken: &'a Taken, note: Note) -> Asked<'a, Option<StopAsked>> {
        Box::pin(async move {
            let note = ProgressNote { stage: note.stage, message: String::new(), events: note.events };
            let (id, token) = (taken.queue_id.as_str(), taken.token.reveal());
            let answer = self.app.heartbeat(&self.caller, id, token, Some(note), self.role.clone()).await;
            let answer = answer.map_err(|failure| trouble(&failure))?;
            Ok(answer.stop.map(|stop| StopAsked { by: stop.by, reason: stop.reason }))
        })
    }

    fn complete<'a>(&'a self, taken: &'a Taken, end: End, reason: Option<String>) -> Asked<'a, ()> {
        Box::pin(async move {
            let status = match end {
                End::Success => FinalStatus::Success,
                End::Failure => FinalStatus::Failure,
                End::Stopped => FinalStatus::Stopped,
            };
            let ask = CompleteAsk { status, reason: Stated::read(reason.as_deref()) };
            let (id, token) = (taken.queue_id.as_str(), taken.token.reveal());
            let done = self.app.complete(&self.caller, id, token, ask, self.role.clone()).await;
            done.map(drop).map_err(|failure| trouble(&failure))
        })
    }

    fn release<'a>(&'a self, taken: &'a Taken, started: bool, reason: String) -> Asked<'a, ()> {
        Box::pin(async move {
            let stating = Stating { reason: Stated::read(Some(&reason)), role: self.role.clone() };
            let (id, token) = (taken.queue_id.as_str(), taken.token.reveal());
            let released = self.app.release(&self.caller, id, token, Release { started }, stating).await;
            released.map(drop).map_err(|failure| trouble(&failure))
        })
    }

    fn ended_so<'a>(&'a self, taken: &'a Taken, end: Option<End>) -> Asked<'a, bool> {
        Box::pin(async move {
            let item = self.app.reader().queue().item(&taken.queue_id).await.map_err(of_store)?;
            let Some(item) = item else { return Ok(false) };
            let ours = taken.run_id.as_str();
            Ok(match end {
                Some(end) => item.run_id() == ours && item.status() == end.as_str(),
                None => !matches!(&item.state, ItemState::Claimed(claim) if claim.run_id == ours),
            })
        })
    }

    fn present<'a>(&'a self, presence: &'a Presence) -> Asked<'a, ()> {
        Box::pin(async move {
            let said = self.app.present(&self.caller, &self.worker, report(presence), &self.role).await;
            said.map(drop).map_err(|failure| trouble(&failure))
        })
    }

    fn gone<'a>(&'a self, _: &'a Presence) -> Asked<'a, ()> {
        Box::pin(async move {
            let gone = self.app.absent(&self.caller, &self.worker, &self.role).await;
            gone.map_err(|failure| trouble(&failure))
        })
    }
}

fn report(presence: &Presence) -> WorkerReport {
    let cannot = presence.cannot.iter().map(|(id, why)| CannotTake { queue_id: id.clone(), why: why.clone() });
    WorkerReport {
        host: presence.host.clone(),
        pid: presence.pid,
        version: presence.version.clone(),
        started_at: presence.started_at,
        draining: presence.draining,
        slots: presence.slots,
        running: presence.running.clone(),
        cannot: cannot.collect(),
    }
}
