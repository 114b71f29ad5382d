//! The one lock that all processes which write share, for both files.
//!
//! `flock(2)` on `ledger.lock`: the kernel drops it when its process ends, however that ends. Before it stand two
//! turnstiles, locks on two directories: one waits for the next place only while holding the one before. So those who
//! wait stand in line, and whoever has just let go of the ledger's lock must go to its end: a busy process cannot keep the
//! others out.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::chain::FileKind;
use crate::disk::{self, Disk, Identity};
use crate::marks::{self, Mark, Record};
use crate::pins;

/// The lock file's name in the runtime root.
pub(crate) const LOCK_NAME: &str = "ledger.lock";

/// The directories whose locks are the turnstiles, from the runtime root, in the order in which they are passed.
const TURNSTILES: [&str; 2] = [pins::DIR, "."];

/// Between two looks at the next place in line. Commits take from a fifth of a millisecond to some ten.
const PAUSE_INSIDE: Duration = Duration::from_micros(100);

/// Between two looks at the first turnstile, by those who are not in line yet. It is free for a moment only, and who looks
/// most often gets it: so who has waited longer looks more often.
fn pause_outside(waited: Duration) -> Duration {
    match waited.as_millis() {
        0..20 => Duration::from_micros(600),
        20..100 => Duration::from_micros(300),
        100..400 => Duration::from_micros(150),
        400.. => Duration::from_micros(60),
    }
}

/// The lock, not held.
pub(crate) struct LockFile {
    root: PathBuf,
    path: PathBuf,
    turnstiles: Vec<Arc<File>>,
    file: Arc<File>,
    identity: Identity,
    wait: Duration,
    disk: Disk,
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

/// A place in line, held until the next one is reached.
struct Place(Arc<File>);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// The lock, held until dropped.
pub(crate) struct Held {
    file: Arc<File>,
    disk: Disk,
}

impl LockFile {
    /// Opens the lock file, made if missing. `wait` bounds how long [`LockFile::acquire`] waits.
    pub(crate) fn open(root: &Path, wait: Duration, disk: Disk) -> Result<Self, LockProblem> {
        let path = root.join(LOCK_NAME);
        let problem = |error| LockProblem::Io(path.clone(), error);
        let mut turnstiles = Vec::new();
        for name in TURNSTILES {
            match File::open(root.join(name)) {
                Ok(file) => turnstiles.push(Arc::new(file)),
                // Without it the line is shorter.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(problem(error)),
            }
        }
        let (file, stat) = disk.open_in_place(&path).map_err(problem)?;
        let root = root.to_owned();
        Ok(Self { root, path, turnstiles, file: Arc::new(file), identity: stat.identity, wait, disk })
    }

    /// Takes the lock, waiting for other processes up to the bound.
    pub(crate) fn acquire(&mut self) -> Result<Held, LockProblem> {
        let until = Instant::now() + self.wait;
        let mut passed: Option<Place> = None;
        for turnstile in &self.turnstiles {
            let pause = if passed.is_none() { pause_outside } else { |_| PAUSE_INSIDE };
            // Where directories cannot be locked, the lock is still the lock, it is only less fair.
            if self.poll(turnstile, until, pause)? {
                passed = Some(Place(turnstile.clone()));
            }
        }
        let held = self.acquire_file(until);
        drop(passed);
        held
    }

    fn acquire_file(&mut self, until: Instant) -> Result<Held, LockProblem> {
        loop {
            if !self.poll(&self.file, until, |_| PAUSE_INSIDE)? {
                return Err(LockProblem::DoesNotLock(self.root.clone()));
            }
            let held = Held { file: self.file.clone(), disk: self.disk.clone() };
            // Somebody may have deleted the file while it was waited for: then another process locks another file.
            match disk::stat(&self.path).map_err(|error| self.problem(error))? {
                Some(stat) if stat.identity == self.identity => return Ok(held),
                Some(_) | None => {
                    drop(held);
                    let opened = self.disk.open_in_place(&self.path);
                    let (file, stat) = opened.map_err(|error| self.problem(error))?;
                    (self.file, self.identity) = (Arc::new(file), stat.identity);
                }
            }
        }
    }

