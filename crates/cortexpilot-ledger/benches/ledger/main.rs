//! `cargo xtask bench ledger`: how the ledger stands against the disk it is on.
//!
//! Every figure is a ratio inside one run whose sides take turns, because the time of a flush changes many times over from
//! one hour to the next; or, where nothing is synced, a plain number. `docs/benchmarks/ledger.md` says how to read it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a program for people: its output is its result, and its counts are far below 2^52"
)]

mod baselines;
mod cases;
mod drive;
mod harness;
mod history;
mod measure;
mod regime;

use std::path::Path;
use std::process::ExitCode;

use cases::{CASES, child};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // One of several writing processes, started by ourselves.
    if let [word, root] = &words[..]
        && word == "--writer"
    {
        child(Path::new(root));
        return ExitCode::SUCCESS;
    }
    harness::run(CASES, words)
}
