//! Opening files beneath the runs root: no link is followed, nothing blocks, nothing but a regular file is read.
//!
//! A run directory is written by programs that work for a model, so its names are hostile until shown otherwise. Every
//! step from the root is one name, opened relative to the directory before it: by `openat2` with `RESOLVE_BENEATH`,
//! `RESOLVE_NO_SYMLINKS` and `RESOLVE_NO_MAGICLINKS` where the kernel has it (Linux 5.6), else by `openat` with
//! `O_NOFOLLOW`, which is as safe for a single name. The root itself is the operator's choice and may be a link.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::problem::What;

/// How a name is opened. Tests hold both ways to the same behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// `openat2` where the kernel has it.
    Kernel,
    /// `openat` with `O_NOFOLLOW`, one name at a time.
    OneName,
}

impl Via {
    /// The best that this platform offers.
    pub(crate) const BEST: Self = if cfg!(target_os = "linux") { Self::Kernel } else { Self::OneName };
}

/// An open directory at or beneath the runs root.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    via: Via,
}

/// What tells one state of a file from another, as far as the kernel tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    dev: i128,
    ino: i128,
    pub(crate) size: u64,
    mtime_ns: i128,
    ctime_ns: i128,
}

impl Stamp {
    fn of(stat: &rustix::fs::Stat) -> Self {
        let ns = |seconds: i128, nanos: i128| seconds * 1_000_000_000 + nanos;
        Self {
            dev: int(stat.st_dev),
            ino: int(stat.st_ino),
            size: u64::try_from(int(stat.st_size)).unwrap_or(0),
            mtime_ns: ns(int(stat.st_mtime), int(stat.st_mtime_nsec)),
            ctime_ns: ns(int(stat.st_ctime), int(stat.st_ctime_nsec)),
        }
    }

    /// Modification time in microseconds since 1970.
    pub(crate) fn mtime_us(&self) -> i64 {
        i64::try_from(self.mtime_ns.div_euclid(1_000)).unwrap_or(0)
    }
}

/// The integer types in `stat` differ between platforms.
fn int(value: impl TryInto<i128>) -> i128 {
    value.try_into().unwrap_or(0)
}

/// A directory entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `None` where the name is not UTF-8.
    pub(crate) name: Option<String>,
    pub(crate) kind: FileType,
}

impl Dir {
    /// Opens the runs root.
    pub(crate) fn root(path: &Path, via: Via) -> Result<Self, What> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT => What::Missing,
            Errno::NOTDIR => What::NotDirectory,
            other => What::Io(other),
        })?;
        Ok(Self { fd, via })
    }

    /// Opens a directory in this one.
    pub(crate) fn dir(&self, name: &str) -> Result<Self, What> {
        match self.kind(name)? {
            FileType::Directory => {}
            FileType::Symlink => return Err(What::Link),
            FileType::RegularFile
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => return Err(What::NotDirectory),
        }
        let fd = self.open(name, OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(Self { fd, via: self.via })
    }

    /// The stamp of a regular file in this directory, without opening it.
    pub(crate) fn stamp(&self, name: &str) -> Result<Stamp, What> {
        let stat = self.stat(name)?;
        regular(&stat)?;
        Ok(Stamp::of(&stat))
    }

    /// Opens a regular file in this directory for reading.
    pub(crate) fn file(&self, name: &str) -> Result<(File, Stamp), What> {
        // Asked before opening, because opening alone can have an effect on a device; and again after, because the name may
        // have been given to something else in between. NONBLOCK keeps a FIFO from holding the open until a writer comes.
        regular(&self.stat(name)?)?;
        let fd = self.open(name, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let stat = rustix::fs::fstat(&fd).map_err(What::Io)?;
        regular(&stat)?;
        Ok((File::from(fd), Stamp::of(&stat)))
    }

    /// Reads a whole file, once, when it has at most `limit` bytes.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<(Vec<u8>, Stamp), What> {
        let (file, stamp) = self.file(name)?;
        if stamp.size > limit {
            return Err(What::TooLarge { bytes: limit });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or(0) + 1);
        // One byte more than allowed tells a file that grew since from one that fits.
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| io_problem(&error))?;
        if bytes.len() as u64 > limit {
            return Err(What::TooLarge { bytes: limit });
        }
        Ok((bytes, stamp))
    }

    /// The directory's entries, without `.` and `..`, in the directory's own order.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, What> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd).map_err(What::Io)? {
            let entry = entry.map_err(What::Io)?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let name = name.to_str().ok().map(str::to_owned);
            let kind = match (entry.file_type(), &name) {
                // Some file systems do not say; then the entry itself does.
                (FileType::Unknown, Some(name)) => self.kind(name).unwrap_or(FileType::Unknown),
                (kind, _) => kind,
            };
            entries.push(Entry { name, kind });
        }
        Ok(entries)
    }

    fn kind(&self, name: &str) -> Result<FileType, What> {
        Ok(FileType::from_raw_mode(self.stat(name)?.st_mode))
    }

    fn stat(&self, name: &str) -> Result<rustix::fs::Stat, What> {
        single(name)?;
        rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).map_err(open_problem)
    }

    fn open(&self, name: &str, flags: OFlags) -> Result<OwnedFd, What> {
        single(name)?;
        open_one(self.fd.as_fd(), name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, self.via).map_err(open_problem)
    }
}

