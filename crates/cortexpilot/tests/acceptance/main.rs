//! Acceptance: the built binary, on real files, through every surface that a person, a program or a model can reach. No
//! stub stands between the bytes that go in and the ledger that is read afterwards.
//!
//! - `gate_matrix`: every combination of what can be wrong with an apply; only the one with nothing wrong enqueues.
//! - `no_second_path`: every operation there is, called by somebody without rights; nothing changes but the record of it.
//! - `bytes_to_ledger`: bytes in, golden ledger lines out; and each known way to get a wrong line, refused.
//! - `mcp_http`: both MCP servers over HTTP: their endpoints, what they leave behind, and floods.
//! - `governance`: who may say yes: tokens, approvals by people, the policy's floor, freeze, limits.
//! - `races`, `crash`, `readonly_random`: many callers at once, processes killed in the middle, messages at random.
//! - `crowd`, `stopped`: two servers and ten command lines on one ledger; a writer that stands still with the lock.
//! - `connections`: how the server ends, and what it does when it may open no more files.
//! - `foreign_worker`: the worker in another language that our pages show.
//! - `http_compat`: routes of the original that are no part of this system.
//! - `untrusted`: secrets and injections in every place of a run, and what of them an agent can read.
//!
//! What they share is in `support`: a private home, processes that never outlive their test, clients, snapshots.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise, as tests do")]

mod support;

mod bytes_to_ledger;
mod connections;
mod crash;
mod crowd;
mod foreign_worker;
mod gate_matrix;
mod governance;
mod http_compat;
mod mcp_http;
mod no_second_path;
mod races;
mod readonly_random;
mod sound;
mod stopped;
mod untrusted;
