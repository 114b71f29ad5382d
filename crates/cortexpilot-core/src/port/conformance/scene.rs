//! Who asks, about which run, when: commands as surfaces make them.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::Verdict;
use crate::domain::command::{
    ApplyInputs, ApprovalPolicy, Cancel, Claim, Command, Complete, Enqueue, Limits, MutationGate, Parameters, Policy,
    Presented, Request,
};
use crate::domain::decide::query;
use crate::domain::id::{QueueItemId, RunId};
use crate::domain::preview::Basis;
use crate::domain::principal::{
    Caller, DEFAULT_ALLOWED_ROLES, Principal, PrincipalKind, Role, Roles, StatedRole, Surface, parse_roles,
};
use crate::domain::queue::{FinalStatus, QueueItem};
use crate::domain::run::RunFacts;
use crate::domain::seal::{SealKey, SeenPreview, short};
use crate::domain::text::{IdempotencyKey, Stated};
use crate::domain::time::Schedule;
use crate::port::Store;
use crate::port::fake::run_facts;

/// When every story begins.
pub fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("an instant")
}

/// So many seconds after the beginning.
pub fn soon(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn allowed_roles() -> Roles {
    parse_roles(&DEFAULT_ALLOWED_ROLES.join(",")).expect("role names")
}

fn caller(id: &str, kind: PrincipalKind, surface: Surface, roles: &str) -> Caller {
    let roles = parse_roles(roles).expect("role names");
    Caller { principal: Some(Principal { id: id.into(), kind, roles, sponsor: None }), surface }
}

/// An operator over HTTP.
pub fn operator() -> Caller {
    operator_at(Surface::Http)
}

/// The operator through another surface.
pub fn operator_at(surface: Surface) -> Caller {
    caller("token:ops", PrincipalKind::Operator, surface, "OPS")
}

/// An agent over MCP.
pub fn agent(name: &str) -> Caller {
    caller(&format!("agent:{name}"), PrincipalKind::Agent, Surface::Mcp, "OPS")
}

/// A worker.
pub fn worker() -> Caller {
    caller("token:worker", PrincipalKind::Worker, Surface::Http, "")
}

/// A connection that established no principal.
pub fn nobody() -> Caller {
    Caller { principal: None, surface: Surface::Http }
}

fn key() -> SealKey {
    SealKey::new([7; 32])
}

fn ops() -> StatedRole {
    StatedRole::Named(Role::parse("OPS").expect("a role"))
}

/// One request about one run, to be changed before it is sent.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Who asks.
    pub caller: Caller,
    /// When.
    pub now: Timestamp,
    /// About what.
    pub run: RunFacts,
    /// How.
    pub parameters: Parameters,
    /// What apply states.
    pub inputs: ApplyInputs,
    /// How much the caller may queue.
    pub limits: Limits,
}

impl Ask {
    /// An operator's request about a run that nothing stands in the way of.
    pub fn of(run_id: &str) -> Self {
        Self {
            caller: operator(),
            now: start(),
            run: run_facts(run_id),
            parameters: Parameters::default(),
            inputs: ApplyInputs {
                confirm: true,
                actor_role: ops(),
                requested_by: Stated::read(Some("Alice Example")),
                approval_reason: Stated::read(Some("The nightly run failed on a flaky network.")),
                ..ApplyInputs::default()
            },
            limits: Limits::NONE,
        }
    }

    /// By somebody else.
    #[must_use]
    pub fn by(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }

    /// So many seconds after the beginning.
    #[must_use]
    pub fn at(self, seconds: i64) -> Self {
        Self { now: soon(seconds), ..self }
    }

    /// With a priority, and not to be claimed before an instant, if one is given.
    #[must_use]
    pub fn with(self, priority: i64, scheduled: Option<&str>) -> Self {
        let scheduled = scheduled.map(|text| Schedule::parse(text).expect("ISO 8601").expect("not blank"));
        Self { parameters: Parameters::new(priority, scheduled, None), ..self }
    }

    /// Under an idempotency key.
    #[must_use]
    pub fn keyed(mut self, key: &str) -> Self {
        self.inputs.idempotency_key = IdempotencyKey::parse(key).expect("a key");
        self
    }

