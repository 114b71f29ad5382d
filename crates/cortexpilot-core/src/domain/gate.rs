//! The gates between a preview and a queue item, in their order of precedence. The order is a contract: the first gate
//! that is shut names the denial.
//!
//! Preview and apply look at the same checks: a preview has no apply inputs yet, so the gates that judge those are
//! neither open nor shut.

use std::cell::OnceCell;
use std::sync::Arc;

use jiff::Timestamp;

use super::approval::{ApprovalId, ApprovalRequest};
use super::command::{ApplyInputs, ApprovalPolicy, Limits, MutationGate, Presented, Request};
use super::governance::Standing;
use super::id::QueueItemId;
use super::preview::{Change, Sealed};
use super::principal::{Caller, Principal, PrincipalKind, Role, Roles, StatedRole, Surface};
use super::queue::QueueItem;
use super::run::{ContractEvidence, RunFacts, RunProblem};
use super::seal::short;
use super::text::Stated;
use super::time::ledger_text;
use crate::error::ErrorCode;

/// A gate. Adding one means: a variant here in its place, a row in [`GateId::row`], an arm in `check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GateId {
    /// 1: the transport gave a principal.
    Authenticated,
    /// 2: apply is enabled in this process.
    MutationGate,
    /// 3: `confirm` is `true`.
    Confirm,
    /// 4: the principal holds an allowed role and states one it holds.
    Role,
    /// 5: who asks and why are acceptable texts.
    Metadata,
    /// 6: the run can be read now and is what it says.
    Run,
    /// 7: this principal previewed this, and nothing it rests on has changed.
    Preview,
    /// 8: limits.
    Limits,
    /// 9: whoever the approval policy asks has said yes; `declared` asks nobody.
    Approval,
}

/// One gate's row in the generated table.
#[derive(Debug, Clone, Copy)]
pub struct GateRow {
    /// Its place, from 1.
    pub number: u8,
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether its input comes only with apply, so that a preview cannot say.
    pub apply_only: bool,
    /// Who can open it when it is shut.
    pub opened_by: &'static str,
    /// When it is open, in a person's words.
    pub open_when: &'static str,
    /// The codes of its denials.
    pub codes: &'static [ErrorCode],
}

impl GateId {
    /// Every gate, in order of precedence.
    pub const ALL: [Self; 9] = [
        Self::Authenticated,
        Self::MutationGate,
        Self::Confirm,
        Self::Role,
        Self::Metadata,
        Self::Run,
        Self::Preview,
        Self::Limits,
        Self::Approval,
    ];

    /// The gate's row.
    pub fn row(self) -> GateRow {
        use ErrorCode as C;
        let row = |number, name, apply_only, opened_by, open_when, codes| GateRow {
            number,
            name,
            apply_only,
            opened_by,
            open_when,
            codes,
        };
        match self {
            Self::Authenticated => {
                row(1, "authenticated", false, "you: sign in", "the transport gave a principal", &[C::Unauthenticated])
            }
            Self::MutationGate => row(
                2,
                "mutation_gate",
                false,
                "an operator, where this process is started",
                "queueing is switched on in this process's trusted environment, and no operator has frozen it",
                &[C::MutationGateClosed, C::Frozen],
            ),
            Self::Confirm => {
                row(3, "confirm", true, "you: confirm", "`confirm` is the JSON value `true`", &[C::ConfirmRequired])
            }
            Self::Role => row(
                4,
                "role",
                false,
                "you, or an operator who gives the role",
                "the principal holds an allowed role, and the stated role is one it holds",
                &[C::RoleRequired, C::RoleForbidden, C::RoleMismatch],
            ),
            Self::Metadata => row(
                5,
                "metadata",
                true,
                "you: say who asks and why",
                "`requested_by` and `approval_reason` are plain, bounded texts",
                &[C::MetadataRequired, C::MetadataRejected],
            ),
            Self::Run => row(
                6,
                "run",
                false,
                "an operator, by mending the run",
                "the run can be read now, its task contract is unaltered, and it waits for no approval of its own",
                &[C::RunIdInvalid, C::RunNotFound, C::RunUnreadable, C::ContractAltered, C::RunAwaitingApproval],
            ),
            Self::Preview => row(
                7,
                "preview",
                true,
                "you: preview again",
                "this principal previewed exactly this, nothing it rests on has changed, and no equal item waits",
                &[C::PreviewRequired, C::PreviewExpired, C::PreviewStale, C::AlreadyPending],
            ),
            Self::Limits => row(
                8,
                "limits",
                false,
                "time, or an operator, who is not limited; nobody where the run is too deep",
                "no limit of this principal is reached, and the run is not too many items deep",
                &[C::LineageLimit, C::PendingLimit, C::RateLimited],
            ),
            Self::Approval => row(
                9,
                "approval_policy",
                false,
                "whoever the approval policy asks: nobody, one operator, or two",
                "nobody is asked (policy `declared`), or whoever is has said yes; until then the answer is PENDING_APPROVAL, no denial",
                &[],
            ),
        }
    }
}

