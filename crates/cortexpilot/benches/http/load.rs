//! A client that does little: requests are bytes made beforehand, connections stay open, and of an answer only its status
//! and its length are read.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Longest answer that is taken.
const ANSWER_MAX: usize = 1024 * 1024;

/// One kept connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request and gives its answer, which must be a success: all of it, and where its body begins.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> std::io::Result<(&[u8], usize)> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if let Some((head, length)) = head_of(&self.buffer)? {
                if self.buffer.len() >= head + length {
                    return Ok((&self.buffer[..head + length], head));
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

/// So many connections to one server, on one thread.
pub(crate) struct Client {
    runtime: Runtime,
    connections: Vec<Connection>,
}

/// What a round came to.
pub(crate) struct Round {
    /// From the first byte to the last answer.
    pub(crate) elapsed: Duration,
    /// Of each request.
    pub(crate) latencies: Vec<Duration>,
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: &str, connections: usize) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let connections = runtime.block_on(async {
            let mut open = Vec::new();
            for _ in 0..connections {
                open.push(Connection::open(address).await?);
            }
            Ok::<_, std::io::Error>(open)
        })?;
        Ok(Self { runtime, connections })
    }

    /// Sends one request and gives its answer: the head with the empty line behind it, and the body.
    pub(crate) fn once(&mut self, request: &[u8]) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
        let connection = self.connections.first_mut().ok_or_else(|| std::io::Error::other("no connection"))?;
        self.runtime.block_on(async {
            let (answer, body) = connection.ask(request).await?;
            Ok((answer[..body].to_vec(), answer[body..].to_vec()))
        })
    }

    /// Each connection sends its part of these requests `each` times over, one after the other.
    pub(crate) fn round(&mut self, requests: &[Vec<u8>], each: usize) -> std::io::Result<Round> {
        let idle = std::mem::take(&mut self.connections);
        let count = idle.len();
        self.runtime.block_on(async {
            let mut running = JoinSet::new();
            let started = Instant::now();
            for (number, mut connection) in idle.into_iter().enumerate() {
                let part: Vec<Vec<u8>> =
                    requests.iter().skip(number % requests.len()).step_by(count).cloned().collect();
                running.spawn(async move {
                    let mut latencies = Vec::with_capacity(each * part.len());
                    for _ in 0..each {
                        for request in &part {
                            let asked = Instant::now();
                            connection.ask(request).await?;
                            latencies.push(asked.elapsed());
                        }
                    }
                    Ok::<_, std::io::Error>((connection, latencies))
                });
            }
            let mut round = Round { elapsed: Duration::ZERO, latencies: Vec::new() };
            while let Some(done) = running.join_next().await {
                let (connection, latencies) = done.map_err(std::io::Error::other)??;
                self.connections.push(connection);
                round.latencies.extend(latencies);
            }
            round.elapsed = started.elapsed();
            Ok(round)
        })
    }
}

/// The latency that 99 of 100 do not exceed.
pub(crate) fn p99(latencies: &[Duration]) -> Duration {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
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
