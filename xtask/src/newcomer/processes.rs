//! The demo as a process group of its own, so that it can be interrupted as from a keyboard and never outlives us.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How often a stopping server is looked at. The system has no wait with a time limit that safe code could use.
const GLANCE: Duration = Duration::from_millis(50);

/// How a server ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that it does not handle.
    BySignal,
    /// By us: it was still there after the limit.
    Killed,
}

/// A running server whose standard output is read line by line.
pub(super) struct Server {
    child: Child,
    lines: Receiver<String>,
    stopped: bool,
}

impl Server {
    /// Starts the command in a process group of its own. Its standard error stays ours: people see the build.
    pub(super) fn start(mut command: Command) -> Result<Server> {
        let mut child =
            command.process_group(0).stdout(Stdio::piped()).spawn().context("the demo cannot be started")?;
        let stdout = child.stdout.take();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).split(b'\n')) {
                let Ok(line) = line else { break };
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        Ok(Server { child, lines, stopped: false })
    }

    /// Reads until the lines so far are what is waited for and nothing follows for `quiet`; or until the limit, or the
    /// end of the output.
    pub(super) fn read_until(
        &mut self,
        limit: Duration,
        quiet: Duration,
        wanted: fn(&[String]) -> bool,
    ) -> Result<Vec<String>> {
        let deadline = Instant::now() + limit;
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let patience = if wanted(&seen) { quiet.min(left) } else { left };
            match self.lines.recv_timeout(patience) {
                Ok(line) => seen.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(seen),
            }
        }
    }

    /// Sends SIGINT to the group, as a terminal does, and waits.
    pub(super) fn stop(&mut self, limit: Duration) -> Result<Stopped> {
        let deadline = Instant::now() + limit;
        let running = self.child.try_wait().context("the demo cannot be waited for")?;
        if running.is_none() {
            self.signal("-INT");
        }
        loop {
            if let Some(status) = self.child.try_wait().context("the demo cannot be waited for")? {
                self.stopped = true;
                return Ok(status.code().map_or(Stopped::BySignal, Stopped::Exited));
            }
            if Instant::now() >= deadline {
                self.kill();
                return Ok(Stopped::Killed);
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn kill(&mut self) {
        self.signal("-KILL");
        // Reaped, so that it is not found later as a process left behind. It was killed: its status says nothing.
        let _ = self.child.wait();
        self.stopped = true;
    }

    /// `kill` the program: signals need the C library, which this crate has no other use for.
    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.child.id());
        // A group that is already gone is what was wanted.
        let _ = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.stopped {
            self.kill();
        }
    }
}

/// Processes that run a program below a directory, or stand in it. `None` where the system does not tell.
pub(super) fn below(dir: &Path) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.chars().all(|c| c.is_ascii_digit()) {
            continue;
        }
        let leads_inside = |link: &str| std::fs::read_link(entry.path().join(link)).is_ok_and(|to| to.starts_with(dir));
        if leads_inside("cwd") || leads_inside("exe") {
            let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            found.push(format!("{name} {}", words.trim()));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Server {
        let mut command = Command::new("bash");
        // A pipe that stays open for as long as the server is held: what reads it waits.
        command.args(["-c", script]).stdin(Stdio::piped());
        Server::start(command).unwrap()
    }

    fn has_ready(lines: &[String]) -> bool {
        lines.iter().any(|line| line == "ready")
    }

    #[test]
    fn a_server_is_read_interrupted_and_its_exit_code_kept() {
        let mut server = shell("trap 'exit 7' INT; echo ready; while read -r _; do :; done");
        let seen = server.read_until(LIMIT, Duration::from_millis(1), has_ready).unwrap();
        assert_eq!(seen, ["ready"]);
        assert_eq!(server.stop(LIMIT).unwrap(), Stopped::Exited(7));
    }

    #[test]
    fn a_server_that_ends_early_is_not_waited_for() {
        let mut server = shell("echo broken; exit 3");
        assert_eq!(server.read_until(LIMIT, LIMIT, has_ready).unwrap(), ["broken"]);
        assert_eq!(server.stop(LIMIT).unwrap(), Stopped::Exited(3));
    }

    #[test]
    fn a_server_that_dies_of_the_signal_or_ignores_it_is_told_apart() {
        for (script, limit, wanted) in [
            ("echo ready; exec cat", LIMIT, Stopped::BySignal),
            ("trap '' INT; echo ready; exec cat", Duration::ZERO, Stopped::Killed),
        ] {
            let mut server = shell(script);
            server.read_until(LIMIT, Duration::from_millis(1), has_ready).unwrap();
            assert_eq!(server.stop(limit).unwrap(), wanted, "{script}");
        }
    }

    #[test]
    fn processes_below_a_directory_are_found_and_gone_after_the_drop() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let mut server = shell(&format!("cd '{}'; echo ready; exec cat", base.display()));
        server.read_until(LIMIT, Duration::from_millis(1), has_ready).unwrap();
        assert_eq!(below(&base).unwrap().len(), 1);
        drop(server);
        assert_eq!(below(&base).unwrap(), Vec::<String>::new());
    }
}
