//! A preview: the one item that would be queued, what executing it would do, and which gates are open.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::approval::{ApprovalRequest, ApprovalStatus};
use crate::domain::command::{ApprovalPolicy, Parameters, Policy, Request};
use crate::domain::gate::{self, Answer, Check, DEPTH_MAX, Denial, EnqueueFacts, GateId, Subject};
use crate::domain::id::{QueueItemId, RunId, Sha256Digest};
use crate::domain::preview::Basis;
use crate::domain::principal::{Principal, Surface};
use crate::domain::queue::{Enqueued, ItemState, QueueItem, When};
use crate::domain::run::{ContractEvidence, Effect, RunFacts};
use crate::domain::seal::{Nonce, SealKey, SeenPreview, expiry_seconds, short};
use crate::domain::time::ledger_text;
use crate::error::ErrorCode;

/// The inputs that an apply needs beside the preview's own.
pub const REQUIRED_APPLY_INPUTS: [&str; 4] = ["confirm", "actor_role", "requested_by", "approval_reason"];

/// Something that whoever says yes should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// A stable word.
    pub code: &'static str,
    /// In a sentence.
    pub message: String,
}

/// Every warning that a preview can carry.
pub const WARNINGS: [(&str, &str); 7] = [
    ("ITEMS_DEEP", "the source run came out of a queue item itself"),
    ("NO_HUMAN_APPROVAL", "the policy asks nobody but the caller"),
    ("CONTRACT_UNVERIFIED", "the manifest does not vouch for the contract"),
    ("RUN_STILL_RUNNING", "the source run has not finished"),
    ("RUN_FAILED", "the source run did not succeed"),
    ("DEADLINE_PASSED", "the deadline lies in the past"),
    ("PREVIEW_NOT_SEALED", "this process has no key, so no other process can apply the preview"),
];

/// A preview's whole answer. Surfaces render it; none adds to it.
#[derive(Debug, Clone)]
pub struct Preview {
    /// What the digest covers.
    pub basis: Basis,
    /// Its digest.
    pub digest: Sha256Digest,
    /// What the token says, whether or not one could be made.
    pub seen: SeenPreview,
    /// The token; empty when this process has no key.
    pub token: String,
    /// The item as it would be queued. Its id and enqueue time are placeholders that no surface shows.
    pub item: QueueItem,
    /// What executing it would do.
    pub effect: Effect,
    /// Pending items of the same run.
    pub pending: Vec<QueueItem>,
    /// Every gate's answer.
    pub checks: Vec<Check>,
    /// What whoever says yes should know.
    pub warnings: Vec<Warning>,
    /// What to do now, in words for this surface.
    pub next_step: String,
    /// Every gate that needs no apply input is open.
    pub can_apply: bool,
    /// Who the caller acts as.
    pub acting_as: Principal,
    /// What people were asked about the same thing, or this caller asked them last about this run.
    pub approval: Option<Standing>,
    /// The policy it was judged under, raised to the floor where that is stricter.
    pub policy: Policy,
    /// Operators have frozen applies and claims.
    pub frozen: bool,
    /// When it was made.
    pub now: Timestamp,
}

impl Preview {
    /// Builds a preview from the same checks that judge an apply.
    ///
    /// # Errors
    /// When nobody is signed in, when HTTP states no fitting role, or when no item can be derived from the run.
    pub(super) fn build(
        request: &Request,
        facts: &EnqueueFacts,
        nonce: Nonce,
        key: Option<&SealKey>,
    ) -> Result<Self, Denial> {
        let principal = gate::authenticated(&request.caller)?.clone();
        let checks = gate::checks(&Subject::new(request, None, facts));
        refuse_role_over_http(request, &checks)?;
        let run = request.run.as_ref().map_err(gate::run_denial)?;
        let basis = Basis::of(run, request, facts);
        let digest = basis.digest();
        let seen = SeenPreview { nonce, digest: short(&digest), expires_at: expires_at(request) };
        let token = key.map(|key| key.preview_token(&principal.id, &seen)).unwrap_or_default();
        let can_apply = checks.iter().all(|check| !matches!(check.answer, Answer::Shut(_)));
        Ok(Self {
            warnings: warnings(request, run, facts, token.is_empty()),
            next_step: next_step(request, facts, &checks, &digest),
            item: item(request, &basis),
            effect: run.effect.clone(),
            pending: facts.pending.clone(),
            acting_as: principal,
            approval: approval(request, facts, &digest),
            policy: Policy { approval: facts.policy(request), ..request.policy.clone() },
            frozen: facts.standing.frozen.is_some(),
            now: request.now,
            basis,
            digest,
            seen,
            token,
            checks,
            can_apply,
        })
    }
}

