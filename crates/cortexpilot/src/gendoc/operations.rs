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
    /// What it changes at most, as a sentence; `None` for one that only reads.
    changes: Option<&'static str>,
}

const fn reads(path: &'static str) -> CommandRow {
    CommandRow { path, effect: "read", changes: None }
}

const fn writes(path: &'static str, what: &'static str) -> CommandRow {
    CommandRow { path, effect: "write", changes: Some(what) }
}

/// Every command. One that is not here does not pass the test below.
const COMMANDS: [CommandRow; 57] = [
    writes(
        "up",
        "Makes the key, a token where there is none, a one-time login below `sessions` and, with `--demo`, the demonstration's runs; then serves HTTP as `serve` does, and carries queue items out as `worker` does, unless `--no-worker` is given.",
    ),
    writes(
        "serve",
        "Makes the key, then serves HTTP, signs checkpoints below `log` where there is a key for that, and appends the end of claims whose worker fell silent and of items whose deadline passed.",
    ),
    reads("mcp-readonly-server"),
    writes("mcp-queue-pilot-server", "Makes the key; what its tools append is listed with them."),
    CommandRow {
        path: "mcp install",
        effect: "read; with `--write` write",
        changes: Some(
            "With `--write` it changes one entry in the client's own configuration file and keeps a copy of the file; with `--pilot` it also makes the agent's token. With `--check` it starts the server, or calls it.",
        ),
    },
    reads("runs list"),
    reads("runs show"),
    reads("runs check"),
    writes(
        "runs record",
        "Runs the command that is given, in a workspace of its own, and writes one run directory; never the queue.",
    ),
    reads("contract validate"),
    reads("contract schema"),
    CommandRow {
        path: "queue preview",
        effect: "read; with `-o` write",
        changes: Some("With `-o` it writes the plan file that is named, and makes the key; never the queue."),
    },
    writes("queue enqueue", "Appends one queue item, a request for an approval, or the record of a refusal."),
    writes("queue cancel", "Appends one cancellation, or the record of a refusal."),
    reads("queue list"),
    reads("queue show"),
    writes("queue claim", "Appends one claim, or the record of a refusal."),
    writes("queue complete", "Appends the end of one claimed item, or the record of a refusal."),
    writes("queue stop", "Appends the request, or the record of a refusal; never undoes anything."),
    writes("queue revoke", "Appends the end of one claim, or the record of a refusal."),
    writes("queue requeue", "Appends that one held item waits again, or the record of a refusal."),
    writes("queue fail", "Appends the end of one held item, or the record of a refusal."),
    writes("queue pause", "Appends the pause, or the record of a refusal."),
    writes("queue resume", "Appends its end, or the record of a refusal."),
    writes("queue drain", "Appends the pause, or the record of a refusal; then waits."),
    writes(
        "worker",
        "Appends claims and their ends, keeps each claim's last heartbeat below `leases` and its own presence below `workers`, and writes one run directory a claim; with `--server` the queue's lines are written there.",
    ),
    writes("run-next", "As `worker`, for at most one item."),
    reads("workers list"),
    reads("approval list"),
    reads("approval show"),
    reads("approval watch"),
    writes(
        "approval approve",
        "Appends the queue item with the last yes that is needed, an earlier yes, or the record of a refusal.",
    ),
    writes("approval reject", "Appends the no, or the record of a refusal."),
    reads("gate explain"),
    reads("gate status"),
    writes("gate freeze", "Appends the freeze, or the record of a refusal."),
    writes("gate unfreeze", "Appends its end, or the record of a refusal."),
    writes("gate policy set", "Appends the floor, the proposal of a lower one, or the record of a refusal."),
    reads("gate policy show"),
    writes(
        "token create",
        "Appends the token's digest, with `--file` writes the file that is named; or appends the record of a refusal.",
    ),
    reads("token list"),
    writes(
        "token rotate",
        "Appends the new token's digest, with `--file` writes the file that is named; or appends the record of a refusal.",
    ),
    writes("token revoke", "Appends the token's end, or the record of a refusal."),
    writes(
        "console login",
        "Puts the digest of a one-time login below `sessions`, for five minutes; never the ledger.",
    ),
    reads("audit verify"),
    writes("audit repair", "Writes a new ledger; the damaged one stays beside it."),
    writes("audit init-key", "Makes `keys/audit.key`, once."),
    writes(
        "audit checkpoint",
        "Writes tiles and checkpoints below `log`, and with `-o` the file that is named; never the ledger.",
    ),
    CommandRow {
        path: "audit prove",
        effect: "read; with `-o` write",
        changes: Some("With `-o` it writes the file that is named."),
    },
    writes("audit export", "Writes the file that is named."),
    CommandRow {
        path: "api",
        effect: "read; with `--server` as the operation",
        changes: Some(
            "Without `--server` only operations that read are answered; with it what a running control plane does is listed with its operations.",
        ),
    },
    CommandRow {
        path: "import",
        effect: "write; with `--dry-run` read",
        changes: Some("Writes the lines and one adopting record into the runtime root; with `--dry-run` nothing."),
    },
    reads("config show"),
    reads("completions"),
    CommandRow {
        path: "sandbox-exec",
        effect: "none of its own",
        changes: Some(
            "Restricts itself and becomes the command that a worker told it; refuses everything but that worker's socket.",
        ),
    },
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

/// What a command says of itself, and what it changes at most; that it changes nothing is said once.
fn what(command: &CommandRow, about: &str) -> String {
    match command.changes {
        Some(changes) => format!("{about}. {changes}"),
        None if about.contains("change") => format!("{about}."),
        None => format!("{about}. Changes nothing."),
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
    let tree = crate::cli::Cli::command();
    let commands = COMMANDS.iter().map(|command| {
        let name = code(&format!("cortexpilot {}", command.path));
        [name, "command line".to_owned(), command.effect.to_owned(), what(command, &about(&tree, command.path))]
    });
    format!(
        "{}\
Every operation there is. `write` means that it may change something below the runtime root, or write a file that its
caller names; all changes of the queue go through one function and are lines of the ledger. Everything else leaves not one
byte behind. [boundary.md](../boundary.md) says who may call what writes.

Every HTTP operation that writes takes the header `Prefer: receipt`: its answer then has the member `receipt`, or says in
`receipt_problem` why there is none. Commands take `--receipt FILE`, where their help says so. Either has a checkpoint
signed below `log`. [Receipts](receipts.md)

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
    fn every_command_says_in_sentences_what_it_changes() {
        let tree = crate::cli::Cli::command();
        for command in &COMMANDS {
            let what = what(command, &about(&tree, command.path));
            let sentences: Vec<&str> = what.trim_end_matches('.').split(". ").collect();
            assert!(sentences.iter().all(|sentence| sentence.starts_with(char::is_uppercase)), "{what}");
            let only_reads = command.effect == "read";
            assert_eq!(command.changes.is_none(), only_reads, "{what}");
            let said = what.to_lowercase();
            let times: usize =
                ["change nothing", "changes nothing"].iter().map(|words| said.matches(words).count()).sum();
            assert!(times == 1 || (times == 0 && !only_reads), "{what}");
        }
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
