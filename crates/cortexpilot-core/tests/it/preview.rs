//! The preview: what its digest covers, what its gates say, and how long one is remembered.

use cortexpilot_core::app::preview::{Preview, WARNINGS};
use cortexpilot_core::app::{App, ApplyRequest};
use cortexpilot_core::domain::command::{MutationGate, Parameters};
use cortexpilot_core::domain::gate::{Answer, GateId};
use cortexpilot_core::domain::id::{QueueItemId, RunId, Sha256Digest};
use cortexpilot_core::domain::preview::{Basis, Derived};
use cortexpilot_core::domain::principal::{PrincipalKind, Surface};
use cortexpilot_core::domain::run::{ContractEvidence, RunProblem};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::Store;
use cortexpilot_core::port::fake::run_facts;
use std::sync::Arc;

use proptest::prelude::*;

use crate::support::{World, ask, caller, denial, now, policy, principal, queued, schedule, seconds, usual, yes};

fn basis() -> Basis {
    Basis {
        derived: Derived {
            task_id: "task \"ü\"\u{1}".into(),
            owner: "agent-1".into(),
            workflow_id: String::new(),
            contract_path: "/srv/runs/run_ok/contract.json".into(),
            source_run_id: "run_ok".into(),
            priority: -7,
            scheduled_at: Some("2030-01-01T02:00:00+02:00".into()),
            deadline_at: None,
        },
        contract_sha256: Sha256Digest::of(b"{}"),
        awaits_approval: false,
        pending: vec![QueueItemId::from_bytes([1; 16]), QueueItemId::from_bytes([2; 16])],
        approval_policy: "declared",
        allowed_roles: vec!["ARCHITECT".into(), "OPS".into()],
    }
}

#[test]
fn the_digest_is_the_sha_256_of_the_rfc_8785_form() {
    // Members sorted by name, no white space, UTF-8 as it is, control characters as \u00xx.
    let form = concat!(
        r#"{"allowed_roles":["ARCHITECT","OPS"],"approval_policy":"declared","awaits_approval":false,"#,
        r#""contract_path":"/srv/runs/run_ok/contract.json","#,
        r#""contract_sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","#,
        r#""deadline_at":null,"owner":"agent-1","#,
        r#""pending_matches":["01010101010101010101010101010101","02020202020202020202020202020202"],"#,
        r#""priority":-7,"scheduled_at":"2030-01-01T02:00:00+02:00","source_run_id":"run_ok","#,
        r#""task_id":"task \"ü\"\u0001","workflow_id":""}"#,
    );
    assert_eq!(basis().digest(), Sha256Digest::of(form.as_bytes()));
}

proptest! {
    #[test]
    fn a_general_canonicaliser_writes_the_same_form(texts in prop::collection::vec(any::<String>(), 8), yes: bool, priority in -100..=100_i64) {
        let mut basis = basis();
        let member = |at: usize| texts[at].clone();
        (basis.derived.task_id, basis.derived.owner, basis.derived.workflow_id) = (member(0), member(1), member(2));
        (basis.derived.contract_path, basis.derived.source_run_id) = (member(3), member(4));
        (basis.derived.priority, basis.awaits_approval) = (priority, yes);
        basis.derived.scheduled_at = yes.then(|| member(5));
        basis.derived.deadline_at = (!yes).then(|| member(6));
        basis.allowed_roles.push(member(7));
        let form = basis.canonical();
        let value: serde_json::Value = serde_json::from_slice(&form).expect("JSON");
        prop_assert_eq!(value.as_object().expect("an object").len(), 13);
        prop_assert_eq!(form, serde_json_canonicalizer::to_vec(&value).expect("a canonical form"));
    }
}

