//! Every operation of every surface in one table: HTTP routes, MCP tools, commands. What may write says so.

use clap::CommandFactory as _;
use cortexpilot_server::http::operations;
use cortexpilot_server::mcp::{Effect, ToolSpec};

use super::{code, head, markdown};

/// A command of the command line and whether it may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommandRow {
    /// Its words after the program's name.
    path: &'static str,
    /// `read`, or `write`, with the condition where there is one.
    effect: &'static str,
    /// What it writes at most; nothing for one that only reads.
    writes: Option<&'static str>,
}

const fn reads(path: &'static str) -> CommandRow {
    CommandRow { path, effect: "read", writes: None }
}

const fn writes(path: &'static str, what: &'static str) -> CommandRow {
    CommandRow { path, effect: "write", writes: Some(what) }
}

/// Every command. One that is not here does not pass the test below.
const COMMANDS: [CommandRow; 21] = [
    writes("up", "the key, a token where there is none, and with `--demo` the demonstration's runs"),
    writes("serve", "the key"),
    reads("mcp-readonly-server"),
    writes("mcp-queue-pilot-server", "the key; what its tools write is listed with them"),
    reads("runs list"),
    reads("runs show"),
    reads("runs check"),
    CommandRow {
        path: "queue preview",
        effect: "read; with `-o` write",
        writes: Some("the plan file that is named, and the key; never the queue"),
    },
    writes("queue enqueue", "one queue item, or the record of a refusal"),
    writes("queue cancel", "one cancellation, or the record of a refusal"),
    reads("queue list"),
    reads("queue show"),
    writes("queue claim", "one claim, or the record of a refusal"),
    writes("queue complete", "the end of one claimed item, or the record of a refusal"),
    reads("gate explain"),
    reads("audit verify"),
    writes("audit repair", "a new ledger that commits to the damaged one, which is kept"),
    reads("config show"),
    reads("completions"),
    reads("gen-doc"),
    reads("help"),
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

/// What a command says of itself.
fn about(tree: &clap::Command, path: &str) -> String {
    let found = path.split(' ').try_fold(tree, |command, word| command.find_subcommand(word));
    found.and_then(clap::Command::get_about).map_or_else(|| "Print help".to_owned(), ToString::to_string)
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
    let tree = crate::cli::Cli::command();
    let commands = COMMANDS.iter().map(|command| {
        let writes = command.writes.map(|what| format!(" Writes {what}.")).unwrap_or_default();
        let what = format!("{}.{writes}", about(&tree, command.path));
        [code(&format!("cortexpilot {}", command.path)), "command line".to_owned(), command.effect.to_owned(), what]
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
