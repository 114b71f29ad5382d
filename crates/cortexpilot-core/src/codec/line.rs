//! Lines of `queue.jsonl`.
//!
//! Our own lines are written member by member in the original's order, ours behind it, the chain hash last. Lines of the
//! original have no hash; they are read as they are.

mod outline;
mod quick;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::json::{Object, clip};
use crate::domain::decide::Judged;
use crate::domain::id::{QueueItemId, Sha256Digest};
use crate::domain::lease::HeldKind;
use crate::domain::ledger;
use crate::domain::queue::{
    APPROVAL_MODE, Cancelled, Claimed, Done, Enqueued, Expired, Hold, PRIORITY_RANGE, Provenance, QueueEvent,
    QueueItem, Requeued, StopRequested, When,
};
use crate::domain::time::ledger_text;

pub use outline::{Change, Outline, OutlineLine, outline};

/// A complete line without its newline, and its chain hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedLine {
    /// The bytes.
    pub text: String,
    /// The hash, which the next line chains onto.
    pub hash: Sha256Digest,
}

/// Turns what was judged into its line. There is no other way to a queue line.
pub fn encode(judged: &Judged, prev: &Sha256Digest) -> SealedLine {
    let body = match judged.event() {
        QueueEvent::Enqueued(event) => enqueue_body(event),
        QueueEvent::Cancelled(event) => cancel_body(event),
        QueueEvent::Claimed(event) => claim_body(event),
        QueueEvent::Done(event) => done_body(event),
        QueueEvent::Held(event) => hold_body(event),
        QueueEvent::Requeued(event) => requeue_body(event),
        QueueEvent::Expired(event) => expire_body(event),
        QueueEvent::StopRequested(event) => stop_body(event),
    };
    seal(prev, body)
}

/// What `audit repair` writes first into the ledger that takes a damaged one's place. It changes no item, so it is not
/// judged; it commits to what was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// SHA-256 of the damaged file's bytes.
    pub damaged_sha256: Sha256Digest,
    /// The name under which it is kept, beside the ledger.
    pub kept_as: String,
    /// Lines of it that verified.
    pub verified_lines: u64,
    /// Why.
    pub reason: String,
    /// Who.
    pub principal: String,
    /// When.
    pub ts: Timestamp,
}

/// The line of a repair. A text of more than 2,000 characters is cut, and shows it.
pub fn encode_repaired(repaired: &Repaired, prev: &Sha256Digest) -> SealedLine {
    let body = Object::event("LEDGER_REPAIRED")
        .text("damaged_sha256", &repaired.damaged_sha256.to_string())
        .text("kept_as", &clip(&repaired.kept_as))
        .integer("verified_lines", repaired.verified_lines)
        .text("reason", &clip(&repaired.reason))
        .text("principal", &clip(&repaired.principal))
        .text("ts", &ledger_text(repaired.ts))
        .body();
    seal(prev, body)
}

/// What `import` writes behind the lines of the original. It changes no item, so it is not judged; it says who took those
/// lines over, from where and why, and what they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// SHA-256 of every byte before this line.
    pub prefix_sha256: Sha256Digest,
    /// How many lines those are.
    pub prefix_lines: u64,
    /// How many bytes, newlines included.
    pub prefix_bytes: u64,
    /// The directory they came from.
    pub source: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub principal: String,
    /// When.
    pub ts: Timestamp,
}

/// The line of an import. A text of more than 2,000 characters is cut, and shows it.
pub fn encode_adopted(adopted: &Adopted, prev: &Sha256Digest) -> SealedLine {
    let body = Object::event("LEDGER_ADOPTED")
        .text("prefix_sha256", &adopted.prefix_sha256.to_string())
        .integer("prefix_lines", adopted.prefix_lines)
        .integer("prefix_bytes", adopted.prefix_bytes)
        .text("source", &clip(&adopted.source))
        .text("reason", &clip(&adopted.reason))
        .text("principal", &clip(&adopted.principal))
        .text("ts", &ledger_text(adopted.ts))
        .body();
    seal(prev, body)
}

