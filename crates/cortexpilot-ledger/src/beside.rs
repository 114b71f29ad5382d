//! What is kept beside the ledger: `leases/<queue_id>.json`, what a worker last said of its item, `workers/<name>.json`,
//! what it says of itself, and `sessions/`, who is signed in ([`sessions`]).
//!
//! None is a line, and none is ever synced: after a crash they may be gone, and that ends no lease, for whoever
//! watches then begins to count anew. Each file is replaced by a rename, so that a reader finds the old one or the new one.
//! Processes that only read leave nothing behind.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cortexpilot_core::codec::beside::{decode_beat, decode_presence, encode_beat, encode_presence};
use cortexpilot_core::domain::fold::Queue;
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::lease::{Beat, ClaimStanding, WorkerPresence};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::port::StoreError;

use crate::disk::{self, Disk};
use crate::follow::read_range;
use crate::pins;
use crate::state::unavailable;

mod sessions;

/// The directories' names in the runtime root.
const LEASES: &str = "leases";
const WORKERS: &str = "workers";

/// No file of ours is longer.
const FILE_MAX: u64 = 256 * 1024;

/// Workers that are remembered at once; whoever comes then waits until one of them is forgotten.
const WORKERS_MAX: usize = 1000;

/// Reads what is kept.
pub(crate) struct Beside<'a> {
    root: &'a Path,
}

impl<'a> Beside<'a> {
    pub(crate) fn of(root: &'a Path) -> Self {
        Self { root }
    }

    /// What the worker of this item last said, of whichever claim. What cannot be read said nothing: one such file must not
    /// keep every other lease from ending, and ends none by itself, for whoever watches counts anew when it comes or goes.
    pub(crate) fn beat(&self, id: &QueueItemId) -> Option<Beat> {
        let bytes = read_file(&self.root.join(LEASES).join(beat_name(id)));
        let bytes =
            bytes.inspect_err(|error| tracing::debug!(%id, %error, "a heartbeat cannot be read")).ok().flatten();
        bytes.and_then(|bytes| decode_beat(&bytes)).filter(|beat| beat.queue_id == *id)
    }

    /// Claimed items with what was said of these very claims.
    pub(crate) fn standings(&self, claimed: Vec<QueueItem>) -> Vec<ClaimStanding> {
        let standing = |item: QueueItem| {
            let attempt = item.claim().map(|claim| claim.attempt);
            let beat = self.beat(item.queue_id()).filter(|beat| Some(beat.attempt) == attempt);
            ClaimStanding { item, beat }
        };
        claimed.into_iter().map(standing).collect()
    }

    /// A pinned contract, if its bytes still are those of the digest.
    pub(crate) fn pinned(&self, sha256: &Sha256Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        let path = self.root.join(pins::DIR).join(format!("{sha256}.json"));
        let Some((file, stat)) = disk::open(&path).map_err(unavailable)? else { return Ok(None) };
        let bytes = read_range(&file, 0, stat.size).map_err(unavailable)?;
        Ok((Sha256Digest::of(&bytes) == *sha256).then(|| bytes.into()))
    }

    /// Every worker that said that it is there, by name. What cannot be read said nothing.
    pub(crate) fn workers(&self) -> Result<Vec<WorkerPresence>, StoreError> {
        let dir = self.root.join(WORKERS);
        let mut workers = Vec::new();
        for name in names(&dir).map_err(unavailable)? {
            let bytes = read_file(&dir.join(&name)).ok().flatten();
            let presence = bytes.and_then(|bytes| decode_presence(&bytes));
            workers.extend(presence.filter(|presence| WorkerPresence::file_name(&presence.worker) == name));
        }
        workers.sort_by(|a, b| a.worker.cmp(&b.worker));
        Ok(workers)
    }
}

/// Writes what is kept.
pub(crate) struct Keeper {
    root: PathBuf,
    disk: Disk,
    /// Numbers the files under construction of this process.
    made: AtomicU64,
    /// When the directory of beats was last written to, as of when it was last seen empty.
    empty_since: Mutex<Option<(i64, i64)>>,
}

impl Keeper {
    pub(crate) fn new(root: &Path, disk: &Disk) -> Self {
        let (made, empty_since) = (AtomicU64::new(0), Mutex::new(None));
        Self { root: root.to_owned(), disk: disk.counted_apart(), made, empty_since }
    }

    /// Keeps what a worker said of its item.
    pub(crate) fn beat(&self, beat: &Beat) -> Result<(), StoreError> {
        let dir = self.root.join(LEASES);
        self.replace(&dir, &beat_name(&beat.queue_id), encode_beat(beat).as_bytes()).map_err(unavailable)
    }

