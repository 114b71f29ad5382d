//! A small world: one app on a store in memory, runs from a map, a clock moved by hand.

use std::sync::Arc;

use cortexpilot_core::app::govern::{Approved, NewToken, Stating};
use cortexpilot_core::app::identity::Identity;
use cortexpilot_core::app::preview::Preview;
use cortexpilot_core::app::{App, Applied, ApplyRequest, ClaimAsk, Failure, Outcome, RunRequest};
use cortexpilot_core::codec::decision::{self, Decision};
use cortexpilot_core::domain::approval::ApprovalRequest;
use cortexpilot_core::domain::command::{ApprovalPolicy, Limits, MutationGate, Parameters, Policy};
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::governance::Standing;
use cortexpilot_core::domain::lease::Concurrency;
use cortexpilot_core::domain::principal::{
    Caller, DEFAULT_ALLOWED_ROLES, KnownBy, Principal, PrincipalKind, Role, StatedRole, Surface, parse_roles,
};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::seal::SealKey;
use cortexpilot_core::domain::text::{Stated, WorkerName};
use cortexpilot_core::domain::time::Schedule;
use cortexpilot_core::domain::token::TokenName;
use cortexpilot_core::port::Store;
use cortexpilot_core::port::fake::{FakeRuns, ManualClock, MemStore, SeqIds, run_facts};
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};

/// Nothing in these tests waits: every port answers at once.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the fakes answer at once")
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) fn schedule(text: &str) -> Schedule {
    Schedule::parse(text).expect("ISO 8601").expect("not blank")
}

/// Every world starts here; on a whole second, because that is what a token's expiry holds.
pub(crate) fn start() -> Timestamp {
    at("2026-11-22T08:30:52Z")
}

pub(crate) fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

pub(crate) fn policy(mutation_gate: MutationGate) -> Policy {
    Policy {
        mutation_gate,
        approval: ApprovalPolicy::Declared,
        allowed_roles: parse_roles(&DEFAULT_ALLOWED_ROLES.join(",")).expect("roles"),
        preview_ttl: SignedDuration::from_mins(15),
        approval_ttl: SignedDuration::from_hours(24),
        limits: Limits::NONE,
        concurrency: Concurrency::NONE,
    }
}

/// A claim of whatever is next.
pub(crate) fn asking(worker: Stated<WorkerName>, lease: SignedDuration, role: StatedRole) -> ClaimAsk {
    ClaimAsk { worker, lease, role, queue_id: None }
}

pub(crate) fn principal(id: &str, kind: PrincipalKind, roles: &str) -> Principal {
    Principal {
        id: id.into(),
        kind,
        roles: parse_roles(roles).expect("roles"),
        sponsor: None,
        known_by: KnownBy::Process,
    }
}

pub(crate) fn caller(surface: Surface, principal: Principal) -> Caller {
    Caller { principal: Some(principal), surface }
}

/// The caller that most tests use on a surface: an agent over MCP, else an operator; of two allowed roles.
pub(crate) fn usual(surface: Surface) -> Caller {
    let kind = match surface {
        Surface::Mcp => PrincipalKind::Agent,
        Surface::Http | Surface::Cli => PrincipalKind::Operator,
    };
    caller(surface, principal("token:tester", kind, "OPS,ARCHITECT"))
}

pub(crate) fn role(name: &str) -> StatedRole {
    StatedRole::Named(Role::parse(name).expect("a role"))
}

/// Asks about a run; over HTTP with the role header that every request there carries.
pub(crate) fn ask(surface: Surface, run_id: &str) -> RunRequest {
    let header_role = match surface {
        Surface::Http => role("OPS"),
        Surface::Mcp | Surface::Cli => StatedRole::Absent,
    };
    RunRequest { run_id: run_id.into(), parameters: Parameters::default(), header_role }
}

/// What only apply states, with nothing wrong and no token.
pub(crate) fn yes() -> ApplyRequest {
    ApplyRequest {
        confirm: true,
        actor_role: role("OPS"),
        requested_by: Stated::read(Some("Alice Example")),
        approval_reason: Stated::read(Some("The nightly run failed on a flaky network.")),
        ..ApplyRequest::default()
    }
}

/// An operator at the keyboard, whom the process names.
pub(crate) fn person(name: &str) -> Caller {
    caller(Surface::Cli, principal(&format!("local:{name}"), PrincipalKind::Operator, "OPS,ARCHITECT"))
}

/// The agent that a person's stdio server is.
pub(crate) fn agent_of(name: &str) -> Caller {
    let agent = principal(&format!("agent:{name}"), PrincipalKind::Agent, "OPS,ARCHITECT");
    caller(Surface::Mcp, Principal { sponsor: Some(format!("local:{name}")), ..agent })
}

/// Why, and in which role; on the command line the role is implied.
pub(crate) fn saying(reason: &str) -> Stating {
    Stating { reason: Stated::read(Some(reason)), role: role("OPS") }
}

