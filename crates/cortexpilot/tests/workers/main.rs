//! Workers that die, stand still, or whose clock jumps: real `cortexpilot worker` processes over one runtime root, with short
//! leases and small items. What is held against the promise is read from the ledger's lines alone.
//!
//! - `killed`: `kill -9`, and SIGSTOP for longer than a lease; and the control, that every doctored history is found.
//! - `clocked_jumps`: the wall clock of every process jumps by ten years, forward and back, while items run. It takes
//!   libfaketime, so it is a suite of its own: `cargo xtask test --only clocked`.

#[path = "../acceptance"]
mod acceptance {
    #[expect(dead_code, unused_imports, reason = "shared with the acceptance tests, which use all of it")]
    pub(crate) mod support;

    pub(crate) mod sound;
}

mod clocked_jumps;
mod history;
mod killed;
mod late;
mod stage;
mod strikes;

use acceptance::{sound, support};
