//! [`RunStore`]: run directories on a local file system.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::run::{RunFacts, RunProblem};
use cortexpilot_core::port::BoxFuture;
use cortexpilot_core::port::runs::{
    ArtifactBytes, Artifacts, BytesQuery, CheckFinding, ContractRow, DiffGateRow, Events, EventsFrom, EventsQuery,
    EventsSlice, Listing, PageQuery, Part, PendingApproval, ReadProblem, Reports, RootState, RunCompare, RunDetail,
    RunDiff, RunFilter, RunIncident, RunProof, RunRecord, RunReport, RunRow, RunSearch, Runs, StoredReport,
    WorkflowCase, WorkflowDetail,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::beneath::{Dir, NoRun, Stamp, Via};
use crate::cache::Cache;
use crate::contract::CONTRACT;
use crate::events::{self, EVENTS};
use crate::facts::{self, NoFacts};
use crate::manifest::MANIFEST;
use crate::pace::{Ground, Pace};
use crate::page::{self, Key, PAGE_BYTES_MAX};
use crate::problem::{Problem, RUN_DIRECTORY, What, root_problem};
use crate::reports::{self, REPORTS};
use crate::roster::Place;
use crate::scan::{Found, Scan};
use crate::{across, check, compare, diff, event_pages, evidence, proof, search, tail, views, workflows};

/// The runs under one root. Cheap to clone; reads only.
///
/// Without a runtime, file work is done in place. With one, it is done on the runtime's blocking threads: whatever a disk
/// does, the threads that serve requests go on. But going there and back costs more than reading a small run that the kernel
/// has in memory, so reads of one run are first tried in place, in a way that gives up instead of waiting: nothing but what
/// is cached, at most 96 KiB, and only on file systems of a local disk or of memory. What that leaves: names that are not
/// cached are looked up on the local disk, so one that hangs can hold up the thread that asks, as it would hold up the
/// ledger; a network disk cannot. Lists are never made in place.
///
/// A list is exact as of the moment it was asked for: [`crate`]'s roster says how, and what little may be late.
#[derive(Debug, Clone)]
pub struct RunStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    via: Via,
    cache: Cache,
    ground: Arc<Ground>,
}

/// So many runs are read together while a list looks for those that are wanted.
const PREPARED: usize = 512;

/// The store as a read of one run sees it.
struct Sight<'a> {
    store: &'a Inner,
    pace: Pace,
}

impl RunStore {
    /// A store over `root`, which need not exist yet. A relative root is resolved against the working directory now, so that
    /// a later change of directory changes nothing.
    ///
    /// # Errors
    /// The path is empty, or the working directory is gone.
    pub fn new(root: impl AsRef<Path>) -> std::io::Result<Self> {
        let path = std::path::absolute(root)?;
        Ok(Self { inner: Arc::new(Inner { path, via: Via::BEST, cache: Cache::default(), ground: Arc::default() }) })
    }

    /// The runs root, absolute.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Reads one run: at once where that is possible.
    fn of_one<T: Send + 'static>(&self, work: impl Fn(&Sight<'_>) -> T + Send + 'static) -> BoxFuture<'static, T> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            if let Some(attempt) = inner.ground.attempt()
                && Handle::try_current().is_ok()
            {
                let answer = work(&Sight { store: &inner, pace: Pace::AtOnce(Arc::clone(&attempt)) });
                if !attempt.gave_up() {
                    return answer;
                }
            }
            waiting(move || work(&Sight { store: &inner, pace: Pace::Learning(Arc::clone(&inner.ground)) })).await
        })
    }

    /// Reads many runs, or much of one.
    fn of_many<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> T + Send + 'static) -> BoxFuture<'static, T> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let store = Arc::clone(&inner);
            let answer = waiting(move || work(&store)).await;
            // What makes the next list quick does not hold up this one.
            if let Ok(runtime) = Handle::try_current()
                && inner.cache.roster.wants_to_follow()
            {
                runtime.spawn_blocking(move || inner.cache.roster.follow(&inner.path, inner.via));
            }
            answer
        })
    }
}

