//! What a check found: problems with their place and repair, and what was looked at.

use std::process::ExitCode;

/// One thing that is wrong, where, and what puts it right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// A path from the workspace root, with `:line` where one line is to blame.
    pub(crate) place: String,
    /// What is wrong, in one sentence.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) repair: String,
}

/// The outcome of one check.
#[derive(Debug, Default)]
pub(crate) struct Report {
    problems: Vec<Problem>,
    notes: Vec<String>,
}

impl Report {
    /// Records a problem.
    pub(crate) fn problem(&mut self, place: impl Into<String>, what: impl Into<String>, repair: impl Into<String>) {
        self.problems.push(Problem { place: place.into(), what: what.into(), repair: repair.into() });
    }

    /// Records what was looked at or left out: printed, never a failure.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// The problems so far.
    #[cfg(test)]
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// Prints notes and problems under the check's name.
    pub(crate) fn print(&self, name: &str) {
        for note in &self.notes {
            println!("{name}: {note}");
        }
        for problem in &self.problems {
            println!("{name}: {}: {}", problem.place, problem.what);
            println!("    repair: {}", problem.repair);
        }
    }

    /// Prints all of it with a closing line, and turns it into an exit code.
    pub(crate) fn finish(&self, name: &str) -> ExitCode {
        self.print(name);
        match self.problems.len() {
            0 => {
                println!("{name}: ok");
                ExitCode::SUCCESS
            }
            1 => {
                println!("{name}: FAIL, 1 problem");
                ExitCode::FAILURE
            }
            many => {
                println!("{name}: FAIL, {many} problems");
                ExitCode::FAILURE
            }
        }
    }
}
