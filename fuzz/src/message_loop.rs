//! The message loop of an MCP server over an in-memory pipe: it lives, answers each request once and in valid JSON, and
//! ends when its client does.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future;
use std::time::Duration;

use cortexpilot_server::mcp::scan::{RequestId, Scanned, scan};
use cortexpilot_server::mcp::{
    Annotations, Effect, End, RawArguments, RequestMeta, ServerInfo, ToolAnswer, ToolServer, ToolSpec, Toolbox,
    answer_or_refusal, schema_of, serve_stdio,
};
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

/// A server that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SayArguments {
    /// What to say.
    text: String,
    /// Whether to say it.
    confirm: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
struct Said {
    said: String,
    confirm: bool,
}

#[derive(Serialize, JsonSchema)]
struct Refused {
    code: String,
    reason: String,
}

fn output() -> Value {
    answer_or_refusal(schema_of::<Said>(), schema_of::<Refused>())
}

/// `say` answers, `fail` refuses. None panics: that would end the fuzzer, whatever the server makes of it.
const TOOLS: &[ToolSpec] = &[
    ToolSpec {
        name: "say",
        title: "Say it",
        description: "Says it.",
        input_schema: schema_of::<SayArguments>,
        output_schema: output,
        annotations: Annotations::READ_ONLY,
        effect: Effect::Read,
    },
    ToolSpec {
        name: "fail",
        title: "Refuse it",
        description: "Refuses.",
        input_schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        output_schema: output,
        annotations: Annotations::READ_ONLY,
        effect: Effect::Read,
    },
];

struct Tools;

impl Toolbox for Tools {
    fn info(&self) -> ServerInfo {
        ServerInfo { name: "fuzzed", title: "Fuzzed", version: "0", instructions: "Say something." }
    }

    fn tools(&self) -> &'static [ToolSpec] {
        TOOLS
    }

    fn call<'a>(
        &'a self,
        tool: &'static ToolSpec,
        arguments: RawArguments<'a>,
        _request: RequestMeta,
    ) -> BoxFuture<'a, ToolAnswer> {
        Box::pin(async move {
            match (tool.name, arguments.parse::<SayArguments>()) {
                ("say", Ok(say)) => ToolAnswer::answer(&Said { said: say.text, confirm: say.confirm.unwrap_or(false) }),
                ("say", Err(problem)) => {
                    ToolAnswer::error(&Refused { code: "ARGUMENTS_INVALID".to_owned(), reason: problem.reason })
                }
                _ => ToolAnswer::error(&Refused { code: "REFUSED".to_owned(), reason: "It refuses.".to_owned() }),
            }
        })
    }

    fn internal_error(&self, _tool: &'static ToolSpec, _request: &RequestMeta) -> ToolAnswer {
        ToolAnswer::error(&Refused { code: "INTERNAL".to_owned(), reason: "It failed.".to_owned() })
    }
}

thread_local! {
    /// Made once: schemas of tools cost more than a whole conversation.
    static SERVED: RefCell<Option<(Runtime, ToolServer)>> = const { RefCell::new(None) };
}

/// Sends the bytes as a client would, closes its end and counts the answers.
///
/// # Panics
/// Where the server ends early, leaves a request unanswered, answers one twice, or writes what is no JSON line.
pub fn check(data: &[u8]) {
    SERVED.with_borrow_mut(|slot| {
        let (runtime, server) = slot.get_or_insert_with(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            (runtime.expect("a runtime can be made"), ToolServer::new(Tools))
        });
        runtime.block_on(converse(server.clone(), data));
    });
}

async fn converse(server: ToolServer, data: &[u8]) {
    let expected = asked(data);
    // Small pipes, so that the server is also seen waiting for its client.
    let (mut to, input) = tokio::io::duplex(4096);
    let (output, mut from) = tokio::io::duplex(4096);
    let server = tokio::spawn(serve_stdio(server, input, output, future::pending::<()>()));
    let write = async move {
        // The server reads to the end whatever it is sent, so this cannot fail.
        to.write_all(data).await.expect("the server reads on");
    };
    let read = async move {
        let mut all = Vec::new();
        from.read_to_end(&mut all).await.expect("a pipe in memory can be read");
        all
    };
    let both = tokio::time::timeout(PATIENCE, async { tokio::join!(write, read).1 });
    let answers = both.await.expect("the server does not hang");
    let end = server.await.expect("the server does not panic").expect("the server ends in order");
    assert_eq!(end, End::InputClosed);
    assert_eq!(answered(&answers), expected);
}

/// How often each id is to be answered; `null` for refusals of what has none.
fn asked(data: &[u8]) -> HashMap<String, usize> {
    let mut ids = HashMap::new();
    let name = |id: Option<&RequestId>| id.map_or("null", RequestId::as_json).to_owned();
    for line in data.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            continue;
        }
        let id = match scan(line) {
            Scanned::Request(request) => name(Some(&request.id)),
            Scanned::Refused(refusal) => name(refusal.id.as_ref()),
            Scanned::Notification { .. } | Scanned::Response(_) => continue,
        };
        *ids.entry(canonical(&id)).or_insert(0) += 1;
    }
    ids
}

/// How often each id was answered. Panics on a line that is no answer.
fn answered(answers: &[u8]) -> HashMap<String, usize> {
    let mut ids = HashMap::new();
    let Some(lines) = answers.strip_suffix(b"\n") else {
        assert!(answers.is_empty(), "the last answer has no line end");
        return ids;
    };
    for line in lines.split(|byte| *byte == b'\n') {
        let answer: Value = serde_json::from_slice(line).expect("an answer is one line of JSON");
        assert_eq!(answer["jsonrpc"], "2.0");
        assert_ne!(answer.get("result").is_some(), answer.get("error").is_some(), "a result or an error");
        let id = answer.get("id").expect("an answer names what it answers");
        *ids.entry(id.to_string()).or_insert(0) += 1;
    }
    ids
}

/// The id as a JSON value writes it: `"\u0061"` and `"a"` are one id.
fn canonical(id: &str) -> String {
    serde_json::from_str::<Value>(id).expect("an id is JSON").to_string()
}
