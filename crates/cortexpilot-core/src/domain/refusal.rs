//! How many refusals are written down. A caller that is refused in a loop must not fill the disk.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::approval::ApprovalId;
use super::gate::Denial;
use super::id::Sha256Digest;
use super::principal::Caller;
use crate::error::ErrorCode;

/// One refusal, to be recorded.
#[derive(Debug)]
pub struct Refusal<'a> {
    /// Who was refused, where.
    pub caller: &'a Caller,
    /// What was said.
    pub denial: &'a Denial,
    /// The run it was about.
    pub run_id: Option<String>,
    /// The preview it rested on, where known.
    pub preview_digest: Option<Sha256Digest>,
    /// The request it was about.
    pub approval_id: Option<&'a ApprovalId>,
    /// When.
    pub now: Timestamp,
}

/// Refusals of one principal and code that are recorded one by one within a minute.
pub const RECORDED_PER_MINUTE: u32 = 60;

/// Principals and codes tracked at once; past that, the oldest window gives way.
const TRACKED_MAX: usize = 4096;

/// What to do with a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// One line of its own.
    Line,
    /// Counted; a line with the count follows when the minute is over. Of callers without a principal none ever follows.
    Counted,
}

/// A line that stands for refusals which were only counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountLine {
    /// Whose.
    pub principal: String,
    /// The code.
    pub code: ErrorCode,
    /// Where the last of them came from.
    pub surface: &'static str,
    /// How many.
    pub count: u64,
}

/// Decides which refusals become lines: the first [`RECORDED_PER_MINUTE`] of a principal and code in a minute, then one
/// counting line a minute. Pure; the store owns one and passes the time in.
#[derive(Debug, Default)]
pub struct RefusalMeter {
    windows: HashMap<(String, ErrorCode), Window>,
    unauthenticated: u64,
}

#[derive(Debug)]
struct Window {
    since: Timestamp,
    seen: u32,
    counted: u64,
    surface: &'static str,
}

impl RefusalMeter {
    /// Takes note of one refusal. Call [`RefusalMeter::due`] first, so that a finished minute is accounted for.
    pub fn note(&mut self, principal: &str, code: ErrorCode, surface: &'static str, now: Timestamp) -> Record {
        // Anybody who reaches the port can make these: they cost a number, never a line.
        if code == ErrorCode::Unauthenticated {
            self.unauthenticated = self.unauthenticated.saturating_add(1);
            return Record::Counted;
        }
        let key = (principal.to_owned(), code);
        if !self.windows.contains_key(&key) && self.windows.len() >= TRACKED_MAX {
            self.forget_oldest();
        }
        let window = self.windows.entry(key).or_insert(Window { since: now, seen: 0, counted: 0, surface });
        window.surface = surface;
        window.seen = window.seen.saturating_add(1);
        if window.seen <= RECORDED_PER_MINUTE {
            Record::Line
        } else {
            window.counted += 1;
            Record::Counted
        }
    }

    /// Closes the minutes that are over and gives a counting line for each that counted something.
    pub fn due(&mut self, now: Timestamp) -> Vec<CountLine> {
        self.close(|window| now.duration_since(window.since) >= SignedDuration::from_mins(1) || now < window.since)
    }

    /// Closes every minute: for a process that ends.
    pub fn drain(&mut self) -> Vec<CountLine> {
        self.close(|_| true)
    }

    /// How many callers without a principal were refused since the meter was made.
    pub fn unauthenticated(&self) -> u64 {
        self.unauthenticated
    }

    /// Whether any refusal waits to be accounted for.
    pub fn counts_something(&self) -> bool {
        self.windows.values().any(|window| window.counted > 0)
    }

    fn close(&mut self, over: impl Fn(&Window) -> bool) -> Vec<CountLine> {
        let mut lines: Vec<CountLine> = Vec::new();
        self.windows.retain(|(principal, code), window| {
            let closes = over(window);
            if closes && window.counted > 0 {
                lines.push(CountLine {
                    principal: principal.clone(),
                    code: *code,
                    surface: window.surface,
                    count: window.counted,
                });
            }
            !closes
        });
        lines.sort_by(|a, b| (&a.principal, a.code.as_str()).cmp(&(&b.principal, b.code.as_str())));
        lines
    }

    fn forget_oldest(&mut self) {
        // A window that counted something is kept over one that did not: its line is still owed.
        let oldest = self.windows.iter().min_by_key(|(_, window)| (window.counted > 0, window.since));
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.windows.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_refusals_a_minute_are_lines_and_the_rest_is_counted() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut meter = RefusalMeter::default();
        let lines = (0..100)
            .filter(|_| meter.note("agent:a", ErrorCode::ConfirmRequired, "mcp", start) == Record::Line)
            .count();
        assert_eq!(lines, 60);
        assert_eq!(meter.note("agent:b", ErrorCode::ConfirmRequired, "mcp", start), Record::Line);
        assert_eq!(meter.due(start + SignedDuration::from_secs(59)), vec![]);
        let due = meter.due(start + SignedDuration::from_secs(60));
        assert_eq!(due.len(), 1);
        assert_eq!((due[0].principal.as_str(), due[0].count), ("agent:a", 40));
        assert_eq!(meter.note("agent:a", ErrorCode::ConfirmRequired, "mcp", start), Record::Line, "a new minute");
        assert!(meter.drain().is_empty());
    }
}
