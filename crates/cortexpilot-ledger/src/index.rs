//! A derived index, so that a process need not read the history before it answers, nor hold it in memory.
//!
//! It is never the truth. `$RUNTIME_ROOT/index/` holds a *snapshot* of where things stood at a position of the ledger, and
//! *tables* of the items that were closed before it. A process begins with the snapshot, reads the lines of live items and
//! everything behind the position, and looks closed items up: a table says where their lines stand, and the lines say the
//! rest. Whoever deletes the directory loses time and nothing else.
//!
//! Nothing in it is synced, and everything is checked before it is used: the snapshot as a whole, every block of a table at
//! every read, and each line that a table leads to against its neighbour's hash. The ledger must still have, at the
//! position, the line whose hash the snapshot names; everything before it then is what it was. Whatever does not fit makes
//! the index be dropped, and the ledger is read from its beginning.
//!
//! Processes that write build it, one at a time, in the background. Processes that only read use it and leave no byte.
//! Reading everything on purpose (verify, scrub, repair, checkpoints, imports) never uses it.
//!
//! Reading order: `snapshot` and `table` (the files), `lines` (one line out of the middle), `resume` (how a process
//! begins), `search` (how closed items are found), `capture` and `build`. Why it is ours: `docs/adr/0015-an-index-of-our-own.md`.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use cortexpilot_core::domain::fold::Queue;
use cortexpilot_core::port::StoreError;

use crate::chain::{FileKind, Position};

mod build;
mod capture;
mod lines;
mod resume;
mod search;
mod snapshot;
mod table;

#[cfg(test)]
mod tests;

pub use build::IndexOptions;
pub(crate) use build::{Background, Wake};
pub(crate) use resume::Beginning;

use lines::Lines;
use snapshot::{LogPart, Snapshot};
use table::Table;

/// The directory's name in the runtime root.
pub(crate) const DIR: &str = "index";

/// Why the index cannot be used. Never an error to anybody: the ledger is read instead.
#[derive(Debug)]
pub(crate) struct Broken {
    why: String,
    /// It does not say what it must; otherwise it could not be read or written at all.
    content: bool,
}

impl Broken {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), content: true }
    }

    fn io(error: io::Error) -> Self {
        Self { why: error.to_string(), content: false }
    }

    fn is_content(&self) -> bool {
        self.content
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// The items that were closed before a position of the ledger.
#[derive(Debug)]
pub(crate) struct Index {
    /// How far the queue's file was read when it was made.
    pub(crate) queue: Position,
    /// And the decisions'.
    pub(crate) decisions: Position,
    tables: Vec<Table>,
    lines: Lines,
    /// The trees over the lines of both files, where they are signed.
    logs: [Option<LogPart>; 2],
    broken: AtomicBool,
    /// What the tables should have said, read from the ledger, once they turned out to be damaged.
    instead: OnceLock<Result<Queue, StoreError>>,
}

impl Index {
    fn new(snapshot: &Snapshot, tables: Vec<Table>, lines: Lines) -> Result<Self, Broken> {
        let (queue, decisions) = (snapshot.header.queue.position()?, snapshot.header.decisions.position()?);
        let logs = FileKind::ALL.map(|kind| snapshot.header.part(kind).log.clone());
        Ok(Self { queue, decisions, tables, lines, logs, broken: AtomicBool::new(false), instead: OnceLock::new() })
    }

    /// Whether something in it was found damaged. It still answers, from what it then read of the ledger; the process
    /// reads everything anew as soon as it can.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn found_broken(&self, why: &Broken) {
        if !self.broken.swap(true, Ordering::Relaxed) {
            tracing::warn!(%why, "the index is damaged: the ledger is read anew");
        }
    }

    /// How far the file was read.
    pub(crate) fn position(&self, kind: FileKind) -> Position {
        match kind {
            FileKind::Queue => self.queue,
            FileKind::Decisions => self.decisions,
        }
    }
}

/// The snapshot and its tables, whole: a builder may replace them between the two looks.
fn load(root: &Path) -> Result<Option<(Snapshot, Vec<Table>)>, Broken> {
    for _ in 0..3 {
        let Some(snapshot) = Snapshot::load(root)? else { return Ok(None) };
        let dir = root.join(DIR);
        let tables = snapshot.header.tables.iter().map(|is| Table::open(&dir, is));
        let tables: Option<Vec<Table>> = tables.collect::<Result<_, _>>()?;
        if let Some(tables) = tables {
            return Ok(Some((snapshot, tables)));
        }
    }
    Err(Broken::new("a table is missing"))
}
