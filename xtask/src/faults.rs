//! `cargo xtask faults`: what the ledger survives. Each campaign is a group of the product's own tests that break something
//! on purpose, with the controls that show that the same tests can fail; this runs them one after the other, says what
//! fired and what was found, and with `--long` runs them at full size.
//!
//! A test of a campaign says `fired: NUMBER THINGS` for what it did to the product, `figure: …` for what came of it, and
//! `figure: control: …` where it shows that a loss would have been found. The tests of a new campaign follow that, and the
//! campaign is one entry below.

mod needs;

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cli::Args;
use crate::test::junit;
use crate::workspace::{Workspace, has_cargo_subcommand, passes};

use needs::Need;

/// The profile in `.config/nextest.toml` that lets a test take its time.
const PROFILE: &str = "faults";

/// How a test says how much it did to the product.
const FIRED: &str = "fired:";

const FIGURE: &str = "figure:";
const CONTROL: &str = "control:";

/// One campaign.
struct Campaign {
    name: &'static str,
    /// What is done, in one line.
    about: &'static str,
    /// Its tests and their controls, as a nextest filter.
    tests: &'static str,
    /// At full size it is for an optimised build.
    optimised: bool,
    needs: &'static [Need],
}

/// Every campaign, in the order in which they run: those that take longest at the end.
const CAMPAIGNS: &[Campaign] = &[
    Campaign {
        name: "disk",
        about: "a faulty disk: each write, sync and change of a name of 200 appends fails with EIO and with ENOSPC",
        tests: "package(cortexpilot-ledger) & test(/campaign::(a_run_of_200|the_checker_finds)/)",
        optimised: false,
        needs: &[],
    },
    Campaign {
        name: "power",
        about: "power fails before each change of a run; nothing or half is kept of what was not synced",
        tests: "package(cortexpilot-ledger) & test(/campaign::(power_may_fail|where_syncs_are_left_out)/)",
        optimised: false,
        needs: &[],
    },
    Campaign {
        name: "cuts",
        about: "the last line, and the last three, are cut at each byte",
        tests: "package(cortexpilot-ledger) & test(/^cuts::/)",
        optimised: false,
        needs: &[],
    },
    Campaign {
        name: "checkpoint",
        about: "each bit of a signed checkpoint is flipped",
        tests: "package(cortexpilot-ledger) & test(/^bits::.*_checkpoint_/)",
        optimised: false,
        needs: &[],
    },
    Campaign {
        name: "index",
        about: "each bit of the derived index is flipped and each of its files cut anywhere; it is deleted, stale, another's",
        tests: "package(cortexpilot-ledger) & test(/^index::damage::/)",
        optimised: true,
        needs: &[],
    },
    Campaign {
        name: "calls",
        about: "each write, sync, rename, link and cut of the real binary fails with EIO and with ENOSPC, or writes less",
        tests: "package(cortexpilot) & binary(traced) & test(traced_steps)",
        optimised: false,
        needs: &[Need::Strace],
    },
    Campaign {
        name: "short",
        about: "the system cuts a line short at each byte",
        tests: "package(cortexpilot) & binary(traced) & test(traced_short)",
        optimised: false,
        needs: &[Need::Prlimit],
    },
    Campaign {
        name: "flush",
        about: "a flush or write of a running server fails: it acknowledges nothing more and ends",
        tests: "package(cortexpilot) & binary(traced) & test(/traced_(flush|fault)/)",
        optimised: false,
        needs: &[Need::Strace],
    },
    Campaign {
        name: "locks",
        about: "a file system whose locks do not lock",
        tests: "package(cortexpilot) & binary(traced) & test(traced_locks)",
        optimised: false,
        needs: &[Need::Strace],
    },
    Campaign {
        name: "full",
        about: "somebody fills the disk, a small tmpfs, and makes room again",
        tests: "package(cortexpilot) & binary(mounted) & test(mounted_)",
        optimised: false,
        needs: &[Need::Mount],
    },
    Campaign {
        name: "stopped",
        about: "a writer is stopped while it holds the lock; it continues, or is killed",
        tests: "package(cortexpilot) & binary(acceptance) & test(/^stopped::/)",
        optimised: false,
        needs: &[],
    },
    Campaign {
        name: "crowd",
        about: "two servers and ten command-line processes on one ledger",
        tests: "package(cortexpilot) & binary(acceptance) & \
                test(/^crowd::|^crash::the_foreign_script_finds_every_doctored_ledger/)",
        optimised: false,
        needs: &[],
    },
    Campaign {
        name: "leases",
        about: "every order of claims, late and repeated messages, lost leases, stops and what operators do, in a model of few items",
        tests: "package(cortexpilot-core) & binary(leases)",
        optimised: false,
        needs: &[],
    },
    Campaign {
        name: "workers",
        about: "workers are killed, or stand still for longer than their lease, while they hold an item",
        tests: "package(cortexpilot) & binary(workers) & test(/^killed::/)",
        optimised: false,
        needs: &[],
    },
    Campaign {
        name: "clocks",
        about: "the wall clocks of workers and of their server jump by ten years, forward and back",
        tests: "package(cortexpilot) & binary(workers) & test(/^clocked_/)",
        optimised: false,
        needs: &[Need::Faketime],
    },
    Campaign {
        name: "bits",
        about: "each bit of a ledger, and of the decisions beside it, is flipped",
        tests: "package(cortexpilot-ledger) & test(/^bits::.*(_ledger_is_found|without_the_chain|in_front_of)/)",
        optimised: true,
        needs: &[],
    },
    Campaign {
        name: "kills",
        about: "kill -9 in the middle of writes, under load, among others and while starting",
        tests: "package(cortexpilot) & binary(acceptance) & test(/^crash::/)",
        optimised: false,
        needs: &[],
    },
];

