//! Single lines of the two chained files: for people who look at the record, and for whoever follows it line by line.
//!
//! Nothing is decided from what is read here. A store gives lines as they stand, in either direction and in bounded pages,
//! and vouches that each continues the line before it.

use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::codec::decision::{self, Decision};
use crate::codec::line::{self, Adopted, Line, Repaired};
use crate::domain::id::{QueueItemId, Sha256Digest};
use crate::domain::lease::{Held, StopRequest};
use crate::domain::ledger::LINE_MAX;
use crate::domain::queue::{Claim, Claimed, Done, ItemState, QueueEvent, QueueItem};

/// A page looks at no more lines than this, whatever its filter leaves out; then it ends, and says where to go on.
pub const LOOKED_AT_MAX: u64 = 10_000;

/// A page holds no more bytes of lines than this, unless its first line alone is larger.
pub const PAGE_BYTES_MAX: usize = 1 << 20;

/// One of the two chained files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LedgerFile {
    /// What was done: `queue.jsonl`.
    Queue,
    /// What was refused, and what operators decided: `decisions.jsonl`.
    Decisions,
}

impl LedgerFile {
    /// The file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue.jsonl",
            Self::Decisions => "decisions.jsonl",
        }
    }
}

/// Where a page begins, and in which direction it goes on. Lines are numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinesFrom {
    /// Behind this line, towards the newest; behind line 0 stands the first.
    After(u64),
    /// Before this line, towards the first; `None`: from the newest line on.
    Before(Option<u64>),
}

/// Which lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesQuery {
    /// Of which file.
    pub file: LedgerFile,
    /// From where, in which direction.
    pub from: LinesFrom,
    /// Those of which this holds.
    pub filter: LineFilter,
    /// At most so many.
    pub limit: usize,
}

/// What must hold of a line. Each part that is empty holds of all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineFilter {
    /// One of these events.
    pub events: Vec<String>,
    /// Whose doing it was: of a refusal, who was refused.
    pub principal: Option<String>,
    /// The code of a refusal.
    pub code: Option<String>,
    /// The request that a decision was about.
    pub approval_id: Option<String>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

impl LineFilter {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn holds(&self, facts: &Facts<'_>) -> bool {
        let is = |wanted: &Option<String>, fact: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| fact.is_some_and(|fact| fact == wanted))
        };
        (self.events.is_empty() || self.events.iter().any(|event| event == facts.event))
            && is(&self.principal, facts.principal)
            && is(&self.code, facts.code)
            && is(&self.approval_id, facts.approval_id)
            && self.since.is_none_or(|since| facts.ts.is_some_and(|ts| ts >= since))
            && self.until.is_none_or(|until| facts.ts.is_some_and(|ts| ts < until))
    }
}

/// A line as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLine {
    /// Of which file.
    pub file: LedgerFile,
    /// Its number in that file, from 1.
    pub number: u64,
    /// How many bytes it has, without its newline.
    pub size: usize,
    /// Its bytes without the newline; `None` where the original wrote a longer line than any of ours can be.
    pub bytes: Option<Vec<u8>>,
    /// Its hash; `None` on a line of the original.
    pub hash: Option<Sha256Digest>,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Something was done with an item.
    Queue(QueueEvent),
    /// Something was refused or decided.
    Decision(Box<Decision>),
    /// The history before it is in the file it names.
    Repaired(Repaired),
    /// The lines before it are the original's.
    Adopted(Adopted),
    /// A newer version wrote it.
    Unknown(String),
    /// A line of the original that changes nothing, and why.
    Skipped(String),
}

/// What filters look at.
struct Facts<'a> {
    event: &'a str,
    principal: Option<&'a str>,
    code: Option<&'a str>,
    approval_id: Option<&'a str>,
    ts: Option<Timestamp>,
}

impl LedgerLine {
    /// A line of these bytes.
    pub fn new(file: LedgerFile, number: u64, bytes: &[u8], hash: Option<Sha256Digest>) -> Self {
        let held = (bytes.len() <= LINE_MAX).then(|| bytes.to_vec());
        Self { file, number, size: bytes.len(), bytes: held, hash }
    }

