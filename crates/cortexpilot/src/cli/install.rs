//! `cortexpilot mcp`: telling MCP clients where the servers are. The client's file is somebody else's: it is printed what
//! would be written, written only when asked for, and nothing but the one entry ever changes.

use std::path::Path;

use clap::{ArgGroup, Args, Subcommand, ValueEnum as _};
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::port::Clock as _;
use cortexpilot_server::wire::TokenView;
use cortexpilot_server::wire::config::InstallView;
use serde::Serialize;
use serde_json::Value;

mod check;
mod client;
mod file;
mod merge;
mod pilot;
mod said;

use super::Context;
use super::failure::Stopped;
use super::output::{Answer, json, pairs};
use super::words::Commands;
use crate::config::Settings;
use crate::config::value::quoted;
use crate::os::SystemClock;
use client::{Client, Scope, Target};
use file::Config;
use said::{heading, indented, masked, own, own_command, warned, warnings};

/// The variable that a client's entry takes the agent's token from, unless another one is named. It does not begin as ours
/// do: none of our processes reads it, and none warns of it.
const TOKEN_ENV: &str = "CPT_AGENT_TOKEN";

/// Tell MCP clients where the servers are
#[derive(Debug, Subcommand)]
pub(crate) enum Mcp {
    Install(Box<Install>),
}

/// Put a server into an MCP client's configuration; prints what would be written unless told to write it
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("mode").args(["print", "write", "check"]),
    after_help = "\
Examples:
  cortexpilot mcp install claude-code                        what would be written, and where
  cortexpilot mcp install claude-code --write                for you, in every project
  cortexpilot mcp install codex --scope project --write      for this project alone
  cortexpilot mcp install codex --check                      start it as Codex would, and look at it
  cortexpilot mcp install claude-code --remove --write

The entry holds the absolute paths of this program, of the runtime root and of the runs; see that these are the right \
ones (--runtime-root, --runs). Everything else in the file stays as it is, byte for byte, and a copy of the file is kept \
beside it. Written twice, nothing changes. docs/guides/install.md shows each client's file.

The queue pilot is internal and off by default; it is installed only with --pilot, which makes a token for the agent:
  cortexpilot mcp install claude-code --pilot --role OPS --token-file claude.token --write"
)]
pub(crate) struct Install {
    /// Which client
    #[arg(value_enum, value_name = "CLIENT")]
    client: Client,
    /// For whom the entry counts
    #[arg(long, value_enum, value_name = "SCOPE", default_value_t)]
    scope: Scope,
    /// Print what would be written, and change nothing; the default
    #[arg(long)]
    print: bool,
    /// Write it
    #[arg(long)]
    write: bool,
    /// Start the server as the client would, speak to it, and show what it says of itself
    #[arg(long, conflicts_with_all = ["remove", "replace"])]
    check: bool,
    /// Take the entry out again, with --write
    #[arg(long, conflicts_with = "replace")]
    remove: bool,
    /// Put it in place of another entry of the same name
    #[arg(long)]
    replace: bool,
    /// The entry's name; cortexpilot-readonly or cortexpilot-queue-pilot, if left out
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The queue pilot instead of the read-only server: over HTTP, with a token that is made for it
    #[arg(long)]
    pilot: bool,
    /// The pilot as a process of the client's: says what that gives up
    #[arg(long, requires = "pilot")]
    stdio: bool,
    /// Where the pilot is served; the configured address, if left out
    #[arg(long, value_name = "URL", requires = "pilot", conflicts_with = "stdio")]
    url: Option<String>,
    /// The agent's own name: claude becomes agent:claude; the client's, if left out
    #[arg(long, value_name = "NAME", requires = "pilot", conflicts_with = "stdio")]
    agent: Option<String>,
    /// A role that comes with the token; may be repeated
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',', requires = "pilot", conflicts_with = "stdio")]
    roles: Vec<String>,
    /// How long the token lives: 1s to 366d
    #[arg(long, value_name = "DURATION", default_value = "30d", requires = "pilot", conflicts_with = "stdio")]
    ttl: String,
    /// Put the token into this new file (mode 0600) instead of printing it
    #[arg(long, value_name = "PATH", requires = "pilot", conflicts_with = "stdio")]
    token_file: Option<String>,
    /// The variable of the client's environment that will hold the token
    #[arg(long, value_name = "NAME", default_value = TOKEN_ENV, requires = "pilot", conflicts_with = "stdio")]
    token_env: String,
}

