//! Pending items in the order in which they are claimed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::super::lease::{BACKOFF_MAX, ClaimQuery, Concurrency, Next};
use super::super::queue::{ClaimKey, QueueItem};
use super::{Queue, Slot};

/// Every pending item is filed under exactly one of the three.
#[derive(Debug, Default)]
pub(super) struct Claimable {
    ready: BTreeSet<ClaimKey>,
    waiting: BTreeSet<(Timestamp, ClaimKey)>,
    // Apart, because their time also comes when the clock is set far back.
    backing_off: BTreeSet<(Timestamp, ClaimKey)>,
    // Made when a limit is first asked about: without one nobody pays for it.
    lanes: Option<Box<Lanes>>,
}

impl Claimable {
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.waiting.len() + self.backing_off.len()
    }

    /// How many may not be claimed yet at this moment. What was ready once is not looked at again: a clock that is set back
    /// makes it wait in no count.
    fn waiting(&self, now: Timestamp) -> usize {
        let later = self.waiting.iter().rev().take_while(|(at, _)| *at > now).count();
        let back = self.backing_off.len() - due_back(&self.backing_off, now).count();
        later + back
    }

    pub(super) fn insert(&mut self, item: &QueueItem) {
        let key = item.claim_key();
        match key.from() {
            None => self.make_ready(key, item),
            Some(from) if key.backed_off() => {
                self.backing_off.insert((from, key));
            }
            Some(from) => {
                self.waiting.insert((from, key));
            }
        }
    }

    pub(super) fn remove(&mut self, item: &QueueItem) {
        let key = item.claim_key();
        if self.ready.remove(&key) {
            if let Some(lanes) = &mut self.lanes {
                lanes.remove(key, item);
            }
        } else if let Some(from) = key.from() {
            let _ = self.waiting.remove(&(from, key)) || self.backing_off.remove(&(from, key));
        }
    }

    /// The item was claimed.
    pub(super) fn taken(&mut self, item: &QueueItem) {
        if let Some(lanes) = &mut self.lanes {
            lanes.count(item, true);
        }
    }

    /// Its claim ended.
    pub(super) fn given_up(&mut self, item: &QueueItem) {
        if let Some(lanes) = &mut self.lanes {
            lanes.count(item, false);
        }
    }

    fn make_ready(&mut self, key: ClaimKey, item: &QueueItem) {
        self.ready.insert(key);
        if let Some(lanes) = &mut self.lanes {
            lanes.insert(key, item);
        }
    }

    fn promote(&mut self, now: Timestamp, items: &BTreeMap<u64, Slot>) {
        let mut come: Vec<ClaimKey> = Vec::new();
        while let Some(first) = self.waiting.first().copied().filter(|(at, _)| *at <= now) {
            self.waiting.remove(&first);
            come.push(first.1);
        }
        if !self.backing_off.is_empty() {
            let due: Vec<_> = due_back(&self.backing_off, now).collect();
            for entry in due {
                self.backing_off.remove(&entry);
                come.push(entry.1);
            }
        }
        for key in come {
            if let Some(slot) = items.get(&key.seq()) {
                self.make_ready(key, &slot.item);
            }
        }
    }

    /// Those whose time has come since they were filed: few between two promotions.
    fn due(&self, now: Timestamp) -> impl Iterator<Item = ClaimKey> {
        let waited = self.waiting.iter().take_while(move |(at, _)| *at <= now).map(|(_, key)| *key);
        waited.chain(due_back(&self.backing_off, now).map(|(_, key)| key))
    }

    fn next(&self, now: Timestamp) -> Option<ClaimKey> {
        let ready = self.ready.iter().find(|key| key.ready(now)).copied();
        let due = self.due(now).min();
        match (ready, due) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// All that may be claimed, in claim order.
    fn in_order(&self, now: Timestamp) -> impl Iterator<Item = ClaimKey> {
        let mut due: Vec<ClaimKey> = self.due(now).collect();
        due.sort_unstable();
        let (mut ready, mut due) = (self.ready.iter().copied().peekable(), due.into_iter().peekable());
        let merged = std::iter::from_fn(move || match (ready.peek(), due.peek()) {
            (Some(a), Some(b)) if b < a => due.next(),
            (Some(_), _) => ready.next(),
            (None, _) => due.next(),
        });
        merged.filter(move |key| key.ready(now))
    }
}

/// Of those that wait after a claim that came to nothing: whose time has come, or was said by a clock that was far ahead.
fn due_back(
    backing_off: &BTreeSet<(Timestamp, ClaimKey)>,
    now: Timestamp,
) -> impl Iterator<Item = (Timestamp, ClaimKey)> {
    let due = backing_off.iter().take_while(move |(at, _)| *at <= now);
    let beyond = now.checked_add(BACKOFF_MAX).unwrap_or(Timestamp::MAX);
    let far = backing_off.iter().rev().take_while(move |(at, _)| *at > beyond);
    due.chain(far).copied().filter(move |(_, key)| key.ready(now))
}

