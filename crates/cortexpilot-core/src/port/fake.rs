//! Stand-ins for the ports, for tests of every crate: a store in memory held to the same promises as the real ones, runs
//! from a map, a clock moved by hand, identifiers that count.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use super::lines::{LedgerFile, LedgerLine, LinesFrom, LinesPage, LinesQuery, Paging};
use super::{ApprovalListing, BoxFuture, Clock, Ids, Store, StoreError, StoreHealth, StoreRead, Turn};
use crate::codec::line::{SealedLine, encode};
use crate::codec::{decision, line};
use crate::domain::command::Command;
use crate::domain::decide::{Judged, JudgedBeat, JudgedDecision, Verdict};
use crate::domain::fold::State;
use crate::domain::gate::{EnqueueFacts, EnqueueQuery};
use crate::domain::governance::{ApprovalFilter, GovernanceFacts, GovernanceQuery};
use crate::domain::id::{QueueItemId, Sha256Digest};
use crate::domain::lease::{Beat, ClaimQuery, ClaimStanding, HeartbeatAnswer, Next, WorkerPresence};
use crate::domain::listing::{QueueCounts, QueueFilter, QueueListing, Slice};
use crate::domain::queue::QueueItem;
use crate::domain::refusal::{Record, Refusal, RefusalMeter};
use crate::domain::session::{EndSessions, SecretKind, SessionKey, SessionRecord, give_way};
use crate::domain::time::to_micros;
use crate::domain::token::TokenRecord;

mod runs;

pub use runs::{FakeRuns, run_facts};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Starts at an instant.
    pub fn at(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    /// Moves it; by a negative span it goes back, as a corrected clock does.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().expect("invariant: no test panics while it holds the clock");
        *now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("invariant: no test panics while it holds the clock")
    }
}

/// Identifiers that count from one.
#[derive(Debug, Default)]
pub struct SeqIds(AtomicU64);

impl Ids for SeqIds {
    fn fill(&self, buffer: &mut [u8]) {
        let next = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        buffer.fill(0);
        for (byte, value) in buffer.iter_mut().rev().zip(next.to_le_bytes()) {
            *byte = value;
        }
    }
}

/// A ledger in memory.
#[derive(Debug, Default)]
pub struct MemStore(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    state: State,
    lines: Vec<SealedLine>,
    decisions: Vec<SealedLine>,
    last_ts: Option<Timestamp>,
    last_decision_ts: Option<Timestamp>,
    meter: RefusalMeter,
    pins: HashMap<Sha256Digest, Arc<[u8]>>,
    beats: HashMap<QueueItemId, Beat>,
    workers: BTreeMap<String, WorkerPresence>,
    sessions: BTreeMap<SessionKey, SessionRecord>,
}

