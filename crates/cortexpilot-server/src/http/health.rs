//! Whether the process answers, and whether it can serve writes. Neither needs a token, neither shows data.

use cortexpilot_core::app::Failure;
use serde::Serialize;

use super::call::Call;
use super::error::{Refused, ok};
use super::table::Answer;

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

pub(crate) fn health(_call: Call) -> Answer {
    Box::pin(async { Ok(ok(&Health { status: "ok" })) })
}

/// Red as soon as no write would be acknowledged: whoever balances load or wakes people should know before a caller does.
pub(crate) fn readyz(call: Call) -> Answer {
    Box::pin(async move {
        let health = call.state.app.reader().queue().health().await?;
        match health.refuses_writes {
            None => Ok(ok(&Health { status: "ok" })),
            Some(why) => Err(Refused::Failure(Failure::Store(why))),
        }
    })
}
