//! The one thread of a process that writes: it takes waiting commands in batches, judges them under the lock and appends
//! their lines, makes them durable without it, and answers. [`crate::marks`] says why that is safe among several processes.
//!
//! While one batch is being flushed the next gathers in the channel, and other processes append theirs: that is all there is
//! to group commit.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::refusal::{CountLine, RefusalMeter};
use cortexpilot_core::port::{Clock, StoreError};
use tokio::sync::{oneshot, watch};

use crate::chain::FileKind;
use crate::commit::{BatchTurn, RefusingTurn, Staged, Staging};
use crate::disk::{self, Disk, Identity, Stat, Trouble};
use crate::lock::{Held, LockFile, LockProblem, Records};
use crate::marks::Mark;
use crate::pins::Pins;
use crate::reserve::{self, Reserve};
use crate::segments::SegmentRule;
use crate::settle;
use crate::state::{Engine, InFlight, Shared, unavailable};

mod sealing;

use sealing::Sealing;

/// Commands judged under one lock. Beyond that the state would stay locked for readers too long.
pub(crate) const BATCH_MAX: usize = 256;

/// From here on a flush is slow: then batches that find half of the callers still being woken are worth waiting for.
const SLOW_FLUSH: Duration = Duration::from_millis(1);

/// How long a batch waits for callers that the last one has just woken.
const LINGER: Duration = Duration::from_millis(1);

/// Commands that are judged one after the other in one commit, at most [`BATCH_MAX`], and where their answers go. Whoever
/// waited may be gone; the commands are carried out all the same.
pub(crate) struct Waiting {
    pub(crate) commands: Vec<Command>,
    pub(crate) answers: oneshot::Sender<Answered>,
}

/// The answers, in the order of the commands; and these, so that whoever made them takes them apart and not the thread that
/// everybody waits for.
pub(crate) struct Answered {
    pub(crate) answers: Vec<Answer>,
    pub(crate) _commands: Vec<Command>,
}

pub(crate) type Answer = Result<Verdict, StoreError>;

/// The writing half of a store. Lives on its own thread.
pub(crate) struct Writer {
    pub(crate) engine: Arc<Engine>,
    pub(crate) lock: LockFile,
    pub(crate) pins: Pins,
    pub(crate) reserve: Reserve,
    pub(crate) disk: Disk,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ended: watch::Sender<u64>,
    pub(crate) unrecorded: Arc<AtomicU64>,
    pub(crate) idle: Duration,
    meter: RefusalMeter,
    appenders: [Option<Appender>; 2],
    commits: u64,
    failed: Option<String>,
    /// Contracts that durable lines of this process have released, and that were not removed yet.
    releasing: BTreeSet<Sha256Digest>,
    /// How many callers the last batch answered.
    woke: usize,
    /// How long flushes take, the newest counting for a quarter.
    flush_time: Duration,
    sealing: Sealing,
}

/// A file open for appending.
struct Appender {
    path: PathBuf,
    file: File,
    identity: Identity,
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
    /// By file.
    doubts: [Option<Doubt>; 2],
}

/// Lines that were written and must be flushed.
struct Written {
    kind: FileKind,
    appender: Appender,
    end: u64,
    epoch: u64,
}

/// Where writing out a batch stopped.
struct Broken {
    why: String,
    /// A write or sync failed. Otherwise nothing was tried, and the next batch may try again.
    fatal: bool,
    /// Whether its refusals and decisions are durable.
    decisions_durable: bool,
    /// Whether it was judged on lines of others that may not last.
    doubted: bool,
    /// Whether bytes of the queue may have been written: then the outcome is unknown.
    queue_touched: bool,
}

