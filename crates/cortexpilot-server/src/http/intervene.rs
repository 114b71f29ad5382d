//! What an operator does about an item that a worker has, or had. None of it is a rollback: what was done is done.

use cortexpilot_core::error::ErrorCode::{self, *};
use cortexpilot_core::port::receipts::LineOf;

use super::approvals::stating;
use super::call::Call;
use super::openapi::parameters::QueuePath;
use super::receipt::acknowledged;
use super::table::{Answer, Operation, operation};
use crate::wire::{DecisionArgs, ItemView};

/// What all of them are refused with.
const JUDGED: &[ErrorCode] = &[QueueItemNotFound, MetadataRequired, ScopeForbidden];

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(stop, Write, Token).codes(&[JUDGED, &[QueueItemNotStoppable]]),
        operation!(revoke, Write, Token).codes(&[JUDGED, &[QueueItemNotStoppable]]),
        operation!(requeue, Write, Token).codes(&[JUDGED, &[QueueItemNotHeld]]),
        operation!(fail, Write, Token).codes(&[JUDGED, &[QueueItemNotHeld]]),
    ]
}

/// Asks the worker of a claimed item to end its work, with a reason. Operators only; not a rollback.
///
/// The worker hears of it with its next heartbeat and completes the item as STOPPED, or as it ended before. What the work did
/// until then is done. Works while queueing is off or frozen.
#[utoipa::path(
    post,
    path = "/api/queue/{queue_id}/stop",
    operation_id = "queue_stop",
    tag = "queue",
    params(QueuePath),
    request_body = DecisionArgs,
    responses((status = 200, description = "The item, claimed still, with the request.", body = ItemView))
)]
pub(crate) fn stop(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let app = &call.state.app;
        let item = app.stop(&call.caller, &call.segment, stating).await?;
        let of = LineOf::StopRequested(item.queue_id().clone());
        Ok(acknowledged(&call, Some(of), &ItemView::of(&item, app.reader().now())).await)
    })
}

/// Takes the lease of a claimed item away from its worker, with a reason; the item is held. Operators only; not a rollback.
///
/// For a worker that is gone or does not listen. Whatever it still sends about the item is refused; what its work did, and
/// may still do, is done. Works while queueing is off or frozen.
#[utoipa::path(
    post,
    path = "/api/queue/{queue_id}/revoke",
    operation_id = "queue_revoke",
    tag = "queue",
    params(QueuePath),
    request_body = DecisionArgs,
    responses((status = 200, description = "The item, held as LOST.", body = ItemView))
)]
pub(crate) fn revoke(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let app = &call.state.app;
        let item = app.revoke(&call.caller, &call.segment, stating).await?;
        let of = LineOf::Held(item.queue_id().clone());
        Ok(acknowledged(&call, Some(of), &ItemView::of(&item, app.reader().now())).await)
    })
}

/// Lets a held item wait for a worker again, with a reason. Operators only.
///
/// Its last run may have been carried out in part: look before. Works while queueing is off or frozen.
#[utoipa::path(
    post,
    path = "/api/queue/{queue_id}/requeue",
    operation_id = "queue_requeue",
    tag = "queue",
    params(QueuePath),
    request_body = DecisionArgs,
    responses((status = 200, description = "The item, pending.", body = ItemView))
)]
pub(crate) fn requeue(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let app = &call.state.app;
        let item = app.requeue(&call.caller, &call.segment, stating).await?;
        let of = LineOf::Requeued(item.queue_id().clone());
        Ok(acknowledged(&call, Some(of), &ItemView::of(&item, app.reader().now())).await)
    })
}

/// Closes a held item as FAILURE, with a reason. Operators only.
#[utoipa::path(
    post,
    path = "/api/queue/{queue_id}/fail",
    operation_id = "queue_fail",
    tag = "queue",
    params(QueuePath),
    request_body = DecisionArgs,
    responses((status = 200, description = "The item, closed.", body = ItemView))
)]
pub(crate) fn fail(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let app = &call.state.app;
        let item = app.fail(&call.caller, &call.segment, stating).await?;
        let of = LineOf::Completed(item.queue_id().clone());
        Ok(acknowledged(&call, Some(of), &ItemView::of(&item, app.reader().now())).await)
    })
}
