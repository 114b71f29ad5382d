//! A run's reports: `reports/*.json`.

use rustix::fs::FileType;
use serde_json::{Map, Value, json};

use crate::REPORT_BYTES_MAX;
use crate::beneath::Dir;
use crate::json;
use crate::manifest::clip;
use crate::problem::{Problem, What};

pub(crate) const REPORTS: &str = "reports";

/// No more reports of one run are listed than this.
const REPORTS_MAX: usize = 1_000;
/// So much of a report that is no JSON is shown.
const RAW_CHARS_MAX: usize = 64 << 10;

/// The reports directory of a run; `None` when it has none.
pub(crate) fn open(run: &Dir) -> Result<Option<Dir>, Problem> {
    match run.dir(REPORTS) {
        Ok(dir) => Ok(Some(dir)),
        Err(What::Missing) => Ok(None),
        Err(what) => Err(Problem::file(REPORTS, what)),
    }
}

/// The names of all reports, sorted, and what is wrong with the directory.
pub(crate) fn names(dir: &Dir) -> (Vec<String>, Vec<Problem>) {
    let entries = match dir.entries() {
        Ok(entries) => entries,
        Err(what) => return (Vec::new(), vec![Problem::file(REPORTS, what)]),
    };
    let mut problems = Vec::new();
    let mut names = Vec::new();
    for entry in entries {
        match entry.name {
            // Whatever else it is (a link, a FIFO), reading it will say so.
            Some(name) if name.ends_with(".json") && entry.kind != FileType::Directory => names.push(name),
            Some(_) => {}
            None => problems.push(Problem::file(REPORTS, What::NotUtf8)),
        }
    }
    names.sort_unstable();
    if names.len() > REPORTS_MAX {
        names.truncate(REPORTS_MAX);
        problems.push(Problem::file(REPORTS, What::TooManyReports { most: REPORTS_MAX }));
    }
    problems.dedup();
    (names, problems)
}

/// Whether a report can have this file name: one name, not a path.
pub(crate) fn is_name(name: &str) -> bool {
    name.ends_with(".json") && !name.contains(['/', '\0'])
}

/// A report as it can be shown: `{"raw": …}` when it is no JSON, `{}` when it cannot be read at all.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) data: Value,
    pub(crate) bytes: usize,
    pub(crate) problem: Option<Problem>,
}

/// Reads one report; `None` when there is none of this name.
pub(crate) fn read(dir: &Dir, name: &str) -> Option<Shown> {
    let problem = |what| Some(Problem::file(format!("{REPORTS}/{name}"), what));
    match dir.read(name, REPORT_BYTES_MAX) {
        Ok((bytes, _)) => {
            let parsed = json::parse(&bytes);
            let data =
                parsed.value.unwrap_or_else(|| json!({"raw": clip(&String::from_utf8_lossy(&bytes), RAW_CHARS_MAX)}));
            Some(Shown { data, bytes: bytes.len(), problem: parsed.problem.and_then(problem) })
        }
        Err(What::Missing) => None,
        Err(what) => Some(Shown { data: Value::Object(Map::new()), bytes: 0, problem: problem(what) }),
    }
}
