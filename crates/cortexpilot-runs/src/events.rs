//! A run's events: `events.jsonl`, one JSON object a line, read as a stream.

use std::fs::File;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use crate::EVENT_LINE_BYTES_MAX;
use crate::beneath::{Dir, io_problem};
use crate::bytes::Bytes;
use crate::chain::Chain;
use crate::failure::Signal;
use crate::json::{self, Keep, Member};
use crate::lines::{Line, Lines};
use crate::manifest::clip;
use crate::pace::Pace;
use crate::problem::{Problem, What};

pub(crate) const EVENTS: &str = "events.jsonl";

/// No more of an events file is read than this.
const EVENTS_BYTES_MAX: u64 = 512 << 20;
/// No more problem lines are named one by one than this.
const PROBLEM_LINES_MAX: usize = 20;

/// One line that is not blank.
pub(crate) struct EventLine<'a> {
    /// Counted from 1, blank lines included.
    pub(crate) number: u64,
    /// How many bytes of what is walked over stand before its end, its newline included; of a line that was held.
    pub(crate) end: u64,
    /// The line without its newline; empty when it was too long to be held.
    pub(crate) bytes: &'a [u8],
    /// The event, where the line is a JSON object; with `problem` set it is for showing only.
    pub(crate) event: Option<Map<String, Value>>,
    pub(crate) problem: Option<What>,
}

impl EventLine<'_> {
    /// Whether this is an unfinished last line.
    fn torn(&self) -> bool {
        self.problem == Some(What::Torn)
    }

    /// Whether the line's bytes were held.
    fn held(&self) -> bool {
        !matches!(self.problem, Some(What::LineTooLong { .. } | What::ScanLimit { .. }))
    }
}

