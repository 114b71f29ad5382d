//! One file's chain of lines, fed line by line: what each line says, and whether it continues what stands before it.
//! Pure; the bytes come from [`crate::follow`].

use cortexpilot_core::codec::decision;
use cortexpilot_core::codec::line::{self, Adopted, Line, Outline, OutlineLine, Repaired, SealedLine};
use cortexpilot_core::domain::governance::DecisionEvent;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger::{self, HASH_MEMBER, LINE_MAX};
use cortexpilot_core::domain::queue::QueueEvent;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::census::Brief;
use crate::log::{Anchor, leaf_hash};

/// Which of the two chained files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// `queue.jsonl`: what was done.
    Queue,
    /// `decisions.jsonl`: what was refused, and what operators decided.
    Decisions,
}

impl FileKind {
    pub(crate) const ALL: [Self; 2] = [Self::Queue, Self::Decisions];

    /// The file's name in the runtime root.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue.jsonl",
            Self::Decisions => "decisions.jsonl",
        }
    }
}

/// Longest line of the original that is read, in bytes. The original has no bound; a line beyond this one is taken for
/// damage rather than for a reason to use all memory.
pub(crate) const LEGACY_LINE_MAX: usize = 64 * 1024 * 1024;

/// How far a file was read, and what the next line must chain onto.
#[derive(Clone)]
pub(crate) struct Chain {
    kind: FileKind,
    link: Link,
    /// How much of the queue's events is read.
    pub(crate) keep: Keep,
    /// What the first lines must come to, as long as they have not yet; see [`crate::log`].
    pub(crate) anchor: Option<Box<Anchor>>,
    /// Bytes of complete, accepted lines.
    pub(crate) offset: u64,
    /// How many lines those are.
    pub(crate) lines: u64,
    /// How many of them are the original's.
    pub(crate) legacy_lines: u64,
    /// Where the first line of ours begins, and what it chains onto; `None` until there is one.
    pub(crate) began: Option<(u64, Sha256Digest)>,
    /// Time of the first line that has one.
    pub(crate) first_ts: Option<Timestamp>,
    /// Time of the last line that has one.
    pub(crate) last_ts: Option<Timestamp>,
}

#[derive(Clone)]
enum Link {
    /// No line of ours yet: the hash of all bytes so far.
    Prefix(Sha256),
    /// The last line's hash.
    Begun(Sha256Digest),
}

/// How much of an event of the queue is read. Either way each member of its line is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// All of it.
    Events,
    /// What becomes of which item.
    Briefs,
}

/// What a line says.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It changes the queue. The hash is absent on a line of the original.
    Event(QueueEvent, Option<Sha256Digest>),
    /// The same, in brief.
    Brief(Brief),
    /// Something was refused.
    Refusal,
    /// An operator, or time, decided.
    Decision(DecisionEvent),
    /// The history before it is in the file it names.
    Repaired(Repaired),
    /// The lines before it are the original's, taken over by an import.
    Adopted(Adopted),
    /// It verifies, but this version does not know its event.
    Unknown(String),
    /// A line of the original that the original skips too, and why.
    Odd(String),
    /// An empty line of the original.
    Blank,
}

/// A place between two lines, and everything before it as a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) offset: u64,
    pub(crate) lines: u64,
    pub(crate) head: Sha256Digest,
}

/// What stands behind the last newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing.
    None,
    /// A whole line of this many bytes that lacks only its newline. What follows it, if anything, is not part of it.
    Whole(usize),
    /// The beginning of a line: it was never acknowledged.
    Torn,
    /// A whole line in shape, but not in content: it may have been acknowledged, so nobody may cut it.
    Altered,
}

impl Chain {
    pub(crate) fn new(kind: FileKind) -> Self {
        let link = match kind {
            FileKind::Queue => Link::Prefix(Sha256::new()),
            // The original knows no such file, so it cannot begin with lines of the original.
            FileKind::Decisions => Link::Begun(Sha256Digest::ZERO),
        };
        let began = match kind {
            FileKind::Queue => None,
            FileKind::Decisions => Some((0, Sha256Digest::ZERO)),
        };
        Self {
            kind,
            link,
            keep: Keep::Events,
            anchor: None,
            offset: 0,
            lines: 0,
            legacy_lines: 0,
            began,
            first_ts: None,
            last_ts: None,
        }
    }

