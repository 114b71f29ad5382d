//! The one message of a `POST`: read within bounds, judged from its bytes, written anew for the protocol library.

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{HeaderMap, StatusCode};
use cortexpilot_core::error::ErrorCode;
use futures_util::StreamExt as _;

use super::answer::{self, HEADER_MISMATCH};
use super::{STAND_IN, Sessions, Shared, Stopped, headers};
use crate::http::error::Refused;
use crate::mcp::scan::{self, INVALID_PARAMS, INVALID_REQUEST, RawCall, RequestId, Scanned, scan};
use crate::mcp::{Effect, inbound};

/// The method whose answer is a stream that stays open.
const LISTEN: &str = "subscriptions/listen";

/// One message, judged.
pub(super) struct Message {
    /// Under which id it is answered, and whether the library sees another one.
    pub(super) id: Option<(RequestId, bool)>,
    /// What the library reads.
    pub(super) text: Bytes,
    pub(super) beside: Option<RawCall>,
    pub(super) effect: Effect,
    /// Its answer stays open.
    pub(super) streams: bool,
}

/// Whether the library gives this id back as it came.
fn is_the_librarys(id: &RequestId) -> bool {
    let text = id.as_json();
    text.starts_with('"') || text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
}

impl Shared {
    /// Reads and judges the one message of a `POST`.
    pub(super) async fn message(&self, headers: &HeaderMap, body: Body) -> Result<Message, Stopped> {
        let bytes = self.read(headers, body).await?;
        let scanned = scan(&bytes);
        let id = match &scanned {
            Scanned::Request(request) => Some(&request.id),
            Scanned::Notification { .. } | Scanned::Response(_) => None,
            Scanned::Refused(refusal) => refusal.id.as_ref(),
        };
        if let Some(name) = headers::twice(headers) {
            tracing::debug!(%name, "a header that steers the protocol came twice");
            let said = "A header that steers the protocol came more than once.";
            return Err(Stopped::with(answer::error(StatusCode::BAD_REQUEST, id, HEADER_MISMATCH, said)));
        }
        match scanned {
            Scanned::Refused(refusal) => Err(Stopped::with(answer::refusal(StatusCode::BAD_REQUEST, &refusal))),
            Scanned::Request(request) => self.request(&request, &bytes),
            Scanned::Notification { method, .. } => {
                let whole = self.tools.is_none();
                let name = serde_json::Value::from(method.as_str());
                let text = if whole { bytes.clone() } else { format!(r#"{{"jsonrpc":"2.0","method":{name}}}"#).into() };
                Ok(Message { id: None, text, beside: None, effect: Effect::Read, streams: false })
            }
            Scanned::Response(_) if self.options.sessions == Sessions::On => {
                Ok(Message { id: None, text: bytes.clone(), beside: None, effect: Effect::Read, streams: false })
            }
            Scanned::Response(_) => {
                let said = "This server asked nothing, so it takes no answers.";
                Err(Stopped::with(answer::error(StatusCode::BAD_REQUEST, None, INVALID_REQUEST, said)))
            }
        }
    }

    fn request(&self, request: &scan::Request<'_>, bytes: &Bytes) -> Result<Message, Stopped> {
        let streams = request.method == LISTEN;
        let stands_in = !is_the_librarys(&request.id);
        if stands_in && (streams || self.tools.is_none()) {
            let said = "The member `id` must be a string or an integer of 64 bits with a sign.";
            let id = Some(&request.id);
            return Err(Stopped::with(answer::error(StatusCode::BAD_REQUEST, id, INVALID_REQUEST, said)));
        }
        let id = Some((request.id.clone(), stands_in));
        let Some(tools) = &self.tools else {
            return Ok(Message { id, text: bytes.clone(), beside: None, effect: Effect::Append, streams });
        };
        let as_sent = if stands_in { STAND_IN } else { request.id.as_json() };
        inbound::for_library(request, as_sent, |_| {}).map_err(|refusal| {
            // A known method with params that it cannot take: the request was understood, and this is its answer.
            let status = if refusal.code == INVALID_PARAMS { StatusCode::OK } else { StatusCode::BAD_REQUEST };
            Stopped::with(answer::refusal(status, &refusal))
        })?;
        let name = request.param("name").and_then(|raw| serde_json::from_str::<String>(raw).ok());
        let effect = match request.method.as_str() {
            "tools/call" => name.and_then(|name| tools.effect_of(&name)).unwrap_or(Effect::Read),
            _ => Effect::Read,
        };
        let text = inbound::text_for_library(request, as_sent).into();
        Ok(Message { id, text, beside: Some(request.raw_call()), effect, streams })
    }

    /// Reads a whole message of bounded size within bounded time.
    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Stopped> {
        let limits = &self.options.limits;
        let stop = |status, said| Stopped::with(answer::error(status, None, INVALID_REQUEST, said));
        let too_long = || stop(StatusCode::PAYLOAD_TOO_LARGE, "The message is too long.");
        if !headers::declares_json(headers) {
            let said = "A message must be declared as content-type: application/json, without a content encoding.";
            return Err(stop(StatusCode::UNSUPPORTED_MEDIA_TYPE, said));
        }
        // A length that was announced is refused before a byte of it is asked for.
        if body.size_hint().lower() > limits.body_bytes as u64 {
            return Err(too_long());
        }
        let collect = async {
            let (mut chunks, mut whole) = (body.into_data_stream(), Vec::new());
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.map_err(|_| stop(StatusCode::BAD_REQUEST, "The message broke off."))?;
                if whole.len() + chunk.len() > limits.body_bytes {
                    return Err(too_long());
                }
                whole.extend_from_slice(&chunk);
            }
            Ok(Bytes::from(whole))
        };
        tokio::time::timeout(limits.body, collect).await.unwrap_or_else(|_| {
            let said = "The message did not come whole in time. Nothing was changed.";
            Err(Refused::Coded(ErrorCode::RequestTimeout, said.into()).into())
        })
    }
}
