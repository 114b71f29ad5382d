//! Headers, described once: which requests may carry which, and which answers do.

use serde_json::{Value, json};

use super::finish::reference;
use crate::http::table::{Access, Effect, Operation, Verb};

/// On every path, whatever the method.
pub(super) fn of_every_request() -> Value {
    json!([
        reference("parameters", "RequestId"),
        reference("parameters", "TraceId"),
        reference("parameters", "TraceParent")
    ])
}

/// What requests of this operation may carry beside that.
pub(super) fn of_requests(operation: &Operation) -> Vec<&'static str> {
    let all = [
        // A preview over HTTP, which only looks, is asked for in a role, too.
        (operation.commands() || operation.effect == Effect::Read && operation.verb == Verb::Post, "Role"),
        (operation.verb != Verb::Get, "Csrf"),
        (operation.commands(), "Prefer"),
    ];
    all.into_iter().filter(|(applies, _)| *applies).map(|(_, name)| name).collect()
}

/// The request headers among the components.
pub(super) fn sent() -> Value {
    let header = |name: &str, schema: Value, said: &str| json!({"name": name, "in": "header", "required": false, "description": said, "schema": schema});
    // A name that does not do is not refused but replaced, so the document does not narrow it.
    let id = json!({"type": "string"});
    json!({
        "RequestId": header("x-request-id", id.clone(), "Under which name the caller knows this request. It is echoed, and stands in \
            the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one."),
        "TraceId": header("x-trace-id", id, "Under which name the caller knows what this request is part of. Echoed likewise."),
        "TraceParent": header("traceparent", json!({"type": "string"}), "W3C Trace Context. Its trace id counts where `x-trace-id` was \
            not sent."),
        "Role": header("x-cortexpilot-role", json!({"type": "string", "examples": ["OPS"]}), "The role that the caller acts in, in any \
            case. It may be left out where the principal holds exactly one role."),
        "Csrf": header("x-cortexpilot-csrf", json!({"type": "string"}), "Anything, where the request is signed in by session cookie: \
            another site's page cannot send it. Not needed with a bearer token."),
        "Prefer": header("prefer", json!({"type": "string", "examples": ["receipt"]}), "`receipt` (RFC 7240): the answer shall have the \
            receipt of the line that was written, or say why there is none. Other preferences are ignored."),
    })
}

/// What a success carries.
pub(super) fn of_success(operation: &Operation, success: &Value) -> Value {
    let schema = &success["content"]["application/json"]["schema"]["$ref"];
    let list = schema.as_str().is_some_and(|target| target.contains("/ListOf_"));
    let for_agents = operation.access == Access::Token && operation.json;
    let all = [
        (true, "x-request-id", "RequestId"),
        (true, "x-trace-id", "TraceId"),
        (list, "x-cortexpilot-problems", "Problems"),
        (list, "x-cortexpilot-problem-count", "ProblemCount"),
        (for_agents, "x-cortexpilot-redacted", "Redacted"),
        (for_agents, "x-cortexpilot-truncated", "Truncated"),
        (operation.commands(), "preference-applied", "PreferenceApplied"),
    ];
    let mut headers = success.get("headers").cloned().unwrap_or_else(|| json!({}));
    for (_, header, name) in all.into_iter().filter(|(applies, _, _)| *applies) {
        headers[header] = reference("headers", name);
    }
    headers
}

/// What a refusal of this status carries.
pub(super) fn of_refusal(status: u16) -> Value {
    let mut headers = json!({
        "x-request-id": reference("headers", "RequestId"),
        "x-trace-id": reference("headers", "TraceId"),
    });
    if status == 401 {
        headers["www-authenticate"] = reference("headers", "Challenge");
    }
    if matches!(status, 409 | 429 | 503) {
        headers["retry-after"] = reference("headers", "RetryAfter");
    }
    headers
}

/// The answers' headers among the components.
pub(super) fn answered() -> Value {
    let header = |required: bool, schema: Value, said: &str| json!({"description": said, "required": required, "schema": schema});
    let text = || json!({"type": "string"});
    json!({
        "RequestId": header(true, text(), "The request's name: the caller's, else one that the server made."),
        "TraceId": header(true, text(), "The name of what the request is part of, likewise."),
        "Challenge": header(true, text(), "`Bearer realm=\"cortexpilot\"`; with `error=\"invalid_token\"` where a token came and is not \
            valid."),
        "RetryAfter": header(false, json!({"type": "integer", "minimum": 0}), "After how many seconds the same request may be let \
            through, where that is known."),
        "Problems": header(false, text(), "What of a plain array could not be read: a JSON array of problems in ASCII, as many as fit \
            into 4 KiB. Absent when there is nothing, and on a page, which names them itself."),
        "ProblemCount": header(false, json!({"type": "integer", "minimum": 1}), "How many problems there are, those included that did \
            not fit."),
        "Redacted": header(false, json!({"type": "integer", "minimum": 1}), "To an agent: how many secrets were masked in the answer."),
        "Truncated": header(false, json!({"type": "string", "enum": ["true"]}), "To an agent: a text of the answer goes on beyond what \
            is shown."),
        "PreferenceApplied": header(false, json!({"type": "string", "enum": ["receipt"]}), "The preference was taken up (RFC 7240)."),
    })
}
