//! The tests that read system calls, in the test binary `traced`.

use anyhow::Result;

use super::{Counts, Ran, apt, junit, rust};
use crate::workspace::{Workspace, has_cargo_subcommand, last_line};

/// Where the product's tests are. Of the whole workspace, as the other tests are built: a package alone would be compiled
/// with another set of features, and everything below it once more.
const WHAT: [&str; 3] = ["--workspace", "--test", "traced"];

/// Runs them where a process can be traced. Their figures are printed here: the promises read them from our output.
pub(super) fn run(workspace: &Workspace) -> Result<Ran> {
    if let Err(reason) = strace(workspace) {
        return Ok(Ran::NotRun(reason));
    }
    if !has_cargo_subcommand(workspace, "nextest") {
        let counts = rust::by_cargo(workspace, &[&WHAT[..], &["--", "--nocapture", "--test-threads", "1"]].concat())?;
        return Ok(Ran::Counted(counted(counts)));
    }
    let (counts, cases) = rust::by_nextest(workspace, &WHAT)?;
    print_figures(&cases);
    Ok(Ran::Counted(counted(counts)))
}

/// Prints what tests report of a promise.
pub(super) fn print_figures(cases: &[junit::Case]) {
    for figure in cases.iter().flat_map(|case| case.output.lines()).filter(|line| line.starts_with("figure:")) {
        println!("{figure}");
    }
}

/// A suite of which nothing ran shows nothing.
pub(super) fn counted(mut counts: Counts) -> Counts {
    if counts.passed + counts.failed == 0 {
        counts.failed = 1;
        counts.remark = Some("there are no tests in it".to_owned());
    }
    counts
}

/// Whether strace is there and may trace; installed with apt-get where we may. Else why not.
pub(crate) fn strace(workspace: &Workspace) -> Result<(), String> {
    let traces = || workspace.command("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    let ran = match traces() {
        Ok(ran) => ran,
        Err(missing) => {
            apt::install(workspace, "strace").map_err(|why| format!("strace cannot be started ({missing}); {why}"))?;
            traces().map_err(|error| format!("strace was installed and cannot be started: {error}"))?
        }
    };
    if ran.status.success() { Ok(()) } else { Err(format!("strace may not trace here: {}", last_line(&ran.stderr))) }
}
