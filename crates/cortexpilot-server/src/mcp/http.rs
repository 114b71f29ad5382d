//! The protocol over HTTP ("Streamable HTTP"): our layer before the protocol library's service.
//!
//! A request passes, in this order: its names and its Host (as on the control plane), its Origin, whatever its method; its
//! token; how many messages its principal may send; its size and its declared type; the raw scan that standard input goes
//! through as well. Only then does the library see a message, written anew, and what a handler reads itself travels beside
//! it. Answers before the message counts are those of the control plane; answers to the message are the protocol's own.
//!
//! There are no sessions: each request stands for itself and is the doing of whoever's token it carries. So a server never
//! asks a client anything by itself here, and `GET` and `DELETE`, which only sessions have, are not taken. Only a fixture
//! for protocol tests switches sessions on; one of those is not bound to a principal.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use cortexpilot_core::app::{App, Failure};
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::principal::{Principal, PrincipalKind};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::Ids;
use futures_util::future::BoxFuture;
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use super::inbound::{CallRecord, Channel, HttpCaller};
use super::pilot::PilotTools;
use super::readonly::ReadOnlyTools;
use super::scan::{INTERNAL_ERROR, Refusal, RequestId};
use super::{Effect, ToolServer};
use crate::auth::Auth;
use crate::http::call::{Handled, Whom, identify, nobody};
use crate::http::edge::Edge;
use crate::http::error::Refused;
use crate::http::ids::RequestIds;
use crate::http::serve::Connected;
use crate::http::{AllowedHosts, with_edge};

mod admission;
mod answer;
mod headers;
mod message;

pub use admission::McpLimits;

use admission::{Admission, Full, Place};
use answer::Answered;
use message::Message;

/// The path of the read-only server.
pub const READONLY_PATH: &str = "/mcp/readonly";

/// The path of the queue pilot.
pub const PILOT_PATH: &str = "/mcp/queue-pilot";

/// The id that the library sees in place of one that it cannot represent.
const STAND_IN: &str = "0";

/// Whom an endpoint serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody who is signed in.
    Everybody,
    /// Agents alone: what only an agent may do must not be done with an operator's rights.
    Agents,
}

/// Whether an endpoint keeps sessions for clients of the versions before 2026-07-28.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// No: each request stands for itself. What the product serves.
    Off,
    /// Yes. For protocol tests: a session is not bound to whoever opened it.
    On,
}

/// What an endpoint is made with, beside what it offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct McpOptions {
    /// Its name in logs and counters.
    pub name: &'static str,
    /// Whom it serves.
    pub audience: Audience,
    /// Whether it keeps sessions.
    pub sessions: Sessions,
    /// How much anybody may have under way.
    pub limits: McpLimits,
}

impl McpOptions {
    /// For everybody who is signed in, without sessions, under the usual limits.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, audience: Audience::Everybody, sessions: Sessions::Off, limits: McpLimits::default() }
    }
}

type Library = Box<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

/// An MCP server that can be mounted at a path. Cheap to clone; all clones share one set of limits.
#[derive(Clone)]
pub struct McpService {
    shared: Arc<Shared>,
}

struct Shared {
    options: McpOptions,
    behind: Library,
    /// Which tools there are and what they may do; `None` for a handler that is not ours, which gets whole messages.
    tools: Option<ToolServer>,
    admission: Admission,
}

impl fmt::Debug for McpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpService").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl McpService {
    /// The read-only server: whoever is signed in may read.
    pub fn readonly(tools: ReadOnlyTools, limits: McpLimits) -> Self {
        let options = McpOptions { limits, ..McpOptions::new("mcp_readonly") };
        mcp_service(ToolServer::new(tools), options)
    }

    /// The queue pilot: each agent acts as itself, and nobody else is served.
    pub fn queue_pilot(app: Arc<App>, limits: McpLimits) -> Self {
        let options = McpOptions { audience: Audience::Agents, limits, ..McpOptions::new("mcp_queue_pilot") };
        mcp_service(ToolServer::new(PilotTools::over_http(app)), options)
    }
}