    /// A chain of ours that goes on behind this line.
    pub(crate) fn behind(kind: FileKind, position: Position) -> Self {
        let Position { offset, lines, head } = position;
        Self { link: Link::Begun(head), offset, lines, ..Self::new(kind) }
    }

    /// What the next line of ours chains onto: 64 zeros at the beginning, the prefix's hash after lines of the original.
    pub(crate) fn head(&self) -> Sha256Digest {
        match &self.link {
            Link::Begun(hash) => *hash,
            Link::Prefix(_) if self.offset == 0 => Sha256Digest::ZERO,
            Link::Prefix(hasher) => finish(hasher),
        }
    }

    /// SHA-256 of all bytes so far while they are the original's; `None` once a line of ours stands among them.
    pub(crate) fn prefix(&self) -> Option<Sha256Digest> {
        match &self.link {
            Link::Prefix(hasher) => Some(finish(hasher)),
            Link::Begun(_) => None,
        }
    }

    pub(crate) fn position(&self) -> Position {
        Position { offset: self.offset, lines: self.lines, head: self.head() }
    }

    /// How the file must end at the offset, once the chain has begun and has a line.
    pub(crate) fn end(&self) -> Option<String> {
        match self.link {
            Link::Begun(hash) if self.lines > 0 => Some(format!("{hash}\"}}\n")),
            Link::Begun(_) | Link::Prefix(_) => None,
        }
    }

    /// Longest line that may come next, in bytes without its newline.
    pub(crate) fn line_max(&self) -> usize {
        match self.link {
            Link::Begun(_) => LINE_MAX,
            Link::Prefix(_) => LEGACY_LINE_MAX,
        }
    }

    /// Takes the next complete line, without its newline.
    ///
    /// # Errors
    /// What is wrong, in words that continue "line 3 …". The chain stays before that line.
    pub(crate) fn feed(&mut self, line: &[u8]) -> Result<Entry, String> {
        if self.anchor.is_some() {
            self.reached(leaf_hash(line))?;
        }
        let begun = matches!(self.link, Link::Begun(_));
        let verified = ledger::split(line).and_then(|_| ledger::verify(&self.head(), line));
        let look = self.look();
        let (said, hash) = match verified {
            Some(hash) => {
                let said = look.ours(line, hash)?;
                if let Entry::Adopted(adopted) = &said.entry {
                    self.adopts(adopted)?;
                }
                (said, Some(hash))
            }
            None if begun => return Err("does not verify: it, or what stands before it, was altered".into()),
            None if line::looks_ours(line) => {
                return Err("is one of ours and does not verify: it, or what stands before it, was altered".into());
            }
            None => (look.legacy(line), None),
        };
        Ok(self.step(line, said, hash))
    }

