//! Every combination of what can be wrong with an apply, by the built binary: over MCP once per protocol version, over HTTP,
//! on the command line.
//!
//! The combinations are derived from the gate table: each gate is open, or shut in one of the ways its row names; left out
//! is what cannot be at once. Only the combination in which all are open may enqueue. Each other must leave `queue.jsonl` as
//! it was, to the byte, and exactly one record, of the code that the order of the gates demands; a caller that is not signed
//! in leaves not even that.
//!
//! The limits are judged last, and bringing them about costs a process or a chain of reruns. So where they are reached, the
//! other gates are shut in every way over HTTP and under the newest protocol version, elsewhere in one way each.

use std::collections::HashMap;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use cortexpilot_core::domain::gate::{DEPTH_MAX, GateId};
use cortexpilot_core::domain::principal::Surface;
use cortexpilot_core::domain::refusal::RECORDED_PER_MINUTE;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_runs::fixture::RunFixture;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::support::{
    Connection, GATE_OPEN, GENESIS, Home, Mcp, Request, STATELESS, Server, TOKEN, VERSIONS, chain_problem,
};

#[test]
fn only_the_full_set_of_open_gates_enqueues_over_mcp_under_every_protocol_version() {
    let mut derived_in_all = 0;
    let mut tried = 0;
    for version in VERSIONS {
        let at_limits = if version == STATELESS { AtLimits::EveryWay } else { AtLimits::OneWayEach };
        derived_in_all += derived(Surface::Mcp, at_limits);
        tried += Matrix::new(Door::Mcp(version)).walk(all(Surface::Mcp, at_limits));
    }
    assert_eq!(tried, derived_in_all);
    println!(
        "figure: {tried} combinations tried over MCP under {} protocol versions (as many as derived from the gate table)",
        VERSIONS.len()
    );
}

#[test]
fn only_the_full_set_of_open_gates_enqueues_over_http() {
    let tried = Matrix::new(Door::Http).walk(all(Surface::Http, AtLimits::EveryWay));
    assert_eq!(tried, derived(Surface::Http, AtLimits::EveryWay));
    println!("figure: {tried} combinations tried over HTTP (as many as derived from the gate table)");
}

#[test]
fn only_the_full_set_of_open_gates_enqueues_on_the_command_line() {
    // Each combination is a process of its own, so two halves run side by side, each in its own home.
    let mut first = all(Surface::Cli, AtLimits::OneWayEach);
    let second = first.split_off(first.len() / 2);
    let tried: usize = std::thread::scope(|scope| {
        let halves = [first, second].map(|half| scope.spawn(|| Matrix::new(Door::Cli).walk(half)));
        halves.into_iter().map(|half| half.join().expect("a half of the matrix failed: see above")).sum()
    });
    assert_eq!(tried, derived(Surface::Cli, AtLimits::OneWayEach));
    println!("figure: {tried} combinations tried on the command line (as many as derived from the gate table)");
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

/// How each gate stands, in the gates' order: open, or shut in this way.
type Combination = Vec<(GateId, Option<ErrorCode>)>;

/// The ways in which a gate can be shut from outside on a surface: what its row in the gate table names. A gate whose row
/// names nothing cannot be shut in this version.
fn ways(gate: GateId, surface: Surface) -> &'static [ErrorCode] {
    match (gate, surface) {
        // Over stdio and on the command line the process itself is the principal: nothing that is sent can take it away.
        (GateId::Authenticated, Surface::Mcp | Surface::Cli) => &[],
        // Who enters there is an operator, for whom there is one limit. The others are set all the same, as low as can be.
        (GateId::Limits, Surface::Http | Surface::Cli) => &[ErrorCode::LineageLimit],
        _ => gate.row().codes,
    }
}

/// How the other gates stand while a limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtLimits {
    /// Open, or shut in any of their ways.
    EveryWay,
    /// Open, or shut in the first of their ways.
    OneWayEach,
}

/// How many combinations there are, by multiplication.
fn derived(surface: Surface, at_limits: AtLimits) -> usize {
    let ways = |gate: GateId| ways(gate, surface).len();
    let others = || GateId::ALL.into_iter().filter(|gate| *gate != GateId::Limits);
    let combined: usize = others().map(|gate| 1 + ways(gate)).product();
    let at_each_limit = match at_limits {
        AtLimits::EveryWay => combined,
        AtLimits::OneWayEach => others().map(|gate| 1 + ways(gate).min(1)).product(),
    };
    let impossible = match at_limits {
        AtLimits::EveryWay => others().filter(|gate| *gate != GateId::Preview).map(|gate| 1 + ways(gate)).product(),
        AtLimits::OneWayEach => 0,
    };
    combined + ways(GateId::Limits) * at_each_limit - impossible
}

