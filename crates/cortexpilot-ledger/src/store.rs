//! The store for processes that may write.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::decide::JudgedBeat;
use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceFacts, GovernanceQuery};
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::lease::{Beat, ClaimQuery, ClaimStanding, HeartbeatAnswer, WorkerPresence};
use cortexpilot_core::domain::listing::{QueueCounts, QueueFilter, QueueListing, Slice};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::session::{EndSessions, SessionKey, SessionRecord};
use cortexpilot_core::domain::token::TokenRecord;
use cortexpilot_core::port::lines::{LedgerFile, LedgerLine, LinesPage, LinesQuery};
use cortexpilot_core::port::{ApprovalListing, BoxFuture, Clock, Store, StoreError, StoreHealth, StoreRead};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::beside::{Beside, Keeper};
use crate::chain::FileKind;
use crate::commits::{Commits, THREADS, stopped};
use crate::disk::{Counts, Disk};
use crate::index::{Background, IndexOptions};
use crate::lock::{LockFile, LockProblem};
use crate::pins::{self, Pins};
use crate::reader::approvals;
use crate::reserve::Reserve;
use crate::scrub::{self, ScrubReport};
use crate::segments::SegmentRule;
use crate::shown::{self, Stand, waiting};
use crate::state::{Engine, Shared};
use crate::writer::{Answer, BATCH_MAX, Common, Writer};

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
    /// When this process seals the beginning of `queue.jsonl` into a file of its own. Usually never.
    pub segments: SegmentRule,
}

impl StoreOptions {
    /// A runtime root with the usual times: 10 s for the lock, one minute for counted refusals.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let (lock_wait, idle) = (Duration::from_secs(10), Duration::from_mins(1));
        Self { root: root.into(), lock_wait, idle, index: IndexOptions::default(), segments: SegmentRule::default() }
    }
}

/// What a store has issued to the disk. The lock file's records, which are never flushed, are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoCounts {
    /// Batches of lines that were appended, to either file.
    pub commits: u64,
    /// Flushes of files and of directories.
    pub syncs: u64,
    /// Bytes written: lines, contracts, and bytes of other processes that were in doubt and written once more.
    pub bytes: u64,
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
    /// Other processes hold the ledger's lock.
    #[error("{0}")]
    Lock(String),
    /// Locks do not work on the file system of the runtime root: nothing would keep two writers apart.
    #[error("{0}")]
    NoLocks(String),
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
            LockProblem::Busy(..) => Self::Lock(problem.to_string()),
            LockProblem::DoesNotLock(_) => Self::NoLocks(problem.to_string()),
        }
    }
}

