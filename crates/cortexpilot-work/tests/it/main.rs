//! The crate from outside: real repositories, real sandboxes, real run directories.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise, as tests do")]

mod checks;
mod escapes;
mod gate;
mod git_tricks;
mod record;
mod runners;
mod runs;
mod support;
