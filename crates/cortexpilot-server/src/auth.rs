//! Who is asking: tokens to principals. A principal is made here, by the core's token check and by the binary's configuration
//! alone, never from anything a caller states about itself.
//!
//! Two kinds of token are known. The static ones come with configuration and live as long as the process. Personal ones are
//! looked up in the store at every request, so that a token which was revoked a moment ago, by whichever process, is refused
//! by this one too; where the store cannot be read, nobody is let through on one.

use std::fmt;
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use cortexpilot_core::app::identity::Identity;
use cortexpilot_core::app::{Failure, Reader};
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::principal::{Caller, Principal, Surface};
use cortexpilot_core::domain::token::TokenText;
use cortexpilot_core::error::ErrorCode;
use cortexpilot_core::port::StoreError;
use subtle::ConstantTimeEq as _;

/// The session cookies that are read when no bearer token was sent, in this order: the names that existing clients use.
pub const SESSION_COOKIES: [&str; 2] = ["cortexpilot_api_token", "api_token"];

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
    /// The store that knows personal tokens cannot be read. The error's text is for logs.
    Unread(StoreError),
}

impl Unidentified {
    /// The code that is answered.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing => ErrorCode::AuthMissingBearer,
            Self::Unknown | Self::Expired | Self::Revoked => ErrorCode::AuthInvalidToken,
            Self::Unread(error) => Failure::Store(error.clone()).code(),
        }
    }

    /// What the caller may read.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing | Self::Unknown | Self::Unread(_) => self.code().row().meaning,
            Self::Expired => "The token has expired.",
            Self::Revoked => "The token was revoked.",
        }
    }

    /// A more exact next step than the code's.
    pub fn next_step(&self) -> Option<&'static str> {
        match self {
            Self::Expired | Self::Revoked => Some("Stop, and ask an operator for a new token."),
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
            Self::On(known) => known.identify(presented(headers)?).await,
        }
    }

    /// The caller over HTTP whom a request comes from, where that is known without asking the store: whoever sends a static
    /// token. `None` is no refusal: [`identify`](Self::identify) tells.
    pub(crate) fn known_caller(&self, headers: &HeaderMap) -> Option<Arc<Caller>> {
        match self {
            Self::Off => None,
            Self::On(known) => {
                let sent = presented(headers).ok()?;
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

/// The token a request carries. Bytes, not text: what is not ASCII is simply no token anybody was given.
fn presented(headers: &HeaderMap) -> Result<&[u8], Unidentified> {
    let mut bearers = headers.get_all(AUTHORIZATION).iter().filter_map(bearer);
    match (bearers.next(), bearers.next()) {
        (Some(token), None) => Ok(token),
        // Two bearer tokens: a proxy in between might have judged the other one.
        (Some(_), Some(_)) => Err(Unidentified::Unknown),
        (None, _) => session(headers).ok_or(Unidentified::Missing),
    }
}

/// Whether a request is signed in by a session cookie, which a browser sends by itself, also for a page of somebody else.
pub(crate) fn by_cookie(headers: &HeaderMap) -> bool {
    headers.contains_key(COOKIE)
        && !headers.get_all(AUTHORIZATION).iter().any(|value| bearer(value).is_some())
        && session(headers).is_some()
}

/// The token of an `Authorization: Bearer …` header, the scheme in any case (RFC 9110 §11.1); `None` for another scheme or
/// a blank token.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let value = value.as_bytes().trim_ascii();
    let (scheme, token) = value.split_at(value.iter().position(u8::is_ascii_whitespace)?);
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer") && !token.is_empty()).then_some(token)
}

/// The token of the first session cookie that has one.
fn session(headers: &HeaderMap) -> Option<&[u8]> {
    SESSION_COOKIES.iter().find_map(|name| cookie(headers, name.as_bytes()))
}

fn cookie<'h>(headers: &'h HeaderMap, name: &[u8]) -> Option<&'h [u8]> {
    let cookies = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut values = cookies.filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let value = pair[equals + 1..].trim_ascii();
        let value = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
        (pair[..equals].trim_ascii() == name && !value.is_empty()).then_some(value)
    });
    values.next()
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
