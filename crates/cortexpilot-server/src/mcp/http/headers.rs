//! What the head of a request must say, before anything of its message counts.

use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};

/// Headers that steer the protocol. Of two values a proxy in between may have judged the other one, so there is one or none.
const SINGLE: [&str; 5] = ["mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name", "last-event-id"];

/// The headers that repeat single arguments of a call for proxies begin like this.
const PARAM_PREFIX: &str = "mcp-param-";

/// The first header that steers the protocol and came more than once.
pub(super) fn twice(headers: &HeaderMap) -> Option<&HeaderName> {
    let steers = |name: &&HeaderName| SINGLE.contains(&name.as_str()) || name.as_str().starts_with(PARAM_PREFIX);
    headers.keys().filter(steers).find(|name| headers.get_all(*name).iter().nth(1).is_some())
}

/// Whether the message is declared to be JSON in plain bytes, as each must be: a page of another site can make a browser
/// send a form or plain text without asking, but not JSON.
pub(super) fn declares_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(declared), None) = (types.next(), types.next()) else { return false };
    let essence = declared.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let encoded = headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding.as_bytes() != b"identity");
    essence.eq_ignore_ascii_case("application/json") && !encoded
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn what_steers_the_protocol_comes_once() {
        assert_eq!(twice(&of(&[("mcp-method", "ping"), ("mcp-name", "x"), ("accept", "a"), ("accept", "b")])), None);
        for name in
            ["mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name", "last-event-id", "mcp-param-run"]
        {
            // Equal values, too: which of the two a proxy read is not known.
            assert_eq!(twice(&of(&[(name, "x"), (name, "x")])).map(HeaderName::as_str), Some(name));
        }
    }

    #[test]
    fn only_plain_json_is_taken() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/json;x=y"] {
            assert!(declares_json(&of(&[("content-type", good)])), "{good}");
        }
        for bad in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonl", "application/ld+json"] {
            assert!(!declares_json(&of(&[("content-type", bad)])), "{bad}");
        }
        assert!(!declares_json(&of(&[])));
        assert!(!declares_json(&of(&[("content-type", "application/json"), ("content-type", "application/json")])));
        assert!(!declares_json(&of(&[("content-type", "application/json"), ("content-encoding", "gzip")])));
    }
}
