//! What a run searched for and found: a handful of files, each whole.

use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::port::runs::RunSearch;
use serde_json::{Value, json};

use crate::REPORT_BYTES_MAX;
use crate::beneath::Dir;
use crate::evidence::ARTIFACTS;
use crate::manifest::clip;
use crate::problem::{Problem, What, shown};
use crate::{json, reports};

/// All the files of one answer together.
const BYTES_MAX: usize = 16 << 20;
/// So much of a file or line that is no JSON is shown.
const RAW_CHARS_MAX: usize = 64 << 10;

pub(crate) fn read(id: &RunId, run: &Dir) -> RunSearch {
    let mut files = Files { left: BYTES_MAX, problems: Vec::new(), artifacts: None, reports: None };
    files.artifacts = files.open(run, ARTIFACTS);
    files.reports = files.open(run, reports::REPORTS);
    let search = RunSearch {
        run_id: id.to_string(),
        raw: files.artifact("search_results.json"),
        raw_history: files.artifact("search_results.jsonl"),
        verification: files.artifact("verification.json"),
        verification_history: files.artifact("verification.jsonl"),
        purified: files.artifact("purified_summary.json"),
        search_summary: files.artifact("search_summary.json"),
        verification_ai: files.artifact("verification_ai.json"),
        browser_results: files.artifact("browser_results.json"),
        news_digest_result: files.report("news_digest_result.json"),
        topic_brief_result: files.report("topic_brief_result.json"),
        page_brief_result: files.report("page_brief_result.json"),
        evidence_bundle: files.report("evidence_bundle.json"),
        problems: Vec::new(),
    };
    RunSearch { problems: shown(&files.problems), ..search }
}

struct Files {
    left: usize,
    problems: Vec<Problem>,
    artifacts: Option<Dir>,
    reports: Option<Dir>,
}

impl Files {
    fn open(&mut self, run: &Dir, name: &str) -> Option<Dir> {
        match run.dir(name) {
            Ok(dir) => Some(dir),
            Err(What::Missing) => None,
            Err(what) => {
                self.problems.push(Problem::file(name, what));
                None
            }
        }
    }

    fn artifact(&mut self, name: &str) -> Value {
        let Some(dir) = self.artifacts.take() else { return Value::Null };
        let value = self.file(&dir, ARTIFACTS, name);
        self.artifacts = Some(dir);
        value
    }

    fn report(&mut self, name: &str) -> Value {
        let Some(dir) = self.reports.take() else { return Value::Null };
        let value = self.file(&dir, reports::REPORTS, name);
        self.reports = Some(dir);
        value
    }

    fn file(&mut self, dir: &Dir, place: &str, name: &str) -> Value {
        let problem = |what| Problem::file(format!("{place}/{name}"), what);
        let bytes = match dir.read(name, REPORT_BYTES_MAX) {
            Ok((bytes, _)) => bytes,
            Err(What::Missing) => return Value::Null,
            Err(what) => {
                self.problems.push(problem(what));
                return Value::Null;
            }
        };
        let Some(left) = self.left.checked_sub(bytes.len()) else {
            self.problems.push(problem(What::PageFull));
            return Value::Null;
        };
        self.left = left;
        if !name.ends_with(".jsonl") {
            let parsed = json::parse(&bytes);
            self.problems.extend(parsed.problem.map(problem));
            return parsed.value.unwrap_or_else(|| raw(&bytes));
        }
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let lines = lines.map(|line| json::parse(line).value.unwrap_or_else(|| raw(line)));
        Value::Array(lines.collect())
    }
}

fn raw(bytes: &[u8]) -> Value {
    json!({"raw": clip(&String::from_utf8_lossy(bytes), RAW_CHARS_MAX)})
}
