//! There is one way to change anything. Every operation there is, as the product itself lists them (the route table, the two
//! tool tables, the command tree), is called by callers who have no right to it: nothing changes but the record of the
//! refusal. And what must never be possible through MCP is tried through both servers, under names and methods that a
//! client could think of.
//!
//! An operation without a row here fails the test: whoever adds one says how it is called, and who may.

mod forbidden;
mod tools;

use std::path::Path;

use cortexpilot_runs::fixture::RunFixture;
use cortexpilot_server::http::{Effect, Operation, Verb, operations};
use cortexpilot_server::mcp;
use serde_json::{Value, json};

use super::support::process::{Finished, Process};
use super::support::snapshot::Difference;
use super::support::{GATE_OPEN, Home, Ran, Request, Response, Server, Snapshot, TOKEN, apply};

/// A caller, by what it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Sends no token.
    Nobody,
    /// Sends a token that no server gave out.
    Stranger,
    /// Is known and holds a role that may do nothing.
    Powerless,
    /// Nobody is asked who they are, so everybody is this.
    Anonymous,
    /// Holds every role, where queueing is switched off.
    GateShut,
    /// Is an agent, known by a token of its own, and holds a role that may queue. Where people are asked.
    Agent,
    /// Is a worker, known by a token of its own.
    Worker,
}

impl Who {
    const ALL: [Self; 7] =
        [Self::Nobody, Self::Stranger, Self::Powerless, Self::Anonymous, Self::GateShut, Self::Agent, Self::Worker];
}

/// Asks one operator for a yes.
const ASKING: (&str, &str) = ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "operator");

/// The clock signs no checkpoint between two looks.
const UNSIGNED: (&str, &str) = ("CORTEXPILOT_CHECKPOINT_EVERY", "0");

/// A place with everything that an operation could be aimed at: a run that can be queued, an item that waits, an item that
/// is being worked on, one that was lost, a request that people could decide, somebody's token. Keys are made, so a process that starts has
/// nothing left to make.
struct Scene {
    home: Home,
    waiting: String,
    claimed: String,
    lease_token: String,
    held: String,
    /// The request's id.
    approval: String,
    /// An operator's token: its id.
    token: String,
    /// An operator's token, an agent's and a worker's: themselves.
    operator: String,
    agent: String,
    worker: String,
}

impl Scene {
    fn new() -> Self {
        let home = Home::new();
        for run in ["run_sound", "run_waiting", "run_claimed", "run_held", "run_asked"] {
            home.run(
                &RunFixture::new(run)
                    .workflow("wf-1")
                    .event("STARTED", json!({}))
                    .report("compare_report.json", json!({})),
            );
        }
        let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
        let held = pilot.enqueue("run_held")["queue_id"].as_str().unwrap().to_owned();
        home.cli(&["queue", "claim", "--lease", "24h"], &[]).answer();
        let server = home.serve(&[UNSIGNED]);
        let body = r#"{"reason":"its machine is gone"}"#;
        assert_eq!(server.send(&Request::post(&format!("/api/queue/{held}/revoke"), body)).answer()["status"], "LOST");
        assert!(server.stop().status.success());
        let claimed = pilot.enqueue("run_claimed")["queue_id"].as_str().unwrap().to_owned();
        let claim = home.cli(&["queue", "claim", "--lease", "24h"], &[]).answer();
        let waiting = pilot.enqueue("run_waiting")["queue_id"].as_str().unwrap().to_owned();
        assert!(pilot.finish().status.success());
        let mut asking = home.pilot("2025-06-18", &[GATE_OPEN, ASKING]);
        let approval = asking.enqueue("run_asked")["approval"]["id"].as_str().unwrap().to_owned();
        assert!(asking.finish().status.success());
        let token = |words: &[&str]| {
            let made = home.cli(&[&["token", "create", "--ttl", "1d"], words].concat(), &[]).answer();
            [&made["record"]["id"], &made["token"]].map(|text| text.as_str().unwrap().to_owned())
        };
        let [token_id, operator] = token(&["--kind", "operator", "--name", "olga", "--role", "OWNER"]);
        let [_, agent] = token(&["--kind", "agent", "--name", "robin", "--role", "OWNER"]);
        let [_, worker] = token(&["--kind", "worker", "--name", "builder-1"]);
        let lease_token = claim["lease_token"].as_str().unwrap().to_owned();
        Self { home, waiting, claimed, lease_token, held, approval, token: token_id, operator, agent, worker }
    }

