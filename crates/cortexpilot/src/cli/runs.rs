//! `cortexpilot runs`: the runs there are, one run, and what is wrong with run directories.

use std::path::Path;

use clap::Subcommand;
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::error::{ErrorCode, exit};
use cortexpilot_core::port::Clock as _;
use cortexpilot_core::port::runs::{
    CheckFinding, Events, EventsQuery, FileProblem, PageQuery, RootState, RunDetail, RunRow, Runs as _,
};
use cortexpilot_runs::{PathCheck, RunStore, SkippedEntry, check_path};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::Context;
use super::failure::Stopped;
use super::output::{Answer, count, json, pairs};
use super::record;
use super::session;
use super::words::{moment, near};
use crate::os::{OsIds, SystemClock};

/// Look at runs, or record a first one
#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// List the runs, newest first
    #[command(after_help = "\
Examples:
  cortexpilot runs list
  cortexpilot runs list --runs /srv/agents/runs --limit 200
  cortexpilot runs list --output json

An empty list says which directory was looked in. docs/reference/run-directory.md describes what a run is.")]
    List {
        /// At most so many (1 to 500)
        #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: u16,
        /// Go on where an earlier page ended
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// Show one run: how it ended, what it was asked, its last events
    #[command(after_help = "\
Examples:
  cortexpilot runs show run_20261122_083052_7d2ddd9c
  cortexpilot runs show run_20261122_083052_7d2ddd9c --events 50 --output json")]
    Show {
        /// The run's id, as `runs list` prints it
        run: String,
        /// How many of the last events to show (0 to 500)
        #[arg(long, default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=500))]
        events: u16,
    },
    /// Name everything that is wrong with a run, or with every run of a directory, each with its repair
    #[command(after_help = "\
Examples:
  cortexpilot runs check                      every run of the runs root
  cortexpilot runs check run_20261122_083052_7d2ddd9c
  cortexpilot runs check /srv/agents/runs     any directory of runs, or one run

Exit codes: 0 nothing is wrong, 4 there is nothing to check, 5 something is wrong.")]
    Check {
        /// A run's id, or a directory (anything with a `/`, or `.`); the runs root if left out
        target: Option<String>,
    },
    Record(Box<record::Record>),
}

/// What a run is, in two lines: for whoever looks at an empty list.
const WHAT_A_RUN_IS: &str = "A run is a directory that holds manifest.json and contract.json, named by the run's id; events.jsonl and reports/ may\n\
     stand beside them. docs/reference/run-directory.md describes it, and `runs check DIR` names what is wrong.\n";

impl Runs {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        if let Self::Record(record) = self {
            return record.run(context).await;
        }
        let store = session::runs(&context.settings)?;
        match self {
            Self::List { limit, cursor } => {
                list(context, &store, PageQuery { limit: Some(limit.into()), after: cursor }).await
            }
            Self::Show { run, events } => show(context, &store, &run, events.into()).await,
            Self::Check { target } => check(context, &store, target.as_deref()).await,
            Self::Record(_) => unreachable!("invariant: it was carried out above, for it needs no runs that are there"),
        }
    }
}

#[derive(Serialize)]
struct ListAnswer<'a> {
    looked_in: String,
    root: &'static str,
    items: &'a [RunRow],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'a str>,
}

async fn list(context: &Context, store: &RunStore, page: PageQuery) -> Result<Answer, Stopped> {
    let first_page = page.after.is_none();
    let listing = store.list(page).await.map_err(|problem| Stopped::read(&problem, &OsIds))?;
    if context.view.is_json() {
        let root = match &listing.root {
            RootState::Readable => "readable",
            RootState::Missing => "missing",
            RootState::Unreadable(_) => "unreadable",
        };
        let answer =
            ListAnswer { looked_in: store.root(), root, items: &listing.items, next_cursor: listing.next.as_deref() };
        return Ok(Answer::ok(json(&answer)));
    }
    if listing.items.is_empty() {
        return Ok(Answer::ok(nothing(&store.root(), &listing.root, first_page)));
    }
    let now = SystemClock.now();
    let wide = context.view.is_wide();
    let header: &[&str] = if wide {
        &["run", "started", "status", "outcome", "task", "case", "to know"]
    } else {
        &["run", "started", "status", "to know"]
    };
    let mut text = context.view.table(header, listing.items.iter().map(|row| run_row(row, now, wide)));
    let waiting = listing.items.iter().filter(|row| row.awaits_approval == Some(true)).count();
    text.push_str(&format!("\n{} in {}", count(listing.items.len(), "run", "runs"), escape(&store.root())));
    if waiting > 0 {
        text.push_str(&format!(", {}", waits(waiting)));
    }
    text.push('\n');
    if let Some(next) = &listing.next {
        text.push_str(&format!("more: {}\n", context.commands.line(&["runs", "list", "--cursor", next])));
    }
    Ok(Answer::ok(text))
}

pub(super) fn waits(number: usize) -> String {
    format!("{number} {} for a person", if number == 1 { "waits" } else { "wait" })
}

