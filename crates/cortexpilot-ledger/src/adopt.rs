//! `cortexpilot import`: takes an original's ledger over. Its lines become the unchanged prefix of ours, and one record behind
//! them says who did it, from where and why.
//!
//! The ledger appears whole or not at all: a copy is made under a name of its own, record included, and is durable before
//! it gets the ledger's name. Where the ledger stands already, the record is appended as any line is. So there is nothing
//! between "not adopted" and "adopted", and an import that was stopped is begun anew by running it again.

mod survey;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cortexpilot_core::codec::line::{Adopted, SealedLine, encode_adopted};
use cortexpilot_core::domain::command::ApprovalPolicy;
use cortexpilot_core::domain::governance::Standing;
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::text::Reason;
use cortexpilot_core::domain::time::to_micros;
use jiff::Timestamp;
use sha2::Digest as _;

use crate::chain::FileKind;
use crate::disk::{self, Disk};
use crate::follow::read_range;
use crate::lock::{Held, LOCK_NAME, LockFile, LockProblem};
use crate::marks::Marks;
use crate::pins;
use crate::segments;
use crate::settle::{make_durable, read_on, set_aside};
use crate::state::Shared;

use survey::Source;
pub use survey::{Found, SourceTail, Survey};

/// How long an import waits for processes that write.
const LOCK_WAIT: Duration = Duration::from_secs(10);

const CHUNK: u64 = 1024 * 1024;

/// What is to be adopted, and on whose word.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The runtime root that takes the ledger over. Made (0700) if missing.
    pub root: &'a Path,
    /// The original's runtime root. Only ever read, unless it is `root` itself.
    pub source: &'a Path,
    /// Why; kept in the record.
    pub reason: &'a Reason,
    /// Who.
    pub principal: &'a str,
    /// When. The record is never dated before the last line.
    pub now: Timestamp,
}

/// A ledger that was adopted.
#[derive(Debug, Clone)]
pub struct Adoption {
    /// What it holds.
    pub survey: Survey,
    /// The record that stands behind its lines.
    pub record: Adopted,
    /// The record's hash, onto which the next line chains.
    pub head: Sha256Digest,
    /// The name under which a torn end is kept, in the runtime root.
    pub torn_as: Option<String>,
}

/// Why nothing was adopted. The original is as it was in each case.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The directory holds no ledger.
    #[error("there is no {path}", path = .0.display())]
    Missing(PathBuf),
    /// The ledger holds lines of this system.
    #[error("it is a ledger of this system already: some of its lines are chained")]
    Ours,
    /// This system has written beside it; what operators decided there would be left behind.
    #[error("this system has written {path} beside it, and a freeze or a floor may stand there", path = .0.display())]
    Decided(PathBuf),
    /// Operators want people asked, or everything to stand still, and nobody was asked about its pending items: taking them
    /// over would queue what no approval let through.
    #[error("{pending} of its items are pending and nobody has approved them, while {why}")]
    Unapproved {
        /// How many.
        pending: usize,
        /// What operators decided.
        why: String,
    },
    /// A line of the original is not to be read as one.
    #[error("line {line} {what}")]
    SourceDamaged {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// Something wrote to it while it was read.
    #[error("{path} changed while it was read", path = .0.display())]
    Changed(PathBuf),
    /// The same lines were adopted before.
    #[error("the same lines were adopted before")]
    Before(Box<Adopted>),
    /// The runtime root holds a ledger with lines.
    #[error("the runtime root holds a ledger of {0} lines")]
    Occupied(u64),
    /// A file of the runtime root is damaged.
    #[error("{file} is damaged at line {line}")]
    Corrupt {
        /// Its name.
        file: &'static str,
        /// The line, from 1.
        line: u64,
    },
    /// A newer version wrote in the runtime root.
    #[error("the runtime root holds `{0}`, an event of a newer version")]
    Newer(String),
    /// The lock cannot be had.
    #[error("{0}")]
    Lock(String),
    /// Something could not be read or written. The import can be run again.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// What was being read or written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl From<LockProblem> for AdoptError {
    fn from(problem: LockProblem) -> Self {
        match problem {
            LockProblem::Io(path, source) => Self::Io { path, source },
            LockProblem::Busy(..) | LockProblem::DoesNotLock(_) => Self::Lock(problem.to_string()),
        }
    }
}

/// What [`adopt`] would adopt. Writes nothing, takes no lock.
///
/// # Errors
/// As [`adopt`].
pub fn survey(root: &Path, source: &Path) -> Result<Survey, AdoptError> {
    let failed = |source| AdoptError::Io { path: root.to_owned(), source };
    let mut shared = Shared::new(root);
    shared.catch_up(&Marks::new(root.join(LOCK_NAME))).map_err(failed)?;
    Ok(judge(root, source, &shared)?.survey)
}

