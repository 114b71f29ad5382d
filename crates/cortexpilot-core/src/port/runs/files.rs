//! One run's files beside its documents, and what follows from them: its diff, its artifacts and whether they are what was
//! recorded, the results of searches, a comparison, the proof and the incident.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Failure, FileProblem, Outcome};

/// What a run changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct RunDiff {
    /// `patch.diff` as text; empty where the run has none. Bytes that are not UTF-8 are replaced, and that is a problem.
    pub diff: String,
    /// The files that changed: those that `diff_name_only.txt` names, else those that the diff names.
    pub files: Vec<String>,
    /// The diff goes on beyond what is shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// Whether a file is the one that the manifest recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Checksum {
    /// Its bytes have the recorded digest.
    Verified,
    /// They have another one.
    Altered,
    /// It is recorded, and no regular file is there.
    Missing,
    /// It is there, and no digest of it is recorded.
    Unlisted,
    /// Nothing can be said: it is larger than what is hashed in one answer, or one of those that the run goes on writing
    /// after it recorded their digests.
    Unchecked,
}

/// One file of a run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Artifact {
    /// Its path in the run directory, under which its content is asked for.
    pub name: String,
    /// How many bytes it has; `null` where it is missing.
    #[schema(required = true)]
    pub size_bytes: Option<u64>,
    /// The digest that the manifest recorded, as it is written there; `null` where it recorded none.
    #[schema(required = true)]
    pub sha256: Option<String>,
    /// Whether its bytes have that digest.
    pub checksum: Checksum,
}

/// A run's files: those that the manifest recorded, and those beneath `artifacts/`.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Artifacts {
    /// The names of the files directly in `artifacts/`, as existing clients know them.
    pub items: Vec<String>,
    /// Every file, by name.
    pub artifacts: Vec<Artifact>,
    /// There are more than are shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// Which bytes of a file are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BytesQuery {
    /// Where to begin.
    pub offset: u64,
    /// At most so many. A store may give fewer.
    pub limit: u64,
}

/// Some bytes of one of a run's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactBytes {
    /// The file's path in the run directory.
    pub name: String,
    /// Where the bytes begin.
    pub offset: u64,
    /// The bytes; empty at and beyond the end.
    pub bytes: Vec<u8>,
    /// How many bytes the whole file has.
    pub size: u64,
}

/// What a run searched for and found, in the members that existing clients know. Each is the content of one file, `null`
/// where the run has none.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct RunSearch {
    /// The run.
    pub run_id: String,
    /// `artifacts/search_results.json`.
    pub raw: Value,
    /// `artifacts/search_results.jsonl`, as a list.
    pub raw_history: Value,
    /// `artifacts/verification.json`.
    pub verification: Value,
    /// `artifacts/verification.jsonl`, as a list.
    pub verification_history: Value,
    /// `artifacts/purified_summary.json`.
    pub purified: Value,
    /// `artifacts/search_summary.json`.
    pub search_summary: Value,
    /// `artifacts/verification_ai.json`.
    pub verification_ai: Value,
    /// `artifacts/browser_results.json`.
    pub browser_results: Value,
    /// `reports/news_digest_result.json`.
    pub news_digest_result: Value,
    /// `reports/topic_brief_result.json`.
    pub topic_brief_result: Value,
    /// `reports/page_brief_result.json`.
    pub page_brief_result: Value,
    /// `reports/evidence_bundle.json`.
    pub evidence_bundle: Value,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// Where a report comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportSource {
    /// The run's writer stored it.
    Stored,
    /// It was made now, from the run's state.
    Derived,
    /// There is none.
    None,
}

