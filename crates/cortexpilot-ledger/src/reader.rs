//! The store for processes that only read: it leaves not one byte behind.

use std::path::PathBuf;
use std::sync::Arc;

use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceFacts, GovernanceQuery};
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::lease::{Beat, ClaimQuery, ClaimStanding, WorkerPresence};
use cortexpilot_core::domain::listing::{QueueCounts, QueueFilter, QueueListing, Slice};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::session::{SessionKey, SessionRecord};
use cortexpilot_core::domain::token::TokenRecord;
use cortexpilot_core::port::lines::{LedgerFile, LedgerLine, LinesPage, LinesQuery};
use cortexpilot_core::port::{ApprovalListing, BoxFuture, StoreError, StoreHealth, StoreRead};
use jiff::Timestamp;

use crate::beside::Beside;
use crate::chain::FileKind;
use crate::shown::{self, Stand, waiting};
use crate::state::{Engine, Shared};

/// Reads the ledger of a runtime root and follows it while others write.
///
/// It makes no directory, no lock file, nothing. Files that do not exist are an empty ledger. It reads only what is
/// durable: a line of a commit under way, or of one that failed, is not there yet.
pub struct FileReader {
    root: PathBuf,
    engine: Arc<Engine>,
}

impl FileReader {
    /// Names the runtime root. Nothing is read before the first question.
    pub fn open(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { engine: Arc::new(Engine::new(&root)), root }
    }

    fn answer<'a, T: Send + 'a>(
        &'a self,
        answer: impl Fn(&Shared) -> Result<T, StoreError>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(std::future::ready(self.engine.look(answer).map(|(answer, _)| answer)))
    }
}

impl StoreRead for FileReader {
    fn enqueue_facts<'a>(&'a self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        self.answer(|shared| shared.facts(query))
    }

    fn item<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        // Nothing that is decided changes an item.
        let found = self.engine.look_at(&[FileKind::Queue], |shared| shared.item(id));
        Box::pin(std::future::ready(found.map(|(item, _)| item)))
    }

    fn items<'a>(&'a self, filter: &'a QueueFilter) -> BoxFuture<'a, Result<QueueListing, StoreError>> {
        self.answer(|shared| shared.list(filter))
    }

    fn counts(&self, now: Timestamp) -> BoxFuture<'_, Result<QueueCounts, StoreError>> {
        self.answer(move |shared| Ok(shared.state.counts(now)))
    }

    fn done_since(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Slice>, StoreError>> {
        self.answer(move |shared| Ok(shared.state.done_since(since)))
    }

    fn governance<'a>(&'a self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        self.answer(|shared| Ok(shared.state.governance().facts(query)))
    }

    fn approvals<'a>(&'a self, filter: &'a ApprovalFilter) -> BoxFuture<'a, Result<ApprovalListing, StoreError>> {
        self.answer(|shared| Ok(approvals(shared, filter)))
    }

    fn tokens(&self) -> BoxFuture<'_, Result<Vec<TokenRecord>, StoreError>> {
        self.answer(|shared| Ok(shared.state.governance().tokens().cloned().collect()))
    }

    fn health(&self) -> BoxFuture<'_, Result<StoreHealth, StoreError>> {
        self.answer(|shared| Ok(shared.health()))
    }

    fn lines<'a>(&'a self, query: &'a LinesQuery) -> BoxFuture<'a, Result<LinesPage, StoreError>> {
        Box::pin(async move {
            let stand = self.answer(|shared| Ok(Stand::of(shared, query.file))).await?;
            let (root, engine, query) = (self.root.clone(), self.engine.clone(), query.clone());
            waiting(move || shown::page(&root, &engine.directory, &stand, &query)).await
        })
    }

    fn lines_of<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Vec<LedgerLine>, StoreError>> {
        Box::pin(async move {
            let found = |shared: &Shared| Ok((Stand::of(shared, LedgerFile::Queue), shown::places(shared, id)?));
            let (stand, Some(places)) = self.answer(found).await? else { return Ok(Vec::new()) };
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
        self.answer(move |shared| Ok(shared.state.queue.eligible(query, limit)))
    }

    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<QueueItemId>, StoreError>> {
        let id = |item: &QueueItem| item.queue_id().clone();
        self.answer(move |shared| Ok(shared.state.queue.overdue(now, limit).into_iter().map(id).collect()))
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

/// A page of requests.
pub(crate) fn approvals(shared: &Shared, filter: &ApprovalFilter) -> ApprovalListing {
    let (requests, more) = shared.state.governance().list(filter);
    ApprovalListing { requests, more }
}
