//! Whether the process answers, and whether it can serve writes. Neither needs a token, neither shows data.

use cortexpilot_core::app::Failure;
use cortexpilot_core::error::ErrorCode::*;
use cortexpilot_core::port::receipts::Signing;
use serde::Serialize;
use utoipa::ToSchema;

use super::call::Call;
use super::error::{Refused, ok};
use super::table::{Answer, Operation, operation};

/// That the process answers.
#[derive(Serialize, ToSchema)]
struct Health {
    /// Always `ok`; whatever is not ok is no 200.
    status: &'static str,
    /// Only where signing fails: no checkpoint covers what was written last. Commits go on, so this is not red.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    checkpoints: Option<&'static str>,
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(health, Read, Open),
        operation!(api_health, Read, Open),
        operation!(readyz, Read, Open).codes(&[&[LedgerCorrupt, LedgerNewer, StoreFull, OutcomeUnknown]]),
    ]
}

/// Says that the process answers.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "server",
    responses((status = 200, description = "It does.", body = Health))
)]
pub(crate) fn health(_call: Call) -> Answer {
    Box::pin(async { Ok(ok(&Health { status: "ok", checkpoints: None })) })
}

/// The same, at the path that existing clients use.
#[utoipa::path(
    get,
    path = "/api/health",
    operation_id = "api_health",
    tag = "server",
    responses((status = 200, description = "It does.", body = Health))
)]
pub(crate) fn api_health(call: Call) -> Answer {
    health(call)
}

// Red as soon as no write would be acknowledged: whoever balances load or wakes people should know before a caller does.
/// Says whether the ledger can be written: 200, or 503 with the code of what stands in the way.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "server",
    responses((status = 200, description = "It can.", body = Health))
)]
pub(crate) fn readyz(call: Call) -> Answer {
    Box::pin(async move {
        let health = call.state.app.reader().queue().health().await?;
        match health.refuses_writes {
            None => {
                let signing = call.state.app.receipts().map(|receipts| receipts.health().signing);
                let failing = signing.filter(|signing| *signing == Signing::Failing);
                Ok(ok(&Health { status: "ok", checkpoints: failing.map(Signing::as_str) }))
            }
            Some(why) => Err(Refused::Failure(Failure::Store(why))),
        }
    })
}