/// A run compared: as its writer did, or here and now with another.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct RunCompare {
    /// The run.
    pub run_id: String,
    /// Where the comparison comes from.
    pub source: ReportSource,
    /// `compare_summary` of the stored report, else `{}`.
    #[schema(value_type = Object)]
    pub compare_summary: Value,
    /// The stored report, `run_compare_report.json`, else `{}`.
    #[schema(value_type = Object)]
    pub report: Value,
    /// The comparison with the run that was asked for; `null` where none was.
    #[schema(required = true)]
    pub comparison: Option<Comparison>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// One of two compared runs.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct ComparedRun {
    /// The run.
    pub run_id: String,
    /// `manifest.status`.
    #[schema(required = true)]
    pub status: Option<String>,
    /// How it ended.
    pub outcome_type: &'static str,
    /// Why it failed or stands still, else empty.
    pub failure_code: String,
    /// `manifest.task_id`.
    #[schema(required = true)]
    pub task_id: Option<String>,
    /// `manifest.workflow.workflow_id`, else empty.
    pub workflow_id: String,
    /// `manifest.created_at`, else `manifest.start_ts`.
    #[schema(required = true)]
    pub created_at: Option<String>,
    /// `manifest.finished_at`, else `manifest.end_ts`.
    #[schema(required = true)]
    pub finished_at: Option<String>,
    /// Seconds from one to the other; `null` where one of them is no time.
    #[schema(required = true)]
    pub duration_s: Option<f64>,
    /// The SHA-256 of `contract.json`; `null` where it cannot be read.
    #[schema(required = true)]
    pub contract_sha256: Option<String>,
    /// How many events there are.
    pub events: u64,
    /// How many files changed.
    pub files_changed: u64,
    /// How many reports are stored.
    pub reports: u64,
}

/// What is only in one of two runs, and what is in both and differs. Names stand in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct NameDifference {
    /// Only in the run.
    pub only_in_run: Vec<String>,
    /// Only in the other one.
    pub only_in_other: Vec<String>,
    /// In both, with different content. Empty where the content is not compared.
    pub different: Vec<String>,
}

/// How often one event happened in each of two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct EventCounts {
    /// In the run.
    pub run: u64,
    /// In the other one.
    pub other: u64,
}

/// Two runs beside each other.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Comparison {
    /// The run that the comparison was asked of.
    pub run: ComparedRun,
    /// The one it is compared with.
    pub other: ComparedRun,
    /// Which of status, outcome_type, failure_code, task_id, workflow_id and contract_sha256 differ.
    pub different: Vec<&'static str>,
    /// The files that changed in the one and not in the other.
    pub files: NameDifference,
    /// The stored reports, compared as JSON.
    pub reports: NameDifference,
    /// How often each event happened, where the counts differ.
    pub events: BTreeMap<String, EventCounts>,
}

/// What became of the hash chain over a run's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChainState {
    /// Every event is the one that the chain recorded.
    Verified,
    /// The last events have no entry yet: the run is being written, or somebody added lines.
    Incomplete,
    /// It breaks; `problems` say where.
    Broken,
    /// The run has none.
    Absent,
}

/// How many of a run's files have which checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct ChecksumCounts {
    /// Files whose bytes have the recorded digest.
    pub verified: u64,
    /// Files whose bytes have another one.
    pub altered: u64,
    /// Files that are recorded and not there.
    pub missing: u64,
    /// Files that are there and not recorded.
    pub unlisted: u64,
    /// Files of which nothing can be said.
    pub unchecked: u64,
}

impl ChecksumCounts {
    /// Counts files.
    pub fn of(artifacts: &[Artifact]) -> Self {
        let mut counts = Self::default();
        for artifact in artifacts {
            *match artifact.checksum {
                Checksum::Verified => &mut counts.verified,
                Checksum::Altered => &mut counts.altered,
                Checksum::Missing => &mut counts.missing,
                Checksum::Unlisted => &mut counts.unlisted,
                Checksum::Unchecked => &mut counts.unchecked,
            } += 1;
        }
        counts
    }
}

/// What can be shown for a run: its proof pack, and whether its evidence is still what was recorded.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct RunProof {
    /// The run.
    pub run_id: String,
    /// Where the pack comes from.
    pub source: ReportSource,
    /// `proof_pack.json`, stored or as the run's state implies it, else `{}`.
    #[schema(value_type = Object)]
    pub proof_pack: Value,
    /// How many files have which checksum.
    pub evidence: ChecksumCounts,
    /// The recorded files, each with its checksum.
    pub files: Vec<Artifact>,
    /// Whether there are more recorded files than are shown and counted.
    pub truncated: bool,
    /// What became of the hash chain over the events.
    pub hash_chain: ChainState,
    /// The names of the stored reports.
    pub reports: Vec<String>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// What went wrong with a run, or what it waits for.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct RunIncident {
    /// The run.
    pub run_id: String,
    /// Where the pack comes from.
    pub source: ReportSource,
    /// `incident_pack.json`, stored or as the run's state implies it, else `{}`.
    #[schema(value_type = Object)]
    pub incident_pack: Value,
    /// Why the run failed or stands still.
    #[serde(flatten)]
    pub failure: Failure,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Whether it waits for a human approval; `null` when its events cannot be read.
    #[schema(required = true)]
    pub awaits_approval: Option<bool>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}
