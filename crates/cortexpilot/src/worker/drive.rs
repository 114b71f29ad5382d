//! The loop: look, take what is ready here, carry it out, until told to stop.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use cortexpilot_core::domain::id::{QueueItemId, hex};
use cortexpilot_core::domain::text::WorkerName;
use cortexpilot_core::port::{Clock, Ids};
use cortexpilot_work::{Assignment, ClaimedItem};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use super::carry::{Carry, Ended, sentence};
use super::claims::{Candidate, Claims, Presence, Taken, Trouble};
use super::monotonic;
use super::readiness::{Fit, Site};
use super::say::{Said, Say};

/// How long after it could not be carried out here an item is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How often a worker says that it is there, where nothing changes. Three minutes without it count as gone.
const PRESENT_EVERY: Duration = Duration::from_secs(30);

/// How long is waited after the queue could not be asked.
const TROUBLE_PAUSE: Duration = Duration::from_secs(2);

/// So many items are looked at beside those that cannot be carried out here.
const LOOK: usize = 16;

/// However many items cannot be carried out here, no more than this are looked past.
const LOOK_MAX: usize = 100;

/// A worker tells at most so many items that it cannot carry out.
const CANNOT_MAX: usize = 20;

/// The wall clock may be off by so much from the monotonic one before it is said that somebody set it.
const JUMP: i128 = 3_600;

/// What a worker is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Orders {
    /// Work.
    Work,
    /// Take nothing more; what runs goes on.
    Drain,
    /// What runs is asked to end, and handed back.
    Stop,
    /// What runs is killed, and handed back.
    Kill,
}

/// How a worker works.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    /// Its name.
    pub(crate) name: WorkerName,
    /// So many items at once.
    pub(crate) slots: u32,
    /// How long a claim holds without a heartbeat.
    pub(crate) lease: Duration,
    /// How often the queue is looked at while nothing happens.
    pub(crate) poll: Duration,
    /// It ends when there was nothing to do for so long.
    pub(crate) idle_exit: Option<Duration>,
    /// It ends after so many items.
    pub(crate) items: Option<u32>,
    /// It takes this item alone.
    pub(crate) only: Option<QueueItemId>,
}

/// What a worker did until it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// How each item ended, in the order of their ends.
    pub(crate) ended: Vec<Ended>,
    /// Why nothing was taken at the last look, where the queue said why.
    pub(crate) idle: Option<String>,
    /// What could not be carried out here at the last look.
    pub(crate) cannot: Vec<(QueueItemId, String)>,
    /// It ended because it was told to.
    pub(crate) told_to: bool,
    /// Why the queue could not be asked at the last look.
    pub(crate) refused: Option<Trouble>,
}

/// A worker.
pub(crate) struct Drive {
    claims: Arc<dyn Claims>,
    site: Arc<dyn Site>,
    say: Arc<Say>,
    ids: Arc<dyn Ids>,
    clock: Arc<dyn Clock>,
    habits: Habits,
    orders: watch::Receiver<Orders>,
    cannot: BTreeMap<QueueItemId, Cannot>,
    running: HashMap<Id, QueueItemId>,
    started_at: Timestamp,
    /// Wall clock and monotonic clock, looked at together.
    clocks: (Timestamp, Duration),
}

struct Cannot {
    task_id: String,
    why: String,
    since: Duration,
}

/// What a look at the queue came to.
enum Look {
    Took(Box<(Taken, Duration, Candidate, Fit)>),
    Nothing(Option<String>),
    Not(Trouble),
}

impl Drive {
    pub(crate) fn new(
        claims: Arc<dyn Claims>,
        site: Arc<dyn Site>,
        say: Arc<Say>,
        (ids, clock): (Arc<dyn Ids>, Arc<dyn Clock>),
        habits: Habits,
        orders: watch::Receiver<Orders>,
    ) -> Self {
        let started_at = clock.now();
        Self {
            claims,
            site,
            say,
            ids,
            clock,
            habits,
            orders,
            cannot: BTreeMap::new(),
            running: HashMap::new(),
            started_at,
            clocks: (started_at, monotonic::now()),
        }
    }

