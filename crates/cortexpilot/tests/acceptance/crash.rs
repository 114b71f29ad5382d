//! `kill -9` in the middle of writes, a hundred times, and a thousand in a long campaign: no acknowledged line is lost, every
//! reopen is clean, and what was not acknowledged is there whole or not at all.
//!
//! The victim dies after a random number of acknowledgements and a random moment more, so that most kills strike while
//! something is being judged, pinned, written or synced. Runs are not repeatable to the instruction, but their plan is:
//! the seed is printed, and `CORTEXPILOT_CRASH_SEED=N` in the test's environment plans the same kills again.

pub(crate) mod callers;
pub(crate) mod history;

use std::hash::{BuildHasher as _, RandomState};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use callers::{Caller, Log, Pilot};
use cortexpilot_runs::fixture::RunFixture;
use history::History;
use serde_json::json;

use super::sound::text;
use super::support::process::{PATIENCE, Process};
use super::support::{GATE_OPEN, Home, NO_LIMITS, Request, Server, TOKEN, foreign, sized};

/// So many kills, then a fresh root: the first start of all is struck too, and no ledger grows so long that reading it
/// is all the test does.
const KILLS_A_HOME: usize = 25;

/// How a victim is caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// The only server, with three callers.
    Alone,
    /// One of three processes that write to the same ledger; the other two must not notice.
    Among,
    /// A server that is just opening the ledger.
    Starting,
}

#[test]
fn no_acknowledged_line_is_lost_when_writers_are_killed() {
    let (seed, kills) = (seed(), sized(100, 1_000));
    println!("seed {seed}");
    let mut chance = Chance(seed);
    let mut total = History::default();
    let (mut alone, mut among, mut starting, mut cut, mut torn) = (0, 0, 0, 0, 0);
    for round in 0..kills / KILLS_A_HOME {
        // On a disk the victim mostly dies while it waits for a sync; in memory, in between.
        let home = if round % 2 == 0 { Home::new() } else { Home::in_memory() };
        let stage = Stage { home: &home, runs: AtomicUsize::new(0) };
        let mut history = History::default();
        let mut server = None;
        for kill in 0..KILLS_A_HOME {
            let scene = match kill {
                0 => Scene::Starting,
                _ => [Scene::Alone, Scene::Alone, Scene::Among, Scene::Starting][chance.below(4)],
            };
            let logs = match scene {
                Scene::Alone => {
                    alone += 1;
                    stage.kill_the_only_server(server.take().unwrap_or_else(|| stage.serve()), &mut chance)
                }
                Scene::Among => {
                    among += 1;
                    stage.kill_one_of_three(server.take().unwrap_or_else(|| stage.serve()), &mut chance)
                }
                Scene::Starting => {
                    starting += 1;
                    drop(server.take().map(Server::stop));
                    stage.kill_while_starting(&mut chance);
                    Vec::new()
                }
            };
            history.take(logs);
            if scene == Scene::Alone {
                cut += usize::from(history.tear(&home, &mut chance));
            }
            // The next writer opens, and settles what the victim left.
            let next = stage.serve();
            history.check(&home, &next);
            history.retry(&home, &next);
            server = Some(next);
        }
        let last = server.take().unwrap_or_else(|| stage.serve());
        history.check(&home, &last);
        foreign::assert_agrees(&home, &history.lines());
        assert!(last.stop().status.success());
        torn += torn_tails(&home);
        total.add(&history);
    }
    assert_eq!(alone + among + starting, kills);
    assert!(total.in_doubt > 0, "no kill struck a caller that waited for its answer");
    println!("fired: {kills} kills");
    println!(
        "figure: {kills} kills ({alone} of the only server, {among} of one of three processes, {starting} of a server that \
         was starting): {} acknowledged lines and {} refusals, 0 lost; {} calls without an answer, \
         {} of them written, each whole and once; every reopen sound; {cut} last lines torn, {torn} torn tails set aside (seed {seed})",
        total.acknowledged(),
        total.refused(),
        total.in_doubt,
        total.written_in_doubt,
    );
}

