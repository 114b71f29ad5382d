//! Ten thousand runs and a long ledger: how soon a new process answers, how much memory it holds, and how long a list takes
//! once it is warm. Beside it the same on nothing at all.

use std::path::Path;
use std::time::Duration;

use cortexpilot_core::port::runs::{PageQuery, Runs as _};
use cortexpilot_runs::RunStore;
use serde_json::{Value, json};

use crate::client::{Server, call};
use crate::harness::Setting;
use crate::long_ledger;
use crate::measure::{Figure, Side, Target, median, median_us, micros, timed};
use crate::places::{Place, run_id};

/// Runs in the large place.
const RUNS: usize = 10_000;

/// The page that is asked for.
const PAGE: usize = 50;

/// Warm lists in a round.
const LISTS: usize = 20;

const SERVER: &str = "mcp-readonly-server";

/// What one start came to.
struct Start {
    answer: Duration,
    resident_mib: f64,
}

/// Cold start and memory.
pub(crate) fn start(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let empty = Place::new(&root.join("empty"), setting, 0)?;
    let large = large(root, setting)?;
    let page = json!({"limit": PAGE});
    // The first answer rests on the ledger, or on all of the runs.
    let cases = [
        (&empty, "list_runs", 20.0, "empty roots"),
        (&empty, "list_queue", 20.0, "empty roots"),
        (&large, "list_runs", 100.0, "10,000 runs and a long ledger"),
        (&large, "list_queue", 100.0, "10,000 runs and a long ledger"),
    ];
    let mut starts: Vec<Vec<Start>> = cases.iter().map(|_| Vec::new()).collect();
    for round in 0..=setting.rounds {
        for turn in 0..cases.len() {
            let at = (turn + round) % cases.len();
            let (place, tool, ..) = cases[at];
            let start = start_once(place, &call(tool, &page))?;
            // The first of each warms the kernel's caches up.
            if round > 0 {
                starts[at].push(start);
            }
        }
    }
    let mut figures = Vec::new();
    for ((_, tool, most, place), starts) in cases.iter().zip(&starts) {
        let millis: Vec<f64> = starts.iter().map(|start| micros(start.answer) / 1e3).collect();
        let resident: Vec<f64> = starts.iter().map(|start| start.resident_mib).collect();
        let (told_millis, told_resident) = (median(&millis), median(&resident));
        figures.push(figure(
            format!("from the start to the first answer, `{tool}`, on {place}"),
            (millis, "ms", *most),
            format!("{told_resident:.1} MiB resident then"),
        ));
        figures.push(figure(
            format!("resident memory after `{tool}`, on {place}"),
            (resident, "MiB", 24.0),
            format!("first answer after {told_millis:.1} ms"),
        ));
    }
    Ok(figures)
}

fn figure(name: String, (rounds, unit, most): (Vec<f64>, &'static str, f64), value: String) -> Figure {
    let side = Side { name: SERVER.into(), value, issued: None };
    Figure { name, rounds, unit, target: Target::AtMost(most), like_with_like: false, sides: vec![side] }
}

fn start_once(place: &Place, asked: &[u8]) -> Result<Start, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut server = Server::start(&mut place.server(SERVER)).map_err(text)?;
    server.ask(asked).map_err(text)?;
    let answer = server.age();
    server.result()?;
    Ok(Start { answer, resident_mib: server.resident_mib().map_err(text)? })
}

/// A page of the newest runs, again and again; and once more after each of them has been joined by a new one.
pub(crate) fn list(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let text = |error: std::io::Error| error.to_string();
    let place = Place::new(root, setting, RUNS)?;
    let mut server = Server::start(&mut place.server(SERVER)).map_err(text)?;
    let page = call("list_runs", &json!({"limit": PAGE}));
    let first = server.ask(&page).map_err(text)?;
    newest_is(&server.result()?, RUNS - 1)?;
    let store = RunStore::new(place.runs()).map_err(text)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(text)?;
    let by_library = || runtime.block_on(store.records(PageQuery::first(PAGE))).map_err(|error| error.to_string());
    by_library()?;
    // What follows the first list in the background has its time.
    for _ in 0..LISTS {
        server.ask(&page).map_err(text)?;
        by_library()?;
    }
    let (mut rounds, mut of_library, mut after_new) = (Vec::new(), Vec::new(), Vec::new());
    for added in RUNS..RUNS + setting.rounds {
        let mut times = Vec::new();
        for _ in 0..LISTS {
            times.push(server.ask(&page).map_err(text)?);
            let (taken, listed) = timed(by_library);
            listed?;
            of_library.push(taken);
        }
        rounds.push(median_us(&times) / 1e3);
        place.run(added).map_err(text)?;
        after_new.push(server.ask(&page).map_err(text)?);
        newest_is(&server.result()?, added)?;
    }
    let side = |name: &str, value: String| Side { name: name.into(), value, issued: None };
    Ok(vec![Figure {
        name: format!("`list_runs`, the newest {PAGE} of {RUNS} runs, warm"),
        rounds,
        unit: "ms",
        target: Target::AtMost(5.0),
        like_with_like: false,
        sides: vec![
            side(
                SERVER,
                format!("answers of {} bytes; the first took {:.1} ms", server.answer_bytes(), micros(first) / 1e3),
            ),
            side("the same after a run was added", format!("{:.1} ms", median_us(&after_new) / 1e3)),
            side("the library alone", format!("{:.2} ms", median_us(&of_library) / 1e3)),
        ],
    }])
}

fn newest_is(result: &Value, number: usize) -> Result<(), String> {
    let runs = result["structuredContent"]["runs"].as_array().ok_or("no runs")?;
    let newest = runs.first().and_then(|run| run["run_id"].as_str()).unwrap_or("none");
    let (wanted, count) = (run_id(number), runs.len());
    if newest == wanted && count == PAGE {
        Ok(())
    } else {
        Err(format!("{count} runs, the newest {newest}, not {wanted}"))
    }
}

fn large(root: &Path, setting: &Setting) -> Result<Place, String> {
    let place = Place::new(&root.join("large"), setting, RUNS)?;
    long_ledger::fill(&place, setting.items)?;
    Ok(place)
}
