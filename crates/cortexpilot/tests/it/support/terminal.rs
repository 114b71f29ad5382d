//! A pseudo-terminal: what a person at a keyboard sees and types.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{LIMIT, Running};

/// A command on a terminal of its own.
pub(crate) struct Terminal {
    child: Running,
    keyboard: File,
    screen: Receiver<String>,
    /// Everything shown so far.
    pub(crate) shown: String,
}

impl Terminal {
    /// Starts a command with all three standard streams on a fresh terminal.
    pub(crate) fn start(mut command: Command) -> Self {
        let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("the other end can be opened");
        let name = ptsname(&master, Vec::new()).expect("the other end has a name");
        let open = || {
            let path = name.to_str().expect("an ASCII path");
            Stdio::from(OpenOptions::new().read(true).write(true).open(path).expect("the other end opens"))
        };
        let child = Running::start(command.stdin(open()).stdout(open()).stderr(open()));
        // The command holds the streams for its child's sake; while it does, the terminal never ends.
        drop(command);
        let keyboard = File::from(master);
        let mut watched = keyboard.try_clone().expect("a second handle");
        let (send, screen) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // An error is how a terminal says that nobody holds its other end any more.
            while let Ok(read @ 1..) = watched.read(&mut bytes) {
                if send.send(String::from_utf8_lossy(&bytes[..read]).into_owned()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard, screen, shown: String::new() }
    }

    /// Waits until this text is shown.
    pub(crate) fn wait_for(&mut self, text: &str) {
        while !self.shown.contains(text) {
            match self.screen.recv_timeout(LIMIT) {
                Ok(more) => self.shown.push_str(&more),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("`{text}` was never shown:\n{}", self.shown)
                }
            }
        }
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).expect("the terminal takes input");
    }

    /// Sends the command a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        self.child.signal(signal);
    }

    /// Waits for the end; the exit code.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait();
        self.shown.extend(self.screen.iter());
        (status.code(), self.shown)
    }
}
