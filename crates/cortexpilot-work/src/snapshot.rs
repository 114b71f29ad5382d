//! What a tree of files holds, seen without following a link and without running anything.
//!
//! The tree was written by an agent, so nothing in it is believed: no index, no `.git`, no attributes. Two snapshots, before
//! the work and after it, are the whole truth about what changed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use cortexpilot_core::domain::id::Sha256Digest;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags};
use sha2::{Digest as _, Sha256};

use crate::gate::FILE_BYTES_MAX;

/// More entries than this are not looked at: the run fails, and says so.
const ENTRIES_MAX: usize = 1_000_000;
/// Deeper directories are not looked at.
const DEPTH_MAX: usize = 200;
/// More bytes than this are not read. Files can hold far more than the disk does (holes are read as zeros), and whoever looks
/// must come to an end.
const BYTES_MAX: u64 = 32 << 30;

/// A path in the tree, as its bytes, with `/` between its parts.
pub(crate) type PathBytes = Vec<u8>;

/// What lies at a path. Directories are not entries: what they hold is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    File {
        executable: bool,
        special_bits: bool,
        shared: bool,
        sha256: Sha256Digest,
        size: u64,
    },
    Link {
        target: Vec<u8>,
    },
    /// A FIFO, socket or device.
    Special,
    /// It could not be read.
    Unreadable,
    /// `.git` of a repository inside the tree; what it holds is not looked at.
    Repository,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) entries: BTreeMap<PathBytes, Entry>,
}

impl Snapshot {
    /// Looks at everything beneath a directory but its own `.git`.
    pub(crate) fn take(root: &Path) -> io::Result<Self> {
        Self::within(root, None, BYTES_MAX)
    }

    /// Looks again, after the work. A file larger than a diff may hold that was not there before in this size has changed and
    /// is refused, whatever it holds: it is not read, and its digest stands for nothing.
    pub(crate) fn take_after(root: &Path, before: &Self) -> io::Result<Self> {
        Self::within(root, Some(before), BYTES_MAX)
    }

    fn within(root: &Path, before: Option<&Self>, left: u64) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, root, flags, Mode::empty())?;
        let mut walk = Walk { snapshot: Self::default(), links: BTreeMap::new(), looked_at: 0, before, left };
        walk.directory(&dir, &mut Vec::new(), 0)?;
        walk.mark_shared();
        Ok(walk.snapshot)
    }
}

