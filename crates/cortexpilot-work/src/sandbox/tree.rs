//! The processes below this one, as `/proc` shows them.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, wait};

/// One look at the tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) pids: Vec<i32>,
    /// The groups that they are in, but for this process's own.
    groups: BTreeSet<i32>,
    pub(super) threads: u64,
    pub(super) memory_bytes: u64,
}

/// Everything below this process. It is its tree's reaper, so what loses its parent becomes its child and stays in sight.
pub(super) fn look() -> Tree {
    let mut children: BTreeMap<i32, Vec<(i32, i32, u64, u64)>> = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Tree::default() };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name is in parentheses and may hold any of them: what counts follows the last.
        let Some((_, rest)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |index: usize| fields.get(index).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        // proc(5), counted from the state (field 3): parent 4, group 5, threads 20, resident pages 24. The dead hold nothing.
        if fields.first().is_some_and(|state| *state != "Z") {
            let parent = i32::try_from(field(1)).unwrap_or(0);
            let group = i32::try_from(field(2)).unwrap_or(0);
            let (threads, pages) = (field(17).unsigned_abs(), field(21).unsigned_abs());
            children.entry(parent).or_default().push((pid, group, threads, pages));
        }
    }
    let mut tree = Tree::default();
    let own = rustix::process::getpgrp().as_raw_nonzero().get();
    let mut open = vec![rustix::process::getpid().as_raw_nonzero().get()];
    while let Some(parent) = open.pop() {
        for (pid, group, threads, pages) in children.remove(&parent).unwrap_or_default() {
            tree.pids.push(pid);
            if group > 1 && group != own {
                tree.groups.insert(group);
            }
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

/// What was found when children that had ended were collected.
#[derive(Debug, Default)]
pub(super) struct Reaped {
    /// The status of the main one, if it was among them.
    pub(super) status: Option<WaitStatus>,
    /// There are no children any more, so there is nothing below this process: whatever loses its parent becomes its child.
    /// Unlike a look at `/proc`, this misses nobody who is gone before it can be looked at.
    pub(super) none_left: bool,
}

/// Collects children that have ended, whatever their process group.
pub(super) fn reap(main: i32) -> Reaped {
    let mut reaped = Reaped::default();
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                if pid.as_raw_nonzero().get() == main {
                    reaped.status = Some(status);
                }
            }
            Ok(None) => return reaped,
            Err(error) => {
                reaped.none_left = error == rustix::io::Errno::CHILD;
                return reaped;
            }
        }
    }
}

/// How the end of a tree went.
#[derive(Debug, Default)]
pub(super) struct Killed {
    /// How many processes there were.
    pub(super) processes: u64,
    /// The status of the main one, where it was collected here.
    pub(super) status: Option<WaitStatus>,
    /// Nothing is left.
    pub(super) all: bool,
}

/// Kills everything below this process.
///
/// Whoever looks and then kills comes too late for a process that has made another and gone. `kept`: [`keep_signals`] holds
/// for this process since before it started anything, so a signal to everybody reaches its tree and nobody else, in one step
/// of the kernel between any two forks. Without it, groups are killed, which is one step for each of them.
///
/// [`keep_signals`]: super::landlock::keep_signals
pub(super) fn kill_all(main: i32, kept: bool) -> Killed {
    let mut killed = Killed::default();
    let everybody = kept && reaches_nobody_above();
    for round in 0..2_000 {
        let reaped = reap(main);
        killed.status = killed.status.or(reaped.status);
        if reaped.none_left {
            killed.all = true;
            break;
        }
        let tree = look();
        if round == 0 {
            killed.processes = tree.pids.len() as u64;
        }
        if everybody {
            // Fails where there is nobody.
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(-1), nix::sys::signal::Signal::SIGKILL).ok();
        } else {
            if tree.pids.len() > 1 && round < 50 {
                // Stopped first, so that nothing that is looked at makes more of itself meanwhile.
                signal(&tree.pids, Signal::STOP);
            }
            let first = Some(main).filter(|main| is_group_of_ours(*main));
            for group in tree.groups.iter().copied().chain(first).filter_map(Pid::from_raw) {
                kill_process_group(group, Signal::KILL).ok();
            }
            signal(&tree.pids, Signal::KILL);
        }
        if round > 0 {
            std::thread::sleep(std::time::Duration::from_millis(if round < 20 { 1 } else { 5 }));
        }
    }
    killed
}

/// Whether a group that the command's first process leads, or led, can only be its own: that process is there and in its own
/// session, or it is gone. While anybody is in the group its number is not given away.
fn is_group_of_ours(main: i32) -> bool {
    match rustix::process::getsid(Pid::from_raw(main)) {
        Ok(session) => session.as_raw_nonzero().get() == main,
        Err(error) => error == rustix::io::Errno::SRCH,
    }
}

/// Asks the kernel once more whether this process's signals are kept in: its parent must be out of reach.
fn reaches_nobody_above() -> bool {
    rustix::process::getppid()
        .is_some_and(|parent| rustix::process::test_kill_process(parent) == Err(rustix::io::Errno::PERM))
}
