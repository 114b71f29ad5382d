//! A store that is nothing but its lines: it is folded from them when it is made, judges one command, and gives its lines
//! back. What workers said in between is kept beside them, as stores do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use cortexpilot_core::codec::line::{self, Line, encode};
use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::decide::JudgedBeat;
use cortexpilot_core::domain::fold::State;
use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::governance::{ApprovalFilter, GovernanceFacts, GovernanceQuery};
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::lease::{Beat, ClaimQuery, ClaimStanding, HeartbeatAnswer, Next, WorkerPresence};
use cortexpilot_core::domain::listing::{QueueCounts, QueueFilter, QueueListing, Slice};
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::refusal::Refusal;
use cortexpilot_core::domain::session::{EndSessions, SessionKey, SessionRecord};
use cortexpilot_core::domain::token::TokenRecord;
use cortexpilot_core::port::lines::{LedgerLine, LinesPage, LinesQuery};
use cortexpilot_core::port::{ApprovalListing, BoxFuture, Store, StoreError, StoreHealth, StoreRead, Turn};
use cortexpilot_core::{Judged, JudgedDecision, Verdict, judge};
use futures_util::FutureExt as _;
use jiff::Timestamp;

/// The contracts that items rest on.
pub(crate) type Contracts = Arc<BTreeMap<String, Arc<[u8]>>>;

/// The store.
pub(crate) struct Desk(Mutex<Open>);

/// What it holds while it is open.
pub(crate) struct Open {
    pub(crate) state: State,
    pub(crate) lines: Vec<String>,
    pub(crate) beats: BTreeMap<QueueItemId, Beat>,
    pub(crate) last_ts: Option<Timestamp>,
    head: Sha256Digest,
    contracts: Contracts,
}

impl Desk {
    /// Folds the lines.
    pub(crate) fn open(lines: &[String], beats: &BTreeMap<QueueItemId, Beat>, contracts: &Contracts) -> Self {
        let mut open = Open {
            state: State::default(),
            lines: Vec::new(),
            beats: beats.clone(),
            last_ts: None,
            head: Sha256Digest::ZERO,
            contracts: contracts.clone(),
        };
        for line in lines {
            open.fold(line.clone());
        }
        Self(Mutex::new(open))
    }

    pub(crate) fn open_now(&self) -> MutexGuard<'_, Open> {
        self.0.lock().expect("nobody panics while they hold it")
    }

    pub(crate) fn execute_now(&self, command: &Command) -> Verdict {
        let verdict = judge(&mut *self.open_now(), command).now_or_never().expect("nothing waits here");
        verdict.expect("this store can always be written")
    }
}

impl Open {
    /// What was written is what is folded.
    fn fold(&mut self, text: String) -> QueueItemId {
        let hash = cortexpilot_core::domain::ledger::verify(&self.head, text.as_bytes()).expect("one chain");
        let event = match line::decode(text.as_bytes()) {
            Ok(Line::Event(event)) => event,
            other => panic!("not a line of the queue: {other:?}"),
        };
        self.state.apply(&event, Some(hash)).expect("a judged event fits the state it was judged on");
        self.last_ts = Some(event.ts());
        self.head = hash;
        self.lines.push(text);
        event.queue_id().clone()
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Turn for Open {
    fn last_ts(&self) -> Option<Timestamp> {
        self.last_ts
    }

    fn enqueue_facts<'a>(&'a mut self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        ready(Ok(self.state.facts(query)))
    }

    fn last_decision_ts(&self) -> Option<Timestamp> {
        None
    }

    fn governance<'a>(&'a mut self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        ready(Ok(self.state.governance().facts(query)))
    }

    fn item<'a>(&'a mut self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        ready(Ok(self.state.queue.get(id).cloned()))
    }

    fn next_eligible<'a>(&'a mut self, query: &'a ClaimQuery) -> BoxFuture<'a, Result<Next, StoreError>> {
        ready(Ok(self.state.queue.next(query)))
    }

    fn beat<'a>(&'a mut self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>> {
        ready(Ok(self.beats.get(id).cloned()))
    }

    fn pinned<'a>(&'a mut self, sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>> {
        ready(Ok(self.contracts.get(&sha256.to_string()).cloned()))
    }

    fn stage(&mut self, judged: Judged) -> BoxFuture<'_, Result<QueueItem, StoreError>> {
        let id = self.fold(encode(&judged, &self.head).text);
        let item = self.state.queue.get(&id).cloned().expect("an item that was changed is there");
        if item.claim().is_none() {
            self.beats.remove(&id);
        }
        ready(Ok(item))
    }

    fn record(&mut self, _: JudgedDecision) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Err(StoreError::Unavailable("nobody governs in this model".into())))
    }

    fn refuse<'a>(&'a mut self, _: &'a Refusal<'a>) -> BoxFuture<'a, ()> {
        ready(())
    }
}

