//! Secrets that are known by the name they are given to: `password=…`, `"token": "…"`, `--api-key …`, `Authorization: …`,
//! `<password>…</password>`.

use super::{Found, Text, names};

/// How far a name reaches back, and how many spaces, quotes and backslashes stand between it and its value.
const NAME_MAX: usize = 64;
const GAP_MAX: usize = 16;

/// What stands for a secret without being one, in any case.
const NONE: &[&str] = &[
    "",
    "***",
    "any",
    "bool",
    "boolean",
    "disabled",
    "empty",
    "enabled",
    "false",
    "hidden",
    "inherit",
    "int",
    "invalid",
    "missing",
    "n/a",
    "no",
    "none",
    "nil",
    "null",
    "number",
    "object",
    "option",
    "optional",
    "redacted",
    "required",
    "set",
    "str",
    "string",
    "text",
    "true",
    "undefined",
    "unset",
    "valid",
    "yes",
];

/// How a sentence goes on behind `password:`, where none follows.
const PROSE: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "can", "cannot", "could", "do", "does", "enter", "for", "from", "has", "have",
    "if", "in", "is", "it", "must", "not", "of", "on", "or", "please", "see", "should", "that", "the", "then", "this",
    "to", "use", "used", "was", "were", "when", "which", "will", "with", "you", "your",
];

/// Where code reads a secret from.
const READ_FROM: &[&str] = &[
    "process.env",
    "os.environ",
    "os.getenv",
    "env.",
    "env(",
    "env!(",
    "getenv(",
    "secrets.",
    "config.",
    "settings.",
    "self.",
    "this.",
    "args.",
    "opts.",
    "options.",
    "params.",
    "request.",
    "req.",
    "ctx.",
    "vars.",
    "var.",
    "github.",
];

/// Schemes of an `Authorization` header behind which one word is the credential.
const SCHEMES: &[&str] = &["bearer", "basic", "token", "apikey", "api-key", "key", "negotiate", "ntlm", "sso-key"];

/// Those behind which everything is.
const LONG_SCHEMES: &[&str] = &["digest", "aws4-hmac-sha256", "hawk", "oauth", "signature", "mac"];

/// Whether a value is a variable or a place to fill in: `${TOKEN}`, `$TOKEN`, `{{ token }}`, `<your token>`, `xxxx`.
/// Looks at the value's beginning only.
pub(super) fn is_reference(value: &[u8]) -> bool {
    let head = &value[..value.len().min(NAME_MAX)];
    let starts =
        |prefix: &str| head.len() >= prefix.len() && head[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes());
    // `${TOKEN:-secret}` has the secret in it.
    let defaults = head.windows(2).any(|window| window == b":-");
    let variable = match head {
        [b'$', b'{' | b'(', ..] | [b'{', b'{', ..] => !defaults,
        [b'$', rest @ ..] => {
            let name =
                rest.iter().take_while(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'0'..=b'9')).count();
            let ends = rest.get(name).is_none_or(|byte| !byte.is_ascii_alphanumeric());
            name > 0 && ends && rest[0] != b'0' && !rest[0].is_ascii_digit()
        }
        [b'%', b'(' | b'{', ..] | [b'<', ..] => true,
        _ => false,
    };
    let same = |byte: u8| head.len() > 2 && head.iter().all(|other| *other == byte);
    variable
        || same(b'x')
        || same(b'X')
        || same(b'.')
        || starts("***")
        || starts("[redacted")
        || starts("[filtered")
        || READ_FROM.iter().any(|place| starts(place))
}

/// Whether a value is a word that says there is none.
pub(super) fn is_word_for_none(value: &str) -> bool {
    NONE.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// A value and how it is written.
struct Value {
    from: usize,
    end: usize,
    quoted: bool,
}

/// Where an assignment stands, as far as it changes where its value ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `KEY=value`, alone on its line: the value goes on to the next blank.
    Line,
    /// `key: value` or `key = value`, alone on its line: the value goes on to its end.
    SpacedLine,
    /// `key=value` or `key: value` within other text.
    Within,
    /// `key = value` within other text, which is how code looks.
    Code,
}

