//! One file's append: the handle, the record, one write.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Doubt, Writer, failure, slot};
use crate::chain::FileKind;
use crate::disk::{self, Disk, Identity, Stat, Trouble};
use crate::lock::Held;
use crate::marks::Mark;
use crate::settle;

/// A file open for appending. Clones share the handle, so that a batch under way keeps it.
#[derive(Clone)]
pub(crate) struct Appender {
    path: PathBuf,
    file: Arc<File>,
    identity: Identity,
}

/// Lines that were written and must be flushed.
pub(crate) struct Written {
    pub(crate) kind: FileKind,
    pub(crate) appender: Appender,
    pub(crate) end: u64,
    pub(crate) epoch: u64,
    /// How many bytes are sealed before the file.
    pub(crate) base: u64,
    /// Others are flushing what they wrote to it.
    pub(crate) among_others: bool,
}

impl Appender {
    /// The handle from before, if it still is the file that was read in this turn; else a new one, and that it is new.
    fn at(before: Option<Self>, path: PathBuf, read: Option<Identity>, disk: &Disk) -> io::Result<(Self, bool)> {
        match before {
            Some(appender) if read == Some(appender.identity) => Ok((appender, false)),
            Some(_) | None => {
                let (file, stat) = disk.open_append(&path)?;
                if read.is_none() {
                    disk.sync_dir(path.parent().unwrap_or(Path::new(".")))?;
                }
                let appender = Self { path, file: Arc::new(file), identity: stat.identity };
                match read {
                    Some(read) if read != stat.identity => Err(appender.another(None)),
                    Some(_) | None => Ok((appender, true)),
                }
            }
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// The file once more, for its lock; `None` when the path does not name it any more.
    pub(crate) fn another_handle(&self) -> io::Result<Option<File>> {
        let opened = disk::open(&self.path)?;
        Ok(opened.filter(|(_, stat)| stat.identity == self.identity).map(|(file, _)| file))
    }

    /// How long the file is now.
    pub(crate) fn size(&self) -> io::Result<u64> {
        Ok(disk::stat_open(&self.path, &self.file)?.size)
    }

    /// Under the lock the path names the file that was read, and that grows by what is written. Anything else was done by a
    /// program that does not take the lock.
    fn expect_size(&self, size: u64) -> io::Result<Stat> {
        match disk::stat(&self.path)? {
            Some(stat) if stat.identity == self.identity && stat.size == size => Ok(stat),
            Some(stat) if stat.identity == self.identity => Err(self.another(Some((stat.size, size)))),
            Some(_) | None => Err(self.another(None)),
        }
    }

    fn another(&self, sizes: Option<(u64, u64)>) -> io::Error {
        let path = self.path.display();
        io::Error::other(match sizes {
            Some((found, size)) => format!("{path} has {found} bytes instead of {size}: another program writes to it"),
            None => format!("{path} was taken away or replaced: another program does that"),
        })
    }
}

impl Writer {
    /// Record, what is in doubt of others once more, one write. The file is the fold's again when this has happened to each
    /// that the batch writes to.
    pub(super) fn append(
        &mut self,
        held: &Held,
        kind: FileKind,
        lines: &[u8],
        doubts: [Option<Doubt>; 2],
    ) -> Result<Written, (Trouble, String)> {
        let common = self.common.clone();
        let (path, end, segments, read) = {
            let shared = common.engine.read();
            let file = shared.file(kind);
            (file.path().to_owned(), file.chain.offset, file.segments(), file.identity())
        };
        let (begin, base) = (end - lines.len() as u64, segments.base());
        let before = |error| failure(&format!("opening {}", kind.name()), Trouble::Before(error));
        let step =
            |what: &'static str| move |error| failure(&format!("{what} {}", kind.name()), Trouble::During(error));
        // Open before anything is written through any handle, so that it is told whatever goes wrong with that.
        let usual = self.appenders[slot(kind)].take();
        let (appender, is_new) = Appender::at(usual, path, read, &common.disk).map_err(before)?;
        let record = held.set(kind, begin, end).map_err(|error| {
            // The small lock was not to be had: nothing was changed.
            if error.kind() == io::ErrorKind::TimedOut { before(error) } else { step("marking")(error) }
        })?;
        // Of what this handle was open for before it was written it is told whatever goes wrong.
        let told = self.own[slot(kind)].is_some_and(|own| own.epoch == record.epoch) && !is_new;
        if let Mark::Set { from, .. } = record.mark
            && from < begin
            && !told
        {
            settle::write_again(&common.disk, &appender.path, &segments, from, begin).map_err(step("writing again"))?;
        }
        common.disk.append(&appender.file, lines).map_err(step("writing"))?;
        common.disk.counts.commits.fetch_add(1, Ordering::Relaxed);
        let stat = appender.expect_size(end - base).map_err(step("writing"))?;
        common.engine.write().split(kind).0.wrote(stat);
        self.appenders[slot(kind)] = Some(appender.clone());
        self.own[slot(kind)] = Some(Doubt { end, epoch: record.epoch });
        // Set before, and not by this process: then somebody else's bytes are on their way.
        let among_others = doubts[slot(kind)].is_some();
        Ok(Written { kind, appender, end, epoch: record.epoch, base, among_others })
    }

    /// Up to where this process has written, or written again, all of a file that was not durable by then.
    pub(super) fn written_upto(&self, kind: FileKind, epoch: u64) -> u64 {
        self.own[slot(kind)].filter(|own| own.epoch == epoch).map_or(0, |own| own.end)
    }
}
