//! What whoever takes the lock does before it trusts the files: it reads on, deals with what a writer that died or failed
//! left behind, and, where it must, makes what it has read durable. [`crate::marks`] gives the reasoning.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::fold::State;

use crate::chain::Tail;
use crate::disk::{self, Disk};
use crate::follow::read_range;
use crate::lock::Held;
use crate::marks::Mark;
use crate::segments::Segments;
use crate::tracked::Tracked;

/// How much is written again at once.
const CHUNK: u64 = 1024 * 1024;

/// What is left to be done before a file's bytes can be trusted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsettled {
    /// From here on bytes may not be durable.
    from: u64,
    /// Where the complete lines end that were read.
    whole: u64,
    /// The file's size; what stands behind its last newline is no complete line.
    size: u64,
    /// Under this lock file nothing is known of any of its bytes.
    unknown: bool,
    /// Somebody was stopped while bytes changed, or another file was put in place, whose name may not last yet.
    changing: bool,
}

impl Unsettled {
    /// Whether all of it are complete lines that another writer may be flushing just now.
    pub(crate) fn may_be_in_flight(&self) -> bool {
        !self.unknown && !self.changing && self.whole == self.size
    }

    /// Whether there are bytes in doubt at all; otherwise only the record is as a dead writer left it.
    pub(crate) fn has_bytes(&self) -> bool {
        self.from < self.size
    }
}

/// How one file was found.
pub(crate) struct Found {
    /// The record's epoch.
    pub(crate) epoch: u64,
    pub(crate) unsettled: Option<Unsettled>,
}

/// Reads on to the file's end, under the lock, and says what must be settled. Writes nothing. Damage is no error: it is
/// found in the tracked file.
pub(crate) fn read_on(held: &Held, file: &mut Tracked, state: &mut State) -> io::Result<Found> {
    let record = held.record(file.kind)?;
    let (unclean, in_flight) = match record.mark {
        Mark::Clear => (None, false),
        // The original never syncs, so nothing is known of a ledger that it wrote.
        Mark::Unknown => (Some(0), false),
        Mark::Set { from, .. } => (Some(from), true),
    };
    let mut stat = file.attend_while(in_flight, state)?;
    if !file.still_ends_as_read(stat)? {
        file.suspect();
        stat = file.attend(state)?;
    }
    let tail = match stat {
        Some(stat) => file.advance(stat, stat.size, &mut || Ok(true), state)?.unwrap_or(0),
        None => 0,
    };
    let size = stat.map_or(0, |stat| stat.size);
    let epoch = record.epoch;
    if unclean.is_some_and(|from| from > size) {
        // The mark stays as it is: it is the only witness of what is gone.
        file.short_of_its_mark();
        return Ok(Found { epoch, unsettled: None });
    }
    if tail == 0 && unclean.is_none() {
        return Ok(Found { epoch, unsettled: None });
    }
    // Behind damage nothing is read, and no line is looked for.
    let whole = if file.damage.is_some() { size } else { size - tail };
    let from = unclean.unwrap_or(whole);
    let unknown = record.mark == Mark::Unknown;
    let changing = matches!(record.mark, Mark::Set { upto: u64::MAX, .. });
    Ok(Found { epoch, unsettled: Some(Unsettled { from, whole, size, unknown, changing }) })
}

/// Makes every byte of a file durable and clears its record. What others may be flushing is waited for first: writing it
/// again has every process that watches the file look at all of it.
///
/// Handles that were open before must not be synced again: they would report an old failure. A damaged file's bytes are
/// made durable as they are.
pub(crate) fn make_durable(
    held: &Held,
    disk: &Disk,
    file: &mut Tracked,
    state: &mut State,
    unsettled: Unsettled,
) -> io::Result<()> {
    let (kind, Unsettled { from, whole, size, .. }) = (file.kind, unsettled);
    if unsettled.changing {
        // A file that was renamed is written to only once its name lasts.
        disk.sync_dir(file.path().parent().unwrap_or(Path::new(".")))?;
    }
    // Writers that are gone had been about to write behind it. Nobody is now.
    let record = held.set(kind, from, size)?;
    let in_flight = unsettled.may_be_in_flight() && unsettled.has_bytes();
    if in_flight && held.records.wait_until_published(kind, size, record.epoch)? {
        return Ok(());
    }
    if file.file().is_some() && from < whole {
        rewrite(disk, file, from, whole)?;
        // Nothing but this process has touched the file since it was read.
        file.rewrote()?;
    }
    held.records.publish(kind, whole, record.epoch)?;
    if whole == size {
        return Ok(());
    }
    // All lines are published: from here on bytes change that somebody may have looked at.
    held.raise_epoch(kind, whole)?;
    deal_with_tail(disk, file, size)?;
    rewrite(disk, file, whole, u64::MAX)?;
    file.rewrote()?;
    if let Some(stat) = file.attend(state)? {
        // What was completed is read now.
        file.advance(stat, stat.size, &mut || Ok(true), state)?;
    }
    held.clear(kind)
}

