//! Processes that share one ledger, each with one caller: eight against one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use super::Setting;
use crate::drive::{self, Contract, alone, enqueues};
use crate::measure::{Figure, Issued, NOTHING, Side, Target, median};

/// Lines that each process writes in a round.
const EACH: usize = 60;
const SIZES: [usize; 2] = [1, 8];

/// Ends with what it belongs to, also when the measurement panics.
struct Writer {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Writer {
    fn start(root: &Path) -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut child =
            Command::new(program).arg("--writer").arg(root).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| std::io::Error::other("no standard output"))?;
        Ok(Self { child, answers: BufReader::new(stdout) })
    }

    fn answer(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line.is_empty() {
            return Err(std::io::Error::other("a writing process stopped; what it said is above"));
        }
        Ok(line.trim_end().to_owned())
    }

    fn go(&mut self) -> std::io::Result<()> {
        self.child.stdin.as_mut().ok_or_else(|| std::io::Error::other("no standard input"))?.write_all(b"go\n")
    }
}

/// A writing process: makes its commands, waits for the word, carries them out one by one and says what it issued.
pub(crate) fn child(root: &Path) {
    let store = drive::open(root);
    let commands = enqueues(&store, EACH, Contract::Shared);
    println!("ready");
    let mut word = String::new();
    std::io::stdin().read_line(&mut word).expect("the measuring process gives the word");
    let before = store.io_counts();
    for command in commands {
        alone(&store, command);
    }
    let Issued { syncs, bytes, .. } = Issued::by_library(EACH, before, store.io_counts());
    println!("{syncs} {bytes}");
}

pub(super) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let keeper = drive::open(root);
    drive::fill(&keeper, 1);
    drop(keeper);
    let mut rates = [Vec::new(), Vec::new()];
    let mut issued = [NOTHING; 2];
    for round in 0..setting.rounds {
        for turn in [0, 1] {
            let at = (turn + round) % 2;
            let (rate, did) = together(root, SIZES[at]).map_err(|error| error.to_string())?;
            rates[at].push(rate);
            issued[at] = issued[at].and(did);
        }
    }
    let ratios: Vec<f64> = rates[1].iter().zip(&rates[0]).map(|(eight, one)| eight / one).collect();
    let side = |name: &str, rates: &[f64], issued: Issued| Side {
        name: name.into(),
        value: format!("{:.0} lines/s", median(rates)),
        issued: Some(issued),
    };
    Ok(vec![Figure {
        name: "8 writing processes: rate together against one".into(),
        rounds: ratios,
        unit: "×",
        target: Target::AtLeast(2.0),
        like_with_like: false,
        sides: vec![side("one process", &rates[0], issued[0]), side("8 processes", &rates[1], issued[1])],
    }])
}

/// Lines a second of so many processes from the word to the last answer.
fn together(root: &Path, processes: usize) -> std::io::Result<(f64, Issued)> {
    let mut writers = (0..processes).map(|_| Writer::start(root)).collect::<Result<Vec<_>, _>>()?;
    for writer in &mut writers {
        writer.answer()?;
    }
    let started = Instant::now();
    writers.iter_mut().try_for_each(Writer::go)?;
    let mut issued = NOTHING;
    for writer in &mut writers {
        let answer = writer.answer()?;
        let numbers: Option<Vec<u64>> = answer.split(' ').map(|number| number.parse().ok()).collect();
        let Some(&[syncs, bytes]) = numbers.as_deref() else {
            return Err(std::io::Error::other(format!("a writing process said {answer}")));
        };
        issued = issued.and(Issued { lines: EACH as u64, syncs, bytes });
    }
    let elapsed = started.elapsed();
    let lines = processes * EACH;
    Ok((lines as f64 / elapsed.as_secs_f64(), issued))
}
