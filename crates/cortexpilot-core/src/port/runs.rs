//! Where runs are read from: one trait, and the read models that every surface shows.
//!
//! [`Runs::facts`] is the one read that decisions rest on. Everything else here is for display: documents are carried as
//! [`serde_json::Value`] exactly so that nobody is tempted to decide from them (a `Value` keeps the last of two equal
//! members). The structs serialise in the member order that existing clients know; `problems`, which is ours, is left out
//! while there are none, so that those shapes stay equal.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::BoxFuture;
use crate::domain::id::RunId;
use crate::domain::run::{RunFacts, RunProblem};

mod across;
mod files;
mod follow;

pub use across::{ContractRow, OUTCOME_TYPES, RunFilter, RunReport};
pub use files::{
    Artifact, ArtifactBytes, Artifacts, BytesQuery, ChainState, Checksum, ChecksumCounts, ComparedRun, Comparison,
    EventCounts, NameDifference, ReportSource, RunCompare, RunDiff, RunIncident, RunProof, RunSearch,
};
pub use follow::{EventsBegin, EventsFrom, EventsPosition, EventsSlice, FollowedEvent};

/// Read access to run directories. Nothing behind this trait ever writes.
///
/// Reads answer with what could be read and name the rest in `problems`: one bad file never breaks a list or another run.
/// Only [`facts`](Self::facts) refuses, because something will be decided from its answer.
pub trait Runs: Send + Sync {
    /// The directory that is looked in, for people: an absolute path.
    fn root(&self) -> String;

    /// Everything a decision needs to know about a run. Each file is read once: the bytes parsed are the bytes hashed and
    /// pinned. Never answered from a cache.
    fn facts<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunFacts, RunProblem>>;

