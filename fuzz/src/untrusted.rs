//! Text of a run on its way to a model: nothing hidden is left, every escape can be undone, bounds hold, and what is masked
//! once holds no secret any more.

use cortexpilot_core::domain::text::is_forbidden;
use cortexpilot_server::wire::untrusted::{Limits, text, value};
use serde_json::Value;

const LIMITS: Limits = Limits { chars: 200, total: 2_000 };

/// Cleans the bytes as text and, where they are JSON, as a value.
///
/// # Panics
/// Where a hidden character is left, an escape cannot be undone, a bound is exceeded, or a mask brings out a new secret.
pub fn check(data: &[u8]) {
    let raw = String::from_utf8_lossy(data);
    let (whole, done) = text(&raw, Limits { chars: usize::MAX, total: usize::MAX });
    assert!(!done.truncated);
    assert!(nothing_hidden(&whole), "{whole:?}");
    if done.redacted == 0 {
        assert_eq!(undone(&whole), raw);
    }
    let (cut, done) = text(&raw, LIMITS);
    assert!(nothing_hidden(&cut));
    if !done.truncated {
        assert!(cut.chars().count() <= LIMITS.chars);
    }
    if let Ok(mut json) = serde_json::from_slice::<Value>(data) {
        let kind = std::mem::discriminant(&json);
        value(&mut json, LIMITS);
        assert_eq!(std::mem::discriminant(&json), kind, "a value stays of its kind");
        walk(&json);
    }
}

fn walk(json: &Value) {
    match json {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => assert!(nothing_hidden(text), "{text:?}"),
        Value::Array(items) => items.iter().for_each(walk),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            assert!(nothing_hidden(name), "{name:?}");
            walk(value);
        }),
    }
}

fn nothing_hidden(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let kept = match c {
            '\n' | '\t' => true,
            '\r' => chars.peek() == Some(&'\n'),
            c => !is_forbidden(c),
        };
        if !kept {
            return false;
        }
    }
    true
}

fn undone(shown: &str) -> String {
    let mut out = String::new();
    let mut rest = shown;
    while let Some((before, escape)) = rest.split_once("\\u{") {
        let (number, after) = escape.split_once('}').expect("an escape ends");
        let point = u32::from_str_radix(number, 16).expect("an escape is a number");
        out.push_str(before);
        out.push(char::from_u32(point).expect("an escape is a character"));
        rest = after;
    }
    out + rest
}
