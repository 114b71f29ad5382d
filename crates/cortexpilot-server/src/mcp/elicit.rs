//! Asking the person at the client, as a courtesy.
//!
//! A tool that has its answer may attach a [`Question`] to it. Where the client declared that it can ask, the question
//! is asked and what comes back is recorded as evidence; then the tool's answer is sent as it was. So nothing a client
//! answers, and no silence, can change what a call did or what it says: clients are known to answer forms with nobody at
//! the keyboard.
//!
//! - 2025-06-18 and 2025-11-25: a request to the client, nested in the call, on a line transport only.
//! - 2026-07-28: the call is answered with `input_required` and a sealed state; the client calls again with its answers.
//!   The second call is carried out like the first and answered with what is true then.
//! - Every other version, and every client that did not declare forms: nothing is asked.

use std::collections::BTreeMap;

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::principal::Caller;
use cortexpilot_core::domain::text;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rmcp::{
    RoleServer,
    model::{ClientCapabilities, InputRequest, InputRequiredResult, ProtocolVersion},
    service::RequestContext,
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{questions::Asker, scan::RawCall};
use crate::wire::untrusted;

mod state;

pub use state::Asked;

/// The key of our one question among the `inputRequests` of a result.
const KEY: &str = "is_this_your_request";

/// The method of a question, in every version.
const METHOD: &str = "elicitation/create";

/// The longest comment a form takes, in characters.
const COMMENT_CHARS: usize = 500;

/// A question for the person at the client: whether a request is theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is about: the id of an approval request. Each is asked about once in the life of a process.
    pub about: String,
    /// Whose client is asked, and whose answer it is.
    pub asked_of: Caller,
    /// What the person reads. Text from elsewhere in it went through [`shown`].
    pub message: String,
}

/// What the person did with the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Sent it, with the box ticked.
    Accepted,
    /// Refused, or sent it with the box left empty.
    Declined,
    /// Closed it without a choice.
    Cancelled,
}

/// An answer as the client reported it. It is evidence of what a client sent, never of who sat before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What was done with the form.
    pub answer: Answer,
    /// What was written beside it, as it came: any text up to the size of a message.
    pub comment: Option<String>,
}

impl Answered {
    /// Reads an elicitation's result from its JSON text, which the scan has judged. `None` when it is no answer to our
    /// form: a form sent without its box is no yes, and it is no considered no either.
    #[must_use]
    pub fn parse(result: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            action: Action,
            #[serde(borrow)]
            content: Option<&'a RawValue>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Action {
            Accept,
            Decline,
            Cancel,
        }
        #[derive(Deserialize)]
        struct Form {
            confirm: bool,
            comment: Option<String>,
        }
        let wire: Wire<'_> = object(result)?;
        let (answer, comment) = match wire.action {
            Action::Decline => (Answer::Declined, None),
            Action::Cancel => (Answer::Cancelled, None),
            Action::Accept => {
                let form: Form = object(wire.content?.get())?;
                (if form.confirm { Answer::Accepted } else { Answer::Declined }, form.comment)
            }
        };
        Some(Self { answer, comment })
    }
}

/// Reads a struct from a JSON object; the derived readers would take an array of its members, too.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()
}

/// What a toolbox needs that asks people.
pub trait Desk: Send + Sync {
    /// What this process has asked.
    fn asked(&self) -> &Asked;

    /// Now.
    fn now(&self) -> Timestamp;

    /// Keeps an answer as evidence. It cannot fail the call, so what goes wrong is logged here.
    fn record<'a>(&'a self, question: &'a Question, answered: Answered) -> BoxFuture<'a, ()>;
}

/// How the client of a request can be asked.
pub(super) enum Way {
    /// Not at all.
    Never,
    /// By a request of ours, while its call waits.
    Push(Asker),
    /// By an intermediate result.
    Rounds,
}

impl Way {
    /// From the version and the capabilities that the request is under.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let Some(version) = context.protocol_version() else { return Self::Never };
        if !context.client_capabilities().is_some_and(|capabilities| takes_forms(&capabilities)) {
            return Self::Never;
        }
        // A version that is not named here asks nothing, whichever it is.
        if version == ProtocolVersion::V_2026_07_28 {
            Self::Rounds
        } else if version == ProtocolVersion::V_2025_06_18 || version == ProtocolVersion::V_2025_11_25 {
            context.extensions.get::<Asker>().cloned().map_or(Self::Never, Self::Push)
        } else {
            Self::Never
        }
    }
}

