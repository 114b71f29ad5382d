use serde_json::json;

use super::*;

const ALL: Limits = Limits { chars: 10_000, total: 1_000_000 };

fn cleaned(mut json: Value, limits: Limits) -> (Value, Done) {
    let done = value(&mut json, limits);
    (json, done)
}

/// Undoes the escapes.
fn undone(shown: &str) -> String {
    let mut out = String::new();
    let mut rest = shown;
    while let Some((before, escape)) = rest.split_once("\\u{") {
        let (number, after) = escape.split_once('}').expect("an escape ends");
        out.push_str(before);
        out.push(char::from_u32(u32::from_str_radix(number, 16).unwrap()).unwrap());
        rest = after;
    }
    out + rest
}

#[test]
fn hidden_characters_are_shown_and_can_be_had_back() {
    for raw in [
        "a\u{202E}b",
        "\u{E0041}\u{0}",
        "\\u{202E} and \u{202E}",
        "\\\\u{5C}",
        "x\u{2028}\u{85}\n\ty",
        "1\u{FE0F}\u{20E3}\u{FE0F}",
    ] {
        let (clean, done) = text(raw, ALL);
        assert_eq!((undone(&clean), done), (raw.to_owned(), Done::default()), "{clean}");
        assert!(!clean.contains(|c| is_hidden(c, Some('1'), None)), "{clean}");
    }
    assert_eq!(text("a\u{202E}b", ALL).0, "a\\u{202E}b");
}

#[test]
fn clean_text_is_not_even_copied() {
    for raw in ["", "plain text\nof a run", "Zoë ✔\u{FE0F}", "{\"a\":[1,2]}"] {
        assert!(matches!(text(raw, ALL).0, Cow::Borrowed(_)), "{raw}");
        assert!(is_plain(raw));
    }
    assert!(!is_plain("a\u{200B}b") && !is_plain("password=x1"));
}

#[test]
fn a_long_text_is_cut_and_says_how_long_it_was() {
    let limits = Limits { chars: 10, total: 100 };
    assert_eq!(text("äöüßäöüßäö", limits), (Cow::Borrowed("äöüßäöüßäö"), Done::default()));
    let (cut, done) = text("äöüßäöüßäöü", limits);
    assert_eq!((&*cut, done.truncated), ("äöüßäöüßäö… [cut: 10 of 11 characters]", true));
    // Neither an escape nor a mask is cut in half, nor does part of a secret stand before the cut.
    assert_eq!(text("abcdefg\u{202E}", limits).0, "abcdefg… [cut: 7 of 8 characters]");
    assert_eq!(text("abcdefghi\r\nx", limits).0, "abcdefghi… [cut: 9 of 12 characters]");
    let (cut, done) = text("a password=hunter2", Limits { chars: 15, total: 100 });
    assert_eq!((&*cut, done), ("a password=… [cut: 11 of 18 characters]", Done { redacted: 0, truncated: true }));
}

#[test]
fn names_and_values_are_cleaned_at_every_depth() {
    let (clean, done) = cleaned(
        json!({
            "note\u{200B}": ["a\u{202E}", {"x": "password=hunter2"}],
            "password": "correct horse", "token": null, "secret": {"path": "/run/x", "key_id": 5, "value": "b"},
            "api_keys": ["one", "two"], "pin_password": 1234, "tokens": 99, "token_count": 7,
            "url": "postgres://a:b@c/d", "nested": "{\"client_secret\":\"abc\"}",
        }),
        ALL,
    );
    let expected = json!({
        "note\\u{200B}": ["a\\u{202E}", {"x": "password=[redacted:password]"}],
        "password": "[redacted:password]", "token": null,
        "secret": {"path": "/run/x", "key_id": 5, "value": "[redacted:secret]"},
        "api_keys": ["[redacted:api-key]", "[redacted:api-key]"], "pin_password": "[redacted:password]",
        "tokens": 99, "token_count": 7,
        "url": "postgres://a:[redacted:password]@c/d",
        "nested": "{\"client_secret\":\"[redacted:secret]\"}",
    });
    assert_eq!((clean, done), (expected, Done { redacted: 8, truncated: false }));
}

