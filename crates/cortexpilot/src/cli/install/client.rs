//! The clients: where each keeps its servers, how it writes one, and its own command for the same.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::merge::Shape;
use crate::cli::words::quote;
use crate::config::Environment;

/// A program that starts or calls MCP servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// Claude Code: ~/.claude.json, or .mcp.json in the project
    ClaudeCode,
    /// Codex: ~/.codex/config.toml, or .codex/config.toml in a project that you trust
    Codex,
    /// Cursor; printed only
    Cursor,
    /// Visual Studio Code; printed only
    Vscode,
    /// opencode; printed only
    Opencode,
    /// Gemini CLI; printed only
    Gemini,
    /// Windsurf; printed only
    Windsurf,
}

/// For whom an entry counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Scope {
    /// For you, in every project
    #[default]
    User,
    /// For everybody who opens this project
    Project,
}

/// What a client is told to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A process of its own.
    Stdio { command: String, args: Vec<String> },
    /// A server that runs already; the bearer token is in a variable of the client's environment.
    Http { url: String, token_env: String },
}

impl Client {
    /// As it is named in sentences.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::Codex => "Codex",
            Self::Cursor => "Cursor",
            Self::Vscode => "Visual Studio Code",
            Self::Opencode => "opencode",
            Self::Gemini => "Gemini CLI",
            Self::Windsurf => "Windsurf",
        }
    }

    /// As it is named on the command line.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::Cursor => "cursor",
            Self::Vscode => "vscode",
            Self::Opencode => "opencode",
            Self::Gemini => "gemini",
            Self::Windsurf => "windsurf",
        }
    }

    /// Whether this command writes its file, which is tested with the client itself.
    pub(super) fn is_written(self) -> bool {
        match self {
            Self::ClaudeCode | Self::Codex => true,
            Self::Cursor | Self::Vscode | Self::Opencode | Self::Gemini | Self::Windsurf => false,
        }
    }

    /// The form of its file.
    pub(super) fn shape(self) -> Shape {
        match self {
            Self::ClaudeCode | Self::Cursor | Self::Gemini | Self::Windsurf => Shape::Json("mcpServers"),
            Self::Vscode => Shape::Json("servers"),
            Self::Opencode => Shape::Json("mcp"),
            Self::Codex => Shape::Toml("mcp_servers"),
        }
    }

    /// Its file; an error says what is missing to know it.
    pub(super) fn file(self, scope: Scope, environment: &Environment) -> Result<PathBuf, String> {
        if scope == Scope::Project {
            let project = project(&environment.cwd);
            return match self {
                Self::ClaudeCode => Ok(project.join(".mcp.json")),
                Self::Codex => Ok(project.join(".codex/config.toml")),
                Self::Cursor => Ok(project.join(".cursor/mcp.json")),
                Self::Vscode => Ok(project.join(".vscode/mcp.json")),
                Self::Opencode => Ok(project.join("opencode.json")),
                Self::Gemini => Ok(project.join(".gemini/settings.json")),
                Self::Windsurf => Err("Windsurf has no configuration of a project: leave --scope out".to_owned()),
            };
        }
        let configured = |variable: &str| variable_of(environment, variable).map(|dir| environment.cwd.join(dir));
        let home = || {
            variable_of(environment, "HOME")
                .map(|home| environment.cwd.join(home))
                .ok_or_else(|| "HOME is not set, so where the client keeps its configuration is not known".to_owned())
        };
        match self {
            Self::ClaudeCode => match configured("CLAUDE_CONFIG_DIR") {
                Some(dir) => Ok(dir.join(".claude.json")),
                None => Ok(home()?.join(".claude.json")),
            },
            Self::Codex => match configured("CODEX_HOME") {
                Some(dir) => Ok(dir.join("config.toml")),
                None => Ok(home()?.join(".codex/config.toml")),
            },
            Self::Cursor => Ok(home()?.join(".cursor/mcp.json")),
            Self::Vscode => Ok(home()?.join(".config/Code/User/mcp.json")),
            Self::Opencode => Ok(home()?.join(".config/opencode/opencode.json")),
            Self::Gemini => Ok(home()?.join(".gemini/settings.json")),
            Self::Windsurf => Ok(home()?.join(".codeium/windsurf/mcp_config.json")),
        }
    }

    /// The entry as this client writes it.
    pub(super) fn entry(self, target: &Target) -> Value {
        match (self, target) {
            (Self::ClaudeCode, Target::Stdio { command, args }) => {
                json!({ "type": "stdio", "command": command, "args": args, "env": {} })
            }
            (Self::ClaudeCode, Target::Http { url, token_env }) => {
                json!({ "type": "http", "url": url, "headers": { "Authorization": format!("Bearer ${{{token_env}}}") } })
            }
            (Self::Codex, Target::Http { url, token_env }) => {
                json!({ "url": url, "bearer_token_env_var": token_env })
            }
            (Self::Vscode, Target::Stdio { command, args }) => {
                json!({ "type": "stdio", "command": command, "args": args })
            }
            (Self::Opencode, Target::Stdio { command, args }) => {
                let line: Vec<&String> = std::iter::once(command).chain(args).collect();
                json!({ "type": "local", "command": line, "enabled": true })
            }
            (Self::Codex | Self::Cursor | Self::Gemini | Self::Windsurf, Target::Stdio { command, args }) => {
                json!({ "command": command, "args": args })
            }
            // Never asked for: an entry with a token is for the clients whose files are tested.
            (
                Self::Cursor | Self::Vscode | Self::Opencode | Self::Gemini | Self::Windsurf,
                Target::Http { url, .. },
            ) => {
                json!({ "url": url })
            }
        }
    }

    /// The client's own command that adds the same; `None` where it has none.
    pub(super) fn own_command(self, scope: Scope, name: &str, target: &Target) -> Option<String> {
        let words: Vec<String> = match (self, target) {
            (Self::ClaudeCode, Target::Stdio { command, args }) => {
                let head = ["claude", "mcp", "add", "--scope", scope.word(), name, "--", command];
                head.into_iter().map(str::to_owned).chain(args.iter().cloned()).collect()
            }
            (Self::ClaudeCode, Target::Http { url, token_env }) => {
                let header = format!("Authorization: Bearer ${{{token_env}}}");
                let words =
                    ["claude", "mcp", "add", "--scope", scope.word(), "--transport", "http", name, url, "--header"];
                words.into_iter().map(str::to_owned).chain([header]).collect()
            }
            // Codex's own command knows the file of the user alone.
            (Self::Codex, Target::Stdio { command, args }) if scope == Scope::User => {
                let head = ["codex", "mcp", "add", name, "--", command];
                head.into_iter().map(str::to_owned).chain(args.iter().cloned()).collect()
            }
            (Self::Codex, Target::Http { url, token_env }) if scope == Scope::User => {
                let words = ["codex", "mcp", "add", name, "--url", url, "--bearer-token-env-var", token_env];
                words.map(str::to_owned).into()
            }
            (Self::Vscode, Target::Stdio { .. }) if scope == Scope::User => {
                let mut entry = Map::from_iter([("name".to_owned(), Value::from(name))]);
                entry.extend(self.entry(target).as_object().cloned().unwrap_or_default());
                vec!["code".to_owned(), "--add-mcp".to_owned(), Value::Object(entry).to_string()]
            }
            (Self::Gemini, Target::Stdio { command, args }) => {
                let head = ["gemini", "mcp", "add", "--scope", scope.word(), name, command];
                head.into_iter().map(str::to_owned).chain(args.iter().cloned()).collect()
            }
            (Self::Codex | Self::Cursor | Self::Vscode | Self::Opencode | Self::Gemini | Self::Windsurf, _) => {
                return None;
            }
        };
        Some(words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "))
    }
}

