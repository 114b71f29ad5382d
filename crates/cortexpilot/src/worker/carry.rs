//! One item from its claim to its final word.

use std::sync::Arc;
use std::time::Duration;

use cortexpilot_core::domain::text::{Reason, escape};
use cortexpilot_work::{Assignment, Failure, FailureKind, NotStarted, Outcome, Stop};
use tokio::sync::watch;

use super::claims::{Claims, End, Taken, Trouble};
use super::drive::Orders;
use super::lease::{Lease, Over};
use super::monotonic;
use super::readiness::Site;
use super::say::{Said, Say};

/// How long a finished run's final word is tried to be delivered.
const DELIVER_MAX: Duration = Duration::from_secs(600);

/// How long one try may take.
const DELIVER_ANSWER: Duration = Duration::from_secs(20);

/// How long is waited before it is tried again.
const DELIVER_AGAIN: Duration = Duration::from_millis(500);

/// How an item ended for this worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The queue knows that it succeeded.
    Succeeded,
    /// The queue knows that it did not.
    NotSucceeded,
    /// It was given back before anything was done.
    Untouched,
    /// It was given back after something was done.
    HandedBack,
    /// The claim was lost, or the final word could not be delivered.
    Lost,
}

/// What is to be told of a run that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Complete(End, Option<String>),
    Release { started: bool, reason: String },
}

impl Word {
    fn status(&self) -> &'static str {
        match self {
            Self::Complete(end, _) => end.as_str(),
            Self::Release { .. } => "handed back",
        }
    }
}

/// Everything that one item is carried out with.
pub(super) struct Carry {
    pub(super) claims: Arc<dyn Claims>,
    pub(super) site: Arc<dyn Site>,
    pub(super) say: Arc<Say>,
    pub(super) orders: watch::Receiver<Orders>,
}

impl Carry {
    /// Carries it out. `asked` is when the claim was asked for, on the worker's monotonic clock.
    pub(super) async fn out(mut self, taken: Taken, asked: Duration, assignment: Assignment, retries: bool) -> Ended {
        let began = monotonic::now();
        let stop = Stop::default();
        let lease = Arc::new(Lease::new(taken, asked, self.claims.clone(), self.say.clone(), stop.clone()));
        let keeping = tokio::spawn(lease.clone().keep());
        let (site, progress, ask) = (self.site.clone(), lease.clone(), stop.clone());
        let mut work = tokio::task::spawn_blocking(move || site.execute(&assignment, &*progress, &ask));
        let done = loop {
            let order = *self.orders.borrow_and_update();
            match order {
                Orders::Work | Orders::Drain => {}
                Orders::Stop => stop.ask_because("the worker was told to stop"),
                Orders::Kill => stop.insist_because("the worker was told to stop"),
            }
            tokio::select! {
                done = &mut work => break done,
                changed = self.orders.changed() => if changed.is_err() {
                    // Nobody gives orders any more: the work goes on to its end.
                    break work.await;
                }
            }
        };
        // Looked at before the lease may be taken for kept because the work is done.
        let over = lease.over();
        lease.work_is_done();
        let ended = match over {
            Some(over) => self.lost(&lease, &over),
            None => {
                let word = word(done, &lease, retries);
                self.deliver(&lease, word, began).await
            }
        };
        keeping.abort();
        ended
    }

    fn lost(&self, lease: &Lease, over: &Over) -> Ended {
        self.say.say(&Said::LeaseLost {
            queue_id: lease.taken.queue_id.as_str().to_owned(),
            run_id: lease.taken.run_id.as_str().to_owned(),
            reason: over.reason().to_owned(),
        });
        Ended::Lost
    }