    /// Works until told to stop, or until there was nothing to do for as long as was asked for.
    pub(crate) async fn run(mut self) -> Done {
        let (mut done, mut tasks) = (Done::default(), JoinSet::new());
        let (mut taken, mut busy_at, mut said) = (0, monotonic::now(), None::<String>);
        let (mut present, mut draining) = (Present::default(), false);
        loop {
            self.mind_the_clock();
            let orders = *self.orders.borrow_and_update();
            if orders != Orders::Work && !draining {
                draining = true;
                self.say.say(&Said::Draining { running: self.running.len() });
            }
            let enough = self.habits.items.is_some_and(|items| taken >= items);
            let free = u32::try_from(self.running.len()).unwrap_or(u32::MAX) < self.habits.slots;
            let (mut idle_now, mut pause) = (false, self.habits.poll);
            if orders == Orders::Work && free && !enough {
                let look = self.look().await;
                match look {
                    Look::Took(item) => {
                        done.refused = None;
                        let (taken_now, asked, candidate, fit) = *item;
                        taken += 1;
                        self.resumed(&mut said);
                        self.start(&mut tasks, taken_now, asked, candidate, fit);
                        continue;
                    }
                    Look::Nothing(idle) => {
                        idle_now = true;
                        done.refused = None;
                        done.idle.clone_from(&idle);
                        match idle {
                            Some(reason) if said.as_ref() != Some(&reason) => {
                                self.say.say(&Said::Idle { reason: reason.clone() });
                                said = Some(reason);
                            }
                            Some(_) => {}
                            None => self.resumed(&mut said),
                        }
                    }
                    Look::Not(trouble) => {
                        (idle_now, pause) = (true, TROUBLE_PAUSE);
                        let is_final = trouble.is_final();
                        if !is_final {
                            self.trouble(&trouble.to_string(), &mut said);
                        }
                        done.refused = Some(trouble);
                        if is_final && self.running.is_empty() {
                            break;
                        }
                    }
                }
            }
            if self.running.is_empty() {
                let waited = monotonic::now().saturating_sub(busy_at);
                let long_enough = idle_now && self.habits.idle_exit.is_some_and(|limit| waited >= limit);
                if orders != Orders::Work || enough || long_enough {
                    done.told_to = orders != Orders::Work;
                    break;
                }
            } else {
                busy_at = monotonic::now();
            }
            self.present(&mut present, orders).await;
            tokio::select! {
                Some(ended) = tasks.join_next_with_id(), if !tasks.is_empty() => {
                    busy_at = monotonic::now();
                    self.ended(ended, &mut done);
                }
                () = tokio::time::sleep(pause.max(self.habits.poll)) => {}
                changed = self.orders.changed() => if changed.is_err() {
                    // Whoever gave orders is gone, and with it the reason to go on.
                    break;
                },
            }
        }
        while let Some(ended) = tasks.join_next_with_id().await {
            self.ended(ended, &mut done);
        }
        done.cannot = self.cannot.iter().map(|(id, cannot)| (id.clone(), cannot.why.clone())).collect();
        let presence = self.presence(true);
        // A worker that cannot say that it is gone is taken for gone a little later.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.claims.gone(&presence)).await;
        done
    }

    fn start(&mut self, tasks: &mut JoinSet<Ended>, taken: Taken, asked: Duration, candidate: Candidate, fit: Fit) {
        let id = taken.queue_id.clone();
        self.say.say(&Said::Claimed {
            queue_id: taken.queue_id.as_str().to_owned(),
            task_id: candidate.task_id.clone(),
            run_id: taken.run_id.as_str().to_owned(),
            attempt: taken.attempt,
        });
        let carry = Carry {
            claims: self.claims.clone(),
            site: self.site.clone(),
            say: self.say.clone(),
            orders: self.orders.clone(),
        };
        let assignment = Assignment {
            run_id: taken.run_id.clone(),
            trace_id: hex(&self.ids.bytes::<16>()),
            contract: fit.contract.clone(),
            // What the claim says was approved, not what was looked at before.
            pinned: taken.pinned.unwrap_or(fit.sha256),
            repository: fit.repository.clone(),
            runner: fit.runner.clone(),
            workflow_id: Some(candidate.workflow_id).filter(|id| !id.is_empty()),
            item: Some(ClaimedItem {
                queue_id: taken.queue_id.clone(),
                attempt: taken.attempt,
                source_run_id: candidate.source_run_id,
            }),
        };
        let task = tasks.spawn(carry.out(taken, asked, assignment, fit.retries));
        self.running.insert(task.id(), id);
    }

