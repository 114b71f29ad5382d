//! Schemathesis, which makes requests of the OpenAPI document and holds every answer against it: `tests/api`.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Counts, Ran, counted, python};
use crate::workspace::{Workspace, show};

/// The script that starts the control plane and Schemathesis. Interface: `--binary PATH`; it prints `N passed, N failed` and
/// exits with zero when nothing failed.
const SCRIPT: &str = "tests/api/run.py";

/// It takes under two minutes; past this it hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Every operation of the control plane, right and wrong, as nobody, as an agent and as an operator.
pub(super) fn run(workspace: &Workspace) -> Result<Ran> {
    ensure!(workspace.path(SCRIPT).is_file(), "{SCRIPT} is missing from the work tree");
    let interpreter = match python::interpreter(workspace, &python::SCHEMATHESIS)? {
        Ok(interpreter) => interpreter,
        Err(reason) => return Ok(Ran::NotRun(reason)),
    };
    let binary = workspace.target_dir()?.join("debug/cortexpilot");
    let mut command = workspace.command(interpreter);
    command.arg(SCRIPT).arg("--binary").arg(binary);
    let shown = show(&mut command, LIMIT)?;
    let (passed, failed) = counted(&shown.stdout);
    let mut counts = Counts { passed, failed, ..Counts::default() };
    if failed == 0 && (passed == 0 || !shown.success()) {
        counts.failed = 1;
        counts.remark = Some(format!("{SCRIPT} did not come to an end"));
    }
    Ok(Ran::Counted(counts))
}
