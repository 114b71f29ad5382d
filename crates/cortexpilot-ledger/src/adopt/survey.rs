//! What an original's ledger holds, and what is odd about it: read once, nothing written.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::fold::State;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::queue::{QueueEvent, QueueItem};
use jiff::Timestamp;

use super::AdoptError;
use crate::chain::{Chain, Entry, FileKind, Tail};
use crate::disk::{self, Stat};
use crate::follow::read_range;

/// How many lines are named of each kind; the rest is counted.
const FIRST: usize = 5;
/// How many characters of a problem are kept.
const PROBLEM_MAX: usize = 200;

/// An original's ledger as it was read.
#[derive(Debug, Clone)]
pub struct Survey {
    /// SHA-256 of its lines, newlines included, without a torn end: what the adopting record commits to.
    pub sha256: Sha256Digest,
    /// How many lines there are.
    pub lines: u64,
    /// How many bytes, newlines included.
    pub bytes: u64,
    /// Time of the first line that has one.
    pub first_ts: Option<Timestamp>,
    /// Time of the last line that has one.
    pub last_ts: Option<Timestamp>,
    /// Enqueue lines that count.
    pub enqueued: u64,
    /// Cancel lines that count.
    pub cancelled: u64,
    /// Claim lines that count.
    pub claimed: u64,
    /// Lines that count and say that an item is finished.
    pub done: u64,
    /// Empty lines.
    pub blank: u64,
    /// Lines that change nothing, by reason, in the order in which each reason was first met.
    pub odd: Vec<(String, Found)>,
    /// Lines that count here and that the original cannot read: it splits lines at U+0085, U+2028 and U+2029 too.
    pub split_by_the_original: Found,
    /// Lines that count and have no readable time.
    pub undated: Found,
    /// Lines that count and are dated before one that stands above them.
    pub backwards: Found,
    /// What stands behind the last newline.
    pub tail: SourceTail,
    /// Every item, in enqueue order, as this system reads the lines.
    pub items: Vec<QueueItem>,
    /// The ledger is the runtime root's own: it is adopted where it stands.
    pub in_place: bool,
}

/// Lines of one kind: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// How many.
    pub total: u64,
    /// The first five, with what is wrong where that is not said by the kind.
    pub first: Vec<(u64, String)>,
}

impl Found {
    fn add(&mut self, line: u64, problem: &str) {
        self.total += 1;
        if self.first.len() < FIRST {
            let short: String = problem.chars().take(PROBLEM_MAX).collect();
            let dots = if short.len() < problem.len() { "…" } else { "" };
            self.first.push((line, short + dots));
        }
    }
}

/// What stands behind an original's last newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceTail {
    /// Nothing.
    None,
    /// A whole line that lacks only its newline: it is adopted with one.
    LacksNewline {
        /// Where it begins, in bytes.
        offset: u64,
    },
    /// The beginning of a line: it is kept beside the ledger and is no part of it.
    Torn {
        /// Where it begins, in bytes.
        offset: u64,
        /// How long it is.
        bytes: u64,
    },
}

impl Survey {
    /// Items that the original does not show, because a later item has the same task: it folds by task.
    pub fn hidden(&self) -> impl Iterator<Item = &QueueItem> {
        let mut last: HashMap<&str, u64> = HashMap::new();
        for item in &self.items {
            last.insert(&item.enqueued.task_id, item.seq);
        }
        self.items.iter().filter(move |item| last.get(item.enqueued.task_id.as_str()) != Some(&item.seq))
    }
}

/// A ledger that was surveyed, still open.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) stat: Stat,
    pub(super) survey: Survey,
    /// How many of its bytes are adopted as they are.
    pub(super) kept: u64,
}

impl Source {
    pub(super) fn open(dir: &Path) -> Result<Self, AdoptError> {
        let path = dir.join(FileKind::Queue.name());
        let failed = |source| AdoptError::Io { path: path.clone(), source };
        let Some((file, stat)) = disk::open(&path).map_err(failed)? else {
            return Err(AdoptError::Missing(path));
        };
        let (survey, kept) = Reading::new().run(&file, &path)?;
        let source = Self { path, file, stat, survey, kept };
        source.expect_unchanged()?;
        Ok(source)
    }

    /// The beginning of a line behind the last newline, and where it stands.
    pub(super) fn torn(&self) -> Result<Option<(u64, Vec<u8>)>, AdoptError> {
        let SourceTail::Torn { offset, bytes } = self.survey.tail else { return Ok(None) };
        let read = read_range(&self.file, offset, offset + bytes);
        let torn = read.map_err(|source| AdoptError::Io { path: self.path.clone(), source })?;
        Ok(Some((offset, torn)))
    }

    /// The original knows no lock of ours: that nobody wrote meanwhile shows only afterwards.
    pub(super) fn expect_unchanged(&self) -> Result<(), AdoptError> {
        let now = disk::stat(&self.path).map_err(|source| AdoptError::Io { path: self.path.clone(), source })?;
        if now == Some(self.stat) { Ok(()) } else { Err(AdoptError::Changed(self.path.clone())) }
    }
}

struct Reading {
    chain: Chain,
    state: State,
    latest: Option<Timestamp>,
    survey: Survey,
}

