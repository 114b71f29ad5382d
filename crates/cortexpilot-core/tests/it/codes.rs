//! Every code that an apply can be refused with, each way to get it.

use std::collections::HashSet;
use std::sync::Arc;

use cortexpilot_core::app::govern::Stating;
use cortexpilot_core::app::{App, ApplyRequest, RunRequest};
use cortexpilot_core::domain::command::{Limits, MutationGate, Parameters, Policy};
use cortexpilot_core::domain::gate::{DEPTH_MAX, GateId};
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::principal::{Caller, Principal, PrincipalKind, StatedRole, Surface};
use cortexpilot_core::domain::run::{CONTRACT_PATH_MAX, ContractEvidence, DERIVED_TEXT_MAX, RunFacts, RunProblem};
use cortexpilot_core::domain::seal::SealKey;
use cortexpilot_core::domain::text::{IdempotencyKey, Stated};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::fake::run_facts;

use crate::support::{
    World, ask, assert_tells_nothing, caller, denial, now, policy, principal, queued, role, schedule, usual, yes,
};

/// An apply that is about to be refused.
struct Attempt {
    who: Caller,
    ask: RunRequest,
    apply: ApplyRequest,
    /// `None` for the world's own process.
    app: Option<App>,
}

impl Attempt {
    /// An apply of `run_ok` after a preview, with nothing wrong yet.
    fn fine(world: &World, surface: Surface) -> Self {
        let who = usual(surface);
        let token = world.preview(&who, "run_ok").token;
        let apply = ApplyRequest { preview_token: Some(token), ..yes() };
        Self { ask: ask(surface, "run_ok"), who, apply, app: None }
    }

    fn by(self, principal: Option<Principal>) -> Self {
        Self { who: Caller { principal, surface: self.who.surface }, ..self }
    }

    fn stating(mut self, actor_role: StatedRole, header_role: StatedRole) -> Self {
        self.apply.actor_role = actor_role;
        self.ask.header_role = header_role;
        self
    }

    fn metadata(mut self, requested_by: Option<&str>, reason: Option<&str>) -> Self {
        self.apply.requested_by = Stated::read(requested_by);
        self.apply.approval_reason = Stated::read(reason);
        self
    }

    fn about(mut self, run_id: &str) -> Self {
        self.ask.run_id = run_id.into();
        self
    }

    fn token(mut self, token: &str) -> Self {
        self.apply.preview_token = Some(token.into());
        self
    }
}

type Make = fn(&World, Surface) -> Attempt;

fn changed(world: &World, change: impl FnOnce(&mut RunFacts)) {
    let mut facts = run_facts("run_ok");
    change(&mut facts);
    world.runs.set(facts);
}

fn operator(id: &str, roles: &str) -> Option<Principal> {
    Some(principal(id, PrincipalKind::Operator, roles))
}

/// After an operator has stopped everything.
fn frozen(world: &World) {
    let who = caller(Surface::Cli, principal("local:op", PrincipalKind::Operator, "OPS"));
    now(world.app.freeze(&who, Stating::default())).expect("an operator may");
}

/// An item of `run_ok` under the key "k" of the usual caller.
fn keyed(world: &World, surface: Surface) -> Attempt {
    let mut attempt = Attempt::fine(world, surface);
    attempt.apply.idempotency_key = IdempotencyKey::parse("k").expect("a key");
    world.apply(&attempt.who, "run_ok", attempt.apply.clone()).expect("every gate is open");
    attempt
}

/// An apply by an agent that has one item pending, queued a moment ago, in a process with these limits.
fn limited(world: &World, surface: Surface, pending_max: u32, applies_per_hour: u32) -> Attempt {
    let who = caller(surface, principal("agent:tester", PrincipalKind::Agent, "OPS,ARCHITECT"));
    world.runs.set(run_facts("run_other"));
    world.enqueue(&who, "run_other");
    let token = world.preview(&who, "run_ok").token;
    let limits = Limits { pending_max, applies_per_hour };
    Attempt {
        ask: ask(surface, "run_ok"),
        who,
        apply: ApplyRequest { preview_token: Some(token), ..yes() },
        app: Some(world.process(Policy { limits, ..policy(MutationGate::Open) })),
    }
}

