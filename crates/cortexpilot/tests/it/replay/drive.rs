//! Driving the built binary: one runtime root, its HTTP servers and its MCP servers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::compare::Parts;
use super::recording::{McpServer, Recording, Request, Vector, ledger_line};
use crate::support::{APPLY, BINARY, McpClient, Server};

/// Of a body that is no JSON the recording keeps so many characters.
const RECORDED_TEXT: usize = 400;

/// The machine of one vector. Processes start when they are first asked and end with it.
pub(super) struct World<'a> {
    vector: &'a Vector,
    root: PathBuf,
    http: BTreeMap<bool, Server>,
    mcp: BTreeMap<McpServer, McpClient>,
    pings: usize,
    // Last: the directory goes after the processes that use it.
    directory: tempfile::TempDir,
}

impl<'a> World<'a> {
    pub(super) fn new(recording: &Recording, vector: &'a Vector) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        // Answers name files by their real path.
        let root = directory.path().canonicalize().expect("the directory exists").join("root");
        std::fs::create_dir(&root).expect("a fresh root");
        recording.lay_out(&root);
        Self { vector, root, http: BTreeMap::new(), mcp: BTreeMap::new(), pings: 0, directory }
    }

    /// Sends a request to the server as it was recorded, or to one whose mutation gate is open.
    pub(super) fn http(&mut self, request: &Request, gate_open: bool) -> Parts {
        if !self.http.contains_key(&gate_open) {
            let mut command = self.command(&["serve", "--port", "0", "--output", "json"]);
            command.env("CORTEXPILOT_API_TOKEN", "vec-token").envs(gate_open.then_some(APPLY));
            self.http.insert(gate_open, Server::start(command));
        }
        let server = &self.http[&gate_open];
        let response = server.raw(&written(request, server.authority()));
        let mut answer = Parts::default();
        answer.add("status", response.status);
        for name in &request.looked_at {
            if let Some(value) = response.header(name) {
                answer.add(format!("header {name}"), value);
            }
        }
        let text = || response.body.chars().take(RECORDED_TEXT).collect::<String>();
        let body = serde_json::from_str(&response.body).unwrap_or_else(|_| json!({ "$text": text() }));
        answer.add("body", self.placed(&body));
        answer
    }

    /// Sends one line to an MCP server and takes its answers. A ping behind it shows that there are no more.
    pub(super) fn mcp(&mut self, server: McpServer, line: &str, due: usize) -> Parts {
        self.pings += 1;
        let ping = format!("ping-{}", self.pings);
        let client = self.client(server);
        client.send_line(line);
        client.send_line(&json!({"jsonrpc": "2.0", "id": ping, "method": "ping"}).to_string());
        let (mut answers, mut behind) = (Vec::new(), false);
        while !behind || answers.len() < due {
            let message = client.message();
            if message["id"] == ping.as_str() {
                behind = true;
            } else {
                answers.push(message);
            }
        }
        let mut out = Parts::default();
        for answer in &answers {
            out.add("answer", one_text(self.placed(answer)));
        }
        out
    }

    fn client(&mut self, server: McpServer) -> &mut McpClient {
        if !self.mcp.contains_key(&server) {
            let mut command = match server {
                McpServer::ReadOnly => self.command(&["mcp-readonly-server"]),
                McpServer::Pilot => self.command(&["mcp-queue-pilot-server"]),
            };
            if server == McpServer::Pilot {
                command.envs([APPLY]);
            }
            for (name, value) in &self.vector.environment {
                match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
            }
            self.mcp.insert(server, McpClient::start(command));
        }
        self.mcp.get_mut(&server).expect("invariant: just started")
    }

    /// Reads a ledger line by line.
    pub(super) fn file(&self, name: &str) -> Parts {
        let text = std::fs::read_to_string(self.root.join(name)).unwrap_or_default();
        let lines: Vec<Value> = text.lines().map(|line| self.placed(&ledger_line(line))).collect();
        let mut answer = Parts::default();
        answer.add("lines", lines);
        answer
    }

    /// Ends the MCP servers by closing their input. None may have said anything unasked.
    pub(super) fn end(mut self) {
        for (server, client) in std::mem::take(&mut self.mcp) {
            let (code, unasked, log) = client.close();
            assert_eq!((code, unasked), (Some(0), Vec::new()), "{server:?}: {log}");
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments).env_clear().current_dir(self.directory.path());
        command.env("HOME", self.directory.path());
        command.env("CORTEXPILOT_RUNTIME_ROOT", &self.root).env("CORTEXPILOT_RUNS_ROOT", self.root.join("runs"));
        command
    }

    /// The answer with the runtime root written as the recording writes it.
    fn placed(&self, value: &Value) -> Value {
        replaced(value, &self.root)
    }
}

fn replaced(value: &Value, root: &Path) -> Value {
    let root_text = root.to_str().expect("a UTF-8 root");
    match value {
        Value::String(text) => Value::String(text.replace(root_text, "$ROOT")),
        Value::Array(items) => items.iter().map(|item| replaced(item, root)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), replaced(value, root))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// A tool result's only text, where it repeats `structuredContent`, is written as a word that says so.
fn one_text(mut answer: Value) -> Value {
    let Some(result) = answer.get_mut("result").filter(|result| result.get("structuredContent").is_some()) else {
        return answer;
    };
    let repeats = result["content"].as_array().is_some_and(|blocks| match blocks.as_slice() {
        [block] => block["text"]
            .as_str()
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
            .is_some_and(|text| text == result["structuredContent"]),
        _ => false,
    });
    if repeats {
        result["content"][0]["text"] = "the same JSON".into();
    }
    answer
}

/// The bytes of a request on a connection of its own.
fn written(request: &Request, authority: &str) -> Vec<u8> {
    let mut head =
        format!("{} {} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = request.body.as_deref().unwrap_or_default();
    if request.body.is_some() {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    // Header values are Latin-1 on the wire, which is how the recording sent them.
    let head = head.chars().map(|c| u8::try_from(u32::from(c)).expect("a Latin-1 header"));
    head.chain(body.bytes()).collect()
}
