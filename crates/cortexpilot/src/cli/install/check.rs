//! Whether an installed entry works: the server is started, or called, as the client would do it, spoken to, and what it
//! says of itself is shown.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::error::exit;
use cortexpilot_core::port::runs::{PageQuery, Runs as _};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Server, Which};
use crate::cli::Context;
use crate::cli::output::{self, Answer, pairs};
use crate::config::{Environment, Overrides, Settings};
use crate::serve;
use means::{Means, child_environment, means};

pub(super) mod http;
mod means;
mod stdio;

/// How long one answer may take.
const WITHIN: Duration = Duration::from_secs(10);

/// The version that is asked for; every client of today speaks it.
const PROTOCOL: &str = "2025-11-25";

/// How many pages of runs are counted.
const PAGES_MAX: usize = 20;

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    what: String,
    next: String,
    exit: u8,
}

impl Problem {
    pub(super) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into(), exit: exit::INTERNAL }
    }

    /// The entry itself cannot be carried out.
    fn entry(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit: exit::USAGE, ..Self::new(what, next) }
    }

    /// There is no such entry.
    pub(super) fn missing(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit: exit::NOT_FOUND, ..Self::new(what, next) }
    }
}

/// What was seen.
#[derive(Debug, Default, Serialize)]
struct Seen {
    ok: bool,
    client: &'static str,
    name: String,
    file: String,
    /// The command line or the URL.
    started: String,
    server: Option<String>,
    version: Option<String>,
    protocol: Option<String>,
    answered_ms: Option<u64>,
    runtime_root: Option<String>,
    runs_root: Option<String>,
    runs: Option<usize>,
    /// There are more than were counted.
    more_runs: bool,
    tools: Vec<String>,
    mutation_gate: Option<String>,
    approval_policy: Option<String>,
    acting_as: Option<String>,
    agents_may_queue: Option<&'static str>,
    problem: Option<String>,
    next_step: Option<String>,
}

/// A server that is being spoken to.
enum Line {
    Stdio(Box<stdio::Process>),
    Http(Box<http::Remote>),
}

impl Line {
    async fn send(&mut self, message: &Value) -> Result<(), Problem> {
        match self {
            Self::Stdio(process) => process.send(message),
            Self::Http(remote) => remote.send(message).await,
        }
    }

    fn answer(&mut self, id: u64) -> Result<Value, Problem> {
        match self {
            Self::Stdio(process) => process.answer(id),
            Self::Http(remote) => remote.answer(id),
        }
    }
}

/// A conversation with a server.
struct Talk {
    line: Line,
    last: u64,
}

impl Talk {
    async fn call(&mut self, method: &str, params: Value) -> Result<Value, Problem> {
        self.last += 1;
        let id = self.last;
        self.line.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await?;
        let mut answer = self.line.answer(id)?;
        if let Some(said) = answer["error"]["message"].as_str() {
            return Err(Problem::new(
                format!("The server refuses `{method}`: {}", escape(said)),
                "Is it a server of this program, and of this version?",
            ));
        }
        Ok(answer["result"].take())
    }

    /// A tool's answer, with whether it is a refusal.
    async fn tool(&mut self, name: &str, arguments: Value) -> Result<(Value, bool), Problem> {
        let mut result = self.call("tools/call", json!({ "name": name, "arguments": arguments })).await?;
        let refused = result["isError"] == true;
        Ok((result["structuredContent"].take(), refused))
    }
}

/// Checks the entry of this name.
pub(super) async fn check(context: &Context, which: &Which, file: &str, entry: Option<&Value>) -> Answer {
    let mut seen =
        Seen { client: which.client.word(), name: which.name.clone(), file: file.to_owned(), ..Seen::default() };
    let outcome = match entry {
        Some(entry) => look(context, which, entry, &mut seen).await,
        None => Err(Problem::missing(
            format!("There is no entry {} in {file}.", which.name),
            format!("To put it there: {}", which.command(context, "--write")),
        )),
    };
    let code = match outcome {
        Ok(()) => {
            seen.ok = true;
            exit::OK
        }
        Err(problem) => {
            seen.problem = Some(problem.what);
            seen.next_step = Some(problem.next);
            problem.exit
        }
    };
    let text = if context.view.is_json() { output::json(&seen) } else { words(&seen) };
    Answer { text, exit: code }
}

