//! When a thread that commits seals the beginning of `queue.jsonl` ([`crate::segments`]): behind a commit that made it due,
//! when its answers are given. Nothing that was acknowledged depends on it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use cortexpilot_core::codec::line::{self, Line};
use cortexpilot_core::domain::ledger::LINE_MAX;
use jiff::Timestamp;

use super::{BUG, Obstacle, Writer, failure};
use crate::chain::FileKind;
use crate::disk::Trouble;
use crate::follow::read_range;
use crate::lock::Held;
use crate::marks::Mark;
use crate::segments::{self, Cut, SegmentRule, Segments};
use crate::settle;
use crate::state::{Shared, unavailable};
use crate::tracked::Tracked;

/// What is left alone on a disk, beside a second copy of the file: the room of the reserve, twice.
const ROOM: u64 = 2 * 1024 * 1024;

/// When it is due, and what is known about that.
#[derive(Debug)]
pub(super) struct Sealing {
    rule: SegmentRule,
    /// After an attempt that came to nothing: not before the ledger ends here.
    not_before: u64,
    /// Which file this is the time of the first line of: where it begins, and after how many restarts.
    began: Option<(u64, u64, Option<Timestamp>)>,
}

/// What is to be sealed.
struct Due {
    segments: Arc<Segments>,
    cut: Cut,
    /// How much is copied.
    bytes: u64,
}

impl Sealing {
    pub(super) fn new(rule: SegmentRule) -> Self {
        Self { rule, not_before: 0, began: None }
    }

    fn is_due(&mut self, shared: &Shared, now: Timestamp) -> bool {
        let (file, SegmentRule { bytes, age }) = (&shared.queue_file, self.rule);
        if (bytes, age) == (None, None) || file.chain.offset < self.not_before || shared.refuses_writes().is_some() {
            return false;
        }
        let size = file.chain.offset - file.base();
        let is_old = |age| self.began(file).is_some_and(|began| now.duration_since(began) > age);
        bytes.is_some_and(|most| size > most) || age.is_some_and(is_old)
    }

    fn began(&mut self, file: &Tracked) -> Option<Timestamp> {
        let which = (file.base(), file.restarts);
        match self.began {
            Some((base, restarts, began)) if (base, restarts) == which => began,
            Some(_) | None => {
                let began = time_of_first_line(file);
                // Of an empty file the time is still to come.
                self.began = began.is_some().then_some((which.0, which.1, began));
                began
            }
        }
    }

    /// Nothing came of it. The next attempt costs as much, so it is not made at every commit.
    fn put_off(&mut self, file: &Tracked) {
        let end = file.chain.offset;
        self.not_before = end + ((end - file.base()) / 16).max(1);
    }
}

fn time_of_first_line(file: &Tracked) -> Option<Timestamp> {
    if file.base() == 0 {
        return file.chain.first_ts;
    }
    let bytes = read_range(file.file()?, file.base(), file.base() + LINE_MAX as u64 + 1).ok()?;
    let end = memchr::memchr(b'\n', &bytes)?;
    match line::decode(&bytes[..end]).ok()? {
        Line::Event(event) => Some(event.ts()),
        Line::Adopted(adopted) => Some(adopted.ts),
        Line::Repaired(repaired) => Some(repaired.ts),
        Line::Unknown { .. } => None,
    }
}

impl Writer {
    /// Whether it is ever done.
    pub(crate) fn seals(&self) -> bool {
        self.sealing.rule != SegmentRule::default()
    }

    /// Whether it is due: then no bytes should be in flight.
    pub(crate) fn seal_is_due(&mut self) -> bool {
        let common = self.common.clone();
        self.seals() && self.sealing.is_due(&common.engine.read(), common.clock.now())
    }

