//! A toolbox whose one tool asks the person at the client, and clients that declare what they can ask.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use cortexpilot_core::domain::principal::{Caller, Surface};
use cortexpilot_core::port::fake::SeqIds;
use cortexpilot_server::mcp::{
    Annotations, Answer, Answered, Asked, Desk, Effect, Question, RawArguments, RequestMeta, ServerInfo, ToolAnswer,
    ToolServer, ToolSpec, Toolbox, answer_or_refusal, schema_of,
};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::harness::{Client, INFO, Seen, call, initialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RequestArguments {
    /// What is requested.
    about: String,
    /// What else is said: another note makes another call.
    #[expect(dead_code, reason = "that it may be sent is all this is for")]
    note: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pending {
    status: String,
    about: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Refused {
    code: String,
}

fn output() -> Value {
    answer_or_refusal(schema_of::<Pending>(), schema_of::<Refused>())
}

const TOOLS: &[ToolSpec] = &[
    ToolSpec {
        name: "request",
        title: "Request it",
        description: "Requests something a person decides.",
        input_schema: || schema_of::<RequestArguments>(),
        output_schema: output,
        annotations: Annotations { read_only: false, destructive: false, idempotent: true, open_world: false },
        effect: Effect::Append,
    },
    ToolSpec {
        name: "hold",
        title: "Wait",
        description: "Waits to be released.",
        input_schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        output_schema: output,
        annotations: Annotations::READ_ONLY,
        effect: Effect::Read,
    },
];

/// What became of the questions.
pub(crate) struct Kept {
    asked: Asked,
    seconds: AtomicI64,
    fails: AtomicBool,
    recorded: Mutex<Vec<(String, Answered)>>,
    seen: Arc<Seen>,
}

impl Kept {
    /// What was recorded, oldest first: about what, the answer, the comment.
    pub(crate) fn recorded(&self) -> Vec<(String, Answer, Option<String>)> {
        let recorded = self.recorded.lock().unwrap();
        recorded.iter().map(|(about, said)| (about.clone(), said.answer, said.comment.clone())).collect()
    }

    pub(crate) fn let_pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Lets the recording of every further answer panic.
    pub(crate) fn fail_to_record(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }
}

struct Requests(Arc<Kept>);

impl Desk for Requests {
    fn asked(&self) -> &Asked {
        &self.0.asked
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + self.0.seconds.load(Ordering::SeqCst)).unwrap()
    }

    fn record<'a>(&'a self, question: &'a Question, answered: Answered) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            assert!(!self.0.fails.load(Ordering::SeqCst), "recording always panics here");
            self.0.recorded.lock().unwrap().push((question.about.clone(), answered));
        })
    }
}

impl Toolbox for Requests {
    fn info(&self) -> ServerInfo {
        INFO
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
            self.0.seen.entered.fetch_add(1, Ordering::SeqCst);
            if tool.name == "hold" {
                self.0.seen.release.acquire().await.unwrap().forget();
                return ToolAnswer::answer(&Pending { status: "HELD".to_owned(), about: String::new() });
            }
            let Ok(arguments) = arguments.parse::<RequestArguments>() else {
                return ToolAnswer::error(&Refused { code: "ARGUMENTS_INVALID".to_owned() });
            };
            let question = Question {
                about: arguments.about.clone(),
                asked_of: Caller { principal: None, surface: Surface::Mcp },
                message: format!("Is {} yours?", arguments.about),
            };
            ToolAnswer::answer(&Pending { status: "PENDING".to_owned(), about: arguments.about }).asking(question)
        })
    }

    fn internal_error(&self, _tool: &'static ToolSpec, _request: &RequestMeta) -> ToolAnswer {
        ToolAnswer::error(&Refused { code: "INTERNAL".to_owned() })
    }

    fn desk(&self) -> Option<&dyn Desk> {
        Some(self)
    }
}

/// A connection to a server that asks.
pub(crate) fn connect() -> (Client, Arc<Kept>) {
    let seen = Seen::new(0);
    let kept = Arc::new(Kept {
        asked: Asked::new(&SeqIds::default()),
        seconds: AtomicI64::new(0),
        fails: AtomicBool::new(false),
        recorded: Mutex::default(),
        seen: Arc::clone(&seen),
    });
    (Client::of(ToolServer::new(Requests(Arc::clone(&kept))), seen, 64 * 1024), kept)
}

/// The same after a handshake in which the client declared `capabilities`.
pub(crate) async fn initialized(version: &str, capabilities: Value) -> (Client, Arc<Kept>) {
    let (mut client, kept) = connect();
    let mut hello = initialize(version);
    hello["params"]["capabilities"] = capabilities;
    assert!(client.ask(hello).await["result"]["protocolVersion"].is_string());
    client.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    (client, kept)
}

/// A call of `request` about something.
pub(crate) fn request(id: impl Into<Value>, about: &str) -> Value {
    call(id, "request", &json!({ "about": about }))
}

/// Asserts that this is the answer to a request about something, in full: the one that is sent when nobody is asked.
pub(crate) fn assert_pending(answer: &Value, about: &str) {
    let json = json!({ "status": "PENDING", "about": about });
    assert_eq!(answer["result"]["structuredContent"], json, "{answer}");
    assert_eq!(answer["result"]["content"], json!([{ "type": "text", "text": json.to_string() }]));
    assert_eq!(answer["result"]["isError"], false);
    assert_eq!(answer.get("error"), None);
}
