//! The queue: preview, apply, cancel, list. No rule stands here: arguments are parsed, the app is asked, answers rendered.

use cortexpilot_core::app::{Failure, Outcome};
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::listing::{QueueFilter, QueueOrder, QueueState};
use cortexpilot_core::error::ErrorCode::{self, *};
use cortexpilot_core::port::receipts::LineOf;
use serde::Deserialize;
use utoipa::ToSchema;

use super::call::Call;
use super::error::{Refused, ok};
use super::ledger::newest;
use super::list::List;
use super::openapi::codes::RUN;
use super::openapi::parameters::{PageParams, QueuePath, RunPath};
use super::openapi::shapes::ListOf;
use super::receipt::acknowledged;
use super::table::{Answer, Operation, operation};
use crate::wire::counts::{CountsView, Span, ThroughputView};
use crate::wire::item::ProblemView;
use crate::wire::{AppliedView, CancelArgs, EnqueueArgs, ItemView, PendingView, PreviewArgs, PreviewView};

/// What the checks of a preview can refuse outright; everything else is an entry of its `gates`.
const PREVIEWING: &[&[ErrorCode]] = &[RUN, &[Unauthenticated, RoleRequired, RoleForbidden, RoleMismatch]];

/// What the checks of an apply can refuse, in their order.
const APPLYING: &[&[ErrorCode]] = &[
    &[MutationGateClosed, Frozen, ConfirmRequired, MetadataRequired, IdempotencyConflict],
    RUN,
    &[ContractAltered, RunAwaitingApproval, PreviewRequired, PreviewExpired, PreviewStale, AlreadyPending],
    &[PendingLimit, RateLimited, LineageLimit, ApproverUnverified],
];

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(preview, Read, Token).codes(PREVIEWING),
        operation!(enqueue, Write, Token).codes(APPLYING),
        operation!(cancel, Write, Token).codes(&[&[QueueItemNotFound, QueueItemNotCancellable, ScopeForbidden]]),
        operation!(list, Read, Token),
        operation!(counts, Read, Token),
        operation!(throughput, Read, Token),
        operation!(get, Read, Token).codes(&[&[QueueItemNotFound]]),
    ]
}

/// An apply's body: the arguments that every surface takes, and the one that an operator alone has.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EnqueueArgs)]
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

/// An apply's answer.
#[expect(dead_code, clippy::large_enum_variant, reason = "a description: it is never made, only read by the derive")]
#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
enum Enqueued {
    Applied(AppliedView),
    Pending(PendingView),
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

/// Derives the one queue item of a run and says which gates are open. Changes nothing.
///
/// The answer names every check in the order in which an apply is judged, and gives the `preview_token` that an apply takes.
#[utoipa::path(
    post,
    path = "/api/queue/from-run/{run_id}/preview",
    operation_id = "queue_preview",
    tag = "queue",
    params(RunPath),
    request_body = PreviewArgs,
    responses((status = 200, description = "The item as it would be queued, and the checks.", body = PreviewView))
)]
pub(crate) fn preview(call: Call) -> Answer {
    Box::pin(async move {
        let mut args: PreviewArgs = call.body()?;
        args.run_id = run_of(&call, args.run_id.as_deref())?;
        let ask = args.into_request(call.role.clone())?;
        let preview = call.state.app.preview(&call.caller, ask).await?;
        Ok(ok(&PreviewView::of(&preview)))
    })
}

/// Appends the item that was previewed, if every gate is open; where the policy says so, asks people first.
///
/// The same preview, or the same `idempotency_key` with the same arguments, is answered with the item that it made
/// (`already_applied`), and nothing is appended: an apply whose answer was lost can be repeated.
#[utoipa::path(
    post,
    path = "/api/queue/from-run/{run_id}",
    operation_id = "queue_enqueue",
    tag = "queue",
    params(RunPath),
    request_body = EnqueueBody,
    responses((
        status = 200,
        description = "The ledger's line and where the item stands; or, where people decide, their request.",
        body = inline(Enqueued)
    ))
)]
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

/// Rolls a pending item back. Works while queueing is off or frozen.
///
/// Once a worker has claimed the item this is no rollback any more, and refused. An agent cancels its own items only.
#[utoipa::path(
    post,
    path = "/api/queue/{queue_id}/cancel",
    operation_id = "queue_cancel",
    tag = "queue",
    params(QueuePath),
    request_body = CancelArgs,
    responses((status = 200, description = "The item, cancelled.", body = ItemView))
)]
pub(crate) fn cancel(call: Call) -> Answer {
    Box::pin(async move {
        let args: CancelArgs = call.body()?;
        let app = &call.state.app;
        let item = app.cancel(&call.caller, &call.segment, args.reason(), call.role.clone()).await?;
        let of = LineOf::Cancelled(item.queue_id().clone());
        Ok(acknowledged(&call, Some(of), &ItemView::of(&item, app.reader().now())).await)
    })
}

