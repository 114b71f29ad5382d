//! JSON as it stands in run directories: parsed strictly, so that bytes which two readers could understand differently are
//! known as such before anything rests on them.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::What;

/// A document and what is wrong with it: a value with a problem can be shown, and nothing may be decided from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) value: Option<Value>,
    pub(crate) problem: Option<What>,
}

impl Parsed {
    /// The object, where the document is one.
    pub(crate) fn object(self) -> (Option<Map<String, Value>>, Option<What>) {
        match self.value {
            Some(Value::Object(map)) => (Some(map), self.problem),
            Some(_) => (None, Some(What::NotObject)),
            None => (None, self.problem),
        }
    }
}

/// Parses one JSON document. Duplicate members are a problem, but the value (last member wins) comes with it.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let fail = |what| Parsed { value: None, problem: Some(what) };
    let Ok(text) = std::str::from_utf8(bytes) else { return fail(What::NotUtf8) };
    // Some writers put one there, some readers take it away, some refuse it: no common reading, so it is refused.
    if text.starts_with('\u{FEFF}') {
        return fail(What::ByteOrderMark);
    }
    let duplicate = Cell::new(false);
    let mut parser = serde_json::Deserializer::from_str(text);
    let value =
        Document { duplicate: &duplicate }.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    match value {
        Ok(value) => Parsed { value: Some(value), problem: duplicate.get().then_some(What::Duplicate) },
        Err(error) if error.to_string().starts_with("recursion limit") => fail(What::TooDeep),
        Err(error) => fail(What::NotJson { line: error.line(), column: error.column() }),
    }
}

/// Parses one JSON object that a decision rests on.
pub(crate) fn parse_strict(bytes: &[u8]) -> Result<Map<String, Value>, What> {
    match parse(bytes).object() {
        (_, Some(problem)) => Err(problem),
        (Some(map), None) => Ok(map),
        (None, None) => Err(What::NotObject),
    }
}

/// Builds a [`Value`] and notes whether an object anywhere in it has the same member twice.
#[derive(Clone, Copy)]
struct Document<'a> {
    duplicate: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if map.insert(name, value).is_some() {
                self.duplicate.set(true);
            }
        }
        Ok(Value::Object(map))
    }
}

/// Where an optional text member stands: absent (or `null`), text, or something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member<'a, T: ?Sized> {
    Absent,
    Present(&'a T),
    Odd,
}

pub(crate) fn text<'a>(map: &'a Map<String, Value>, name: &str) -> Member<'a, str> {
    match map.get(name) {
        None | Some(Value::Null) => Member::Absent,
        Some(Value::String(text)) => Member::Present(text),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Member::Odd,
    }
}

pub(crate) fn object<'a>(map: &'a Map<String, Value>, name: &str) -> Member<'a, Map<String, Value>> {
    match map.get(name) {
        None | Some(Value::Null) => Member::Absent,
        Some(Value::Object(object)) => Member::Present(object),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::String(_)) => Member::Odd,
    }
}

/// A JSON value in one line, for showing what has no better form.
pub(crate) fn compact(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(bytes: &[u8]) -> Option<What> {
        parse(bytes).object().1
    }

    #[test]
    fn only_an_unambiguous_object_is_free_of_problems() {
        assert_eq!(problem(br#"{"a": {"b": [1, -2, 3.5, null, true, "x"]}}"#), None);
        assert_eq!(problem(br#"{"a": 1, "a": 1}"#), Some(What::Duplicate));
        assert_eq!(problem(br#"{"x": [{"a": 1, "b": 2, "a": 3}]}"#), Some(What::Duplicate));
        assert_eq!(problem(br#"{"a": 1, "\u0061": 2}"#), Some(What::Duplicate));
        assert_eq!(problem(b"[]"), Some(What::NotObject));
        assert_eq!(problem(b"5"), Some(What::NotObject));
        assert_eq!(problem(b"null"), Some(What::NotObject));
        assert_eq!(problem(b""), Some(What::NotJson { line: 1, column: 0 }));
        assert_eq!(problem(b"{\"a\": "), Some(What::NotJson { line: 1, column: 6 }));
        assert_eq!(problem(b"{} {}"), Some(What::NotJson { line: 1, column: 4 }));
        assert_eq!(problem(b"{\"a\": NaN}"), Some(What::NotJson { line: 1, column: 7 }));
        assert_eq!(problem(b"\xEF\xBB\xBF{}"), Some(What::ByteOrderMark));
        assert_eq!(problem(b"{\"a\": \"\xFF\"}"), Some(What::NotUtf8));
        assert_eq!(problem(br#"{"a": "\ud800"}"#).map(|what| what.to_string().contains("not JSON")), Some(true));
        let deep = format!("{}{}", "[".repeat(985), "]".repeat(985));
        assert_eq!(problem(deep.as_bytes()), Some(What::TooDeep));
    }

    #[test]
    fn a_document_with_duplicates_can_still_be_shown() {
        let parsed = parse(br#"{"a": 1, "a": 2}"#);
        assert_eq!(parsed.value, Some(serde_json::json!({"a": 2})));
        assert_eq!(parse_strict(br#"{"a": 1, "a": 2}"#), Err(What::Duplicate));
    }

    #[test]
    fn members_keep_their_order_and_numbers_their_kind() {
        let text = r#"{"z":1,"a":-2,"m":2.5,"big":18446744073709551615}"#;
        assert_eq!(parse(text.as_bytes()).value.map(|value| value.to_string()).as_deref(), Some(text));
    }
}
