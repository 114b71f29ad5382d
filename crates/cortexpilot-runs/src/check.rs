//! What is wrong with run directories, each finding with its repair: for `runs check`.

use std::path::Path;

use cortexpilot_core::domain::id::{RunId, Sha256Digest};
use cortexpilot_core::domain::run::ContractEvidence;
use cortexpilot_core::port::runs::CheckFinding;
use rustix::fs::FileType;
use serde_json::{Map, Value};

use crate::beneath::{Dir, Via};
use crate::contract::{CONTRACT, ContractDigest};
use crate::events::{self, EVENTS, LineProblems};
use crate::facts::{self, NoFacts};
use crate::manifest::{MANIFEST, ManifestDigest};
use crate::problem::{Problem, RUN_DIRECTORY, What};
use crate::{contract, evidence, json, reports, scan, views};

/// Files of evidence larger than this are not hashed.
const EVIDENCE_BYTES_MAX: u64 = 64 << 20;
/// At most so many recorded digests are compared.
const EVIDENCE_FILES_MAX: usize = 10_000;

/// What a directory holds, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PathCheck {
    /// The directory that was looked in, absolute.
    pub looked_in: String,
    /// Whether it could be looked in; the reason why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// Whether the directory is one run, rather than a root of runs.
    pub is_run: bool,
    /// How many runs were checked.
    pub runs: usize,
    /// What is wrong; in a root each file begins with its run's id.
    pub findings: Vec<CheckFinding>,
    /// Entries of a root that were passed over, and why.
    pub skipped: Vec<SkippedEntry>,
}

/// An entry of the runs root that is not read as a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct SkippedEntry {
    /// Its name, as far as it is text.
    pub name: String,
    /// Why it was passed over.
    pub reason: &'static str,
}

/// Checks any directory: a run (it holds `manifest.json` or `contract.json`), or a root of runs.
///
/// Reads only, as everything here; the path itself may lead through links, for it is the operator's.
pub fn check_path(path: &Path) -> PathCheck {
    let looked_in =
        std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned());
    let mut report = PathCheck {
        looked_in: looked_in.display().to_string(),
        unreadable: None,
        is_run: false,
        runs: 0,
        findings: Vec::new(),
        skipped: Vec::new(),
    };
    let dir = match Dir::root(&looked_in, Via::BEST) {
        Ok(dir) => dir,
        Err(what) => {
            report.unreadable = Some(format!("the directory {what}"));
            return report;
        }
    };
    let has = |name| !matches!(dir.stamp(name), Err(What::Missing));
    report.is_run = has(MANIFEST) || has(CONTRACT);
    if report.is_run {
        report.runs = 1;
        report.findings = one(&looked_in);
        return report;
    }
    let entries = match dir.entries() {
        Ok(entries) => entries,
        Err(what) => {
            report.unreadable = Some(format!("the directory {what}"));
            return report;
        }
    };
    let mut runs = Vec::new();
    for entry in entries {
        let Some(name) = entry.name else {
            report.skipped.push(SkippedEntry { name: String::new(), reason: "its name is not UTF-8" });
            continue;
        };
        match (entry.kind, RunId::parse(&name)) {
            (FileType::Symlink, _) => {
                report.skipped.push(SkippedEntry { name, reason: "it is a symbolic link, and links are not followed" });
            }
            (FileType::Directory, Ok(id)) if id.as_str() == name => match dir
                .dir(&name)
                .and_then(|run| run.stamp(MANIFEST))
            {
                Err(What::Missing) => report.skipped.push(SkippedEntry { name, reason: "it holds no manifest.json" }),
                Ok(_) | Err(_) => runs.push(id),
            },
            (FileType::Directory, _) => {
                report.skipped.push(SkippedEntry { name, reason: "its name is not a run id" });
            }
            // Files beside runs are nobody's business here.
            (
                FileType::RegularFile
                | FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown,
                _,
            ) => {}
        }
    }
    runs.sort();
    report.skipped.sort();
    report.runs = runs.len();
    for id in runs {
        report.findings.extend(
            run(&dir, &looked_in, &id)
                .into_iter()
                .map(|finding| CheckFinding { file: format!("{id}/{}", finding.file), ..finding }),
        );
    }
    report
}

