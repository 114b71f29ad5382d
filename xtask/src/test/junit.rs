//! The results file that nextest writes, as far as we read it: one `testcase` per test, with its output.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// The profile in `.config/nextest.toml` that writes the file.
pub(crate) const PROFILE: &str = "ci";

/// One test's result.
#[derive(Debug, PartialEq)]
pub(crate) struct Case {
    /// The binary's id as nextest has it (`cortexpilot-core::it`).
    pub(crate) binary: String,
    /// The test's name with its modules.
    pub(crate) name: String,
    /// How long it took.
    pub(crate) seconds: f64,
    /// Failed, timed out, leaked or could not start.
    pub(crate) failed: bool,
    /// What it printed on standard output and standard error.
    pub(crate) output: String,
}

/// Where nextest writes the file.
pub(crate) fn path(workspace: &Workspace) -> PathBuf {
    path_of(workspace, PROFILE)
}

/// Where it writes that of another profile: below the root, wherever cargo's target directory is.
pub(crate) fn path_of(workspace: &Workspace, profile: &str) -> PathBuf {
    workspace.path("target/nextest").join(profile).join("junit.xml")
}

/// Removes what an earlier run left, so that it cannot be taken for this one's result.
pub(crate) fn forget(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be removed", path.display())),
    }
}

/// Reads every test case.
pub(crate) fn parse(xml: &str) -> Result<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    let mut open = false;
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        if let (true, Some(case)) = (open, cases.last_mut()) {
            case.output.push_str(&unescape(text));
        }
        rest = &rest[start..];
        if let Some(inner) = rest.strip_prefix("<![CDATA[") {
            let (data, after) = inner.split_once("]]>").context("a CDATA section does not end")?;
            if let (true, Some(case)) = (open, cases.last_mut()) {
                case.output.push_str(data);
            }
            rest = after;
            continue;
        }
        let end = tag_end(rest).context("a tag does not end")?;
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        let name = tag.split([' ', '/', '\n']).next().unwrap_or_default();
        match name {
            "testcase" => {
                open = !tag.ends_with('/');
                cases.push(Case {
                    binary: attribute(tag, "classname").unwrap_or_default(),
                    name: attribute(tag, "name").context("a testcase has no name")?,
                    seconds: attribute(tag, "time").and_then(|time| time.parse().ok()).unwrap_or_default(),
                    failed: false,
                    output: String::new(),
                });
            }
            "failure" | "error" => match cases.last_mut() {
                Some(case) if open => case.failed = true,
                Some(_) | None => bail!("a failure stands outside a testcase"),
            },
            "" if tag.starts_with("/testcase") => open = false,
            _ => {}
        }
    }
    Ok(cases)
}

/// The `>` that ends a tag: not one inside a quoted attribute.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    Some(unescape(tag[start..].split('"').next()?))
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((entity, tail)) = after.split_once(';') else {
            out.push('&');
            rest = after;
            continue;
        };
        let number = entity
            .strip_prefix("#x")
            .map(|hex| u32::from_str_radix(hex, 16))
            .or_else(|| entity.strip_prefix('#').map(str::parse));
        match (entity, number) {
            ("lt", _) => out.push('<'),
            ("gt", _) => out.push('>'),
            ("amp", _) => out.push('&'),
            ("quot", _) => out.push('"'),
            ("apos", _) => out.push('\''),
            (_, Some(Ok(code))) => out.extend(char::from_u32(code)),
            (other, _) => {
                out.push('&');
                out.push_str(other);
                out.push(';');
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="3" failures="1">
    <testsuite name="a::it" tests="3">
        <testcase name="gates::one &lt;x&gt;" classname="a::it" timestamp="2026-11-22T10:00:00Z" time="0.125">
            <system-out>running 1 test
figure: 64 subsets &amp; more
</system-out>
        </testcase>
        <testcase name="two" classname="a::it" time="1.5">
            <failure message="thread 'two' panicked > here" type="test failure">left &#10;right</failure>
            <system-err><![CDATA[<raw>]]></system-err>
        </testcase>
        <testcase name="three" classname="a::it" time="0.001"/>
    </testsuite>
</testsuites>
"#;

    #[test]
    fn names_times_verdicts_and_output_are_read() {
        let cases = parse(XML).unwrap();
        let short: Vec<(&str, f64, bool)> =
            cases.iter().map(|case| (case.name.as_str(), case.seconds, case.failed)).collect();
        assert_eq!(short, [("gates::one <x>", 0.125, false), ("two", 1.5, true), ("three", 0.001, false)]);
        assert!(cases[0].output.lines().any(|line| line == "figure: 64 subsets & more"), "{:?}", cases[0].output);
        assert!(cases[1].output.contains("<raw>"));
        assert_eq!(cases[2].output, "");
        assert!(cases.iter().all(|case| case.binary == "a::it"));
    }

    #[test]
    fn a_torn_file_is_an_error_not_a_short_list() {
        assert!(parse("<testsuites><testcase name=\"a\" classname=\"b").is_err());
        assert!(parse("<failure>x</failure>").is_err());
    }
}
