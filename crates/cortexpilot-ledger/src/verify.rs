//! `cortexpilot audit verify`: everything that can be checked from the files alone. Writes nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cortexpilot_core::codec::line::{Adopted, Repaired};
use cortexpilot_core::domain::fold::State;
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::listing::FileProblem;
use jiff::Timestamp;

use crate::chain::{FileKind, Tail};
use crate::disk::Disk;
use crate::follow::read_range;
use crate::lock::{LOCK_NAME, is_held};
use crate::marks::{Mark, Marks};
use crate::pins::{Pin, Pins};
use crate::tracked::{Damage, Tracked};

/// How often, and how long apart, a file is looked at again while a running process is in the middle of a write.
const LOOKS: usize = 200;
const PAUSE: Duration = Duration::from_millis(2);

/// How many of these looks wait for a flush of somebody who does not hold the lock any more, or is dead.
const FLUSHES: usize = 10;

/// What was found.
#[derive(Debug, Clone)]
pub struct VerifyReport {
    /// `queue.jsonl`, then `decisions.jsonl`.
    pub files: Vec<FileReport>,
    /// How many contracts pending or claimed items rest on.
    pub live_contracts: usize,
    /// Those of them whose pinned copy is not what it must be.
    pub pins: Vec<PinProblem>,
    /// All of it in one word.
    pub verdict: Verdict,
}

/// The whole in one word: the worst that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every line verifies.
    Sound,
    /// Every complete line verifies; a last one is incomplete, which the next process that writes sets aside.
    Torn,
    /// Every complete line verifies, but some say what only a newer version understands.
    Newer,
    /// A line, or the pinned contract of a live item, is not what it was when it was written.
    Altered,
}

/// One file.
#[derive(Debug, Clone)]
pub struct FileReport {
    /// Its name in the runtime root.
    pub file: &'static str,
    /// Complete lines that verify; lines of the original count, for the first line of ours commits to them.
    pub lines: u64,
    /// How many of them are the original's.
    pub legacy_lines: u64,
    /// Bytes of those lines.
    pub bytes: u64,
    /// Time of the first line that has one.
    pub first_ts: Option<Timestamp>,
    /// Time of the last line that has one.
    pub last_ts: Option<Timestamp>,
    /// Hash of the last line: whoever keeps it can see later whether anything before it was changed.
    pub head: Sha256Digest,
    /// Lines of the original that change nothing, the first hundred one by one.
    pub odd: Vec<FileProblem>,
    /// How many there are.
    pub odd_total: u64,
    /// What stands behind the last newline.
    pub torn: Option<Torn>,
    /// Where the file stops being what it must be.
    pub damage: Option<Damage>,
    /// The first event of a newer version, with its line.
    pub newer: Option<(u64, String)>,
    /// The repair that the file begins with.
    pub repaired: Option<Repaired>,
    /// The import that took the original's lines over.
    pub adopted: Option<Adopted>,
    /// Bytes that a running process was still writing; they were not looked at.
    pub in_flight: u64,
}

/// An incomplete last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// Only its newline is missing: it will be kept. Otherwise it was never acknowledged, and will be set aside.
    pub lacks_only_newline: bool,
}

/// A pinned contract that is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinProblem {
    /// Digest of the contract that was approved.
    pub sha256: Sha256Digest,
    /// Its copy holds other bytes; otherwise there is no copy.
    pub altered: bool,
    /// The live items that rest on it.
    pub items: Vec<QueueItemId>,
}

