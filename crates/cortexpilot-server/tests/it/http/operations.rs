//! The table and what is served: the same thing, and nothing beside it.

use std::collections::BTreeSet;

use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::{Access, Effect, Operation, Verb, operations};
use serde_json::json;

use super::harness::{Ask, VIEWER, World, apply, options, tokens};

/// The operation's path with something in its variable segment that exists.
fn path(operation: &Operation, queue_id: &str) -> String {
    let path = operation.path.replace("{run_id}", "run_ok").replace("{queue_id}", queue_id);
    let path = path.replace("{workflow_id}", "none").replace("{approval_id}", &format!("apr_{queue_id}"));
    path.replace("{token_id}", "000000000000")
}

fn ask(operation: &Operation, queue_id: &str) -> Ask {
    let path = path(operation, queue_id);
    match (operation.verb, operation.id) {
        (Verb::Get | Verb::Delete, _) => Ask::new(operation.verb.as_str(), &path),
        (Verb::Post, "session_create") => Ask::post(&path, json!({"token": "x"})),
        (Verb::Post, "queue_enqueue") => Ask::post(&path, apply("")),
        (Verb::Post, "worker_presence") => Ask::post(&path, json!({"worker": "box-7"})),
        (Verb::Post, "queue_complete") => Ask::post(&path, json!({"lease_token": "x", "status": "SUCCESS"})),
        (Verb::Post, _) => Ask::post(&path, json!({})),
    }
}

#[tokio::test]
async fn every_operation_of_the_table_is_served_and_ids_and_routes_are_distinct() {
    let world = World::new();
    let id = world.enqueue("run_ok").await;
    let (mut names, mut routes) = (BTreeSet::new(), BTreeSet::new());
    for operation in operations() {
        assert!(names.insert(operation.id), "{}", operation.id);
        assert!(routes.insert((operation.path, operation.verb)), "{}", operation.id);
        assert!(operation.summary.ends_with('.'), "{}", operation.id);
        let told = world.send(ask(operation, &id)).await;
        let plain = told.status == 405 || (told.status == 404 && told.verdict() == "404");
        assert!(!plain, "{} is not served: {told:?}", operation.id);
    }
}

#[tokio::test]
async fn the_tokens_of_the_table_are_asked_for() {
    let world = World::new();
    for operation in operations() {
        let told = world.send(ask(operation, "abc").nobody()).await;
        let want = match (operation.access, operation.id) {
            // It is how one comes to be signed in; nothing shows here whose page asks.
            (Access::Open, "session_create") => "403 ORIGIN_NOT_ALLOWED",
            (Access::Open, _) => "200",
            (Access::Token, _) => "401 AUTH_MISSING_BEARER",
        };
        assert_eq!(told.verdict(), want, "{}", operation.id);
    }
    let open: Vec<&str> = operations().iter().filter(|op| op.access == Access::Open).map(|op| op.id).collect();
    assert_eq!(open, ["session_create", "health", "api_health", "readyz", "openapi", "docs"]);
}

#[tokio::test]
async fn the_parameters_and_members_of_the_table_are_those_that_are_taken() {
    let world = World::new();
    for operation in operations() {
        let told = world.send(with_query(operation, "no_such_parameter=1")).await;
        assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{}", operation.id);
        for known in operation.query {
            assert!(told.reason().contains(&format!("`{known}`")), "{}: {}", operation.id, told.reason());
        }
        if operation.verb == Verb::Post {
            let told = world.send(Ask::post(&path(operation, "abc"), json!({"no_such_member": 1}))).await;
            let takes: Vec<String> = operation.body.iter().map(|name| format!("`{name}`")).collect();
            let takes = format!("; it takes {}.", takes.join(if takes.len() == 2 { " or " } else { ", " }));
            assert!(told.reason().ends_with(&takes), "{}: {} / {takes}", operation.id, told.reason());
        } else {
            assert!(operation.body.is_empty(), "{}", operation.id);
        }
    }
}

fn with_query(operation: &Operation, query: &str) -> Ask {
    let path = format!("{}?{query}", path(operation, "abc"));
    match operation.verb {
        Verb::Get | Verb::Delete => Ask::new(operation.verb.as_str(), &path),
        Verb::Post => Ask::post(&path, json!({})),
    }
}

#[tokio::test]
async fn reading_operations_leave_not_one_line_behind() {
    let world = World::new();
    let id = world.enqueue("run_ok").await;
    let before = world.lines();
    for operation in operations().iter().filter(|operation| operation.effect == Effect::Read) {
        for caller in
            [ask(operation, &id), ask(operation, &id).token(VIEWER).no_role(), ask(operation, "nope").nobody()]
        {
            world.send(caller).await;
        }
        assert_eq!(world.lines(), before, "{}", operation.id);
    }
}

#[tokio::test]
async fn without_rights_a_writing_operation_leaves_one_refusal_and_changes_nothing() {
    // Signing in and out needs a token or a session and no right: `session.rs` has what they must not do.
    let of_lines = |operation: &&Operation| operation.effect == Effect::Write && operation.path != "/api/session";
    let writing: Vec<&Operation> = operations().iter().filter(of_lines).collect();
    let names: Vec<&str> = writing.iter().map(|operation| operation.id).collect();
    let want = [
        "queue_enqueue",
        "queue_cancel",
        "queue_claim",
        "queue_heartbeat",
        "queue_complete",
        "queue_release",
        "queue_stop",
        "queue_revoke",
        "queue_requeue",
        "queue_fail",
        "worker_presence",
        "approval_approve",
        "approval_reject",
        "gate_freeze",
        "gate_unfreeze",
        "gate_pause",
        "gate_resume",
        "token_revoke",
    ];
    // Notes for people that are no lines where they are taken; so there is none where they are refused.
    let unrecorded = ["queue_heartbeat", "worker_presence"];
    assert_eq!(names, want);
    for operation in writing {
        let world = World::new();
        let id = world.enqueue("run_ok").await;
        let before = world.lines();
        let told = world.send(ask(operation, &id).token(VIEWER)).await;
        assert_eq!(told.verdict(), "403 ROLE_FORBIDDEN", "{}", operation.id);
        if unrecorded.contains(&operation.id) {
            assert_eq!(world.lines(), before, "{}", operation.id);
            continue;
        }
        assert_eq!(world.lines(), (before.0, before.1 + 1), "{}", operation.id);
        assert!(world.ledger.memory.decisions().last().unwrap().contains("\"surface\": \"http\""));
    }
}

#[tokio::test]
async fn counters_tell_what_was_refused_and_never_recorded() {
    let world = World::with(MutationGate::Open, Auth::tokens(tokens()), options());
    for _ in 0..3 {
        world.send(Ask::get("/api/runs").token("wrong")).await;
    }
    world.send(Ask::get("/api/runs")).await;
    world.send(Ask::get("/nothing.txt?with=\"quotes\"".replace('"', "%22").as_str())).await;
    let told = world.send(Ask::get("/metrics")).await;
    assert_eq!(told.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "cortexpilot_http_answers_total{operation=\"none\",status=\"401\",code=\"AUTH_INVALID_TOKEN\"} 3",
        "cortexpilot_http_answers_total{operation=\"runs_list\",status=\"200\",code=\"\"} 1",
        "cortexpilot_http_answers_total{operation=\"none\",status=\"404\",code=\"NOT_FOUND\"} 1",
    ] {
        assert!(told.text().lines().any(|have| have == line), "{line}\n{}", told.text());
    }
}
