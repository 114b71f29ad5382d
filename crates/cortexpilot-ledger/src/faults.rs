//! Faults for tests: the n-th change on disk fails once, or is the last thing this process does.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::disk::Step;

/// What happens at the n-th change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails as a broken disk does; later ones work.
    Fail,
    /// It does not happen and neither does anything after it, as when the process is killed before it.
    Stop,
    /// If it appends, half of its bytes are written, and then nothing more happens.
    Tear,
}

/// Counts changes down.
#[derive(Debug)]
pub(crate) struct Faults {
    left: AtomicI64,
    fault: Fault,
    only: Option<Step>,
}

impl Faults {
    /// The fault strikes at the n-th change, from 0.
    pub(crate) fn at(n: i64, fault: Fault) -> Self {
        Self { left: AtomicI64::new(n), fault, only: None }
    }

    /// The fault strikes at the n-th change of this kind.
    pub(crate) fn at_step(n: i64, fault: Fault, only: Step) -> Self {
        Self { left: AtomicI64::new(n), fault, only: Some(only) }
    }

    /// Whether it has struck.
    pub(crate) fn struck(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    /// From now on, that many changes later.
    pub(crate) fn arm(&self, n: i64) {
        self.left.store(n, Ordering::SeqCst);
    }

    pub(crate) fn step(&self, step: Step) -> io::Result<()> {
        if self.only.is_some_and(|only| only != step) {
            return Ok(());
        }
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        let strikes = left == 0 || (left < 0 && self.fault != Fault::Fail);
        if strikes { Err(io::Error::other(format!("injected at {step:?}"))) } else { Ok(()) }
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