pub(crate) fn human(approval: ApprovalPolicy) -> Policy {
    Policy { approval, ..policy(MutationGate::Open) }
}

pub(crate) struct World {
    pub(crate) store: Arc<MemStore>,
    pub(crate) runs: Arc<FakeRuns>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ids: Arc<SeqIds>,
    pub(crate) app: App,
}

impl World {
    /// One fine run, `run_ok`, and an app whose switch is on.
    pub(crate) fn new() -> Self {
        let (store, runs, clock, ids) = (
            Arc::new(MemStore::default()),
            Arc::new(FakeRuns::of([run_facts("run_ok")])),
            Arc::new(ManualClock::at(start())),
            Arc::new(SeqIds::default()),
        );
        let app = app(&store, &runs, &clock, &ids, policy(MutationGate::Open));
        Self { store, runs, clock, ids, app }
    }

    /// The same, where people are asked.
    pub(crate) fn under(approval: ApprovalPolicy) -> Self {
        let mut world = Self::new();
        world.app = world.process(human(approval));
        world
    }

    /// Has people asked about a run.
    pub(crate) fn asks(&self, who: &Caller, run_id: &str) -> ApprovalRequest {
        let token = self.preview(who, run_id).token;
        self.asks_again(who, run_id, ApplyRequest { preview_token: Some(token), ..yes() })
    }

    pub(crate) fn asks_again(&self, who: &Caller, run_id: &str, apply: ApplyRequest) -> ApprovalRequest {
        match now(self.app.enqueue(who, ask(who.surface, run_id), apply)).expect("every other gate is open") {
            Outcome::AwaitsApproval(request) => *request,
            Outcome::Applied(applied) => panic!("nobody was asked about {}", applied.item.queue_id()),
        }
    }

    pub(crate) fn approve(&self, who: &Caller, request: &ApprovalRequest) -> Result<Approved, Failure> {
        now(self.app.approve(who, request.asked.id.as_str(), saying("Looked at it.")))
    }

    /// Says the yes that makes the item.
    pub(crate) fn last_yes(&self, who: &Caller, request: &ApprovalRequest) -> QueueItem {
        match self.approve(who, request).expect("nothing stands in the way") {
            Approved::Queued(item) => *item,
            Approved::More(request) => panic!("{} of {} agree", request.has(), request.needs()),
        }
    }

    pub(crate) fn reject(&self, who: &Caller, request: &ApprovalRequest) -> Result<ApprovalRequest, Failure> {
        now(self.app.reject(who, request.asked.id.as_str(), saying("Not today.")))
    }

    /// The request as it stands.
    pub(crate) fn request(&self, of: &ApprovalRequest) -> ApprovalRequest {
        now(self.app.reader().approval(&of.asked.id)).expect("the store answers").expect("it was made")
    }

    /// A principal with a token of its own, made by the keeper, for a day: over HTTP, an agent over MCP.
    pub(crate) fn known(&self, kind: PrincipalKind, name: &str) -> Caller {
        let roles = if kind == PrincipalKind::Worker { "" } else { "OPS,ARCHITECT" };
        let new = NewToken {
            kind,
            name: TokenName::parse(name).expect("a name"),
            roles: parse_roles(roles).expect("roles"),
            sponsor: None,
            ttl: SignedDuration::from_hours(24),
        };
        let made = now(self.app.create_token(&person("keeper"), new, Stating::default()));
        let (text, record) = made.expect("the keeper may");
        let found = now(self.app.reader().identify(&text)).expect("the store answers");
        assert_eq!(found, Identity::Known(Box::new(record.principal())));
        let surface = if kind == PrincipalKind::Agent { Surface::Mcp } else { Surface::Http };
        caller(surface, record.principal())
    }

    pub(crate) fn operator(&self, name: &str) -> Caller {
        self.known(PrincipalKind::Operator, name)
    }

    /// Takes a caller's token back.
    pub(crate) fn revoke(&self, who: &Caller) {
        let id = who.principal.as_ref().and_then(Principal::token).expect("known by a token");
        now(self.app.revoke_token(&person("keeper"), id.as_str(), Stating::default())).expect("the keeper may");
    }

    pub(crate) fn floor(&self, who: &Caller, floor: ApprovalPolicy) -> Result<Standing, Failure> {
        now(self.app.set_policy(who, floor, saying("We said so.")))
    }

    pub(crate) fn standing(&self) -> Standing {
        now(self.app.reader().standing()).expect("the store answers")
    }

    pub(crate) fn freeze(&self) {
        now(self.app.freeze(&person("ops"), Stating::default())).expect("an operator may");
    }

    pub(crate) fn thaw(&self) {
        now(self.app.unfreeze(&person("ops"), saying("It is over."))).expect("an operator may");
    }