impl Queue {
    /// How many pending items may not be claimed yet at this moment.
    pub(super) fn waiting(&self, now: Timestamp) -> usize {
        self.claimable.waiting(now)
    }

    /// The item to claim next, and nothing changes.
    pub fn next_eligible(&self, now: Timestamp) -> Option<&QueueItem> {
        let next = self.claimable.next(now)?;
        self.items.get(&next.seq()).map(|slot| &slot.item)
    }

    /// Moves items whose time has come into claim order. Only speed depends on it, never an answer.
    pub fn promote(&mut self, now: Timestamp) {
        self.claimable.promote(now, &self.items);
    }

    /// What to claim next, for whoever may change the fold: with limits the first look makes what answers the others fast.
    pub fn next(&mut self, query: &ClaimQuery) -> Next {
        self.promote(query.now);
        if query.queue_id.is_some() || query.concurrency.is_none() {
            return self.peek_next(query);
        }
        if self.claimable.lanes.is_none() {
            self.claimable.lanes = Some(Box::new(self.make_lanes()));
        }
        let lanes = self.claimable.lanes.as_ref().expect("invariant: they were made just now");
        let key = lanes.next(query.concurrency, query.now);
        let item = key.and_then(|key| self.items.get(&key.seq())).map(|slot| slot.item.clone());
        Next { at_capacity: item.is_none() && self.next_eligible(query.now).is_some(), item }
    }

    /// What to claim next, and nothing changes.
    pub fn peek_next(&self, query: &ClaimQuery) -> Next {
        if let Some(id) = &query.queue_id {
            let Some(item) = self.get(id).filter(|item| item.eligible(query.now)) else { return Next::default() };
            let full = !query.concurrency.is_none() && self.counts().full(item, query.concurrency);
            return Next { item: (!full).then(|| item.clone()), at_capacity: full };
        }
        if query.concurrency.is_none() {
            return Next { item: self.next_eligible(query.now).cloned(), at_capacity: false };
        }
        let item = self.eligible(query, 1).pop();
        Next { at_capacity: item.is_none() && self.next_eligible(query.now).is_some(), item }
    }

    /// Items that may be claimed, in claim order, each judged as if it were the next.
    pub fn eligible(&self, query: &ClaimQuery, limit: usize) -> Vec<QueueItem> {
        if query.queue_id.is_some() {
            return self.peek_next(query).item.into_iter().take(limit).collect();
        }
        let counts = (!query.concurrency.is_none()).then(|| self.counts());
        let fits = |item: &&QueueItem| counts.as_ref().is_none_or(|counts| !counts.full(item, query.concurrency));
        let in_order = self.claimable.in_order(query.now);
        in_order
            .filter_map(|key| self.items.get(&key.seq()))
            .map(|slot| &slot.item)
            .filter(fits)
            .take(limit)
            .cloned()
            .collect()
    }

    /// Pending items whose deadline has passed, the oldest deadline first.
    pub fn overdue(&self, now: Timestamp, limit: usize) -> Vec<&QueueItem> {
        let past = self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now);
        past.filter_map(|(_, seq)| self.items.get(seq)).map(|slot| &slot.item).take(limit).collect()
    }

    /// Claimed items, in enqueue order.
    pub fn claimed(&self) -> Vec<&QueueItem> {
        let mut seqs: Vec<u64> = self.claimed_by_task.values().flatten().copied().collect();
        seqs.sort_unstable();
        seqs.into_iter().map(|seq| self.item(seq)).collect()
    }

    fn counts(&self) -> Counts {
        if let Some(lanes) = &self.claimable.lanes {
            return lanes.counts.clone();
        }
        let mut counts = Counts::default();
        self.claimed().into_iter().for_each(|item| counts.count(item, true));
        counts
    }

    fn make_lanes(&self) -> Lanes {
        let mut lanes = Lanes { counts: self.counts(), ..Lanes::default() };
        for key in &self.claimable.ready {
            lanes.insert(*key, self.item(key.seq()));
        }
        lanes
    }
}

/// How many items of each workflow and each repository are claimed. What an item has none of is not counted.
#[derive(Debug, Default, Clone)]
struct Counts {
    workflows: HashMap<Arc<str>, u32>,
    repositories: HashMap<Arc<str>, u32>,
}

