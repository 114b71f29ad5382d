//! The line of commands that wait to be judged, and the threads that wait for commands.
//!
//! Somebody is always on the way to the commands that wait: whoever has announced that it comes ([`Line::lead`], or a
//! thread that [`Line::wait`] sent) takes all that wait by the time it arrives. So a command wakes a thread only when
//! nobody is coming, and none that answers others just now and will be back at once; and a thread that finds somebody coming
//! sleeps; of several that sleep the same is called each time. So a caller that waits for each of its commands is served by
//! one thread all the time.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cortexpilot_core::domain::command::Command;
use cortexpilot_core::port::StoreError;
use tokio::sync::oneshot;

use crate::writer::Answer;

/// Commands, or groups of commands, that may wait at once. Surfaces bound their callers far below; past this, a command is not taken at all.
const WAITING_MAX: usize = 4096;

/// Commands that are judged one after the other in one commit, and where their answers go. Whoever waited may be gone; the
/// commands are carried out all the same.
pub(crate) struct Waiting {
    pub(crate) commands: Vec<Command>,
    /// `None`: the thread that carries them out takes the answers itself.
    pub(crate) answers: Option<oneshot::Sender<Answered>>,
}

/// The answers, in the order of the commands; and these, so that whoever made them takes them apart and not the thread that
/// everybody waits for.
pub(crate) struct Answered {
    pub(crate) answers: Vec<Answer>,
    pub(crate) _commands: Vec<Command>,
}

/// What a thread waited for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Commands wait. This thread comes for them, and must call [`Line::take`].
    Commands,
    /// None came for so long, or somebody asks that it be looked what is to be done besides.
    Nothing,
    /// The line is closed, and nothing waits.
    TheEnd,
}

/// Threads of a store that commit: while one flushes, the other judges.
pub(crate) const THREADS: usize = 2;

/// Where a thread is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    /// It does something else.
    #[default]
    Work,
    /// It sleeps until it is called.
    Asleep,
    /// It was called and has not woken up yet.
    Called,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Threads on their way to what waits.
    coming: usize,
    /// Threads that have flushed, and will be back in a moment.
    returning: usize,
    /// By thread: what it does about this line.
    threads: [At; THREADS],
    /// Somebody who comes waits for more.
    lingering: bool,
    /// What is to be done besides commands should be looked at.
    nudged: bool,
    closed: bool,
}

impl State {
    fn call(&mut self, line: &Line) {
        if self.coming > 0 || self.returning > 0 {
            return;
        }
        if let Some(thread) = self.threads.iter().position(|at| *at == At::Asleep) {
            self.threads[thread] = At::Called;
            self.coming += 1;
            line.wake[thread].notify_one();
        }
    }
}

