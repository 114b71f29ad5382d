//! Lines of `decisions.jsonl`: what was refused. The same engine and chain as the queue's ledger, a file of its own.

use jiff::Timestamp;
use serde::Deserialize;

use super::json::{Object, clip};
use super::line::{LineProblem, SealedLine, seal};
use crate::domain::id::Sha256Digest;
use crate::domain::refusal::{CountLine, Refusal};
use crate::domain::time::ledger_text;

/// The line of one refusal. `ts` is the store's: never earlier than its line before.
pub fn encode_refusal(refusal: &Refusal<'_>, ts: Timestamp, prev: &Sha256Digest) -> SealedLine {
    let digest = refusal.preview_digest.map(|digest| digest.to_string());
    let body = Object::event("DENIED")
        .text("code", refusal.denial.code.as_str())
        .text("principal", refusal.caller.principal_id())
        .text("surface", refusal.caller.surface.as_str())
        .optional("run_id", refusal.run_id.as_deref())
        .optional("preview_digest", digest.as_deref())
        .optional("approval_id", None)
        .optional("reason", Some(&clip(&refusal.denial.reason)))
        .integer("count", 1)
        .text("ts", &ledger_text(ts))
        .body();
    seal(prev, &body)
}

/// The line that stands for refusals which were only counted.
pub fn encode_count(count: &CountLine, ts: Timestamp, prev: &Sha256Digest) -> SealedLine {
    let body = Object::event("DENIED")
        .text("code", count.code.as_str())
        .text("principal", &count.principal)
        .text("surface", count.surface)
        .optional("run_id", None)
        .optional("preview_digest", None)
        .optional("approval_id", None)
        .optional("reason", None)
        .integer("count", i128::from(count.count))
        .text("ts", &ledger_text(ts))
        .body();
    seal(prev, &body)
}

/// What a decision line says, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// `DENIED`, or an event of a newer version.
    pub event: String,
    /// The code of the refusal.
    pub code: String,
    /// Who was refused.
    pub principal: String,
    /// Where.
    pub surface: String,
    /// The run it was about.
    pub run_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// How many refusals the line stands for.
    pub count: u64,
    /// When.
    pub ts: Timestamp,
}

#[derive(Deserialize)]
struct Members {
    event: String,
    code: Option<String>,
    principal: Option<String>,
    surface: Option<String>,
    run_id: Option<String>,
    reason: Option<String>,
    count: Option<u64>,
    ts: String,
}

/// Reads a decision line whose hash was verified.
///
/// # Errors
/// When it is not of this form.
pub fn decode(line: &[u8]) -> Result<Decision, LineProblem> {
    let members: Members =
        serde_json::from_slice(line).map_err(|error| LineProblem(format!("is not our JSON: {error}")))?;
    Ok(Decision {
        event: members.event,
        code: members.code.unwrap_or_default(),
        principal: members.principal.unwrap_or_default(),
        surface: members.surface.unwrap_or_default(),
        run_id: members.run_id,
        reason: members.reason,
        count: members.count.unwrap_or(1),
        ts: members.ts.parse().map_err(|_| LineProblem("has no instant in `ts`".into()))?,
    })
}