    /// Tells the queue until it has heard. The work ended while the lease was ours, so a word that comes late is no danger:
    /// the queue takes it only from the attempt that it still waits for.
    async fn deliver(&self, lease: &Lease, word: Word, began: Duration) -> Ended {
        let (taken, first) = (&lease.taken, monotonic::now());
        let mut unknown = false;
        loop {
            let sending = match &word {
                Word::Complete(end, reason) => self.claims.complete(taken, *end, reason.clone()),
                Word::Release { started, reason } => self.claims.release(taken, *started, reason.clone()),
            };
            let sent = tokio::time::timeout(DELIVER_ANSWER, sending).await;
            let sent = sent.unwrap_or_else(|_| Err(Trouble::Away("no answer in time".to_owned())));
            let end = match &word {
                Word::Complete(end, _) => Some(*end),
                Word::Release { .. } => None,
            };
            match sent {
                Ok(()) => return self.delivered(taken, word, began),
                // An earlier answer was lost: perhaps it was this very word that ended the claim.
                Err(Trouble::NotOurs(_)) if unknown && self.claims.ended_so(taken, end).await == Ok(true) => {
                    return self.delivered(taken, word, began);
                }
                Err(Trouble::NotOurs(why)) => return self.lost(lease, &lease.told_over(&why)),
                Err(refused @ Trouble::Refused { .. }) => return self.undelivered(taken, &word, &refused),
                Err(away @ Trouble::Away(_)) => {
                    let late = monotonic::now().saturating_sub(first) > DELIVER_MAX;
                    if late || *self.orders.borrow() == Orders::Kill {
                        return self.undelivered(taken, &word, &away);
                    }
                    if !unknown {
                        self.say.say(&Said::Trouble { reason: away.to_string() });
                    }
                    unknown = true;
                    tokio::time::sleep(DELIVER_AGAIN).await;
                }
            }
        }
    }

    fn delivered(&self, taken: &Taken, word: Word, began: Duration) -> Ended {
        let (queue_id, run_id) = (taken.queue_id.as_str().to_owned(), taken.run_id.as_str().to_owned());
        let seconds = monotonic::now().saturating_sub(began).as_secs();
        match word {
            Word::Complete(end, reason) => {
                self.say.say(&Said::Finished { queue_id, run_id, status: end.as_str(), reason, seconds });
                match end {
                    End::Success => Ended::Succeeded,
                    End::Failure | End::Stopped => Ended::NotSucceeded,
                }
            }
            Word::Release { started, reason } => {
                self.say.say(&Said::HandedBack { queue_id, run_id, started, reason });
                if started { Ended::HandedBack } else { Ended::Untouched }
            }
        }
    }

    fn undelivered(&self, taken: &Taken, word: &Word, trouble: &Trouble) -> Ended {
        self.say.say(&Said::Undelivered {
            queue_id: taken.queue_id.as_str().to_owned(),
            run_id: taken.run_id.as_str().to_owned(),
            status: word.status(),
            reason: trouble.to_string(),
        });
        Ended::Lost
    }
}

/// What to tell of it.
fn word(done: Result<Result<Outcome, NotStarted>, tokio::task::JoinError>, lease: &Lease, retries: bool) -> Word {
    let outcome = match done {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(refused)) => return Word::Release { started: false, reason: sentence(&refused.to_string()) },
        Err(_) => {
            // The panic itself is in the log.
            let reason = "the worker met a fault of its own; the run's record is not finished".to_owned();
            return Word::Complete(End::Failure, Some(reason));
        }
    };
    let Some(Failure { kind, reason }) = outcome.failure else { return Word::Complete(End::Success, None) };
    let reason = sentence(&reason);
    match kind {
        FailureKind::Stopped if lease.stop_asked().is_some() => Word::Complete(End::Stopped, Some(reason)),
        FailureKind::Stopped => Word::Release { started: true, reason },
        // The queue knows how often, and when again.
        FailureKind::TimedOut | FailureKind::Idle if retries => Word::Release { started: true, reason },
        FailureKind::TimedOut
        | FailureKind::Idle
        | FailureKind::Workspace
        | FailureKind::Sandbox
        | FailureKind::Runner
        | FailureKind::DiffGate
        | FailureKind::RequiredOutputs
        | FailureKind::AcceptanceTests
        | FailureKind::Record => Word::Complete(End::Failure, Some(reason)),
    }
}

/// At most so many characters of a reason are told; all of it stands in the run.
const REASON_CHARS: usize = 600;

/// A reason as the queue takes it. Parts of it come out of the work: paths, a runner's last words.
pub(super) fn sentence(text: &str) -> String {
    let escaped = escape(text);
    let mut short: String = escaped.chars().take(REASON_CHARS).collect();
    if short.len() < escaped.len() {
        short.push('…');
    }
    match Reason::parse(&short) {
        Ok(Some(reason)) => reason.as_str().to_owned(),
        Ok(None) => "no reason was given".to_owned(),
        Err(_) => short.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_that_the_queue_takes() {
        for text in ["plain", "", "a\nb\u{202e}c", "e\u{301} decomposed", &"x".repeat(5_000), "\u{1b}[31m"] {
            let said = sentence(text);
            assert!(matches!(Reason::parse(&said), Ok(Some(_))), "{text:?} became {said:?}");
        }
        assert_eq!(sentence("diff gate: a (b)"), "diff gate: a (b)");
    }
}
