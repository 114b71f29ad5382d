//! One batch of commands, judged in order against the fold, and the lines that come out of it. Nothing is written here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cortexpilot_core::codec::decision;
use cortexpilot_core::codec::line::{Line, SealedLine, decode, encode};
use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::gate::{EnqueueFacts, EnqueueQuery};
use cortexpilot_core::domain::governance::{GovernanceFacts, GovernanceQuery};
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::lease::{Beat, ClaimQuery, Next};
use cortexpilot_core::domain::queue::{QueueEvent, QueueItem};
use cortexpilot_core::domain::refusal::{CountLine, Record, Refusal, RefusalMeter};
use cortexpilot_core::domain::run::Pinned;
use cortexpilot_core::domain::time::to_micros;
use cortexpilot_core::port::{BoxFuture, StoreError, Turn};
use cortexpilot_core::{Judged, JudgedDecision, Verdict};
use futures_util::FutureExt as _;
use jiff::Timestamp;

use crate::chain::{Chain, Entry, FileKind};
use crate::state::Shared;

/// Bytes that most full batches fit into.
const ROOM: usize = 300 * 1024;

/// What a batch came to: the bytes to append, and what must be so before and after.
#[derive(Default)]
pub(crate) struct Staged {
    /// Lines of `queue.jsonl`, with their newlines.
    pub(crate) queue: Vec<u8>,
    /// Lines of `decisions.jsonl`, with their newlines.
    pub(crate) decisions: Vec<u8>,
    /// Contracts that must be pinned before their lines are written. `true`: another live item rests on it already.
    pub(crate) pins: BTreeMap<Sha256Digest, (Pinned, bool)>,
    /// Contracts that nobody may rest on any more once the lines are durable.
    pub(crate) released: BTreeSet<Sha256Digest>,
    /// Items of which a claim ended.
    pub(crate) ended: Vec<QueueItemId>,
    /// Whether any of the decisions changes the state: refusals do not.
    decided: bool,
}

/// What a command staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Staging {
    /// Nothing but, perhaps, its refusal.
    Nothing,
    /// A decision.
    Decision,
    /// A line of the queue.
    Queue,
}

impl Staged {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.decisions.is_empty()
    }

    /// Whether the state holds lines of it.
    pub(crate) fn changes_state(&self) -> bool {
        !self.queue.is_empty() || self.decided
    }

    /// Takes a line of the queue, which says what was judged at this time.
    ///
    /// That a reader takes from its bytes exactly what was judged, and is folded here, is held by a test over every event
    /// that there can be, and in debug builds for every line that is written.
    fn push_judged(&mut self, chain: &mut Chain, line: &SealedLine, event: &QueueEvent) -> Result<(), StoreError> {
        debug_assert_eq!(
            decode(line.text.as_bytes()),
            Ok(Line::Event(event.clone())),
            "invariant: the line of an event says that event"
        );
        let made = chain.made(line, event.ts());
        made.map_err(|what| StoreError::Unavailable(format!("a new line {what}")))?;
        // A lone line takes its own room alone; among many, growing step by step would copy all of them several times.
        if !self.queue.is_empty() && self.queue.capacity() < ROOM {
            self.queue.reserve_exact(ROOM - self.queue.len());
        }
        self.queue.extend_from_slice(line.text.as_bytes());
        self.queue.push(b'\n');
        Ok(())
    }

    /// Takes a line of the decisions, and gives what a reader will take from its bytes.
    fn push(lines: &mut Vec<u8>, chain: &mut Chain, line: &SealedLine) -> Result<Entry, StoreError> {
        let entry = chain.feed(line.text.as_bytes());
        let entry = entry.map_err(|what| StoreError::Unavailable(format!("a new line {what}")))?;
        lines.extend_from_slice(line.text.as_bytes());
        lines.push(b'\n');
        Ok(entry)
    }
}

/// The turn of all commands of a batch, inside the lock.
pub(crate) struct BatchTurn<'a> {
    shared: &'a mut Shared,
    meter: &'a mut RefusalMeter,
    staged: Staged,
    /// The command under judgement staged a decision.
    judged_a_decision: bool,
}

impl<'a> BatchTurn<'a> {
    pub(crate) fn new(shared: &'a mut Shared, meter: &'a mut RefusalMeter) -> Self {
        Self { shared, meter, staged: Staged::default(), judged_a_decision: false }
    }

    /// Judges one command, and says what it staged.
    pub(crate) fn judge(&mut self, command: &Command) -> (Result<Verdict, StoreError>, Staging) {
        let before = self.staged.queue.len();
        self.judged_a_decision = false;
        let verdict = cortexpilot_core::judge(self, command).now_or_never();
        let verdict = verdict.expect("invariant: this turn answers at once and never waits");
        let staging = match (self.staged.queue.len() > before, self.judged_a_decision) {
            (true, _) => Staging::Queue,
            (false, true) => Staging::Decision,
            (false, false) => Staging::Nothing,
        };
        (verdict, staging)
    }

