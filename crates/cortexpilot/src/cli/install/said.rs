//! What `mcp install` says around an entry: where it is, what the client's own command would be, and what a careful person
//! would want to know before it is written.

use std::path::Path;

use cortexpilot_core::domain::text::escape;
use serde_json::Value;

use super::client::{Client, Scope, Target};
use super::file::Config;
use super::{Done, Server, Which};
use crate::cli::Context;

/// An entry that somebody else wrote, as it may be shown: what is handed to the server, or sent to it, is often secret.
pub(super) fn masked(entry: &Value) -> Value {
    let mut entry = entry.clone();
    for member in ["env", "headers", "http_headers"] {
        for value in
            entry.get_mut(member).and_then(Value::as_object_mut).into_iter().flat_map(|values| values.values_mut())
        {
            if !value.as_str().is_some_and(|text| text.contains("${")) {
                *value = Value::from("…");
            }
        }
    }
    entry
}

pub(super) fn heading(which: &Which, config: &Config) -> String {
    let scope = match which.scope {
        Scope::User => "in all your projects",
        Scope::Project => "in this project",
    };
    let path = escape(&config.path.display().to_string());
    let state = match (config.exists(), config.through_link) {
        (false, _) => ", which does not exist yet",
        (true, true) => ", to which a link leads",
        (true, false) => "",
    };
    format!("{} for {}, {scope}: an entry in {path}{state}.", capital(which.server.title()), which.client.title())
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {}\n", escape(line)) }).collect()
}

pub(super) fn own(done: &Done) -> String {
    if done.your_own.is_empty() {
        return String::new();
    }
    let names: Vec<String> = done.your_own.iter().map(|name| escape(name)).collect();
    format!(", with settings of yours: {}", names.join(", "))
}

pub(super) fn own_command(done: &Done) -> String {
    let said = |command: &String| format!("The client's own command for it: {}\n", escape(command));
    done.client_command.as_ref().map(said).unwrap_or_default()
}

pub(super) fn warned(done: &Done) -> String {
    done.warnings.iter().map(|warning| format!("\nnote: {}\n", escape(warning))).collect()
}

/// What a careful person would want to know before it is written.
pub(super) fn warnings(context: &Context, which: &Which, target: &Target) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Target::Stdio { command, .. } = target {
        let built = Path::new(command).ancestors().any(|dir| dir.join("CACHEDIR.TAG").is_file());
        if built {
            warnings.push(format!(
                "{command} lies in a directory of build results, where the next build or clean-up takes it away from \
                 under the client. Copy it to where programs stay, such as ~/.local/bin, and run this command from there."
            ));
        }
        for (what, dir) in [("runtime root", &context.settings.runtime_root), ("runs", &context.settings.runs_root)] {
            if !dir.is_dir() {
                warnings.push(format!(
                    "The directory of the {what}, {}, does not exist yet. Is it the right one?",
                    dir.display()
                ));
            }
        }
    }
    if which.scope == Scope::Project {
        warnings.push(
            "The file is the project's, and the entry holds paths of this machine: others who check the project out need \
             entries of their own."
                .to_owned(),
        );
        match which.client {
            Client::ClaudeCode => warnings
                .push("Claude Code asks each person once before it starts a server that a project brings.".to_owned()),
            Client::Codex => {
                warnings.push("Codex reads this file only in a project that you told it to trust.".to_owned())
            }
            Client::Cursor | Client::Vscode | Client::Opencode | Client::Gemini | Client::Windsurf => {}
        }
    }
    if which.server == Server::Pilot {
        warnings.push(
            "The queue pilot is internal and off by default: it previews, and refuses to queue anything until an operator \
             switches queueing on where the server is started (docs/runbooks/queue-pilot.md)."
                .to_owned(),
        );
        if which.stdio {
            warnings.push(
                "With --stdio you give up who decides. The client starts the server with the environment that this file \
                 names, so whoever can edit the file, which an agent often can, decides as whom it acts and whether \
                 queueing is switched on; only the floor of the approval policy and a freeze still hold (`cortexpilot gate \
                 policy set`). Claude Code trusts a server by its name: a changed entry starts without another question. \
                 Without --stdio the server decides by the agent's token."
                    .to_owned(),
            );
        }
    }
    warnings
}