/// How a request stands, seen from a preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The request.
    pub request: ApprovalRequest,
    /// Its status; `STALE` where what was asked is no longer what would be queued, so that nobody can approve it.
    pub status: &'static str,
}

/// The word for a request that nobody can approve any more, because what it rests on has changed.
pub const STALE: &str = "STALE";

/// The open request for the same thing, whoever asked; else what this caller asked last, with the same parameters.
fn approval(request: &Request, facts: &EnqueueFacts, digest: &Sha256Digest) -> Option<Standing> {
    let open = |other: &&ApprovalRequest| other.is_open(request.now) && other.asked.preview_digest == *digest;
    let mine = |other: &&ApprovalRequest| {
        other.was_asked_by(request.caller.principal_id()) && other.asked.parameters == request.parameters
    };
    let mut requests = facts.requests.iter();
    let found = requests.clone().find(open).or_else(|| requests.rfind(mine))?;
    let is_stale = found.is_open(request.now) && found.asked.preview_digest != *digest;
    let status = if is_stale { STALE } else { found.status(request.now).as_str() };
    Some(Standing { request: found.clone(), status })
}

/// HTTP needs its role on previews too; there a missing or wrong one is the answer, not a line of it.
fn refuse_role_over_http(request: &Request, checks: &[Check]) -> Result<(), Denial> {
    let role = checks.iter().find(|check| check.gate == GateId::Role).map(|check| &check.answer);
    match (request.caller.surface, role) {
        (Surface::Http, Some(Answer::Shut(denial))) if !is_anonymous(request) => Err(denial.clone()),
        (Surface::Http | Surface::Mcp | Surface::Cli, _) => Ok(()),
    }
}

fn is_anonymous(request: &Request) -> bool {
    use crate::domain::principal::PrincipalKind;
    request.caller.principal.as_ref().is_some_and(|principal| principal.kind == PrincipalKind::Anonymous)
}

/// Cut to whole seconds, as the token holds it, so that the answer and the token agree.
fn expires_at(request: &Request) -> Timestamp {
    let until = request.now.checked_add(request.policy.preview_ttl).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(i64::from(expiry_seconds(until))).unwrap_or(until)
}

fn item(request: &Request, basis: &Basis) -> QueueItem {
    let derived = &basis.derived;
    QueueItem {
        seq: 0,
        enqueued: Arc::new(Enqueued {
            queue_id: QueueItemId::from_bytes([0; 16]),
            task_id: derived.task_id.clone(),
            owner: derived.owner.clone(),
            contract_path: derived.contract_path.clone(),
            priority: derived.priority,
            workflow_id: derived.workflow_id.clone(),
            source_run_id: derived.source_run_id.clone(),
            scheduled: request.parameters.scheduled.as_ref().map(When::from),
            deadline: request.parameters.deadline.as_ref().map(When::from),
            ts: request.now,
            provenance: None,
        }),
        line_hash: None,
        attempts: 0,
        not_before: None,
        state: ItemState::Pending,
    }
}

