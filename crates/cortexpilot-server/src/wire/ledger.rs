//! The record on the wire: single lines of both files as facts, how the ledger stands, signed checkpoints.

use cortexpilot_core::codec::decision::Decision;
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::time::ledger_text;
use cortexpilot_core::port::lines::{LedgerLine, Said};
use cortexpilot_core::port::receipts::CheckpointDocument;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::item::{ItemView, ProblemView};

/// A line of the queue's ledger, as facts. What does not apply is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineView {
    /// The line's number, from 1.
    #[schema(minimum = 1)]
    pub seq: u64,
    /// What was done: `QUEUE_ENQUEUE`, `QUEUE_CANCEL`, `QUEUE_CLAIM`, `QUEUE_DONE`, `QUEUE_STOP`, `QUEUE_HOLD`, `QUEUE_REQUEUE`,
    /// `QUEUE_EXPIRE`, `LEDGER_REPAIRED`, `LEDGER_ADOPTED`, or the event of a newer version; empty where a line of the original
    /// says nothing.
    pub event: String,
    /// When.
    #[schema(required = true)]
    pub ts: Option<String>,
    /// The item it is about.
    #[schema(required = true)]
    pub queue_id: Option<String>,
    /// Whose doing it was: the principal of an enqueue; of a cancel, with its role; of a claim, the worker as it names
    /// itself; of what an operator did about a claimed or held item, the operator with the role.
    #[schema(required = true)]
    pub by: Option<String>,
    /// Why, as stated.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// The line's hash; null on a line of the original.
    #[schema(required = true)]
    pub h: Option<String>,
    /// Why a line of the original changes nothing; left out of every other line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<String>,
}

impl LineView {
    /// What a line says.
    pub fn of(line: &LedgerLine) -> Self {
        let said = line.said();
        let problem = match &said {
            Said::Skipped(problem) => Some(problem.clone()),
            Said::Queue(_) | Said::Decision(_) | Said::Repaired(_) | Said::Adopted(_) | Said::Unknown(_) => None,
        };
        Self {
            seq: line.number,
            event: said.event().to_owned(),
            ts: said.ts().map(ledger_text),
            queue_id: said.queue_id().map(ToString::to_string),
            by: said.by().map(str::to_owned),
            reason: said.reason().map(str::to_owned),
            h: line.hash.map(|hash| hash.to_string()),
            problem,
        }
    }
}

/// A line as facts and as it stands, for whoever verifies it: `h` is the SHA-256 of the `h` before it and of `line` up to
/// `, "h":`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EntryView {
    /// The facts.
    #[serde(flatten)]
    pub facts: LineView,
    /// The line without its newline; null where the original wrote one that is no UTF-8 or longer than a line can be.
    #[schema(required = true)]
    pub line: Option<String>,
    /// How many bytes it has, without its newline.
    pub bytes: u64,
}

impl EntryView {
    /// A line.
    pub fn of(line: &LedgerLine) -> Self {
        let text = line.bytes.as_deref().and_then(|bytes| str::from_utf8(bytes).ok());
        Self { facts: LineView::of(line), line: text.map(str::to_owned), bytes: line.size as u64 }
    }
}

/// A line in the history of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryLineView {
    /// The facts.
    #[serde(flatten)]
    pub facts: LineView,
    /// Where to ask for the proof that this line is signed; of several lines that did the same, the last.
    #[schema(required = true)]
    pub receipt: Option<String>,
}

/// What became of an item, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryView {
    /// The item as it stands.
    pub item: ItemView,
    /// Its lines in the ledger, in their order.
    pub lines: Vec<HistoryLineView>,
}

impl HistoryView {
    /// The history of an item out of its lines.
    pub fn of(id: &QueueItemId, item: ItemView, lines: &[LedgerLine]) -> Self {
        let lines = lines.iter().map(|line| {
            let facts = LineView::of(line);
            let of = match facts.event.as_str() {
                "QUEUE_ENQUEUE" => Some("enqueued"),
                "QUEUE_CANCEL" => Some("cancelled"),
                "QUEUE_CLAIM" => Some("claimed"),
                "QUEUE_DONE" => Some("completed"),
                // Of several, the last is proven.
                "QUEUE_STOP" => Some("stop_requested"),
                "QUEUE_HOLD" => Some("held"),
                "QUEUE_REQUEUE" => Some("requeued"),
                "QUEUE_EXPIRE" => Some("expired"),
                _ => None,
            };
            // An id of ours needs no escape; one of the original may.
            let plain =
                id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
            let receipt = of.filter(|_| plain).map(|of| format!("/api/queue/{id}/receipt?of={of}"));
            HistoryLineView { facts, receipt }
        });
        Self { item, lines: lines.collect() }
    }
}

