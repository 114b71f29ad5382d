//! What must not be committed. One function per rule, over the files that git tracks or would add.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cli::Args;
use crate::report::Report;
use crate::rust_source::code_only;
use crate::workspace::Workspace;

/// Nothing in the repository needs more; larger input belongs into a generator.
const LARGEST_FILE: usize = 1024 * 1024;

/// Longer Rust files have more than one topic.
const LONGEST_RUST_FILE: usize = 800;

/// Documents every visitor looks for.
const REQUIRED: &[&str] = &["LICENSE", "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"];

/// Names of private tools and neighbouring directories. Written in halves so that this file passes its own rule.
const PRIVATE_NAMES: &[&str] =
    &[concat!("farm", "-studio"), concat!("farm", "-bench"), concat!("../", "shared"), concat!(".lib", "rary")];

/// What a bundler writes has no lines that a person ends. What must not stand in it is looked for there too.
const BUILT: &str = "packages/console/dist/assets/";

/// Directories that exist on one person's machine; the documents use `/srv/…` or paths from the root of the repository.
const MACHINE_ROOTS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Directories whose next part is a person's name.
const HOME_ROOTS: &[&str] = &[concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("C:\\Us", "ers\\")];

/// How the first line of a private key ends.
const PRIVATE_KEY: &str = concat!("PRIVATE", " KEY-----");

/// `cargo xtask hygiene`.
pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    Ok(check(&Workspace::find()?)?.finish("hygiene"))
}

/// Checks every file.
pub(crate) fn check(workspace: &Workspace) -> Result<Report> {
    let mut report = Report::default();
    let files = workspace.files()?;
    for required in REQUIRED {
        if !files.iter().any(|file| file == required) {
            report.problem(*required, "is missing", format!("write {required}"));
        }
    }
    for dir in data_without_reason(&files) {
        report.problem(dir, "holds test data and does not say where it comes from", format!("write {dir}/README.md"));
    }
    for file in &files {
        let path = workspace.path(file);
        let meta = std::fs::symlink_metadata(&path).with_context(|| format!("{file} cannot be read"))?;
        if meta.is_symlink() {
            report.problem(file, "is a symbolic link: it breaks on checkouts without them", "commit the file itself");
            continue;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("{file} cannot be read"))?;
        check_file(file, &bytes, &mut report);
    }
    report.note(format!("{} files", files.len()));
    Ok(report)
}

/// Test data: anything below a `data` directory that itself stands below `tests`. It is kept as it was recorded, so
/// machine paths, white space and ledger files are its own affair; a README.md there gives the reason.
fn data_dir(path: &str) -> Option<&str> {
    let tests = if path.starts_with("tests/") { 0 } else { path.find("/tests/")? + 1 };
    let data = path[tests..].find("/data/")? + tests;
    Some(&path[..data + "/data".len()])
}

/// Data directories without a README.md.
fn data_without_reason(files: &[String]) -> Vec<&str> {
    let mut dirs: Vec<&str> = files.iter().filter_map(|file| data_dir(file)).collect();
    dirs.dedup();
    dirs.retain(|dir| !files.contains(&format!("{dir}/README.md")));
    dirs
}

