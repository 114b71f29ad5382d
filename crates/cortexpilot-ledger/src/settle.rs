//! What whoever takes the lock does before it trusts the files: it reads on, deals with what a writer that died or failed
//! left behind, and makes what it has read durable.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::fold::State;

use crate::chain::Tail;
use crate::disk::{self, Disk};
use crate::follow::read_range;
use crate::lock::Held;
use crate::marks::Mark;
use crate::tracked::Tracked;

/// How much is written again at once.
const CHUNK: u64 = 1024 * 1024;

/// What is left to be done before a file's bytes can be trusted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsettled {
    /// From here on bytes may not be durable.
    from: u64,
    /// The file's size; what stands behind its last newline is no complete line.
    size: u64,
    tail: u64,
    /// The epoch under which it is settled.
    epoch: u64,
}

/// How one file was found.
pub(crate) struct Found {
    /// The mark's epoch.
    pub(crate) epoch: u64,
    pub(crate) unsettled: Option<Unsettled>,
}

/// Reads on to the file's end, under the lock, and says what must be settled. Writes nothing. Damage is no error: it is
/// found in the tracked file.
pub(crate) fn read_on(held: &Held, file: &mut Tracked, state: &mut State) -> io::Result<Found> {
    let record = held.record(file.kind)?;
    let unclean = match record.mark {
        Mark::Clear => None,
        // The original never syncs, so nothing is known of a ledger that it wrote.
        Mark::Unknown => Some(0),
        Mark::From(from) => Some(from),
    };
    let mut stat = file.attend(state)?;
    if !file.still_ends_as_read()? {
        file.suspect();
        stat = file.attend(state)?;
    }
    let tail = match stat {
        Some(stat) => file.advance(stat, stat.size, &mut || Ok(true), state)?.unwrap_or(0),
        None => 0,
    };
    let size = stat.map_or(0, |stat| stat.size);
    if unclean.is_some_and(|from| from > size) {
        // The mark stays as it is: it is the only witness of what is gone.
        file.short_of_its_mark();
        return Ok(Found { epoch: record.epoch, unsettled: None });
    }
    if tail == 0 && unclean.is_none() {
        return Ok(Found { epoch: record.epoch, unsettled: None });
    }
    let from = unclean.unwrap_or(file.chain.offset).min(file.chain.offset);
    let epoch = record.epoch + 1;
    Ok(Found { epoch, unsettled: Some(Unsettled { from, size, tail, epoch }) })
}

/// Makes every byte of a file durable and clears its mark. Handles that were open before must not be synced again: they
/// would report an old failure. A damaged file's bytes are made durable as they are.
pub(crate) fn make_durable(
    held: &Held,
    disk: &Disk,
    file: &mut Tracked,
    state: &mut State,
    unsettled: Unsettled,
) -> io::Result<()> {
    held.set(file.kind, unsettled.from, unsettled.epoch)?;
    if unsettled.tail > 0 && file.damage.is_none() {
        deal_with_tail(disk, file, unsettled.size)?;
    }
    if file.file().is_some() {
        rewrite(disk, file, unsettled.from)?;
        // Nothing but this process has touched the file since it was read; what was completed is read now.
        file.rewrote()?;
        if let Some(stat) = file.attend(state)? {
            file.advance(stat, stat.size, &mut || Ok(true), state)?;
        }
    }
    held.clear(file.kind, unsettled.epoch)
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
    if !rest.is_empty() {
        disk.cut(&writable, begins + keep as u64)?;
    }
    if keep > 0 {
        disk.write_at(&writable, b"\n", begins + keep as u64)?;
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

/// Writes the bytes from an offset on again, as they are, and syncs them. The handle is new: one that was open while a sync
/// failed would report that failure once more.
fn rewrite(disk: &Disk, tracked: &Tracked, from: u64) -> io::Result<()> {
    let (writable, stat) = disk.open_in_place(tracked.path())?;
    let mut at = from;
    while at < stat.size {
        let bytes = read_range(&writable, at, (at + CHUNK).min(stat.size))?;
        if bytes.is_empty() {
            break;
        }
        disk.write_at(&writable, &bytes, at)?;
        at += bytes.len() as u64;
    }
    disk.sync(&writable)
}
