//! The item view.

use cortexpilot_core::domain::lease::{Beat, Held, MESSAGE_MAX, STAGE_MAX, StopRequest};
use cortexpilot_core::domain::listing::FileProblem;
use cortexpilot_core::domain::queue::{Claim, ItemState, QueueItem, When};
use cortexpilot_core::domain::time::ledger_text;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use utoipa::ToSchema;

use super::shown::shown;
use super::words;

/// A queue item as every surface shows it: the original's nineteen members in its order, then what only some items have, each
/// left out where there is nothing to say. Of the nineteen, texts are empty then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ItemView {
    /// The item's id; empty in a preview.
    pub queue_id: String,
    /// The task it repeats.
    pub task_id: String,
    /// The owning agent.
    pub owner: String,
    /// Absolute path of the source run's contract.
    pub contract_path: String,
    /// The workflow case.
    pub workflow_id: String,
    /// The run it was derived from.
    pub source_run_id: String,
    /// `PENDING`, `CLAIMED`, `LOST` or `DEAD_LETTER` (held for an operator), `CANCELLED`, `EXPIRED`, or how it ended: `SUCCESS`,
    /// `FAILURE`, `STOPPED`.
    pub status: String,
    /// −100 to 100, higher first.
    pub priority: i64,
    /// Not to be claimed before, as sent.
    pub scheduled_at: String,
    /// Should be finished by, as sent.
    pub deadline_at: String,
    /// The run that comes or came out of it.
    pub run_id: String,
    /// When it was claimed.
    pub claimed_at: String,
    /// When it was finished.
    pub completed_at: String,
    /// `in_progress`, `completed`, `ended`, `scheduled`, `breached`, `at_risk` or `on_track`.
    #[schema(value_type = words::SlaState)]
    pub sla_state: String,
    /// `claimed`, `closed`, `eligible`, `waiting` or `held`.
    #[schema(value_type = words::QueueState)]
    pub queue_state: String,
    /// Whether a worker may claim it now.
    pub eligible: bool,
    /// `scheduled_for_future`, `backing_off` after a claim that came to nothing, or empty.
    #[schema(value_type = words::WaitingReason)]
    pub waiting_reason: String,
    /// When it was enqueued; empty in a preview.
    pub created_at: String,
    /// When it was cancelled.
    pub cancelled_at: String,
    /// Why it was cancelled, or why it ended as it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// Who cancelled it, in which role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cancelled_by: Option<String>,
    /// The principal that queued it, where its line says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub asked_by: Option<String>,
    /// The operator, in which role, that closed it when it was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ended_by: Option<String>,
    /// How often it was claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub attempts: Option<u32>,
    /// Not to be claimed before: after a claim that came to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub not_before: Option<String>,
    /// The worker that has or had it, as it names itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub worker: Option<String>,
    /// Until when its claim would hold without another word: as of the claim, and in the item's own view as of the last
    /// heartbeat. For people; no wall clock ends a lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lease_expires_at: Option<String>,
    /// An operator's request that its work end. Not a rollback: what was done is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub stop: Option<StopView>,
    /// Why it waits for an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub held: Option<HeldView>,
    /// The repository that its run works on, where the source run names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub repository: Option<String>,
    /// What its worker last said, in the item's own view.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub progress: Option<ProgressView>,
}

/// An operator's request that the work on a claimed item end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct StopView {
    /// The principal in its role.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

impl StopView {
    /// Renders a request.
    pub fn of(stop: &StopRequest) -> Self {
        Self { by: stop.by.clone(), reason: stop.reason.clone(), at: ledger_text(stop.at) }
    }
}

/// Why an item waits for an operator, who requeues it or fails it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct HeldView {
    /// `LOST`: nobody knows what became of its run. `DEAD_LETTER`: it was lost as often as its contract lets it be repeated.
    #[schema(value_type = words::HeldHow)]
    pub kind: String,
    /// In words.
    pub reason: String,
    /// Who ended the claim; left out where its worker fell silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<String>,
    /// Since when.
    pub at: String,
}

impl HeldView {
    fn of(held: &Held) -> Self {
        let (kind, reason) = (held.kind.as_str().to_owned(), held.reason.clone());
        Self { kind, reason, by: held.by.clone(), at: ledger_text(held.at) }
    }
}

/// What a worker last said of an item it works on. For people: nothing but the lease rests on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ProgressView {
    /// What it does now.
    pub stage: String,
    /// One sentence about it.
    pub message: String,
    /// How many events its run has so far.
    pub events: u64,
    /// When it last said that it goes on.
    pub at: String,
    /// How many times it said so.
    pub beats: u64,
}

