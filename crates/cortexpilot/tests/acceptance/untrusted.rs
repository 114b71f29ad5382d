//! What runs say is untrusted: forty secrets and forty injections in every place of a run, and what an agent can read of them.
//!
//! Each run of a round has another text of the corpus in every place; after all rounds every text has stood in every place.
//! No secret may be read through any tool, resource, prompt, completion, preview, apply or refusal, nor by an agent over
//! HTTP; no character that hides or reorders text may arrive as it is; and no check may be judged otherwise than for a run
//! that says nothing of the kind. That the texts are there is shown by the operator's own view.

mod corpus;
mod runs;

use std::fs;

use cortexpilot_core::domain::text::is_forbidden;
use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use super::support::{GATE_OPEN, Home, Mcp, NO_LIMITS, Request, STATELESS, VERSIONS, apply, secrets};
use corpus::{INJECTIONS, SECRETS};
use runs::{ROUNDS, run, text};

/// The tools that take one run.
const OF_A_RUN: [&str; 8] = [
    "get_run",
    "get_run_events",
    "get_run_reports",
    "get_pending_approvals",
    "get_diff_gate_state",
    "get_compare_summary",
    "get_proof_summary",
    "get_incident_summary",
];

/// The tools that list.
const LISTS: [&str; 5] = ["list_runs", "list_workflows", "list_queue", "get_pending_approvals", "get_diff_gate_state"];

#[test]
fn no_secret_and_no_hidden_character_of_any_place_of_a_run_reaches_a_model() {
    let home = Home::in_memory();
    let mut places = 0;
    for round in 0..ROUNDS {
        for (id, waits) in [(format!("q_{round}"), false), (format!("w_{round}"), true)] {
            let (fixture, filled) = run(&id, round, waits);
            home.run(&fixture);
            places = filled;
        }
    }
    home.run(&RunFixture::new("clean").status("FAILURE").workflow("w").without_evidence());
    let mut seen = Seen::default();
    let queued = through_the_pilot(&home, &mut seen);
    through_the_readonly_server(&home, &mut seen);
    assert_eq!(queued, ROUNDS);
    // Nearly every answer about such a run holds a secret in some place.
    assert!(seen.redacted > 20 * ROUNDS, "{} masked", seen.redacted);
    println!(
        "figure: {} texts in each of {places} places of a run: {} answers read, {} secrets masked, none shown",
        ROUNDS, seen.answers, seen.redacted
    );
}

/// Previews every run, queues those that do not wait, and is refused in every way a run can bring about.
fn through_the_pilot(home: &Home, seen: &mut Seen) -> usize {
    let environment = [&[GATE_OPEN][..], &NO_LIMITS].concat();
    let server = home.serve(&environment);
    let mut pilot = home.pilot("2025-11-25", &environment);
    let clean = preview(&mut pilot, "clean");
    let mut queued = 0;
    for round in 0..ROUNDS {
        let id = format!("q_{round}");
        let view = preview(&mut pilot, &id);
        seen.check(&id, &view);
        // Whatever the run says, it is judged like the one that says nothing.
        for member in [
            "can_apply",
            "gates",
            "mutation_gate",
            "approval_policy",
            "allowed_roles",
            "next_step",
            "boundary",
            "changes",
            "warnings",
        ] {
            assert_eq!(view[member], clean[member], "{member} of {id}");
        }
        // The same digest as the operator's preview, which shows what is stored.
        let path = format!("/api/queue/from-run/{id}/preview");
        let stored = server.send(&Request::post(&path, "{}")).answer();
        assert_eq!(view["preview_digest"], stored["preview_digest"], "{id}");
        assert_eq!(view["preview_item"]["contract_path"], stored["preview_item"]["contract_path"], "{id}");
        let token = json!({ "preview_token": view["preview_token"] });
        let applied = pilot.call("enqueue_from_run", &apply(&id, token));
        seen.check(&id, applied.answer());
        queued += 1;
        seen.check(&id, &preview(&mut pilot, &id));
        seen.check_refusal(&id, pilot.call("enqueue_from_run", &apply(&id, json!({}))).refusal());
        let waiting = format!("w_{round}");
        let view = preview(&mut pilot, &waiting);
        assert_eq!(view["can_apply"], false, "{waiting}");
        seen.check(&waiting, &view);
        seen.check_refusal(&waiting, pilot.call("enqueue_from_run", &apply(&waiting, json!({}))).refusal());
    }
    // What is queued is what is stored, not what was shown.
    let ledger = fs::read_to_string(home.runtime().join("queue.jsonl")).unwrap();
    for secret in SECRETS {
        let stored = json!(secret.text.trim()).to_string();
        assert!(ledger.contains(&stored), "{} is not in the ledger", secret.name);
    }
    altered_runs_are_refused_without_their_words(home, &mut pilot, seen);
    pilot.finish();
    server.stop();
    queued
}