/// A refusal, before it is rendered for a surface. It never holds a path, a variable or text from a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The code.
    pub code: ErrorCode,
    /// What was wrong, in one or two sentences.
    pub reason: String,
    /// A more exact next step than the table's.
    pub next_step: Option<String>,
    /// What changed since the preview.
    pub changed: Vec<Change>,
    /// The item it is about (an equal pending one, for example).
    pub queue_id: Option<String>,
    /// Whether the answer says who the caller acts as.
    pub shows_acting_as: bool,
    /// After how many seconds the same request may be let through; where waiting is what helps.
    pub retry_after_s: Option<u32>,
}

impl Denial {
    /// A denial with its reason.
    pub fn new(code: ErrorCode, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            next_step: None,
            changed: Vec::new(),
            queue_id: None,
            shows_acting_as: false,
            retry_after_s: None,
        }
    }

    fn about(mut self, item: &QueueItem) -> Self {
        self.queue_id = Some(item.queue_id().to_string());
        self
    }
}

/// A gate's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which gate.
    pub gate: GateId,
    /// Open, shut with a denial, or not yet known because its input comes with apply.
    pub answer: Answer,
}

/// What a gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It lets this through.
    Open,
    /// It does not.
    Shut(Denial),
    /// Its input comes only with apply; of the approval: people are asked.
    Pending,
}

/// Which ledger facts an apply or a preview rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnqueueQuery {
    /// The item that the presented preview would have made.
    pub by_preview: Option<QueueItemId>,
    /// The caller's idempotency key.
    pub by_key: Option<String>,
    /// Whose key.
    pub principal: String,
    /// The source run; `None` where the text sent was no run id.
    pub source_run_id: Option<String>,
    /// Now: what counts as the last hour.
    pub now: Timestamp,
    /// How many items an hour are too many; 0 when none are.
    pub applies_per_hour: u32,
    /// The request that is being decided: it does not count beside the item it becomes.
    pub request: Option<ApprovalId>,
}

/// What the ledger knows about a request: loaded by the store inside its serialization.
#[derive(Debug, Clone, Default)]
pub struct EnqueueFacts {
    /// The item that applying the presented preview made, if it was applied.
    pub by_preview: Option<QueueItem>,
    /// The item this principal enqueued under the same idempotency key.
    pub by_key: Option<QueueItem>,
    /// Pending items of the same source run, in enqueue order.
    pub pending: Vec<QueueItem>,
    /// The item out of which the source run came.
    pub parent: Option<QueueItem>,
    /// What the principal has queued, and has asked people for.
    pub usage: Usage,
    /// What holds for everybody.
    pub standing: Standing,
    /// What people were asked about this run, in the order of asking.
    pub requests: Vec<ApprovalRequest>,
    /// The request this principal made under the same idempotency key.
    pub request_by_key: Option<ApprovalRequest>,
}

/// How much of its limits a principal uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Its items that are pending.
    pub pending: usize,
    /// When one more may be appended within the limit of the hour; `None` when one may be now.
    pub hour_frees_at: Option<Timestamp>,
}

impl EnqueueFacts {
    /// The policy that holds for this request: the strictest of this process's and the floor.
    pub fn policy(&self, request: &Request) -> ApprovalPolicy {
        self.standing.policy(request.policy.approval)
    }

    /// How many items deep a new item of this run is: one more than the item that its source run came out of. An item of
    /// the original says nothing of its depth and counts as the first.
    pub fn depth(&self) -> u32 {
        let parent = self.parent.as_ref().map(|item| item.enqueued.provenance.as_ref().map_or(1, |p| p.depth));
        parent.unwrap_or(0).saturating_add(1)
    }
}

