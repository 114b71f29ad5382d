//! The hash chain beside a run's events: `events.hashchain.jsonl`.
//!
//! One entry a line of `events.jsonl`: `index` from 1, `event_sha256` = SHA-256 of the line without its newline, `prev_hash`
//! = `hash` of the entry before (empty at the first), `hash` = SHA-256 of the text `index:prev_hash:event_sha256`. Whoever
//! can write the directory can rewrite the whole chain, so it shows accidents and careless edits, not a determined forger.

use cortexpilot_core::domain::id::Sha256Digest;

use crate::beneath::{Dir, io_problem};
use crate::bytes::Bytes;
use crate::json::{self, Keep, Member};
use crate::lines::{Line, Lines};
use crate::problem::{Problem, What};

pub(crate) const CHAIN: &str = "events.hashchain.jsonl";

/// An entry has four members of fixed size: far less than this.
const ENTRY_BYTES_MAX: usize = 4 << 10;
const CHAIN_BYTES_MAX: u64 = 512 << 20;

/// Follows the chain in step with the events. Only its first break is reported: what follows a break proves nothing.
pub(crate) struct Chain {
    state: State,
    index: u64,
    hash: String,
}

enum State {
    Following(Lines<Bytes>),
    /// There is no chain, or it broke.
    Done,
}

impl Chain {
    /// Opens the run's chain. One that is there and cannot be opened is a problem; none at all is not.
    pub(crate) fn open(dir: &Dir) -> (Self, Option<Problem>) {
        let (state, problem) = match dir.stream(CHAIN) {
            Ok(file) => (State::Following(Lines::new(file, ENTRY_BYTES_MAX, CHAIN_BYTES_MAX)), None),
            Err(What::Missing) => (State::Done, None),
            Err(what) => (State::Done, Some(Problem::file(CHAIN, what))),
        };
        (Self { state, index: 0, hash: String::new() }, problem)
    }

    /// Takes the next line of events; `torn` when it is the unfinished last one, which may have no entry yet.
    pub(crate) fn event(&mut self, number: u64, line: &[u8], torn: bool) -> Option<Problem> {
        let State::Following(lines) = &mut self.state else { return None };
        let problem = match next_entry(lines) {
            Err(problem) => Some(problem),
            // Its entry may be written before its last byte is, and nothing can be compared with half a line.
            Ok(_) if torn => None,
            Ok(None) => Some(Problem::line(crate::events::EVENTS, number, What::ChainNoEntry)),
            Ok(Some((at, entry))) => {
                self.index += 1;
                let hash = Sha256Digest::of(format!("{}:{}:{}", self.index, self.hash, entry.event_sha256).as_bytes());
                if entry.event_sha256 != Sha256Digest::of(line).to_string() {
                    Some(Problem::line(crate::events::EVENTS, number, What::ChainMismatch))
                } else if entry.index != self.index || entry.prev_hash != self.hash || entry.hash != hash.to_string() {
                    Some(Problem::line(CHAIN, at, What::ChainUnlinked))
                } else {
                    self.hash = entry.hash;
                    None
                }
            }
        };
        if problem.is_some() {
            self.state = State::Done;
        }
        problem
    }

    /// Takes a line that could not be held, so that nothing from here on can be compared.
    pub(crate) fn unknown_event(&mut self, number: u64) -> Option<Problem> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Following(_) => Some(Problem::line(crate::events::EVENTS, number, What::ChainStopped)),
            State::Done => None,
        }
    }

    /// After the last event. `grew`: the events file is longer now than what was read of it, so more entries are no break.
    pub(crate) fn finish(mut self, grew: bool) -> Option<Problem> {
        let State::Following(lines) = &mut self.state else { return None };
        match next_entry(lines) {
            Err(problem) => Some(problem),
            Ok(Some(_)) if !grew => Some(Problem::file(CHAIN, What::ChainExtra)),
            Ok(_) => None,
        }
    }
}

struct Entry {
    index: u64,
    event_sha256: String,
    prev_hash: String,
    hash: String,
}

fn next_entry(lines: &mut Lines<Bytes>) -> Result<Option<(u64, Entry)>, Problem> {
    loop {
        let (number, line) = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(None),
            Err(error) => return Err(Problem::file(CHAIN, io_problem(&error))),
        };
        match line {
            Line::Whole { bytes, .. } if bytes.trim_ascii().is_empty() => {}
            // An entry without its newline is one that is just being written: as good as none.
            Line::Whole { bytes, ended } => match entry(bytes) {
                Some(entry) => return Ok(Some((number, entry))),
                None if !ended => return Ok(None),
                None => return Err(Problem::line(CHAIN, number, What::ChainEntry)),
            },
            Line::TooLong | Line::FileTooLong => return Err(Problem::line(CHAIN, number, What::ChainEntry)),
        }
    }
}

fn entry(bytes: &[u8]) -> Option<Entry> {
    let map = json::parse_strict(bytes, Keep::All).ok()?;
    let text = |name| match json::text(&map, name) {
        Member::Present(text) => Some(text.to_owned()),
        Member::Absent | Member::Odd => None,
    };
    Some(Entry {
        index: map.get("index")?.as_u64()?,
        event_sha256: text("event_sha256")?,
        prev_hash: text("prev_hash")?,
        hash: text("hash")?,
    })
}
