//! Writing one JSON object the way the original system does: members in a given order, `", "` and `": "` between them,
//! non-ASCII unescaped. The closing brace is left off, for the chain hash to follow.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::domain::id::Sha256Digest;

/// Bytes that nearly every line fits into, so that it is not moved while it grows.
const ROOM: usize = 1536;

/// An object under construction.
pub(crate) struct Object(String);

impl Object {
    /// Begins with the `event` member that every line has.
    pub(crate) fn event(name: &str) -> Self {
        let mut object = Self(String::with_capacity(ROOM));
        object.0.push_str("{\"event\": ");
        object.push_text(name);
        object
    }

    /// A text member.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.push_text(value);
        self
    }

    /// A digest's digits.
    pub(crate) fn digest(mut self, name: &str, value: &Sha256Digest) -> Self {
        self.name(name);
        self.0.push('"');
        self.0.push_str(value.digits_text(&mut [0; 64]));
        self.0.push('"');
        self
    }

    /// A text member, or `null`.
    pub(crate) fn optional(mut self, name: &str, value: Option<&str>) -> Self {
        self.name(name);
        match value {
            Some(value) => self.push_text(value),
            None => self.0.push_str("null"),
        }
        self
    }

    /// A text member, left out when there is none.
    pub(crate) fn present(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// An integer member.
    pub(crate) fn integer(mut self, name: &str, value: impl Into<i128>) -> Self {
        self.name(name);
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{}", value.into());
        self
    }

    /// An integer member, left out when there is none.
    pub(crate) fn number(self, name: &str, value: Option<impl Into<i128>>) -> Self {
        match value {
            Some(value) => self.integer(name, value),
            None => self,
        }
    }

    /// A truth value.
    pub(crate) fn flag(mut self, name: &str, value: bool) -> Self {
        self.name(name);
        self.0.push_str(if value { "true" } else { "false" });
        self
    }

    /// A list of texts.
    pub(crate) fn list(mut self, name: &str, values: &[String]) -> Self {
        self.name(name);
        self.0.push('[');
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                self.0.push_str(", ");
            }
            self.push_text(value);
        }
        self.0.push(']');
        self
    }

    /// The text without its closing brace.
    pub(crate) fn body(self) -> String {
        self.0
    }

    fn name(&mut self, name: &str) {
        // Ours, so there is nothing to escape.
        self.0.push_str(", \"");
        self.0.push_str(name);
        self.0.push_str("\": ");
    }

    fn push_text(&mut self, value: &str) {
        // As Python's json module does with ensure_ascii off: the two-character escapes where they exist, \u00xx in lower
        // case for other control characters, everything else as it is.
        self.0.push('"');
        // Nearly every text has nothing to escape. Looking at all of it without stopping takes a few wide instructions.
        let escapes = value.bytes().fold(false, |found, byte| found | (byte < 0x20) | (byte == b'"') | (byte == b'\\'));
        if !escapes {
            self.0.push_str(value);
            self.0.push('"');
            return;
        }
        let mut plain_from = 0;
        for (at, byte) in value.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                0x08 => "\\b",
                b'\t' => "\\t",
                b'\n' => "\\n",
                0x0c => "\\f",
                b'\r' => "\\r",
                0x00..=0x1f => "",
                _ => continue,
            };
            self.0.push_str(&value[plain_from..at]);
            self.0.push_str(escape);
            if escape.is_empty() {
                let _ = write!(self.0, "\\u{byte:04x}");
            }
            plain_from = at + 1;
        }
        self.0.push_str(&value[plain_from..]);
        self.0.push('"');
    }
}

/// Longest free text that has no bound of its own where it is made, in characters.
const FREE_TEXT_MAX: usize = 2000;

/// Cuts a text that could make a line too long, and shows that it was cut. For texts of ours without a bound of their own
/// (a refusal's reason with a long allow-list in it, a repair's): a line that says most of it is better than no line.
pub(crate) fn clip(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(FREE_TEXT_MAX) {
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        Object(String::new()).text("member", text).body()
    }

    proptest! {
        #[test]
        fn texts_are_escaped_as_serde_json_does(text: String) {
            let want = serde_json::to_string(&text).expect("a text");
            prop_assert_eq!(written(&text), format!(", \"member\": {want}"));
        }
    }

    #[test]
    fn every_character_of_the_first_two_blocks_is_escaped_as_serde_json_does() {
        let text: String = ('\0'..='\u{ff}').collect();
        let want = serde_json::to_string(&text).expect("a text");
        assert_eq!(written(&text), format!(", \"member\": {want}"));
    }
}