    /// The same, signed: so that there are receipts to ask for.
    fn signed() -> Self {
        let scene = Self::new();
        for line in [&["audit", "init-key"][..], &["audit", "checkpoint"]] {
            assert_eq!(scene.home.cli(line, &[]).exit, Some(0));
        }
        scene
    }

    /// What a caller finds set where its server is started, and its command.
    fn environment(who: Who) -> Vec<(&'static str, &'static str)> {
        let powerless = [("CORTEXPILOT_PRINCIPAL_ROLES", "VIEWER"), ("CORTEXPILOT_API_TOKEN_ROLES", "VIEWER")];
        match who {
            Who::Nobody | Who::Stranger => vec![GATE_OPEN],
            Who::Powerless => [&powerless[..], &[GATE_OPEN]].concat(),
            Who::Anonymous => vec![GATE_OPEN, ("CORTEXPILOT_API_AUTH_REQUIRED", "0")],
            Who::GateShut => Vec::new(),
            Who::Agent | Who::Worker => vec![GATE_OPEN, ASKING],
        }
    }

    /// The caller's own token, where it has one.
    fn token_of(&self, who: Who) -> Option<&str> {
        match who {
            Who::Agent => Some(&self.agent),
            Who::Worker => Some(&self.worker),
            Who::Nobody | Who::Stranger | Who::Powerless | Who::Anonymous | Who::GateShut => None,
        }
    }
}

/// Notes for people that are no lines where they are taken; so there is none where they are refused.
const UNRECORDED: [&str; 3] = ["queue_heartbeat", "worker_presence", "session_create"];

/// What a refused write may leave: one record, and the lock file that was taken to write it.
fn assert_only_a_denial(before: &Snapshot, home: &Home, what: &str) {
    let mut records = Vec::new();
    for difference in before.differences(&home.snapshot()) {
        match difference {
            Difference::Appended(path, tail) if path == Path::new("runtime/decisions.jsonl") => records.push(tail),
            // The first refusal of all makes the file.
            Difference::Added(path) if path == Path::new("runtime/decisions.jsonl") => {
                records.push(home.decisions().bytes().to_vec());
            }
            Difference::Changed(path) | Difference::Touched(path) if path == Path::new("runtime/ledger.lock") => {}
            Difference::Added(_)
            | Difference::Removed(_)
            | Difference::Appended(..)
            | Difference::Changed(_)
            | Difference::Touched(_) => panic!("{what} left more than a refusal: {difference:?}"),
        }
    }
    let lines: Vec<Value> = records
        .iter()
        .flat_map(|tail| std::str::from_utf8(tail).unwrap().lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1, "{what}: one refusal, one record, not {lines:?}");
    assert_eq!(lines[0]["event"], "DENIED", "{what}");
}

/// How an HTTP operation is called here: its path, its body, which callers may do it although they lack something, and who may
/// not even look, with what they are told.
struct Route {
    path: String,
    body: Value,
    allowed: &'static [Who],
    hidden: &'static [(Who, u16)],
}

