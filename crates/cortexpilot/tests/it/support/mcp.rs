//! A client of a stdio server: raw lines, or calls under any protocol version.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::{LIMIT, Running};

/// Every protocol version that the servers speak; the last one has no handshake.
pub(crate) const VERSIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

const STATELESS: &str = VERSIONS[4];

/// A running stdio server and this end of it.
pub(crate) struct McpClient {
    child: Running,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    said: Option<JoinHandle<String>>,
    version: &'static str,
    next_id: u64,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ToolResult {
    /// Whether it is marked as an error.
    pub(crate) is_error: bool,
    /// `structuredContent`.
    pub(crate) json: Value,
    /// The text of the only content block.
    pub(crate) text: String,
}

impl ToolResult {
    /// The refusal's code, if it is one.
    pub(crate) fn code(&self) -> Option<&str> {
        self.json["code"].as_str().filter(|_| self.is_error)
    }
}

impl McpClient {
    /// Starts the server; nothing is sent yet.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
        let stdout = BufReader::new(child.0.stdout.take().expect("piped"));
        let stderr = child.0.stderr.take().expect("piped");
        let stdin = child.0.stdin.take();
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { return };
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        let said = std::thread::spawn(move || std::io::read_to_string(stderr).unwrap_or_default());
        Self { child, stdin, lines, said: Some(said), version: VERSIONS[3], next_id: 1 }
    }

    /// Sends bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        stdin.write_all(bytes).and_then(|()| stdin.flush()).expect("the server reads");
    }

    /// Sends one line.
    pub(crate) fn send_line(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    /// The next line that the server wrote.
    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(LIMIT).expect("the server answers")
    }

    /// The next message.
    pub(crate) fn message(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Agrees on a version, and speaks it from now on. The stateless version needs no agreement.
    pub(crate) fn handshake(&mut self, version: &'static str) -> Value {
        self.version = version;
        if version == STATELESS {
            return self.request("server/discover", json!({}));
        }
        let answer = self.request(
            "initialize",
            json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "it", "version": "1"}}),
        );
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer}");
        self.send_line(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        answer
    }

    /// Sends a request and gives the answer to its id.
    pub(crate) fn request(&mut self, method: &str, mut params: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        if self.version == STATELESS {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": STATELESS,
                "io.modelcontextprotocol/clientInfo": {"name": "it", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        self.send_line(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
        loop {
            let message = self.message();
            if message["id"] == id {
                return message;
            }
        }
    }

    /// Calls a tool. That both forms of the answer say the same is checked on every call.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> ToolResult {
        let answer = self.request("tools/call", json!({"name": tool, "arguments": arguments}));
        let result = &answer["result"];
        assert!(result.is_object(), "{tool}: {answer}");
        let blocks = result["content"].as_array().expect("content blocks");
        assert_eq!(blocks.len(), 1, "{answer}");
        let text = blocks[0]["text"].as_str().expect("a text block").to_owned();
        let json = result["structuredContent"].clone();
        assert_eq!(serde_json::from_str::<Value>(&text).expect("the text is JSON"), json, "{answer}");
        ToolResult { is_error: result["isError"] == true, json, text }
    }

    /// Closes the server's input and waits for its end: its exit code, what it still answered, and its standard error.
    pub(crate) fn close(mut self) -> (Option<i32>, Vec<String>, String) {
        drop(self.stdin.take());
        self.ended()
    }

    /// Sends it a signal, its input still open, and waits for its end.
    pub(crate) fn stop(mut self, signal: rustix::process::Signal) -> (Option<i32>, Vec<String>, String) {
        self.child.signal(signal);
        self.ended()
    }

    fn ended(&mut self) -> (Option<i32>, Vec<String>, String) {
        let status = self.child.wait();
        let rest = self.lines.iter().collect();
        let said = self.said.take().expect("asked once").join().expect("the reader does not panic");
        (status.code(), rest, said)
    }
}
