//! Running a command under `strace`, and reading what it wrote.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::mcp::Mcp;
use crate::support::process::Process;

/// One system call. `begin` and `end` are places in the trace: a call that ends before another begins has happened
/// before it, on whichever threads they are.
#[derive(Debug)]
pub(crate) struct Call {
    /// Number of the thread.
    pub(crate) thread: u32,
    pub(crate) name: String,
    /// What stands between the brackets: descriptors with their paths, texts in quotes with escapes.
    pub(crate) arguments: String,
    /// What stands behind the equals sign.
    pub(crate) result: String,
    pub(crate) begin: usize,
    pub(crate) end: usize,
}

/// The calls of a process and its threads, in the order in which they began.
pub(crate) struct Trace(Vec<Call>);

/// An MCP server under `strace`.
pub(crate) struct Traced {
    pub(crate) mcp: Mcp,
    output: PathBuf,
}

impl Traced {
    /// Starts an MCP server that writes its trace into `output`. `options` say what is traced, and what fails.
    pub(crate) fn start(server: &Command, output: &Path, options: &[&str], version: &'static str) -> Self {
        let command = under_strace(server, output, options);
        let process = Process::spawn(command, "strace");
        Self { mcp: Mcp::open(process, version), output: output.to_owned() }
    }

    /// Ends the session and gives its trace. It must end well, or, when its store came to grief, say so.
    pub(crate) fn finish(self) -> Trace {
        let finished = self.mcp.into_process().finish();
        let code = finished.status.code();
        assert!([Some(0), Some(6)].contains(&code), "{:?}\n{}", finished.status, finished.stderr);
        assert_eq!(code == Some(6), finished.stderr.contains("error: OUTCOME_UNKNOWN"), "{}", finished.stderr);
        Trace::read(&self.output)
    }
}

/// The command under `strace`, whose trace goes to `output`.
pub(crate) fn under_strace(server: &Command, output: &Path, options: &[&str]) -> Command {
    let mut command = Command::new("strace");
    // Whole texts, every thread, descriptors with their paths. The server is our own child and strace its companion, so
    // that whoever ends the server ends both.
    command.args(["-D", "-f", "-y", "-s", "100000", "-o"]).arg(output).args(options);
    command.arg("--").arg(server.get_program()).args(server.get_args());
    command.env_clear().envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(directory) = server.get_current_dir() {
        command.current_dir(directory);
    }
    command
}

impl Trace {
    /// Reads what `strace` wrote; the traced process has ended.
    pub(crate) fn read(output: &Path) -> Self {
        let text = std::fs::read(output).expect("strace has written its trace");
        Self::parse(&String::from_utf8_lossy(&text))
    }

    /// Lines begin with the thread's number; a call during which another thread was seen stands in two parts.
    fn parse(text: &str) -> Self {
        let mut calls: Vec<Call> = Vec::new();
        let mut unfinished: HashMap<(&str, &str), usize> = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            let (thread, rest) = line.split_once(' ').unwrap_or_else(|| panic!("no trace: {line}"));
            let rest = rest.trim_start();
            // Signals and ends of threads.
            if rest.starts_with("---") || rest.starts_with("+++") {
                continue;
            }
            if let Some(resumed) = rest.strip_prefix("<... ") {
                let (name, rest) = resumed.split_once(" resumed>").unwrap_or_else(|| panic!("no trace: {line}"));
                let Some(index) = unfinished.remove(&(thread, name)) else { panic!("nothing to resume: {line}") };
                let (arguments, result) = halves(rest, line);
                calls[index].arguments.push_str(arguments);
                calls[index].result = result.to_owned();
                calls[index].end = at;
                continue;
            }
            let (name, rest) = rest.split_once('(').unwrap_or_else(|| panic!("no trace: {line}"));
            let (arguments, result) = match rest.strip_suffix("<unfinished ...>") {
                Some(arguments) => {
                    unfinished.insert((thread, name), calls.len());
                    (arguments.trim_end(), "unfinished")
                }
                None => halves(rest, line),
            };
            calls.push(Call {
                thread: thread.parse().unwrap_or_else(|_| panic!("no trace: {line}")),
                name: name.to_owned(),
                arguments: arguments.to_owned(),
                result: result.to_owned(),
                begin: at,
                end: at,
            });
        }
        // What never came back has not ended.
        for index in unfinished.into_values() {
            calls[index].end = usize::MAX;
        }
        Self(calls)
    }

    /// All calls.
    pub(crate) fn calls(&self) -> &[Call] {
        &self.0
    }

    /// The first call at or behind a place that is the one looked for.
    pub(crate) fn find(&self, from: usize, what: &str, wanted: impl Fn(&Call) -> bool) -> &Call {
        let found = self.0.iter().find(|call| call.begin >= from && wanted(call));
        found.unwrap_or_else(|| panic!("not in the trace from line {from} on: {what}"))
    }
}

/// Arguments and result of the part of a line behind the opening bracket.
fn halves<'a>(rest: &'a str, line: &str) -> (&'a str, &'a str) {
    // The padding before the equals sign is strace's; a text in the arguments may hold the same characters.
    let (arguments, result) = rest.rsplit_once(" = ").unwrap_or_else(|| panic!("no result: {line}"));
    let arguments = arguments.trim_end();
    (arguments.strip_suffix(')').unwrap_or_else(|| panic!("no bracket: {line}")), result)
}

impl Call {
    /// Whether it is a call of this name on the descriptor of this file: its first argument.
    pub(crate) fn is_on(&self, names: &[&str], file: &Path) -> bool {
        names.contains(&self.name.as_str()) && self.target() == file.to_str()
    }

    /// What the first argument's descriptor is open on: a path, or something like `pipe:[4711]`.
    pub(crate) fn target(&self) -> Option<&str> {
        let first = self.arguments.split(", ").next()?;
        let (descriptor, target) = first.split_once('<')?;
        let is_number = !descriptor.is_empty() && descriptor.bytes().all(|byte| byte.is_ascii_digit());
        target.strip_suffix('>').filter(|_| is_number)
    }

    /// Whether a message is written to whoever reads standard output, which the servers open once more.
    pub(crate) fn is_answer(&self) -> bool {
        self.name == "write" && self.is_on_a_pipe() && self.arguments.contains(r#", "{\"jsonrpc\""#)
    }

    fn is_on_a_pipe(&self) -> bool {
        self.target().is_some_and(|target| target.starts_with("pipe:["))
    }

    /// Whether it opens standard output once more, where that is a pipe.
    pub(crate) fn opens_output_again(&self) -> bool {
        self.name == "openat" && self.arguments.contains(r#""/proc/self/fd/1""#) && self.result.contains("<pipe:[")
    }

    /// Whether it came back without an error.
    pub(crate) fn succeeded(&self) -> bool {
        self.result.bytes().next().is_some_and(|first| first.is_ascii_digit())
    }
}

/// A JSON text as it stands inside a string of a trace.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