    /// Keeps what a worker says of itself.
    pub(crate) fn presence(&self, presence: &WorkerPresence) -> Result<(), StoreError> {
        let (dir, name) = (self.root.join(WORKERS), WorkerPresence::file_name(&presence.worker));
        if disk::stat(&dir.join(&name)).map_err(unavailable)?.is_none() {
            self.make_room(&dir, presence)?;
        }
        self.replace(&dir, &name, encode_presence(presence).as_bytes()).map_err(unavailable)
    }

    pub(crate) fn remove_presence(&self, worker: &str) -> Result<(), StoreError> {
        let path = self.root.join(WORKERS).join(WorkerPresence::file_name(worker));
        self.disk.unlink(&path).map_err(unavailable)
    }

    /// A name that was never used before could be one of very many: those that are not there any more give way.
    fn make_room(&self, dir: &Path, presence: &WorkerPresence) -> Result<(), StoreError> {
        if names(dir).map_err(unavailable)?.len() < WORKERS_MAX {
            return Ok(());
        }
        let workers = Beside::of(&self.root).workers()?;
        let alive: HashSet<String> = workers
            .iter()
            .filter(|worker| worker.is_alive(presence.at))
            .map(|worker| WorkerPresence::file_name(&worker.worker))
            .collect();
        if alive.len() >= WORKERS_MAX {
            return Err(StoreError::Unavailable(format!("{WORKERS_MAX} workers are there already")));
        }
        for name in names(dir).map_err(unavailable)?.iter().filter(|name| !alive.contains(*name)) {
            self.disk.unlink(&dir.join(name)).map_err(unavailable)?;
        }
        Ok(())
    }

    fn replace(&self, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.disk.make_dirs(dir)?;
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        let part = dir.join(format!("{name}.{}-{made}.tmp", std::process::id()));
        let write = || {
            let file = self.disk.create_empty(&part)?;
            self.disk.fill(&file, bytes)?;
            self.disk.rename(&part, &dir.join(name))
        };
        match write() {
            // A process that opened the store just then has taken it for what a crash left behind.
            Err(error) if error.kind() == io::ErrorKind::NotFound => write(),
            other => other,
        }
        .inspect_err(|_| {
            let _ = self.disk.unlink(&part);
        })
    }

    /// Forgets what was said of claims that have ended. Whoever calls holds the ledger's lock, so that none of these items is
    /// claimed again before. What stays behind says nothing of a later claim, and goes when the store is next opened.
    pub(crate) fn ended(&self, ended: &[QueueItemId]) {
        let dir = self.root.join(LEASES);
        if ended.is_empty() {
            return;
        }
        // Most items are done before anything is said of them, and then one look tells for all of them.
        let Some(written) = written_at(&dir) else { return };
        let mut empty_since = self.empty_since.lock().unwrap_or_else(PoisonError::into_inner);
        if *empty_since == Some(written) {
            return;
        }
        for id in ended {
            if let Err(error) = self.disk.unlink(&dir.join(beat_name(id))) {
                tracing::warn!(%id, %error, "what a worker said of an item that it is done with could not be removed");
            }
        }
        let before = written_at(&dir);
        let is_empty = std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_none());
        // A file that is made within the same tick of the file system's clock goes when the store is next opened.
        *empty_since = before.filter(|_| is_empty);
    }

    /// Removes what was said of items that nobody has, and what crashes left. Whoever calls holds the ledger's lock and has
    /// read everything.
    pub(crate) fn tidy(&self, queue: &Queue) -> io::Result<()> {
        let claimed: HashSet<String> = queue.claimed().into_iter().map(|item| beat_name(item.queue_id())).collect();
        for (dir, keeps) in [
            (self.root.join(LEASES), Some(&claimed)),
            (self.root.join(WORKERS), None),
            (self.root.join(sessions::SESSIONS), None),
        ] {
            for name in all_names(&dir)? {
                let orphan = name.ends_with(".json") && keeps.is_some_and(|keeps| !keeps.contains(&name));
                if orphan || name.ends_with(".tmp") {
                    self.disk.unlink(&dir.join(&name))?;
                }
            }
        }
        Ok(())
    }
}

/// The name of an item's file. An id of the original may be any text, which is no name for a file.
fn beat_name(id: &QueueItemId) -> String {
    let text = id.as_str();
    let ours = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if ours { format!("{text}.json") } else { format!("x{}.json", Sha256Digest::of(text.as_bytes())) }
}

fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some((file, stat)) = disk::open(path)? else { return Ok(None) };
    read_range(&file, 0, stat.size.min(FILE_MAX)).map(Some)
}

fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = all_names(dir)?;
    names.retain(|name| name.ends_with(".json"));
    Ok(names)
}

fn all_names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    entries.filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose()).collect()
}

fn written_at(dir: &Path) -> Option<(i64, i64)> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = std::fs::symlink_metadata(dir).ok()?;
    Some((meta.mtime(), meta.mtime_nsec()))
}
