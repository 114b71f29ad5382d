//! Who takes part: principals with tokens of their own, and what they commonly do.

use std::time::{Duration, Instant};

use cortexpilot_core::domain::time::ledger_text;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::home::Variable;
use crate::support::ledger::{GENESIS, chain_problem, sha256_hex};
use crate::support::{Connection, GATE_OPEN, Home, Ran, Request, Response, Server, secrets};

/// Everything is logged.
pub(super) const LOG: Variable<'static> = ("CORTEXPILOT_LOG", "debug");

/// An operator at the command line who is nobody else here: under this name nothing is ever asked for.
pub(super) const CLERK: Variable<'static> = ("CORTEXPILOT_PRINCIPAL", "local:clerk");

/// How soon what an operator decides must hold in every process.
pub(super) const AT_ONCE: Duration = Duration::from_secs(1);

/// The variable that names a process's policy.
pub(super) const fn policy(word: &str) -> Variable<'_> {
    ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", word)
}

/// A personal token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// The secret itself.
    pub(super) text: String,
    /// Its public name.
    pub(super) id: String,
    /// Whom it stands for.
    pub(super) principal: String,
}

impl Token {
    /// Has one made for a day.
    pub(super) fn new(home: &Home, kind: &str, name: &str, roles: &[&str]) -> Self {
        let mut line = vec!["token", "create", "--kind", kind, "--name", name, "--ttl", "1d"];
        line.extend(roles.iter().flat_map(|role| ["--role", role]));
        let ran = home.cli(&line, &[CLERK, LOG]);
        assert_eq!(ran.exit, Some(0), "{ran:#?}");
        let [text] = &secrets::tokens_in(&ran.stdout)[..] else { panic!("one token is printed, once: {ran:#?}") };
        let id = text.split('_').nth(2).expect("a token names itself").to_owned();
        Self { text: text.clone(), id, principal: format!("{kind}:{name}") }
    }

    /// An operator's, in the role `OPS`.
    pub(super) fn operator(home: &Home, name: &str) -> Self {
        Self::new(home, "operator", name, &["OPS"])
    }

    /// An agent's, in the role `OPS`, sponsored by whoever had it made.
    pub(super) fn agent(home: &Home, name: &str) -> Self {
        Self::new(home, "agent", name, &["OPS"])
    }

    /// A GET by its holder.
    pub(super) fn get(&self, path: &str) -> Request {
        Request::new("GET", path).bearer(&self.text)
    }

    /// A POST by its holder, in the role `OPS`.
    pub(super) fn post(&self, path: &str, body: &Value) -> Request {
        Request::new("POST", path).bearer(&self.text).header("x-cortexpilot-role", "OPS").json(&body.to_string())
    }

    /// The environment of a process that acts as its holder.
    pub(super) fn environment(&self) -> Variable<'_> {
        ("CORTEXPILOT_TOKEN", &self.text)
    }
}

