//! The worker's half: claim and complete.

use cortexpilot_core::port::receipts::LineOf;

use super::call::Call;
use super::receipt::acknowledged;
use super::table::Answer;
use crate::wire::{ClaimArgs, ClaimedView, CompleteArgs, ItemView};

pub(crate) fn claim(call: Call) -> Answer {
    Box::pin(async move {
        let args: ClaimArgs = call.body()?;
        let app = &call.state.app;
        let claimed = app.claim(&call.caller, args.worker(), args.lease()?, call.role.clone()).await?;
        let of = claimed.as_ref().map(|claimed| LineOf::Claimed(claimed.item.queue_id().clone()));
        Ok(acknowledged(&call, of, &ClaimedView::of(claimed.as_ref(), app.reader().now())).await)
    })
}

pub(crate) fn complete(call: Call) -> Answer {
    Box::pin(async move {
        let args: CompleteArgs = call.body()?;
        let status = args.status()?;
        let lease_token = args.lease_token.unwrap_or_default();
        let app = &call.state.app;
        let item = app.complete(&call.caller, &call.segment, &lease_token, status, call.role.clone()).await?;
        let of = LineOf::Completed(item.queue_id().clone());
        Ok(acknowledged(&call, Some(of), &ItemView::of(&item, app.reader().now())).await)
    })
}
