//! The bare side of a lone durable append: one write and one `fdatasync` a line; with a contract, that file, its directory
//! and then the line. Nothing of ours is in here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A file that is appended to, and what was issued.
pub(crate) struct Bare {
    file: File,
    dir: PathBuf,
    pub(crate) lines: u64,
    pub(crate) syncs: u64,
    pub(crate) bytes: u64,
}

impl Bare {
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        let dir = root.join("bare-contracts");
        std::fs::create_dir_all(&dir)?;
        let file = OpenOptions::new().append(true).create(true).open(root.join("bare.jsonl"))?;
        file.sync_all()?;
        Ok(Self { file, dir, lines: 0, syncs: 0, bytes: 0 })
    }

    /// Appends a line and says how long it took until it was durable.
    pub(crate) fn append(&mut self, line: &[u8], contract: Option<&[u8]>) -> io::Result<Duration> {
        let started = Instant::now();
        if let Some(contract) = contract {
            let mut file = File::create(self.dir.join(format!("{}.json", self.lines)))?;
            file.write_all(contract)?;
            file.sync_data()?;
            File::open(&self.dir)?.sync_all()?;
            self.syncs += 2;
            self.bytes += contract.len() as u64;
        }
        self.file.write_all(line)?;
        self.file.sync_data()?;
        self.lines += 1;
        self.syncs += 1;
        self.bytes += line.len() as u64;
        Ok(started.elapsed())
    }
}
