//! The store of a process that serves one caller: a command line, a server over standard input and output.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::decide::{JudgedBeat, Verdict};
use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceFacts, GovernanceQuery};
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::lease::{Beat, ClaimQuery, ClaimStanding, HeartbeatAnswer, WorkerPresence};
use cortexpilot_core::domain::listing::{QueueCounts, QueueFilter, QueueListing, Slice};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::session::{EndSessions, SessionKey, SessionRecord};
use cortexpilot_core::domain::token::TokenRecord;
use cortexpilot_core::port::lines::{LedgerLine, LinesPage, LinesQuery};
use cortexpilot_core::port::{ApprovalListing, BoxFuture, Store, StoreError, StoreHealth, StoreRead};
use jiff::Timestamp;

/// Carries a command out on the very thread that serves, which spares it being handed to another and back. Nobody waits for
/// that thread but the caller, who waits for the answer.
///
/// A caller may send more before it has an answer, and those should share a commit: so each gives way once, to whatever is
/// ready, and is handed over like anybody's where others have come meanwhile.
pub(super) struct OneCaller<S> {
    store: Arc<S>,
    at_once: AtomicUsize,
}

/// A command that is being carried out.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S: Store> OneCaller<S> {
    pub(super) fn new(store: Arc<S>) -> Self {
        Self { store, at_once: AtomicUsize::new(0) }
    }
}

impl<S: Store> Store for OneCaller<S> {
    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Verdict, StoreError>> {
        Box::pin(async move {
            self.at_once.fetch_add(1, Ordering::Relaxed);
            let counted = Counted(&self.at_once);
            tokio::task::yield_now().await;
            if counted.0.load(Ordering::Relaxed) == 1 {
                self.store.execute_here(command)
            } else {
                self.store.execute(command).await
            }
        })
    }

    fn execute_here(&self, command: Command) -> Result<Verdict, StoreError> {
        self.store.execute_here(command)
    }

    fn execute_all(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Result<Verdict, StoreError>>> {
        self.store.execute_all(commands)
    }

    fn write_beat(&self, judged: JudgedBeat) -> BoxFuture<'_, Result<HeartbeatAnswer, StoreError>> {
        self.store.write_beat(judged)
    }

    fn write_presence(&self, presence: WorkerPresence) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.write_presence(presence)
    }

    fn remove_presence<'a>(&'a self, worker: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store.remove_presence(worker)
    }

    fn write_session(&self, key: SessionKey, record: SessionRecord) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.write_session(key, record)
    }

    fn take_login<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        self.store.take_login(key)
    }

    fn end_sessions(&self, which: EndSessions) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.store.end_sessions(which)
    }
}

impl<S: Store> StoreRead for OneCaller<S> {
    fn enqueue_facts<'a>(&'a self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        self.store.enqueue_facts(query)
    }

    fn item<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        self.store.item(id)
    }

    fn items<'a>(&'a self, filter: &'a QueueFilter) -> BoxFuture<'a, Result<QueueListing, StoreError>> {
        self.store.items(filter)
    }

    fn counts(&self, now: Timestamp) -> BoxFuture<'_, Result<QueueCounts, StoreError>> {
        self.store.counts(now)
    }

    fn done_since(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Slice>, StoreError>> {
        self.store.done_since(since)
    }

    fn governance<'a>(&'a self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        self.store.governance(query)
    }

    fn approvals<'a>(&'a self, filter: &'a ApprovalFilter) -> BoxFuture<'a, Result<ApprovalListing, StoreError>> {
        self.store.approvals(filter)
    }

    fn tokens(&self) -> BoxFuture<'_, Result<Vec<TokenRecord>, StoreError>> {
        self.store.tokens()
    }

    fn health(&self) -> BoxFuture<'_, Result<StoreHealth, StoreError>> {
        self.store.health()
    }

    fn lines<'a>(&'a self, query: &'a LinesQuery) -> BoxFuture<'a, Result<LinesPage, StoreError>> {
        self.store.lines(query)
    }

    fn lines_of<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Vec<LedgerLine>, StoreError>> {
        self.store.lines_of(id)
    }

    fn claims(&self) -> BoxFuture<'_, Result<Vec<ClaimStanding>, StoreError>> {
        self.store.claims()
    }

    fn eligible<'a>(
        &'a self,
        query: &'a ClaimQuery,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<QueueItem>, StoreError>> {
        self.store.eligible(query, limit)
    }

    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<QueueItemId>, StoreError>> {
        self.store.overdue(now, limit)
    }

    fn pinned<'a>(&'a self, sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>> {
        self.store.pinned(sha256)
    }

    fn beat<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>> {
        self.store.beat(id)
    }

    fn workers(&self) -> BoxFuture<'_, Result<Vec<WorkerPresence>, StoreError>> {
        self.store.workers()
    }

    fn session<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        self.store.session(key)
    }
}

#[cfg(test)]
mod tests {
    use cortexpilot_core::port::conformance::{Ask, block_on, start};
    use cortexpilot_core::port::fake::ManualClock;
    use cortexpilot_ledger::{FileStore, StoreOptions};

    use super::*;

    /// How many commits so many commands take that are sent at once.
    fn commits_of(callers: usize) -> u64 {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(start()));
        let store = Arc::new(FileStore::open(StoreOptions::new(dir.path()), clock).unwrap());
        let one = Arc::new(OneCaller::new(store.clone()));
        let commands: Vec<Command> = (0..callers)
            .map(|n| {
                let ask = Ask::of(&format!("run_{n}"));
                ask.command(block_on(ask.preview(&*store)))
            })
            .collect();
        let before = store.io_counts().commits;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let sent = commands.into_iter().map(|command| {
                let one = one.clone();
                tokio::spawn(async move { one.execute(command).await })
            });
            for answer in sent.collect::<Vec<_>>() {
                assert!(matches!(answer.await.unwrap(), Ok(Verdict::Enqueued(_))));
            }
        });
        store.io_counts().commits - before
    }

    #[test]
    fn a_caller_that_sends_one_command_is_served_and_one_that_sends_many_shares_commits() {
        assert_eq!(commits_of(1), 1);
        let commits = commits_of(64);
        assert!(commits < 32, "{commits} commits of 64 commands");
    }
}
