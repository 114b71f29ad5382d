//! `cargo xtask newcomer`: what README.md tells a newcomer to do, done from a fresh clone in an empty `HOME`.

mod processes;
mod screen;
mod tour;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::cli::Args;
use crate::markdown;
use crate::workspace::{Workspace, output, show};
use processes::{Server, Stopped};

/// The comment that marks README.md's block of commands for newcomers.
const MARK: &str = "<!-- newcomer -->";

/// The first command builds a release on two slow cores before it prints anything.
const UNTIL_READY: Duration = Duration::from_secs(60 * 60);

/// The screen is complete when nothing follows for this long.
const QUIET: Duration = Duration::from_secs(2);

/// A printed command talks to a running server; it has no reason to take longer.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// The second command builds again (debug) and runs every test.
const TESTS_LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

/// How long a server may take to stop after SIGINT.
const UNTIL_STOPPED: Duration = Duration::from_secs(30);

/// One finished step, for the summary.
struct Step {
    name: String,
    /// What came out: an exit code, or what was found.
    result: String,
    ok: bool,
    time: Duration,
}

/// The clone and the bare environment around it. Dropped, it is gone.
struct Place {
    dir: TempDir,
    clone: PathBuf,
    environment: Vec<(OsString, OsString)>,
    /// Where the built `cortexpilot` lies.
    programs: PathBuf,
    /// Programs that are called Node's and do nothing but say that they were called.
    no_node: PathBuf,
}

/// What a newcomer who builds, installs and runs the product need not have: the console is checked in as it is built.
const NODE: [&str; 4] = ["node", "npm", "npx", "corepack"];

/// Written when one of them is called.
const CALLED: &str = "called";

/// `cargo xtask newcomer`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let debug = args.has("--debug");
    if args.has("--target-dir") && !debug {
        bail!(
            "`--target-dir` belongs to `--debug`: without it the clone builds into its own directory, as a newcomer's does"
        );
    }
    let target = debug.then(|| match args.values("--target-dir").last() {
        Some(dir) => std::path::absolute(dir).context("the target directory cannot be resolved"),
        None => Ok(workspace.target_dir()?.join("newcomer")),
    });
    let place = clone(&workspace, target.transpose()?)?;
    let readme = std::fs::read_to_string(place.clone.join("README.md")).context("HEAD has no README.md")?;
    let [first, second] = readme_commands(&readme)?;
    let first = if debug { first.replace(" --release", "") } else { first };

    let mut steps = Vec::new();
    serve_and_follow(&place, &first, &mut steps)?;
    repeat_the_tour(&place, &readme, &mut steps)?;
    install(&place, debug, &mut steps)?;
    if args.has("--skip-tests") {
        println!("not run, as asked: {second}");
    } else {
        run_in(place.tests(&second), &second, TESTS_LIMIT, &mut steps)?;
        nothing_left(&place, "after the tests", &mut steps);
    }
    Ok(finish(&steps))
}

