//! Faults for tests: the n-th change on disk fails once, is the last thing this process does, or waits to be let go; and a
//! medium that forgets at a power failure what was not synced.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::disk::{Disk, Step};

/// A test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What happens at the n-th change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails as a broken disk does; later ones work.
    Fail,
    /// It does not happen and neither does anything after it, as when the process is killed before it.
    Stop,
    /// If it appends, half of its bytes are written, and then nothing more happens.
    Tear,
    /// It waits until [`Faults::release`].
    Hold,
    /// A write, a sync or a change of a name fails once with this error number; later ones work, and files can be opened.
    Errno(i32),
}

/// Counts changes down.
#[derive(Debug)]
pub(crate) struct Faults {
    left: AtomicI64,
    fault: Fault,
    only: Option<Step>,
    syncs: AtomicU64,
    /// Which thread made the last change.
    last_by: Mutex<Option<std::thread::ThreadId>>,
    held: Mutex<Held>,
    changed: Condvar,
    /// How many changes still work after the one that was held.
    work: AtomicI64,
    /// Changes wait while it is shut.
    gate: Mutex<Gate>,
    opened: Condvar,
    medium: Option<Arc<Medium>>,
    leaves_out_writing_again: bool,
    /// What the disk says of the room that is left, if a test says so.
    room: Mutex<Option<u64>>,
}

#[derive(Debug, Default)]
struct Gate {
    shut: bool,
    waiting: bool,
}

#[derive(Debug, Default)]
struct Held {
    waits: bool,
    released: bool,
    /// Nothing will be held any more.
    finished: bool,
}

impl Faults {
    /// The fault strikes at the n-th change, from 0.
    pub(crate) fn at(n: i64, fault: Fault) -> Arc<Self> {
        Self::new(n, fault, None)
    }

    /// The fault strikes at the n-th change of this kind after [`Faults::arm`].
    pub(crate) fn later(fault: Fault, only: Step) -> Arc<Self> {
        Self::new(i64::MAX, fault, Some(only))
    }

    /// The same, over a medium that can lose power. One that `lies` says that it synced and did not.
    pub(crate) fn over_medium(n: i64, fault: Fault, lies: bool) -> Arc<Self> {
        let medium = Some(Arc::new(Medium { lies, kept: Mutex::default() }));
        Arc::new(Self { medium, ..Self::plain(n, fault, None) })
    }

    /// A process over the same medium that waits before the n-th change of this kind after [`Faults::arm`].
    pub(crate) fn holding(&self, only: Step) -> Arc<Self> {
        let medium = self.medium.clone();
        Arc::new(Self { medium, ..Self::plain(i64::MAX, Fault::Hold, Some(only)) })
    }

    /// Another process over the same medium, whose n-th sync after [`Faults::arm`] fails. As a control it may leave out writing again what is in doubt.
    pub(crate) fn beside(&self, leaves_out_writing_again: bool) -> Arc<Self> {
        let medium = self.medium.clone();
        let sync = Some(Step::Sync);
        Arc::new(Self { medium, leaves_out_writing_again, ..Self::plain(i64::MAX, Fault::Fail, sync) })
    }

    pub(crate) fn leaves_out_writing_again(&self) -> bool {
        self.leaves_out_writing_again
    }

    /// What the medium has of a file.
    pub(crate) fn kept(&self, path: &Path) -> Vec<u8> {
        let Some((medium, inode)) = self.medium.as_ref().zip(std::fs::metadata(path).ok().map(|meta| meta.ino()))
        else {
            return Vec::new();
        };
        medium.kept.lock().unwrap().bytes.get(&inode).cloned().unwrap_or_default()
    }

    fn new(n: i64, fault: Fault, only: Option<Step>) -> Arc<Self> {
        Arc::new(Self::plain(n, fault, only))
    }

