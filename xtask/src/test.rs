//! `cargo xtask test`: suites in tiers. A tier is what a suite needs beyond Rust; what cannot run is said, never passed over.

mod apt;
pub(crate) mod chromium;
mod clients;
pub(crate) mod clocked;
mod conformance;
mod console;
mod install;
pub(crate) mod junit;
pub(crate) mod mounted;
mod node;
mod packages;
mod python;
mod rust;
mod sandbox;
mod schemathesis;
pub(crate) mod traced;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cli::Args;
use crate::workspace::{Workspace, in_ci};

/// What a suite needs, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    Core,
    Clients,
    Pg,
    Web,
}

/// Every tier, in the order they run, with its name and what it asks of a machine.
const TIERS: &[(Tier, &str, &str)] = &[
    (Tier::Core, "core", "Rust and Python alone, and bubblewrap for the tests of the sandbox"),
    (Tier::Clients, "clients", "foreign programs: MCP clients, installed below target/clients, strace and mount"),
    (Tier::Pg, "pg", "a PostgreSQL server of its own"),
    (Tier::Web, "web", "Node with npm: the TypeScript packages; and chromium: the operator console"),
];

/// One suite: a command and how its result is counted.
struct Suite {
    name: &'static str,
    tier: Tier,
    /// The command, as a person would run it.
    command: &'static str,
    /// What must be there for it to run.
    needs: &'static str,
    run: fn(&Workspace) -> Result<Ran>,
    /// Runs one part of it, by name (`--only SUITE:PART`), where it has parts.
    part: Option<fn(&Workspace, &str) -> Result<Ran>>,
}

/// Every suite. A new one is one entry here and the function it names.
const SUITES: &[Suite] = &[
    // First, because what it installs other tests use where it is there.
    Suite {
        name: "sandbox",
        tier: Tier::Core,
        command: "cargo nextest run --workspace --test it --profile ci -E 'package(cortexpilot-work) & test(/^sandboxed::/)'",
        needs: "bubblewrap, as root installed with apt-get; Linux 6.12 or newer with Landlock and seccomp",
        run: sandbox::run,
        part: None,
    },
    Suite {
        name: "nextest",
        tier: Tier::Core,
        command: "cargo nextest run --workspace --profile ci -E 'not binary(/^(traced|mounted)$/) & not test(/^(clocked_|sandboxed::)/)'",
        needs: "cargo-nextest; without it `cargo test --workspace` runs instead",
        run: rust::nextest,
        part: None,
    },
    Suite {
        name: "doctest",
        tier: Tier::Core,
        command: "cargo test --workspace --doc",
        needs: "nothing more",
        run: rust::doctest,
        part: None,
    },
    Suite {
        name: "conformance",
        tier: Tier::Clients,
        command: "python3 tests/conformance/run.py --binary target/debug/cortexpilot …",
        needs: "npm, the npm registry for the first installation, python3",
        run: conformance::run,
        part: None,
    },
    Suite {
        name: "python-sdk",
        tier: Tier::Clients,
        command: "python3 tests/clients/run.py --binary target/debug/cortexpilot --client python-1|python-2",
        needs: "python3 with venv, and PyPI for the first installation",
        run: clients::python_sdk,
        part: None,
    },
    Suite {
        name: "fastmcp",
        tier: Tier::Clients,
        command: "python3 tests/clients/run.py --binary target/debug/cortexpilot --client fastmcp",
        needs: "python3 with venv, and PyPI for the first installation",
        run: clients::fastmcp,
        part: None,
    },
    Suite {
        name: "typescript-sdk",
        tier: Tier::Clients,
        command: "python3 tests/clients/run.py --binary target/debug/cortexpilot --client typescript-1|typescript-2 …",
        needs: "npm, python3 with venv, the npm registry and PyPI for the first installation",
        run: clients::typescript,
        part: None,
    },
    Suite {
        name: "inspector",
        tier: Tier::Clients,
        command: "python3 tests/clients/run.py --binary target/debug/cortexpilot --client inspector …",
        needs: "npm, python3 with venv, the npm registry and PyPI for the first installation",
        run: clients::inspector,
        part: None,
    },
    Suite {
        name: "install",
        tier: Tier::Clients,
        command: "python3 tests/clients/install.py --binary target/debug/cortexpilot …",
        needs: "npm, python3 with venv, the npm registry and PyPI for the first installation (about 700 MB)",
        run: install::run,
        part: None,
    },
    Suite {
        name: "schemathesis",
        tier: Tier::Clients,
        command: "python3 tests/api/run.py --binary target/debug/cortexpilot",
        needs: "python3 with venv, and PyPI for the first installation",
        run: schemathesis::run,
        part: None,
    },
    Suite {
        name: "traced",
        tier: Tier::Clients,
        command: "cargo nextest run --workspace --test traced --profile ci",
        needs: "strace, and a machine on which a process may be traced; as root it is installed with apt-get",
        run: traced::run,
        part: None,
    },
    Suite {
        name: "mounted",
        tier: Tier::Clients,
        command: "cargo nextest run --workspace --test mounted --profile ci",
        needs: "a machine on which a tmpfs may be mounted, which takes root",
        run: mounted::run,
        part: None,
    },
    Suite {
        name: "clocked",
        tier: Tier::Clients,
        command: "cargo nextest run --workspace --test workers --profile ci -E 'test(/^clocked_/)'",
        needs: "libfaketime, which makes a process's clock jump; as root it is installed with apt-get",
        run: clocked::run,
        part: None,
    },
    Suite {
        name: "packages",
        tier: Tier::Web,
        command: "node packages/tools/test.mjs --binary target/debug/cortexpilot",
        needs: "node 20 or newer with npm, and the npm registry for the first installation",
        run: packages::run,
        part: None,
    },
    Suite {
        name: "console",
        tier: Tier::Web,
        command: "node packages/console/tools/test.mjs --binary target/debug/cortexpilot",
        needs: "node 20.19 or newer with npm, the npm registry for the first installation, chromium, as root installed with apt-get",
        run: console::run,
        part: Some(console::part),
    },
];

