//! The record: an item's history, refusals and decisions, the ledger's head, its lines and its signed checkpoints.

use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::domain::principal::{Caller, PrincipalKind};
use cortexpilot_core::domain::time::ledger_text;
use cortexpilot_core::error::ErrorCode::{self, QueueItemNotFound, ReceiptNotFound, ScopeForbidden};
use cortexpilot_core::port::StoreError;
use cortexpilot_core::port::lines::{LedgerFile, LedgerLine, LineFilter, LinesFrom, LinesPage, LinesQuery};
use cortexpilot_core::port::receipts::{CheckpointDocument, NoReceipt};
use jiff::Timestamp;

use super::call::Call;
use super::error::{Refused, ok};
use super::list::List;
use super::openapi::parameters::QueuePath;
use super::openapi::shapes::PageOf;
use super::query::LIMIT_DEFAULT;
use super::queue::position;
use super::table::{Answer, Operation, operation};
use crate::wire::ItemView;
use crate::wire::item::ProblemView;
use crate::wire::ledger::{CheckpointView, DecisionView, EntryView, FileView, HistoryView, LedgerView};

/// The ledger cannot be read as it stands.
const DAMAGED: &[ErrorCode] = &[ErrorCode::LedgerCorrupt];

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(history, Read, Token).codes(&[&[QueueItemNotFound, ScopeForbidden], DAMAGED]),
        operation!(decisions, Read, Token).codes(&[&[ScopeForbidden], DAMAGED]),
        operation!(head, Read, Token).codes(&[DAMAGED]),
        operation!(entries, Read, Token).codes(&[&[ScopeForbidden], DAMAGED]),
        operation!(checkpoints, Read, Token),
        operation!(checkpoint, Read, Token).codes(&[&[ReceiptNotFound]]),
    ]
}

/// Whose lines a caller may see.
enum Sight {
    /// Everybody's.
    All,
    /// Those of this principal.
    Own(String),
}

/// The record names people and gives their reasons. Operators see it, and whoever is at the machine of a server without
/// authentication, who could read the files as well. An agent sees what it did itself.
fn sight(caller: &Caller) -> Result<Sight, Refused> {
    match caller.established().map(|principal| (principal.kind, &principal.id)) {
        Some((PrincipalKind::Operator | PrincipalKind::Anonymous, _)) => Ok(Sight::All),
        Some((PrincipalKind::Agent, id)) => Ok(Sight::Own(id.clone())),
        Some((PrincipalKind::Worker, _)) | None => Err(out_of_scope("A worker does not see the record.")),
    }
}

/// Whether the caller may see everybody's lines.
///
/// # Errors
/// The refusal where it may not.
pub(super) fn whole_record(caller: &Caller, said: &str) -> Result<(), Refused> {
    match sight(caller)? {
        Sight::All => Ok(()),
        Sight::Own(_) => Err(out_of_scope(said)),
    }
}

fn out_of_scope(said: &str) -> Refused {
    Refused::Failure(Failure::Denied(Denial::new(ScopeForbidden, said)))
}

/// Shows what became of an item, line by line, each with where its receipt is had.
///
/// Who queued, cancelled or claimed it, when, and why as stated; the lines' hashes lead to the ledger. An agent sees the
/// history of what it queued itself.
#[utoipa::path(
    get,
    path = "/api/queue/{queue_id}/history",
    operation_id = "queue_history",
    tag = "queue",
    params(QueuePath),
    responses((status = 200, description = "The item and its lines.", body = HistoryView))
)]
pub(crate) fn history(call: Call) -> Answer {
    Box::pin(async move {
        let sight = sight(&call.caller)?;
        let reader = call.state.app.reader();
        let missing = || Failure::Denied(Denial::new(QueueItemNotFound, "There is no queue item with this id."));
        let id = QueueItemId::parse(&call.segment).ok_or_else(missing)?;
        let item = reader.queue().item(&id).await?.ok_or_else(missing)?;
        let queued_by = item.enqueued.provenance.as_ref().map(|stamps| stamps.principal.as_str());
        if let Sight::Own(own) = sight
            && queued_by != Some(own.as_str())
        {
            return Err(out_of_scope("An agent sees the history of what it queued itself."));
        }
        let lines = reader.queue().lines_of(&id).await?;
        Ok(ok(&HistoryView::of(&id, ItemView::of(&item, reader.now()), &lines)))
    })
}

