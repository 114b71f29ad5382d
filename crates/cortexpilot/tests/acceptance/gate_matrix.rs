//! Every combination of what can be wrong with an apply, by the built binary: over MCP once per protocol version, over
//! standard input and over HTTP; on the control plane; on the command line.
//!
//! The combinations are derived from the gate table: each gate is open, or shut in one of the ways its row names; left out
//! is what cannot be at once. Only the combination in which all are open may enqueue. Each other must leave `queue.jsonl` as
//! it was, to the byte, and exactly one record, of the code that the order of the gates demands; a caller that is not signed
//! in leaves not even that.
//!
//! The limits are judged late, and bringing them about costs a process or a chain of reruns. So where they are reached, the
//! other gates are shut in every way over HTTP and under the newest protocol version, elsewhere in one way each.
//!
//! The last gate asks whom the approval policy names. Where people are asked, the combination in which all else is open
//! enqueues nothing: it is the one request, and every other combination is refused as if nobody were asked.

mod apply;
mod combinations;

use std::collections::HashMap;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::gate::{DEPTH_MAX, GateId};
use cortexpilot_core::domain::principal::Surface;
use cortexpilot_core::domain::refusal::RECORDED_PER_MINUTE;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_runs::fixture::RunFixture;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::support::mcp_http::PILOT;
use super::support::{
    Called, Connection, GATE_OPEN, GENESIS, Home, Mcp, McpHttp, Request, STATELESS, Server, VERSIONS, chain_problem,
};
use apply::{Apply, Outcome};
use combinations::{Breadth, Combination, all, derived, expected, stand};

#[test]
fn only_the_full_set_of_open_gates_enqueues_over_mcp_under_every_protocol_version() {
    let mut derived_in_all = 0;
    let mut tried = 0;
    for version in VERSIONS {
        let breadth = if version == STATELESS { Breadth::EveryWay } else { Breadth::FewAtLimits };
        derived_in_all += derived(Surface::Mcp, breadth);
        tried += Matrix::new(Door::Mcp(version), ApprovalPolicy::Declared).walk(all(Surface::Mcp, breadth));
    }
    assert_eq!(tried, derived_in_all);
    println!(
        "figure: {tried} combinations tried over MCP under {} protocol versions (as many as derived from the gate table)",
        VERSIONS.len()
    );
}

#[test]
fn only_the_full_set_of_open_gates_enqueues_over_http() {
    let tried = Matrix::new(Door::Http, ApprovalPolicy::Declared).walk(all(Surface::Http, Breadth::EveryWay));
    assert_eq!(tried, derived(Surface::Http, Breadth::EveryWay));
    println!("figure: {tried} combinations tried over HTTP (as many as derived from the gate table)");
}

#[test]
fn only_the_full_set_of_open_gates_enqueues_over_mcp_over_http_under_every_protocol_version() {
    let of_versions = |versions: &[&'static str]| -> usize {
        let breadth = |version| if version == STATELESS { Breadth::FewAtLimits } else { Breadth::Few };
        let matrix = |version| {
            let tried =
                Matrix::new(Door::McpHttp(version), ApprovalPolicy::Declared).walk(all(Surface::Mcp, breadth(version)));
            assert_eq!(tried, derived(Surface::Mcp, breadth(version)));
            tried
        };
        versions.iter().copied().map(matrix).sum()
    };
    let (earlier, newest) = VERSIONS.split_at(VERSIONS.len() - 1);
    let tried = side_by_side([earlier, newest], of_versions);
    println!(
        "figure: {tried} combinations tried over MCP over HTTP under {} protocol versions (as many as derived from the \
         gate table)",
        VERSIONS.len()
    );
}

#[test]
fn only_the_full_set_of_open_gates_enqueues_on_the_command_line() {
    // Each combination is a process of its own, so two halves run side by side, each in its own home.
    let mut first = all(Surface::Cli, Breadth::FewAtLimits);
    let second = first.split_off(first.len() / 2);
    let tried: usize =
        side_by_side([first, second], |half| Matrix::new(Door::Cli, ApprovalPolicy::Declared).walk(half));
    assert_eq!(tried, derived(Surface::Cli, Breadth::FewAtLimits));
    println!("figure: {tried} combinations tried on the command line (as many as derived from the gate table)");
}

