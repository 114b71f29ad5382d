//! What whoever decides a request sees. Everything outside `stated` is this server's own; text that a run or a caller wrote
//! is cut to a bounded length and escaped wherever it stands.

use std::collections::BTreeMap;

use cortexpilot_core::app::preview::STALE;
use cortexpilot_core::app::review::Review;
use cortexpilot_core::app::{App, Failure};
use cortexpilot_core::domain::approval::ApprovalStatus;
use cortexpilot_core::domain::gate::DEPTH_MAX;
use cortexpilot_core::domain::governance::GovernanceQuery;
use cortexpilot_core::domain::preview::Change;
use cortexpilot_core::domain::principal::Caller;
use cortexpilot_core::domain::queue::{QueueItem, When};
use cortexpilot_core::domain::run::{ContractEvidence, Effect};
use cortexpilot_core::domain::time::{Schedule, ledger_text};
use cortexpilot_core::domain::token::TokenState;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use utoipa::ToSchema;

pub use super::approval::{ElicitedView, EndedView, RequesterView, STATED_LABEL, StatedView};
use super::approval::{RUN_ID_MAX, ended, reason, stated};
use super::governance::gate_word;
use super::preview::WarningView;
use super::refusal::ChangedView;
use super::shown::{Shower, shown};
use super::words;

/// Longest text of a run that is shown, in characters; of one entry where it is a list.
pub const RUN_TEXT_MAX: usize = 1000;

/// Most entries of a list of a run that are shown.
pub const ENTRIES_MAX: usize = 200;

/// Most pending items of the same run that are shown.
const PENDING_MAX: usize = 50;

/// Most requesters that joined that are shown.
const JOINED_MAX: usize = 50;

/// Every warning that a review can carry, beside those of a preview with the same word.
pub const REVIEW_WARNINGS: [(&str, &str); 8] = [
    ("EFFECT_TRUNCATED", "the effect is longer than what is shown"),
    ("CONTRACT_ALTERED", "the task contract is not the one that the manifest vouches for"),
    ("CONTRACT_UNVERIFIED", "the manifest does not vouch for the contract"),
    ("RUN_STILL_RUNNING", "the source run has not finished"),
    ("RUN_FAILED", "the source run did not succeed"),
    ("ITEMS_DEEP", "the source run came out of a queue item itself"),
    ("DEADLINE_PASSED", "the deadline lies in the past"),
    ("REQUESTER_SIGNED_OUT", "whoever asked has no valid token any more"),
];

/// A request with everything that deciding it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ReviewView {
    /// Its id.
    pub id: String,
    /// `PENDING`: people may decide. `APPROVED`: it was queued. `REJECTED` or `EXPIRED`: it was not. `STALE`: what was
    /// asked has changed since, so that nobody can approve it.
    #[schema(value_type = words::ReviewState)]
    pub status: &'static str,
    /// How many people must agree.
    pub needs: u32,
    /// How many have.
    pub has: u32,
    /// The policy it was asked under.
    #[schema(value_type = words::Policy)]
    pub approval_policy: &'static str,
    /// `default-off`, `open` or `frozen`: only where it is open can this process approve.
    #[schema(value_type = words::MutationGateState)]
    pub mutation_gate: &'static str,
    /// What executing the item would do; `null` when the run cannot be read any more.
    #[schema(required = true)]
    pub effect: Option<ShownEffectView>,
    /// What the new item has that the source run did not have.
    pub differs: Vec<ChangedView>,
    /// What is not as it was when people were asked. While anything is, nobody can approve.
    pub changed: Vec<ChangedView>,
    /// Why the run stands in the way, if it does.
    #[schema(required = true)]
    pub run_problem: Option<RunProblemView>,
    /// What whoever decides should know.
    pub warnings: Vec<WarningView>,
    /// Who asks.
    pub requester: RequesterView,
    /// Others who asked for the same; they count as asking.
    pub joined: Vec<RequesterView>,
    /// How many others that is, those that are not shown included.
    pub joined_count: usize,
    /// What the requester asked for within 24 hours, this included.
    pub today: TodayView,
    /// What you are to it.
    pub you: YouView,
    /// Who has said yes, while more people are needed.
    pub approvals: Vec<YesView>,
    /// How it ended, unless it was queued.
    #[schema(required = true)]
    pub ended: Option<EndedView>,
    /// Its item; `null` while it is not queued.
    #[schema(required = true)]
    pub item: Option<QueuedView>,
    /// The run that it is about.
    pub run_id: String,
    /// What that run is; `null` when it cannot be read any more.
    #[schema(required = true)]
    pub run: Option<RunSummaryView>,
    /// −100 to 100, higher first.
    pub priority: i64,
    /// Not to be claimed before, as sent; blank for at once.
    pub scheduled_at: String,
    /// Should be finished by, as sent; blank for no deadline.
    pub deadline_at: String,
    /// How many items deep it would be.
    pub depth: u32,
    /// How deep an item may be.
    pub depth_max: u32,
    /// Pending items of the same run.
    pub pending_matches: Vec<PendingMatchView>,
    /// How many that are, those that are not shown included.
    pub pending_count: usize,
    /// Through what it was asked: `mcp`, `http` or `cli`.
    #[schema(value_type = words::SurfaceName)]
    pub surface: &'static str,
    /// The role it was asked in.
    pub actor_role: String,
    /// When it was asked.
    pub asked_at: String,
    /// Until when it can be decided; not at that moment.
    pub expires_at: String,
    /// How many whole seconds that is from now; 0 when it is over.
    pub expires_in_s: u64,
    /// Digest of the task contract that was shown.
    pub contract_sha256: String,
    /// Digest of the preview it rests on.
    pub preview_digest: String,
    /// What the caller wrote. No word of it is checked.
    pub stated: StatedView,
}