fn route(operation: &Operation, scene: &Scene) -> Route {
    let get = |path: &str| Route { path: path.to_owned(), body: json!({}), allowed: &[], hidden: &[] };
    // Decisions that only operators take: what they close works also where queueing is switched off.
    let decide = |path: &str| Route { allowed: &[Who::GateShut], body: json!({"reason": "because"}), ..get(path) };
    let approval = &scene.approval;
    let sound: Value = serde_json::from_str(&apply("run_sound", json!({"actor_role": null}))).unwrap();
    match operation.id {
        "queue_preview" => Route { hidden: &[(Who::Worker, 403)], ..get("/api/queue/from-run/run_sound/preview") },
        // An agent with a role may ask; where people decide, that is all that comes of it.
        "queue_enqueue" => Route { body: sound, allowed: &[Who::Agent], ..get("/api/queue/from-run/run_sound") },
        // The rollback works when all else is shut.
        "queue_cancel" => Route {
            allowed: &[Who::Anonymous, Who::GateShut],
            body: json!({"reason": "not needed"}),
            ..get(&format!("/api/queue/{}/cancel", scene.waiting))
        },
        // So does the work on what was queued before.
        "queue_claim" => {
            Route { allowed: &[Who::GateShut, Who::Worker], body: json!({"worker": "w"}), ..get("/api/queue/claim") }
        }
        "queue_complete" => Route {
            allowed: &[Who::GateShut, Who::Worker],
            body: json!({"lease_token": scene.lease_token, "status": "SUCCESS"}),
            ..get(&format!("/api/queue/{}/complete", scene.claimed))
        },
        "queue_heartbeat" => Route {
            allowed: &[Who::GateShut, Who::Worker],
            body: json!({"lease_token": scene.lease_token}),
            ..get(&format!("/api/queue/{}/heartbeat", scene.claimed))
        },
        "queue_release" => Route {
            allowed: &[Who::GateShut, Who::Worker],
            body: json!({"lease_token": scene.lease_token, "started": false, "reason": "not here"}),
            ..get(&format!("/api/queue/{}/release", scene.claimed))
        },
        "worker_presence" => Route {
            allowed: &[Who::GateShut, Who::Worker],
            body: json!({"worker": "w"}),
            ..get("/api/workers/presence")
        },
        // What a worker looks at, and what it carries out.
        "queue_next" => Route { hidden: &[(Who::Agent, 403), (Who::Anonymous, 403)], ..get("/api/queue/next") },
        "queue_contract" => Route {
            hidden: &[(Who::Agent, 403), (Who::Anonymous, 403)],
            ..get(&format!("/api/queue/{}/contract", scene.waiting))
        },
        "workers_list" => Route { hidden: &[(Who::Agent, 403), (Who::Worker, 403)], ..get("/api/workers") },
        "queue_stop" => decide(&format!("/api/queue/{}/stop", scene.claimed)),
        "queue_revoke" => decide(&format!("/api/queue/{}/revoke", scene.claimed)),
        "queue_requeue" => decide(&format!("/api/queue/{}/requeue", scene.held)),
        "queue_fail" => decide(&format!("/api/queue/{}/fail", scene.held)),
        "gate_pause" => decide("/api/gate/pause"),
        "gate_resume" => decide("/api/gate/resume"),
        // Another's request is not there for an agent, and no request is for a worker or for nobody in particular.
        "approvals_list" => {
            Route { hidden: &[(Who::Anonymous, 403), (Who::Worker, 403)], ..get("/api/approvals?limit=10") }
        }
        "approval_get" => Route {
            hidden: &[(Who::Anonymous, 403), (Who::Worker, 403), (Who::Agent, 404)],
            ..get(&format!("/api/approvals/{approval}"))
        },
        "approval_receipt" => Route {
            hidden: &[(Who::Anonymous, 403), (Who::Worker, 403), (Who::Agent, 404)],
            ..get(&format!("/api/approvals/{approval}/receipt"))
        },
        // An approval is an apply: it is behind the mutation gate.
        "approval_approve" => Route { allowed: &[], ..decide(&format!("/api/approvals/{approval}/approve")) },
        "approval_reject" => decide(&format!("/api/approvals/{approval}/reject")),
        "session_get" => get("/api/session"),
        // A token that counts is what signs in, and none of these has more than its own; nothing shows whose page asks.
        "session_create" => Route { body: json!({"token": "a-token-that-nobody-was-given"}), ..get("/api/session") },
        // Whoever is signed in may sign out.
        "session_end" => Route {
            allowed: &[Who::Powerless, Who::Anonymous, Who::GateShut, Who::Agent, Who::Worker],
            ..get("/api/session?everywhere=true")
        },
        "gate_get" => Route { hidden: &[(Who::Agent, 403), (Who::Worker, 403)], ..get("/api/gate") },
        // How the server was configured, with the paths of its machine.
        "config_get" => Route { hidden: &[(Who::Agent, 403), (Who::Worker, 403)], ..get("/api/config") },
        "config_clients" => Route { hidden: &[(Who::Agent, 403), (Who::Worker, 403)], ..get("/api/config/clients") },
        "gate_freeze" => decide("/api/gate/freeze"),
        "gate_unfreeze" => decide("/api/gate/unfreeze"),
        "tokens_list" => {
            Route { hidden: &[(Who::Anonymous, 403), (Who::Agent, 403), (Who::Worker, 403)], ..get("/api/tokens") }
        }
        "token_revoke" => decide(&format!("/api/tokens/{}/revoke", scene.token)),
        "queue_list" => get("/api/queue?limit=10"),
        "queue_counts" => get("/api/queue/counts"),
        "queue_throughput" => get("/api/queue/throughput?span=hour"),
        "queue_get" => get(&format!("/api/queue/{}", scene.waiting)),
        "queue_receipt" => get(&format!("/api/queue/{}/receipt", scene.waiting)),
        "queue_stream" => get("/api/queue/stream?follow=false"),
        // The record names people: an agent sees what it did itself, a worker nothing.
        "queue_history" => Route {
            hidden: &[(Who::Agent, 403), (Who::Worker, 403)],
            ..get(&format!("/api/queue/{}/history", scene.waiting))
        },
        "decisions_list" => Route { hidden: &[(Who::Worker, 403)], ..get("/api/decisions") },
        "decisions_stream" => {
            Route { hidden: &[(Who::Agent, 403), (Who::Worker, 403)], ..get("/api/decisions/stream?follow=false") }
        }
        "ledger_entries" => Route { hidden: &[(Who::Agent, 403), (Who::Worker, 403)], ..get("/api/ledger/entries") },
        "ledger_get" => get("/api/ledger"),
        "checkpoints_list" => get("/api/ledger/checkpoints"),
        "checkpoint_get" => get(&format!("/api/ledger/checkpoints/{}", scene.home.queue().lines().len())),
        "runs_list" => get("/api/runs"),
        "run_get" => get("/api/runs/run_sound"),
        "run_events" => get("/api/runs/run_sound/events"),
        "run_reports" => get("/api/runs/run_sound/reports"),
        "run_events_stream" => get("/api/runs/run_sound/events/stream?follow=false"),
        "run_diff" => get("/api/runs/run_sound/diff"),
        "run_artifacts" => get("/api/runs/run_sound/artifacts"),
        "run_artifact" => get("/api/runs/run_sound/artifacts/contract.json"),
        "run_search" => get("/api/runs/run_sound/search"),
        "run_compare" => get("/api/runs/run_sound/compare?with=run_asked"),
        "run_proof" => get("/api/runs/run_sound/proof"),
        "run_incident" => get("/api/runs/run_sound/incident"),
        "contracts_list" => get("/api/contracts"),
        "diff_gate_list" => get("/api/diff-gate"),
        "reviews_list" => get("/api/reviews"),
        "tests_list" => get("/api/tests"),
        "events_list" => get("/api/events"),
        "openapi" => get("/api/openapi.json"),
        "docs" => get("/api/docs"),
        "workflows_list" => get("/api/workflows"),
        "workflow_get" => get("/api/workflows/wf-1"),
        "health" => get("/health"),
        "api_health" => get("/api/health"),
        "readyz" => get("/readyz"),
        "metrics" => get("/metrics"),
        other => panic!("the HTTP operation {other} has no row here: say how it is called, and who may"),
    }
}