/// Walks the events until `each` breaks. A file that is not there is one without events.
pub(crate) fn walk(dir: &Dir, mut each: impl FnMut(EventLine<'_>) -> ControlFlow<()>) -> Result<(), What> {
    walk_with(dir, Keep::All, &mut each)
}

fn walk_with(dir: &Dir, keep: Keep, each: &mut dyn FnMut(EventLine<'_>) -> ControlFlow<()>) -> Result<(), What> {
    let file = match dir.stream(EVENTS) {
        Ok(file) => file,
        Err(What::Missing) => return Ok(()),
        Err(what) => return Err(what),
    };
    let mut lines = Lines::new(file, EVENT_LINE_BYTES_MAX, EVENTS_BYTES_MAX);
    walk_lines(&mut lines, keep, each)
}

/// Walks the events of what stands behind a byte until `each` breaks; lines are counted from there.
pub(crate) fn walk_behind(
    file: File,
    size: u64,
    offset: u64,
    pace: &Pace,
    mut each: impl FnMut(EventLine<'_>) -> ControlFlow<()>,
) -> Result<(), What> {
    let mut lines = Lines::new(Bytes::behind(file, size, offset, pace)?, EVENT_LINE_BYTES_MAX, EVENTS_BYTES_MAX);
    walk_lines(&mut lines, Keep::All, &mut each)
}

/// Walks the events and their hash chain; gives what `each` could not see: breaks of the chain.
pub(crate) fn walk_chained(dir: &Dir, mut each: impl FnMut(EventLine<'_>)) -> Result<Vec<Problem>, What> {
    let (mut chain, unopened) = Chain::open(dir);
    let mut problems = Vec::from_iter(unopened);
    let file = match dir.stream(EVENTS) {
        Ok(file) => Some(file),
        Err(What::Missing) => None,
        Err(what) => return Err(what),
    };
    let mut grew = false;
    if let Some(file) = file {
        let mut lines = Lines::new(file, EVENT_LINE_BYTES_MAX, EVENTS_BYTES_MAX);
        walk_lines(&mut lines, Keep::All, &mut |line: EventLine<'_>| {
            problems.extend(if line.held() {
                chain.event(line.number, line.bytes, line.torn())
            } else {
                chain.unknown_event(line.number)
            });
            each(line);
            ControlFlow::Continue(())
        })?;
        grew = lines.reader().len_now().map_err(|error| io_problem(&error))? > lines.consumed();
    }
    problems.extend(chain.finish(grew));
    Ok(problems)
}

fn walk_lines(
    lines: &mut Lines<Bytes>,
    keep: Keep,
    each: &mut dyn FnMut(EventLine<'_>) -> ControlFlow<()>,
) -> Result<(), What> {
    loop {
        let before = lines.consumed();
        let Some((number, line)) = lines.next().map_err(|error| io_problem(&error))? else { return Ok(()) };
        let (line, last) = match line {
            Line::Whole { bytes, .. } if bytes.trim_ascii().is_empty() => continue,
            Line::Whole { bytes, ended } => {
                let end = before + bytes.len() as u64 + u64::from(ended);
                (EventLine { end, ..read_line(number, bytes, ended, keep) }, false)
            }
            Line::TooLong => (unheld(number, What::LineTooLong { bytes: EVENT_LINE_BYTES_MAX }), false),
            Line::FileTooLong => (unheld(number, What::ScanLimit { bytes: EVENTS_BYTES_MAX }), true),
        };
        if each(line).is_break() || last {
            return Ok(());
        }
    }
}

fn unheld(number: u64, what: What) -> EventLine<'static> {
    EventLine { number, end: 0, bytes: &[], event: None, problem: Some(what) }
}

pub(crate) fn read_line(number: u64, bytes: &[u8], ended: bool, keep: Keep) -> EventLine<'_> {
    let (event, problem) = json::parse_keeping(bytes, keep).object();
    let problem = match problem {
        // Not a newline and not JSON: the writer stopped in the middle, or is in the middle.
        Some(What::NotJson { .. } | What::NotUtf8) if !ended => Some(What::Torn),
        None if event.as_ref().is_some_and(has_odd_name) => Some(What::OddEventName),
        problem => problem,
    };
    EventLine { number, end: 0, bytes, event, problem }
}

fn has_odd_name(event: &Map<String, Value>) -> bool {
    json::text(event, "event") == Member::Odd || json::text(event, "event_type") == Member::Odd
}

/// The event's name: `event`, else `event_type`.
pub(crate) fn name(event: &Map<String, Value>) -> &str {
    match json::text(event, "event") {
        Member::Present(name) if !name.is_empty() => name,
        Member::Present(_) | Member::Absent | Member::Odd => match json::text(event, "event_type") {
            Member::Present(name) => name,
            Member::Absent | Member::Odd => "",
        },
    }
}

/// The event's time as written: `ts`, else `_ts`, else empty.
pub(crate) fn time(event: &Map<String, Value>) -> &str {
    ["ts", "_ts"]
        .into_iter()
        .find_map(|member| match json::text(event, member) {
            Member::Present(time) if !time.trim().is_empty() => Some(time.trim()),
            Member::Present(_) | Member::Absent | Member::Odd => None,
        })
        .unwrap_or("")
}

/// What an event says about human approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Approval {
    Required,
    Completed,
}

/// Reads both name members, any case: whichever of them says "required" is believed before one that says "completed".
pub(crate) fn approval(event: &Map<String, Value>) -> Option<Approval> {
    let says = |wanted: &str| {
        ["event", "event_type"].into_iter().any(|member| match json::text(event, member) {
            Member::Present(name) => name.trim().eq_ignore_ascii_case(wanted),
            Member::Absent | Member::Odd => false,
        })
    };
    if says("HUMAN_APPROVAL_REQUIRED") {
        Some(Approval::Required)
    } else if says("HUMAN_APPROVAL_COMPLETED") {
        Some(Approval::Completed)
    } else {
        None
    }
}

/// Whether the run waits for a human approval. Every line must be readable: one that is not could be the one that matters.
pub(crate) fn awaits_approval(dir: &Dir) -> Result<bool, Problem> {
    let mut waits = false;
    let mut unreadable = None;
    walk_with(dir, Keep::Members(&[("event", Keep::All), ("event_type", Keep::All)]), &mut |line| {
        if let Some(what) = line.problem {
            unreadable = Some(Problem::line(EVENTS, line.number, what));
            return ControlFlow::Break(());
        }
        match line.event.as_ref().and_then(approval) {
            Some(Approval::Required) => waits = true,
            Some(Approval::Completed) => waits = false,
            None => {}
        }
        ControlFlow::Continue(())
    })
    .map_err(|what| Problem::file(EVENTS, what))?;
    match unreadable {
        Some(problem) => Err(problem),
        None => Ok(waits),
    }
}

/// What lists need to know about a run's events, without the events.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct EventsDigest {
    /// The last line's time; empty when that line cannot be read.
    pub(crate) last_line_ts: String,
    /// The time of the last event that has one.
    pub(crate) last_ts: String,
    /// The greatest time of an event, as text; empty where no event has one.
    pub(crate) newest_ts: String,
    /// The last event that explains a failure.
    pub(crate) signal: Option<Signal>,
    /// The context of the last approval that was required and not completed since, as far as lines can be read.
    pub(crate) pending: Option<Map<String, Value>>,
    /// The context of the last `DIFF_GATE_RESULT`.
    pub(crate) diff_gate: Option<Value>,
    /// The last three events that block a run, newest first.
    pub(crate) blocking: Vec<String>,
    pub(crate) problems: Vec<Problem>,
    /// Whether every line could be read.
    pub(crate) whole: bool,
    /// About how many bytes this holds.
    pub(crate) weight: usize,
}

