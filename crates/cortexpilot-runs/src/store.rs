//! [`RunStore`]: run directories on a local file system.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::run::{RunFacts, RunProblem};
use cortexpilot_core::port::BoxFuture;
use cortexpilot_core::port::runs::{
    CheckFinding, DiffGateRow, Events, EventsQuery, Listing, PageQuery, PendingApproval, ReadProblem, Reports,
    RootState, RunDetail, RunRecord, RunRow, Runs, StoredReport, WorkflowCase, WorkflowDetail,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::beneath::{Dir, Via};
use crate::cache::Cache;
use crate::events::{self, EVENTS};
use crate::manifest::MANIFEST;
use crate::page::{self, Key, PAGE_BYTES_MAX};
use crate::problem::{Problem, RUN_DIRECTORY, What};
use crate::scan::{Found, Scan};
use crate::{check, facts, views, workflows};

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
            store.listing(&page, |_, runs| runs, Found::key, |scan, run| Some((views::row(scan, &run), 0)))
        })
    }

    fn records(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRecord>, ReadProblem>> {
        self.blocking(move |store| {
            store.listing(&page, |_, runs| runs, Found::key, |scan, run| Some(views::record(scan, &run)))
        })
    }

    fn get<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunDetail, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| store.run(&id).map(|dir| views::detail(&id, &dir)))
    }

    fn events<'a>(&'a self, id: &'a RunId, query: EventsQuery) -> BoxFuture<'a, Result<Events, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| views::events_of(&store.run(&id)?, &query))
    }

    fn reports<'a>(&'a self, id: &'a RunId, page: PageQuery) -> BoxFuture<'a, Result<Reports, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| views::reports_of(&id, &store.run(&id)?, &page))
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
        self.blocking(move |store| store.listing_of(id.as_ref(), &page, views::diff_gate))
    }

    fn pending_approvals<'a>(
        &'a self,
        id: Option<&'a RunId>,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<PendingApproval>, ReadProblem>> {
        let id = id.cloned();
        self.blocking(move |store| store.listing_of(id.as_ref(), &page, views::pending_approval))
    }

    fn compare_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| {
            let report = views::stored_report(&store.run(&id)?, "run_compare_report.json");
            let summary = report.data.get("compare_summary").filter(|summary| summary.is_object());
            Ok(StoredReport { data: summary.cloned().unwrap_or_else(|| json!({})), problems: report.problems })
        })
    }

    fn proof_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| Ok(views::stored_report(&store.run(&id)?, "proof_pack.json")))
    }

    fn incident_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        let id = id.clone();
        self.blocking(move |store| Ok(views::stored_report(&store.run(&id)?, "incident_pack.json")))
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
