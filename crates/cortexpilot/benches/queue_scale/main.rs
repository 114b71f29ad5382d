//! What preview, apply, cancel and claim cost through a running server on a long queue, against the same calls on an empty
//! one: two servers side by side, called in turn. `cargo xtask bench queue-scale` runs this.
//!
//! No call may cost more than [`RATIO_MAX`] times what it costs on the empty queue, in time to the answer or in the
//! server's processor time.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people: its output is its result")]

#[path = "../../tests/acceptance"]
mod acceptance {
    #[expect(dead_code, unused_imports, reason = "shared with the acceptance tests, which use all of it")]
    pub(crate) mod support;
}

mod long_ledger;
mod side;

use std::process::ExitCode;
use std::time::Instant;

use acceptance::support;
use cortexpilot_runs::fixture::RunFixture;
use side::{CALLS, Side};
use support::{GATE_OPEN, Home};

/// How much more a call may cost on the long queue.
const RATIO_MAX: f64 = 2.0;

/// What was asked for on the command line.
struct Options {
    items: usize,
    rounds: usize,
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)) {
        Ok(options) => measure(&options),
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { items: 100_000, rounds: 300 };
    while let Some(word) = words.next() {
        let target = match word.as_str() {
            // Cargo says so to every bench target.
            "--bench" => continue,
            "--items" => &mut options.items,
            "--rounds" => &mut options.rounds,
            _ => return Err(format!("`{word}` is no option: there are --items N and --rounds N")),
        };
        let value = words.next().unwrap_or_default();
        *target = value.parse().map_err(|_| format!("`{word} {value}`: not a number"))?;
    }
    if options.items < long_ledger::ITEMS_MIN || options.rounds == 0 {
        return Err(format!("at least {} items and one round are needed", long_ledger::ITEMS_MIN));
    }
    Ok(options)
}

fn measure(options: &Options) -> ExitCode {
    let Options { items, rounds } = *options;
    let homes = [Home::new(), Home::new()];
    for home in &homes {
        for round in 0..rounds {
            let [first, second] = side::runs_of(round);
            home.run(&RunFixture::new(&first));
            home.run(&RunFixture::new(&second));
        }
    }
    let started = Instant::now();
    let lines = long_ledger::fill(&homes[1], items);
    println!("a ledger of {items} items ({lines} lines) was made in {:.1} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    let verified = homes[1].cli(&["audit", "verify"], &[]);
    assert_eq!(verified.exit, Some(0), "{verified:#?}");
    println!("figure: `audit verify` of {lines} lines: {:.2} s", started.elapsed().as_secs_f64());

    let [mut empty, mut long] = homes.each_ref().map(|home| Side::start(|| home.serve(&[GATE_OPEN])));
    println!(
        "figure: from start to listening: {:.0} ms on an empty ledger, {:.0} ms on {items} items",
        start_ms(&homes[0]),
        start_ms(&homes[1])
    );
    for round in 0..rounds {
        // In turn, and in turn who is first.
        let mut sides = [&mut empty, &mut long];
        if round % 2 == 1 {
            sides.reverse();
        }
        side::round(sides, round);
    }
    println!(
        "figure: resident memory: {} MiB on an empty ledger, {} MiB on {items} items",
        empty.resident_mib(),
        long.resident_mib()
    );
    let mut worst: f64 = 0.0;
    for (at, call) in CALLS.iter().enumerate() {
        let [time, cpu] = [(empty.time_us(at), long.time_us(at)), (empty.cpu_us(at), long.cpu_us(at))];
        let [times, cpus] = [time, cpu].map(|(empty, long)| long / empty);
        worst = worst.max(times).max(cpus);
        println!(
            "figure: {call}: median {:.0} µs on an empty ledger, {:.0} µs on {items} items (× {times:.2}); of the server's processor time \
             {:.0} and {:.0} µs (× {cpus:.2})",
            time.0, time.1, cpu.0, cpu.1
        );
    }
    if worst > RATIO_MAX {
        println!("a call costs × {worst:.2}, more than × {RATIO_MAX}");
        return ExitCode::FAILURE;
    }
    println!("figure: over {rounds} rounds no call costs more than × {worst:.2}; at most × {RATIO_MAX} is promised");
    ExitCode::SUCCESS
}

/// How long another server of this home needs until it listens.
fn start_ms(home: &Home) -> f64 {
    let started = Instant::now();
    let server = home.serve(&[GATE_OPEN]);
    let taken = started.elapsed();
    server.kill();
    taken.as_secs_f64() * 1_000.0
}
