//! The queue's state as a fold over its events, with the indexes that decisions and claims need.
//!
//! Keyed by `queue_id`. The same fold serves every store, so a state cannot mean one thing in a file and another in a
//! database.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use jiff::Timestamp;

use super::gate::{EnqueueFacts, EnqueueQuery, Usage};
use super::governance::{DecisionEvent, Governance};
use super::id::{QueueItemId, Sha256Digest};
use super::lease::HeldKind;
use super::listing::{QueueFilter, QueueListing, QueueOrder};
use super::queue::{QueueEvent, QueueItem};

mod archive;
mod change;
mod claimable;
mod tally;
mod usage;

pub use archive::{Lines, OtherLine, item_of};
use claimable::Claimable;
use tally::Tally;
use usage::Used;

/// What a store knows: the queue, and what operators decided. Two folds over two files, asked together.
#[derive(Debug, Default)]
pub struct State {
    /// The queue.
    pub queue: Queue,
    governance: Governance,
    /// Archived items that people had been asked about: their requests are no open questions.
    archived_asked: HashSet<QueueItemId>,
    tally: Tally,
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
        self.tally.count(event);
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
        self.tally = Tally::default();
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
/// more, and it completes the answers. Live items, pending, claimed or held, are always here.
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
    // How many items wait for an operator, and how many of them are dead letters.
    to_settle: usize,
    dead_letters: usize,
    claimable: Claimable,
    // Pending items that have a deadline.
    deadlines: BTreeSet<(Timestamp, u64)>,
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
            QueueEvent::Held(event) => self.hold(event, at),
            QueueEvent::Requeued(event) => self.requeue(event, at),
            QueueEvent::Expired(event) => self.expire(event, at),
            QueueEvent::StopRequested(event) => self.stop(event, at),
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

    /// Lists items.
    pub fn list(&self, filter: &QueueFilter) -> QueueListing {
        let mut matching = self.matching(filter);
        let items: Vec<QueueItem> = matching.by_ref().take(filter.limit.unwrap_or(usize::MAX)).cloned().collect();
        QueueListing { more: matching.next().is_some(), items, problems: Vec::new() }
    }

    /// Items behind the filter's position that it accepts, in its order; its limit is not looked at.
    pub fn matching<'a>(&'a self, filter: &'a QueueFilter) -> impl Iterator<Item = &'a QueueItem> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = filter.after_seq.map_or(Unbounded, Excluded);
        let (up, down) = match filter.order {
            QueueOrder::Oldest => (Some(self.items.range((from, Unbounded))), None),
            QueueOrder::Newest => (None, Some(self.items.range((Unbounded, from)).rev())),
        };
        let slots = up.into_iter().flatten().chain(down.into_iter().flatten());
        slots.map(|(_, slot)| &slot.item).filter(|item| filter.accepts(item))
    }

    /// How many items are pending and how many are claimed.
    ///
    /// Asked after every commit, so nothing is counted for it.
    pub fn live(&self) -> (usize, usize) {
        (self.claimable.len(), self.claimed)
    }

    /// How many items are held, for an operator to settle.
    pub fn to_settle(&self) -> usize {
        self.to_settle
    }

    fn held_as(&self, kind: HeldKind) -> usize {
        match kind {
            HeldKind::Lost => self.to_settle - self.dead_letters,
            HeldKind::DeadLetter => self.dead_letters,
        }
    }

    /// Pending items derived from this run, in enqueue order.
    pub fn pending_of_run(&self, source_run_id: &str) -> impl Iterator<Item = &QueueItem> {
        self.pending_by_run.get(source_run_id).into_iter().flatten().map(|seq| self.item(*seq))
    }

    /// Whether a live (pending, claimed or held) item rests on the pinned contract of this digest.
    pub fn pin_is_live(&self, sha256: &Sha256Digest) -> bool {
        self.live_pins.contains_key(sha256)
    }

    /// Digests of the pinned contracts that live items rest on.
    pub fn live_pins(&self) -> impl Iterator<Item = &Sha256Digest> {
        self.live_pins.keys()
    }
}