/// Does work that may wait for a disk.
async fn waiting<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let Ok(runtime) = Handle::try_current() else { return work() };
    match runtime.spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down and will drop this future too.
            Err(_) => std::future::pending().await,
        },
    }
}

impl Runs for RunStore {
    fn root(&self) -> String {
        self.inner.path.display().to_string()
    }

    fn facts<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunFacts, RunProblem>> {
        let id = id.clone();
        self.of_one(move |store| store.facts(&id))
    }

    fn list(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRow>, ReadProblem>> {
        self.of_many(move |store| store.page_of_runs(&page, |scan, run| Some((views::row(scan, run), 0))))
    }

    fn select(&self, filter: RunFilter, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRow>, ReadProblem>> {
        self.of_many(move |store| store.select(&filter, &page))
    }

    fn records(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<RunRecord>, ReadProblem>> {
        self.of_many(move |store| store.page_of_runs(&page, |scan, run| Some(views::record(scan, run))))
    }

    fn get<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunDetail, ReadProblem>> {
        let id = id.clone();
        self.of_one(move |store| store.run(&id).map(|dir| views::detail(&id, &dir)))
    }

    fn events<'a>(&'a self, id: &'a RunId, query: EventsQuery) -> BoxFuture<'a, Result<Events, ReadProblem>> {
        let id = id.clone();
        self.of_one(move |store| event_pages::events_of(&store.run(&id)?, &query))
    }

    fn events_from<'a>(&'a self, id: &'a RunId, from: EventsFrom) -> BoxFuture<'a, Result<EventsSlice, ReadProblem>> {
        let id = id.clone();
        self.of_one(move |store| tail::slice(&store.run(&id)?, &from))
    }

    fn reports<'a>(&'a self, id: &'a RunId, page: PageQuery) -> BoxFuture<'a, Result<Reports, ReadProblem>> {
        let id = id.clone();
        self.of_many(move |store| views::reports_of(&id, &store.patiently().run(&id)?, &page))
    }

    fn workflows(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<WorkflowCase>, ReadProblem>> {
        self.of_many(move |store| {
            store.listing(|scan| {
                let runs = match scan.runs() {
                    Ok(runs) => runs,
                    Err(what) => return Ok(Err(what)),
                };
                let make = |group| Some((workflows::case(scan, &group), 0));
                page::fill(workflows::groups(runs), &page, workflows::Group::key, make).map(Ok)
            })
        })
    }

    fn workflow<'a>(&'a self, workflow_id: &'a str) -> BoxFuture<'a, Result<WorkflowDetail, ReadProblem>> {
        let workflow_id = workflow_id.trim().to_owned();
        self.of_many(move |store| store.workflow(&workflow_id))
    }

    fn diff_gates<'a>(
        &'a self,
        id: Option<&'a RunId>,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<DiffGateRow>, ReadProblem>> {
        let id = id.cloned();
        self.of_many(move |store| store.listing_of(id.as_ref(), &page, views::diff_gate))
    }

    fn pending_approvals<'a>(
        &'a self,
        id: Option<&'a RunId>,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<PendingApproval>, ReadProblem>> {
        let id = id.cloned();
        self.of_many(move |store| store.listing_of(id.as_ref(), &page, views::pending_approval))
    }

    fn contracts(&self, page: PageQuery) -> BoxFuture<'_, Result<Listing<ContractRow>, ReadProblem>> {
        self.of_many(move |store| store.page_of_runs(&page, |scan, run| across::contract(scan, &store.path, run)))
    }

    fn reports_named<'a>(
        &'a self,
        name: &'a str,
        page: PageQuery,
    ) -> BoxFuture<'a, Result<Listing<RunReport>, ReadProblem>> {
        let name = name.to_owned();
        let is_name = reports::is_name(&name);
        self.of_many(move |store| {
            store.page_of_places(&page, |scan, place| if is_name { across::report(scan, place, &name) } else { None })
        })
    }

    fn recent_events(&self, limit: usize) -> BoxFuture<'_, Result<Events, ReadProblem>> {
        self.of_many(move |store| {
            let root = match store.open() {
                Err(ReadProblem::NotFound) => {
                    return Ok(Events { events: Vec::new(), next: None, problems: Vec::new() });
                }
                root => root?,
            };
            let found = across::recent_events(&Scan::new(&root, &store.cache), limit.max(1));
            found.map_err(|what| ReadProblem::Unreadable(root_problem(&what)))
        })
    }

    fn diff<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunDiff, ReadProblem>> {
        let id = id.clone();
        self.of_many(move |store| Ok(diff::read(&store.patiently().run(&id)?)))
    }

    fn artifacts<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<Artifacts, ReadProblem>> {
        let id = id.clone();
        self.of_many(move |store| Ok(evidence::artifacts(&store.patiently().run(&id)?)))
    }

    fn artifact<'a>(
        &'a self,
        id: &'a RunId,
        name: &'a str,
        bytes: BytesQuery,
    ) -> BoxFuture<'a, Result<Option<ArtifactBytes>, ReadProblem>> {
        let (id, name) = (id.clone(), name.to_owned());
        self.of_many(move |store| {
            let found = evidence::bytes(&store.patiently().run(&id)?, &name, bytes);
            found.map_err(|what| ReadProblem::Unreadable(format!("the file {what}")))
        })
    }

    fn search<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunSearch, ReadProblem>> {
        let id = id.clone();
        self.of_many(move |store| Ok(search::read(&id, &store.patiently().run(&id)?)))
    }

    fn compare<'a>(&'a self, id: &'a RunId, with: Option<&'a RunId>) -> BoxFuture<'a, Result<RunCompare, ReadProblem>> {
        let (id, with) = (id.clone(), with.cloned());
        self.of_many(move |store| {
            let run = store.patiently().run(&id)?;
            let other = with.map(|with| store.patiently().run(&with).map(|dir| (with, dir))).transpose()?;
            Ok(compare::read(&id, &run, other.as_ref().map(|(with, dir)| (with, dir))))
        })
    }

    fn proof<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunProof, ReadProblem>> {
        let id = id.clone();
        self.of_many(move |store| Ok(proof::proof(&id, &store.patiently().run(&id)?)))
    }

    fn incident<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<RunIncident, ReadProblem>> {
        let id = id.clone();
        self.of_many(move |store| Ok(proof::incident(&id, &store.patiently().run(&id)?)))
    }

    fn compare_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        let id = id.clone();
        self.of_one(move |store| {
            let report = views::stored_report(&store.run(&id)?, compare::STORED);
            let summary = report.data.get("compare_summary").filter(|summary| summary.is_object());
            Ok(StoredReport { data: summary.cloned().unwrap_or_else(|| json!({})), problems: report.problems })
        })
    }

    fn proof_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        let id = id.clone();
        self.of_one(move |store| Ok(views::stored_report(&store.run(&id)?, proof::PROOF)))
    }

    fn incident_summary<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<StoredReport, ReadProblem>> {
        let id = id.clone();
        self.of_one(move |store| Ok(views::stored_report(&store.run(&id)?, proof::INCIDENT)))
    }

    fn report<'a>(&'a self, id: &'a RunId, name: &'a str) -> BoxFuture<'a, Result<Option<StoredReport>, ReadProblem>> {
        let (id, name) = (id.clone(), name.to_owned());
        self.of_one(move |store| {
            let run = store.run(&id)?;
            Ok(if reports::is_name(&name) { views::report(&run, &name) } else { None })
        })
    }

    fn report_names<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<Vec<String>, ReadProblem>> {
        let id = id.clone();
        self.of_many(move |store| {
            let dir = reports::open(&store.patiently().run(&id)?).ok().flatten();
            Ok(dir.map_or_else(Vec::new, |dir| reports::names(&dir).0))
        })
    }

    fn mark<'a>(&'a self, id: &'a RunId, part: Part<'a>) -> BoxFuture<'a, Result<u64, ReadProblem>> {
        let id = id.clone();
        let files = match part {
            Part::Run => vec![MANIFEST.to_owned(), CONTRACT.to_owned(), EVENTS.to_owned()],
            Part::Events => vec![EVENTS.to_owned()],
            Part::Report(name) if reports::is_name(name) => vec![format!("{REPORTS}/{name}")],
            Part::Report(_) => Vec::new(),
        };
        self.of_one(move |store| {
            let mut hasher = DefaultHasher::new();
            match store.run(&id) {
                Ok(dir) => files.iter().for_each(|file| stamp_of(&dir, file).hash(&mut hasher)),
                Err(ReadProblem::NotFound) => {}
                Err(problem) => return Err(problem),
            }
            Ok(hasher.finish())
        })
    }

    fn check<'a>(&'a self, id: &'a RunId) -> BoxFuture<'a, Result<Vec<CheckFinding>, ReadProblem>> {
        let id = id.clone();
        self.of_many(move |store| match store.open()?.dir(id.as_str()) {
            Err(What::Missing) => Err(ReadProblem::NotFound),
            _ => Ok(check::run(&store.open()?, &store.path, &id)),
        })
    }
}

