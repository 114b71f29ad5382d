//! JSON as it stands in run directories: parsed strictly, so that bytes which two readers could understand differently are
//! known as such before anything rests on them.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
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

/// How much of a document becomes a value. All of it is read and judged in any case.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keep {
    /// Everything.
    All,
    /// Of an object these members; of anything else all.
    Members(&'static [(&'static str, Keep)]),
    /// Nothing: `null` stands for it.
    Nothing,
}

impl Keep {
    fn of_member(self, name: &str) -> Self {
        match self {
            Self::All => Self::All,
            Self::Members(members) => {
                members.iter().find(|(wanted, _)| *wanted == name).map_or(Self::Nothing, |(_, keep)| *keep)
            }
            Self::Nothing => Self::Nothing,
        }
    }

    /// For the items of a list, which have no names.
    fn of_item(self) -> Self {
        match self {
            Self::All | Self::Members(_) => Self::All,
            Self::Nothing => Self::Nothing,
        }
    }
}

/// Parses one JSON document. Duplicate members are a problem, but the value (last member wins) comes with it.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    parse_keeping(bytes, Keep::All)
}

/// Parses one JSON document of which only a part is wanted. The problems found are those of the whole.
pub(crate) fn parse_keeping(bytes: &[u8], keep: Keep) -> Parsed {
    let fail = |what| Parsed { value: None, problem: Some(what) };
    let Ok(text) = std::str::from_utf8(bytes) else { return fail(What::NotUtf8) };
    // Some writers put one there, some readers take it away, some refuse it: no common reading, so it is refused.
    if text.starts_with('\u{FEFF}') {
        return fail(What::ByteOrderMark);
    }
    let names = Names::default();
    let mut parser = serde_json::Deserializer::from_str(text);
    let value =
        Document { names: &names, keep }.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    match value {
        Ok(value) => Parsed { value: Some(value), problem: names.duplicate.get().then_some(What::Duplicate) },
        Err(error) if error.to_string().starts_with("recursion limit") => fail(What::TooDeep),
        Err(error) => fail(What::NotJson { line: error.line(), column: error.column() }),
    }
}

/// Parses one JSON object that a decision rests on.
pub(crate) fn parse_strict(bytes: &[u8], keep: Keep) -> Result<Map<String, Value>, What> {
    match parse_keeping(bytes, keep).object() {
        (_, Some(problem)) => Err(problem),
        (Some(map), None) => Ok(map),
        (None, None) => Err(What::NotObject),
    }
}

/// The names of the objects that are being read, the inner ones' after the outer ones'; and whether any object had one
/// twice.
#[derive(Default)]
struct Names<'de> {
    open: RefCell<Vec<Cow<'de, str>>>,
    duplicate: Cell<bool>,
}

/// Objects with more members than this look their names up by hash.
const FEW: usize = 24;

/// The names of one object.
struct Seen<'a, 'de> {
    names: &'a Names<'de>,
    from: usize,
    many: Option<HashSet<Cow<'de, str>>>,
}

impl<'a, 'de> Seen<'a, 'de> {
    fn new(names: &'a Names<'de>) -> Self {
        Self { names, from: names.open.borrow().len(), many: None }
    }

    fn take(&mut self, name: Cow<'de, str>) {
        let again = match &mut self.many {
            Some(many) => !many.insert(name),
            None => {
                let mut open = self.names.open.borrow_mut();
                let again = open[self.from..].contains(&name);
                open.push(name);
                if open.len() - self.from > FEW {
                    self.many = Some(open.drain(self.from..).collect());
                }
                again
            }
        };
        if again {
            self.names.duplicate.set(true);
        }
    }
}

impl Drop for Seen<'_, '_> {
    fn drop(&mut self) {
        self.names.open.borrow_mut().truncate(self.from);
    }
}

/// A member's name, borrowed from the document where it stands there as it is.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Builds a [`Value`] of what is kept, and notes whether an object anywhere has the same member twice.
#[derive(Clone, Copy)]
struct Document<'a, 'de> {
    names: &'a Names<'de>,
    keep: Keep,
}

