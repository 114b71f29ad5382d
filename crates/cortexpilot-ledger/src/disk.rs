//! Every operation that changes something on disk, in one place: so that tests can let each of them fail, and so that
//! nothing else in the crate writes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FileType, OFlags};

/// Only the owner may read and write what the store makes.
const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

/// Which file a path names, whatever happens to the path later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

/// A file as a path shows it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) identity: Identity,
    pub(crate) size: u64,
    /// When its bytes were last written, in seconds and nanoseconds, as coarse as the file system keeps it.
    pub(crate) modified: (i64, i64),
    /// When its bytes were last written, or anything else of it changed, the time above included. Nobody can put this one
    /// back.
    pub(crate) changed: (i64, i64),
}

impl Stat {
    /// The same file as the end of something longer: so many bytes stand before its first.
    pub(crate) fn behind(self, base: u64) -> Self {
        Self { size: base + self.size, ..self }
    }
}

/// What bytes can be read out of by their place.
pub(crate) trait ReadAt {
    /// Reads some bytes from a place on; none only at the end.
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.read_at(buffer, at)
    }
}

/// Reads on from a place.
pub(crate) struct ReadFrom<'a> {
    pub(crate) file: &'a dyn ReadAt,
    pub(crate) at: u64,
}

impl Read for ReadFrom<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_some(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Looks at a regular file without opening it; `None` when there is none.
///
/// A symbolic link is refused like any other thing that is no regular file: a repair renames over the path and would
/// leave the link's target, which other processes may have open, behind.
pub(crate) fn stat(path: &Path) -> io::Result<Option<Stat>> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) => regular(path, &meta).map(Some),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a regular file for reading; `None` when there is none. Never waits, as opening a planted FIFO would.
pub(crate) fn open(path: &Path) -> io::Result<Option<(File, Stat)>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    match OpenOptions::new().read(true).custom_flags(bits(flags)).open(path) {
        Ok(file) => {
            let stat = regular(path, &file.metadata()?)?;
            Ok(Some((file, stat)))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks at an open file: what every read does. The standard library asks for more (when the file was made) in a way that
/// costs a fifth more (`statx`).
pub(crate) fn stat_open(path: &Path, file: &File) -> io::Result<Stat> {
    let stat = rustix::fs::fstat(file)?;
    if !FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(not_regular(path));
    }
    // A part of a second, and the length of a file, are far below the bounds of these types.
    let part = |nanoseconds| i64::try_from(nanoseconds).unwrap_or(i64::MAX);
    Ok(Stat {
        identity: Identity { device: stat.st_dev, inode: stat.st_ino },
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: (stat.st_mtime, part(stat.st_mtime_nsec)),
        changed: (stat.st_ctime, part(stat.st_ctime_nsec)),
    })
}

fn not_regular(path: &Path) -> io::Error {
    io::Error::other(format!("{} is not a regular file", path.display()))
}

fn regular(path: &Path, meta: &std::fs::Metadata) -> io::Result<Stat> {
    if !meta.is_file() {
        return Err(not_regular(path));
    }
    let identity = Identity { device: meta.dev(), inode: meta.ino() };
    Ok(Stat {
        identity,
        size: meta.len(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
    })
}

fn is_missing(error: &io::Error) -> bool {
    // Of a path whose directory is a file there is nothing to read either, but that is a mistake to report.
    error.kind() == io::ErrorKind::NotFound
}

fn bits(flags: OFlags) -> i32 {
    // The flags of open(2) are an int in C; the highest of them is far below its sign bit.
    i32::try_from(flags.bits()).unwrap_or(0)
}

/// Why a change could not be made, by what is known of it.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nothing was written: the same may be tried again.
    Before(io::Error),
    /// A write or a sync failed: what the medium holds is not known, and asking again may give a false yes.
    During(io::Error),
}

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A file or directory is made, or opened for writing.
    Create,
    /// Bytes are written or cut off.
    Write,
    /// Bytes or names are made durable.
    Sync,
    /// A name is given, moved or taken away.
    Name,
}

/// What was issued to the disk since a store was opened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Batches of lines that were appended.
    pub(crate) commits: AtomicU64,
    /// Flushes of files and directories.
    pub(crate) syncs: AtomicU64,
    /// Bytes of lines and contracts. The lock file's records are never flushed, and do not count.
    pub(crate) bytes: AtomicU64,
}

