//! Pinned contracts: `contracts/<sha256>.json`, the bytes that were approved, kept while a live item rests on them.
//!
//! Only whoever holds the ledger's lock writes here, so a temporary name can be fixed. A pin is durable (file, then
//! directory) before the line that rests on it is written; it is removed after the line that releases it is durable, by
//! somebody who has read everything and finds that nothing in it is in doubt. A crash between leaves a pin too many, never
//! one too few; the next process that opens the store removes it.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cortexpilot_core::domain::fold::Queue;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::run::Pinned;

use crate::disk::{self, Disk, Stat, Trouble};
use crate::follow::read_range;

/// The directory's name in the runtime root.
pub(crate) const DIR: &str = "contracts";

/// New contracts of one batch that are synced side by side.
const SYNCS_AT_ONCE: usize = 8;

/// Pins that are remembered as compared. Items share few contracts, or none at all.
const REMEMBERED_MAX: usize = 1024;

/// The pinned contracts of a runtime root.
pub(crate) struct Pins {
    dir: PathBuf,
    disk: Disk,
    /// Pins as they stood when their bytes were compared, or written: one that still stands so is not read again.
    compared: Mutex<HashMap<Sha256Digest, Stat>>,
}

/// How a pin stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pin {
    Good,
    Missing,
    Altered,
}

impl Pins {
    pub(crate) fn new(root: &Path, disk: Disk) -> Self {
        Self { dir: root.join(DIR), disk, compared: Mutex::default() }
    }

    fn path(&self, digest: &Sha256Digest) -> PathBuf {
        self.dir.join(format!("{digest}.json"))
    }

    /// Removes what no live item rests on.
    pub(crate) fn tidy(&self, queue: &Queue) -> io::Result<()> {
        let live: BTreeSet<String> = queue.live_pins().map(|digest| format!("{digest}.json")).collect();
        for entry in std::fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            if is_ours(name) && !live.contains(name) {
                self.disk.unlink(&self.dir.join(name))?;
            }
        }
        Ok(())
    }

    /// Pins contracts and returns when they are durable. `true` with a contract says that a durable line rests on it, so
    /// that it has been durable before: it is only compared.
    pub(crate) fn pin<'a>(&self, contracts: impl Iterator<Item = &'a (Pinned, bool)>) -> Result<(), Trouble> {
        let mut new = Vec::new();
        for (contract, live) in contracts {
            if !*live {
                new.push(contract);
            } else if !self.holds(contract).map_err(Trouble::Before)? {
                tracing::warn!(digest = %contract.sha256(), "the pinned contract of a live item was missing or altered; it is pinned again");
                self.replace(contract)?;
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        self.disk.make_dirs(&self.dir).map_err(Trouble::Before)?;
        self.write_all(&new)?;
        self.disk.sync_dir(&self.dir).map_err(Trouble::During)
    }

    /// Syncs that are asked for at once share a commit of the file system's journal.
    fn write_all(&self, contracts: &[&Pinned]) -> Result<(), Trouble> {
        if let [contract] = contracts {
            return self.write(contract, &self.path(&contract.sha256()));
        }
        let share = contracts.len().div_ceil(SYNCS_AT_ONCE);
        let write = |contracts: &[&Pinned]| {
            contracts.iter().try_for_each(|contract| self.write(contract, &self.path(&contract.sha256())))
        };
        std::thread::scope(|scope| {
            let writers: Vec<_> = contracts.chunks(share).map(|share| scope.spawn(move || write(share))).collect();
            let panicked = || Err(Trouble::During(io::Error::other("a thread that pins contracts panicked")));
            writers.into_iter().try_for_each(|writer| writer.join().unwrap_or_else(|_| panicked()))
        })
    }

    /// Removes what no live item rests on any more.
    pub(crate) fn release<'a>(&self, released: impl Iterator<Item = &'a Sha256Digest>, queue: &Queue) {
        for digest in released.filter(|digest| !queue.pin_is_live(digest)) {
            self.remembered().remove(digest);
            // What stays behind costs some bytes until the next start.
            if let Err(error) = self.disk.unlink(&self.path(digest)) {
                tracing::warn!(%digest, %error, "a pinned contract that nothing rests on could not be removed");
            }
        }
    }

    fn holds(&self, contract: &Pinned) -> io::Result<bool> {
        let (digest, path) = (contract.sha256(), self.path(&contract.sha256()));
        let Some(stat) = disk::stat(&path)? else { return Ok(false) };
        if self.remembered().get(&digest) == Some(&stat) {
            return Ok(true);
        }
        let Some((file, stat)) = disk::open(&path)? else { return Ok(false) };
        if stat.size != contract.bytes().len() as u64 || read_range(&file, 0, stat.size)? != contract.bytes() {
            return Ok(false);
        }
        self.remember(digest, stat);
        Ok(true)
    }

    fn remember(&self, digest: Sha256Digest, stat: Stat) {
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(digest, stat);
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<Sha256Digest, Stat>> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody looks at a contract before a line rests on it, so it gets its own name at once: the file's sync then covers
    /// the name as well on most file systems, and the directory's finds nothing left to do.
    fn write(&self, contract: &Pinned, path: &Path) -> Result<(), Trouble> {
        let file = self.disk.create_empty(path).map_err(Trouble::Before)?;
        self.disk.fill(&file, contract.bytes()).map_err(Trouble::During)?;
        self.disk.sync(&file).map_err(Trouble::During)
    }

    /// Somebody may be looking at this one.
    fn replace(&self, contract: &Pinned) -> Result<(), Trouble> {
        self.disk.make_dirs(&self.dir).map_err(Trouble::Before)?;
        let part = self.dir.join(format!("{}.json.tmp", contract.sha256()));
        self.write(contract, &part)?;
        self.disk.rename(&part, &self.path(&contract.sha256())).map_err(Trouble::During)?;
        self.disk.sync_dir(&self.dir).map_err(Trouble::During)
    }

    /// How the pin of this digest stands.
    pub(crate) fn check(&self, digest: &Sha256Digest) -> io::Result<Pin> {
        let Some((file, stat)) = disk::open(&self.path(digest))? else { return Ok(Pin::Missing) };
        let bytes = read_range(&file, 0, stat.size)?;
        Ok(if Sha256Digest::of(&bytes) == *digest { Pin::Good } else { Pin::Altered })
    }
}

/// `<64 hex>.json`, or what a crash left of writing one. Anything else in the directory is not ours to remove.
fn is_ours(name: &str) -> bool {
    let stem = name.strip_suffix(".tmp").unwrap_or(name).strip_suffix(".json");
    stem.is_some_and(|stem| Sha256Digest::parse(stem).is_some_and(|digest| digest.to_string() == stem))
}
