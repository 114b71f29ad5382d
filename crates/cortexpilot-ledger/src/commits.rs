//! Who commits: whichever thread comes first, and always through the same code.
//!
//! A batch is judged and written under the ledger's lock by whoever holds the [`Writer`], and flushed and answered by the
//! same thread when it has let go of both: so while one batch is flushed, the next is judged and written by another thread.
//! Two threads of the store's own take turns at this, which is as deep as it goes: who has written waits for the flush
//! before its own, still holding the writer. A caller whose thread may be blocked does it itself when nobody else is at
//! it ([`Commits::here`]), and is spared two hand-overs.
//!
//! Batches end in the order in which they were written, and every flush happens under one mutex, behind a look whether one
//! before it failed: a batch rests on those before it, and is acknowledged behind them. [`crate::marks`] says why that is
//! safe among several processes.
//!
//! Where flushes are slow nothing is judged ahead: the batch that gathers meanwhile is twice as large, and that counts for
//! more. So it is, too, before the ledger's beginning is sealed, which needs a moment without bytes in flight.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use cortexpilot_core::domain::command::Command;
use cortexpilot_core::port::{StoreError, block_on};
use tokio::sync::oneshot;

use crate::writer::{Answer, BATCH_MAX, BUG, Common, Pending, SLOW_FLUSH, Stage, Writer};

mod line;

pub(crate) use line::{Answered, THREADS, Waiting};
use line::{Came, Line};

/// How long a batch waits for callers that the last one has just woken, where flushes are slow: half of them may still be on
/// the way back, and without waiting for them two half batches would take turns for ever. A caller that is alone never
/// waits.
const LINGER: Duration = Duration::from_millis(1);

/// The committing half of a store, for all its threads.
pub(crate) struct Commits {
    line: Line,
    writer: Mutex<Writer>,
    pub(crate) common: Arc<Common>,
    /// How often an idle process writes down refusals that were only counted.
    idle: Duration,
    /// Whether the ledger's beginning is ever sealed.
    seals: bool,
}

/// Has everything stopped when a thread that commits panics outside of everything that is caught: nobody is to wait for it.
struct Serving<'a> {
    commits: &'a Commits,
    /// Whoever called was panicking already.
    before: bool,
}

impl<'a> Serving<'a> {
    fn new(commits: &'a Commits) -> Self {
        Self { commits, before: std::thread::panicking() }
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.before {
            self.commits.common.poison(BUG);
            self.commits.common.engine.stop(BUG);
            self.commits.line.abandon();
        }
    }
}

impl Commits {
    pub(crate) fn new(writer: Writer, idle: Duration) -> Self {
        let (common, seals) = (writer.common.clone(), writer.seals());
        Self { line: Line::default(), writer: Mutex::new(writer), common, idle, seals }
    }

    /// Hands commands over, to be judged one after the other in one commit.
    pub(crate) fn submit(&self, commands: Vec<Command>) -> Result<oneshot::Receiver<Answered>, StoreError> {
        let (answers, answered) = oneshot::channel();
        self.line.push(Waiting { commands, answers: Some(answers) })?;
        Ok(answered)
    }

    /// Carries commands out and blocks until they are answered: on this thread if nobody else commits just now, together with
    /// what came meanwhile; else like everybody's.
    pub(crate) fn here(&self, commands: Vec<Command>) -> Result<Answered, StoreError> {
        if !self.line.lead() {
            return block_on(self.submit(commands)?).map_err(|_| stopped());
        }
        let _serving = Serving::new(self);
        let writer = self.writer();
        let mut batch = vec![Waiting { commands, answers: None }];
        self.line.take(&mut batch, BATCH_MAX, |_| None);
        let answered = self.serve(writer, batch, false);
        if self.seals {
            self.line.nudge();
        }
        answered.ok_or_else(stopped)
    }

    /// What one of the store's [`THREADS`] does until nobody can send any more.
    pub(crate) fn run(&self, thread: usize) {
        let _serving = Serving::new(self);
        let mut returns = false;
        loop {
            match self.line.wait(thread, self.idle, std::mem::take(&mut returns)) {
                Came::Commands => {
                    let writer = self.writer();
                    let batch = self.gather(&writer);
                    if !batch.is_empty() {
                        self.serve(writer, batch, true);
                        returns = true;
                    }
                }
                Came::Nothing => self.writer().upkeep(),
                Came::TheEnd => return,
            }
        }
    }

