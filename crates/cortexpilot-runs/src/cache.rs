//! What was read before, kept while its file stays as it was. For lists only: nothing is decided from it.
//!
//! It is good while nothing was heard of its run since, where changes are followed ([`crate::roster`]); else while the file's
//! device, inode, size, modification and change times are those it was read at. A kernel with coarse file times could miss a
//! change of equal length within one tick; that is why decisions read the disk.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::beneath::Stamp;
use crate::contract::{ContractDigest, ContractDocument};
use crate::events::EventsDigest;
use crate::manifest::ManifestDigest;
use crate::reports::Shown;
use crate::roster::{Heard, Place, Roster};

/// What weighs more than this is not kept.
const ENTRY_WEIGHT_MAX: usize = 32 << 10;
/// So much is kept of each kind of digest: ten thousand runs weigh about 10 MiB a kind.
const DIGESTS_WEIGHT_MAX: usize = 48 << 20;
/// So much is kept of each kind of whole document.
const DOCUMENTS_WEIGHT_MAX: usize = 16 << 20;
/// When there is no room, one part in so many is forgotten. Which one is left to chance: a list walks over everything in
/// order, and what went longest without use would be just what it needs next.
const FORGOTTEN_PART: usize = 16;
/// A parsed document takes about so many times the memory of its text.
pub(crate) const PARSED: usize = 8;

#[derive(Debug)]
pub(crate) struct Cache {
    pub(crate) roster: Roster,
    pub(crate) manifests: Kept<ManifestDigest>,
    pub(crate) contracts: Kept<ContractDigest>,
    pub(crate) events: Kept<EventsDigest>,
    /// Whole contracts.
    pub(crate) documents: Kept<ContractDocument>,
    /// Reports, by run and file name with a slash between them.
    pub(crate) reports: Kept<Shown>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            roster: Roster::default(),
            manifests: Kept::new(DIGESTS_WEIGHT_MAX),
            contracts: Kept::new(DIGESTS_WEIGHT_MAX),
            events: Kept::new(DIGESTS_WEIGHT_MAX),
            documents: Kept::new(DOCUMENTS_WEIGHT_MAX),
            reports: Kept::new(DOCUMENTS_WEIGHT_MAX),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Kept<T> {
    most: usize,
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    entries: HashMap<Box<str>, Entry<T>>,
    weight: usize,
}

#[derive(Debug)]
struct Entry<T> {
    /// `None` where there was no file.
    stamp: Option<Stamp>,
    /// What had been heard when its file was last looked at; `None` where nothing is heard of it.
    as_of: Option<u64>,
    digest: Arc<T>,
    weight: usize,
}

impl<T> Kept<T> {
    fn new(most: usize) -> Self {
        Self { most, inner: Mutex::new(Inner { entries: HashMap::new(), weight: 0 }) }
    }

    /// What is good without looking, because nothing was heard of the run since.
    pub(crate) fn unchanged(&self, run: &str, heard: &Heard) -> Option<Arc<T>> {
        let inner = self.lock();
        let entry = inner.entries.get(run)?;
        entry.as_of.filter(|as_of| heard.nothing_of(run, *as_of)).map(|_| Arc::clone(&entry.digest))
    }

    /// Whether something is kept, good or not.
    pub(crate) fn has(&self, run: &str) -> bool {
        self.lock().entries.contains_key(run)
    }

    /// What is good because its file is as it was (`None`: not there), looked at after `heard`.
    pub(crate) fn get(&self, run: &str, stamp: Option<Stamp>, heard: Option<&Heard>) -> Option<Arc<T>> {
        let mut inner = self.lock();
        let entry = inner.entries.get_mut(run).filter(|entry| entry.stamp == stamp)?;
        entry.as_of = entry.as_of.max(heard.map(|heard| heard.now));
        Some(Arc::clone(&entry.digest))
    }

    /// Keeps what was read from a file that had this stamp before, looked at after `heard`.
    pub(crate) fn keep(&self, run: &str, stamp: Option<Stamp>, heard: Option<&Heard>, digest: &Arc<T>, weight: usize) {
        let weight = weight + run.len() + 160;
        let mut inner = self.lock();
        if weight > ENTRY_WEIGHT_MAX {
            if let Some(replaced) = inner.entries.remove(run) {
                inner.weight -= replaced.weight;
            }
            return;
        }
        if inner.weight + weight > self.most {
            inner.forget_some(self.most);
        }
        inner.weight += weight;
        let entry = Entry { stamp, as_of: heard.map(|heard| heard.now), digest: Arc::clone(digest), weight };
        if let Some(replaced) = inner.entries.insert(run.into(), entry) {
            inner.weight -= replaced.weight;
        }
    }

    /// Forgets runs that are gone, once it remembers more than there are.
    pub(crate) fn retain(&self, runs: &[Place]) {
        let mut inner = self.lock();
        if inner.entries.len() > runs.len() {
            let names: HashSet<&str> = runs.iter().map(|place| &*place.name).collect();
            inner.entries.retain(|run, _| names.contains(&**run));
            inner.weight = inner.entries.values().map(|entry| entry.weight).sum();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // A panic elsewhere cannot leave an entry half made: each insertion is one call.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Inner<T> {
    fn forget_some(&mut self, most: usize) {
        let left = most - most / FORGOTTEN_PART;
        let mut over = self.weight.saturating_sub(left);
        self.entries.retain(|_, entry| {
            let forgotten = over > 0;
            over = if forgotten { over.saturating_sub(entry.weight) } else { over };
            !forgotten
        });
        self.weight = self.entries.values().map(|entry| entry.weight).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beneath::{Dir, Via};

    fn stamp() -> Option<Stamp> {
        Dir::root(std::path::Path::new("/"), Via::BEST).unwrap().own_stamp().ok()
    }

    #[test]
    fn what_is_kept_never_weighs_more_than_it_may_and_is_not_forgotten_all_at_once() {
        let kept = Kept::new(64 << 10);
        let name = |number: usize| format!("run_{number}");
        for number in 0..1_000 {
            kept.keep(&name(number), stamp(), None, &Arc::new(number), 1_000);
            assert!(kept.lock().weight <= 64 << 10);
        }
        let left = (0..1_000).filter(|number| kept.get(&name(*number), stamp(), None).is_some()).count();
        assert!((45..=64).contains(&left), "{left}");
    }

    #[test]
    fn what_is_too_heavy_takes_the_place_of_nothing_but_its_own_past() {
        let kept = Kept::new(64 << 10);
        kept.keep("a", stamp(), None, &Arc::new(1), 10);
        kept.keep("b", stamp(), None, &Arc::new(2), 10);
        kept.keep("a", stamp(), None, &Arc::new(3), ENTRY_WEIGHT_MAX);
        assert_eq!(kept.get("a", stamp(), None), None);
        assert_eq!(kept.get("b", stamp(), None).as_deref(), Some(&2));
        assert_eq!(kept.lock().weight, 10 + 1 + 160);
    }
}
