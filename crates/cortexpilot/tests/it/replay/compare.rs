//! Comparing a recorded answer with ours, member by member.

use serde_json::Value;

use super::shape::{is_hex, is_time};

/// Members by which the elements of a list are told apart, so that one more or one fewer element is one difference.
const IDENTITIES: [&str; 3] = ["name", "run_id", "workflow_id"];

/// An answer in parts: `status`, `header NAME`, `body`, `answer`, `line`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Parts(pub(super) Vec<(String, Value)>);

impl Parts {
    pub(super) fn add(&mut self, part: impl Into<String>, value: impl Into<Value>) {
        self.0.push((part.into(), value.into()));
    }

    pub(super) fn get(&self, part: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == part).map(|(_, value)| value)
    }
}

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// The part, and in it a JSON pointer: `body /detail/code`. An element of a list stands under its identity where it has
    /// one, else under its index. ` order` at the end: the members both have stand in another order.
    pub(super) what: String,
    /// As recorded; `None` when there was nothing.
    pub(super) original: Option<Value>,
    /// As ours answers; `None` when there is nothing.
    pub(super) ours: Option<Value>,
}

/// What came of comparing two answers.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) differences: Vec<Difference>,
    /// How many recorded values ours answers unchanged.
    pub(super) unchanged: usize,
}

/// Everything in which `ours` differs from `recorded`. What is a success on one side and a refusal on the other is compared
/// as a whole: member by member it would only say the same thing many times.
pub(super) fn compare(recorded: &Parts, ours: &Parts) -> Compared {
    let mut found = Compared::default();
    let succeeded = |parts: &Parts| parts.get("status").and_then(Value::as_u64).map(|status| status < 400);
    let whole = succeeded(recorded) != succeeded(ours);
    for (part, was) in &recorded.0 {
        match ours.get(part) {
            Some(is) if whole && part == "body" && was != is => found.add(part.clone(), Some(was), Some(is)),
            Some(is) => found.value(part, was, is),
            None => found.add(part.clone(), Some(was), None),
        }
    }
    for (part, is) in &ours.0 {
        if recorded.get(part).is_none() {
            found.add(part.clone(), None, Some(is));
        }
    }
    found
}

impl Compared {
    fn add(&mut self, what: String, original: Option<&Value>, ours: Option<&Value>) {
        self.differences.push(Difference { what, original: original.cloned(), ours: ours.cloned() });
    }

    fn value(&mut self, at: &str, was: &Value, is: &Value) {
        match (was, is) {
            (Value::Object(_), Value::Object(_)) if refusals_differ(was, is) => {
                for (name, whole) in [("isError", false), ("structuredContent", true), ("content", false)] {
                    let (was, is) = (&was[name], &is[name]);
                    match whole {
                        true => self.add(under(at, name), Some(was), Some(is)),
                        false => self.value(&under(at, name), was, is),
                    }
                }
            }
            (Value::Object(was), Value::Object(is)) => {
                for (name, was) in was {
                    match is.get(name) {
                        Some(is) => self.value(&under(at, name), was, is),
                        None => self.add(under(at, name), Some(was), None),
                    }
                }
                for (name, is) in is.iter().filter(|(name, _)| !was.contains_key(*name)) {
                    self.add(under(at, name), None, Some(is));
                }
                let theirs: Vec<&str> = was.keys().map(String::as_str).filter(|name| is.contains_key(*name)).collect();
                let ours: Vec<&str> = is.keys().map(String::as_str).filter(|name| was.contains_key(*name)).collect();
                self.order(at, &theirs, &ours);
            }
            (Value::Array(was), Value::Array(is)) => match identities(was, is) {
                Some((theirs, ours)) => self.identified(at, (&theirs, was), (&ours, is)),
                None => {
                    for (index, (was, is)) in was.iter().zip(is).enumerate() {
                        self.value(&under(at, &index.to_string()), was, is);
                    }
                    for (index, was) in was.iter().enumerate().skip(is.len()) {
                        self.add(under(at, &index.to_string()), Some(was), None);
                    }
                    for (index, is) in is.iter().enumerate().skip(was.len()) {
                        self.add(under(at, &index.to_string()), None, Some(is));
                    }
                }
            },
            (Value::String(template), Value::String(text)) if filled(template, text) => self.unchanged += 1,
            (was, is) if was == is => self.unchanged += 1,
            (was, is) => self.add(at.to_owned(), Some(was), Some(is)),
        }
    }

    fn identified<'a>(&mut self, at: &str, (theirs, was): (&[&'a str], &[Value]), (ours, is): (&[&'a str], &[Value])) {
        for (id, was) in theirs.iter().zip(was) {
            match ours.iter().position(|other| other == id) {
                Some(index) => self.value(&under(at, id), was, &is[index]),
                None => self.add(under(at, id), Some(was), None),
            }
        }
        for (id, is) in ours.iter().zip(is).filter(|(id, _)| !theirs.contains(id)) {
            self.add(under(at, id), None, Some(is));
        }
        let common = |ids: &[&'a str], others: &[&str]| -> Vec<&'a str> {
            ids.iter().filter(|id| others.contains(id)).copied().collect()
        };
        self.order(at, &common(theirs, ours), &common(ours, theirs));
    }

    fn order(&mut self, at: &str, theirs: &[&str], ours: &[&str]) {
        if theirs != ours {
            let list = |names: &[&str]| Value::from(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            self.add(format!("{at} order"), Some(&list(theirs)), Some(&list(ours)));
        }
    }
}

/// Two results of a tool of which one is a refusal and the other is not.
fn refusals_differ(was: &Value, is: &Value) -> bool {
    matches!((was["isError"].as_bool(), is["isError"].as_bool()), (Some(was), Some(is)) if was != is)
}

/// The pointer of a member or element.
fn under(at: &str, segment: &str) -> String {
    if at.contains('/') { format!("{at}/{segment}") } else { format!("{at} /{segment}") }
}

/// Names for the elements of both lists, when one member names every element of each list differently.
fn identities<'a>(was: &'a [Value], is: &'a [Value]) -> Option<(Vec<&'a str>, Vec<&'a str>)> {
    fn named<'a>(list: &'a [Value], member: &str) -> Option<Vec<&'a str>> {
        // Queue items and ledger lines name runs and cases without being one.
        let name = |item: &'a Value| item.get(member).filter(|_| item.get("queue_id").is_none())?.as_str();
        let names: Vec<&str> = list.iter().map(name).collect::<Option<_>>()?;
        let distinct = names.iter().enumerate().all(|(index, name)| !names[..index].contains(name));
        distinct.then_some(names)
    }
    IDENTITIES.iter().find_map(|member| Some((named(was, member)?, named(is, member)?))).filter(|(was, is)| {
        // Two empty lists, or an empty one and a list without names, need none.
        !(was.is_empty() && is.is_empty())
    })
}