    /// Runs, newest first (`created_at`, else the manifest's modification time; equal times by id).
    fn list(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRow>, ReadProblem>>;

    /// The runs of that list which are wanted, in the same order. Its cursors are those of [`list`](Self::list).
    fn select(&self, filter: RunFilter, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRow>, ReadProblem>>;

    /// The same runs in the same order, each as its manifest.
    fn records(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRecord>, ReadProblem>>;

    /// One run with its documents.
    fn get<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunDetail, ReadProblem>>;

    /// The run's events in file order, its hash chain verified where it has one.
    fn events<'a>(&'a self, id: &'a RunId, query: EventsQuery) -> BoxFuture<'a, Result<Events, ReadProblem>>;

    /// The run's events for whoever follows them: whole lines from a position on. What was there before is not read again.
    fn events_from<'a>(&'a self, id: &'a RunId, from: EventsFrom) -> BoxFuture<'a, Result<EventsSlice, ReadProblem>>;

    /// The run's reports, by file name, and those derived from its state.
    fn reports<'a>(&'a self, id: &'a RunId, page: PageQuery) -> BoxFuture<'a, Result<Reports, ReadProblem>>;

    /// Workflow cases: runs grouped by `manifest.workflow.workflow_id`, the case with the newest run first.
    fn workflows(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<WorkflowCase>, ReadProblem>>;

    /// One workflow case with its runs and the events that concern it, newest event first.
    fn workflow<'a>(&'a self, workflow_id: &'a str) -> BoxFuture<'a, Result<WorkflowDetail, ReadProblem>>;

    /// Runs that met the diff gate, newest run first; with an id, that run's row or none.
    fn diff_gates<'a>(
        &'a self,
        id: Option<&'a RunId>,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<DiffGateRow>, ReadProblem>>;

    /// Runs that wait for a human approval, newest run first; with an id, that run's row or none.
    fn pending_approvals<'a>(
        &'a self,
        id: Option<&'a RunId>,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<PendingApproval>, ReadProblem>>;

    /// The runs' task contracts, newest run first. Runs without one are left out.
    fn contracts(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<ContractRow>, ReadProblem>>;

    /// The runs' stored reports of this file name, newest run first.
    fn reports_named<'a>(
        &'a self,
        name: &'a str,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<RunReport>, ReadProblem>>;

    /// The newest events of all runs by their times as text, newest first, each with its `_run_id`; at most `limit`.
    /// Problems name the runs that they are of.
    fn recent_events(&self, limit: usize) -> BoxFuture<'_, Result<Events, ReadProblem>>;

    /// What the run changed.
    fn diff<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunDiff, ReadProblem>>;

    /// The run's files, each with whether it is the one that was recorded.
    fn artifacts<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<Artifacts, ReadProblem>>;

    /// Some bytes of one of the files that [`artifacts`](Self::artifacts) lists, by its name or, of a file in `artifacts/`,
    /// by its name there. `None` when there is no such file, or none that may be read.
    fn artifact<'a>(
        &'a self,
        id: &'a RunId,
        name: &'a str,
        bytes: BytesQuery,
    ) -> BoxFuture<'a, Result<Option<ArtifactBytes>, ReadProblem>>;

    /// What the run searched for and found.
    fn search<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunSearch, ReadProblem>>;

    /// The stored comparison, and one with another run where that is asked for.
    fn compare<'a>(&'a self, id: &'a RunId, with: Option<&'a RunId>) -> BoxFuture<'a, Result<RunCompare, ReadProblem>>;

    /// The proof pack, stored or derived, and the state of the evidence.
    fn proof<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunProof, ReadProblem>>;

    /// The incident pack, stored or derived.
    fn incident<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunIncident, ReadProblem>>;

    /// `compare_summary` of the stored `run_compare_report.json`, else `{}`.
    fn compare_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>>;

    /// The stored `proof_pack.json`, else `{}`.
    fn proof_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>>;

    /// The stored `incident_pack.json`, else `{}`.
    fn incident_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>>;

    /// One stored report by its file name; `None` when the run has none of that name.
    fn report<'a>(&'a self, id: &'a RunId, name: &'a str) -> BoxFuture<'a, Result<Option<StoredReport>, ReadProblem>> {
        Box::pin(async move {
            let all = self.reports(id, PageQuery::all()).await?;
            let of_name = all.stored.into_iter().find(|report| report.name == name);
            Ok(of_name.map(|report| StoredReport { data: report.data, problems: all.problems }))
        })
    }

    /// The file names of the stored reports, in their order.
    fn report_names<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<Vec<String>, ReadProblem>> {
        Box::pin(async move {
            let all = self.reports(id, PageQuery::all()).await?;
            Ok(all.stored.into_iter().map(|report| report.name).collect())
        })
    }

    /// A mark of what is stored there now, for whoever waits for a change: as long as nothing changes it is the same, and
    /// after a change it is another. Where nothing is, that has a mark too.
    fn mark<'a>(&'a self, id: &'a RunId, part: Part<'a>) -> BoxFuture<'a, Result<u64, ReadProblem>> {
        Box::pin(async move {
            let mut hasher = DefaultHasher::new();
            let shown = match part {
                Part::Run => self.get(id).await.map(|run| serde_json::to_string(&RunSnapshot(&run))),
                Part::Events => {
                    self.events(id, EventsQuery::default()).await.map(|it| serde_json::to_string(&it.events))
                }
                Part::Report(name) => {
                    self.report(id, name).await.map(|it| serde_json::to_string(&it.map(|it| it.data)))
                }
            };
            match shown {
                Ok(text) => text.ok().hash(&mut hasher),
                Err(ReadProblem::NotFound) => {}
                Err(problem) => return Err(problem),
            }
            Ok(hasher.finish())
        })
    }

    /// Everything that is wrong with a run, each with its repair. An empty list: the run can be read whole.
    fn check<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<Vec<CheckFinding>, ReadProblem>>;
}

/// A part of a run that can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Manifest, contract and events.
    Run,
    /// The events.
    Events,
    /// The stored report of this file name.
    Report(&'a str),
}

/// Why a read for display has no answer at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadProblem {
    /// There is no such run: no directory of that name, or one without a manifest.
    #[error("there is no run with this id")]
    NotFound,
    /// No run names this workflow.
    #[error("there is no workflow case with this id")]
    WorkflowNotFound,
    /// The directory exists and cannot be opened. The text holds no path and nothing from the run.
    #[error("the run cannot be read: {0}")]
    Unreadable(String),
    /// `after` is not a cursor that this list gave out.
    #[error("the cursor is not one that this list gave out")]
    BadCursor,
}

