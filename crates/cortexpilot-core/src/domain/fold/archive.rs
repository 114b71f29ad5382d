//! The seam between what the fold holds and what a store keeps elsewhere: closed items are handed over, and a fold begins
//! again with the live ones.
//!
//! A store that archives asks its archive wherever the fold's answer may lie there: by id, key and run, and in lists. What
//! live items, claim order, limits and pinned contracts say is always whole here.

use jiff::Timestamp;

use super::super::approval::ApprovalId;
use super::super::id::{QueueItemId, Sha256Digest};
use super::super::queue::{ItemState, QueueEvent, QueueItem};
use super::{Queue, Slot, State};

/// Where an item's lines stand, in the numbers that the store gave with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// The line that enqueued it.
    pub enqueued: u64,
    /// The line of the claim that is its last.
    pub claimed: Option<u64>,
    /// The line that closed it.
    pub ended: Option<u64>,
    /// All others: claims before the last, what was asked of them, and how they ended.
    pub others: Vec<OtherLine>,
}

/// A line of an item between its enqueue and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherLine {
    /// Where it stands.
    pub at: u64,
    /// The run that it names as the item's, if it is a claim.
    pub run: Option<String>,
}

impl Lines {
    /// Where they all stand, in their order.
    pub fn places(&self) -> Vec<u64> {
        let mut places = vec![self.enqueued];
        places.extend(self.claimed);
        places.extend(self.others.iter().map(|other| other.at));
        places.extend(self.ended);
        places.sort_unstable();
        places
    }
}

/// An item out of its own events alone, as the fold makes it: what an archive gives back. `None` when they do not fit one
/// another.
pub fn item_of(seq: u64, events: &[(QueueEvent, Option<Sha256Digest>)]) -> Option<QueueItem> {
    let mut queue = Queue { next_seq: seq, ..Queue::default() };
    for (event, line_hash) in events {
        queue.apply(event, *line_hash).ok()?;
    }
    let (_, slot) = queue.items.pop_first()?;
    queue.items.is_empty().then_some(slot.item)
}

impl State {
    /// Lets go of the items that a line before this place closed: the store has them elsewhere.
    pub fn archive(&mut self, before: u64) {
        while let Some(slot) = self.queue.pop_closed(before) {
            let id = slot.item.enqueued.queue_id.clone();
            if self.governance.get(&ApprovalId::of(&id)).is_some() {
                self.archived_asked.insert(id);
            }
        }
        self.queue.shrink();
    }

    /// Closed items, here or archived, that people had been asked about: what [`State::resume`] needs of the archive.
    pub fn closed_after_asking(&self) -> impl Iterator<Item = &QueueItemId> {
        let live = |id: &&QueueItemId| self.queue.get(id).is_some_and(QueueItem::is_live);
        self.governance.queued_ids().filter(move |id| !live(id))
    }

    /// Makes a fold that holds nothing yet go on where an archive ends. Afterwards come the lines of live items, each
    /// enqueue announced with [`Queue::skip_to`], in the order in which they stand; then the decisions; then
    /// [`Queue::resume_usage`].
    pub fn resume(&mut self, asked: impl IntoIterator<Item = QueueItemId>) {
        self.archived_asked.extend(asked);
    }
}

impl Queue {
    /// The position that the next item gets.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The next item gets this position; those before it that are not here are archived.
    pub fn skip_to(&mut self, seq: u64) {
        self.next_seq = seq;
    }

    /// The items that are here with the places of their lines, in enqueue order.
    pub fn held_lines(&self) -> impl Iterator<Item = (&QueueItem, &Lines)> {
        self.items.values().map(|slot| (&slot.item, &slot.lines))
    }

    /// Where the lines of an item stand that is here.
    pub fn lines_of(&self, id: &QueueItemId) -> Option<&Lines> {
        let seq = self.by_id.get(id)?;
        self.items.get(seq).map(|slot| &slot.lines)
    }

    /// Closed items that are here, in the order in which they were closed, with the places of their lines.
    pub fn closed(&self) -> impl Iterator<Item = (&QueueItem, &Lines)> {
        self.closed.iter().filter_map(|seq| self.items.get(seq)).map(|slot| (&slot.item, &slot.lines))
    }

    /// The item out of which this run came, and where the line that says so stands: of several, here and in an archive,
    /// the last counts.
    pub fn by_run_at(&self, run_id: &str) -> Option<(&QueueItem, u64)> {
        self.by_run.get(run_id).map(|(seq, at)| (self.item(*seq), *at))
    }

    /// When each principal appended within the hour before its newest item, oldest first; those who cannot be limited by
    /// it any more are left out.
    pub fn usage_of_the_hour(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = Timestamp>)> {
        let counts = self.by_principal.iter().filter(|(_, used)| used.counts_after(self.newest));
        counts.map(|(principal, used)| (principal.as_str(), used.applies.iter().copied()))
    }

    /// Takes over what [`Queue::usage_of_the_hour`] gave, in place of what the live items alone come to.
    pub fn resume_usage(&mut self, usage: impl IntoIterator<Item = (String, Vec<Timestamp>)>) {
        for used in self.by_principal.values_mut() {
            used.applies.clear();
        }
        for (principal, applies) in usage {
            self.newest = self.newest.max(applies.last().copied());
            self.by_principal.entry(principal).or_default().applies = applies.into();
        }
    }

    fn pop_closed(&mut self, before: u64) -> Option<Slot> {
        let seq = *self.closed.front()?;
        let ended = self.items.get(&seq).and_then(|slot| slot.lines.ended);
        if ended.is_none_or(|ended| ended >= before) {
            return None;
        }
        self.closed.pop_front();
        let slot = self.items.remove(&seq)?;
        let item = &slot.item;
        self.by_id.remove(item.queue_id());
        if let Some(stamps) = &item.enqueued.provenance
            && let Some(key) = &stamps.idempotency_key
        {
            let key = (stamps.principal.clone(), key.clone());
            if self.by_key.get(&key) == Some(&seq) {
                self.by_key.remove(&key);
            }
        }
        let claimed = match &item.state {
            ItemState::Closed { claim: Some(claim), .. } => claim.run_id.as_str(),
            ItemState::Closed { claim: None, .. }
            | ItemState::Pending
            | ItemState::Claimed(_)
            | ItemState::Held(_)
            | ItemState::Expired { .. }
            | ItemState::Cancelled { .. } => "",
        };
        let before = slot.lines.others.iter().filter_map(|other| other.run.as_deref());
        for run in before.chain([claimed, item.run_id()]) {
            if self.by_run.get(run).is_some_and(|(of, _)| *of == seq) {
                self.by_run.remove(run);
            }
        }
        Some(slot)
    }

    /// After a long history was handed over, the tables that found its items are mostly empty.
    fn shrink(&mut self) {
        let Self { newest, by_principal, .. } = self;
        by_principal.retain(|_, used| used.pending > 0 || used.counts_after(*newest));
        if self.by_id.capacity() > 4 * self.by_id.len() + 1024 {
            self.by_id.shrink_to_fit();
            self.by_key.shrink_to_fit();
            self.by_run.shrink_to_fit();
            self.closed.shrink_to_fit();
        }
    }
}