/// How a suite ended.
enum Ran {
    /// It ran; these are its tests.
    Counted(Counts),
    /// Its tools cannot be had here, and why.
    NotRun(String),
}

/// What a suite counted.
#[derive(Debug, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    /// Tests with their time in seconds, where the tool reports it.
    times: Vec<(f64, String)>,
    /// What tests did to the product on purpose, where the tool reports it.
    fired: Vec<(u64, String)>,
    /// What a reader of the summary should know.
    remark: Option<String>,
}

/// A suite's place in the summary.
struct Outcome<'a> {
    suite: &'a Suite,
    /// The part that ran, if not all of it.
    part: Option<&'a str>,
    ran: Ran,
    time: Duration,
}

/// How many of the slowest tests are printed.
const SLOWEST: usize = 10;

/// `cargo xtask test`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.has("--list") {
        list();
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = choose(&args.values("--tier"), &args.values("--only"))?;
    let must_run = in_ci() || args.has("--all");
    let workspace = Workspace::find()?;
    // Suites that start the real binary find the one that was just built.
    if let Err(error) = workspace.build_product() {
        println!("error: {error:#}");
        println!("0 passed, 1 failed");
        return Ok(ExitCode::FAILURE);
    }
    let mut outcomes = Vec::new();
    for Chosen { suite, part } in chosen {
        println!("── {}: {}", named(suite, part), suite.command);
        let started = Instant::now();
        let ran = match (part, suite.part) {
            (Some(part), Some(run)) => run(&workspace, part),
            (Some(_), None) | (None, _) => (suite.run)(&workspace),
        };
        let ran = ran.unwrap_or_else(|error| {
            println!("error: {error:#}");
            Ran::Counted(Counts {
                failed: 1,
                remark: Some(format!("did not come to an end: {error:#}")),
                ..Counts::default()
            })
        });
        outcomes.push(Outcome { suite, part, ran, time: started.elapsed() });
    }
    let (summary, failed) = summary(&outcomes, must_run);
    print!("{summary}");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A suite, or one part of it.
struct Chosen<'a> {
    suite: &'static Suite,
    part: Option<&'a str>,
}

/// `SUITE`, or `SUITE:PART`.
fn named(suite: &Suite, part: Option<&str>) -> String {
    part.map_or_else(|| suite.name.to_owned(), |part| format!("{}:{part}", suite.name))
}

