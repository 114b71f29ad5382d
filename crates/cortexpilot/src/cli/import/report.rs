//! What an import tells: what the ledger holds, what is odd about it, and how its runs stand.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::queue::{ItemState, QueueItem};
use cortexpilot_core::domain::run::{ContractEvidence, RunProblem};
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::port::runs::Runs as _;
use cortexpilot_ledger::{Adoption, Found, SourceTail, Survey};
use cortexpilot_runs::{PathCheck, RunStore, check_path};
use serde::Serialize;

use super::super::Context;
use super::super::failure::Stopped;
use super::super::output::{count, pairs};
use super::super::words::quote;
use crate::config::Settings;

/// How many items, lines or runs are named of each kind.
const FIRST: usize = 5;
/// How many statuses are told apart; a ledger may hold any text as one.
const STATUSES_MAX: usize = 20;
/// How many characters of a status are shown.
const STATUS_CHARS_MAX: usize = 64;

/// Everything an import tells.
pub(super) struct Report {
    pub(super) survey: Survey,
    pub(super) adoption: Option<Adoption>,
    findings: Vec<Finding>,
    runs: PathCheck,
    /// The value that CORTEXPILOT_RUNS_ROOT needs, where the configured one leads elsewhere.
    set: Option<String>,
}

/// Something an operator should know, and what can be done about it.
#[derive(Debug, Serialize)]
struct Finding {
    kind: &'static str,
    what: String,
    count: u64,
    /// The first of them: line numbers, or ids of items.
    first: Vec<String>,
    next_step: &'static str,
}

impl Report {
    pub(super) async fn of(settings: &Settings, dir: &Path, survey: Survey) -> Result<Self, Stopped> {
        let below = dir.join("runs");
        let looked_in = if below.is_dir() { below } else { settings.runs_root.clone() };
        let store = RunStore::new(&looked_in).map_err(anyhow::Error::from)?;
        let mut findings = of_lines(&survey);
        findings.extend(of_items(&survey));
        findings.extend(of_pending(&store, &survey).await);
        let set = (real(&looked_in) != real(&settings.runs_root)).then(|| looked_in.display().to_string());
        let runs = check_path(&looked_in);
        Ok(Self { survey, adoption: None, findings, runs, set })
    }
}

fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn of_lines(survey: &Survey) -> Vec<Finding> {
    let lines = |found: &Found| {
        let line = |(line, problem): &(u64, String)| match problem.as_str() {
            "" => format!("line {line}"),
            problem => format!("line {line} {problem}"),
        };
        found.first.iter().map(line).collect::<Vec<_>>()
    };
    let mut findings = Vec::new();
    for (what, found) in &survey.odd {
        findings.push(Finding {
            kind: "odd-line",
            what: format!("lines change nothing: each {what}"),
            count: found.total,
            first: lines(found),
            next_step: "Nothing: they are kept as they are.",
        });
    }
    let kinds = [
        (
            "line-the-original-splits",
            &survey.split_by_the_original,
            "lines count here and not in the original, which takes a character inside them for a line break",
            "Look at these items: what was acknowledged there, and had no effect, has it now.",
        ),
        (
            "undated-line",
            &survey.undated,
            "lines count and have no readable time",
            "Nothing: they count in the order in which they stand, and show 1970 as their time.",
        ),
        (
            "backdated-line",
            &survey.backwards,
            "lines are dated before a line above them",
            "Nothing: the order of the lines is what counts.",
        ),
    ];
    for (kind, found, what, next_step) in kinds {
        findings.push(Finding { kind, what: what.to_owned(), count: found.total, first: lines(found), next_step });
    }
    match survey.tail {
        SourceTail::None => {}
        SourceTail::LacksNewline { offset } => findings.push(Finding {
            kind: "last-line-without-newline",
            what: "last line was whole and lacked only its newline".to_owned(),
            count: 1,
            first: vec![format!("at byte {offset}")],
            next_step: "Nothing: it counts, and has one now.",
        }),
        SourceTail::Torn { offset, bytes } => findings.push(Finding {
            kind: "torn-line",
            what: format!("last line is incomplete ({bytes} bytes) and was never acknowledged"),
            count: 1,
            first: vec![format!("at byte {offset}")],
            next_step: "Nothing: it is kept beside the ledger and is no part of it.",
        }),
    }
    findings.retain(|finding| finding.count > 0);
    findings
}

