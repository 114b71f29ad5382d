//! Arguments and answers of cancel, claim and complete.

use cortexpilot_core::app::{Claimed, LEASE_DEFAULT};
use cortexpilot_core::domain::queue::{FinalStatus, ItemState};
use cortexpilot_core::domain::text::{Reason, Stated, WorkerName};
use cortexpilot_core::domain::time::ledger_text;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MemberProblem;
use super::item::ItemView;

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
    /// How long the lease holds, in seconds: 1 to 86,400.
    pub lease_s: Option<u32>,
}

impl ClaimArgs {
    /// The worker's name as the app takes it.
    pub fn worker(&self) -> Stated<WorkerName> {
        Stated::read(self.worker.as_deref())
    }

    /// The lease.
    ///
    /// # Errors
    /// Outside 1 to 86,400 seconds.
    pub fn lease(&self) -> Result<SignedDuration, MemberProblem> {
        match self.lease_s {
            None => Ok(LEASE_DEFAULT),
            Some(seconds @ 1..=86_400) => Ok(SignedDuration::from_secs(i64::from(seconds))),
            Some(_) => Err(MemberProblem::new("lease_s", "must be 1 to 86400 seconds")),
        }
    }
}

/// A claim's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct ClaimedView {
    /// Whether there was an item to claim.
    pub ok: bool,
    /// `queue empty` when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<&'static str>,
    /// The item.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub item: Option<ItemView>,
    /// What completing it takes. Keep it secret: whoever has it can finish the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lease_token: Option<String>,
    /// Until when it is yours.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lease_expires_at: Option<String>,
    /// Digest of the contract to execute; its pinned copy is what was approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contract_sha256: Option<String>,
}

impl ClaimedView {
    /// Renders a claim's answer.
    pub fn of(claimed: Option<&Claimed>, now: Timestamp) -> Self {
        let Some(claimed) = claimed else {
            return Self {
                ok: false,
                reason: Some("queue empty"),
                item: None,
                lease_token: None,
                lease_expires_at: None,
                contract_sha256: None,
            };
        };
        let lease_expires_at = match &claimed.item.state {
            ItemState::Claimed(claim) => claim.lease_expires_at.map(ledger_text),
            ItemState::Pending | ItemState::Closed { .. } | ItemState::Cancelled { .. } => None,
        };
        Self {
            ok: true,
            reason: None,
            item: Some(ItemView::of(&claimed.item, now)),
            lease_token: Some(claimed.lease_token.clone()),
            lease_expires_at,
            contract_sha256: claimed.item.enqueued.provenance.as_ref().map(|p| p.contract_sha256.to_string()),
        }
    }
}

/// The body of a completion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteArgs {
    /// What the claim answered.
    pub lease_token: Option<String>,
    /// `SUCCESS` or `FAILURE`.
    pub status: Option<String>,
}

impl CompleteArgs {
    /// How it ended.
    ///
    /// # Errors
    /// For any other word, or none.
    pub fn status(&self) -> Result<FinalStatus, MemberProblem> {
        let word = self.status.as_deref().unwrap_or_default();
        FinalStatus::parse(word).ok_or_else(|| MemberProblem::new("status", "must be SUCCESS or FAILURE"))
    }
}