impl Text<'_> {
    /// The secret that is assigned by the `:` or `=` here.
    pub(super) fn assigned(&self, at: usize) -> Option<Found> {
        let is_colon = self.bytes[at] == b':';
        let (key, closed) = self.name_before(at)?;
        let kind = self.kind_of(key.clone()).or_else(|| {
            // `password: str = "…"`: the name stands before its type.
            let typed = self.bytes[..key.start]
                .iter()
                .rev()
                .take(GAP_MAX)
                .position(|byte| !matches!(byte, b' ' | b'&' | b'\''))?;
            let colon = key.start.checked_sub(typed + 1)?;
            if is_colon || self.bytes[colon] != b':' {
                return None;
            }
            self.kind_of(self.name_before(colon)?.0)
        })?;
        let (operator, compares) = match (self.bytes[at], self.byte(at + 1), self.byte(at + 2)) {
            (b':', Some(b':'), _) => return None,
            (b':', Some(b'='), _) | (b'=', Some(b'>'), _) => (2, false),
            (b'=', Some(b'='), Some(b'=')) => (3, true),
            (b'=', Some(b'='), _) => (2, true),
            _ => (1, false),
        };
        let spaces =
            |at: usize| self.bytes[at..].iter().take(GAP_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let after = at + operator;
        let gap = spaces(after);
        let from = after + gap;
        if let Some(value) = self.quoted(from) {
            return self.secret(value, kind);
        }
        // Looked at before the value's end is: a text of nothing but references would be read again for each of them.
        if compares || self.refers(from) {
            return None;
        }
        let alone = !closed && self.begins_line(key.start);
        let form = match (is_colon, alone, gap > 0) {
            (true, true, _) | (false, true, true) => Form::SpacedLine,
            (false, true, false) => Form::Line,
            (true, false, _) | (false, false, false) => Form::Within,
            (false, false, true) => Form::Code,
        };
        match kind {
            "authorization" => self.authorization(from),
            "cookie" => {
                let end = from + self.count(from, |byte| !matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b'\\'));
                self.secret(Value { from, end, quoted: false }, kind)
            }
            _ => self.plain(from, form, &self.bytes[key], kind),
        }
    }

    /// `--password value`: an option's name and its value with a blank between them.
    pub(super) fn flag(&self, at: usize) -> Option<Found> {
        if !self.starts(at, "--")
            || at.checked_sub(1).and_then(|before| self.byte(before)).is_some_and(|byte| byte == b'-')
        {
            return None;
        }
        let from = at + 2;
        let head = &self.bytes[from..self.bytes.len().min(from + NAME_MAX)];
        let length = head.iter().take_while(|byte| super::is_word(**byte)).count();
        let value = from + length + 1;
        if length == 0 || !matches!(self.byte(from + length), Some(b' ' | b'\t')) || self.byte(value) == Some(b'-') {
            return None;
        }
        let kind = self.kind_of(from..from + length)?;
        match self.quoted(value) {
            Some(quoted) => self.secret(quoted, kind),
            None if self.refers(value) => None,
            None => self.plain(value, Form::Within, head, kind),
        }
    }

    /// `<password>value</password>`.
    pub(super) fn element(&self, at: usize) -> Option<Found> {
        let (key, _) = self.name_before(at).filter(|(key, closed)| !closed && key.end == at)?;
        if key.start.checked_sub(1).and_then(|before| self.byte(before)) != Some(b'<') {
            return None;
        }
        let kind = self.kind_of(key)?;
        let from = at + 1;
        let end = from + self.count(from, |byte| !matches!(byte, b'<' | b'\n'));
        if !self.starts(end, "</") {
            return None;
        }
        self.secret(Value { from, end, quoted: true }, kind)
    }

    /// The name before an operator, and whether a quote or bracket closes it.
    fn name_before(&self, at: usize) -> Option<(std::ops::Range<usize>, bool)> {
        let before = |at: usize, kind: fn(u8) -> bool, most: usize| {
            at - self.bytes[..at].iter().rev().take(most).take_while(|byte| kind(**byte)).count()
        };
        let spaced = before(at, |byte| matches!(byte, b' ' | b'\t'), GAP_MAX);
        let end = before(spaced, |byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b']' | b'?' | b'+'), GAP_MAX);
        let start = before(end, |byte| super::is_word(byte) || byte == b'.', NAME_MAX);
        (start < end).then_some((start..end, end < spaced))
    }

    /// Whether a value without quotes only says where the secret is.
    fn refers(&self, from: usize) -> bool {
        let head = &self.bytes[from.min(self.bytes.len())..self.bytes.len().min(from + NAME_MAX)];
        let word = head
            .iter()
            .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'\\' | b'&' | b','))
            .count();
        is_reference(&head[..word])
    }

    /// The kind of a name; JSON in a string may have an escape right before it (`\npassword`).
    fn kind_of(&self, name: std::ops::Range<usize>) -> Option<&'static str> {
        let text = std::str::from_utf8(&self.bytes[name.clone()]).ok()?;
        names::kind(text).or_else(|| {
            let escaped = name.start.checked_sub(1).and_then(|before| self.byte(before)) == Some(b'\\');
            text.strip_prefix(['n', 'r', 't']).filter(|_| escaped).and_then(names::kind)
        })
    }

    /// Whether nothing but what begins a line of a configuration stands before this.
    fn begins_line(&self, at: usize) -> bool {
        let from = at.saturating_sub(NAME_MAX);
        let line = &self.bytes[from..at];
        let line = line.strip_suffix(b"export ").unwrap_or(line);
        let blanks = line.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t' | b'-')).count();
        let line = &line[..line.len() - blanks];
        match line.last() {
            None => from == 0,
            Some(b'\n' | b'\r') => true,
            Some(b'\\') => matches!(self.byte(at), Some(b'n' | b'r' | b't')),
            Some(_) => line.ends_with(b"\\n"),
        }
    }

    /// The text in quotes that begins here, with as many backslashes before its quotes as the JSON around it was put into
    /// strings. It ends with its line where nothing closes it.
    fn quoted(&self, at: usize) -> Option<Value> {
        // Literals of code: b"…", f'…'.
        let prefix = matches!(self.byte(at), Some(b'b' | b'r' | b'f' | b'u' | b'L'))
            && matches!(self.byte(at + 1), Some(b'"' | b'\''));
        let at = (at + usize::from(prefix)).min(self.bytes.len());
        let slashes = self.bytes[at..].iter().take(GAP_MAX).take_while(|byte| **byte == b'\\').count();
        let quote = self.byte(at + slashes).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
        let from = at + slashes + 1;
        // More backslashes than at the beginning: a quote of the value itself.
        let (mut end, mut before) = (from, 0);
        loop {
            match self.byte(end) {
                None | Some(b'\n' | b'\r') => return Some(Value { from, end, quoted: true }),
                Some(b'\\') => before += 1,
                Some(byte) if byte == quote && before <= slashes => {
                    return Some(Value { from, end: end - before, quoted: true });
                }
                Some(_) => before = 0,
            }
            end += 1;
        }
    }

    /// The credential of an `Authorization` header; its scheme stays.
    fn authorization(&self, from: usize) -> Option<Found> {
        let head = &self.bytes[from..self.bytes.len().min(from + NAME_MAX)];
        let length = head.iter().take_while(|byte| super::is_word(**byte)).count();
        let is = |schemes: &[&str]| schemes.iter().any(|scheme| head[..length].eq_ignore_ascii_case(scheme.as_bytes()));
        let blanks = head[length..].iter().take(GAP_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let to_the_end = |byte: u8| !matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b'\\');
        let (from, end) = if blanks > 0 && is(LONG_SCHEMES) {
            let from = from + length + blanks;
            // Parameters of these stand in quotes themselves.
            (from, from + self.count(from, |byte| !matches!(byte, b'\n' | b'\r')))
        } else if blanks > 0 && is(SCHEMES) {
            let from = from + length + blanks;
            (from, from + self.count(from, |byte| to_the_end(byte) && !byte.is_ascii_whitespace()))
        } else {
            (from, from + self.count(from, |byte| to_the_end(byte) && !byte.is_ascii_whitespace()))
        };
        if is_prose(&self.bytes[from..end.min(from + NAME_MAX)]) && end - from <= NAME_MAX {
            return None;
        }
        self.secret(Value { from, end, quoted: false }, "authorization")
    }

    /// A value without quotes.
    fn plain(&self, from: usize, form: Form, key: &[u8], kind: &'static str) -> Option<Found> {
        let length = match form {
            Form::Line => self.count(from, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\\')),
            Form::SpacedLine => self.count(from, |byte| !matches!(byte, b'\n' | b'\r' | b'"' | b'\\')),
            Form::Within | Form::Code => self.count(from, |byte| !byte.is_ascii_whitespace() && !ends_value(byte)),
        };
        let line = self.bytes[from..from + length].trim_ascii_end();
        let word = &line[..line.iter().take_while(|byte| !byte.is_ascii_whitespace()).count()];
        if word.len() <= NAME_MAX && self.is_no_literal(from, line, word, form, key, kind) {
            return None;
        }
        self.secret(Value { from, end: from + line.len(), quoted: false }, kind)
    }

    /// Whether a short value is part of code, of a count or of a sentence, and no secret.
    fn is_no_literal(&self, from: usize, line: &[u8], word: &[u8], form: Form, key: &[u8], kind: &'static str) -> bool {
        // A value that ends in punctuation stands in a list or a sentence.
        let word = word.strip_suffix(b",").or_else(|| word.strip_suffix(b";")).unwrap_or(word);
        let rest = &line[word.len()..];
        let has_digit = word.iter().any(u8::is_ascii_digit);
        let next = self.byte(from + word.len());
        // A count of tokens is none, and neither is a page's number.
        let is_count = kind == "token" && word.len() < 10 && word.iter().all(u8::is_ascii_digit);
        let calls = !word.is_empty() && (next == Some(b'(') || word.contains(&b'('));
        let code = match form {
            Form::Line => false,
            // `token: Type = …`, whose value has its own turn.
            Form::SpacedLine => {
                let typed = !has_digit && rest.trim_ascii_start().first() == Some(&b'=');
                calls || typed || line.ends_with(b";") || line.ends_with(b"{")
            }
            Form::Within => calls,
            Form::Code => calls || !has_digit,
        };
        // `token: Token,` declares a type.
        let type_name = form != Form::Line
            && word.first().is_some_and(u8::is_ascii_uppercase)
            && !has_digit
            && matches!(next, Some(b',' | b'<' | b')' | b';'));
        let none = !rest.is_empty() && std::str::from_utf8(word).is_ok_and(is_word_for_none);
        is_count || code || type_name || none || word.eq_ignore_ascii_case(key) || is_prose(word)
    }

    /// The value, unless it is none.
    fn secret(&self, value: Value, kind: &'static str) -> Option<Found> {
        let text = &self.bytes[value.from..value.end];
        let short = std::str::from_utf8(&text[..text.len().min(NAME_MAX)]).unwrap_or_default().trim();
        let none = text.len() < NAME_MAX && is_word_for_none(short.trim_end_matches(['.', ',', ';']));
        let operator =
            !value.quoted && text.iter().all(|byte| !byte.is_ascii_alphanumeric() && byte.is_ascii()) && text.len() < 4;
        (!text.is_empty() && !none && !operator && !is_reference(text))
            .then_some(Found { at: value.from..value.end, kind })
    }
}

/// Whether a value within other text ends before this byte.
fn ends_value(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`' | b',' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' | b']' | b'}' | b'\\')
}

/// Whether a word is one with which a sentence goes on.
fn is_prose(word: &[u8]) -> bool {
    let letters = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let ends = word.get(letters).is_none_or(|byte| matches!(byte, b' ' | b'.' | b',' | b'!' | b'?'));
    ends && PROSE.iter().any(|prose| word[..letters].eq_ignore_ascii_case(prose.as_bytes()))
}
