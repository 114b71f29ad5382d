//! Every code that can be answered over HTTP, provoked once, with its status; and what happens when the store, the runs
//! or a handler fail.

use std::time::Duration;

use axum::body::{Body, Bytes};
use cortexpilot_core::domain::command::{self, ApprovalPolicy, MutationGate};
use cortexpilot_core::domain::gate::DEPTH_MAX;
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::run::{ContractEvidence, Pinned, RunFacts, RunProblem};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::StoreError;
use cortexpilot_core::port::fake::run_facts;
use cortexpilot_core::port::receipts::NoReceipt;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::{BODY_BYTES_MAX, Limits};
use futures_util::stream;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::harness::{AGENT, Ask, OPERATOR, OPS_ONLY, Told, WORKER, World, apply, decide, options, preview, tokens};

const APPLY: &str = "/api/queue/from-run/run_ok";

/// An apply in which one member is another.
fn apply_with(token: &str, member: &str, value: Value) -> Ask {
    let mut body = apply(token);
    body[member] = value;
    Ask::post(APPLY, body)
}

fn set(world: &World, change: impl FnOnce(&mut RunFacts)) {
    let mut facts = run_facts("run_ok");
    change(&mut facts);
    world.runs.facts.set(facts);
}

fn fail(world: &World, error: StoreError) {
    *world.ledger.fails.lock().expect("no test panics while it holds this") = Some(error);
}

/// The second apply within an hour of an agent whose first item is pending still.
async fn second_of_an_agent(pending_max: u32, applies_per_hour: u32) -> Told {
    let world = World::limited(command::Limits { pending_max, applies_per_hour });
    world.enqueue_by(AGENT, "run_two").await;
    world.clock.advance(SignedDuration::from_mins(10));
    let token = world.preview_of(preview("run_ok").token(AGENT)).await;
    world.send(Ask::post(APPLY, apply(&token)).token(AGENT)).await
}

