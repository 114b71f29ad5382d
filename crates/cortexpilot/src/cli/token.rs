//! `cortexpilot token`: personal tokens. A token's text is given out once, by the command that makes it, and kept nowhere.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use cortexpilot_core::app::App;
use cortexpilot_core::app::govern::{NewToken, Stating};
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, Role, Roles, StatedRole};
use cortexpilot_core::domain::text::{RequestedBy, Stated, escape};
use cortexpilot_core::domain::token::{TOKEN_TTL_MAX, TokenName, TokenRecord, TokenText};
use cortexpilot_core::port::Clock as _;
use cortexpilot_core::port::receipts::LineOf;
use cortexpilot_server::wire::TokenView;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::Context;
use super::failure::Stopped;
use super::output::{self, Answer, json, pairs};
use super::receipt::ReceiptTo;
use super::session;
use super::words::{moment, near};
use crate::config::value;
use crate::os::{OsIds, SystemClock};

/// Make, list, replace and take back personal tokens
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    Create(Create),
    List(List),
    Rotate(Rotate),
    Revoke(Revoke),
}

/// What a token's principal may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Decides: approves, rejects, freezes, cancels any item, makes tokens
    Operator,
    /// Previews and asks; cancels only what it asked for itself
    Agent,
    /// Claims and completes, nothing else
    Worker,
}

impl Kind {
    fn principal(self) -> PrincipalKind {
        match self {
            Self::Operator => PrincipalKind::Operator,
            Self::Agent => PrincipalKind::Agent,
            Self::Worker => PrincipalKind::Worker,
        }
    }
}

/// Make a personal token and print it, once
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot token create --name alice --kind operator --role OWNER --ttl 30d
  cortexpilot token create --name claude --kind agent --role OPS --ttl 7d --file claude.token
  cortexpilot token create --name builder-1 --kind worker --ttl 90d > builder.token

In a pipe the token stands alone on standard output. What is kept of it is its SHA-256: nobody can print it again. You \
can give only roles that you hold yourself; a worker's token carries none. A process acts with it through \
CORTEXPILOT_TOKEN or CORTEXPILOT_TOKEN_FILE, an HTTP client through `Authorization: Bearer`.")]
pub(crate) struct Create {
    /// Its principal's own name: `alice` becomes operator:alice
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What its principal may be used for
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Kind,
    /// A role that comes with it; may be repeated
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',')]
    roles: Vec<String>,
    /// How long it lives: 1s to 366d, such as 12h, 30d
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    ttl: String,
    /// For an agent: the principal who answers for it; you, if left out
    #[arg(long, value_name = "PRINCIPAL")]
    sponsor: Option<String>,
    /// Put it into this new file (mode 0600) instead of printing it
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
    /// Why; kept in the record for ever
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
}

/// List the tokens that were ever made; their texts are kept nowhere
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  cortexpilot token list\n  cortexpilot token list --live --output json")]
pub(crate) struct List {
    /// Only those that are valid now
    #[arg(long)]
    live: bool,
}

/// Make a token that takes another's place; the other lives on until it is revoked or expires
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  cortexpilot token rotate 0123456789ab --ttl 30d --file alice.token

A principal has at most two valid tokens: put the new one where the old one is used, then revoke the old one.")]
pub(crate) struct Rotate {
    /// The other token's id, as `token list` prints it
    #[arg(value_name = "ID")]
    id: String,
    /// How long the new one lives: 1s to 366d
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    ttl: String,
    /// Put it into this new file (mode 0600) instead of printing it
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
    /// Why; kept in the record for ever
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
}

/// Take a token back; every process refuses it from its next request on
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  cortexpilot token revoke 0123456789ab --reason 'the laptop was lost'

Requests for an approval that its principal made fall with its last valid token.")]
pub(crate) struct Revoke {
    /// The token's id, as `token list` prints it
    #[arg(value_name = "ID")]
    id: String,
    /// Why; kept in the record for ever
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
    /// The role you act in; the first allowed one that you hold, if left out
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    #[command(flatten)]
    receipt: ReceiptTo,
}

impl Token {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        match self {
            Self::Create(create) => create.run(context).await,
            Self::List(list) => list.run(context).await,
            Self::Rotate(rotate) => rotate.run(context).await,
            Self::Revoke(revoke) => revoke.run(context).await,
        }
    }
}

fn rows(view: &TokenView, now: Timestamp) -> Vec<(&'static str, String)> {
    let expires = view.expires_at.parse().map_or_else(|_| String::new(), |at| format!(" ({})", moment(at, now)));
    let rows = [
        ("id", view.id.clone()),
        ("principal", view.principal.clone()),
        ("roles", view.roles.join(", ")),
        ("answered for by", view.sponsor.clone().unwrap_or_default()),
        ("expires", format!("{}{expires}", view.expires_at)),
    ];
    rows.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// What making a token answers. This is the one place where its text is.
#[derive(Serialize)]
struct Made<'a> {
    token: Option<&'a str>,
    token_file: Option<String>,
    record: TokenView,
}

