//! What a cell of the compatibility page may say about a value.
//!
//! JSON itself, in which `…` inside a string stands for any text, and beyond JSON: `absent` (there is no such member),
//! `any`, `text`, `number`, `bool`, `time` (a timestamp of the ledger's form), `hex32`, `hex64`, `[shape…]` for a list of any
//! length, and `{name, name: shape}` for an object with exactly these members in this order, of which one without a shape
//! may hold anything.

use serde_json::Value;

/// A parsed cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Absent,
    Any,
    Text,
    Number,
    Bool,
    Time,
    Hex(usize),
    /// A JSON scalar; a string may hold `…`.
    Exactly(Value),
    /// A list with exactly these elements.
    List(Vec<Shape>),
    /// A list of any length.
    Every(Box<Shape>),
    Object(Vec<(String, Shape)>),
}

impl Shape {
    /// Parses a cell.
    pub(super) fn parse(cell: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: cell.trim() };
        let shape = reader.shape()?;
        match reader.rest.trim_start() {
            "" => Ok(shape),
            rest => Err(format!("`{cell}` goes on after its end: `{rest}`")),
        }
    }

    /// Whether a value is of this shape; `None` is a member that is not there.
    pub(super) fn fits(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return *self == Self::Absent };
        match self {
            Self::Absent => false,
            Self::Any => true,
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Bool => value.is_boolean(),
            Self::Time => value.as_str().is_some_and(is_time),
            Self::Hex(digits) => value.as_str().is_some_and(|text| is_hex(text, *digits)),
            Self::Exactly(Value::String(pattern)) => value.as_str().is_some_and(|text| globbed(pattern, text)),
            Self::Exactly(exact) => exact == value,
            Self::List(shapes) => value.as_array().is_some_and(|items| {
                items.len() == shapes.len() && shapes.iter().zip(items).all(|(shape, item)| shape.fits(Some(item)))
            }),
            Self::Every(shape) => value.as_array().is_some_and(|items| items.iter().all(|item| shape.fits(Some(item)))),
            Self::Object(members) => value.as_object().is_some_and(|object| {
                object.len() == members.len()
                    && members
                        .iter()
                        .zip(object)
                        .all(|((name, shape), (has, value))| name == has && shape.fits(Some(value)))
            }),
        }
    }
}

/// `YYYY-MM-DDTHH:MM:SS+00:00`, with six digits of a second or none.
pub(super) fn is_time(text: &str) -> bool {
    let fits = |pattern: &str| {
        text.len() == pattern.len()
            && pattern.bytes().zip(text.bytes()).all(|(wanted, has)| match wanted {
                b'0' => has.is_ascii_digit(),
                other => other == has,
            })
            && text.ends_with("+00:00")
    };
    fits("0000-00-00T00:00:00.000000+00:00") || fits("0000-00-00T00:00:00+00:00")
}

/// So many lower-case hexadecimal digits and nothing else.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether the text is the pattern, each `…` of which stands for any text.
fn globbed(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn shape(&mut self) -> Result<Shape, String> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next() {
            Some('{') => self.object(),
            Some('[') => self.list(),
            Some('"') => Ok(Shape::Exactly(Value::String(self.string()?))),
            Some(_) => self.word(),
            None => Err("a value is missing".to_owned()),
        }
    }

    fn word(&mut self) -> Result<Shape, String> {
        let end = self.rest.find([',', ']', '}', ':', '…', ' ']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "absent" => Ok(Shape::Absent),
            "any" => Ok(Shape::Any),
            "text" => Ok(Shape::Text),
            "number" => Ok(Shape::Number),
            "bool" => Ok(Shape::Bool),
            "time" => Ok(Shape::Time),
            "hex32" => Ok(Shape::Hex(32)),
            "hex64" => Ok(Shape::Hex(64)),
            json => {
                serde_json::from_str(json).map(Shape::Exactly).map_err(|_| format!("`{json}` is no value and no shape"))
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
        let text = values.next().and_then(Result::ok).ok_or_else(|| format!("no string at `{}`", self.rest))?;
        self.rest = &self.rest[values.byte_offset()..];
        Ok(text)
    }

    fn list(&mut self) -> Result<Shape, String> {
        self.take('[');
        let mut shapes = Vec::new();
        while !self.take(']') {
            shapes.push(self.shape()?);
            if self.take('…') {
                let every = shapes.pop().filter(|_| shapes.is_empty());
                return match every.filter(|_| self.take(']')) {
                    Some(shape) => Ok(Shape::Every(Box::new(shape))),
                    None => Err("`…` in a list follows its only shape".to_owned()),
                };
            }
            self.separator(']')?;
        }
        Ok(Shape::List(shapes))
    }

    fn object(&mut self) -> Result<Shape, String> {
        self.take('{');
        let mut members = Vec::new();
        while !self.take('}') {
            let name = self.name()?;
            let shape = if self.take(':') { self.shape()? } else { Shape::Any };
            members.push((name, shape));
            self.separator('}')?;
        }
        Ok(Shape::Object(members))
    }

    fn name(&mut self) -> Result<String, String> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('"') {
            return self.string();
        }
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '-')));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        if name.is_empty() { Err(format!("no member name at `{rest}`")) } else { Ok(name.to_owned()) }
    }

    /// A comma, or nothing before the closing bracket.
    fn separator(&mut self, close: char) -> Result<(), String> {
        if self.take(',') || self.rest.trim_start().starts_with(close) {
            return Ok(());
        }
        Err(format!("`,` or `{close}` is missing before `{}`", self.rest))
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

#[test]
fn shapes_fit_what_they_say_and_nothing_else() {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (shape, fits, fails) in [
        ("401", "401", "403"),
        ("null", "null", "\"\""),
        ("true", "true", "\"true\""),
        ("text", "\"\"", "null"),
        ("\"a…c\"", "\"abc\"", "\"ab\""),
        ("\"…run `x`…\"", "\"the run `x` is\"", "\"the run `y` is\""),
        ("\"a\"", "\"a\"", "\"ab\""),
        ("time", "\"2026-11-22T08:30:52.123456+00:00\"", "\"2026-11-22T08:30:52Z\""),
        ("hex32", "\"0123456789abcdef0123456789abcdef\"", "\"0123456789ABCDEF0123456789ABCDEF\""),
        ("[]", "[]", "[1]"),
        ("[1, text]", "[1, \"x\"]", "[1]"),
        ("[text…]", "[\"x\", \"y\"]", "[1]"),
        ("[{a, b: 1}…]", r#"[{"a": [], "b": 1}]"#, r#"[{"a": [], "b": 2}]"#),
        ("{}", "{}", r#"{"a": 1}"#),
        ("{code: \"X\", reason: text}", r#"{"code": "X", "reason": "y"}"#, r#"{"reason": "y", "code": "X"}"#),
        (r#"{"detail": {"code": "X"}}"#, r#"{"detail": {"code": "X"}}"#, r#"{"detail": {"code": "X", "more": 1}}"#),
    ] {
        let parsed = Shape::parse(shape).unwrap_or_else(|problem| panic!("{problem}"));
        assert!(parsed.fits(Some(&json(fits))), "{shape} should fit {fits}");
        assert!(!parsed.fits(Some(&json(fails))), "{shape} should not fit {fails}");
        assert!(!parsed.fits(None), "{shape} should not fit what is not there");
    }
    assert!(Shape::Absent.fits(None) && !Shape::Absent.fits(Some(&Value::Null)));
    for wrong in ["", "tex", "{a", "[1", "[1, text…]", "1 2", "{a: }"] {
        assert!(Shape::parse(wrong).is_err(), "{wrong}");
    }
}
