//! What a run changed: `patch.diff` and `diff_name_only.txt`.

use cortexpilot_core::port::runs::RunDiff;

use crate::beneath::{Dir, io_problem};
use crate::page::PAGE_BYTES_MAX;
use crate::problem::{Problem, What, shown};

const DIFF: &str = "patch.diff";
const NAMES: &str = "diff_name_only.txt";

/// The list of names is read up to this.
const NAMES_BYTES_MAX: u64 = 1 << 20;
/// No more changed files are named than this.
const FILES_MAX: usize = 10_000;

pub(crate) fn read(run: &Dir) -> RunDiff {
    let mut problems = Vec::new();
    let (diff, truncated) = text(run, &mut problems);
    let files = names(run, &mut problems).unwrap_or_else(|| named_in(&diff));
    RunDiff { diff, files, truncated, problems: shown(&problems) }
}

/// The files that changed, for who needs nothing else.
pub(crate) fn files(run: &Dir) -> Vec<String> {
    names(run, &mut Vec::new()).unwrap_or_else(|| named_in(&text(run, &mut Vec::new()).0))
}

/// The diff as far as it is shown, and whether it goes on.
fn text(run: &Dir, problems: &mut Vec<Problem>) -> (String, bool) {
    use std::io::Read as _;

    let mut problem = |what| problems.push(Problem::file(DIFF, what));
    let file = match run.file(DIFF) {
        Ok((file, _)) => file,
        Err(What::Missing) => return (String::new(), false),
        Err(what) => {
            problem(what);
            return (String::new(), false);
        }
    };
    let mut bytes = Vec::new();
    // One byte more than is shown tells whether it goes on.
    if let Err(error) = file.take(PAGE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes) {
        problem(io_problem(&error));
        return (String::new(), false);
    }
    let truncated = bytes.len() > PAGE_BYTES_MAX;
    bytes.truncate(PAGE_BYTES_MAX);
    match String::from_utf8(bytes) {
        Ok(text) => (text, truncated),
        Err(error) => {
            // A character cut at the end is no fault of the file's.
            let utf8 = error.utf8_error();
            if truncated && utf8.error_len().is_none() {
                let end = utf8.valid_up_to();
                return (String::from_utf8_lossy(&error.as_bytes()[..end]).into_owned(), truncated);
            }
            problem(What::NotUtf8);
            (String::from_utf8_lossy(error.as_bytes()).into_owned(), truncated)
        }
    }
}

/// The names in `diff_name_only.txt`; `None` when there is no such file.
fn names(run: &Dir, problems: &mut Vec<Problem>) -> Option<Vec<String>> {
    match run.read(NAMES, NAMES_BYTES_MAX) {
        Ok((bytes, _)) => {
            let text = String::from_utf8_lossy(&bytes);
            let names = text.split('\n').map(str::trim).filter(|name| !name.is_empty());
            Some(names.take(FILES_MAX).map(str::to_owned).collect())
        }
        Err(What::Missing) => None,
        Err(what) => {
            problems.push(Problem::file(NAMES, what));
            None
        }
    }
}

/// The files whose parts a diff as git writes it holds. Only a line that begins a part can begin like this: lines of content
/// begin with a sign.
fn named_in(diff: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in diff.split('\n').filter_map(|line| line.strip_prefix("diff --git a/")) {
        // "NAME b/NAME", where a name may hold " b/"; after a rename the names differ.
        let same =
            part.len().checked_sub(3).map(|rest| rest / 2).and_then(|at| Some((part.get(..at)?, part.get(at..)?)));
        let name = match same {
            Some((name, rest)) if rest.strip_prefix(" b/") == Some(name) => Some(name),
            Some(_) | None => part.rsplit_once(" b/").map(|(_, name)| name),
        };
        names.extend(name.map(str::to_owned));
        if names.len() >= FILES_MAX {
            break;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_from_the_lines_that_begin_a_part() {
        let diff = "diff --git a/docs/a.md b/docs/a.md\n--- a/docs/a.md\n+++ b/docs/a.md\n@@ -1 +1 @@\n\
                    +diff --git a/not b/not\n diff --git a/nor b/nor\n\
                    diff --git a/x b/y b/x b/y\ndiff --git a/old name b/new name\ndiff --git a/odd\n";
        assert_eq!(named_in(diff), ["docs/a.md", "x b/y", "new name"]);
        assert!(named_in("").is_empty());
    }
}