/// How long a token may live.
fn ttl(raw: &str) -> Result<SignedDuration, Stopped> {
    let least = SignedDuration::from_secs(1);
    value::span(raw, least, TOKEN_TTL_MAX).map_err(|problem| Stopped::Usage(format!("--ttl {problem}")))
}

fn stating(reason: Option<&str>, role: Option<&str>) -> Stating {
    Stating { reason: Stated::read(reason), role: StatedRole::read(role) }
}

impl Create {
    async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let token = self.parsed()?;
        let app = session::writer(&context.settings)?;
        let caller = session::caller(&context.settings, app.reader()).await?;
        let place = Place::take(context, self.file.as_deref())?;
        let made = app.create_token(&caller, token, stating(self.reason.as_deref(), None)).await;
        match made {
            Ok((text, record)) => place.give_out(context, &app, &caller, &text, &record).await,
            Err(failure) => {
                place.give_up();
                Err(Stopped::of(&failure, &caller, &OsIds))
            }
        }
    }

    fn parsed(&self) -> Result<NewToken, Stopped> {
        let name = TokenName::parse(&self.name).ok_or_else(|| {
            Stopped::Usage("--name must be 1 to 64 letters, digits or any of . _ @ -, such as alice".to_owned())
        })?;
        let roles: Result<Roles, Stopped> = self
            .roles
            .iter()
            .map(|role| {
                Role::parse(role)
                    .ok_or_else(|| Stopped::Usage(format!("--role {} is no role's name", value::quoted(role))))
            })
            .collect();
        let kind = self.kind.principal();
        let sponsor = match (&self.sponsor, self.kind) {
            (None, Kind::Operator | Kind::Agent | Kind::Worker) => None,
            (Some(sponsor), Kind::Agent) => Some(principal(sponsor)?),
            (Some(_), Kind::Operator | Kind::Worker) => {
                return Err(Stopped::Usage(
                    "--sponsor is for agents: nobody answers for an operator or a worker".to_owned(),
                ));
            }
        };
        Ok(NewToken { kind, name, roles: roles?, sponsor, ttl: ttl(&self.ttl)? })
    }
}

/// A principal as it stands in lines: `operator:alice`.
fn principal(raw: &str) -> Result<String, Stopped> {
    let named = RequestedBy::parse(raw).ok().flatten().map(|text| text.to_string());
    named
        .filter(|text| text.split_once(':').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty()))
        .ok_or_else(|| {
            Stopped::Usage(
                "--sponsor must be a principal as records name it, such as operator:alice or local:alice".to_owned(),
            )
        })
}

/// Where a token's text goes. A file is made before the token is: a place that cannot be written costs no token.
pub(super) enum Place {
    Printed,
    File { file: std::fs::File, path: PathBuf },
}

impl Place {
    pub(super) fn take(context: &Context, stated: Option<&str>) -> Result<Self, Stopped> {
        let Some(stated) = stated else { return Ok(Self::Printed) };
        let path = context.environment.cwd.join(stated);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match made {
            Ok(file) => Ok(Self::File { file, path }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Stopped::Usage(format!(
                "--file {} exists already, and nothing is overwritten: name another file",
                escape(&path.display().to_string())
            ))),
            Err(error) => {
                Err(Stopped::Usage(format!("--file {} cannot be made: {error}", escape(&path.display().to_string()))))
            }
        }
    }

    /// No token was made.
    pub(super) fn give_up(self) {
        if let Self::File { path, .. } = self {
            // It is empty; whether it can be removed changes nothing.
            let _ = std::fs::remove_file(path);
        }
    }

    async fn give_out(
        self,
        context: &Context,
        app: &App,
        caller: &Caller,
        text: &TokenText,
        record: &TokenRecord,
    ) -> Result<Answer, Stopped> {
        let now = SystemClock.now();
        let view = TokenView::of(record, now);
        let Some(path) = self.keep(app, caller, text, record).await? else {
            return Ok(printed(context, text, view, now));
        };
        let file = near(&path, &context.environment.cwd);
        if context.view.is_json() {
            return Ok(Answer::ok(json(&Made { token: None, token_file: Some(file), record: view })));
        }
        let rows = rows(&view, now).into_iter().chain([("file", file)]);
        Ok(Answer::ok(format!("Made.\n{}", pairs(rows))))
    }

