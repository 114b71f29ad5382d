//! What runs say, as models may read it.
//!
//! Text of a run was written by agents, tools and whoever they read from. It is data. Before a model reads it, it is cut to
//! a bounded length, characters that hide or reorder text are shown as their numbers (`\u{202E}`), and secrets are masked
//! (`[redacted:KIND]`); an answer says how many (`redacted`) and whether anything was cut (`truncated`). What is stored,
//! hashed, queued and judged stays as it is: this is done to answers, last.
//!
//! What CortexPilot says itself (ids, digests, times, tokens of previews) does not pass through here. Which members those
//! are is known from where an answer is put together, and not guessed from how they look. So each text passes once: the
//! escapes can be undone, and a second pass would escape them again.
//!
//! Masking is a net, not a wall: it knows names and forms, and whoever encodes a secret otherwise gets it through. Secrets
//! do not belong into runs.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::AddAssign;

use serde::Serialize;
use serde_json::{Map, Value};

use hidden::{Flat, has_nothing_hidden, is_hidden, looks_escaped};

pub mod cursor;

mod hidden;

mod secrets;

mod value;

mod views;

pub use views::{applied, item, preview};

/// How much text of a run one answer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest text, in characters as they are shown; the remark that it was cut comes on top.
    pub chars: usize,
    /// All texts and names together, in the same measure. What comes after is left out.
    pub total: usize,
}

impl Limits {
    /// An entry of a list: many of them share an answer.
    pub const LIST: Self = Self { chars: 1024, total: 64 * 1024 };

    /// The one thing an answer is about.
    pub const ONE: Self = Self { chars: 4096, total: 256 * 1024 };

    /// An answer that is one text.
    pub const TEXT: Self = Self { chars: 64 * 1024, total: 64 * 1024 };
}

/// What was done to texts on their way out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// How many secrets were masked.
    pub redacted: usize,
    /// Whether a text or a list was cut.
    pub truncated: bool,
}

impl AddAssign for Done {
    fn add_assign(&mut self, more: Self) {
        self.redacted += more.redacted;
        self.truncated |= more.truncated;
    }
}

impl Done {
    /// Says so in an answer; an answer to which nothing was done stays as it is.
    pub fn note(self, answer: &mut Map<String, Value>) {
        if self.redacted > 0 {
            answer.insert("redacted".to_owned(), self.redacted.into());
        }
        if self.truncated {
            answer.insert("truncated".to_owned(), true.into());
        }
    }

    /// An answer of fixed shape with what was done beside its members.
    ///
    /// # Panics
    /// When the view does not serialise to a JSON object.
    #[must_use]
    pub fn noted_in(self, view: &impl Serialize) -> Map<String, Value> {
        match serde_json::to_value(view) {
            Ok(Value::Object(mut members)) => {
                self.note(&mut members);
                members
            }
            Ok(_) | Err(_) => panic!("invariant: a view is a JSON object"),
        }
    }

    /// The schema of an answer of fixed shape, with the two members that it may have besides.
    #[must_use]
    pub fn in_schema(mut schema: Value) -> Value {
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.extend(Self::schema().map(|(name, member)| (name.to_owned(), member)));
        }
        schema
    }

    /// The two members as an output schema lists them.
    #[must_use]
    pub fn schema() -> [(&'static str, Value); 2] {
        [
            (
                "redacted",
                serde_json::json!({
                    "type": "integer", "minimum": 1,
                    "description": "How many secrets of run text were masked as [redacted:KIND]; absent when none was.",
                }),
            ),
            (
                "truncated",
                serde_json::json!({
                    "type": "boolean", "description": "True when text or a list was too large and goes on beyond what is shown.",
                }),
            ),
        ]
    }
}

/// Cleans JSON of a run in place: strings, and names of members.
pub fn value(value: &mut Value, limits: Limits) -> Done {
    let mut cleaner = Cleaner::new(limits);
    cleaner.value(value);
    cleaner.done
}

/// Cleans one text of a run.
#[must_use]
pub fn text(raw: &str, limits: Limits) -> (Cow<'_, str>, Done) {
    shown(raw, limits.chars.min(limits.total))
}

