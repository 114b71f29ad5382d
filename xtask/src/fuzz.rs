//! `cargo xtask fuzz`: the targets under `fuzz/`, built and run with the toolchain of this repository.
//!
//! `cargo fuzz` asks for a nightly toolchain only because of the sanitizers it turns on. They look for faults of unsafe
//! code, of which there is none here; what guides the fuzzer is the coverage instrumentation, and that is in the stable
//! compiler. So the flags are named here and nothing has to be installed but a C++ compiler, which libFuzzer itself needs.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::cli::Args;
use crate::workspace::{Workspace, output, passes};

/// What `cargo fuzz` passes to the compiler for coverage, without what only a nightly compiler takes.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// How long a target runs unless said otherwise: enough to see that it runs.
const SECONDS: u64 = 60;

/// One target.
struct Target {
    name: &'static str,
    about: &'static str,
    /// Longest input, in bytes.
    longest: usize,
}

const TARGETS: &[Target] = &[
    Target {
        name: "message_loop",
        about: "bytes to the message loop of an MCP server: it lives, and answers each request once",
        longest: 16 * 1024,
    },
    Target {
        name: "untrusted",
        about: "bytes as text of a run: nothing hidden is left, and every escape can be undone",
        longest: 4 * 1024,
    },
];

/// What a run of a target came to, as libFuzzer prints it at the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    executed: u64,
    per_second: u64,
    peak_mib: u64,
}

/// `cargo xtask fuzz`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.has("--list") {
        for target in TARGETS {
            println!("{:<13} {}", target.name, target.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let seconds = match args.values("--seconds")[..] {
        [] => SECONDS,
        [.., last] => {
            last.parse().ok().filter(|seconds| *seconds > 0).context("`--seconds` takes a whole number above 0")?
        }
    };
    let chosen = choose(&args.values("--only"))?;
    let workspace = Workspace::find()?;
    let binaries = build(&workspace)?;
    let mut findings = 0;
    for target in chosen {
        println!("{:<13} {}", target.name, target.about);
        findings += usize::from(!fuzz(&workspace, &binaries, target, seconds)?);
    }
    println!("{findings} findings");
    Ok(if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose(names: &[&str]) -> Result<Vec<&'static Target>> {
    if let Some(unknown) = names.iter().find(|name| !TARGETS.iter().any(|target| target.name == **name)) {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        bail!("`{unknown}` is not a target: there are {}", known.join(", "));
    }
    Ok(TARGETS.iter().filter(|target| names.is_empty() || names.contains(&target.name)).collect())
}

/// Builds the targets; answers the directory that they are in.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    // Only with a named target are build scripts and macros, which run in the compiler, left without instrumentation.
    let rustc = output(workspace.command("rustc").arg("-vV"))?;
    let rustc = String::from_utf8(rustc.stdout).context("rustc says its version in no UTF-8")?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let mut cargo = workspace.cargo();
    cargo.current_dir(workspace.path("fuzz")).env("RUSTFLAGS", COVERAGE).env_remove("CARGO_TARGET_DIR");
    cargo.args(["build", "--release", "--locked", "--bins", "--target", host]);
    if !passes(&mut cargo)? {
        bail!("the targets do not build; what cargo printed is above (libFuzzer needs a C++ compiler)");
    }
    Ok(workspace.path("fuzz/target").join(host).join("release"))
}

/// Runs one target on its seeds and on what earlier runs found; says whether it found nothing.
fn fuzz(workspace: &Workspace, binaries: &Path, target: &Target, seconds: u64) -> Result<bool> {
    let dir = |of: &str| workspace.path("fuzz").join(of).join(target.name);
    let (corpus, seeds, artifacts) = (dir("corpus"), dir("seeds"), dir("artifacts"));
    for made in [&corpus, &artifacts] {
        std::fs::create_dir_all(made).with_context(|| format!("{} cannot be made", made.display()))?;
    }
    let mut command = Command::new(binaries.join(target.name));
    command.arg(&corpus).arg(&seeds);
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={}", target.longest));
    // An input that takes this long, or this much memory, is a finding.
    command.args(["-timeout=25", "-rss_limit_mb=512", "-print_final_stats=1"]);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    let words = workspace.path("fuzz").join(format!("{}.dict", target.name));
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    let began = Instant::now();
    let done = command.stdin(Stdio::null()).output().context("the target cannot be started")?;
    let said = String::from_utf8_lossy(&done.stderr);
    if !done.status.success() {
        let tail: Vec<&str> = said.lines().rev().take(40).collect();
        for line in tail.iter().rev() {
            println!("  {line}");
        }
        println!("  FINDING   the input is kept in {}; run the target on it to see it again", artifacts.display());
        return Ok(false);
    }
    let figures = figures(&said).context("libFuzzer said no figures")?;
    println!(
        "  {} inputs in {:.0} s, {} a second, at most {} MiB; nothing found",
        figures.executed,
        began.elapsed().as_secs_f64(),
        figures.per_second,
        figures.peak_mib
    );
    Ok(true)
}

fn figures(said: &str) -> Option<Figures> {
    let figure = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name))?;
        line.trim_start_matches(':').trim().parse().ok()
    };
    Some(Figures {
        executed: figure("number_of_executed_units")?,
        per_second: figure("average_exec_per_sec")?,
        peak_mib: figure("peak_rss_mb")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_run_are_read() {
        let said = "Done 12 runs in 3 second(s)\nstat::number_of_executed_units: 12\nstat::average_exec_per_sec:     4\n\
                    stat::new_units_added:          1\nstat::slowest_unit_time_sec:    0\nstat::peak_rss_mb:              45\n";
        assert_eq!(figures(said), Some(Figures { executed: 12, per_second: 4, peak_mib: 45 }));
        assert_eq!(figures("==1== ERROR: libFuzzer: deadly signal"), None);
    }

    #[test]
    fn a_wrong_name_is_refused_with_the_list() {
        assert_eq!(choose(&["untrusted"]).unwrap().len(), 1);
        assert_eq!(choose(&[]).unwrap().len(), TARGETS.len());
        let message = choose(&["message"]).err().unwrap().to_string();
        assert!(message.contains("message_loop, untrusted"), "{message}");
    }

    #[test]
    fn every_target_is_a_program_of_the_fuzz_crate_with_seeds() {
        let workspace = Workspace::find().unwrap();
        let manifest = workspace.text("fuzz/Cargo.toml").unwrap().unwrap();
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
        for target in TARGETS {
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{}.rs\"", target.name)), "{}", target.name);
            let seeds = std::fs::read_dir(workspace.path("fuzz/seeds").join(target.name)).unwrap();
            assert!(seeds.count() > 0, "{}", target.name);
        }
    }
}
