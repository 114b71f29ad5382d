//! A file that holds a secret: read only where nobody but its owner could have read or changed it.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

/// No secret is longer, in bytes.
pub(crate) const BYTES_MAX: u64 = 512;

/// What a private file may allow: reading and writing to its owner.
const MODE_MAX: u32 = 0o600;

/// Why a file is not read. The texts name the file and what to do, never what stands in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    #[error("{} is a symbolic link: name the file itself", .0.display())]
    Link(PathBuf),
    #[error("{} is not a regular file", .0.display())]
    NotRegular(PathBuf),
    #[error("{} belongs to another user, who knows what is in it: make a file of your own", .0.display())]
    Owner(PathBuf),
    #[error("{path} has mode {mode:o}, so others may have read or changed it: chmod 600 {path}", path = .0.display(), mode = .1)]
    Mode(PathBuf, u32),
    #[error("{} is longer than {BYTES_MAX} bytes", .0.display())]
    TooLong(PathBuf),
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
}

impl Unfit {
    /// Whether there is just no such file.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }
}

/// Reads the file's text. What is judged is the open file, so that nothing can be put in its place in between.
///
/// # Errors
/// When there is none, or when it is not a regular file of this user with mode 0600 or tighter.
pub(crate) fn read(path: &Path) -> Result<String, Unfit> {
    // Non-blocking: a named pipe in the file's place would otherwise be waited for.
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    let at = || path.to_owned();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unfit::Missing(at())),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => return Err(Unfit::Link(at())),
        Err(error) => return Err(Unfit::Io(at(), error)),
    };
    let meta = file.metadata().map_err(|error| Unfit::Io(at(), error))?;
    if !meta.is_file() {
        return Err(Unfit::NotRegular(at()));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(Unfit::Owner(at()));
    }
    let mode = meta.mode() & 0o7777;
    if mode & !MODE_MAX != 0 {
        return Err(Unfit::Mode(at(), mode));
    }
    let mut text = String::new();
    file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| Unfit::Io(at(), error))?;
    if text.len() as u64 > BYTES_MAX { Err(Unfit::TooLong(at())) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn said(path: &Path) -> String {
        read(path).map(|_| "read".to_owned()).unwrap_or_else(|unfit| unfit.to_string())
    }

    #[test]
    fn only_a_file_of_ones_own_that_nobody_else_may_read_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        assert!(read(&path).unwrap_err().is_missing());
        std::fs::write(&path, "hunter2\n").unwrap();
        for mode in [0o600, 0o400] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path).unwrap(), "hunter2\n", "{mode:o}");
        }
        for mode in [0o700, 0o640, 0o604, 0o620, 0o602, 0o610, 0o666, 0o4600] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let said = said(&path);
            assert!(said.contains(&format!("mode {mode:o}")) && said.contains("chmod 600 /"), "{said}");
            assert!(!said.contains("hunter2"));
        }
    }

    #[test]
    fn what_stands_in_a_files_place_is_not_followed_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(said(&path).contains("symbolic link"), "{}", said(&path));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(said(&path).contains("not a regular file"), "{}", said(&path));
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        assert!(said(&pipe).contains("not a regular file"), "{}", said(&pipe));
    }

    #[test]
    fn what_is_too_long_or_no_text_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for (bytes, wanted) in [(vec![b'a'; 513], "longer than 512"), (vec![0xff; 4], "cannot be read")] {
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert!(said(&path).contains(wanted), "{}", said(&path));
        }
    }
}
