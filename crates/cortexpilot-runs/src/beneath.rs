//! Opening files beneath the runs root: no link is followed, nothing blocks, nothing but a regular file is read.
//!
//! A run directory is written by programs that work for a model, so its names are hostile until shown otherwise. Every
//! step from the root is one name, opened relative to the directory before it: by `openat2` with `RESOLVE_BENEATH`,
//! `RESOLVE_NO_SYMLINKS` and `RESOLVE_NO_MAGICLINKS` where the kernel has it (Linux 5.6), else by `openat` with
//! `O_NOFOLLOW`, which is as safe for a single name. The root itself is the operator's choice and may be a link.

use std::fs::File;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fd::{AsFd, OwnedFd};
#[cfg(target_os = "linux")]
use rustix::fs::ResolveFlags;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::bytes::{self, Bytes};
use crate::pace::Pace;
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
    pace: Pace,
}

/// Why a run's directory could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoRun {
    /// What is wrong is the runs root.
    Root(What),
    /// What is wrong is the run's own directory.
    Run(What),
}

/// What tells one state of a file from another, as far as the kernel tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    dev: u64,
    ino: u64,
    pub(crate) size: u64,
    /// Both in nanoseconds since 1970.
    mtime_ns: i64,
    ctime_ns: i64,
}

impl Stamp {
    fn of(stat: &rustix::fs::Stat) -> Self {
        // Nanoseconds of 64 bits last until 2262.
        let ns = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        Self {
            dev: int(stat.st_dev),
            ino: int(stat.st_ino),
            size: int(stat.st_size),
            mtime_ns: ns(int(stat.st_mtime), int(stat.st_mtime_nsec)),
            ctime_ns: ns(int(stat.st_ctime), int(stat.st_ctime_nsec)),
        }
    }

    /// Modification time in microseconds since 1970.
    pub(crate) fn mtime_us(&self) -> i64 {
        self.mtime_ns.div_euclid(1_000)
    }

    /// Whether both are of files on one file system.
    pub(crate) fn same_device(&self, other: &Self) -> bool {
        self.dev == other.dev
    }

    /// Whether both are of one and the same file, whatever it holds.
    pub(crate) fn same_file(&self, other: &Self) -> bool {
        (self.dev, self.ino) == (other.dev, other.ino)
    }
}