/// The writing half. In tests it can be told to fail.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    pub(crate) counts: Arc<Counts>,
    #[cfg(test)]
    pub(crate) faults: Option<Arc<crate::faults::Faults>>,
}

impl Disk {
    /// The same disk, for work whose syncs and bytes are no commit's.
    pub(crate) fn counted_apart(&self) -> Self {
        let mut apart = self.clone();
        apart.counts = Arc::default();
        apart
    }

    fn step(&self, step: Step) -> io::Result<()> {
        #[cfg(test)]
        if let Some(faults) = &self.faults {
            return faults.step(step);
        }
        let _ = step;
        Ok(())
    }

    /// Bytes that may still be written to the file system of this directory by whoever is not its administrator.
    pub(crate) fn room(&self, dir: &Path) -> io::Result<u64> {
        #[cfg(test)]
        if let Some(room) = self.faults.as_ref().and_then(|faults| faults.room()) {
            return Ok(room);
        }
        let stat = rustix::fs::statvfs(dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Gives an empty file so many bytes of room of its own: its blocks are its own from now on, whatever others write.
    pub(crate) fn claim_room(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.step(Step::Write)?;
        // Where files may not be that long, trying it would end the process by a signal.
        let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
        if limit.is_some_and(|limit| limit < bytes) {
            return Err(rustix::io::Errno::FBIG.into());
        }
        match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            Ok(()) => Ok(()),
            // Not every file system can. Ones, because some store zeros in no room at all.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                let ones = vec![0xff; usize::try_from(bytes).unwrap_or(usize::MAX)];
                file.write_all_at(&ones, 0)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a directory and what is missing above it, 0700, and returns when their names are on stable storage.
    pub(crate) fn make_dirs(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        self.step(Step::Create)?;
        let path = std::path::absolute(path)?;
        let missing = path.ancestors().take_while(|above| !above.is_dir()).count();
        std::fs::DirBuilder::new().recursive(true).mode(DIR_MODE).create(&path)?;
        path.ancestors().skip(1).take(missing).try_for_each(|above| self.sync_dir(above))
    }

    /// Opens for appending, made if missing (0600). Every write goes to the end, wherever that is by then: bytes that
    /// another program put there are never overwritten.
    pub(crate) fn open_append(&self, path: &Path) -> io::Result<(File, Stat)> {
        self.step(Step::Create)?;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(FILE_MODE).custom_flags(bits(flags));
        let file = options.open(path)?;
        self.opened(&file);
        let stat = regular(path, &file.metadata()?)?;
        Ok((file, stat))
    }

    /// Opens for reading and for writing at given places, made if missing (0600).
    pub(crate) fn open_in_place(&self, path: &Path) -> io::Result<(File, Stat)> {
        self.step(Step::Create)?;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE).custom_flags(bits(flags));
        let file = options.open(path)?;
        self.opened(&file);
        let stat = regular(path, &file.metadata()?)?;
        Ok((file, stat))
    }

    /// Makes a file that must not exist (0600).
    pub(crate) fn create_new(&self, path: &Path) -> io::Result<File> {
        self.step(Step::Create)?;
        OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(path)
    }

    /// Makes a file or empties it (0600).
    pub(crate) fn create_empty(&self, path: &Path) -> io::Result<File> {
        self.step(Step::Create)?;
        let flags = bits(OFlags::NOFOLLOW);
        OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).custom_flags(flags).open(path)
    }

    /// Appends with one write. Less than everything written is an error: a second write could begin behind bytes that are
    /// not there, or behind another program's.
    pub(crate) fn append(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        let mut file = file;
        #[cfg(test)]
        if let Some(part) = self.faults.as_ref().and_then(|faults| faults.torn_write(bytes)) {
            file.write_all(part)?;
            return Err(io::Error::other("stopped half way"));
        }
        self.step(Step::Write)?;
        let written = file.write(bytes)?;
        self.counts.bytes.fetch_add(written as u64, Ordering::Relaxed);
        if written == bytes.len() {
            return self.wrote(file, None, bytes.len() as u64);
        }
        Err(io::Error::other(format!("{written} of {} bytes were written", bytes.len())))
    }

    /// Writes a whole new file.
    pub(crate) fn fill(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        self.append(file, bytes)
    }

    /// Writes at a place.
    pub(crate) fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        #[cfg(test)]
        if self.faults.as_ref().is_some_and(|faults| faults.leaves_out_writing_again()) {
            return Ok(());
        }
        self.step(Step::Write)?;
        file.write_all_at(bytes, at)?;
        self.counts.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.wrote(file, Some(at), bytes.len() as u64)
    }

