//! Freeze and the policy's floor: what holds for everybody, whoever they are.

use cortexpilot_core::app::govern::{Stating, starts_with};
use cortexpilot_core::domain::command::ApprovalPolicy::{self, Declared, Operator, TwoPerson};
use cortexpilot_core::domain::command::{MutationGate, Policy};
use cortexpilot_core::domain::governance::{Freeze, Lowering, Standing};
use cortexpilot_core::domain::principal::{Caller, Principal, PrincipalKind, StatedRole, Surface};
use cortexpilot_core::domain::queue::FinalStatus;
use cortexpilot_core::domain::text::Stated;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::fake::run_facts;

use crate::support::{
    World, agent_of, applied, ask, asking, caller, denial, human, now, person, policy, principal, queued, role, saying,
    seconds, start, usual, yes,
};

fn worker() -> Caller {
    caller(Surface::Http, principal("token:worker", PrincipalKind::Worker, ""))
}

/// Whoever may not decide, with the code of the refusal.
fn others(world: &World) -> Vec<(&'static str, Caller, ErrorCode)> {
    vec![
        ("an agent", agent_of("alice"), ErrorCode::ScopeForbidden),
        (
            "an agent's token over HTTP",
            Caller { surface: Surface::Http, ..world.known(PrincipalKind::Agent, "bot") },
            ErrorCode::ScopeForbidden,
        ),
        ("a worker", worker(), ErrorCode::ScopeForbidden),
        ("anybody on this machine", caller(Surface::Http, Principal::anonymous()), ErrorCode::ScopeForbidden),
        ("an operator through MCP", Caller { surface: Surface::Mcp, ..person("bob") }, ErrorCode::ScopeForbidden),
        (
            "an operator without an allowed role",
            caller(Surface::Cli, principal("local:r", PrincipalKind::Operator, "READER")),
            ErrorCode::RoleForbidden,
        ),
        ("nobody", Caller { principal: None, surface: Surface::Http }, ErrorCode::Unauthenticated),
    ]
}

#[test]
fn only_an_operator_freezes_thaws_and_sets_the_floor_and_never_through_mcp() {
    let world = World::new();
    let before = world.standing();
    for (name, who, code) in others(&world) {
        for answer in [
            now(world.app.freeze(&who, saying("Stop."))),
            now(world.app.unfreeze(&who, saying("Go."))),
            world.floor(&who, TwoPerson),
        ] {
            let said = denial(answer);
            assert_eq!(said.code, code, "{name}");
        }
    }
    assert_eq!(world.standing(), before);
}

#[test]
fn freezing_twice_is_one_line_and_the_first_freeze_stands() {
    let world = World::new();
    let first =
        now(world.app.freeze(&person("ann"), Stating::default())).expect("no reason is needed to stop everything");
    assert_eq!(first.frozen, Some(Freeze { since: start(), by: "local:ann (ARCHITECT)".into(), reason: None }));
    world.clock.advance(seconds(5));
    assert_eq!(now(world.app.freeze(&person("bob"), saying("Me too."))).expect("it is frozen"), first);
    assert_eq!(world.standing(), first);
    assert_eq!(denial(now(world.app.unfreeze(&person("bob"), Stating::default()))).code, ErrorCode::MetadataRequired);
    for _ in 0..2 {
        let thawed = now(world.app.unfreeze(&person("bob"), saying("It is over."))).expect("it is not frozen any more");
        let unfrozen = Some(("local:bob (OPS)".to_owned(), start() + seconds(5)));
        assert_eq!(
            thawed,
            Standing { unfrozen, ..Standing::default() },
            "who ended it is known, and whoever did first"
        );
    }
    assert_eq!(world.events(), ["FROZEN", "METADATA_REQUIRED", "UNFROZEN"]);
    let hidden = Stating { reason: Stated::read(Some("st\u{202e}op")), ..Stating::default() };
    assert_eq!(denial(now(world.app.freeze(&person("ann"), hidden))).code, ErrorCode::MetadataRejected);
}