/// All rules that look at one file.
fn check_file(path: &str, bytes: &[u8], report: &mut Report) {
    let is_data = data_dir(path).is_some();
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if bytes.len() > LARGEST_FILE {
        report.problem(
            path,
            format!("has {} bytes, more than 1 MiB", bytes.len()),
            "generate it, or keep the part that matters",
        );
    }
    if name == "mod.rs" {
        report.problem(path, "is a mod.rs", "name it after its module: `foo.rs` beside `foo/`");
    }
    let is_ledger = matches!(name, "queue.jsonl" | "decisions.jsonl");
    let is_secret = matches!(extension, "key" | "pem" | "token") || matches!(name, "token" | ".env");
    if is_secret || (is_ledger && !is_data) {
        report.problem(
            path,
            "is a ledger, key or token: what a running system writes",
            "git rm it, add it to .gitignore, and replace the secret",
        );
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if text.contains('\0') {
        return;
    }
    check_lines(path, extension, text, report);
    if extension == "rs" {
        check_rust(path, text, report);
    }
    if matches!(extension, "ts" | "tsx" | "js" | "mjs" | "py") {
        check_script_tests(path, text, report);
    }
    if !text.is_empty() && !text.ends_with('\n') && !is_data && !path.starts_with(BUILT) {
        report.problem(path, "does not end with a line break", "add one");
    }
}

fn check_lines(path: &str, extension: &str, text: &str, report: &mut Report) {
    let is_data = data_dir(path).is_some();
    let is_prose_or_code = matches!(extension, "md" | "rs" | "toml" | "ts" | "tsx" | "py");
    for (index, line) in text.split('\n').enumerate() {
        let place = || format!("{path}:{}", index + 1);
        if ["<<<<<<< ", ">>>>>>> ", "||||||| "].iter().any(|marker| line.starts_with(marker)) {
            report.problem(place(), "is a conflict marker", "resolve the conflict");
        }
        if is_prose_or_code && line.ends_with([' ', '\t', '\r']) && !is_data {
            report.problem(place(), "ends with white space", "cargo fmt --all, or remove it");
        }
        if extension == "rs" && line.contains('\t') {
            report.problem(place(), "contains a tab", "cargo fmt --all; inside a literal write \\t");
        }
        if let Some(name) = PRIVATE_NAMES.iter().find(|name| line.contains(**name)) {
            report.problem(
                place(),
                format!("names `{name}`, which no reader of this repository has"),
                "say it in the project's own words",
            );
        }
        if let Some(found) = machine_path(line)
            && !is_data
        {
            report.problem(
                place(),
                format!("holds a path of one machine: `{found}`"),
                "use a path from the repository's root, or /srv/…",
            );
        }
        if let Some(kind) = secret(line) {
            report.problem(
                place(),
                format!("looks like {kind}"),
                "remove it, and replace the secret: git history keeps it",
            );
        }
    }
}

/// An absolute path of one machine: a known root, or somebody's home directory.
fn machine_path(line: &str) -> Option<String> {
    let starts = |root: &str| -> Vec<usize> {
        let whole = |at: &usize| {
            !line[..*at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '/' | '~'))
        };
        line.match_indices(root).map(|(at, _)| at).filter(whole).collect()
    };
    let to_the_end = |at: usize| -> String {
        line[at..]
            .chars()
            .take_while(|c| !c.is_whitespace() && !matches!(c, '"' | '`' | '\'' | ')' | '>' | ','))
            .collect()
    };
    if let Some(at) = MACHINE_ROOTS.iter().flat_map(|root| starts(root)).min() {
        return Some(to_the_end(at));
    }
    HOME_ROOTS.iter().flat_map(|root| starts(root).into_iter().map(|at| (at, root.len()))).find_map(|(at, length)| {
        let user: String =
            line[at + length..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')).collect();
        (!user.is_empty()).then(|| to_the_end(at))
    })
}

/// `cpt_<kind>_<12 digits>_<72 digits>`, all lower-case hexadecimal.
fn personal_token(line: &str) -> bool {
    line.match_indices("cpt_").any(|(at, _)| {
        let parts: Vec<&str> = line[at..].splitn(4, '_').collect();
        let [_, _, id, secret] = parts[..] else { return false };
        let digits = |text: &str| text.chars().take_while(|c| matches!(c, '0'..='9' | 'a'..='f')).count();
        id.len() == 12 && digits(id) == 12 && digits(secret) >= 72
    })
}

/// Credentials by their shape. Names of files are looked at elsewhere.
fn secret(line: &str) -> Option<&'static str> {
    let long_tail = |prefix: &str, least: usize| {
        line.match_indices(prefix)
            .any(|(at, _)| line[at + prefix.len()..].chars().take_while(char::is_ascii_alphanumeric).count() >= least)
    };
    if line.contains(PRIVATE_KEY) {
        Some("a private key")
    } else if long_tail("ghp_", 36) || long_tail("github_pat_", 22) {
        Some("a GitHub token")
    } else if long_tail("AKIA", 16) {
        Some("an AWS access key")
    } else if personal_token(line) {
        Some("a personal token of this system")
    } else {
        None
    }
}

fn check_rust(path: &str, text: &str, report: &mut Report) {
    let count = text.lines().count();
    let is_generated = text.lines().take(5).any(|line| line.contains("@generated"));
    if count > LONGEST_RUST_FILE && !is_generated {
        report.problem(path, format!("has {count} lines, more than {LONGEST_RUST_FILE}"), "split it by topic");
    }
    for (index, line) in code_only(text).lines().enumerate() {
        let squeezed: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        for (needle, repair) in [
            ("#[ignore", "run it or delete it; what cannot run here is a suite that says NOT RUN"),
            ("todo!(", "write it"),
            ("unimplemented!(", "write it"),
        ] {
            if squeezed.contains(needle) {
                report.problem(format!("{path}:{}", index + 1), format!("contains `{needle}`"), repair);
            }
        }
    }
}