/// Which lines of the record are wanted.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct DecisionFilter {
    /// Only this event: `DENIED`, `APPROVED`, `FROZEN` …
    #[param(nullable = false)]
    event: Option<String>,
    /// Only what this principal was refused or decided.
    #[param(nullable = false)]
    principal: Option<String>,
    /// Only refusals with this code.
    #[param(nullable = false)]
    code: Option<String>,
    /// Only what is about this request.
    #[param(nullable = false)]
    approval_id: Option<String>,
    /// Not before this moment, as ISO 8601 with an offset or `Z`.
    #[param(nullable = false, format = DateTime)]
    since: Option<String>,
    /// Before this moment.
    #[param(nullable = false, format = DateTime)]
    until: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 50, nullable = false)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(nullable = false)]
    cursor: Option<String>,
}

/// Lists refusals and what operators decided, newest first; an agent sees what it was refused itself.
///
/// Always a page. Filters look at ten thousand lines a page: one may be short, or empty, and still have a `next_cursor`.
#[utoipa::path(
    get,
    path = "/api/decisions",
    operation_id = "decisions_list",
    tag = "ledger",
    params(DecisionFilter),
    responses((status = 200, description = "One page.", body = PageOf<DecisionView>))
)]
pub(crate) fn decisions(call: Call) -> Answer {
    Box::pin(async move {
        let own = match sight(&call.caller)? {
            Sight::All => None,
            Sight::Own(principal) => Some(principal),
        };
        let text = |name: &str| call.query.text(name).map(str::to_owned);
        let wanted = text("principal");
        if let (Some(own), Some(wanted)) = (&own, &wanted)
            && own != wanted
        {
            return Err(out_of_scope("An agent sees what it was refused itself."));
        }
        let filter = LineFilter {
            events: text("event").map(|event| event.to_ascii_uppercase()).into_iter().collect(),
            principal: own.or(wanted),
            code: text("code").map(|code| code.to_ascii_uppercase()),
            approval_id: text("approval_id"),
            since: moment(&call, "since")?,
            until: moment(&call, "until")?,
        };
        let page = newest_first(&call, LedgerFile::Decisions, filter).await?;
        Ok(shown(&page, DecisionView::of))
    })
}

fn moment(call: &Call, name: &'static str) -> Result<Option<Timestamp>, Refused> {
    let parsed = call.query.text(name).map(str::parse::<Timestamp>).transpose();
    parsed.map_err(|_| Refused::form(format!("The query parameter `{name}` must be ISO 8601 with an offset or `Z`.")))
}

async fn newest_first(call: &Call, file: LedgerFile, filter: LineFilter) -> Result<LinesPage, Refused> {
    lines(call, file, LinesFrom::Before(after(call)?), filter).await
}

fn after(call: &Call) -> Result<Option<u64>, Refused> {
    call.query.text("cursor").map(position).transpose()
}

async fn lines(call: &Call, file: LedgerFile, from: LinesFrom, filter: LineFilter) -> Result<LinesPage, Refused> {
    let limit = call.query.page()?.and_then(|page| page.limit).unwrap_or(LIMIT_DEFAULT);
    let query = LinesQuery { file, from, filter, limit };
    Ok(call.state.app.reader().queue().lines(&query).await?)
}

fn shown<T: serde::Serialize>(page: &LinesPage, view: impl Fn(&LedgerLine) -> Option<T>) -> axum::response::Response {
    let items = page.lines.iter().filter_map(view).collect();
    List::new(items, page.next.map(|next| next.to_string()), &[] as &[ProblemView]).answer(true)
}

