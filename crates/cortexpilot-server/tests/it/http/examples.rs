//! The document's examples: one exchange of each operation, played against a control plane in memory. They are kept in
//! `src/http/openapi/examples.json`; a server that answers otherwise than its document shows fails here, and so does an
//! operation without an example. That each exchange is as its schema says is held where every answer is ([`super::described`]).

use axum::http::Method;
use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_server::http::{Operation, Verb, operations};
use serde_json::{Map, Value, json};

use super::described::{DOCUMENT, validator};
use super::harness::{Ask, OPERATOR, WORKER, World, apply};

const FILE: &str = "src/http/openapi/examples.json";

/// What stands in a path's variable segments.
fn filled(path: &str, id: &str) -> String {
    let names = [
        ("{run_id}", "run_ok"),
        ("{queue_id}", id),
        ("{approval_id}", id),
        ("{token_id}", id),
        ("{workflow_id}", "wf%2F%CE%B1%201"),
        ("{name}", "patch.diff"),
        ("{size}", "7"),
    ];
    names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

/// A control plane in which the operation has something to answer, the id that its path names, and its body.
async fn scene(operation: &Operation) -> (World, String, Value) {
    let reason = json!({"reason": "The nightly run is quarantined."});
    if operation.id.starts_with("approval") {
        let world = World::under(ApprovalPolicy::Operator);
        let id = world.request(super::harness::AGENT, "run_ok").await;
        let id = if operation.id == "approval_receipt" {
            let told = world.send(super::harness::decide(&id, "reject", OPERATOR)).await;
            assert_eq!(told.status, 200, "{told:?}");
            id
        } else {
            id
        };
        return (world, id, reason);
    }
    let world = World::new();
    *world.notary.signed.lock().expect("no test panics while it holds this") = Some(7);
    match operation.id {
        "token_revoke" | "tokens_list" => {
            world.token(PrincipalKind::Agent, "nightly", "OPS", Some("token:api")).await;
            let listed = world.send(Ask::get("/api/tokens")).await.json();
            let id = listed[0]["id"].as_str().expect("a token").to_owned();
            (world, id, reason)
        }
        "queue_preview" => (world, String::new(), json!({"priority": 5, "scheduled_at": "2026-11-23T02:00:00Z"})),
        "queue_enqueue" => {
            let body = apply(&world.preview("run_ok").await);
            (world, String::new(), body)
        }
        "queue_claim" => {
            world.enqueue("run_ok").await;
            (world, String::new(), json!({"worker": "worker-1", "lease_s": 900}))
        }
        "queue_complete" => {
            let (id, lease) = world.claimed("run_ok").await;
            (world, id, json!({"lease_token": lease, "status": "SUCCESS", "reason": "All 40 tests pass."}))
        }
        "queue_heartbeat" => {
            let (id, lease) = world.claimed("run_ok").await;
            let told = world.send(Ask::post(&format!("/api/queue/{id}/stop"), reason)).await;
            assert_eq!(told.status, 200, "{told:?}");
            let progress = json!({"stage": "tests", "message": "12 of 40", "events": 118});
            (world, id, json!({"lease_token": lease, "progress": progress}))
        }
        "queue_release" => {
            let (id, lease) = world.claimed("run_ok").await;
            let reason = "The repository is not on this machine.";
            (world, id, json!({"lease_token": lease, "started": false, "reason": reason}))
        }
        "queue_stop" | "queue_revoke" => {
            let (id, _) = world.claimed("run_ok").await;
            (world, id, reason)
        }
        "queue_requeue" | "queue_fail" => {
            let id = world.held("run_ok").await;
            (world, id, reason)
        }
        "worker_presence" => (world, String::new(), presence()),
        "session_create" => (world, String::new(), json!({"token": OPERATOR})),
        "workers_list" => {
            let told = world.send(Ask::post("/api/workers/presence", presence()).token(WORKER).no_role()).await;
            assert_eq!(told.status, 200, "{told:?}");
            (world, String::new(), reason)
        }
        "gate_resume" => {
            let told = world.send(Ask::post("/api/gate/pause", reason.clone())).await;
            assert_eq!(told.status, 200, "{told:?}");
            (world, String::new(), reason)
        }
        "gate_unfreeze" => {
            let told = world.send(Ask::post("/api/gate/freeze", reason.clone())).await;
            assert_eq!(told.status, 200, "{told:?}");
            (world, String::new(), reason)
        }
        _ => {
            let id = world.enqueue("run_ok").await;
            (world, id, reason)
        }
    }
}

/// What a worker says of itself.
fn presence() -> Value {
    json!({
        "worker": "box-7",
        "host": "box-7.example",
        "pid": 4711,
        "version": "1.0.0",
        "started_at": "2026-11-22T08:00:00Z",
        "draining": false,
        "slots": 2,
        "running": ["0123456789abcdef0123456789abcdef"],
        "cannot": [{"queue_id": "fedcba9876543210fedcba9876543210", "why": "There is no such repository here."}],
    })
}

/// Whether the document says that the operation's answer is JSON.
fn is_json(operation: &Operation) -> bool {
    let answers = &DOCUMENT["paths"][operation.path][operation.verb.as_str().to_ascii_lowercase()]["responses"];
    answers["200"]["content"]["application/json"].is_object() && operation.id != "openapi"
}

async fn recorded() -> Value {
    let mut all = Map::new();
    for operation in operations() {
        let (world, id, body) = scene(operation).await;
        let path = filled(operation.path, &id);
        let ask = match operation.verb {
            Verb::Get if !is_json(operation) => continue,
            Verb::Get | Verb::Delete => Ask::new(operation.verb.as_str(), &path),
            Verb::Post => Ask::post(&path, body.clone()).header("x-cortexpilot-csrf", "1"),
        };
        let tags = &DOCUMENT["paths"][operation.path][operation.verb.as_str().to_ascii_lowercase()]["tags"];
        let of_workers = *tags == json!(["work"]) && operation.id != "workers_list";
        let ask = if of_workers { ask.token(WORKER).no_role() } else { ask };
        let told = world.send(ask).await;
        assert_eq!(told.status, 200, "{} has nothing to show: add a scene in {}: {told:?}", operation.id, file!());
        let mut exchange = Map::new();
        if operation.verb == Verb::Post {
            exchange.insert("request".to_owned(), body);
        }
        exchange.insert("answer".to_owned(), shortened(told.json()));
        all.insert(operation.id.to_owned(), exchange.into());
    }
    all.into()
}

/// Of a long list, the first entries: an example shows a form.
fn shortened(mut answer: Value) -> Value {
    if let Value::Array(entries) = &mut answer {
        entries.truncate(2);
    }
    answer
}

#[tokio::test]
async fn the_examples_of_the_document_are_what_the_server_answers() {
    let fresh = serde_json::to_string_pretty(&recorded().await).expect("values serialise") + "\n";
    let kept = std::fs::read_to_string(format!("{}/{FILE}", env!("CARGO_MANIFEST_DIR"))).expect("the examples");
    if kept != fresh {
        let played = format!("{}/examples.json", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&played, fresh).expect("the target directory can be written");
        panic!(
            "the server answers otherwise; if that is meant: cp {played} crates/cortexpilot-server/{FILE} && cargo xtask gen"
        );
    }
}

#[test]
fn every_example_is_as_its_schema_says() {
    for operation in operations() {
        let described = &DOCUMENT["paths"][operation.path][operation.verb.as_str().to_ascii_lowercase()];
        let content = "application/json";
        let mut held = vec![("answer", &described["responses"]["200"]["content"][content], is_json(operation))];
        held.push(("request", &described["requestBody"]["content"][content], operation.verb == Verb::Post));
        for (what, media, wanted) in held {
            assert_eq!(media["example"].is_null(), !wanted, "{}: the example of its {what}", operation.id);
            if wanted {
                let validator = validator(&format!("{} {what} example", operation.id), &media["schema"]);
                let wrong: Vec<String> =
                    validator.iter_errors(&media["example"]).map(|error| error.to_string()).collect();
                assert!(wrong.is_empty(), "{}: its {what}: {wrong:#?}", operation.id);
            }
        }
    }
    for (name, example) in DOCUMENT["components"]["examples"].as_object().expect("examples") {
        let schema = if name == "NOT_FOUND" { "PlainRefusal" } else { "Refusal" };
        let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
        assert!(
            validator(schema["$ref"].as_str().expect("a reference"), &schema).is_valid(&example["value"]),
            "{name}"
        );
    }
}

/// The router and the document are made in one step ([`Operation`]s are added to both or to none); this walks both ways.
#[tokio::test]
async fn what_is_described_is_served_and_what_is_served_is_described() {
    let world = World::new();
    let mut described = Vec::new();
    for (path, item) in DOCUMENT["paths"].as_object().expect("paths") {
        for method in ["get", "post", "put", "patch", "delete", "options", "trace"] {
            let request = Ask::new(&method.to_ascii_uppercase(), &filled(path, "none"));
            let told = world.send(request.nobody()).await;
            let wrong = told.status == 405;
            let said = told.verdict();
            if item[method].is_object() {
                described.push((
                    Method::from_bytes(method.to_ascii_uppercase().as_bytes()).expect("a method"),
                    path.clone(),
                ));
                assert!(!wrong, "{method} {path} is described and answered {said}");
            } else {
                assert!(
                    ["405", "401 AUTH_MISSING_BEARER"].contains(&&*said),
                    "{method} {path} is not described and answered {said}"
                );
            }
        }
    }
    let table: Vec<(Method, String)> = operations()
        .iter()
        .map(|operation| {
            (Method::from_bytes(operation.verb.as_str().as_bytes()).expect("a method"), operation.path.to_owned())
        })
        .collect();
    assert_eq!(described.len(), table.len());
    assert!(table.iter().all(|operation| described.contains(operation)));
    for path in [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/queue/",
        "/api/runs/run_ok/nothing",
        "/favicon.ico",
        "/openapi.json",
        "/api/docs/",
    ] {
        let told = world.send(Ask::get(path)).await;
        assert_eq!(told.verdict(), "404", "{path}");
    }
}
