//! Every answer that a test meets is held against the OpenAPI document: the status and code of its operation, the form of its
//! body, the headers it must carry. What the document does not allow fails the test that met it, whatever that test is about.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use axum::http::{HeaderMap, Method, StatusCode};
use cortexpilot_server::http::{Operation, document_value, operations};
use jsonschema::Validator;
use serde_json::{Value, json};

pub(crate) static DOCUMENT: LazyLock<&'static Value> = LazyLock::new(document_value);

/// The schemas that were compiled so far, by where they stand.
static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Holds one answer against the document.
pub(crate) fn hold(method: &Method, path: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    let path = path.split('?').next().unwrap_or_default();
    let read = if method == Method::HEAD { &Method::GET } else { method };
    let Some(operation) = operation_at(read, path) else { return };
    let place = format!("{} answered {status} to {method} {path}", operation.id);
    let described = &DOCUMENT["paths"][operation.path][read.as_str().to_ascii_lowercase()]["responses"];
    let response = resolved(&described[status.as_str()]);
    assert!(response.is_object(), "{place}: the document does not describe it: {}", String::from_utf8_lossy(body));
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let missing = resolved(header)["required"] == true && !headers.contains_key(name);
        assert!(!missing, "{place}, without the header {name}");
    }
    let sent = headers.get("content-type").map(|value| value.to_str().expect("ASCII"));
    let essence = sent.and_then(|value| value.split(';').next());
    let Some(content) = response["content"].as_object() else {
        assert!(body.is_empty(), "{place} with a body, which the document does not describe");
        return;
    };
    let essence = essence.unwrap_or_else(|| panic!("{place} without a content type"));
    let media =
        content.get(essence).unwrap_or_else(|| panic!("{place} as {essence}, which the document does not describe"));
    // What is compressed is held against the plain answer by its own test.
    if method == Method::HEAD || essence != "application/json" || headers.contains_key("content-encoding") {
        return;
    }
    let value: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{place}: {error}"));
    let validator = validator(&format!("{} {status}", operation.id), &media["schema"]);
    let wrong: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(wrong.is_empty(), "{place}, which is not as the document describes it: {wrong:#?}\n{value:#}");
}

/// The operation that a path names; literal segments go before variable ones, as in the router.
pub(crate) fn operation_at(method: &Method, path: &str) -> Option<&'static Operation> {
    let fits = |operation: &&Operation| {
        let (ours, sent) = (operation.path.split('/'), path.split('/'));
        ours.clone().count() == sent.clone().count()
            && ours.zip(sent).all(|(ours, sent)| ours == sent || (ours.starts_with('{') && !sent.is_empty()))
    };
    let known = operations().iter().filter(fits);
    let nearest = known.min_by_key(|operation| operation.path.matches('{').count())?.path;
    operations().iter().find(|operation| operation.path == nearest && operation.verb.as_str() == method.as_str())
}

/// What a reference stands for.
pub(crate) fn resolved(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(target) => {
            DOCUMENT.pointer(target.trim_start_matches('#')).expect("references of the document lead somewhere")
        }
        None => value,
    }
}

/// Every component that a schema refers to: compiling all of them takes each test process longer than its test.
fn reach<'d>(schema: &'d Value, reached: &mut BTreeMap<&'d str, &'d Value>) {
    let target =
        schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix("#/components/schemas/"));
    if let Some(name) = target
        && !reached.contains_key(name)
    {
        let component = &DOCUMENT["components"]["schemas"][name];
        reached.insert(name, component);
        reach(component, reached);
    }
    match schema {
        Value::Array(items) => items.iter().for_each(|item| reach(item, reached)),
        Value::Object(members) => members.values().for_each(|member| reach(member, reached)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A schema of the document with everything that it refers to.
pub(crate) fn validator(name: &str, schema: &Value) -> Arc<Validator> {
    let mut compiled = COMPILED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let made = compiled.entry(name.to_owned()).or_insert_with(|| {
        let mut reached = BTreeMap::new();
        reach(schema, &mut reached);
        let whole = json!({"allOf": [schema], "components": {"schemas": reached}});
        Arc::new(jsonschema::draft202012::new(&whole).expect("the document's schemas are schemas"))
    });
    made.clone()
}
