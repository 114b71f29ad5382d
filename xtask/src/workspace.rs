//! The work tree: its root, its files as git sees them, and running commands in it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The work tree that `cargo xtask` was started in.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Looks upward from the current directory for the directory that holds this crate.
    pub(crate) fn find() -> Result<Workspace> {
        let start = std::env::current_dir().context("the current directory cannot be read")?;
        match start.ancestors().find(|dir| dir.join("xtask/Cargo.toml").is_file()) {
            Some(root) => Ok(Workspace { root: root.to_owned() }),
            None => bail!("{} is not inside the workspace: run `cargo xtask` from its root", start.display()),
        }
    }

    /// The root directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the work tree.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A text file of the work tree, or `None` when it does not exist.
    pub(crate) fn text(&self, relative: &str) -> Result<Option<String>> {
        match std::fs::read_to_string(self.path(relative)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{relative} cannot be read as text")),
        }
    }

    /// A command that will run in the root.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command.current_dir(&self.root);
        command
    }

    /// `cargo` of the toolchain that runs this program.
    pub(crate) fn cargo(&self) -> Command {
        self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// Every file that git tracks or would add, from the root, sorted. Deleted files are left out.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let output =
            output(self.command("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
        let mut files = Vec::new();
        for name in output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let name = String::from_utf8(name.to_vec()).context("a file name in the work tree is not UTF-8")?;
            if std::fs::symlink_metadata(self.path(&name)).is_ok_and(|meta| !meta.is_dir()) {
                files.push(name);
            }
        }
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target_dir(&self) -> Result<PathBuf> {
        let metadata = self.metadata(&["--no-deps"])?;
        let dir = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
        Ok(PathBuf::from(dir))
    }

    /// `cargo metadata --format-version 1` with more arguments.
    pub(crate) fn metadata(&self, args: &[&str]) -> Result<serde_json::Value> {
        let output = output(self.cargo().args(["metadata", "--format-version", "1"]).args(args))?;
        serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")
    }

    /// Builds the product's debug binary, as tests and generators use it, and says where it is.
    ///
    /// Cargo compiles a crate once for each set of features that it is asked for, and what is asked for depends on which
    /// packages and targets a command names. So this one names what the tests' own build names: the whole workspace, and
    /// with one test of it the features that tests alone want. What is built here is not built again for them.
    pub(crate) fn build_product(&self) -> Result<PathBuf> {
        let what = ["build", "--quiet", "--workspace", "--bin", "cortexpilot", "--test", "traced"];
        if !passes(self.cargo().args(what))? {
            bail!("`cargo {}` failed; what it printed is above", what.join(" "));
        }
        Ok(self.target_dir()?.join("debug/cortexpilot"))
    }
}

/// Whether CI runs us: what cannot run is a failure there, never a remark.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| matches!(value.trim(), "1" | "true"))
}

/// Whether `cargo <subcommand>` is installed.
pub(crate) fn has_cargo_subcommand(workspace: &Workspace, subcommand: &str) -> bool {
    workspace.cargo().args([subcommand, "--version"]).output().is_ok_and(|output| output.status.success())
}

/// Runs a command with our own standard streams and says whether it succeeded.
pub(crate) fn passes(command: &mut Command) -> Result<bool> {
    let status = command.status().with_context(|| format!("{} cannot be started", shown(command)))?;
    Ok(status.success())
}

/// Runs a command that must succeed and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("{} cannot be started", shown(command)))?;
    if !output.status.success() {
        bail!("{} failed: {}", shown(command), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output)
}

/// What a command printed while it was shown to the person who waits, and whether it succeeded.
pub(crate) struct Shown {
    /// Its exit code; `None` when a signal ended it, also ours after the time limit.
    pub(crate) code: Option<i32>,
    /// Its standard output, lossily as text.
    pub(crate) stdout: String,
}

impl Shown {
    /// Exit code zero.
    pub(crate) fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// Runs a command, passing its standard output on line by line while keeping it. Past the limit it is killed, so that
/// a task that hangs ends red and does not wait for somebody to notice.
pub(crate) fn show(command: &mut Command, limit: Duration) -> Result<Shown> {
    let name = shown(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} cannot be started"))?;
    let stdout = child.stdout.take();
    let (lines, received) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).split(b'\n')) {
            let Ok(line) = line else { break };
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    let deadline = Instant::now() + limit;
    let mut kept = String::new();
    loop {
        match received.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                println!("{line}");
                kept.push_str(&line);
                kept.push('\n');
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                println!("{name} was killed after {} s", limit.as_secs());
                child.kill().with_context(|| format!("{name} cannot be killed"))?;
                let status = child.wait()?;
                // A grandchild may still hold the pipe; the reader ends with it and is not waited for.
                return Ok(Shown { code: status.code(), stdout: kept });
            }
        }
    }
    let status = child.wait().with_context(|| format!("{name} cannot be waited for"))?;
    reader.join().map_err(|_| anyhow::anyhow!("the output of {name} cannot be read"))?;
    Ok(Shown { code: status.code(), stdout: kept })
}

/// The last line that is not empty: what tools put their reason in.
pub(crate) fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it printed nothing").to_owned()
}

fn shown(command: &Command) -> String {
    let mut words =
        vec![Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy()));
    format!("`{}`", words.join(" "))
}
