//! Who is asking: tokens to principals. A principal is made here, by the core's token check and by the binary's configuration
//! alone, never from anything a caller states about itself.
//!
//! Two kinds of token are known. The static ones come with configuration and live as long as the process. Personal ones are
//! looked up in the store at every request, so that a token which was revoked a moment ago, by whichever process, is refused
//! by this one too; where the store cannot be read, nobody is let through on one.
//!
//! A session stands in place of the token that it was made from, and counts for as long as that token does: it is looked up at
//! every request, and so is its token. What session cookies are called and how they are read stands in `auth/cookies.rs`.

use std::fmt;
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use cortexpilot_core::app::identity::Identity;
use cortexpilot_core::app::session::Ground;
use cortexpilot_core::app::{Failure, Reader};
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::principal::{Caller, Principal, Surface};
use cortexpilot_core::domain::session::{SecretText, SessionRecord};
use cortexpilot_core::domain::token::TokenText;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::StoreError;
use subtle::ConstantTimeEq as _;

pub(crate) mod cookies;

use cookies::Cookie;
pub use cookies::{PLAIN_SESSION_COOKIE, SECURE_SESSION_COOKIE, TOKEN_COOKIES};

/// How requests are attributed to principals.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Everybody is the anonymous principal. Only for a server that listens on loopback; whoever starts it checks that.
    Off,
    /// A request needs a token.
    On(KnownTokens),
}

/// Why a request has no principal. Holds nothing of what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unidentified {
    /// Neither a bearer token nor a session cookie came.
    Missing,
    /// What came is no token that is known here.
    Unknown,
    /// A personal token whose time is over. Only its holder can learn that.
    Expired,
    /// A personal token that an operator took back. Only its holder can learn that.
    Revoked,
    /// What came is a session that is over, by its time, by signing out, or with the token that it was made from.
    SessionOver,
    /// The store that knows personal tokens cannot be read. The error's text is for logs.
    Unread(StoreError),
}

impl Unidentified {
    /// The code that is answered.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing => ErrorCode::AuthMissingBearer,
            Self::Unknown | Self::Expired | Self::Revoked | Self::SessionOver => ErrorCode::AuthInvalidToken,
            Self::Unread(error) => Failure::Store(error.clone()).code(),
        }
    }

    /// What the caller may read.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing | Self::Unknown | Self::Unread(_) => self.code().row().meaning,
            Self::Expired => "The token has expired.",
            Self::Revoked => "The token was revoked.",
            Self::SessionOver => "The session is over: its time, its token, or somebody who signed out has ended it.",
        }
    }

    /// A more exact next step than the code's.
    pub fn next_step(&self) -> Option<&'static str> {
        match self {
            Self::Expired | Self::Revoked => Some("Stop, and ask an operator for a new token."),
            Self::SessionOver => Some(
                "Sign in again: with a token, or with a one-time address, which `cortexpilot console login` prints.",
            ),
            Self::Missing | Self::Unknown | Self::Unread(_) => None,
        }
    }
}

/// One token as configuration gives it, and whom it stands for.
#[derive(Clone)]
pub struct StaticToken {
    /// The secret. White space around it is not part of it.
    pub token: String,
    /// Who sends it.
    pub principal: Principal,
}

impl fmt::Debug for StaticToken {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticToken").field("principal", &self.principal.id).finish_non_exhaustive()
    }
}

/// The tokens that are known: static ones as digests, the secrets themselves are not kept; personal ones where the store
/// keeps them.
#[derive(Clone)]
pub struct KnownTokens {
    shared: Vec<(Sha256Digest, Arc<Caller>)>,
    personal: Option<Reader>,
}

impl fmt::Debug for KnownTokens {
    /// Shows whom there are tokens for, and no digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared: Vec<&str> =
            self.shared.iter().filter_map(|(_, caller)| Some(&*caller.principal.as_ref()?.id)).collect();
        f.debug_struct("KnownTokens").field("shared", &shared).field("personal", &self.personal.is_some()).finish()
    }
}

impl Auth {
    /// Requires one of these static tokens. A blank token stands for nobody: it is left out, because no request can send
    /// one. Without any, and without personal ones, nobody can sign in.
    pub fn tokens(tokens: Vec<StaticToken>) -> Self {
        let known = tokens.into_iter().filter(|known| !known.token.trim().is_empty());
        // They stand for the same callers as long as the process lives, so each is made once.
        let caller = |principal| Arc::new(Caller { principal: Some(principal), surface: Surface::Http });
        let shared = known.map(|known| (Sha256Digest::of(known.token.trim().as_bytes()), caller(known.principal)));
        let shared = shared.collect();
        Self::On(KnownTokens { shared, personal: None })
    }

