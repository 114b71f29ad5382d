//! Every route that there is, by everybody who is not who they should be, or not in the way they should be: refused with the
//! code that says so, never with a 5xx, and leaving not one byte but the record of a refusal.
//!
//! A route without a row here fails the test: whoever adds one says how it is called, and by whom it may be.

use std::path::Path;
use std::time::Instant;

use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::domain::token::{TokenId, TokenText};
use cortexpilot_runs::fixture::RunFixture;
use cortexpilot_server::http::{Access, Operation, Verb, operations};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::cast::{LOG, Token, apply, clerk, end_at, from_run, now, policy, request, serve};
use crate::support::ledger::sha256_hex;
use crate::support::process::{PATIENCE, Process};
use crate::support::snapshot::Difference;
use crate::support::{Home, Ran, Request, Response, Server, Snapshot, TOKEN, VERSIONS};

/// The clock signs no checkpoint between two looks.
const UNSIGNED: (&str, &str) = ("CORTEXPILOT_CHECKPOINT_EVERY", "0");

/// A place with everything that a route could be aimed at.
struct Scene {
    home: Home,
    /// An operator in the role `OPS`.
    ann: Token,
    /// The agent that asked for the request.
    robot: Token,
    /// A worker.
    hand: Token,
    /// An operator in two roles.
    cleo: Token,
    waiting: String,
    claimed: String,
    lease_token: String,
    held: String,
    approval: String,
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
        let (ann, robot) = (Token::operator(&home, "ann"), Token::agent(&home, "robot"));
        let hand = Token::new(&home, "worker", "hand", &[]);
        let cleo = Token::new(&home, "operator", "cleo", &["OPS", "ARCHITECT"]);
        let server = serve(&home, &[]);
        let mut connection = server.connect();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let held = text(&apply(&mut connection, &ann, "run_held", &json!({})).answer()["queue_id"]);
        connection.send(&hand.post("/api/queue/claim", &json!({"worker": "w"}))).answer();
        let lost = connection.send(&ann.post(&format!("/api/queue/{held}/revoke"), &json!({"reason": "it is gone"})));
        assert_eq!(lost.answer()["status"], "LOST");
        let claimed = text(&apply(&mut connection, &ann, "run_claimed", &json!({})).answer()["queue_id"]);
        let claim = connection.send(&hand.post("/api/queue/claim", &json!({"worker": "w", "lease_s": 3600}))).answer();
        assert_eq!(claim["item"]["queue_id"], *claimed, "{claim}");
        let waiting = text(&apply(&mut connection, &ann, "run_waiting", &json!({})).answer()["queue_id"]);
        drop(server);
        let server = serve(&home, &[policy("operator")]);
        let approval = request(&server, &robot, "run_asked");
        let lease_token = text(&claim["lease_token"]);
        // Signed, so that there are receipts to ask for.
        clerk(&home, &["audit", "init-key"]);
        clerk(&home, &["audit", "checkpoint"]);
        Self { home, ann, robot, hand, cleo, waiting, claimed, lease_token, held, approval }
    }

    fn serve(&self) -> Server {
        serve(&self.home, &[policy("operator"), UNSIGNED])
    }

    /// Where an operation is, and the body of a sound call of it.
    fn route(&self, operation: &Operation) -> (String, Value) {
        let reason = json!({"reason": "just so"});
        let empty = json!({});
        match operation.id {
            "queue_preview" => (format!("{}/preview", from_run("run_sound")), empty),
            "queue_enqueue" => {
                let body = json!({"confirm": true, "requested_by": "Ada", "approval_reason": "again"});
                (from_run("run_sound"), body)
            }
            "queue_cancel" => (format!("/api/queue/{}/cancel", self.waiting), reason),
            "queue_claim" => ("/api/queue/claim".to_owned(), json!({"worker": "w"})),
            "queue_complete" => {
                let body = json!({"lease_token": self.lease_token, "status": "SUCCESS"});
                (format!("/api/queue/{}/complete", self.claimed), body)
            }
            "queue_heartbeat" => {
                (format!("/api/queue/{}/heartbeat", self.claimed), json!({"lease_token": self.lease_token}))
            }
            "queue_release" => {
                let body = json!({"lease_token": self.lease_token, "started": false, "reason": "not here"});
                (format!("/api/queue/{}/release", self.claimed), body)
            }
            "worker_presence" => ("/api/workers/presence".to_owned(), json!({"worker": "w"})),
            "queue_next" => ("/api/queue/next".to_owned(), empty),
            "queue_contract" => (format!("/api/queue/{}/contract", self.waiting), empty),
            "workers_list" => ("/api/workers".to_owned(), empty),
            "queue_stop" => (format!("/api/queue/{}/stop", self.claimed), reason),
            "queue_revoke" => (format!("/api/queue/{}/revoke", self.claimed), reason),
            "queue_requeue" => (format!("/api/queue/{}/requeue", self.held), reason),
            "queue_fail" => (format!("/api/queue/{}/fail", self.held), reason),
            "gate_pause" => ("/api/gate/pause".to_owned(), reason),
            "gate_resume" => ("/api/gate/resume".to_owned(), reason),
            "queue_list" => ("/api/queue".to_owned(), empty),
            "queue_get" => (format!("/api/queue/{}", self.waiting), empty),
            "runs_list" => ("/api/runs".to_owned(), empty),
            "run_get" => ("/api/runs/run_sound".to_owned(), empty),
            "run_events" => ("/api/runs/run_sound/events".to_owned(), empty),
            "run_reports" => ("/api/runs/run_sound/reports".to_owned(), empty),
            "workflows_list" => ("/api/workflows".to_owned(), empty),
            "workflow_get" => ("/api/workflows/wf-1".to_owned(), empty),
            "approvals_list" => ("/api/approvals".to_owned(), empty),
            "approval_get" => (format!("/api/approvals/{}", self.approval), empty),
            "queue_receipt" => (format!("/api/queue/{}/receipt", self.waiting), empty),
            "approval_receipt" => (format!("/api/approvals/{}/receipt", self.approval), empty),
            "approval_approve" => (format!("/api/approvals/{}/approve", self.approval), reason),
            "approval_reject" => (format!("/api/approvals/{}/reject", self.approval), reason),
            "session_get" => ("/api/session".to_owned(), empty),
            "session_create" => ("/api/session".to_owned(), json!({"token": "a-token-that-nobody-was-given"})),
            "session_end" => ("/api/session?everywhere=true".to_owned(), empty),
            "gate_get" => ("/api/gate".to_owned(), empty),
            "config_get" => ("/api/config".to_owned(), empty),
            "config_clients" => ("/api/config/clients".to_owned(), empty),
            "queue_counts" => ("/api/queue/counts".to_owned(), empty),
            "queue_throughput" => ("/api/queue/throughput".to_owned(), empty),
            "decisions_stream" => ("/api/decisions/stream?follow=false".to_owned(), empty),
            "gate_freeze" => ("/api/gate/freeze".to_owned(), reason),
            "gate_unfreeze" => ("/api/gate/unfreeze".to_owned(), reason),
            "tokens_list" => ("/api/tokens".to_owned(), empty),
            "token_revoke" => (format!("/api/tokens/{}/revoke", self.ann.id), reason),
            "queue_stream" => ("/api/queue/stream?follow=false".to_owned(), empty),
            "queue_history" => (format!("/api/queue/{}/history", self.waiting), empty),
            "decisions_list" => ("/api/decisions".to_owned(), empty),
            "ledger_get" => ("/api/ledger".to_owned(), empty),
            "ledger_entries" => ("/api/ledger/entries".to_owned(), empty),
            "checkpoints_list" => ("/api/ledger/checkpoints".to_owned(), empty),
            "checkpoint_get" => (format!("/api/ledger/checkpoints/{}", self.home.queue().lines().len()), empty),
            "run_events_stream" => ("/api/runs/run_sound/events/stream?follow=false".to_owned(), empty),
            "run_diff" => ("/api/runs/run_sound/diff".to_owned(), empty),
            "run_artifacts" => ("/api/runs/run_sound/artifacts".to_owned(), empty),
            "run_artifact" => ("/api/runs/run_sound/artifacts/contract.json".to_owned(), empty),
            "run_search" => ("/api/runs/run_sound/search".to_owned(), empty),
            "run_compare" => ("/api/runs/run_sound/compare?with=run_asked".to_owned(), empty),
            "run_proof" => ("/api/runs/run_sound/proof".to_owned(), empty),
            "run_incident" => ("/api/runs/run_sound/incident".to_owned(), empty),
            "contracts_list" => ("/api/contracts".to_owned(), empty),
            "diff_gate_list" => ("/api/diff-gate".to_owned(), empty),
            "reviews_list" => ("/api/reviews".to_owned(), empty),
            "tests_list" => ("/api/tests".to_owned(), empty),
            "events_list" => ("/api/events".to_owned(), empty),
            "openapi" => ("/api/openapi.json".to_owned(), empty),
            "docs" => ("/api/docs".to_owned(), empty),
            "health" => ("/health".to_owned(), empty),
            "api_health" => ("/api/health".to_owned(), empty),
            "readyz" => ("/readyz".to_owned(), empty),
            "metrics" => ("/metrics".to_owned(), empty),
            other => panic!("the route {other} has no row here: say how it is called, and by whom it may be"),
        }
    }

    /// A sound call but for who makes it. `query` is put behind the path, or behind the path's own query.
    fn call(&self, operation: &Operation, query: &str) -> Request {
        let (path, body) = self.route(operation);
        let query = if path.contains('?') { query.replacen('?', "&", 1) } else { query.to_owned() };
        let request = Request::new(operation.verb.as_str(), &format!("{path}{query}"));
        match operation.verb {
            Verb::Get | Verb::Delete => request,
            Verb::Post => request.json(&body.to_string()),
        }
    }
}

