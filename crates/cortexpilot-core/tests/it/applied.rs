//! What a preview is good for, how long, and what a second apply of it answers.

use cortexpilot_core::app::{Applied, ApplyRequest};
use cortexpilot_core::domain::command::{MutationGate, Parameters};
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, Role, StatedRole, Surface};
use cortexpilot_core::domain::queue::FinalStatus;
use cortexpilot_core::domain::run::{ContractEvidence, Pinned, RunProblem};
use cortexpilot_core::domain::text::{IdempotencyKey, Stated};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::fake::run_facts;
use jiff::SignedDuration;

use crate::support::{
    World, ask, asking, caller, denial, now, policy, principal, queued, role, schedule, seconds, usual, yes,
};

fn with_token(world: &World, who: &Caller) -> ApplyRequest {
    ApplyRequest { preview_token: Some(world.preview(who, "run_ok").token), ..yes() }
}

fn key(text: &str) -> Option<IdempotencyKey> {
    IdempotencyKey::parse(text).expect("a key")
}

#[test]
fn a_preview_is_good_until_its_last_moment_and_not_at_it() {
    let (tick, ttl) = (SignedDuration::from_micros(1), policy(MutationGate::Open).preview_ttl);
    for token in [true, false] {
        for (after, open) in [(ttl - tick, true), (ttl, false), (ttl + tick, false)] {
            let world = World::new();
            let who = usual(Surface::Mcp);
            let mut apply = with_token(&world, &who);
            if !token {
                apply.preview_token = None;
            }
            world.clock.advance(after);
            let answer = world.apply(&who, "run_ok", apply);
            if open {
                assert!(answer.is_ok(), "{after} after, token: {token}");
            } else {
                assert_eq!(denial(answer).code, ErrorCode::PreviewExpired, "{after} after, token: {token}");
            }
        }
    }
}

#[test]
fn the_expiry_that_a_preview_names_is_the_one_that_holds() {
    let world = World::new();
    // A fraction of a second, which the token's whole seconds cannot hold.
    world.clock.advance(SignedDuration::from_millis(750));
    let who = usual(Surface::Mcp);
    let preview = world.preview(&who, "run_ok");
    let left = preview.seen.expires_at.duration_since(preview.now);
    world.clock.advance(left - SignedDuration::from_micros(1));
    let apply = ApplyRequest { preview_token: Some(preview.token), ..yes() };
    world.apply(&who, "run_ok", apply).expect("a moment before the expiry that it named");
}

#[test]
fn a_stale_preview_names_what_changed_and_repeats_no_text_of_the_run() {
    type Change = fn(&World, &mut Parameters);
    fn facts(world: &World, change: impl FnOnce(&mut cortexpilot_core::domain::run::RunFacts)) {
        let mut facts = run_facts("run_ok");
        change(&mut facts);
        world.runs.set(facts);
    }
    let rows: [(&str, Change); 11] = [
        ("contract_sha256", |w, _| facts(w, |run| run.contract = Pinned::new(*b"{\"task_id\": \"other\"}"))),
        ("task_id", |w, _| facts(w, |run| run.task_id = "other".into())),
        ("owner", |w, _| facts(w, |run| run.owner = "other".into())),
        ("workflow_id", |w, _| facts(w, |run| run.workflow_id = "other".into())),
        ("contract_path", |w, _| facts(w, |run| run.contract_path = "/elsewhere/contract.json".into())),
        ("priority", |_, ask| ask.priority = 3),
        ("scheduled_at", |_, ask| ask.scheduled = Some(schedule("2030-01-01T00:00:00Z"))),
        ("deadline_at", |_, ask| ask.deadline = Some(schedule("2030-01-01T00:00:00Z"))),
        ("pending_matches", |w, _| {
            w.enqueue(&caller(Surface::Cli, principal("token:other", PrincipalKind::Operator, "OPS")), "run_ok");
        }),
        ("task_id owner", |w, _| {
            facts(w, |run| {
                run.task_id = "other".into();
                run.owner = "other".into();
            });
        }),
        // The same instant, written otherwise: what was shown to the person is not what is sent.
        ("scheduled_at deadline_at", |_, ask| {
            ask.scheduled = Some(schedule("2031-01-01T00:00:00Z"));
            ask.deadline = Some(schedule("2031-01-01T01:00:00+01:00"));
        }),
    ];
    for (fields, change) in rows {
        let world = World::new();
        let who = usual(Surface::Mcp);
        let apply = with_token(&world, &who);
        let mut ask = ask(Surface::Mcp, "run_ok");
        change(&world, &mut ask.parameters);
        let denial = denial(queued(world.app.enqueue(&who, ask, apply)));
        assert_eq!(denial.code, ErrorCode::PreviewStale, "{fields}");
        let named: Vec<&str> = denial.changed.iter().map(|change| change.field).collect();
        assert_eq!(named.join(" "), fields);
        for change in &denial.changed {
            let from_run = matches!(change.field, "task_id" | "owner" | "workflow_id" | "contract_path");
            assert_eq!(change.was == "(text of the run)", from_run, "{change:?}");
            assert_eq!(change.now == "(text of the run)", from_run, "{change:?}");
            assert!(from_run || change.was != change.now, "{change:?}");
        }
    }
}