/// Which of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Readonly,
    Pilot,
}

impl Server {
    /// What it calls itself, and what its entry is called unless named otherwise.
    fn announces(self) -> &'static str {
        match self {
            Self::Readonly => "cortexpilot-readonly",
            Self::Pilot => "cortexpilot-queue-pilot",
        }
    }

    /// The command that serves it over standard streams.
    fn command(self) -> &'static str {
        match self {
            Self::Readonly => "mcp-readonly-server",
            Self::Pilot => "mcp-queue-pilot-server",
        }
    }

    /// In people's words.
    fn title(self) -> &'static str {
        match self {
            Self::Readonly => "the read-only server",
            Self::Pilot => "the queue pilot",
        }
    }
}

/// Which entry of which client.
#[derive(Debug)]
struct Which {
    client: Client,
    scope: Scope,
    server: Server,
    stdio: bool,
    name: String,
}

impl Which {
    /// This command again, for the same entry.
    fn command(&self, context: &Context, what: &str) -> String {
        self.line(&context.commands, what)
    }

    fn line(&self, commands: &Commands, what: &str) -> String {
        let mut words = vec!["mcp", "install", self.client.word()];
        if self.scope == Scope::Project {
            words.extend(["--scope", "project"]);
        }
        if self.server == Server::Pilot {
            words.push("--pilot");
            if self.stdio {
                words.push("--stdio");
            }
        }
        if self.name != self.server.announces() {
            words.extend(["--name", &self.name]);
        }
        words.extend(what.split(' '));
        commands.line(&words)
    }
}

/// What is in the file already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Absent,
    Present,
    Differs,
}

/// What is answered.
#[derive(Debug, Serialize)]
struct Done {
    client: &'static str,
    scope: &'static str,
    name: String,
    server: &'static str,
    transport: &'static str,
    /// The client's file; where a link was named, what it leads to.
    file: String,
    through_link: bool,
    /// What was in the file.
    state: State,
    /// Whether the file was changed.
    changed: bool,
    /// The copy of the file as it was.
    backup: Option<String>,
    /// The entry, as values.
    entry: Value,
    /// The entry, as text in the file's form.
    text: String,
    /// The client's own command that does the same.
    client_command: Option<String>,
    /// Members that the person added to the entry.
    your_own: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_record: Option<TokenView>,
    warnings: Vec<String>,
}

/// A process of the client's own.
fn stdio(client: Client, server: Server, settings: &Settings) -> Result<Target, Stopped> {
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            let path = escape(&path.display().to_string());
            Stopped::Usage(format!("{path} is not UTF-8, and a client's configuration can hold nothing else"))
        })
    };
    let command = text(&check::program().map_err(|why| Stopped::Fault(anyhow::anyhow!(why)))?)?;
    let (root, runs) = (text(&settings.runtime_root)?, text(&settings.runs_root)?);
    let replaced = |text: &&String| text.contains('$') || text.contains("{env:") || text.contains("{file:");
    if let Some(odd) = [&command, &root, &runs].into_iter().find(replaced)
        && client != Client::Codex
    {
        return Err(Stopped::Usage(format!(
            "{} holds a sign that {} takes for a variable: use a path without one",
            quoted(odd),
            client.title()
        )));
    }
    let args = [server.command(), "--runtime-root", &root, "--runs", &runs].map(str::to_owned).into();
    Ok(Target::Stdio { command, args })
}

