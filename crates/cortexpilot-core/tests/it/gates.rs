//! The gates' precedence: every subset of the conditions, on every surface.

use std::collections::{BTreeSet, HashSet};

use cortexpilot_core::app::{App, Applied, ApplyRequest, Failure, RunRequest};
use cortexpilot_core::domain::command::{Limits, MutationGate, Parameters, Policy};
use cortexpilot_core::domain::gate::{DEPTH_MAX, GateId};
use cortexpilot_core::domain::id::{RunId, Sha256Digest};
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, StatedRole, Surface};
use cortexpilot_core::domain::run::ContractEvidence;
use cortexpilot_core::domain::text::{IdempotencyKey, Stated};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::fake::run_facts;
use jiff::SignedDuration;

use crate::support::{
    World, assert_tells_nothing, caller, denial, now, policy, principal, queued, role, seconds, usual, yes,
};

/// Something that must be so for an item to be queued, and the code that says it is not.
struct Condition {
    is: Is,
    name: &'static str,
    /// `None` stands between gates 5 and 6: the idempotency key was not used for something else.
    gate: Option<GateId>,
    code: ErrorCode,
}

const fn condition(is: Is, name: &'static str, gate: GateId, code: ErrorCode) -> Condition {
    Condition { is, name, gate: Some(gate), code }
}

/// The conditions by name; the n-th is bit n of a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Known,
    SwitchedOn,
    Confirmed,
    RoleStated,
    RoleAllowed,
    HoldsAllowed,
    RoleHeld,
    Named,
    PlainReason,
    KeyFree,
    RunExists,
    Unaltered,
    WaitsForNobody,
    Previewed,
    Alive,
    Unchanged,
    NoEqual,
    Shallow,
    Room,
    NotTooOften,
}

/// In order of precedence. Bit n of a mask says whether the n-th holds.
const CONDITIONS: [Condition; 20] = [
    condition(Is::Known, "the transport gave a principal", GateId::Authenticated, ErrorCode::Unauthenticated),
    condition(Is::SwitchedOn, "the switch is on", GateId::MutationGate, ErrorCode::MutationGateClosed),
    condition(Is::Confirmed, "confirm is true", GateId::Confirm, ErrorCode::ConfirmRequired),
    condition(Is::RoleStated, "a role is stated", GateId::Role, ErrorCode::RoleRequired),
    condition(Is::RoleAllowed, "the stated role is allowed", GateId::Role, ErrorCode::RoleForbidden),
    condition(Is::HoldsAllowed, "the principal holds an allowed role", GateId::Role, ErrorCode::RoleForbidden),
    condition(Is::RoleHeld, "the stated role is held", GateId::Role, ErrorCode::RoleMismatch),
    condition(Is::Named, "requested_by is given", GateId::Metadata, ErrorCode::MetadataRequired),
    condition(Is::PlainReason, "approval_reason is plain text", GateId::Metadata, ErrorCode::MetadataRejected),
    Condition { is: Is::KeyFree, name: "the key is free", gate: None, code: ErrorCode::IdempotencyConflict },
    condition(Is::RunExists, "the run exists", GateId::Run, ErrorCode::RunNotFound),
    condition(Is::Unaltered, "the task contract is unaltered", GateId::Run, ErrorCode::ContractAltered),
    condition(Is::WaitsForNobody, "the run waits for nobody", GateId::Run, ErrorCode::RunAwaitingApproval),
    condition(Is::Previewed, "the run was previewed", GateId::Preview, ErrorCode::PreviewRequired),
    condition(Is::Alive, "the preview has not expired", GateId::Preview, ErrorCode::PreviewExpired),
    condition(Is::Unchanged, "what was previewed is what is asked", GateId::Preview, ErrorCode::PreviewStale),
    condition(Is::NoEqual, "no equal item waits", GateId::Preview, ErrorCode::AlreadyPending),
    condition(Is::Shallow, "the run is not too many items deep", GateId::Limits, ErrorCode::LineageLimit),
    condition(Is::Room, "fewer items are pending than may be", GateId::Limits, ErrorCode::PendingLimit),
    condition(Is::NotTooOften, "fewer were queued within the hour than may be", GateId::Limits, ErrorCode::RateLimited),
];

const ALL: u32 = (1 << CONDITIONS.len()) - 1;

fn holds(mask: u32, is: Is) -> bool {
    mask & bit(is) != 0
}

fn bit(is: Is) -> u32 {
    1 << is as u32
}

/// An item of a run that is too deep was never let into the queue: no equal one can wait.
fn possible(mask: u32) -> bool {
    holds(mask, Is::NoEqual) || holds(mask, Is::Shallow)
}

