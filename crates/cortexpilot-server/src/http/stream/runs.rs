//! A run's events, live.

use axum::body::Bytes;
use cortexpilot_core::app::Reader;
use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::port::runs::{EventsBegin, EventsFrom, EventsPosition, EventsSlice, FollowedEvent, ReadProblem};
use futures_util::future::BoxFuture;

use super::block::{Block, EndReason, ResetReason, Shown, Untrusted, caught_up, named, opening, reset};
use super::feed::{Read, Source};
use super::{StreamBlock, follow, last_event_id, on_unless_off, shown_to, whole};
use crate::http::call::Call;
use crate::http::error::Refused;
use crate::http::openapi::codes::RUN;
use crate::http::openapi::parameters::RunPath;
use crate::http::runs::run_id;
use crate::http::table::{Answer, Operation, operation};
use crate::watch::Subject;

/// What an event of a run is called in its stream, as existing clients know it.
const RUN_EVENT: &str = "run_event";

/// How many events a stream begins with unless asked otherwise, and at most.
const LIMIT_DEFAULT: usize = 200;
const LIMIT_MAX: usize = 5000;

/// How many events are read at once.
const READ_AT_ONCE: usize = 256;

pub(in crate::http) fn operations() -> Vec<Operation> {
    vec![operation!(stream, Read, Token).codes(&[RUN]).cleaned_by_handler()]
}

/// A run's events, after a time if one was named.
pub(crate) struct RunEvents {
    reader: Reader,
    run: RunId,
    since: Option<String>,
}

impl Source for RunEvents {
    type Key = (RunId, Option<String>);
    type Position = EventsPosition;

    fn key(&self) -> Self::Key {
        (self.run.clone(), self.since.clone())
    }

    fn subject(&self) -> Subject {
        Subject::Events(self.run.clone())
    }

    fn read<'a>(&'a self, after: &'a EventsPosition) -> BoxFuture<'a, Result<Read<EventsPosition>, EndReason>> {
        Box::pin(async move {
            let begin = EventsBegin::Behind(*after);
            let from = EventsFrom { begin, since: self.since.clone(), limit: READ_AT_ONCE };
            match self.reader.runs().events_from(&self.run, from).await {
                Ok(EventsSlice { events, end, more, replaced }) => {
                    Ok(Read { blocks: events.into_iter().map(block).collect(), replaced, next: end, more })
                }
                Err(ReadProblem::NotFound | ReadProblem::WorkflowNotFound) => Err(EndReason::Gone),
                Err(ReadProblem::Unreadable(why)) => {
                    tracing::info!(run = %self.run, why, "a run that is followed cannot be read");
                    Err(EndReason::Unavailable)
                }
                Err(ReadProblem::BadCursor) => Err(EndReason::Unavailable),
            }
        })
    }

    fn caught_up(position: &EventsPosition, given: u64) -> Option<Vec<u8>> {
        Some(caught_up(&position.to_string(), given))
    }
}

fn block(event: FollowedEvent) -> Block {
    Block::new(event.position.to_string(), RUN_EVENT, event.event, Untrusted::Everything)
}

/// What is wanted of a run's events.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only events after this time.
    #[param(nullable = false)]
    since: Option<String>,
    /// With how many of the events that are there the stream begins.
    #[param(minimum = 1, maximum = 5000, default = 200, nullable = false)]
    limit: Option<u32>,
    /// Begin with the last of them; otherwise with the first, and all others follow.
    #[param(default = true, nullable = false)]
    tail: Option<bool>,
    /// Go on with events as they are appended; otherwise the stream ends after those that are there.
    #[param(default = true, nullable = false)]
    follow: Option<bool>,
    /// Go on behind this `id`; the header `Last-Event-ID` stands before it. `limit` and `tail` count for nothing then.
    #[param(nullable = false)]
    last_event_id: Option<String>,
}

