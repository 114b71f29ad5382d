//! The worker's half: claim and complete.

use cortexpilot_core::error::ErrorCode::*;
use cortexpilot_core::port::receipts::LineOf;

use super::call::Call;
use super::openapi::parameters::QueuePath;
use super::receipt::acknowledged;
use super::table::{Answer, Operation, operation};
use crate::wire::{ClaimArgs, ClaimedView, CompleteArgs, ItemView};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(claim, Write, Token).codes(&[&[Frozen, ScopeForbidden]]),
        operation!(complete, Write, Token).codes(&[&[
            QueueItemNotFound,
            QueueItemNotClaimed,
            LeaseInvalid,
            ScopeForbidden,
        ]]),
    ]
}

/// Takes the next eligible item for a worker, with a lease token.
///
/// Highest priority first, then the earliest schedule, then the order of enqueueing. An empty queue is an answer
/// (`ok: false`), not an error.
#[utoipa::path(
    post,
    path = "/api/queue/claim",
    operation_id = "queue_claim",
    tag = "work",
    request_body = ClaimArgs,
    responses((status = 200, description = "The item and its lease, or that there is none.", body = ClaimedView))
)]
pub(crate) fn claim(call: Call) -> Answer {
    Box::pin(async move {
        let args: ClaimArgs = call.body()?;
        let app = &call.state.app;
        let claimed = app.claim(&call.caller, args.worker(), args.lease()?, call.role.clone()).await?;
        let of = claimed.as_ref().map(|claimed| LineOf::Claimed(claimed.item.queue_id().clone()));
        Ok(acknowledged(&call, of, &ClaimedView::of(claimed.as_ref(), app.reader().now())).await)
    })
}

/// Finishes a claimed item as SUCCESS or FAILURE; takes the claim's lease token.
#[utoipa::path(
    post,
    path = "/api/queue/{queue_id}/complete",
    operation_id = "queue_complete",
    tag = "work",
    params(QueuePath),
    request_body = CompleteArgs,
    responses((status = 200, description = "The item, closed.", body = ItemView))
)]
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
