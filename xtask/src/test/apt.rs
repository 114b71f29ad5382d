//! What a suite needs of the distribution, installed where we may.

use crate::workspace::{Workspace, last_line};

/// Installs a package with apt-get, which takes root, or `sudo` that asks for nothing; else why it cannot be had.
pub(super) fn install(workspace: &Workspace, package: &str) -> Result<(), String> {
    let root = workspace.command("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    let sudo = || workspace.command("sudo").args(["-n", "true"]).output().is_ok_and(|ran| ran.status.success());
    let program: &[&str] = match root {
        true => &["apt-get"],
        false if sudo() => &["sudo", "-n", "apt-get"],
        false => return Err(format!("only root can install it here: apt-get install {package}")),
    };
    println!("installing {package}");
    let this = ["install", "-y", "--no-install-recommends", package];
    // A fresh machine has no list of packages yet; where there is one, it is not fetched again.
    apt_get(workspace, program, &this).or_else(|_| {
        apt_get(workspace, program, &["update"])?;
        apt_get(workspace, program, &this)
    })
}

fn apt_get(workspace: &Workspace, program: &[&str], args: &[&str]) -> Result<(), String> {
    let words = [program, args].concat();
    match workspace.command(words[0]).args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive").output() {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(format!("apt-get cannot install it: {}", last_line(&done.stderr))),
        Err(error) => Err(format!("apt-get cannot be started: {error}")),
    }
}
