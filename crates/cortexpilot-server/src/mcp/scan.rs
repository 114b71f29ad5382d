//! One message, judged from its bytes before any JSON library turns it into a value.
//!
//! A `serde_json::Value` keeps the last of two `confirm` members, an untagged message enum turns wrong `params` into
//! "method not found", and `IgnoredAny` lets lone surrogates and any depth pass. So the bytes are read here first,
//! once and strictly, and what is passed on (id, method, members of `params`) is borrowed from those same bytes.
//! Nothing in this module knows a transport: stdio lines and HTTP bodies are the same messages.

use std::{borrow::Cow, collections::HashSet, fmt, sync::Arc};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// The largest message that is read, in bytes, without the line end. A longer one is refused unread.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// How deep arrays and objects may nest, the message object itself counting as one.
pub const MAX_DEPTH: usize = 32;

/// JSON-RPC: the bytes are not JSON.
pub const PARSE_ERROR: i32 = -32700;
/// JSON-RPC: JSON, but no message of this protocol.
pub const INVALID_REQUEST: i32 = -32600;
/// JSON-RPC: a known method with `params` it cannot take.
pub const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC: the server failed while it answered.
pub const INTERNAL_ERROR: i32 = -32603;

/// serde_json reads an object with such a member as an embedded document instead of an object: text in a string
/// would become structure that this scan never saw. No real client sends one.
const RESERVED_MEMBER_PREFIX: &str = "$serde_json::private::";

/// The id of a request as the client wrote it: the JSON text of a string or a number, echoed unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The JSON text: with quotes and escapes for a string, digits for a number.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// Any id that can be echoed. A fraction or a number beyond 64 bits is no id of this protocol, but the client
    /// that sent it waits for that very text, so a refusal can still name it.
    fn readable(raw: &str) -> Option<Self> {
        let first = *raw.as_bytes().first()?;
        (first == b'"' || first == b'-' || first.is_ascii_digit()).then(|| Self(raw.into()))
    }

    /// Whether this is an id a request may carry: a string or an integer of at most 64 bits.
    fn is_valid(&self) -> bool {
        self.0.starts_with('"') || self.0.parse::<i64>().is_ok() || self.0.parse::<u64>().is_ok()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What one message is.
#[derive(Debug)]
pub enum Scanned<'a> {
    /// A request: it gets exactly one answer.
    Request(Request<'a>),
    /// A call without an id: it gets no answer, and nothing that it names is carried out.
    Notification {
        /// The method it names.
        method: String,
        /// The JSON text of `params.requestId`: which request a `notifications/cancelled` is about.
        request_id: Option<RequestId>,
    },
    /// An answer to a question that a server asked, or to one that nobody asked: who reads it looks for its id.
    Response(Response<'a>),
    /// No message of this protocol: the error to answer with.
    Refused(Refusal),
}

/// A well-formed request. Its parts are the client's own bytes; no member occurs twice anywhere in them.
#[derive(Debug)]
pub struct Request<'a> {
    /// The id to answer with.
    pub id: RequestId,
    /// The method, decoded.
    pub method: String,
    /// The members of `params` in their order, each value as its JSON text; `None` when there are no `params`.
    pub params: Option<Vec<(String, &'a str)>>,
}

impl<'a> Request<'a> {
    /// The JSON text of one member of `params`.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a str> {
        let members = self.params.as_deref()?;
        members.iter().find(|(member, _)| member == name).map(|(_, raw)| *raw)
    }

    /// What a tool handler gets beside the decoded request: the id, and as the client's bytes what no value stands in for.
    #[must_use]
    pub fn raw_call(&self) -> RawCall {
        RawCall {
            id: self.id.clone(),
            arguments: self.param("arguments").map(Arc::from),
            request_state: self.param("requestState").map(Arc::from),
            input_responses: self.param("inputResponses").map(Arc::from),
        }
    }
}

/// A well-formed response. Nothing is known of it but its shape: that a question of this id is open is for the caller
/// to find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response<'a> {
    /// The id of the question it answers; an error response may have none.
    pub id: Option<RequestId>,
    /// The JSON text of `result`; `None` for an error response.
    pub result: Option<&'a str>,
}

