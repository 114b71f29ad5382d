//! Ledger lines byte for byte, and the longest there can be.

use std::sync::Arc;

use cortexpilot_core::app::govern::Stating;
use cortexpilot_core::app::{ApplyRequest, Outcome};
use cortexpilot_core::codec::line::{LEGACY_TASK_ID_MAX, Line, SealedLine, decode, encode, enqueue_object};
use cortexpilot_core::domain::command::{Cancel, Claim, Command};
use cortexpilot_core::domain::decide::{Judged, JudgedDecision, Verdict};
use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::governance::{GovernanceFacts, GovernanceQuery};
use cortexpilot_core::domain::id::{QueueItemId, RunId, Sha256Digest};
use cortexpilot_core::domain::lease::{Beat, ClaimQuery, Concurrency, Next};
use cortexpilot_core::domain::ledger::{LINE_MAX, verify};
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, StatedRole, Surface};
use cortexpilot_core::domain::queue::{Enqueued, FinalStatus, ItemState, QueueItem};
use cortexpilot_core::domain::refusal::Refusal;
use cortexpilot_core::domain::run::{CONTRACT_PATH_MAX, DERIVED_TEXT_MAX, REPOSITORY_MAX, RunFacts};
use cortexpilot_core::domain::text::{IdempotencyKey, Reason, Stated};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::fake::run_facts;
use cortexpilot_core::port::{BoxFuture, StoreError, Turn};
use jiff::{SignedDuration, Timestamp};

use crate::support::{
    World, ask, asking, caller, denial, now, policy, principal, queued, role, schedule, seconds, start, usual, yes,
};

/// The hash that the wire contract asks for, written out.
fn hash(prev: &str, body: &str) -> String {
    Sha256Digest::of(format!("{prev}{body}").as_bytes()).to_string()
}

fn chained(bodies: &[&str]) -> Vec<String> {
    let mut prev = "0".repeat(64);
    bodies
        .iter()
        .map(|body| {
            prev = hash(&prev, body);
            format!("{body}, \"h\": \"{prev}\"}}")
        })
        .collect()
}

