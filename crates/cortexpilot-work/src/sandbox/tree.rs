//! The processes below this one, as `/proc` shows them.

use std::collections::BTreeMap;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};

/// One look at the tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) pids: Vec<i32>,
    pub(super) threads: u64,
    pub(super) memory_bytes: u64,
}

/// Everything below this process. It is its tree's reaper, so what loses its parent becomes its child and stays in sight.
pub(super) fn look() -> Tree {
    let mut children: BTreeMap<i32, Vec<(i32, u64, u64)>> = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Tree::default() };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name is in parentheses and may hold any of them: what counts follows the last.
        let Some((_, rest)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |index: usize| fields.get(index).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        // proc(5), counted from the state (field 3): parent 4, threads 20, resident pages 24. The dead hold nothing.
        if fields.first().is_some_and(|state| *state != "Z") {
            let parent = i32::try_from(field(1)).unwrap_or(0);
            children.entry(parent).or_default().push((pid, field(17).unsigned_abs(), field(21).unsigned_abs()));
        }
    }
    let mut tree = Tree::default();
    let mut open = vec![rustix::process::getpid().as_raw_nonzero().get()];
    while let Some(parent) = open.pop() {
        for (pid, threads, pages) in children.remove(&parent).unwrap_or_default() {
            tree.pids.push(pid);
            tree.threads += threads;
            tree.memory_bytes += pages * rustix::param::page_size() as u64;
            open.push(pid);
        }
    }
    tree
}

pub(super) fn signal(pids: &[i32], signal: Signal) {
    for pid in pids.iter().copied().filter_map(Pid::from_raw) {
        kill_process(pid, signal).ok();
    }
}

/// Collects children that have ended, whatever their process group; answers the status of `main` if it is among them.
pub(super) fn reap(main: i32) -> Option<WaitStatus> {
    let mut of_main = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid.as_raw_nonzero().get() == main {
            of_main = Some(status);
        }
    }
    of_main
}

/// Kills everything below this process and answers how many there were. Stopped first, so that nothing that is looked at
/// makes more of itself meanwhile.
pub(super) fn kill_all(main: i32) -> (u64, Option<WaitStatus>) {
    let (mut killed, mut status) = (0, None);
    for round in 0..2_000 {
        let tree = look();
        if tree.pids.is_empty() {
            status = status.or(reap(main));
            // A process that was just adopted may show only now.
            if look().pids.is_empty() {
                break;
            }
            continue;
        }
        if round == 0 {
            killed = tree.pids.len() as u64;
        }
        if tree.pids.len() > 1 && round < 50 {
            signal(&tree.pids, Signal::STOP);
        }
        signal(&tree.pids, Signal::KILL);
        status = status.or(reap(main));
        std::thread::sleep(std::time::Duration::from_millis(if round < 20 { 1 } else { 5 }));
    }
    (killed, status)
}
