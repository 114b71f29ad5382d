//! The lock file's two records: which bytes of each chained file are durable, while several processes write at once.
//!
//! A record is `clear`, or `set from F upto U`: our writers have written bytes, or are about to, up to U, and those before F
//! are on stable storage. Whoever may change a record holds the *small lock*, `flock(2)` on the runtime root, for a read and
//! a write; so no change is lost. The *ledger's lock* ([`crate::lock`]) is what a writer holds from reading the files to the
//! end of its write, but not over the flush.
//!
//! # A commit
//!
//! Under the ledger's lock, in this order:
//!
//! 1. Read the record and read on to the file's end S. If the record is set, the bytes from F on are *in doubt*: whoever wrote
//!    them is flushing them now, or failed, or is dead, and nothing tells which.
//! 2. Judge. A line of the queue is written only when everything in `decisions.jsonl` is durable, and the contracts that it
//!    pins are: what is missing is flushed now, under the lock.
//! 3. Open a handle for appending, unless there is one from an earlier batch of this epoch. Set the record: `upto` is where the
//!    batch will end; `from` stays if it was set, and is S otherwise. One that is clear under the ledger's lock stays so, and
//!    is set without the small lock: who publishes late finds nothing to publish in it.
//! 4. If it was set and the handle is new, write the bytes from `from` to S once more, as they are. After a failed flush the
//!    kernel holds pages for clean that the medium does not have; only what is written again will be flushed again. A handle
//!    from an earlier batch was open before any of these bytes was written, and will be told.
//! 5. Append the batch with one write. Let go of the ledger's lock.
//!
//! Then, with no lock, `fdatasync`; then *publish*: under the small lock, unless the epoch has changed, `from` becomes the
//! larger of itself and the flush's end, and the record is clear when that reaches `upto`. Then answer. The flush's end is
//! the batch's end; or `upto`, where the record said it before the flush began, and the file was that long by then.
//!
//! Who was not alone when it wrote looks before its flush whether another's has covered its batch, and answers then. So
//! that one flush serves many, processes that write at once take turns at it; no safety rests on that.
//!
//! A process may judge and write its next batch while one is flushed ([`crate::commits`]). It flushes them in that order, and
//! none behind one that failed.
//!
//! A batch that wrote nothing to a file, but read bytes in doubt there, waits before it answers until another has published
//! them. When nobody has for a while it takes the ledger's lock again and makes them durable itself: steps 3 and 4, a flush,
//! publish. Whatever else needs the files durable under the lock (opening, a checkpoint, an import, a repair) does the same.
//!
//! A write, a flush or a change of a record that failed ends the process's writing for good; its record stays set.
//!
//! # Why it holds
//!
//! **D: bytes before `from`, and all bytes of a file whose record is clear, are durable.** `from` grows only by publishing.
//! Who publishes E has read the record under the ledger's lock, F at that time, and S. By D the bytes before F were durable;
//! those from F to S it has written again (or `from` had passed them by step 3, so that D speaks for them), and those from S
//! to E are its own. All of its writes came before its flush, and its handle was open before the first of them: Linux tells
//! a failed write-back to every handle that was open when it failed, whoever's flush it was, so that a flush that gives no
//! error left none of these bytes behind. Two flushes side by side may each clean the other's pages; the one that fails is
//! told to both, and both stop.
//!
//! The handle of an earlier batch speaks for more. That batch ended at E', was flushed through it without an error, or will be
//! before this one, and everything before E' is durable then. What stands behind E' was written later, by whomever, while
//! the handle was open: an error of any of it is told to this handle's next flush. So nothing of it need be written again;
//! and for the same reason a flush speaks for what others wrote behind the batch before it began. Of two flushes of one
//! process through one handle only the first would be told: therefore they come in order, and none behind a failed one.
//! The price is that a flush that fails anywhere stops every process that has written to the file before, and not only
//! those that flush just then.
//!
//! **U: while the record is set, no byte of ours stands at or behind `upto`.** Who sets `upto` holds the ledger's lock, so that
//! nobody else is between setting and writing; and it knows the file's size, so that everything written before ends where
//! its own bytes begin. Publishing clears only when it reaches `upto`, that is, the end of the last batch written, and by D
//! everything before is durable then: clear is true.
//!
//! **What is acknowledged anywhere can be read everywhere.** It was published first; and `from` does not fall while the epoch
//! stands. The epoch is raised only by a holder of the ledger's lock, and only when it has published everything in the file
//! before: so who finds another epoch than the one it wrote under has nothing left to publish.
//!
//! **What is judged rests on durable bytes when it is answered.** A batch rests on what it read, up to S, and on what it wrote:
//! its flush covers both. In a file that it did not write to it waits. When anything fails, what was read in doubt is read
//! anew from what is durable, and refusals are judged anew on that.
//!
//! **Who is killed** between setting and publishing leaves the record set. What it wrote is in doubt for whoever comes next; it
//! was never acknowledged, and becomes durable with the next batch. Half a line at the end can only be a dead writer's,
//! because writers append under the lock: it is dealt with under the lock, at once ([`crate::settle`]).
//!
//! **The records themselves are never synced.** They matter between processes on a running machine; after a power failure
//! whatever can be read was on the medium.
//!
//! # A reader takes no lock
//!
//! It reads the epoch, the file's size, then the record. Every byte below that size was written after its writer had set the
//! record. If it is clear now, U and D say that those bytes are durable; if it is set, those before `from` are. Writing bytes
//! again as they are changes nothing for it. It needs that bytes below a size never change otherwise, which is not so when a
//! torn tail is cut or a repair puts another file in place. Whoever does that raises the epoch first; a reader looks at it
//! again after each read, and begins anew when it has changed.
//!
//! A process that writes holds more than that in memory: bytes in doubt that it judged on, and its own batch. Readers in the
//! same process wait for the batch's end ([`crate::state`]).
//!
//! `fault_tests/model.rs` runs through every interleaving of this with small numbers of writers, kills and failed flushes,
//! and shows that leaving out any one of its parts is found.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use cortexpilot_core::domain::id::Sha256Digest;

