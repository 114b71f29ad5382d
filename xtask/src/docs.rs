//! What the pages must say, must not say, where their links must lead, and which tests they name.

mod claims;
mod dist;
mod named_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::Result;

use crate::cli::Args;
use crate::markdown;
use crate::report::Report;
use crate::workspace::Workspace;

const ERRORS: &str = "docs/reference/errors.md";
const ERROR_PAGES: &str = "docs/errors/";
const PROMISES: &str = "docs/promises.md";

/// One Markdown page.
struct Page {
    path: String,
    text: String,
}

/// `cargo xtask docs`.
pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    Ok(check(&Workspace::find()?)?.finish("docs"))
}

/// All rules about pages.
pub(crate) fn check(workspace: &Workspace) -> Result<Report> {
    let mut report = Report::default();
    let files = workspace.files()?;
    let mut pages = Vec::new();
    // Reports and notes inside recorded test input are data, not pages.
    for file in files.iter().filter(|file| file.ends_with(".md") && !is_test_data(file)) {
        if let Some(text) = workspace.text(file)? {
            pages.push(Page { path: file.clone(), text });
        }
    }
    let links = check_links(&pages, &files, &mut report);
    claims::check(&pages, &mut report);
    dist::check(workspace, &files, &mut report)?;
    check_error_pages(&pages, &mut report);
    check_promise_paths(&pages, &files, &mut report);
    let tests = named_tests::check(&pages, &named_tests::functions(workspace, &files)?, &mut report);
    report.note(format!("looked at {} pages, {links} links and {tests} names of tests", pages.len()));
    Ok(report)
}

fn is_test_data(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/")
}

fn page<'a>(pages: &'a [Page], path: &str) -> Option<&'a Page> {
    pages.iter().find(|page| page.path == path)
}

/// Each relative link leads to a file or directory of the repository, each anchor to a heading. Returns how many were
/// looked at; addresses on other hosts are not, because a check must not depend on the network.
fn check_links(pages: &[Page], files: &[String], report: &mut Report) -> usize {
    let known: BTreeSet<&str> = files.iter().map(String::as_str).collect();
    let anchors: BTreeMap<&str, BTreeSet<String>> =
        pages.iter().map(|page| (page.path.as_str(), markdown::anchors(&page.text))).collect();
    let mut looked_at = 0;
    for page in pages {
        for link in markdown::links(&page.text) {
            let place = format!("{}:{}", page.path, link.line);
            let target = match link.target {
                Ok(target) => target,
                Err(label) => {
                    report.problem(
                        place,
                        format!("uses the link label `{label}`, which the page does not define"),
                        format!("add `[{label}]: target` to the page"),
                    );
                    continue;
                }
            };
            if is_address(&target) {
                continue;
            }
            looked_at += 1;
            if let Err(what) = check_link(&page.path, &target, &known, &anchors) {
                report.problem(place, what, "correct the link, or write what it should lead to");
            }
        }
    }
    looked_at
}

