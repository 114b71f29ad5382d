//! The arguments of preview and apply, and the apply's answer.

use cortexpilot_core::app::{Applied, ApplyRequest, RunRequest};
use cortexpilot_core::domain::command::Parameters;
use cortexpilot_core::domain::principal::StatedRole;
use cortexpilot_core::domain::queue::{APPROVAL_MODE, When};
use cortexpilot_core::domain::text::{IdempotencyKey, Stated};
use cortexpilot_core::domain::time::{Schedule, ledger_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MemberProblem;

/// The arguments of a preview. `run_id` may be left out as far as types go: that is the run gate's to refuse.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewArgs {
    /// The run.
    pub run_id: Option<String>,
    /// Any integer; clamped to −100…100.
    pub priority: Option<i64>,
    /// ISO 8601 with offset.
    pub scheduled_at: Option<String>,
    /// ISO 8601 with offset.
    pub deadline_at: Option<String>,
}

impl PreviewArgs {
    /// Parses the arguments into what the app takes.
    ///
    /// # Errors
    /// For a schedule or deadline that is no instant.
    pub fn into_request(self, header_role: StatedRole) -> Result<RunRequest, MemberProblem> {
        let parameters = Parameters::new(
            self.priority.unwrap_or(0),
            schedule("scheduled_at", self.scheduled_at.as_deref())?,
            schedule("deadline_at", self.deadline_at.as_deref())?,
        );
        Ok(RunRequest { run_id: self.run_id.unwrap_or_default(), parameters, header_role })
    }
}

/// The arguments of an apply. What is absent, null or blank is its gate's denial; what has another type is refused before
/// any gate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnqueueArgs {
    /// The run.
    pub run_id: Option<String>,
    /// Any integer; clamped to −100…100.
    pub priority: Option<i64>,
    /// ISO 8601 with offset.
    pub scheduled_at: Option<String>,
    /// ISO 8601 with offset.
    pub deadline_at: Option<String>,
    /// The role stated.
    pub actor_role: Option<String>,
    /// Who asks.
    pub requested_by: Option<String>,
    /// Why.
    pub approval_reason: Option<String>,
    /// Must be `true`.
    pub confirm: Option<bool>,
    /// The preview's token.
    pub preview_token: Option<String>,
    /// The caller's key.
    pub idempotency_key: Option<String>,
}

impl EnqueueArgs {
    /// Parses the arguments into what the app takes.
    ///
    /// # Errors
    /// For a schedule or deadline that is no instant, or a key that is no acceptable text.
    pub fn into_request(self, header_role: StatedRole) -> Result<(RunRequest, ApplyRequest), MemberProblem> {
        let preview = PreviewArgs {
            run_id: self.run_id,
            priority: self.priority,
            scheduled_at: self.scheduled_at,
            deadline_at: self.deadline_at,
        };
        let apply = ApplyRequest {
            confirm: self.confirm == Some(true),
            actor_role: StatedRole::read(self.actor_role.as_deref()),
            requested_by: Stated::read(self.requested_by.as_deref()),
            approval_reason: Stated::read(self.approval_reason.as_deref()),
            preview_token: self.preview_token,
            idempotency_key: self
                .idempotency_key
                .as_deref()
                .map(IdempotencyKey::parse)
                .transpose()
                .map_err(|problem| MemberProblem::new("idempotency_key", problem))?
                .flatten(),
            allow_duplicate: false,
            typed_run_id: None,
        };
        Ok((preview.into_request(header_role)?, apply))
    }
}

fn schedule(member: &'static str, raw: Option<&str>) -> Result<Option<Schedule>, MemberProblem> {
    match raw.map(Schedule::parse) {
        None => Ok(None),
        Some(Ok(schedule)) => Ok(schedule),
        Some(Err(problem)) => Err(MemberProblem::new(member, problem)),
    }
}

/// An apply's answer: the ledger line as an object, then where the item stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct AppliedView {
    /// Always `QUEUE_ENQUEUE`.
    pub event: &'static str,
    /// Always `PENDING`: what the line says. `current_status` says where the item stands.
    pub status: &'static str,
    /// The task it repeats.
    pub task_id: String,
    /// The owning agent.
    pub owner: String,
    /// Absolute path of the source run's contract.
    pub contract_path: String,
    /// −100 to 100.
    pub priority: i64,
    /// The workflow case.
    pub workflow_id: String,
    /// The source run.
    pub source_run_id: String,
    /// As sent.
    #[schema(required = true)]
    pub scheduled_at: Option<String>,
    /// As sent.
    #[schema(required = true)]
    pub deadline_at: Option<String>,
    /// When it was enqueued.
    pub ts: String,
    /// The item's id.
    pub queue_id: String,
    /// Digest of the pinned contract.
    pub contract_sha256: String,
    /// Who asked, as stated.
    pub requested_by: String,
    /// The role it was asked in.
    pub actor_role: String,
    /// Why, as stated.
    pub approval_reason: String,
    /// Always `manual-owner-default-off`.
    pub approval_mode: &'static str,
    /// Through which surface.
    pub pilot_source: String,
    /// The authenticated principal.
    pub principal: String,
    /// Digest of the preview it rests on.
    pub preview_digest: String,
    /// The caller's key.
    #[schema(required = true)]
    pub idempotency_key: Option<String>,
    /// How many items deep.
    pub depth: u32,
    /// Who said yes.
    pub approval_policy: String,
    /// Approvals by people.
    pub approvals: Vec<String>,
    /// Why the last of them agreed; left out, as in the line, where nothing was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approver_reason: Option<String>,
    /// The repository that the source run worked on; left out, as in the line, where its manifest names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub repository: Option<String>,
    /// The line's chain hash.
    pub h: String,
    /// It was queued before; nothing was appended now.
    pub already_applied: bool,
    /// Where the item stands now.
    pub current_status: String,
}

impl AppliedView {
    /// Renders an apply's answer; `None` for an item of a legacy line, which no apply can answer with.
    pub fn of(applied: &Applied) -> Option<Self> {
        let item = &applied.item;
        let (enqueued, provenance) = (&item.enqueued, item.enqueued.provenance.as_ref()?);
        let when = |when: &Option<When>| when.as_ref().map(|when| when.text.clone());
        Some(Self {
            event: "QUEUE_ENQUEUE",
            status: "PENDING",
            task_id: enqueued.task_id.clone(),
            owner: enqueued.owner.clone(),
            contract_path: enqueued.contract_path.clone(),
            priority: enqueued.priority,
            workflow_id: enqueued.workflow_id.clone(),
            source_run_id: enqueued.source_run_id.clone(),
            scheduled_at: when(&enqueued.scheduled),
            deadline_at: when(&enqueued.deadline),
            ts: ledger_text(enqueued.ts),
            queue_id: item.queue_id().to_string(),
            contract_sha256: provenance.contract_sha256.to_string(),
            requested_by: provenance.requested_by.clone(),
            actor_role: provenance.actor_role.clone(),
            approval_reason: provenance.approval_reason.clone(),
            approval_mode: APPROVAL_MODE,
            pilot_source: provenance.pilot_source.clone(),
            principal: provenance.principal.clone(),
            preview_digest: provenance.preview_digest.to_string(),
            idempotency_key: provenance.idempotency_key.clone(),
            depth: provenance.depth,
            approval_policy: provenance.approval_policy.clone(),
            approvals: provenance.approvals.clone(),
            approver_reason: provenance.approver_reason.clone(),
            repository: provenance.repository.clone(),
            h: item.line_hash?.to_string(),
            already_applied: applied.already_applied,
            current_status: item.status().to_owned(),
        })
    }
}