use crate::chain::FileKind;
use crate::disk::{self, Disk};

/// A record's size in bytes, its newline included. Both are written in place, each with one write.
const RECORD: usize = 126;

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
    /// Those before `from` are.
    Set {
        /// From here on bytes may not be durable.
        from: u64,
        /// No writer has written, or is about to write, here or behind.
        upto: u64,
    },
}

impl Record {
    pub(crate) const UNKNOWN: Self = Self { mark: Mark::Unknown, epoch: 0 };

    /// The record of a writer that holds the ledger's lock and is about to write from `begin` to `end`. What is in doubt
    /// stays so.
    pub(crate) fn set(self, begin: u64, end: u64) -> Self {
        let from = match self.mark {
            Mark::Unknown | Mark::Clear => begin,
            Mark::Set { from, .. } => from,
        };
        Self { mark: Mark::Set { from, upto: end }, ..self }
    }

    /// The record after everything before `end` was made durable by one who wrote under this epoch.
    pub(crate) fn published(self, end: u64, epoch: u64) -> Self {
        match self.mark {
            Mark::Set { from, upto } if self.epoch == epoch => {
                let from = from.max(end);
                Self { mark: if from >= upto { Mark::Clear } else { Mark::Set { from, upto } }, ..self }
            }
            Mark::Unknown | Mark::Clear | Mark::Set { .. } => self,
        }
    }

    /// Whether everything before `end`, as it was written under this epoch, has been published.
    pub(crate) fn covers(self, end: u64, epoch: u64) -> bool {
        match self.mark {
            Mark::Clear => true,
            Mark::Unknown => false,
            Mark::Set { from, .. } => self.epoch != epoch || from >= end,
        }
    }

