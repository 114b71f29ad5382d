//! A turn to write: judging a batch under the ledger's lock and appending its lines. [`crate::commits`] says whose turn it
//! is and what comes after it, [`crate::marks`] why it is safe among several processes.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::refusal::RefusalMeter;
use cortexpilot_core::port::StoreError;

use crate::beside::Keeper;
use crate::chain::FileKind;
use crate::commit::{BatchTurn, Staged};
use crate::disk::Trouble;
use crate::lock::{Held, LockFile, Records};
use crate::pins::Pins;
use crate::reserve::{self, Reserve};
use crate::segments::SegmentRule;
use crate::settle;
use crate::state::{InFlight, Shared, unavailable};

mod append;
mod failure;
mod flush;
mod sealing;
mod upkeep;

use append::{Appender, Written};
use failure::Broken;
pub(crate) use flush::{Common, Outlook, Pending, SLOW_FLUSH};
use sealing::Sealing;

/// Commands judged under one lock. Beyond that the state would stay locked for readers too long.
pub(crate) const BATCH_MAX: usize = 256;

/// What is said after a panic.
pub(crate) const BUG: &str = "a bug stopped the writer; see the log, and restart";

pub(crate) type Answer = Result<Verdict, StoreError>;

/// The right to write, and what goes with it. One thread has it at a time.
pub(crate) struct Writer {
    pub(crate) common: Arc<Common>,
    lock: LockFile,
    pins: Pins,
    reserve: Reserve,
    meter: RefusalMeter,
    appenders: [Option<Appender>; 2],
    /// By file: what this process wrote last, or wrote again for others, ends here. Its own flush covers all of it.
    own: [Option<Doubt>; 2],
    /// How many turns there were: the number of the last one.
    commits: u64,
    /// The last turn that left decisions to be flushed behind its back.
    decisions_by: u64,
    /// Contracts that durable lines of this process have released, and that were not removed yet.
    releasing: BTreeSet<Sha256Digest>,
    /// Contracts that lines of turns still under way release.
    will_release: VecDeque<(u64, BTreeSet<Sha256Digest>)>,
    /// How many callers the last batch answered.
    pub(crate) woke: usize,
    sealing: Sealing,
    /// Once the writer has begun.
    keeper: Option<Keeper>,
}

/// How far a batch came under the writer.
pub(crate) enum Stage {
    /// To its end.
    Answered(Vec<Answer>),
    /// It was written, and waits for its flush.
    Written(Box<Pending>),
}

/// Why nothing can be written now.
enum Obstacle {
    /// The files say so: no command is even judged.
    Refuses(StoreError),
    /// The lock or the files cannot be had: nothing was changed.
    Unavailable(StoreError),
    /// A write failed. This process is done writing.
    Failed(String),
}

/// What a batch was judged on in a file that may not last: everything before `end`, read under this epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doubt {
    end: u64,
    epoch: u64,
}

/// A batch that was judged under the lock.
struct Turn {
    held: Held,
    staged: Staged,
    /// By file: what others have written and may not last. What this process has written is no matter of waiting for others.
    doubts: [Option<Doubt>; 2],
    /// It was judged on lines of this process that are still being flushed.
    rests_on_own: bool,
}

impl Turn {
    fn is_doubted(&self) -> bool {
        self.rests_on_own || self.doubts != [None, None]
    }
}

/// How far writing out a batch came.
enum Wrote {
    /// Everything that it rests on is durable.
    Durable,
    /// Its last flush is left to be done, behind those of the turns before it.
    Unflushed(Box<Pending>),
}

impl Writer {
    pub(crate) fn new(
        common: Arc<Common>,
        lock: LockFile,
        pins: Pins,
        reserve: Reserve,
        segments: SegmentRule,
    ) -> Self {
        Self {
            common,
            lock,
            pins,
            reserve,
            meter: RefusalMeter::default(),
            appenders: [None, None],
            own: [None, None],
            commits: 0,
            decisions_by: 0,
            releasing: BTreeSet::new(),
            will_release: VecDeque::new(),
            woke: 0,
            sealing: Sealing::new(segments),
            keeper: None,
        }
    }

