//! The preview's answer.

use std::collections::BTreeMap;

use cortexpilot_core::app::preview::{Preview, REQUIRED_APPLY_INPUTS, Standing};
use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_core::domain::gate::{Answer, Check, GateId};
use cortexpilot_core::domain::principal::Principal;
use cortexpilot_core::domain::queue::APPROVAL_MODE;
use cortexpilot_core::domain::run::Effect;
use cortexpilot_core::domain::time::ledger_text;
use schemars::JsonSchema;
use serde::Serialize;
use utoipa::ToSchema;

use super::item::ItemView;
use super::words;

/// A preview as every surface answers it. All members are always present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct PreviewView {
    /// The source run.
    pub run_id: String,
    /// Always `fail-closed`.
    pub validation: &'static str,
    /// Every check that needs no apply input is open.
    pub can_apply: bool,
    /// The item as it would be queued.
    pub preview_item: ItemView,
    /// What executing it would do.
    pub effect: EffectView,
    /// Pending items of the same run.
    pub pending_matches: Vec<ItemView>,
    /// What would change.
    pub changes: Vec<ChangeView>,
    /// What this can never become.
    pub boundary: BoundaryView,
    /// The inputs that an apply needs beside these.
    pub required_apply_inputs: Vec<&'static str>,
    /// Roles that may apply, sorted.
    pub allowed_roles: Vec<String>,
    /// Who you are here.
    pub acting_as: ActingAsView,
    /// `default-off`, `open`, or `frozen` where operators have stopped every apply.
    #[schema(value_type = words::MutationGateState)]
    pub mutation_gate: &'static str,
    /// Who says yes.
    #[schema(value_type = words::Policy)]
    pub approval_policy: &'static str,
    /// What people are asked about this, or were when you asked last; `null` when nobody was.
    #[schema(required = true)]
    pub approval: Option<ApprovalView>,
    /// Every check, in order of precedence.
    pub gates: Vec<GateView>,
    /// What whoever says yes should know.
    pub warnings: Vec<WarningView>,
    /// What to do now.
    pub next_step: String,
    /// SHA-256 over everything this preview rests on.
    pub preview_digest: String,
    /// What to pass to the apply; empty when this process has no key.
    pub preview_token: String,
    /// Until when it may be applied.
    pub expires_at: String,
}

/// What executing the task contract would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct EffectView {
    /// Paths it may change.
    pub allowed_paths: Vec<String>,
    /// Commands of its acceptance tests.
    pub commands: Vec<String>,
    /// Permissions by name.
    pub tool_permissions: BTreeMap<String, String>,
    /// The runner's name.
    pub runner: String,
    /// The hard time limit, in seconds.
    #[schema(required = true)]
    pub timeout_s: Option<u64>,
}

/// One change that an apply would make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ChangeView {
    /// Always `queue`.
    pub field: &'static str,
    /// `already-pending` or `not-enqueued`.
    pub current: &'static str,
    /// Always `pending`.
    pub next: &'static str,
}

/// The narrow path's own label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct BoundaryView {
    /// Always `queue-enqueue-from-run-only`.
    pub pilot: &'static str,
    /// Always `task_contract`.
    pub execution_authority: &'static str,
    /// Always `manual-owner-default-off`.
    pub approval_mode: &'static str,
}

/// Who the caller is to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ActingAsView {
    /// The principal.
    pub principal: String,
    /// `operator`, `agent`, `worker` or `anonymous`.
    #[schema(value_type = words::Kind)]
    pub kind: &'static str,
    /// The roles it holds, sorted.
    pub roles: Vec<String>,
}

