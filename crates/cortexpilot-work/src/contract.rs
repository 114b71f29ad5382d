//! The task contract: what may be done, by whom it is checked, and for how long. It is read from the pinned bytes, once, and
//! nothing that is carried out rests on anything else.

pub mod check;
pub(crate) mod paths;
pub(crate) mod strict;
mod words;

use std::sync::Arc;
use std::time::Duration;

use cortexpilot_core::domain::id::Sha256Digest;
use serde_json::{Map, Value};

pub use check::{Document, Finding, Findings};
pub use paths::AllowedPaths;
pub use words::split as split_command;

use crate::runner::script::Scenario;

/// The largest contract that is read, in bytes: what the run store reads.
pub const CONTRACT_BYTES_MAX: usize = 1 << 20;
/// The idle limit where the contract states none: how long a runner may say nothing.
const IDLE_DEFAULT: Duration = Duration::from_secs(600);

/// Why an item's contract is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ContractRefusal {
    /// The bytes are not those that were approved.
    #[error("the contract is not the one that was approved: its SHA-256 is {found}, {pinned} was pinned")]
    NotThePinned {
        /// What was pinned.
        pinned: Sha256Digest,
        /// What the bytes hash to.
        found: Sha256Digest,
    },
    /// The bytes are not a contract.
    #[error("the contract cannot be carried out: {0}")]
    Invalid(Findings),
}

/// A contract whose every member is understood.
#[derive(Debug, Clone)]
pub struct TaskContract {
    /// The pinned bytes.
    pub bytes: Arc<[u8]>,
    /// Their SHA-256.
    pub sha256: Sha256Digest,
    /// `task_id`.
    pub task_id: String,
    /// `inputs.spec`: the task in words; what an agent is told.
    pub spec: String,
    /// `allowed_paths`.
    pub allowed_paths: AllowedPaths,
    /// `required_outputs`.
    pub required_outputs: Vec<RequiredOutput>,
    /// `acceptance_tests`.
    pub acceptance_tests: Vec<AcceptanceTest>,
    /// `forbidden_actions`, told to agents; what is enforced is the sandbox and the diff gate.
    pub forbidden_actions: Vec<String>,
    /// `tool_permissions.filesystem` is `workspace-write`.
    pub may_write: bool,
    /// `tool_permissions.network` is `allow`. `on-request` asks somebody, and nobody is there: it is none.
    pub network: bool,
    /// `timeout_retry.timeout_sec`: the hard limit for the runner, and again for each acceptance command.
    pub timeout: Duration,
    /// `timeout_retry.max_retries`: whether a lost attempt may be repeated without asking.
    pub max_retries: u32,
    /// `timeout_retry.retry_backoff_sec`.
    pub retry_backoff: Duration,
    /// `rollback.baseline_ref`: the commit that the work starts from.
    pub baseline_ref: String,
    /// `assigned_agent.role`.
    pub role: String,
    /// `assigned_agent.agent_id`.
    pub agent_id: String,
    /// `runtime_options.runner`.
    pub runner: Option<String>,
    /// `runtime_options.command`: what the shell runner runs before the acceptance commands.
    pub command: Option<Vec<String>>,
    /// `runtime_options.script`: the scenario of the script runner.
    pub script: Option<Scenario>,
    /// `runtime_options.isolation`: the least isolation that the contract accepts.
    pub isolation: Option<Asked>,
    /// `runtime_options.idle_timeout_sec`: how long the runner may say nothing.
    pub idle_timeout: Duration,
    /// `runtime_options.model`.
    pub model: Option<String>,
}

/// The isolation that a contract asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// Landlock, seccomp and resource limits.
    Confined,
    /// And namespaces of its own.
    Namespaces,
}

/// Something that must be there when the work is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredOutput {
    /// A path in the repository, or a name for people where `kind` is no file.
    pub name: String,
    /// `file`, `json`, `report`, `patch` or `commit`.
    pub kind: OutputKind,
    /// For people, but for `exists` and `changed`, which are checked.
    pub acceptance: String,
}

/// What kind of output is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// A file of the repository.
    File,
    /// A file that is JSON.
    Json,
    /// A file that is a report.
    Report,
    /// A diff that is not empty.
    Patch,
    /// A commit: the diff is recorded and nothing is committed, so a diff that is not empty is what can be held.
    Commit,
}

