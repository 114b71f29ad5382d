//! Live streams (server-sent events): a run's events as they are appended, the queue's changes
//! and what is decided as they are written.
//!
//! A stream is a position that moves. What a client was sent names the position behind it (`id:`), and whoever sends that
//! back goes on there: nothing is lost and nothing comes twice, whichever connection, process or restart lies between. So
//! nothing has to be kept for a client that went away.
//!
//! Streams are cheap because they share. What can be followed is a [`feed::Feed`], one for each run and one for the queue,
//! however many follow it: one watcher looks whether it moved ([`crate::watch`]), one of its clients reads what is new, the
//! others take that. A client's stream is pulled by its connection: it holds the one chunk that it is being sent, and a
//! client that does not take it is ended rather than waited for. docs/adr/0025 says why.

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use cortexpilot_core::app::{Failure, Reader};
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::principal::PrincipalKind;
use cortexpilot_core::error::ErrorCode;

use super::call::Call;
use super::error::Refused;
use crate::auth::Auth;
use crate::watch::{TooMuch, Watcher};
use block::Shown;
use client::{Client, Ends};
use feed::{Feeds, Source};
use tokens::Tokens;

mod block;
mod client;
mod feed;
mod lines;
mod tokens;

pub(super) mod decisions;
pub(super) mod queue;
pub(super) mod runs;

/// The header in which a browser sends back the last `id:` by itself when it opens a stream again.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Asks proxies that would hold an answer back until it is whole not to.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// One block of a stream, by its fields. The answer is a sequence of such blocks as server-sent events, each ended by an empty
/// line.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::ToSchema)]
pub(crate) struct StreamBlock {
    /// The place behind the block: sent back as `Last-Event-ID`, the stream goes on there.
    #[schema(nullable = false)]
    id: Option<String>,
    /// What the block tells: `run_event`; `queue_head` and `queue_event`; `decisions_head` and `decision`. `caught_up`, `reset`
    /// and `end` are the server's own.
    #[schema(nullable = false)]
    event: Option<String>,
    /// One line of JSON.
    #[schema(nullable = false)]
    data: Option<String>,
    /// Milliseconds to wait before the stream is opened again.
    #[schema(nullable = false)]
    retry: Option<u32>,
}

/// When a watch cannot be had, it is worth asking again after so many seconds.
const RETRY_AFTER_S: u32 = 5;

/// What a token may stand in, of a request's headers.
fn credentials(headers: &HeaderMap) -> HeaderMap {
    let mut credentials = HeaderMap::new();
    for name in [AUTHORIZATION, COOKIE] {
        for value in headers.get_all(&name) {
            credentials.append(name.clone(), value.clone());
        }
    }
    credentials
}

/// What all streams of one control plane share.
pub(crate) struct Live {
    watcher: Watcher,
    tokens: Tokens,
    runs: Feeds<runs::RunEvents>,
    queue: Feeds<queue::QueueLines>,
    decisions: Feeds<decisions::DecisionLines>,
}

impl Live {
    /// Nothing is looked at before the first stream.
    pub(crate) fn new(reader: &Reader, auth: &Auth) -> Self {
        Self {
            watcher: Watcher::new(reader.clone(), None),
            tokens: Tokens::new(auth.clone()),
            runs: Feeds::default(),
            queue: Feeds::default(),
            decisions: Feeds::default(),
        }
    }
}

/// The position that the caller stands at: the header's, else the query's.
fn last_event_id(call: &Call) -> Option<String> {
    // One that is no text is a position that nobody gave out.
    let header = call.headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).trim().to_owned());
    header.filter(|id| !id.is_empty()).or_else(|| call.query.text("last_event_id").map(str::to_owned))
}

/// A switch that is on unless it is said otherwise.
fn on_unless_off(call: &Call, name: &str) -> Result<bool, Refused> {
    if call.query.text(name).is_none() { Ok(true) } else { call.query.flag(name) }
}

/// As whom the caller reads: text of runs reaches an agent cleaned, as in every other answer.
fn shown_to(call: &Call) -> Shown {
    match call.caller.principal.as_ref().map(|principal| principal.kind) {
        Some(PrincipalKind::Agent) => Shown::Cleaned,
        Some(PrincipalKind::Operator | PrincipalKind::Worker | PrincipalKind::Anonymous) | None => Shown::AsStored,
    }
}

/// Follows a source from a position on, after `first` was sent, which holds so many events.
async fn follow<S: Source>(
    call: &Call,
    feeds: &Feeds<S>,
    source: S,
    position: S::Position,
    given: u64,
    first: Vec<u8>,
) -> Result<Response, Refused> {
    let live = &call.state.live;
    let feed = feeds.feed(source);
    feed.watched(&live.watcher).await.map_err(|TooMuch| {
        let mut denial = Denial::new(ErrorCode::RateLimited, "Too much is followed at this server already.");
        denial.retry_after_s = Some(RETRY_AFTER_S);
        Refused::Failure(Failure::Denied(denial))
    })?;
    let checked = live.tokens.check(&credentials(&call.headers), &call.caller);
    let client =
        Client::new(feed, position, shown_to(call), (given, first), Ends::new(call.connected.clone(), checked));
    Ok(answer(Body::from_stream(client.stream())))
}

/// A stream that ends by itself.
fn whole(blocks: Vec<u8>) -> Response {
    answer(Body::from(blocks))
}

fn answer(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
