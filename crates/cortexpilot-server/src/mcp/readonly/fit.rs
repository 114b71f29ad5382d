//! Cutting what is too large to be read: long texts are shortened, long lists end early, and `truncated` says so beside.

use serde::Serialize;
use serde_json::{Map, Value};

/// The member that says that something was left out of this object.
const TRUNCATED: &str = "truncated";

/// What `"truncated":true,` takes.
const TRUNCATED_BYTES: usize = 17;

/// Less than this is not worth a part of an entry: it is left out.
const WORTH_BYTES: usize = 32;

/// Cuts a value until its JSON text has at most `bytes`. The small members of an object are kept whole and its large ones
/// share what is left, so that one long text does not cost the status that stands behind it. An object out of which
/// something was left, at whatever depth, has `"truncated": true`. Says whether anything was cut.
pub(super) fn fit(value: &mut Value, bytes: usize) -> bool {
    if weight(value) <= bytes {
        return false;
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => shorten(text, bytes),
        Value::Array(items) => fit_array(items, bytes),
        Value::Object(members) => fit_object(members, bytes),
    }
    true
}

/// The length of the JSON text.
pub(super) fn weight(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).expect("invariant: a value serialises, and counting does not fail");
    count.0
}

/// Ends a text with an ellipsis so that it takes at most so many bytes with its quotes and escapes.
fn shorten(text: &mut String, bytes: usize) {
    const AROUND: usize = 2 + '…'.len_utf8();
    let mut left = bytes.saturating_sub(AROUND);
    let mut end = 0;
    for c in text.chars() {
        let escaped = match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            c if c < ' ' => 6,
            c => c.len_utf8(),
        };
        if escaped > left {
            break;
        }
        left -= escaped;
        end += c.len_utf8();
    }
    text.truncate(end);
    text.push('…');
}

fn fit_array(items: &mut Vec<Value>, bytes: usize) {
    let mut left = bytes.saturating_sub(2);
    let mut kept = 0;
    for item in items.iter_mut() {
        let whole = weight(item) + 1;
        if whole > left {
            if left > WORTH_BYTES {
                fit(item, left - 1);
                kept += 1;
            }
            break;
        }
        left -= whole;
        kept += 1;
    }
    items.truncate(kept);
}

fn fit_object(members: &mut Map<String, Value>, bytes: usize) {
    let mut left = bytes.saturating_sub(2 + TRUNCATED_BYTES);
    // What a name costs: quotes, colon, comma.
    let name_weight = |name: &str| weight(&name) + 2;
    let mut by_weight: Vec<(usize, usize, String)> =
        members.iter().map(|(name, value)| (weight(value), name_weight(name), name.clone())).collect();
    by_weight.sort_by_key(|(value, name, _)| value + name);
    let mut open = by_weight.len();
    for (value_bytes, name_bytes, name) in by_weight {
        let share = left / open;
        open -= 1;
        let allowed = share.saturating_sub(name_bytes);
        if value_bytes <= allowed {
            left -= value_bytes + name_bytes;
        } else if allowed >= WORTH_BYTES
            && let Some(value) = members.get_mut(&name)
        {
            fit(value, allowed);
            left = left.saturating_sub(weight(value) + name_bytes);
        } else {
            members.shift_remove(&name);
        }
    }
    members.insert(TRUNCATED.to_owned(), true.into());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fitted(mut value: Value, bytes: usize) -> Value {
        fit(&mut value, bytes);
        value
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let value = json!({"a": [1, 2, {"b": "c"}]});
        let bytes = value.to_string().len();
        assert_eq!(fitted(value.clone(), bytes), value);
        assert!(!fit(&mut value.clone(), bytes));
    }

    #[test]
    fn a_long_text_does_not_cost_the_small_members_beside_it() {
        let value =
            json!({"contract": {"spec": "x".repeat(5000), "id": "t"}, "log": vec!["line"; 2000], "status": "FAILURE"});
        let cut = fitted(value, 600);
        assert_eq!(cut["status"], "FAILURE");
        assert_eq!(cut["contract"]["id"], "t");
        assert_eq!((&cut["truncated"], &cut["contract"]["truncated"]), (&json!(true), &json!(true)));
        let spec = cut["contract"]["spec"].as_str().unwrap();
        assert!(spec.starts_with("xxx") && spec.ends_with('…'));
        assert!(cut["log"].as_array().unwrap().len() > 20);
        assert!(cut.to_string().len() <= 600, "{}", cut.to_string().len());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,300}|[\"\\\\\u{1}\n]{0,100}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 200, 12, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
                prop::collection::vec(("[a-z]{1,12}", inner), 0..12)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_cut_fits_and_stays_of_its_kind(value in any_json(), bytes in 64usize..4000) {
            let cut = fitted(json!({ "it": value.clone() }), bytes);
            prop_assert!(cut.is_object());
            prop_assert!(cut.to_string().len() <= bytes, "{} of {bytes}", cut.to_string().len());
            if json!({ "it": value.clone() }).to_string().len() <= bytes {
                prop_assert_eq!(cut, json!({ "it": value }));
            } else {
                prop_assert_eq!(&cut["truncated"], &json!(true));
            }
        }
    }
}