impl MemStore {
    /// The queue's lines, without newlines.
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().map(|line| line.text.clone()).collect()
    }

    /// The lines of refusals.
    pub fn decisions(&self) -> Vec<String> {
        self.lock().decisions.iter().map(|line| line.text.clone()).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.0.lock().expect("invariant: no turn panics while it holds the store")
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Memory {
    fn append_decision(&mut self, ts: Timestamp, encode: impl FnOnce(&Sha256Digest) -> SealedLine) {
        let prev = self.decisions.last().map_or(Sha256Digest::ZERO, |line| line.hash);
        self.decisions.push(encode(&prev));
        self.last_decision_ts = Some(ts);
    }
}

impl Turn for Memory {
    fn last_ts(&self) -> Option<Timestamp> {
        self.last_ts
    }

    fn enqueue_facts<'a>(&'a mut self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        ready(Ok(self.state.facts(query)))
    }

    fn last_decision_ts(&self) -> Option<Timestamp> {
        self.last_decision_ts
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
        ready(Ok(self.pins.get(sha256).cloned()))
    }

    fn stage(&mut self, judged: Judged) -> BoxFuture<'_, Result<QueueItem, StoreError>> {
        let prev = self.lines.last().map_or(Sha256Digest::ZERO, |line| line.hash);
        let sealed = encode(&judged, &prev);
        // What was written is what a reader folds: the event is taken back from the line.
        let event = match line::decode(sealed.text.as_bytes()) {
            Ok(line::Line::Event(event)) => event,
            Ok(line::Line::Repaired(_) | line::Line::Adopted(_) | line::Line::Unknown { .. }) | Err(_) => {
                return ready(Err(StoreError::Unavailable("the line does not read back".into())));
            }
        };
        self.state.apply(&event, Some(sealed.hash)).expect("invariant: a judged event fits the state it was judged on");
        self.last_ts = Some(event.ts());
        self.lines.push(sealed);
        if let Some(pin) = judged.pin() {
            self.pins.insert(pin.sha256(), pin.bytes().into());
        }
        let Self { state, pins, beats, .. } = self;
        pins.retain(|sha256, _| state.queue.pin_is_live(sha256));
        if state.queue.get(event.queue_id()).is_some_and(|item| item.claim().is_none()) {
            beats.remove(event.queue_id());
        }
        let item = self.state.queue.get(event.queue_id()).cloned().expect("invariant: an applied event has its item");
        ready(Ok(item))
    }

    fn record(&mut self, judged: JudgedDecision) -> BoxFuture<'_, Result<(), StoreError>> {
        let ts = judged.event().ts();
        self.append_decision(ts, |prev| decision::encode(&judged, prev));
        // What was written is what a reader folds.
        let line = self.decisions.last().map(|line| decision::read(line.text.as_bytes()));
        let Some(Ok(decision::Line::Event(event))) = line else {
            return ready(Err(StoreError::Unavailable("the line does not read back".into())));
        };
        self.state.decide(&event).expect("invariant: a judged decision fits the state it was judged on");
        ready(Ok(()))
    }

    fn refuse<'a>(&'a mut self, refusal: &'a Refusal<'a>) -> BoxFuture<'a, ()> {
        let ts = to_micros(self.last_decision_ts.map_or(refusal.now, |last| last.max(refusal.now)));
        for count in self.meter.due(refusal.now) {
            self.append_decision(ts, |prev| decision::encode_count(&count, ts, prev));
        }
        let surface = refusal.caller.surface.as_str();
        let record = self.meter.note(refusal.caller.principal_id(), refusal.denial.code, surface, refusal.now);
        if record == Record::Line {
            self.append_decision(ts, |prev| decision::encode_refusal(refusal, ts, prev));
        }
        ready(())
    }
}

impl StoreRead for MemStore {
    fn enqueue_facts<'a>(&'a self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        ready(Ok(self.lock().state.facts(query)))
    }

    fn item<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        ready(Ok(self.lock().state.queue.get(id).cloned()))
    }

    fn items<'a>(&'a self, filter: &'a QueueFilter) -> BoxFuture<'a, Result<QueueListing, StoreError>> {
        ready(Ok(self.lock().state.queue.list(filter)))
    }

    fn counts(&self, now: Timestamp) -> BoxFuture<'_, Result<QueueCounts, StoreError>> {
        ready(Ok(self.lock().state.counts(now)))
    }

    fn done_since(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<Slice>, StoreError>> {
        ready(Ok(self.lock().state.done_since(since)))
    }

    fn governance<'a>(&'a self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        ready(Ok(self.lock().state.governance().facts(query)))
    }

    fn approvals<'a>(&'a self, filter: &'a ApprovalFilter) -> BoxFuture<'a, Result<ApprovalListing, StoreError>> {
        let (requests, more) = self.lock().state.governance().list(filter);
        ready(Ok(ApprovalListing { requests, more }))
    }

    fn tokens(&self) -> BoxFuture<'_, Result<Vec<TokenRecord>, StoreError>> {
        ready(Ok(self.lock().state.governance().tokens().cloned().collect()))
    }

    fn health(&self) -> BoxFuture<'_, Result<StoreHealth, StoreError>> {
        let memory = self.lock();
        let (pending, claimed) = memory.state.queue.live();
        ready(Ok(StoreHealth {
            lines: memory.lines.len() as u64,
            head: memory.lines.last().map_or(Sha256Digest::ZERO, |line| line.hash),
            last_ts: memory.last_ts,
            pending,
            claimed,
            held: memory.state.queue.to_settle(),
            refuses_writes: None,
            problems: Vec::new(),
        }))
    }

    fn lines<'a>(&'a self, query: &'a LinesQuery) -> BoxFuture<'a, Result<LinesPage, StoreError>> {
        let memory = self.lock();
        let lines = match query.file {
            LedgerFile::Queue => &memory.lines,
            LedgerFile::Decisions => &memory.decisions,
        };
        let (total, head) = (lines.len() as u64, lines.last().map_or(Sha256Digest::ZERO, |line| line.hash));
        let mut paging = Paging::new(query);
        let mut numbered = (1..)
            .zip(lines)
            .map(|(number, line): (u64, _)| LedgerLine::new(query.file, number, line.text.as_bytes(), Some(line.hash)));
        // Whatever comes back says only that the page is full.
        let _ = match query.from {
            LinesFrom::After(after) => {
                numbered.skip_while(|line| line.number <= after).try_for_each(|line| paging.take(line))
            }
            LinesFrom::Before(before) => {
                let mut wanted: Vec<_> =
                    numbered.by_ref().take_while(|line| before.is_none_or(|before| line.number < before)).collect();
                wanted.reverse();
                wanted.into_iter().try_for_each(|line| paging.take(line))
            }
        };
        ready(Ok(paging.finish(total, head)))
    }

    fn lines_of<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Vec<LedgerLine>, StoreError>> {
        let memory = self.lock();
        let numbered = (1..).zip(&memory.lines).map(|(number, line): (u64, _)| {
            LedgerLine::new(LedgerFile::Queue, number, line.text.as_bytes(), Some(line.hash))
        });
        ready(Ok(numbered.filter(|line| line.said().queue_id() == Some(id)).collect()))
    }

    fn claims(&self) -> BoxFuture<'_, Result<Vec<ClaimStanding>, StoreError>> {
        let memory = self.lock();
        let standing = |item: &QueueItem| {
            let attempt = item.claim().map(|claim| claim.attempt);
            let beat = memory.beats.get(item.queue_id()).filter(|beat| Some(beat.attempt) == attempt).cloned();
            ClaimStanding { item: item.clone(), beat }
        };
        ready(Ok(memory.state.queue.claimed().into_iter().map(standing).collect()))
    }

    fn eligible<'a>(
        &'a self,
        query: &'a ClaimQuery,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<QueueItem>, StoreError>> {
        ready(Ok(self.lock().state.queue.eligible(query, limit)))
    }

    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<QueueItemId>, StoreError>> {
        let memory = self.lock();
        ready(Ok(memory.state.queue.overdue(now, limit).into_iter().map(|item| item.queue_id().clone()).collect()))
    }

    fn pinned<'a>(&'a self, sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>> {
        ready(Ok(self.lock().pins.get(sha256).cloned()))
    }

    fn beat<'a>(&'a self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>> {
        ready(Ok(self.lock().beats.get(id).cloned()))
    }

    fn workers(&self) -> BoxFuture<'_, Result<Vec<WorkerPresence>, StoreError>> {
        ready(Ok(self.lock().workers.values().cloned().collect()))
    }

    fn session<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        ready(Ok(self.lock().sessions.get(key).cloned()))
    }
}