impl From<RunProblem> for ReadProblem {
    fn from(problem: RunProblem) -> Self {
        match problem {
            RunProblem::InvalidId | RunProblem::NotFound => Self::NotFound,
            RunProblem::Unreadable(why) => Self::Unreadable(why),
        }
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageQuery {
    /// At most so many entries; `None` for all.
    pub limit: Option<usize>,
    /// Where the last page ended: a `next` from an earlier answer of the same list.
    pub after: Option<String>,
}

impl PageQuery {
    /// The whole list.
    pub fn all() -> Self {
        Self::default()
    }

    /// The first page.
    pub fn first(limit: usize) -> Self {
        Self { limit: Some(limit), after: None }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where to go on; `None` on the last page. A page can end before its limit when its entries are large.
    pub next: Option<String>,
    /// Whether the runs root could be looked in: an empty list means something else when it could not.
    pub root: RootState,
}

/// What was found at the runs root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootState {
    /// A directory.
    Readable,
    /// Nothing: no run has been written there yet, or the path is not the one that was meant.
    Missing,
    /// Something that cannot be read, and why.
    Unreadable(String),
}

/// One thing that could not be read as what it must be, reported beside all that could.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
pub struct FileProblem {
    /// The file, relative to the run directory; in answers about several runs, relative to the runs root.
    pub file: String,
    /// The line, counted from 1, in a file of lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub line: Option<u64>,
    /// What is wrong, in our own words: never text from the run.
    pub problem: String,
}

/// Why a run failed or stands still, as manifest and events tell. Members that do not apply are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Failure {
    /// `gate`, `manual`, `env`, `product`, or what the manifest says.
    pub failure_class: String,
    /// A code, for example `DIFF_GATE_REJECTED`.
    pub failure_code: String,
    /// The stage, for example `diff_gate`.
    pub failure_stage: String,
    /// One sentence. The name is historic; the text is English.
    pub failure_summary_zh: String,
    /// What to do about it. The name is historic; the text is English.
    pub action_hint_zh: String,
    /// The event that the classification rests on.
    pub root_event: String,
}

/// How a run ended, in one word and in words for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Outcome {
    /// `success`, `gate`, `manual`, `env`, `product`, `failure`, `in_progress` or `unknown`.
    pub outcome_type: &'static str,
    /// The same in words. The name is historic; the text is English.
    pub outcome_label_zh: &'static str,
}

/// One run in the operator's list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct RunRow {
    /// The directory's name, which is the run's only id; a manifest that names another is a problem.
    pub run_id: String,
    /// `manifest.task_id`.
    #[schema(required = true)]
    pub task_id: Option<String>,
    /// `manifest.status`.
    #[schema(required = true)]
    pub status: Option<String>,
    /// `manifest.workflow.workflow_id`, else empty.
    pub workflow_id: String,
    /// `manifest.workflow.status`, else empty.
    pub workflow_status: String,
    /// `manifest.created_at`, else `manifest.start_ts`.
    #[schema(required = true)]
    pub created_at: Option<String>,
    /// `manifest.finished_at`, else `manifest.end_ts`.
    #[schema(required = true)]
    pub finished_at: Option<String>,
    /// The same as `created_at`.
    #[schema(required = true)]
    pub start_ts: Option<String>,
    /// The same as `finished_at`.
    #[schema(required = true)]
    pub end_ts: Option<String>,
    /// `contract.owner_agent.agent_id`, else empty.
    pub owner_agent_id: String,
    /// `contract.owner_agent.role`, else empty.
    pub owner_role: String,
    /// `contract.assigned_agent.agent_id`, else empty.
    pub assigned_agent_id: String,
    /// `contract.assigned_agent.role`, else empty.
    pub assigned_role: String,
    /// `manifest.failure_reason`, else empty.
    pub failure_reason: String,
    /// The time of the last event; empty when the last line cannot be read.
    pub last_event_ts: String,
    /// Why it failed or stands still.
    #[serde(flatten)]
    pub failure: Failure,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Whether the run waits for a human approval; `None` when its events cannot be read. For people's screens.
    #[serde(skip)]
    pub awaits_approval: Option<bool>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// One run as its manifest, with the members that a list needs put right.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The directory's name; stands for the manifest's own `run_id`.
    pub run_id: String,
    /// `manifest.status`, or `UNKNOWN`.
    pub status: String,
    /// The time of the last event that has one, else empty.
    pub last_event_ts: String,
    /// The manifest's members; empty when it cannot be read.
    pub manifest: Map<String, Value>,
    /// What could not be read.
    pub problems: Vec<FileProblem>,
}

