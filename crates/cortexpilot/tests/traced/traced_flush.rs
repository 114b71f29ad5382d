//! A server whose flush failed: it acknowledges nothing more, says so with a code, turns red, and ends by itself with a
//! code that a supervisor takes for a failure. The next process is sound and goes on.

use std::path::Path;

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::sound::{assert_sound, text};
use crate::strace::{Trace, Traced, under_strace};
use crate::support::process::Process;
use crate::support::{Connection, GATE_OPEN, Home, Request, Response, Server, TOKEN, VERSIONS, apply, sized};

/// Which of the queue's writes or flushes fails.
const NTH: usize = 3;

/// What fails, on the queue's file. Each server goes on answering for some seconds before it ends.
fn failures() -> Vec<&'static str> {
    let usual = vec!["fdatasync:error=EIO", "write:retval=7"];
    sized(
        usual,
        vec![
            "fdatasync:error=EIO",
            "fdatasync:error=ENOSPC",
            "write:error=EIO",
            "write:error=ENOSPC",
            "write:retval=7",
        ],
    )
}

fn home(runs: usize) -> Home {
    let home = Home::new();
    for at in 0..runs {
        home.run(&RunFixture::new(&format!("run_{at}")));
    }
    home.make_key();
    home
}

fn options(home: &Home, failure: &str) -> Vec<String> {
    let queue = home.runtime().join("queue.jsonl");
    let queue = queue.to_str().expect("a path in UTF-8");
    let inject = format!("inject={failure}:when={NTH}");
    ["-P", queue, "-e", "trace=write,fdatasync,fsync", "-e", &inject].map(str::to_owned).to_vec()
}

fn fired(output: &Path) -> usize {
    Trace::read(output).calls().iter().filter(|call| call.result.contains("(INJECTED)")).count()
}

fn serve(home: &Home, options: &[String], output: &Path) -> Server {
    let environment = [GATE_OPEN, ("CORTEXPILOT_API_PORT", "0"), ("CORTEXPILOT_API_TOKEN", TOKEN)];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    Server::listening(Process::spawn(under_strace(&home.command(&["serve"], &environment), output, &options), "strace"))
}

/// Queues a run over HTTP.
fn queue(connection: &mut Connection, run: &str) -> Response {
    let path = format!("/api/queue/from-run/{run}");
    let shown = connection.send(&Request::post(&format!("{path}/preview"), "{}")).answer();
    let body = json!({
        "confirm": true, "requested_by": "Ada", "approval_reason": "again", "preview_token": shown["preview_token"],
    });
    connection.send(&Request::post(&path, &body.to_string()))
}

/// The next process holds every acknowledged line, and at most one more; it goes on.
fn next_goes_on(home: &Home, acknowledged: &[Value], runs: usize) {
    let server = home.serve(&[GATE_OPEN]);
    let lines = assert_sound(home);
    assert!((acknowledged.len()..=acknowledged.len() + 1).contains(&lines.len()), "{lines:#?}");
    for (line, answer) in lines.iter().zip(acknowledged) {
        assert_eq!(line["queue_id"], answer["queue_id"]);
    }
    assert_eq!(server.send(&Request::new("GET", "/readyz")).status, 200);
    assert_eq!(queue(&mut server.connect(), &format!("run_{}", runs - 1)).status, 200);
    assert!(server.stop().status.success());
}

