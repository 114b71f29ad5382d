//! Reading at once or not at all: what lets a run be read by the thread that asks, without a trip to another.
//!
//! A thread that serves other requests too must not wait for a disk. So it reads only what the kernel holds in memory:
//! paths are followed with `RESOLVE_CACHED`, bytes read with `RWF_NOWAIT`, nothing but small files, and only where the file
//! system is one of a local disk or of memory, for of one that asks a server the kernel promises no such thing. When one of
//! this fails, the read is given up as a whole and done again by a thread that may wait. What kind of file system runs lie
//! on is found out by the reads that wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fd::AsFd;
use rustix::io::Errno;

use crate::problem::What;

/// One read at once takes at most so many bytes altogether: about what is parsed in half a millisecond.
const BYTES_AT_ONCE_MAX: u64 = 96 << 10;

/// No device has this number on Linux: its minor part has 20 bits.
const UNKNOWN: u64 = u64::MAX;

/// How a read goes about its files.
#[derive(Debug, Clone)]
pub(crate) enum Pace {
    /// It may wait.
    Patient,
    /// It may wait, and finds out whether others need to.
    Learning(Arc<Ground>),
    /// It gives up instead of waiting.
    AtOnce(Arc<Attempt>),
}

/// The device that runs were last found on, where reads at once are worth a try on it.
#[derive(Debug)]
pub(crate) struct Ground {
    swift: AtomicU64,
}

impl Default for Ground {
    fn default() -> Self {
        Self { swift: AtomicU64::new(UNKNOWN) }
    }
}

impl Ground {
    /// A try to read at once; `None` when it would be in vain.
    pub(crate) fn attempt(self: &Arc<Self>) -> Option<Arc<Attempt>> {
        let device = self.swift.load(Ordering::Relaxed);
        (device != UNKNOWN).then(|| {
            Arc::new(Attempt {
                ground: Arc::clone(self),
                device,
                gave_up: AtomicBool::new(false),
                bytes_left: AtomicU64::new(BYTES_AT_ONCE_MAX),
            })
        })
    }
}

/// One try to read without waiting.
#[derive(Debug)]
pub(crate) struct Attempt {
    ground: Arc<Ground>,
    device: u64,
    gave_up: AtomicBool,
    bytes_left: AtomicU64,
}

impl Attempt {
    /// Whether it was given up: then whatever was made of it says nothing.
    pub(crate) fn gave_up(&self) -> bool {
        self.gave_up.load(Ordering::Relaxed)
    }

    fn give_up(&self) -> Errno {
        self.gave_up.store(true, Ordering::Relaxed);
        Errno::AGAIN
    }
}

impl Pace {
    /// Whether it would give up.
    pub(crate) fn hurries(&self) -> bool {
        match self {
            Self::AtOnce(_) => true,
            Self::Patient | Self::Learning(_) => false,
        }
    }

    /// Whether it has given up.
    pub(crate) fn gave_up(&self) -> bool {
        match self {
            Self::AtOnce(attempt) => attempt.gave_up(),
            Self::Patient | Self::Learning(_) => false,
        }
    }

    /// Gives up here, unless it may wait.
    pub(crate) fn needs_patience(&self) -> Result<(), What> {
        match self {
            Self::AtOnce(attempt) => Err(What::Io(attempt.give_up())),
            Self::Patient | Self::Learning(_) => Ok(()),
        }
    }

    /// Gives up when the kernel would have had to wait, or does not know the question.
    pub(crate) fn note<T>(&self, answer: Result<T, Errno>) -> Result<T, Errno> {
        let Self::AtOnce(attempt) = self else { return answer };
        match answer {
            Err(Errno::AGAIN | Errno::XDEV | Errno::PERM) => Err(attempt.give_up()),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                attempt.ground.swift.store(UNKNOWN, Ordering::Relaxed);
                Err(attempt.give_up())
            }
            answer => answer,
        }
    }

    /// Takes so many bytes off what may be read at once.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), What> {
        let Self::AtOnce(attempt) = self else { return Ok(()) };
        let left = attempt.bytes_left.load(Ordering::Relaxed);
        match left.checked_sub(bytes) {
            Some(left) => {
                attempt.bytes_left.store(left, Ordering::Relaxed);
                Ok(())
            }
            None => Err(What::Io(attempt.give_up())),
        }
    }

    /// Called with a run's directory before anything in it is opened.
    #[cfg(target_os = "linux")]
    pub(crate) fn look_at(&self, dir: impl AsFd) -> Result<(), Errno> {
        match self {
            Self::Patient => Ok(()),
            Self::Learning(ground) => {
                let swift = if is_local(&dir) { device(&dir)? } else { UNKNOWN };
                ground.swift.store(swift, Ordering::Relaxed);
                Ok(())
            }
            Self::AtOnce(attempt) if device(&dir)? == attempt.device => Ok(()),
            Self::AtOnce(attempt) => Err(attempt.give_up()),
        }
    }

    /// Elsewhere nothing is read at once.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn look_at(&self, _: impl AsFd) -> Result<(), Errno> {
        Ok(())
    }
}