    /// Puts a token that was made into its file, where one was named, and gives the file's path. A token whose file cannot
    /// be written is taken back.
    pub(super) async fn keep(
        self,
        app: &App,
        caller: &Caller,
        text: &TokenText,
        record: &TokenRecord,
    ) -> Result<Option<PathBuf>, Stopped> {
        let Self::File { file, path } = self else { return Ok(None) };
        if let Err(error) = fill(file, &path, text) {
            // Nobody has it: it must not live.
            let why = stating(Some("its file could not be written"), None);
            let revoked = app.revoke_token(caller, record.id.as_str(), why).await;
            let left = if revoked.is_ok() { "it was revoked" } else { "it could not be revoked" };
            let path = escape(&path.display().to_string());
            return Err(anyhow::anyhow!(
                "the token {} was made, but {path} cannot be written ({error}): {left}",
                record.id
            )
            .into());
        }
        Ok(Some(path))
    }
}

fn fill(mut file: std::fs::File, path: &Path, text: &TokenText) -> io::Result<()> {
    file.write_all(format!("{}\n", text.reveal()).as_bytes())?;
    file.sync_all()?;
    std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// On a terminal with words around it, on standard error; in a pipe alone.
fn printed(context: &Context, text: &TokenText, view: TokenView, now: Timestamp) -> Answer {
    if context.view.is_json() {
        return Answer::ok(json(&Made { token: Some(text.reveal()), token_file: None, record: view }));
    }
    if context.view.is_terminal() {
        output::complain(&format!(
            "Made.\n{}\nThis is the token. It is shown once and kept nowhere: keep it where only its holder can read it.\n",
            pairs(rows(&view, now))
        ));
    }
    Answer::ok(format!("{}\n", text.reveal()))
}

#[derive(Serialize)]
struct ListAnswer {
    items: Vec<TokenView>,
}

impl List {
    async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let reader = session::reader(&context.settings)?;
        let mut tokens = reader.tokens().await.map_err(|error| Stopped::store(error, &OsIds))?;
        tokens.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        let now = SystemClock.now();
        let views: Vec<TokenView> = tokens.iter().map(|token| TokenView::of(token, now)).collect();
        let views: Vec<TokenView> = views.into_iter().filter(|view| !self.live || view.state == "live").collect();
        if context.view.is_json() {
            return Ok(Answer::ok(json(&ListAnswer { items: views })));
        }
        if views.is_empty() {
            let root = escape(&context.settings.runtime_root.display().to_string());
            let which = if self.live { "valid tokens" } else { "tokens" };
            let make =
                context.commands.line(&["token", "create", "--name", "NAME", "--kind", "operator", "--role", "ROLE"]);
            return Ok(Answer::ok(format!("No {which} in {root}.\nTo make one: {make}\n")));
        }
        let rows = views.into_iter().map(|view| {
            let at = |text: &str| text.parse().map_or_else(|_| text.to_owned(), |at| moment(at, now));
            let (created, expires) = (at(&view.created_at), at(&view.expires_at));
            vec![
                view.id,
                view.principal,
                view.kind.to_owned(),
                view.roles.join(","),
                created,
                expires,
                view.state.to_owned(),
            ]
        });
        let header = ["id", "principal", "kind", "roles", "created", "expires", "state"];
        Ok(Answer::ok(context.view.table(&header, rows)))
    }
}

impl Rotate {
    async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let ttl = ttl(&self.ttl)?;
        let app = session::writer(&context.settings)?;
        let caller = session::caller(&context.settings, app.reader()).await?;
        let place = Place::take(context, self.file.as_deref())?;
        let made = app.rotate_token(&caller, &self.id, ttl, stating(self.reason.as_deref(), None)).await;
        match made {
            Ok((text, record)) => {
                let answer = place.give_out(context, &app, &caller, &text, &record).await?;
                if context.view.is_terminal() && !context.view.is_json() {
                    let revoke = context.commands.line(&["token", "revoke", &self.id]);
                    output::complain(&format!("The other one lives on until it expires, or until\n  {revoke}\n\n"));
                }
                Ok(answer)
            }
            Err(failure) => {
                place.give_up();
                Err(Stopped::of(&failure, &caller, &OsIds))
            }
        }
    }
}

impl Revoke {
    async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let app = session::writer(&context.settings)?;
        let caller = session::caller(&context.settings, app.reader()).await?;
        let stating = stating(self.reason.as_deref(), self.role.as_deref());
        let receipt = self.receipt.wanted(context)?;
        let revoked = app.revoke_token(&caller, &self.id, stating).await;
        let record = revoked.map_err(|failure| Stopped::of(&failure, &caller, &OsIds))?;
        let view = TokenView::of(&record, SystemClock.now());
        Ok(receipt.answer(context, Some(LineOf::Token(record.id)), &view, || {
            let by = view.revoked.as_ref().map(|revoked| revoked.by.clone()).unwrap_or_default();
            let rows = [("id", view.id.clone()), ("principal", view.principal.clone()), ("revoked by", by)];
            format!("Revoked: no process takes it any more.\n{}", pairs(rows))
        }))
    }
}
