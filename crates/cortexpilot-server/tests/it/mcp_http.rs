//! The protocol over HTTP: what any client can observe of our layer, whatever stands behind it, and the product's two
//! endpoints beside a control plane.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may fail its test; clippy exempts only the tests themselves"
)]

mod admission;
mod authentication;
mod connections;
mod harness;
mod headers;
mod malformed;
mod pilot;
mod readonly;
mod sessions;
