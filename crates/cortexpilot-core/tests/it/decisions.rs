//! Lines of `decisions.jsonl`: every decision byte for byte, there and back, and the longest there can be.

use std::sync::Arc;

use cortexpilot_core::codec::decision::{Line, decode, encode, read};
use cortexpilot_core::codec::line::SealedLine;
use cortexpilot_core::domain::approval::{ApprovalId, ApprovalRequest, ElicitedAnswer};
use cortexpilot_core::domain::command::{
    ApplyInputs, ApprovalPolicy, Command, Decide, Enqueue, Govern, MutationGate, Parameters, Policy, Presented, Request,
};
use cortexpilot_core::domain::decide::{Judged, JudgedDecision, Verdict};
use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::governance::{
    DecisionEvent, Freeze, GovernanceFacts, GovernanceQuery, Lowering, Standing,
};
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::lease::{Beat, ClaimQuery, Next};
use cortexpilot_core::domain::ledger::{LINE_MAX, verify};
use cortexpilot_core::domain::preview::Basis;
use cortexpilot_core::domain::principal::{
    Caller, KnownBy, Principal, PrincipalKind, Role, Roles, StatedRole, Surface, is_nameable,
};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::refusal::Refusal;
use cortexpilot_core::domain::run::RunFacts;
use cortexpilot_core::domain::seal::{SeenPreview, short};
use cortexpilot_core::domain::text::{IdempotencyKey, Reason, RequestedBy, Stated};
use cortexpilot_core::domain::token::{TokenId, TokenName, TokenRecord};
use cortexpilot_core::port::fake::run_facts;
use cortexpilot_core::port::{BoxFuture, StoreError, Turn};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{World, agent_of, now, person, policy, saying, schedule, start};

/// A store's turn with chosen facts, that keeps what it was given to write down.
#[derive(Default)]
struct Chosen {
    governance: GovernanceFacts,
    queue: EnqueueFacts,
    written: Option<(DecisionEvent, SealedLine)>,
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, StoreError>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Turn for Chosen {
    fn last_ts(&self) -> Option<Timestamp> {
        None
    }

    fn enqueue_facts<'a>(&'a mut self, _query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        ready(self.queue.clone())
    }

    fn last_decision_ts(&self) -> Option<Timestamp> {
        None
    }

    fn governance<'a>(&'a mut self, _query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        ready(self.governance.clone())
    }

    fn item<'a>(&'a mut self, _id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        ready(None)
    }

    fn next_eligible<'a>(&'a mut self, _query: &'a ClaimQuery) -> BoxFuture<'a, Result<Next, StoreError>> {
        ready(Next::default())
    }

    fn beat<'a>(&'a mut self, _id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>> {
        ready(None)
    }

    fn pinned<'a>(&'a mut self, _sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>> {
        ready(None)
    }

    fn stage(&mut self, judged: Judged) -> BoxFuture<'_, Result<QueueItem, StoreError>> {
        panic!("nothing is queued here: {:?}", judged.event())
    }

    fn record(&mut self, judged: JudgedDecision) -> BoxFuture<'_, Result<(), StoreError>> {
        self.written = Some((judged.event().clone(), encode(&judged, &Sha256Digest::ZERO)));
        ready(())
    }

    fn refuse<'a>(&'a mut self, refusal: &'a Refusal<'a>) -> BoxFuture<'a, ()> {
        panic!("refused: {:?}", refusal.denial)
    }
}

/// Every text and choice that any decision holds.
#[derive(Debug, Clone)]
struct Parts {
    who: String,
    other: String,
    reason: String,
    said: String,
    requested_by: String,
    key: Option<String>,
    role: Role,
    surface: Surface,
    now: Timestamp,
    priority: i64,
    scheduled: bool,
    sponsored: bool,
    known: bool,
    duplicate: bool,
    answer: ElicitedAnswer,
    name: TokenName,
    ttl: i64,
}

fn plain<const MAX: usize>() -> impl Strategy<Value = String> {
    let texts = prop_oneof![
        "\\PC{1,60}",
        "[\"\\\\/{}:, a-z]{1,40}".prop_map(|text| format!("x{text}")),
        Just("😀".repeat(MAX)),
    ];
    texts.prop_filter_map("a text that people may write", |text| {
        cortexpilot_core::domain::text::Text::<MAX>::parse(&text).ok().flatten().map(|text| text.to_string())
    })
}

