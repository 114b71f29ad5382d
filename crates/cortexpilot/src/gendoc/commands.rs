//! The reference of the command line: the help texts, as they are printed.

use clap::CommandFactory as _;

use super::head;
use crate::cli::Cli;

/// The width of the help texts on the page, whatever terminal prints it.
const WIDTH: usize = 100;

pub(super) fn page() -> String {
    let mut command = Cli::command().term_width(WIDTH).disable_help_subcommand(true);
    command.build();
    let mut text = head("Command line");
    text.push_str(
        "Every command takes the options under *Everywhere* below. With `--output json` it answers with one JSON document on\n\
         standard output, refusals included. Questions are asked on a terminal only. Commands that change something are marked\n\
         in [operations.md](operations.md).\n",
    );
    section(&mut command, "cortexpilot", &mut text);
    text
}

/// Options of every command are told once, at the top.
fn hide_what_is_everywhere(command: clap::Command) -> clap::Command {
    command.mut_args(|argument| {
        let everywhere = argument.is_global_set();
        argument.hide(everywhere)
    })
}

fn section(command: &mut clap::Command, path: &str, text: &mut String) {
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## `{path}`\n\n```text\n{}\n```\n", help.join("\n").trim_end()));
    let names: Vec<String> =
        command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        if let Some(sub) = command.find_subcommand_mut(&name) {
            *sub = hide_what_is_everywhere(std::mem::take(sub));
            section(sub, &format!("{path} {name}"), text);
        }
    }
}
