//! The queue's state as a fold over its events, with the indexes that decisions and claims need.
//!
//! Keyed by `queue_id`. The same fold serves every store, so a state cannot mean one thing in a file and another in a
//! database.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::command::Limits;
use super::gate::{EnqueueFacts, EnqueueQuery, Usage};
use super::governance::{DecisionEvent, Governance};
use super::id::{QueueItemId, Sha256Digest};
use super::listing::{QueueFilter, QueueListing};
use super::queue::{Cancelled, Claim, ClaimKey, Claimed, Done, Enqueued, ItemState, QueueEvent, QueueItem};

/// What a store knows: the queue, and what operators decided. Two folds over two files, asked together.
#[derive(Debug, Default)]
pub struct State {
    /// The queue.
    pub queue: Queue,
    governance: Governance,
}

impl State {
    /// Applies one event of the queue.
    ///
    /// # Errors
    /// An [`Oddity`] when the event changes nothing.
    pub fn apply(&mut self, event: &QueueEvent, line_hash: Option<Sha256Digest>) -> Result<(), Oddity> {
        self.queue.apply(event, line_hash)?;
        if let QueueEvent::Enqueued(enqueued) = event {
            self.governance.queued(&enqueued.queue_id, true);
        }
        Ok(())
    }

    /// Applies one decision.
    ///
    /// # Errors
    /// An [`Oddity`] when the event changes nothing.
    pub fn decide(&mut self, event: &DecisionEvent) -> Result<(), Oddity> {
        self.governance.apply(event)?;
        if let DecisionEvent::Requested(asked) = event
            && self.queue.get(&asked.queue_id).is_some()
        {
            self.governance.queued(&asked.queue_id, true);
        }
        Ok(())
    }

    /// The record of decisions begins with a repair.
    pub fn decisions_repaired(&mut self, by: &str, at: Timestamp) {
        self.governance.repaired(by, at);
    }

    /// Begins the queue anew.
    pub fn forget_queue(&mut self) {
        self.queue = Queue::default();
        self.governance.forget_queue();
    }

    /// Begins the decisions anew.
    pub fn forget_decisions(&mut self) {
        self.governance = Governance::default();
    }

    /// What operators decided.
    pub fn governance(&self) -> &Governance {
        &self.governance
    }

    /// What an apply or preview rests on.
    pub fn facts(&self, query: &EnqueueQuery) -> EnqueueFacts {
        let (governance, now) = (&self.governance, query.now);
        let requests = |run: &str| governance.of_run(run).cloned().collect();
        let mut facts = self.queue.facts(query);
        facts.standing = governance.standing().clone();
        facts.requests = query.source_run_id.as_deref().map(requests).unwrap_or_default();
        facts.request_by_key = query.by_key.as_ref().and_then(|key| governance.by_key(&query.principal, key)).cloned();
        // What people are asked about is as good as queued: an agent cannot have more of both than it may queue.
        facts.usage.pending += governance.open_of(&query.principal, query.request.as_ref(), now);
        let asked_frees_at = governance.frees_at(&query.principal, query.applies_per_hour, now);
        facts.usage.hour_frees_at = facts.usage.hour_frees_at.max(asked_frees_at);
        facts
    }
}

/// Every item and the ways to find it.
#[derive(Debug, Default)]
pub struct Queue {
    items: Vec<QueueItem>,
    by_id: HashMap<QueueItemId, usize>,
    pending_by_run: HashMap<String, BTreeSet<usize>>,
    by_key: HashMap<(String, String), usize>,
    by_run: HashMap<String, usize>,
    // Claimed items of each task, in the order in which they were claimed.
    claimed_by_task: HashMap<String, VecDeque<usize>>,
    ready: BTreeSet<ClaimKey>,
    waiting: BTreeSet<(Timestamp, ClaimKey)>,
    live_pins: HashMap<Sha256Digest, usize>,
    by_principal: HashMap<String, Used>,
}