#[test]
fn the_four_events_are_written_exactly_so() {
    let world = World::new();
    world.runs.set(RunFacts {
        task_id: "Aufräumen\u{1}".into(),
        owner: "agent \"7\"\\".into(),
        workflow_id: String::new(),
        contract_path: "/srv/läufe/run_1/contract.json".into(),
        ..run_facts("run_1")
    });
    let who = caller(Surface::Mcp, principal("agent:alice", PrincipalKind::Agent, "OPS"));
    let mut request = ask(Surface::Mcp, "run_1");
    request.parameters.priority = 7;
    request.parameters.scheduled = Some(schedule("2026-11-22T09:30:52+01:00"));
    let preview = now(world.app.preview(&who, request.clone())).expect("a preview");
    world.clock.advance(SignedDuration::from_nanos(1_500));
    let apply = ApplyRequest {
        preview_token: Some(preview.token.clone()),
        requested_by: Stated::read(Some("Zoë 😀")),
        approval_reason: Stated::read(Some("the \"nightly\" run/job")),
        idempotency_key: IdempotencyKey::parse("k-1").expect("a key"),
        ..yes()
    };
    let first = queued(world.app.enqueue(&who, request, apply)).expect("every gate is open").item;
    let second = world.enqueue(&usual(Surface::Http), "run_ok").item;
    world.clock.advance(seconds(1));
    let worker = caller(Surface::Http, principal("token:worker", PrincipalKind::Worker, ""));
    let claimed =
        now(world.app.claim(&worker, asking(Stated::read(Some("worker-7")), seconds(900), StatedRole::Absent)));
    let claimed = claimed.expect("a worker may").claimed().expect("one is due");
    let run_id = claimed.item.run_id().to_owned();
    now(world.app.complete(
        &worker,
        first.queue_id().as_str(),
        &claimed.lease_token,
        FinalStatus::Success.into(),
        StatedRole::Absent,
    ))
    .expect("its lease");
    let operator = caller(Surface::Http, principal("token:op", PrincipalKind::Operator, "OPS"));
    now(world.app.cancel(&operator, second.queue_id().as_str(), Stated::Absent, StatedRole::Absent)).expect("pending");
    let contract = Sha256Digest::of(br#"{"task_id": "task_of_run_1"}"#);
    let enqueue = format!(
        concat!(
            r#"{{"event": "QUEUE_ENQUEUE", "status": "PENDING", "task_id": "Aufräumen\u0001", "owner": "agent \"7\"\\", "#,
            r#""contract_path": "/srv/läufe/run_1/contract.json", "priority": 7, "workflow_id": "", "source_run_id": "run_1", "#,
            r#""scheduled_at": "2026-11-22T09:30:52+01:00", "deadline_at": null, "ts": "2026-11-22T08:30:52.000001+00:00", "#,
            r#""queue_id": "{id}", "contract_sha256": "{contract}", "requested_by": "Zoë 😀", "actor_role": "OPS", "#,
            r#""approval_reason": "the \"nightly\" run/job", "approval_mode": "manual-owner-default-off", "#,
            r#""pilot_source": "mcp_queue_pilot_server", "principal": "agent:alice", "preview_digest": "{digest}", "#,
            r#""idempotency_key": "k-1", "depth": 1, "approval_policy": "declared", "approvals": []"#,
        ),
        id = first.queue_id(),
        contract = contract,
        digest = preview.digest,
    );
    let by_http = second.enqueued.provenance.as_ref().expect("ours").preview_digest;
    let plain = format!(
        concat!(
            r#"{{"event": "QUEUE_ENQUEUE", "status": "PENDING", "task_id": "task_of_run_ok", "owner": "owner_of_run_ok", "#,
            r#""contract_path": "/srv/runs/run_ok/contract.json", "priority": 0, "workflow_id": "workflow_of_run_ok", "#,
            r#""source_run_id": "run_ok", "scheduled_at": null, "deadline_at": null, "#,
            r#""ts": "2026-11-22T08:30:52.000001+00:00", "queue_id": "{id}", "#,
            r#""contract_sha256": "{contract}", "requested_by": "Alice Example", "actor_role": "OPS", "#,
            r#""approval_reason": "The nightly run failed on a flaky network.", "approval_mode": "manual-owner-default-off", "#,
            r#""pilot_source": "http_control_plane", "principal": "token:tester", "preview_digest": "{digest}", "#,
            r#""idempotency_key": null, "depth": 1, "approval_policy": "declared", "approvals": []"#,
        ),
        id = second.queue_id(),
        contract = Sha256Digest::of(br#"{"task_id": "task_of_run_ok"}"#),
        digest = by_http,
    );
    let claim = format!(
        concat!(
            r#"{{"event": "QUEUE_CLAIM", "status": "CLAIMED", "task_id": "Aufräumen\u0001", "run_id": "{run_id}", "#,
            r#""ts": "2026-11-22T08:30:53.000001+00:00", "queue_id": "{id}", "claimed_at": "2026-11-22T08:30:53.000001+00:00", "#,
            r#""worker": "worker-7", "attempt": 1, "lease_expires_at": "2026-11-22T08:45:53.000001+00:00", "lease_s": 900"#,
        ),
        run_id = run_id,
        id = first.queue_id(),
    );
    let done = format!(
        concat!(
            r#"{{"event": "QUEUE_DONE", "status": "SUCCESS", "task_id": "Aufräumen\u0001", "run_id": "{run_id}", "#,
            r#""completed_at": "2026-11-22T08:30:53.000001+00:00", "queue_id": "{id}", "ts": "2026-11-22T08:30:53.000001+00:00", "#,
            r#""attempt": 1"#,
        ),
        run_id = run_id,
        id = first.queue_id(),
    );
    let cancel = format!(
        concat!(
            r#"{{"event": "QUEUE_CANCEL", "status": "CANCELLED", "task_id": "task_of_run_ok", "queue_id": "{id}", "#,
            r#""cancelled_at": "2026-11-22T08:30:53.000001+00:00", "cancelled_by": "token:op (OPS)", "#,
            r#""ts": "2026-11-22T08:30:53.000001+00:00""#,
        ),
        id = second.queue_id(),
    );
    assert_eq!(world.store.lines(), chained(&[&enqueue, &plain, &claim, &done, &cancel]));
    assert_eq!(enqueue_object(&first), world.store.lines()[0], "an apply answers with its line");
}

#[test]
fn a_cancels_reason_stands_before_who_cancelled() {
    let world = World::new();
    let item = world.enqueue(&usual(Surface::Cli), "run_ok").item;
    now(world.app.cancel(&usual(Surface::Cli), item.queue_id().as_str(), Stated::read(Some("zurück")), role("OPS")))
        .expect("pending");
    let line = world.store.lines().pop().expect("a line");
    assert!(line.contains(r#""reason": "zurück", "cancelled_by": "token:tester (OPS)", "ts": "#), "{line}");
}

#[test]
fn a_refusal_is_written_exactly_so() {
    let world = World::new();
    let who = usual(Surface::Mcp);
    let preview = world.preview(&who, "run_ok");
    denial(world.apply(&who, "run_ok", ApplyRequest::default()));
    denial(queued(world.app.enqueue(&who, ask(Surface::Mcp, "../x"), yes())));
    let lines = chained(&[
        &format!(
            concat!(
                r#"{{"event": "DENIED", "code": "CONFIRM_REQUIRED", "principal": "token:tester", "surface": "mcp", "#,
                r#""run_id": "run_ok", "preview_digest": "{}", "approval_id": null, "#,
                r#""reason": "`confirm` must be the JSON value true. Nothing was queued.", "count": 1, "#,
                r#""ts": "2026-11-22T08:30:52.000000+00:00""#,
            ),
            preview.digest,
        ),
        concat!(
            r#"{"event": "DENIED", "code": "RUN_ID_INVALID", "principal": "token:tester", "surface": "mcp", "#,
            r#""run_id": null, "preview_digest": null, "approval_id": null, "#,
            r#""reason": "The run_id is not valid: a run id is 1 to 128 of A-Z a-z 0-9 . _ - and begins with a letter or a "#,
            r#"digit, without two dots in a row. Nothing was queued.", "count": 1, "ts": "2026-11-22T08:30:52.000000+00:00""#,
        ),
    ]);
    assert_eq!(world.store.decisions(), lines);
}

/// A character that takes six bytes in a line, and the widest that people may write.
const WORST_RUN_TEXT: &str = "\u{1}";
const WIDEST: &str = "😀";

#[test]
fn the_longest_item_that_can_be_queued_fits_into_a_line() {
    let run_id = format!("r{}", "x".repeat(127));
    let world = World::new();
    world.runs.set(RunFacts {
        task_id: WORST_RUN_TEXT.repeat(DERIVED_TEXT_MAX),
        owner: WORST_RUN_TEXT.repeat(DERIVED_TEXT_MAX),
        workflow_id: WORST_RUN_TEXT.repeat(DERIVED_TEXT_MAX),
        contract_path: WORST_RUN_TEXT.repeat(CONTRACT_PATH_MAX),
        repository: Some(format!("/{}", "x".repeat(REPOSITORY_MAX - 1))),
        ..run_facts(&run_id)
    });
    let longest_role = "R".repeat(64);
    let mut open = policy(cortexpilot_core::domain::command::MutationGate::Open);
    open.allowed_roles = [cortexpilot_core::domain::principal::Role::parse(&longest_role).expect("a role")].into();
    let app = world.process(open.clone());
    let who = caller(Surface::Mcp, principal(&WIDEST.repeat(200), PrincipalKind::Agent, &longest_role));
    let mut request = ask(Surface::Mcp, &run_id);
    let long_time = "2030-01-01T00:00:00.123456789+00:00";
    request.parameters.priority = -100;
    request.parameters.scheduled = Some(schedule(long_time));
    request.parameters.deadline = Some(schedule(long_time));
    let token = now(app.preview(&who, request.clone())).expect("a preview").token;
    let apply = ApplyRequest {
        actor_role: role(&longest_role),
        preview_token: Some(token),
        requested_by: Stated::read(Some(&WIDEST.repeat(200))),
        approval_reason: Stated::read(Some(&WIDEST.repeat(2000))),
        idempotency_key: IdempotencyKey::parse(&WIDEST.repeat(200)).expect("a key"),
        ..yes()
    };
    queued(app.enqueue(&who, request.clone(), apply.clone())).expect("within every bound");
    let plain = world.store.lines().pop().expect("a line").len();

    // And with whoever said yes to it in the line.
    open.approval = cortexpilot_core::domain::command::ApprovalPolicy::Operator;
    request.parameters.priority = -99;
    let app = world.process(open);
    let token = now(app.preview(&who, request.clone())).expect("a preview").token;
    let key = IdempotencyKey::parse(&"😁".repeat(200)).expect("a key");
    let apply = ApplyRequest { preview_token: Some(token), idempotency_key: key, ..apply };
    let asked = now(app.enqueue(&who, request, apply)).expect("within every bound");
    let Outcome::AwaitsApproval(wished) = asked else { panic!("nobody was asked") };
    let approver = caller(Surface::Cli, principal(&"😁".repeat(200), PrincipalKind::Operator, &longest_role));
    let why = Stating { reason: Stated::read(Some(&WIDEST.repeat(2000))), ..Stating::default() };
    now(app.approve(&approver, wished.asked.id.as_str(), why)).expect("within every bound");
    let longest = world.store.lines().pop().expect("a line").len();
    assert!(longest > plain + 800, "the approver is in it");
    println!("figure: the longest enqueue line has {longest} of {LINE_MAX} bytes");
    assert!(longest <= LINE_MAX);
    assert!(longest > LINE_MAX * 4 / 5, "the bounds were not tried");
}

/// A store's turn with chosen facts: what no real ledger needs to hold to be tried.
struct Chosen {
    item: Option<QueueItem>,
    line: Option<SealedLine>,
    refused: Vec<ErrorCode>,
}

impl Turn for Chosen {
    fn last_ts(&self) -> Option<Timestamp> {
        None
    }

    fn enqueue_facts<'a>(&'a mut self, _query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        Box::pin(std::future::ready(Ok(EnqueueFacts::default())))
    }

    fn last_decision_ts(&self) -> Option<Timestamp> {
        None
    }

    fn governance<'a>(&'a mut self, _query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        Box::pin(std::future::ready(Ok(GovernanceFacts::default())))
    }

    fn record(&mut self, _judged: JudgedDecision) -> BoxFuture<'_, Result<(), StoreError>> {
        panic!("no decision is made here")
    }

    fn item<'a>(&'a mut self, _id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        Box::pin(std::future::ready(Ok(self.item.clone())))
    }

    fn next_eligible<'a>(&'a mut self, _query: &'a ClaimQuery) -> BoxFuture<'a, Result<Next, StoreError>> {
        Box::pin(std::future::ready(Ok(Next { item: self.item.clone(), at_capacity: false })))
    }

    fn beat<'a>(&'a mut self, _id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn pinned<'a>(&'a mut self, _sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn stage(&mut self, judged: Judged) -> BoxFuture<'_, Result<QueueItem, StoreError>> {
        self.line = Some(encode(&judged, &Sha256Digest::ZERO));
        Box::pin(std::future::ready(Ok(self.item.clone().expect("the item it is about"))))
    }

    fn refuse<'a>(&'a mut self, refusal: &'a Refusal<'a>) -> BoxFuture<'a, ()> {
        self.refused.push(refusal.denial.code);
        Box::pin(std::future::ready(()))
    }
}