impl Serialize for RunRecord {
    /// The manifest's members in their order, `run_id` and `status` in their places (or after the rest where the manifest
    /// lacks them), then `last_event_ts` and `problems`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.manifest {
            match name.as_str() {
                "run_id" => map.serialize_entry(name, &self.run_id)?,
                "status" => map.serialize_entry(name, &self.status)?,
                "last_event_ts" | "problems" => {}
                _ => map.serialize_entry(name, value)?,
            }
        }
        if !self.manifest.contains_key("run_id") {
            map.serialize_entry("run_id", &self.run_id)?;
        }
        if !self.manifest.contains_key("status") {
            map.serialize_entry("status", &self.status)?;
        }
        map.serialize_entry("last_event_ts", &self.last_event_ts)?;
        if !self.problems.is_empty() {
            map.serialize_entry("problems", &self.problems)?;
        }
        map.end()
    }
}

/// One run with its documents, in the operator's shape. [`RunSnapshot`] is the other one.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct RunDetail {
    /// The directory's name.
    pub run_id: String,
    /// `manifest.task_id`.
    #[schema(required = true)]
    pub task_id: Option<String>,
    /// `manifest.status`.
    #[schema(required = true)]
    pub status: Option<String>,
    /// `contract.allowed_paths` as written; empty when it is not a list.
    pub allowed_paths: Vec<Value>,
    /// The contract; `{}` when it is missing or cannot be read.
    #[schema(value_type = Object)]
    pub contract: Value,
    /// The manifest; `{}` when it cannot be read.
    #[schema(value_type = Object)]
    pub manifest: Value,
    /// Which role, tools and runtime the run was bound to: what the manifest recorded, else what the contract alone tells.
    /// Never an authority to execute.
    #[schema(value_type = Object)]
    pub role_binding_read_model: Value,
    /// Why it failed or stands still.
    #[serde(flatten)]
    pub failure: Failure,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// `contract.task_id`.
    #[serde(skip)]
    pub contract_task_id: Option<String>,
    /// The time of the last event that has one, else empty.
    #[serde(skip)]
    pub last_event_ts: String,
    /// Whether the run waits for a human approval; `None` when its events cannot be read.
    #[serde(skip)]
    pub awaits_approval: Option<bool>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// A [`RunDetail`] in the shape of the read-only tools.
#[derive(Debug, Clone, Copy)]
pub struct RunSnapshot<'a>(pub &'a RunDetail);

impl Serialize for RunSnapshot<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let run = self.0;
        let task_id = run.task_id.as_deref().filter(|id| !id.is_empty()).or(run.contract_task_id.as_deref());
        let status = run.status.as_deref().map(str::trim).filter(|status| !status.is_empty()).unwrap_or("UNKNOWN");
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("run_id", &run.run_id)?;
        map.serialize_entry("task_id", &task_id)?;
        map.serialize_entry("allowed_paths", &run.allowed_paths)?;
        map.serialize_entry("role_binding_read_model", &run.role_binding_read_model)?;
        map.serialize_entry("manifest", &run.manifest)?;
        map.serialize_entry("contract", &run.contract)?;
        map.serialize_entry("status", status)?;
        map.serialize_entry("last_event_ts", &run.last_event_ts)?;
        if !run.problems.is_empty() {
            map.serialize_entry("problems", &run.problems)?;
        }
        map.end()
    }
}

/// Which events are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventsQuery {
    /// Only events after this time, compared as instants (as text where one of the two is no time).
    pub since: Option<String>,
    /// Only events of these names (`event`, else `event_type`); empty for all.
    pub names: Vec<String>,
    /// At most so many; `None` for all.
    pub limit: Option<usize>,
    /// With a limit: the last ones instead of the first.
    pub tail: bool,
    /// Where the last page ended. Not together with `tail`.
    pub after: Option<String>,
}

/// A run's events.
#[derive(Debug, Clone, PartialEq)]
pub struct Events {
    /// One object a line. A line that is no JSON object is `{"raw": …}` and named in `problems`.
    pub events: Vec<Value>,
    /// Where to go on; `None` at the end, and with `tail`.
    pub next: Option<String>,
    /// Lines that could not be read, and the first break of the hash chain.
    pub problems: Vec<FileProblem>,
}

/// One report.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Report {
    /// Its file name.
    pub name: String,
    /// Its content; `{"raw": …}` when that is no JSON.
    pub data: Value,
}

