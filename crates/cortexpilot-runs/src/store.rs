//! [`RunStore`]: run directories on a local file system.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::run::{RunFacts, RunProblem};
use cortexpilot_core::port::BoxFuture;
use cortexpilot_core::port::runs::{
    CheckFinding, DiffGateRow, Events, EventsQuery, Listing, PageQuery, PendingApproval, ReadProblem, Report, Reports,
    RootState, RunDetail, RunRecord, RunRow, Runs, StoredReport, WorkflowCase, WorkflowDetail,
};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;

use crate::beneath::{Dir, Via};
use crate::cache::Cache;
use crate::contract::{self, ContractDigest};
use crate::events::{self, EVENTS, EventsDigest, LineProblems};
use crate::manifest::{MANIFEST, ManifestDigest, instant};
use crate::page::{self, Key, PAGE_BYTES_MAX};
use crate::problem::{Problem, RUN_DIRECTORY, What, shown, shown_of};
use crate::scan::{Found, Scan};
use crate::{MANIFEST_BYTES_MAX, check, facts, failure, json, reports, role_binding, workflows};

/// The runs under one root. Cheap to clone; reads only.
///
/// File work runs on the runtime's blocking threads when there is a runtime, else in place.
#[derive(Debug, Clone)]
pub struct RunStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    via: Via,
    cache: Cache,
}

impl RunStore {
    /// A store over `root`, which need not exist yet. A relative root is resolved against the working directory now, so that
    /// a later change of directory changes nothing.
    ///
    /// # Errors
    /// The path is empty, or the working directory is gone.
    pub fn new(root: impl AsRef<Path>) -> std::io::Result<Self> {
        let path = std::path::absolute(root)?;
        Ok(Self { inner: Arc::new(Inner { path, via: Via::BEST, cache: Cache::default() }) })
    }

    /// The runs root, absolute.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> T + Send + 'static) -> BoxFuture<'static, T> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let Ok(runtime) = Handle::try_current() else { return work(&inner) };
            match runtime.spawn_blocking(move || work(&inner)).await {
                Ok(answer) => answer,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    // The runtime is shutting down and will drop this future too.
                    Err(_) => std::future::pending().await,
                },
            }
        })
    }
}

impl Runs for RunStore {
    fn root(&self) -> String {
        self.inner.path.display().to_string()
    }

    fn facts<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunFacts, RunProblem>> {
        let id = id.clone();
        self.blocking(move |store| store.facts(&id))
    }

    fn list(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRow>, ReadProblem>> {
        self.blocking(move |store| {
            store.listing(&page, |_, runs| runs, Found::key, |scan, run| Some((row(scan, &run), 0)))
        })
    }

    fn records(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRecord>, ReadProblem>> {
        self.blocking(move |store| {
            store.listing(&page, |_, runs| runs, Found::key, |scan, run| Some(record(scan, &run)))
        })
    }

    fn get<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunDetail, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| store.run(&id).map(|dir| detail(&id, &dir)))
    }

    fn events<'a>(&'a self, id: &'a RunId, query: EventsQuery) -> BoxFuture<'a, Result<Events, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| events_of(&store.run(&id)?, &query))
    }

    fn reports<'a>(&'a self, id: &'a RunId, page: PageQuery) -> BoxFuture<'a, Result<Reports, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| reports_of(&id, &store.run(&id)?, &page))
    }

    fn workflows(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<WorkflowCase>, ReadProblem>> {
        self.blocking(move |store| {
            store.listing(
                &page,
                |_, runs| workflows::groups(runs),
                workflows::Group::key,
                |scan, group| Some((workflows::case(scan, &group), 0)),
            )
        })
    }

    fn workflow<'a>(&'a self, workflow_id: &'a str) -> BoxFuture<'a, Result<WorkflowDetail, ReadProblem>> {
        let workflow_id = workflow_id.trim().to_owned();
        self.blocking(move |store| store.workflow(&workflow_id))
    }

    fn diff_gates<'a>(
        &'a self,
        id: Option<&'a RunId>,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<DiffGateRow>, ReadProblem>> {
        let id = id.cloned();
        self.blocking(move |store| store.listing_of(id.as_ref(), &page, diff_gate))
    }

    fn pending_approvals<'a>(
        &'a self,
        id: Option<&'a RunId>,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<PendingApproval>, ReadProblem>> {
        let id = id.cloned();
        self.blocking(move |store| store.listing_of(id.as_ref(), &page, pending_approval))
    }

    fn compare_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| {
            let report = stored_report(&store.run(&id)?, "run_compare_report.json");
            let summary = report.data.get("compare_summary").filter(|summary| summary.is_object());
            Ok(StoredReport { data: summary.cloned().unwrap_or_else(|| json!({})), problems: report.problems })
        })
    }

    fn proof_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| Ok(stored_report(&store.run(&id)?, "proof_pack.json")))
    }

    fn incident_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| Ok(stored_report(&store.run(&id)?, "incident_pack.json")))
    }

    fn check<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<Vec<CheckFinding>, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| match store.open()?.dir(id.as_str()) {
            Err(What::Missing) => Err(ReadProblem::NotFound),
            _ => Ok(check::run(&store.open()?, &store.path, &id)),
        })
    }
}

