//! The crate from outside: real repositories, real sandboxes, real run directories.

mod checks;
mod escapes;
mod gate;
mod git_tricks;
mod record;
mod runners;
mod runs;
mod support;
