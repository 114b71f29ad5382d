//! Freeze, the policy's floor, the list of tokens: what holds for everybody, as operators see and change it over HTTP.

use cortexpilot_core::domain::command::{ApprovalPolicy, MutationGate};
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::domain::token::TokenText;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::wire::config::SettingView;
use serde_json::{Value, json};

use super::harness::{
    AGENT, Ask, OPERATOR, SetUp, WORKER, World, apply, decide, machinist, options, preview, tokens, why,
};

const APPLY: &str = "/api/queue/from-run/run_ok";

fn freeze(word: &str, body: Value) -> Ask {
    Ask::post(&format!("/api/gate/{word}"), body)
}

async fn gate(world: &World) -> Value {
    let told = world.send(Ask::get("/api/gate")).await;
    assert_eq!(told.status, 200, "{told:?}");
    told.json()
}

#[tokio::test]
async fn a_freeze_stops_applies_approvals_and_claims_and_lets_the_rollback_through() {
    let world = World::under(ApprovalPolicy::Operator);
    let asked = [world.request(AGENT, "run_ok").await, world.request(AGENT, "run_two").await];
    let queued = world.send(decide(&asked[1], "approve", OPERATOR)).await.json();
    let told = world.send(freeze("freeze", json!({"reason": "looks odd"}))).await.json();
    assert_eq!((&told["agents_may_queue"], &told["mutation_gate"]), (&json!("FROZEN"), &json!("frozen")));
    assert_eq!(told["frozen"]["by"], "token:api (OPS)");
    assert_eq!((&told["frozen"]["reason"], &gate(&world).await), (&json!("looks odd"), &told));
    let before = world.lines();
    let again = world.send(freeze("freeze", json!({}))).await.json();
    assert_eq!((&again["frozen"], world.lines()), (&told["frozen"], before), "frozen twice is frozen once");

    let seen = world.send(preview("run_ok").token(AGENT)).await.json();
    assert_eq!((&seen["mutation_gate"], &seen["can_apply"]), (&json!("frozen"), &json!(false)));
    let token = seen["preview_token"].as_str().unwrap();
    for ask in [
        Ask::post(APPLY, apply(token)).token(AGENT),
        decide(&asked[0], "approve", OPERATOR),
        Ask::post("/api/queue/claim", json!({})).token(WORKER).no_role(),
    ] {
        let told = world.send(ask).await;
        assert_eq!(told.verdict(), "403 FROZEN");
        assert!(told.reason().starts_with("An operator froze queueing and claiming at 2026-11-22T08:30:52"));
    }
    assert_eq!(world.send(Ask::get(&format!("/api/approvals/{}", asked[0]))).await.json()["mutation_gate"], "frozen");
    assert_eq!(world.send(decide(&asked[0], "reject", OPERATOR)).await.verdict(), "200");
    let cancel = format!("/api/queue/{}/cancel", queued["queue_id"].as_str().unwrap());
    assert_eq!(world.send(Ask::post(&cancel, json!({}))).await.verdict(), "200");

    assert_eq!(world.send(freeze("unfreeze", json!({}))).await.verdict(), "422 METADATA_REQUIRED");
    let told = world.send(freeze("unfreeze", json!({"reason": "looked into it"}))).await.json();
    assert_eq!((&told["frozen"], &told["agents_may_queue"]), (&Value::Null, &json!("after a person agrees")));
    let claim = Ask::post("/api/queue/claim", json!({})).token(WORKER).no_role();
    assert_eq!(world.send(claim).await.json()["ok"], false);
}

