//! A server under measurement: a process of its own, its address, its memory, its processor time.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::places::Place;

/// The operator's token.
pub(crate) const TOKEN: &str = "bench-operator-token-0123456789";

/// A running server. Ended when dropped.
pub(crate) struct Served {
    child: Child,
    address: String,
    started: Instant,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Starts a command and waits until it says where it listens.
    pub(crate) fn start(command: &mut Command) -> std::io::Result<Self> {
        let started = Instant::now();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| std::io::Error::other("no standard output"))?;
        let mut address = None;
        for line in BufReader::new(stdout).lines() {
            if let Some((_, rest)) = line?.split_once("http://") {
                address = Some(rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect());
                break;
            }
        }
        let address = address.ok_or_else(|| std::io::Error::other("it ended without saying where it listens"))?;
        Ok(Self { child, address, started })
    }

    /// The operators' server of a place. Requests are counted as ever; the limit is beyond what can be sent here.
    pub(crate) fn of(place: &Place) -> std::io::Result<Self> {
        let mut command = place.server("serve");
        command
            .env("CORTEXPILOT_API_PORT", "0")
            .env("CORTEXPILOT_API_TOKEN", TOKEN)
            .env("CORTEXPILOT_API_REQUESTS_PER_SECOND", "1000000");
        Self::start(&mut command)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// How long ago it was started.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Its resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> std::io::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        kib.map(|kib: f64| kib / 1024.0).ok_or_else(|| std::io::Error::other("no VmRSS"))
    }

    /// Processor time that it took so far.
    pub(crate) fn processor(&self) -> std::io::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Behind the name, which is in brackets: fields 14 and 15 of all, in ticks of 10 ms.
        let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect::<Vec<_>>()).unwrap_or_default();
        let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<u64>().ok());
        match (ticks(11), ticks(12)) {
            (Some(user), Some(system)) => Ok(Duration::from_millis((user + system) * 10)),
            _ => Err(std::io::Error::other("no processor time")),
        }
    }
}

/// A GET as bytes.
pub(crate) fn get(address: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\n\r\n").into_bytes()
}

/// A POST of a JSON text as bytes.
pub(crate) fn post(address: &str, path: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\nx-cortexpilot-role: OPS\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    (head + body).into_bytes()
}
