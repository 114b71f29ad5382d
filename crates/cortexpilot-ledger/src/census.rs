//! What verification keeps of the queue: which items there are and which of them are live. That is enough to say which
//! lines fit no item and which pinned contracts live items rest on, at a fraction of the time and memory of the whole fold
//! ([`cortexpilot_core::domain::fold`]), with which it agrees.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};

use cortexpilot_core::codec::line::{Change, Outline};
use cortexpilot_core::domain::fold::Oddity;
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};

/// What an event changes.
#[derive(Debug)]
pub(crate) struct Brief {
    id: Id,
    /// Empty where nobody asks for it.
    task: Box<str>,
    change: Change,
}

/// An item's id. Ours are 32 lower-case hexadecimal digits; there may be millions of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Id {
    Ours(u64, u64),
    Other(Box<str>),
}

/// The items so far.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// Every item that ever was; what is known of it only while it is live.
    items: HashMap<Id, Option<Box<Live>>>,
    enqueued: u64,
    claimed: u64,
    /// Claimed items of each task, in the order in which they were claimed; made when it is first asked for, which in a
    /// ledger of ours is never.
    by_task: Option<HashMap<Box<str>, VecDeque<Id>>>,
}

#[derive(Debug)]
struct Live {
    /// Its number among all items.
    seq: u64,
    task: Box<str>,
    pin: Option<Sha256Digest>,
    /// The number of its claim among all claims.
    claim: Option<u64>,
    /// Which claim of it that is.
    attempt: u32,
    /// What has come of the claim.
    stands: Stands,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// A worker has the item.
    Worked,
    /// And was asked to stop.
    Stopping,
    /// It waits for an operator.
    Held,
}

impl From<Outline<'_>> for Brief {
    fn from(outline: Outline<'_>) -> Self {
        let task = match outline.change {
            Change::Enqueued(_) | Change::Done => outline.task_id.into(),
            Change::Cancelled
            | Change::Claimed(_)
            | Change::Held(_)
            | Change::Requeued(_)
            | Change::Expired
            | Change::StopRequested(_) => Box::default(),
        };
        Self { id: Id::of(&outline.queue_id), task, change: outline.change }
    }
}

impl Live {
    /// Whether a worker has it under this claim.
    fn is_worked(&self, attempt: u32) -> bool {
        self.claim.is_some() && self.attempt == attempt && self.stands != Stands::Held
    }
}

impl Id {
    fn of(text: &str) -> Self {
        let ours = text.as_bytes().as_array::<32>().and_then(|text| Some((half(&text[..16])?, half(&text[16..])?)));
        ours.map_or_else(|| Self::Other(text.into()), |(high, low)| Self::Ours(high, low))
    }

    fn item(&self) -> Option<QueueItemId> {
        match self {
            Self::Ours(high, low) => QueueItemId::parse(&format!("{high:016x}{low:016x}")),
            Self::Other(text) => QueueItemId::parse(text),
        }
    }
}

