//! The demonstration's repository: a small shop in shell scripts, so that whatever has `/bin/sh` and git can carry out the
//! demonstration's tasks. It is made once, beside the runs, and holds one commit; nobody works in it, because a worker makes
//! a working tree of its own.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Its directory's name, beside the runs.
const NAME: &str = "shop";

/// The commit that every demonstration run starts from. The same bytes, author and time make the same hash everywhere, so
/// the runs can name it also where git is missing.
pub(super) const BASELINE: &str = "89ecc5b9f01bf4dd4516341fcdfd4c9a5f330be1";

/// Who made the commit, and when.
const MADE: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "CortexPilot demonstration"),
    ("GIT_AUTHOR_EMAIL", "demo@cortexpilot.invalid"),
    ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
    ("GIT_COMMITTER_NAME", "CortexPilot demonstration"),
    ("GIT_COMMITTER_EMAIL", "demo@cortexpilot.invalid"),
    ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"),
];

/// What the commit holds.
pub(super) const FILES: [(&str, &str); 10] = [
    (
        "README.md",
        "# Shop\n\nA small shop, made up for CortexPilot's demonstration. Each directory below `tests` checks one below `shop`.\n",
    ),
    (
        "deploy/production.env",
        "# Read when the shop is started.\nSHOP_REGION=eu-1\nPAYMENT_TIMEOUT_S=10\nTLS_MIN=1.2\n",
    ),
    (
        "docs/api.md",
        "# API\n\n## Headers of an answer\n\n| Header | Meaning |\n|---|---|\n| `x-request-id` | Names the request in our logs. |\n",
    ),
    (
        "docs/quick-start.md",
        "# Quick start\n\n1. Clone the repository.\n2. Copy `deploy/production.env` to `.env`.\n3. Start the shop: `sh shop/start.sh`.\n",
    ),
    ("requirements.txt", "carrier-client 1.4.2\norm 2.0.36\npayments 3.2.0\n"),
    (
        "shop/db/session.sh",
        "# Opens a session. Usage: session DATABASE\nsession() {\n    orm_open --database \"$1\" --autocommit off\n}\n",
    ),
    (
        "shop/payments/client.sh",
        "# Asks the payment provider. Usage: pay BASKET\nTIMEOUT_S=10\nRETRIES=0\npay() {\n    provider_charge --timeout \"$TIMEOUT_S\" --retries \"$RETRIES\" \"$1\"\n}\n",
    ),
    (
        "shop/shipping/quotes.sh",
        "# What a parcel costs. Usage: quote WEIGHT_G ADDRESS\nquote() {\n    carrier_price \"$1\" \"$2\"\n}\n",
    ),
    (
        "tests/db/session_test.sh",
        "# The ORM is 2.1, and nothing uses what that version refuses.\nset -eu\ngrep '^orm 2\\.1\\.' requirements.txt\nif grep -q autocommit shop/db/session.sh; then\n    echo 'shop/db/session.sh: orm_open: unknown option --autocommit'\n    exit 1\nfi\n",
    ),
    (
        "tests/shipping/quotes_test.sh",
        "# The carrier is asked once for the same parcel, and again for another one.\nset -eu\n. shop/shipping/quotes.sh\nQUOTES=$(mktemp -d)\ncarrier_price() {\n    echo \"$1 $2\" >> \"$QUOTES/asked\"\n    echo 1290\n}\nfor parcel in '500 north' '500 north' '900 north'; do\n    # A weight and an address.\n    set -- $parcel\n    test \"$(quote \"$1\" \"$2\")\" = 1290\ndone\nasked=$(wc -l < \"$QUOTES/asked\")\nif test \"$asked\" -ne 2; then\n    echo \"the carrier was asked $asked times for two different parcels\"\n    exit 1\nfi\n",
    ),
];

/// Where the repository lies that belongs to these runs.
pub(crate) fn repository(runs_root: &Path) -> PathBuf {
    runs_root.with_file_name(NAME)
}

/// A file of the commit, as it stands there; empty where it has none of that name.
pub(super) fn before(path: &str) -> &'static str {
    FILES.iter().find(|(name, _)| *name == path).map_or("", |(_, text)| text)
}

/// Makes the repository where it is missing or lacks the commit. `workshop` is a directory of this call's own, on the same
/// file system; the repository appears under its name whole or not at all.
///
/// # Errors
/// git failed, or the file system refused.
pub(super) fn make_missing(git: &Path, runs_root: &Path, workshop: &Path) -> io::Result<()> {
    let repository = repository(runs_root);
    if repository.exists() {
        let commit = format!("{BASELINE}^{{commit}}");
        if run(git, &repository, &["cat-file", "-e", &commit]).is_ok() {
            return Ok(());
        }
    }
    let fresh = workshop.join(NAME);
    for (path, text) in FILES {
        let path = fresh.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&fresh))?;
        std::fs::write(path, text)?;
    }
    run(git, &fresh, &["init", "--quiet", "--template=", "--object-format=sha1", "--initial-branch=main"])?;
    run(git, &fresh, &["add", "--all"])?;
    run(git, &fresh, &["commit", "--quiet", "--no-verify", "--no-gpg-sign", "-m", "The shop as it is"])?;
    if repository.exists() {
        std::fs::rename(&repository, workshop.join("earlier"))?;
    }
    std::fs::rename(&fresh, &repository)
}

