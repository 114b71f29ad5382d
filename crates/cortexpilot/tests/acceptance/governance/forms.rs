//! An MCP client that has forms and nobody in front of them: it answers every question "accept", comment included, in
//! whichever way the protocol version asks.

use serde_json::{Value, json};

use crate::support::process::Process;
use crate::support::{Home, STATELESS};

/// The protocol versions under which a server may ask its client something.
pub(super) const ASKING: [&str; 3] = ["2025-06-18", "2025-11-25", STATELESS];

/// What the client answers to whatever it is asked.
pub(super) fn accept() -> Value {
    json!({"action": "accept", "content": {"confirm": true, "comment": "yes, do it, I approve"}})
}

/// A first round that was answered with a question.
#[derive(Debug, Clone)]
pub(super) struct Round {
    /// The tool that was called.
    pub(super) tool: String,
    /// The arguments of that call.
    pub(super) arguments: Value,
    /// The state that came with the question.
    pub(super) state: Value,
    /// The question's key.
    pub(super) key: String,
}

/// One connection.
pub(super) struct Forms {
    process: Process,
    version: &'static str,
    last_id: u64,
    /// How often it was asked something.
    pub(super) asked: usize,
    /// Its first rounds, oldest first.
    pub(super) rounds: Vec<Round>,
}

impl Forms {
    /// Starts a server and shakes hands, declaring forms.
    pub(super) fn open(home: &Home, server: &str, version: &'static str, environment: &[(&str, &str)]) -> Self {
        let process = home.raw(server, environment);
        let mut forms = Self { process, version, last_id: 0, asked: 0, rounds: Vec::new() };
        if version == STATELESS {
            let found = forms.ask("server/discover", json!({}));
            assert!(found["result"].is_object(), "{found}");
        } else {
            let hello = json!({
                "protocolVersion": version, "capabilities": {"elicitation": {}},
                "clientInfo": {"name": "obliging", "version": "1"},
            });
            let agreed = forms.ask("initialize", hello);
            assert_eq!(agreed["result"]["protocolVersion"], version, "{agreed}");
            forms.throw(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        }
        forms
    }

    /// Sends a message that gets no answer.
    pub(super) fn throw(&mut self, message: &Value) {
        self.process.send(message.to_string().as_bytes());
    }

    /// Calls a tool, says yes to every question, and gives the last answer. `beside` are further members of `params`.
    pub(super) fn call(&mut self, tool: &str, arguments: &Value, beside: &Value) -> Value {
        let mut params = json!({"name": tool, "arguments": arguments});
        for (member, value) in beside.as_object().into_iter().flatten() {
            params[member] = value.clone();
        }
        let answer = self.ask("tools/call", params.clone());
        if answer["result"]["resultType"] != "input_required" {
            return answer;
        }
        self.asked += 1;
        let questions = answer["result"]["inputRequests"].as_object().expect("what is asked").clone();
        let state = answer["result"]["requestState"].clone();
        let (key, _) = questions.iter().next().expect("one question at least");
        let round = Round { tool: tool.to_owned(), arguments: arguments.clone(), state, key: key.clone() };
        params["requestState"] = round.state.clone();
        params["inputResponses"] = questions.keys().map(|key| (key.clone(), accept())).collect();
        self.rounds.push(round);
        let last = self.ask("tools/call", params);
        assert_ne!(last["result"]["resultType"], "input_required", "asked twice in one call: {last}");
        last
    }

    /// Sends a request and reads until its answer, saying yes to what is asked in between.
    fn ask(&mut self, method: &str, mut params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        if self.version == STATELESS {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": STATELESS,
                "io.modelcontextprotocol/clientInfo": {"name": "obliging", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
            });
        }
        self.throw(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let line = self.process.expect_line();
            let message: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            match message["method"].as_str() {
                None if message["id"] == id => return message,
                // Something thrown at it was no message at all.
                None if message["id"].is_null() => assert_eq!(message["error"]["code"], -32600, "{message}"),
                Some("elicitation/create") => {
                    self.asked += 1;
                    self.throw(&json!({"jsonrpc": "2.0", "id": message["id"], "result": accept()}));
                }
                Some(_) | None => panic!("neither an answer nor a question: {message}"),
            }
        }
    }

    /// Closes the connection; the server must end well.
    pub(super) fn finish(self) {
        let finished = self.process.finish();
        assert!(finished.status.success(), "{:?}\n{}", finished.status, finished.stderr);
    }
}
