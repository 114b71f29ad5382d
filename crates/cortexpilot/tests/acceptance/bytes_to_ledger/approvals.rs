//! Where people decide: the golden lines of everything that they can do. The last yes that is needed is the item's own line
//! and names who said it; whatever comes before stands in `decisions.jsonl`.

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use super::{as_answered, check_golden, check_pinned};
use crate::support::{GATE_OPEN, Home, Request, STATELESS, apply};

const QUEUE: &str = include_str!("../data/approvals-ledger.golden");
const DECISIONS: &str = include_str!("../data/approvals-decisions.golden");

/// One variable of an environment.
type Variable<'a> = (&'a str, &'a str);

const OPERATOR: Variable<'_> = ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "operator");
const TWO_PERSON: Variable<'_> = ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "two-person");
const ADA: Variable<'_> = ("CORTEXPILOT_PRINCIPAL", "local:ada");
const BOB: Variable<'_> = ("CORTEXPILOT_PRINCIPAL", "local:bob");
const ROLES: Variable<'_> = ("CORTEXPILOT_API_TOKEN_ROLES", "OPS,OWNER");

#[test]
fn every_yes_and_no_of_a_person_is_a_golden_line() {
    let home = Home::new();
    for run in ["run_asked", "run_own_http", "run_own_cli", "run_unwanted", "run_of_two"] {
        home.run(&RunFixture::new(run).workflow("wf-golden"));
    }
    let mut answers = approved_by_another(&home);
    answers.extend(approved_by_oneself(&home));
    rejected(&home);
    answers.push(approved_by_two(&home));
    let lines = home.queue().events();
    assert_eq!(answers, lines.iter().map(as_answered).collect::<Vec<_>>());
    check_pinned(&home);
    frozen_and_thawed(&home);
    check_golden(&home, QUEUE, DECISIONS);
}

