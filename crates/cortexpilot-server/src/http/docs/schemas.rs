//! Schemas in words, and a table for each that has members.

use std::fmt::Write as _;

use serde_json::Value;

use super::text::{code, html, line, prose};

/// Every schema among the components, by name.
pub(super) fn all(document: &Value) -> String {
    let mut out = String::new();
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let said = schema["description"].as_str().map(prose).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(out, "<article id=\"schema-{0}\"><h3>{0}</h3>{said}", html(name));
        let table = members(schema);
        let _ = if table.is_empty() { write!(out, "<p>{}</p>", kind(schema)) } else { write!(out, "{table}") };
        out.push_str("</article>");
    }
    out
}

/// The members of an object as a table; empty where there are none.
pub(super) fn members(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object() else { return String::new() };
    let required = |name: &String| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let mut rows = String::new();
    for (name, member) in properties {
        let always = if required(name) { "always" } else { "may be left out" };
        let said = described(member).map(line).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ =
            write!(rows, "<tr><td>{}</td><td>{}</td><td>{always}</td><td>{said}</td></tr>", code(name), kind(member));
    }
    if schema["additionalProperties"] == false {
        rows.push_str("<tr><td></td><td></td><td></td><td>Any other member is refused.</td></tr>");
    }
    format!("<table><tr><th>member</th><th>type</th><th>there</th><th>meaning</th></tr>{rows}</table>")
}

/// What a member is for. Where it may be null, the derive puts that into the alternative that is not.
fn described(member: &Value) -> Option<&str> {
    let alternatives = member["oneOf"].as_array().into_iter().flatten();
    let mut all = std::iter::once(member).chain(alternatives);
    all.find_map(|schema| schema["description"].as_str())
}

/// A schema's type in words, as HTML.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = html(target.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for (name, word) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema[name].as_array() {
            return parts.iter().map(kind).collect::<Vec<_>>().join(word);
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| code(&plain(word))).collect::<Vec<_>>().join(", ");
    }
    if schema["type"] == "array" {
        return format!("array of {}", kind(&schema["items"]));
    }
    if schema["type"] == "object" && schema["properties"].is_object() && schema["title"].is_null() {
        return "object".to_owned();
    }
    format!("{}{}", types(&schema["type"]), limits(schema))
}

fn types(kind: &Value) -> String {
    match kind {
        Value::Array(kinds) => kinds.iter().map(plain).collect::<Vec<_>>().join(" or "),
        Value::String(kind) => kind.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "anything".to_owned(),
    }
}

fn limits(schema: &Value) -> String {
    let mut out = String::new();
    for (name, word) in
        [("minimum", "at least"), ("maximum", "at most"), ("maxLength", "characters at most"), ("default", "default")]
    {
        if !schema[name].is_null() {
            // Writing to a String cannot fail.
            let _ = write!(out, ", {word} {}", html(&plain(&schema[name])));
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let _ = write!(out, ", {}", code(pattern));
    }
    out
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