/// What executing the task contract would do: text of the run, cut and escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ShownEffectView {
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
    /// There is more than is shown here: read the task contract before you say yes.
    pub truncated: bool,
}

/// What the run is: text of the run, cut and escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct RunSummaryView {
    /// Its task.
    pub task_id: String,
    /// Its owning agent.
    pub owner: String,
    /// Its workflow case, or empty.
    pub workflow_id: String,
    /// Its status, as its manifest has it.
    pub status: String,
    /// `verified`, `absent` or `altered`: whether its manifest vouches for its task contract.
    #[schema(value_type = words::ContractEvidenceState)]
    pub contract_evidence: &'static str,
    /// There is more than is shown here.
    pub truncated: bool,
}

/// Why the run stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct RunProblemView {
    /// The code that approving would be refused with.
    #[schema(value_type = words::Code)]
    pub code: &'static str,
    /// In a sentence.
    pub reason: String,
}

/// What a requester asked for within 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct TodayView {
    /// Requests.
    pub asked: usize,
    /// Of these: queued.
    pub approved: usize,
    /// Of these: rejected.
    pub rejected: usize,
    /// Of these: still to be decided.
    pub pending: usize,
}

/// What whoever looks is to the request. Facts; who may approve is judged when it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct YouView {
    /// You asked for it.
    pub asked: bool,
    /// You answer for an agent that asked for it.
    pub sponsor: bool,
    /// You have said yes to it.
    pub approved: bool,
}

/// One person's yes that was not the last one needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct YesView {
    /// The principal in its role.
    pub by: String,
    /// Why, if it was said.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// When.
    pub at: String,
}

/// The item that a request became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct QueuedView {
    /// Its id.
    pub queue_id: String,
    /// Where it stands now.
    pub current_status: String,
    /// When it was queued.
    pub queued_at: String,
    /// Everybody who said yes, each in a role: as its line has it.
    pub approvals: Vec<String>,
}

/// A pending item of the same run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct PendingMatchView {
    /// Its id.
    pub queue_id: String,
    /// −100 to 100.
    pub priority: i64,
    /// Not to be claimed before.
    pub scheduled_at: String,
    /// Should be finished by.
    pub deadline_at: String,
    /// When it was queued.
    pub created_at: String,
    /// Who had it queued; blank where its line does not say.
    pub principal: String,
}

/// Everything around a review that its view shows.
#[derive(Debug, Clone)]
struct Around {
    gate: &'static str,
    requester_signed_out: bool,
    item: Option<QueueItem>,
}

