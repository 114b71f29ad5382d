//! What is true and what may happen: the domain, its ports and the one door for writes.
//!
//! Reading order: [`error`] (every code a caller can get), [`domain`] (pure rules), [`codec`] (ledger lines: bytes to
//! events and back), [`port`] (what the outside world must provide) and [`app`] (what surfaces call).
//!
//! The door. A surface calls [`app::App`]; the app hands a [`domain::command::Command`] to a [`port::Store`]; inside its
//! serialization (a file lock, a transaction) the store calls [`judge`], the only caller of the crate-private `decide_*`;
//! what comes back accepted is a [`Judged`], a value no other crate can make, and the only thing the codec turns into a
//! ledger line. So every line was judged, from facts that the store itself loaded under its lock.

pub mod error;

pub mod domain;

pub mod codec;

pub mod port;

pub mod app;

mod door;

pub use domain::decide::{Judged, JudgedDecision, Verdict};
pub use door::judge;
