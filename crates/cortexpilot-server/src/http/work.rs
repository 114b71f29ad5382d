//! The worker's half: look, claim, fetch the contract, say that it goes on, complete, hand back. What a worker in any language
//! rests on is told in `docs/reference/worker-protocol.md`.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use cortexpilot_core::app::Failure;
use cortexpilot_core::app::govern::Stating;
use cortexpilot_core::app::work::{Release, Took};
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::lease::{ClaimQuery, Concurrency, Idle};
use cortexpilot_core::domain::text::Stated;
use cortexpilot_core::error::ErrorCode::{self, *};
use cortexpilot_core::port::receipts::LineOf;

use super::call::Call;
use super::error::{Refused, ok};
use super::openapi::parameters::QueuePath;
use super::openapi::shapes::Open;
use super::receipt::acknowledged;
use super::scope;
use super::table::{Answer, Operation, operation};
use crate::wire::{
    ClaimArgs, ClaimedView, CompleteArgs, HeartbeatArgs, HeartbeatView, ItemView, NextView, ReleaseArgs,
};

/// How many items are looked at unless asked otherwise, and at most.
const NEXT_DEFAULT: usize = 10;
const NEXT_MAX: usize = 100;

/// What is refused to whoever says something about an item that is not theirs.
const LEASED: &[ErrorCode] = &[QueueItemNotFound, QueueItemNotClaimed, LeaseInvalid, ScopeForbidden];

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(next, Read, Token).codes(&[&[ScopeForbidden]]),
        operation!(claim, Write, Token).codes(&[&[Frozen, ScopeForbidden]]),
        operation!(contract, Read, Token)
            .codes(&[&[QueueItemNotFound, ArtifactNotFound, ScopeForbidden]])
            .cleaned_by_handler(),
        operation!(heartbeat, Write, Token).codes(&[LEASED]),
        operation!(complete, Write, Token).codes(&[LEASED, &[StopNotRequested]]),
        operation!(release, Write, Token).codes(&[LEASED]),
    ]
}

/// How many items are wanted.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct NextParams {
    /// At most so many.
    #[param(minimum = 1, maximum = 100, default = 10, nullable = false)]
    limit: Option<u32>,
}

/// Shows what may be claimed now, in claim order, or why nothing may.
///
/// For workers to poll: it leaves no line and is refused by no freeze or pause. What is shown may be gone a moment later.
#[utoipa::path(
    get,
    path = "/api/queue/next",
    operation_id = "queue_next",
    tag = "work",
    params(NextParams),
    responses((status = 200, description = "The items, or why there is none.", body = NextView))
)]
pub(crate) fn next(call: Call) -> Answer {
    Box::pin(async move {
        scope::work(&call.caller)?;
        let limit = call.query.count("limit")?.unwrap_or(NEXT_DEFAULT);
        if limit > NEXT_MAX {
            return Err(Refused::form(format!("The query parameter `limit` must be 1 to {NEXT_MAX}.")));
        }
        let app = &call.state.app;
        let reader = app.reader();
        let now = reader.now();
        let standing = reader.standing().await?;
        let shut = match (&standing.frozen, &standing.paused) {
            (Some(_), _) => Some("frozen"),
            (None, Some(_)) => Some(Idle::Paused.as_str()),
            (None, None) => None,
        };
        if shut.is_some() {
            return Ok(ok(&NextView::of(&[], shut, now)));
        }
        let query = ClaimQuery { now, concurrency: app.policy().concurrency, queue_id: None };
        let items = reader.eligible(&query, limit).await?;
        let reason = match items.is_empty() {
            false => None,
            // Something that only the limits stand in the way of is worth waiting for.
            true if !query.concurrency.is_none() => {
                let unlimited = ClaimQuery { concurrency: Concurrency::NONE, ..query };
                let waits = !reader.eligible(&unlimited, 1).await?.is_empty();
                Some(if waits { Idle::AtCapacity } else { Idle::Empty }.as_str())
            }
            true => Some(Idle::Empty.as_str()),
        };
        Ok(ok(&NextView::of(&items, reason, now)))
    })
}

/// Takes the next eligible item for a worker, or the one that is named, with a lease token.
///
/// Highest priority first, then the earliest schedule, then the order of enqueueing. That there is nothing to claim is an
/// answer (`ok: false`), not an error.
#[utoipa::path(
    post,
    path = "/api/queue/claim",
    operation_id = "queue_claim",
    tag = "work",
    request_body = ClaimArgs,
    responses((status = 200, description = "The item and its lease, or why there is none.", body = ClaimedView))
)]
pub(crate) fn claim(call: Call) -> Answer {
    Box::pin(async move {
        let args: ClaimArgs = call.body()?;
        let app = &call.state.app;
        match app.claim(&call.caller, args.ask(call.role.clone())?).await? {
            Took::Claimed(claimed) => {
                let of = LineOf::Claimed(claimed.item.queue_id().clone());
                Ok(acknowledged(&call, Some(of), &ClaimedView::of(&claimed, app.reader().now())).await)
            }
            Took::Idle(why) => Ok(acknowledged(&call, None, &ClaimedView::idle(why)).await),
        }
    })
}