#[test]
fn no_http_operation_changes_anything_for_a_caller_without_rights() {
    let scene = Scene::signed();
    let mut tried = 0;
    for who in Who::ALL {
        let server = scene.home.serve(&[&Scene::environment(who)[..], &[UNSIGNED]].concat());
        for operation in operations() {
            let route = route(operation, &scene);
            if operation.effect == Effect::Write && route.allowed.contains(&who) {
                continue;
            }
            let before = scene.home.snapshot();
            let response = server.send(&request(operation, &route, who, &scene));
            let what = format!("{} by {who:?}, answered {} {}", operation.id, response.status, response.text());
            check_http(operation, &route, who, &response, &what);
            let recorded = operation.effect == Effect::Write
                && !UNRECORDED.contains(&operation.id)
                && !matches!(who, Who::Nobody | Who::Stranger);
            if recorded {
                assert_only_a_denial(&before, &scene.home, &what);
            } else {
                before.assert_unchanged(scene.home.root(), &what);
            }
            tried += 1;
        }
        assert!(server.stop().status.success());
    }
    println!(
        "figure: {tried} calls of {} HTTP operations by callers without the right to change anything",
        operations().len()
    );
}

#[test]
fn no_read_over_http_writes_a_byte_whoever_asks() {
    let scene = Scene::signed();
    let server = scene.home.serve(&[GATE_OPEN, UNSIGNED]);
    let before = scene.home.snapshot();
    let mut connection = server.connect();
    for operation in operations().iter().filter(|operation| operation.effect == Effect::Read) {
        let route = route(operation, &scene);
        let response = match operation.verb {
            Verb::Get => {
                let head = connection.send(&Request::new("HEAD", &route.path).bearer(TOKEN));
                assert_eq!((head.status, head.body.len()), (200, 0), "HEAD {}", operation.id);
                connection.send(&Request::get(&route.path))
            }
            Verb::Post | Verb::Delete => connection.send(&Request::post(&route.path, &route.body.to_string())),
        };
        assert_eq!(response.status, 200, "{}: {}", operation.id, response.text());
        before.assert_unchanged(scene.home.root(), operation.id);
    }
}

