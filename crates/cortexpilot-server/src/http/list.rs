//! Lists: a plain array, as existing clients know it, or one page as an object.

use std::fmt::Write as _;

use axum::http::HeaderValue;
use axum::response::Response;
use cortexpilot_core::port::runs::{FileProblem, Listing, RootState};
use serde::Serialize;
use serde_json::Value;

use super::error::ok;

/// Where a plain array's problems go: an array has no member for them. A JSON array like the member `problems` of the
/// paged form, in ASCII, cut after the entries that fit into [`PROBLEMS_BYTES_MAX`].
pub const PROBLEMS_HEADER: &str = "x-cortexpilot-problems";

/// How many problems there are, those that did not fit into [`PROBLEMS_HEADER`] included.
pub const PROBLEM_COUNT_HEADER: &str = "x-cortexpilot-problem-count";

/// How large the problems header may grow: clients and proxies limit the headers of an answer, many to 8 KiB.
const PROBLEMS_BYTES_MAX: usize = 4096;

/// A list, before it is decided in which form it is answered.
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
    pub(crate) problems: Vec<Value>,
}

#[derive(Serialize)]
struct Page<'a, T> {
    items: &'a [T],
    /// `null` on the last page.
    next_cursor: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    problems: &'a [Value],
}

impl<T: Serialize> List<T> {
    /// Joins entries with what could not be read.
    pub(crate) fn new(items: Vec<T>, next: Option<String>, problems: &[impl Serialize]) -> Self {
        let problems = problems
            .iter()
            .map(|problem| serde_json::to_value(problem).expect("invariant: problems serialise"))
            .collect();
        Self { items, next, problems }
    }

    /// A list of runs or cases. An empty one means something else when the runs root could not be looked in, so that is a
    /// problem of the list. The root's path is not named: it is for people at the server's own machine.
    pub(crate) fn of_runs(listing: Listing<T>) -> Self {
        let problem = match listing.root {
            RootState::Readable => None,
            RootState::Missing => Some("the runs root does not exist yet, so nothing was looked at".to_owned()),
            RootState::Unreadable(why) => Some(format!("the runs root cannot be read: {why}")),
        };
        let problems: Vec<FileProblem> =
            problem.map(|problem| FileProblem { file: ".".into(), line: None, problem }).into_iter().collect();
        Self::new(listing.items, listing.next, &problems)
    }

    /// Answers one page as an object, or the whole as an array.
    pub(crate) fn answer(&self, paged: bool) -> Response {
        if paged {
            return ok(&Page { items: &self.items, next_cursor: self.next.as_deref(), problems: &self.problems });
        }
        let mut response = ok(&self.items);
        if !self.problems.is_empty() {
            let headers = response.headers_mut();
            headers.insert(PROBLEMS_HEADER, problems_header(&self.problems));
            headers.insert(PROBLEM_COUNT_HEADER, HeaderValue::from(self.problems.len()));
        }
        response
    }
}

fn problems_header(problems: &[Value]) -> HeaderValue {
    let mut text = String::from("[");
    for problem in problems {
        let entry = ascii(&problem.to_string());
        if text.len() + entry.len() + 2 > PROBLEMS_BYTES_MAX {
            break;
        }
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&entry);
    }
    text.push(']');
    HeaderValue::from_str(&text).expect("invariant: escaped JSON is visible ASCII and spaces")
}

/// JSON text with everything beyond printable ASCII escaped. Such characters stand only inside strings, where `\u` does.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c == ' ' || c.is_ascii_graphic() {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_problems_header_is_ascii_json_of_bounded_size() {
        let problems: Vec<Value> = (0..200)
            .map(|line| json!({"file": "häß\u{1f600}\u{7f}\n.json", "line": line, "problem": "is no JSON object"}))
            .collect();
        let header = problems_header(&problems);
        assert!(header.len() <= PROBLEMS_BYTES_MAX);
        let read: Vec<Value> = serde_json::from_slice(header.as_bytes()).unwrap();
        assert!(read.len() > 10 && read.len() < 200);
        assert_eq!(read[..], problems[..read.len()]);
    }

    #[test]
    fn one_problem_too_large_for_the_header_is_still_counted() {
        let list = List::new(vec![1], None, &[json!({"file": "x".repeat(10_000)})]);
        let response = list.answer(false);
        assert_eq!(response.headers()[PROBLEMS_HEADER], "[]");
        assert_eq!(response.headers()[PROBLEM_COUNT_HEADER], "1");
    }
}
