//! One request to one operation: who asks, what was sent, and how long anybody waits.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Uri};
use axum::response::Response;
use cortexpilot_core::app::Failure;
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::principal::{Caller, Principal, StatedRole, Surface};
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::StoreError;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use super::edge::Answered;
use super::error::Refused;
use super::ids::RequestIds;
use super::query::Query;
use super::serve::Connected;
use super::spare::Sent;
use super::table::{Access, Effect, Operation, Verb};
use super::{HttpState, agents, body, not_part, receipt};
use crate::auth::{Auth, Unidentified};

/// The largest body that is read, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// The largest body of somebody who is not signed in yet, in bytes: a token or the secret of a one-time address, and white
/// space. Nobody waits for a turn to sign in, so this times the connections there can be is all that such bodies hold.
const OPEN_BODY_BYTES_MAX: usize = 8 * 1024;

/// The header in which a caller states the role it acts in.
pub(crate) const ROLE_HEADER: &str = "x-cortexpilot-role";

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until its body has come whole; then it is 408.
    pub body: Duration,
    /// Until its answer is there; then it is 503. A command goes on all the same: its outcome is not known to the caller,
    /// and half a command is worse.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: Duration::from_secs(10), answer: Duration::from_secs(30) }
    }
}

/// A request as its handler gets it: everything about it judged that needs no rule.
pub(crate) struct Call {
    pub(crate) state: Arc<HttpState>,
    /// Who asks. Without a principal where the operation is open and no token came.
    pub(crate) caller: Arc<Caller>,
    /// The role stated in the header.
    pub(crate) role: StatedRole,
    /// The path's first variable segment, decoded once; empty where the path has none.
    pub(crate) segment: String,
    /// The path's second variable segment, likewise.
    pub(crate) second: String,
    /// The query, which holds no parameter that the operation does not take.
    pub(crate) query: Query,
    /// The headers that were sent.
    pub(crate) headers: Sent,
    /// A receipt beside the acknowledgement would be welcome, if it is there by then: what was done must be answered as done.
    pub(crate) receipt_by: Option<Instant>,
    /// The connection that the request came on; none where there is no connection.
    pub(crate) connected: Option<Connected>,
    body: Bytes,
}

impl Call {
    /// The body as a type.
    pub(crate) fn body<T: serde::de::DeserializeOwned>(&self) -> Result<T, Refused> {
        body::parse(&self.body)
    }
}

/// What an answer was given to whom; put on the response for the log and the counters.
#[derive(Debug, Clone)]
pub(crate) struct Handled {
    pub(crate) operation: &'static str,
    pub(crate) whom: Whom,
}

/// Whom an answer was given to.
#[derive(Debug, Clone)]
pub(crate) enum Whom {
    Caller(Arc<Caller>),
    /// A principal, if one is known.
    Named(Option<String>),
}

impl Handled {
    /// The principal's id, if it is known.
    pub(crate) fn principal(&self) -> Option<&str> {
        match &self.whom {
            Whom::Caller(caller) => caller.principal.as_ref().map(|principal| &*principal.id),
            Whom::Named(id) => id.as_deref(),
        }
    }
}

/// Nobody, over HTTP.
pub(crate) fn nobody() -> Caller {
    Caller { principal: None, surface: Surface::Http }
}

/// Answers a request whose path is known; `operations` are those of this path.
///
/// What few requests need is boxed: the state of this function is allocated for each, and where it is larger than what the
/// allocator keeps at hand, that costs more than everything else here.
pub(crate) fn dispatch(
    state: Arc<HttpState>,
    operations: Arc<[&'static Operation]>,
    request: Request,
) -> impl Future<Output = Response> + Send {
    let ids = ids_of(&request, &state);
    let (mut parts, body) = request.into_parts();
    async move {
        // The router lets a variable segment be empty; here such a path names nothing.
        if parts.uri.path().contains("//") {
            return Box::pin(not_found(state, Request::from_parts(parts, body))).await;
        }
        let wanted = if parts.method == Method::HEAD { Method::GET } else { parts.method.clone() };
        let Some(operation) = operations.iter().find(|operation| operation.verb.as_str() == wanted.as_str()) else {
            return Box::pin(wrong_method(&state, &operations, &parts)).await.render(&ids, &nobody());
        };
        let segments = match operation.path.contains('{') {
            true => segments(&mut parts),
            false => Some((String::new(), String::new())),
        };
        let connected = parts.extensions.get::<Connected>().cloned();
        let headers = Sent::of(std::mem::take(&mut parts.headers));
        let mut asked = Asked { uri: &parts.uri, headers, segments, connected, body: Some(body) };
        let Answered { mut response, handled } = operate(&state, operation, &ids, &mut asked).await;
        if let Some(handled) = handled {
            response.extensions_mut().insert(handled);
        }
        response
    }
}

/// A request whose operation is known.
pub(super) struct Asked<'a> {
    pub(super) uri: &'a Uri,
    pub(super) headers: Sent,
    /// The path's variable segments, decoded, or none where they are no text.
    pub(super) segments: Option<(String, String)>,
    pub(super) connected: Option<Connected>,
    /// None where nobody would read it.
    pub(super) body: Option<Body>,
}