#[tokio::test]
async fn the_gate_says_since_when_and_by_whom_it_stands_as_it_does() {
    let mut options = options();
    let setting = |variable, origin: &str| SettingView {
        variable,
        key: None,
        value: "x".into(),
        secret: false,
        origin: origin.into(),
    };
    options.configuration.settings = vec![
        setting("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY", "environment"),
        setting("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "/srv/p/cortexpilot.toml"),
    ];
    let world = World::with(MutationGate::Open, Auth::tokens(tokens()), options);
    let start = "2026-11-22T08:30:52.000000+00:00";
    let by = |by: &str, at: &str| json!({"by": by, "at": at});
    let told = gate(&world).await;
    assert_eq!(told["since"], by("environment", start), "the process was started so");
    assert_eq!((&told["gate_set"], &told["policy_set"]), (&told["since"], &by("cortexpilot.toml", start)));
    assert_eq!((&told["unfrozen"], &told["resumed"]), (&Value::Null, &Value::Null));
    world.clock.advance(jiff::SignedDuration::from_secs(60));
    let frozen = world.send(freeze("freeze", json!({}))).await.json();
    let at = "2026-11-22T08:31:52.000000+00:00";
    assert_eq!((&frozen["since"], &frozen["gate_set"]), (&by("token:api (OPS)", at), &told["gate_set"]));
    world.clock.advance(jiff::SignedDuration::from_secs(60));
    let thawed = world.send(freeze("unfreeze", json!({"reason": "looked into it"}))).await.json();
    let at = "2026-11-22T08:32:52.000000+00:00";
    assert_eq!((&thawed["since"], &thawed["unfrozen"]), (&by("token:api (OPS)", at), &thawed["since"]));
    assert_eq!(gate(&world).await, thawed);
    world.send(freeze("pause", json!({}))).await;
    let resumed = world.send(freeze("resume", json!({}))).await.json();
    assert_eq!(resumed["resumed"], by("token:api (OPS)", at));
    assert_eq!(resumed["since"], thawed["since"], "a pause changes nothing of what agents may queue");
}

#[tokio::test]
async fn the_configuration_is_for_operators() {
    let mut options = options();
    options.configuration.settings = vec![SettingView {
        variable: "CORTEXPILOT_API_TOKEN",
        key: Some("api_token"),
        value: "(set)".into(),
        secret: true,
        origin: "environment".into(),
    }];
    let world = World::with(MutationGate::Shut, Auth::tokens(tokens()), options);
    let told = world.send(Ask::get("/api/config")).await.json();
    let setting = json!({
        "variable": "CORTEXPILOT_API_TOKEN", "key": "api_token", "value": "(set)", "secret": true, "origin": "environment"
    });
    assert_eq!(told, json!([setting]));
    assert_eq!(world.send(Ask::get("/api/config/clients")).await.json(), json!([]));
    for path in ["/api/config", "/api/config/clients"] {
        for token in [AGENT, WORKER] {
            assert_eq!(world.send(Ask::get(path).token(token).no_role()).await.verdict(), "403 SCOPE_FORBIDDEN");
        }
    }
}

#[tokio::test]
async fn a_claimed_item_is_completed_while_all_is_frozen() {
    let world = World::new();
    let id = world.enqueue("run_ok").await;
    let lease = world.claim().await["lease_token"].clone();
    assert_eq!(world.send(freeze("freeze", json!({}))).await.json()["frozen"]["reason"], Value::Null);
    let body = json!({"lease_token": lease, "status": "SUCCESS"});
    let complete = Ask::post(&format!("/api/queue/{id}/complete"), body).token(WORKER).no_role();
    assert_eq!(world.send(complete).await.verdict(), "200");
}

#[tokio::test]
async fn a_floor_raised_elsewhere_holds_for_the_next_apply() {
    let world = World::new();
    assert_eq!(gate(&world).await["agents_may_queue"], "ON, nobody is asked");
    world.machine.set_policy(&machinist(), ApprovalPolicy::TwoPerson, why("agents arrive")).await.unwrap();
    let told = gate(&world).await;
    for (member, want) in [
        ("agents_may_queue", "after a person agrees"),
        ("approval_policy", "two-person"),
        ("configured_policy", "declared"),
        ("floor", "two-person"),
    ] {
        assert_eq!(told[member], want, "{member}");
    }
    assert_eq!(told["floor_set"]["by"], "local:root (ARCHITECT)");
    let answer = world.apply_as(AGENT, "run_ok").await.json();
    assert_eq!((&answer["status"], &answer["approval"]["needs"]), (&json!("PENDING_APPROVAL"), &json!(2)));
    assert_eq!(world.lines().0, 0);
}

#[tokio::test]
async fn a_shut_gate_is_off_and_approves_nothing_whatever_the_policy() {
    let shut = SetUp { gate: MutationGate::Shut, approval: ApprovalPolicy::Operator, ..SetUp::default() };
    let world = World::of(shut);
    assert_eq!(
        (&gate(&world).await["agents_may_queue"], &gate(&world).await["mutation_gate"]),
        (&json!("OFF"), &json!("default-off"))
    );
    assert_eq!(world.send(decide("apr_x", "approve", OPERATOR)).await.verdict(), "403 MUTATION_GATE_CLOSED");
    assert_eq!(world.send(decide("apr_x", "reject", OPERATOR)).await.verdict(), "404 APPROVAL_NOT_FOUND");
    assert_eq!(world.send(freeze("freeze", json!({}))).await.json()["agents_may_queue"], "FROZEN");
}

#[tokio::test]
async fn tokens_are_listed_without_anything_they_could_be_used_by_and_taken_back() {
    let world = World::new();
    let alice = world.operator("alice").await;
    let bot = world.agent("bot", "operator:alice").await;
    let id = |token: &str| TokenText::parse(token).unwrap().id().to_string();
    let told = world.send(Ask::get("/api/tokens")).await;
    let listed = told.json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let row = listed.as_array().unwrap().iter().find(|row| row["id"] == id(&bot).as_str()).unwrap();
    assert_eq!(
        *row,
        json!({
            "id": id(&bot), "principal": "agent:bot", "kind": "agent", "roles": ["OPS"], "sponsor": "operator:alice",
            "state": "live", "created_at": "2026-11-22T08:30:52.000000+00:00", "created_by": "local:root",
            "expires_at": "2026-11-23T08:30:52.000000+00:00", "revoked": null,
        })
    );
    let digest = TokenText::parse(&bot).unwrap().digest().to_string();
    assert!(!told.text().contains(&digest));
    let page = world.send(Ask::get("/api/tokens?limit=1")).await.json();
    let next = page["next_cursor"].as_str().unwrap();
    let rest = world.send(Ask::get(&format!("/api/tokens?limit=1&cursor={next}"))).await.json();
    assert_eq!((&page["items"][0], &rest["items"][0], &rest["next_cursor"]), (&listed[0], &listed[1], &Value::Null));
    assert_eq!(world.send(Ask::get("/api/tokens?cursor=x")).await.verdict(), "422 REQUEST_VALIDATION_ERROR");

    let revoke = |id: &str| Ask::post(&format!("/api/tokens/{id}/revoke"), json!({"reason": "left"})).token(&alice);
    assert_eq!(world.send(revoke("000000000000")).await.verdict(), "404 TOKEN_NOT_FOUND");
    let told = world.send(revoke(&id(&bot))).await.json();
    assert_eq!((&told["state"], &told["revoked"]["by"]), (&json!("revoked"), &json!("operator:alice (OPS)")));
    let before = world.lines();
    assert_eq!(world.send(revoke(&id(&bot))).await.json(), told, "taken back twice is taken back once");
    assert_eq!(world.lines(), before);
    assert_eq!(world.send(Ask::get("/api/queue").token(&bot)).await.reason(), "The token was revoked.");
    // Whoever takes back an own token does it once.
    assert_eq!(world.send(revoke(&id(&alice))).await.verdict(), "200");
    assert_eq!(world.send(revoke(&id(&alice))).await.verdict(), "401 AUTH_INVALID_TOKEN");
}

#[tokio::test]
async fn with_authentication_off_nothing_of_this_is_anybodys() {
    let world = World::of(SetUp { auth: Auth::Off, approval: ApprovalPolicy::Operator, ..SetUp::default() });
    let nobody = |ask: Ask| ask.nobody().no_role();
    for ask in [
        decide("apr_x", "approve", OPERATOR),
        decide("apr_x", "reject", OPERATOR),
        freeze("freeze", json!({})),
        freeze("unfreeze", json!({"reason": "please"})),
        Ask::post("/api/tokens/000000000000/revoke", json!({})),
        Ask::get("/api/approvals"),
        Ask::get("/api/approvals/apr_x"),
        Ask::get("/api/tokens"),
    ] {
        let shown = format!("{ask:?}");
        // A token and a role change nothing where none is asked for.
        assert_eq!(world.send(ask).await.verdict(), "403 SCOPE_FORBIDDEN", "{shown}");
    }
    assert_eq!(world.send(nobody(freeze("freeze", json!({})))).await.verdict(), "403 SCOPE_FORBIDDEN");
    assert_eq!(world.send(nobody(Ask::get("/api/gate"))).await.status, 200, "how it stands may be seen at the machine");
    assert_eq!(world.lines().0, 0);
}

#[tokio::test]
async fn a_decisions_body_takes_a_reason_and_nothing_else() {
    let world = World::with(MutationGate::Open, Auth::tokens(tokens()), options());
    let token = world.token(PrincipalKind::Worker, "w1", "", None).await;
    let id = TokenText::parse(&token).unwrap().id().to_string();
    let before = world.lines();
    for path in [
        "/api/gate/freeze".to_owned(),
        "/api/gate/unfreeze".to_owned(),
        format!("/api/tokens/{id}/revoke"),
        "/api/approvals/apr_x/approve".to_owned(),
        "/api/approvals/apr_x/reject".to_owned(),
    ] {
        for body in [
            json!({"reason": 5}),
            json!({"reason": ["x"]}),
            json!({"why": "x"}),
            json!({"reason": "x", "role": "OPS"}),
            json!([]),
        ] {
            let told = world.send(Ask::post(&path, body.clone())).await;
            assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{path} {body}");
        }
        let told = world.send(Ask::post(&format!("{path}?force=1"), json!({}))).await;
        assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{path}");
        let told = world.send(Ask::new("POST", &path)).await;
        assert_eq!(told.verdict(), "422 REQUEST_VALIDATION_ERROR", "{path}");
    }
    assert_eq!(world.lines(), before);
}
