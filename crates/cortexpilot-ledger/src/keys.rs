//! The key under which previews and leases are sealed: `keys/preview.key`, 32 random bytes, 0600.

use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::id::hex;
use cortexpilot_core::domain::seal::SealKey;
use cortexpilot_core::port::Ids;
use rustix::fs::OFlags;

use crate::disk::Disk;

const KEY_BYTES: usize = 32;

/// Why there is no key to work with. Each names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or made.
    #[error("the key {path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner may read or change it, so others may have: previews could be forged.
    #[error("the key {path} has mode {mode:o}; it must not be open to others: chmod 600 {path}, or remove it and start again, which ends all open previews and leases", path = .path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not 32 bytes in a regular file.
    #[error("the key {path} {what}; remove it and start again, which ends all open previews and leases", path = .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
}

fn path(root: &Path) -> PathBuf {
    root.join("keys").join("preview.key")
}

/// Reads the key, if there is one. Changes nothing.
///
/// # Errors
/// [`KeyError`] when there is one that must not be used.
pub fn load_key(root: &Path) -> Result<Option<SealKey>, KeyError> {
    let path = path(root);
    let problem = |source| KeyError::Io { path: path.clone(), source };
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
    let file = match std::fs::OpenOptions::new().read(true).custom_flags(flags).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(problem(error)),
    };
    let meta = file.metadata().map_err(problem)?;
    if !meta.is_file() {
        return Err(KeyError::Form { path, what: "is not a regular file".into() });
    }
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Mode { path, mode });
    }
    let mut bytes = Vec::with_capacity(KEY_BYTES + 1);
    (&file).take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(problem)?;
    match <[u8; KEY_BYTES]>::try_from(bytes) {
        Ok(bytes) => Ok(Some(SealKey::new(bytes))),
        Err(_) => {
            let what = format!("has {} bytes instead of {KEY_BYTES}", meta.len());
            Err(KeyError::Form { path, what })
        }
    }
}

/// Reads the key, making it first if there is none. Two processes that start at once agree on one: each writes its own
/// under another name, and only one of the two gets the key's name.
///
/// # Errors
/// [`KeyError`].
pub fn load_or_make_key(root: &Path, ids: &dyn Ids) -> Result<SealKey, KeyError> {
    load_or_make_on(root, ids, &Disk::default())
}

pub(crate) fn load_or_make_on(root: &Path, ids: &dyn Ids, disk: &Disk) -> Result<SealKey, KeyError> {
    if let Some(key) = load_key(root)? {
        return Ok(key);
    }
    let path = path(root);
    make(&path, ids, disk).map_err(|source| KeyError::Io { path: path.clone(), source })?;
    match load_key(root)? {
        Some(key) => Ok(key),
        None => Err(KeyError::Form { path, what: "vanished as soon as it was made".into() }),
    }
}

fn make(path: &Path, ids: &dyn Ids, disk: &Disk) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    disk.make_dirs(dir)?;
    let part = dir.join(format!(".preview.key.{}", hex(&ids.bytes::<16>())));
    let made = fill(&part, &ids.bytes::<KEY_BYTES>(), disk).and_then(|()| match disk.link(&part, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = disk.unlink(&part);
    made.and(removed)?;
    disk.sync_dir(dir)
}

fn fill(part: &Path, bytes: &[u8], disk: &Disk) -> io::Result<()> {
    let file = disk.create_new(part)?;
    disk.fill(&file, bytes)?;
    disk.sync(&file)
}
