//! Faults for tests: the n-th change on disk fails once, is the last thing this process does, or waits to be let go.

use std::io;
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
}

/// Counts changes down.
#[derive(Debug)]
pub(crate) struct Faults {
    left: AtomicI64,
    fault: Fault,
    only: Option<Step>,
    syncs: AtomicU64,
    held: Mutex<Held>,
    changed: Condvar,
    /// How many changes still work after the one that was held.
    work: AtomicI64,
}

#[derive(Debug, Default)]
struct Held {
    waits: bool,
    released: bool,
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

    fn new(n: i64, fault: Fault, only: Option<Step>) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicI64::new(n),
            fault,
            only,
            syncs: AtomicU64::new(0),
            held: Mutex::default(),
            changed: Condvar::new(),
            work: AtomicI64::new(i64::MAX),
        })
    }

    /// A disk that they strike.
    pub(crate) fn disk(self: &Arc<Self>) -> Disk {
        Disk { faults: Some(self.clone()) }
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

    /// Returns when a change is being held.
    pub(crate) fn wait_until_held(&self) {
        let mut held = self.held.lock().unwrap();
        while !held.waits {
            let (next, over) = self.changed.wait_timeout(held, PATIENCE).unwrap();
            assert!(!over.timed_out(), "nothing was held");
            held = next;
        }
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
        if self.only.is_some_and(|only| only != step) {
            return Ok(());
        }
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        let fails = match self.fault {
            Fault::Fail => left == 0,
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
