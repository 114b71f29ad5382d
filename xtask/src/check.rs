//! `cargo xtask check`: every rule that is not a test. All parts run, then one summary says what to repair and how.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cli::Args;
use crate::workspace::{Workspace, passes};
use crate::{deps, docs, generate, hygiene};

/// One part of the check.
struct Part {
    name: &'static str,
    /// What a person runs when it fails.
    repair: &'static str,
    run: fn(&Workspace) -> Result<bool>,
}

const PARTS: &[Part] = &[
    Part {
        name: "fmt",
        repair: "cargo fmt --all",
        run: |workspace| passes(workspace.cargo().args(["fmt", "--all", "--", "--check"])),
    },
    Part {
        name: "clippy",
        repair: "correct what clippy names above; again: cargo clippy --workspace --all-targets -- -D warnings",
        run: |workspace| {
            passes(workspace.cargo().args([
                "clippy",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))
        },
    },
    Part {
        name: "deps",
        repair: "as each line above says; again: cargo xtask deps",
        run: |workspace| printed("deps", deps::check(workspace)?),
    },
    Part {
        name: "gen --check",
        repair: "cargo xtask gen",
        run: |workspace| printed("gen", generate::check(workspace)?),
    },
    Part {
        name: "docs",
        repair: "as each line above says; again: cargo xtask docs",
        run: |workspace| printed("docs", docs::check(workspace)?),
    },
    Part {
        name: "hygiene",
        repair: "as each line above says; again: cargo xtask hygiene",
        run: |workspace| printed("hygiene", hygiene::check(workspace)?),
    },
];

fn printed(name: &str, report: crate::report::Report) -> Result<bool> {
    report.print(name);
    Ok(report.is_ok())
}

/// `cargo xtask check`.
pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut outcomes: Vec<(&Part, bool, Duration)> = Vec::new();
    for part in PARTS {
        println!("── {}", part.name);
        let started = Instant::now();
        let ok = match (part.run)(&workspace) {
            Ok(ok) => ok,
            Err(error) => {
                println!("{}: {error:#}", part.name);
                false
            }
        };
        outcomes.push((part, ok, started.elapsed()));
    }
    println!();
    for (part, ok, time) in &outcomes {
        let verdict = if *ok { "ok" } else { "FAIL" };
        println!("{:<12} {verdict:<5} {:>6.1} s", part.name, time.as_secs_f64());
        if !ok {
            println!("    repair: {}", part.repair);
        }
    }
    let failed = outcomes.iter().filter(|(_, ok, _)| !ok).count();
    println!("check: {} ok, {failed} failed", outcomes.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