/// Whether the kernel was found to lack `openat2`, or to forbid it as some container sandboxes do.
#[cfg(target_os = "linux")]
static NO_OPENAT2: AtomicBool = AtomicBool::new(false);

#[cfg(target_os = "linux")]
fn open_one(dir: rustix::fd::BorrowedFd<'_>, name: &str, flags: OFlags, via: Via) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;

    if via == Via::Kernel && !NO_OPENAT2.load(Ordering::Relaxed) {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(dir, name, flags, Mode::empty(), resolve) {
            // Sandboxes that do not know the call answer EPERM. So does a file that really may not be opened; then the plain
            // call says so again, and only the first answer of the kind is remembered wrongly, at no cost to safety.
            Err(errno @ (Errno::NOSYS | Errno::PERM)) => {
                tracing::debug!(%errno, "openat2 is not available; opening name by name");
                NO_OPENAT2.store(true, Ordering::Relaxed);
            }
            answer => return answer,
        }
    }
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

#[cfg(not(target_os = "linux"))]
fn open_one(dir: rustix::fd::BorrowedFd<'_>, name: &str, flags: OFlags, via: Via) -> Result<OwnedFd, Errno> {
    let (Via::Kernel | Via::OneName) = via; // One way only.
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

/// One path component and nothing else: no separator, no way up.
fn single(name: &str) -> Result<(), What> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(What::Missing);
    }
    Ok(())
}

fn regular(stat: &rustix::fs::Stat) -> Result<(), What> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Symlink => Err(What::Link),
        FileType::Directory => Err(What::NotRegular("a directory")),
        FileType::Fifo => Err(What::NotRegular("a FIFO")),
        FileType::Socket => Err(What::NotRegular("a socket")),
        FileType::CharacterDevice | FileType::BlockDevice => Err(What::NotRegular("a device")),
        FileType::Unknown => Err(What::NotRegular("of an unknown kind")),
    }
}

fn open_problem(errno: Errno) -> What {
    match errno {
        Errno::NOENT => What::Missing,
        Errno::LOOP | Errno::XDEV => What::Link,
        Errno::NOTDIR => What::NotDirectory,
        Errno::NXIO => What::NotRegular("a socket or a device"),
        other => What::Io(other),
    }
}