/// The deepest that an item may be: a run that came out of an item that came out of a run … ends here, so that slow loops
/// end too.
pub const DEPTH_MAX: u32 = 5;

/// After how many seconds a caller at its limit of pending items may look again: nothing says when one is claimed.
const PENDING_RETRY_S: u32 = 60;

/// One request before the gates, with everything that they look at.
pub struct Subject<'a> {
    request: &'a Request,
    inputs: Option<&'a ApplyInputs>,
    facts: &'a EnqueueFacts,
    basis: OnceCell<Arc<Sealed>>,
}

impl<'a> Subject<'a> {
    /// A request with its inputs, of which a preview has none, and what the ledger knows about it.
    pub fn new(request: &'a Request, inputs: Option<&'a ApplyInputs>, facts: &'a EnqueueFacts) -> Self {
        Self { request, inputs, facts, basis: OnceCell::new() }
    }

    /// What applying it rests on now. Made once, when first asked for: several rules look at its digest.
    pub(super) fn basis(&self, run: &RunFacts) -> &Arc<Sealed> {
        let shown = match self.inputs.map(|inputs| &inputs.presented) {
            Some(Presented::Seen { shown, .. }) => shown.as_ref(),
            Some(Presented::Nothing | Presented::Invalid) | None => None,
        };
        self.basis.get_or_init(|| Sealed::now(run, self.request, self.facts, shown))
    }
}

/// Every gate's answer, in order.
pub fn checks(subject: &Subject<'_>) -> Vec<Check> {
    GateId::ALL.iter().map(|gate| Check { gate: *gate, answer: check(*gate, subject) }).collect()
}

/// One gate's answer.
pub fn check(gate: GateId, subject: &Subject<'_>) -> Answer {
    let Subject { request, inputs, facts, .. } = *subject;
    let answer = match (gate, inputs) {
        (GateId::Authenticated, _) => authenticated(&request.caller).map(|_| ()),
        (GateId::MutationGate, _) => mutation_gate(request.policy.mutation_gate, &facts.standing),
        (GateId::Role, Some(inputs)) => apply_role(request, &inputs.actor_role).map(|_| ()),
        (GateId::Role, None) => preview_role(request),
        (GateId::Run, _) => run(request),
        (GateId::Limits, _) => limits(request, facts),
        (GateId::Approval, inputs) => return approval(request, inputs, facts),
        (GateId::Confirm | GateId::Metadata | GateId::Preview, None) => return Answer::Pending,
        (GateId::Confirm, Some(inputs)) => confirm(request, inputs),
        (GateId::Metadata, Some(inputs)) => metadata(inputs),
        (GateId::Preview, Some(inputs)) => preview(subject, inputs),
    };
    answer.map_or_else(Answer::Shut, |()| Answer::Open)
}

/// Gate 1. Gives the principal.
pub fn authenticated(caller: &Caller) -> Result<&Principal, Denial> {
    caller.established().ok_or_else(|| {
        Denial::new(ErrorCode::Unauthenticated, "This connection established no principal. Nothing was queued.")
    })
}

/// Gate 2: queueing is switched on in this process, and no operator has frozen it.
pub fn mutation_gate(gate: MutationGate, standing: &Standing) -> Result<(), Denial> {
    if gate == MutationGate::Shut {
        return Err(Denial::new(
            ErrorCode::MutationGateClosed,
            "Queueing is switched off on this server, which is the default. The preview is valid; nothing was queued.",
        ));
    }
    thawed(standing, "Nothing was queued.")
}

/// Refuses while operators have frozen applies and claims.
pub fn thawed(standing: &Standing, unchanged: &str) -> Result<(), Denial> {
    match &standing.frozen {
        None => Ok(()),
        Some(freeze) => Err(Denial::new(
            ErrorCode::Frozen,
            format!("An operator froze queueing and claiming at {}. {unchanged}", ledger_text(freeze.since)),
        )),
    }
}

fn confirm(request: &Request, inputs: &ApplyInputs) -> Result<(), Denial> {
    if !inputs.confirm {
        return Err(Denial::new(
            ErrorCode::ConfirmRequired,
            "`confirm` must be the JSON value true. Nothing was queued.",
        ));
    }
    match (&inputs.typed_run_id, &request.run_id) {
        (Some(typed), run_id) if run_id.as_ref().is_none_or(|run| run.as_str() != typed.trim()) => Err(Denial::new(
            ErrorCode::ConfirmRequired,
            "`confirm_run_id` is not the id of this run. Nothing was queued.",
        )),
        (Some(_) | None, _) => Ok(()),
    }
}

