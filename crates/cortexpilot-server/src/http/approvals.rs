//! Requests that people decide: list, look, approve, reject. Who may decide is judged in the store's turn.

use cortexpilot_core::app::Applied;
use cortexpilot_core::app::govern::{Approved, Stating};
use cortexpilot_core::domain::approval::ApprovalStatus;
use cortexpilot_core::domain::governance::ApprovalFilter;
use cortexpilot_core::error::ErrorCode::*;
use cortexpilot_core::port::receipts::LineOf;
use utoipa::ToSchema;

use super::call::Call;
use super::error::{Refused, ok};
use super::list::List;
use super::openapi::parameters::{ApprovalPath, PageParams};
use super::openapi::shapes::ListOf;
use super::queue::position;
use super::receipt::acknowledged;
use super::scope::{self, Sight};
use super::table::{Answer, Operation, operation};
use crate::wire::item::ProblemView;
use crate::wire::{AppliedView, ApprovalRowView, DecisionArgs, PendingView, ReviewView};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(list, Read, Token).codes(&[&[ScopeForbidden]]),
        operation!(get, Read, Token).codes(&[&[Unauthenticated, ApprovalNotFound, ScopeForbidden]]),
        operation!(approve, Write, Token).codes(&[
            &[ApprovalNotFound, ApprovalDecided, ApprovalExpired, SelfApproval, ApproverUnverified, ScopeForbidden],
            // Its item is judged again in full before it is queued.
            &[MutationGateClosed, Frozen, MetadataRequired, IdempotencyConflict, PreviewStale, AlreadyPending],
            &[RunNotFound, RunUnreadable, ContractAltered, RunAwaitingApproval],
            &[PendingLimit, RateLimited, LineageLimit],
        ]),
        operation!(reject, Write, Token).codes(&[&[
            ApprovalNotFound,
            ApprovalDecided,
            ApprovalExpired,
            MetadataRequired,
            ApproverUnverified,
            ScopeForbidden,
        ]]),
    ]
}

/// Which requests are wanted.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct RequestFilter {
    /// Only requests of this status.
    #[param(inline, nullable = false, value_type = Option<crate::wire::words::ApprovalState>)]
    status: Option<String>,
}

/// An approval's answer.
#[expect(dead_code, clippy::large_enum_variant, reason = "a description: it is never made, only read by the derive")]
#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
enum Decided {
    Queued(AppliedView),
    More(PendingView),
}

/// Lists requests that people decide, oldest first; an agent sees its own.
#[utoipa::path(
    get,
    path = "/api/approvals",
    operation_id = "approvals_list",
    tag = "approvals",
    params(RequestFilter, PageParams),
    responses((status = 200, description = "The requests.", body = ListOf<ApprovalRowView>))
)]
pub(crate) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let principal = match scope::requests(&call.caller)? {
            Sight::All => None,
            Sight::Own(principal) => Some(principal),
        };
        let page = call.query.page()?;
        let (limit, after) = page.clone().map_or((None, None), |page| (page.limit, page.after));
        let reader = call.state.app.reader();
        let now = reader.now();
        let filter = ApprovalFilter {
            status: call.query.text("status").map(status).transpose()?.map(|status| (status, now)),
            principal,
            since: None,
            after: after.as_deref().map(position).transpose()?,
            limit,
        };
        let listing = reader.approvals(&filter).await?;
        let next = listing.requests.last().filter(|_| listing.more).map(|(position, _)| position.to_string());
        let rows = listing.requests.iter().map(|(_, request)| ApprovalRowView::of(request, now)).collect();
        Ok(List::new(rows, next, &[] as &[ProblemView]).answer(page.is_some()))
    })
}

/// A mistyped status must not quietly list nothing.
fn status(word: &str) -> Result<ApprovalStatus, Refused> {
    ApprovalStatus::parse(word).ok_or_else(|| {
        let known = ApprovalStatus::ALL.map(ApprovalStatus::as_str).join(", ");
        Refused::form(format!("The query parameter `status` must be one of {known}."))
    })
}

/// Shows one request with all that deciding it rests on: effect, differences, who asks, what was stated.
#[utoipa::path(
    get,
    path = "/api/approvals/{approval_id}",
    operation_id = "approval_get",
    tag = "approvals",
    params(ApprovalPath),
    responses((status = 200, description = "The request.", body = ReviewView))
)]
pub(crate) fn get(call: Call) -> Answer {
    Box::pin(async move {
        let sight = scope::requests(&call.caller)?;
        let view = ReviewView::look(&call.state.app, &call.caller, &call.segment).await?;
        match sight {
            Sight::Own(_) if !view.you.asked => Err(scope::no_such_request()),
            Sight::All | Sight::Own(_) => Ok(ok(&view)),
        }
    })
}

/// Why, from the body; in which role, from the header.
pub(crate) fn stating(call: &Call) -> Result<Stating, Refused> {
    let args: DecisionArgs = call.body()?;
    Ok(Stating { reason: args.reason(), role: call.role.clone() })
}

/// Says yes to a request; the last yes that is needed queues its item. Operators only.
///
/// Whoever asked, and whoever answers for an agent that asked, may not decide under every policy: docs/concepts/approvals.md.
#[utoipa::path(
    post,
    path = "/api/approvals/{approval_id}/approve",
    operation_id = "approval_approve",
    tag = "approvals",
    params(ApprovalPath),
    request_body = DecisionArgs,
    responses((
        status = 200,
        description = "The ledger's line of the item that was queued; or the request, while more people are needed.",
        body = inline(Decided)
    ))
)]
pub(crate) fn approve(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        match call.state.app.approve(&call.caller, &call.segment, stating).await? {
            Approved::More(request) => {
                let of = LineOf::Request(request.asked.id.clone());
                Ok(acknowledged(&call, Some(of), &PendingView::of(&request, call.caller.surface)).await)
            }
            Approved::Queued(item) => {
                let applied = Applied { item: *item, already_applied: false };
                let view = AppliedView::of(&applied).ok_or_else(|| {
                    tracing::error!(queue_id = %applied.item.queue_id(), "an approval was answered with a legacy item");
                    Refused::internal()
                })?;
                let of = LineOf::Enqueued(applied.item.queue_id().clone());
                Ok(acknowledged(&call, Some(of), &view).await)
            }
        }
    })
}

/// Says no to a request, with a reason. Operators only; works while queueing is off or frozen.
#[utoipa::path(
    post,
    path = "/api/approvals/{approval_id}/reject",
    operation_id = "approval_reject",
    tag = "approvals",
    params(ApprovalPath),
    request_body = DecisionArgs,
    responses((status = 200, description = "The request, rejected.", body = ApprovalRowView))
)]
pub(crate) fn reject(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let app = &call.state.app;
        let request = app.reject(&call.caller, &call.segment, stating).await?;
        let of = LineOf::Request(request.asked.id.clone());
        Ok(acknowledged(&call, Some(of), &ApprovalRowView::of(&request, app.reader().now())).await)
    })
}