/// What nobody may be let in with: in words, the query, the headers, and the code that it is refused with.
type Credential = (&'static str, String, Vec<(&'static str, String)>, &'static str);

const MISSING: &str = "AUTH_MISSING_BEARER";
const INVALID: &str = "AUTH_INVALID_TOKEN";

/// Every way of not being signed in. One of the tokens expires while the server runs, and has when this returns.
fn credentials(scene: &Scene) -> (Server, Vec<Credential>) {
    let good = &scene.ann.text;
    let revoked = Token::operator(&scene.home, "gone");
    clerk(&scene.home, &["token", "revoke", &revoked.id, "--reason", "it was lost"]);
    let expired = Token::operator(&scene.home, "brief");
    end_at(&scene.home, &expired.id, now() + SignedDuration::from_secs(2));
    let server = scene.serve();
    let mut connection = server.connect();
    let (began, mut signed_in) = (Instant::now(), 0);
    while connection.send(&expired.get("/api/queue")).status != 401 {
        signed_in += 1;
        assert!(began.elapsed() < PATIENCE, "a token lives on after its end");
    }
    assert!(signed_in > 0, "the token was no token from the start");
    // Sound in form and checksum, and never given out.
    let invented = TokenText::new(PrincipalKind::Operator, TokenId::from_bytes([7; 6]), [7; 32]).reveal().to_owned();
    let stolen_name = good.replace("cpt_operator_", "cpt_worker_");
    let rekinded = |kind: &str| {
        let body = scene.robot.text.replace("cpt_agent_", &format!("cpt_{kind}_"));
        let body = &body[..body.len() - 8];
        format!("{body}{}", &sha256_hex(body.as_bytes())[..8])
    };
    let flipped = |at: usize| {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(bytes).expect("still ASCII")
    };
    let bearer = |token: &str| vec![("authorization", format!("Bearer {token}"))];
    // Without the proof a change by cookie is refused before anybody looks whose it is.
    let of_this_site = |cookie: &str| vec![("cookie", cookie.to_owned()), ("x-cortexpilot-csrf", "1".to_owned())];
    let plain = |what, token: &str, code| (what, String::new(), bearer(token), code);
    let mut all = vec![
        ("nothing", String::new(), Vec::new(), MISSING),
        plain("a blank token", "", MISSING),
        ("another scheme", String::new(), vec![("authorization", format!("Basic {good}"))], MISSING),
        ("no scheme", String::new(), vec![("authorization", good.clone())], MISSING),
        ("a header of another name", String::new(), vec![("x-api-token", good.clone())], MISSING),
        plain("no token at all", "x", INVALID),
        plain("a token cut short", &good[..good.len() - 1], INVALID),
        plain("a token with more behind it", &format!("{good}0"), INVALID),
        plain("a token in quotes", &format!("\"{good}\""), INVALID),
        plain("a token in capitals", &good.to_uppercase(), INVALID),
        plain("a token's name alone", &good[..good.len() - 72], INVALID),
        plain("a changed secret", &flipped(good.len() - 40), INVALID),
        plain("a changed checksum", &flipped(good.len() - 1), INVALID),
        plain("a token of another kind by its name", &stolen_name, INVALID),
        plain("an agent's token made an operator's", &rekinded("operator"), INVALID),
        plain("an agent's token made a worker's", &rekinded("worker"), INVALID),
        plain("a token that nobody was given", &invented, INVALID),
        plain("an expired token", &expired.text, INVALID),
        plain("a revoked token", &revoked.text, INVALID),
        plain("a token that is not ASCII", "tökén-ünd-möre", INVALID),
        plain("a good token with a letter that is not ASCII", &format!("{good}é"), INVALID),
        ("two tokens", String::new(), [bearer(good), bearer(&scene.cleo.text)].concat(), INVALID),
        ("a cookie that is no token", String::new(), of_this_site("api_token=x"), INVALID),
        ("a session that is none", String::new(), of_this_site("cortexpilot_session=x"), INVALID),
        (
            "a session that nobody has",
            String::new(),
            of_this_site(&format!("cortexpilot_session=cps_{}", "7".repeat(64))),
            INVALID,
        ),
        ("another's name for one", String::new(), of_this_site(&format!("__Host-cortexpilot_session={good}")), INVALID),
    ];
    for name in ["token", "access_token", "api_token", "authorization"] {
        for secret in [good.as_str(), TOKEN] {
            all.push(("a token in the query", format!("?{name}={secret}"), Vec::new(), MISSING));
        }
    }
    (server, all)
}

