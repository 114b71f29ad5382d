//! Bodies: bytes to types, once. Types are read from the bytes that came, never from a JSON value in which the last of
//! two equal members has already won.

use std::collections::HashSet;
use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use cortexpilot_core::error::ErrorCode;
use serde::de::{DeserializeOwned, Deserializer as _, IgnoredAny, MapAccess, Visitor};

use super::error::Refused;
use crate::mcp::RawArguments;

/// A body must say that it is JSON, in plain bytes: a page of another site can send a form or plain text without asking
/// the browser's leave, but not JSON.
///
/// # Errors
/// 422 for no body at all, 415 for one that is something else or says nothing.
pub(crate) fn check_declared(headers: &HeaderMap, body: &[u8]) -> Result<(), Refused> {
    if body.is_empty() {
        return Err(Refused::form("The body is empty; send one JSON object, {} at least."));
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let declared = match (types.next(), types.next()) {
        (Some(one), None) => one.to_str().is_ok_and(is_json),
        _ => false,
    };
    let encoded = headers.get_all(CONTENT_ENCODING).iter().any(|coding| coding.as_bytes() != b"identity");
    if declared && !encoded {
        return Ok(());
    }
    let said = "The body must be declared as `content-type: application/json`, without a content encoding.";
    Err(Refused::Coded(ErrorCode::UnsupportedMediaType, said.into()))
}

/// `application/json` or `application/…+json`, parameters aside.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some(subtype) = essence.strip_prefix("application/") else { return false };
    subtype == "json" || subtype.strip_suffix("+json").is_some_and(|name| !name.is_empty())
}

/// Reads a body into a type that denies unknown members.
///
/// # Errors
/// 415 for what is not JSON; 422 for JSON of another form: no object, a member twice, unknown, or of another type.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    let text = text_of(body)?;
    if !text.starts_with('{') {
        return Err(Refused::form("The body must be one JSON object."));
    }
    if let Some(twice) = member_twice(text) {
        return Err(Refused::form(twice));
    }
    RawArguments::new(Some(text)).parse().map_err(|problem| Refused::form(problem.reason))
}

/// The body as text that is JSON throughout. The value is only looked at for being one: reading it refuses bad UTF-8, lone
/// surrogates, numbers out of range and nesting beyond 127 levels, wherever they stand.
fn text_of(body: &[u8]) -> Result<&str, Refused> {
    let not_json = || Refused::Coded(ErrorCode::UnsupportedMediaType, "The body is not JSON in UTF-8.".into());
    let text = std::str::from_utf8(body).map_err(|_| not_json())?;
    serde_json::from_str::<serde_json::Value>(text).map_err(|_| not_json())?;
    Ok(text.trim_ascii())
}

/// A sentence about the first member that an object has twice. Deeper objects need no look: no body of ours takes any.
fn member_twice(object: &str) -> Option<String> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    let twice = deserializer.deserialize_map(Twice).ok()??;
    // The name is the caller's text: repeated only where it could be one of ours.
    let plain = twice.len() <= 64 && twice.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    Some(if plain { format!("`{twice}` occurs twice.") } else { "A member occurs twice.".to_owned() })
}

struct Twice;

impl<'de> Visitor<'de> for Twice {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut seen, mut twice) = (HashSet::new(), None);
        while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
            if twice.is_none() && seen.contains(&name) {
                twice = Some(name);
            } else {
                seen.insert(name);
            }
        }
        Ok(twice)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        confirm: Option<bool>,
        priority: Option<i64>,
        reason: Option<String>,
    }

    fn read(body: &[u8]) -> String {
        match parse::<Sample>(body) {
            Ok(sample) => format!("{sample:?}"),
            Err(Refused::Coded(code, reason)) => format!("{} {reason}", code.row().status),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_body_is_json_of_the_right_form_or_says_what_is_wrong() {
        let sample = |sample: Sample| format!("{sample:?}");
        let none = sample(Sample::default());
        assert_eq!(read(b"{}"), none);
        assert_eq!(read(b" \n{ } \t"), none);
        assert_eq!(read(br#"{"confirm":null,"priority":null,"reason":null}"#), none);
        assert_eq!(read(br#"{"priority":5}"#), sample(Sample { priority: Some(5), ..Sample::default() }));
        for (body, want) in [
            (br#"{"confirm":false,"confirm":true}"#.as_slice(), "422 `confirm` occurs twice."),
            (br#"{"confirm":true,"confirm":true}"#, "422 `confirm` occurs twice."),
            (br#"{"x y":1,"x y":2}"#, "422 A member occurs twice."),
            (br#"{"priority":5.0}"#, "422 `priority` must be an integer, not a number with a fraction or an exponent."),
            (br#"{"priority":"5"}"#, "422 `priority` must be an integer, not a string."),
            (br#"{"confirm":"true"}"#, "422 `confirm` must be true or false, not a string."),
            (br#"{"confirm":1}"#, "422 `confirm` must be true or false, not an integer."),
            (br#"{"reason":{"deep":1}}"#, "422 `reason` must be a string, not an object."),
            (br#"{"sudo":true}"#, "422 `sudo` is not an argument here; it takes `confirm`, `priority`, `reason`."),
            (b"[]", "422 The body must be one JSON object."),
            (b"null", "422 The body must be one JSON object."),
            (b"5", "422 The body must be one JSON object."),
            (b"{", "415 The body is not JSON in UTF-8."),
            (b"{}{}", "415 The body is not JSON in UTF-8."),
            (b"confirm=true", "415 The body is not JSON in UTF-8."),
            (b"\xef\xbb\xbf{}", "415 The body is not JSON in UTF-8."),
            (b"{\"reason\":\"\xff\"}", "415 The body is not JSON in UTF-8."),
            (br#"{"reason":"\ud800"}"#, "415 The body is not JSON in UTF-8."),
            (br#"{"priority":1e999}"#, "415 The body is not JSON in UTF-8."),
            (br#"{"confirm":true,}"#, "415 The body is not JSON in UTF-8."),
        ] {
            assert_eq!(read(body), want, "{}", String::from_utf8_lossy(body));
        }
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(read(deep.as_bytes()), "415 The body is not JSON in UTF-8.");
    }

    #[test]
    fn only_a_plain_json_type_declares_a_body() {
        let check = |types: &[&str], coding: Option<&str>, body: &[u8]| {
            let mut headers = HeaderMap::new();
            for value in types {
                headers.append(CONTENT_TYPE, value.parse().unwrap());
            }
            if let Some(coding) = coding {
                headers.insert(CONTENT_ENCODING, coding.parse().unwrap());
            }
            check_declared(&headers, body).map_err(|refused| refused.code().row().status)
        };
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.x+json"] {
            assert_eq!(check(&[good], None, b"{}"), Ok(()), "{good}");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application/+json", "json"]
        {
            assert_eq!(check(&[bad], None, b"{}"), Err(415), "{bad}");
        }
        assert_eq!(check(&[], None, b"{}"), Err(415));
        assert_eq!(check(&["application/json", "text/plain"], None, b"{}"), Err(415));
        assert_eq!(check(&["application/json"], Some("gzip"), b"{}"), Err(415));
        assert_eq!(check(&["application/json"], Some("identity"), b"{}"), Ok(()));
        assert_eq!(check(&["application/json"], None, b""), Err(422));
        assert_eq!(check(&[], None, b""), Err(422));
    }
}
