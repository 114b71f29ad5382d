//! The queue: preview, apply, cancel, list. No rule stands here: arguments are parsed, the app is asked, answers rendered.

use cortexpilot_core::app::{Failure, Outcome};
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::listing::QueueFilter;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::receipts::LineOf;
use serde::Deserialize;

use super::call::Call;
use super::error::{Refused, ok};
use super::list::List;
use super::receipt::acknowledged;
use super::table::Answer;
use crate::wire::item::ProblemView;
use crate::wire::{AppliedView, CancelArgs, EnqueueArgs, ItemView, PendingView, PreviewArgs, PreviewView};

/// The members of a preview's body.
pub(crate) const PREVIEW_MEMBERS: &[&str] = &["run_id", "priority", "scheduled_at", "deadline_at"];

/// The members of an apply's body.
pub(crate) const ENQUEUE_MEMBERS: &[&str] = &[
    "run_id",
    "priority",
    "scheduled_at",
    "deadline_at",
    "actor_role",
    "requested_by",
    "approval_reason",
    "confirm",
    "preview_token",
    "idempotency_key",
    "allow_duplicate",
    "confirm_run_id",
];

/// An apply's body: the arguments that every surface takes, and the one that an operator alone has.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnqueueBody {
    run_id: Option<String>,
    priority: Option<i64>,
    scheduled_at: Option<String>,
    deadline_at: Option<String>,
    actor_role: Option<String>,
    requested_by: Option<String>,
    approval_reason: Option<String>,
    confirm: Option<bool>,
    preview_token: Option<String>,
    idempotency_key: Option<String>,
    allow_duplicate: Option<bool>,
    confirm_run_id: Option<String>,
}

impl EnqueueBody {
    fn split(self) -> (EnqueueArgs, bool, Option<String>) {
        let args = EnqueueArgs {
            run_id: self.run_id,
            priority: self.priority,
            scheduled_at: self.scheduled_at,
            deadline_at: self.deadline_at,
            actor_role: self.actor_role,
            requested_by: self.requested_by,
            approval_reason: self.approval_reason,
            confirm: self.confirm,
            preview_token: self.preview_token,
            idempotency_key: self.idempotency_key,
        };
        (args, self.allow_duplicate.unwrap_or(false), self.confirm_run_id)
    }
}

/// The run of a request is the path's. A body may repeat it, but not name another.
fn run_of(call: &Call, body: Option<&str>) -> Result<Option<String>, Refused> {
    match body {
        Some(named) if named.trim() != call.segment.trim() => {
            Err(Refused::form("`run_id` is not the run of the path; leave it out or repeat the path's."))
        }
        Some(_) | None => Ok(Some(call.segment.clone())),
    }
}

pub(crate) fn preview(call: Call) -> Answer {
    Box::pin(async move {
        let mut args: PreviewArgs = call.body()?;
        args.run_id = run_of(&call, args.run_id.as_deref())?;
        let ask = args.into_request(call.role.clone())?;
        let preview = call.state.app.preview(&call.caller, ask).await?;
        Ok(ok(&PreviewView::of(&preview)))
    })
}

pub(crate) fn enqueue(call: Call) -> Answer {
    Box::pin(async move {
        let (mut args, allow_duplicate, typed_run_id) = call.body::<EnqueueBody>()?.split();
        args.run_id = run_of(&call, args.run_id.as_deref())?;
        let (ask, mut apply) = args.into_request(call.role.clone())?;
        apply.allow_duplicate = allow_duplicate;
        apply.typed_run_id = typed_run_id;
        let applied = match call.state.app.enqueue(&call.caller, ask, apply).await? {
            Outcome::Applied(applied) => applied,
            Outcome::AwaitsApproval(request) => {
                let of = LineOf::Request(request.asked.id.clone());
                return Ok(acknowledged(&call, Some(of), &PendingView::of(&request, call.caller.surface)).await);
            }
        };
        match AppliedView::of(&applied) {
            Some(view) => {
                let of = LineOf::Enqueued(applied.item.queue_id().clone());
                Ok(acknowledged(&call, Some(of), &view).await)
            }
            None => {
                tracing::error!(queue_id = %applied.item.queue_id(), "an apply was answered with a legacy item");
                Err(Refused::internal())
            }
        }
    })
}

pub(crate) fn cancel(call: Call) -> Answer {
    Box::pin(async move {
        let args: CancelArgs = call.body()?;
        let app = &call.state.app;
        let item = app.cancel(&call.caller, &call.segment, args.reason(), call.role.clone()).await?;
        let of = LineOf::Cancelled(item.queue_id().clone());
        Ok(acknowledged(&call, Some(of), &ItemView::of(&item, app.reader().now())).await)
    })
}

pub(crate) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let page = call.query.page()?;
        let (limit, after) = page.clone().map_or((None, None), |page| (page.limit, page.after));
        let filter = QueueFilter {
            workflow_id: call.query.text("workflow_id").map(str::to_owned),
            status: call.query.text("status").map(str::to_ascii_uppercase),
            after_seq: after.as_deref().map(position).transpose()?,
            limit,
        };
        let reader = call.state.app.reader();
        let listing = reader.queue().items(&filter).await?;
        let now = reader.now();
        let next = listing.items.last().filter(|_| listing.more).map(|item| item.seq.to_string());
        let items = listing.items.iter().map(|item| ItemView::of(item, now)).collect();
        let problems: Vec<ProblemView> = listing.problems.iter().map(ProblemView::of).collect();
        Ok(List::new(items, next, &problems).answer(page.is_some()))
    })
}

/// The cursor of queue and requests: the position of the last entry given out, in an order that never changes.
pub(crate) fn position(cursor: &str) -> Result<u64, Refused> {
    let digits = cursor.bytes().all(|byte| byte.is_ascii_digit());
    let position = cursor.parse().ok().filter(|_| digits);
    position.ok_or_else(|| Refused::form("`cursor` is not one that this list gave out."))
}

pub(crate) fn get(call: Call) -> Answer {
    Box::pin(async move {
        let reader = call.state.app.reader();
        let item = match QueueItemId::parse(&call.segment) {
            Some(id) => reader.queue().item(&id).await?,
            None => None,
        };
        let missing = || Denial::new(ErrorCode::QueueItemNotFound, "There is no queue item with this id.");
        let item = item.ok_or_else(|| Refused::from(Failure::Denied(missing())))?;
        Ok(ok(&ItemView::of(&item, reader.now())))
    })
}
