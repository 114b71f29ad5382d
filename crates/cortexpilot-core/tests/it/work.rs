//! Cancelling, claiming and completing: who may, what each state allows, and time that goes back.

use cortexpilot_core::app::{Claimed, Failure, Took};
use cortexpilot_core::codec::decision;
use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_core::domain::principal::{Caller, Principal, PrincipalKind, StatedRole, Surface};
use cortexpilot_core::domain::queue::{FinalStatus, ItemState, QueueItem};
use cortexpilot_core::domain::text::{Reason, Stated};
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::fake::run_facts;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::{
    World, ask, asking, assert_tells_nothing, caller, denial, now, policy, principal, queued, role, schedule, seconds,
    start, usual, yes,
};

fn worker() -> Caller {
    caller(Surface::Http, principal("token:worker", PrincipalKind::Worker, ""))
}

fn operator() -> Caller {
    caller(Surface::Http, principal("token:op", PrincipalKind::Operator, "OPS"))
}

fn cancel(world: &World, who: &Caller, id: &str) -> Result<QueueItem, Failure> {
    now(world.app.cancel(who, id, Stated::Absent, StatedRole::Absent))
}

fn claim(world: &World) -> Result<Option<Claimed>, Failure> {
    now(world.app.claim(&worker(), asking(Stated::Absent, seconds(60), StatedRole::Absent))).map(Took::claimed)
}

fn complete(world: &World, id: &str, lease: &str) -> Result<QueueItem, Failure> {
    now(world.app.complete(&worker(), id, lease, FinalStatus::Success.into(), StatedRole::Absent))
}

/// A word for an answer: the item's status, or the code.
fn word(answer: Result<QueueItem, Failure>) -> String {
    match answer {
        Ok(item) => item.status().to_owned(),
        Err(failure) => failure.code().as_str().to_owned(),
    }
}

/// A world whose one item stands in this state; its id and its lease token, empty while it was never claimed.
fn in_state(state: &str) -> (World, String, String) {
    let world = World::new();
    let who = usual(Surface::Cli);
    let mut request = ask(Surface::Cli, "run_ok");
    if state == "scheduled" {
        request.parameters.scheduled = Some(schedule("2030-01-01T00:00:00Z"));
    }
    let token = now(world.app.preview(&who, request.clone())).expect("a preview").token;
    let apply = cortexpilot_core::app::ApplyRequest { preview_token: Some(token), ..yes() };
    let id = queued(world.app.enqueue(&who, request, apply)).expect("every gate is open").item.queue_id().to_string();
    let mut lease = String::new();
    match state {
        "pending" | "scheduled" => {}
        "cancelled" => assert_eq!(word(cancel(&world, &operator(), &id)), "CANCELLED"),
        "claimed" | "closed" => {
            lease = claim(&world).expect("a worker may").expect("one is eligible").lease_token;
            if state == "closed" {
                assert_eq!(word(complete(&world, &id, &lease)), "SUCCESS");
            }
        }
        other => panic!("no state {other}"),
    }
    (world, id, lease)
}

/// Each state, and what cancelling, claiming and completing with the last known lease answer there.
const TRANSITIONS: [(&str, [&str; 3]); 5] = [
    ("pending", ["CANCELLED", "CLAIMED", "QUEUE_ITEM_NOT_CLAIMED"]),
    ("scheduled", ["CANCELLED", "nothing", "QUEUE_ITEM_NOT_CLAIMED"]),
    ("claimed", ["QUEUE_ITEM_NOT_CANCELLABLE", "nothing", "SUCCESS"]),
    ("closed", ["QUEUE_ITEM_NOT_CANCELLABLE", "nothing", "QUEUE_ITEM_NOT_CLAIMED"]),
    ("cancelled", ["QUEUE_ITEM_NOT_CANCELLABLE", "nothing", "QUEUE_ITEM_NOT_CLAIMED"]),
];

