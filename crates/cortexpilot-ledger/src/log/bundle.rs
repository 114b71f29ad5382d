//! Evidence in one file that verifies offline: a checkpoint, the lines it is about, and what links them. JSON Lines, so
//! that a bundle of any size is written and verified in bounded memory. Documented in `docs/reference/receipts.md`.
//!
//! A bundle has one section for each log in it. A section's first line says whose key and which checkpoint, optionally an
//! older checkpoint with the proof that the log continued it; then come its lines: either *all* of them, which need no
//! proofs because the root follows from them, or *some*, each with its own.

use std::io::{self, BufRead, Read as _, Write};

use cortexpilot_core::domain::id::Sha256Digest;
use serde::{Deserialize, Serialize};

use super::check::{CheckError, verify_inclusion};
use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::hash::{decode64, encode64, leaf_hash};
use super::note::{KeyTextError, NoteVerifier};
use super::receipt::{ReceiptError, digest};
use super::tree::Frontier;

/// What the member `format` of a section's first line says.
pub const BUNDLE_FORMAT: &str = "cortexpilot-evidence/1";

/// Longest line of a bundle that is read, in bytes: a line of the original of the greatest length, escaped.
const RECORD_MAX: u64 = 256 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    key: String,
    checkpoint: String,
    since: Option<String>,
    consistency: Vec<String>,
    lines: u64,
    all: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    index: u64,
    /// The line, when it is UTF-8, as all of ours are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    /// The line otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inclusion: Option<Vec<String>>,
}

/// What a section is about.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// The public half of the key that signs the log.
    pub key: &'a NoteVerifier,
    /// The checkpoint that everything in the section is under.
    pub checkpoint: &'a SignedCheckpoint,
    /// An older checkpoint, and the proof that the log continued it.
    pub since: Option<(&'a SignedCheckpoint, &'a [Sha256Digest])>,
    /// How many lines follow, each with a proof. `None`: all lines under the checkpoint, without proofs.
    pub some: Option<u64>,
}

/// One line of a log, as it goes into a bundle or comes out of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleLine<'a> {
    /// Its place; the first is 0.
    pub index: u64,
    /// Its bytes, without newline.
    pub line: &'a [u8],
    /// How it leads to the root. Empty and unused in a section of all lines.
    pub inclusion: &'a [Sha256Digest],
}

/// Why something is not evidence.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// One of its lines is not what stands there in a bundle.
    #[error("line {record} of the bundle: {what}")]
    Form {
        /// Which line of the bundle, counted from 1; 0 before the first is written.
        record: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The key in the bundle is not one that is trusted here.
    #[error("the bundle is signed by {0}, which is not among the keys that are trusted here")]
    Stranger(String),
    /// A checkpoint is not one of the log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A line, or all of them, are not what was signed.
    #[error("log line {index}: {why}")]
    Proof {
        /// The line's index; in a section of all lines that of the last one, for it is only known that one of them differs.
        index: u64,
        /// What does not fit.
        why: CheckError,
    },
}

/// Whose word is taken for what the logs' keys are.
#[derive(Debug, Clone, Copy)]
pub enum Trust<'a> {
    /// These keys, noted elsewhere, and no others. One that was noted for a file is good for both files of its
    /// installation, and for what they are named after a repair.
    Keys(&'a [NoteVerifier]),
    /// The bundle's own: shows that it fits together, not where it is from.
    Bundle,
}

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleReport {
    /// Each section.
    pub sections: Vec<SectionReport>,
}

/// One section, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionReport {
    /// The key that signed.
    pub key: NoteVerifier,
    /// What it signed.
    pub checkpoint: Checkpoint,
    /// The older checkpoint that it continues.
    pub since: Option<Checkpoint>,
    /// How many lines there are in the bundle.
    pub lines: u64,
    /// Whether those are all lines under the checkpoint.
    pub all: bool,
}

/// What the lines of a section must come to; the same for the one who writes it and the one who verifies it.
struct Progress {
    checkpoint: Checkpoint,
    /// `None` in a section of some lines.
    tree: Option<Frontier>,
    lines: u64,
    wanted: u64,
    next: u64,
}

impl Progress {
    fn new(checkpoint: &Checkpoint, some: Option<u64>) -> Self {
        let tree = some.is_none().then(Frontier::new);
        let wanted = some.unwrap_or(checkpoint.size);
        Self { checkpoint: checkpoint.clone(), tree, lines: 0, wanted, next: 0 }
    }