/// Clones HEAD into a fresh directory beside an empty `HOME`, and says what the environment holds.
fn clone(workspace: &Workspace, target: Option<PathBuf>) -> Result<Place> {
    let head = output(workspace.command("git").args(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]))
        .context("there is no commit to clone: newcomers get what is committed")?;
    let head = String::from_utf8_lossy(&head.stdout).trim().to_owned();
    let changed = output(workspace.command("git").args(["status", "--porcelain"]))?;
    let changed = changed.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    if changed > 0 {
        println!("newcomer: {changed} changed files of the work tree are not in HEAD and not part of this");
    }
    let dir = tempfile::Builder::new().prefix("newcomer-").tempdir().context("no temporary directory")?;
    // Resolved, because the places of processes are compared with it.
    let base = dir.path().canonicalize().context("the temporary directory cannot be resolved")?;
    let clone = base.join("cortexpilot");
    let home = base.join("home");
    std::fs::create_dir(&home).context("the empty HOME cannot be made")?;
    output(workspace.command("git").args(["clone", "--quiet", "--no-hardlinks"]).arg(workspace.root()).arg(&clone))?;
    output(workspace.command("git").arg("-C").arg(&clone).args(["checkout", "--quiet", "--detach", &head]))?;

    let mut environment: Vec<(OsString, OsString)> = vec![
        ("HOME".into(), home.into_os_string()),
        ("TERM".into(), "dumb".into()),
        ("PATH".into(), std::env::var_os("PATH").context("PATH is not set")?),
    ];
    let own_home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    for (variable, default) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let value = std::env::var_os(variable).unwrap_or_else(|| own_home.join(default).into_os_string());
        environment.push((variable.into(), value));
    }
    let built = target.clone().unwrap_or_else(|| clone.join("target"));
    if let Some(target) = &target {
        environment.push(("CARGO_TARGET_DIR".into(), target.clone().into_os_string()));
    }
    println!("newcomer: HEAD {head} cloned into {}", clone.display());
    println!(
        "newcomer: the environment holds these and nothing else (CARGO_HOME and RUSTUP_HOME are this machine's, so that the toolchain and the registry's cache are used):"
    );
    for (variable, value) in &environment {
        println!("    {}={}", variable.to_string_lossy(), value.to_string_lossy());
    }
    let programs = built.join(if target.is_some() { "debug" } else { "release" });
    let no_node = base.join("no-node");
    without_node(&no_node)?;
    Ok(Place { dir, clone, environment, programs, no_node })
}

/// Programs that stand before the machine's own in PATH.
fn without_node(dir: &Path) -> Result<()> {
    std::fs::create_dir(dir).context("the directory of programs that are not there cannot be made")?;
    let called = dir.join(CALLED);
    for name in NODE {
        let script =
            format!("#!/bin/sh\necho {name} >> '{}'\necho '{name}: not here' >&2\nexit 127\n", called.display());
        let program = dir.join(name);
        std::fs::write(&program, script).with_context(|| format!("{} cannot be written", program.display()))?;
        output(Command::new("chmod").arg("755").arg(&program))?;
    }
    Ok(())
}

impl Place {
    /// A shell command in the clone, with the built program in PATH where a newcomer would have put it, and without Node.
    fn shell(&self, command: &str) -> Command {
        self.shell_with(command, &[&self.programs, &self.no_node])
    }

    /// The same on a machine that may have Node: tests use it where it is.
    fn tests(&self, command: &str) -> Command {
        self.shell_with(command, &[&self.programs])
    }

    fn shell_with(&self, command: &str, before: &[&Path]) -> Command {
        let mut shell = Command::new("bash");
        shell.args(["-c", command]).current_dir(&self.clone).env_clear().envs(self.environment.iter().cloned());
        let of_machine =
            self.environment.iter().filter(|(variable, _)| variable == "PATH").map(|(_, value)| value.as_os_str());
        let path: Vec<_> = before.iter().map(|dir| dir.as_os_str()).chain(of_machine).collect();
        let path = path.join(std::ffi::OsStr::new(":"));
        shell.env("PATH", path).stdin(Stdio::null());
        shell
    }

    /// Everything of ours lies below this.
    fn base(&self) -> &Path {
        self.clone.parent().unwrap_or(self.dir.path())
    }
}

/// The two commands of the marked blocks: the demo, and the tests.
fn readme_commands(readme: &str) -> Result<[String; 2]> {
    let mut commands = Vec::new();
    let mut marked = false;
    let mut inside = false;
    for line in markdown::lines(readme) {
        if !line.fenced {
            inside = false;
            marked = marked && line.text.trim().is_empty() || line.text.trim() == MARK;
        } else if marked {
            inside = true;
            marked = false;
        } else if let (true, Some(command)) = (inside, line.text.strip_prefix("$ ")) {
            commands.push(command.trim().to_owned());
        }
    }
    match <[String; 2]>::try_from(commands) {
        Ok([first, second]) if first.contains("up --demo") && second.starts_with("cargo xtask test") => {
            Ok([first, second])
        }
        Ok(other) => bail!(
            "README.md's `{MARK}` block must show `cargo run --release -- up --demo`, then `cargo xtask test`; it shows: {}",
            other.join(" | ")
        ),
        Err(other) => bail!(
            "README.md must show a newcomer exactly two commands: `$ …` lines in a fenced block right after `{MARK}`; found {}{}",
            other.len(),
            if other.is_empty() { String::new() } else { format!(": {}", other.join(" | ")) }
        ),
    }
}

