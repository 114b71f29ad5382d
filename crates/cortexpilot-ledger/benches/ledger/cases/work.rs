//! Workers that hand in one item and take the next in one commit: eight against one.

use std::path::Path;

use super::Setting;
use crate::drive::{self, observed};
use crate::measure::{Figure, Issued, NOTHING, Side, Target, median};

/// Rounds of this case for each that was asked for: short ones, as the disk changes its ways.
const ROUNDS: usize = 4;

/// How many workers, and how many times each of them hands in an item and takes the next in a round.
const SIZES: [(usize, usize); 2] = [(1, 8), (8, 8)];

pub(super) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let store = drive::open(root);
    // One stays pending and keeps the contract of all of them pinned.
    drive::fill(&store, 1);
    let mut rates = [Vec::new(), Vec::new()];
    let mut issued = [NOTHING; 2];
    for round in 0..setting.rounds * ROUNDS {
        for turn in [0, 1] {
            let at = (turn + round) % 2;
            let (workers, calls) = SIZES[at];
            let items = workers * (calls + 1);
            drive::fill(&store, items);
            let (elapsed, did) = observed(&store, 2 * items, || drive::work(&store, workers, calls));
            rates[at].push(items as f64 / elapsed.as_secs_f64());
            issued[at] = issued[at].and(did);
        }
    }
    let ratios: Vec<f64> = rates[1].iter().zip(&rates[0]).map(|(eight, one)| eight / one).collect();
    let side = |name: &str, rates: &[f64], issued: Issued| Side {
        name: name.into(),
        value: format!("{:.0} items/s", median(rates)),
        issued: Some(issued),
    };
    Ok(vec![Figure {
        name: "claim and complete, fused into one commit: rate of 8 workers against one".into(),
        rounds: ratios,
        unit: "×",
        target: Target::AtLeast(4.0),
        like_with_like: false,
        sides: vec![side("one worker", &rates[0], issued[0]), side("8 workers", &rates[1], issued[1])],
    }])
}