/// Whether a client declared forms: by name, or as the only thing there was to declare.
fn takes_forms(capabilities: &ClientCapabilities) -> bool {
    capabilities.elicitation.as_ref().is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
}

/// Asks, or takes the answer that a further round brings, and has it recorded. A result means that the client is to call
/// again; without one the call's answer is to be sent, whatever came of the question.
pub(super) async fn conduct(
    desk: &dyn Desk,
    question: &Question,
    tool: &str,
    call: &RawCall,
    way: Way,
) -> Option<InputRequiredResult> {
    match way {
        // A further round is never asked back: a client that cannot answer would go round for ever.
        Way::Rounds if call.is_a_further_round() => {
            if desk.asked().take_back(question, &request_digest(tool, call), state_of(call)?.as_str(), desk.now())
                && let Some(answered) = call.input_responses.as_deref().and_then(response_of)
            {
                desk.record(question, answered).await;
            }
            None
        }
        Way::Rounds => {
            let state = desk.asked().begin_round(question, &request_digest(tool, call), desk.now())?;
            // Read from our own JSON, so that the form is the same in every version.
            let request: InputRequest =
                serde_json::from_value(json!({ "method": METHOD, "params": params(question, true) }))
                    .expect("invariant: our form is one the protocol knows");
            Some(InputRequiredResult::new(Some(BTreeMap::from([(KEY.to_owned(), request)])), Some(state)))
        }
        Way::Push(asker) => {
            if let Some(place) = asker.reserve()
                && desk.asked().begin(question, desk.now())
            {
                let result = place.ask(METHOD, &params(question, false)).await;
                match result.as_deref().map(Answered::parse) {
                    Some(Some(answered)) => desk.record(question, answered).await,
                    Some(None) => tracing::info!(about = question.about, "a client's answer did not fit the form"),
                    None => tracing::info!(about = question.about, "a client was asked and did not answer"),
                }
            }
            None
        }
        Way::Never => None,
    }
}

/// The form, flat and of two members, as every version has it. `mode` is sent where the version knows it by that name;
/// without it a form is meant.
fn params(question: &Question, with_mode: bool) -> Value {
    let mut params = json!({
        "message": question.message,
        "requestedSchema": {
            "type": "object",
            "properties": {
                "confirm": {
                    "type": "boolean",
                    "title": "This is my request",
                    "description": "Tick it only if you asked for this yourself. It approves nothing.",
                    "default": false,
                },
                "comment": {
                    "type": "string",
                    "title": "Comment",
                    "description": "Anything the person who decides should know, on one line. It is kept; no secrets.",
                    "maxLength": COMMENT_CHARS,
                },
            },
            "required": ["confirm"],
        },
    });
    if with_mode {
        params["mode"] = "form".into();
    }
    params
}

/// The state a further round echoes.
fn state_of(call: &RawCall) -> Option<String> {
    serde_json::from_str(call.request_state.as_deref()?).ok()
}

/// Our question's answer among those of a further round; others are nobody's.
fn response_of(responses: &str) -> Option<Answered> {
    let responses: BTreeMap<String, &RawValue> = serde_json::from_str(responses).ok()?;
    let answered = responses.get(KEY).and_then(|result| Answered::parse(result.get()));
    if answered.is_none() {
        tracing::info!("a further round brought no answer that fits the form");
    }
    answered
}

/// What makes two calls the same request: the tool and its arguments, however a client orders and spaces them.
fn request_digest(tool: &str, call: &RawCall) -> Sha256Digest {
    let arguments = call.arguments.as_deref().unwrap_or("{}");
    let arguments =
        serde_json::from_str(arguments).map_or_else(|_| arguments.to_owned(), |value| sorted(value).to_string());
    Sha256Digest::of(format!("{tool}\n{arguments}").as_bytes())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|(left, _), (right, _)| left.cmp(right));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => scalar,
    }
}

