//! The quick way and the general one agree.

use proptest::prelude::*;

use super::super::tests::{body, event};
use super::super::{Line, OutlineLine, decode, decode_any, outline, seal};
use super::*;

fn sealed(event: &QueueEvent) -> Vec<u8> {
    seal(&Sha256Digest::ZERO, body(event)).text.into_bytes()
}

/// Small changes to a line, those that mean something to JSON among them.
#[derive(Debug, Clone)]
enum Change {
    Flip(usize, u8),
    Put(usize, &'static str),
    Cut(usize, usize),
    /// A piece of the line once more, somewhere else.
    Repeat(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let pieces = vec![
        "\"",
        "\\",
        "\\\"",
        "\\u00e9",
        "\\ud800",
        "\\ud83d\\ude00",
        " ",
        ", ",
        ": ",
        "null",
        "0",
        "-",
        ".5",
        "e3",
        "[",
        "]",
        "{",
        "}",
        "\u{1}",
        "\n",
        "é",
        "\"x\": 1, ",
        "\"ts\": \"\", ",
        "\"event\": \"X\", ",
        "\"task_id\": \"again\", ",
        "\"approvals\": [\"a\", \"b\"], ",
        "99999999999",
        "18446744073709551615",
        "T",
        "60",
    ];
    prop_oneof![
        (any::<usize>(), 1..=255_u8).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (any::<usize>(), prop::sample::select(pieces)).prop_map(|(at, piece)| Change::Put(at, piece)),
        (any::<usize>(), 1..40_usize).prop_map(|(at, count)| Change::Cut(at, count)),
        (any::<usize>(), 1..60_usize, any::<usize>()).prop_map(|(at, count, to)| Change::Repeat(at, count, to)),
    ]
}

fn changed(mut line: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: usize| at % (line.len() + 1);
        match change {
            Change::Flip(at, bits) => {
                let at = place(*at).min(line.len().saturating_sub(1));
                line.get_mut(at).into_iter().for_each(|byte| *byte ^= bits);
            }
            Change::Put(at, piece) => {
                let at = place(*at);
                line.splice(at..at, piece.bytes());
            }
            Change::Cut(at, count) => {
                let (at, end) = (place(*at), place(*at).saturating_add(*count).min(line.len()));
                line.drain(at..end);
            }
            Change::Repeat(at, count, to) => {
                let (at, to) = (place(*at), place(*to));
                let piece = line[at..at.saturating_add(*count).min(line.len())].to_vec();
                line.splice(to..to, piece);
            }
        }
    }
    line
}

/// All three ways to read a line say the same of it; gives whether it was read quickly.
fn agree(line: &[u8]) -> Result<bool, TestCaseError> {
    let general = decode_any(line);
    let quick = read::<QueueEvent>(line);
    let quickly = quick.is_some();
    prop_assert_eq!(read::<Outline<'_>>(line), quick.clone().map(Outline::from));
    if let Some(event) = quick {
        prop_assert_eq!(Ok(Line::Event(event)), general.clone());
    }
    prop_assert_eq!(decode(line), general.clone());
    let expected = general.map(|line| match line {
        Line::Event(event) => OutlineLine::Event(event.into()),
        Line::Repaired(repaired) => OutlineLine::Repaired(repaired),
        Line::Adopted(adopted) => OutlineLine::Adopted(adopted),
        Line::Unknown { event } => OutlineLine::Unknown { event },
    });
    prop_assert_eq!(outline(line), expected);
    Ok(quickly)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_that_is_written_is_read_quickly_and_says_the_same(event in event()) {
        prop_assert!(agree(&sealed(&event))?);
    }

    #[test]
    fn a_line_that_was_changed_says_the_same_in_both_ways(
        event in event(),
        changes in prop::collection::vec(change(), 1..4),
    ) {
        agree(&changed(sealed(&event), &changes))?;
    }

    #[test]
    fn an_instant_means_the_same_in_both_ways(
        (year, month, day) in (0..=9999_u32, 0..=13_u32, 0..=32_u32),
        (hour, minute, second, micros) in (0..=24_u32, 0..=60_u32, 0..=61_u32, 0..=999_999_u32),
    ) {
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}+00:00");
        prop_assert_eq!(instant(&text), text.parse().ok(), "{}", text);
    }
}

#[test]
fn every_day_of_400_years_is_counted_as_the_calendar_counts_it() {
    let first: Timestamp = "1970-01-01T23:59:59.999999+00:00".parse().expect("an instant");
    // The calendar repeats itself after 146,097 days.
    for day in 0..146_097 {
        let at = first + jiff::SignedDuration::from_hours(24 * day);
        let date = jiff::tz::Offset::UTC.to_datetime(at).date();
        let text = format!("{:04}-{:02}-{:02}T23:59:59.999999+00:00", date.year(), date.month(), date.day());
        assert_eq!(plain_instant(text.as_bytes()), Some(at), "{text}");
    }
}

#[test]
fn what_is_not_spelled_as_we_spell_it_is_left_to_the_general_reader() {
    let done = |members: &str| format!("{{\"event\": \"QUEUE_DONE\", {members}, \"h\": \"\"}}");
    let members = "\"status\": \"ok\", \"task_id\": \"t\", \"run_id\": \"r\", \"completed_at\": \"\", \"queue_id\": \"q\", \
                   \"ts\": \"2026-01-01T00:00:00.000000+00:00\"";
    assert!(read::<QueueEvent>(done(members).as_bytes()).is_some());
    let others = [
        members.replace("\": \"", "\":\""),
        members.replace("\"ok\"", "\"ok\", \"new\": 1"),
        members.replace("\"ok\"", "\"ok\", \"status\": \"ok\""),
        members.replace("\"ok\", \"task_id\": \"t\"", "\"task_id\": \"t\", \"status\": \"ok\""),
        members.replace("\"q\"", "\" \""),
        members.replace("2026", "year"),
    ];
    for other in others {
        assert_ne!(other, members);
        assert!(read::<QueueEvent>(done(&other).as_bytes()).is_none(), "{other}");
    }
    assert!(read::<QueueEvent>(format!("{} ", done(members)).as_bytes()).is_none(), "something behind it");
}