/// What each client would be told of the read-only server, for whoever looks at how a server is configured. A client whose
/// file cannot be known here, or could not hold these paths, is left out.
pub(super) fn offers(context: &Context) -> Vec<InstallView> {
    let places = Client::value_variants().iter().flat_map(|client| [(*client, Scope::User), (*client, Scope::Project)]);
    places.filter_map(|(client, scope)| offer(context, client, scope)).collect()
}

fn offer(context: &Context, client: Client, scope: Scope) -> Option<InstallView> {
    let name = Server::Readonly.announces();
    let file = client.file(scope, &context.environment).ok()?;
    let target = stdio(client, Server::Readonly, &context.settings).ok()?;
    let text = client.shape().put("", name, &client.entry(&target)).ok()?;
    let which = Which { client, scope, server: Server::Readonly, stdio: false, name: name.to_owned() };
    // It is run in another shell, which has neither this process's flags nor its variables.
    let mut commands = Commands::bare(&context.environment);
    for (flag, root) in [("--runtime-root", &context.settings.runtime_root), ("--runs", &context.settings.runs_root)] {
        commands.push(flag, root.to_str()?);
    }
    let show = if client.is_written() { "--write" } else { "--print" };
    Some(InstallView {
        client: client.word(),
        title: client.title(),
        scope: scope.word(),
        file: file.display().to_string(),
        text,
        client_command: client.own_command(scope, name, &target),
        command: which.line(&commands, show),
        written: client.is_written(),
    })
}

impl Mcp {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        match self {
            Self::Install(install) => install.run(context).await,
        }
    }
}

