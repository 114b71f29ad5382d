//! Many runs and a long ledger: the newest page, previews side by side, and how soon a new process is ready.

use std::path::Path;

use serde_json::Value;

use crate::harness::Setting;
use crate::load::{Client, p99};
use crate::long_ledger;
use crate::measure::{Figure, Side, Target, median_us, micros};
use crate::places::{Place, run_id};
use crate::served::{Served, get, post};

/// Runs in the large place.
const RUNS: usize = 10_000;

/// The page that is asked for.
const PAGE: usize = 50;

/// Warm lists in a round.
const LISTS: usize = 100;

/// Previews at one time.
const PREVIEWS: usize = 32;

/// Previews of each connection in a round.
const EACH: usize = 40;

/// The newest runs, warm.
pub(crate) fn runs(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let text = |error: std::io::Error| error.to_string();
    let place = Place::new(root, setting, RUNS)?;
    let server = Served::of(&place).map_err(text)?;
    let mut client = Client::connect(server.address(), 1).map_err(text)?;
    let page = vec![get(server.address(), &format!("/api/runs?limit={PAGE}"))];
    let listed: Value =
        serde_json::from_slice(&client.once(&page[0]).map_err(text)?.1).map_err(|error| error.to_string())?;
    let newest = listed["items"].as_array().ok_or("no items")?;
    if newest.len() != PAGE || newest[0]["run_id"] != run_id(RUNS - 1) {
        return Err(format!("not the newest runs: {listed}"));
    }
    // What follows the first list in the background has its time.
    client.round(&page, LISTS).map_err(text)?;
    let mut rounds = Vec::new();
    for _ in 0..setting.rounds {
        rounds.push(median_us(&client.round(&page, LISTS).map_err(text)?.latencies) / 1e3);
    }
    let value = format!("{:.1} MiB resident", server.resident_mib().map_err(text)?);
    Ok(vec![Figure {
        name: format!("`GET /api/runs?limit={PAGE}`, the newest of {RUNS} runs, warm"),
        rounds,
        unit: "ms",
        target: Target::AtMost(5.0),
        like_with_like: false,
        sides: vec![Side { name: "product".into(), value, issued: None }],
    }])
}

/// Previews side by side beside a long ledger.
pub(crate) fn previews(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let text = |error: std::io::Error| error.to_string();
    let place = Place::new(root, setting, PREVIEWS)?;
    long_ledger::fill(&place, setting.items)?;
    let server = Served::of(&place).map_err(text)?;
    let mut client = Client::connect(server.address(), PREVIEWS).map_err(text)?;
    let previews: Vec<Vec<u8>> = (0..PREVIEWS)
        .map(|run| post(server.address(), &format!("/api/queue/from-run/{}/preview", run_id(run)), "{}"))
        .collect();
    client.round(&previews, EACH).map_err(text)?;
    let (mut rounds, mut middle) = (Vec::new(), Vec::new());
    for _ in 0..setting.rounds {
        let round = client.round(&previews, EACH).map_err(text)?;
        rounds.push(micros(p99(&round.latencies)) / 1e3);
        middle.extend(round.latencies);
    }
    let value = format!("{:.2} ms in the middle", median_us(&middle) / 1e3);
    Ok(vec![Figure {
        name: format!("{PREVIEWS} previews at a time, a ledger of {} items: p99", setting.items),
        rounds,
        unit: "ms",
        target: Target::AtMost(20.0),
        like_with_like: false,
        sides: vec![Side { name: "product".into(), value, issued: None }],
    }])
}

/// From the start of the process to the first `GET /readyz` that is answered with yes.
pub(crate) fn start(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let text = |error: std::io::Error| error.to_string();
    let place = Place::new(root, setting, RUNS)?;
    let (mut rounds, mut resident) = (Vec::new(), Vec::new());
    for round in 0..=setting.rounds {
        let server = Served::of(&place).map_err(text)?;
        let mut client = Client::connect(server.address(), 1).map_err(text)?;
        client.once(&get(server.address(), "/readyz")).map_err(text)?;
        let ready = server.age();
        // The first warms the kernel's caches up.
        if round > 0 {
            rounds.push(micros(ready) / 1e3);
            resident.push(server.resident_mib().map_err(text)?);
        }
    }
    let value = format!("{:.1} MiB resident then", crate::measure::median(&resident));
    Ok(vec![Figure {
        name: format!("from the start of `serve` to ready, with {RUNS} runs"),
        rounds,
        unit: "ms",
        target: Target::AtMost(100.0),
        like_with_like: false,
        sides: vec![Side { name: "product".into(), value, issued: None }],
    }])
}