fn nothing(root: &str, state: &RootState, first_page: bool) -> String {
    let root = escape(root);
    let found = match state {
        RootState::Readable if first_page => format!("No runs in {root}.\n"),
        RootState::Readable => format!("No more runs in {root}.\n"),
        RootState::Missing => format!("No runs: there is no directory {root}.\n"),
        RootState::Unreadable(why) => format!("No runs: {root} cannot be looked in: {}.\n", escape(why)),
    };
    format!("{found}{WHAT_A_RUN_IS}Another directory: --runs DIR, or CORTEXPILOT_RUNS_ROOT.\n")
}

fn run_row(row: &RunRow, now: Timestamp, wide: bool) -> Vec<String> {
    let started = row.created_at.as_deref().unwrap_or_default();
    let started = started.parse().map_or_else(|_| started.to_owned(), |at| moment(at, now));
    let mut know = Vec::new();
    if row.awaits_approval == Some(true) {
        know.push("waits for a person".to_owned());
    }
    if !row.problems.is_empty() {
        know.push(count(row.problems.len(), "problem", "problems"));
    }
    let mut cells = vec![row.run_id.clone(), started, row.status.clone().unwrap_or_else(|| "–".to_owned())];
    if wide {
        cells.push(row.outcome.outcome_label_zh.to_owned());
        cells.push(row.task_id.clone().unwrap_or_default());
        cells.push(row.workflow_id.clone());
    }
    cells.push(know.join(", "));
    cells
}

#[derive(Serialize)]
struct ShowAnswer<'a> {
    run: &'a RunDetail,
    awaits_approval: Option<bool>,
    events: &'a [Value],
    reports: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<FileProblem>,
}

async fn show(context: &Context, store: &RunStore, run: &str, last: usize) -> Result<Answer, Stopped> {
    let id = run_id(run)?;
    let failed = |problem| Stopped::read(&problem, &OsIds);
    let detail = store.get(&id).await.map_err(failed)?;
    let query = EventsQuery { limit: Some(last), tail: true, ..EventsQuery::default() };
    let events = if last == 0 {
        Events { events: Vec::new(), next: None, problems: Vec::new() }
    } else {
        store.events(&id, query).await.map_err(failed)?
    };
    let reports = store.reports(&id, PageQuery::all()).await.map_err(failed)?;
    let names: Vec<String> = reports.stored.iter().map(|report| report.name.clone()).collect();
    let mut problems = detail.problems.clone();
    problems.extend(events.problems.iter().chain(&reports.problems).cloned());
    problems.sort();
    problems.dedup();
    if context.view.is_json() {
        let answer = ShowAnswer {
            run: &detail,
            awaits_approval: detail.awaits_approval,
            events: &events.events,
            reports: names,
            problems,
        };
        return Ok(Answer::ok(json(&answer)));
    }
    let mut text = format!("Run {}\n{}", escape(&detail.run_id), summary(&detail, &names));
    if !events.events.is_empty() {
        text.push_str(&format!(
            "\nLast events (written by the run)\n{}",
            context.view.table(&["time", "event", "what"], events.events.iter().map(event_row))
        ));
    }
    if !problems.is_empty() {
        text.push_str("\nCould not be read\n");
        for problem in &problems {
            text.push_str(&format!("  {}\n", place(&problem.file, problem.line, &problem.problem)));
        }
    }
    text.push_str(&format!(
        "\nPreview queueing it again: {}\n",
        context.commands.line(&["queue", "preview", id.as_str()])
    ));
    Ok(Answer::ok(text))
}

fn summary(run: &RunDetail, reports: &[String]) -> String {
    let member = |outer: &Value, name: &str| outer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let request = member(&run.manifest, "user_request");
    let workflow = run.manifest.get("workflow").map(|workflow| member(workflow, "workflow_id")).unwrap_or_default();
    let paths: Vec<&str> = run.allowed_paths.iter().filter_map(Value::as_str).collect();
    let rows = [
        ("status", format!("{} ({})", run.status.as_deref().unwrap_or("unknown"), run.outcome.outcome_label_zh)),
        ("waits", if run.awaits_approval == Some(true) { "for a person's approval".to_owned() } else { String::new() }),
        ("why", run.failure.failure_summary_zh.clone()),
        ("task", run.task_id.clone().unwrap_or_default()),
        ("case", workflow),
        ("asked for", request),
        ("may change", paths.join(", ")),
        ("last event", run.last_event_ts.clone()),
        ("reports", reports.join(", ")),
    ];
    pairs(rows.into_iter().filter(|(_, value)| !value.is_empty()))
}

fn event_row(event: &Value) -> Vec<String> {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = if text("event").is_empty() { text("event_type") } else { text("event") };
    let what = event.get("context").or_else(|| event.get("raw")).map(Value::to_string).unwrap_or_default();
    let short: String = what.chars().take(120).collect();
    let dots = if short.len() < what.len() { "…" } else { "" };
    vec![text("ts"), name, format!("{short}{dots}")]
}