#[test]
fn another_policy_makes_a_preview_stale_too() {
    let world = World::new();
    let who = usual(Surface::Mcp);
    let apply = with_token(&world, &who);
    let mut narrower = policy(MutationGate::Open);
    narrower.allowed_roles.remove(&Role::parse("OWNER").expect("a role"));
    let denial = denial(queued(world.process(narrower).enqueue(&who, ask(Surface::Mcp, "run_ok"), apply)));
    assert_eq!(denial.code, ErrorCode::PreviewStale);
    assert!(denial.changed.is_empty(), "another process does not know what was shown");
}

#[test]
fn a_run_that_begins_to_wait_is_refused_as_waiting_not_as_stale() {
    let world = World::new();
    let who = usual(Surface::Mcp);
    let apply = with_token(&world, &who);
    let mut facts = run_facts("run_ok");
    facts.awaits_approval = true;
    facts.evidence = ContractEvidence::Absent;
    world.runs.set(facts);
    assert_eq!(denial(world.apply(&who, "run_ok", apply)).code, ErrorCode::RunAwaitingApproval);
}

#[test]
fn only_an_operator_may_queue_a_second_equal_item_and_not_over_mcp() {
    for surface in Surface::ALL {
        for kind in [PrincipalKind::Operator, PrincipalKind::Agent] {
            let world = World::new();
            let who = caller(surface, principal("token:tester", kind, "OPS"));
            let first = world.enqueue(&who, "run_ok").item;
            let preview = world.preview(&who, "run_ok");
            assert!(
                preview.next_step.contains(first.queue_id().as_str()),
                "the preview says which: {}",
                preview.next_step
            );
            let apply = ApplyRequest { preview_token: Some(preview.token), ..yes() };
            let refused = denial(world.apply(&who, "run_ok", apply.clone()));
            assert_eq!(refused.code, ErrorCode::AlreadyPending);
            assert_eq!(refused.queue_id.as_deref(), Some(first.queue_id().as_str()));
            let again = world.apply(&who, "run_ok", ApplyRequest { allow_duplicate: true, ..apply });
            match (surface, kind) {
                (Surface::Http | Surface::Cli, PrincipalKind::Operator) => {
                    assert_ne!(again.expect("an operator's second item").item.queue_id(), first.queue_id());
                }
                _ => assert_eq!(denial(again).code, ErrorCode::AlreadyPending, "{surface:?} {kind:?}"),
            }
        }
    }
}

#[test]
fn an_item_with_other_parameters_or_no_longer_pending_is_not_equal() {
    let world = World::new();
    let who = usual(Surface::Cli);
    let urgent = |world: &World| {
        let mut ask = ask(Surface::Cli, "run_ok");
        ask.parameters.priority = 9;
        let token = now(world.app.preview(&who, ask.clone())).expect("a preview").token;
        queued(world.app.enqueue(&who, ask, ApplyRequest { preview_token: Some(token), ..yes() }))
    };
    let first = world.enqueue(&who, "run_ok").item;
    let second = urgent(&world).expect("another priority is another item").item;
    assert_eq!(denial(urgent(&world)).code, ErrorCode::AlreadyPending);
    let cancelled = now(world.app.cancel(&who, second.queue_id().as_str(), Stated::Absent, role("OPS")));
    assert_eq!(cancelled.expect("pending").status(), "CANCELLED");
    let third = urgent(&world).expect("the equal one was rolled back").item;
    assert_ne!(third.queue_id(), second.queue_id());
    assert_ne!(third.queue_id(), first.queue_id());
}

