//! HTTP with 32 keep-alive connections: durable enqueues through the operators' server against a bare axum handler that
//! takes the same requests and gives answers of the same size.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::bare_http;
use crate::commits::Commits;
use crate::harness::Setting;
use crate::http_client::{Client, post};
use crate::measure::{Figure, Issued, NOTHING, Side, Target, median, size};
use crate::product::{Place, Process, TOKEN, member};

const CONNECTIONS: usize = 32;

/// Requests of each connection in a round.
const EACH: usize = 16;

/// How often the bare side takes a round's requests: it is that much faster, and too short a round says little.
const BARE_TIMES: usize = 6;

/// Rounds of this case for each that was asked for.
const ROUNDS: usize = 2;

pub(crate) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut place = Place::new(root, setting)?;
    let mut server = place.start("serve").map_err(text)?;
    let address = server.address().map_err(text)?;
    let headers = format!("host: {address}\r\nauthorization: Bearer {TOKEN}\r\nx-cortexpilot-role: OPS\r\n");
    let mut ours = Client::connect(&address, CONNECTIONS).map_err(text)?;

    // It pins the contract of all of them, warms the server up and says how long an answer is.
    let warm = applies(&mut place, &mut ours, &headers)?;
    let (_, answers) = ours.send(&warm, 1).map_err(text)?;
    let answer = answers.first().map_or(0, Vec::len);
    let program = std::env::current_exe().map_err(text)?;
    let mut bare_server =
        Process::start(Command::new(program).arg(bare_http::WORD).arg(answer.to_string())).map_err(text)?;
    let mut bare = Client::connect(&bare_server.address().map_err(text)?, CONNECTIONS).map_err(text)?;
    bare.send(&warm, BARE_TIMES).map_err(text)?;

    let ledger = place.runtime().join("queue.jsonl");
    let commits = Commits::watch(&place.runtime()).map_err(text)?;
    let (mut rates, mut bare_rates, mut issued) = (Vec::new(), Vec::new(), NOTHING);
    for round in 0..setting.rounds * ROUNDS {
        let requests = applies(&mut place, &mut ours, &headers)?;
        let count = requests.len();
        for turn in [0, 1] {
            // In turn, and in turn who is first.
            if (turn + round) % 2 == 0 {
                let long = size(&ledger);
                let (elapsed, answers) = ours.send(&requests, 1).map_err(text)?;
                answers.iter().try_for_each(|answer| queued(answer))?;
                rates.push(count as f64 / elapsed.as_secs_f64());
                let syncs = commits.since().map_err(text)?.ok_or("the kernel has lost count of the commits")?;
                issued = issued.and(Issued { lines: count as u64, syncs, bytes: size(&ledger) - long });
            } else {
                let (elapsed, _) = bare.send(&requests, BARE_TIMES).map_err(text)?;
                bare_rates.push((count * BARE_TIMES) as f64 / elapsed.as_secs_f64());
            }
        }
    }
    let lines = issued.lines as f64 / issued.syncs.max(1) as f64;
    Ok(vec![Figure {
        name: format!("HTTP, {CONNECTIONS} keep-alive connections: rate of durable enqueues against a bare handler"),
        rounds: rates.iter().zip(&bare_rates).map(|(ours, bare)| ours / bare).collect(),
        unit: "×",
        target: Target::AtLeast(0.15),
        like_with_like: false,
        sides: vec![
            Side {
                name: "product".into(),
                value: format!("{:.0} requests/s, {lines:.1} lines a sync, answers of {answer} bytes", median(&rates)),
                issued: Some(issued),
            },
            Side { name: "bare".into(), value: format!("{:.0} requests/s", median(&bare_rates)), issued: None },
        ],
    }])
}

/// Previews a round's runs and gives the requests that queue them.
fn applies(place: &mut Place, client: &mut Client, headers: &str) -> Result<Vec<Vec<u8>>, String> {
    let runs = place.runs(CONNECTIONS * EACH).map_err(|error| error.to_string())?;
    let previews: Vec<Vec<u8>> =
        runs.iter().map(|run| post(&format!("/api/queue/from-run/{run}/preview"), headers, "{}")).collect();
    let (_, shown) = client.send(&previews, 1).map_err(|error| error.to_string())?;
    let apply = |(run, shown): (&String, Vec<u8>)| {
        let shown: Value = serde_json::from_slice(&shown).map_err(|error| error.to_string())?;
        let token = member(&shown, "preview_token")?;
        let body = json!({"confirm": true, "requested_by": "Ada", "approval_reason": "again", "preview_token": token});
        Ok(post(&format!("/api/queue/from-run/{run}"), headers, &body.to_string()))
    };
    runs.iter().zip(shown).map(apply).collect()
}

fn queued(answer: &[u8]) -> Result<(), String> {
    let answer: Value = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    if answer["status"] == "PENDING" { Ok(()) } else { Err(format!("not queued: {answer}")) }
}