#[test]
fn while_frozen_nothing_is_queued_approved_or_claimed_and_everything_else_goes_on() {
    let mut world = World::new();
    let pending = world.enqueue(&usual(Surface::Cli), "run_ok").item;
    world.runs.set(run_facts("run_held"));
    world.enqueue(&usual(Surface::Cli), "run_held");
    let claimed = now(world.app.claim(&worker(), asking(Stated::Absent, seconds(60), StatedRole::Absent)))
        .expect("due")
        .claimed()
        .expect("one");
    world.app = world.process(human(Operator));
    world.runs.set(run_facts("run_wished"));
    let wished = world.asks(&agent_of("alice"), "run_wished");
    world.freeze();

    let preview = world.preview(&usual(Surface::Cli), "run_wished");
    assert!(preview.frozen && !preview.can_apply);
    for surface in Surface::ALL {
        let refused = denial(queued(world.app.enqueue(&usual(surface), ask(surface, "run_wished"), yes())));
        assert_eq!(refused.code, ErrorCode::Frozen, "{surface:?}");
    }
    assert_eq!(denial(world.approve(&person("bob"), &wished)).code, ErrorCode::Frozen);
    for who in [worker(), caller(Surface::Http, principal("token:op", PrincipalKind::Operator, "OPS"))] {
        let answer = now(world.app.claim(&who, asking(Stated::Absent, seconds(60), StatedRole::Absent)));
        assert_eq!(denial(answer.map(|_| ())).code, ErrorCode::Frozen);
    }
    // A shut gate names the denial before a freeze does.
    let shut = world.process(policy(MutationGate::Shut));
    assert_eq!(
        denial(now(shut.approve(&person("bob"), wished.asked.id.as_str(), saying("Go.")))).code,
        ErrorCode::MutationGateClosed
    );

    let id = claimed.item.queue_id().as_str();
    now(world.app.complete(&worker(), id, &claimed.lease_token, FinalStatus::Success.into(), StatedRole::Absent))
        .expect("its lease");
    let first = if claimed.item.queue_id() == pending.queue_id() { None } else { Some(pending.queue_id().as_str()) };
    if let Some(id) = first {
        now(world.app.cancel(&usual(Surface::Http), id, Stated::Absent, role("OPS"))).expect("the rollback works");
    }
    world.reject(&person("bob"), &wished).expect("anybody may say no");
    world.revoke(&world.known(PrincipalKind::Agent, "bot"));
    world.floor(&person("bob"), Operator).expect("raising goes on");
    now(world.app.reader().standing()).expect("reading too");
    world.thaw();
    assert!(!world.preview(&usual(Surface::Cli), "run_wished").frozen);
}

#[test]
fn a_floor_is_raised_by_one_operator_and_from_two_person_lowered_by_two() {
    let world = World::new();
    let rows = [(Operator, true), (Operator, true), (TwoPerson, true)];
    for (floor, _) in rows {
        let after =
            now(world.app.set_policy(&person("ops"), floor, Stating::default())).expect("raising needs no words");
        assert_eq!((after.floor, world.standing()), (floor, after));
    }
    assert_eq!(world.events(), ["POLICY_SET", "POLICY_SET"], "what stands already is no line");
    let wordless =
        now(world.app.set_policy(&person("ops"), Operator, Stating { role: role("OPS"), ..Stating::default() }));
    assert_eq!(denial(wordless).code, ErrorCode::MetadataRequired);
    assert_eq!(
        denial(world.floor(&person("ops"), Operator)).code,
        ErrorCode::ApproverUnverified,
        "names prove nothing"
    );

    let (ann, bob) = (world.operator("ann"), world.operator("bob"));
    let proposed = world.floor(&ann, Operator).expect("she may propose");
    assert_eq!(proposed.floor, TwoPerson);
    let lowering = Lowering { to: Operator, by: "operator:ann".into(), at: start() };
    assert_eq!(proposed.lowering, Some(lowering));
    for _ in 0..2 {
        assert_eq!(denial(world.floor(&ann, Operator)).code, ErrorCode::SelfApproval, "one person is not two");
    }
    assert_eq!(world.standing(), proposed);
    // Another target is another proposal, and takes the place of the first.
    let other = world.floor(&bob, Declared).expect("he proposes something else");
    assert_eq!((other.floor, other.lowering.as_ref().map(|l| l.to)), (TwoPerson, Some(Declared)));
    let again = world.floor(&ann, Operator).expect("so she proposes anew");
    assert_eq!(again.floor, TwoPerson);
    let lowered = world.floor(&bob, Operator).expect("now two agree");
    assert_eq!((lowered.floor, lowered.lowering.clone()), (Operator, None));
    assert_eq!(lowered.floor_set, Some(("operator:bob (OPS)".into(), start())));
    let line = world.store.decisions().pop().expect("one");
    assert!(line.contains("\"event\": \"POLICY_SET\"") && line.contains("\"proposed_by\": \"operator:ann\""), "{line}");
    // From there one operator is enough.
    assert_eq!(world.floor(&person("ops"), Declared).expect("one is enough").floor, Declared);
}