    /// What it says.
    pub fn said(&self) -> Said {
        let Some(bytes) = &self.bytes else { return Said::Skipped("is longer than a line of ours can be".to_owned()) };
        match (self.file, self.hash) {
            (LedgerFile::Queue, None) if bytes.iter().all(u8::is_ascii_whitespace) => {
                Said::Skipped("is blank".to_owned())
            }
            (LedgerFile::Queue, None) => match line::decode_legacy(bytes) {
                Ok(event) => Said::Queue(event),
                Err(problem) => Said::Skipped(problem.to_string()),
            },
            (LedgerFile::Queue, Some(_)) => ours(line::decode(bytes)),
            (LedgerFile::Decisions, _) => match decision::decode(bytes) {
                // A repair writes the same line into either file.
                Ok(decision) if decision.event == "LEDGER_REPAIRED" => ours(line::decode(bytes)),
                Ok(decision) => Said::Decision(Box::new(decision)),
                Err(problem) => Said::Skipped(problem.to_string()),
            },
        }
    }
}

fn ours(line: Result<Line, line::LineProblem>) -> Said {
    match line {
        Ok(Line::Event(event)) => Said::Queue(event),
        Ok(Line::Repaired(repaired)) => Said::Repaired(repaired),
        Ok(Line::Adopted(adopted)) => Said::Adopted(adopted),
        Ok(Line::Unknown { event }) => Said::Unknown(event),
        Err(problem) => Said::Skipped(problem.to_string()),
    }
}

impl Said {
    /// The event's name; empty for a line of the original that has none.
    pub fn event(&self) -> &str {
        match self {
            Self::Queue(QueueEvent::Enqueued(_)) => "QUEUE_ENQUEUE",
            Self::Queue(QueueEvent::Cancelled(_)) => "QUEUE_CANCEL",
            Self::Queue(QueueEvent::Claimed(_)) => "QUEUE_CLAIM",
            Self::Queue(QueueEvent::Done(_)) => "QUEUE_DONE",
            Self::Queue(QueueEvent::Held(_)) => "QUEUE_HOLD",
            Self::Queue(QueueEvent::Requeued(_)) => "QUEUE_REQUEUE",
            Self::Queue(QueueEvent::Expired(_)) => "QUEUE_EXPIRE",
            Self::Queue(QueueEvent::StopRequested(_)) => "QUEUE_STOP",
            Self::Decision(decision) => &decision.event,
            Self::Repaired(_) => "LEDGER_REPAIRED",
            Self::Adopted(_) => "LEDGER_ADOPTED",
            Self::Unknown(event) => event,
            Self::Skipped(_) => "",
        }
    }

    /// When; `None` where the line does not say.
    pub fn ts(&self) -> Option<Timestamp> {
        match self {
            // The epoch stands for a time that a line of the original does not have.
            Self::Queue(event) => Some(event.ts()).filter(|ts| *ts != Timestamp::UNIX_EPOCH),
            Self::Decision(decision) => Some(decision.ts),
            Self::Repaired(repaired) => Some(repaired.ts),
            Self::Adopted(adopted) => Some(adopted.ts),
            Self::Unknown(_) | Self::Skipped(_) => None,
        }
    }

    /// Whose doing it was, as the line says: the principal of an enqueue, a cancel (with its role), a refusal or a decision;
    /// of a claim, the worker as it names itself; of what ended a claim or settled it, the principal, unless it was time.
    pub fn by(&self) -> Option<&str> {
        let by = match self {
            Self::Queue(QueueEvent::Enqueued(event)) => {
                event.provenance.as_ref().map(|stamps| stamps.principal.as_str())
            }
            Self::Queue(QueueEvent::Cancelled(event)) => event.cancelled_by.as_deref(),
            Self::Queue(QueueEvent::Claimed(event)) => Some(event.worker.as_str()),
            Self::Queue(QueueEvent::Done(event)) => event.by.as_deref(),
            Self::Queue(QueueEvent::Held(event)) => event.by.as_deref(),
            Self::Queue(QueueEvent::Requeued(event)) => event.by.as_deref(),
            Self::Queue(QueueEvent::StopRequested(event)) => Some(event.by.as_str()),
            Self::Queue(QueueEvent::Expired(_)) => None,
            Self::Decision(decision) => Some(decision.principal.as_str()),
            Self::Repaired(repaired) => Some(repaired.principal.as_str()),
            Self::Adopted(adopted) => Some(adopted.principal.as_str()),
            Self::Unknown(_) | Self::Skipped(_) => None,
        };
        by.filter(|by| !by.is_empty())
    }

