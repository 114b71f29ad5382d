//! Whether the process answers, and whether it can serve writes. Neither needs a token, neither shows data.

use cortexpilot_core::app::Failure;
use cortexpilot_core::port::receipts::Signing;
use serde::Serialize;

use super::call::Call;
use super::error::{Refused, ok};
use super::table::Answer;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    /// Only where signing fails: no checkpoint covers what was written last. Commits go on, so this is not red.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoints: Option<&'static str>,
}

pub(crate) fn health(_call: Call) -> Answer {
    Box::pin(async { Ok(ok(&Health { status: "ok", checkpoints: None })) })
}

/// Red as soon as no write would be acknowledged: whoever balances load or wakes people should know before a caller does.
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
