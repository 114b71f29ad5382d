//! The quick way to read an event: a line in the one spelling that [`super::encode`] gives it, member after member in the
//! order in which they are written, its texts borrowed.
//!
//! Nearly every line of a ledger is such a line, and verifying is bound by reading them. Whatever differs in a single byte
//! (another order, a member more, less or twice, other spaces, a text that means nothing) is `None` here and goes to the
//! general reader, which alone says what is wrong. So the two need to agree only on lines that are accepted here.

use std::borrow::Cow;

use jiff::Timestamp;

use super::outline::{Change, Outline};
use super::{lease, when};
use crate::domain::id::{QueueItemId, Sha256Digest};
use crate::domain::lease::HeldKind;
use crate::domain::ledger;
use crate::domain::queue::{
    APPROVAL_MODE, Cancelled, Claimed, Done, Enqueued, Expired, Hold, Provenance, QueueEvent, Requeued, StopRequested,
};

type Text<'a> = Cow<'a, str>;

/// Which item an event is about, and when it was.
pub(super) struct About<'a> {
    queue_id: Text<'a>,
    task_id: Text<'a>,
    ts: Timestamp,
}

pub(super) struct Enqueue<'a> {
    owner: Text<'a>,
    contract_path: Text<'a>,
    priority: i64,
    workflow_id: Text<'a>,
    source_run_id: Text<'a>,
    scheduled_at: Option<Text<'a>>,
    deadline_at: Option<Text<'a>>,
    contract_sha256: Sha256Digest,
    requested_by: Text<'a>,
    actor_role: Text<'a>,
    approval_reason: Text<'a>,
    pilot_source: Text<'a>,
    principal: Text<'a>,
    preview_digest: Sha256Digest,
    idempotency_key: Option<Text<'a>>,
    depth: u32,
    approval_policy: Text<'a>,
    approvals: Vec<String>,
    approver_reason: Option<Text<'a>>,
    repository: Option<Text<'a>>,
}

pub(super) struct Cancel<'a> {
    reason: Option<Text<'a>>,
    cancelled_by: Option<Text<'a>>,
}

pub(super) struct Claim<'a> {
    run_id: Text<'a>,
    worker: Text<'a>,
    attempt: u32,
    lease_expires_at: Option<Timestamp>,
    lease_s: Option<u32>,
}

pub(super) struct Finish<'a> {
    run_id: Text<'a>,
    status: Text<'a>,
    attempt: Option<u32>,
    reason: Option<Text<'a>>,
    by: Option<Text<'a>>,
}

pub(super) struct Keep<'a> {
    kind: HeldKind,
    run_id: Text<'a>,
    attempt: u32,
    reason: Text<'a>,
    by: Option<Text<'a>>,
}

pub(super) struct Again<'a> {
    attempt: u32,
    not_before: Option<Timestamp>,
    reason: Text<'a>,
    by: Option<Text<'a>>,
}

pub(super) struct Stop<'a> {
    run_id: Text<'a>,
    attempt: u32,
    reason: Text<'a>,
    by: Text<'a>,
}

/// What is made of a line. `None` when the item's id is none.
pub(super) trait Make<'a>: Sized {
    fn enqueued(about: About<'a>, event: Enqueue<'a>) -> Option<Self>;
    fn cancelled(about: About<'a>, event: Cancel<'a>) -> Option<Self>;
    fn claimed(about: About<'a>, event: Claim<'a>) -> Option<Self>;
    fn done(about: About<'a>, event: Finish<'a>) -> Option<Self>;
    fn held(about: About<'a>, event: Keep<'a>) -> Option<Self>;
    fn requeued(about: About<'a>, event: Again<'a>) -> Option<Self>;
    fn stop_requested(about: About<'a>, event: Stop<'a>) -> Option<Self>;
    fn expired(about: About<'a>, deadline_at: Timestamp) -> Option<Self>;
}

