//! Receipts: beside an acknowledgement for whoever prefers one ([`PREFER`]), and later under the item's or request's path.
//!
//! What was done is answered as done whether or not it can be proven: a receipt that cannot be had is a member of the
//! answer, never its status.

use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::approval::ApprovalId;
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::queue::ItemState;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::StoreError;
use cortexpilot_core::port::receipts::{LineOf, NoReceipt, ReceiptDocument};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::call::Call;
use super::error::{Refused, ok};
use super::openapi::parameters::{ApprovalPath, QueuePath};
use super::scope::{self, Sight};
use super::table::{Answer, Operation, operation};
use crate::wire::receipt::receipt_code;
use crate::wire::words::ReceiptOf;
use crate::wire::{ReceiptView, WithReceipt};

/// RFC 7240: what a caller would like and does not insist on.
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// RFC 7240 §3: says that it was taken up.
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The preference.
const RECEIPT: &str = "receipt";

/// Whether the caller prefers a receipt. Preferences that are not known are not ours, and ignored.
pub(crate) fn preferred(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut names = values.flat_map(|value| value.split(',')).map(|preference| {
        let end = preference.find([';', '=']).unwrap_or(preference.len());
        preference[..end].trim()
    });
    names.any(|name| name.eq_ignore_ascii_case(RECEIPT))
}

/// Answers what was done: with the receipt of its line, if that was preferred. `of` is absent where nothing was written.
pub(crate) async fn acknowledged(call: &Call, of: Option<LineOf>, view: &(impl Serialize + Sync)) -> Response {
    let Some(until) = call.receipt_by else { return ok(view) };
    let receipt = match of {
        Some(of) => fresh(call, of, until).await,
        None => Err(NoReceipt::NoLine),
    };
    if let Err(NoReceipt::Failed(why)) = &receipt {
        tracing::warn!(why, "an acknowledgement goes out without the receipt that was asked for");
    }
    let mut response = ok(&WithReceipt::of(view, &receipt, |code| code.next_step_for(&call.caller)));
    response.headers_mut().insert(PREFERENCE_APPLIED, HeaderValue::from_static(RECEIPT));
    response
}

/// The line is durable and acknowledged by now: whatever this takes, the answer goes out in time.
async fn fresh(call: &Call, of: LineOf, until: Instant) -> Result<ReceiptDocument, NoReceipt> {
    let receipts = call.state.app.receipts().ok_or_else(nobody_signs)?;
    let late = |_| Err(NoReceipt::NotCovered { retry_after_s: None });
    timeout_at(until, receipts.fresh(of)).await.unwrap_or_else(late)
}

fn nobody_signs() -> NoReceipt {
    NoReceipt::Failed("this process keeps no signed log".to_owned())
}

/// The receipt as a document of its own.
async fn kept(call: &Call, of: LineOf) -> Result<Response, Refused> {
    let receipts = call.state.app.receipts();
    let found = match receipts {
        Some(receipts) => receipts.kept(of).await,
        None => Err(nobody_signs()),
    };
    match found {
        Ok(document) => Ok(ok(&ReceiptView::of(&document))),
        Err(NoReceipt::Failed(why)) => Err(StoreError::Unavailable(why).into()),
        Err(problem) => {
            let code = receipt_code(&problem);
            let mut denial = Denial::new(code, code.row().meaning);
            if let NoReceipt::NotCovered { retry_after_s } = problem {
                denial.retry_after_s = retry_after_s;
            }
            Err(Failure::Denied(denial).into())
        }
    }
}

/// What there is no receipt for, or not yet.
const NO_RECEIPT: &[ErrorCode] = &[ErrorCode::ReceiptNotFound, ErrorCode::ReceiptNotCovered, ErrorCode::ReceiptNoKey];

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(of_item, Read, Token).codes(&[&[ErrorCode::QueueItemNotFound], NO_RECEIPT]),
        operation!(of_request, Read, Token)
            .codes(&[&[ErrorCode::ApprovalNotFound, ErrorCode::ScopeForbidden], NO_RECEIPT]),
    ]
}

/// Which line of the item is to be proven.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct LineParams {
    /// What was done with the item; blank or absent for `enqueued`.
    #[param(inline, nullable = false, value_type = Option<ReceiptOf>)]
    of: Option<String>,
}