#[test]
fn every_member_of_the_basis_changes_the_digest_and_is_named() {
    type Change = fn(&mut Basis);
    let changes: [(&str, Change); 13] = [
        ("task_id", |b| b.derived.task_id.push('x')),
        ("owner", |b| b.derived.owner.push('x')),
        ("workflow_id", |b| b.derived.workflow_id.push('x')),
        ("contract_path", |b| b.derived.contract_path.push('x')),
        ("source_run_id", |b| b.derived.source_run_id.push('x')),
        ("priority", |b| b.derived.priority = 0),
        ("scheduled_at", |b| b.derived.scheduled_at = None),
        ("deadline_at", |b| b.derived.deadline_at = Some("2030-01-01T00:00:00Z".into())),
        ("contract_sha256", |b| b.contract_sha256 = Sha256Digest::of(b"[]")),
        ("awaits_approval", |b| b.awaits_approval = true),
        ("pending_matches", |b| {
            b.pending.pop();
        }),
        ("approval_policy", |b| b.approval_policy = "operator"),
        ("allowed_roles", |b| b.allowed_roles.push("OWNER".into())),
    ];
    let mut digests = vec![basis().digest()];
    for (field, change) in changes {
        let mut changed = basis();
        change(&mut changed);
        assert_eq!(changed.changes_from(&basis()).iter().map(|change| change.field).collect::<Vec<_>>(), [field]);
        digests.push(changed.digest());
    }
    let different: std::collections::BTreeSet<_> = digests.iter().collect();
    assert_eq!(different.len(), digests.len(), "no two of them are equal");
    assert!(basis().changes_from(&basis()).is_empty());
    let mut crowded = basis();
    crowded.pending = (0..=255).map(|number| QueueItemId::from_bytes([number; 16])).collect();
    let told = &crowded.changes_from(&basis())[0].now;
    assert!(told.chars().count() <= 401 && told.ends_with('…'), "{told}");
}

#[test]
fn the_digest_knows_no_clock_and_no_identifier() {
    let world = World::new();
    let first = world.preview(&usual(Surface::Mcp), "run_ok");
    world.clock.advance(seconds(600));
    let other = caller(Surface::Cli, principal("token:other", PrincipalKind::Operator, "OWNER"));
    let second = world.preview(&other, "run_ok");
    assert_eq!(first.digest, second.digest, "the same request about the same run");
    assert_ne!(first.token, second.token, "but each preview has its own token");
    assert_ne!(first.seen.nonce, second.seen.nonce);
}

#[test]
fn the_digest_does_not_depend_on_the_order_of_the_pending_items() {
    let world = World::new();
    let who = usual(Surface::Cli);
    for priority in 0..6 {
        let mut request = ask(Surface::Cli, "run_ok");
        request.parameters.priority = priority;
        let token = now(world.app.preview(&who, request.clone())).expect("a preview").token;
        let apply = ApplyRequest { preview_token: Some(token), ..yes() };
        queued(world.app.enqueue(&who, request, apply)).expect("another priority is another item");
    }
    let preview = world.preview(&who, "run_ok");
    let in_order: Vec<&QueueItemId> = preview.pending.iter().map(|item| item.queue_id()).collect();
    assert!(!in_order.is_sorted(), "their ids are no counters");
    assert!(preview.basis.pending.is_sorted());
    assert_eq!(preview.basis.pending.len(), 6);
}

#[test]
fn a_token_is_short_and_absent_without_a_key() {
    let world = World::new();
    let who = usual(Surface::Mcp);
    let token = world.preview(&who, "run_ok").token;
    assert!(!token.is_empty() && token.len() <= 64, "{token}");
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{token}");
    let keyless = keyless(&world);
    let preview = now(keyless.preview(&who, ask(Surface::Mcp, "run_ok"))).expect("a preview");
    assert_eq!(preview.token, "");
    assert!(preview.warnings.iter().any(|warning| warning.code == "PREVIEW_NOT_SEALED"));
    let apply = ApplyRequest { preview_token: Some(token), ..yes() };
    let answer = queued(keyless.enqueue(&who, ask(Surface::Mcp, "run_ok"), apply));
    assert_eq!(denial(answer).code, ErrorCode::PreviewRequired, "it can check no token");
    queued(keyless.enqueue(&who, ask(Surface::Mcp, "run_ok"), yes())).expect("what it showed itself it remembers");
}

fn keyless(world: &World) -> App {
    let store: Arc<dyn Store> = world.store.clone();
    App::new(store, world.runs.clone(), world.clock.clone(), world.ids.clone(), policy(MutationGate::Open), None)
}

fn shown(preview: &Preview) -> Vec<(u8, Option<bool>)> {
    let open = |answer: &Answer| match answer {
        Answer::Open => Some(true),
        Answer::Shut(_) => Some(false),
        Answer::Pending => None,
    };
    preview.checks.iter().map(|check| (check.gate.row().number, open(&check.answer))).collect()
}