/// Which lines of the ledger are wanted.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct EntryFilter {
    /// Of which file; the queue's unless it is said.
    #[param(inline, nullable = false, value_type = Option<WhichFile>)]
    file: Option<String>,
    /// Only this event: `QUEUE_ENQUEUE`, `QUEUE_CANCEL`, `QUEUE_CLAIM`, `QUEUE_DONE` …; `DENIED`, `FROZEN` … of decisions.
    #[param(nullable = false)]
    event: Option<String>,
    /// Only the lines of this item; it has none among the decisions.
    #[param(nullable = false)]
    queue_id: Option<String>,
    /// From the newest line on, or from the oldest.
    #[param(inline, nullable = false, value_type = Option<Order>)]
    order: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 50, nullable = false)]
    limit: Option<u32>,
    /// `next_cursor` of the page before, or a line's `seq`.
    #[param(nullable = false)]
    cursor: Option<String>,
}

/// In which direction lines are listed.
#[expect(dead_code, reason = "a description: its words are read by the derive alone")]
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Order {
    Newest,
    Oldest,
}

/// Lists the ledger's lines, as facts and as they stand, for whoever verifies a chain or keeps evidence. Operators only.
///
/// Of the queue, or with `file=decisions` of what was refused and decided. Always a page, which ends before one MiB of lines. Each line was held against the one before it when it was read.
#[utoipa::path(
    get,
    path = "/api/ledger/entries",
    operation_id = "ledger_entries",
    tag = "ledger",
    params(EntryFilter),
    responses((status = 200, description = "One page.", body = PageOf<EntryView>))
)]
pub(crate) fn entries(call: Call) -> Answer {
    Box::pin(async move {
        whole_record(&call.caller, "Only an operator sees the ledger's lines.")?;
        let (file, newest) = (which_file(&call)?, newest(&call)?.unwrap_or(true));
        let event = call.query.text("event").map(str::to_ascii_uppercase);
        let after = after(&call)?;
        let page = match call.query.text("queue_id") {
            Some(_) if file == LedgerFile::Decisions => {
                return Err(Refused::form(
                    "`queue_id` cannot be sent for decisions: they are about requests and runs.",
                ));
            }
            Some(id) => of_item(&call, id, newest, event.as_deref(), after).await?,
            None => {
                let filter = LineFilter { events: event.into_iter().collect(), ..LineFilter::default() };
                let from = if newest { LinesFrom::Before(after) } else { LinesFrom::After(after.unwrap_or(0)) };
                lines(&call, file, from, filter).await?
            }
        };
        Ok(shown(&page, |line| Some(EntryView::of(line))))
    })
}

/// Whether the newest are wanted first, as far as it was said.
pub(super) fn newest(call: &Call) -> Result<Option<bool>, Refused> {
    match call.query.text("order") {
        None => Ok(None),
        Some("newest") => Ok(Some(true)),
        Some("oldest") => Ok(Some(false)),
        Some(_) => Err(Refused::form("The query parameter `order` must be newest or oldest.")),
    }
}

fn which_file(call: &Call) -> Result<LedgerFile, Refused> {
    match call.query.text("file") {
        None | Some("queue") => Ok(LedgerFile::Queue),
        Some("decisions") => Ok(LedgerFile::Decisions),
        Some(_) => Err(Refused::form("The query parameter `file` must be queue or decisions.")),
    }
}

/// An item has a handful of lines: they are all looked at.
async fn of_item(
    call: &Call,
    id: &str,
    newest: bool,
    event: Option<&str>,
    after: Option<u64>,
) -> Result<LinesPage, Refused> {
    let limit = call.query.page()?.and_then(|page| page.limit).unwrap_or(LIMIT_DEFAULT);
    let mut lines = match QueueItemId::parse(id) {
        Some(id) => call.state.app.reader().queue().lines_of(&id).await?,
        None => Vec::new(),
    };
    if newest {
        lines.reverse();
    }
    lines.retain(|line| {
        let behind = after.is_none_or(|after| if newest { line.number < after } else { line.number > after });
        behind && event.is_none_or(|event| line.said().event() == event)
    });
    let next = lines.get(limit).is_some().then(|| lines.get(limit - 1).map(|line| line.number)).flatten();
    lines.truncate(limit);
    let health = call.state.app.reader().queue().health().await?;
    Ok(LinesPage { lines, next, total: health.lines, head: health.head })
}

