//! git as the worker runs it: a cleared environment, no configuration but the repository's own, and nothing in that which
//! could start a program.
//!
//! git is never run on a directory that an agent could write to: what it looks at is the operator's repository, from which
//! the baseline is taken, and repositories that were made here and that no sandbox shows.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Why git did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum GitProblem {
    /// It could not be started, or its streams broke.
    #[error("git could not be run: {0}")]
    Io(#[from] io::Error),
    /// It said no.
    #[error("git {what} failed: {said}")]
    Failed {
        /// The subcommand.
        what: String,
        /// What it said, cut.
        said: String,
    },
}

/// What every call is told, because a repository's own configuration is read and may hold any of these.
const SETTINGS: [&str; 24] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.sshCommand=false",
    "core.askPass=false",
    "core.editor=false",
    "core.pager=cat",
    "core.autocrlf=false",
    "core.eol=lf",
    "core.safecrlf=false",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.quotePath=true",
    "core.alternateRefsCommand=true",
    "credential.helper=",
    "protocol.allow=never",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
];

/// The git program with a repository to use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Git<'a> {
    program: &'a Path,
    place: Place<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    /// Found from a directory, as people name repositories.
    In(&'a Path),
    /// Named outright, with the directory whose files belong to it.
    At { git_dir: &'a Path, work_tree: Option<&'a Path> },
}

impl<'a> Git<'a> {
    pub(crate) fn inside(program: &'a Path, dir: &'a Path) -> Self {
        Self { program, place: Place::In(dir) }
    }

    pub(crate) fn at(program: &'a Path, git_dir: &'a Path) -> Self {
        Self { program, place: Place::At { git_dir, work_tree: None } }
    }

    pub(crate) fn with_files(program: &'a Path, git_dir: &'a Path, work_tree: &'a Path) -> Self {
        Self { program, place: Place::At { git_dir, work_tree: Some(work_tree) } }
    }

    fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(self.program);
        command.env_clear().envs(environment());
        match self.place {
            Place::In(dir) => {
                command.current_dir(dir);
                // The operator named this repository; that it belongs to another user than the worker's is their choice.
                command.arg("-c").arg("safe.directory=*");
            }
            Place::At { git_dir, work_tree } => {
                command.current_dir(work_tree.unwrap_or(git_dir)).arg("-c").arg("safe.directory=*");
                command.env("GIT_DIR", git_dir);
                if let Some(files) = work_tree {
                    command.env("GIT_WORK_TREE", files);
                }
            }
        }
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        command.arg("--no-pager").args(args);
        command
    }

    /// Runs it and answers what it wrote.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Vec<u8>, GitProblem> {
        self.feed(args, &[])
    }

    /// Runs it with something to read.
    pub(crate) fn feed<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        input: &[u8],
    ) -> Result<Vec<u8>, GitProblem> {
        self.answered(args, input, &[0])
    }

    /// Runs it where more than one exit status is an answer.
    pub(crate) fn answered<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        input: &[u8],
        good: &[i32],
    ) -> Result<Vec<u8>, GitProblem> {
        let mut command = self.command(args);
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let output = std::thread::scope(|scope| {
            let writer = stdin.map(|mut stdin| scope.spawn(move || stdin.write_all(input)));
            let output = child.wait_with_output();
            // A writer that met a closed pipe is told by the exit status, which says more.
            drop(writer.map(std::thread::ScopedJoinHandle::join));
            output
        })?;
        if output.status.code().is_some_and(|code| good.contains(&code)) {
            return Ok(output.stdout);
        }
        let what = command
            .get_args()
            .skip_while(|arg| *arg != "--no-pager")
            .nth(1)
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let said = String::from_utf8_lossy(&output.stderr).trim().chars().take(500).collect();
        Err(GitProblem::Failed { what, said })
    }

    /// Runs it and answers its one line.
    pub(crate) fn line<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<String, GitProblem> {
        Ok(String::from_utf8_lossy(&self.run(args)?).trim_end_matches('\n').to_owned())
    }
}

/// The whole environment: nothing of the worker's own gets through.
fn environment() -> [(&'static str, &'static str); 15] {
    [
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/nonexistent"),
        ("LC_ALL", "C"),
        ("TZ", "UTC"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ASKPASS", "/bin/false"),
        ("GIT_ALLOW_PROTOCOL", "none"),
        ("GIT_ADVICE", "0"),
    ]
}
