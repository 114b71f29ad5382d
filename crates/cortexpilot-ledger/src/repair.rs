//! `cortexpilot audit repair`: the way out of a damaged ledger. The damaged file is kept; a new one begins with a line that
//! commits to its digest, the reason and the principal.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cortexpilot_core::codec::line::{Repaired, encode_repaired};
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::queue::QueueItem;
use cortexpilot_core::domain::text::Reason;
use cortexpilot_core::domain::time::to_micros;
use jiff::Timestamp;

use crate::chain::FileKind;
use crate::disk::{self, Disk};
use crate::lock::{Held, LockFile, LockProblem};
use crate::log::{NoTurn, SigningTurn, set_log_aside};
use crate::segments;
use crate::settle::{make_durable, read_on};
use crate::state::Shared;
use crate::tracked::{Damage, Tracked};

/// How long a repair waits for processes that write. None does for long: the ledger is damaged.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// What a repair did.
#[derive(Debug, Clone)]
pub struct RepairReport {
    /// The files that were damaged; those that were sound were left alone.
    pub files: Vec<RepairedFile>,
    /// Items that were pending or claimed where the queue's ledger last verified. They are in the kept file only: an
    /// operator previews and enqueues them again, or lets them go.
    pub lost: Vec<QueueItem>,
}

/// One file that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairedFile {
    /// Its name in the runtime root.
    pub file: &'static str,
    /// The name under which the damaged one is kept, beside it.
    pub kept_as: String,
    /// The name under which the sealed segments are kept that stood before it, if there were any.
    pub segments_kept_as: Option<String>,
    /// SHA-256 of the damaged one; of its segments and it, one behind the other, where there were any.
    pub damaged_sha256: Sha256Digest,
    /// What was wrong.
    pub damage: Damage,
    /// Lines that verified before it.
    pub verified_lines: u64,
    /// Hash of the new file's first line.
    pub head: Sha256Digest,
}

/// Why nothing was repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// Every complete line verifies. An incomplete last line is no damage: the next process that writes sets it aside.
    #[error("the ledger is sound: there is nothing to repair")]
    Sound,
    /// A newer version wrote here; it must judge what is damaged.
    #[error("the ledger holds `{0}`, an event of a newer version: repair it with that version")]
    Newer(String),
    /// The lock cannot be had.
    #[error("{0}")]
    Lock(String),
    /// Something could not be read or written. What was damaged is still there; the repair can be run again.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The runtime root.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Repairs what is damaged in a runtime root, under the ledger's lock.
///
/// # Errors
/// [`RepairError`]; nothing is lost in any case, and a repair that was interrupted can be run again.
pub fn repair(root: &Path, reason: &Reason, principal: &str, now: Timestamp) -> Result<RepairReport, RepairError> {
    repair_on(root, reason, principal, now, &Disk::default())
}

pub(crate) fn repair_on(
    root: &Path,
    reason: &Reason,
    principal: &str,
    now: Timestamp,
    disk: &Disk,
) -> Result<RepairReport, RepairError> {
    let failed = |source| RepairError::Io { path: root.to_owned(), source };
    let locked = |problem| match problem {
        LockProblem::Io(path, source) => RepairError::Io { path, source },
        LockProblem::Busy(..) | LockProblem::DoesNotLock(_) => RepairError::Lock(format!("{problem}")),
    };
    // Whoever signs meanwhile would put the old file's checkpoint beside the new file.
    let _turn = SigningTurn::take(root, LOCK_WAIT).map_err(|problem| match problem {
        NoTurn::Busy(_) => RepairError::Lock("another process is signing the ledger".to_owned()),
        NoTurn::Io(source) => failed(source),
    })?;
    let held = LockFile::open(root, LOCK_WAIT, disk.clone()).and_then(|mut lock| lock.acquire()).map_err(locked)?;
    held.prove(root).map_err(locked)?;
    let mut shared = Shared::new(root);
    for kind in FileKind::ALL {
        let (file, state) = shared.split(kind);
        let found = read_on(&held, file, state).map_err(failed)?;
        // Somebody may be flushing lines of a file that is about to be replaced, and then say that they are durable.
        if let (Some(unsettled), Some(_)) = (found.unsettled, &file.damage) {
            make_durable(&held, disk, file, state, unsettled).map_err(failed)?;
        }
    }
    let newer = FileKind::ALL.into_iter().find_map(|kind| shared.file(kind).newer.clone());
    if let Some((_, event)) = newer {
        return Err(RepairError::Newer(event));
    }
    if let Some(repaired) = &shared.queue_file.repaired {
        // A repair was stopped when the new file was in place.
        segments::set_stale_aside(disk, root, &repaired.damaged_sha256).map_err(failed)?;
    }
    let stamp = Stamp { reason, principal, now };
    let mut files = Vec::new();
    for kind in FileKind::ALL {
        let file = shared.file(kind);
        if let Some(damage) = &file.damage {
            files.push(replace(root, &held, disk, file, damage, &stamp).map_err(failed)?);
        }
    }
    if files.is_empty() {
        return Err(RepairError::Sound);
    }
    let queue_is_new = shared.queue_file.damage.is_some();
    let live = |item: &&QueueItem| queue_is_new && item.is_live();
    let lost = shared.state.queue.held().filter(live).cloned().collect();
    Ok(RepairReport { files, lost })
}

