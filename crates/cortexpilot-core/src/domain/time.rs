//! Instants as the wire and the ledger write them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Writes an instant the way every ledger line does: `YYYY-MM-DDTHH:MM:SS.ffffff+00:00`, always six fraction digits.
pub fn ledger_text(at: Timestamp) -> String {
    let at = TimeZone::UTC.to_datetime(at);
    if at.year() < 0 {
        // Only a legacy line can say so.
        return at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string();
    }
    let mut text = *b"0000-00-00T00:00:00.000000+00:00";
    // Digit by digit: nearly every line has one or two, and a general formatter takes many times as long.
    for (end, count, value) in [
        (4, 4, i32::from(at.year())),
        (7, 2, i32::from(at.month())),
        (10, 2, i32::from(at.day())),
        (13, 2, i32::from(at.hour())),
        (16, 2, i32::from(at.minute())),
        (19, 2, i32::from(at.second())),
        (26, 6, at.subsec_nanosecond() / 1000),
    ] {
        let mut rest = value;
        for digit in text[end - count..end].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
    }
    String::from_utf8(text.to_vec()).expect("invariant: digits and signs are ASCII")
}

/// Cuts an instant to whole microseconds, the ledger's resolution, so that what is compared is what is stored.
pub fn to_micros(at: Timestamp) -> Timestamp {
    // Flooring never leaves the range that the input was in.
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// An instant that a caller gave, kept as sent (trimmed), because the approver must see what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    at: Timestamp,
}

/// Why an instant was refused. The `Display` form completes the sentence "`scheduled_at` …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be ISO 8601 with an explicit offset or Z, for example 2030-01-31T09:00:00Z")]
pub struct ScheduleProblem;

impl Schedule {
    /// Parses ISO 8601 / RFC 3339 with an explicit offset. `Ok(None)` means absent: blank after trimming.
    ///
    /// # Errors
    /// [`ScheduleProblem`] for anything else: a local time without an offset would mean another instant elsewhere.
    pub fn parse(raw: &str) -> Result<Option<Self>, ScheduleProblem> {
        let text = raw.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let plain = text.len() <= 40
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'T' | b't' | b'Z' | b'z' | b':' | b'.' | b'+' | b'-'));
        if !plain || has_unknown_offset(text) {
            return Err(ScheduleProblem);
        }
        let at: Timestamp = text.parse().map_err(|_| ScheduleProblem)?;
        Ok(Some(Self { text: text.to_owned(), at }))
    }

    /// As sent, trimmed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The instant.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// Whether the offset is minus zero in whatever precision, which says "offset unknown" (RFC 3339 §4.3): not an explicit one.
fn has_unknown_offset(text: &str) -> bool {
    let Some((_, time)) = text.split_once(['T', 't']) else { return false };
    time.split_once('-').is_some_and(|(_, offset)| offset.bytes().all(|b| matches!(b, b'0' | b':')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ledger_times_always_have_six_digits() {
        let check = |text: &str, want: &str| {
            let at: Timestamp = text.parse().expect("a timestamp");
            assert_eq!(ledger_text(at), want);
        };
        check("2026-11-22T08:30:52Z", "2026-11-22T08:30:52.000000+00:00");
        check("2026-11-22T08:30:52.000001Z", "2026-11-22T08:30:52.000001+00:00");
        check("2026-11-22T10:30:52.123456789+02:00", "2026-11-22T08:30:52.123456+00:00");
    }

    proptest! {
        #[test]
        fn ledger_times_are_what_a_general_formatter_writes(second in -62_135_596_800_i64..253_402_207_200, nano in 0..1_000_000_000_i32) {
            let at = Timestamp::new(second, nano).expect("from year 1 to 9999");
            let want = at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string();
            prop_assert_eq!(ledger_text(at), want);
        }
    }

    #[test]
    fn schedules_need_an_explicit_offset_and_are_kept_as_sent() {
        for good in
            ["2030-01-01T00:00:00Z", "2030-01-02T00:00:00+02:00", "2030-01-02T00:00+02:00", "2030-01-01T00:00:00.5Z"]
        {
            let parsed = Schedule::parse(&format!("  {good} ")).expect("accepted").expect("given");
            assert_eq!(parsed.text(), good);
        }
        for bad in [
            "next tuesday",
            "2030-01-01",
            "2030-01-01T00:00:00",
            "2030-13-01T00:00:00Z",
            "2030-01-01T00:00:00-00:00",
            "2030-01-01T00:00:00-0000",
            "2030-01-01T00:00:00-00",
            "2030-01-01T00:00-00:00:00",
            "2030-01-01T00:00:00+02:00[Europe/Berlin]",
            "1893456000",
        ] {
            assert_eq!(Schedule::parse(bad), Err(ScheduleProblem), "{bad}");
        }
        assert_eq!(Schedule::parse("  "), Ok(None));
    }
}