/// Serves these tools over HTTP.
pub fn mcp_service(server: ToolServer, options: McpOptions) -> McpService {
    McpService::over(server.clone(), Some(server), options)
}

/// Serves any handler of the protocol library over the same layer. It reads the library's values instead of the client's
/// bytes, so nothing that decides may be built on it: this is for fixtures of protocol tests.
pub fn mcp_service_of<H>(handler: H, options: McpOptions) -> McpService
where
    H: ServerHandler + Clone + Send + Sync + 'static,
{
    McpService::over(handler, None, options)
}

/// Endpoints without a control plane around them, each at its path; every other path is not found.
pub fn mcp_router(
    endpoints: Vec<(&'static str, McpService)>,
    auth: Auth,
    hosts: AllowedHosts,
    ids: Arc<dyn Ids>,
) -> Router {
    let edge = Arc::new(Edge::new(hosts, ids));
    let mut router = Router::new();
    for (path, service) in endpoints {
        router = router.route(path, service.at(auth.clone(), edge.clone()));
    }
    let elsewhere = edge.clone();
    let not_found = move |request: Request| {
        let ids = elsewhere.ids_of(&request);
        async move { Refused::NoSuchPath.render(&ids, &nobody()) }
    };
    with_edge(router.fallback(not_found), edge)
}

impl McpService {
    fn over<H>(handler: H, tools: Option<ToolServer>, options: McpOptions) -> Self
    where
        H: ServerHandler + Clone + Send + Sync + 'static,
    {
        // Host, Origin and size are judged before, and for every method. What an answer is made of is known before it is
        // sent, so one message goes as plain JSON.
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(options.sessions == Sessions::On)
            .with_json_response(true)
            .with_max_request_body_bytes(super::scan::MAX_MESSAGE_BYTES)
            .disable_allowed_hosts()
            .disable_allowed_origins();
        let make = move || Ok(handler.clone());
        let behind: Library = match options.sessions {
            Sessions::Off => {
                library(StreamableHttpService::new(make, Arc::new(NeverSessionManager::default()), config))
            }
            Sessions::On => library(StreamableHttpService::new(make, Arc::new(LocalSessionManager::default()), config)),
        };
        let admission = Admission::new(options.limits);
        Self { shared: Arc::new(Shared { options, behind, tools, admission }) }
    }

    /// The route of this endpoint.
    pub(crate) fn at(self, auth: Auth, edge: Arc<Edge>) -> axum::routing::MethodRouter {
        any(move |request: Request| handle(self.clone(), auth.clone(), edge.clone(), request))
    }
}

fn library<H, M>(service: StreamableHttpService<H, M>) -> Library
where
    H: ServerHandler + Send + 'static,
    M: rmcp::transport::streamable_http_server::SessionManager,
{
    Box::new(move |request| {
        let service = service.clone();
        Box::pin(async move { service.handle(request).await.map(Body::new) })
    })
}

/// Why a request is not answered by the library: as the control plane says it, or as the protocol does.
enum Stopped {
    Before(Box<Refused>),
    Message(Box<Response>),
}

impl Stopped {
    fn with(response: Response) -> Self {
        Self::Message(Box::new(response))
    }
}

impl From<Refused> for Stopped {
    fn from(refused: Refused) -> Self {
        Self::Before(Box::new(refused))
    }
}

impl From<Full> for Stopped {
    fn from(full: Full) -> Self {
        let mut denial = Denial::new(ErrorCode::RateLimited, full.reason());
        denial.retry_after_s = Some(full.retry_after_s());
        denial.next_step = Some("Wait as many seconds as retry_after_s says, then send it once more.".to_owned());
        Self::Before(Box::new(Failure::Denied(denial).into()))
    }
}

async fn handle(service: McpService, auth: Auth, edge: Arc<Edge>, request: Request) -> Response {
    let ids = edge.ids_of(&request);
    let mut principal = None;
    let record = CallRecord::default();
    let answered = service.shared.answer(&auth, &edge, &ids, &mut principal, &record, request).await;
    let mut response = answered.unwrap_or_else(|stopped| match stopped {
        Stopped::Before(refused) => refused.render(&ids, &nobody()),
        Stopped::Message(response) => *response,
    });
    let name = service.shared.options.name;
    if let Some((tool, outcome)) = record.outcome() {
        edge.counters().count_call(name, tool, outcome);
        tracing::info!(request_id = %ids.request_id, server = name, tool, outcome, "mcp call");
    }
    response.extensions_mut().insert(Handled { operation: name, whom: Whom::Named(principal) });
    response
}

impl Shared {
    async fn answer(
        &self,
        auth: &Auth,
        edge: &Edge,
        ids: &RequestIds,
        named: &mut Option<String>,
        record: &CallRecord,
        request: Request,
    ) -> Result<Response, Stopped> {
        let (mut parts, body) = request.into_parts();
        // Whatever the method: a page of another site has no business here, not even with a read.
        if !edge.hosts().origin_is_ours(&parts.headers) {
            let code = ErrorCode::OriginNotAllowed;
            return Err(Refused::Coded(code, code.row().meaning.to_owned()).into());
        }
        let methods: &[Method] = match self.options.sessions {
            Sessions::Off => &[Method::POST],
            Sessions::On => &[Method::POST, Method::GET, Method::DELETE],
        };
        let wrong_method = || {
            let allow: Vec<&str> = methods.iter().map(Method::as_str).collect();
            Refused::NoSuchMethod { allow: allow.join(", ") }
        };
        // How a client asks for the methods, so it is told without a token, as on the control plane.
        if parts.method == Method::OPTIONS {
            return Err(wrong_method().into());
        }
        let principal = identify(auth, self.options.limits.answer, &parts.headers).await?;
        *named = Some(principal.id.clone());
        self.serves(&principal)?;
        if !methods.contains(&parts.method) {
            return Err(wrong_method().into());
        }
        self.admission.message(&principal.id)?;
        // No token goes any further: what it stood for is known.
        let token = take_tokens(&mut parts.headers);
        let connected = parts.extensions.get::<Connected>().cloned();
        let caller = Arc::new(HttpCaller { principal, request_id: ids.request_id.to_string() });
        let message = match parts.method {
            Method::POST => self.message(&parts.headers, body).await?,
            // A session's own stream, and its end.
            _ => Message { id: None, text: Bytes::new(), beside: None, effect: Effect::Read, streams: true },
        };
        let place = match message.streams {
            true => self.admission.stream(&caller.principal.id)?,
            false => self.admission.call(&caller.principal.id).await?,
        };
        let (id, stands_in) = match message.id {
            Some((id, stands_in)) => (Some(id), stands_in),
            None => (None, false),
        };
        for name in [CONTENT_LENGTH, TRANSFER_ENCODING] {
            parts.headers.remove(name);
        }
        if let Some(raw) = message.beside {
            parts.extensions.insert(raw);
        }
        parts.extensions.insert(Channel::Http(caller.clone()));
        parts.extensions.insert(record.clone());
        let working = (self.behind)(Request::from_parts(parts, Body::from(message.text)));
        let told = self.wait(working, message.effect, connected.clone(), id.as_ref()).await?;
        match answer::read(told, id.as_ref()).await {
            Answered::Whole(whole) => {
                let whole = match &id {
                    Some(id) if stands_in => whole.map(|bytes| restore(&bytes, id)),
                    Some(_) | None => whole,
                };
                Ok(answer::holding(whole, place))
            }
            Answered::Stream(stream) => {
                let place = self.stream_place(place, message.streams, &caller.principal.id)?;
                let ends = ends(connected, auth.clone(), token, self.options.limits);
                Ok(answer::streaming(stream, place, ends))
            }
        }
    }

    fn serves(&self, principal: &Principal) -> Result<(), Refused> {
        match (self.options.audience, principal.kind) {
            (Audience::Everybody, _) | (Audience::Agents, PrincipalKind::Agent) => Ok(()),
            (Audience::Agents, PrincipalKind::Operator | PrincipalKind::Worker | PrincipalKind::Anonymous) => {
                let said = format!(
                    "The queue pilot serves agents, and this principal is of kind {}. Nothing was changed.",
                    principal.kind.as_str()
                );
                let mut denial = Denial::new(ErrorCode::ScopeForbidden, said);
                denial.next_step = Some("Send an agent's personal token; an operator makes it.".to_owned());
                Err(Failure::Denied(denial).into())
            }
        }
    }

    /// A call that turned out to answer with a stream takes a stream's place and gives its own back.
    fn stream_place(&self, place: Place, has_one: bool, principal: &str) -> Result<Place, Full> {
        if has_one { Ok(place) } else { self.admission.stream(principal) }
    }

    /// Waits for the library, but not for ever, and for what only reads not longer than its client does.
    async fn wait(
        &self,
        mut working: BoxFuture<'static, Response>,
        effect: Effect,
        connected: Option<Connected>,
        id: Option<&RequestId>,
    ) -> Result<Response, Stopped> {
        let gone = async {
            match (effect, connected) {
                (Effect::Read, Some(mut connected)) => connected.gone().await,
                (Effect::Read, None) | (Effect::Append, _) => std::future::pending().await,
            }
        };
        let waited = tokio::select! {
            biased;
            answered = tokio::time::timeout(self.options.limits.answer, &mut working) => answered.ok(),
            // Dropping the work is how the handler learns of it; nobody reads this answer.
            () = gone => return Err(Stopped::with(StatusCode::NO_CONTENT.into_response())),
        };
        if let Some(answered) = waited {
            return Ok(answered);
        }
        let said = match effect {
            Effect::Read => "The answer was not there in time. Nothing was changed.",
            Effect::Append => {
                tokio::spawn(working);
                "The answer was not there in time: whether the call was carried out is not known yet. Call again with the \
                 same arguments and the same idempotency_key."
            }
        };
        Err(Stopped::with(answer::error(StatusCode::OK, id, INTERNAL_ERROR, said)))
    }
}

/// Puts the client's id where the library's answer has the one that stood in for it.
fn restore(answer: &Bytes, id: &RequestId) -> Bytes {
    let stood_in = format!(r#"{{"jsonrpc":"2.0","id":{STAND_IN},"#);
    match answer.strip_prefix(stood_in.as_bytes()) {
        Some(rest) => [format!(r#"{{"jsonrpc":"2.0","id":{id},"#).as_bytes(), rest].concat().into(),
        None => {
            tracing::error!("the protocol library's answer begins in a way that is not known");
            Refusal { id: Some(id.clone()), code: INTERNAL_ERROR, message: "The server had an internal error.".into() }
                .to_json()
                .into()
        }
    }
}

/// Takes what a token may stand in out of the headers.
fn take_tokens(headers: &mut HeaderMap) -> HeaderMap {
    let mut taken = HeaderMap::new();
    for name in [AUTHORIZATION, COOKIE] {
        for value in headers.get_all(&name) {
            taken.append(name.clone(), value.clone());
        }
        headers.remove(&name);
    }
    taken
}

/// When a stream must end: with the server, or when its token counts no longer. Where that cannot be found out it does not
/// count.
async fn ends(connected: Option<Connected>, auth: Auth, token: HeaderMap, limits: McpLimits) {
    let stopping = async {
        match connected {
            Some(mut connected) => connected.stopping().await,
            None => std::future::pending().await,
        }
    };
    let revoked = async {
        loop {
            tokio::time::sleep(limits.recheck).await;
            if identify(&auth, limits.answer, &token).await.is_err() {
                tracing::info!("a stream ends because its token counts no longer");
                return;
            }
        }
    };
    tokio::select! { () = stopping => {} , () = revoked => {} }
}
