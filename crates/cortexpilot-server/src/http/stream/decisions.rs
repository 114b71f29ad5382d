//! What was refused and what operators decided, live: one event for each line of that record.

use cortexpilot_core::error::ErrorCode::{LedgerCorrupt, ScopeForbidden};
use cortexpilot_core::port::StoreError;
use cortexpilot_core::port::lines::{LedgerFile, LedgerLine};
use futures_util::future::BoxFuture;
use serde_json::json;

use super::block::{Block, EndReason, ResetReason, Untrusted, caught_up, opening, reset};
use super::feed::{Read, Source};
use super::lines::{Behind, Lines, Rest};
use super::{StreamBlock, follow, last_event_id, on_unless_off, shown_to, whole};
use crate::http::call::Call;
use crate::http::ledger::whole_record;
use crate::http::table::{Answer, Operation, operation};
use crate::watch::Subject;
use crate::wire::ledger::{DecisionView, LineView};

pub(in crate::http) fn operations() -> Vec<Operation> {
    vec![operation!(stream, Read, Token).codes(&[&[ScopeForbidden], &[LedgerCorrupt]]).cleaned_by_handler()]
}

/// The lines of the record of refusals and decisions.
pub(crate) struct DecisionLines {
    lines: Lines,
}

impl DecisionLines {
    /// What of the line a stream tells. One that is no refusal and no decision (the first line behind a repair is) is told by
    /// its number alone.
    fn block(line: &LedgerLine) -> Block {
        let data = match DecisionView::of(line) {
            Some(view) => json!(view),
            None => json!(LineView::of(line)),
        };
        // Operators alone are sent it.
        Block::new(Behind::of(line).id(), "decision", data, Untrusted::Everything)
    }

    async fn read_on(&self, after: Behind) -> Result<Read<Behind>, StoreError> {
        let Rest { page, replaced, next, more } = self.lines.behind(after).await?;
        Ok(Read { blocks: page.lines.iter().map(Self::block).collect(), replaced, next, more })
    }
}

impl Source for DecisionLines {
    type Key = ();
    type Position = Behind;

    fn key(&self) {}

    fn subject(&self) -> Subject {
        Subject::Decisions
    }

    fn read<'a>(&'a self, after: &'a Behind) -> BoxFuture<'a, Result<Read<Behind>, EndReason>> {
        Box::pin(async move {
            self.read_on(*after).await.map_err(|error| {
                tracing::info!(%error, "the decisions that are followed cannot be read");
                EndReason::Unavailable
            })
        })
    }

    fn caught_up(position: &Behind, given: u64) -> Option<Vec<u8>> {
        Some(caught_up(&position.id(), given))
    }
}

/// What is wanted of the record.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Go on with lines as they are written; otherwise the stream ends after those that are there.
    #[param(default = true, nullable = false)]
    follow: Option<bool>,
    /// Go on behind this `id`, or behind the line of this number; the header `Last-Event-ID` stands before it. 0 begins with
    /// the first line.
    #[param(nullable = false)]
    last_event_id: Option<String>,
}

/// Follows refusals and what operators decided: one event for each line of that record. Operators only.
///
/// The stream begins with a block `decisions_head`, which names the line that it begins behind. Each block `decision` is what
/// `/api/decisions` says of a line; each `id`, sent back as `Last-Event-ID`, resumes behind its line. A block `caught_up` says
/// that everything that was there has come; `reset`, that the record is another one and everything begins anew; `end`, which
/// is the last, why the stream ends and whether it is worth opening again.
#[utoipa::path(
    get,
    path = "/api/decisions/stream",
    operation_id = "decisions_stream",
    tag = "ledger",
    params(Wanted, ("last-event-id" = Option<String>, Header, description = "The last `id` that was received.")),
    responses((status = 200, description = "The stream.", body = StreamBlock, content_type = "text/event-stream"))
)]
pub(crate) fn stream(call: Call) -> Answer {
    Box::pin(async move {
        whole_record(&call.caller, "Only an operator sees everybody's decisions.")?;
        let follows = on_unless_off(&call, "follow")?;
        let reader = call.state.app.reader();
        let source = DecisionLines { lines: Lines { reader: reader.clone(), file: LedgerFile::Decisions } };
        let (position, known) = source.lines.begin(last_event_id(&call)).await?;
        let mut first = if follows { opening() } else { Vec::new() };
        if !known {
            first.extend_from_slice(&reset(ResetReason::PositionUnknown));
        }
        let head = json!({
            "seq": position.seq,
            "h": position.hash.map(|hash| hash.to_string()),
            "snapshot": "/api/decisions",
        });
        let head = Block::new(position.id(), "decisions_head", head, Untrusted::Item);
        let shown = shown_to(&call);
        first.extend_from_slice(head.bytes(shown));
        if follows {
            return follow(&call, &call.state.live.decisions, source, position, 0, first).await;
        }
        let read = source.read_on(position).await?;
        for block in &read.blocks {
            first.extend_from_slice(block.bytes(shown));
        }
        Ok(whole(first))
    })
}