    /// Takes the next complete line, which somebody looked at before. The caller has seen that the line before it is the
    /// one that it was looked at behind.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub(crate) fn take(&mut self, line: &[u8], seen: Seen) -> Result<Entry, String> {
        if self.anchor.is_some() {
            self.reached(seen.leaf.unwrap_or_else(|| leaf_hash(line)))?;
        }
        Ok(self.step(line, seen.said, seen.hash))
    }

    /// How to look at the lines of this file.
    pub(crate) fn look(&self) -> Look {
        Look { kind: self.kind, keep: self.keep, leaves: self.anchor.is_some() }
    }

    /// The digits that the next line chains onto, once the chain has begun.
    pub(crate) fn begun(&self) -> Option<[u8; 64]> {
        match &self.link {
            Link::Begun(hash) => Some(hash.digits()),
            Link::Prefix(_) => None,
        }
    }

    fn reached(&mut self, leaf: Sha256Digest) -> Result<(), String> {
        if let Some(anchor) = &mut self.anchor
            && anchor.reached(leaf)?
        {
            self.anchor = None;
        }
        Ok(())
    }

    fn step(&mut self, line: &[u8], said: Said, hash: Option<Sha256Digest>) -> Entry {
        self.goes_on(line, hash, said.ts);
        said.entry
    }

    fn goes_on(&mut self, line: &[u8], hash: Option<Sha256Digest>, ts: Option<Timestamp>) {
        if hash.is_some() && self.began.is_none() {
            self.began = Some((self.offset, self.head()));
        }
        match (hash, &mut self.link) {
            (Some(hash), link) => *link = Link::Begun(hash),
            (None, Link::Prefix(hasher)) => {
                hasher.update(line);
                hasher.update(b"\n");
                self.legacy_lines += 1;
            }
            (None, Link::Begun(_)) => {}
        }
        self.first_ts = self.first_ts.or(ts);
        self.last_ts = ts.or(self.last_ts);
        self.offset += line.len() as u64 + 1;
        self.lines += 1;
    }

    /// Takes a line that this process has just made to follow the chain, and that says what was judged at this time. It is
    /// neither read nor hashed once more.
    ///
    /// # Errors
    /// As [`Chain::feed`]: where this line completes what a checkpoint covers, and not as that says.
    pub(crate) fn made(&mut self, line: &SealedLine, ts: Timestamp) -> Result<(), String> {
        if self.anchor.is_some() {
            self.reached(leaf_hash(line.text.as_bytes()))?;
        }
        self.goes_on(line.text.as_bytes(), Some(line.hash), Some(ts));
        Ok(())
    }

    /// Only ever the first line of ours, and it says what stands before it: whoever reads it need not count.
    fn adopts(&self, adopted: &Adopted) -> Result<(), String> {
        let says = (adopted.prefix_lines, adopted.prefix_bytes, adopted.prefix_sha256);
        match &self.link {
            Link::Prefix(hasher) if says == (self.lines, self.offset, finish(hasher)) => Ok(()),
            Link::Prefix(_) | Link::Begun(_) => Err("adopts other lines than those before it".into()),
        }
    }

    /// Says what the bytes behind the last newline are.
    pub(crate) fn judge_tail(&self, tail: &[u8]) -> Tail {
        if tail.is_empty() {
            return Tail::None;
        }
        // Our line ends with its hash; bytes behind that belong to something else: another byte where the newline was, or
        // the beginning of the next line.
        if let Some(end) = end_of_hash(tail)
            && ledger::verify(&self.head(), &tail[..end]).is_some()
        {
            return Tail::Whole(end);
        }
        match self.link {
            Link::Begun(_) if ledger::split(tail).is_some() => Tail::Altered,
            Link::Prefix(_) if ledger::split(tail).is_some() && line::looks_ours(tail) => Tail::Altered,
            Link::Prefix(_) if line::is_json_object(tail) => Tail::Whole(tail.len()),
            Link::Prefix(_) if line::is_json_object(&tail[..tail.len() - 1]) => Tail::Whole(tail.len() - 1),
            Link::Begun(_) | Link::Prefix(_) => Tail::Torn,
        }
    }
}

/// What a line says, and when that was, where it says so.
struct Said {
    entry: Entry,
    ts: Option<Timestamp>,
}

/// A line that was looked at by itself.
pub(crate) struct Seen {
    said: Said,
    /// Its hash, if it is one of ours.
    hash: Option<Sha256Digest>,
    /// Its leaf in the log, where that was asked for.
    leaf: Option<Sha256Digest>,
}

/// Looking at lines apart from their chain, on any thread: each is held against nothing but what the line before it states.
/// Only lines that are certainly what they must be are [`Seen`]; every other one is for the chain itself to judge.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    kind: FileKind,
    keep: Keep,
    leaves: bool,
}

impl Look {
    /// A line of ours behind one that states this hash.
    pub(crate) fn behind(self, stated: &[u8; 64], line: &[u8]) -> Option<Seen> {
        if line.len() > LINE_MAX {
            return None;
        }
        let hash = ledger::verify_after(stated, line)?;
        let said = self.ours(line, hash).ok()?;
        // It speaks of all that stands before it.
        if matches!(said.entry, Entry::Adopted(_)) {
            return None;
        }
        Some(Seen { said, hash: Some(hash), leaf: self.leaf(line) })
    }

    /// A line of the original, before the first of ours.
    pub(crate) fn original(self, line: &[u8]) -> Option<Seen> {
        // What ends in a hash may be the first line of ours: whether it is depends on every byte before it.
        if ledger::split(line).is_some() || line::looks_ours(line) {
            return None;
        }
        Some(Seen { said: self.legacy(line), hash: None, leaf: self.leaf(line) })
    }

