//! Inside core, the domain is what everything else stands on: it names nothing above itself. The compiler allows that
//! within a crate, so the text is read.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::report::Report;
use crate::rust_source::code_only;
use crate::workspace::Workspace;

/// Modules of core that its domain must not name: the domain is what they stand on.
const ABOVE_THE_DOMAIN: &[&str] = &["app", "port", "codec"];

/// Inside core the domain names nothing that stands on it.
pub(super) fn check(workspace: &Workspace, report: &mut Report) -> Result<()> {
    let root = "crates/cortexpilot-core/src/";
    let mut seen = 0;
    for file in workspace.files()? {
        let Some(inside) = file.strip_prefix(root) else {
            continue;
        };
        if inside != "domain.rs" && !(inside.starts_with("domain/") && inside.ends_with(".rs")) {
            continue;
        }
        seen += 1;
        // `domain.rs` is one `super` away from the crate's root, `domain/x.rs` two, and so on.
        let depth = inside.matches('/').count() + 1;
        for (line, module) in upward_names(&workspace.text(&file)?.unwrap_or_default(), depth) {
            report.problem(
                format!("{file}:{line}"),
                format!("the domain names `crate::{module}`, which stands on it"),
                "pass the value in, or move the code up into that module",
            );
        }
    }
    if seen == 0 {
        report.problem(
            root,
            "has no domain module to check",
            "restore domain.rs, or correct the path in xtask/src/deps.rs",
        );
    }
    Ok(())
}

/// Lines on which code names a module above the domain: `crate::app`, `use crate::{port, …}`, or enough `super`s.
fn upward_names(source: &str, depth: usize) -> Vec<(usize, &'static str)> {
    let code = code_only(source);
    let mut found = Vec::new();
    let path_starts = code.match_indices("crate").chain(code.match_indices("super"));
    for (at, _) in path_starts {
        let before = code[..at].trim_end();
        let starts_a_path = !before.ends_with("::") && !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if !starts_a_path {
            continue;
        }
        let Some(names) = first_names(&code[at..], depth) else {
            continue;
        };
        let line = code[..at].matches('\n').count() + 1;
        for module in ABOVE_THE_DOMAIN.iter().filter(|module| names.contains(**module)) {
            found.push((line, *module));
        }
    }
    found.sort_unstable();
    found
}

/// The names directly below the crate's root that a path (or the group at its end) begins with.
fn first_names(path: &str, depth: usize) -> Option<BTreeSet<String>> {
    let mut rest = path;
    let mut supers = 0;
    loop {
        let trimmed = rest.trim_start();
        let (word, after) = split_word(trimmed);
        let tail = after.trim_start().strip_prefix("::");
        match (word, tail) {
            ("super", Some(tail)) => {
                supers += 1;
                rest = tail;
            }
            ("crate", Some(tail)) if supers == 0 => {
                rest = tail;
                break;
            }
            _ if supers >= depth => break,
            _ => return None,
        }
    }
    let rest = rest.trim_start();
    let Some(group) = rest.strip_prefix('{') else {
        return Some(BTreeSet::from([split_word(rest).0.to_owned()]));
    };
    let mut names = BTreeSet::new();
    let mut nested = 0_usize;
    let mut expects_name = true;
    let mut at = group;
    while let Some(c) = at.chars().next() {
        match c {
            '{' => nested += 1,
            '}' if nested == 0 => break,
            '}' => nested -= 1,
            ',' if nested == 0 => expects_name = true,
            c if expects_name && nested == 0 && (c.is_alphabetic() || c == '_') => {
                let (word, after) = split_word(at);
                names.insert(word.to_owned());
                expects_name = false;
                at = after;
                continue;
            }
            _ => {}
        }
        at = &at[c.len_utf8()..];
    }
    Some(names)
}

fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_names_nothing_above_it() {
        for (source, depth, wanted) in [
            ("use crate::app::App;", 1, vec![(1, "app")]),
            ("\nfn f(x: &crate::port::Clock) {}", 2, vec![(2, "port")]),
            ("use crate::{\n    domain::x,\n    codec,\n};", 1, vec![(1, "codec")]),
            ("use crate::domain::{app, port};", 1, vec![]),
            ("use super::super::app;", 2, vec![(1, "app")]),
            ("use super::app;", 1, vec![(1, "app")]),
            ("use super::app;", 2, vec![]),
            ("use crate::apple; use crate::domain::port;", 1, vec![]),
            ("/// See [`crate::app`].\nfn f() { \"crate::app\"; }", 1, vec![]),
            ("pub(crate) fn app() {} pub(super) mod port {}", 1, vec![]),
            ("use my_crate::app;", 1, vec![]),
        ] {
            assert_eq!(upward_names(source, depth), wanted, "{source}");
        }
    }
}