    fn encode(self, kind: FileKind) -> String {
        let (word, from, upto) = match self.mark {
            Mark::Unknown => ("unknown", 0, 0),
            Mark::Clear => ("clear", 0, 0),
            Mark::Set { from, upto } => ("set", from, upto),
        };
        let (name, epoch) = (kind.name(), self.epoch);
        let mut text = format!("{name:<15} {word:<7} from {from:020} upto {upto:020} epoch {epoch:020} check ");
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
        let mut number = || words.nth(1)?.parse().ok();
        let (from, upto, epoch) = (number()?, number()?, number()?);
        let mark = match word {
            "unknown" => Mark::Unknown,
            "clear" => Mark::Clear,
            "set" => Mark::Set { from, upto },
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

/// Reads both records at once, each as [`read`] does.
pub(crate) fn read_both(file: &File) -> io::Result<[Option<Record>; 2]> {
    let mut bytes = [0; 2 * RECORD];
    let mut have = 0;
    while have < bytes.len() {
        match file.read_at(&mut bytes[have..], have as u64)? {
            0 => break,
            read => have += read,
        }
    }
    Ok(FileKind::ALL.map(|kind| Record::decode(kind, &bytes[place(kind)..place(kind) + RECORD])))
}

/// Writes a record. Only whoever holds the small lock may, or the ledger's lock while the record is clear.
pub(crate) fn write(disk: &Disk, file: &File, kind: FileKind, record: Record) -> io::Result<()> {
    disk.mark_at(file, record.encode(kind).as_bytes(), place(kind) as u64)
}

/// How often a reader looks again at a record that makes no sense before it gives up: a write of so few bytes takes far less.
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
            for mark in [
                Mark::Unknown,
                Mark::Clear,
                Mark::Set { from: 0, upto: 7 },
                Mark::Set { from: u64::MAX, upto: u64::MAX },
            ] {
                let record = Record { mark, epoch: 7 };
                let text = record.encode(kind);
                assert_eq!(text.len(), RECORD, "{text}");
                assert_eq!(Record::decode(kind, text.as_bytes()), Some(record));
            }
        }
    }

    #[test]
    fn a_changed_record_makes_no_sense() {
        let text = Record { mark: Mark::Set { from: 4096, upto: 5000 }, epoch: 3 }.encode(FileKind::Queue).into_bytes();
        assert_eq!(Record::decode(FileKind::Decisions, &text), None, "the other file's");
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut changed = text.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(Record::decode(FileKind::Queue, &changed), None, "byte {at} bit {bit}");
            }
        }
        let half = [&text[..40], &[0; RECORD - 40]].concat();
        assert_eq!(Record::decode(FileKind::Queue, &half), None, "half a write");
    }

    #[test]
    fn who_publishes_takes_nothing_back_and_clears_only_what_is_whole() {
        let clear = Record { mark: Mark::Clear, epoch: 4 };
        let set = |from, upto| Record { mark: Mark::Set { from, upto }, epoch: 4 };
        let (first, second) = (clear.set(10, 20), clear.set(10, 20).set(20, 30));
        assert_eq!((first, second), (set(10, 20), set(10, 30)), "the earlier doubt stays");
        assert_eq!(first.published(20, 4), clear);
        assert_eq!(second.published(20, 4), set(20, 30), "the other's bytes are still in flight");
        assert_eq!(second.published(30, 4), clear, "its flush covers both");
        assert_eq!(second.published(30, 4).published(20, 4), clear);
        assert_eq!(set(25, 30).published(20, 4), set(25, 30), "a slower flush takes nothing back");
        assert_eq!(second.published(30, 3), second, "another file, perhaps");
        assert_eq!(Record::UNKNOWN.published(30, 0), Record::UNKNOWN);
        for (record, covers) in
            [(clear, true), (set(20, 30), true), (set(19, 30), false), (Record { epoch: 5, ..set(0, 9) }, true)]
        {
            assert_eq!(record.covers(20, 4), covers, "{record:?}");
        }
        assert!(!Record::UNKNOWN.covers(20, 0), "of which nothing is known");
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