/// Starts the demo, runs every command its screen shows, stops it, and looks for what it left behind.
fn serve_and_follow(place: &Place, command: &str, steps: &mut Vec<Step>) -> Result<()> {
    println!("newcomer: $ {command}");
    let started = Instant::now();
    let mut server = Server::start(place.shell(&format!("exec {command}")))?;
    let screen = server.read_until(UNTIL_READY, QUIET, screen::is_ready)?;
    for line in &screen {
        println!("    | {line}");
    }
    let ready = screen::is_ready(&screen);
    let what = if ready {
        "its ready screen"
    } else {
        "no ready screen: no line `Console …` followed by lines `  $ command`"
    };
    steps.push(Step { name: command.to_owned(), result: what.to_owned(), ok: ready, time: started.elapsed() });
    if ready {
        for shown in screen::commands(&screen) {
            run_step(place, &shown, COMMAND_LIMIT, steps)?;
        }
    }
    let stopping = Instant::now();
    let stopped = server.stop(UNTIL_STOPPED)?;
    steps.push(Step {
        name: "SIGINT to the demo".to_owned(),
        result: match stopped {
            Stopped::Exited(code) => format!("exit code {code}"),
            Stopped::BySignal => "died of the signal instead of stopping".to_owned(),
            Stopped::Killed => format!("still there after {} s, killed", UNTIL_STOPPED.as_secs()),
        },
        ok: stopped == Stopped::Exited(0),
        time: stopping.elapsed(),
    });
    nothing_left(place, "after the demo", steps);
    match screen::port(&screen) {
        Some(port) => {
            let free = std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
            let result = if free { "released" } else { "still taken" };
            steps.push(Step {
                name: format!("port {port}"),
                result: result.to_owned(),
                ok: free,
                time: Duration::ZERO,
            });
        }
        None => steps.push(Step {
            name: "port".to_owned(),
            result: "the `Console` line names no http://host:port".to_owned(),
            ok: false,
            time: Duration::ZERO,
        }),
    }
    Ok(())
}

/// Does what README.md's tour from an empty root shows, with the program that the first command built.
fn repeat_the_tour(place: &Place, readme: &str, steps: &mut Vec<Step>) -> Result<()> {
    let commands = tour::commands(readme);
    if commands.is_empty() {
        bail!("README.md has no `{}` with console blocks", tour::HEADING);
    }
    for command in &commands {
        run_shown(place, &command.shown, &command.run, COMMAND_LIMIT, steps)?;
    }
    nothing_left(place, "after the second tour", steps);
    Ok(())
}

/// Installs the product from the clone and starts what was installed. Nothing that was done so far may have asked for Node.
fn install(place: &Place, debug: bool, steps: &mut Vec<Step>) -> Result<()> {
    let shown = format!("cargo install --path crates/cortexpilot --locked{}", if debug { " --debug" } else { "" });
    let to = place.base().join("installed");
    let quoted = to.display();
    let command = format!("{shown} --quiet --root '{quoted}' && '{quoted}/bin/cortexpilot' --version");
    run_shown(place, &shown, &command, UNTIL_READY, steps)?;
    let called = std::fs::read_to_string(place.no_node.join(CALLED)).unwrap_or_default();
    let called: Vec<&str> = called.lines().collect();
    let result = if called.is_empty() { "never called".to_owned() } else { format!("called: {}", called.join(", ")) };
    steps.push(Step { name: "Node and npm".to_owned(), result, ok: called.is_empty(), time: Duration::ZERO });
    Ok(())
}

