//! The official Python SDK drives both stdio servers, in its two major versions, each in a virtual environment of its own.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Counts, Ran, counted};
use crate::workspace::{Workspace, last_line, show};

/// The script that drives the servers. Interface: `--binary PATH --sdk 1|2`; it prints `N passed, N failed` and exits
/// with zero when nothing failed.
const SCRIPT: &str = "tests/clients/run.py";

/// Major version and what pip installs for it. Raise a pin by running the suite with the newer one.
const VERSIONS: &[(&str, &str)] = &[("1", "mcp==1.30.0"), ("2", "mcp==2.3.0")];

/// A session with a server takes seconds; a script that is still running after this hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Runs the script once per SDK version.
pub(super) fn sdk(workspace: &Workspace) -> Result<Ran> {
    anyhow::ensure!(workspace.path(SCRIPT).is_file(), "{SCRIPT} is missing from the work tree");
    let mut interpreters = Vec::new();
    for (major, package) in VERSIONS {
        match environment(workspace, major, package)? {
            Ok(python) => interpreters.push((major, python)),
            Err(reason) => return Ok(Ran::NotRun(reason)),
        }
    }
    let binary = workspace.target_dir()?.join("debug/cortexpilot");
    let mut counts = Counts::default();
    for (major, python) in interpreters {
        println!("Python SDK {major}.x");
        let shown =
            show(workspace.command(python).arg(SCRIPT).arg("--binary").arg(&binary).args(["--sdk", major]), LIMIT)?;
        let (passed, failed) = counted(&shown.stdout);
        counts.passed += passed;
        counts.failed += failed;
        if failed == 0 && (passed == 0 || !shown.success()) {
            counts.failed += 1;
            counts.remark = Some(format!("{SCRIPT} --sdk {major} did not come to an end"));
        }
    }
    Ok(Ran::Counted(counts))
}

/// A virtual environment with the package installed, made on first use; or why it cannot be had.
fn environment(workspace: &Workspace, major: &str, package: &str) -> Result<Result<PathBuf, String>> {
    let dir = workspace.target_dir()?.join(format!("clients/python-sdk-{major}"));
    let python = dir.join("bin/python");
    // Written last: an installation that was interrupted is made anew.
    let stamp = dir.join("installed");
    let works =
        || workspace.command(&python).args(["-c", "import mcp"]).output().is_ok_and(|output| output.status.success());
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == package) && works() {
        return Ok(Ok(python));
    }
    let made = match workspace.command("python3").args(["-m", "venv", "--clear"]).arg(&dir).output() {
        Ok(made) => made,
        Err(error) => return Ok(Err(format!("python3 cannot be started: {error}"))),
    };
    if !made.status.success() {
        let said = if made.stderr.is_empty() { made.stdout } else { made.stderr };
        return Ok(Err(format!("python3 cannot make a virtual environment: {}", last_line(&said))));
    }
    println!("installing {package} into {}", dir.display());
    let installed = workspace
        .command(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package])
        .output()
        .context("pip of the virtual environment cannot be started")?;
    if !installed.status.success() {
        return Ok(Err(format!("pip cannot install {package}: {}", last_line(&installed.stderr))));
    }
    std::fs::write(&stamp, package).with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(Ok(python))
}
