//! One control plane in memory, and requests to it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use cortexpilot_core::app::App;
use cortexpilot_core::app::govern::{NewToken, Stating};
use cortexpilot_core::domain::command::{ApprovalPolicy, Limits, MutationGate, Policy};
use cortexpilot_core::domain::lease::Concurrency;
use cortexpilot_core::domain::principal::{
    Caller, DEFAULT_ALLOWED_ROLES, KnownBy, Principal, PrincipalKind, Surface, parse_roles,
};
use cortexpilot_core::domain::seal::SealKey;
use cortexpilot_core::domain::text::Stated;
use cortexpilot_core::domain::token::{TokenName, TokenText};
use cortexpilot_core::port::fake::{FakeRuns, ManualClock, SeqIds, run_facts};
use cortexpilot_server::auth::{Auth, StaticToken};
use cortexpilot_server::http::{ControlPlane, HttpOptions, control_plane};
use cortexpilot_server::mcp::http::{McpLimits, McpService, PILOT_PATH, READONLY_PATH};
use cortexpilot_server::mcp::readonly::ReadOnlyTools;
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::described;
use super::fakes::{Ledger, Notary, Shelf, shared};

pub(crate) const HOST: &str = "127.0.0.1:8000";

/// A token of an operator who holds every allowed role, as the one token of a small set-up does.
pub(crate) const OPERATOR: &str = "operator-token";
/// An operator with `OPS` alone.
pub(crate) const OPS_ONLY: &str = "ops-only-token";
/// An operator whose one role is not allowed.
pub(crate) const VIEWER: &str = "viewer-token";
/// An agent with `OPS`.
pub(crate) const AGENT: &str = "agent-token";
/// A worker.
pub(crate) const WORKER: &str = "worker-token";

pub(crate) struct World {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) runs: Arc<Shelf>,
    pub(crate) clock: Arc<ManualClock>,
    /// What is served over connections.
    pub(crate) plane: ControlPlane,
    pub(crate) router: Router,
    pub(crate) notary: Arc<Notary>,
    /// Another process at the machine itself, on the same store; its turns wait for nothing.
    pub(crate) machine: App,
}

/// What differs between two control planes.
pub(crate) struct SetUp {
    pub(crate) gate: MutationGate,
    pub(crate) approval: ApprovalPolicy,
    pub(crate) limits: Limits,
    pub(crate) concurrency: Concurrency,
    pub(crate) auth: Auth,
    pub(crate) options: HttpOptions,
    /// The MCP endpoints under these limits; none without.
    pub(crate) mcp: Option<McpLimits>,
}

impl Default for SetUp {
    /// Gate open, nobody asked, tokens needed.
    fn default() -> Self {
        Self {
            gate: MutationGate::Open,
            approval: ApprovalPolicy::Declared,
            limits: Limits::NONE,
            concurrency: Concurrency::NONE,
            auth: Auth::tokens(tokens()),
            options: options(),
            mcp: None,
        }
    }
}

impl World {
    /// Gate open, tokens needed.
    pub(crate) fn new() -> Self {
        Self::of(SetUp::default())
    }

    /// The same, with limits on how much an agent may queue.
    pub(crate) fn limited(limits: Limits) -> Self {
        Self::of(SetUp { limits, ..SetUp::default() })
    }

    /// The same under another approval policy.
    pub(crate) fn under(approval: ApprovalPolicy) -> Self {
        Self::of(SetUp { approval, ..SetUp::default() })
    }

    pub(crate) fn with(gate: MutationGate, auth: Auth, options: HttpOptions) -> Self {
        Self::of(SetUp { gate, auth, options, ..SetUp::default() })
    }