/// Judges who asks, and answers.
pub(super) async fn operate(
    state: &Arc<HttpState>,
    operation: &'static Operation,
    ids: &RequestIds,
    asked: &mut Asked<'_>,
) -> Answered {
    let caller = match admit(state, operation.access, &asked.headers).await {
        Ok(caller) => caller,
        Err(refused) => return Answered { response: refused.render(ids, &nobody()), handled: None },
    };
    let answer = async {
        if operation.access == Access::Token {
            state.throttle.request(operation.id, &caller)?;
        }
        let body = match operation.verb {
            // What comes along all the same is nobody's to read.
            Verb::Get | Verb::Delete => Bytes::new(),
            Verb::Post => Box::pin(asked.read_body(state, operation.access, &caller)).await?,
        };
        // It begins to work when it is waited for; made first, what it needs is kept in one place alone.
        let work = (operation.handler)(asked.call(state, operation, &caller, body)?);
        let _turn = state.throttle.read(operation.id).await?;
        within(state.options.limits.answer, operation.effect, work).await
    };
    let response = answer.await.unwrap_or_else(|refused| refused.render(ids, &caller));
    let response = agents::for_reader(operation, &caller, ids, response).await;
    Answered { response, handled: Some(Handled { operation: operation.id, whom: Whom::Caller(caller) }) }
}

/// Answers a request whose path is not known.
pub(crate) async fn not_found(state: Arc<HttpState>, request: Request) -> Response {
    let (headers, ids) = (request.headers(), ids_of(&request, &state));
    // Below /api/ even what exists is only for those who are signed in.
    let asks = request.uri().path().starts_with("/api/") && request.method() != Method::OPTIONS;
    let signed_in = if asks { admit(&state, Access::Token, headers).await.map(|_| ()) } else { Ok(()) };
    let unknown =
        || not_part::at(request.method().as_str(), request.uri().path()).map_or(Refused::NoSuchPath, Refused::NotPart);
    signed_in.err().unwrap_or_else(unknown).render(&ids, &nobody())
}

/// The ids that the edge gave this request.
fn ids_of(request: &Request, state: &HttpState) -> Arc<RequestIds> {
    state.edge.ids_of(request)
}

/// `OPTIONS` is how a client asks for the methods, so it is told without a token.
async fn wrong_method(state: &HttpState, operations: &[&'static Operation], parts: &Parts) -> Refused {
    let needs_token = operations.iter().all(|operation| operation.access == Access::Token);
    if needs_token
        && parts.method != Method::OPTIONS
        && let Err(refused) = admit(state, Access::Token, &parts.headers).await
    {
        return refused;
    }
    if let Some(route) = not_part::with(parts.method.as_str(), parts.uri.path()) {
        return Refused::NotPart(route);
    }
    let allow: Vec<&str> = operations.iter().map(|operation| operation.verb.as_str()).collect();
    Refused::NoSuchMethod { allow: allow.join(", ") }
}

/// Who asks. Where a token is needed and its owner cannot be found out, nobody passes.
async fn admit(state: &HttpState, access: Access, headers: &HeaderMap) -> Result<Arc<Caller>, Refused> {
    // Who is known by configuration needs no copy, and nobody has to wait for it.
    if let Some(caller) = state.auth.known_caller(headers) {
        return Ok(caller);
    }
    match (Box::pin(identify(&state.auth, state.options.limits.answer, headers)).await, access) {
        (Ok(principal), Access::Open | Access::Token) => {
            Ok(Arc::new(Caller { principal: Some(principal), surface: Surface::Http }))
        }
        (Err(_), Access::Open) => Ok(Arc::new(nobody())),
        (Err(refused), Access::Token) => Err(refused),
    }
}

/// Whose token this is. A store that does not answer in time knows nobody.
///
/// # Errors
/// The refusal to answer with when it is nobody's, or when that cannot be found out.
pub(crate) async fn identify(auth: &Auth, within: Duration, headers: &HeaderMap) -> Result<Principal, Refused> {
    let identified = in_time(within, pin!(auth.identify(headers))).await;
    let identified = identified.unwrap_or_else(|_| {
        Err(Unidentified::Unread(StoreError::Unavailable("it did not say in time whose token this is".to_owned())))
    });
    identified.map_err(unidentified)
}

/// Why nobody is let in, as it is answered.
pub(super) fn unidentified(why: Unidentified) -> Refused {
    match why {
        Unidentified::Unread(error) => error.into(),
        Unidentified::Missing
        | Unidentified::Unknown
        | Unidentified::Expired
        | Unidentified::Revoked
        | Unidentified::SessionOver => {
            let mut denial = Denial::new(why.code(), why.reason());
            denial.next_step = why.next_step().map(str::to_owned);
            Failure::Denied(denial).into()
        }
    }
}

impl Asked<'_> {
    async fn read_body(&mut self, state: &HttpState, access: Access, caller: &Caller) -> Result<Bytes, Refused> {
        if self.segments.is_none() {
            return Err(Refused::NoSuchPath);
        }
        let _turn = state.throttle.body(caller).await?;
        let most = match access {
            Access::Open => OPEN_BODY_BYTES_MAX,
            Access::Token => BODY_BYTES_MAX,
        };
        read_body(state, &self.headers, self.body.take().unwrap_or_default(), most).await
    }

    /// Hands over what was sent.
    fn call(
        &mut self,
        state: &Arc<HttpState>,
        operation: &'static Operation,
        caller: &Arc<Caller>,
        body: Bytes,
    ) -> Result<Call, Refused> {
        let (segment, second) = self.segments.take().ok_or(Refused::NoSuchPath)?;
        let query = Query::parse(self.uri, operation.query)?;
        let (headers, connected) = (std::mem::take(&mut self.headers), self.connected.take());
        let role = stated_role(&headers);
        let receipt_by =
            receipt::preferred(&headers).then(|| Instant::now() + state.options.limits.answer.mul_f64(0.9));
        let (state, caller) = (state.clone(), caller.clone());
        Ok(Call { role, state, caller, segment, second, query, headers, connected, receipt_by, body })
    }
}

