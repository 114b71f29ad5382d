//! `cortexpilot audit`: whether the ledger is what was written, and the way out when it is not.

mod log;

pub(super) use log::Target;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use cortexpilot_core::domain::principal::{Principal, PrincipalKind};
use cortexpilot_core::domain::text::{Reason, Stated, escape};
use cortexpilot_core::error::{ErrorCode, exit};
use cortexpilot_core::port::{Clock as _, StoreError};
use cortexpilot_ledger::log::Subject;
use cortexpilot_ledger::{FileReport, PinProblem, RepairError, RepairReport, Verdict, VerifyReport, repair, verify};
use serde::Serialize;

use super::Context;
use super::failure::Stopped;
use super::output::{self, Answer, count, json, pairs};
use super::session;
use crate::config::Settings;
use crate::os::{OsIds, SystemClock};

/// Verify the ledger, sign it, prove from it, and repair it when it is damaged
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Verify every line of the ledger and say what was covered; changes nothing
    #[command(after_help = "\
Examples:
  cortexpilot audit verify
  cortexpilot audit verify --output json
  cortexpilot audit verify --since monday.checkpoint --key ops.example.com/queue.jsonl+…
  cortexpilot audit verify --bundle evidence.jsonl --key ops.example.com/queue.jsonl+…
  cortexpilot audit verify --receipt receipt.json --ledger queue.jsonl --key ops.example.com/queue.jsonl+…

--bundle and --receipt need no runtime root: only what is named is read. Exit codes: 0 sound, 10 torn (an incomplete last line, which the next writer sets aside), 11 altered, 12 written by a \
newer version, 6 the files cannot be read. A cut at the end of the ledger cannot be seen from the file alone: keep a \
checkpoint somewhere else and give it to --since.")]
    Verify {
        /// Checkpoints that were kept elsewhere: the ledger must continue each of them
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// A public key that was noted elsewhere; can be given more than once
        #[arg(long, value_name = "KEY")]
        key: Vec<String>,
        /// A receipt to verify, and nothing else
        #[arg(long, value_name = "FILE", conflicts_with_all = ["since", "bundle"], requires = "key")]
        receipt: Option<PathBuf>,
        /// A copy of the file that the receipt's line stands in
        #[arg(long, value_name = "FILE", requires = "receipt")]
        ledger: Option<PathBuf>,
        /// Evidence to verify, and nothing else
        #[arg(long, value_name = "FILE", conflicts_with = "since")]
        bundle: Option<PathBuf>,
    },
    /// Make the key that signs the ledger's checkpoints, once
    #[command(after_help = "\
Examples:
  cortexpilot audit init-key --name ops.example.com/cortexpilot
  cortexpilot audit init-key