    /// Wherever tokens are needed, personal ones of the store count too.
    pub(crate) fn of(set_up: SetUp) -> Self {
        let ledger = Arc::new(Ledger::new());
        let runs = Arc::new(Shelf::new(FakeRuns::of(["run_ok", "run_two", "run_three"].map(run_facts))));
        let clock = Arc::new(ManualClock::at("2026-11-22T08:30:52Z".parse().expect("an instant")));
        let ids = Arc::new(SeqIds::default());
        let policy = Policy {
            mutation_gate: set_up.gate,
            approval: set_up.approval,
            allowed_roles: parse_roles(&DEFAULT_ALLOWED_ROLES.join(",")).expect("roles"),
            preview_ttl: SignedDuration::from_mins(15),
            approval_ttl: SignedDuration::from_hours(24),
            limits: set_up.limits,
            concurrency: set_up.concurrency,
        };
        let app = |store| {
            let key = Some(SealKey::new([7; 32]));
            App::new(store, runs.clone(), clock.clone(), ids.clone(), policy.clone(), key)
        };
        let machine = app(ledger.memory.clone());
        let notary = Arc::new(Notary::new());
        let app = Arc::new(app(shared(&ledger)).with_receipts(notary.clone()));
        let auth = set_up.auth.and_personal(app.reader().clone());
        let mut options = set_up.options;
        if let Some(limits) = set_up.mcp {
            let read = McpService::readonly(ReadOnlyTools::new(app.reader().clone(), ids), limits);
            options.mcp = vec![(READONLY_PATH, read), (PILOT_PATH, McpService::queue_pilot(app.clone(), limits))];
        }
        let plane = control_plane(app, auth, options);
        Self { ledger, runs, clock, router: plane.clone().into_router(), plane, notary, machine }
    }

    /// Makes a personal token at the machine, which lives for a day; agents are sponsored by whoever is named.
    pub(crate) async fn token(&self, kind: PrincipalKind, name: &str, roles: &str, sponsor: Option<&str>) -> String {
        let token = NewToken {
            kind,
            name: TokenName::parse(name).expect("a name"),
            roles: parse_roles(roles).expect("roles"),
            sponsor: sponsor.map(str::to_owned),
            ttl: SignedDuration::from_hours(24),
        };
        let made = self.machine.create_token(&machinist(), token, why("for a test")).await;
        made.expect("a token").0.reveal().to_owned()
    }

    /// A personal token of an operator who holds every allowed role.
    pub(crate) async fn operator(&self, name: &str) -> String {
        self.token(PrincipalKind::Operator, name, &DEFAULT_ALLOWED_ROLES.join(","), None).await
    }

    /// A personal token of an agent with OPS that this operator answers for.
    pub(crate) async fn agent(&self, name: &str, sponsor: &str) -> String {
        self.token(PrincipalKind::Agent, name, "OPS", Some(sponsor)).await
    }

    /// Takes a token back at the machine.
    pub(crate) async fn revoke(&self, token: &str) {
        let id = TokenText::parse(token).expect("a personal token").id().to_string();
        self.machine.revoke_token(&machinist(), &id, why("lost")).await.expect("a live token");
    }

    /// Previews a run and asks for it, under a policy that asks people; gives the request's id.
    pub(crate) async fn request(&self, token: &str, run: &str) -> String {
        let told = self.apply_as(token, run).await;
        assert_eq!((told.status.as_u16(), &told.json()["status"]), (200, &json!("PENDING_APPROVAL")), "{told:?}");
        told.json()["approval"]["id"].as_str().expect("an id").to_owned()
    }

    /// Previews a run and applies it.
    pub(crate) async fn apply_as(&self, token: &str, run: &str) -> Told {
        let seen = self.preview_of(preview(run).token(token)).await;
        self.send(Ask::post(&format!("/api/queue/from-run/{run}"), apply(&seen)).token(token)).await
    }