/// A request that must be answered with this code; `None` where HTTP never answers it, and why.
async fn provoke(code: ErrorCode) -> Option<Told> {
    use ErrorCode as C;
    let world = World::new();
    let preview = async || world.preview("run_ok").await;
    let cancel = |id: &str| Ask::post(&format!("/api/queue/{id}/cancel"), json!({}));
    let ask = match code {
        // The transport establishes a principal before the app is asked; over HTTP its absence is AUTH_MISSING_BEARER.
        C::Unauthenticated => return None,
        // What tools and the command line say; here it is REQUEST_VALIDATION_ERROR.
        C::ArgumentsInvalid => return None,
        // Answered in the plain shape that existing clients know, so without a code.
        C::NotFound | C::MethodNotAllowed => return None,
        // A process that is weaker than the floor does not start; tokens are made at the machine.
        C::PolicyBelowFloor | C::TokenLimit => return None,
        C::ReceiptNotCovered | C::ReceiptNoKey => {
            let problem = if code == C::ReceiptNoKey {
                NoReceipt::NoKey
            } else {
                NoReceipt::NotCovered { retry_after_s: Some(60) }
            };
            *world.notary.answer.lock().expect("no test panics while it holds this") = Err(problem);
            Ask::get(&format!("/api/queue/{}/receipt", world.enqueue("run_ok").await))
        }
        C::NotPartOfCortexpilot => Ask::post("/api/runs/run_ok/rollback", json!({})),
        C::ReceiptNotFound => Ask::get(&format!("/api/queue/{}/receipt?of=cancelled", world.enqueue("run_ok").await)),
        C::AuthMissingBearer => Ask::get("/api/runs").nobody(),
        C::AuthInvalidToken => Ask::get("/api/runs").token("wrong"),
        C::MutationGateClosed => {
            let shut = World::with(MutationGate::Shut, Auth::tokens(tokens()), options());
            return Some(shut.send(Ask::post(APPLY, apply(""))).await);
        }
        C::Frozen => {
            assert_eq!(world.send(Ask::post("/api/gate/freeze", json!({}))).await.status, 200);
            Ask::post(APPLY, apply(""))
        }
        C::ConfirmRequired => apply_with(&preview().await, "confirm", json!(false)),
        C::RoleRequired => apply_with(&preview().await, "actor_role", json!(null)).no_role(),
        C::RoleForbidden => apply_with(&preview().await, "actor_role", json!("INTERN")).no_role(),
        C::RoleMismatch => apply_with("", "actor_role", json!("OWNER")).token(OPS_ONLY).no_role(),
        C::MetadataRequired => apply_with(&preview().await, "requested_by", json!("  ")),
        C::MetadataRejected => apply_with(&preview().await, "approval_reason", json!("a\u{202e}b")),
        C::IdempotencyConflict => {
            let keyed = |token: &str| apply_with(token, "idempotency_key", json!("key-1"));
            assert_eq!(world.send(keyed(&preview().await)).await.status, 200);
            let mut body = apply("");
            body["idempotency_key"] = json!("key-1");
            body["priority"] = json!(9);
            Ask::post(APPLY, body)
        }
        C::RunIdInvalid => Ask::post("/api/queue/from-run/a..b", apply("")),
        C::RunNotFound => Ask::post("/api/queue/from-run/run_nowhere", apply("")),
        C::RunUnreadable => {
            let id = RunId::parse("run_ok").expect("a run id");
            world.runs.facts.fail(&id, RunProblem::Unreadable("its manifest is no JSON".into()));
            Ask::post(APPLY, apply(""))
        }
        C::ContractAltered => {
            set(&world, |facts| facts.evidence = ContractEvidence::Altered);
            Ask::post(APPLY, apply(""))
        }
        C::RunAwaitingApproval => {
            set(&world, |facts| facts.awaits_approval = true);
            Ask::post(APPLY, apply(""))
        }
        C::PreviewRequired => Ask::post(APPLY, apply("")),
        C::PreviewExpired => {
            let token = preview().await;
            world.clock.advance(SignedDuration::from_mins(15));
            Ask::post(APPLY, apply(&token))
        }
        C::PreviewStale => {
            let token = preview().await;
            set(&world, |facts| facts.contract = Pinned::new(b"{}".to_vec()));
            Ask::post(APPLY, apply(&token))
        }
        C::AlreadyPending => {
            world.enqueue("run_ok").await;
            Ask::post(APPLY, apply(&preview().await))
        }
        C::LineageLimit => {
            let mut run = "run_ok".to_owned();
            for _ in 0..DEPTH_MAX {
                world.enqueue(&run).await;
                run = world.claim().await["item"]["run_id"].as_str().expect("a run").to_owned();
                world.runs.facts.set(run_facts(&run));
            }
            Ask::post(&format!("/api/queue/from-run/{run}"), apply(&world.preview(&run).await))
        }
        C::PendingLimit => return Some(second_of_an_agent(1, 0).await),
        C::RateLimited => return Some(second_of_an_agent(0, 1).await),
        C::ScopeForbidden => Ask::post("/api/queue/claim", json!({})).token(AGENT),
        C::SelfApproval => {
            let world = World::under(ApprovalPolicy::Operator);
            let id = world.request(OPERATOR, "run_ok").await;
            return Some(world.send(decide(&id, "approve", OPERATOR)).await);
        }
        C::ApproverUnverified => {
            let world = World::under(ApprovalPolicy::TwoPerson);
            let id = world.request(AGENT, "run_ok").await;
            return Some(world.send(decide(&id, "approve", OPERATOR)).await);
        }
        C::ApprovalNotFound => Ask::get("/api/approvals/apr_nope"),
        C::ApprovalExpired => {
            let world = World::under(ApprovalPolicy::Operator);
            let id = world.request(AGENT, "run_ok").await;
            world.clock.advance(SignedDuration::from_hours(24));
            return Some(world.send(decide(&id, "approve", OPERATOR)).await);
        }
        C::ApprovalDecided => {
            let world = World::under(ApprovalPolicy::Operator);
            let id = world.request(AGENT, "run_ok").await;
            assert_eq!(world.send(decide(&id, "reject", OPERATOR)).await.status, 200);
            return Some(world.send(decide(&id, "approve", OPERATOR)).await);
        }
        C::TokenNotFound => Ask::post("/api/tokens/000000000000/revoke", json!({})),
        C::QueueItemNotFound => cancel("nope"),
        C::QueueItemNotCancellable => {
            let id = world.enqueue("run_ok").await;
            assert_eq!(world.send(cancel(&id)).await.status, 200);
            cancel(&id)
        }
        C::QueueItemNotClaimed => {
            let id = world.enqueue("run_ok").await;
            let body = json!({"lease_token": "x", "status": "FAILURE"});
            Ask::post(&format!("/api/queue/{id}/complete"), body).token(WORKER).no_role()
        }
        C::LeaseInvalid => {
            let id = world.enqueue("run_ok").await;
            world.claim().await;
            let body = json!({"lease_token": "x", "status": "FAILURE"});
            Ask::post(&format!("/api/queue/{id}/complete"), body).token(WORKER).no_role()
        }
        C::QueueItemNotHeld => {
            let id = world.enqueue("run_ok").await;
            Ask::post(&format!("/api/queue/{id}/requeue"), json!({"reason": "why not"}))
        }
        C::QueueItemNotStoppable => {
            let id = world.enqueue("run_ok").await;
            Ask::post(&format!("/api/queue/{id}/stop"), json!({"reason": "too early"}))
        }
        C::StopNotRequested => {
            let id = world.enqueue("run_ok").await;
            let body = json!({"lease_token": world.claim().await["lease_token"], "status": "STOPPED"});
            Ask::post(&format!("/api/queue/{id}/complete"), body).token(WORKER).no_role()
        }
        C::WorkflowNotFound => Ask::get("/api/workflows/none"),
        C::ArtifactNotFound => Ask::get("/api/runs/run_ok/artifacts/none"),
        C::RequestValidation => Ask::get("/api/queue?limit=0"),
        C::UnsupportedMediaType => cancel("x").raw("text/plain", "{}"),
        C::BodyTooLarge => cancel("x").raw("application/json", " ".repeat(BODY_BYTES_MAX + 1)),
        C::RequestTimeout => {
            let never = stream::pending::<Result<Bytes, std::io::Error>>();
            cancel("x").raw("application/json", Body::from_stream(never))
        }
        C::HostNotAllowed => Ask::get("/api/queue").header("host", "evil.example"),
        C::OriginNotAllowed => cancel("x").header("origin", "http://evil.example"),
        C::LedgerCorrupt => {
            fail(&world, StoreError::Corrupt { file: "queue.jsonl".into(), line: 3 });
            cancel("x")
        }
        C::LedgerNewer => {
            fail(&world, StoreError::Newer { event: "QUEUE_TELEPORT".into() });
            cancel("x")
        }
        C::StoreUnavailable => {
            fail(&world, StoreError::Unavailable("/srv/runtime/queue.jsonl: no space".into()));
            cancel("x")
        }
        C::StoreFull => {
            fail(&world, StoreError::Full("12 bytes are left in /srv/runtime".into()));
            Ask::post("/api/queue/claim", json!({}))
        }
        C::OutcomeUnknown => {
            fail(&world, StoreError::OutcomeUnknown("/srv/runtime/queue.jsonl: EIO".into()));
            cancel("x")
        }
        C::Internal => Ask::get("/api/runs/run_panics"),
    };
    Some(world.send(ask).await)
}

