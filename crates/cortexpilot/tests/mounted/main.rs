//! The built binary with its runtime root on a small file system of its own, which is mounted for the test: these tests
//! need a machine on which that is allowed, so they are a suite of their own: `cargo xtask test --only mounted`.
//!
//! - `mounted_full`: somebody fills the disk; what takes work back goes on, what adds work is refused before anything is
//!   written, and all goes on when there is room again.

#[path = "../acceptance"]
mod acceptance {
    #[expect(dead_code, unused_imports, reason = "shared with the acceptance tests, which use all of it")]
    pub(crate) mod support;

    pub(crate) mod sound;
}

mod mounted_full;
mod small_disk;

use acceptance::{sound, support};
