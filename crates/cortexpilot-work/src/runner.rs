//! Who does the work: one trait, four runners.
//!
//! A runner says what has to be there before the claim, what is to be run, and what its output means. It runs nothing itself:
//! the command is run in the sandbox by [`crate::execute`], whoever the runner is.

mod claude;
mod codex;
pub mod script;
mod shell;
mod stream;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

pub use stream::{LINE_BYTES_MAX, Line, Lines};

use crate::contract::TaskContract;
use crate::record::Level;
use crate::sandbox;

/// What the runners of one worker have to work with.
#[derive(Debug, Clone, Default)]
pub struct Means {
    /// Programs by the runner's name, where an operator names them; otherwise they are looked for in the fixed directories.
    pub programs: BTreeMap<String, PathBuf>,
    /// Credentials by the names of their variables, taken by the binary from its own environment: see
    /// [`CREDENTIALS`]. A runner is given its own and no other's.
    pub credentials: BTreeMap<String, String>,
}

/// The variables that runners take credentials and addresses from: runner, names of which one is needed, names that may be
/// there too.
pub const CREDENTIALS: [(&str, &[&str], &[&str]); 2] = [
    ("claude", &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"], &["ANTHROPIC_BASE_URL"]),
    ("codex", &["CODEX_API_KEY", "OPENAI_API_KEY"], &["OPENAI_BASE_URL"]),
];

/// What stands between an item and its start, all of it at once. Told before the claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the runner `{runner}` is not ready: {}", needs.join("; "))]
pub struct NotReady {
    /// The runner.
    pub runner: String,
    /// What it needs, each with its way out.
    pub needs: Vec<String>,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Job {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What it reads.
    pub stdin: Vec<u8>,
    /// Variables beside the workspace's own.
    pub env: BTreeMap<String, String>,
    /// What it must be able to read and execute.
    pub read: Vec<PathBuf>,
}

/// Tokens and cost as a runner stated them. What it did not state is not guessed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usage(Map<String, Value>);

impl Usage {
    /// For the manifest; `None` where nothing was stated.
    pub fn to_json(&self) -> Option<Value> {
        (!self.0.is_empty()).then(|| Value::Object(self.0.clone()))
    }

    /// Adds to a figure.
    fn add(&mut self, name: &str, figure: Option<&Value>) {
        let Some(more) = figure.and_then(Value::as_u64) else { return };
        let so_far = self.0.get(name).and_then(Value::as_u64).unwrap_or(0);
        self.0.insert(name.to_owned(), so_far.saturating_add(more).into());
    }

    /// States a figure.
    fn set(&mut self, name: &str, figure: Option<&Value>) {
        if let Some(figure) = figure.filter(|figure| figure.as_f64().is_some_and(|number| number >= 0.0)) {
            self.0.insert(name.to_owned(), figure.clone());
        }
    }
}

/// One event out of a runner's output. Its name is ours alone, so that no output can pass for what CortexPilot itself says
/// of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// How much it matters.
    pub level: Level,
    /// `kind` and `raw`, beside the source.
    pub context: Value,
}

/// The name of every event that comes out of a runner's output.
pub const RUNNER_EVENT: &str = "RUNNER_EVENT";

/// Reads one run's output, line by line.
pub trait Reading: Send {
    /// One line without its newline.
    fn line(&mut self, line: &[u8]) -> Told;

    /// What was used so far.
    fn usage(&self) -> Usage;

    /// The runner's own verdict, where it gave one: an error is why it failed.
    fn verdict(&self) -> Option<Result<(), String>>;

    /// What it said of itself: `version`, `model`, `session_id`, for the manifest's `runner`.
    fn said(&self) -> Map<String, Value>;
}

/// A kind of worker's hands.
pub trait Runner: Send + Sync {
    /// As contracts and manifests name it.
    fn name(&self) -> &'static str;

    /// What is missing, looked at before anything is claimed.
    fn needs(&self, contract: &TaskContract, means: &Means) -> Vec<String>;

    /// What to run; `None` where the acceptance commands are the whole work.
    fn job(&self, contract: &TaskContract, means: &Means, level: sandbox::Level) -> Option<Job>;

    /// A reader for one run's output.
    fn reading(&self, contract: &TaskContract) -> Box<dyn Reading>;
}

/// The runner of a name.
///
/// # Errors
/// There is none, in words that say which there are.
pub fn named(name: &str) -> Result<&'static dyn Runner, NotReady> {
    match name {
        "shell" => Ok(&shell::Shell),
        "script" => Ok(&script::Script),
        "codex" => Ok(&codex::Codex),
        "claude" => Ok(&claude::Claude),
        other => {
            let need = match other {
                "" => "neither the contract nor the source run names a runner".to_owned(),
                "agents" | "app-server" | "app_server" => {
                    "it belongs to another orchestrator and is not part of this one".to_owned()
                }
                _ => "there is no such runner".to_owned(),
            };
            let way =
                "set runtime_options.runner to shell, script, codex or claude, or choose one when starting the worker";
            Err(NotReady { runner: other.to_owned(), needs: vec![need, way.to_owned()] })
        }
    }
}