#[test]
fn every_state_answers_every_command_as_the_table_says() {
    for (state, want) in TRANSITIONS {
        let (world, id, _) = in_state(state);
        assert_eq!(word(cancel(&world, &operator(), &id)), want[0], "cancel while {state}");
        let (world, _, _) = in_state(state);
        let claimed = match claim(&world) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(claimed)) => claimed.item.status().to_owned(),
            Err(failure) => failure.code().as_str().to_owned(),
        };
        assert_eq!(claimed, want[1], "claim while {state}");
        let (world, id, lease) = in_state(state);
        let before = world.store.lines().len();
        assert_eq!(word(complete(&world, &id, &lease)), want[2], "complete while {state}");
        assert_eq!(world.store.lines().len() - before, usize::from(want[2] == "SUCCESS"), "complete while {state}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let world = World::new();
    assert_eq!(word(cancel(&world, &operator(), "0123")), "QUEUE_ITEM_NOT_FOUND");
    assert_eq!(word(cancel(&world, &operator(), "  ")), "QUEUE_ITEM_NOT_CANCELLABLE");
    assert_eq!(word(cancel(&world, &operator(), &"x".repeat(201))), "QUEUE_ITEM_NOT_CANCELLABLE");
    assert_eq!(word(complete(&world, "0123", "lease")), "QUEUE_ITEM_NOT_FOUND");
    assert_eq!(word(complete(&world, "", "lease")), "QUEUE_ITEM_NOT_FOUND");
    assert!(claim(&world).expect("a worker may").is_none());
    let recorded: Vec<String> = world.decisions().into_iter().map(|line| line.code).collect();
    assert_eq!(recorded.len(), 5, "an empty queue is no refusal: {recorded:?}");
}

#[test]
fn an_answer_to_a_cancel_after_a_claim_says_that_it_is_no_rollback() {
    let (world, id, _) = in_state("claimed");
    let Err(Failure::Denied(denial)) = cancel(&world, &operator(), &id) else { panic!("refused") };
    assert!(denial.reason.contains("no longer a rollback"), "{}", denial.reason);
    assert_eq!(denial.queue_id, Some(id));
    assert_tells_nothing(&denial, &operator());
}

fn who(kind: PrincipalKind, id: &str, roles: &str, surface: Surface) -> Caller {
    caller(surface, principal(id, kind, roles))
}

#[test]
fn who_may_cancel_is_a_table() {
    use PrincipalKind::{Agent, Operator, Worker};
    use Surface::{Cli, Http};
    let anonymous = || caller(Http, Principal::anonymous());
    let nobody = || Caller { principal: None, surface: Http };
    let rows: [(Caller, StatedRole, &str); 16] = [
        (who(Operator, "token:op", "OPS", Http), StatedRole::Absent, "token:op (OPS)"),
        (who(Operator, "token:op", "OPS,OWNER", Http), StatedRole::Absent, "ROLE_REQUIRED"),
        (who(Operator, "token:op", "OPS,OWNER", Http), role("OWNER"), "token:op (OWNER)"),
        (who(Operator, "token:op", "OPS", Http), role("OWNER"), "ROLE_MISMATCH"),
        (who(Operator, "token:op", "INTERN", Http), role("INTERN"), "ROLE_FORBIDDEN"),
        (who(Operator, "token:op", "OPS", Http), StatedRole::Unreadable, "ROLE_FORBIDDEN"),
        // At a person's own keyboard the first of their allowed roles is meant.
        (who(Operator, "local:op", "INTERN,OPS,OWNER", Cli), StatedRole::Absent, "local:op (OPS)"),
        (who(Operator, "local:op", "INTERN", Cli), StatedRole::Absent, "ROLE_FORBIDDEN"),
        (who(Agent, "token:tester", "OPS", Http), StatedRole::Absent, "token:tester (OPS)"),
        (who(Agent, "token:other", "OPS", Http), StatedRole::Absent, "SCOPE_FORBIDDEN"),
        (who(Worker, "token:worker", "OPS", Http), role("OPS"), "SCOPE_FORBIDDEN"),
        (anonymous(), StatedRole::Absent, "anonymous:loopback"),
        (anonymous(), role("OPS"), "anonymous:loopback"),
        (anonymous(), role("INTERN"), "ROLE_FORBIDDEN"),
        (anonymous(), StatedRole::Unreadable, "ROLE_FORBIDDEN"),
        (nobody(), role("OPS"), "UNAUTHENTICATED"),
    ];
    for (who, stated, want) in rows {
        let (world, id, _) = in_state("pending");
        let answer = now(world.app.cancel(&who, &id, Stated::Absent, stated.clone()));
        let got = match answer {
            Ok(QueueItem { state: ItemState::Cancelled { by, .. }, .. }) => by.expect("it says who"),
            Ok(item) => item.status().to_owned(),
            Err(Failure::Denied(denial)) => {
                assert_tells_nothing(&denial, &who);
                denial.code.as_str().to_owned()
            }
            Err(Failure::Store(error)) => error.to_string(),
        };
        assert_eq!(got, want, "{who:?} stating {stated:?}");
    }
}