    /// Writes a record at a place. It is never synced, and so not counted.
    pub(crate) fn mark_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        self.step(Step::Write)?;
        file.write_all_at(bytes, at)
    }

    /// Returns when the file's bytes are on stable storage.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        self.step(Step::Sync).or_else(|error| self.not_synced(file, error))?;
        self.counts.syncs.fetch_add(1, Ordering::Relaxed);
        file.sync_data()?;
        self.synced(file)
    }

    /// Returns when the directory's entries are on stable storage.
    pub(crate) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(Step::Sync)?;
        self.counts.syncs.fetch_add(1, Ordering::Relaxed);
        File::open(path)?.sync_all()?;
        #[cfg(test)]
        if let Some(faults) = &self.faults {
            return faults.synced_names(path);
        }
        Ok(())
    }

    /// Cuts a file and returns when the cut is on stable storage.
    pub(crate) fn cut(&self, file: &File, size: u64) -> io::Result<()> {
        self.step(Step::Write)?;
        file.set_len(size)?;
        self.step(Step::Sync)?;
        self.counts.syncs.fetch_add(1, Ordering::Relaxed);
        file.sync_all()?;
        self.synced(file)
    }

    /// Tells a test's medium that a sync failed.
    fn not_synced(&self, file: &File, error: io::Error) -> io::Result<()> {
        #[cfg(test)]
        if let Some(faults) = &self.faults {
            faults.not_synced(file)?;
        }
        let _ = file;
        Err(error)
    }

    /// Tells a test's medium that a file was opened for writing.
    fn opened(&self, file: &File) {
        #[cfg(test)]
        if let Some(faults) = &self.faults {
            faults.opened(file);
        }
        let _ = file;
    }

    /// Tells a test's medium what was written and not synced yet: at a place, or at the end.
    fn wrote(&self, file: &File, at: Option<u64>, length: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Some(faults) = &self.faults {
            return faults.wrote(file, at, length);
        }
        let _ = (file, at, length);
        Ok(())
    }

    /// Tells a test's medium what is durable.
    fn synced(&self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        if let Some(faults) = &self.faults {
            return faults.synced(file);
        }
        let _ = file;
        Ok(())
    }

    /// Gives a file another name, in place of whatever had it.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Name)?;
        std::fs::rename(from, to)
    }

    /// Gives a file a second name that must not be taken.
    pub(crate) fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Name)?;
        std::fs::hard_link(from, to)
    }

    /// Takes an empty directory away; that there is none, or that it is not empty, is no error.
    pub(crate) fn drop_dir(&self, path: &Path) -> io::Result<()> {
        self.step(Step::Name)?;
        match std::fs::remove_dir(path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => Ok(()),
            other => other,
        }
    }

    /// Takes a name away; that there is none is no error.
    pub(crate) fn unlink(&self, path: &Path) -> io::Result<()> {
        self.step(Step::Name)?;
        match std::fs::remove_file(path) {
            Err(error) if is_missing(&error) => Ok(()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_at_an_open_file_shows_what_a_look_at_its_path_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "some text").unwrap();
        let (file, opened) = open(&path).unwrap().unwrap();
        let modified = std::time::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 123_456_700);
        for change in [None, Some(modified)] {
            if let Some(modified) = change {
                file.set_modified(modified).unwrap();
            }
            assert_eq!(Some(stat_open(&path, &file).unwrap()), stat(&path).unwrap());
        }
        let seen = stat_open(&path, &file).unwrap();
        assert_eq!((seen.identity, seen.size, seen.modified), (opened.identity, 9, (1_700_000_000, 123_456_700)));
        assert_ne!(seen.changed, opened.changed);
    }

    #[test]
    fn what_is_open_and_no_regular_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let refused = stat_open(dir.path(), &File::open(dir.path()).unwrap()).unwrap_err();
        assert!(refused.to_string().ends_with("is not a regular file"), "{refused}");
    }
}
