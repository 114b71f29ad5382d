//! The operator console in a real browser against the real binary: what people do, every page in both themes at three
//! widths with ordinary and hostile data, what it weighs, long lists.

use std::time::Duration;

use anyhow::Result;

use super::{Counts, Ran, chromium, counted};
use crate::generate::packages;
use crate::workspace::{Workspace, in_ci, show};

/// The script that does all of it. Interface: `--binary PATH`; it prints `N passed, N failed`, before that a line `NOT RUN:
/// NAME: WHY` for each test that could not run, and exits with zero when nothing failed. It ends by itself before [`LIMIT`],
/// and ends whatever its tests left running.
const SCRIPT: &str = "console/tools/test.mjs";

/// It takes some minutes on two cores. The script gives up before.
const LIMIT: Duration = Duration::from_secs(50 * 60);

/// How the script says that a test could not run.
const NOT_RUN: &str = "NOT RUN: ";

/// All of it.
pub(super) fn run(workspace: &Workspace) -> Result<Ran> {
    drive(workspace, None)
}

/// The tests of one file: `packages/console/tests/PART.test.mjs`.
pub(super) fn part(workspace: &Workspace, part: &str) -> Result<Ran> {
    drive(workspace, Some(part))
}

fn drive(workspace: &Workspace, part: Option<&str>) -> Result<Ran> {
    if let Err(reason) = packages::installed(workspace)? {
        return Ok(Ran::NotRun(reason));
    }
    let browser = match chromium::found(workspace) {
        Ok(browser) => browser,
        Err(reason) => return Ok(Ran::NotRun(reason)),
    };
    let mut command = workspace.command("node");
    command.current_dir(packages::home(workspace)).arg(SCRIPT);
    command.arg("--binary").arg(workspace.target_dir()?.join("debug/cortexpilot")).env(chromium::VARIABLE, browser);
    if let Some(part) = part {
        command.args(["--only", part]);
    }
    let shown = show(&mut command, LIMIT)?;
    Ok(Ran::Counted(read(&shown.stdout, shown.success(), in_ci())))
}

/// What the script said. A test that could not run is told of; where everything must run it counts as failed.
fn read(said: &str, success: bool, must_run: bool) -> Counts {
    let (passed, mut failed) = counted(said.lines().last().unwrap_or_default());
    let missed: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix(NOT_RUN)).collect();
    let mut remark = (!missed.is_empty()).then(|| format!("{} NOT RUN: {}", missed.len(), missed.join("; ")));
    if must_run {
        failed += missed.len();
    }
    if failed == 0 && (passed == 0 || !success) {
        failed = 1;
        remark = Some(format!("{}/{SCRIPT} did not come to an end", packages::PACKAGES));
    }
    Counts { passed, failed, remark, ..Counts::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_says_is_counted_and_what_did_not_run_is_told() {
        let counts = read("ok   a\n7 passed, 0 failed\n", true, false);
        assert_eq!((counts.passed, counts.failed, counts.remark), (7, 0, None));
        let said = "ok   a\nNOT RUN: a worker: no bubblewrap\n7 passed, 0 failed\n";
        let counts = read(said, true, false);
        assert_eq!((counts.failed, counts.remark.as_deref()), (0, Some("1 NOT RUN: a worker: no bubblewrap")));
        assert_eq!(read(said, true, true).failed, 1);
        for (said, success) in
            [("", false), ("", true), ("0 passed, 0 failed\n", true), ("3 passed, 0 failed\n", false)]
        {
            assert_eq!(read(said, success, false).failed, 1, "{said:?}");
        }
    }
}