#[test]
fn a_preview_shows_all_nine_gates_and_leaves_three_to_the_apply() {
    let world = World::new();
    for surface in Surface::ALL {
        let preview = world.preview(&usual(surface), "run_ok");
        let unknown: Vec<u8> =
            shown(&preview).into_iter().filter(|(_, open)| open.is_none()).map(|(gate, _)| gate).collect();
        assert_eq!(unknown, [3, 5, 7]);
        assert_eq!(shown(&preview).len(), 9);
        assert!(preview.can_apply);
    }
    for gate in GateId::ALL {
        assert_eq!(gate.row().apply_only, matches!(gate.row().number, 3 | 5 | 7));
    }
}

#[test]
fn what_a_preview_shows_shut_is_what_the_apply_is_refused_with() {
    type Change = fn(&World);
    type Shut = Option<(u8, ErrorCode)>;
    let rows: [(Shut, MutationGate, &str, Change); 6] = [
        (None, MutationGate::Open, "OPS", |_| {}),
        (Some((2, ErrorCode::MutationGateClosed)), MutationGate::Shut, "OPS", |_| {}),
        (Some((4, ErrorCode::RoleForbidden)), MutationGate::Open, "INTERN", |_| {}),
        (Some((6, ErrorCode::ContractAltered)), MutationGate::Open, "OPS", |w| {
            let mut facts = run_facts("run_ok");
            facts.evidence = ContractEvidence::Altered;
            w.runs.set(facts);
        }),
        (Some((6, ErrorCode::RunAwaitingApproval)), MutationGate::Open, "OPS", |w| {
            let mut facts = run_facts("run_ok");
            facts.awaits_approval = true;
            w.runs.set(facts);
        }),
        (Some((6, ErrorCode::RunUnreadable)), MutationGate::Open, "OPS", |w| {
            let mut facts = run_facts("run_ok");
            facts.owner = "o".repeat(1025);
            w.runs.set(facts);
        }),
    ];
    for (shut, gate, roles, change) in rows {
        let world = World::new();
        change(&world);
        let app = world.process(policy(gate));
        let who = caller(Surface::Mcp, principal("agent:alice", PrincipalKind::Agent, roles));
        let preview = now(app.preview(&who, ask(Surface::Mcp, "run_ok"))).expect("a shut gate is shown, not an error");
        let got = preview.checks.iter().find_map(|check| match &check.answer {
            Answer::Shut(denial) => Some((check.gate.row().number, denial.clone())),
            Answer::Open | Answer::Pending => None,
        });
        assert_eq!(got.as_ref().map(|(number, denial)| (*number, denial.code)), shut);
        assert_eq!(preview.can_apply, shut.is_none());
        let apply = ApplyRequest { preview_token: Some(preview.token), ..yes() };
        let answer = queued(app.enqueue(&who, ask(Surface::Mcp, "run_ok"), apply));
        match got {
            Some((_, shown)) => assert_eq!(denial(answer), shown, "the same check gave both"),
            None => assert!(!answer.expect("every gate is open").already_applied),
        }
        assert!(!preview.next_step.contains("CORTEXPILOT"), "{}", preview.next_step);
    }
}

#[test]
fn what_cannot_be_derived_is_an_error_and_not_a_preview() {
    let world = World::new();
    world
        .runs
        .fail(&RunId::parse("run_torn").expect("a run id"), RunProblem::Unreadable("an event line is torn".into()));
    let rows = [
        ("run_gone", ErrorCode::RunNotFound),
        ("run_torn", ErrorCode::RunUnreadable),
        ("../run_ok", ErrorCode::RunIdInvalid),
        ("", ErrorCode::RunIdInvalid),
    ];
    for (run_id, code) in rows {
        let failure = now(world.app.preview(&usual(Surface::Mcp), ask(Surface::Mcp, run_id))).expect_err("no item");
        assert_eq!(failure.code(), code, "{run_id:?}");
    }
    assert!(world.store.decisions().is_empty(), "a preview writes nothing, not even its refusal");
}