fn warnings(request: &Request, run: &RunFacts, facts: &EnqueueFacts, unsealed: bool) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, message: &str| warnings.push(Warning { code, message: message.to_owned() });
    if facts.policy(request) == ApprovalPolicy::Declared {
        warn("NO_HUMAN_APPROVAL", "The approval policy is `declared`: nobody else is asked before this is queued.");
    }
    if facts.parent.is_some() {
        let depth = facts.depth();
        let said = format!(
            "The source run came out of a queue item: the new item would be {depth} deep, of at most {DEPTH_MAX}."
        );
        warn("ITEMS_DEEP", &said);
    }
    match run.evidence {
        ContractEvidence::Absent => warn(
            "CONTRACT_UNVERIFIED",
            "The run's manifest does not record the contract's digest, so nothing shows that it is the contract that ran.",
        ),
        ContractEvidence::Verified | ContractEvidence::Altered => {}
    }
    match run.status.to_ascii_uppercase().as_str() {
        "RUNNING" => warn("RUN_STILL_RUNNING", "The source run has not finished."),
        "FAILURE" | "FAILED" | "ERROR" => warn("RUN_FAILED", "The source run did not succeed."),
        _ => {}
    }
    if request.parameters.deadline.as_ref().is_some_and(|deadline| deadline.at() <= request.now) {
        warn("DEADLINE_PASSED", "The deadline lies in the past.");
    }
    if unsealed {
        warn(
            "PREVIEW_NOT_SEALED",
            "This process has no key yet, so the preview carries no token and only this process can apply it.",
        );
    }
    warnings
}

/// The first thing that stands in the way, else how to apply.
fn next_step(request: &Request, facts: &EnqueueFacts, checks: &[Check], digest: &Sha256Digest) -> String {
    let shut = checks.iter().find_map(|check| match &check.answer {
        Answer::Shut(denial) => Some(denial),
        Answer::Open | Answer::Pending => None,
    });
    if let Some(denial) = shut {
        return denial.next_step.clone().unwrap_or_else(|| denial.code.next_step_for(&request.caller).to_owned());
    }
    if let Some(item) = gate::equal_pending(request, facts) {
        let step = ErrorCode::AlreadyPending.next_step_for(&request.caller);
        return format!("An equal item waits already ({}). {step}", item.queue_id());
    }
    if let Some(open) =
        approval(request, facts, digest).filter(|asked| asked.status == ApprovalStatus::Pending.as_str())
    {
        let (id, until) = (&open.request.asked.id, ledger_text(open.request.asked.expires_at));
        return match request.caller.surface {
            Surface::Mcp => format!(
                "People are being asked already ({id}, until {until}). Tell the person the id and stop; look again later with \
                 this tool."
            ),
            Surface::Http | Surface::Cli => format!("People are being asked already: look at the request {id}."),
        };
    }
    match request.caller.surface {
        Surface::Mcp => "Show the person the item, its effect, the warnings and the expiry. If they agree, call enqueue_from_run \
             with the same run_id, priority, scheduled_at and deadline_at, confirm true, a role of acting_as.roles, their name \
             and their reason."
            .to_owned(),
        Surface::Http => "Send the same members with confirm true, actor_role, requested_by, approval_reason and this \
             preview_token to POST /api/queue/from-run/{run_id}."
            .to_owned(),
        Surface::Cli => format!(
            "cortexpilot queue enqueue {}{} --role ROLE --requested-by NAME --reason WHY --confirm",
            request.run_id.as_ref().map_or("RUN", RunId::as_str),
            parameters(&request.parameters),
        ),
    }
}

/// The preview's own parameters as options, for what is enqueued must be what was previewed.
fn parameters(parameters: &Parameters) -> String {
    let mut options = String::new();
    if parameters.priority != 0 {
        options.push_str(&format!(" --priority {}", parameters.priority));
    }
    for (name, schedule) in [("--scheduled-at", &parameters.scheduled), ("--deadline-at", &parameters.deadline)] {
        if let Some(schedule) = schedule {
            options.push_str(&format!(" {name} {}", schedule.text()));
        }
    }
    options
}