/// A line of the record of refusals and decisions, as facts. What does not apply is null.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DecisionView {
    /// The line's number, from 1.
    #[schema(minimum = 1)]
    pub seq: u64,
    /// `DENIED`, or what was decided.
    pub event: String,
    /// When.
    pub ts: String,
    /// The code of a refusal.
    #[schema(required = true)]
    pub code: Option<String>,
    /// Who was refused, or who decided.
    pub principal: String,
    /// Where: `mcp`, `http` or `cli`.
    pub surface: String,
    /// The run it was about.
    #[schema(required = true)]
    pub run_id: Option<String>,
    /// The request it was about.
    #[schema(required = true)]
    pub approval_id: Option<String>,
    /// Why.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// How many refusals the line stands for; 1 of every other line.
    #[schema(minimum = 1)]
    pub count: u64,
    /// What the event says beside that, under the names that its line has for it.
    #[schema(value_type = Object)]
    pub details: Map<String, Value>,
    /// The line's hash.
    pub h: String,
}

/// Members that have a place of their own in the view, and a token's digest, which is for nobody.
const PLACED: [&str; 12] = [
    "event",
    "code",
    "principal",
    "surface",
    "run_id",
    "preview_digest",
    "approval_id",
    "reason",
    "count",
    "ts",
    "sha256",
    "h",
];

impl DecisionView {
    /// What a line says; `None` where it is none of this record.
    pub fn of(line: &LedgerLine) -> Option<Self> {
        let h = line.hash?.to_string();
        let members: Map<String, Value> = serde_json::from_slice(line.bytes.as_deref()?).ok()?;
        let details = members.into_iter().filter(|(name, value)| !PLACED.contains(&name.as_str()) && !value.is_null());
        let details = details.collect();
        let (seq, said) = (line.number, line.said());
        let (event, ts) = (said.event().to_owned(), said.ts().map(ledger_text).unwrap_or_default());
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Some(match said {
            Said::Decision(decision) => {
                let Decision { code, principal, surface, run_id, approval_id, reason, count, .. } = *decision;
                let code = some(code);
                Self { seq, event, ts, code, principal, surface, run_id, approval_id, reason, count, details, h }
            }
            Said::Repaired(repaired) => Self {
                seq,
                event,
                ts,
                code: None,
                principal: repaired.principal,
                surface: "cli".to_owned(),
                run_id: None,
                approval_id: None,
                reason: Some(repaired.reason),
                count: 1,
                details,
                h,
            },
            Said::Queue(_) | Said::Adopted(_) | Said::Unknown(_) | Said::Skipped(_) => return None,
        })
    }
}

/// A signed checkpoint: how many lines a file had, and the root of the tree over them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckpointView {
    /// The file.
    pub file: &'static str,
    /// The log's name, which is also the key's.
    pub origin: String,
    /// How many lines it covers.
    pub size: u64,
    /// The root, 64 hexadecimal digits.
    pub root: String,
    /// The public key it verifies with, as `name+id+key`.
    pub key: String,
    /// When it was signed, as far as its file tells.
    #[schema(required = true)]
    pub signed_at: Option<String>,
    /// The signed note (C2SP signed-note), with its newlines.
    pub note: String,
}

impl CheckpointView {
    /// A checkpoint.
    pub fn of(document: &CheckpointDocument) -> Self {
        Self {
            file: document.file.name(),
            origin: document.origin.clone(),
            size: document.size,
            root: document.root.to_string(),
            key: document.key.clone(),
            signed_at: document.signed_at.map(ledger_text),
            note: document.note.clone(),
        }
    }
}

/// One of the two chained files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FileView {
    /// Its name.
    pub file: &'static str,
    /// How many lines were read: the number of the last.
    pub lines: u64,
    /// The last line's hash; 64 zeros of an empty file.
    pub h: String,
    /// Its last signed checkpoint; null where none was ever made.
    #[schema(required = true)]
    pub checkpoint: Option<CheckpointView>,
}

/// How the ledger stands, as far as this process knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LedgerView {
    /// What was done.
    pub queue: FileView,
    /// What was refused and decided.
    pub decisions: FileView,
    /// When the queue's last line was written; null of an empty one.
    #[schema(required = true)]
    pub last_ts: Option<String>,
    /// Whether lines can be written. Otherwise `refuses_writes` says why not.
    pub sound: bool,
    /// The code of what stands in the way of writing; null where nothing does.
    #[schema(required = true)]
    pub refuses_writes: Option<&'static str>,
    /// What is wrong, line by line.
    pub problems: Vec<ProblemView>,
    /// How signing stands here: `waiting`, `no_key`, `signed` or `failing`; null in a process that signs nothing.
    #[schema(required = true)]
    pub signing: Option<&'static str>,
    /// Where the freeze and the policy floor are shown.
    pub gate: &'static str,
}
