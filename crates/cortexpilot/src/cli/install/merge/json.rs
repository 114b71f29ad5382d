//! JSON, with the places of what stands in it. The text was parsed before it is scanned, so the scanner only has to find
//! its way through what is known to be well formed.

use std::ops::Range;

use serde_json::{Map, Value};

use super::{NotMerged, line_break, spliced};

/// Some editors put it at the start; Claude Code reads such a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// One member of an object, with its places in the text.
struct Member {
    name: String,
    key: Range<usize>,
    value: Range<usize>,
}

/// An object's place, braces included, and its members.
struct Object {
    at: Range<usize>,
    members: Vec<Member>,
}

pub(super) fn find(text: &str, list: &str, name: &str) -> Result<Option<Value>, NotMerged> {
    let whole = parsed(text)?;
    // Which of two members counts is not ours to say, so it is looked at before anything is answered.
    if let Some(servers) = servers(text, list)? {
        servers.member(name)?;
    }
    Ok(whole.get(list).and_then(|servers| servers.get(name)).cloned())
}

pub(super) fn put(text: &str, list: &str, name: &str, entry: &Value) -> Result<String, NotMerged> {
    let mut wanted = parsed(text)?;
    let member = wanted.entry(list).or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(servers_wanted) = member else { return Err(NotMerged::NotATable(list.to_owned())) };
    servers_wanted.insert(name.to_owned(), entry.clone());
    let out = if is_blank(text) {
        let list =
            Map::from_iter([(list.to_owned(), Value::Object(Map::from_iter([(name.to_owned(), entry.clone())])))]);
        format!("{text}{}\n", pretty(&Value::Object(list), "  ", "", "\n"))
    } else {
        match servers(text, list)? {
            Some(servers) => match servers.member(name)? {
                Some(member) => replaced(text, member, entry),
                None => inserted(text, &servers, name, entry),
            },
            None => {
                let root = root(text)?;
                inserted(text, &root, list, &Value::Object(Map::from_iter([(name.to_owned(), entry.clone())])))
            }
        }
    };
    checked(out, &wanted)
}

pub(super) fn take(text: &str, list: &str, name: &str) -> Result<String, NotMerged> {
    let mut wanted = parsed(text)?;
    let Some(servers) = servers(text, list)? else { return Ok(text.to_owned()) };
    let Some(index) = servers.index(name)? else { return Ok(text.to_owned()) };
    if let Some(Value::Object(servers)) = wanted.get_mut(list) {
        servers.shift_remove(name);
    }
    let members = &servers.members;
    let gone = match (index.checked_sub(1).and_then(|before| members.get(before)), members.get(index + 1)) {
        // What stands before the next one's name stays before it.
        (_, Some(next)) => members[index].key.start..next.key.start,
        (Some(before), None) => before.value.end..members[index].value.end,
        (None, None) => servers.at.start + 1..servers.at.end - 1,
    };
    checked(spliced(text, gone, ""), &wanted)
}

pub(super) fn alone(name: &str, entry: &Value) -> String {
    format!("{}: {}\n", quoted(name), pretty(entry, "  ", "", "\n"))
}

