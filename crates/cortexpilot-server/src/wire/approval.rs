//! A request that people decide, as every list shows it. Everything outside `stated` is this server's own; what the caller
//! wrote stands there, cut to a bounded length and escaped.

use cortexpilot_core::domain::approval::{ApprovalRequest, ApprovalStatus, Ended, Requester};
use cortexpilot_core::domain::time::ledger_text;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use utoipa::ToSchema;

use super::shown::{Shower, shown};
use super::words;

/// Longest run id, in characters.
pub(super) const RUN_ID_MAX: usize = 128;

/// Longest task id, in characters.
const TASK_ID_MAX: usize = 200;

/// Longest name that a caller stated, in characters.
const REQUESTED_BY_MAX: usize = 200;

/// Longest reason or comment that a caller stated, in characters.
const REASON_MAX: usize = 2000;

/// A request as one line of a list. Lists look at no run: that a request is stale is seen where it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ApprovalRowView {
    /// Its id.
    pub id: String,
    /// `PENDING`, `APPROVED`, `REJECTED` or `EXPIRED`.
    #[schema(value_type = words::ApprovalState)]
    pub status: &'static str,
    /// How many people must agree.
    pub needs: u32,
    /// How many have.
    pub has: u32,
    /// The policy it was asked under.
    #[schema(value_type = words::Policy)]
    pub approval_policy: &'static str,
    /// The run that it is about.
    pub run_id: String,
    /// The task that its item would repeat; `null` on a request of an earlier version, which does not say.
    #[schema(required = true)]
    pub task_id: Option<String>,
    /// Digest of the task contract that its effect comes from (paths, commands, permissions): requests with the same one would
    /// do the same.
    pub contract_sha256: String,
    /// −100 to 100, higher first.
    pub priority: i64,
    /// Who asks.
    pub requester: RequesterView,
    /// How many others asked for the same.
    pub joined_count: usize,
    /// Through what it was asked: `mcp`, `http` or `cli`.
    #[schema(value_type = words::SurfaceName)]
    pub surface: &'static str,
    /// When it was asked.
    pub asked_at: String,
    /// Until when it can be decided; not at that moment.
    pub expires_at: String,
    /// How it ended, unless it was queued.
    #[schema(required = true)]
    pub ended: Option<EndedView>,
    /// The item it became; `null` while it is not queued.
    #[schema(required = true)]
    pub queue_id: Option<String>,
    /// What the caller wrote. No word of it is checked.
    pub stated: StatedView,
}

impl ApprovalRowView {
    /// The request as it stands at this moment.
    pub fn of(request: &ApprovalRequest, now: Timestamp) -> Self {
        let (asked, status) = (&request.asked, request.status(now));
        Self {
            id: asked.id.to_string(),
            status: status.as_str(),
            needs: request.needs(),
            has: request.has(),
            approval_policy: asked.policy.as_str(),
            run_id: shown(&asked.run_id, RUN_ID_MAX).0,
            task_id: asked.task_id.as_ref().map(|task| shown(task, TASK_ID_MAX).0),
            contract_sha256: asked.contract_sha256.to_string(),
            priority: asked.parameters.priority,
            requester: RequesterView::of(&asked.requester),
            joined_count: request.joined.len(),
            surface: asked.surface.as_str(),
            asked_at: ledger_text(asked.at),
            expires_at: ledger_text(asked.expires_at),
            ended: ended(request, status),
            queue_id: request.queued.then(|| asked.queue_id.to_string()),
            stated: stated(request),
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct RequesterView {
    /// The authenticated principal.
    pub principal: String,
    /// `operator`, `agent`, `worker` or `anonymous`.
    #[schema(value_type = words::Kind)]
    pub kind: &'static str,
    /// Who answers for it, where it is an agent.
    #[schema(required = true)]
    pub sponsor: Option<String>,
}

/// How a request ended that was not queued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct EndedView {
    /// `rejected` or `expired`.
    #[schema(value_type = words::EndedHow)]
    pub how: &'static str,
    /// Who rejected it, in which role.
    #[schema(required = true)]
    pub by: Option<String>,
    /// Why it was rejected.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// When; of one that expired, its last moment.
    pub at: String,
}

/// What the caller wrote, apart from everything that this server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct StatedView {
    /// What this block is.
    pub label: &'static str,
    /// Who wrote it: the authenticated principal.
    pub written_by: String,
    /// In whose name it asks.
    pub requested_by: String,
    /// Why.
    pub approval_reason: String,
    /// What the client's own dialog was answered. Evidence; it approves nothing.
    pub elicited: Vec<ElicitedView>,
    /// There is more than is shown here.
    pub truncated: bool,
}

/// What a client's own dialog was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ElicitedView {
    /// `accept`, `decline` or `cancel`.
    #[schema(value_type = words::ElicitedAnswer)]
    pub answer: &'static str,
    /// What was written there, if anything.
    #[schema(required = true)]
    pub comment: Option<String>,
    /// When.
    pub at: String,
}

/// What the label of [`StatedView`] says.
pub const STATED_LABEL: &str =
    "Written by whoever asks; not checked. The dialog of a client can be answered without a person.";

impl RequesterView {
    pub(super) fn of(requester: &Requester) -> Self {
        Self {
            principal: requester.principal.clone(),
            kind: requester.kind.as_str(),
            sponsor: requester.sponsor.clone(),
        }
    }
}

/// An operator's reason.
pub(super) fn reason(raw: &str) -> String {
    shown(raw, REASON_MAX).0
}

pub(super) fn ended(request: &ApprovalRequest, status: ApprovalStatus) -> Option<EndedView> {
    match (status, &request.ended) {
        (ApprovalStatus::Rejected, Some(Ended::Rejected { by, reason: why, at })) => Some(EndedView {
            how: "rejected",
            by: Some(by.to_string()),
            reason: Some(reason(why)),
            at: ledger_text(*at),
        }),
        (ApprovalStatus::Expired, _) => {
            Some(EndedView { how: "expired", by: None, reason: None, at: ledger_text(request.asked.expires_at) })
        }
        (ApprovalStatus::Pending | ApprovalStatus::Approved | ApprovalStatus::Rejected, _) => None,
    }
}

pub(super) fn stated(request: &ApprovalRequest) -> StatedView {
    let asked = &request.asked;
    let mut shower = Shower::new(REASON_MAX);
    StatedView {
        label: STATED_LABEL,
        written_by: asked.requester.principal.clone(),
        requested_by: shower.up_to(&asked.requested_by, REQUESTED_BY_MAX),
        approval_reason: shower.text(&asked.approval_reason),
        elicited: request
            .elicited
            .iter()
            .map(|(answer, comment, at)| ElicitedView {
                answer: answer.as_str(),
                comment: comment.as_deref().map(|comment| shower.text(comment)),
                at: ledger_text(*at),
            })
            .collect(),
        truncated: shower.truncated,
    }
}

#[cfg(test)]
mod tests;
