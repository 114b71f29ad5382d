//! A writer that stops in the middle of a commit and does not die, as under a debugger or on a machine that swaps: it holds
//! the ledger's lock, so nobody else can write. The others say so within a bounded time, go on reading, and go on writing
//! when it continues or is killed.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use cortexpilot_runs::fixture::RunFixture;
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use serde_json::json;

use super::crash::callers::{Caller, Log};
use super::crash::history::History;
use super::sound::text;
use super::support::process::Process;
use super::support::{GATE_OPEN, Home, Request, Response, Server, foreign, sized};

/// Nobody is kept waiting for longer: the wait for the lock is ten seconds, the rest is for a busy machine.
const BOUND: Duration = Duration::from_secs(25);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Continues,
    IsKilled,
}

#[test]
fn a_stopped_writer_that_holds_the_lock_keeps_nobody_for_ever() {
    let rounds = sized(1, 5);
    let home = Home::new();
    let mut history = History::default();
    let runs = AtomicUsize::new(0);
    let (mut refused, mut longest, mut tries) = (0, Duration::ZERO, 0);
    for round in 0..rounds {
        for then in [Then::Continues, Then::IsKilled] {
            let stage = Stage { home: &home, runs: &runs, name: format!("run_{round}_{then:?}").to_lowercase() };
            let scene = stage.play(then, &mut history);
            refused += scene.refused;
            tries += scene.tries;
            longest = longest.max(scene.longest);
            let next = home.serve(&[GATE_OPEN]);
            history.check(&home, &next);
            history.retry(&home, &next);
            history.check(&home, &next);
            assert!(next.stop().status.success());
        }
    }
    foreign::assert_agrees(&home, &history.lines());
    println!("fired: {} stops of a writer that held the lock", rounds * 2);
    println!(
        "figure: a writer stopped while it held the lock, {} times ({tries} tries): {refused} commands of others answered 503 \
         STORE_UNAVAILABLE, none after more than {:.1} s; reads went on; {} lines acknowledged, 0 lost",
        rounds * 2,
        longest.as_secs_f64(),
        history.acknowledged()
    );
}

/// The control: where the lock is not held nobody waits and nobody is refused, so what is refused above is refused for it.
#[test]
fn a_stopped_process_that_holds_no_lock_keeps_nobody() {
    let home = Home::in_memory();
    let (idle, other) = (home.serve(&[GATE_OPEN]), home.serve(&[GATE_OPEN]));
    stop(idle.process());
    assert!(!lock_is_held(&home));
    let began = Instant::now();
    assert_eq!(queue(&home, &other, "run_a").status, 200);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    idle.process().signal(Signal::CONT);
    assert!(idle.stop().status.success());
    println!("figure: control: a stopped process that holds no lock: 0 commands of others refused");
}

struct Stage<'a> {
    home: &'a Home,
    runs: &'a AtomicUsize,
    name: String,
}

#[derive(Default)]
struct Scene {
    refused: usize,
    longest: Duration,
    /// How often the writer was stopped until it held the lock.
    tries: usize,
}

