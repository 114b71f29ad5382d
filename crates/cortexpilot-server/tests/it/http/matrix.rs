//! The matrix of callers: every way not to be let through, and what each kind of principal is let through to. Refused with
//! the right code, none with 500, and no token anywhere but where it was sent.

use std::io::Write;
use std::sync::{Arc, Mutex};

use cortexpilot_core::domain::command::{ApprovalPolicy, MutationGate};
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::domain::token::{TokenId, TokenText};
use cortexpilot_core::port::StoreError;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::{Access, Verb, operations};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::harness::{Ask, OPERATOR, World, apply, decide, machinist, options, preview, why};

const LIST: &str = "/api/queue";

fn list() -> Ask {
    Ask::get(LIST).nobody()
}

/// A token with the id and kind of another and a secret of its own: well formed, and nobody's.
fn forged(token: &str, kind: PrincipalKind) -> String {
    let id = TokenText::parse(token).expect("a personal token").id().clone();
    TokenText::new(kind, id, [9; 32]).reveal().to_owned()
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_refused_with_the_right_code_whatever_was_sent() {
    let world = World::new();
    let expired = world.operator("old").await;
    world.clock.advance(SignedDuration::from_hours(24));
    let revoked = world.operator("gone").await;
    world.revoke(&revoked).await;
    let live = world.operator("alice").await;
    let before = world.lines();

    let bearer = |token: &str| list().token(token);
    let stranger = TokenText::new(PrincipalKind::Operator, TokenId::from_bytes([3; 6]), [3; 32]);
    let (last, changed) = (live.len() - 1, if live.ends_with('0') { "1" } else { "0" });
    let invalid = "The token is not one this server knows.";
    for (ask, code, reason) in [
        (list(), "AUTH_MISSING_BEARER", ""),
        (list().header("authorization", &format!("Basic {live}")), "AUTH_MISSING_BEARER", ""),
        (list().header("authorization", &live), "AUTH_MISSING_BEARER", ""),
        (list().header("authorization", "Bearer "), "AUTH_MISSING_BEARER", ""),
        // Malformed: a character less, another character, another case, quotes around it.
        (bearer(&live[..last]), "AUTH_INVALID_TOKEN", invalid),
        (bearer(&format!("{}{changed}", &live[..last])), "AUTH_INVALID_TOKEN", invalid),
        (bearer(&live.to_uppercase()), "AUTH_INVALID_TOKEN", invalid),
        (bearer(&format!("\"{live}\"")), "AUTH_INVALID_TOKEN", invalid),
        (bearer("cpt_operator_"), "AUTH_INVALID_TOKEN", invalid),
        (bearer(stranger.reveal()), "AUTH_INVALID_TOKEN", invalid),
        (bearer(&expired), "AUTH_INVALID_TOKEN", "The token has expired."),
        (bearer(&revoked), "AUTH_INVALID_TOKEN", "The token was revoked."),
        // Only its holder learns what became of a token.
        (bearer(&forged(&expired, PrincipalKind::Operator)), "AUTH_INVALID_TOKEN", invalid),
        (bearer(&forged(&revoked, PrincipalKind::Operator)), "AUTH_INVALID_TOKEN", invalid),
        (bearer(&forged(&live, PrincipalKind::Agent)), "AUTH_INVALID_TOKEN", invalid),
        // Not ASCII.
        (list().and("authorization", format!("Bearer {live}é").as_bytes()), "AUTH_INVALID_TOKEN", invalid),
        (list().and("authorization", b"Bearer \xff\xfe"), "AUTH_INVALID_TOKEN", invalid),
        (list().and("cookie", b"api_token=\xe9"), "AUTH_INVALID_TOKEN", invalid),
        // Two of them, be both good.
        (bearer(&live).and("authorization", format!("Bearer {live}").as_bytes()), "AUTH_INVALID_TOKEN", invalid),
        (bearer(&live).and("authorization", format!("Bearer {OPERATOR}").as_bytes()), "AUTH_INVALID_TOKEN", invalid),
        // In the query it counts for nothing.
        (Ask::get(&format!("{LIST}?token={live}")).nobody(), "AUTH_MISSING_BEARER", ""),
        (Ask::get(&format!("{LIST}?access_token={live}")).token("wrong"), "AUTH_INVALID_TOKEN", invalid),
        (list().header("cookie", &format!("api_token={revoked}")), "AUTH_INVALID_TOKEN", "The token was revoked."),
    ] {
        let shown = format!("{ask:?}");
        let told = world.send(ask).await;
        assert_eq!(told.verdict(), format!("401 {code}"), "{shown}");
        assert!(told.header("www-authenticate").starts_with("Bearer"), "{shown}");
        assert!(reason.is_empty() || told.reason() == reason, "{shown}: {}", told.reason());
        let renew = told.json()["detail"]["next_step"] == "Stop, and ask an operator for a new token.";
        assert_eq!(renew, !reason.is_empty() && reason != invalid, "{shown}");
        assert!(!told.text().contains("cpt_"), "{shown}");
    }
    assert_eq!(world.lines(), before, "whoever is nobody leaves no line");
    for ask in [bearer(&live), list().header("cookie", &format!("cortexpilot_api_token={live}")), bearer(OPERATOR)] {
        assert_eq!(world.send(ask).await.verdict(), "200");
    }
    // Beside a good token, one in the query is a parameter that is not known.
    let both = Ask::get(&format!("{LIST}?token={live}")).token(&live);
    assert_eq!(world.send(both).await.verdict(), "422 REQUEST_VALIDATION_ERROR");
}

#[tokio::test]
async fn a_stated_role_is_one_that_the_token_gives_and_body_and_header_agree() {
    let world = World::new();
    let ops = world.token(PrincipalKind::Operator, "olga", "OPS", None).await;
    let two = world.token(PrincipalKind::Operator, "tess", "OPS,OWNER", None).await;
    let viewer = world.token(PrincipalKind::Operator, "vera", "VIEWER", None).await;
    let worker = world.token(PrincipalKind::Worker, "w1", "", None).await;
    let seen = world.preview_of(preview("run_ok").token(&two)).await;
    let queue = |token: &str, body: &str, header: &str| {
        let mut arguments = apply(&seen);
        arguments["actor_role"] = if body.is_empty() { Value::Null } else { json!(body) };
        let ask = Ask::post("/api/queue/from-run/run_ok", arguments).token(token);
        if header.is_empty() { ask.no_role() } else { ask.role(header) }
    };
    for (ask, want) in [
        (queue(&ops, "", "OWNER"), "403 ROLE_MISMATCH"),
        (queue(&ops, "OWNER", ""), "403 ROLE_MISMATCH"),
        (queue(&ops, "OPS", "OWNER"), "403 ROLE_MISMATCH"),
        (queue(&two, "OPS", "OWNER"), "403 ROLE_MISMATCH"),
        (queue(&two, "OWNER", "OPS"), "403 ROLE_MISMATCH"),
        (queue(&two, "", ""), "403 ROLE_REQUIRED"),
        (queue(&two, "VIEWER", ""), "403 ROLE_FORBIDDEN"),
        (queue(&two, "", "no role"), "403 ROLE_FORBIDDEN"),
        (queue(&viewer, "", "OPS"), "403 ROLE_FORBIDDEN"),
        (queue(&viewer, "", ""), "403 ROLE_FORBIDDEN"),
        (queue(&worker, "OPS", "OPS"), "403 ROLE_FORBIDDEN"),
        (queue(&two, "OPS", "OPS"), "200"),
    ] {
        let shown = format!("{ask:?}");
        assert_eq!(world.send(ask).await.verdict(), want, "{shown}");
    }
    assert_eq!(world.lines().0, 1);
}

/// The operations that this caller is refused for what it is, each with its code. The role header is one that it holds.
async fn refused_to(world: &World, ask_as: impl Fn(Ask) -> Ask) -> Vec<String> {
    let queue_id = "0".repeat(32);
    let mut refused = Vec::new();
    for operation in operations().iter().filter(|operation| operation.access == Access::Token) {
        let path = operation.path.replace("{run_id}", "run_ok").replace("{queue_id}", &queue_id);
        let path = path.replace("{approval_id}", &format!("apr_{queue_id}")).replace("{token_id}", "000000000000");
        let body = match operation.id {
            "queue_enqueue" => apply(""),
            "queue_complete" => json!({"status": "SUCCESS"}),
            "worker_presence" => json!({"worker": "box-7"}),
            _ if operation.body.contains(&"reason") => json!({"reason": "why"}),
            _ => json!({}),
        };
        let ask = match operation.verb {
            Verb::Get | Verb::Delete => Ask::new(operation.verb.as_str(), &path),
            Verb::Post => Ask::post(&path, body),
        };
        let told = world.send(ask_as(ask)).await;
        assert_ne!(told.status, 500, "{}", operation.id);
        let verdict = told.verdict();
        if let Some(code) = verdict.strip_prefix("403 ") {
            refused.push(format!("{} {code}", operation.id));
        }
    }
    refused
}

#[tokio::test]
async fn each_kind_of_principal_reaches_what_is_its_own() {
    let world = World::new();
    let operator = world.operator("alice").await;
    let agent = world.agent("bot", "operator:alice").await;
    let worker = world.token(PrincipalKind::Worker, "w1", "", None).await;
    assert_eq!(refused_to(&world, |ask| ask.token(&operator)).await, Vec::<String>::new());
    assert_eq!(
        refused_to(&world, |ask| ask.token(&agent)).await,
        [
            "ledger_entries SCOPE_FORBIDDEN",
            "decisions_stream SCOPE_FORBIDDEN",
            "queue_next SCOPE_FORBIDDEN",
            "queue_claim SCOPE_FORBIDDEN",
            "queue_contract SCOPE_FORBIDDEN",
            "queue_heartbeat SCOPE_FORBIDDEN",
            "queue_complete SCOPE_FORBIDDEN",
            "queue_release SCOPE_FORBIDDEN",
            "queue_stop SCOPE_FORBIDDEN",
            "queue_revoke SCOPE_FORBIDDEN",
            "queue_requeue SCOPE_FORBIDDEN",
            "queue_fail SCOPE_FORBIDDEN",
            "workers_list SCOPE_FORBIDDEN",
            "worker_presence SCOPE_FORBIDDEN",
            "approval_approve SCOPE_FORBIDDEN",
            "approval_reject SCOPE_FORBIDDEN",
            "gate_get SCOPE_FORBIDDEN",
            "gate_freeze SCOPE_FORBIDDEN",
            "gate_unfreeze SCOPE_FORBIDDEN",
            "gate_pause SCOPE_FORBIDDEN",
            "gate_resume SCOPE_FORBIDDEN",
            "tokens_list SCOPE_FORBIDDEN",
            "token_revoke SCOPE_FORBIDDEN",
            "config_get SCOPE_FORBIDDEN",
            "config_clients SCOPE_FORBIDDEN",
        ]
    );
    assert_eq!(
        refused_to(&world, |ask| ask.token(&worker).no_role()).await,
        [
            "queue_preview ROLE_REQUIRED",
            "queue_enqueue ROLE_FORBIDDEN",
            "queue_cancel SCOPE_FORBIDDEN",
            "queue_history SCOPE_FORBIDDEN",
            "decisions_list SCOPE_FORBIDDEN",
            "ledger_entries SCOPE_FORBIDDEN",
            "decisions_stream SCOPE_FORBIDDEN",
            "queue_stop SCOPE_FORBIDDEN",
            "queue_revoke SCOPE_FORBIDDEN",
            "queue_requeue SCOPE_FORBIDDEN",
            "queue_fail SCOPE_FORBIDDEN",
            "workers_list SCOPE_FORBIDDEN",
            "approval_receipt SCOPE_FORBIDDEN",
            "approvals_list SCOPE_FORBIDDEN",
            "approval_get SCOPE_FORBIDDEN",
            "approval_approve SCOPE_FORBIDDEN",
            "approval_reject SCOPE_FORBIDDEN",
            "gate_get SCOPE_FORBIDDEN",
            "gate_freeze SCOPE_FORBIDDEN",
            "gate_unfreeze SCOPE_FORBIDDEN",
            "gate_pause SCOPE_FORBIDDEN",
            "gate_resume SCOPE_FORBIDDEN",
            "tokens_list SCOPE_FORBIDDEN",
            "token_revoke SCOPE_FORBIDDEN",
            "config_get SCOPE_FORBIDDEN",
            "config_clients SCOPE_FORBIDDEN",
        ]
    );
    let off = World::with(MutationGate::Open, Auth::Off, options());
    assert_eq!(
        refused_to(&off, |ask| ask.nobody().no_role()).await,
        [
            "queue_enqueue ROLE_FORBIDDEN",
            "queue_next SCOPE_FORBIDDEN",
            "queue_claim SCOPE_FORBIDDEN",
            "queue_contract SCOPE_FORBIDDEN",
            "queue_heartbeat SCOPE_FORBIDDEN",
            "queue_complete SCOPE_FORBIDDEN",
            "queue_release SCOPE_FORBIDDEN",
            "queue_stop SCOPE_FORBIDDEN",
            "queue_revoke SCOPE_FORBIDDEN",
            "queue_requeue SCOPE_FORBIDDEN",
            "queue_fail SCOPE_FORBIDDEN",
            "worker_presence SCOPE_FORBIDDEN",
            "approval_receipt SCOPE_FORBIDDEN",
            "approvals_list SCOPE_FORBIDDEN",
            "approval_get SCOPE_FORBIDDEN",
            "approval_approve SCOPE_FORBIDDEN",
            "approval_reject SCOPE_FORBIDDEN",
            "gate_freeze SCOPE_FORBIDDEN",
            "gate_unfreeze SCOPE_FORBIDDEN",
            "gate_pause SCOPE_FORBIDDEN",
            "gate_resume SCOPE_FORBIDDEN",
            "tokens_list SCOPE_FORBIDDEN",
            "token_revoke SCOPE_FORBIDDEN",
        ]
    );
}

#[tokio::test]
async fn a_token_revoked_elsewhere_is_refused_at_the_next_request() {
    let world = World::new();
    let (alice, bot) = (world.operator("alice").await, world.agent("bot", "operator:alice").await);
    for token in [&alice, &bot] {
        assert_eq!(world.send(list().token(token)).await.verdict(), "200");
        world.revoke(token).await;
        let told = world.send(list().token(token)).await;
        assert_eq!(
            (told.verdict().as_str(), told.reason().as_str()),
            ("401 AUTH_INVALID_TOKEN", "The token was revoked.")
        );
    }
}

#[tokio::test]
async fn a_token_lives_until_its_last_moment_and_not_at_it() {
    let world = World::new();
    let token = world.operator("alice").await;
    world.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_micros(1));
    assert_eq!(world.send(list().token(&token)).await.verdict(), "200");
    world.clock.advance(SignedDuration::from_micros(1));
    assert_eq!(world.send(list().token(&token)).await.reason(), "The token has expired.");
}