fn parts() -> impl Strategy<Value = Parts> {
    let id = || plain::<200>().prop_filter("an id", |id| is_nameable(id));
    let texts = (id(), id(), plain::<2000>(), plain::<2000>(), plain::<200>(), prop::option::of(plain::<200>()));
    let choices = (
        "[A-Z][A-Z0-9_-]{0,20}".prop_map(|role| Role::parse(&role).expect("a role")),
        prop_oneof![Just(Surface::Http), Just(Surface::Cli)],
        (0..4_000_000_000_i64, 0..1_000_000_000_i32).prop_map(|(s, ns)| Timestamp::new(s, ns).expect("a time")),
        -100..=100_i64,
        prop::array::uniform4(any::<bool>()),
        prop::sample::select(ElicitedAnswer::ALL.to_vec()),
        "[A-Za-z0-9._@-]{1,64}".prop_map(|name| TokenName::parse(&name).expect("a name")),
        1..400_i64,
    );
    (texts, choices).prop_map(|((who, other, reason, said, requested_by, key), choices)| {
        let (role, surface, now, priority, [scheduled, sponsored, known, duplicate], answer, name, ttl) = choices;
        Parts {
            // An operator who decides about their own request is refused, and this is not what is tried here.
            other: format!("{other}2").chars().rev().take(200).collect(),
            who,
            reason,
            said,
            requested_by,
            key,
            role,
            surface,
            now,
            priority,
            scheduled,
            sponsored,
            known,
            duplicate,
            answer,
            name,
            ttl,
        }
    })
}

impl Parts {
    fn policy(&self, approval: ApprovalPolicy) -> Policy {
        Policy { approval, allowed_roles: self.roles(), ..policy(MutationGate::Open) }
    }

    fn roles(&self) -> Roles {
        std::iter::once(self.role.clone()).collect()
    }

    fn principal(&self, id: &str, kind: PrincipalKind) -> Principal {
        let known_by = if self.known { KnownBy::Token(self.token(1).id) } else { KnownBy::Process };
        let sponsor = (kind == PrincipalKind::Agent && self.sponsored).then(|| format!("s{}", &self.name));
        Principal { id: id.to_owned(), kind, roles: self.roles(), sponsor, known_by }
    }

    fn token(&self, id: u8) -> TokenRecord {
        TokenRecord {
            id: TokenId::from_bytes([id; 6]),
            kind: PrincipalKind::Agent,
            name: self.name.clone(),
            roles: self.roles(),
            sponsor: self.sponsored.then(|| self.other.clone()),
            sha256: Sha256Digest::of(&[id]),
            created_at: self.now,
            created_by: self.who.clone(),
            expires_at: Timestamp::MAX,
            revoked: None,
        }
    }

    fn facts(&self) -> GovernanceFacts {
        let token = Some(self.token(1));
        GovernanceFacts {
            caller_token: token.clone(),
            token,
            tokens: vec![self.token(1)],
            ..GovernanceFacts::default()
        }
    }

    /// Somebody has people asked about a run.
    fn apply(&self, kind: PrincipalKind, id: &str) -> (Command, RunFacts) {
        let run = run_facts("run_ok");
        let scheduled = self.scheduled.then(|| schedule("2030-01-01T00:00:00.5+01:00"));
        let request = Request {
            caller: Caller { principal: Some(self.principal(id, kind)), surface: self.surface },
            now: self.now,
            run_id: Some(run.run_id.clone()),
            run: Ok(run.clone()),
            parameters: Parameters::new(self.priority, scheduled.clone(), scheduled),
            policy: self.policy(ApprovalPolicy::TwoPerson),
            header_role: StatedRole::Absent,
        };
        let digest = Basis::of(&run, &request, &EnqueueFacts::default()).digest();
        let seen = SeenPreview { nonce: [7; 12], digest: short(&digest), expires_at: Timestamp::MAX };
        let inputs = ApplyInputs {
            confirm: true,
            actor_role: StatedRole::Named(self.role.clone()),
            requested_by: Stated::<RequestedBy>::read(Some(&self.requested_by)),
            approval_reason: Stated::<Reason>::read(Some(&self.said)),
            idempotency_key: self.key.as_deref().and_then(|key| IdempotencyKey::parse(key).expect("a key")),
            presented: Presented::Seen { seen, shown: None },
            allow_duplicate: self.duplicate,
            typed_run_id: None,
        };
        (Command::Enqueue(Box::new(Enqueue { request, inputs })), run)
    }