#[test]
fn a_proposal_holds_until_its_last_moment_and_not_at_it() {
    for (late, lowered) in [(seconds(59), true), (seconds(60), false)] {
        let mut world = World::new();
        world.app = world.process(Policy { approval_ttl: seconds(60), ..policy(MutationGate::Open) });
        world.floor(&person("ops"), TwoPerson).expect("an operator may");
        world.floor(&world.operator("ann"), Declared).expect("she may propose");
        let bob = world.operator("bob");
        world.clock.advance(late);
        let after = world.floor(&bob, Declared).expect("he may, in any case");
        assert_eq!(after.floor == Declared, lowered);
        assert_eq!(after.lowering.map(|lowering| lowering.by), (!lowered).then(|| "operator:bob".to_owned()));
    }
}

#[test]
fn setting_the_floor_ends_a_proposal() {
    let world = World::new();
    world.floor(&person("ops"), TwoPerson).expect("an operator may");
    let (ann, bob) = (world.operator("ann"), world.operator("bob"));
    world.floor(&ann, Operator).expect("she may propose");
    world.floor(&bob, Operator).expect("two agree");
    world.floor(&person("ops"), TwoPerson).expect("raised again");
    let proposed = world.floor(&bob, Operator).expect("he proposes");
    assert_eq!(
        (proposed.floor, proposed.lowering.map(|l| l.by)),
        (TwoPerson, Some("operator:bob".into())),
        "the old one is gone"
    );
}

#[test]
fn a_process_starts_with_the_floors_policy_or_a_stricter_one() {
    for floor in ApprovalPolicy::ALL {
        for configured in ApprovalPolicy::ALL {
            let standing = Standing { floor, ..Standing::default() };
            let answer = starts_with(configured, &standing);
            assert_eq!(answer.is_ok(), configured >= floor, "{configured:?} under {floor:?}");
            if let Err(denial) = answer {
                assert_eq!(denial.code, ErrorCode::PolicyBelowFloor);
                assert!(denial.reason.contains(floor.as_str()) && denial.reason.contains(configured.as_str()));
            }
            assert_eq!(standing.policy(configured), configured.max(floor));
        }
    }
}

#[test]
fn a_proposal_to_lower_the_floor_is_taken_back_or_falls_with_its_proposers_last_token() {
    let world = World::new();
    let (ann, bob) = (world.operator("ann"), world.operator("bob"));
    world.floor(&bob, TwoPerson).expect("an operator may");
    world.floor(&ann, Declared).expect("a proposal");
    let kept = world.floor(&bob, TwoPerson).expect("what holds may be said again");
    assert_eq!((kept.floor, kept.lowering), (TwoPerson, None));
    world.floor(&ann, Declared).expect("a proposal");
    world.revoke(&ann);
    let alone = world.floor(&bob, Declared).expect("a proposal, the first");
    assert_eq!((alone.floor, alone.lowering.map(|lowering| lowering.by)), (TwoPerson, Some("operator:bob".into())));
}

#[test]
fn a_running_process_follows_a_raised_floor_and_no_lowered_one_below_its_own() {
    let world = World::new();
    let strict = world.process(human(Operator));
    world.floor(&person("ops"), TwoPerson).expect("an operator may");
    for app in [&world.app, &strict] {
        let preview = now(app.preview(&usual(Surface::Cli), ask(Surface::Cli, "run_ok"))).expect("a preview");
        assert_eq!(preview.policy.approval, TwoPerson);
        let warned = preview.warnings.iter().any(|warning| warning.code == "NO_HUMAN_APPROVAL");
        assert!(!warned && preview.can_apply, "it may be asked for");
    }
    let (ann, bob) = (world.operator("ann"), world.operator("bob"));
    world.floor(&ann, Declared).expect("she may propose");
    world.floor(&bob, Declared).expect("two agree");
    let policy_of = |app: &cortexpilot_core::app::App| {
        now(app.preview(&usual(Surface::Cli), ask(Surface::Cli, "run_ok"))).expect("a preview").policy.approval
    };
    assert_eq!((policy_of(&world.app), policy_of(&strict)), (Declared, Operator));
    let token = world.preview(&usual(Surface::Cli), "run_ok").token;
    let apply = cortexpilot_core::app::ApplyRequest { preview_token: Some(token), ..yes() };
    applied(now(world.app.enqueue(&usual(Surface::Cli), ask(Surface::Cli, "run_ok"), apply)).expect("nobody is asked"));
}
