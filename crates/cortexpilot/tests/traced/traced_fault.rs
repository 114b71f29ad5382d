//! One `EIO` on one sync of the ledger: from there on the process acknowledges nothing, and whoever comes after makes the
//! bytes durable again before it relies on them.

use std::path::{Path, PathBuf};

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::sound::{assert_sound, text};
use crate::strace::Traced;
use crate::support::{Called, GATE_OPEN, Home, VERSIONS, apply};

/// The sync that fails; so many applies minus one are acknowledged before it.
const FAILS: usize = 8;

/// A home with these runs, whose ledger exists already, so that its syncs can be named.
fn home(runs: &[String]) -> (Home, PathBuf) {
    let home = Home::new();
    for run in runs {
        home.run(&RunFixture::new(run));
    }
    home.pilot(VERSIONS[0], &[GATE_OPEN]).finish();
    let queue = home.runtime().join("queue.jsonl");
    assert!(queue.is_file());
    (home, queue)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("run_{at:02}")).collect()
}

/// A pilot server whose n-th sync of the queue's file fails, once.
fn failing(home: &Home, queue: &Path) -> Traced {
    let queue = queue.to_str().expect("a path in UTF-8");
    let inject = format!("inject=fdatasync,fsync:error=EIO:when={FAILS}");
    let options = ["-P", queue, "-e", "trace=fdatasync,fsync", "-e", &inject];
    let pilot = home.command(&["mcp-queue-pilot-server"], &[GATE_OPEN]);
    Traced::start(&pilot, &home.root().join("trace"), &options, VERSIONS[3])
}

/// The token of a preview, by which the apply can be asked for again.
fn preview(server: &mut Traced, run: &str) -> String {
    let shown = server.mcp.call("preview_enqueue_from_run", &json!({"run_id": run}).to_string());
    text(shown.answer(), "preview_token").to_owned()
}

#[test]
fn after_one_failed_sync_nothing_is_acknowledged_and_the_next_process_is_sound() {
    let runs = names(FAILS + 4);
    let (home, queue) = home(&runs);
    let mut server = failing(&home, &queue);
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for run in &runs {
        // Reading goes on: a preview rests on what is durable.
        let token = preview(&mut server, run);
        let applied = server.mcp.call("enqueue_from_run", &apply(run, json!({"preview_token": token})));
        match applied.code() {
            "" => acknowledged.push(applied.answer().clone()),
            code => refused.push((run.clone(), token, code.to_owned())),
        }
    }
    // Neither is what was acknowledged before acknowledged again.
    let again = server.mcp.call("enqueue_from_run", &apply(&runs[0], json!({})));
    assert_eq!(again.code(), "STORE_UNAVAILABLE");
    // What is refused is refused as ever.
    let unconfirmed = server.mcp.call("enqueue_from_run", &apply(&runs[0], json!({"confirm": false})));
    assert_eq!(unconfirmed.code(), "CONFIRM_REQUIRED");
    let trace = server.finish();
    let failed: Vec<_> = trace.calls().iter().filter(|call| call.result.contains("(INJECTED)")).collect();
    assert_eq!((failed.len(), trace.calls().len()), (1, FAILS), "one sync failed, and none was tried after it");

    let codes: Vec<&str> = refused.iter().map(|(_, _, code)| code.as_str()).collect();
    assert_eq!(
        codes,
        ["OUTCOME_UNKNOWN", "STORE_UNAVAILABLE", "STORE_UNAVAILABLE", "STORE_UNAVAILABLE", "STORE_UNAVAILABLE"]
    );
    let before = acknowledged.len();
    assert_eq!(before, FAILS - 1);
    restart(&home, &acknowledged, &refused);
    println!("fired: 1 failed system calls");
    println!(
        "figure: sync {FAILS} failed (EIO): {before} acknowledged before it, 0 after it ({} refused); the next process \
         synced again before it answered and holds every acknowledged line",
        refused.len()
    );
}

