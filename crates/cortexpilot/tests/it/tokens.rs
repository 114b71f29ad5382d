//! `token`: made once, kept nowhere, lived by; and who may start which server with one.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{APPLY, Home, LIMIT, McpServer, PERSONAL, Server};

fn list(home: &Home) -> Vec<Value> {
    home.json(&[], &["token", "list"], 0)["items"].as_array().expect("a list").clone()
}

fn id_of(token: &str) -> &str {
    token.split('_').nth(2).expect("a token names its id")
}

#[test]
fn a_token_stands_alone_on_standard_output_and_is_kept_nowhere() {
    let home = Home::new();
    let create = ["token", "create", "--name", "alice", "--kind", "operator", "--role", "OWNER", "--role", "OPS"];
    let made = home.cli_with(&[("CORTEXPILOT_LOG", "debug")], &create, "").expect(0);
    let token = made.stdout.strip_suffix('\n').unwrap().to_owned();
    assert!(token.starts_with("cpt_operator_") && !token.contains('\n') && made.stderr.is_empty(), "{made:?}");
    let secret = &token[token.len() - 72..];
    for entry in ["queue.jsonl", "decisions.jsonl"] {
        let text = std::fs::read_to_string(home.root().join(entry)).unwrap_or_default();
        assert!(!text.contains(secret), "{entry}");
    }
    let tokens = list(&home);
    assert_eq!(tokens.len(), 1);
    for (member, value) in [
        ("id", json!(id_of(&token))),
        ("principal", json!("operator:alice")),
        ("kind", json!("operator")),
        ("roles", json!(["OPS", "OWNER"])),
        ("state", json!("live")),
        ("sponsor", Value::Null),
        ("created_by", json!("local:alice")),
    ] {
        assert_eq!(tokens[0][member], value, "{member}");
    }
    let table = home.cli(&["token", "list"]).expect(0);
    assert!(table.stdout.contains("operator:alice") && !table.stdout.contains(secret), "{table:?}");
    assert_eq!(home.decisions()[0]["event"], "TOKEN_CREATED");
}

#[test]
fn without_tokens_the_list_says_how_to_make_one_and_leaves_nothing() {
    let home = Home::new();
    let said = home.cli(&["token", "list"]).expect(0);
    assert!(said.stdout.contains("No tokens in") && said.stdout.contains("token create --name NAME"), "{said:?}");
    assert!(list(&home).is_empty() && !home.root().exists());
}

#[test]
fn a_token_file_is_its_owners_alone_and_nothing_is_overwritten() {
    let home = Home::new();
    let create = ["token", "create", "--name", "claude", "--kind", "agent", "--role", "OPS", "--ttl", "7d"];
    let with = |file: &'static str| [&create[..], &["--file", file]].concat();
    let made = home.json(&[], &with("claude.token"), 0);
    assert_eq!((made["token"].clone(), made["token_file"].clone()), (Value::Null, json!("claude.token")));
    assert_eq!(made["record"]["sponsor"], "local:alice", "whoever makes an agent's token answers for it");
    let path = home.path().join("claude.token");
    let token = std::fs::read_to_string(&path).unwrap();
    assert!(token.starts_with("cpt_agent_") && token.ends_with('\n'), "one line");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    std::fs::write(home.path().join("notes.txt"), "mine").unwrap();
    for (file, words) in [("notes.txt", "nothing is overwritten"), ("none/x.token", "cannot be made")] {
        let said = home.cli(&with(file)).expect(2);
        assert!(said.stderr.contains(words) && said.stdout.is_empty(), "{said:?}");
    }
    assert_eq!(std::fs::read_to_string(home.path().join("notes.txt")).unwrap(), "mine");
    // Refused: the principal has one. Nothing is left of the file that was to hold another.
    let said = home.cli(&with("second.token")).expect(5);
    assert!(said.stderr.starts_with("refused: TOKEN_LIMIT"), "{said:?}");
    assert!(!home.path().join("second.token").exists());
    assert_eq!(list(&home).len(), 1);
}

