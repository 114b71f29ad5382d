//! The cookies that sign a browser in: what they are called, how they are read, and which attributes they are set with.

use std::fmt::Write as _;

use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};
use cortexpilot_core::domain::session::{SecretKind, SecretText};
use jiff::SignedDuration;

/// A session's cookie where the browser came over TLS. Browsers take a name with this prefix only from the very host, with
/// `Secure` and for every path of it, so that no other host and no listener in between can set one.
pub const SECURE_SESSION_COOKIE: &str = "__Host-cortexpilot_session";

/// A session's cookie on this machine without TLS, where no browser takes the other one.
pub const PLAIN_SESSION_COOKIE: &str = "cortexpilot_session";

/// Cookies that carry a token itself, in this order: the names that existing clients use. They are read where no session is.
pub const TOKEN_COOKIES: [&str; 2] = ["cortexpilot_api_token", "api_token"];

/// The more exact name is looked at first: no other host can have set it.
const SESSION_COOKIES: [&str; 2] = [SECURE_SESSION_COOKIE, PLAIN_SESSION_COOKIE];

/// So many secrets of one request are looked up: two names, and what a page of a neighbouring host may have put beside them.
const SECRETS_MAX: usize = 4;

/// The first of our cookies that has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie<'h> {
    /// A session's; which one [`secrets`] tells.
    Session,
    /// One that carries a token.
    Token(&'h [u8]),
}

/// What signs a request in, if cookies do.
pub(crate) fn first(headers: &HeaderMap) -> Option<Cookie<'_>> {
    if SESSION_COOKIES.iter().any(|name| values(headers, name).next().is_some()) {
        return Some(Cookie::Session);
    }
    token(headers).map(Cookie::Token)
}

/// The token of the first cookie that carries one.
pub(crate) fn token(headers: &HeaderMap) -> Option<&[u8]> {
    TOKEN_COOKIES.iter().find_map(|name| values(headers, name).next())
}

/// The secrets of sessions that were sent, in the order in which they count. What has not a secret's form is none.
pub(crate) fn secrets(headers: &HeaderMap) -> Vec<SecretText> {
    let secret = |value: &[u8]| SecretText::parse(SecretKind::Session, std::str::from_utf8(value).ok()?);
    let sent = SESSION_COOKIES.iter().flat_map(|name| values(headers, name));
    sent.filter_map(secret).take(SECRETS_MAX).collect()
}

/// The values of a cookie that are not blank, in the order in which they were sent.
fn values<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h [u8]> {
    let cookies = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    cookies.filter_map(move |pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let value = pair[equals + 1..].trim_ascii();
        let value = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
        (pair[..equals].trim_ascii() == name.as_bytes() && !value.is_empty()).then_some(value)
    })
}

/// How a browser came, as far as what cannot be chosen by a page of somebody else tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Over TLS, or it must have.
    Secure,
    /// Without TLS, on this machine.
    Loopback,
    /// Without TLS, from another machine: a session would cross the network in clear.
    InClear,
}

/// How a browser came. Host and Origin were judged before, so both name this server, unless the Origin is that of a page
/// elsewhere that may call: then it says nothing of how this request came (`of_ours` is false). What proxies add
/// (`X-Forwarded-Proto`) anybody can send, so it counts for nothing. Where nothing says that TLS was used, and the host is not
/// this machine, it must have been: this server listens for others behind a proxy that ends TLS alone.
pub(crate) fn way(headers: &HeaderMap, of_ours: bool) -> Way {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let origin = text(ORIGIN).filter(|_| of_ours).map(str::to_ascii_lowercase);
    match origin.as_deref().and_then(|origin| origin.split_once("://")) {
        Some(("https", _)) => Way::Secure,
        Some((_, authority)) => {
            if is_loopback(authority) {
                Way::Loopback
            } else {
                Way::InClear
            }
        }
        None => {
            if text(HOST).is_some_and(is_loopback) {
                Way::Loopback
            } else {
                Way::Secure
            }
        }
    }
}

/// Whether this `host:port` is this machine.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Sets a session's cookie.
pub(crate) fn set(way: Way, secret: &SecretText, lives: SignedDuration) -> HeaderValue {
    let name = if way == Way::Loopback { PLAIN_SESSION_COOKIE } else { SECURE_SESSION_COOKIE };
    let mut header = header(name, secret.reveal(), lives.as_secs().max(0));
    header.set_sensitive(true);
    header
}