/// What nobody asks in the model.
fn unasked<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, StoreError>> {
    ready(Err(StoreError::Unavailable("nobody asks this in the model".into())))
}

impl StoreRead for Desk {
    fn enqueue_facts<'a>(&'a self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        ready(Ok(self.open_now().state.facts(query)))
    }

    fn item<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        ready(Ok(self.open_now().state.queue.get(id).cloned()))
    }

    fn items<'a>(&'a self, filter: &'a QueueFilter) -> BoxFuture<'a, Result<QueueListing, StoreError>> {
        ready(Ok(self.open_now().state.queue.list(filter)))
    }

    fn counts(&self, now: Timestamp) -> BoxFuture<'_, Result<QueueCounts, StoreError>> {
        ready(Ok(self.open_now().state.counts(now)))
    }

    fn done_since(&self, _: Timestamp) -> BoxFuture<'_, Result<Vec<Slice>, StoreError>> {
        unasked()
    }

    fn governance<'a>(&'a self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        ready(Ok(self.open_now().state.governance().facts(query)))
    }

    fn approvals<'a>(&'a self, _: &'a ApprovalFilter) -> BoxFuture<'a, Result<ApprovalListing, StoreError>> {
        unasked()
    }

    fn tokens(&self) -> BoxFuture<'_, Result<Vec<TokenRecord>, StoreError>> {
        unasked()
    }

    fn health(&self) -> BoxFuture<'_, Result<StoreHealth, StoreError>> {
        unasked()
    }

    fn lines<'a>(&'a self, _: &'a LinesQuery) -> BoxFuture<'a, Result<LinesPage, StoreError>> {
        unasked()
    }

    fn lines_of<'a>(&'a self, _: &'a QueueItemId) -> BoxFuture<'a, Result<Vec<LedgerLine>, StoreError>> {
        unasked()
    }

    fn claims(&self) -> BoxFuture<'_, Result<Vec<ClaimStanding>, StoreError>> {
        unasked()
    }

    fn eligible<'a>(&'a self, _: &'a ClaimQuery, _: usize) -> BoxFuture<'a, Result<Vec<QueueItem>, StoreError>> {
        unasked()
    }

    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<QueueItemId>, StoreError>> {
        let open = self.open_now();
        ready(Ok(open.state.queue.overdue(now, limit).into_iter().map(|item| item.queue_id().clone()).collect()))
    }

    fn pinned<'a>(&'a self, _: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>> {
        unasked()
    }

    fn beat<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>> {
        ready(Ok(self.open_now().beats.get(id).cloned()))
    }

    fn workers(&self) -> BoxFuture<'_, Result<Vec<WorkerPresence>, StoreError>> {
        unasked()
    }

    fn session<'a>(&'a self, _: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        unasked()
    }
}

impl Store for Desk {
    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Verdict, StoreError>> {
        ready(Ok(self.execute_now(&command)))
    }

    fn write_beat(&self, judged: JudgedBeat) -> BoxFuture<'_, Result<HeartbeatAnswer, StoreError>> {
        let beat = judged.beat().clone();
        self.open_now().beats.insert(beat.queue_id.clone(), beat);
        ready(Ok(judged.answer().clone()))
    }

    fn write_presence(&self, _: WorkerPresence) -> BoxFuture<'_, Result<(), StoreError>> {
        unasked()
    }

    fn remove_presence<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        unasked()
    }

    fn write_session(&self, _: SessionKey, _: SessionRecord) -> BoxFuture<'_, Result<(), StoreError>> {
        unasked()
    }

    fn take_login<'a>(&'a self, _: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        unasked()
    }

    fn end_sessions(&self, _: EndSessions) -> BoxFuture<'_, Result<u64, StoreError>> {
        unasked()
    }
}