/// The embedded store: one process of possibly several that share a runtime root.
///
/// Commands are judged and written one batch after the other: by two threads of its own, of which one judges while the
/// other flushes, or by a caller that lets its own thread do it ([`Store::execute_here`]). Reads are answered by the caller's
/// thread from memory, after a look at the files; they take no lock and wait for a sync only when they rest on lines that
/// are being synced. Dropping the store ends the threads and waits for them.
pub struct FileStore {
    root: PathBuf,
    engine: Arc<Engine>,
    /// The last of this process's own turns that came to its end.
    ended: watch::Receiver<u64>,
    unrecorded: Arc<AtomicU64>,
    counts: Arc<Counts>,
    commits: Arc<Commits>,
    threads: Vec<JoinHandle<()>>,
    keeper: Arc<Keeper>,
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
        let StoreOptions { root, lock_wait, idle, index, segments } = options;
        let problem = |source| OpenError::Root { path: root.clone(), source };
        disk.make_dirs(&root.join(pins::DIR)).map_err(problem)?;
        let engine = Arc::new(Engine::new(&root));
        // What is durable is read without the lock, so that a large ledger does not keep others waiting. Where that does
        // not work the lock file makes no sense, and settling it under the lock is the way out.
        if let Err(error) = engine.write().catch_up(engine.marks()) {
            tracing::warn!(%error, "the ledger could not be read before it was locked");
        }
        let lock = LockFile::open(&root, lock_wait, disk.clone())?;
        let ended = engine.watch_ends();
        let unrecorded = Arc::new(AtomicU64::new(0));
        let pins = Pins::new(&root, disk.clone());
        let counts = disk.counts.clone();
        let keeper = Arc::new(Keeper::new(&root, &disk));
        // What the index costs is no part of a commit.
        let builder_disk = disk.counted_apart();
        let reserve = Reserve::new(&root, disk.clone());
        let common = Arc::new(Common::new(engine.clone(), disk, clock, unrecorded.clone()));
        let mut writer = Writer::new(common, lock, pins, reserve, segments);
        writer.begin(&root)?;
        if let Some(error) = engine.read().off_checkpoint() {
            return Err(error);
        }
        let commits = Arc::new(Commits::new(writer, idle));
        let mut store =
            Self { root, engine, ended, unrecorded, counts, commits, threads: Vec::new(), keeper, indexing: None };
        // Whatever fails from here on drops the store, and that ends the threads.
        let problem = |source| OpenError::Root { path: store.root.clone(), source };
        for nth in 0..THREADS {
            let commits = store.commits.clone();
            let thread = std::thread::Builder::new().name("ledger-writer".into()).spawn(move || commits.run(nth));
            store.threads.push(thread.map_err(problem)?);
        }
        store.indexing = Background::start(index, &store.root, &store.engine, builder_disk).map_err(problem)?;
        Ok(store)
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// From here on nothing is judged while a batch is flushed, as on a slow disk: what is sent meanwhile becomes one batch.
    #[cfg(test)]
    pub(crate) fn judge_nothing_ahead(&self) {
        self.commits.common.found_flushes_slow();
    }

    /// As in the moment between a flush that fails and its lines being taken back.
    #[cfg(test)]
    pub(crate) fn poison(&self) {
        self.commits.common.poison("syncing queue.jsonl failed: a test says so");
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

    /// Ready when a write of this process failed, with the reason: it will acknowledge nothing more, and only another
    /// process can. Pending for as long as all is well. The reason is for logs.
    pub async fn failure(&self) -> String {
        let mut ended = self.ended.clone();
        loop {
            if let Some(why) = self.failed() {
                return why;
            }
            if ended.changed().await.is_err() {
                // The writer is gone, and took what it was told down with it.
                return self.failed().unwrap_or_else(|| "the writer stopped".to_owned());
            }
        }
    }

    /// Why a write of this process failed, if one did.
    pub fn failed(&self) -> Option<String> {
        self.engine.read().failed.clone()
    }

    /// Why nothing of these files should be signed now, if so: a line is damaged, or a write of this process failed and
    /// another one must settle what it left. The reason is for logs.
    pub fn unsound(&self) -> Option<String> {
        let shared = self.engine.read();
        let damage = shared.refuses_writes().filter(|why| matches!(why, StoreError::Corrupt { .. }));
        shared.failed.clone().or_else(|| damage.map(|damage| damage.to_string()))
    }

    /// Refusals that could not be written down since the store was opened. They stand all the same.
    pub fn unrecorded_refusals(&self) -> u64 {
        self.unrecorded.load(Ordering::Relaxed)
    }

    /// What this store has issued to the disk since it was opened, opening included.
    pub fn io_counts(&self) -> IoCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { commits, syncs, bytes } = &*self.counts;
        IoCounts { commits: read(commits), syncs: read(syncs), bytes: read(bytes) }
    }

    /// Answers when what the answer rests on is durable.
    async fn answer<T>(&self, answer: impl Fn(&Shared) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.answer_of(&FileKind::ALL, answer).await
    }

