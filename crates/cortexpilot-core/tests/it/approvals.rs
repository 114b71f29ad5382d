//! Requests that people decide: who may, when, and what comes of it.

use cortexpilot_core::app::govern::{Approved, Stating};
use cortexpilot_core::app::preview::STALE;
use cortexpilot_core::app::{App, ApplyRequest, Outcome, RunRequest};
use cortexpilot_core::domain::approval::{ApprovalRequest, ApprovalStatus, ElicitedAnswer};
use cortexpilot_core::domain::command::{ApprovalPolicy, Limits, MutationGate, Parameters, Policy};
use cortexpilot_core::domain::principal::{
    Caller, KnownBy, Principal, PrincipalKind, StatedRole, Surface, parse_roles,
};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::run::{ContractEvidence, Pinned, RunFacts, RunProblem};
use cortexpilot_core::domain::text::{IdempotencyKey, Stated};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::fake::run_facts;

use crate::support::{
    World, agent_of, applied, ask, assert_tells_nothing, caller, denial, human, now, person, policy, principal, queued,
    role, saying, seconds, start, usual, yes,
};

use ApprovalPolicy::{Declared, Operator, TwoPerson};

fn approvals(item: &QueueItem) -> Vec<String> {
    item.enqueued.provenance.as_ref().expect("an item of ours has its stamps").approvals.clone()
}

fn over_http(who: Caller) -> Caller {
    Caller { surface: Surface::Http, ..who }
}

fn of_kind(id: &str, kind: PrincipalKind, surface: Surface) -> Caller {
    caller(surface, principal(id, kind, if kind == PrincipalKind::Worker { "" } else { "OPS" }))
}

/// The static token of a small set-up, which several people may share.
fn shared() -> Caller {
    let token = principal("token:api", PrincipalKind::Operator, "OPS,ARCHITECT");
    caller(Surface::Http, Principal { known_by: KnownBy::SharedToken, ..token })
}

fn by_token(token: Option<String>) -> ApplyRequest {
    ApplyRequest { preview_token: token, ..yes() }
}

type Who = fn(&World) -> Caller;

/// A request by agent:alice, whom local:alice answers for, that agent:eve (of local:eve) and local:joan have joined.
fn joined(world: &World) -> ApprovalRequest {
    let wished = world.asks(&agent_of("alice"), "run_ok");
    for other in [agent_of("eve"), person("joan")] {
        let same = world.asks(&other, "run_ok");
        assert_eq!(same.asked, wished.asked, "the same digest joins");
    }
    world.request(&wished)
}

#[test]
fn under_operator_any_operator_may_say_yes_who_did_not_ask() {
    let rows: &[(&str, Who, Result<(), ErrorCode>)] = &[
        ("an operator at the keyboard", |_| person("bob"), Ok(())),
        ("the sponsor of the agent that asks", |_| person("alice"), Ok(())),
        ("the sponsor of one that joined", |_| person("eve"), Ok(())),
        ("the shared token", |_| shared(), Ok(())),
        ("a personal token", |w| w.operator("bob"), Ok(())),
        ("one who asked for the same", |_| person("joan"), Err(ErrorCode::SelfApproval)),
        ("the same over HTTP", |_| over_http(person("joan")), Err(ErrorCode::SelfApproval)),
        ("the agent itself", |_| agent_of("alice"), Err(ErrorCode::ScopeForbidden)),
        ("another agent, over HTTP", |_| over_http(agent_of("carl")), Err(ErrorCode::ScopeForbidden)),
        ("a worker", |_| of_kind("worker:w", PrincipalKind::Worker, Surface::Http), Err(ErrorCode::ScopeForbidden)),
        ("anybody on this machine", |_| caller(Surface::Http, Principal::anonymous()), Err(ErrorCode::ScopeForbidden)),
        (
            "an operator through MCP",
            |_| Caller { surface: Surface::Mcp, ..person("bob") },
            Err(ErrorCode::ScopeForbidden),
        ),
        (
            "a personal token through MCP",
            |w| Caller { surface: Surface::Mcp, ..w.operator("bob") },
            Err(ErrorCode::ScopeForbidden),
        ),
        ("nobody", |_| Caller { principal: None, surface: Surface::Http }, Err(ErrorCode::Unauthenticated)),
        (
            "a role that is not held",
            |_| of_kind("local:carl", PrincipalKind::Operator, Surface::Cli),
            Err(ErrorCode::RoleMismatch),
        ),
        (
            "no allowed role",
            |_| caller(Surface::Cli, principal("local:carl", PrincipalKind::Operator, "READER")),
            Err(ErrorCode::RoleForbidden),
        ),
    ];
    for (name, who, want) in rows {
        let world = World::under(Operator);
        let wished = joined(&world);
        let who = who(&world);
        let (lines, recorded) = (world.store.lines().len(), world.decisions().len());
        let stating = match want {
            Err(ErrorCode::RoleMismatch) => Stating { role: role("ARCHITECT"), ..saying("Looked at it.") },
            Ok(()) | Err(_) => saying("Looked at it."),
        };
        let answer = now(world.app.approve(&who, wished.asked.id.as_str(), stating));
        match want {
            Ok(()) => {
                let Ok(Approved::Queued(item)) = answer else { panic!("{name}: {answer:?}") };
                assert_eq!(approvals(&item), [format!("{} (OPS)", who.principal_id())], "{name}");
                assert_eq!((item.queue_id(), world.store.lines().len()), (&wished.asked.queue_id, lines + 1), "{name}");
                assert_eq!(world.decisions().len(), recorded, "{name}: the line is the approval");
            }
            Err(code) => {
                let denial = denial(answer);
                assert_eq!(denial.code, *code, "{name}: {}", denial.reason);
                assert_tells_nothing(&denial, &who);
                assert_eq!((world.store.lines().len(), world.request(&wished)), (lines, wished), "{name}");
                let counted = usize::from(*code != ErrorCode::Unauthenticated);
                assert_eq!(world.decisions().len(), recorded + counted, "{name}");
            }
        }
    }
}