impl Inner {
    fn facts(&self, id: &RunId) -> Result<RunFacts, RunProblem> {
        match Dir::root(&self.path, self.via) {
            Ok(root) => Ok(facts::read(&root, &self.path, id)?),
            Err(What::Missing) => Err(RunProblem::NotFound),
            Err(what) => Err(RunProblem::Unreadable(root_problem(&what))),
        }
    }

    fn open(&self) -> Result<Dir, ReadProblem> {
        match Dir::root(&self.path, self.via) {
            Ok(root) => Ok(root),
            Err(What::Missing) => Err(ReadProblem::NotFound),
            Err(what) => Err(ReadProblem::Unreadable(root_problem(&what))),
        }
    }

    /// The directory of a run: one that holds a manifest, readable or not.
    fn run(&self, id: &RunId) -> Result<Dir, ReadProblem> {
        let dir = match self.open()?.dir(id.as_str()) {
            Ok(dir) => dir,
            Err(What::Missing) => return Err(ReadProblem::NotFound),
            Err(what) => return Err(ReadProblem::Unreadable(Problem::file(RUN_DIRECTORY, what).to_string())),
        };
        match dir.stamp(MANIFEST) {
            Err(What::Missing) => Err(ReadProblem::NotFound),
            Ok(_) | Err(_) => Ok(dir),
        }
    }

