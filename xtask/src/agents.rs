//! `cargo xtask agents`: coding agents as they are shipped, with a scripted model on loopback, and the security scanner.
//!
//! What is held to is what the model *received*: an agent's client stands between a server and its model and drops parts
//! of answers. The conversations are in `tests/agents`; this installs what they need, starts them and counts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::cli::Args;
use crate::workspace::{Workspace, in_ci, show};

pub(crate) mod installed;

/// Drives the clients. Interface: `--binary PATH --prefix DIR`, and the options below; lines `NOT RUN: …`, at the end
/// `N passed, N failed`, and exit code zero when nothing failed.
const CONVERSATIONS: &str = "tests/agents/run.py";

/// Lets the clients carry out a task, and a worker the item that is queued from it, in each sandbox. Interface: `--binary PATH --prefix DIR [--client NAME]`, and the same lines.
const EXECUTE: &str = "tests/agents/execute.py";

/// Runs the scanner. Interface: `--binary PATH`, and the same lines.
const SCAN: &str = "tests/agents/scan.py";

/// Where the clients are pinned: `tests/clients/agents`, installed into `target/clients/agents`.
const CLIENTS_PREFIX: &str = "agents";

/// The scanner's environment below `target/clients`, and its version. It also brings the library that validates messages.
const SCANNER: (&str, &str) = ("scanner", "cisco-ai-mcp-scanner==4.8.7");

/// Where the wire logs are kept.
const EVIDENCE: &str = "docs/evidence/agents";

/// The names that `--client` takes: the clients, and the scanner, which needs none of them.
const NAMES: [&str; 3] = ["claude-code", "codex", "scanner"];

/// All conversations and scans take a few minutes; what is still running after this hangs.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What the parts reported, added up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    not_run: Vec<String>,
}

impl Tally {
    /// Reads what a script printed. One that counted nothing did not come to its end, which is a failure.
    fn read(&mut self, part: &str, stdout: &str, success: bool) {
        let counts = stdout.lines().rev().find_map(counted);
        let (passed, failed) = counts.unwrap_or((0, 0));
        self.passed += passed;
        self.failed += failed;
        self.not_run.extend(stdout.lines().filter_map(|line| line.strip_prefix("NOT RUN: ")).map(str::to_owned));
        if failed == 0 && (passed == 0 || !success) {
            self.failed += 1;
            println!("{part} did not come to an end");
        }
    }

    /// The closing lines. What could not run weighs as much as a failure where everything must run.
    fn finish(&mut self, must_run: bool) -> String {
        let mut text = String::from("\n");
        for reason in &self.not_run {
            let weight = if must_run { ", counted as failed" } else { "" };
            text.push_str(&format!("NOT RUN{weight}: {reason}\n"));
        }
        if must_run {
            self.failed += self.not_run.len();
        }
        text.push_str(&format!("{} passed, {} failed\n", self.passed, self.failed));
        text
    }
}

/// The two numbers of a line `N passed, N failed`.
fn counted(line: &str) -> Option<(usize, usize)> {
    let (passed, failed) = line.split_once(" passed, ")?;
    Some((passed.parse().ok()?, failed.strip_suffix(" failed")?.parse().ok()?))
}

/// `cargo xtask agents`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let names = args.values("--client");
    if let Some(unknown) = names.iter().find(|name| !NAMES.contains(name)) {
        bail!("`{unknown}` is not a client here. Clients: {}", NAMES.join(", "));
    }
    let wanted = |name: &str| names.is_empty() || names.contains(&name);
    // A scenario is a conversation's: asking for one leaves the scanner out.
    let scans = names.contains(&"scanner") || names.is_empty() && args.values("--scenario").is_empty();
    let workspace = Workspace::find()?;
    let binary = workspace.build_product()?;
    let mut tally = Tally::default();
    let python = match installed::python(&workspace, SCANNER.0, SCANNER.1)? {
        Ok(python) => Some(python),
        Err(reason) => {
            tally.not_run.push(format!("security scanner: {reason}"));
            None
        }
    };
    if wanted("claude-code") || wanted("codex") {
        converse(&workspace, args, &binary, python.as_deref(), &mut tally)?;
    }
    if let (true, Some(python)) = (scans, &python) {
        let mut command = workspace.command(python);
        command.arg(SCAN).arg("--binary").arg(&binary);
        if args.has("--write-evidence") {
            command.arg("--evidence").arg(workspace.path(EVIDENCE));
        }
        let shown = show(&mut command, LIMIT)?;
        tally.read(SCAN, &shown.stdout, shown.success());
    }
    print!("{}", tally.finish(in_ci() || args.has("--all")));
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the conversations of the clients that were asked for.
fn converse(workspace: &Workspace, args: &Args, binary: &Path, python: Option<&Path>, tally: &mut Tally) -> Result<()> {
    let prefix = match installed::npm(workspace, CLIENTS_PREFIX)? {
        Ok(prefix) => prefix,
        Err(reason) => {
            tally.not_run.push(format!("clients: {reason}"));
            return Ok(());
        }
    };
    let python = python.map_or_else(|| PathBuf::from("python3"), Path::to_path_buf);
    let mut command = workspace.command(&python);
    command.arg(CONVERSATIONS).arg("--binary").arg(binary).arg("--prefix").arg(&prefix);
    for client in args.values("--client").into_iter().filter(|name| *name != "scanner") {
        command.args(["--client", client]);
    }
    for option in ["--scenario", "--transport"] {
        for value in args.values(option) {
            command.args([option, value]);
        }
    }
    if args.has("--keep") {
        command.arg("--keep");
    }
    if args.has("--write-evidence") {
        command.arg("--evidence").arg(workspace.path(EVIDENCE));
    }
    let shown = show(&mut command, LIMIT)?;
    tally.read(CONVERSATIONS, &shown.stdout, shown.success());
    // Scenarios and transports are the conversations': asking for one leaves this out.
    if args.values("--scenario").is_empty() && args.values("--transport").is_empty() {
        let mut command = workspace.command(&python);
        command.arg(EXECUTE).arg("--binary").arg(binary).arg("--prefix").arg(prefix);
        for client in args.values("--client").into_iter().filter(|name| *name != "scanner") {
            command.args(["--client", client]);
        }
        let shown = show(&mut command, LIMIT)?;
        tally.read(EXECUTE, &shown.stdout, shown.success());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parts_print_is_added_up() {
        let mut tally = Tally::default();
        tally.read("a", "  ok   stdio 1\nNOT RUN: Codex is not installed\n30 passed, 0 failed\n", true);
        tally.read("b", "4 passed, 2 failed\n", false);
        assert_eq!(tally, Tally { passed: 34, failed: 2, not_run: vec!["Codex is not installed".to_owned()] });
        assert_eq!(tally.finish(false), "\nNOT RUN: Codex is not installed\n34 passed, 2 failed\n");
        assert_eq!(tally.finish(true), "\nNOT RUN, counted as failed: Codex is not installed\n34 passed, 3 failed\n");
    }

    #[test]
    fn a_part_that_counts_nothing_or_breaks_off_is_a_failure() {
        for (stdout, success) in [("", true), ("0 passed, 0 failed\n", true), ("9 passed, 0 failed\n", false)] {
            let mut tally = Tally::default();
            tally.read("a", stdout, success);
            assert_eq!(tally.failed, 1, "{stdout}");
        }
    }
}