/// The policies under which people are asked.
const HUMAN: [ApprovalPolicy; 2] = [ApprovalPolicy::Operator, ApprovalPolicy::TwoPerson];

#[test]
fn where_people_are_asked_no_set_of_open_gates_enqueues_over_mcp() {
    let of_policy = |policy| -> usize {
        let matrix = |version| Matrix::new(Door::Mcp(version), policy).walk(all(Surface::Mcp, Breadth::Few));
        VERSIONS.into_iter().map(matrix).sum()
    };
    let tried = side_by_side(HUMAN, of_policy);
    assert_eq!(tried, HUMAN.len() * VERSIONS.len() * derived(Surface::Mcp, Breadth::Few));
    println!(
        "figure: {tried} combinations tried over MCP where people are asked: none enqueued, each full one is a request"
    );
}

#[test]
fn where_people_are_asked_no_set_of_open_gates_enqueues_over_http_and_on_the_command_line() {
    let doors = [(Door::Http, Surface::Http), (Door::Cli, Surface::Cli)];
    let of_policy = |policy| -> usize {
        let matrix = |(door, surface)| Matrix::new(door, policy).walk(all(surface, Breadth::Few));
        doors.into_iter().map(matrix).sum()
    };
    let tried = side_by_side(HUMAN, of_policy);
    let wanted: usize = doors.into_iter().map(|(_, surface)| derived(surface, Breadth::Few)).sum();
    assert_eq!(tried, HUMAN.len() * wanted);
    println!(
        "figure: {tried} combinations tried over HTTP and on the command line where people are asked: none enqueued, each \
         full one is a request"
    );
}

/// Does the same for both at the same time; gives the sum.
fn side_by_side<T: Send>(both: [T; 2], what: impl Fn(T) -> usize + Sync) -> usize {
    let what = &what;
    std::thread::scope(|scope| {
        let running = both.map(|one| scope.spawn(move || what(one)));
        running.into_iter().map(|one| one.join().expect("one of the two failed: see above")).sum()
    })
}

#[test]
fn the_gates_are_judged_in_the_order_that_is_promised() {
    // The matrix takes the order from the table; the table is held against the promise here.
    let names: Vec<(u8, &str)> = GateId::ALL.iter().map(|gate| (gate.row().number, gate.row().name)).collect();
    let promised = [
        (1, "authenticated"),
        (2, "mutation_gate"),
        (3, "confirm"),
        (4, "role"),
        (5, "metadata"),
        (6, "run"),
        (7, "preview"),
        (8, "limits"),
        (9, "approval_policy"),
    ];
    assert_eq!(names, promised);
}

/// Through what the binary is entered.
#[derive(Debug, Clone, Copy)]
enum Door {
    Mcp(&'static str),
    /// The same pilot beside a control plane, for an agent's token.
    McpHttp(&'static str),
    Http,
    Cli,
}

/// The binary, entered.
enum Session {
    Mcp(Box<Mcp>),
    McpHttp(Server, Box<McpHttp>),
    Http(Server, Connection),
    Cli,
}

/// Two roles are held, so that none is implied; two others are allowed and not held.
const ROLES: &str = "OPS,ARCHITECT";
const ENVIRONMENT: [(&str, &str); 2] = [("CORTEXPILOT_PRINCIPAL_ROLES", ROLES), ("CORTEXPILOT_API_TOKEN_ROLES", ROLES)];

/// Limits of one. Whoever is limited has more than one item pending, and queued them within the hour.
const PENDING_MAX: (&str, &str) = ("CORTEXPILOT_AGENT_PENDING_MAX", "1");
const APPLIES_PER_HOUR: (&str, &str) = ("CORTEXPILOT_AGENT_APPLIES_PER_HOUR", "1");

/// What a combination asks of the process and of what operators decided: whether its mutation gate is open, whether
/// everything is frozen, and which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Setting {
    gate_open: bool,
    frozen: bool,
    limit: Option<ErrorCode>,
}

impl Setting {
    const OPEN: Self = Self { gate_open: true, frozen: false, limit: None };

    fn of(combination: &Combination) -> Self {
        let limit = stand(combination, GateId::Limits).filter(|code| *code != ErrorCode::LineageLimit);
        let gate = stand(combination, GateId::MutationGate);
        // Half of the processes whose gate is shut are frozen as well: that they are shut is said first.
        let frozen = match gate {
            Some(ErrorCode::Frozen) => true,
            Some(_) => stand(combination, GateId::Confirm).is_some(),
            None => false,
        };
        Self { gate_open: gate != Some(ErrorCode::MutationGateClosed), frozen, limit }
    }

