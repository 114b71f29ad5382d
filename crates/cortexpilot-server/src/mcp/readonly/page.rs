//! Pages: so many entries of a list as were asked for and as fit, chosen and cut down to what was asked for.

use cortexpilot_core::port::BoxFuture;
use cortexpilot_core::port::runs::{Listing, PageQuery, RootState};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::answered::{PAGE_BYTES, entry};
use super::body::value_of;
use super::fit::weight;
use crate::mcp::refused::Refused;
use crate::wire::untrusted::{Done, Limits, cursor};

/// How many entries a page has unless asked otherwise, and at most: a model's context is small.
const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 500;

/// How many entries of a list one call looks at to find those that were asked for.
const LOOKED_AT_MAX: usize = 2_000;

/// How many entries are read at a time where not all of them are wanted.
const CHUNK: usize = 250;

/// The most names of fields in one call, and the longest.
const FIELDS_MAX: usize = 64;
const FIELD_CHARS_MAX: usize = 128;

/// The longest text to filter by, in bytes; ids and names are shorter.
const FILTER_BYTES_MAX: usize = 1024;

/// Which part of a list is wanted.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) limit: usize,
    pub(super) after: Option<String>,
    pub(super) fields: Fields,
}

impl Wanted {
    pub(super) fn read(limit: Option<u32>, cursor: Option<String>, fields: Fields) -> Result<Self, Refused> {
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Refused::Arguments(format!("`limit` must be 1 to {LIMIT_MAX}.")));
        }
        let limit = usize::try_from(limit).expect("invariant: a small number");
        Ok(Self { limit, after: cursor.filter(|cursor| !cursor.is_empty()).map(cursor::meant), fields })
    }
}

/// Which members of an entry are wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Option<Vec<String>>);

impl Fields {
    /// Reads the names. `known` are all that entries of this list can have; empty where runs name them.
    pub(super) fn read(names: Option<Vec<String>>, known: &[&str]) -> Result<Self, Refused> {
        let Some(names) = names.filter(|names| !names.is_empty()) else { return Ok(Self(None)) };
        if names.len() > FIELDS_MAX || names.iter().any(|name| name.chars().count() > FIELD_CHARS_MAX) {
            let said = format!("`fields` takes at most {FIELDS_MAX} names of at most {FIELD_CHARS_MAX} characters.");
            return Err(Refused::Arguments(said));
        }
        if !known.is_empty() && names.iter().any(|name| !known.contains(&name.as_str())) {
            return Err(Refused::Arguments(format!(
                "`fields` names a field that is not known here. Known are: {}.",
                known.join(", ")
            )));
        }
        Ok(Self(Some(names)))
    }

    /// The entry with those members only; what identifies it and what is wrong with it stay.
    pub(super) fn of(&self, value: Value, always: &str) -> Value {
        match (&self.0, value) {
            (Some(names), Value::Object(mut members)) => {
                let kept =
                    |name: &str| name == always || name == "problems" || names.iter().any(|wanted| wanted == name);
                members.retain(|name, _| kept(name));
                Value::Object(members)
            }
            (_, value) => value,
        }
    }
}

/// A text to filter by: trimmed, and none when nothing is left of it.
pub(super) fn filter(name: &str, text: Option<String>) -> Result<Option<String>, Refused> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    match &text {
        Some(long) if long.len() > FILTER_BYTES_MAX => {
            Err(Refused::Arguments(format!("`{name}` must have at most {FILTER_BYTES_MAX} bytes.")))
        }
        Some(_) | None => Ok(text),
    }
}

/// A moment to begin at.
pub(super) fn since(text: Option<String>) -> Result<Option<Timestamp>, Refused> {
    let Some(text) = filter("since", text)? else { return Ok(None) };
    let problem = "`since` must be a time in ISO 8601 with an offset or Z, such as 2026-01-31T12:00:00Z.";
    text.parse().map(Some).map_err(|_| Refused::Arguments(problem.into()))
}

/// The entries of a page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) entries: Vec<Value>,
    pub(super) next: Option<String>,
    pub(super) note: Option<String>,
    /// What was done to the entries' texts.
    pub(super) done: Done,
    bytes: usize,
}

impl Page {
    /// Takes an entry. `false`: there is no room for it, and it begins the next page. The first always has room.
    pub(super) fn offer(&mut self, value: Value, limit: usize, texts: Limits) -> bool {
        let (value, done) = entry(value, texts);
        let bytes = weight(&value) + 1;
        if !self.entries.is_empty() && (self.entries.len() >= limit || self.bytes + bytes > PAGE_BYTES) {
            return false;
        }
        self.bytes += bytes;
        self.done += done;
        self.entries.push(value);
        true
    }
}

/// Whether an entry of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Yes,
    No,
    /// It is not, nor is any that follows.
    End,
}

/// Fills a page from a list that gives out cursors for whole pages only. Where a page ends in the middle of what was read,
/// the list is asked again, for just so much: its cursor is the one to go on with.
pub(super) async fn fill<'a, T: Serialize + Send + Sync>(
    wanted: &Wanted,
    always: &str,
    chosen: bool,
    ask: impl Fn(PageQuery) -> BoxFuture<'a, Result<Listing<T>, Refused>> + Send + Sync,
    keep: impl Fn(&T) -> Keep + Send + Sync,
) -> Result<(Page, RootState), Refused> {
    let mut page = Page::default();
    let mut after = wanted.after.clone();
    let mut looked_at = 0;
    loop {
        let limit = if chosen { CHUNK } else { wanted.limit - page.entries.len() };
        let listing = ask(PageQuery { limit: Some(limit), after: after.clone() }).await?;
        looked_at += listing.items.len();
        for (index, item) in listing.items.iter().enumerate() {
            match keep(item) {
                Keep::Yes => {}
                Keep::No => continue,
                Keep::End => return Ok((page, listing.root)),
            }
            if !page.offer(wanted.fields.of(value_of(item), always), wanted.limit, Limits::LIST) {
                page.next = match index {
                    0 => after,
                    _ => ask(PageQuery { limit: Some(index), after }).await?.next.or(listing.next),
                };
                return Ok((page, listing.root));
            }
        }
        after = listing.next;
        let enough = page.entries.len() >= wanted.limit || looked_at >= LOOKED_AT_MAX;
        if after.is_none() || enough {
            if after.is_some() && page.entries.len() < wanted.limit {
                page.note =
                    Some(format!("{looked_at} entries were looked at; there may be more: pass next_cursor as cursor."));
            }
            page.next = after;
            return Ok((page, listing.root));
        }
    }
}