    fn line(&mut self, line: &BundleLine<'_>) -> Result<(), BundleError> {
        let (index, leaf) = (line.index, leaf_hash(line.line));
        let expected = if self.tree.is_some() { index == self.next } else { index >= self.next };
        if self.lines == self.wanted || !expected {
            return Err(BundleError::Proof { index, why: CheckError::Size });
        }
        match &mut self.tree {
            Some(tree) => {
                tree.append(leaf);
            }
            None => verify_inclusion(&leaf, index, self.checkpoint.size, line.inclusion, &self.checkpoint.root)
                .map_err(|why| BundleError::Proof { index, why })?,
        }
        self.lines += 1;
        self.next = index.saturating_add(1);
        Ok(())
    }

    fn finish(&self, record: u64) -> Result<(), BundleError> {
        if self.lines != self.wanted {
            let what = format!("a section of {} lines ends after {}", self.wanted, self.lines);
            return Err(BundleError::Form { record, what });
        }
        match &self.tree {
            Some(tree) if tree.root() != self.checkpoint.root => {
                Err(BundleError::Proof { index: self.next.saturating_sub(1), why: CheckError::Root })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Writes a bundle, and verifies what it writes: what does not verify is an error here and not at the auditor's.
pub struct BundleWriter<W> {
    out: W,
    records: u64,
    section: Option<Progress>,
}

impl<W: Write> BundleWriter<W> {
    /// Begins a bundle.
    pub fn new(out: W) -> Self {
        Self { out, records: 0, section: None }
    }

    /// Begins a section, and ends the one before it.
    ///
    /// # Errors
    /// [`BundleError`], also of the section that ends.
    pub fn section(&mut self, section: &Section<'_>) -> Result<(), BundleError> {
        self.end_section()?;
        let checkpoint = section.checkpoint.checkpoint();
        if let Some((since, proof)) = section.since {
            checkpoint.continues(since.checkpoint(), proof)?;
        }
        let progress = Progress::new(checkpoint, section.some);
        let proof = section.since.map_or(&[][..], |(_, proof)| proof);
        let head = Head {
            format: BUNDLE_FORMAT.to_owned(),
            key: section.key.to_string(),
            checkpoint: section.checkpoint.to_string(),
            since: section.since.map(|(since, _)| since.to_string()),
            consistency: texts(proof),
            lines: progress.wanted,
            all: section.some.is_none(),
        };
        self.section = Some(progress);
        self.write(&head)
    }

    /// Adds a line to the section. Lines come in the order of their index.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn line(&mut self, line: &BundleLine<'_>) -> Result<(), BundleError> {
        let record = self.records;
        let Some(section) = &mut self.section else {
            return Err(BundleError::Form { record, what: "a line outside of a section".into() });
        };
        section.line(line)?;
        let inclusion = section.tree.is_none().then(|| texts(line.inclusion));
        let (text, base64) = match str::from_utf8(line.line) {
            Ok(text) => (Some(text.to_owned()), None),
            Err(_) => (None, Some(encode64(line.line))),
        };
        self.write(&Record { index: line.index, line: text, line_base64: base64, inclusion })
    }

    /// Ends the bundle. One that was not ended does not verify.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn finish(mut self) -> Result<W, BundleError> {
        self.end_section()?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn end_section(&mut self) -> Result<(), BundleError> {
        self.section.take().map_or(Ok(()), |section| section.finish(self.records))
    }

    fn write(&mut self, record: &impl Serialize) -> Result<(), BundleError> {
        serde_json::to_writer(&mut self.out, record).map_err(io::Error::from)?;
        self.out.write_all(b"\n")?;
        self.records += 1;
        Ok(())
    }
}

/// Verifies a bundle. Each line is shown to `visit` with the name of its log; what it says counts only once the whole
/// bundle has verified.
///
/// # Errors
/// [`BundleError`].
pub fn verify_bundle(
    mut reader: impl BufRead,
    trust: Trust<'_>,
    mut visit: impl FnMut(&str, &BundleLine<'_>),
) -> Result<BundleReport, BundleError> {
    let mut sections = Vec::new();
    let mut bytes = Vec::new();
    let mut record = 0;
    loop {
        if !read_record(&mut reader, &mut bytes, &mut record)? {
            break;
        }
        let (report, mut progress) = open_section(&bytes, record, trust)?;
        for _ in 0..progress.wanted {
            if !read_record(&mut reader, &mut bytes, &mut record)? {
                break;
            }
            let parsed = parse_record(&bytes, record, report.all)?;
            let line = BundleLine { index: parsed.0, line: &parsed.1, inclusion: &parsed.2 };
            progress.line(&line)?;
            visit(&report.checkpoint.origin, &line);
        }
        progress.finish(record)?;
        sections.push(report);
    }
    if sections.is_empty() {
        return Err(BundleError::Form { record: 1, what: "there is nothing in it".into() });
    }
    Ok(BundleReport { sections })
}

fn read_record(reader: &mut impl BufRead, bytes: &mut Vec<u8>, record: &mut u64) -> Result<bool, BundleError> {
    bytes.clear();
    reader.by_ref().take(RECORD_MAX).read_until(b'\n', bytes)?;
    if bytes.is_empty() {
        return Ok(false);
    }
    *record += 1;
    match bytes.pop() {
        Some(b'\n') => Ok(true),
        Some(_) | None => Err(BundleError::Form { record: *record, what: "is cut off".into() }),
    }
}

fn open_section(bytes: &[u8], record: u64, trust: Trust<'_>) -> Result<(SectionReport, Progress), BundleError> {
    let form = |what: String| BundleError::Form { record, what };
    let head: Head = serde_json::from_slice(bytes).map_err(|error| form(error.to_string()))?;
    if head.format != BUNDLE_FORMAT {
        return Err(form(format!("its format is {:?}, not {BUNDLE_FORMAT:?}", head.format)));
    }
    let key = NoteVerifier::parse(&head.key).map_err(|error: KeyTextError| form(format!("the key {error}")))?;
    match trust {
        Trust::Keys(keys)
            if !keys.iter().any(|known| *known == key || known.vouching_for(key.name()).as_ref() == Some(&key)) =>
        {
            return Err(BundleError::Stranger(head.key));
        }
        Trust::Keys(_) | Trust::Bundle => {}
    }
    let signed = SignedCheckpoint::open(head.checkpoint.as_bytes(), &key)?;
    let checkpoint = signed.checkpoint().clone();
    let proof = digests(&head.consistency, record)?;
    let since = match &head.since {
        Some(since) => {
            let since = SignedCheckpoint::open(since.as_bytes(), &key)?;
            checkpoint.continues(since.checkpoint(), &proof)?;
            Some(since.checkpoint().clone())
        }
        None if proof.is_empty() => None,
        None => return Err(form("a proof of consistency with nothing".into())),
    };
    if head.all && head.lines != checkpoint.size {
        return Err(form(format!("says that {} lines are all of {}", head.lines, checkpoint.size)));
    }
    let progress = Progress::new(&checkpoint, (!head.all).then_some(head.lines));
    Ok((SectionReport { key, checkpoint, since, lines: head.lines, all: head.all }, progress))
}

fn parse_record(bytes: &[u8], record: u64, all: bool) -> Result<(u64, Vec<u8>, Vec<Sha256Digest>), BundleError> {
    let form = |what: &str| BundleError::Form { record, what: what.into() };
    let parsed: Record = serde_json::from_slice(bytes).map_err(|error| form(&error.to_string()))?;
    let line = match (parsed.line, parsed.line_base64) {
        (Some(line), None) => line.into_bytes(),
        (None, Some(base64)) => decode64(&base64).ok_or_else(|| form("its line is not base64"))?,
        (Some(_), Some(_)) | (None, None) => return Err(form("has not exactly one of `line` and `line_base64`")),
    };
    if line.contains(&b'\n') {
        return Err(form("has a newline in its line, so it is no line"));
    }
    let inclusion = match parsed.inclusion {
        Some(inclusion) if !all => digests(&inclusion, record)?,
        None if all => Vec::new(),
        Some(_) => return Err(form("has a proof, where all lines together are one")),
        None => return Err(form("has no proof")),
    };
    Ok((parsed.index, line, inclusion))
}

fn texts(hashes: &[Sha256Digest]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

fn digests(hashes: &[String], record: u64) -> Result<Vec<Sha256Digest>, BundleError> {
    let hashes: Result<_, ReceiptError> = hashes.iter().map(|hash| digest(hash)).collect();
    hashes.map_err(|error| BundleError::Form { record, what: error.to_string() })
}
