//! What a worker tells whoever started it: one line a state change.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::domain::time::ledger_text;
use cortexpilot_core::port::Clock as _;
use serde::Serialize;

use crate::cli::output::{self, json_line};
use crate::os::SystemClock;

/// A state change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Said {
    /// The worker is ready.
    Started {
        worker: String,
        /// What it claims as.
        principal: String,
        slots: u32,
        /// What stands around the work.
        sandbox: String,
        /// Workspaces of dead workers that were removed.
        cleared: usize,
    },
    /// Nothing can be claimed although it may be asked for: paused, frozen, at capacity.
    Idle { reason: String },
    /// Something can be claimed again.
    Resumed,
    /// An item could be claimed and cannot be carried out here.
    NotTaken { queue_id: String, task_id: String, reason: String },
    /// An item is this worker's.
    Claimed { queue_id: String, task_id: String, run_id: String, attempt: u32 },
    /// An operator asked that a run end.
    StopAsked { queue_id: String, by: String, reason: String },
    /// An item ended, and the queue knows.
    Finished {
        queue_id: String,
        run_id: String,
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        seconds: u64,
    },
    /// An item was given back.
    HandedBack { queue_id: String, run_id: String, started: bool, reason: String },
    /// The claim is not this worker's any more; nothing was handed in.
    LeaseLost { queue_id: String, run_id: String, reason: String },
    /// A final word could not be delivered.
    Undelivered { queue_id: String, run_id: String, status: &'static str, reason: String },
    /// The queue does not answer, or refuses.
    Trouble { reason: String },
    /// The worker takes nothing more.
    Draining { running: usize },
    /// The wall clock was set.
    ClockJumped { seconds: i64 },
    /// The worker ended.
    Ended { finished: u32 },
}

impl Said {
    /// For people.
    fn words(&self) -> String {
        match self {
            Self::Started { worker, principal, slots, sandbox, cleared } => {
                let cleared = match cleared {
                    0 => String::new(),
                    1 => "; removed the workspace of a worker that is gone".to_owned(),
                    more => format!("; removed the workspaces of {more} workers that are gone"),
                };
                format!("worker {worker}: {slots} at a time, sandbox {sandbox}, acting as {principal}{cleared}")
            }
            Self::Idle { reason } => format!("waiting: the queue is {reason}"),
            Self::Resumed => "going on".to_owned(),
            Self::NotTaken { queue_id, task_id, reason } => format!("not taken {queue_id} ({task_id}): {reason}"),
            Self::Claimed { queue_id, task_id, run_id, attempt } => {
                let again = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                format!("claimed {queue_id} ({task_id}){again}: {run_id}")
            }
            Self::StopAsked { queue_id, by, reason } => format!("asked to stop {queue_id} by {by}: {reason}"),
            Self::Finished { queue_id, status, reason, seconds, .. } => {
                let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                format!("{status} {queue_id} after {seconds} s{why}")
            }
            Self::HandedBack { queue_id, started, reason, .. } => {
                let how = if *started { "after it was begun" } else { "untouched" };
                format!("handed back {queue_id}, {how}: {reason}")
            }
            Self::LeaseLost { queue_id, run_id, reason } => {
                format!("lost {queue_id}: {reason}; nothing was handed in, the run {run_id} stays")
            }
            Self::Undelivered { queue_id, run_id, status, reason } => format!(
                "not handed in {queue_id}: the run {run_id} ended as {status}, and the queue could not be told: {reason}"
            ),
            Self::Trouble { reason } => format!("the queue cannot be asked: {reason}; trying again"),
            Self::Draining { running: 0 } => "stopping".to_owned(),
            Self::Draining { running } => {
                format!("stopping: nothing more is taken, {running} running; a second signal ends them at once")
            }
            Self::ClockJumped { seconds } => {
                format!("the system's clock was set by {seconds} s; nothing here rests on it")
            }
            Self::Ended { finished } => format!("ended; {finished} finished"),
        }
    }

    /// Whether it is about something that somebody should look at.
    fn is_complaint(&self) -> bool {
        match self {
            Self::NotTaken { .. }
            | Self::LeaseLost { .. }
            | Self::Undelivered { .. }
            | Self::Trouble { .. }
            | Self::ClockJumped { .. } => true,
            Self::Started { .. }
            | Self::Idle { .. }
            | Self::Resumed
            | Self::Claimed { .. }
            | Self::StopAsked { .. }
            | Self::Finished { .. }
            | Self::HandedBack { .. }
            | Self::Draining { .. }
            | Self::Ended { .. } => false,
        }
    }
}

/// Where it is said.
#[derive(Debug, Clone, Default)]
pub(crate) enum To {
    /// Lines for people: complaints on standard error.
    #[default]
    People,
    /// One JSON document a line, on standard output.
    Programs,
    /// On standard error, all of it: standard output belongs to somebody else.
    Beside,
    /// Into a list, for tests.
    #[cfg(test)]
    List(Arc<Mutex<Vec<Said>>>),
}

/// Says each thing once for as long as it stays so.
#[derive(Debug, Default)]
pub(crate) struct Say {
    to: To,
    told: Mutex<HashSet<(QueueItemId, String)>>,
}

impl Say {
    pub(crate) fn new(to: To) -> Arc<Self> {
        Arc::new(Self { to, told: Mutex::default() })
    }

    pub(crate) fn say(&self, said: &Said) {
        // If nobody listens any more the work goes on all the same.
        match &self.to {
            To::Programs => {
                let mut line = serde_json::json!(said);
                line["ts"] = ledger_text(SystemClock.now()).into();
                _ = output::print(&json_line(&line));
            }
            To::People if !said.is_complaint() => _ = output::print(&format!("{}\n", escape(&said.words()))),
            To::People => output::complain(&format!("{}\n", escape(&said.words()))),
            To::Beside => output::complain(&format!("worker: {}\n", escape(&said.words()))),
            #[cfg(test)]
            To::List(list) => list.lock().expect("invariant: no test panics while holding it").push(said.clone()),
        }
    }

    /// Says why an item is not taken, once a reason.
    pub(crate) fn not_taken(&self, queue_id: &QueueItemId, task_id: &str, reason: &str) {
        let mut told = self.told.lock().expect("invariant: nobody panics while holding what was told");
        if told.insert((queue_id.clone(), reason.to_owned())) {
            drop(told);
            self.say(&Said::NotTaken {
                queue_id: queue_id.as_str().to_owned(),
                task_id: task_id.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }

    /// Forgets what was said of items that are not waiting any more.
    pub(crate) fn keep_only(&self, waiting: &dyn Fn(&QueueItemId) -> bool) {
        self.told.lock().expect("invariant: nobody panics while holding what was told").retain(|(id, _)| waiting(id));
    }
}