    /// Why, as it was stated.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Queue(QueueEvent::Enqueued(event)) => {
                event.provenance.as_ref().map(|stamps| stamps.approval_reason.as_str())
            }
            Self::Queue(QueueEvent::Cancelled(event)) => event.reason.as_deref(),
            Self::Queue(QueueEvent::Done(event)) => event.reason.as_deref(),
            Self::Queue(QueueEvent::Held(event)) => Some(event.reason.as_str()),
            Self::Queue(QueueEvent::Requeued(event)) => Some(event.reason.as_str()),
            Self::Queue(QueueEvent::StopRequested(event)) => Some(event.reason.as_str()),
            Self::Queue(QueueEvent::Claimed(_) | QueueEvent::Expired(_)) => None,
            Self::Decision(decision) => decision.reason.as_deref(),
            Self::Repaired(repaired) => Some(repaired.reason.as_str()),
            Self::Adopted(adopted) => Some(adopted.reason.as_str()),
            Self::Unknown(_) | Self::Skipped(_) => None,
        }
    }

    /// The item that it names.
    pub fn queue_id(&self) -> Option<&QueueItemId> {
        match self {
            Self::Queue(event) => Some(event.queue_id()),
            Self::Decision(_) | Self::Repaired(_) | Self::Adopted(_) | Self::Unknown(_) | Self::Skipped(_) => None,
        }
    }

    fn facts(&self) -> Facts<'_> {
        let decision = match self {
            Self::Decision(decision) => Some(decision),
            Self::Queue(_) | Self::Repaired(_) | Self::Adopted(_) | Self::Unknown(_) | Self::Skipped(_) => None,
        };
        Facts {
            event: self.event(),
            principal: self.by(),
            code: decision.map(|decision| decision.code.as_str()).filter(|code| !code.is_empty()),
            approval_id: decision.and_then(|decision| decision.approval_id.as_deref()),
            ts: self.ts(),
        }
    }
}

/// The item as it stood behind the line of this event, given how it stands now; `None` where the event is not one of its
/// own. What the line and the item do not say any more (who had a claim that ended long ago, and since when) is left empty.
pub fn item_behind(now: &QueueItem, event: &QueueEvent) -> Option<QueueItem> {
    if now.queue_id() != event.queue_id() {
        return None;
    }
    let (attempts, not_before, state) = match event {
        QueueEvent::Enqueued(_) => (0, None, ItemState::Pending),
        QueueEvent::Cancelled(event) => {
            let (by, reason) = (event.cancelled_by.clone(), event.reason.clone());
            (now.attempts, now.not_before, ItemState::Cancelled { at: event.ts, by, reason })
        }
        QueueEvent::Claimed(event) => (event.attempt, None, ItemState::Claimed(claim_of(event))),
        QueueEvent::Done(event) => (now.attempts, None, closed_by(now, event)),
        QueueEvent::Held(event) => {
            let held = Held {
                kind: event.kind,
                claim: claim_at(now, event.attempt, &event.run_id, event.ts),
                at: event.ts,
                by: event.by.clone(),
                reason: event.reason.clone(),
            };
            (event.attempt, None, ItemState::Held(Box::new(held)))
        }
        QueueEvent::Requeued(event) => (event.attempt, event.not_before, ItemState::Pending),
        QueueEvent::Expired(event) => (now.attempts, now.not_before, ItemState::Expired { at: event.ts }),
        QueueEvent::StopRequested(event) => {
            let (by, reason) = (event.by.clone(), event.reason.clone());
            let claim = claim_at(now, event.attempt, &event.run_id, event.ts);
            let stop = Some(StopRequest { by, reason, at: event.ts });
            (event.attempt, None, ItemState::Claimed(Claim { stop, ..claim }))
        }
    };
    Some(QueueItem { attempts, not_before, state, ..now.clone() })
}

fn claim_of(event: &Claimed) -> Claim {
    Claim {
        run_id: event.run_id.clone(),
        claimed_at: event.ts,
        worker: event.worker.clone(),
        attempt: event.attempt,
        lease_expires_at: event.lease_expires_at,
        lease: event.lease,
        stop: None,
    }
}

