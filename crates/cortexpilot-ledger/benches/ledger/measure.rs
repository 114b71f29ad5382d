//! What a side did and how it is told: durations, syncs, bytes, ratios and targets.
//!
//! The library counts what it issues to the disk, and says so; the bare sides count themselves.

use std::path::Path;
use std::time::{Duration, Instant};

use cortexpilot_ledger::IoCounts;

/// By how much sides that are compared may differ in syncs or bytes for each acknowledged line.
const DIFFERENCE_MAX: f64 = 0.01;

/// What a side issued.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Issued {
    /// Acknowledged lines.
    pub(crate) lines: u64,
    /// Of files and directories.
    pub(crate) syncs: u64,
    /// Of lines and contracts, and of lines of other processes that were written once more.
    pub(crate) bytes: u64,
}

impl Issued {
    /// The library's, between two looks at what it counts.
    pub(crate) fn by_library(lines: usize, before: IoCounts, after: IoCounts) -> Self {
        Self { lines: lines as u64, syncs: after.syncs - before.syncs, bytes: after.bytes - before.bytes }
    }

    /// Two parts of one side.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { lines: self.lines + other.lines, syncs: self.syncs + other.syncs, bytes: self.bytes + other.bytes }
    }

    fn told(self) -> String {
        let of_line = |count: u64| count as f64 / self.lines.max(1) as f64;
        format!(
            "{} lines, {} syncs, {} bytes: {:.3} syncs and {:.1} bytes a line",
            self.lines,
            self.syncs,
            self.bytes,
            of_line(self.syncs),
            of_line(self.bytes)
        )
    }
}

/// Nothing issued yet.
pub(crate) const NOTHING: Issued = Issued { lines: 0, syncs: 0, bytes: 0 };

/// One side of a figure.
pub(crate) struct Side {
    /// Who.
    pub(crate) name: String,
    /// What was measured, with its unit.
    pub(crate) value: String,
    /// What it issued; `None` where nothing is written.
    pub(crate) issued: Option<Issued>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// It is only told.
    None,
}

/// One measured figure.
pub(crate) struct Figure {
    /// What is compared with what.
    pub(crate) name: String,
    /// The number, round by round; their median counts.
    pub(crate) rounds: Vec<f64>,
    /// Its unit; `×` for a ratio.
    pub(crate) unit: &'static str,
    /// What it should be.
    pub(crate) target: Target,
    /// Whether the sides must have issued the same for each line.
    pub(crate) like_with_like: bool,
    /// Both sides, or more.
    pub(crate) sides: Vec<Side>,
}

/// How a figure came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Within its target, or without one.
    Met,
    /// Outside its target.
    Missed,
    /// It says nothing.
    Invalid,
}

impl Figure {
    /// Prints it and says how it came out.
    pub(crate) fn tell(&self) -> Outcome {
        let value = median(&self.rounds);
        let (wanted, met) = match self.target {
            Target::AtMost(most) => (format!("at most {most}"), Some(value <= most)),
            Target::AtLeast(least) => (format!("at least {least}"), Some(value >= least)),
            Target::None => ("no target".to_owned(), None),
        };
        let problem = self.problem();
        let (word, outcome) = match (&problem, met) {
            (Some(_), _) => ("INVALID", Outcome::Invalid),
            (None, Some(true)) => ("met", Outcome::Met),
            (None, Some(false)) => ("MISSED", Outcome::Missed),
            (None, None) => ("told", Outcome::Met),
        };
        println!("figure: {}: {value:.3} {} ({wanted}): {word}", self.name, self.unit);
        if self.rounds.len() > 1 {
            let least = self.rounds.iter().copied().fold(f64::INFINITY, f64::min);
            let most = self.rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            println!("    median of {} rounds, which lie between {least:.3} and {most:.3}", self.rounds.len());
        }
        for side in &self.sides {
            let issued = side.issued.map_or(String::new(), |issued| format!("; {}", issued.told()));
            println!("    {}: {}{issued}", side.name, side.value);
        }
        if let Some(problem) = problem {
            println!("    INVALID: {problem}");
        }
        outcome
    }

    fn problem(&self) -> Option<String> {
        if self.rounds.is_empty() || self.rounds.iter().any(|value| !value.is_finite()) {
            return Some("a round could not be measured".into());
        }
        let issued: Vec<(&str, Issued)> =
            self.sides.iter().filter_map(|side| Some((side.name.as_str(), side.issued?))).collect();
        if !self.like_with_like {
            return None;
        }
        let of_line = |count: u64, issued: &Issued| count as f64 / issued.lines.max(1) as f64;
        issued.windows(2).find_map(|pair| {
            let [(one, first), (other, second)] = pair else { return None };
            let syncs = [first, second].map(|issued| of_line(issued.syncs, issued));
            let bytes = [first, second].map(|issued| of_line(issued.bytes, issued));
            (differ(syncs) || differ(bytes)).then(|| format!("`{one}` and `{other}` did not do the same for each line"))
        })
    }
}

fn differ([one, other]: [f64; 2]) -> bool {
    (one - other).abs() > DIFFERENCE_MAX * one.max(other)
}

/// A file's size; 0 when there is none.
pub(crate) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}

/// The lines of a ledger from an offset on, each with its newline.
pub(crate) fn lines_from(path: &Path, offset: u64) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).expect("the ledger can be read");
    let new = &bytes[usize::try_from(offset).expect("a ledger of this size fits into memory")..];
    new.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// How long something took, and what it gave.
pub(crate) fn timed<T>(what: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let value = what();
    (started.elapsed(), value)
}

/// The middle one.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// In microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// The middle one, in microseconds.
pub(crate) fn median_us(samples: &[Duration]) -> f64 {
    median(&samples.iter().copied().map(micros).collect::<Vec<_>>())
}
