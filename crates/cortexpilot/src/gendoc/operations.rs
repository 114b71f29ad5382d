//! Every operation of every surface in one table: HTTP routes, MCP tools, commands. What may write says so.

use cortexpilot_server::http::operations;
use cortexpilot_server::mcp::{Effect, ToolSpec};

use super::{code, head, markdown};

/// A command of the command line, whether it may write, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommandRow {
    /// Its words after the program's name.
    pub(crate) path: &'static str,
    /// `read`, or what it writes when.
    pub(crate) effect: &'static str,
    /// What it changes at most.
    pub(crate) changes: &'static str,
}

const fn row(path: &'static str, effect: &'static str, changes: &'static str) -> CommandRow {
    CommandRow { path, effect, changes }
}

/// Every command. One that is not here does not pass the test below.
pub(crate) const COMMANDS: [CommandRow; 21] = [
    row("up", "write", "makes the key, a token where there is none, with --demo the demonstration's runs; then serves HTTP"),
    row("serve", "write", "makes the key; then serves HTTP"),
    row("mcp-readonly-server", "read", "nothing"),
    row("mcp-queue-pilot-server", "write", "makes the key; then serves the pilot's two tools"),
    row("runs list", "read", "nothing"),
    row("runs show", "read", "nothing"),
    row("runs check", "read", "nothing"),
    row("queue preview", "read, with `-o` write", "with -o: the plan file, and the key; never the queue"),
    row("queue enqueue", "write", "one queue item, or the record of a refusal"),
    row("queue cancel", "write", "one pending item becomes cancelled, or the record of a refusal"),
    row("queue list", "read", "nothing"),
    row("queue show", "read", "nothing"),
    row("queue claim", "write", "one eligible item becomes claimed, or the record of a refusal"),
    row("queue complete", "write", "one claimed item becomes finished, or the record of a refusal"),
    row("gate explain", "read", "nothing"),
    row("audit verify", "read", "nothing"),
    row("audit repair", "write", "a damaged ledger is kept aside and a new one begun that commits to it"),
    row("config show", "read", "nothing"),
    row("completions", "read", "nothing"),
    row("gen-doc", "read", "nothing"),
    row("help", "read", "nothing"),
];

/// The tools of the queue pilot server.
pub(crate) fn pilot_tools() -> &'static [ToolSpec] {
    cortexpilot_server::mcp::pilot::TOOLS
}

/// The tools of the read-only server.
pub(crate) fn readonly_tools() -> &'static [ToolSpec] {
    cortexpilot_server::mcp::readonly::TOOLS
}

fn tool_effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Append => "write",
    }
}

pub(super) fn page() -> String {
    let http = operations().iter().map(|operation| {
        let name = format!("{} {}", operation.verb.as_str(), operation.path);
        [code(&name), "HTTP".to_owned(), operation.effect.as_str().to_owned(), operation.summary.to_owned()]
    });
    let tools = [("MCP, read-only", readonly_tools()), ("MCP, queue pilot", pilot_tools())];
    let tools = tools.into_iter().flat_map(|(surface, tools)| {
        let row = move |tool: &ToolSpec| {
            [code(tool.name), surface.to_owned(), tool_effect(tool.effect).to_owned(), tool.title.to_owned()]
        };
        tools.iter().map(row)
    });
    let commands = COMMANDS.iter().map(|command| {
        let changes = format!("Changes {}.", command.changes);
        [code(&format!("cortexpilot {}", command.path)), "command line".to_owned(), command.effect.to_owned(), changes]
    });
    format!(
        "{}\
Every operation there is. `write` means that it may change something below the runtime root, or write a file that its
caller names; all changes of the queue go through one function and are lines of the ledger. Everything else leaves not one
byte behind. [boundary.md](../boundary.md) says who may call what writes.

{}",
        head("Operations"),
        markdown(["operation", "surface", "effect", "what it does"], http.chain(tools).chain(commands))
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;

    fn leaves(command: &clap::Command, path: &str, out: &mut BTreeSet<String>) {
        let mut below = false;
        for sub in command.get_subcommands() {
            below = true;
            leaves(sub, format!("{path} {}", sub.get_name()).trim(), out);
        }
        if !below {
            out.insert(path.to_owned());
        }
    }

    #[test]
    fn every_command_has_a_row_and_every_row_is_a_command() {
        let mut command = crate::cli::Cli::command().disable_help_subcommand(true);
        command.build();
        let mut found = BTreeSet::from(["help".to_owned()]);
        leaves(&command, "", &mut found);
        let rows: BTreeSet<String> = COMMANDS.iter().map(|row| row.path.to_owned()).collect();
        assert_eq!(found, rows);
    }

    #[test]
    fn the_page_names_each_surface_and_marks_what_writes() {
        let page = page();
        for line in [
            "| `POST /api/queue/from-run/{run_id}` | HTTP | write |",
            "| `GET /api/queue` | HTTP | read |",
            "| `enqueue_from_run` | MCP, queue pilot | write |",
            "| `list_runs` | MCP, read-only | read |",
            "| `cortexpilot queue cancel` | command line | write |",
            "| `cortexpilot runs list` | command line | read |",
        ] {
            assert!(page.contains(line), "{line}");
        }
        assert!(readonly_tools().iter().all(|tool| tool.effect == Effect::Read));
    }
}
