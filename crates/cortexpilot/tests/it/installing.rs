//! `mcp install`: an entry in somebody else's file, and nothing else in it; a look at what the entry starts or calls.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{BINARY, Home, Output, Server};

/// A file as Claude Code keeps it, with a server of somebody else's, in an order and with blanks of its own.
const CLAUDE: &str = "{\n  \"numStartups\": 3,\n  \"projects\": { \"/p\": { \"mcpServers\": {  }, \"x\": [1 , 2] } },\n  \"mcpServers\": {\n    \"other\": { \"type\": \"http\", \"url\": \"https://example.org/mcp\" }\n  },\n  \"userID\": \"u\"\n}";

/// A file as a person keeps it for Codex.
const CODEX: &str = "# mine\nmodel = \"m\"   # the good one\n\n[mcp_servers.other]\ncommand = 'npx' # no path\n\n[tui]\ntheme = \"dark\"\n# the end";

struct Place {
    client: &'static str,
    file: PathBuf,
    before: &'static str,
}

fn places(home: &Home) -> [Place; 2] {
    [
        Place { client: "claude-code", file: home.path().join(".claude.json"), before: CLAUDE },
        Place { client: "codex", file: home.path().join(".codex/config.toml"), before: CODEX },
    ]
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("a file has a name")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a file has a directory")).expect("its directory");
    std::fs::write(path, text).expect("the file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
}

/// What stands beside a file and begins with its name.
fn beside(path: &Path) -> Vec<PathBuf> {
    let name = name_of(path);
    let dir = path.parent().expect("a file has a directory");
    let all = std::fs::read_dir(dir).expect("its directory").map(|entry| entry.expect("an entry").path());
    all.filter(|other| other != path && name_of(other).contains(name)).collect()
}

fn install(home: &Home, words: &[&str]) -> Output {
    home.cli(&[&["mcp", "install"], words].concat())
}

#[test]
fn without_a_word_to_write_it_is_printed_and_not_a_byte_changes() {
    let home = Home::with_run();
    for place in places(&home) {
        let before = home.snapshot();
        for words in [&[place.client][..], &[place.client, "--print"], &[place.client, "--scope", "project"]] {
            let said = install(&home, words).expect(0).stdout;
            assert!(said.contains(BINARY) && said.contains("mcp-readonly-server"), "{said}");
            assert!(said.contains(&home.root().display().to_string()), "{said}");
            assert!(said.contains("Nothing was written. To write it: "), "{said}");
            assert!(!said.contains("queue-pilot"), "{said}");
        }
        let said = install(&home, &[place.client]).expect(0).stdout;
        assert!(said.contains(&place.file.display().to_string()) && said.contains(" mcp add "), "{said}");
        assert_eq!(home.snapshot(), before);
    }
    for client in ["cursor", "vscode", "opencode", "gemini", "windsurf"] {
        let said = install(&home, &[client]).expect(0).stdout;
        assert!(said.contains(BINARY) && said.contains("does not write that file"), "{said}");
        assert!(install(&home, &[client, "--write"]).expect(2).stderr.contains("only printed"));
    }
}

#[test]
fn an_entry_is_written_into_a_file_with_others_once_and_taken_out_again() {
    let home = Home::with_run();
    for place in places(&home) {
        write(&place.file, place.before);
        let done = home.json(&[], &["mcp", "install", place.client, "--write"], 0);
        assert_eq!((done["changed"].as_bool(), done["state"].as_str()), (Some(true), Some("absent")), "{done}");
        let after = read(&place.file);
        let (head, tail) = (&place.before[..60], &place.before[place.before.len() - 12..]);
        assert!(after.starts_with(head) && after.len() > place.before.len(), "{after}");
        assert!(after.contains(tail), "{after}");
        assert_eq!(std::fs::metadata(&place.file).unwrap().permissions().mode() & 0o7777, 0o600);
        let backups = beside(&place.file);
        assert_eq!(backups.len(), 1, "{backups:?}");
        assert_eq!(read(&backups[0]), place.before);
        assert_eq!(done["backup"], backups[0].display().to_string());

        let again = home.json(&[], &["mcp", "install", place.client, "--write"], 0);
        assert_eq!((again["changed"].as_bool(), again["state"].as_str()), (Some(false), Some("present")), "{again}");
        assert_eq!((read(&place.file), beside(&place.file).len()), (after.clone(), 1));
        assert!(install(&home, &[place.client, "--write"]).expect(0).stdout.contains("Nothing was changed."));

        let shown = install(&home, &[place.client, "--remove"]).expect(0).stdout;
        assert!(shown.contains("Nothing was removed."), "{shown}");
        assert_eq!(read(&place.file), after);
        install(&home, &[place.client, "--remove", "--write"]).expect(0);
        assert_eq!(read(&place.file).trim_end(), place.before);
        let said = install(&home, &[place.client, "--remove", "--write"]).expect(0).stdout;
        assert!(said.contains("nothing to remove"), "{said}");
    }
}

#[test]
fn what_belongs_to_somebody_else_is_not_put_away() {
    let home = Home::with_run();
    let place = &places(&home)[0];
    let foreign = "{\"mcpServers\": {\"cortexpilot-readonly\": {\"command\": \"x\", \"env\": {\"KEY\": \"hunter2\"}}}}";
    write(&place.file, foreign);
    for words in [&[place.client, "--write"][..], &[place.client, "--remove", "--write"]] {
        let said = install(&home, words).expect(5);
        assert!(said.stderr.contains("\"command\": \"x\"") && !said.stderr.contains("hunter2"), "{said:?}");
        assert_eq!(read(&place.file), foreign);
    }
    let said = install(&home, &[place.client]).expect(0).stdout;
    assert!(said.contains("--replace") && !said.contains("hunter2"), "{said}");
    install(&home, &[place.client, "--write", "--replace"]).expect(0);
    assert!(read(&place.file).contains(BINARY));
    assert_eq!(read(&beside(&place.file)[0]), foreign, "the backup has it");
    install(&home, &[place.client, "--write", "--name", "second"]).expect(0);
    assert!(read(&place.file).contains("\"second\""));
    assert!(install(&home, &[place.client, "--name", "a b"]).expect(2).stderr.contains("--name"));
}

#[test]
fn a_file_that_cannot_be_read_is_left_as_it_is() {
    let home = Home::with_run();
    for place in places(&home) {
        for text in ["{ // a remark\n}", "[mcp_servers\n", "\u{1}"] {
            write(&place.file, text);
            for words in [&["--write"][..], &["--check"], &["--remove", "--write"], &[]] {
                let said = install(&home, &[&[place.client], words].concat()).expect(2);
                assert!(said.stderr.contains("is not touched"), "{said:?}");
            }
            assert_eq!((read(&place.file).as_str(), beside(&place.file).len()), (text, 0));
        }
        std::fs::remove_file(&place.file).unwrap();
        std::os::unix::fs::symlink(home.path().join("nothing"), &place.file).unwrap();
        assert!(install(&home, &[place.client, "--write"]).expect(2).stderr.contains("link"));
    }
}

#[test]
fn a_check_starts_what_is_written_and_says_what_it_saw() {
    let home = Home::with_run();
    for place in places(&home) {
        let missing = home.json(&[], &["mcp", "install", place.client, "--check"], 4);
        assert!(missing["next_step"].as_str().unwrap().contains("--write"), "{missing}");
        install(&home, &[place.client, "--write"]).expect(0);
        let seen = home.json(&[], &["mcp", "install", place.client, "--check"], 0);
        for (member, wanted) in [
            ("ok", json!(true)),
            ("server", json!("cortexpilot-readonly")),
            ("runtime_root", json!(home.root())),
            ("runs_root", json!(home.runs())),
            ("runs", json!(1)),
            ("more_runs", json!(false)),
            ("mutation_gate", json!("default-off")),
            ("approval_policy", json!("declared")),
            ("agents_may_queue", json!("OFF")),
            ("problem", Value::Null),
        ] {
            assert_eq!(seen[member], wanted, "{seen}");
        }
        assert_eq!(seen["tools"].as_array().unwrap().len(), 12, "{seen}");
        let said = install(&home, &[place.client, "--check"]).expect(0).stdout;
        for word in ["works.", "root", "1 seen in", "list_runs", "default-off", "declared", "OFF"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        // What the entry starts is gone, or is something else, or ends with words of its own.
        let text = read(&place.file);
        for (other, code, wanted) in [
            ("/no/such/program", 1, "cannot be started"),
            ("/bin/cat", 1, "refuses `initialize`"),
            ("/bin/false", 1, "ended"),
        ] {
            std::fs::write(&place.file, text.replace(BINARY, other)).unwrap();
            let said = install(&home, &[place.client, "--check"]);
            let odd = other == "/bin/cat" && said.stdout.contains("ended");
            assert!(said.code == code && (said.stdout.contains(wanted) || odd), "{said:?}");
            assert!(said.stdout.contains("next: "), "{said:?}");
        }
        std::fs::remove_file(&place.file).unwrap();
    }
}

#[test]
fn a_check_tells_what_the_server_said_before_it_ended() {
    let home = Home::with_run();
    install(&home, &["claude-code", "--write"]).expect(0);
    let file = home.path().join(".claude.json");
    let text = read(&file).replace("\"env\": {}", "\"env\": {\"CORTEXPILOT_LOG\": \"loud\"}");
    std::fs::write(&file, text).unwrap();
    let said = install(&home, &["claude-code", "--check"]);
    assert!(said.code == 2 && said.stdout.contains("CORTEXPILOT_LOG"), "{said:?}");
}

#[test]
fn the_pilot_is_installed_over_http_with_a_token_that_stands_in_no_configuration() {
    let home = Home::with_run();
    let runs_over = |server: &Server| format!("{}/mcp/queue-pilot", server.url);
    let server = Server::start(home.command(
        &[("CORTEXPILOT_API_TOKEN", "test-token-0123456789abcdef")],
        &["serve", "--port", "0", "--mcp-pilot", "--output", "json"],
    ));
    let url = runs_over(&server);
    for place in places(&home) {
        write(&place.file, place.before);
        let pilot = [place.client, "--pilot", "--url", &url];
        let role = install(&home, &[&pilot[..], &["--write"]].concat()).expect(2);
        assert!(role.stderr.contains("--role") && read(&place.file) == place.before, "{role:?}");
        let token_file = format!("{}.token", place.client);
        let write =
            [&["mcp", "install"], &pilot[..], &["--write", "--role", "OPS", "--token-file", &token_file]].concat();
        let done = home.json(&[], &write, 0);
        assert_eq!(done["token_record"]["principal"], format!("agent:{}", place.client), "{done}");
        let token = read(&home.path().join(&token_file));
        let token = token.trim();
        let mode = std::fs::metadata(home.path().join(&token_file)).unwrap().permissions().mode();
        assert!(token.starts_with("cpt_agent_") && mode & 0o7777 == 0o600);
        let text = read(&place.file);
        assert!(text.contains("CPT_AGENT_TOKEN") && text.contains(&url) && !text.contains("cpt_agent_"), "{text}");
        assert!(!done.to_string().contains(token));

        let again = home.json(&[], &write, 0);
        assert_eq!((again["changed"].as_bool(), again["token_record"].is_null()), (Some(false), true), "{again}");

        let check = [&["mcp", "install"], &pilot[..], &["--check"]].concat();
        let unset = home.json(&[], &check, 2);
        assert!(unset["problem"].as_str().unwrap().contains("CPT_AGENT_TOKEN"), "{unset}");
        let seen = home.json(&[("CPT_AGENT_TOKEN", token)], &check, 0);
        for (member, wanted) in [
            ("server", json!("cortexpilot-queue-pilot")),
            ("tools", json!(["preview_enqueue_from_run", "enqueue_from_run"])),
            ("runs", json!(1)),
            ("mutation_gate", json!("default-off")),
            ("approval_policy", json!("declared")),
            ("acting_as", json!(format!("agent:{}", place.client))),
        ] {
            assert_eq!(seen[member], wanted, "{seen}");
        }
        let wrong = home.json(&[("CPT_AGENT_TOKEN", "cpt_agent_no")], &check, 1);
        assert!(wrong["problem"].as_str().unwrap().contains("401"), "{wrong}");
        // The same entry for a server that is not there, and for one that serves no pilot.
        drop(install(&home, &[place.client, "--pilot", "--remove", "--write"]).expect(0));
        let _ = std::fs::remove_file(&place.file);
    }
    assert_eq!(home.ledger(), Vec::<Value>::new());
}

#[test]
fn a_server_without_the_pilot_is_told_apart_from_none() {
    let home = Home::with_run();
    let server = home.serve(&[]);
    let url = format!("{}/mcp/queue-pilot", server.url);
    let words = ["codex", "--pilot", "--url", &url, "--role", "OPS", "--write", "--token-file", "t"];
    install(&home, &words).expect(0);
    let token = read(&home.path().join("t"));
    let check = ["mcp", "install", "codex", "--pilot", "--check"];
    let seen = home.json(&[("CPT_AGENT_TOKEN", token.trim())], &check, 1);
    assert!(seen["problem"].as_str().unwrap().contains("404"), "{seen}");
    assert!(seen["next_step"].as_str().unwrap().contains("serve --mcp-pilot"), "{seen}");
    drop(server);
    let seen = home.json(&[("CPT_AGENT_TOKEN", token.trim())], &check, 1);
    assert!(seen["problem"].as_str().unwrap().contains("Nothing answers"), "{seen}");
}

#[test]
fn a_token_whose_entry_cannot_be_written_is_taken_back() {
    let home = Home::with_run().env("CODEX_HOME", "/proc/no-such-place");
    let words = ["codex", "--pilot", "--write", "--role", "OPS", "--token-file", "t"];
    let said = install(&home, &words).expect(1);
    assert!(said.stderr.contains("was revoked"), "{said:?}");
    assert!(!home.path().join("t").exists());
    assert_eq!(home.json(&[], &["token", "list", "--live"], 0)["items"], json!([]));
}

#[test]
fn the_pilot_over_standard_streams_says_what_that_gives_up() {
    let home = Home::with_run();
    let said = install(&home, &["claude-code", "--pilot", "--stdio"]).expect(0).stdout;
    for words in ["you give up who decides", "trusts a server by its name", "internal and off by default"] {
        assert!(said.contains(words), "{said}");
    }
    install(&home, &["claude-code", "--pilot", "--stdio", "--write"]).expect(0);
    assert!(read(&home.path().join(".claude.json")).contains("mcp-queue-pilot-server"));
    let check = ["mcp", "install", "claude-code", "--pilot", "--check"];
    let seen = home.json(&[], &check, 0);
    assert_eq!((seen["runs"].as_u64(), seen["mutation_gate"].as_str()), (Some(1), Some("default-off")), "{seen}");
    for words in [&["claude-code", "--stdio"][..], &["claude-code", "--role", "OPS"], &["cursor", "--pilot"]] {
        install(&home, words).expect(2);
    }
    let remote = ["codex", "--pilot", "--url", "http://queue.example.org/mcp/queue-pilot"];
    assert!(install(&home, &remote).expect(2).stderr.contains("https://"));
}
