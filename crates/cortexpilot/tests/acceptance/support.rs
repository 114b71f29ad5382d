//! What the acceptance tests share. Start with [`Home`]: it owns private roots, starts the binary in a clean environment
//! and reads what was written.
//!
//! ```ignore
//! let home = Home::new();
//! home.run(RunFixture::new("run_a"));
//! let mut pilot = home.pilot(VERSIONS[0], &[GATE_OPEN]);
//! let preview = pilot.call("preview_enqueue_from_run", r#"{"run_id":"run_a"}"#);
//! assert_eq!(preview.answer()["can_apply"], true);
//! ```
//!
//! Waiting is always for something that happens (a line, an answer, an exit), never for time to pass, and never for longer
//! than [`process::PATIENCE`]. Every process is killed when its handle is dropped, so a failing test leaves none behind.

pub(crate) mod cli;
pub(crate) mod foreign;
pub(crate) mod home;
pub(crate) mod http;
pub(crate) mod ledger;
pub(crate) mod mcp;
pub(crate) mod mcp_http;
pub(crate) mod process;
pub(crate) mod secrets;
pub(crate) mod size;
pub(crate) mod snapshot;

pub(crate) use cli::Ran;
pub(crate) use home::{GATE_OPEN, Home, NO_LIMITS, TOKEN};
pub(crate) use http::{Connection, Request, Response, Server};
pub(crate) use ledger::{GENESIS, chain_problem, sha256_hex};
pub(crate) use mcp::{Called, Mcp, STATELESS, VERSIONS, apply};
pub(crate) use mcp_http::McpHttp;
pub(crate) use size::sized;
pub(crate) use snapshot::Snapshot;