impl Counts {
    fn count(&mut self, item: &QueueItem, more: bool) {
        for (counts, name) in
            [(&mut self.workflows, item.enqueued.workflow_id.as_str()), (&mut self.repositories, repository(item))]
        {
            match (counts.get_mut(name), more) {
                _ if name.is_empty() => {}
                (Some(count), true) => *count += 1,
                (None, true) => {
                    counts.insert(name.into(), 1);
                }
                (Some(count), false) if *count > 1 => *count -= 1,
                (Some(_) | None, false) => {
                    counts.remove(name);
                }
            }
        }
    }

    fn full(&self, item: &QueueItem, limits: Concurrency) -> bool {
        self.workflow_full(&item.enqueued.workflow_id, limits) || self.repository_full(repository(item), limits)
    }

    fn workflow_full(&self, name: &str, limits: Concurrency) -> bool {
        limits.per_workflow > 0 && self.workflows.get(name).is_some_and(|count| *count >= limits.per_workflow)
    }

    fn repository_full(&self, name: &str, limits: Concurrency) -> bool {
        limits.per_repository > 0 && self.repositories.get(name).is_some_and(|count| *count >= limits.per_repository)
    }
}

fn repository(item: &QueueItem) -> &str {
    item.repository().unwrap_or_default()
}

/// Ready items by repository, and of each repository by workflow, with the first of each at hand: whatever waits behind a
/// limit is passed over as a whole, however much it is.
#[derive(Debug, Default)]
struct Lanes {
    repositories: HashMap<Arc<str>, Lane>,
    heads: BTreeSet<(ClaimKey, Arc<str>)>,
    counts: Counts,
}

/// Ready items of one repository.
#[derive(Debug, Default)]
struct Lane {
    workflows: HashMap<Arc<str>, BTreeSet<ClaimKey>>,
    heads: BTreeSet<(ClaimKey, Arc<str>)>,
}

impl Lane {
    fn first(&self) -> Option<ClaimKey> {
        self.heads.first().map(|(key, _)| *key)
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut BTreeSet<ClaimKey>)) {
        let name: Arc<str> = self.workflows.get_key_value(name).map_or_else(|| name.into(), |(name, _)| name.clone());
        let keys = self.workflows.entry(name.clone()).or_default();
        let before = keys.first().copied();
        change(keys);
        let after = keys.first().copied();
        if after.is_none() {
            self.workflows.remove(&name);
        }
        if before != after {
            move_head(&mut self.heads, &name, before, after);
        }
    }
}

fn move_head(
    heads: &mut BTreeSet<(ClaimKey, Arc<str>)>,
    name: &Arc<str>,
    before: Option<ClaimKey>,
    after: Option<ClaimKey>,
) {
    if let Some(before) = before {
        heads.remove(&(before, name.clone()));
    }
    if let Some(after) = after {
        heads.insert((after, name.clone()));
    }
}

impl Lanes {
    fn insert(&mut self, key: ClaimKey, item: &QueueItem) {
        self.change(item, |keys| {
            keys.insert(key);
        });
    }

    fn remove(&mut self, key: ClaimKey, item: &QueueItem) {
        self.change(item, |keys| {
            keys.remove(&key);
        });
    }

    fn count(&mut self, item: &QueueItem, more: bool) {
        self.counts.count(item, more);
    }

    fn change(&mut self, item: &QueueItem, change: impl FnOnce(&mut BTreeSet<ClaimKey>)) {
        let name = repository(item);
        let name: Arc<str> =
            self.repositories.get_key_value(name).map_or_else(|| name.into(), |(name, _)| name.clone());
        let lane = self.repositories.entry(name.clone()).or_default();
        let before = lane.first();
        lane.change(&item.enqueued.workflow_id, change);
        let after = lane.first();
        if after.is_none() {
            self.repositories.remove(&name);
        }
        if before != after {
            move_head(&mut self.heads, &name, before, after);
        }
    }

    /// The first ready item that no limit stands before.
    fn next(&self, limits: Concurrency, now: Timestamp) -> Option<ClaimKey> {
        let mut best: Option<ClaimKey> = None;
        for (head, repository) in &self.heads {
            if best.is_some_and(|best| best < *head) {
                break;
            }
            if self.counts.repository_full(repository, limits) {
                continue;
            }
            let Some(lane) = self.repositories.get(repository) else { continue };
            for (head, workflow) in &lane.heads {
                if best.is_some_and(|best| best < *head) {
                    break;
                }
                if self.counts.workflow_full(workflow, limits) {
                    continue;
                }
                // The first, unless the clock was set back since it became ready.
                let keys = lane.workflows.get(workflow).into_iter().flatten();
                let first = keys.copied().find(|key| key.ready(now));
                best = match (best, first) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
        }
        best
    }
}
