//! TOML, with the places of what stands in it. A table with a heading can be added at the end of any file that does not
//! hold the servers in another form; the two other forms are continued as they are.

use std::ops::Range;

use serde_json::Value as Json;
use toml_edit::{Document, Item, Key, Table, Value};

use super::{NotMerged, line_break, spliced};

/// The whole, as what it says.
type Meaning = toml::Table;

pub(super) fn find(text: &str, list: &str, name: &str) -> Result<Option<Json>, NotMerged> {
    let document = parsed(text)?;
    let Some(servers) = servers(&document, list)? else { return Ok(None) };
    if servers.get(name).is_none() {
        return Ok(None);
    }
    let entry = meaning(text)?.get(list).and_then(|servers| servers.get(name)).cloned();
    let entry = entry.map(serde_json::to_value).transpose().map_err(|_| NotMerged::Unsafe)?;
    match entry {
        Some(entry) if entry.is_object() => Ok(Some(entry)),
        Some(_) | None => Err(NotMerged::NotATable(format!("{list}.{name}"))),
    }
}

pub(super) fn put(text: &str, list: &str, name: &str, entry: &Json) -> Result<String, NotMerged> {
    let mut wanted = meaning(text)?;
    let text = &take(text, list, name)?;
    let table = toml::Value::try_from(entry).map_err(|_| NotMerged::Unsafe)?;
    let servers_wanted = wanted.entry(list).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    servers_wanted.as_table_mut().ok_or(NotMerged::Unsafe)?.insert(name.to_owned(), table);
    let document = parsed(text)?;
    let out = match document.get(list) {
        Some(Item::Value(Value::InlineTable(inline))) => {
            let place = inline.span().ok_or(NotMerged::Unsafe)?;
            let inside = &text[place.start + 1..place.end - 1];
            let pair = format!("{} = {}", key(name), inline_table(entry));
            // Behind the last value, before the blanks that keep it off the brace.
            let end = place.start + 1 + inside.trim_end().len();
            let with = match (inside.trim().is_empty(), inside.trim_end().ends_with(',')) {
                (true, _) => format!(" {pair} "),
                (false, true) => format!(" {pair}"),
                (false, false) => format!(", {pair}"),
            };
            spliced(text, end..end, &with)
        }
        Some(Item::Table(table)) if table.is_dotted() => {
            let mut places = Vec::new();
            statements(table, text, &mut places);
            let end = places.iter().map(|place| place.end).max().ok_or(NotMerged::Unsafe)?;
            let with = format!("{}.{} = {}{}", key(list), key(name), inline_table(entry), line_break(text));
            let with = if text[..end].ends_with('\n') { with } else { format!("{}{with}", line_break(text)) };
            spliced(text, end..end, &with)
        }
        None | Some(Item::Table(_)) => appended(text, list, name, entry),
        Some(Item::Value(_) | Item::ArrayOfTables(_) | Item::None) => {
            return Err(NotMerged::NotATable(list.to_owned()));
        }
    };
    checked(out, list, wanted)
}

pub(super) fn take(text: &str, list: &str, name: &str) -> Result<String, NotMerged> {
    let document = parsed(text)?;
    let Some(servers) = servers(&document, list)? else { return Ok(text.to_owned()) };
    let Some((key, item)) = servers.get_key_value(name) else { return Ok(text.to_owned()) };
    let mut wanted = meaning(text)?;
    if let Some(servers) = wanted.get_mut(list).and_then(toml::Value::as_table_mut) {
        servers.remove(name);
    }
    let out = match document.get(list) {
        Some(Item::Value(Value::InlineTable(inline))) => {
            let of = |key: &Key, item: &Item| Some(key.span()?.start..item.span()?.end);
            let place = inline.span().ok_or(NotMerged::Unsafe)?;
            let all: Option<Vec<Range<usize>>> = inline
                .iter()
                .map(|(name, _)| inline.get_key_value(name).and_then(|(key, item)| of(key, item)))
                .collect();
            let all = all.ok_or(NotMerged::Unsafe)?;
            let own = of(key, item).ok_or(NotMerged::Unsafe)?;
            let before = all.iter().filter(|other| other.end <= own.start).max_by_key(|other| other.end);
            let next = all.iter().filter(|other| other.start >= own.end).min_by_key(|other| other.start);
            let gone = match (before, next) {
                (_, Some(next)) => own.start..next.start,
                (Some(before), None) => before.end..own.end,
                (None, None) => place.start + 1..place.end - 1,
            };
            spliced(text, gone, "")
        }
        Some(_) | None => {
            let mut places = Vec::new();
            statement(key, item, text, &mut places);
            without(text, places)
        }
    };
    checked(out, list, wanted)
}

pub(super) fn alone(list: &str, name: &str, entry: &Json, end: &str) -> String {
    let mut text = format!("[{}.{}]{end}", key(list), key(name));
    for (name, value) in members(entry) {
        text.push_str(&format!("{} = {}{end}", key(name), value_text(value)));
    }
    text
}

