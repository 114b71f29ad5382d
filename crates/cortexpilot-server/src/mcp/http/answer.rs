//! What goes back: the protocol library's answer, held to our rules.
//!
//! An answer keeps its call's place until the client has taken it, so a client that asks and does not read ends up
//! waiting for itself. A stream ends with the server, and when its token counts no longer.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::StreamExt as _;
use hyper::body::{Frame, SizeHint};

use super::admission::Place;
use crate::mcp::scan::{INTERNAL_ERROR, INVALID_REQUEST, Refusal, RequestId};

/// So many bytes are handed over at one time: no more than the connection writes before it asks for more.
const PIECE: usize = 16 * 1024;

/// JSON-RPC: what the headers say is not what the message says, or cannot be right (from 2026-07-28 on).
pub(super) const HEADER_MISMATCH: i32 = -32020;

/// An error as the protocol has it.
pub(super) fn refusal(status: StatusCode, refusal: &Refusal) -> Response {
    let mut response = Response::new(Body::from(refusal.to_json()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The same from its parts.
pub(super) fn error(status: StatusCode, id: Option<&RequestId>, code: i32, message: &'static str) -> Response {
    refusal(status, &Refusal { id: id.cloned(), code, message: message.into() })
}

/// What the library answered.
pub(super) enum Answered {
    /// One JSON message, or an answer without a body.
    Whole(Response<Bytes>),
    /// A stream of messages.
    Stream(Response),
}

/// Reads the library's answer. Where it refuses a request it answers in plain text, which a client of the protocol cannot
/// read and which may repeat what was sent: that becomes an error as the protocol has it.
pub(super) async fn read(response: Response, id: Option<&RequestId>) -> Answered {
    let kind = response.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if kind.starts_with(b"text/event-stream") {
        return Answered::Stream(response);
    }
    let (status, json) = (response.status(), kind.starts_with(b"application/json"));
    let (mut parts, body) = response.into_parts();
    // In memory already.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    if json || status.is_success() {
        parts.headers.remove(CONTENT_LENGTH);
        return Answered::Whole(Response::from_parts(parts, bytes));
    }
    tracing::debug!(%status, said = %String::from_utf8_lossy(&bytes), "the protocol library refused a request");
    let (code, message) = match status {
        StatusCode::NOT_ACCEPTABLE => {
            (INVALID_REQUEST, "The client must accept application/json and text/event-stream.")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (INVALID_REQUEST, "The message is not one of this protocol."),
        StatusCode::NOT_FOUND => (INVALID_REQUEST, "There is no such session here. Begin anew with initialize."),
        StatusCode::METHOD_NOT_ALLOWED => (INVALID_REQUEST, "This endpoint does not take this HTTP method."),
        status if status.is_client_error() => {
            (INVALID_REQUEST, "The protocol headers are not those of a version that this server has.")
        }
        _ => (INTERNAL_ERROR, "The server had an internal error."),
    };
    let said = Refusal { id: id.cloned(), code, message: message.into() };
    let mut answer = Response::new(Bytes::from(said.to_json()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(allow) = parts.headers.remove(ALLOW) {
        answer.headers_mut().insert(ALLOW, allow);
    }
    Answered::Whole(answer)
}

/// An answer that keeps its place until the client has taken it.
pub(super) fn holding(response: Response<Bytes>, place: Place) -> Response {
    response.map(|left| Body::new(Held { left, _place: place }))
}

/// A stream that keeps its place, and ends when `ends` does.
pub(super) fn streaming(response: Response, place: Place, ends: impl Future<Output = ()> + Send + 'static) -> Response {
    response.map(|body| {
        let messages = body.into_data_stream().take_until(Box::pin(ends));
        Body::from_stream(messages.map(move |message| {
            let _held = &place;
            message
        }))
    })
}

/// Bytes that are handed over in pieces, and a place that is given back with the last of them.
struct Held {
    left: Bytes,
    _place: Place,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.left.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
