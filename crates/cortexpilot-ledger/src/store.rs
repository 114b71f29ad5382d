//! The store for processes that may write.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceFacts, GovernanceQuery};
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::listing::{QueueFilter, QueueListing};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::token::TokenRecord;
use cortexpilot_core::port::{ApprovalListing, BoxFuture, Clock, Store, StoreError, StoreHealth, StoreRead};
use tokio::sync::{oneshot, watch};

use crate::disk::Disk;
use crate::index::{Background, IndexOptions};
use crate::lock::{LockFile, LockProblem};
use crate::pins::{self, Pins};
use crate::reader::approvals;
use crate::scrub::{self, ScrubReport};
use crate::state::{Engine, Shared};
use crate::writer::{Waiting, Writer};

/// Commands that may wait at once. Surfaces bound their callers far below; past this, a command is not taken at all.
const WAITING_MAX: usize = 4096;

/// Where and how a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The runtime root. Made (0700) if missing.
    pub root: PathBuf,
    /// How long to wait for the lock while other processes hold it.
    pub lock_wait: Duration,
    /// How often an idle process writes down refusals that were only counted.
    pub idle: Duration,
    /// When this process brings the index up to date.
    pub index: IndexOptions,
}

impl StoreOptions {
    /// A runtime root with the usual times: 10 s for the lock, one minute for counted refusals.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let (lock_wait, idle) = (Duration::from_secs(10), Duration::from_mins(1));
        Self { root: root.into(), lock_wait, idle, index: IndexOptions::default() }
    }
}

/// Why a store could not be opened. Damage is no such reason: a damaged ledger opens, answers reads and refuses writes.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The runtime root cannot be made or used.
    #[error("the runtime root {path}: {source}", path = .path.display())]
    Root {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The ledger's lock cannot be had, or locks nothing there.
    #[error("{0}")]
    Lock(String),
    /// A file does not continue the checkpoint that its log last signed: it was cut back, or made anew. Reads without a
    /// store go on.
    #[error("{file}: line {line} {what}")]
    Checkpoint {
        /// Its name in the runtime root.
        file: &'static str,
        /// The line, from 1.
        line: u64,
        /// What is wrong, in words that continue "line 3 …".
        what: String,
    },
}

impl From<LockProblem> for OpenError {
    fn from(problem: LockProblem) -> Self {
        match problem {
            LockProblem::Io(path, source) => Self::Root { path, source },
            LockProblem::Busy(..) | LockProblem::DoesNotLock(_) => Self::Lock(problem.to_string()),
        }
    }
}

/// The embedded store: one process of possibly several that share a runtime root.
///
/// Commands are judged and written by one thread of its own. Reads are answered by the caller's thread from memory, after
/// a look at the files; they take no lock and wait for a sync only when they rest on lines that are being synced.
/// Dropping the store ends the thread and waits for it.
pub struct FileStore {
    root: PathBuf,
    engine: Arc<Engine>,
    /// The last of this process's own commits that came to its end.
    ended: watch::Receiver<u64>,
    unrecorded: Arc<AtomicU64>,
    commands: Option<SyncSender<Waiting>>,
    thread: Option<JoinHandle<()>>,
    /// Ended last: what this process wrote may make the index due.
    indexing: Option<Background>,
}