/// The suites that the options name; without options all of them.
fn choose<'a>(tiers: &[&str], only: &[&'a str]) -> Result<Vec<Chosen<'a>>> {
    for tier in tiers {
        let Some((known, name, _)) = TIERS.iter().find(|(_, name, _)| name == tier) else {
            let names: Vec<&str> = TIERS.iter().map(|(_, name, _)| *name).collect();
            bail!("`{tier}` is not a tier. Tiers: {}", names.join(", "));
        };
        if !SUITES.iter().any(|suite| suite.tier == *known) {
            bail!("tier `{name}` has no suites yet: there is nothing to run (see `cargo xtask test --list`)");
        }
    }
    let mut asked = Vec::new();
    for name in only {
        let (whole, part) = name.split_once(':').map_or((*name, None), |(whole, part)| (whole, Some(part)));
        let Some(suite) = SUITES.iter().find(|suite| suite.name == whole) else {
            let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
            bail!("`{whole}` is not a suite. Suites: {}", names.join(", "));
        };
        if part.is_some() && suite.part.is_none() {
            bail!("suite `{whole}` has no parts: `--only {whole}`");
        }
        asked.push((suite.name, part));
    }
    let of_tier = SUITES.iter().filter(|suite| tiers.is_empty() || tiers.contains(&tier_name(suite.tier)));
    let mut chosen = Vec::new();
    for suite in of_tier {
        if asked.is_empty() {
            chosen.push(Chosen { suite, part: None });
        }
        let parts = asked.iter().filter(|(name, _)| *name == suite.name);
        chosen.extend(parts.map(|(_, part)| Chosen { suite, part: *part }));
    }
    if chosen.is_empty() {
        bail!("no suite of `{}` is in tier `{}`: nothing to run", only.join(", "), tiers.join(", "));
    }
    Ok(chosen)
}

fn tier_name(tier: Tier) -> &'static str {
    TIERS.iter().find(|(known, _, _)| *known == tier).map_or("", |(_, name, _)| name)
}

fn list() {
    for (tier, name, about) in TIERS {
        println!("{name}: {about}");
        let mut suites = SUITES.iter().filter(|suite| suite.tier == *tier).peekable();
        if suites.peek().is_none() {
            println!("  no suites yet");
        }
        for suite in suites {
            println!("  {:<14} {}", suite.name, suite.command);
            println!("  {:<14} needs: {}", "", suite.needs);
        }
    }
}

