//! What every crate in the resolved graph states as its licence, held against the list in `deny.toml`: the part of
//! cargo-deny's work on licences that needs no cargo-deny. cargo-deny also reads the licence texts.

use anyhow::{Result, bail};
use serde_json::Value;

use super::{array, string};
use crate::report::Report;

/// Where the list stands.
const LIST: &str = "deny.toml";

/// Where the bundler writes what the built console is made of.
pub(super) const CONSOLE: &str = "packages/console/dist/licenses.md";

/// Every crate that is not ours states a licence which the list allows. Gives how many there are.
pub(super) fn check(resolved: &Value, deny: &str, report: &mut Report) -> Result<usize> {
    let allowed = allowed(deny)?;
    let mut looked_at = 0;
    for package in array(resolved, "packages")?.iter().filter(|package| package["source"].is_string()) {
        looked_at += 1;
        let name = string(package, "name")?;
        let what = match package["license"].as_str() {
            None => format!("{name} states no licence"),
            Some(stated) => match Expression(words(stated)).judged(&allowed) {
                Some(true) => continue,
                Some(false) => format!("{name} is under `{stated}`, which is not allowed"),
                None => format!("{name} states a licence that cannot be read: `{stated}`"),
            },
        };
        report.problem(LIST, what, "replace the crate, or allow its licence there, with the crate's line in docs/adr");
    }
    Ok(looked_at)
}

/// What is in the built console states the same: the bundler lists it with its licences in a file that is served beside
/// it. Gives how many packages there are.
pub(super) fn check_console(listed: Option<String>, deny: &str, report: &mut Report) -> Result<usize> {
    let allowed = allowed(deny)?;
    let mut looked_at = 0;
    // The licences' own texts have no such headings.
    for heading in listed.iter().flat_map(|listed| listed.lines()).filter_map(|line| line.strip_prefix("## ")) {
        looked_at += 1;
        let stated = heading.rsplit_once(" (").and_then(|(_, stated)| stated.strip_suffix(')'));
        let what = match stated {
            None => format!("{heading} states no licence"),
            Some(stated) => match Expression(words(stated)).judged(&allowed) {
                Some(true) => continue,
                Some(false) => format!("{heading}: this licence is not allowed"),
                None => format!("{heading}: this licence cannot be read"),
            },
        };
        report.problem(
            CONSOLE,
            what,
            "replace the package, or allow its licence in deny.toml, with the package's line in docs/adr",
        );
    }
    if looked_at == 0 {
        report.problem(CONSOLE, "names no package, and the console is built with some", "cargo xtask gen");
    }
    Ok(looked_at)
}

