//! The Model Context Protocol: the plumbing that every MCP server of ours stands on, independent of what it offers.
//!
//! Bytes go down once: [`transport`] reads one bounded line, [`scan`] judges its bytes, the protocol library negotiates
//! versions, [`adapter`] finds the tool in the const table of [`tool`] and hands the client's own argument bytes to a
//! [`Toolbox`]. Nothing a client sends ends the process, grows it beyond [`MAX_CALLS_IN_FLIGHT`] calls, or leaves a
//! request with an id unanswered. A tool may have the person at the client asked something ([`elicit`]); what it answers
//! never depends on that. What a server lets be read beside its tools stands in the tables of [`resource`] and [`prompt`]; who
//! waits for a change of it is told through [`subscribe`].

pub mod adapter;
pub mod arguments;
pub mod complete;
pub mod elicit;
pub mod http;
mod inbound;
pub mod pilot;
pub mod prompt;
pub mod questions;
pub mod readonly;
mod refused;
pub mod resource;
pub mod scan;
pub mod subscribe;
pub mod tool;
pub mod transport;

pub use adapter::{RequestMeta, ServeError, ServerInfo, ToolAnswer, ToolServer, Toolbox, serve_stdio};
pub use arguments::{ArgumentProblem, RawArguments, parse_arguments};
pub use complete::{Completed, Completing, MAX_COMPLETIONS};
pub use elicit::{Answer, Answered, Asked, Desk, Question};
pub use inbound::{Channel, HttpCaller};
pub use prompt::{PromptArgumentSpec, PromptSpec, PromptText};
pub use questions::{ANSWER_WITHIN, MAX_QUESTIONS};
pub use resource::{
    ListedResource, Readable, ResourcePage, ResourceSpec, ResourceText, Unread, readable_list, readable_problems,
    templates_list,
};
pub use subscribe::{MAX_LISTENS, MAX_WATCHED, Ring, Watching};
pub use tool::{
    Annotations, Effect, ToolSpec, answer_or_refusal, answers_or_refusal, schema_of, table_problems, tools_list,
};
pub use transport::{End, LineTransport, MAX_CALLS_IN_FLIGHT};
