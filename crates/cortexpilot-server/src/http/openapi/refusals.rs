//! The refusals of an operation, by status. Which codes there are is in the rows and in [`super::codes`]; what a code means and
//! which status it has, in the one table of codes.

use std::collections::{BTreeMap, HashMap};

use cortexpilot_core::domain::principal::Surface;
use cortexpilot_core::error::ErrorCode;
use serde_json::{Map, Value, json};

use super::finish::reference;
use super::headers;
use crate::http::error::example_of;
use crate::http::table::Operation;
use crate::wire::RefusalView;

/// From how many operations on an equal set of refusals is a component.
pub(super) const SHARED_FROM: usize = 3;

/// The codes of one status, in the order of the table.
pub(super) type Set = (u16, Vec<ErrorCode>);

/// How many operations have each set.
pub(super) type Times = HashMap<Set, usize>;

/// What an operation can refuse, by status.
pub(super) fn by_status(operation: &Operation) -> Vec<Set> {
    let mut sets: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in operation.answers() {
        sets.entry(code.row().status).or_default().push(code);
    }
    sets.into_iter().collect()
}

/// `StoreFull` for one code; for several all of their names.
pub(super) fn name((_, codes): &Set) -> String {
    codes.iter().map(|code| format!("{code:?}")).collect::<Vec<_>>().join("Or")
}

/// The sets that several operations have, as components.
pub(super) fn shared(sets: &Times) -> Value {
    let often = sets.iter().filter(|(_, times)| **times >= SHARED_FROM);
    often
        .map(|(set, _)| (name(set), response(set)))
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect::<Map<_, _>>()
        .into()
}

/// One status' response: its codes in words, and a body whose code is one of them.
pub(super) fn response(set: &Set) -> Value {
    let (status, codes) = set;
    let said: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.row().meaning)).collect();
    let coded: Vec<&str> = codes.iter().filter(|code| !is_plain(**code)).map(|code| code.as_str()).collect();
    let detail = json!({"allOf": [
        reference("schemas", "RefusalDetail"),
        {"type": "object", "properties": {"code": {"enum": coded}}},
    ]});
    let refusal = json!({"allOf": [
        reference("schemas", "Refusal"),
        {"type": "object", "properties": {"detail": detail}},
    ]});
    let plain = reference("schemas", "PlainRefusal");
    let schema = match (coded.is_empty(), codes.iter().any(|code| is_plain(*code))) {
        (true, _) => plain,
        (false, true) => json!({"oneOf": [refusal, plain]}),
        (false, false) => refusal,
    };
    let examples: Map<String, Value> =
        codes.iter().map(|code| (code.as_str().to_owned(), reference("examples", code.as_str()))).collect();
    json!({
        "description": said.join("\n\n"),
        "headers": headers::of_refusal(*status),
        "content": {"application/json": {"schema": schema, "examples": examples}},
    })
}

/// Answered in the plain shape that existing clients know.
fn is_plain(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NotFound | ErrorCode::MethodNotAllowed)
}

/// One example for each code that an operation can answer.
pub(super) fn examples() -> Value {
    let answered: Vec<ErrorCode> = crate::http::operations().iter().flat_map(Operation::answers).collect();
    let examples = ErrorCode::ALL.iter().filter(|code| answered.contains(code)).map(|code| {
        let value = match is_plain(*code) {
            true => json!({"detail": "Not Found"}),
            false => example_of(&RefusalView::plain(*code, code.row().meaning, Surface::Http, "rid-1")),
        };
        (code.as_str().to_owned(), json!({"summary": code.row().meaning, "value": value}))
    });
    examples.collect::<Map<_, _>>().into()
}
