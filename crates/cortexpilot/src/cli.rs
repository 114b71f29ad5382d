//! The command line: its grammar, and what every command shares. One file a group of commands; none of them holds a rule.

use clap::{Args, Parser, Subcommand};

pub(crate) mod api;
pub(crate) mod approval;
pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod console;
pub(crate) mod contract;
pub(crate) mod failure;
pub(crate) mod gate;
pub(crate) mod import;
pub(crate) mod install;
pub(crate) mod mcp;
pub(crate) mod output;
pub(crate) mod queue;
pub(crate) mod receipt;
pub(crate) mod record;
pub(crate) mod runs;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod token;
pub(crate) mod words;
pub(crate) mod worker;

use crate::config::{Environment, Overrides, Settings};
use crate::gendoc::Document;
use failure::Stopped;
use output::{Answer, Format, View};
use words::Commands;

/// Look at agent runs, and put a run's task back on the work queue when every check is open
///
/// CortexPilot reads directories of agent runs and keeps one work queue. A queue item is derived from an existing run,
/// previewed first, and queued only when every check is open; a pending item can be cancelled. Queueing is off unless an
/// operator switches it on where a process is started.
#[derive(Debug, Parser)]
#[command(
    name = "cortexpilot",
    version,
    max_term_width = 100,
    after_help = EXIT_CODES,
    arg_required_else_help = true,
    subcommand_required = true,
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  it worked
  1  an error of ours, or of the machine
  2  the command line, configuration or arguments are wrong
  3  refused: a check is shut
  4  what was named does not exist
  5  it exists, but not in the state that the request needs
  6  the store cannot serve; nothing was acknowledged

Start here:
  cortexpilot up --demo        a console with demonstration runs
  cortexpilot runs list        the runs, and which directory they are in
  cortexpilot config show      every setting";

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Everywhere {
    /// The directory of the ledger and the keys, in place of CORTEXPILOT_RUNTIME_ROOT
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub(crate) runtime_root: Option<String>,
    /// The directory of the runs, in place of CORTEXPILOT_RUNS_ROOT
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub(crate) runs: Option<String>,
    /// How to answer
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Everywhere")]
    pub(crate) output: Format,
}

/// Every group of commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(serve::Up),
    Serve(serve::Serve),
    McpReadonlyServer(mcp::Readonly),
    McpQueuePilotServer(mcp::QueuePilot),
    #[command(subcommand)]
    Mcp(install::Mcp),
    #[command(subcommand)]
    Runs(runs::Runs),
    #[command(subcommand)]
    Queue(queue::Queue),
    Worker(worker::Worker),
    RunNext(worker::RunNext),
    #[command(subcommand)]
    Workers(worker::Workers),
    #[command(subcommand)]
    Approval(approval::Approval),
    #[command(subcommand)]
    Gate(gate::Gate),
    #[command(subcommand)]
    Token(token::Token),
    #[command(subcommand)]
    Console(console::Console),
    #[command(subcommand)]
    Audit(audit::Audit),
    Api(api::Api),
    Import(import::Import),
    #[command(subcommand)]
    Contract(contract::Contract),
    #[command(subcommand)]
    Config(config::Config),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  cortexpilot completions bash > ~/.local/share/bash-completion/completions/cortexpilot"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Be one stage of the sandbox that a worker starts; speaks on a socket, never called by people
    #[command(hide = true)]
    SandboxExec {
        /// Which stage
        #[arg(value_parser = cortexpilot_work::sandbox::HELPER_STAGES)]
        stage: String,
    },
    /// Print a generated document
    #[command(hide = true)]
    GenDoc {
        /// Which
        name: Document,
    },
}

/// What a command is carried out with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) environment: Environment,
    pub(crate) settings: Settings,
    pub(crate) view: View,
    pub(crate) commands: Commands,
}