/// Takes every cookie of ours away that a request sent, so that whoever signs out is signed in by none of them.
pub(crate) fn cleared(headers: &HeaderMap) -> Vec<HeaderValue> {
    let names = SESSION_COOKIES.iter().chain(&TOKEN_COOKIES);
    names.filter(|name| values(headers, name).next().is_some()).map(|name| header(name, "", 0)).collect()
}

fn header(name: &str, value: &str, age: i64) -> HeaderValue {
    let mut text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}");
    if name.starts_with("__Host-") {
        // Writing to a String cannot fail.
        let _ = write!(text, "; Secure");
    }
    HeaderValue::from_str(&text).expect("invariant: names and secrets are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(sent: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in sent {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    fn secret(number: u8) -> SecretText {
        SecretText::new(SecretKind::Session, [number; 32])
    }

    #[test]
    fn the_exact_name_counts_first_and_what_is_no_secret_is_none() {
        let (one, two) = (secret(1), secret(2));
        let login = SecretText::new(SecretKind::Login, [3; 32]);
        let sent = format!(
            "theme=dark; cortexpilot_session={}; __Host-cortexpilot_session=\"{}\"; cortexpilot_session={}; api_token=t",
            two.reveal(),
            one.reveal(),
            login.reveal(),
        );
        let map = headers(&[("cookie", &sent)]);
        assert_eq!(secrets(&map), [one, two]);
        assert_eq!((first(&map), token(&map)), (Some(Cookie::Session), Some(b"t".as_slice())));
        assert_eq!(first(&headers(&[("cookie", "api_token=t")])), Some(Cookie::Token(b"t")));
        assert_eq!(first(&headers(&[("cookie", "cortexpilot_session=; __Host-x=1")])), None);
        let many = (0..9).map(|number| format!("cortexpilot_session={}", secret(number).reveal()));
        let many = headers(&[("cookie", &many.collect::<Vec<_>>().join("; "))]);
        assert_eq!(secrets(&many).len(), SECRETS_MAX);
    }

    #[test]
    fn a_cookie_is_secure_wherever_the_browser_did_not_come_over_this_machines_own_http() {
        use Way::{InClear, Loopback, Secure};
        for (sent, want) in [
            (vec![("host", "127.0.0.1:8000")], Loopback),
            (vec![("host", "localhost:8000"), ("origin", "http://localhost:8000")], Loopback),
            (vec![("host", "[::1]:8000"), ("origin", "http://[::1]:8000")], Loopback),
            (vec![("host", "127.0.0.1:8000"), ("origin", "https://pilot.example.org")], Secure),
            (vec![("host", "127.0.0.1:8000"), ("origin", "HTTPS://localhost:8443")], Secure),
            (vec![("host", "pilot.example.org")], Secure),
            (vec![("host", "pilot.example.org"), ("origin", "https://pilot.example.org")], Secure),
            (vec![("host", "pilot.example.org"), ("origin", "http://pilot.example.org")], InClear),
            (vec![("host", "10.1.2.3:8000"), ("origin", "http://10.1.2.3:8000")], InClear),
            (vec![("host", "localhost.example.org")], Secure),
            // Anybody can send it.
            (vec![("host", "127.0.0.1:8000"), ("x-forwarded-proto", "https")], Loopback),
            (vec![("host", "pilot.example.org"), ("x-forwarded-proto", "http")], Secure),
        ] {
            assert_eq!(way(&headers(&sent), true), want, "{sent:?}");
        }
        // The page of another origin that may call says nothing of how it calls.
        let elsewhere = headers(&[("host", "127.0.0.1:8000"), ("origin", "https://console.example.org")]);
        assert_eq!(way(&elsewhere, false), Loopback);
    }

    #[test]
    fn a_cookie_is_read_by_no_script_and_sent_by_no_other_site() {
        let life = SignedDuration::from_hours(12);
        let plain = set(Way::Loopback, &secret(1), life);
        let text = plain.to_str().unwrap();
        let want =
            format!("cortexpilot_session={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200", secret(1).reveal());
        assert!(text == want && plain.is_sensitive() && !format!("{plain:?}").contains("cps_"));
        let secure = set(Way::Secure, &secret(1), life);
        let text = secure.to_str().unwrap();
        assert!(text.starts_with("__Host-cortexpilot_session=cps_") && text.ends_with("; Secure"), "{text}");
        assert!(!text.to_ascii_lowercase().contains("domain"));
        let sent = headers(&[("cookie", "__Host-cortexpilot_session=x; api_token=y; other=z")]);
        let cleared = cleared(&sent);
        let cleared: Vec<_> = cleared.iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(
            cleared,
            [
                "__Host-cortexpilot_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0; Secure",
                "api_token=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0",
            ]
        );
    }
}
