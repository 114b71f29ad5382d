//! Moving the beginning of `queue.jsonl` into a segment.

use std::fs::File;
use std::io;
use std::path::Path;

use super::{DIR, Segments, first_line, is_part, listed, name, names_in};
use crate::chain::{Chain, FileKind};
use crate::disk::{self, Disk, ReadAt, Trouble};
use crate::follow::read_range;
use crate::lock::Held;

/// How much is copied at once.
const CHUNK: u64 = 1024 * 1024;

/// What is sealed: everything before a place between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// In bytes from the ledger's beginning.
    pub(crate) offset: u64,
    /// How many lines stand before it, from the ledger's beginning.
    pub(crate) lines: u64,
}

impl Cut {
    /// The place to cut at, if sealing is worth it: before the oldest live item and the last line, behind the original's
    /// lines, and with at least half of the file before it. The chain stands at the ledger's end.
    pub(crate) fn of(
        file: &dyn ReadAt,
        segments: &Segments,
        chain: &Chain,
        oldest_live: Option<u64>,
    ) -> io::Result<Option<Self>> {
        let (base, end) = (segments.base(), chain.offset);
        let Some((begins, _)) = chain.began else { return Ok(None) };
        let Some(last) = last_line(file, end, base)? else { return Ok(None) };
        let offset = oldest_live.map_or(last, |live| live.min(last));
        if offset <= base || offset < begins || (offset - base) < (end - base) / 2 {
            return Ok(None);
        }
        let lines = segments.lines() + count_lines(file, base, offset)?;
        Ok(Some(Self { offset, lines }))
    }
}

/// Where the last line begins.
fn last_line(file: &dyn ReadAt, end: u64, base: u64) -> io::Result<Option<u64>> {
    let mut step = 4096;
    loop {
        let from = end.saturating_sub(step).max(base);
        let bytes = read_range(file, from, end)?;
        let Some(line) = bytes.strip_suffix(b"\n") else { return Ok(None) };
        if let Some(before) = memchr::memrchr(b'\n', line) {
            return Ok(Some(from + before as u64 + 1));
        }
        if from == base {
            return Ok(Some(base));
        }
        step *= 4;
    }
}

fn count_lines(file: &dyn ReadAt, from: u64, to: u64) -> io::Result<u64> {
    let (mut at, mut lines) = (from, 0);
    while at < to {
        let bytes = read_range(file, at, (at + CHUNK).min(to))?;
        if bytes.is_empty() {
            return Err(shortened());
        }
        lines += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        at += bytes.len() as u64;
    }
    Ok(lines)
}

/// Seals everything before the cut. Under the ledger's lock, when every byte of the file is durable; the epoch is raised, for
/// readers must not mix what they read of one file with what they read of the other.
///
/// Stopped at any step, the ledger is what it was or what it is to be; nothing is lost.
///
/// # Errors
/// [`Trouble::Before`]: the ledger is what it was, or the next turn finds it sealed and makes the new name durable before
/// anything is written. [`Trouble::During`]: it is sealed, and whether the name of the new file will last is not known.
/// Whoever writes next must see to it first; this process must not.
pub(crate) fn seal(root: &Path, held: &Held, disk: &Disk, segments: &Segments, cut: Cut) -> Result<(), Trouble> {
    let kind = FileKind::Queue;
    let path = root.join(kind.name());
    let rest = path.with_file_name(format!("{}.sealed.tmp", kind.name()));
    let prepared = prepare(root, disk, segments, cut, &rest).inspect_err(|_| {
        // What was copied by half takes room. Where it cannot be taken away the next sealing does.
        let _ = disk.unlink(&rest).and_then(|()| drop_parts(root, disk));
    });
    let size = prepared.map_err(Trouble::Before)?;
    held.raise_epoch(kind, size).map_err(Trouble::Before)?;
    disk.rename(&rest, &path).map_err(Trouble::Before)?;
    disk.sync_dir(root).map_err(Trouble::During)?;
    held.clear(kind).map_err(Trouble::Before)
}

/// Makes the segment and what is left of the file, both durable; gives the ledger's size.
fn prepare(root: &Path, disk: &Disk, segments: &Segments, cut: Cut, rest: &Path) -> io::Result<u64> {
    let path = root.join(FileKind::Queue.name());
    let (active, stat) = disk::open(&path)?.ok_or_else(|| io::Error::other("there is no ledger"))?;
    let base = segments.base();
    if cut.offset <= base || cut.offset >= base + stat.size || cut.lines <= segments.lines() {
        return Err(io::Error::other("there is nothing to seal before this place"));
    }
    let local = cut.offset - base;
    disk.make_dirs(&root.join(DIR))?;
    let sealed = name(segments.lines() + 1, cut.lines);
    let part = root.join(format!("{sealed}.tmp"));
    copy(disk, &active, (0, local), &part)?;
    // What an earlier sealing left behind would overlap with this one.
    drop_leftovers(root, disk, segments, &sealed, &active)?;
    disk.rename(&part, &root.join(&sealed))?;
    disk.sync_dir(&root.join(DIR))?;
    // Whoever made the directory may have been stopped before its own name was durable.
    disk.sync_dir(root)?;
    copy(disk, &active, (local, stat.size), rest)?;
    Ok(base + stat.size)
}

/// Takes segments away that the file still begins with. Whatever else stands there is not touched, and nothing is sealed.
fn drop_leftovers(root: &Path, disk: &Disk, segments: &Segments, sealed: &str, active: &dyn ReadAt) -> io::Result<()> {
    let begins = first_line(active)?;
    let mut leftovers = Vec::new();
    for ((_, last), name) in listed(root)? {
        if last <= segments.lines() {
            continue;
        }
        match disk::open(&root.join(&name))? {
            Some((file, _)) if first_line(&file)? == begins => leftovers.push(name),
            Some(_) => return Err(io::Error::other(format!("{name} is no part of this ledger: move it away"))),
            None => {}
        }
    }
    leftovers.iter().filter(|name| *name != sealed).try_for_each(|name| disk.unlink(&root.join(name)))
}

/// Takes away what was copied by half.
fn drop_parts(root: &Path, disk: &Disk) -> io::Result<()> {
    let parts = names_in(root)?.into_iter().filter(|name| is_part(name));
    parts.map(|name| root.join(DIR).join(name)).try_for_each(|path| disk.unlink(&path))
}

/// Copies a stretch of a file into a new file, durable under its temporary name.
fn copy(disk: &Disk, from: &File, stretch: (u64, u64), to: &Path) -> io::Result<()> {
    let file = disk.create_empty(to)?;
    let (mut at, end) = stretch;
    while at < end {
        let bytes = read_range(from, at, (at + CHUNK).min(end))?;
        if bytes.is_empty() {
            return Err(shortened());
        }
        disk.write_at(&file, &bytes, at - stretch.0)?;
        at += bytes.len() as u64;
    }
    disk.sync(&file)
}

fn shortened() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the ledger was shortened while it was sealed")
}
