//! What the tests share.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::domain::run::{RunFacts, RunProblem};
use cortexpilot_core::port::runs::{EventsQuery, FileProblem, PageQuery, Runs as _};
use cortexpilot_runs::RunStore;
use tempfile::TempDir;

/// The value of a future that is ready at once. Without a runtime the store does its file work in place, so all of its are.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a future of the store was not ready without a runtime"),
    }
}

/// A private runs root with a store over it.
pub(crate) struct Root {
    temp: TempDir,
    pub(crate) store: RunStore,
}

impl Root {
    pub(crate) fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("runs");
        std::fs::create_dir(&root).unwrap();
        let store = RunStore::new(root).unwrap();
        Self { temp, store }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.temp.path().join("runs")
    }

    /// A directory beside the runs root.
    pub(crate) fn outside(&self) -> &Path {
        self.temp.path()
    }

    /// The facts: read in place, by another thread, and at once, which must make no difference.
    pub(crate) fn facts(&self, run: &str) -> Result<RunFacts, RunProblem> {
        let facts = now(self.store.facts(&id(run)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // The first of them learns of the file system what the second one needs to know.
        for _ in 0..2 {
            assert_eq!(runtime.block_on(self.store.facts(&id(run))), facts);
        }
        facts
    }

    /// Why there are no facts, in words.
    pub(crate) fn unreadable(&self, run: &str) -> String {
        match self.facts(run) {
            Err(RunProblem::Unreadable(why)) => why,
            other => panic!("{run} should be unreadable, not {other:?}"),
        }
    }

    /// The run's problems as the list shows them.
    pub(crate) fn problems(&self, run: &str) -> Vec<String> {
        let list = now(self.store.list(PageQuery::all())).unwrap();
        let row = list.items.into_iter().find(|row| row.run_id == run).unwrap_or_else(|| panic!("{run} is not listed"));
        said(&row.problems)
    }

    /// The run's events as JSON lines, and the problems found on the way.
    pub(crate) fn events(&self, run: &str, query: EventsQuery) -> (Vec<String>, Vec<String>) {
        let events = now(self.store.events(&id(run), query)).unwrap();
        (events.events.iter().map(ToString::to_string).collect(), said(&events.problems))
    }

    /// The ids in the list, in its order.
    pub(crate) fn listed(&self) -> Vec<String> {
        now(self.store.list(PageQuery::all())).unwrap().items.into_iter().map(|row| row.run_id).collect()
    }
}

pub(crate) fn id(run: &str) -> RunId {
    RunId::parse(run).unwrap()
}

/// Problems as lines of text.
pub(crate) fn said(problems: &[FileProblem]) -> Vec<String> {
    problems
        .iter()
        .map(|found| match found.line {
            Some(line) => format!("{}:{line} {}", found.file, found.problem),
            None => format!("{} {}", found.file, found.problem),
        })
        .collect()
}

/// The directory of test data.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}