async fn look(context: &Context, which: &Which, entry: &Value, seen: &mut Seen) -> Result<(), Problem> {
    let means = means(which.client, entry, &context.environment)?;
    let started = Instant::now();
    let (line, of_entry) = match &means {
        Means::Stdio { command, args, env } => {
            seen.started = [command.clone(), args.join(" ")].join(" ");
            let environment = child_environment(which.client, &context.environment, env);
            let mut process = Command::new(command);
            process.args(args).current_dir(&context.environment.cwd).env_clear().envs(environment.variables.clone());
            (Line::Stdio(Box::new(stdio::Process::start(process)?)), Some(settings(&environment, args)?))
        }
        Means::Http { url, bearer } => {
            seen.started.clone_from(url);
            let address = http::Address::parse(url).map_err(|problem| {
                Problem::entry(
                    format!("The entry's URL {problem}."),
                    "Install the entry again, with --url and --replace.",
                )
            })?;
            (Line::Http(Box::new(http::Remote::new(address, bearer.clone()))), None)
        }
    };
    let mut talk = Talk { line, last: 0 };
    greet(&mut talk, which.server.announces(), seen).await?;
    seen.answered_ms = u64::try_from(started.elapsed().as_millis()).ok();
    let listed = talk.call("tools/list", json!({})).await?;
    let tools = listed["tools"].as_array().into_iter().flatten();
    seen.tools = tools.filter_map(|tool| tool["name"].as_str().map(escape)).collect();
    if let Some(settings) = &of_entry {
        standing(settings, seen).await;
    }
    match which.server {
        Server::Readonly => count_runs(&mut talk, seen).await.map(drop),
        Server::Pilot => pilot(&mut talk, &means, of_entry.as_ref(), seen).await,
    }
}

/// The first exchange. What answers must be the server that the entry is for.
async fn greet(talk: &mut Talk, wanted: &str, seen: &mut Seen) -> Result<(), Problem> {
    let client = json!({ "name": "cortexpilot mcp install --check", "version": env!("CARGO_PKG_VERSION") });
    let params = json!({ "protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": client });
    let said = talk.call("initialize", params).await?;
    let text = |value: &Value| value.as_str().map(escape);
    seen.server = text(&said["serverInfo"]["name"]);
    seen.version = text(&said["serverInfo"]["version"]);
    seen.protocol = text(&said["protocolVersion"]);
    if let (Line::Http(remote), Some(protocol)) = (&mut talk.line, said["protocolVersion"].as_str()) {
        remote.agreed(protocol);
    }
    if seen.server.as_deref() != Some(wanted) {
        let found = seen.server.clone().unwrap_or_else(|| "nothing".to_owned());
        return Err(Problem::entry(
            format!("What answers calls itself {found}, and the entry is for {wanted}."),
            "Look at the entry: another program stands in this one's place. To put this one there, install with --replace.",
        ));
    }
    talk.line.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await
}