    fn environment(self, door: Door, policy: ApprovalPolicy) -> Vec<(&'static str, &'static str)> {
        let mut environment = ENVIRONMENT.to_vec();
        if policy != ApprovalPolicy::Declared {
            environment.push(("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", policy.as_str()));
        }
        environment.extend(self.gate_open.then_some(GATE_OPEN));
        match (door, self.limit) {
            (Door::Http | Door::Cli, _) => environment.extend([PENDING_MAX, APPLIES_PER_HOUR]),
            (Door::Mcp(_) | Door::McpHttp(_), Some(ErrorCode::PendingLimit)) => environment.push(PENDING_MAX),
            (Door::Mcp(_) | Door::McpHttp(_), Some(ErrorCode::RateLimited)) => environment.push(APPLIES_PER_HOUR),
            (Door::Mcp(_) | Door::McpHttp(_), Some(other)) => panic!("no setting brings about {}", other.as_str()),
            (Door::Mcp(_) | Door::McpHttp(_), None) => {}
        }
        environment
    }
}

/// The states that the source run of an apply can be in.
const RUN_STATES: [Option<ErrorCode>; 5] = [
    None,
    Some(ErrorCode::RunNotFound),
    Some(ErrorCode::RunUnreadable),
    Some(ErrorCode::ContractAltered),
    Some(ErrorCode::RunAwaitingApproval),
];

/// What else is so of a run, beside its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Beside {
    Nothing,
    /// An equal item of it waits.
    EqualItem,
    /// It came out of an item that is as deep as one may be.
    TooDeep,
}

/// The previews that were shown of one run while it was sound.
struct Shown {
    /// With the parameters that are applied.
    same: String,
    /// With another priority.
    other: String,
    /// The first one, as it reads when its time is over.
    expired: String,
}

/// One home, its runs and previews, and the process that is tried.
struct Matrix {
    home: Home,
    door: Door,
    /// Who is asked for a yes.
    policy: ApprovalPolicy,
    /// Whether operators have frozen everything.
    frozen: bool,
    /// The runs by what they stand for.
    runs: HashMap<(Option<ErrorCode>, Beside), String>,
    /// By run.
    shown: HashMap<String, Shown>,
    /// Whom the binary acts as here, as its previews say.
    principal: String,
    /// The token of the agent that enters over HTTP; empty elsewhere.
    token: String,
    /// The process at work, and how it was started.
    session: Option<(Session, Setting)>,
    /// How often each code was refused by it: beyond a limit a minute, refusals are counted and no longer written one by one.
    refused: HashMap<ErrorCode, u32>,
    decisions: Watched,
}

impl Matrix {
    /// Writes the runs, queues an item of those that shall have one waiting, previews them all (in a process that ends
    /// afterwards, so that the ones that are tried remember nothing), and then spoils those that shall be spoilt. What is
    /// queued here is queued while nobody is asked.
    fn new(door: Door, policy: ApprovalPolicy) -> Self {
        let home = Home::in_memory();
        home.make_key();
        let decisions = Watched { path: home.runtime().join("decisions.jsonl"), read: 0 };
        let mut matrix = Self {
            home,
            door,
            policy: ApprovalPolicy::Declared,
            frozen: false,
            runs: HashMap::new(),
            shown: HashMap::new(),
            principal: String::new(),
            token: String::new(),
            session: None,
            refused: HashMap::new(),
            decisions,
        };
        if matches!(door, Door::McpHttp(_)) {
            matrix.token = matrix.home.agent_token("matrix", &["OPS", "ARCHITECT"], &ENVIRONMENT);
            let events: Vec<Value> = matrix.decisions.fresh().into_iter().map(|line| line["event"].clone()).collect();
            assert_eq!(events, ["TOKEN_CREATED"]);
        }
        matrix.start(Setting::OPEN);
        let nearly = (1..DEPTH_MAX).fold("run_chain".to_owned(), |run, _| matrix.rerun(&run));
        // The deep ones come first: as long as nothing else waits, what is queued is what is claimed.
        for beside in [Beside::TooDeep, Beside::Nothing, Beside::EqualItem] {
            for state in RUN_STATES {
                let run = match (state, beside) {
                    (_, Beside::TooDeep) => matrix.rerun(&nearly),
                    (None, _) => format!("run_{beside:?}"),
                    (Some(state), _) => format!("run_{beside:?}_{}", state.as_str()),
                };
                matrix.home.run(&sound(&run));
                if beside == Beside::EqualItem {
                    matrix.enqueue(&run);
                }
                matrix.runs.insert((state, beside), run);
            }
        }
        matrix.stop();
        matrix.policy = policy;
        matrix.start(Setting::OPEN);
        for run in [FRESH, OWN] {
            matrix.home.run(&sound(run));
            matrix.show(run);
        }
        let runs: Vec<String> = matrix.runs.values().cloned().collect();
        for run in runs {
            matrix.show(&run);
        }
        matrix.stop();
        for ((state, _), run) in &matrix.runs {
            if let Some(state) = state {
                matrix.spoil(run, *state);
            }
        }
        matrix
    }

