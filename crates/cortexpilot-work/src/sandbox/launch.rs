//! The worker's side: starts the helper, learns what holds, and ends everything when it is dropped.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::policy::{EndedSaid, Enforced, Limits, Policy, Said};
use super::{Helper, Level, cgroup};

/// How long the helper may take until the command runs. It has a shorter limit of its own.
const START_MAX: Duration = Duration::from_secs(60);

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum StartProblem {
    /// The bounds cannot be had on this machine.
    #[error("the sandbox cannot be had: {0}")]
    Refused(String),
    /// The helper could not be run.
    #[error("the sandbox's helper could not be run: {0}")]
    Helper(#[from] io::Error),
}

/// A command in its sandbox. Dropping it kills everything that is left of it.
#[derive(Debug)]
pub struct Launched {
    /// What holds.
    pub enforced: Enforced,
    child: Child,
    control: UnixStream,
    said: Receiver<Said>,
    not_started: Option<String>,
    ended: bool,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status, where it exited.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Why it could not even be started.
    pub not_started: Option<String>,
    /// Why the sandbox killed it, where it did.
    pub killed_for: Option<String>,
    /// The most processes and threads seen at once.
    pub processes: u64,
    /// The most memory seen at once, in bytes.
    pub memory_bytes: u64,
    /// Processes that outlived the command and were killed.
    pub left_behind: u64,
}

impl Ended {
    /// Whether it exited with status 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0) && self.not_started.is_none()
    }

    /// How, for people.
    pub fn words(&self) -> String {
        match (&self.not_started, &self.killed_for, self.code, self.signal) {
            (Some(why), _, _, _) => format!("it could not be started: {why}"),
            (None, Some(why), _, _) => format!("it was killed: {why}"),
            (None, None, Some(code), _) => format!("it ended with status {code}"),
            (None, None, None, Some(signal)) => format!("it was ended by signal {signal}"),
            (None, None, None, None) => "it is not known how it ended".into(),
        }
    }
}

/// Starts a command. When this answers, every bound of the policy holds and the command is being started.
///
/// # Errors
/// Nothing was started: a bound cannot be had, or the helper cannot be run.
pub fn launch(helper: &Helper, policy: &Policy) -> Result<(Launched, ChildStdout, ChildStderr), StartProblem> {
    let (mut control, theirs) = UnixStream::pair()?;
    let mut child = Command::new(&helper.program)
        .args(&helper.args)
        .arg("supervise")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (Some(stdout), Some(mut stderr)) = (stdout, stderr) else { unreachable!("invariant: both are piped") };
    let said = listen(BufReader::new(control.try_clone()?));
    let mut launched = Launched {
        enforced: Enforced::of(policy.level),
        child,
        control: control.try_clone()?,
        said,
        not_started: None,
        ended: false,
    };
    let mut line = serde_json::to_vec(policy).map_err(io::Error::other)?;
    line.push(b'\n');
    control.write_all(&line)?;
    match launched.said.recv_timeout(START_MAX) {
        Ok(Said::Restricted(enforced)) => {
            launched.enforced = enforced;
            Ok((launched, stdout, stderr))
        }
        Ok(Said::Refused(why) | Said::NotStarted(why)) => {
            // It ends by itself now. What bubblewrap said stands on standard error.
            launched.finish();
            let mut said = Vec::new();
            drop(io::Read::read_to_end(&mut io::Read::take(&mut stderr, 2_000), &mut said));
            let said = String::from_utf8_lossy(&said);
            let why = if said.trim().is_empty() { why } else { format!("{why}: {}", said.trim()) };
            Err(StartProblem::Refused(why))
        }
        Ok(Said::Ended(_)) | Err(RecvTimeoutError::Disconnected) => {
            Err(StartProblem::Helper(io::Error::other("it ended without an answer; is it this version's binary?")))
        }
        Err(RecvTimeoutError::Timeout) => Err(StartProblem::Helper(io::Error::other("it did not answer in time"))),
    }
}

fn listen(mut reader: BufReader<UnixStream>) -> Receiver<Said> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        loop {
            line.clear();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let Ok(said) = serde_json::from_str(&line) else { return };
                    if sender.send(said).is_err() {
                        return;
                    }
                }
            }
        }
    });
    receiver
}

impl Launched {
    /// Asks every process of the command to end (SIGTERM).
    pub fn stop(&mut self) {
        // A helper that is gone has ended everything.
        drop(self.control.write_all(b"stop\n"));
    }

    /// Kills every process of the command.
    pub fn kill(&mut self) {
        drop(self.control.write_all(b"kill\n"));
    }

    /// Waits at most so long for the end of everything; `None`: it goes on.
    pub fn wait(&mut self, most: Duration) -> Option<Ended> {
        loop {
            match self.said.recv_timeout(most) {
                Ok(Said::NotStarted(why)) => self.not_started = Some(why),
                Ok(Said::Ended(said)) => {
                    self.finish();
                    return Some(self.ended(said));
                }
                Ok(Said::Restricted(_) | Said::Refused(_)) => {}
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => {
                    self.finish();
                    let killed_for = Some("the sandbox's helper was killed".to_owned());
                    return Some(self.ended(EndedSaid { killed_for, ..EndedSaid::default() }));
                }
            }
        }
    }

    fn ended(&mut self, said: EndedSaid) -> Ended {
        Ended {
            code: said.code,
            signal: said.signal,
            not_started: self.not_started.take(),
            killed_for: said.killed_for,
            processes: said.processes,
            memory_bytes: said.memory_bytes,
            left_behind: said.left_behind,
        }
    }

    fn finish(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            // The helper sees this and ends everything, if it has not yet.
            drop(self.control.shutdown(std::net::Shutdown::Both));
            drop(self.child.wait());
            cgroup::remove(&self.enforced.cgroups);
        }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Applies a level to a program that does nothing.
pub(super) fn probe(helper: &Helper, level: Level, bwrap: Option<PathBuf>) -> Result<Enforced, String> {
    let policy = Policy {
        argv: vec!["/bin/true".into()],
        cwd: "/".into(),
        env: BTreeMap::new(),
        stdin: None,
        level,
        read: Vec::new(),
        write: Vec::new(),
        shown: BTreeMap::new(),
        network: false,
        limits: Limits::default(),
        bwrap: bwrap.map(|path| path.to_string_lossy().into_owned()),
        helper_args: helper.args.clone(),
    };
    let (mut launched, stdout, mut stderr) = launch(helper, &policy).map_err(|error| error.to_string())?;
    drop(stdout);
    let mut enforced = launched.enforced.clone();
    enforced.cgroups.clear();
    match launched.wait(START_MAX) {
        Some(ended) if ended.is_success() => Ok(enforced),
        Some(ended) => {
            let mut said = String::new();
            drop(io::Read::read_to_string(&mut stderr, &mut said));
            Err(format!("{} {}", ended.words(), said.trim()))
        }
        None => Err("it did not end in time".into()),
    }
}
