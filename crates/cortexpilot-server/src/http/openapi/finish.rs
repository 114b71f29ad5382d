//! From what the table describes to the whole document: what holds for every operation of a kind is added here, so that no
//! description repeats it and none forgets it.

use serde_json::{Map, Value, json};

use super::{examples, head, headers, refusals};
use crate::http::table::{self, Access, Operation, Verb};

/// The whole document, always in the same order.
pub(super) fn finished() -> Value {
    let (_, described) = table::described_router(|_| axum::routing::MethodRouter::new());
    let mut document = serde_json::to_value(described).expect("invariant: the description serialises");
    let mut shared = refusals::Times::new();
    for operation in table::operations() {
        for set in refusals::by_status(operation) {
            *shared.entry(set).or_default() += 1;
        }
    }
    for operation in table::operations() {
        let path = &mut document["paths"][operation.path];
        path["parameters"] = headers::of_every_request();
        finish(operation, &mut path[operation.verb.as_str().to_ascii_lowercase()], &shared);
    }
    let components = &mut document["components"];
    components["headers"] = headers::answered();
    components["parameters"] = headers::sent();
    components["responses"] = refusals::shared(&shared);
    components["examples"] = refusals::examples();
    by_reference(&mut document);
    one_line(&mut document);
    document
}

fn finish(operation: &Operation, described: &mut Value, shared: &refusals::Times) {
    described["x-cortexpilot-effect"] = operation.effect.as_str().into();
    described["security"] = match operation.access {
        Access::Token => json!([{head::BEARER: []}, {head::SESSION: []}]),
        Access::Open => json!([{}]),
    };
    if let Some(Value::Array(parameters)) = described.get_mut("parameters") {
        parameters.iter_mut().filter(|it| it["in"] == "query").for_each(as_queries_are_read);
    }
    for name in headers::of_requests(operation) {
        array(&mut described["parameters"]).push(reference("parameters", name));
    }
    let recorded = examples::of(operation.id);
    if let Some(request) = recorded.and_then(|it| it.get("request")) {
        described["requestBody"]["content"]["application/json"]["example"] = request.clone();
    }
    let success = &mut described["responses"]["200"];
    success["headers"] = headers::of_success(operation, success);
    let json = &mut success["content"]["application/json"];
    if operation.commands() {
        let answer = json["schema"].take();
        json["schema"] = json!({"allOf": [answer, reference("schemas", "ReceiptMembers")]});
    }
    if json.is_null() {
        object(&mut success["content"]).remove("application/json");
    } else if let Some(answer) = recorded.and_then(|it| it.get("answer")) {
        json["example"] = answer.clone();
    }
    for set in refusals::by_status(operation) {
        let status = set.0.to_string();
        let often = shared.get(&set).is_some_and(|times| *times >= refusals::SHARED_FROM);
        described["responses"][status] =
            if often { reference("responses", &refusals::name(&set)) } else { refusals::response(&set) };
    }
    debug_assert!(operation.verb == Verb::Post || described["requestBody"].is_null());
}

/// A blank value counts as absent, whatever the parameter; and an integer has the bounds that stand there, not those of a
/// machine's word, which `format` would say.
fn as_queries_are_read(parameter: &mut Value) {
    parameter["allowEmptyValue"] = true.into();
    let schema = object(&mut parameter["schema"]);
    if schema.get("type").is_some_and(|kind| kind == "integer") {
        schema.remove("format");
    }
}

/// A reference into the components.
pub(super) fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

fn array(value: &mut Value) -> &mut Vec<Value> {
    if value.is_null() {
        *value = json!([]);
    }
    value.as_array_mut().expect("invariant: parameters are an array")
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("invariant: a response's content is an object")
}

/// The derive writes the parameter of a generic type out in full: where that is a component, it becomes a reference to it, and
/// the lists get names in plain words.
fn by_reference(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
    let known: Vec<(String, &Value)> = schemas
        .iter()
        .filter(|(_, schema)| is_document(schema))
        .map(|(name, schema)| (renamed(name), schema))
        .collect();
    let mut fresh = Map::new();
    for (name, schema) in &schemas {
        let mut schema = schema.clone();
        for child in children(&mut schema) {
            refer(child, &known);
        }
        fresh.insert(renamed(name), schema);
    }
    fresh.sort_keys();
    document["components"]["schemas"] = Value::Object(fresh);
    refer(&mut document["paths"], &known);
    refer(&mut document["components"]["schemas"], &[]);
}

fn refer(value: &mut Value, known: &[(String, &Value)]) {
    if is_document(value)
        && let Some((name, _)) = known.iter().find(|(_, schema)| *schema == value)
    {
        *value = reference("schemas", name);
        return;
    }
    if let Some(Value::String(target)) = value.get_mut("$ref")
        && let Some(name) = target.strip_prefix("#/components/schemas/")
    {
        *target = format!("#/components/schemas/{}", renamed(name));
    }
    for child in children(value) {
        refer(child, known);
    }
}

/// An object's schema: only those are long enough to be worth a reference.
fn is_document(schema: &Value) -> bool {
    let composed = |name| schema.get(name).is_some_and(Value::is_array);
    schema.get("properties").is_some_and(Value::is_object)
        || schema.get("additionalProperties") == Some(&Value::Bool(true))
        || composed("allOf")
        || composed("oneOf")
}

/// `ListOf_ItemView` → `ItemViewList`, `PageOf_ItemView` → `ItemViewPage`.
fn renamed(name: &str) -> String {
    match name.split_once("Of_") {
        Some((kind @ ("List" | "Page"), of)) => format!("{of}{kind}"),
        _ => name.to_owned(),
    }
}

fn children(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(members) => {
            members.iter_mut().filter(|(name, _)| !EXAMPLES.contains(&name.as_str())).map(|(_, v)| v).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Under these names stand values, not descriptions.
const EXAMPLES: [&str; 3] = ["example", "examples", "default"];

/// Comments are wrapped where they stand; in the document a paragraph is one line.
fn one_line(value: &mut Value) {
    for name in ["description", "summary"] {
        if let Some(Value::String(text)) = value.get_mut(name) {
            let paragraphs: Vec<String> = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
            *text = paragraphs.join("\n\n");
        }
    }
    for child in children(value) {
        one_line(child);
    }
}