pub(super) fn seal(prev: &Sha256Digest, body: impl Into<String>) -> SealedLine {
    let (text, hash) = ledger::complete(prev, body.into());
    // Every text in an event is bounded where it is parsed, so this cannot be reached; a longer line would be unreadable.
    assert!(text.len() <= ledger::LINE_MAX, "invariant: a judged event fits into one ledger line");
    SealedLine { text, hash }
}

fn enqueue_body(event: &Enqueued) -> String {
    let when = |when: &Option<When>| when.as_ref().map(|when| when.text.clone());
    let object = Object::event("QUEUE_ENQUEUE")
        .text("status", "PENDING")
        .text("task_id", &event.task_id)
        .text("owner", &event.owner)
        .text("contract_path", &event.contract_path)
        .integer("priority", event.priority)
        .text("workflow_id", &event.workflow_id)
        .text("source_run_id", &event.source_run_id)
        .optional("scheduled_at", when(&event.scheduled).as_deref())
        .optional("deadline_at", when(&event.deadline).as_deref())
        .text("ts", &ledger_text(event.ts))
        .text("queue_id", event.queue_id.as_str());
    match &event.provenance {
        Some(provenance) => provenance_members(object, provenance).body(),
        None => object.body(),
    }
}

fn provenance_members(object: Object, provenance: &Provenance) -> Object {
    object
        .digest("contract_sha256", &provenance.contract_sha256)
        .text("requested_by", &provenance.requested_by)
        .text("actor_role", &provenance.actor_role)
        .text("approval_reason", &provenance.approval_reason)
        .text("approval_mode", APPROVAL_MODE)
        .text("pilot_source", &provenance.pilot_source)
        .text("principal", &provenance.principal)
        .digest("preview_digest", &provenance.preview_digest)
        .optional("idempotency_key", provenance.idempotency_key.as_deref())
        .integer("depth", provenance.depth)
        .text("approval_policy", &provenance.approval_policy)
        .list("approvals", &provenance.approvals)
        .present("approver_reason", provenance.approver_reason.as_deref())
        .present("repository", provenance.repository.as_deref())
}

fn cancel_body(event: &Cancelled) -> String {
    let ts = ledger_text(event.ts);
    Object::event("QUEUE_CANCEL")
        .text("status", "CANCELLED")
        .text("task_id", &event.task_id)
        .text("queue_id", event.queue_id.as_str())
        .text("cancelled_at", &ts)
        .present("reason", event.reason.as_deref())
        .present("cancelled_by", event.cancelled_by.as_deref())
        .text("ts", &ts)
        .body()
}

fn claim_body(event: &Claimed) -> String {
    let ts = ledger_text(event.ts);
    Object::event("QUEUE_CLAIM")
        .text("status", "CLAIMED")
        .text("task_id", &event.task_id)
        .text("run_id", &event.run_id)
        .text("ts", &ts)
        .text("queue_id", event.queue_id.as_str())
        .text("claimed_at", &ts)
        .text("worker", &event.worker)
        .integer("attempt", event.attempt)
        .optional("lease_expires_at", event.lease_expires_at.map(ledger_text).as_deref())
        .number("lease_s", event.lease.map(|lease| lease.as_secs()))
        .body()
}

fn done_body(event: &Done) -> String {
    let ts = ledger_text(event.ts);
    Object::event("QUEUE_DONE")
        .text("status", &event.status)
        .text("task_id", &event.task_id)
        .text("run_id", &event.run_id)
        .text("completed_at", &ts)
        .text("queue_id", event.queue_id.as_str())
        .text("ts", &ts)
        .number("attempt", event.attempt)
        .present("reason", event.reason.as_deref())
        .present("by", event.by.as_deref())
        .body()
}

fn hold_body(event: &Hold) -> String {
    Object::event("QUEUE_HOLD")
        .text("status", event.kind.as_str())
        .text("task_id", &event.task_id)
        .text("queue_id", event.queue_id.as_str())
        .text("run_id", &event.run_id)
        .text("ts", &ledger_text(event.ts))
        .integer("attempt", event.attempt)
        .text("reason", &event.reason)
        .present("by", event.by.as_deref())
        .body()
}