// The paused clock lets the body that never comes run into its limit at once.
#[tokio::test(start_paused = true)]
async fn every_code_is_answered_with_the_status_of_its_row_and_the_same_members() {
    let mut provoked = 0;
    for code in ErrorCode::ALL.iter().copied() {
        let Some(told) = provoke(code).await else { continue };
        provoked += 1;
        let row = code.row();
        assert_eq!(told.verdict(), format!("{} {}", row.status, code.as_str()));
        let detail = told.json()["detail"].clone();
        assert_eq!(detail["retry"], row.retry.as_str(), "{}", code.as_str());
        assert_eq!(detail["who_can_act"], row.who.as_str(), "{}", code.as_str());
        for member in ["reason", "next_step", "request_id", "trace_id"] {
            assert!(detail[member].as_str().is_some_and(|text| !text.is_empty()), "{} {member}", code.as_str());
        }
        assert!(!told.text().contains("/srv"), "{}: no path leaves", code.as_str());
        // RFC 9110 §10.2.3: in seconds. Only where it is known when the same request will do.
        let waits =
            [(ErrorCode::PendingLimit, "60"), (ErrorCode::RateLimited, "3001"), (ErrorCode::ReceiptNotCovered, "60")];
        let wait = waits.iter().find(|(limit, _)| *limit == code).map_or("", |(_, seconds)| *seconds);
        assert_eq!(told.header("retry-after"), wait, "{}", code.as_str());
        assert_eq!(detail["retry_after_s"], wait.parse().map_or(Value::Null, |seconds: u32| json!(seconds)));
    }
    println!("figure: {provoked} of {} codes provoked over HTTP", ErrorCode::ALL.len());
    assert_eq!(provoked, ErrorCode::ALL.len() - 6);
}

