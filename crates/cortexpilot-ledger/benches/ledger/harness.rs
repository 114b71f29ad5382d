//! What every measuring program of `cargo xtask bench ledger` does: reads its command line, gives each case a directory,
//! tells its figures, and says how the disk and the machine stood.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::measure::{Figure, Outcome};
use crate::regime::regime;

/// What every case is told.
pub(crate) struct Setting {
    /// Long ledgers have so many pending items, or so many lines.
    pub(crate) items: usize,
    /// Interleaved rounds.
    pub(crate) rounds: usize,
    /// The product's binary, for the cases that start it.
    pub(crate) binary: Option<PathBuf>,
}

/// One case.
pub(crate) struct Case {
    /// Its word on the command line.
    pub(crate) name: &'static str,
    /// Measures in a directory of its own; or says why it cannot.
    pub(crate) run: fn(&Path, &Setting) -> Result<Vec<Figure>, String>,
}

/// What was asked for on the command line.
struct Options {
    only: Vec<String>,
    setting: Setting,
}

/// Every case of `cargo xtask bench ledger`, whichever of its programs has it: for whoever got a name wrong.
const NAMES: &str = "lone, producers, receipt, work, claimers, pending, processes, open, verify, http and stdio";

/// Runs those of the cases that the words ask for.
pub(crate) fn run(cases: &[Case], words: Vec<String>) -> ExitCode {
    match options(cases, words.into_iter()).and_then(|options| measure(cases, &options)) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

fn options(cases: &[Case], mut words: impl Iterator<Item = String>) -> Result<Options, String> {
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
            "--only" if cases.iter().any(|case| case.name == value) => only.push(value),
            "--only" => {
                return Err(format!("`{value}` is no case of this program: `cargo xtask bench ledger` has {NAMES}"));
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

fn measure(cases: &[Case], options: &Options) -> Result<ExitCode, String> {
    // On the repository's own disk: the system's directory for temporary files may be memory.
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tmp");
    let place = std::fs::create_dir_all(&place)
        .and_then(|()| place.canonicalize())
        .map_err(|error| format!("{}: {error}", place.display()))?;
    let dir = tempfile::Builder::new().prefix("bench-ledger-").tempdir_in(&place).map_err(|error| error.to_string())?;
    regime(&dir.path().join("regime"), "before").map_err(|error| error.to_string())?;
    let mut outcomes = Vec::new();
    let mut not_run = 0;
    for case in cases.iter().filter(|case| options.only.is_empty() || options.only.iter().any(|name| name == case.name))
    {
        let root = dir.path().join(case.name);
        match (case.run)(&root, &options.setting) {
            Ok(figures) => outcomes.extend(figures.iter().map(Figure::tell)),
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
