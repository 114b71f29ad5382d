//! When the beginning of the ledger is sealed into a segment of its own.

use cortexpilot_ledger::SegmentRule;
use jiff::SignedDuration;

use super::sources::Sources;
use super::{table, value};

/// From 1 MiB to 64 GiB.
const SIZES: (u64, u64) = (1 << 20, 64 << 30);

/// From an hour to ten years.
const AGES: (SignedDuration, SignedDuration) = (SignedDuration::from_hours(1), SignedDuration::from_hours(3650 * 24));

/// Never, unless a size or an age is configured.
pub(super) fn rule(sources: &mut Sources) -> SegmentRule {
    let size = sources.parsed(&table::SEGMENT_SIZE, |raw| optional(raw, |raw| value::size(raw, SIZES.0, SIZES.1)));
    let age = sources.parsed(&table::SEGMENT_AGE, |raw| optional(raw, |raw| value::span(raw, AGES.0, AGES.1)));
    let rule = SegmentRule { bytes: size.flatten(), age: age.flatten() };
    sources.show(&table::SEGMENT_SIZE, rule.bytes.map(value::size_text).unwrap_or_default());
    sources.show(&table::SEGMENT_AGE, rule.age.map(value::duration_text).unwrap_or_default());
    rule
}

fn optional<T>(raw: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if raw.trim().is_empty() { Ok(None) } else { parse(raw).map(Some) }
}
