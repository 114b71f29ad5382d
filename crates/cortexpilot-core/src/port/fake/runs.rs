//! Runs from a map.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Map, Value};

use super::ready;
use crate::domain::id::RunId;
use crate::domain::run::{ContractEvidence, Effect, Pinned, RunFacts, RunProblem};
use crate::port::BoxFuture;
use crate::port::runs::{
    ArtifactBytes, Artifacts, BytesQuery, ChainState, CheckFinding, ChecksumCounts, ContractRow, DiffGateRow, Events,
    EventsFrom, EventsQuery, EventsSlice, Failure, Listing, Outcome, PageQuery, PendingApproval, ReadProblem,
    ReportSource, Reports, RootState, RunCompare, RunDetail, RunDiff, RunFilter, RunIncident, RunProof, RunRecord,
    RunReport, RunRow, RunSearch, Runs, StoredReport, WorkflowCase, WorkflowDetail,
};

/// Runs whose facts a test sets, and may change between two commands as a run directory changes under a server.
///
/// Only what decisions rest on is there. Lists are empty; of a run that was set the other reads answer that it holds
/// nothing, and a run as a whole, like one that was not set, is [`ReadProblem::NotFound`].
#[derive(Debug, Default)]
pub struct FakeRuns(Mutex<BTreeMap<RunId, Result<RunFacts, RunProblem>>>);

impl FakeRuns {
    /// No runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// These runs, each under its own id.
    pub fn of(facts: impl IntoIterator<Item = RunFacts>) -> Self {
        let runs = Self::new();
        for facts in facts {
            runs.set(facts);
        }
        runs
    }

    /// Adds or replaces a run.
    pub fn set(&self, facts: RunFacts) {
        self.lock().insert(facts.run_id.clone(), Ok(facts));
    }

    /// Lets a run answer with a problem.
    pub fn fail(&self, id: &RunId, problem: RunProblem) {
        self.lock().insert(id.clone(), Err(problem));
    }

    /// Takes a run away, as a retention job does.
    pub fn remove(&self, id: &RunId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<RunId, Result<RunFacts, RunProblem>>> {
        self.0.lock().expect("invariant: no test panics while it holds the runs")
    }

    fn known<T>(&self, id: &RunId, answer: T) -> Result<T, ReadProblem> {
        match self.lock().get(id) {
            Some(_) => Ok(answer),
            None => Err(ReadProblem::NotFound),
        }
    }

    fn empty_report<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        ready(self.known(id, StoredReport { data: Value::Object(Map::new()), problems: Vec::new() }))
    }
}

/// The facts of a run that nothing stands in the way of: finished, its contract vouched for, nobody asked to approve it.
/// Its task, owner, workflow, contract and contract path are made from the id, so that those of two runs differ.
///
/// # Panics
/// When the text is no run id.
pub fn run_facts(run_id: &str) -> RunFacts {
    let run_id = RunId::parse(run_id).expect("invariant: a test names its runs with run ids");
    RunFacts {
        status: "SUCCESS".into(),
        task_id: format!("task_of_{run_id}"),
        owner: format!("owner_of_{run_id}"),
        workflow_id: format!("workflow_of_{run_id}"),
        contract_path: format!("/srv/runs/{run_id}/contract.json"),
        contract: Pinned::new(format!("{{\"task_id\": \"task_of_{run_id}\"}}").into_bytes()),
        evidence: ContractEvidence::Verified,
        awaits_approval: false,
        effect: Effect {
            allowed_paths: vec!["docs".into()],
            commands: vec!["cargo test".into()],
            tool_permissions: vec![("filesystem".into(), "workspace-write".into())],
            runner: "mock".into(),
            timeout_s: Some(600),
        },
        repository: None,
        run_id,
    }
}

fn empty<'a, T: Send + 'a>() -> BoxFuture<'a, Result<Listing<T>, ReadProblem>> {
    ready(Ok(Listing { items: Vec::new(), next: None, root: RootState::Readable }))
}

impl Runs for FakeRuns {
    fn root(&self) -> String {
        "/srv/runs".into()
    }

    fn facts<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunFacts, RunProblem>> {
        ready(self.lock().get(id).cloned().unwrap_or(Err(RunProblem::NotFound)))
    }