#[test]
fn under_two_person_only_people_with_tokens_who_neither_ask_nor_answer_for_who_asks() {
    let rows: &[(&str, Who, Result<(), ErrorCode>)] = &[
        ("a personal token", |w| w.operator("bob"), Ok(())),
        ("an operator at the keyboard", |_| person("bob"), Err(ErrorCode::ApproverUnverified)),
        ("the shared token", |_| shared(), Err(ErrorCode::ApproverUnverified)),
        ("the sponsor", |_| person("alice"), Err(ErrorCode::SelfApproval)),
        ("the sponsor of one that joined", |_| person("eve"), Err(ErrorCode::SelfApproval)),
        ("one who asked for the same", |_| person("joan"), Err(ErrorCode::SelfApproval)),
        (
            "a personal token through MCP",
            |w| Caller { surface: Surface::Mcp, ..w.operator("bob") },
            Err(ErrorCode::ScopeForbidden),
        ),
        ("an agent's token", |w| over_http(w.known(PrincipalKind::Agent, "x")), Err(ErrorCode::ScopeForbidden)),
    ];
    for (name, who, want) in rows {
        let world = World::under(TwoPerson);
        let wished = joined(&world);
        let who = who(&world);
        let answer = world.approve(&who, &wished);
        match want {
            Ok(()) => {
                let Ok(Approved::More(more)) = answer else { panic!("{name}: {answer:?}") };
                assert_eq!((more.has(), more.needs(), more.status(start())), (1, 2, ApprovalStatus::Pending));
                assert_eq!(world.request(&wished), *more, "{name}");
            }
            Err(code) => assert_eq!(denial(answer).code, *code, "{name}"),
        }
        assert!(world.store.lines().is_empty(), "{name}: one is not two");
    }
}

#[test]
fn under_two_person_the_second_of_two_people_makes_the_line() {
    let world = World::under(TwoPerson);
    let wished = world.asks(&agent_of("alice"), "run_ok");
    let (bob, carol) = (world.operator("bob"), world.operator("carol"));
    assert!(matches!(world.approve(&bob, &wished), Ok(Approved::More(_))));
    assert_eq!(denial(world.approve(&bob, &wished)).code, ErrorCode::ApprovalDecided, "a double click is one yes");
    let second_self = Caller { surface: Surface::Cli, ..bob.clone() };
    assert_eq!(denial(world.approve(&second_self, &wished)).code, ErrorCode::ApprovalDecided);
    let item = world.last_yes(&carol, &wished);
    assert_eq!(approvals(&item), ["operator:bob (OPS)", "operator:carol (OPS)"]);
    assert_eq!(item.enqueued.provenance.as_ref().expect("ours").approval_policy, "two-person");
    let requested = world.request(&wished);
    assert_eq!((requested.has(), requested.status(world.app.reader().now())), (2, ApprovalStatus::Approved));
    let events: Vec<String> = world.events().into_iter().filter(|event| !event.starts_with("TOKEN")).collect();
    assert_eq!(events, ["APPROVAL_REQUESTED", "APPROVED", "APPROVAL_DECIDED", "APPROVAL_DECIDED"]);
}