/// What a campaign came to.
#[derive(Debug, Default)]
struct Report {
    /// What its tests did, in their words.
    fired: Vec<(u64, String)>,
    figures: Vec<String>,
    controls: Vec<String>,
    /// What is wrong: a test that failed, or a campaign that shows nothing.
    findings: Vec<String>,
}

/// `cargo xtask faults`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.has("--list") {
        for campaign in CAMPAIGNS {
            println!("{:<11} {}", campaign.name, campaign.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = choose(&args.values("--only"))?;
    let long = args.has("--long");
    let workspace = Workspace::find()?;
    if !has_cargo_subcommand(&workspace, "nextest") {
        bail!("cargo-nextest is not installed, and the campaigns are its to run: cargo install cargo-nextest --locked");
    }
    for optimised in [false, true] {
        let wanted = chosen.iter().any(|campaign| is_optimised(campaign, long) == optimised);
        if wanted && !passes(nextest(&workspace, optimised).arg("--no-run"))? {
            bail!("the tests do not build; what cargo printed is above");
        }
    }
    let began = Instant::now();
    let (mut fired, mut findings, mut not_run) = (0, 0, 0);
    for campaign in &chosen {
        println!("{:<11} {}", campaign.name, campaign.about);
        if let Some(why) = campaign.needs.iter().find_map(|need| need.missing(&workspace)) {
            println!("  NOT RUN   {why}");
            not_run += 1;
            continue;
        }
        let started = Instant::now();
        let report = carry_out(&workspace, campaign, long)?;
        print!("{}", report.text(started.elapsed()));
        fired += report.fired.iter().map(|(number, _)| number).sum::<u64>();
        findings += report.findings.len();
    }
    println!(
        "{} campaigns{}: {fired} injections fired, {findings} findings, {not_run} not run, {:.1} s",
        chosen.len(),
        if long { " at full size" } else { "" },
        began.elapsed().as_secs_f64()
    );
    Ok(if findings == 0 && not_run == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The campaigns that the options name; without options all of them.
fn choose(only: &[&str]) -> Result<Vec<&'static Campaign>> {
    for name in only {
        if !CAMPAIGNS.iter().any(|campaign| campaign.name == *name) {
            let names: Vec<&str> = CAMPAIGNS.iter().map(|campaign| campaign.name).collect();
            bail!("`{name}` is not a campaign. Campaigns: {}", names.join(", "));
        }
    }
    Ok(CAMPAIGNS.iter().filter(|campaign| only.is_empty() || only.contains(&campaign.name)).collect())
}

fn is_optimised(campaign: &Campaign, long: bool) -> bool {
    long && campaign.optimised
}

/// `cargo nextest run`, of the whole workspace as all tests are built; or optimised, and then of the ledger's crate alone.
fn nextest(workspace: &Workspace, optimised: bool) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["nextest", "run", "--profile", PROFILE]);
    if optimised {
        cargo.args(["--release", "-p", "cortexpilot-ledger", "--test", "it"]);
    } else {
        cargo.arg("--workspace");
    }
    cargo
}

fn carry_out(workspace: &Workspace, campaign: &Campaign, long: bool) -> Result<Report> {
    let results = junit::path_of(workspace, PROFILE);
    junit::forget(&results)?;
    let mut nextest = nextest(workspace, is_optimised(campaign, long));
    nextest.args(["--no-fail-fast", "-E", campaign.tests]);
    if long {
        nextest.env("CORTEXPILOT_FAULTS", "long");
    } else {
        nextest.env_remove("CORTEXPILOT_FAULTS");
    }
    // Kept for the case that something failed: what passed is told by its figures alone.
    let ran = nextest.stdin(Stdio::null()).output().context("cargo nextest cannot be started")?;
    let cases = match std::fs::read_to_string(&results) {
        Ok(xml) => junit::parse(&xml).with_context(|| format!("{} cannot be understood", results.display()))?,
        Err(_) => Vec::new(),
    };
    let report = Report::of(&cases, ran.status.success());
    if !report.findings.is_empty() {
        print!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    }
    Ok(report)
}

