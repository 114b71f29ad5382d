//! Sealed segments: where a ledger was split, its beginning stands in `segments/`, one file behind the other, and
//! `queue.jsonl` goes on where the last of them ends.
//!
//! A segment is nothing but a stretch of whole lines, byte for byte, under a name that says which:
//! `segments/queue-000000000001-000000050000.jsonl` holds the lines 1 to 50,000. The chain runs through: the first line of
//! a file chains onto the last line of the file before it. So all files behind one another are the ledger, and everything
//! that reads it counts lines and bytes from its very beginning (*logical* numbers and offsets), wherever they stand.
//!
//! Sealing copies the beginning of `queue.jsonl` into its segment, writes what is left into a new file, and gives that the
//! ledger's name. Who is stopped between leaves a segment that `queue.jsonl` still begins with: it is passed over by
//! readers, and replaced by the next sealing. A segment never takes a live item away from `queue.jsonl`, nor its last
//! line, nor lines of the original alone: so the file under the ledger's name always has a line of ours that shows
//! whether the segment before it is the right one.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger;
use jiff::SignedDuration;

use crate::chain::FileKind;
use crate::disk::{self, Disk, Identity, ReadAt, ReadFrom};

mod aside;
mod joined;
mod sealing;

pub(crate) use aside::{digest_of, set_aside, set_stale_aside};
pub(crate) use joined::{Joined, Opened, open};
pub(crate) use sealing::{Cut, seal};

/// The directory's name in the runtime root.
pub(crate) const DIR: &str = "segments";

/// How much of a file is read to find its first line. A longer line of the original cannot begin a file behind a segment.
const FIRST_LINE_MAX: u64 = 64 * 1024;

/// How often names are looked at again that change while they are looked at.
const LOOKS: usize = 100;

/// When the beginning of the ledger is sealed: when either holds. Neither, never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SegmentRule {
    /// `queue.jsonl` is larger than this, in bytes.
    pub bytes: Option<u64>,
    /// Its first line is older than this.
    pub age: Option<SignedDuration>,
}

/// A stretch of the ledger in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    /// From the runtime root.
    name: String,
    identity: Identity,
    /// Where it begins, in bytes from the ledger's beginning.
    base: u64,
    size: u64,
    /// Its first and last line, from 1, both included.
    lines: (u64, u64),
}

/// The segments that stand before a file, in order. There may be many, so only the one that was read last is open.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    root: PathBuf,
    before: Vec<Segment>,
    open: Mutex<Option<(usize, Arc<File>)>>,
}

/// Segments that do not belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Number of the first line that is not there, from 1.
    pub(crate) line: u64,
    /// In words that continue "line 3 …".
    pub(crate) what: String,
}

/// Where a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Boundary<'a> {
    pub(crate) name: &'a str,
    /// In bytes from the ledger's beginning.
    pub(crate) offset: u64,
    /// How many lines stand before it, as its name says.
    pub(crate) lines: u64,
}

impl Segments {
    /// Finds the segments before a file that is open, and where they stop belonging together. Only `queue.jsonl` has any.
    pub(crate) fn before(root: &Path, kind: FileKind, active: &dyn ReadAt) -> io::Result<(Self, Option<Gap>)> {
        if kind != FileKind::Queue {
            return Ok(Default::default());
        }
        for _ in 0..LOOKS {
            if let Some(found) = Self::look(root, active)? {
                return Ok(found);
            }
        }
        Err(io::Error::other("the sealed segments change faster than they can be looked at"))
    }

    /// `None` when a name was taken away meanwhile: whoever seals replaces what an earlier sealing left behind.
    fn look(root: &Path, active: &dyn ReadAt) -> io::Result<Option<(Self, Option<Gap>)>> {
        let mut named = listed(root)?;
        let mut found = Self { root: root.to_owned(), ..Self::default() };
        if named.is_empty() {
            return Ok(Some((found, None)));
        }
        let first = first_line(active)?;
        if begins_a_chain(&first) {
            return Ok(Some((found, None)));
        }
        // Who sealed was stopped before the file lost its beginning.
        while let Some((_, last)) = named.last().filter(|_| !first.is_empty()) {
            let Some((file, _)) = disk::open(&root.join(last))? else { return Ok(None) };
            if first_line(&file)? != first {
                break;
            }
            named.pop();
        }
        for (lines, name) in named {
            let (base, next) = (found.base(), found.lines() + 1);
            if lines.0 > next {
                return Ok(Some((found, Some(Gap::missing(next, lines.0 - 1)))));
            }
            if lines.0 < next {
                let what = format!("stands in two segments: {name} begins before the one before it ends");
                return Ok(Some((found, Some(Gap { line: lines.0, what }))));
            }
            let Some(stat) = disk::stat(&root.join(&name))? else { return Ok(None) };
            found.before.push(Segment { name, identity: stat.identity, base, size: stat.size, lines });
        }
        if !found.before.is_empty() && !first.ends_with(b"\n") {
            // Sealing always leaves a line.
            let what = format!("is not there: {} holds no line behind the sealed segments", FileKind::Queue.name());
            let line = found.lines() + 1;
            return Ok(Some((found, Some(Gap { line, what }))));
        }
        Ok(Some((found, None)))
    }

