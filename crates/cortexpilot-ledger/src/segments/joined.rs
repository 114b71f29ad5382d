//! A chained file and what is sealed before it, as one: read by the place from the ledger's beginning.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Gap, LOOKS, Segments};
use crate::chain::FileKind;
use crate::disk::{self, ReadAt, Stat};

/// The segments and the file behind them. Whoever has it goes on reading these, whatever the names lead to by then.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    segments: Arc<Segments>,
    file: Arc<File>,
}

/// What stands at the names now.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) joined: Joined,
    /// The file under the ledger's name, its size counted from the ledger's beginning: what can be read.
    pub(crate) stat: Stat,
    /// Where reading ends because something is not there.
    pub(crate) gap: Option<Gap>,
}

impl Joined {
    pub(super) fn new(segments: Segments, file: File) -> Self {
        Self { segments: Arc::new(segments), file: Arc::new(file) }
    }

    /// Where the file under the ledger's name begins.
    pub(crate) fn base(&self) -> u64 {
        self.segments.base()
    }

    pub(crate) fn segments(&self) -> &Arc<Segments> {
        &self.segments
    }

    /// Looks at the open file; its size counts from the ledger's beginning.
    pub(crate) fn stat(&self, path: &Path) -> io::Result<Stat> {
        Ok(disk::stat_open(path, &self.file)?.behind(self.base()))
    }
}

impl ReadAt for Joined {
    fn read_some(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.segments.read_at(&self.file, buffer, at)
    }
}

impl Opened {
    /// All of it.
    ///
    /// # Errors
    /// When something is not there.
    pub(crate) fn whole(self) -> io::Result<(Joined, Stat)> {
        match self.gap {
            None => Ok((self.joined, self.stat)),
            Some(Gap { line, what }) => Err(io::Error::new(io::ErrorKind::InvalidData, format!("line {line} {what}"))),
        }
    }
}

/// Opens a chained file with what is sealed before it; `None` when there is no file. One is never joined to segments that
/// were sealed out of another: the name is looked at again once the segments are known.
pub(crate) fn open(root: &Path, kind: FileKind) -> io::Result<Option<Opened>> {
    let path = root.join(kind.name());
    for _ in 0..LOOKS {
        let Some((file, stat)) = disk::open(&path)? else { return Ok(None) };
        let (segments, gap) = Segments::before(root, kind, &file)?;
        if disk::stat(&path)?.is_none_or(|there| there.identity != stat.identity) {
            continue;
        }
        let joined = Joined::new(segments, file);
        let stat = match &gap {
            None => joined.stat(&path)?,
            Some(_) => Stat { size: joined.base(), ..stat },
        };
        return Ok(Some(Opened { joined, stat, gap }));
    }
    Err(io::Error::other(format!("{} is replaced faster than it can be opened", kind.name())))
}
