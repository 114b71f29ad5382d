//! A client over an in-memory pipe, and a toolbox small enough to know everything it did.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cortexpilot_server::mcp::{
    Annotations, Effect, End, RawArguments, RequestMeta, ServeError, ServerInfo, ToolAnswer, ToolServer, ToolSpec,
    Toolbox, answer_or_refusal, schema_of, serve_stdio,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream},
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};

pub(crate) const INFO: ServerInfo = ServerInfo {
    name: "cortexpilot-test",
    title: "CortexPilot test server",
    version: "7.8.9",
    instructions: "Say something.",
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SayArguments {
    /// What to say.
    text: String,
    /// How often.
    times: Option<i64>,
    /// Whether to say it at all.
    confirm: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Said {
    zulu: String,
    alpha: i64,
    raw: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Refused {
    code: String,
    reason: String,
    request: String,
}

fn input() -> Value {
    schema_of::<SayArguments>()
}

fn nothing() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}

fn output() -> Value {
    answer_or_refusal(schema_of::<Said>(), schema_of::<Refused>())
}

const APPENDS: Annotations = Annotations { read_only: false, destructive: false, idempotent: false, open_world: false };

/// `say` answers, `boom` panics, `boom_late` panics after its first await, `hold` waits to be released.
pub(crate) const TOOLS: &[ToolSpec] = &[
    tool("say", "Say it", input, Annotations::READ_ONLY, Effect::Read),
    tool("boom", "Panic at once", nothing, APPENDS, Effect::Append),
    tool("boom_late", "Panic later", nothing, APPENDS, Effect::Append),
    tool("hold", "Wait", nothing, Annotations::READ_ONLY, Effect::Read),
];

const fn tool(
    name: &'static str,
    title: &'static str,
    input_schema: fn() -> Value,
    annotations: Annotations,
    effect: Effect,
) -> ToolSpec {
    let description = "A tool of the test server.";
    ToolSpec { name, title, description, input_schema, output_schema: output, annotations, effect }
}

/// What the toolbox saw.
pub(crate) struct Seen {
    pub(crate) entered: AtomicUsize,
    pub(crate) running: AtomicUsize,
    pub(crate) most_running: AtomicUsize,
    /// `hold` takes one permit and never gives it back.
    pub(crate) release: Semaphore,
    pub(crate) metas: Mutex<Vec<RequestMeta>>,
    /// How long the answer of `say` is padded to.
    pub(crate) padding: usize,
}

impl Seen {
    pub(crate) fn new(padding: usize) -> Arc<Self> {
        Arc::new(Self {
            entered: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
            release: Semaphore::new(0),
            metas: Mutex::new(Vec::new()),
            padding,
        })
    }

    pub(crate) fn entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }
}

/// The toolbox of the tests.
pub(crate) struct TestToolbox(pub(crate) Arc<Seen>);

/// A server over the test's toolbox.
pub(crate) fn server(seen: &Arc<Seen>) -> ToolServer {
    ToolServer::new(TestToolbox(Arc::clone(seen)))
}

impl Toolbox for TestToolbox {
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
        request: RequestMeta,
    ) -> futures_util::future::BoxFuture<'a, ToolAnswer> {
        self.0.entered.fetch_add(1, Ordering::SeqCst);
        let running = self.0.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most_running.fetch_max(running, Ordering::SeqCst);
        let request_id = request.id.to_string();
        self.0.metas.lock().unwrap().push(request);
        assert!(tool.name != "boom", "the tool `boom` always panics");
        Box::pin(async move {
            if tool.name == "hold" {
                self.0.release.acquire().await.unwrap().forget();
            }
            if tool.name == "boom_late" {
                tokio::task::yield_now().await;
                panic!("the tool `boom_late` always panics");
            }
            let answer = match tool.name {
                "say" => match arguments.parse::<SayArguments>() {
                    Ok(say) => ToolAnswer::answer(&Said {
                        zulu: format!("{}{}", say.text, ".".repeat(self.0.padding)),
                        alpha: say.times.unwrap_or(i64::from(say.confirm.unwrap_or(false))),
                        raw: arguments.as_json().to_owned(),
                    }),
                    Err(problem) => ToolAnswer::error(&Refused {
                        code: "ARGUMENTS_INVALID".to_owned(),
                        reason: problem.reason,
                        request: request_id,
                    }),
                },
                _ => ToolAnswer::answer(&Said { zulu: "held".to_owned(), alpha: 0, raw: String::new() }),
            };
            self.0.running.fetch_sub(1, Ordering::SeqCst);
            answer
        })
    }

    fn internal_error(&self, tool: &'static ToolSpec, request: &RequestMeta) -> ToolAnswer {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        ToolAnswer::error(&Refused {
            code: "INTERNAL".to_owned(),
            reason: format!("{} failed.", tool.name),
            request: request.id.to_string(),
        })
    }
}