fn requeue_body(event: &Requeued) -> String {
    Object::event("QUEUE_REQUEUE")
        .text("status", "PENDING")
        .text("task_id", &event.task_id)
        .text("queue_id", event.queue_id.as_str())
        .text("ts", &ledger_text(event.ts))
        .integer("attempt", event.attempt)
        .present("not_before", event.not_before.map(ledger_text).as_deref())
        .text("reason", &event.reason)
        .present("by", event.by.as_deref())
        .body()
}

fn expire_body(event: &Expired) -> String {
    Object::event("QUEUE_EXPIRE")
        .text("status", "EXPIRED")
        .text("task_id", &event.task_id)
        .text("queue_id", event.queue_id.as_str())
        .text("ts", &ledger_text(event.ts))
        .text("deadline_at", &ledger_text(event.deadline_at))
        .body()
}

fn stop_body(event: &StopRequested) -> String {
    Object::event("QUEUE_STOP")
        .text("status", "CLAIMED")
        .text("task_id", &event.task_id)
        .text("queue_id", event.queue_id.as_str())
        .text("run_id", &event.run_id)
        .text("ts", &ledger_text(event.ts))
        .integer("attempt", event.attempt)
        .text("reason", &event.reason)
        .text("by", &event.by)
        .body()
}

/// The enqueue line of an item as an object's text, with its hash where it has one: what an apply answers.
pub fn enqueue_object(item: &QueueItem) -> String {
    let body = enqueue_body(&item.enqueued);
    match item.line_hash {
        Some(hash) => format!("{body}{}{hash}\"}}", ledger::HASH_MEMBER),
        None => format!("{body}}}"),
    }
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// An event of the queue.
    Event(QueueEvent),
    /// A repair: the history before it is in the file it names.
    Repaired(Repaired),
    /// The lines before it are the original's, taken over on purpose.
    Adopted(Adopted),
    /// A verified line whose event this version does not know: reads go on, writes are refused.
    Unknown {
        /// The event's name.
        event: String,
    },
}

/// Why a line is not one of ours, or of the original.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineProblem(pub String);

/// The members of all our lines; which are needed depends on the event.
#[derive(Deserialize)]
struct Members {
    event: String,
    status: Option<String>,
    task_id: Option<String>,
    owner: Option<String>,
    contract_path: Option<String>,
    priority: Option<i64>,
    workflow_id: Option<String>,
    source_run_id: Option<String>,
    scheduled_at: Option<String>,
    deadline_at: Option<String>,
    ts: Option<String>,
    queue_id: Option<String>,
    contract_sha256: Option<String>,
    requested_by: Option<String>,
    actor_role: Option<String>,
    approval_reason: Option<String>,
    pilot_source: Option<String>,
    principal: Option<String>,
    preview_digest: Option<String>,
    idempotency_key: Option<String>,
    depth: Option<u32>,
    approval_policy: Option<String>,
    approvals: Option<Vec<String>>,
    approver_reason: Option<String>,
    reason: Option<String>,
    cancelled_by: Option<String>,
    run_id: Option<String>,
    worker: Option<String>,
    attempt: Option<u32>,
    lease_expires_at: Option<String>,
    lease_s: Option<u32>,
    by: Option<String>,
    not_before: Option<String>,
    repository: Option<String>,
    damaged_sha256: Option<String>,
    kept_as: Option<String>,
    verified_lines: Option<u64>,
    prefix_sha256: Option<String>,
    prefix_lines: Option<u64>,
    prefix_bytes: Option<u64>,
    source: Option<String>,
}

/// Reads one of our lines. The caller has verified its hash, so a problem here means a writer's fault, not a flipped bit.
///
/// # Errors
/// When a member that the event needs is missing or of another type.
pub fn decode(line: &[u8]) -> Result<Line, LineProblem> {
    match quick::read(line) {
        Some(event) => Ok(Line::Event(event)),
        None => decode_any(line),
    }
}

/// Reads one of our lines however it is spelled.
fn decode_any(line: &[u8]) -> Result<Line, LineProblem> {
    match serde_json::from_slice::<Members>(line) {
        Ok(members) if is_known(&members.event) => members.read(),
        Ok(members) => Ok(Line::Unknown { event: members.event }),
        // A newer version may give a member of the same name another type.
        Err(error) => match serde_json::from_slice::<EventName>(line) {
            Ok(probe) if !is_known(&probe.event) => Ok(Line::Unknown { event: probe.event }),
            Ok(_) | Err(_) => Err(LineProblem(format!("is not our JSON: {error}"))),
        },
    }
}