/// Text from elsewhere for a question: secrets are masked, hidden and reordering characters become visible, what a client might draw as
/// markup or take for an address is written as its number, and at most `most` characters are shown.
#[must_use]
pub fn shown(raw: &str, most: usize) -> String {
    let raw = untrusted::masked(raw);
    let mut out = String::new();
    let mut left = raw.chars().peekable();
    for _ in 0..most {
        let Some(c) = left.next() else { return out };
        let markup = matches!(c, '<' | '>' | '[' | ']' | '`' | '"' | '\\');
        let address = c == '/' && left.peek() == Some(&'/');
        if markup || address {
            out.push_str(&format!("\\u{{{:04X}}}", u32::from(c)));
        } else {
            out.push_str(&text::escape(c.encode_utf8(&mut [0; 4])));
        }
    }
    if left.peek().is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(result: &str) -> Option<(Answer, Option<String>)> {
        Answered::parse(result).map(|answered| (answered.answer, answered.comment))
    }

    #[test]
    fn only_a_ticked_box_is_a_yes_and_what_does_not_fit_the_form_is_no_answer() {
        let accept = |content: &str| read(&format!(r#"{{"action":"accept","content":{content},"_meta":{{}}}}"#));
        assert_eq!(accept(r#"{"confirm":true}"#), Some((Answer::Accepted, None)));
        assert_eq!(accept(r#"{"confirm":true,"comment":"x","more":1}"#), Some((Answer::Accepted, Some("x".into()))));
        assert_eq!(accept(r#"{"confirm":false,"comment":"no"}"#), Some((Answer::Declined, Some("no".into()))));
        assert_eq!(read(r#"{"action":"decline"}"#), Some((Answer::Declined, None)));
        assert_eq!(read(r#"{"action":"cancel","content":{"confirm":true}}"#), Some((Answer::Cancelled, None)));
        for none in ["{}", r#"{"confirm":"true"}"#, r#"{"confirm":1}"#, r#"{"confirm":null}"#, "[true]", "null", "true"]
        {
            assert_eq!(accept(none), None, "{none}");
        }
        for none in [
            r#"{"action":"accept"}"#,
            r#"{"action":"approve"}"#,
            r#"{"action":true}"#,
            r#"["decline",null]"#,
            "{}",
            "5",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn the_capability_counts_where_forms_can_be_meant() {
        let declared = |json: Value| takes_forms(&serde_json::from_value(json).unwrap());
        assert!(declared(json!({ "elicitation": {} })));
        assert!(declared(json!({ "elicitation": { "form": {} } })));
        assert!(declared(json!({ "elicitation": { "form": {}, "url": {} } })));
        assert!(!declared(json!({ "elicitation": { "url": {} } })));
        assert!(!declared(json!({ "sampling": {} })));
        assert!(!declared(json!({})));
    }

    #[test]
    fn a_request_is_the_same_however_its_members_are_ordered_and_spaced() {
        let digest = |tool: &str, arguments: &str| {
            let line = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"x","arguments":{arguments}}}}}"#
            );
            let super::super::scan::Scanned::Request(request) = super::super::scan::scan(line.as_bytes()) else {
                panic!("not a request: {line}");
            };
            request_digest(tool, &request.raw_call())
        };
        let one = digest("t", r#"{"a":1,"b":{"c":[1,2],"d":"x"}}"#);
        assert_eq!(digest("t", r#"{ "b": {"d":"\u0078","c":[1, 2]}, "a": 1 }"#), one);
        for other in [r#"{"a":1,"b":{"c":[2,1],"d":"x"}}"#, r#"{"a":2,"b":{"c":[1,2],"d":"x"}}"#, "{}"] {
            assert_ne!(digest("t", other), one, "{other}");
        }
        assert_ne!(digest("u", r#"{"a":1,"b":{"c":[1,2],"d":"x"}}"#), one);
    }

    #[test]
    fn text_from_elsewhere_is_seen_and_not_obeyed() {
        assert_eq!(shown("Zoë (Ops)", 20), "Zoë (Ops)");
        assert_eq!(shown("a\u{202e}b\u{1b}[2J\n", 20), "a\\u{202E}b\\u{001B}\\u{005B}2J\\u{000A}");
        assert_eq!(shown("<b>[x](https://e)`\"\\", 40).matches("\\u{").count(), 8);
        assert!(!shown("https://evil.example", 40).contains("//"));
        assert_eq!(shown("password=hunter2 Zoë", 40), "password=(redacted: password) Zoë");
        assert_eq!(shown("abcdef", 5), "abcde…");
        assert_eq!(shown("abcde", 5), "abcde");
    }
}
