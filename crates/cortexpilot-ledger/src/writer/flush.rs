//! From the write to the acknowledgement: flushing what a batch has written, with no lock of the ledger's held.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::port::Clock;

use super::append::Written;
use super::{Answer, failure, slot};
use crate::commit::Staging;
use crate::disk::{Disk, Identity, Trouble};
use crate::lock::{PATIENCE, Records, Taken, Turnstile};
use crate::state::Engine;

/// From here on a flush is slow.
pub(crate) const SLOW_FLUSH: Duration = Duration::from_millis(1);

/// One beside which a batch was judged has waited for a processor, too, and says nothing of the disk unless it took this long.
/// Otherwise a disk that becomes slow under load would never be found slow, since every flush then has judging beside it.
const SURELY_SLOW: Duration = Duration::from_millis(3);

/// What every thread that commits uses.
pub(crate) struct Common {
    pub(crate) engine: Arc<Engine>,
    pub(crate) disk: Disk,
    pub(crate) clock: Arc<dyn Clock>,
    /// Refusals that could not be written down.
    pub(crate) unrecorded: Arc<AtomicU64>,
    /// Why this process acknowledges nothing more, once that is so.
    failed: OnceLock<String>,
    flushes: Mutex<Flushes>,
    /// How long flushes take, in nanoseconds, the newest counting for a quarter.
    flush_time: AtomicU64,
    /// How many turns to write have begun.
    pub(super) turns: AtomicU64,
    /// Contracts that durable lines of this process have released, and that nobody has looked at since.
    releasing: Mutex<BTreeSet<Sha256Digest>>,
}

impl Common {
    pub(crate) fn new(engine: Arc<Engine>, disk: Disk, clock: Arc<dyn Clock>, unrecorded: Arc<AtomicU64>) -> Self {
        Self {
            engine,
            disk,
            clock,
            unrecorded,
            failed: OnceLock::new(),
            flushes: Mutex::default(),
            flush_time: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            releasing: Mutex::default(),
        }
    }

    /// The turn to flush. It is waited for by whoever holds the writer alone, so turns come in the order of the writes.
    pub(crate) fn flushes(&self) -> MutexGuard<'_, Flushes> {
        self.flushes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn flush_time(&self) -> Duration {
        Duration::from_nanos(self.flush_time.load(Ordering::Relaxed))
    }

    fn took_to_flush(&self, time: Duration, beside_judging: bool) {
        let before = self.flush_time.load(Ordering::Relaxed);
        let taken = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let time = if beside_judging && time < SURELY_SLOW { taken.min(before) } else { taken };
        self.flush_time.store((before.saturating_mul(3).saturating_add(time)) / 4, Ordering::Relaxed);
    }

    /// As after flushes of a very slow disk.
    #[cfg(test)]
    pub(crate) fn found_flushes_slow(&self) {
        self.flush_time.store(1 << 60, Ordering::Relaxed);
    }

    pub(crate) fn releasing(&self) -> MutexGuard<'_, BTreeSet<Sha256Digest>> {
        self.releasing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on this process acknowledges nothing: a write or a flush failed. What failed first is what is said.
    pub(crate) fn poison(&self, why: &str) {
        let _ = self.failed.set(why.to_owned());
    }

    pub(crate) fn failed(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }
}

/// Whose turn it is to flush. Every flush of a commit happens under this one's mutex: of two at once through one handle only
/// one would be told that a write-back failed.
///
/// Among processes that write at once, too, one flush serves all that have written by then ([`crate::marks`]): who flushes
/// holds a lock on the file meanwhile, which keeps nobody from flushing. The others wait for it, though not for ever, and
/// find that they are served, or take the next turn.
#[derive(Default)]
pub(crate) struct Flushes {
    /// By file: the lock of the file that this process writes to, on a handle of its own.
    gates: [Option<(Identity, Turnstile)>; 2],
}

/// What became of waiting for the turn to flush.
enum Turn {
    /// Another's flush covered everything.
    Served,
    /// It is this process's, until it leaves the gate.
    Ours,
    /// There is none, or another has had it for too long.
    Anyhow,
}