#[test]
fn no_route_lets_anybody_in_without_a_token_that_lives() {
    let scene = Scene::new();
    let (server, credentials) = credentials(&scene);
    let mut connection = server.connect();
    let before = scene.home.snapshot();
    let mut tried = 0;
    for operation in operations() {
        for (what, query, headers, code) in &credentials {
            let call =
                headers.iter().fold(scene.call(operation, query), |call, (name, value)| call.header(name, value));
            // What they state of themselves gives them nothing.
            let response = connection.send(&call.header("x-cortexpilot-role", "OPS"));
            let what = format!("{} with {what}: {} {}", operation.id, response.status, response.text());
            match operation.access {
                Access::Token => {
                    assert_eq!((response.status, response.code().as_str()), (401, *code), "{what}");
                }
                // It is how one comes to be let in; with none of these, and without showing whose page asks, nobody is.
                Access::Open if operation.id == "session_create" => {
                    assert!(matches!(response.status, 401 | 403 | 422), "{what}");
                }
                // Open to anybody; a query is nothing that they take.
                Access::Open => assert!(matches!(response.status, 200 | 422), "{what}"),
            }
            tried += 1;
        }
    }
    // Nor is what does not exist told from what does.
    for path in ["/api/nothing", "/api/approvals/x/y", "/api/tokens/create"] {
        assert_eq!(connection.send(&Request::new("POST", path).json("{}")).code(), MISSING, "{path}");
    }
    before.assert_unchanged(scene.home.root(), "callers who are not signed in");
    assert!(server.stop().status.success());
    println!("figure: {tried} calls: {} routes, {} ways of not being signed in", operations().len(), credentials.len());
}