/// What one principal has queued, as far as limits ask.
#[derive(Debug, Default)]
struct Used {
    pending: usize,
    // Times of its appends within an hour of the newest, oldest first; no more than any limit can ask for.
    applies: VecDeque<Timestamp>,
}

/// The window of the limit on appends.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Used {
    fn applied(&mut self, at: Timestamp, counted_before: bool) {
        self.pending += 1;
        if counted_before {
            return;
        }
        self.applies.push_back(at);
        let most = usize::try_from(Limits::MAX).unwrap_or(usize::MAX);
        while self.applies.len() > most || self.applies.front().is_some_and(|first| at.duration_since(*first) >= HOUR) {
            self.applies.pop_front();
        }
    }

    /// When fewer than `most` of its appends lie within the last hour; `None` when that is so now.
    fn frees_at(&self, most: u32, now: Timestamp) -> Option<Timestamp> {
        let over = self.applies.len().checked_sub(usize::try_from(most).ok()?)?;
        let frees_at = self.applies.get(over)?.checked_add(HOUR).ok()?;
        (most > 0 && frees_at > now).then_some(frees_at)
    }
}

/// An event that changes nothing, because the item it names does not exist or is not in the state it needs. Our own
/// events never are (they were judged); a legacy ledger may hold some, which are kept and reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Oddity {
    /// An enqueue of an id that exists.
    #[error("enqueues a queue_id that exists already")]
    DuplicateId,
    /// An event about no item.
    #[error("names no known queue item")]
    UnknownItem,
    /// An event that the item's state does not allow.
    #[error("does not fit the item's state")]
    WrongState,
}

impl Queue {
    /// Applies one event. `line_hash` is the chain hash of its line, where it has one.
    ///
    /// # Errors
    /// An [`Oddity`] when the event changes nothing.
    pub fn apply(&mut self, event: &QueueEvent, line_hash: Option<Sha256Digest>) -> Result<(), Oddity> {
        match event {
            QueueEvent::Enqueued(event) => self.enqueue(event, line_hash),
            QueueEvent::Cancelled(event) => self.cancel(event),
            QueueEvent::Claimed(event) => self.claim(event),
            QueueEvent::Done(event) => self.done(event),
        }
    }

    /// Items in enqueue order.
    pub fn items(&self) -> &[QueueItem] {
        &self.items
    }

    /// The item of this id.
    pub fn get(&self, id: &QueueItemId) -> Option<&QueueItem> {
        self.by_id.get(id).map(|at| &self.items[*at])
    }

    /// The item that this principal enqueued under this key.
    pub fn by_key(&self, principal: &str, key: &str) -> Option<&QueueItem> {
        self.by_key.get(&(principal.to_owned(), key.to_owned())).map(|at| &self.items[*at])
    }

    /// The item out of which this run came.
    pub fn by_run(&self, run_id: &str) -> Option<&QueueItem> {
        self.by_run.get(run_id).map(|at| &self.items[*at])
    }

    /// What the queue knows of an apply or preview.
    fn facts(&self, query: &EnqueueQuery) -> EnqueueFacts {
        let of_run = query.source_run_id.as_deref();
        EnqueueFacts {
            by_preview: query.by_preview.as_ref().and_then(|id| self.get(id)).cloned(),
            by_key: query.by_key.as_ref().and_then(|key| self.by_key(&query.principal, key)).cloned(),
            pending: of_run.map(|run| self.pending_of_run(run).cloned().collect()).unwrap_or_default(),
            parent: of_run.and_then(|run| self.by_run(run)).cloned(),
            usage: self.usage(query),
            ..EnqueueFacts::default()
        }
    }

    fn usage(&self, query: &EnqueueQuery) -> Usage {
        let Some(used) = self.by_principal.get(&query.principal) else { return Usage::default() };
        Usage { pending: used.pending, hour_frees_at: used.frees_at(query.applies_per_hour, query.now) }
    }

