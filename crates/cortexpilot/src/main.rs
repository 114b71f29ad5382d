//! The CortexPilot command: configuration, the command line and the only place where the parts are wired together.

mod cli;
mod config;
mod demo;
mod gendoc;
mod os;
mod processes;
mod serve;
mod stdio;
mod webhook;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::error::exit;
use tokio::runtime::Builder;
use tracing_subscriber::EnvFilter;

use cli::failure::Stopped;
use cli::output::{self, Answer, Format, View};
use cli::words::Commands;
use cli::{Cli, Command, Context};
use config::{Environment, Log, Settings};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output with exit code 0, mistakes to standard error with 2.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::OK });
        }
    };
    // Before anything else is opened or read: what is open here would be open in the sandbox.
    if let Command::SandboxExec { stage } = &cli.command {
        return cortexpilot_work::sandbox::helper_main(stage);
    }
    let format = match &cli.command {
        // Their standard output belongs to the protocol, also when they do not start.
        Command::McpReadonlyServer(server) if server.speaks_over_stdio() => Format::Human,
        Command::McpQueuePilotServer(_) => Format::Human,
        Command::Up(_)
        | Command::Serve(_)
        | Command::McpReadonlyServer(_)
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
        | Command::GenDoc { .. } => cli.everywhere.output,
    };
    let answer = match &cli.command {
        Command::GenDoc { name } => Ok(Answer::ok(name.print())),
        Command::Completions { shell } => Ok(cli::completions(*shell)),
        Command::Contract(contract) => contract.run(format),
        Command::SandboxExec { .. } => Ok(Answer::ok(String::new())),
        Command::Up(_)
        | Command::Serve(_)
        | Command::McpReadonlyServer(_)
        | Command::McpQueuePilotServer(_)
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
        | Command::Config(_) => configured(cli, format),
    };
    let code = match answer {
        Ok(answer) => match output::print(&answer.text) {
            Ok(()) => answer.exit,
            Err(error) => Stopped::Fault(error.into()).report(format),
        },
        Err(stopped) => stopped.report(format),
    };
    ExitCode::from(code)
}

/// Reads the configuration and carries the command out.
fn configured(cli: Cli, format: Format) -> Result<Answer, Stopped> {
    let environment = Environment::read()?;
    let overrides = cli.overrides();
    let settings = Settings::load(&environment, &overrides).map_err(|problems| Stopped::Usage(problems.to_string()))?;
    for warning in &settings.warnings {
        output::complain(&format!("warning: {}\n", escape(warning)));
    }
    log_to_stderr(settings.log);
    let view = View::of_process(format);
    let commands = Commands::of(&environment, &overrides);
    let context = Context { environment, settings, view, commands };
    let mut runtime = match &cli.command {
        // One client, which waits for one answer at a time: a second thread would only be woken to hand it over.
        Command::McpReadonlyServer(server) if server.speaks_over_stdio() => Builder::new_current_thread(),
        Command::McpQueuePilotServer(_) => Builder::new_current_thread(),
        Command::Up(_)
        | Command::Serve(_)
        | Command::McpReadonlyServer(_)
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
        | Command::GenDoc { .. } => Builder::new_multi_thread(),
    };
    let runtime = runtime
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| anyhow::anyhow!("no threads can be started: {error}"))?;
    let answer = runtime.block_on(cli::run(cli.command, &context));
    // A thread may sit in a read of standard input that never returns; nothing that matters runs there.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    answer
}

/// Our own events at the level asked for. Of libraries only errors: at finer levels some would write down whole messages,
/// and messages hold tokens.
fn log_to_stderr(level: Log) {
    let filter = match level {
        Log::Off => "off".to_owned(),
        Log::Error | Log::Warn | Log::Info | Log::Debug => format!("error,cortexpilot={}", level.as_str()),
    };
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(std::io::stderr).init();
}
