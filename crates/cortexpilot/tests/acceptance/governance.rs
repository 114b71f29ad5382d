//! Who may say yes, by the built binary: principals and their tokens, policies and their floor, approvals by people,
//! limits, freeze.
//!
//! - `mcp_sequences`: whatever an agent sends over MCP, and however often its client says yes, where people approve nothing
//!   is queued.
//! - `floor`: the environment can only tighten what operators have set.
//! - `two_processes`: what an operator decides in one process holds in all others at once.
//! - `approvals`: one request, one item: whoever says yes how often, at the same moment, too late, or to a dying server.
//! - `auth_matrix`: every route, every way of not being who one should be.
//! - `signing_in`: sessions of the console: what begins one, and everything that ends it.
//! - `no_token_in_logs`: no token stands in any log, ledger or notice.
//!
//! All processes here log everything they can (`CORTEXPILOT_LOG=debug`): what a log may not hold is not there at any level.

mod approvals;
mod auth_matrix;
mod cast;
mod floor;
mod forms;
mod mcp_sequences;
mod no_token_in_logs;
mod signing_in;
mod two_processes;