    pub(crate) async fn send(&self, ask: Ask) -> Told {
        let (method, path) = (Method::from_bytes(ask.method.as_bytes()).expect("a method"), ask.path.clone());
        let response = self.router.clone().oneshot(ask.request()).await.expect("the router answers everything");
        let (parts, body) = response.into_parts();
        let body = match parts.headers.get("content-type").map(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
        {
            Some(true) => Live::of(body).there().await.into(),
            Some(false) | None => axum::body::to_bytes(body, usize::MAX).await.expect("a body in memory"),
        };
        described::hold(&method, &path, parts.status, &parts.headers, &body);
        Told { status: parts.status, headers: parts.headers, body }
    }

    /// Previews a run as the operator and gives the token.
    pub(crate) async fn preview(&self, run: &str) -> String {
        self.preview_of(preview(run)).await
    }

    /// The same where the server listens somewhere else.
    pub(crate) async fn preview_at(&self, host: &str, run: &str) -> String {
        self.preview_of(preview(run).header("host", host)).await
    }

    /// The token of a preview that is asked for in this way.
    pub(crate) async fn preview_of(&self, ask: Ask) -> String {
        let told = self.send(ask).await;
        assert_eq!(told.status, 200, "{told:?}");
        told.json()["preview_token"].as_str().expect("a token").to_owned()
    }

    /// Previews and applies a run as the operator and gives the queue id.
    pub(crate) async fn enqueue(&self, run: &str) -> String {
        self.enqueue_by(OPERATOR, run).await
    }

    /// The same by somebody else.
    pub(crate) async fn enqueue_by(&self, token: &str, run: &str) -> String {
        let seen = self.preview_of(preview(run).token(token)).await;
        let ask = Ask::post(&format!("/api/queue/from-run/{run}"), apply(&seen));
        let told = self.send(ask.token(token)).await;
        assert_eq!(told.status, 200, "{told:?}");
        told.json()["queue_id"].as_str().expect("an id").to_owned()
    }

    /// Claims as the worker and gives the answer.
    pub(crate) async fn claim(&self) -> Value {
        let told = self.send(Ask::post("/api/queue/claim", json!({})).token(WORKER).no_role()).await;
        assert_eq!(told.status, 200, "{told:?}");
        told.json()
    }

    /// Queues a run and claims its item as the worker: the item's id and its lease.
    pub(crate) async fn claimed(&self, run: &str) -> (String, String) {
        let id = self.enqueue(run).await;
        let ask = Ask::post("/api/queue/claim", json!({"worker": "box-7", "lease_s": 60, "queue_id": id}));
        let claimed = self.send(ask.token(WORKER).no_role()).await.json();
        let lease = claimed["lease_token"].as_str().expect("a lease").to_owned();
        (id, lease)
    }

    /// Queues a run, claims its item and takes the lease away: an item that an operator is to settle.
    pub(crate) async fn held(&self, run: &str) -> String {
        let (id, _) = self.claimed(run).await;
        let told =
            self.send(Ask::post(&format!("/api/queue/{id}/revoke"), json!({"reason": "its machine is gone"}))).await;
        assert_eq!((told.status.as_u16(), &told.json()["status"]), (200, &json!("LOST")), "{told:?}");
        id
    }

    /// Opens a stream.
    pub(crate) async fn open(&self, ask: Ask) -> Live {
        let response = self.router.clone().oneshot(ask.request()).await.expect("the router answers everything");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        Live::of(response.into_body())
    }

    /// How many lines queue and decisions hold.
    pub(crate) fn lines(&self) -> (usize, usize) {
        (self.ledger.memory.lines().len(), self.ledger.memory.decisions().len())
    }
}

pub(crate) fn options() -> HttpOptions {
    HttpOptions::new(HOST.parse().expect("an address"), "1.2.3-test")
}

pub(crate) fn tokens() -> Vec<StaticToken> {
    let all = DEFAULT_ALLOWED_ROLES.join(",");
    [
        (OPERATOR, "token:api", PrincipalKind::Operator, all.as_str()),
        (OPS_ONLY, "token:ops", PrincipalKind::Operator, "OPS"),
        (VIEWER, "token:viewer", PrincipalKind::Operator, "VIEWER"),
        (AGENT, "agent:bot", PrincipalKind::Agent, "OPS"),
        (WORKER, "worker:one", PrincipalKind::Worker, ""),
    ]
    .map(|(token, id, kind, roles)| StaticToken {
        token: token.into(),
        principal: Principal {
            id: id.into(),
            kind,
            roles: parse_roles(roles).expect("roles"),
            sponsor: None,
            known_by: KnownBy::SharedToken,
        },
    })
    .to_vec()
}

/// Whoever sits at the machine itself.
pub(crate) fn machinist() -> Caller {
    let principal = Principal {
        id: "local:root".into(),
        kind: PrincipalKind::Operator,
        roles: parse_roles(&format!("{},VIEWER", DEFAULT_ALLOWED_ROLES.join(","))).expect("roles"),
        sponsor: None,
        known_by: KnownBy::Process,
    };
    Caller { principal: Some(principal), surface: Surface::Cli }
}

/// A reason that there is nothing wrong with.
pub(crate) fn why(reason: &str) -> Stating {
    Stating { reason: Stated::read(Some(reason)), ..Stating::default() }
}

/// A yes or no, in the role OPS.
pub(crate) fn decide(id: &str, word: &str, token: &str) -> Ask {
    Ask::post(&format!("/api/approvals/{id}/{word}"), json!({"reason": "looked at it"})).token(token)
}

/// A preview by the operator.
pub(crate) fn preview(run: &str) -> Ask {
    Ask::post(&format!("/api/queue/from-run/{run}/preview"), json!({}))
}

/// What an apply needs, and nothing wrong with it.
pub(crate) fn apply(preview_token: &str) -> Value {
    json!({
        "confirm": true,
        "actor_role": "OPS",
        "requested_by": "Alice Example",
        "approval_reason": "The nightly run failed on a flaky network.",
        "preview_token": preview_token,
    })
}

/// A request under construction: by default the operator's, in the role OPS, to the right host.
#[derive(Debug)]
pub(crate) struct Ask {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Body,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let ask = Self { method: method.into(), path: path.into(), headers: Vec::new(), body: Body::empty() };
        ask.header("host", HOST).token(OPERATOR).role("OPS")
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str, body: Value) -> Self {
        Self::new("POST", path).raw("application/json", body.to_string())
    }

