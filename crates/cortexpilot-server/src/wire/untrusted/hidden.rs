//! Characters that hide or reorder what a reader sees: which they are, how they are shown, and the text without them.

use std::borrow::Cow;
use std::ops::Range;

use cortexpilot_core::domain::text::is_forbidden;

/// Whether a character of a run's text is shown as its number. Line feeds and tabs are not: in JSON they are drawn as `\n`
/// and `\t` anyway, and logs are unreadable without them. Nor is a carriage return before a line feed, nor a variation
/// selector behind a character whose look it chooses; anywhere else a message can be written in selectors.
pub(super) fn is_hidden(c: char, before: Option<char>, after: Option<char>) -> bool {
    match c {
        '\n' | '\t' => false,
        '\r' => after != Some('\n'),
        '\u{FE0E}' | '\u{FE0F}' => !before.is_some_and(has_looks),
        _ => is_forbidden(c) || is_noncharacter(c),
    }
}

/// Characters with an emoji and a text form are digits, `#`, `*`, two signs of Latin-1, or stand here and above.
fn has_looks(c: char) -> bool {
    matches!(c, '#' | '*' | '0'..='9' | '©' | '®')
        || (c >= '\u{203C}' && !matches!(c, '\u{FE0E}' | '\u{FE0F}') && !is_forbidden(c))
}

/// Code points that Unicode keeps for programs' own use (chapter 23.7): never text.
fn is_noncharacter(c: char) -> bool {
    let point = u32::from(c);
    point & 0xFFFE == 0xFFFE || matches!(point, 0xFDD0..=0xFDEF)
}

/// Where in `raw` a backslash begins what this module would have written: it is escaped itself, so that every escape can
/// be told from one that a run wrote.
pub(super) fn looks_escaped(raw: &str, at: usize) -> bool {
    raw[at..].starts_with("\\u{")
}

/// Whether a text can be shown as it is, as far as hidden characters go.
pub(super) fn has_nothing_hidden(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    let plain = |byte: &u8| matches!(byte, b'\n' | b'\t' | b' '..=b'~') && *byte != b'\\';
    if bytes.iter().all(plain) {
        return true;
    }
    let mut before = None;
    let mut left = raw.char_indices().peekable();
    while let Some((at, c)) = left.next() {
        let after = left.peek().map(|(_, c)| *c);
        if is_hidden(c, before, after) || (c == '\\' && looks_escaped(raw, at)) {
            return false;
        }
        before = Some(c);
    }
    true
}

/// A text as whoever looks for secrets reads it: without hidden characters, terminal sequences and JSON escapes, any of
/// which could stand in the middle of one. Knows where in the original each byte was.
pub(super) struct Flat<'a> {
    pub(super) text: Cow<'a, str>,
    /// In order; none where the text is the original.
    pieces: Vec<Piece>,
}

/// Bytes that were copied, or one byte that was written as an escape.
struct Piece {
    flat: usize,
    raw: Range<usize>,
    escape: bool,
}

impl<'a> Flat<'a> {
    pub(super) fn of(raw: &'a str) -> Self {
        if !raw.bytes().any(|byte| !matches!(byte, b'\n' | b'\t' | b'\r' | b' '..=b'~') || byte == b'\\') {
            return Self { text: Cow::Borrowed(raw), pieces: Vec::new() };
        }
        let mut flat = Flattened { text: String::new(), pieces: Vec::new(), copied_from: 0 };
        let mut at = 0;
        while let Some(c) = raw[at..].chars().next() {
            match fold(raw, at, c) {
                Fold::Keep => at += c.len_utf8(),
                Fold::Drop(length) => at = flat.fold(raw, at..at + length, None),
                Fold::Read(length, byte) => at = flat.fold(raw, at..at + length, Some(byte)),
            }
        }
        if flat.pieces.is_empty() && flat.copied_from == 0 {
            return Self { text: Cow::Borrowed(raw), pieces: Vec::new() };
        }
        flat.copy(raw, at);
        Self { text: Cow::Owned(flat.text), pieces: flat.pieces }
    }

    /// Where in the original a range stood, with what was left out inside it.
    pub(super) fn raw(&self, range: Range<usize>) -> Range<usize> {
        if self.pieces.is_empty() {
            return range;
        }
        let place = |flat: usize| {
            let piece = &self.pieces[self.pieces.partition_point(|piece| piece.flat <= flat).saturating_sub(1)];
            (piece, flat - piece.flat)
        };
        let (first, into) = place(range.start);
        let start = if first.escape { first.raw.start } else { first.raw.start + into };
        let (last, into) = place(range.end.saturating_sub(1));
        let end = if last.escape { last.raw.end } else { last.raw.start + into + 1 };
        start..end.max(start)
    }

    /// Whether something was left out, or written otherwise, right before this byte.
    pub(super) fn is_seam(&self, flat: usize) -> bool {
        self.pieces.binary_search_by_key(&flat, |piece| piece.flat).is_ok()
    }
}

struct Flattened {
    text: String,
    pieces: Vec<Piece>,
    /// From here on nothing has been copied yet.
    copied_from: usize,
}

