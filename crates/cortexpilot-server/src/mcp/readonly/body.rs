//! An answer under construction.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::fit::weight;
use crate::wire::untrusted::{Done, cursor};

/// How much of the problems of an answer is named: enough to see what is wrong.
const PROBLEMS_BYTES: usize = 4 * 1024;

/// The members of an answer in the order in which they were added.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Body(pub(super) Map<String, Value>, #[serde(skip)] pub(super) Done);

impl Body {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn with(mut self, member: &str, value: &impl Serialize) -> Self {
        self.0.insert(member.to_owned(), value_of(value));
        self
    }

    pub(super) fn next(self, next: Option<&str>) -> Self {
        match next.map(str::to_owned).and_then(cursor::shown) {
            Some(cursor) => self.with("next_cursor", &cursor),
            None => self,
        }
    }

    /// What was done to entries on their way here.
    pub(super) fn done(mut self, done: Done) -> Self {
        self.1 += done;
        self
    }

    /// What could not be read: as much of it as fits beside a page, and how much more there is.
    pub(super) fn problems(self, problems: &[impl Serialize]) -> Self {
        let mut named = Vec::new();
        let mut left = PROBLEMS_BYTES;
        for problem in problems {
            let problem = value_of(problem);
            let bytes = weight(&problem) + 1;
            if bytes > left {
                let more = format!("{} more problems are not named here", problems.len() - named.len());
                named.push(json!({ "file": ".", "problem": more }));
                break;
            }
            left -= bytes;
            named.push(problem);
        }
        if named.is_empty() { self } else { self.with("problems", &named) }
    }

    pub(super) fn note(self, note: Option<&str>) -> Self {
        match note {
            Some(note) => self.with("note", &note),
            None => self,
        }
    }
}

pub(super) fn value_of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("invariant: read models serialise")
}
