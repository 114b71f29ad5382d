//! The one lock that all processes which write share, for both files; and the small one, under which records change.
//!
//! `flock(2)` on `ledger.lock`: the kernel drops it when its process ends, however that ends. Before it stands a turnstile,
//! a lock on a directory: who waits for the ledger's lock holds the turnstile while it waits. So whoever has just let go of
//! the lock must get past somebody who is next in line already: a busy process cannot keep the others out.
//!
//! The small lock is `flock(2)` on the runtime root itself. It is held for one read and one write of 126 bytes, never over
//! anything that waits for a disk, and taken after the ledger's lock or without it, never before. [`crate::marks`] says what
//! for. Both locks belong to open files that a process's threads share, and keep no two of these apart: for the ledger's
//! lock the writer's mutex does that ([`crate::commits`]), for the small one a mutex of its own.

mod turnstile;

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::chain::FileKind;
use crate::disk::{self, Disk, Identity};
use crate::marks::{self, Mark, Record};
use crate::pins;

pub(crate) use turnstile::Turnstile;

/// The lock file's name in the runtime root.
pub(crate) const LOCK_NAME: &str = "ledger.lock";

/// The directory whose lock is the turnstile, in the runtime root.
const TURNSTILE: &str = pins::DIR;

/// How long who is next in line only gives way to others before the first sleep: a lock is held for some ten microseconds
/// by a writer that appends a line, and a sleep takes sixty at least. Nobody else looks meanwhile.
const YIELDING: Duration = Duration::from_micros(500);

/// How long to wait for a flush of others before their bytes are flushed again. Only what a dead writer left costs that time.
pub(crate) const PATIENCE: Duration = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_millis(20) };

/// Who has had the lock, let go of it and wants it again after this long does not stand in line for it if it is free: who
/// was next in line has looked meanwhile, and looks more often. A writer that waits for each of its lines leaves the lock
/// alone for a flush, which takes longer. Who never had it stands in line, and whoever finds it taken does.
const LEFT_ALONE: Duration = Duration::from_micros(100);

/// Between two looks of who is next in line. A writer that must flush under the lock holds it for up to some ten
/// milliseconds.
const PAUSE_INSIDE: Duration = Duration::from_micros(30);

/// The lock, not held.
pub(crate) struct LockFile {
    root: PathBuf,
    path: PathBuf,
    turnstile: Option<Turnstile>,
    records: Records,
    identity: Identity,
    wait: Duration,
    /// When this process let go of the lock, as far as `opened` goes back.
    let_go: Arc<AtomicU64>,
    opened: Instant,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockProblem {
    #[error("another process has held the lock {path} for {seconds} s", path = .0.display(), seconds = .1.as_secs())]
    Busy(PathBuf, Duration),
    #[error("the lock {path}: {1}", path = .0.display())]
    Io(PathBuf, #[source] io::Error),
    #[error(
        "file locks do not work in {root} (two holders at once), as on some network file systems: several processes would \
         destroy each other's writes",
        root = .0.display()
    )]
    DoesNotLock(PathBuf),
}

/// A lock that is let go when this is dropped.
struct Place<'a>(&'a File);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Closing the file would do it too; nothing can be done about a failure.
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}