#[test]
fn a_yes_of_who_asks_for_the_same_afterwards_counts_no_more() {
    let world = World::under(TwoPerson);
    let wished = world.asks(&agent_of("alice"), "run_ok");
    let (bob, carol, dave) = (world.operator("bob"), world.operator("carol"), world.operator("dave"));
    assert!(matches!(world.approve(&bob, &wished), Ok(Approved::More(_))));
    world.asks(&bob, "run_ok");
    assert_eq!(world.request(&wished).has(), 0, "whoever asks does not approve, in whichever order");
    let Ok(Approved::More(more)) = world.approve(&carol, &wished) else { panic!("bob's yes was counted") };
    assert_eq!(more.has(), 1);
    assert_eq!(approvals(&world.last_yes(&dave, &wished)), ["operator:carol (OPS)", "operator:dave (OPS)"]);

    // Nor does a yes of whoever answers for an agent that asks afterwards.
    let world = World::under(TwoPerson);
    let wished = world.asks(&agent_of("alice"), "run_ok");
    let (bob, carol) = (world.operator("bob"), world.operator("carol"));
    assert!(matches!(world.approve(&bob, &wished), Ok(Approved::More(_))));
    let mut mole = agent_of("mole");
    mole.principal.as_mut().expect("an agent").sponsor = Some("operator:bob".into());
    world.asks(&mole, "run_ok");
    assert!(matches!(world.approve(&carol, &wished), Ok(Approved::More(_))));
    assert!(world.store.lines().is_empty());
}

#[test]
fn an_operator_who_types_the_runs_id_approves_their_own_request_and_nobody_else_does() {
    type Row = (&'static str, ApprovalPolicy, Who, Option<&'static str>, Result<bool, ErrorCode>);
    let rows: &[Row] = &[
        ("at the keyboard", Operator, |_| person("bob"), Some("run_ok"), Ok(true)),
        ("over HTTP", Operator, |_| shared(), Some(" run_ok "), Ok(true)),
        ("without typing", Operator, |_| person("bob"), None, Ok(false)),
        ("another id", Operator, |_| person("bob"), Some("run_oh"), Err(ErrorCode::ConfirmRequired)),
        ("a blank one", Operator, |_| person("bob"), Some(""), Err(ErrorCode::ConfirmRequired)),
        ("an agent", Operator, |_| agent_of("alice"), Some("run_ok"), Ok(false)),
        ("an agent over HTTP", Operator, |_| over_http(agent_of("alice")), Some("run_ok"), Ok(false)),
        (
            "an operator through MCP",
            Operator,
            |_| Caller { surface: Surface::Mcp, ..person("bob") },
            Some("run_ok"),
            Ok(false),
        ),
        ("where two must agree", TwoPerson, |w| w.operator("bob"), Some("run_ok"), Ok(false)),
        ("where nobody is asked", Declared, |_| person("bob"), Some("run_ok"), Ok(true)),
        (
            "where nobody is asked, another id",
            Declared,
            |_| person("bob"),
            Some("run_oh"),
            Err(ErrorCode::ConfirmRequired),
        ),
    ];
    for (name, approval, who, typed, want) in rows {
        let world = World::under(*approval);
        let who = who(&world);
        let token = world.preview(&who, "run_ok").token;
        let apply = ApplyRequest { preview_token: Some(token), typed_run_id: typed.map(str::to_owned), ..yes() };
        let answer = now(world.app.enqueue(&who, ask(who.surface, "run_ok"), apply));
        match want {
            Ok(true) => {
                let item = applied(answer.unwrap_or_else(|failure| panic!("{name}: {failure:?}"))).item;
                let itself = if *approval == Declared { vec![] } else { vec![format!("{} (OPS)", who.principal_id())] };
                assert_eq!(approvals(&item), itself, "{name}");
            }
            Ok(false) => {
                assert!(matches!(answer, Ok(Outcome::AwaitsApproval(_))), "{name}: {answer:?}");
                assert!(world.store.lines().is_empty(), "{name}");
            }
            Err(code) => assert_eq!(denial(answer).code, *code, "{name}"),
        }
    }
}

