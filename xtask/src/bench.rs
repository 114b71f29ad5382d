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

/// Cases of `cargo xtask bench ledger` that call the product's binary through a surface: a bench target of their own, in the
/// binary's crate. The others are the ledger's, which also says which there are.
const OF_SURFACES: [&str; 2] = ["http", "stdio"];

/// Cases of the ledger that start the product's binary.
const WITH_BINARY: [&str; 1] = ["open"];

/// `cargo xtask bench ledger`.
pub(crate) fn ledger(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let only = args.values("--only");
    let wanted = |cases: &[&str]| only.is_empty() || only.iter().any(|name| cases.contains(name));
    let surfaces = wanted(&OF_SURFACES);
    let ledger = only.is_empty() || only.iter().any(|name| !OF_SURFACES.contains(name));
    // Its build takes longer than most measurements.
    let binary = if surfaces || wanted(&WITH_BINARY) { Some(release_binary(&workspace)?) } else { None };
    let mut met = true;
    for (package, bench, asked) in [("cortexpilot-ledger", "ledger", ledger), ("cortexpilot", "surfaces", surfaces)] {
        if !asked {
            continue;
        }
        let mut cargo = workspace.cargo();
        cargo.args(["bench", "--quiet", "-p", package, "--bench", bench, "--"]);
        if args.has("--full") {
            cargo.arg("--full");
        }
        for name in ["--items", "--rounds"] {
            for value in args.values(name) {
                cargo.args([name, value]);
            }
        }
        for name in only.iter().filter(|name| OF_SURFACES.contains(name) == (bench == "surfaces")) {
            cargo.args(["--only", name]);
        }
        if let Some(binary) = &binary {
            cargo.arg("--binary").arg(binary);
        }
        met &= passes(&mut cargo)?;
    }
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn release_binary(workspace: &Workspace) -> Result<PathBuf> {
    let what = ["build", "--quiet", "--release", "-p", "cortexpilot", "--bin", "cortexpilot"];
    if !passes(workspace.cargo().args(what))? {
        bail!("`cargo {}` failed; what it printed is above", what.join(" "));
    }
    Ok(workspace.target_dir()?.join("release/cortexpilot"))
}

/// Cases of `cargo xtask bench mcp`.
const OF_MCP: [&str; 3] = ["call", "start", "list"];

/// `cargo xtask bench mcp`.
pub(crate) fn mcp(args: &Args) -> Result<ExitCode> {
    let only = args.values("--only");
    if let Some(wrong) = only.iter().find(|name| !OF_MCP.contains(name)) {
        bail!("`{wrong}` is no case: there are {}", OF_MCP.join(", "));
    }
    let workspace = Workspace::find()?;
    let binary = release_binary(&workspace)?;
    let mut cargo = workspace.cargo();
    cargo.args(["bench", "--quiet", "-p", "cortexpilot", "--bench", "mcp", "--"]);
    for name in ["--items", "--rounds", "--only"] {
        for value in args.values(name) {
            cargo.args([name, value]);
        }
    }
    cargo.arg("--binary").arg(binary);
    Ok(if passes(&mut cargo)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Cases of `cargo xtask bench http`.
const OF_HTTP: [&str; 5] = ["health", "item", "runs", "previews", "start"];

/// `cargo xtask bench http`.
pub(crate) fn http(args: &Args) -> Result<ExitCode> {
    let only = args.values("--only");
    if let Some(wrong) = only.iter().find(|name| !OF_HTTP.contains(name)) {
        bail!("`{wrong}` is no case: there are {}; and --hostile", OF_HTTP.join(", "));
    }
    let workspace = Workspace::find()?;
    let binary = release_binary(&workspace)?;
    let mut cargo = workspace.cargo();
    cargo.args(["bench", "--quiet", "-p", "cortexpilot", "--bench", "http", "--"]);
    for name in ["--items", "--rounds"] {
        for value in args.values(name) {
            cargo.args([name, value]);
        }
    }
    let cases = match (args.has("--hostile"), only.is_empty()) {
        (true, true) => vec!["hostile"],
        (true, false) => bail!("--hostile is a case of its own: leave --only out"),
        (false, true) => OF_HTTP.to_vec(),
        (false, false) => only,
    };
    for case in cases {
        cargo.args(["--only", case]);
    }
    cargo.arg("--binary").arg(binary);
    Ok(if passes(&mut cargo)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
