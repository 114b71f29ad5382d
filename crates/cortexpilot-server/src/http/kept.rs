//! Answers that are the same for everybody as long as the process lives: made once, named by their digest, and not sent again
//! to whoever has them.

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use cortexpilot_core::domain::id::Sha256Digest;

/// One such answer.
pub(super) struct Kept {
    bytes: Bytes,
    content_type: &'static str,
    tag: HeaderValue,
}

impl Kept {
    pub(super) fn new(bytes: Bytes, content_type: &'static str) -> Self {
        let digest = Sha256Digest::of(&bytes).to_string();
        let tag = HeaderValue::from_str(&format!("\"{}\"", &digest[..32])).expect("invariant: a digest is hexadecimal");
        Self { bytes, content_type, tag }
    }

    /// 200, or 304 for whoever names it. A browser may keep it and must ask: another version of the server has another one.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response {
        let known = self.is_named(headers);
        let mut response = Response::new(if known { Body::empty() } else { Body::from(self.bytes.clone()) });
        let out = response.headers_mut();
        out.insert(ETAG, self.tag.clone());
        out.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            out.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        response
    }

    /// RFC 9110 §13.1.2: any of a list, compared weakly, or `*`.
    fn is_named(&self, headers: &HeaderMap) -> bool {
        let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == self.tag.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_names_it_does_not_get_it_again() {
        let kept = Kept::new(Bytes::from_static(b"{}"), "application/json");
        let tag = kept.tag.to_str().unwrap();
        let status = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            }
            kept.answer(&headers).status().as_u16()
        };
        for (values, want) in [
            (vec![], 200),
            (vec![tag], 304),
            (vec!["*"], 304),
            (vec!["\"other\"", tag], 304),
            (vec![&*format!("\"other\", W/{tag}")], 304),
            (vec!["\"other\""], 200),
            (vec![tag.trim_matches('"')], 200),
        ] {
            assert_eq!(status(&values), want, "{values:?}");
        }
    }
}
