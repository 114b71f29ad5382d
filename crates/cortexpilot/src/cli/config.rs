//! `cortexpilot config`: what this process was told, and by whom.

use clap::Subcommand;
use serde::Serialize;

use super::Context;
use super::output::{Answer, json};

/// Look at the configuration
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print every setting; secrets are masked
    #[command(after_help = "\
Examples:
  cortexpilot config show
  cortexpilot config show --origin
  cortexpilot config show --origin --output json

Settings come from the command line, then the environment, then cortexpilot.toml in the base directory, then the \
default. docs/reference/environment.md explains each.")]
    Show {
        /// Also say where each value came from
        #[arg(long)]
        origin: bool,
    },
}

#[derive(Serialize)]
struct Row<'a> {
    variable: &'a str,
    key: Option<&'a str>,
    value: &'a str,
    secret: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

impl Config {
    pub(super) fn run(&self, context: &Context) -> Answer {
        let Self::Show { origin } = self;
        let shown = &context.settings.shown;
        if context.view.is_json() {
            let rows = shown.iter().map(|shown| Row {
                variable: shown.variable.name,
                key: shown.variable.key,
                value: &shown.value,
                secret: shown.variable.secret,
                origin: origin.then(|| shown.origin.to_string()),
            });
            return Answer::ok(json(&rows.collect::<Vec<_>>()));
        }
        let header: &[&str] = if *origin { &["variable", "value", "origin"] } else { &["variable", "value"] };
        let rows = shown.iter().map(|shown| {
            let value = if shown.value.is_empty() { "–".to_owned() } else { shown.value.clone() };
            let mut row = vec![shown.variable.name.to_owned(), value];
            row.extend(origin.then(|| shown.origin.to_string()));
            row
        });
        Answer::ok(context.view.table(header, rows))
    }
}