/// An apply of the run that ends the longest chain of reruns.
fn deepest(world: &World, surface: Surface) -> Attempt {
    let who = usual(surface);
    let run = world.rerun_times(DEPTH_MAX);
    world.runs.set(run_facts(&run));
    let token = world.preview(&who, &run).token;
    Attempt { ask: ask(surface, &run), who, apply: ApplyRequest { preview_token: Some(token), ..yes() }, app: None }
}

const ROWS: &[(ErrorCode, &str, Make)] = &[
    (ErrorCode::Unauthenticated, "no principal", |w, s| Attempt::fine(w, s).by(None)),
    (ErrorCode::Unauthenticated, "a blank name", |w, s| Attempt::fine(w, s).by(operator(" ", "OPS"))),
    (ErrorCode::Unauthenticated, "a name of 201 characters", |w, s| {
        Attempt::fine(w, s).by(operator(&"ä".repeat(201), "OPS"))
    }),
    (ErrorCode::Unauthenticated, "a name with a line break", |w, s| Attempt::fine(w, s).by(operator("a\nb", "OPS"))),
    (ErrorCode::Frozen, "an operator stopped everything", |w, s| {
        let attempt = Attempt::fine(w, s);
        frozen(w);
        attempt
    }),
    (ErrorCode::MutationGateClosed, "the switch is off, and an operator stopped everything", |w, s| {
        frozen(w);
        Attempt { app: Some(w.process(policy(MutationGate::Shut))), ..Attempt::fine(w, s) }
    }),
    (ErrorCode::MutationGateClosed, "the switch is off", |w, s| Attempt {
        app: Some(w.process(policy(MutationGate::Shut))),
        ..Attempt::fine(w, s)
    }),
    (ErrorCode::ConfirmRequired, "confirm is not true", |w, s| {
        let mut attempt = Attempt::fine(w, s);
        attempt.apply.confirm = false;
        attempt
    }),
    (ErrorCode::RoleRequired, "none stated, two held", |w, s| {
        Attempt::fine(w, s).stating(StatedRole::Absent, StatedRole::Absent)
    }),
    (ErrorCode::RoleForbidden, "stated one that is not allowed, held or not", |w, s| {
        Attempt::fine(w, s).by(operator("token:tester", "OPS,INTERN")).stating(role("INTERN"), StatedRole::Absent)
    }),
    (ErrorCode::RoleForbidden, "stated what is no role's name", |w, s| {
        Attempt::fine(w, s).stating(StatedRole::read(Some("own er")), StatedRole::Absent)
    }),
    (ErrorCode::RoleForbidden, "a header that is no role's name beside a good argument", |w, s| {
        Attempt::fine(w, s).stating(role("OPS"), StatedRole::read(Some("😀")))
    }),
    (ErrorCode::RoleForbidden, "holds no allowed role", |w, s| {
        Attempt::fine(w, s).by(operator("token:tester", "INTERN"))
    }),
    (ErrorCode::RoleForbidden, "holds no role", |w, s| Attempt::fine(w, s).by(operator("token:tester", ""))),
    (ErrorCode::RoleForbidden, "a worker, whatever it holds", |w, s| {
        Attempt::fine(w, s).by(Some(principal("token:tester", PrincipalKind::Worker, "OPS")))
    }),
    (ErrorCode::RoleForbidden, "a worker that states nothing", |w, s| {
        let worker = principal("token:tester", PrincipalKind::Worker, "OPS,OWNER");
        Attempt::fine(w, s).by(Some(worker)).stating(StatedRole::Absent, StatedRole::Absent)
    }),
    (ErrorCode::RoleForbidden, "nobody in particular", |w, s| Attempt::fine(w, s).by(Some(Principal::anonymous()))),
    (ErrorCode::RoleMismatch, "allowed, not held", |w, s| {
        Attempt::fine(w, s).stating(role("OWNER"), StatedRole::Absent)
    }),
    (ErrorCode::RoleMismatch, "argument and header disagree, both held", |w, s| {
        Attempt::fine(w, s).stating(role("OPS"), role("ARCHITECT"))
    }),
    (ErrorCode::MetadataRequired, "requested_by absent", |w, s| Attempt::fine(w, s).metadata(None, Some("why"))),
    (ErrorCode::MetadataRequired, "requested_by blank", |w, s| {
        Attempt::fine(w, s).metadata(Some(" \n\t"), Some("why"))
    }),
    (ErrorCode::MetadataRequired, "approval_reason absent", |w, s| Attempt::fine(w, s).metadata(Some("Alice"), None)),
    (ErrorCode::MetadataRequired, "one missing beside one refused", |w, s| {
        Attempt::fine(w, s).metadata(Some("Al\u{7}ice"), None)
    }),
    (ErrorCode::MetadataRejected, "requested_by of 201 characters", |w, s| {
        Attempt::fine(w, s).metadata(Some(&"n".repeat(201)), Some("why"))
    }),
    (ErrorCode::MetadataRejected, "approval_reason of 2,001 characters", |w, s| {
        Attempt::fine(w, s).metadata(Some("Alice"), Some(&"y".repeat(2001)))
    }),
    (ErrorCode::MetadataRejected, "a control character", |w, s| {
        Attempt::fine(w, s).metadata(Some("Al\u{1b}ice"), Some("why"))
    }),
    (ErrorCode::MetadataRejected, "a bidirectional override", |w, s| {
        Attempt::fine(w, s).metadata(Some("Alice"), Some("on\u{202e}yes"))
    }),
    (ErrorCode::MetadataRejected, "a zero-width character", |w, s| {
        Attempt::fine(w, s).metadata(Some("Alice"), Some("on\u{200b}yes"))
    }),
    (ErrorCode::MetadataRejected, "a hidden variation selector", |w, s| {
        Attempt::fine(w, s).metadata(Some("Alice"), Some("on\u{e0101}yes"))
    }),
    (ErrorCode::MetadataRejected, "a line separator at the end", |w, s| {
        Attempt::fine(w, s).metadata(Some("Alice"), Some("yes\u{2028}"))
    }),
    (ErrorCode::MetadataRejected, "not NFC", |w, s| Attempt::fine(w, s).metadata(Some("Andre\u{301}"), Some("why"))),
    (ErrorCode::IdempotencyConflict, "the key with another run", |w, s| {
        w.runs.set(run_facts("run_other"));
        keyed(w, s).about("run_other")
    }),
    (ErrorCode::IdempotencyConflict, "the key with another priority", |w, s| {
        let mut attempt = keyed(w, s);
        attempt.ask.parameters.priority = 1;
        attempt
    }),
    (ErrorCode::IdempotencyConflict, "the key with another schedule", |w, s| {
        let mut attempt = keyed(w, s);
        attempt.ask.parameters.scheduled = Some(schedule("2030-01-01T00:00:00Z"));
        attempt
    }),
    (ErrorCode::IdempotencyConflict, "the key with another deadline", |w, s| {
        let mut attempt = keyed(w, s);
        attempt.ask.parameters.deadline = Some(schedule("2030-01-01T00:00:00Z"));
        attempt
    }),
    (ErrorCode::IdempotencyConflict, "the key with what is no run id", |w, s| keyed(w, s).about("../run_ok")),
    (ErrorCode::RunIdInvalid, "a way out of the runs root", |w, s| Attempt::fine(w, s).about("../run_ok")),
    (ErrorCode::RunIdInvalid, "no run id at all", |w, s| Attempt::fine(w, s).about(" ")),
    (ErrorCode::RunNotFound, "a run that never was", |w, s| Attempt::fine(w, s).about("run_gone")),
    (ErrorCode::RunNotFound, "a run that is gone since its preview", |w, s| {
        let attempt = Attempt::fine(w, s);
        w.runs.remove(&RunId::parse("run_ok").expect("a run id"));
        attempt
    }),
    (ErrorCode::RunUnreadable, "the adapter cannot read it", |w, s| {
        let attempt = Attempt::fine(w, s);
        w.runs.fail(
            &RunId::parse("run_ok").expect("a run id"),
            RunProblem::Unreadable("its manifest is no object".into()),
        );
        attempt
    }),
    (ErrorCode::RunUnreadable, "a task_id that is too long for a line", |w, s| {
        let attempt = Attempt::fine(w, s);
        changed(w, |facts| facts.task_id = "t".repeat(DERIVED_TEXT_MAX + 1));
        attempt
    }),
    (ErrorCode::RunUnreadable, "a contract path that is too long for a line", |w, s| {
        let attempt = Attempt::fine(w, s);
        changed(w, |facts| facts.contract_path = "/".repeat(CONTRACT_PATH_MAX + 1));
        attempt
    }),
    (ErrorCode::ContractAltered, "the manifest vouches for another contract", |w, s| {
        let attempt = Attempt::fine(w, s);
        changed(w, |facts| facts.evidence = ContractEvidence::Altered);
        attempt
    }),
    (ErrorCode::RunAwaitingApproval, "the run waits for a person", |w, s| {
        let attempt = Attempt::fine(w, s);
        changed(w, |facts| facts.awaits_approval = true);
        attempt
    }),
    (ErrorCode::PreviewRequired, "no preview", |w, s| Attempt {
        who: usual(s),
        ask: ask(s, "run_ok"),
        apply: yes(),
        app: Some(w.process(policy(MutationGate::Open))),
    }),
    (ErrorCode::PreviewRequired, "a preview of another run", |w, s| {
        w.runs.set(run_facts("run_other"));
        w.preview(&usual(s), "run_other");
        Attempt { who: usual(s), ask: ask(s, "run_ok"), apply: yes(), app: None }
    }),
    (ErrorCode::PreviewRequired, "somebody else's preview in this process", |w, s| {
        let mut attempt = Attempt::fine(w, s).by(operator("token:other", "OPS"));
        attempt.apply.preview_token = None;
        attempt
    }),
    (ErrorCode::PreviewRequired, "somebody else's token", |w, s| {
        Attempt::fine(w, s).by(operator("token:other", "OPS"))
    }),
    (ErrorCode::PreviewRequired, "a token under another key", |w, s| {
        let store: Arc<dyn cortexpilot_core::port::Store> = w.store.clone();
        let key = Some(SealKey::new([8; 32]));
        let other = App::new(store, w.runs.clone(), w.clock.clone(), w.ids.clone(), policy(MutationGate::Open), key);
        Attempt { app: Some(other), ..Attempt::fine(w, s) }
    }),
    (ErrorCode::PreviewRequired, "a malformed token, though this process has shown a preview", |w, s| {
        Attempt::fine(w, s).token("not a token")
    }),
    (ErrorCode::PreviewRequired, "a token that somebody lengthened", |w, s| {
        let attempt = Attempt::fine(w, s);
        let longer = format!("{}AAAA", attempt.apply.preview_token.as_deref().expect("a token"));
        attempt.token(&longer)
    }),
    (ErrorCode::PreviewExpired, "a quarter of an hour later", |w, s| {
        let attempt = Attempt::fine(w, s);
        w.clock.advance(policy(MutationGate::Open).preview_ttl);
        attempt
    }),
    (ErrorCode::PreviewExpired, "and without a token", |w, s| {
        let mut attempt = Attempt::fine(w, s);
        attempt.apply.preview_token = None;
        w.clock.advance(policy(MutationGate::Open).preview_ttl);
        attempt
    }),
    (ErrorCode::PreviewStale, "the contract is another one", |w, s| {
        let attempt = Attempt::fine(w, s);
        changed(w, |facts| facts.contract = cortexpilot_core::domain::run::Pinned::new(*b"{}"));
        attempt
    }),
    (ErrorCode::PreviewStale, "another run's token", |w, s| {
        w.runs.set(run_facts("run_other"));
        Attempt::fine(w, s).about("run_other")
    }),
    (ErrorCode::PreviewStale, "a preview that was applied, with another priority", |w, s| {
        let mut attempt = Attempt::fine(w, s);
        w.apply(&attempt.who, "run_ok", attempt.apply.clone()).expect("every gate is open");
        attempt.ask.parameters = Parameters::new(7, None, None);
        attempt
    }),
    (ErrorCode::AlreadyPending, "an equal item waits, and the preview showed it", |w, s| {
        w.enqueue(&caller(s, principal("token:other", PrincipalKind::Operator, "OPS")), "run_ok");
        Attempt::fine(w, s)
    }),
    (ErrorCode::LineageLimit, "the run came out of an item that is as deep as one may be", deepest),
    (ErrorCode::LineageLimit, "and the agent is at its other limits too", |w, s| {
        let Attempt { who, app, .. } = limited(w, s, 1, 1);
        let Attempt { ask, mut apply, .. } = deepest(w, s);
        apply.preview_token = Some(w.preview(&who, &ask.run_id).token);
        Attempt { who, ask, apply, app }
    }),
    (ErrorCode::PendingLimit, "an agent with as many pending items as it may have", |w, s| limited(w, s, 1, 0)),
    (ErrorCode::PendingLimit, "and as many within the hour", |w, s| limited(w, s, 1, 1)),
    (ErrorCode::RateLimited, "an agent that queued as many within the hour as it may", |w, s| limited(w, s, 2, 1)),
];