/// The whole as an object; a file without content is an empty one.
fn parsed(text: &str) -> Result<Map<String, Value>, NotMerged> {
    let unreadable = |what: String| NotMerged::Unreadable { kind: "JSON", what };
    if is_blank(text) {
        return Ok(Map::new());
    }
    match serde_json::from_str(text.trim_start_matches(BYTE_ORDER_MARK)) {
        Ok(Value::Object(whole)) => Ok(whole),
        Ok(_) => Err(unreadable("it is no object".to_owned())),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

fn is_blank(text: &str) -> bool {
    text.trim_start_matches(BYTE_ORDER_MARK).trim().is_empty()
}

/// What was made, if it says what was wanted and nothing else.
fn checked(out: String, wanted: &Map<String, Value>) -> Result<String, NotMerged> {
    match parsed(&out) {
        Ok(whole) if whole == *wanted => Ok(out),
        Ok(_) | Err(_) => Err(NotMerged::Unsafe),
    }
}

fn root(text: &str) -> Result<Object, NotMerged> {
    let start = text.find('{').ok_or(NotMerged::Unsafe)?;
    Scan { text, at: start }.object().ok_or(NotMerged::Unsafe)
}

/// The object that holds the servers.
fn servers(text: &str, list: &str) -> Result<Option<Object>, NotMerged> {
    if is_blank(text) {
        return Ok(None);
    }
    match root(text)?.member(list)? {
        None => Ok(None),
        Some(member) if text[member.value.clone()].starts_with('{') => {
            Scan { text, at: member.value.start }.object().ok_or(NotMerged::Unsafe).map(Some)
        }
        Some(_) => Err(NotMerged::NotATable(list.to_owned())),
    }
}

impl Object {
    fn index(&self, name: &str) -> Result<Option<usize>, NotMerged> {
        let mut found = self.members.iter().enumerate().filter(|(_, member)| member.name == name);
        let first = found.next();
        match found.next() {
            None => Ok(first.map(|(index, _)| index)),
            Some(_) => Err(NotMerged::Twice(name.to_owned())),
        }
    }

    fn member(&self, name: &str) -> Result<Option<&Member>, NotMerged> {
        Ok(self.index(name)?.map(|index| &self.members[index]))
    }
}

/// Another value in a member's place, in the way the old one is written.
fn replaced(text: &str, member: &Member, value: &Value) -> String {
    let with = if text[member.value.clone()].contains('\n') {
        pretty(value, &unit(text), &indent_of_line(text, member.key.start), line_break(text))
    } else {
        value.to_string()
    };
    spliced(text, member.value.clone(), &with)
}

/// One more member at the end of an object, in the way its members are written.
fn inserted(text: &str, object: &Object, name: &str, value: &Value) -> String {
    let (unit, end) = (unit(text), line_break(text));
    let whole = object.at.clone();
    let Some(last) = object.members.last() else {
        let inside = &text[whole.start + 1..whole.end - 1];
        if is_one_line(text) && text.trim() != "{}" {
            return spliced(text, whole.start + 1..whole.start + 1, &one_line(name, value, ":"));
        }
        let outer = indent_of_line(text, whole.start);
        let inner = format!("{outer}{unit}");
        // An object that is open already keeps its own closing line.
        let close = if inside.contains('\n') { String::new() } else { format!("{end}{outer}") };
        let with = format!("{end}{inner}{}: {}{close}", quoted(name), pretty(value, &unit, &inner, end));
        return spliced(text, whole.start + 1..whole.start + 1, &with);
    };
    let before = &text[..last.key.start];
    let blank = &before[before.trim_end_matches([' ', '\t', '\r', '\n']).len()..];
    let with = if blank.contains('\n') {
        let indent = &blank[blank.rfind('\n').map_or(0, |at| at + 1)..];
        format!(",{end}{indent}{}: {}", quoted(name), pretty(value, &unit, indent, end))
    } else {
        let colon = &text[last.key.end..last.value.start];
        let apart = if object.members.len() == 1 && blank.is_empty() && colon.ends_with(' ') { " " } else { blank };
        format!(",{apart}{}", one_line(name, value, colon))
    };
    spliced(text, last.value.end..last.value.end, &with)
}

fn one_line(name: &str, value: &Value, colon: &str) -> String {
    let colon = if colon.trim() == ":" { colon } else { ":" };
    format!("{}{colon}{value}", quoted(name))
}

fn quoted(name: &str) -> String {
    Value::from(name).to_string()
}

fn is_one_line(text: &str) -> bool {
    !text.trim().contains('\n')
}

/// By how much the file indents: what stands before its first member's name, else two blanks.
fn unit(text: &str) -> String {
    let found = root(text).ok().and_then(|root| {
        let first = root.members.first()?;
        let before = &text[..first.key.start];
        let line = &before[before.rfind('\n')? + 1..];
        line.chars().all(|c| matches!(c, ' ' | '\t')).then(|| line.to_owned())
    });
    found.filter(|unit| !unit.is_empty()).unwrap_or_else(|| "  ".to_owned())
}

/// The blanks that begin the line of this place.
fn indent_of_line(text: &str, at: usize) -> String {
    let line = &text[text[..at].rfind('\n').map_or(0, |newline| newline + 1)..at];
    line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect()
}

/// Printed over several lines; the first one is to stand behind its name.
fn pretty(value: &Value, unit: &str, indent: &str, end: &str) -> String {
    let printed = serde_json::to_string_pretty(value).expect("invariant: our entries are texts and lists of texts");
    let lines: Vec<String> = printed
        .lines()
        .map(|line| {
            let inner = line.trim_start_matches(' ');
            format!("{}{inner}", unit.repeat((line.len() - inner.len()) / 2))
        })
        .collect();
    lines.join(&format!("{end}{indent}"))
}

/// A way through well-formed JSON. Anything unexpected ends it with `None`.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return Some(start..self.at);
                }
                _ => self.at += 1,
            }
        }
    }

    /// Past one value. Brackets are counted, not followed: however deep it is, this needs no stack.
    fn value(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return (self.at > start).then_some(start..self.at);
            }
        }
    }

    fn object(&mut self) -> Option<Object> {
        let start = self.at;
        self.expect(b'{')?;
        let mut members = Vec::new();
        self.blank();
        while self.peek()? != b'}' {
            let key = self.string()?;
            self.blank();
            self.expect(b':')?;
            self.blank();
            let value = self.value()?;
            let name = serde_json::from_str(&self.text[key.clone()]).ok()?;
            members.push(Member { name, key, value });
            self.blank();
            if self.peek()? == b',' {
                self.at += 1;
                self.blank();
            }
        }
        self.at += 1;
        Some(Object { at: start..self.at, members })
    }
}
