//! What things cost, compared with each other on this machine: a full ledger against an empty one. The times themselves
//! are printed, not judged.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cortexpilot_core::Verdict;
use cortexpilot_core::domain::command::Command;
use cortexpilot_core::domain::id::{QueueItemId, Sha256Digest};
use cortexpilot_core::domain::ledger;
use cortexpilot_core::port::StoreRead as _;
use cortexpilot_core::port::conformance::{Ask, block_on, cancel, claim, execute, soon, start};
use cortexpilot_core::port::fake::ManualClock;
use cortexpilot_ledger::FileStore;

use crate::support::{Root, options};

const ITEMS: usize = 100_000;

/// A ledger of so many enqueued items, chained, all pending on contracts of their own.
fn ledger_of(items: usize) -> String {
    let mut text = String::with_capacity(items * 1100);
    let mut head = Sha256Digest::ZERO;
    for n in 0..items {
        let mut body = String::new();
        write!(
            body,
            "{{\"event\": \"QUEUE_ENQUEUE\", \"status\": \"PENDING\", \"task_id\": \"task_{n}\", \"owner\": \"agent-1\", \
             \"contract_path\": \"/srv/runs/old_{n}/contract.json\", \"priority\": 0, \"workflow_id\": \"wf-{}\", \
             \"source_run_id\": \"old_{n}\", \"scheduled_at\": null, \"deadline_at\": null, \
             \"ts\": \"2026-02-01T10:00:00.000000+00:00\", \"queue_id\": \"{n:032x}\", \"contract_sha256\": \"{n:064x}\", \
             \"requested_by\": \"Alice Example\", \"actor_role\": \"OPS\", \
             \"approval_reason\": \"The nightly run failed on a flaky network.\", \
             \"approval_mode\": \"manual-owner-default-off\", \"pilot_source\": \"cli\", \"principal\": \"local:alice\", \
             \"preview_digest\": \"{n:064x}\", \"idempotency_key\": \"key {n}\", \"depth\": 1, \
             \"approval_policy\": \"declared\", \"approvals\": []",
            n % 50
        )
        .unwrap();
        let (line, hash) = ledger::seal(&head, &body);
        text.push_str(&line);
        text.push('\n');
        head = hash;
    }
    text
}

fn open(root: &Root) -> FileStore {
    FileStore::open(options(&root.path), Arc::new(ManualClock::at(start()))).unwrap()
}

/// The middle of the times of each kind of call: preview, apply, cancel, claim, one item.
fn calls(store: &FileStore, rounds: i64) -> [Duration; 6] {
    let mut times: [Vec<Duration>; 6] = Default::default();
    for n in 0..rounds {
        let mut clock = Instant::now();
        let mut lap = |slot: usize| {
            times[slot].push(clock.elapsed());
            clock = Instant::now();
        };
        let ask = Ask::of(&format!("run_{n}")).at(n).with(1, None);
        let seen = block_on(ask.preview(store));
        lap(0);
        let Verdict::Enqueued(item) = block_on(execute(store, ask.command(seen))) else { panic!("not enqueued") };
        lap(1);
        block_on(execute(store, cancel(item.queue_id(), soon(n))));
        lap(2);
        // There is something to claim in either ledger.
        block_on(Ask::of(&format!("next_{n}")).at(n).with(1, None).enqueue(store));
        lap(5);
        assert!(matches!(block_on(execute(store, claim(soon(n)))), Verdict::Claimed(_)));
        lap(3);
        block_on(store.item(&QueueItemId::from_bytes([0; 16]))).unwrap();
        lap(4);
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

#[test]
fn at_a_hundred_thousand_items_each_call_costs_at_most_twice_what_it_costs_at_none() {
    // In memory where possible: a disk's sync would hide what is measured.
    let nothing = Root::quick();
    let empty = open(&nothing);
    let root = Root::quick().holding(ledger_of(ITEMS));
    let clock = Instant::now();
    let full = open(&root);
    println!("figure: opening and verifying {ITEMS} lines: {:.2} s", clock.elapsed().as_secs_f64());
    assert_eq!(block_on(full.health()).unwrap().pending, ITEMS);
    let clock = Instant::now();
    assert_eq!(full.scrub().unwrap().lines, ITEMS as u64);
    println!("figure: scrubbing them: {:.2} s", clock.elapsed().as_secs_f64());
    let rounds = 200;
    calls(&empty, 20);
    let (at_none, at_full) = (calls(&empty, rounds), calls(&full, rounds));
    for (what, (none, full)) in
        ["preview", "apply", "cancel", "claim", "item"].iter().zip(at_none.into_iter().zip(at_full))
    {
        println!("figure: {what}: {none:.0?} at none, {full:.0?} at {ITEMS}");
        // Below a tenth of a millisecond the scheduler decides, not the ledger.
        assert!(full <= none * 2 + Duration::from_micros(100), "{what}: {none:?} against {full:?}");
    }
}

#[test]
fn a_thousand_commands_one_after_another_and_a_thousand_at_once() {
    let root = Root::new();
    let store = open(&root);
    let mut commands = Vec::new();
    for n in 0..1000 {
        let ask = Ask::of(&format!("run_{n}"));
        commands.push(ask.command(block_on(ask.preview(&store))));
    }
    let clock = Instant::now();
    for command in commands {
        assert!(matches!(block_on(execute(&store, command)), Verdict::Enqueued(_)));
    }
    let alone = clock.elapsed();
    println!("figure: 1,000 applies one after another: {:.2} s", alone.as_secs_f64());

    let refused: Vec<Command> = (0..1000).map(|n| Ask::of(&format!("run_{n}")).unseen()).collect();
    let clock = Instant::now();
    block_on(futures_util::future::join_all(refused.into_iter().map(|command| execute(&store, command))));
    println!("figure: 1,000 refusals at once: {:.2} s", clock.elapsed().as_secs_f64());

    let mut commands = Vec::new();
    for n in 0..1000 {
        let ask = Ask::of(&format!("more_{n}"));
        commands.push(ask.command(block_on(ask.preview(&store))));
    }
    let clock = Instant::now();
    let verdicts =
        block_on(futures_util::future::join_all(commands.into_iter().map(|command| execute(&store, command))));
    let together = clock.elapsed();
    println!("figure: 1,000 applies at once: {:.2} s", together.as_secs_f64());
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Enqueued(_))));
    assert_eq!(root.lines().len(), 2000);
    // Each has a contract of its own to pin, so it is the lines' sync that is shared.
    assert!(together < alone, "waiting commands share a commit");
}