impl ActingAsView {
    /// The principal as the wire names it.
    pub fn of(principal: &Principal) -> Self {
        Self {
            principal: principal.id.clone(),
            kind: principal.kind.as_str(),
            roles: principal.roles.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A request for a person's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ApprovalView {
    /// Its id.
    pub id: String,
    /// `PENDING`, `APPROVED` (it was queued), `REJECTED`, `EXPIRED`, or `STALE`: it has changed, nobody can approve it.
    #[schema(value_type = words::ReviewState)]
    pub status: String,
    /// How many people must agree.
    pub needs: u32,
    /// How many have.
    pub has: u32,
    /// Until when it can be decided.
    pub expires_at: String,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct GateView {
    /// Its name.
    #[schema(value_type = words::GateName)]
    pub gate: &'static str,
    /// `null` where its input comes only with apply, and where people are asked.
    #[schema(required = true)]
    pub open: Option<bool>,
    /// The code that an apply would be refused with.
    #[schema(required = true, value_type = Option<words::Code>)]
    pub code: Option<&'static str>,
    /// Why it is shut, or when it is open.
    pub reason: String,
}

/// Something that whoever says yes should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct WarningView {
    /// A stable word.
    pub code: &'static str,
    /// In a sentence.
    pub message: String,
}

impl ApprovalView {
    /// Renders a request as a preview sees it.
    pub fn of(standing: &Standing) -> Self {
        let request = &standing.request;
        Self {
            id: request.asked.id.to_string(),
            status: standing.status.to_owned(),
            needs: request.needs(),
            has: request.has(),
            expires_at: ledger_text(request.asked.expires_at),
        }
    }
}

impl PreviewView {
    /// Renders a preview.
    pub fn of(preview: &Preview) -> Self {
        let current = if preview.pending.is_empty() { "not-enqueued" } else { "already-pending" };
        Self {
            run_id: preview.basis.derived.source_run_id.clone(),
            validation: "fail-closed",
            can_apply: preview.can_apply,
            preview_item: ItemView::previewed(&preview.item, preview.now),
            effect: effect(&preview.effect),
            pending_matches: preview.pending.iter().map(|item| ItemView::of(item, preview.now)).collect(),
            changes: vec![ChangeView { field: "queue", current, next: "pending" }],
            boundary: BoundaryView {
                pilot: "queue-enqueue-from-run-only",
                execution_authority: "task_contract",
                approval_mode: APPROVAL_MODE,
            },
            required_apply_inputs: REQUIRED_APPLY_INPUTS.to_vec(),
            allowed_roles: preview.policy.allowed_roles.iter().map(ToString::to_string).collect(),
            acting_as: ActingAsView::of(&preview.acting_as),
            mutation_gate: match preview.policy.mutation_gate {
                MutationGate::Shut => "default-off",
                MutationGate::Open if preview.frozen => "frozen",
                MutationGate::Open => "open",
            },
            approval_policy: preview.policy.approval.as_str(),
            approval: preview.approval.as_ref().map(ApprovalView::of),
            gates: preview.checks.iter().map(gate).collect(),
            warnings: preview
                .warnings
                .iter()
                .map(|warning| WarningView { code: warning.code, message: warning.message.clone() })
                .collect(),
            next_step: preview.next_step.clone(),
            preview_digest: preview.digest.to_string(),
            preview_token: preview.token.clone(),
            expires_at: preview.seen.expires_at.to_string(),
        }
    }
}

fn effect(effect: &Effect) -> EffectView {
    EffectView {
        allowed_paths: effect.allowed_paths.clone(),
        commands: effect.commands.clone(),
        tool_permissions: effect.tool_permissions.iter().cloned().collect(),
        runner: effect.runner.clone(),
        timeout_s: effect.timeout_s,
    }
}

fn gate(check: &Check) -> GateView {
    let row = check.gate.row();
    let (open, code, reason) = match &check.answer {
        Answer::Open => (Some(true), None, format!("Open: {}.", row.open_when)),
        Answer::Pending if check.gate == GateId::Approval => {
            (None, None, format!("People are asked; open when {}.", row.open_when))
        }
        Answer::Pending => (None, None, format!("Judged at apply; open when {}.", row.open_when)),
        Answer::Shut(denial) => (Some(false), Some(denial.code.as_str()), denial.reason.clone()),
    };
    GateView { gate: row.name, open, code, reason }
}