/// Runs git with nothing of this environment or of anybody's configuration.
fn run(git: &Path, dir: &Path, args: &[&str]) -> io::Result<Vec<u8>> {
    let mut command = Command::new(git);
    command.arg("-C").arg(dir).args(args).stdin(Stdio::null()).env_clear().envs(MADE);
    command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("LC_ALL", "C")]);
    let done = command.output()?;
    if done.status.success() {
        return Ok(done.stdout);
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(io::Error::other(format!("git {}: {}", args.first().unwrap_or(&""), said.trim())))
}

/// A change of one file as a patch: everything between the lines that both begin with and the lines that both end with.
pub(super) fn patch(path: &str, after: &str) -> String {
    /// Lines shown around a change.
    const AROUND: usize = 3;
    let before = before(path);
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(old, new)| old == new).count();
    let head = same(&mut old.iter().zip(&new));
    let tail = same(&mut old[head..].iter().rev().zip(new[head..].iter().rev()));
    let (first, left) = (head.saturating_sub(AROUND), tail.saturating_sub(AROUND));
    let range = |lines: &[&str]| match lines.len() - left - first {
        0 => "0,0".to_owned(),
        count => format!("{},{count}", first + 1),
    };
    let from = if before.is_empty() { "/dev/null".to_owned() } else { format!("a/{path}") };
    let new_file = if before.is_empty() { "new file mode 100644\n" } else { "" };
    let mut text = format!(
        "diff --git a/{path} b/{path}\n{new_file}--- {from}\n+++ b/{path}\n@@ -{} +{} @@\n",
        range(&old),
        range(&new)
    );
    let mut put =
        |sign: char, lines: &[&str]| lines.iter().for_each(|line| text.extend([&sign.to_string(), *line, "\n"]));
    put(' ', &old[first..head]);
    put('-', &old[head..old.len() - tail]);
    put('+', &new[head..new.len() - tail]);
    put(' ', &new[new.len() - tail..new.len() - left]);
    text
}

#[cfg(test)]
mod tests {
    use cortexpilot_work::tools::Tools;

    use super::super::stories::STORIES;
    use super::*;

    fn made() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let git = Tools::resolve().unwrap().git;
        let (runs, workshop) = (dir.path().join("runs"), dir.path().join("workshop"));
        std::fs::create_dir(&workshop).unwrap();
        make_missing(&git, &runs, &workshop).unwrap();
        (dir, repository(&runs), git)
    }

    #[test]
    fn the_commit_is_the_same_everywhere() {
        let (_dir, repository, git) = made();
        let head = run(&git, &repository, &["rev-parse", "HEAD"]).unwrap();
        assert_eq!(String::from_utf8(head).unwrap().trim(), BASELINE);
        assert!(run(&git, &repository, &["status", "--porcelain"]).unwrap().is_empty());
    }

    #[test]
    fn a_repository_without_the_commit_is_made_again_and_a_good_one_is_left_alone() {
        let (dir, repository, git) = made();
        let workshop = |name: &str| {
            let workshop = dir.path().join(name);
            std::fs::create_dir(&workshop).unwrap();
            workshop
        };
        std::fs::write(repository.join("mine"), "kept").unwrap();
        make_missing(&git, &dir.path().join("runs"), &workshop("second")).unwrap();
        assert!(repository.join("mine").exists());
        std::fs::remove_dir_all(repository.join(".git/objects")).unwrap();
        make_missing(&git, &dir.path().join("runs"), &workshop("third")).unwrap();
        assert!(run(&git, &repository, &["cat-file", "-e", BASELINE]).is_ok());
        assert!(dir.path().join("third/earlier/mine").exists(), "moved out of the way, for the caller to remove");
    }

    #[test]
    fn every_patch_leads_from_the_commit_to_what_the_scenario_writes() {
        let (_dir, repository, git) = made();
        let mut applied = 0;
        for (path, after) in STORIES.iter().flat_map(|story| story.changes) {
            let file = repository.with_file_name("one.patch");
            std::fs::write(&file, patch(path, after)).unwrap();
            run(&git, &repository, &["apply", "--whitespace=error", file.to_str().unwrap()]).unwrap();
            assert_eq!(std::fs::read_to_string(repository.join(path)).unwrap(), *after, "{path}");
            run(&git, &repository, &["checkout", "--quiet", "."]).unwrap();
            run(&git, &repository, &["clean", "-fdq"]).unwrap();
            applied += 1;
        }
        assert!(applied >= 6);
    }
}
