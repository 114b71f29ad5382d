//! The first stage: outside the sandbox, above everything in it. It ends when the command has ended and nothing of it is
//! left, and it ends everything when it is told to, when a limit is passed, or when the worker is gone.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Signal, WaitStatus};

use super::helper::{Control, say};
use super::policy::{EndedSaid, Enforced, Policy, Said};
use super::{Level, bwrap, cgroup, landlock, tree};

/// How long the second stage may take to restrict itself on a busy machine.
const RESTRICT_MAX: Duration = Duration::from_secs(30);
/// How often the tree is counted.
const WATCH: Duration = Duration::from_millis(100);

enum Told {
    Stop,
    Kill,
    Gone,
}

pub(super) fn run(mut control: Control) -> io::Result<ExitCode> {
    let policy = control.policy()?;
    rustix::process::setsid().ok();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    // bubblewrap may be a program that gains rights when it is started, and this would keep it from that. Its own end is the end
    // of everything in it.
    let kept = policy.level == Level::Confined && landlock::keep_signals();
    let groups = if policy.level == Level::None { cgroup::Groups::default() } else { cgroup::enter(&policy.limits) };
    let Control { reader, mut writer } = control;
    let told = listen(reader);
    let (main, mut inner) = match start(&policy) {
        Ok(started) => started,
        Err(error) => {
            say(&mut writer, &Said::Refused(format!("the sandbox could not be started: {error}")))?;
            say(&mut writer, &Said::Ended(EndedSaid::default()))?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let mut line = serde_json::to_vec(&policy).map_err(io::Error::other)?;
    line.push(b'\n');
    // A stage that is gone already is told by what follows.
    drop(inner.write_all(&line));
    let mut answers = BufReader::new(inner.try_clone()?);
    inner.set_read_timeout(Some(RESTRICT_MAX))?;
    let first = answer(&mut answers)
        .unwrap_or_else(|| Said::Refused("bubblewrap or the helper ended before it answered".into()));
    let goes_on = match first {
        Said::Restricted(enforced) => {
            say(&mut writer, &Said::Restricted(with_groups(enforced, &groups)))?;
            true
        }
        other @ (Said::Refused(_) | Said::NotStarted(_) | Said::Ended(_)) => {
            say(&mut writer, &other)?;
            false
        }
    };
    // For what is read at the end, when whoever held the other end is gone, or could not be ended.
    inner.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut ended = EndedSaid::default();
    let status = if goes_on { watch(&policy, main, &told, &mut ended) } else { None };
    let killed = tree::kill_all(main, kept);
    if status.is_some() {
        ended.left_behind = killed.processes;
    }
    if let Some(status) = status.or(killed.status) {
        (ended.code, ended.signal) = meaning(status, policy.level);
    }
    if !killed.all {
        // Never said to be over when it may not be: whoever judges the work counts on that.
        ended.code = None;
        ended.killed_for = Some("not everything that it started could be ended".into());
    }
    // Whatever the second stage said after it had restricted itself: that the command could not be started.
    if goes_on && let Some(said @ Said::NotStarted(_)) = answer(&mut answers) {
        say(&mut writer, &said)?;
    }
    say(&mut writer, &Said::Ended(ended))?;
    Ok(ExitCode::SUCCESS)
}

/// Starts the second stage and answers its process (bubblewrap's, where that stands between) and our end of its socket.
fn start(policy: &Policy) -> io::Result<(i32, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    let helper = std::env::current_exe()?;
    let mut command = match (&policy.bwrap, policy.level) {
        (Some(program), Level::Namespaces) => {
            let mut command = Command::new(program);
            command.args(bwrap::arguments(policy, &helper));
            command
        }
        (None, Level::Namespaces) => return Err(io::Error::other("bubblewrap is not there")),
        (_, Level::None | Level::Confined) => {
            let mut command = Command::new(helper);
            command.args(&policy.helper_args).arg("confine");
            command
        }
    };
    let child = command.env_clear().stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?;
    // Reaped by `tree`, with everything else.
    Ok((i32::try_from(child.id()).unwrap_or(0), ours))
}

fn answer(reader: &mut BufReader<UnixStream>) -> Option<Said> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

fn listen(mut reader: BufReader<UnixStream>) -> Receiver<Told> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        loop {
            line.clear();
            let told = match reader.read_line(&mut line) {
                Ok(0) | Err(_) => Told::Gone,
                Ok(_) if line.trim() == "stop" => Told::Stop,
                Ok(_) => Told::Kill,
            };
            let last = matches!(told, Told::Gone);
            if sender.send(told).is_err() || last {
                return;
            }
        }
    });
    receiver
}

