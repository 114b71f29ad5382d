//! A file's bytes: whole, or as a stream that does not tell small files from large ones.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, IoSliceMut, Read, Seek as _, SeekFrom};

use rustix::io::Errno;

use crate::pace::Pace;
use crate::problem::What;

/// Streams of at most so many bytes are read whole when they are opened.
const HELD_MAX: u64 = 64 << 10;
/// One that grew beyond this before it was read is taken as it comes.
const GREW_MAX: u64 = 4 * HELD_MAX;

/// Reads a file of about `size` bytes, but no more than `limit`.
pub(crate) fn whole(file: &File, size: u64, limit: u64, pace: &Pace) -> Result<Vec<u8>, What> {
    pace.take(size)?;
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(usize::try_from(limit).unwrap_or(usize::MAX));
    // One byte more than there should be: a read that leaves it has come to the end, and needs no other to say so.
    let mut bytes = vec![0; size + 1];
    let mut read = 0;
    loop {
        match read_at(file, &mut bytes[read..], read as u64, pace) {
            Ok(0) => break,
            Ok(got) => read += got,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(What::Io(errno)),
        }
        if read == size {
            break;
        }
        if read as u64 > limit {
            return Err(What::TooLarge { bytes: limit });
        }
        // It grew since it was looked at.
        if read == bytes.len() {
            pace.take(read as u64)?;
            bytes.resize(read * 2, 0);
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// Reads so many bytes from a place on; fewer where the file ends before.
pub(crate) fn range(file: &File, from: u64, length: usize, pace: &Pace) -> Result<Vec<u8>, What> {
    pace.take(length as u64)?;
    let mut bytes = vec![0; length];
    let mut read = 0;
    while read < length {
        match read_at(file, &mut bytes[read..], from + read as u64, pace) {
            Ok(0) => break,
            Ok(got) => read += got,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(What::Io(errno)),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

fn read_at(file: &File, into: &mut [u8], offset: u64, pace: &Pace) -> Result<usize, Errno> {
    #[cfg(target_os = "linux")]
    if pace.hurries() {
        let into = &mut [IoSliceMut::new(into)];
        return pace.note(rustix::io::preadv2(file, into, offset, rustix::io::ReadWriteFlags::NOWAIT));
    }
    let _ = pace;
    rustix::io::pread(file, into, offset)
}

/// A stream of a file's bytes.
pub(crate) enum Bytes {
    /// A small file's, as it was when it was opened.
    Held(Cursor<Vec<u8>>, File),
    /// A large one's, as they come.
    Coming(BufReader<File>),
}

impl Bytes {
    /// Of an opened file of about `size` bytes.
    pub(crate) fn of(file: File, size: u64, pace: &Pace) -> Result<Self, What> {
        if size > HELD_MAX {
            pace.needs_patience()?;
            return Ok(Self::Coming(BufReader::with_capacity(64 << 10, file)));
        }
        // What it grew by in the meantime belongs to it, as it would to a stream.
        match whole(&file, size, GREW_MAX, pace) {
            Ok(bytes) => Ok(Self::Held(Cursor::new(bytes), file)),
            Err(What::TooLarge { .. }) => Self::of(file, u64::MAX, pace),
            Err(what) => Err(what),
        }
    }

    /// Of what stands behind a byte in an opened file of about `size` bytes. Of much only what is asked for is read.
    pub(crate) fn behind(mut file: File, size: u64, offset: u64, pace: &Pace) -> Result<Self, What> {
        let rest = size.saturating_sub(offset);
        if rest <= HELD_MAX {
            let bytes = range(&file, offset, usize::try_from(rest).unwrap_or(0), pace)?;
            return Ok(Self::Held(Cursor::new(bytes), file));
        }
        pace.needs_patience()?;
        file.seek(SeekFrom::Start(offset))
            .map_err(|error| What::Io(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        Ok(Self::Coming(BufReader::with_capacity(64 << 10, file)))
    }

    /// How long the file is now.
    pub(crate) fn len_now(&self) -> io::Result<u64> {
        let file = match self {
            Self::Held(_, file) => file,
            Self::Coming(reader) => reader.get_ref(),
        };
        Ok(file.metadata()?.len())
    }
}

impl Read for Bytes {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Held(bytes, _) => bytes.read(into),
            Self::Coming(reader) => reader.read(into),
        }
    }
}

impl BufRead for Bytes {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Held(bytes, _) => bytes.fill_buf(),
            Self::Coming(reader) => reader.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::Held(bytes, _) => bytes.consume(amount),
            Self::Coming(reader) => reader.consume(amount),
        }
    }
}
