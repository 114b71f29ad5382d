//! The bare side of a group commit: so many bytes in so many writes, each followed by one `fdatasync`. Nothing of ours is in
//! here.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// What the loop issued, and how long it took.
pub(crate) struct Spent {
    pub(crate) elapsed: Duration,
    pub(crate) syncs: u64,
    pub(crate) bytes: u64,
}

/// Writes the lines in so many batches of equal size (give or take a line).
pub(crate) fn run(root: &Path, lines: &[&[u8]], batches: u64) -> io::Result<Spent> {
    let mut file = OpenOptions::new().append(true).create(true).open(root.join("bare-batches.jsonl"))?;
    file.sync_all()?;
    let (mut syncs, mut bytes, mut begin) = (0, 0, 0);
    let started = Instant::now();
    for batch in 1..=batches {
        let end = usize::try_from(lines.len() as u64 * batch / batches).unwrap_or(lines.len());
        let text = lines[begin..end].concat();
        file.write_all(&text)?;
        file.sync_data()?;
        begin = end;
        syncs += 1;
        bytes += text.len() as u64;
    }
    Ok(Spent { elapsed: started.elapsed(), syncs, bytes })
}