impl FileStore {
    /// Opens the store, made if missing, and settles whatever a process that died has left behind.
    ///
    /// Blocks for as long as reading the ledger takes, and up to `lock_wait` for the lock.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(options: StoreOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::open_on(options, clock, Disk::default())
    }

    pub(crate) fn open_on(options: StoreOptions, clock: Arc<dyn Clock>, disk: Disk) -> Result<Self, OpenError> {
        let StoreOptions { root, lock_wait, idle, index } = options;
        let problem = |source| OpenError::Root { path: root.clone(), source };
        disk.make_dirs(&root.join(pins::DIR)).map_err(problem)?;
        let engine = Arc::new(Engine::new(&root));
        // What is durable is read without the lock, so that a large ledger does not keep others waiting. Where that does
        // not work the lock file makes no sense, and settling it under the lock is the way out.
        if let Err(error) = engine.write().catch_up(engine.marks()) {
            tracing::warn!(%error, "the ledger could not be read before it was locked");
        }
        let lock = LockFile::open(&root, lock_wait, disk.clone())?;
        let (ending, ended) = watch::channel(0);
        let unrecorded = Arc::new(AtomicU64::new(0));
        let pins = Pins::new(&root, disk.clone());
        let builder_disk = disk.clone();
        let mut writer = Writer::new(engine.clone(), lock, pins, disk, clock, ending, unrecorded.clone(), idle);
        writer.begin(&root)?;
        if let Some(error) = engine.read().off_checkpoint() {
            return Err(error);
        }
        let (commands, waiting) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("ledger-writer".into())
            .spawn(move || writer.run(&waiting))
            .map_err(problem)?;
        let indexing = Background::start(index, &root, &engine, builder_disk).map_err(problem)?;
        Ok(Self { root, engine, ended, unrecorded, commands: Some(commands), thread: Some(thread), indexing })
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Reads both files again from their beginning and verifies them, in bounded memory. Blocking; for a background
    /// thread that calls it now and then. What it finds has the effect of damage found at open: writes are refused, reads
    /// go on from before the damaged line.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn scrub(&self) -> Result<ScrubReport, StoreError> {
        scrub::scrub(&self.root, &self.engine)
    }

    /// Refusals that could not be written down since the store was opened. They stand all the same.
    pub fn unrecorded_refusals(&self) -> u64 {
        self.unrecorded.load(Ordering::Relaxed)
    }

    /// Answers when what the answer rests on is durable.
    async fn answer<T>(&self, answer: impl Fn(&Shared) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut ended = self.ended.clone();
        loop {
            let (value, rests_on) = self.engine.look(&answer)?;
            let Some(rests_on) = rests_on else { return Ok(value) };
            if ended.wait_for(|ended| *ended >= rests_on.commit).await.is_err() {
                return Err(StoreError::Unavailable("the writer stopped".into()));
            }
            // Else its lines were taken back, and the answer with them.
            if self.engine.read().generation == rests_on.generation {
                return Ok(value);
            }
        }
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            // It catches panics and reports them itself.
            let _ = thread.join();
        }
        drop(self.indexing.take());
    }
}

impl StoreRead for FileStore {
    fn enqueue_facts<'a>(&'a self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        Box::pin(self.answer(|shared| shared.facts(query)))
    }

    fn item<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        Box::pin(self.answer(|shared| shared.item(id)))
    }

    fn items<'a>(&'a self, filter: &'a QueueFilter) -> BoxFuture<'a, Result<QueueListing, StoreError>> {
        Box::pin(self.answer(|shared| shared.list(filter)))
    }

    fn governance<'a>(&'a self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        Box::pin(self.answer(|shared| Ok(shared.state.governance().facts(query))))
    }

    fn approvals<'a>(&'a self, filter: &'a ApprovalFilter) -> BoxFuture<'a, Result<ApprovalListing, StoreError>> {
        Box::pin(self.answer(|shared| Ok(approvals(shared, filter))))
    }

    fn tokens(&self) -> BoxFuture<'_, Result<Vec<TokenRecord>, StoreError>> {
        Box::pin(self.answer(|shared| Ok(shared.state.governance().tokens().cloned().collect())))
    }

    fn health(&self) -> BoxFuture<'_, Result<StoreHealth, StoreError>> {
        Box::pin(self.answer(|shared| Ok(shared.health())))
    }
}

impl Store for FileStore {
    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Verdict, StoreError>> {
        let (answer, answered) = oneshot::channel();
        let sent = match &self.commands {
            Some(commands) => commands.try_send(Waiting { command, answer }),
            None => return ready(Err(StoreError::Unavailable("the store is closed".into()))),
        };
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                let why = format!("{WAITING_MAX} commands wait already");
                return ready(Err(StoreError::Unavailable(why)));
            }
            Err(TrySendError::Disconnected(_)) => {
                return ready(Err(StoreError::Unavailable("the writer stopped".into())));
            }
        }
        Box::pin(async move {
            answered.await.unwrap_or_else(|_| Err(StoreError::OutcomeUnknown("the writer stopped".into())))
        })
    }
}

fn ready<'a>(answer: Result<Verdict, StoreError>) -> BoxFuture<'a, Result<Verdict, StoreError>> {
    Box::pin(std::future::ready(answer))
}