    /// Judges one command that cannot be carried out: its refusal, if it is refused, else why not. Counts refusals that are
    /// not written down.
    pub(crate) fn only_refuse(
        &self,
        command: &Command,
        error: &StoreError,
        unrecorded: &AtomicU64,
    ) -> (Result<Verdict, StoreError>, Staging) {
        let mut turn = RefusingTurn::new(self.shared, error);
        let answer = turn.judge(command);
        unrecorded.fetch_add(turn.unrecorded, Ordering::Relaxed);
        (answer, Staging::Nothing)
    }

    /// Writes down what was only counted, for the minutes that are over.
    pub(crate) fn count(&mut self, counts: &[CountLine], now: Timestamp) {
        for count in counts {
            let ts = self.decision_ts(now);
            self.decide(|prev| decision::encode_count(count, ts, prev));
        }
    }

    pub(crate) fn finish(self) -> Staged {
        self.staged
    }

    fn decision_ts(&self, now: Timestamp) -> Timestamp {
        to_micros(self.shared.decisions_file.chain.last_ts.map_or(now, |last| last.max(now)))
    }

    fn decide(&mut self, encode: impl FnOnce(&Sha256Digest) -> SealedLine) {
        let chain = &mut self.shared.decisions_file.chain;
        let line = encode(&chain.head());
        if let Err(error) = Staged::push(&mut self.staged.decisions, chain, &line) {
            tracing::error!(%error, "a refusal could not be written down; it stands");
        }
    }

    fn append_decision(&mut self, judged: &JudgedDecision) -> Result<(), StoreError> {
        let shared = &mut *self.shared;
        let sealed = decision::encode(judged, &shared.decisions_file.chain.head());
        let at = shared.decisions_file.chain.offset;
        let entry = Staged::push(&mut self.staged.decisions, &mut shared.decisions_file.chain, &sealed)?;
        let Entry::Decision(event) = entry else { panic!("invariant: the line of a decision says that decision") };
        shared.state.decide(&event).expect("invariant: a judged decision fits the state it was judged on");
        shared.decisions_file.changes.push(at);
        self.staged.decided = true;
        self.judged_a_decision = true;
        Ok(())
    }

    fn append(&mut self, judged: &Judged) -> Result<QueueItem, StoreError> {
        let shared = &mut *self.shared;
        let sealed = encode(judged, &shared.queue_file.chain.head());
        if let Some(pin) = judged.pin() {
            let live = shared.state.queue.pin_is_live(&pin.sha256());
            self.staged.pins.entry(pin.sha256()).or_insert_with(|| (pin.clone(), live));
        }
        let event = judged.event();
        let at = shared.queue_file.chain.offset;
        self.staged.push_judged(&mut shared.queue_file.chain, &sealed, event)?;
        let applied = shared.state.apply_at(event, Some(sealed.hash), at);
        applied.expect("invariant: a judged event fits the state it was judged on");
        let item = shared.state.queue.get(event.queue_id()).cloned();
        let item = item.expect("invariant: an applied event has its item");
        if let Some(digest) = released(event, &item) {
            self.staged.released.insert(digest);
        }
        if ends_claim(event) {
            self.staged.ended.push(event.queue_id().clone());
        }
        Ok(item)
    }
}

/// The contract that the item of this event does not rest on any more.
fn released(event: &QueueEvent, item: &QueueItem) -> Option<Sha256Digest> {
    match event {
        QueueEvent::Cancelled(_) | QueueEvent::Done(_) | QueueEvent::Expired(_) => {
            item.enqueued.provenance.as_ref().map(|provenance| provenance.contract_sha256)
        }
        QueueEvent::Enqueued(_)
        | QueueEvent::Claimed(_)
        | QueueEvent::Held(_)
        | QueueEvent::Requeued(_)
        | QueueEvent::StopRequested(_) => None,
    }
}