    /// Has the threads end when what waits is carried out.
    pub(crate) fn close(&self) {
        self.line.close();
    }

    /// Writes down what was only counted. The threads have ended.
    pub(crate) fn end(&self) {
        self.writer().end();
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // What a panic left is dealt with where it is caught.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits by now, behind whoever judges.
    fn gather(&self, writer: &Writer) -> Vec<Waiting> {
        let (mut batch, mut until) = (Vec::new(), None);
        let (woke, slow) = (writer.woke, self.common.flush_time() > SLOW_FLUSH);
        self.line.take(&mut batch, BATCH_MAX, |batch| {
            let waits = slow && batch.len() < woke;
            waits.then(|| *until.get_or_insert_with(|| Instant::now() + LINGER))
        });
        batch
    }

    /// Carries a batch out and gives the answers. Those of the first of it are returned where nobody else waits for them.
    /// `returns`: the thread comes back to the line at once.
    fn serve(&self, mut writer: MutexGuard<'_, Writer>, batch: Vec<Waiting>, returns: bool) -> Option<Answered> {
        writer.woke = batch.len();
        let commands: Vec<&Command> = batch.iter().flat_map(|waiting| &waiting.commands).collect();
        let staged = catch_unwind(AssertUnwindSafe(|| writer.stage(&commands)));
        let (answers, mut writer) = match staged {
            Ok(Stage::Answered(answers)) => (answers, Some(writer)),
            Ok(Stage::Written(pending)) => self.finish(writer, *pending, &commands),
            Err(_) => (writer.stopped_by_a_bug(commands.len()), Some(writer)),
        };
        if returns {
            self.line.will_return();
        }
        let mut answers = answers.into_iter();
        let mut own = None;
        for Waiting { commands, answers: to } in batch {
            let answered = Answered { answers: answers.by_ref().take(commands.len()).collect(), _commands: commands };
            match to {
                // Whoever waited may be gone.
                Some(to) => drop(to.send(answered)),
                None => own = Some(answered),
            }
        }
        if let Some(writer) = writer.as_mut().filter(|_| own.is_none()) {
            writer.seal_if_due();
        }
        own
    }

    /// Makes a batch durable, and gives its answers. The writer is given back where nothing was to be judged meanwhile.
    fn finish<'a>(
        &'a self,
        mut writer: MutexGuard<'a, Writer>,
        pending: Pending,
        commands: &[&Command],
    ) -> (Vec<Answer>, Option<MutexGuard<'a, Writer>>) {
        // Taken while nobody else can write: so flushes come in the order of the writes.
        let mut flushes = self.common.flushes();
        let ahead = self.common.flush_time() <= SLOW_FLUSH && !writer.seal_is_due();
        let mut writer = (!ahead).then_some(writer);
        let Pending { commit, judged, records, written, released, outlook } = pending;
        let flushed = catch_unwind(AssertUnwindSafe(|| flushes.flush(&self.common, &records, written)));
        let trouble = match flushed {
            Ok(Ok(())) => None,
            Ok(Err((_, why))) => Some(why),
            Err(_) => Some(BUG.to_owned()),
        };
        if let Some(why) = trouble {
            // Before anybody behind it flushes.
            self.common.poison(&why);
            drop(flushes);
            let mut writer = writer.unwrap_or_else(|| self.writer());
            return (writer.failed_to_flush(commands, judged, outlook, why), Some(writer));
        }
        self.common.engine.ended(commit);
        drop(flushes);
        self.common.engine.committed();
        self.common.releasing().extend(released);
        match &mut writer {
            Some(writer) => writer.release_now(),
            None => self.release_now(),
        }
        (judged.into_iter().map(|(answer, _)| answer).collect(), writer)
    }

    /// Removes contracts that durable lines have released. Where somebody is judging, that one comes here later, too.
    fn release_now(&self) {
        if self.common.releasing().is_empty() {
            return;
        }
        match self.writer.try_lock() {
            Ok(mut writer) => writer.release_now(),
            Err(TryLockError::Poisoned(writer)) => writer.into_inner().release_now(),
            Err(TryLockError::WouldBlock) => {}
        }
    }
}

/// Somebody took the commands and is gone.
pub(crate) fn stopped() -> StoreError {
    StoreError::OutcomeUnknown("the writer stopped".into())
}
