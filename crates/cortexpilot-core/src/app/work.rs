//! Work: what workers ask, what operators do about it, and the look that ends what nobody answers for any more.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::govern::Stating;
use super::{App, Failure, Reader, unexpected};
use crate::domain::command::{
    Claim, Command, Complete, Expire, Heartbeat, HowSettled, Intervene, Lose, Release as ReleaseCommand, Settle,
};
use crate::domain::decide::{Verdict, judge_beat, judge_presence};
use crate::domain::id::QueueItemId;
use crate::domain::lease::{
    CannotTake, ClaimQuery, ClaimStanding, HeartbeatAnswer, Idle, LeaseWatch, ProgressNote, WorkerPresence,
};
use crate::domain::principal::{Caller, StatedRole};
use crate::domain::queue::{FinalStatus, QueueItem};
use crate::domain::text::{Reason, Stated, WorkerName};
use crate::domain::time::to_micros;
use crate::port::StoreError;

/// How long a claim's lease holds without another word, unless said otherwise.
pub const LEASE_DEFAULT: SignedDuration = SignedDuration::from_mins(15);
/// The longest lease.
pub const LEASE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Most items that one look, or one claim that meets them, closes for their deadline.
const EXPIRE_AT_ONCE: usize = 200;

/// What a claim asks for.
#[derive(Debug, Clone)]
pub struct ClaimAsk {
    /// What the worker calls itself; its principal's id where it does not say.
    pub worker: Stated<WorkerName>,
    /// How long the lease holds without another word: from one second to [`LEASE_MAX`].
    pub lease: SignedDuration,
    /// The role stated.
    pub role: StatedRole,
    /// Exactly this item, if it may be claimed now.
    pub queue_id: Option<QueueItemId>,
}

impl Default for ClaimAsk {
    fn default() -> Self {
        Self { worker: Stated::Absent, lease: LEASE_DEFAULT, role: StatedRole::Absent, queue_id: None }
    }
}

/// A claimed item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The item.
    pub item: QueueItem,
    /// What saying anything about it takes.
    pub lease_token: String,
}

/// A claim's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "made once a call and moved once")]
pub enum Took {
    /// The item is the worker's.
    Claimed(Claimed),
    /// There is nothing to do, for this reason.
    Idle(Idle),
}

impl Took {
    /// The claim, if there is one.
    pub fn claimed(self) -> Option<Claimed> {
        match self {
            Self::Claimed(claimed) => Some(claimed),
            Self::Idle(_) => None,
        }
    }
}

/// How a worker says that its item ended.
#[derive(Debug, Clone)]
pub struct CompleteAsk {
    /// How.
    pub status: FinalStatus,
    /// In a sentence, if there is something to say.
    pub reason: Stated<Reason>,
}

impl From<FinalStatus> for CompleteAsk {
    fn from(status: FinalStatus) -> Self {
        Self { status, reason: Stated::Absent }
    }
}

/// How a worker gives its item back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Whether its run has begun: then what it did so far is not undone, and the item is as if its worker was lost.
    pub started: bool,
}

/// What a worker says of itself; who and when comes from the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerReport {
    /// Where it runs.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// Of which version it is.
    pub version: String,
    /// Since when it runs.
    pub started_at: Timestamp,
    /// It takes nothing new.
    pub draining: bool,
    /// How many items it works on at once.
    pub slots: u32,
    /// Those it works on.
    pub running: Vec<QueueItemId>,
    /// Those it cannot take, and why.
    pub cannot: Vec<CannotTake>,
}

impl Reader {
    /// Every claimed item, in enqueue order, with what its worker last said.
    ///
    /// # Errors
    /// The store's.
    pub async fn claims(&self) -> Result<Vec<ClaimStanding>, StoreError> {
        self.store.claims().await
    }

    /// Items that may be claimed, in claim order, each judged as if it were the next.
    ///
    /// # Errors
    /// The store's.
    pub async fn eligible(&self, query: &ClaimQuery, limit: usize) -> Result<Vec<QueueItem>, StoreError> {
        self.store.eligible(query, limit).await
    }