// Whoever may see the item may have its receipt: it holds hashes, and nothing that the line says.
/// Proves that the line which queued the item is signed, or the last that did what `of` names.
#[utoipa::path(
    get,
    path = "/api/queue/{queue_id}/receipt",
    operation_id = "queue_receipt",
    tag = "receipts",
    params(QueuePath, LineParams),
    responses((status = 200, description = "The receipt; kept as a file it verifies as it is.", body = ReceiptView))
)]
pub(crate) fn of_item(call: Call) -> Answer {
    Box::pin(async move {
        let missing = |code, said: &str| Refused::from(Failure::Denied(Denial::new(code, said)));
        let gone = || missing(ErrorCode::QueueItemNotFound, "There is no queue item with this id.");
        let id = QueueItemId::parse(&call.segment).ok_or_else(gone)?;
        let item = call.state.app.reader().queue().item(&id).await?.ok_or_else(gone)?;
        let not_done = || missing(ErrorCode::ReceiptNotFound, "That was not done with this item.");
        // An item that waits again, or is held, was claimed before; what else was done with it, its lines tell.
        let (cancelled, completed) = match &item.state {
            ItemState::Cancelled { .. } => (true, false),
            ItemState::Closed { .. } => (false, true),
            ItemState::Pending | ItemState::Claimed(_) | ItemState::Held(_) | ItemState::Expired { .. } => {
                (false, false)
            }
        };
        let claimed = item.attempts > 0 || completed;
        let of = match call.query.text("of").unwrap_or("enqueued") {
            "enqueued" => LineOf::Enqueued(id),
            "cancelled" if cancelled => LineOf::Cancelled(id),
            "claimed" if claimed => LineOf::Claimed(id),
            "completed" if completed => LineOf::Completed(id),
            "stop_requested" if done(&call, &id, "QUEUE_STOP").await? => LineOf::StopRequested(id),
            "held" if done(&call, &id, "QUEUE_HOLD").await? => LineOf::Held(id),
            "requeued" if done(&call, &id, "QUEUE_REQUEUE").await? => LineOf::Requeued(id),
            "expired" if done(&call, &id, "QUEUE_EXPIRE").await? => LineOf::Expired(id),
            word if ReceiptOf::WORDS.contains(&word) => return Err(not_done()),
            _ => {
                let known = ReceiptOf::WORDS.join(", ");
                return Err(Refused::form(format!("The query parameter `of` must be one of {known}.")));
            }
        };
        kept(&call, of).await
    })
}

/// Whether there is such a line of the item.
async fn done(call: &Call, id: &QueueItemId, event: &str) -> Result<bool, Refused> {
    let lines = call.state.app.reader().queue().lines_of(id).await?;
    Ok(lines.iter().any(|line| line.said().event() == event))
}

// Whoever may see the request may have the receipt of its last decision; of an approved one that is its item's line.
/// Proves that the last decision about a request is signed; of an approved one, its item's line.
#[utoipa::path(
    get,
    path = "/api/approvals/{approval_id}/receipt",
    operation_id = "approval_receipt",
    tag = "receipts",
    params(ApprovalPath),
    responses((status = 200, description = "The receipt; kept as a file it verifies as it is.", body = ReceiptView))
)]
pub(crate) fn of_request(call: Call) -> Answer {
    Box::pin(async move {
        let sight = scope::requests(&call.caller)?;
        let id = ApprovalId::parse(&call.segment).ok_or_else(scope::no_such_request)?;
        let request = call.state.app.reader().approval(&id).await?.ok_or_else(scope::no_such_request)?;
        if let Sight::Own(principal) = sight
            && !request.was_asked_by(&principal)
        {
            return Err(scope::no_such_request());
        }
        let queued = id.as_str().strip_prefix("apr_").filter(|_| request.queued).and_then(QueueItemId::parse);
        kept(&call, queued.map_or(LineOf::Request(id), LineOf::Enqueued)).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_preferred_by_name_in_any_list_and_by_nothing_else() {
        let preferred = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(PREFER, HeaderValue::from_str(value).unwrap());
            }
            preferred(&headers)
        };
        for yes in [
            &["receipt"][..],
            &["Receipt"],
            &["respond-async, receipt"],
            &["wait=5", " receipt ; x=1"],
            &["receipt=\"\""],
        ] {
            assert!(preferred(yes), "{yes:?}");
        }
        for no in [&[][..], &[""], &["receipts"], &["return=receipt"], &["x; receipt"], &["no-receipt"]] {
            assert!(!preferred(no), "{no:?}");
        }
    }
}