fn is_known(event: &str) -> bool {
    matches!(
        event,
        "QUEUE_ENQUEUE"
            | "QUEUE_CANCEL"
            | "QUEUE_CLAIM"
            | "QUEUE_DONE"
            | "QUEUE_HOLD"
            | "QUEUE_REQUEUE"
            | "QUEUE_EXPIRE"
            | "QUEUE_STOP"
            | "LEDGER_REPAIRED"
            | "LEDGER_ADOPTED"
    )
}

#[derive(Deserialize)]
struct EventName {
    event: String,
}

impl Members {
    fn read(self) -> Result<Line, LineProblem> {
        let ts = instant("ts", self.ts.as_deref())?;
        if self.event == "LEDGER_REPAIRED" {
            return Ok(Line::Repaired(Repaired {
                damaged_sha256: digest("damaged_sha256", self.damaged_sha256.as_deref())?,
                kept_as: need("kept_as", self.kept_as)?,
                verified_lines: need("verified_lines", self.verified_lines)?,
                reason: need("reason", self.reason)?,
                principal: need("principal", self.principal)?,
                ts,
            }));
        }
        if self.event == "LEDGER_ADOPTED" {
            return Ok(Line::Adopted(Adopted {
                prefix_sha256: digest("prefix_sha256", self.prefix_sha256.as_deref())?,
                prefix_lines: need("prefix_lines", self.prefix_lines)?,
                prefix_bytes: need("prefix_bytes", self.prefix_bytes)?,
                source: need("source", self.source)?,
                reason: need("reason", self.reason)?,
                principal: need("principal", self.principal)?,
                ts,
            }));
        }
        let queue_id = self.queue_id.as_deref().and_then(QueueItemId::parse);
        let queue_id = need("queue_id", queue_id)?;
        let event = match self.event.as_str() {
            "QUEUE_ENQUEUE" => QueueEvent::Enqueued(self.enqueued(queue_id, ts)?.into()),
            "QUEUE_CANCEL" => QueueEvent::Cancelled(Cancelled {
                queue_id,
                task_id: need("task_id", self.task_id)?,
                reason: self.reason,
                cancelled_by: self.cancelled_by,
                ts,
            }),
            "QUEUE_CLAIM" => QueueEvent::Claimed(Claimed {
                queue_id,
                task_id: need("task_id", self.task_id)?,
                run_id: need("run_id", self.run_id)?,
                worker: need("worker", self.worker)?,
                attempt: need("attempt", self.attempt)?,
                lease_expires_at: match self.lease_expires_at {
                    Some(text) => Some(instant("lease_expires_at", Some(&text))?),
                    None => None,
                },
                lease: self.lease_s.map(lease),
                ts,
            }),
            "QUEUE_DONE" => QueueEvent::Done(Done {
                queue_id,
                task_id: need("task_id", self.task_id)?,
                run_id: need("run_id", self.run_id)?,
                status: need("status", self.status)?,
                ts,
                attempt: self.attempt,
                reason: self.reason,
                by: self.by,
            }),
            "QUEUE_HOLD" => QueueEvent::Held(Hold {
                queue_id,
                task_id: need("task_id", self.task_id)?,
                run_id: need("run_id", self.run_id)?,
                kind: need("status", self.status.as_deref().and_then(HeldKind::parse))?,
                attempt: need("attempt", self.attempt)?,
                reason: need("reason", self.reason)?,
                by: self.by,
                ts,
            }),
            "QUEUE_REQUEUE" => QueueEvent::Requeued(Requeued {
                queue_id,
                task_id: need("task_id", self.task_id)?,
                attempt: need("attempt", self.attempt)?,
                not_before: match self.not_before {
                    Some(text) => Some(instant("not_before", Some(&text))?),
                    None => None,
                },
                reason: need("reason", self.reason)?,
                by: self.by,
                ts,
            }),
            "QUEUE_EXPIRE" => QueueEvent::Expired(Expired {
                queue_id,
                task_id: need("task_id", self.task_id)?,
                deadline_at: instant("deadline_at", self.deadline_at.as_deref())?,
                ts,
            }),
            "QUEUE_STOP" => QueueEvent::StopRequested(StopRequested {
                queue_id,
                task_id: need("task_id", self.task_id)?,
                run_id: need("run_id", self.run_id)?,
                attempt: need("attempt", self.attempt)?,
                reason: need("reason", self.reason)?,
                by: need("by", self.by)?,
                ts,
            }),
            other => return Ok(Line::Unknown { event: other.to_owned() }),
        };
        Ok(Line::Event(event))
    }

