//! The one read that decisions rest on.
//!
//! Contract and manifest are read once each, the events streamed once; nothing comes from a cache. Whatever the derivation
//! passes over must have the right type: a `task_id` that is a number is a refusal, not an empty text. Both documents are
//! judged whole, and only what is asked for below becomes a value.

use std::path::Path;

use cortexpilot_core::domain::id::{RunId, Sha256Digest};
use cortexpilot_core::domain::run::{
    ContractEvidence, DERIVED_TEXT_MAX, Effect, Pinned, RunFacts, RunProblem, is_repository,
};
use serde_json::{Map, Value};

use crate::beneath::{Dir, NoRun};
use crate::contract::CONTRACT;
use crate::events;
use crate::json::{self, Keep, Member, compact};
use crate::manifest::MANIFEST;
use crate::problem::{Problem, RUN_DIRECTORY, What, root_problem};
use crate::{CONTRACT_BYTES_MAX, MANIFEST_BYTES_MAX};

const OF_CONTRACT: Keep = Keep::Members(&[
    ("task_id", Keep::All),
    ("owner_agent", Keep::Members(&[("agent_id", Keep::All)])),
    ("allowed_paths", Keep::All),
    ("acceptance_tests", Keep::All),
    ("tool_permissions", Keep::All),
    ("timeout_retry", Keep::Members(&[("timeout_sec", Keep::All)])),
    ("runtime_options", Keep::Members(&[("runner", Keep::All), ("command", Keep::All), ("script", Keep::All)])),
]);

const OF_MANIFEST: Keep = Keep::Members(&[
    ("task_id", Keep::All),
    ("owner_agent_id", Keep::All),
    ("workflow", Keep::Members(&[("workflow_id", Keep::All)])),
    ("status", Keep::All),
    ("evidence_hashes", Keep::Members(&[(CONTRACT, Keep::All)])),
    ("runner", Keep::Members(&[("name", Keep::All)])),
    ("repo", Keep::Members(&[("root", Keep::All)])),
]);

/// Why there are no facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoFacts {
    NotFound,
    Root(What),
    Problem(Problem),
}

impl From<Problem> for NoFacts {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<NoFacts> for RunProblem {
    fn from(none: NoFacts) -> Self {
        match none {
            NoFacts::NotFound => Self::NotFound,
            NoFacts::Root(what) => Self::Unreadable(root_problem(&what)),
            NoFacts::Problem(problem) => Self::Unreadable(problem.to_string()),
        }
    }
}

impl From<NoRun> for NoFacts {
    fn from(none: NoRun) -> Self {
        match none {
            NoRun::Root(What::Missing) | NoRun::Run(What::Missing) => Self::NotFound,
            NoRun::Root(what) => Self::Root(what),
            NoRun::Run(what) => Self::Problem(Problem::file(RUN_DIRECTORY, what)),
        }
    }
}

/// The facts of the run in `dir`.
pub(crate) fn read(dir: &Dir, root_path: &Path, id: &RunId) -> Result<RunFacts, NoFacts> {
    let (contract_bytes, _) = dir.read(CONTRACT, CONTRACT_BYTES_MAX).map_err(|what| Problem::file(CONTRACT, what))?;
    let contract = json::parse_strict(&contract_bytes, OF_CONTRACT).map_err(|what| Problem::file(CONTRACT, what))?;
    let (manifest_bytes, _) = dir.read(MANIFEST, MANIFEST_BYTES_MAX).map_err(|what| Problem::file(MANIFEST, what))?;
    let manifest = json::parse_strict(&manifest_bytes, OF_MANIFEST).map_err(|what| Problem::file(MANIFEST, what))?;

    let contract = Document { file: CONTRACT, map: &contract };
    let manifest = Document { file: MANIFEST, map: &manifest };
    let pinned = Pinned::new(contract_bytes);
    let task_id = match contract.text("task_id")? {
        Some(task_id) => task_id,
        None => manifest.text("task_id")?.unwrap_or_else(|| id.as_str().to_owned()),
    };
    let owner = match contract.child("owner_agent")?.map_or(Ok(None), |owner| owner.text("agent_id"))? {
        Some(owner) => owner,
        None => manifest.text("owner_agent_id")?.unwrap_or_default(),
    };
    let workflow_id =
        manifest.child("workflow")?.map_or(Ok(None), |workflow| workflow.text("workflow_id"))?.unwrap_or_default();
    let status = manifest.text("status")?.unwrap_or_default();
    let evidence = evidence(&manifest, pinned.sha256())?;
    let contract_path = root_path.join(id.as_str()).join(CONTRACT);
    let contract_path = contract_path.to_str().ok_or(Problem::file("the runs root", What::RootNotUtf8))?.to_owned();
    // Last, because it reads the most: a run that is refused anyway costs no stream.
    let awaits_approval = events::awaits_approval(dir)?;
    Ok(RunFacts {
        run_id: id.clone(),
        status,
        task_id,
        owner,
        workflow_id,
        contract_path,
        evidence,
        awaits_approval,
        effect: effect(contract.map, manifest.map),
        repository: repository(manifest.map),
        contract: pinned,
    })
}

/// An object in a file, whose members are read with their types held to.
struct Document<'a> {
    file: &'static str,
    map: &'a Map<String, Value>,
}