Prints the public half. Keep it where this machine cannot change it: whoever holds it can verify checkpoints, receipts \
and evidence. A key that is there is kept, with exit code 5.")]
    InitKey {
        /// Whose ledger this is, without spaces; preferably like a URL without its scheme
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// Sign how many lines both files have and what they come to
    #[command(after_help = "\
Examples:
  cortexpilot audit checkpoint
  cortexpilot audit checkpoint -o /mnt/elsewhere/monday.checkpoint

Prints the signed text, to be kept elsewhere. From then on nothing starts on a ledger that does not continue it. Exit \
codes: 5 there is no key (audit init-key), 6 the ledger does not continue its last checkpoint, or is damaged.")]
    Checkpoint {
        /// Also write the text to this file, which must not be there yet
        #[arg(short = 'o', long = "to", value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Print the receipt of one line: that it is under the last checkpoint
    #[command(group(clap::ArgGroup::new("what").required(true).args(["queue_id", "index"])), after_help = "\
Examples:
  cortexpilot audit prove 7677c33f5b90d5b311bf13569890da5b -o receipt.json
  cortexpilot audit prove --index 12 --decisions

Of an item the line that queued it. Exit code 5: the line is newer than the last checkpoint (audit checkpoint).")]
    Prove {
        /// The queue item
        queue_id: Option<String>,
        /// A line by its place; the first is 0
        #[arg(long, value_name = "N")]
        index: Option<u64>,
        /// A line of decisions.jsonl rather than of queue.jsonl
        #[arg(long, requires = "index")]
        decisions: bool,
        /// Write the receipt to this file, which must not be there yet
        #[arg(short = 'o', long = "to", value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Write all signed lines, checkpoints and public keys into one file that verifies offline
    #[command(after_help = "\
Examples:
  cortexpilot audit checkpoint && cortexpilot audit export -o evidence.jsonl
  cortexpilot audit verify --bundle evidence.jsonl --key ops.example.com/queue.jsonl+…

The file holds everything the ledger says: names, reasons, tasks. Exit code 5: there is no checkpoint yet.")]
    Export {
        /// The file to write, which must not be there yet
        #[arg(short = 'o', long = "to", value_name = "FILE")]
        to: PathBuf,
    },
    /// Keep a damaged ledger aside and begin a new one that commits to it
    #[command(after_help = "\
Examples:
  cortexpilot audit repair --reason 'disk error on 3 May, ticket 4711'
  cortexpilot audit repair --reason 'disk error on 3 May, ticket 4711' --yes      in a script

The damaged file stays beside the new one. Items that were pending or claimed in it are named: preview and queue again \
what is still wanted. A sound ledger is left alone, with exit code 5.")]
    Repair {
        /// Why; kept in the new ledger's first line for ever
        #[arg(long, value_name = "WHY")]
        reason: String,
        /// Do it without asking; needed where nobody can be asked
        #[arg(long)]
        yes: bool,
    },
}

const SOUND: u8 = exit::OK;
const TORN: u8 = 10;
const ALTERED: u8 = 11;
const NEWER: u8 = 12;

/// What `audit verify` exits with.
pub(crate) const EXIT_CODES: [(u8, &str); 5] = [
    (SOUND, "sound: every line verifies"),
    (exit::STORE, "the files cannot be read"),
    (TORN, "torn: an incomplete last line, never acknowledged, which the next process that writes sets aside"),
    (ALTERED, "altered: a line, or the pinned task contract of a live item, is not what was written"),
    (NEWER, "newer: some lines say what only a newer version understands"),
];

fn exit_of(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Sound => SOUND,
        Verdict::Torn => TORN,
        Verdict::Newer => NEWER,
        Verdict::Altered => ALTERED,
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Sound => "sound",
        Verdict::Torn => "torn",
        Verdict::Newer => "newer",
        Verdict::Altered => "altered",
    }
}

impl Audit {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let root = context.settings.runtime_root.clone();
        match self {
            Self::Verify { since, key, receipt, ledger, bundle } => {
                let keys = log::keys(&key)?;
                if let Some(bundle) = bundle {
                    return log::verify_evidence(context, &bundle, &keys);
                }
                if let Some(receipt) = receipt {
                    return log::verify_receipt(context, &receipt, ledger.as_deref(), &keys);
                }
                // The checkpoints first: whatever they cover is in the files that are read after them.
                let beyond = log::Beyond::look(context, &root, since.as_deref(), &keys)?;
                let mut report = look(&root)?;
                if !beyond.is_sound() {
                    report.verdict = Verdict::Altered;
                }
                let text = if context.view.is_json() {
                    json(&VerifyAnswer::of(&root, &report, &beyond))
                } else {
                    human(context, &root, &report, Some(&beyond))
                };
                Ok(Answer { text, exit: exit_of(report.verdict) })
            }
            Self::InitKey { name } => {
                entitled(&context.settings, "make the key that signs the ledger").await?;
                log::init_key(context, &root, name.as_deref())
            }
            Self::Checkpoint { to } => {
                entitled(&context.settings, "sign the ledger").await?;
                log::sign(context, &root, to.as_deref())
            }
            Self::Prove { queue_id, index, decisions, to } => {
                let subject = match (&queue_id, index) {
                    (Some(id), _) => Subject::Item(id),
                    (None, Some(index)) if decisions => Subject::Decision(index),
                    (None, Some(index)) => Subject::Line(index),
                    (None, None) => return Err(Stopped::Usage("name a queue item, or a line with --index".into())),
                };
                log::receipt(context, &root, subject, to.as_deref())
            }
            Self::Export { to } => log::evidence(context, &root, &to),
            Self::Repair { reason, yes } => mend(context, &root, &reason, yes).await,
        }
    }
}

fn look(root: &Path) -> Result<VerifyReport, Stopped> {
    verify(root).map_err(|error| Stopped::store(StoreError::Unavailable(error.to_string()), &OsIds))
}

#[derive(Serialize)]
struct VerifyAnswer<'a> {
    verdict: &'static str,
    runtime_root: String,
    files: Vec<FileAnswer<'a>>,
    live_contracts: usize,
    contracts_not_good: Vec<PinAnswer>,
    since: Option<Vec<log::KeptAnswer<'a>>>,
    signed_by_others: &'a [String],
}

