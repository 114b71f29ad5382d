//! Who is asking: tokens to principals. A principal is made here and by the binary's configuration alone, never from
//! anything a caller states about itself.

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use cortexpilot_core::domain::id::Sha256Digest;
use cortexpilot_core::domain::principal::Principal;
use cortexpilot_core::error::ErrorCode;
use subtle::ConstantTimeEq as _;

/// The session cookies that are read when no bearer token was sent, in this order: the names that existing clients use.
pub const SESSION_COOKIES: [&str; 2] = ["cortexpilot_api_token", "api_token"];

/// How requests are attributed to principals.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Everybody is the anonymous principal. Only for a server that listens on loopback; whoever starts it checks that.
    Off,
    /// A request needs one of these tokens.
    Tokens(TokenTable),
}

/// One token as configuration gives it, and whom it stands for.
#[derive(Clone)]
pub struct StaticToken {
    /// The secret. White space around it is not part of it.
    pub token: String,
    /// Who sends it.
    pub principal: Principal,
}

impl std::fmt::Debug for StaticToken {
    /// Never shows the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaticToken").field("principal", &self.principal.id).finish_non_exhaustive()
    }
}

/// Known tokens, as digests: the secrets themselves are not kept.
#[derive(Debug, Clone)]
pub struct TokenTable(Vec<(Sha256Digest, Principal)>);

impl Auth {
    /// Requires one of these tokens. A blank token stands for nobody: it is left out, because no request can send one.
    pub fn tokens(tokens: Vec<StaticToken>) -> Self {
        let known = tokens.into_iter().filter(|known| !known.token.trim().is_empty());
        Self::Tokens(TokenTable(
            known.map(|known| (Sha256Digest::of(known.token.trim().as_bytes()), known.principal)).collect(),
        ))
    }

    /// Whether requests need a token.
    pub fn is_on(&self) -> bool {
        matches!(self, Self::Tokens(_))
    }

    /// Whom a request comes from. Looks at headers alone: a token in a query string ends up in logs and histories, so it
    /// counts for nothing.
    ///
    /// # Errors
    /// `AUTH_MISSING_BEARER` when neither a bearer token nor a session cookie came, `AUTH_INVALID_TOKEN` when what came is
    /// no known token.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Principal, ErrorCode> {
        match self {
            Self::Off => Ok(Principal::anonymous()),
            Self::Tokens(known) => {
                let sent = presented(headers)?;
                known.find(&sent).cloned().ok_or(ErrorCode::AuthInvalidToken)
            }
        }
    }
}

impl TokenTable {
    /// Digests are compared instead of tokens, in constant time and to the end of the table: neither a token's length nor
    /// its first characters nor its place can be read off the clock.
    fn find(&self, sent: &[u8]) -> Option<&Principal> {
        let digest = Sha256Digest::of(sent);
        let mut found = None;
        for (known, principal) in &self.0 {
            let same = bool::from(known.as_bytes().ct_eq(digest.as_bytes()));
            if same && found.is_none() {
                found = Some(principal);
            }
        }
        found
    }
}

/// The token a request carries. Bytes, not text: what is not ASCII is simply no token anybody was given.
fn presented(headers: &HeaderMap) -> Result<Vec<u8>, ErrorCode> {
    let mut bearers = headers.get_all(AUTHORIZATION).iter().filter_map(bearer);
    match (bearers.next(), bearers.next()) {
        (Some(token), None) => Ok(token.to_vec()),
        // Two bearer tokens: a proxy in between might have judged the other one.
        (Some(_), Some(_)) => Err(ErrorCode::AuthInvalidToken),
        (None, _) => session(headers).map(<[u8]>::to_vec).ok_or(ErrorCode::AuthMissingBearer),
    }
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
    use cortexpilot_core::domain::principal::{PrincipalKind, Roles};

    use super::*;

    fn principal(id: &str) -> Principal {
        Principal { id: id.into(), kind: PrincipalKind::Operator, roles: Roles::new(), sponsor: None }
    }

    fn auth() -> Auth {
        Auth::tokens(vec![
            StaticToken { token: "first-token".into(), principal: principal("token:first") },
            StaticToken { token: " second-token\n".into(), principal: principal("token:second") },
            StaticToken { token: "  ".into(), principal: principal("token:blank") },
        ])
    }

    fn identify(headers: &[(&'static str, &[u8])]) -> Result<String, ErrorCode> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        auth().identify(&map).map(|principal| principal.id)
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
            assert_eq!(identify(&headers), Err(ErrorCode::AuthMissingBearer), "{headers:?}");
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
            assert_eq!(identify(&headers), Err(ErrorCode::AuthInvalidToken), "{headers:?}");
        }
    }

    #[test]
    fn another_scheme_leaves_the_cookie_to_speak() {
        let headers = [("authorization", b"Basic abc".as_slice()), ("cookie", b"api_token=first-token")];
        assert_eq!(identify(&headers), Ok("token:first".into()));
    }

    #[test]
    fn with_authentication_off_everybody_is_anonymous() {
        let principal = Auth::Off.identify(&HeaderMap::new()).unwrap();
        assert_eq!(principal, Principal::anonymous());
    }

    #[test]
    fn no_debug_output_holds_a_token() {
        let token = StaticToken { token: "first-token".into(), principal: principal("token:first") };
        assert!(!format!("{token:?} {:?}", auth()).contains("first-token"));
    }
}
