//! The recorded exchanges, as `tests/data/original.json` holds them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::compare::Parts;

/// Recorded schedules lie in 2030, which was far away then. Both sides of the comparison move them to a year that stays so.
const RECORDED_FUTURE: &str = "2030-01-0";
const FUTURE: &str = "2130-01-0";

/// Stands for `$HEX32` inside fixture files: any 32 digits do, as long as they are digits.
const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// Everything recorded.
pub(super) struct Recording {
    fixtures: Map<String, Value>,
    pub(super) vectors: Vec<Vector>,
}

/// Steps that ran one after another on a fresh copy of the fixture files.
pub(super) struct Vector {
    pub(super) id: String,
    /// Variables of the pilot server other than usual; `None` takes one away.
    pub(super) environment: BTreeMap<String, Option<String>>,
    pub(super) steps: Vec<Step>,
}

/// One exchange.
pub(super) struct Step {
    pub(super) asked: Asked,
    pub(super) answer: Parts,
}

/// What was asked.
pub(super) enum Asked {
    Http(Request),
    /// One line to an MCP server, and how many answers it had.
    Mcp {
        server: McpServer,
        line: String,
        answers: usize,
    },
    /// A file was read, relative to the runtime root.
    File(String),
}

/// An HTTP request.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    /// The response headers that the recording kept.
    pub(super) looked_at: Vec<String>,
}

/// The two MCP servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum McpServer {
    ReadOnly,
    Pilot,
}

impl Recording {
    pub(super) fn load() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/original.json");
        let text = std::fs::read_to_string(path).expect("the recording is part of the repository");
        let mut json: Value =
            serde_json::from_str(&text.replace(RECORDED_FUTURE, FUTURE)).expect("the recording is JSON");
        let Value::Object(fixtures) = json["fixture_files"].take() else { panic!("no fixture files") };
        Self { fixtures, vectors: list(&json["vectors"]).iter().map(vector).collect() }
    }

    /// Writes the fixture files into a fresh runtime root.
    pub(super) fn lay_out(&self, root: &Path) {
        for (name, content) in &self.fixtures {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("fixture names have a directory"))
                .expect("a fixture directory");
            match content.get("symlink") {
                Some(target) => {
                    let target = text(target).replace("$ROOT", root.to_str().expect("a UTF-8 root"));
                    std::os::unix::fs::symlink(target, path).expect("a fixture link");
                }
                None => std::fs::write(path, text(content).replace("$HEX32", TRACE_ID)).expect("a fixture file"),
            }
        }
    }
}

fn vector(json: &Value) -> Vector {
    let environment = json["env"].as_object().into_iter().flatten();
    Vector {
        id: text(&json["id"]).to_owned(),
        environment: environment.map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned))).collect(),
        steps: list(&json["steps"]).iter().map(step).collect(),
    }
}

fn step(json: &Value) -> Step {
    let mut answer = Parts::default();
    let asked = match text(&json["via"]) {
        "http" => {
            answer.add("status", json["status"].clone());
            let kept = json["response_headers"].as_object().expect("recorded headers");
            for (name, value) in kept {
                answer.add(format!("header {name}"), value.clone());
            }
            answer.add("body", json["response"].clone());
            let sent = json["headers"].as_object().expect("sent headers");
            Asked::Http(Request {
                method: text(&json["method"]).to_owned(),
                path: text(&json["path"]).to_owned(),
                headers: sent.iter().map(|(name, value)| (name.clone(), text(value).to_owned())).collect(),
                body: match (json.get("json"), json.get("raw_body")) {
                    (Some(body), _) => Some(body.to_string()),
                    (None, raw) => raw.map(|raw| text(raw).to_owned()),
                },
                looked_at: kept.keys().cloned().collect(),
            })
        }
        "filesystem" => {
            answer
                .add("lines", Value::Array(list(&json["lines"]).iter().map(|line| ledger_line(text(line))).collect()));
            Asked::File(text(&json["read"]).to_owned())
        }
        server => {
            let server = match server {
                "mcp-ro" => McpServer::ReadOnly,
                "mcp-pilot" => McpServer::Pilot,
                other => panic!("nobody answers `{other}`"),
            };
            let answers = list(&json["answers"]);
            for value in answers {
                answer.add("answer", value.clone());
            }
            Asked::Mcp { server, line: text(&json["line"]).to_owned(), answers: answers.len() }
        }
    };
    Step { asked, answer }
}

/// A line of a ledger as an object, when it is written exactly as the original writes one; else as its text, which then is a
/// difference.
pub(super) fn ledger_line(line: &str) -> Value {
    match serde_json::from_str::<Value>(line) {
        Ok(value) if spaced(&value) == line => value,
        Ok(_) | Err(_) => Value::String(line.to_owned()),
    }
}

/// JSON with `", "` and `": "`, everything but the necessary unescaped.
fn spaced(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members =
                members.iter().map(|(name, value)| format!("{}: {}", Value::from(name.as_str()), spaced(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn ledger_lines_are_told_from_other_json() {
    let line = r#"{"event": "X", "n": 1, "l": ["ä", null]}"#;
    assert_eq!(ledger_line(line)["n"], 1);
    for other in [r#"{"event":"X"}"#, r#"{"event": "X"} "#, r#"{"event": "\u00e4"}"#, "{"] {
        assert!(ledger_line(other).is_string(), "{other}");
    }
}
