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
pub(crate) mod malformed;
mod noise;
mod reading;
mod rounds;
mod subscriptions;
mod tools;
mod watching;
