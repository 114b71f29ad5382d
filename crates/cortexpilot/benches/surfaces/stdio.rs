//! Apply over standard input and output: the queue pilot's process against a bare append and `fdatasync` of the same bytes.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::baselines::append_sync::Bare;
use crate::commits::Commits;
use crate::harness::Setting;
use crate::measure::{Figure, Issued, NOTHING, Side, Target, lines_from, median_us, size};
use crate::product::{Place, Process, member};

/// Applies in a round. The sides take turns line by line.
const LINES: usize = 25;

/// Rounds of this case for each that was asked for.
const ROUNDS: usize = 2;

/// The pilot's process, after its handshake.
struct Pilot {
    process: Process,
    last_id: u64,
}

pub(crate) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut place = Place::new(root, setting)?;
    let mut pilot = Pilot::start(&place).map_err(text)?;
    let ledger = place.runtime().join("queue.jsonl");
    // They pin the contract, warm the process up and give the bare side its lines.
    for run in place.runs(2 * LINES).map_err(text)? {
        let apply = pilot.preview(&run)?;
        pilot.apply(&apply)?;
    }
    let lines = lines_from(&ledger, 0).split_off(LINES);
    let mut bare = Bare::new(&place.runtime()).map_err(text)?;
    let commits = Commits::watch(&place.runtime()).map_err(text)?;
    let (mut over, mut ours, mut theirs, mut issued) = (Vec::new(), Vec::new(), Vec::new(), NOTHING);
    for _ in 0..setting.rounds * ROUNDS {
        let (mut times, mut bare_times) = (Vec::new(), Vec::new());
        for (number, run) in place.runs(LINES).map_err(text)?.iter().enumerate() {
            let apply = pilot.preview(run)?;
            let long = size(&ledger);
            // In turn, and in turn who is first.
            for turn in [0, 1] {
                if (turn + number) % 2 == 0 {
                    times.push(pilot.apply(&apply)?);
                } else {
                    bare_times.push(bare.append(&lines[number], None).map_err(text)?);
                }
            }
            let syncs = commits.since().map_err(text)?.ok_or("the kernel has lost count of the commits")?;
            issued = issued.and(Issued { lines: 1, syncs, bytes: size(&ledger) - long });
        }
        over.push(median_us(&times) - median_us(&bare_times));
        ours.extend(times);
        theirs.extend(bare_times);
    }
    let side = |name: &str, times: &[Duration], issued| Side {
        name: name.into(),
        value: format!("{:.0} µs", median_us(times)),
        issued: Some(issued),
    };
    let bare_issued = Issued { lines: bare.lines, syncs: bare.syncs, bytes: bare.bytes };
    Ok(vec![Figure {
        name: "apply over standard input and output: time beyond a bare append + fdatasync of the same bytes".into(),
        rounds: over,
        unit: "µs",
        target: Target::AtMost(150.0),
        like_with_like: true,
        sides: vec![side("product", &ours, issued), side("bare", &theirs, bare_issued)],
    }])
}

impl Pilot {
    fn start(place: &Place) -> std::io::Result<Self> {
        let mut pilot = Self { process: place.start("mcp-queue-pilot-server")?, last_id: 0 };
        let client = json!({"name": "bench", "version": "1"});
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        let hello = pilot.request("initialize", &hello);
        pilot.ask(&hello)?;
        pilot.process.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n")?;
        Ok(pilot)
    }

    fn request(&mut self, method: &str, params: &Value) -> Vec<u8> {
        self.last_id += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params});
        format!("{request}\n").into_bytes()
    }

    /// Sends a request and gives the whole line of its answer, which is the next line.
    fn ask(&mut self, request: &[u8]) -> std::io::Result<String> {
        self.process.send(request)?;
        self.process.line()
    }

    /// Previews a run and gives the request that queues it.
    fn preview(&mut self, run: &str) -> Result<Vec<u8>, String> {
        let preview =
            self.request("tools/call", &json!({"name": "preview_enqueue_from_run", "arguments": {"run_id": run}}));
        let shown = result(&self.ask(&preview).map_err(|error| error.to_string())?)?;
        let token = member(&shown["structuredContent"], "preview_token")?;
        let arguments = json!({
            "run_id": run, "confirm": true, "actor_role": "OPS", "requested_by": "Ada", "approval_reason": "again",
            "preview_token": token,
        });
        Ok(self.request("tools/call", &json!({"name": "enqueue_from_run", "arguments": arguments})))
    }

    /// Queues what was previewed, and says how long the answer took.
    fn apply(&mut self, request: &[u8]) -> Result<Duration, String> {
        let started = Instant::now();
        let answer = self.ask(request).map_err(|error| error.to_string())?;
        let taken = started.elapsed();
        let result = result(&answer)?;
        let status = &result["structuredContent"]["status"];
        if status == "PENDING" { Ok(taken) } else { Err(format!("not queued: {result}")) }
    }
}

fn result(answer: &str) -> Result<Value, String> {
    let mut answer: Value = serde_json::from_str(answer).map_err(|error| error.to_string())?;
    let result = answer["result"].take();
    if result.is_null() || result["isError"] == true { Err(format!("refused: {answer} {result}")) } else { Ok(result) }
}