impl Reading {
    fn new() -> Self {
        let survey = Survey {
            sha256: Sha256Digest::ZERO,
            lines: 0,
            bytes: 0,
            first_ts: None,
            last_ts: None,
            enqueued: 0,
            cancelled: 0,
            claimed: 0,
            done: 0,
            blank: 0,
            odd: Vec::new(),
            split_by_the_original: Found::default(),
            undated: Found::default(),
            backwards: Found::default(),
            tail: SourceTail::None,
            items: Vec::new(),
            in_place: false,
        };
        Self { chain: Chain::new(FileKind::Queue), state: State::default(), latest: None, survey }
    }

    fn run(mut self, file: &File, path: &Path) -> Result<(Survey, u64), AdoptError> {
        let failed = |source: io::Error| AdoptError::Io { path: path.to_owned(), source };
        let mut reader = BufReader::with_capacity(256 * 1024, file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let most = self.chain.line_max();
            reader.by_ref().take(most as u64 + 2).read_until(b'\n', &mut line).map_err(failed)?;
            match line.strip_suffix(b"\n") {
                Some(line) if line.len() <= most => self.take(line)?,
                None if line.len() <= most => break,
                Some(_) | None => return Err(self.damaged(format!("is longer than {most} bytes"))),
            }
        }
        let offset = self.chain.offset;
        let keep = match self.chain.judge_tail(&line) {
            Tail::None => 0,
            Tail::Altered => return Err(self.damaged("is one of this system's and does not verify".to_owned())),
            Tail::Torn => {
                self.survey.tail = SourceTail::Torn { offset, bytes: line.len() as u64 };
                0
            }
            Tail::Whole(length) => {
                self.survey.tail = SourceTail::LacksNewline { offset };
                self.take(&line[..length])?;
                length
            }
        };
        let Self { chain, state, mut survey, .. } = self;
        survey.sha256 = chain.prefix().ok_or(AdoptError::Ours)?;
        (survey.lines, survey.bytes) = (chain.lines, chain.offset);
        (survey.first_ts, survey.last_ts) = (chain.first_ts, chain.last_ts);
        survey.items = state.queue.held().cloned().collect();
        Ok((survey, offset + keep as u64))
    }

    fn damaged(&self, what: String) -> AdoptError {
        AdoptError::SourceDamaged { line: self.chain.lines + 1, what }
    }

    fn take(&mut self, line: &[u8]) -> Result<(), AdoptError> {
        let number = self.chain.lines + 1;
        let entry = self.chain.feed(line).map_err(|what| AdoptError::SourceDamaged { line: number, what })?;
        match entry {
            Entry::Blank => self.survey.blank += 1,
            Entry::Odd(problem) => self.odd(number, &problem),
            Entry::Event(event, None) => match self.state.apply(&event, None) {
                Ok(()) => self.counts(number, &event, line),
                Err(oddity) => self.odd(number, &oddity.to_string()),
            },
            Entry::Event(_, Some(_))
            | Entry::Brief(_)
            | Entry::Refusal
            | Entry::Decision(_)
            | Entry::Repaired(_)
            | Entry::Adopted(_)
            | Entry::Unknown(_) => return Err(AdoptError::Ours),
        }
        Ok(())
    }

    fn counts(&mut self, number: u64, event: &QueueEvent, line: &[u8]) {
        let survey = &mut self.survey;
        match event {
            QueueEvent::Enqueued(_) => survey.enqueued += 1,
            QueueEvent::Cancelled(_) => survey.cancelled += 1,
            QueueEvent::Claimed(_) => survey.claimed += 1,
            QueueEvent::Done(_) => survey.done += 1,
            // None of these is an event of the original.
            QueueEvent::Held(_) | QueueEvent::Requeued(_) | QueueEvent::Expired(_) | QueueEvent::StopRequested(_) => {}
        }
        if holds_a_line_break_of_the_original(line) {
            survey.split_by_the_original.add(number, "");
        }
        // The epoch stands for a time that the line does not have.
        if event.ts() == Timestamp::UNIX_EPOCH {
            survey.undated.add(number, "");
        } else if self.latest.is_some_and(|latest| event.ts() < latest) {
            survey.backwards.add(number, "");
        } else {
            self.latest = Some(event.ts());
        }
    }

    fn odd(&mut self, line: u64, problem: &str) {
        // What a line calls its event is that line's own word, so it is no kind.
        let kind = problem.split_once(" `").map_or(problem, |(kind, _)| kind);
        let said = if kind == problem { "" } else { problem };
        let odd = &mut self.survey.odd;
        match odd.iter_mut().find(|(known, _)| known == kind) {
            Some((_, found)) => found.add(line, said),
            None => {
                let mut found = Found::default();
                found.add(line, said);
                odd.push((kind.to_owned(), found));
            }
        }
    }
}

/// U+0085, U+2028 or U+2029 as UTF-8.
fn holds_a_line_break_of_the_original(line: &[u8]) -> bool {
    let three = |window: &[u8]| window[..2] == [0xe2, 0x80] && matches!(window[2], 0xa8 | 0xa9);
    !line.is_ascii() && (line.windows(2).any(|window| window == [0xc2, 0x85]) || line.windows(3).any(three))
}
