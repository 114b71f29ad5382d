//! The sandbox's helper as a program of its own: what `cortexpilot sandbox-exec` is, for this crate's tests and for whoever
//! embeds the crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1) {
        Some(stage) => cortexpilot_work::sandbox::helper_main(&stage),
        None => ExitCode::from(125),
    }
}
