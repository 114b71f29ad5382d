//! `cortexpilot console`: signing in to the console of a server that runs.

use clap::{Args, Subcommand};
use cortexpilot_core::app::Reader;
use cortexpilot_core::app::session::Ground;
use cortexpilot_core::domain::text::escape;
use cortexpilot_core::domain::time::ledger_text;
use cortexpilot_core::domain::token::TokenText;
use cortexpilot_core::error::ErrorCode;
use serde::Serialize;

use super::Context;
use super::failure::Stopped;
use super::output::{self, Answer, json};
use super::session;
use crate::config::{Secret, Settings};
use crate::os::OsIds;
use crate::processes;
use crate::serve;

/// Sign in to the operator console
#[derive(Debug, Subcommand)]
pub(crate) enum Console {
    Login(Login),
}

/// Print an address that signs one browser in to the console, once and within five minutes
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  cortexpilot console login
  cortexpilot console login --url https://pilot.example.org
  xdg-open \"$(cortexpilot console login)\"

Whoever opens the address is signed in as you are here: by the personal token in CORTEXPILOT_TOKEN, else by the server's own \
operator token (CORTEXPILOT_API_TOKEN, else the one that `cortexpilot up` made and keeps in the runtime root). Without one of \
these it prints nothing: it makes no right that you do not have. The session ends after twelve hours, with the token, or when you \
sign out.

The secret stands behind the # of the address, which browsers send to nobody. What is kept of it is its SHA-256, in the runtime \
root. It works for every server of this runtime root that knows the token. In a pipe the address stands alone on standard output.")]
pub(crate) struct Login {
    /// Where people reach the console, such as the address of a proxy in front of it; found out from the server that runs,
    /// if left out
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(Serialize)]
struct LoginAnswer<'a> {
    url: &'a str,
    principal: &'a str,
    expires_at: String,
}

impl Console {
    pub(super) async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        match self {
            Self::Login(login) => login.run(context).await,
        }
    }
}

impl Login {
    async fn run(self, context: &Context) -> Result<Answer, Stopped> {
        let settings = &context.settings;
        if !settings.auth_required {
            return Err(Stopped::Usage(
                "authentication is off (CORTEXPILOT_API_AUTH_REQUIRED), so the console asks nobody to sign in: open its \
                 address as it is"
                    .to_owned(),
            ));
        }
        let base = match &self.url {
            Some(url) => base_of(url)?,
            None => running(settings)?,
        };
        // Judged before anything is opened for writing: whoever has no token leaves nothing behind.
        let ground = ground(settings, &session::reader(settings)?).await?;
        let app = session::writer(settings)?;
        let made = serve::login_address(&app, &ground, &base).await;
        let (url, expires_at) = made.map_err(|error| Stopped::store(error, &OsIds))?;
        let principal = &ground.principal.id;
        if context.view.is_json() {
            return Ok(Answer::ok(json(&LoginAnswer { url: &url, principal, expires_at: ledger_text(expires_at) })));
        }
        if context.view.is_terminal() {
            output::complain(&format!(
                "This address signs one browser in as {}, once and within five minutes. Give it to nobody.\n",
                escape(principal)
            ));
        }
        Ok(Answer::ok(format!("{url}\n")))
    }
}

/// Where the console of the server of this runtime root is that was started last.
fn running(settings: &Settings) -> Result<String, Stopped> {
    let mut servers = processes::running(&settings.runtime_root);
    servers.retain(|entry| matches!(entry.surface.as_str(), "serve" | "up"));
    let found = servers.into_iter().rev().find_map(|entry| entry.url);
    // What stands there another process wrote: judged like what somebody typed.
    found.as_deref().map(base_of).transpose()?.ok_or_else(|| {
        let step =
            "Start one with `cortexpilot up` or `cortexpilot serve`, or name the address of its console with --url.";
        let said = "No server of this runtime root runs here, so there is no console to sign in to.";
        Stopped::code(ErrorCode::NotFound, said, &OsIds).with_step(step)
    })
}

/// An address without a path behind it.
fn base_of(url: &str) -> Result<String, Stopped> {
    let text = url.trim().trim_end_matches('/');
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let plain = |host: &&str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        !host.is_empty() && host.bytes().all(fits)
    };
    match host.filter(plain) {
        Some(_) => Ok(text.to_owned()),
        None => {
            Err(Stopped::Usage("--url must be the console's address, such as https://pilot.example.org".to_owned()))
        }
    }
}

/// By which token the browser is signed in: the one that this operator has.
async fn ground(settings: &Settings, reader: &Reader) -> Result<Ground, Stopped> {
    if let Some(secret) = &settings.token {
        // Says exactly why, where it counts for nothing.
        session::caller(settings, reader).await?;
        let ground = match TokenText::parse(secret.reveal()) {
            Some(text) => reader.ground_of(&text).await.map_err(|error| Stopped::store(error, &OsIds))?,
            None => None,
        };
        let code = ErrorCode::AuthInvalidToken;
        return ground.ok_or_else(|| Stopped::code(code, code.row().meaning, &OsIds));
    }
    let kept = match &settings.api_token {
        Some(token) => Some(token.clone()),
        None => super::serve::token::load(&settings.runtime_root)?,
    };
    kept.as_ref().map(|token: &Secret| serve::ground_of_api_token(settings, token)).ok_or_else(|| {
        let said = "There is no token here that an address could be made from.";
        let step = "Set CORTEXPILOT_TOKEN_FILE to a file with your personal token (`cortexpilot token create --kind operator` \
                    makes one), or CORTEXPILOT_API_TOKEN to the server's.";
        Stopped::code(ErrorCode::AuthMissingBearer, said, &OsIds).with_step(step)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_a_fragment_can_follow() {
        for (url, want) in [
            ("https://pilot.example.org", Some("https://pilot.example.org")),
            (" http://127.0.0.1:8000/ ", Some("http://127.0.0.1:8000")),
            ("http://[::1]:8000", Some("http://[::1]:8000")),
            ("pilot.example.org", None),
            ("https://", None),
            ("https://a/b", None),
            ("https://a#b", None),
            ("https://user@a", None),
            ("javascript://a", None),
            ("http://a\u{202e}b", None),
        ] {
            assert_eq!(base_of(url).ok().as_deref(), want, "{url}");
        }
    }
}
