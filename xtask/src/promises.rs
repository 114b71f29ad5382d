//! `docs/promises.md`: what the product promises, each row with the test that holds it. This runs the rows.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cli::Args;
use crate::test::junit;
use crate::workspace::{Workspace, has_cargo_subcommand, last_line, passes, show};

use table::{PAGE, Row, Test, choose, parse};

/// How a line of test output says a figure of its promise.
const FIGURE: &str = "figure:";

/// A row's command that cannot run here exits with this, as test programs commonly do.
const SKIPPED: i32 = 77;

/// A `run:` or `xtask:` row that is still running after this hangs.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// How a row ended.
#[derive(Debug)]
struct Verdict {
    outcome: Outcome,
    time: Duration,
    figures: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Ok,
    Fail(String),
    Skipped(String),
}

/// `cargo xtask promises`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let page = workspace.text(PAGE)?.with_context(|| format!("{PAGE} is missing"))?;
    let rows = choose(parse(&page)?, &args.values("--only"))?;
    if args.has("--list") {
        for row in &rows {
            println!("{:<7} {}\n        $ {}", row.id, row.promise, row.command);
        }
        return Ok(ExitCode::SUCCESS);
    }
    workspace.build_product()?;
    let mut verdicts = nextest_rows(&workspace, &rows)?;
    for row in &rows {
        let verdict = match &row.test {
            Test::Nextest(_) => continue,
            Test::Run(command) => commanded(&row.id, workspace.command("bash").args(["-c", command]))?,
            Test::Xtask(words) => {
                let this = std::env::current_exe().context("the path of xtask itself cannot be read")?;
                commanded(&row.id, workspace.command(this).args(words))?
            }
        };
        verdicts.insert(row.id.clone(), verdict);
    }
    Ok(finish(&rows, &verdicts))
}

/// A test: its binary's id and its name.
type TestId = (String, String);

/// All `nextest:` rows in one run of nextest, judged row by row.
fn nextest_rows(workspace: &Workspace, rows: &[Row]) -> Result<BTreeMap<String, Verdict>> {
    let mut verdicts = BTreeMap::new();
    let filters: Vec<(&str, &str)> = rows
        .iter()
        .filter_map(|row| match &row.test {
            Test::Nextest(filter) => Some((row.id.as_str(), filter.as_str())),
            Test::Run(_) | Test::Xtask(_) => None,
        })
        .collect();
    if filters.is_empty() {
        return Ok(verdicts);
    }
    if !has_cargo_subcommand(workspace, "nextest") {
        let reason = "cargo-nextest is not installed (cargo install cargo-nextest --locked)";
        for (id, _) in filters {
            verdicts.insert(
                id.to_owned(),
                Verdict { outcome: Outcome::Skipped(reason.to_owned()), time: Duration::ZERO, figures: Vec::new() },
            );
        }
        return Ok(verdicts);
    }
    // Built before anything is listed, so that what does not compile fails here with the compiler's own words.
    if !passes(
        workspace
            .cargo()
            .args(["nextest", "list", "--workspace", "--cargo-quiet", "--list-type", "binaries-only"])
            .stdout(std::process::Stdio::null()),
    )? {
        bail!("the tests do not build: see above");
    }
    let mut matched: Vec<(&str, BTreeSet<TestId>)> = Vec::new();
    let mut union: Vec<String> = Vec::new();
    for (id, filter) in filters {
        let outcome = match list(workspace, filter)? {
            Ok(tests) if tests.is_empty() => Outcome::Fail(format!("the filter `{filter}` matches no test")),
            Ok(tests) => {
                matched.push((id, tests));
                union.push(format!("({filter})"));
                continue;
            }
            Err(reason) => Outcome::Fail(format!("nextest refuses the filter `{filter}`: {reason}")),
        };
        verdicts.insert(id.to_owned(), Verdict { outcome, time: Duration::ZERO, figures: Vec::new() });
    }
    if union.is_empty() {
        return Ok(verdicts);
    }
    let results = junit::path(workspace);
    junit::forget(&results)?;
    // The verdicts come from the results file: a failed test of one row must not speak for the others.
    let _ = passes(workspace.cargo().args([
        "nextest",
        "run",
        "--workspace",
        "--profile",
        junit::PROFILE,
        "-E",
        &union.join(" | "),
    ]))?;
    let xml = std::fs::read_to_string(&results).context("nextest ran no test: see above")?;
    let cases = junit::parse(&xml)?;
    for (id, tests) in matched {
        verdicts.insert(id.to_owned(), judge(&tests, &cases));
    }
    Ok(verdicts)
}

/// The tests that a filter matches, or nextest's reason for refusing it.
fn list(workspace: &Workspace, filter: &str) -> Result<Result<BTreeSet<TestId>, String>> {
    let output = workspace
        .cargo()
        .args(["nextest", "list", "--workspace", "--cargo-quiet", "--message-format", "json", "-E", filter])
        .output()
        .context("cargo nextest list cannot be started")?;
    if !output.status.success() {
        return Ok(Err(last_line(&output.stderr)));
    }
    let listed: Value = serde_json::from_slice(&output.stdout).context("cargo nextest list printed no JSON")?;
    matching(&listed).map(Ok)
}

