//! The queue pilot is installed over HTTP: there the server decides whom a token stands for, and the client's file holds the
//! name of a variable. The token is made here, in the same step.

use std::path::PathBuf;

use cortexpilot_core::app::App;
use cortexpilot_core::app::govern::{NewToken, Stating};
use cortexpilot_core::domain::principal::{Caller, PrincipalKind, Role, Roles, StatedRole};
use cortexpilot_core::domain::text::Stated;
use cortexpilot_core::domain::token::{TOKEN_TTL_MAX, TokenName, TokenRecord};
use cortexpilot_core::port::Clock as _;
use cortexpilot_server::wire::TokenView;
use jiff::SignedDuration;

use crate::cli::Context;
use crate::cli::failure::Stopped;
use crate::cli::session;
use crate::cli::token::Place;
use crate::config::value;
use crate::os::{OsIds, SystemClock};

/// What the options say of the token.
#[derive(Debug)]
pub(super) struct Wanted {
    token: NewToken,
    file: Option<String>,
}

/// A token that was made, with the means to take it back.
pub(super) struct Made {
    app: App,
    caller: Caller,
    record: TokenRecord,
    /// Its text, where it was not put into a file.
    pub(super) text: Option<String>,
    /// Where its text is.
    pub(super) file: Option<PathBuf>,
}

impl Wanted {
    /// Reads the options.
    pub(super) fn parse(agent: &str, roles: &[String], ttl: &str, file: Option<&str>) -> Result<Self, Stopped> {
        let name = TokenName::parse(agent).ok_or_else(|| {
            Stopped::Usage("--agent must be 1 to 64 letters, digits or any of . _ @ -, such as claude".to_owned())
        })?;
        if roles.is_empty() {
            return Err(Stopped::Usage(
                "--pilot makes a token, and what an agent may ask for its roles decide: name one that you hold, such as \
                 --role OPS"
                    .to_owned(),
            ));
        }
        let role = |role: &String| {
            Role::parse(role).ok_or_else(|| Stopped::Usage(format!("--role {} is no role's name", value::quoted(role))))
        };
        let roles: Roles = roles.iter().map(role).collect::<Result<_, _>>()?;
        let ttl = value::span(ttl, SignedDuration::from_secs(1), TOKEN_TTL_MAX)
            .map_err(|problem| Stopped::Usage(format!("--ttl {problem}")))?;
        let token = NewToken { kind: PrincipalKind::Agent, name, roles, sponsor: None, ttl };
        Ok(Self { token, file: file.map(str::to_owned) })
    }

    /// Makes the token. You answer for it.
    pub(super) async fn make(self, context: &Context) -> Result<Made, Stopped> {
        let app = session::writer(&context.settings)?;
        let caller = session::caller(&context.settings, app.reader()).await?;
        let place = Place::take(context, self.file.as_deref())?;
        match app.create_token(&caller, self.token, stating("for an MCP client's configuration")).await {
            Ok((text, record)) => {
                let file = place.keep(&app, &caller, &text, &record).await?;
                let shown = file.is_none().then(|| text.reveal().to_owned());
                Ok(Made { app, caller, record, text: shown, file })
            }
            Err(failure) => {
                place.give_up();
                Err(Stopped::of(&failure, &caller, &OsIds))
            }
        }
    }
}

impl Made {
    /// What is kept of it.
    pub(super) fn view(&self) -> TokenView {
        TokenView::of(&self.record, SystemClock.now())
    }

    /// Takes it back, because nobody can use it; says in words whether that could be done.
    pub(super) async fn take_back(self) -> &'static str {
        if let Some(file) = &self.file {
            // It is worth nothing any more.
            let _ = std::fs::remove_file(file);
        }
        let why = stating("the configuration that it was for could not be written");
        match self.app.revoke_token(&self.caller, self.record.id.as_str(), why).await {
            Ok(_) => "the token that was made for it was revoked",
            Err(_) => "the token that was made for it could not be revoked: `cortexpilot token list --live` shows it",
        }
    }
}

fn stating(why: &str) -> Stating {
    Stating { reason: Stated::read(Some(why)), role: StatedRole::read(None) }
}