    /// The same for an answer that rests on these files alone.
    async fn answer_of<T>(
        &self,
        kinds: &[FileKind],
        answer: impl Fn(&Shared) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        loop {
            let (value, rests_on) = self.engine.look_at(kinds, &answer)?;
            let Some(rests_on) = rests_on else { return Ok(value) };
            let mut ended = self.ended.clone();
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

impl FileStore {
    /// Answers about lines when every line that was staged by then is in its file and durable: also a refusal, which no other
    /// answer rests on.
    async fn of_lines<T>(&self, answer: impl Fn(&Shared) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut ended = self.ended.clone();
        loop {
            let look = |shared: &Shared| Ok((answer(shared)?, shared.under_way(), shared.generation));
            let ((value, under_way, generation), _) = self.engine.look(look)?;
            let Some(turn) = under_way else { return Ok(value) };
            if ended.wait_for(|ended| *ended >= turn.commit).await.is_err() {
                return Err(StoreError::Unavailable("the writer stopped".into()));
            }
            if self.engine.read().generation == generation {
                return Ok(value);
            }
        }
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        self.commits.close();
        for thread in self.threads.drain(..) {
            // It catches panics and reports them itself.
            let _ = thread.join();
        }
        self.commits.end();
        drop(self.indexing.take());
    }
}

impl StoreRead for FileStore {
    fn enqueue_facts<'a>(&'a self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        Box::pin(self.answer(|shared| shared.facts(query)))
    }

    fn item<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        // Nothing that is decided changes an item.
        Box::pin(self.answer_of(&[FileKind::Queue], |shared| shared.item(id)))
    }

    fn items<'a>(&'a self, filter: &'a QueueFilter) -> BoxFuture<'a, Result<QueueListing, StoreError>> {
        Box::pin(self.answer(|shared| shared.list(filter)))
    }

    fn counts(&self, now: Timestamp) -> BoxFuture<'_, Result<QueueCounts, StoreError>> {
        Box::pin(self.answer(move |shared| Ok(shared.state.counts(now))))
    }

    fn done_since(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Slice>, StoreError>> {
        Box::pin(self.answer(move |shared| Ok(shared.state.done_since(since))))
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

    fn lines<'a>(&'a self, query: &'a LinesQuery) -> BoxFuture<'a, Result<LinesPage, StoreError>> {
        Box::pin(async move {
            let stand = self.of_lines(|shared| Ok(Stand::of(shared, query.file))).await?;
            let (root, engine, query) = (self.root.clone(), self.engine.clone(), query.clone());
            waiting(move || shown::page(&root, &engine.directory, &stand, &query)).await
        })
    }

    fn lines_of<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Vec<LedgerLine>, StoreError>> {
        Box::pin(async move {
            let found = |shared: &Shared| Ok((Stand::of(shared, LedgerFile::Queue), shown::places(shared, id)?));
            let (stand, Some(places)) = self.of_lines(found).await? else { return Ok(Vec::new()) };
            let (root, engine) = (self.root.clone(), self.engine.clone());
            waiting(move || shown::lines_at(&root, &engine.directory, &stand, &places)).await
        })
    }

    fn claims(&self) -> BoxFuture<'_, Result<Vec<ClaimStanding>, StoreError>> {
        Box::pin(async move {
            let claimed = |shared: &Shared| Ok(shared.state.queue.claimed().into_iter().cloned().collect::<Vec<_>>());
            let claimed = self.answer(claimed).await?;
            let root = self.root.clone();
            waiting(move || Ok(Beside::of(&root).standings(claimed))).await
        })
    }

    fn eligible<'a>(
        &'a self,
        query: &'a ClaimQuery,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<QueueItem>, StoreError>> {
        Box::pin(self.answer(move |shared| Ok(shared.state.queue.eligible(query, limit))))
    }

    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<QueueItemId>, StoreError>> {
        let id = |item: &QueueItem| item.queue_id().clone();
        Box::pin(self.answer(move |shared| Ok(shared.state.queue.overdue(now, limit).into_iter().map(id).collect())))
    }

