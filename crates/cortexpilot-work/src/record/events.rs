//! `events.jsonl` and its hash chain, one event at a time.

use std::fs::File;
use std::io;
use std::path::Path;

use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::time::ledger_text;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{files, spaced, write_all};

pub(super) const EVENTS: &str = "events.jsonl";
pub(super) const CHAIN: &str = "events.hashchain.jsonl";

/// The longest event line that is written, in bytes: half of what readers hold, so that nothing that is written here is
/// ever too long to be read.
pub const EVENT_LINE_BYTES_MAX: usize = 512 << 10;

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The course of things.
    Info,
    /// Something to look at.
    Warn,
    /// Something that makes the run fail.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

pub(super) struct EventLog {
    events: File,
    chain: File,
    run_id: String,
    trace_id: String,
    count: u64,
    hash: String,
    last: Option<Timestamp>,
}

impl EventLog {
    pub(super) fn create(dir: &Path, run_id: &str, trace_id: &str) -> io::Result<Self> {
        Ok(Self {
            events: files::create_log(dir, EVENTS)?,
            chain: files::create_log(dir, CHAIN)?,
            run_id: run_id.to_owned(),
            trace_id: trace_id.to_owned(),
            count: 0,
            hash: String::new(),
            last: None,
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Three writes, in this order: the line without its last byte, its chain entry, the last byte with the newline. So a
    /// line that can be read always has its entry, and a reader takes a last line that cannot be read yet as one that is
    /// just being written, with or without an entry: the chain holds after a kill between any two bytes. The other orders
    /// show a line without an entry or an entry without a line.
    pub(super) fn append(&mut self, now: Timestamp, level: Level, name: &str, context: Value) -> io::Result<u64> {
        // Events are read in file order; a clock that was set back must not make a later one look earlier.
        let at = self.last.map_or(now, |last| now.max(last));
        let mut line = self.line(at, level, name, &context);
        if line.len() > EVENT_LINE_BYTES_MAX {
            let whole = spaced(&context);
            let digest = Sha256Digest::of(whole.as_bytes()).to_string();
            line = self.line(at, level, name, &json!({"too_long": {"bytes": whole.len(), "sha256": digest}}));
        }
        let index = self.count + 1;
        let digest = Sha256Digest::of(line.as_bytes()).to_string();
        let hash = Sha256Digest::of(format!("{index}:{}:{digest}", self.hash).as_bytes()).to_string();
        let entry = json!({"index": index, "event_sha256": digest, "prev_hash": self.hash, "hash": hash});
        line.push('\n');
        let (most, rest) = line.as_bytes().split_at(line.len() - 2);
        write_all(&mut self.events, most)?;
        write_all(&mut self.chain, format!("{}\n", spaced(&entry)).as_bytes())?;
        write_all(&mut self.events, rest)?;
        (self.count, self.hash, self.last) = (index, hash, Some(at));
        Ok(index)
    }

    fn line(&self, at: Timestamp, level: Level, name: &str, context: &Value) -> String {
        spaced(&json!({
            "ts": ledger_text(at),
            "level": level.as_str(),
            "event": name,
            "event_type": name,
            "run_id": self.run_id,
            "trace_id": self.trace_id,
            "context": context,
        }))
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.events.sync_all()?;
        self.chain.sync_all()
    }
}
