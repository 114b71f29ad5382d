//! The table of codes, and the meter that keeps refusals from filling a disk.

use std::collections::{BTreeMap, BTreeSet};

use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::gate::GateId;
use cortexpilot_core::domain::principal::Surface;
use cortexpilot_core::domain::refusal::{RECORDED_PER_MINUTE, Record, RefusalMeter};
use cortexpilot_core::error::{ErrorCode, Retry, WhoCanAct, exit};
use cortexpilot_core::port::StoreError;
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::support::{seconds, start};

#[test]
fn a_codes_row_agrees_with_itself() {
    for code in ErrorCode::ALL {
        let (row, name) = (code.row(), code.as_str());
        let exits: &[u8] = match row.status {
            401 | 403 | 429 => &[exit::DENIED],
            404 => &[exit::NOT_FOUND],
            // A process that may not start was configured wrongly, whatever the floor is.
            409 if *code == ErrorCode::PolicyBelowFloor => &[exit::USAGE],
            409 => &[exit::CONFLICT],
            400 | 405 | 413 | 415 | 421 => &[exit::USAGE],
            // A missing name is a gate's refusal, a wrong type is none.
            422 => &[exit::DENIED, exit::USAGE],
            408 | 503 | 507 => &[exit::STORE],
            500 => &[exit::INTERNAL],
            other => panic!("{name}: no code answers {other}"),
        };
        assert!(exits.contains(&row.exit), "{name}: status {} with exit code {}", row.status, row.exit);
        let agent = row.agent_step;
        match row.retry {
            Retry::AfterPreview => assert!(agent.contains("preview_enqueue_from_run"), "{name}: {agent}"),
            // Whoever must not try again is told to stop, or to turn to a person.
            Retry::Never => assert!(agent.contains("Stop") || agent.contains("Tell the person"), "{name}: {agent}"),
            // How long to wait is said where it is known: at a limit, and not while a store is down.
            Retry::AfterWait => assert_eq!(agent.contains("retry_after_s"), row.status == 429, "{name}: {agent}"),
            Retry::AfterFix => {}
        }
        if row.who == WhoCanAct::Operator {
            assert!(agent.contains("person") || agent.contains("Stop"), "{name}: {agent}");
            assert_ne!(row.retry, Retry::AfterPreview, "{name}: a preview is the caller's own to make");
        }
        for text in [row.meaning, row.agent_step, row.operator_step] {
            assert!(text.trim() == text && text.ends_with(['.', ')', '`']), "{name}: {text}");
        }
        for forbidden in ["CORTEXPILOT", "docs/", "--", "$", ".json"] {
            assert!(!agent.contains(forbidden), "{name}: {agent}");
        }
        for surface in Surface::ALL {
            let step = code.next_step(surface);
            let names_a_variable = step.contains("CORTEXPILOT_");
            assert!(surface == Surface::Cli || !names_a_variable, "{name}: {step}");
            assert_eq!(
                step == row.agent_step,
                surface == Surface::Mcp || row.agent_step == row.operator_step,
                "{name}"
            );
        }
    }
    println!("figure: {} codes", ErrorCode::ALL.len());
}

#[test]
fn a_gates_codes_say_who_can_open_it() {
    for gate in GateId::ALL {
        let row = gate.row();
        for code in row.codes {
            let status = code.row().status;
            let want: &[u16] = match row.number {
                1 => &[401],
                2..=4 => &[403],
                5 => &[422],
                6 => &[400, 404, 409],
                7 => &[409],
                8 => &[429],
                number => panic!("gate {number} has no code in this version"),
            };
            assert!(want.contains(&status), "{}: {}", row.name, code.as_str());
        }
        assert_eq!(
            row.codes.iter().collect::<Vec<_>>().len(),
            row.codes.iter().map(|code| code.as_str()).collect::<BTreeSet<_>>().len()
        );
    }
    let all: Vec<ErrorCode> = GateId::ALL.iter().flat_map(|gate| gate.row().codes).copied().collect();
    let distinct: BTreeSet<&str> = all.iter().map(|code| code.as_str()).collect();
    assert_eq!(distinct.len(), all.len(), "a code belongs to one gate");
}