/// Checks everything that a runner needs.
///
/// # Errors
/// What is missing, all of it.
pub fn ready(runner: &dyn Runner, contract: &TaskContract, means: &Means) -> Result<(), NotReady> {
    let needs = runner.needs(contract, means);
    if needs.is_empty() { Ok(()) } else { Err(NotReady { runner: runner.name().to_owned(), needs }) }
}

fn program(name: &str, means: &Means) -> Option<PathBuf> {
    match means.programs.get(name) {
        Some(path) => crate::tools::sound(path),
        None => crate::tools::find(name),
    }
}

/// What both agents need: their program, a credential, and the network that leads to their model.
fn agent_needs(name: &str, install: &str, contract: &TaskContract, means: &Means) -> Vec<String> {
    let mut needs = Vec::new();
    if program(name, means).is_none() {
        let dirs = crate::tools::PROGRAM_DIRS.join(", ");
        needs.push(format!("the program `{name}` is not in {dirs} ({install}), and no other place is configured"));
    }
    if let Some((_, one_of, _)) = CREDENTIALS.iter().find(|(runner, _, _)| *runner == name)
        && !one_of.iter().any(|variable| means.credentials.get(*variable).is_some_and(|value| !value.trim().is_empty()))
    {
        needs.push(format!("it has no credential: set {} in the worker's environment", one_of.join(" or ")));
    }
    if !contract.network {
        needs.push(
            "it reaches its model over the network, and the contract's tool_permissions.network is not `allow`"
                .to_owned(),
        );
    }
    needs
}

/// A runner's own credentials and addresses.
fn agent_env(name: &str, means: &Means) -> BTreeMap<String, String> {
    let names = CREDENTIALS
        .iter()
        .filter(|(runner, _, _)| *runner == name)
        .flat_map(|(_, one_of, also)| one_of.iter().chain(*also));
    names.filter_map(|variable| Some(((*variable).to_owned(), means.credentials.get(*variable)?.clone()))).collect()
}

/// Where a program's own files lie: the directory above its `bin`, or its package.
fn installed_at(program: &std::path::Path) -> Vec<PathBuf> {
    let mut dirs = vec![program.to_owned()];
    dirs.extend(program.parent().filter(|dir| dir.components().count() > 2).map(std::path::Path::to_owned));
    if let Some(package) = program.ancestors().find(|dir| dir.file_name().is_some_and(|name| name == "node_modules")) {
        dirs.push(package.to_owned());
    }
    dirs
}

/// The task as an agent is told it. The bounds are told so that an agent does not waste its time; they are held by others.
fn prompt(contract: &TaskContract) -> Vec<u8> {
    let mut text = format!("{}\n\nYou work in a git working tree, the current directory.\n", contract.spec.trim());
    let mut list = |title: &str, items: Vec<String>| {
        if !items.is_empty() {
            text.push_str(&format!("\n{title}\n"));
            for item in items {
                text.push_str(&format!("- {item}\n"));
            }
        }
    };
    list(
        "Change only these files or what lies in these directories; any other change makes the whole run fail:",
        contract.allowed_paths.stated().map(str::to_owned).collect(),
    );
    list(
        "These must be there when you are done:",
        contract.required_outputs.iter().map(|output| format!("{} ({})", output.name, output.acceptance)).collect(),
    );
    list(
        "These commands will be run to check your work:",
        contract.acceptance_tests.iter().map(|test| test.stated.clone()).collect(),
    );
    list("Do not do any of this:", contract.forbidden_actions.clone());
    text.push_str("\nDo not commit: the difference is taken from the files. Nobody is there to answer questions.\n");
    text.into_bytes()
}

/// Deeper JSON is kept as text: as part of an event it would pass the depth that readers of runs take.
const DEPTH_MAX: usize = 64;

/// A line as an event: JSON as it came, anything else as text. JSON that a reader could understand in two ways (a member twice)
/// is text too. The log holds every byte of either.
fn told(source: &str, line: &[u8]) -> (Option<Value>, Told) {
    let parsed =
        crate::contract::strict::parse(line).ok().filter(|value| value.is_object() && depth(value) <= DEPTH_MAX);
    let kind = parsed.as_ref().and_then(|value| value.get("type")).and_then(Value::as_str).unwrap_or("");
    let context = match &parsed {
        Some(raw) => json!({"source": source, "kind": kind, "raw": raw}),
        None => json!({"source": source, "kind": "text", "raw": String::from_utf8_lossy(line)}),
    };
    (parsed, Told { level: Level::Info, context })
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_readers_could_not_take_are_kept_as_text() {
        let deep = format!("{}{}", "{\"a\":".repeat(80), "1").into_bytes();
        let deep = [deep, vec![b'}'; 80]].concat();
        assert!(serde_json::from_slice::<Value>(&deep).is_ok(), "it is JSON");
        for line in [deep.as_slice(), br#"{"type": "a", "type": "b"}"#, b"[1]", b"\xff", br#"{"a": "\ud800"}"#] {
            let (parsed, told) = told("x", line);
            assert_eq!((parsed, &told.context["kind"]), (None, &json!("text")), "{}", String::from_utf8_lossy(line));
        }
        assert!(told("x", br#"{"type": "a"}"#).0.is_some());
    }
}
