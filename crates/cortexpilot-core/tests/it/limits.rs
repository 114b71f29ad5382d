//! Gate 8: how much an agent may queue, and how deep a chain of reruns may become.

use cortexpilot_core::app::{App, ApplyRequest, Failure};
use cortexpilot_core::domain::command::{Limits, MutationGate, Policy};
use cortexpilot_core::domain::gate::{Answer, DEPTH_MAX, Denial, GateId};
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, StatedRole, Surface};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::text::Stated;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::fake::run_facts;

use crate::support::{World, ask, caller, denial, now, policy, principal, queued, seconds, usual, yes};

fn limited(pending_max: u32, applies_per_hour: u32) -> Policy {
    Policy { limits: Limits { pending_max, applies_per_hour }, ..policy(MutationGate::Open) }
}

/// Previews and applies a run of its own.
fn enqueue(world: &World, app: &App, who: &Caller, run: &str) -> Result<QueueItem, Failure> {
    world.runs.set(run_facts(run));
    let token = now(app.preview(who, ask(who.surface, run)))?.token;
    let apply = ApplyRequest { preview_token: Some(token), ..yes() };
    queued(app.enqueue(who, ask(who.surface, run), apply)).map(|applied| applied.item)
}

fn refused(world: &World, app: &App, who: &Caller, run: &str) -> Denial {
    world.runs.set(run_facts(run));
    let preview = now(app.preview(who, ask(who.surface, run))).expect("a preview shows the shut gate");
    let shown = preview.checks.iter().find(|check| check.gate == GateId::Limits).expect("every gate is shown");
    assert!(!preview.can_apply);
    let apply = ApplyRequest { preview_token: Some(preview.token), ..yes() };
    let denied = denial(queued(app.enqueue(who, ask(who.surface, run), apply)));
    assert_eq!(shown.answer, Answer::Shut(denied.clone()), "preview and apply say the same");
    denied
}

fn agent() -> Caller {
    usual(Surface::Mcp)
}

#[test]
fn an_agent_at_its_limit_of_pending_items_waits_until_one_is_gone() {
    let world = World::new();
    let app = world.process(limited(2, 0));
    let first = enqueue(&world, &app, &agent(), "run_1").expect("one");
    enqueue(&world, &app, &agent(), "run_2").expect("two");
    let denied = refused(&world, &app, &agent(), "run_3");
    assert_eq!((denied.code, denied.retry_after_s), (ErrorCode::PendingLimit, Some(60)));
    assert!(
        denied.reason.contains("(2)") && denied.reason.contains("60 s"),
        "a preview has the reason alone: {denied:?}"
    );
    let operator = usual(Surface::Cli);
    now(app.cancel(&operator, first.queue_id().as_str(), Stated::Absent, StatedRole::Absent)).expect("rolled back");
    enqueue(&world, &app, &agent(), "run_3").expect("there is room again");
    world.claim();
    enqueue(&world, &app, &agent(), "run_4").expect("a claimed item is pending no more");
    assert_eq!(refused(&world, &app, &agent(), "run_5").code, ErrorCode::PendingLimit);
}

#[test]
fn an_agent_that_queued_as_many_as_an_hour_allows_is_told_how_long_to_wait() {
    let world = World::new();
    let app = world.process(limited(0, 2));
    enqueue(&world, &app, &agent(), "run_1").expect("one");
    world.clock.advance(seconds(600));
    enqueue(&world, &app, &agent(), "run_2").expect("two");
    world.clock.advance(seconds(600));
    let denied = refused(&world, &app, &agent(), "run_3");
    assert_eq!((denied.code, denied.retry_after_s), (ErrorCode::RateLimited, Some(2401)));
    assert!(denied.reason.contains("(2)") && denied.reason.contains("2401 s"), "{denied:?}");
    world.clock.advance(seconds(2399));
    assert_eq!(refused(&world, &app, &agent(), "run_3").retry_after_s, Some(2), "one second before the hour is over");
    world.clock.advance(seconds(1));
    enqueue(&world, &app, &agent(), "run_3").expect("the first has left the hour");
    assert_eq!(refused(&world, &app, &agent(), "run_4").code, ErrorCode::RateLimited);
}

#[test]
fn limits_are_counted_for_each_principal_and_hold_for_agents_on_every_surface_and_for_no_operator() {
    let world = World::new();
    let app = world.process(limited(1, 1));
    enqueue(&world, &app, &agent(), "run_1").expect("one");
    assert_eq!(refused(&world, &app, &agent(), "run_2").code, ErrorCode::PendingLimit, "pending comes first");
    for surface in Surface::ALL {
        let other = caller(surface, principal("agent:other", PrincipalKind::Agent, "OPS"));
        let answer = enqueue(&world, &app, &other, &format!("run_of_{}", surface.as_str()));
        assert_eq!(answer.is_ok(), surface == Surface::ALL[0], "{surface:?}: the first of its own, no second");
    }
    for run in ["run_3", "run_4", "run_5"] {
        enqueue(&world, &app, &usual(Surface::Http), run).expect("an operator is not limited");
    }
    // Through the pilot even an operator's principal is.
    let operator = caller(Surface::Mcp, principal("local:op", PrincipalKind::Operator, "OPS"));
    enqueue(&world, &app, &operator, "run_6").expect("one");
    assert_eq!(refused(&world, &app, &operator, "run_7").code, ErrorCode::PendingLimit);
}

#[test]
fn a_retry_of_what_was_queued_is_answered_at_the_limit_too() {
    let world = World::new();
    let app = world.process(limited(1, 1));
    let token = now(app.preview(&agent(), ask(Surface::Mcp, "run_ok"))).expect("a preview").token;
    let apply = || ApplyRequest { preview_token: Some(token.clone()), ..yes() };
    let first = queued(app.enqueue(&agent(), ask(Surface::Mcp, "run_ok"), apply())).expect("queued");
    let again = queued(app.enqueue(&agent(), ask(Surface::Mcp, "run_ok"), apply())).expect("the same item");
    assert!(again.already_applied && again.item.queue_id() == first.item.queue_id());
}

#[test]
fn a_chain_of_reruns_ends_at_the_depth_limit_for_everybody() {
    let world = World::new();
    let who = usual(Surface::Http);
    let mut run = "run_ok".to_owned();
    for depth in 1..=DEPTH_MAX {
        world.runs.set(run_facts(&run));
        let preview = now(world.app.preview(&who, ask(Surface::Http, &run))).expect("a preview");
        let deep: Vec<&str> =
            preview.warnings.iter().filter(|w| w.code == "ITEMS_DEEP").map(|w| w.message.as_str()).collect();
        assert_eq!(deep.is_empty(), depth == 1, "{deep:?}");
        assert!(deep.iter().all(|said| said.contains(&format!("{depth} deep"))), "{deep:?}");
        let item = enqueue(&world, &world.app, &who, &run).expect("not yet too deep");
        assert_eq!(item.enqueued.provenance.as_ref().expect("ours").depth, depth);
        run = world.claim().run_id().to_owned();
    }
    for surface in Surface::ALL {
        let denied = refused(&world, &world.app, &usual(surface), &run);
        assert_eq!((denied.code, denied.retry_after_s), (ErrorCode::LineageLimit, None), "waiting does not help");
    }
}
