//! One line out of the middle of a file, checked where it stands.

use cortexpilot_core::codec::line::{self, Adopted, Line, decode_legacy};
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::ledger;

use super::Broken;
use crate::chain::{Chain, Entry, FileKind, LEGACY_LINE_MAX, Position};
use crate::disk::ReadAt as _;
use crate::follow::read_range;
use crate::segments::Joined;

/// A line of ours ends in its hash, a quote, a brace and a newline.
const END: u64 = 64 + 3;

/// A chained file of which single lines are read.
#[derive(Debug)]
pub(super) struct Lines {
    kind: FileKind,
    file: Joined,
    /// Where the first line of ours begins, and what it chains onto.
    began: (u64, Sha256Digest),
}

/// A part of the file, kept from one line to the next.
pub(super) struct Window {
    at: u64,
    bytes: Vec<u8>,
    ahead: usize,
}

impl Window {
    /// For single lines.
    pub(super) fn narrow() -> Self {
        Self { at: 0, bytes: Vec::new(), ahead: 2 * 1024 }
    }

    /// For many lines in the order in which they stand.
    pub(super) fn wide() -> Self {
        Self { at: 0, bytes: Vec::new(), ahead: 64 * 1024 }
    }

    fn from(&self, at: u64) -> Option<&[u8]> {
        let from = usize::try_from(at.checked_sub(self.at)?).ok()?;
        self.bytes.get(from..)
    }
}

impl Lines {
    pub(super) fn new(kind: FileKind, file: Joined, began: (u64, Sha256Digest)) -> Self {
        Self { kind, file, began }
    }

    pub(super) fn file(&self) -> &Joined {
        &self.file
    }

    /// What the line at this offset says. A line of ours must chain onto the hash that ends the line before it; what stands
    /// there of the original has nothing to be held against.
    pub(super) fn read(&self, window: &mut Window, at: u64) -> Result<Entry, Broken> {
        let (begins, prefix_head) = self.began;
        let before = if at > begins { END } else { 0 };
        let from = at.checked_sub(before).ok_or_else(|| Broken::new("a line begins before the file does"))?;
        let length = self.load(window, from, before)?;
        let bytes = window.from(from).unwrap_or_default();
        let (end, line) = bytes[..length].split_at(usize::try_from(before).unwrap_or(0));
        if at < begins {
            let event = decode_legacy(line).map_err(|problem| Broken::new(format!("a line {problem}")))?;
            return Ok(Entry::Event(event, None));
        }
        let head =
            if at == begins { prefix_head } else { head_in(end).ok_or_else(|| Broken::new("no line ends there"))? };
        let mut chain = Chain::behind(self.kind, Position { offset: at, lines: 0, head });
        chain.feed(line).map_err(|what| Broken::new(format!("a line {what}")))
    }

    /// The record of an import, which is the first line of ours and says what stands before it.
    pub(super) fn adoption(&self) -> Result<Adopted, Broken> {
        let (begins, head) = self.began;
        let mut window = Window::narrow();
        let length = self.load(&mut window, begins, 0)?;
        let line = window.from(begins).and_then(|bytes| bytes.get(..length)).unwrap_or_default();
        match ledger::verify(&head, line).map(|_| line::decode(line)) {
            Some(Ok(Line::Adopted(adopted))) => Ok(adopted),
            Some(Ok(Line::Event(_) | Line::Repaired(_) | Line::Unknown { .. }) | Err(_)) | None => {
                Err(Broken::new("no adoption stands where the chain begins"))
            }
        }
    }

    /// Whether the line before this offset ends in this hash.
    pub(super) fn ends_in(&self, offset: u64, head: &Sha256Digest) -> Result<bool, Broken> {
        let Some(from) = offset.checked_sub(END) else { return Ok(false) };
        let end = read_range(&self.file, from, offset).map_err(Broken::io)?;
        Ok(head_in(&end) == Some(*head))
    }

    /// Makes the window hold the bytes from `from` to the first newline behind the first `skip` of them, and gives how many
    /// there are without that newline.
    fn load(&self, window: &mut Window, from: u64, skip: u64) -> Result<usize, Broken> {
        let skip = usize::try_from(skip).unwrap_or(0);
        let line_end = |bytes: &[u8]| {
            let line = bytes.get(skip..)?;
            line.iter().position(|byte| *byte == b'\n').map(|at| skip + at)
        };
        if let Some(length) = window.from(from).and_then(line_end) {
            return Ok(length);
        }
        let mut want = window.ahead;
        loop {
            window.at = from;
            window.bytes.resize(want, 0);
            let mut have = 0;
            while have < want {
                match self.file.read_some(&mut window.bytes[have..], from + have as u64).map_err(Broken::io)? {
                    0 => break,
                    read => have += read,
                }
            }
            window.bytes.truncate(have);
            if let Some(length) = line_end(&window.bytes) {
                return Ok(length);
            }
            if have < want || want > LEGACY_LINE_MAX {
                return Err(Broken::new("no line ends behind an offset"));
            }
            want *= 4;
        }
    }
}

fn head_in(end: &[u8]) -> Option<Sha256Digest> {
    let hex = end.strip_suffix(b"\"}\n")?;
    Sha256Digest::parse(std::str::from_utf8(hex).ok()?)
}
