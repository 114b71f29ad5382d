//! Wire types: the JSON that HTTP, MCP and the command line share, and its way into and out of the domain. No rule lives
//! here; where the wire's word differs from the domain's (`queue_id` and `QueueItemId`), only this module knows.

pub mod item;

pub mod counts;

pub mod config;

pub mod preview;

pub mod enqueue;

pub mod pending;

pub mod approval;

pub mod review;

pub mod governance;

pub mod shown;

pub mod untrusted;

pub mod refusal;

pub mod receipt;

pub mod session;

pub mod ledger;

pub mod work;

pub mod worker;

pub mod words;

pub use approval::ApprovalRowView;
pub use enqueue::{AppliedView, EnqueueArgs, PreviewArgs};
pub use governance::{DecisionArgs, StandingView, TokenView};
pub use item::ItemView;
pub use pending::PendingView;
pub use preview::PreviewView;
pub use receipt::{ReceiptView, WithReceipt};
pub use refusal::RefusalView;
pub use review::ReviewView;
pub use work::{CancelArgs, ClaimArgs, ClaimedView, CompleteArgs, HeartbeatArgs, HeartbeatView, NextView, ReleaseArgs};
pub use worker::{PresenceArgs, PresentView, WorkerView};

/// Why arguments cannot be used: which member, and what it must be. Completes no record: an invalid argument is answered,
/// never written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{member}` {problem}.")]
pub struct MemberProblem {
    /// The member.
    pub member: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl MemberProblem {
    fn new(member: &'static str, problem: impl ToString) -> Self {
        Self { member, problem: problem.to_string() }
    }
}
