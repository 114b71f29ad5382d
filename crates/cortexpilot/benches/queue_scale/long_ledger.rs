//! A ledger with a long history, quickly: the server itself writes one line of each kind; the others are these lines with
//! ids and runs of their own, chained with the same function.

use std::io::{BufWriter, Write as _};

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger::{seal, split};
use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::support::{Connection, GATE_OPEN, Home, Request};

/// The items that the server itself queues.
pub(crate) const ITEMS_MIN: usize = 3;

/// A line's text before its hash, and what is particular about it.
struct Template {
    body: String,
    queue_id: String,
    run: String,
    ts: String,
}

/// Queues so many items: of ten, one cancelled, one done and eight pending. Gives the number of lines.
pub(crate) fn fill(home: &Home, items: usize) -> usize {
    write_one_of_each(home);
    let ledger = home.queue();
    let lines = ledger.lines();
    let [_, claim, done, _, cancel, enqueue] = &lines[..] else {
        panic!("not the lines that were asked for: {lines:#?}")
    };
    let runs = ["run_done", "run_done", "run_cancelled", "run_pending"];
    let templates: Vec<Template> =
        [claim, done, cancel, enqueue].into_iter().zip(runs).map(|(line, run)| Template::of(line, run)).collect();
    let [claim, done, cancel, enqueue] = &templates[..] else { panic!("invariant: four templates") };

    let path = home.runtime().join("queue.jsonl");
    let file = std::fs::File::options().append(true).open(path).expect("the ledger can be opened");
    let mut file = BufWriter::new(file);
    let (_, mut head) = split(lines[lines.len() - 1].as_bytes()).expect("a line ends in its hash");
    let mut written = lines.len();
    for number in ITEMS_MIN..items {
        let mut line_of = |template: &Template| {
            let (line, hash) = seal(&head, &template.line(number, &enqueue.ts));
            writeln!(file, "{line}").expect("the ledger can be written");
            head = hash;
            written += 1;
        };
        line_of(enqueue);
        match number % 10 {
            1 => line_of(cancel),
            2 => [claim, done].into_iter().for_each(line_of),
            _ => {}
        }
    }
    file.into_inner().expect("the ledger can be written").sync_all().expect("the ledger can be synced");
    written
}

/// Six lines: enqueue, claim and done; enqueue and cancel; enqueue. The last item's contract stays pinned, and every item
/// made after it names the same.
fn write_one_of_each(home: &Home) {
    let server = home.serve(&[GATE_OPEN]);
    let mut connection = server.connect();
    enqueue(home, &mut connection, "run_done");
    let claimed = connection.send(&Request::post("/api/queue/claim", r#"{"worker":"bench"}"#)).answer();
    let done = json!({"lease_token": claimed["lease_token"], "status": "SUCCESS"}).to_string();
    let id = claimed["item"]["queue_id"].as_str().unwrap_or_default().to_owned();
    connection.send(&Request::post(&format!("/api/queue/{id}/complete"), &done)).answer();
    let id = enqueue(home, &mut connection, "run_cancelled");
    connection.send(&Request::post(&format!("/api/queue/{id}/cancel"), "{}")).answer();
    enqueue(home, &mut connection, "run_pending");
    assert!(server.stop().status.success());
}

fn enqueue(home: &Home, connection: &mut Connection, run: &str) -> String {
    home.run(&RunFixture::new(run));
    let path = format!("/api/queue/from-run/{run}");
    connection.send(&Request::post(&format!("{path}/preview"), "{}")).answer();
    let body = r#"{"confirm":true,"requested_by":"Ada","approval_reason":"again"}"#;
    let applied = connection.send(&Request::post(&path, body)).answer();
    applied["queue_id"].as_str().unwrap_or_default().to_owned()
}

impl Template {
    fn of(line: &str, run: &str) -> Self {
        let event: Value = serde_json::from_str(line).expect("a line is JSON");
        let member = |name: &str| event[name].as_str().unwrap_or_else(|| panic!("no {name}: {line}")).to_owned();
        let (body, _) = split(line.as_bytes()).expect("a line ends in its hash");
        let body = String::from_utf8(body.to_vec()).expect("a line is UTF-8");
        Self { body, queue_id: member("queue_id"), run: run.to_owned(), ts: member("ts") }
    }

    /// The same for another item, at a time not before the line before it. Task and path are named after the run, so they
    /// change with it.
    fn line(&self, number: usize, ts: &str) -> String {
        let id = &Sha256Digest::of(format!("item {number}").as_bytes()).to_string()[..32];
        self.body.replace(&self.run, &format!("run_{number:07}")).replace(&self.queue_id, id).replace(&self.ts, ts)
    }
}
