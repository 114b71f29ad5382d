//! One file's chain of lines, fed line by line: what each line says, and whether it continues what stands before it.
//! Pure; the bytes come from [`crate::follow`].

use cortexpilot_core::codec::decision;
use cortexpilot_core::codec::line::{self, Adopted, Line, Repaired};
use cortexpilot_core::domain::governance::DecisionEvent;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger::{self, HASH_MEMBER, LINE_MAX};
use cortexpilot_core::domain::queue::QueueEvent;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::log::Anchor;

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

/// What a line says.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It changes the queue. The hash is absent on a line of the original.
    Event(QueueEvent, Option<Sha256Digest>),
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
        Self { kind, link, anchor: None, offset: 0, lines: 0, legacy_lines: 0, began, first_ts: None, last_ts: None }
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
        if let Some(anchor) = &mut self.anchor
            && anchor.reached(line)?
        {
            self.anchor = None;
        }
        let begun = matches!(self.link, Link::Begun(_));
        let verified = ledger::split(line).and_then(|_| ledger::verify(&self.head(), line));
        let entry = match verified {
            Some(hash) => {
                let entry = self.ours(line, hash)?;
                if !begun {
                    self.began = Some((self.offset, self.head()));
                }
                self.link = Link::Begun(hash);
                entry
            }
            None if begun => return Err("does not verify: it, or what stands before it, was altered".into()),
            None if line::looks_ours(line) => {
                return Err("is one of ours and does not verify: it, or what stands before it, was altered".into());
            }
            None => self.legacy(line),
        };
        if let Link::Prefix(hasher) = &mut self.link {
            hasher.update(line);
            hasher.update(b"\n");
            self.legacy_lines += 1;
        }
        self.offset += line.len() as u64 + 1;
        self.lines += 1;
        Ok(entry)
    }

    fn ours(&mut self, line: &[u8], hash: Sha256Digest) -> Result<Entry, String> {
        let entry = match self.kind {
            FileKind::Queue => match line::decode(line).map_err(|problem| problem.to_string())? {
                Line::Event(event) => {
                    self.saw(event.ts());
                    Entry::Event(event, Some(hash))
                }
                Line::Repaired(repaired) => self.repaired(repaired),
                Line::Adopted(adopted) => self.adopted(adopted)?,
                Line::Unknown { event } => Entry::Unknown(event),
            },
            FileKind::Decisions => {
                match decision::read(line).map_err(|problem| problem.to_string())? {
                    decision::Line::Refusal(ts) => {
                        self.saw(ts);
                        Entry::Refusal
                    }
                    decision::Line::Event(event) => {
                        self.saw(event.ts());
                        Entry::Decision(event)
                    }
                    // A repair writes the same line into either file.
                    decision::Line::Unknown { event } if event == "LEDGER_REPAIRED" => {
                        match line::decode(line).map_err(|problem| problem.to_string())? {
                            Line::Repaired(repaired) => self.repaired(repaired),
                            Line::Event(_) | Line::Adopted(_) | Line::Unknown { .. } => {
                                return Err("is no repair".into());
                            }
                        }
                    }
                    // An older program must not go on where a newer one may have written down a freeze.
                    decision::Line::Unknown { event } => Entry::Unknown(event),
                }
            }
        };
        Ok(entry)
    }

    fn repaired(&mut self, repaired: Repaired) -> Entry {
        self.saw(repaired.ts);
        Entry::Repaired(repaired)
    }

    /// Only ever the first line of ours, and it says what stands before it: whoever reads it need not count.
    fn adopted(&mut self, adopted: Adopted) -> Result<Entry, String> {
        let says = (adopted.prefix_lines, adopted.prefix_bytes, adopted.prefix_sha256);
        match &self.link {
            Link::Prefix(hasher) if says == (self.lines, self.offset, finish(hasher)) => {}
            Link::Prefix(_) | Link::Begun(_) => return Err("adopts other lines than those before it".into()),
        }
        self.saw(adopted.ts);
        Ok(Entry::Adopted(adopted))
    }

    fn legacy(&mut self, line: &[u8]) -> Entry {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Entry::Blank;
        }
        match line::decode_legacy(line) {
            Ok(event) => {
                // The epoch stands for a time that the line does not have.
                if event.ts() != Timestamp::UNIX_EPOCH {
                    self.saw(event.ts());
                }
                Entry::Event(event, None)
            }
            Err(problem) => Entry::Odd(problem.to_string()),
        }
    }

    fn saw(&mut self, ts: Timestamp) {
        self.first_ts = self.first_ts.or(Some(ts));
        self.last_ts = Some(ts);
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
