//! Lists over all runs beside the list of runs itself: their contracts, their reports of one name, their newest events.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use cortexpilot_core::port::runs::{ContractRow, Events, RunReport};
use serde_json::{Value, json};

use crate::cache::PARSED;
use crate::contract::{CONTRACT, ContractDocument};
use crate::events::{self, EVENTS, EventLine, EventsDigest};
use crate::page::PAGE_BYTES_MAX;
use crate::problem::{Problem, What, shown};
use crate::reports;
use crate::roster::Place;
use crate::scan::{Found, Scan, lasts};

/// A run's contract; `None` for a run without one.
pub(crate) fn contract(scan: &Scan<'_>, root: &Path, run: &Found) -> Option<(ContractRow, usize)> {
    let read = |dir: &_| {
        let document = ContractDocument::read(dir);
        let weight = lasts(document.problem.as_slice()).then_some(document.bytes * PARSED);
        (document, weight)
    };
    let document = scan.kept(&scan.cache.documents, run, CONTRACT, read).ok()?;
    if document.missing {
        return None;
    }
    let row = ContractRow {
        run_id: run.name.clone(),
        path: root.join(&run.name).join(CONTRACT).display().to_string(),
        sha256: document.sha256.map(|digest| digest.to_string()),
        contract: document.map.clone(),
        problems: document.problem.iter().map(Problem::shown).collect(),
    };
    Some((row, document.bytes + 256))
}

/// A run's report of this file name; `None` for a run without one. The report of a place, not of a run that was found: one
/// look tells of most runs that they have none.
pub(crate) fn report(scan: &Scan<'_>, run: &Place, name: &str) -> Option<(RunReport, usize)> {
    // Reports lie in a directory that is not watched, so their files are looked at.
    let stamp = scan.root.stamp_below(&run.name, reports::REPORTS, name).ok()?;
    let key = format!("{}/{name}", run.name);
    let shown_of = |report: &reports::Shown| {
        let row = RunReport {
            run_id: run.name.to_string(),
            report: report.data.clone(),
            problems: report.problem.iter().map(Problem::shown).collect(),
        };
        (row, report.bytes + 64)
    };
    // A directory without a manifest is no run, nor is a link to one.
    let found = scan.run(&run.name)?;
    if let Some(known) = scan.cache.reports.get(&key, Some(stamp), None) {
        return Some(shown_of(&known));
    }
    let read = scan.with(&found, |dir| reports::read(&reports::open(dir).ok().flatten()?, name)).ok().flatten()?;
    let read = Arc::new(read);
    if lasts(read.problem.as_slice()) {
        scan.cache.reports.keep(&key, Some(stamp), None, &read, read.bytes * PARSED);
    }
    Some(shown_of(&read))
}

/// The newest events of all runs.
pub(crate) fn recent_events(scan: &Scan<'_>, limit: usize) -> Result<Events, What> {
    let with_events = |run| {
        let events = scan.events(&run);
        (run, events)
    };
    let mut runs: Vec<(Found, Arc<EventsDigest>)> = scan.runs()?.into_iter().map(with_events).collect();
    runs.sort_by(|(a, newest_a), (b, newest_b)| newest_b.newest_ts.cmp(&newest_a.newest_ts).then(a.name.cmp(&b.name)));
    let mut newest = Newest { limit, ..Newest::default() };
    let mut problems = Vec::new();
    for (run, digest) in &runs {
        // The rest of the runs end before the oldest event that is shown.
        if newest.all_are_after(&digest.newest_ts) {
            break;
        }
        problems.extend(digest.problems.iter().map(|problem| problem.shown_of(&run.name)));
        // What could not be read stands in the digest's problems.
        let _ = scan.with(run, |dir| {
            events::walk(dir, |line| {
                if !line.bytes.is_empty() {
                    newest.offer(line, &run.name);
                }
                ControlFlow::Continue(())
            })
        });
    }
    if newest.cut {
        problems.extend(shown(&[Problem::file(EVENTS, What::PageFull)]));
    }
    Ok(Events { events: newest.events.into_iter().map(|(_, event, _)| event).collect(), next: None, problems })
}

/// The newest events found so far, newest first, among equals the one that was found first.
#[derive(Default)]
struct Newest {
    limit: usize,
    /// With their times and weights.
    events: Vec<(String, Value, usize)>,
    weight: usize,
    /// Whether there would be more, were they not so large.
    cut: bool,
}

impl Newest {
    /// Whether there are enough, all of them newer than this.
    fn all_are_after(&self, ts: &str) -> bool {
        self.events.len() >= self.limit && self.events.last().is_some_and(|(last, ..)| last.as_str() > ts)
    }

    fn offer(&mut self, line: EventLine<'_>, run: &str) {
        let ts = line.event.as_ref().map_or("", |event| events::time(event));
        if self.events.len() >= self.limit && self.events.last().is_some_and(|(last, ..)| last.as_str() >= ts) {
            return;
        }
        let at = self.events.partition_point(|(known, ..)| known.as_str() >= ts);
        let (ts, bytes) = (ts.to_owned(), line.bytes.len());
        let mut event = line.event.unwrap_or_else(|| raw(line.bytes));
        event.insert("_run_id".to_owned(), run.into());
        self.events.insert(at, (ts, Value::Object(event), bytes));
        self.weight += bytes;
        while self.events.len() > self.limit || (self.weight > PAGE_BYTES_MAX && self.events.len() > 1) {
            // From now on no more are looked for than fitted: a later, smaller one would leave a gap before it.
            if self.events.len() <= self.limit {
                self.cut = true;
                self.limit = self.events.len() - 1;
            }
            self.weight -= self.events.pop().map_or(0, |(.., bytes)| bytes);
        }
    }
}

fn raw(bytes: &[u8]) -> serde_json::Map<String, Value> {
    let mut map = serde_json::Map::new();
    map.insert("raw".to_owned(), json!(String::from_utf8_lossy(bytes)));
    map
}