    /// Requires a personal token of this reader's store.
    pub fn personal(reader: Reader) -> Self {
        Self::tokens(Vec::new()).and_personal(reader)
    }

    /// Takes the personal tokens of this reader's store too. Switched off stays switched off.
    #[must_use]
    pub fn and_personal(self, reader: Reader) -> Self {
        match self {
            Self::Off => Self::Off,
            Self::On(known) => Self::On(KnownTokens { personal: Some(reader), ..known }),
        }
    }

    /// Whether requests need a token.
    pub fn is_on(&self) -> bool {
        matches!(self, Self::On(_))
    }

    /// Whom a request comes from, now. Looks at headers alone: a token in a query string ends up in logs and histories, so
    /// it counts for nothing.
    ///
    /// # Errors
    /// [`Unidentified`].
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Principal, Unidentified> {
        match self {
            Self::Off => Ok(Principal::anonymous()),
            Self::On(known) => match presented(headers)? {
                Presented::Token(sent) => known.identify(sent).await,
                Presented::Cookies => known.by_cookies(headers).await,
            },
        }
    }

    /// The session that signs a request in, if one does, with its secret.
    ///
    /// # Errors
    /// As [`identify`](Self::identify).
    pub(crate) async fn session(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<(SecretText, SessionRecord)>, Unidentified> {
        let Self::On(known) = self else { return Ok(None) };
        match presented(headers) {
            Ok(Presented::Cookies) => Ok(known.session(headers).await?.map(|(_, session)| session)),
            Ok(Presented::Token(_)) | Err(_) => Ok(None),
        }
    }

    /// What a token is good for, to make a session of it.
    ///
    /// # Errors
    /// [`Unidentified`], as if it had been sent with a request.
    pub(crate) async fn ground_of(&self, token: &str) -> Result<Ground, Unidentified> {
        match self {
            Self::Off => Err(Unidentified::Unknown),
            Self::On(known) => known.ground_of(token.trim().as_bytes()).await,
        }
    }

    /// What the record of a secret was made from, if that still counts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn ground_of_record(
        &self,
        secret: &SecretText,
        record: &SessionRecord,
    ) -> Result<Option<Ground>, Unidentified> {
        match self {
            Self::Off => Ok(None),
            Self::On(known) => known.ground_of_record(secret, record).await,
        }
    }

    /// The caller over HTTP whom a request comes from, where that is known without asking the store: whoever sends a static
    /// token. `None` is no refusal: [`identify`](Self::identify) tells.
    pub(crate) fn known_caller(&self, headers: &HeaderMap) -> Option<Arc<Caller>> {
        match self {
            Self::Off => None,
            Self::On(known) => {
                let Presented::Token(sent) = presented(headers).ok()? else { return None };
                if known.personal.is_some() && personal(sent).is_some() { None } else { known.find(sent).cloned() }
            }
        }
    }
}

impl KnownTokens {
    /// What has the form and the checksum of a personal token is looked up as one and as nothing else, so that no static
    /// table can bring a revoked one back.
    async fn identify(&self, sent: &[u8]) -> Result<Principal, Unidentified> {
        match (&self.personal, personal(sent)) {
            (Some(reader), Some(text)) => match reader.identify(&text).await.map_err(Unidentified::Unread)? {
                Identity::Known(principal) => Ok(*principal),
                Identity::Unknown => Err(Unidentified::Unknown),
                Identity::Expired => Err(Unidentified::Expired),
                Identity::Revoked => Err(Unidentified::Revoked),
            },
            (Some(_), None) | (None, _) => {
                let known = self.find(sent).and_then(|caller| caller.principal.clone());
                known.ok_or(Unidentified::Unknown)
            }
        }
    }

    /// Of the cookies that a browser sends the first that counts signs the request in. It may send several: one of a session
    /// that is over, for which it does not know that, and one of a session that it has begun since under the other name.
    async fn by_cookies(&self, headers: &HeaderMap) -> Result<Principal, Unidentified> {
        if let Some((ground, _)) = self.session(headers).await? {
            return Ok(ground.principal);
        }
        match cookies::token(headers) {
            Some(sent) => self.identify(sent).await,
            None => Err(Unidentified::SessionOver),
        }
    }