/// Gives the pinned task contract of an item, byte for byte what was approved.
///
/// This is what a worker carries out, and nothing else: its SHA-256 is the claim's `contract_sha256`. It is kept as long as the
/// item is not closed. For workers and operators.
#[utoipa::path(
    get,
    path = "/api/queue/{queue_id}/contract",
    operation_id = "queue_contract",
    tag = "work",
    params(QueuePath),
    responses((status = 200, description = "The contract, as it was pinned.", body = Open))
)]
pub(crate) fn contract(call: Call) -> Answer {
    Box::pin(async move {
        scope::work(&call.caller)?;
        let reader = call.state.app.reader();
        let missing = |code, said: &str| Refused::from(Failure::Denied(Denial::new(code, said)));
        let no_item = || missing(QueueItemNotFound, "There is no queue item with this id.");
        let id = QueueItemId::parse(&call.segment).ok_or_else(no_item)?;
        let item = reader.queue().item(&id).await?.ok_or_else(no_item)?;
        let bytes = match item.contract_sha256() {
            Some(digest) => reader.queue().pinned(digest).await?,
            None => None,
        };
        let bytes = bytes.ok_or_else(|| {
            missing(
                ArtifactNotFound,
                "No pinned contract of this item is kept: it is over, or an older system queued it.",
            )
        })?;
        let mut response = Response::new(Body::from(bytes.to_vec()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    })
}

/// Says that the work on a claimed item goes on, and hears whether it is to stop; takes the claim's lease token.
///
/// One every quarter of the lease. It leaves no line and changes no item: it keeps the lease, and shows how far the work is.
#[utoipa::path(
    post,
    path = "/api/queue/{queue_id}/heartbeat",
    operation_id = "queue_heartbeat",
    tag = "work",
    params(QueuePath),
    request_body = HeartbeatArgs,
    responses((status = 200, description = "The item is still the worker's.", body = HeartbeatView))
)]
pub(crate) fn heartbeat(call: Call) -> Answer {
    Box::pin(async move {
        let mut args: HeartbeatArgs = call.body()?;
        let note = args.note()?;
        let lease_token = args.lease_token.unwrap_or_default();
        let app = &call.state.app;
        let answer = app.heartbeat(&call.caller, &call.segment, &lease_token, note, call.role.clone()).await?;
        Ok(acknowledged(&call, None, &HeartbeatView::of(&answer)).await)
    })
}

/// Finishes a claimed item as SUCCESS, FAILURE or, where an operator asked for its end, STOPPED; takes the lease token.
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
        let ask = args.ask()?;
        let lease_token = args.lease_token.unwrap_or_default();
        let app = &call.state.app;
        let item = app.complete(&call.caller, &call.segment, &lease_token, ask, call.role.clone()).await?;
        let of = LineOf::Completed(item.queue_id().clone());
        Ok(acknowledged(&call, Some(of), &ItemView::of(&item, app.reader().now())).await)
    })
}

/// Hands a claimed item back; takes the lease token.
///
/// Where nothing of it was carried out (`started: false`) it waits again. Otherwise it is as if its worker was lost: repeated
/// where its contract lets that happen, else held for an operator.
#[utoipa::path(
    post,
    path = "/api/queue/{queue_id}/release",
    operation_id = "queue_release",
    tag = "work",
    params(QueuePath),
    request_body = ReleaseArgs,
    responses((status = 200, description = "The item, which is the worker's no longer.", body = ItemView))
)]
pub(crate) fn release(call: Call) -> Answer {
    Box::pin(async move {
        let args: ReleaseArgs = call.body()?;
        let stating = Stating { reason: Stated::read(args.reason.as_deref()), role: call.role.clone() };
        let started = args.started.unwrap_or(true);
        let lease_token = args.lease_token.unwrap_or_default();
        let app = &call.state.app;
        let item = app.release(&call.caller, &call.segment, &lease_token, Release { started }, stating).await?;
        let id = item.queue_id().clone();
        let of = if item.is_pending() { LineOf::Requeued(id) } else { LineOf::Held(id) };
        Ok(acknowledged(&call, Some(of), &ItemView::of(&item, app.reader().now())).await)
    })
}
