//! Control groups, where this user may make them: the kernel's own bound on processes and memory of a whole tree.

use std::path::{Path, PathBuf};

use super::policy::Limits;

/// The groups that hold this process now.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) dirs: Vec<String>,
    pub(super) processes: bool,
    pub(super) memory: bool,
}

/// Makes groups for the calling process and enters them. What cannot be had is left to the other limits.
pub(super) fn enter(limits: &Limits) -> Groups {
    let mut groups = Groups::default();
    let Ok(mine) = std::fs::read_to_string("/proc/self/cgroup") else { return groups };
    let name = format!("cortexpilot-{}", std::process::id());
    for line in mine.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            // Version 2: beside the own group, because a group with processes cannot have groups with limits beneath it.
            for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
                let parent = Path::new(root).join(path);
                let Some(parent) = parent.parent().filter(|parent| parent.starts_with(root)) else { continue };
                let has = |controller: &str| {
                    std::fs::read_to_string(parent.join("cgroup.subtree_control"))
                        .is_ok_and(|all| all.split_whitespace().any(|one| one == controller))
                };
                let (pids, memory) = (has("pids") && !groups.processes, has("memory") && !groups.memory);
                if pids || memory {
                    let mut values = Vec::new();
                    values.extend(pids.then(|| ("pids.max", limits.processes.to_string())));
                    values.extend(memory.then(|| ("memory.max", limits.memory_bytes.to_string())));
                    if let Some(dir) = make(&parent.join(&name), &values) {
                        groups.dirs.push(dir);
                        groups.processes |= pids;
                        groups.memory |= memory;
                    }
                }
            }
            continue;
        }
        for controller in controllers.split(',') {
            let values = match controller {
                "pids" if !groups.processes => [("pids.max", limits.processes.to_string())],
                "memory" if !groups.memory => [("memory.limit_in_bytes", limits.memory_bytes.to_string())],
                _ => continue,
            };
            let parent = Path::new("/sys/fs/cgroup").join(controller).join(path);
            if let Some(dir) = make(&parent.join(&name), &values) {
                groups.dirs.push(dir);
                groups.processes |= controller == "pids";
                groups.memory |= controller == "memory";
            }
        }
    }
    groups
}

/// Makes one group with its values and enters it; all of it or nothing. What a helper that was killed left beside it is
/// removed on the way: a group whose name is that of a process that is no more, and which is empty.
fn make(dir: &Path, values: &[(&str, String)]) -> Option<String> {
    for entry in dir.parent().and_then(|parent| std::fs::read_dir(parent).ok()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix("cortexpilot-"));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            std::fs::remove_dir(entry.path()).ok();
        }
    }
    std::fs::create_dir(dir).ok()?;
    let set = |file: &str, value: &str| std::fs::write(dir.join(file), value).is_ok();
    if values.iter().all(|(file, value)| set(file, value)) && set("cgroup.procs", "0") {
        // Memory that is only moved to the disk is memory still. Not every kernel counts it.
        for (file, value) in values {
            match *file {
                "memory.max" => drop(set("memory.swap.max", "0")),
                "memory.limit_in_bytes" => drop(set("memory.memsw.limit_in_bytes", value)),
                _ => {}
            }
        }
        return Some(dir.to_string_lossy().into_owned());
    }
    std::fs::remove_dir(dir).ok();
    None
}

/// Removes groups whose processes have ended; called by the worker, outside them. What is left in them is killed first.
pub(super) fn remove(dirs: &[String]) {
    for dir in dirs {
        let dir = PathBuf::from(dir);
        for _ in 0..50 {
            if std::fs::remove_dir(&dir).is_ok() || !dir.exists() {
                break;
            }
            // Version 2 kills all of it at once, whatever it makes meanwhile.
            if std::fs::write(dir.join("cgroup.kill"), "1").is_ok() {
                std::thread::sleep(std::time::Duration::from_millis(2));
                continue;
            }
            let left = std::fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
            for pid in left.lines().filter_map(|line| line.parse().ok()).filter_map(rustix::process::Pid::from_raw) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}