    fn pinned<'a>(&'a self, sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>> {
        let (root, sha256) = (self.root.clone(), *sha256);
        Box::pin(waiting(move || Beside::of(&root).pinned(&sha256)))
    }

    fn beat<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>> {
        Box::pin(std::future::ready(Ok(Beside::of(&self.root).beat(id))))
    }

    fn workers(&self) -> BoxFuture<'_, Result<Vec<WorkerPresence>, StoreError>> {
        let root = self.root.clone();
        Box::pin(waiting(move || Beside::of(&root).workers()))
    }

    fn session<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        // One small file, asked for with every request that a session signs in.
        Box::pin(std::future::ready(Beside::of(&self.root).session(key)))
    }
}

impl Store for FileStore {
    fn execute(&self, command: Command) -> BoxFuture<'_, Answer> {
        let answered = self.commits.submit(vec![command]);
        Box::pin(async move {
            let mut answered = answered?.await.map_err(|_| stopped())?;
            answered.answers.pop().unwrap_or_else(|| Err(stopped()))
        })
    }

    fn write_beat(&self, judged: JudgedBeat) -> BoxFuture<'_, Result<HeartbeatAnswer, StoreError>> {
        let (keeper, beat, answer) = (self.keeper.clone(), judged.beat().clone(), judged.answer().clone());
        Box::pin(waiting(move || keeper.beat(&beat).map(|()| answer)))
    }

    fn write_presence(&self, presence: WorkerPresence) -> BoxFuture<'_, Result<(), StoreError>> {
        let keeper = self.keeper.clone();
        Box::pin(waiting(move || keeper.presence(&presence)))
    }

    fn remove_presence<'a>(&'a self, worker: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        let (keeper, worker) = (self.keeper.clone(), worker.to_owned());
        Box::pin(waiting(move || keeper.remove_presence(&worker)))
    }

    fn write_session(&self, key: SessionKey, record: SessionRecord) -> BoxFuture<'_, Result<(), StoreError>> {
        let keeper = self.keeper.clone();
        Box::pin(waiting(move || keeper.write_session(&key, &record)))
    }

    fn take_login<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        let (keeper, key) = (self.keeper.clone(), *key);
        Box::pin(waiting(move || keeper.take_login(&key)))
    }

    fn end_sessions(&self, which: EndSessions) -> BoxFuture<'_, Result<u64, StoreError>> {
        let keeper = self.keeper.clone();
        Box::pin(waiting(move || keeper.end_sessions(&which)))
    }

    fn execute_here(&self, command: Command) -> Answer {
        self.commits.here(vec![command])?.answers.pop().unwrap_or_else(|| Err(stopped()))
    }

    fn execute_all(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Answer>> {
        // Sent before anything is awaited, so that more than one batch of them keep their order, too.
        let mut groups = Vec::new();
        let mut refused = None;
        let mut commands = commands.into_iter();
        loop {
            let group: Vec<Command> = commands.by_ref().take(BATCH_MAX).collect();
            if group.is_empty() {
                break;
            }
            let count = group.len();
            // What comes behind commands that were not taken rests on them: it is not taken either.
            let answered = match &refused {
                Some(why) => Err(StoreError::clone(why)),
                None => self.commits.submit(group),
            };
            refused = refused.or(answered.as_ref().err().cloned());
            groups.push((count, answered));
        }
        Box::pin(async move {
            let mut answers = Vec::new();
            for (count, answered) in groups {
                match answered {
                    Ok(answered) => match answered.await {
                        Ok(some) => answers.extend(some.answers),
                        Err(_) => answers.extend((0..count).map(|_| Err(stopped()))),
                    },
                    Err(why) => answers.extend((0..count).map(|_| Err(why.clone()))),
                }
            }
            answers
        })
    }
}
