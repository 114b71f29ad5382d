//! What holds for every request, whatever it asks: names, the host and origin rules, proof of origin where a cookie signs
//! in, a floor under panics, compression, headers, a line in the log.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::response::Response;
use cortexpilot_core::app::App;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::Ids;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use super::call::{Handled, nobody};
use super::error::Refused;
use super::hosts::AllowedHosts;
use super::ids::{Names, RequestIds};
use super::metrics::Counters;
use super::{cors, csrf, gzip};

/// Headers of every answer. The policy lets a browser load nothing for an answer that it was made to show as a page; the
/// one page there is brings its own.
///
/// No `strict-transport-security`: it would speak for every service of this host name, and whether TLS is in front is for
/// the proxy to know (docs/guides/run-behind-a-proxy.md).
const HEADERS: [(HeaderName, HeaderValue); 8] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    // Which of the original's lanes answers; its clients look for it.
    (HeaderName::from_static("x-cortexpilot-lane"), HeaderValue::from_static("stable")),
];

/// What every request of one server passes.
pub(crate) struct Edge {
    hosts: AllowedHosts,
    randomness: Randomness,
    names: Names,
    counters: Counters,
}

/// What names that a caller did not bring begin with.
enum Randomness {
    App(Arc<App>),
    Ids(Arc<dyn Ids>),
}

impl Edge {
    /// For a server that only reads, and so has no app.
    pub(crate) fn new(hosts: AllowedHosts, ids: Arc<dyn Ids>) -> Self {
        Self::with(hosts, Randomness::Ids(ids))
    }

    /// For a control plane.
    pub(crate) fn of(hosts: AllowedHosts, app: Arc<App>) -> Self {
        Self::with(hosts, Randomness::App(app))
    }

    fn with(hosts: AllowedHosts, randomness: Randomness) -> Self {
        Self { hosts, randomness, names: Names::default(), counters: Counters::default() }
    }

    pub(crate) fn hosts(&self) -> &AllowedHosts {
        &self.hosts
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The ids that this request was given, or is given now.
    pub(crate) fn ids_of(&self, request: &Request) -> Arc<RequestIds> {
        let given = request.extensions().get::<Arc<RequestIds>>().cloned();
        given.unwrap_or_else(|| Arc::new(self.name(request.headers())))
    }

    /// What is judged before anything is looked at that a caller asks for.
    fn admit(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), (ErrorCode, &'static str)> {
        self.hosts.admit(method, uri, headers).map_err(|code| (code, code.row().meaning))?;
        if csrf::is_unproven(method, headers) {
            let said = "A change that is signed in by cookie must show where it comes from: send `x-cortexpilot-csrf: 1`, or use \
                        a bearer token. Nothing was changed.";
            return Err((ErrorCode::OriginNotAllowed, said));
        }
        Ok(())
    }

    fn name(&self, headers: &HeaderMap) -> RequestIds {
        RequestIds::of(headers, || match &self.randomness {
            Randomness::App(app) => self.names.next(app.ids()),
            Randomness::Ids(ids) => self.names.next(&**ids),
        })
    }
}

/// Puts an edge around a service that is always ready, as every route is.
#[derive(Clone)]
pub(crate) struct EdgeLayer(pub(crate) Arc<Edge>);

impl<S> Layer<S> for EdgeLayer {
    type Service = AtEdge<S>;

    fn layer(&self, inner: S) -> AtEdge<S> {
        AtEdge { edge: self.0.clone(), inner }
    }
}

/// What [`EdgeLayer`] makes.
#[derive(Clone)]
pub(crate) struct AtEdge<S> {
    edge: Arc<Edge>,
    inner: S,
}

impl<S> Service<Request> for AtEdge<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let (mut arrived, ids) = self.edge.arrive(request.method(), request.uri(), request.headers());
        let (method, uri, ids) = (request.method().clone(), request.uri().clone(), Arc::new(ids));
        request.extensions_mut().insert(ids.clone());
        // A route only begins to work when it is awaited, so nothing of it has happened where the request goes no further.
        let inside = arrived.goes_on().then(|| self.inner.call(request));
        let edge = self.edge.clone();
        Box::pin(async move {
            let inside = || async {
                let Ok(mut response) = match inside {
                    Some(inside) => inside.await,
                    None => Ok(Refused::internal().render(&ids, &nobody())),
                };
                let handled = response.extensions_mut().remove();
                Answered { response, handled }
            };
            let answered = edge.answered(&mut arrived, &ids, &method, &uri, inside).await;
            Ok(edge.leave(arrived, Arc::unwrap_or_clone(ids), &method, &uri, answered).await)
        })
    }
}

/// An answer, and what it was given to whom.
pub(super) struct Answered {
    pub(super) response: Response,
    pub(super) handled: Option<Handled>,
}

