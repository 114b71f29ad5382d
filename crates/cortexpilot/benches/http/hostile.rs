//! A polite client beside a crowd that is not: everything a client can do wrong at once, and for as long as it is measured.
//! What counts is how much longer the polite client waits, and how much memory the server takes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::harness::Setting;
use crate::load::{Connection, p99};
use crate::long_ledger;
use crate::measure::{Figure, Side, Target, micros};
use crate::places::Place;
use crate::served::{Served, TOKEN, get};

/// Connections that send nothing at all.
const STALLED: usize = 2_000;

/// Connections whose head comes byte by byte.
const SLOW_HEADS: usize = 250;

/// Connections whose body comes byte by byte, signed in.
const SLOW_BODIES: usize = 250;

/// Streams that are open and on which nothing happens.
const STREAMS: usize = 1_000;

/// Clients that send bodies of a gibibyte, announced or not, one after the other.
const HUGE_BODIES: usize = 4;

/// Clients that send what unpacks to far more.
const BOMBS: usize = 4;

/// The polite client's connections.
const POLITE: usize = 8;

/// How long it waits between two requests of a connection.
const PAUSE: Duration = Duration::from_millis(4);

/// How long it is watched, each time.
const WATCHED: Duration = Duration::from_secs(8);

/// How long the crowd may take to be there.
const GATHERING: Duration = Duration::from_secs(30);

/// What the crowd does, counted.
#[derive(Default)]
struct Crowd {
    over: AtomicBool,
    stalled: AtomicUsize,
    slow_heads: AtomicUsize,
    slow_bodies: AtomicUsize,
    streams: AtomicUsize,
    huge_bodies: AtomicUsize,
    bombs: AtomicUsize,
}

pub(crate) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let text = |error: std::io::Error| error.to_string();
    enough_files(STALLED + SLOW_HEADS + SLOW_BODIES + STREAMS + 500)?;
    let place = Place::new(root, setting, 1)?;
    long_ledger::fill(&place, 3)?;
    let server = Served::of(&place).map_err(text)?;
    let address: Arc<str> = server.address().into();
    let polite = Builder::new_current_thread().enable_all().build().map_err(text)?;
    // What the first requests set up is no growth.
    polite.block_on(be_polite(&address, Duration::from_secs(2))).map_err(text)?;
    let before = polite.block_on(be_polite(&address, WATCHED)).map_err(text)?;
    let resident_before = server.resident_mib().map_err(text)?;

    let crowd = Arc::new(Crowd::default());
    let (at, misbehaving) = (address.clone(), crowd.clone());
    let thread = std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(gather(at, misbehaving));
        Ok::<_, std::io::Error>(())
    });
    let begun = Instant::now();
    let mut there = crowd.is_there();
    while !there && begun.elapsed() < GATHERING && !thread.is_finished() {
        std::thread::sleep(Duration::from_millis(50));
        there = crowd.is_there();
    }
    let during = polite.block_on(be_polite(&address, WATCHED));
    let resident_during = server.resident_mib();
    let told = crowd.told();
    crowd.over.store(true, Ordering::Relaxed);
    thread.join().map_err(|_| "the crowd failed")?.map_err(text)?;
    let (during, resident_during) = (during.map_err(text)?, resident_during.map_err(text)?);
    let after = polite.block_on(be_polite(&address, Duration::from_secs(2))).map_err(text)?;
    if !there {
        return Err(format!("the crowd was not there within {GATHERING:?}: {told}"));
    }
    let (p99_before, p99_during) = (micros(p99(&before)), micros(p99(&during)));
    let growth = resident_during - resident_before;
    let side = |name: &str, value: String| Side { name: name.into(), value, issued: None };
    let seen =
        |latencies: &[Duration], p99: f64| format!("{} requests, all answered; p99 {p99:.0} µs", latencies.len());
    Ok(vec![
        Figure {
            name: "a polite client's p99 beside a hostile crowd, against without it".into(),
            rounds: vec![p99_during / p99_before],
            unit: "×",
            target: Target::AtMost(2.0),
            like_with_like: false,
            sides: vec![
                side("without", seen(&before, p99_before)),
                side("beside it", seen(&during, p99_during)),
                side("after it", seen(&after, micros(p99(&after)))),
                side("the crowd", told),
            ],
        },
        Figure {
            name: "growth of the server's memory under it".into(),
            rounds: vec![growth],
            unit: "MiB",
            target: Target::AtMost(64.0),
            like_with_like: false,
            sides: vec![side("resident", format!("{resident_before:.1} MiB before, {resident_during:.1} MiB during"))],
        },
    ])
}

