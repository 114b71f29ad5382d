//! One claim's lease, kept alive beside the run. The worker's own monotonic clock decides when it has to be taken for over;
//! the queue decides whether it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cortexpilot_work::{Progress, Stage, Stop};

use super::claims::{Claims, Note, StopAsked, Taken, Trouble};
use super::monotonic;
use super::say::{Said, Say};

/// However long a lease is, an operator's wish is heard within this.
const BEAT_MAX: Duration = Duration::from_secs(5);

/// How long is waited after a heartbeat that could not be sent, at most.
const AGAIN_MAX: Duration = Duration::from_secs(1);

/// Why a claim is not this worker's any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Over {
    /// The queue said so.
    Told(String),
    /// It could not be renewed for its whole length.
    Silent(String),
}

impl Over {
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Told(why) | Self::Silent(why) => why,
        }
    }
}

/// A lease under way.
pub(super) struct Lease {
    pub(super) taken: Taken,
    claims: Arc<dyn Claims>,
    say: Arc<Say>,
    stop: Stop,
    note: Mutex<Note>,
    state: Mutex<State>,
    finished: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// When the last heartbeat was sent that the queue confirmed, on this worker's monotonic clock.
    renewed: Duration,
    over: Option<Over>,
    stop: Option<StopAsked>,
}

impl Progress for Lease {
    fn at(&self, stage: Stage, events: u64) {
        let mut note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        *note = Note { stage: stage.as_str().to_owned(), events };
    }
}

impl Lease {
    /// `asked` is when the claim was asked for: the queue's answer cannot be older, so the lease cannot be longer.
    pub(super) fn new(taken: Taken, asked: Duration, claims: Arc<dyn Claims>, say: Arc<Say>, stop: Stop) -> Self {
        let state = Mutex::new(State { renewed: asked, ..State::default() });
        Self { taken, claims, say, stop, note: Mutex::default(), state, finished: AtomicBool::new(false) }
    }

    /// Why it is not ours any more, if so. A lease whose length has passed unrenewed is over, also where nobody noticed:
    /// this process may have been stopped and continued.
    pub(super) fn over(&self) -> Option<Over> {
        let mut state = self.lock();
        if state.over.is_none() && self.left(&state).is_zero() {
            state.over = Some(Over::Silent(format!(
                "the lease was lost: it could not be renewed for {} s",
                self.taken.lease.as_secs()
            )));
        }
        state.over.clone()
    }

    /// What an operator asked, if so.
    pub(super) fn stop_asked(&self) -> Option<StopAsked> {
        self.lock().stop.clone()
    }

    /// The queue said that the claim is not ours.
    pub(super) fn told_over(&self, why: &str) -> Over {
        let over = Over::Told(format!("the lease was lost: {why}"));
        self.lock().over.get_or_insert(over).clone()
    }

    /// The work is done: from now on the lease's length is no reason to stop anything, only the queue's word is.
    pub(super) fn work_is_done(&self) {
        self.finished.store(true, Ordering::SeqCst);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self, state: &State) -> Duration {
        (state.renewed + self.taken.lease).saturating_sub(monotonic::now())
    }

    /// Renews the lease for as long as it is ours, and stops the run when it is not. Ends when it is over.
    pub(super) async fn keep(self: Arc<Self>) {
        let every = (self.taken.lease / 4).min(BEAT_MAX);
        let again = (self.taken.lease / 16).min(AGAIN_MAX);
        let mut pause = every;
        let mut trouble = None;
        loop {
            let left = if self.finished.load(Ordering::SeqCst) { pause } else { self.left(&self.lock()) };
            tokio::time::sleep(pause.min(left)).await;
            // Before anything is sent: this process may have stood still for longer than the lease.
            if !self.finished.load(Ordering::SeqCst)
                && let Some(over) = self.over()
            {
                return self.stop.insist_because(over.reason());
            }
            let sent = monotonic::now();
            let left = self.left(&self.lock()).max(again);
            let note = self.note.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let answer = tokio::time::timeout(left, self.claims.heartbeat(&self.taken, note)).await;
            match answer.unwrap_or_else(|_| Err(Trouble::Away("no answer in time".to_owned()))) {
                Ok(stop) => {
                    self.lock().renewed = sent;
                    (pause, trouble) = (every, None);
                    if let Some(asked) = stop {
                        self.asked(asked);
                    }
                }
                Err(Trouble::NotOurs(why)) => {
                    let over = self.told_over(&why);
                    return self.stop.insist_because(over.reason());
                }
                Err(other @ (Trouble::Refused { .. } | Trouble::Away(_))) => {
                    if trouble.as_ref() != Some(&other) {
                        let reason = format!("the lease of {} is not renewed: {other}", self.taken.queue_id.as_str());
                        self.say.say(&Said::Trouble { reason });
                        trouble = Some(other);
                    }
                    pause = again;
                }
            }
        }
    }

    fn asked(&self, asked: StopAsked) {
        let first = {
            let mut state = self.lock();
            let first = state.stop.is_none();
            state.stop.get_or_insert(asked.clone());
            first
        };
        if first {
            let StopAsked { by, reason } = asked;
            self.stop.ask_because(format!("{by} asked that it stop: {reason}"));
            self.say.say(&Said::StopAsked { queue_id: self.taken.queue_id.as_str().to_owned(), by, reason });
        }
    }
}