    /// In a process with these limits.
    #[must_use]
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    fn request(&self) -> Request {
        Request {
            caller: self.caller.clone(),
            now: self.now,
            run_id: Some(self.run.run_id.clone()),
            run: Ok(self.run.clone()),
            parameters: self.parameters.clone(),
            policy: Policy {
                mutation_gate: MutationGate::Open,
                approval: ApprovalPolicy::Declared,
                allowed_roles: allowed_roles(),
                preview_ttl: SignedDuration::from_mins(15),
                limits: self.limits,
            },
            header_role: StatedRole::Absent,
        }
    }

    /// Previews, as the app does.
    pub async fn preview(&self, store: &dyn Store) -> SeenPreview {
        static NONCE: AtomicU64 = AtomicU64::new(1);
        let request = self.request();
        let facts = store.enqueue_facts(&query(&request, None)).await.expect("the store can be read");
        let digest = Basis::of(&self.run, &request, &request.policy, &facts.pending).digest();
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&NONCE.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        SeenPreview { nonce, digest: short(&digest), expires_at: self.now + SignedDuration::from_mins(15) }
    }

    /// The command that applies a preview.
    pub fn command(&self, seen: SeenPreview) -> Command {
        let mut inputs = self.inputs.clone();
        inputs.presented = Presented::Seen { seen, shown: None };
        Command::Enqueue(Box::new(Enqueue { request: self.request(), inputs }))
    }

    /// The command without a preview, which is refused.
    pub fn unseen(&self) -> Command {
        Command::Enqueue(Box::new(Enqueue { request: self.request(), inputs: self.inputs.clone() }))
    }

    /// Previews and applies, whatever comes of it.
    pub async fn apply(&self, store: &dyn Store) -> Verdict {
        let seen = self.preview(store).await;
        execute(store, self.command(seen)).await
    }

    /// Previews and applies.
    ///
    /// # Panics
    /// When the item is not appended.
    pub async fn enqueue(&self, store: &dyn Store) -> QueueItem {
        let verdict = self.apply(store).await;
        let Verdict::Enqueued(item) = verdict else { panic!("not enqueued: {verdict:?}") };
        item
    }
}

/// Carries a command out.
///
/// # Panics
/// When the store cannot.
pub async fn execute(store: &dyn Store, command: Command) -> Verdict {
    store.execute(command).await.expect("the store can be written")
}

/// The operator rolls an item back.
pub fn cancel(id: &QueueItemId, now: Timestamp) -> Command {
    Command::Cancel(Cancel {
        caller: operator(),
        now,
        queue_id: Some(id.clone()),
        reason: Stated::read(Some("Not needed any more.")),
        role: ops(),
        allowed_roles: allowed_roles(),
    })
}

/// A worker asks for the next item.
pub fn claim(now: Timestamp) -> Command {
    Command::Claim(Claim {
        caller: worker(),
        now,
        worker: Stated::read(Some("worker-1")),
        run_id: RunId::parse("run_20260301_120000_made").expect("a run id"),
        lease: SignedDuration::from_mins(15),
        role: StatedRole::Absent,
        allowed_roles: allowed_roles(),
    })
}

/// The lease token of a claimed item.
pub fn lease(item: &QueueItem) -> String {
    key().lease_token(item).expect("a claimed item has a lease")
}

/// The worker finishes an item.
pub fn complete(id: &QueueItemId, lease_token: &str, now: Timestamp) -> Command {
    Command::Complete(Complete {
        caller: worker(),
        now,
        queue_id: Some(id.clone()),
        lease_token: lease_token.to_owned(),
        status: FinalStatus::Success,
        key: key(),
        role: StatedRole::Absent,
        allowed_roles: allowed_roles(),
    })
}

pub(super) async fn claimed(store: &dyn Store, now: Timestamp) -> QueueItem {
    let verdict = execute(store, claim(now)).await;
    let Verdict::Claimed(item) = verdict else { panic!("not claimed: {verdict:?}") };
    item
}

/// Every item, as a list shows it.
pub(super) async fn all(store: &dyn Store) -> Vec<QueueItem> {
    let listing = store.items(&crate::domain::listing::QueueFilter::default()).await.expect("the store can be read");
    assert_eq!(listing.problems, []);
    assert!(!listing.more);
    listing.items
}

/// The names of runs whose items these are.
pub(super) fn runs(items: &[QueueItem]) -> Vec<&str> {
    items.iter().map(|item| item.enqueued.source_run_id.as_str()).collect()
}

/// How many lines there are, and the last one's hash.
pub(super) async fn head(store: &dyn Store) -> (u64, String) {
    let health = store.health().await.expect("the store can be read");
    (health.lines, health.head.to_string())
}