#[test]
fn an_item_of_another_contract_is_not_equal() {
    let world = World::new();
    let who = usual(Surface::Mcp);
    let first = world.enqueue(&who, "run_ok").item;
    let mut facts = run_facts("run_ok");
    facts.contract = Pinned::new(*b"{\"task_id\": \"mended\"}");
    world.runs.set(facts);
    let second = world.enqueue(&who, "run_ok").item;
    assert_ne!(second.queue_id(), first.queue_id());
    assert!(second.is_pending() && first.is_pending());
}

type Happening = fn(&World, &Applied);

/// What may have happened between an apply and its retry, and the status that the retry then answers.
const MEANWHILE: [(&str, &str, Happening); 9] = [
    ("nothing", "PENDING", |_, _| {}),
    ("the run is gone", "PENDING", |w, _| w.runs.remove(&RunId::parse("run_ok").expect("a run id"))),
    ("the run cannot be read", "PENDING", |w, _| {
        w.runs.fail(&RunId::parse("run_ok").expect("a run id"), RunProblem::Unreadable("torn".into()));
    }),
    ("the contract was altered", "PENDING", |w, _| {
        let mut facts = run_facts("run_ok");
        facts.evidence = ContractEvidence::Altered;
        w.runs.set(facts);
    }),
    ("the preview has expired", "PENDING", |w, _| w.clock.advance(seconds(3600))),
    ("the clock went back", "PENDING", |w, _| w.clock.advance(-seconds(3600))),
    ("an operator cancelled it", "CANCELLED", |w, applied| {
        let id = applied.item.queue_id().as_str();
        now(w.app.cancel(&usual(Surface::Cli), id, Stated::Absent, role("OPS"))).expect("pending");
    }),
    ("a worker claimed it", "CLAIMED", |w, _| {
        claim(w);
    }),
    ("a worker finished it", "FAILURE", |w, _| {
        let (id, lease) = claim(w);
        now(w.app.complete(&worker(), &id, &lease, FinalStatus::Failure.into(), StatedRole::Absent)).expect("claimed");
    }),
];

fn worker() -> Caller {
    caller(Surface::Http, principal("token:worker", PrincipalKind::Worker, ""))
}

fn claim(world: &World) -> (String, String) {
    let claimed = now(world.app.claim(&worker(), asking(Stated::Absent, seconds(60), StatedRole::Absent)));
    let claimed = claimed.expect("workers may claim").claimed().expect("one is eligible");
    (claimed.item.queue_id().to_string(), claimed.lease_token)
}

#[test]
fn a_retry_answers_with_its_item_whatever_happened_meanwhile() {
    type Way = fn(ApplyRequest) -> ApplyRequest;
    let ways: [(&str, Way); 3] = [
        ("by its token", |apply| ApplyRequest { idempotency_key: None, ..apply }),
        ("by its key", |apply| ApplyRequest { preview_token: None, ..apply }),
        ("by what this process showed", |apply| ApplyRequest { preview_token: None, idempotency_key: None, ..apply }),
    ];
    for (way, retry) in ways {
        for (what, status, meanwhile) in MEANWHILE {
            let world = World::new();
            let who = usual(Surface::Mcp);
            let apply = ApplyRequest { idempotency_key: key("attempt 1"), ..with_token(&world, &who) };
            let first = world.apply(&who, "run_ok", apply.clone()).expect("every gate is open");
            meanwhile(&world, &first);
            let (lines, decisions) = (world.store.lines(), world.store.decisions());
            // A later preview would be another attempt for a process that remembers; a fresh process knows only the ledger.
            let fresh = world.process(policy(MutationGate::Open));
            let app = if way == "by its key" { &fresh } else { &world.app };
            let again = queued(app.enqueue(&who, ask(Surface::Mcp, "run_ok"), retry(apply)));
            let again = again.unwrap_or_else(|failure| panic!("{way}, {what}: {}", failure.reason()));
            assert!(again.already_applied, "{way}, {what}");
            assert_eq!(again.item.queue_id(), first.item.queue_id(), "{way}, {what}");
            assert_eq!(again.item.status(), status, "{way}, {what}");
            assert_eq!(
                (world.store.lines(), world.store.decisions()),
                (lines, decisions),
                "{way}, {what}: something was written"
            );
        }
    }
}