    fn leaf(self, line: &[u8]) -> Option<Sha256Digest> {
        self.leaves.then(|| leaf_hash(line))
    }

    /// Reads a line of ours whose hash was verified.
    fn ours(self, line: &[u8], hash: Sha256Digest) -> Result<Said, String> {
        match (self.kind, self.keep) {
            (FileKind::Queue, Keep::Events) => match line::decode(line).map_err(|problem| problem.to_string())? {
                Line::Event(event) => Ok(Said { ts: Some(event.ts()), entry: Entry::Event(event, Some(hash)) }),
                Line::Repaired(repaired) => Ok(Said::repaired(repaired)),
                Line::Adopted(adopted) => Ok(Said::adopted(adopted)),
                Line::Unknown { event } => Ok(Said::unknown(event)),
            },
            (FileKind::Queue, Keep::Briefs) => match line::outline(line).map_err(|problem| problem.to_string())? {
                OutlineLine::Event(event) => Ok(Said { ts: Some(event.ts), entry: Entry::Brief(event.into()) }),
                OutlineLine::Repaired(repaired) => Ok(Said::repaired(repaired)),
                OutlineLine::Adopted(adopted) => Ok(Said::adopted(adopted)),
                OutlineLine::Unknown { event } => Ok(Said::unknown(event)),
            },
            (FileKind::Decisions, Keep::Events | Keep::Briefs) => {
                match decision::read(line).map_err(|problem| problem.to_string())? {
                    decision::Line::Refusal(ts) => Ok(Said { ts: Some(ts), entry: Entry::Refusal }),
                    decision::Line::Event(event) => Ok(Said { ts: Some(event.ts()), entry: Entry::Decision(event) }),
                    // A repair writes the same line into either file.
                    decision::Line::Unknown { event } if event == "LEDGER_REPAIRED" => {
                        match line::decode(line).map_err(|problem| problem.to_string())? {
                            Line::Repaired(repaired) => Ok(Said::repaired(repaired)),
                            Line::Event(_) | Line::Adopted(_) | Line::Unknown { .. } => Err("is no repair".into()),
                        }
                    }
                    // An older program must not go on where a newer one may have written down a freeze.
                    decision::Line::Unknown { event } => Ok(Said::unknown(event)),
                }
            }
        }
    }

    fn legacy(self, line: &[u8]) -> Said {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Said { entry: Entry::Blank, ts: None };
        }
        match line::decode_legacy(line) {
            Ok(event) => {
                // The epoch stands for a time that the line does not have.
                let ts = Some(event.ts()).filter(|ts| *ts != Timestamp::UNIX_EPOCH);
                let entry = match self.keep {
                    Keep::Events => Entry::Event(event, None),
                    Keep::Briefs => Entry::Brief(Outline::from(event).into()),
                };
                Said { entry, ts }
            }
            Err(problem) => Said { entry: Entry::Odd(problem.to_string()), ts: None },
        }
    }
}

impl Said {
    fn repaired(repaired: Repaired) -> Self {
        Self { ts: Some(repaired.ts), entry: Entry::Repaired(repaired) }
    }

    fn adopted(adopted: Adopted) -> Self {
        Self { ts: Some(adopted.ts), entry: Entry::Adopted(adopted) }
    }

    fn unknown(event: String) -> Self {
        Self { ts: None, entry: Entry::Unknown(event) }
    }
}

fn finish(hasher: &Sha256) -> Sha256Digest {
    Sha256Digest::from_bytes(hasher.clone().finalize().into())
}

