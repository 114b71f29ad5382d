//! Pages of other origins, where configuration allows some (cross-origin resource sharing, <https://fetch.spec.whatwg.org/#cors-protocol>).
//! The list is the one that the Origin rule knows, so that what a preflight promises is what a request finds; an origin that
//! is not on it is answered as if there were no such thing.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::hosts::AllowedHosts;

/// Every method of the control plane. Named, for with credentials `*` means a method of that name.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, DELETE");

/// Every header of a request that something here reads and that is not sent by browsers anyway.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, last-event-id, mcp-protocol-version, mcp-session-id, prefer, traceparent, \
     x-cortexpilot-csrf, x-cortexpilot-role, x-request-id, x-trace-id",
);

/// Headers of an answer that a script may read beside those that it may anyway.
const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static(
    "content-disposition, retry-after, traceparent, x-cortexpilot-next-offset, x-cortexpilot-problem-count, \
     x-cortexpilot-problems, x-cortexpilot-redacted, x-cortexpilot-size-bytes, x-cortexpilot-truncated, x-request-id, \
     x-trace-id",
);

/// How long a browser may remember a preflight, in seconds: as long as somebody who takes an origin off the list will wait.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

const TRUE: HeaderValue = HeaderValue::from_static("true");

/// The origin of a page elsewhere that may call, as the request names it.
pub(super) fn page(hosts: &AllowedHosts, headers: &HeaderMap) -> Option<HeaderValue> {
    if !hosts.has_pages() {
        return None;
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return None };
    hosts.is_page(origin.as_bytes()).then(|| origin.clone())
}

/// The answer to a browser that asks whether a page may send a request. Any other OPTIONS request is not one of these.
pub(super) fn preflight(method: &Method, headers: &HeaderMap) -> Option<Response> {
    if *method != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    let asked = "access-control-request-method, access-control-request-headers";
    headers.append(VARY, HeaderValue::from_static(asked));
    Some(response)
}

/// What any answer says where pages may call: whom it is for, and that it would differ for others.
pub(super) fn mark(hosts: &AllowedHosts, page: Option<HeaderValue>, headers: &mut HeaderMap) {
    if !hosts.has_pages() {
        return;
    }
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(page) = page {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, page);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
    }
}
