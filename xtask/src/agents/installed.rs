//! Foreign programs below `target/clients`, installed on first use: from npm by a lock, from PyPI by a version.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::workspace::{Workspace, last_line};

/// Written last, so that an installation that was interrupted is made anew.
const STAMP: &str = "installed";

/// What npm is told by: the package file, its lock, and its settings.
const OF_NPM: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// The npm prefix `target/clients/<name>`, with exactly what the lock of `tests/clients/<name>` says; or why it cannot be
/// had. Installation scripts do not run: what we start are the native programs that the packages bring.
pub(crate) fn npm(workspace: &Workspace, name: &str) -> Result<Result<PathBuf, String>> {
    let from = workspace.path("tests/clients").join(name);
    let prefix = workspace.target_dir()?.join("clients").join(name);
    let lock = fs::read_to_string(from.join("package-lock.json"))
        .with_context(|| format!("tests/clients/{name} has no package-lock.json"))?;
    let stamp = prefix.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) && prefix.join("node_modules").is_dir() {
        return Ok(Ok(prefix));
    }
    fs::create_dir_all(&prefix).with_context(|| format!("{} cannot be made", prefix.display()))?;
    for file in OF_NPM {
        if from.join(file).is_file() {
            fs::copy(from.join(file), prefix.join(file)).with_context(|| format!("{file} cannot be copied"))?;
        }
    }
    println!("installing the packages of tests/clients/{name} into {}", prefix.display());
    let installed = match workspace.command("npm").args(["ci", "--ignore-scripts"]).current_dir(&prefix).output() {
        Ok(installed) => installed,
        Err(error) => return Ok(Err(format!("npm cannot be started: {error}"))),
    };
    if !installed.status.success() {
        return Ok(Err(format!("npm cannot install tests/clients/{name}: {}", last_line(&installed.stderr))));
    }
    fs::write(&stamp, lock).with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(Ok(prefix))
}

/// The Python of the virtual environment `target/clients/<name>` with one package in this version; or why it cannot be had.
pub(crate) fn python(workspace: &Workspace, name: &str, package: &str) -> Result<Result<PathBuf, String>> {
    let dir = workspace.target_dir()?.join("clients").join(name);
    let python = dir.join("bin/python");
    let stamp = dir.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == package) && python.exists() {
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
    fs::write(&stamp, package).with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(Ok(python))
}
