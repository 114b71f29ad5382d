//! A server as a process of its own, spoken to over its standard streams, one line a message.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Instant;

use cortexpilot_core::domain::text::escape;
use serde_json::Value;

use super::{Problem, WITHIN};

/// An answer's line is no longer, in bytes; lists are paged far below.
const LINE_MAX: u64 = 8 << 20;

/// Of what the server says on standard error, its beginning is kept, in bytes.
const SAID_MAX: u64 = 4 << 10;

/// A running server. Dropping it ends the process.
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    said: Option<std::thread::JoinHandle<String>>,
}

impl Process {
    /// Starts it as the client would.
    pub(super) fn start(mut command: Command) -> Result<Self, Problem> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            let program = escape(&command.get_program().to_string_lossy());
            Problem::new(
                format!("{program} cannot be started: {error}."),
                "Was the program moved or built anew? Install the entry again from where it is now, with --replace.",
            )
        })?;
        let (send, lines) = sync_channel(64);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        if let Some(stdout) = stdout {
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stdout);
                loop {
                    let mut line = Vec::new();
                    let read = reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line);
                    if !matches!(read, Ok(1..)) || send.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let said = stderr.map(|stderr| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let mut stderr = stderr;
                let _ = stderr.by_ref().take(SAID_MAX).read_to_end(&mut bytes);
                // Read on, so that the server never waits for somebody to listen.
                let _ = std::io::copy(&mut stderr, &mut std::io::sink());
                String::from_utf8_lossy(&bytes).into_owned()
            })
        });
        Ok(Self { child, stdin, lines, said })
    }

    /// Sends one message.
    pub(super) fn send(&mut self, message: &Value) -> Result<(), Problem> {
        let sent = match &mut self.stdin {
            Some(stdin) => stdin.write_all(format!("{message}\n").as_bytes()).and_then(|()| stdin.flush()),
            None => return Err(self.ended()),
        };
        sent.map_err(|_| self.ended())
    }

    /// The answer to the request with this id; other messages are passed over.
    pub(super) fn answer(&mut self, id: u64) -> Result<Value, Problem> {
        let until = Instant::now() + WITHIN;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let message: Value = serde_json::from_slice(&line).map_err(|_| {
                        let line = escape(String::from_utf8_lossy(&line).trim_end());
                        Problem::new(
                            format!("The server wrote a line to standard output that is no message: {line:.200}"),
                            "Is something else started in its place, or does a wrapper print there?",
                        )
                    })?;
                    if message["id"] == id {
                        return Ok(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Problem::new(
                        format!("The server did not answer within {} s.", WITHIN.as_secs()),
                        "Start the same command in a terminal and look at what it says.",
                    ));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
            }
        }
    }

    /// It ended: with its own words, which say why.
    fn ended(&mut self) -> Problem {
        self.stdin = None;
        let status = self.child.wait().map(|status| status.to_string()).unwrap_or_else(|error| error.to_string());
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let said: Vec<String> = said.lines().map(escape).filter(|line| !line.trim().is_empty()).collect();
        let said = if said.is_empty() { String::new() } else { format!("\nIt said:\n  {}", said.join("\n  ")) };
        Problem::new(format!("The server ended ({status}).{said}"), "Put right what it says, then check again.")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends when its standard input does; whoever does not is not waited for.
        self.stdin = None;
        let until = Instant::now() + std::time::Duration::from_secs(1);
        while Instant::now() < until {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => break,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
