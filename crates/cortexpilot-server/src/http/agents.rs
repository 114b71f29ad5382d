//! What an agent reads over HTTP. Its token opens the same paths as an operator's; what runs say goes through the same
//! function there as over MCP. Operators, workers and whoever is at a machine without authentication get what is stored.

use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use cortexpilot_core::domain::principal::{Caller, PrincipalKind};
use serde_json::Value;

use super::error::Refused;
use super::ids::RequestIds;
use super::table::Operation;
use crate::wire::untrusted::{self, Done, Limits};

/// How many secrets were masked in an answer; left out when none was. A header, for the bodies keep their form.
pub(super) const REDACTED_HEADER: &str = "x-cortexpilot-redacted";

/// `true` where a text of an answer goes on beyond what is shown.
pub(super) const TRUNCATED_HEADER: &str = "x-cortexpilot-truncated";

/// Nothing is left out of a list: an array has no place to say so.
const LIMITS: Limits = Limits { chars: Limits::ONE.chars, total: usize::MAX };

/// Members that are ours and that a name or form could be taken for a run's, whatever the operation.
const OURS: &[&str] = &[
    "run_id",
    "queue_id",
    "next_cursor",
    "preview_token",
    "preview_digest",
    "lease_token",
    "idempotency_key",
    "receipt",
    "h",
    "contract_sha256",
    "principal",
    "gates",
    "boundary",
    "acting_as",
    "approval",
    "next_step",
    "required_apply_inputs",
];

/// The answer as its caller may read it.
pub(super) async fn for_reader(operation: &Operation, caller: &Caller, ids: &RequestIds, answer: Response) -> Response {
    let is_agent = caller.principal.as_ref().is_some_and(|principal| principal.kind == PrincipalKind::Agent);
    // Refusals hold no text of runs.
    if !is_agent || !operation.json || answer.status() != StatusCode::OK {
        return answer;
    }
    Box::pin(for_agent(operation, caller, ids, answer)).await
}

async fn for_agent(operation: &Operation, caller: &Caller, ids: &RequestIds, answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let cleaned = to_bytes(body, usize::MAX).await.ok().and_then(|bytes| clean(&bytes));
    let Some((body, done)) = cleaned else {
        tracing::error!(operation = operation.id, "an answer for an agent is no JSON, so it is not sent");
        return Refused::internal().render(ids, caller);
    };
    parts.headers.remove(CONTENT_LENGTH);
    if done.redacted > 0 {
        parts.headers.insert(REDACTED_HEADER, HeaderValue::from(done.redacted));
    }
    if done.truncated {
        parts.headers.insert(TRUNCATED_HEADER, HeaderValue::from_static("true"));
    }
    Response::from_parts(parts, Body::from(body))
}

/// Cleans a document of a run, in place: a block of a stream has no header to say what was done.
pub(super) fn clean_document(document: &mut Value) {
    let _: Done = untrusted::value(document, LIMITS);
}

/// Cleans an answer's members but those that are ours, in place.
pub(super) fn clean_members(answer: &mut Value) -> Done {
    let mut done = Done::default();
    match answer {
        Value::Object(members) => {
            for (_, value) in members.iter_mut().filter(|(name, _)| !OURS.contains(&name.as_str())) {
                done += untrusted::value(value, LIMITS);
            }
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            done += untrusted::value(other, LIMITS);
        }
    }
    done
}

fn clean(bytes: &[u8]) -> Option<(Vec<u8>, Done)> {
    let mut json: Value = serde_json::from_slice(bytes).ok()?;
    let done = clean_members(&mut json);
    Some((serde_json::to_vec(&json).ok()?, done))
}
