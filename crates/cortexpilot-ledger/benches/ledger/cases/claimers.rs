//! Many claimers on a long queue: each item is claimed once, and claiming and completing keep up with what the store commits
//! for as many callers whose every call is one line: that is its group-commit limit. Lines that enqueue are long and dear to
//! judge, lines that cancel are short and cheap; claims are held against both.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cortexpilot_core::port::Store;
use cortexpilot_core::port::conformance::{block_on, cancel, claim, complete, lease, start};
use futures_util::future::join_all;
use serde_json::Value;

use super::Setting;
use crate::baselines::batches;
use crate::drive::{Contract, LEDGER, enqueues, item, observed, produce};
use crate::history::{self, Kind};
use crate::measure::{Figure, Issued, NOTHING, Side, Target, lines_from, median, size};

/// Claimers at once, and callers of the limit beside them.
const CLAIMERS: usize = 64;

/// Rounds for each that was asked for, so that both sides meet the disk in the same mood.
const ROUNDS: usize = 4;

/// One side's rates in lines a second, and what it issued.
struct Run {
    rates: Vec<f64>,
    issued: Issued,
}

impl Run {
    const fn new() -> Self {
        Self { rates: Vec::new(), issued: NOTHING }
    }

    fn take(&mut self, lines: usize, elapsed: std::time::Duration, issued: Issued) {
        self.rates.push(lines as f64 / elapsed.as_secs_f64());
        self.issued = self.issued.and(issued);
    }

    fn side(&self, name: &str) -> Side {
        let a_sync = self.issued.lines as f64 / self.issued.syncs.max(1) as f64;
        let value = format!("{:.0} lines/s, {a_sync:.1} lines a sync", median(&self.rates));
        Side { name: name.into(), value, issued: Some(self.issued) }
    }
}

pub(super) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let store = history::make(root, setting.items, Kind::Pending);
    let ledger = root.join(LEDGER);
    let wanted = pending(&ledger)?;
    let rounds = setting.rounds * ROUNDS;
    let (mut claimers, mut bare) = (Run::new(), Run::new());
    let (mut enqueued, mut cancelled) = (Run::new(), Run::new());
    let claimed = RefCell::new(Vec::with_capacity(wanted.len()));
    for round in 0..rounds {
        // The last round takes what the division left.
        let items = wanted.len() * (round + 1) / rounds - wanted.len() * round / rounds;
        let lines = 2 * items;
        let mut work = || {
            let before = size(&ledger);
            let (elapsed, did) = observed(&store, lines, || claim_and_complete(&store, items, &claimed));
            claimers.take(lines, elapsed, did);
            let written = lines_from(&ledger, before);
            let written: Vec<&[u8]> = written.iter().map(Vec::as_slice).collect();
            let spent = batches::run(root, &written, did.syncs).map_err(|error| error.to_string())?;
            let issued = Issued { lines: lines as u64, syncs: spent.syncs, bytes: spent.bytes };
            bare.take(lines, spent.elapsed, issued);
            Ok::<_, String>(())
        };
        // Behind everything that is there, so nobody claims them, and gone again.
        let mut append = || {
            let commands = enqueues(&store, items, Contract::Shared);
            let mut new = Vec::new();
            let (elapsed, did) = observed(&store, items, || new = produce(&store, commands, CLAIMERS));
            enqueued.take(items, elapsed, did);
            let commands = new.iter().map(|item| cancel(item.queue_id(), start())).collect();
            let (elapsed, did) = observed(&store, items, || drop(produce(&store, commands, CLAIMERS)));
            cancelled.take(items, elapsed, did);
        };
        if round % 2 == 0 {
            work()?;
            append();
        } else {
            append();
            work()?;
        }
    }
    drop(store);
    once_each(&wanted, &claimed.into_inner(), &ledger)?;
    let ratios = |under: &Run| claimers.rates.iter().zip(&under.rates).map(|(ours, limit)| ours / limit).collect();
    let name = format!(
        "{CLAIMERS} claimers on {} pending items, each claimed once: lines/s of claim and complete",
        wanted.len()
    );
    let ours = || claimers.side("claim, then complete");
    let against = |what: &str, limit: &Run| Figure {
        name: format!("{name} against {CLAIMERS} callers who {what}"),
        rounds: ratios(limit),
        unit: "×",
        target: Target::AtLeast(0.7),
        like_with_like: false,
        sides: vec![limit.side(what), ours()],
    };
    Ok(vec![
        against("enqueue", &enqueued),
        against("cancel", &cancelled),
        Figure {
            name: format!("{name} against a bare loop with as many syncs of batches as large"),
            rounds: ratios(&bare),
            unit: "×",
            target: Target::None,
            like_with_like: true,
            sides: vec![ours(), bare.side("bare")],
        },
    ])
}

/// So many items are claimed and completed, each with a commit of its own for either, by all claimers together.
fn claim_and_complete(store: &dyn Store, items: usize, claimed: &RefCell<Vec<String>>) {
    let left = Cell::new(items);
    let claimer = async |_| {
        while left.get() > 0 {
            left.set(left.get() - 1);
            let held = item(store.execute(claim(start())).await.expect("the store can be written"));
            claimed.borrow_mut().push(held.queue_id().to_string());
            let done = complete(held.queue_id(), &lease(&held), start());
            item(store.execute(done).await.expect("the store can be written"));
        }
    };
    block_on(join_all((0..CLAIMERS).map(claimer)));
}

/// Ids of the items that the ledger's lines leave pending.
fn pending(ledger: &Path) -> Result<BTreeSet<String>, String> {
    let mut pending = BTreeSet::new();
    for (event, id) in events(ledger)? {
        if event == "QUEUE_ENQUEUE" {
            pending.insert(id)
        } else {
            pending.remove(&id)
        };
    }
    Ok(pending)
}

/// Event and item of each line.
fn events(ledger: &Path) -> Result<Vec<(String, String)>, String> {
    let text = std::fs::read_to_string(ledger).map_err(|error| error.to_string())?;
    let event = |line: &str| {
        let line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let member = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        Ok((member("event"), member("queue_id")))
    };
    text.lines().filter(|line| !line.is_empty()).map(event).collect()
}

/// Each item was given to one claimer, and its lines in the ledger say the same: one claim, one end.
fn once_each(wanted: &BTreeSet<String>, claimed: &[String], ledger: &Path) -> Result<(), String> {
    let given: BTreeSet<&String> = claimed.iter().collect();
    if given.len() != claimed.len() || !given.iter().copied().eq(wanted) {
        return Err(format!(
            "{} claims gave {} items of {} that were pending: not each once",
            claimed.len(),
            given.len(),
            wanted.len()
        ));
    }
    let mut lines: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for (event, id) in events(ledger)? {
        match event.as_str() {
            "QUEUE_CLAIM" => lines.entry(id).or_default()[0] += 1,
            "QUEUE_DONE" => lines.entry(id).or_default()[1] += 1,
            _ => {}
        }
    }
    match wanted.iter().find(|id| lines.get(*id) != Some(&[1, 1])) {
        None => Ok(()),
        Some(id) => Err(format!("item {id} has {:?} lines of claim and completion", lines.get(id))),
    }
}
