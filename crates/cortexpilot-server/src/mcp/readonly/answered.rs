//! The one place through which everything leaves that this server says of runs and queue: tool answers, resource contents
//! and what prompts embed. What a run wrote is made safe to read here, and nowhere else.

use serde_json::{Map, Value};

use super::body::Body;
use super::fit::fit;
use crate::wire::untrusted::{self, Done, Limits};

/// How large one answer may be, in bytes of JSON text. It stands twice in a tool's result, and a model's context is small.
pub(super) const PAGE_BYTES: usize = 96 * 1024;

/// What an answer may weigh beside the entries of its page: ids, cursor, problems.
const BESIDE_BYTES: usize = 8 * 1024;

/// One entry of a list, as it will be read: to be weighed by whoever fills a page.
pub(super) fn entry(mut value: Value, limits: Limits) -> (Value, Done) {
    let mut done = untrusted::value(&mut value, whole(limits));
    done.truncated |= fit(&mut value, PAGE_BYTES);
    (value, done)
}

/// What a value weighs in all is bounded by cutting it afterwards, which is fair to its small members: a status that stands
/// behind a long contract is not left out for it. What is cut is clean by then, so no half of a secret is left standing.
fn whole(limits: Limits) -> Limits {
    Limits { total: usize::MAX, ..limits }
}

/// Members that are ours, or lists whose entries went through [`entry`]: each text is cleaned once.
const CLEAN: &[&str] =
    &["run_id", "next_cursor", "note", "runs", "events", "reports", "workflows", "queue", "approvals", "diff_gates"];

/// An answer, as it will be read.
pub(super) fn answered(body: Body) -> Map<String, Value> {
    let Body(mut members, mut done) = body;
    for (_, value) in members.iter_mut().filter(|(name, _)| !CLEAN.contains(&name.as_str())) {
        done += untrusted::value(value, whole(Limits::ONE));
    }
    done.note(&mut members);
    let mut value = Value::Object(members);
    fit(&mut value, PAGE_BYTES + BESIDE_BYTES);
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            unreachable!("invariant: fitting keeps the kind of a value")
        }
    }
}