/// Somebody who is signed in, and not as what the route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Agent,
    Worker,
    /// An operator who states a role that may do this and that they do not hold.
    RoleNotHeld,
    /// An operator who states something that is no role's name.
    NoRolesName,
    /// An operator who states two roles.
    TwoRoles,
    /// An operator of two roles who states none.
    NoRole,
    /// Whoever calls where authentication is off.
    Anonymous,
}

impl Who {
    const SIGNED_IN: [Self; 6] =
        [Self::Agent, Self::Worker, Self::RoleNotHeld, Self::NoRolesName, Self::TwoRoles, Self::NoRole];
}

/// The code that a call is refused with; `None` where it may be made.
fn refused_with(operation: &Operation, who: Who) -> Option<&'static str> {
    const SCOPE: Option<&str> = Some("SCOPE_FORBIDDEN");
    let people_decide = operation.path.starts_with("/api/approvals")
        || operation.path.starts_with("/api/gate")
        || operation.path.starts_with("/api/tokens");
    // The record names people: an agent sees what it did itself, a worker nothing.
    let of_others = ["queue_history", "ledger_entries", "decisions_stream"].contains(&operation.id);
    let of_anybody = of_others || operation.id == "decisions_list";
    // What a worker looks at is for workers, and for operators.
    let of_workers = ["queue_next", "queue_contract"].contains(&operation.id);
    let of_operator_alone = ["workers_list", "config_get", "config_clients"].contains(&operation.id);
    let of_operators = of_others || of_operator_alone || ["gate_get", "tokens_list"].contains(&operation.id);
    match (operation.verb, who) {
        // Signing in is for whoever has a token, and must show whose page asks; signing out is for whoever is signed in.
        (Verb::Post, _) if operation.id == "session_create" => Some("ORIGIN_NOT_ALLOWED"),
        (Verb::Delete, _) => None,
        (Verb::Get, Who::Agent) => (of_operators || of_workers).then_some("SCOPE_FORBIDDEN"),
        (Verb::Get, Who::Worker) => (people_decide || of_anybody || of_operator_alone).then_some("SCOPE_FORBIDDEN"),
        (Verb::Get, Who::Anonymous) => {
            (of_workers || people_decide && operation.id != "gate_get").then_some("SCOPE_FORBIDDEN")
        }
        // What only reads asks for no role.
        (Verb::Get, Who::RoleNotHeld | Who::NoRolesName | Who::TwoRoles | Who::NoRole) => None,
        (Verb::Post, Who::Agent) => match operation.id {
            "queue_preview" | "queue_enqueue" => None,
            _ => SCOPE,
        },
        (Verb::Post, Who::Worker) => match operation.id {
            "queue_claim" | "queue_heartbeat" | "queue_complete" | "queue_release" | "worker_presence" => None,
            "queue_preview" | "queue_enqueue" => Some("ROLE_FORBIDDEN"),
            _ => SCOPE,
        },
        (Verb::Post, Who::RoleNotHeld) => Some("ROLE_MISMATCH"),
        (Verb::Post, Who::NoRolesName | Who::TwoRoles) => Some("ROLE_FORBIDDEN"),
        (Verb::Post, Who::NoRole) => Some("ROLE_REQUIRED"),
        (Verb::Post, Who::Anonymous) => match operation.id {
            "queue_preview" | "queue_cancel" => None,
            // It holds no role that it could state.
            "queue_enqueue" => Some("ROLE_REQUIRED"),
            _ => SCOPE,
        },
    }
}