impl Install {
    async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let which = self.which()?;
        let path = which.client.file(which.scope, &context.environment).map_err(Stopped::Usage)?;
        if !which.client.is_written() {
            return self.printed_only(context, &which, &path);
        }
        let config = Config::read(&path).map_err(|why| untouched(&path, &why))?;
        let shape = which.client.shape();
        let there = shape.find(&config.text, &which.name).map_err(|why| unmerged(&config.path, &why))?;
        if self.check {
            let place = escape(&config.path.display().to_string());
            return Ok(check::check(context, &which, &place, there.as_ref()).await);
        }
        if self.remove {
            return self.removed(context, &which, &config, there.as_ref());
        }
        let target = self.target(context)?;
        let entry = which.client.entry(&target);
        let (state, your_own) = match &there {
            None => (State::Absent, Vec::new()),
            Some(there) => match client::same(there, &entry) {
                Some(more) => (State::Present, more),
                None => (State::Differs, Vec::new()),
            },
        };
        let mut done = Done {
            client: which.client.word(),
            scope: which.scope.word(),
            name: which.name.clone(),
            server: which.server.announces(),
            transport: if matches!(target, Target::Stdio { .. }) { "stdio" } else { "http" },
            file: config.path.display().to_string(),
            through_link: config.through_link,
            state,
            changed: false,
            backup: None,
            text: shape.alone(&which.name, &entry),
            client_command: which.client.own_command(which.scope, &which.name, &target),
            entry,
            your_own,
            token: None,
            token_file: None,
            token_record: None,
            warnings: warnings(context, &which, &target),
        };
        if !self.write {
            return Ok(self.shown(context, &which, &config, there.as_ref(), &done));
        }
        match (state, self.replace) {
            (State::Present, _) => return Ok(unchanged(context, &which, &done)),
            (State::Differs, false) => return Err(differs(context, &which, &config.path, there.as_ref())),
            (State::Absent, _) | (State::Differs, true) => {}
        }
        let text = shape.put(&config.text, &which.name, &done.entry).map_err(|why| unmerged(&config.path, &why))?;
        let token = match &target {
            Target::Http { .. } => {
                let agent = self.agent.as_deref().unwrap_or(which.client.word());
                let wanted = pilot::Wanted::parse(agent, &self.roles, &self.ttl, self.token_file.as_deref())?;
                Some(wanted.make(context).await?)
            }
            Target::Stdio { .. } => None,
        };
        // The person's own directory and a project's are read by others as well; the user's file is nobody else's.
        let written = config.replace(&text, which.scope == Scope::User, SystemClock.now());
        match (written, token) {
            (Ok(backup), token) => {
                done.changed = true;
                done.backup = backup.map(|path| path.display().to_string());
                done.token_record = token.as_ref().map(pilot::Made::view);
                done.token_file =
                    token.as_ref().and_then(|made| made.file.as_ref().map(|path| path.display().to_string()));
                done.token = token.and_then(|made| made.text);
                Ok(self.wrote(context, &which, &done))
            }
            (Err(why), None) => Err(untouched(&config.path, &why)),
            (Err(why), Some(made)) => {
                let left = made.take_back().await;
                let path = escape(&config.path.display().to_string());
                Err(anyhow::anyhow!("{path} was not changed: {why}; {left}").into())
            }
        }
    }

    fn which(&self) -> Result<Which, Stopped> {
        let server = if self.pilot { Server::Pilot } else { Server::Readonly };
        let name = self.name.clone().unwrap_or_else(|| server.announces().to_owned());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(Stopped::Usage(format!(
                "--name must be 1 to 64 letters, digits, _ or -, which every client takes; it is {}",
                quoted(&name)
            )));
        }
        Ok(Which { client: self.client, scope: self.scope, server, stdio: self.stdio, name })
    }

    /// What the client is to be told.
    fn target(&self, context: &Context) -> Result<Target, Stopped> {
        let settings = &context.settings;
        if self.pilot && !self.stdio {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let variable = &self.token_env;
            let starts_well = variable.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
            if !starts_well || !variable.bytes().all(plain) || variable.starts_with("CORTEXPILOT_") {
                return Err(Stopped::Usage(format!(
                    "--token-env must be a variable's name that does not begin with CORTEXPILOT_, which our own processes \
                     would take for theirs; it is {}",
                    quoted(variable)
                )));
            }
            let url = self.url.clone().unwrap_or_else(|| {
                let host =
                    if settings.host.is_unspecified() { std::net::Ipv4Addr::LOCALHOST.into() } else { settings.host };
                format!("http://{}/mcp/queue-pilot", std::net::SocketAddr::new(host, settings.port))
            });
            check::http::Address::parse(&url).map_err(|problem| Stopped::Usage(format!("--url {problem}")))?;
            return Ok(Target::Http { url, token_env: variable.clone() });
        }
        let server = if self.pilot { Server::Pilot } else { Server::Readonly };
        stdio(self.client, server, settings)
    }

    /// For clients whose files are not tested here.
    fn printed_only(&self, context: &Context, which: &Which, path: &Path) -> Result<Answer, Stopped> {
        let title = which.client.title();
        if self.write || self.check || self.remove {
            return Err(Stopped::Usage(format!(
                "for {title} the entry is only printed: put it into the file yourself, or use the client's own command"
            )));
        }
        if self.pilot {
            return Err(Stopped::Usage("--pilot is for claude-code and codex".to_owned()));
        }
        let target = &self.target(context)?;
        let shape = which.client.shape();
        let entry = which.client.entry(target);
        let text = shape.put("", &which.name, &entry).map_err(|why| unmerged(path, &why))?;
        let done = Done {
            client: which.client.word(),
            scope: which.scope.word(),
            name: which.name.clone(),
            server: which.server.announces(),
            transport: "stdio",
            file: path.display().to_string(),
            through_link: false,
            state: State::Absent,
            changed: false,
            backup: None,
            client_command: which.client.own_command(which.scope, &which.name, target),
            text,
            entry,
            your_own: Vec::new(),
            token: None,
            token_file: None,
            token_record: None,
            warnings: warnings(context, which, target),
        };
        if context.view.is_json() {
            return Ok(Answer::ok(json(&done)));
        }
        let said = format!("{title} reads its servers from {}. In an empty file this would be:", escape(&done.file));
        let mut text = format!("{said}\n\n{}\n", indented(&done.text));
        text.push_str("This program does not write that file: the client is not among those it is tested with.\n");
        text.push_str(&own_command(&done));
        text.push_str(&warned(&done));
        Ok(Answer::ok(text))
    }

    /// What would be written.
    fn shown(&self, context: &Context, which: &Which, config: &Config, there: Option<&Value>, done: &Done) -> Answer {
        if context.view.is_json() {
            return Answer::ok(json(done));
        }
        let mut text = heading(which, config);
        text.push_str(&format!("\n\n{}\n", indented(&done.text)));
        match done.state {
            State::Absent => {
                let options = match (which.server, which.stdio) {
                    (Server::Readonly, _) | (Server::Pilot, true) => "--write",
                    (Server::Pilot, false) => "--role ROLE --token-file FILE --write",
                };
                text.push_str(&format!("Nothing was written. To write it: {}\n", which.command(context, options)));
            }
            State::Present => text.push_str(&format!("That is in it already{}.\n", own(done))),
            State::Differs => text.push_str(&format!(
                "Another entry of this name is in it:\n\n{}\nTo put this one in its place: {}\n",
                indented(&which.client.shape().alone(&which.name, &masked(there.unwrap_or(&Value::Null)))),
                which.command(context, "--write --replace")
            )),
        }
        text.push_str(&own_command(done));
        text.push_str(&warned(done));
        Answer::ok(text)
    }

    /// What was written.
    fn wrote(&self, context: &Context, which: &Which, done: &Done) -> Answer {
        if context.view.is_json() {
            return Answer::ok(json(done));
        }
        let mut rows = vec![("entry", done.name.clone()), ("file", done.file.clone())];
        rows.extend(done.backup.clone().map(|backup| ("as it was", backup)));
        if let Some(record) = &done.token_record {
            rows.push(("acts as", format!("{} ({})", record.principal, record.roles.join(", "))));
            rows.push(("token", format!("{}, until {}", record.id, record.expires_at)));
        }
        rows.extend(done.token_file.clone().map(|file| ("token file", file)));
        let mut text = format!("Written for {}.\n\n{}", which.client.title(), pairs(rows));
        if let Some(token) = &done.token {
            text.push_str(&format!("\nThis is the token. It is shown once and kept nowhere:\n  {token}\n"));
        }
        if done.token_record.is_some() {
            let from = done.token_file.as_ref().map_or_else(
                || "export {}='THE-TOKEN'".to_owned(),
                |file| format!("export {{}}=\"$(cat {})\"", super::words::quote(file)),
            );
            let export = from.replace("{}", &self.token_env);
            text.push_str(&format!(
                "\nThe entry holds no token, only the variable's name. Before the client is started:\n  {export}\n"
            ));
            text.push_str(
                "The pilot is served where `cortexpilot serve --mcp-pilot` runs (docs/runbooks/queue-pilot.md).\n",
            );
        }
        text.push_str(&format!("\nStart the client anew. Whether it works: {}\n", which.command(context, "--check")));
        text.push_str(&warned(done));
        Answer::ok(text)
    }

    /// The entry is taken out, or it is said which one would be.
    fn removed(
        &self,
        context: &Context,
        which: &Which,
        config: &Config,
        there: Option<&Value>,
    ) -> Result<Answer, Stopped> {
        let path = escape(&config.path.display().to_string());
        let shape = which.client.shape();
        let Some(there) = there else {
            let gone = Removed { changed: false, name: &which.name, file: &path, backup: None };
            if context.view.is_json() {
                return Ok(Answer::ok(json(&gone)));
            }
            return Ok(Answer::ok(format!("There is no entry {} in {path}: nothing to remove.\n", which.name)));
        };
        if !is_ours(there) {
            return Err(Stopped::Nothing(format!(
                "the entry {} in {path} is not one of this program's, so it is not removed:\n\n{}\nThe client's own command \
                 removes it, if it shall go",
                which.name,
                indented(&shape.alone(&which.name, &masked(there)))
            )));
        }
        let text = shape.take(&config.text, &which.name).map_err(|why| unmerged(&config.path, &why))?;
        if !self.write {
            if context.view.is_json() {
                return Ok(Answer::ok(json(&Removed { changed: false, name: &which.name, file: &path, backup: None })));
            }
            return Ok(Answer::ok(format!(
                "{}\n\n{}\nNothing was removed. To remove it: {}\n",
                heading(which, config),
                indented(&shape.alone(&which.name, &masked(there))),
                which.command(context, "--remove --write")
            )));
        }
        let backup = config.replace(&text, which.scope == Scope::User, SystemClock.now());
        let backup = backup.map_err(|why| untouched(&config.path, &why))?.map(|path| path.display().to_string());
        if context.view.is_json() {
            return Ok(Answer::ok(json(&Removed { changed: true, name: &which.name, file: &path, backup })));
        }
        let rows = [("entry", which.name.clone()), ("file", config.path.display().to_string())];
        let mut said = format!("Removed.\n\n{}", pairs(rows.into_iter().chain(backup.map(|path| ("as it was", path)))));
        if which.server == Server::Pilot && there["command"].is_null() {
            let list = context.commands.line(&["token", "list", "--live"]);
            said.push_str(&format!(
                "\nIts token lives on: {list} shows it, `cortexpilot token revoke ID` takes it back.\n"
            ));
        }
        Ok(Answer::ok(said))
    }
}