/// How many applies are in flight at once, and how often: strace counts the syncs of each thread for itself, and which of the
/// server's threads makes one is the server's business. With so many rounds one of them comes to its eighth.
const AT_ONCE: usize = 6;
const ROUNDS: usize = 4 * FAILS;

#[test]
fn of_applies_in_flight_when_a_sync_fails_none_is_acknowledged() {
    let runs = names(AT_ONCE * ROUNDS);
    let (home, queue) = home(&runs);
    let mut server = failing(&home, &queue);
    let (mut acknowledged, mut refused, mut failures) = (Vec::new(), Vec::new(), 0);
    for at_once in runs.chunks(AT_ONCE) {
        let tokens: Vec<String> = at_once.iter().map(|run| preview(&mut server, run)).collect();
        let sent: Vec<u64> = at_once
            .iter()
            .zip(&tokens)
            .map(|(run, token)| server.mcp.post_call("enqueue_from_run", &apply(run, json!({"preview_token": token}))))
            .collect();
        for (id, (run, token)) in sent.into_iter().zip(at_once.iter().zip(tokens)) {
            let answer = Called::of(server.mcp.answer_to(id));
            match answer.code() {
                // Its line came before the one that failed.
                "" if failures == 0 => acknowledged.push(answer.answer().clone()),
                code @ ("OUTCOME_UNKNOWN" | "STORE_UNAVAILABLE") => {
                    refused.push((run.clone(), token, code.to_owned()));
                }
                other => panic!("{run}: {other:?} after {failures} rounds with a failure"),
            }
        }
        failures += usize::from(!refused.is_empty());
        // In the next round nothing may be acknowledged.
        if failures == 2 {
            break;
        }
    }
    assert!(refused.iter().any(|(_, _, code)| code == "OUTCOME_UNKNOWN") && refused.len() > AT_ONCE, "{refused:?}");
    assert!(acknowledged.len() >= FAILS - 1, "{}", acknowledged.len());
    server.finish();
    restart(&home, &acknowledged, &refused);
}

/// The next process makes durable what is there before it says anything, holds every acknowledged line, and answers each
/// apply whose outcome was unknown: with the line that is there, or with one that it appends now.
fn restart(home: &Home, acknowledged: &[Value], refused: &[(String, String, String)]) {
    let queue = home.runtime().join("queue.jsonl");
    let before = home.queue().events();
    let options = ["-e", "trace=write,pwrite64,fdatasync,fsync"];
    let pilot = home.command(&["mcp-queue-pilot-server"], &[GATE_OPEN]);
    let mut server = Traced::start(&pilot, &home.root().join("trace.again"), &options, VERSIONS[3]);
    for (run, token, code) in refused {
        let applied =
            server.mcp.call("enqueue_from_run", &apply(run, json!({"preview_token": token}))).answer().clone();
        let was_there = before.iter().any(|line| line["source_run_id"] == **run);
        assert_eq!(applied["already_applied"], was_there, "{applied}");
        assert!(!was_there || code == "OUTCOME_UNKNOWN", "{run} was refused as {code}, and is in the ledger");
    }
    let trace = server.finish();
    let rewritten = trace.find(0, "the bytes that may not be durable", |call| call.is_on(&["pwrite64"], &queue));
    let synced = trace.find(rewritten.begin, "their sync", |call| call.is_on(&["fdatasync", "fsync"], &queue));
    let answered = trace.find(0, "the first answer", |call| call.is_answer());
    assert!(synced.succeeded() && rewritten.end < synced.begin && synced.end < answered.begin, "{synced:?}");

    let lines = assert_sound(home);
    assert_eq!(lines.len(), acknowledged.len() + refused.len(), "one line for each apply");
    for answer in acknowledged {
        assert!(lines.iter().any(|line| line["h"] == answer["h"]), "{answer}");
    }
}