    fn listing<S, T>(
        &self,
        page: &PageQuery,
        sources: impl FnOnce(&Scan<'_>, Vec<Found>) -> Vec<S>,
        key: impl Fn(&S) -> Key,
        make: impl Fn(&Scan<'_>, S) -> Option<(T, usize)>,
    ) -> Result<Listing<T>, ReadProblem> {
        let empty = |root| Ok(Listing { items: Vec::new(), next: None, root });
        let root = match Dir::root(&self.path, self.via) {
            Ok(root) => root,
            Err(What::Missing) => return empty(RootState::Missing),
            Err(what) => return empty(RootState::Unreadable(root_problem(&what))),
        };
        let scan = Scan::new(&root, &self.cache);
        let runs = match scan.runs() {
            Ok(runs) => runs,
            Err(what) => return empty(RootState::Unreadable(root_problem(&what))),
        };
        let (items, next) = page::fill(sources(&scan, runs), page, key, |source| make(&scan, source))?;
        Ok(Listing { items, next, root: RootState::Readable })
    }

    /// The list, or the part of it about one run, which must exist.
    fn listing_of<T>(
        &self,
        id: Option<&RunId>,
        page: &PageQuery,
        make: impl Fn(&Scan<'_>, &Found) -> Option<(T, usize)>,
    ) -> Result<Listing<T>, ReadProblem> {
        let Some(id) = id else { return self.listing(page, |_, runs| runs, Found::key, |scan, run| make(scan, &run)) };
        self.run(id)?;
        let root = self.open()?;
        let scan = Scan::new(&root, &self.cache);
        let run = scan.run(id.as_str()).ok_or(ReadProblem::NotFound)?;
        let items = make(&scan, &run).map(|(item, _)| item).into_iter().collect();
        Ok(Listing { items, next: None, root: RootState::Readable })
    }

    fn workflow(&self, workflow_id: &str) -> Result<WorkflowDetail, ReadProblem> {
        let root = match self.open() {
            Err(ReadProblem::NotFound) => return Err(ReadProblem::WorkflowNotFound),
            root => root?,
        };
        let scan = Scan::new(&root, &self.cache);
        let runs = scan.runs().map_err(|what| ReadProblem::Unreadable(root_problem(&what)))?;
        let group = workflows::groups(runs).into_iter().find(|group| group.workflow_id == workflow_id);
        let workflow = workflows::case(&scan, &group.ok_or(ReadProblem::WorkflowNotFound)?);
        let mut timeline: Vec<(String, Value)> = Vec::new();
        let mut weight = 0;
        let mut problems = Vec::new();
        for run in &workflow.runs {
            let Ok(dir) = root.dir(&run.run_id) else { continue };
            // What could not be read stands in the case's problems already.
            let _ = events::walk(&dir, |line| {
                let Some(mut event) = line.event.filter(|event| workflows::concerns(event, workflow_id)) else {
                    return ControlFlow::Continue(());
                };
                if weight + line.bytes.len() > PAGE_BYTES_MAX {
                    problems.push(Problem::file(EVENTS, What::PageFull).shown_of(&run.run_id));
                    return ControlFlow::Break(());
                }
                weight += line.bytes.len();
                event.insert("_run_id".to_owned(), run.run_id.clone().into());
                timeline.push((events::time(&event).to_owned(), Value::Object(event)));
                ControlFlow::Continue(())
            });
        }
        timeline.sort_by(|(a, _), (b, _)| b.cmp(a));
        let runs = workflow.runs.clone();
        Ok(WorkflowDetail { workflow, runs, events: timeline.into_iter().map(|(_, event)| event).collect(), problems })
    }
}

fn root_problem(what: &What) -> String {
    format!("the runs root {what}")
}

/// The manifest as it can be shown, and what is wrong with it.
pub(crate) fn manifest(dir: &Dir) -> (Option<Map<String, Value>>, Option<What>, u64) {
    match dir.read(MANIFEST, MANIFEST_BYTES_MAX) {
        Ok((bytes, _)) => {
            let (map, what) = json::parse(&bytes).object();
            (map, what, bytes.len() as u64)
        }
        Err(what) => (None, Some(what), 0),
    }
}

fn row(scan: &Scan<'_>, run: &Found) -> RunRow {
    let manifest = &run.manifest;
    let contract = scan.contract(&run.name);
    let events = scan.events(&run.name);
    let failure = failure::infer(manifest, &events);
    let outcome = failure::outcome(manifest, &failure);
    let workflow = |text: fn(&crate::manifest::Workflow) -> &String| {
        manifest.workflow.as_ref().map(text).cloned().unwrap_or_default()
    };
    RunRow {
        run_id: run.name.clone(),
        task_id: manifest.task_id.clone(),
        status: manifest.status.clone(),
        workflow_id: workflow(|workflow| &workflow.workflow_id),
        workflow_status: workflow(|workflow| &workflow.status),
        created_at: manifest.created_at.clone(),
        finished_at: manifest.finished_at.clone(),
        start_ts: manifest.created_at.clone(),
        end_ts: manifest.finished_at.clone(),
        owner_agent_id: contract.owner.agent_id.clone(),
        owner_role: contract.owner.role.clone(),
        assigned_agent_id: contract.assigned.agent_id.clone(),
        assigned_role: contract.assigned.role.clone(),
        failure_reason: manifest.failure_reason.clone().unwrap_or_default(),
        last_event_ts: events.last_line_ts.clone(),
        failure,
        outcome,
        awaits_approval: events.awaits_approval(),
        problems: [&manifest.problems, &contract.problems, &events.problems]
            .into_iter()
            .flat_map(|found| shown(found))
            .collect(),
    }
}

fn record(scan: &Scan<'_>, run: &Found) -> (RunRecord, usize) {
    let (map, bytes) = match scan.root.dir(&run.name) {
        Ok(dir) => {
            let (map, _, bytes) = manifest(&dir);
            (map.unwrap_or_default(), bytes)
        }
        Err(_) => (Map::new(), 0),
    };
    let events = scan.events(&run.name);
    let status = run.manifest.status.as_deref().map(str::trim).filter(|status| !status.is_empty()).unwrap_or("UNKNOWN");
    let record = RunRecord {
        run_id: run.name.clone(),
        status: status.to_owned(),
        last_event_ts: events.last_ts.clone(),
        manifest: map,
        problems: [&run.manifest.problems, &events.problems].into_iter().flat_map(|found| shown(found)).collect(),
    };
    (record, usize::try_from(bytes).unwrap_or(usize::MAX))
}

fn detail(id: &RunId, dir: &Dir) -> RunDetail {
    let (manifest_map, what, _) = manifest(dir);
    let manifest = ManifestDigest::of(id.as_str(), manifest_map.as_ref(), what, None);
    let (contract_map, problem) = contract::read(dir);
    let contract = ContractDigest::of(contract_map.as_ref(), problem);
    let events = EventsDigest::read(dir);
    let failure = failure::infer(&manifest, &events);
    let outcome = failure::outcome(&manifest, &failure);
    RunDetail {
        run_id: id.as_str().to_owned(),
        task_id: manifest.task_id.clone(),
        status: manifest.status.clone(),
        allowed_paths: contract::allowed_paths(contract_map.as_ref()),
        role_binding_read_model: role_binding::read_model(manifest_map.as_ref(), contract_map.as_ref()),
        contract: Value::Object(contract_map.unwrap_or_default()),
        manifest: Value::Object(manifest_map.unwrap_or_default()),
        failure,
        outcome,
        contract_task_id: contract.task_id,
        last_event_ts: events.last_ts.clone(),
        awaits_approval: events.awaits_approval(),
        problems: [&manifest.problems, &contract.problems, &events.problems]
            .into_iter()
            .flat_map(|found| shown(found))
            .collect(),
    }
}

fn events_of(dir: &Dir, query: &EventsQuery) -> Result<Events, ReadProblem> {
    let after: u64 = match &query.after {
        Some(cursor) => cursor.parse().map_err(|_| ReadProblem::BadCursor)?,
        None => 0,
    };
    let since = query.since.as_deref().map(str::trim).filter(|since| !since.is_empty());
    let limit = query.limit.map_or(usize::MAX, |limit| limit.max(1));
    let tail = query.tail && query.limit.is_some();
    let mut selected: VecDeque<(u64, Value, usize)> = VecDeque::new();
    let mut weight = 0;
    let mut next = None;
    let mut cut = false;
    let mut line_problems = LineProblems::default();
    let walked = events::walk_chained(dir, |line| {
        if let Some(what) = &line.problem {
            line_problems.push(Problem::line(EVENTS, line.number, what.clone()));
        }
        let bytes = line.bytes.len();
        if line.number <= after || bytes == 0 || next.is_some() {
            return;
        }
        let event = match line.event {
            Some(event) if since.is_none_or(|since| is_after(events::time(&event), since)) => Value::Object(event),
            None if since.is_none() => json!({"raw": String::from_utf8_lossy(line.bytes)}),
            Some(_) | None => return,
        };
        let full = selected.len() >= limit || (weight + bytes > PAGE_BYTES_MAX && !selected.is_empty());
        if full && !tail {
            cut = query.limit.is_none();
            next = selected.back().map(|(number, ..)| number.to_string());
            return;
        }
        weight += bytes;
        selected.push_back((line.number, event, bytes));
        while tail && selected.len() > 1 && (selected.len() > limit || weight > PAGE_BYTES_MAX) {
            cut |= selected.len() <= limit;
            weight -= selected.pop_front().map_or(0, |(.., bytes)| bytes);
        }
    });
    let mut problems = line_problems.finish();
    match walked {
        Ok(chain) => problems.extend(chain),
        Err(what) => problems.push(Problem::file(EVENTS, what)),
    }
    if cut {
        problems.push(Problem::file(EVENTS, What::PageFull));
    }
    let events = selected.into_iter().map(|(_, event, _)| event).collect();
    Ok(Events { events, next, problems: shown(&problems) })
}

/// Whether an event's time is after `since`: as instants, or as text where one of the two is no time.
fn is_after(time: &str, since: &str) -> bool {
    match (instant(time), instant(since)) {
        (Some(time), Some(since)) => time > since,
        _ => !time.is_empty() && time > since,
    }
}

fn reports_of(id: &RunId, run: &Dir, page: &PageQuery) -> Result<Reports, ReadProblem> {
    let (dir, mut problems) = match reports::open(run) {
        Ok(dir) => (dir, Vec::new()),
        Err(problem) => (None, vec![problem]),
    };
    let names = dir.as_ref().map_or_else(Vec::new, |dir| {
        let (names, found) = reports::names(dir);
        problems.extend(found);
        names
    });
    let key = |name: &String| Key { time_us: 0, name: name.clone() };
    let (shown_reports, next) = page::fill(names, page, key, |name| {
        let read = reports::read(dir.as_ref()?, &name)?;
        Some(((Report { name, data: read.data }, read.problem), read.bytes))
    })?;
    let mut stored = Vec::with_capacity(shown_reports.len());
    for (report, problem) in shown_reports {
        stored.push(report);
        problems.extend(problem);
    }
    let mut derived = Vec::new();
    if next.is_none() {
        let (map, what, _) = manifest(run);
        let manifest = ManifestDigest::of(id.as_str(), map.as_ref(), what, None);
        let events = EventsDigest::read(run);
        let incident = failure::incident_pack(id.as_str(), &manifest, &events);
        derived.extend(incident.map(|data| Report { name: "incident_pack.json".to_owned(), data }));
        let proof = failure::proof_pack(id.as_str(), &manifest, |name| Some(reports::read(dir.as_ref()?, name)?.data));
        derived.extend(proof.map(|data| Report { name: "proof_pack.json".to_owned(), data }));
    }
    Ok(Reports { stored, derived, next, problems: shown(&problems) })
}

/// One report by name, where it is an object; else `{}`.
fn stored_report(run: &Dir, name: &str) -> StoredReport {
    let empty = |problem: Option<Problem>| StoredReport { data: json!({}), problems: shown(&Vec::from_iter(problem)) };
    let dir = match reports::open(run) {
        Ok(Some(dir)) => dir,
        Ok(None) => return empty(None),
        Err(problem) => return empty(Some(problem)),
    };
    match reports::read(&dir, name) {
        None => empty(None),
        Some(read) => match read.problem {
            Some(Problem { what: What::Duplicate, .. }) | None if read.data.is_object() => {
                StoredReport { data: read.data, problems: shown(&Vec::from_iter(read.problem)) }
            }
            None => empty(Some(Problem::file(format!("{}/{name}", reports::REPORTS), What::NotObject))),
            problem => empty(problem),
        },
    }
}

fn diff_gate(scan: &Scan<'_>, run: &Found) -> Option<(DiffGateRow, usize)> {
    let events = scan.events(&run.name);
    let reason = run.manifest.failure_reason.as_deref().unwrap_or("").to_lowercase();
    if events.diff_gate.is_none() && !reason.contains("diff gate") && !reason.contains("allowed_paths") {
        return None;
    }
    let (contract, problem) = match scan.root.dir(&run.name) {
        Ok(dir) => contract::read(&dir),
        Err(what) => (None, Some(Problem::file(RUN_DIRECTORY, what))),
    };
    let allowed_paths = contract::allowed_paths(contract.as_ref());
    let bytes = events.weight + allowed_paths.iter().map(|path| path.as_str().map_or(64, str::len)).sum::<usize>();
    let mut problems = shown_of(&run.name, &run.manifest.problems);
    problems.extend(shown_of(&run.name, &Vec::from_iter(problem)));
    problems.extend(shown_of(&run.name, &events.problems));
    let row = DiffGateRow {
        run_id: run.name.clone(),
        diff_gate: events.diff_gate.clone().unwrap_or_else(|| json!({})),
        status: run.manifest.status.clone(),
        failure_reason: run.manifest.failure_reason.clone(),
        allowed_paths,
        problems,
    };
    Some((row, bytes))
}

fn pending_approval(scan: &Scan<'_>, run: &Found) -> Option<(PendingApproval, usize)> {
    let events = scan.events(&run.name);
    let context = events.pending.as_ref()?;
    let given =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let task_id = given(&run.manifest.task_id).or_else(|| given(&scan.contract(&run.name).task_id)).unwrap_or_default();
    let mut problems = shown_of(&run.name, &run.manifest.problems);
    problems.extend(shown_of(&run.name, &events.problems));
    let approval = PendingApproval {
        run_id: run.name.clone(),
        status: "pending",
        task_id,
        failure_reason: given(&run.manifest.failure_reason).unwrap_or_default(),
        reason: items(context.get("reason")),
        actions: items(context.get("actions")),
        verify_steps: items(context.get("verify_steps")),
        resume_step: context.get("resume_step").and_then(Value::as_str).unwrap_or("").trim().to_owned(),
        problems,
    };
    Some((approval, events.weight))
}

/// A list as it is; a text as a list of one, so that a reason is not lost for its type.
fn items(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items.clone(),
        Some(Value::String(text)) if !text.trim().is_empty() => vec![text.clone().into()],
        Some(Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => {
            Vec::new()
        }
    }
}
