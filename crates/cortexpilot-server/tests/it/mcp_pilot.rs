//! What a model can bring about through MCP where people approve, and what it cannot.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may fail its test; clippy exempts only the tests themselves"
)]

mod approval;
mod sequences;
mod world;