    fn ended(&mut self, ended: Result<(Id, Ended), JoinError>, done: &mut Done) {
        let (task, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "an item's own task failed");
                (error.id(), Ended::Lost)
            }
        };
        let id = self.running.remove(&task);
        if let (Some(id), Ended::Untouched) = (id, ended) {
            // It looked ready and was not: not at once again.
            let why = "it could not be begun here after all".to_owned();
            self.cannot.insert(id, Cannot { task_id: String::new(), why, since: monotonic::now() });
        }
        done.ended.push(ended);
    }

    /// Looks at what could be claimed, and claims the first that can be carried out here.
    async fn look(&mut self) -> Look {
        let limit = (LOOK + self.cannot.len()).min(LOOK_MAX);
        let looked = match self.claims.look(limit).await {
            Ok(looked) => looked,
            Err(trouble) => return Look::Not(trouble),
        };
        let waiting: BTreeSet<&QueueItemId> = looked.candidates.iter().map(|candidate| &candidate.queue_id).collect();
        self.cannot.retain(|id, _| waiting.contains(id));
        self.say.keep_only(&|id| waiting.contains(id));
        for candidate in &looked.candidates {
            let id = &candidate.queue_id;
            let wanted = self.habits.only.as_ref().is_none_or(|only| only == id);
            let known = self.cannot.get(id).is_some_and(|cannot| monotonic::now() < cannot.since + LOOK_AGAIN);
            if !wanted || known || self.running.values().any(|running| running == id) {
                continue;
            }
            let fit = match self.fits(candidate).await {
                Ok(fit) => fit,
                Err(trouble @ (Trouble::Away(_) | Trouble::NotOurs(_))) => return Look::Not(trouble),
                Err(Trouble::Refused { reason, .. }) => {
                    let why = sentence(&reason);
                    self.say.not_taken(id, &candidate.task_id, &why);
                    let (task_id, since) = (candidate.task_id.clone(), monotonic::now());
                    self.cannot.insert(id.clone(), Cannot { task_id, why, since });
                    continue;
                }
            };
            self.cannot.remove(id);
            let asked = monotonic::now();
            match self.claims.claim(id, self.habits.lease).await {
                Ok(Some(taken)) => return Look::Took(Box::new((taken, asked, candidate.clone(), fit))),
                // Somebody else was faster, or it waits again.
                Ok(None) => {}
                Err(trouble) => return Look::Not(trouble),
            }
        }
        Look::Nothing(looked.idle)
    }

    /// Whether it can be carried out here; a refusal says why not.
    async fn fits(&self, candidate: &Candidate) -> Result<Fit, Trouble> {
        let contract = self.claims.contract(&candidate.queue_id).await?;
        let (site, asked) = (self.site.clone(), candidate.clone());
        let fits = tokio::task::spawn_blocking(move || site.fits(&asked, contract)).await;
        let fits = fits.unwrap_or_else(|_| Err("this worker met a fault of its own when it looked at it".to_owned()));
        fits.map_err(|reason| Trouble::Refused { code: String::new(), reason })
    }

    fn resumed(&self, said: &mut Option<String>) {
        if said.take().is_some() {
            self.say.say(&Said::Resumed);
        }
    }

    fn trouble(&self, why: &str, said: &mut Option<String>) {
        if said.as_deref() != Some(why) {
            self.say.say(&Said::Trouble { reason: why.to_owned() });
            *said = Some(why.to_owned());
        }
    }

    fn presence(&self, draining: bool) -> Presence {
        let cannot = self.cannot.iter().take(CANNOT_MAX).map(|(id, cannot)| {
            let task = if cannot.task_id.is_empty() { String::new() } else { format!("{}: ", cannot.task_id) };
            (id.clone(), sentence(&format!("{task}{}", cannot.why)))
        });
        let mut running: Vec<QueueItemId> = self.running.values().cloned().collect();
        running.sort_unstable();
        Presence {
            worker: self.habits.name.as_str().to_owned(),
            host: super::machine::host(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            draining,
            slots: self.habits.slots,
            running,
            cannot: cannot.collect(),
        }
    }

    /// Says that the worker is there, where that is due or something changed. Nothing rests on it.
    async fn present(&self, last: &mut Present, orders: Orders) {
        let presence = self.presence(orders != Orders::Work);
        let due = last.at.is_none_or(|at| monotonic::now() >= at + PRESENT_EVERY);
        if !due && last.said.as_ref() == Some(&presence) {
            return;
        }
        last.at = Some(monotonic::now());
        match tokio::time::timeout(Duration::from_secs(2), self.claims.present(&presence)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "this worker could not say that it is there"),
            Err(_) => tracing::debug!("this worker could not say that it is there in time"),
        }
        last.said = Some(presence);
    }

    /// Says when somebody set the wall clock.
    fn mind_the_clock(&mut self) {
        let (wall, own) = (self.clock.now(), monotonic::now());
        let by_wall = wall.duration_since(self.clocks.0).as_nanos();
        let by_own = i128::try_from(own.saturating_sub(self.clocks.1).as_nanos()).unwrap_or(i128::MAX);
        let off = (by_wall - by_own) / 1_000_000_000;
        if off.abs() > JUMP {
            let seconds = i64::try_from(off).unwrap_or(if off < 0 { i64::MIN } else { i64::MAX });
            self.say.say(&Said::ClockJumped { seconds });
            self.clocks = (wall, own);
        }
    }
}

/// What was said of a worker's presence last.
#[derive(Default)]
struct Present {
    at: Option<Duration>,
    said: Option<Presence>,
}