#[test]
fn what_others_decided_is_not_undone_by_typing_the_runs_id() {
    for reject in [true, false] {
        let mut world = World::new();
        world.app = world.process(Policy { approval_ttl: seconds(60), ..human(Operator) });
        let bob = person("bob");
        let token = world.preview(&bob, "run_ok").token;
        let apply = |typed: bool| ApplyRequest {
            preview_token: Some(token.clone()),
            typed_run_id: typed.then(|| "run_ok".into()),
            ..yes()
        };
        let wished = world.asks_again(&bob, "run_ok", apply(false));
        let want = if reject {
            world.reject(&person("carol"), &wished).expect("anybody may say no");
            (ErrorCode::ApprovalDecided, ApprovalStatus::Rejected)
        } else {
            world.clock.advance(seconds(60));
            (ErrorCode::ApprovalExpired, ApprovalStatus::Expired)
        };
        let refused = denial(queued(world.app.enqueue(&bob, ask(Surface::Cli, "run_ok"), apply(true))));
        assert_eq!(refused.code, want.0);
        assert!(world.store.lines().is_empty());
        assert_eq!(world.request(&wished).status(world.app.reader().now()), want.1);
        // A preview of its own is a wish of its own.
        let again = ApplyRequest { preview_token: Some(world.preview(&bob, "run_ok").token), ..apply(true) };
        let item = queued(world.app.enqueue(&bob, ask(Surface::Cli, "run_ok"), again)).expect("a new one").item;
        assert_ne!(item.queue_id(), &wished.asked.queue_id);
    }
    // While it is open, typing is the approval that was missing.
    let world = World::under(Operator);
    let bob = person("bob");
    let token = world.preview(&bob, "run_ok").token;
    let apply = |typed: Option<&str>| ApplyRequest {
        preview_token: Some(token.clone()),
        typed_run_id: typed.map(str::to_owned),
        ..yes()
    };
    let wished = world.asks_again(&bob, "run_ok", apply(None));
    let item = queued(world.app.enqueue(&bob, ask(Surface::Cli, "run_ok"), apply(Some("run_ok")))).expect("open").item;
    assert_eq!(item.queue_id(), &wished.asked.queue_id);
    assert_eq!(world.request(&wished).status(world.app.reader().now()), ApprovalStatus::Approved);
    assert_eq!(denial(world.approve(&person("carol"), &wished)).code, ErrorCode::ApprovalDecided);
    assert_eq!(world.store.lines().len(), 1);
}

/// What happened between the asking and the yes.
type Meanwhile = fn(&World, &ApprovalRequest) -> Option<App>;

fn changed(world: &World, change: impl FnOnce(&mut RunFacts)) {
    let mut facts = run_facts("run_ok");
    change(&mut facts);
    world.runs.set(facts);
}

fn another_item(world: &World, priority: i64) {
    let who = usual(Surface::Cli);
    let declared = world.process(policy(MutationGate::Open));
    let wish = || RunRequest { parameters: Parameters::new(priority, None, None), ..ask(Surface::Cli, "run_ok") };
    let token = now(declared.preview(&who, wish())).expect("a preview").token;
    queued(declared.enqueue(&who, wish(), by_token(Some(token)))).expect("nobody is asked there");
}

#[test]
fn a_yes_judges_again_everything_that_was_asked() {
    let rows: &[(ErrorCode, &str, Meanwhile)] = &[
        (ErrorCode::Frozen, "an operator froze it", |w, _| {
            w.freeze();
            None
        }),
        (ErrorCode::MutationGateClosed, "in a process whose switch is off", |w, _| {
            Some(w.process(policy(MutationGate::Shut)))
        }),
        (ErrorCode::RoleForbidden, "in a process where the requester's role may not", |w, _| {
            let allowed_roles = parse_roles("OWNER,ARCHITECT").expect("roles");
            Some(w.process(Policy { allowed_roles, ..human(Operator) }))
        }),
        (ErrorCode::PreviewStale, "in a process where others may too", |w, _| {
            let allowed_roles = parse_roles("OPS,ARCHITECT").expect("roles");
            Some(w.process(Policy { allowed_roles, ..human(Operator) }))
        }),
        (ErrorCode::RunNotFound, "the run is gone", |w, r| {
            w.runs.remove(&run_facts(&r.asked.run_id).run_id);
            None
        }),
        (ErrorCode::RunUnreadable, "the run cannot be read", |w, r| {
            w.runs.fail(&run_facts(&r.asked.run_id).run_id, RunProblem::Unreadable("its manifest is torn".into()));
            None
        }),
        (ErrorCode::ContractAltered, "its contract is not the one that ran", |w, _| {
            changed(w, |run| run.evidence = ContractEvidence::Altered);
            None
        }),
        (ErrorCode::RunAwaitingApproval, "it waits for an approval of its own", |w, _| {
            changed(w, |run| run.awaits_approval = true);
            None
        }),
        (ErrorCode::PreviewStale, "its contract was written anew", |w, _| {
            changed(w, |run| run.contract = Pinned::new(b"{\"task_id\": \"another\"}".to_vec()));
            None
        }),
        (ErrorCode::PreviewStale, "its owner is another", |w, _| {
            changed(w, |run| run.owner = "somebody else".into());
            None
        }),
        (ErrorCode::PreviewStale, "an equal item waits by now", |w, _| {
            another_item(w, 0);
            None
        }),
        (ErrorCode::PreviewStale, "another item of the run waits by now", |w, _| {
            another_item(w, 9);
            None
        }),
        (ErrorCode::ApproverUnverified, "two must agree by now, and names prove nothing", |w, _| {
            w.floor(&person("ops"), TwoPerson).expect("an operator may");
            None
        }),
        (ErrorCode::PendingLimit, "the requester may have less in that process", |w, _| {
            w.runs.set(run_facts("run_x"));
            w.asks(&agent_of("alice"), "run_x");
            Some(w.process(Policy { limits: Limits { pending_max: 1, applies_per_hour: 0 }, ..human(Operator) }))
        }),
        (ErrorCode::ApprovalDecided, "somebody said no", |w, r| {
            w.reject(&person("carol"), r).expect("anybody may");
            None
        }),
        (ErrorCode::ApprovalDecided, "somebody said yes", |w, r| {
            w.last_yes(&person("carol"), r);
            None
        }),
        (ErrorCode::ApprovalExpired, "its time is over", |w, _| {
            w.clock.advance(seconds(86_400));
            None
        }),
        (ErrorCode::ApprovalExpired, "and that was written down, and the clock set back", |w, _| {
            w.clock.advance(seconds(86_400));
            now(w.app.expire_one(&person("ops"))).expect("the store answers").expect("one is overdue");
            w.clock.advance(seconds(-86_400));
            None
        }),
    ];
    for (code, name, meanwhile) in rows {
        let world = World::under(Operator);
        let wished = world.asks(&agent_of("alice"), "run_ok");
        let process = meanwhile(&world, &wished);
        let app = process.as_ref().unwrap_or(&world.app);
        let (lines, before, recorded) = (world.store.lines(), world.request(&wished), world.decisions().len());
        let denied = denial(now(app.approve(&person("bob"), wished.asked.id.as_str(), saying("Go."))));
        assert_eq!(denied.code, *code, "{name}: {}", denied.reason);
        assert_eq!(world.store.lines(), lines, "{name}: the queue changed");
        assert_eq!(world.request(&wished), before, "{name}: the request changed");
        let decisions = world.decisions();
        assert_eq!(decisions.len(), recorded + 1, "{name}");
        let last = decisions.last().expect("one");
        assert_eq!(
            (last.code.as_str(), last.approval_id.as_deref()),
            (code.as_str(), Some(wished.asked.id.as_str())),
            "{name}"
        );
    }
}

