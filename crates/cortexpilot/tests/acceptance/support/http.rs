//! An HTTP/1.1 client of forty lines' worth of protocol, so that a test decides every byte that is sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use super::home::TOKEN;
use super::process::{Finished, PATIENCE, Process};

/// A running `cortexpilot serve`.
pub(crate) struct Server {
    process: Process,
    /// Where it listens, as `127.0.0.1:PORT`.
    pub(crate) address: String,
}

impl Server {
    /// Waits until the process says where it listens.
    pub(crate) fn listening(mut process: Process) -> Self {
        loop {
            let line = process.expect_line();
            if let Some(address) = address_in(&line) {
                return Self { process, address };
            }
        }
    }

    /// A server that said otherwise where it listens.
    pub(crate) fn at(process: Process, address: String) -> Self {
        Self { process, address }
    }

    /// Opens a connection.
    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout can be set");
        stream.set_nodelay(true).expect("a socket takes this option");
        Connection { stream: BufReader::new(stream), host: self.address.clone() }
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn send(&self, request: &Request) -> Response {
        self.connect().send(request)
    }

    /// The process that serves.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Waits for a server that ends by itself.
    pub(crate) fn ends(self) -> Finished {
        self.process.ends()
    }

    /// Asks it to end and waits for it.
    pub(crate) fn stop(self) -> Finished {
        self.process.terminate()
    }

    /// Kills it.
    pub(crate) fn kill(self) -> Finished {
        self.process.kill()
    }
}

/// The loopback address in a line such as `listening on http://127.0.0.1:40123/`.
fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://")?;
    let address: String = rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
    address.starts_with("127.").then_some(address)
}

/// A request. Nothing is sent that is not named here, but `host` and the length of a body.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// A request without headers, signed in by nobody.
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: None }
    }

    /// A GET by the operator.
    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path).bearer(TOKEN)
    }

    /// A POST of a JSON text by the operator, in the role `OPS`.
    pub(crate) fn post(path: &str, json: &str) -> Self {
        Self::new("POST", path).bearer(TOKEN).header("x-cortexpilot-role", "OPS").json(json)
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a bearer token.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Adds a body that is said to be JSON. What it is, is the test's business.
    pub(crate) fn json(mut self, body: &str) -> Self {
        self.body = Some(body.as_bytes().to_vec());
        self.header("content-type", "application/json")
    }
}

/// One connection, kept open between requests.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    /// Sends a request and reads its answer.
    pub(crate) fn send(&mut self, request: &Request) -> Response {
        self.write(request);
        self.read(request)
    }

    fn write(&mut self, request: &Request) {
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
        if !request.headers.iter().any(|(name, _)| name == "host") {
            head.push_str(&format!("host: {}\r\n", self.host));
        }
        for (name, value) in &request.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = request.body.as_deref().unwrap_or_default();
        if request.body.is_some() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let bytes = [head.as_bytes(), body].concat();
        // A server that refuses a large body early may close its end before all of it is sent; its answer is there.
        _ = self.stream.get_mut().write_all(&bytes);
    }

    /// Sends a request whose answer is a stream, and reads its head.
    pub(crate) fn open(mut self, request: &Request) -> Stream {
        self.write(request);
        let head = self.head(request);
        Stream { head, connection: self }
    }

    fn read(&mut self, request: &Request) -> Response {
        let response = self.head(request);
        let length = response.header("content-length").map(|text| text.parse().expect("content-length is a number"));
        let chunked = response.header("transfer-encoding").is_some_and(|how| how.eq_ignore_ascii_case("chunked"));
        let body = match length {
            Some(_) if request.method == "HEAD" => Vec::new(),
            Some(length) => self.exactly(length),
            None if chunked => self.chunks(),
            None => Vec::new(),
        };
        Response { body, ..response }
    }

    fn head(&mut self, request: &Request) -> Response {
        let what = || format!("{} {}", request.method, request.path);
        let status_line = self.header_line().unwrap_or_else(|| panic!("{}: no answer", what()));
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("{}: {status_line}", what()));
        let mut headers = Vec::new();
        while let Some(line) = self.header_line().filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{}: {line}", what()));
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Response { status, headers, body: Vec::new() }
    }

    fn header_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).unwrap_or_else(|error| panic!("no answer: {error}"));
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a whole body");
        body
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = self.header_line().expect("a chunk's size");
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16).expect("a chunk's size");
            body.extend(self.exactly(size));
            assert_eq!(self.header_line().as_deref(), Some(""), "the end of a chunk");
            if size == 0 {
                return body;
            }
        }
    }
}

/// An answer that goes on.
pub(crate) struct Stream {
    /// Its head.
    pub(crate) head: Response,
    connection: Connection,
}

impl Stream {
    /// Reads what still comes, to an orderly end.
    pub(crate) fn rest(mut self) -> String {
        String::from_utf8(self.connection.chunks()).expect("text")
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    /// Its status.
    pub(crate) status: u16,
    /// Its headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first header of this name (lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The body of a success.
    pub(crate) fn answer(&self) -> Value {
        assert!(self.status < 300, "{} {}", self.status, self.text());
        self.json()
    }

    /// The code of a refusal, which stands under `detail`; empty where there is none.
    pub(crate) fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["detail"]["code"].as_str().unwrap_or_default().to_owned()
    }
}
