//! Which processes serve this runtime root, and with which gate and policy: `processes/<pid>-<random>.json` in it, one file
//! a process. It answers "who could append right now?"; nothing is decided by it.
//!
//! A process holds a lock on its file for as long as it lives, and the kernel lets go of the lock however the process ends.
//! So a file whose lock can be had is a dead process's, whatever its process id names by now. A file gets its name only when
//! it is locked and whole: no reader sees half of one, and no sweep takes one that is being made.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_core::domain::id::hex;
use cortexpilot_core::port::Ids;
use jiff::Timestamp;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::os::OsIds;

/// The directory's name in the runtime root.
const DIR: &str = "processes";

/// What ends the name of a file that is whole.
const WHOLE: &str = ".json";

/// What ends the name of a file that is being made.
const PART: &str = ".part";

/// No entry is longer, in bytes.
const BYTES_MAX: u64 = 4 * 1024;

/// How often a name is tried again when a sweep took the file before its lock was held.
const TRIES: u32 = 8;

/// What a process says of itself. Texts are as a process wrote them: escape them where they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What it serves: `serve`, `up`, `pilot`, `worker`.
    pub(crate) surface: String,
    /// Its process id, as it sees it.
    pub(crate) pid: u32,
    /// Its mutation gate.
    pub(crate) gate: Gate,
    /// The policy it was configured with; the floor may be stricter. A word, because a newer version may know more of them.
    pub(crate) policy: String,
    /// Whom it acts as.
    pub(crate) principal: String,
    /// When it began.
    #[serde(with = "instant")]
    pub(crate) since: Timestamp,
    /// Its version of CortexPilot.
    pub(crate) version: String,
    /// Where people reach its console; none where it has none, or is of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

/// The mutation gate of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Gate {
    Open,
    Shut,
}

impl From<MutationGate> for Gate {
    fn from(gate: MutationGate) -> Self {
        match gate {
            MutationGate::Open => Self::Open,
            MutationGate::Shut => Self::Shut,
        }
    }
}

impl Gate {
    /// The gate's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Shut => "shut",
        }
    }
}

/// An instant as text.
mod instant {
    use jiff::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(instant: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(instant)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// This process's own file. Dropped, it is removed; after a crash it is left, and whoever looks sees that nobody holds it.
#[derive(Debug)]
pub(crate) struct Registered {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl Registered {
    /// Says that this process serves this runtime root. For processes that may write there.
    ///
    /// # Errors
    /// When the file cannot be made. That is worth a warning and no more: the process serves just as well.
    pub(crate) fn announce(runtime_root: &Path, entry: &Entry) -> io::Result<Self> {
        let dir = runtime_root.join(DIR);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let mut text = serde_json::to_string(entry)?;
        text.push('\n');
        if text.len() as u64 > BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the entry is too long"));
        }
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::make(&dir, entry.pid, text.as_bytes()) {
                Err(error) if tries < TRIES && was_swept(&error) => {}
                done => return done,
            }
        }
    }

    fn make(dir: &Path, pid: u32, text: &[u8]) -> io::Result<Self> {
        let ids: &dyn Ids = &OsIds;
        let name = format!("{pid}-{}", hex(&ids.bytes::<8>()));
        let (part, path) = (dir.join(format!(".{name}{PART}")), dir.join(format!("{name}{WHOLE}")));
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&part)?;
        let filled = file.try_lock().map_err(io::Error::from).and_then(|()| file.write_all(text));
        match filled.and_then(|()| std::fs::rename(&part, &path)) {
            Ok(()) => Ok(Self { path, _file: file }),
            Err(error) => {
                let _ = std::fs::remove_file(&part);
                Err(error)
            }
        }
    }
}

/// Between making a file and locking it, a sweep may look at it or take it for a dead process's.
fn was_swept(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotFound)
}

impl Drop for Registered {
    fn drop(&mut self) {
        // The lock goes with the file handle, after this.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The processes that serve this runtime root now, the longest-running first. Reads only, and leaves nothing behind; what
/// cannot be read is passed over.
pub(crate) fn running(runtime_root: &Path) -> Vec<Entry> {
    let whole = files(runtime_root).filter(|path| !is_part(path));
    let mut entries: Vec<Entry> = whole.filter_map(|path| live(&path)).collect();
    entries.sort_by(|a, b| (a.since, a.pid, &a.surface).cmp(&(b.since, b.pid, &b.surface)));
    entries
}

/// Removes what dead processes left. For processes that may write.
pub(crate) fn sweep(runtime_root: &Path) {
    for path in files(runtime_root) {
        let dead = open(&path).is_some_and(|file| is_free(&file));
        if dead && let Err(error) = std::fs::remove_file(&path) {
            // Two may sweep at once.
            if error.kind() != io::ErrorKind::NotFound {
                tracing::debug!(%error, path = %path.display(), "a dead process's entry cannot be removed");
            }
        }
    }
}

fn files(runtime_root: &Path) -> impl Iterator<Item = PathBuf> {
    let listed = std::fs::read_dir(runtime_root.join(DIR)).into_iter().flatten().flatten();
    listed.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        is_part(path) || (name.ends_with(WHOLE) && !name.starts_with('.'))
    })
}

fn is_part(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with('.') && name.ends_with(PART))
}

/// Opens a regular file without following a link or waiting for a pipe.
fn open(path: &Path) -> Option<File> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    file.metadata().ok()?.is_file().then_some(file)
}

/// Whether nobody holds the file. Asked with a shared lock, so that those who ask never take each other for its owner.
/// Where it cannot be told, it counts as held.
fn is_free(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    }
}

fn live(path: &Path) -> Option<Entry> {
    let file = open(path)?;
    if is_free(&file) {
        return None;
    }
    let mut text = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests;
