//! The product's binary in a place of its own: runs that can be queued, and a server of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::harness::Setting;

/// The operator's token.
pub(crate) const TOKEN: &str = "bench-operator-token-0123456789";

/// Roots of the product, with as many runs as were asked for so far. All runs have one task contract.
pub(crate) struct Place {
    root: PathBuf,
    binary: PathBuf,
    runs: usize,
}

impl Place {
    /// An empty place.
    pub(crate) fn new(root: &Path, setting: &Setting) -> Result<Self, String> {
        let Some(binary) = &setting.binary else {
            return Err(
                "it needs the product's binary: --binary PATH (`cargo xtask bench ledger` builds and names it)".into(),
            );
        };
        let place = Self { root: root.to_owned(), binary: binary.clone(), runs: 0 };
        std::fs::create_dir_all(place.root.join("runs")).map_err(|error| error.to_string())?;
        Ok(place)
    }

    /// The runtime root.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.root.join("runtime")
    }

    /// Runs that nobody has queued yet.
    pub(crate) fn runs(&mut self, count: usize) -> std::io::Result<Vec<String>> {
        let ids: Vec<String> = (self.runs..self.runs + count).map(|number| format!("run_{number:08}")).collect();
        self.runs += count;
        for id in &ids {
            let run = RunFixture::new(id).task("task_bench").contract(|contract| {
                contract.insert("log_refs".into(), json!({}));
            });
            run.write(&self.root.join("runs"))?;
        }
        Ok(ids)
    }

    /// Starts a command of the product, in which agents may queue as much as they like.
    pub(crate) fn start(&self, command: &str) -> std::io::Result<Process> {
        let mut child = Command::new(&self.binary);
        child
            .arg(command)
            .current_dir(&self.root)
            .env_clear()
            .env("HOME", &self.root)
            .env("CORTEXPILOT_RUNTIME_ROOT", self.runtime())
            .env("CORTEXPILOT_RUNS_ROOT", self.root.join("runs"))
            .env("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY", "1")
            .env("CORTEXPILOT_AGENT_PENDING_MAX", "0")
            .env("CORTEXPILOT_AGENT_APPLIES_PER_HOUR", "0")
            .env("CORTEXPILOT_API_PORT", "0")
            .env("CORTEXPILOT_API_TOKEN", TOKEN)
            .env("CORTEXPILOT_API_REQUESTS_PER_SECOND", "1000000");
        Process::start(&mut child)
    }
}

/// A process that is talked to. Ended when dropped.
pub(crate) struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts a command. What it logs, it formats; nobody reads it.
    pub(crate) fn start(command: &mut Command) -> std::io::Result<Self> {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let streams = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = streams.ok_or_else(|| std::io::Error::other("no standard streams"))?;
        Ok(Self { child, stdin, lines: BufReader::new(stdout) })
    }

    /// Writes a line, with its newline in the same write.
    pub(crate) fn send(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.stdin.write_all(line)
    }

    /// The next line that it writes.
    pub(crate) fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            return Err(std::io::Error::other("the process ended without an answer"));
        }
        Ok(line)
    }

    /// Where it listens, once it does.
    pub(crate) fn address(&mut self) -> std::io::Result<String> {
        loop {
            let line = self.line()?;
            if let Some((_, rest)) = line.split_once("http://") {
                return Ok(rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect());
            }
        }
    }
}

/// A text member of an answer.
pub(crate) fn member(answer: &Value, name: &str) -> Result<String, String> {
    answer[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name}: {answer}"))
}