/// Adopts the ledger of an original runtime root, under the lock of the runtime root that takes it over. When it returns, the
/// ledger is on stable storage.
///
/// # Errors
/// [`AdoptError`]. An import that failed or was stopped can be run again.
pub fn adopt(order: &Order<'_>) -> Result<Adoption, AdoptError> {
    adopt_on(order, &Disk::default())
}

fn adopt_on(order: &Order<'_>, disk: &Disk) -> Result<Adoption, AdoptError> {
    let root = order.root;
    let failed = |source| AdoptError::Io { path: root.to_owned(), source };
    disk.make_dirs(&root.join(pins::DIR)).map_err(failed)?;
    let held = LockFile::open(root, LOCK_WAIT, disk.clone())?.acquire()?;
    held.prove(root)?;
    // What an import that was stopped left behind: nothing rests on it.
    disk.unlink(&part(root)).map_err(failed)?;
    let mut shared = Shared::new(root);
    let mut look = |kind| {
        let (file, state) = shared.split(kind);
        read_on(&held, file, state).map_err(failed)
    };
    let found = look(FileKind::Queue)?;
    let decisions = look(FileKind::Decisions)?;
    let read = shared.queue_file.chain.lines;
    let mut judged = judge(root, order.source, &shared);
    let torn = judged.as_ref().ok().map(Source::torn).transpose()?.flatten();
    if let Ok(_) | Err(AdoptError::Before(_) | AdoptError::Ours | AdoptError::Occupied(_)) = &judged {
        // Also where it was adopted before: whoever stopped that import may have done so before it was durable.
        let (file, state) = shared.split(FileKind::Queue);
        if let Some(unsettled) = found.unsettled {
            make_durable(&held, disk, file, state, unsettled).map_err(failed)?;
        }
        disk.sync_dir(root).map_err(failed)?;
        if shared.queue_file.chain.lines != read {
            // A last line that lacked only its newline has one now; it may have been an import's record.
            let tail = judged.map(|source| source.survey.tail);
            judged = judge(root, order.source, &shared);
            if let (Ok(source), Ok(tail)) = (&mut judged, tail) {
                source.survey.tail = tail;
            }
        }
    }
    let source = judged?;
    // It was judged on them: no line of the queue rests on a decision that is not durable.
    if let Some(unsettled) = decisions.unsettled {
        let (file, state) = shared.split(FileKind::Decisions);
        make_durable(&held, disk, file, state, unsettled).map_err(failed)?;
    }
    let (record, line) = record(order, &source.survey);
    let mut torn_as = None;
    if let Some((offset, bytes)) = torn {
        // Where the ledger stands already, settling it has done so, and this finds what it kept.
        let kept = set_aside(disk, &root.join(FileKind::Queue.name()), offset, &bytes).map_err(failed)?;
        torn_as = kept.file_name().map(|name| name.to_string_lossy().into_owned());
    }
    if source.survey.in_place {
        append(&held, disk, &shared, &source, &line).map_err(failed)?;
    } else {
        copy(root, disk, &source, &line)?;
        put(root, &held, disk).map_err(failed)?;
    }
    Ok(Adoption { survey: source.survey, record, head: line.hash, torn_as })
}

fn part(root: &Path) -> PathBuf {
    root.join(format!("{}.adopted.tmp", FileKind::Queue.name()))
}

/// Whether the runtime root, as it was read, can take this ledger over.
fn judge(root: &Path, source: &Path, shared: &Shared) -> Result<Source, AdoptError> {
    for kind in FileKind::ALL {
        if let Some(damage) = &shared.file(kind).damage {
            return Err(AdoptError::Corrupt { file: kind.name(), line: damage.line });
        }
        if let Some((_, event)) = &shared.file(kind).newer {
            return Err(AdoptError::Newer(event.clone()));
        }
    }
    let path = |dir: &Path, kind: FileKind| dir.join(kind.name());
    let looked = |path: PathBuf| match disk::stat(&path) {
        Ok(stat) => Ok(stat),
        Err(source) => Err(AdoptError::Io { path, source }),
    };
    let here = looked(path(root, FileKind::Queue))?;
    let there = looked(path(source, FileKind::Queue))?;
    let queue = &shared.queue_file;
    let in_place = there.is_some() && here.map(|stat| stat.identity) == there.map(|stat| stat.identity);
    if in_place && let Some(adopted) = &queue.adopted {
        return Err(AdoptError::Before(Box::new(adopted.clone())));
    }
    if segments::any(source).map_err(|error| AdoptError::Io { path: source.join(segments::DIR), source: error })? {
        return Err(AdoptError::Ours);
    }
    let mut found = Source::open(source)?;
    found.survey.in_place = in_place;
    if in_place {
        return Ok(found);
    }
    if let Some(adopted) = queue.adopted.as_ref().filter(|adopted| adopted.prefix_sha256 == found.survey.sha256) {
        return Err(AdoptError::Before(Box::new(adopted.clone())));
    }
    if queue.chain.lines > 0 {
        return Err(AdoptError::Occupied(queue.chain.lines));
    }
    let decisions = path(source, FileKind::Decisions);
    if looked(decisions.clone())?.is_some_and(|stat| stat.size > 0) {
        return Err(AdoptError::Decided(decisions));
    }
    // Where the ledger stands already its items are in the queue; a copy would put them there.
    let pending = found.survey.items.iter().filter(|item| item.is_pending()).count();
    match forbidden(shared.state.governance().standing()) {
        Some(why) if pending > 0 => Err(AdoptError::Unapproved { pending, why }),
        Some(_) | None => Ok(found),
    }
}