/// The line.
#[derive(Default)]
pub(crate) struct Line {
    state: Mutex<State>,
    wake: [Condvar; THREADS],
    more: Condvar,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts commands in line.
    pub(crate) fn push(&self, waiting: Waiting) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.closed {
            return Err(StoreError::Unavailable("the store is closed".into()));
        }
        if state.waiting.len() >= WAITING_MAX {
            return Err(StoreError::Unavailable(format!("{WAITING_MAX} commands wait already")));
        }
        state.waiting.push_back(waiting);
        if state.lingering {
            self.more.notify_one();
        }
        state.call(self);
        Ok(())
    }

    /// Whether this thread may come for what waits, with commands of its own: so when nobody else comes. It must call
    /// [`Line::take`] then.
    pub(crate) fn lead(&self) -> bool {
        let mut state = self.state();
        let leads = state.coming == 0 && state.waiting.is_empty() && !state.closed;
        state.coming += usize::from(leads);
        leads
    }

    /// This thread is about to answer and will come to wait at once.
    pub(crate) fn will_return(&self) {
        self.state().returning += 1;
    }

    /// Has this thread of the store wait for commands, at most for so long. `returns`: it has said that it would.
    pub(crate) fn wait(&self, thread: usize, longest: Duration, returns: bool) -> Came {
        let mut state = self.state();
        state.returning -= usize::from(returns);
        let mut until = None;
        loop {
            if state.coming == 0 && !state.waiting.is_empty() {
                state.coming += 1;
                return Came::Commands;
            }
            if std::mem::take(&mut state.nudged) {
                return Came::Nothing;
            }
            if state.closed && state.waiting.is_empty() {
                return Came::TheEnd;
            }
            let now = Instant::now();
            let left = until.get_or_insert(now + longest).saturating_duration_since(now);
            if left.is_zero() {
                return Came::Nothing;
            }
            state.threads[thread] = At::Asleep;
            state = self.wake[thread].wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            if std::mem::take(&mut state.threads[thread]) == At::Called {
                return Came::Commands;
            }
        }
    }

    /// Takes what waits, up to so many commands, behind those that are in the batch already. Groups stay together, so it may
    /// end up to one of them above. `linger` says of a batch until when to wait for more, if at all.
    pub(crate) fn take(
        &self,
        batch: &mut Vec<Waiting>,
        most: usize,
        mut linger: impl FnMut(&[Waiting]) -> Option<Instant>,
    ) {
        let mut count: usize = batch.iter().map(|waiting| waiting.commands.len()).sum();
        let mut state = self.state();
        while count < most {
            if let Some(next) = state.waiting.pop_front() {
                count += next.commands.len();
                batch.push(next);
                continue;
            }
            let Some(until) = linger(batch).filter(|_| !batch.is_empty()) else { break };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.lingering = true;
            state = self.more.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.lingering = false;
        }
        state.coming -= 1;
        if !state.waiting.is_empty() {
            state.call(self);
        }
    }

    /// Has a thread that sleeps look at what is to be done besides commands.
    pub(crate) fn nudge(&self) {
        self.state().nudged = true;
        self.wake_all();
    }

    /// Takes no more commands; what waits is carried out.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.wake_all();
    }

    fn wake_all(&self) {
        self.wake.iter().for_each(Condvar::notify_all);
    }

    /// Takes no more commands and lets go of those that wait: nobody is left who could carry them out.
    pub(crate) fn abandon(&self) {
        let left = {
            let mut state = self.state();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        drop(left);
        self.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Waiting {
        Waiting { commands: Vec::new(), answers: None }
    }

    const SOON: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(60);

    fn take(line: &Line) -> usize {
        let mut batch = Vec::new();
        line.take(&mut batch, usize::MAX, |_| None);
        batch.len()
    }

    #[test]
    fn who_comes_first_takes_everything_and_nobody_else_is_sent() {
        let line = Line::default();
        assert!(line.lead(), "nobody comes");
        assert!(!line.lead(), "somebody does");
        line.push(one()).unwrap();
        line.push(one()).unwrap();
        assert_eq!(line.wait(0, SOON, false), Came::Nothing, "what waits will be taken by the one who leads");
        assert_eq!(take(&line), 2);
        line.push(one()).unwrap();
        assert!(!line.lead(), "those that wait come first");
        assert_eq!(line.wait(0, LONG, false), Came::Commands);
        assert_eq!(take(&line), 1);
        assert!(line.lead());
    }

    #[test]
    fn a_thread_that_sleeps_is_called_once_for_all_that_wait() {
        let line = Line::default();
        std::thread::scope(|scope| {
            let sleeping = scope.spawn(|| (line.wait(0, LONG, false), take(&line)));
            while !line.state().threads.contains(&At::Asleep) {
                std::thread::yield_now();
            }
            line.push(one()).unwrap();
            line.push(one()).unwrap();
            let (came, took) = sleeping.join().unwrap();
            assert_eq!(came, Came::Commands);
            // The second may have come behind it; then it waits for the next.
            let rest = if took == 1 { (line.wait(0, LONG, false), take(&line)).1 } else { 0 };
            assert_eq!(took + rest, 2);
        });
    }

    #[test]
    fn nobody_is_called_while_a_thread_is_about_to_return() {
        let line = Line::default();
        std::thread::scope(|scope| {
            let sleeping = scope.spawn(|| line.wait(0, LONG, false));
            while !line.state().threads.contains(&At::Asleep) {
                std::thread::yield_now();
            }
            line.will_return();
            line.push(one()).unwrap();
            let state = line.state();
            assert_eq!((state.threads[0], state.coming), (At::Asleep, 0));
            drop(state);
            assert_eq!((line.wait(1, LONG, true), take(&line)), (Came::Commands, 1));
            line.close();
            assert_eq!(sleeping.join().unwrap(), Came::TheEnd);
        });
    }

    #[test]
    fn of_two_that_sleep_the_first_is_called() {
        let line = Line::default();
        std::thread::scope(|scope| {
            let threads = [0, 1].map(|thread| {
                scope.spawn({
                    let line = &line;
                    move || (line.wait(thread, LONG, false), take_if_any(line))
                })
            });
            while line.state().threads != [At::Asleep; THREADS] {
                std::thread::yield_now();
            }
            line.push(one()).unwrap();
            let [first, second] = threads;
            assert_eq!(first.join().unwrap(), (Came::Commands, 1));
            line.close();
            assert_eq!(second.join().unwrap(), (Came::TheEnd, 0));
        });
    }

    fn take_if_any(line: &Line) -> usize {
        if line.state().coming == 0 { 0 } else { take(line) }
    }

    #[test]
    fn what_is_left_when_a_batch_is_full_has_the_next_thread_called() {
        let line = Line::default();
        std::thread::scope(|scope| {
            assert!(line.lead());
            for _ in 0..3 {
                line.push(Waiting { commands: Vec::new(), answers: None }).unwrap();
            }
            let sleeping = scope.spawn(|| (line.wait(0, LONG, false), take(&line)));
            while !line.state().threads.contains(&At::Asleep) {
                std::thread::yield_now();
            }
            let mut batch = Vec::new();
            // Nothing is taken of what waits: the batch is full with its own.
            line.take(&mut batch, 0, |_| None);
            assert_eq!((batch.len(), sleeping.join().unwrap()), (0, (Came::Commands, 3)));
        });
    }

    #[test]
    fn a_closed_line_takes_nothing_and_gives_what_waits() {
        let line = Line::default();
        line.push(one()).unwrap();
        line.close();
        assert!(line.push(one()).is_err() && !line.lead());
        assert_eq!((line.wait(0, LONG, false), take(&line)), (Came::Commands, 1));
        assert_eq!(line.wait(0, LONG, false), Came::TheEnd);
    }

    #[test]
    fn an_abandoned_line_lets_go_of_what_waits() {
        let line = Line::default();
        let (answers, answered) = oneshot::channel();
        line.push(Waiting { commands: Vec::new(), answers: Some(answers) }).unwrap();
        line.abandon();
        assert!(cortexpilot_core::port::block_on(answered).is_err());
        assert_eq!(line.wait(0, LONG, false), Came::TheEnd);
    }

    #[test]
    fn a_nudge_is_seen_once_and_is_no_command() {
        let line = Line::default();
        line.nudge();
        assert_eq!(line.wait(0, LONG, false), Came::Nothing);
        assert_eq!(line.wait(0, SOON, false), Came::Nothing);
        line.push(one()).unwrap();
        assert_eq!(line.wait(0, LONG, false), Came::Commands);
    }
}
