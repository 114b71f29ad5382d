//! The pages that show what the product does are held to what it does: the console blocks of README.md's tour are run, and
//! each error page is compared with the row that it explains.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::error::ErrorRow;

/// The heading under which README.md's blocks are run beside a demonstration; the next heading of its level ends it.
const TOUR: &str = "## A tour";

/// The heading of those that begin with an empty root.
const SECOND_TOUR: &str = "## A second tour";

/// In the tours stand sample ids; whoever repeats one gets others. In commands such an id stands for the newest item of the
/// queue, or the newest run, and in answers for any.
const NEWEST_ITEM: &str =
    "$(cortexpilot queue list --output json | sed -n 's/.*\"queue_id\": \"\\([0-9a-f]*\\)\".*/\\1/p' | tail -n 1)";

const NEWEST_RUN: &str =
    "$(cortexpilot runs list --output json | sed -n 's/.*\"run_id\": \"\\(run_[^\"]*\\)\".*/\\1/p' | head -n 1)";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A demonstration that is being served, stopped when dropped.
struct Demo(Child);

impl Demo {
    /// Starts one below `dir` and returns when its screen is complete.
    fn start(dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cortexpilot"));
        command.args(["up", "--demo", "--port", "0"]).env_clear().current_dir(dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the demonstration starts");
        let screen = std::io::BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let demo = Self(child);
        // The next commands come last, so with one of them the runs and the key are there.
        let ready = screen.lines().map_while(Result::ok).any(|line| line.starts_with("  $ "));
        assert!(ready, "`up --demo` ended without showing a next command");
        demo
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One command of the tour, and what it answers.
struct Step<'a> {
    command: String,
    answer: Vec<&'a str>,
}

/// The commands in the console blocks below a heading. A line that ends in `\\` goes on in the next, behind `> `.
fn steps<'a>(readme: &'a str, heading: &str) -> Vec<Step<'a>> {
    let tour = readme.split_once(heading).unwrap_or_else(|| panic!("README.md has no `{heading}`")).1;
    let tour = tour.split_once("\n## ").map_or(tour, |(tour, _)| tour);
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut inside = false;
    for line in tour.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            steps.push(Step { command: command.to_owned(), answer: Vec::new() });
        } else if let (true, Some(step)) = (inside, steps.last_mut()) {
            match (step.command.strip_suffix('\\'), line.strip_prefix("> ")) {
                (Some(begun), Some(more)) => step.command = format!("{begun}{more}"),
                _ => step.answer.push(line),
            }
        }
    }
    steps
}

/// The tour as a page for trycmd: each command becomes one line for a shell, with the variables that were exported before
/// it; what differs from time to time matches anything.
fn page_for_trycmd(steps: &[Step<'_>]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_cortexpilot")).parent().expect("a file has a directory");
    let mut exports = String::new();
    let mut page = "```console\n".to_owned();
    for Step { command, answer } in steps {
        if let Some(setting) = command.strip_prefix("export ") {
            assert!(answer.is_empty(), "`export` answers nothing");
            // Where the program lies is the test's to say.
            if !setting.starts_with("PATH=") {
                let _ = write!(exports, "export {setting}; ");
            }
            continue;
        }
        let whole = format!("{exports}{}", with_the_newest_item(command));
        // Nothing of the surrounding environment: a variable of ours in it would make another tour.
        let path = format!("PATH={}:/usr/local/bin:/usr/bin:/bin", program.display());
        let _ = writeln!(page, "$ env -i '{path}' sh -c '{}'", whole.replace('\'', "'\\''"));
        for line in answer {
            // trycmd reads every `\\` of the real answer as a path's and makes it `/`.
            let _ = writeln!(page, "{}", elided(line).replace('\\', "/"));
        }
        // An answer ends with a line break, which trycmd wants to see as a blank line.
        page.push('\n');
    }
    page.push_str("```\n");
    page
}

/// 32, 40 or 64 hexadecimal digits: ids, commits and digests.
fn is_id(word: &str) -> bool {
    matches!(word.len(), 32 | 40 | 64) && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// `run_20261123_031500_` and 32 hexadecimal digits: a run that this program recorded.
fn is_run(word: &str) -> bool {
    word.strip_prefix("run_")
        .is_some_and(|rest| rest.len() == 48 && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'_')))
}

/// `2026-11-22T08:30:52Z`, with or without a fraction and an offset.
fn is_moment(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= 20 && bytes[..4].iter().all(u8::is_ascii_digit) && (bytes[4], bytes[10]) == (b'-', b'T')
}

