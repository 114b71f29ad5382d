//! Arguments and answers of cancelling, of what a worker does with an item, and of what an operator does about it.

use cortexpilot_core::app::work::{ClaimAsk, Claimed, CompleteAsk, LEASE_DEFAULT};
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::lease::{HeartbeatAnswer, Idle, ProgressNote};
use cortexpilot_core::domain::principal::StatedRole;
use cortexpilot_core::domain::queue::{FinalStatus, QueueItem};
use cortexpilot_core::domain::text::{Reason, Stated};
use cortexpilot_core::domain::time::ledger_text;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MemberProblem;
use super::item::{ItemView, StopView};
use super::words;

/// The body of a cancel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelArgs {
    /// Why.
    pub reason: Option<String>,
}

impl CancelArgs {
    /// The reason as the app takes it.
    pub fn reason(&self) -> Stated<Reason> {
        Stated::read(self.reason.as_deref())
    }
}

/// The body of a claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimArgs {
    /// What the worker calls itself.
    pub worker: Option<String>,
    /// For how long the lease holds without a heartbeat, in seconds: 1 to 86,400.
    pub lease_s: Option<u32>,
    /// This item and no other, if it may be claimed now; without it, the next.
    pub queue_id: Option<String>,
}

impl ClaimArgs {
    /// What is asked of the app.
    ///
    /// # Errors
    /// A lease outside 1 to 86,400 seconds; a `queue_id` that is blank.
    pub fn ask(&self, role: StatedRole) -> Result<ClaimAsk, MemberProblem> {
        let lease = match self.lease_s {
            None => LEASE_DEFAULT,
            Some(seconds @ 1..=86_400) => SignedDuration::from_secs(i64::from(seconds)),
            Some(_) => return Err(MemberProblem::new("lease_s", "must be 1 to 86400 seconds")),
        };
        // A blank id must not quietly claim whatever comes next.
        let named = self.queue_id.as_deref().map(|id| {
            QueueItemId::parse(id).ok_or_else(|| MemberProblem::new("queue_id", "must be the id of a queue item"))
        });
        Ok(ClaimAsk { worker: Stated::read(self.worker.as_deref()), lease, role, queue_id: named.transpose()? })
    }
}

/// A claim's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ClaimedView {
    /// Whether there was an item to claim.
    pub ok: bool,
    /// Why there was none: `queue empty`, `paused` or `at capacity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<words::IdleReason>)]
    pub reason: Option<&'static str>,
    /// The item.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub item: Option<ItemView>,
    /// The right to write about this item: every heartbeat, completion and release takes it. Keep it secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lease_token: Option<String>,
    /// Until when it is yours without a heartbeat. For people: no wall clock ends a lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lease_expires_at: Option<String>,
    /// For how long it is yours without a heartbeat, in seconds; one every quarter of it is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub lease_s: Option<i64>,
    /// The how-manieth claim of this item it is, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub attempt: Option<u32>,
    /// Digest of the contract to execute; its pinned copy is what was approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contract_sha256: Option<String>,
}

impl ClaimedView {
    /// Renders a claim.
    pub fn of(claimed: &Claimed, now: Timestamp) -> Self {
        let item = &claimed.item;
        let claim = item.claim();
        Self {
            ok: true,
            reason: None,
            item: Some(ItemView::of(item, now)),
            lease_token: Some(claimed.lease_token.clone()),
            lease_expires_at: claim.and_then(|claim| claim.lease_expires_at).map(ledger_text),
            lease_s: claim.and_then(|claim| claim.lease).map(|lease| lease.as_secs()),
            attempt: claim.map(|claim| claim.attempt),
            contract_sha256: item.contract_sha256().map(ToString::to_string),
        }
    }

    /// There was nothing to claim.
    pub fn idle(why: Idle) -> Self {
        Self {
            ok: false,
            reason: Some(why.as_str()),
            item: None,
            lease_token: None,
            lease_expires_at: None,
            lease_s: None,
            attempt: None,
            contract_sha256: None,
        }
    }
}

/// What may be claimed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextView {
    /// The items, in the order in which they would be claimed.
    pub items: Vec<ItemView>,
    /// Why there is none: `queue empty`, `paused`, `at capacity` or `frozen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<words::NothingNext>)]
    pub reason: Option<&'static str>,
}

impl NextView {
    /// Items that wait, as they stand now; none of them for this reason.
    pub fn of(items: &[QueueItem], reason: Option<&'static str>, now: Timestamp) -> Self {
        Self { items: items.iter().map(|item| ItemView::of(item, now)).collect(), reason }
    }
}

/// How far a worker is, for people to see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgressArgs {
    /// What it does now, in a word.
    pub stage: Option<String>,
    /// One sentence about it.
    pub message: Option<String>,
    /// How many events its run has so far.
    pub events: Option<u64>,
}

/// The body of a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatArgs {
    /// What the claim answered.
    pub lease_token: Option<String>,
    /// How far the work is; left out, it is where it was.
    pub progress: Option<ProgressArgs>,
}

impl HeartbeatArgs {
    /// The note as the app takes it.
    ///
    /// # Errors
    /// A count beyond what JSON numbers of other languages hold.
    pub fn note(&mut self) -> Result<Option<ProgressNote>, MemberProblem> {
        let Some(ProgressArgs { stage, message, events }) = self.progress.take() else { return Ok(None) };
        let text = |text: Option<String>| text.unwrap_or_default();
        let events = events.unwrap_or(0);
        if i64::try_from(events).is_err() {
            return Err(MemberProblem::new("events", "must be a count below 2^63"));
        }
        Ok(Some(ProgressNote { stage: text(stage), message: text(message), events }))
    }
}

/// A heartbeat's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeartbeatView {
    /// Always true: the item is still yours.
    pub ok: bool,
    /// Until when it is without another heartbeat; null where it does not end by itself. For people.
    #[schema(required = true)]
    pub lease_expires_at: Option<String>,
    /// An operator's request to end the work, after which it is completed as `STOPPED`; null where there is none.
    #[schema(required = true)]
    pub stop: Option<StopView>,
}

impl HeartbeatView {
    /// Renders an answer.
    pub fn of(answer: &HeartbeatAnswer) -> Self {
        Self {
            ok: true,
            lease_expires_at: answer.lease_expires_at.map(ledger_text),
            stop: answer.stop.as_ref().map(StopView::of),
        }
    }
}

/// The body of a completion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteArgs {
    /// What the claim answered.
    pub lease_token: Option<String>,
    /// `SUCCESS`, `FAILURE`, or `STOPPED` where an operator asked for that.
    pub status: Option<String>,
    /// Why it ended like this, in one sentence.
    pub reason: Option<String>,
}

impl CompleteArgs {
    /// How it ended.
    ///
    /// # Errors
    /// For any other word, or none.
    pub fn ask(&self) -> Result<CompleteAsk, MemberProblem> {
        let word = self.status.as_deref().unwrap_or_default();
        let status = FinalStatus::parse(word);
        let status = status.ok_or_else(|| MemberProblem::new("status", "must be SUCCESS, FAILURE or STOPPED"))?;
        Ok(CompleteAsk { status, reason: Stated::read(self.reason.as_deref()) })
    }
}

/// The body of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseArgs {
    /// What the claim answered.
    pub lease_token: Option<String>,
    /// Whether anything of it was carried out. Left out, it is taken that something was.
    pub started: Option<bool>,
    /// Why.
    pub reason: Option<String>,
}
