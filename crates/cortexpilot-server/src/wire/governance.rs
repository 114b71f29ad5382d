//! What holds for everybody, and personal tokens.

use cortexpilot_core::domain::command::{ApprovalPolicy, MutationGate, Policy};
use cortexpilot_core::domain::governance::{Freeze, Standing};
use cortexpilot_core::domain::text::{Reason, Stated};
use cortexpilot_core::domain::time::ledger_text;
use cortexpilot_core::domain::token::TokenRecord;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shown::shown;
use super::words;

/// Longest reason of an operator that is shown, in characters: as long as one may be.
const REASON_MAX: usize = 2000;

/// The body of every decision: why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionArgs {
    /// Why.
    pub reason: Option<String>,
}

impl DecisionArgs {
    /// The reason as the app takes it.
    pub fn reason(&self) -> Stated<Reason> {
        Stated::read(self.reason.as_deref())
    }
}

/// Whether agents may queue, who says yes, and what operators decided about that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct StandingView {
    /// `OFF`, `after a person agrees`, `ON, nobody is asked` or `FROZEN`: the state in this process, in a person's words.
    #[schema(value_type = words::AgentsMayQueue)]
    pub agents_may_queue: &'static str,
    /// This process's own switch: `default-off` or `open`; `frozen` where it is open and operators stopped every apply.
    #[schema(value_type = words::MutationGateState)]
    pub mutation_gate: &'static str,
    /// The policy that holds here: the stricter of this process's and the floor.
    #[schema(value_type = words::Policy)]
    pub approval_policy: &'static str,
    /// The policy that this process was started with.
    #[schema(value_type = words::Policy)]
    pub configured_policy: &'static str,
    /// The policy that every process must have at least.
    #[schema(value_type = words::Policy)]
    pub floor: &'static str,
    /// Who set the floor; `null` where nobody has.
    #[schema(required = true)]
    pub floor_set: Option<SetView>,
    /// A lower floor that waits for a second operator, while it can be agreed to.
    #[schema(required = true)]
    pub lowering: Option<LoweringView>,
    /// Applies and claims are stopped everywhere; `null` where they are not.
    #[schema(required = true)]
    pub frozen: Option<FrozenView>,
    /// Claims are stopped everywhere, and nothing else; `null` where they are not.
    #[schema(required = true)]
    pub paused: Option<FrozenView>,
}

/// Who set something, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct SetView {
    /// The principal in its role.
    pub by: String,
    /// When.
    pub at: String,
}

/// A lower floor that waits for a second operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct LoweringView {
    /// To which policy.
    #[schema(value_type = words::Policy)]
    pub to: &'static str,
    /// Who proposed it; another operator must agree.
    pub by: String,
    /// Since when.
    pub at: String,
    /// Until when it can be agreed to here.
    pub until: String,
}

/// A freeze, or a pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct FrozenView {
    /// Since when.
    pub since: String,
    /// The principal in its role.
    pub by: String,
    /// Why, if it was said.
    #[schema(required = true)]
    pub reason: Option<String>,
}

/// The mutation gate's word: this process's switch first, as the gates have it.
pub fn gate_word(policy: &Policy, standing: &Standing) -> &'static str {
    match (policy.mutation_gate, &standing.frozen) {
        (MutationGate::Shut, _) => "default-off",
        (MutationGate::Open, Some(_)) => "frozen",
        (MutationGate::Open, None) => "open",
    }
}

impl StandingView {
    /// What holds, seen from a process with this policy.
    pub fn of(standing: &Standing, policy: &Policy, now: Timestamp) -> Self {
        let effective = standing.policy(policy.approval);
        let until = |at: Timestamp| at.checked_add(policy.approval_ttl).unwrap_or(Timestamp::MAX);
        Self {
            agents_may_queue: match (policy.mutation_gate, &standing.frozen, effective) {
                (MutationGate::Shut, None, _) => "OFF",
                (MutationGate::Shut | MutationGate::Open, Some(_), _) => "FROZEN",
                (MutationGate::Open, None, ApprovalPolicy::Declared) => "ON, nobody is asked",
                (MutationGate::Open, None, ApprovalPolicy::Operator | ApprovalPolicy::TwoPerson) => {
                    "after a person agrees"
                }
            },
            mutation_gate: gate_word(policy, standing),
            approval_policy: effective.as_str(),
            configured_policy: policy.approval.as_str(),
            floor: standing.floor.as_str(),
            floor_set: standing.floor_set.as_ref().map(|(by, at)| SetView { by: by.clone(), at: ledger_text(*at) }),
            lowering: standing.lowering.as_ref().filter(|lowering| now < until(lowering.at)).map(|lowering| {
                LoweringView {
                    to: lowering.to.as_str(),
                    by: lowering.by.clone(),
                    at: ledger_text(lowering.at),
                    until: ledger_text(until(lowering.at)),
                }
            }),
            frozen: standing.frozen.as_ref().map(frozen),
            paused: standing.paused.as_ref().map(frozen),
        }
    }
}

fn frozen(freeze: &Freeze) -> FrozenView {
    FrozenView {
        since: ledger_text(freeze.since),
        by: freeze.by.clone(),
        reason: freeze.reason.as_ref().map(|reason| shown(reason, REASON_MAX).0),
    }
}

/// A personal token, without anything that it could be recognised by but its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct TokenView {
    /// Its id; no secret.
    pub id: String,
    /// Whom it stands for.
    pub principal: String,
    /// `operator`, `agent` or `worker`.
    #[schema(value_type = words::Kind)]
    pub kind: &'static str,
    /// The roles that come with it, sorted.
    pub roles: Vec<String>,
    /// For an agent: who answers for it.
    #[schema(required = true)]
    pub sponsor: Option<String>,
    /// `live`, `expired` or `revoked`.
    #[schema(value_type = words::TokenState)]
    pub state: &'static str,
    /// When it was made.
    pub created_at: String,
    /// Who had it made.
    pub created_by: String,
    /// From when on it is no token any more.
    pub expires_at: String,
    /// Who took it back, and when.
    #[schema(required = true)]
    pub revoked: Option<SetView>,
}

impl TokenView {
    /// The token as it stands at this moment.
    pub fn of(record: &TokenRecord, now: Timestamp) -> Self {
        Self {
            id: record.id.to_string(),
            principal: record.principal_id(),
            kind: record.kind.as_str(),
            roles: record.roles.iter().map(ToString::to_string).collect(),
            sponsor: record.sponsor.clone(),
            state: record.state(now).as_str(),
            created_at: ledger_text(record.created_at),
            created_by: record.created_by.clone(),
            expires_at: ledger_text(record.expires_at),
            revoked: record.revoked.as_ref().map(|(at, by)| SetView { by: by.clone(), at: ledger_text(*at) }),
        }
    }
}