fn is_address(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

fn check_link(
    from: &str,
    target: &str,
    files: &BTreeSet<&str>,
    anchors: &BTreeMap<&str, BTreeSet<String>>,
) -> Result<(), String> {
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    let path = path.replace("%20", " ");
    let resolved = if path.is_empty() { from.to_owned() } else { resolve(from, &path)? };
    let is_dir = |dir: &str| {
        dir.is_empty() || files.iter().any(|file| file.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/')))
    };
    if !files.contains(resolved.as_str()) && !is_dir(&resolved) {
        return Err(format!("the link `{target}` leads to `{resolved}`, which does not exist"));
    }
    match (anchor, anchors.get(resolved.as_str())) {
        (Some(anchor), Some(known)) if !known.contains(anchor) => {
            Err(format!("the link `{target}` names an anchor that {resolved} does not have"))
        }
        _ => Ok(()),
    }
}

/// The path from the root that a relative path on a page means.
fn resolve(from: &str, path: &str) -> Result<String, String> {
    if path.starts_with('/') {
        return Err(format!("the link `{path}` is absolute: write it from the page's own directory"));
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err(format!("the link `{path}` leaves the repository"));
                }
            }
            _ => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Each error code has its page, and each page its code.
fn check_error_pages(pages: &[Page], report: &mut Report) {
    let Some(reference) = page(pages, ERRORS) else {
        report.problem(ERRORS, "is missing", "cargo xtask gen");
        return;
    };
    let mut codes = BTreeSet::new();
    for table in markdown::tables(&reference.text) {
        if let Some(column) = table.column(&["code"]) {
            codes.extend(table.rows.iter().filter_map(|(_, row)| row.get(column)).filter_map(|cell| first_code(cell)));
        }
    }
    if codes.is_empty() {
        report.problem(ERRORS, "has no table with a column `code`", "cargo xtask gen");
    }
    let written: BTreeSet<String> = pages
        .iter()
        .filter_map(|page| page.path.strip_prefix(ERROR_PAGES)?.strip_suffix(".md"))
        .filter(|name| *name != "README")
        .map(str::to_owned)
        .collect();
    for code in codes.difference(&written) {
        report.problem(
            format!("{ERROR_PAGES}{code}.md"),
            "is missing",
            "write what the code means, who can put it right, and how",
        );
    }
    for code in written.difference(&codes) {
        report.problem(
            format!("{ERROR_PAGES}{code}.md"),
            format!("explains a code that {ERRORS} does not have"),
            "delete the page, or restore the code",
        );
    }
}

/// The first code span of a cell.
fn first_code(cell: &str) -> Option<String> {
    let name = cell.split('`').nth(1)?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Pages that the promises name in code, not as links, exist too.
fn check_promise_paths(pages: &[Page], files: &[String], report: &mut Report) {
    let Some(promises) = page(pages, PROMISES) else {
        report.problem(PROMISES, "is missing", "write it: one row for each thing the product promises");
        return;
    };
    for line in markdown::lines(&promises.text).iter().filter(|line| !line.fenced) {
        for word in line.text.split('`').skip(1).step_by(2).flat_map(str::split_whitespace) {
            let path = word.split('#').next().unwrap_or(word).trim_start_matches("./");
            if path.ends_with(".md") && !path.contains(['*', '<', '$']) && !files.iter().any(|file| file == path) {
                report.problem(
                    format!("{PROMISES}:{}", line.number),
                    format!("names `{path}`, which does not exist"),
                    "correct the path, or write the page",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn pages(texts: &[(&str, &str)]) -> Vec<Page> {
        texts.iter().map(|(path, text)| Page { path: (*path).to_owned(), text: (*text).to_owned() }).collect()
    }

    #[test]
    fn relative_paths_resolve_from_the_page() {
        assert_eq!(resolve("docs/a.md", "b.md").unwrap(), "docs/b.md");
        assert_eq!(resolve("docs/guides/a.md", "../../README.md").unwrap(), "README.md");
        assert_eq!(resolve("README.md", "./docs/").unwrap(), "docs");
        assert!(resolve("README.md", "../x.md").unwrap_err().contains("leaves the repository"));
        assert!(resolve("README.md", "/docs/x.md").unwrap_err().contains("absolute"));
    }

    #[test]
    fn dead_links_and_anchors_are_found_where_they_stand() {
        let pages = pages(&[
            (
                "README.md",
                "# One\n[a](docs/a.md) [b](docs/a.md#two) [c](#one) [d](docs/) [e](LICENSE) [f](https://example.org/x)\n",
            ),
            ("docs/a.md", "# Two\n\n[a](b.md)\n[b](../README.md#none)\n[c](#none)\n[d][e]\n"),
        ]);
        let files: Vec<String> = ["LICENSE", "README.md", "docs/a.md"].map(str::to_owned).to_vec();
        let mut report = Report::default();
        assert_eq!(check_links(&pages, &files, &mut report), 8);
        let places: Vec<&str> = report.problems().iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(places, ["docs/a.md:3", "docs/a.md:4", "docs/a.md:5", "docs/a.md:6"]);
    }

    #[test]
    fn error_codes_and_pages_match_both_ways() {
        let pages = pages(&[
            (ERRORS, "| Code | HTTP |\n|---|---|\n| `GATE_SHUT` | 403 |\n| [`GONE`](../errors/GONE.md) | 404 |\n"),
            ("docs/errors/GATE_SHUT.md", "x"),
            ("docs/errors/OLD.md", "x"),
            ("docs/errors/README.md", "x"),
        ]);
        let mut report = Report::default();
        check_error_pages(&pages, &mut report);
        let places: Vec<&str> = report.problems().iter().map(|problem| problem.place.as_str()).collect();
        assert_eq!(places, ["docs/errors/GONE.md", "docs/errors/OLD.md"]);
    }

    #[test]
    fn promises_name_pages_that_exist() {
        let pages = pages(&[(PROMISES, "| `cat docs/boundary.md` | `docs/gone.md` | `*.md` |\n")]);
        let mut report = Report::default();
        check_promise_paths(&pages, &["docs/boundary.md".to_owned()], &mut report);
        assert_eq!(report.problems().len(), 1);
        assert!(report.problems()[0].what.contains("docs/gone.md"));
    }
}
