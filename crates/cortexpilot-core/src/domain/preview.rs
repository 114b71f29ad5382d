//! What exactly was previewed: the derived item and everything its approval rests on, as a digest.

use std::sync::Arc;

use super::command::{Parameters, Request};
use super::gate::EnqueueFacts;
use super::id::{QueueItemId, Sha256Digest};
use super::principal::Role;
use super::queue::QueueItem;
use super::run::RunFacts;
use super::seal::{SeenPreview, short};
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

/// A basis with its digest. The only constructor hashes, so the two cannot disagree; whoever has one may compare bases
/// instead of hashing again.
#[derive(Debug, PartialEq, Eq)]
pub struct Sealed {
    basis: Basis,
    digest: Sha256Digest,
}

impl Sealed {
    /// Hashes the basis.
    pub fn new(basis: Basis) -> Self {
        let digest = basis.digest();
        Self { basis, digest }
    }

    /// The basis.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Its digest.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// What an apply rests on now. Where that is what was shown, member for member, the digest of that same value is taken
    /// over: this is judged under the store's lock, where a hash less for each line counts.
    pub(super) fn now(run: &RunFacts, request: &Request, facts: &EnqueueFacts, shown: Option<&Arc<Self>>) -> Arc<Self> {
        match shown {
            Some(shown) if shown.basis.is_of(run, request, facts) => shown.clone(),
            Some(_) | None => Arc::new(Self::new(Basis::of(run, request, facts))),
        }
    }

    /// What was previewed, where nobody here remembers it: what the run gives now, with nothing in the queue and no floor,
    /// if that has the digest that the preview's token says. Costs a hash; for a caller's own thread, before the lock.
    pub fn recognise(request: &Request, seen: &SeenPreview) -> Option<Arc<Self>> {
        let run = request.run.as_ref().ok()?;
        let sealed = Self::new(Basis::of(run, request, &EnqueueFacts::default()));
        (short(&sealed.digest) == seen.digest).then(|| Arc::new(sealed))
    }
}

/// What this process knows of a preview that was shown: enough to say what changed since.
pub type Shown = Arc<Sealed>;

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

    /// Whether it is [`Basis::of`] these, told without making that.
    fn is_of(&self, run: &RunFacts, request: &Request, facts: &EnqueueFacts) -> bool {
        // Every member by name: a new one does not compile until it is compared here, too.
        let Self { derived, contract_sha256, awaits_approval, pending, approval_policy, allowed_roles } = self;
        let Derived { task_id, owner, workflow_id, contract_path, source_run_id, priority, scheduled_at, deadline_at } =
            derived;
        let mut ids: Vec<&QueueItemId> = facts.pending.iter().map(QueueItem::queue_id).collect();
        ids.sort_unstable();
        *task_id == run.task_id
            && *owner == run.owner
            && *workflow_id == run.workflow_id
            && *contract_path == run.contract_path
            && source_run_id == run.run_id.as_str()
            && *priority == request.parameters.priority
            && scheduled_at.as_deref() == text(&request.parameters.scheduled)
            && deadline_at.as_deref() == text(&request.parameters.deadline)
            && *contract_sha256 == run.contract.sha256()
            && *awaits_approval == run.awaits_approval
            && pending.iter().eq(ids)
            && *approval_policy == facts.policy(request).as_str()
            && allowed_roles.iter().map(String::as_str).eq(request.policy.allowed_roles.iter().map(Role::as_str))
    }

    /// What differs, field by field, in the order of [`Basis::fields`].
    pub fn changes_from(&self, was: &Self) -> Vec<Change> {
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