#[test]
fn nobody_gives_what_they_do_not_hold() {
    let home = Home::new();
    let create = |arguments: &[&str]| home.cli(&[&["token", "create", "--name", "x"], arguments].concat());
    for (arguments, words) in [
        (&["--kind", "operator", "--role", "AUDITOR"][..], "RoleForbidden"),
        (&["--kind", "operator"], "RoleForbidden"),
        (&["--kind", "worker", "--role", "OPS"], "RoleForbidden"),
    ] {
        let said = create(arguments).expect(3);
        assert!(said.stderr.starts_with("refused: ROLE_FORBIDDEN"), "{words}: {said:?}");
    }
    for (arguments, words) in [
        (&["--kind", "worker", "--ttl", "400d"][..], "--ttl must be a duration"),
        (&["--kind", "worker", "--ttl", "0s"], "--ttl must be a duration"),
        (&["--kind", "worker", "--name", "a b"], "cannot be used multiple times"),
        (&["--kind", "operator", "--role", "a b"], "is no role's name"),
        (&["--kind", "operator", "--role", "OPS", "--sponsor", "operator:bob"], "--sponsor is for agents"),
        (&["--kind", "agent", "--role", "OPS", "--sponsor", "bob"], "--sponsor must be a principal"),
        (&["--kind", "anonymous"], "invalid value"),
    ] {
        let said = create(arguments).expect(2);
        assert!(said.stderr.contains(words) && said.stdout.is_empty(), "{said:?}");
    }
    let said = home.cli(&["token", "create", "--name", "a:b", "--kind", "worker"]).expect(2);
    assert!(said.stderr.contains("--name must be"), "{said:?}");
    assert!(list(&home).is_empty());
    // Only operators make tokens, and an agent's own token changes nothing about that.
    let agent = home.token("agent", "claude", &["OPS"]);
    let make = ["token", "create", "--name", "y", "--kind", "agent", "--role", "OPS"];
    let said = home.cli_with(&[(PERSONAL, &agent)], &make, "").expect(3);
    assert!(said.stderr.starts_with("refused: SCOPE_FORBIDDEN"), "{said:?}");
}

