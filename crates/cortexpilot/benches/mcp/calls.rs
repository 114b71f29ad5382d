//! A tool call over standard input and output: the product's servers, the bare SDK and a bare line echo, in turn.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::client::{Server, call};
use crate::harness::Setting;
use crate::measure::{Figure, Side, Target, median_us};
use crate::places::{Place, run_id};
use crate::{bare_sdk, echo};

/// Calls of each side in a round; the sides take turns call by call.
const CALLS: usize = 300;

/// At most so many times what the bare SDK takes.
const MOST: f64 = 1.5;

pub(crate) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let text = |error: std::io::Error| error.to_string();
    let place = Place::new(root, setting, 1)?;
    let one = json!({"run_id": run_id(0)});
    let mut figures = Vec::new();
    for (server, tool, arguments, most) in [
        ("mcp-readonly-server", "list_queue", json!({}), Some(MOST)),
        // Work that the bare side has no counterpart of: told, without a target.
        ("mcp-readonly-server", "get_run", one.clone(), None),
        ("mcp-queue-pilot-server", "preview_enqueue_from_run", one, None),
    ] {
        let mut ours = Server::start(&mut place.server(server)).map_err(text)?;
        let ours_call = call(tool, &arguments);
        ours.ask(&ours_call).map_err(text)?;
        ours.result()?;
        let bytes = ours.answer_bytes();
        let program = std::env::current_exe().map_err(text)?;
        let bare = |words: &[&str]| {
            let mut bare = Command::new(&program);
            bare.args(words);
            Server::start(&mut bare).map_err(text)
        };
        let long = bytes.to_string();
        // As the SDK's examples start it: a runtime with a thread for each processor. And with one thread, as our servers.
        let mut sides = [
            ours,
            bare(&[bare_sdk::WORD, &long, "2"])?,
            bare(&[bare_sdk::WORD, &long, "0"])?,
            bare(&[echo::WORD, &long])?,
        ];
        let bare_call = call("bare", &json!({}));
        let calls = [&ours_call, &bare_call, &bare_call, &bare_call];
        let mut ratios = Vec::new();
        let mut all: [Vec<_>; 4] = Default::default();
        // The first round warms all of them up.
        for round in 0..=setting.rounds {
            let mut times: [Vec<_>; 4] = Default::default();
            for number in 0..CALLS {
                for turn in 0..sides.len() {
                    let at = (turn + number) % sides.len();
                    times[at].push(sides[at].ask(calls[at]).map_err(text)?);
                }
            }
            if round > 0 {
                ratios.push(median_us(&times[0]) / median_us(&times[1]));
                all.iter_mut().zip(times).for_each(|(all, times)| all.extend(times));
            }
        }
        let names = [server, "the bare SDK", "the bare SDK, one thread", "a bare line echo"];
        let side = |at: usize| Side {
            name: names[at].into(),
            value: format!("{:.0} µs, answers of {} bytes", median_us(&all[at]), sides[at].answer_bytes()),
            issued: None,
        };
        figures.push(Figure {
            name: format!("tool call over standard input and output: `{tool}` against the bare SDK"),
            rounds: ratios,
            unit: "×",
            target: most.map_or(Target::None, Target::AtMost),
            like_with_like: false,
            sides: (0..sides.len()).map(side).collect(),
        });
    }
    Ok(figures)
}
