//! An MCP client over standard input and output that can send any bytes it likes.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::process::{Finished, Process};

/// Every protocol version that the servers speak, oldest first. All but the last begin with `initialize`.
pub(crate) const VERSIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", STATELESS];

/// The version without a handshake: each request names it in its `_meta`.
pub(crate) const STATELESS: &str = "2026-07-28";

/// One connection to an MCP server of ours, under one protocol version.
pub(crate) struct Mcp {
    process: Process,
    version: &'static str,
    last_id: u64,
    /// Answers that were read while another was waited for.
    early: HashMap<u64, Value>,
}

impl Mcp {
    /// Starts talking to a freshly started server: the handshake of `version`, which must be agreed to.
    pub(crate) fn open(process: Process, version: &'static str) -> Self {
        let mut mcp = Self { process, version, last_id: 0, early: HashMap::new() };
        if version == STATELESS {
            let found = mcp.request("server/discover", "");
            let known = found["result"]["supportedVersions"].as_array().cloned().unwrap_or_default();
            assert!(known.contains(&json!(version)), "{found}");
        } else {
            let client = r#""capabilities":{},"clientInfo":{"name":"acceptance","version":"1"}"#;
            let agreed = mcp.request("initialize", &format!(r#""protocolVersion":"{version}",{client}"#));
            assert_eq!(agreed["result"]["protocolVersion"], version, "{agreed}");
            mcp.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        }
        mcp
    }

    /// Sends one line as it is.
    pub(crate) fn send(&mut self, line: &[u8]) {
        self.process.send(line);
    }

    /// The next message from the server, whatever it answers.
    pub(crate) fn message(&mut self) -> Value {
        let line = self.process.expect_line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("the server wrote no JSON: {error}: {line}"))
    }

    /// Sends a request without waiting; gives its id. `members` are the members of `params` as raw JSON text without
    /// braces, so that a test can write any of them twice.
    pub(crate) fn post(&mut self, method: &str, members: &str) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        let line = self.line(Some(id), method, members);
        self.send(line.as_bytes());
        id
    }

    /// The text of a message under this connection's version; without an id it is a notification.
    pub(crate) fn line(&self, id: Option<u64>, method: &str, members: &str) -> String {
        let meta = format!(
            r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{STATELESS}","io.modelcontextprotocol/clientInfo":{{"name":"acceptance","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}"#
        );
        let parts: Vec<&str> = [members, if self.version == STATELESS { &meta } else { "" }]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let id = id.map(|id| format!(r#""id":{id},"#)).unwrap_or_default();
        let method = Value::from(method);
        format!(r#"{{"jsonrpc":"2.0",{id}"method":{method},"params":{{{}}}}}"#, parts.join(","))
    }

    /// Waits for the answer to a request.
    pub(crate) fn answer_to(&mut self, id: u64) -> Value {
        loop {
            if let Some(answer) = self.early.remove(&id) {
                return answer;
            }
            let message = self.message();
            let answered = message["id"].as_u64().unwrap_or_else(|| panic!("an answer to nothing: {message}"));
            self.early.insert(answered, message);
        }
    }

    /// Sends a request and waits for its answer: the whole message, result or error.
    pub(crate) fn request(&mut self, method: &str, members: &str) -> Value {
        let id = self.post(method, members);
        self.answer_to(id)
    }

    /// Sends a call without waiting; gives its id. `arguments` is raw JSON text.
    pub(crate) fn post_call(&mut self, tool: &str, arguments: &str) -> u64 {
        self.post("tools/call", &format!(r#""name":{},"arguments":{arguments}"#, Value::from(tool)))
    }

    /// Calls a tool. `arguments` is raw JSON text.
    pub(crate) fn call(&mut self, tool: &str, arguments: &str) -> Called {
        let id = self.post_call(tool, arguments);
        Called::of(self.answer_to(id))
    }

    /// Previews a run and queues it; gives the answer of the apply.
    pub(crate) fn enqueue(&mut self, run: &str) -> Value {
        self.call("preview_enqueue_from_run", &json!({ "run_id": run }).to_string()).answer();
        self.call("enqueue_from_run", &apply(run, json!({}))).answer().clone()
    }

    /// Closes the connection and waits for the server's end, which must be an orderly one.
    pub(crate) fn finish(self) -> Finished {
        let finished = self.into_process().finish();
        assert!(finished.status.success(), "{:?}\n{}", finished.status, finished.stderr);
        finished
    }

    /// The server's process, to which nothing is said any more.
    pub(crate) fn into_process(self) -> Process {
        self.process
    }

    /// Kills the server.
    pub(crate) fn kill(self) -> Finished {
        self.process.kill()
    }
}

/// The arguments of a sound apply of a run, with these members changed or added, as JSON text. It has no preview token:
/// the process remembers what it showed.
pub(crate) fn apply(run: &str, changes: Value) -> String {
    let mut arguments = json!({
        "run_id": run, "confirm": true, "actor_role": "OPS", "requested_by": "Ada", "approval_reason": "again",
    });
    for (name, value) in changes.as_object().expect("changes are an object") {
        arguments[name] = value.clone();
    }
    arguments.to_string()
}

/// What a `tools/call` came to.
#[derive(Debug, Clone)]
pub(crate) struct Called(Value);

impl Called {
    /// Reads an answer. A tool's result must say the same twice, once for clients that read `structuredContent` and once
    /// for those that read text.
    pub(crate) fn of(message: Value) -> Self {
        if let Some(result) = message.get("result") {
            let text = result["content"][0]["text"].as_str().unwrap_or_default();
            let text: Value = serde_json::from_str(text).unwrap_or_default();
            assert_eq!(text, result["structuredContent"], "the text is not the structured content: {message}");
            assert_eq!(result["content"].as_array().map(Vec::len), Some(1), "{message}");
        }
        Self(message)
    }

    /// What the tool answered; it must not have refused.
    pub(crate) fn answer(&self) -> &Value {
        assert_eq!(self.0["result"]["isError"], false, "{}", self.0);
        &self.0["result"]["structuredContent"]
    }

    /// What the tool refused with; it must have refused.
    pub(crate) fn refusal(&self) -> &Value {
        assert_eq!(self.0["result"]["isError"], true, "{}", self.0);
        &self.0["result"]["structuredContent"]
    }

    /// The code of the tool's refusal; empty when it answered, or when the call never reached a tool.
    pub(crate) fn code(&self) -> &str {
        let refused = self.0["result"]["isError"] == true;
        let code = self.0["result"]["structuredContent"]["code"].as_str();
        code.filter(|_| refused).unwrap_or_default()
    }

    /// The protocol's error number, for a call that never reached a tool.
    pub(crate) fn error(&self) -> Option<i64> {
        self.0["error"]["code"].as_i64()
    }
}