#[tokio::test]
async fn a_token_revoked_while_its_command_waits_for_a_turn_decides_nothing() {
    let world = World::new();
    let id = world.enqueue("run_ok").await;
    let token = world.operator("alice").await;
    let cancel = || Ask::post(&format!("/api/queue/{id}/cancel"), json!({})).token(&token);
    let held = world.ledger.commands.acquire().await.unwrap();
    let (told, ()) = tokio::join!(world.send(cancel()), async {
        world.ledger.waits_for_a_turn().await;
        world.revoke(&token).await;
        drop(held);
    });
    assert_eq!(told.verdict(), "401 UNAUTHENTICATED");
    assert_eq!(told.reason(), "Your token was revoked. Nothing was changed.");
    assert_eq!(told.header("www-authenticate"), "Bearer realm=\"cortexpilot\", error=\"invalid_token\"");
    assert_eq!(world.lines().0, 1, "the item waits still");
    assert_eq!(world.send(cancel()).await.verdict(), "401 AUTH_INVALID_TOKEN");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_let_through_on_a_token_that_cannot_be_looked_up() {
    let world = World::new();
    let token = world.operator("alice").await;
    let asks = || {
        [list().token(&token), Ask::get("/api/nothing").token(&token), Ask::get("/api/queue/x/cancel").token(&token)]
    };
    *world.ledger.fails.lock().unwrap() = Some(StoreError::Unavailable("/srv/runtime: permission denied".into()));
    for ask in asks() {
        let told = world.send(ask).await;
        assert_eq!(told.verdict(), "503 STORE_UNAVAILABLE");
        assert!(!told.text().contains("permission denied"));
    }
    assert_eq!(
        world.send(Ask::get("/api/runs").token(OPERATOR)).await.verdict(),
        "200",
        "a static token needs no store"
    );
    assert_eq!(world.send(list().token("wrong")).await.verdict(), "401 AUTH_INVALID_TOKEN");
    // The console is files, so it is there whoever asks.
    assert_eq!(world.send(Ask::get("/").token(&token)).await.status, 200);
    *world.ledger.fails.lock().unwrap() = None;
    // Nor on one whose look-up does not end: the clock runs on by itself here.
    *world.ledger.silent.lock().unwrap() = true;
    for ask in asks() {
        assert_eq!(world.send(ask).await.verdict(), "503 STORE_UNAVAILABLE");
    }
    *world.ledger.silent.lock().unwrap() = false;
    assert_eq!(world.send(list().token(&token)).await.verdict(), "200");
}

/// Everything that is logged while it lives, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no test panics while it holds this").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_line_no_answer_and_no_ledger_line_holds_token_material() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let world = World::under(ApprovalPolicy::Operator);
    let (alice, bob) = (world.operator("alice").await, world.operator("bob").await);
    let bot = world.agent("bot", "operator:alice").await;
    let forged = forged(&bot, PrincipalKind::Agent);
    let id = world.request(&bot, "run_ok").await;
    let mut said = Vec::new();
    for token in [&alice, &bot, &forged, &OPERATOR.to_owned()] {
        for ask in [
            list().token(token),
            list().header("cookie", &format!("api_token={token}")),
            Ask::get(&format!("{LIST}?token={token}")).nobody(),
            Ask::get("/api/tokens").token(token),
            Ask::get(&format!("/api/tokens/{alice}")).token(token),
            Ask::post(&format!("/api/tokens/{alice}/revoke"), json!({})).token(token),
            decide(&id, "reject", token).raw("application/json", "{\"reason\": \"\"}"),
        ] {
            said.push(world.send(ask).await);
        }
    }
    said.push(world.send(decide(&id, "approve", &bob)).await);
    assert_eq!(said.last().unwrap().status, 200);
    world.revoke(&bob).await;
    said.push(world.send(list().token(&bob)).await);
    let (root, old) = (machinist(), TokenText::parse(&bot).unwrap());
    let hour = SignedDuration::from_hours(1);
    let rotated = world.machine.rotate_token(&root, old.id().as_str(), hour, why("time")).await.unwrap().0;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("token_revoke") && log.contains("operator:alice"), "the log was heard: {log}");
    let mut everything = vec![log, world.ledger.memory.lines().join("\n")];
    everything.extend(said.iter().map(|told| format!("{:?} {}", told.headers, told.text())));
    // The ledger keeps digests; answers and logs not even those.
    for secret in [&alice, &bob, &bot, &forged, &rotated.reveal().to_owned()] {
        let token = TokenText::parse(secret).unwrap();
        let digest = token.digest().to_string();
        let material = &secret[secret.len() - 72..secret.len() - 8];
        for text in &everything {
            assert!(!text.contains(material) && !text.contains(&digest), "{text}");
        }
        assert!(!world.ledger.memory.decisions().join("\n").contains(material));
    }
    assert!(everything.iter().all(|text| !text.contains(OPERATOR)));
}
