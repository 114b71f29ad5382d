//! What must hold of every file: nothing but the entry changes, twice is once, and what cannot be kept so is refused.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const JSON: Shape = Shape::Json("mcpServers");
const TOML: Shape = Shape::Toml("mcp_servers");

fn entry() -> Value {
    json!({ "type": "stdio", "command": "/opt/c", "args": ["serve", "--root", "/srv/a \"b\"\\c"], "env": {} })
}

fn codex_entry() -> Value {
    json!({ "command": "/opt/c", "args": ["serve", "--root", "/srv/a \"b\"\\c'd"] })
}

/// The one stretch that was put in; nothing else may differ.
fn put_in<'a>(before: &str, after: &'a str) -> &'a str {
    assert!(after.len() >= before.len(), "{before:?} became {after:?}");
    // Where the stretch begins with what stands behind it there are several ways to see it; one of them must fit.
    let at = (0..=before.len())
        .filter(|at| before.is_char_boundary(*at))
        .find(|at| after.starts_with(&before[..*at]) && after.ends_with(&before[*at..]));
    let at = at.unwrap_or_else(|| panic!("more than one place changed:\n{before:?}\n{after:?}"));
    &after[at..at + after.len() - before.len()]
}

fn check_put(shape: Shape, before: &str, entry: &Value) -> String {
    let after = shape.put(before, "ours", entry).unwrap_or_else(|error| panic!("{before:?}: {error}"));
    put_in(before, &after);
    assert_eq!(shape.find(&after, "ours").unwrap().as_ref(), Some(entry), "{after}");
    after
}

