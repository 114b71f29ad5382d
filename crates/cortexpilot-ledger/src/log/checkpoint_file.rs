//! The last checkpoint of a log, as the file `checkpoint` beside its tiles: where `tlog-tiles` has it.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::checkpoint::{CheckpointError, SignedCheckpoint};
use super::note::NoteVerifier;
use super::tile_store::part_name;
use crate::disk::{self, Disk};

pub(super) const NAME: &str = "checkpoint";

/// Longest checkpoint that is read, in bytes; longer ones are refused as notes.
const READ_MAX: u64 = 1024 * 1024;

/// Why the last checkpoint cannot be had. Never taken for there being none: then a ledger that was cut off could start.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointFileError {
    /// It cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not a checkpoint that the log signed.
    #[error("{path}: {source}", path = .path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// There is a checkpoint, and no public key beside it that it could be verified with.
    #[error("{path} {what}", path = .path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// Reads the last checkpoint of the log whose directory this is; `None` when there is no such file.
///
/// # Errors
/// [`CheckpointFileError`].
pub fn load_checkpoint(dir: &Path, log: &NoteVerifier) -> Result<Option<SignedCheckpoint>, CheckpointFileError> {
    let path = dir.join(NAME);
    let mut bytes = Vec::new();
    match disk::open(&path).and_then(|found| match found {
        Some((file, _)) => file.take(READ_MAX).read_to_end(&mut bytes).map(Some),
        None => Ok(None),
    }) {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(None),
        Err(source) => return Err(CheckpointFileError::Io { path, source }),
    }
    let signed = SignedCheckpoint::open(&bytes, log);
    signed.map(Some).map_err(|source| CheckpointFileError::Checkpoint { path, source })
}

/// Puts a checkpoint in place of the last one, whole or not at all, and returns when it is on stable storage. Only once
/// the lines under it are: a checkpoint ahead of its lines would refuse the start after a power failure. By one process at
/// a time: whoever has the turn of those who sign.
///
/// # Errors
/// What the system said. After a failed sync the old one or the new one stands; both are true.
pub fn store_checkpoint(dir: &Path, checkpoint: &SignedCheckpoint) -> io::Result<()> {
    put(dir, NAME, checkpoint.to_string().as_bytes())
}

/// Writes a small file whole or not at all, and returns when it is on stable storage.
pub(super) fn put(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (path, disk) = (dir.join(name), Disk::default());
    let part = part_name(&path);
    disk.make_dirs(dir)?;
    disk.unlink(&part)?;
    let file = disk.create_new(&part)?;
    disk.fill(&file, bytes)?;
    disk.sync(&file)?;
    disk.rename(&part, &path)?;
    disk.sync_dir(dir)
}