impl Flattened {
    fn copy(&mut self, raw: &str, to: usize) {
        if self.copied_from < to {
            self.pieces.push(Piece { flat: self.text.len(), raw: self.copied_from..to, escape: false });
            self.text.push_str(&raw[self.copied_from..to]);
        }
    }

    /// Replaces a range of the original by one byte or by nothing; says where to go on.
    fn fold(&mut self, raw: &str, range: Range<usize>, byte: Option<u8>) -> usize {
        self.copy(raw, range.start);
        self.copied_from = range.end;
        if let Some(byte) = byte {
            self.pieces.push(Piece { flat: self.text.len(), raw: range.clone(), escape: true });
            self.text.push(char::from(byte));
        }
        range.end
    }
}

enum Fold {
    Keep,
    /// So many bytes mean nothing.
    Drop(usize),
    /// So many bytes are one ASCII character.
    Read(usize, u8),
}

fn fold(raw: &str, at: usize, c: char) -> Fold {
    match c {
        '\n' | '\t' | '\r' => Fold::Keep,
        '\u{1B}' => Fold::Drop(terminal_sequence(&raw[at..])),
        '\\' => json_escape(&raw.as_bytes()[at..]),
        '\u{FE0E}' | '\u{FE0F}' => Fold::Drop(c.len_utf8()),
        _ if is_forbidden(c) || is_noncharacter(c) => Fold::Drop(c.len_utf8()),
        _ => Fold::Keep,
    }
}

/// The length of what a terminal takes for one sequence: `ESC [ … letter` (ECMA-48), else the ESC alone.
fn terminal_sequence(rest: &str) -> usize {
    let Some(parameters) = rest.strip_prefix("\u{1B}[") else { return 1 };
    let length = parameters.bytes().take(32).take_while(|byte| matches!(byte, b' '..=b'?')).count();
    match parameters.as_bytes().get(length) {
        Some(b'@'..=b'~') => 2 + length + 1,
        Some(_) | None => 1,
    }
}

/// `\u0041`, however often the JSON around it was put into a string: with any number of backslashes.
fn json_escape(rest: &[u8]) -> Fold {
    let slashes = rest.iter().take(16).take_while(|byte| **byte == b'\\').count();
    let digits = rest.get(slashes + 1..slashes + 5).filter(|_| rest.get(slashes) == Some(&b'u'));
    let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
    let Some(point) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else { return Fold::Keep };
    let length = slashes + 5;
    match char::from_u32(point) {
        // Half of a character beyond 16 bits: an emoji, or a tag.
        None => Fold::Drop(length),
        Some(c @ ' '..='~') => Fold::Read(length, c as u8),
        Some('\n' | '\r' | '\t') => Fold::Read(length, b'\n'),
        Some(c) if is_forbidden(c) || is_noncharacter(c) => Fold::Drop(length),
        Some(_) => Fold::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> bool {
        !has_nothing_hidden(text)
    }

    #[test]
    fn what_hides_or_reorders_is_hidden_and_ordinary_text_is_not() {
        for clean in
            ["", "plain", "two\nlines\r\n\tindented", "Zoë 日本語 عربى", "✔\u{FE0F} 1\u{FE0F}\u{20E3}", "C:\\users"]
        {
            assert!(!hidden(clean), "{clean:?}");
        }
        for c in ["\u{0}", "\u{1B}", "\u{7F}", "\u{85}", "\u{200B}", "\u{202E}", "\u{2028}", "\u{2029}", "\u{2066}"] {
            assert!(hidden(&format!("a{c}b")), "{c:?}");
        }
        for c in ["\u{FEFF}", "\u{E0041}", "\u{E01EF}", "\u{FE00}", "\u{3164}", "\u{FFFE}", "\u{FDD0}", "\u{AD}"] {
            assert!(hidden(&format!("a{c}b")), "{c:?}");
        }
        assert!(hidden("a\rb"), "a carriage return alone draws over the line");
        assert!(hidden("a\u{FE0F}b") && hidden("✔\u{FE0F}\u{FE0F}"), "selectors that choose no look");
        assert!(hidden("\\u{202E}"), "what looks like an escape of ours");
    }

    #[test]
    fn a_flat_text_knows_where_it_stood() {
        let raw = "a\u{200B}gh\u{1B}[31mp_\\u0041b";
        let flat = Flat::of(raw);
        assert_eq!(flat.text, "aghp_Ab");
        assert!(flat.is_seam(1) && !flat.is_seam(2));
        assert_eq!(&raw[flat.raw(0..1)], "a");
        assert_eq!(&raw[flat.raw(1..5)], "gh\u{1B}[31mp_");
        assert_eq!(&raw[flat.raw(5..6)], "\\u0041");
        assert_eq!(&raw[flat.raw(1..7)], &raw[4..]);
        let escaped = Flat::of(r#"{\\\"\\\u0070wd\\\":1}"#);
        assert_eq!(escaped.text, r#"{\\\"pwd\\\":1}"#);
        assert!(matches!(Flat::of("plain\ntext").text, Cow::Borrowed(_)));
        assert!(matches!(Flat::of("Zoë \\d").text, Cow::Borrowed(_)));
    }
}