    fn plain(n: i64, fault: Fault, only: Option<Step>) -> Self {
        Self {
            left: AtomicI64::new(n),
            fault,
            only,
            syncs: AtomicU64::new(0),
            last_by: Mutex::default(),
            held: Mutex::default(),
            changed: Condvar::new(),
            work: AtomicI64::new(i64::MAX),
            gate: Mutex::default(),
            opened: Condvar::new(),
            medium: None,
            leaves_out_writing_again: false,
            room: Mutex::default(),
        }
    }

    /// From here on the disk says that so much room is left; `None`: what there really is.
    pub(crate) fn leave_room(&self, room: Option<u64>) {
        *self.room.lock().unwrap() = room;
    }

    pub(crate) fn room(&self) -> Option<u64> {
        *self.room.lock().unwrap()
    }

    /// From here on every change waits. What is sent behind a command that waits here becomes one batch.
    pub(crate) fn shut(&self) {
        *self.gate.lock().unwrap() = Gate { shut: true, waiting: false };
    }

    /// Returns when a change waits.
    pub(crate) fn wait_until_shut_out(&self) {
        let gate = self.gate.lock().unwrap();
        let (_gate, over) = self.opened.wait_timeout_while(gate, PATIENCE, |gate| !gate.waiting).unwrap();
        assert!(!over.timed_out(), "nothing waits");
    }

    /// Lets changes happen again.
    pub(crate) fn reopen(&self) {
        self.gate.lock().unwrap().shut = false;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let mut gate = self.gate.lock().unwrap();
        gate.waiting = true;
        self.opened.notify_all();
        let (_gate, over) = self.opened.wait_timeout_while(gate, PATIENCE, |gate| gate.shut).unwrap();
        assert!(!over.timed_out(), "nobody opened");
    }

    /// A file was opened for writing.
    pub(crate) fn opened(&self, file: &File) {
        if let Some(medium) = &self.medium {
            medium.opened(file);
        }
    }

    /// These bytes were written and are not on stable storage yet.
    pub(crate) fn wrote(&self, file: &File, at: Option<u64>, length: u64) -> io::Result<()> {
        self.medium.as_ref().map_or(Ok(()), |medium| medium.wrote(file, at, length))
    }

    /// A sync did not happen. When it failed, what it should have written counts as clean from now on.
    pub(crate) fn not_synced(&self, file: &File) -> io::Result<()> {
        match self.fault {
            Fault::Stop | Fault::Tear => Ok(()),
            Fault::Fail | Fault::Hold | Fault::Errno(_) => {
                self.medium.as_ref().map_or(Ok(()), |medium| medium.lose(file))
            }
        }
    }

    /// These bytes are on stable storage now.
    pub(crate) fn synced(&self, file: &File) -> io::Result<()> {
        self.medium.as_ref().map_or(Ok(()), |medium| medium.keep(file))
    }

    /// These names are on stable storage now.
    pub(crate) fn synced_names(&self, dir: &Path) -> io::Result<()> {
        self.medium.as_ref().map_or(Ok(()), |medium| medium.keep_names(dir))
    }

    /// Power fails: what was not synced is gone from the files of these directories, or half of it is.
    pub(crate) fn lose_power(&self, dirs: &[PathBuf], half: bool) -> io::Result<()> {
        self.medium.as_ref().map_or(Ok(()), |medium| dirs.iter().try_for_each(|dir| medium.lose_power(dir, half)))
    }

    /// A disk that they strike.
    pub(crate) fn disk(self: &Arc<Self>) -> Disk {
        Disk { faults: Some(self.clone()), ..Disk::default() }
    }

    /// Counts from now on.
    pub(crate) fn arm(&self, n: i64) {
        self.left.store(n, Ordering::SeqCst);
    }

