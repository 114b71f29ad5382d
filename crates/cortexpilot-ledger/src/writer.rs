//! The one thread of a process that writes: it takes waiting commands in batches, judges them under the lock, makes their
//! lines durable and answers.
//!
//! While one batch is being synced the next gathers in the channel: that is all there is to group commit.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::refusal::{CountLine, RefusalMeter};
use cortexpilot_core::port::{Clock, StoreError};
use tokio::sync::{oneshot, watch};

use crate::chain::FileKind;
use crate::commit::{BatchTurn, RefusingTurn, Staged, Staging};
use crate::disk::{self, Disk, Identity, Stat, Trouble};
use crate::lock::{Held, LockFile, LockProblem};
use crate::pins::Pins;
use crate::settle;
use crate::state::{Engine, InFlight, unavailable};

/// Commands judged under one lock. Beyond that the state would stay locked for readers too long.
const BATCH_MAX: usize = 256;

/// A command and where its answer goes. Whoever waited may be gone; the command is carried out all the same.
pub(crate) struct Waiting {
    pub(crate) command: Command,
    pub(crate) answer: oneshot::Sender<Answer>,
}

type Answer = Result<Verdict, StoreError>;

/// The writing half of a store. Lives on its own thread.
pub(crate) struct Writer {
    pub(crate) engine: Arc<Engine>,
    pub(crate) lock: LockFile,
    pub(crate) pins: Pins,
    pub(crate) disk: Disk,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ended: watch::Sender<u64>,
    pub(crate) unrecorded: Arc<AtomicU64>,
    pub(crate) idle: Duration,
    meter: RefusalMeter,
    appenders: [Option<Appender>; 2],
    epochs: [u64; 2],
    commits: u64,
    failed: Option<String>,
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

/// Where writing out a batch stopped.
struct Broken {
    why: String,
    /// A write or sync failed. Otherwise nothing was tried, and the next batch may try again.
    fatal: bool,
    /// Whether its refusals and decisions are durable.
    decisions_durable: bool,
    /// Whether bytes of the queue may have been written: then the outcome is unknown.
    queue_touched: bool,
}

impl Writer {
    #[expect(clippy::too_many_arguments, reason = "the parts of one struct, put together in one place")]
    pub(crate) fn new(
        engine: Arc<Engine>,
        lock: LockFile,
        pins: Pins,
        disk: Disk,
        clock: Arc<dyn Clock>,
        ended: watch::Sender<u64>,
        unrecorded: Arc<AtomicU64>,
        idle: Duration,
    ) -> Self {
        Self {
            engine,
            lock,
            pins,
            disk,
            clock,
            ended,
            unrecorded,
            idle,
            meter: RefusalMeter::default(),
            appenders: [None, None],
            epochs: [0, 0],
            commits: 0,
            failed: None,
        }
    }