/// The code that precedence demands.
fn demanded(mask: u32) -> Option<ErrorCode> {
    CONDITIONS.iter().enumerate().find(|(bit, _)| mask & (1 << bit) == 0).map(|(_, condition)| condition.code)
}

/// Tokens of one run, made before anything was done to it.
struct Tokens {
    fresh: String,
    expired: String,
}

/// A world in which every combination of conditions can be asked for.
struct Matrix {
    world: World,
    surface: Surface,
    /// By the conditions of the process, in the order of [`PROCESS_CONDITIONS`].
    processes: Vec<App>,
    /// By the conditions of the run, in the order of [`RUN_CONDITIONS`]; nothing for what cannot be.
    runs: Vec<Option<(String, Tokens)>>,
}

const PROCESS_CONDITIONS: [Is; 3] = [Is::SwitchedOn, Is::Room, Is::NotTooOften];
const RUN_CONDITIONS: [Is; 5] = [Is::RunExists, Is::Unaltered, Is::WaitsForNobody, Is::NoEqual, Is::Shallow];

/// Each way in which some conditions can stand, as a mask in which all others hold.
fn ways(of: &[Is]) -> impl Iterator<Item = u32> {
    (0..1_u32 << of.len()).map(move |way| {
        let fails = of.iter().enumerate().filter(|(at, _)| way & (1 << at) == 0);
        fails.fold(ALL, |mask, (_, is)| mask & !bit(*is))
    })
}

/// Which of [`ways`] a mask is.
fn way(of: &[Is], mask: u32) -> usize {
    of.iter().enumerate().filter(|(_, is)| holds(mask, **is)).map(|(at, _)| 1 << at).sum()
}

impl Matrix {
    fn new(surface: Surface) -> Self {
        let world = World::new();
        let who = usual(surface);
        let lasting = Policy { preview_ttl: SignedDuration::from_hours(24 * 365), ..policy(MutationGate::Open) };
        let (long, brief) =
            (world.process(lasting.clone()), world.process(Policy { preview_ttl: seconds(1), ..lasting }));
        occupy_the_key(&world, &who);
        let nearly_too_deep = world.rerun_times(DEPTH_MAX - 1);
        let prepare = |mask: u32| {
            let run_id = match holds(mask, Is::Shallow) {
                true => format!("run_{:05b}", way(&RUN_CONDITIONS, mask)),
                false => world.rerun(&nearly_too_deep),
            };
            let mut facts = run_facts(&run_id);
            world.runs.set(facts.clone());
            if !holds(mask, Is::NoEqual) {
                let seeder = caller(surface, principal("token:seeder", PrincipalKind::Operator, "OPS"));
                world.enqueue(&seeder, &run_id);
            }
            if !holds(mask, Is::Unaltered) {
                facts.evidence = ContractEvidence::Altered;
            }
            facts.awaits_approval = !holds(mask, Is::WaitsForNobody);
            world.runs.set(facts);
            let ask = crate::support::ask(surface, &run_id);
            let tokens = Tokens {
                fresh: now(long.preview(&who, ask.clone())).expect("a preview").token,
                expired: now(brief.preview(&who, ask)).expect("a preview").token,
            };
            if !holds(mask, Is::RunExists) {
                world.runs.remove(&RunId::parse(&run_id).expect("a run id"));
            }
            (run_id, tokens)
        };
        let runs = ways(&RUN_CONDITIONS).map(|mask| possible(mask).then(|| prepare(mask))).collect();
        world.clock.advance(seconds(2));
        // None of these has shown a preview: without a token they know of none. The caller has one item pending, queued
        // within the hour, which is the limit wherever there is one; an operator has none, so there is one everywhere.
        let agent = surface == Surface::Mcp;
        let limit = |is: bool| u32::from(!(agent && is));
        let process = |mask: u32| {
            let switch = if holds(mask, Is::SwitchedOn) { MutationGate::Open } else { MutationGate::Shut };
            let (pending_max, applies_per_hour) = (limit(holds(mask, Is::Room)), limit(holds(mask, Is::NotTooOften)));
            world.process(Policy { limits: Limits { pending_max, applies_per_hour }, ..policy(switch) })
        };
        let processes = ways(&PROCESS_CONDITIONS).map(process).collect();
        Self { surface, processes, runs, world }
    }

    fn run(&self, mask: u32) -> &(String, Tokens) {
        self.runs[way(&RUN_CONDITIONS, mask)].as_ref().expect("the mask is possible")
    }

