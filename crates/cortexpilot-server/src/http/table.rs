//! Every operation of the control plane: the one table from which the router is built and the reference page is
//! generated. A route that does not stand here does not exist.

use axum::response::Response;
use futures_util::future::BoxFuture;

use super::call::Call;
use super::error::Refused;
use super::{approvals, govern, health, metrics, page, queue, receipt, runs, work, workflows};

/// Whether an operation may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Leaves not one byte behind.
    Read,
    /// Sends one command through the one door.
    Write,
}

impl Effect {
    /// The effect's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone who reaches the server. Such an answer holds no data of runs or queue, unless a token came along.
    Open,
    /// Whoever sends a token that the server knows.
    Token,
}

impl Access {
    /// The access' word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Token => "token",
        }
    }
}

/// The method of an operation. `HEAD` is answered wherever `GET` is, and not listed in `allow`, as existing clients know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Without a body.
    Get,
    /// With one JSON object as body; `{}` at least.
    Post,
}

impl Verb {
    /// The method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

pub(crate) type Answer = BoxFuture<'static, Result<Response, Refused>>;

/// One operation.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// The method.
    pub verb: Verb,
    /// The path; `{name}` stands for one percent-encoded segment.
    pub path: &'static str,
    /// A stable name.
    pub id: &'static str,
    /// Whether it may change anything.
    pub effect: Effect,
    /// Who may call it.
    pub access: Access,
    /// The query parameters it takes; any other is refused.
    pub query: &'static [&'static str],
    /// The members of its body, as far as it takes one; any other is refused.
    pub body: &'static [&'static str],
    /// What it does, in one line.
    pub summary: &'static str,
    pub(crate) handler: fn(Call) -> Answer,
}

/// Every operation, in the order of the reference page.
pub fn operations() -> &'static [Operation] {
    OPERATIONS
}

const PAGE: &[&str] = &["limit", "cursor"];

/// The members of a decision's body.
const REASON: &[&str] = &["reason"];

