//! How the disk and the machine stand now: every other figure depends on it.

use std::path::Path;

use crate::baselines::append_sync::Bare;
use crate::baselines::kernel_writes;
use crate::measure::{median_us, micros};

/// Flushes at least this slow make lingering worth while: the two regimes lie far to either side.
const SLOW_US: f64 = 1_000.0;

const LINE: &[u8] = &[b'x'; 1_000];
const FLUSHES: usize = 60;
const WRITES: u32 = 2_000;

/// Measures what a flush and a write cost, and prints it.
pub(crate) fn regime(root: &Path, when: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(root)?;
    let mut bare = Bare::new(root)?;
    let flushes = (0..FLUSHES).map(|_| bare.append(LINE, None)).collect::<Result<Vec<_>, _>>()?;
    let flush = median_us(&flushes);
    let write = micros(kernel_writes::run(root, LINE, WRITES)?) / f64::from(WRITES);
    let word = if flush < SLOW_US { "fast" } else { "slow" };
    println!(
        "figure: the disk {when}: {word} flushes: a bare append of {} bytes + fdatasync takes {flush:.0} µs (median of {FLUSHES}), the \
         write alone {write:.1} µs",
        LINE.len()
    );
    println!("figure: load {when}: {}", load());
    std::fs::remove_dir_all(root)
}

/// How much else runs there, as the kernel averages it.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minutes: Vec<&str> = text.split(' ').take(3).collect();
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{} over 1, 5 and 15 minutes, on {processors} processors", minutes.join(", "))
}
