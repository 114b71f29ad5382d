//! Checks documents against the schemas in `schemas/`, with errors that say where, what, and how to mend it.

use std::fmt;
use std::sync::LazyLock;

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::{CONTRACT_BYTES_MAX, paths, strict, words};
use crate::runner::script::Scenario;

/// The schema of task contracts: JSON Schema 2020-12.
pub const CONTRACT_SCHEMA: &str = include_str!("../../../../schemas/task_contract.schema.json");
/// The schema of run manifests: JSON Schema 2020-12.
pub const MANIFEST_SCHEMA: &str = include_str!("../../../../schemas/run_manifest.schema.json");

/// The largest manifest that is read, in bytes: what the run store reads.
const MANIFEST_BYTES_MAX: usize = 4 << 20;
/// At most so many findings are told: the first ones are mended first.
const FINDINGS_MAX: usize = 50;

/// Which document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// A task contract.
    Contract,
    /// A run's manifest.
    Manifest,
}

/// One thing wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Where: `allowed_paths[0]`, or empty for the document itself.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub repair: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() { "the document" } else { &self.path };
        write!(f, "{place}: {}; {}", self.problem, self.repair)
    }
}

/// What is wrong with a document; never empty where it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            write!(f, "{}{finding}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

/// Checks a document and answers it.
///
/// # Errors
/// Everything that is wrong with it (the first fifty), in the document's order as far as the schema gives one.
pub fn document(kind: Document, bytes: &[u8]) -> Result<Value, Findings> {
    let most = match kind {
        Document::Contract => CONTRACT_BYTES_MAX,
        Document::Manifest => MANIFEST_BYTES_MAX,
    };
    let whole =
        |problem: String, repair: &str| Findings(vec![Finding { path: String::new(), problem, repair: repair.into() }]);
    if bytes.len() > most {
        return Err(whole(format!("it has {} bytes, and at most {most} are read", bytes.len()), "make it smaller"));
    }
    let value = strict::parse(bytes)
        .map_err(|error| whole(format!("it is not JSON as it must be: {error}"), "mend it there"))?;
    let validator = match kind {
        Document::Contract => &CONTRACT,
        Document::Manifest => &MANIFEST,
    };
    let mut findings: Vec<Finding> =
        validator.iter_errors(&value).take(FINDINGS_MAX).map(|error| taught(&error)).collect();
    if findings.is_empty() && kind == Document::Contract {
        findings = meaning(&value);
    }
    if findings.is_empty() { Ok(value) } else { Err(Findings(findings)) }
}

static CONTRACT: LazyLock<Validator> = LazyLock::new(|| validator(CONTRACT_SCHEMA));
static MANIFEST: LazyLock<Validator> = LazyLock::new(|| validator(MANIFEST_SCHEMA));

fn validator(schema: &str) -> Validator {
    let schema: Value = serde_json::from_str(schema).expect("invariant: the schema is JSON");
    jsonschema::draft202012::new(&schema).expect("invariant: the schema is one")
}

