//! Two servers and ten command-line processes share one ledger: for a few seconds, and for a minute in a long campaign. Each
//! command is a process of its own, which opens the ledger, waits for its turn and ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use cortexpilot_runs::fixture::RunFixture;

use super::crash::callers::{Caller, Log};
use super::crash::history::History;
use super::sound::text;
use super::support::{GATE_OPEN, Home, Server, foreign, sized};

const SERVERS: usize = 2;
const CALLERS_OF_EACH: usize = 2;
const COMMANDS: usize = 10;

/// What the command-line processes of one loop did.
#[derive(Default)]
struct Ran {
    log: Log,
    processes: usize,
    /// Commands that did not get the lock in time, and said so.
    busy: usize,
}

#[test]
fn two_servers_and_ten_command_line_processes_share_one_ledger() {
    let lasts = Duration::from_secs(sized(4, 60));
    let home = Home::new();
    let servers: Vec<Server> = (0..SERVERS).map(|_| home.serve(&[GATE_OPEN])).collect();
    let (stop, runs) = (AtomicBool::new(false), AtomicUsize::new(0));
    let until = Instant::now() + lasts;
    let mut history = History::default();
    let mut ran = Vec::new();
    std::thread::scope(|scope| {
        let (says, acknowledgements) = channel();
        let http: Vec<_> = (0..SERVERS * CALLERS_OF_EACH)
            .map(|index| {
                let caller = Caller::new(&home, &runs, index, says.clone(), &stop);
                let address = servers[index % SERVERS].address.clone();
                scope.spawn(move || caller.over_http(&address))
            })
            .collect();
        drop(says);
        let commands: Vec<_> = (0..COMMANDS)
            .map(|index| {
                let home = &home;
                scope.spawn(move || at_the_terminal(home, index, until))
            })
            .collect();
        // However a thread of commands ends, the callers over HTTP end too.
        let done: Vec<_> = commands.into_iter().map(|thread| thread.join()).collect();
        stop.store(true, Ordering::SeqCst);
        drop(acknowledgements);
        history.take(http.into_iter().map(|caller| caller.join().expect("a caller failed: see above")).collect());
        ran.extend(done.into_iter().map(|thread| thread.expect("a command failed: see above")));
    });
    assert_eq!(history.in_doubt, 0, "every request was answered");
    let over_http = history.acknowledged();
    let (processes, busy): (usize, usize) =
        (ran.iter().map(|ran| ran.processes).sum(), ran.iter().map(|ran| ran.busy).sum());
    history.take(ran.into_iter().map(|ran| ran.log).collect());
    // At their end they write down what they had only counted.
    for server in servers {
        assert!(server.stop().status.success());
    }
    let next = home.serve(&[GATE_OPEN]);
    history.check(&home, &next);
    assert!(next.stop().status.success());
    foreign::assert_agrees(&home, &history.lines());
    let at_terminals = history.acknowledged() - over_http;
    assert!(over_http > 0 && at_terminals > COMMANDS && busy * 10 <= processes, "{over_http} {at_terminals} {busy}");
    println!("fired: {processes} processes at once with others");
    println!(
        "figure: {SERVERS} servers and {COMMANDS} command lines on one ledger for {} s: {processes} processes, {over_http} \
         lines acknowledged over HTTP and {at_terminals} at terminals, 0 lost, 0 twice; {busy} commands said that the lock was \
         not to be had in time",
        lasts.as_secs()
    );
}

/// Previews, queues, cancels, claims and completes, one process after the other, until the time is over.
fn at_the_terminal(home: &Home, index: usize, until: Instant) -> Ran {
    let mut ran = Ran::default();
    let plan = home.root().join(format!("plan-{index}.json"));
    let plan = plan.to_str().expect("a path in UTF-8");
    for number in 0.. {
        if Instant::now() >= until {
            break;
        }
        let run = format!("run_cli_{index}_{number:04}");
        home.run(&RunFixture::new(&run).without_hash_chain());
        // A preview takes no lock; its key is there since the servers started.
        ran.processes += 1;
        home.cli(&["queue", "preview", &run, "-o", plan], &[GATE_OPEN]).answer();
        let said = ["--role", "OPS", "--requested-by", "Ada", "--reason", "again", "--confirm"];
        let Some(item) = ran.command(home, &[&["queue", "enqueue", "--plan", plan], &said[..]].concat()) else {
            continue;
        };
        let id = text(&item, "queue_id").to_owned();
        ran.log.acknowledged.push(("QUEUE_ENQUEUE", id.clone()));
        match number % 3 {
            0 if ran.command(home, &["queue", "cancel", &id, "--reason", "not this one"]).is_some() => {
                ran.log.acknowledged.push(("QUEUE_CANCEL", id));
            }
            1 => {
                let Some(claimed) = ran.command(home, &["queue", "claim"]).filter(|claimed| claimed["ok"] == true)
                else {
                    continue;
                };
                let (id, token) =
                    (text(&claimed["item"], "queue_id").to_owned(), text(&claimed, "lease_token").to_owned());
                ran.log.acknowledged.push(("QUEUE_CLAIM", id.clone()));
                let done = ["queue", "complete", &id, "--lease-token", &token, "--status", "SUCCESS"];
                if ran.command(home, &done).is_some() {
                    ran.log.acknowledged.push(("QUEUE_DONE", id));
                }
            }
            _ => {}
        }
    }
    ran
}

impl Ran {
    /// What a command answered; `None` when another caller was first, or the lock was not to be had in time.
    fn command(&mut self, home: &Home, line: &[&str]) -> Option<serde_json::Value> {
        self.processes += 1;
        let ran = home.cli(line, &[GATE_OPEN]);
        match ran.code().as_str() {
            "" => return Some(ran.answer()),
            "QUEUE_ITEM_NOT_CANCELLABLE" => {}
            "STORE_UNAVAILABLE" if ran.stderr.contains("has held the lock") => self.busy += 1,
            _ => panic!("{line:?}: {ran:#?}"),
        }
        None
    }
}