/// The client's side of one connection.
pub(crate) struct Client {
    pub(crate) to: Option<DuplexStream>,
    pub(crate) from: Option<BufReader<DuplexStream>>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<Result<End, ServeError>>,
}

impl Client {
    pub(crate) fn connect() -> Self {
        Self::over(Seen::new(0), 64 * 1024)
    }

    /// A connection whose pipes hold `pipe` bytes in each direction.
    pub(crate) fn over(seen: Arc<Seen>, pipe: usize) -> Self {
        Self::of(server(&seen), seen, pipe)
    }

    /// The same for any server.
    pub(crate) fn of(server: ToolServer, seen: Arc<Seen>, pipe: usize) -> Self {
        let (to, reader) = tokio::io::duplex(pipe);
        let (from, writer) = tokio::io::duplex(pipe);
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let server = tokio::spawn(serve_stdio(server, reader, writer, shutdown));
        Self { to: Some(to), from: Some(BufReader::new(from)), seen, stop: Some(stop), server }
    }

    pub(crate) async fn initialized(version: &str) -> Self {
        let mut client = Self::connect();
        let answer = client.ask(initialize(version)).await;
        assert!(answer["result"]["protocolVersion"].is_string(), "{answer}");
        client.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        client
    }

    pub(crate) async fn send(&mut self, line: &[u8]) {
        let to = self.to.as_mut().unwrap();
        to.write_all(line).await.unwrap();
        to.write_all(b"\n").await.unwrap();
    }

    /// The next line the server wrote, as it wrote it.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        in_time(self.from.as_mut().unwrap().read_line(&mut line)).await.unwrap();
        assert_eq!(line.pop(), Some('\n'), "the server ended");
        line
    }

    pub(crate) async fn answer(&mut self) -> Value {
        serde_json::from_str(&self.line().await).unwrap()
    }

    pub(crate) async fn ask(&mut self, request: Value) -> Value {
        self.send(request.to_string().as_bytes()).await;
        let answer = self.answer().await;
        assert_eq!(answer["id"], request["id"], "{answer}");
        answer
    }

    /// Reads until the answer to `id`, which is the last one read, and gives those before it.
    pub(crate) async fn answers_before(&mut self, id: &Value) -> (Vec<Value>, Value) {
        let mut before = Vec::new();
        loop {
            let answer = self.answer().await;
            if answer["id"] == *id {
                return (before, answer);
            }
            before.push(answer);
        }
    }

    /// Closes the client's end; gives everything the server still wrote and why it ended.
    pub(crate) async fn finish(mut self) -> (Vec<Value>, End) {
        self.to = None;
        let mut answers = Vec::new();
        let mut lines = self.from.take().unwrap().lines();
        while let Some(line) = in_time(lines.next_line()).await.unwrap() {
            answers.push(serde_json::from_str(&line).unwrap());
        }
        (answers, self.ended().await)
    }

    pub(crate) async fn ended(self) -> End {
        in_time(self.server).await.unwrap().unwrap()
    }
}

/// A server that hangs fails its test instead of the whole run.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("no answer in a minute")
}

/// Lets every task run until none can get further. On the current-thread runtime of a test one yield polls each
/// runnable task once, so this is a fixed amount of work and no waiting.
pub(crate) async fn settle() {
    for _ in 0..20_000 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn initialize(version: &str) -> Value {
    json!({
        "jsonrpc": "2.0", "id": "init", "method": "initialize",
        "params": {
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": { "name": "tester", "version": "1.2.3" },
        },
    })
}

pub(crate) fn call(id: impl Into<Value>, tool: &str, arguments: &Value) -> Value {
    json!({
        "jsonrpc": "2.0", "id": id.into(), "method": "tools/call",
        "params": { "name": tool, "arguments": arguments },
    })
}

/// The same request with the `_meta` that protocol 2026-07-28 wants on each.
pub(crate) fn stateless(mut request: Value, version: &str) -> Value {
    request["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": { "name": "tester", "version": "1.2.3" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    request
}

/// How often each id was answered.
pub(crate) fn by_id(answers: &[Value]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for answer in answers {
        *counts.entry(answer["id"].to_string()).or_default() += 1;
    }
    counts
}
