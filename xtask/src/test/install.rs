//! Real clients with what `cortexpilot mcp install` wrote into their own configuration, and what registries and bundles say,
//! validated by their own tools.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Counts, Ran, counted};
use crate::agents::installed;
use crate::workspace::{Workspace, show};

/// Drives the clients. Interface: `--binary PATH --agents DIRECTORY --dist DIRECTORY --packed DIRECTORY`; it prints `N
/// passed, N failed` and exits with zero when nothing failed.
const SCRIPT: &str = "tests/clients/install.py";

/// Where the clients and the packing tool are pinned: `tests/clients/agents`.
const AGENTS: &str = "agents";

/// Carries the registry's released schemas as they are. The registry's own tool is written in Go and is not on PyPI or npm;
/// where it is on the PATH as `mcp-publisher`, it is asked as well.
const SCHEMAS: (&str, &str) = ("registry-schemas", "skillsaw==0.22.0");

/// It takes well under a minute; a script that is still running after this hangs.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Packs the bundle of the debug build, and runs the script.
pub(super) fn run(workspace: &Workspace) -> Result<Ran> {
    ensure!(workspace.path(SCRIPT).is_file(), "{SCRIPT} is missing from the work tree");
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Ran::NotRun("the bundle is packed on Linux on x86-64 alone".to_owned()));
    }
    let agents = match installed::npm(workspace, AGENTS)? {
        Ok(agents) => agents,
        Err(reason) => return Ok(Ran::NotRun(reason)),
    };
    let python = match installed::python(workspace, SCHEMAS.0, SCHEMAS.1)? {
        Ok(python) => python,
        Err(reason) => return Ok(Ran::NotRun(reason)),
    };
    let target = workspace.target_dir()?;
    crate::dist::packed_for_tests(workspace)?;
    let mut command = workspace.command(python);
    command.arg(SCRIPT).arg("--binary").arg(target.join("debug/cortexpilot")).arg("--agents").arg(agents);
    command.arg("--dist").arg(workspace.path("dist")).arg("--packed").arg(target.join("dist"));
    let shown = show(&mut command, LIMIT)?;
    let (passed, failed) = counted(&shown.stdout);
    let mut counts = Counts { passed, failed, ..Counts::default() };
    if failed == 0 && (passed == 0 || !shown.success()) {
        counts.failed = 1;
        counts.remark = Some(format!("{SCRIPT} did not come to an end"));
    }
    Ok(Ran::Counted(counts))
}