fn legacy_item(state: ItemState) -> QueueItem {
    QueueItem {
        seq: 0,
        enqueued: Arc::new(Enqueued {
            queue_id: QueueItemId::parse(&WORST_RUN_TEXT.repeat(200)).expect("an id of a legacy line"),
            task_id: WORST_RUN_TEXT.repeat(LEGACY_TASK_ID_MAX),
            owner: String::new(),
            contract_path: String::new(),
            priority: 0,
            workflow_id: String::new(),
            source_run_id: String::new(),
            scheduled: None,
            deadline: None,
            ts: start(),
            provenance: None,
        }),
        line_hash: None,
        attempts: 0,
        not_before: None,
        state,
    }
}

fn longest_operator() -> Caller {
    caller(Surface::Cli, principal(&WIDEST.repeat(200), PrincipalKind::Operator, &"R".repeat(64)))
}

fn judge(item: QueueItem, command: &Command) -> (Result<Verdict, StoreError>, Chosen) {
    let mut turn = Chosen { item: Some(item), line: None, refused: Vec::new() };
    let verdict = now(cortexpilot_core::judge(&mut turn, command));
    (verdict, turn)
}

fn claim_by(caller: Caller) -> Command {
    let allowed_roles = caller.principal.as_ref().expect("one").roles.clone();
    Command::Claim(Claim {
        caller,
        now: start(),
        worker: Stated::read(Some(&WIDEST.repeat(200))),
        run_id: RunId::parse(&"r".repeat(128)).expect("a run id"),
        lease: seconds(60),
        role: StatedRole::Absent,
        allowed_roles,
        queue_id: None,
        concurrency: Concurrency::NONE,
    })
}