impl<'a> Document<'a> {
    /// A text, trimmed; `None` when absent, `null` or blank.
    fn text(&self, member: &'static str) -> Result<Option<String>, Problem> {
        match json::text(self.map, member) {
            Member::Absent => Ok(None),
            Member::Present(text) => {
                let text = text.trim();
                if text.chars().count() > DERIVED_TEXT_MAX {
                    return Err(Problem::file(self.file, What::TooLongText { member }));
                }
                Ok((!text.is_empty()).then(|| text.to_owned()))
            }
            Member::Odd => Err(Problem::file(self.file, What::OddType { member, want: "text" })),
        }
    }

    fn child(&self, member: &'static str) -> Result<Option<Document<'a>>, Problem> {
        match json::object(self.map, member) {
            Member::Absent => Ok(None),
            Member::Present(map) => Ok(Some(Document { file: self.file, map })),
            Member::Odd => Err(Problem::file(self.file, What::OddType { member, want: "an object" })),
        }
    }
}

fn evidence(manifest: &Document<'_>, contract: Sha256Digest) -> Result<ContractEvidence, Problem> {
    let Some(hashes) = manifest.child("evidence_hashes")? else { return Ok(ContractEvidence::Absent) };
    match hashes.map.get(CONTRACT) {
        None => Ok(ContractEvidence::Absent),
        Some(Value::String(recorded)) if Sha256Digest::parse(recorded) == Some(contract) => {
            Ok(ContractEvidence::Verified)
        }
        Some(Value::String(_)) => Ok(ContractEvidence::Altered),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(Problem::file(MANIFEST, What::OddType { member: "evidence_hashes", want: "a table of digests" }))
        }
    }
}

/// What executing the contract would do. Shown to whoever approves, so nothing is passed over: what is not of the usual
/// shape stands there as JSON.
fn effect(contract: &Map<String, Value>, manifest: &Map<String, Value>) -> Effect {
    let option = |name: &str| contract.get("runtime_options").and_then(|options| options.get(name));
    // What a runner is told to start stands before what looks at its work, as it is run.
    let commands: Vec<String> = (option("command").filter(|command| !command.is_null()).map(words).into_iter())
        .chain(list(option("script")).into_iter().filter_map(|step| step.get("exec")).map(words))
        .chain(list(contract.get("acceptance_tests")).into_iter().map(command))
        .collect();
    let tool_permissions = match contract.get("tool_permissions") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(permissions)) => {
            permissions.iter().map(|(name, value)| (name.clone(), permission(value))).collect()
        }
        Some(odd @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_))) => {
            vec![("tool_permissions".to_owned(), compact(odd))]
        }
    };
    // A worker takes the contract's runner; the manifest's is the one that the source run had.
    let stated = option("runner").filter(|runner| !runner.is_null()).or_else(|| manifest.get("runner"));
    let runner = match stated {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Object(runner)) => runner.get("name").and_then(Value::as_str).unwrap_or("").to_owned(),
        None | Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => String::new(),
    };
    Effect {
        allowed_paths: list(contract.get("allowed_paths")).into_iter().map(compact).collect(),
        commands,
        tool_permissions,
        runner,
        timeout_s: contract.get("timeout_retry").and_then(|retry| retry.get("timeout_sec")).and_then(seconds),
    }
}

/// The repository that the run worked on, where the manifest names one that can be kept. It decides nothing about whether
/// the run may be queued, so whatever else stands there is passed over.
fn repository(manifest: &Map<String, Value>) -> Option<String> {
    let root = manifest.get("repo").and_then(|repo| repo.get("root")).and_then(Value::as_str)?;
    is_repository(root).then(|| root.to_owned())
}

/// The items of a list; what is no list is its own only item.
fn list(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(odd @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_))) => vec![odd],
    }
}

fn command(test: &Value) -> String {
    if let Some(command) = test.get("cmd").and_then(Value::as_str) {
        return command.to_owned();
    }
    match test.get("cmd_argv") {
        Some(Value::Array(words)) if words.iter().all(Value::is_string) => {
            words.iter().map(compact).collect::<Vec<_>>().join(" ")
        }
        _ => compact(test),
    }
}

/// A program and its arguments. A word that could be read as several stands there in quotes.
fn words(command: &Value) -> String {
    let plain =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'\\".contains(&byte));
    match command {
        Value::Array(words) if words.iter().all(Value::is_string) => {
            let shown = words.iter().map(|word| match word.as_str() {
                Some(text) if plain(text) => text.to_owned(),
                Some(_) | None => word.to_string(),
            });
            shown.collect::<Vec<_>>().join(" ")
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            compact(command)
        }
    }
}

fn permission(value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(compact).collect::<Vec<_>>().join(","),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => compact(value),
    }
}

/// Whole seconds; a fraction counts as a begun second.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let seconds = value.as_f64()?.ceil();
        // Beyond 2^53 a float names no exact second, and no such limit is meant.
        (0.0..=9_007_199_254_740_992.0).contains(&seconds).then_some(seconds as u64)
    })
}
