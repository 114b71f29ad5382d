//! Digests that were read before, kept while their file stays as it was. For lists only: nothing is decided from them.
//!
//! A digest is good while the file's device, inode, size, modification and change times are those it was read at. A kernel
//! with coarse file times could miss a change of equal length within one tick; that is why decisions read the disk.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::beneath::Stamp;
use crate::contract::ContractDigest;
use crate::events::EventsDigest;
use crate::manifest::ManifestDigest;
use crate::roster::{Place, Roster};

/// Digests heavier than this are not kept.
const ENTRY_WEIGHT_MAX: usize = 32 << 10;
/// When digests of one kind weigh more than this together, all of them are dropped and read again as needed.
const TOTAL_WEIGHT_MAX: usize = 48 << 20;

#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) roster: Roster,
    pub(crate) manifests: Kept<ManifestDigest>,
    pub(crate) contracts: Kept<ContractDigest>,
    pub(crate) events: Kept<EventsDigest>,
}

#[derive(Debug)]
pub(crate) struct Kept<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    entries: HashMap<String, Entry<T>>,
    weight: usize,
}

#[derive(Debug)]
struct Entry<T> {
    stamp: Stamp,
    digest: Arc<T>,
    weight: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { inner: Mutex::new(Inner { entries: HashMap::new(), weight: 0 }) }
    }
}

impl<T> Kept<T> {
    pub(crate) fn get(&self, run: &str, stamp: Stamp) -> Option<Arc<T>> {
        self.lock().entries.get(run).filter(|entry| entry.stamp == stamp).map(|entry| Arc::clone(&entry.digest))
    }

    pub(crate) fn keep(&self, run: &str, stamp: Stamp, digest: &Arc<T>, weight: usize) {
        let weight = weight + run.len() + 128;
        if weight > ENTRY_WEIGHT_MAX {
            return;
        }
        let mut inner = self.lock();
        if inner.weight + weight > TOTAL_WEIGHT_MAX {
            inner.entries.clear();
            inner.weight = 0;
        }
        inner.weight += weight;
        let entry = Entry { stamp, digest: Arc::clone(digest), weight };
        if let Some(replaced) = inner.entries.insert(run.to_owned(), entry) {
            inner.weight -= replaced.weight;
        }
    }

    /// Forgets runs that are gone, once it remembers more than there are.
    pub(crate) fn retain(&self, runs: &[Place]) {
        let mut inner = self.lock();
        if inner.entries.len() > runs.len() {
            let names: HashSet<&str> = runs.iter().map(|place| &*place.name).collect();
            inner.entries.retain(|run, _| names.contains(run.as_str()));
            inner.weight = inner.entries.values().map(|entry| entry.weight).sum();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // A panic elsewhere cannot leave an entry half made: each insertion is one call.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