/// The texts of the list `allow` under `[licenses]`.
fn allowed(deny: &str) -> Result<Vec<String>> {
    let section = deny.split("\n[licenses]\n").nth(1).and_then(|rest| rest.split("\n[").next());
    let list = section.and_then(|section| section.split("\nallow = [").nth(1).or(section.strip_prefix("allow = [")));
    let Some((list, _)) = list.and_then(|list| list.split_once(']')) else {
        bail!("{LIST} has no list `allow` under [licenses]");
    };
    Ok(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// The words of a licence expression, the first one last. `/` is how crates wrote `OR` before there were expressions.
fn words(stated: &str) -> Vec<String> {
    let spaced = stated.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    spaced.split_whitespace().rev().map(str::to_owned).collect()
}

/// What is left to read of an expression, its next word last. Each method is `None` for what is no expression.
struct Expression(Vec<String>);

impl Expression {
    fn judged(mut self, allowed: &[String]) -> Option<bool> {
        let answer = self.any(allowed)?;
        self.0.is_empty().then_some(answer)
    }

    fn any(&mut self, allowed: &[String]) -> Option<bool> {
        let mut answer = self.all(allowed)?;
        while self.takes("OR") {
            answer |= self.all(allowed)?;
        }
        Some(answer)
    }

    fn all(&mut self, allowed: &[String]) -> Option<bool> {
        let mut answer = self.one(allowed)?;
        while self.takes("AND") {
            answer &= self.one(allowed)?;
        }
        Some(answer)
    }

    fn one(&mut self, allowed: &[String]) -> Option<bool> {
        if self.takes("(") {
            let answer = self.any(allowed)?;
            return self.takes(")").then_some(answer);
        }
        let mut licence = self.name()?;
        if self.takes("WITH") {
            // A licence with an exception is another one: the list names it whole.
            licence = format!("{licence} WITH {}", self.name()?);
        }
        Some(allowed.contains(&licence))
    }

    fn name(&mut self) -> Option<String> {
        self.0.pop().filter(|word| !["(", ")", "AND", "OR", "WITH"].contains(&word.as_str()))
    }

    fn takes(&mut self, word: &str) -> bool {
        let there = self.0.last().is_some_and(|next| next == word);
        if there {
            self.0.pop();
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DENY: &str =
        "# MIT\n[licenses]\n# a remark\nallow = [\"MIT\", \"Apache-2.0\"]\nx = 1\n\n[bans]\nallow = [\"GPL-3.0\"]\n";

    #[test]
    fn expressions_are_read_as_crates_write_them() {
        let allowed = allowed(DENY).unwrap();
        assert_eq!(allowed, ["MIT", "Apache-2.0"]);
        for (stated, wanted) in [
            ("MIT", Some(true)),
            ("GPL-3.0", Some(false)),
            ("MIT/Apache-2.0", Some(true)),
            ("GPL-3.0 OR MIT", Some(true)),
            ("MIT AND GPL-3.0", Some(false)),
            ("MIT OR GPL-3.0 AND BSL-1.0", Some(true)),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", Some(false)),
            ("((MIT) AND Apache-2.0)", Some(true)),
            ("Apache-2.0 WITH LLVM-exception", Some(false)),
            ("Apache-2.0 WITH LLVM-exception OR MIT", Some(true)),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT Apache-2.0", None),
            ("OR MIT", None),
        ] {
            assert_eq!(Expression(words(stated)).judged(&allowed), wanted, "{stated}");
        }
    }

    #[test]
    fn every_package_in_the_console_states_an_allowed_licence() {
        let looked = |listed: Option<&str>| {
            let mut report = Report::default();
            let looked_at = check_console(listed.map(str::to_owned), DENY, &mut report).unwrap();
            (looked_at, report.problems().iter().map(|problem| problem.what.clone()).collect::<Vec<_>>())
        };
        let sound = "# Licenses\n\n## @a/b - 1.0.0 (MIT)\n\nMIT License\n\n## c (d) - 2.0.0 (MIT OR GPL-3.0)\n";
        assert_eq!(looked(Some(sound)), (2, vec![]));
        let (_, found) = looked(Some("## a - 1.0.0\n## b - 1.0.0 (GPL-3.0)\n## c - 1.0.0 (MIT OR)\n"));
        assert_eq!(
            found,
            [
                "a - 1.0.0 states no licence",
                "b - 1.0.0 (GPL-3.0): this licence is not allowed",
                "c - 1.0.0 (MIT OR): this licence cannot be read"
            ]
        );
        assert_eq!(looked(Some("# Licenses\n")).1.len() + looked(None).1.len(), 2);
    }

    #[test]
    fn every_crate_but_ours_states_an_allowed_licence() {
        let package =
            |name: &str, source: Value, license: Value| json!({"name": name, "source": source, "license": license});
        let graph = json!({"packages": [
            package("ours", Value::Null, Value::Null),
            package("good", json!("registry"), json!("MIT")),
            package("silent", json!("registry"), Value::Null),
            package("strict", json!("registry"), json!("GPL-3.0")),
        ]});
        let mut report = Report::default();
        assert_eq!(check(&graph, DENY, &mut report).unwrap(), 3);
        let found: Vec<&str> = report.problems().iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(found, ["silent states no licence", "strict is under `GPL-3.0`, which is not allowed"]);
        assert!(check(&graph, "[bans]\n", &mut Report::default()).is_err());
    }
}