/// The tests marked as matching in what `cargo nextest list --message-format json` prints.
fn matching(listed: &Value) -> Result<BTreeSet<TestId>> {
    let suites = listed["rust-suites"].as_object().context("cargo nextest list names no suites")?;
    let mut tests = BTreeSet::new();
    for (binary, suite) in suites {
        for (name, case) in suite["testcases"].as_object().into_iter().flatten() {
            if case["filter-match"]["status"].as_str() == Some("matches") {
                tests.insert((binary.clone(), name.clone()));
            }
        }
    }
    Ok(tests)
}

/// A row is ok when every test its filter matched ran and passed.
fn judge(tests: &BTreeSet<TestId>, cases: &[junit::Case]) -> Verdict {
    let mut figures = Vec::new();
    let mut seconds = 0.0;
    let mut wrong = Vec::new();
    for (binary, name) in tests {
        match cases.iter().find(|case| case.binary == *binary && case.name == *name) {
            None => wrong.push(format!("{binary} {name} did not run")),
            Some(case) => {
                seconds += case.seconds;
                figures.extend(figures_in(&case.output));
                if case.failed {
                    wrong.push(format!("{binary} {name} failed"));
                }
            }
        }
    }
    let outcome = if wrong.is_empty() { Outcome::Ok } else { Outcome::Fail(wrong.join("; ")) };
    Verdict { outcome, time: Duration::from_secs_f64(seconds), figures }
}

fn figures_in(output: &str) -> Vec<String> {
    output.lines().filter(|line| line.starts_with(FIGURE)).map(str::to_owned).collect()
}

/// A row that is a command. `CI=1` makes it count what it could not run as failed.
fn commanded(id: &str, command: &mut std::process::Command) -> Result<Verdict> {
    println!("── {id}");
    let started = Instant::now();
    let shown = show(command.env("CI", "1"), LIMIT)?;
    let outcome = match shown.code {
        Some(0) => Outcome::Ok,
        Some(SKIPPED) => Outcome::Skipped(format!("it cannot run here: {}", last_line(shown.stdout.as_bytes()))),
        Some(code) => Outcome::Fail(format!("exit code {code}")),
        None => Outcome::Fail("ended by a signal".to_owned()),
    };
    Ok(Verdict { outcome, time: started.elapsed(), figures: figures_in(&shown.stdout) })
}

/// Prints every row with its figures. Anything but ok is red.
fn finish(rows: &[Row], verdicts: &BTreeMap<String, Verdict>) -> ExitCode {
    println!();
    let mut red = 0;
    for row in rows {
        let Some(verdict) = verdicts.get(&row.id) else {
            println!("{:<7} FAIL             {}", row.id, row.promise);
            red += 1;
            continue;
        };
        let (word, reason) = match &verdict.outcome {
            Outcome::Ok => ("ok", None),
            Outcome::Fail(reason) => ("FAIL", Some(reason)),
            Outcome::Skipped(reason) => ("SKIPPED", Some(reason)),
        };
        red += usize::from(verdict.outcome != Outcome::Ok);
        println!("{:<7} {word:<7} {:>6.1} s  {}", row.id, verdict.time.as_secs_f64(), row.promise);
        if let Some(reason) = reason {
            println!("        {reason}");
        }
        for figure in &verdict.figures {
            println!("        {figure}");
        }
    }
    println!("promises: {} kept, {red} not shown", rows.len() - red);
    if red == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_matching_tests_count() {
        let listed = json!({"rust-suites": {"a::it": {"testcases": {
            "one": {"ignored": false, "filter-match": {"status": "matches"}},
            "two": {"ignored": false, "filter-match": {"status": "mismatch", "reason": "expression"}},
        }}}});
        assert_eq!(matching(&listed).unwrap(), BTreeSet::from([("a::it".to_owned(), "one".to_owned())]));
    }

    #[test]
    fn a_row_is_ok_when_every_matched_test_ran_and_passed() {
        let case = |name: &str, failed: bool| junit::Case {
            binary: "a::it".to_owned(),
            name: name.to_owned(),
            seconds: 0.5,
            failed,
            output: format!("running 1 test\nfigure: {name} 7\nnot a figure: 8\n"),
        };
        let tests =
            |names: &[&str]| names.iter().map(|name| ("a::it".to_owned(), (*name).to_owned())).collect::<BTreeSet<_>>();
        let cases = [case("one", false), case("two", true)];
        let verdict = judge(&tests(&["one"]), &cases);
        assert_eq!((verdict.outcome, verdict.figures), (Outcome::Ok, vec!["figure: one 7".to_owned()]));
        let both = judge(&tests(&["one", "two"]), &cases);
        assert_eq!((both.outcome, both.time), (Outcome::Fail("a::it two failed".to_owned()), Duration::from_secs(1)));
        assert_eq!(judge(&tests(&["three"]), &cases).outcome, Outcome::Fail("a::it three did not run".to_owned()));
    }
}