/// The control: a ledger that lost an acknowledged line, or that holds one that nobody asked for, is complained about.
#[test]
fn the_checker_after_a_kill_finds_a_lost_line_and_one_that_nobody_asked_for() {
    let home = Home::in_memory();
    let stage = Stage { home: &home, runs: AtomicUsize::new(0) };
    let mut history = History::default();
    history.take(stage.kill_the_only_server(stage.serve(), &mut Chance(7)));
    let server = stage.serve();
    history.check(&home, &server);
    // What was asked in vain counts as known, so the last line is one that was acknowledged.
    home.run(&RunFixture::new("run_last"));
    let path = "/api/queue/from-run/run_last";
    let shown = server.send(&Request::post(&format!("{path}/preview"), "{}")).answer();
    let body = json!({
        "confirm": true, "requested_by": "Ada", "approval_reason": "again", "preview_token": shown["preview_token"],
    });
    let applied = server.send(&Request::post(path, &body.to_string())).answer();
    let complaint = || {
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| history.check(&home, &server)));
        checked.err().and_then(|why| why.downcast_ref::<String>().cloned()).unwrap_or_default()
    };
    assert!(complaint().contains("nobody asked for this line"), "{}", complaint());

    let id = text(&applied, "queue_id").to_owned();
    history.take(vec![Log { acknowledged: vec![("QUEUE_ENQUEUE", id)], ..Log::default() }]);
    history.check(&home, &server);
    assert!(server.stop().status.success());
    let whole = home.queue().bytes().to_vec();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    std::fs::write(home.runtime().join("queue.jsonl"), &whole[..last]).expect("the ledger can be written");
    let server = stage.serve();
    let lost = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| history.check(&home, &server)));
    let lost = lost.err().and_then(|why| why.downcast_ref::<String>().cloned()).unwrap_or_default();
    assert!(lost.contains("acknowledged and lost"), "{lost}");
    let (problems, _) = foreign::read(&home.runtime(), &history.lines());
    assert!(problems.iter().any(|problem| problem.contains("was acknowledged, and stands 0 times")), "{problems:?}");
    println!("figure: control: a line that was taken away and one that nobody asked for: 2 of 2 found");
}

/// The control of the script that reads ledgers with nothing of ours: whatever is done to a sound one, it says so.
#[test]
fn the_foreign_script_finds_every_doctored_ledger() {
    let home = Home::in_memory();
    let server = home.serve(&[GATE_OPEN]);
    let stage = Stage { home: &home, runs: AtomicUsize::new(0) };
    let mut history = History::default();
    history.take(stage.kill_the_only_server(server, &mut Chance(11)));
    assert!(stage.serve().stop().status.success());
    let lines = history.lines();
    foreign::assert_agrees(&home, &lines);
    let path = home.runtime().join("queue.jsonl");
    let whole = std::fs::read(&path).expect("the ledger can be read");
    let ends: Vec<usize> = (1..=whole.len()).filter(|end| whole[end - 1] == b'\n').collect();
    let begins: Vec<usize> = std::iter::once(0).chain(ends.iter().copied()).take(ends.len()).collect();
    let mut doctored: Vec<Vec<u8>> = vec![whole[..whole.len() - 1].to_vec(), [&whole[..], &whole[..ends[0]]].concat()];
    for (begin, end) in begins.iter().zip(&ends) {
        doctored.push([&whole[..*begin], &whole[*end..]].concat());
        let mut flipped = whole.clone();
        flipped[(begin + end) / 2] ^= 1;
        doctored.push(flipped);
    }
    let mut found = 0;
    for bytes in &doctored {
        std::fs::write(&path, bytes).expect("the ledger can be written");
        found += usize::from(!foreign::read(&home.runtime(), &lines).0.is_empty());
    }
    // Lines whose answer never came may go unnoticed; they are the last ones, if any.
    assert!(found + 1 >= doctored.len(), "{found} of {}", doctored.len());
    println!("figure: control: a script with nothing of ours found {found} of {} doctored ledgers", doctored.len());
}

/// Where one home's cycles take place.
struct Stage<'a> {
    home: &'a Home,
    /// How many runs there are; each is queued once.
    runs: AtomicUsize,
}