/// Gate 9. Nobody is asked under `declared`; under `operator` an operator who typed the run's id has said yes to their own
/// request. Everybody else waits for people.
fn approval(request: &Request, inputs: Option<&ApplyInputs>, facts: &EnqueueFacts) -> Answer {
    match facts.policy(request) {
        ApprovalPolicy::Declared => Answer::Open,
        ApprovalPolicy::Operator if inputs.is_some_and(|inputs| approves_itself(request, inputs)) => Answer::Open,
        ApprovalPolicy::Operator | ApprovalPolicy::TwoPerson => Answer::Pending,
    }
}

fn approves_itself(request: &Request, inputs: &ApplyInputs) -> bool {
    let operator = request.caller.established().is_some_and(|principal| principal.kind == PrincipalKind::Operator);
    operator && request.caller.surface != Surface::Mcp && inputs.typed_run_id.is_some()
}

/// Gate 4 at apply. Gives the role that is acted in. Only over HTTP may the header stand for `actor_role`; whatever the
/// surface, two that disagree are refused.
pub fn apply_role(request: &Request, actor_role: &StatedRole) -> Result<Role, Denial> {
    let principal = authenticated(&request.caller)?;
    if principal.kind == PrincipalKind::Worker {
        let said = "A worker may claim and complete, not queue. Nothing was queued.";
        return Err(acting(Denial::new(ErrorCode::RoleForbidden, said)));
    }
    let stated = match (actor_role, &request.header_role) {
        (StatedRole::Absent, header) if request.caller.surface == Surface::Http => header,
        (StatedRole::Named(a), StatedRole::Named(b)) if a != b => {
            return Err(mismatch(
                principal,
                format!("You stated actor_role {a} and role header {b}; they must agree."),
            ));
        }
        (_, StatedRole::Unreadable) => &StatedRole::Unreadable,
        (stated, StatedRole::Absent | StatedRole::Named(_)) => stated,
    };
    stated_role(principal, stated, &request.policy.allowed_roles, request.caller.surface)
}

/// Gate 4 at preview: HTTP states its role on previews too; elsewhere it is enough to hold an allowed one.
fn preview_role(request: &Request) -> Result<(), Denial> {
    let principal = authenticated(&request.caller)?;
    match (request.caller.surface, &request.header_role) {
        (Surface::Http, stated) => {
            stated_role(principal, stated, &request.policy.allowed_roles, Surface::Http).map(|_| ())
        }
        (Surface::Mcp | Surface::Cli, _) => holds_allowed(principal, &request.policy.allowed_roles),
    }
}

/// The one rule about roles: what is stated must be allowed and held. Over HTTP and on the command line it may be left
/// out by a principal that holds exactly one.
pub fn stated_role(
    principal: &Principal,
    stated: &StatedRole,
    allowed: &Roles,
    surface: Surface,
) -> Result<Role, Denial> {
    let role = match stated {
        StatedRole::Named(role) => role,
        StatedRole::Unreadable => {
            return Err(acting(Denial::new(
                ErrorCode::RoleForbidden,
                "The stated role is no role's name. Nothing was changed.",
            )));
        }
        StatedRole::Absent => match (surface, principal.roles.first(), principal.roles.len()) {
            (Surface::Http | Surface::Cli, Some(only), 1) => only,
            _ => return Err(acting(Denial::new(ErrorCode::RoleRequired, "No role was stated. Nothing was changed."))),
        },
    };
    if !allowed.contains(role) {
        return Err(acting(Denial::new(
            ErrorCode::RoleForbidden,
            format!("The role {role} may not do this; allowed are {}. Nothing was changed.", list(allowed)),
        )));
    }
    holds_allowed(principal, allowed)?;
    if !principal.roles.contains(role) {
        let held = list(&principal.roles);
        let said = format!("You stated the role {role}; here you act as {}, which holds {held}.", principal.id);
        return Err(mismatch(principal, said));
    }
    Ok(role.clone())
}

fn holds_allowed(principal: &Principal, allowed: &Roles) -> Result<(), Denial> {
    if principal.kind != PrincipalKind::Worker && principal.roles.iter().any(|role| allowed.contains(role)) {
        return Ok(());
    }
    Err(acting(Denial::new(
        ErrorCode::RoleForbidden,
        format!("{} holds no role that may do this; allowed are {}. Nothing was changed.", principal.id, list(allowed)),
    )))
}

