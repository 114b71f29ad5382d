//! Files of a run: made beneath its directory, never through a link, replaced in one step.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use cortexpilot_core::domain::id::Sha256Digest;
use rustix::fs::{CWD, OFlags, RenameFlags};
use sha2::{Digest as _, Sha256};

use super::{FileRef, write_all};

/// Makes a directory and what is missing above it, readable by its owner alone.
pub(crate) fn private_dir(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Where a file of the run lies; its directory is made. Paths are ours, but a mistake here would write anywhere.
fn place(dir: &Path, path: &str) -> io::Result<PathBuf> {
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if path.is_empty() || !plain {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a path inside the run"));
    }
    let place = dir.join(path);
    if let Some(parent) = place.parent() {
        private_dir(parent)?;
    }
    Ok(place)
}

/// Writes a file beside its place, syncs it, renames it and syncs the directory.
pub(super) fn replace(dir: &Path, path: &str, bytes: &[u8]) -> io::Result<()> {
    let target = place(dir, path)?;
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = target.with_file_name(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(no_follow())
        .open(&partial)?;
    write_all(&mut file, bytes)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&partial, &target)?;
    sync_dir(target.parent().unwrap_or(dir))
}

/// A new file to append to.
pub(super) fn create_log(dir: &Path, path: &str) -> io::Result<File> {
    let target = place(dir, path)?;
    OpenOptions::new().append(true).create_new(true).mode(0o600).custom_flags(no_follow()).open(target)
}

/// `rename` that refuses to replace anything, where the file system can.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => std::fs::rename(from, to),
        other => other.map_err(io::Error::from),
    }
}

/// Syncs a file and reads it back: what the manifest vouches for is what is stored.
pub(super) fn hash_synced(dir: &Path, path: &str) -> io::Result<FileRef> {
    let mut file = OpenOptions::new().read(true).custom_flags(no_follow()).open(dir.join(path))?;
    file.sync_all()?;
    let (mut hasher, mut buffer, mut size) = (Sha256::new(), vec![0; 64 << 10], 0);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
    Ok(FileRef { path: path.to_owned(), sha256: Sha256Digest::from_bytes(hasher.finalize().into()), size })
}

fn no_follow() -> i32 {
    i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0)
}