#[test]
fn what_stands_beside_a_value_says_what_it_is() {
    let (clean, done) = cleaned(
        json!([
            {"name": "DB_PASSWORD", "value": "swordfish"}, {"name": "LANG", "value": "C"},
            ["mysql", "--password", "swordfish", "--user", "x"], ["X-Api-Key", "abc"],
            {"auths": {"registry.example": {"auth": "dXNlcjpodW50ZXIy"}}}, {"auth": "none"},
        ]),
        ALL,
    );
    let expected = json!([
        {"name": "DB_PASSWORD", "value": "[redacted:password]"}, {"name": "LANG", "value": "C"},
        ["mysql", "--password", "[redacted:password]", "--user", "x"], ["X-Api-Key", "[redacted:api-key]"],
        {"auths": {"registry.example": {"auth": "[redacted:basic-credential]"}}}, {"auth": "none"},
    ]);
    assert_eq!((clean, done.redacted), (expected, 4));
}

#[test]
fn a_private_key_kept_line_by_line_is_masked_line_by_line() {
    let (begin, end) = (concat!("-----BEGIN PRIV", "ATE KEY-----"), concat!("-----END PRIV", "ATE KEY-----"));
    let (clean, done) = cleaned(json!(["before", begin, "MIIEow", "AAAA", end, "after"]), ALL);
    let mask = "[redacted:private-key]";
    assert_eq!((clean, done.redacted), (json!(["before", mask, mask, mask, mask, "after"]), 4));
}

#[test]
fn two_names_that_become_equal_keep_both_values() {
    let secret = |digit: char| format!("{}{}", concat!("gh", "p_"), digit.to_string().repeat(36));
    let mut members = Map::new();
    members.insert(secret('1'), json!(1));
    members.insert(secret('2'), json!(2));
    members.insert("[redacted:github-token]".to_owned(), json!(3));
    let (clean, done) = cleaned(Value::Object(members), ALL);
    let expected =
        json!({"[redacted:github-token]": 1, "[redacted:github-token]#2": 2, "[redacted:github-token]#3": 3});
    assert_eq!((clean, done.redacted), (expected, 2));
}

#[test]
fn an_answer_that_is_full_leaves_out_the_rest_and_says_so() {
    let limits = Limits { chars: 50, total: 200 };
    let long: Vec<Value> = (0..100).map(|number| json!({"number": number, "text": "x".repeat(40)})).collect();
    let (clean, done) = cleaned(Value::Array(long), limits);
    let kept = clean.as_array().unwrap().len();
    assert!((1..20).contains(&kept) && done.truncated, "{kept}");
    let numbers: Vec<Value> = (0..100_000).map(Value::from).collect();
    assert!(cleaned(Value::Array(numbers), limits).0.as_array().unwrap().len() <= 50);
    let members: Map<String, Value> = (0..1000).map(|number| (format!("member {number}"), json!(true))).collect();
    assert!(cleaned(Value::Object(members), limits).0.as_object().unwrap().len() < 30);
    // What fits is whole.
    assert_eq!(cleaned(json!({"a": "b"}), limits), (json!({"a": "b"}), Done::default()));
}

#[test]
fn an_answer_is_noted_only_where_something_was_done() {
    let mut answer = Map::new();
    Done::default().note(&mut answer);
    assert!(answer.is_empty());
    Done { redacted: 2, truncated: true }.note(&mut answer);
    assert_eq!(Value::Object(answer), json!({"redacted": 2, "truncated": true}));
    for (name, schema) in Done::schema() {
        let noted = if name == "redacted" { json!(2) } else { json!(true) };
        assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&noted), "{name}");
    }
}

#[test]
fn a_key_whose_end_is_cut_within_a_character_is_masked_with_that_character() {
    for filler in 0..8 {
        let begin = "-----BEGIN PRIVATE";
        let raw = format!("{begin} KEY-----\nMII\n-----END {}{}", "x".repeat(filler), "é€𝄞".repeat(40));
        let (shown, done) = text(&raw, Limits::ONE);
        assert_eq!(done.redacted, 1, "{shown}");
        assert!(!shown.contains("MII"), "{shown}");
    }
}