    fn caller(&self, mask: u32) -> Caller {
        let roles = match (holds(mask, Is::HoldsAllowed), holds(mask, Is::RoleHeld)) {
            (true, true) => "OPS,ARCHITECT",
            (true, false) => "OWNER,ARCHITECT",
            (false, _) => "INTERN,GUEST",
        };
        let kind = usual(self.surface).principal.expect("a principal").kind;
        let there = holds(mask, Is::Known);
        Caller { principal: there.then(|| principal("token:tester", kind, roles)), surface: self.surface }
    }

    fn apply(&self, mask: u32) -> Result<Applied, Failure> {
        let (run_id, tokens) = self.run(mask);
        let stated = match (holds(mask, Is::RoleStated), holds(mask, Is::RoleAllowed)) {
            (false, _) => StatedRole::Absent,
            (true, true) => role("OPS"),
            (true, false) => role("INTERN"),
        };
        // Over HTTP the header states it, elsewhere the argument.
        let (actor_role, header_role) = match self.surface {
            Surface::Http => (StatedRole::Absent, stated),
            Surface::Mcp | Surface::Cli => (stated, StatedRole::Absent),
        };
        let requested_by = holds(mask, Is::Named).then_some("Alice Example");
        let reason = if holds(mask, Is::PlainReason) { "Again, please." } else { "Again\u{202e}please." };
        let key = if holds(mask, Is::KeyFree) { "a new key" } else { "a used key" };
        let token = match (holds(mask, Is::Previewed), holds(mask, Is::Alive)) {
            (false, _) => None,
            (true, true) => Some(tokens.fresh.clone()),
            (true, false) => Some(tokens.expired.clone()),
        };
        let priority = i64::from(!holds(mask, Is::Unchanged));
        let apply = ApplyRequest {
            confirm: holds(mask, Is::Confirmed),
            actor_role,
            requested_by: Stated::read(requested_by),
            approval_reason: Stated::read(Some(reason)),
            preview_token: token,
            idempotency_key: IdempotencyKey::parse(key).expect("a key"),
            ..ApplyRequest::default()
        };
        let ask = RunRequest { run_id: run_id.clone(), parameters: Parameters::new(priority, None, None), header_role };
        let app = &self.processes[way(&PROCESS_CONDITIONS, mask)];
        queued(app.enqueue(&self.caller(mask), ask, apply))
    }

    fn head(&self) -> (u64, Sha256Digest) {
        let health = now(self.world.store.health()).expect("sound");
        (health.lines, health.head)
    }
}

/// Somebody's earlier item under the key that the matrix calls used.
fn occupy_the_key(world: &World, who: &Caller) {
    world.runs.set(run_facts("run_of_the_key"));
    let token = world.preview(who, "run_of_the_key").token;
    let key = IdempotencyKey::parse("a used key").expect("a key");
    let apply = ApplyRequest { preview_token: Some(token), idempotency_key: key, ..yes() };
    world.apply(who, "run_of_the_key", apply).expect("every gate is open");
}

/// How many subsets one world takes.
const BATCH: usize = 3 << 10;

/// The time between any two: with more than a second the sixty refusals a minute that become lines are never used up, and
/// a batch of them takes less than the hour that appends are counted in.
const PAUSE: SignedDuration = SignedDuration::from_millis(1100);

/// Tries every subset that can be; those in `given` hold throughout. Says in a figure what was tried.
fn every_subset(surface: Surface, given: &[Is]) -> String {
    let masks: Vec<u32> =
        (0..=ALL).filter(|mask| possible(*mask) && given.iter().all(|is| holds(*mask, *is))).collect();
    for batch in masks.chunks(BATCH) {
        let matrix = Matrix::new(surface);
        let ledger = matrix.world.store.lines();
        let head = matrix.head();
        let (mut refused, mut said) = (Vec::new(), HashSet::new());
        for mask in batch.iter().copied() {
            matrix.world.clock.advance(PAUSE);
            let answer = matrix.apply(mask);
            let Some(code) = demanded(mask) else {
                assert_eq!(mask, ALL, "only the full set enqueues");
                let applied = answer.expect("every gate is open");
                assert!(!applied.already_applied);
                assert_eq!(matrix.head().0, head.0 + 1, "one line");
                let grown = matrix.world.store.lines();
                assert_eq!(grown[..ledger.len()], ledger[..], "what stood before stands");
                continue;
            };
            let denial = denial(answer);
            assert_eq!(denial.code, code, "{surface:?} {mask:020b}");
            assert_eq!(matrix.head(), head, "{surface:?} {mask:020b}: the ledger changed");
            // Few different ones: each is looked at once.
            if said.insert(denial.reason.clone()) {
                assert_tells_nothing(&denial, &matrix.caller(mask));
            }
            if code != ErrorCode::Unauthenticated {
                refused.push((code, matrix.run(mask).0.clone(), denial.reason));
            }
        }
        let recorded: Vec<_> = matrix.world.decisions();
        assert_eq!(recorded.len(), refused.len(), "one line each, and none without a principal");
        for (line, (code, run_id, reason)) in recorded.iter().zip(&refused) {
            assert_eq!((line.event.as_str(), line.code.as_str(), line.count), ("DENIED", code.as_str(), 1));
            assert_eq!((line.principal.as_str(), line.surface.as_str()), ("token:tester", surface.as_str()));
            assert_eq!((line.run_id.as_ref(), line.reason.as_ref()), (Some(run_id), Some(reason)));
        }
        assert_eq!(matrix.world.store.lines()[..ledger.len()], ledger[..], "byte for byte");
    }
    let gates = CONDITIONS.iter().filter_map(|condition| condition.gate).collect::<BTreeSet<_>>().len();
    let varied = CONDITIONS.len() - given.len();
    // Of two conditions that cannot both fail, three combinations of four are left.
    let both = [Is::NoEqual, Is::Shallow].iter().all(|is| !given.contains(is));
    assert_eq!(masks.len(), if both { (1 << varied) / 4 * 3 } else { 1 << varied });
    format!(
        "{} subsets of {varied} conditions behind {gates} gates tried over {}; 1 enqueued",
        masks.len(),
        surface.as_str()
    )
}