impl Scope {
    /// As it is named on command lines, ours and the clients'.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Project => "project",
        }
    }
}

/// The project that a working directory is in: the nearest directory upwards that holds `.git`, else the directory
/// itself. Both clients look for their files from there.
fn project(cwd: &Path) -> &Path {
    cwd.ancestors().find(|dir| dir.join(".git").exists()).unwrap_or(cwd)
}

/// A variable of this process's environment, unless it is blank.
pub(super) fn variable_of(environment: &Environment, name: &str) -> Option<String> {
    let found = environment.variables.iter().find(|(known, _)| known == name)?;
    found.1.to_str().map(str::to_owned).filter(|value| !value.trim().is_empty())
}

/// Whether an entry that is in a file does what this one does. What the person added to it, such as a time limit, stays
/// theirs; the names of such members are returned.
pub(super) fn same(there: &Value, ours: &Value) -> Option<Vec<String>> {
    let (there, ours) = (there.as_object()?, ours.as_object()?);
    let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    let equal = ours.iter().all(|(name, value)| match there.get(name) {
        Some(known) => known == value,
        // Claude Code takes an entry with a command and without a type for the same.
        None => empty(value) || (name == "type" && value == "stdio"),
    });
    let more = there.iter().filter(|(name, value)| !ours.contains_key(*name) && !empty(value));
    equal.then(|| more.map(|(name, _)| name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn environment(cwd: &Path, variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        Environment { cwd: cwd.to_owned(), variables, ..Environment::default() }
    }

    #[test]
    fn each_client_has_its_file_and_its_own_variables_move_it() {
        let cwd = Path::new("/srv/p");
        let plain = environment(cwd, &[("HOME", "/srv/alice")]);
        for (client, wanted) in [
            (Client::ClaudeCode, "/srv/alice/.claude.json"),
            (Client::Codex, "/srv/alice/.codex/config.toml"),
            (Client::Cursor, "/srv/alice/.cursor/mcp.json"),
        ] {
            assert_eq!(client.file(Scope::User, &plain).unwrap(), Path::new(wanted));
        }
        let moved = environment(cwd, &[("HOME", "/srv/alice"), ("CODEX_HOME", "/x"), ("CLAUDE_CONFIG_DIR", "/y")]);
        assert_eq!(Client::Codex.file(Scope::User, &moved).unwrap(), Path::new("/x/config.toml"));
        assert_eq!(Client::ClaudeCode.file(Scope::User, &moved).unwrap(), Path::new("/y/.claude.json"));
        let lost = Client::Codex.file(Scope::User, &environment(cwd, &[])).unwrap_err();
        assert!(lost.contains("HOME"), "{lost}");
        assert!(Client::Windsurf.file(Scope::Project, &plain).is_err());
    }

    #[test]
    fn a_projects_file_stands_beside_its_git_directory() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        let file = |cwd: &Path| Client::ClaudeCode.file(Scope::Project, &environment(cwd, &[])).unwrap();
        assert_eq!(file(&deep), deep.join(".mcp.json"));
        std::fs::create_dir(dir.path().join(".git")).unwrap();
        assert_eq!(file(&deep), dir.path().join(".mcp.json"));
    }

    #[test]
    fn own_commands_survive_a_shell_and_hold_no_secret() {
        let stdio =
            Target::Stdio { command: "/opt/my bin/c".to_owned(), args: vec!["x".to_owned(), "it's".to_owned()] };
        let http = Target::Http { url: "http://127.0.0.1:8000/mcp/queue-pilot".to_owned(), token_env: "T".to_owned() };
        let said = |client: Client, scope, target| client.own_command(scope, "n", target).unwrap_or_default();
        assert_eq!(
            said(Client::ClaudeCode, Scope::User, &stdio),
            "claude mcp add --scope user n -- '/opt/my bin/c' x 'it'\\''s'"
        );
        assert_eq!(
            said(Client::ClaudeCode, Scope::Project, &http),
            "claude mcp add --scope project --transport http n http://127.0.0.1:8000/mcp/queue-pilot --header 'Authorization: Bearer ${T}'"
        );
        assert_eq!(said(Client::Codex, Scope::User, &stdio), "codex mcp add n -- '/opt/my bin/c' x 'it'\\''s'");
        assert_eq!(said(Client::Codex, Scope::Project, &stdio), "");
        assert!(said(Client::Codex, Scope::User, &http).ends_with("--bearer-token-env-var T"));
    }

    #[test]
    fn an_entry_with_more_in_it_is_the_same_and_one_with_other_values_is_not() {
        let ours = json!({ "type": "stdio", "command": "/c", "args": ["a"], "env": {} });
        assert_eq!(same(&ours, &ours), Some(vec![]));
        assert_eq!(same(&json!({ "args": ["a"], "command": "/c" }), &ours), Some(vec![]));
        assert_eq!(
            same(&json!({ "command": "/c", "args": ["a"], "timeout": 5, "x": {} }), &ours),
            Some(vec!["timeout".to_owned()])
        );
        for other in [
            json!({ "command": "/d", "args": ["a"] }),
            json!({ "command": "/c", "args": ["a"], "env": { "A": "b" } }),
            json!({ "type": "http", "command": "/c", "args": ["a"] }),
            json!({ "command": "/c" }),
            json!(7),
        ] {
            assert_eq!(same(&other, &ours), None, "{other}");
        }
    }
}
