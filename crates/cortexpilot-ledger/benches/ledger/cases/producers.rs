//! Many callers at once: against one, and against a bare loop that writes and syncs batches of the sizes seen.

use std::path::Path;

use super::Setting;
use crate::baselines::batches;
use crate::drive::{self, Contract, LEDGER, enqueues, observed, produce};
use crate::measure::{Figure, Issued, NOTHING, Side, Target, lines_from, median, size};

/// How many producers, and how many lines each writes in a round. A round is short, so that the disk seldom changes its ways
/// within one.
const SIZES: [(usize, usize); 3] = [(1, 15), (32, 20), (256, 8)];

/// Rounds of this case for each that was asked for.
const ROUNDS: usize = 4;

/// What one number of producers came to.
struct Run {
    rates: Vec<f64>,
    issued: Issued,
    bare_rates: Vec<f64>,
    bare_issued: Issued,
}

pub(super) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let store = drive::open(root);
    drive::fill(&store, 1);
    let ledger = root.join(LEDGER);
    let mut runs = SIZES.map(|_| Run { rates: vec![], issued: NOTHING, bare_rates: vec![], bare_issued: NOTHING });
    for round in 0..setting.rounds * ROUNDS {
        let order: Vec<usize> =
            if round % 2 == 0 { (0..SIZES.len()).collect() } else { (0..SIZES.len()).rev().collect() };
        for at in order {
            let (producers, each) = SIZES[at];
            let count = producers * each;
            let commands = enqueues(&store, count, Contract::Shared);
            let before = size(&ledger);
            let (elapsed, issued) = observed(&store, count, || {
                produce(&store, commands, producers);
            });
            runs[at].rates.push(count as f64 / elapsed.as_secs_f64());
            runs[at].issued = runs[at].issued.and(issued);
            let lines = lines_from(&ledger, before);
            let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
            let bare = batches::run(root, &lines, issued.syncs).map_err(|error| error.to_string())?;
            runs[at].bare_rates.push(count as f64 / bare.elapsed.as_secs_f64());
            let issued = Issued { lines: count as u64, syncs: bare.syncs, bytes: bare.bytes };
            runs[at].bare_issued = runs[at].bare_issued.and(issued);
        }
    }
    let [one, some, many] = &runs;
    let targets =
        [(32, some, Target::AtLeast(10.0), Target::None), (256, many, Target::AtLeast(25.0), Target::AtLeast(0.6))];
    let mut figures = Vec::new();
    for (producers, run, against_one, against_bare) in targets {
        figures.push(Figure {
            name: format!("{producers} producers: rate against one"),
            rounds: ratios(&run.rates, &one.rates),
            unit: "×",
            target: against_one,
            like_with_like: false,
            sides: vec![side("one producer", &one.rates, one.issued), side("together", &run.rates, run.issued)],
        });
        figures.push(Figure {
            name: format!("{producers} producers: rate against a bare loop with as many syncs of batches as large"),
            rounds: ratios(&run.rates, &run.bare_rates),
            unit: "×",
            target: against_bare,
            like_with_like: true,
            sides: vec![side("library", &run.rates, run.issued), side("bare", &run.bare_rates, run.bare_issued)],
        });
    }
    Ok(figures)
}

/// Round by round: what lies between two rounds may be another regime of the disk.
fn ratios(over: &[f64], under: &[f64]) -> Vec<f64> {
    over.iter().zip(under).map(|(over, under)| over / under).collect()
}

fn side(name: &str, rates: &[f64], issued: Issued) -> Side {
    let lines = issued.lines as f64 / issued.syncs.max(1) as f64;
    let value = format!("{:.0} lines/s, {lines:.1} lines a sync", median(rates));
    Side { name: name.into(), value, issued: Some(issued) }
}