/// The integer types in `stat` differ between platforms.
fn int<F: TryInto<T>, T: Default>(value: F) -> T {
    value.try_into().unwrap_or_default()
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
        Self::root_at(path, via, &Pace::Patient)
    }

    fn root_at(path: &Path, via: Via, pace: &Pace) -> Result<Self, What> {
        let kind = if pace.hurries() { REFERENCE } else { OFlags::RDONLY };
        let flags = kind | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = open_path(path, flags, pace).map_err(|errno| match errno {
            Errno::NOENT => What::Missing,
            Errno::NOTDIR => What::NotDirectory,
            other => What::Io(other),
        })?;
        Ok(Self { fd, via, pace: pace.clone() })
    }

    /// Opens a run's directory, at the pace that everything in it is then read at.
    pub(crate) fn of_run(root: &Path, run: &str, via: Via, pace: &Pace) -> Result<Self, NoRun> {
        single(run).map_err(NoRun::Run)?;
        // The root may be reached through links, the run's own name must not be one. When this fails, the two steps below
        // tell which of the two it was.
        let flags = REFERENCE | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = match open_path(&root.join(run), flags, pace) {
            Ok(fd) => Self { fd, via, pace: pace.clone() },
            Err(_) if pace.gave_up() => return Err(NoRun::Run(What::Io(Errno::AGAIN))),
            Err(_) => Self::root_at(root, via, pace).map_err(NoRun::Root)?.dir(run).map_err(NoRun::Run)?,
        };
        pace.look_at(&dir.fd).map_err(|errno| NoRun::Run(What::Io(errno)))?;
        Ok(dir)
    }

    /// The pace at which what is in it is read.
    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Opens a directory in this one.
    pub(crate) fn dir(&self, name: &str) -> Result<Self, What> {
        // Opened as a directory or not at all: what is none is told so before anything of its own is called.
        match self.open(name, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => Ok(Self { fd, via: self.via, pace: self.pace.clone() }),
            Err(What::Missing) => Err(What::Missing),
            Err(what) => match self.kind(name)? {
                FileType::Directory => Err(what),
                FileType::Symlink => Err(What::Link),
                FileType::RegularFile
                | FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => Err(What::NotDirectory),
            },
        }
    }

    /// The stamp of this directory itself.
    pub(crate) fn own_stamp(&self) -> Result<Stamp, What> {
        rustix::fs::fstat(&self.fd).map(|stat| Stamp::of(&stat)).map_err(What::Io)
    }

    /// The stamp of a regular file in this directory, without opening it.
    pub(crate) fn stamp(&self, name: &str) -> Result<Stamp, What> {
        let stat = self.stat(name)?;
        regular(&stat)?;
        Ok(Stamp::of(&stat))
    }

    /// The stamp of a regular file in a directory of this one, with one call. Only to learn whether it is still the file
    /// that was read before: should the directory have been replaced by a link since, this is a foreign file's.
    pub(crate) fn stamp_in(&self, dir: &str, name: &str) -> Result<Stamp, What> {
        single(dir)?;
        single(name)?;
        let stat = rustix::fs::statat(&self.fd, format!("{dir}/{name}"), AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.map_err(open_problem)?;
        regular(&stat)?;
        Ok(Stamp::of(&stat))
    }

    /// The same for a file one directory further down, with two calls; that directory is none but a directory.
    pub(crate) fn stamp_below(&self, dir: &str, below: &str, name: &str) -> Result<Stamp, What> {
        single(dir)?;
        single(below)?;
        single(name)?;
        let look = |path: String| rustix::fs::statat(&self.fd, path, AtFlags::SYMLINK_NOFOLLOW).map_err(open_problem);
        if FileType::from_raw_mode(look(format!("{dir}/{below}"))?.st_mode) != FileType::Directory {
            return Err(What::NotDirectory);
        }
        let stat = look(format!("{dir}/{below}/{name}"))?;
        regular(&stat)?;
        Ok(Stamp::of(&stat))
    }

    /// Reads a file in a directory of this one, with as few calls as there can be; `None` where anything is unusual, or the
    /// kernel cannot follow two names safely at once.
    #[cfg(target_os = "linux")]
    pub(crate) fn read_in(&self, dir: &str, name: &str, limit: u64) -> Option<(Vec<u8>, Stamp)> {
        if self.via != Via::Kernel || NO_OPENAT2.load(Ordering::Relaxed) {
            return None;
        }
        self.stamp_in(dir, name).ok()?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat2(&self.fd, format!("{dir}/{name}"), flags, Mode::empty(), BENEATH).ok()?;
        let stat = rustix::fs::fstat(&fd).ok()?;
        regular(&stat).ok()?;
        let stamp = Stamp::of(&stat);
        if stamp.size > limit {
            return None;
        }
        let bytes = bytes::whole(&File::from(fd), stamp.size, limit, &self.pace).ok()?;
        Some((bytes, stamp))
    }

    /// Elsewhere no two names can be.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn read_in(&self, _: &str, _: &str, _: u64) -> Option<(Vec<u8>, Stamp)> {
        None
    }

    /// Whether the directory lies on a file system that asks nobody but a local disk.
    pub(crate) fn is_local(&self) -> bool {
        crate::pace::is_local(&self.fd)
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
        let bytes = bytes::whole(&file, stamp.size, limit, &self.pace)?;
        Ok((bytes, stamp))
    }

    /// A file to be read as a stream: a small one was read already.
    pub(crate) fn stream(&self, name: &str) -> Result<Bytes, What> {
        let (file, stamp) = self.file(name)?;
        Bytes::of(file, stamp.size, &self.pace)
    }

    /// The directory's entries, without `.` and `..`, in the directory's own order.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, What> {
        // Listing a directory reads it from wherever it is, and may be long.
        self.pace.needs_patience()?;
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
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        open_one(self.fd.as_fd(), name, flags, self.via, &self.pace).map_err(open_problem)
    }
}

/// How a directory is opened in which nothing but names will be looked up. Its file system is not asked to open it.
#[cfg(target_os = "linux")]
const REFERENCE: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const REFERENCE: OFlags = OFlags::RDONLY;

/// No way out, no link.
#[cfg(target_os = "linux")]
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// Whether the kernel was found to lack `openat2`, or to forbid it as some container sandboxes do.
#[cfg(target_os = "linux")]
static NO_OPENAT2: AtomicBool = AtomicBool::new(false);

/// Opens a path that is the operator's choice, but for its last name where `flags` say so.
fn open_path(path: &Path, flags: OFlags, pace: &Pace) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    if pace.hurries() {
        return pace.note(rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED));
    }
    let _ = pace;
    rustix::fs::openat(CWD, path, flags, Mode::empty())
}

#[cfg(target_os = "linux")]
fn open_one(
    dir: rustix::fd::BorrowedFd<'_>,
    name: &str,
    flags: OFlags,
    via: Via,
    pace: &Pace,
) -> Result<OwnedFd, Errno> {
    if pace.hurries() {
        // Another file system beneath the root may be a slower one than the root's.
        let resolve = BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::CACHED;
        return pace.note(rustix::fs::openat2(dir, name, flags, Mode::empty(), resolve));
    }
    if via == Via::Kernel && !NO_OPENAT2.load(Ordering::Relaxed) {
        match rustix::fs::openat2(dir, name, flags, Mode::empty(), BENEATH) {
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
fn open_one(dir: rustix::fd::BorrowedFd<'_>, name: &str, flags: OFlags, via: Via, _: &Pace) -> Result<OwnedFd, Errno> {
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
            rustix::fs::mknodat(CWD, path.join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
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
