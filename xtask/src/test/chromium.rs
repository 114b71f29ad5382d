//! Debian's chromium: found where packages put it, or installed where we may.

use std::path::PathBuf;

use super::apt;
use crate::workspace::Workspace;

/// Names another browser than those that are looked for; the console's tests read it as well.
pub(crate) const VARIABLE: &str = "CORTEXPILOT_TEST_CHROMIUM";

/// Where packages put it.
const PLACES: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// A chromium that starts; or why there is none.
pub(crate) fn found(workspace: &Workspace) -> Result<PathBuf, String> {
    let starts =
        |path: &PathBuf| workspace.command(path).arg("--version").output().is_ok_and(|ran| ran.status.success());
    if let Some(named) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        return if starts(&named) {
            Ok(named)
        } else {
            Err(format!("{VARIABLE} names {}, which does not start", named.display()))
        };
    }
    let first = || PLACES.map(PathBuf::from).into_iter().find(starts);
    if let Some(path) = first() {
        return Ok(path);
    }
    apt::install(workspace, "chromium").map_err(|why| format!("chromium is not installed; {why}"))?;
    first().ok_or_else(|| "chromium was installed and cannot be started".to_owned())
}
