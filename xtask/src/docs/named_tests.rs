//! A page that says which test holds a statement names one that exists, and a table with a column for it leaves no row
//! without one: either a test holds the row, or the row says that none does and why.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{PROMISES, Page};
use crate::markdown;
use crate::report::Report;
use crate::rust_source::code_only;
use crate::workspace::Workspace;

/// Columns whose cells say what holds the row.
const HELD_BY: &[&str] = &["held by"];

/// What a row says that nothing holds, before it says why.
const NOT_HELD: &str = "not held by a test: ";

/// Names of tests are sentences. A word in code with fewer underscores may be a member, a variable or a tool.
const UNDERSCORES: usize = 4;

/// What a page says that the product prints: its words in code are keys, members and codes, and no test wrote it.
const PRINTED: &str = "<!-- Printed by the product.";

/// What begins a filter of tests in the promises.
const FILTER: &str = "nextest:";

/// In a column that is there for tests, shorter names are names of tests too.
const UNDERSCORES_HELD_BY: usize = 2;

/// Names of all functions and modules in the repository's Rust sources; a filter may name a module of tests.
pub(super) fn functions(workspace: &Workspace, files: &[String]) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        if let Some(text) = workspace.text(file)? {
            names.extend(functions_of(&code_only(&text)));
        }
    }
    Ok(names)
}

fn functions_of(code: &str) -> impl Iterator<Item = String> + '_ {
    let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let after = |word| code.split(word).skip(1);
    after("fn ").chain(after("mod ")).map(move |rest| name(rest.trim_start())).filter(|name| !name.is_empty())
}

/// All rules about names of tests. Returns how many names were looked at.
pub(super) fn check(pages: &[Page], functions: &BTreeSet<String>, report: &mut Report) -> usize {
    let mut looked_at = 0;
    for page in pages.iter().filter(|page| !page.text.contains(PRINTED)) {
        let mut named: BTreeSet<(usize, String)> = BTreeSet::new();
        for line in markdown::lines(&page.text).iter().filter(|line| !line.fenced) {
            named.extend(sentences(line.text, UNDERSCORES).map(|name| (line.number, name.to_owned())));
        }
        for table in markdown::tables(&page.text) {
            let Some(column) = table.column(HELD_BY) else { continue };
            for (line, row) in &table.rows {
                let cell = row.get(column).map_or("", String::as_str);
                let tests: BTreeSet<&str> = sentences(cell, UNDERSCORES_HELD_BY).collect();
                if tests.is_empty() && !says_why_not(cell) {
                    report.problem(
                        format!("{}:{line}", page.path),
                        "does not say what holds the row",
                        format!("name the test in code, or write \"{NOT_HELD}\" and the reason"),
                    );
                }
                named.extend(tests.into_iter().map(|name| (*line, name.to_owned())));
            }
        }
        let missing = |place: String, name: &str, report: &mut Report| {
            let what = format!("names the test `{name}`, which does not exist");
            report.problem(place, what, "name the test that holds it, or write the test");
        };
        looked_at += named.len();
        for (line, name) in named.iter().filter(|(_, name)| !functions.contains(name)) {
            missing(format!("{}:{line}", page.path), name, report);
        }
        if page.path == PROMISES {
            for (line, part) in filtered(&page.text) {
                looked_at += 1;
                if !functions.iter().any(|name| name.contains(&part)) {
                    missing(format!("{}:{line}", page.path), &part, report);
                }
            }
        }
    }
    looked_at
}

/// Parts of tests' names in the filters of the promises, each with its line. Whether a filter finds anything is known when
/// the promises are run; that a renamed test is still looked for is known here.
fn filtered(page: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for table in markdown::tables(page) {
        let Some(column) = table.column(&["test"]) else { continue };
        for (line, row) in &table.rows {
            let filter = row.get(column).and_then(|cell| cell.split_once(FILTER)).map_or("", |(_, filter)| filter);
            let words = filter.split(|c: char| !(c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit()));
            let parts = words.filter(|word| word.matches('_').count() >= UNDERSCORES_HELD_BY);
            out.extend(parts.map(|part| (*line, part.to_owned())));
        }
    }
    out
}

fn says_why_not(cell: &str) -> bool {
    cell.find(NOT_HELD).is_some_and(|at| !cell[at + NOT_HELD.len()..].trim().is_empty())
}

/// Code spans of a text that read like the name of a test.
fn sentences(text: &str, underscores: usize) -> impl Iterator<Item = &str> {
    let plain = |word: &str| word.bytes().all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit());
    text.split('`').skip(1).step_by(2).filter(move |word| plain(word) && word.matches('_').count() >= underscores)
}

#[cfg(test)]
mod tests {
    use super::super::tests::pages;
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let known = ["nothing_is_lost_on_the_way", "it_holds_here"].map(str::to_owned).into();
        let mut report = Report::default();
        check(&pages(&[("docs/a.md", text)]), &known, &mut report);
        report.problems().iter().map(|problem| format!("{}: {}", problem.place, problem.what)).collect()
    }

    #[test]
    fn a_named_test_exists_wherever_it_is_named() {
        assert!(problems("`nothing_is_lost_on_the_way`, `retry_after_s`, `a b_c_d_e_f`, `A_B_C_D_E_F`").is_empty());
        assert_eq!(
            problems("x\n\n`something_is_lost_on_the_way`\n"),
            ["docs/a.md:3: names the test `something_is_lost_on_the_way`, which does not exist"]
        );
        assert!(problems("```\n`something_is_lost_on_the_way`\n```\n").is_empty());
    }

    #[test]
    fn a_row_names_what_holds_it_or_says_why_nothing_does() {
        let table = |cell: &str| format!("| What | Held by |\n|---|---|\n| a | {cell} |\n");
        for good in ["`it_holds_here`", "CI, `it_holds_here`", "not held by a test: nobody can"] {
            assert!(problems(&table(good)).is_empty(), "{good}");
        }
        for bad in ["", "care", "not held by a test: ", "`cargo xtask docs`"] {
            assert_eq!(problems(&table(bad)), ["docs/a.md:3: does not say what holds the row"], "{bad}");
        }
        assert_eq!(
            problems(&table("`it_held_once`")),
            ["docs/a.md:3: names the test `it_held_once`, which does not exist"]
        );
    }

    #[test]
    fn the_promises_look_for_names_that_are_there() {
        let known: BTreeSet<String> = ["nothing_is_lost_on_the_way".to_owned()].into();
        let page = "| id | test |\n|---|---|\n| a | `nextest: package(x) & test(/nothing_is_lost\\|all_is_lost/)` |\n| b | `xtask: a_b_c_d` |\n";
        let mut report = Report::default();
        check(&pages(&[(PROMISES, page)]), &known, &mut report);
        let found: Vec<String> = report.problems().iter().map(|problem| problem.what.clone()).collect();
        assert_eq!(found, ["names the test `all_is_lost`, which does not exist"]);
    }

    #[test]
    fn functions_are_found_with_their_parameters_and_not_in_comments() {
        let code =
            code_only("// fn not_this()\nfn one() {}\npub async fn two<'a>(x: &'a str) {}\n fn three(x in 0..5u8) {}");
        assert_eq!(functions_of(&code).collect::<Vec<_>>(), ["one", "two", "three"]);
    }
}
