//! One function judges all three surfaces; they differ only in how a role may be stated.

use cortexpilot_core::app::{ApplyRequest, RunRequest};
use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_core::domain::gate::{Answer, GateId};
use cortexpilot_core::domain::principal::{Caller, Principal, PrincipalKind, StatedRole, Surface};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::error::ErrorCode;

use crate::support::{World, ask, caller, denial, now, policy, principal, queued, usual, yes};

/// `actor_role`, role header, roles held; then what MCP, HTTP and the command line answer: the role that is acted in, or a
/// code.
const STATED: [(&str, &str, &str, [&str; 3]); 14] = [
    ("OPS", "", "OPS", ["OPS", "OPS", "OPS"]),
    (" ops ", "", "OPS,OWNER", ["OPS", "OPS", "OPS"]),
    ("", "", "OPS,OWNER", ["ROLE_REQUIRED", "ROLE_REQUIRED", "ROLE_REQUIRED"]),
    ("", "", "OPS", ["ROLE_REQUIRED", "OPS", "OPS"]),
    ("  ", "", "OPS", ["ROLE_REQUIRED", "OPS", "OPS"]),
    ("", "", "INTERN", ["ROLE_REQUIRED", "ROLE_FORBIDDEN", "ROLE_FORBIDDEN"]),
    ("", "", "", ["ROLE_REQUIRED", "ROLE_REQUIRED", "ROLE_REQUIRED"]),
    // The header stands for the argument over HTTP alone.
    ("", "OPS", "OPS,OWNER", ["ROLE_REQUIRED", "OPS", "ROLE_REQUIRED"]),
    ("", "OWNER", "OPS", ["ROLE_REQUIRED", "ROLE_MISMATCH", "OPS"]),
    ("OPS", "OPS", "OPS,OWNER", ["OPS", "OPS", "OPS"]),
    // Two that disagree are refused wherever they come from.
    ("OPS", "OWNER", "OPS,OWNER", ["ROLE_MISMATCH", "ROLE_MISMATCH", "ROLE_MISMATCH"]),
    ("OPS", "?", "OPS", ["ROLE_FORBIDDEN", "ROLE_FORBIDDEN", "ROLE_FORBIDDEN"]),
    ("?", "OPS", "OPS", ["ROLE_FORBIDDEN", "ROLE_FORBIDDEN", "ROLE_FORBIDDEN"]),
    ("INTERN", "", "INTERN,OPS", ["ROLE_FORBIDDEN", "ROLE_FORBIDDEN", "ROLE_FORBIDDEN"]),
];

#[test]
fn a_role_is_stated_in_its_place_and_both_places_agree() {
    for (actor_role, header, held, want) in STATED {
        for (surface, want) in Surface::ALL.into_iter().zip(want) {
            let world = World::new();
            let who = caller(surface, principal("token:tester", PrincipalKind::Operator, held));
            let token = world.process(policy(MutationGate::Open));
            let token =
                now(token
                    .preview(&caller(Surface::Cli, who.principal.clone().expect("one")), ask(Surface::Cli, "run_ok")));
            let request = RunRequest { header_role: StatedRole::read(Some(header)), ..ask(Surface::Cli, "run_ok") };
            let apply = ApplyRequest {
                actor_role: StatedRole::read(Some(actor_role)),
                preview_token: Some(token.expect("a preview").token),
                ..yes()
            };
            let got = match queued(world.app.enqueue(&who, request, apply)) {
                Ok(applied) => applied.item.enqueued.provenance.as_ref().expect("ours").actor_role.clone(),
                Err(failure) => failure.code().as_str().to_owned(),
            };
            assert_eq!(got, want, "{surface:?}: actor_role {actor_role:?}, header {header:?}, holds {held:?}");
        }
    }
}

#[test]
fn the_surfaces_make_the_same_item_but_for_their_name() {
    let items: Vec<QueueItem> = Surface::ALL
        .into_iter()
        .map(|surface| {
            let world = World::new();
            let who = caller(surface, principal("token:tester", PrincipalKind::Operator, "OPS"));
            world.enqueue(&who, "run_ok").item
        })
        .collect();
    let mut sources = Vec::new();
    for item in items.iter().cloned() {
        let mut provenance = item.enqueued.provenance.clone().expect("ours");
        sources.push(provenance.pilot_source.clone());
        provenance.pilot_source.clear();
        let mut same = (*item.enqueued).clone();
        same.provenance = Some(provenance);
        let mut first = (*items[0].enqueued).clone();
        first.provenance.as_mut().expect("ours").pilot_source.clear();
        assert_eq!(same, first);
    }
    assert_eq!(sources, ["mcp_queue_pilot_server", "http_control_plane", "cli"]);
}

