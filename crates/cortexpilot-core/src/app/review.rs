//! What whoever decides a request sees: computed here from the run and the ledger as they are now, never from what the
//! caller says. Texts that the caller wrote are kept apart.

use jiff::{SignedDuration, Timestamp};

use super::{App, Failure};
use crate::domain::approval::{ApprovalId, ApprovalRequest, ApprovalStatus};
use crate::domain::command::{Policy, Request};
use crate::domain::decide::approval_query;
use crate::domain::gate::{self, Denial, EnqueueFacts};
use crate::domain::governance::ApprovalFilter;
use crate::domain::id::RunId;
use crate::domain::preview::{Basis, Change};
use crate::domain::principal::{Caller, StatedRole};
use crate::domain::queue::QueueItem;
use crate::domain::run::{ContractEvidence, Effect, RunFacts, RunProblem};
use crate::error::ErrorCode;

/// A request with everything that deciding it rests on.
#[derive(Debug, Clone)]
pub struct Review {
    /// The request.
    pub request: ApprovalRequest,
    /// Its status now.
    pub status: ApprovalStatus,
    /// What executing the item would do; absent when the run cannot be read any more.
    pub effect: Option<Effect>,
    /// What the run is, where it can be read.
    pub run: Option<RunSummary>,
    /// Why the run stands in the way, if it does.
    pub run_denial: Option<Denial>,
    /// What is not as it was when people were asked. While anything is, nobody can approve.
    pub changed: Vec<Change>,
    /// What the new item has that the source run did not have.
    pub differs: Vec<Change>,
    /// Pending items of the same run.
    pub pending: Vec<QueueItem>,
    /// How many items deep it would be.
    pub depth: u32,
    /// What this requester asked for within the last day.
    pub today: Today,
    /// When it was looked at.
    pub now: Timestamp,
}

/// What the run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Its task.
    pub task_id: String,
    /// Its owning agent.
    pub owner: String,
    /// Its workflow case, or empty.
    pub workflow_id: String,
    /// Its status.
    pub status: String,
    /// Whether its manifest vouches for its task contract.
    pub evidence: ContractEvidence,
}

/// What a requester asked for within the last 24 hours, this request included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Today {
    /// Requests.
    pub asked: usize,
    /// Of these: queued.
    pub approved: usize,
    /// Of these: rejected.
    pub rejected: usize,
    /// Of these: still to be decided.
    pub pending: usize,
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

impl App {
    /// Shows a request to whoever decides it. Changes nothing.
    ///
    /// # Errors
    /// `APPROVAL_NOT_FOUND`, or the store's error.
    pub async fn review(&self, caller: &Caller, id: &str) -> Result<Review, Failure> {
        self.reader.still_signed_in(caller).await?;
        let request = match ApprovalId::parse(id) {
            Some(id) => self.reader.approval(&id).await?,
            None => None,
        };
        let missing = || Denial::new(ErrorCode::ApprovalNotFound, "There is no approval request with this id.");
        let request = request.ok_or_else(missing)?;
        let now = self.clock.now();
        let run = match RunId::parse(&request.asked.run_id) {
            Ok(run_id) => self.reader.runs.facts(&run_id).await,
            Err(_) => Err(RunProblem::InvalidId),
        };
        let facts = self.store.enqueue_facts(&approval_query(&request, now)).await?;
        let today = self.today(&request, now).await?;
        Ok(Review {
            status: request.status(now),
            effect: run.as_ref().ok().map(|run| run.effect.clone()),
            run: run.as_ref().ok().map(summary),
            run_denial: run.as_ref().err().map(gate::run_denial),
            changed: self.changed(&request, &run, &facts, now),
            differs: differs(&request, run.as_ref().ok(), &facts),
            depth: facts.depth(),
            pending: facts.pending,
            request,
            today,
            now,
        })
    }

