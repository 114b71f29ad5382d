//! The crate from outside: real repositories, real sandboxes, real run directories.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise, as tests do")]

mod checks;
mod git_tricks;
mod record;
mod support;

/// These need what a machine has to give: bubblewrap, Landlock, seccomp. `cargo xtask test` runs them as the suite `sandbox`,
/// which says what is missing, and leaves them out of the suite `nextest`.
mod sandboxed {
    mod escapes;
    mod gate;
    mod runners;
    mod runs;
}