/// Whether a text is the recorded one, with its placeholders filled in: `$NOW_US` a timestamp, `$HEX32` 32 hex digits.
pub(super) fn filled(template: &str, text: &str) -> bool {
    let next = |mark: &'static str| template.find(mark).map(|at| (at, mark));
    let Some((at, mark)) = [next("$NOW_US"), next("$HEX32")].into_iter().flatten().min() else {
        return template == text;
    };
    let after = &template[at + mark.len()..];
    let Some(rest) = text.strip_prefix(&template[..at]) else { return false };
    let lengths: &[usize] = if mark == "$HEX32" { &[32] } else { &[32, 25] };
    lengths.iter().any(|length| {
        let (Some(value), Some(rest)) = (rest.get(..*length), rest.get(*length..)) else { return false };
        let fits = if mark == "$HEX32" { is_hex(value, *length) } else { is_time(value) };
        fits && filled(after, rest)
    })
}

#[test]
fn every_kind_of_difference_is_found_where_it_is() {
    let parts = |body: &str| Parts(vec![("body".to_owned(), serde_json::from_str(body).unwrap())]);
    let whats = |was: &str, is: &str| -> Vec<String> {
        compare(&parts(was), &parts(is)).differences.into_iter().map(|difference| difference.what).collect()
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(whats(r#"{"a": [1, {"b": null}]}"#, r#"{"a": [1, {"b": null}]}"#), none);
    assert_eq!(whats(r#"{"a": 1, "b": 2}"#, r#"{"a": 1, "c": 3}"#), ["body /b", "body /c"]);
    assert_eq!(whats(r#"{"a": 1, "b": 2}"#, r#"{"b": 2, "c": 3, "a": 1}"#), ["body /c", "body order"]);
    assert_eq!(whats(r#"{"a": [1, 2]}"#, r#"{"a": [1, 3, 4]}"#), ["body /a/1", "body /a/2"]);
    assert_eq!(whats(r#"{"a": ""}"#, r#"{"a": null}"#), ["body /a"]);
    assert_eq!(whats(r#"1"#, r#"1.0"#), ["body"]);
    let (two, three) =
        (r#"[{"run_id": "x"}, {"run_id": "y"}]"#, r#"[{"run_id": "y", "n": 1}, {"run_id": "z"}, {"run_id": "x"}]"#);
    assert_eq!(whats(two, three), ["body /y/n", "body /z", "body order"]);
    assert_eq!(whats("[]", two), ["body /x", "body /y"]);
    assert_eq!(whats(r#"[{"run_id": "x"}, {"run_id": "x"}]"#, r#"[{"run_id": "x"}]"#), ["body /1"]);
    let (old, new) = (r#"[{"queue_id": "a", "run_id": ""}]"#, r#"[{"queue_id": "b", "run_id": ""}]"#);
    assert_eq!(whats(old, new), ["body /0/queue_id"]);
}

#[test]
fn a_success_and_a_refusal_are_compared_as_wholes() {
    let parts = |status: u64, body: &str| {
        Parts(vec![("status".to_owned(), status.into()), ("body".to_owned(), serde_json::from_str(body).unwrap())])
    };
    let found = compare(&parts(200, r#"{"a": 1, "b": 2}"#), &parts(403, r#"{"detail": {}}"#));
    assert_eq!(found.differences.iter().map(|found| found.what.as_str()).collect::<Vec<_>>(), ["status", "body"]);
    let result = |text: &str| Parts(vec![("answer".to_owned(), serde_json::from_str(text).unwrap())]);
    let found = compare(
        &result(r#"{"result": {"content": [1], "structuredContent": {"a": 1, "b": 2}, "isError": false}}"#),
        &result(r#"{"result": {"content": [2], "structuredContent": {"code": "X"}, "isError": true}}"#),
    );
    let whats: Vec<&str> = found.differences.iter().map(|found| found.what.as_str()).collect();
    assert_eq!(whats, ["answer /result/isError", "answer /result/structuredContent", "answer /result/content/0"]);
}

#[test]
fn placeholders_are_filled_by_their_kind_alone() {
    let id = "0123456789abcdef0123456789abcdef";
    assert!(filled("$HEX32", id) && filled("item `$HEX32` is", &format!("item `{id}` is")));
    assert!(filled("$NOW_US", "2026-11-22T08:30:52.000001+00:00") && filled("$NOW_US", "2026-11-22T08:30:52+00:00"));
    for (template, text) in [("$HEX32", "x"), ("$HEX32", ""), ("$NOW_US", id), ("$HEX32", "é"), ("a$HEX32", id)] {
        assert!(!filled(template, text), "{template} {text}");
    }
}
