//! A pilot and a read-only server over one store in memory, and clients that answer every question with yes.

use std::sync::Arc;

use cortexpilot_core::app::App;
use cortexpilot_core::app::govern::Stating;
use cortexpilot_core::domain::command::{ApprovalPolicy, Limits, MutationGate, Policy};
use cortexpilot_core::domain::lease::Concurrency;
use cortexpilot_core::domain::principal::{
    Caller, DEFAULT_ALLOWED_ROLES, KnownBy, Principal, PrincipalKind, StatedRole, Surface, parse_roles,
};
use cortexpilot_core::domain::seal::SealKey;
use cortexpilot_core::domain::text::Stated;
use cortexpilot_core::port::fake::{FakeRuns, ManualClock, MemStore, SeqIds, run_facts};
use cortexpilot_server::mcp::ToolServer;
use cortexpilot_server::mcp::pilot::PilotTools;
use cortexpilot_server::mcp::readonly::ReadOnlyTools;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::mcp_transport::harness::{Client, Seen, call, initialize, stateless};

pub(super) struct World {
    pub(super) store: Arc<MemStore>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) app: Arc<App>,
}

impl World {
    /// Gate open, under a policy.
    pub(super) fn under(approval: ApprovalPolicy) -> Self {
        let store = Arc::new(MemStore::default());
        let runs = Arc::new(FakeRuns::of(["run_ok", "run_two"].map(run_facts)));
        let clock = Arc::new(ManualClock::at("2026-11-22T08:30:52Z".parse().unwrap()));
        let policy = Policy {
            mutation_gate: MutationGate::Open,
            approval,
            allowed_roles: parse_roles(&DEFAULT_ALLOWED_ROLES.join(",")).unwrap(),
            preview_ttl: SignedDuration::from_mins(15),
            approval_ttl: SignedDuration::from_hours(24),
            limits: Limits::NONE,
            concurrency: Concurrency::NONE,
        };
        let key = Some(SealKey::new([7; 32]));
        let app = App::new(store.clone(), runs, clock.clone(), Arc::new(SeqIds::default()), policy, key);
        Self { store, clock, app: Arc::new(app) }
    }

    pub(super) fn pilot(&self) -> Client {
        let agent = Principal {
            id: "agent:alice".into(),
            kind: PrincipalKind::Agent,
            roles: parse_roles("OPS,OWNER").unwrap(),
            sponsor: Some("local:alice".into()),
            known_by: KnownBy::Process,
        };
        let tools = PilotTools::new(Arc::clone(&self.app), agent);
        Client::of(ToolServer::new(tools), Seen::new(0), 256 * 1024)
    }

    pub(super) fn readonly(&self) -> Client {
        let tools = ReadOnlyTools::new(self.app.reader().clone(), Arc::new(SeqIds::default()));
        Client::of(ToolServer::new(tools), Seen::new(0), 256 * 1024)
    }

    /// What an operator on the control plane does, as nobody who asked.
    pub(super) fn operator() -> (Caller, Stating) {
        let operator = Principal {
            id: "local:bob".into(),
            kind: PrincipalKind::Operator,
            roles: parse_roles(&DEFAULT_ALLOWED_ROLES.join(",")).unwrap(),
            sponsor: None,
            known_by: KnownBy::Process,
        };
        let stating = Stating { reason: Stated::read(Some("looked at it")), role: StatedRole::read(Some("OWNER")) };
        (Caller { principal: Some(operator), surface: Surface::Cli }, stating)
    }

    /// The lines of the decisions that are one of these events.
    pub(super) fn decisions(&self, event: &str) -> Vec<Value> {
        let lines = self.store.decisions().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
        lines.filter(|line| line["event"] == event).collect()
    }
}

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// 2026-07-28, without a handshake; asked by an intermediate result.
    Rounds,
    /// 2025-11-25; asked by a request of the server.
    Pushed,
    /// 2024-11-05; never asked.
    Unasked,
}

impl Era {
    pub(super) const ALL: [Self; 3] = [Self::Rounds, Self::Pushed, Self::Unasked];

    /// Makes the handshake, where there is one, and declares forms.
    pub(super) async fn begin(self, client: &mut Client) {
        let version = match self {
            Self::Rounds => return,
            Self::Pushed => "2025-11-25",
            Self::Unasked => "2024-11-05",
        };
        let mut hello = initialize(version);
        hello["params"]["capabilities"] = json!({ "elicitation": {} });
        client.ask(hello).await;
        client.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    }

    pub(super) fn call(self, id: impl Into<Value>, tool: &str, arguments: &Value) -> Value {
        let call = call(id, tool, arguments);
        match self {
            Self::Rounds => {
                let mut call = stateless(call, "2026-07-28");
                call["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {} });
                call
            }
            Self::Pushed | Self::Unasked => call,
        }
    }
}

/// Sends a call and answers whatever is asked with `reply`, in either way; gives the final answer and how often it was
/// asked.
pub(super) async fn carry_through(client: &mut Client, call: &Value, reply: &Value) -> (Value, usize) {
    client.send(call.to_string().as_bytes()).await;
    let mut asked = 0;
    loop {
        let line = client.answer().await;
        if line["method"] == "elicitation/create" {
            asked += 1;
            let answer = json!({ "jsonrpc": "2.0", "id": line["id"], "result": reply });
            client.send(answer.to_string().as_bytes()).await;
        } else if line["result"]["resultType"] == "input_required" {
            asked += 1;
            let key = line["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap();
            let mut again = call.clone();
            again["id"] = format!("again {}", call["id"]).into();
            again["params"]["requestState"] = line["result"]["requestState"].clone();
            again["params"]["inputResponses"] = json!({ key.as_str(): reply });
            client.send(again.to_string().as_bytes()).await;
        } else {
            return (line, asked);
        }
    }
}

pub(super) fn yes() -> Value {
    json!({ "action": "accept", "content": { "confirm": true, "comment": "do it" } })
}

/// The arguments of an apply with everything in order.
pub(super) fn apply(run: &str) -> Value {
    json!({
        "run_id": run, "actor_role": "OPS", "requested_by": "Zoë", "approval_reason": "the fix is in", "confirm": true,
    })
}

/// Previews a run and applies it, answering what is asked with `reply`.
pub(super) async fn request(era: Era, client: &mut Client, run: &str, reply: &Value) -> (Value, usize) {
    client.ask(era.call("preview", "preview_enqueue_from_run", &json!({ "run_id": run }))).await;
    carry_through(client, &era.call("apply", "enqueue_from_run", &apply(run)), reply).await
}
