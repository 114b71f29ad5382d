//! The queue pilot over HTTP: the bearer's own principal, the same gates and codes as over standard input.

use cortexpilot_core::domain::command::{ApprovalPolicy, Limits, MutationGate};
use cortexpilot_server::mcp::http::McpLimits;
use serde_json::{Value, json};

use super::harness::{Answer, Post, STATELESS, VERSIONS};
use crate::http::harness::{AGENT, SetUp, World};

const PILOT: &str = "/mcp/queue-pilot";

fn world(gate: MutationGate, approval: ApprovalPolicy) -> World {
    World::of(SetUp { gate, approval, mcp: Some(McpLimits::default()), ..SetUp::default() })
}

fn open() -> World {
    world(MutationGate::Open, ApprovalPolicy::Declared)
}

async fn call(world: &World, token: &str, tool: &str, arguments: &Value, version: &str) -> Answer {
    Post::call(1, tool, arguments, version).to(PILOT).token(token).send(&world.router).await
}

async fn preview(world: &World, token: &str, run: &str, version: &str) -> Value {
    call(world, token, "preview_enqueue_from_run", &json!({ "run_id": run }), version).await.told()
}

fn apply(run: &str, preview_token: Option<&str>) -> Value {
    let mut arguments = json!({
        "run_id": run, "confirm": true, "actor_role": "OPS", "requested_by": "Ada", "approval_reason": "again",
    });
    if let Some(token) = preview_token {
        arguments["preview_token"] = token.into();
    }
    arguments
}

async fn enqueue(world: &World, token: &str, arguments: &Value, version: &str) -> Value {
    call(world, token, "enqueue_from_run", arguments, version).await.told()
}

#[tokio::test]
async fn an_agent_queues_what_it_previewed_as_itself_under_every_version() {
    for version in VERSIONS {
        let world = open();
        let seen = preview(&world, AGENT, "run_ok", version).await;
        assert_eq!((&seen["acting_as"]["principal"], &seen["can_apply"]), (&json!("agent:bot"), &json!(true)));
        let done = enqueue(&world, AGENT, &apply("run_ok", seen["preview_token"].as_str()), version).await;
        assert_eq!(
            (&done["status"], &done["already_applied"]),
            (&json!("PENDING"), &json!(false)),
            "{version}: {done}"
        );
        let again = enqueue(&world, AGENT, &apply("run_ok", seen["preview_token"].as_str()), version).await;
        assert_eq!((&again["queue_id"], &again["already_applied"]), (&done["queue_id"], &json!(true)), "{version}");
        let lines = world.ledger.memory.lines();
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(
            (lines.len(), &line["principal"], &line["pilot_source"]),
            (1, &json!("agent:bot"), &json!("mcp_queue_pilot_server")),
            "{version}"
        );
    }
}

#[tokio::test]
async fn with_the_gate_shut_it_previews_and_refuses() {
    for version in VERSIONS {
        let world = world(MutationGate::Shut, ApprovalPolicy::Declared);
        let seen = preview(&world, AGENT, "run_ok", version).await;
        assert_eq!((&seen["can_apply"], &seen["mutation_gate"]), (&json!(false), &json!("default-off")));
        assert_eq!(world.lines(), (0, 0), "a preview writes nothing");
        let refused = enqueue(&world, AGENT, &apply("run_ok", seen["preview_token"].as_str()), version).await;
        assert_eq!(refused["code"], "MUTATION_GATE_CLOSED", "{version}: {refused}");
        assert_eq!(world.lines(), (0, 1), "{version}: one record of the refusal, and nothing in the queue");
        let line: Value = serde_json::from_str(&world.ledger.memory.decisions()[0]).unwrap();
        assert_eq!((&line["surface"], &line["principal"]), (&json!("mcp"), &json!("agent:bot")));
    }
}

#[tokio::test]
async fn over_http_the_previews_token_is_needed_in_its_place_among_the_gates() {
    for version in VERSIONS {
        let world = open();
        let seen = preview(&world, AGENT, "run_ok", version).await;
        for missing in [None, Some(""), Some("  ")] {
            let refused = enqueue(&world, AGENT, &apply("run_ok", missing), version).await;
            assert_eq!(refused["code"], "PREVIEW_REQUIRED", "{version}: {refused}");
            assert!(refused["reason"].as_str().unwrap().contains("over HTTP it is needed"), "{refused}");
        }
        // Gates before it name the denial first.
        let mut unconfirmed = apply("run_ok", None);
        unconfirmed["confirm"] = json!(false);
        assert_eq!(enqueue(&world, AGENT, &unconfirmed, version).await["code"], "CONFIRM_REQUIRED");
        assert_eq!(enqueue(&world, AGENT, &apply("run_none", None), version).await["code"], "RUN_NOT_FOUND");
        // Somebody else's preview is none.
        let other = world.agent("other", "token:api").await;
        let refused = enqueue(&world, &other, &apply("run_ok", seen["preview_token"].as_str()), version).await;
        assert_eq!(refused["code"], "PREVIEW_REQUIRED", "{version}: {refused}");
        assert_eq!(world.lines().0, 0);
        // A retry with the key of a call that was carried out needs no preview.
        let mut first = apply("run_ok", seen["preview_token"].as_str());
        first["idempotency_key"] = json!("key-1");
        let done = enqueue(&world, AGENT, &first, version).await;
        let mut retry = apply("run_ok", None);
        retry["idempotency_key"] = json!("key-1");
        let again = enqueue(&world, AGENT, &retry, version).await;
        assert_eq!((&again["queue_id"], &again["already_applied"]), (&done["queue_id"], &json!(true)), "{again}");
    }
}