    /// Replaces a header.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value.as_bytes())
    }

    /// Adds a header beside any other of its name.
    pub(crate) fn and(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.push((name.into(), value.to_vec()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn nobody(self) -> Self {
        self.without("authorization")
    }

    pub(crate) fn role(self, role: &str) -> Self {
        self.header("x-cortexpilot-role", role)
    }

    pub(crate) fn no_role(self) -> Self {
        self.without("x-cortexpilot-role")
    }

    /// Replaces the body and its type; a blank type is none.
    pub(crate) fn raw(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        if content_type.is_empty() { self.without("content-type") } else { self.header("content-type", content_type) }
    }

    fn request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method.as_str()).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(self.body).expect("a test writes sound requests")
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json");
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// `STATUS CODE`, or `STATUS` for an answer without a code.
    pub(crate) fn verdict(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        match body["detail"]["code"].as_str() {
            Some(code) => format!("{} {code}", self.status.as_u16()),
            None => self.status.as_u16().to_string(),
        }
    }

    pub(crate) fn reason(&self) -> String {
        self.json()["detail"]["reason"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }
}

/// A stream that is being received.
pub(crate) struct Live {
    body: BodyDataStream,
    held: String,
}

/// One block of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
}

impl Live {
    fn of(body: Body) -> Self {
        Self { body: body.into_data_stream(), held: String::new() }
    }

    /// All that has come, without waiting for more.
    pub(crate) async fn there(&mut self) -> String {
        let mut there = std::mem::take(&mut self.held);
        // Lets whoever was woken by what the test did come to its turn.
        tokio::task::yield_now().await;
        while let Some(Some(chunk)) = self.body.next().now_or_never() {
            there.push_str(std::str::from_utf8(&chunk.expect("a body in memory")).expect("text"));
        }
        there
    }

    /// The next block but comments, the hint when to come back and the word that all has come; `None` at the end. Waits for it:
    /// time that stands still goes on meanwhile.
    pub(crate) async fn next(&mut self) -> Option<Block> {
        loop {
            match self.next_of_all().await {
                Some(block) if block.event == "caught_up" => {}
                block => return block,
            }
        }
    }

    /// The next block but comments and the hint when to come back.
    pub(crate) async fn next_of_all(&mut self) -> Option<Block> {
        loop {
            while let Some((block, rest)) = self.held.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.held = rest;
                if let Some(block) = Block::read(&block) {
                    return Some(block);
                }
            }
            let chunk = self.body.next().await?.expect("a body in memory");
            self.held.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// The next so many.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        for _ in 0..count {
            blocks.push(self.next().await.expect("a block"));
        }
        blocks
    }
}

impl Block {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let member = |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        let data = serde_json::from_str(member("data")?).expect("JSON");
        let text = |name| member(name).unwrap_or_default().to_owned();
        Some(Self { id: text("id"), event: text("event"), data })
    }
}
