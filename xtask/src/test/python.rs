//! Virtual environments for Python clients, made on first use below `target/clients`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::workspace::{Workspace, last_line};

/// What a virtual environment holds.
pub(super) struct Environment {
    /// Its directory below `target/clients`.
    directory: &'static str,
    /// What pip installs. Raise a pin by running the suite with the newer version.
    packages: &'static [&'static str],
    /// The module that is imported to see whether the environment works.
    module: &'static str,
}

/// The official SDK, 1.x.
pub(super) const SDK_1: Environment =
    Environment { directory: "python-sdk-1", packages: &["mcp==1.30.0"], module: "mcp" };

/// The official SDK, 2.x.
pub(super) const SDK_2: Environment =
    Environment { directory: "python-sdk-2", packages: &["mcp==2.3.0"], module: "mcp" };

/// FastMCP's client, without its server.
pub(super) const FASTMCP: Environment = Environment {
    directory: "fastmcp",
    packages: &["fastmcp-slim[client]==4.1.6", "jsonschema==4.26.0"],
    module: "fastmcp.client",
};

/// Schemathesis, which tests an HTTP interface by its OpenAPI document.
pub(super) const SCHEMATHESIS: Environment = Environment {
    directory: "schemathesis",
    packages: &["schemathesis==4.32.5", "jsonschema==4.26.0"],
    module: "schemathesis",
};

/// The interpreter of an environment, made on first use; or why it cannot be had.
pub(super) fn interpreter(workspace: &Workspace, environment: &Environment) -> Result<Result<PathBuf, String>> {
    let Environment { directory, packages, module } = environment;
    let dir = workspace.target_dir()?.join("clients").join(directory);
    let python = dir.join("bin/python");
    let wanted = packages.join(" ");
    // Written last: an installation that was interrupted is made anew.
    let stamp = dir.join("installed");
    let import = format!("import {module}, jsonschema");
    let works =
        || workspace.command(&python).args(["-c", &import]).output().is_ok_and(|output| output.status.success());
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && works() {
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
    println!("installing {wanted} into {}", dir.display());
    let installed = workspace
        .command(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(*packages)
        .output()
        .context("pip of the virtual environment cannot be started")?;
    if !installed.status.success() {
        return Ok(Err(format!("pip cannot install {wanted}: {}", last_line(&installed.stderr))));
    }
    std::fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(Ok(python))
}
