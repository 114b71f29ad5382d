//! What any MCP client can observe of our line transport and adapter, whatever the tools behind them.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may fail its test; clippy exempts only the tests themselves"
)]

mod asking;
mod elicitation;
mod flood;
mod handshake;
pub(crate) mod harness;
mod lifetime;
mod malformed;
mod noise;
mod rounds;
mod tools;