    fn list(&self, _page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRow>, ReadProblem>> {
        empty()
    }

    fn select(&self, _filter: RunFilter, _page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRow>, ReadProblem>> {
        empty()
    }

    fn records(&self, _page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRecord>, ReadProblem>> {
        empty()
    }

    fn get<'a>(&'a self, _id: &'a RunId) -> BoxFuture<'a, Result<RunDetail, ReadProblem>> {
        ready(Err(ReadProblem::NotFound))
    }

    fn events<'a>(&'a self, id: &'a RunId, _query: EventsQuery) -> BoxFuture<'a, Result<Events, ReadProblem>> {
        ready(self.known(id, Events { events: Vec::new(), next: None, problems: Vec::new() }))
    }

    fn events_from<'a>(&'a self, id: &'a RunId, _from: EventsFrom) -> BoxFuture<'a, Result<EventsSlice, ReadProblem>> {
        ready(self.known(id, EventsSlice::default()))
    }

    fn reports<'a>(&'a self, id: &'a RunId, _page: PageQuery) -> BoxFuture<'a, Result<Reports, ReadProblem>> {
        let none = Reports { stored: Vec::new(), derived: Vec::new(), next: None, problems: Vec::new() };
        ready(self.known(id, none))
    }

    fn workflows(&self, _page: PageQuery) -> BoxFuture<'_, Result<Listing<WorkflowCase>, ReadProblem>> {
        empty()
    }

    fn workflow<'a>(&'a self, _workflow_id: &'a str) -> BoxFuture<'a, Result<WorkflowDetail, ReadProblem>> {
        ready(Err(ReadProblem::WorkflowNotFound))
    }

    fn diff_gates<'a>(
        &'a self,
        _id: Option<&'a RunId>,
        _page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<DiffGateRow>, ReadProblem>> {
        empty()
    }

    fn pending_approvals<'a>(
        &'a self,
        _id: Option<&'a RunId>,
        _page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<PendingApproval>, ReadProblem>> {
        empty()
    }

    fn contracts(&self, _page: PageQuery) -> BoxFuture<'_, Result<Listing<ContractRow>, ReadProblem>> {
        empty()
    }

    fn reports_named<'a>(
        &'a self,
        _name: &'a str,
        _page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<RunReport>, ReadProblem>> {
        empty()
    }

    fn recent_events(&self, _limit: usize) -> BoxFuture<'_, Result<Events, ReadProblem>> {
        ready(Ok(Events { events: Vec::new(), next: None, problems: Vec::new() }))
    }

    fn diff<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunDiff, ReadProblem>> {
        ready(self.known(id, RunDiff::default()))
    }

    fn artifacts<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<Artifacts, ReadProblem>> {
        ready(self.known(id, Artifacts::default()))
    }

    fn artifact<'a>(
        &'a self,
        id: &'a RunId,
        _name: &'a str,
        _bytes: BytesQuery,
    ) -> BoxFuture<'a, Result<Option<ArtifactBytes>, ReadProblem>> {
        ready(self.known(id, None))
    }

    fn search<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunSearch, ReadProblem>> {
        ready(self.known(id, RunSearch { run_id: id.to_string(), ..RunSearch::default() }))
    }

    fn compare<'a>(&'a self, id: &'a RunId, with: Option<&'a RunId>) -> BoxFuture<'a, Result<RunCompare, ReadProblem>> {
        let none = RunCompare {
            run_id: id.to_string(),
            source: ReportSource::None,
            compare_summary: Value::Object(Map::new()),
            report: Value::Object(Map::new()),
            comparison: None,
            problems: Vec::new(),
        };
        // Of runs that hold nothing there is nothing to compare, but both must be there.
        ready(with.map_or(Ok(()), |with| self.known(with, ())).and_then(|()| self.known(id, none)))
    }

    fn proof<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunProof, ReadProblem>> {
        let none = RunProof {
            run_id: id.to_string(),
            source: ReportSource::None,
            proof_pack: Value::Object(Map::new()),
            evidence: ChecksumCounts::default(),
            files: Vec::new(),
            truncated: false,
            hash_chain: ChainState::Absent,
            reports: Vec::new(),
            problems: Vec::new(),
        };
        ready(self.known(id, none))
    }

    fn incident<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunIncident, ReadProblem>> {
        let none = RunIncident {
            run_id: id.to_string(),
            source: ReportSource::None,
            incident_pack: Value::Object(Map::new()),
            failure: Failure::default(),
            outcome: Outcome { outcome_type: "unknown", outcome_label_zh: "Unknown" },
            awaits_approval: Some(false),
            problems: Vec::new(),
        };
        ready(self.known(id, none))
    }

    fn compare_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        self.empty_report(id)
    }

    fn proof_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        self.empty_report(id)
    }

    fn incident_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        self.empty_report(id)
    }

    fn check<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<Vec<CheckFinding>, ReadProblem>> {
        ready(self.known(id, Vec::new()))
    }
}