/// Counts items of one kind and names the first.
struct Tally {
    kind: &'static str,
    what: &'static str,
    next_step: &'static str,
    count: u64,
    first: Vec<String>,
}

impl Tally {
    fn of(kind: &'static str, what: &'static str, next_step: &'static str) -> Self {
        Self { kind, what, next_step, count: 0, first: Vec::new() }
    }

    fn add(&mut self, item: &QueueItem, why: &str) {
        self.count += 1;
        if self.first.len() < FIRST {
            let id = item.queue_id();
            self.first.push(if why.is_empty() { id.to_string() } else { format!("{id}: {why}") });
        }
    }

    fn finding(self) -> Option<Finding> {
        let Self { kind, what, next_step, count, first } = self;
        (count > 0).then(|| Finding { kind, what: what.to_owned(), count, first, next_step })
    }
}

fn of_items(survey: &Survey) -> Vec<Finding> {
    let mut hidden = Tally::of(
        "hidden-item",
        "items were not shown by the original: a later item has the same task",
        "Nothing: each has its own state here, and is listed.",
    );
    let mut revived = Tally::of(
        "hidden-pending-item",
        "items that the original did not show are pending: workers will be given them",
        "Cancel those that nobody wants any more: `cortexpilot queue cancel ID`.",
    );
    for item in survey.hidden() {
        hidden.add(item, "");
        if item.is_pending() {
            revived.add(item, "");
        }
    }
    let mut claimed = Tally::of(
        "claimed-without-worker",
        "items are claimed and no worker is named: nobody holds a lease on them, so they stay claimed",
        "See whether the work was done; queue the run again where it was not.",
    );
    for item in &survey.items {
        if matches!(&item.state, ItemState::Claimed(claim) if claim.worker.is_empty()) {
            claimed.add(item, "");
        }
    }
    [hidden, revived, claimed].into_iter().filter_map(Tally::finding).collect()
}

/// How a run stands, as far as a pending item rests on it.
#[derive(Clone)]
enum Stands {
    Good,
    Missing,
    Unreadable(String),
    Altered,
    Waits,
}

async fn stands(store: &RunStore, run: &RunId) -> Stands {
    match store.facts(run).await {
        Ok(facts) if facts.evidence == ContractEvidence::Altered => Stands::Altered,
        Ok(facts) if facts.awaits_approval => Stands::Waits,
        Ok(_) => Stands::Good,
        Err(RunProblem::NotFound | RunProblem::InvalidId) => Stands::Missing,
        Err(RunProblem::Unreadable(why)) => Stands::Unreadable(why),
    }
}

async fn of_pending(store: &RunStore, survey: &Survey) -> Vec<Finding> {
    let cancel = "Cancel them (`cortexpilot queue cancel ID`), or put the run back.";
    let look = "Look at the run (`cortexpilot runs check DIR`); cancel the item where it should not be carried out.";
    let mut unpinned = Tally::of(
        "unpinned-contract",
        "pending items have no pinned task contract: a worker is given the file at contract_path as it then is",
        "Preview and queue the run again, and cancel the item, where what runs must be what was agreed to.",
    );
    let mut contract = Tally::of(
        "contract-missing",
        "pending items name a contract_path where there is no file: nobody can carry them out",
        "Put the file back at that very path, or cancel the item and queue the run again.",
    );
    let mut nameless = Tally::of("run-not-named", "pending items name no run, or something that is no run id", cancel);
    let mut missing = Tally::of("run-missing", "pending items come from runs that are not there", cancel);
    let mut unreadable = Tally::of("run-unreadable", "pending items come from runs that cannot be read", look);
    let mut altered = Tally::of(
        "contract-altered",
        "pending items come from runs whose task contract is not the one that the run's manifest vouches for",
        look,
    );
    let mut waits = Tally::of("run-awaits-approval", "pending items come from runs that wait for a person", look);
    let mut timeless = Tally::of(
        "schedule-no-time",
        "pending items have a schedule that is no time with an offset: they can be claimed at once",
        "Cancel them, and queue the runs again with a time such as 2026-11-22T09:00:00Z.",
    );
    let mut runs: HashMap<&str, Stands> = HashMap::new();
    let mut files: HashMap<&str, bool> = HashMap::new();
    for item in survey.items.iter().filter(|item| item.is_pending()) {
        let enqueued = &item.enqueued;
        unpinned.add(item, "");
        let path = enqueued.contract_path.as_str();
        let there = *files.entry(path).or_insert_with(|| Path::new(path).is_absolute() && Path::new(path).is_file());
        if !there {
            contract.add(item, "");
        }
        if enqueued.scheduled.as_ref().is_some_and(|when| when.at.is_none()) {
            timeless.add(item, "");
        }
        let name = enqueued.source_run_id.as_str();
        let Ok(run) = RunId::parse(name) else {
            nameless.add(item, "");
            continue;
        };
        let found = match runs.get(name) {
            Some(known) => known.clone(),
            None => {
                let found = stands(store, &run).await;
                runs.insert(name, found.clone());
                found
            }
        };
        match found {
            Stands::Good => {}
            Stands::Missing => missing.add(item, run.as_str()),
            Stands::Unreadable(why) => unreadable.add(item, &format!("{run}: {why}")),
            Stands::Altered => altered.add(item, run.as_str()),
            Stands::Waits => waits.add(item, run.as_str()),
        }
    }
    let all = [unpinned, contract, nameless, missing, unreadable, altered, waits, timeless];
    all.into_iter().filter_map(Tally::finding).collect()
}