impl Stage<'_> {
    fn play(&self, then: Then, history: &mut History) -> Scene {
        const CALLERS: usize = 3;
        let home = self.home;
        let (writer, other) = (home.serve(&[GATE_OPEN]), home.serve(&[GATE_OPEN]));
        let ended = AtomicBool::new(false);
        let (says, acknowledgements) = channel();
        let mut scene = Scene::default();
        let mut told = Log::default();
        let logs = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|index| {
                    let caller = Caller::new(home, self.runs, index, says.clone(), &ended);
                    let address = writer.address.clone();
                    scope.spawn(move || caller.over_http(&address))
                })
                .collect();
            drop(says);
            acknowledgements.recv_timeout(super::support::process::PATIENCE).expect("callers are acknowledged");
            scene.tries = stop_inside(&writer, home);
            let reads = other.send(&Request::get("/api/queue"));
            assert_eq!(reads.status, 200, "reads go on: {}", reads.text());
            self.others_are_refused(&other, &mut scene);
            assert!(lock_is_held(home), "it still holds the lock");
            match then {
                Then::Continues => {
                    writer.process().signal(Signal::CONT);
                    ended.store(true, Ordering::SeqCst);
                }
                Then::IsKilled => writer.process().signal(Signal::KILL),
            }
            let again = queue(home, &other, &format!("{}_again", self.name));
            assert_eq!(again.status, 200, "whoever waited goes on: {}", again.text());
            told.acknowledged.push(("QUEUE_ENQUEUE", text(&again.json(), "queue_id").to_owned()));
            callers.into_iter().map(|caller| caller.join().expect("a caller failed: see above")).collect::<Vec<_>>()
        });
        let in_doubt = logs.iter().map(|log| log.in_doubt.len()).sum::<usize>();
        match then {
            Then::Continues => {
                assert_eq!(in_doubt, 0, "what it had begun it carried to its end");
                assert!(writer.stop().status.success());
            }
            Then::IsKilled => assert!(!writer.ends().status.success()),
        }
        history.take(logs);
        history.take(vec![told]);
        assert!(other.stop().status.success());
        scene
    }

    /// Another server and the command line, at the same time.
    fn others_are_refused(&self, other: &Server, scene: &mut Scene) {
        let began = Instant::now();
        let (http, cli) = std::thread::scope(|scope| {
            let http = scope.spawn(|| queue(self.home, other, &format!("{}_http", self.name)));
            let cli = scope.spawn(|| self.home.cli(&["gate", "freeze", "--reason", "looked at it"], &[]));
            (http.join().expect("a caller failed: see above"), cli.join().expect("a command failed: see above"))
        });
        assert_eq!((http.status, http.code().as_str()), (503, "STORE_UNAVAILABLE"), "{}", http.text());
        assert!(!text(&http.json()["detail"], "next_step").is_empty());
        assert_eq!((cli.exit, cli.code().as_str()), (Some(6), "STORE_UNAVAILABLE"), "{cli:#?}");
        assert!(cli.stderr.contains("another process has held the lock"), "{cli:#?}");
        assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
        scene.refused += 2;
        scene.longest = began.elapsed();
    }
}

/// Queues a run of this name.
fn queue(home: &Home, server: &Server, run: &str) -> Response {
    home.run(&RunFixture::new(run).without_hash_chain());
    let path = format!("/api/queue/from-run/{run}");
    let shown = server.send(&Request::post(&format!("{path}/preview"), "{}")).answer();
    let body = json!({
        "confirm": true, "requested_by": "Ada", "approval_reason": "again", "preview_token": shown["preview_token"],
    });
    server.send(&Request::post(&path, &body.to_string()))
}

/// Stops the writer until it stands still while it holds the lock: its callers keep it writing.
fn stop_inside(writer: &Server, home: &Home) -> usize {
    for tries in 1..=2_000 {
        stop(writer.process());
        if lock_is_held(home) {
            return tries;
        }
        writer.process().signal(Signal::CONT);
        // Long enough for it to begin something, at another point each time.
        let until = Instant::now() + Duration::from_micros(500 + 37 * (tries as u64 % 64));
        while Instant::now() < until {
            std::hint::spin_loop();
        }
    }
    panic!("the writer never held the lock when it was stopped");
}

/// Stops a process, and returns when all its threads stand still.
fn stop(process: &Process) {
    process.signal(Signal::STOP);
    let tasks = format!("/proc/{}/task", process.pid().as_raw_nonzero());
    let stands = || {
        let tasks = std::fs::read_dir(&tasks).expect("threads can be listed").flatten();
        let mut states = tasks.map(|task| std::fs::read_to_string(task.path().join("stat")).unwrap_or_default());
        // The state stands behind the name, which is in brackets.
        states.all(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
    };
    let until = Instant::now() + super::support::process::PATIENCE;
    while !stands() {
        assert!(Instant::now() < until, "it does not stop");
        std::thread::yield_now();
    }
}

/// Whether somebody holds the ledger's lock.
fn lock_is_held(home: &Home) -> bool {
    let file = File::open(home.runtime().join("ledger.lock")).expect("the lock file is there");
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => false,
        Err(rustix::io::Errno::WOULDBLOCK) => true,
        Err(error) => panic!("the lock file: {error}"),
    }
}
