//! A run's events by page. The first page looks at the whole file, and says all that is wrong with it; a later one begins at the
//! byte that its cursor names, reads what it holds, and says what is wrong with that.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use cortexpilot_core::port::runs::{Events, EventsPosition, EventsQuery, ReadProblem};
use serde_json::{Map, Value, json};

use crate::beneath::Dir;
use crate::events::{self, EVENTS, EventLine, LineProblems};
use crate::page::PAGE_BYTES_MAX;
use crate::problem::{Problem, What, shown};
use crate::tail;
use crate::views::is_after;

/// Where a page ended: behind this line, at this place. Cursors of earlier versions name the line alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    line: u64,
    at: Option<EventsPosition>,
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, ReadProblem> {
        let (line, at) = text.split_once('-').map_or((text, None), |(line, at)| (line, Some(at)));
        let digits = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
        let line = line.parse().ok().filter(|_| digits).ok_or(ReadProblem::BadCursor)?;
        let at = at.map(|at| EventsPosition::parse(at).filter(|at| !at.within).ok_or(ReadProblem::BadCursor));
        Ok(Self { line, at: at.transpose()? })
    }

    fn text(&self) -> String {
        match self.at {
            Some(at) => format!("{}-{at}", self.line),
            None => self.line.to_string(),
        }
    }
}

/// An event that was chosen, and where its line ends.
struct Chosen {
    line: u64,
    end: u64,
    event: Value,
    bytes: usize,
}

/// Takes lines until the page is full.
struct Selection<'q> {
    query: &'q EventsQuery,
    since: Option<&'q str>,
    limit: usize,
    tail: bool,
    chosen: VecDeque<Chosen>,
    weight: usize,
    /// The last that was chosen before one that found no room.
    next: Option<(u64, u64)>,
    cut: bool,
    problems: LineProblems,
}

impl<'q> Selection<'q> {
    fn of(query: &'q EventsQuery) -> Self {
        Self {
            query,
            since: query.since.as_deref().map(str::trim).filter(|since| !since.is_empty()),
            limit: query.limit.map_or(usize::MAX, |limit| limit.max(1)),
            tail: query.tail && query.limit.is_some(),
            chosen: VecDeque::new(),
            weight: 0,
            next: None,
            cut: false,
            problems: LineProblems::default(),
        }
    }

    fn is_full(&self) -> bool {
        self.next.is_some()
    }

    fn note(&mut self, line: &EventLine<'_>, number: u64) {
        if let Some(what) = &line.problem {
            self.problems.push(Problem::line(EVENTS, number, what.clone()));
        }
    }

    fn wants(&self, event: &Map<String, Value>) -> bool {
        let names = &self.query.names;
        let of_name = names.is_empty() || names.iter().any(|name| name == events::name(event));
        of_name && self.since.is_none_or(|since| is_after(events::time(event), since))
    }

    /// Takes a line of this number that ends at this byte of the file; `false` where it found no room.
    fn take(&mut self, line: EventLine<'_>, number: u64, end: u64) -> bool {
        let bytes = line.bytes.len();
        if bytes == 0 {
            return true;
        }
        let event = match line.event {
            Some(event) if self.wants(&event) => Value::Object(event),
            None if self.since.is_none() && self.query.names.is_empty() => {
                json!({"raw": String::from_utf8_lossy(line.bytes)})
            }
            Some(_) | None => return true,
        };
        let too_heavy = self.weight + bytes > PAGE_BYTES_MAX && !self.chosen.is_empty();
        if (self.chosen.len() >= self.limit || too_heavy) && !self.tail {
            self.cut = self.query.limit.is_none();
            self.next = self.chosen.back().map(|last| (last.line, last.end));
            return false;
        }
        self.weight += bytes;
        self.chosen.push_back(Chosen { line: number, end, event, bytes });
        while self.tail && self.chosen.len() > 1 && (self.chosen.len() > self.limit || self.weight > PAGE_BYTES_MAX) {
            self.cut |= self.chosen.len() <= self.limit;
            self.weight -= self.chosen.pop_front().map_or(0, |first| first.bytes);
        }
        true
    }

    fn finish(mut self, dir: &Dir, more: impl IntoIterator<Item = Problem>) -> Events {
        let mut problems = std::mem::take(&mut self.problems).finish();
        problems.extend(more);
        if self.cut {
            problems.push(Problem::file(EVENTS, What::PageFull));
        }
        // A file that was cut meanwhile is looked at again from its first byte.
        let at = |end| tail::position(dir, end).ok().filter(|at| at.offset == end);
        let next = self.next.map(|(line, end)| Cursor { line, at: at(end) }.text());
        let events = self.chosen.into_iter().map(|chosen| chosen.event).collect();
        Events { events, next, problems: shown(&problems) }
    }
}

/// A page, or all.
pub(crate) fn events_of(dir: &Dir, query: &EventsQuery) -> Result<Events, ReadProblem> {
    match query.after.as_deref().map(Cursor::parse).transpose()? {
        Some(Cursor { line, at: Some(at) }) => behind(dir, query, line, at),
        Some(Cursor { line, at: None }) => Ok(from_the_first(dir, query, line)),
        None => Ok(from_the_first(dir, query, 0)),
    }
}

fn from_the_first(dir: &Dir, query: &EventsQuery, after: u64) -> Events {
    let mut selection = Selection::of(query);
    let walked = events::walk_chained(dir, |line| {
        let (number, end) = (line.number, line.end);
        selection.note(&line, number);
        if number > after && !selection.is_full() {
            selection.take(line, number, end);
        }
    });
    let more = walked.unwrap_or_else(|what| vec![Problem::file(EVENTS, what)]);
    selection.finish(dir, more)
}

fn behind(dir: &Dir, query: &EventsQuery, before: u64, at: EventsPosition) -> Result<Events, ReadProblem> {
    let mut selection = Selection::of(query);
    let opened = match tail::file_at(dir, at) {
        Ok(Some(opened)) => opened,
        // Another file stands there now: what its lines are numbered nobody said.
        Ok(None) | Err(What::Missing) => return Err(ReadProblem::BadCursor),
        Err(what) => return Ok(selection.finish(dir, [Problem::file(EVENTS, what)])),
    };
    let (file, size) = opened;
    let walked = events::walk_behind(file, size, at.offset, dir.pace(), |line| {
        let (number, end) = (before + line.number, at.offset + line.end);
        let problem = line.problem.clone();
        if !selection.take(line, number, end) {
            return ControlFlow::Break(());
        }
        if let Some(what) = problem {
            selection.problems.push(Problem::line(EVENTS, number, what));
        }
        ControlFlow::Continue(())
    });
    Ok(selection.finish(dir, walked.err().map(|what| Problem::file(EVENTS, what))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_what_it_wrote_and_what_earlier_versions_wrote() {
        let at = Some(EventsPosition { offset: 12, mark: 0xab, within: false });
        for cursor in [Cursor { line: 7, at: None }, Cursor { line: 7, at }] {
            assert_eq!(Cursor::parse(&cursor.text()), Ok(cursor));
        }
        for bad in [
            "",
            "x",
            "-",
            "7-",
            "7-12",
            "7-12-00000000000000ab~",
            "-12-00000000000000ab",
            "+7",
            "7-12-00000000000000AB",
        ] {
            assert_eq!(Cursor::parse(bad), Err(ReadProblem::BadCursor), "{bad:?}");
        }
    }
}
