//! bubblewrap's arguments: a root of its own that holds the system read-only, the workspace, and nothing else.

use std::path::Path;

use super::landlock::{ETC, SYSTEM_DIRS};
use super::policy::Policy;

/// Where the helper lies inside.
const HELPER: &str = "/run/cortexpilot-helper";

/// The namespaces that [`arguments`] asks for.
pub(super) fn namespaces(network: bool) -> Vec<String> {
    let mut all = vec!["mount", "pid", "ipc", "uts", "cgroup"];
    if !network {
        all.push("net");
    }
    all.into_iter().map(str::to_owned).collect()
}

/// Everything after bubblewrap's name, the helper's second stage included.
pub(super) fn arguments(policy: &Policy, helper: &Path) -> Vec<String> {
    let mut args: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| args.extend(words.iter().map(|word| (*word).to_owned()));
    add(&[
        "--die-with-parent",
        "--new-session",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]);
    if !policy.network {
        add(&["--unshare-net"]);
    }
    add(&["--hostname", "sandbox", "--cap-drop", "ALL"]);
    if rustix::process::geteuid().is_root() {
        // bubblewrap leaves root's bounding set as it was; with this one capability the next stage empties it, and then
        // has none.
        add(&["--cap-add", "CAP_SETPCAP"]);
    } else {
        add(&["--unshare-user"]);
    }
    for path in SYSTEM_DIRS {
        match std::fs::read_link(path) {
            Ok(target) => add(&["--symlink", &target.to_string_lossy(), path]),
            Err(_) => add(&["--ro-bind-try", path, path]),
        }
    }
    for path in ETC {
        add(&["--ro-bind-try", path, path]);
    }
    add(&["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
    add(&["--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]);
    for (place, dir) in &policy.shown {
        add(&["--bind", dir, place]);
    }
    for path in &policy.read {
        add(&["--ro-bind-try", path, path]);
    }
    for path in &policy.write {
        add(&["--bind", path, path]);
    }
    add(&["--ro-bind", &helper.to_string_lossy(), HELPER, "--chdir", "/", "--", HELPER]);
    args.extend(policy.helper_args.iter().cloned());
    args.push("confine".into());
    args
}