fn mismatch(principal: &Principal, said: String) -> Denial {
    let mut denial = acting(Denial::new(ErrorCode::RoleMismatch, format!("{said} Nothing was changed.")));
    if let (Some(only), 1) = (principal.roles.first(), principal.roles.len()) {
        denial.next_step = Some(format!(
            "If the person agrees to act as {only}, call again with actor_role {only}. Do not try other roles."
        ));
    }
    denial
}

fn acting(mut denial: Denial) -> Denial {
    denial.shows_acting_as = true;
    denial
}

fn list(roles: &Roles) -> String {
    if roles.is_empty() {
        return "no role".into();
    }
    roles.iter().map(Role::as_str).collect::<Vec<_>>().join(", ")
}

fn metadata(inputs: &ApplyInputs) -> Result<(), Denial> {
    // The order of the gate's codes is its order of precedence: first that both are there, then what they hold.
    let absent = [
        ("requested_by", inputs.requested_by == Stated::Absent),
        ("approval_reason", inputs.approval_reason == Stated::Absent),
    ];
    if let Some((name, _)) = absent.into_iter().find(|(_, absent)| *absent) {
        return Err(missing_text(name));
    }
    text_given("requested_by", &inputs.requested_by)?;
    text_given("approval_reason", &inputs.approval_reason)
}

fn missing_text(name: &str) -> Denial {
    Denial::new(ErrorCode::MetadataRequired, format!("`{name}` is missing or blank. Nothing was queued."))
}

/// A text that must be there and acceptable.
pub fn text_given<T>(name: &str, stated: &Stated<T>) -> Result<(), Denial> {
    match stated {
        Stated::Given(_) => Ok(()),
        Stated::Absent => Err(missing_text(name)),
        Stated::Rejected(problem) => {
            Err(Denial::new(ErrorCode::MetadataRejected, format!("`{name}` {problem}. Nothing was changed.")))
        }
    }
}

/// A text that may be absent but must not be unacceptable.
pub fn text_accepted<T>(name: &str, stated: &Stated<T>) -> Result<(), Denial> {
    match stated {
        Stated::Absent => Ok(()),
        Stated::Given(_) | Stated::Rejected(_) => text_given(name, stated),
    }
}

/// The denial that a run's problem is.
pub fn run_denial(problem: &RunProblem) -> Denial {
    let code = match problem {
        RunProblem::InvalidId => ErrorCode::RunIdInvalid,
        RunProblem::NotFound => ErrorCode::RunNotFound,
        RunProblem::Unreadable(_) => ErrorCode::RunUnreadable,
    };
    let said = problem.to_string();
    let mut letters = said.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    Denial::new(code, format!("{first}{}. Nothing was queued.", letters.as_str()))
}

fn run(request: &Request) -> Result<(), Denial> {
    let facts = request.run.as_ref().map_err(run_denial)?;
    if let Some(member) = facts.too_long() {
        return Err(run_denial(&RunProblem::Unreadable(format!("its {member} is too long to be queued"))));
    }
    if facts.evidence == ContractEvidence::Altered {
        return Err(Denial::new(
            ErrorCode::ContractAltered,
            "The run's task contract is not the one that its manifest recorded. Nothing was queued.",
        ));
    }
    if facts.awaits_approval {
        return Err(Denial::new(
            ErrorCode::RunAwaitingApproval,
            "The run itself waits for a human approval, which this queue cannot give. Nothing was queued.",
        ));
    }
    Ok(())
}