#[test]
fn every_way_to_be_refused_gives_its_code_one_record_and_no_line() {
    for (code, name, make) in ROWS {
        for surface in Surface::ALL {
            let world = World::new();
            let attempt = make(&world, surface);
            let (lines, recorded) = (world.store.lines(), world.decisions().len());
            let app = attempt.app.as_ref().unwrap_or(&world.app);
            let denial = denial(queued(app.enqueue(&attempt.who, attempt.ask.clone(), attempt.apply.clone())));
            assert_eq!(denial.code, *code, "{surface:?}: {name}: {}", denial.reason);
            assert_tells_nothing(&denial, &attempt.who);
            assert_eq!(world.store.lines(), lines, "{surface:?}: {name}: the ledger changed");
            let decisions = world.decisions();
            let new: Vec<&str> = decisions[recorded..].iter().map(|line| line.code.as_str()).collect();
            let nobody = attempt.who.principal_id() == "unauthenticated";
            assert_eq!(nobody, *code == ErrorCode::Unauthenticated, "{surface:?}: {name}");
            let want = if nobody { vec![] } else { vec![code.as_str()] };
            assert_eq!(new, want, "{surface:?}: {name}");
        }
    }
    println!("figure: {} ways to be refused on each of {} surfaces", ROWS.len(), Surface::ALL.len());
}

