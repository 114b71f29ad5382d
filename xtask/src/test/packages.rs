//! The TypeScript packages against the real binary: types regenerated and compared, everything compiled strictly, every
//! method called, connections cut on purpose, and what would be published looked at as its users get it.

use std::time::Duration;

use anyhow::Result;

use super::{Counts, Ran, counted};
use crate::generate::packages;
use crate::workspace::{Workspace, show};

/// The script that does all of it. Interface: `--binary PATH`; it prints `N passed, N failed` and exits with zero when
/// nothing failed.
const SCRIPT: &str = "tools/test.mjs";

/// It takes well under a minute; past this it hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

pub(super) fn run(workspace: &Workspace) -> Result<Ran> {
    if let Err(reason) = packages::installed(workspace)? {
        return Ok(Ran::NotRun(reason));
    }
    let mut command = workspace.command("node");
    command.current_dir(packages::home(workspace)).arg(SCRIPT);
    command.arg("--binary").arg(workspace.target_dir()?.join("debug/cortexpilot"));
    let shown = show(&mut command, LIMIT)?;
    let (passed, mut failed) = counted(shown.stdout.lines().last().unwrap_or_default());
    let mut remark = None;
    if failed == 0 && (passed == 0 || !shown.success()) {
        failed = 1;
        remark = Some(format!("{}/{SCRIPT} did not come to an end", packages::PACKAGES));
    }
    Ok(Ran::Counted(Counts { passed, failed, remark, ..Counts::default() }))
}