#[test]
fn what_stood_in_the_way_and_is_gone_stands_in_the_way_no_more() {
    let world = World::under(Operator);
    let wished = world.asks(&agent_of("alice"), "run_ok");
    let bob = person("bob");
    world.freeze();
    assert_eq!(denial(world.approve(&bob, &wished)).code, ErrorCode::Frozen);
    world.thaw();
    changed(&world, |run| run.owner = "somebody else".into());
    assert_eq!(denial(world.approve(&bob, &wished)).code, ErrorCode::PreviewStale);
    changed(&world, |_| ());
    world.floor(&bob, TwoPerson).expect("an operator may");
    assert_eq!(
        denial(world.approve(&world.operator("bob"), &wished)).code,
        ErrorCode::PreviewStale,
        "the policy was previewed"
    );
    let (ann, eve) = (world.operator("ann"), world.operator("eve"));
    for who in [&ann, &eve] {
        world.floor(who, Declared).expect("two operators may");
    }
    // A process that asks nobody does not make the request weaker than it was.
    let declared = world.process(policy(MutationGate::Open));
    let answer = now(declared.approve(&bob, wished.asked.id.as_str(), Stating::default()));
    let Ok(Approved::Queued(item)) = answer else { panic!("{answer:?}") };
    assert_eq!(approvals(&item), ["local:bob (ARCHITECT)"], "on the command line the first role is meant");
    assert_eq!(item.enqueued.provenance.as_ref().expect("ours").approval_policy, "operator");
}

#[test]
fn a_request_falls_with_its_requesters_last_token() {
    let world = World::under(Operator);
    let bot = world.known(PrincipalKind::Agent, "bot");
    let wished = world.asks(&bot, "run_ok");
    let id = bot.principal.as_ref().and_then(Principal::token).expect("a token");
    let next = now(world.app.rotate_token(&person("keeper"), id.as_str(), seconds(3600), Stating::default()))
        .expect("the keeper may")
        .1;
    world.revoke(&bot);
    let fresh = caller(Surface::Mcp, next.principal());
    let preview = world.preview(&fresh, "run_ok");
    assert_eq!(preview.approval.map(|asked| asked.request.asked.id), Some(wished.asked.id.clone()), "the same agent");
    world.revoke(&fresh);
    assert_eq!(denial(world.approve(&person("bob"), &wished)).code, ErrorCode::PreviewStale);
    assert!(world.store.lines().is_empty());

    // Expiry ends a token as well as an operator does.
    let world = World::under(Operator);
    let wished = world.asks(&world.known(PrincipalKind::Agent, "bot"), "run_ok");
    world.clock.advance(seconds(86_399));
    assert_eq!(denial(world.approve(&agent_of("bot"), &wished)).code, ErrorCode::ScopeForbidden);
    world.last_yes(&person("bob"), &wished);
}