#[derive(Serialize)]
struct FileAnswer<'a> {
    file: &'static str,
    verdict: &'static str,
    lines: u64,
    legacy_lines: u64,
    bytes: u64,
    first_ts: Option<String>,
    last_ts: Option<String>,
    head: String,
    damage: Option<PlaceAnswer<'a>>,
    torn: Option<TornAnswer>,
    newer: Option<PlaceAnswer<'a>>,
    repaired_from: Option<&'a str>,
    adopted_from: Option<&'a str>,
    odd_lines: u64,
    bytes_being_written: u64,
    checkpoint: Option<log::CheckpointAnswer>,
}

#[derive(Serialize)]
struct PlaceAnswer<'a> {
    line: u64,
    what: &'a str,
}

#[derive(Serialize)]
struct TornAnswer {
    offset: u64,
    bytes: u64,
    lacks_only_newline: bool,
}

#[derive(Serialize)]
struct PinAnswer {
    contract_sha256: String,
    problem: &'static str,
    queue_ids: Vec<String>,
}

impl<'a> VerifyAnswer<'a> {
    fn of(root: &Path, report: &'a VerifyReport, beyond: &'a log::Beyond) -> Self {
        Self {
            verdict: word(report.verdict),
            runtime_root: root.display().to_string(),
            files: report.files.iter().map(|file| FileAnswer::of(file, beyond)).collect(),
            live_contracts: report.live_contracts,
            contracts_not_good: report.pins.iter().map(PinAnswer::of).collect(),
            since: beyond.kept_answers(),
            signed_by_others: &beyond.strangers,
        }
    }
}

impl<'a> FileAnswer<'a> {
    fn of(file: &'a FileReport, beyond: &log::Beyond) -> Self {
        Self {
            file: file.file,
            verdict: word(file.verdict()),
            lines: file.lines,
            legacy_lines: file.legacy_lines,
            bytes: file.bytes,
            first_ts: file.first_ts.map(|at| at.to_string()),
            last_ts: file.last_ts.map(|at| at.to_string()),
            head: file.head.to_string(),
            damage: file.damage.as_ref().map(|damage| PlaceAnswer { line: damage.line, what: &damage.what }),
            torn: file.torn.map(|torn| TornAnswer {
                offset: torn.offset,
                bytes: torn.bytes,
                lacks_only_newline: torn.lacks_only_newline,
            }),
            newer: file.newer.as_ref().map(|(line, event)| PlaceAnswer { line: *line, what: event }),
            repaired_from: file.repaired.as_ref().map(|repaired| repaired.kept_as.as_str()),
            adopted_from: file.adopted.as_ref().map(|adopted| adopted.source.as_str()),
            odd_lines: file.odd_total,
            bytes_being_written: file.in_flight,
            checkpoint: beyond.of(file.file).map(log::CheckpointAnswer::of),
        }
    }
}

impl PinAnswer {
    fn of(pin: &PinProblem) -> Self {
        Self {
            contract_sha256: pin.sha256.to_string(),
            problem: if pin.altered { "holds other bytes" } else { "is missing" },
            queue_ids: pin.items.iter().map(ToString::to_string).collect(),
        }
    }
}

fn human(context: &Context, root: &Path, report: &VerifyReport, beyond: Option<&log::Beyond>) -> String {
    let mut text = format!("Ledger in {}: {}\n", escape(&root.display().to_string()), word(report.verdict));
    for file in &report.files {
        text.push_str(&format!("\n{}: {}\n{}", file.file, word(file.verdict()), pairs(file_rows(file))));
        if let Some(stored) = beyond.and_then(|beyond| beyond.of(file.file)) {
            let size = stored.checkpoint.checkpoint().size;
            text.push_str(&format!(
                "  checkpoint of {}, signed by {}\n",
                log::lines(size),
                escape(&stored.key.to_string())
            ));
        }
        for odd in &file.odd {
            text.push_str(&format!("  line {} {}\n", odd.line, escape(&odd.problem)));
        }
    }
    let good = report.live_contracts.saturating_sub(report.pins.len());
    text.push_str(&format!("\nPinned task contracts of live items: {good} of {} good\n", report.live_contracts));
    for pin in &report.pins {
        let answer = PinAnswer::of(pin);
        text.push_str(&format!(
            "  {} {} (items {})\n",
            answer.contract_sha256,
            answer.problem,
            answer.queue_ids.join(", ")
        ));
    }
    let beyond_says = beyond.map(log::Beyond::human).unwrap_or_default();
    text.push_str(&beyond_says);
    text.push_str(&match report.verdict {
        Verdict::Altered if !beyond_says.is_empty() && report.pins.is_empty() && report.files.iter().all(|file| file.damage.is_none()) => {
            "\nThe files fit together, and are not what was kept elsewhere. Find out who replaced or cut them.\n".to_owned()
        }
        Verdict::Sound if report.files.iter().all(|file| file.lines == 0) => "\nThe ledger has no line yet.\n".to_owned(),
        Verdict::Sound => "\nA cut at the end cannot be seen from the file alone: keep the heads elsewhere, and compare.\n".to_owned(),
        Verdict::Torn => "\nNothing is lost: the incomplete line was never acknowledged. The next process that writes sets it aside.\n".to_owned(),
        Verdict::Newer => "\nRun the version of cortexpilot that wrote this, or a newer one.\n".to_owned(),
        Verdict::Altered if report.files.iter().any(|file| file.damage.is_some()) => {
            let repair = context.commands.line(&["audit", "repair"]);
            format!("\nFind out who changed it. Reads go on, nothing is written. The way out: {repair} --reason WHY\n")
        }
        Verdict::Altered => "\nThe lines are sound. Cancel the items above while they are pending: what would run is not what was approved.\n".to_owned(),
    });
    text
}