    fn govern(&self, what: Decide) -> Command {
        // Agents' clients answer dialogs; everything else is an operator's, known by a token where names must be proven.
        let (id, kind, known_by) = if matches!(what, Decide::Elicited { .. }) {
            (&self.who, PrincipalKind::Agent, None)
        } else {
            (&self.other, PrincipalKind::Operator, Some(KnownBy::Token(self.token(1).id)))
        };
        let mut principal = self.principal(id, kind);
        principal.known_by = known_by.unwrap_or(principal.known_by);
        Command::Govern(Box::new(Govern {
            caller: Caller { principal: Some(principal), surface: self.surface },
            now: self.now,
            reason: Stated::read(Some(&self.reason)),
            role: StatedRole::Named(self.role.clone()),
            policy: self.policy(ApprovalPolicy::Declared),
            what,
        }))
    }
}

fn written(turn: &mut Chosen, command: &Command) -> (DecisionEvent, SealedLine) {
    turn.written = None;
    let verdict = now(cortexpilot_core::judge(turn, command)).expect("the turn answers");
    assert!(matches!(verdict, Verdict::Recorded(_) | Verdict::AwaitsApproval(_)), "{verdict:?}");
    turn.written.take().expect("a decision")
}

/// One decision of each kind, with these texts.
fn every_decision(parts: &Parts) -> Vec<(&'static str, DecisionEvent, SealedLine)> {
    let mut all = Vec::new();
    let mut turn = Chosen { governance: parts.facts(), ..Chosen::default() };
    let mut note = |event: &'static str, turn: &mut Chosen, command: &Command| {
        let (decision, line) = written(turn, command);
        all.push((event, decision.clone(), line));
        decision
    };
    let (apply, run) = parts.apply(PrincipalKind::Agent, &parts.who);
    let DecisionEvent::Requested(asked) = note("APPROVAL_REQUESTED", &mut turn, &apply) else { panic!("not asked") };
    let mut request = ApprovalRequest::new(*asked);
    turn.queue.requests = vec![request.clone()];
    let (same, _) = parts.apply(PrincipalKind::Operator, "local:somebody else");
    note("APPROVAL_REQUESTED", &mut turn, &same);
    turn.queue.requests.clear();
    let id = request.asked.id.clone();
    request.asked.expires_at = Timestamp::MAX;
    turn.governance.approval = Some(request.clone());
    note("APPROVED", &mut turn, &parts.govern(Decide::Approve { id: Some(id.clone()), run: Box::new(Ok(run)) }));
    note("REJECTED", &mut turn, &parts.govern(Decide::Reject { id: Some(id.clone()) }));
    note("ELICITED", &mut turn, &parts.govern(Decide::Elicited { id, answer: parts.answer }));
    request.asked.expires_at = parts.now;
    turn.governance.overdue = Some(request);
    note("EXPIRED", &mut turn, &parts.govern(Decide::Expire));
    note("FROZEN", &mut turn, &parts.govern(Decide::Freeze));
    note("PAUSED", &mut turn, &parts.govern(Decide::Pause));
    note("POLICY_SET", &mut turn, &parts.govern(Decide::SetPolicy(ApprovalPolicy::Operator)));
    let frozen = Some(Freeze { since: parts.now, by: parts.who.clone(), reason: None });
    let (paused, floor) = (frozen.clone(), ApprovalPolicy::TwoPerson);
    turn.governance.standing = Standing { frozen, paused, floor, ..Standing::default() };
    note("UNFROZEN", &mut turn, &parts.govern(Decide::Unfreeze));
    note("RESUMED", &mut turn, &parts.govern(Decide::Resume));
    note("POLICY_PROPOSED", &mut turn, &parts.govern(Decide::SetPolicy(ApprovalPolicy::Declared)));
    let lowering = Lowering { to: ApprovalPolicy::Declared, by: parts.who.clone(), at: parts.now };
    turn.governance.standing.lowering = Some(lowering);
    note("POLICY_SET", &mut turn, &parts.govern(Decide::SetPolicy(ApprovalPolicy::Declared)));
    note("TOKEN_REVOKED", &mut turn, &parts.govern(Decide::RevokeToken { id: Some(parts.token(1).id) }));
    let at_the_keyboard = Parts { surface: Surface::Cli, ..parts.clone() };
    let (id, sha256, ttl) =
        (TokenId::from_bytes([9; 6]), Sha256Digest::of(b"9"), SignedDuration::from_hours(24 * parts.ttl));
    let rotate = Decide::RotateToken { replaces: Some(parts.token(1).id), id: id.clone(), sha256, ttl };
    note("TOKEN_ROTATED", &mut turn, &at_the_keyboard.govern(rotate));
    turn.governance.tokens.clear();
    turn.governance.token = None;
    let (kind, name, roles) = (PrincipalKind::Agent, parts.name.clone(), parts.roles());
    let sponsor = parts.sponsored.then(|| parts.who.clone());
    let create = Decide::CreateToken { id, sha256, kind, name, roles, sponsor, ttl };
    note("TOKEN_CREATED", &mut turn, &at_the_keyboard.govern(create));
    all
}

