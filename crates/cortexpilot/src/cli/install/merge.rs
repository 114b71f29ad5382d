//! Putting one entry into somebody else's file, or taking it out. The text is never printed anew: places are found by
//! reading it, and characters are put in or taken out there. Whatever comes of that is read again and compared before
//! anybody may write it.

use std::ops::Range;

use serde_json::Value;

mod json;
mod toml;

/// How a client writes its configuration, and where in it the servers stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// JSON without comments; the servers are the members of this member of the whole.
    Json(&'static str),
    /// TOML; the servers are the tables in this table.
    Toml(&'static str),
}

/// Why a file is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotMerged {
    #[error("it is not {kind}: {what}")]
    Unreadable {
        /// The format that was expected.
        kind: &'static str,
        /// What the parser says, with the place.
        what: String,
    },
    #[error("`{0}` in it is not a list of servers by name")]
    NotATable(String),
    #[error("`{0}` stands in it twice, and programs differ in which one counts")]
    Twice(String),
    #[error("it is written in a way that this command cannot change safely")]
    Unsafe,
}

impl Shape {
    /// The entry of this name; `None` where there is none.
    pub(super) fn find(self, text: &str, name: &str) -> Result<Option<Value>, NotMerged> {
        match self {
            Self::Json(list) => json::find(text, list, name),
            Self::Toml(list) => toml::find(text, list, name),
        }
    }

    /// The text with this entry in it, in place of one of the same name.
    pub(super) fn put(self, text: &str, name: &str, entry: &Value) -> Result<String, NotMerged> {
        match self {
            Self::Json(list) => json::put(text, list, name, entry),
            Self::Toml(list) => toml::put(text, list, name, entry),
        }
    }

    /// The text without the entry of this name.
    pub(super) fn take(self, text: &str, name: &str) -> Result<String, NotMerged> {
        match self {
            Self::Json(list) => json::take(text, list, name),
            Self::Toml(list) => toml::take(text, list, name),
        }
    }

    /// The entry alone, as it would stand in an otherwise empty file.
    pub(super) fn alone(self, name: &str, entry: &Value) -> String {
        match self {
            Self::Json(_) => json::alone(name, entry),
            Self::Toml(list) => toml::alone(list, name, entry, "\n"),
        }
    }
}

/// Lines of a file end in one way; the first end decides for what is added.
fn line_break(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        Some(_) | None => "\n",
    }
}

/// The text with one stretch of it replaced.
fn spliced(text: &str, at: Range<usize>, with: &str) -> String {
    let mut out = String::with_capacity(text.len() + with.len());
    out.push_str(&text[..at.start]);
    out.push_str(with);
    out.push_str(&text[at.end..]);
    out
}

#[cfg(test)]
mod tests;