/// The side channel from the scan to a tool handler, carried in the request's extensions: arguments are parsed from
/// these bytes and never from a value in which duplicate members were already merged.
#[derive(Debug, Clone)]
pub struct RawCall {
    /// The id of the request.
    pub id: RequestId,
    /// The JSON text of `params.arguments`; `None` when the member is absent.
    pub arguments: Option<Arc<str>>,
    /// The JSON text of `params.requestState`, which a client echoes when it calls again with answers (2026-07-28).
    pub request_state: Option<Arc<str>>,
    /// The JSON text of `params.inputResponses`: those answers, by the keys of the questions.
    pub input_responses: Option<Arc<str>>,
}

impl RawCall {
    /// Whether the call says of itself that it repeats an earlier one with answers.
    #[must_use]
    pub fn is_a_further_round(&self) -> bool {
        self.request_state.is_some() || self.input_responses.is_some()
    }
}

/// A JSON-RPC error that answers what could not be taken as a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The id to answer with; `None` is written as `null`.
    pub id: Option<RequestId>,
    /// [`PARSE_ERROR`], [`INVALID_REQUEST`], [`INVALID_PARAMS`] or [`INTERNAL_ERROR`].
    pub code: i32,
    /// One sentence for the client's developer; never text the client sent.
    pub message: Cow<'static, str>,
}

impl Refusal {
    /// The refusal of a message longer than [`MAX_MESSAGE_BYTES`], of which nothing was read.
    #[must_use]
    pub fn too_long() -> Self {
        Self::invalid(None, "The message is longer than 1 MiB.")
    }

    /// The error response as one line of JSON, without a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let id = self.id.as_ref().map_or("null", RequestId::as_json);
        let message = serde_json::Value::from(self.message.as_ref());
        let code = self.code;
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}"#)
    }

    fn not_json() -> Self {
        Self { id: None, code: PARSE_ERROR, message: Cow::Borrowed("The message is not valid JSON in UTF-8.") }
    }

    fn invalid(id: Option<RequestId>, message: &'static str) -> Self {
        Self { id, code: INVALID_REQUEST, message: Cow::Borrowed(message) }
    }
}

/// Judges one message. Syntax comes first: bytes that are not JSON are a parse error whatever else is wrong with them.
#[must_use]
pub fn scan(message: &[u8]) -> Scanned<'_> {
    match judge(message) {
        Ok(scanned) => scanned,
        Err(refusal) => Scanned::Refused(refusal),
    }
}

fn judge(message: &[u8]) -> Result<Scanned<'_>, Refusal> {
    if message.len() > MAX_MESSAGE_BYTES {
        return Err(Refusal::too_long());
    }
    let text = std::str::from_utf8(message).map_err(|_| Refusal::not_json())?;
    let fault = audit(text).map_err(|_| Refusal::not_json())?;
    // The text is JSON by now, so this fails for one reason only: the message is no object.
    let Ok(Members(members)) = serde_json::from_str(text) else {
        return Err(Refusal::invalid(
            None,
            "A message is one JSON object; arrays of messages (batches) are not taken.",
        ));
    };
    let envelope = Envelope::of(&members);
    let refuse = |message| Refusal::invalid(envelope.id_to_refuse_with(), message);
    if let Some(fault) = fault {
        return Err(refuse(fault.message()));
    }
    if envelope.jsonrpc != Some("\"2.0\"") {
        return Err(refuse("The member `jsonrpc` must be \"2.0\"."));
    }
    match envelope.method {
        Some(method) => envelope.call(method).map_err(refuse),
        None => envelope.response().map_err(refuse),
    }
}