/// Both this program and the server it starts need an open file for each connection.
fn enough_files(connections: usize) -> Result<(), String> {
    let (wanted, now) = (connections as u64, getrlimit(Resource::Nofile));
    if now.current.is_none_or(|files| files >= wanted) {
        return Ok(());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: now.maximum })
        .map_err(|error| format!("it needs {wanted} open files, and the system allows fewer (ulimit -n): {error}"))
}

/// Asks, pauses, asks again, on connections of which each is renewed now and then; every request must be answered.
async fn be_polite(address: &str, long: Duration) -> std::io::Result<Vec<Duration>> {
    let requests = [get(address, "/health"), get(address, "/api/queue?limit=10")];
    let until = Instant::now() + long;
    let mut running = JoinSet::new();
    for number in 0..POLITE {
        let (address, requests) = (address.to_owned(), requests.clone());
        running.spawn(async move {
            let mut latencies = Vec::new();
            tokio::time::sleep(PAUSE * u32::try_from(number).unwrap_or_default() / 8).await;
            while Instant::now() < until {
                let mut connection = Connection::open(&address).await?;
                for turn in 0..100 {
                    let asked = Instant::now();
                    connection.ask(&requests[turn % 2]).await?;
                    latencies.push(asked.elapsed());
                    tokio::time::sleep(PAUSE).await;
                    if Instant::now() >= until {
                        break;
                    }
                }
            }
            Ok::<_, std::io::Error>(latencies)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = running.join_next().await {
        all.extend(done.map_err(std::io::Error::other)??);
    }
    Ok(all)
}

impl Crowd {
    /// Whether each kind is there, or has begun what it does over and over.
    fn is_there(&self) -> bool {
        let at_least = |count: &AtomicUsize, wanted: usize| count.load(Ordering::Relaxed) >= wanted;
        at_least(&self.stalled, STALLED)
            && at_least(&self.slow_heads, SLOW_HEADS)
            && at_least(&self.slow_bodies, SLOW_BODIES)
            && at_least(&self.streams, STREAMS)
            && at_least(&self.huge_bodies, HUGE_BODIES)
            && at_least(&self.bombs, BOMBS)
    }

    fn told(&self) -> String {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        format!(
            "{} stalled, {} slow heads, {} slow bodies and {} idle streams open; {} bodies of 1 GiB and {} gzip bombs sent",
            of(&self.stalled),
            of(&self.slow_heads),
            of(&self.slow_bodies),
            of(&self.streams),
            of(&self.huge_bodies),
            of(&self.bombs)
        )
    }

    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }
}

/// Counts what is open, for as long as it is.
struct Open<'c>(&'c AtomicUsize);

impl<'c> Open<'c> {
    fn count(of: &'c AtomicUsize) -> Self {
        of.fetch_add(1, Ordering::Relaxed);
        Self(of)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Stalled,
    SlowHead,
    SlowBody,
    Stream,
    HugeBody { announced: bool },
    Bomb,
}

/// Whoever is cut off comes back, after a moment.
async fn gather(address: Arc<str>, crowd: Arc<Crowd>) {
    let bomb: Arc<[u8]> = bomb().into();
    let kinds = [
        (Kind::Stream, STREAMS),
        (Kind::Stalled, STALLED),
        (Kind::SlowHead, SLOW_HEADS),
        (Kind::SlowBody, SLOW_BODIES),
        (Kind::HugeBody { announced: true }, HUGE_BODIES / 2),
        (Kind::HugeBody { announced: false }, HUGE_BODIES / 2),
        (Kind::Bomb, BOMBS),
    ];
    let mut members = JoinSet::new();
    for (kind, count) in kinds {
        for number in 0..count {
            let (address, crowd, bomb) = (address.clone(), crowd.clone(), bomb.clone());
            members.spawn(async move {
                // Not all in the same instant: they would only stand in each other's way.
                tokio::time::sleep(Duration::from_millis(number as u64)).await;
                while crowd.goes_on() {
                    // Being cut off is what it gets.
                    let _ = misbehave(kind, &address, &crowd, &bomb).await;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            });
        }
    }
    while crowd.goes_on() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    members.abort_all();
}

async fn misbehave(kind: Kind, address: &str, crowd: &Crowd, bomb: &[u8]) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let head = |rest: &str| {
        format!(
            "POST /api/queue/claim HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\n\
             x-cortexpilot-role: OPS\r\ncontent-type: application/json\r\n{rest}\r\n"
        )
    };
    match kind {
        Kind::Stalled => {
            let _open = Open::count(&crowd.stalled);
            until_cut_off(&mut stream).await
        }
        Kind::SlowHead => {
            let _open = Open::count(&crowd.slow_heads);
            stream.write_all(format!("GET /health HTTP/1.1\r\nhost: {address}\r\nx: ").as_bytes()).await?;
            drip(&mut stream).await
        }
        Kind::SlowBody => {
            let _open = Open::count(&crowd.slow_bodies);
            stream.write_all(head("content-length: 200000\r\n").as_bytes()).await?;
            // Most of it at once: what it costs to hold.
            stream.write_all(&vec![b' '; 150_000]).await?;
            drip(&mut stream).await
        }
        Kind::Stream => {
            stream.write_all(&get(address, "/api/queue/stream")).await?;
            let mut told = vec![0; 15];
            stream.read_exact(&mut told).await?;
            if !told.starts_with(b"HTTP/1.1 200 ") {
                return Err(std::io::Error::other("no stream"));
            }
            let _open = Open::count(&crowd.streams);
            until_cut_off(&mut stream).await
        }
        Kind::HugeBody { announced } => {
            let length = if announced { "content-length: 1073741824\r\n" } else { "transfer-encoding: chunked\r\n" };
            stream.write_all(head(length).as_bytes()).await?;
            crowd.huge_bodies.fetch_add(1, Ordering::Relaxed);
            let mut chunk = b"10000\r\n".to_vec();
            chunk.resize(7 + 0x10000, b' ');
            chunk.extend_from_slice(b"\r\n");
            for _ in 0..16 * 1024 {
                stream.write_all(if announced { &chunk[7..7 + 0x10000] } else { &chunk }).await?;
            }
            Ok(())
        }
        Kind::Bomb => {
            let coding = format!("content-encoding: gzip\r\ncontent-length: {}\r\n", bomb.len());
            stream.write_all(head(&coding).as_bytes()).await?;
            stream.write_all(bomb).await?;
            crowd.bombs.fetch_add(1, Ordering::Relaxed);
            until_cut_off(&mut stream).await
        }
    }
}

/// A gzip file (RFC 1952) that unpacks to some 38 MB of zeros: fixed codes of deflate (RFC 1951 §3.2.6), a zero, and then as
/// often as fits "258 bytes, those one before", which is 13 bits.
fn bomb() -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    // Last block, fixed codes; the literal 0.
    let mut bits: Vec<bool> = [1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0].map(|bit| bit == 1).to_vec();
    let again = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0].map(|bit| bit == 1);
    while bits.len() < 240_000 * 8 {
        bits.extend(again);
    }
    file.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |value, bit| value << 1 | u8::from(*bit))));
    file
}

/// A byte now and then.
async fn drip(stream: &mut TcpStream) -> std::io::Result<()> {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stream.write_all(b"x").await?;
    }
}

/// Reads what comes, which is nothing or not much, until the other side closes.
async fn until_cut_off(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut told = [0; 4096];
    while stream.read(&mut told).await? > 0 {}
    Ok(())
}
