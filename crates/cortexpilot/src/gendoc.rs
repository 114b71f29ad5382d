//! Documents that the product prints about itself: reference pages and tool lists. They are kept in the repository and
//! compared with what is printed here, so that no page can tell of a route, a tool, a code or a variable that is not there.

use cortexpilot_core::domain::gate::GateId;
use cortexpilot_core::error::{ErrorCode, exit};
use cortexpilot_server::mcp::readonly::{PROMPTS, RESOURCES};
use cortexpilot_server::mcp::{readable_list, tools_list};

use crate::config::{FILE, table};

mod commands;
mod dist;
mod frontend;
pub(crate) mod operations;
mod states;

/// A generated document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Document {
    Env,
    Cli,
    Errors,
    Gates,
    States,
    Operations,
    ToolsReadonly,
    ToolsPilot,
    RegistryServer,
    BundleManifest,
    ResourcesReadonly,
    Openapi,
    FrontendContract,
    FrontendStates,
}

/// Says that a page is not to be edited, and how it is made.
fn head(title: &str) -> String {
    format!("# {title}\n\n<!-- Printed by the product. Change the code, then run `cargo xtask gen`. -->\n\n")
}

/// A Markdown table.
fn markdown<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: &[String]| {
        format!("| {} |\n", cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
    };
    let mut text = line(&header.map(str::to_owned));
    text.push_str(&format!("|{}\n", "---|".repeat(N)));
    for row in rows {
        text.push_str(&line(&row));
    }
    text
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

impl Document {
    /// The document's text.
    pub(crate) fn print(self) -> String {
        match self {
            Self::Env => environment(),
            Self::Cli => commands::page(),
            Self::Errors => errors(),
            Self::Gates => gates(),
            Self::States => states::page(),
            Self::Operations => operations::page(),
            Self::ToolsReadonly => tools(operations::readonly_tools()),
            Self::ToolsPilot => tools(operations::pilot_tools()),
            Self::RegistryServer => dist::registry(),
            Self::BundleManifest => dist::bundle(),
            Self::Openapi => cortexpilot_server::http::document(),
            Self::ResourcesReadonly => crate::cli::output::json(&readable_list(RESOURCES, PROMPTS)),
            Self::FrontendContract => frontend::contract(),
            Self::FrontendStates => frontend::states(),
        }
    }
}

fn tools(tools: &[cortexpilot_server::mcp::ToolSpec]) -> String {
    crate::cli::output::json(&tools_list(tools))
}

fn environment() -> String {
    let rows = table::VARIABLES.iter().map(|variable| {
        let default = match variable.default {
            "" => "–".to_owned(),
            text if text.contains(['`', ' ']) => text.to_owned(),
            text => code(text),
        };
        let key = variable.key.map_or("–".to_owned(), code);
        let secret = if variable.secret { " Its value is never shown." } else { "" };
        [code(variable.name), key, default, format!("{}{secret}", variable.meaning)]
    });
    let table = markdown(["variable", "key", "default", "meaning"], rows);
    format!(
        "{}\
Read once, when a process starts. `cortexpilot config show --origin` prints each value and where it came from.

Order: the command line (`--runtime-root`, `--runs`, `--host`, `--port`), then the environment, then `{FILE}`, then the
default. A blank value counts as not set. Of two approval policies, in the environment and in the file, the stricter holds.

A variable whose name is within two edits of one below is an error that names it: a mistyped switch must not quietly mean
its default. Any other unknown `CORTEXPILOT_…` variable is one warning line. In `{FILE}` every unknown key is an error.

{table}
## `{FILE}`

The file stands in the base directory: `CORTEXPILOT_REPO_ROOT`, else the nearest directory, from the working directory
upwards, that holds `.runtime-cache/cortexpilot` or `.git`, else the working directory. Relative roots, in the file and in
the environment, are resolved against the same directory. Texts, numbers, `true` and `false`, and lists of texts are taken:

```toml
api_port = 9000
preview_ttl = \"30m\"
approval_allowed_roles = [\"OPS\", \"OWNER\"]
```

The file stands where agents work, so it can tighten what guards the queue and widen none of it: it can shut the mutation
gate, name a stricter approval policy than the environment, lower the limits for agents. A file that would open the gate, or
raise or lift a limit, stops the process from starting. Who a process acts as by token, and whom it tells of requests, only
the environment says: those variables have no key.

Whoever can write this file still decides much of what every process started there does. So it is refused when others than
its owner may write it or when it belongs to another user, and a secret in it is refused when others may read it.
",
        head("Environment and configuration")
    )
}

fn errors() -> String {
    let rows = ErrorCode::ALL.iter().map(|error| {
        let row = error.row();
        [
            format!("[`{0}`](../errors/{0}.md)", error.as_str()),
            row.status.to_string(),
            row.exit.to_string(),
            code(row.retry.as_str()),
            row.who.as_str().to_owned(),
            row.meaning.to_owned(),
            row.operator_step.to_owned(),
        ]
    });
    let table =
        markdown(["code", "HTTP", "exit", "retry", "who can act", "meaning", "next step for an operator"], rows);
    let exits = [
        (exit::OK, "it worked"),
        (exit::INTERNAL, "an error of ours, or of the machine"),
        (exit::USAGE, "the command line, configuration or arguments are wrong"),
        (exit::DENIED, "refused: a check is shut"),
        (exit::NOT_FOUND, "what was named does not exist"),
        (exit::CONFLICT, "it exists, but not in the state that the request needs"),
        (exit::STORE, "the store cannot serve; nothing was acknowledged"),
    ];
    let exits = exits.map(|(code, meaning)| [code.to_string(), meaning.to_owned()]);
    let audit = crate::cli::audit::EXIT_CODES.map(|(code, meaning)| [code.to_string(), meaning.to_owned()]);
    format!(
        "{}\
One table for every surface: HTTP answers the code with its status under `detail`, MCP with `isError`, the command line
with its exit code.

{table}
## Exit codes

{}
`cortexpilot audit verify` has its own:

{}",
        head("Error codes"),
        markdown(["exit", "meaning"], exits),
        markdown(["exit", "meaning"], audit)
    )
}

fn gates() -> String {
    let rows = GateId::ALL.iter().map(|gate| {
        let row = gate.row();
        let codes: Vec<String> = row.codes.iter().map(|error| code(error.as_str())).collect();
        let codes = if codes.is_empty() { "–".to_owned() } else { codes.join(", ") };
        let when = if row.apply_only { "apply" } else { "preview and apply" };
        [
            row.number.to_string(),
            code(row.name),
            codes,
            row.open_when.to_owned(),
            when.to_owned(),
            row.opened_by.to_owned(),
        ]
    });
    format!(
        "{}\
An apply is judged by these checks in this order; the first one that is shut names the refusal. One function judges MCP,
HTTP and the command line. A preview shows the same checks; those whose input comes only with an apply are neither open
nor shut there.

{}
Between 5 and 6 stands *already applied*: the same preview, or the same idempotency key of the same principal with the
same arguments, is answered with the item it made, and nothing is appended. The same key with other arguments is
`IDEMPOTENCY_CONFLICT`.
",
        head("Checks between a preview and the queue"),
        markdown(["#", "gate", "codes", "open when", "judged at", "who can open it"], rows)
    )
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_document_says_something_and_ends_with_a_line_break() {
        for document in Document::value_variants() {
            let text = document.print();
            assert!(text.len() > 200 && text.ends_with('\n') && !text.ends_with("\n\n"), "{document:?}");
            assert!(!text.lines().any(|line| line.ends_with(' ')), "{document:?}");
        }
    }

    #[test]
    fn no_page_but_the_runbook_shows_how_to_open_the_pilot_over_mcp() {
        for document in Document::value_variants() {
            let text = document.print();
            let opens = text.contains("ENABLE_APPLY=1");
            assert!(!(opens && text.contains("cortexpilot mcp-queue-pilot-server")), "{document:?}");
        }
    }

    #[test]
    fn every_variable_code_and_gate_stands_on_its_page() {
        let (env, errors, gates) = (Document::Env.print(), Document::Errors.print(), Document::Gates.print());
        assert!(table::VARIABLES.iter().all(|variable| env.contains(&format!("| `{}` |", variable.name))));
        assert!(ErrorCode::ALL.iter().all(|code| errors.contains(&format!("[`{}`]", code.as_str()))));
        assert!(GateId::ALL.iter().all(|gate| gates.contains(&format!("| `{}` |", gate.row().name))));
    }
}
