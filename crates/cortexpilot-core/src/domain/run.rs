//! A run, as far as decisions need it, and the one queue item that can be derived from it.

use std::sync::Arc;

use super::id::{RunId, Sha256Digest};

/// Everything about a run that a decision rests on, read once: the bytes that were parsed are the bytes that were hashed
/// and are pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// The run.
    pub run_id: RunId,
    /// The manifest's status, as written (`SUCCESS`, `FAILURE`, `RUNNING`, …); empty when it has none.
    pub status: String,
    /// `contract.task_id`, else `manifest.task_id`, else the run id.
    pub task_id: String,
    /// `contract.owner_agent.agent_id`, else `manifest.owner_agent_id`, else empty.
    pub owner: String,
    /// `manifest.workflow.workflow_id`, else empty.
    pub workflow_id: String,
    /// Absolute path of the run's `contract.json`.
    pub contract_path: String,
    /// The task contract's bytes and their digest.
    pub contract: Pinned,
    /// Whether the manifest vouches for the contract.
    pub evidence: ContractEvidence,
    /// The run's last `HUMAN_APPROVAL_REQUIRED` event has no later `HUMAN_APPROVAL_COMPLETED`.
    pub awaits_approval: bool,
    /// What executing the contract would do.
    pub effect: Effect,
    /// Absolute path of the repository that the run worked on (`manifest.repo.root`), where the manifest names one that
    /// [can be kept](is_repository).
    pub repository: Option<String>,
}

/// Longest `task_id`, `owner` and `workflow_id` of an item, in characters.
pub const DERIVED_TEXT_MAX: usize = 1024;

/// Longest contract path of an item, in bytes: Linux's `PATH_MAX` (4096), less what the longest reasons of whoever asks and
/// of whoever agrees, and the longest repository, need beside it in one line.
pub const CONTRACT_PATH_MAX: usize = 3328;

/// Longest repository of an item, in bytes: what a line has room for beside everything else.
pub const REPOSITORY_MAX: usize = 1024;

/// Whether a text is kept as an item's repository: an absolute path of at most [`REPOSITORY_MAX`] bytes without a
/// character that is not seen, that reorders what is read, or that a line would have to escape.
pub fn is_repository(path: &str) -> bool {
    let odd = |c: char| c == '"' || c == '\\' || super::text::is_forbidden(c);
    path.starts_with('/') && path.len() <= REPOSITORY_MAX && !path.chars().any(odd)
}

impl RunFacts {
    /// The member that is too long to be queued, if any. With these bounds every event fits into one ledger line, whatever
    /// its texts hold (a character can take six bytes there); without them a run could make a line that no reader takes.
    pub fn too_long(&self) -> Option<&'static str> {
        let texts = [("task_id", &self.task_id), ("owner", &self.owner), ("workflow_id", &self.workflow_id)];
        let text = texts.into_iter().find(|(_, text)| text.chars().count() > DERIVED_TEXT_MAX);
        let path = (self.contract_path.len() > CONTRACT_PATH_MAX).then_some("contract_path");
        text.map(|(name, _)| name).or(path)
    }
}

/// Contract bytes with their digest. The only constructor hashes, so the two cannot disagree.
#[derive(Clone, PartialEq, Eq)]
pub struct Pinned {
    bytes: Arc<[u8]>,
    sha256: Sha256Digest,
}

impl Pinned {
    /// Hashes the bytes.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let sha256 = Sha256Digest::of(&bytes);
        Self { bytes, sha256 }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Their SHA-256.
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }
}

impl std::fmt::Debug for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pinned").field("sha256", &self.sha256).field("len", &self.bytes.len()).finish()
    }
}

/// What `manifest.evidence_hashes["contract.json"]` says about the contract's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractEvidence {
    /// It is their SHA-256.
    Verified,
    /// The manifest says nothing.
    Absent,
    /// It is something else: the contract was changed after the run.
    Altered,
}

/// What would be executed, in the contract's own terms. Shown to whoever approves, before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effect {
    /// Paths that the task may change.
    pub allowed_paths: Vec<String>,
    /// Commands of the acceptance tests.
    pub commands: Vec<String>,
    /// Permissions by name (`filesystem`, `shell`, `network`, …), in the contract's order; lists joined with commas.
    pub tool_permissions: Vec<(String, String)>,
    /// The runner's name, from the manifest; empty when unknown.
    pub runner: String,
    /// The contract's hard time limit in seconds.
    pub timeout_s: Option<u64>,
}

/// Why a run's facts cannot be had. Each is gate 6's denial of the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunProblem {
    /// The text is not a run id.
    #[error("the run_id is not valid: {}", super::id::RunIdProblem)]
    InvalidId,
    /// There is no such run directory.
    #[error("there is no run with this id")]
    NotFound,
    /// The run exists but cannot be read as what it must be. The text names the file's role and the problem in our own
    /// words; it never holds a path or text from the run.
    #[error("the run cannot be read: {0}")]
    Unreadable(String),
}
