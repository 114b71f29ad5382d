//! A ledger with a long history, quickly: the product writes one line of each kind; the others are these lines with ids and
//! runs of their own, chained with the same function.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::process::{Command, Stdio};

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger::{seal, split};
use serde_json::{Value, json};

use crate::client::{Server, call};
use crate::places::{Place, run_id};

/// Of the items so many stay pending; the others were cancelled.
const PENDING: usize = 1_000;

/// A line before its hash, and what is particular about it.
struct Template {
    body: String,
    queue_id: String,
    ts: String,
}

impl Template {
    fn of(line: &str) -> Result<Self, String> {
        let event: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let member = |name: &str| event[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name}: {line}"));
        let (body, _) = split(line.as_bytes()).ok_or_else(|| format!("no hash: {line}"))?;
        let body = String::from_utf8(body.to_vec()).map_err(|error| error.to_string())?;
        Ok(Self { body, queue_id: member("queue_id")?, ts: member("ts")? })
    }

    fn line(&self, number: usize, ts: &str) -> String {
        let id = &Sha256Digest::of(format!("item {number}").as_bytes()).to_string()[..32];
        let body = self.body.replace(&self.queue_id, id).replace(&self.ts, ts);
        body.replace(&run_id(0), &format!("history_{number:08}"))
    }
}

/// Queues so many items in a place that has a run.
pub(crate) fn fill(place: &Place, items: usize) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let first = enqueue(place)?;
    let mut cancel = open(place.server("queue"));
    let cancelled =
        cancel.args(["cancel", &first, "--reason", "again"]).stdout(Stdio::null()).status().map_err(text)?;
    if !cancelled.success() {
        return Err("the first item could not be cancelled".into());
    }
    enqueue(place)?;
    let path = place.runtime().join("queue.jsonl");
    let ledger = std::fs::read_to_string(&path).map_err(text)?;
    let lines: Vec<&str> = ledger.lines().collect();
    let [queued, cancelled, last] = lines[..] else {
        return Err(format!("not the lines that were asked for: {ledger}"));
    };
    let (queued, cancelled, ts) = (Template::of(queued)?, Template::of(cancelled)?, Template::of(last)?.ts);
    let (_, mut head) = split(last.as_bytes()).ok_or("no hash")?;
    let mut file = BufWriter::new(File::options().append(true).open(&path).map_err(text)?);
    for number in 2..items {
        for template in [&queued, &cancelled].into_iter().take(if number + PENDING > items { 1 } else { 2 }) {
            let (line, hash) = seal(&head, &template.line(number, &ts));
            writeln!(file, "{line}").map_err(text)?;
            head = hash;
        }
    }
    file.into_inner().map_err(|error| error.to_string())?.sync_all().map_err(text)?;
    // A process that may write makes the index, as it would have on the way.
    enqueue(place).map(|_| ())
}

/// Queues the place's first run once more, and gives the item's id.
fn enqueue(place: &Place) -> Result<String, String> {
    let text = |error: std::io::Error| error.to_string();
    let run = run_id(0);
    let mut pilot = Server::start(&mut open(place.server("mcp-queue-pilot-server"))).map_err(text)?;
    let asked = place.again();
    pilot.ask(&call("preview_enqueue_from_run", &json!({"run_id": run, "priority": asked}))).map_err(text)?;
    let shown = pilot.result()?;
    let arguments = json!({
        "run_id": run, "priority": asked, "confirm": true, "actor_role": "OPS", "requested_by": "Ada",
        "approval_reason": "again", "preview_token": shown["structuredContent"]["preview_token"],
    });
    pilot.ask(&call("enqueue_from_run", &arguments)).map_err(text)?;
    let queued = pilot.result()?;
    pilot.end().map_err(text)?;
    queued["structuredContent"]["queue_id"].as_str().map(str::to_owned).ok_or_else(|| format!("not queued: {queued}"))
}

/// In which queueing is open.
fn open(mut command: Command) -> Command {
    command
        .env("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY", "1")
        .env("CORTEXPILOT_AGENT_PENDING_MAX", "0")
        .env("CORTEXPILOT_AGENT_APPLIES_PER_HOUR", "0");
    command
}
