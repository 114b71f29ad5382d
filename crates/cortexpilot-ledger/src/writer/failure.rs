//! When a batch cannot be made durable: what this process still answers, and that it acknowledges nothing more where a
//! write or a flush failed.

use std::sync::atomic::Ordering;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::Command;
use cortexpilot_core::port::StoreError;

use super::flush::Outlook;
use super::{Answer, BUG, Writer};
use crate::commit::{RefusingTurn, Staging};
use crate::state::{Shared, unavailable};

/// Where writing out a batch stopped.
pub(super) struct Broken {
    pub(super) why: String,
    /// A write or sync failed. Otherwise nothing was tried, and the next batch may try again.
    pub(super) fatal: bool,
    pub(super) outlook: Outlook,
}

impl Writer {
    /// The batch is not durable: its lines are taken back. After a failed write or sync the marks stay set, so that whoever
    /// takes the lock next deals with what was written; this process writes nothing more.
    pub(super) fn break_off(&mut self, broken: &Broken) {
        if broken.fatal {
            self.fail(&broken.why);
        } else {
            tracing::warn!(why = broken.why, "nothing was written");
            self.take_back();
        }
    }

    /// From here on this process acknowledges nothing.
    pub(super) fn fail(&mut self, why: &str) {
        tracing::error!(why, "a write failed: this process acknowledges nothing more");
        self.common.poison(why);
        self.common.engine.write().failed.get_or_insert_with(|| why.to_owned());
        self.take_back();
        self.common.engine.tell();
    }

    /// Waits for what this process is still flushing. Where that failed, its lines are taken back before anything is said
    /// that could rest on them.
    pub(super) fn come_to_rest(&mut self) {
        drop(self.common.flushes());
        let common = self.common.clone();
        if let Some(why) = common.failed().filter(|_| common.engine.read().failed.is_none()) {
            self.fail(why);
        }
    }

    /// The answers to a batch that was written and could not be flushed, or rests on one that could not.
    pub(crate) fn failed_to_flush(
        &mut self,
        commands: &[&Command],
        judged: Vec<(Answer, Staging)>,
        outlook: Outlook,
        why: String,
    ) -> Vec<Answer> {
        let broken = Broken { why, fatal: true, outlook };
        self.break_off(&broken);
        self.after_failure(commands, judged, &broken)
    }

    /// The answers to so many commands after a panic: half a batch may be staged, or written. What is durable is read again;
    /// nothing more is written here.
    pub(crate) fn stopped_by_a_bug(&mut self, commands: usize) -> Vec<Answer> {
        self.fail(BUG);
        (0..commands).map(|_| Err(StoreError::OutcomeUnknown(BUG.to_owned()))).collect()
    }

    /// The state is read again from what is durable.
    fn take_back(&self) {
        // Readers are not kept waiting for it.
        drop(self.common.flushes());
        let mut shared = self.common.engine.write();
        self.forget(&mut shared);
        drop(shared);
        self.common.engine.ended(self.commits);
    }

    pub(super) fn forget(&self, shared: &mut Shared) {
        // What the turn before is flushing is durable then, or failed: otherwise it would be read again as if nobody waited
        // for it any more. While this one has the writer no other flush begins.
        drop(self.common.flushes());
        shared.take_back();
        if let Err(error) = shared.catch_up(self.common.engine.marks()) {
            tracing::error!(%error, "the ledger could not be read again");
        }
    }

    /// Answers a batch whose lines could not be made durable.
    pub(super) fn after_failure(
        &self,
        commands: &[&Command],
        judged: Vec<(Answer, Staging)>,
        broken: &Broken,
    ) -> Vec<Answer> {
        let Broken { why, fatal, outlook: Outlook { decisions_durable, doubted, queue_touched } } = broken;
        let error = StoreError::Unavailable(why.clone());
        let mut after_staged = false;
        let answers = commands.iter().zip(judged).map(|(command, (answer, staged))| {
            let unknown = match staged {
                Staging::Nothing => false,
                // Its line is durable, whatever became of the queue's.
                Staging::Decision if *decisions_durable && !doubted => return answer,
                Staging::Decision => *fatal || *decisions_durable,
                Staging::Queue => *queue_touched,
            };
            after_staged |= staged != Staging::Nothing;
            match answer {
                Err(error) => Err(error),
                Ok(_) if unknown => Err(StoreError::OutcomeUnknown(why.clone())),
                Ok(_) if staged != Staging::Nothing => Err(error.clone()),
                // It rests on durable lines alone, so it stands whether or not it could be written down.
                Ok(denied @ Verdict::Denied(_)) if !after_staged && !doubted => {
                    if !decisions_durable {
                        self.common.unrecorded.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(denied)
                }
                Ok(_) => self.only_refuse(command, &error),
            }
        });
        answers.collect()
    }

    /// The answer to a command when nothing can be written: its refusal, if it is refused, else the error.
    pub(super) fn only_refuse(&self, command: &Command, error: &StoreError) -> Answer {
        let mut shared = self.common.engine.write();
        shared.catch_up(self.common.engine.marks()).map_err(unavailable)?;
        let mut turn = RefusingTurn::new(&shared, error);
        let answer = turn.judge(command);
        self.common.unrecorded.fetch_add(turn.unrecorded, Ordering::Relaxed);
        answer
    }
}
