//! What the writer does beside commands: its first turn, counts of refusals, contracts that nobody rests on.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering;

use cortexpilot_core::domain::refusal::CountLine;

use super::failure::Broken;
use super::flush::Pending;
use super::{BUG, Obstacle, Writer, Wrote};
use crate::beside::Keeper;
use crate::chain::FileKind;
use crate::disk;
use crate::lock::LockProblem;
use crate::marks::Mark;

impl Writer {
    /// What is to be done now and then when no commands come.
    pub(crate) fn upkeep(&mut self) {
        let counts = self.meter.due(self.common.clock.now());
        self.record_counts(&counts);
        if !self.releasing.is_empty() {
            // A turn begins with that.
            self.record(&[]);
        }
        self.seal_if_due();
    }

    /// Writes down what was only counted, at the end.
    pub(crate) fn end(&mut self) {
        let counts = self.meter.drain();
        self.record_counts(&counts);
    }

    /// Removes contracts that nothing rests on any more, if nobody has written anything since: otherwise a later turn does.
    pub(crate) fn release_now(&mut self) {
        self.releasing.append(&mut self.common.releasing());
        if self.releasing.is_empty() {
            return;
        }
        let common = self.common.clone();
        let shared = common.engine.read();
        // One that another item rests on is released again when that ends.
        self.releasing.retain(|digest| !shared.state.queue.pin_is_live(digest));
        if self.releasing.is_empty() {
            return;
        }
        let Ok(Some(held)) = self.lock.try_acquire() else { return };
        let durable = held.record(FileKind::Queue).is_ok_and(|record| record.mark == Mark::Clear);
        if durable && shared.queue_file.is_current().is_ok_and(|current| current) {
            self.pins.release(self.releasing.iter(), &shared.state.queue);
            self.releasing.clear();
        }
    }

    fn record_counts(&mut self, counts: &[CountLine]) {
        if !counts.is_empty() {
            self.record(counts);
        }
    }

    fn record(&mut self, counts: &[CountLine]) {
        let recorded = catch_unwind(AssertUnwindSafe(|| self.try_record_counts(counts)));
        let why = match recorded {
            Ok(Ok(())) => return,
            Ok(Err(why)) => why,
            Err(_) => {
                self.fail(BUG);
                BUG.to_owned()
            }
        };
        let lost: u64 = counts.iter().map(|count| count.count).sum();
        self.common.unrecorded.fetch_add(lost, Ordering::Relaxed);
        tracing::warn!(lost, why, "counted refusals could not be recorded; they stand");
    }

    fn try_record_counts(&mut self, counts: &[CountLine]) -> Result<(), String> {
        let now = self.common.clock.now();
        let turn = match self.take_turn(&[], |turn, _| turn.count(counts, now)) {
            Ok(((), turn)) => turn,
            Err(Obstacle::Refuses(error) | Obstacle::Unavailable(error)) => return Err(error.to_string()),
            Err(Obstacle::Failed(why)) => {
                self.fail(&why);
                return Err(why);
            }
        };
        let wrote = self.write_out(turn).and_then(|wrote| match wrote {
            Wrote::Durable => Ok(()),
            Wrote::Unflushed(unflushed) => {
                let Pending { commit, records, written, outlook, .. } = *unflushed;
                let mut flushes = self.common.flushes();
                let flushed = flushes.flush(&self.common, &records, written);
                flushed.map_err(|(_, why)| Broken { why, fatal: true, outlook })?;
                self.common.engine.ended(commit);
                drop(flushes);
                self.common.engine.committed();
                Ok(())
            }
        });
        wrote.map_err(|broken| {
            self.break_off(&broken);
            broken.why
        })
    }

    /// The first turn of a process: proves that the lock locks, makes the files, settles what others left behind, and
    /// removes contracts that nothing rests on. That the files refuse writes is no error here: reads go on.
    pub(crate) fn begin(&mut self, root: &Path) -> Result<(), LockProblem> {
        let io = |error| LockProblem::Io(root.to_owned(), error);
        let held = self.lock.acquire()?;
        held.prove(root)?;
        let common = self.common.clone();
        let mut made = false;
        for kind in FileKind::ALL {
            let path = root.join(kind.name());
            let unread = {
                let shared = common.engine.read();
                let file = shared.file(kind);
                // A file that its last checkpoint misses is not made up for.
                file.chain.lines == 0 && file.damage.is_none()
            };
            if unread && disk::stat(&path).map_err(io)?.is_none() {
                common.disk.open_append(&path).map_err(io)?;
                made = true;
            }
        }
        if made {
            common.disk.sync_dir(root).map_err(io)?;
        }
        let mut shared = common.engine.write();
        match self.settle(&held, &mut shared) {
            Ok(()) => {}
            Err(Obstacle::Refuses(error) | Obstacle::Unavailable(error)) => {
                return Err(io(io::Error::other(error.to_string())));
            }
            Err(Obstacle::Failed(why)) => return Err(io(io::Error::other(why))),
        }
        self.reserve.keep();
        // What a damaged ledger rests on is not known, and what a repaired one rested on is evidence: contracts stay.
        if shared.refuses_writes().is_none() && shared.queue_file.repaired.is_none() {
            self.pins.tidy(&shared.state.queue).map_err(io)?;
        }
        let keeper = Keeper::new(root, &common.disk);
        keeper.tidy(&shared.state.queue).map_err(io)?;
        self.keeper = Some(keeper);
        Ok(())
    }
}