/// Completes a last line that lacks only its newline; sets a torn one aside and cuts it off. Damage stays as it is.
fn deal_with_tail(disk: &Disk, tracked: &mut Tracked, size: u64) -> io::Result<()> {
    let Some(file) = tracked.file() else { return Ok(()) };
    let begins = tracked.chain.offset;
    let tail = read_range(file, begins, size)?;
    let (name, path) = (tracked.kind.name(), tracked.path().to_owned());
    let keep = match tracked.chain.judge_tail(&tail) {
        Tail::None => return Ok(()),
        Tail::Altered => {
            tracked.tail_is_damaged();
            return Ok(());
        }
        Tail::Torn => 0,
        Tail::Whole(length) => length,
    };
    let rest = &tail[keep..];
    // What replaced a newline is one byte that says nothing.
    if rest.len() > 1 || keep == 0 {
        let aside = set_aside(disk, &path, begins + keep as u64, rest)?;
        tracing::warn!(file = name, offset = begins + keep as u64, bytes = rest.len(), aside = %aside.display(),
            "a torn line was never acknowledged: it was set aside and cut off");
    }
    let (writable, _) = disk.open_in_place(&path)?;
    let end = begins + keep as u64 - tracked.base();
    if !rest.is_empty() {
        disk.cut(&writable, end)?;
    }
    if keep > 0 {
        disk.write_at(&writable, b"\n", end)?;
        disk.sync(&writable)?;
        tracing::warn!(
            file = name,
            offset = begins,
            "the last line verifies and lacked only its newline: it was completed"
        );
    }
    Ok(())
}

/// Keeps bytes beside the ledger, durable, under a name that says where they stood.
pub(crate) fn set_aside(disk: &Disk, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for attempt in 0..1000 {
        let again = if attempt == 0 { String::new() } else { format!(".{attempt}") };
        let aside = path.with_file_name(format!("{name}.torn-{offset}{again}"));
        match disk.create_new(&aside) {
            Ok(file) => {
                disk.fill(&file, bytes)?;
                disk.sync(&file)?;
                disk.sync_dir(aside.parent().unwrap_or(Path::new(".")))?;
                return Ok(aside);
            }
            // A crash in the middle of this left it behind.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if holds(&aside, bytes)? {
                    disk.sync(&File::open(&aside)?)?;
                    disk.sync_dir(aside.parent().unwrap_or(Path::new(".")))?;
                    return Ok(aside);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("there are too many files {name}.torn-{offset}")))
}

fn holds(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let Some((file, _)) = disk::open(path)? else { return Ok(false) };
    let mut found = Vec::new();
    file.take(bytes.len() as u64 + 1).read_to_end(&mut found)?;
    Ok(found == bytes)
}

/// Writes bytes again, as they are, and syncs them. The handle is new: one that was open while a sync failed would report
/// that failure once more.
fn rewrite(disk: &Disk, tracked: &Tracked, from: u64, to: u64) -> io::Result<()> {
    let writable = write_again(disk, tracked.path(), &tracked.segments(), from, to)?;
    disk.sync(&writable)
}

/// Writes bytes again, as they are, for a sync to come. Ends where the file does. What is sealed was synced before it got its
/// name, and is synced again where even that is in doubt.
pub(crate) fn write_again(disk: &Disk, path: &Path, segments: &Segments, from: u64, to: u64) -> io::Result<File> {
    segments.sync(disk, from)?;
    let (writable, stat) = disk.open_in_place(path)?;
    let base = segments.base();
    let (mut at, to) = (from.saturating_sub(base), to.saturating_sub(base).min(stat.size));
    while at < to {
        let bytes = read_range(&writable, at, (at + CHUNK).min(to))?;
        if bytes.is_empty() {
            break;
        }
        disk.write_at(&writable, &bytes, at)?;
        at += bytes.len() as u64;
    }
    Ok(writable)
}