struct Stamp<'a> {
    reason: &'a Reason,
    principal: &'a str,
    now: Timestamp,
}

/// The damaged file first gets a second, durable name, then loses its first one to the new file: at every moment the
/// ledger's name leads to a whole file.
fn replace(
    root: &Path,
    held: &Held,
    disk: &Disk,
    file: &Tracked,
    damage: &Damage,
    stamp: &Stamp<'_>,
) -> io::Result<RepairedFile> {
    let (kind, path) = (file.kind, file.path());
    // Of a file that was taken away, nothing is kept, and that is written down like anything else.
    let (damaged, _) = disk.open_append(path)?;
    let damaged_sha256 = segments::digest_of(root, kind, &damaged)?;
    let kept_as = keep(disk, path, &damaged_sha256)?;
    disk.sync(&damaged)?;
    disk.sync_dir(root)?;

    let last = file.chain.last_ts.unwrap_or(stamp.now);
    let repaired = Repaired {
        damaged_sha256,
        kept_as: kept_as.clone(),
        verified_lines: file.chain.lines,
        reason: stamp.reason.to_string(),
        principal: stamp.principal.to_owned(),
        ts: to_micros(stamp.now.max(last)),
    };
    let line = encode_repaired(&repaired, &Sha256Digest::ZERO);
    let part = path.with_file_name(format!("{}.repaired.tmp", kind.name()));
    let new = disk.create_empty(&part)?;
    disk.fill(&new, format!("{}\n", line.text).as_bytes())?;
    disk.sync(&new)?;

    // A reader that looks meanwhile must not mix what it read of one file with what it reads of the other.
    held.raise_epoch(kind, 0)?;
    disk.rename(&part, path)?;
    disk.sync_dir(root)?;
    // The new file is a new log: the old one's checkpoint goes with the old file. A reader that has seen the new file with
    // the old checkpoint begins anew once more.
    set_log_aside(disk, root, kind.name(), &kept_as)?;
    let segments_kept_as = match kind {
        FileKind::Queue => segments::set_aside(disk, root, &damaged_sha256)?,
        FileKind::Decisions => None,
    };
    held.raise_epoch(kind, 0)?;
    held.clear(kind)?;
    Ok(RepairedFile {
        file: kind.name(),
        kept_as,
        segments_kept_as,
        damaged_sha256,
        damage: damage.clone(),
        verified_lines: file.chain.lines,
        head: line.hash,
    })
}

/// Gives the damaged file its second name. An interrupted repair may have given it already.
fn keep(disk: &Disk, path: &Path, digest: &Sha256Digest) -> io::Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let here = disk::stat(path)?;
    for attempt in 0..1000 {
        let again = if attempt == 0 { String::new() } else { format!(".{attempt}") };
        let kept_as = format!("{name}.damaged-{}{again}", &digest.to_string()[..12]);
        let kept = path.with_file_name(&kept_as);
        match disk.link(path, &kept) {
            Ok(()) => return Ok(kept_as),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if disk::stat(&kept)? == here {
                    return Ok(kept_as);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("there are too many files {name}.damaged-*")))
}