/// Shows how the ledger stands: both files' last lines, their last signed checkpoints, whether lines can be written.
#[utoipa::path(
    get,
    path = "/api/ledger",
    operation_id = "ledger_get",
    tag = "ledger",
    responses((status = 200, description = "As far as this process knows.", body = LedgerView))
)]
pub(crate) fn head(call: Call) -> Answer {
    Box::pin(async move {
        let reader = call.state.app.reader();
        let health = reader.queue().health().await?;
        let last = LinesQuery {
            file: LedgerFile::Decisions,
            from: LinesFrom::Before(None),
            filter: LineFilter::default(),
            limit: 1,
        };
        let decided = reader.queue().lines(&last).await?;
        // A checkpoint that cannot be had is shown as none here; where it is asked for, that is an error.
        let kept = kept(&call).await.unwrap_or_default();
        let of = |file: LedgerFile| kept.iter().find(|kept| kept.file == file).map(CheckpointView::of);
        let file = |file: LedgerFile, lines, h: String| FileView { file: file.name(), lines, h, checkpoint: of(file) };
        let refuses = health.refuses_writes.as_ref().map(|why| Failure::Store(why.clone()).code().as_str());
        Ok(ok(&LedgerView {
            queue: file(LedgerFile::Queue, health.lines, health.head.to_string()),
            decisions: file(LedgerFile::Decisions, decided.total, decided.head.to_string()),
            last_ts: health.last_ts.map(ledger_text),
            sound: refuses.is_none(),
            refuses_writes: refuses,
            problems: health.problems.iter().map(ProblemView::of).collect(),
            signing: call.state.app.receipts().map(|receipts| receipts.health().signing.as_str()),
            gate: "/api/gate",
        }))
    })
}

/// The checkpoints that are kept: the last of each file.
async fn kept(call: &Call) -> Result<Vec<CheckpointDocument>, Refused> {
    let Some(receipts) = call.state.app.receipts() else { return Ok(Vec::new()) };
    receipts.checkpoints().await.map_err(|problem| match problem {
        NoReceipt::Failed(why) => StoreError::Unavailable(why).into(),
        NoReceipt::NoKey | NoReceipt::NoLine | NoReceipt::NotCovered { .. } => {
            StoreError::Unavailable(problem.to_string()).into()
        }
    })
}

/// Lists the signed checkpoints that are kept: the last of each file, with the note as it was signed.
#[utoipa::path(
    get,
    path = "/api/ledger/checkpoints",
    operation_id = "checkpoints_list",
    tag = "ledger",
    responses((status = 200, description = "At most one for each file, the queue's first.", body = Vec<CheckpointView>))
)]
pub(crate) fn checkpoints(call: Call) -> Answer {
    Box::pin(async move {
        let kept = kept(&call).await?;
        Ok(ok(&kept.iter().map(CheckpointView::of).collect::<Vec<_>>()))
    })
}

/// Which checkpoint is wanted.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct SizePath {
    /// How many lines the checkpoint covers.
    #[param(minimum = 0, example = 7)]
    size: u64,
}

/// Of which file.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct OfFile {
    /// Of which file.
    #[param(inline, nullable = false, value_type = Option<WhichFile>)]
    file: Option<String>,
}

/// One of the two chained files.
#[expect(dead_code, reason = "a description: its words are read by the derive alone")]
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum WhichFile {
    Queue,
    Decisions,
}

/// Shows the signed checkpoint that covers so many lines, if it is the last: earlier ones are not kept here.
///
/// Whoever needs earlier ones keeps them elsewhere, which is the point of a checkpoint; `cortexpilot audit verify` holds the
/// ledger against them.
#[utoipa::path(
    get,
    path = "/api/ledger/checkpoints/{size}",
    operation_id = "checkpoint_get",
    tag = "ledger",
    params(SizePath, OfFile),
    responses((status = 200, description = "The checkpoint.", body = CheckpointView))
)]
pub(crate) fn checkpoint(call: Call) -> Answer {
    Box::pin(async move {
        let file = which_file(&call)?;
        let size = position(&call.segment).ok();
        let found = kept(&call).await?.into_iter().find(|kept| kept.file == file && Some(kept.size) == size);
        let said = "No checkpoint of that size is kept here; only the last of each file is.";
        let missing = || Refused::from(Failure::Denied(Denial::new(ReceiptNotFound, said)));
        Ok(ok(&CheckpointView::of(&found.ok_or_else(missing)?)))
    })
}
