//! `kill -9` in the middle of writes, a hundred times: no acknowledged line is lost, every reopen is clean, and what was
//! not acknowledged is there whole or not at all.
//!
//! The victim dies after a random number of acknowledgements and a random moment more, so that most kills strike while
//! something is being judged, pinned, written or synced. Runs are not repeatable to the instruction, but their plan is:
//! the seed is printed, and `CORTEXPILOT_CRASH_SEED=N` in the test's environment plans the same kills again.

mod callers;
mod history;

use std::hash::{BuildHasher as _, RandomState};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use callers::{Caller, Log, Pilot};
use history::History;

use super::support::process::{PATIENCE, Process};
use super::support::{GATE_OPEN, Home, NO_LIMITS, Request, Server, TOKEN};

const KILLS: usize = 100;

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
    let seed = seed();
    println!("seed {seed}");
    let mut chance = Chance(seed);
    let mut total = History::default();
    let (mut alone, mut among, mut starting, mut cut, mut torn) = (0, 0, 0, 0, 0);
    for round in 0..KILLS / KILLS_A_HOME {
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
        assert!(last.stop().status.success());
        torn += torn_tails(&home);
        total.add(&history);
    }
    assert_eq!(alone + among + starting, KILLS);
    assert!(total.in_doubt > 0, "no kill struck a caller that waited for its answer");
    println!(
        "figure: {KILLS} kills ({alone} of the only server, {among} of one of three processes, {starting} of a server that \
         was starting): {} acknowledged lines and {} refusals, 0 lost; {} calls without an answer, \
         {} of them written, each whole and once; every reopen sound; {cut} last lines torn, {torn} torn tails set aside (seed {seed})",
        total.acknowledged(),
        total.refused(),
        total.in_doubt,
        total.written_in_doubt,
    );
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
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("invariant: less than a usize")
    }

    fn duration(&mut self, longest: Duration) -> Duration {
        Duration::from_nanos(self.next() % u64::try_from(longest.as_nanos()).expect("invariant: milliseconds"))
    }
}
