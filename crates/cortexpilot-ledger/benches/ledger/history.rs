//! A long ledger, quickly: the library writes one line of each kind; the others are these lines with ids and runs of their
//! own, chained with the same function.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger::{seal, split};
use cortexpilot_ledger::FileStore;
use serde_json::Value;

use crate::drive::{self, LEDGER, work};

/// What the lines are to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One line an item, which stays pending.
    Pending,
    /// Three lines an item: it was claimed and is done.
    Done,
}

/// A line before its hash, and what is particular about it.
struct Template {
    body: String,
    queue_id: String,
    run: String,
}

impl Template {
    fn of(line: &str, enqueued: &str) -> Self {
        let member = |line: &str, name: &str| {
            let event: Value = serde_json::from_str(line).expect("a line is JSON");
            event[name].as_str().unwrap_or_else(|| panic!("no {name}: {line}")).to_owned()
        };
        let (body, _) = split(line.as_bytes()).expect("a line ends in its hash");
        let body = String::from_utf8(body.to_vec()).expect("a line is UTF-8");
        Self { body, queue_id: member(line, "queue_id"), run: member(enqueued, "source_run_id") }
    }

    fn line(&self, number: usize) -> String {
        let id = &Sha256Digest::of(format!("item {number}").as_bytes()).to_string()[..32];
        self.body.replace(&self.run, &format!("run_history_{number:011}")).replace(&self.queue_id, id)
    }
}

/// Makes a ledger of so many lines, and opens it once, so that its bytes are durable and known as such.
pub(crate) fn make(root: &Path, lines: usize, kind: Kind) -> FileStore {
    let store = drive::open(root);
    drive::fill(&store, 1);
    work(&store, 1, 0);
    drive::fill(&store, 1);
    drop(store);
    let path = root.join(LEDGER);
    let text = std::fs::read_to_string(&path).expect("the ledger can be read");
    let written: Vec<&str> = text.lines().collect();
    let [first, claim, done, enqueue] = written[..] else { panic!("not the lines that were asked for: {text}") };
    let templates = match kind {
        Kind::Pending => vec![Template::of(enqueue, enqueue)],
        Kind::Done => vec![Template::of(first, first), Template::of(claim, first), Template::of(done, first)],
    };
    let (_, mut head) = split(enqueue.as_bytes()).expect("a line ends in its hash");
    let file = File::options().append(true).open(&path).expect("the ledger can be opened");
    let mut file = BufWriter::new(file);
    for number in 0..lines.saturating_sub(written.len()).div_ceil(templates.len()) {
        for template in &templates {
            let (line, hash) = seal(&head, &template.line(number));
            writeln!(file, "{line}").expect("the ledger can be written");
            head = hash;
        }
    }
    file.into_inner().expect("the ledger can be written").sync_all().expect("the ledger can be synced");
    drive::open(root)
}
