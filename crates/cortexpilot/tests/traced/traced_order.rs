//! In a trace of twenty applies: the contract is pinned durably before the line is written, the line is written before it
//! is synced, and it is synced before it is answered.

use std::path::Path;

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::sound::{assert_sound, text};
use crate::strace::{Call, Trace, Traced, escaped};
use crate::support::{Called, GATE_OPEN, Home, STATELESS, VERSIONS, apply};

const APPLIES: usize = 20;

/// Calls that write and calls that make durable: what the order is read from.
const OPTIONS: [&str; 2] = ["-e", "trace=write,writev,pwrite64,pwritev,fsync,fdatasync"];

const SYNCS: [&str; 2] = ["fdatasync", "fsync"];

/// Applies twenty runs under `strace` in a session of this kind and checks the order of each; gives what was seen.
fn traced(how: &str, version: &'static str, session: fn(&mut Traced, &[String]) -> Vec<Value>) -> String {
    let home = Home::new();
    let runs: Vec<String> = (0..APPLIES).map(|at| format!("run_{at:02}")).collect();
    for run in &runs {
        home.run(&RunFixture::new(run));
    }
    let pilot = home.command(&["mcp-queue-pilot-server"], &[GATE_OPEN]);
    let mut server = Traced::start(&pilot, &home.root().join("trace"), &OPTIONS, version);
    let answers = session(&mut server, &runs);
    let trace = server.finish();
    let lines = assert_sound(&home);
    assert_eq!((lines.len(), answers.len()), (APPLIES, APPLIES));
    for answer in &answers {
        in_order(&trace, &home.runtime(), answer);
    }
    format!(
        "{} system calls traced: for each of {APPLIES} applies {how}, contract pinned < line written < synced < answered",
        trace.calls().len()
    )
}

#[test]
fn each_of_twenty_applies_is_pinned_written_synced_and_only_then_answered() {
    let figure =
        traced("one by one", VERSIONS[2], |server, runs| runs.iter().map(|run| server.mcp.enqueue(run)).collect());
    println!("figure: {figure}");
}

#[test]
fn twenty_applies_in_flight_at_once_are_each_answered_after_their_sync() {
    let figure = traced("in flight at once", STATELESS, |server, runs| {
        for run in runs {
            server.mcp.call("preview_enqueue_from_run", &json!({"run_id": run}).to_string()).answer();
        }
        let sent: Vec<u64> =
            runs.iter().map(|run| server.mcp.post_call("enqueue_from_run", &apply(run, json!({})))).collect();
        sent.into_iter().map(|id| Called::of(server.mcp.answer_to(id)).answer().clone()).collect()
    });
    println!("figure: {figure}");
}

/// The steps of one apply, found by what they write, and each ended before the next began.
fn in_order(trace: &Trace, runtime: &Path, answer: &Value) {
    let (queue, lock) = (runtime.join("queue.jsonl"), runtime.join("ledger.lock"));
    let digest = text(answer, "contract_sha256");
    let contracts = runtime.join("contracts");
    let pin = contracts.join(format!("{digest}.json"));

    let filled = trace.find(0, "the pin's bytes", |call| call.is_on(&["write", "pwrite64"], &pin));
    let pinned = trace.find(filled.begin, "the pin's sync", |call| call.is_on(&SYNCS, &pin));
    let listed = trace.find(pinned.begin, "the sync of the pins' directory", |call| call.is_on(&SYNCS, &contracts));

    let id = escaped(&format!("\"queue_id\": \"{}\"", text(answer, "queue_id")));
    let written = trace.find(0, "the line", |call| {
        call.is_on(&["write", "pwrite64", "writev"], &queue) && call.arguments.contains(&id)
    });
    let marked =
        last_before(trace, written, |call| call.is_on(&["pwrite64"], &lock) && call.arguments.contains("queue.jsonl"));
    assert!(marked.arguments.contains(" set "), "the mark is set while bytes may not be durable: {marked:?}");
    let synced = trace.find(written.begin, "the line's sync", |call| call.is_on(&SYNCS, &queue));
    let cleared = trace.find(synced.begin, "the cleared mark", |call| {
        call.is_on(&["pwrite64"], &lock) && call.arguments.contains("queue.jsonl")
    });
    assert!(cleared.arguments.contains(" clear "), "{cleared:?}");
    // Clients read ids without blanks behind the colon.
    let id = format!("\\\"{}\\\"", text(answer, "queue_id"));
    let answered = trace.find(0, "the answer", |call| call.is_answer() && call.arguments.contains(&id));

    let steps = [filled, pinned, listed, marked, written, synced, cleared, answered];
    for step in steps {
        assert!(step.succeeded(), "{step:?}");
    }
    for pair in [filled, pinned, listed, written, synced, cleared, answered].windows(2) {
        assert!(pair[0].end < pair[1].begin, "{:?}\nis not over when this begins:\n{:?}", pair[0], pair[1]);
    }
    assert!(marked.end < written.begin, "{marked:?}\n{written:?}");
}

fn last_before<'a>(trace: &'a Trace, before: &Call, wanted: impl Fn(&Call) -> bool) -> &'a Call {
    let found = trace.calls().iter().rev().find(|call| call.begin < before.begin && wanted(call));
    found.unwrap_or_else(|| panic!("nothing of the kind before {before:?}"))
}
