//! `cortexpilot config`: what this process was told, and by whom.

use clap::Subcommand;
use cortexpilot_core::domain::text::escape;
use cortexpilot_server::wire::config::{Configuration, SettingView};
use serde::Serialize;

use super::Context;
use super::install;
use super::output::{Answer, json};
use super::session;
use crate::serve;

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

/// What a server says of how it was configured: the same settings, and what MCP clients would be told.
pub(super) fn configuration(context: &Context) -> Configuration {
    let settings = context.settings.shown.iter().map(|shown| SettingView {
        variable: shown.variable.name,
        key: shown.variable.key,
        value: shown.value.clone(),
        secret: shown.variable.secret,
        origin: shown.origin.to_string(),
    });
    Configuration { settings: settings.collect(), clients: install::offers(context) }
}

impl Config {
    pub(super) async fn run(&self, context: &Context) -> Answer {
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
        let table = context.view.table(header, rows);
        Answer::ok(format!("{table}\nAgents may queue: {}\n", agents_may_queue(context).await))
    }
}

/// For a process that is started with this configuration, under what operators decided. The ledger may not be readable; the
/// configuration is shown all the same.
async fn agents_may_queue(context: &Context) -> String {
    let settings = &context.settings;
    let standing = match session::reader(settings) {
        Ok(reader) => reader.standing().await.map_err(|error| error.to_string()),
        Err(_) => Err("the store cannot be opened".to_owned()),
    };
    match standing {
        Ok(standing) => serve::queueing_words(settings, &standing).to_owned(),
        Err(why) => {
            format!("{} (what operators decided cannot be read: {})", settings.agents_may_queue(), escape(&why))
        }
    }
}