fn request(operation: &Operation, route: &Route, who: Who, scene: &Scene) -> Request {
    let request = Request::new(operation.verb.as_str(), &route.path);
    // Whoever lacks the role states one that would do: what is stated gives nothing.
    let request = match who {
        Who::Agent => request.bearer(&scene.agent).header("x-cortexpilot-role", "OWNER"),
        Who::Worker => request.bearer(&scene.worker),
        Who::Nobody | Who::Anonymous => request,
        Who::Stranger => request.bearer("a-token-that-nobody-was-given"),
        Who::Powerless | Who::GateShut => request.bearer(TOKEN).header("x-cortexpilot-role", "OWNER"),
    };
    match operation.verb {
        Verb::Get | Verb::Delete => request,
        Verb::Post => request.json(&route.body.to_string()),
    }
}

fn check_http(operation: &Operation, route: &Route, who: Who, response: &Response, what: &str) {
    use cortexpilot_server::http::Access;
    let hidden = route.hidden.iter().find(|(hidden, _)| *hidden == who).map(|(_, status)| *status);
    let wanted = match (operation.effect, operation.access, who) {
        (_, Access::Token, Who::Nobody | Who::Stranger) => 401,
        (Effect::Write, _, _) => 403,
        // A preview over HTTP needs the role that its apply needs.
        (Effect::Read, Access::Token, Who::Powerless) if operation.verb == Verb::Post => 403,
        (Effect::Read, _, _) => hidden.unwrap_or(200),
    };
    assert_eq!(response.status, wanted, "{what}");
}

/// The arguments with which a tool of either server is called here.
fn arguments(tool: &str) -> String {
    match tool {
        "preview_enqueue_from_run" => json!({"run_id": "run_sound"}).to_string(),
        "enqueue_from_run" => apply("run_sound", json!({})),
        "list_runs" | "list_workflows" | "list_queue" | "get_pending_approvals" | "get_diff_gate_state" => {
            "{}".to_owned()
        }
        "get_run"
        | "get_run_events"
        | "get_run_reports"
        | "get_compare_summary"
        | "get_proof_summary"
        | "get_incident_summary" => json!({"run_id": "run_sound"}).to_string(),
        "get_workflow" => json!({"workflow_id": "wf-1"}).to_string(),
        other => panic!("the tool {other} has no row here: say how it is called"),
    }
}