#[test]
fn a_server_whose_flush_failed_says_so_turns_red_and_ends_by_itself() {
    let (mut acknowledged_before, failures) = (0, failures());
    for failure in &failures {
        const RUNS: usize = NTH + 3;
        let home = home(RUNS);
        let output = home.root().join("trace");
        let server = serve(&home, &options(&home, failure), &output);
        let mut connection = server.connect();
        let ready = server.send(&Request::new("GET", "/readyz"));
        assert_eq!(ready.status, 200, "{failure}");
        let acknowledged: Vec<Value> =
            (1..NTH).map(|at| queue(&mut connection, &format!("run_{}", at - 1)).answer()).collect();
        let lost = queue(&mut connection, &format!("run_{}", NTH - 1));
        assert_eq!((lost.status, lost.code().as_str()), (503, "OUTCOME_UNKNOWN"), "{failure}: {}", lost.text());
        // Nothing is retried, nothing acknowledged: neither what adds work nor what takes it back.
        let late = queue(&mut connection, &format!("run_{NTH}"));
        let id = text(&acknowledged[0], "queue_id");
        let back = connection.send(&Request::post(&format!("/api/queue/{id}/cancel"), "{}"));
        let red = connection.send(&Request::new("GET", "/readyz"));
        for (what, answer) in [("apply", late), ("cancel", back), ("/readyz", red)] {
            assert_eq!((answer.status, answer.code().as_str()), (503, "STORE_UNAVAILABLE"), "{failure}: {what}");
        }
        // Reading goes on to the end.
        let listed = connection.send(&Request::get("/api/queue")).answer();
        assert_eq!(listed.as_array().map(Vec::len), Some(acknowledged.len()), "{failure}: what is durable is shown");
        let ended = server.ends();
        assert_eq!(ended.status.code(), Some(6), "{failure}: {}", ended.stderr);
        assert!(ended.stderr.contains("error: OUTCOME_UNKNOWN") && ended.stderr.contains("next: "), "{}", ended.stderr);
        assert_eq!(fired(&output), 1, "{failure}: one call failed, and none was tried after it");
        next_goes_on(&home, &acknowledged, RUNS);
        acknowledged_before += acknowledged.len();
    }
    println!("fired: {} failed system calls", failures.len());
    println!(
        "figure: {} failures of a server's write or flush ({}): {} injections fired, {acknowledged_before} acknowledged before \
         them, 0 after them; 503 OUTCOME_UNKNOWN, then STORE_UNAVAILABLE, /readyz red, exit code 6",
        failures.len(),
        failures.join(", "),
        failures.len()
    );
}

#[test]
fn the_stream_of_a_pilot_whose_flush_failed_ends_by_itself() {
    let failures = failures();
    for failure in &failures {
        const RUNS: usize = NTH + 2;
        let home = home(RUNS);
        let pilot = home.command(&["mcp-queue-pilot-server"], &[GATE_OPEN]);
        let options = options(&home, failure);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let output = home.root().join("trace");
        let mut server = Traced::start(&pilot, &output, &options, VERSIONS[3]);
        let acknowledged: Vec<Value> = (1..NTH).map(|at| server.mcp.enqueue(&format!("run_{}", at - 1))).collect();
        let run = format!("run_{}", NTH - 1);
        server.mcp.call("preview_enqueue_from_run", &json!({"run_id": run}).to_string()).answer();
        let unknown = server.mcp.call("enqueue_from_run", &apply(&run, json!({})));
        assert_eq!(unknown.code(), "OUTCOME_UNKNOWN", "{failure}");
        let ended = server.mcp.into_process().ends();
        assert_eq!(ended.status.code(), Some(6), "{failure}: {}", ended.stderr);
        assert!(ended.stderr.contains("error: OUTCOME_UNKNOWN"), "{}", ended.stderr);
        assert_eq!(fired(&output), 1, "{failure}");
        next_goes_on(&home, &acknowledged, RUNS);
    }
    println!("fired: {} failed system calls", failures.len());
    println!(
        "figure: {} failures of a pilot's write or flush: its stream ended by itself, exit code 6",
        failures.len()
    );
}

/// The control: the same session, traced and with nothing failing, acknowledges everything and ends only when told to.
#[test]
fn a_server_whose_flushes_work_stays_and_acknowledges_everything() {
    const RUNS: usize = NTH + 1;
    let home = home(RUNS);
    let output = home.root().join("trace");
    let server = serve(&home, &["-e", "trace=fdatasync"].map(str::to_owned), &output);
    let mut connection = server.connect();
    for at in 0..RUNS {
        queue(&mut connection, &format!("run_{at}")).answer();
    }
    assert_eq!(server.send(&Request::new("GET", "/readyz")).status, 200);
    assert!(server.stop().status.success());
    assert_eq!((assert_sound(&home).len(), fired(&output)), (RUNS, 0));
    println!("figure: control: with no call failing: {RUNS} of {RUNS} acknowledged, exit code 0");
}