    async fn today(&self, request: &ApprovalRequest, now: Timestamp) -> Result<Today, Failure> {
        let filter = ApprovalFilter {
            principal: Some(request.asked.requester.principal.clone()),
            since: Some(now.checked_sub(DAY).unwrap_or(Timestamp::MIN)),
            ..ApprovalFilter::default()
        };
        let listing = self.store.approvals(&filter).await?;
        let count = |status| listing.requests.iter().filter(|(_, request)| request.status(now) == status).count();
        Ok(Today {
            asked: listing.requests.len(),
            approved: count(ApprovalStatus::Approved),
            rejected: count(ApprovalStatus::Rejected),
            pending: count(ApprovalStatus::Pending),
        })
    }

    /// What the request's digest covered and what it would cover now. Where the digests differ and nothing kept of the
    /// request says why, that is said.
    fn changed(
        &self,
        request: &ApprovalRequest,
        run: &Result<RunFacts, RunProblem>,
        facts: &EnqueueFacts,
        now: Timestamp,
    ) -> Vec<Change> {
        let (asked, Ok(facts_of_run)) = (&request.asked, run) else { return Vec::new() };
        if request.status(now) != ApprovalStatus::Pending {
            return Vec::new();
        }
        let again = Request {
            caller: Caller { principal: None, surface: asked.surface },
            now,
            run_id: RunId::parse(&asked.run_id).ok(),
            run: run.clone(),
            parameters: asked.parameters.clone(),
            policy: Policy { approval: self.policy.approval.max(asked.policy), ..self.policy.clone() },
            header_role: StatedRole::Absent,
        };
        let basis = Basis::of(facts_of_run, &again, facts);
        if basis.digest() == asked.preview_digest {
            return Vec::new();
        }
        let mut changed = Vec::new();
        let mut note = |field, was: String, now: String| {
            if was != now {
                changed.push(Change { field, was, now });
            }
        };
        note("contract_sha256", asked.contract_sha256.to_string(), basis.contract_sha256.to_string());
        note("approval_policy", asked.policy.as_str().to_owned(), basis.approval_policy.to_owned());
        if changed.is_empty() {
            let now = "the run's own state, its pending items, or the roles that may apply";
            changed.push(Change {
                field: "preview_digest",
                was: asked.preview_digest.to_string(),
                now: now.to_owned(),
            });
        }
        changed
    }
}

fn summary(run: &RunFacts) -> RunSummary {
    RunSummary {
        task_id: run.task_id.clone(),
        owner: run.owner.clone(),
        workflow_id: run.workflow_id.clone(),
        status: run.status.clone(),
        evidence: run.evidence,
    }
}

/// The item repeats the run's task contract as it is; what it adds is when and how urgently. Where the run came out of an
/// item itself, that item says what was asked then.
fn differs(request: &ApprovalRequest, run: Option<&RunFacts>, facts: &EnqueueFacts) -> Vec<Change> {
    let parameters = &request.asked.parameters;
    let before = facts.parent.as_ref().map(|item| &item.enqueued);
    let text = |when: &Option<crate::domain::queue::When>| when.as_ref().map(|when| when.text.clone());
    let sent = |when: &Option<crate::domain::time::Schedule>| when.as_ref().map(|when| when.text().to_owned());
    let mut differs = Vec::new();
    let mut note = |field, was: String, now: String| {
        if was != now {
            differs.push(Change { field, was, now });
        }
    };
    let was = |member: Option<Option<String>>| member.flatten().unwrap_or_default();
    note("priority", before.map_or(0, |item| item.priority).to_string(), parameters.priority.to_string());
    note(
        "scheduled_at",
        was(before.map(|item| text(&item.scheduled))),
        sent(&parameters.scheduled).unwrap_or_default(),
    );
    note("deadline_at", was(before.map(|item| text(&item.deadline))), sent(&parameters.deadline).unwrap_or_default());
    let ran = before.and_then(|item| item.provenance.as_ref()).map(|provenance| provenance.contract_sha256);
    if let (Some(ran), Some(run)) = (ran, run) {
        note("contract_sha256", ran.to_string(), run.contract.sha256().to_string());
    }
    differs
}