/// Role header, roles held; then what a preview answers over HTTP, and whether the role's gate is open elsewhere.
const PREVIEWED: [(&str, &str, &str, bool); 6] = [
    ("OPS", "OPS,OWNER", "open", true),
    ("", "OPS,OWNER", "ROLE_REQUIRED", true),
    ("", "OPS", "open", true),
    ("OWNER", "OPS", "ROLE_MISMATCH", true),
    ("INTERN", "OPS,INTERN", "ROLE_FORBIDDEN", true),
    ("OPS", "INTERN", "ROLE_FORBIDDEN", false),
];

#[test]
fn http_needs_its_role_on_previews_and_the_others_only_hold_one() {
    for (header, held, over_http, holds) in PREVIEWED {
        let world = World::new();
        let look = |surface| {
            let who = caller(surface, principal("token:tester", PrincipalKind::Operator, held));
            let ask = RunRequest { header_role: StatedRole::read(Some(header)), ..ask(Surface::Cli, "run_ok") };
            now(world.app.preview(&who, ask))
        };
        let got = match look(Surface::Http) {
            Ok(preview) if preview.can_apply => "open",
            Ok(_) => "shut",
            Err(failure) => failure.code().as_str(),
        };
        assert_eq!(got, over_http, "header {header:?}, holds {held:?}");
        for surface in [Surface::Mcp, Surface::Cli] {
            assert_eq!(look(surface).expect("a shut gate is shown").can_apply, holds, "{surface:?}: holds {held:?}");
        }
        assert!(world.store.lines().is_empty() && world.store.decisions().is_empty(), "a preview writes nothing");
    }
}

#[test]
fn without_authentication_one_may_look_and_not_apply() {
    let world = World::new();
    let who = caller(Surface::Http, Principal::anonymous());
    for header in ["", "OPS"] {
        let ask = RunRequest { header_role: StatedRole::read(Some(header)), ..ask(Surface::Cli, "run_ok") };
        let preview = now(world.app.preview(&who, ask.clone())).expect("looking is free");
        assert!(!preview.can_apply);
        let role = preview.checks.iter().find(|check| check.gate == GateId::Role).expect("the role's gate");
        assert!(matches!(role.answer, Answer::Shut(_)));
        let apply = ApplyRequest { preview_token: Some(preview.token), ..yes() };
        let code = denial(queued(world.app.enqueue(&who, ask, apply))).code;
        assert_eq!(code, ErrorCode::RoleForbidden, "header {header:?}");
    }
    assert!(world.store.lines().is_empty());
}

#[test]
fn a_worker_sees_on_every_surface_that_it_may_not_queue() {
    for surface in Surface::ALL {
        let world = World::new();
        let who = caller(surface, principal("token:worker", PrincipalKind::Worker, "OPS"));
        let shown = match now(world.app.preview(&who, ask(surface, "run_ok"))) {
            Ok(preview) => preview.checks.iter().find_map(|check| match &check.answer {
                Answer::Shut(denial) => Some((check.gate, denial.code)),
                Answer::Open | Answer::Pending => None,
            }),
            Err(failure) => Some((GateId::Role, failure.code())),
        };
        assert_eq!(shown, Some((GateId::Role, ErrorCode::RoleForbidden)), "{surface:?}");
    }
}

#[test]
fn nobody_previews_without_a_principal() {
    let world = World::new();
    for surface in Surface::ALL {
        let who = Caller { principal: None, surface };
        let failure = now(world.app.preview(&who, ask(surface, "run_ok"))).expect_err("no principal");
        assert_eq!(failure.code(), ErrorCode::Unauthenticated);
    }
}

#[test]
fn an_agent_is_told_what_a_model_may_be_told_on_every_surface() {
    let world = World::new();
    let off = world.process(policy(MutationGate::Shut));
    for surface in Surface::ALL {
        for kind in [PrincipalKind::Agent, PrincipalKind::Operator] {
            let who = caller(surface, principal("token:tester", kind, "OPS"));
            let step = now(off.preview(&who, ask(surface, "run_ok"))).expect("a preview").next_step;
            let told = step.contains("CORTEXPILOT_");
            assert_eq!(
                told,
                kind == PrincipalKind::Operator && surface == Surface::Cli,
                "{surface:?} {kind:?}: {step}"
            );
        }
    }
}

#[test]
fn a_next_step_on_the_command_line_repeats_the_previews_parameters() {
    let world = World::new();
    let mut request = ask(Surface::Cli, "run_ok");
    request.parameters.priority = -7;
    request.parameters.scheduled = Some(crate::support::schedule("2030-01-01T00:00:00Z"));
    let step = now(world.app.preview(&usual(Surface::Cli), request)).expect("a preview").next_step;
    assert_eq!(
        step,
        "cortexpilot queue enqueue run_ok --priority -7 --scheduled-at 2030-01-01T00:00:00Z \
         --role ROLE --requested-by NAME --reason WHY --confirm"
    );
}
