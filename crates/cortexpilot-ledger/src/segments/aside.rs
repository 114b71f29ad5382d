//! Segments of a ledger that a repair takes the place of: they are kept with it.

use std::io;
use std::path::Path;

use cortexpilot_core::domain::id::Sha256Digest;
use sha2::Digest as _;

use super::{DIR, begins_a_chain, first_line, listed};
use crate::chain::FileKind;
use crate::disk::{self, Disk, ReadAt};
use crate::follow::read_range;

const CHUNK: u64 = 1024 * 1024;

/// SHA-256 of all segments, in the order of their names, and of the file behind them; of that alone where there are none.
pub(crate) fn digest_of(root: &Path, kind: FileKind, active: &dyn ReadAt) -> io::Result<Sha256Digest> {
    let mut hasher = sha2::Sha256::new();
    let mut add = |file: &dyn ReadAt| -> io::Result<()> {
        let mut at = 0;
        loop {
            let bytes = read_range(file, at, at + CHUNK)?;
            if bytes.is_empty() {
                return Ok(());
            }
            at += bytes.len() as u64;
            hasher.update(&bytes);
        }
    };
    // Beside a file that begins a chain they are of another ledger, which was set aside by half.
    if kind == FileKind::Queue && !begins_a_chain(&first_line(active)?) {
        for (_, name) in listed(root)? {
            if let Some((file, _)) = disk::open(&root.join(name))? {
                add(&file)?;
            }
        }
    }
    add(active)?;
    Ok(Sha256Digest::from_bytes(hasher.finalize().into()))
}

/// Moves the segments out of the way, under a name that belongs to that of the file that was kept. Gives the name; `None`
/// when there are none.
pub(crate) fn set_aside(disk: &Disk, root: &Path, damaged: &Sha256Digest) -> io::Result<Option<String>> {
    if listed(root)?.is_empty() {
        return Ok(None);
    }
    for attempt in 0..1000 {
        let again = if attempt == 0 { String::new() } else { format!(".{attempt}") };
        let aside = format!("{DIR}.damaged-{}{again}", &damaged.to_string()[..12]);
        if std::fs::symlink_metadata(root.join(&aside)).is_err() {
            disk.rename(&root.join(DIR), &root.join(&aside))?;
            disk.sync_dir(root)?;
            return Ok(Some(aside));
        }
    }
    Err(io::Error::other(format!("there are too many directories {DIR}.damaged-*")))
}

/// The same, where a repair was stopped before it did it: the file begins a ledger of its own, and the segments do not
/// begin with its first line.
pub(crate) fn set_stale_aside(disk: &Disk, root: &Path, damaged: &Sha256Digest) -> io::Result<Option<String>> {
    let named = listed(root)?;
    let (Some((_, first)), Some((active, _))) = (named.first(), disk::open(&root.join(FileKind::Queue.name()))?) else {
        return Ok(None);
    };
    let begins = first_line(&active)?;
    let stale = match disk::open(&root.join(first))? {
        Some((file, _)) => begins_a_chain(&begins) && first_line(&file)? != begins,
        None => false,
    };
    if stale { set_aside(disk, root, damaged) } else { Ok(None) }
}