impl Report {
    fn of(cases: &[junit::Case], success: bool) -> Self {
        let mut report = Self { fired: fired(cases), ..Self::default() };
        for figure in cases.iter().flat_map(|case| case.output.lines()).filter_map(|line| line.strip_prefix(FIGURE)) {
            match figure.trim().strip_prefix(CONTROL) {
                Some(control) => report.controls.push(control.trim().to_owned()),
                None => report.figures.push(figure.trim().to_owned()),
            }
        }
        let failed = cases.iter().filter(|case| case.failed);
        report.findings.extend(failed.map(|case| format!("{} failed: see above", case.name)));
        // A campaign that did nothing, or that could not have failed, shows nothing.
        if report.findings.is_empty() {
            if !success {
                report.findings.push("the tests did not come to an end: see above".to_owned());
            } else if report.fired.iter().all(|(number, _)| *number == 0) {
                report.findings.push("nothing was injected".to_owned());
            } else if report.controls.is_empty() {
                report.findings.push("no control showed that it can fail".to_owned());
            }
        }
        report
    }

    fn text(&self, time: Duration) -> String {
        let fired: Vec<String> = self.fired.iter().map(|(number, what)| format!("{number} {what}")).collect();
        let fired = if fired.is_empty() { "nothing fired".to_owned() } else { fired.join(", ") };
        let verdict = if self.findings.is_empty() { "ok" } else { "FINDING" };
        let mut text = format!("  {verdict:<9} {fired}; {:.1} s\n", time.as_secs_f64());
        for (what, lines) in [("", &self.figures), ("control", &self.controls), ("FINDING", &self.findings)] {
            for line in lines {
                text.push_str(&format!("  {what:<9} {line}\n"));
            }
        }
        text
    }
}

/// What tests did to the product, in the order in which they say so; the same things are added up.
pub(crate) fn fired(cases: &[junit::Case]) -> Vec<(u64, String)> {
    let mut fired: Vec<(u64, String)> = Vec::new();
    for said in cases.iter().flat_map(|case| case.output.lines()).filter_map(|line| line.strip_prefix(FIRED)) {
        let Some((number, what)) = said.trim().split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match fired.iter_mut().find(|(_, known)| known == what) {
            Some((sum, _)) => *sum += number,
            None => fired.push((number, what.to_owned())),
        }
    }
    fired
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, failed: bool, output: &str) -> junit::Case {
        junit::Case { binary: "x::it".into(), name: name.into(), seconds: 0.5, failed, output: output.into() }
    }

    #[test]
    fn campaigns_are_chosen_by_name_and_a_wrong_name_lists_them() {
        assert_eq!(choose(&[]).unwrap().len(), CAMPAIGNS.len());
        assert_eq!(choose(&["kills"]).unwrap()[0].name, "kills");
        let wrong = choose(&["kill"]).err().unwrap().to_string();
        assert!(CAMPAIGNS.iter().all(|campaign| wrong.contains(campaign.name)), "{wrong}");
    }

    #[test]
    fn what_fired_is_added_up_and_figures_are_told_apart_from_controls() {
        let cases = [
            case("a", false, "seed 7\nfired: 12 kills\nfigure: 12 kills, 0 lost\n"),
            case("b", false, "fired: 3 kills\nfired: 5 cuts\n"),
            case("c", false, "figure: control: 1 of 1 found\n"),
        ];
        let report = Report::of(&cases, true);
        assert_eq!(report.fired, [(15, "kills".to_owned()), (5, "cuts".to_owned())]);
        let text = report.text(Duration::from_millis(1500));
        assert_eq!(
            text,
            "  ok        15 kills, 5 cuts; 1.5 s\n            12 kills, 0 lost\n  control   1 of 1 found\n"
        );
    }

    #[test]
    fn a_campaign_that_shows_nothing_is_a_finding() {
        let (fired, control) = ("fired: 1 kills\n", "figure: control: found\n");
        for (outputs, success, finding) in [
            (vec![(false, fired), (false, control)], true, None),
            (vec![(true, fired), (false, control)], false, Some("failed: see above")),
            (vec![(false, control)], true, Some("nothing was injected")),
            (vec![(false, "fired: 0 kills\n"), (false, control)], true, Some("nothing was injected")),
            (vec![(false, fired)], true, Some("no control")),
            (vec![], false, Some("did not come to an end")),
        ] {
            let cases: Vec<_> = outputs.iter().map(|(failed, output)| case("t", *failed, output)).collect();
            let findings = Report::of(&cases, success).findings;
            match finding {
                None => assert_eq!(findings, [""; 0]),
                Some(words) => assert!(findings.len() == 1 && findings[0].contains(words), "{findings:?}"),
            }
        }
    }
}
