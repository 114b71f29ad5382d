//! `cargo xtask bench …`: measurements that compare two sides on the machine they run on. They are no part of the tests:
//! a loaded machine would make them lie. Each is a bench target of the crate that it measures; rows of
//! `docs/promises.md` may run them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

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

/// `cargo xtask bench ledger`.
pub(crate) fn ledger(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    // Only that case starts the product, and its build takes longer than the others' measurements.
    let only = args.values("--only");
    let binary = if only.is_empty() || only.contains(&"open") { Some(release_binary(&workspace)?) } else { None };
    let mut cargo = workspace.cargo();
    cargo.args(["bench", "--quiet", "-p", "cortexpilot-ledger", "--bench", "ledger", "--"]);
    if args.has("--full") {
        cargo.arg("--full");
    }
    for name in ["--items", "--rounds", "--only"] {
        for value in args.values(name) {
            cargo.args([name, value]);
        }
    }
    if let Some(binary) = binary {
        cargo.arg("--binary").arg(binary);
    }
    Ok(if passes(&mut cargo)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn release_binary(workspace: &Workspace) -> Result<PathBuf> {
    let what = ["build", "--quiet", "--release", "-p", "cortexpilot", "--bin", "cortexpilot"];
    if !passes(workspace.cargo().args(what))? {
        bail!("`cargo {}` failed; what it printed is above", what.join(" "));
    }
    Ok(workspace.target_dir()?.join("release/cortexpilot"))
}