impl ReviewView {
    /// Looks at a request: for the one who decides it, on whatever surface. Changes nothing, and asks nobody's right to look.
    ///
    /// # Errors
    /// `APPROVAL_NOT_FOUND`, `UNAUTHENTICATED` for a caller whose token is not valid any more, or the store's error.
    pub async fn look(app: &App, caller: &Caller, id: &str) -> Result<Self, Failure> {
        let review = app.review(caller, id).await?;
        let asked = &review.request.asked;
        let store = app.reader().queue();
        let query = GovernanceQuery { approval: Some(asked.id.clone()), ..GovernanceQuery::default() };
        let facts = store.governance(&query).await?;
        let lives = facts.tokens.iter().any(|token| token.state(review.now) == TokenState::Live);
        let around = Around {
            gate: gate_word(app.policy(), &facts.standing),
            requester_signed_out: asked.requester.token.is_some() && !lives,
            item: if review.request.queued { store.item(&asked.queue_id).await? } else { None },
        };
        Ok(Self::of(&review, caller, &around))
    }

    fn of(review: &Review, caller: &Caller, around: &Around) -> Self {
        let (request, you) = (&review.request, caller.principal_id());
        let asked = &request.asked;
        let effect = review.effect.as_ref().map(effect);
        let warnings = warnings(review, effect.as_ref().is_some_and(|effect| effect.truncated), around);
        let stale = review.status == ApprovalStatus::Pending && !review.changed.is_empty();
        let left = asked.expires_at.duration_since(review.now).as_secs();
        Self {
            id: asked.id.to_string(),
            status: if stale { STALE } else { review.status.as_str() },
            needs: request.needs(),
            has: request.has(),
            approval_policy: asked.policy.as_str(),
            mutation_gate: around.gate,
            effect,
            differs: review.differs.iter().map(changed).collect(),
            changed: review.changed.iter().map(changed).collect(),
            run_problem: review
                .run_denial
                .as_ref()
                .map(|denial| RunProblemView { code: denial.code.as_str(), reason: denial.reason.clone() }),
            warnings,
            requester: RequesterView::of(&asked.requester),
            joined: request.joined.iter().take(JOINED_MAX).map(RequesterView::of).collect(),
            joined_count: request.joined.len(),
            today: TodayView {
                asked: review.today.asked,
                approved: review.today.approved,
                rejected: review.today.rejected,
                pending: review.today.pending,
            },
            you: YouView {
                asked: request.was_asked_by(you),
                sponsor: request.is_sponsored_by(you),
                approved: request.was_approved_by(you),
            },
            approvals: request
                .approvals
                .iter()
                .map(|yes| YesView {
                    by: yes.by.to_string(),
                    reason: yes.reason.as_deref().map(reason),
                    at: ledger_text(yes.at),
                })
                .collect(),
            ended: ended(request, review.status),
            item: around.item.as_ref().map(queued),
            run_id: shown(&asked.run_id, RUN_ID_MAX).0,
            run: run(review),
            priority: asked.parameters.priority,
            scheduled_at: sent(&asked.parameters.scheduled),
            deadline_at: sent(&asked.parameters.deadline),
            depth: review.depth,
            depth_max: DEPTH_MAX,
            pending_matches: review.pending.iter().take(PENDING_MAX).map(pending_match).collect(),
            pending_count: review.pending.len(),
            surface: asked.surface.as_str(),
            actor_role: asked.actor_role.to_string(),
            asked_at: ledger_text(asked.at),
            expires_at: ledger_text(asked.expires_at),
            expires_in_s: u64::try_from(left).unwrap_or(0),
            contract_sha256: asked.contract_sha256.to_string(),
            preview_digest: asked.preview_digest.to_string(),
            stated: stated(request),
        }
    }
}

fn sent(schedule: &Option<Schedule>) -> String {
    schedule.as_ref().map(|schedule| schedule.text().to_owned()).unwrap_or_default()
}

/// Values of a change may be text of the run or of a foreign line.
fn changed(change: &Change) -> ChangedView {
    let text = |raw: &str| shown(raw, RUN_TEXT_MAX).0;
    ChangedView { field: change.field, was: text(&change.was), now: text(&change.now) }
}

fn effect(effect: &Effect) -> ShownEffectView {
    let mut shower = Shower::new(RUN_TEXT_MAX);
    let mut permissions = BTreeMap::new();
    for (name, value) in effect.tool_permissions.iter().take(ENTRIES_MAX) {
        let (name, value) = (shower.text(name), shower.text(value));
        permissions.insert(name, value);
    }
    // Two names may be shown as one; what stands there then is not all there is.
    shower.truncated |= permissions.len() < effect.tool_permissions.len();
    ShownEffectView {
        allowed_paths: shower.list(&effect.allowed_paths, ENTRIES_MAX),
        commands: shower.list(&effect.commands, ENTRIES_MAX),
        tool_permissions: permissions,
        runner: shower.text(&effect.runner),
        timeout_s: effect.timeout_s,
        truncated: shower.truncated,
    }
}