/// Runs that change under a preview, or that cannot be read, with texts in what changed.
fn altered_runs_are_refused_without_their_words(home: &Home, pilot: &mut Mcp, seen: &mut Seen) {
    let mut codes = Vec::new();
    for round in 0..ROUNDS {
        let id = format!("altered_{round}");
        let dir = home.run(&run(&id, round, false).0);
        preview(pilot, &id);
        home.run(&run(&id, round + 1, false).0);
        codes.push(seen.check_refusal(&id, pilot.call("enqueue_from_run", &apply(&id, json!({}))).refusal()));
        for file in ["contract.json", "manifest.json", "events.jsonl"] {
            let sound = fs::read(dir.join(file)).unwrap();
            fs::write(dir.join(file), text(round)).unwrap();
            let called = pilot.call("preview_enqueue_from_run", &json!({ "run_id": id }).to_string());
            codes.push(match called.code() {
                "" => {
                    seen.check(&id, called.answer());
                    String::new()
                }
                _ => seen.check_refusal(&id, called.refusal()),
            });
            fs::write(dir.join(file), sound).unwrap();
        }
    }
    for code in ["PREVIEW_STALE", "RUN_UNREADABLE"] {
        assert!(codes.iter().any(|found| found == code), "{code} never came");
    }
}

fn preview(pilot: &mut Mcp, run: &str) -> Value {
    pilot.call("preview_enqueue_from_run", &json!({ "run_id": run }).to_string()).answer().clone()
}

