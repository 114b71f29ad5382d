//! Whose doing a request with a session cookie is, or one that would set one. A browser sends the cookie by itself, also when
//! a page of somebody else makes it send a request; so a change that is signed in by cookie must show that a page of ours, or
//! a page that was allowed, or a program sent it. A bearer token shows that by itself: nobody sends one by accident.

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderName, Method};

use crate::auth;

/// A header that a page of another origin cannot send without a preflight, which is answered for allowed origins alone. What
/// it says does not matter.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-cortexpilot-csrf");

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether this request is a change, signed in by cookie, that does not show where it comes from. Its Origin, if it has one,
/// was judged before.
pub(super) fn is_unproven(method: &Method, headers: &HeaderMap) -> bool {
    !method.is_safe() && auth::by_cookie(headers) && !is_proven(headers)
}

/// Whether a request shows that a page of ours, or one that was allowed, or a program sent it.
pub(super) fn is_proven(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(&SITE).iter();
    match (sites.next().map(|site| site.as_bytes()), sites.next()) {
        // Whoever sends two wants one of them to be overlooked.
        (Some(_), Some(_)) => false,
        (Some(b"same-origin"), None) => true,
        (Some(_), None) => headers.contains_key(ORIGIN),
        (None, _) => headers.contains_key(ORIGIN) || headers.get(HEADER).is_some_and(|value| !value.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    /// A session, under its two names, and a token that a cookie carries.
    const COOKIES: [(&str, &str); 3] = [
        ("cookie", "cortexpilot_session=x"),
        ("cookie", "__Host-cortexpilot_session=x"),
        ("cookie", "cortexpilot_api_token=x"),
    ];

    fn unproven(method: &Method, headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        is_unproven(method, &map)
    }

    #[test]
    fn a_change_by_cookie_alone_shows_nothing() {
        for also in [
            vec![],
            vec![("sec-fetch-site", "same-site")],
            vec![("sec-fetch-site", "none")],
            vec![("sec-fetch-site", "")],
            vec![("sec-fetch-site", "Same-Origin")],
            vec![("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-site")],
            vec![("sec-fetch-site", "same-site"), ("x-cortexpilot-csrf", "1")],
            vec![("x-cortexpilot-csrf", "")],
            vec![("authorization", "Basic eDp5")],
            vec![("authorization", "Bearer ")],
            vec![("referer", "http://127.0.0.1:8000/")],
        ] {
            for cookie in COOKIES {
                let headers: Vec<_> = [cookie].into_iter().chain(also.clone()).collect();
                for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                    assert!(unproven(&method, &headers), "{method} {headers:?}");
                }
            }
        }
    }

    #[test]
    fn one_proof_is_enough_and_reads_need_none() {
        for proof in [
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://127.0.0.1:8000"),
            ("x-cortexpilot-csrf", "1"),
            ("authorization", "Bearer token"),
        ] {
            for cookie in COOKIES {
                assert!(!unproven(&Method::POST, &[cookie, proof]), "{proof:?}");
                assert!(!unproven(&Method::GET, &[cookie]));
            }
        }
        assert!(!unproven(&Method::POST, &[("cookie", "theme=dark")]), "no session, so nothing to ride on");
        assert!(!unproven(&Method::POST, &[]));
    }
}