    async fn session(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<(Ground, (SecretText, SessionRecord))>, Unidentified> {
        let Some(reader) = &self.personal else { return Ok(None) };
        for secret in cookies::secrets(headers) {
            let Some(record) = reader.session(&secret).await.map_err(Unidentified::Unread)? else { continue };
            if let Some(ground) = self.ground_of_record(&secret, &record).await? {
                return Ok(Some((ground, (secret, record))));
            }
        }
        Ok(None)
    }

    async fn ground_of(&self, sent: &[u8]) -> Result<Ground, Unidentified> {
        // Who it is, or exactly why it is nobody.
        let principal = self.identify(sent).await?;
        match (&self.personal, personal(sent)) {
            (Some(reader), Some(text)) => {
                let ground = reader.ground_of(&text).await.map_err(Unidentified::Unread)?;
                ground.ok_or(Unidentified::Unknown)
            }
            (Some(_), None) | (None, _) => Ok(Ground { principal, token: Sha256Digest::of(sent), until: None }),
        }
    }

    async fn ground_of_record(
        &self,
        secret: &SecretText,
        record: &SessionRecord,
    ) -> Result<Option<Ground>, Unidentified> {
        match (&self.personal, &record.token) {
            (Some(reader), Some(_)) => reader.ground_of_record(secret, record).await.map_err(Unidentified::Unread),
            (None, Some(_)) => Ok(None),
            (_, None) => {
                let fits = |(token, _): &&(Sha256Digest, Arc<Caller>)| secret.is_of(record, token);
                let found = self.shared.iter().find(fits);
                let ground = found.and_then(|(token, caller)| {
                    let principal = caller.principal.clone().filter(|principal| principal.id == record.principal)?;
                    Some(Ground { principal, token: *token, until: None })
                });
                Ok(ground)
            }
        }
    }

    /// Digests are compared instead of tokens, in constant time and to the end of the table: neither a token's length nor
    /// its first characters nor its place can be read off the clock.
    fn find(&self, sent: &[u8]) -> Option<&Arc<Caller>> {
        let digest = Sha256Digest::of(sent);
        let mut found = None;
        for (known, caller) in &self.shared {
            let same = bool::from(known.as_bytes().ct_eq(digest.as_bytes()));
            if same && found.is_none() {
                found = Some(caller);
            }
        }
        found
    }
}

/// What has the form and the checksum of a personal token.
fn personal(sent: &[u8]) -> Option<TokenText> {
    std::str::from_utf8(sent).ok().and_then(TokenText::parse)
}

/// What a request says who sends it with.
enum Presented<'h> {
    /// A token. Bytes, not text: what is not ASCII is simply no token anybody was given.
    Token(&'h [u8]),
    /// Cookies, of which at least one is ours.
    Cookies,
}

fn presented(headers: &HeaderMap) -> Result<Presented<'_>, Unidentified> {
    let mut bearers = headers.get_all(AUTHORIZATION).iter().filter_map(bearer);
    match (bearers.next(), bearers.next()) {
        (Some(token), None) => Ok(Presented::Token(token)),
        // Two bearer tokens: a proxy in between might have judged the other one.
        (Some(_), Some(_)) => Err(Unidentified::Unknown),
        (None, _) => match cookies::first(headers) {
            Some(Cookie::Session) => Ok(Presented::Cookies),
            Some(Cookie::Token(token)) => Ok(Presented::Token(token)),
            None => Err(Unidentified::Missing),
        },
    }
}

/// Whether a request is signed in by a cookie, which a browser sends by itself, also for a page of somebody else.
pub(crate) fn by_cookie(headers: &HeaderMap) -> bool {
    headers.contains_key(COOKIE)
        && !headers.get_all(AUTHORIZATION).iter().any(|value| bearer(value).is_some())
        && cookies::first(headers).is_some()
}

