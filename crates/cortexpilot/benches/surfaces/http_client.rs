//! A client that does little: requests are bytes made beforehand, connections stay open, and of an answer only its status
//! and its length are read.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Longest answer that is taken.
const ANSWER_MAX: usize = 256 * 1024;

/// So many connections to one server, on one thread.
pub(crate) struct Client {
    runtime: Runtime,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The bytes of a POST of a JSON text. `headers` are further ones, each with its line's end; `host` must be among them.
pub(crate) fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("{headers}content-type: application/json\r\ncontent-length: {length}\r\n");
    format!("POST {path} HTTP/1.1\r\n{head}\r\n{body}").into_bytes()
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: &str, connections: usize) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let connections = runtime.block_on(async {
            let mut open = Vec::new();
            for _ in 0..connections {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                open.push(Connection { stream, buffer: Vec::new() });
            }
            Ok::<_, std::io::Error>(open)
        })?;
        Ok(Self { runtime, connections })
    }

    /// Sends the requests, dealt out evenly, each connection's one after the other, `times` times over. Gives the time from
    /// the first byte to the last answer, and the bodies of the answers in the order of the requests.
    pub(crate) fn send(&mut self, requests: &[Vec<u8>], times: usize) -> std::io::Result<(Duration, Vec<Vec<u8>>)> {
        let mut parts: Vec<Vec<(usize, Vec<u8>)>> = vec![Vec::new(); self.connections.len()];
        for (number, request) in requests.iter().enumerate() {
            let at = number % parts.len();
            parts[at].push((number, request.clone()));
        }
        let idle = std::mem::take(&mut self.connections);
        self.runtime.block_on(async {
            let mut running = JoinSet::new();
            let started = Instant::now();
            for (mut connection, part) in idle.into_iter().zip(parts) {
                running.spawn(async move {
                    let mut answers = Vec::with_capacity(part.len());
                    for _ in 0..times {
                        answers.clear();
                        for (number, request) in &part {
                            answers.push((*number, connection.send(request).await?));
                        }
                    }
                    Ok::<_, std::io::Error>((connection, answers))
                });
            }
            let mut all = vec![Vec::new(); requests.len()];
            while let Some(done) = running.join_next().await {
                let (connection, answers) = done.map_err(std::io::Error::other)??;
                self.connections.push(connection);
                answers.into_iter().for_each(|(number, answer)| all[number] = answer);
            }
            Ok((started.elapsed(), all))
        })
    }
}

impl Connection {
    async fn send(&mut self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if let Some((head, length)) = head_of(&self.buffer)? {
                if self.buffer.len() >= head + length {
                    return Ok(self.buffer[head..head + length].to_vec());
                }
            } else if self.buffer.len() > ANSWER_MAX {
                return Err(std::io::Error::other("an answer without an end"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// How long head and body of an answer are, once its head is there. Anything but a success ends the measurement.
fn head_of(answer: &[u8]) -> std::io::Result<Option<(usize, usize)>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&answer[..end]);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    match length {
        Some(length) if head.starts_with("HTTP/1.1 200 ") => Ok(Some((end + 4, length))),
        _ => Err(std::io::Error::other(format!("not what was asked for: {}", String::from_utf8_lossy(answer)))),
    }
}