#[test]
fn a_first_yes_counts_no_longer_once_its_givers_last_token_was_revoked() {
    let world = World::under(TwoPerson);
    let (ann, bob, eve) = (world.operator("ann"), world.operator("bob"), world.operator("eve"));
    let wished = world.asks(&agent_of("alice"), "run_ok");
    let first = world.approve(&ann, &wished);
    assert!(matches!(first, Ok(Approved::More(request)) if request.has() == 1));
    world.revoke(&ann);
    assert_eq!(world.request(&wished).has(), 0);
    let second = world.approve(&bob, &wished);
    assert!(matches!(second, Ok(Approved::More(request)) if request.has() == 1), "still one of two");
    let last = world.approve(&eve, &wished);
    let Ok(Approved::Queued(item)) = last else { panic!("{last:?}") };
    assert_eq!(approvals(&item).len(), 2);
    let line = item.enqueued.provenance.as_ref().expect("ours");
    assert_eq!(
        line.approver_reason.as_deref(),
        Some("Looked at it."),
        "the last one's reason stands in the item's line"
    );
    assert!(approvals(&item).iter().all(|yes| !yes.contains("ann")), "{:?}", approvals(&item));
}

#[test]
fn a_request_may_be_decided_until_its_last_moment_and_not_at_it() {
    for (late, in_time) in [(seconds(59), true), (seconds(60), false)] {
        for yes in [true, false] {
            let mut world = World::new();
            world.app = world.process(Policy { approval_ttl: seconds(60), ..human(Operator) });
            let wished = world.asks(&agent_of("alice"), "run_ok");
            world.clock.advance(late);
            let answer = if yes {
                world.approve(&person("bob"), &wished).map(|_| ())
            } else {
                world.reject(&person("bob"), &wished).map(|_| ())
            };
            match in_time {
                true => answer.expect("there is time"),
                false => assert_eq!(denial(answer).code, ErrorCode::ApprovalExpired),
            }
            let overdue = now(world.app.expire_one(&person("ops"))).expect("the store answers");
            assert_eq!(overdue.is_some(), !in_time);
            assert_eq!(now(world.app.expire_one(&person("ops"))).expect("the store answers"), None, "once");
            let expired = world.events().iter().filter(|event| *event == "EXPIRED").count();
            assert_eq!((expired, world.store.lines().len()), (usize::from(!in_time), usize::from(in_time && yes)));
        }
    }
}

#[test]
fn saying_no_takes_a_reason_an_operator_and_an_open_request() {
    let world = World::under(Operator);
    let wished = world.asks(&agent_of("alice"), "run_ok");
    let no = |who: &Caller, reason: &str| {
        let stating = Stating { reason: Stated::read(Some(reason)), role: role("OPS") };
        now(world.app.reject(who, wished.asked.id.as_str(), stating))
    };
    assert_eq!(denial(no(&person("bob"), " ")).code, ErrorCode::MetadataRequired);
    assert_eq!(denial(no(&person("bob"), "no\u{202e}!")).code, ErrorCode::MetadataRejected);
    assert_eq!(denial(no(&agent_of("alice"), "no")).code, ErrorCode::ScopeForbidden);
    for id in ["", "apr_", "apr_0123456789abcdef0123456789abcdef"] {
        let refused = denial(now(world.app.reject(&person("bob"), id, saying("no"))));
        assert_eq!(refused.code, ErrorCode::ApprovalNotFound, "{id}");
        assert_eq!(denial(now(world.app.approve(&person("bob"), id, saying("yes")))).code, ErrorCode::ApprovalNotFound);
    }
    // Neither a shut gate nor a freeze keeps anybody from saying no.
    world.freeze();
    let shut = world.process(policy(MutationGate::Shut));
    let ended = now(shut.reject(&person("bob"), wished.asked.id.as_str(), saying("Not today."))).expect("allowed");
    assert_eq!(ended.status(world.app.reader().now()), ApprovalStatus::Rejected);
    assert_eq!(denial(no(&person("carol"), "no")).code, ErrorCode::ApprovalDecided);
}

#[test]
fn the_same_preview_asks_once_and_is_answered_with_what_became_of_it() {
    let world = World::under(Operator);
    let alice = agent_of("alice");
    let token = world.preview(&alice, "run_ok").token;
    let apply = || by_token(Some(token.clone()));
    let wished = world.asks_again(&alice, "run_ok", apply());
    assert_eq!(world.asks_again(&alice, "run_ok", apply()), wished);
    assert_eq!(world.asks(&alice, "run_ok"), wished, "another preview of the same joins");
    assert_eq!(world.events(), ["APPROVAL_REQUESTED"]);
    world.reject(&person("bob"), &wished).expect("anybody may");
    let refused = denial(queued(world.app.enqueue(&alice, ask(Surface::Mcp, "run_ok"), apply())));
    assert_eq!(refused.code, ErrorCode::ApprovalDecided, "no means no for this preview");
    let again = world.asks(&alice, "run_ok");
    assert_ne!(again.asked.id, wished.asked.id, "a new preview asks anew");
    let item = world.last_yes(&person("bob"), &again);
    assert_eq!(item.queue_id(), &again.asked.queue_id);
}

