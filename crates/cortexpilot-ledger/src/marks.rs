//! The lock file's two marks: from which offset the bytes of each chained file may not be durable.
//!
//! A writer, under the lock: sets the mark to the file's length, appends, syncs, clears the mark. So:
//!
//! - While a mark is clear, every byte of its file is on stable storage. While it is set, every byte before it is.
//! - Who takes the lock and finds a mark set, or cannot tell, follows a writer that died or failed between the two: it
//!   writes those bytes again and syncs them before it trusts them. Syncing alone is not enough: after a failed sync the
//!   kernel holds pages for clean that the medium does not have.
//!
//! The marks themselves are never synced. They matter between processes on a running machine; after a power failure
//! whatever can be read was on the medium.
//!
//! A reader takes no lock. It reads the file's size first and the mark second. Every byte below that size was written by a
//! commit that had set its mark before; if the mark reads as clear afterwards, that commit has synced. If it reads as set,
//! the bytes before it are durable. This needs that bytes below a size never change, which is not so when a torn tail is
//! cut or a repair puts another file in place. Whoever does that raises the epoch first; a reader reads the mark before
//! the size and again after each read, and begins anew when the epoch has changed.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use cortexpilot_core::domain::id::Sha256Digest;

use crate::chain::FileKind;
use crate::disk::{self, Disk};

/// A record's size in bytes, its newline included. Both are written in place, each with one write.
const RECORD: usize = 100;

/// One file's record in the lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) mark: Mark,
    /// Raised whenever bytes of the file may change that a reader could have seen.
    pub(crate) epoch: u64,
}

/// What is known about a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// No process of ours has written under this lock file: nothing was acknowledged, nothing is known.
    Unknown,
    /// All bytes are durable.
    Clear,
    /// Those before this offset are.
    From(u64),
}

impl Record {
    const UNKNOWN: Self = Self { mark: Mark::Unknown, epoch: 0 };

    fn encode(self, kind: FileKind) -> String {
        let (word, from) = match self.mark {
            Mark::Unknown => ("unknown", 0),
            Mark::Clear => ("clear", 0),
            Mark::From(from) => ("set", from),
        };
        let mut text = format!("{:<15} {word:<7} from {from:020} epoch {:020} check ", kind.name(), self.epoch);
        let check = Sha256Digest::of(text.as_bytes()).to_string();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", &check[..16]);
        text
    }

    fn decode(kind: FileKind, bytes: &[u8]) -> Option<Self> {
        // A file that was just made, or whose blocks a power failure left empty: nothing was acknowledged under it since.
        if bytes.iter().all(|byte| *byte == 0) {
            return Some(Self::UNKNOWN);
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let mut words = text.split_whitespace();
        words.next().filter(|name| *name == kind.name())?;
        let word = words.next()?;
        let from = words.nth(1)?.parse().ok()?;
        let epoch = words.nth(1)?.parse().ok()?;
        let mark = match word {
            "unknown" => Mark::Unknown,
            "clear" => Mark::Clear,
            "set" => Mark::From(from),
            _ => return None,
        };
        let record = Self { mark, epoch };
        // One spelling only: whatever does not print like this was not written like this.
        (record.encode(kind).as_bytes() == bytes).then_some(record)
    }
}

fn place(kind: FileKind) -> usize {
    match kind {
        FileKind::Queue => 0,
        FileKind::Decisions => RECORD,
    }
}

/// Reads a record from an open lock file; `None` when its bytes make no sense, which is also how half a write looks.
pub(crate) fn read(file: &File, kind: FileKind) -> io::Result<Option<Record>> {
    let mut bytes = [0; RECORD];
    let mut have = 0;
    while have < RECORD {
        match file.read_at(&mut bytes[have..], (place(kind) + have) as u64)? {
            0 => break,
            read => have += read,
        }
    }
    Ok(Record::decode(kind, &bytes))
}

/// Writes a record. Only whoever holds the lock may.
pub(crate) fn write(disk: &Disk, file: &File, kind: FileKind, record: Record) -> io::Result<()> {
    disk.write_at(file, record.encode(kind).as_bytes(), place(kind) as u64)
}

/// How often a reader looks again at a record that makes no sense before it gives up: a write of 100 bytes takes far less.
const LOOKS: usize = 1000;

/// The marks as a reader without the lock sees them.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    path: PathBuf,
}

/// The lock file as a reader found it.
pub(crate) struct Look<'a> {
    marks: &'a Marks,
    file: Option<File>,
}

impl Marks {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Opens the lock file, if there is one. Nothing is made.
    pub(crate) fn look(&self) -> io::Result<Look<'_>> {
        Ok(Look { marks: self, file: self.open()? })
    }

    fn open(&self) -> io::Result<Option<File>> {
        Ok(disk::open(&self.path)?.map(|(file, _)| file))
    }
}

impl Look<'_> {
    /// The file's record as it is now. Without a lock file no process of ours ever wrote; one that begins to is noticed.
    pub(crate) fn record(&mut self, kind: FileKind) -> io::Result<Record> {
        if self.file.is_none() {
            self.file = self.marks.open()?;
        }
        let Some(file) = &self.file else { return Ok(Record::UNKNOWN) };
        for _ in 0..LOOKS {
            if let Some(record) = read(file, kind)? {
                return Ok(record);
            }
            std::thread::yield_now();
        }
        Err(io::Error::other(format!(
            "the lock file does not say which bytes of {} are durable; the next process that writes settles it",
            kind.name()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_one_size_and_read_back() {
        for kind in FileKind::ALL {
            for mark in [Mark::Unknown, Mark::Clear, Mark::From(0), Mark::From(u64::MAX)] {
                let record = Record { mark, epoch: 7 };
                let text = record.encode(kind);
                assert_eq!(text.len(), RECORD, "{text}");
                assert_eq!(Record::decode(kind, text.as_bytes()), Some(record));
            }
        }
    }

    #[test]
    fn a_changed_record_makes_no_sense() {
        let text = Record { mark: Mark::From(4096), epoch: 3 }.encode(FileKind::Queue).into_bytes();
        assert_eq!(Record::decode(FileKind::Decisions, &text), None, "the other file's");
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut changed = text.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(Record::decode(FileKind::Queue, &changed), None, "byte {at} bit {bit}");
            }
        }
        let half = [&text[..40], &[0; 60]].concat();
        assert_eq!(Record::decode(FileKind::Queue, &half), None, "half a write");
    }

    #[test]
    fn a_new_lock_file_says_that_nothing_is_known() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(read(&file, FileKind::Decisions).unwrap(), Some(Record::UNKNOWN));
        let record = Record { mark: Mark::Clear, epoch: 1 };
        write(&Disk::default(), &file, FileKind::Queue, record).unwrap();
        assert_eq!(read(&file, FileKind::Queue).unwrap(), Some(record));
        assert_eq!(read(&file, FileKind::Decisions).unwrap(), Some(Record::UNKNOWN));
    }
}