/// Counts the runs that the read-only server shows; the id of the newest one.
async fn count_runs(talk: &mut Talk, seen: &mut Seen) -> Result<Option<String>, Problem> {
    let (mut count, mut newest, mut cursor) = (0, None, None::<String>);
    for _ in 0..PAGES_MAX {
        let arguments =
            cursor.as_ref().map_or_else(|| json!({ "limit": 500 }), |at| json!({ "limit": 500, "cursor": at }));
        let (page, refused) = talk.tool("list_runs", arguments).await?;
        if refused {
            return Err(Problem::new(
                format!("The server cannot list runs: {}", escape(page["reason"].as_str().unwrap_or_default())),
                page["next_step"].as_str().map(escape).unwrap_or_default(),
            ));
        }
        let runs = page["runs"].as_array();
        count += runs.map_or(0, Vec::len);
        newest = newest.or_else(|| runs?.first()?["run_id"].as_str().map(str::to_owned));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    seen.runs = Some(count);
    seen.more_runs = cursor.is_some();
    Ok(newest)
}

/// What the pilot says of itself: a preview of the newest run shows gate, policy and whom it takes the client for.
async fn pilot(talk: &mut Talk, means: &Means, settings: Option<&Settings>, seen: &mut Seen) -> Result<(), Problem> {
    let newest = match (settings, means) {
        (Some(settings), _) => {
            let page = match serve::runs(settings) {
                Ok(runs) => runs.list(PageQuery::first(500)).await.ok(),
                Err(_) => None,
            };
            seen.runs = page.as_ref().map(|page| page.items.len());
            seen.more_runs = page.as_ref().is_some_and(|page| page.next.is_some());
            page.and_then(|page| page.items.first().map(|run| run.run_id.to_string()))
        }
        (None, Means::Http { url, bearer }) => {
            // The read-only server beside it shows the same runs to the same token.
            let address = http::Address::parse(url).map_err(|problem| Problem::entry(problem, ""))?;
            let remote = http::Remote::new(address.at("/mcp/readonly"), bearer.clone());
            let mut beside = Talk { line: Line::Http(Box::new(remote)), last: 0 };
            match greet(&mut beside, Server::Readonly.announces(), &mut Seen::default()).await {
                Ok(()) => count_runs(&mut beside, seen).await?,
                Err(_) => None,
            }
        }
        (None, Means::Stdio { .. }) => None,
    };
    let Some(run) = newest else { return Ok(()) };
    let (preview, refused) = talk.tool("preview_enqueue_from_run", json!({ "run_id": run })).await?;
    if refused {
        // A run that cannot be queued says nothing against the entry.
        return Ok(());
    }
    let text = |value: &Value| value.as_str().map(escape);
    seen.mutation_gate = text(&preview["mutation_gate"]);
    seen.approval_policy = text(&preview["approval_policy"]);
    seen.acting_as = text(&preview["acting_as"]["principal"]);
    Ok(())
}

/// What holds for a process that is started with the entry's roots and environment.
async fn standing(settings: &Settings, seen: &mut Seen) {
    seen.runtime_root = Some(settings.runtime_root.display().to_string());
    seen.runs_root = Some(settings.runs_root.display().to_string());
    let standing = match serve::reader(settings) {
        Ok(reader) => reader.standing().await.ok(),
        Err(_) => None,
    };
    let Some(standing) = standing else { return };
    seen.agents_may_queue = Some(serve::queueing_words(settings, &standing));
    seen.approval_policy = Some(standing.policy(settings.approval).as_str().to_owned());
    let gate = match (&standing.frozen, settings.mutation_gate) {
        (Some(_), _) => "frozen",
        (None, MutationGate::Shut) => "default-off",
        (None, MutationGate::Open) => "open",
    };
    seen.mutation_gate = Some(gate.to_owned());
}

/// The configuration that the server comes to, for what it does not say itself.
fn settings(environment: &Environment, args: &[String]) -> Result<Settings, Problem> {
    let flag = |name: &str| {
        let at = args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned();
        let joined = || args.iter().find_map(|arg| Some(arg.strip_prefix(name)?.strip_prefix('=')?.to_owned()));
        at.or_else(joined)
    };
    let overrides =
        Overrides { runtime_root: flag("--runtime-root"), runs_root: flag("--runs"), ..Overrides::default() };
    Settings::load(environment, &overrides).map_err(|problems| {
        Problem::entry(format!("The server would not start: {problems}"), "Put right what it says, then check again.")
    })
}

fn words(seen: &Seen) -> String {
    let verdict = if seen.ok { "works" } else { "does not work" };
    let mut text = format!("{} in {} {verdict}.\n", escape(&seen.name), escape(&seen.file));
    let mut rows: Vec<(&str, String)> = Vec::new();
    let mut row = |label, value: Option<String>| rows.extend(value.map(|value| (label, value)));
    row("started", Some(seen.started.clone()).filter(|started| !started.is_empty()));
    let answered = seen.server.as_ref().zip(seen.answered_ms).map(|(server, ms)| {
        let version = seen.version.clone().unwrap_or_default();
        format!("{server} {version}, MCP {}, after {ms} ms", seen.protocol.clone().unwrap_or_default())
    });
    row("answered", answered);
    let remote = seen.ok && seen.runtime_root.is_none();
    row(
        "root",
        seen.runtime_root
            .clone()
            .or_else(|| remote.then(|| "the server's own; `cortexpilot config show` there says which".to_owned())),
    );
    let place = seen.runs_root.as_ref().map(|root| format!(" in {root}")).unwrap_or_default();
    let runs = seen.runs.map(|runs| format!("{}{runs} seen{place}", if seen.more_runs { "more than " } else { "" }));
    row("runs", runs.or_else(|| seen.ok.then(|| "none to look at".to_owned())));
    row("tools", (!seen.tools.is_empty()).then(|| format!("{}: {}", seen.tools.len(), seen.tools.join(", "))));
    row(
        "gate",
        seen.mutation_gate.clone().or_else(|| seen.ok.then(|| "not known: only a preview of a run says it".to_owned())),
    );
    row("policy", seen.approval_policy.clone());
    row("acts as", seen.acting_as.clone());
    row("agents may queue", seen.agents_may_queue.map(str::to_owned));
    if !rows.is_empty() {
        text.push_str(&format!("\n{}", pairs(rows)));
    }
    if let (Some(problem), Some(next)) = (&seen.problem, &seen.next_step) {
        text.push_str(&format!("\nproblem: {problem}\nnext: {next}\n"));
    } else if seen.runs == Some(0) {
        text.push_str(
            "\nNo runs were seen. Is the directory of the runs the right one? The entry's --runs names it.\n",
        );
    }
    text
}

/// Where the program is; for entries that this command writes.
pub(super) fn program() -> Result<PathBuf, String> {
    let path = std::env::current_exe().and_then(std::fs::canonicalize);
    path.map_err(|error| format!("where this program is cannot be found out: {error}"))
}