/// `14m59s`, `3h10m`, `1d2h`.
fn is_span(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.ends_with(['s', 'm', 'h', 'd'])
        && word.chars().all(|c| c.is_ascii_digit() || matches!(c, 's' | 'm' | 'h' | 'd'))
}

/// Whether a word is another one for whoever repeats the tour: also who they are, where they are, and how long that makes
/// a file.
fn differs(word: &str) -> bool {
    let is_size = word.len() >= 3 && word.bytes().all(|b| b.is_ascii_digit());
    let is_place = word.starts_with('/') && word.contains("/.runtime-cache/");
    is_id(word)
        || is_run(word)
        || is_moment(word)
        || is_span(word)
        || is_size
        || is_place
        || word.starts_with("local:")
        || word.starts_with("worker:")
}

fn with_the_newest_item(command: &str) -> String {
    let words = command.split(' ').map(|word| match (is_run(word), is_id(word)) {
        (true, _) => NEWEST_RUN,
        (false, true) => NEWEST_ITEM,
        (false, false) => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A line of an answer with `[..]`, which matches anything, in place of what differs from time to time, and of the blanks
/// between columns, whose widths follow from it.
fn elided(line: &str) -> String {
    let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(|cell| {
        if cell == "now" || cell.strip_suffix(" ago").is_some_and(is_span) {
            return "[..]".to_owned();
        }
        let mut before = "";
        let words = cell.split(' ').map(|word| {
            let bare = word.trim_matches(|c: char| matches!(c, '(' | ')' | ',' | ';' | ':' | '.' | '`' | '"'));
            // A JSON member stands before its value: `"run_id":"run_…`.
            let bare = bare.rsplit_once('"').map_or(bare, |(_, value)| value);
            // `after 2 s`.
            let is_time = std::mem::replace(&mut before, word) == "after"
                && !bare.is_empty()
                && bare.bytes().all(|b| b.is_ascii_digit());
            if differs(bare) || is_time { word.replace(bare, "[..]") } else { word.to_owned() }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    let mut out = cells.collect::<Vec<_>>().join("[..]");
    if line.starts_with(' ') {
        out.insert_str(0, "[..]");
    }
    while out.contains("[..][..]") {
        out = out.replace("[..][..]", "[..]");
    }
    out
}

#[test]
fn the_tour_of_the_readme_is_what_the_program_says() {
    let readme = read(&repository().join("README.md"));
    let dir = tempfile::tempdir().expect("a directory of its own");
    let page = dir.path().join("tour.md");
    // trycmd runs the commands of `tour.md` in `tour.in`.
    let place = dir.path().join("tour.in");
    std::fs::create_dir(&place).expect("its directory");
    let steps = steps(&readme, TOUR);
    assert!(steps.len() >= 10, "the tour shows only {} commands", steps.len());
    std::fs::write(&page, page_for_trycmd(&steps)).expect("the page");
    let _demo = Demo::start(&place);
    trycmd::TestCases::new().register_bin("env", Path::new("/usr/bin/env")).case(&page).run();
    println!("figure: {} commands of the tour answered as README.md says", steps.len());
}

#[test]
fn the_second_tour_of_the_readme_begins_with_nothing_and_ends_with_a_run_of_a_run() {
    let readme = read(&repository().join("README.md"));
    let dir = tempfile::tempdir().expect("a directory of its own");
    let page = dir.path().join("tour.md");
    std::fs::create_dir(dir.path().join("tour.in")).expect("its directory");
    let steps = steps(&readme, SECOND_TOUR);
    assert!(steps.iter().any(|step| step.command.contains("run-next")), "an item is carried out");
    assert!(steps.last().is_some_and(|step| step.answer.iter().any(|line| line.contains("2 deep"))));
    std::fs::write(&page, page_for_trycmd(&steps)).expect("the page");
    trycmd::TestCases::new().register_bin("env", Path::new("/usr/bin/env")).case(&page).run();
    println!("figure: {} commands of the second tour answered as README.md says", steps.len());
}

/// One error page, as far as it repeats the table.
fn check_error_page(code: ErrorCode, row: &ErrorRow, page: &str) -> Result<(), String> {
    let mut paragraphs = page.split("\n\n");
    let title = format!("# {}", code.as_str());
    if paragraphs.next() != Some(title.as_str()) {
        return Err("its title is not the code".to_owned());
    }
    let meaning = paragraphs.next().unwrap_or_default().replace('\n', " ");
    if meaning != row.meaning {
        return Err(format!("its first sentence is not the table's: {}", row.meaning));
    }
    let facts = format!("| {} | {} | `{}` | {} |", row.status, row.exit, row.retry.as_str(), row.who.as_str());
    if !page.lines().any(|line| line == facts) {
        return Err(format!("it has not the line: {facts}"));
    }
    let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("\n```").next());
    let example: serde_json::Value =
        serde_json::from_str(example.ok_or("it has no example")?).map_err(|error| format!("its example: {error}"))?;
    let detail = example.get("detail").unwrap_or(&example);
    if detail.is_string() {
        // Two answers are plain texts that existing clients know.
        return if matches!(code, ErrorCode::NotFound | ErrorCode::MethodNotAllowed) {
            Ok(())
        } else {
            Err("its example is a plain text".to_owned())
        };
    }
    let said = |member: &str| detail.get(member).and_then(|value| value.as_str()).unwrap_or_default();
    if (said("code"), said("retry"), said("who_can_act")) != (code.as_str(), row.retry.as_str(), row.who.as_str()) {
        return Err("its example's code, retry or who_can_act is not the table's".to_owned());
    }
    let step = said("next_step");
    // This denial's step names the role that is held.
    let exact = step == row.agent_step || step == row.operator_step || code == ErrorCode::RoleMismatch;
    if step.is_empty() || !exact {
        return Err(format!("its example's next_step is not the table's: {} / {}", row.agent_step, row.operator_step));
    }
    Ok(())
}

#[test]
fn error_pages_say_what_the_table_says() {
    let mut wrong = String::new();
    for code in ErrorCode::ALL {
        let path = repository().join(format!("docs/errors/{}.md", code.as_str()));
        if let Err(what) = check_error_page(*code, &code.row(), &read(&path)) {
            let _ = writeln!(wrong, "docs/errors/{}.md: {what}", code.as_str());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    println!("figure: {} error pages compared with the table", ErrorCode::ALL.len());
}

/// Every `fn` of the repository's Rust files.
fn functions(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = entry.expect("an entry of a directory").path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path);
            let names =
                text.split("fn ").skip(1).map(|rest| rest.split(['(', '<']).next().unwrap_or_default().to_owned());
            found.extend(names);
        }
    }
}

/// Words in code on a page that are long enough to be the name of a test here, whose names are sentences.
fn test_names(page: &str) -> impl Iterator<Item = &str> {
    let is_sentence = |word: &&str| {
        word.matches('_').count() >= 4
            && word.bytes().all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    page.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).filter(is_sentence)
}

#[test]
fn pages_name_tests_that_exist() {
    let mut known = BTreeSet::new();
    for dir in ["crates", "xtask"] {
        functions(&repository().join(dir), &mut known);
    }
    let mut named = 0;
    for page in ["ARCHITECTURE.md", "SECURITY.md", "docs/boundary.md", "docs/maintenance.md"] {
        let text = read(&repository().join(page));
        for name in test_names(&text) {
            named += 1;
            assert!(known.contains(name), "{page} names `{name}`, and there is no such test");
        }
    }
    assert!(named >= 30, "only {named} tests are named");
    println!("figure: {named} names of tests on pages, each of which exists");
}

#[test]
fn only_what_differs_from_time_to_time_is_elided() {
    for (line, wanted) in [
        ("  queue id  8c4f1f0f5d0b4d36a5c2b7a90e1d3f42", "[..]queue id[..]"),
        ("(this holds until 2026-11-22T08:30:52Z, in 14m59s)", "(this holds until [..], in [..])"),
        (
            " 8c4f1f0f5d0b4d36a5c2b7a90e1d3f42  PENDING  now     task_x  0      Alice",
            "[..]PENDING[..]task_x[..]0[..]Alice",
        ),
        ("You act as local:alice (OPS, OWNER).", "You act as [..] (OPS, OWNER)."),
        ("  bytes  1322", "[..]bytes[..]"),
        ("  lines  2", "[..]lines[..]2"),
        ("refused: CODE — off; 9 of 9.", "refused: CODE — off; 9 of 9."),
        ("\"run_id\":\"run_20261123_030942_7f88bc2be7c1b25662fa933102f87b1c\"", "\"run_id\":\"[..]\""),
        ("SUCCESS 88efb4423d0c05808b3aa34dab5265a0 after 2 s", "SUCCESS [..] after [..] s"),
        ("retry after_preview, acting as worker:alice", "retry after_preview, acting as [..]"),
        ("", ""),
    ] {
        assert_eq!(elided(line), wanted);
    }
}
