//! A started control plane, and HTTP/1.1 over a plain socket: what is sent is exactly what the test wrote.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{LIMIT, Running, TOKEN};

/// A running `serve` or `up`.
pub(crate) struct Server {
    child: Running,
    stdout: BufReader<std::process::ChildStdout>,
    /// What it printed when it was ready, as JSON.
    pub(crate) ready: Value,
    /// Its address, without a slash at the end.
    pub(crate) url: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    /// The status.
    pub(crate) status: u16,
    /// The headers, names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: String,
}

impl Response {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header's first value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Server {
    /// Starts it, with `--output json` among its arguments, and waits for its first line.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut stdout = BufReader::new(child.0.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("standard output is UTF-8");
        if line.is_empty() {
            let mut said = String::new();
            // The child has closed its output: it is ending.
            let _ = child.0.stderr.take().expect("piped").read_to_string(&mut said);
            panic!("the server did not start: {said}");
        }
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let url = ready["url"].as_str().expect("the address is printed").trim_end_matches('/').to_owned();
        Self { child, stdout, ready, url }
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> &str {
        self.url.strip_prefix("http://").expect("an http address")
    }

    /// Sends a request as these bytes and reads the one answer; the request must ask for the connection to be closed.
    pub(crate) fn raw(&self, request: &[u8]) -> Response {
        let mut stream = TcpStream::connect(self.authority()).expect("the server listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout can be set");
        stream.write_all(request).expect("the server reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server answers and closes");
        parse(&answer)
    }

    /// Sends a request without a token.
    pub(crate) fn anonymous(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Response {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.authority());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            request.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        self.raw(request.as_bytes())
    }

    /// Sends a request with the operator's token and the role OPS.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&str>) -> Response {
        let token = format!("Bearer {TOKEN}");
        self.anonymous(method, path, &[("authorization", &token), ("x-cortexpilot-role", "OPS")], body)
    }

    /// GETs a JSON document.
    pub(crate) fn get(&self, path: &str) -> Value {
        let response = self.send("GET", path, None);
        assert_eq!(response.status, 200, "{path}: {response:?}");
        response.json()
    }

    /// Tells it to stop and waits; its exit code and what it still printed.
    pub(crate) fn stop(mut self, signal: rustix::process::Signal) -> (Option<i32>, String) {
        self.child.signal(signal);
        let status = self.child.wait();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("standard output is UTF-8");
        (status.code(), rest)
    }

    /// What it wrote to standard error; call it when it has ended.
    pub(crate) fn kill(mut self) -> String {
        let _ = self.child.0.kill();
        let mut said = String::new();
        self.child.0.stderr.take().expect("piped").read_to_string(&mut said).expect("standard error is UTF-8");
        said
    }
}

/// Parses one HTTP/1.1 answer, chunked or with a length.
fn parse(answer: &[u8]) -> Response {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or_else(|| {
        panic!("no answer: {:?}", String::from_utf8_lossy(answer));
    });
    let head = String::from_utf8_lossy(&answer[..end]);
    let mut lines = head.split("\r\n");
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).expect("a status");
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = &answer[end + 4..];
    let body = if chunked { unchunk(body) } else { body.to_vec() };
    Response { status, headers, body: String::from_utf8(body).expect("the body is UTF-8") }
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n").expect("a chunk size");
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).expect("ASCII"), 16).expect("a chunk size");
        body = &body[end + 2..];
        if size == 0 {
            return out;
        }
        out.extend_from_slice(&body[..size]);
        body = &body[size + 2..];
    }
}
