//! The queue's state as a fold over its events, with the indexes that decisions and claims need.
//!
//! Keyed by `queue_id`. The same fold serves every store, so a state cannot mean one thing in a file and another in a
//! database.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::gate::{EnqueueFacts, EnqueueQuery, Usage};
use super::governance::{DecisionEvent, Governance};
use super::id::{QueueItemId, Sha256Digest};
use super::listing::{QueueFilter, QueueListing};
use super::queue::{Cancelled, Claim, ClaimKey, Claimed, Done, Enqueued, ItemState, QueueEvent, QueueItem};

mod archive;
mod usage;

pub use archive::{Lines, item_of};
use usage::Used;

/// What a store knows: the queue, and what operators decided. Two folds over two files, asked together.
#[derive(Debug, Default)]
pub struct State {
    /// The queue.
    pub queue: Queue,
    governance: Governance,
    /// Archived items that people had been asked about: their requests are no open questions.
    archived_asked: HashSet<QueueItemId>,
}

impl State {
    /// Applies one event of the queue.
    ///
    /// # Errors
    /// An [`Oddity`] when the event changes nothing.
    pub fn apply(&mut self, event: &QueueEvent, line_hash: Option<Sha256Digest>) -> Result<(), Oddity> {
        self.apply_at(event, line_hash, 0)
    }

