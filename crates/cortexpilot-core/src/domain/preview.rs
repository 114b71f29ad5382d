//! What exactly was previewed: the derived item and everything its approval rests on, as a digest.

use super::command::{Parameters, Request};
use super::gate::EnqueueFacts;
use super::id::{QueueItemId, Sha256Digest};
use super::run::RunFacts;
use super::time::Schedule;

/// The eight derived members of a queue item: what would be queued. No clock and no id, so that the same request about
/// the same run gives the same value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The task.
    pub task_id: String,
    /// The owning agent.
    pub owner: String,
    /// The workflow case, or empty.
    pub workflow_id: String,
    /// Absolute path of the contract.
    pub contract_path: String,
    /// The run.
    pub source_run_id: String,
    /// −100 to 100.
    pub priority: i64,
    /// As sent.
    pub scheduled_at: Option<String>,
    /// As sent.
    pub deadline_at: Option<String>,
}

/// Everything a preview's digest covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// What would be queued.
    pub derived: Derived,
    /// Digest of the contract that would be pinned.
    pub contract_sha256: Sha256Digest,
    /// Whether the run waits for an approval of its own.
    pub awaits_approval: bool,
    /// Ids of the pending items of this run, sorted.
    pub pending: Vec<QueueItemId>,
    /// The approval policy's word.
    pub approval_policy: &'static str,
    /// Roles that may apply, sorted.
    pub allowed_roles: Vec<String>,
}

/// What this process remembers of a preview it showed: enough to say what changed since.
pub type Shown = Basis;

/// One difference between what was previewed and what is now. It goes into a denial, so a member that holds text of the
/// run, or a path, is named and not repeated: its values are [`RUN_TEXT`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The member that differs.
    pub field: &'static str,
    /// As previewed.
    pub was: String,
    /// As it is.
    pub now: String,
}

/// What stands in a [`Change`] for a value that came from the run.
pub const RUN_TEXT: &str = "(text of the run)";

impl Derived {
    /// Derives the item from the run's facts and the caller's parameters.
    pub fn of(run: &RunFacts, request: &Request) -> Self {
        Self {
            task_id: run.task_id.clone(),
            owner: run.owner.clone(),
            workflow_id: run.workflow_id.clone(),
            contract_path: run.contract_path.clone(),
            source_run_id: run.run_id.to_string(),
            priority: request.parameters.priority,
            scheduled_at: text(&request.parameters.scheduled).map(str::to_owned),
            deadline_at: text(&request.parameters.deadline).map(str::to_owned),
        }
    }

    /// Whether it was derived with these parameters.
    pub fn is_of(&self, parameters: &Parameters) -> bool {
        self.priority == parameters.priority
            && self.scheduled_at.as_deref() == text(&parameters.scheduled)
            && self.deadline_at.as_deref() == text(&parameters.deadline)
    }
}

/// A value as a denial repeats it: many pending items, or a long allow-list, are told by their beginning.
fn shorten(value: String) -> String {
    const MOST: usize = 400;
    match value.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &value[..at]),
        None => value,
    }
}

fn text(schedule: &Option<Schedule>) -> Option<&str> {
    schedule.as_ref().map(Schedule::text)
}

impl Basis {
    /// Collects what the digest covers.
    pub fn of(run: &RunFacts, request: &Request, facts: &EnqueueFacts) -> Self {
        let mut ids: Vec<QueueItemId> = facts.pending.iter().map(|item| item.queue_id().clone()).collect();
        ids.sort();
        Self {
            derived: Derived::of(run, request),
            contract_sha256: run.contract.sha256(),
            awaits_approval: run.awaits_approval,
            pending: ids,
            approval_policy: facts.policy(request).as_str(),
            allowed_roles: request.policy.allowed_roles.iter().map(ToString::to_string).collect(),
        }
    }

    /// What differs, field by field, in the order of [`Basis::fields`].
    pub fn changes_from(&self, was: &Shown) -> Vec<Change> {
        was.fields()
            .into_iter()
            .zip(self.fields())
            .filter(|((_, was), (_, now))| was != now)
            .map(|((field, was), (_, now))| match field {
                "task_id" | "owner" | "workflow_id" | "contract_path" => {
                    Change { field, was: RUN_TEXT.to_owned(), now: RUN_TEXT.to_owned() }
                }
                _ => Change { field, was: shorten(was), now: shorten(now) },
            })
            .collect()
    }

    fn fields(&self) -> [(&'static str, String); 13] {
        let pending: Vec<&str> = self.pending.iter().map(QueueItemId::as_str).collect();
        let derived = &self.derived;
        [
            ("task_id", derived.task_id.clone()),
            ("owner", derived.owner.clone()),
            ("workflow_id", derived.workflow_id.clone()),
            ("contract_path", derived.contract_path.clone()),
            ("source_run_id", derived.source_run_id.clone()),
            ("priority", derived.priority.to_string()),
            ("scheduled_at", derived.scheduled_at.clone().unwrap_or_default()),
            ("deadline_at", derived.deadline_at.clone().unwrap_or_default()),
            ("contract_sha256", self.contract_sha256.to_string()),
            ("awaits_approval", self.awaits_approval.to_string()),
            ("pending_matches", pending.join(" ")),
            ("approval_policy", self.approval_policy.to_owned()),
            ("allowed_roles", self.allowed_roles.join(" ")),
        ]
    }
}
