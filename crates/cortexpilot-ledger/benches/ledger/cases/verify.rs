//! Full verification, and what the ledger takes on disk.

use std::path::Path;

use cortexpilot_core::port::fake::SeqIds;
use cortexpilot_ledger::{Verdict, log, verify};

use super::Setting;
use crate::drive::LEDGER;
use crate::history::{self, Kind};
use crate::measure::{Figure, Side, Target, median, size, timed};

pub(super) fn run(root: &Path, setting: &Setting) -> Result<Vec<Figure>, String> {
    drop(history::make(root, setting.items, Kind::Done));
    let bytes = size(&root.join(LEDGER));
    let plain = rates(root, bytes, setting)?;
    let all = total(root).map_err(|error| error.to_string())?;
    // Each line is hashed once more, as a leaf, and the leaves come to the root that was signed.
    log::init_audit_key(root, None, &SeqIds::default()).map_err(|error| error.to_string())?;
    log::checkpoint(root).map_err(|error| error.to_string())?;
    let signed = rates(root, bytes, setting)?;
    let figure = |name: &str, rounds: Vec<f64>, target| {
        let took = bytes as f64 / median(&rounds) / 1e9;
        let value = format!("{} lines, {bytes} bytes, in {took:.3} s", setting.items);
        let sides = vec![Side { name: "library".into(), value, issued: None }];
        Figure { name: name.into(), rounds, unit: "GB/s", target, like_with_like: false, sides }
    };
    Ok(vec![
        figure("full verification", plain, Target::AtLeast(0.6)),
        figure("full verification under a checkpoint of all lines", signed, Target::None),
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

fn rates(root: &Path, bytes: u64, setting: &Setting) -> Result<Vec<f64>, String> {
    let mut rates = Vec::new();
    for _ in 0..setting.rounds {
        let (elapsed, report) = timed(|| verify(root));
        let report = report.map_err(|error| error.to_string())?;
        if report.verdict != Verdict::Sound {
            return Err(format!("the ledger that was made does not verify: {:?}", report.verdict));
        }
        rates.push(bytes as f64 / elapsed.as_secs_f64() / 1e9);
    }
    Ok(rates)
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
