//! The answer to an apply that people decide: nothing is queued yet.

use cortexpilot_core::domain::approval::ApprovalRequest;
use cortexpilot_core::domain::principal::Surface;
use cortexpilot_core::domain::time::ledger_text;
use schemars::JsonSchema;
use serde::Serialize;
use utoipa::ToSchema;

/// An apply's answer where the policy wants people to decide. It is no error, and no item exists yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct PendingView {
    /// Always `PENDING_APPROVAL`.
    pub status: &'static str,
    /// The request that people decide.
    pub approval: AskedView,
    /// What to do now.
    pub next_step: &'static str,
}

/// A request that was just made, or that this apply joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, ToSchema)]
pub struct AskedView {
    /// Its id.
    pub id: String,
    /// Until when it can be decided.
    pub expires_at: String,
    /// How many people must agree.
    pub needs: u32,
    /// How many have.
    pub has: u32,
}

impl PendingView {
    /// Renders a request for whoever asked for it through this surface.
    #[must_use]
    pub fn of(request: &ApprovalRequest, surface: Surface) -> Self {
        Self {
            status: "PENDING_APPROVAL",
            approval: AskedView {
                id: request.asked.id.to_string(),
                expires_at: ledger_text(request.asked.expires_at),
                needs: request.needs(),
                has: request.has(),
            },
            next_step: match surface {
                Surface::Mcp => {
                    "A person must approve this outside this chat. Tell the person the id. Do not call again to wait; use \
                     preview_enqueue_from_run to look."
                }
                Surface::Http | Surface::Cli => {
                    "Another person must approve this, over HTTP or on the command line. Nothing is queued until then."
                }
            },
        }
    }
}
