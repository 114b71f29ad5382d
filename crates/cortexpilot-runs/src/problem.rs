//! Everything that can be wrong with a run directory: what is said about it, and how it is repaired.

use std::fmt;

use cortexpilot_core::port::runs::{CheckFinding, FileProblem};
use rustix::io::Errno;

/// One thing that could not be read as what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Relative to the run directory.
    pub(crate) file: String,
    pub(crate) line: Option<u64>,
    pub(crate) what: What,
}

impl Problem {
    pub(crate) fn file(file: impl Into<String>, what: What) -> Self {
        Self { file: file.into(), line: None, what }
    }

    pub(crate) fn line(file: impl Into<String>, line: u64, what: What) -> Self {
        Self { file: file.into(), line: Some(line), what }
    }

    /// For an answer about this run alone.
    pub(crate) fn shown(&self) -> FileProblem {
        FileProblem { file: self.file.clone(), line: self.line, problem: self.what.to_string() }
    }

    /// For an answer about several runs.
    pub(crate) fn shown_of(&self, run: &str) -> FileProblem {
        FileProblem { file: format!("{run}/{}", self.file), line: self.line, problem: self.what.to_string() }
    }

    pub(crate) fn finding(&self) -> CheckFinding {
        CheckFinding {
            file: self.file.clone(),
            line: self.line,
            problem: self.what.to_string(),
            repair: self.what.repair().to_owned(),
            blocks_enqueue: self.what.blocks(&self.file),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line} of {} {}", self.file, self.what),
            None => write!(f, "{} {}", self.file, self.what),
        }
    }
}

/// The sentence about the runs root.
pub(crate) fn root_problem(what: &What) -> String {
    format!("the runs root {what}")
}

pub(crate) fn shown(problems: &[Problem]) -> Vec<FileProblem> {
    problems.iter().map(Problem::shown).collect()
}

pub(crate) fn shown_of(run: &str, problems: &[Problem]) -> Vec<FileProblem> {
    problems.iter().map(|problem| problem.shown_of(run)).collect()
}

/// What is wrong. The `Display` form completes the sentence "`manifest.json` …" and holds nothing from the run: it reaches
/// models and terminals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Missing,
    Link,
    NotRegular(&'static str),
    NotDirectory,
    TooLarge { bytes: u64 },
    Io(Errno),
    NotUtf8,
    ByteOrderMark,
    NotJson { line: usize, column: usize },
    TooDeep,
    Duplicate,
    NotObject,
    OddType { member: &'static str, want: &'static str },
    TooLongText { member: &'static str },
    NamesOtherRun,
    LineTooLong { bytes: usize },
    Torn,
    OddEventName,
    ScanLimit { bytes: u64 },
    MoreProblems { count: u64 },
    PageFull,
    TooManyReports { most: usize },
    ChainMismatch,
    ChainUnlinked,
    ChainNoEntry,
    ChainExtra,
    ChainEntry,
    ChainStopped,
    Altered,
    Unvouched,
    EvidenceMismatch,
    RootNotUtf8,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Link => f.write_str("is a symbolic link, and links are not followed"),
            Self::NotRegular(kind) => write!(f, "is {kind}, not a regular file"),
            Self::NotDirectory => f.write_str("is not a directory"),
            Self::TooLarge { bytes } => write!(f, "is larger than {}", size(*bytes)),
            Self::Io(errno) => write!(f, "cannot be read: {}", errno_words(*errno)),
            Self::NotUtf8 => f.write_str("is not UTF-8"),
            Self::ByteOrderMark => f.write_str("begins with a byte order mark"),
            Self::NotJson { line, column } => write!(f, "is not JSON (at line {line}, column {column})"),
            Self::TooDeep => f.write_str("is nested too deep"),
            Self::Duplicate => f.write_str("has an object with the same member twice"),
            Self::NotObject => f.write_str("is JSON, but not an object"),
            Self::OddType { member, want } => write!(f, "has a `{member}` that is not {want}"),
            Self::TooLongText { member } => write!(f, "has a `{member}` of more than 1,024 characters"),
            Self::NamesOtherRun => f.write_str("names another run than the directory it stands in"),
            Self::LineTooLong { bytes } => write!(f, "is longer than {}", size(*bytes as u64)),
            Self::Torn => f.write_str("is torn: it ends without a newline and is not JSON"),
            Self::OddEventName => f.write_str("has an event name that is not text"),
            Self::ScanLimit { bytes } => write!(f, "is not read beyond its first {}", size(*bytes)),
            Self::MoreProblems { count } => write!(f, "has {count} more lines with problems"),
            Self::PageFull => f.write_str("has more than fits into one answer"),
            Self::TooManyReports { most } => write!(f, "holds more than {most} reports; the rest is not shown"),
            Self::ChainMismatch => f.write_str("is not the line that the hash chain recorded"),
            Self::ChainUnlinked => f.write_str("does not continue the hash chain"),
            Self::ChainNoEntry => f.write_str("has no entry in the hash chain"),
            Self::ChainExtra => f.write_str("has entries for lines that events.jsonl lacks"),
            Self::ChainEntry => f.write_str("is not an entry of a hash chain"),
            Self::ChainStopped => f.write_str("could not be checked against the hash chain, nor what follows it"),
            Self::Altered => f.write_str("is not the contract that the manifest recorded"),
            Self::Unvouched => f.write_str("records no digest of contract.json, so the contract cannot be verified"),
            Self::EvidenceMismatch => f.write_str("is not the file that the manifest recorded"),
            Self::RootNotUtf8 => f.write_str("has a path that is not UTF-8"),
        }
    }
}

