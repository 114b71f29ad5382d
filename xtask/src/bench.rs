//! `cargo xtask bench …`: measurements that compare two sides on the machine they run on. They are no part of the tests:
//! a loaded machine would make them lie. Each is a bench target of the product, which finds its own binary; rows of
//! `docs/promises.md` run them.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::Args;
use crate::workspace::{Workspace, passes};

/// `cargo xtask bench queue-scale`.
pub(crate) fn queue_scale(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut cargo = workspace.cargo();
    cargo.args(["bench", "--quiet", "-p", "cortexpilot", "--bench", "queue_scale"]);
    if args.has("--debug") {
        cargo.args(["--profile", "dev"]);
    }
    cargo.arg("--");
    for name in ["--items", "--rounds"] {
        // The last one given counts, as with most programs.
        if let Some(value) = args.values(name).last() {
            cargo.args([name, value]);
        }
    }
    Ok(if passes(&mut cargo)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
