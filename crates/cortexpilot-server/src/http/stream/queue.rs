//! The queue's changes, live: one event for each line of the ledger that is about an item.

use cortexpilot_core::domain::time::ledger_text;
use cortexpilot_core::error::ErrorCode::LedgerCorrupt;
use cortexpilot_core::port::StoreError;
use cortexpilot_core::port::lines::{LedgerFile, LedgerLine, Said, item_behind};
use futures_util::future::BoxFuture;
use serde_json::json;

use super::block::{Block, EndReason, ResetReason, Untrusted, opening, reset};
use super::feed::{Read, Source};
use super::lines::{Behind, Lines, Rest};
use super::{StreamBlock, follow, last_event_id, on_unless_off, shown_to, whole};
use crate::http::call::Call;
use crate::http::table::{Answer, Operation, operation};
use crate::watch::Subject;
use crate::wire::ItemView;

pub(in crate::http) fn operations() -> Vec<Operation> {
    vec![operation!(stream, Read, Token).codes(&[&[LedgerCorrupt]]).cleaned_by_handler()]
}

/// The lines of the queue's ledger.
pub(crate) struct QueueLines {
    lines: Lines,
}

impl QueueLines {
    async fn block(&self, line: &LedgerLine) -> Result<Option<Block>, StoreError> {
        let said = line.said();
        let Said::Queue(event) = &said else { return Ok(None) };
        let item = self.lines.reader.queue().item(event.queue_id()).await?;
        let item = item.and_then(|item| item_behind(&item, event));
        let data = json!({
            "seq": line.number,
            "event": said.event(),
            "ts": said.ts().map(ledger_text),
            "queue_id": event.queue_id().as_str(),
            "h": line.hash.map(|hash| hash.to_string()),
            "item": item.map(|item| ItemView::of(&item, self.lines.reader.now())),
        });
        Ok(Some(Block::new(Behind::of(line).id(), "queue_event", data, Untrusted::Item)))
    }

    async fn read_on(&self, after: Behind) -> Result<Read<Behind>, StoreError> {
        let Rest { page, replaced, next, more } = self.lines.behind(after).await?;
        let mut blocks = Vec::with_capacity(page.lines.len());
        for line in &page.lines {
            blocks.extend(self.block(line).await?);
        }
        Ok(Read { blocks, replaced, next, more })
    }
}

impl Source for QueueLines {
    type Key = ();
    type Position = Behind;

    fn key(&self) {}

    fn subject(&self) -> Subject {
        Subject::Queue
    }

    fn read<'a>(&'a self, after: &'a Behind) -> BoxFuture<'a, Result<Read<Behind>, EndReason>> {
        Box::pin(async move {
            self.read_on(*after).await.map_err(|error| {
                tracing::info!(%error, "the queue that is followed cannot be read");
                EndReason::Unavailable
            })
        })
    }

    // It begins behind everything, and who comes back lists the queue.
    fn caught_up(_: &Behind, _: u64) -> Option<Vec<u8>> {
        None
    }
}

/// What is wanted of the queue's changes.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Go on with changes as they are written; otherwise the stream ends after those that are there.
    #[param(default = true, nullable = false)]
    follow: Option<bool>,
    /// Go on behind this `id`, or behind the line of this number; the header `Last-Event-ID` stands before it. 0 begins with
    /// the first line.
    #[param(nullable = false)]
    last_event_id: Option<String>,
}

/// Follows the queue: one event for each ledger line about an item, with the item as it then stood.
///
/// The stream begins with a block `queue_head`, which names the line that it begins behind: list the queue after that, then
/// apply what comes. Each block `queue_event` names its line (`seq`, `h`), what was done (`event`) and the item behind it;
/// refusals change nothing and are not here. Each `id`, sent back as `Last-Event-ID`, resumes behind its line. A block
/// `reset` says that the ledger is another one and everything begins anew; a block `end`, which is the last, why the stream
/// ends and whether it is worth opening again.
#[utoipa::path(
    get,
    path = "/api/queue/stream",
    operation_id = "queue_stream",
    tag = "queue",
    params(Wanted, ("last-event-id" = Option<String>, Header, description = "The last `id` that was received.")),
    responses((status = 200, description = "The stream.", body = StreamBlock, content_type = "text/event-stream"))
)]
pub(crate) fn stream(call: Call) -> Answer {
    Box::pin(async move {
        let follows = on_unless_off(&call, "follow")?;
        let reader = call.state.app.reader();
        let source = QueueLines { lines: Lines { reader: reader.clone(), file: LedgerFile::Queue } };
        let (position, known) = source.lines.begin(last_event_id(&call)).await?;
        let mut first = if follows { opening() } else { Vec::new() };
        if !known {
            first.extend_from_slice(&reset(ResetReason::PositionUnknown));
        }
        let health = reader.queue().health().await?;
        let head = json!({
            "seq": position.seq,
            "h": position.hash.map(|hash| hash.to_string()),
            "pending": health.pending,
            "claimed": health.claimed,
            "snapshot": "/api/queue",
        });
        // It holds nothing of a run.
        let head = Block::new(position.id(), "queue_head", head, Untrusted::Item);
        let shown = shown_to(&call);
        first.extend_from_slice(head.bytes(shown));
        if follows {
            return follow(&call, &call.state.live.queue, source, position, 0, first).await;
        }
        let read = source.read_on(position).await?;
        for block in &read.blocks {
            first.extend_from_slice(block.bytes(shown));
        }
        Ok(whole(first))
    })
}