/// Reads a line, if it is spelled as ours are.
pub(super) fn read<'a, T: Make<'a>>(line: &'a [u8]) -> Option<T> {
    let text = str::from_utf8(line).ok()?;
    // No control character may stand in JSON, and none stands between our members. One pass without a branch.
    if line.iter().fold(false, |found, byte| found | (*byte < 0x20)) {
        return None;
    }
    let mut at = Cursor(text);
    at.skip("{\"event\": \"QUEUE_")?;
    let event = if at.skip("ENQUEUE\", \"status\": \"PENDING\"").is_some() {
        enqueued(&mut at)
    } else if at.skip("CLAIM\", \"status\": \"CLAIMED\"").is_some() {
        claimed(&mut at)
    } else if at.skip("DONE\"").is_some() {
        done(&mut at)
    } else if at.skip("CANCEL\", \"status\": \"CANCELLED\"").is_some() {
        cancelled(&mut at)
    } else if at.skip("REQUEUE\", \"status\": \"PENDING\"").is_some() {
        requeued(&mut at)
    } else if at.skip("HOLD\"").is_some() {
        held(&mut at)
    } else if at.skip("STOP\", \"status\": \"CLAIMED\"").is_some() {
        stop_requested(&mut at)
    } else if at.skip("EXPIRE\", \"status\": \"EXPIRED\"").is_some() {
        expired(&mut at)
    } else {
        None
    }?;
    at.text(ledger::HASH_MEMBER)?;
    (at.0 == "}").then_some(event)
}

fn enqueued<'a, T: Make<'a>>(at: &mut Cursor<'a>) -> Option<T> {
    let task_id = at.text(", \"task_id\": \"")?;
    let owner = at.text(", \"owner\": \"")?;
    let contract_path = at.text(", \"contract_path\": \"")?;
    let priority = at.integer(", \"priority\": ")?;
    let workflow_id = at.text(", \"workflow_id\": \"")?;
    let source_run_id = at.text(", \"source_run_id\": \"")?;
    let scheduled_at = at.optional(", \"scheduled_at\": ")?;
    let deadline_at = at.optional(", \"deadline_at\": ")?;
    let ts = instant(&at.text(", \"ts\": \"")?)?;
    let queue_id = at.text(", \"queue_id\": \"")?;
    let contract_sha256 = Sha256Digest::parse(&at.text(", \"contract_sha256\": \"")?)?;
    let requested_by = at.text(", \"requested_by\": \"")?;
    let actor_role = at.text(", \"actor_role\": \"")?;
    let approval_reason = at.text(", \"approval_reason\": \"")?;
    let mode = at.text(", \"approval_mode\": \"")?;
    if mode != APPROVAL_MODE {
        return None;
    }
    let pilot_source = at.text(", \"pilot_source\": \"")?;
    let principal = at.text(", \"principal\": \"")?;
    let preview_digest = Sha256Digest::parse(&at.text(", \"preview_digest\": \"")?)?;
    let idempotency_key = at.optional(", \"idempotency_key\": ")?;
    let depth = u32::try_from(at.integer(", \"depth\": ")?).ok()?;
    let approval_policy = at.text(", \"approval_policy\": \"")?;
    let approvals = at.list(", \"approvals\": [")?;
    let approver_reason = at.present(", \"approver_reason\": \"")?;
    let repository = at.present(", \"repository\": \"")?;
    let event = Enqueue {
        owner,
        contract_path,
        priority,
        workflow_id,
        source_run_id,
        scheduled_at,
        deadline_at,
        contract_sha256,
        requested_by,
        actor_role,
        approval_reason,
        pilot_source,
        principal,
        preview_digest,
        idempotency_key,
        depth,
        approval_policy,
        approvals,
        approver_reason,
        repository,
    };
    T::enqueued(About { queue_id, task_id, ts }, event)
}

fn cancelled<'a, T: Make<'a>>(at: &mut Cursor<'a>) -> Option<T> {
    let task_id = at.text(", \"task_id\": \"")?;
    let queue_id = at.text(", \"queue_id\": \"")?;
    at.text(", \"cancelled_at\": \"")?;
    let reason = at.present(", \"reason\": \"")?;
    let cancelled_by = at.present(", \"cancelled_by\": \"")?;
    let ts = instant(&at.text(", \"ts\": \"")?)?;
    T::cancelled(About { queue_id, task_id, ts }, Cancel { reason, cancelled_by })
}

fn claimed<'a, T: Make<'a>>(at: &mut Cursor<'a>) -> Option<T> {
    let task_id = at.text(", \"task_id\": \"")?;
    let run_id = at.text(", \"run_id\": \"")?;
    let ts = instant(&at.text(", \"ts\": \"")?)?;
    let queue_id = at.text(", \"queue_id\": \"")?;
    at.text(", \"claimed_at\": \"")?;
    let worker = at.text(", \"worker\": \"")?;
    let attempt = u32::try_from(at.integer(", \"attempt\": ")?).ok()?;
    let lease_expires_at = match at.optional(", \"lease_expires_at\": ")? {
        Some(text) => Some(instant(&text)?),
        None => None,
    };
    let lease_s = at.number(", \"lease_s\": ")?;
    T::claimed(About { queue_id, task_id, ts }, Claim { run_id, worker, attempt, lease_expires_at, lease_s })
}