impl Document<'_, '_> {
    /// A value without parts of its own.
    fn leaf(self, value: impl FnOnce() -> Value) -> Value {
        match self.keep {
            Keep::All | Keep::Members(_) => value(),
            Keep::Nothing => Value::Null,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Document<'_, 'de> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, 'de> {
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
        Ok(self.leaf(|| Value::String(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = Self { keep: self.keep.of_item(), ..self };
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            match inner.keep {
                Keep::All | Keep::Members(_) => items.push(item),
                Keep::Nothing => {}
            }
        }
        Ok(self.leaf(|| Value::Array(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        let mut seen = Seen::new(self.names);
        while let Some(name) = members.next_key_seed(Name)? {
            let keep = self.keep.of_member(&name);
            let value = members.next_value_seed(Self { keep, ..self })?;
            match keep {
                // The map tells by itself.
                Keep::All if matches!(self.keep, Keep::All) => {
                    if map.insert(name.into_owned(), value).is_some() {
                        self.names.duplicate.set(true);
                    }
                    continue;
                }
                Keep::All | Keep::Members(_) => _ = map.insert(name.clone().into_owned(), value),
                Keep::Nothing => {}
            }
            seen.take(name);
        }
        Ok(self.leaf(|| Value::Object(map)))
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
        assert_eq!(parse_strict(br#"{"a": 1, "a": 2}"#, Keep::All), Err(What::Duplicate));
    }

    #[test]
    fn what_is_not_kept_is_judged_as_strictly() {
        const SOME: Keep = Keep::Members(&[("a", Keep::All), ("o", Keep::Members(&[("in", Keep::All)]))]);
        let kept = |text: &str| parse_keeping(text.as_bytes(), SOME).value.map(|value| value.to_string());
        let text = r#"{"x": [1, {"y": "z"}], "a": [{"k": 1}], "o": {"in": "i", "out": 2}, "b": {"a": 1}}"#;
        assert_eq!(kept(text).as_deref(), Some(r#"{"a":[{"k":1}],"o":{"in":"i"}}"#));
        // What is no object is kept, so that it can be seen not to be one.
        assert_eq!(kept(r#"{"o": [1, 2], "a": null}"#).as_deref(), Some(r#"{"o":[1,2],"a":null}"#));
        assert_eq!(kept(r#"{"\u0061": 1}"#).as_deref(), Some(r#"{"a":1}"#));

        let many: String = (0..100).map(|n| format!(r#""m{n}": {{"d": {{}}}}, "#)).collect();
        let deep = format!(r#"{{"x": {}{}}}"#, "[".repeat(200), "]".repeat(200));
        let texts = [
            r#"{"x": 1, "x": 2}"#.to_owned(),
            r#"{"x": 1, "\u0078": 2}"#.to_owned(),
            r#"{"x": {"y": [{"z": 1, "w": {"q": 1}, "z": 2}]}}"#.to_owned(),
            r#"{"x": {"a": 1}, "y": {"a": 1}, "z": [{"a": 1}, {"a": 1}]}"#.to_owned(),
            r#"{"a": 1, "b": 1, "a": 1}"#.to_owned(),
            r#"{"o": {"in": 1, "in": 2}}"#.to_owned(),
            r#"{"o": {"out": 1, "out": 2}}"#.to_owned(),
            format!(r#"{{{many}"last": 1}}"#),
            format!(r#"{{{many}"m0": 1}}"#),
            format!(r#"{{{many}"m99": 1}}"#),
            format!(r#"{{"x": {{{many}"m7": 1}}}}"#),
            deep,
            r#"{"x": "\ud800"}"#.to_owned(),
            r#"{"x": 1e999}"#.to_owned(),
            r#"{"x": NaN}"#.to_owned(),
            r#"{"x": 01}"#.to_owned(),
            r#"{"x": [1,]}"#.to_owned(),
            "[]".to_owned(),
            "7".to_owned(),
        ];
        for text in texts {
            let whole = parse(text.as_bytes()).object().1;
            assert_eq!(parse_keeping(text.as_bytes(), SOME).object().1, whole, "{text}");
        }
        assert_eq!(parse_keeping(format!(r#"{{{many}"m0": 1}}"#).as_bytes(), SOME).problem, Some(What::Duplicate));
    }

    #[test]
    fn members_keep_their_order_and_numbers_their_kind() {
        let text = r#"{"z":1,"a":-2,"m":2.5,"big":18446744073709551615}"#;
        assert_eq!(parse(text.as_bytes()).value.map(|value| value.to_string()).as_deref(), Some(text));
    }
}