impl What {
    /// One next step.
    pub(crate) fn repair(&self) -> &'static str {
        match self {
            Self::Missing => {
                "Restore the file from the system that wrote the run, or remove the directory if it is no run."
            }
            Self::Link => "Replace the link by the file or directory itself.",
            Self::NotRegular(_) | Self::NotDirectory => "Replace it by what the run's writer put there.",
            Self::TooLarge { .. } | Self::LineTooLong { .. } | Self::ScanLimit { .. } => {
                "Keep bulk output in files under artifacts/ and refer to it."
            }
            Self::Io(_) => "Check the permissions and the disk, then try again.",
            Self::NotUtf8 | Self::ByteOrderMark => "Write the file as UTF-8 without a byte order mark.",
            Self::NotJson { .. } | Self::TooDeep | Self::NotObject => {
                "Restore the file from the system that wrote the run."
            }
            Self::Duplicate => {
                "Restore the file from the system that wrote the run; two readers would understand it differently."
            }
            Self::OddType { .. } | Self::TooLongText { .. } | Self::OddEventName => {
                "Correct the member in the system that wrote the run, and let it write the run again."
            }
            Self::NamesOtherRun => {
                "Rename the directory to the run that the manifest names, if it was copied or renamed."
            }
            Self::Torn => "If the run is still being written, wait. If its writer died, let it repair its events file.",
            Self::MoreProblems { .. } => "Repair the lines named above first.",
            Self::PageFull => "Ask for fewer events at a time.",
            Self::TooManyReports { .. } => "Keep only reports in reports/; other output belongs under artifacts/.",
            Self::ChainMismatch | Self::ChainUnlinked | Self::ChainExtra | Self::ChainEntry => {
                "Find out who changed the events after they were written; restore them from a copy."
            }
            Self::ChainNoEntry => "If the run is still being written, wait. Otherwise find out who added the line.",
            Self::ChainStopped => "Repair the line first; the chain is checked up to it.",
            Self::Altered => "Find out who changed the contract after the run; restore it, or run the task again.",
            Self::Unvouched => "Nothing has to be done; whoever approves is warned.",
            Self::EvidenceMismatch => "Find out who changed the file after the run, or restore it.",
            Self::RootNotUtf8 => "Move the runs to a directory whose path is UTF-8.",
        }
    }

    /// Whether a queue item cannot be derived from a run with this problem in this file.
    fn blocks(&self, file: &str) -> bool {
        match self {
            Self::NamesOtherRun
            | Self::Unvouched
            | Self::EvidenceMismatch
            | Self::PageFull
            | Self::TooManyReports { .. } => false,
            Self::ChainMismatch
            | Self::ChainUnlinked
            | Self::ChainNoEntry
            | Self::ChainExtra
            | Self::ChainEntry
            | Self::ChainStopped => false,
            Self::Altered | Self::RootNotUtf8 => true,
            Self::Missing
            | Self::Link
            | Self::NotRegular(_)
            | Self::NotDirectory
            | Self::TooLarge { .. }
            | Self::Io(_)
            | Self::NotUtf8
            | Self::ByteOrderMark
            | Self::NotJson { .. }
            | Self::TooDeep
            | Self::Duplicate
            | Self::NotObject
            | Self::LineTooLong { .. }
            | Self::Torn
            | Self::OddEventName
            | Self::ScanLimit { .. }
            | Self::MoreProblems { .. } => DECIDED_FROM.contains(&file),
            // Which members decide is the business of `facts`, which says so itself.
            Self::OddType { .. } | Self::TooLongText { .. } => false,
        }
    }
}

/// The run directory itself and the files that `facts` reads.
const DECIDED_FROM: [&str; 4] = [RUN_DIRECTORY, "contract.json", "manifest.json", "events.jsonl"];

/// How the run directory itself is called in problems.
pub(crate) const RUN_DIRECTORY: &str = "the run directory";

fn size(bytes: u64) -> String {
    if bytes >= 1 << 30 && bytes.is_multiple_of(1 << 30) {
        format!("{} GiB", bytes >> 30)
    } else if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{bytes} bytes")
    }
}

fn errno_words(errno: Errno) -> String {
    match errno {
        Errno::ACCESS | Errno::PERM => "permission denied".to_owned(),
        Errno::IO => "the disk reports an error".to_owned(),
        Errno::NAMETOOLONG => "the name is too long".to_owned(),
        Errno::MFILE | Errno::NFILE => "too many files are open".to_owned(),
        other => format!("the system reports error {}", other.raw_os_error()),
    }
}