/// The closing text and how many failures it counts. A suite that must run and could not counts as one.
fn summary(outcomes: &[Outcome<'_>], must_run: bool) -> (String, usize) {
    let mut text = String::from("\n");
    let (mut passed, mut failed) = (0, 0);
    let mut not_run = Vec::new();
    for (tier, name, _) in TIERS {
        let of_tier: Vec<&Outcome<'_>> = outcomes.iter().filter(|outcome| outcome.suite.tier == *tier).collect();
        if of_tier.is_empty() {
            continue;
        }
        let time: Duration = of_tier.iter().map(|outcome| outcome.time).sum();
        text.push_str(&format!("tier {name:<10} {:>7.1} s\n", time.as_secs_f64()));
        for outcome in of_tier {
            let said = match &outcome.ran {
                Ran::Counted(counts) => {
                    passed += counts.passed;
                    failed += counts.failed;
                    let remark = counts.remark.as_ref().map(|remark| format!(" ({remark})")).unwrap_or_default();
                    format!("{} passed, {} failed{remark}", counts.passed, counts.failed)
                }
                Ran::NotRun(reason) => {
                    failed += usize::from(must_run);
                    not_run.push(format!("{name}/{}: {reason}", named(outcome.suite, outcome.part)));
                    format!("NOT RUN: {reason}")
                }
            };
            let shown = named(outcome.suite, outcome.part);
            text.push_str(&format!("  {shown:<14} {:>7.1} s  {said}\n", outcome.time.as_secs_f64()));
        }
    }
    let slowest = slowest(outcomes);
    if !slowest.is_empty() {
        text.push_str("slowest tests\n");
        for (seconds, name) in slowest {
            text.push_str(&format!("  {seconds:>7.2} s  {name}\n"));
        }
    }
    let fired = injections(outcomes);
    if !fired.is_empty() {
        text.push_str(&format!("injections fired: {}\n", fired.join(", ")));
    }
    for entry in &not_run {
        let weight = if must_run { ", counted as failed" } else { "" };
        text.push_str(&format!("NOT RUN{weight}: {entry}\n"));
    }
    text.push_str(&format!("{passed} passed, {failed} failed\n"));
    (text, failed)
}

/// How often tests broke something on purpose, added up over all suites.
fn injections(outcomes: &[Outcome<'_>]) -> Vec<String> {
    let mut sums: Vec<(u64, &str)> = Vec::new();
    for outcome in outcomes {
        let Ran::Counted(counts) = &outcome.ran else { continue };
        for (number, what) in &counts.fired {
            match sums.iter_mut().find(|(_, known)| known == what) {
                Some((sum, _)) => *sum += number,
                None => sums.push((*number, what)),
            }
        }
    }
    sums.into_iter().map(|(sum, what)| format!("{sum} {what}")).collect()
}

fn slowest<'a>(outcomes: &'a [Outcome<'_>]) -> Vec<&'a (f64, String)> {
    let mut times: Vec<&(f64, String)> = outcomes
        .iter()
        .flat_map(|outcome| match &outcome.ran {
            Ran::Counted(counts) => counts.times.as_slice(),
            Ran::NotRun(_) => &[],
        })
        .collect();
    times.sort_by(|left, right| right.0.total_cmp(&left.0));
    times.truncate(SLOWEST);
    times
}

/// Adds up the `… N passed; N failed; …` lines that test programs print, and `N passed, N failed`.
fn counted(output: &str) -> (usize, usize) {
    let number_before = |line: &str, word: &str| -> Option<usize> {
        let before = &line[..line.find(word)?];
        before.trim_end().rsplit([' ', '.', ',', ';']).next()?.parse().ok()
    };
    output.lines().fold((0, 0), |(passed, failed), line| {
        match (number_before(line, " passed"), number_before(line, " failed")) {
            (Some(more_passed), Some(more_failed)) => (passed + more_passed, failed + more_failed),
            _ => (passed, failed),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tiers: &[&str], only: &[&str]) -> Vec<String> {
        choose(tiers, only).unwrap().into_iter().map(|chosen| named(chosen.suite, chosen.part)).collect()
    }

    #[test]
    fn options_choose_suites_and_never_nothing() {
        assert_eq!(names(&[], &[]).len(), SUITES.len());
        assert_eq!(names(&["core"], &[]), ["sandbox", "nextest", "doctest"]);
        assert_eq!(names(&[], &["doctest"]), ["doctest"]);
        assert_eq!(names(&["web"], &[]), ["packages", "console"]);
        assert_eq!(
            names(&[], &["console:apply", "doctest", "console:size"]),
            ["doctest", "console:apply", "console:size"]
        );
        for (tiers, only, wanted) in [
            (vec!["cor"], vec![], "Tiers: core, clients, pg, web"),
            (vec!["pg"], vec![], "has no suites yet"),
            (vec![], vec!["nexttest"], "Suites: sandbox, nextest"),
            (vec!["clients"], vec!["nextest"], "nothing to run"),
            (vec![], vec!["nextest:a"], "has no parts"),
            (vec!["core"], vec!["console:a"], "nothing to run"),
        ] {
            let message = choose(&tiers, &only).err().unwrap().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }

    #[test]
    fn results_are_counted_in_both_spellings() {
        let libtest = "running 3 tests\ntest result: ok. 12 passed; 0 failed; 0 ignored; 0 measured\ntest result: FAILED. 1 passed; 2 failed; 0 ignored\n";
        assert_eq!(counted(libtest), (13, 2));
        assert_eq!(counted("7 passed, 1 failed\n"), (7, 1));
        assert_eq!(counted("nothing here\n"), (0, 0));
    }

    fn outcome(name: &str, ran: Ran) -> Outcome<'static> {
        let suite = SUITES.iter().find(|suite| suite.name == name).unwrap();
        Outcome { suite, part: None, ran, time: Duration::from_millis(1500) }
    }

    fn counts(passed: usize, failed: usize) -> Ran {
        let times = (0..12).map(|i| (f64::from(i), format!("test_{i}"))).collect();
        let fired = vec![(60, "kills".to_owned())];
        Ran::Counted(Counts { passed, failed, times, fired, remark: None })
    }

    #[test]
    fn the_last_line_is_the_plain_count() {
        let (text, failed) = summary(&[outcome("nextest", counts(5, 1)), outcome("doctest", counts(2, 0))], false);
        assert_eq!(failed, 1);
        assert_eq!(text.lines().last(), Some("7 passed, 1 failed"));
        assert_eq!(text.lines().filter(|line| line.contains("test_")).count(), SLOWEST);
        assert!(text.contains("tier core           3.0 s"), "{text}");
        assert!(text.contains("\ninjections fired: 120 kills\n"), "{text}");
    }

    #[test]
    fn what_did_not_run_is_said_and_is_red_where_it_must_run() {
        let outcomes = [outcome("nextest", counts(5, 0)), outcome("python-sdk", Ran::NotRun("no python3".to_owned()))];
        let (text, failed) = summary(&outcomes, false);
        assert_eq!(failed, 0);
        assert!(text.ends_with("kills\nNOT RUN: clients/python-sdk: no python3\n5 passed, 0 failed\n"), "{text}");
        let (text, failed) = summary(&outcomes, true);
        assert_eq!(failed, 1);
        assert!(
            text.ends_with("NOT RUN, counted as failed: clients/python-sdk: no python3\n5 passed, 1 failed\n"),
            "{text}"
        );
    }
}