/// Whether nobody has the item of this event any more who may have had it before.
fn ends_claim(event: &QueueEvent) -> bool {
    match event {
        QueueEvent::Done(_) | QueueEvent::Held(_) | QueueEvent::Requeued(_) => true,
        QueueEvent::Enqueued(_)
        | QueueEvent::Claimed(_)
        | QueueEvent::Cancelled(_)
        | QueueEvent::Expired(_)
        | QueueEvent::StopRequested(_) => false,
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Turn for BatchTurn<'_> {
    fn last_ts(&self) -> Option<Timestamp> {
        self.shared.file(FileKind::Queue).chain.last_ts
    }

    fn enqueue_facts<'a>(&'a mut self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        ready(self.shared.facts(query))
    }

    fn last_decision_ts(&self) -> Option<Timestamp> {
        self.shared.file(FileKind::Decisions).chain.last_ts
    }

    fn governance<'a>(&'a mut self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        ready(Ok(self.shared.state.governance().facts(query)))
    }

    fn item<'a>(&'a mut self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        ready(self.shared.item(id))
    }

    fn next_eligible<'a>(&'a mut self, query: &'a ClaimQuery) -> BoxFuture<'a, Result<Next, StoreError>> {
        ready(Ok(self.shared.state.queue.next(query)))
    }

    fn beat<'a>(&'a mut self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>> {
        ready(Ok(self.shared.beside().beat(id)))
    }

    fn pinned<'a>(&'a mut self, sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>> {
        // A contract of this very batch is not written yet.
        match self.staged.pins.get(sha256) {
            Some((pin, _)) => ready(Ok(Some(pin.bytes().into()))),
            None => ready(self.shared.beside().pinned(sha256)),
        }
    }

    fn stage(&mut self, judged: Judged) -> BoxFuture<'_, Result<QueueItem, StoreError>> {
        ready(self.append(&judged))
    }

    fn record(&mut self, judged: JudgedDecision) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(self.append_decision(&judged))
    }

    fn refuse<'a>(&'a mut self, refusal: &'a Refusal<'a>) -> BoxFuture<'a, ()> {
        let counts = self.meter.due(refusal.now);
        self.count(&counts, refusal.now);
        let surface = refusal.caller.surface.as_str();
        let record = self.meter.note(refusal.caller.principal_id(), refusal.denial.code, surface, refusal.now);
        if record == Record::Line {
            let ts = self.decision_ts(refusal.now);
            self.decide(|prev| decision::encode_refusal(refusal, ts, prev));
        }
        ready(())
    }
}

/// The turn of one command when nothing can be written: only a refusal is an answer then.
pub(crate) struct RefusingTurn<'a> {
    shared: &'a Shared,
    error: &'a StoreError,
    /// Refusals that are not written down.
    pub(crate) unrecorded: u64,
}

impl<'a> RefusingTurn<'a> {
    pub(crate) fn new(shared: &'a Shared, error: &'a StoreError) -> Self {
        Self { shared, error, unrecorded: 0 }
    }

    /// The refusal, if the command is refused; else why nothing can be done. Nothing else is said: an "already applied" or
    /// an empty queue would be an acknowledgement.
    pub(crate) fn judge(&mut self, command: &Command) -> Result<Verdict, StoreError> {
        let verdict = cortexpilot_core::judge(self, command).now_or_never();
        match verdict.expect("invariant: this turn answers at once and never waits")? {
            denied @ Verdict::Denied(_) => Ok(denied),
            Verdict::Enqueued(_)
            | Verdict::AlreadyApplied(_)
            | Verdict::Cancelled(_)
            | Verdict::Claimed(_)
            | Verdict::NothingToClaim(_)
            | Verdict::Completed(_)
            | Verdict::LeaseEnded(_)
            | Verdict::Expired(_)
            | Verdict::StopRequested(_)
            | Verdict::Settled(_)
            | Verdict::Unchanged
            | Verdict::AwaitsApproval(_)
            | Verdict::Approved(_)
            | Verdict::Recorded(_) => Err(self.error.clone()),
        }
    }
}

impl Turn for RefusingTurn<'_> {
    fn last_ts(&self) -> Option<Timestamp> {
        self.shared.file(FileKind::Queue).chain.last_ts
    }

    fn enqueue_facts<'a>(&'a mut self, query: &'a EnqueueQuery) -> BoxFuture<'a, Result<EnqueueFacts, StoreError>> {
        ready(self.shared.facts(query))
    }

    fn last_decision_ts(&self) -> Option<Timestamp> {
        self.shared.file(FileKind::Decisions).chain.last_ts
    }

    fn governance<'a>(&'a mut self, query: &'a GovernanceQuery) -> BoxFuture<'a, Result<GovernanceFacts, StoreError>> {
        ready(Ok(self.shared.state.governance().facts(query)))
    }

    fn item<'a>(&'a mut self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<QueueItem>, StoreError>> {
        ready(self.shared.item(id))
    }

    fn next_eligible<'a>(&'a mut self, query: &'a ClaimQuery) -> BoxFuture<'a, Result<Next, StoreError>> {
        ready(Ok(self.shared.state.queue.peek_next(query)))
    }

    fn beat<'a>(&'a mut self, id: &'a QueueItemId) -> BoxFuture<'a, Result<Option<Beat>, StoreError>> {
        ready(Ok(self.shared.beside().beat(id)))
    }

    fn pinned<'a>(&'a mut self, sha256: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<Arc<[u8]>>, StoreError>> {
        ready(self.shared.beside().pinned(sha256))
    }

    fn stage(&mut self, _: Judged) -> BoxFuture<'_, Result<QueueItem, StoreError>> {
        ready(Err(self.error.clone()))
    }

    fn record(&mut self, _: JudgedDecision) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Err(self.error.clone()))
    }

    fn refuse<'a>(&'a mut self, refusal: &'a Refusal<'a>) -> BoxFuture<'a, ()> {
        self.unrecorded += 1;
        let (code, principal) = (refusal.denial.code.as_str(), refusal.caller.principal_id());
        tracing::warn!(code, principal, why = %self.error, "a refusal could not be recorded; it stands");
        ready(())
    }
}
