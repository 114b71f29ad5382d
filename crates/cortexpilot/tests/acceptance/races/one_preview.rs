//! Sixteen callers and one preview, or one key, or one run: whatever the order, one item.

use std::collections::BTreeMap;

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use super::{apply_of, assert_sound, from_run, preview, text, together};
use crate::support::{Connection, GATE_OPEN, Home, Mcp, Request, STATELESS, VERSIONS, apply};

/// How many apply at once.
const CALLERS: usize = 16;

/// How often, each time with a run of its own: one round may happen to run one after the other.
const ROUNDS: usize = 10;

fn home_with_runs() -> (Home, Vec<String>) {
    let home = Home::new();
    let runs: Vec<String> = (0..ROUNDS).map(|round| format!("run_{round:02}")).collect();
    for run in &runs {
        home.run(&RunFixture::new(run));
    }
    (home, runs)
}

/// All answers are the one line of this run; one caller appended it and all others are told that it was there.
fn assert_one_line(home: &Home, run: &str, answers: &[Value]) {
    assert_eq!(answers.len(), CALLERS);
    let repeated = answers.iter().filter(|answer| answer["already_applied"] == true).count();
    assert_eq!(repeated, CALLERS - 1, "{answers:#?}");
    let lines: Vec<Value> = home.queue().events().into_iter().filter(|line| line["source_run_id"] == run).collect();
    let [line] = &lines[..] else { panic!("{} lines instead of one: {lines:#?}", lines.len()) };
    for answer in answers {
        let mut answer = answer.clone();
        let members = answer.as_object_mut().expect("an apply answers with an object");
        assert!(members.remove("already_applied").is_some());
        assert_eq!(members.remove("current_status"), Some(json!("PENDING")));
        assert_eq!(answer, *line);
    }
}

fn figure(home: &Home, how: &str) -> String {
    let lines = assert_sound(home).len();
    assert_eq!(lines, ROUNDS);
    assert_eq!(home.decisions().lines(), Vec::<String>::new(), "nobody was refused");
    format!(
        "{ROUNDS} × {CALLERS} parallel applies of one preview {how}: {CALLERS} answers with one queue_id, {} \
         already_applied, 1 line each time",
        CALLERS - 1
    )
}

#[test]
fn sixteen_connections_that_apply_one_preview_append_one_line() {
    let (home, runs) = home_with_runs();
    let server = home.serve(&[GATE_OPEN]);
    let mut connections: Vec<Connection> = (0..CALLERS).map(|_| server.connect()).collect();
    for run in &runs {
        let shown = preview(&mut connections[0], run);
        let request = apply_of(run, text(&shown, "preview_token"));
        let request = &request;
        let jobs = connections.iter_mut().map(|connection| move || connection.send(request).answer()).collect();
        assert_one_line(&home, run, &together(jobs));
    }
    println!("figure: {}", figure(&home, "over HTTP"));
}

#[test]
fn sixteen_processes_that_apply_one_preview_append_one_line() {
    let (home, runs) = home_with_runs();
    // The same principal in each of them: the agent of whoever starts them.
    let mut pilots: Vec<Mcp> = (0..CALLERS).map(|at| home.pilot(VERSIONS[at % VERSIONS.len()], &[GATE_OPEN])).collect();
    for run in &runs {
        let shown = pilots[0].call("preview_enqueue_from_run", &json!({"run_id": run}).to_string()).answer().clone();
        let arguments = apply(run, json!({"preview_token": text(&shown, "preview_token")}));
        let arguments = &arguments;
        let jobs = pilots.iter_mut().map(|pilot| move || pilot.call("enqueue_from_run", arguments).answer().clone());
        assert_one_line(&home, run, &together(jobs.collect()));
    }
    println!("figure: {}", figure(&home, &format!("by {CALLERS} MCP processes")));
}

#[test]
fn sixteen_calls_in_flight_in_one_process_append_one_line() {
    let (home, runs) = home_with_runs();
    let mut pilot = home.pilot(STATELESS, &[GATE_OPEN]);
    for run in &runs {
        pilot.call("preview_enqueue_from_run", &json!({"run_id": run}).to_string()).answer();
        let arguments = apply(run, json!({}));
        let sent: Vec<u64> = (0..CALLERS).map(|_| pilot.post_call("enqueue_from_run", &arguments)).collect();
        let answers: Vec<Value> =
            sent.into_iter().map(|id| crate::support::Called::of(pilot.answer_to(id)).answer().clone()).collect();
        assert_one_line(&home, run, &answers);
    }
    println!("figure: {}", figure(&home, "in flight in one MCP process"));
}

#[test]
fn sixteen_previews_applied_under_one_key_append_one_line() {
    let (home, runs) = home_with_runs();
    let server = home.serve(&[GATE_OPEN]);
    let mut connections: Vec<Connection> = (0..CALLERS).map(|_| server.connect()).collect();
    for run in &runs {
        let requests: Vec<Request> = connections
            .iter_mut()
            .map(|connection| {
                let body = json!({
                    "confirm": true, "requested_by": "Ada", "approval_reason": "again", "idempotency_key": format!("key of {run}"),
                    "preview_token": preview(connection, run)["preview_token"],
                });
                Request::post(&from_run(run), &body.to_string())
            })
            .collect();
        let jobs = connections
            .iter_mut()
            .zip(&requests)
            .map(|(connection, request)| move || connection.send(request).answer());
        assert_one_line(&home, run, &together(jobs.collect()));
    }
    assert_eq!(assert_sound(&home).len(), ROUNDS);
}

#[test]
fn of_sixteen_previews_of_one_run_one_is_queued_and_fifteen_are_refused() {
    let (home, runs) = home_with_runs();
    let server = home.serve(&[GATE_OPEN]);
    let mut connections: Vec<Connection> = (0..CALLERS).map(|_| server.connect()).collect();
    let mut refused = BTreeMap::<String, usize>::new();
    for run in &runs {
        let requests: Vec<Request> = connections
            .iter_mut()
            .map(|connection| apply_of(run, text(&preview(connection, run), "preview_token")))
            .collect();
        let jobs = connections.iter_mut().zip(&requests).map(|(connection, request)| move || connection.send(request));
        let answers = together(jobs.collect());
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.status, 409, "{}", answer.text());
            *refused.entry(answer.code()).or_default() += 1;
        }
    }
    // Each preview rests on nothing of its run waiting; as soon as one item does, the others are of another state.
    let wanted = BTreeMap::from([("PREVIEW_STALE".to_owned(), ROUNDS * (CALLERS - 1))]);
    assert_eq!(refused, wanted);
    assert_eq!(assert_sound(&home).len(), ROUNDS);
}