    /// Whether the fault has struck.
    pub(crate) fn struck(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    /// How many syncs there were.
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::SeqCst)
    }

    /// Which thread made the last change, or tried to.
    pub(crate) fn last_by(&self) -> Option<std::thread::ThreadId> {
        *self.last_by.lock().unwrap()
    }

    /// Returns when a change is being held.
    pub(crate) fn wait_until_held(&self) {
        let mut held = self.held.lock().unwrap();
        while !held.waits {
            let (next, over) = self.changed.wait_timeout(held, PATIENCE).unwrap();
            assert!(!over.timed_out(), "nothing was held");
            held = next;
        }
    }

    /// What could have been held is over.
    pub(crate) fn finished(&self) {
        self.held.lock().unwrap().finished = true;
        self.changed.notify_all();
    }

    /// Returns when a change is being held, or with `false` when everything is over without that.
    pub(crate) fn is_held_before_the_end(&self) -> bool {
        let held = self.held.lock().unwrap();
        let undecided = |held: &mut Held| !held.waits && !held.finished;
        let (held, over) = self.changed.wait_timeout_while(held, PATIENCE, undecided).unwrap();
        assert!(!over.timed_out(), "neither held nor over");
        held.waits
    }

    /// So many more changes of the kind work, the one that is being held included; then none does.
    pub(crate) fn fail_after(&self, changes: i64) {
        self.work.store(changes, Ordering::SeqCst);
    }

    /// Lets the held change happen.
    pub(crate) fn release(&self) {
        self.held.lock().unwrap().released = true;
        self.changed.notify_all();
    }

    pub(crate) fn step(&self, step: Step) -> io::Result<()> {
        if step == Step::Sync {
            self.syncs.fetch_add(1, Ordering::SeqCst);
        }
        *self.last_by.lock().unwrap() = Some(std::thread::current().id());
        self.pass();
        if self.only.is_some_and(|only| only != step) {
            return Ok(());
        }
        if matches!(self.fault, Fault::Errno(_)) && step == Step::Create {
            return Ok(());
        }
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        let fails = match self.fault {
            Fault::Fail => left == 0,
            Fault::Errno(number) if left == 0 => return Err(io::Error::from_raw_os_error(number)),
            Fault::Errno(_) => false,
            Fault::Stop | Fault::Tear => left <= 0,
            Fault::Hold => {
                if left == 0 {
                    self.hold();
                }
                false
            }
        };
        let fails = fails || self.work.fetch_sub(1, Ordering::SeqCst) <= 0;
        if fails { Err(io::Error::other(format!("injected at {step:?}"))) } else { Ok(()) }
    }

    fn hold(&self) {
        let mut held = self.held.lock().unwrap();
        held.waits = true;
        self.changed.notify_all();
        while !held.released {
            let (next, over) = self.changed.wait_timeout(held, PATIENCE).unwrap();
            assert!(!over.timed_out(), "nobody let go");
            held = next;
        }
    }

    /// The part of an append that is written before the process stops.
    pub(crate) fn torn_write<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if self.fault != Fault::Tear || self.left.load(Ordering::SeqCst) != 0 {
            return None;
        }
        self.left.fetch_sub(1, Ordering::SeqCst);
        Some(&bytes[..bytes.len() / 2])
    }
}

/// What is on stable storage, by the strictest reading of what a file system promises: bytes only once the file was
/// synced, names only once the directory was. Directories themselves are taken to last.
#[derive(Debug)]
struct Medium {
    lies: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By inode.
    bytes: HashMap<u64, Vec<u8>>,
    /// By directory: names and inodes.
    names: HashMap<PathBuf, BTreeMap<PathBuf, u64>>,
    /// By inode: what was written since the last sync, and what a sync that failed left clean and not kept.
    dirty: HashMap<u64, Vec<(u64, u64)>>,
    lost: HashMap<u64, Vec<(u64, u64)>>,
    /// By inode: how many syncs failed; by descriptor: how many of them it has been told of.
    failed: HashMap<u64, u64>,
    told: HashMap<RawFd, u64>,
}