    /// Seals the beginning of the queue's file, if that is due. That it cannot be done is no failure of a commit: it is said
    /// in the log and tried again later. Only where it is done and nobody can tell whether it will last, this process writes
    /// nothing more.
    pub(crate) fn seal_if_due(&mut self) {
        let now = self.common.clock.now();
        let engine = self.common.engine.clone();
        if self.common.failed().is_some() || !self.sealing.is_due(&engine.read(), now) {
            return;
        }
        let sealed = catch_unwind(AssertUnwindSafe(|| self.seal(now)));
        match sealed {
            Ok(Ok(true)) => return,
            Ok(Ok(false)) => {}
            Ok(Err(Trouble::Before(error))) => {
                tracing::warn!(%error, "the beginning of the ledger could not be sealed; it is whole as it is");
            }
            Ok(Err(trouble @ Trouble::During(_))) => {
                self.fail(&failure("sealing the beginning of the ledger", trouble).1)
            }
            Err(_) => self.fail(BUG),
        }
        self.sealing.put_off(&engine.read().queue_file);
    }

    /// `Ok(false)`: not now.
    fn seal(&mut self, now: Timestamp) -> Result<bool, Trouble> {
        let Ok(Some(held)) = self.lock.try_acquire() else { return Ok(false) };
        let due = match self.what_to_seal(&held, now) {
            Ok(Some(due)) => due,
            Ok(None) | Err(Obstacle::Refuses(_)) => return Ok(false),
            Err(Obstacle::Unavailable(error)) => return Err(Trouble::Before(std::io::Error::other(error.to_string()))),
            Err(Obstacle::Failed(why)) => return Err(Trouble::During(std::io::Error::other(why))),
        };
        let engine = self.common.engine.clone();
        let (root, repaired) = {
            let file = &engine.read().queue_file;
            (file.path().parent().unwrap_or(Path::new("")).to_owned(), file.repaired.clone())
        };
        if self.common.disk.room(&root).is_ok_and(|room| room < due.bytes.saturating_add(ROOM)) {
            return Ok(false);
        }
        if let Some(repaired) = repaired {
            segments::set_stale_aside(&self.common.disk, &root, &repaired.damaged_sha256).map_err(Trouble::Before)?;
        }
        // Not under the state's lock: what is in memory is answered from meanwhile.
        segments::seal(&root, &held, &self.common.disk, &due.segments, due.cut)?;
        let mut shared = engine.write();
        let (file, state) = shared.split(FileKind::Queue);
        // Where this fails the next look at the files says so.
        if let Err(error) = settle::read_on(&held, file, state) {
            tracing::warn!(%error, "the ledger could not be read behind its sealed beginning");
        }
        tracing::info!(lines = due.cut.lines, "the beginning of the ledger is sealed");
        Ok(true)
    }

    /// Under the lock, with everything in the files read and durable.
    fn what_to_seal(&mut self, held: &Held, now: Timestamp) -> Result<Option<Due>, Obstacle> {
        let engine = self.common.engine.clone();
        let mut shared = engine.write();
        shared.drop_broken_index();
        let doubts = self.read_on(held, &mut shared).inspect_err(|_| self.forget(&mut shared))?;
        let kind = FileKind::Queue;
        let record = held.record(kind).map_err(|error| Obstacle::Unavailable(unavailable(error)))?;
        // Others are about to flush what they wrote, through handles of the file that is there now.
        if doubts != [None, None] || record.mark != Mark::Clear || !self.sealing.is_due(&shared, now) {
            return Ok(None);
        }
        let file = &shared.queue_file;
        let Some(open) = file.file() else { return Ok(None) };
        let live = shared.state.queue.held_lines().filter(|(item, _)| item.is_live());
        let oldest_live = live.map(|(_, lines)| lines.enqueued).min();
        let segments = file.segments();
        let cut = Cut::of(open, &segments, &file.chain, oldest_live);
        let cut = cut.map_err(|error| Obstacle::Unavailable(unavailable(error)))?;
        let bytes = file.chain.offset - segments.base();
        Ok(cut.map(|cut| Due { segments, cut, bytes }))
    }
}