impl EventsDigest {
    pub(crate) fn read(dir: &Dir) -> Self {
        let mut digest = Self { whole: true, ..Self::default() };
        let mut problems = LineProblems::default();
        let walked = walk(dir, |line| {
            digest.take(&line);
            if let Some(what) = line.problem {
                digest.whole = false;
                problems.push(Problem::line(EVENTS, line.number, what));
            }
            ControlFlow::Continue(())
        });
        digest.problems = problems.finish();
        if let Err(what) = walked {
            digest.whole = false;
            digest.problems.push(Problem::file(EVENTS, what));
        }
        digest
    }

    /// Whether the run waits for a human approval; `None` when a line that could tell cannot be read.
    pub(crate) fn awaits_approval(&self) -> Option<bool> {
        self.whole.then_some(self.pending.is_some())
    }

    fn take(&mut self, line: &EventLine<'_>) {
        self.last_line_ts.clear();
        let Some(event) = &line.event else { return };
        let time = clip(time(event), 64);
        self.last_line_ts.clone_from(&time);
        if time > self.newest_ts {
            self.newest_ts.clone_from(&time);
        }
        if !time.is_empty() {
            self.last_ts = time;
        }
        match approval(event) {
            Some(Approval::Required) => {
                self.weight += line.bytes.len();
                self.pending = Some(approval_context(event));
            }
            Some(Approval::Completed) => self.pending = None,
            None => {}
        }
        let name = name(event);
        if name == "DIFF_GATE_RESULT" {
            self.weight += line.bytes.len();
            self.diff_gate = Some(match json::object(event, "context") {
                Member::Present(context) => Value::Object(context.clone()),
                Member::Absent | Member::Odd => Value::Object(Map::new()),
            });
        }
        if let Some(signal) = Signal::of(name, event) {
            self.signal = Some(signal);
        }
        if BLOCKING.contains(&name) {
            self.blocking.insert(0, name.to_owned());
            self.blocking.truncate(3);
        }
    }
}

/// Events that an incident pack names as what blocked the run.
const BLOCKING: [&str; 7] = [
    "HUMAN_APPROVAL_REQUIRED",
    "HUMAN_APPROVAL_TIMEOUT",
    "DIFF_GATE_REJECTED",
    "DIFF_GATE_RESULT",
    "ROLLBACK_APPLIED",
    "GATE_FAILED",
    "POLICY_VIOLATION",
];

/// `context`, or `meta` where the context says nothing.
fn approval_context(event: &Map<String, Value>) -> Map<String, Value> {
    for member in ["context", "meta"] {
        if let Member::Present(context) = json::object(event, member)
            && !context.is_empty()
        {
            return context.clone();
        }
    }
    Map::new()
}

/// Collects the problems of lines: the first ones by name, the rest by number.
#[derive(Debug, Default)]
pub(crate) struct LineProblems {
    named: Vec<Problem>,
    more: u64,
}

impl LineProblems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.named.len() < PROBLEM_LINES_MAX {
            self.named.push(problem);
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Problem> {
        if self.more > 0 {
            self.named.push(Problem::file(EVENTS, What::MoreProblems { count: self.more }));
        }
        self.named
    }
}
