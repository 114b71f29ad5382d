//! How the server ends, and what it does when it has no more files to open: on the real process, with real signals and
//! limits.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cortexpilot_runs::fixture::RunFixture;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Resource, Rlimit, Signal, prlimit};
use serde_json::json;

use super::support::process::PATIENCE;
use super::support::{GATE_OPEN, Home, Request, Server, TOKEN};

/// A server with one apply under way, which waits for the ledger's lock: this test has it.
struct Scene {
    home: Home,
    server: Server,
    lock: File,
    /// The connection on which the apply was sent.
    caller: TcpStream,
}

impl Scene {
    fn new() -> Self {
        let home = Home::new();
        home.run(&RunFixture::new("run_a"));
        let server = home.serve(&[GATE_OPEN]);
        let shown = server.send(&Request::post("/api/queue/from-run/run_a/preview", "{}")).answer();
        let body = json!({
            "confirm": true, "requested_by": "Ada", "approval_reason": "again", "preview_token": shown["preview_token"],
        });
        let lock = File::open(home.runtime().join("ledger.lock")).expect("the lock file is there");
        flock(&lock, FlockOperation::LockExclusive).expect("nobody else has it for long");
        let mut caller = TcpStream::connect(&server.address).expect("the server listens");
        caller.set_read_timeout(Some(PATIENCE)).expect("a read timeout can be set");
        let body = body.to_string();
        let apply = format!(
            "POST /api/queue/from-run/run_a HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\n\
             x-cortexpilot-role: OPS\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            server.address,
            body.len()
        );
        caller.write_all(apply.as_bytes()).expect("the server reads");
        // Others are answered meanwhile, time and again: by then it has been begun.
        let mut other = server.connect();
        for _ in 0..100 {
            assert_eq!(other.send(&Request::get("/api/queue")).status, 200);
        }
        Self { home, server, lock, caller }
    }

    /// What the caller is told, to the end of the connection.
    fn answer(&mut self) -> String {
        let mut bytes = Vec::new();
        // A process that ends at once resets its connections.
        _ = self.caller.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn is_deaf(&self) -> bool {
        TcpStream::connect(&self.server.address).is_err()
    }
}

fn until(what: &str, is: impl Fn() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < give_up, "not within {PATIENCE:?}: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_server_that_is_told_to_stop_takes_no_more_answers_what_was_begun_and_ends_well() {
    let mut scene = Scene::new();
    scene.server.process().signal(Signal::TERM);
    until("nobody listens", || scene.is_deaf());
    assert_eq!(scene.home.queue().lines().len(), 0);
    flock(&scene.lock, FlockOperation::Unlock).expect("it is ours");
    let answer = scene.answer();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"already_applied\":false"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    let Scene { home, server, .. } = scene;
    assert_eq!(server.ends().status.code(), Some(0));
    assert_eq!(home.queue().lines().len(), 1, "what was acknowledged is there");
}

#[test]
fn a_second_signal_ends_it_at_once_and_its_exit_code_says_which() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut scene = Scene::new();
        scene.server.process().signal(Signal::TERM);
        until("nobody listens", || scene.is_deaf());
        scene.server.process().signal(signal);
        assert_eq!(scene.answer(), "", "it was not acknowledged");
        let Scene { home, server, lock, .. } = scene;
        assert_eq!(server.ends().status.code(), Some(code));
        assert_eq!(home.queue().lines().len(), 0, "nothing was acknowledged and nothing is there");
        drop(lock);
        assert_eq!(home.serve(&[GATE_OPEN]).send(&Request::get("/readyz")).status, 200);
    }
}

#[test]
fn a_server_without_files_to_open_waits_for_some_and_then_goes_on() {
    let home = Home::new();
    let server = home.serve(&[]);
    assert_eq!(server.send(&Request::get("/readyz")).status, 200);
    let pid = server.process().pid();
    let files = || std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).map_or(0, Iterator::count) as u64;
    let now = prlimit(Some(pid), Resource::Nofile, Rlimit { current: Some(files() + 5), maximum: Some(20_000) })
        .expect("a limit of a child can be set");
    let began = Instant::now();
    let crowd: Vec<TcpStream> =
        (0..40).map(|_| TcpStream::connect(&server.address).expect("the backlog takes it")).collect();
    // It cannot take them all, and must not spend its time on trying.
    let busy = processor(&server);
    let (watched, until_then) = (Duration::from_millis(500), Instant::now() + Duration::from_millis(500));
    while Instant::now() < until_then {
        std::thread::yield_now();
    }
    let spent = processor(&server) - busy;
    assert!(spent < watched / 2, "it spins: {spent:?} of {watched:?}");
    drop(crowd);
    assert_eq!(server.send(&Request::get("/health")).status, 200, "it goes on as soon as there are files");
    prlimit(Some(pid), Resource::Nofile, now).expect("it can be set back");
    assert_eq!(server.send(&Request::get("/api/runs")).status, 200);
    let ended = server.stop();
    assert!(ended.status.success());
    let told = ended.stderr.matches("a connection could not be accepted").count();
    let most = usize::try_from(began.elapsed().as_millis() / 100).expect("a short time") + 1;
    assert!((1..=most).contains(&told), "{told} times, at most {most}: {}", ended.stderr);
}

/// Processor time of a server, which its system counts in ticks of 10 ms.
fn processor(server: &Server) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.process().pid().as_raw_nonzero())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

#[test]
fn where_few_files_are_allowed_fewer_connections_are_and_a_crowd_keeps_nobody_out() {
    let home = Home::new();
    let line = ["-c", "ulimit -n 64 && exec \"$0\" serve", env!("CARGO_BIN_EXE_cortexpilot")];
    let mut command = home.command(&[], &[("CORTEXPILOT_API_PORT", "0"), ("CORTEXPILOT_API_TOKEN", TOKEN)]);
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(line).env_clear().current_dir(home.root().join("user"));
    for (name, value) in command.env("CORTEXPILOT_LOG", "warn").get_envs() {
        shell.env(name, value.expect("it is set"));
    }
    let server = Server::listening(super::support::process::Process::spawn(shell, "serve with few files"));
    let crowd: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(&server.address).expect("the backlog takes it")).collect();
    for _ in 0..3 {
        assert_eq!(server.send(&Request::get("/readyz")).status, 200);
    }
    drop(crowd);
    let ended = server.stop();
    assert!(ended.status.success());
    assert!(ended.stderr.contains("fewer connections than configured"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("could not be accepted"), "{}", ended.stderr);
}