#[tokio::test]
async fn reads_go_on_over_a_damaged_ledger_and_readiness_is_red() {
    let world = World::new();
    let id = world.enqueue("run_ok").await;
    assert_eq!(world.send(Ask::get("/readyz").nobody()).await.json(), json!({"status": "ok"}));
    for (error, code) in [
        (StoreError::Corrupt { file: "queue.jsonl".into(), line: 3 }, "503 LEDGER_CORRUPT"),
        (StoreError::Newer { event: "QUEUE_TELEPORT".into() }, "503 LEDGER_NEWER"),
    ] {
        fail(&world, error);
        assert_eq!(world.send(Ask::get("/readyz").nobody()).await.verdict(), code);
        assert_eq!(world.send(Ask::get("/health").nobody()).await.verdict(), "200", "the process itself is well");
        assert_eq!(world.send(Ask::get(&format!("/api/queue/{id}"))).await.verdict(), "200");
        assert_eq!(world.send(Ask::get("/api/queue")).await.verdict(), "200");
        assert_eq!(world.send(Ask::post(&format!("{APPLY}/preview"), json!({}))).await.verdict(), "200");
        assert_eq!(world.send(Ask::post(&format!("/api/queue/{id}/cancel"), json!({}))).await.verdict(), code);
    }
    fail(&world, StoreError::Unavailable("/srv/runtime: permission denied".into()));
    for path in ["/readyz", "/api/queue", "/api/queue/x"] {
        let told = world.send(Ask::get(path)).await;
        assert_eq!(told.verdict(), "503 STORE_UNAVAILABLE", "{path}");
        assert!(!told.text().contains("permission denied"), "the cause is for the log");
    }
    assert_eq!(world.send(Ask::get("/api/runs")).await.verdict(), "200", "runs do not need the ledger");
}

#[tokio::test]
async fn a_panic_is_an_internal_error_that_tells_nothing_and_ends_nothing() {
    let world = World::new();
    *world.ledger.panics.lock().unwrap() = true;
    for ask in [Ask::get("/api/runs/run_panics"), Ask::post("/api/queue/nope/cancel", json!({}))] {
        let told = world.send(ask.header("x-request-id", "rid-9")).await;
        assert_eq!(told.verdict(), "500 INTERNAL");
        assert_eq!((told.header("x-request-id"), &told.json()["detail"]["request_id"]), ("rid-9", &json!("rid-9")));
        assert!(!told.text().contains("secret") && !told.text().contains("panick"));
    }
    *world.ledger.panics.lock().unwrap() = false;
    assert_eq!(world.send(Ask::post("/api/queue/nope/cancel", json!({}))).await.verdict(), "404 QUEUE_ITEM_NOT_FOUND");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_takes_too_long_is_answered_as_unknown_and_carried_out_all_the_same() {
    let mut options = options();
    options.limits = Limits { answer: Duration::from_secs(5), ..Limits::default() };
    let world = World::with(MutationGate::Open, Auth::tokens(tokens()), options);
    let token = world.preview("run_ok").await;
    let held = world.ledger.commands.acquire().await.unwrap();
    let told = world.send(Ask::post(APPLY, apply(&token))).await;
    assert_eq!(told.verdict(), "503 OUTCOME_UNKNOWN");
    assert_eq!(world.lines(), (0, 0));
    drop(held);
    // The command stands in line before this one, so once this one has had its turn, it had its own.
    drop(world.ledger.commands.acquire().await.unwrap());
    tokio::task::yield_now().await;
    assert_eq!(world.lines(), (1, 0));
    let told = world.send(Ask::post(APPLY, apply(&token))).await;
    assert_eq!((told.verdict().as_str(), &told.json()["already_applied"]), ("200", &json!(true)));
}