#[test]
fn no_tool_changes_anything_for_a_caller_without_rights() {
    let scene = Scene::new();
    let mut tried = 0;
    for who in [Who::Powerless, Who::GateShut] {
        for (server, table) in
            [("mcp-readonly-server", mcp::readonly::TOOLS), ("mcp-queue-pilot-server", mcp::pilot::TOOLS)]
        {
            let mut client = scene.home.mcp(server, "2025-06-18", &Scene::environment(who));
            for tool in table {
                let before = scene.home.snapshot();
                let called = client.call(tool.name, &arguments(tool.name));
                let what = format!("{} by {who:?}: {called:?}", tool.name);
                match tool.effect {
                    mcp::Effect::Read => {
                        called.answer();
                        before.assert_unchanged(scene.home.root(), &what);
                    }
                    mcp::Effect::Append => {
                        let code = if who == Who::GateShut { "MUTATION_GATE_CLOSED" } else { "ROLE_FORBIDDEN" };
                        assert_eq!(called.code(), code, "{what}");
                        assert_only_a_denial(&before, &scene.home, &what);
                    }
                }
                tried += 1;
            }
            client.finish();
        }
    }
    // Nobody but an agent is served there at all.
    for token in [&scene.worker, &scene.operator] {
        let before = scene.home.snapshot();
        let environment = [GATE_OPEN, ("CORTEXPILOT_TOKEN", token)];
        let ran = Ran::to_the_end(scene.home.raw("mcp-queue-pilot-server", &environment));
        assert_eq!((ran.exit, ran.stdout.as_str()), (Some(3), ""), "{ran:#?}");
        assert!(ran.stderr.contains("SCOPE_FORBIDDEN"), "{ran:#?}");
        before.assert_unchanged(scene.home.root(), "a pilot server that does not start");
    }
    let tools = mcp::readonly::TOOLS.len() + mcp::pilot::TOOLS.len();
    println!("figure: {tried} calls of {tools} tools by callers without the right to change anything");
}

/// How a command is called here.
enum Row {
    /// It answers and ends; nothing may have changed.
    Reads(Vec<String>),
    /// It asks for a change and is refused, with the record of it.
    Refused(Vec<String>),
    /// It asks for a change that there is no ground for, and says so; nothing may have changed.
    Declines(Vec<String>),
    /// It serves until it is stopped; nothing may have changed when it ends.
    Serves(Vec<String>),
    /// It works on what waits; whoever may not claim is given nothing, and the queue is as it was.
    Works(Vec<String>),
}

