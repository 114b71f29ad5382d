//! The cases: each measures on a runtime root of its own and gives its figures.

mod lone;
mod open;
mod pending;
mod processes;
mod producers;
mod regime;
mod thread;
mod verify;
mod work;

use std::path::{Path, PathBuf};

use crate::measure::Figure;

pub(crate) use processes::child;
pub(crate) use regime::regime;

/// What every case is told.
pub(crate) struct Setting {
    /// Long ledgers have so many pending items, or so many lines.
    pub(crate) items: usize,
    /// Interleaved rounds.
    pub(crate) rounds: usize,
    /// The product's binary, for the case that starts it.
    pub(crate) binary: Option<PathBuf>,
}

/// One case.
pub(crate) struct Case {
    /// Its word on the command line.
    pub(crate) name: &'static str,
    /// Measures in an empty directory; or says why it cannot.
    pub(crate) run: fn(&Path, &Setting) -> Result<Vec<Figure>, String>,
}

/// All of them, in the order in which they run.
pub(crate) const CASES: &[Case] = &[
    Case { name: "lone", run: lone::run },
    Case { name: "producers", run: producers::run },
    Case { name: "thread", run: thread::run },
    Case { name: "work", run: work::run },
    Case { name: "pending", run: pending::run },
    Case { name: "processes", run: processes::run },
    Case { name: "open", run: open::run },
    Case { name: "verify", run: verify::run },
];

/// The lines of a ledger from an offset on, each with its newline.
fn lines_from(path: &Path, offset: u64) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).expect("the ledger can be read");
    let new = &bytes[usize::try_from(offset).expect("a ledger of this size fits into memory")..];
    new.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}