    /// `Ok(false)`: this file cannot be locked here.
    fn poll(&self, file: &File, until: Instant, pause: impl Fn(Duration) -> Duration) -> Result<bool, LockProblem> {
        let began = Instant::now();
        loop {
            match flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(true),
                Err(Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(pause(began.elapsed())),
                Err(Errno::WOULDBLOCK) => return Err(LockProblem::Busy(self.path.clone(), self.wait)),
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOLCK | Errno::NOSYS | Errno::BADF) => return Ok(false),
                Err(error) => return Err(self.problem(error.into())),
            }
        }
    }

    fn problem(&self, error: io::Error) -> LockProblem {
        LockProblem::Io(self.path.clone(), error)
    }
}

impl Held {
    /// Tries the lock on a second handle, which must fail. On file systems that emulate it per process, or not at all, it
    /// succeeds, and nothing would keep two writers apart.
    pub(crate) fn prove(&self, root: &Path) -> Result<(), LockProblem> {
        let path = root.join(LOCK_NAME);
        let second = File::open(&path).map_err(|error| LockProblem::Io(path, error))?;
        match flock(&second, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Ok(()),
            Ok(()) | Err(_) => Err(LockProblem::DoesNotLock(root.to_owned())),
        }
    }

    /// A file's record. What makes no sense is what nothing is known of.
    pub(crate) fn record(&self, kind: FileKind) -> io::Result<Record> {
        Ok(marks::read(&self.file, kind)?.unwrap_or(Record { mark: Mark::Unknown, epoch: 0 }))
    }

    /// Sets a file's mark: bytes from this offset on may not be durable.
    pub(crate) fn set(&self, kind: FileKind, from: u64, epoch: u64) -> io::Result<()> {
        marks::write(&self.disk, &self.file, kind, Record { mark: Mark::From(from), epoch })
    }

    /// Clears a file's mark: all its bytes are durable.
    pub(crate) fn clear(&self, kind: FileKind, epoch: u64) -> io::Result<()> {
        marks::write(&self.disk, &self.file, kind, Record { mark: Mark::Clear, epoch })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing the file would do it too; nothing can be done about a failure.
        let _ = flock(&self.file, FlockOperation::Unlock);
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
    fn who_has_waited_longest_looks_most_often() {
        let pauses = [0, 20, 100, 400, 10_000].map(|waited| pause_outside(Duration::from_millis(waited)));
        assert!(pauses.is_sorted_by(|sooner, later| sooner >= later), "{pauses:?}");
        assert!(pauses[0] >= pauses[4] * 10);
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
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
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
    fn those_who_wait_stand_in_line() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(TURNSTILES[0])).unwrap();
        let patience = Duration::from_secs(60);
        let held = lock(dir.path(), patience).acquire().unwrap();
        let order = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (number, place) in [(1, "."), (2, TURNSTILES[0])] {
                let (order, mut lock) = (&order, lock(dir.path(), patience));
                scope.spawn(move || {
                    let held = lock.acquire().unwrap();
                    order.lock().unwrap().push(number);
                    drop(held);
                });
                wait_until_locked(&dir.path().join(place));
            }
            drop(held);
        });
        assert_eq!(order.into_inner().unwrap(), [1, 2]);
    }

    #[test]
    fn who_has_just_let_go_does_not_get_the_lock_before_who_waits() {
        let dir = tempfile::tempdir().unwrap();
        let (mut busy, mut patient) = (lock(dir.path(), Duration::ZERO), lock(dir.path(), Duration::from_secs(60)));
        let held = busy.acquire().unwrap();
        let (done, wait) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let _held = patient.acquire().unwrap();
                let _ = wait.recv();
            });
            wait_until_locked(dir.path());
            drop(held);
            assert!(matches!(busy.acquire(), Err(LockProblem::Busy(..))));
            drop(done);
        });
        drop(busy.acquire().unwrap());
    }
}
