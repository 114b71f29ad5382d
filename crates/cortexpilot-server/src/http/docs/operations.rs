//! One operation on the page: what it is for, what it takes, a command that calls it, what it answers.

use std::fmt::Write as _;

use serde_json::Value;

use super::schemas::{kind, members};
use super::text::{code, html, line, prose};

/// One operation of the document.
#[derive(Clone, Copy)]
pub(super) struct Described<'d> {
    method: &'d str,
    path: &'d str,
    shared: &'d Value,
    operation: &'d Value,
}

/// Every operation, in the document's order.
pub(super) fn all(document: &Value) -> Vec<Described<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        let methods = methods.filter(|(_, operation)| operation["operationId"].is_string());
        methods.map(move |(method, operation)| Described { method, path, shared: &item["parameters"], operation })
    });
    operations.collect()
}

/// What a reference stands for.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let target = value["$ref"].as_str().and_then(|target| document.pointer(target.trim_start_matches('#')));
    target.unwrap_or(value)
}

impl<'d> Described<'d> {
    pub(super) fn tag(&self) -> &'d Value {
        &self.operation["tags"][0]
    }

    pub(super) fn anchor(&self) -> String {
        html(self.operation["operationId"].as_str().unwrap_or_default())
    }

    pub(super) fn title(&self) -> &'d str {
        self.operation["operationId"].as_str().unwrap_or_default()
    }

    /// The operation's part of the page.
    pub(super) fn section(&self, document: &Value) -> String {
        let operation = self.operation;
        let method = self.method.to_ascii_uppercase();
        let summary = line(operation["summary"].as_str().unwrap_or_default());
        let said = operation["description"].as_str().map(prose).unwrap_or_default();
        let needs_token = operation["security"]
            .as_array()
            .is_some_and(|ways| ways.iter().all(|way| way["bearer"].is_array() || way["session"].is_array()));
        let access = if needs_token { "needs a token" } else { "open" };
        let effect = if operation["x-cortexpilot-effect"] == "write" { "may write" } else { "changes nothing" };
        format!(
            "<article id=\"{anchor}\"><h3><span class=\"{class}\">{method}</span> {path}</h3>\
             <p><strong>{summary}</strong></p>{said}<p class=\"small\">{id} · {access} · {effect}</p>{takes}{body}\
             <pre>{curl}</pre>{answers}</article>",
            anchor = self.anchor(),
            class = html(self.method),
            path = code(self.path),
            id = code(self.title()),
            takes = self.parameters(document),
            body = self.body(document),
            curl = html(&self.curl(needs_token)),
            answers = self.answers(document),
        )
    }

    fn parameters(&self, document: &Value) -> String {
        let own = self.operation["parameters"].as_array().into_iter().flatten();
        let rows: Vec<String> = own
            .map(|parameter| resolved(document, parameter))
            .map(|parameter| {
                let there = if parameter["required"] == true { "always" } else { "may be left out" };
                format!(
                    "<tr><td>{}</td><td>{}</td><td>{}</td><td>{there}</td><td>{}</td></tr>",
                    code(parameter["name"].as_str().unwrap_or_default()),
                    html(parameter["in"].as_str().unwrap_or_default()),
                    kind(&parameter["schema"]),
                    line(parameter["description"].as_str().unwrap_or_default()),
                )
            })
            .collect();
        let names = self.shared.as_array().into_iter().flatten().map(|parameter| resolved(document, parameter));
        let names: Vec<String> = names.filter_map(|it| it["name"].as_str()).map(code).collect();
        let also = format!("<p class=\"small\">As every request it may carry {}.</p>", names.join(", "));
        if rows.is_empty() {
            return also;
        }
        format!(
            "<table><tr><th>parameter</th><th>in</th><th>type</th><th>there</th><th>meaning</th></tr>{}</table>{also}",
            rows.concat()
        )
    }

    fn body(&self, document: &Value) -> String {
        let content = &self.operation["requestBody"]["content"]["application/json"];
        if content.is_null() {
            return String::new();
        }
        format!("<h4>Body</h4>{}{}", members(resolved(document, &content["schema"])), example("Example", content))
    }

    /// A command that works as it stands once the variables are set.
    fn curl(&self, needs_token: bool) -> String {
        let mut path = String::new();
        for part in self.path.split_inclusive('}') {
            match part.split_once('{') {
                Some((before, name)) => {
                    // Writing to a String cannot fail.
                    let _ = write!(path, "{before}${}", name.trim_end_matches('}').to_ascii_uppercase());
                }
                None => path.push_str(part),
            }
        }
        let mut command = "curl".to_owned();
        if needs_token {
            command.push_str(" -H \"Authorization: Bearer $TOKEN\"");
        }
        if self.method == "post" {
            let example = &self.operation["requestBody"]["content"]["application/json"]["example"];
            let body = if example.is_null() { "{}".to_owned() } else { example.to_string() };
            let body = body.replace('\'', "'\\''");
            let _ = write!(
                command,
                " -H \"x-cortexpilot-role: $ROLE\" -H 'content-type: application/json' \\\n  -d '{body}'"
            );
        }
        format!("{command} \"$SERVER{path}\"")
    }

    fn answers(&self, document: &Value) -> String {
        let mut rows = String::new();
        let mut shown = String::new();
        for (status, response) in self.operation["responses"].as_object().into_iter().flatten() {
            let response = resolved(document, response);
            let content = response["content"].as_object().and_then(|content| content.iter().next());
            let what = match content {
                Some((media, content)) if media == "application/json" && !status.starts_with('2') => {
                    let codes = content["examples"].as_object().into_iter().flatten().map(|(name, _)| code(name));
                    codes.collect::<Vec<_>>().join(", ")
                }
                Some((media, content)) if media == "application/json" => {
                    shown = example("Example of an answer", content);
                    kind(&content["schema"])
                }
                Some((media, _)) => code(media),
                None => "no body".to_owned(),
            };
            let said = if status.starts_with(['4', '5']) {
                String::new()
            } else {
                line(response["description"].as_str().unwrap_or_default())
            };
            // Writing to a String cannot fail.
            let _ = write!(rows, "<tr><td>{}</td><td>{what}</td><td>{said}</td></tr>", html(status));
        }
        format!("<table><tr><th>status</th><th>answer</th><th></th></tr>{rows}</table>{shown}")
    }
}

fn example(title: &str, content: &Value) -> String {
    if content["example"].is_null() {
        return String::new();
    }
    let text = serde_json::to_string_pretty(&content["example"]).expect("invariant: examples are JSON");
    format!("<details><summary>{title}</summary><pre>{}</pre></details>", html(&text))
}
