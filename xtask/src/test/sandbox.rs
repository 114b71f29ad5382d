//! The tests that need what stands around the work: bubblewrap, Landlock and seccomp. The escape set is among them.

use std::time::Duration;

use anyhow::Result;

use super::{Ran, apt, rust, traced};
use crate::workspace::{Workspace, has_cargo_subcommand, show};

/// The modules that hold them, in the tests of `cortexpilot-work`; the suite `nextest` leaves them out.
pub(super) const MODULE: &str = "sandboxed::";

/// All of them, and the one that asks the machine. Of the whole workspace, as the other tests are built.
const ALL: [&str; 5] = ["--workspace", "--test", "it", "-E", "package(cortexpilot-work) & test(/^sandboxed::/)"];
const LAYERS: [&str; 5] =
    ["--workspace", "--test", "it", "-E", "package(cortexpilot-work) & test(this_machine_gives_every_layer)"];
const LAYERS_TEST: &str = "this_machine_gives_every_layer";

/// How a test says that the machine lacks a layer.
const MISSING: &str = "missing: ";

/// Long enough for a cold build.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Runs them where the machine gives every layer, which is found out by using each of them once.
pub(super) fn run(workspace: &Workspace) -> Result<Ran> {
    if let Err(reason) = bubblewrap(workspace) {
        return Ok(Ran::NotRun(reason));
    }
    if !has_cargo_subcommand(workspace, "nextest") {
        let what = ["test", "--workspace", "--test", "it", "--", "--nocapture", LAYERS_TEST];
        let shown = show(workspace.cargo().args(what), LIMIT)?;
        if let Some(reason) = missing(&shown.stdout) {
            return Ok(Ran::NotRun(reason));
        }
        let what = ["--workspace", "--test", "it", "--", "--nocapture", MODULE];
        return Ok(Ran::Counted(traced::counted(rust::by_cargo(workspace, &what)?)));
    }
    let (_, cases) = rust::by_nextest(workspace, &LAYERS)?;
    let said: String = cases.iter().map(|case| format!("{}\n", case.output)).collect();
    if let Some(reason) = missing(&said) {
        return Ok(Ran::NotRun(reason));
    }
    let (counts, cases) = rust::by_nextest(workspace, &ALL)?;
    traced::print_figures(&cases);
    Ok(Ran::Counted(traced::counted(counts)))
}

/// Which layers a test said the machine lacks.
fn missing(output: &str) -> Option<String> {
    let lines: Vec<&str> = output.lines().filter_map(|line| line.strip_prefix(MISSING)).collect();
    (!lines.is_empty()).then(|| format!("this machine does not give {}", lines.join("; ")))
}

/// Whether bubblewrap is there; installed where we may. Else why not.
fn bubblewrap(workspace: &Workspace) -> Result<(), String> {
    let starts = || workspace.command("bwrap").arg("--version").output().is_ok_and(|ran| ran.status.success());
    if starts() {
        return Ok(());
    }
    apt::install(workspace, "bubblewrap").map_err(|why| format!("bubblewrap is not installed; {why}"))?;
    if starts() { Ok(()) } else { Err("bubblewrap was installed and cannot be started".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_that_a_machine_lacks_is_named() {
        assert_eq!(missing("running 1 test\nfigure: confined: Landlock 7\ntest x ... ok\n"), None);
        let said = "figure: confined: Landlock 7\nmissing: namespaces: bwrap: No permissions\ntest x ... FAILED\n";
        assert_eq!(missing(said).unwrap(), "this machine does not give namespaces: bwrap: No permissions");
    }

    #[test]
    fn the_suite_of_everything_else_leaves_exactly_these_out() {
        assert!(ALL[4].contains(&format!("^{MODULE}")) && LAYERS[4].contains(LAYERS_TEST));
        assert!(rust::EVERYTHING_ELSE.contains(MODULE));
    }
}
