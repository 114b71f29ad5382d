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
    /// Who ended the last freeze; `null` during one, and where there never was one.
    #[schema(required = true)]
    pub unfrozen: Option<SetView>,
    /// Who ended the last pause; likewise.
    #[schema(required = true)]
    pub resumed: Option<SetView>,
}

/// How the gate stands in a server, and since when and by whom it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GateStandingView {
    /// How it stands.
    #[serde(flatten)]
    pub standing: StandingView,
    /// Since when `agents_may_queue` is what it is, and by whom: an operator in its role, or where this server's own settings
    /// make it so, what `gate_set` or `policy_set` names, since its start.
    pub since: SetView,
    /// Who set this server's own switch, which it reads when it starts: `default`, `environment`, `command line` or
    /// `cortexpilot.toml`.
    pub gate_set: SetView,
    /// Who set the policy that holds: whoever set the floor, where that is the stricter one; else as `gate_set`.
    pub policy_set: SetView,
}

/// What a server's own settings come from, and since when they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// When it started.
    pub at: Timestamp,
    /// What its switch comes from.
    pub gate_by: String,
    /// What its policy comes from.
    pub policy_by: String,
}

impl GateStandingView {
    /// How the gate stands in a server with this policy.
    pub fn of(standing: &Standing, policy: &Policy, now: Timestamp, started: &Started) -> Self {
        let own = |by: &String| (by.clone(), started.at);
        let gate = own(&started.gate_by);
        let policy_set = match &standing.floor_set {
            Some(floor) if standing.floor > policy.approval => floor.clone(),
            Some(_) | None => own(&started.policy_by),
        };
        let since = match (&standing.frozen, policy.mutation_gate) {
            (Some(freeze), _) => (freeze.by.clone(), freeze.since),
            // Of what made it so, the last; of what the start made so, the switch.
            (None, MutationGate::Open) => [Some(&policy_set), Some(&gate), standing.unfrozen.as_ref()]
                .into_iter()
                .flatten()
                .max_by_key(|(_, at)| *at)
                .cloned()
                .unwrap_or_else(|| gate.clone()),
            (None, MutationGate::Shut) => {
                standing.unfrozen.clone().filter(|(_, at)| *at > started.at).unwrap_or_else(|| gate.clone())
            }
        };
        Self {
            standing: StandingView::of(standing, policy, now),
            since: set(&since),
            gate_set: set(&gate),
            policy_set: set(&policy_set),
        }
    }
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
            floor_set: standing.floor_set.as_ref().map(set),
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
            unfrozen: standing.unfrozen.as_ref().map(set),
            resumed: standing.resumed.as_ref().map(set),
        }
    }
}

fn set((by, at): &(String, Timestamp)) -> SetView {
    SetView { by: by.clone(), at: ledger_text(*at) }
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