fn call_by(scene: &Scene, operation: &Operation, who: Who) -> Request {
    let call = scene.call(operation, "");
    let role = |call: Request, role: &str| call.header("x-cortexpilot-role", role);
    match who {
        Who::Agent => role(call.bearer(&scene.robot.text), "OPS"),
        Who::Worker => role(call.bearer(&scene.hand.text), "OPS"),
        Who::RoleNotHeld => role(call.bearer(&scene.ann.text), "OWNER"),
        Who::NoRolesName => role(call.bearer(&scene.ann.text), "röle; OPS"),
        Who::TwoRoles => role(role(call.bearer(&scene.cleo.text), "OPS"), "ARCHITECT"),
        Who::NoRole => call.bearer(&scene.cleo.text),
        Who::Anonymous => call,
    }
}

/// What reads, and notes for people that are no lines where they are taken: refused, they leave no record either.
const UNRECORDED: [&str; 4] = ["queue_preview", "queue_heartbeat", "worker_presence", "session_create"];

/// A refusal leaves one record, and nothing else below the root.
fn assert_only_recorded(before: &Snapshot, home: &Home, what: &str) {
    for difference in before.differences(&home.snapshot()) {
        let path = difference.path();
        let recorded = path == Path::new("runtime/decisions.jsonl") && matches!(difference, Difference::Appended(..));
        assert!(recorded || path == Path::new("runtime/ledger.lock"), "{what} left {difference:?}");
    }
    let last = home.decisions().events().pop().unwrap_or_default();
    assert_eq!(last["event"], "DENIED", "{what}");
}