fn done<'a, T: Make<'a>>(at: &mut Cursor<'a>) -> Option<T> {
    let status = at.text(", \"status\": \"")?;
    let task_id = at.text(", \"task_id\": \"")?;
    let run_id = at.text(", \"run_id\": \"")?;
    at.text(", \"completed_at\": \"")?;
    let queue_id = at.text(", \"queue_id\": \"")?;
    let ts = instant(&at.text(", \"ts\": \"")?)?;
    let attempt = at.number(", \"attempt\": ")?;
    let reason = at.present(", \"reason\": \"")?;
    let by = at.present(", \"by\": \"")?;
    T::done(About { queue_id, task_id, ts }, Finish { run_id, status, attempt, reason, by })
}

fn held<'a, T: Make<'a>>(at: &mut Cursor<'a>) -> Option<T> {
    let kind = HeldKind::parse(&at.text(", \"status\": \"")?)?;
    let task_id = at.text(", \"task_id\": \"")?;
    let queue_id = at.text(", \"queue_id\": \"")?;
    let run_id = at.text(", \"run_id\": \"")?;
    let ts = instant(&at.text(", \"ts\": \"")?)?;
    let attempt = at.number(", \"attempt\": ")??;
    let reason = at.text(", \"reason\": \"")?;
    let by = at.present(", \"by\": \"")?;
    T::held(About { queue_id, task_id, ts }, Keep { kind, run_id, attempt, reason, by })
}

fn requeued<'a, T: Make<'a>>(at: &mut Cursor<'a>) -> Option<T> {
    let task_id = at.text(", \"task_id\": \"")?;
    let queue_id = at.text(", \"queue_id\": \"")?;
    let ts = instant(&at.text(", \"ts\": \"")?)?;
    let attempt = at.number(", \"attempt\": ")??;
    let not_before = match at.present(", \"not_before\": \"")? {
        Some(text) => Some(instant(&text)?),
        None => None,
    };
    let reason = at.text(", \"reason\": \"")?;
    let by = at.present(", \"by\": \"")?;
    T::requeued(About { queue_id, task_id, ts }, Again { attempt, not_before, reason, by })
}

fn stop_requested<'a, T: Make<'a>>(at: &mut Cursor<'a>) -> Option<T> {
    let task_id = at.text(", \"task_id\": \"")?;
    let queue_id = at.text(", \"queue_id\": \"")?;
    let run_id = at.text(", \"run_id\": \"")?;
    let ts = instant(&at.text(", \"ts\": \"")?)?;
    let attempt = at.number(", \"attempt\": ")??;
    let reason = at.text(", \"reason\": \"")?;
    let by = at.text(", \"by\": \"")?;
    T::stop_requested(About { queue_id, task_id, ts }, Stop { run_id, attempt, reason, by })
}

fn expired<'a, T: Make<'a>>(at: &mut Cursor<'a>) -> Option<T> {
    let task_id = at.text(", \"task_id\": \"")?;
    let queue_id = at.text(", \"queue_id\": \"")?;
    let ts = instant(&at.text(", \"ts\": \"")?)?;
    let deadline_at = instant(&at.text(", \"deadline_at\": \"")?)?;
    T::expired(About { queue_id, task_id, ts }, deadline_at)
}

impl<'a> Make<'a> for QueueEvent {
    fn enqueued(about: About<'a>, event: Enqueue<'a>) -> Option<Self> {
        let moment = |text: Text<'_>| when(text.into_owned());
        let enqueued = Enqueued {
            queue_id: QueueItemId::parse(&about.queue_id)?,
            task_id: about.task_id.into_owned(),
            owner: event.owner.into_owned(),
            contract_path: event.contract_path.into_owned(),
            priority: event.priority,
            workflow_id: event.workflow_id.into_owned(),
            source_run_id: event.source_run_id.into_owned(),
            scheduled: event.scheduled_at.map(moment),
            deadline: event.deadline_at.map(moment),
            ts: about.ts,
            provenance: Some(Provenance {
                contract_sha256: event.contract_sha256,
                requested_by: event.requested_by.into_owned(),
                actor_role: event.actor_role.into_owned(),
                approval_reason: event.approval_reason.into_owned(),
                pilot_source: event.pilot_source.into_owned(),
                principal: event.principal.into_owned(),
                preview_digest: event.preview_digest,
                idempotency_key: event.idempotency_key.map(Cow::into_owned),
                depth: event.depth,
                approval_policy: event.approval_policy.into_owned(),
                approvals: event.approvals,
                approver_reason: event.approver_reason.map(Cow::into_owned),
                repository: event.repository.map(Cow::into_owned),
            }),
        };
        Some(Self::Enqueued(enqueued.into()))
    }