    /// Queues a run and claims the item; gives the run that comes out of it.
    fn rerun(&mut self, run: &str) -> String {
        self.home.run(&sound(run));
        self.enqueue(run);
        let claimed = self.home.cli(&["queue", "claim"], &ENVIRONMENT).answer();
        assert_eq!(claimed["item"]["source_run_id"], run);
        claimed["item"]["run_id"].as_str().expect("a claimed item has a run").to_owned()
    }

    fn enqueue(&mut self, run: &str) {
        let token = self.preview(run, 0);
        let apply = Apply { preview_token: Some(token), ..Apply::sound(run) };
        assert_eq!(self.apply(&apply), Outcome::Enqueued, "{run}");
    }

    fn show(&mut self, run: &str) {
        let (same, other) = (self.preview(run, 0), self.preview(run, 1));
        let long_past = Timestamp::from_second(1_600_000_000).expect("invariant: a time of our era");
        let expired = self.home.resealed(&same, &self.principal, |seen| seen.expires_at = long_past);
        self.shown.insert(run.to_owned(), Shown { same, other, expired });
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a state that cannot be brought about yet fails the test")]
    fn spoil(&self, run: &str, state: ErrorCode) {
        let dir = self.home.runs().join(run);
        let contract = dir.join("contract.json");
        match state {
            ErrorCode::RunNotFound => fs::remove_dir_all(dir).unwrap(),
            ErrorCode::RunUnreadable => fs::write(contract, "{").unwrap(),
            ErrorCode::ContractAltered => {
                let altered = [fs::read(&contract).unwrap(), b"\n".to_vec()].concat();
                fs::write(contract, altered).unwrap();
            }
            ErrorCode::RunAwaitingApproval => {
                self.home.run(&sound(run).event("HUMAN_APPROVAL_REQUIRED", json!({"reason": ["a person must look"]})));
            }
            other => panic!("there is no way yet to bring a run into the state {}", other.as_str()),
        }
    }

    /// Tries every combination; gives how many.
    fn walk(mut self, combinations: Vec<Combination>) -> usize {
        let mut tried = 0;
        // Those that ask the same of the process come together.
        let mut by_setting: Vec<(Setting, Vec<Combination>)> = Vec::new();
        for combination in combinations {
            let setting = Setting::of(&combination);
            match by_setting.iter_mut().find(|(known, _)| *known == setting) {
                Some((_, same)) => same.push(combination),
                None => by_setting.push((setting, vec![combination])),
            }
        }
        for (setting, combinations) in &by_setting {
            for combination in combinations {
                self.try_one(combination, *setting);
                tried += 1;
            }
        }
        self.approve_oneself();
        self.stop();
        // The records together are the chain that they claim to be: none was changed or taken out on the way.
        assert_eq!(chain_problem(&self.home.decisions().lines(), GENESIS), None);
        assert_eq!(chain_problem(&self.home.queue().lines(), GENESIS), None);
        tried
    }

    fn try_one(&mut self, combination: &Combination, setting: Setting) {
        let code = expected(combination);
        self.session_for(setting, code);
        let apply = self.request(combination);
        let queue = self.home.queue();
        let door = self.door;
        let said = || {
            let shut: Vec<_> = combination.iter().filter_map(|(_, code)| *code).map(ErrorCode::as_str).collect();
            format!("{door:?} with {shut:?}")
        };
        let outcome = self.apply(&apply);
        let records = self.decisions.fresh();
        let Some(code) = code else {
            if self.policy == ApprovalPolicy::Declared {
                assert_eq!(outcome, Outcome::Enqueued, "{}", said());
                assert_eq!(self.home.queue().since(&queue).lines().len(), 1, "{}", said());
                assert_eq!(records, Vec::<Value>::new(), "{}", said());
            } else {
                self.assert_asked(&outcome, &records, FRESH);
                assert_eq!(self.home.queue(), queue, "{}: the queue's ledger was changed", said());
            }
            return;
        };
        assert_eq!(self.home.queue(), queue, "{}: the queue's ledger was changed", said());
        if code == ErrorCode::Unauthenticated {
            assert_eq!(outcome, Outcome::NotSignedIn, "{}", said());
            assert_eq!(records, Vec::<Value>::new(), "{}", said());
            return;
        }
        assert_eq!(outcome, Outcome::Refused(code.as_str().to_owned()), "{}", said());
        assert_eq!(records.len(), 1, "{}: {records:?}", said());
        let record = &records[0];
        let members = ["event", "code", "principal", "surface", "count"].map(|member| record[member].clone());
        let surface = self.surface().as_str();
        assert_eq!(members, [json!("DENIED"), json!(code.as_str()), json!(self.principal), json!(surface), json!(1)]);
        let run =
            Some(apply.run_id.as_str()).filter(|_| stand(combination, GateId::Run) != Some(ErrorCode::RunIdInvalid));
        assert_eq!(record["run_id"].as_str(), run, "{}", said());
    }

    /// People were asked, once, and the record says what and under which policy.
    fn assert_asked(&self, outcome: &Outcome, records: &[Value], run: &str) {
        let Outcome::Asked(id) = outcome else { panic!("{:?} under {:?}: {outcome:?}", self.door, self.policy) };
        let [record] = records else { panic!("one request, one record: {records:#?}") };
        let members = ["event", "approval_id", "principal", "surface", "run_id", "approval_policy", "count"];
        let surface = self.surface().as_str();
        let wanted = json!(["APPROVAL_REQUESTED", id, self.principal, surface, run, self.policy.as_str(), 1]);
        assert_eq!(json!(members.map(|member| record[member].clone())), wanted);
    }

    /// An operator who types the run's id has said yes to what they ask for, where one yes is enough and never through MCP.
    fn approve_oneself(&mut self) {
        if matches!(self.door, Door::Mcp(_) | Door::McpHttp(_)) || self.policy == ApprovalPolicy::Declared {
            return;
        }
        self.session_for(Setting::OPEN, None);
        let preview_token = Some(self.shown[OWN].same.clone());
        let apply = Apply { preview_token, typed: Some(FRESH), ..Apply::sound(OWN) };
        let queue = self.home.queue();
        assert_eq!(self.apply(&apply), Outcome::Refused("CONFIRM_REQUIRED".to_owned()), "the id of another run");
        self.decisions.fresh();
        let outcome = self.apply(&Apply { typed: Some(OWN), ..apply });
        let records = self.decisions.fresh();
        if self.policy == ApprovalPolicy::TwoPerson {
            self.assert_asked(&outcome, &records, OWN);
            assert_eq!(self.home.queue(), queue);
            return;
        }
        assert_eq!((outcome, records), (Outcome::Enqueued, Vec::new()), "{:?}", self.door);
        let lines = self.home.queue().since(&queue).events();
        let [line] = &lines[..] else { panic!("one item, one line: {lines:#?}") };
        let wanted = json!(["operator", [format!("{} (OPS)", self.principal)]]);
        assert_eq!(json!([line["approval_policy"], line["approvals"]]), wanted);
    }

    /// The apply of a combination: sound but for what is shut.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a code that cannot be brought about yet fails the test")]
    fn request(&self, combination: &Combination) -> Apply {
        let full = expected(combination).is_none();
        let beside = match (stand(combination, GateId::Preview), stand(combination, GateId::Limits)) {
            (Some(ErrorCode::AlreadyPending), _) => Beside::EqualItem,
            (_, Some(ErrorCode::LineageLimit)) => Beside::TooDeep,
            _ => Beside::Nothing,
        };
        let state = stand(combination, GateId::Run).filter(|state| *state != ErrorCode::RunIdInvalid);
        let run = if full { FRESH } else { &self.runs[&(state, beside)] };
        let shown = &self.shown[run];
        let mut apply = Apply::sound(run);
        apply.preview_token = Some(shown.same.clone());
        for (gate, code) in combination {
            let Some(code) = code else { continue };
            match code {
                ErrorCode::Unauthenticated => apply.signed_in = false,
                // Of the process, which was started by it.
                ErrorCode::MutationGateClosed => assert_eq!(*gate, GateId::MutationGate),
                // Of what operators decided.
                ErrorCode::Frozen => assert_eq!(*gate, GateId::MutationGate),
                ErrorCode::PendingLimit | ErrorCode::RateLimited => assert_eq!(*gate, GateId::Limits),
                ErrorCode::ConfirmRequired => apply.confirm = false,
                ErrorCode::RoleRequired => apply.role = None,
                ErrorCode::RoleForbidden => apply.role = Some("INTERN"),
                ErrorCode::RoleMismatch => apply.role = Some("OWNER"),
                ErrorCode::MetadataRequired => apply.requested_by = "  ",
                ErrorCode::MetadataRejected => apply.reason = "for \u{202e}a look",
                ErrorCode::RunIdInvalid => apply.run_id = format!("../{run}"),
                // Of the run, which was chosen by it.
                ErrorCode::RunNotFound
                | ErrorCode::RunUnreadable
                | ErrorCode::ContractAltered
                | ErrorCode::RunAwaitingApproval
                | ErrorCode::AlreadyPending
                | ErrorCode::LineageLimit => {}
                ErrorCode::PreviewRequired => apply.preview_token = None,
                ErrorCode::PreviewExpired => apply.preview_token = Some(shown.expired.clone()),
                ErrorCode::PreviewStale => apply.preview_token = Some(shown.other.clone()),
                other => {
                    panic!("the gate table names {}, and there is no way here yet to bring it about", other.as_str())
                }
            }
        }
        apply
    }

    /// A process that was started so and still writes down each refusal of this code.
    fn session_for(&mut self, setting: Setting, code: Option<ErrorCode>) {
        let count = code.map_or(0, |code| self.refused.get(&code).copied().unwrap_or(0));
        if self.session.as_ref().is_none_or(|(_, known)| *known != setting) || count >= RECORDED_PER_MINUTE {
            self.start(setting);
        }
        if let Some(code) = code {
            *self.refused.entry(code).or_default() += 1;
        }
    }

    fn start(&mut self, setting: Setting) {
        // The process before ends first: there is one at a time.
        self.stop();
        if setting.frozen != self.frozen {
            let word = if setting.frozen { "freeze" } else { "unfreeze" };
            self.home
                .cli(&["gate", word, "--role", "OPS", "--reason", "as the next ones need it"], &ENVIRONMENT)
                .answer();
            self.frozen = setting.frozen;
            let events: Vec<Value> = self.decisions.fresh().into_iter().map(|line| line["event"].clone()).collect();
            assert_eq!(events, [if setting.frozen { "FROZEN" } else { "UNFROZEN" }]);
        }
        let environment = setting.environment(self.door, self.policy);
        let session = match self.door {
            Door::Mcp(version) => Session::Mcp(Box::new(self.home.pilot(version, &environment))),
            Door::McpHttp(version) => {
                let server = self.home.serve_with(&["--mcp-pilot"], &environment);
                let client = McpHttp::new(&server, PILOT, Some(&self.token), version);
                Session::McpHttp(server, Box::new(client))
            }
            Door::Http => {
                let server = self.home.serve(&environment);
                let connection = server.connect();
                Session::Http(server, connection)
            }
            Door::Cli => Session::Cli,
        };
        self.session = Some((session, setting));
    }

    /// Ends the process at work, in an orderly way.
    fn stop(&mut self) {
        self.refused.clear();
        match self.session.take() {
            Some((Session::Mcp(pilot), _)) => _ = pilot.finish(),
            Some((Session::McpHttp(server, client), _)) => {
                drop(client);
                assert!(server.stop().status.success());
            }
            Some((Session::Http(server, connection), _)) => {
                drop(connection);
                assert!(server.stop().status.success());
            }
            Some((Session::Cli, _)) | None => {}
        }
    }

    fn preview(&mut self, run: &str, priority: i64) -> String {
        let answer = match self.session.as_mut() {
            Some((Session::Mcp(pilot), _)) => {
                let arguments = json!({"run_id": run, "priority": priority}).to_string();
                pilot.call("preview_enqueue_from_run", &arguments).answer().clone()
            }
            Some((Session::McpHttp(_, client), _)) => {
                let arguments = json!({"run_id": run, "priority": priority}).to_string();
                client.call("preview_enqueue_from_run", &arguments).answer().clone()
            }
            Some((Session::Http(_, connection), _)) => {
                let body = json!({"priority": priority}).to_string();
                connection.send(&Request::post(&format!("/api/queue/from-run/{run}/preview"), &body)).answer()
            }
            Some((Session::Cli, setting)) => {
                let priority = priority.to_string();
                let environment = setting.environment(Door::Cli, self.policy);
                self.home.cli(&["queue", "preview", run, "--priority", &priority], &environment).answer()
            }
            None => panic!("no process was started"),
        };
        self.principal = answer["acting_as"]["principal"].as_str().expect("a preview names its principal").to_owned();
        answer["preview_token"].as_str().expect("a preview has a token").to_owned()
    }

    fn apply(&mut self, apply: &Apply) -> Outcome {
        match self.session.as_mut() {
            Some((Session::Mcp(pilot), _)) => {
                let called = pilot.call("enqueue_from_run", &apply.arguments(true).to_string());
                self.told(&called)
            }
            Some((Session::McpHttp(_, client), _)) => {
                let called = client.call("enqueue_from_run", &apply.arguments(true).to_string());
                self.told(&called)
            }
            Some((Session::Http(_, connection), _)) => {
                let response = connection.send(&apply.http());
                match response.status {
                    200 => Outcome::of(&response.json()),
                    401 => Outcome::NotSignedIn,
                    _ => Outcome::Refused(response.code()),
                }
            }
            Some((Session::Cli, setting)) => {
                let ran = self.home.cli(&apply.command_line(), &setting.environment(Door::Cli, self.policy));
                match (ran.exit, ran.code().as_str()) {
                    (Some(0), _) => Outcome::of(&ran.json()),
                    (_, "") => panic!("no refusal, but {ran:#?}"),
                    (_, code) => Outcome::Refused(code.to_owned()),
                }
            }
            None => panic!("no process was started"),
        }
    }

    /// What a call of the pilot came to.
    fn told(&self, called: &Called) -> Outcome {
        if called.code().is_empty() {
            return Outcome::of(called.answer());
        }
        // What a model reads says what to do, and neither where things lie nor which switch would open them.
        let refusal = called.refusal().to_string();
        let root = self.home.root().display().to_string();
        assert!(!refusal.contains("CORTEXPILOT_") && !refusal.contains(&root), "{refusal}");
        assert!(called.refusal()["next_step"].as_str().is_some_and(|step| !step.is_empty()), "{refusal}");
        let waits = matches!(called.code(), "PENDING_LIMIT" | "RATE_LIMITED");
        assert_eq!(called.refusal()["retry_after_s"].is_u64(), waits, "{refusal}");
        Outcome::Refused(called.code().to_owned())
    }

    fn surface(&self) -> Surface {
        match self.door {
            Door::Mcp(_) | Door::McpHttp(_) => Surface::Mcp,
            Door::Http => Surface::Http,
            Door::Cli => Surface::Cli,
        }
    }
}

/// The run of the combination that enqueues, or is asked for.
const FRESH: &str = "run_fresh";

/// The run that an operator says yes to in person.
const OWN: &str = "run_own";

/// A run that can be queued. Without the chain over its events, which nothing here is about.
fn sound(run: &str) -> RunFixture {
    RunFixture::new(run).without_hash_chain()
}

/// A file of lines that only grows, read from where the last reading ended.
struct Watched {
    path: PathBuf,
    read: u64,
}

impl Watched {
    /// The lines that came since.
    fn fresh(&mut self) -> Vec<Value> {
        let Ok(mut file) = fs::File::open(&self.path) else { return Vec::new() };
        let mut tail = String::new();
        file.seek(SeekFrom::Start(self.read)).unwrap();
        self.read += file.read_to_string(&mut tail).unwrap() as u64;
        tail.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
