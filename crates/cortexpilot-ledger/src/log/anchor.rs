//! What is stored of a log in the runtime root, and holding a ledger against it while it is read.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::id::Sha256Digest;

use super::checkpoint::SignedCheckpoint;
use super::checkpoint_file::{self, CheckpointFileError, load_checkpoint, put};
use super::note::NoteVerifier;
use super::tree::Frontier;
use crate::chain::FileKind;
use crate::disk::{self, Disk};

/// Where the logs are, in the runtime root: below it a directory for each file, named after it.
pub const LOG_DIR: &str = "log";

/// The public key that the log's checkpoints verify with, beside them: a start needs no secret.
const KEY: &str = "key";

/// Longest public key that is read, in bytes.
const KEY_MAX: u64 = 4096;

/// What is stored of a log: its last checkpoint, verified with the public key that stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLog {
    /// The public half of the key that signs it, under the log's name.
    pub key: NoteVerifier,
    /// What it signed last.
    pub checkpoint: SignedCheckpoint,
}

/// The directory of one file's log.
pub(crate) fn log_dir(root: &Path, file: &str) -> PathBuf {
    root.join(LOG_DIR).join(file)
}

/// The last checkpoint of one file; `None` when none was ever made.
pub(crate) fn stored(root: &Path, file: &str) -> Result<Option<StoredLog>, CheckpointFileError> {
    let dir = log_dir(root, file);
    let path = dir.join(checkpoint_file::NAME);
    // One look, where there is no log.
    match disk::stat(&path) {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(None),
        Err(source) => return Err(CheckpointFileError::Io { path, source }),
    }
    let Some(key) = stored_key(&dir)? else {
        return Err(CheckpointFileError::Key { path: dir.join(KEY), what: "is not there".into() });
    };
    let checkpoint = load_checkpoint(&dir, &key)?;
    Ok(checkpoint.map(|checkpoint| StoredLog { key, checkpoint }))
}

/// The public key beside the tiles, if one was put there.
pub(super) fn stored_key(dir: &Path) -> Result<Option<NoteVerifier>, CheckpointFileError> {
    let path = dir.join(KEY);
    let mut bytes = Vec::new();
    match disk::open(&path).and_then(|found| match found {
        Some((file, _)) => file.take(KEY_MAX).read_to_end(&mut bytes).map(Some),
        None => Ok(None),
    }) {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(None),
        Err(source) => return Err(CheckpointFileError::Io { path, source }),
    }
    let line = str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n'));
    let key = line.ok_or_else(|| "is not one line of text".to_owned());
    let key = key.and_then(|line| NoteVerifier::parse(line).map_err(|error| error.to_string()));
    key.map(Some).map_err(|what| CheckpointFileError::Key { path, what })
}

/// Puts the public key beside the tiles, durable, before the first checkpoint.
pub(super) fn store_key(dir: &Path, key: &NoteVerifier) -> io::Result<()> {
    put(dir, KEY, format!("{key}\n").as_bytes())
}

/// Moves the log of a file that is replaced out of the way, under the name that the file is kept as. The new file is
/// another log.
pub(crate) fn set_log_aside(disk: &Disk, root: &Path, file: &str, kept_as: &str) -> io::Result<()> {
    let dir = log_dir(root, file);
    if !dir.exists() {
        return Ok(());
    }
    for attempt in 0..1000 {
        let again = if attempt == 0 { String::new() } else { format!(".{attempt}") };
        let aside = log_dir(root, &format!("{kept_as}{again}"));
        if !aside.exists() {
            disk.rename(&dir, &aside)?;
            return disk.sync_dir(&root.join(LOG_DIR));
        }
    }
    Err(io::Error::other(format!("there are too many logs {kept_as}")))
}

/// The last checkpoint of a file that is being read from its beginning: its first lines must come to the root that was
/// signed. Dropped when they do, so that a file costs nothing more behind its checkpoint, and nothing at all without one.
#[derive(Debug, Clone)]
pub(crate) struct Anchor {
    frontier: Frontier,
    size: u64,
    root: Sha256Digest,
    broken: bool,
}

impl Anchor {
    /// What the file must begin with; `None` when there is no checkpoint, or one of no lines.
    pub(crate) fn load(root: &Path, kind: FileKind) -> Result<Option<Self>, CheckpointFileError> {
        let stored = stored(root, kind.name())?;
        let checkpoint = stored.as_ref().map(|stored| stored.checkpoint.checkpoint());
        Ok(checkpoint.filter(|checkpoint| checkpoint.size > 0).map(|checkpoint| Self {
            frontier: Frontier::new(),
            size: checkpoint.size,
            root: checkpoint.root,
            broken: false,
        }))
    }

    /// What must come behind lines that were read before: this is their tree.
    pub(crate) fn behind(frontier: Frontier, size: u64, root: Sha256Digest) -> Self {
        Self { frontier, size, root, broken: false }
    }

    /// One that was read from nowhere.
    #[cfg(test)]
    pub(crate) fn of(size: u64, root: Sha256Digest) -> Self {
        Self { frontier: Frontier::new(), size, root, broken: false }
    }

    /// How many lines are under the checkpoint.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Takes the leaf of the next line. `Ok(true)`: these are the lines that were signed, and the work is done.
    ///
    /// # Errors
    /// What is wrong, in words that continue "line 3 …".
    pub(crate) fn reached(&mut self, leaf: Sha256Digest) -> Result<bool, String> {
        self.frontier.append(leaf);
        if self.frontier.size() < self.size {
            return Ok(false);
        }
        self.broken = self.frontier.root() != self.root;
        if self.broken {
            let size = self.size;
            return Err(format!(
                "does not continue its last checkpoint: the first {size} lines are not those that were signed"
            ));
        }
        Ok(true)
    }

    /// Whether the lines were others.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// What to say when a file ends before its checkpoint does.
    pub(crate) fn missed(&self, file: &str, lines: u64) -> String {
        missed(self.size, file, lines)
    }
}

/// What to say of a file of so many lines, of which `size` were signed.
pub(super) fn missed(size: u64, file: &str, lines: u64) -> String {
    format!(
        "is not there any more: {file} does not continue its last checkpoint, which covers {size} lines; it has {lines}"
    )
}
