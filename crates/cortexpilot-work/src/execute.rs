//! One item, from its pinned contract to its finished run directory.

mod commands;
mod reports;
mod run;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use cortexpilot_core::domain::id::{QueueItemId, RunId, Sha256Digest};
use cortexpilot_core::port::Clock;

use crate::contract::{ContractRefusal, TaskContract};
use crate::record::RecordProblem;
use crate::runner::{self, Means, NotReady, Runner};
use crate::sandbox::{Choice, Helper, IsolationRefused, Level, Limits, Machine};
use crate::tools::Tools;

pub use commands::Bounds;
pub use run::execute;

/// What a worker has: the same for every item that it carries out.
#[derive(Clone)]
pub struct Worker {
    /// Its name, for the run's record.
    pub name: String,
    /// This program's version, for the run's record.
    pub version: String,
    /// Programs that it runs itself.
    pub tools: Tools,
    /// How the binary starts itself as the sandbox's helper.
    pub helper: Helper,
    /// What the machine gives.
    pub machine: Machine,
    /// What the operator chose.
    pub choice: Choice,
    /// Where runs are written.
    pub runs_root: PathBuf,
    /// Where workspaces are made: a directory of the worker's own, on a disk with room for them.
    pub work_root: PathBuf,
    /// Resources of each command.
    pub limits: Limits,
    /// Variables handed on, by [`crate::environment::PASSED_THROUGH`].
    pub environment: BTreeMap<String, String>,
    /// Directories that go before the system's in the work's `PATH`; readable there too.
    pub path: Vec<String>,
    /// More files and directories that the work may read and execute: toolchains outside `/usr`.
    pub read: Vec<PathBuf>,
    /// Programs and credentials of the runners.
    pub means: Means,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never its credentials.
        f.debug_struct("Worker").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One item to carry out.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The new run's id.
    pub run_id: RunId,
    /// An id for traces: 32 hexadecimal digits.
    pub trace_id: String,
    /// The pinned contract's bytes.
    pub contract: Arc<[u8]>,
    /// What was pinned.
    pub pinned: Sha256Digest,
    /// The repository that the baseline is in.
    pub repository: PathBuf,
    /// The runner, where the contract names none: the source run's, or the operator's choice.
    pub runner: Option<String>,
    /// The workflow case that the run belongs to.
    pub workflow_id: Option<String>,
    /// Where the item stands in the queue; `None` for a run that was recorded by hand.
    pub item: Option<ClaimedItem>,
}

/// The claim that a run is carried out under. Only recorded: the lease is somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedItem {
    /// The item.
    pub queue_id: QueueItemId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The run that the item was derived from.
    pub source_run_id: String,
}

/// Why nothing was done. No run directory exists, nothing was executed; the item can be given back as it is.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// The contract.
    #[error(transparent)]
    Contract(#[from] ContractRefusal),
    /// Its runner.
    #[error(transparent)]
    Runner(#[from] NotReady),
    /// Its isolation.
    #[error(transparent)]
    Isolation(#[from] IsolationRefused),
    /// The record could not be begun.
    #[error("the run cannot be recorded: {0}")]
    Record(#[source] RecordProblem),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The run.
    pub run_id: RunId,
    /// Its directory.
    pub dir: PathBuf,
    /// `None`: it succeeded.
    pub failure: Option<Failure>,
    /// The final manifest's SHA-256; `None` where the record could not be finished, so that the run still says `RUNNING`.
    pub manifest: Option<Sha256Digest>,
}

impl Outcome {
    /// The queue's final status: `SUCCESS` or `FAILURE`.
    pub fn status(&self) -> &'static str {
        if self.failure.is_none() && self.manifest.is_some() { "SUCCESS" } else { "FAILURE" }
    }
}

/// Why a run failed: the first of these that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which kind.
    pub kind: FailureKind,
    /// In one sentence, for people.
    pub reason: String,
}

/// What a run fails for, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// There was no workspace.
    Workspace,
    /// The sandbox could not be had after all.
    Sandbox,
    /// Somebody asked it to stop.
    Stopped,
    /// It took longer than the contract allows.
    TimedOut,
    /// It said nothing for longer than the contract allows.
    Idle,
    /// The runner failed.
    Runner,
    /// It changed what it may not.
    DiffGate,
    /// Something that must be there is not.
    RequiredOutputs,
    /// A command that must pass did not.
    AcceptanceTests,
    /// The record could not be written.
    Record,
}