/// Where the last hash member in these bytes ends, if one is there whole.
fn end_of_hash(bytes: &[u8]) -> Option<usize> {
    let mark = HASH_MEMBER.as_bytes();
    let at = bytes.windows(mark.len()).rposition(|window| window == mark)?;
    let end = at + mark.len() + 64 + 2;
    (end <= bytes.len()).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEGACY: &[u8] = br#"{"event": "QUEUE_ENQUEUE", "status": "PENDING", "task_id": "t", "queue_id": "a"}"#;
    const CANCEL: &str = r#"{"event": "QUEUE_CANCEL", "status": "CANCELLED", "task_id": "t", "queue_id": "a", "ts": "2026-01-01T00:00:00.000000+00:00""#;

    fn legacy() -> Chain {
        let mut chain = Chain::new(FileKind::Queue);
        chain.feed(LEGACY).unwrap();
        chain
    }

    #[test]
    fn the_first_line_of_ours_chains_onto_the_bytes_of_the_legacy_prefix() {
        let mut chain = legacy();
        chain.feed(b"").unwrap();
        let prefix = [LEGACY, b"\n\n"].concat();
        assert_eq!(chain.head(), Sha256Digest::of(&prefix));
        let (line, hash) = ledger::seal(&chain.head(), CANCEL);
        assert!(matches!(chain.feed(line.as_bytes()), Ok(Entry::Event(_, Some(found))) if found == hash));
        assert_eq!((chain.head(), chain.lines, chain.legacy_lines), (hash, 3, 2));
    }

    #[test]
    fn a_line_of_ours_that_chains_onto_something_else_is_damage_before_and_after_the_chain_began() {
        let (line, _) = ledger::seal(&Sha256Digest::ZERO, CANCEL);
        let mut chain = legacy();
        assert!(chain.feed(line.as_bytes()).is_err(), "the prefix was changed");
        let mut chain = Chain::new(FileKind::Queue);
        chain.feed(line.as_bytes()).unwrap();
        assert!(chain.feed(line.as_bytes()).is_err(), "a repeated line");
        assert!(chain.feed(LEGACY).is_err(), "the original wrote into a ledger of ours");
        assert!(chain.feed(b"").is_err(), "a blank line");
        assert_eq!(chain.lines, 1);
    }

    #[test]
    fn a_tail_whose_hash_verifies_is_kept_and_a_torn_one_is_not() {
        let chain = legacy();
        let (line, _) = ledger::seal(&chain.head(), CANCEL);
        let line = line.into_bytes();
        assert_eq!(chain.judge_tail(b""), Tail::None);
        assert_eq!(chain.judge_tail(&line), Tail::Whole(line.len()));
        for end in 1..line.len() {
            assert_eq!(chain.judge_tail(&line[..end]), Tail::Torn, "cut at {end}");
        }
        for byte in [0x0b_u8, 0x2a, 0x8a] {
            let flipped = [line.as_slice(), &[byte]].concat();
            assert_eq!(chain.judge_tail(&flipped), Tail::Whole(line.len()), "newline became {byte:#x}");
        }
        let mut altered = line.clone();
        altered[20] ^= 1;
        assert_eq!(chain.judge_tail(&altered), Tail::Altered);
        assert_eq!(chain.judge_tail(LEGACY), Tail::Whole(LEGACY.len()));
        assert_eq!(chain.judge_tail(&LEGACY[..40]), Tail::Torn);
    }

    #[test]
    fn a_line_that_was_made_here_leaves_the_chain_as_reading_it_does() {
        for mut made in [Chain::new(FileKind::Queue), legacy()] {
            let mut read = made.clone();
            for _ in 0..2 {
                let (text, hash) = ledger::seal(&made.head(), CANCEL);
                let Ok(Entry::Event(event, Some(_))) = read.feed(text.as_bytes()) else { panic!("no event") };
                made.made(&SealedLine { text, hash }, event.ts()).unwrap();
            }
            assert_eq!(made.position(), read.position());
            assert_eq!((made.first_ts, made.last_ts), (read.first_ts, read.last_ts));
            assert_eq!((made.legacy_lines, made.end()), (read.legacy_lines, read.end()));
        }
    }

    #[test]
    fn an_unknown_event_that_verifies_is_newer_and_not_damage() {
        for kind in FileKind::ALL {
            let mut chain = Chain::new(kind);
            let body = r#"{"event": "QUEUE_PAUSED", "ts": "2026-01-01T00:00:00.000000+00:00""#;
            let (line, hash) = ledger::seal(&chain.head(), body);
            assert!(matches!(chain.feed(line.as_bytes()), Ok(Entry::Unknown(event)) if event == "QUEUE_PAUSED"));
            assert_eq!(chain.head(), hash);
        }
    }
}
