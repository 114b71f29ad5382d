//! The item view.

use cortexpilot_core::domain::listing::FileProblem;
use cortexpilot_core::domain::queue::{ItemState, QueueItem, When};
use cortexpilot_core::domain::time::ledger_text;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use utoipa::ToSchema;

use super::words;

/// A queue item as every surface shows it: the original's nineteen members in its order, then `reason` and
/// `cancelled_by` where a cancelled item has them. Texts are empty where there is nothing to say.
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
    /// `PENDING`, `CLAIMED`, `CANCELLED`, or how it ended.
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
    /// `claimed`, `closed`, `eligible` or `waiting`.
    #[schema(value_type = words::QueueState)]
    pub queue_state: String,
    /// Whether a worker may claim it now.
    pub eligible: bool,
    /// `scheduled_for_future`, or empty.
    #[schema(value_type = words::WaitingReason)]
    pub waiting_reason: String,
    /// When it was enqueued; empty in a preview.
    pub created_at: String,
    /// When it was cancelled.
    pub cancelled_at: String,
    /// Why it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// Who cancelled it, in which role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cancelled_by: Option<String>,
}

impl ItemView {
    /// The item as it stands at this moment.
    pub fn of(item: &QueueItem, now: Timestamp) -> Self {
        let enqueued = &item.enqueued;
        let (mut claimed_at, mut completed_at, mut cancelled_at) = (String::new(), String::new(), String::new());
        let (mut reason, mut cancelled_by) = (None, None);
        match &item.state {
            ItemState::Pending => {}
            ItemState::Claimed(claim) => claimed_at = time(claim.claimed_at),
            ItemState::Closed { claim, completed_at: at, .. } => {
                claimed_at = claim.as_ref().map(|claim| time(claim.claimed_at)).unwrap_or_default();
                completed_at = time(*at);
            }
            ItemState::Cancelled { at, by, reason: why } => {
                cancelled_at = time(*at);
                reason = why.clone();
                cancelled_by = by.clone();
            }
        }
        Self {
            queue_id: item.queue_id().to_string(),
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
            claimed_at,
            completed_at,
            sla_state: item.sla_state(now).to_owned(),
            queue_state: item.queue_state(now).to_owned(),
            eligible: item.eligible(now),
            waiting_reason: item.waiting_reason(now).to_owned(),
            created_at: time(enqueued.ts),
            cancelled_at,
            reason,
            cancelled_by,
        }
    }

    /// The item as a preview shows it: without an id and without a time of enqueueing, for it has neither yet.
    pub fn previewed(item: &QueueItem, now: Timestamp) -> Self {
        Self { queue_id: String::new(), created_at: String::new(), ..Self::of(item, now) }
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