#[test]
fn a_previews_next_step_names_no_variable_to_a_model_whatever_is_shut() {
    for code in ErrorCode::ALL {
        let step = code.next_step(Surface::Mcp);
        assert!(!step.contains("CORTEXPILOT") && !step.contains("export "), "{}: {step}", code.as_str());
    }
    let world = World::new();
    let off = world.process(policy(MutationGate::Shut));
    let step = |surface| now(off.preview(&usual(surface), ask(surface, "run_ok"))).expect("a preview").next_step;
    assert!(step(Surface::Mcp).starts_with("Tell the person"), "{}", step(Surface::Mcp));
    let (http, cli) = (step(Surface::Http), step(Surface::Cli));
    assert!(!http.contains("CORTEXPILOT") && http.contains("docs/runbooks/queue-pilot.md"), "{http}");
    assert!(cli.contains("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY=1"), "the operator at the machine is told: {cli}");
}

#[test]
fn warnings_say_what_whoever_agrees_should_know() {
    type Change = fn(&mut cortexpilot_core::domain::run::RunFacts, &mut Parameters);
    let rows: [(&str, Change); 7] = [
        ("", |_, _| {}),
        ("CONTRACT_UNVERIFIED", |run, _| run.evidence = ContractEvidence::Absent),
        ("RUN_STILL_RUNNING", |run, _| run.status = "running".into()),
        ("RUN_FAILED", |run, _| run.status = "FAILURE".into()),
        ("", |run, _| run.status = String::new()),
        ("DEADLINE_PASSED", |_, ask| ask.deadline = Some(schedule("2026-11-22T08:30:52Z"))),
        ("", |_, ask| ask.deadline = Some(schedule("2026-11-22T08:30:53Z"))),
    ];
    for (want, change) in rows {
        let world = World::new();
        let (mut facts, mut request) = (run_facts("run_ok"), ask(Surface::Cli, "run_ok"));
        change(&mut facts, &mut request.parameters);
        world.runs.set(facts);
        let preview = now(world.app.preview(&usual(Surface::Cli), request)).expect("a preview");
        let codes: Vec<&str> = preview.warnings.iter().map(|warning| warning.code).collect();
        let want: Vec<&str> = ["NO_HUMAN_APPROVAL", want].into_iter().filter(|code| !code.is_empty()).collect();
        assert_eq!(codes, want);
        assert!(preview.can_apply, "a warning shuts nothing");
        assert!(codes.iter().all(|code| WARNINGS.iter().any(|(known, _)| known == code)));
    }
}

#[test]
fn a_process_remembers_the_last_256_previews_it_showed() {
    let world = World::new();
    let who = usual(Surface::Mcp);
    let app = world.process(policy(MutationGate::Open));
    let look = |run_id: &str| {
        world.runs.set(run_facts(run_id));
        now(app.preview(&who, ask(Surface::Mcp, run_id))).expect("a preview").token
    };
    let apply = |run_id: &str, token: Option<String>| {
        queued(app.enqueue(&who, ask(Surface::Mcp, run_id), ApplyRequest { preview_token: token, ..yes() }))
    };
    let first = look("run_0");
    for number in 1..256 {
        look(&format!("run_{number}"));
    }
    apply("run_0", None).expect("the 256th before is still known");
    // Again, for applying changed nothing about what is remembered: one more, and the oldest is forgotten.
    look("run_256");
    assert_eq!(denial(apply("run_0", None)).code, ErrorCode::PreviewRequired, "without its token");
    assert!(apply("run_0", Some(first)).expect("with its token").already_applied);
    apply("run_1", None).expect("the next oldest is still known");
    apply("run_256", None).expect("and the newest");
}

#[test]
fn without_a_token_the_latest_preview_of_the_same_wish_counts() {
    let world = World::new();
    let who = usual(Surface::Mcp);
    let wish = |priority: i64| {
        let mut ask = ask(Surface::Mcp, "run_ok");
        ask.parameters.priority = priority;
        ask
    };
    let look = |priority: i64| now(world.app.preview(&who, wish(priority))).expect("a preview");
    let apply = |priority: i64| queued(world.app.enqueue(&who, wish(priority), yes()));
    look(0);
    look(50);
    let stale = denial(apply(7));
    assert_eq!(stale.code, ErrorCode::PreviewStale, "nobody was shown this");
    let changed = &stale.changed[0];
    assert_eq!((changed.field, changed.was.as_str(), changed.now.as_str()), ("priority", "50", "7"));
    let first = apply(0).expect("it was shown, though another wish was shown after it");
    look(50);
    let retry = apply(0).expect("a retry of what was applied, though another wish was shown since");
    assert!(retry.already_applied);
    assert_eq!(retry.item.queue_id(), first.item.queue_id());
    assert!(!apply(50).expect("the other wish").already_applied);
}