fn run(review: &Review) -> Option<RunSummaryView> {
    let run = review.run.as_ref()?;
    let mut shower = Shower::new(RUN_TEXT_MAX);
    Some(RunSummaryView {
        task_id: shower.text(&run.task_id),
        owner: shower.text(&run.owner),
        workflow_id: shower.text(&run.workflow_id),
        status: shower.text(&run.status),
        contract_evidence: match run.evidence {
            ContractEvidence::Verified => "verified",
            ContractEvidence::Absent => "absent",
            ContractEvidence::Altered => "altered",
        },
        truncated: shower.truncated,
    })
}

fn queued(item: &QueueItem) -> QueuedView {
    QueuedView {
        queue_id: item.queue_id().to_string(),
        current_status: shown(item.status(), RUN_TEXT_MAX).0,
        queued_at: ledger_text(item.enqueued.ts),
        approvals: item.enqueued.provenance.as_ref().map(|known| known.approvals.clone()).unwrap_or_default(),
    }
}

fn pending_match(item: &QueueItem) -> PendingMatchView {
    let enqueued = &item.enqueued;
    // A line of the original may hold anything there.
    let text = |when: &Option<When>| when.as_ref().map(|when| shown(&when.text, RUN_TEXT_MAX).0).unwrap_or_default();
    PendingMatchView {
        queue_id: item.queue_id().to_string(),
        priority: enqueued.priority,
        scheduled_at: text(&enqueued.scheduled),
        deadline_at: text(&enqueued.deadline),
        created_at: if enqueued.ts == Timestamp::UNIX_EPOCH { String::new() } else { ledger_text(enqueued.ts) },
        principal: enqueued.provenance.as_ref().map(|known| known.principal.clone()).unwrap_or_default(),
    }
}

fn warnings(review: &Review, effect_cut: bool, around: &Around) -> Vec<WarningView> {
    let mut warnings = Vec::new();
    let mut warn = |code, message: &str| warnings.push(WarningView { code, message: message.to_owned() });
    if effect_cut {
        warn(
            "EFFECT_TRUNCATED",
            "There is more in the effect than is shown here: read the task contract before you say yes.",
        );
    }
    if let Some(run) = &review.run {
        match run.evidence {
            ContractEvidence::Verified => {}
            ContractEvidence::Altered => warn(
                "CONTRACT_ALTERED",
                "The run's task contract is not the one that its manifest recorded, so nobody can approve this.",
            ),
            ContractEvidence::Absent => warn(
                "CONTRACT_UNVERIFIED",
                "The run's manifest does not record the contract's digest, so nothing shows that it is the contract that ran.",
            ),
        }
        match run.status.to_ascii_uppercase().as_str() {
            "RUNNING" => warn("RUN_STILL_RUNNING", "The source run has not finished."),
            "FAILURE" | "FAILED" | "ERROR" => warn("RUN_FAILED", "The source run did not succeed."),
            _ => {}
        }
    }
    if review.depth > 1 {
        let said = format!(
            "The source run came out of a queue item: the new item would be {} deep, of at most {DEPTH_MAX}.",
            review.depth
        );
        warn("ITEMS_DEEP", &said);
    }
    let deadline = review.request.asked.parameters.deadline.as_ref();
    if deadline.is_some_and(|deadline| deadline.at() <= review.now) {
        warn("DEADLINE_PASSED", "The deadline lies in the past.");
    }
    if around.requester_signed_out {
        warn("REQUESTER_SIGNED_OUT", "Whoever asked for this has no valid token any more, so nobody can approve it.");
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_warning_of_a_review_has_its_meaning() {
        let words: std::collections::BTreeSet<_> = REVIEW_WARNINGS.iter().map(|(code, _)| *code).collect();
        assert_eq!(words.len(), REVIEW_WARNINGS.len());
        let (source, _) = include_str!("review.rs").split_once("mod tests").unwrap();
        let calls = source.split("warn(").skip(1);
        let used: std::collections::BTreeSet<_> =
            calls.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next()).collect();
        assert_eq!(used, words);
    }
}