#[test]
fn an_entry_is_added_to_json_in_the_way_the_file_is_written() {
    let one = r#"{"type":"stdio","command":"/opt/c","args":["serve","--root","/srv/a \"b\"\\c"],"env":{}}"#;
    for (before, wanted) in [
        (
            r#"{"mcpServers":{"a":{"command":"x"}},"z":1}"#,
            format!(r#"{{"mcpServers":{{"a":{{"command":"x"}},"ours":{one}}},"z":1}}"#),
        ),
        (r#"{ "z": 1 }"#, format!(r#"{{ "z": 1, "mcpServers": {{"ours":{one}}} }}"#)),
        (r#"{"mcpServers": {}, "z": 1}"#, format!(r#"{{"mcpServers": {{"ours":{one}}}, "z": 1}}"#)),
    ] {
        assert_eq!(check_put(JSON, before, &entry()), wanted);
    }
    let wide = "{\n\t\"mcpServers\": {\n\t\t\"a\": {}\n\t},\n\t\"z\": 1\n}";
    assert_eq!(
        check_put(JSON, wide, &json!({ "command": "x", "args": [] })),
        "{\n\t\"mcpServers\": {\n\t\t\"a\": {},\n\t\t\"ours\": {\n\t\t\t\"command\": \"x\",\n\t\t\t\"args\": []\n\t\t}\n\t},\n\t\"z\": 1\n}"
    );
    let crlf = "\u{feff}{\r\n    \"z\": 1\r\n}\r\n";
    assert_eq!(
        check_put(JSON, crlf, &json!({ "command": "x" })),
        "\u{feff}{\r\n    \"z\": 1,\r\n    \"mcpServers\": {\r\n        \"ours\": {\r\n            \"command\": \"x\"\r\n        }\r\n    }\r\n}\r\n"
    );
}

#[test]
fn a_file_without_content_becomes_one_with_the_entry() {
    for before in ["", "\n", "  \n\n", "\u{feff}"] {
        let after = check_put(JSON, before, &entry());
        assert!(after.ends_with("    }\n  }\n}\n"), "{after}");
        check_put(TOML, before, &codex_entry());
    }
    assert_eq!(
        check_put(JSON, "{}", &json!({ "command": "x" })),
        "{\n  \"mcpServers\": {\n    \"ours\": {\n      \"command\": \"x\"\n    }\n  }\n}"
    );
    assert_eq!(check_put(TOML, "", &json!({ "command": "x" })), "[mcp_servers.ours]\ncommand = \"x\"\n");
}

/// As Claude Code keeps it: servers of the person, and below each project servers of its own.
const PERSONAL: &str = r#"{
  "numStartups": 7,
  "tipsHistory": { "new-user-warmup": 1 , "x" : [ 1,2 ,{ } ] },
  "projects": {
    "/srv/alice/p": {
      "allowedTools": [],
      "mcpServers": {
        "ours": { "command": "of-the-project" }
      },
      "history": [ { "display": "what does } or \" or \\ or mcpServers mean?" } ]
    }
  },
  "mcpServers": {
    "github": {
      "type": "http",
      "url": "https://example.org/mcp",
      "headers": { "Authorization": "Bearer ${GITHUB_TOKEN}" }
    }
  },
  "userID": "é\ud83d\ude00"
}"#;

#[test]
fn a_projects_servers_are_not_the_persons() {
    assert_eq!(JSON.find(PERSONAL, "ours").unwrap(), None);
    let after = check_put(JSON, PERSONAL, &entry());
    let whole: Value = serde_json::from_str(&after).unwrap();
    assert_eq!(whole["projects"]["/srv/alice/p"]["mcpServers"]["ours"]["command"], "of-the-project");
    assert_eq!(JSON.take(&after, "ours").unwrap(), PERSONAL);
}

/// As a person keeps it: comments, an order of their own, forms that no program would print.
const CODEX: &str = r#"# my settings
model = "o9"   # the good one

[projects."/srv/alice/p"]   # mine
trust_level = "trusted"

# docs server, see ticket 12
[mcp_servers.docs]
command = 'npx'
args = [
  "-y",   # yes
  "docs",
]
  [mcp_servers.docs.env]
  KEY = "v"

[tui]
theme = "dark"
# the end"#;

#[test]
fn a_table_is_added_to_toml_and_every_remark_stays() {
    let after = check_put(TOML, CODEX, &codex_entry());
    assert!(after.starts_with(CODEX), "{after}");
    let back = TOML.take(&after, "ours").unwrap();
    assert_eq!(back, format!("{CODEX}\n"), "only the last line got its end");
    let crlf = CODEX.replace('\n', "\r\n");
    let after = check_put(TOML, &crlf, &codex_entry());
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{after:?}");
}

#[test]
fn the_other_forms_of_toml_are_continued_as_they_are() {
    for before in [
        "mcp_servers = { docs = { command = \"x\" } } # one line\nz = 1\n",
        "mcp_servers = {}\n",
        "mcp_servers.docs.command = \"x\"\nmcp_servers.docs.args = [\n  \"a\",\n]\nz = 1\n[t]\n",
        "mcp_servers.docs = { command = \"x\" }",
        "[mcp_servers]\ndocs = { command = \"x\" }\n[t]\na = 1\n",
        "[mcp_servers]\ndocs.command = \"x\"\n",
        "[mcp_servers]\n# none yet\n\n[t]\n",
        "[a]\nb = 1\n[[c]]\nd = 2\n",
        "[mcp_servers.\"a b\"]\ncommand = \"x\"\n",
    ] {
        let after = check_put(TOML, before, &codex_entry());
        let back = TOML.take(&after, "ours").unwrap();
        assert_eq!(back.trim_end(), before.trim_end(), "{after}");
    }
}

#[test]
fn an_entry_goes_with_all_its_tables_and_nothing_else_goes() {
    let text = "a = 1\n\n# about ours\n[mcp_servers.ours]\ncommand = \"x\"\n# inside\n[mcp_servers.ours.env]\nK = \"v\"\n\n# about docs\n[mcp_servers.docs]\ncommand = \"y\"\n\n[mcp_servers.ours.tools.t]\nb = 1\n\n[z]\n";
    assert_eq!(
        TOML.take(text, "ours").unwrap(),
        "a = 1\n\n# about ours\n\n# about docs\n[mcp_servers.docs]\ncommand = \"y\"\n\n[z]\n"
    );
    assert_eq!(TOML.take(text, "nothing").unwrap(), text);
    let json = "{\"mcpServers\": {\"ours\": {}, \"b\": {}, \"c\": {}}}";
    assert_eq!(JSON.take(json, "ours").unwrap(), "{\"mcpServers\": {\"b\": {}, \"c\": {}}}");
    assert_eq!(JSON.take(json, "b").unwrap(), "{\"mcpServers\": {\"ours\": {}, \"c\": {}}}");
    assert_eq!(JSON.take(json, "c").unwrap(), "{\"mcpServers\": {\"ours\": {}, \"b\": {}}}");
    assert_eq!(JSON.take("{\"mcpServers\": { \"c\": 1 }}", "c").unwrap(), "{\"mcpServers\": {}}");
}

#[test]
fn another_entry_in_its_place_leaves_the_rest() {
    let json = "{\n  \"mcpServers\": {\n    \"ours\": {\n      \"command\": \"old\"\n    },\n    \"b\": { }\n  }\n}\n";
    let after = JSON.put(json, "ours", &json!({ "command": "new", "args": [] })).unwrap();
    assert_eq!(
        after,
        "{\n  \"mcpServers\": {\n    \"ours\": {\n      \"command\": \"new\",\n      \"args\": []\n    },\n    \"b\": { }\n  }\n}\n"
    );
    let toml = "[mcp_servers.ours]\ncommand = \"old\"\nenv = { K = \"v\" }\n\n[z] # last\n";
    let after = TOML.put(toml, "ours", &codex_entry()).unwrap();
    assert!(after.starts_with("\n[z] # last\n\n[mcp_servers.ours]\n"), "{after}");
    assert_eq!(TOML.find(&after, "ours").unwrap(), Some(codex_entry()));
}

#[test]
fn what_cannot_be_read_or_kept_is_refused() {
    for (shape, text, wanted) in [
        (JSON, "{ // mine\n}", "not JSON"),
        (JSON, "{\"a\": 1,}", "not JSON"),
        (JSON, "[]", "no object"),
        (JSON, "{\"mcpServers\": {}} trailing", "not JSON"),
        (JSON, "{\"mcpServers\": []}", "not a list of servers"),
        (JSON, "{\"mcpServers\": null}", "not a list of servers"),
        (JSON, "{\"mcpServers\": {}, \"mcpServers\": {}}", "twice"),
        (JSON, "{\"mcpServers\": {\"ours\": 1, \"o\\u0075rs\": 2}}", "twice"),
        (TOML, "a = \n", "not TOML"),
        (TOML, "a = 1\na = 2\n", "not TOML"),
        (TOML, "mcp_servers = 3\n", "not a list of servers"),
        (TOML, "[[mcp_servers]]\n", "not a list of servers"),
    ] {
        let said = shape.put(text, "ours", &codex_entry()).unwrap_err().to_string();
        assert!(said.contains(wanted), "{text:?}: {said}");
        assert!(
            shape.find(text, "ours").is_err() || shape.take(text, "ours").is_err() || text.contains("twice"),
            "{text:?}"
        );
    }
}

/// A JSON value with the blanks that a person, a formatter or nobody put in.
fn json_text(depth: u32) -> BoxedStrategy<String> {
    let blank = prop_oneof![3 => Just(""), 2 => Just(" "), 1 => Just("\n  "), 1 => Just("\r\n\t"), 1 => Just("\t")];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        (-1000_i32..1000).prop_map(|number| number.to_string()),
        Just("-0.5e-3".to_owned()),
        "[ -~é\u{1f600}]{0,8}".prop_map(|text| Value::from(text).to_string()),
        Just(r#""\u00e9\"\\}{,:\n""#.to_owned()),
    ];
    leaf.prop_recursive(depth, 24, 4, move |inner| {
        let blank = blank.clone();
        let list = proptest::collection::vec((blank.clone(), inner.clone(), blank.clone()), 0..4).prop_map(|items| {
            let items: Vec<String> = items.into_iter().map(|(a, value, b)| format!("{a}{value}{b}")).collect();
            format!("[{}]", items.join(","))
        });
        let member = (blank.clone(), "[a-z{}\"\\\\ ]{0,6}", blank.clone(), blank.clone(), inner, blank);
        let object = proptest::collection::vec(member, 0..4).prop_map(|members| object_text(&members));
        prop_oneof![list, object]
    })
    .boxed()
}

type MemberText = (&'static str, String, &'static str, &'static str, String, &'static str);

fn object_text(members: &[MemberText]) -> String {
    let members: Vec<String> = members
        .iter()
        .enumerate()
        // Names are told apart by their place: two of one name are refused, which another test shows.
        .map(|(at, (a, name, b, c, value, d))| format!("{a}{}{b}:{c}{value}{d}", Value::from(format!("{name}{at}"))))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn servers_text() -> impl Strategy<Value = String> {
    let value = json_text(3);
    let blank = prop_oneof![Just(""), Just(" "), Just("\n    "), Just("\r\n\t\t")];
    let member = (blank.clone(), "[a-z]{1,5}", blank.clone(), blank.clone(), value, blank);
    proptest::collection::vec(member, 0..4).prop_map(|members| object_text(&members))
}

proptest! {
    #[test]
    fn of_any_json_nothing_but_the_entry_changes(
        before in proptest::collection::vec((Just("\n  "), "[a-z]{1,5}", Just(""), Just(" "), json_text(3), Just("")), 0..3),
        servers in proptest::option::of(servers_text()),
        end in prop_oneof![Just(""), Just("\n"), Just("\r\n\r\n")],
        mark in prop_oneof![Just(""), Just("\u{feff}")],
    ) {
        let whole = object_text(&before);
        let text = match &servers {
            None => format!("{mark}{whole}{end}"),
            Some(servers) => {
                let comma = if before.is_empty() { "" } else { "," };
                format!("{mark}{}{comma}\n \"mcpServers\" : {servers} }}{end}", &whole[..whole.len() - 1])
            }
        };
        let after = check_put(JSON, &text, &entry());
        // Written twice, nothing changes: the entry is found, and is what would be written.
        prop_assert_eq!(JSON.put(&after, "ours", &entry()).unwrap(), after.clone());
        let back = JSON.take(&after, "ours").unwrap();
        if servers.as_ref().is_some_and(|servers| servers.len() > 2 && servers.contains(':')) {
            prop_assert_eq!(back, text);
        } else {
            prop_assert_eq!(JSON.find(&back, "ours").unwrap(), None);
        }
    }

    #[test]
    fn of_any_toml_nothing_but_the_entry_changes(
        lines in proptest::collection::vec(prop_oneof![
            Just("# a remark\n"), Just("\n"), Just("   \t\n"), Just("[t.N]\n"), Just("kN = 'v' # why\n"),
            Just("[mcp_servers.sN]\ncommand = \"x\"\n"), Just("aN = [\n  1, # one\n]\n"), Just("[[lN]]\nx = 1\n"),
            Just("[mcp_servers.sN.env]\nA = \"b\"\n"), Just("mN = \"\"\"\n[mcp_servers.ours]\n\"\"\"\n"),
        ], 0..12),
        ours in proptest::option::of(0_usize..12),
        crlf in any::<bool>(),
        cut in any::<bool>(),
    ) {
        let mut text: String = lines.iter().enumerate().map(|(at, line)| line.replace('N', &at.to_string())).collect();
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if cut {
            text = text.trim_end_matches(['\r', '\n']).to_owned();
        }
        let after = check_put(TOML, &text, &codex_entry());
        let back = TOML.take(&after, "ours").unwrap();
        prop_assert_eq!(back.trim_end_matches(['\r', '\n']), text.trim_end_matches(['\r', '\n']));
        if let Some(at) = ours {
            // Among the others, wherever it stands: what is in front of it and behind it stays.
            let own = TOML.alone("ours", &codex_entry());
            let at = lines.iter().take(at).map(|line| line.len()).sum::<usize>();
            let plain: String = lines.iter().enumerate().map(|(at, line)| line.replace('N', &at.to_string())).collect();
            if let (Some(front), Some(behind)) = (plain.get(..at), plain.get(at..))
                && let Ok(whole) = TOML.find(&format!("{front}{own}{behind}"), "ours")
                && whole == Some(codex_entry())
                && front.ends_with('\n')
            {
                let without = TOML.take(&format!("{front}{own}{behind}"), "ours").unwrap();
                let squeezed = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect::<Vec<_>>();
                prop_assert_eq!(squeezed(&without), squeezed(&plain));
            }
        }
    }
}