#[test]
fn after_the_yes_a_retry_is_answered_with_the_item_even_when_the_run_is_gone() {
    let world = World::under(Operator);
    let alice = agent_of("alice");
    let token = world.preview(&alice, "run_ok").token;
    let keyed = |token: Option<String>| ApplyRequest {
        idempotency_key: IdempotencyKey::parse("k").expect("a key"),
        ..by_token(token)
    };
    let wished = world.asks_again(&alice, "run_ok", keyed(Some(token.clone())));
    let same = world.asks_again(&alice, "run_ok", keyed(None));
    assert_eq!(same, wished, "by the preview that this process remembers");
    let item = world.last_yes(&person("bob"), &wished);
    assert_eq!(item.enqueued.provenance.as_ref().expect("ours").idempotency_key.as_deref(), Some("k"));
    world.runs.remove(&run_facts("run_ok").run_id);
    world.clock.advance(seconds(7200));
    for retry in [keyed(None), keyed(Some(token.clone())), by_token(Some(token))] {
        let again = world.apply(&alice, "run_ok", retry).expect("the same item");
        assert!(again.already_applied && again.item.queue_id() == item.queue_id());
    }
    // The item is the requester's: it may roll it back.
    now(world.app.cancel(&alice, item.queue_id().as_str(), Stated::Absent, role("OPS"))).expect("its own");
    let status = world.request(&wished).status(world.app.reader().now());
    assert_eq!(status, ApprovalStatus::Approved, "approved is approved, whatever came of the item");
}

#[test]
fn a_key_that_asks_for_one_thing_asks_for_no_other_and_makes_no_second_item() {
    let world = World::under(Operator);
    let alice = agent_of("alice");
    let keyed = |app: &App, priority: i64| {
        let wish = || RunRequest { parameters: Parameters::new(priority, None, None), ..ask(Surface::Mcp, "run_ok") };
        let token = now(app.preview(&alice, wish())).expect("a preview").token;
        let apply = ApplyRequest {
            preview_token: Some(token),
            idempotency_key: IdempotencyKey::parse("k").expect("a key"),
            ..yes()
        };
        now(app.enqueue(&alice, wish(), apply))
    };
    let Ok(Outcome::AwaitsApproval(wished)) = keyed(&world.app, 0) else { panic!("not asked") };
    assert_eq!(denial(keyed(&world.app, 7)).code, ErrorCode::IdempotencyConflict);
    // Where nobody is asked the same key makes its item at once…
    let declared = world.process(policy(MutationGate::Open));
    let item = applied(keyed(&declared, 0).expect("nobody is asked there")).item;
    assert_eq!(world.claim().queue_id(), item.queue_id());
    // …and the request, which rests on nothing that has changed by now, makes no second one.
    let refused = denial(world.approve(&person("bob"), &wished));
    assert_eq!(
        (refused.code, refused.queue_id.as_deref()),
        (ErrorCode::IdempotencyConflict, Some(item.queue_id().as_str()))
    );
    assert_eq!(world.store.lines().iter().filter(|line| line.contains("QUEUE_ENQUEUE")).count(), 1);
}

#[test]
fn what_people_are_asked_about_counts_against_an_agents_limits_and_a_retry_does_not() {
    let mut world = World::new();
    world.app = world.process(Policy { limits: Limits { pending_max: 2, applies_per_hour: 3 }, ..human(Operator) });
    let alice = agent_of("alice");
    for run in ["run_1", "run_2", "run_3", "run_4"] {
        world.runs.set(run_facts(run));
    }
    let token = world.preview(&alice, "run_1").token;
    let first = world.asks_again(&alice, "run_1", by_token(Some(token.clone())));
    let second = world.asks(&alice, "run_2");
    let refused = |run: &str| {
        let token = world.preview(&alice, run).token;
        denial(queued(world.app.enqueue(&alice, ask(Surface::Mcp, run), by_token(Some(token)))))
    };
    assert_eq!(refused("run_3").code, ErrorCode::PendingLimit);
    let again = world.asks_again(&alice, "run_1", by_token(Some(token)));
    assert_eq!(again, first, "asking again takes up nothing");
    assert_eq!(world.asks(&alice, "run_2"), second, "nor does it with another preview");
    world.last_yes(&person("bob"), &first);
    assert_eq!(refused("run_3").code, ErrorCode::PendingLimit, "its item waits in its place");
    world.reject(&person("bob"), &second).expect("anybody may");
    world.asks(&alice, "run_3");
    world.claim();
    let late = refused("run_4");
    assert_eq!((late.code, late.retry_after_s), (ErrorCode::RateLimited, Some(3601)), "asked thrice within the hour");
    world.clock.advance(seconds(3600));
    world.asks(&alice, "run_4");
}