#[test]
fn the_longest_lines_about_a_legacy_item_fit_too() {
    let who = longest_operator();
    let reason: Stated<Reason> = Stated::read(Some(&WIDEST.repeat(2000)));
    let cancel = Command::Cancel(Cancel {
        allowed_roles: who.principal.as_ref().expect("one").roles.clone(),
        caller: who.clone(),
        now: start(),
        queue_id: QueueItemId::parse("any"),
        reason,
        role: StatedRole::Absent,
    });
    for (name, command) in [("cancel", cancel), ("claim", claim_by(who))] {
        let (_, turn) = judge(legacy_item(ItemState::Pending), &command);
        let line = turn.line.expect("staged");
        println!("figure: the longest {name} line has {} of {LINE_MAX} bytes", line.text.len());
        assert!(line.text.len() <= LINE_MAX);
        assert!(verify(&Sha256Digest::ZERO, line.text.as_bytes()).is_some());
        assert!(matches!(decode(line.text.as_bytes()), Ok(Line::Event(_))));
    }
}

#[test]
fn whatever_a_store_offers_nothing_is_claimed_twice_or_too_early() {
    let held = ItemState::Cancelled { at: start(), by: None, reason: None };
    let mut early = legacy_item(ItemState::Pending);
    Arc::make_mut(&mut early.enqueued).scheduled = Some((&schedule("2030-01-01T00:00:00Z")).into());
    for item in [legacy_item(held), early] {
        let (verdict, turn) = judge(item, &claim_by(longest_operator()));
        assert!(matches!(verdict, Ok(Verdict::Denied(_))), "{verdict:?}");
        assert_eq!((turn.line, turn.refused), (None, vec![ErrorCode::Internal]));
    }
}