fn run_step(place: &Place, command: &str, limit: Duration, steps: &mut Vec<Step>) -> Result<()> {
    run_shown(place, command, command, limit, steps)
}

fn run_shown(place: &Place, name: &str, command: &str, limit: Duration, steps: &mut Vec<Step>) -> Result<()> {
    run_in(place.shell(command), name, limit, steps)
}

fn run_in(mut command: Command, name: &str, limit: Duration, steps: &mut Vec<Step>) -> Result<()> {
    println!("newcomer: $ {name}");
    let started = Instant::now();
    let shown = show(&mut command, limit)?;
    steps.push(Step {
        name: name.to_owned(),
        result: shown.code.map_or("ended by a signal".to_owned(), |code| format!("exit code {code}")),
        ok: shown.success(),
        time: started.elapsed(),
    });
    Ok(())
}

fn nothing_left(place: &Place, when: &str, steps: &mut Vec<Step>) {
    let (result, ok) = match processes::below(place.base()) {
        None => ("not looked for: this system has no /proc".to_owned(), true),
        Some(left) if left.is_empty() => ("none".to_owned(), true),
        Some(left) => (left.join(", "), false),
    };
    steps.push(Step { name: format!("processes left {when}"), result, ok, time: Duration::ZERO });
}

fn finish(steps: &[Step]) -> ExitCode {
    println!();
    for step in steps {
        let verdict = if step.ok { "ok" } else { "FAIL" };
        println!("{verdict:<5} {:>7.1} s  {}  ({})", step.time.as_secs_f64(), step.name, step.result);
    }
    let failed = steps.iter().filter(|step| !step.ok).count();
    println!("newcomer: {} ok, {failed} failed", steps.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "cargo run --release -- up --demo";

    #[test]
    fn whoever_calls_node_gets_nothing_and_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let bare = dir.path().join("no-node");
        without_node(&bare).unwrap();
        assert!(!bare.join(CALLED).exists());
        let shell = |command: &str| Command::new("/bin/sh").args(["-c", command]).env("PATH", &bare).output().unwrap();
        for (command, code) in [("node --version", 127), ("npm ci || exit 3", 3)] {
            assert_eq!(shell(command).status.code(), Some(code), "{command}");
        }
        assert_eq!(std::fs::read_to_string(bare.join(CALLED)).unwrap(), "node\nnpm\n");
    }

    #[test]
    fn the_marked_block_gives_the_two_commands() {
        let readme = format!(
            "# X\n\n```console\n$ ls\n```\n\n{MARK}\n```console\n$ {FIRST}\nConsole  http://…\n$ cargo xtask test\n```\n\n```console\n$ other\n```\n"
        );
        assert_eq!(readme_commands(&readme).unwrap(), [FIRST, "cargo xtask test"]);
    }

    #[test]
    fn two_marked_blocks_give_one_command_each() {
        let readme =
            format!("{MARK}\n\n```console\n$ {FIRST}\n```\ntext\n\n{MARK}\n```console\n$ cargo xtask test\n```\n");
        assert_eq!(readme_commands(&readme).unwrap(), [FIRST, "cargo xtask test"]);
    }

    #[test]
    fn anything_else_is_refused_with_what_was_found() {
        for (readme, wanted) in [
            (format!("```console\n$ {FIRST}\n```\n"), "found 0"),
            (format!("{MARK}\ntext\n```console\n$ {FIRST}\n```\n"), "found 0"),
            (format!("{MARK}\n```console\n$ {FIRST}\n```\n"), "found 1: cargo run"),
            (
                format!("{MARK}\n```console\n$ cargo xtask test\n$ {FIRST}\n```\n"),
                "it shows: cargo xtask test | cargo run",
            ),
        ] {
            let message = readme_commands(&readme).unwrap_err().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }
}