/// Every tool, resource, prompt and completion there is.
fn through_the_readonly_server(home: &Home, seen: &mut Seen) {
    let mut server = home.readonly(STATELESS, &[]);
    let mut asked: Vec<String> = server.request("tools/list", "")["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect();
    asked.retain(|tool| !LISTS.contains(&tool.as_str()) && !OF_A_RUN.contains(&tool.as_str()));
    assert_eq!(asked, ["get_workflow"], "every tool is called");
    let mut workflows = Vec::new();
    for tool in LISTS {
        let mut cursor = Value::Null;
        loop {
            let page = server.call(tool, &json!({ "limit": 7, "cursor": cursor }).to_string()).answer().clone();
            seen.check(tool, &page);
            workflows
                .extend(page["workflows"].as_array().into_iter().flatten().map(|case| case["workflow_id"].clone()));
            cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
    }
    assert!(workflows.len() > 50, "{workflows:?}");
    for workflow in workflows.into_iter().chain((0..ROUNDS).map(|round| json!(text(round)))) {
        let called = server.call("get_workflow", &json!({ "workflow_id": workflow }).to_string());
        if called.code().is_empty() {
            seen.check("get_workflow", called.answer());
        } else {
            seen.check_refusal("get_workflow", called.refusal());
        }
    }
    for round in 0..ROUNDS {
        for id in [format!("q_{round}"), format!("w_{round}")] {
            for tool in OF_A_RUN {
                seen.check(tool, server.call(tool, &json!({ "run_id": id }).to_string()).answer());
            }
        }
        let id = format!("w_{round}");
        for uri in [
            format!("cortexpilot://runs/{id}"),
            format!("cortexpilot://runs/{id}/events"),
            format!("cortexpilot://runs/{id}/reports/task_result.json"),
            format!("cortexpilot://runs/{id}/reports/broken.json"),
        ] {
            let read = server.request("resources/read", &format!(r#""uri":"{uri}""#));
            let text = read["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{uri}: {read}"));
            seen.check(&uri, &serde_json::from_str(text).unwrap());
        }
        let prompt = server.request("prompts/get", &format!(r#""name":"explain_run","arguments":{{"run_id":"{id}"}}"#));
        assert!(prompt["result"]["messages"].is_array(), "{prompt}");
        seen.check("explain_run", &prompt["result"]);
        let completed = server.request(
            "completion/complete",
            &format!(
                r#""ref":{{"type":"ref/resource","uri":"cortexpilot://runs/{{run_id}}/reports/{{name}}"}},"argument":{{"name":"name","value":""}},"context":{{"arguments":{{"run_id":"{id}"}}}}"#
            ),
        );
        assert!(
            completed["result"]["completion"]["values"].as_array().is_some_and(|names| names.len() > 3),
            "{completed}"
        );
        seen.check("completion of reports", &completed["result"]);
    }
    for (template, argument) in [("cortexpilot://workflows/{id}", "id"), ("cortexpilot://runs/{run_id}", "run_id")] {
        let completed = server.request(
            "completion/complete",
            &format!(
                r#""ref":{{"type":"ref/resource","uri":"{template}"}},"argument":{{"name":"{argument}","value":""}}"#
            ),
        );
        seen.check(template, &completed["result"]);
    }
    let mut cursor = String::new();
    loop {
        let page = server.request("resources/list", &cursor);
        seen.check("resources/list", &page["result"]);
        let Some(next) = page["result"]["nextCursor"].as_str() else { break };
        cursor = format!(r#""cursor":{}"#, json!(next));
    }
    server.finish();
}

#[test]
fn an_agent_reads_no_secret_over_http_and_an_operator_reads_what_is_stored() {
    let home = Home::in_memory();
    for round in 0..ROUNDS {
        home.run(&run(&format!("w_{round}"), round, true).0);
    }
    let created =
        home.cli(&["token", "create", "--kind", "agent", "--name", "reader", "--ttl", "1d", "--role", "OPS"], &[]);
    let [token] = &secrets::tokens_in(&created.stdout)[..] else { panic!("{created:#?}") };
    let server = home.serve(&[]);
    let mut seen = Seen::default();
    let mut stored = String::new();
    let mut connection = server.connect();
    let mut paths = vec![
        "/api/runs".to_owned(),
        "/api/workflows".to_owned(),
        "/api/runs?limit=9&cursor=".to_owned(),
        "/api/queue".to_owned(),
    ];
    for round in 0..ROUNDS {
        paths.extend(["", "/events", "/reports"].map(|part| format!("/api/runs/w_{round}{part}")));
    }
    for path in paths {
        let answer = connection.send(&Request::new("GET", &path).bearer(token));
        seen.check(&path, &answer.answer());
        if path.contains("/w_") {
            let masked = answer.header("x-cortexpilot-redacted").and_then(|count| count.parse::<usize>().ok());
            assert!(masked.is_some_and(|masked| masked > 0), "{path}: {masked:?}");
        }
        stored.push_str(&connection.send(&Request::get(&path)).text());
    }
    for round in 0..ROUNDS {
        let path = format!("/api/queue/from-run/w_{round}/preview");
        let preview = Request::new("POST", &path).bearer(token).header("x-cortexpilot-role", "OPS").json("{}");
        let answer = connection.send(&preview).answer();
        assert!(answer["preview_digest"].as_str().is_some_and(|digest| digest.len() == 64), "{answer}");
        seen.check("preview", &answer);
    }
    for secret in SECRETS {
        let text = json!(secret.text).to_string();
        assert!(stored.contains(text.trim_matches('"')), "{}: the operator's view is not what is stored", secret.name);
    }
    for injection in INJECTIONS {
        let text = json!(injection).to_string();
        assert!(stored.contains(text.trim_matches('"')), "{injection:?} is not in the operator's view");
    }
    server.stop();
}

#[test]
fn a_sample_is_masked_and_escaped_under_every_protocol_version_and_says_so() {
    let home = Home::new();
    let text = "password=hunter2-sample \u{202E}\u{E0041}";
    home.run(&RunFixture::new("run_ok").request(text).failed(text).report("r.json", json!({ "secret": "s", "n": 1 })));
    for version in VERSIONS {
        let mut server = home.readonly(version, &[]);
        let run = server.call("get_run", r#"{"run_id":"run_ok"}"#).answer().clone();
        let shown = "password=[redacted:password] \\u{202E}\\u{E0041}";
        assert_eq!(run["run"]["manifest"]["user_request"], shown);
        assert_eq!(run["run"]["contract"]["inputs"]["spec"], shown);
        assert_eq!(run["redacted"], 3);
        assert_eq!(run["run"]["manifest"]["evidence_hashes"]["contract.json"].as_str().map(str::len), Some(64));
        let reports = server.call("get_run_reports", r#"{"run_id":"run_ok"}"#).answer().clone();
        assert_eq!(reports["reports"][0]["data"], json!({ "secret": "[redacted:secret]", "n": 1 }));
        assert_eq!(reports["redacted"], 1);
        // Where nothing was done, nothing is said.
        let events = server.call("get_run_events", r#"{"run_id":"run_ok"}"#).answer().clone();
        assert_eq!((&events["redacted"], &events["truncated"]), (&Value::Null, &Value::Null));
        server.finish();
    }
}

/// What was read, and whether any of it should not have been.
#[derive(Default)]
struct Seen {
    answers: usize,
    redacted: usize,
}

impl Seen {
    fn check(&mut self, what: &str, answer: &Value) {
        self.answers += 1;
        self.redacted += answer["redacted"].as_u64().map_or(0, |count| usize::try_from(count).unwrap());
        let text = without_escapes(&answer.to_string());
        for secret in SECRETS {
            assert!(!text.contains(secret.needle), "{what} shows {}: {}", secret.name, around(&text, secret.needle));
        }
        assert_nothing_hidden(what, answer);
    }

    /// A refusal, and that no text of the run is in it at all.
    fn check_refusal(&mut self, what: &str, refusal: &Value) -> String {
        self.check(what, refusal);
        let text = refusal.to_string();
        for injection in INJECTIONS {
            let injection = json!(injection).to_string();
            assert!(!text.contains(injection.trim_matches('"')), "{what}: {refusal}");
        }
        assert!(!text.contains("redacted"), "{what}: a refusal has nothing to mask: {refusal}");
        refusal["code"].as_str().unwrap().to_owned()
    }
}

/// The text with the server's escapes taken out, as whoever puts a split secret together again would read it.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\\\\u{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once('}').map_or(part, |(_, rest)| rest));
    }
    out
}

fn around(text: &str, needle: &str) -> String {
    let at = text.find(needle).unwrap_or_default();
    text[..at].chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().chain(text[at..].chars().take(80)).collect()
}

fn assert_nothing_hidden(what: &str, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => assert_plain(what, text),
        Value::Array(items) => items.iter().for_each(|item| assert_nothing_hidden(what, item)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            assert_plain(what, name);
            assert_nothing_hidden(what, value);
        }),
    }
}

fn assert_plain(what: &str, text: &str) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let ends_line = c == '\r' && chars.peek() == Some(&'\n');
        let noncharacter = u32::from(c) & 0xFFFE == 0xFFFE;
        let shown = matches!(c, '\n' | '\t') || ends_line || !(is_forbidden(c) || noncharacter);
        assert!(shown, "{what} holds {c:?}: {text:?}");
    }
}