    /// The events of `decisions.jsonl`, with the codes of refusals.
    pub(crate) fn events(&self) -> Vec<String> {
        let said = |line: Decision| if line.event == "DENIED" { line.code } else { line.event };
        self.decisions().into_iter().map(said).collect()
    }

    /// Another process on the same store and key, with a memory of its own.
    pub(crate) fn process(&self, policy: Policy) -> App {
        app(&self.store, &self.runs, &self.clock, &self.ids, policy)
    }

    pub(crate) fn preview(&self, who: &Caller, run_id: &str) -> Preview {
        now(self.app.preview(who, ask(who.surface, run_id))).expect("a preview")
    }

    pub(crate) fn apply(&self, who: &Caller, run_id: &str, apply: ApplyRequest) -> Result<Applied, Failure> {
        now(self.app.enqueue(who, ask(who.surface, run_id), apply)).map(applied)
    }

    /// Previews and applies a run.
    pub(crate) fn enqueue(&self, who: &Caller, run_id: &str) -> Applied {
        let token = self.preview(who, run_id).token;
        self.apply(who, run_id, ApplyRequest { preview_token: Some(token), ..yes() }).expect("every gate is open")
    }

    /// Queues a run once more and claims the item, before whatever else waits; gives the run that comes out of it.
    pub(crate) fn rerun(&self, run: &str) -> String {
        let who = caller(Surface::Cli, principal("token:reruns", PrincipalKind::Operator, "OPS"));
        let ask = || RunRequest { parameters: Parameters::new(100, None, None), ..ask(Surface::Cli, run) };
        self.runs.set(run_facts(run));
        let token = now(self.app.preview(&who, ask())).expect("a preview").token;
        let apply = ApplyRequest { preview_token: Some(token), ..yes() };
        let queued = applied(now(self.app.enqueue(&who, ask(), apply)).expect("not too deep")).item;
        let claimed = self.claim();
        assert_eq!(claimed.queue_id(), queued.queue_id());
        claimed.run_id().to_owned()
    }

    /// The run at the end of a chain of so many reruns.
    pub(crate) fn rerun_times(&self, times: u32) -> String {
        (0..times).fold("run_chain".to_owned(), |run, _| self.rerun(&run))
    }

    /// What a worker gets to do next.
    pub(crate) fn claim(&self) -> QueueItem {
        let worker = caller(Surface::Http, principal("token:worker", PrincipalKind::Worker, ""));
        let claimed = now(self.app.claim(&worker, asking(Stated::Absent, seconds(60), StatedRole::Absent)));
        claimed.expect("claimed").claimed().expect("an item").item
    }

    pub(crate) fn decisions(&self) -> Vec<Decision> {
        self.store.decisions().iter().map(|line| decision::decode(line.as_bytes()).expect("a decision line")).collect()
    }
}

fn app(
    store: &Arc<MemStore>,
    runs: &Arc<FakeRuns>,
    clock: &Arc<ManualClock>,
    ids: &Arc<SeqIds>,
    policy: Policy,
) -> App {
    let store: Arc<dyn Store> = store.clone();
    App::new(store, runs.clone(), clock.clone(), ids.clone(), policy, Some(SealKey::new([7; 32])))
}

/// Where nobody else is asked.
pub(crate) fn applied(outcome: Outcome) -> Applied {
    match outcome {
        Outcome::Applied(applied) => applied,
        Outcome::AwaitsApproval(request) => panic!("people are asked: {}", request.asked.id),
    }
}

/// An apply's answer where nobody else is asked.
pub(crate) fn queued(answer: impl Future<Output = Result<Outcome, Failure>>) -> Result<Applied, Failure> {
    now(answer).map(applied)
}

pub(crate) fn denial<T: std::fmt::Debug>(answer: Result<T, Failure>) -> Denial {
    match answer.expect_err("refused") {
        Failure::Denied(denial) => denial,
        Failure::Store(error) => panic!("the store could not: {error}"),
    }
}

/// A denial's own texts say what was wrong without a path, a variable, or text of the run; and whoever reads answers over
/// MCP is told nothing of the kind by the code's row either.
pub(crate) fn assert_tells_nothing(denial: &Denial, who: &Caller) {
    let mut texts = vec![denial.reason.clone()];
    texts.extend(denial.next_step.clone());
    texts.extend(denial.changed.iter().flat_map(|change| [change.was.clone(), change.now.clone()]));
    let is_agent = who.principal.as_ref().is_some_and(|principal| principal.kind == PrincipalKind::Agent);
    if who.surface == Surface::Mcp || is_agent {
        texts.push(denial.code.next_step_for(who).to_owned());
    }
    for text in texts {
        for forbidden in ["/", "CORTEXPILOT", "task_of_", "owner_of_", "workflow_of_", ".json", "invariant"] {
            assert!(!text.contains(forbidden), "{} says {text:?}, which holds {forbidden:?}", denial.code.as_str());
        }
    }
}