/// Switched-off and singled-out tests of the other languages.
fn check_script_tests(path: &str, text: &str, report: &mut Report) {
    let needles = [".only(", "test.skip", "it.skip", "describe.skip", "unittest.skip", "pytest.mark.skip"];
    for (index, line) in text.lines().enumerate() {
        for needle in needles.iter().filter(|needle| line.contains(**needle)) {
            report.problem(
                format!("{path}:{}", index + 1),
                format!("contains `{needle}`"),
                "run every test, or delete it",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let mut report = Report::default();
        check_file(path, text.as_bytes(), &mut report);
        report.problems().iter().map(|problem| format!("{}: {}", problem.place, problem.what)).collect()
    }

    #[test]
    fn a_clean_file_passes() {
        assert_eq!(problems("src/a.rs", "fn a() {}\n"), Vec::<String>::new());
    }

    #[test]
    fn each_rule_finds_its_case() {
        let work = concat!("see /wo", "rk/main/x\n");
        let home = concat!("see /ho", "me/ada/x\n");
        let private = concat!("see ../", "shared/x\n");
        let token = format!("cpt_agent_{}_{}\n", "0".repeat(12), "a".repeat(72));
        let key = concat!("-----BEGIN ", "PRIVATE", " KEY-----\n");
        for (path, text, wanted) in [
            ("a.md", "text", "does not end with a line break"),
            ("a.md", "text \n", "ends with white space"),
            ("a.rs", "\tfn a() {}\n", "contains a tab"),
            ("a.md", "<<<<<<< HEAD\n", "conflict marker"),
            ("a.md", work, "path of one machine"),
            ("a.md", home, "path of one machine"),
            ("a.md", private, "names `../"),
            ("tests/it/data/a.md", private, "names `../"),
            ("a.txt", key, "a private key"),
            ("a.txt", &token, "a personal token"),
            ("a.rs", "#[ignore]\nfn a() {}\n", "#[ignore"),
            ("a.rs", "#[ignore = \"slow\"]\nfn a() {}\n", "#[ignore"),
            ("a.rs", "fn a() { todo!() }\n", "todo!("),
            ("a.ts", "test.skip('x')\n", "test.skip"),
            ("packages/console/dist/index.html", "text", "does not end with a line break"),
            ("packages/console/dist/assets/a.js", token.trim_end(), "a personal token"),
            ("a/mod.rs", "fn a() {}\n", "mod.rs"),
            ("a/queue.jsonl", "{}\n", "ledger, key or token"),
            ("a/server.key", "x\n", "ledger, key or token"),
            ("tests/data/server.key", "x\n", "ledger, key or token"),
        ] {
            let found = problems(path, text);
            assert!(found.len() == 1 && found[0].contains(wanted), "{path} {text:?}: {found:?}");
        }
    }

    #[test]
    fn text_about_a_rule_does_not_break_it() {
        for (path, text) in [
            ("a.rs", "// no todo!() here, no #[ignore]\nconst A: &str = \"todo!(\";\n"),
            ("a.md", "Title\n=======\n\ntests are never `#[ignore]`d\n"),
            ("a.md", "the route /api/work/ and docs/root/x and ~/work/\n"),
            ("a.md", "below /home/ live people\n"),
            ("packages/console/dist/assets/a.js", "a()"),
            ("crates/a/tests/it/data/runs/queue.jsonl", "{}"),
        ] {
            assert_eq!(problems(path, text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn long_rust_files_fail_unless_generated() {
        let long = "fn a() {}\n".repeat(LONGEST_RUST_FILE + 1);
        assert_eq!(problems("a.rs", &long).len(), 1);
        assert_eq!(problems("a.rs", &format!("// @generated by x\n{long}")).len(), 0);
    }

    #[test]
    fn test_data_needs_a_reason() {
        let files =
            ["a/data/x", "a/tests/data/x", "a/tests/data/y", "tests/data/README.md", "tests/data/x"].map(str::to_owned);
        assert_eq!(data_without_reason(&files), ["a/tests/data"]);
        assert_eq!(data_dir("crates/a/tests/it/data/b/data/c"), Some("crates/a/tests/it/data"));
    }
}