/// An agent asks over MCP, and somebody else for the same over HTTP: one request. A third person says yes.
fn approved_by_another(home: &Home) -> Vec<Value> {
    let mut pilot = home.pilot(STATELESS, &[GATE_OPEN, OPERATOR, ADA]);
    let asked = ask(&mut pilot, "run_asked", json!({"idempotency_key": "ask/1", "priority": 7}));
    pilot.finish();
    let server = home.serve(&[GATE_OPEN, OPERATOR, ADA, ROLES]);
    let path = "/api/queue/from-run/run_asked";
    server.send(&Request::post(&format!("{path}/preview"), r#"{"priority":7}"#)).answer();
    let body = r#"{"confirm":true,"requested_by":"Grace","approval_reason":"me too","priority":7}"#;
    assert_eq!(server.send(&Request::post(path, body)).answer()["approval"]["id"], json!(asked));
    // Whoever asked does not decide.
    let approve = Request::post(&format!("/api/approvals/{asked}/approve"), "{}");
    assert_eq!(server.send(&approve).code(), "SELF_APPROVAL");
    assert!(server.stop().status.success());
    assert_eq!(home.queue().lines(), Vec::<String>::new());
    let yes = ["approval", "approve", &asked, "--role", "OWNER", "--reason", "I looked at it — gut", "--yes"];
    vec![home.cli(&yes, &[GATE_OPEN, OPERATOR, BOB]).answer()]
}

/// Operators who type the run's id say yes to what they ask for themselves.
fn approved_by_oneself(home: &Home) -> [Value; 2] {
    let server = home.serve(&[GATE_OPEN, OPERATOR, ADA, ROLES]);
    let path = "/api/queue/from-run/run_own_http";
    server.send(&Request::post(&format!("{path}/preview"), "{}")).answer();
    let body = r#"{"confirm":true,"confirm_run_id":"run_own_http","requested_by":"Ada","approval_reason":"my own"}"#;
    let over_http = server.send(&Request::post(path, body)).answer();
    assert!(server.stop().status.success());
    let environment = [GATE_OPEN, OPERATOR, ADA];
    let preview = home.cli(&["queue", "preview", "run_own_cli"], &environment).answer();
    let token = preview["preview_token"].as_str().unwrap();
    let inputs =
        ["--role", "OWNER", "--requested-by", "Ada", "--reason", "by hand", "--confirm", "--preview-token", token];
    let typed = ["--confirm-run-id", "run_own_cli"];
    let words = [&["queue", "enqueue", "run_own_cli"], &inputs[..], &typed].concat();
    [over_http, home.cli(&words, &environment).answer()]
}

fn rejected(home: &Home) {
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN, OPERATOR, ADA]);
    let asked = ask(&mut pilot, "run_unwanted", json!({}));
    pilot.finish();
    let server = home.serve(&[ROLES]);
    let reject = Request::post(&format!("/api/approvals/{asked}/reject"), r#"{"reason":"not this week"}"#);
    assert_eq!(server.send(&reject).answer()["status"], "REJECTED");
    assert!(server.stop().status.success());
}

/// Two operators with tokens of their own agree to what an agent asks for; where they have said that two must, it takes two
/// to ask for less again.
fn approved_by_two(home: &Home) -> Value {
    let (_, bob) = token(home, &["create", "--kind", "operator", "--name", "bob", "--role", "OWNER,OPS"]);
    let (old, _) =
        token(home, &["create", "--kind", "operator", "--name", "eve", "--role", "OWNER", "--reason", "new"]);
    let (_, eve) = token(home, &["rotate", &old]);
    home.cli(&["token", "revoke", &old, "--role", "OPS", "--reason", "rotated"], &[ADA]).answer();
    home.cli(&["gate", "policy", "set", "two-person", "--role", "OWNER", "--reason", "audit week"], &[ADA]).answer();

    let mut pilot = home.pilot("2025-11-25", &[GATE_OPEN, TWO_PERSON, ADA]);
    let asked = ask(&mut pilot, "run_of_two", json!({"deadline_at": "2030-12-31T00:00:00Z"}));
    pilot.finish();
    let server = home.serve(&[GATE_OPEN, TWO_PERSON]);
    let approve = |token: &str, role: &str, body: &str| {
        let request = Request::new("POST", &format!("/api/approvals/{asked}/approve")).bearer(token).json(body);
        server.send(&request.header("x-cortexpilot-role", role))
    };
    let first = approve(&bob, "OPS", r#"{"reason":"first of two"}"#).answer();
    assert_eq!((&first["status"], &first["approval"]["has"]), (&json!("PENDING_APPROVAL"), &json!(1)));
    assert_eq!(approve(&bob, "OWNER", "{}").code(), "APPROVAL_DECIDED");
    let second = approve(&eve, "OWNER", r#"{"reason":"second of two"}"#).answer();
    assert!(server.stop().status.success());

    let lower = ["gate", "policy", "set", "declared", "--role", "OWNER", "--reason", "it is over"];
    for token in [&bob, &eve] {
        home.cli(&lower, &[("CORTEXPILOT_TOKEN", token)]).answer();
    }
    second
}

fn frozen_and_thawed(home: &Home) {
    home.cli(&["gate", "freeze", "--role", "OPS"], &[ADA]).answer();
    assert_eq!(home.cli(&["queue", "claim", "--role", "OPS"], &[ADA]).code(), "FROZEN");
    home.cli(&["gate", "unfreeze", "--role", "OPS", "--reason", "false alarm"], &[ADA]).answer();
}

/// Previews a run with these inputs and asks for it; gives the request's id.
fn ask(pilot: &mut crate::support::Mcp, run: &str, inputs: Value) -> String {
    let mut previewed = json!({ "run_id": run });
    for name in ["priority", "deadline_at"] {
        if let Some(value) = inputs.get(name) {
            previewed[name] = value.clone();
        }
    }
    pilot.call("preview_enqueue_from_run", &previewed.to_string()).answer();
    let answer = pilot.call("enqueue_from_run", &apply(run, inputs)).answer().clone();
    assert_eq!(answer["status"], "PENDING_APPROVAL", "{answer}");
    answer["approval"]["id"].as_str().unwrap().to_owned()
}

/// Makes a token that lives for a day; gives its id and its text.
fn token(home: &Home, words: &[&str]) -> (String, String) {
    let made = home.cli(&[&["token"], words, &["--ttl", "1d"]].concat(), &[ADA]).answer();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["record"]["id"]), text(&made["token"]))
}