/// The document for programs.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    adopted: bool,
    source: String,
    runtime_root: String,
    in_place: bool,
    ledger: Ledger,
    items: Items,
    findings: &'a [Finding],
    runs: RunsFound<'a>,
    record: Option<Record<'a>>,
}

#[derive(Serialize)]
struct Ledger {
    lines: u64,
    bytes: u64,
    sha256: String,
    first_ts: Option<String>,
    last_ts: Option<String>,
    enqueued: u64,
    cancelled: u64,
    claimed: u64,
    done: u64,
    blank: u64,
    change_nothing: u64,
}

#[derive(Serialize)]
struct Items {
    total: usize,
    by_status: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct RunsFound<'a> {
    looked_in: &'a str,
    unreadable: Option<&'a str>,
    checked: usize,
    problems: usize,
    cannot_be_queued: usize,
    first: Vec<String>,
    passed_over: usize,
    set_runs_root: Option<&'a str>,
}

#[derive(Serialize)]
struct Record<'a> {
    principal: &'a str,
    reason: &'a str,
    ts: String,
    head: String,
    torn_as: Option<&'a str>,
}

impl Report {
    pub(super) fn document(&self, root: &Path, dir: &Path) -> Document<'_> {
        let survey = &self.survey;
        let record = self.adoption.as_ref().map(|adoption| Record {
            principal: &adoption.record.principal,
            reason: &adoption.record.reason,
            ts: adoption.record.ts.to_string(),
            head: adoption.head.to_string(),
            torn_as: adoption.torn_as.as_deref(),
        });
        Document {
            adopted: self.adoption.is_some(),
            source: dir.display().to_string(),
            runtime_root: root.display().to_string(),
            in_place: survey.in_place,
            ledger: Ledger {
                lines: survey.lines,
                bytes: survey.bytes,
                sha256: survey.sha256.to_string(),
                first_ts: survey.first_ts.map(|at| at.to_string()),
                last_ts: survey.last_ts.map(|at| at.to_string()),
                enqueued: survey.enqueued,
                cancelled: survey.cancelled,
                claimed: survey.claimed,
                done: survey.done,
                blank: survey.blank,
                change_nothing: survey.odd.iter().map(|(_, found)| found.total).sum(),
            },
            items: self.items(),
            findings: &self.findings,
            runs: self.runs(),
            record,
        }
    }

    fn items(&self) -> Items {
        let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
        for item in &self.survey.items {
            let status: String = item.status().chars().take(STATUS_CHARS_MAX).collect();
            let known = by_status.contains_key(&status) || by_status.len() < STATUSES_MAX;
            *by_status.entry(if known { status } else { "(other)".to_owned() }).or_default() += 1;
        }
        Items { total: self.survey.items.len(), by_status }
    }

    fn runs(&self) -> RunsFound<'_> {
        let found = &self.runs;
        let run_of = |file: &str| file.split('/').next().unwrap_or_default().to_owned();
        let mut blocked: Vec<String> = found
            .findings
            .iter()
            .filter(|finding| finding.blocks_enqueue)
            .map(|finding| run_of(&finding.file))
            .collect();
        blocked.dedup();
        let first = found.findings.iter().take(FIRST).map(|finding| {
            let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{}{line} {}", finding.file, finding.problem)
        });
        RunsFound {
            looked_in: &found.looked_in,
            unreadable: found.unreadable.as_deref(),
            checked: found.runs,
            problems: found.findings.len(),
            cannot_be_queued: blocked.len(),
            first: first.collect(),
            passed_over: found.skipped.len(),
            set_runs_root: self.set.as_deref(),
        }
    }

    pub(super) fn human(&self, context: &Context, root: &Path, dir: &Path) -> String {
        let document = self.document(root, dir);
        let (source, target) = (escape(&document.source), escape(&document.runtime_root));
        let lines = count(usize::try_from(document.ledger.lines).unwrap_or(usize::MAX), "line", "lines");
        let place = if document.in_place { "where they stand".to_owned() } else { format!("into {target}") };
        let mut text = match document.adopted {
            true => format!("Adopted {lines} of {source}, {place}.\n"),
            false => format!("Would adopt {lines} of {source}, {place}. Nothing was changed.\n"),
        };
        text.push_str(&pairs(rows(&document)));
        if !document.findings.is_empty() {
            text.push_str("\nTo know\n");
        }
        for finding in document.findings {
            text.push_str(&format!("  {} {}\n", finding.count, escape(&finding.what)));
            let first: Vec<String> = finding.first.iter().map(|one| escape(one)).collect();
            let more = if finding.count > first.len() as u64 { ", …" } else { "" };
            text.push_str(&format!("    {}{more}\n    next: {}\n", first.join(", "), finding.next_step));
        }
        text.push_str(&runs_text(&document.runs));
        let verify = context.commands.line(&["audit", "verify"]);
        text.push_str(&match (document.adopted, document.in_place) {
            (true, true) => format!(
                "\nThe original must not append to this ledger any more: a line of its own stops all writes. Check: {verify}\n"
            ),
            (true, false) => format!(
                "\nWhat the original appends to its own ledger from now on is not seen here: stop it for good. Check: {verify}\n"
            ),
            (false, _) => "\nThe same with --reason WHY, and without --dry-run, adopts it.\n".to_owned(),
        });
        text
    }
}