    fn enqueued(self, queue_id: QueueItemId, ts: Timestamp) -> Result<Enqueued, LineProblem> {
        Ok(Enqueued {
            queue_id,
            task_id: need("task_id", self.task_id)?,
            owner: need("owner", self.owner)?,
            contract_path: need("contract_path", self.contract_path)?,
            priority: need("priority", self.priority)?,
            workflow_id: need("workflow_id", self.workflow_id)?,
            source_run_id: need("source_run_id", self.source_run_id)?,
            scheduled: self.scheduled_at.map(when),
            deadline: self.deadline_at.map(when),
            ts,
            provenance: Some(Provenance {
                contract_sha256: digest("contract_sha256", self.contract_sha256.as_deref())?,
                requested_by: need("requested_by", self.requested_by)?,
                actor_role: need("actor_role", self.actor_role)?,
                approval_reason: need("approval_reason", self.approval_reason)?,
                pilot_source: need("pilot_source", self.pilot_source)?,
                principal: need("principal", self.principal)?,
                preview_digest: digest("preview_digest", self.preview_digest.as_deref())?,
                idempotency_key: self.idempotency_key,
                depth: need("depth", self.depth)?,
                approval_policy: need("approval_policy", self.approval_policy)?,
                approvals: need("approvals", self.approvals)?,
                approver_reason: self.approver_reason,
                repository: self.repository,
            }),
        })
    }
}

fn lease(seconds: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(seconds))
}

fn need<T>(name: &str, value: Option<T>) -> Result<T, LineProblem> {
    value.ok_or_else(|| LineProblem(format!("lacks the member `{name}`")))
}

fn digest(name: &str, value: Option<&str>) -> Result<Sha256Digest, LineProblem> {
    value.and_then(Sha256Digest::parse).ok_or_else(|| LineProblem(format!("has no digest in `{name}`")))
}

fn instant(name: &str, value: Option<&str>) -> Result<Timestamp, LineProblem> {
    value.and_then(|text| text.parse().ok()).ok_or_else(|| LineProblem(format!("has no instant in `{name}`")))
}

fn when(text: String) -> When {
    let at = text.trim().parse().ok();
    When { text, at }
}

/// Longest `task_id` of a legacy line that is taken, in bytes. The original has no bound.
pub const LEGACY_TASK_ID_MAX: usize = 4096;

