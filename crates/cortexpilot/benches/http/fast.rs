//! The two reads that everybody sends most, with 32 kept connections, against a bare handler that answers with the same
//! bytes.

use std::path::Path;
use std::process::Command;

use crate::bare;
use crate::harness::Setting;
use crate::load::Client;
use crate::long_ledger;
use crate::measure::{Figure, Side, Target, median};
use crate::places::Place;
use crate::served::{Served, get};

const CONNECTIONS: usize = 32;

/// Requests of each connection in a round.
const EACH: usize = 600;

/// Rounds of this case for each that was asked for: they are short.
const ROUNDS: usize = 2;

/// `GET /health`.
pub(crate) fn health(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let place = Place::new(root, setting, 1)?;
    against_bare(root, setting, &place, "/health", "GET /health")
}

/// `GET /api/queue/{queue_id}`, with a token.
pub(crate) fn item(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let place = Place::new(root, setting, 1)?;
    long_ledger::fill(&place, 3)?;
    let ledger = std::fs::read_to_string(place.runtime().join("queue.jsonl")).map_err(|error| error.to_string())?;
    let line: serde_json::Value =
        ledger.lines().last().and_then(|line| serde_json::from_str(line).ok()).ok_or("no line")?;
    let id = line["queue_id"].as_str().ok_or("no queue_id")?;
    against_bare(root, setting, &place, &format!("/api/queue/{id}"), "GET /api/queue/{queue_id}")
}

fn against_bare(root: &Path, setting: &Setting, place: &Place, path: &str, name: &str) -> Result<Vec<Figure>, String> {
    let text = |error: std::io::Error| error.to_string();
    let server = Served::of(place).map_err(text)?;
    let request = vec![get(server.address(), path)];
    let mut ours = Client::connect(server.address(), CONNECTIONS).map_err(text)?;
    let (head, body) = ours.once(&request[0]).map_err(text)?;
    let file = root.join("answer");
    std::fs::write(&file, [&head[..], &body].concat()).map_err(text)?;
    let program = std::env::current_exe().map_err(text)?;
    let bare_server = Served::start(Command::new(program).arg(bare::WORD).arg(&file)).map_err(text)?;
    let bare_request = vec![get(bare_server.address(), path)];
    let mut bare = Client::connect(bare_server.address(), CONNECTIONS).map_err(text)?;
    let (bare_head, bare_body) = bare.once(&bare_request[0]).map_err(text)?;
    if bare_body != body || bare_head.len() != head.len() {
        return Err(format!(
            "the sides give different answers: {} and {}",
            String::from_utf8_lossy(&head),
            String::from_utf8_lossy(&bare_head)
        ));
    }
    let (mut rates, mut bare_rates) = (Vec::new(), Vec::new());
    let busy = [server.processor().map_err(text)?, bare_server.processor().map_err(text)?];
    for round in 0..=setting.rounds * ROUNDS {
        for turn in [0, 1] {
            // In turn, and in turn who is first.
            let is_ours = (turn + round) % 2 == 0;
            let (client, requests) = if is_ours { (&mut ours, &request) } else { (&mut bare, &bare_request) };
            let done = client.round(requests, EACH).map_err(text)?;
            let rate = done.latencies.len() as f64 / done.elapsed.as_secs_f64();
            // The first of each warms up.
            if round > 0 {
                if is_ours { &mut rates } else { &mut bare_rates }.push(rate);
            }
        }
    }
    let sent = (CONNECTIONS * EACH * (setting.rounds * ROUNDS + 1)) as f64;
    let cost = |server: &Served, before: std::time::Duration| {
        server.processor().map(|now| (now - before).as_secs_f64() * 1e6 / sent).map_err(text)
    };
    let costs = [cost(&server, busy[0])?, cost(&bare_server, busy[1])?];
    let side = |name: &str, rates: &[f64], cost: f64| Side {
        name: name.into(),
        value: format!("{:.0} requests/s, {cost:.1} µs of a processor each", median(rates)),
        issued: None,
    };
    Ok(vec![Figure {
        name: format!(
            "`{name}`, {CONNECTIONS} kept connections: rate against a bare handler with the same {} bytes",
            head.len() + body.len()
        ),
        rounds: rates.iter().zip(&bare_rates).map(|(ours, bare)| ours / bare).collect(),
        unit: "×",
        target: Target::AtLeast(0.8),
        like_with_like: false,
        sides: vec![side("product", &rates, costs[0]), side("bare", &bare_rates, costs[1])],
    }])
}
