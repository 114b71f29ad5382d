//! Random sequences of calls to both MCP servers, in both eras of the protocol, by clients that answer every question yes,
//! throw in yeses that nobody asked for, and forge and replay the state of earlier rounds. Where people approve, none of it
//! puts an item into the queue; under `declared` only an apply with every gate open does.
//!
//! The servers live as long as a policy is tried, so each sequence meets what the ones before left behind.

use std::cell::RefCell;
use std::collections::BTreeSet;

use cortexpilot_runs::fixture::RunFixture;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::cast::{LOG, decisions, policy};
use super::forms::{ASKING, Forms, accept};
use crate::sound::assert_sound;
use crate::support::{GATE_OPEN, Home, STATELESS};

/// Sequences tried under each policy, and calls in the longest.
const SEQUENCES: u32 = 48;
const CALLS_MAX: usize = 24;

/// One thing that an agent does.
#[derive(Debug, Clone)]
enum Step {
    /// Looks at a run with a priority.
    Preview(&'static str, i64),
    /// Applies: the run, the priority, members that are put in (`null` takes one out), whether the token of the last preview
    /// of just this is sent along.
    Apply(&'static str, i64, Value, bool),
    /// Previews and applies, as it should be.
    Sound(&'static str, i64),
    /// The last apply once more, with members of a further round that nobody asked for.
    Forged(Value),
    /// An earlier round once more: its state with its own call, or with the last apply.
    Replayed(usize, bool),
    /// A yes to a question with this id.
    Unasked(Value),
    /// A tool that the pilot does not have.
    Invented(&'static str),
    /// A call to the read-only server.
    ReadOnly(&'static str, Value),
}

fn run() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["run_a", "run_a", "run_b", "run_b", "run_waits", "run_missing", "../run_a"][..])
}

/// Few enough that the same is asked for twice, many enough that new things are.
fn priority() -> impl Strategy<Value = i64> {
    -40..40_i64
}

fn change() -> impl Strategy<Value = Value> {
    let changes = [
        json!({}),
        json!({}),
        json!({}),
        json!({"actor_role": "OWNER"}),
        json!({"actor_role": "ARCHITECT"}),
        json!({"actor_role": "VIEWER"}),
        json!({"actor_role": null}),
        json!({"confirm": false}),
        json!({"confirm": null}),
        json!({"confirm": "true"}),
        json!({"requested_by": "operator:bob"}),
        json!({"requested_by": null}),
        json!({"approval_reason": " "}),
        json!({"approval_reason": "approved by operator:bob (OWNER)"}),
        json!({"scheduled_at": "2030-01-01T00:00:00Z"}),
        json!({"idempotency_key": "one key for all"}),
        json!({"preview_token": "A".repeat(64)}),
        json!({"confirm_run_id": "run_a"}),
        json!({"typed_run_id": "run_a"}),
        json!({"approvals": ["operator:bob (OWNER)", "operator:eve (OWNER)"]}),
        json!({"approval_policy": "declared"}),
        json!({"allow_duplicate": true}),
    ];
    proptest::sample::select(changes.to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    let responses = json!({"is_this_your_request": accept()});
    let forged = [
        json!({"requestState": "A".repeat(54), "inputResponses": responses}),
        json!({"requestState": "", "inputResponses": responses}),
        json!({"inputResponses": responses}),
        json!({"inputResponses": {"approve": accept(), "confirm": accept()}}),
        json!({"requestState": "A".repeat(54)}),
    ];
    let ids = [json!(1), json!(2), json!(3), json!(7), json!(0), json!("elicitation-1"), json!(null)];
    let invented = ["approve", "approve_request", "gate_unfreeze", "gate_policy_set", "token_create", "queue_cancel"];
    let readonly = [
        ("enqueue_from_run", sound("run_a", 1)),
        ("preview_enqueue_from_run", json!({"run_id": "run_a"})),
        ("list_queue", json!({})),
        ("get_pending_approvals", json!({})),
        ("get_run", json!({"run_id": "run_a"})),
    ];
    prop_oneof![
        2 => (run(), priority()).prop_map(|(run, priority)| Step::Preview(run, priority)),
        4 => (run(), priority(), change(), any::<bool>())
            .prop_map(|(run, priority, change, token)| Step::Apply(run, priority, change, token)),
        4 => (run(), priority()).prop_map(|(run, priority)| Step::Sound(run, priority)),
        2 => proptest::sample::select(forged.to_vec()).prop_map(Step::Forged),
        2 => (any::<proptest::sample::Index>(), any::<bool>())
            .prop_map(|(which, own)| Step::Replayed(which.index(1_000), own)),
        2 => proptest::sample::select(ids.to_vec()).prop_map(Step::Unasked),
        1 => proptest::sample::select(invented.to_vec()).prop_map(Step::Invented),
        1 => proptest::sample::select(readonly.to_vec()).prop_map(|(tool, arguments)| Step::ReadOnly(tool, arguments)),
    ]
}

fn sound(run: &str, priority: i64) -> Value {
    json!({
        "run_id": run, "priority": priority, "actor_role": "OPS", "requested_by": "Zoë",
        "approval_reason": "the fix is in", "confirm": true,
    })
}

fn changed(run: &str, priority: i64, change: &Value) -> Value {
    let mut arguments = sound(run, priority);
    for (member, value) in change.as_object().into_iter().flatten() {
        if value.is_null() {
            arguments.as_object_mut().expect("arguments are an object").remove(member);
        } else {
            arguments[member.as_str()] = value.clone();
        }
    }
    arguments
}

/// What was previewed: run, priority and schedule.
type Shown = (String, i64, String);

fn parameters(arguments: &Value) -> Shown {
    let text = |member: &str| arguments[member].as_str().unwrap_or_default().to_owned();
    (text("run_id"), arguments["priority"].as_i64().unwrap_or_default(), text("scheduled_at"))
}

/// The servers of one policy, and what its agents have seen.
struct World {
    home: Home,
    pilots: Vec<Forms>,
    readers: Vec<Forms>,
    /// What each pilot process has shown.
    shown: Vec<BTreeSet<Shown>>,
    /// The tokens of all previews, which any of the processes takes: they act as the same principal.
    tokens: Vec<(Shown, String)>,
    last: Value,
    calls: usize,
    waiting: usize,
    fresh: usize,
}

impl World {
    fn under(word: &'static str) -> Self {
        let home = Home::in_memory();
        home.run(&RunFixture::new("run_a"));
        home.run(&RunFixture::new("run_b"));
        home.run(&RunFixture::new("run_waits").event("HUMAN_APPROVAL_REQUIRED", json!({"reason": ["look"]})));
        // Nothing here may end at a limit: what stops these agents must be the people who are asked.
        let environment = [
            GATE_OPEN,
            LOG,
            policy(word),
            ("CORTEXPILOT_PRINCIPAL_ROLES", "OPS,OWNER"),
            ("CORTEXPILOT_AGENT_PENDING_MAX", "0"),
            ("CORTEXPILOT_AGENT_APPLIES_PER_HOUR", "0"),
        ];
        let open = |server| ASKING.iter().map(|version| Forms::open(&home, server, version, &environment)).collect();
        let (pilots, readers) = (open("mcp-queue-pilot-server"), open("mcp-readonly-server"));
        Self {
            home,
            pilots,
            readers,
            shown: vec![BTreeSet::new(); ASKING.len()],
            tokens: Vec::new(),
            last: sound("run_a", 0),
            calls: 0,
            waiting: 0,
            fresh: 0,
        }
    }

    /// Takes one step on the connection of this number.
    fn take(&mut self, at: usize, step: &Step) {
        match step {
            Step::Preview(run, priority) => self.preview(at, run, *priority),
            Step::Apply(run, priority, change, with_token) => {
                self.last = changed(run, *priority, change);
                let shown = parameters(&self.last);
                let token = self.tokens.iter().rev().find(|(known, _)| *known == shown);
                if let (true, Some((_, token))) = (*with_token, token) {
                    self.last["preview_token"] = token.clone().into();
                }
                self.apply(at, &json!({}));
            }
            Step::Sound(run, priority) => {
                self.preview(at, run, *priority);
                self.last = sound(run, *priority);
                self.apply(at, &json!({}));
            }
            Step::Forged(members) => self.apply(at, members),
            Step::Replayed(which, own) => {
                let Some(round) = self.pilots[at].rounds.iter().rev().cycle().nth(*which).cloned() else { return };
                let again = json!({"requestState": round.state, "inputResponses": {round.key: accept()}});
                if *own {
                    assert_eq!(round.tool, "enqueue_from_run");
                    self.last = round.arguments;
                }
                self.apply(at, &again);
            }
            Step::Unasked(id) => {
                self.pilots[at].throw(&json!({"jsonrpc": "2.0", "id": id, "result": accept()}));
            }
            Step::Invented(tool) => {
                let answer = self.pilots[at].call(tool, &json!({"id": "apr_", "confirm": true}), &json!({}));
                assert_eq!(answer["error"]["code"], -32602, "{answer}");
            }
            Step::ReadOnly(tool, arguments) => {
                self.readers[at].call(tool, arguments, &json!({"inputResponses": {"x": accept()}}));
                assert_eq!(self.readers[at].asked, 0, "the read-only server asks nothing");
            }
        }
        self.calls += 1;
    }

    fn preview(&mut self, at: usize, run: &str, priority: i64) {
        let arguments = json!({"run_id": run, "priority": priority});
        let answer = self.pilots[at].call("preview_enqueue_from_run", &arguments, &json!({}));
        let answer = &answer["result"]["structuredContent"];
        if let Some(token) = answer["preview_token"].as_str() {
            self.shown[at].insert(parameters(&arguments));
            self.tokens.push((parameters(&arguments), token.to_owned()));
        }
    }

    /// Sends the last apply, with these members beside its arguments, and judges the answer.
    fn apply(&mut self, at: usize, beside: &Value) {
        let arguments = self.last.clone();
        let before = self.home.queue();
        let answer = self.pilots[at].call("enqueue_from_run", &arguments, beside);
        let said = &answer["result"]["structuredContent"];
        let appended = self.home.queue().since(&before).events();
        let fresh = said["status"] == "PENDING" && said["already_applied"] == false;
        assert_eq!(appended.len(), usize::from(fresh), "{answer}: {appended:?}");
        self.waiting += usize::from(said["status"] == "PENDING_APPROVAL");
        if fresh {
            self.fresh += 1;
            let has_token = self.tokens.iter().any(|(_, token)| arguments["preview_token"] == **token);
            assert!(is_whole(&arguments), "queued although a gate was shut: {arguments}");
            assert!(has_token || self.shown[at].contains(&parameters(&arguments)), "queued unseen: {arguments}");
        }
    }

    /// Ends all servers, which must end well, and gives the home.
    fn end(self) -> Home {
        self.pilots.into_iter().chain(self.readers).for_each(Forms::finish);
        assert_sound(&self.home);
        self.home
    }
}

/// Whether every gate that rests on what is sent is open for these arguments, the preview left aside.
fn is_whole(arguments: &Value) -> bool {
    const KNOWN: [&str; 10] = [
        "run_id",
        "priority",
        "scheduled_at",
        "deadline_at",
        "actor_role",
        "requested_by",
        "approval_reason",
        "confirm",
        "preview_token",
        "idempotency_key",
    ];
    let given = |member: &str| arguments[member].as_str().is_some_and(|text| !text.trim().is_empty());
    arguments.as_object().is_some_and(|members| members.keys().all(|member| KNOWN.contains(&member.as_str())))
        && arguments["confirm"] == true
        && ["OPS", "OWNER"].iter().any(|role| arguments["actor_role"] == *role)
        && ["run_a", "run_b"].iter().any(|run| arguments["run_id"] == *run)
        && given("requested_by")
        && given("approval_reason")
}

/// Plays random sequences under a policy; after each, `holds` judges what is there.
fn play(word: &'static str, holds: fn(&World)) -> World {
    let world = RefCell::new(World::under(word));
    let sequence = prop::collection::vec((0..ASKING.len(), step()), 1..CALLS_MAX);
    // The servers remember what a failed sequence did, so a smaller one would be judged by what it did not do.
    let config = Config { cases: SEQUENCES, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let played = TestRunner::new(config).run(&sequence, |steps| {
        let mut world = world.borrow_mut();
        for (at, step) in &steps {
            world.take(*at, step);
        }
        holds(&world);
        Ok(())
    });
    played.unwrap_or_else(|error| panic!("under {word}: {error}"));
    world.into_inner()
}

fn nothing_is_queued_or_decided(world: &World) {
    assert_eq!(world.home.queue().lines(), Vec::<String>::new());
    for decided in ["APPROVED", "REJECTED", "POLICY_SET", "POLICY_PROPOSED", "FROZEN", "UNFROZEN", "TOKEN_CREATED"] {
        assert_eq!(decisions(&world.home, decided), Vec::<Value>::new());
    }
}

/// Plays under a policy where people approve; gives the figure.
fn no_sequence_queues_anything_under(word: &'static str) -> String {
    let world = play(word, nothing_is_queued_or_decided);
    // None of it was for want of trying: people were asked, and every way of asking a client was met with a yes.
    let (calls, waiting) = (world.calls, world.waiting);
    let asked: Vec<usize> = world.pilots.iter().map(|pilot| pilot.asked).collect();
    assert!(asked.iter().all(|asked| *asked > 0), "{asked:?}");
    let home = world.end();
    let (requests, yeses) = (decisions(&home, "APPROVAL_REQUESTED").len(), decisions(&home, "ELICITED").len());
    assert!(waiting >= requests && requests > 0 && yeses > 0, "{waiting} {requests} {yeses}");
    format!(
        "{word}: {SEQUENCES} sequences, {calls} steps in {} protocol versions, {waiting} applies that wait for people, \
         {} questions answered yes ({yeses} kept as evidence), 0 items",
        ASKING.len(),
        asked.iter().sum::<usize>(),
    )
}

#[test]
fn no_sequence_of_mcp_calls_and_yeses_queues_anything_under_operator() {
    println!("figure: {}", no_sequence_queues_anything_under("operator"));
}

#[test]
fn no_sequence_of_mcp_calls_and_yeses_queues_anything_under_two_person() {
    println!("figure: {}", no_sequence_queues_anything_under("two-person"));
}

#[test]
fn under_declared_only_an_apply_with_every_gate_open_queues_and_nobody_is_asked() {
    let world = play("declared", |world| assert_eq!(world.home.queue().lines().len(), world.fresh));
    let (calls, fresh) = (world.calls, world.fresh);
    assert!(fresh > 0, "not one of {calls} steps queued anything");
    assert_eq!((world.waiting, world.pilots.iter().map(|pilot| pilot.asked).sum::<usize>()), (0, 0));
    let home = world.end();
    assert_eq!(decisions(&home, "ELICITED"), Vec::<Value>::new());
    println!("figure: declared: {SEQUENCES} sequences, {calls} steps, {fresh} items, each with every gate open");
}

/// The random sequences seldom do all of this in a row, so it is done once by hand: a yes before the question, the state of
/// another request, the state twice, a state with one character changed, each with its call and with another.
#[test]
fn forged_and_replayed_rounds_and_early_answers_are_worth_nothing() {
    for word in ["operator", "two-person"] {
        let home = Home::new();
        home.run(&RunFixture::new("run_a"));
        home.run(&RunFixture::new("run_b"));
        let environment = [GATE_OPEN, LOG, policy(word)];
        let mut pushed = Forms::open(&home, "mcp-queue-pilot-server", "2025-11-25", &environment);
        for id in 0..20 {
            pushed.throw(&json!({"jsonrpc": "2.0", "id": id, "result": accept()}));
            pushed.throw(&json!({"jsonrpc": "2.0", "id": id.to_string(), "result": accept()}));
        }
        let mut rounds = Forms::open(&home, "mcp-queue-pilot-server", STATELESS, &environment);
        for (priority, run) in [(0, "run_a"), (1, "run_a"), (2, "run_b")] {
            let pilot = if priority == 0 { &mut pushed } else { &mut rounds };
            pilot.call("preview_enqueue_from_run", &json!({"run_id": run, "priority": priority}), &json!({}));
            let answer = pilot.call("enqueue_from_run", &sound(run, priority), &json!({}));
            assert_eq!(answer["result"]["structuredContent"]["status"], "PENDING_APPROVAL", "{answer}");
        }
        assert_eq!((pushed.asked, rounds.asked), (1, 2));
        let yeses = decisions(&home, "ELICITED").len();
        assert_eq!(yeses, 3);
        let [first, second] = &rounds.rounds.clone()[..] else { panic!("two rounds: {:?}", rounds.rounds) };
        let mut states = vec![first.state.clone(), second.state.clone()];
        let state = first.state.as_str().unwrap();
        for at in [0, 12, 20, state.len() - 1] {
            let mut bytes = state.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            states.push(String::from_utf8(bytes).unwrap().into());
        }
        states.extend([json!(""), json!(null), json!(5), json!({"approved": true}), json!("A".repeat(100_000))]);
        for state in &states {
            for round in [first, second] {
                let beside = json!({"requestState": state, "inputResponses": {round.key.as_str(): accept()}});
                let answer = rounds.call(&round.tool, &round.arguments, &beside);
                let said = &answer["result"]["structuredContent"];
                // A state that is no text is no request of this protocol at all.
                assert!(said["status"] == "PENDING_APPROVAL" || answer["error"].is_object(), "{state}: {answer}");
            }
        }
        assert_eq!(decisions(&home, "ELICITED").len(), yeses, "a used state brought another answer");
        assert_eq!(home.queue().lines(), Vec::<String>::new());
        pushed.finish();
        rounds.finish();
    }
}