impl ProgressView {
    fn of(beat: &Beat) -> Self {
        let note = beat.progress.clone().unwrap_or_default();
        Self {
            stage: shown(&note.stage, STAGE_MAX).0,
            message: shown(&note.message, MESSAGE_MAX).0,
            events: note.events,
            at: ledger_text(beat.at),
            beats: beat.count,
        }
    }
}

impl ItemView {
    /// The item as it stands at this moment.
    pub fn of(item: &QueueItem, now: Timestamp) -> Self {
        let enqueued = &item.enqueued;
        let (mut completed_at, mut cancelled_at) = (String::new(), String::new());
        let (mut reason, mut cancelled_by, mut ended_by, mut held) = (None, None, None, None);
        let claim: Option<&Claim> = match &item.state {
            ItemState::Pending | ItemState::Expired { .. } => None,
            ItemState::Claimed(claim) => Some(claim),
            ItemState::Closed { claim, completed_at: at, reason: why, by, .. } => {
                completed_at = time(*at);
                reason = why.clone();
                ended_by = by.clone();
                claim.as_ref()
            }
            ItemState::Held(ended) => {
                held = Some(HeldView::of(ended));
                Some(&ended.claim)
            }
            ItemState::Cancelled { at, by, reason: why } => {
                cancelled_at = time(*at);
                reason = why.clone();
                cancelled_by = by.clone();
                None
            }
        };
        let running = item.claim();
        Self {
            queue_id: item.queue_id().as_str().to_owned(),
            task_id: enqueued.task_id.clone(),
            owner: enqueued.owner.clone(),
            contract_path: enqueued.contract_path.clone(),
            workflow_id: enqueued.workflow_id.clone(),
            source_run_id: enqueued.source_run_id.clone(),
            status: item.status().to_owned(),
            priority: enqueued.priority,
            scheduled_at: text(&enqueued.scheduled),
            deadline_at: text(&enqueued.deadline),
            run_id: item.run_id().to_owned(),
            claimed_at: claim.map(|claim| time(claim.claimed_at)).unwrap_or_default(),
            completed_at,
            sla_state: item.sla_state(now).to_owned(),
            queue_state: item.queue_state(now).to_owned(),
            eligible: item.eligible(now),
            waiting_reason: item.waiting_reason(now).to_owned(),
            created_at: time(enqueued.ts),
            cancelled_at,
            asked_by: enqueued.provenance.as_ref().map(|stamps| stamps.principal.clone()),
            reason,
            cancelled_by,
            ended_by,
            attempts: Some(item.attempts).filter(|attempts| *attempts > 0),
            not_before: item.not_before.filter(|_| item.is_pending()).map(ledger_text),
            worker: claim.map(|claim| claim.worker.clone()).filter(|worker| !worker.is_empty()),
            lease_expires_at: running.and_then(|claim| claim.lease_expires_at).map(ledger_text),
            stop: claim.and_then(|claim| claim.stop.as_ref()).map(StopView::of),
            held,
            repository: item.repository().map(str::to_owned),
            progress: None,
        }
    }

    /// The same with what its worker last said of this very claim.
    pub fn with_beat(item: &QueueItem, beat: Option<&Beat>, now: Timestamp) -> Self {
        let view = Self::of(item, now);
        let Some(claim) = item.claim() else { return view };
        let Some(beat) = beat.filter(|beat| beat.attempt == claim.attempt) else { return view };
        let until = claim.lease.and_then(|lease| beat.at.checked_add(lease).ok()).map(ledger_text);
        Self {
            lease_expires_at: until.or(view.lease_expires_at.clone()),
            progress: Some(ProgressView::of(beat)),
            ..view
        }
    }

    /// The item as a preview shows it: without an id and without a time of enqueueing, for it has neither yet. The nineteen
    /// members alone.
    pub fn previewed(item: &QueueItem, now: Timestamp) -> Self {
        let (queue_id, created_at) = (String::new(), String::new());
        Self { queue_id, created_at, asked_by: None, repository: None, ..Self::of(item, now) }
    }
}

fn text(when: &Option<When>) -> String {
    when.as_ref().map(|when| when.text.clone()).unwrap_or_default()
}

/// A legacy line without a readable time is held at the epoch; what is not known is shown as nothing.
fn time(at: Timestamp) -> String {
    if at == Timestamp::UNIX_EPOCH { String::new() } else { ledger_text(at) }
}

/// Something wrong with a file of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ProblemView {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub problem: String,
}

impl ProblemView {
    /// Renders a problem.
    pub fn of(problem: &FileProblem) -> Self {
        Self { file: problem.file.clone(), line: problem.line, problem: problem.problem.clone() }
    }
}