/// Why nothing may become pending here without being asked about, if so.
fn forbidden(standing: &Standing) -> Option<String> {
    if standing.frozen.is_some() {
        return Some("queueing is frozen here".to_owned());
    }
    let floor = standing.floor;
    (floor > ApprovalPolicy::Declared).then(|| format!("the approval policy here is at least `{}`", floor.as_str()))
}

fn record(order: &Order<'_>, survey: &Survey) -> (Adopted, SealedLine) {
    let last = survey.last_ts.unwrap_or(order.now);
    let record = Adopted {
        prefix_sha256: survey.sha256,
        prefix_lines: survey.lines,
        prefix_bytes: survey.bytes,
        source: order.source.display().to_string(),
        reason: order.reason.to_string(),
        principal: order.principal.to_owned(),
        ts: to_micros(order.now.max(last)),
    };
    // As everywhere, the first line of a chain without a prefix chains onto zeros.
    let prev = if survey.bytes == 0 { Sha256Digest::ZERO } else { survey.sha256 };
    let line = encode_adopted(&record, &prev);
    (record, line)
}

/// Appends the record where the lines stand: mark, one write, one sync, mark.
fn append(held: &Held, disk: &Disk, shared: &Shared, source: &Source, line: &SealedLine) -> io::Result<()> {
    let (kind, survey) = (FileKind::Queue, &source.survey);
    let chain = &shared.queue_file.chain;
    let (file, stat) = disk.open_append(&source.path)?;
    if (chain.offset, chain.lines, stat.size) != (survey.bytes, survey.lines, survey.bytes)
        || (survey.bytes > 0 && chain.head() != survey.sha256)
    {
        return Err(io::Error::other("the ledger changed while it was read: stop the program that writes to it"));
    }
    let end = survey.bytes + line.text.len() as u64 + 1;
    let record = held.set(kind, survey.bytes, end)?;
    disk.append(&file, format!("{}\n", line.text).as_bytes())?;
    disk.sync(&file)?;
    held.records.publish(kind, end, record.epoch)
}

/// Writes lines and record under a name of their own, durable.
fn copy(root: &Path, disk: &Disk, source: &Source, line: &SealedLine) -> Result<(), AdoptError> {
    let part = part(root);
    let failed = |error| AdoptError::Io { path: part.clone(), source: error };
    let file = disk.create_empty(&part).map_err(failed)?;
    let mut hasher = sha2::Sha256::new();
    let mut at = 0;
    while at < source.kept {
        let bytes = read_range(&source.file, at, (at + CHUNK).min(source.kept))
            .map_err(|error| AdoptError::Io { path: source.path.clone(), source: error })?;
        if bytes.is_empty() {
            return Err(AdoptError::Changed(source.path.clone()));
        }
        hasher.update(&bytes);
        disk.write_at(&file, &bytes, at).map_err(failed)?;
        at += bytes.len() as u64;
    }
    let mut end = String::new();
    if matches!(source.survey.tail, SourceTail::LacksNewline { .. }) {
        hasher.update(b"\n");
        end.push('\n');
    }
    end.push_str(&line.text);
    end.push('\n');
    disk.write_at(&file, end.as_bytes(), at).map_err(failed)?;
    if Sha256Digest::from_bytes(hasher.finalize().into()) != source.survey.sha256 {
        return Err(AdoptError::Changed(source.path.clone()));
    }
    source.expect_unchanged()?;
    disk.sync(&file).map_err(failed)
}

/// Gives the copy the ledger's name. A reader that looks meanwhile must not mix the empty ledger with this one.
fn put(root: &Path, held: &Held, disk: &Disk) -> io::Result<()> {
    let kind = FileKind::Queue;
    held.raise_epoch(kind, 0)?;
    disk.rename(&part(root), &root.join(kind.name()))?;
    disk.sync_dir(root)?;
    held.clear(kind)
}

#[cfg(test)]
mod tests;