/// The token of an `Authorization: Bearer …` header, the scheme in any case (RFC 9110 §11.1); `None` for another scheme or
/// a blank token.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let value = value.as_bytes().trim_ascii();
    let (scheme, token) = value.split_at(value.iter().position(u8::is_ascii_whitespace)?);
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use cortexpilot_core::domain::principal::{KnownBy, PrincipalKind, Roles};
    use cortexpilot_core::domain::token::TokenId;
    use cortexpilot_core::port::fake::{FakeRuns, ManualClock, MemStore, run_facts};

    use super::*;

    fn principal(id: &str) -> Principal {
        Principal {
            id: id.into(),
            kind: PrincipalKind::Operator,
            roles: Roles::new(),
            sponsor: None,
            known_by: KnownBy::SharedToken,
        }
    }

    fn auth() -> Auth {
        Auth::tokens(vec![
            StaticToken { token: "first-token".into(), principal: principal("token:first") },
            StaticToken { token: " second-token\n".into(), principal: principal("token:second") },
            StaticToken { token: "  ".into(), principal: principal("token:blank") },
        ])
    }

    /// The store in memory answers at once, so nothing here ever waits.
    fn identify_by(auth: &Auth, headers: &[(&'static str, &[u8])]) -> Result<String, Unidentified> {
        use futures_util::FutureExt as _;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        auth.identify(&map).now_or_never().unwrap().map(|principal| principal.id)
    }

    fn identify(headers: &[(&'static str, &[u8])]) -> Result<String, Unidentified> {
        identify_by(&auth(), headers)
    }

    fn reader() -> Reader {
        let clock = ManualClock::at("2026-11-22T08:30:52Z".parse().unwrap());
        let runs = FakeRuns::of([run_facts("run_ok")]);
        Reader::new(Arc::new(MemStore::default()), Arc::new(runs), Arc::new(clock))
    }

    #[test]
    fn a_token_names_its_principal_however_it_is_spelled() {
        for headers in [
            [("authorization", b"Bearer first-token".as_slice())],
            [("authorization", b"bearer first-token")],
            [("authorization", b"BEARER   first-token  ")],
            [("cookie", b"cortexpilot_api_token=first-token")],
            [("cookie", b"a=b; api_token=first-token; c=d")],
            [("cookie", b"api_token=\"first-token\"")],
        ] {
            assert_eq!(identify(&headers), Ok("token:first".into()), "{headers:?}");
        }
        assert_eq!(identify(&[("authorization", b"Bearer second-token")]), Ok("token:second".into()));
    }

    #[test]
    fn what_is_no_token_is_missing() {
        for headers in [
            vec![],
            vec![("authorization", b"Basic first-token".as_slice())],
            vec![("authorization", b"first-token")],
            vec![("authorization", b"Bearer")],
            vec![("authorization", b"Bearer  ")],
            vec![("cookie", b"api_token=")],
            vec![("cookie", b"other=first-token")],
            vec![("cookie", b"api_token")],
        ] {
            assert_eq!(identify(&headers), Err(Unidentified::Missing), "{headers:?}");
        }
    }

    #[test]
    fn what_is_another_token_is_invalid() {
        for headers in [
            vec![("authorization", b"Bearer wrong".as_slice())],
            vec![("authorization", b"Bearer first-token2")],
            vec![("authorization", b"Bearer \xe9")],
            vec![("authorization", b"Bearer \xff\xfe")],
            vec![("cookie", b"cortexpilot_api_token=\xe9")],
            // The first cookie with a value is the one that counts, and a bearer token counts before any cookie.
            vec![("cookie", b"api_token=first-token; cortexpilot_api_token=wrong")],
            vec![("authorization", b"Bearer wrong"), ("cookie", b"api_token=first-token")],
            vec![("authorization", b"Bearer first-token"), ("authorization", b"Bearer second-token")],
        ] {
            assert_eq!(identify(&headers), Err(Unidentified::Unknown), "{headers:?}");
        }
    }

    #[test]
    fn another_scheme_leaves_the_cookie_to_speak() {
        let headers = [("authorization", b"Basic abc".as_slice()), ("cookie", b"api_token=first-token")];
        assert_eq!(identify(&headers), Ok("token:first".into()));
    }

    #[test]
    fn with_authentication_off_everybody_is_anonymous() {
        for off in [Auth::Off, Auth::Off.and_personal(reader())] {
            assert!(!off.is_on());
            assert_eq!(identify_by(&off, &[]), Ok(Principal::anonymous().id));
        }
    }

    #[test]
    fn what_has_the_form_of_a_personal_token_is_looked_up_as_one_and_as_nothing_else() {
        let personal = TokenText::new(PrincipalKind::Operator, TokenId::from_bytes([1; 6]), [2; 32]);
        let header = format!("Bearer {}", personal.reveal());
        let sent = [("authorization", header.as_bytes())];
        let shared = StaticToken { token: personal.reveal().to_owned(), principal: principal("token:first") };
        let only_shared = Auth::tokens(vec![shared]);
        assert_eq!(identify_by(&only_shared, &sent), Ok("token:first".into()));
        assert_eq!(identify_by(&only_shared.and_personal(reader()), &sent), Err(Unidentified::Unknown));
        assert_eq!(identify_by(&Auth::personal(reader()), &sent), Err(Unidentified::Unknown));
        assert_eq!(
            identify_by(&auth().and_personal(reader()), &[("authorization", b"Bearer first-token")]),
            Ok("token:first".into())
        );
    }

    #[test]
    fn without_any_known_token_nobody_can_sign_in() {
        for nobody in [Auth::tokens(Vec::new()), Auth::personal(reader())] {
            assert!(nobody.is_on());
            assert_eq!(identify_by(&nobody, &[("authorization", b"Bearer x")]), Err(Unidentified::Unknown));
            assert_eq!(identify_by(&nobody, &[]), Err(Unidentified::Missing));
        }
    }

    #[test]
    fn no_debug_output_holds_a_token() {
        let token = StaticToken { token: "first-token".into(), principal: principal("token:first") };
        let printed = format!("{token:?} {:?}", auth().and_personal(reader()));
        let digest = Sha256Digest::of(b"first-token").to_string();
        assert!(printed.contains("token:first"));
        assert!(!printed.contains("first-token") && !printed.contains(&digest));
    }
}
