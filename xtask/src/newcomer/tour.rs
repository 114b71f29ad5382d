//! README.md's tour from an empty root: its commands, as somebody repeats them in one shell.

use crate::markdown;

/// The heading under which the commands stand; the next heading of its level or above ends it.
pub(super) const HEADING: &str = "## A second tour";

/// In the tour stand sample ids; whoever repeats it has others. In a command each stands for the newest of its kind.
const NEWEST_RUN: &str =
    "$(cortexpilot runs list --output json | sed -n 's/.*\"run_id\": \"\\(run_[^\"]*\\)\".*/\\1/p' | head -n 1)";
const NEWEST_ITEM: &str =
    "$(cortexpilot queue list --output json | sed -n 's/.*\"queue_id\": \"\\([0-9a-f]*\\)\".*/\\1/p' | tail -n 1)";

/// One command of the tour.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// As the page shows it.
    pub(super) shown: String,
    /// For a shell: behind the variables that were exported before it, with ids of this repetition.
    pub(super) run: String,
}

/// The commands of the tour's console blocks, in order; none where the page has no such tour. A line that ends in `\` goes on
/// in the next, behind `> `.
pub(super) fn commands(readme: &str) -> Vec<Command> {
    let mut shown: Vec<String> = Vec::new();
    let mut here = false;
    let mut goes_on = false;
    for line in markdown::lines(readme) {
        if !line.fenced {
            if line.text.starts_with("## ") || line.text.starts_with("# ") {
                here = line.text.starts_with(HEADING);
            }
            goes_on = false;
        } else if let (true, Some(command)) = (here, line.text.strip_prefix("$ ")) {
            goes_on = command.ends_with('\\');
            shown.push(command.trim_end_matches('\\').to_owned());
        } else if let (true, Some(more), Some(command)) = (goes_on, line.text.strip_prefix("> "), shown.last_mut()) {
            goes_on = more.ends_with('\\');
            command.push_str(more.trim_end_matches('\\'));
        }
    }
    let mut exports = String::new();
    shown
        .into_iter()
        .map(|shown| {
            let run = format!("{exports}{}", with_the_newest(&shown));
            if shown.starts_with("export ") {
                exports.push_str(&format!("{shown} && "));
            }
            Command { shown, run }
        })
        .collect()
}

fn with_the_newest(command: &str) -> String {
    let words = command.split(' ').map(|word| {
        if is_run(word) {
            NEWEST_RUN
        } else if is_item(word) {
            NEWEST_ITEM
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `run_20261123_031500_` and 32 hexadecimal digits.
fn is_run(word: &str) -> bool {
    word.strip_prefix("run_")
        .is_some_and(|rest| rest.len() == 48 && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'_')))
}

/// 32 hexadecimal digits.
fn is_item(word: &str) -> bool {
    word.len() == 32 && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tour_is_repeated_with_its_exports_and_with_ids_of_its_own() {
        let readme = "# X\n```console\n$ not this\n```\n## A second tour: from nothing\n\n```console\n$ export ROOT=a\n$ echo x \\\n> | cat\nx\n\
            $ show run_20261123_031500_0123456789abcdef0123456789abcdef\nanswer\n```\n\n### Deeper\n```console\n$ cancel \
            0123456789abcdef0123456789abcdef\n```\n## Next\n```console\n$ nor this\n```\n";
        let found = commands(readme);
        let shown: Vec<&str> = found.iter().map(|command| command.shown.as_str()).collect();
        assert_eq!(
            shown,
            [
                "export ROOT=a",
                "echo x | cat",
                "show run_20261123_031500_0123456789abcdef0123456789abcdef",
                "cancel 0123456789abcdef0123456789abcdef"
            ]
        );
        assert_eq!(found[0].run, "export ROOT=a");
        assert_eq!(found[1].run, "export ROOT=a && echo x | cat");
        assert_eq!(found[2].run, format!("export ROOT=a && show {NEWEST_RUN}"));
        assert_eq!(found[3].run, format!("export ROOT=a && cancel {NEWEST_ITEM}"));
        assert_eq!(commands("# X\n## A tour\n```console\n$ ls\n```\n"), []);
    }
}
