//! The library as a caller uses it: commands made beforehand, handed to the store by so many producers at once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::run::Pinned;
use cortexpilot_core::port::Store;
use cortexpilot_core::port::conformance::{Ask, block_on, claim, complete, lease, start};
use cortexpilot_core::port::fake::ManualClock;
use cortexpilot_ledger::{FileStore, StoreOptions};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;

use crate::measure::Issued;

/// The task contract that every item rests on, unless a case says otherwise.
const CONTRACT: &[u8] = br#"{"task_id": "bench", "allowed_paths": ["docs"], "acceptance": ["cargo test"]}"#;

/// The active file of a runtime root.
pub(crate) const LEDGER: &str = "queue.jsonl";

/// Opens the store of a runtime root.
pub(crate) fn open(root: &Path) -> FileStore {
    let options = StoreOptions { lock_wait: Duration::from_secs(60), ..StoreOptions::new(root) };
    FileStore::open(options, Arc::new(ManualClock::at(start()))).expect("the store opens")
}

/// What a request rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contract {
    /// The one that others rest on too.
    Shared,
    /// One of its own.
    Own,
}

/// Previews so many requests and gives the commands that apply them.
pub(crate) fn enqueues(store: &dyn Store, count: usize, contract: Contract) -> Vec<Command> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let process = std::process::id();
    let one = |_| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut ask = Ask::of(&format!("run_{process:08}_{number:010}"));
        if contract == Contract::Shared {
            ask.run.contract = Pinned::new(CONTRACT);
        }
        let mut seen = block_on(ask.preview(store));
        // Item ids come from it, and several processes must not make the same.
        seen.nonce = [0; 12];
        seen.nonce[..8].copy_from_slice(&number.to_le_bytes());
        seen.nonce[8..].copy_from_slice(&process.to_le_bytes());
        ask.command(seen)
    };
    (0..count).map(one).collect()
}

/// Enqueues so many items, many at a time; for what must be there before a measurement.
pub(crate) fn fill(store: &dyn Store, count: usize) -> Vec<QueueItem> {
    produce(store, enqueues(store, count, Contract::Shared), 256)
}

/// Carries commands out, so many waiting at any time, and gives the items of the verdicts.
pub(crate) fn produce(store: &dyn Store, commands: Vec<Command>, producers: usize) -> Vec<QueueItem> {
    let mut items = Vec::with_capacity(commands.len());
    let mut waiting = commands.into_iter();
    let mut running: FuturesUnordered<_> =
        waiting.by_ref().take(producers).map(|command| store.execute(command)).collect();
    block_on(async {
        while let Some(verdict) = running.next().await {
            items.push(item(verdict.expect("the store can be written")));
            if let Some(command) = waiting.next() {
                running.push(store.execute(command));
            }
        }
    });
    items
}

/// Carries one command out on this thread, as a command line and a server of one client do.
pub(crate) fn alone(store: &dyn Store, command: Command) {
    item(store.execute_here(command).expect("the store can be written"));
}

/// So many workers take an item, then hand in what they hold and take the next with one call, so many times, and hand in
/// the last. What each writes: one line at the beginning and one at the end, and two lines for each call between them.
pub(crate) fn work(store: &dyn Store, workers: usize, calls: usize) {
    let worker = async |_| {
        let mut held = item(store.execute(claim(start())).await.expect("the store can be written"));
        for _ in 0..calls {
            let done = complete(held.queue_id(), &lease(&held), start());
            let answers = store.execute_all(vec![done, claim(start())]).await;
            let items: Vec<QueueItem> =
                answers.into_iter().map(|answer| item(answer.expect("the store can be written"))).collect();
            let [_, next] = <[QueueItem; 2]>::try_from(items).expect("two commands have two answers");
            held = next;
        }
        let done = complete(held.queue_id(), &lease(&held), start());
        item(store.execute(done).await.expect("the store can be written"));
    };
    block_on(join_all((0..workers).map(worker)));
}

/// The item of a verdict that is what was asked for.
pub(crate) fn item(verdict: Verdict) -> QueueItem {
    match verdict {
        Verdict::Enqueued(item) | Verdict::Claimed(item) | Verdict::Completed(item) | Verdict::Cancelled(item) => item,
        Verdict::AlreadyApplied(_)
        | Verdict::Denied(_)
        | Verdict::NothingToClaim(_)
        | Verdict::LeaseEnded(_)
        | Verdict::Expired(_)
        | Verdict::StopRequested(_)
        | Verdict::Settled(_)
        | Verdict::Unchanged
        | Verdict::AwaitsApproval(_)
        | Verdict::Approved(_)
        | Verdict::Recorded(_) => panic!("not what was asked for: {verdict:?}"),
    }
}

/// Does something with a store and says how long it took and what the store issued meanwhile.
pub(crate) fn observed(store: &FileStore, lines: usize, what: impl FnOnce()) -> (Duration, Issued) {
    let before = store.io_counts();
    let started = Instant::now();
    what();
    let elapsed = started.elapsed();
    (elapsed, Issued::by_library(lines, before, store.io_counts()))
}
