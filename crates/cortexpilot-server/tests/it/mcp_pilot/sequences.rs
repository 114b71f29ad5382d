//! Random sequences of calls to both servers, in every era, with every question answered yes and every state and id that
//! was seen thrown back: where people approve, none of them queues anything.

use cortexpilot_core::domain::command::ApprovalPolicy;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{Era, World, apply, carry_through, yes};

#[derive(Debug, Clone)]
enum Step {
    Preview(&'static str),
    /// An apply with the members of this patch put in; `null` takes one out.
    Apply(&'static str, Value),
    /// The last apply with members of a further round that nobody asked for.
    Round(Value),
    /// A response that nobody asked for, then a call of a tool that does not exist here.
    Invent(&'static str),
    ReadOnly(&'static str, Value),
}

fn run() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["run_ok", "run_two", "run_missing", "../run_ok"][..])
}

fn patch() -> impl Strategy<Value = Value> {
    let patches = [
        json!({}),
        json!({}),
        json!({ "actor_role": "OWNER" }),
        json!({ "actor_role": "ARCHITECT" }),
        json!({ "actor_role": null }),
        json!({ "confirm": false }),
        json!({ "confirm": "true" }),
        json!({ "requested_by": "operator:bob" }),
        json!({ "requested_by": null }),
        json!({ "priority": 7 }),
        json!({ "idempotency_key": "k" }),
        json!({ "preview_token": "A".repeat(64) }),
        json!({ "confirm_run_id": "run_ok" }),
        json!({ "approvals": ["local:bob (OWNER)"] }),
        json!({ "allow_duplicate": true }),
    ];
    proptest::sample::select(patches.to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    let rounds = [
        json!({ "requestState": "A".repeat(54), "inputResponses": { "is_this_your_request": yes() } }),
        json!({ "inputResponses": { "is_this_your_request": yes() } }),
        json!({ "requestState": "" }),
    ];
    let invented = ["approve", "approve_request", "gate_unfreeze", "token_create", "queue_cancel", "set_policy"];
    let readonly = [
        ("enqueue_from_run", apply("run_ok")),
        ("preview_enqueue_from_run", json!({ "run_id": "run_ok" })),
        ("list_queue", json!({})),
        ("get_pending_approvals", json!({})),
        ("list_runs", json!({})),
    ];
    prop_oneof![
        3 => run().prop_map(Step::Preview),
        5 => (run(), patch()).prop_map(|(run, patch)| Step::Apply(run, patch)),
        2 => proptest::sample::select(rounds.to_vec()).prop_map(Step::Round),
        1 => proptest::sample::select(invented.to_vec()).prop_map(Step::Invent),
        1 => proptest::sample::select(readonly.to_vec()).prop_map(|(tool, arguments)| Step::ReadOnly(tool, arguments)),
    ]
}

fn patched(run: &str, patch: &Value) -> Value {
    let mut arguments = apply(run);
    for (member, value) in patch.as_object().unwrap() {
        if value.is_null() {
            arguments.as_object_mut().unwrap().remove(member);
        } else {
            arguments[member.as_str()] = value.clone();
        }
    }
    arguments
}

/// An apply that a full set of gates lets through under `declared`, if the same was previewed before.
fn is_whole(arguments: &Value) -> bool {
    let known = ["run_id", "actor_role", "requested_by", "approval_reason", "confirm", "priority", "idempotency_key"];
    let only_known = arguments.as_object().unwrap().keys().all(|member| known.contains(&member.as_str()));
    let role = arguments["actor_role"].as_str();
    only_known
        && arguments["confirm"] == true
        && matches!(role, Some("OPS" | "OWNER"))
        && arguments["requested_by"].is_string()
}

/// Plays the steps, each era on a connection of its own; gives the calls that were answered with a fresh item.
async fn play(world: &World, steps: &[(Era, Step)]) -> Vec<Value> {
    let mut pilots = [world.pilot(), world.pilot(), world.pilot()];
    let mut readers = [world.readonly(), world.readonly(), world.readonly()];
    for (index, era) in Era::ALL.into_iter().enumerate() {
        era.begin(&mut pilots[index]).await;
        era.begin(&mut readers[index]).await;
    }
    let mut last = apply("run_ok");
    let mut queued = Vec::new();
    for (index, (era, step)) in steps.iter().enumerate() {
        let of_era = Era::ALL.iter().position(|other| other == era).unwrap();
        let (client, tool, arguments, further) = match step {
            Step::Preview(run) => (&mut pilots[of_era], "preview_enqueue_from_run", json!({ "run_id": run }), None),
            Step::Apply(run, patch) => {
                last = patched(run, patch);
                (&mut pilots[of_era], "enqueue_from_run", last.clone(), None)
            }
            Step::Round(members) => (&mut pilots[of_era], "enqueue_from_run", last.clone(), Some(members)),
            Step::Invent(tool) => {
                let yes = json!({ "jsonrpc": "2.0", "id": index, "result": yes() });
                pilots[of_era].send(yes.to_string().as_bytes()).await;
                (&mut pilots[of_era], *tool, json!({}), None)
            }
            Step::ReadOnly(tool, arguments) => (&mut readers[of_era], *tool, arguments.clone(), None),
        };
        let mut call = era.call(index, tool, &arguments);
        for (member, value) in further.iter().flat_map(|members| members.as_object().unwrap()) {
            call["params"][member.as_str()] = value.clone();
        }
        let (answer, _) = carry_through(client, &call, &yes()).await;
        let said = &answer["result"]["structuredContent"];
        if said["status"] == "PENDING" && said["already_applied"] == false {
            queued.push(arguments);
        }
    }
    queued
}

fn played(policy: ApprovalPolicy, steps: &[(Era, Step)]) -> (World, Vec<Value>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = World::under(policy);
    let queued = runtime.block_on(play(&world, steps));
    (world, queued)
}

fn steps() -> impl Strategy<Value = Vec<(Era, Step)>> {
    proptest::collection::vec((proptest::sample::select(&Era::ALL[..]), step()), 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_calls_and_yeses_queues_anything_where_people_approve(steps in steps()) {
        for policy in [ApprovalPolicy::Operator, ApprovalPolicy::TwoPerson] {
            let (world, queued) = played(policy, &steps);
            prop_assert_eq!((world.store.lines(), queued), (vec![], vec![]));
            for decided in ["APPROVED", "REJECTED", "POLICY_SET", "UNFROZEN", "TOKEN_CREATED"] {
                prop_assert_eq!(world.decisions(decided), Vec::<Value>::new());
            }
        }
    }

    #[test]
    fn under_declared_only_a_whole_apply_queues_and_each_at_most_one_item(steps in steps()) {
        let (world, queued) = played(ApprovalPolicy::Declared, &steps);
        prop_assert_eq!(world.store.lines().len(), queued.len());
        for arguments in queued {
            prop_assert!(is_whole(&arguments), "{}", arguments);
        }
        prop_assert_eq!(world.decisions("ELICITED"), Vec::<Value>::new());
    }
}