/// All combinations, by enumeration.
fn all(surface: Surface, at_limits: AtLimits) -> Vec<Combination> {
    let mut all = vec![Combination::new()];
    for gate in GateId::ALL {
        let stands = std::iter::once(None).chain(ways(gate, surface).iter().copied().map(Some));
        let longer = |stand| all.iter().map(move |shorter| [&shorter[..], &[(gate, stand)]].concat());
        all = stands.flat_map(longer).collect();
    }
    let in_its_first_way =
        |(gate, code): &(GateId, Option<ErrorCode>)| code.is_none() || *code == ways(*gate, surface).first().copied();
    all.retain(|combination| match at_limits {
        _ if stand(combination, GateId::Limits).is_none() => true,
        AtLimits::EveryWay => possible(combination),
        AtLimits::OneWayEach => combination.iter().filter(|(gate, _)| *gate != GateId::Limits).all(in_its_first_way),
    });
    all
}

/// An item of a run that is too deep was never let into the queue: no equal one can wait.
fn possible(combination: &Combination) -> bool {
    stand(combination, GateId::Preview) != Some(ErrorCode::AlreadyPending)
        || stand(combination, GateId::Limits) != Some(ErrorCode::LineageLimit)
}

fn stand(combination: &Combination, gate: GateId) -> Option<ErrorCode> {
    combination.iter().find(|(known, _)| *known == gate).and_then(|(_, code)| *code)
}

/// What precedence demands: the code of the first gate that is shut.
fn expected(combination: &Combination) -> Option<ErrorCode> {
    combination.iter().find_map(|(_, code)| *code)
}

/// Through what the binary is entered.
#[derive(Debug, Clone, Copy)]
enum Door {
    Mcp(&'static str),
    Http,
    Cli,
}

/// The binary, entered.
enum Session {
    Mcp(Box<Mcp>),
    Http(Server, Connection),
    Cli,
}

/// Two roles are held, so that none is implied; two others are allowed and not held.
const ROLES: &str = "OPS,ARCHITECT";
const ENVIRONMENT: [(&str, &str); 2] = [("CORTEXPILOT_PRINCIPAL_ROLES", ROLES), ("CORTEXPILOT_API_TOKEN_ROLES", ROLES)];

/// Limits of one. Whoever is limited has more than one item pending, and queued them within the hour.
const PENDING_MAX: (&str, &str) = ("CORTEXPILOT_AGENT_PENDING_MAX", "1");
const APPLIES_PER_HOUR: (&str, &str) = ("CORTEXPILOT_AGENT_APPLIES_PER_HOUR", "1");

/// What a combination asks of the process: whether its mutation gate is open, and which limit is reached in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Setting {
    gate_open: bool,
    limit: Option<ErrorCode>,
}

impl Setting {
    const OPEN: Self = Self { gate_open: true, limit: None };

    fn of(combination: &Combination) -> Self {
        let limit = stand(combination, GateId::Limits).filter(|code| *code != ErrorCode::LineageLimit);
        Self { gate_open: stand(combination, GateId::MutationGate).is_none(), limit }
    }

