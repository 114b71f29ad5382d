//! Two runs beside each other.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use cortexpilot_core::domain::id::{RunId, Sha256Digest};
use cortexpilot_core::port::runs::{
    ComparedRun, Comparison, EventCounts, FileProblem, NameDifference, ReportSource, RunCompare,
};
use serde_json::{Value, json};

use crate::CONTRACT_BYTES_MAX;
use crate::beneath::Dir;
use crate::contract::CONTRACT;
use crate::events::{self, EventsDigest};
use crate::manifest::{ManifestDigest, clip, instant};
use crate::problem::shown_of;
use crate::{diff, failure, reports, views};

/// The report that the run's writer stored.
pub(crate) const STORED: &str = "run_compare_report.json";

/// Events of more names than this are counted together, under no name.
const EVENT_NAMES_MAX: usize = 1_000;

/// The stored comparison, and one with another run where one is given.
pub(crate) fn read(id: &RunId, run: &Dir, other: Option<(&RunId, &Dir)>) -> RunCompare {
    let stored = views::stored_report(run, STORED);
    let summary = stored.data.get("compare_summary").filter(|summary| summary.is_object());
    let mut problems = stored.problems;
    let is_stored = stored.data.as_object().is_some_and(|report| !report.is_empty());
    let comparison = other.map(|(other_id, other)| {
        let (one, found) = Side::read(id, run);
        problems.extend(found);
        let (two, found) = Side::read(other_id, other);
        problems.extend(found);
        compare(one, two, run, other)
    });
    RunCompare {
        run_id: id.to_string(),
        source: match (&comparison, is_stored) {
            (Some(_), _) => ReportSource::Derived,
            (None, true) => ReportSource::Stored,
            (None, false) => ReportSource::None,
        },
        compare_summary: summary.cloned().unwrap_or_else(|| json!({})),
        report: stored.data,
        comparison,
        problems,
    }
}

/// What is compared of one run.
struct Side {
    shown: ComparedRun,
    files: BTreeSet<String>,
    reports: BTreeSet<String>,
    events: BTreeMap<String, u64>,
}

impl Side {
    fn read(id: &RunId, run: &Dir) -> (Self, Vec<FileProblem>) {
        let (map, what, _) = views::manifest(run);
        let manifest = ManifestDigest::of(id.as_str(), map.as_ref(), what, None);
        let digest = EventsDigest::read(run);
        let failure = failure::infer(&manifest, &digest);
        let outcome = failure::outcome(&manifest, &failure);
        let mut events = BTreeMap::new();
        // What could not be read stands in the digest's problems.
        let _ = events::walk(run, |line| {
            let name = line.event.as_ref().map_or("", |event| events::name(event));
            let name = if events.len() < EVENT_NAMES_MAX || events.contains_key(name) {
                clip(name, 256)
            } else {
                String::new()
            };
            *events.entry(name).or_insert(0) += 1;
            ControlFlow::Continue(())
        });
        let reports: BTreeSet<String> =
            reports::open(run).ok().flatten().map_or_else(Vec::new, |dir| reports::names(&dir).0).into_iter().collect();
        let files: BTreeSet<String> = diff::files(run).into_iter().collect();
        let time = |text: &Option<String>| text.as_deref().and_then(instant);
        let duration_s = time(&manifest.created_at).zip(time(&manifest.finished_at)).map(|(begun, ended)| {
            // Microseconds of years are exact in a float.
            (ended.as_microsecond() - begun.as_microsecond()) as f64 / 1e6
        });
        let mut problems = shown_of(id.as_str(), &manifest.problems);
        problems.extend(shown_of(id.as_str(), &digest.problems));
        let shown = ComparedRun {
            run_id: id.to_string(),
            outcome_type: outcome.outcome_type,
            failure_code: failure.failure_code,
            workflow_id: manifest.workflow.map(|workflow| workflow.workflow_id).unwrap_or_default(),
            status: manifest.status,
            task_id: manifest.task_id,
            created_at: manifest.created_at,
            finished_at: manifest.finished_at,
            duration_s,
            contract_sha256: run
                .read(CONTRACT, CONTRACT_BYTES_MAX)
                .ok()
                .map(|(bytes, _)| Sha256Digest::of(&bytes).to_string()),
            events: events.values().sum(),
            files_changed: files.len() as u64,
            reports: reports.len() as u64,
        };
        (Self { shown, files, reports, events }, problems)
    }
}

fn compare(one: Side, two: Side, run: &Dir, other: &Dir) -> Comparison {
    let (a, b) = (&one.shown, &two.shown);
    let different = [
        ("status", a.status != b.status),
        ("outcome_type", a.outcome_type != b.outcome_type),
        ("failure_code", a.failure_code != b.failure_code),
        ("task_id", a.task_id != b.task_id),
        ("workflow_id", a.workflow_id != b.workflow_id),
        ("contract_sha256", a.contract_sha256 != b.contract_sha256),
    ];
    let mut reports = names(&one.reports, &two.reports);
    // One after the other: what is held is two reports, not all of them.
    let content = |run: &Dir, name: &str| -> Option<Value> {
        Some(reports::read(&reports::open(run).ok().flatten()?, name)?.data)
    };
    let both = one.reports.intersection(&two.reports);
    reports.different = both.filter(|name| content(run, name) != content(other, name)).cloned().collect();
    let all: BTreeSet<&String> = one.events.keys().chain(two.events.keys()).collect();
    let count = |side: &Side, name: &String| side.events.get(name).copied().unwrap_or(0);
    let counts = |name: &&String| EventCounts { run: count(&one, name), other: count(&two, name) };
    let events =
        all.iter().map(|name| ((*name).clone(), counts(name))).filter(|(_, counts)| counts.run != counts.other);
    Comparison {
        different: different.iter().filter(|(_, differs)| *differs).map(|(member, _)| *member).collect(),
        files: names(&one.files, &two.files),
        reports,
        events: events.collect(),
        run: one.shown,
        other: two.shown,
    }
}

fn names(one: &BTreeSet<String>, two: &BTreeSet<String>) -> NameDifference {
    NameDifference {
        only_in_run: one.difference(two).cloned().collect(),
        only_in_other: two.difference(one).cloned().collect(),
        different: Vec::new(),
    }
}