/// The path's variable segments. One that is no UTF-8 once decoded names nothing here.
fn segments(parts: &mut Parts) -> Option<(String, String)> {
    // The router has them ready.
    let params = RawPathParams::from_request_parts(parts, &()).now_or_never().and_then(Result::ok)?;
    let mut values = params.iter().map(|(_, value)| value.to_owned());
    Some((values.next().unwrap_or_default(), values.next().unwrap_or_default()))
}

/// The stated role. Two role headers, or one that is no text, state no role that could be held.
fn stated_role(headers: &HeaderMap) -> StatedRole {
    const NAME: HeaderName = HeaderName::from_static(ROLE_HEADER);
    let mut roles = headers.get_all(NAME).iter();
    match (roles.next(), roles.next()) {
        (None, _) => StatedRole::Absent,
        (Some(role), None) => role.to_str().map_or(StatedRole::Unreadable, |role| StatedRole::read(Some(role))),
        (Some(_), Some(_)) => StatedRole::Unreadable,
    }
}

/// Reads a whole body of bounded size within bounded time, then looks at what it says it is.
async fn read_body(state: &HttpState, headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Refused> {
    let collected = tokio::time::timeout(state.options.limits.body, collect(body, most)).await;
    let bytes = collected.map_err(|_| {
        let said = "The body did not come whole in time. Nothing was changed.";
        Refused::Coded(ErrorCode::RequestTimeout, said.into())
    })??;
    body::check_declared(headers, &bytes)?;
    Ok(bytes)
}

async fn collect(body: Body, most: usize) -> Result<Bytes, Refused> {
    // A length that was announced is refused before a byte of it is asked for.
    fits(body.size_hint().lower(), most)?;
    let mut chunks = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refused::form("The body broke off. Nothing was changed."))?;
        fits((whole.len() + chunk.len()) as u64, most)?;
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.into())
}

fn fits(bytes: u64, most: usize) -> Result<(), Refused> {
    if bytes <= most as u64 {
        return Ok(());
    }
    let said = format!("The body is larger than {} KiB. Nothing was changed.", most / 1024);
    Err(Refused::Coded(ErrorCode::BodyTooLarge, said))
}

/// [`tokio::time::timeout`] for what is nearly always ready at once: a timer is made only where something must be waited for.
async fn in_time<F: Future + Unpin>(limit: Duration, mut work: F) -> Result<F::Output, Elapsed> {
    match std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut work).poll(cx))).await {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Box::pin(tokio::time::timeout(limit, work)).await,
    }
}

/// Waits for an answer, but not for ever.
async fn within<F>(limit: Duration, effect: Effect, mut work: F) -> Result<Response, Refused>
where
    F: Future<Output = Result<Response, Refused>> + Send + Unpin + 'static,
{
    if let Ok(answer) = in_time(limit, &mut work).await {
        return answer;
    }
    match effect {
        Effect::Read => {
            let said = "The answer was not there in time. Nothing was changed.";
            Err(Refused::Coded(ErrorCode::StoreUnavailable, said.into()))
        }
        Effect::Write => {
            tokio::spawn(work);
            let said = "The answer was not there in time: whether the change was made is not known yet.";
            Err(Refused::Coded(ErrorCode::OutcomeUnknown, said.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state<A, B, C, F: Future>(_: impl FnOnce(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// What the GNU allocator keeps at hand for each thread is up to 1,032 bytes long.
    #[test]
    fn what_a_request_takes_is_allocated_cheaply() {
        let size = state(dispatch);
        assert!(size <= 1032, "{size}");
    }
}
