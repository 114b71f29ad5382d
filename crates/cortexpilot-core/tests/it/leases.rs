//! Work through the app: what workers ask, what operators do about it, and the look that ends what nobody answers for.

use std::time::Duration;

use cortexpilot_core::app::{ClaimAsk, Claimed, CompleteAsk, Failure, Release, Took, WorkerReport};
use cortexpilot_core::domain::command::Policy;
use cortexpilot_core::domain::lease::{ClaimQuery, Concurrency, Idle, LeaseWatch, ProgressNote, Retries};
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, StatedRole, Surface};
use cortexpilot_core::domain::queue::{FinalStatus, ItemState, QueueItem};
use cortexpilot_core::domain::run::{Pinned, REPOSITORY_MAX, is_repository};
use cortexpilot_core::domain::text::{Stated, WorkerName};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::fake::run_facts;
use jiff::SignedDuration;

use crate::support::{
    World, agent_of, ask, caller, now, person, principal, queued, saying, schedule, seconds, start, yes,
};

fn worker() -> Caller {
    caller(Surface::Http, principal("token:worker", PrincipalKind::Worker, ""))
}

fn ask_for(seconds_of_lease: i64) -> ClaimAsk {
    ClaimAsk { worker: Stated::read(Some("w")), lease: seconds(seconds_of_lease), ..ClaimAsk::default() }
}

fn claim(world: &World) -> Claimed {
    now(world.app.claim(&worker(), ask_for(60))).expect("a worker may").claimed().expect("one is eligible")
}

fn complete(world: &World, claimed: &Claimed, status: FinalStatus) -> Result<QueueItem, Failure> {
    let id = claimed.item.queue_id().as_str();
    now(world.app.complete(&worker(), id, &claimed.lease_token, status.into(), StatedRole::Absent))
}

fn code<T: std::fmt::Debug>(answer: Result<T, Failure>) -> ErrorCode {
    answer.expect_err("refused").code()
}

fn with_deadline(world: &World, run: &str, text: &str) -> QueueItem {
    world.runs.set(run_facts(run));
    let who = person("op");
    let mut request = ask(Surface::Cli, run);
    request.parameters.deadline = Some(schedule(text));
    let token = now(world.app.preview(&who, request.clone())).expect("a preview").token;
    let apply = cortexpilot_core::app::ApplyRequest { preview_token: Some(token), ..yes() };
    queued(world.app.enqueue(&who, request, apply)).expect("every gate is open").item
}

#[test]
fn a_claim_closes_every_overdue_item_on_its_way_and_takes_the_next_one() {
    let world = World::new();
    for n in 0..450 {
        with_deadline(&world, &format!("run_{n}"), "2026-11-22T08:31:00Z");
    }
    let good = world.enqueue(&person("op"), "run_ok").item;
    world.clock.advance(seconds(60));
    let claimed = claim(&world);
    assert_eq!(claimed.item.queue_id(), good.queue_id());
    let expired = world.store.lines().iter().filter(|line| line.contains("\"QUEUE_EXPIRE\"")).count();
    assert_eq!(expired, 450);
    assert_eq!(now(world.app.claim(&worker(), ask_for(60))), Ok(Took::Idle(Idle::Empty)));
}