#[test]
fn a_retry_still_passes_the_first_five_gates() {
    let world = World::new();
    let who = usual(Surface::Mcp);
    let apply = with_token(&world, &who);
    world.apply(&who, "run_ok", apply.clone()).expect("every gate is open");
    let off = world.process(policy(MutationGate::Shut));
    let rows = [
        (ErrorCode::ConfirmRequired, ApplyRequest { confirm: false, ..apply.clone() }),
        (ErrorCode::RoleMismatch, ApplyRequest { actor_role: role("OWNER"), ..apply.clone() }),
        (ErrorCode::MetadataRequired, ApplyRequest { approval_reason: Stated::Absent, ..apply.clone() }),
    ];
    for (code, apply) in rows {
        assert_eq!(denial(world.apply(&who, "run_ok", apply)).code, code);
    }
    let answer = queued(off.enqueue(&who, ask(Surface::Mcp, "run_ok"), apply));
    assert_eq!(denial(answer).code, ErrorCode::MutationGateClosed);
}

#[test]
fn the_same_key_of_another_principal_is_another_key() {
    let world = World::new();
    let (alice, bob) = (
        caller(Surface::Cli, principal("token:alice", PrincipalKind::Operator, "OPS")),
        caller(Surface::Cli, principal("token:bob", PrincipalKind::Operator, "OPS")),
    );
    world.runs.set(run_facts("run_other"));
    let of = |who: &Caller, run_id: &str| {
        let token = world.preview(who, run_id).token;
        let apply = ApplyRequest { preview_token: Some(token), idempotency_key: key("k"), ..yes() };
        world.apply(who, run_id, apply)
    };
    let first = of(&alice, "run_ok").expect("every gate is open");
    let second = of(&bob, "run_other").expect("bob's key is not alice's");
    assert_ne!(first.item.queue_id(), second.item.queue_id());
    assert_eq!(denial(of(&alice, "run_other")).code, ErrorCode::IdempotencyConflict);
    assert!(of(&bob, "run_other").expect("bob's retry").already_applied);
}

#[test]
fn one_principal_retries_on_another_surface_with_its_key() {
    let world = World::new();
    let (cli, http) = (usual(Surface::Cli), usual(Surface::Http));
    let apply = ApplyRequest { idempotency_key: key("k"), ..with_token(&world, &cli) };
    let first = world.apply(&cli, "run_ok", apply.clone()).expect("every gate is open");
    let again = world.apply(&http, "run_ok", ApplyRequest { preview_token: None, ..apply }).expect("the same attempt");
    assert!(again.already_applied);
    assert_eq!(again.item, first.item);
}

#[test]
fn an_item_knows_how_deep_it_stands() {
    let world = World::new();
    let who = usual(Surface::Cli);
    let mut run_id = "run_ok".to_owned();
    for depth in 1..=4 {
        let item = world.enqueue(&who, &run_id).item;
        assert_eq!(item.enqueued.provenance.as_ref().expect("ours").depth, depth);
        let claimed = now(world.app.claim(&worker(), asking(Stated::Absent, seconds(60), StatedRole::Absent)));
        let claimed = claimed.expect("workers may claim").claimed().expect("one is eligible");
        assert_eq!(claimed.item.queue_id(), &item.enqueued.queue_id);
        run_id = claimed.item.run_id().to_owned();
        world.runs.set(run_facts(&run_id));
        world.clock.advance(seconds(1));
    }
}