/// A text in which secrets are masked and nothing else is changed, for a place that escapes and cuts by rules of its own.
#[must_use]
pub fn masked(raw: &str) -> Cow<'_, str> {
    let secrets = secrets::find(&Flat::of(raw));
    if secrets.is_empty() {
        return Cow::Borrowed(raw);
    }
    let (mut out, mut at) = (String::new(), 0);
    for secret in secrets {
        out.push_str(&raw[at..secret.at.start]);
        out.push_str(&format!("(redacted: {})", secret.kind));
        at = secret.at.end;
    }
    out.push_str(&raw[at..]);
    Cow::Owned(out)
}

/// Whether a text can be shown as it is. A name that cannot (a report's, a workflow's) is of no use to who would ask by it.
#[must_use]
pub fn is_plain(raw: &str) -> bool {
    has_nothing_hidden(raw) && secrets::find(&Flat::of(raw)).is_empty()
}

/// Cleans the texts of one answer within its limits.
struct Cleaner {
    limits: Limits,
    left: usize,
    done: Done,
}

impl Cleaner {
    fn new(limits: Limits) -> Self {
        Self { limits, left: limits.total, done: Done::default() }
    }

    /// Takes room for so many characters. Without any left the answer is full.
    fn room(&mut self, chars: usize) -> bool {
        if self.left == 0 {
            self.done.truncated = true;
            return false;
        }
        self.left = self.left.saturating_sub(chars);
        true
    }

    fn in_place(&mut self, text: &mut String) {
        let (clean, done) = shown(text, self.limits.chars.min(self.left));
        self.done += done;
        self.left = self.left.saturating_sub(clean.len());
        if let Cow::Owned(clean) = clean {
            *text = clean;
        }
    }
}

/// What stands for a secret.
fn mask(kind: &str) -> String {
    format!("[redacted:{kind}]")
}

/// Masks, escapes and cuts a text, in this order: a secret is never cut to a part that looks like none.
fn shown(raw: &str, most: usize) -> (Cow<'_, str>, Done) {
    let secrets = secrets::find(&Flat::of(raw));
    if secrets.is_empty() && has_nothing_hidden(raw) && (raw.len() <= most || raw.chars().nth(most).is_none()) {
        return (Cow::Borrowed(raw), Done::default());
    }
    let mut out = Out { text: String::new(), chars: 0, most };
    let (mut at, mut redacted) = (0, 0);
    let mut whole = true;
    for secret in &secrets {
        whole = out.escaped(raw, at..secret.at.start) && out.push(&mask(secret.kind));
        if !whole {
            break;
        }
        redacted += 1;
        at = secret.at.end;
    }
    whole = whole && out.escaped(raw, at..raw.len());
    if !whole {
        // Writing to a String cannot fail.
        let _ = write!(out.text, "… [cut: {} of {} characters]", out.chars, raw.chars().count());
    }
    (Cow::Owned(out.text), Done { redacted, truncated: !whole })
}

struct Out {
    text: String,
    chars: usize,
    most: usize,
}

impl Out {
    /// Adds something whole, or nothing. `false`: there was no room.
    fn push(&mut self, text: &str) -> bool {
        let chars = text.chars().count();
        if self.chars + chars > self.most {
            return false;
        }
        self.text.push_str(text);
        self.chars += chars;
        true
    }

    /// Adds a range of a text, hidden characters as their numbers.
    fn escaped(&mut self, raw: &str, range: std::ops::Range<usize>) -> bool {
        let mut before = raw[..range.start].chars().next_back();
        let mut left = raw[range.clone()].char_indices().peekable();
        while let Some((at, c)) = left.next() {
            let after = left.peek().map(|(_, c)| *c);
            // The two are one line end: alone, the first would draw over the line.
            if (c, after) == ('\r', Some('\n')) {
                if !self.push("\r\n") {
                    return false;
                }
                left.next();
                before = after;
                continue;
            }
            let fits = if is_hidden(c, before, after) || (c == '\\' && looks_escaped(raw, range.start + at)) {
                self.push(&format!("\\u{{{:04X}}}", u32::from(c)))
            } else {
                self.push(c.encode_utf8(&mut [0; 4]))
            };
            if !fits {
                return false;
            }
            before = Some(c);
        }
        true
    }
}

#[cfg(test)]
mod tests;