fn check(scene: &Scene, operation: &Operation, who: Who, send: impl FnOnce(&Request) -> Response) -> bool {
    let refusal = refused_with(operation, who);
    // What may be done changes things: that it can be done is other tests' business.
    if refusal.is_none() && operation.verb != Verb::Get && operation.id != "queue_preview" {
        return false;
    }
    let (before, decisions) = (scene.home.snapshot(), scene.home.decisions());
    let response = send(&call_by(scene, operation, who));
    let what = format!("{} by {who:?}: {} {}", operation.id, response.status, response.text());
    match refusal {
        None => assert_eq!(response.status, 200, "{what}"),
        Some(code) => {
            assert_eq!((response.status, response.code().as_str()), (403, code), "{what}");
            let commanded = operation.verb == Verb::Post && !UNRECORDED.contains(&operation.id);
            assert_eq!(scene.home.decisions().since(&decisions).lines().len(), usize::from(commanded), "{what}");
        }
    }
    if scene.home.decisions() == decisions {
        before.assert_unchanged(scene.home.root(), &what);
    } else {
        assert_only_recorded(&before, &scene.home, &what);
    }
    true
}

#[test]
fn no_route_does_for_a_known_caller_what_its_kind_or_role_may_not() {
    let scene = Scene::new();
    let server = scene.serve();
    let mut connection = server.connect();
    let mut tried = 0;
    for operation in operations() {
        for who in Who::SIGNED_IN {
            tried += usize::from(check(&scene, operation, who, |call| connection.send(call)));
        }
    }
    assert!(server.stop().status.success());
    println!("figure: {tried} calls: {} routes by callers of another kind or role", operations().len());
}

#[test]
fn where_authentication_is_off_nobody_decides_anything() {
    let scene = Scene::new();
    // Signed in or not, everybody there is the same nobody.
    let server = serve(&scene.home, &[("CORTEXPILOT_API_AUTH_REQUIRED", "0"), UNSIGNED]);
    let mut connection = server.connect();
    for operation in operations() {
        check(&scene, operation, Who::Anonymous, |call| connection.send(call));
        if refused_with(operation, Who::Anonymous).is_some() {
            check(&scene, operation, Who::Anonymous, |call| connection.send(&call.clone().bearer(&scene.ann.text)));
        }
    }
    assert!(server.stop().status.success());
}

#[test]
fn a_role_in_the_body_and_another_in_the_header_are_refused() {
    let scene = Scene::new();
    let server = scene.serve();
    let queue = scene.home.queue();
    for (who, header, body, code) in [
        // Both are held, and both may do it.
        (&scene.cleo, "OPS", "ARCHITECT", "ROLE_MISMATCH"),
        (&scene.cleo, "ARCHITECT", "OPS", "ROLE_MISMATCH"),
        (&scene.ann, "OPS", "OWNER", "ROLE_MISMATCH"),
        (&scene.ann, "OWNER", "OPS", "ROLE_MISMATCH"),
        (&scene.ann, "OPS", "VIEWER", "ROLE_MISMATCH"),
        (&scene.ann, "VIEWER", "VIEWER", "ROLE_FORBIDDEN"),
        (&scene.ann, "OWNER", "OWNER", "ROLE_MISMATCH"),
    ] {
        let body = json!({"confirm": true, "requested_by": "Ada", "approval_reason": "again", "actor_role": body});
        let call = Request::new("POST", &from_run("run_sound")).bearer(&who.text).header("x-cortexpilot-role", header);
        let refused = server.send(&call.json(&body.to_string()));
        assert_eq!((refused.status, refused.code().as_str()), (403, code), "{header} {body}: {}", refused.text());
    }
    assert_eq!(scene.home.queue(), queue);
}