fn preview(subject: &Subject<'_>, inputs: &ApplyInputs) -> Result<(), Denial> {
    let Subject { request, facts, .. } = *subject;
    let (seen, shown) = match &inputs.presented {
        Presented::Seen { seen, shown } => (seen, shown),
        Presented::Nothing => {
            return Err(Denial::new(
                ErrorCode::PreviewRequired,
                "You have not previewed this run here. Nothing was queued.",
            ));
        }
        Presented::Invalid => {
            return Err(Denial::new(
                ErrorCode::PreviewRequired,
                "The preview_token was not made for you here. Nothing was queued.",
            ));
        }
    };
    if expired(seen.expires_at, request.now) {
        return Err(Denial::new(ErrorCode::PreviewExpired, "The preview has expired. Nothing was queued."));
    }
    // Gate 6 comes first: with an unreadable run this is never what names the denial.
    let run = request.run.as_ref().map_err(run_denial)?;
    let sealed = subject.basis(run);
    if short(&sealed.digest()) != seen.digest || facts.by_preview.is_some() {
        let mut denial = Denial::new(
            ErrorCode::PreviewStale,
            "What you previewed is not what would be queued now. Nothing was queued.",
        );
        denial.changed = shown.as_ref().map(|was| sealed.basis().changes_from(was.basis())).unwrap_or_default();
        return Err(denial);
    }
    match equal_pending(request, facts) {
        Some(item) if !may_duplicate(request, inputs) => Err(Denial::new(
            ErrorCode::AlreadyPending,
            format!("An equal item of this run waits already: {}. Nothing was queued.", item.queue_id()),
        )
        .about(item)),
        Some(_) | None => Ok(()),
    }
}

/// A preview holds until its last moment, not at it.
fn expired(expires_at: Timestamp, now: Timestamp) -> bool {
    now >= expires_at
}

fn may_duplicate(request: &Request, inputs: &ApplyInputs) -> bool {
    let operator = request.caller.principal.as_ref().is_some_and(|p| p.kind == PrincipalKind::Operator);
    inputs.allow_duplicate && operator && request.caller.surface != Surface::Mcp
}

/// Gate 8. Depth holds for everybody; the others for agents and for whatever comes through the queue pilot.
fn limits(request: &Request, facts: &EnqueueFacts) -> Result<(), Denial> {
    let depth = facts.depth();
    if depth > DEPTH_MAX {
        let said =
            format!("This run came out of an item {DEPTH_MAX} deep; a further one is refused. Nothing was queued.");
        return Err(Denial::new(ErrorCode::LineageLimit, said));
    }
    let agent = request.caller.principal.as_ref().is_some_and(|principal| principal.kind == PrincipalKind::Agent);
    if !agent && request.caller.surface != Surface::Mcp {
        return Ok(());
    }
    let Limits { pending_max, applies_per_hour } = request.policy.limits;
    if pending_max > 0 && facts.usage.pending >= usize::try_from(pending_max).unwrap_or(usize::MAX) {
        let said = format!(
            "As many of your items are pending as may be ({pending_max}): look again in {PENDING_RETRY_S} s. Nothing was \
             queued."
        );
        return Err(wait(Denial::new(ErrorCode::PendingLimit, said), PENDING_RETRY_S));
    }
    match facts.usage.hour_frees_at {
        Some(frees_at) if frees_at > request.now => {
            let seconds = frees_at.duration_since(request.now).as_secs().saturating_add(1);
            let said = format!(
                "You queued as many items within an hour as you may ({applies_per_hour}): the next one fits in {seconds} s \
                 from now. Nothing was queued."
            );
            Err(wait(Denial::new(ErrorCode::RateLimited, said), u32::try_from(seconds).unwrap_or(u32::MAX)))
        }
        Some(_) | None => Ok(()),
    }
}

fn wait(mut denial: Denial, seconds: u32) -> Denial {
    denial.retry_after_s = Some(seconds);
    denial
}

/// A pending item of the same run, contract and parameters.
pub fn equal_pending<'a>(request: &Request, facts: &'a EnqueueFacts) -> Option<&'a QueueItem> {
    let contract = request.run.as_ref().ok()?.contract.sha256();
    facts.pending.iter().find(|item| {
        let same_contract =
            item.enqueued.provenance.as_ref().is_none_or(|provenance| provenance.contract_sha256 == contract);
        same_contract && same_arguments(request, item)
    })
}

/// Whether an item was enqueued with these arguments: the run and the parameters.
pub fn same_arguments(request: &Request, item: &QueueItem) -> bool {
    let enqueued = &item.enqueued;
    let text =
        |when: &Option<super::queue::When>| when.as_ref().map(|when| when.text.clone()).filter(|t| !t.is_empty());
    let sent = |schedule: &Option<super::time::Schedule>| schedule.as_ref().map(|at| at.text().to_owned());
    request.run_id.as_ref().is_some_and(|id| id.as_str() == enqueued.source_run_id)
        && request.parameters.priority == enqueued.priority
        && sent(&request.parameters.scheduled) == text(&enqueued.scheduled)
        && sent(&request.parameters.deadline) == text(&enqueued.deadline)
}