impl FailureKind {
    /// For programs: the manifest's `failure_code`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Workspace => "WORKSPACE",
            Self::Sandbox => "SANDBOX",
            Self::Stopped => "STOPPED",
            Self::TimedOut => "TIMED_OUT",
            Self::Idle => "IDLE",
            Self::Runner => "RUNNER",
            Self::DiffGate => "DIFF_GATE",
            Self::RequiredOutputs => "REQUIRED_OUTPUTS",
            Self::AcceptanceTests => "ACCEPTANCE_TESTS",
            Self::Record => "RECORD",
        }
    }
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The workspace is made.
    Preparing,
    /// The runner works.
    Running,
    /// The diff is taken and judged.
    Judging,
    /// The acceptance commands run.
    Testing,
    /// The record is finished.
    Finishing,
}

impl Stage {
    /// The stage's word: in progress notes and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Running => "running",
            Self::Judging => "judging",
            Self::Testing => "testing",
            Self::Finishing => "finishing",
        }
    }
}

/// Is told how a run goes on: the lease's heartbeat, a progress display. Called from several threads, often, and must not
/// wait for anything.
pub trait Progress: Send + Sync {
    /// The run is in this stage and has so many events.
    fn at(&self, stage: Stage, events: u64);
}

/// Nobody is told.
impl Progress for () {
    fn at(&self, _: Stage, _: u64) {}
}

/// Asks a run to end. Shared with whoever may ask: an operator's stop request, a lost lease, the worker's own end.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    /// 0: nobody asked. 1: asked. 2: insisted.
    how: AtomicU8,
    why: OnceLock<String>,
}

impl Stop {
    /// Asks: what runs is told to end and killed after a moment; the run is recorded as stopped.
    pub fn ask(&self) {
        self.0.how.fetch_max(1, Ordering::SeqCst);
    }

    /// [`ask`](Self::ask), with a reason that is recorded as the run's. The first reason counts.
    pub fn ask_because(&self, why: impl Into<String>) {
        // Before the asking: whoever sees that somebody asked finds the reason there.
        let _ = self.0.why.set(why.into());
        self.ask();
    }

    /// Insists: what runs is killed now. For a lost lease, when somebody else may already be at work.
    pub fn insist(&self) {
        self.0.how.fetch_max(2, Ordering::SeqCst);
    }

    /// [`insist`](Self::insist), with a reason that is recorded as the run's. The first reason counts.
    pub fn insist_because(&self, why: impl Into<String>) {
        let _ = self.0.why.set(why.into());
        self.insist();
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        self.0.how.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn is_insisted(&self) -> bool {
        self.0.how.load(Ordering::SeqCst) > 1
    }

    /// Why, in words for the record.
    pub(crate) fn reason(&self) -> &str {
        self.0.why.get().map_or("it was asked to stop", String::as_str)
    }
}

/// An assignment that can be carried out here, as far as can be known without starting.
pub struct Ready {
    pub(crate) contract: TaskContract,
    pub(crate) runner: &'static dyn Runner,
    pub(crate) level: Level,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready").field("runner", &self.runner.name()).field("level", &self.level).finish_non_exhaustive()
    }
}

impl Ready {
    /// The contract, as it was read.
    pub fn contract(&self) -> &TaskContract {
        &self.contract
    }

    /// What will stand around the work.
    pub fn level(&self) -> Level {
        self.level
    }
}

impl Worker {
    /// Checks everything that can be known before the claim: the pinned bytes, the contract, the runner's program and
    /// credentials, the isolation. `runner` is for a contract that names none.
    ///
    /// # Errors
    /// The first of these that does not hold, in that order.
    pub fn can(&self, contract: &Arc<[u8]>, pinned: Sha256Digest, runner: Option<&str>) -> Result<Ready, NotStarted> {
        let contract = TaskContract::read(Arc::clone(contract), pinned)?;
        let name = contract.runner.as_deref().or(runner).unwrap_or("");
        let runner = runner::named(name)?;
        runner::ready(runner, &contract, &self.means)?;
        let level = self.machine.level(self.choice, contract.isolation)?;
        Ok(Ready { contract, runner, level })
    }

    /// [`can`](Self::can), for an assignment.
    ///
    /// # Errors
    /// As there.
    pub fn ready(&self, assignment: &Assignment) -> Result<Ready, NotStarted> {
        self.can(&assignment.contract, assignment.pinned, assignment.runner.as_deref())
    }
}
