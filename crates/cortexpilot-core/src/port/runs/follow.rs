//! A run's events for whoever follows them: from a position on, whole lines alone.

use std::fmt;

use serde_json::Value;

/// Where in a run's events somebody stands: behind a line, or in the middle of one that is too long to be shown.
///
/// It names a byte and a digest of what stands just before it, so that another file under the same name is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EventsPosition {
    /// How many bytes stand before it.
    pub offset: u64,
    /// A digest of the last of them; 0 at the beginning.
    pub mark: u64,
    /// The rest of the line that it stands in is to be passed over.
    pub within: bool,
}

impl EventsPosition {
    /// Reads a position that [`Display`](fmt::Display) wrote. Any other text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (offset, rest) = text.split_once('-')?;
        let (mark, within) = rest.strip_suffix('~').map_or((rest, false), |mark| (mark, true));
        let digits = offset.bytes().all(|byte| byte.is_ascii_digit()) && mark.len() == 16;
        let position = Self { offset: offset.parse().ok()?, mark: u64::from_str_radix(mark, 16).ok()?, within };
        // One spelling only.
        (digits && position.to_string() == text).then_some(position)
    }
}

impl fmt::Display for EventsPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}{}", self.offset, self.mark, if self.within { "~" } else { "" })
    }
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventsBegin {
    /// With the first event.
    First,
    /// With so many of the last.
    Last(usize),
    /// Behind a position that an earlier slice gave.
    Behind(EventsPosition),
}

/// Which events are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsFrom {
    /// Where to begin.
    pub begin: EventsBegin,
    /// Only events after this time, compared as in [`EventsQuery`](super::EventsQuery).
    pub since: Option<String>,
    /// At most so many; there may be fewer in a slice, and more behind it.
    pub limit: usize,
}

/// One event, and where its line ends.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowedEvent {
    /// Behind its line.
    pub position: EventsPosition,
    /// The object; a line that is no JSON object is `{"raw": …}`.
    pub event: Value,
    /// Its time as written, or empty.
    pub ts: String,
}

/// Events in file order. A last line without its newline is none yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventsSlice {
    /// The events.
    pub events: Vec<FollowedEvent>,
    /// Where the next slice begins, also when this one holds no event.
    pub end: EventsPosition,
    /// There is more behind it already.
    pub more: bool,
    /// What stood before the position is not what stands there now: this slice begins with the first event.
    pub replaced: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_has_one_spelling_and_other_texts_are_none() {
        for position in [
            EventsPosition::default(),
            EventsPosition { offset: 12, mark: 0xab, within: false },
            EventsPosition { offset: u64::MAX, mark: u64::MAX, within: true },
        ] {
            assert_eq!(EventsPosition::parse(&position.to_string()), Some(position));
        }
        for text in [
            "",
            "0",
            "12-",
            "-0000000000000000",
            "012-0000000000000000",
            "+1-0000000000000000",
            "1-000000000000000A",
            "1-+00000000000000a",
            "1-0000000000000000~~",
            "99999999999999999999-0000000000000000",
            "2026-03-01T12:00:00+00:00",
        ] {
            assert_eq!(EventsPosition::parse(text), None, "{text}");
        }
    }
}