fn file_rows(file: &FileReport) -> Vec<(&'static str, String)> {
    let mut lines = file.lines.to_string();
    if file.legacy_lines > 0 {
        lines.push_str(&format!(" ({} of them another system's)", file.legacy_lines));
    }
    let time = |at: &Option<jiff::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let damage = file.damage.as_ref().map(|damage| format!("line {} {}", damage.line, damage.what));
    let torn = file.torn.map(|torn| {
        let kept = if torn.lacks_only_newline { "whole but for its line break: it will be kept" } else { "incomplete" };
        format!("{} bytes at {}: {kept}", torn.bytes, torn.offset)
    });
    let newer = file.newer.as_ref().map(|(line, event)| format!("line {line} is a {event}"));
    let repaired = file
        .repaired
        .as_ref()
        .map(|repaired| format!("{} (kept as {}) because: {}", repaired.principal, repaired.kept_as, repaired.reason));
    let rows = [
        ("lines", lines),
        ("bytes", file.bytes.to_string()),
        ("first", time(&file.first_ts)),
        ("last", time(&file.last_ts)),
        ("head", file.head.to_string()),
        ("damage", damage.unwrap_or_default()),
        ("last line", torn.unwrap_or_default()),
        ("newer", newer.unwrap_or_default()),
        ("repaired by", repaired.unwrap_or_default()),
        (
            "adopted by",
            file.adopted.as_ref().map_or_else(String::new, |adopted| {
                format!("{} (from {}) because: {}", adopted.principal, adopted.source, adopted.reason)
            }),
        ),
        (
            "being written",
            if file.in_flight > 0 { format!("{} bytes, not looked at", file.in_flight) } else { String::new() },
        ),
        (
            "change nothing",
            if file.odd_total > 0 {
                count(usize::try_from(file.odd_total).unwrap_or(usize::MAX), "line", "lines")
            } else {
                String::new()
            },
        ),
    ];
    rows.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

#[derive(Serialize)]
struct RepairAnswer<'a> {
    files: Vec<RepairedAnswer<'a>>,
    lost: Vec<LostAnswer<'a>>,
}

#[derive(Serialize)]
struct RepairedAnswer<'a> {
    file: &'static str,
    kept_as: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments_kept_as: Option<&'a str>,
    damaged_sha256: String,
    line: u64,
    what: &'a str,
    verified_lines: u64,
    head: String,
}

#[derive(Serialize)]
struct LostAnswer<'a> {
    queue_id: &'a str,
    task_id: &'a str,
    source_run_id: &'a str,
    status: &'a str,
}

async fn mend(context: &Context, root: &Path, reason: &str, yes: bool) -> Result<Answer, Stopped> {
    // A repair is an operator's act like any other, though no command of the queue: who may not apply may not begin a new
    // ledger either.
    let principal = entitled(&context.settings, "repair the ledger").await?;
    let reason = match Stated::<Reason>::read(Some(reason)) {
        Stated::Given(reason) => reason,
        Stated::Absent => {
            return Err(Stopped::code(ErrorCode::MetadataRequired, "`reason` is blank. Nothing was changed.", &OsIds));
        }
        Stated::Rejected(problem) => {
            let said = format!("`reason` {problem}. Nothing was changed.");
            return Err(Stopped::code(ErrorCode::MetadataRejected, said, &OsIds));
        }
    };
    // Looked at first without touching anything: a sound ledger is not opened for writing.
    let report = look(root)?;
    if !report.files.iter().any(|file| file.damage.is_some()) {
        return Err(Stopped::Nothing("there is no damaged line: nothing to repair".to_owned()));
    }
    if !yes {
        if !context.view.interactive {
            return Err(Stopped::Usage(
                "a repair wants to be confirmed, and nobody can be asked here: add --yes".to_owned(),
            ));
        }
        output::complain(&human(context, root, &report, None));
        if !super::queue::typed("repair", "to keep the damaged file aside and begin a new ledger") {
            return Err(Stopped::Nothing("nothing was changed".to_owned()));
        }
    }
    let done = repair(root, &reason, &principal.id, SystemClock.now()).map_err(stopped)?;
    let text = if context.view.is_json() { json(&RepairAnswer::of(&done)) } else { mended(context, &done) };
    Ok(Answer::ok(text))
}