fn parsed(text: &str) -> Result<Document<&str>, NotMerged> {
    Document::parse(text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let place = line.map(|line| format!(" at line {line}")).unwrap_or_default();
        NotMerged::Unreadable { kind: "TOML", what: format!("{}{place}", error.message().trim()) }
    })
}

fn meaning(text: &str) -> Result<Meaning, NotMerged> {
    text.parse().map_err(|error: toml::de::Error| NotMerged::Unreadable {
        kind: "TOML",
        what: error.message().trim().to_owned(),
    })
}

/// What was made, if it says what was wanted and nothing else. A table of servers without a server is as good as none.
fn checked(out: String, list: &str, mut wanted: Meaning) -> Result<String, NotMerged> {
    let mut made = meaning(&out).map_err(|_| NotMerged::Unsafe)?;
    for whole in [&mut made, &mut wanted] {
        if whole.get(list).and_then(toml::Value::as_table).is_some_and(toml::Table::is_empty) {
            whole.remove(list);
        }
    }
    if made == wanted { Ok(out) } else { Err(NotMerged::Unsafe) }
}

fn servers<'a>(document: &'a Document<&str>, list: &str) -> Result<Option<&'a dyn toml_edit::TableLike>, NotMerged> {
    match document.get(list) {
        None => Ok(None),
        Some(item) => item.as_table_like().map(Some).ok_or_else(|| NotMerged::NotATable(list.to_owned())),
    }
}

/// A table with a heading of its own, behind everything.
fn appended(text: &str, list: &str, name: &str, entry: &Json) -> String {
    let end = line_break(text);
    let table = alone(list, name, entry, end);
    let text_so_far = text.trim_start_matches('\u{feff}');
    // The last line gets its end; what says something is kept apart by an empty line.
    let last = if text_so_far.is_empty() || text_so_far.ends_with('\n') { "" } else { end };
    let empty = if text_so_far.trim().is_empty() { "" } else { end };
    let apart = format!("{last}{empty}");
    format!("{text}{apart}{table}")
}

/// The whole lines of everything that says something in a table that others are part of.
fn statements(table: &Table, text: &str, out: &mut Vec<Range<usize>>) {
    for (name, _) in table.iter() {
        if let Some((key, item)) = table.get_key_value(name) {
            statement(key, item, text, out);
        }
    }
}

fn statement(key: &Key, item: &Item, text: &str, out: &mut Vec<Range<usize>>) {
    match item {
        Item::None => {}
        Item::Value(value) => {
            if let (Some(key), Some(value)) = (key.span(), value.span()) {
                out.push(lines(text, key.start..value.end));
            }
        }
        Item::Table(table) => heading(table, text, out),
        Item::ArrayOfTables(tables) => tables.iter().for_each(|table| heading(table, text, out)),
    }
}

fn heading(table: &Table, text: &str, out: &mut Vec<Range<usize>>) {
    // Tables that are only named by what is in them have no heading to take away.
    if !table.is_implicit() && !table.is_dotted() {
        out.extend(table.span().map(|span| lines(text, span)));
    }
    statements(table, text, out);
}

/// From the start of the first line to behind the end of the last one.
fn lines(text: &str, place: Range<usize>) -> Range<usize> {
    let start = text[..place.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[place.end..].find('\n').map_or(text.len(), |at| place.end + at + 1);
    start..end
}

/// The text without these lines, without the comments between them, and without one empty line before them.
fn without(text: &str, mut places: Vec<Range<usize>>) -> String {
    places.sort_by_key(|place| place.start);
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for place in places {
        let remarks = |gap: &str| gap.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        match stretches.last_mut() {
            Some(last) if last.end >= place.start || remarks(&text[last.end..place.start]) => {
                last.end = last.end.max(place.end);
            }
            Some(_) | None => stretches.push(place),
        }
    }
    let mut out = text.to_owned();
    for stretch in stretches.into_iter().rev() {
        let before = &text[..stretch.start];
        let has_heading = text[stretch.clone()].trim_start().starts_with('[');
        let empty = ["\r\n\r\n", "\n\n"].iter().find(|empty| has_heading && before.ends_with(**empty));
        let start = stretch.start - empty.map_or(0, |empty| empty.len() / 2);
        out.replace_range(start..stretch.end, "");
    }
    out
}

fn members(entry: &Json) -> impl Iterator<Item = (&String, &Json)> {
    entry.as_object().into_iter().flatten()
}

/// A name as it may stand in a heading.
fn key(name: &str) -> String {
    Key::new(name).display_repr().into_owned()
}

fn value_text(value: &Json) -> String {
    match value {
        Json::Array(values) => format!("[{}]", values.iter().map(value_text).collect::<Vec<_>>().join(", ")),
        Json::Object(_) => inline_table(value),
        Json::String(text) => Value::from(text.as_str()).to_string(),
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
    }
}

fn inline_table(entry: &Json) -> String {
    let pairs: Vec<String> =
        members(entry).map(|(name, value)| format!("{} = {}", key(name), value_text(value))).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}