#[test]
fn a_server_without_authentication_does_not_listen_where_others_reach_it() {
    let home = Home::new();
    for host in ["0.0.0.0", "::", "192.0.2.7"] {
        for more in [&[][..], &["--behind-tls-proxy"]] {
            let environment = [
                LOG,
                ("CORTEXPILOT_API_AUTH_REQUIRED", "0"),
                ("CORTEXPILOT_API_HOST", host),
                ("CORTEXPILOT_API_PORT", "0"),
                ("CORTEXPILOT_API_TOKEN", TOKEN),
            ];
            let line = [&["serve"], more].concat();
            let ran = Ran::to_the_end(Process::spawn(home.command(&line, &environment), "serve"));
            assert_eq!((ran.exit, ran.stdout.as_str()), (Some(2), ""), "{host}: {ran:#?}");
            assert!(ran.stderr.contains("loopback"), "{host}: {ran:#?}");
        }
    }
}

#[test]
fn a_process_does_not_act_with_a_token_that_is_none() {
    let home = Home::new();
    home.run(&RunFixture::new("run_a"));
    let (ann, robot) = (Token::operator(&home, "ann"), Token::agent(&home, "robot"));
    let gone = Token::agent(&home, "gone");
    clerk(&home, &["token", "revoke", &gone.id, "--reason", "it was lost"]);
    let malformed = format!("{}0", robot.text);
    let invented = TokenText::new(PrincipalKind::Agent, TokenId::from_bytes([9; 6]), [9; 32]).reveal().to_owned();
    for token in [malformed.as_str(), &invented, &gone.text, &ann.text] {
        // An operator's token is nothing that an agent's process may hold.
        let environment = [crate::support::GATE_OPEN, LOG, ("CORTEXPILOT_TOKEN", token)];
        let ran = Ran::to_the_end(Process::spawn(home.command(&["mcp-queue-pilot-server"], &environment), "pilot"));
        assert!(ran.exit.is_some_and(|code| code != 0), "{ran:#?}");
        assert_eq!(ran.stdout, "");
    }
    for token in [malformed.as_str(), &invented, &gone.text] {
        let ran = home.cli(&["gate", "freeze", "--reason", "x"], &[LOG, ("CORTEXPILOT_TOKEN", token)]);
        assert!(matches!(ran.exit, Some(2 | 3)), "{ran:#?}");
    }
    let ran = home.cli(&["gate", "freeze", "--reason", "x"], &[LOG, robot.environment()]);
    assert_eq!((ran.exit, ran.code().as_str()), (Some(3), "SCOPE_FORBIDDEN"), "{ran:#?}");
    home.pilot(VERSIONS[3], &[LOG, robot.environment()]).finish();
    // A file that others could have read is not used, however good the token in it.
    let file = home.root().join("user/token");
    std::fs::write(&file, &ann.text).unwrap();
    for (mode, exit) in [(0o644, Some(2)), (0o640, Some(2)), (0o600, Some(0))] {
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let environment = [LOG, ("CORTEXPILOT_TOKEN_FILE", file.to_str().unwrap())];
        let ran = home.cli(&["gate", "freeze", "--reason", "x"], &environment);
        assert_eq!(ran.exit, exit, "{mode:o}: {ran:#?}");
    }
    let frozen = home.decisions().events().pop().unwrap();
    assert_eq!((&frozen["event"], &frozen["principal"]), (&json!("FROZEN"), &json!("operator:ann")));
}