    /// Judges commands and writes their lines.
    pub(crate) fn stage(&mut self, commands: &[&Command]) -> Stage {
        let unrecorded = self.common.unrecorded.clone();
        let judge = |turn: &mut BatchTurn<'_>, full: &[Option<StoreError>]| {
            let judged = commands.iter().zip(full).map(|(command, full)| match full {
                None => turn.judge(command),
                Some(error) => turn.only_refuse(command, error, &unrecorded),
            });
            judged.collect()
        };
        let (judged, turn): (Vec<_>, Turn) = match self.take_turn(commands, judge) {
            Ok(turn) => turn,
            Err(Obstacle::Refuses(error)) => {
                return Stage::Answered(commands.iter().map(|_| Err(error.clone())).collect());
            }
            Err(Obstacle::Unavailable(error)) => {
                self.come_to_rest();
                return Stage::Answered(commands.iter().map(|one| self.only_refuse(one, &error)).collect());
            }
            Err(Obstacle::Failed(why)) => {
                self.fail(&why);
                let error = StoreError::Unavailable(why);
                return Stage::Answered(commands.iter().map(|one| self.only_refuse(one, &error)).collect());
            }
        };
        match self.write_out(turn) {
            Ok(Wrote::Durable) => Stage::Answered(judged.into_iter().map(|(answer, _)| answer).collect()),
            Ok(Wrote::Unflushed(mut pending)) => {
                pending.judged = judged;
                Stage::Written(pending)
            }
            Err(broken) => {
                self.break_off(&broken);
                Stage::Answered(self.after_failure(commands, judged, &broken))
            }
        }
    }

    /// Takes the lock, brings the state up to everything that is in the files, and judges; beside each command stands why
    /// there is no room for it, if there is none. From then on the fold may hold what does not last, and says so.
    fn take_turn<T>(
        &mut self,
        commands: &[&Command],
        judge: impl FnOnce(&mut BatchTurn<'_>, &[Option<StoreError>]) -> T,
    ) -> Result<(T, Turn), Obstacle> {
        if let Some(why) = self.common.failed() {
            return Err(Obstacle::Unavailable(StoreError::Unavailable(why.to_owned())));
        }
        let held = self.lock.acquire();
        let held = held.map_err(|problem| Obstacle::Unavailable(StoreError::Unavailable(problem.to_string())))?;
        let common = self.common.clone();
        // Held from reading on to judging: between the two a reader that looked at the files would take doubts back.
        let mut shared = common.engine.write();
        shared.drop_broken_index();
        let doubts = self.read_on(&held, &mut shared).inspect_err(|_| self.forget(&mut shared))?;
        if let Some(error) = shared.refuses_writes() {
            // Nobody here will flush anything: what is in doubt is settled like what a dead writer left.
            self.settle(&held, &mut shared).inspect_err(|_| self.forget(&mut shared))?;
            return Err(Obstacle::Refuses(error));
        }
        if doubts == [None, None] {
            self.release(&shared);
        }
        let full = self.reserve.turn_away(commands);
        let before = shared.under_way();
        self.commits += 1;
        let commit = self.commits;
        self.common.turns.store(commit, Ordering::Relaxed);
        // Also for as long as judging may panic, and leave half a batch in the fold.
        shared.in_flight = Some(InFlight { commit, changed_by: Some(commit), written: false });
        let mut turn = BatchTurn::new(&mut shared, &mut self.meter);
        let judged = judge(&mut turn, &full);
        let staged = turn.finish();
        let doubted = doubts != [None, None];
        let own = before.and_then(|before| before.changed_by);
        shared.in_flight = match doubted || !staged.is_empty() {
            true => {
                let changed_by = if doubted || staged.changes_state() { Some(commit) } else { own };
                Some(InFlight { commit, changed_by, written: staged.is_empty() })
            }
            false => before,
        };
        Ok((judged, Turn { held, staged, doubts, rests_on_own: own.is_some() }))
    }

    /// Reads both files to their ends. What is no matter of waiting for others is settled at once.
    fn read_on(&mut self, held: &Held, shared: &mut Shared) -> Result<[Option<Doubt>; 2], Obstacle> {
        let mut doubts = [None, None];
        let common = self.common.clone();
        for kind in FileKind::ALL {
            let (file, state) = shared.split(kind);
            let found = settle::read_on(held, file, state);
            let found = found.map_err(|error| Obstacle::Unavailable(unavailable(error)))?;
            match found.unsettled {
                Some(unsettled) if unsettled.may_be_in_flight() => {
                    let doubt = Doubt { end: file.chain.offset, epoch: found.epoch };
                    let of_others = unsettled.has_bytes() && self.written_upto(kind, found.epoch) < doubt.end;
                    doubts[slot(kind)] = of_others.then_some(doubt);
                }
                Some(unsettled) => {
                    self.appenders[slot(kind)] = None;
                    self.reserve.make_way(reserve::SETTLING);
                    settle::make_durable(held, &common.disk, file, state, unsettled)
                        .map_err(|error| settling_failed(kind, error))?;
                }
                None => {}
            }
        }
        Ok(doubts)
    }

    /// Reads both files to their ends and makes everything in them durable, under the lock.
    fn settle(&mut self, held: &Held, shared: &mut Shared) -> Result<(), Obstacle> {
        let common = self.common.clone();
        for kind in FileKind::ALL {
            let (file, state) = shared.split(kind);
            let found = settle::read_on(held, file, state);
            let found = found.map_err(|error| Obstacle::Unavailable(unavailable(error)))?;
            if let Some(unsettled) = found.unsettled {
                self.appenders[slot(kind)] = None;
                self.reserve.make_way(reserve::SETTLING);
                settle::make_durable(held, &common.disk, file, state, unsettled)
                    .map_err(|error| settling_failed(kind, error))?;
            }
        }
        Ok(())
    }

    /// Refusals and decisions first: where they cannot be recorded, nothing else is written, and so nothing of the queue is in
    /// doubt, and no line of it rests on a decision that is not durable. Only the last flush happens without the lock, and
    /// is left to be done.
    fn write_out(&mut self, turn: Turn) -> Result<Wrote, Broken> {
        let doubted = turn.is_doubted();
        let Turn { held, staged, doubts, rests_on_own } = turn;
        let records = held.records.clone();
        let broken = |decisions_durable, queue: bool| {
            move |(trouble, why): (Trouble, String)| {
                let fatal = matches!(trouble, Trouble::During(_));
                Broken { why, fatal, outlook: Outlook { decisions_durable, doubted, queue_touched: queue && fatal } }
            }
        };
        let mut decisions = None;
        if !staged.decisions.is_empty() {
            let written = self.append(&held, FileKind::Decisions, &staged.decisions, doubts);
            decisions = Some(written.map_err(broken(false, false))?);
        }
        if staged.queue.is_empty() {
            self.in_files();
            drop(held);
            let [queue, unwritten] = doubts;
            let unwritten = unwritten.filter(|_| decisions.is_none());
            if (queue, unwritten) != (None, None) {
                return self.flush_and_await(&records, decisions, [queue, unwritten], broken);
            }
            if decisions.is_none() && !rests_on_own {
                return Ok(Wrote::Durable);
            }
            if decisions.is_some() {
                self.decisions_by = self.commits;
            }
            let outlook = Outlook { decisions_durable: false, doubted, queue_touched: false };
            return Ok(self.unflushed(records, decisions, BTreeSet::new(), outlook));
        }
        // What this process itself is still flushing is waited for like this, too.
        let own_decisions = self.decisions_by > self.common.engine.last_ended();
        let of_others = doubts[slot(FileKind::Decisions)].filter(|_| decisions.is_none());
        if decisions.is_some() || own_decisions {
            self.common.flushes().flush(&self.common, &records, decisions).map_err(broken(false, false))?;
        }
        if let Some(doubt) = of_others {
            self.await_decisions(&held, doubt).map_err(broken(false, false))?;
        }
        let pinned = self.pins.pin(staged.pins.values());
        pinned.map_err(|trouble| failure("pinning a contract", trouble)).map_err(broken(true, false))?;
        let queue = self.append(&held, FileKind::Queue, &staged.queue, doubts).map_err(broken(true, true))?;
        self.in_files();
        if let Some(keeper) = &self.keeper {
            keeper.ended(&staged.ended);
        }
        drop(held);
        if !staged.released.is_empty() {
            self.will_release.push_back((self.commits, staged.released.clone()));
        }
        let outlook = Outlook { decisions_durable: true, doubted, queue_touched: true };
        Ok(self.unflushed(records, Some(queue), staged.released, outlook))
    }

    fn unflushed(
        &self,
        records: Records,
        written: Option<Written>,
        released: BTreeSet<Sha256Digest>,
        outlook: Outlook,
    ) -> Wrote {
        let (commit, judged) = (self.commits, Vec::new());
        Wrote::Unflushed(Box::new(Pending { commit, judged, records, written, released, outlook }))
    }

    /// The end of a batch without a line of the queue that was judged on lines which others are flushing.
    fn flush_and_await<F: FnOnce((Trouble, String)) -> Broken>(
        &mut self,
        records: &Records,
        decisions: Option<Written>,
        doubts: [Option<Doubt>; 2],
        broken: impl Fn(bool, bool) -> F,
    ) -> Result<Wrote, Broken> {
        let flushed = decisions.is_some();
        let common = self.common.clone();
        let mut flushes = common.flushes();
        flushes.flush(&common, records, decisions).map_err(broken(false, false))?;
        self.await_others(records, doubts).map_err(broken(flushed, false))?;
        common.engine.ended(self.commits);
        drop(flushes);
        common.engine.committed();
        Ok(Wrote::Durable)
    }

    /// The fold is not ahead of the files any more: readers may look at them again.
    fn in_files(&self) {
        if let Some(turn) = &mut self.common.engine.write().in_flight {
            turn.written = true;
        }
    }

    /// Waits under the lock until decisions that others are flushing are durable, and if they do not become so, sees to it.
    fn await_decisions(&mut self, held: &Held, doubt: Doubt) -> Result<(), (Trouble, String)> {
        let kind = FileKind::Decisions;
        match held.records.wait_until_published(kind, doubt.end, doubt.epoch) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(failure(&format!("waiting for {}", kind.name()), Trouble::Before(error))),
        }
        let common = self.common.clone();
        let mut shared = common.engine.write();
        let (file, state) = shared.split(kind);
        let step = |error| failure(&format!("settling {}", kind.name()), Trouble::During(error));
        let found = settle::read_on(held, file, state).map_err(step)?;
        if let Some(unsettled) = found.unsettled {
            self.appenders[slot(kind)] = None;
            self.reserve.make_way(reserve::SETTLING);
            settle::make_durable(held, &common.disk, file, state, unsettled).map_err(step)?;
        }
        Ok(())
    }

    /// Waits until what the batch was judged on and did not flush itself is durable, and if it does not become so, sees to
    /// it.
    fn await_others(&mut self, records: &Records, doubts: [Option<Doubt>; 2]) -> Result<(), (Trouble, String)> {
        let mut published = true;
        for (kind, doubt) in FileKind::ALL.into_iter().zip(doubts) {
            let Some(doubt) = doubt else { continue };
            published &= records
                .wait_until_published(kind, doubt.end, doubt.epoch)
                .map_err(|error| failure(&format!("waiting for {}", kind.name()), Trouble::Before(error)))?;
        }
        if published {
            return Ok(());
        }
        let before = |error| failure("settling what another process left", Trouble::Before(error));
        let held = self.lock.acquire().map_err(|problem| before(io::Error::other(problem.to_string())))?;
        let common = self.common.clone();
        self.settle(&held, &mut common.engine.write()).map_err(|obstacle| match obstacle {
            Obstacle::Refuses(error) | Obstacle::Unavailable(error) => before(io::Error::other(error.to_string())),
            Obstacle::Failed(why) => (Trouble::During(io::Error::other(why.clone())), why),
        })
    }

    /// Removes contracts that durable lines of this process have released and that nothing rests on, under the lock, when
    /// everything was read and nothing of others is in doubt. Of this process's own lines those under way count as if they
    /// would last, and as if they would not.
    fn release(&mut self, shared: &Shared) {
        self.releasing.append(&mut self.common.releasing());
        if self.releasing.is_empty() {
            return;
        }
        let ended = self.common.engine.last_ended();
        while self.will_release.pop_front_if(|(commit, _)| *commit <= ended).is_some() {}
        let under_way = |digest: &Sha256Digest| self.will_release.iter().any(|(_, released)| released.contains(digest));
        let (later, now): (BTreeSet<_>, BTreeSet<_>) =
            std::mem::take(&mut self.releasing).into_iter().partition(under_way);
        self.pins.release(now.iter(), &shared.state.queue);
        self.releasing = later;
    }
}

fn slot(kind: FileKind) -> usize {
    match kind {
        FileKind::Queue => 0,
        FileKind::Decisions => 1,
    }
}

fn settling_failed(kind: FileKind, error: io::Error) -> Obstacle {
    Obstacle::Failed(failure(&format!("settling {}", kind.name()), Trouble::During(error)).1)
}

fn failure(what: &str, trouble: Trouble) -> (Trouble, String) {
    let why = match &trouble {
        Trouble::Before(error) => format!("{what} failed: {error}"),
        Trouble::During(error) => format!("{what} failed: {error}; restart when it is put right"),
    };
    (trouble, why)
}