    /// The same in a store that finds its lines again: `at` says where this one stands. Later lines have greater numbers.
    ///
    /// # Errors
    /// An [`Oddity`] when the event changes nothing.
    pub fn apply_at(&mut self, event: &QueueEvent, line_hash: Option<Sha256Digest>, at: u64) -> Result<(), Oddity> {
        self.queue.apply_at(event, line_hash, at)?;
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
            && (self.queue.get(&asked.queue_id).is_some() || self.archived_asked.contains(&asked.queue_id))
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
        self.archived_asked.clear();
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

/// Items and the ways to find them.
///
/// All of them, unless a store keeps closed ones elsewhere: those it archives (see [`State::archive`]) are not here any
/// more, and it completes the answers. Live items, pending or claimed, are always here.
#[derive(Debug, Default)]
pub struct Queue {
    items: BTreeMap<u64, Slot>,
    next_seq: u64,
    by_id: HashMap<QueueItemId, u64>,
    pending_by_run: HashMap<String, BTreeSet<u64>>,
    by_key: HashMap<(String, String), u64>,
    // With the place of the line that said so: of several items that name one run the last counts.
    by_run: HashMap<String, (u64, u64)>,
    // Claimed items of each task, in the order in which they were claimed.
    claimed_by_task: HashMap<String, VecDeque<u64>>,
    // How many those are.
    claimed: usize,
    ready: BTreeSet<ClaimKey>,
    waiting: BTreeSet<(Timestamp, ClaimKey)>,
    live_pins: HashMap<Sha256Digest, usize>,
    by_principal: HashMap<String, Used>,
    // Closed items in the order in which they were closed.
    closed: VecDeque<u64>,
    newest: Option<Timestamp>,
}

#[derive(Debug)]
struct Slot {
    item: QueueItem,
    lines: Lines,
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
        self.apply_at(event, line_hash, 0)
    }

    /// The same in a store that finds its lines again: `at` says where this one stands.
    ///
    /// # Errors
    /// An [`Oddity`] when the event changes nothing.
    pub fn apply_at(&mut self, event: &QueueEvent, line_hash: Option<Sha256Digest>, at: u64) -> Result<(), Oddity> {
        match event {
            QueueEvent::Enqueued(event) => self.enqueue(event, line_hash, at),
            QueueEvent::Cancelled(event) => self.cancel(event, at),
            QueueEvent::Claimed(event) => self.claim(event, at),
            QueueEvent::Done(event) => self.done(event, line_hash.is_none(), at),
        }
    }

    /// The items that are here, in enqueue order.
    pub fn held(&self) -> impl Iterator<Item = &QueueItem> {
        self.items.values().map(|slot| &slot.item)
    }

    /// The item of this id.
    pub fn get(&self, id: &QueueItemId) -> Option<&QueueItem> {
        self.by_id.get(id).map(|seq| self.item(*seq))
    }

    /// The item that this principal enqueued under this key.
    pub fn by_key(&self, principal: &str, key: &str) -> Option<&QueueItem> {
        self.by_key.get(&(principal.to_owned(), key.to_owned())).map(|seq| self.item(*seq))
    }

    /// The item out of which this run came.
    pub fn by_run(&self, run_id: &str) -> Option<&QueueItem> {
        self.by_run.get(run_id).map(|(seq, _)| self.item(*seq))
    }

    fn item(&self, seq: u64) -> &QueueItem {
        &self.items.get(&seq).expect("invariant: what is found by another name is here").item
    }

    fn slot(&mut self, seq: u64) -> &mut Slot {
        self.items.get_mut(&seq).expect("invariant: what is found by another name is here")
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
        let mut matching = self.matching(filter);
        let items: Vec<QueueItem> = matching.by_ref().take(filter.limit.unwrap_or(usize::MAX)).cloned().collect();
        QueueListing { more: matching.next().is_some(), items, problems: Vec::new() }
    }

    /// Items behind the filter's position that it accepts, in enqueue order; its limit is not looked at.
    pub fn matching<'a>(&'a self, filter: &'a QueueFilter) -> impl Iterator<Item = &'a QueueItem> {
        use std::ops::Bound::{Excluded, Unbounded};
        let start = filter.after_seq.map_or(Unbounded, Excluded);
        self.items.range((start, Unbounded)).map(|(_, slot)| &slot.item).filter(|item| filter.accepts(item))
    }

    /// How many items are pending and how many are claimed.
    ///
    /// Asked after every commit, so nothing is counted for it.
    pub fn live(&self) -> (usize, usize) {
        // A pending item is filed under exactly one of these.
        (self.ready.len() + self.waiting.len(), self.claimed)
    }

    /// Pending items derived from this run, in enqueue order.
    pub fn pending_of_run(&self, source_run_id: &str) -> impl Iterator<Item = &QueueItem> {
        self.pending_by_run.get(source_run_id).into_iter().flatten().map(|seq| self.item(*seq))
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
        self.items.get(&next.seq()).map(|slot| &slot.item)
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

    fn enqueue(&mut self, event: &Arc<Enqueued>, line_hash: Option<Sha256Digest>, at: u64) -> Result<(), Oddity> {
        let seq = self.next_seq;
        match self.by_id.entry(event.queue_id.clone()) {
            Entry::Occupied(_) => return Err(Oddity::DuplicateId),
            Entry::Vacant(free) => free.insert(seq),
        };
        self.next_seq += 1;
        let item = QueueItem { seq, enqueued: event.clone(), line_hash, state: ItemState::Pending };
        self.pending_by_run.entry(event.source_run_id.clone()).or_default().insert(seq);
        if let Some(provenance) = &event.provenance {
            if let Some(key) = &provenance.idempotency_key {
                self.by_key.insert((provenance.principal.clone(), key.clone()), seq);
            }
            // What people approved was counted when it was asked for.
            let asked = !provenance.approvals.is_empty();
            match self.by_principal.get_mut(&provenance.principal) {
                Some(used) => used.applied(event.ts, asked),
                None => self.by_principal.entry(provenance.principal.clone()).or_default().applied(event.ts, asked),
            }
            self.newest = self.newest.max(Some(event.ts));
            *self.live_pins.entry(provenance.contract_sha256).or_default() += 1;
        }
        let key = item.claim_key();
        match item.scheduled_at() {
            Some(scheduled) => self.waiting.insert((scheduled, key)),
            None => self.ready.insert(key),
        };
        let lines = Lines { enqueued: at, claimed: None, ended: None };
        self.items.insert(seq, Slot { item, lines });
        Ok(())
    }

    fn cancel(&mut self, event: &Cancelled, at: u64) -> Result<(), Oddity> {
        let seq = *self.by_id.get(&event.queue_id).ok_or(Oddity::UnknownItem)?;
        if !self.item(seq).is_pending() {
            return Err(Oddity::WrongState);
        }
        self.leave_pending(seq);
        self.release_pin(seq);
        let state = ItemState::Cancelled { at: event.ts, by: event.cancelled_by.clone(), reason: event.reason.clone() };
        self.close(seq, state, at);
        Ok(())
    }

    fn claim(&mut self, event: &Claimed, at: u64) -> Result<(), Oddity> {
        let seq = *self.by_id.get(&event.queue_id).ok_or(Oddity::UnknownItem)?;
        if !self.item(seq).is_pending() {
            return Err(Oddity::WrongState);
        }
        self.leave_pending(seq);
        self.claimed_by_task.entry(self.item(seq).enqueued.task_id.clone()).or_default().push_back(seq);
        self.claimed += 1;
        if !event.run_id.is_empty() {
            self.by_run.insert(event.run_id.clone(), (seq, at));
        }
        let slot = self.slot(seq);
        slot.lines.claimed = Some(at);
        slot.item.state = ItemState::Claimed(Claim {
            run_id: event.run_id.clone(),
            claimed_at: event.ts,
            worker: event.worker.clone(),
            attempt: event.attempt,
            lease_expires_at: event.lease_expires_at,
        });
        Ok(())
    }

    fn done(&mut self, event: &Done, is_legacy: bool, at: u64) -> Result<(), Oddity> {
        let named = self.by_id.get(&event.queue_id).copied();
        // Our own lines name the item that they close; one that does not is no word about another.
        let seq = named.or_else(|| self.claimed_of_task(&event.task_id).filter(|_| is_legacy));
        let seq = seq.ok_or(Oddity::UnknownItem)?;
        let claim = match &self.item(seq).state {
            ItemState::Pending => None,
            ItemState::Claimed(claim) => Some(claim.clone()),
            ItemState::Closed { .. } | ItemState::Cancelled { .. } => return Err(Oddity::WrongState),
        };
        if self.item(seq).is_pending() {
            self.leave_pending(seq);
        }
        self.leave_claimed(seq);
        self.release_pin(seq);
        let run_id = match (&claim, event.run_id.is_empty()) {
            (Some(claim), true) => claim.run_id.clone(),
            (Some(_) | None, _) => event.run_id.clone(),
        };
        if !run_id.is_empty() {
            self.by_run.insert(run_id.clone(), (seq, at));
        }
        let state = ItemState::Closed { status: event.status.clone(), claim, run_id, completed_at: event.ts };
        self.close(seq, state, at);
        Ok(())
    }

    fn close(&mut self, seq: u64, state: ItemState, at: u64) {
        let slot = self.slot(seq);
        slot.item.state = state;
        slot.lines.ended = Some(at);
        self.closed.push_back(seq);
    }

    /// The original's command line closes an item under a fresh queue id; its task id then says which one it meant. With
    /// several claimed items of one task it meant the one claimed first.
    fn claimed_of_task(&self, task_id: &str) -> Option<u64> {
        self.claimed_by_task.get(task_id).and_then(|claimed| claimed.front()).copied()
    }

    fn leave_claimed(&mut self, seq: u64) {
        let Some(Slot { item, .. }) = self.items.get(&seq) else { return };
        let task_id = &item.enqueued.task_id;
        if let Some(claimed) = self.claimed_by_task.get_mut(task_id) {
            let held_before = claimed.len();
            claimed.retain(|held| *held != seq);
            self.claimed -= held_before - claimed.len();
            if claimed.is_empty() {
                self.claimed_by_task.remove(task_id);
            }
        }
    }

    fn leave_pending(&mut self, seq: u64) {
        let Some(Slot { item, .. }) = self.items.get(&seq) else { return };
        if let Some(used) = item.enqueued.provenance.as_ref().and_then(|by| self.by_principal.get_mut(&by.principal)) {
            used.pending -= 1;
        }
        let key = item.claim_key();
        self.ready.remove(&key);
        if let Some(scheduled) = item.scheduled_at() {
            self.waiting.remove(&(scheduled, key));
        }
        if let Some(of_run) = self.pending_by_run.get_mut(&item.enqueued.source_run_id) {
            of_run.remove(&seq);
            if of_run.is_empty() {
                self.pending_by_run.remove(&item.enqueued.source_run_id);
            }
        }
    }

    fn release_pin(&mut self, seq: u64) {
        let Some(Slot { item, .. }) = self.items.get(&seq) else { return };
        let Some(provenance) = &item.enqueued.provenance else { return };
        if let Some(count) = self.live_pins.get_mut(&provenance.contract_sha256) {
            *count -= 1;
            if *count == 0 {
                self.live_pins.remove(&provenance.contract_sha256);
            }
        }
    }
}