#[tokio::test]
async fn refusals_carry_the_same_request_id_as_the_answers_head() {
    let world = open();
    let post = Post::call(1, "enqueue_from_run", &apply("run_ok", None), STATELESS).to(PILOT).token(AGENT);
    let answer = post.and("x-request-id", "rid-of-mine").send(&world.router).await;
    assert_eq!(
        (answer.told()["request_id"].clone(), &answer.headers["x-request-id"]),
        (json!("rid-of-mine"), &"rid-of-mine".parse().unwrap())
    );
}

#[tokio::test]
async fn what_a_client_says_of_itself_makes_it_nobody_else() {
    let world = open();
    let seen = preview(&world, AGENT, "run_ok", STATELESS).await;
    let mut arguments = apply("run_ok", seen["preview_token"].as_str());
    arguments["actor_role"] = json!("OWNER");
    assert_eq!(enqueue(&world, AGENT, &arguments, STATELESS).await["code"], "ROLE_MISMATCH");
    // A role header is the control plane's; here it says nothing.
    let post = Post::call(1, "enqueue_from_run", &arguments, STATELESS).to(PILOT).token(AGENT);
    let answer = post.and("x-cortexpilot-role", "OWNER").send(&world.router).await;
    assert_eq!(answer.told()["code"], "ROLE_MISMATCH");
    for (member, value) in
        [("principal", json!("operator:ann")), ("allow_duplicate", json!(true)), ("confirm", json!("true"))]
    {
        let mut invented = apply("run_ok", seen["preview_token"].as_str());
        invented[member] = value;
        assert_eq!(enqueue(&world, AGENT, &invented, STATELESS).await["code"], "ARGUMENTS_INVALID", "{member}");
    }
    assert_eq!(world.lines().0, 0);
}

#[tokio::test]
async fn an_agents_limits_hold_for_it_and_for_nobody_else() {
    let limits = Limits { pending_max: 1, ..Limits::NONE };
    let world = World::of(SetUp { limits, mcp: Some(McpLimits::default()), ..SetUp::default() });
    for (run, wanted) in [("run_ok", "PENDING"), ("run_two", "PENDING_LIMIT")] {
        let seen = preview(&world, AGENT, run, STATELESS).await;
        let told = enqueue(&world, AGENT, &apply(run, seen["preview_token"].as_str()), STATELESS).await;
        assert_eq!(told["code"].as_str().or(told["status"].as_str()), Some(wanted), "{told}");
    }
    let other = world.agent("other", "token:api").await;
    let seen = preview(&world, &other, "run_two", STATELESS).await;
    let told = enqueue(&world, &other, &apply("run_two", seen["preview_token"].as_str()), STATELESS).await;
    assert_eq!(told["status"], "PENDING", "{told}");
}

/// A call of a client that takes forms, in its first round or a further one.
async fn round(world: &World, token: &str, arguments: &Value, further: Value, version: &str) -> Value {
    let mut message = crate::mcp_transport::harness::call(1, "enqueue_from_run", arguments);
    if version == STATELESS {
        message = crate::mcp_transport::harness::stateless(message, version);
        message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {} });
    }
    for (name, value) in further.as_object().unwrap() {
        message["params"][name] = value.clone();
    }
    let post = Post::raw(message.to_string()).and("mcp-protocol-version", version);
    let post = if version == STATELESS {
        post.and("mcp-method", "tools/call").and("mcp-name", "enqueue_from_run")
    } else {
        post
    };
    post.to(PILOT).token(token).send(&world.router).await.json()["result"].clone()
}

#[tokio::test]
async fn a_client_of_2026_07_28_is_asked_by_a_further_round_and_its_yes_queues_nothing() {
    let world = world(MutationGate::Open, ApprovalPolicy::Operator);
    let seen = preview(&world, AGENT, "run_ok", STATELESS).await;
    let arguments = apply("run_ok", seen["preview_token"].as_str());
    let asked = round(&world, AGENT, &arguments, json!({}), STATELESS).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let key = asked["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let answer = json!({ key: { "action": "accept", "content": { "confirm": true, "comment": "mine" } } });
    let further = json!({ "requestState": asked["requestState"], "inputResponses": answer });
    // Another agent cannot answer in its place, whatever it repeats.
    let other = world.agent("other", "token:api").await;
    let stolen = round(&world, &other, &arguments, further.clone(), STATELESS).await;
    assert_eq!(stolen["structuredContent"]["code"], "PREVIEW_REQUIRED", "{stolen}");
    let told = round(&world, AGENT, &arguments, further.clone(), STATELESS).await;
    assert_eq!(told["structuredContent"]["status"], "PENDING_APPROVAL", "{told}");
    assert_eq!(world.lines().0, 0, "a yes at the client approves nothing");
    let elicited = world.ledger.memory.decisions().iter().filter(|line| line.contains("ELICIT")).count();
    assert_eq!(elicited, 1, "{:?}", world.ledger.memory.decisions());
    // The state counts once.
    round(&world, AGENT, &arguments, further, STATELESS).await;
    assert_eq!(world.ledger.memory.decisions().iter().filter(|line| line.contains("ELICIT")).count(), 1);
}

#[tokio::test]
async fn a_client_of_an_earlier_version_is_never_asked_over_http() {
    for version in &VERSIONS[..4] {
        let world = world(MutationGate::Open, ApprovalPolicy::Operator);
        let seen = preview(&world, AGENT, "run_ok", version).await;
        let arguments = apply("run_ok", seen["preview_token"].as_str());
        let told = round(&world, AGENT, &arguments, json!({}), version).await;
        assert_eq!(told["structuredContent"]["status"], "PENDING_APPROVAL", "{version}: {told}");
        assert_eq!(world.lines().0, 0);
    }
}