#[test]
fn no_gate_has_a_code_that_nothing_can_reach() {
    let reached: HashSet<ErrorCode> = ROWS.iter().map(|(code, ..)| *code).collect();
    let mut named: HashSet<ErrorCode> = GateId::ALL.iter().flat_map(|gate| gate.row().codes).copied().collect();
    named.insert(ErrorCode::IdempotencyConflict);
    assert_eq!(reached, named);
}

#[test]
fn a_refusal_for_a_role_says_who_one_acts_as() {
    for (code, name, make) in ROWS {
        let world = World::new();
        let attempt = make(&world, Surface::Mcp);
        let app = attempt.app.as_ref().unwrap_or(&world.app);
        let denial = denial(queued(app.enqueue(&attempt.who, attempt.ask, attempt.apply)));
        let about_a_role = matches!(code, ErrorCode::RoleRequired | ErrorCode::RoleForbidden | ErrorCode::RoleMismatch);
        assert_eq!(denial.shows_acting_as, about_a_role, "{name}");
    }
}

#[test]
fn the_only_role_is_offered_by_name_and_several_are_not() {
    for (roles, offered) in [("ARCHITECT", true), ("ARCHITECT,OPS", false)] {
        let world = World::new();
        let who = caller(Surface::Mcp, principal("agent:alice", PrincipalKind::Agent, roles));
        let denial = denial(world.apply(&who, "run_ok", ApplyRequest { actor_role: role("OWNER"), ..yes() }));
        assert_eq!(denial.code, ErrorCode::RoleMismatch);
        assert_eq!(denial.next_step.is_some_and(|step| step.contains("actor_role ARCHITECT")), offered, "{roles}");
    }
}

#[test]
fn a_long_allow_list_does_not_make_a_line_too_long() {
    let mut wide = policy(MutationGate::Open);
    wide.allowed_roles = (0..2000)
        .map(|n| cortexpilot_core::domain::principal::Role::parse(&format!("{n:064}")).expect("a role"))
        .collect();
    let world = World::new();
    let who = usual(Surface::Mcp);
    let answer = queued(world.process(wide).enqueue(&who, ask(Surface::Mcp, "run_ok"), yes()));
    assert_eq!(denial(answer).code, ErrorCode::RoleForbidden);
    let line = world.store.decisions().pop().expect("recorded");
    assert!(line.len() <= cortexpilot_core::domain::ledger::LINE_MAX, "{} bytes", line.len());
    assert!(
        world.decisions()[0].reason.as_ref().is_some_and(|reason| reason.ends_with('…')),
        "it shows that it was cut"
    );
}
