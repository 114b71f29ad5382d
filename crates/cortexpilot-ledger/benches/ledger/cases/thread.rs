//! What one line costs the threads that judge, write and flush, in processor time as the kernel counts it: with many callers
//! that, not the disk, bounds how much a process can write. Other programs on the machine disturb it little.

use std::path::Path;

use cortexpilot_core::domain::command::Command;
use cortexpilot_core::port::conformance::{claim, complete, lease, start};

use super::Setting;
use crate::drive::{self, Contract, enqueues, produce};
use crate::measure::{Figure, Side, Target, median};

/// Callers at once.
const PRODUCERS: usize = 256;

/// Lines of a kind in a round.
const LINES: usize = 8 * PRODUCERS;

/// Microseconds a line.
const WITHIN: f64 = 8.0;

pub(super) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let store = drive::open(root);
    // One stays pending and keeps the contract of all of them pinned.
    drive::fill(&store, 1);
    let mut rounds = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..setting.rounds {
        let asked = enqueues(&store, LINES, Contract::Shared);
        let mut measured = |kind: usize, commands: Vec<Command>| {
            let before = writer_time()?;
            let items = produce(&store, commands, PRODUCERS);
            rounds[kind].push((writer_time()? - before) as f64 / 1e3 / LINES as f64);
            Ok::<_, String>(items)
        };
        measured(0, asked)?;
        let claimed = measured(1, (0..LINES).map(|_| claim(start())).collect())?;
        measured(2, claimed.iter().map(|item| complete(item.queue_id(), &lease(item), start())).collect())?;
    }
    let figure = |name: &str, rounds: Vec<f64>, target| Figure {
        name: format!("{name} by {PRODUCERS} callers: processor time of the writing threads"),
        sides: vec![Side { name: "library".into(), value: format!("{:.1} µs a line", median(&rounds)), issued: None }],
        rounds,
        unit: "µs",
        target,
        like_with_like: false,
    };
    let [enqueued, claimed, completed] = rounds;
    Ok(vec![
        figure("enqueue", enqueued, Target::AtMost(WITHIN)),
        figure("claim", claimed, Target::AtMost(WITHIN)),
        figure("complete", completed, Target::AtMost(WITHIN)),
    ])
}

/// Nanoseconds that the writing threads of this process have run.
fn writer_time() -> Result<u64, String> {
    let problem = |error: std::io::Error| error.to_string();
    let mut sum = None;
    for task in std::fs::read_dir("/proc/self/task").map_err(problem)? {
        let task = task.map_err(problem)?.path();
        let name = std::fs::read_to_string(task.join("comm")).map_err(problem)?;
        if name.trim() == "ledger-writer" {
            let times = std::fs::read_to_string(task.join("schedstat")).map_err(problem)?;
            let ran: Option<u64> = times.split_whitespace().next().and_then(|first| first.parse().ok());
            *sum.get_or_insert(0) += ran.ok_or("the kernel does not say how long a thread ran")?;
        }
    }
    sum.ok_or_else(|| "the store has no writing threads".into())
}
