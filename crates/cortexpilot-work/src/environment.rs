//! The environment of what an agent runs: made anew from a short list, never inherited.

use std::collections::BTreeMap;
use std::path::Path;

use crate::workspace::Scratch;

/// Names that an operator may let through, as they are in the worker's own environment. Whatever else stands there (tokens,
/// sockets of agents, configuration of CortexPilot itself) is not seen by what runs in a workspace.
pub const PASSED_THROUGH: [&str; 3] = ["LANG", "LC_ALL", "TZ"];

/// The environment for a command in a workspace.
///
/// `passed` holds what the caller took from its own environment by [`PASSED_THROUGH`], and what the runner needs (credentials
/// by their names); `path` directories that come before the system's.
pub(crate) fn environment(
    tree: &Path,
    scratch: &Scratch,
    passed: &BTreeMap<String, String>,
    path: &[String],
) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: String| all.insert(name.to_owned(), value);
    let mut dirs: Vec<&str> = path.iter().map(String::as_str).collect();
    dirs.extend(["/usr/local/bin", "/usr/bin", "/bin"]);
    set("PATH", dirs.join(":"));
    set("HOME", scratch.home.to_string_lossy().into_owned());
    set("TMPDIR", scratch.tmp.to_string_lossy().into_owned());
    set("PWD", tree.to_string_lossy().into_owned());
    set("LANG", "C.UTF-8".into());
    set("TERM", "dumb".into());
    set("SHELL", "/bin/sh".into());
    set("USER", "agent".into());
    set("LOGNAME", "agent".into());
    set("CI", "1".into());
    // Programs of the workspace must not be steered by files outside it either.
    set("GIT_CONFIG_NOSYSTEM", "1".into());
    set("GIT_TERMINAL_PROMPT", "0".into());
    for (name, value) in passed {
        if is_name(name) && !value.contains('\0') {
            set(name, value.clone());
        }
    }
    all
}

/// Whether a variable may be handed on at all: what changes how programs are loaded may not.
fn is_name(name: &str) -> bool {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain
        && !name.starts_with("LD_")
        && !name.starts_with("DYLD_")
        && !name.starts_with("GIT_")
        && name != "PATH"
        && name != "HOME"
}