#[test]
fn a_preview_says_how_the_request_stands_so_that_an_agent_need_not_apply_again() {
    let world = World::under(Operator);
    let alice = agent_of("alice");
    let stands = |who: &Caller| {
        world
            .preview(who, "run_ok")
            .approval
            .map(|asked| (asked.request.asked.id.clone(), asked.status, asked.request.has()))
    };
    assert_eq!(stands(&alice), None);
    let wished = world.asks(&alice, "run_ok");
    let id = || wished.asked.id.clone();
    assert_eq!(stands(&alice), Some((id(), "PENDING", 0)));
    assert_eq!(stands(&agent_of("eve")), Some((id(), "PENDING", 0)), "whoever would join sees it");
    let decisions = world.decisions().len();
    changed(&world, |run| run.owner = "somebody else".into());
    assert_eq!(stands(&alice), Some((id(), STALE, 0)));
    assert_eq!(stands(&agent_of("eve")), None, "no business of hers any more");
    changed(&world, |_| ());
    world.last_yes(&person("bob"), &wished);
    assert_eq!(stands(&alice), Some((id(), "APPROVED", 1)));
    assert_eq!(world.decisions().len(), decisions, "a preview writes nothing");
}

#[test]
fn what_a_clients_dialog_was_answered_is_evidence_and_no_approval() {
    let world = World::under(Operator);
    let alice = agent_of("alice");
    let wished = world.asks(&alice, "run_ok");
    let answered =
        |who: &Caller, answer| now(world.app.record_elicitation(who, &wished.asked.id, answer, Stated::Absent));
    assert_eq!(
        denial(answered(&agent_of("eve"), ElicitedAnswer::Accepted)).code,
        ErrorCode::ApprovalNotFound,
        "not hers"
    );
    for _ in 0..3 {
        let after = answered(&alice, ElicitedAnswer::Accepted).expect("its own");
        assert_eq!(
            (after.has(), after.elicited.len(), after.status(world.app.reader().now())),
            (0, 1, ApprovalStatus::Pending)
        );
    }
    assert_eq!(world.events(), ["APPROVAL_REQUESTED", "APPROVAL_NOT_FOUND", "ELICITED"], "once");
    assert!(world.store.lines().is_empty());
    world.reject(&person("bob"), &wished).expect("anybody may");
    assert_eq!(denial(answered(&alice, ElicitedAnswer::Declined)).code, ErrorCode::ApprovalDecided);
}

#[test]
fn a_second_equal_item_that_an_operator_asks_for_is_theirs_to_ask_and_anothers_to_approve() {
    let world = World::under(Operator);
    another_item(&world, 0);
    let bob = person("bob");
    let token = world.preview(&bob, "run_ok").token;
    let plain = by_token(Some(token));
    assert_eq!(
        denial(queued(world.app.enqueue(&bob, ask(Surface::Cli, "run_ok"), plain.clone()))).code,
        ErrorCode::AlreadyPending
    );
    let wished = world.asks_again(&bob, "run_ok", ApplyRequest { allow_duplicate: true, ..plain });
    assert_eq!(denial(world.approve(&bob, &wished)).code, ErrorCode::SelfApproval);
    world.last_yes(&person("carol"), &wished);
    assert_eq!(world.store.lines().len(), 2);
}

#[test]
fn asking_takes_every_other_gate() {
    let world = World::under(TwoPerson);
    let alice = agent_of("alice");
    let refused =
        |apply: ApplyRequest| denial(queued(world.app.enqueue(&alice, ask(Surface::Mcp, "run_ok"), apply))).code;
    assert_eq!(refused(ApplyRequest { confirm: false, ..yes() }), ErrorCode::ConfirmRequired);
    assert_eq!(refused(ApplyRequest { actor_role: StatedRole::Absent, ..yes() }), ErrorCode::RoleRequired);
    assert_eq!(refused(ApplyRequest { requested_by: Stated::Absent, ..yes() }), ErrorCode::MetadataRequired);
    assert_eq!(refused(yes()), ErrorCode::PreviewRequired);
    world.freeze();
    assert_eq!(refused(yes()), ErrorCode::Frozen);
    assert!(world.events().iter().all(|event| event != "APPROVAL_REQUESTED"));
}