    /// Workers that said within the last minutes that they are there, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn workers(&self) -> Result<Vec<WorkerPresence>, StoreError> {
        let now = self.clock.now();
        let mut workers = self.store.workers().await?;
        workers.retain(|worker| worker.is_alive(now));
        workers.sort_by(|a, b| a.worker.cmp(&b.worker));
        Ok(workers)
    }

    /// The contract that an item rests on, byte for byte as it was approved. `None` where there is no such item, it is an
    /// item of the original, or it is over and its contract is not kept any more, and where the kept copy was altered: what
    /// is not known to be what was approved is not given out.
    ///
    /// # Errors
    /// The store's.
    pub async fn pinned_contract(&self, queue_id: &QueueItemId) -> Result<Option<Arc<[u8]>>, StoreError> {
        let Some(item) = self.store.item(queue_id).await? else { return Ok(None) };
        match item.contract_sha256() {
            Some(sha256) => self.store.pinned(sha256).await,
            None => Ok(None),
        }
    }
}

impl App {
    /// Takes the next item, or the one named. What is met on the way and whose deadline has passed is closed.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn claim(&self, caller: &Caller, ask: ClaimAsk) -> Result<Took, Failure> {
        let key = self.key()?.clone();
        let mut verdict = self.store.execute(self.claim_command(caller, &ask)).await?;
        loop {
            match verdict {
                Verdict::NothingToClaim(idle) => return Ok(Took::Idle(idle)),
                Verdict::Claimed(item) => {
                    let lease_token = key.lease_token(&item).unwrap_or_default();
                    return Ok(Took::Claimed(Claimed { item, lease_token }));
                }
                // Where one was overdue others are: all of them at once, and the claim behind them.
                Verdict::Expired(_) => {
                    let mut commands = self.expire_commands(caller).await?;
                    commands.push(self.claim_command(caller, &ask));
                    let last = self.store.execute_all(commands).await.pop();
                    verdict = last.unwrap_or_else(|| Err(StoreError::Unavailable("no answer came".into())))?;
                }
                other @ (Verdict::Enqueued(_)
                | Verdict::AlreadyApplied(_)
                | Verdict::Cancelled(_)
                | Verdict::Completed(_)
                | Verdict::LeaseEnded(_)
                | Verdict::StopRequested(_)
                | Verdict::Settled(_)
                | Verdict::Unchanged
                | Verdict::AwaitsApproval(_)
                | Verdict::Approved(_)
                | Verdict::Recorded(_)
                | Verdict::Denied(_)) => return Err(unexpected(other)),
            }
        }
    }

    fn claim_command(&self, caller: &Caller, ask: &ClaimAsk) -> Command {
        let now = self.clock.now();
        Command::Claim(Claim {
            caller: caller.clone(),
            now,
            worker: ask.worker.clone(),
            run_id: self.new_run_id(now),
            lease: ask.lease.clamp(SignedDuration::from_secs(1), LEASE_MAX),
            role: ask.role.clone(),
            allowed_roles: self.policy.allowed_roles.clone(),
            queue_id: ask.queue_id.clone(),
            concurrency: self.policy.concurrency,
        })
    }

    async fn expire_commands(&self, caller: &Caller) -> Result<Vec<Command>, StoreError> {
        let now = self.clock.now();
        let overdue = self.store.overdue(now, EXPIRE_AT_ONCE).await?;
        let expire = |queue_id| Command::Expire(Expire { caller: caller.clone(), now, queue_id });
        Ok(overdue.into_iter().map(expire).collect())
    }

    /// Says that the worker is still at it, and hears whether it should end. Neither a line nor a flush.
    ///
    /// # Errors
    /// A denial, which is not recorded, or the store's error.
    pub async fn heartbeat(
        &self,
        caller: &Caller,
        queue_id: &str,
        lease_token: &str,
        progress: Option<ProgressNote>,
        role: StatedRole,
    ) -> Result<HeartbeatAnswer, Failure> {
        self.reader.still_signed_in(caller).await?;
        let said = Heartbeat {
            caller: caller.clone(),
            now: self.clock.now(),
            queue_id: QueueItemId::parse(queue_id),
            lease_token: lease_token.to_owned(),
            progress,
            key: self.key()?.clone(),
            role,
            allowed_roles: self.policy.allowed_roles.clone(),
        };
        let (item, before) = match &said.queue_id {
            Some(id) => (self.store.item(id).await?, self.store.beat(id).await?),
            None => (None, None),
        };
        let judged = judge_beat(&said, item.as_ref(), before.as_ref())?;
        Ok(self.store.write_beat(judged).await?)
    }

    /// Finishes a claimed item.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn complete(
        &self,
        caller: &Caller,
        queue_id: &str,
        lease_token: &str,
        ask: CompleteAsk,
        role: StatedRole,
    ) -> Result<QueueItem, Failure> {
        completed(self.store.execute(self.complete_command(caller, queue_id, lease_token, ask, role)?).await?)
    }

    /// Finishes a claimed item and takes the next one, for one flush. The claim is asked whatever the first answer is.
    ///
    /// # Errors
    /// When this process has no key; otherwise each answer has its own.
    pub async fn complete_and_claim(
        &self,
        caller: &Caller,
        queue_id: &str,
        lease_token: &str,
        ask: CompleteAsk,
        next: ClaimAsk,
    ) -> Result<(Result<QueueItem, Failure>, Result<Took, Failure>), Failure> {
        let key = self.key()?.clone();
        let complete = self.complete_command(caller, queue_id, lease_token, ask, next.role.clone())?;
        let mut answers = self.store.execute_all(vec![complete, self.claim_command(caller, &next)]).await.into_iter();
        let none = || Err(StoreError::Unavailable("no answer came".into()));
        let (first, second) = (answers.next().unwrap_or_else(none), answers.next().unwrap_or_else(none));
        let finished = first.map_err(Failure::from).and_then(completed);
        let took = match second {
            Ok(Verdict::NothingToClaim(idle)) => Ok(Took::Idle(idle)),
            Ok(Verdict::Claimed(item)) => {
                let lease_token = key.lease_token(&item).unwrap_or_default();
                Ok(Took::Claimed(Claimed { item, lease_token }))
            }
            Ok(Verdict::Expired(_)) => self.claim(caller, next).await,
            Ok(other) => Err(unexpected(other)),
            Err(error) => Err(error.into()),
        };
        Ok((finished, took))
    }

    fn complete_command(
        &self,
        caller: &Caller,
        queue_id: &str,
        lease_token: &str,
        ask: CompleteAsk,
        role: StatedRole,
    ) -> Result<Command, Failure> {
        Ok(Command::Complete(Complete {
            caller: caller.clone(),
            now: self.clock.now(),
            queue_id: QueueItemId::parse(queue_id),
            lease_token: lease_token.to_owned(),
            status: ask.status,
            reason: ask.reason,
            key: self.key()?.clone(),
            role,
            allowed_roles: self.policy.allowed_roles.clone(),
        }))
    }

    /// Gives a claimed item back.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn release(
        &self,
        caller: &Caller,
        queue_id: &str,
        lease_token: &str,
        release: Release,
        stating: Stating,
    ) -> Result<QueueItem, Failure> {
        let command = ReleaseCommand {
            caller: caller.clone(),
            now: self.clock.now(),
            queue_id: QueueItemId::parse(queue_id),
            lease_token: lease_token.to_owned(),
            started: release.started,
            reason: stating.reason,
            key: self.key()?.clone(),
            role: stating.role,
            allowed_roles: self.policy.allowed_roles.clone(),
        };
        let verdict = self.store.execute(Command::Release(command)).await?;
        if let Verdict::LeaseEnded(item) = verdict {
            return Ok(item);
        }
        Err(unexpected(verdict))
    }

    /// Asks for the run of a claimed item to end. Asked twice it is one request: the first stands. The worker hears of it
    /// with its next heartbeat, and says that the run has ended by finishing the item; nothing is rolled back.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn stop(&self, caller: &Caller, queue_id: &str, stating: Stating) -> Result<QueueItem, Failure> {
        let verdict = self.store.execute(Command::Stop(self.intervene(caller, queue_id, stating))).await?;
        if let Verdict::StopRequested(item) = verdict {
            return Ok(item);
        }
        Err(unexpected(verdict))
    }

    /// Takes the lease of a claimed item away: it is held, and whatever its worker still says of it is refused.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn revoke(&self, caller: &Caller, queue_id: &str, stating: Stating) -> Result<QueueItem, Failure> {
        let verdict = self.store.execute(Command::Revoke(self.intervene(caller, queue_id, stating))).await?;
        if let Verdict::LeaseEnded(item) = verdict {
            return Ok(item);
        }
        Err(unexpected(verdict))
    }

    /// Lets a held item wait to be claimed again.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn requeue(&self, caller: &Caller, queue_id: &str, stating: Stating) -> Result<QueueItem, Failure> {
        self.settle(caller, queue_id, stating, HowSettled::Requeue).await
    }

    /// Closes a held item as a failure.
    ///
    /// # Errors
    /// A denial, or the store's error.
    pub async fn fail(&self, caller: &Caller, queue_id: &str, stating: Stating) -> Result<QueueItem, Failure> {
        self.settle(caller, queue_id, stating, HowSettled::Fail).await
    }

    async fn settle(
        &self,
        caller: &Caller,
        queue_id: &str,
        stating: Stating,
        how: HowSettled,
    ) -> Result<QueueItem, Failure> {
        let act = self.intervene(caller, queue_id, stating);
        let verdict = self.store.execute(Command::Settle(Settle { act, how })).await?;
        if let Verdict::Settled(item) = verdict {
            return Ok(item);
        }
        Err(unexpected(verdict))
    }

    fn intervene(&self, caller: &Caller, queue_id: &str, stating: Stating) -> Intervene {
        Intervene {
            caller: caller.clone(),
            now: self.clock.now(),
            queue_id: QueueItemId::parse(queue_id),
            reason: stating.reason,
            role: stating.role,
            allowed_roles: self.policy.allowed_roles.clone(),
        }
    }

    /// One look: ends the claims of which nothing was heard for as long as their lease, and closes what is past its deadline.
    /// `elapsed` is a reading of a monotonic clock: the time since any fixed moment, the same for every look of this watch.
    /// Gives the items that changed, as they stand now. Several processes may look: each finds for itself, and of two that
    /// find the same one does it.
    ///
    /// # Errors
    /// The store's. What was done before it stays done.
    pub async fn sweep(
        &self,
        caller: &Caller,
        watch: &mut LeaseWatch,
        elapsed: Duration,
    ) -> Result<Vec<QueueItem>, Failure> {
        let claims = self.store.claims().await?;
        let now = self.clock.now();
        let lose = watch.look(&claims, elapsed).into_iter().map(|silent| {
            Command::Lose(Lose {
                caller: caller.clone(),
                now,
                queue_id: silent.queue_id,
                attempt: silent.attempt,
                beat: silent.beat,
                silent_for: silent.silent_for,
            })
        });
        let mut commands: Vec<Command> = lose.collect();
        commands.extend(self.expire_commands(caller).await?);
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut changed = Vec::new();
        for answer in self.store.execute_all(commands).await {
            match answer? {
                Verdict::LeaseEnded(item) | Verdict::Expired(item) => changed.push(item),
                // Somebody was faster, or the worker spoke after all.
                Verdict::Unchanged => {}
                other @ (Verdict::Enqueued(_)
                | Verdict::AlreadyApplied(_)
                | Verdict::Cancelled(_)
                | Verdict::Claimed(_)
                | Verdict::NothingToClaim(_)
                | Verdict::Completed(_)
                | Verdict::StopRequested(_)
                | Verdict::Settled(_)
                | Verdict::AwaitsApproval(_)
                | Verdict::Approved(_)
                | Verdict::Recorded(_)
                | Verdict::Denied(_)) => return Err(unexpected(other)),
            }
        }
        Ok(changed)
    }

    /// Says that a worker of this name is there. Neither a line nor a flush.
    ///
    /// # Errors
    /// A denial, which is not recorded, or the store's error.
    pub async fn present(
        &self,
        caller: &Caller,
        worker: &WorkerName,
        report: WorkerReport,
        role: &StatedRole,
    ) -> Result<WorkerPresence, Failure> {
        self.reader.still_signed_in(caller).await?;
        judge_presence(caller, role, &self.policy.allowed_roles)?;
        let WorkerReport { host, pid, version, started_at, draining, slots, running, cannot } = report;
        let presence = WorkerPresence {
            worker: worker.to_string(),
            principal: caller.principal_id().to_owned(),
            surface: caller.surface.as_str().to_owned(),
            host,
            pid,
            version,
            started_at: to_micros(started_at),
            at: to_micros(self.clock.now()),
            draining,
            slots,
            running,
            cannot,
        };
        let presence = presence.bounded();
        self.store.write_presence(presence.clone()).await?;
        Ok(presence)
    }

    /// Says that the worker of this name is gone.
    ///
    /// # Errors
    /// A denial, which is not recorded, or the store's error.
    pub async fn absent(&self, caller: &Caller, worker: &WorkerName, role: &StatedRole) -> Result<(), Failure> {
        self.reader.still_signed_in(caller).await?;
        judge_presence(caller, role, &self.policy.allowed_roles)?;
        Ok(self.store.remove_presence(worker.as_str()).await?)
    }
}

fn completed(verdict: Verdict) -> Result<QueueItem, Failure> {
    if let Verdict::Completed(item) = verdict {
        return Ok(item);
    }
    Err(unexpected(verdict))
}
