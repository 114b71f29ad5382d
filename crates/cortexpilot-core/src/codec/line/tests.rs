//! What is written is what is read: only here can an event be put into a line without having been judged.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => any::<String>(),
        1 => "[ -~]{0,20}",
        // What JSON, Python's line splitting and terminals treat specially.
        1 => prop::collection::vec(
            prop::sample::select(vec!['"', '\\', '/', '\n', '\r', '\t', '\0', '\u{1f}', '\u{7f}', '\u{85}', '\u{2028}', 'ü', '😀']),
            0..12,
        )
        .prop_map(String::from_iter),
    ]
}

/// Whole microseconds from 1970 to 9999.
fn instant() -> impl Strategy<Value = Timestamp> {
    (0..253_402_300_799_999_999_i64).prop_map(|micros| Timestamp::from_microsecond(micros).expect("in range"))
}

fn queue_id() -> impl Strategy<Value = QueueItemId> {
    any::<[u8; 16]>().prop_map(QueueItemId::from_bytes)
}

fn digest() -> impl Strategy<Value = Sha256Digest> {
    any::<[u8; 32]>().prop_map(Sha256Digest::from_bytes)
}

fn when() -> impl Strategy<Value = Option<When>> {
    prop::option::of(instant().prop_map(|at| When { text: at.to_string(), at: Some(at) }))
}

fn provenance() -> impl Strategy<Value = Provenance> {
    (
        (digest(), digest(), any::<u32>()),
        (text(), text(), text(), text(), text()),
        (prop::option::of(text()), text(), prop::collection::vec(text(), 0..3), prop::option::of(text())),
    )
        .prop_map(
            |(
                (contract_sha256, preview_digest, depth),
                (requested_by, actor_role, approval_reason, pilot_source, principal),
                (idempotency_key, approval_policy, approvals, repository),
            )| Provenance {
                contract_sha256,
                requested_by,
                actor_role,
                approval_reason,
                pilot_source,
                principal,
                preview_digest,
                idempotency_key,
                depth,
                approval_policy,
                approvals,
                approver_reason: None,
                repository,
            },
        )
}

pub(super) fn event() -> impl Strategy<Value = QueueEvent> {
    let texts = || (text(), text(), text(), text(), text());
    let enqueued = (queue_id(), texts(), -100..=100_i64, when(), when(), instant(), provenance()).prop_map(
        |(
            queue_id,
            (task_id, owner, contract_path, workflow_id, source_run_id),
            priority,
            scheduled,
            deadline,
            ts,
            by,
        )| {
            QueueEvent::Enqueued(Arc::new(Enqueued {
                queue_id,
                task_id,
                owner,
                contract_path,
                priority,
                workflow_id,
                source_run_id,
                scheduled,
                deadline,
                ts,
                provenance: Some(by),
            }))
        },
    );
    let cancelled = (queue_id(), text(), prop::option::of(text()), prop::option::of(text()), instant()).prop_map(
        |(queue_id, task_id, reason, cancelled_by, ts)| {
            QueueEvent::Cancelled(Cancelled { queue_id, task_id, reason, cancelled_by, ts })
        },
    );
    let maybe = || prop::option::of(text());
    let until = (prop::option::of(instant()), prop::option::of(any::<u32>().prop_map(lease)));
    let claimed = (queue_id(), text(), text(), text(), any::<u32>(), until, instant()).prop_map(
        |(queue_id, task_id, run_id, worker, attempt, (lease_expires_at, lease), ts)| {
            QueueEvent::Claimed(Claimed { queue_id, task_id, run_id, worker, attempt, lease_expires_at, lease, ts })
        },
    );
    let done = (queue_id(), text(), text(), text(), instant(), prop::option::of(any::<u32>()), maybe(), maybe());
    let done = done.prop_map(|(queue_id, task_id, run_id, status, ts, attempt, reason, by)| {
        QueueEvent::Done(Done { queue_id, task_id, run_id, status, ts, attempt, reason, by })
    });
    let kind = prop::sample::select(HeldKind::ALL.to_vec());
    let held = (queue_id(), text(), text(), kind, any::<u32>(), text(), maybe(), instant()).prop_map(
        |(queue_id, task_id, run_id, kind, attempt, reason, by, ts)| {
            QueueEvent::Held(Hold { queue_id, task_id, run_id, kind, attempt, reason, by, ts })
        },
    );
    let requeued = (queue_id(), text(), any::<u32>(), prop::option::of(instant()), text(), maybe(), instant())
        .prop_map(|(queue_id, task_id, attempt, not_before, reason, by, ts)| {
            QueueEvent::Requeued(Requeued { queue_id, task_id, attempt, not_before, reason, by, ts })
        });
    let expired = (queue_id(), text(), instant(), instant()).prop_map(|(queue_id, task_id, deadline_at, ts)| {
        QueueEvent::Expired(Expired { queue_id, task_id, deadline_at, ts })
    });
    let stopped = (queue_id(), text(), text(), any::<u32>(), text(), text(), instant()).prop_map(
        |(queue_id, task_id, run_id, attempt, reason, by, ts)| {
            QueueEvent::StopRequested(StopRequested { queue_id, task_id, run_id, attempt, reason, by, ts })
        },
    );
    prop_oneof![enqueued, cancelled, claimed, done, held, requeued, expired, stopped]
}

