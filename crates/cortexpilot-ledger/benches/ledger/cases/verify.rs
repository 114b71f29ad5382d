//! Full verification, and what the ledger takes on disk.

use std::path::Path;

use cortexpilot_ledger::{Verdict, verify};

use super::Setting;
use crate::drive::LEDGER;
use crate::history::{self, Kind};
use crate::measure::{Figure, Side, Target, median, size, timed};

pub(super) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    drop(history::make(root, setting.items, Kind::Done));
    let bytes = size(&root.join(LEDGER));
    let mut rates = Vec::new();
    for _ in 0..setting.rounds {
        let (elapsed, report) = timed(|| verify(root));
        let report = report.map_err(|error| error.to_string())?;
        if report.verdict != Verdict::Sound {
            return Err(format!("the ledger that was made does not verify: {:?}", report.verdict));
        }
        rates.push(bytes as f64 / elapsed.as_secs_f64() / 1e9);
    }
    let rate = median(&rates);
    let all = total(root).map_err(|error| error.to_string())?;
    let lines = format!("{} lines, {bytes} bytes, in {:.3} s", setting.items, bytes as f64 / rate / 1e9);
    Ok(vec![
        Figure {
            name: "full verification".into(),
            rounds: rates,
            unit: "GB/s",
            target: Target::AtLeast(0.6),
            like_with_like: false,
            sides: vec![Side { name: "library".into(), value: lines, issued: None }],
        },
        Figure {
            name: "all files of the runtime root against the bytes of its lines".into(),
            rounds: vec![all as f64 / bytes as f64],
            unit: "×",
            target: Target::AtMost(1.05),
            like_with_like: false,
            sides: vec![Side { name: "runtime root".into(), value: format!("{all} bytes"), issued: None }],
        },
    ])
}

fn total(dir: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { total(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}