    fn environment(self, door: Door) -> Vec<(&'static str, &'static str)> {
        let mut environment = ENVIRONMENT.to_vec();
        environment.extend(self.gate_open.then_some(GATE_OPEN));
        match (door, self.limit) {
            (Door::Http | Door::Cli, _) => environment.extend([PENDING_MAX, APPLIES_PER_HOUR]),
            (Door::Mcp(_), Some(ErrorCode::PendingLimit)) => environment.push(PENDING_MAX),
            (Door::Mcp(_), Some(ErrorCode::RateLimited)) => environment.push(APPLIES_PER_HOUR),
            (Door::Mcp(_), Some(other)) => panic!("no setting brings about {}", other.as_str()),
            (Door::Mcp(_), None) => {}
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
    /// The runs by what they stand for.
    runs: HashMap<(Option<ErrorCode>, Beside), String>,
    /// By run.
    shown: HashMap<String, Shown>,
    /// Whom the binary acts as here, as its previews say.
    principal: String,
    /// The process at work, and how it was started.
    session: Option<(Session, Setting)>,
    /// How often each code was refused by it: beyond a limit a minute, refusals are counted and no longer written one by one.
    refused: HashMap<ErrorCode, u32>,
    decisions: Watched,
}

impl Matrix {
    /// Writes the runs, previews them (in a process that ends afterwards, so that the ones that are tried remember
    /// nothing), queues an item of those that shall have one waiting, and then spoils those that shall be spoilt.
    fn new(door: Door) -> Self {
        let home = Home::in_memory();
        home.make_key();
        let decisions = Watched { path: home.runtime().join("decisions.jsonl"), read: 0 };
        let mut matrix = Self {
            home,
            door,
            runs: HashMap::new(),
            shown: HashMap::new(),
            principal: String::new(),
            session: None,
            refused: HashMap::new(),
            decisions,
        };
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
                matrix.prepare(&run, beside == Beside::EqualItem);
                matrix.runs.insert((state, beside), run);
            }
        }
        matrix.prepare(FRESH, false);
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

    fn prepare(&mut self, run: &str, waiting: bool) {
        self.home.run(&sound(run));
        if waiting {
            self.enqueue(run);
        }
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
            assert_eq!(outcome, Outcome::Enqueued, "{}", said());
            assert_eq!(self.home.queue().since(&queue).lines().len(), 1, "{}", said());
            assert_eq!(records, Vec::<Value>::new(), "{}", said());
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
        let environment = setting.environment(self.door);
        let session = match self.door {
            Door::Mcp(version) => Session::Mcp(Box::new(self.home.pilot(version, &environment))),
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
            Some((Session::Http(_, connection), _)) => {
                let body = json!({"priority": priority}).to_string();
                connection.send(&Request::post(&format!("/api/queue/from-run/{run}/preview"), &body)).answer()
            }
            Some((Session::Cli, _)) => {
                let priority = priority.to_string();
                self.home.cli(&["queue", "preview", run, "--priority", &priority], &ENVIRONMENT).answer()
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
                if called.code().is_empty() {
                    called.answer();
                    return Outcome::Enqueued;
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
            Some((Session::Http(_, connection), _)) => {
                let response = connection.send(&apply.http());
                match response.status {
                    200 | 201 => Outcome::Enqueued,
                    401 => Outcome::NotSignedIn,
                    _ => Outcome::Refused(response.code()),
                }
            }
            Some((Session::Cli, setting)) => {
                let ran = self.home.cli(&apply.command_line(), &setting.environment(Door::Cli));
                match (ran.exit, ran.code().as_str()) {
                    (Some(0), _) => Outcome::Enqueued,
                    (_, "") => panic!("no refusal, but {ran:#?}"),
                    (_, code) => Outcome::Refused(code.to_owned()),
                }
            }
            None => panic!("no process was started"),
        }
    }

    fn surface(&self) -> Surface {
        match self.door {
            Door::Mcp(_) => Surface::Mcp,
            Door::Http => Surface::Http,
            Door::Cli => Surface::Cli,
        }
    }
}

/// One apply, as it is sent.
struct Apply {
    signed_in: bool,
    run_id: String,
    confirm: bool,
    role: Option<&'static str>,
    requested_by: &'static str,
    reason: &'static str,
    preview_token: Option<String>,
}

/// What it came to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Enqueued,
    NotSignedIn,
    Refused(String),
}

impl Apply {
    /// With everything in it but a preview.
    fn sound(run: &str) -> Self {
        Self {
            signed_in: true,
            run_id: run.to_owned(),
            confirm: true,
            role: Some("OPS"),
            requested_by: "Ada",
            reason: "again, with the fix in",
            preview_token: None,
        }
    }

    /// Its JSON members. Over HTTP the run stands in the path.
    fn arguments(&self, with_run: bool) -> Value {
        let mut members = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        put("run_id", with_run.then(|| json!(self.run_id)));
        put("confirm", Some(json!(self.confirm)));
        put("requested_by", Some(json!(self.requested_by)));
        put("approval_reason", Some(json!(self.reason)));
        put("actor_role", self.role.map(|role| json!(role)));
        put("preview_token", self.preview_token.as_ref().map(|token| json!(token)));
        Value::Object(members)
    }

    fn http(&self) -> Request {
        let path = format!("/api/queue/from-run/{}", self.run_id.replace('/', "%2F"));
        let request = Request::new("POST", &path).json(&self.arguments(false).to_string());
        let request = match (self.signed_in, self.confirm) {
            (true, _) => request.bearer(TOKEN),
            // Both ways of not being signed in: a token that nobody was given, and none.
            (false, true) => request.bearer("a-token-that-nobody-was-given"),
            (false, false) => request,
        };
        // Where the body states a role, the header may repeat it.
        match self.role {
            Some(role) => request.header("x-cortexpilot-role", role),
            None => request,
        }
    }

    fn command_line(&self) -> Vec<&str> {
        let mut line =
            vec!["queue", "enqueue", &self.run_id, "--requested-by", self.requested_by, "--reason", self.reason];
        if self.confirm {
            line.push("--confirm");
        }
        if let Some(role) = self.role {
            line.extend(["--role", role]);
        }
        if let Some(token) = &self.preview_token {
            line.extend(["--preview-token", token]);
        }
        line
    }
}

/// The run of the combination that enqueues.
const FRESH: &str = "run_fresh";

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