/// Follows a run's events as they are appended, as server-sent events.
///
/// Each event is a block `run_event`, whose data is the event as the list of events has it. Its `id` names the place behind
/// it: sent back as `Last-Event-ID`, the stream goes on there, without a loss and without a repetition. With `follow=false`
/// and without such a place, each `id` is the event's time. While it follows, a block `caught_up` says once that every event that
/// was there has come, and how many that were. A block `reset` says that the file is another one and everything
/// begins anew; a block `end`, which is the last, why the stream ends and whether it is worth opening again.
#[utoipa::path(
    get,
    path = "/api/runs/{run_id}/events/stream",
    operation_id = "run_events_stream",
    tag = "runs",
    params(RunPath, Wanted, ("last-event-id" = Option<String>, Header, description = "The last `id` that was received.")),
    responses((status = 200, description = "The stream.", body = StreamBlock, content_type = "text/event-stream"))
)]
pub(crate) fn stream(call: Call) -> Answer {
    Box::pin(async move {
        let run = run_id(&call)?;
        let limit = call.query.count("limit")?.unwrap_or(LIMIT_DEFAULT);
        if limit > LIMIT_MAX {
            return Err(Refused::form(format!("The query parameter `limit` must be 1 to {LIMIT_MAX}.")));
        }
        let (tail, follows) = (on_unless_off(&call, "tail")?, on_unless_off(&call, "follow")?);
        let stands = Stands::read(last_event_id(&call).as_deref());
        let since = call.query.text("since").map(str::to_owned);
        let since = since.or_else(|| if let Stands::After(time) = &stands { Some(time.clone()) } else { None });
        let begin = match (&stands, tail) {
            (Stands::Behind(position), _) => EventsBegin::Behind(*position),
            (Stands::Anew | Stands::After(_) | Stands::Nowhere, true) => EventsBegin::Last(limit),
            (Stands::Anew | Stands::After(_) | Stands::Nowhere, false) => EventsBegin::First,
        };
        let reader = call.state.app.reader();
        let first = reader.runs().events_from(&run, EventsFrom { begin, since: since.clone(), limit }).await?;
        let shown = shown_to(&call);
        if !follows {
            return Ok(whole(written(&stands, first, shown)));
        }
        let mut opening = opening();
        let (position, given) = (first.end, first.events.len() as u64);
        opening.extend(written_to_be_followed(&stands, first, shown));
        let source = RunEvents { reader: reader.clone(), run, since };
        follow(&call, &call.state.live.runs, source, position, given, opening).await
    })
}

/// Where a client says that it stands.
enum Stands {
    /// It does not say.
    Anew,
    /// Behind a place that a stream gave out.
    Behind(EventsPosition),
    /// Behind an event of this time: such ids come without following, and from the original.
    After(String),
    /// It says something else.
    Nowhere,
}

impl Stands {
    fn read(id: Option<&str>) -> Self {
        match id {
            None => Self::Anew,
            Some(id) => match (EventsPosition::parse(id), id.parse::<jiff::Timestamp>()) {
                (Some(position), _) => Self::Behind(position),
                (None, Ok(_)) => Self::After(id.to_owned()),
                (None, Err(_)) => Self::Nowhere,
            },
        }
    }
}

fn begins_anew(stands: &Stands, first: &EventsSlice) -> Option<Bytes> {
    match stands {
        Stands::Nowhere => Some(reset(ResetReason::PositionUnknown)),
        Stands::Behind(_) if first.replaced => Some(reset(ResetReason::FileReplaced)),
        Stands::Anew | Stands::Behind(_) | Stands::After(_) => None,
    }
}

fn written_to_be_followed(stands: &Stands, first: EventsSlice, shown: Shown) -> Vec<u8> {
    let mut bytes = begins_anew(stands, &first).map(Vec::from).unwrap_or_default();
    for event in first.events {
        bytes.extend_from_slice(block(event).bytes(shown));
    }
    bytes
}

/// What existing clients are answered: events under their times. Who goes on behind a place gets places.
fn written(stands: &Stands, first: EventsSlice, shown: Shown) -> Vec<u8> {
    if let Stands::Behind(_) = stands {
        return written_to_be_followed(stands, first, shown);
    }
    let mut bytes = begins_anew(stands, &first).map(Vec::from).unwrap_or_default();
    for FollowedEvent { event, ts, .. } in first.events {
        // A time is text of a run like any other: what could end the line is no id.
        let id = if ts.chars().any(|c| c.is_control()) { "" } else { &ts };
        bytes.extend_from_slice(&named(id, RUN_EVENT, event, Untrusted::Everything, shown));
    }
    bytes
}