#[test]
fn the_command_line_acts_as_the_tokens_principal_while_it_lives() {
    let home = Home::with_run();
    let alice = home.token("operator", "alice", &["OPS"]);
    let file = home.path().join("alice.token");
    std::fs::write(&file, format!("{alice}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    for how in [(PERSONAL, alice.as_str()), ("CORTEXPILOT_TOKEN_FILE", "alice.token")] {
        let preview = home.json(&[how], &["queue", "preview", "run_ok"], 0);
        assert_eq!(preview["acting_as"], json!({"principal": "operator:alice", "kind": "operator", "roles": ["OPS"]}));
    }
    let with = [(PERSONAL, alice.as_str())];
    home.cli_with(&with, &["gate", "freeze"], "").expect(0);
    assert_eq!(home.json(&[], &["gate", "status"], 0)["frozen"]["by"], "operator:alice (OPS)");

    home.cli(&["token", "revoke", id_of(&alice), "--reason", "lost"]).expect(0);
    for arguments in
        [&["queue", "preview", "run_ok"][..], &["gate", "unfreeze", "--reason", "x"], &["token", "revoke", "0"]]
    {
        let said = home.json(&with, arguments, 3);
        assert_eq!(said["code"], "AUTH_INVALID_TOKEN", "{said}");
        assert!(said["reason"].as_str().unwrap().contains("was revoked"), "{said}");
    }
    assert!(home.json(&[], &["gate", "status"], 0)["frozen"].is_object(), "nothing was decided");
    // A token of another root is no token here, and nothing more is said of it.
    let foreign = Home::new().token("operator", "alice", &["OPS"]);
    let said = home.json(&[(PERSONAL, &foreign)], &["queue", "preview", "run_ok"], 3);
    assert!(said["reason"].as_str().unwrap().contains("is not one that this runtime root knows"), "{said}");
}

#[test]
fn a_token_ends_by_itself() {
    let home = Home::with_run();
    let made = home.cli(&["token", "create", "--name", "a", "--kind", "agent", "--role", "OPS", "--ttl", "1s"]);
    let token = made.expect(0).stdout.trim().to_owned();
    let begun = Instant::now();
    while list(&home)[0]["state"] != "expired" {
        assert!(begun.elapsed() < LIMIT, "it never ends");
    }
    let said = home.json(&[(PERSONAL, &token)], &["queue", "preview", "run_ok"], 3);
    assert!(said["reason"].as_str().unwrap().contains("has expired"), "{said}");
    assert_eq!(home.json(&[], &["token", "list", "--live"], 0)["items"], json!([]));
    // A principal whose tokens have all ended may have another one.
    home.token("agent", "a", &["OPS"]);
}

#[test]
fn a_token_is_replaced_before_it_is_taken_back() {
    let home = Home::with_run();
    let old = home.token("operator", "alice", &["OPS"]);
    let new = home.cli(&["token", "rotate", id_of(&old), "--ttl", "1h"]).expect(0);
    assert!(new.stderr.is_empty() && new.stdout.starts_with("cpt_operator_"), "{new:?}");
    let new = new.stdout.trim().to_owned();
    for token in [&old, &new] {
        home.cli_with(&[(PERSONAL, token)], &["queue", "preview", "run_ok"], "").expect(0);
    }
    let third = home.cli(&["token", "rotate", id_of(&new)]).expect(5);
    assert!(third.stderr.starts_with("refused: TOKEN_LIMIT"), "{third:?}");
    let revoked = home.json(&[(PERSONAL, &new)], &["token", "revoke", id_of(&old), "--reason", "replaced"], 0);
    assert_eq!(
        (revoked["state"].clone(), revoked["revoked"]["by"].clone()),
        (json!("revoked"), json!("operator:alice (OPS)"))
    );
    home.cli_with(&[(PERSONAL, &old)], &["queue", "preview", "run_ok"], "").expect(3);
    home.cli_with(&[(PERSONAL, &new)], &["queue", "preview", "run_ok"], "").expect(0);
    for id in ["0123456789ab", "x", ""] {
        assert_eq!(home.json(&[], &["token", "revoke", id], 4)["code"], "TOKEN_NOT_FOUND");
        assert_eq!(home.json(&[], &["token", "rotate", id], 4)["code"], "TOKEN_NOT_FOUND");
    }
}

#[test]
fn the_pilot_takes_an_agents_token_and_no_others() {
    let home = Home::with_run();
    for (kind, roles) in [("operator", &["OPS"][..]), ("worker", &[])] {
        let token = home.token(kind, "x", roles);
        let said = home.cli_with(&[(PERSONAL, &token)], &["mcp-queue-pilot-server"], "").expect(3);
        assert!(said.stdout.is_empty() && said.stderr.starts_with("refused: SCOPE_FORBIDDEN"), "{said:?}");
        assert!(said.stderr.contains("--kind agent") && !said.stderr.contains(&token), "{said:?}");
    }
    let token = home.token("agent", "claude", &["OPS"]);
    let mut client = home.mcp(McpServer::Pilot, &[APPLY, (PERSONAL, &token)]);
    client.handshake("2025-11-25");
    let preview = client.call("preview_enqueue_from_run", json!({"run_id": "run_ok"}));
    assert_eq!(preview.json["acting_as"], json!({"principal": "agent:claude", "kind": "agent", "roles": ["OPS"]}));
    // Taken back while it runs: refused at the next call, without a restart.
    home.cli(&["token", "revoke", id_of(&token)]).expect(0);
    let refused = client.call("preview_enqueue_from_run", json!({"run_id": "run_ok"}));
    assert_eq!(refused.code(), Some("UNAUTHENTICATED"), "{refused:?}");
    client.close();
    let said = home.cli_with(&[(PERSONAL, &token)], &["mcp-queue-pilot-server"], "").expect(3);
    assert!(said.stderr.starts_with("refused: AUTH_INVALID_TOKEN"), "{said:?}");
}

#[test]
fn serve_needs_somebody_who_can_sign_in() {
    let home = Home::with_run();
    let serve = ["serve", "--port", "0", "--output", "json"];
    let agent = home.token("agent", "claude", &["OPS"]);
    let said = home.cli(&["serve", "--port", "0"]).expect(2);
    assert!(said.stderr.contains("token create --name NAME --kind operator"), "an agent cannot operate: {said:?}");
    let operator = home.token("operator", "alice", &["OPS"]);
    let server = Server::start(home.command(&[], &serve));
    let get = |token: &str| {
        let bearer = format!("Bearer {token}");
        server.anonymous("GET", "/api/queue", &[("authorization", &bearer), ("x-cortexpilot-role", "OPS")], None).status
    };
    assert_eq!((get(&operator), get(&agent), get("wrong")), (200, 200, 401));
    home.cli(&["token", "revoke", id_of(&operator)]).expect(0);
    assert_eq!((get(&operator), get(&agent)), (401, 200), "from the next request on");
    assert_eq!(server.stop(Signal::INT).0, Some(0));
    home.cli(&["serve", "--port", "0"]).expect(2);
}
