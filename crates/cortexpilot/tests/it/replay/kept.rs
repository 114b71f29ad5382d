//! The surface that clients of the original rely on, path by path: what each of its kept paths answers to the right request
//! and to the usual wrong ones. The recorded exchanges have each fact once; here every path has each of them.

use std::process::Command;

use serde_json::{Value, json};

use super::recording::Recording;
use crate::support::http::Response;
use crate::support::{APPLY, BINARY, Server};

const TOKEN: &str = "vec-token";

/// What a right request is answered with.
#[derive(Clone, Copy)]
enum Shape {
    /// An array of objects that begin with these members, in this order.
    List(&'static [&'static str]),
    /// An object that begins with them.
    Object(&'static [&'static str]),
    /// An object that holds them, in this order, among others.
    ObjectWith(&'static [&'static str]),
    /// An array of objects that hold them, in this order, among others.
    ListWith(&'static [&'static str]),
    /// Server-sent events.
    Events,
}

/// What is asked of something that is not there.
#[derive(Clone, Copy)]
enum Missing {
    /// It is refused with 404 and this code.
    Refused(&'static str),
    /// It is answered with 200, as if it were empty.
    Empty(&'static str),
    /// The path names nothing that could be missing.
    Nothing,
}

/// One path.
struct Kept {
    method: &'static str,
    /// A right request.
    path: &'static str,
    /// Its body.
    body: Option<&'static str>,
    shape: Shape,
    /// The same of what is not there.
    missing: (&'static str, Missing),
    /// A query or body of the wrong form: 422.
    wrong: Option<&'static str>,
    /// What `allow` says to a method that the path has not.
    allow: &'static str,
}

const fn get(path: &'static str, shape: Shape) -> Kept {
    let missing = ("", Missing::Nothing);
    Kept { method: "GET", path, body: None, shape, missing, wrong: None, allow: "GET" }
}

const fn post(path: &'static str, body: &'static str, shape: Shape) -> Kept {
    Kept { method: "POST", body: Some(body), allow: "POST", ..get(path, shape) }
}

impl Kept {
    const fn missing(self, path: &'static str, how: Missing) -> Self {
        Self { missing: (path, how), ..self }
    }

    const fn wrong(self, how: &'static str) -> Self {
        Self { wrong: Some(how), ..self }
    }
}

const ITEM: &[&str] = &[
    "queue_id",
    "task_id",
    "owner",
    "contract_path",
    "workflow_id",
    "source_run_id",
    "status",
    "priority",
    "scheduled_at",
    "deadline_at",
    "run_id",
    "claimed_at",
    "completed_at",
    "sla_state",
    "queue_state",
    "eligible",
    "waiting_reason",
    "created_at",
    "cancelled_at",
];

const CANCELLED: &[&str] = &[
    "queue_id",
    "task_id",
    "owner",
    "contract_path",
    "workflow_id",
    "source_run_id",
    "status",
    "priority",
    "scheduled_at",
    "deadline_at",
    "run_id",
    "claimed_at",
    "completed_at",
    "sla_state",
    "queue_state",
    "eligible",
    "waiting_reason",
    "created_at",
    "cancelled_at",
    "reason",
    "cancelled_by",
];

const RUN_ROW: &[&str] = &[
    "run_id",
    "task_id",
    "status",
    "workflow_id",
    "workflow_status",
    "created_at",
    "finished_at",
    "start_ts",
    "end_ts",
    "owner_agent_id",
    "owner_role",
    "assigned_agent_id",
    "assigned_role",
    "failure_reason",
    "last_event_ts",
    "failure_class",
    "failure_code",
    "failure_stage",
    "failure_summary_zh",
    "action_hint_zh",
    "root_event",
    "outcome_type",
    "outcome_label_zh",
];

const RUN: &[&str] = &[
    "run_id",
    "task_id",
    "status",
    "allowed_paths",
    "contract",
    "manifest",
    "role_binding_read_model",
    "failure_class",
    "failure_code",
    "failure_stage",
    "failure_summary_zh",
    "action_hint_zh",
    "root_event",
    "outcome_type",
    "outcome_label_zh",
];

const EVENT: &[&str] =
    &["ts", "level", "event", "event_type", "run_id", "task_id", "attempt", "trace_id", "context", "meta", "payload"];

const EVENT_OF_ALL: &[&str] = &[
    "ts",
    "level",
    "event",
    "event_type",
    "run_id",
    "task_id",
    "attempt",
    "trace_id",
    "context",
    "meta",
    "payload",
    "_run_id",
];

const CASE: &[&str] = &[
    "workflow_id",
    "task_queue",
    "namespace",
    "status",
    "verdict",
    "summary",
    "objective",
    "owner_pm",
    "project_key",
    "pm_session_ids",
    "case_source",
    "case_updated_at",
    "runs",
];

const SEARCH: &[&str] = &[
    "run_id",
    "raw",
    "raw_history",
    "verification",
    "verification_history",
    "purified",
    "search_summary",
    "verification_ai",
    "browser_results",
    "news_digest_result",
    "topic_brief_result",
    "page_brief_result",
    "evidence_bundle",
];

const PREVIEW: &[&str] =
    &["run_id", "validation", "can_apply", "preview_item", "pending_matches", "changes", "boundary"];

const LINE: &[&str] = &[
    "event",
    "status",
    "task_id",
    "owner",
    "contract_path",
    "priority",
    "workflow_id",
    "source_run_id",
    "scheduled_at",
    "deadline_at",
    "ts",
    "queue_id",
];

use Missing::{Empty, Refused};
use Shape::{Events, List, ListWith, Object, ObjectWith};

const NO_RUN: Missing = Refused("RUN_NOT_FOUND");

/// Every kept path. `$ITEM` stands for the item that was queued, `$PREVIEW` for the token of the last preview.
const PATHS: &[Kept] = &[
    get("/api/runs", List(RUN_ROW)),
    get("/api/runs/run_ok_0001", Object(RUN)).missing("/api/runs/missing", NO_RUN),
    get("/api/runs/run_ok_0001/events", List(EVENT)).missing("/api/runs/missing/events", Empty("[]")).wrong("limit=0"),
    get("/api/runs/run_ok_0001/events/stream?follow=false", Events)
        .missing("/api/runs/missing/events/stream?follow=false", NO_RUN)
        .wrong("limit=5001"),
    get("/api/runs/run_ok_0001/diff", Object(&["diff"])).missing("/api/runs/missing/diff", Empty("{\"diff\":\"\"}")),
    get("/api/runs/run_ok_0001/reports", List(&["name", "data"])).missing("/api/runs/missing/reports", Empty("[]")),
    get("/api/runs/run_ok_0001/artifacts", Object(&["items"]))
        .missing("/api/runs/missing/artifacts", Empty("{\"items\":[]}")),
    get("/api/runs/run_ok_0001/search", Object(SEARCH)).missing("/api/runs/missing/search", NO_RUN),
    get("/api/workflows", List(CASE)),
    get("/api/workflows/wf-alpha", Object(&["workflow", "runs", "events"]))
        .missing("/api/workflows/missing", Refused("WORKFLOW_NOT_FOUND")),
    get("/api/contracts", ListWith(&["task_id", "_source", "_path"])),
    get("/api/events", List(EVENT_OF_ALL)).wrong("limit=0"),
    get("/api/diff-gate", List(&["run_id", "diff_gate", "status", "failure_reason", "allowed_paths"])),
    get("/api/reviews", List(&["run_id", "report"])),
    get("/api/tests", List(&["run_id", "report"])),
    post("/api/queue/from-run/run_ok_0001/preview", "{}", ObjectWith(PREVIEW))
        .missing("/api/queue/from-run/missing/preview", NO_RUN)
        .wrong(r#"{"priority": "high"}"#),
    post(
        "/api/queue/from-run/run_ok_0001",
        r#"{"confirm": true, "requested_by": "alice", "approval_reason": "because", "preview_token": "$PREVIEW"}"#,
        Object(LINE),
    )
    .missing("/api/queue/from-run/missing", NO_RUN)
    .wrong(r#"{"scheduled_at": "next tuesday"}"#),
    get("/api/queue", List(ITEM)),
    post("/api/queue/$ITEM/cancel", r#"{"reason": "changed my mind"}"#, Object(CANCELLED))
        .missing("/api/queue/missing/cancel", Refused("QUEUE_ITEM_NOT_FOUND"))
        .wrong(r#"{"reason": 5}"#),
];

/// The recording's files with everything in them that a kept path shows, and a server whose gate is open.
struct World {
    server: Server,
    item: String,
    preview: String,
    _directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().canonicalize().expect("the directory exists").join("root");
        std::fs::create_dir(&root).expect("a fresh root");
        Recording::load().lay_out(&root);
        let run = root.join("runs/run_ok_0001");
        std::fs::create_dir_all(run.join("artifacts")).expect("a directory");
        for (file, text) in [
            ("patch.diff", "--- a/docs/x.md\n+++ b/docs/x.md\n"),
            ("reports/review_report.json", "{\"verdict\": \"PASS\"}"),
            ("artifacts/search_results.json", "{\"latest\": {\"results\": []}}"),
        ] {
            std::fs::write(run.join(file), text).expect("a file");
        }
        let mut command = Command::new(BINARY);
        command.args(["serve", "--port", "0", "--output", "json"]).env_clear().current_dir(directory.path());
        command.env("HOME", directory.path()).env("CORTEXPILOT_RUNTIME_ROOT", &root).envs([APPLY]);
        command.env("CORTEXPILOT_RUNS_ROOT", root.join("runs")).env("CORTEXPILOT_API_TOKEN", TOKEN);
        Self { server: Server::start(command), item: String::new(), preview: String::new(), _directory: directory }
    }

    fn filled(&self, text: &str) -> String {
        text.replace("$ITEM", &self.item).replace("$PREVIEW", &self.preview)
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Response {
        let body = body.map(|body| self.filled(body));
        self.server.anonymous(method, &self.filled(path), headers, body.as_deref())
    }

    /// As the operator, in a role.
    fn signed_in(&self, method: &str, path: &str, body: Option<&str>) -> Response {
        self.send(method, path, &[SIGNED_IN, ROLE], body)
    }

    /// The right request, with headers of its own beside the token.
    fn ask(&mut self, kept: &Kept, headers: &[(&str, &str)]) -> Response {
        let answer = self.send(kept.method, kept.path, &[headers, &[SIGNED_IN, ROLE]].concat(), kept.body);
        if let Ok(body) = serde_json::from_str::<Value>(&answer.body) {
            if let Some(token) = body["preview_token"].as_str() {
                token.clone_into(&mut self.preview);
            }
            if let Some(item) = body["queue_id"].as_str() {
                item.clone_into(&mut self.item);
            }
        }
        answer
    }
}

const SIGNED_IN: (&str, &str) = ("authorization", "Bearer vec-token");
const ROLE: (&str, &str) = ("x-cortexpilot-role", "OPS");
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn is_hex32(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

/// A refusal in the kept form: under `detail` its code, and the ids that the headers say.
fn assert_refused(what: &str, answer: &Response, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    let body = answer.json();
    assert_eq!(body["detail"]["code"], code, "{what}: {answer:?}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{what}: {answer:?}");
    for (member, header) in [("request_id", "x-request-id"), ("trace_id", "x-trace-id")] {
        assert_eq!(body["detail"][member].as_str(), answer.header(header), "{what}: {answer:?}");
    }
    assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
}

fn assert_shape(what: &str, answer: &Response, shape: Shape) {
    let kind = if matches!(shape, Events) { "text/event-stream; charset=utf-8" } else { "application/json" };
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{what}: {answer:?}");
    let begins = |value: &Value, members: &[&str]| {
        let found: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
        assert!(found.starts_with(members), "{what}: {found:?} does not begin with {members:?}");
    };
    let holds = |value: &Value, members: &[&str]| {
        let found: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
        let places: Vec<_> = members.iter().map(|name| found.iter().position(|known| known == name)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{what}: {found:?}");
    };
    let each = || {
        let body = answer.json();
        let items = body.as_array().unwrap_or_else(|| panic!("{what}: no plain array: {answer:?}")).clone();
        assert!(!items.is_empty(), "{what}: there is nothing to look at");
        items
    };
    match shape {
        Object(members) => begins(&answer.json(), members),
        List(members) => each().iter().for_each(|item| {
            // A line that is no event stands as `{"raw": …}`, as it did.
            if item.get("raw").is_none() {
                begins(item, members);
            }
        }),
        ObjectWith(members) => holds(&answer.json(), members),
        ListWith(members) => {
            // What cannot be read has none of the contract's own members.
            let readable: Vec<Value> = each().into_iter().filter(|item| item.get(members[0]).is_some()).collect();
            assert!(!readable.is_empty(), "{what}");
            readable.iter().for_each(|item| holds(item, members));
        }
        Events => {
            let first: Vec<&str> = answer.body.lines().take(4).collect();
            assert_eq!(first[..2], ["id: 2026-03-01T12:00:00+00:00", "event: run_event"], "{what}");
            let data = first[2].strip_prefix("data: ").expect("the event");
            begins(&serde_json::from_str(data).expect("JSON"), EVENT);
            assert_eq!((first[3], answer.body.ends_with("\n\n")), ("", true), "{what}");
        }
    }
}

/// Nobody without a token, nobody with a wrong one; both cookies open what the bearer token does.
fn check_sign_in(world: &mut World, kept: &Kept, facts: &mut usize) {
    let what = format!("{} {}", kept.method, kept.path);
    let ask = |headers: &[(&str, &str)]| world.send(kept.method, kept.path, headers, kept.body);
    assert_refused(&what, &ask(&[ROLE]), 401, "AUTH_MISSING_BEARER");
    assert_refused(&what, &ask(&[("authorization", "Basic vec-token"), ROLE]), 401, "AUTH_MISSING_BEARER");
    assert_refused(&what, &ask(&[("authorization", "Bearer wrong"), ROLE]), 401, "AUTH_INVALID_TOKEN");
    *facts += 3;
    if kept.method == "GET" {
        let bearer = ask(&[("authorization", "bearer vec-token"), ROLE]);
        assert_eq!(bearer.status, 200, "{what}: {bearer:?}");
        for name in ["cortexpilot_api_token", "api_token"] {
            let cookie = ask(&[("cookie", &format!("a=b; {name}=vec-token"))]);
            assert_eq!((cookie.status, &cookie.body), (200, &bearer.body), "{what}: {name}");
            *facts += 1;
        }
        return;
    }
    // A mutation, and its preview, needs a role that the caller holds.
    assert_refused(&what, &ask(&[SIGNED_IN]), 403, "ROLE_REQUIRED");
    assert_refused(&what, &ask(&[SIGNED_IN, ("x-cortexpilot-role", "worker")]), 403, "ROLE_FORBIDDEN");
    *facts += 2;
}

/// A path that has something else after it, a method that it has not, something that is not there, a wrong form.
fn check_refusals(world: &mut World, kept: &Kept, facts: &mut usize) {
    let what = format!("{} {}", kept.method, kept.path);
    let bare = kept.path.split('?').next().unwrap_or_default();
    let nothing = world.signed_in("GET", &format!("{bare}/no/such/path"), None);
    assert_eq!((nothing.status, nothing.json()), (404, json!({"detail": "Not Found"})), "{what}");
    for (method, headers) in [("DELETE", &[SIGNED_IN][..]), ("PUT", &[SIGNED_IN]), ("OPTIONS", &[])] {
        let answer = world.send(method, bare, headers, None);
        assert_eq!((answer.status, answer.json()), (405, json!({"detail": "Method Not Allowed"})), "{what}: {method}");
        assert_eq!(answer.header("allow"), Some(kept.allow), "{what}: {method}");
        *facts += 1;
    }
    match kept.missing {
        (path, Refused(code)) => {
            let answer = world.signed_in(kept.method, path, kept.body);
            assert_refused(path, &answer, 404, code);
        }
        (path, Empty(body)) => {
            let answer = world.signed_in(kept.method, path, kept.body);
            let begins = body.trim_end_matches(['}', ']']);
            assert!(answer.status == 200 && answer.body.starts_with(begins), "{path}: {answer:?}");
        }
        (_, Missing::Nothing) => {}
    }
    match (kept.wrong, kept.method) {
        (Some(query), "GET") => {
            let answer = world.signed_in("GET", &format!("{bare}?{query}"), None);
            assert_refused(&what, &answer, 422, "REQUEST_VALIDATION_ERROR");
        }
        (Some(body), method) => {
            let answer = world.signed_in(method, kept.path, Some(body));
            assert_refused(&what, &answer, 422, "REQUEST_VALIDATION_ERROR");
            let answer = world.send(method, kept.path, &[SIGNED_IN, ROLE], None);
            assert!(matches!(answer.status, 415 | 422), "{what}: no body: {answer:?}");
        }
        (None, _) => {}
    }
    *facts += 3;
}

/// What came is given back; what did not come is made.
fn check_ids(what: &str, sent: &Response, unsent: &Response, facts: &mut usize) {
    for (name, value) in [("x-request-id", "rid-7"), ("traceparent", TRACEPARENT)] {
        assert_eq!(sent.header(name), Some(value), "{what}: {name}");
        *facts += 1;
    }
    assert_eq!(sent.header("x-trace-id"), Some("4bf92f3577b34da6a3ce929d0e0e4736"), "{what}");
    assert!(is_hex32(unsent.header("x-request-id")) && is_hex32(unsent.header("x-trace-id")), "{what}: {unsent:?}");
    assert_eq!(unsent.header("traceparent"), None, "{what}");
    for answer in [sent, unsent] {
        assert_eq!(answer.header("x-cortexpilot-lane"), Some("stable"), "{what}");
    }
    *facts += 4;
}

#[test]
fn every_kept_path_keeps_its_statuses_shapes_cookies_and_headers() {
    let mut world = World::new();
    let mut facts = 0;
    let sent = [("x-request-id", "rid-7"), ("traceparent", TRACEPARENT)];
    for kept in PATHS {
        let what = format!("{} {}", kept.method, kept.path);
        if kept.path == "/api/queue" || kept.body.is_none() || kept.path.ends_with("/preview") {
            check_sign_in(&mut world, kept, &mut facts);
            check_refusals(&mut world, kept, &mut facts);
            let unsent = world.ask(kept, &[]);
            assert_shape(&what, &unsent, kept.shape);
            let answer = world.ask(kept, &sent);
            assert_shape(&what, &answer, kept.shape);
            check_ids(&what, &answer, &unsent, &mut facts);
        } else {
            // These change something, so the right request is sent once, and last.
            check_sign_in(&mut world, kept, &mut facts);
            check_refusals(&mut world, kept, &mut facts);
            let refused = world.send(kept.method, kept.path, &[], kept.body);
            let answer = world.ask(kept, &sent);
            assert_shape(&what, &answer, kept.shape);
            check_ids(&what, &answer, &refused, &mut facts);
        }
        facts += 2;
    }
    let again = world.signed_in("POST", "/api/queue/$ITEM/cancel", Some("{}"));
    assert_refused("a second cancel", &again, 409, "QUEUE_ITEM_NOT_CANCELLABLE");
    println!("figure: {} kept paths of the original, {facts} facts about them", PATHS.len());
}