impl Medium {
    fn opened(&self, file: &File) {
        let mut kept = self.kept.lock().unwrap();
        let inode = file.metadata().unwrap().ino();
        let failed = kept.failed.get(&inode).copied().unwrap_or(0);
        kept.told.insert(file.as_raw_fd(), failed);
    }

    fn wrote(&self, file: &File, at: Option<u64>, length: u64) -> io::Result<()> {
        let meta = file.metadata()?;
        let begin = at.unwrap_or(meta.len() - length);
        let end = begin + length;
        let mut kept = self.kept.lock().unwrap();
        kept.dirty.entry(meta.ino()).or_default().push((begin, end));
        let lost = kept.lost.entry(meta.ino()).or_default();
        *lost = lost.iter().flat_map(|(from, to)| [(*from, (*to).min(begin)), ((*from).max(end), *to)]).collect();
        lost.retain(|(from, to)| from < to);
        Ok(())
    }

    /// As after a failed `fdatasync`: what was dirty is clean, the medium does not have it, and every handle that is open is
    /// told once.
    fn lose(&self, file: &File) -> io::Result<()> {
        let inode = file.metadata()?.ino();
        let mut kept = self.kept.lock().unwrap();
        let dirty = kept.dirty.remove(&inode).unwrap_or_default();
        kept.lost.entry(inode).or_default().extend(dirty);
        *kept.failed.entry(inode).or_default() += 1;
        Ok(())
    }

    fn keep(&self, file: &File) -> io::Result<()> {
        if self.lies {
            return Ok(());
        }
        // The handle may not be one for reading.
        let mut bytes = std::fs::read(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let inode = file.metadata()?.ino();
        let mut kept = self.kept.lock().unwrap();
        let had = kept.bytes.get(&inode).cloned().unwrap_or_default();
        for (from, to) in kept.lost.get(&inode).into_iter().flatten() {
            for at in usize::try_from(*from).unwrap()..usize::try_from(*to).unwrap().min(bytes.len()) {
                bytes[at] = had.get(at).copied().unwrap_or(0);
            }
        }
        kept.bytes.insert(inode, bytes);
        kept.dirty.remove(&inode);
        let failed = kept.failed.get(&inode).copied().unwrap_or(0);
        let told = kept.told.insert(file.as_raw_fd(), failed).unwrap_or(failed);
        if told < failed { Err(io::Error::other("a write-back failed since this file was opened")) } else { Ok(()) }
    }

    /// A liar keeps names: a control that loses whole files would be too easily noticed.
    fn keep_names(&self, dir: &Path) -> io::Result<()> {
        let names = names(dir)?;
        self.kept.lock().unwrap().names.insert(dir.to_owned(), names);
        Ok(())
    }

    fn lose_power(&self, dir: &Path, half: bool) -> io::Result<()> {
        let kept = self.kept.lock().unwrap();
        let nothing = BTreeMap::new();
        let lasting = kept.names.get(dir).unwrap_or(&nothing);
        let present = names(dir)?;
        for (path, inode) in &present {
            if lasting.get(path) != Some(inode) {
                std::fs::remove_file(path)?;
            }
        }
        for (path, inode) in lasting {
            let mut bytes = kept.bytes.get(inode).cloned().unwrap_or_default();
            if half && present.get(path) == Some(inode) {
                let now = std::fs::read(path)?;
                match now.strip_prefix(&bytes[..]) {
                    Some(more) => bytes.extend_from_slice(&more[..more.len() / 2]),
                    // Written in place: the newest bytes may have come through.
                    None => bytes = now,
                }
            }
            std::fs::write(path, bytes)?;
        }
        Ok(())
    }
}

fn names(dir: &Path) -> io::Result<BTreeMap<PathBuf, u64>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        other => other?,
    };
    let mut names = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        let meta = entry.metadata()?;
        if meta.is_file() {
            names.insert(entry.path(), meta.ino());
        }
    }
    Ok(names)
}