const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Post,
        path: "/api/queue/from-run/{run_id}/preview",
        id: "queue_preview",
        effect: Effect::Read,
        access: Access::Token,
        query: &[],
        body: queue::PREVIEW_MEMBERS,
        summary: "Derives the one queue item of a run and says which gates are open. Changes nothing.",
        handler: queue::preview,
    },
    Operation {
        verb: Verb::Post,
        path: "/api/queue/from-run/{run_id}",
        id: "queue_enqueue",
        effect: Effect::Write,
        access: Access::Token,
        query: &[],
        body: queue::ENQUEUE_MEMBERS,
        summary: "Appends the item that was previewed, if every gate is open; where the policy says so, asks people first.",
        handler: queue::enqueue,
    },
    Operation {
        verb: Verb::Post,
        path: "/api/queue/{queue_id}/cancel",
        id: "queue_cancel",
        effect: Effect::Write,
        access: Access::Token,
        query: &[],
        body: &["reason"],
        summary: "Rolls a pending item back. Works while queueing is off or frozen.",
        handler: queue::cancel,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/queue",
        id: "queue_list",
        effect: Effect::Read,
        access: Access::Token,
        query: &["status", "workflow_id", "limit", "cursor"],
        body: &[],
        summary: "Lists queue items in enqueue order.",
        handler: queue::list,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/queue/{queue_id}",
        id: "queue_get",
        effect: Effect::Read,
        access: Access::Token,
        query: &[],
        body: &[],
        summary: "Shows one queue item.",
        handler: queue::get,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/queue/{queue_id}/receipt",
        id: "queue_receipt",
        effect: Effect::Read,
        access: Access::Token,
        query: &["of"],
        body: &[],
        summary: "Proves that the line which queued the item (or `of` cancelled, claimed, completed it) is signed.",
        handler: receipt::of_item,
    },
    Operation {
        verb: Verb::Post,
        path: "/api/queue/claim",
        id: "queue_claim",
        effect: Effect::Write,
        access: Access::Token,
        query: &[],
        body: &["worker", "lease_s"],
        summary: "Takes the next eligible item for a worker, with a lease token.",
        handler: work::claim,
    },
    Operation {
        verb: Verb::Post,
        path: "/api/queue/{queue_id}/complete",
        id: "queue_complete",
        effect: Effect::Write,
        access: Access::Token,
        query: &[],
        body: &["lease_token", "status"],
        summary: "Finishes a claimed item as SUCCESS or FAILURE; takes the claim's lease token.",
        handler: work::complete,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/approvals",
        id: "approvals_list",
        effect: Effect::Read,
        access: Access::Token,
        query: &["status", "limit", "cursor"],
        body: &[],
        summary: "Lists requests that people decide, oldest first; an agent sees its own.",
        handler: approvals::list,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/approvals/{approval_id}",
        id: "approval_get",
        effect: Effect::Read,
        access: Access::Token,
        query: &[],
        body: &[],
        summary: "Shows one request with all that deciding it rests on: effect, differences, who asks, what was stated.",
        handler: approvals::get,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/approvals/{approval_id}/receipt",
        id: "approval_receipt",
        effect: Effect::Read,
        access: Access::Token,
        query: &[],
        body: &[],
        summary: "Proves that the last decision about a request is signed; of an approved one, its item's line.",
        handler: receipt::of_request,
    },
    Operation {
        verb: Verb::Post,
        path: "/api/approvals/{approval_id}/approve",
        id: "approval_approve",
        effect: Effect::Write,
        access: Access::Token,
        query: &[],
        body: REASON,
        summary: "Says yes to a request; the last yes that is needed queues its item. Operators only.",
        handler: approvals::approve,
    },
    Operation {
        verb: Verb::Post,
        path: "/api/approvals/{approval_id}/reject",
        id: "approval_reject",
        effect: Effect::Write,
        access: Access::Token,
        query: &[],
        body: REASON,
        summary: "Says no to a request, with a reason. Operators only; works while queueing is off or frozen.",
        handler: approvals::reject,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/gate",
        id: "gate_get",
        effect: Effect::Read,
        access: Access::Token,
        query: &[],
        body: &[],
        summary: "Shows whether agents may queue here, who says yes, the policy floor and a freeze.",
        handler: govern::gate,
    },
    Operation {
        verb: Verb::Post,
        path: "/api/gate/freeze",
        id: "gate_freeze",
        effect: Effect::Write,
        access: Access::Token,
        query: &[],
        body: REASON,
        summary: "Stops applies, approvals and claims in every process; cancelling and completing go on. Operators only.",
        handler: govern::freeze,
    },
    Operation {
        verb: Verb::Post,
        path: "/api/gate/unfreeze",
        id: "gate_unfreeze",
        effect: Effect::Write,
        access: Access::Token,
        query: &[],
        body: REASON,
        summary: "Ends a freeze, with a reason. Operators only.",
        handler: govern::unfreeze,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/tokens",
        id: "tokens_list",
        effect: Effect::Read,
        access: Access::Token,
        query: PAGE,
        body: &[],
        summary: "Lists personal tokens by id, without anything that they could be used or recognised by. Operators only.",
        handler: govern::tokens,
    },
    Operation {
        verb: Verb::Post,
        path: "/api/tokens/{token_id}/revoke",
        id: "token_revoke",
        effect: Effect::Write,
        access: Access::Token,
        query: &[],
        body: REASON,
        summary: "Takes a personal token back, in every process from its next request on. Operators only.",
        handler: govern::revoke,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/runs",
        id: "runs_list",
        effect: Effect::Read,
        access: Access::Token,
        query: PAGE,
        body: &[],
        summary: "Lists runs, newest first.",
        handler: runs::list,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/runs/{run_id}",
        id: "run_get",
        effect: Effect::Read,
        access: Access::Token,
        query: &[],
        body: &[],
        summary: "Shows one run with its manifest and contract.",
        handler: runs::get,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/runs/{run_id}/events",
        id: "run_events",
        effect: Effect::Read,
        access: Access::Token,
        query: &["since", "limit", "tail", "cursor"],
        body: &[],
        summary: "Lists a run's events in file order: after `since`, the first `limit`, or with `tail` the last.",
        handler: runs::events,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/runs/{run_id}/reports",
        id: "run_reports",
        effect: Effect::Read,
        access: Access::Token,
        query: PAGE,
        body: &[],
        summary: "Lists a run's reports, then those that its state implies.",
        handler: runs::reports,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/workflows",
        id: "workflows_list",
        effect: Effect::Read,
        access: Access::Token,
        query: PAGE,
        body: &[],
        summary: "Lists workflow cases, the one with the newest run first.",
        handler: workflows::list,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/workflows/{workflow_id}",
        id: "workflow_get",
        effect: Effect::Read,
        access: Access::Token,
        query: &[],
        body: &[],
        summary: "Shows one workflow case with its runs and events.",
        handler: workflows::get,
    },
    Operation {
        verb: Verb::Get,
        path: "/health",
        id: "health",
        effect: Effect::Read,
        access: Access::Open,
        query: &[],
        body: &[],
        summary: "Says that the process answers.",
        handler: health::health,
    },
    Operation {
        verb: Verb::Get,
        path: "/api/health",
        id: "api_health",
        effect: Effect::Read,
        access: Access::Open,
        query: &[],
        body: &[],
        summary: "The same, at the path that existing clients use.",
        handler: health::health,
    },
    Operation {
        verb: Verb::Get,
        path: "/readyz",
        id: "readyz",
        effect: Effect::Read,
        access: Access::Open,
        query: &[],
        body: &[],
        summary: "Says whether the ledger can be written: 200, or 503 with the code of what stands in the way.",
        handler: health::readyz,
    },
    Operation {
        verb: Verb::Get,
        path: "/metrics",
        id: "metrics",
        effect: Effect::Read,
        access: Access::Token,
        query: &[],
        body: &[],
        summary: "Counts of answers by operation, status and code since the process started, as Prometheus text.",
        handler: metrics::show,
    },
    Operation {
        verb: Verb::Get,
        path: "/",
        id: "page",
        effect: Effect::Read,
        access: Access::Open,
        query: &[],
        body: &[],
        summary: "A page for people: what this is and how to call it.",
        handler: page::show,
    },
];
