//! Requests that people decide: list, look, approve, reject. Who may decide is judged in the store's turn.

use cortexpilot_core::app::Applied;
use cortexpilot_core::app::govern::{Approved, Stating};
use cortexpilot_core::domain::approval::ApprovalStatus;
use cortexpilot_core::domain::governance::ApprovalFilter;
use cortexpilot_core::port::receipts::LineOf;

use super::call::Call;
use super::error::{Refused, ok};
use super::list::List;
use super::queue::position;
use super::receipt::acknowledged;
use super::scope::{self, Sight};
use super::table::Answer;
use crate::wire::item::ProblemView;
use crate::wire::{AppliedView, ApprovalRowView, DecisionArgs, PendingView, ReviewView};

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

pub(crate) fn reject(call: Call) -> Answer {
    Box::pin(async move {
        let stating = stating(&call)?;
        let app = &call.state.app;
        let request = app.reject(&call.caller, &call.segment, stating).await?;
        let of = LineOf::Request(request.asked.id.clone());
        Ok(acknowledged(&call, Some(of), &ApprovalRowView::of(&request, app.reader().now())).await)
    })
}
