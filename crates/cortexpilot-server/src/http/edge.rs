//! What holds for every request, whatever it asks: names, the host and origin rules, a floor under panics, headers, a
//! line in the log.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use cortexpilot_core::app::App;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::Ids;
use futures_util::FutureExt as _;

use super::call::{Handled, nobody};
use super::error::Refused;
use super::hosts::AllowedHosts;
use super::ids::RequestIds;
use super::metrics::Counters;

/// Headers of every answer. The policy lets a browser load nothing for an answer that it was made to show as a page; the
/// one page there is brings its own.
const HEADERS: [(HeaderName, &str); 7] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // Which of the original's lanes answers; its clients look for it.
    (HeaderName::from_static("x-cortexpilot-lane"), "stable"),
];

/// What every request of one server passes.
pub(crate) struct Edge {
    hosts: AllowedHosts,
    names: Names,
    counters: Counters,
}

/// Where names come from that a caller did not bring.
enum Names {
    App(Arc<App>),
    Ids(Arc<dyn Ids>),
}

impl Edge {
    /// For a server that only reads, and so has no app.
    pub(crate) fn new(hosts: AllowedHosts, ids: Arc<dyn Ids>) -> Self {
        Self { hosts, names: Names::Ids(ids), counters: Counters::default() }
    }

    /// For a control plane.
    pub(crate) fn of(hosts: AllowedHosts, app: Arc<App>) -> Self {
        Self { hosts, names: Names::App(app), counters: Counters::default() }
    }

    pub(crate) fn hosts(&self) -> &AllowedHosts {
        &self.hosts
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The ids that this request was given, or is given now.
    pub(crate) fn ids_of(&self, request: &Request) -> RequestIds {
        let given = request.extensions().get::<RequestIds>().cloned();
        given.unwrap_or_else(|| self.name(request.headers()))
    }

    fn name(&self, headers: &HeaderMap) -> RequestIds {
        match &self.names {
            Names::App(app) => RequestIds::of(headers, app.ids()),
            Names::Ids(ids) => RequestIds::of(headers, &**ids),
        }
    }
}

pub(crate) async fn edge(State(state): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let ids = state.name(request.headers());
    let (method, path) = (request.method().clone(), loggable(request.uri().path()));
    let mut response = match state.hosts.admit(request.method(), request.uri(), request.headers()) {
        Err(code) => Refused::Coded(code, code.row().meaning.to_owned()).render(&ids, &nobody()),
        Ok(()) => {
            request.extensions_mut().insert(ids.clone());
            let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
            answer.unwrap_or_else(|_| {
                // The panic's own message went to the process's panic hook; it may name anything, so nobody else gets it.
                tracing::error!(request_id = %ids.request_id, %method, path, "a request handler panicked");
                Refused::internal().render(&ids, &nobody())
            })
        }
    };
    ids.echo(response.headers_mut());
    harden(response.headers_mut());
    let handled = response.extensions().get::<Handled>().cloned();
    let operation = handled.as_ref().map(|handled| handled.operation);
    let code = response.extensions().get::<ErrorCode>().copied();
    state.counters.count(operation, response.status(), code);
    // Neither the query nor any header but the ids: a token may stand in either.
    tracing::info!(
        request_id = %ids.request_id,
        trace_id = %ids.trace_id,
        %method,
        path,
        operation = operation.unwrap_or("none"),
        principal = handled.as_ref().and_then(|handled| handled.principal.as_deref()).unwrap_or("none"),
        status = response.status().as_u16(),
        code = code.map_or("", ErrorCode::as_str),
        elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "http"
    );
    response
}

/// The path as it may be logged: whoever pastes a token where its id belongs must not find it in a log.
fn loggable(path: &str) -> String {
    let segment = |segment: &str| match segment.find("cpt_") {
        Some(at) => format!("{}cpt_…", &segment[..at]),
        None => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn harden(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_path_is_not_logged() {
        assert_eq!(loggable("/api/tokens/cpt_agent_0a1b/revoke"), "/api/tokens/cpt_…/revoke");
        assert_eq!(loggable("/api/queue/xcpt_a"), "/api/queue/xcpt_…");
        assert_eq!(loggable("/api/runs/run_ok"), "/api/runs/run_ok");
    }
}
