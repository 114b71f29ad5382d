//! The run store on directories: real ones, recorded ones, hostile ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise, as tests do")]

mod across;
mod check;
mod facts;
mod files;
mod hostile;
mod lists;
mod marks;
mod odd_types;
mod real_runs;
mod recorded;
mod support;