/// A request that has come.
pub(super) struct Arrived {
    started: Option<Instant>,
    /// The page elsewhere that sent it, if one may.
    page: Option<HeaderValue>,
    /// What its answer may be compressed with.
    accepted: Option<HeaderValue>,
    /// Or what is answered instead.
    goes_on: Result<(), Box<Response>>,
}

impl Arrived {
    pub(super) fn goes_on(&self) -> bool {
        self.goes_on.is_ok()
    }
}

impl Edge {
    /// Names a request and judges whether it goes any further.
    pub(super) fn arrive(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> (Arrived, RequestIds) {
        let ids = self.name(headers);
        let page = cors::page(&self.hosts, headers);
        let refused =
            |(code, reason): (ErrorCode, &str)| Refused::Coded(code, reason.to_owned()).render(&ids, &nobody());
        let goes_on = match self.admit(method, uri, headers).map_err(refused) {
            Ok(()) => match page.as_ref().and_then(|_| cors::preflight(method, headers)) {
                Some(answer) => Err(Box::new(answer)),
                None => Ok(()),
            },
            Err(refusal) => Err(Box::new(refusal)),
        };
        let started = tracing::enabled!(tracing::Level::INFO).then(Instant::now);
        (Arrived { started, accepted: gzip::accepted(method, headers), page, goes_on }, ids)
    }

    /// The answer, before it is given the headers of every answer: what `inside` makes of the request, if that goes on and
    /// nothing panics. It is made in here, where it stays: as an argument it would be kept twice.
    pub(super) async fn answered<F>(
        &self,
        arrived: &mut Arrived,
        ids: &RequestIds,
        method: &Method,
        uri: &Uri,
        inside: impl FnOnce() -> F,
    ) -> Answered
    where
        F: Future<Output = Answered>,
    {
        let of_nobody = |response| Answered { response, handled: None };
        match std::mem::replace(&mut arrived.goes_on, Ok(())) {
            Err(instead) => of_nobody(*instead),
            Ok(()) => AssertUnwindSafe(inside()).catch_unwind().await.unwrap_or_else(|_| {
                // The panic's own message went to the process's panic hook; it may name anything, so nobody else gets it.
                let path = loggable(uri.path());
                tracing::error!(request_id = %ids.request_id, %method, path, "a request handler panicked");
                of_nobody(Refused::internal().render(ids, &nobody()))
            }),
        }
    }

    /// What every answer is given on its way out.
    pub(super) fn leave(
        &self,
        arrived: Arrived,
        ids: RequestIds,
        method: &Method,
        uri: &Uri,
        answered: Answered,
    ) -> impl Future<Output = Response> + use<> {
        let Arrived { started, page, accepted, .. } = arrived;
        let Answered { mut response, handled } = answered;
        let operation = handled.as_ref().map(|handled| handled.operation);
        let code = response.extensions().get::<ErrorCode>().copied();
        self.counters.count(operation, response.status(), code);
        if let Some(started) = started {
            // Neither the query nor any header but the ids: a token may stand in either.
            tracing::info!(
                request_id = %ids.request_id,
                trace_id = %ids.trace_id,
                %method,
                path = loggable(uri.path()),
                operation = operation.unwrap_or("none"),
                principal = handled.as_ref().and_then(Handled::principal).unwrap_or("none"),
                status = response.status().as_u16(),
                code = code.map_or("", ErrorCode::as_str),
                elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                "http"
            );
        }
        let headers = response.headers_mut();
        harden(headers);
        ids.echo(headers);
        cors::mark(&self.hosts, page, headers);
        gzip::shrunk(accepted, response)
    }
}

/// What secrets of ours begin with: tokens, sessions, one-time logins.
const SECRETS: [&str; 3] = ["cpt_", "cps_", "cpl_"];

/// The path as it may be logged: whoever pastes a secret where an id belongs must not find it in a log.
fn loggable(path: &str) -> String {
    let segment = |segment: &str| match SECRETS.iter().filter_map(|prefix| segment.find(prefix)).min() {
        Some(at) => format!("{}…", &segment[..at + SECRETS[0].len()]),
        None => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Gives an answer the headers of every answer; one that it brings itself stays.
fn harden(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_path_is_not_logged() {
        assert_eq!(loggable("/api/tokens/cpt_agent_0a1b/revoke"), "/api/tokens/cpt_…/revoke");
        assert_eq!(loggable("/api/queue/xcpt_a"), "/api/queue/xcpt_…");
        assert_eq!(loggable("/cpl_0a1b/x/a-cps_0a1b-cpt_"), "/cpl_…/x/a-cps_…");
        assert_eq!(loggable("/api/runs/run_ok"), "/api/runs/run_ok");
    }
}