/// The device that a directory lies on, as far as it is known without asking anybody.
#[cfg(target_os = "linux")]
fn device(dir: impl AsFd) -> Result<u64, Errno> {
    use rustix::fs::{AtFlags, StatxFlags, makedev, statx};

    let found = statx(dir, c"", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, StatxFlags::TYPE)?;
    Ok(makedev(found.stx_dev_major, found.stx_dev_minor))
}

/// Whether a directory lies on a file system that asks nobody but a local disk, by the numbers of `statfs(2)`. One that is
/// stacked on others is not among them, for the others may be anything.
#[cfg(target_os = "linux")]
pub(crate) fn is_local(dir: impl AsFd) -> bool {
    const EXT: i64 = 0xEF53;
    const XFS: i64 = 0x5846_5342;
    const BTRFS: i64 = 0x9123_683E;
    const F2FS: i64 = 0xF2F5_2010;
    const TMPFS: i64 = 0x0102_1994;
    let Ok(found) = rustix::fs::fstatfs(dir) else { return false };
    [EXT, XFS, BTRFS, F2FS, TMPFS].contains(&(wide(found.f_type) & 0xFFFF_FFFF))
}

/// The type of the number differs between processors.
#[cfg(target_os = "linux")]
fn wide(kind: impl TryInto<i64>) -> i64 {
    kind.try_into().unwrap_or(0)
}

/// Elsewhere it is not known.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_local(_: impl AsFd) -> bool {
    false
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::beneath::{Dir, NoRun, Via};

    struct Place {
        temp: tempfile::TempDir,
        ground: Arc<Ground>,
    }

    impl Place {
        fn new() -> Self {
            let place = Self { temp: tempfile::tempdir().unwrap(), ground: Arc::default() };
            std::fs::create_dir(place.temp.path().join("run")).unwrap();
            std::fs::write(place.temp.path().join("run/file"), b"bytes").unwrap();
            place
        }

        fn open(&self, pace: &Pace) -> Result<Dir, NoRun> {
            Dir::of_run(self.temp.path(), "run", Via::BEST, pace)
        }

        /// A try at once, after a read that waited; `None` where none is made on this file system.
        fn attempt(&self) -> Option<Arc<Attempt>> {
            assert!(self.ground.attempt().is_none(), "before anybody has looked");
            self.open(&Pace::Learning(Arc::clone(&self.ground))).unwrap();
            let attempt = self.ground.attempt();
            if attempt.is_none() {
                println!("not run: nothing is read at once in {}", self.temp.path().display());
            }
            attempt
        }
    }

    #[test]
    fn a_cached_file_is_read_at_once_and_what_is_not_there_is_known_at_once() {
        let place = Place::new();
        let Some(attempt) = place.attempt() else { return };
        let dir = place.open(&Pace::AtOnce(Arc::clone(&attempt))).unwrap();
        assert_eq!(dir.read("file", 10).unwrap().0, b"bytes");
        assert_eq!(dir.read("none", 10).map(|(bytes, _)| bytes), Err(What::Missing));
        assert_eq!(dir.read("file", 4).map(|(bytes, _)| bytes), Err(What::TooLarge { bytes: 4 }));
        assert!(!attempt.gave_up());
    }

    #[test]
    fn more_than_is_read_at_once_is_left_to_those_who_wait() {
        let place = Place::new();
        let Some(attempt) = place.attempt() else { return };
        let half = vec![b'x'; usize::try_from(BYTES_AT_ONCE_MAX).unwrap() / 2 + 1];
        std::fs::write(place.temp.path().join("run/half"), &half).unwrap();
        let dir = place.open(&Pace::AtOnce(Arc::clone(&attempt))).unwrap();
        assert_eq!(dir.read("half", 1 << 20).unwrap().0, half);
        assert!(!attempt.gave_up());
        assert!(dir.read("half", 1 << 20).is_err());
        assert!(attempt.gave_up());
        let Some(attempt) = place.ground.attempt() else { panic!("the file system is as it was") };
        let dir = place.open(&Pace::AtOnce(Arc::clone(&attempt))).unwrap();
        assert!(dir.entries().is_err());
        assert!(attempt.gave_up(), "a listing");
    }

    #[test]
    fn another_device_than_the_one_that_was_looked_at_is_not_read_at_once() {
        let place = Place::new();
        let Some(attempt) = place.attempt() else { return };
        place.ground.swift.store(attempt.device + 1, Ordering::Relaxed);
        let attempt = place.ground.attempt().unwrap();
        assert!(place.open(&Pace::AtOnce(Arc::clone(&attempt))).is_err());
        assert!(attempt.gave_up());
    }

    #[test]
    fn a_kernel_that_does_not_know_the_question_is_not_asked_again() {
        let place = Place::new();
        let Some(attempt) = place.attempt() else { return };
        let pace = Pace::AtOnce(Arc::clone(&attempt));
        assert_eq!(pace.note(Err::<(), _>(Errno::NOENT)), Err(Errno::NOENT));
        assert!(!attempt.gave_up(), "that was an answer");
        assert_eq!(pace.note(Err::<(), _>(Errno::OPNOTSUPP)), Err(Errno::AGAIN));
        assert!(attempt.gave_up());
        assert!(place.ground.attempt().is_none());
    }
}