/// The files cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = .path.display())]
pub struct VerifyError {
    /// The runtime root.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Verifies the ledger of a runtime root. A root without files is sound and empty. Processes may go on writing meanwhile.
///
/// # Errors
/// [`VerifyError`] when something is there and cannot be read.
pub fn verify(root: &Path) -> Result<VerifyReport, VerifyError> {
    inspect(root).map_err(|source| VerifyError { path: root.to_owned(), source })
}

fn inspect(root: &Path) -> io::Result<VerifyReport> {
    let marks = Marks::new(root.join(LOCK_NAME));
    let mut state = State::default();
    let mut queue_file = Tracked::counted(root, FileKind::Queue);
    let mut decisions_file = Tracked::counted(root, FileKind::Decisions);
    let mut files = Vec::new();
    for file in [&mut queue_file, &mut decisions_file] {
        files.push(inspect_file(root, &marks, file, &mut state)?);
    }
    let pins =
        if queue_file.damage.is_none() { inspect_pins(root, &marks, &mut queue_file, &mut state)? } else { Vec::new() };
    let worst = files.iter().map(FileReport::verdict).max().unwrap_or(Verdict::Sound);
    let verdict = if pins.is_empty() { worst } else { Verdict::Altered };
    Ok(VerifyReport { files, live_contracts: live_pins(&queue_file).len(), pins, verdict })
}

fn inspect_file(root: &Path, marks: &Marks, file: &mut Tracked, state: &mut State) -> io::Result<FileReport> {
    for look in 1..=LOOKS {
        file.catch_up(marks, state)?;
        let Some(stat) = file.attend(state)? else { break };
        let size = stat.size;
        if file.damage.is_some() || file.chain.offset == size {
            break;
        }
        let in_doubt = |mark| matches!(mark, Mark::Set { from, .. } if from < size);
        if is_held(root)? || (look <= FLUSHES && in_doubt(marks.look()?.record(file.kind)?.mark)) {
            // Somebody is writing or flushing just now. What is not durable yet is not ours to judge.
            if look == LOOKS {
                return Ok(FileReport { in_flight: size - file.chain.offset, ..report(file, None) });
            }
            std::thread::sleep(PAUSE);
            continue;
        }
        // Nobody writes. What stands behind the mark was left by a process that died; the next one settles it.
        let tail = file.advance(stat, size, &mut || Ok(true), state)?.unwrap_or(0);
        let torn = judge_tail(file, tail)?;
        if is_held(root)? || file.attend(state)? != Some(stat) {
            continue;
        }
        return Ok(report(file, torn));
    }
    Ok(report(file, None))
}

fn judge_tail(file: &mut Tracked, tail: u64) -> io::Result<Option<Torn>> {
    let offset = file.chain.offset;
    let bytes = match file.file() {
        Some(open) if tail > 0 => read_range(open, offset, offset + tail)?,
        Some(_) | None => return Ok(None),
    };
    let lacks_only_newline = match file.chain.judge_tail(&bytes) {
        Tail::None => return Ok(None),
        Tail::Whole(_) => true,
        Tail::Torn => false,
        Tail::Altered => {
            file.tail_is_damaged();
            return Ok(None);
        }
    };
    Ok(Some(Torn { offset, bytes: bytes.len() as u64, lacks_only_newline }))
}

fn report(file: &Tracked, torn: Option<Torn>) -> FileReport {
    let chain = &file.chain;
    FileReport {
        file: file.kind.name(),
        lines: chain.lines,
        legacy_lines: chain.legacy_lines,
        bytes: chain.offset,
        first_ts: chain.first_ts,
        last_ts: chain.last_ts,
        head: chain.head(),
        odd: file.odd.clone(),
        odd_total: file.odd_total,
        torn,
        damage: file.damage.clone(),
        newer: file.newer.clone(),
        repaired: file.repaired.clone(),
        adopted: file.adopted.clone(),
        in_flight: 0,
    }
}

impl FileReport {
    /// This file in one word.
    pub fn verdict(&self) -> Verdict {
        if self.damage.is_some() {
            Verdict::Altered
        } else if self.newer.is_some() {
            Verdict::Newer
        } else if self.torn.is_some() {
            Verdict::Torn
        } else {
            Verdict::Sound
        }
    }
}

/// The contracts that live items rest on, and those items in the order in which they were enqueued.
fn live_pins(file: &Tracked) -> BTreeMap<Sha256Digest, Vec<QueueItemId>> {
    file.census.as_ref().map(|census| census.live_pins()).unwrap_or_default()
}

fn inspect_pins(root: &Path, marks: &Marks, file: &mut Tracked, state: &mut State) -> io::Result<Vec<PinProblem>> {
    let pins = Pins::new(root, Disk::default());
    let mut suspects = Vec::new();
    for digest in live_pins(file).into_keys() {
        match pins.check(&digest)? {
            Pin::Good => {}
            bad @ (Pin::Missing | Pin::Altered) => suspects.push((digest, bad)),
        }
    }
    if suspects.is_empty() {
        return Ok(Vec::new());
    }
    // A running process removes a pin after the line that releases it: whoever read before that line must read on.
    file.catch_up(marks, state)?;
    let mut live = live_pins(file);
    let problem = |(sha256, pin): (Sha256Digest, Pin)| {
        Some(PinProblem { sha256, altered: pin == Pin::Altered, items: live.remove(&sha256)? })
    };
    Ok(suspects.into_iter().filter_map(problem).collect())
}
