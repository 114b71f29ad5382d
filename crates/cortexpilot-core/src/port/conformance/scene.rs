//! Who asks, about which run, when: commands as surfaces make them.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::Verdict;
use crate::domain::approval::ApprovalRequest;
use crate::domain::command::{
    ApplyInputs, ApprovalPolicy, Cancel, Claim, Command, Complete, Decide, Enqueue, Govern, Limits, MutationGate,
    Parameters, Policy, Presented, Request,
};
use crate::domain::decide::query;
use crate::domain::governance::Recorded;
use crate::domain::id::{QueueItemId, RunId};
use crate::domain::lease::Concurrency;
use crate::domain::preview::{Basis, Sealed};
use crate::domain::principal::{
    Caller, DEFAULT_ALLOWED_ROLES, KnownBy, Principal, PrincipalKind, Role, Roles, StatedRole, Surface, parse_roles,
};
use crate::domain::queue::{FinalStatus, QueueItem};
use crate::domain::run::RunFacts;
use crate::domain::seal::{SealKey, SeenPreview, short};
use crate::domain::text::{IdempotencyKey, Stated};
use crate::domain::time::Schedule;
use crate::domain::token::{TokenId, TokenName, TokenText};
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

pub(super) fn allowed_roles() -> Roles {
    parse_roles(&DEFAULT_ALLOWED_ROLES.join(",")).expect("role names")
}

fn caller(id: &str, kind: PrincipalKind, surface: Surface, roles: &str) -> Caller {
    let roles = parse_roles(roles).expect("role names");
    Caller {
        principal: Some(Principal { id: id.into(), kind, roles, sponsor: None, known_by: KnownBy::Process }),
        surface,
    }
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

pub(super) fn key() -> SealKey {
    SealKey::new([7; 32])
}

pub(super) fn ops() -> StatedRole {
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
    /// What the process is configured with.
    pub approval: ApprovalPolicy,
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
            approval: ApprovalPolicy::Declared,
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

    /// In a process configured with this policy.
    #[must_use]
    pub fn under(self, approval: ApprovalPolicy) -> Self {
        Self { approval, ..self }
    }

    fn request(&self) -> Request {
        Request {
            caller: self.caller.clone(),
            now: self.now,
            run_id: Some(self.run.run_id.clone()),
            run: Ok(self.run.clone()),
            parameters: self.parameters.clone(),
            policy: Policy { limits: self.limits, ..policy(self.approval) },
            header_role: StatedRole::Absent,
        }
    }

    /// Previews, as the app does.
    pub async fn preview(&self, store: &dyn Store) -> SeenPreview {
        static NONCE: AtomicU64 = AtomicU64::new(1);
        let request = self.request();
        let facts = store.enqueue_facts(&query(&request, None)).await.expect("the store can be read");
        let digest = Basis::of(&self.run, &request, &facts).digest();
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&NONCE.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        SeenPreview { nonce, digest: short(&digest), expires_at: self.now + SignedDuration::from_mins(15) }
    }

    /// The command that applies a preview, made as the app makes it.
    pub fn command(&self, seen: SeenPreview) -> Command {
        let mut inputs = self.inputs.clone();
        let request = self.request();
        inputs.presented = Presented::Seen { seen, shown: Sealed::recognise(&request, &seen) };
        Command::Enqueue(Box::new(Enqueue { request, inputs }))
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

    /// Previews and applies where people are asked.
    ///
    /// # Panics
    /// When they are not.
    pub async fn requested(&self, store: &dyn Store) -> ApprovalRequest {
        let verdict = self.apply(store).await;
        let Verdict::AwaitsApproval(request) = verdict else { panic!("nobody is asked: {verdict:?}") };
        *request
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

fn policy(approval: ApprovalPolicy) -> Policy {
    Policy {
        mutation_gate: MutationGate::Open,
        approval,
        allowed_roles: allowed_roles(),
        preview_ttl: SignedDuration::from_mins(15),
        approval_ttl: SignedDuration::from_hours(24),
        limits: Limits::NONE,
        concurrency: Concurrency::NONE,
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
        queue_id: None,
        concurrency: Concurrency::NONE,
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
        reason: Stated::Absent,
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

/// A decision, in a process configured with `declared`.
pub fn govern(who: &Caller, now: Timestamp, what: Decide) -> Command {
    Command::Govern(Box::new(Govern {
        caller: who.clone(),
        now,
        reason: Stated::read(Some("Looked at it together.")),
        role: ops(),
        policy: policy(ApprovalPolicy::Declared),
        what,
    }))
}

/// An operator whom the process names.
pub fn person(name: &str) -> Caller {
    caller(&format!("local:{name}"), PrincipalKind::Operator, Surface::Cli, "OPS")
}

/// Says yes to a request about a run that nothing stands in the way of.
pub fn approve(who: &Caller, request: &ApprovalRequest, now: Timestamp) -> Command {
    let run = Box::new(Ok(run_facts(&request.asked.run_id)));
    govern(who, now, Decide::Approve { id: Some(request.asked.id.clone()), run })
}

/// Says no to a request.
pub fn reject(who: &Caller, request: &ApprovalRequest, now: Timestamp) -> Command {
    govern(who, now, Decide::Reject { id: Some(request.asked.id.clone()) })
}

/// Makes a principal's first token, for a day.
pub fn token(kind: PrincipalKind, name: &str, now: Timestamp) -> Command {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut id = [0; 6];
    id.copy_from_slice(&number.to_be_bytes()[2..]);
    let text = TokenText::new(kind, TokenId::from_bytes(id), [7; 32]);
    let roles = match kind {
        PrincipalKind::Operator | PrincipalKind::Agent => "OPS",
        PrincipalKind::Worker | PrincipalKind::Anonymous => "",
    };
    let create = Decide::CreateToken {
        id: text.id().clone(),
        sha256: text.digest(),
        kind,
        name: TokenName::parse(name).expect("a name"),
        roles: parse_roles(roles).expect("role names"),
        sponsor: None,
        ttl: SignedDuration::from_hours(24),
    };
    govern(&person("keeper"), now, create)
}

/// Gives a principal its first token, and says who it then is: over HTTP, an agent over MCP.
///
/// # Panics
/// When the token is not made.
pub async fn known(store: &dyn Store, kind: PrincipalKind, name: &str, now: Timestamp) -> Caller {
    let verdict = execute(store, token(kind, name, now)).await;
    let Verdict::Recorded(made) = verdict else { panic!("no token: {verdict:?}") };
    let Recorded::Token(made) = *made else { panic!("no token: {made:?}") };
    let surface = if kind == PrincipalKind::Agent { Surface::Mcp } else { Surface::Http };
    Caller { principal: Some(made.principal()), surface }
}

/// Takes a caller's token back.
///
/// # Panics
/// When the caller is not known by one.
pub fn revoke(who: &Caller, now: Timestamp) -> Command {
    let id = who.principal.as_ref().and_then(Principal::token).cloned();
    govern(&person("keeper"), now, Decide::RevokeToken { id: Some(id.expect("known by a token")) })
}
