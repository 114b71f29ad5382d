//! What a call costs beside many pending items, against a queue with none but its own.

use std::path::Path;
use std::time::{Duration, Instant};

use cortexpilot_core::domain::id::QueueItemId;
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{block_on, cancel, start};
use cortexpilot_ledger::FileStore;

use super::Setting;
use crate::drive::{self, alone, observed};
use crate::history::{self, Kind};
use crate::measure::{Figure, Issued, NOTHING, Side, Target, median, median_us, micros};

/// Calls of a round, on each side. The sides take turns call by call; workers, batch by batch.
const LOOKUPS: usize = 500;
const CANCELS: usize = 20;
const WORKERS: usize = 8;
const PAIRS: usize = 5;
const BATCHES: usize = 4;

/// One of the two queues.
struct Queue {
    store: FileStore,
}

/// What one call came to on both sides.
struct Call {
    name: &'static str,
    /// Microseconds on either side, round by round.
    costs: [Vec<f64>; 2],
    /// `None` where nothing is written.
    issued: Option<[Issued; 2]>,
    /// Whether both sides must issue the same for each line: not where chance makes the batches.
    like_with_like: bool,
}

impl Call {
    fn new(name: &'static str, issued: Option<[Issued; 2]>, like_with_like: bool) -> Self {
        Self { name, costs: Default::default(), issued, like_with_like }
    }

    fn round(&mut self, times: &[Vec<Duration>; 2]) {
        self.costs.iter_mut().zip(times).for_each(|(costs, times)| costs.push(median_us(times)));
    }

    fn did(&mut self, at: usize, did: Issued) {
        if let Some(issued) = &mut self.issued {
            issued[at] = issued[at].and(did);
        }
    }

    fn figure(self, items: usize) -> Figure {
        let [none, many] = &self.costs;
        let side = |at: usize, name: String| Side {
            name,
            value: format!("{:.2} µs each", median(&self.costs[at])),
            issued: self.issued.map(|issued| issued[at]),
        };
        Figure {
            name: format!("{} beside {items} pending items: rate against none", self.name),
            rounds: none.iter().zip(many).map(|(none, many)| none / many).collect(),
            unit: "×",
            target: Target::AtLeast(0.9),
            like_with_like: self.like_with_like,
            sides: vec![side(0, "none".into()), side(1, format!("{items}"))],
        }
    }
}

pub(super) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let [none, many] = [root.join("none"), root.join("many")];
    let queues =
        [Queue { store: drive::open(&none) }, Queue { store: history::make(&many, setting.items, Kind::Pending) }];
    // It keeps the contract of all of them pinned.
    drive::fill(&queues[0].store, 1);
    let mut lookup = Call::new("lookup by id", None, false);
    let mut cancelled = Call::new("cancel", Some([NOTHING; 2]), true);
    let mut worked = Call::new("claim and complete, 8 workers,", Some([NOTHING; 2]), false);
    for _ in 0..setting.rounds {
        let ids = queues.each_ref().map(|queue| {
            let items = drive::fill(&queue.store, CANCELS);
            items.into_iter().map(|item| item.queue_id().clone()).collect::<Vec<QueueItemId>>()
        });
        let mut times: [Vec<Duration>; 2] = Default::default();
        for number in 0..LOOKUPS {
            for at in in_turn(number) {
                times[at].push(look(&queues[at].store, &ids[at][number % CANCELS]));
            }
        }
        lookup.round(&times);
        let mut times: [Vec<Duration>; 2] = Default::default();
        let [first, second] = &ids;
        for (number, ids) in first.iter().zip(second).map(<[_; 2]>::from).enumerate() {
            for at in in_turn(number) {
                let store = &queues[at].store;
                let (elapsed, did) = observed(store, 1, || alone(store, cancel(ids[at], start())));
                times[at].push(elapsed);
                cancelled.did(at, did);
            }
        }
        cancelled.round(&times);
        for number in 0..BATCHES {
            for at in in_turn(number) {
                let store = &queues[at].store;
                let items = WORKERS * (PAIRS + 1);
                drive::fill(store, items);
                let (elapsed, did) = observed(store, 2 * items, || drive::work(store, WORKERS, PAIRS));
                worked.costs[at].push(micros(elapsed) / items as f64);
                worked.did(at, did);
            }
        }
    }
    Ok([lookup, cancelled, worked].map(|call| call.figure(setting.items)).into())
}

/// Both sides, and in turn which is first.
fn in_turn(number: usize) -> [usize; 2] {
    if number.is_multiple_of(2) { [0, 1] } else { [1, 0] }
}

fn look(store: &FileStore, id: &QueueItemId) -> Duration {
    let started = Instant::now();
    let found = block_on(store.item(id)).expect("the store can be read");
    let elapsed = started.elapsed();
    assert!(found.is_some(), "an item that was just enqueued is found");
    elapsed
}