/// The members JSON-RPC knows, as JSON text; others are ignored, as JSON-RPC asks.
#[derive(Default)]
struct Envelope<'a> {
    jsonrpc: Option<&'a str>,
    id: Option<&'a str>,
    ids: usize,
    method: Option<&'a str>,
    params: Option<&'a str>,
    result: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Envelope<'a> {
    fn of(members: &[(String, &'a RawValue)]) -> Self {
        let mut envelope = Self::default();
        for (name, raw) in members {
            let raw = Some(raw.get());
            match name.as_str() {
                "jsonrpc" => envelope.jsonrpc = raw,
                "id" => (envelope.id, envelope.ids) = (raw, envelope.ids + 1),
                "method" => envelope.method = raw,
                "params" => envelope.params = raw,
                "result" => envelope.result = raw,
                "error" => envelope.error = raw,
                _ => {}
            }
        }
        envelope
    }

    /// The id a refusal names. Of two ids neither is *the* id; and the id of something that looks like a response
    /// belongs to the server's numbering, where an error under it would hit an unrelated request of the client.
    fn id_to_refuse_with(&self) -> Option<RequestId> {
        let looks_like_response = self.method.is_none() && (self.result.is_some() || self.error.is_some());
        if looks_like_response || self.ids != 1 {
            return None;
        }
        self.id.and_then(RequestId::readable)
    }

    fn call(&self, method: &str) -> Result<Scanned<'a>, &'static str> {
        let Ok(method) = serde_json::from_str::<String>(method) else {
            return Err("The member `method` must be a string.");
        };
        if self.result.is_some() || self.error.is_some() {
            return Err("A message with a `method` has no `result` and no `error`.");
        }
        let params: Option<Vec<(String, &'a str)>> = match self.params.map(serde_json::from_str::<Members<'a>>) {
            None => None,
            Some(Ok(Members(members))) => Some(members.into_iter().map(|(name, raw)| (name, raw.get())).collect()),
            Some(Err(_)) => {
                return Err("The member `params` must be an object when it is present.");
            }
        };
        let Some(id) = self.id else {
            let named = params.iter().flatten().find(|(name, _)| name == "requestId");
            let request_id = named.and_then(|(_, raw)| RequestId::readable(raw)).filter(RequestId::is_valid);
            return Ok(Scanned::Notification { method, request_id });
        };
        match RequestId::readable(id) {
            Some(id) if id.is_valid() => Ok(Scanned::Request(Request { id, method, params })),
            _ => Err("The member `id` must be a string or an integer."),
        }
    }

    fn response(&self) -> Result<Scanned<'a>, &'static str> {
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "only the shape is read: an error answers no question, whatever it says")]
        struct ErrorShape {
            code: i64,
            message: String,
        }
        let id = self.id.and_then(RequestId::readable);
        let id_is_valid = id.as_ref().is_some_and(RequestId::is_valid);
        let error_without_id = self.id.is_none_or(|id| id == "null");
        match (self.result, self.error) {
            (Some(_), None) if id_is_valid => Ok(Scanned::Response(Response { id, result: self.result })),
            (None, Some(error)) if id_is_valid || error_without_id => match serde_json::from_str::<ErrorShape>(error) {
                Ok(_) => Ok(Scanned::Response(Response { id, result: None })),
                Err(_) => Err("The member `error` must have a `code` and a `message`."),
            },
            (Some(_), None) | (None, Some(_)) => Err("A response needs the id of its request."),
            (Some(_), Some(_)) => Err("A response has a `result` or an `error`, not both."),
            (None, None) => Err("The member `method` is missing."),
        }
    }
}

/// The members of one object in their order, duplicates included, values as JSON text.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(MembersVisitor).map(Members)
    }
}

/// What is wrong with a text that is JSON all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Duplicate,
    Reserved,
    TooDeep,
}

impl Fault {
    fn message(self) -> &'static str {
        match self {
            Self::Duplicate => "An object in the message has the same member twice.",
            Self::Reserved => "An object in the message has a member with a reserved name.",
            Self::TooDeep => "The message nests deeper than 32 levels.",
        }
    }
}

/// Reads the whole text. `Err` means it is not JSON; a fault is remembered and reading goes on, because a text that
/// stops being JSON later is a parse error.
fn audit(text: &str) -> Result<Option<Fault>, serde_json::Error> {
    let mut fault = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Audit { fault: &mut fault, depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(fault)
}

/// Visits every value with `deserialize_any`, the one way in which serde_json decodes every string and number.
struct Audit<'f> {
    fault: &'f mut Option<Fault>,
    depth: usize,
}

impl Audit<'_> {
    fn inner(&mut self) -> Audit<'_> {
        Audit { fault: self.fault, depth: self.depth + 1 }
    }

    /// Notes the first fault; which one is named when there are several does not matter.
    fn note(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

impl<'de> DeserializeSeed<'de> for Audit<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Audit<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    // Below the deepest level `IgnoredAny` reads on: it checks the brackets without recursion, and the message is
    // refused whatever stands there.
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        if self.depth >= MAX_DEPTH {
            self.note(Fault::TooDeep);
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        while seq.next_element_seed(self.inner())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.depth >= MAX_DEPTH {
            self.note(Fault::TooDeep);
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if name.starts_with(RESERVED_MEMBER_PREFIX) {
                self.note(Fault::Reserved);
            }
            if !seen.insert(name) {
                self.note(Fault::Duplicate);
            }
            map.next_value_seed(self.inner())?;
        }
        Ok(())
    }
}