/// A run's reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Reports {
    /// `reports/*.json`, by file name.
    pub stored: Vec<Report>,
    /// `incident_pack.json` and `proof_pack.json` as the run's state implies them now; on the last page only.
    pub derived: Vec<Report>,
    /// Where to go on; `None` on the last page.
    pub next: Option<String>,
    /// What could not be read.
    pub problems: Vec<FileProblem>,
}

/// One stored report, or the part of it that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredReport {
    /// The object; `{}` when there is none.
    pub data: Value,
    /// What could not be read.
    pub problems: Vec<FileProblem>,
}

/// What a workflow case needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A run waits for a human approval.
    AwaitingApproval,
    /// A run failed.
    AttentionRequired,
    /// A run is under way.
    Active,
    /// None of these.
    Healthy,
}

/// One workflow case: the runs that name the same workflow.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct WorkflowCase {
    /// The workflow's id.
    pub workflow_id: String,
    /// The task queue that the newest run names.
    pub task_queue: String,
    /// The namespace that the newest run names.
    pub namespace: String,
    /// The workflow status that the newest run names.
    pub status: String,
    /// What the case needs.
    pub verdict: Verdict,
    /// The verdict in one sentence.
    pub summary: String,
    /// Historic; always empty: planning sessions are not read.
    pub objective: String,
    /// Historic; always empty.
    pub owner_pm: String,
    /// Historic; always empty.
    pub project_key: String,
    /// Historic; always empty.
    pub pm_session_ids: Vec<String>,
    /// Always `derived`: cases are computed from runs at each read and never written.
    pub case_source: &'static str,
    /// Always empty, as nothing is written.
    pub case_updated_at: &'static str,
    /// The case's runs, by id.
    pub runs: Vec<WorkflowRun>,
    /// Whether a run failed; present only beside `awaiting_approval`.
    #[serde(rename = "_has_failure", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub has_failure: Option<bool>,
    /// Whether a run is under way; present only beside `awaiting_approval` and `attention_required`.
    #[serde(rename = "_has_running", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub has_running: Option<bool>,
    /// The role binding that the newest run's manifest recorded; absent when none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    pub workflow_case_read_model: Option<Value>,
    /// What could not be read in the case's runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// A run in its workflow case.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct WorkflowRun {
    /// The directory's name.
    pub run_id: String,
    /// `manifest.task_id`.
    #[schema(required = true)]
    pub task_id: Option<String>,
    /// `manifest.status`.
    #[schema(required = true)]
    pub status: Option<String>,
    /// `manifest.created_at`, else `manifest.start_ts`.
    #[schema(required = true)]
    pub created_at: Option<String>,
}

/// One workflow case with its events.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct WorkflowDetail {
    /// The case.
    pub workflow: WorkflowCase,
    /// Its runs again, where clients look for them.
    pub runs: Vec<WorkflowRun>,
    /// Events that bind, start, end or name this workflow, newest first, each with its `_run_id`.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<Value>,
    /// What could not be read in those events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// One run at the diff gate.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct DiffGateRow {
    /// The run.
    pub run_id: String,
    /// The context of its last `DIFF_GATE_RESULT`, else `{}`.
    #[schema(value_type = Object)]
    pub diff_gate: Value,
    /// `manifest.status`.
    #[schema(required = true)]
    pub status: Option<String>,
    /// `manifest.failure_reason`.
    #[schema(required = true)]
    pub failure_reason: Option<String>,
    /// `contract.allowed_paths` as written.
    pub allowed_paths: Vec<Value>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// One run that waits for a human approval.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct PendingApproval {
    /// The run.
    pub run_id: String,
    /// Always `pending`.
    pub status: &'static str,
    /// `manifest.task_id`, else `contract.task_id`, else empty.
    pub task_id: String,
    /// `manifest.failure_reason`, else empty.
    pub failure_reason: String,
    /// Why approval is needed, as the event says.
    pub reason: Vec<Value>,
    /// What the approver should do, as the event says.
    pub actions: Vec<Value>,
    /// How to verify it, as the event says.
    pub verify_steps: Vec<Value>,
    /// Where the run would go on.
    pub resume_step: String,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FileProblem>,
}

/// One thing wrong with a run directory, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CheckFinding {
    /// The file, relative to the directory that was checked.
    pub file: String,
    /// The line, counted from 1, in a file of lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub repair: String,
    /// Whether a queue item can still be derived from the run; what is shown of it may be incomplete all the same.
    pub blocks_enqueue: bool,
}
