//! Signing in to the console and out of it: a token, or the secret of a one-time address, for a session that a browser keeps as a
//! cookie. What a session is and how it ends stands in `cortexpilot_core::domain::session`; how its cookie is read in
//! `auth/cookies.rs`. Secrets are in bodies and cookies alone, and neither is ever logged.

use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, ORIGIN, SET_COOKIE};
use cortexpilot_core::app::Failure;
use cortexpilot_core::app::session::Ground;
use cortexpilot_core::domain::gate::Denial;
use cortexpilot_core::domain::principal::Principal;
use cortexpilot_core::domain::session::{EndSessions, SecretKind, SecretText};
use cortexpilot_core::error::ErrorCode::*;

use super::call::{self, Call};
use super::csrf;
use super::error::{Refused, ok};
use super::table::{Answer, Operation, operation};
use crate::auth::cookies::{self, Way};
use crate::wire::session::{SessionView, SignInArgs, SignedOutView};

/// Where all of it is. None of it writes a line, and none of it needs a role.
pub(super) const PATH: &str = "/api/session";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation!(get, Read, Token),
        operation!(create, Write, Open).codes(&[&[AuthInvalidToken, OutcomeUnknown]]),
        operation!(end, Write, Token).codes(&[&[OriginNotAllowed, OutcomeUnknown]]),
    ]
}

/// Says who asks: whom the session, the token, or the missing authentication stands for.
#[utoipa::path(
    get,
    path = "/api/session",
    operation_id = "session_get",
    tag = "session",
    responses((status = 200, description = "Who asks.", body = SessionView))
)]
pub(crate) fn get(call: Call) -> Answer {
    Box::pin(async move {
        let session = call.state.auth.session(&call.headers).await.map_err(call::unidentified)?;
        let until = session.map(|(_, record)| record.expires_at);
        let principal = call.caller.principal.as_ref().ok_or_else(Refused::internal)?;
        Ok(ok(&view(&call, principal, until)))
    })
}

/// Signs in: exchanges a token, or the secret of a one-time address, for a session, which the answer sets as a cookie.
#[utoipa::path(
    post,
    path = "/api/session",
    operation_id = "session_create",
    tag = "session",
    request_body = SignInArgs,
    responses((status = 200, description = "Who is signed in now; the session is in `set-cookie`.", body = SessionView))
)]
pub(crate) fn create(call: Call) -> Answer {
    Box::pin(async move {
        let by = By::of(call.body()?)?;
        // Also where no cookie is sent yet: a page of somebody else must not sign a browser in as that somebody.
        if !csrf::is_proven(&call.headers) {
            let said = "Signing in must show where it comes from: send `x-cortexpilot-csrf: 1`. Nobody was signed in.";
            return Err(Refused::Coded(OriginNotAllowed, said.to_owned()));
        }
        if !call.state.auth.is_on() {
            // Everybody is who everybody is: there is nothing to exchange, and nothing was looked at.
            return Ok(ok(&view(&call, &Principal::anonymous(), None)));
        }
        let way = way(&call);
        if way == Way::InClear {
            let said = "The page came over plain HTTP from another machine, so the session would cross the network in clear. Open \
                        it over HTTPS. Nobody was signed in.";
            return Err(Refused::Coded(OriginNotAllowed, said.to_owned()));
        }
        let app = &call.state.app;
        let ground = match by {
            By::Token(token) => call.state.auth.ground_of(&token).await.map_err(call::unidentified)?,
            By::Login(secret) => redeemed(&call, secret.as_ref()).await?,
        };
        let (secret, record) = app.begin_session(SecretKind::Session, &ground).await?;
        let mut response = ok(&view(&call, &ground.principal, Some(record.expires_at)));
        let lives = record.expires_at.duration_since(record.made_at);
        response.headers_mut().append(SET_COOKIE, cookies::set(way, &secret, lives));
        tracing::info!(principal = ground.principal.id, until = %record.expires_at, "signed in");
        Ok(response)
    })
}

/// Which sessions are ended.
#[expect(dead_code, reason = "a description: its fields are read by the derive alone")]
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct EndQuery {
    /// `true`: every session of this principal, in every browser, and its one-time addresses that nobody has opened.
    #[param(inline, nullable = false)]
    everywhere: Option<bool>,
}

/// Signs out: ends this session, or with `everywhere` all sessions of whoever asks, and takes the cookie away.
#[utoipa::path(
    delete,
    path = "/api/session",
    operation_id = "session_end",
    tag = "session",
    params(EndQuery),
    responses((status = 200, description = "It has ended.", body = SignedOutView))
)]
pub(crate) fn end(call: Call) -> Answer {
    Box::pin(async move {
        let everywhere = call.query.text("everywhere").is_some() && call.query.flag("everywhere")?;
        let app = &call.state.app;
        let principal = call.caller.principal.as_ref().filter(|_| call.state.auth.is_on());
        let mut ended = 0;
        // A bearer token is no session, whatever cookies come along with it.
        let cookies = !call.headers.contains_key(AUTHORIZATION);
        for secret in cookies::secrets(&call.headers).into_iter().filter(|_| cookies && principal.is_some()) {
            ended += app.end_sessions(EndSessions::One(secret.key())).await?;
        }
        if let Some(principal) = principal.filter(|_| everywhere) {
            ended += app.end_sessions(EndSessions::OfPrincipal(principal.id.clone())).await?;
        }
        let mut response = ok(&SignedOutView::ended(ended));
        for cleared in cookies::cleared(&call.headers) {
            response.headers_mut().append(SET_COOKIE, cleared);
        }
        if let Some(principal) = principal {
            tracing::info!(principal = principal.id, everywhere, ended, "signed out");
        }
        Ok(response)
    })
}

/// What somebody wants to be signed in by. Never printed.
enum By {
    Token(String),
    /// None where what was sent has not the form of one: then it is none, like any other that is not known.
    Login(Option<SecretText>),
}

impl By {
    fn of(args: SignInArgs) -> Result<Self, Refused> {
        match (args.token, args.login) {
            (Some(token), None) => Ok(Self::Token(token)),
            (None, Some(login)) => Ok(Self::Login(SecretText::parse(SecretKind::Login, login.trim()))),
            (Some(_), Some(_)) | (None, None) => Err(Refused::form("Send one of `token` and `login`.")),
        }
    }
}

/// What a one-time login stands for. It is spent also where its token counts no longer.
async fn redeemed(call: &Call, secret: Option<&SecretText>) -> Result<Ground, Refused> {
    let nobody = || {
        let said = "This one-time address was used before, its five minutes are over, or it never was one.";
        let mut denial = Denial::new(AuthInvalidToken, said);
        denial.next_step = Some(
            "Have another one printed: `cortexpilot console login`, where the server runs. Or sign in with a token."
                .into(),
        );
        Refused::from(Failure::Denied(denial))
    };
    let secret = secret.ok_or_else(nobody)?;
    let record = call.state.app.spend_login(secret).await?.ok_or_else(nobody)?;
    let ground = call.state.auth.ground_of_record(secret, &record).await.map_err(call::unidentified)?;
    ground.ok_or_else(nobody)
}

fn way(call: &Call) -> Way {
    let origin = call.headers.get(ORIGIN).map(HeaderValue::as_bytes);
    cookies::way(&call.headers, !origin.is_some_and(|origin| call.state.options.hosts.is_page(origin)))
}

fn view(call: &Call, principal: &Principal, until: Option<jiff::Timestamp>) -> SessionView {
    SessionView::of(principal, until, call.state.auth.is_on(), call.state.options.version)
}
