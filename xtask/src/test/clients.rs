//! Real clients drive both servers over both transports: one script, `tests/clients/run.py`, and each client behind it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::{Counts, Ran, counted, node, python};
use crate::workspace::{Workspace, show};

/// The script that drives the servers. Interface: `--binary PATH --client NAME [--node PROGRAM --home DIRECTORY]`; it
/// prints `N passed, N failed` and exits with zero when nothing failed.
const SCRIPT: &str = "tests/clients/run.py";

/// A client does what there is to do in well under a minute; a script that is still running after this hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The official Python SDK in its two major versions.
pub(super) fn python_sdk(workspace: &Workspace) -> Result<Ran> {
    let mut runs = Vec::new();
    for (client, environment) in [("python-1", &python::SDK_1), ("python-2", &python::SDK_2)] {
        match python::interpreter(workspace, environment)? {
            Ok(interpreter) => runs.push((client, interpreter)),
            Err(reason) => return Ok(Ran::NotRun(reason)),
        }
    }
    let mut counts = Counts::default();
    for (client, interpreter) in runs {
        drive(workspace, client, &interpreter, None, &mut counts)?;
    }
    Ok(Ran::Counted(counts))
}

/// FastMCP's client.
pub(super) fn fastmcp(workspace: &Workspace) -> Result<Ran> {
    match python::interpreter(workspace, &python::FASTMCP)? {
        Ok(interpreter) => {
            let mut counts = Counts::default();
            drive(workspace, "fastmcp", &interpreter, None, &mut counts)?;
            Ok(Ran::Counted(counts))
        }
        Err(reason) => Ok(Ran::NotRun(reason)),
    }
}

/// The official TypeScript SDK in its two major versions.
pub(super) fn typescript(workspace: &Workspace) -> Result<Ran> {
    with_node(workspace, &["typescript-1", "typescript-2"])
}

/// The Inspector's command line.
pub(super) fn inspector(workspace: &Workspace) -> Result<Ran> {
    with_node(workspace, &["inspector"])
}

/// The script itself is Python and validates what was on the wire; the newest SDK's environment has all that takes.
fn with_node(workspace: &Workspace, clients: &[&str]) -> Result<Ran> {
    let node = match node::environment(workspace)? {
        Ok(node) => node,
        Err(reason) => return Ok(Ran::NotRun(reason)),
    };
    let interpreter = match python::interpreter(workspace, &python::SDK_2)? {
        Ok(interpreter) => interpreter,
        Err(reason) => return Ok(Ran::NotRun(reason)),
    };
    let mut counts = Counts::default();
    for client in clients {
        drive(workspace, client, &interpreter, Some(&node), &mut counts)?;
    }
    Ok(Ran::Counted(counts))
}

fn drive(
    workspace: &Workspace,
    client: &str,
    interpreter: &Path,
    node: Option<&node::Node>,
    counts: &mut Counts,
) -> Result<()> {
    anyhow::ensure!(workspace.path(SCRIPT).is_file(), "{SCRIPT} is missing from the work tree");
    println!("client {client}");
    let binary: PathBuf = workspace.target_dir()?.join("debug/cortexpilot");
    let mut command = workspace.command(interpreter);
    command.arg(SCRIPT).arg("--binary").arg(binary).args(["--client", client]);
    if let Some(node) = node {
        command.arg("--node").arg(&node.program).arg("--home").arg(&node.home);
    }
    let shown = show(&mut command, LIMIT)?;
    let (passed, failed) = counted(&shown.stdout);
    counts.passed += passed;
    counts.failed += failed;
    if failed == 0 && (passed == 0 || !shown.success()) {
        counts.failed += 1;
        counts.remark = Some(format!("{SCRIPT} --client {client} did not come to an end"));
    }
    Ok(())
}