/// What taking an entry out answers.
#[derive(Serialize)]
struct Removed<'a> {
    changed: bool,
    name: &'a str,
    file: &'a str,
    backup: Option<String>,
}

/// Whether an entry starts or calls one of our servers.
fn is_ours(entry: &Value) -> bool {
    let first = entry["args"][0].as_str().unwrap_or_default();
    let starts = [Server::Readonly, Server::Pilot].iter().any(|server| server.command() == first);
    let url = entry["url"].as_str().unwrap_or_default();
    starts || url.ends_with("/mcp/queue-pilot") || url.ends_with("/mcp/readonly")
}

fn unchanged(context: &Context, which: &Which, done: &Done) -> Answer {
    if context.view.is_json() {
        return Answer::ok(json(done));
    }
    let mut text = format!("{} is in {} already{}. Nothing was changed.\n", done.name, escape(&done.file), own(done));
    if done.transport == "http" {
        let list = context.commands.line(&["token", "list", "--live"]);
        text.push_str(&format!(
            "No token was made. {list} shows the agent's; `cortexpilot token rotate ID` makes another.\n"
        ));
    }
    text.push_str(&format!("Whether it works: {}\n", which.command(context, "--check")));
    Answer::ok(text)
}

/// An entry of this name does something else.
fn differs(context: &Context, which: &Which, path: &Path, there: Option<&Value>) -> Stopped {
    let text = which.client.shape().alone(&which.name, &masked(there.unwrap_or(&Value::Null)));
    Stopped::Nothing(format!(
        "another entry of the name {} is in {}, and nothing was changed:\n\n{}\nTo put this one in its place: {}\nTo keep \
         both, give this one another --name",
        which.name,
        escape(&path.display().to_string()),
        indented(&text),
        which.command(context, "--write --replace")
    ))
}

fn untouched(path: &Path, why: &file::Untouched) -> Stopped {
    Stopped::Usage(format!("{} is not touched: {why}", escape(&path.display().to_string())))
}

fn unmerged(path: &Path, why: &merge::NotMerged) -> Stopped {
    Stopped::Usage(format!(
        "{} is not touched: {}\nThe client could not read it either, or not as this program would: put it right first, or \
         use the client's own command",
        escape(&path.display().to_string()),
        escape(&why.to_string())
    ))
}
