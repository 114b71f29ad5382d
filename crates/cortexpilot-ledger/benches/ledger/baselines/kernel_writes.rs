//! What the kernel alone costs: one write a line, and no sync. Nothing of ours is in here.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// Appends the line so many times and says how long it took; the file is removed again.
pub(crate) fn run(root: &Path, line: &[u8], times: u32) -> io::Result<Duration> {
    let path = root.join("bare-writes.jsonl");
    let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
    let started = Instant::now();
    for _ in 0..times {
        file.write_all(line)?;
    }
    let elapsed = started.elapsed();
    std::fs::remove_file(path)?;
    Ok(elapsed)
}
