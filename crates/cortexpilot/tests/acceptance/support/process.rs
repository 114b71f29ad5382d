//! One child process with piped ends, read by threads so that no pipe can fill up and stop it.

use std::io::{BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::secrets;

/// How long anything may take before the test gives up and says so. Far more than a debug build on a busy machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running child. Dropping it kills it and waits for its end. However it ends, a secret in its standard error fails the
/// test.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    /// Behind a lock only so that a handle can be shared between threads; whoever reads has it alone.
    lines: Mutex<Receiver<Vec<u8>>>,
    errors: Option<JoinHandle<String>>,
}

/// How a process ended, and what it still said.
pub(crate) struct Finished {
    /// Its exit status.
    pub(crate) status: ExitStatus,
    /// The lines of standard output that nobody had read.
    pub(crate) lines: Vec<String>,
    /// All of standard error.
    pub(crate) stderr: String,
}

impl Process {
    /// Starts a command with all three standard streams piped. `name` stands in messages of failed tests.
    pub(crate) fn spawn(mut command: Command, name: &str) -> Self {
        secrets::keep_of(&command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let (sender, lines) = channel();
        let stdout = child.stdout.take().expect("invariant: standard output is piped");
        std::thread::spawn(move || forward(BufReader::new(stdout), &sender));
        let mut stderr = child.stderr.take().expect("invariant: standard error is piped");
        let errors = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // A read error ends what can be known; what came before is still worth showing.
            _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let stdin = child.stdin.take();
        Self { name: name.to_owned(), child, stdin, lines: Mutex::new(lines), errors: Some(errors) }
    }

    /// Writes one line to standard input.
    pub(crate) fn send(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().expect("standard input was closed by the test");
        let written = stdin.write_all(line).and_then(|()| stdin.write_all(b"\n")).and_then(|()| stdin.flush());
        if let Err(error) = written {
            self.fail(&format!("takes no more input: {error}"));
        }
    }

    /// The next line of standard output, without its newline; `None` when there will be no more.
    pub(crate) fn line(&mut self) -> Option<String> {
        let lines = self.lines.get_mut().expect("invariant: no reader panics while it reads");
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                let line = text(line);
                // A command that makes a token prints it, once: from now on nobody may say it.
                secrets::tokens_in(&line);
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => self.fail(&format!("said nothing for {PATIENCE:?}")),
        }
    }

    /// The next line of standard output, which must come.
    pub(crate) fn expect_line(&mut self) -> String {
        match self.line() {
            Some(line) => line,
            None => self.fail("ended"),
        }
    }

    /// Closes standard input, reads the rest and waits for the end.
    pub(crate) fn finish(mut self) -> Finished {
        self.end()
    }

    /// Asks the process to end (SIGTERM), reads the rest and waits for the end.
    pub(crate) fn terminate(mut self) -> Finished {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Kills the process (SIGKILL): nothing of it runs any more when this returns.
    pub(crate) fn kill(mut self) -> Finished {
        self.signal(Signal::KILL);
        self.end()
    }

    /// Waits for a process that ends by itself: nothing asks it to, and its standard input stays open.
    pub(crate) fn ends(mut self) -> Finished {
        let mut lines = Vec::new();
        while let Some(line) = self.line() {
            lines.push(line);
        }
        let status = self.wait();
        Finished { status, lines, stderr: self.stderr() }
    }

    fn end(&mut self) -> Finished {
        self.stdin = None;
        let mut lines = Vec::new();
        while let Some(line) = self.line() {
            lines.push(line);
        }
        let status = self.wait();
        Finished { status, lines, stderr: self.stderr() }
    }

    /// Waits for the end; a process that does not end in time is killed.
    fn wait(&mut self) -> ExitStatus {
        let pid = self.pid();
        let (ended, watch) = channel::<()>();
        let watchdog = std::thread::spawn(move || {
            if watch.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                _ = kill_process(pid, Signal::KILL);
                return true;
            }
            false
        });
        let status = self.child.wait().expect("a child can be waited for");
        drop(ended);
        let killed = watchdog.join().expect("invariant: the watchdog does not panic");
        if killed {
            self.fail(&format!("did not end within {PATIENCE:?}"));
        }
        status
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        // A process that has just ended by itself cannot be signalled, which is as good.
        _ = kill_process(self.pid(), signal);
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Pid {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("invariant: a child has a process id")
    }

    /// All of standard error, which must hold no secret.
    fn stderr(&mut self) -> String {
        let Some(thread) = self.errors.take() else { return String::new() };
        let said = thread.join().expect("invariant: the reader does not panic");
        secrets::assert_none_in(&format!("standard error of {}", self.name), &said);
        said
    }

    /// Fails the test, saying how the process ended and all it wrote to standard error.
    fn fail(&mut self, what: &str) -> ! {
        _ = self.child.kill();
        let status = self.child.wait();
        let stderr = self.stderr();
        panic!("{} {what}\nstatus: {status:?}\nstandard error:\n{stderr}", self.name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        // Only now are both pipes closed, so the readers end too.
        let said = self.errors.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        if !std::thread::panicking() {
            secrets::assert_none_in(&format!("standard error of {}", self.name), &said);
        }
    }
}

fn forward(mut stdout: impl std::io::BufRead, sender: &Sender<Vec<u8>>) {
    loop {
        let mut line = Vec::new();
        match stdout.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if sender.send(line).is_err() {
            return;
        }
    }
}

fn text(line: Vec<u8>) -> String {
    String::from_utf8(line).unwrap_or_else(|error| panic!("not UTF-8: {:?}", error.into_bytes()))
}