fn last_claim(now: &QueueItem) -> Option<&Claim> {
    match &now.state {
        ItemState::Claimed(claim) => Some(claim),
        ItemState::Held(held) => Some(&held.claim),
        ItemState::Closed { claim, .. } => claim.as_ref(),
        ItemState::Pending | ItemState::Cancelled { .. } | ItemState::Expired { .. } => None,
    }
}

/// The claim of this attempt, as far as the item still says.
fn claim_at(now: &QueueItem, attempt: u32, run_id: &str, by_then: Timestamp) -> Claim {
    last_claim(now).filter(|claim| claim.attempt == attempt).cloned().unwrap_or_else(|| Claim {
        run_id: run_id.to_owned(),
        claimed_at: by_then,
        worker: String::new(),
        attempt,
        lease_expires_at: None,
        lease: None,
        stop: None,
    })
}

fn closed_by(now: &QueueItem, event: &Done) -> ItemState {
    let claim = last_claim(now).cloned();
    let run_id = match (&claim, event.run_id.is_empty()) {
        (Some(claim), true) => claim.run_id.clone(),
        (Some(_) | None, _) => event.run_id.clone(),
    };
    let (reason, by) = (event.reason.clone(), event.by.clone());
    ItemState::Closed { status: event.status.clone(), claim, run_id, completed_at: event.ts, reason, by }
}

/// A page of lines, in the direction that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesPage {
    /// The lines.
    pub lines: Vec<LedgerLine>,
    /// The last line that was looked at, from which the next page goes on; `None` when there is none beyond it.
    pub next: Option<u64>,
    /// How many lines the file had when it was looked at.
    pub total: u64,
    /// The hash of its last line; 64 zeros of an empty file.
    pub head: Sha256Digest,
}

/// Takes lines in the direction of a query until its page is full. Every store pages with it, so that pages mean one thing.
#[derive(Debug)]
pub struct Paging<'q> {
    query: &'q LinesQuery,
    lines: Vec<LedgerLine>,
    bytes: usize,
    looked_at: u64,
    last: Option<u64>,
    full: bool,
}

impl<'q> Paging<'q> {
    /// For this query.
    pub fn new(query: &'q LinesQuery) -> Self {
        Self { query, lines: Vec::new(), bytes: 0, looked_at: 0, last: None, full: false }
    }

    /// Takes the next line. After a break no further line is wanted.
    pub fn take(&mut self, line: LedgerLine) -> ControlFlow<()> {
        let room = self.lines.len() < self.query.limit
            && self.looked_at < LOOKED_AT_MAX
            && (self.lines.is_empty() || self.bytes + line.size <= PAGE_BYTES_MAX);
        if !room {
            self.full = true;
            return ControlFlow::Break(());
        }
        self.looked_at += 1;
        self.last = Some(line.number);
        if !self.query.filter.is_empty() {
            let said = line.said();
            let facts = said.facts();
            if line.hash.is_some() && self.is_past(facts.ts) {
                self.last = None;
                return ControlFlow::Break(());
            }
            if !self.query.filter.holds(&facts) {
                return ControlFlow::Continue(());
            }
        }
        self.bytes += line.bytes.as_ref().map_or(0, Vec::len);
        self.lines.push(line);
        ControlFlow::Continue(())
    }

    /// Times never go back from one line of ours to the next, so behind the wanted span nothing more is to be found.
    fn is_past(&self, ts: Option<Timestamp>) -> bool {
        let filter = &self.query.filter;
        match (self.query.from, ts) {
            (LinesFrom::After(_), Some(ts)) => filter.until.is_some_and(|until| ts >= until),
            (LinesFrom::Before(_), Some(ts)) => filter.since.is_some_and(|since| ts < since),
            (LinesFrom::After(_) | LinesFrom::Before(_), None) => false,
        }
    }

    /// The page. `total` and `head` say how the file stood.
    pub fn finish(self, total: u64, head: Sha256Digest) -> LinesPage {
        let beyond = match self.query.from {
            LinesFrom::After(_) => self.last.filter(|last| *last < total),
            LinesFrom::Before(_) => self.last.filter(|last| *last > 1),
        };
        // Nothing was taken for want of room: the page goes on from where it began.
        let began = match self.query.from {
            LinesFrom::After(after) => Some(after),
            LinesFrom::Before(before) => before,
        };
        let next = if self.full && self.last.is_none() { began } else { beyond };
        LinesPage { lines: self.lines, next, total, head }
    }
}