impl Sight<'_> {
    fn facts(&self, id: &RunId) -> Result<RunFacts, RunProblem> {
        Ok(self.facts_or_why(id)?)
    }

    fn facts_or_why(&self, id: &RunId) -> Result<RunFacts, NoFacts> {
        let dir = Dir::of_run(&self.store.path, id.as_str(), self.store.via, &self.pace)?;
        facts::read(&dir, &self.store.path, id)
    }

    /// The directory of a run: one that holds a manifest, readable or not.
    fn run(&self, id: &RunId) -> Result<Dir, ReadProblem> {
        let unreadable = |problem: String| Err(ReadProblem::Unreadable(problem));
        let dir = match Dir::of_run(&self.store.path, id.as_str(), self.store.via, &self.pace) {
            Ok(dir) => dir,
            Err(NoRun::Root(What::Missing) | NoRun::Run(What::Missing)) => return Err(ReadProblem::NotFound),
            Err(NoRun::Root(what)) => return unreadable(root_problem(&what)),
            Err(NoRun::Run(what)) => return unreadable(Problem::file(RUN_DIRECTORY, what).to_string()),
        };
        match dir.stamp(MANIFEST) {
            Err(What::Missing) => Err(ReadProblem::NotFound),
            Ok(_) | Err(_) => Ok(dir),
        }
    }
}