/// An operator who holds an allowed role: whoever may not apply may neither begin a new ledger nor sign this one.
async fn entitled(settings: &Settings, may: &str) -> Result<Principal, Stopped> {
    let principal = operator(settings, may).await?;
    if principal.roles.is_disjoint(&settings.allowed_roles) {
        let said = format!("{} holds no role that may do this. Nothing was changed.", principal.id);
        return Err(Stopped::code(ErrorCode::RoleForbidden, said, &OsIds));
    }
    Ok(principal)
}

/// An operator, known by the personal token where one is configured.
pub(super) async fn operator(settings: &Settings, may: &str) -> Result<Principal, Stopped> {
    if settings.token.is_none() {
        return Ok(settings.operator());
    }
    let caller = session::caller(settings, &session::reader(settings)?).await?;
    match caller.principal {
        Some(principal) if principal.kind == PrincipalKind::Operator => Ok(principal),
        Some(_) | None => {
            let said = format!("Only an operator may {may}. Nothing was changed.");
            Err(Stopped::code(ErrorCode::ScopeForbidden, said, &OsIds))
        }
    }
}

fn stopped(error: RepairError) -> Stopped {
    match error {
        RepairError::Sound => Stopped::Nothing(error.to_string()),
        RepairError::Newer(event) => Stopped::store(StoreError::Newer { event }, &OsIds),
        RepairError::Lock(_) | RepairError::Io { .. } => {
            Stopped::store(StoreError::Unavailable(error.to_string()), &OsIds)
        }
    }
}

impl<'a> RepairAnswer<'a> {
    fn of(done: &'a RepairReport) -> Self {
        let files = done.files.iter().map(|file| RepairedAnswer {
            file: file.file,
            kept_as: &file.kept_as,
            segments_kept_as: file.segments_kept_as.as_deref(),
            damaged_sha256: file.damaged_sha256.to_string(),
            line: file.damage.line,
            what: &file.damage.what,
            verified_lines: file.verified_lines,
            head: file.head.to_string(),
        });
        let lost = done.lost.iter().map(|item| LostAnswer {
            queue_id: item.queue_id().as_str(),
            task_id: &item.enqueued.task_id,
            source_run_id: &item.enqueued.source_run_id,
            status: item.status(),
        });
        Self { files: files.collect(), lost: lost.collect() }
    }
}

fn mended(context: &Context, done: &RepairReport) -> String {
    let mut text = String::new();
    for file in &done.files {
        let kept_as = match &file.segments_kept_as {
            Some(segments) => format!("{}, behind {segments}", file.kept_as),
            None => file.kept_as.clone(),
        };
        let rows = [
            ("kept as", kept_as),
            ("its sha256", file.damaged_sha256.to_string()),
            ("damage", format!("line {} {}", file.damage.line, file.damage.what)),
            ("verified before it", count(usize::try_from(file.verified_lines).unwrap_or(usize::MAX), "line", "lines")),
            ("new head", file.head.to_string()),
        ];
        text.push_str(&format!("{}: a new one is begun\n{}", file.file, pairs(rows)));
    }
    if !done.lost.is_empty() {
        text.push_str(
            "\nThese items were live and are in the kept file only. Preview and queue again what is still wanted.\n",
        );
        let rows = done.lost.iter().map(|item| {
            vec![
                item.queue_id().to_string(),
                item.enqueued.task_id.clone(),
                item.enqueued.source_run_id.clone(),
                item.status().to_owned(),
            ]
        });
        text.push_str(&context.view.table(&["queue id", "task", "source run", "was"], rows));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_has_its_own_documented_exit_code() {
        for verdict in [Verdict::Sound, Verdict::Torn, Verdict::Newer, Verdict::Altered] {
            let documented = EXIT_CODES.iter().filter(|(code, _)| *code == exit_of(verdict)).collect::<Vec<_>>();
            assert_eq!(documented.len(), 1);
            assert!(documented[0].1.starts_with(word(verdict)), "{verdict:?}");
        }
    }
}
