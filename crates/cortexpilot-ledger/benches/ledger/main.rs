//! `cargo xtask bench ledger`: how the ledger stands against the disk it is on.
//!
//! Every figure is a ratio inside one run whose sides take turns, because the time of a flush changes many times over from
//! one hour to the next; or, where nothing is synced, a plain number. `docs/benchmarks/ledger.md` says how to read it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a program for people: its output is its result, and its counts are far below 2^52"
)]

mod baselines;
mod cases;
mod drive;
mod history;
mod measure;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cases::{CASES, Setting, child, regime};
use measure::Outcome;

/// What was asked for on the command line.
struct Options {
    only: Vec<String>,
    setting: Setting,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // One of several writing processes, started by ourselves.
    if let [word, root] = &words[..]
        && word == "--writer"
    {
        child(Path::new(root));
        return ExitCode::SUCCESS;
    }
    match options(words.into_iter()).and_then(|options| measure(&options)) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut only = Vec::new();
    let mut setting = Setting { items: 100_000, rounds: 5, binary: None };
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo says so to every bench target.
            "--bench" => continue,
            "--full" => {
                setting.items = 1_000_000;
                continue;
            }
            _ => {}
        }
        let value = words.next().unwrap_or_default();
        let number = || value.parse::<usize>().ok().filter(|number| *number > 0);
        let number = || number().ok_or_else(|| format!("`{word} {value}`: not a number above 0"));
        match word.as_str() {
            "--items" => setting.items = number()?,
            "--rounds" => setting.rounds = number()?,
            "--binary" => setting.binary = Some(PathBuf::from(value)),
            "--only" if CASES.iter().any(|case| case.name == value) => only.push(value),
            "--only" => {
                let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
                return Err(format!("`{value}` is no case: there are {}", names.join(", ")));
            }
            _ => {
                return Err(format!(
                    "`{word}` is no option: there are --full, --items N, --rounds N, --only CASE and --binary PATH"
                ));
            }
        }
    }
    Ok(Options { only, setting })
}

fn measure(options: &Options) -> Result<ExitCode, String> {
    // On the repository's own disk: the system's directory for temporary files may be memory.
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tmp");
    let place = std::fs::create_dir_all(&place)
        .and_then(|()| place.canonicalize())
        .map_err(|error| format!("{}: {error}", place.display()))?;
    let dir = tempfile::Builder::new().prefix("bench-ledger-").tempdir_in(&place).map_err(|error| error.to_string())?;
    regime(&dir.path().join("regime"), "before").map_err(|error| error.to_string())?;
    let mut outcomes = Vec::new();
    let mut not_run = 0;
    for case in CASES.iter().filter(|case| options.only.is_empty() || options.only.iter().any(|name| name == case.name))
    {
        let root = dir.path().join(case.name);
        match (case.run)(&root, &options.setting) {
            Ok(figures) => outcomes.extend(figures.iter().map(measure::Figure::tell)),
            Err(why) => {
                println!("NOT RUN: {}: {why}", case.name);
                not_run += 1;
            }
        }
        // A long ledger is not kept until the end.
        if root.is_dir() {
            std::fs::remove_dir_all(&root).map_err(|error| format!("{}: {error}", root.display()))?;
        }
    }
    regime(&dir.path().join("regime"), "after").map_err(|error| error.to_string())?;
    dir.close().map_err(|error| error.to_string())?;
    let count = |wanted: Outcome| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let (met, missed, invalid) = (count(Outcome::Met), count(Outcome::Missed), count(Outcome::Invalid));
    println!("{met} met or told, {missed} missed, {invalid} invalid, {not_run} cases not run");
    Ok(if missed + invalid + not_run == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
