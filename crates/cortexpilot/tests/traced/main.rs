//! What the binary asks of the system, seen by `strace`: these tests read the calls themselves, where the others read
//! files and answers. They need a machine on which a process may be traced, so they are a suite of their own:
//! `cargo xtask test --only traced`.
//!
//! - `traced_readonly`: a session with the read-only server opens nothing for writing.
//! - `traced_order`: pinned, written, synced, answered; in this order, for every apply.
//! - `traced_fault`: one failed sync, and nothing is acknowledged any more.
//! - `traced_steps`: every write, sync and rename of short runs fails once, with `EIO` and with `ENOSPC`; every append is cut
//!   short.
//! - `traced_short`: the system itself cuts a line short, at every byte.
//! - `traced_flush`: a server whose write or flush failed says so and ends by itself.
//! - `traced_locks`: where file locks do not lock, nothing that writes starts.

#[path = "../acceptance"]
mod acceptance {
    #[expect(dead_code, unused_imports, reason = "shared with the acceptance tests, which use all of it")]
    pub(crate) mod support;

    pub(crate) mod sound;
}

mod strace;
mod traced_fault;
mod traced_flush;
mod traced_locks;
mod traced_order;
mod traced_readonly;
mod traced_short;
mod traced_steps;

use acceptance::{sound, support};
