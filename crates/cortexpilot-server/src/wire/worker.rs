//! Workers that say that they are there: for people to see, and nothing rests on it.

use cortexpilot_core::app::work::WorkerReport;
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::lease::{CannotTake, PRESENCE_MAX, WorkerPresence};
use cortexpilot_core::domain::text::WorkerName;
use cortexpilot_core::domain::time::ledger_text;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MemberProblem;
use super::shown::shown;

/// Longest text of a worker that is shown, in characters: as long as one is kept.
const TEXT_MAX: usize = 200;

/// The largest process id that is taken; systems have smaller ones.
const PID_MAX: u32 = 0x7fff_ffff;
/// As many items as one worker can be said to work on at once.
const SLOTS_MAX: u32 = 1024;

/// The body of a presence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresenceArgs {
    /// What the worker calls itself.
    pub worker: Option<String>,
    /// Where it runs.
    pub host: Option<String>,
    /// Its process there.
    #[schema(maximum = 2147483647)]
    pub pid: Option<u32>,
    /// Of which version it is.
    pub version: Option<String>,
    /// Since when it runs, as ISO 8601 with an offset or `Z`.
    pub started_at: Option<String>,
    /// It takes nothing new.
    pub draining: Option<bool>,
    /// How many items it works on at once.
    #[schema(maximum = 1024)]
    pub slots: Option<u32>,
    /// Those it works on now, by their ids.
    pub running: Option<Vec<String>>,
    /// Those it cannot take, and why.
    pub cannot: Option<Vec<CannotArgs>>,
    /// It is there no more: what it said before is taken away.
    pub gone: Option<bool>,
}

/// An item that a worker cannot take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CannotArgs {
    /// The item.
    pub queue_id: String,
    /// Why, in one sentence.
    pub why: String,
}

impl PresenceArgs {
    /// The worker's name, which is needed.
    ///
    /// # Errors
    /// None, or one that is no plain text of bounded length.
    pub fn name(&self) -> Result<WorkerName, MemberProblem> {
        let problem = || MemberProblem::new("worker", "must be what the worker calls itself: one line of plain text");
        let parsed = WorkerName::parse(self.worker.as_deref().unwrap_or_default());
        parsed.ok().flatten().ok_or_else(problem)
    }

    /// What the worker says of itself.
    ///
    /// # Errors
    /// An id that is none, a time that is no instant, a count that is too large.
    pub fn report(&self, now: Timestamp) -> Result<WorkerReport, MemberProblem> {
        let id = |member, text: &str| {
            QueueItemId::parse(text).ok_or_else(|| MemberProblem::new(member, "must hold ids of queue items"))
        };
        let started_at = self.started_at.as_deref().map(str::parse::<Timestamp>).transpose();
        let no_instant = |_| MemberProblem::new("started_at", "must be ISO 8601 with an offset or `Z`");
        let running = self.running.iter().flatten().map(|text| id("running", text)).collect::<Result<_, _>>()?;
        let cannot = |one: &CannotArgs| Ok(CannotTake { queue_id: id("cannot", &one.queue_id)?, why: one.why.clone() });
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let up_to = |member, count: u32, most: u32| match count <= most {
            true => Ok(count),
            false => Err(MemberProblem::new(member, format!("must be 0 to {most}"))),
        };
        Ok(WorkerReport {
            host: text(&self.host),
            pid: up_to("pid", self.pid.unwrap_or(0), PID_MAX)?,
            version: text(&self.version),
            started_at: started_at.map_err(no_instant)?.unwrap_or(now),
            draining: self.draining.unwrap_or(false),
            slots: up_to("slots", self.slots.unwrap_or(1), SLOTS_MAX)?,
            running,
            cannot: self.cannot.iter().flatten().map(cannot).collect::<Result<_, _>>()?,
        })
    }
}

/// A presence's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PresentView {
    /// Always true: it was written down.
    pub ok: bool,
    /// After so many seconds without another word the worker is not shown any more.
    pub again_within_s: i64,
}

impl PresentView {
    /// It was written down.
    pub const fn kept() -> Self {
        Self { ok: true, again_within_s: PRESENCE_MAX.as_secs() }
    }
}

/// A worker, as it said itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkerView {
    /// What it calls itself.
    pub worker: String,
    /// The principal that it acts as.
    pub principal: String,
    /// Through what: `http`, or `cli` where it works beside the ledger.
    pub surface: String,
    /// Where it runs; empty where it does not say.
    pub host: String,
    /// Its process there; 0 where it does not say.
    pub pid: u32,
    /// Of which version it is; empty where it does not say.
    pub version: String,
    /// Since when it runs.
    pub started_at: String,
    /// When it last said that it is there.
    pub at: String,
    /// It takes nothing new.
    pub draining: bool,
    /// How many items it works on at once.
    pub slots: u32,
    /// Those it works on, by their ids.
    pub running: Vec<String>,
    /// Those it cannot take.
    pub cannot: Vec<CannotView>,
}

/// An item that a worker cannot take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CannotView {
    /// The item.
    pub queue_id: String,
    /// Why, in one sentence.
    pub why: String,
}

impl WorkerView {
    /// Renders a presence.
    pub fn of(presence: &WorkerPresence) -> Self {
        let text = |text: &str| shown(text, TEXT_MAX).0;
        let cannot = |one: &CannotTake| CannotView { queue_id: one.queue_id.to_string(), why: text(&one.why) };
        Self {
            worker: presence.worker.clone(),
            principal: presence.principal.clone(),
            surface: presence.surface.clone(),
            host: text(&presence.host),
            pid: presence.pid,
            version: text(&presence.version),
            started_at: ledger_text(presence.started_at),
            at: ledger_text(presence.at),
            draining: presence.draining,
            slots: presence.slots,
            running: presence.running.iter().map(ToString::to_string).collect(),
            cannot: presence.cannot.iter().map(cannot).collect(),
        }
    }
}