/// The limits that hold for agents alone.
const FOR_AGENTS: [Is; 2] = [Is::Room, Is::NotTooOften];

/// What no surface has a part in: varied over MCP only, to keep the whole under ten seconds.
const SAME_EVERYWHERE: [Is; 2] = [Is::KeyFree, Is::Unaltered];

#[test]
fn only_the_full_set_of_conditions_enqueues_over_mcp() {
    println!("figure: {}", every_subset(Surface::Mcp, &[Is::Shallow, Is::Room, Is::NotTooOften]));
}

#[test]
fn only_the_full_set_of_conditions_enqueues_over_mcp_with_every_limit_and_one_condition_of_each_other_gate() {
    let others = [
        Is::RoleStated,
        Is::RoleAllowed,
        Is::HoldsAllowed,
        Is::PlainReason,
        Is::Unaltered,
        Is::WaitsForNobody,
        Is::Alive,
        Is::Unchanged,
    ];
    println!("figure: {}", every_subset(Surface::Mcp, &others));
}

#[test]
fn only_the_full_set_of_conditions_enqueues_over_http() {
    println!("figure: {}", every_subset(Surface::Http, &[SAME_EVERYWHERE, FOR_AGENTS].concat()));
}

#[test]
fn only_the_full_set_of_conditions_enqueues_on_the_command_line() {
    println!("figure: {}", every_subset(Surface::Cli, &[SAME_EVERYWHERE, FOR_AGENTS].concat()));
}

#[test]
fn the_conditions_cover_every_gate_in_its_order() {
    let mut gates: Vec<GateId> = CONDITIONS.iter().filter_map(|condition| condition.gate).collect();
    assert!(gates.is_sorted(), "the conditions stand in the order of the gates");
    gates.dedup();
    for gate in GateId::ALL {
        let row = gate.row();
        assert_eq!(gates.contains(&gate), !row.codes.is_empty(), "{}: a gate that can shut has a condition", row.name);
    }
    for (bit, condition) in CONDITIONS.iter().enumerate() {
        assert_eq!(condition.is as usize, bit, "{}: the table's order is the bits'", condition.name);
        let known = condition.gate.map_or(&[ErrorCode::IdempotencyConflict][..], |gate| gate.row().codes);
        assert!(known.contains(&condition.code), "{}", condition.name);
    }
    let numbers: Vec<u8> = GateId::ALL.iter().map(|gate| gate.row().number).collect();
    assert_eq!(numbers, (1..=9).collect::<Vec<u8>>());
}

#[test]
fn a_request_walks_from_all_wrong_to_all_right_one_condition_a_row() {
    for surface in Surface::ALL {
        let matrix = Matrix::new(surface);
        for (row, condition) in CONDITIONS.iter().enumerate() {
            if surface != Surface::Mcp && FOR_AGENTS.contains(&condition.is) {
                continue;
            }
            // Whatever comes after it is wrong too, as far as it can be.
            let wrong_too = if row <= Is::NoEqual as usize { bit(Is::Shallow) } else { 0 };
            let mask = ((1 << row) - 1) | wrong_too;
            assert_eq!(denial(matrix.apply(mask)).code, condition.code, "{surface:?}: until {}", condition.name);
        }
        let applied = matrix.apply(ALL).expect("nothing is left to refuse");
        assert_eq!(applied.item.status(), "PENDING");
        assert!(matrix.apply(ALL).expect("a retry").already_applied);
    }
}