/// The members that every line begins with, in the order of the wire contract.
const FIRST: [&str; 10] =
    ["event", "code", "principal", "surface", "run_id", "preview_digest", "approval_id", "reason", "count", "ts"];

/// Members that a line may do without.
const OPTIONAL: [&str; 16] = [
    "task_id",
    "code",
    "run_id",
    "preview_digest",
    "approval_id",
    "reason",
    "count",
    "sponsor",
    "token_id",
    "scheduled_at",
    "deadline_at",
    "idempotency_key",
    "allow_duplicate",
    "proposed_by",
    "replaces",
    "joins",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_decision_is_read_back_as_it_was_made(parts in parts()) {
        for (event, decision, line) in every_decision(&parts) {
            let bytes = line.text.as_bytes();
            prop_assert_eq!(verify(&Sha256Digest::ZERO, bytes), Some(line.hash));
            prop_assert!(bytes.len() <= LINE_MAX && !line.text.contains('\n'));
            prop_assert_eq!(read(bytes), Ok(Line::Event(decision.clone())), "{}", &line.text);
            let listed = decode(bytes).expect("a decision line");
            prop_assert_eq!((listed.event.as_str(), listed.code.as_str(), listed.count, listed.ts), (event, "", 1, decision.ts()));
            // A text cannot hold an unescaped quotation mark, so these are the members and nothing else.
            let mut at = 0;
            for name in FIRST {
                let member = format!("\"{name}\": ");
                let found = line.text.find(&member).expect("every line has it");
                prop_assert!(found == if at == 0 { 1 } else { at }, "{} stands where it should: {}", name, &line.text);
                at = found + member.len() + value_length(&line.text[found + member.len()..]) + 2;
            }
            let end = format!(", \"h\": \"{}\"}}", line.hash);
            prop_assert!(line.text.ends_with(&end));
        }
    }
}

/// The length of the JSON value at the beginning of a text.
fn value_length(text: &str) -> usize {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
    values.next().expect("a value").expect("JSON");
    values.byte_offset()
}

fn some_parts() -> Parts {
    Parts {
        who: "agent:alice".into(),
        other: "operator:bob".into(),
        reason: "The \"nightly\" run\\job, läuft".into(),
        said: "Again.".into(),
        requested_by: "Zoë 😀".into(),
        key: Some("k-1".into()),
        role: Role::parse("OPS").expect("a role"),
        surface: Surface::Http,
        now: start(),
        priority: 7,
        scheduled: true,
        sponsored: true,
        known: true,
        duplicate: true,
        answer: ElicitedAnswer::Declined,
        name: TokenName::parse("bot").expect("a name"),
        ttl: 1,
    }
}

