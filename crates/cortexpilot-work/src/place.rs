//! Where one process makes its workspaces: a directory of its own, and the removal of what processes that were killed left.
//!
//! ```text
//! <parent>/
//!   <name>.lock   held by the process for as long as it lives
//!   <name>/       its workspaces
//! ```
//!
//! The kernel lets go of a lock however its holder ends. So a directory whose lock can be had is a dead process's, whatever
//! its process id names by now; one whose lock is held is left alone, and so is everything else in the parent.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::record::private_dir;
use crate::workspace;

/// What ends the name of a lock.
const LOCK: &str = ".lock";

/// A directory for the workspaces of this process. Dropped, it is removed with everything in it.
#[derive(Debug)]
pub struct Place {
    dir: PathBuf,
    lock: PathBuf,
    _held: File,
}

impl Place {
    /// Makes one beneath `parent` (made 0700 where missing). `name` must be one that nobody had before: random.
    ///
    /// # Errors
    /// The file system refused, or something of that name is there.
    pub fn take(parent: &Path, name: &str) -> io::Result<Self> {
        private_dir(parent)?;
        let (dir, lock) = (parent.join(name), parent.join(format!("{name}{LOCK}")));
        let held = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&lock)?;
        held.lock()?;
        // Somebody who clears may have had the lock first, and then the file has no name any more.
        if std::fs::metadata(&lock).map(|meta| meta.ino()).ok() != Some(held.metadata()?.ino()) {
            return Err(io::Error::other("its lock was taken away while it was made"));
        }
        std::fs::create_dir(&dir)?;
        std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        Ok(Self { dir, lock, _held: held })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Removes what processes left there that are gone; answers how many directories that were. What cannot be removed is
    /// left for the next one who clears.
    pub fn clear_abandoned(parent: &Path) -> usize {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let locks = entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with(LOCK));
        locks.filter(|lock| clear(lock).unwrap_or(false)).count()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        workspace::remove(&self.dir);
        if !self.dir.exists() {
            let _ = std::fs::remove_file(&self.lock);
        }
    }
}

/// Removes what belongs to a lock that nobody holds; `false`: somebody does, or nothing of it was there.
fn clear(lock: &Path) -> io::Result<bool> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(lock)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let dir = PathBuf::from(lock.to_string_lossy().trim_end_matches(LOCK));
    let was_there = dir.symlink_metadata().is_ok();
    workspace::remove(&dir);
    if dir.symlink_metadata().is_ok() {
        return Ok(false);
    }
    std::fs::remove_file(lock)?;
    Ok(was_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_dead_processes_left_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        let mine = Place::take(parent.path(), "1-aa").unwrap();
        std::fs::create_dir(mine.dir().join("run_1")).unwrap();
        // As a process that was killed leaves it, and things that are nobody's.
        std::fs::create_dir_all(at("2-bb/run_2/tree")).unwrap();
        std::fs::write(at("2-bb.lock"), "").unwrap();
        std::fs::create_dir(at("run_3")).unwrap();
        std::os::unix::fs::symlink(at("run_3"), at("3-cc.lock")).unwrap();
        assert_eq!(Place::clear_abandoned(parent.path()), 1);
        assert!(!at("2-bb").exists() && !at("2-bb.lock").exists());
        assert!(at("1-aa/run_1").exists() && at("1-aa.lock").exists() && at("run_3").exists());
        assert!(Place::take(parent.path(), "1-aa").is_err(), "a name is used once");
        drop(mine);
        assert!(!at("1-aa").exists() && !at("1-aa.lock").exists());
        assert_eq!(Place::clear_abandoned(parent.path()), 0);
        assert_eq!(Place::clear_abandoned(&at("nowhere")), 0);
    }
}