fn command(path: &str, scene: &Scene) -> Row {
    let line = |more: &[&str]| path.split(' ').chain(more.iter().copied()).map(str::to_owned).collect();
    let why = ["--role", "OWNER", "--requested-by", "Ada", "--reason", "again", "--confirm"];
    match path {
        // The worker in it has a row of its own.
        "up" => Row::Serves(line(&["--port", "0", "--no-worker"])),
        "serve" => Row::Serves(line(&["--port", "0"])),
        "run-next" => Row::Works(line(&[])),
        "worker" => Row::Works(line(&["--once"])),
        "mcp-readonly-server" | "mcp-queue-pilot-server" | "approval watch" => Row::Serves(line(&[])),
        "runs list" | "queue list" | "audit verify" | "config show" | "gate status" | "gate policy show"
        | "token list" | "approval list" | "workers list" | "help" => Row::Reads(line(&[])),
        "approval show" => Row::Reads(line(&[&scene.approval])),
        "api" => Row::Reads(line(&["GET", "/api/queue"])),
        "runs check" => Row::Reads(line(&[&scene.home.runs().display().to_string()])),
        "runs show" | "queue preview" | "gate explain" => Row::Reads(line(&["run_sound"])),
        "queue show" => Row::Reads(line(&[&scene.waiting])),
        "completions" => Row::Reads(line(&["bash"])),
        "contract schema" => Row::Reads(line(&[])),
        "contract validate" => {
            Row::Reads(line(&[&scene.home.runs().join("run_sound/contract.json").display().to_string()]))
        }
        // There is no such repository; who may record is whoever may write the runs root.
        "runs record" => {
            Row::Declines(line(&["--repo", "/no/such/repository", "--spec", "x", "--allow", "docs", "--", "true"]))
        }
        // Only a worker starts it, over a socket of its own.
        "sandbox-exec" => Row::Declines(line(&[])),
        // Told to write, it changes another program's file, and for the pilot makes a token as `token create` does.
        "mcp install" => Row::Reads(line(&["claude-code"])),
        "gen-doc" => Row::Reads(line(&["gates"])),
        "queue enqueue" => Row::Refused(line(&[&["run_sound"], &why[..]].concat())),
        "queue cancel" => Row::Refused(line(&[&scene.waiting, "--role", "OWNER"])),
        "queue claim" => Row::Refused(line(&["--role", "OWNER"])),
        "queue complete" => Row::Refused(line(&[
            &scene.claimed,
            "--lease-token",
            &scene.lease_token,
            "--status",
            "SUCCESS",
            "--role",
            "OWNER",
        ])),
        "approval approve" => Row::Refused(line(&[&scene.approval, "--role", "OWNER", "--reason", "just so", "--yes"])),
        "approval reject" => Row::Refused(line(&[&scene.approval, "--role", "OWNER", "--reason", "just so"])),
        "queue stop" | "queue revoke" => {
            Row::Refused(line(&[&scene.claimed, "--role", "OWNER", "--reason", "just so"]))
        }
        "queue requeue" | "queue fail" => Row::Refused(line(&[&scene.held, "--role", "OWNER", "--reason", "just so"])),
        "queue pause" | "queue resume" | "queue drain" => {
            Row::Refused(line(&["--role", "OWNER", "--reason", "just so"]))
        }
        "gate freeze" | "gate unfreeze" => Row::Refused(line(&["--role", "OWNER", "--reason", "just so"])),
        "gate policy set" => Row::Refused(line(&["two-person", "--role", "OWNER", "--reason", "just so"])),
        "token create" => Row::Refused(line(&["--kind", "operator", "--name", "mallory", "--role", "OWNER"])),
        "token rotate" => Row::Refused(line(&[&scene.token])),
        "token revoke" => Row::Refused(line(&[&scene.token, "--role", "OWNER"])),
        // No server runs whose console one could sign in to; where one does, it takes a token of one's own.
        "console login" => Row::Declines(line(&[])),
        // The ledger is sound: there is nothing to repair.
        "audit repair" => Row::Declines(line(&["--reason", "just so"])),
        // Nothing was signed: there is nothing to prove or to export.
        "audit init-key" | "audit checkpoint" => Row::Declines(line(&[])),
        "audit prove" => Row::Declines(line(&["--index", "0"])),
        "audit export" => Row::Declines(line(&["-o", "evidence.jsonl"])),
        "import" => Row::Declines(line(&[&scene.home.runs().display().to_string(), "--reason", "just so"])),
        other => panic!("the command `{other}` has no row here: say how it is called"),
    }
}

/// The commands that there are, as the product's own reference of operations lists them.
fn commands(home: &Home) -> Vec<String> {
    let page = Ran::to_the_end(Process::spawn(home.command(&["gen-doc", "operations"], &[]), "gen-doc"));
    let rows = page.stdout.lines().filter(|line| line.contains("| command line |"));
    let commands: Vec<String> =
        rows.filter_map(|row| Some(row.strip_prefix("| `cortexpilot ")?.split_once('`')?.0.to_owned())).collect();
    assert!(commands.len() > 10, "{}", page.stdout);
    commands
}

/// The code that a change by command is refused with; `None` where the caller may ask for it.
fn refusal(path: &str, who: Who) -> Option<&'static str> {
    match (who, path) {
        (Who::Agent, "queue enqueue") | (Who::Worker, "queue claim" | "queue complete") => None,
        (Who::Agent, _) => Some("SCOPE_FORBIDDEN"),
        // It holds no role, so this check comes before the one of what it is.
        (Who::Worker, "queue enqueue") => Some("ROLE_FORBIDDEN"),
        (Who::Worker, _) => Some("SCOPE_FORBIDDEN"),
        (Who::Powerless | Who::Nobody | Who::Stranger | Who::Anonymous | Who::GateShut, _) => Some("ROLE_FORBIDDEN"),
    }
}

