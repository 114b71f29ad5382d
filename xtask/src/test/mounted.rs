//! The tests that mount a small file system of their own, in the test binary `mounted`.

use anyhow::{Context, Result};

use super::{Ran, rust, traced};
use crate::workspace::{Workspace, has_cargo_subcommand, last_line};

/// Where the product's tests are; of the whole workspace, as the other tests are built.
const WHAT: [&str; 3] = ["--workspace", "--test", "mounted"];

/// Runs them where a tmpfs can be mounted.
pub(super) fn run(workspace: &Workspace) -> Result<Ran> {
    if let Err(reason) = may_mount(workspace) {
        return Ok(Ran::NotRun(reason));
    }
    if !has_cargo_subcommand(workspace, "nextest") {
        let counts = rust::by_cargo(workspace, &[&WHAT[..], &["--", "--nocapture", "--test-threads", "1"]].concat())?;
        return Ok(Ran::Counted(traced::counted(counts)));
    }
    let (counts, cases) = rust::by_nextest(workspace, &WHAT)?;
    traced::print_figures(&cases);
    Ok(Ran::Counted(traced::counted(counts)))
}

/// Whether a tmpfs can be mounted here: one is, and taken away again. Else why not.
pub(crate) fn may_mount(workspace: &Workspace) -> Result<(), String> {
    let tried = || -> Result<Result<(), String>> {
        let dir = tempfile::tempdir().context("no temporary directory can be made")?;
        let mounted =
            workspace.command("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(dir.path()).output();
        let mounted = match mounted {
            Ok(mounted) => mounted,
            Err(error) => return Ok(Err(format!("mount cannot be started: {error}"))),
        };
        if !mounted.status.success() {
            return Ok(Err(format!("a tmpfs cannot be mounted here (it takes root): {}", last_line(&mounted.stderr))));
        }
        let unmounted = workspace.command("umount").arg(dir.path()).output().context("umount cannot be started")?;
        anyhow::ensure!(unmounted.status.success(), "umount: {}", last_line(&unmounted.stderr));
        Ok(Ok(()))
    };
    tried().unwrap_or_else(|error| Err(format!("a tmpfs cannot be mounted here: {error:#}")))
}