impl Stage<'_> {
    fn serve(&self) -> Server {
        let server = self.home.serve(&[GATE_OPEN]);
        let ready = server.send(&Request::new("GET", "/readyz"));
        assert_eq!(ready.status, 200, "{}", ready.text());
        server
    }

    fn kill_the_only_server(&self, server: Server, chance: &mut Chance) -> Vec<Log> {
        const CALLERS: usize = 3;
        let stop = AtomicBool::new(false);
        let (says, acknowledgements) = channel();
        std::thread::scope(|scope| {
            let address = server.address.clone();
            let running: Vec<_> = (0..CALLERS)
                .map(|index| {
                    let caller = Caller::new(self.home, &self.runs, index, says.clone(), &stop);
                    let address = address.clone();
                    scope.spawn(move || caller.over_http(&address))
                })
                .collect();
            drop(says);
            wait_for(&acknowledgements, 1 + chance.below(15));
            spin(chance.duration(Duration::from_millis(3)));
            server.kill();
            running.into_iter().map(|caller| caller.join().expect("a caller failed: see above")).collect()
        })
    }

    fn kill_one_of_three(&self, server: Server, chance: &mut Chance) -> Vec<Log> {
        let stop = AtomicBool::new(false);
        let (says, acknowledgements) = channel();
        let victim = chance.below(3);
        std::thread::scope(|scope| {
            let caller = |index| Caller::new(self.home, &self.runs, index, says.clone(), &stop);
            let (address, http) = (server.address.clone(), caller(0));
            let mut server = Some(server);
            let mut pilots: Vec<Option<Pilot>> = Vec::new();
            let mut running = vec![scope.spawn(move || http.over_http(&address))];
            for index in [1, 2] {
                let (pilot, pipes) = Pilot::start(self.pilot());
                pilots.push(Some(pilot));
                let caller = caller(index);
                running.push(scope.spawn(move || caller.over_mcp(pipes)));
            }
            wait_for(&acknowledgements, 1 + chance.below(30));
            spin(chance.duration(Duration::from_millis(3)));
            match victim {
                0 => drop(server.take().map(Server::kill)),
                pilot => drop(pilots[pilot - 1].take().map(Pilot::kill)),
            }
            // Whoever survives goes on writing.
            let mut more = [0; 3];
            while (0..3).any(|index| index != victim && more[index] < 3) {
                let index = acknowledgements.recv_timeout(PATIENCE).expect("the survivors go on");
                more[index] += 1;
            }
            stop.store(true, Ordering::SeqCst);
            let logs: Vec<Log> =
                running.into_iter().map(|caller| caller.join().expect("a caller failed: see above")).collect();
            for (index, log) in logs.iter().enumerate() {
                assert!(index == victim || log.in_doubt.is_empty(), "a survivor gave no answer: {:?}", log.in_doubt);
            }
            if let Some(server) = server {
                assert!(server.stop().status.success());
            }
            for pilot in pilots.into_iter().flatten() {
                assert!(pilot.end().success());
            }
            logs
        })
    }

    /// A server that is told to start and killed before anybody asked it for anything.
    fn kill_while_starting(&self, chance: &mut Chance) {
        let environment = [GATE_OPEN, ("CORTEXPILOT_API_PORT", "0"), ("CORTEXPILOT_API_TOKEN", TOKEN)];
        let starting = Process::spawn(self.home.command(&["serve"], &environment), "serve");
        spin(chance.duration(Duration::from_millis(15)));
        starting.kill();
    }

    fn pilot(&self) -> Command {
        self.home.command(&["mcp-queue-pilot-server"], &[&[GATE_OPEN], &NO_LIMITS[..]].concat())
    }
}

/// Waits for so many acknowledgements.
fn wait_for(acknowledgements: &Receiver<usize>, count: usize) {
    for _ in 0..count {
        acknowledgements.recv_timeout(PATIENCE).expect("callers are acknowledged");
    }
}

/// Lets a moment pass, to the microsecond; nothing waits for anything here, it spreads the kills.
fn spin(pause: Duration) {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

fn torn_tails(home: &Home) -> usize {
    let entries = std::fs::read_dir(home.runtime()).expect("the runtime root can be listed");
    let names = entries.map(|entry| entry.expect("an entry can be read").file_name());
    names.filter(|name| name.to_string_lossy().contains(".torn-")).count()
}

#[expect(clippy::disallowed_methods, reason = "a test's own switch, which the product never sees")]
fn seed() -> u64 {
    match std::env::var("CORTEXPILOT_CRASH_SEED") {
        Ok(text) => text.parse().expect("CORTEXPILOT_CRASH_SEED is a number"),
        // Hash states are seeded by the system, each differently.
        Err(_) => RandomState::new().hash_one(0) | 1,
    }
}

/// Xorshift (Marsaglia 2003): spread is all that is asked of it.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("invariant: less than a usize")
    }

    pub(crate) fn duration(&mut self, longest: Duration) -> Duration {
        Duration::from_nanos(self.next() % u64::try_from(longest.as_nanos()).expect("invariant: milliseconds"))
    }
}