    /// Lists items in enqueue order.
    pub fn list(&self, filter: &QueueFilter) -> QueueListing {
        let start = filter.after_seq.map_or(0, |seq| usize::try_from(seq).unwrap_or(usize::MAX).saturating_add(1));
        let mut matching = self.items.iter().skip(start).filter(|item| filter.accepts(item));
        let items: Vec<QueueItem> = matching.by_ref().take(filter.limit.unwrap_or(usize::MAX)).cloned().collect();
        QueueListing { more: matching.next().is_some(), items, problems: Vec::new() }
    }

    /// How many items are pending and how many are claimed.
    pub fn live(&self) -> (usize, usize) {
        let pending = self.pending_by_run.values().map(BTreeSet::len).sum();
        let claimed = self.claimed_by_task.values().map(VecDeque::len).sum();
        (pending, claimed)
    }

    /// Pending items derived from this run, in enqueue order.
    pub fn pending_of_run(&self, source_run_id: &str) -> impl Iterator<Item = &QueueItem> {
        self.pending_by_run.get(source_run_id).into_iter().flatten().map(|at| &self.items[*at])
    }

    /// The item to claim next, and nothing changes.
    pub fn next_eligible(&self, now: Timestamp) -> Option<&QueueItem> {
        let ready = self.ready.iter().find(|key| key.ready(now));
        // Items whose time has come since they were filed are few between two promotions; see `promote`.
        let due = self.waiting.range(..).take_while(|(at, _)| *at <= now).map(|(_, key)| key).min();
        let next = match (ready, due) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }?;
        usize::try_from(next.seq()).ok().and_then(|at| self.items.get(at))
    }

    /// Moves items whose scheduled time has come into claim order. Only speed depends on it, never an answer.
    pub fn promote(&mut self, now: Timestamp) {
        while let Some(first) = self.waiting.first().copied().filter(|(at, _)| *at <= now) {
            self.waiting.remove(&first);
            self.ready.insert(first.1);
        }
    }

    /// Whether a live (pending or claimed) item rests on the pinned contract of this digest.
    pub fn pin_is_live(&self, sha256: &Sha256Digest) -> bool {
        self.live_pins.contains_key(sha256)
    }

    /// Digests of the pinned contracts that live items rest on.
    pub fn live_pins(&self) -> impl Iterator<Item = &Sha256Digest> {
        self.live_pins.keys()
    }

    fn enqueue(&mut self, event: &Arc<Enqueued>, line_hash: Option<Sha256Digest>) -> Result<(), Oddity> {
        let at = self.items.len();
        match self.by_id.entry(event.queue_id.clone()) {
            Entry::Occupied(_) => return Err(Oddity::DuplicateId),
            Entry::Vacant(free) => free.insert(at),
        };
        let item = QueueItem { seq: at as u64, enqueued: event.clone(), line_hash, state: ItemState::Pending };
        self.pending_by_run.entry(event.source_run_id.clone()).or_default().insert(at);
        if let Some(provenance) = &event.provenance {
            if let Some(key) = &provenance.idempotency_key {
                self.by_key.insert((provenance.principal.clone(), key.clone()), at);
            }
            // What people approved was counted when it was asked for.
            let asked = !provenance.approvals.is_empty();
            self.by_principal.entry(provenance.principal.clone()).or_default().applied(event.ts, asked);
            *self.live_pins.entry(provenance.contract_sha256).or_default() += 1;
        }
        let key = item.claim_key();
        match item.scheduled_at() {
            Some(scheduled) => self.waiting.insert((scheduled, key)),
            None => self.ready.insert(key),
        };
        self.items.push(item);
        Ok(())
    }

    fn cancel(&mut self, event: &Cancelled) -> Result<(), Oddity> {
        let at = *self.by_id.get(&event.queue_id).ok_or(Oddity::UnknownItem)?;
        if !self.items[at].is_pending() {
            return Err(Oddity::WrongState);
        }
        self.leave_pending(at);
        self.release_pin(at);
        self.items[at].state =
            ItemState::Cancelled { at: event.ts, by: event.cancelled_by.clone(), reason: event.reason.clone() };
        Ok(())
    }

    fn claim(&mut self, event: &Claimed) -> Result<(), Oddity> {
        let at = *self.by_id.get(&event.queue_id).ok_or(Oddity::UnknownItem)?;
        if !self.items[at].is_pending() {
            return Err(Oddity::WrongState);
        }
        self.leave_pending(at);
        self.claimed_by_task.entry(self.items[at].enqueued.task_id.clone()).or_default().push_back(at);
        if !event.run_id.is_empty() {
            self.by_run.insert(event.run_id.clone(), at);
        }
        self.items[at].state = ItemState::Claimed(Claim {
            run_id: event.run_id.clone(),
            claimed_at: event.ts,
            worker: event.worker.clone(),
            attempt: event.attempt,
            lease_expires_at: event.lease_expires_at,
        });
        Ok(())
    }

    fn done(&mut self, event: &Done) -> Result<(), Oddity> {
        let at = self.by_id.get(&event.queue_id).copied().or_else(|| self.claimed_of_task(&event.task_id));
        let at = at.ok_or(Oddity::UnknownItem)?;
        let claim = match &self.items[at].state {
            ItemState::Pending => None,
            ItemState::Claimed(claim) => Some(claim.clone()),
            ItemState::Closed { .. } | ItemState::Cancelled { .. } => return Err(Oddity::WrongState),
        };
        if self.items[at].is_pending() {
            self.leave_pending(at);
        }
        self.leave_claimed(at);
        self.release_pin(at);
        let run_id = match (&claim, event.run_id.is_empty()) {
            (Some(claim), true) => claim.run_id.clone(),
            (Some(_) | None, _) => event.run_id.clone(),
        };
        if !run_id.is_empty() {
            self.by_run.insert(run_id.clone(), at);
        }
        self.items[at].state =
            ItemState::Closed { status: event.status.clone(), claim, run_id, completed_at: event.ts };
        Ok(())
    }

    /// The original's command line closes an item under a fresh queue id; its task id then says which one it meant. With
    /// several claimed items of one task it meant the one claimed first.
    fn claimed_of_task(&self, task_id: &str) -> Option<usize> {
        self.claimed_by_task.get(task_id).and_then(|claimed| claimed.front()).copied()
    }

    fn leave_claimed(&mut self, at: usize) {
        let task_id = &self.items[at].enqueued.task_id;
        if let Some(claimed) = self.claimed_by_task.get_mut(task_id) {
            claimed.retain(|held| *held != at);
            if claimed.is_empty() {
                self.claimed_by_task.remove(task_id);
            }
        }
    }

    fn leave_pending(&mut self, at: usize) {
        let item = &self.items[at];
        if let Some(used) = item.enqueued.provenance.as_ref().and_then(|by| self.by_principal.get_mut(&by.principal)) {
            used.pending -= 1;
        }
        let key = item.claim_key();
        self.ready.remove(&key);
        if let Some(scheduled) = item.scheduled_at() {
            self.waiting.remove(&(scheduled, key));
        }
        if let Some(of_run) = self.pending_by_run.get_mut(&item.enqueued.source_run_id) {
            of_run.remove(&at);
            if of_run.is_empty() {
                self.pending_by_run.remove(&item.enqueued.source_run_id);
            }
        }
    }

    fn release_pin(&mut self, at: usize) {
        let Some(provenance) = &self.items[at].enqueued.provenance else { return };
        if let Some(count) = self.live_pins.get_mut(&provenance.contract_sha256) {
            *count -= 1;
            if *count == 0 {
                self.live_pins.remove(&provenance.contract_sha256);
            }
        }
    }
}