/// Checks a run by its own path.
fn one(path: &Path) -> Vec<CheckFinding> {
    let name = path.file_name().and_then(|name| name.to_str()).filter(|name| scan::is_run_id(name));
    let id = name.and_then(|name| RunId::parse(name).ok());
    match (id, path.parent()) {
        (Some(id), Some(parent)) => match Dir::root(parent, Via::BEST) {
            Ok(root) => run(&root, parent, &id),
            Err(what) => vec![Problem::file("the runs root", what).finding()],
        },
        _ => vec![CheckFinding {
            file: RUN_DIRECTORY.to_owned(),
            line: None,
            problem: "has a name that is not a run id, so no run can be addressed by it".to_owned(),
            repair: "Rename it: 1 to 128 of A-Z a-z 0-9 . _ - beginning with a letter or a digit, without two dots in a row."
                .to_owned(),
            blocks_enqueue: true,
        }],
    }
}

/// Everything wrong with one run.
pub(crate) fn run(root: &Dir, root_path: &Path, id: &RunId) -> Vec<CheckFinding> {
    let dir = match root.dir(id.as_str()) {
        Ok(dir) => dir,
        Err(what) => return vec![Problem::file(RUN_DIRECTORY, what).finding()],
    };
    let mut problems = Vec::new();
    let (manifest, what, _) = views::manifest(&dir);
    problems.extend(ManifestDigest::of(id.as_str(), manifest.as_ref(), what, None).problems);
    let (contract, problem) = contract::read(&dir);
    problems.extend(ContractDigest::of(contract.as_ref(), problem).problems);
    problems.extend(event_problems(&dir));
    problems.extend(report_problems(&dir));

    // What `facts` refuses is what blocks; the problems above may have named it already.
    let mut findings: Vec<CheckFinding> = Vec::new();
    match facts::read(&dir, root_path, id) {
        Ok(facts) => match facts.evidence {
            ContractEvidence::Verified => {}
            ContractEvidence::Absent => problems.push(Problem::file(MANIFEST, What::Unvouched)),
            ContractEvidence::Altered => problems.push(Problem::file(CONTRACT, What::Altered)),
        },
        // Those two say that there is no directory to read in, and there is one.
        Err(NoFacts::NotFound | NoFacts::Root(_)) => {
            return vec![Problem::file(RUN_DIRECTORY, What::Missing).finding()];
        }
        Err(NoFacts::Problem(refused)) => {
            problems.retain(|problem| *problem != refused);
            findings.push(CheckFinding { blocks_enqueue: true, ..refused.finding() });
        }
    }
    if let Some(manifest) = &manifest {
        problems.extend(evidence_problems(&dir, manifest));
    }
    findings.extend(problems.iter().map(Problem::finding));
    findings.sort_by_key(|finding| !finding.blocks_enqueue);
    findings
}

fn event_problems(dir: &Dir) -> Vec<Problem> {
    let mut lines = LineProblems::default();
    let walked = events::walk_chained(dir, |line| {
        if let Some(what) = line.problem {
            lines.push(Problem::line(EVENTS, line.number, what));
        }
    });
    let mut problems = lines.finish();
    match walked {
        Ok(chain) => problems.extend(chain),
        Err(what) => problems.push(Problem::file(EVENTS, what)),
    }
    problems
}

fn report_problems(dir: &Dir) -> Vec<Problem> {
    match reports::open(dir) {
        Ok(None) => Vec::new(),
        Ok(Some(reports)) => {
            let (names, mut problems) = reports::names(&reports);
            problems.extend(names.iter().filter_map(|name| reports::read(&reports, name)?.problem));
            problems
        }
        Err(problem) => vec![problem],
    }
}

/// Files whose bytes are not those that the manifest recorded. Files that are not there any more are not missed: runs are
/// archived without their bulk.
fn evidence_problems(dir: &Dir, manifest: &Map<String, Value>) -> Vec<Problem> {
    let json::Member::Present(hashes) = json::object(manifest, "evidence_hashes") else { return Vec::new() };
    let recorded = hashes.iter().take(EVIDENCE_FILES_MAX);
    recorded
        // The contract's digest is judged with the facts.
        .filter(|(file, _)| file.as_str() != CONTRACT && !evidence::WRITTEN_ON.contains(&file.as_str()))
        .filter_map(|(file, digest)| {
            let want = Sha256Digest::parse(digest.as_str()?);
            match evidence::hash(dir, file, EVIDENCE_BYTES_MAX) {
                Ok((have, _)) => (want != Some(have)).then(|| Problem::file(file.clone(), What::EvidenceMismatch)),
                Err(What::Missing) => None,
                Err(what) => Some(Problem::file(file.clone(), what)),
            }
        })
        .collect()
}