impl Census {
    /// Applies one event.
    ///
    /// # Errors
    /// An [`Oddity`] when it changes nothing.
    pub(crate) fn apply(&mut self, event: Brief) -> Result<(), Oddity> {
        let Brief { id, task, change } = event;
        if let Change::Enqueued(pin) = change {
            let Entry::Vacant(place) = self.items.entry(id) else { return Err(Oddity::DuplicateId) };
            place.insert(Some(Box::new(Live {
                seq: self.enqueued,
                task,
                pin,
                claim: None,
                attempt: 0,
                stands: Stands::Worked,
            })));
            self.enqueued += 1;
            return Ok(());
        }
        let Some(place) = self.items.get_mut(&id) else {
            // The original's command line closes an item under a fresh id; its task then says which one it meant.
            let meant = if change == Change::Done { self.claimed_of_task(&task) } else { None };
            return meant.map(|id| self.end(id)).ok_or(Oddity::UnknownItem);
        };
        let Some(item) = place else { return Err(Oddity::WrongState) };
        match change {
            Change::Claimed(attempt) if item.claim.is_none() => {
                (item.claim, item.attempt, item.stands) = (Some(self.claimed), attempt, Stands::Worked);
                self.claimed += 1;
                if let Some(by_task) = &mut self.by_task {
                    by_task.entry(item.task.clone()).or_default().push_back(id);
                }
            }
            Change::Cancelled | Change::Expired if item.claim.is_none() => *place = None,
            Change::Held(attempt) if item.is_worked(attempt) => {
                item.stands = Stands::Held;
                self.leave_task(&id);
            }
            Change::Requeued(attempt) if item.claim.is_some() && item.attempt == attempt => {
                item.claim = None;
                self.leave_task(&id);
            }
            Change::StopRequested(attempt) if item.is_worked(attempt) && item.stands == Stands::Worked => {
                item.stands = Stands::Stopping;
            }
            // Only of what was claimed there is more to forget.
            Change::Done if item.claim.is_none() || self.by_task.is_none() => *place = None,
            Change::Done => self.end(id),
            Change::Enqueued(_)
            | Change::Claimed(_)
            | Change::Cancelled
            | Change::Expired
            | Change::Held(_)
            | Change::Requeued(_)
            | Change::StopRequested(_) => return Err(Oddity::WrongState),
        }
        Ok(())
    }

    /// The pinned contracts that live items rest on, and those items in the order in which they were enqueued.
    pub(crate) fn live_pins(&self) -> BTreeMap<Sha256Digest, Vec<QueueItemId>> {
        let mut pins: BTreeMap<Sha256Digest, Vec<(u64, &Id)>> = BTreeMap::new();
        for (id, item) in self.live() {
            if let Some(pin) = item.pin {
                pins.entry(pin).or_default().push((item.seq, id));
            }
        }
        let items = |mut items: Vec<(u64, &Id)>| {
            items.sort_by_key(|(seq, _)| *seq);
            items.into_iter().filter_map(|(_, id)| id.item()).collect()
        };
        pins.into_iter().map(|(pin, found)| (pin, items(found))).collect()
    }

    fn live(&self) -> impl Iterator<Item = (&Id, &Live)> {
        self.items.iter().filter_map(|(id, item)| Some((id, item.as_deref()?)))
    }

    fn end(&mut self, id: Id) {
        let item = self.items.get_mut(&id).and_then(Option::take);
        if let (Some(item), Some(by_task)) = (item, &mut self.by_task)
            && let Some(claimed) = by_task.get_mut(&item.task)
        {
            claimed.retain(|held| *held != id);
        }
    }

    /// A live item that no worker has any more is none that its task could mean.
    fn leave_task(&mut self, id: &Id) {
        let Some(by_task) = &mut self.by_task else { return };
        let task = self.items.get(id).and_then(Option::as_ref).map(|item| &item.task);
        if let Some(claimed) = task.and_then(|task| by_task.get_mut(task)) {
            claimed.retain(|held| held != id);
        }
    }

    /// With several claimed items of one task it is the one claimed first.
    fn claimed_of_task(&mut self, task: &str) -> Option<Id> {
        if self.by_task.is_none() {
            let worked = self.live().filter(|(_, item)| item.stands != Stands::Held);
            let claimed = worked.filter_map(|(id, item)| Some((item.claim?, &item.task, id)));
            let mut claimed: Vec<_> = claimed.collect();
            claimed.sort_by_key(|(claim, ..)| *claim);
            let mut by_task: HashMap<Box<str>, VecDeque<Id>> = HashMap::new();
            for (_, task, id) in claimed {
                by_task.entry(task.clone()).or_default().push_back(id.clone());
            }
            self.by_task = Some(by_task);
        }
        self.by_task.as_ref()?.get(task)?.front().cloned()
    }
}

/// Sixteen lower-case hexadecimal digits. Without a branch: every line of a ledger comes through here.
fn half(digits: &[u8]) -> Option<u64> {
    let mut sum = 0;
    let mut ours = true;
    for digit in digits {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => u8::MAX,
        };
        ours &= value < 16;
        sum = (sum << 4) | u64::from(value & 0xf);
    }
    ours.then_some(sum)
}

#[cfg(test)]
mod tests;