/// What a schema cannot say.
fn meaning(contract: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let items = |name: &str| contract.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for (index, path) in items("allowed_paths").iter().enumerate() {
        if let Some(Err(problem)) = path.as_str().map(paths::normal) {
            findings.push(Finding {
                path: format!("allowed_paths[{index}]"),
                problem,
                repair: "name a file, or a directory for everything beneath it".into(),
            });
        }
    }
    for (index, test) in items("acceptance_tests").iter().enumerate() {
        if let Some(Err(problem)) = test.get("cmd").and_then(Value::as_str).map(words::split) {
            findings.push(Finding {
                path: format!("acceptance_tests[{index}].cmd"),
                problem: format!("it cannot be run: {problem}"),
                repair: "write a program and its arguments, such as `cargo test -q`".into(),
            });
        }
    }
    for (index, output) in items("required_outputs").iter().enumerate() {
        let is_file = matches!(output.get("type").and_then(Value::as_str), Some("file" | "json" | "report"));
        if let Some(Err(problem)) = output.get("name").and_then(Value::as_str).map(paths::normal)
            && is_file
        {
            findings.push(Finding {
                path: format!("required_outputs[{index}].name"),
                problem,
                repair: "name the file, relative to the repository".into(),
            });
        }
    }
    let baseline = contract.pointer("/rollback/baseline_ref").and_then(Value::as_str).unwrap_or_default();
    if baseline.starts_with('-') || baseline.chars().any(|c| c.is_control() || c.is_whitespace()) {
        findings.push(Finding {
            path: "rollback.baseline_ref".into(),
            problem: "it is not the name of a commit".into(),
            repair: "write the commit's full hash: `git rev-parse HEAD` prints it".into(),
        });
    }
    if let Some(Err(problem)) = contract.pointer("/runtime_options/script").map(Scenario::read) {
        findings.push(Finding {
            path: "runtime_options.script".into(),
            problem,
            repair: "each step is one object with one member: write, append, delete, exec, emit, sleep_ms, fail, hang or crash".into(),
        });
    }
    let runner = contract.pointer("/runtime_options/runner").and_then(Value::as_str);
    if runner == Some("script") && contract.pointer("/runtime_options/script").is_none() {
        findings.push(Finding {
            path: "runtime_options".into(),
            problem: "the runner is `script` and there is no script".into(),
            repair: "add `script`, a list of steps, or choose another runner".into(),
        });
    }
    findings
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the crate's list of rules is open; a rule without words of its own is named"
)]
fn taught(error: &jsonschema::ValidationError<'_>) -> Finding {
    let path = place(error.instance_path().as_str());
    let (problem, repair) = match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            (format!("`{name}` is missing"), format!("add \"{name}\": {}", example(name)))
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let names = unexpected.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let repair = "remove it or correct its name: what is not understood is not ignored".to_owned();
            (format!("{names} is not a member of it"), repair)
        }
        Kind::Type { .. } => {
            let want = wanted(error);
            (format!("it is {}", kind_of(error.instance())), format!("write {want}"))
        }
        Kind::Enum { options } => {
            let options = options.as_array().map_or_else(String::new, |all| {
                all.iter()
                    .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
                    .collect::<Vec<_>>()
                    .join(", ")
            });
            (format!("{} is not one of its values", shown(error.instance())), format!("write one of: {options}"))
        }
        Kind::MinLength { limit } => ("it is empty or too short".into(), format!("write at least {limit} characters")),
        Kind::MaxLength { limit } => ("it is too long".into(), format!("write at most {limit} characters")),
        Kind::MinItems { limit } => ("it has too few entries".into(), format!("write at least {limit}")),
        Kind::MaxItems { limit } => ("it has too many entries".into(), format!("write at most {limit}")),
        Kind::Minimum { limit } => (format!("{} is too small", error.instance()), format!("write at least {limit}")),
        Kind::Maximum { limit } => (format!("{} is too large", error.instance()), format!("write at most {limit}")),
        Kind::Pattern { pattern } => {
            let repair = if pattern.contains("{64}") {
                "write a SHA-256: 64 hexadecimal digits".to_owned()
            } else {
                format!("write something that matches {pattern}")
            };
            (format!("{} has not the form it must have", shown(error.instance())), repair)
        }
        other => (format!("it breaks the rule `{}`", other.keyword()), "compare it with the schema".into()),
    };
    Finding { path, problem, repair }
}

/// A JSON pointer as people write places: `/allowed_paths/0` is `allowed_paths[0]`.
fn place(pointer: &str) -> String {
    let mut text = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty() {
            text.push_str(&format!("[{part}]"));
        } else {
            text.push_str(if text.is_empty() { "" } else { "." });
            text.push_str(&part);
        }
    }
    text
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn wanted(error: &jsonschema::ValidationError<'_>) -> &'static str {
    let text = error.to_string();
    let kinds = [
        ("\"array\"", "a list"),
        ("\"object\"", "an object"),
        ("\"integer\"", "a whole number"),
        ("\"number\"", "a number"),
        ("\"boolean\"", "true or false, without quotes"),
        ("\"string\"", "text, in quotes"),
    ];
    kinds.iter().find(|(name, _)| text.ends_with(name)).map_or("what the schema asks for", |(_, words)| words)
}

/// A value as it stands, cut where it is long.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// What a missing member could look like.
fn example(name: &str) -> &'static str {
    match name {
        "task_id" => "\"task_readme_note\"",
        "inputs" => "{\"spec\": \"what is to be done\", \"artifacts\": []}",
        "spec" => "\"what is to be done\"",
        "artifacts" | "required_outputs" | "mcp_tools" => "[]",
        "allowed_paths" => "[\"docs\"]",
        "acceptance_tests" => "[{\"name\": \"tests\", \"cmd\": \"cargo test\", \"must_pass\": true}]",
        "tool_permissions" => {
            "{\"filesystem\": \"workspace-write\", \"shell\": \"never\", \"network\": \"deny\", \"mcp_tools\": []}"
        }
        "filesystem" => "\"workspace-write\"",
        "shell" => "\"never\"",
        "network" => "\"deny\"",
        "timeout_retry" => "{\"timeout_sec\": 600, \"max_retries\": 0, \"retry_backoff_sec\": 0}",
        "timeout_sec" => "600",
        "max_retries" | "retry_backoff_sec" => "0",
        "rollback" => "{\"strategy\": \"worktree_drop\", \"baseline_ref\": \"the commit's hash\"}",
        "strategy" => "\"worktree_drop\"",
        "baseline_ref" => "\"the commit's hash\"",
        "must_pass" => "true",
        _ => "…",
    }
}