impl Flushes {
    /// Makes written lines durable, and says so to everybody, if nothing failed before; and where nothing was written, sees to
    /// that alone.
    pub(crate) fn flush(
        &mut self,
        common: &Common,
        records: &Records,
        written: Option<Written>,
    ) -> Result<(), (Trouble, String)> {
        let sound = || {
            common
                .failed()
                .map_or(Ok(()), |why| Err((Trouble::During(io::Error::other(why.to_owned())), why.to_owned())))
        };
        // What this batch rests on may be lost, and no flush after one that failed says anything.
        sound()?;
        let Some(written) = written else { return Ok(()) };
        let Written { kind, ref appender, end, epoch, base, among_others } = written;
        let step =
            |what: &'static str| move |error| failure(&format!("{what} {}", kind.name()), Trouble::During(error));
        // Slow flushes side by side are put together by the file system, and nobody waits for two of them.
        let in_turn = among_others;
        let turn = match in_turn {
            true => self.wait_for_turn(records, &written).map_err(step("waiting to sync"))?,
            false => Turn::Anyhow,
        };
        if let Turn::Served = turn {
            return sound();
        }
        let turns = common.turns.load(Ordering::Relaxed);
        let began = Instant::now();
        let flush = || {
            let size = || Ok(base + appender.size()?);
            let end =
                if in_turn { records.written_by_now(kind, end, epoch, size).map_err(step("syncing"))? } else { end };
            common.disk.sync(appender.file()).map_err(step("syncing"))?;
            let took = began.elapsed();
            records.publish(kind, end, epoch).map_err(step("marking"))?;
            Ok(took)
        };
        let flushed = flush();
        if let (Turn::Ours, Some((_, gate))) = (&turn, &self.gates[slot(kind)]) {
            gate.leave();
        }
        let took = flushed?;
        // What several flushes side by side take says nothing of the disk.
        if !among_others || matches!(turn, Turn::Ours) {
            common.took_to_flush(took, common.turns.load(Ordering::Relaxed) != turns);
        }
        // A write of the next batch may have failed meanwhile.
        sound()
    }

    fn wait_for_turn(&mut self, records: &Records, written: &Written) -> io::Result<Turn> {
        let Written { kind, appender, end, epoch, .. } = written;
        let gate = &mut self.gates[slot(*kind)];
        if gate.as_ref().is_none_or(|(identity, _)| *identity != appender.identity()) {
            *gate = appender.another_handle()?.map(|file| (appender.identity(), Turnstile::over(file)));
        }
        let Some((_, gate)) = gate else { return Ok(Turn::Anyhow) };
        let until = Instant::now() + PATIENCE;
        loop {
            let ours = gate.try_enter();
            match records.has_published(*kind, *end, *epoch) {
                Ok(false) if ours => return Ok(Turn::Ours),
                Ok(false) => {}
                served => {
                    if ours {
                        gate.leave();
                    }
                    return served.map(|_| Turn::Served);
                }
            }
            match gate.wait_until_free(until)? {
                Taken::Yes => {}
                Taken::Busy | Taken::CannotBe => return Ok(Turn::Anyhow),
            }
        }
    }
}

/// A batch whose lines are written. What is left is to make them durable, and to answer.
pub(crate) struct Pending {
    pub(crate) commit: u64,
    pub(crate) judged: Vec<(Answer, Staging)>,
    pub(crate) records: Records,
    /// `None`: it wrote nothing, and rests on batches before it.
    pub(crate) written: Option<Written>,
    /// Contracts that nobody may rest on any more once the lines are durable.
    pub(crate) released: BTreeSet<Sha256Digest>,
    pub(crate) outlook: Outlook,
}

/// What is known of a batch, should its last flush fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outlook {
    /// Its refusals and decisions are durable.
    pub(crate) decisions_durable: bool,
    /// It was judged on lines that may not last.
    pub(crate) doubted: bool,
    /// Bytes of the queue were written.
    pub(crate) queue_touched: bool,
}