/// Starts a server whose gate is open, with everything logged.
pub(super) fn serve(home: &Home, environment: &[Variable<'_>]) -> Server {
    home.serve(&[&[GATE_OPEN, LOG], environment].concat())
}

/// The path under which a run is queued.
pub(super) fn from_run(run: &str) -> String {
    format!("/api/queue/from-run/{run}")
}

/// Previews a run and asks for it to be queued; gives the answer of the apply.
pub(super) fn apply(connection: &mut Connection, who: &Token, run: &str, changes: &Value) -> Response {
    let parameters: serde_json::Map<String, Value> = changes
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| matches!(name.as_str(), "priority" | "scheduled_at" | "deadline_at"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let shown = connection.send(&who.post(&format!("{}/preview", from_run(run)), &Value::Object(parameters))).answer();
    let mut body = json!({
        "confirm": true, "requested_by": "Ada", "approval_reason": "again", "preview_token": shown["preview_token"],
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    connection.send(&who.post(&from_run(run), &body))
}

/// Asks for a run to be queued where people approve; gives the request's id.
pub(super) fn request(server: &Server, who: &Token, run: &str) -> String {
    let answer = apply(&mut server.connect(), who, run, &json!({})).answer();
    assert_eq!(answer["status"], "PENDING_APPROVAL", "{answer}");
    answer["approval"]["id"].as_str().expect("a request has an id").to_owned()
}

/// A yes over HTTP.
pub(super) fn yes(who: &Token, id: &str) -> Request {
    who.post(&format!("/api/approvals/{id}/approve"), &json!({"reason": "looked at it"}))
}

/// A no over HTTP.
pub(super) fn no(who: &Token, id: &str) -> Request {
    who.post(&format!("/api/approvals/{id}/reject"), &json!({"reason": "not now"}))
}

/// A yes or a no on the command line, by the holder of a token.
pub(super) fn decide(home: &Home, verb: &str, who: &Token, id: &str, environment: &[Variable<'_>]) -> Ran {
    let mut line = vec!["approval", verb, id, "--reason", "looked at it"];
    // Nobody can be asked in a pipe.
    line.extend((verb == "approve").then_some("--yes"));
    home.cli(&line, &[&[GATE_OPEN, LOG, who.environment()], environment].concat())
}

/// The status of a request, as anybody who may look is told.
pub(super) fn status(server: &Server, who: &Token, id: &str) -> String {
    let seen = server.send(&who.get(&format!("/api/approvals/{id}"))).answer();
    seen["status"].as_str().unwrap_or_else(|| panic!("a request has a status: {seen}")).to_owned()
}

/// The item that a request becomes.
pub(super) fn item_of(id: &str) -> &str {
    id.strip_prefix("apr_").expect("a request is named after its item")
}

/// The enqueue lines of an item.
pub(super) fn lines_of(home: &Home, queue_id: &str) -> Vec<Value> {
    let ours = |line: &Value| line["event"] == "QUEUE_ENQUEUE" && line["queue_id"] == queue_id;
    home.queue().events().into_iter().filter(ours).collect()
}

/// The people whose yes an enqueue line holds, without their roles.
pub(super) fn approvers(line: &Value) -> Vec<String> {
    let people = line["approvals"].as_array().unwrap_or_else(|| panic!("an item says who approved it: {line}"));
    let name = |person: &Value| person.as_str().and_then(|text| text.split(' ').next()).unwrap_or_default().to_owned();
    people.iter().map(name).collect()
}

/// The lines of `decisions.jsonl` that are one of these events.
pub(super) fn decisions(home: &Home, event: &str) -> Vec<Value> {
    home.decisions().events().into_iter().filter(|line| line["event"] == event).collect()
}

/// A command of the clerk's, which must end well.
pub(super) fn clerk(home: &Home, line: &[&str]) -> Ran {
    let ran = home.cli(line, &[CLERK, LOG]);
    assert_eq!(ran.exit, Some(0), "{ran:#?}");
    ran
}

/// Asserts that something was seen soon enough after a moment.
pub(super) fn assert_at_once(since: Instant, what: &str) {
    let took = since.elapsed();
    assert!(took < AT_ONCE, "{what} came {took:?} after it was decided");
}

/// Now, as the built binary sees it.
#[expect(clippy::disallowed_methods, reason = "the built binary reads this clock too")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// Moves the end of what the last line of `decisions.jsonl` made: a request or a token. Times that can be configured are too
/// long for a test to wait. The chain has no key, so the line is sealed again. No process may be running.
pub(super) fn end_at(home: &Home, id: &str, end: Timestamp) {
    let path = home.runtime().join("decisions.jsonl");
    let mut lines = home.decisions().lines();
    let line = lines.pop().expect("something was made");
    assert!(line.contains(id), "{line}");
    let previous = lines.last().map_or(GENESIS, |line| &line[line.len() - 66..line.len() - 2]).to_owned();
    let (body, _) = line.rsplit_once(", \"h\": \"").expect("a line ends with its hash");
    let (head, tail) = body.split_once("\"expires_at\": \"").expect("what was made has an end");
    let (_, tail) = tail.split_once('"').expect("a text ends");
    let body = format!("{head}\"expires_at\": \"{}\"{tail}", ledger_text(end));
    let hash = sha256_hex(format!("{previous}{body}").as_bytes());
    lines.push(format!("{body}, \"h\": \"{hash}\"}}"));
    assert_eq!(chain_problem(&lines, GENESIS), None);
    std::fs::write(path, lines.join("\n") + "\n").expect("the ledger can be written");
}