impl Inner {
    /// The store as a read sees it that waits anyway.
    fn patiently(&self) -> Sight<'_> {
        Sight { store: self, pace: Pace::Learning(Arc::clone(&self.ground)) }
    }

    fn open(&self) -> Result<Dir, ReadProblem> {
        match Dir::root(&self.path, self.via) {
            Ok(root) => Ok(root),
            Err(What::Missing) => Err(ReadProblem::NotFound),
            Err(what) => Err(ReadProblem::Unreadable(root_problem(&what))),
        }
    }

    /// A page of the list of runs, of those of which `make` makes something.
    fn page_of_runs<T>(
        &self,
        page: &PageQuery,
        make: impl Fn(&Scan<'_>, &Found) -> Option<(T, usize)>,
    ) -> Result<Listing<T>, ReadProblem> {
        self.page_of_places(page, |scan, place| make(scan, &scan.run(&place.name)?))
    }

    /// The same, where something can be made without reading the run.
    fn page_of_places<T>(
        &self,
        page: &PageQuery,
        make: impl Fn(&Scan<'_>, &Place) -> Option<(T, usize)>,
    ) -> Result<Listing<T>, ReadProblem> {
        self.listing(|scan| {
            let places = match scan.places() {
                Ok(places) => places,
                Err(what) => return Ok(Err(what)),
            };
            let (places, rest) = after(&places, page)?;
            page::fill(places, &rest, |place| place.key(), |place| make(scan, place)).map(Ok)
        })
    }

    /// A page of the runs that are wanted.
    fn select(&self, filter: &RunFilter, page: &PageQuery) -> Result<Listing<RunRow>, ReadProblem> {
        self.listing(|scan| {
            let places = match scan.places() {
                Ok(places) => places,
                Err(what) => return Ok(Err(what)),
            };
            let (places, rest) = after(&places, page)?;
            // Newest first: what is too new stands before the rest, what is too old after it.
            let too_new = |place: &Place| filter.until.is_some_and(|until| place.time_us() >= until.as_microsecond());
            let old_enough = &places[places.partition_point(too_new)..];
            let wanted = &old_enough[..old_enough.partition_point(|place| filter.admits_time(place.time_us()))];
            let content = filter.asks_for_content();
            // By the part: where most runs are wanted, few have to be read for a page.
            let each = wanted.chunks(PREPARED).flat_map(|part| {
                if content {
                    scan.prepare(part);
                }
                part
            });
            let make = |place: &Place| {
                let run = scan.run(&place.name)?;
                if content && !views::is_wanted(scan, &run, filter) {
                    return None;
                }
                let row = views::row(scan, &run);
                // It may have changed since.
                filter.admits_row(&row).then_some((row, 0))
            };
            page::fill(each, &rest, |place| place.key(), make).map(Ok)
        })
    }

    fn listing<T>(
        &self,
        items: impl FnOnce(&Scan<'_>) -> Result<Result<Page<T>, What>, ReadProblem>,
    ) -> Result<Listing<T>, ReadProblem> {
        let empty = |root| Ok(Listing { items: Vec::new(), next: None, root });
        let root = match Dir::root(&self.path, self.via) {
            Ok(root) => root,
            Err(What::Missing) => return empty(RootState::Missing),
            Err(what) => return empty(RootState::Unreadable(root_problem(&what))),
        };
        match items(&Scan::new(&root, &self.cache))? {
            Ok((items, next)) => Ok(Listing { items, next, root: RootState::Readable }),
            Err(what) => empty(RootState::Unreadable(root_problem(&what))),
        }
    }

    /// The list, or the part of it about one run, which must exist.
    fn listing_of<T>(
        &self,
        id: Option<&RunId>,
        page: &PageQuery,
        make: impl Fn(&Scan<'_>, &Found) -> Option<(T, usize)>,
    ) -> Result<Listing<T>, ReadProblem> {
        let Some(id) = id else { return self.page_of_runs(page, make) };
        self.patiently().run(id)?;
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

/// The part of a list after a page's cursor, and the page that is to be made of it.
fn after<'a>(places: &'a [Place], page: &PageQuery) -> Result<(&'a [Place], PageQuery), ReadProblem> {
    let after = page.after.as_deref().map(Key::parse).transpose()?;
    let from = after.map_or(0, |after| places.partition_point(|place| !place.is_after(&after)));
    Ok((&places[from..], PageQuery { limit: page.limit, after: None }))
}

/// The stamp of a run's file, in the run directory or one below it; `None` where no regular file is.
fn stamp_of(run: &Dir, file: &str) -> Option<Stamp> {
    match file.split_once('/') {
        Some((below, name)) => run.dir(below).ok()?.stamp(name).ok(),
        None => run.stamp(file).ok(),
    }
}

/// The entries of a page, and where the next one begins.
type Page<T> = (Vec<T>, Option<String>);

#[cfg(test)]
mod tests;