/// The lock, held until dropped.
pub(crate) struct Held {
    pub(crate) records: Records,
    /// By file, its record where that is known to be clear. While the lock is held nobody else changes one that is: who
    /// publishes finds nothing to publish in it.
    clear: [Cell<Option<Record>>; 2],
    let_go: Arc<AtomicU64>,
    opened: Instant,
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = flock(&*self.records.file, FlockOperation::Unlock);
        self.let_go.store(nanos(self.opened.elapsed()), Ordering::Relaxed);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl LockFile {
    /// Opens the lock file, made if missing. `wait` bounds how long [`LockFile::acquire`] waits.
    pub(crate) fn open(root: &Path, wait: Duration, disk: Disk) -> Result<Self, LockProblem> {
        let path = root.join(LOCK_NAME);
        let problem = |error| LockProblem::Io(path.clone(), error);
        let (file, stat) = disk.open_in_place(&path).map_err(problem)?;
        let records = Records::open(root, file, wait, disk).map_err(problem)?;
        let turnstile = Turnstile::open(&root.join(TURNSTILE)).map_err(problem)?;
        let (let_go, opened) = (Arc::default(), Instant::now());
        Ok(Self { root: root.to_owned(), path, turnstile, records, identity: stat.identity, wait, let_go, opened })
    }

    /// Takes the lock, waiting for other processes up to the bound.
    pub(crate) fn acquire(&mut self) -> Result<Held, LockProblem> {
        let until = Instant::now() + self.wait;
        let let_go = self.let_go.load(Ordering::Relaxed);
        if let_go > 0
            && nanos(self.opened.elapsed()).saturating_sub(let_go) >= nanos(LEFT_ALONE)
            && flock(&*self.records.file, FlockOperation::NonBlockingLockExclusive).is_ok()
            && let Some(held) = self.still_here()?
        {
            return Ok(held);
        }
        let entered = match &mut self.turnstile {
            Some(turnstile) => turnstile.enter(until),
            None => Ok(Taken::CannotBe),
        };
        match entered.map_err(|error| self.problem(error))? {
            Taken::Yes => {}
            Taken::Busy => return Err(LockProblem::Busy(self.path.clone(), self.wait)),
            // Where directories cannot be locked, the lock is still the lock, it is only less fair.
            Taken::CannotBe => return self.acquire_next(until),
        }
        let held = self.acquire_next(until);
        self.leave();
        held
    }

    /// Takes the lock as who is next in line.
    fn acquire_next(&mut self, until: Instant) -> Result<Held, LockProblem> {
        loop {
            match take(&self.records.file, until).map_err(|error| self.problem(error))? {
                Taken::Yes => {}
                Taken::Busy => return Err(LockProblem::Busy(self.path.clone(), self.wait)),
                Taken::CannotBe => return Err(LockProblem::DoesNotLock(self.root.clone())),
            }
            if let Some(held) = self.still_here()? {
                return Ok(held);
            }
        }
    }

    fn leave(&self) {
        if let Some(turnstile) = &self.turnstile {
            turnstile.leave();
        }
    }

    /// Takes the lock if nobody holds it and nobody waits for it.
    pub(crate) fn try_acquire(&mut self) -> Result<Option<Held>, LockProblem> {
        if !self.turnstile.as_mut().is_some_and(Turnstile::try_enter) {
            return Ok(None);
        }
        let free = flock(&*self.records.file, FlockOperation::NonBlockingLockExclusive).is_ok();
        let held = match free {
            true => self.still_here(),
            false => Ok(None),
        };
        self.leave();
        held
    }

    /// The lock was taken. Somebody may have deleted the file while it was waited for: then another process locks another
    /// file.
    fn still_here(&mut self) -> Result<Option<Held>, LockProblem> {
        let (let_go, opened) = (self.let_go.clone(), self.opened);
        let held = Held { records: self.records.clone(), clear: Default::default(), let_go, opened };
        match disk::stat(&self.path).map_err(|error| self.problem(error))? {
            Some(stat) if stat.identity == self.identity => Ok(Some(held)),
            Some(_) | None => {
                drop(held);
                let disk = self.records.disk.clone();
                let (file, stat) = disk.open_in_place(&self.path).map_err(|error| self.problem(error))?;
                // The root may be another one as well.
                let records = Records::open(&self.root, file, self.wait, disk);
                (self.records, self.identity) = (records.map_err(|error| self.problem(error))?, stat.identity);
                Ok(None)
            }
        }
    }

    fn problem(&self, error: io::Error) -> LockProblem {
        LockProblem::Io(self.path.clone(), error)
    }
}

pub(crate) enum Taken {
    Yes,
    Busy,
    /// This file cannot be locked here.
    CannotBe,
}

/// Whether this says that there are no such locks here.
fn cannot_be(error: Errno) -> bool {
    matches!(error, Errno::OPNOTSUPP | Errno::INVAL | Errno::NOLCK | Errno::NOSYS | Errno::BADF)
}

/// Waits for a lock by looking again and again: for one that few wait for, and that is let go soon.
fn take(file: &File, until: Instant) -> io::Result<Taken> {
    let mut began = None;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Taken::Yes),
            Err(Errno::INTR) => {}
            Err(error) if cannot_be(error) => return Ok(Taken::CannotBe),
            Err(Errno::WOULDBLOCK) => {
                let now = Instant::now();
                if now >= until {
                    return Ok(Taken::Busy);
                }
                if now - *began.get_or_insert(now) < YIELDING {
                    std::thread::yield_now();
                } else {
                    std::thread::sleep(PAUSE_INSIDE);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

impl Held {
    /// Tries the lock on a second handle, which must fail. On file systems that emulate it per process, or not at all, it
    /// succeeds, and nothing would keep two writers apart.
    pub(crate) fn prove(&self, root: &Path) -> Result<(), LockProblem> {
        let path = root.join(LOCK_NAME);
        let second = File::open(&path).map_err(|error| LockProblem::Io(path, error))?;
        match flock(&second, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {}
            Ok(()) | Err(_) => return Err(LockProblem::DoesNotLock(root.to_owned())),
        }
        let _thread = self.records.threads.lock().unwrap_or_else(PoisonError::into_inner);
        match take(&self.records.small, Instant::now() + self.records.wait) {
            Ok(Taken::Yes) => drop(Place(&self.records.small)),
            Ok(Taken::Busy) => return Err(LockProblem::Busy(root.to_owned(), self.records.wait)),
            Ok(Taken::CannotBe) | Err(_) => return Err(LockProblem::DoesNotLock(root.to_owned())),
        }
        Ok(())
    }

    /// A file's record. What makes no sense is what nothing is known of.
    pub(crate) fn record(&self, kind: FileKind) -> io::Result<Record> {
        if let Some(clear) = self.clear[slot(kind)].get() {
            return Ok(clear);
        }
        let both = marks::read_both(&self.records.file)?;
        for (known, found) in self.clear.iter().zip(both) {
            known.set(found.filter(|record| record.mark == Mark::Clear));
        }
        // Read in the middle of somebody's publishing it makes no sense either; under the small lock that is not so.
        match both[slot(kind)] {
            Some(record) => Ok(record),
            None => self.records.change(kind, |record| record),
        }
    }

    /// Says that this process is about to write from `begin` to `end`, and gives the record.
    pub(crate) fn set(&self, kind: FileKind, begin: u64, end: u64) -> io::Result<Record> {
        if let Some(clear) = self.clear[slot(kind)].take() {
            let set = clear.set(begin, end);
            marks::write(&self.records.disk, &self.records.file, kind, set)?;
            return Ok(set);
        }
        self.records.change(kind, |record| record.set(begin, end))
    }

    /// Begins to change bytes that could have been read, from `from` on. Everything before must have been published under
    /// the epoch that ends here.
    pub(crate) fn raise_epoch(&self, kind: FileKind, from: u64) -> io::Result<u64> {
        let mark = Mark::Set { from, upto: u64::MAX };
        self.clear[slot(kind)].set(None);
        let raised = self.records.change(kind, |record| Record { mark, epoch: record.epoch + 1 })?;
        Ok(raised.epoch)
    }

    /// Says that all of a file's bytes are durable. Only who has raised the epoch under this lock knows.
    pub(crate) fn clear(&self, kind: FileKind) -> io::Result<()> {
        self.records.change(kind, |record| Record { mark: Mark::Clear, ..record }).map(drop)
    }
}

fn slot(kind: FileKind) -> usize {
    match kind {
        FileKind::Queue => 0,
        FileKind::Decisions => 1,
    }
}

/// The records of both files, changed under the small lock.
#[derive(Clone)]
pub(crate) struct Records {
    file: Arc<File>,
    /// The runtime root: its lock is the small lock.
    small: Arc<File>,
    /// Keeps threads of this process apart, which the lock on a file that they share does not: one publishes while another
    /// sets the record for the next batch.
    threads: Arc<Mutex<()>>,
    wait: Duration,
    disk: Disk,
}

impl Records {
    fn open(root: &Path, file: File, wait: Duration, disk: Disk) -> io::Result<Self> {
        let (file, small) = (Arc::new(file), Arc::new(File::open(root)?));
        Ok(Self { file, small, threads: Arc::default(), wait, disk })
    }

    /// Says that everything before `end` is durable, which was written under this epoch.
    pub(crate) fn publish(&self, kind: FileKind, end: u64, epoch: u64) -> io::Result<()> {
        self.change(kind, |record| record.published(end, epoch)).map(drop)
    }

    /// Waits until others have published everything before `end`, as it was written under this epoch; not for ever, because
    /// they may be dead.
    pub(crate) fn wait_until_published(&self, kind: FileKind, end: u64, epoch: u64) -> io::Result<bool> {
        let until = Instant::now() + PATIENCE;
        loop {
            if self.has_published(kind, end, epoch)? {
                return Ok(true);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            std::thread::sleep(PAUSE_INSIDE);
        }
    }

    /// Whether everything before `end` has been published, as it was written under this epoch.
    pub(crate) fn has_published(&self, kind: FileKind, end: u64, epoch: u64) -> io::Result<bool> {
        Ok(marks::read(&self.file, kind)?.is_some_and(|record| record.covers(end, epoch)))
    }

    /// Up to where a flush that begins now covers what was written under this epoch: everything that was announced, if it is
    /// written; else what this process itself knows to be written.
    pub(crate) fn written_by_now(
        &self,
        kind: FileKind,
        end: u64,
        epoch: u64,
        size: impl FnOnce() -> io::Result<u64>,
    ) -> io::Result<u64> {
        match marks::read(&self.file, kind)? {
            // The size is looked at behind the record: who announced this much has written all of it by now.
            Some(Record { mark: Mark::Set { upto, .. }, epoch: now })
                if now == epoch && upto > end && size()? >= upto =>
            {
                Ok(upto)
            }
            Some(_) | None => Ok(end),
        }
    }

    /// Changes a record under the small lock; gives the new one. What stays the same is not written.
    fn change(&self, kind: FileKind, change: impl FnOnce(Record) -> Record) -> io::Result<Record> {
        let _thread = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let _small = match take(&self.small, Instant::now() + self.wait)? {
            Taken::Yes => Place(&self.small),
            Taken::Busy => {
                let why = "another process has held the lock of the runtime root for long";
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            Taken::CannotBe => return Err(io::Error::other("the runtime root cannot be locked")),
        };
        // What makes no sense stays so for readers until bytes are settled: to them `unknown` hides nothing.
        let before = marks::read(&self.file, kind)?.unwrap_or(Record::UNKNOWN);
        let after = change(before);
        if before != after {
            marks::write(&self.disk, &self.file, kind, after)?;
        }
        Ok(after)
    }
}

/// Whether some process holds the lock now. Takes nothing, leaves nothing.
pub(crate) fn is_held(root: &Path) -> io::Result<bool> {
    let Some((file, _)) = disk::open(&root.join(LOCK_NAME))? else { return Ok(false) };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(root: &Path, wait: Duration) -> LockFile {
        LockFile::open(root, wait, Disk::default()).unwrap()
    }

    #[test]
    fn one_holder_at_a_time_and_a_bounded_wait() {
        let dir = tempfile::tempdir().unwrap();
        let (mut a, mut b) = (lock(dir.path(), Duration::ZERO), lock(dir.path(), Duration::ZERO));
        let held = a.acquire().unwrap();
        held.prove(dir.path()).unwrap();
        assert!(matches!(b.acquire(), Err(LockProblem::Busy(..))));
        assert!(is_held(dir.path()).unwrap());
        drop(held);
        assert!(!is_held(dir.path()).unwrap());
        drop(b.acquire().unwrap());
        drop(a.acquire().unwrap());
    }

    #[test]
    fn a_deleted_lock_file_does_not_split_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let mut a = lock(dir.path(), Duration::ZERO);
        std::fs::remove_file(dir.path().join(LOCK_NAME)).unwrap();
        let mut b = lock(dir.path(), Duration::ZERO);
        let _held = b.acquire().unwrap();
        assert!(matches!(a.acquire(), Err(LockProblem::Busy(..))), "locks the file that stands there now");
    }

    #[test]
    fn who_gives_up_keeps_the_place_and_lets_it_go_when_nobody_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(TURNSTILE)).unwrap();
        let (held, mut next) =
            (lock(dir.path(), Duration::from_secs(60)).acquire().unwrap(), lock(dir.path(), Duration::from_secs(60)));
        std::thread::scope(|scope| {
            let first = scope.spawn(move || drop(next.acquire().unwrap()));
            wait_until_locked(&dir.path().join(TURNSTILE));
            // Behind the one who is next; gives up, comes again, and gives up for good.
            let mut late = lock(dir.path(), Duration::from_millis(5));
            assert!(matches!(late.acquire(), Err(LockProblem::Busy(..))));
            assert!(late.try_acquire().unwrap().is_none(), "it still stands in line");
            assert!(matches!(late.acquire(), Err(LockProblem::Busy(..))));
            drop(late);
            // And one who gives up, and then waits until it is there.
            let mut patient = lock(dir.path(), Duration::from_millis(5));
            assert!(matches!(patient.acquire(), Err(LockProblem::Busy(..))));
            drop(held);
            first.join().unwrap();
            patient.wait = Duration::from_secs(60);
            let held = patient.acquire().unwrap();
            assert!(is_held(dir.path()).unwrap());
            drop(held);
        });
        drop(lock(dir.path(), Duration::from_secs(60)).acquire().unwrap());
    }

    #[test]
    fn threads_that_wait_all_get_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut lock = lock(dir.path(), Duration::from_secs(60));
                    for _ in 0..50 {
                        let held = lock.acquire().unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(held);
                    }
                });
            }
        });
    }

    /// Somebody waits at this place.
    fn wait_until_locked(path: &Path) {
        let file = File::open(path).unwrap();
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            flock(&file, FlockOperation::Unlock).unwrap();
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_stands_in_line_comes_before_who_comes_later() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(TURNSTILE)).unwrap();
        let patience = Duration::from_secs(60);
        let held = lock(dir.path(), patience).acquire().unwrap();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let wait = |number: u32| {
                let (order, mut lock) = (&order, lock(dir.path(), patience));
                scope.spawn(move || {
                    let held = lock.acquire().unwrap();
                    order.lock().unwrap().push(number);
                    drop(held);
                });
            };
            wait(1);
            wait_until_locked(&dir.path().join(TURNSTILE));
            wait(2);
            wait(3);
            assert!(lock(dir.path(), patience).try_acquire().unwrap().is_none(), "others stand in line");
            drop(held);
        });
        assert_eq!(order.into_inner().unwrap()[0], 1);
        assert!(lock(dir.path(), patience).try_acquire().unwrap().is_some());
    }

    #[test]
    fn a_record_that_another_process_holds_on_to_is_an_error_in_bounded_time() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path(), Duration::from_millis(5)).acquire().unwrap();
        let small = File::open(dir.path()).unwrap();
        flock(&small, FlockOperation::LockExclusive).unwrap();
        assert!(held.set(FileKind::Queue, 0, 10).is_err());
        assert_eq!(held.record(FileKind::Queue).unwrap(), Record::UNKNOWN);
        drop(small);
        let set = held.set(FileKind::Queue, 0, 10).unwrap();
        assert_eq!((set.mark, held.record(FileKind::Queue).unwrap()), (Mark::Set { from: 0, upto: 10 }, set));
    }

    #[test]
    fn a_record_that_makes_no_sense_is_not_made_one_that_hides_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path(), Duration::from_secs(60)).acquire().unwrap();
        std::fs::write(dir.path().join(LOCK_NAME), [b'x'; 300]).unwrap();
        assert_eq!(held.record(FileKind::Queue).unwrap(), Record::UNKNOWN);
        held.records.publish(FileKind::Queue, 10, 0).unwrap();
        assert_eq!(
            std::fs::read(dir.path().join(LOCK_NAME)).unwrap(),
            [b'x'; 300],
            "readers still see that it is unclear"
        );
    }

    #[test]
    fn no_change_of_a_record_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path(), Duration::from_secs(60)).acquire().unwrap();
        held.clear(FileKind::Queue).unwrap();
        held.set(FileKind::Queue, 0, 801).unwrap();
        std::thread::scope(|scope| {
            for first in 0..4 {
                let records = lock(dir.path(), Duration::from_secs(60)).records;
                scope.spawn(move || {
                    for end in (first..=800).step_by(4) {
                        records.publish(FileKind::Queue, end, 0).unwrap();
                        let Mark::Set { from, .. } = marks::read(&records.file, FileKind::Queue)
                            .unwrap()
                            .map_or(Mark::Set { from: u64::MAX, upto: 0 }, |record| record.mark)
                        else {
                            panic!("cleared before its end")
                        };
                        assert!(from >= end, "{from} after {end}");
                    }
                });
            }
        });
        assert_eq!(held.record(FileKind::Queue).unwrap().mark, Mark::Set { from: 800, upto: 801 });
        held.records.publish(FileKind::Queue, 801, 0).unwrap();
        assert_eq!(held.record(FileKind::Queue).unwrap().mark, Mark::Clear);
    }

    #[test]
    fn no_change_is_lost_between_threads_that_share_the_open_files() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path(), Duration::from_secs(60)).acquire().unwrap();
        held.clear(FileKind::Queue).unwrap();
        held.set(FileKind::Queue, 0, 1).unwrap();
        // As two batches of one process: while what was written is published, the record is set for what comes next.
        let written = AtomicU64::new(1);
        std::thread::scope(|scope| {
            let records = held.records.clone();
            let written = &written;
            let publishing = scope.spawn(move || {
                let mut published = 0;
                while published < 2000 {
                    let end = written.load(Ordering::SeqCst);
                    if end == u64::MAX {
                        return;
                    }
                    if end > published {
                        records.publish(FileKind::Queue, end, 0).unwrap();
                        published = end;
                    }
                }
            });
            for end in 2..=2000 {
                let set = held.set(FileKind::Queue, end - 1, end).unwrap();
                let Mark::Set { upto, .. } = set.mark else { panic!("{set:?}") };
                assert_eq!(upto, end);
                let now = marks::read(&held.records.file, FileKind::Queue).unwrap();
                if now.is_some_and(|now| !matches!(now.mark, Mark::Set { upto, .. } if upto == end)) {
                    written.store(u64::MAX, Ordering::SeqCst);
                    panic!("nobody has published {end} yet: {now:?}");
                }
                written.store(end, Ordering::SeqCst);
            }
            publishing.join().unwrap();
        });
        assert_eq!(held.record(FileKind::Queue).unwrap().mark, Mark::Clear);
    }

    #[test]
    fn who_has_just_let_go_does_not_get_the_lock_before_who_waits() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(TURNSTILE)).unwrap();
        let (mut busy, mut patient) = (lock(dir.path(), Duration::ZERO), lock(dir.path(), Duration::from_secs(60)));
        let held = busy.acquire().unwrap();
        let (done, wait) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let _held = patient.acquire().unwrap();
                let _ = wait.recv();
            });
            wait_until_locked(&dir.path().join(TURNSTILE));
            drop(held);
            assert!(matches!(busy.acquire(), Err(LockProblem::Busy(..))));
            drop(done);
        });
        drop(busy.acquire().unwrap());
    }

    #[test]
    fn a_lock_that_was_left_alone_is_taken_without_standing_in_line() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(TURNSTILE)).unwrap();
        let mut busy = lock(dir.path(), Duration::ZERO);
        drop(busy.acquire().unwrap());
        let in_line = File::open(dir.path().join(TURNSTILE)).unwrap();
        flock(&in_line, FlockOperation::LockExclusive).unwrap();
        let let_go = busy.opened.elapsed();
        while busy.opened.elapsed() < let_go + LEFT_ALONE {
            std::thread::yield_now();
        }
        drop(busy.acquire().unwrap());
        // As if no time had passed since.
        busy.let_go.store(u64::MAX, Ordering::Relaxed);
        assert!(matches!(busy.acquire(), Err(LockProblem::Busy(..))), "whoever is in line comes first");
    }

    #[test]
    fn a_clear_record_is_set_without_the_small_lock_and_no_publisher_takes_that_back() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path(), Duration::from_millis(5)).acquire().unwrap();
        held.clear(FileKind::Queue).unwrap();
        held.set(FileKind::Queue, 0, 10).unwrap();
        held.records.publish(FileKind::Queue, 10, 0).unwrap();
        assert_eq!(held.record(FileKind::Queue).unwrap().mark, Mark::Clear);
        let small = File::open(dir.path()).unwrap();
        flock(&small, FlockOperation::LockExclusive).unwrap();
        let set = held.set(FileKind::Queue, 10, 20).unwrap();
        assert_eq!((set.mark, held.record(FileKind::Queue).unwrap()), (Mark::Set { from: 10, upto: 20 }, set));
        assert!(held.set(FileKind::Queue, 20, 30).is_err(), "one that is set may change under it");
        drop(small);
        // A flush that came late has nothing to say of these bytes.
        held.records.publish(FileKind::Queue, 10, 0).unwrap();
        assert_eq!(held.record(FileKind::Queue).unwrap(), set);
    }
}
