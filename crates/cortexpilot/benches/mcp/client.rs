//! A client that does little: one request at a time, its bytes made beforehand, its answer the next line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A server that is talked to. Ended when dropped.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    line: Vec<u8>,
    started: Instant,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bytes of a request.
pub(crate) fn request(id: u64, method: &str, params: &Value) -> Vec<u8> {
    let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    format!("{request}\n").into_bytes()
}

/// The bytes of a tool call.
pub(crate) fn call(tool: &str, arguments: &Value) -> Vec<u8> {
    request(7, "tools/call", &json!({"name": tool, "arguments": arguments}))
}

impl Server {
    /// Starts it and says the handshake.
    pub(crate) fn start(command: &mut Command) -> std::io::Result<Self> {
        let started = Instant::now();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let streams = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = streams.ok_or_else(|| std::io::Error::other("no standard streams"))?;
        let mut server = Self { child, stdin: Some(stdin), answers: BufReader::new(stdout), line: Vec::new(), started };
        let client = json!({"name": "bench", "version": "1"});
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        server.ask(&request(1, "initialize", &hello))?;
        server.write(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n")?;
        Ok(server)
    }

    /// Asks, and says how long the answer took: from the first byte written to the last one read.
    pub(crate) fn ask(&mut self, request: &[u8]) -> std::io::Result<Duration> {
        let asked = Instant::now();
        self.write(request)?;
        self.line.clear();
        if self.answers.read_until(b'\n', &mut self.line)? == 0 {
            return Err(std::io::Error::other("the server ended without an answer"));
        }
        Ok(asked.elapsed())
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stdin.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?.write_all(bytes)
    }

    /// Closes its input and waits until it has ended.
    pub(crate) fn end(mut self) -> std::io::Result<()> {
        drop(self.stdin.take());
        self.child.wait().map(|_| ())
    }

    /// How many bytes the last answer had.
    pub(crate) fn answer_bytes(&self) -> usize {
        self.line.len()
    }

    /// The result of the last answer; anything but a success ends the measurement.
    pub(crate) fn result(&self) -> Result<Value, String> {
        let mut answer: Value = serde_json::from_slice(&self.line).map_err(|error| error.to_string())?;
        let result = answer["result"].take();
        if result.is_null() || result["isError"] == true {
            Err(format!("refused: {answer} {result}"))
        } else {
            Ok(result)
        }
    }

    /// How long ago it was started.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Its resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> std::io::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0).ok_or_else(|| std::io::Error::other("no VmRSS"))
    }
}