/// An error of the standard library's reader, which wraps what the kernel said.
pub(crate) fn io_problem(error: &std::io::Error) -> What {
    What::Io(Errno::from_io_error(error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn both(check: impl Fn(&Path, &Dir)) {
        for via in [Via::Kernel, Via::OneName] {
            let temp = tempfile::tempdir().unwrap();
            let dir = Dir::root(temp.path(), via).unwrap();
            check(temp.path(), &dir);
        }
    }

    #[test]
    fn only_regular_files_are_opened_and_none_through_a_link() {
        both(|path, dir| {
            std::fs::write(path.join("plain"), b"abc").unwrap();
            std::fs::create_dir(path.join("sub")).unwrap();
            std::fs::write(path.join("sub/inner"), b"in").unwrap();
            symlink("plain", path.join("near")).unwrap();
            symlink("/dev/zero", path.join("zero")).unwrap();
            symlink("sub", path.join("sublink")).unwrap();
            symlink("/nowhere/at/all", path.join("dangling")).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, path.join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
                .unwrap();
            let _socket = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();

            assert_eq!(dir.read("plain", 3).unwrap().0, b"abc");
            assert_eq!(dir.dir("sub").unwrap().read("inner", 10).unwrap().0, b"in");
            let refused = |name: &str| dir.read(name, 10).map(|(bytes, _)| bytes).unwrap_err();
            assert_eq!(refused("near"), What::Link);
            assert_eq!(refused("zero"), What::Link);
            assert_eq!(refused("dangling"), What::Link);
            assert_eq!(refused("sub"), What::NotRegular("a directory"));
            assert_eq!(refused("fifo"), What::NotRegular("a FIFO"));
            assert_eq!(refused("socket"), What::NotRegular("a socket"));
            assert_eq!(refused("none"), What::Missing);
            assert_eq!(dir.dir("sublink").unwrap_err(), What::Link);
            assert_eq!(dir.dir("plain").unwrap_err(), What::NotDirectory);
            assert_eq!(dir.stamp("near"), Err(What::Link));
        });
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        both(|path, dir| {
            std::fs::create_dir(path.join("sub")).unwrap();
            std::fs::write(path.join("secret"), b"s").unwrap();
            let sub = dir.dir("sub").unwrap();
            for name in ["../secret", "..", ".", "", "/etc/passwd", "sub/../secret", "a\0b"] {
                assert_eq!(sub.read(name, 10).map(|(bytes, _)| bytes), Err(What::Missing), "{name:?}");
            }
        });
    }

    #[test]
    fn a_link_put_in_place_of_a_checked_file_is_still_not_followed() {
        // The check before the open and the open itself are two moments; the open alone must be enough.
        both(|path, dir| {
            std::fs::write(path.join("secret"), b"s").unwrap();
            symlink("secret", path.join("link")).unwrap();
            let opened = dir.open("link", OFlags::RDONLY | OFlags::NONBLOCK);
            assert_eq!(opened.map(|_| ()), Err(What::Link));
        });
    }

    #[test]
    fn reading_stops_at_the_limit() {
        both(|path, dir| {
            std::fs::write(path.join("f"), b"abcd").unwrap();
            assert_eq!(dir.read("f", 4).unwrap().0, b"abcd");
            assert_eq!(dir.read("f", 3).map(|(bytes, _)| bytes), Err(What::TooLarge { bytes: 3 }));
        });
    }

    #[test]
    fn a_stamp_changes_with_the_file() {
        both(|path, dir| {
            std::fs::write(path.join("f"), b"one").unwrap();
            let before = dir.stamp("f").unwrap();
            assert_eq!(dir.stamp("f").unwrap(), before);
            std::fs::write(path.join("f"), b"other").unwrap();
            assert_ne!(dir.stamp("f").unwrap(), before);
        });
    }

    #[test]
    fn a_missing_root_is_told_from_one_that_is_no_directory() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("file"), b"").unwrap();
        assert_eq!(Dir::root(&temp.path().join("none"), Via::Kernel).unwrap_err(), What::Missing);
        assert_eq!(Dir::root(&temp.path().join("file"), Via::Kernel).unwrap_err(), What::NotDirectory);
    }
}
