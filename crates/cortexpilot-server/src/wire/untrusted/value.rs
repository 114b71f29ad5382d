//! JSON of a run.

use serde_json::{Map, Value};

use super::{Cleaner, secrets};

/// What an entry costs beside its text: its place in the answer.
const ENTRY: usize = 4;

impl Cleaner {
    /// Cleans a value in place: its strings and its names. Where the answer is full, the rest of its lists and objects is
    /// left out.
    pub(super) fn value(&mut self, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => self.in_place(text),
            Value::Array(items) => self.array(items),
            Value::Object(members) => self.object(members, None),
        }
    }

    fn array(&mut self, items: &mut Vec<Value>) {
        // What a string says about the one behind it: a key that goes on, an option or a header without its value.
        let (mut key_goes_on, mut named) = (false, None);
        let headers = items.len() == 2;
        for index in 0..items.len() {
            if !self.room(ENTRY) {
                items.truncate(index);
                return;
            }
            let item = &mut items[index];
            let next = match item {
                Value::String(text) => {
                    let option = text.strip_prefix("--").filter(|name| is_option(name));
                    let name = option.or_else(|| (headers && index == 0).then_some(text.as_str()));
                    let next = name.and_then(secrets::kind_of_member);
                    if key_goes_on {
                        key_goes_on = !secrets::has_key_end(text);
                        self.mask(text, "private-key");
                    } else if let Some(kind) = named {
                        self.mask_unless_placeholder(text, kind);
                    } else {
                        key_goes_on = secrets::key_goes_on(text);
                        self.in_place(text);
                    }
                    next
                }
                other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                    self.value(other);
                    None
                }
            };
            named = next;
        }
    }

    /// `named`: the kind of secret that the name of this object says it is.
    fn object(&mut self, members: &mut Map<String, Value>, named: Option<&'static str>) {
        let named_value = named.or_else(|| named_value(members));
        let mut clean_names = true;
        let mut kept = 0;
        for (name, value) in members.iter_mut() {
            if !self.room(ENTRY + name.len().min(self.limits.chars)) {
                break;
            }
            kept += 1;
            clean_names &= super::is_plain(name) && name.len() <= self.limits.chars;
            let kind = secrets::kind_of_member(name).or(named_value.filter(|_| is_value(name)));
            match (kind, value) {
                (Some(kind), value) => self.secret_member(value, kind),
                (None, Value::String(text)) if secrets::is_registry_auth(name, text) => {
                    self.mask(text, "basic-credential")
                }
                (None, value) => self.value(value),
            }
        }
        if kept < members.len() || !clean_names {
            self.rename(members, kept);
        }
    }

    /// The value of a member whose name says that it is a secret. Of an object with such a name only its `value`
    /// and the members that are secrets themselves are masked: often it says where a secret is kept.
    fn secret_member(&mut self, value: &mut Value, kind: &'static str) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(_) if kind != "password" => {}
            Value::Number(_) => {
                self.done.redacted += 1;
                *value = Value::String(super::mask(kind));
            }
            Value::String(text) => self.mask_unless_placeholder(text, kind),
            Value::Array(items) => {
                for index in 0..items.len() {
                    if !self.room(ENTRY) {
                        items.truncate(index);
                        return;
                    }
                    self.secret_member(&mut items[index], kind);
                }
            }
            Value::Object(members) => self.object(members, Some(kind)),
        }
    }

    fn mask_unless_placeholder(&mut self, text: &mut String, kind: &'static str) {
        if secrets::is_placeholder(text) {
            self.in_place(text);
        } else {
            self.mask(text, kind);
        }
    }

    fn mask(&mut self, text: &mut String, kind: &'static str) {
        self.done.redacted += 1;
        *text = super::mask(kind);
        self.room(text.len());
    }

    /// Cleans the names of the first members and drops the others. Two names that have become equal are told apart.
    fn rename(&mut self, members: &mut Map<String, Value>, kept: usize) {
        let all = std::mem::take(members);
        for (name, value) in all.into_iter().take(kept) {
            let (clean, done) = super::shown(&name, self.limits.chars);
            self.done += done;
            let mut name = clean.into_owned();
            if members.contains_key(&name) {
                let again = (2..).map(|number| format!("{name}#{number}"));
                name = again.into_iter().find(|name| !members.contains_key(name)).unwrap_or(name);
            }
            members.insert(name, value);
        }
    }
}

/// What kind of secret the member `value` is by what stands beside it: `{"name": "DB_PASSWORD", "value": "…"}`.
fn named_value(members: &Map<String, Value>) -> Option<&'static str> {
    if members.len() > 8 || !members.keys().any(|name| is_value(name)) {
        return None;
    }
    let names = ["name", "key", "variable", "env", "header"];
    names.iter().filter_map(|name| members.get(*name)).filter_map(Value::as_str).find_map(secrets::kind_of_member)
}

fn is_value(name: &str) -> bool {
    matches!(name, "value" | "default" | "Value")
}

/// Whether this is an option's name and nothing else.
fn is_option(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