#[test]
fn no_command_changes_anything_for_a_principal_without_rights() {
    let scene = Scene::new();
    let commands = commands(&scene.home);
    let mut tried = 0;
    for who in [Who::Powerless, Who::Agent, Who::Worker] {
        let mut environment = Scene::environment(who);
        environment.extend(scene.token_of(who).map(|token| ("CORTEXPILOT_TOKEN", token)));
        for path in &commands {
            tried += usize::from(try_command(&scene, path, who, &environment));
        }
    }
    println!("figure: {tried} calls of {} commands by principals without the right to change anything", commands.len());
}

/// Calls one command; says whether it was called: not where the caller may do what it does.
fn try_command(scene: &Scene, path: &str, who: Who, environment: &[(&str, &str)]) -> bool {
    let before = scene.home.snapshot();
    let what = format!("{path} by {who:?}");
    match command(path, scene) {
        Row::Reads(line) => {
            let ran = run(&scene.home, &line, environment);
            assert!(ran.exit == Some(0) || who != Who::Powerless, "{ran:#?}");
            before.assert_unchanged(scene.home.root(), &what);
        }
        Row::Declines(line) => {
            let ran = run(&scene.home, &line, environment);
            assert_ne!(ran.exit, Some(0), "{ran:#?}");
            before.assert_unchanged(scene.home.root(), &what);
        }
        Row::Refused(line) => {
            let Some(code) = refusal(path, who) else { return false };
            let ran = run(&scene.home, &line, environment);
            assert_eq!((ran.exit, ran.code().as_str()), (Some(3), code), "{what}: {ran:#?}");
            assert_only_a_denial(&before, &scene.home, &what);
        }
        // The operator's own process may work, and so may a worker.
        Row::Works(_) if who != Who::Agent => return false,
        Row::Works(line) => {
            let (queue, decisions) = (scene.home.queue(), scene.home.decisions());
            let ran = run(&scene.home, &line, environment);
            assert_eq!(scene.home.queue(), queue, "{what}: {ran:#?}");
            let recorded = scene.home.decisions().since(&decisions);
            assert!(recorded.events().iter().all(|line| line["event"] == "DENIED"), "{what}: {ran:#?}");
        }
        // Whom a server acts as is the matter of other tests.
        Row::Serves(_) if who != Who::Powerless => return false,
        Row::Serves(line) => {
            let ended = serve_and_stop(scene, path, &line, environment);
            assert!(ended.status.success(), "{what}: {:?}", ended.status);
            // It said that it was there, in a file that is gone.
            let register = Difference::Touched("runtime/processes".into());
            let mut left = before.differences(&scene.home.snapshot());
            left.retain(|difference| *difference != register);
            // `up` printed an address that signs its operator in once, and what is kept of that ends by itself.
            let is_login = |path: &Path| {
                path == Path::new("runtime/sessions")
                    || path.starts_with("runtime/sessions") && path.extension().is_some_and(|ending| ending == "login")
            };
            left.retain(|difference| path != "up" || !is_login(difference.path()));
            assert!(left.is_empty(), "{what} changed files: {left:?}");
        }
    }
    true
}

fn serve_and_stop(scene: &Scene, path: &str, line: &[String], environment: &[(&str, &str)]) -> Finished {
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    let environment = [environment, &[("CORTEXPILOT_API_TOKEN", TOKEN)]].concat();
    let mut server = Process::spawn(scene.home.command(&line, &environment), path);
    if path.starts_with("mcp-") {
        server.send(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
        server.expect_line();
        server.terminate()
    } else if path == "approval watch" {
        // It begins with what is open.
        server.expect_line();
        server.terminate()
    } else {
        let server = Server::listening(server);
        assert_eq!(server.send(&Request::get("/health")).status, 200);
        server.stop()
    }
}

/// Runs a command, asking for its answer as JSON.
fn run(home: &Home, line: &[String], environment: &[(&str, &str)]) -> Ran {
    let line: Vec<&str> = line.iter().map(String::as_str).collect();
    home.cli(&line, environment)
}