    /// Serves until nobody can send any more, then writes down what was only counted.
    pub(crate) fn run(mut self, commands: &Receiver<Waiting>) {
        loop {
            match commands.recv_timeout(self.idle) {
                Ok(first) => {
                    let mut batch = vec![first];
                    batch.extend(commands.try_iter().take(BATCH_MAX - 1));
                    self.serve(batch);
                }
                Err(RecvTimeoutError::Timeout) => {
                    let counts = self.meter.due(self.clock.now());
                    self.record_counts(&counts);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let counts = self.meter.drain();
        self.record_counts(&counts);
    }

    fn serve(&mut self, batch: Vec<Waiting>) {
        let (commands, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.command, waiting.answer)).unzip();
        let served = catch_unwind(AssertUnwindSafe(|| self.answers(&commands)));
        let verdicts = served.unwrap_or_else(|_| {
            // Half a batch may be staged, or written. What is durable is read again; nothing more is written here.
            let why = "a bug stopped the writer; see the log, and restart".to_owned();
            self.fail(&why);
            commands.iter().map(|_| Err(StoreError::OutcomeUnknown(why.clone()))).collect()
        });
        for (answer, verdict) in answers.into_iter().zip(verdicts) {
            let _ = answer.send(verdict);
        }
    }

    fn answers(&mut self, commands: &[Command]) -> Vec<Answer> {
        let held = match self.prepare() {
            Ok(held) => held,
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
        let (judged, staged) = self.judge(commands);
        match self.write_out(&held, &staged) {
            Ok(()) => {
                self.done(&staged);
                drop(held);
                judged.into_iter().map(|(answer, _)| answer).collect()
            }
            Err(broken) => {
                drop(held);
                self.break_off(&broken);
                self.after_failure(commands, judged, &broken)
            }
        }
    }

    /// Takes the lock and brings the state up to everything that is in the files, all of it durable.
    fn prepare(&mut self) -> Result<Held, Obstacle> {
        if let Some(why) = &self.failed {
            return Err(Obstacle::Unavailable(StoreError::Unavailable(why.clone())));
        }
        let held = self.lock.acquire();
        let held = held.map_err(|problem| Obstacle::Unavailable(StoreError::Unavailable(problem.to_string())))?;
        self.settle(&held)?;
        match self.engine.read().refuses_writes() {
            Some(error) => Err(Obstacle::Refuses(error)),
            None => Ok(held),
        }
    }

    fn settle(&mut self, held: &Held) -> Result<(), Obstacle> {
        self.engine.write().drop_broken_index();
        for (slot, kind) in FileKind::ALL.into_iter().enumerate() {
            let mut shared = self.engine.write();
            let (file, state) = shared.split(kind);
            let found =
                settle::read_on(held, file, state).map_err(|error| Obstacle::Unavailable(unavailable(error)))?;
            self.epochs[slot] = found.epoch;
            if let Some(unsettled) = found.unsettled {
                self.appenders[slot] = None;
                let durable = settle::make_durable(held, &self.disk, file, state, unsettled);
                let why = |error| failure(&format!("settling {}", kind.name()), Trouble::During(error)).1;
                durable.map_err(|error| Obstacle::Failed(why(error)))?;
            }
        }
        Ok(())
    }

    fn judge(&mut self, commands: &[Command]) -> (Vec<(Answer, Staging)>, Staged) {
        let mut shared = self.engine.write();
        let mut turn = BatchTurn::new(&mut shared, &mut self.meter);
        let judged = commands.iter().map(|command| turn.judge(command)).collect();
        let staged = turn.finish();
        self.commits += 1;
        if !staged.is_empty() {
            shared.in_flight = Some(InFlight { commit: self.commits, changes_state: staged.changes_state() });
        }
        (judged, staged)
    }

    /// Refusals and decisions first: where they cannot be recorded, nothing else is written, and so nothing of the queue is in
    /// doubt, and no line of it rests on a decision that is not durable.
    fn write_out(&mut self, held: &Held, staged: &Staged) -> Result<(), Broken> {
        let broken = |decisions_durable, queue: bool| {
            move |(trouble, why): (Trouble, String)| {
                let fatal = matches!(trouble, Trouble::During(_));
                Broken { why, fatal, decisions_durable, queue_touched: queue && fatal }
            }
        };
        self.append(held, FileKind::Decisions, &staged.decisions).map_err(broken(false, false))?;
        if staged.queue.is_empty() {
            return Ok(());
        }
        let pinned = self.pins.pin(staged.pins.values());
        pinned.map_err(|trouble| failure("pinning a contract", trouble)).map_err(broken(true, false))?;
        self.append(held, FileKind::Queue, &staged.queue).map_err(broken(true, true))?;
        self.pins.release(staged.released.iter(), &self.engine.read().state.queue);
        Ok(())
    }

    /// Mark, one write, one sync, mark.
    fn append(&mut self, held: &Held, kind: FileKind, lines: &[u8]) -> Result<(), (Trouble, String)> {
        if lines.is_empty() {
            return Ok(());
        }
        let (path, end) = {
            let shared = self.engine.read();
            (shared.file(kind).path().to_owned(), shared.file(kind).chain.offset)
        };
        let begin = end - lines.len() as u64;
        let (slot, epoch) = match kind {
            FileKind::Queue => (0, self.epochs[0]),
            FileKind::Decisions => (1, self.epochs[1]),
        };
        let before = |error| failure(&format!("opening {}", kind.name()), Trouble::Before(error));
        let step =
            |what: &'static str| move |error| failure(&format!("{what} {}", kind.name()), Trouble::During(error));
        let appender = Appender::at(self.appenders[slot].take(), path, &self.disk).map_err(before)?;
        appender.expect_size(begin).map_err(before)?;
        held.set(kind, begin, epoch).map_err(step("marking"))?;
        self.disk.append(&appender.file, lines).map_err(step("writing"))?;
        let stat = appender.expect_size(end).map_err(step("writing"))?;
        self.disk.sync(&appender.file).map_err(step("syncing"))?;
        held.clear(kind, epoch).map_err(step("marking"))?;
        self.appenders[slot] = Some(appender);
        self.engine.write().split(kind).0.wrote(stat);
        Ok(())
    }

    fn done(&mut self, staged: &Staged) {
        if !staged.is_empty() {
            self.engine.write().in_flight = None;
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
        shared.take_back();
        if let Err(error) = shared.catch_up(self.engine.marks()) {
            tracing::error!(%error, "the ledger could not be read again");
        }
        drop(shared);
        self.ended.send_replace(self.commits);
    }

    /// Answers a batch whose lines could not be made durable.
    fn after_failure(&self, commands: &[Command], judged: Vec<(Answer, Staging)>, broken: &Broken) -> Vec<Answer> {
        let error = StoreError::Unavailable(broken.why.clone());
        let mut after_staged = false;
        let answers = commands.iter().zip(judged).map(|(command, (answer, staged))| {
            let unknown = match staged {
                Staging::Nothing => false,
                // Its line is durable, whatever became of the queue's.
                Staging::Decision if broken.decisions_durable => return answer,
                Staging::Decision => broken.fatal,
                Staging::Queue => broken.queue_touched,
            };
            after_staged |= staged != Staging::Nothing;
            match answer {
                Err(error) => Err(error),
                Ok(_) if unknown => Err(StoreError::OutcomeUnknown(broken.why.clone())),
                Ok(_) if staged != Staging::Nothing => Err(error.clone()),
                // It rests on durable lines alone, so it stands whether or not it could be written down.
                Ok(denied @ Verdict::Denied(_)) if !after_staged => {
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
        let held = match self.prepare() {
            Ok(held) => held,
            Err(Obstacle::Refuses(error) | Obstacle::Unavailable(error)) => return Err(error.to_string()),
            Err(Obstacle::Failed(why)) => {
                self.fail(&why);
                return Err(why);
            }
        };
        let now = self.clock.now();
        let staged = {
            let mut shared = self.engine.write();
            let mut turn = BatchTurn::new(&mut shared, &mut self.meter);
            turn.count(counts, now);
            self.commits += 1;
            let staged = turn.finish();
            shared.in_flight = Some(InFlight { commit: self.commits, changes_state: false });
            staged
        };
        let written = self.write_out(&held, &staged);
        match written {
            Ok(()) => {
                self.done(&staged);
                Ok(())
            }
            Err(broken) => {
                drop(held);
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
        match self.settle(&held) {
            Ok(()) => {}
            Err(Obstacle::Refuses(error) | Obstacle::Unavailable(error)) => {
                return Err(io(io::Error::other(error.to_string())));
            }
            Err(Obstacle::Failed(why)) => return Err(io(io::Error::other(why))),
        }
        let shared = self.engine.read();
        // What a damaged ledger rests on is not known, and what a repaired one rested on is evidence: contracts stay.
        if shared.refuses_writes().is_none() && shared.queue_file.repaired.is_none() {
            self.pins.tidy(&shared.state.queue).map_err(io)?;
        }
        Ok(())
    }
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
