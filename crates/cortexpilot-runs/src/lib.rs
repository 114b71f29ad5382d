//! The run store: run directories as agent orchestrators write them, read once and never written.
//!
//! The format, with the smallest accepted run, is described in `docs/reference/run-directory.md`. Three rules hold for every
//! read here:
//!
//! 1. A file is opened beneath the runs root without following a link and without blocking, must be a regular file, and is
//!    read once, up to a limit. What was parsed is what was hashed.
//! 2. One bad file, torn line or odd type never breaks a list or another run: what cannot be read is named in `problems`.
//! 3. What decisions rest on (`facts`) is stricter than what is shown: bytes that two readers could understand differently
//!    are refused, and no cache stands between the decision and the disk.

mod beneath;
mod bytes;
mod pace;
mod problem;

mod json;
mod lines;

mod chain;
mod event_pages;
mod events;

mod contract;
mod manifest;

mod failure;
mod reports;
mod role_binding;
mod workflows;

mod facts;

mod diff;
mod evidence;
mod search;

mod compare;
mod proof;

mod cache;
mod follow;
mod page;
mod roster;
mod scan;

mod across;
mod check;

mod store;
mod tail;
mod views;

#[cfg(feature = "fixture")]
pub mod fixture;

pub use check::{PathCheck, SkippedEntry, check_path};
pub use store::RunStore;

/// The largest `contract.json` that is read, in bytes.
pub const CONTRACT_BYTES_MAX: u64 = 1 << 20;
/// The largest `manifest.json` that is read, in bytes.
pub const MANIFEST_BYTES_MAX: u64 = 4 << 20;
/// The longest line of `events.jsonl` that is read, in bytes without its newline.
pub const EVENT_LINE_BYTES_MAX: usize = 1 << 20;
/// The largest report that is read, in bytes.
pub const REPORT_BYTES_MAX: u64 = 8 << 20;