    fn cancelled(about: About<'a>, event: Cancel<'a>) -> Option<Self> {
        Some(Self::Cancelled(Cancelled {
            queue_id: QueueItemId::parse(&about.queue_id)?,
            task_id: about.task_id.into_owned(),
            reason: event.reason.map(Cow::into_owned),
            cancelled_by: event.cancelled_by.map(Cow::into_owned),
            ts: about.ts,
        }))
    }

    fn claimed(about: About<'a>, event: Claim<'a>) -> Option<Self> {
        Some(Self::Claimed(Claimed {
            queue_id: QueueItemId::parse(&about.queue_id)?,
            task_id: about.task_id.into_owned(),
            run_id: event.run_id.into_owned(),
            worker: event.worker.into_owned(),
            attempt: event.attempt,
            lease_expires_at: event.lease_expires_at,
            lease: event.lease_s.map(lease),
            ts: about.ts,
        }))
    }

    fn done(about: About<'a>, event: Finish<'a>) -> Option<Self> {
        Some(Self::Done(Done {
            queue_id: QueueItemId::parse(&about.queue_id)?,
            task_id: about.task_id.into_owned(),
            run_id: event.run_id.into_owned(),
            status: event.status.into_owned(),
            ts: about.ts,
            attempt: event.attempt,
            reason: event.reason.map(Cow::into_owned),
            by: event.by.map(Cow::into_owned),
        }))
    }

    fn held(about: About<'a>, event: Keep<'a>) -> Option<Self> {
        Some(Self::Held(Hold {
            queue_id: QueueItemId::parse(&about.queue_id)?,
            task_id: about.task_id.into_owned(),
            run_id: event.run_id.into_owned(),
            kind: event.kind,
            attempt: event.attempt,
            reason: event.reason.into_owned(),
            by: event.by.map(Cow::into_owned),
            ts: about.ts,
        }))
    }

    fn requeued(about: About<'a>, event: Again<'a>) -> Option<Self> {
        Some(Self::Requeued(Requeued {
            queue_id: QueueItemId::parse(&about.queue_id)?,
            task_id: about.task_id.into_owned(),
            attempt: event.attempt,
            not_before: event.not_before,
            reason: event.reason.into_owned(),
            by: event.by.map(Cow::into_owned),
            ts: about.ts,
        }))
    }

    fn stop_requested(about: About<'a>, event: Stop<'a>) -> Option<Self> {
        Some(Self::StopRequested(StopRequested {
            queue_id: QueueItemId::parse(&about.queue_id)?,
            task_id: about.task_id.into_owned(),
            run_id: event.run_id.into_owned(),
            attempt: event.attempt,
            reason: event.reason.into_owned(),
            by: event.by.into_owned(),
            ts: about.ts,
        }))
    }

    fn expired(about: About<'a>, deadline_at: Timestamp) -> Option<Self> {
        let (queue_id, task_id) = (QueueItemId::parse(&about.queue_id)?, about.task_id.into_owned());
        Some(Self::Expired(Expired { queue_id, task_id, deadline_at, ts: about.ts }))
    }
}

impl<'a> Make<'a> for Outline<'a> {
    fn enqueued(about: About<'a>, event: Enqueue<'a>) -> Option<Self> {
        about.outline(Change::Enqueued(Some(event.contract_sha256)))
    }

    fn cancelled(about: About<'a>, _: Cancel<'a>) -> Option<Self> {
        about.outline(Change::Cancelled)
    }

    fn claimed(about: About<'a>, event: Claim<'a>) -> Option<Self> {
        about.outline(Change::Claimed(event.attempt))
    }

    fn done(about: About<'a>, _: Finish<'a>) -> Option<Self> {
        about.outline(Change::Done)
    }

    fn held(about: About<'a>, event: Keep<'a>) -> Option<Self> {
        about.outline(Change::Held(event.attempt))
    }

    fn requeued(about: About<'a>, event: Again<'a>) -> Option<Self> {
        about.outline(Change::Requeued(event.attempt))
    }

    fn stop_requested(about: About<'a>, event: Stop<'a>) -> Option<Self> {
        about.outline(Change::StopRequested(event.attempt))
    }

    fn expired(about: About<'a>, _: Timestamp) -> Option<Self> {
        about.outline(Change::Expired)
    }
}