/// Waits for the command, with an eye on its tree. `None`: it was not seen to end by itself.
fn watch(policy: &Policy, main: i32, told: &Receiver<Told>, ended: &mut EndedSaid) -> Option<WaitStatus> {
    let (mut looked, mut pause) = (None::<Instant>, Duration::from_millis(1));
    let disks = disks(policy);
    loop {
        if let Some(status) = tree::reap(main).status {
            return Some(status);
        }
        if looked.is_none_or(|at| at.elapsed() >= WATCH) {
            looked = Some(Instant::now());
            let tree = tree::look();
            ended.processes = ended.processes.max(tree.threads);
            ended.memory_bytes = ended.memory_bytes.max(tree.memory_bytes);
            if policy.level != Level::None {
                let limits = &policy.limits;
                if tree.threads > limits.processes + 8 {
                    ended.killed_for = Some(format!("more than {} processes", limits.processes));
                    return None;
                }
                if tree.memory_bytes > limits.memory_bytes {
                    ended.killed_for = Some(format!("more than {} bytes of memory", limits.memory_bytes));
                    return None;
                }
                if let Some(least) = disks.iter().find(|(dir, least)| left(dir).is_some_and(|left| left < *least)) {
                    ended.killed_for = Some(format!("less than {} bytes were left on its disk", least.1));
                    return None;
                }
            }
        }
        match told.recv_timeout(pause) {
            Ok(Told::Stop) => tree::signal(&tree::look().pids, Signal::TERM),
            Ok(Told::Kill) => {
                ended.killed_for = Some("the worker asked for it".into());
                return None;
            }
            Ok(Told::Gone) | Err(RecvTimeoutError::Disconnected) => {
                ended.killed_for = Some("the worker is gone".into());
                return None;
            }
            Err(RecvTimeoutError::Timeout) => pause = (pause * 2).min(Duration::from_millis(20)),
        }
    }
}

/// The disks that it can write to, and how much must be left on each.
fn disks(policy: &Policy) -> Vec<(&str, u64)> {
    let asked = policy.limits.disk_left_bytes;
    let least = |dir: &str| left(dir).map(|left| if left > asked { asked } else { left / 2 });
    policy.write.iter().filter_map(|dir| Some((dir.as_str(), least(dir)?))).collect()
}

/// What is left for users without rights, in bytes.
fn left(dir: &str) -> Option<u64> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// bubblewrap says of a command that was killed what a shell says: 128 and the signal's number.
fn meaning(status: WaitStatus, level: Level) -> (Option<i32>, Option<i32>) {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) if level == Level::Namespaces && code > 128 => (None, Some(code - 128)),
        other => other,
    }
}

fn with_groups(mut enforced: Enforced, groups: &cgroup::Groups) -> Enforced {
    if enforced.limits.is_some() {
        let counted = !rustix::process::geteuid().is_root() && enforced.level == Level::Namespaces;
        let by = if groups.processes {
            "cgroup"
        } else if counted {
            "rlimit"
        } else {
            "watch"
        };
        enforced.processes_by = Some(by.into());
        enforced.memory_by = Some(if groups.memory { "cgroup" } else { "watch" }.into());
        enforced.cgroups.clone_from(&groups.dirs);
    }
    enforced
}
