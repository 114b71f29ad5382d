//! An MCP client over HTTP: each message is a request of its own, under one protocol version and one token.

use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Connection, Request, Response, Server};
use super::mcp::{Called, STATELESS};

/// The two endpoints.
pub(crate) const READONLY: &str = "/mcp/readonly";
pub(crate) const PILOT: &str = "/mcp/queue-pilot";

/// One client of one endpoint.
pub(crate) struct McpHttp {
    connection: Connection,
    path: &'static str,
    token: Option<String>,
    version: &'static str,
    last_id: u64,
}

impl McpHttp {
    /// A client that sends this token, or none.
    pub(crate) fn new(server: &Server, path: &'static str, token: Option<&str>, version: &'static str) -> Self {
        Self { connection: server.connect(), path, token: token.map(str::to_owned), version, last_id: 0 }
    }

    /// A message as a client of this version sends it. `members` are the members of `params` as raw JSON text without
    /// braces.
    pub(crate) fn post(&mut self, method: &str, members: &str) -> Request {
        self.last_id += 1;
        let meta = format!(
            r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{STATELESS}","io.modelcontextprotocol/clientInfo":{{"name":"acceptance","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}"#
        );
        let stands_alone = self.version == STATELESS;
        let parts = [members, if stands_alone { &meta } else { "" }];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let (id, name) = (self.last_id, Value::from(method));
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{name},"params":{{{}}}}}"#, parts.join(","));
        let request = self.raw(&text).header("mcp-protocol-version", self.version);
        if !stands_alone {
            return request;
        }
        let params: Value = serde_json::from_str(&format!("{{{members}}}")).unwrap_or_default();
        let member = match method {
            "tools/call" | "prompts/get" => "name",
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "uri",
            "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
            _ => "",
        };
        match params[member].as_str() {
            Some(named) => request.header("mcp-method", method).header("mcp-name", &header_value(named)),
            None => request.header("mcp-method", method),
        }
    }

    /// Any bytes as a message.
    pub(crate) fn raw(&self, text: &str) -> Request {
        let request =
            Request::new("POST", self.path).json(text).header("accept", "application/json, text/event-stream");
        match &self.token {
            Some(token) => request.bearer(token),
            None => request,
        }
    }

    /// Sends one and reads its answer. Where the endpoint asks to wait, it is sent again when that time is over.
    pub(crate) fn send(&mut self, request: &Request) -> Response {
        loop {
            let response = self.connection.send(request);
            let wait = response.header("retry-after").and_then(|seconds| seconds.parse().ok());
            match wait.filter(|_| response.status == 429) {
                Some(seconds) => std::thread::sleep(Duration::from_secs(seconds)),
                None => return response,
            }
        }
    }

    /// Sends a request and gives its answer: the whole message, result or error.
    pub(crate) fn request(&mut self, method: &str, members: &str) -> Value {
        let request = self.post(method, members);
        self.send(&request).json()
    }

    /// Calls a tool. `arguments` is raw JSON text.
    pub(crate) fn call(&mut self, tool: &str, arguments: &str) -> Called {
        let members = format!(r#""name":{},"arguments":{arguments}"#, Value::from(tool));
        Called::of(self.request("tools/call", &members))
    }

    /// Previews a run and asks for it to be queued, with the preview's token; gives what the apply came to.
    pub(crate) fn enqueue(&mut self, run: &str) -> Called {
        let seen = self.call("preview_enqueue_from_run", &json!({ "run_id": run }).to_string()).answer().clone();
        let token = json!({ "preview_token": seen["preview_token"] });
        self.call("enqueue_from_run", &super::apply(run, token))
    }
}

/// A value as the protocol wants it in a header where it is no plain text.
fn header_value(text: &str) -> String {
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && text.trim() == text;
    if plain { text.to_owned() } else { format!("=?base64?{}?=", base64(text.as_bytes())) }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let six = usize::try_from(word >> (18 - 6 * index) & 63).expect("six bits");
            out.push(if index <= chunk.len() { char::from(ALPHABET[six]) } else { '=' });
        }
    }
    out
}
