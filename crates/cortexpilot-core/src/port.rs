//! What the outside world must provide: a store, runs, a clock, identifiers.
//!
//! Methods return [`BoxFuture`], because the binary picks its store at run time and `async fn` in a trait is not
//! dyn-compatible.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use jiff::Timestamp;

use crate::domain::approval::ApprovalRequest;
use crate::domain::command::Command;
use crate::domain::decide::{Judged, JudgedBeat, JudgedDecision, Verdict};
use crate::domain::gate::{EnqueueFacts, EnqueueQuery};
use crate::domain::governance::{ApprovalFilter, GovernanceFacts, GovernanceQuery};
use crate::domain::id::{QueueItemId, Sha256Digest};
use crate::domain::lease::{Beat, ClaimQuery, ClaimStanding, HeartbeatAnswer, Next, WorkerPresence};
use crate::domain::listing::{FileProblem, QueueCounts, QueueFilter, QueueListing, Slice};
use crate::domain::queue::QueueItem;
use crate::domain::refusal::Refusal;
use crate::domain::session::{EndSessions, SessionKey, SessionRecord};
use crate::domain::token::TokenRecord;
use lines::{LedgerLine, LinesPage, LinesQuery};

pub mod runs;

pub mod receipts;

pub mod lines;

pub mod fake;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs a future on this thread, which sleeps while it is not ready. Only for a thread that nothing else waits for.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Reads the time. One real implementation, in the binary; a manual one in tests.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes. One real implementation, in the binary; a counting one in tests.
pub trait Ids: Send + Sync {
    /// Fills the buffer with bytes that nobody can guess.
    fn fill(&self, buffer: &mut [u8]);
}

impl dyn Ids + '_ {
    /// An array of random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// What a store could not do. Never a denial: nothing was judged, or it is unknown whether the judged line is durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be read or written now; nothing was changed. The text is for logs.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A write or sync failed half way: it is not known whether the change is durable. The text is for logs.
    #[error("it is not known whether the change is durable: {0}")]
    OutcomeUnknown(String),
    /// There is too little room for the change and for what must still be possible after it; nothing was changed. Changes
    /// that add no work go on. The text is for logs.
    #[error("there is too little room: {0}")]
    Full(String),
    /// A line of the ledger does not verify. Reads go on, writes do not.
    #[error("{file} is damaged at line {line}")]
    Corrupt {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: u64,
    },
    /// The ledger holds an event of a newer version. Reads go on, writes do not.
    #[error("the ledger holds the unknown event {event}")]
    Newer {
        /// The event's name.
        event: String,
    },
}

/// One command's turn inside a store's serialization (a file lock, a transaction). A store implements it on a type
/// private to its crate and passes that to [`crate::judge`].
pub trait Turn: Send {
    /// The time of the ledger's last line.
    fn last_ts(&self) -> Option<Timestamp>;
    /// Loads what an apply rests on.
    fn enqueue_facts<'a>(&'a mut self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>>;
    /// The time of the last decision's line.
    fn last_decision_ts(&self) -> Option<Timestamp>;
    /// Loads what operators decided.
    fn governance<'a>(&'a mut self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>>;
    /// Loads one item.
    fn item<'a>(&'a mut self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>>;
    /// Loads the item to claim next.
    fn next_eligible<'a>(&'a mut self, query: &'a ClaimQuery) -> BoxFuture<'a, Result<Next, StoreError>>;
    /// Loads what an item's worker last said.
    fn beat<'a>(&'a mut self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>>;
    /// Loads a pinned contract, whose bytes are those of the digest; `None` where there is none, or it was altered.
    fn pinned<'a>(&'a mut self, sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>>;
    /// Takes what was judged into this turn and gives the item as it stands after it. It is acknowledged only when its
    /// line is durable.
    fn stage(&mut self, judged: Judged) -> BoxFuture<'_, Result<QueueItem, StoreError>>;
    /// Takes a judged decision into this turn, so that later commands are judged under it. It is acknowledged only when its
    /// line is durable.
    fn record(&mut self, judged: JudgedDecision) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Takes note of a refusal. The store meters them ([`crate::domain::refusal::RefusalMeter`]); unauthenticated ones are
    /// only counted. A refusal that cannot be recorded stands all the same: it is logged.
    fn refuse<'a>(&'a mut self, refusal: &'a Refusal<'a>) -> BoxFuture<'a, ()>;
}

/// A page of requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApprovalListing {
    /// The requests, each with its position.
    pub requests: Vec<(u64, ApprovalRequest)>,
    /// There are more.
    pub more: bool,
}

/// How the ledger stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreHealth {
    /// Lines that were read.
    pub lines: u64,
    /// The last line's hash; 64 zeros for an empty ledger.
    pub head: Sha256Digest,
    /// Time of the last line.
    pub last_ts: Option<Timestamp>,
    /// Pending items.
    pub pending: usize,
    /// Claimed items.
    pub claimed: usize,
    /// Items that an operator is to settle.
    pub held: usize,
    /// Why nothing can be written, if so.
    pub refuses_writes: Option<StoreError>,
    /// What is wrong, line by line.
    pub problems: Vec<FileProblem>,
}

