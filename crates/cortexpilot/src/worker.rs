//! The worker: takes queue items that can be carried out here, carries them out, and says how they ended.
//!
//! ```text
//! drive    the loop: what is ready here? take exactly that; until told to stop
//! carry    one item: the run on a thread of its own, the lease beside it, then one final word
//! lease    heartbeats, and the worker's own monotonic clock: who cannot renew stops
//! claims   what a worker asks of a queue: two implementations, `local` (the store, through `App`) and `remote` (HTTP)
//! machine  what this machine can do: programs, sandbox, repositories; `readiness` holds an item against it
//! stopping signals into orders
//! say      one line a state change
//! ```
//!
//! No decision here rests on the wall clock.

pub(crate) mod carry;
pub(crate) mod claims;
pub(crate) mod drive;
pub(crate) mod local;
pub(crate) mod machine;
pub(crate) mod readiness;
pub(crate) mod remote;
pub(crate) mod say;
pub(crate) mod stopping;

mod lease;
mod monotonic;

#[cfg(test)]
mod tests;