pub(super) fn body(event: &QueueEvent) -> String {
    match event {
        QueueEvent::Enqueued(event) => enqueue_body(event),
        QueueEvent::Cancelled(event) => cancel_body(event),
        QueueEvent::Claimed(event) => claim_body(event),
        QueueEvent::Done(event) => done_body(event),
        QueueEvent::Held(event) => hold_body(event),
        QueueEvent::Requeued(event) => requeue_body(event),
        QueueEvent::Expired(event) => expire_body(event),
        QueueEvent::StopRequested(event) => stop_body(event),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decoding_a_line_gives_the_event_that_was_encoded(event in event(), prev in digest()) {
        let sealed = seal(&prev, body(&event));
        prop_assert!(!sealed.text.contains('\n'), "one line, split on line feeds alone");
        prop_assert_eq!(ledger::verify(&prev, sealed.text.as_bytes()), Some(sealed.hash));
        prop_assert!(looks_ours(sealed.text.as_bytes()));
        prop_assert_eq!(decode(sealed.text.as_bytes()), Ok(Line::Event(event)));
    }

    #[test]
    fn a_line_is_one_json_object_whose_members_stand_in_the_order_they_are_written(event in event()) {
        let sealed = seal(&Sha256Digest::ZERO, body(&event));
        let Value::Object(members) = serde_json::from_str(&sealed.text).expect("JSON") else { panic!("an object") };
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        prop_assert_eq!((names.first(), names.last()), (Some(&"event"), Some(&"h")));
        // Written again from what was read, it is the same bytes: separators, escapes and order are the writer's alone.
        let mut object = String::new();
        for (name, value) in &members {
            object.push_str(if object.is_empty() { "{" } else { ", " });
            let value = match value {
                Value::Array(texts) => format!("[{}]", texts.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => value.to_string(),
            };
            object.push_str(&format!("{}: {value}", Value::String(name.clone())));
        }
        prop_assert_eq!(format!("{object}}}"), sealed.text);
    }

    #[test]
    fn a_repair_reads_back_too(
        (damaged_sha256, verified_lines, ts) in (digest(), any::<u64>(), instant()),
        (kept_as, reason, principal) in (text(), text(), text()),
    ) {
        let repaired = Repaired { damaged_sha256, kept_as, verified_lines, reason, principal, ts };
        let sealed = encode_repaired(&repaired, &Sha256Digest::ZERO);
        prop_assert_eq!(decode(sealed.text.as_bytes()), Ok(Line::Repaired(repaired)));
    }

    #[test]
    fn an_adoption_reads_back_too(
        (prefix_sha256, prefix_lines, prefix_bytes, ts) in (digest(), any::<u64>(), any::<u64>(), instant()),
        (source, reason, principal) in (text(), text(), text()),
    ) {
        let adopted = Adopted { prefix_sha256, prefix_lines, prefix_bytes, source, reason, principal, ts };
        let sealed = encode_adopted(&adopted, &Sha256Digest::ZERO);
        prop_assert_eq!(decode(sealed.text.as_bytes()), Ok(Line::Adopted(adopted)));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        // Each answers or refuses; there is nothing to compare with.
        let _ = (decode(&bytes), decode_legacy(&bytes), looks_ours(&bytes), ledger::split(&bytes));
    }
}

#[test]
fn an_adoption_for_the_longest_of_reasons_still_fits() {
    let long = "\u{1}".repeat(100_000);
    let adopted = Adopted {
        prefix_sha256: Sha256Digest::ZERO,
        prefix_lines: u64::MAX,
        prefix_bytes: u64::MAX,
        source: long.clone(),
        reason: long.clone(),
        principal: long,
        ts: Timestamp::UNIX_EPOCH,
    };
    let sealed = encode_adopted(&adopted, &Sha256Digest::ZERO);
    assert!(sealed.text.len() <= ledger::LINE_MAX, "{} bytes", sealed.text.len());
    let Ok(Line::Adopted(read)) = decode(sealed.text.as_bytes()) else { panic!("an adoption") };
    assert!(read.source.ends_with('…'));
}

#[test]
fn a_repair_for_the_longest_of_reasons_still_fits() {
    let long = "\u{1}".repeat(100_000);
    let repaired = Repaired {
        damaged_sha256: Sha256Digest::ZERO,
        kept_as: long.clone(),
        verified_lines: u64::MAX,
        reason: long.clone(),
        principal: long,
        ts: Timestamp::UNIX_EPOCH,
    };
    let sealed = encode_repaired(&repaired, &Sha256Digest::ZERO);
    assert!(sealed.text.len() <= ledger::LINE_MAX, "{} bytes", sealed.text.len());
    let Ok(Line::Repaired(read)) = decode(sealed.text.as_bytes()) else { panic!("a repair") };
    assert!(read.reason.ends_with('…'));
}

#[test]
fn a_line_of_ours_that_lacks_a_member_or_has_another_type_is_a_problem() {
    let sealed = |body: &str| seal(&Sha256Digest::ZERO, body).text;
    let whole = r#"{"event": "QUEUE_DONE", "status": "SUCCESS", "task_id": "t", "run_id": "r", "completed_at": "x", "queue_id": "q", "ts": "2026-01-01T00:00:00.000000+00:00""#;
    assert!(matches!(decode(sealed(whole).as_bytes()), Ok(Line::Event(QueueEvent::Done(_)))));
    for (found, problem) in [
        (whole.replace(r#", "run_id": "r""#, ""), "lacks the member `run_id`"),
        (whole.replace(r#""queue_id": "q""#, r#""queue_id": " ""#), "lacks the member `queue_id`"),
        (whole.replace(r#""ts": "2026-01-01T00:00:00.000000+00:00""#, r#""ts": "today""#), "has no instant in `ts`"),
        (whole.replace(r#""run_id": "r""#, r#""run_id": 5"#), "is not our JSON"),
        (whole.replace(r#""run_id": "r""#, r#""run_id": "r", "run_id": "s""#), "is not our JSON"),
        (whole.replace(r#""event": "QUEUE_DONE", "#, ""), "is not our JSON"),
    ] {
        let Err(got) = decode(sealed(&found).as_bytes()) else { panic!("a problem: {found}") };
        assert!(got.to_string().contains(problem), "{got}: {found}");
    }
}

#[test]
fn an_event_of_a_newer_version_is_known_to_be_unknown() {
    let sealed = seal(&Sha256Digest::ZERO, r#"{"event": "QUEUE_RELEASE", "task_id": 7, "ts": null"#);
    assert_eq!(decode(sealed.text.as_bytes()), Ok(Line::Unknown { event: "QUEUE_RELEASE".into() }));
}

/// A legacy line and what it means, in words: the event and what is odd about it, or why the line is skipped.
fn legacy(line: &str) -> String {
    let at = |at: Timestamp| at.to_string();
    match decode_legacy(line.as_bytes()) {
        Err(problem) => problem.to_string(),
        Ok(
            event @ (QueueEvent::Held(_)
            | QueueEvent::Requeued(_)
            | QueueEvent::Expired(_)
            | QueueEvent::StopRequested(_)),
        ) => panic!("no event of the original: {event:?}"),
        Ok(QueueEvent::Enqueued(e)) => {
            let when =
                |when: Option<When>| when.map(|w| format!("{} ({})", w.text, w.at.map_or("no instant".into(), at)));
            format!(
                "enqueue {} {} p{} [{}|{}|{}|{}] {} {} at {}{}",
                e.queue_id,
                e.task_id,
                e.priority,
                e.owner,
                e.contract_path,
                e.workflow_id,
                e.source_run_id,
                when(e.scheduled.clone()).unwrap_or_default(),
                when(e.deadline.clone()).unwrap_or_default(),
                at(e.ts),
                if e.provenance.is_some() { " ours" } else { "" },
            )
        }
        Ok(QueueEvent::Cancelled(e)) => {
            format!("cancel {} {} {:?} {:?} at {}", e.queue_id, e.task_id, e.reason, e.cancelled_by, at(e.ts))
        }
        Ok(QueueEvent::Claimed(e)) => {
            format!("claim {} {} {} {:?} #{} at {}", e.queue_id, e.task_id, e.run_id, e.worker, e.attempt, at(e.ts))
        }
        Ok(QueueEvent::Done(e)) => {
            format!("done {} {} {} {} at {}", e.queue_id, e.task_id, e.run_id, e.status, at(e.ts))
        }
    }
}

#[test]
fn lines_of_the_original_mean_what_they_meant_there() {
    let rows = [
        // As it writes them.
        (
            r#"{"event": "QUEUE_ENQUEUE", "status": "PENDING", "task_id": "task_ok", "owner": "agent-1", "contract_path": "/r/contract.json", "priority": 7, "workflow_id": "wf", "source_run_id": "run_ok", "scheduled_at": "2030-01-01T00:00:00Z", "deadline_at": "2030-01-02T00:00:00+02:00", "ts": "2026-11-22T08:30:52.000001+00:00", "queue_id": "q1"}"#,
            "enqueue q1 task_ok p7 [agent-1|/r/contract.json|wf|run_ok] 2030-01-01T00:00:00Z (2030-01-01T00:00:00Z) \
             2030-01-02T00:00:00+02:00 (2030-01-01T22:00:00Z) at 2026-11-22T08:30:52.000001Z",
        ),
        // By its command line: no run, no workflow; its clock writes no fraction when it is zero.
        (
            r#"{"event": "QUEUE_ENQUEUE", "status": "PENDING", "task_id": "t", "owner": "", "contract_path": "c", "priority": 0, "ts": "2026-11-22T08:30:52+00:00", "queue_id": "q2"}"#,
            "enqueue q2 t p0 [|c||]   at 2026-11-22T08:30:52Z",
        ),
        // Its MCP server stored any schedule; a text that names no instant holds nothing up there.
        (
            r#"{"event": "QUEUE_ENQUEUE", "task_id": "t", "priority": 0, "scheduled_at": "next tuesday", "deadline_at": " ", "ts": "2026-11-22T08:30:52+00:00", "queue_id": "q3"}"#,
            "enqueue q3 t p0 [|||] next tuesday (no instant)  at 2026-11-22T08:30:52Z",
        ),
        (
            r#"{"event": "QUEUE_CANCEL", "status": "CANCELLED", "task_id": "t", "queue_id": "q1", "cancelled_at": "2026-11-22T09:00:00.5+00:00", "reason": "changed my mind", "cancelled_by": "OPS"}"#,
            r#"cancel q1 t Some("changed my mind") Some("OPS") at 2026-11-22T09:00:00.5Z"#,
        ),
        (
            r#"{"event": "QUEUE_CANCEL", "task_id": "t", "queue_id": "q1", "cancelled_at": "2026-11-22T09:00:00+00:00"}"#,
            "cancel q1 t None None at 2026-11-22T09:00:00Z",
        ),
        (
            r#"{"event": "QUEUE_CLAIM", "status": "CLAIMED", "task_id": "t", "run_id": "r", "ts": "2026-11-22T09:00:01+00:00", "queue_id": "q1", "claimed_at": "2026-11-22T09:00:00+00:00"}"#,
            r#"claim q1 t r "" #1 at 2026-11-22T09:00:00Z"#,
        ),
        (
            r#"{"event": "QUEUE_DONE", "status": "FAILURE", "task_id": "t", "run_id": "r", "completed_at": "2026-11-22T09:00:00+00:00", "ts": "2026-11-22T09:00:01+00:00", "queue_id": "fresh"}"#,
            "done fresh t r FAILURE at 2026-11-22T09:00:00Z",
        ),
        // What its `int()` made of a priority.
        (
            r#"{"event": "QUEUE_ENQUEUE", "task_id": "t", "queue_id": "q", "priority": 4000}"#,
            "enqueue q t p100 [|||]   at 1970-01-01T00:00:00Z",
        ),
        (
            r#"{"event": "QUEUE_ENQUEUE", "task_id": "t", "queue_id": "q", "priority": -1e300}"#,
            "enqueue q t p-100 [|||]   at 1970-01-01T00:00:00Z",
        ),
        (
            r#"{"event": "QUEUE_ENQUEUE", "task_id": "t", "queue_id": "q", "priority": 5.9}"#,
            "enqueue q t p5 [|||]   at 1970-01-01T00:00:00Z",
        ),
        (
            r#"{"event": "QUEUE_ENQUEUE", "task_id": "t", "queue_id": "q", "priority": " 12 "}"#,
            "enqueue q t p12 [|||]   at 1970-01-01T00:00:00Z",
        ),
        (
            r#"{"event": "QUEUE_ENQUEUE", "task_id": "t", "queue_id": "q", "priority": true}"#,
            "enqueue q t p1 [|||]   at 1970-01-01T00:00:00Z",
        ),
        (
            r#"{"event": "QUEUE_ENQUEUE", "task_id": "t", "queue_id": "q", "priority": [5]}"#,
            "enqueue q t p0 [|||]   at 1970-01-01T00:00:00Z",
        ),
        // What is no text counts as absent, as there.
        (
            r#"{"event": "QUEUE_ENQUEUE", "task_id": "t", "queue_id": "q", "owner": 5, "workflow_id": null}"#,
            "enqueue q t p0 [|||]   at 1970-01-01T00:00:00Z",
        ),
        // What it skips is kept and reported.
        ("", "is not JSON"),
        ("not json", "is not JSON"),
        (r#"{"event": "QUEUE_DONE""#, "is not JSON"),
        ("[]", "is not a JSON object"),
        ("5", "is not a JSON object"),
        ("null", "is not a JSON object"),
        (r#"{"event": "QUEUE_DONE", "task_id": "t"}"#, "has no queue_id"),
        (r#"{"event": "QUEUE_DONE", "queue_id": "q"}"#, "has no task_id"),
        (r#"{"event": "QUEUE_DONE", "queue_id": "q", "task_id": 5}"#, "has no task_id"),
        (
            r#"{"event": "QUEUE_\u001b[2J", "queue_id": "q", "task_id": "t"}"#,
            "has the unknown event `QUEUE_\\u{1b}[2J`",
        ),
    ];
    for (line, want) in rows {
        assert_eq!(legacy(line), want, "{line}");
    }
    assert_eq!(decode_legacy(b"{\"event\": \"\xff\"}"), Err(LineProblem("is not JSON".into())));
}

#[test]
fn a_legacy_task_that_no_later_line_could_name_is_reported() {
    let line = |bytes: usize| {
        let task = "\\u0001".repeat(bytes);
        format!(r#"{{"event": "QUEUE_ENQUEUE", "task_id": "{task}", "queue_id": "q"}}"#)
    };
    assert!(decode_legacy(line(LEGACY_TASK_ID_MAX).as_bytes()).is_ok());
    assert_eq!(legacy(&line(LEGACY_TASK_ID_MAX + 1)), "has a task_id of more than 4096 bytes");
}

#[test]
fn only_members_that_ours_alone_have_make_a_line_look_ours() {
    let original = r#"{"event": "QUEUE_ENQUEUE", "status": "PENDING", "task_id": "t", "owner": "agent-1", "contract_path": "c", "priority": 0, "ts": "2026-11-22T08:30:52+00:00", "queue_id": "q"}"#;
    assert!(!looks_ours(original.as_bytes()));
    for text in
        ["principal", "contract_sha256", "h", "approval_mode", "\\\"principal\\\": ", "\\\"h\\\": \\\"", "x\\\\"]
    {
        let line = original.replace("agent-1", text);
        assert!(!looks_ours(line.as_bytes()), "a text is no member: {line}");
    }
    for member in
        ["contract_sha256", "preview_digest", "approval_mode", "pilot_source", "principal", "lease_expires_at", "h"]
    {
        let line = original.replace("{\"event\"", &format!("{{\"{member}\": \"x\", \"event\""));
        assert!(looks_ours(line.as_bytes()), "{line}");
    }
    assert!(looks_ours(br#"{"event": "LEDGER_REPAIRED", "damaged_sha256": "0""#), "also when it is torn");
    assert!(looks_ours(b"\xff\"principal\": \"x\""), "and when it is no text");
}