struct Walk<'a> {
    snapshot: Snapshot,
    /// Files with several names: device and inode to how many names they have, and which of them are in the tree.
    links: BTreeMap<(u64, u64), (u64, Vec<PathBytes>)>,
    looked_at: usize,
    before: Option<&'a Snapshot>,
    /// How many bytes may still be read.
    left: u64,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &OwnedFd, path: &mut PathBytes, depth: usize) -> io::Result<()> {
        if depth > DEPTH_MAX {
            return Err(io::Error::other(format!("directories are nested deeper than {DEPTH_MAX}")));
        }
        let mut names = Vec::new();
        for entry in Dir::read_from(dir)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(name);
            }
        }
        for name in names {
            self.looked_at += 1;
            if self.looked_at > ENTRIES_MAX {
                return Err(io::Error::other(format!("there are more than {ENTRIES_MAX} files")));
            }
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            if !(length == 0 && name == b".git") {
                self.one(dir, &name, path, depth)?;
            }
            path.truncate(length);
        }
        Ok(())
    }

    fn one(&mut self, dir: &OwnedFd, name: &[u8], path: &mut PathBytes, depth: usize) -> io::Result<()> {
        let stat = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // Gone between listing and looking: it is not there.
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            Err(_) => {
                self.add(path, Entry::Unreadable);
                return Ok(());
            }
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if name.eq_ignore_ascii_case(b".git") {
            self.add(path, Entry::Repository);
            return Ok(());
        }
        match kind {
            FileType::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                match rustix::fs::openat(dir, name, flags, Mode::empty()) {
                    Ok(inner) => self.directory(&inner, path, depth + 1)?,
                    Err(_) => self.add(path, Entry::Unreadable),
                }
            }
            FileType::Symlink => {
                let entry = match rustix::fs::readlinkat(dir, name, Vec::new()) {
                    Ok(target) => Entry::Link { target: target.into_bytes() },
                    Err(_) => Entry::Unreadable,
                };
                self.add(path, entry);
            }
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let entry = match rustix::fs::openat(dir, name, flags, Mode::empty()) {
                    Ok(file) => self.file(File::from(file), path)?,
                    Err(_) => Entry::Unreadable,
                };
                self.add(path, entry);
            }
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => {
                self.add(path, Entry::Special);
            }
        }
        Ok(())
    }

    fn file(&mut self, mut file: File, path: &PathBytes) -> io::Result<Entry> {
        let Ok(stat) = rustix::fs::fstat(&file) else { return Ok(Entry::Unreadable) };
        // What was listed as a file may have been replaced before it was opened.
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(Entry::Special);
        }
        let large = u64::try_from(stat.st_size).unwrap_or(0);
        let was_so_large =
            |before: &Snapshot| matches!(before.entries.get(path), Some(Entry::File { size, .. }) if *size == large);
        let (sha256, size) = if large > FILE_BYTES_MAX && self.before.is_some_and(|before| !was_so_large(before)) {
            (Sha256Digest::of(b""), large)
        } else {
            match digest(&mut file, &mut self.left) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(error),
                Err(_) => return Ok(Entry::Unreadable),
            }
        };
        if stat.st_nlink > 1 {
            let place = self.links.entry((stat.st_dev, stat.st_ino)).or_insert_with(|| (stat.st_nlink, Vec::new()));
            place.1.push(path.clone());
        }
        Ok(Entry::File {
            executable: stat.st_mode & 0o100 != 0,
            special_bits: stat.st_mode & 0o7000 != 0,
            shared: false,
            sha256,
            size,
        })
    }

    fn add(&mut self, path: &PathBytes, entry: Entry) {
        self.snapshot.entries.insert(path.clone(), entry);
    }

    /// A file with a name outside the tree too is not the tree's own.
    fn mark_shared(&mut self) {
        for (names, paths) in self.links.values() {
            if (paths.len() as u64) < *names {
                for path in paths {
                    if let Some(Entry::File { shared, .. }) = self.snapshot.entries.get_mut(path) {
                        *shared = true;
                    }
                }
            }
        }
    }
}

/// Reads a file to its end, or until `left` bytes are read.
fn digest(file: &mut impl io::Read, left: &mut u64) -> io::Result<(Sha256Digest, u64)> {
    let (mut hasher, mut buffer, mut size) = (Sha256::new(), [0; 64 << 10], 0);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((Sha256Digest::from_bytes(hasher.finalize().into()), size)),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                size += read as u64;
                *left = left.checked_sub(read as u64).ok_or_else(|| {
                    let gibibytes = BYTES_MAX >> 30;
                    io::Error::new(io::ErrorKind::FileTooLarge, format!("the files hold more than {gibibytes} GiB"))
                })?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads a file of the tree again, without following a link at any step.
///
/// # Errors
/// It cannot be read, is no regular file, or is larger than `most`.
pub(crate) fn read_beneath(root: &Path, path: &[u8], most: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = rustix::fs::openat(CWD, root, flags, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let file = File::from(rustix::fs::openat2(&dir, path, flags, Mode::empty(), resolve)?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_at_files_comes_to_an_end_however_much_they_hold() {
        let dir = tempfile::tempdir().unwrap();
        let sparse = |name: &str, size| {
            File::create(dir.path().join(name)).and_then(|file| file.set_len(size)).unwrap();
        };
        sparse("kept", 1 << 20);
        let before = Snapshot::take(dir.path()).unwrap();
        assert!(Snapshot::within(dir.path(), None, 1 << 19).unwrap_err().to_string().contains("more than"));
        // New, and beyond what a diff may hold: told by its size, and not read.
        for number in 0..64 {
            sparse(&format!("hole-{number}"), 1 << 40);
        }
        let after = Snapshot::within(dir.path(), Some(&before), 1 << 20).unwrap();
        assert!(matches!(after.entries[b"hole-9".as_slice()], Entry::File { size, .. } if size == 1 << 40));
        assert_eq!(after.entries[b"kept".as_slice()], before.entries[b"kept".as_slice()]);
    }
}
