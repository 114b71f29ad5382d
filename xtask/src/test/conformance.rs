//! The official conformance suite against the product's servers and against the fixture on the product's HTTP layer.

use std::time::Duration;

use anyhow::Result;

use super::{Counts, Ran, counted, node};
use crate::workspace::{Workspace, passes, show};

/// The script that starts the servers and the suite. Interface: `--binary PATH --fixture PATH --node PROGRAM --home
/// DIRECTORY`; it prints `N passed, N failed` and exits with zero when nothing failed.
const SCRIPT: &str = "tests/conformance/run.py";

/// The suite takes seconds a server; past this it hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Runs it in every combination that the script knows.
pub(super) fn run(workspace: &Workspace) -> Result<Ran> {
    let node = match node::environment(workspace)? {
        Ok(node) => node,
        Err(reason) => return Ok(Ran::NotRun(reason)),
    };
    // Of the whole workspace, as the product was built: under other features everything would be compiled once more.
    let what = ["build", "--quiet", "--workspace", "--bin", "cortexpilot-mcp-fixture", "--test", "traced"];
    if !passes(workspace.cargo().args(what))? {
        let remark = Some("the fixture does not build: see above".to_owned());
        return Ok(Ran::Counted(Counts { failed: 1, remark, ..Counts::default() }));
    }
    let built = workspace.target_dir()?.join("debug");
    let mut command = workspace.command("python3");
    command.arg(SCRIPT).arg("--binary").arg(built.join("cortexpilot"));
    command.arg("--fixture").arg(built.join("cortexpilot-mcp-fixture"));
    command.arg("--node").arg(&node.program).arg("--home").arg(&node.home);
    let shown = match show(&mut command, LIMIT) {
        Ok(shown) => shown,
        Err(error) => return Ok(Ran::NotRun(format!("{error:#}"))),
    };
    let (passed, mut failed) = counted(&shown.stdout);
    let mut remark = None;
    if failed == 0 && (passed == 0 || !shown.success()) {
        failed = 1;
        remark = Some(format!("{SCRIPT} did not come to an end"));
    }
    Ok(Ran::Counted(Counts { passed, failed, remark, ..Counts::default() }))
}
