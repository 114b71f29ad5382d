//! The suites that cargo runs.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{Counts, Ran, counted, junit, sandbox};
use crate::faults;
use crate::workspace::{Workspace, has_cargo_subcommand, passes, show};

/// Long enough for a cold build on two slow cores; a hanging test ends far earlier by nextest's own limit.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// What no other suite runs.
pub(super) const EVERYTHING_ELSE: &str = "not binary(/^(traced|mounted)$/) & not test(/^(clocked_|sandboxed::)/)";

/// Every test of the workspace that needs nothing but Rust, by nextest; by plain cargo where nextest is not installed. The
/// tests of the binaries `traced` and `mounted`, all in modules `traced_…` and `mounted_…`, are the suites of those names, and
/// those in modules `clocked_…` and `sandboxed` the suites `clocked` and `sandbox`.
pub(super) fn nextest(workspace: &Workspace) -> Result<Ran> {
    if !has_cargo_subcommand(workspace, "nextest") {
        println!(
            "cargo-nextest is not installed: cargo test runs instead, without time limits and times (cargo install cargo-nextest --locked)"
        );
        let mut counts = by_cargo(
            workspace,
            &[
                "--workspace",
                "--lib",
                "--bins",
                "--tests",
                "--",
                "--skip",
                "traced_",
                "--skip",
                "mounted_",
                "--skip",
                "clocked_",
                "--skip",
                sandbox::MODULE,
            ],
        )?;
        counts.remark = Some("by cargo test: cargo-nextest is not installed".to_owned());
        return Ok(Ran::Counted(counts));
    }
    let (counts, _) = by_nextest(workspace, &["--workspace", "-E", EVERYTHING_ELSE])?;
    Ok(Ran::Counted(counts))
}

/// Runs tests by nextest; counts them, and gives what they printed.
pub(super) fn by_nextest(workspace: &Workspace, what: &[&str]) -> Result<(Counts, Vec<junit::Case>)> {
    let results = junit::path(workspace);
    junit::forget(&results)?;
    let success = passes(workspace.cargo().args(["nextest", "run", "--profile", junit::PROFILE]).args(what))?;
    let Ok(xml) = std::fs::read_to_string(&results) else {
        let remark = Some("nothing ran: see above".to_owned());
        return Ok((Counts { failed: 1, remark, ..Counts::default() }, Vec::new()));
    };
    let cases = junit::parse(&xml).with_context(|| format!("{} cannot be understood", results.display()))?;
    let failed = cases.iter().filter(|case| case.failed).count();
    let mut counts = Counts {
        fired: faults::fired(&cases),
        passed: cases.len() - failed,
        failed,
        times: cases.iter().map(|case| (case.seconds, format!("{} {}", case.binary, case.name))).collect(),
        remark: None,
    };
    if !success && counts.failed == 0 {
        counts.failed = 1;
        counts.remark = Some("nextest itself failed: see above".to_owned());
    }
    Ok((counts, cases))
}

/// The examples in documentation comments, which nextest does not run.
pub(super) fn doctest(workspace: &Workspace) -> Result<Ran> {
    Ok(Ran::Counted(by_cargo(workspace, &["--workspace", "--doc"])?))
}

/// Runs tests by `cargo test` and counts what they say of themselves.
pub(super) fn by_cargo(workspace: &Workspace, what: &[&str]) -> Result<Counts> {
    let shown = show(workspace.cargo().args(["test", "--quiet", "--no-fail-fast"]).args(what), LIMIT)?;
    let (passed, mut failed) = counted(&shown.stdout);
    let mut remark = None;
    if !shown.success() && failed == 0 {
        failed = 1;
        remark = Some("cargo test itself failed: see above".to_owned());
    }
    Ok(Counts { passed, failed, remark, ..Counts::default() })
}
