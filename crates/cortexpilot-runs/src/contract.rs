//! What lists need to know about a run's contract, without the contract.

use cortexpilot_core::domain::id::Sha256Digest;
use serde_json::{Map, Value};

use crate::CONTRACT_BYTES_MAX;
use crate::beneath::Dir;
use crate::json::{self, Member};
use crate::manifest::clip;
use crate::problem::{Problem, What};

pub(crate) const CONTRACT: &str = "contract.json";

/// Who owns the task and who was to carry it out, as the contract names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ContractDigest {
    pub(crate) task_id: Option<String>,
    pub(crate) owner: Agent,
    pub(crate) assigned: Agent,
    /// As written, where it is a list.
    pub(crate) allowed_paths: Vec<Value>,
    /// Why it could not be read as a document; the first of the problems too.
    pub(crate) unread: Option<Problem>,
    pub(crate) problems: Vec<Problem>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Agent {
    pub(crate) agent_id: String,
    pub(crate) role: String,
}

/// A whole contract, for the list of contracts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ContractDocument {
    pub(crate) map: Map<String, Value>,
    /// Of its bytes; `None` where they could not be read.
    pub(crate) sha256: Option<Sha256Digest>,
    pub(crate) bytes: usize,
    /// There is none.
    pub(crate) missing: bool,
    pub(crate) problem: Option<Problem>,
}

impl ContractDocument {
    pub(crate) fn read(dir: &Dir) -> Self {
        let problem = |what| Some(Problem::file(CONTRACT, what));
        match dir.read(CONTRACT, CONTRACT_BYTES_MAX) {
            Ok((bytes, _)) => {
                let (map, what) = json::parse(&bytes).object();
                Self {
                    map: map.unwrap_or_default(),
                    sha256: Some(Sha256Digest::of(&bytes)),
                    bytes: bytes.len(),
                    missing: false,
                    problem: what.and_then(problem),
                }
            }
            Err(What::Missing) => Self { missing: true, ..Self::default() },
            Err(what) => Self { problem: problem(what), ..Self::default() },
        }
    }
}

/// The contract as it can be shown, and what is wrong with it.
pub(crate) fn read(dir: &Dir) -> (Option<Map<String, Value>>, Option<Problem>) {
    let (map, what) = match dir.read(CONTRACT, CONTRACT_BYTES_MAX) {
        Ok((bytes, _)) => json::parse(&bytes).object(),
        Err(what) => (None, Some(what)),
    };
    (map, what.map(|what| Problem::file(CONTRACT, what)))
}

/// `allowed_paths` as written, where it is a list.
pub(crate) fn allowed_paths(contract: Option<&Map<String, Value>>) -> Vec<Value> {
    contract.and_then(|map| map.get("allowed_paths")).and_then(Value::as_array).cloned().unwrap_or_default()
}

impl ContractDigest {
    pub(crate) fn read(dir: &Dir) -> Self {
        let (map, problem) = read(dir);
        Self::of(map.as_ref(), problem)
    }

    pub(crate) fn of(map: Option<&Map<String, Value>>, problem: Option<Problem>) -> Self {
        let unread = problem.clone();
        let mut problems = Vec::from_iter(problem);
        let Some(map) = map else { return Self { unread, problems, ..Self::default() } };
        let mut odd = |member, want| problems.push(Problem::file(CONTRACT, What::OddType { member, want }));
        let task_id = match json::text(map, "task_id") {
            Member::Present(text) => Some(clip(text, 1_024)),
            Member::Absent => None,
            Member::Odd => {
                odd("task_id", "text");
                None
            }
        };
        let mut agent = |member| match json::object(map, member) {
            Member::Present(agent) => Agent { agent_id: text_of(agent, "agent_id"), role: text_of(agent, "role") },
            Member::Absent => Agent::default(),
            Member::Odd => {
                odd(member, "an object");
                Agent::default()
            }
        };
        let (owner, assigned) = (agent("owner_agent"), agent("assigned_agent"));
        if map.get("allowed_paths").is_some_and(|paths| !paths.is_array()) {
            odd("allowed_paths", "a list");
        }
        Self { task_id, owner, assigned, allowed_paths: allowed_paths(Some(map)), unread, problems }
    }

    /// About how many bytes this holds.
    pub(crate) fn weight(&self) -> usize {
        let agent = |agent: &Agent| agent.agent_id.len() + agent.role.len();
        // What is no text may be anything.
        let path = |path: &Value| path.as_str().map_or_else(|| path.to_string().len() * 4, str::len) + 32;
        let paths = self.allowed_paths.iter().map(path).sum::<usize>();
        self.task_id.as_deref().map_or(0, str::len) + agent(&self.owner) + agent(&self.assigned) + paths + 256
    }
}

fn text_of(map: &Map<String, Value>, member: &str) -> String {
    match json::text(map, member) {
        Member::Present(text) => clip(text, 1_024),
        Member::Absent | Member::Odd => String::new(),
    }
}