/// A priority as the original reads it: whatever its `int()` takes, clamped; else 0.
fn legacy_priority(value: &Value) -> i64 {
    let read: Option<f64> = match value {
        // Doubles are exact far beyond the range that is left after clamping.
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<i64>().ok().map(|whole| whole as f64),
        Value::Bool(yes) => Some(f64::from(u8::from(*yes))),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let (low, high) = (*PRIORITY_RANGE.start(), *PRIORITY_RANGE.end());
    (read.unwrap_or(0.0) as i64).clamp(low, high)
}

/// Reads a line of the original: as tolerant as the original itself, so that an adopted ledger means what it meant there.
///
/// # Errors
/// For a line that the original skips too: it is kept and reported, and changes nothing.
pub fn decode_legacy(line: &[u8]) -> Result<QueueEvent, LineProblem> {
    let value: Value = serde_json::from_slice(line).map_err(|_| LineProblem("is not JSON".into()))?;
    let Value::Object(members) = value else { return Err(LineProblem("is not a JSON object".into())) };
    let text = |name: &str| match members.get(name) {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let at = |name: &str| text(name).parse::<Timestamp>().ok();
    let queue_id = QueueItemId::parse(&text("queue_id")).ok_or_else(|| LineProblem("has no queue_id".into()))?;
    let task_id = text("task_id");
    if task_id.is_empty() {
        return Err(LineProblem("has no task_id".into()));
    }
    // Later lines of ours repeat it, and a line has a largest size.
    if task_id.len() > LEGACY_TASK_ID_MAX {
        return Err(LineProblem(format!("has a task_id of more than {LEGACY_TASK_ID_MAX} bytes")));
    }
    // A line without a readable time happened; when is unknown, and the epoch says so.
    let ts = at("ts").unwrap_or(Timestamp::UNIX_EPOCH);
    let schedule = |name: &str| Some(text(name)).filter(|text| !text.trim().is_empty()).map(when);
    Ok(match text("event").as_str() {
        "QUEUE_ENQUEUE" => QueueEvent::Enqueued(std::sync::Arc::new(Enqueued {
            queue_id,
            task_id,
            owner: text("owner"),
            contract_path: text("contract_path"),
            priority: members.get("priority").map_or(0, legacy_priority),
            workflow_id: text("workflow_id"),
            source_run_id: text("source_run_id"),
            scheduled: schedule("scheduled_at"),
            deadline: schedule("deadline_at"),
            ts,
            provenance: None,
        })),
        "QUEUE_CANCEL" => QueueEvent::Cancelled(Cancelled {
            queue_id,
            task_id,
            reason: Some(text("reason")).filter(|text| !text.is_empty()),
            cancelled_by: Some(text("cancelled_by")).filter(|text| !text.is_empty()),
            ts: at("cancelled_at").unwrap_or(ts),
        }),
        "QUEUE_CLAIM" => QueueEvent::Claimed(Claimed {
            queue_id,
            task_id,
            run_id: text("run_id"),
            worker: text("worker"),
            attempt: 1,
            lease_expires_at: None,
            lease: None,
            ts: at("claimed_at").unwrap_or(ts),
        }),
        "QUEUE_DONE" => QueueEvent::Done(Done {
            queue_id,
            task_id,
            run_id: text("run_id"),
            status: text("status"),
            ts: at("completed_at").unwrap_or(ts),
            attempt: None,
            reason: None,
            by: None,
        }),
        other => return Err(LineProblem(format!("has the unknown event `{}`", other.escape_debug()))),
    })
}

/// Whether bytes hold a member that only our lines have. Before the chain has begun, such a line is one of ours that was
/// damaged, not one of the original's.
pub fn looks_ours(line: &[u8]) -> bool {
    // With the colon: a quote inside a text is escaped, so what matches is a member's name and never a text, such as the
    // name of an agent that is called `principal`.
    const OURS: [&str; 8] = [
        "\"h\": \"",
        "\"contract_sha256\": ",
        "\"preview_digest\": ",
        "\"approval_mode\": ",
        "\"pilot_source\": ",
        "\"principal\": ",
        "\"lease_expires_at\": ",
        "\"damaged_sha256\": ",
    ];
    // Each begins with a quote, and quotes are few: every line of a legacy ledger comes through here.
    let quotes = line.iter().enumerate().filter(|(_, byte)| **byte == b'"');
    let named = |at: usize| OURS.iter().any(|name| line[at..].starts_with(name.as_bytes()));
    quotes.map(|(at, _)| at).any(named) || ends_nearly_ours(line)
}

/// Whether a line ends almost as ours do: in a hash of which a byte or two were changed. Without it, a flipped bit in the
/// hash member itself would make one of our short lines look like the original's.
fn ends_nearly_ours(line: &[u8]) -> bool {
    let mark = ledger::HASH_MEMBER.as_bytes();
    let Some(at) = line.len().checked_sub(mark.len() + 64 + 2) else { return false };
    let tail = &line[at..];
    let fits = |at: usize, byte: u8| match at.checked_sub(mark.len()) {
        None => byte == mark[at],
        Some(64) => byte == b'"',
        Some(65) => byte == b'}',
        Some(_) => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    tail.iter().enumerate().filter(|(at, byte)| !fits(*at, **byte)).count() <= 2
}

/// Whether the bytes are one JSON object: a line of the original that lacks only its newline is whole.
pub fn is_json_object(bytes: &[u8]) -> bool {
    matches!(serde_json::from_slice(bytes), Ok(Value::Object(_)))
}

#[cfg(test)]
mod tests;