/// Which items are wanted.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ItemFilter {
    /// Only items of this status, in any case: `PENDING`, `CLAIMED`, `LOST`, `DEAD_LETTER`, `CANCELLED`, `EXPIRED`, or how they
    /// ended.
    #[param(nullable = false)]
    status: Option<String>,
    /// Only items of this workflow case.
    #[param(nullable = false)]
    workflow_id: Option<String>,
    /// Only items in this state now.
    #[param(inline, nullable = false, value_type = Option<crate::wire::words::QueueState>)]
    queue_state: Option<String>,
    /// The oldest first, unless it is said otherwise. A cursor is a place between items: it goes on from there in the order
    /// that is asked for with it.
    #[param(inline, nullable = false, value_type = Option<super::ledger::Order>)]
    order: Option<String>,
}

/// A mistyped state must not quietly list nothing.
fn state(word: &str) -> Result<QueueState, Refused> {
    QueueState::parse(word).ok_or_else(|| {
        let known = QueueState::ALL.map(QueueState::as_str).join(", ");
        Refused::form(format!("The query parameter `queue_state` must be one of {known}."))
    })
}

/// Lists queue items in enqueue order, or the newest first.
#[utoipa::path(
    get,
    path = "/api/queue",
    operation_id = "queue_list",
    tag = "queue",
    params(ItemFilter, PageParams),
    responses((status = 200, description = "The items.", body = ListOf<ItemView>))
)]
pub(crate) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let page = call.query.page()?;
        let (limit, after) = page.clone().map_or((None, None), |page| (page.limit, page.after));
        let reader = call.state.app.reader();
        let now = reader.now();
        let filter = QueueFilter {
            workflow_id: call.query.text("workflow_id").map(str::to_owned),
            status: call.query.text("status").map(str::to_ascii_uppercase),
            state: call.query.text("queue_state").map(state).transpose()?.map(|state| (state, now)),
            after_seq: after.as_deref().map(position).transpose()?,
            order: if newest(&call)?.unwrap_or(false) { QueueOrder::Newest } else { QueueOrder::Oldest },
            limit,
        };
        let listing = reader.queue().items(&filter).await?;
        let next = listing.items.last().filter(|_| listing.more).map(|item| item.seq.to_string());
        let items = listing.items.iter().map(|item| ItemView::of(item, now)).collect();
        let problems: Vec<ProblemView> = listing.problems.iter().map(ProblemView::of).collect();
        Ok(List::new(items, next, &problems).answer(page.is_some()))
    })
}

/// Counts queue items by where they stand now. It costs the same however long the history is.
#[utoipa::path(
    get,
    path = "/api/queue/counts",
    operation_id = "queue_counts",
    tag = "queue",
    responses((status = 200, description = "How many there are.", body = CountsView))
)]
pub(crate) fn counts(call: Call) -> Answer {
    Box::pin(async move {
        let reader = call.state.app.reader();
        Ok(ok(&CountsView::of(&reader.queue().counts(reader.now()).await?)))
    })
}

/// How long a span is wanted.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct SpanWanted {
    /// The last hour in steps of five minutes, or the last day in hours, which is shown unless it is said.
    #[param(inline, nullable = false, value_type = Option<SpanWord>)]
    span: Option<String>,
}

/// A span of time.
#[expect(dead_code, reason = "a description: its words are read by the derive alone")]
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum SpanWord {
    Hour,
    Day,
}

/// Shows how much was queued, ended and lost lately, step by step. It costs the same however long the history is.
///
/// Steps begin at whole hours, or at multiples of five minutes, in UTC; the last one is the one that is not over.
#[utoipa::path(
    get,
    path = "/api/queue/throughput",
    operation_id = "queue_throughput",
    tag = "queue",
    params(SpanWanted),
    responses((status = 200, description = "What was done.", body = ThroughputView))
)]
pub(crate) fn throughput(call: Call) -> Answer {
    Box::pin(async move {
        let span = Span::parse(call.query.text("span").unwrap_or("day"))
            .ok_or_else(|| Refused::form("The query parameter `span` must be hour or day."))?;
        let reader = call.state.app.reader();
        let now = reader.now();
        let slices = reader.queue().done_since(span.begin(now)).await?;
        Ok(ok(&ThroughputView::of(span, &slices, now)))
    })
}

/// The cursor of queue and requests: the position of the last entry given out, in an order that never changes.
pub(crate) fn position(cursor: &str) -> Result<u64, Refused> {
    let digits = cursor.bytes().all(|byte| byte.is_ascii_digit());
    let position = cursor.parse().ok().filter(|_| digits);
    position.ok_or_else(|| Refused::form("`cursor` is not one that this list gave out."))
}

/// Shows one queue item; of a claimed one, how far its worker says that it is.
#[utoipa::path(
    get,
    path = "/api/queue/{queue_id}",
    operation_id = "queue_get",
    tag = "queue",
    params(QueuePath),
    responses((status = 200, description = "The item.", body = ItemView))
)]
pub(crate) fn get(call: Call) -> Answer {
    Box::pin(async move {
        let reader = call.state.app.reader();
        let item = match QueueItemId::parse(&call.segment) {
            Some(id) => reader.queue().item(&id).await?,
            None => None,
        };
        let missing = || Denial::new(QueueItemNotFound, "There is no queue item with this id.");
        let item = item.ok_or_else(|| Refused::from(Failure::Denied(missing())))?;
        let beat = match item.claim() {
            Some(_) => reader.queue().beat(item.queue_id()).await?,
            None => None,
        };
        Ok(ok(&ItemView::with_beat(&item, beat.as_ref(), reader.now())))
    })
}