/// A command that shows whether the work is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptanceTest {
    /// For people.
    pub name: String,
    /// As the contract states it.
    pub stated: String,
    /// Split into arguments; run without a shell.
    pub argv: Vec<String>,
    /// Whether the run fails with it.
    pub must_pass: bool,
}

impl TaskContract {
    /// Reads the pinned bytes.
    ///
    /// # Errors
    /// They are not what was pinned, or not a contract that can be carried out as it stands. Nothing is guessed.
    pub fn read(bytes: impl Into<Arc<[u8]>>, pinned: Sha256Digest) -> Result<Self, ContractRefusal> {
        let bytes = bytes.into();
        let found = Sha256Digest::of(&bytes);
        if found != pinned {
            return Err(ContractRefusal::NotThePinned { pinned, found });
        }
        let value = check::document(Document::Contract, &bytes).map_err(ContractRefusal::Invalid)?;
        let Value::Object(map) = value else { unreachable!("invariant: the schema asks for an object") };
        Ok(Self::of(&map, bytes, found))
    }

    /// From a document that the check has passed, so that every member is what it must be.
    fn of(map: &Map<String, Value>, bytes: Arc<[u8]>, sha256: Sha256Digest) -> Self {
        let at = |path: &str| map_at(map, path);
        let text = |path: &str| at(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let texts = |path: &str| -> Vec<String> {
            list(at(path)).iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let seconds = |path: &str| at(path).and_then(Value::as_u64).map(Duration::from_secs);
        let timeout = seconds("timeout_retry/timeout_sec").unwrap_or(Duration::from_secs(1));
        let command = texts("runtime_options/command");
        Self {
            sha256,
            bytes,
            task_id: text("task_id"),
            spec: text("inputs/spec"),
            allowed_paths: AllowedPaths::parse(list(at("allowed_paths")).iter().filter_map(Value::as_str))
                .expect("invariant: the check has read them"),
            required_outputs: list(at("required_outputs")).iter().map(required_output).collect(),
            acceptance_tests: list(at("acceptance_tests")).iter().map(acceptance_test).collect(),
            forbidden_actions: texts("forbidden_actions"),
            may_write: text("tool_permissions/filesystem") == "workspace-write",
            network: text("tool_permissions/network") == "allow",
            timeout,
            max_retries: at("timeout_retry/max_retries")
                .and_then(Value::as_u64)
                .and_then(|n| n.try_into().ok())
                .unwrap_or(0),
            retry_backoff: seconds("timeout_retry/retry_backoff_sec").unwrap_or_default(),
            baseline_ref: text("rollback/baseline_ref"),
            role: Some(text("assigned_agent/role")).filter(|role| !role.is_empty()).unwrap_or_else(|| "WORKER".into()),
            agent_id: text("assigned_agent/agent_id"),
            runner: Some(text("runtime_options/runner")).filter(|runner| !runner.is_empty()),
            command: (!command.is_empty()).then_some(command),
            script: at("runtime_options/script")
                .map(|steps| Scenario::read(steps).expect("invariant: the check has read it")),
            isolation: match text("runtime_options/isolation").as_str() {
                "confined" => Some(Asked::Confined),
                "namespaces" => Some(Asked::Namespaces),
                _ => None,
            },
            idle_timeout: seconds("runtime_options/idle_timeout_sec").unwrap_or(IDLE_DEFAULT.min(timeout)),
            model: Some(text("runtime_options/model")).filter(|model| !model.is_empty()),
        }
    }
}

fn map_at<'a>(map: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('/');
    let first = map.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn member(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn required_output(value: &Value) -> RequiredOutput {
    let kind = match member(value, "type").as_str() {
        "json" => OutputKind::Json,
        "report" => OutputKind::Report,
        "patch" => OutputKind::Patch,
        "commit" => OutputKind::Commit,
        _ => OutputKind::File,
    };
    RequiredOutput { name: member(value, "name"), kind, acceptance: member(value, "acceptance") }
}

fn acceptance_test(value: &Value) -> AcceptanceTest {
    let stated = member(value, "cmd");
    AcceptanceTest {
        name: member(value, "name"),
        argv: words::split(&stated).expect("invariant: the check has split it"),
        stated,
        must_pass: value.get("must_pass").and_then(Value::as_bool).unwrap_or(true),
    }
}