#[test]
fn a_stores_own_words_are_for_logs_alone() {
    let text = || "open /srv/secret/queue.jsonl: permission denied".to_owned();
    let rows = [
        (StoreError::Unavailable(text()), ErrorCode::StoreUnavailable),
        (StoreError::OutcomeUnknown(text()), ErrorCode::OutcomeUnknown),
        (StoreError::Full(text()), ErrorCode::StoreFull),
        (StoreError::Corrupt { file: text(), line: 7 }, ErrorCode::LedgerCorrupt),
        (StoreError::Newer { event: text() }, ErrorCode::LedgerNewer),
    ];
    for (error, code) in rows {
        assert!(error.to_string().contains("secret"), "the log has it");
        let failure = Failure::from(error);
        assert_eq!((failure.code(), failure.reason()), (code, code.row().meaning.to_owned()));
        assert_eq!(code.row().status, if code == ErrorCode::StoreFull { 507 } else { 503 });
    }
}

#[derive(Debug, Clone)]
struct Refused {
    principal: u8,
    code: usize,
    after: i64,
}

fn refusals() -> impl Strategy<Value = Vec<Refused>> {
    // Mostly in a burst, sometimes a while later, sometimes with a clock that went back.
    let after = prop_oneof![20 => 0..2_i64, 2 => 10..90_i64, 1 => -50..0_i64];
    let one = (0..3_u8, 0..2_usize, after).prop_map(|(principal, code, after)| Refused { principal, code, after });
    prop::collection::vec(one, 0..500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_refusal_is_a_line_or_in_a_count_and_no_minute_has_more_than_sixty_lines(refusals in refusals()) {
        let codes = [ErrorCode::ConfirmRequired, ErrorCode::RoleMismatch];
        let mut meter = RefusalMeter::default();
        let mut now = start();
        let mut told: BTreeMap<(String, &str), u64> = BTreeMap::new();
        let mut sent: BTreeMap<(String, &str), u64> = BTreeMap::new();
        let mut lines: BTreeMap<(String, &str), Vec<jiff::Timestamp>> = BTreeMap::new();
        let mut counting_lines = 0_u64;
        let mut forward = true;
        for refused in &refusals {
            forward &= refused.after >= 0;
            now += seconds(refused.after);
            for count in meter.due(now) {
                prop_assert!(count.count > 0, "a minute that counted nothing has no line");
                *told.entry((count.principal, count.code.as_str())).or_default() += count.count;
                counting_lines += 1;
            }
            let key = (format!("p{}", refused.principal), codes[refused.code].as_str());
            *sent.entry(key.clone()).or_default() += 1;
            if meter.note(&key.0, codes[refused.code], "mcp", now) == Record::Line {
                *told.entry(key.clone()).or_default() += 1;
                lines.entry(key).or_default().push(now);
            }
        }
        prop_assert_eq!(meter.counts_something(), sent != told, "what is not told yet is owed");
        for count in meter.drain() {
            *told.entry((count.principal, count.code.as_str())).or_default() += count.count;
        }
        prop_assert_eq!(&sent, &told, "nothing is lost and nothing is told twice");
        prop_assert!(!meter.counts_something());
        prop_assert!(meter.drain().is_empty());
        if forward {
            for times in lines.values() {
                // A window opens with a refusal and lasts a minute, so any minute touches two of them at most.
                let most = times.iter().map(|from| {
                    times.iter().filter(|at| *at >= from && at.duration_since(*from) < SignedDuration::from_mins(1)).count()
                }).max().unwrap_or(0);
                prop_assert!(most <= 2 * RECORDED_PER_MINUTE as usize, "{} lines in a minute", most);
            }
            let minutes = now.duration_since(start()).as_mins().unsigned_abs() + 1;
            prop_assert!(counting_lines <= minutes * 6, "one counting line a minute, a principal and a code");
        }
    }
}

#[test]
fn callers_without_a_principal_cost_a_number_and_never_a_line() {
    let mut meter = RefusalMeter::default();
    for _ in 0..1000 {
        assert_eq!(meter.note("unauthenticated", ErrorCode::Unauthenticated, "http", start()), Record::Counted);
    }
    assert_eq!(meter.unauthenticated(), 1000);
    assert!(!meter.counts_something());
    assert!(meter.due(start() + seconds(3600)).is_empty());
}

#[test]
fn a_crowd_of_principals_does_not_grow_the_meter_without_end() {
    let mut meter = RefusalMeter::default();
    // One that is owed a count, then many thousands that are not.
    for _ in 0..=RECORDED_PER_MINUTE {
        meter.note("busy", ErrorCode::ConfirmRequired, "http", start());
    }
    for crowd in 0..6000 {
        assert_eq!(meter.note(&format!("p{crowd}"), ErrorCode::ConfirmRequired, "http", start()), Record::Line);
    }
    let owed = meter.drain();
    assert_eq!(owed.len(), 1, "the one that counted something was kept");
    assert_eq!((owed[0].principal.as_str(), owed[0].count), ("busy", 1));
}