impl<'a> About<'a> {
    fn outline(self, change: Change) -> Option<Outline<'a>> {
        let queue_id = match self.queue_id {
            Cow::Borrowed(id) => Cow::Borrowed(QueueItemId::trimmed(id)?),
            Cow::Owned(id) => Cow::Owned(QueueItemId::trimmed(&id)?.to_owned()),
        };
        Some(Outline { queue_id, task_id: self.task_id, ts: self.ts, change })
    }
}

/// What is left of a line. Each step takes what it expects, or says no and takes nothing that matters any more.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn skip(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// A text member; `name` reaches to its opening quote.
    fn text(&mut self, name: &str) -> Option<Text<'a>> {
        self.skip(name)?;
        self.rest_of_text()
    }

    /// A text member that may be missing.
    fn present(&mut self, name: &str) -> Option<Option<Text<'a>>> {
        if self.skip(name).is_none() {
            return Some(None);
        }
        self.rest_of_text().map(Some)
    }

    /// A text member, or `null`; `name` reaches to the value.
    fn optional(&mut self, name: &str) -> Option<Option<Text<'a>>> {
        self.skip(name)?;
        if self.skip("null").is_some() {
            return Some(None);
        }
        self.skip("\"")?;
        self.rest_of_text().map(Some)
    }

    /// A list of texts; `name` reaches to its opening bracket.
    fn list(&mut self, name: &str) -> Option<Vec<String>> {
        self.skip(name)?;
        let mut texts = Vec::new();
        while self.skip("]").is_none() {
            self.skip(if texts.is_empty() { "\"" } else { ", \"" })?;
            texts.push(self.rest_of_text()?.into_owned());
        }
        Some(texts)
    }

    /// A whole number without a spelling of its own: no sign but a minus, no leading zero, no more than 18 digits.
    fn integer(&mut self, name: &str) -> Option<i64> {
        self.skip(name)?;
        let digits = self.0.strip_prefix('-').unwrap_or(self.0);
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        let signed = digits.len() < self.0.len();
        if count == 0 || count > 18 || (digits.starts_with('0') && (count > 1 || signed)) {
            return None;
        }
        let (number, rest) = self.0.split_at(count + usize::from(signed));
        // A fraction or an exponent is left standing, and what comes next does not expect one.
        self.0 = rest;
        number.parse().ok()
    }

    /// A whole number that may be missing and is no more than 32 bits; `name` reaches to it.
    fn number(&mut self, name: &str) -> Option<Option<u32>> {
        if !self.0.starts_with(name) {
            return Some(None);
        }
        u32::try_from(self.integer(name)?).ok().map(Some)
    }

    /// From behind an opening quote to behind the closing one.
    fn rest_of_text(&mut self) -> Option<Text<'a>> {
        let bytes = self.0.as_bytes();
        let end = memchr::memchr2(b'"', b'\\', bytes)?;
        if bytes[end] == b'"' {
            let text = &self.0[..end];
            self.0 = &self.0[end + 1..];
            return Some(Cow::Borrowed(text));
        }
        let mut end = end;
        while bytes[end] == b'\\' {
            // What is escaped is not the end, whatever it is.
            let from = end + 2;
            end = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        }
        // What an escape means is the general reader's business.
        let text = serde_json::from_slice(&[b"\"", &bytes[..=end]].concat()).ok()?;
        self.0 = &self.0[end + 1..];
        Some(Cow::Owned(text))
    }
}

/// An instant as our lines write it, `2026-01-31T09:30:00.000000+00:00`; any other spelling of one in the general way.
fn instant(text: &str) -> Option<Timestamp> {
    plain_instant(text.as_bytes()).or_else(|| text.parse().ok())
}

fn plain_instant(text: &[u8]) -> Option<Timestamp> {
    let text: &[u8; 32] = text.try_into().ok()?;
    let number = |from: usize, to: usize| {
        text[from..to].iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.')];
    if marks.iter().any(|(at, mark)| text[*at] != *mark) || &text[26..] != b"+00:00" {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second, micros) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 26)?);
    // Earlier years, leap seconds and 24:00 are read in the general way, if at all.
    let february = if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 29 } else { 28 };
    let days_of_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => february,
        _ => return None,
    };
    if year < 1970 || !(1..=days_of_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years that begin in March: their leap day is their last.
    let (march_year, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_before_year = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400;
    let days = days_before_year + (march_month * 153 + 2) / 5 + day - 1 - DAYS_TO_1970;
    Timestamp::from_microsecond((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + micros).ok()
}

/// From the first of March of the year 0 to the first of January 1970.
const DAYS_TO_1970: i64 = 719_468;

#[cfg(test)]
mod tests;