/// The reading half of a store: leaves not one byte behind.
pub trait StoreRead: Send + Sync {
    /// What a preview rests on.
    fn enqueue_facts<'a>(&'a self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>>;
    /// One item.
    fn item<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>>;
    /// Items in enqueue order, or the newest first.
    fn items<'a>(&'a self, filter: &'a QueueFilter) -> BoxFuture<'a, Result<QueueListing, StoreError>>;
    /// How many items there are at this moment. Asked often: it costs nothing that grows with the history.
    fn counts(&self, now: Timestamp) -> BoxFuture<'_, Result<QueueCounts, StoreError>>;
    /// What was done in each five minutes since this moment, in order, those left out in which nothing was; a day and five
    /// minutes are known. The first may have begun before the moment. It costs nothing that grows with the history.
    fn done_since(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Slice>, StoreError>>;
    /// What operators decided.
    fn governance<'a>(&'a self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>>;
    /// Requests that people decide, in the order of asking, each with its position; and whether there are more.
    fn approvals<'a>(&'a self, filter: &'a ApprovalFilter) -> BoxFuture<'a, Result<ApprovalListing, StoreError>>;
    /// Every token that was ever made, by id.
    fn tokens(&self) -> BoxFuture<'_, Result<Vec<TokenRecord>, StoreError>>;
    /// How the ledger stands.
    fn health(&self) -> BoxFuture<'_, Result<StoreHealth, StoreError>>;
    /// A page of lines of one of the files, each verified against the line before it.
    fn lines<'a>(&'a self, query: &'a LinesQuery) -> BoxFuture<'a, Result<LinesPage, StoreError>>;
    /// The lines of one item, in their order; empty where there is no such item.
    fn lines_of<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Vec<LedgerLine>, StoreError>>;
    /// Every claimed item, in enqueue order, with what its worker last said.
    fn claims(&self) -> BoxFuture<'_, Result<Vec<ClaimStanding>, StoreError>>;
    /// Items that may be claimed, in claim order, each judged as if it were the next.
    fn eligible<'a>(&'a self, query: &'a ClaimQuery, limit: usize)
    -> BoxFuture<'a, Result<Vec<QueueItem>, StoreError>>;
    /// Pending items whose deadline has passed, the oldest deadline first.
    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<QueueItemId>, StoreError>>;
    /// A pinned contract, whose bytes are those of the digest; `None` where there is none, or it was altered.
    fn pinned<'a>(&'a self, sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>>;
    /// What an item's worker last said.
    fn beat<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>>;
    /// Every worker that said that it is there, by name; how long ago is in what it said.
    fn workers(&self) -> BoxFuture<'_, Result<Vec<WorkerPresence>, StoreError>>;
    /// The session or one-time login under this key, over or not; whoever asks looks at its time.
    fn session<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>>;
}

/// A store: reads, and one way to change it.
pub trait Store: StoreRead {
    /// Judges a command ([`crate::judge`]) in the store's serialization and answers when every line it rests on is on
    /// stable storage: accepted lines, and lines of other processes that were read.
    ///
    /// # Errors
    /// [`StoreError`]; a denial is a [`Verdict`], not an error.
    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Verdict, StoreError>>;

    /// Keeps what a worker said of its item, in place of what it said before. Neither a line nor a flush: after a crash it
    /// may be gone, and that ends no lease.
    ///
    /// # Errors
    /// [`StoreError`].
    fn write_beat(&self, judged: JudgedBeat) -> BoxFuture<'_, Result<HeartbeatAnswer, StoreError>>;

    /// Keeps what a worker says of itself, in place of what it said before. Neither a line nor a flush.
    ///
    /// # Errors
    /// [`StoreError`].
    fn write_presence(&self, presence: WorkerPresence) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Forgets what a worker of this name said of itself, if anything.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove_presence<'a>(&'a self, worker: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Keeps a session, or a one-time login. What is over by the moment at which it was made, and the oldest of its principal
    /// beyond [`crate::domain::session::SESSIONS_OF_PRINCIPAL_MAX`], ends with that. Neither a line nor a flush: after a crash
    /// it may be gone, and then somebody signs in once more.
    ///
    /// # Errors
    /// [`StoreError`].
    fn write_session(&self, key: SessionKey, record: SessionRecord) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Takes a one-time login out of the store. Of all that ask for it at once, in whichever processes, one has it: that is
    /// what makes it one-time.
    ///
    /// # Errors
    /// [`StoreError`]; whether it can still be had then is not known.
    fn take_login<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>>;

    /// Ends sessions, in every process from its next request on; with how many there were.
    ///
    /// # Errors
    /// [`StoreError`]; some of them may have ended.
    fn end_sessions(&self, which: EndSessions) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// [`execute`](Self::execute) for a caller whose thread may be blocked until the answer is there, which takes a flush and
    /// sometimes more: a command line, a server of one client, never a thread that others wait for. A store that can
    /// carries the command out on that very thread, and spares it being handed over and back.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    fn execute_here(&self, command: Command) -> Result<Verdict, StoreError> {
        block_on(self.execute(command))
    }

    /// Judges commands one after the other, each in the state that those before it left, and answers all of them together,
    /// in their order, when they are durable. Up to 256 of them share one commit; each is judged for itself, so that a
    /// denial among them stops nothing. It is how many items are queued at once, and how a worker hands in one item and
    /// takes the next for one flush.
    ///
    /// Commands of other callers may come between two of them in a store that does not override this.
    fn execute_all(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Result<Verdict, StoreError>>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(commands.len());
            for command in commands {
                answers.push(self.execute(command).await);
            }
            answers
        })
    }
}