#[test]
fn a_cancel_works_where_nothing_may_be_queued_and_keeps_its_reason() {
    let (world, id, _) = in_state("pending");
    let off = world.process(policy(MutationGate::Shut));
    let hidden: Stated<Reason> = Stated::read(Some("no\u{202e}pe"));
    let refused = now(off.cancel(&operator(), &id, hidden, StatedRole::Absent));
    assert_eq!(word(refused), "METADATA_REJECTED");
    let reason = Stated::read(Some("changed \"my\" mind: übermorgen"));
    let item = now(off.cancel(&operator(), &id, reason, StatedRole::Absent)).expect("not behind the switch");
    let ItemState::Cancelled { reason, .. } = &item.state else { panic!("cancelled") };
    assert_eq!(reason.as_deref(), Some("changed \"my\" mind: übermorgen"));
}

#[test]
fn who_may_claim_is_a_table() {
    use PrincipalKind::{Agent, Operator, Worker};
    use Surface::{Cli, Http};
    let rows = [
        (who(Worker, "token:worker", "", Http), StatedRole::Absent, "CLAIMED"),
        (who(Worker, "token:worker", "", Http), StatedRole::Unreadable, "CLAIMED"),
        (who(Operator, "token:op", "OPS", Http), StatedRole::Absent, "CLAIMED"),
        (who(Operator, "token:op", "OPS,OWNER", Http), StatedRole::Absent, "ROLE_REQUIRED"),
        (who(Operator, "token:op", "OPS,OWNER", Cli), StatedRole::Absent, "CLAIMED"),
        (who(Operator, "token:op", "INTERN", Http), StatedRole::Absent, "ROLE_FORBIDDEN"),
        (who(Agent, "token:tester", "OPS", Http), role("OPS"), "SCOPE_FORBIDDEN"),
        (caller(Http, Principal::anonymous()), role("OPS"), "SCOPE_FORBIDDEN"),
        (Caller { principal: None, surface: Http }, role("OPS"), "UNAUTHENTICATED"),
    ];
    for (who, stated, want) in rows {
        let (world, id, lease) = in_state("pending");
        let got = now(world.app.claim(&who, asking(Stated::Absent, seconds(60), stated.clone())));
        let got = got.map(|claimed| claimed.claimed().expect("one is eligible").item);
        assert_eq!(word(got), want, "{who:?} claims");
        if want != "CLAIMED" {
            let got = now(world.app.complete(&who, &id, &lease, FinalStatus::Success.into(), stated));
            assert_eq!(word(got), want, "{who:?} completes");
        }
    }
}