    /// Where the file behind them begins, in bytes from the ledger's beginning.
    pub(crate) fn base(&self) -> u64 {
        self.before.last().map_or(0, |last| last.base + last.size)
    }

    /// How many lines their names promise.
    pub(crate) fn lines(&self) -> u64 {
        self.before.last().map_or(0, |last| last.lines.1)
    }

    /// The end of the segment that holds this place; `None` in the file behind the segments.
    pub(crate) fn boundary_behind(&self, offset: u64) -> Option<Boundary<'_>> {
        let at = self.before.partition_point(|one| one.base + one.size <= offset);
        let one = self.before.get(at)?;
        Some(Boundary { name: &one.name, offset: one.base + one.size, lines: one.lines.1 })
    }

    /// The file that a line stands in, and its number there; `None` for the file behind the segments.
    pub(crate) fn place(&self, line: u64) -> Option<(&str, u64)> {
        let segment = self.before.iter().find(|one| (one.lines.0..=one.lines.1).contains(&line))?;
        Some((&segment.name, line - segment.lines.0 + 1))
    }

    /// Whether these stand before a later file, with more behind them.
    pub(crate) fn are_continued_by(&self, later: &Self) -> bool {
        later.before.len() > self.before.len() && later.before.starts_with(&self.before)
    }

    /// Reads from a place, never past the end of the file that it is in.
    pub(crate) fn read_at(&self, active: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        if at >= self.base() {
            return active.read_at(buffer, at - self.base());
        }
        let index = self.before.partition_point(|one| one.base + one.size <= at);
        let segment = &self.before[index];
        let left = usize::try_from(segment.base + segment.size - at).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        match self.file(index)?.read_at(&mut buffer[..most], at - segment.base)? {
            // It was shortened since it was looked at. Reading on behind it would give other bytes for these.
            0 if most > 0 => Err(io::Error::other(format!("{} was shortened while it was read", segment.name))),
            read => Ok(read),
        }
    }

    fn file(&self, index: usize) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = open.as_ref().filter(|(at, _)| *at == index) {
            return Ok(file.clone());
        }
        let segment = &self.before[index];
        let found = disk::open(&self.root.join(&segment.name))?;
        let same = found.filter(|(_, stat)| (stat.identity, stat.size) == (segment.identity, segment.size));
        let Some((file, _)) = same else {
            return Err(io::Error::other(format!("{} was taken away or changed while it was in use", segment.name)));
        };
        let file = Arc::new(file);
        *open = Some((index, file.clone()));
        Ok(file)
    }

    /// Makes durable what stands in segments from this place on. They were when they were sealed; but of a copy of the
    /// ledger nothing is known.
    pub(crate) fn sync(&self, disk: &Disk, from: u64) -> io::Result<()> {
        if from >= self.base() {
            return Ok(());
        }
        let first = self.before.partition_point(|one| one.base + one.size <= from);
        for index in first..self.before.len() {
            disk.sync(&*self.file(index)?)?;
        }
        disk.sync_dir(&self.root.join(DIR))?;
        disk.sync_dir(&self.root)
    }
}

impl Gap {
    fn missing(first: u64, last: u64) -> Self {
        Self { line: first, what: format!("is not there: {} is missing", name(first, last)) }
    }
}

/// What to add to a line that does not continue what stands before it, where a segment may be missing before it.
pub(crate) fn may_be_missing(line: u64) -> String {
    match line {
        1 => "; or the sealed segments before it are missing".to_owned(),
        line => format!("; or a sealed segment is missing before it, whose first line is {line}"),
    }
}

/// Whether there is any segment at all.
pub(crate) fn any(root: &Path) -> io::Result<bool> {
    Ok(!listed(root)?.is_empty())
}

fn name(first: u64, last: u64) -> String {
    format!("{DIR}/queue-{first:012}-{last:012}.jsonl")
}

fn parse_name(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.strip_prefix("queue-")?.strip_suffix(".jsonl")?.split_once('-')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let (first, last): (u64, u64) = (number(first)?, number(last)?);
    // One spelling only.
    (first >= 1 && last >= first && self::name(first, last) == format!("{DIR}/{name}")).then_some((first, last))
}

/// What a sealing that was stopped has copied.
fn is_part(name: &str) -> bool {
    name.strip_suffix(".tmp").is_some_and(|name| parse_name(name).is_some())
}

/// The names in the directory. No directory, no names.
fn names_in(root: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(root.join(DIR)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

/// The segments' first and last lines and their names, in order.
fn listed(root: &Path) -> io::Result<Vec<((u64, u64), String)>> {
    let named = names_in(root)?.into_iter().filter_map(|name| Some((parse_name(&name)?, format!("{DIR}/{name}"))));
    let mut found: Vec<_> = named.collect();
    found.sort();
    Ok(found)
}

/// A file's first line, with its newline; what there is when it has none.
fn first_line(file: &dyn ReadAt) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let from_the_start = ReadFrom { file, at: 0 };
    BufReader::with_capacity(4096, from_the_start.take(FIRST_LINE_MAX)).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Whether this is the first line of a ledger of ours: then nothing stands before it, whatever is in the directory. A
/// repair begins one.
fn begins_a_chain(first: &[u8]) -> bool {
    first.strip_suffix(b"\n").is_some_and(|line| ledger::verify(&Sha256Digest::ZERO, line).is_some())
}

#[cfg(test)]
mod tests;
