//! A new process on a long history: its first answer, and the memory that it holds for itself.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Setting;
use crate::drive::{self, LEDGER};
use crate::history::{self, Kind};
use crate::measure::{Figure, Side, Target, median, micros, size};

const HELLO: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"#,
    r#""clientInfo":{"name":"bench","version":"1"}}}"#
);
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const CALL: &str = concat!(
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"preview_enqueue_from_run","#,
    r#""arguments":{"run_id":"run_that_is_not_there"}}}"#
);

/// Ended when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What one start came to.
struct Start {
    hello: Duration,
    answer: Duration,
    private_kib: u64,
    resident_kib: u64,
}

pub(super) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let Some(binary) = &setting.binary else {
        return Err(
            "it needs the product's binary: --binary PATH (`cargo xtask bench ledger` builds and names it)".into()
        );
    };
    let roots = [root.join("empty"), root.join("long")];
    drop(drive::open(&roots[0]));
    drop(history::make(&roots[1], setting.items, Kind::Done));
    let mut starts = [Vec::new(), Vec::new()];
    // The first of each warms the caches up.
    for round in 0..=setting.rounds {
        for turn in [0, 1] {
            let at = (turn + round) % 2;
            let start = start(binary, &roots[at]).map_err(|error| format!("{}: {error}", binary.display()))?;
            if round > 0 {
                starts[at].push(start);
            }
        }
    }
    let long = size(&roots[1].join(LEDGER)) / (1 << 20);
    let names = ["an empty ledger".to_owned(), format!("{} lines ({long} MiB)", setting.items)];
    let of = |at: usize, pick: fn(&Start) -> f64| median(&starts[at].iter().map(pick).collect::<Vec<_>>());
    let answer = |start: &Start| micros(start.answer) / 1e3;
    let private = |start: &Start| start.private_kib as f64 / 1024.0;
    let times = |at: usize| {
        let hello = of(at, |start| micros(start.hello) / 1e3);
        format!("first tool answer {:.1} ms, `initialize` {hello:.1} ms after the start", of(at, answer))
    };
    let memory = |at: usize| {
        let resident = of(at, |start| start.resident_kib as f64 / 1024.0);
        format!("private {:.1} MiB, resident {resident:.1} MiB", of(at, private))
    };
    let sides = |value: &dyn Fn(usize) -> String| -> Vec<Side> {
        names.iter().enumerate().map(|(at, name)| Side { name: name.clone(), value: value(at), issued: None }).collect()
    };
    let figure = |name: &str, pick: fn(&Start) -> f64, unit: &'static str, most: f64, sides: Vec<Side>| Figure {
        name: format!("mcp-queue-pilot-server on {} historical lines: {name}", setting.items),
        rounds: starts[1].iter().map(pick).collect(),
        unit,
        target: Target::AtMost(most),
        like_with_like: false,
        sides,
    };
    Ok(vec![
        figure("first answer that rests on the ledger", answer, "ms", 100.0, sides(&times)),
        figure("private memory after it", private, "MiB", 64.0, sides(&memory)),
    ])
}

fn start(binary: &Path, root: &Path) -> std::io::Result<Start> {
    let started = Instant::now();
    let mut command = Command::new(binary);
    command.arg("mcp-queue-pilot-server").arg("--runtime-root").arg(root);
    let mut server = Server(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
    let missing = || std::io::Error::other("no standard streams");
    let mut stdin = server.0.stdin.take().ok_or_else(missing)?;
    let mut answers = BufReader::new(server.0.stdout.take().ok_or_else(missing)?);
    let mut next = |id: &str| -> std::io::Result<Duration> {
        loop {
            let mut line = String::new();
            if answers.read_line(&mut line)? == 0 {
                return Err(std::io::Error::other("the server ended without an answer"));
            }
            if line.contains(id) {
                return Ok(started.elapsed());
            }
        }
    };
    writeln!(stdin, "{HELLO}")?;
    let hello = next(r#""id":1"#)?;
    writeln!(stdin, "{INITIALIZED}\n{CALL}")?;
    let answer = next(r#""id":2"#)?;
    let id = server.0.id();
    let private = kib(&format!("/proc/{id}/smaps_rollup"), &["Private_Clean:", "Private_Dirty:"])?;
    let resident = kib(&format!("/proc/{id}/status"), &["VmRSS:"])?;
    Ok(Start { hello, answer, private_kib: private, resident_kib: resident })
}

/// The sum of some lines that the kernel gives in KiB.
fn kib(path: &str, names: &[&str]) -> std::io::Result<u64> {
    let text = std::fs::read_to_string(path)?;
    let of_line = |line: &str| -> Option<u64> {
        let rest = names.iter().find_map(|name| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse().ok()
    };
    Ok(text.lines().filter_map(of_line).sum())
}