#[test]
fn a_sweep_ends_what_is_silent_and_closes_what_is_overdue_and_nothing_else() {
    let world = World::new();
    let mut watch = LeaseWatch::new();
    let mut sweep = |at: u64| {
        let swept = now(world.app.sweep(&worker(), &mut watch, Duration::from_secs(at))).expect("it looks");
        swept.into_iter().map(|item| (item.queue_id().clone(), item.status().to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(sweep(0), []);
    let late = with_deadline(&world, "run_a", "2026-11-22T08:31:00Z");
    world.enqueue(&person("op"), "run_ok");
    // The clock of the wall says nothing to a lease.
    world.clock.advance(SignedDuration::from_hours(24 * 3650));
    let claimed = claim(&world);
    assert_eq!(now(world.app.reader().claims()).expect("it reads").len(), 1);
    assert_eq!(sweep(10), [], "the claim closed what was overdue: {late:?}");
    world.clock.advance(-SignedDuration::from_hours(24 * 7300));
    assert_eq!(sweep(69), []);
    let id = claimed.item.queue_id();
    let beat = |note| now(world.app.heartbeat(&worker(), id.as_str(), &claimed.lease_token, note, StatedRole::Absent));
    let note = ProgressNote { stage: "run".into(), message: "half".into(), events: 4 };
    assert!(beat(Some(note.clone())).is_ok());
    assert_eq!(sweep(70), []);
    assert_eq!(sweep(129), []);
    let standing = now(world.app.reader().claims()).expect("it reads").remove(0);
    assert_eq!(standing.beat.and_then(|beat| beat.progress), Some(note));
    assert_eq!(sweep(130), [(id.clone(), "LOST".to_owned())]);
    assert_eq!((sweep(999), watch.len()), (vec![], 0));
    assert_eq!(code(beat(None)), ErrorCode::QueueItemNotClaimed);
    assert_eq!(code(complete(&world, &claimed, FinalStatus::Success)), ErrorCode::QueueItemNotClaimed);
    assert_eq!(world.store.decisions().len(), 1, "one refusal: a beat's is no line");
}

#[test]
fn an_item_is_handed_in_and_the_next_one_taken_with_one_call() {
    let world = World::new();
    let who = person("op");
    for run in ["run_1", "run_2"] {
        world.runs.set(run_facts(run));
        world.enqueue(&who, run);
    }
    let first = claim(&world);
    let hand_in = |claimed: &Claimed| {
        let done = CompleteAsk { status: FinalStatus::Failure, reason: Stated::read(Some("A test failed.")) };
        let id = claimed.item.queue_id().as_str();
        now(world.app.complete_and_claim(&worker(), id, &claimed.lease_token, done, ask_for(60)))
            .expect("there is a key")
    };
    let (done, next) = hand_in(&first);
    let ItemState::Closed { status, reason, .. } = done.expect("its own").state else { panic!("closed") };
    assert_eq!((status.as_str(), reason.as_deref()), ("FAILURE", Some("A test failed.")));
    let second = next.expect("a worker may").claimed().expect("there is one");
    let (late, idle) = hand_in(&first);
    assert_eq!(code(late), ErrorCode::QueueItemNotClaimed);
    assert_eq!(idle, Ok(Took::Idle(Idle::Empty)), "whatever became of the first");
    assert!(hand_in(&second).0.is_ok());
}

#[test]
fn operators_do_through_the_app_what_nobody_else_may() {
    let world = World::new();
    world.enqueue(&person("op"), "run_ok");
    let claimed = claim(&world);
    let id = claimed.item.queue_id().as_str();
    for who in [worker(), agent_of("op")] {
        assert_eq!(code(now(world.app.stop(&who, id, saying("No.")))), ErrorCode::ScopeForbidden);
        assert_eq!(code(now(world.app.revoke(&who, id, saying("No.")))), ErrorCode::ScopeForbidden);
        assert_eq!(code(now(world.app.requeue(&who, id, saying("No.")))), ErrorCode::ScopeForbidden);
        assert_eq!(code(now(world.app.fail(&who, id, saying("No.")))), ErrorCode::ScopeForbidden);
        assert_eq!(code(now(world.app.pause(&who, saying("No.")))), ErrorCode::ScopeForbidden);
        assert_eq!(code(now(world.app.resume(&who, saying("No.")))), ErrorCode::ScopeForbidden);
    }
    let op = person("op");
    assert!(now(world.app.pause(&op, saying("A look."))).expect("an operator").paused.is_some());
    assert_eq!(now(world.app.claim(&worker(), ask_for(60))), Ok(Took::Idle(Idle::Paused)));
    assert!(now(world.app.resume(&op, saying("Go on."))).expect("an operator").paused.is_none());
    assert_eq!(code(now(world.app.requeue(&op, id, saying("Again.")))), ErrorCode::QueueItemNotHeld);
    let told = now(world.app.stop(&op, id, saying("Enough."))).expect("claimed");
    assert_eq!(told.claim().and_then(|claim| claim.stop.as_ref()).map(|stop| stop.reason.as_str()), Some("Enough."));
    let answer = now(world.app.heartbeat(&worker(), id, &claimed.lease_token, None, StatedRole::Absent));
    assert_eq!(answer.expect("its own").stop.map(|stop| stop.by), Some("local:op (OPS)".to_owned()));
    assert_eq!(now(world.app.revoke(&op, id, saying("It hangs."))).expect("claimed").status(), "LOST");
    assert_eq!(now(world.app.requeue(&op, id, saying("Again."))).expect("held").status(), "PENDING");
    let again = claim(&world);
    let given_up = Release { started: true };
    let back = now(world.app.release(&worker(), id, &again.lease_token, given_up, saying("The disk is full.")));
    let ItemState::Held(held) = back.expect("its own").state else { panic!("held") };
    assert_eq!((held.reason.as_str(), held.by.as_deref()), ("The disk is full.", Some("token:worker")));
    assert_eq!(now(world.app.fail(&op, id, saying("Not worth it."))).expect("held").status(), "FAILURE");
}

#[test]
fn limits_of_the_process_hold_for_its_claims() {
    let mut world = World::new();
    let who = person("op");
    for run in ["run_1", "run_2"] {
        let mut facts = run_facts(run);
        facts.workflow_id = "w".into();
        world.runs.set(facts);
        world.enqueue(&who, run);
    }
    let concurrency = Concurrency { per_workflow: 1, per_repository: 0 };
    world.app = world.process(Policy { concurrency, ..world.app.policy().clone() });
    let first = claim(&world);
    assert_eq!(now(world.app.claim(&worker(), ask_for(60))), Ok(Took::Idle(Idle::AtCapacity)));
    let query = ClaimQuery { now: start(), concurrency, queue_id: None };
    assert_eq!(now(world.app.reader().eligible(&query, 9)), Ok(Vec::new()));
    complete(&world, &first, FinalStatus::Success).expect("its own");
    assert_eq!(now(world.app.reader().eligible(&query, 9)).expect("it reads").len(), 1);
    claim(&world);
}

#[test]
fn a_worker_gets_the_contract_that_was_approved_and_not_what_the_run_holds_now() {
    let world = World::new();
    let mut facts = run_facts("run_1");
    facts.contract = Pinned::new(b"{\"task_id\": \"approved\"}".to_vec());
    world.runs.set(facts.clone());
    let item = world.enqueue(&person("op"), "run_1").item;
    facts.contract = Pinned::new(b"{\"task_id\": \"edited later\"}".to_vec());
    world.runs.set(facts);
    let pinned = now(world.app.reader().pinned_contract(item.queue_id())).expect("it reads").expect("it is kept");
    assert_eq!(&*pinned, b"{\"task_id\": \"approved\"}");
    let claimed = claim(&world);
    complete(&world, &claimed, FinalStatus::Success).expect("its own");
    assert_eq!(now(world.app.reader().pinned_contract(item.queue_id())), Ok(None), "it is over");
}

#[test]
fn workers_that_say_so_are_there_for_three_minutes() {
    let world = World::new();
    let name: WorkerName = WorkerName::parse("w").expect("a name").expect("not blank");
    let report = || WorkerReport {
        host: "h".repeat(999),
        pid: 1,
        version: "1".into(),
        started_at: start(),
        draining: false,
        slots: 1,
        running: Vec::new(),
        cannot: Vec::new(),
    };
    for who in [agent_of("op"), caller(Surface::Http, principal("anonymous", PrincipalKind::Anonymous, ""))] {
        assert_eq!(code(now(world.app.present(&who, &name, report(), &StatedRole::Absent))), ErrorCode::ScopeForbidden);
        assert_eq!(code(now(world.app.absent(&who, &name, &StatedRole::Absent))), ErrorCode::ScopeForbidden);
    }
    let said = now(world.app.present(&worker(), &name, report(), &StatedRole::Absent)).expect("a worker may");
    assert_eq!((said.principal.as_str(), said.surface.as_str(), said.host.len()), ("token:worker", "http", 200));
    assert_eq!(now(world.app.reader().workers()), Ok(vec![said]));
    world.clock.advance(seconds(181));
    assert_eq!(now(world.app.reader().workers()), Ok(vec![]));
    world.clock.advance(seconds(-1));
    assert_eq!(now(world.app.reader().workers()).expect("it reads").len(), 1);
    now(world.app.absent(&worker(), &name, &StatedRole::Absent)).expect("a worker may");
    assert_eq!(now(world.app.reader().workers()), Ok(vec![]));
}

#[test]
fn waits_double_up_to_an_hour_and_never_overflow() {
    let wait = |backoff_s, attempts| Retries { max: 9, backoff_s }.backoff(attempts).as_secs();
    assert_eq!([1, 2, 3, 4].map(|attempts| wait(5, attempts)), [5, 10, 20, 40]);
    for (backoff_s, attempts, want) in [
        (0, 1, 0),
        (0, u32::MAX, 0),
        (1, 12, 2048),
        (1, 13, 3600),
        (1, 64, 3600),
        (1, 65, 3600),
        (1, u32::MAX, 3600),
        (3600, 1, 3600),
        (3601, 1, 3600),
        (u64::MAX, 0, 3600),
        (u64::MAX, u32::MAX, 3600),
    ] {
        assert_eq!(wait(backoff_s, attempts), want, "{backoff_s} {attempts}");
    }
}

#[test]
fn only_plain_absolute_paths_are_kept_as_repositories() {
    let long = format!("/{}", "x".repeat(REPOSITORY_MAX - 1));
    for (path, want) in [
        ("/srv/repo", true),
        ("/srv/läufe/with space", true),
        (&long, true),
        (&format!("{long}x"), false),
        ("srv/repo", false),
        ("", false),
        ("/srv/\u{202e}oper", false),
        ("/srv/a\nb", false),
        ("/srv/\"quoted\"", false),
        ("/srv\\repo", false),
    ] {
        assert_eq!(is_repository(path), want, "{path:?}");
    }
}