#[test]
fn only_the_current_lease_completes_an_item() {
    let (world, id, lease) = in_state("claimed");
    assert!(!lease.is_empty());
    let other = World::new();
    other.enqueue(&usual(Surface::Cli), "run_ok");
    other.clock.advance(seconds(1));
    let foreign = claim(&other).expect("a worker may").expect("one").lease_token;
    for wrong in ["", " ", "AAAA", &lease[1..], &format!("{lease}A"), &foreign, &lease.to_ascii_uppercase()] {
        assert_eq!(word(complete(&world, &id, wrong)), "LEASE_INVALID", "{wrong:?}");
    }
    assert_eq!(
        word(complete(&world, &id, &format!(" {lease} "))),
        "SUCCESS",
        "white space around it is no other lease"
    );
}

#[test]
fn a_claim_names_its_worker_its_run_and_its_end() {
    let world = World::new();
    world.enqueue(&usual(Surface::Cli), "run_ok");
    world.clock.advance(SignedDuration::from_nanos(1_234_567_891));
    let name = Stated::read(Some("worker-7"));
    let claimed = now(world.app.claim(&worker(), asking(name, SignedDuration::from_hours(99), StatedRole::Absent)));
    let item = claimed.expect("a worker may").claimed().expect("one").item;
    let ItemState::Claimed(claim) = &item.state else { panic!("claimed") };
    assert_eq!((claim.worker.as_str(), claim.attempt), ("worker-7", 1));
    assert_eq!(
        claim.claimed_at,
        start() + SignedDuration::from_micros(1_234_567),
        "what is compared is what is stored"
    );
    assert_eq!(claim.lease_expires_at, Some(claim.claimed_at + SignedDuration::from_hours(24)), "no longer than a day");
    assert!(claim.run_id.starts_with("run_20261122_083053_"), "{}", claim.run_id);

    let (world, _, _) = in_state("pending");
    let unnamed = now(world.app.claim(&worker(), asking(Stated::Absent, SignedDuration::ZERO, StatedRole::Absent)));
    let item = unnamed.expect("a worker may").claimed().expect("one").item;
    let ItemState::Claimed(claim) = &item.state else { panic!("claimed") };
    assert_eq!(claim.worker, "token:worker", "a worker without a name of its own is its principal");
    assert_eq!(claim.lease_expires_at, Some(claim.claimed_at + seconds(1)), "and no shorter than a second");
    assert_eq!(
        word(
            now(world.app.claim(&worker(), asking(Stated::read(Some("a\u{7}")), seconds(1), StatedRole::Absent)))
                .map(|_| item)
        ),
        "METADATA_REJECTED"
    );
}

#[test]
fn items_are_claimed_by_priority_then_schedule_as_an_instant_then_order() {
    let world = World::new();
    let who = usual(Surface::Cli);
    let rows = [
        ("run_0", 0, None),
        ("run_1", 5, Some("2026-11-22T09:00:00Z")),
        // Earlier than the one before, though its text sorts later.
        ("run_2", 5, Some("2026-11-22T10:30:00+02:00")),
        ("run_3", 5, None),
        ("run_4", 5, None),
        ("run_5", 9, Some("2026-11-22T12:00:00Z")),
        ("run_6", -3, None),
    ];
    for (run_id, priority, at) in rows {
        world.runs.set(run_facts(run_id));
        let mut request = ask(Surface::Cli, run_id);
        request.parameters.priority = priority;
        request.parameters.scheduled = at.map(schedule);
        let token = now(world.app.preview(&who, request.clone())).expect("a preview").token;
        let apply = cortexpilot_core::app::ApplyRequest { preview_token: Some(token), ..yes() };
        queued(world.app.enqueue(&who, request, apply)).expect("every gate is open");
    }
    let claims = |count: usize| -> Vec<String> {
        (0..count)
            .map(|_| claim(&world).expect("a worker may").expect("one is eligible").item.enqueued.source_run_id.clone())
            .collect()
    };
    assert_eq!(claims(2), ["run_3", "run_4"], "nothing that is scheduled is due yet");
    world.clock.advance(seconds(3600));
    assert_eq!(claims(4), ["run_2", "run_1", "run_0", "run_6"]);
    assert!(claim(&world).expect("a worker may").is_none(), "the last is due at noon");
    world.clock.advance(seconds(3 * 3600));
    assert_eq!(claims(1), ["run_5"]);
}