impl Cli {
    /// What the global flags and the command itself put in place of configuration.
    pub(crate) fn overrides(&self) -> Overrides {
        let mut overrides = Overrides {
            runtime_root: self.everywhere.runtime_root.clone(),
            runs_root: self.everywhere.runs.clone(),
            ..Overrides::default()
        };
        match &self.command {
            Command::Up(up) => {
                overrides.demo = up.demo;
                up.address.put(&mut overrides);
            }
            Command::Serve(serve) => serve.address.put(&mut overrides),
            Command::McpReadonlyServer(server) => server.put(&mut overrides),
            Command::McpQueuePilotServer(_)
            | Command::Mcp(_)
            | Command::Runs(_)
            | Command::Queue(_)
            | Command::Worker(_)
            | Command::RunNext(_)
            | Command::Workers(_)
            | Command::Approval(_)
            | Command::Gate(_)
            | Command::Token(_)
            | Command::Console(_)
            | Command::Audit(_)
            | Command::Api(_)
            | Command::Import(_)
            | Command::Contract(_)
            | Command::Config(_)
            | Command::SandboxExec { .. }
            | Command::Completions { .. }
            | Command::GenDoc { .. } => {}
        }
        overrides
    }
}

/// Carries a command out.
///
/// # Errors
/// Whatever stopped it, with its exit code.
pub(crate) async fn run(command: Command, context: &Context) -> Result<Answer, Stopped> {
    match command {
        Command::Up(up) => up.run(context).await,
        Command::Serve(serve) => serve.run(context).await,
        Command::McpReadonlyServer(server) => server.run(context).await,
        Command::McpQueuePilotServer(server) => server.run(context).await,
        Command::Mcp(mcp) => mcp.run(context).await,
        Command::Runs(runs) => runs.run(context).await,
        Command::Queue(queue) => queue.run(context).await,
        Command::Worker(worker) => worker.run(context).await,
        Command::RunNext(next) => next.run(context).await,
        Command::Workers(workers) => workers.run(context).await,
        Command::Approval(approval) => approval.run(context).await,
        Command::Gate(gate) => gate.run(context).await,
        Command::Token(token) => token.run(context).await,
        Command::Console(console) => console.run(context).await,
        Command::Audit(audit) => audit.run(context).await,
        Command::Api(api) => api.run(context).await,
        Command::Import(import) => import.run(context).await,
        Command::Config(config) => Ok(config.run(context).await),
        // These need no configuration and are answered before it is read.
        Command::Contract(contract) => contract.run(Format::Human),
        Command::SandboxExec { .. } => Ok(Answer::ok(String::new())),
        Command::Completions { shell } => Ok(completions(shell)),
        Command::GenDoc { name } => Ok(Answer::ok(name.print())),
    }
}

/// A completion script.
pub(crate) fn completions(shell: clap_complete::Shell) -> Answer {
    use clap::CommandFactory as _;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cortexpilot", &mut script);
    Answer::ok(String::from_utf8_lossy(&script).into_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_and_every_leaf_shows_an_example() {
        fn walk(command: &clap::Command, path: &str, leaves: &mut usize) {
            assert!(command.get_about().is_some(), "{path} has no about");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path}: {} has no help", argument.get_id());
            }
            let mut below = 0;
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
                below += 1;
                walk(sub, &format!("{path} {}", sub.get_name()), leaves);
            }
            if below == 0 {
                *leaves += 1;
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains(path), "{path} shows no example");
            }
        }
        let mut leaves = 0;
        walk(&Cli::command(), "cortexpilot", &mut leaves);
        assert!(leaves >= 18, "{leaves}");
    }

    #[test]
    fn the_documented_exit_codes_are_those_of_the_table() {
        use cortexpilot_core::error::exit;
        for (code, words) in [
            (exit::OK, "worked"),
            (exit::INTERNAL, "of ours"),
            (exit::USAGE, "command line"),
            (exit::DENIED, "refused"),
            (exit::NOT_FOUND, "does not exist"),
            (exit::CONFLICT, "state"),
            (exit::STORE, "store"),
        ] {
            let line = EXIT_CODES.lines().find(|line| line.trim_start().starts_with(&code.to_string())).unwrap();
            assert!(line.contains(words), "{line}");
        }
    }
}