#[test]
fn a_line_that_lacks_what_its_event_needs_is_a_problem_and_no_other_decision() {
    let mut tried = 0;
    for (event, _, line) in every_decision(&some_parts()) {
        let whole: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line.text).expect("JSON");
        for name in whole.keys().filter(|name| *name != "h" && *name != "event") {
            let about_a_request = event.starts_with("APPRO") || ["REJECTED", "EXPIRED", "ELICITED"].contains(&event);
            let needed = match name.as_str() {
                "run_id" | "approval_id" => about_a_request,
                "preview_digest" => event == "APPROVAL_REQUESTED" && !whole.contains_key("joins"),
                "token_id" => event.starts_with("TOKEN"),
                // Without it the line would ask for something, and lacks all of what is asked.
                "joins" => true,
                name => !OPTIONAL.contains(&name),
            };
            let mut without = whole.clone();
            without.remove(name);
            let mut odd = whole.clone();
            odd.insert(name.clone(), serde_json::json!({"not": "this"}));
            let text = |members| serde_json::to_vec(&serde_json::Value::Object(members)).expect("JSON");
            assert_eq!(read(&text(without)).is_err(), needed, "{event} without {name}");
            assert!(
                read(&text(odd)).is_err() || ["code", "count"].contains(&name.as_str()),
                "{event} with an odd {name}"
            );
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried} members");
    assert!(
        matches!(read(br#"{"event": "QUEUE_PAUSED", "ts": "2026-01-01T00:00:00Z"}"#), Ok(Line::Unknown { event }) if event == "QUEUE_PAUSED")
    );
    for bad in [&b"[]"[..], b"{}", b"", b"{\"event\": \"FROZEN\", \"event\": \"FROZEN\"}", b"\xff", b"{\"event\": 5}"] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn decisions_are_written_exactly_so() {
    let mut world = World::new();
    world.app = world.process(crate::support::human(ApprovalPolicy::Operator));
    let wished = world.asks(&agent_of("alice"), "run_ok");
    world.asks(&person("joan"), "run_ok");
    now(world.app.freeze(&person("bob"), saying("Stop \"it\"."))).expect("an operator may");
    let digest = wished.asked.preview_digest;
    let contract = run_facts("run_ok").contract.sha256();
    let (id, queue_id) = (&wished.asked.id, &wished.asked.queue_id);
    assert_eq!(*id, ApprovalId::of(queue_id));
    let bodies = [
        format!(
            concat!(
                r#"{{"event": "APPROVAL_REQUESTED", "code": null, "principal": "agent:alice", "surface": "mcp", "#,
                r#""run_id": "run_ok", "preview_digest": "{}", "approval_id": "{}", "reason": null, "count": 1, "#,
                r#""ts": "2026-11-22T08:30:52.000000+00:00", "kind": "agent", "sponsor": "local:alice", "token_id": null, "#,
                r#""queue_id": "{}", "priority": 0, "scheduled_at": null, "deadline_at": null, "contract_sha256": "{}", "#,
                r#""task_id": "task_of_run_ok", "requested_by": "Alice Example", "actor_role": "OPS", "#,
                r#""approval_reason": "The nightly run failed on a flaky network.", "idempotency_key": null, "#,
                r#""allow_duplicate": false, "approval_policy": "operator", "#,
                r#""expires_at": "2026-11-23T08:30:52.000000+00:00""#,
            ),
            digest, id, queue_id, contract
        ),
        format!(
            concat!(
                r#"{{"event": "APPROVAL_REQUESTED", "code": null, "principal": "local:joan", "surface": "cli", "#,
                r#""run_id": "run_ok", "preview_digest": null, "approval_id": "{}", "reason": null, "count": 1, "#,
                r#""ts": "2026-11-22T08:30:52.000000+00:00", "joins": true, "kind": "operator", "sponsor": null, "#,
                r#""token_id": null, "approval_reason": "The nightly run failed on a flaky network.""#,
            ),
            id
        ),
        concat!(
            r#"{"event": "FROZEN", "code": null, "principal": "local:bob", "surface": "cli", "run_id": null, "#,
            r#""preview_digest": null, "approval_id": null, "reason": "Stop \"it\".", "count": 1, "#,
            r#""ts": "2026-11-22T08:30:52.000000+00:00", "role": "OPS""#,
        )
        .to_owned(),
    ];
    let mut prev = Sha256Digest::ZERO;
    let lines: Vec<String> = bodies
        .iter()
        .map(|body| {
            let (line, hash) = cortexpilot_core::domain::ledger::seal(&prev, body);
            prev = hash;
            line
        })
        .collect();
    assert_eq!(world.store.decisions(), lines);
}

#[test]
fn the_longest_decisions_fit_into_a_line() {
    let widest = |count: usize| "😀".repeat(count);
    let parts = Parts {
        who: widest(200),
        other: format!("{}x", widest(199)),
        reason: widest(2000),
        said: "\"".repeat(2000),
        requested_by: widest(200),
        key: Some(widest(200)),
        role: Role::parse(&"R".repeat(64)).expect("a role"),
        name: TokenName::parse(&"n".repeat(64)).expect("a name"),
        ..some_parts()
    };
    let longest = every_decision(&parts).into_iter().map(|(event, _, line)| (line.text.len(), event)).max();
    let (length, event) = longest.expect("some");
    println!("figure: the longest decision, {event}, has {length} of {LINE_MAX} bytes");
    assert!(length <= LINE_MAX);
}
