//! Shorter answers for whoever takes them. What is compressed together can be told from the length of what comes out: a
//! secret beside text that somebody else chooses gives itself away character by character, if that somebody can also make
//! the holder ask again and again and see the lengths (BREACH, <https://breachattack.com>). So only plain reads are
//! compressed: answers to POST, where preview and lease tokens are, never; and where a session cookie signs in, only what a
//! page of ours asked for, for no other page can make its user ask.

use std::convert::Infallible;
use std::future::{Future, ready};

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use futures_util::future::Either;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::auth;

/// Shorter answers fit into a few packets anyway.
const LEAST: u64 = 4 * 1024;

/// What the request takes, if its answer may be compressed.
pub(super) fn accepted(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    let takes = headers.get(ACCEPT_ENCODING).filter(|_| *method == Method::GET)?;
    let ours = || headers.get("sec-fetch-site").is_some_and(|site| site.as_bytes() == b"same-origin");
    (!auth::by_cookie(headers) || ours()).then(|| takes.clone())
}

/// The answer, compressed where it is long and JSON. A stream never is: its events would wait in the compressor.
pub(super) fn shrunk(accepted: Option<HeaderValue>, response: Response) -> impl Future<Output = Response> + use<> {
    match accepted.filter(|_| is_worth_it(&response)) {
        // Boxed: what it takes would be part of every request otherwise.
        Some(accepted) => Either::Right(Box::pin(compressed(accepted, response))),
        None => Either::Left(ready(response)),
    }
}

async fn compressed(accepted: HeaderValue, response: Response) -> Response {
    let mut request = Request::new(Body::empty());
    request.headers_mut().insert(ACCEPT_ENCODING, accepted);
    let mut response = Some(response);
    let answer = service_fn(move |_: Request| {
        ready(Ok::<_, Infallible>(response.take().expect("invariant: it is asked for once")))
    });
    let gzip = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(
        // Judged above.
        |_: StatusCode, _: axum::http::Version, _: &HeaderMap, _: &axum::http::Extensions| true,
    );
    let Ok(response) = gzip.layer(answer).oneshot(request).await;
    response.map(Body::new)
}

fn is_worth_it(response: &Response) -> bool {
    let json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"application/json");
    let long = response.body().size_hint().exact().is_some_and(|bytes| bytes >= LEAST);
    json && long && response.status() == StatusCode::OK
}