impl Store for MemStore {
    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Verdict, StoreError>> {
        use futures_util::FutureExt as _;
        let verdict = crate::judge(&mut *self.lock(), &command).now_or_never();
        ready(verdict.expect("invariant: a turn in memory never waits"))
    }

    fn write_beat(&self, judged: JudgedBeat) -> BoxFuture<'_, Result<HeartbeatAnswer, StoreError>> {
        let beat = judged.beat().clone();
        self.lock().beats.insert(beat.queue_id.clone(), beat);
        ready(Ok(judged.answer().clone()))
    }

    fn write_presence(&self, presence: WorkerPresence) -> BoxFuture<'_, Result<(), StoreError>> {
        self.lock().workers.insert(presence.worker.clone(), presence);
        ready(Ok(()))
    }

    fn remove_presence<'a>(&'a self, worker: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.lock().workers.remove(worker);
        ready(Ok(()))
    }

    fn write_session(&self, key: SessionKey, record: SessionRecord) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut memory = self.lock();
        let held: Vec<_> = memory.sessions.iter().map(|(key, record)| (*key, record.clone())).collect();
        for over in give_way(&held, &key, &record) {
            memory.sessions.remove(&over);
        }
        memory.sessions.insert(key, record);
        ready(Ok(()))
    }

    fn take_login<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        let is_login = key.kind == SecretKind::Login;
        ready(Ok(if is_login { self.lock().sessions.remove(key) } else { None }))
    }

    fn end_sessions(&self, which: EndSessions) -> BoxFuture<'_, Result<u64, StoreError>> {
        let mut memory = self.lock();
        let before = memory.sessions.len();
        memory.sessions.retain(|key, record| !which.takes(key, record));
        ready(Ok((before - memory.sessions.len()) as u64))
    }

    fn execute_all(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Result<Verdict, StoreError>>> {
        use futures_util::FutureExt as _;
        let mut memory = self.lock();
        let judge = |command| {
            let verdict = crate::judge(&mut *memory, &command).now_or_never();
            verdict.expect("invariant: a turn in memory never waits")
        };
        ready(commands.into_iter().map(judge).collect())
    }
}
