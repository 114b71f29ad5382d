//! The operator HTTP control plane: every operation stands in one table ([`operations`]), from which the router and its
//! OpenAPI document ([`document`]) are built.
//!
//! A request passes, in this order: its names (request and trace id), the Host and Origin rules, the path, its token, its
//! body and query, and then the one [`App`]. Nothing here decides anything about the queue.
//!
//! Lists are plain arrays, as existing clients know them. With `limit` or `cursor` they are pages, `{"items": […],
//! "next_cursor": …}`, where `next_cursor` is null on the last one (a run's events: with `cursor` only, which may be blank
//! for the first page). What could not be read is named beside what could: as the member `problems` of a page, as the
//! header [`PROBLEMS_HEADER`] of a plain array.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::any;
use cortexpilot_core::app::App;

use crate::auth::Auth;
use crate::mcp::http::McpService;
use crate::wire::config::Configuration;
use crate::wire::governance::Started;
use edge::Edge;

mod agents;
mod approvals;
mod body;
pub(crate) mod call;
mod config;
mod console;
mod cors;
mod csrf;
mod direct;
mod docs;
pub(crate) mod edge;
pub(crate) mod error;
mod govern;
mod gzip;
mod health;
mod hosts;
pub(crate) mod ids;
mod intervene;
mod json;
mod kept;
mod ledger;
mod list;
mod metrics;
mod not_part;
mod openapi;
mod query;
mod queue;
mod receipt;
mod run_files;
mod run_views;
mod runs;
mod scope;
pub(crate) mod serve;
mod session;
mod spare;
mod stream;
mod table;
mod tally;
mod throttle;
mod work;
mod workers;
mod workflows;

pub use call::{BODY_BYTES_MAX, Limits};
pub use direct::ControlPlane;
pub use hosts::{AllowedHosts, OriginProblem};
pub use list::{PROBLEM_COUNT_HEADER, PROBLEMS_HEADER};
pub use not_part::{COMPAT_PAGE, NotPart, not_part};
pub use openapi::{document, document_value};
pub use query::{LIMIT_DEFAULT, LIMIT_MAX};
pub use serve::{ServeLimits, serve, serve_with};
pub use table::{Access, Effect, Operation, Verb, operations};
pub use throttle::RequestLimits;

/// What a control plane is started with, beside its app and its tokens.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Which Host and Origin headers it answers to.
    pub hosts: AllowedHosts,
    /// The product's version.
    pub version: &'static str,
    /// How the process was configured, for operators who ask.
    pub configuration: Configuration,
    /// How long a request may take.
    pub limits: Limits,
    /// How much may be asked for.
    pub requests: RequestLimits,
    /// The MCP servers beside the control plane, each at its path. None unless somebody asks for it.
    pub mcp: Vec<(&'static str, McpService)>,
}

impl HttpOptions {
    /// Options for a server at this address with the usual limits.
    pub fn new(bound: std::net::SocketAddr, version: &'static str) -> Self {
        Self {
            hosts: AllowedHosts::bound(bound),
            version,
            configuration: Configuration::default(),
            limits: Limits::default(),
            requests: RequestLimits::default(),
            mcp: Vec::new(),
        }
    }
}

/// What every request shares.
pub(crate) struct HttpState {
    pub(crate) app: Arc<App>,
    pub(crate) auth: Auth,
    pub(crate) options: HttpOptions,
    pub(crate) edge: Arc<Edge>,
    pub(crate) throttle: throttle::Throttle,
    pub(crate) live: stream::Live,
    pub(crate) tally: tally::Tally,
    /// Since when its own settings hold, and where they come from.
    pub(crate) started: Started,
}

/// The control plane as a service. It holds every rule of the wire; [`serve`] adds only what belongs to connections.
pub fn router(app: Arc<App>, auth: Auth, options: HttpOptions) -> Router {
    control_plane(app, auth, options).into_router()
}

/// The control plane for [`serve`]: the same service, whose reads are found with less ado.
pub fn control_plane(app: Arc<App>, auth: Auth, options: HttpOptions) -> ControlPlane {
    let edge = Arc::new(Edge::of(options.hosts.clone(), app.clone()));
    let throttle = throttle::Throttle::new(options.requests);
    let live = stream::Live::new(app.reader(), &auth);
    let started = Started {
        at: app.reader().now(),
        gate_by: options.configuration.origin_of("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY"),
        policy_by: options.configuration.origin_of("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL"),
    };
    let tally = tally::Tally::default();
    let state = Arc::new(HttpState { app, auth, options, edge: edge.clone(), throttle, live, tally, started });
    let shared = state.clone();
    let (mut router, _) = table::described_router(move |known| {
        let (state, known): (_, Arc<[_]>) = (shared.clone(), known.into());
        any(move |request: Request| call::dispatch(state.clone(), known.clone(), request))
    });
    for (path, service) in &state.options.mcp {
        router = router.route(path, service.clone().at(state.auth.clone(), edge.clone()));
    }
    let elsewhere = state.clone();
    let router = with_edge(router.fallback(move |request: Request| console::serve(elsewhere.clone(), request)), edge);
    ControlPlane::of(state, router)
}

/// Puts what holds for every request around a router.
pub(crate) fn with_edge(router: Router, edge: Arc<Edge>) -> Router {
    router.layer(edge::EdgeLayer(edge))
}