fn times(lines: &[String]) -> Vec<Timestamp> {
    lines
        .iter()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            line["ts"].as_str().expect("a time").parse().expect("an instant")
        })
        .collect()
}

#[test]
fn a_clock_that_goes_back_does_not_take_the_ledger_with_it() {
    let world = World::new();
    for run_id in ["run_1", "run_2"] {
        world.runs.set(run_facts(run_id));
    }
    let who = usual(Surface::Cli);
    let first = world.enqueue(&who, "run_ok").item;
    world.clock.advance(-SignedDuration::from_hours(1));
    let second = world.enqueue(&who, "run_1").item;
    assert_eq!(second.enqueued.ts, start(), "the time of the line before");
    let claimed = claim(&world).expect("a worker may").expect("one").item;
    let ItemState::Claimed(held) = &claimed.state else { panic!("claimed") };
    assert_eq!(claimed.queue_id(), first.queue_id());
    assert_eq!(
        (held.claimed_at, held.lease_expires_at),
        (start(), Some(start() - SignedDuration::from_hours(1) + seconds(60))),
        "the line's time, and the lease by the clock of whoever claimed, for people"
    );
    world.clock.advance(SignedDuration::from_hours(2));
    world.enqueue(&who, "run_2");
    world.clock.advance(-SignedDuration::from_hours(2));
    assert_eq!(word(cancel(&world, &operator(), second.queue_id().as_str())), "CANCELLED");
    // Refusals are lines of another file with a time of its own.
    for hours in [1, -2, 3] {
        world.clock.advance(SignedDuration::from_hours(hours));
        assert_eq!(
            denial(world.apply(&who, "run_1", cortexpilot_core::app::ApplyRequest::default())).code.as_str(),
            "CONFIRM_REQUIRED"
        );
    }
    let (lines, decisions) = (world.store.lines(), world.store.decisions());
    assert_eq!((lines.len(), decisions.len()), (5, 3));
    for lines in [&lines, &decisions] {
        assert!(times(lines).is_sorted(), "{lines:#?}");
    }
}

#[test]
fn sixty_refusals_a_minute_are_lines_and_a_count_follows() {
    let world = World::new();
    let who = usual(Surface::Mcp);
    let refuse = || denial(world.apply(&who, "run_ok", cortexpilot_core::app::ApplyRequest::default()));
    for _ in 0..75 {
        refuse();
        queued(world.app.enqueue(
            &Caller { principal: None, surface: Surface::Mcp },
            ask(Surface::Mcp, "run_ok"),
            yes(),
        ))
        .expect_err("no principal");
    }
    assert_eq!(world.store.decisions().len(), 60);
    world.clock.advance(seconds(60));
    refuse();
    let decisions = world.decisions();
    assert_eq!(decisions.len(), 62, "one for the fifteen, one for the new minute");
    assert_eq!((decisions[60].count, decisions[60].reason.clone()), (15, None));
    assert_eq!(decisions[61].count, 1);
    let mut prev = cortexpilot_core::domain::id::Sha256Digest::ZERO;
    for line in world.store.decisions() {
        prev = cortexpilot_core::domain::ledger::verify(&prev, line.as_bytes()).expect("one chain");
        decision::decode(line.as_bytes()).expect("a decision");
    }
    let health = now(world.store.health()).expect("sound");
    assert_eq!(health.lines, 0);
}
