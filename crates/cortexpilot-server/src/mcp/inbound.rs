//! From a judged message to what the protocol library is given: on every transport the same.
//!
//! The library never sees the client's message. It gets a request that is written anew, with the members of `params` that
//! it needs and no other, so that what nobody reads can neither be misread nor harm anybody. What a handler reads itself
//! travels beside it as the client's own bytes ([`super::scan::RawCall`]), and so does who sent it ([`Channel`]).

use std::sync::{Arc, OnceLock};

use axum::http::request::Parts;
use cortexpilot_core::domain::principal::Principal;
use cortexpilot_core::error::ErrorCode;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, Extensions, GetExtensions, JsonRpcMessage};

use super::ToolAnswer;
use super::scan::{self, INVALID_PARAMS, Refusal};

/// How a request came, and whose doing it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// Over a pair of byte streams, such as standard input and output: whatever comes is the doing of whoever the process
    /// acts as.
    Lines,
    /// Over HTTP: it is the doing of whoever's token it carries.
    Http(Arc<HttpCaller>),
}

/// Who sent a request over HTTP, as its token established it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCaller {
    /// Whose token it was.
    pub principal: Principal,
    /// The name under which the request is found in logs, and which its HTTP answer carries as well.
    pub request_id: String,
}

/// How a call went, noted by whoever carried it out for whoever counts. Both words are ours, so they can be labels.
#[derive(Debug, Clone, Default)]
pub(super) struct CallRecord(Arc<OnceLock<(&'static str, &'static str)>>);

impl CallRecord {
    /// Takes note of a call's answer. The first note stays.
    pub(super) fn note(&self, tool: &'static str, answer: &ToolAnswer) {
        let code = answer.json().get("code").and_then(|code| code.as_str()).unwrap_or_default();
        let known = ErrorCode::ALL.iter().map(|known| known.as_str()).find(|known| *known == code);
        let outcome = if answer.is_error() { known.unwrap_or("error") } else { "ok" };
        let _ = self.0.set((tool, outcome));
    }

    /// The tool, and `ok` or the code that it answered with; `None` where no tool was reached.
    pub(super) fn outcome(&self) -> Option<(&'static str, &'static str)> {
        self.0.get().copied()
    }
}

/// What a transport put beside a request. Over HTTP the library hands on the whole head of the request, and what was put
/// beside it stands in there.
pub(super) fn beside<T: Clone + Send + Sync + 'static>(extensions: &Extensions) -> Option<&T> {
    extensions.get::<T>().or_else(|| extensions.get::<Parts>()?.extensions.get::<T>())
}

/// The members of `params` that the protocol library needs of each method we serve. The rest stays here: arguments
/// travel as raw bytes, and a member of a wrong type in a place nobody reads harms nobody.
fn members_for_library(method: &str) -> Option<&'static [&'static str]> {
    match method {
        "initialize" => Some(&["_meta", "protocolVersion", "capabilities", "clientInfo"]),
        "ping" | "server/discover" => Some(&["_meta"]),
        "tools/list" | "resources/list" | "resources/templates/list" | "prompts/list" => Some(&["_meta", "cursor"]),
        "tools/call" => Some(&["_meta", "name"]),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some(&["_meta", "uri"]),
        "subscriptions/listen" => Some(&["_meta", "notifications"]),
        "prompts/get" => Some(&["_meta", "name", "arguments"]),
        "completion/complete" => Some(&["_meta", "ref", "argument", "context"]),
        _ => None,
    }
}

/// Whether the version that the request says it is under has no such method any more. Then it is not found whatever its
/// params are, which the library says of a method that it does not know.
fn is_gone(request: &scan::Request<'_>) -> bool {
    let method = request.method.as_str();
    if !matches!(method, "initialize" | "ping" | "resources/subscribe" | "resources/unsubscribe") {
        return false;
    }
    #[derive(serde::Deserialize)]
    struct Meta<'a> {
        #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
        version: Option<std::borrow::Cow<'a, str>>,
    }
    let meta = request.param("_meta").and_then(|raw| serde_json::from_str::<Meta<'_>>(raw).ok());
    // Versions are dates, so text order is their order.
    meta.and_then(|meta| meta.version).is_some_and(|version| *version >= *"2026-07-28")
}

/// The request as the protocol library takes it, as JSON text, under `id`, which is JSON text as well.
pub(super) fn text_for_library(request: &scan::Request<'_>, id: &str) -> String {
    let served = members_for_library(&request.method);
    let method = serde_json::Value::from(request.method.as_str());
    let mut text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method}"#);
    if request.params.is_some() {
        text.push_str(r#","params":{"#);
        let members = served.unwrap_or(&["_meta"]).iter();
        for (index, (name, raw)) in members.filter_map(|name| Some((name, request.param(name)?))).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            text.push_str(&format!(r#"{comma}"{name}":{raw}"#));
        }
        text.push('}');
    }
    text.push('}');
    text
}

/// The request as the protocol library takes it: under `id`, only the members it needs. `beside` puts into its extensions
/// what a handler finds there.
///
/// # Errors
/// The refusal to answer with when `params` are not what the method takes.
pub(super) fn for_library(
    request: &scan::Request<'_>,
    id: &str,
    beside: impl FnOnce(&mut Extensions),
) -> Result<ClientJsonRpcMessage, Refusal> {
    let text = text_for_library(request, id);
    let refusal = || Refusal {
        id: Some(request.id.clone()),
        code: INVALID_PARAMS,
        message: "The params are not what this method takes.".into(),
    };
    let mut message = serde_json::from_str::<ClientJsonRpcMessage>(&text).map_err(|_| refusal())?;
    let JsonRpcMessage::Request(inner) = &mut message else {
        return Err(refusal());
    };
    // Params of a wrong type do not fail in the library: they fall through to "some custom method", which would be
    // answered with "method not found". A cursor of a wrong type is even taken for none.
    let misfit = matches!(inner.request, ClientRequest::CustomRequest(_));
    let cursor_fits = |raw: &str| raw == "null" || raw.starts_with('"');
    let served = members_for_library(&request.method).is_some() && !is_gone(request);
    if served && (misfit || !request.param("cursor").is_none_or(cursor_fits)) {
        return Err(refusal());
    }
    beside(inner.request.extensions_mut());
    Ok(message)
}
