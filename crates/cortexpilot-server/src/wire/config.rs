//! How a server was configured, and what MCP clients are told to reach it: for operators.

use serde::Serialize;
use utoipa::ToSchema;

/// One setting as it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SettingView {
    /// Its name in the environment.
    pub variable: &'static str,
    /// Its key in `cortexpilot.toml`; `null` for what cannot stand there.
    #[schema(required = true)]
    pub key: Option<&'static str>,
    /// Its value; of a secret, whether it is set: `set` or empty.
    pub value: String,
    /// Whether its value is never shown.
    pub secret: bool,
    /// Where it comes from: `default`, `environment`, `command line`, or the path of the file.
    pub origin: String,
}

/// What one MCP client is told, to start the read-only server on this server's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InstallView {
    /// The client, as `cortexpilot mcp install` names it.
    pub client: &'static str,
    /// As people name it.
    pub title: &'static str,
    /// For whom the entry counts: `user` or `project`.
    pub scope: &'static str,
    /// The client's file, on this server's machine.
    pub file: String,
    /// The entry as it would stand in an empty file.
    pub text: String,
    /// The client's own command that adds the same; `null` where it has none.
    #[schema(required = true)]
    pub client_command: Option<String>,
    /// The command that shows it, and with `--write` writes it where `written` is true.
    pub command: String,
    /// Whether that command writes the file; otherwise it prints what is to be put there.
    pub written: bool,
}

/// What a server says of its own configuration. Nothing in it is secret; its paths are for operators.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configuration {
    /// Every setting.
    pub settings: Vec<SettingView>,
    /// What clients are told.
    pub clients: Vec<InstallView>,
}

impl Configuration {
    /// What the setting of this variable comes from, in a word: whoever reads it need not know where files lie.
    pub fn origin_of(&self, variable: &str) -> String {
        let origin = self.settings.iter().find(|setting| setting.variable == variable).map(|it| it.origin.as_str());
        match origin {
            None => "default".to_owned(),
            Some(word @ ("default" | "environment" | "command line")) => word.to_owned(),
            Some(_) => "cortexpilot.toml".to_owned(),
        }
    }
}