fn rows(document: &Document<'_>) -> Vec<(&'static str, String)> {
    let ledger = &document.ledger;
    let statuses: Vec<String> =
        document.items.by_status.iter().map(|(status, number)| format!("{number} {status}")).collect();
    let record = document.record.as_ref();
    let rows = [
        ("bytes", ledger.bytes.to_string()),
        ("sha256", ledger.sha256.clone()),
        ("first", ledger.first_ts.clone().unwrap_or_default()),
        ("last", ledger.last_ts.clone().unwrap_or_default()),
        (
            "lines",
            format!(
                "{} enqueue, {} cancel, {} claim, {} finish, {} change nothing, {} are empty",
                ledger.enqueued, ledger.cancelled, ledger.claimed, ledger.done, ledger.change_nothing, ledger.blank
            ),
        ),
        ("items", format!("{}: {}", document.items.total, statuses.join(", "))),
        ("by", record.map(|record| format!("{}, {}", record.principal, record.ts)).unwrap_or_default()),
        ("because", record.map(|record| record.reason.to_owned()).unwrap_or_default()),
        ("head", record.map(|record| record.head.clone()).unwrap_or_default()),
        (
            "torn end",
            record.and_then(|record| record.torn_as).map(|name| format!("kept as {name}")).unwrap_or_default(),
        ),
    ];
    rows.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn runs_text(runs: &RunsFound<'_>) -> String {
    let place = escape(runs.looked_in);
    if let Some(why) = runs.unreadable {
        return format!("\nRuns: {place}: {}.\n", escape(why));
    }
    let problems = count(runs.problems, "problem", "problems");
    let mut text =
        format!("\nRuns: {} in {place}, {problems}; {} cannot be queued again.\n", runs.checked, runs.cannot_be_queued);
    for one in &runs.first {
        text.push_str(&format!("  {}\n", escape(one)));
    }
    if runs.problems > 0 {
        text.push_str("  all of them, each with its repair: `cortexpilot runs check DIR`\n");
    }
    if let Some(set) = runs.set_runs_root {
        text.push_str(&format!(
            "Runs stay where they are. Have every process use them: CORTEXPILOT_RUNS_ROOT={}\n",
            quote(set)
        ));
    }
    text
}