impl Writer {
    #[expect(clippy::too_many_arguments, reason = "the parts of one struct, put together in one place")]
    pub(crate) fn new(
        engine: Arc<Engine>,
        lock: LockFile,
        pins: Pins,
        reserve: Reserve,
        disk: Disk,
        clock: Arc<dyn Clock>,
        ended: watch::Sender<u64>,
        unrecorded: Arc<AtomicU64>,
        idle: Duration,
        segments: SegmentRule,
    ) -> Self {
        Self {
            engine,
            lock,
            pins,
            reserve,
            disk,
            clock,
            ended,
            unrecorded,
            idle,
            meter: RefusalMeter::default(),
            appenders: [None, None],
            commits: 0,
            failed: None,
            releasing: BTreeSet::new(),
            woke: 0,
            flush_time: Duration::ZERO,
            sealing: Sealing::new(segments),
        }
    }

    /// Serves until nobody can send any more, then writes down what was only counted.
    pub(crate) fn run(mut self, commands: &Receiver<Waiting>) {
        loop {
            match commands.recv_timeout(self.idle) {
                Ok(first) => {
                    let batch = self.gather(first, commands);
                    self.woke = batch.len();
                    self.serve(batch);
                    self.seal_if_due();
                }
                Err(RecvTimeoutError::Timeout) => {
                    let counts = self.meter.due(self.clock.now());
                    self.record_counts(&counts);
                    if !self.releasing.is_empty() {
                        self.serve(Vec::new());
                    }
                    self.seal_if_due();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let counts = self.meter.drain();
        self.record_counts(&counts);
    }

    /// What waits by now. Where flushes are slow, whoever was answered a moment ago may still be on the way back: without
    /// waiting for them two half batches would take turns for ever. A caller that is alone never waits.
    fn gather(&self, first: Waiting, waiting: &Receiver<Waiting>) -> Vec<Waiting> {
        let mut count = first.commands.len();
        let mut batch = vec![first];
        let mut until = None;
        // Commands that wait together stay together, so a batch may end up to one such group above the limit.
        while count < BATCH_MAX {
            let next = match waiting.try_recv() {
                Ok(next) => next,
                Err(_) if batch.len() >= self.woke || self.flush_time <= SLOW_FLUSH => break,
                Err(_) => {
                    let now = Instant::now();
                    let left = until.get_or_insert(now + LINGER).saturating_duration_since(now);
                    match waiting.recv_timeout(left) {
                        Ok(next) => next,
                        Err(_) => break,
                    }
                }
            };
            count += next.commands.len();
            batch.push(next);
        }
        batch
    }

    fn serve(&mut self, batch: Vec<Waiting>) {
        let commands: Vec<&Command> = batch.iter().flat_map(|waiting| &waiting.commands).collect();
        let served = catch_unwind(AssertUnwindSafe(|| self.answers(&commands)));
        let verdicts = served.unwrap_or_else(|_| {
            // Half a batch may be staged, or written. What is durable is read again; nothing more is written here.
            let why = "a bug stopped the writer; see the log, and restart".to_owned();
            self.fail(&why);
            commands.iter().map(|_| Err(StoreError::OutcomeUnknown(why.clone()))).collect()
        });
        let mut verdicts = verdicts.into_iter();
        for Waiting { commands, answers } in batch {
            let answered = Answered { answers: verdicts.by_ref().take(commands.len()).collect(), _commands: commands };
            let _ = answers.send(answered);
        }
    }

    fn answers(&mut self, commands: &[&Command]) -> Vec<Answer> {
        let unrecorded = self.unrecorded.clone();
        let judge = |turn: &mut BatchTurn<'_>, full: &[Option<StoreError>]| {
            let judged = commands.iter().zip(full).map(|(command, full)| match full {
                None => turn.judge(command),
                Some(error) => turn.only_refuse(command, error, &unrecorded),
            });
            judged.collect()
        };
        let (judged, turn): (Vec<_>, Turn) = match self.take_turn(commands, judge) {
            Ok(turn) => turn,
            Err(Obstacle::Refuses(error)) => return commands.iter().map(|_| Err(error.clone())).collect(),
            Err(Obstacle::Unavailable(error)) => {
                return commands.iter().map(|one| self.only_refuse(one, &error)).collect();
            }
            Err(Obstacle::Failed(why)) => {
                self.fail(&why);
                let error = StoreError::Unavailable(why);
                return commands.iter().map(|one| self.only_refuse(one, &error)).collect();
            }
        };
        match self.write_out(turn) {
            Ok(()) => {
                self.done();
                judged.into_iter().map(|(answer, _)| answer).collect()
            }
            Err(broken) => {
                self.break_off(&broken);
                self.after_failure(commands, judged, &broken)
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
        if let Some(why) = &self.failed {
            return Err(Obstacle::Unavailable(StoreError::Unavailable(why.clone())));
        }
        let held = self.lock.acquire();
        let held = held.map_err(|problem| Obstacle::Unavailable(StoreError::Unavailable(problem.to_string())))?;
        let engine = self.engine.clone();
        // Held from reading on to judging: between the two a reader that looked at the files would take doubts back.
        let mut shared = engine.write();
        shared.drop_broken_index();
        let doubts = self.read_on(&held, &mut shared).inspect_err(|_| self.forget(&mut shared))?;
        if let Some(error) = shared.refuses_writes() {
            // Nobody here will flush anything: what is in doubt is settled like what a dead writer left.
            self.settle(&held, &mut shared).inspect_err(|_| self.forget(&mut shared))?;
            return Err(Obstacle::Refuses(error));
        }
        if doubts == [None, None] && !self.releasing.is_empty() {
            self.pins.release(self.releasing.iter(), &shared.state.queue);
            self.releasing.clear();
        }
        let full = self.reserve.turn_away(commands);
        self.commits += 1;
        let commit = self.commits;
        // Also for as long as judging may panic, and leave half a batch in the fold.
        shared.in_flight = Some(InFlight { commit, changes_state: true, written: false });
        let mut turn = BatchTurn::new(&mut shared, &mut self.meter);
        let judged = judge(&mut turn, &full);
        let staged = turn.finish();
        let doubted = doubts != [None, None];
        shared.in_flight = (doubted || !staged.is_empty()).then(|| InFlight {
            commit,
            changes_state: doubted || staged.changes_state(),
            written: staged.is_empty(),
        });
        Ok((judged, Turn { held, staged, doubts }))
    }

    /// Reads both files to their ends. What is no matter of waiting for others is settled at once.
    fn read_on(&mut self, held: &Held, shared: &mut Shared) -> Result<[Option<Doubt>; 2], Obstacle> {
        let mut doubts = [None, None];
        for kind in FileKind::ALL {
            let (file, state) = shared.split(kind);
            let found = settle::read_on(held, file, state);
            let found = found.map_err(|error| Obstacle::Unavailable(unavailable(error)))?;
            match found.unsettled {
                Some(unsettled) if unsettled.may_be_in_flight() => {
                    let doubt = Doubt { end: file.chain.offset, epoch: found.epoch };
                    doubts[slot(kind)] = unsettled.has_bytes().then_some(doubt);
                }
                Some(unsettled) => {
                    self.appenders[slot(kind)] = None;
                    self.reserve.make_way(reserve::SETTLING);
                    settle::make_durable(held, &self.disk, file, state, unsettled)
                        .map_err(|error| settling_failed(kind, error))?;
                }
                None => {}
            }
        }
        Ok(doubts)
    }

    /// Reads both files to their ends and makes everything in them durable, under the lock.
    fn settle(&mut self, held: &Held, shared: &mut Shared) -> Result<(), Obstacle> {
        for kind in FileKind::ALL {
            let (file, state) = shared.split(kind);
            let found = settle::read_on(held, file, state);
            let found = found.map_err(|error| Obstacle::Unavailable(unavailable(error)))?;
            if let Some(unsettled) = found.unsettled {
                self.appenders[slot(kind)] = None;
                self.reserve.make_way(reserve::SETTLING);
                settle::make_durable(held, &self.disk, file, state, unsettled)
                    .map_err(|error| settling_failed(kind, error))?;
            }
        }
        Ok(())
    }

    /// Refusals and decisions first: where they cannot be recorded, nothing else is written, and so nothing of the queue is in
    /// doubt, and no line of it rests on a decision that is not durable. Only the last flush happens without the lock.
    fn write_out(&mut self, turn: Turn) -> Result<(), Broken> {
        let Turn { held, staged, doubts } = turn;
        let records = held.records.clone();
        let doubted = doubts != [None, None];
        let broken = |decisions_durable, queue: bool| {
            move |(trouble, why): (Trouble, String)| {
                let fatal = matches!(trouble, Trouble::During(_));
                Broken { why, fatal, decisions_durable, doubted, queue_touched: queue && fatal }
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
            let flushed = decisions.is_some();
            if let Some(decisions) = decisions {
                self.flush(&records, decisions).map_err(broken(false, false))?;
            }
            let [queue, unwritten] = doubts;
            let unwritten = unwritten.filter(|_| !flushed);
            return self.await_others(&records, [queue, unwritten]).map_err(broken(flushed, false));
        }
        match (decisions, doubts[slot(FileKind::Decisions)]) {
            (Some(decisions), _) => self.flush(&records, decisions).map_err(broken(false, false))?,
            (None, Some(doubt)) => self.await_decisions(&held, doubt).map_err(broken(false, false))?,
            (None, None) => {}
        }
        let pinned = self.pins.pin(staged.pins.values());
        pinned.map_err(|trouble| failure("pinning a contract", trouble)).map_err(broken(true, false))?;
        let queue = self.append(&held, FileKind::Queue, &staged.queue, doubts).map_err(broken(true, true))?;
        self.in_files();
        drop(held);
        self.flush(&records, queue).map_err(broken(true, true))?;
        self.releasing.extend(staged.released);
        self.release_now();
        Ok(())
    }

    /// Record, what is in doubt once more, one write. The file is the fold's again when this has happened to each that the
    /// batch writes to.
    fn append(
        &mut self,
        held: &Held,
        kind: FileKind,
        lines: &[u8],
        doubts: [Option<Doubt>; 2],
    ) -> Result<Written, (Trouble, String)> {
        let (path, end, segments) = {
            let shared = self.engine.read();
            let file = shared.file(kind);
            (file.path().to_owned(), file.chain.offset, file.segments())
        };
        let (begin, base) = (end - lines.len() as u64, segments.base());
        let before = |error| failure(&format!("opening {}", kind.name()), Trouble::Before(error));
        let step =
            |what: &'static str| move |error| failure(&format!("{what} {}", kind.name()), Trouble::During(error));
        // Open before anything is written through any handle, so that it is told whatever goes wrong with that.
        let usual = self.appenders[slot(kind)].take().filter(|_| doubts[slot(kind)].is_none());
        let appender = Appender::at(usual, path, &self.disk).map_err(before)?;
        appender.expect_size(begin - base).map_err(before)?;
        let record = held.set(kind, begin, end).map_err(|error| {
            // The small lock was not to be had: nothing was changed.
            if error.kind() == io::ErrorKind::TimedOut { before(error) } else { step("marking")(error) }
        })?;
        if let Mark::Set { from, .. } = record.mark
            && from < begin
        {
            settle::write_again(&self.disk, &appender.path, &segments, from, begin).map_err(step("writing again"))?;
        }
        self.disk.append(&appender.file, lines).map_err(step("writing"))?;
        self.disk.counts.commits.fetch_add(1, Ordering::Relaxed);
        let stat = appender.expect_size(end - base).map_err(step("writing"))?;
        self.engine.write().split(kind).0.wrote(stat);
        Ok(Written { kind, appender, end, epoch: record.epoch })
    }

    /// Makes written lines durable, and says so to everybody.
    fn flush(&mut self, records: &Records, written: Written) -> Result<(), (Trouble, String)> {
        let Written { kind, appender, end, epoch } = written;
        let step =
            |what: &'static str| move |error| failure(&format!("{what} {}", kind.name()), Trouble::During(error));
        let began = Instant::now();
        self.disk.sync(&appender.file).map_err(step("syncing"))?;
        self.flush_time = (self.flush_time * 3 + began.elapsed()) / 4;
        records.publish(kind, end, epoch).map_err(step("marking"))?;
        self.appenders[slot(kind)] = Some(appender);
        Ok(())
    }

    /// The fold is not ahead of the files any more: readers may look at them again.
    fn in_files(&self) {
        if let Some(turn) = &mut self.engine.write().in_flight {
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
        let engine = self.engine.clone();
        let mut shared = engine.write();
        let (file, state) = shared.split(kind);
        let step = |error| failure(&format!("settling {}", kind.name()), Trouble::During(error));
        let found = settle::read_on(held, file, state).map_err(step)?;
        if let Some(unsettled) = found.unsettled {
            self.appenders[slot(kind)] = None;
            self.reserve.make_way(reserve::SETTLING);
            settle::make_durable(held, &self.disk, file, state, unsettled).map_err(step)?;
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
        let engine = self.engine.clone();
        self.settle(&held, &mut engine.write()).map_err(|obstacle| match obstacle {
            Obstacle::Refuses(error) | Obstacle::Unavailable(error) => before(io::Error::other(error.to_string())),
            Obstacle::Failed(why) => (Trouble::During(io::Error::other(why.clone())), why),
        })
    }

    /// Removes contracts that nothing rests on any more, if nobody has written anything since: otherwise a later turn does.
    fn release_now(&mut self) {
        if self.releasing.is_empty() {
            return;
        }
        let engine = self.engine.clone();
        let shared = engine.read();
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

    /// Everything that the state holds is durable.
    fn done(&mut self) {
        let mut shared = self.engine.write();
        if shared.in_flight.take().is_some() {
            drop(shared);
            self.ended.send_replace(self.commits);
            self.engine.committed();
        }
    }

    /// The batch is not durable: its lines are taken back. After a failed write or sync the marks stay set, so that whoever
    /// takes the lock next deals with what was written; this process writes nothing more.
    fn break_off(&mut self, broken: &Broken) {
        if broken.fatal {
            self.fail(&broken.why);
        } else {
            tracing::warn!(why = broken.why, "nothing was written");
            self.take_back();
        }
    }

    /// From here on this process acknowledges nothing.
    fn fail(&mut self, why: &str) {
        tracing::error!(why, "a write failed: this process acknowledges nothing more");
        self.failed = Some(why.to_owned());
        self.engine.write().failed = Some(why.to_owned());
        self.take_back();
    }

    /// The state is read again from what is durable.
    fn take_back(&self) {
        let mut shared = self.engine.write();
        self.forget(&mut shared);
        drop(shared);
        self.ended.send_replace(self.commits);
    }

    fn forget(&self, shared: &mut Shared) {
        shared.take_back();
        if let Err(error) = shared.catch_up(self.engine.marks()) {
            tracing::error!(%error, "the ledger could not be read again");
        }
    }

    /// Answers a batch whose lines could not be made durable.
    fn after_failure(&self, commands: &[&Command], judged: Vec<(Answer, Staging)>, broken: &Broken) -> Vec<Answer> {
        let error = StoreError::Unavailable(broken.why.clone());
        let mut after_staged = false;
        let answers = commands.iter().zip(judged).map(|(command, (answer, staged))| {
            let unknown = match staged {
                Staging::Nothing => false,
                // Its line is durable, whatever became of the queue's.
                Staging::Decision if broken.decisions_durable && !broken.doubted => return answer,
                Staging::Decision => broken.fatal || broken.decisions_durable,
                Staging::Queue => broken.queue_touched,
            };
            after_staged |= staged != Staging::Nothing;
            match answer {
                Err(error) => Err(error),
                Ok(_) if unknown => Err(StoreError::OutcomeUnknown(broken.why.clone())),
                Ok(_) if staged != Staging::Nothing => Err(error.clone()),
                // It rests on durable lines alone, so it stands whether or not it could be written down.
                Ok(denied @ Verdict::Denied(_)) if !after_staged && !broken.doubted => {
                    if !broken.decisions_durable {
                        self.unrecorded.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(denied)
                }
                Ok(_) => self.only_refuse(command, &error),
            }
        });
        answers.collect()
    }

    /// The answer to a command when nothing can be written: its refusal, if it is refused, else the error.
    fn only_refuse(&self, command: &Command, error: &StoreError) -> Answer {
        let mut shared = self.engine.write();
        shared.catch_up(self.engine.marks()).map_err(unavailable)?;
        let mut turn = RefusingTurn::new(&shared, error);
        let answer = turn.judge(command);
        self.unrecorded.fetch_add(turn.unrecorded, Ordering::Relaxed);
        answer
    }

    fn record_counts(&mut self, counts: &[CountLine]) {
        if counts.is_empty() {
            return;
        }
        let recorded = catch_unwind(AssertUnwindSafe(|| self.try_record_counts(counts)));
        let why = match recorded {
            Ok(Ok(())) => return,
            Ok(Err(why)) => why,
            Err(_) => "a bug stopped the writer; see the log, and restart".to_owned(),
        };
        let lost: u64 = counts.iter().map(|count| count.count).sum();
        self.unrecorded.fetch_add(lost, Ordering::Relaxed);
        tracing::warn!(lost, why, "counted refusals could not be recorded; they stand");
    }

    fn try_record_counts(&mut self, counts: &[CountLine]) -> Result<(), String> {
        let now = self.clock.now();
        let turn = match self.take_turn(&[], |turn, _| turn.count(counts, now)) {
            Ok(((), turn)) => turn,
            Err(Obstacle::Refuses(error) | Obstacle::Unavailable(error)) => return Err(error.to_string()),
            Err(Obstacle::Failed(why)) => {
                self.fail(&why);
                return Err(why);
            }
        };
        match self.write_out(turn) {
            Ok(()) => {
                self.done();
                Ok(())
            }
            Err(broken) => {
                self.break_off(&broken);
                Err(broken.why)
            }
        }
    }

    /// The first turn of a process: proves that the lock locks, makes the files, settles what others left behind, and
    /// removes contracts that nothing rests on. That the files refuse writes is no error here: reads go on.
    pub(crate) fn begin(&mut self, root: &Path) -> Result<(), LockProblem> {
        let io = |error| LockProblem::Io(root.to_owned(), error);
        let held = self.lock.acquire()?;
        held.prove(root)?;
        let mut made = false;
        for kind in FileKind::ALL {
            let path = root.join(kind.name());
            let unread = {
                let shared = self.engine.read();
                let file = shared.file(kind);
                // A file that its last checkpoint misses is not made up for.
                file.chain.lines == 0 && file.damage.is_none()
            };
            if unread && disk::stat(&path).map_err(io)?.is_none() {
                self.disk.open_append(&path).map_err(io)?;
                made = true;
            }
        }
        if made {
            self.disk.sync_dir(root).map_err(io)?;
        }
        let engine = self.engine.clone();
        let mut shared = engine.write();
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
        Ok(())
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

impl Appender {
    /// The handle from before, if it still is the file that the path names; else a new one.
    fn at(before: Option<Self>, path: PathBuf, disk: &Disk) -> io::Result<Self> {
        let there = disk::stat(&path)?;
        match before {
            Some(appender) if there.is_some_and(|stat| stat.identity == appender.identity) => Ok(appender),
            Some(_) | None => {
                let (file, stat) = disk.open_append(&path)?;
                if there.is_none() {
                    disk.sync_dir(path.parent().unwrap_or(Path::new(".")))?;
                }
                Ok(Self { path, file, identity: stat.identity })
            }
        }
    }

    /// Under the lock the file has the size that was read, and grows by what is written. Anything else was done by a
    /// program that does not take the lock.
    fn expect_size(&self, size: u64) -> io::Result<Stat> {
        let stat = disk::stat_open(&self.path, &self.file)?;
        let found = stat.size;
        if found == size {
            return Ok(stat);
        }
        let path = self.path.display();
        Err(io::Error::other(format!("{path} has {found} bytes instead of {size}: another program writes to it")))
    }
}