#[derive(Serialize)]
struct CheckAnswer<'a> {
    looked_in: &'a str,
    runs: usize,
    findings: &'a [CheckFinding],
    #[serde(skip_serializing_if = "<[SkippedEntry]>::is_empty")]
    skipped: &'a [SkippedEntry],
}

async fn check(context: &Context, store: &RunStore, target: Option<&str>) -> Result<Answer, Stopped> {
    let report = match target {
        None => check_path(store.path()),
        Some(target) if is_path(target) => check_path(&context.environment.cwd.join(target)),
        Some(run) => {
            let id = run_id(run)?;
            let findings = store.check(&id).await.map_err(|problem| Stopped::read(&problem, &OsIds))?;
            let looked_in = store.path().join(id.as_str()).display().to_string();
            PathCheck { looked_in, unreadable: None, is_run: true, runs: 1, findings, skipped: Vec::new() }
        }
    };
    if let Some(why) = &report.unreadable {
        return Err(Stopped::code(ErrorCode::RunNotFound, format!("{}: {why}.", report.looked_in), &OsIds));
    }
    let exit = match (report.runs, report.findings.is_empty()) {
        (0, true) => exit::NOT_FOUND,
        (_, true) => exit::OK,
        (_, false) => exit::CONFLICT,
    };
    if context.view.is_json() {
        let answer = CheckAnswer {
            looked_in: &report.looked_in,
            runs: report.runs,
            findings: &report.findings,
            skipped: &report.skipped,
        };
        return Ok(Answer { text: json(&answer), exit });
    }
    Ok(Answer { text: findings(&report, &context.environment.cwd), exit })
}

/// A directory is named by a path; a run id has no slash in it.
fn is_path(target: &str) -> bool {
    target.contains('/') || target == "." || target == ".."
}

fn findings(report: &PathCheck, cwd: &Path) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        text.push_str(&format!("{}\n", place(&finding.file, finding.line, &finding.problem)));
        if finding.blocks_enqueue {
            text.push_str("  no queue item can be derived from this run\n");
        }
        text.push_str(&format!("  repair: {}\n", escape(&finding.repair)));
    }
    for skipped in &report.skipped {
        text.push_str(&format!("passed over: {}: {}\n", escape(&skipped.name), escape(skipped.reason)));
    }
    let place = escape(&near(Path::new(&report.looked_in), cwd));
    let checked = count(report.runs, "run", "runs");
    match report.findings.len() {
        0 if report.runs == 0 => text.push_str(&format!("No runs in {place}.\n{WHAT_A_RUN_IS}")),
        0 => text.push_str(&format!("{checked} checked in {place}: nothing is wrong.\n")),
        number => text.push_str(&format!("{checked} checked in {place}: {}.\n", count(number, "problem", "problems"))),
    }
    text
}

fn place(file: &str, line: Option<u64>, problem: &str) -> String {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{}{line} {}", escape(file), escape(problem))
}

/// A run id, or the refusal that every surface gives for what is none.
pub(super) fn run_id(raw: &str) -> Result<RunId, Stopped> {
    RunId::parse(raw).map_err(|problem| {
        Stopped::code(ErrorCode::RunIdInvalid, format!("run_id is not a valid run id: {problem}."), &OsIds)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_says_where_it_looked_and_what_a_run_is() {
        let said = nothing("/srv/x\u{1b}", &RootState::Missing, true);
        assert!(said.contains("there is no directory /srv/x\\u{001B}"), "{said}");
        assert!(said.contains("manifest.json") && said.contains("docs/reference/run-directory.md"));
        assert!(nothing("/srv", &RootState::Readable, true).starts_with("No runs in /srv."));
        assert!(
            nothing("/srv", &RootState::Unreadable("permission denied".into()), true).contains("permission denied")
        );
    }

    #[test]
    fn paths_and_run_ids_are_told_apart() {
        assert!(is_path("./runs") && is_path(".") && is_path("/srv/runs"));
        assert!(!is_path("run_1"));
    }

    #[test]
    fn a_finding_is_a_place_a_problem_and_a_repair() {
        let report = PathCheck {
            looked_in: "/srv/runs".to_owned(),
            unreadable: None,
            is_run: false,
            runs: 2,
            findings: vec![CheckFinding {
                file: "run_1/events.jsonl".to_owned(),
                line: Some(3),
                problem: "is torn".to_owned(),
                repair: "Wait.".to_owned(),
                blocks_enqueue: true,
            }],
            skipped: vec![SkippedEntry { name: "x\n".to_owned(), reason: "it holds no manifest.json" }],
        };
        assert_eq!(
            findings(&report, Path::new("/srv")),
            "run_1/events.jsonl:3 is torn\n  no queue item can be derived from this run\n  repair: Wait.\npassed over: x\\u{000A}: it holds no manifest.json\n2 runs checked in runs: 1 problem.\n"
        );
    }
}
