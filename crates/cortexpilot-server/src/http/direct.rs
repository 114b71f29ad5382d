//! Reads, found without the router. Finding a route, cloning its services and boxing their futures costs as much as the
//! answer to a plain read. What is found here is answered by what the router's route calls as well ([`call::operate`]),
//! inside the same edge; whatever is not a plain read of the table goes to the router.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, Request};
use axum::response::Response;
use matchit::Router as Paths;
use tower::ServiceExt as _;

use super::HttpState;
use super::call::{self, Asked};
use super::serve::Connected;
use super::spare::Sent;
use super::table::{Operation, Verb, operations};

/// A control plane, for [`super::serve`]. Any router can be one; then it answers everything.
#[derive(Clone)]
pub struct ControlPlane {
    direct: Option<Arc<Direct>>,
    router: Router,
}

impl From<Router> for ControlPlane {
    fn from(router: Router) -> Self {
        Self { direct: None, router: router.with_state(()) }
    }
}

struct Direct {
    state: Arc<HttpState>,
    paths: Reads,
}

/// Every path of the router; with the operation that reads it, if there is one.
type Reads = Paths<Option<&'static Operation>>;

/// A read, and the path's variable segments.
pub(super) struct Found<'a> {
    state: &'a Arc<HttpState>,
    operation: &'static Operation,
    segments: (String, String),
}

impl ControlPlane {
    pub(super) fn of(state: Arc<HttpState>, router: Router) -> Self {
        let paths = paths(state.options.mcp.iter().map(|(path, _)| *path));
        Self { direct: Some(Arc::new(Direct { state, paths })), router: router.with_state(()) }
    }

    /// The service without connections, which answers everything alike.
    pub fn into_router(self) -> Router {
        self.router
    }

    /// The read that this request asks for. None is no refusal: the router knows.
    pub(super) fn find<B>(&self, request: &Request<B>) -> Option<Found<'_>> {
        let Direct { state, paths } = self.direct.as_deref()?;
        let (operation, segments) = match *request.method() {
            Method::GET => read_at(paths, request.uri().path())?,
            _ => return None,
        };
        Some(Found { state, operation, segments })
    }

    /// Answers any request.
    pub(super) async fn route(&self, request: Request<Body>) -> Response {
        let Ok(response) = self.router.clone().oneshot(request).await;
        response
    }
}

impl<'a> Found<'a> {
    /// Answers it. What is not needed any more is let go of at once: the state of what comes next is moved as a whole.
    pub(super) fn answer(self, head: Parts, connected: Connected) -> impl Future<Output = Response> + use<'a> {
        let Found { state, operation, segments } = self;
        let Parts { method, uri, headers, .. } = head;
        async move {
            let edge = &state.edge;
            let (mut arrived, ids) = edge.arrive(&method, &uri, &headers);
            let (headers, segments, connected) = (Sent::of(headers), Some(segments), Some(connected));
            let mut asked = Asked { uri: &uri, headers, segments, connected, body: None };
            let answered =
                edge.answered(&mut arrived, &ids, &method, &uri, || call::operate(state, operation, &ids, &mut asked));
            let answered = answered.await;
            edge.leave(arrived, ids, &method, &uri, answered).await
        }
    }
}

/// Paths of the table, and others beside it.
fn paths(others: impl Iterator<Item = &'static str>) -> Reads {
    // Also those that are not read: of two patterns that fit a path the more exact one must win here, too.
    let mut known: Vec<&str> = operations().iter().map(|operation| operation.path).chain(others).collect();
    known.sort_unstable();
    known.dedup();
    let mut paths = Paths::new();
    for path in known {
        let read = operations().iter().find(|operation| operation.path == path && operation.verb == Verb::Get);
        paths.insert(path, read).expect("invariant: the router has the same paths");
    }
    paths
}

/// The operation that reads a path, and the path's variable segments. A path that must be decoded, or has an empty segment,
/// is the router's.
fn read_at(paths: &Reads, path: &str) -> Option<(&'static Operation, (String, String))> {
    if path.contains('%') || path.contains("//") {
        return None;
    }
    let found = paths.at(path).ok()?;
    let mut values = found.params.iter().map(|(_, value)| value.to_owned());
    let segments = (values.next().unwrap_or_default(), values.next().unwrap_or_default());
    Some(((*found.value)?, segments))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path with these texts in place of its variable segments.
    fn concrete(path: &str, mut values: &[&str]) -> String {
        let mut of = |segment: &str| match (segment.starts_with('{'), values) {
            (true, [first, rest @ ..]) => {
                values = rest;
                (*first).to_owned()
            }
            (true, []) | (false, _) => segment.to_owned(),
        };
        path.split('/').map(&mut of).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn every_read_of_the_table_is_found_with_its_segments_and_nothing_else_is() {
        let paths = paths(["/mcp/readonly"].into_iter());
        for operation in operations() {
            let path = concrete(operation.path, &["first", "second"]);
            let found = read_at(&paths, &path).map(|(found, segments)| (found.id, segments));
            let reads = |known: &&Operation| known.path == operation.path && known.verb == Verb::Get;
            let want = operations().iter().find(reads).map(|known| known.id);
            assert_eq!(found.as_ref().map(|(id, _)| *id), want, "{path}");
            if let Some((_, (first, second))) = found {
                let variables = operation.path.matches('{').count();
                assert_eq!((first == "first", second == "second"), (variables > 0, variables > 1), "{path}");
            }
        }
        for path in
            ["/mcp/readonly", "/api/queue/a%20b", "/api/queue//", "/api/runs//events", "/api/nothing", "/api/queue/a/b"]
        {
            assert!(read_at(&paths, path).is_none(), "{path}");
        }
    }
}
