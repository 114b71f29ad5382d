//! `api`: whatever HTTP can read, the command line can print, with a server and without one; and where tokens go.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use cortexpilot_runs::fixture::RunFixture;
use cortexpilot_server::http::{Effect, Operation, Verb, operations};
use serde_json::{Value, json};

use crate::support::{A_PERSON, APPLY, BINARY, Home, Output, PERSONAL, Server, finish};

/// Operations that say something about the process that answers, so two processes say two things.
const OF_THE_PROCESS: [&str; 6] = ["metrics", "readyz", "ledger_get", "gate_get", "config_get", "config_clients"];

/// A place with something for every read, and whoever may read all of it.
struct Place {
    home: Home,
    alice: String,
    agent: String,
    item: String,
    approval: String,
    token_id: String,
    size: u64,
}

impl Place {
    fn new() -> Self {
        let home = Home::with_run();
        for run in ["run_a", "run_b", "run_other"] {
            let fixture = RunFixture::new(run)
                .workflow("wf-1")
                .event("RUN_STARTED", json!({}))
                .report("test_report.json", json!({"status": "PASS"}))
                .report("review_report.json", json!({"verdict": "PASS"}));
            home.run(&fixture);
        }
        let alice = home.token("operator", "alice", &["OPS", "OWNER"]);
        let agent = home.token("agent", "robin", &["OPS"]);
        let item = home.enqueue("run_a");
        home.enqueue("run_b");
        home.cli(&["queue", "claim"]).expect(0);
        let asked = home.ask(&[APPLY, A_PERSON, (PERSONAL, &agent)], &[], &[]);
        let approval = asked["approval"]["id"].as_str().expect("a request").to_owned();
        home.cli(&["audit", "init-key"]).expect(0);
        let signed = home.json(&[], &["audit", "checkpoint"], 0);
        let token_id = alice.split('_').nth(2).expect("a token names its id").to_owned();
        let size = home.ledger().len() as u64;
        assert!(size > 0, "{signed}");
        Self { home, alice, agent, item, approval, token_id, size }
    }

    /// A right request for an operation that reads.
    fn path(&self, operation: &Operation) -> String {
        let mut path = operation.path.to_owned();
        for (name, value) in [
            ("{run_id}", "run_a"),
            ("{queue_id}", self.item.as_str()),
            ("{approval_id}", &self.approval),
            ("{workflow_id}", "wf-1"),
            ("{token_id}", &self.token_id),
            ("{name}", "contract.json"),
            ("{size}", &self.size.to_string()),
        ] {
            path = path.replace(name, value);
        }
        assert!(!path.contains('{'), "say here what {} is asked for", operation.path);
        match operation.id {
            id if id.ends_with("_stream") => path + "?follow=false",
            "run_compare" => path + "?with=run_other",
            _ => path,
        }
    }

    fn reads() -> impl Iterator<Item = &'static Operation> {
        let reads = |operation: &&Operation| operation.effect == Effect::Read && operation.verb == Verb::Get;
        operations().iter().filter(reads)
    }

    /// What the server answers whoever holds this token.
    fn http(server: &Server, token: &str, path: &str) -> (u16, String) {
        let answer = server.anonymous("GET", path, &[("authorization", &format!("Bearer {token}"))], None);
        (answer.status, answer.body)
    }

    fn cli(&self, token: &str, words: &[&str]) -> Output {
        self.home.cli_with(&[(PERSONAL, token)], &[&["api", "GET"], words].concat(), "")
    }
}

/// An answer without the seconds that a request has left: they go by from one answer to the next.
fn timeless(text: &str) -> String {
    let mut parts = text.split("\"expires_in_s\":");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |before, after| {
        before + "\"expires_in_s\":" + after.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

#[test]
fn whatever_http_can_read_the_command_line_prints() {
    let place = Place::new();
    let server = place.home.serve(&[]);
    let (mut reads, mut refused) = (0, 0);
    for token in [&place.alice, &place.agent] {
        for operation in Place::reads() {
            let (id, path) = (operation.id, place.path(operation));
            let (status, body) = Place::http(&server, token, &path);
            let is_alice = *token == place.alice;
            assert!(status == 200 || !is_alice, "{id} {path}: {status} {body}");
            let far = place.cli(token, &[&path, "--server", &server.url]);
            assert_eq!(far.code == 0, status == 200, "{id}: {far:?}");
            if !OF_THE_PROCESS.contains(&id) {
                let near = place.cli(token, &[&path]);
                assert_eq!(near.code, far.code, "{id}: {near:?}");
                // A refusal names its request.
                if status == 200 {
                    let body = timeless(&body);
                    assert_eq!((timeless(&near.stdout), timeless(&far.stdout)), (body.clone(), body), "{id}");
                }
            }
            if status == 200 {
                reads += 1;
            } else {
                refused += 1;
            }
        }
    }
    println!("figure: {reads} answers of GET operations printed as HTTP gives them, {refused} refusals of an agent");
}

#[test]
fn with_output_json_every_read_is_one_document_with_the_same_content() {
    let place = Place::new();
    let server = place.home.serve(&[]);
    for operation in Place::reads().filter(|operation| !OF_THE_PROCESS.contains(&operation.id)) {
        let (id, path) = (operation.id, place.path(operation));
        let (_, body) = Place::http(&server, &place.alice, &path);
        let printed = place.cli(&place.alice, &[&path, "--output", "json"]).expect(0).stdout;
        if id.ends_with("_stream") {
            let events: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(
                events.len(),
                body.matches("\ndata: ").count() + usize::from(body.starts_with("data: ")),
                "{id}"
            );
            continue;
        }
        let document: Value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{id}: {error}: {printed}"));
        // What is not declared to be JSON is one text.
        let wanted = if document.is_string() { Value::String(body) } else { serde_json::from_str(&body).unwrap() };
        assert_eq!(timeless(&document.to_string()), timeless(&wanted.to_string()), "{id}");
    }
}

#[test]
fn commands_of_their_own_print_what_http_answers() {
    let place = Place::new();
    let server = place.home.serve(&[]);
    let env = [(PERSONAL, place.alice.as_str())];
    let mut compared = 0;
    for (id, words, member) in [
        ("runs_list", vec!["runs", "list"], "/items"),
        ("run_get", vec!["runs", "show", "run_a"], "/run"),
        ("run_events", vec!["runs", "show", "run_a", "--events", "500"], "/events"),
        ("queue_list", vec!["queue", "list"], "/items"),
        ("queue_get", vec!["queue", "show", &place.item], "/item"),
        ("approvals_list", vec!["approval", "list"], "/items"),
        ("approval_get", vec!["approval", "show", &place.approval], ""),
        ("tokens_list", vec!["token", "list"], "/items"),
    ] {
        let operation = Place::reads().find(|operation| operation.id == id).expect("an operation");
        let (_, body) = Place::http(&server, &place.alice, &place.path(operation));
        let http: Value = serde_json::from_str(&body).unwrap();
        let printed = place.home.json(&env, &words, 0);
        let mut part = printed.pointer(member).unwrap_or_else(|| panic!("{id}: {printed}")).clone();
        let mut http = http;
        if id == "tokens_list" {
            // Over HTTP by id, which pages need; at the machine as they were made.
            for list in [&mut part, &mut http] {
                list.as_array_mut().expect("a list").sort_by_key(|token| token["id"].to_string());
            }
        }
        assert_eq!(timeless(&part.to_string()), timeless(&http.to_string()), "{id}");
        compared += 1;
    }
    println!("figure: {compared} commands print what HTTP answers, member for member");
}

#[test]
fn how_a_server_was_configured_is_what_the_command_line_says_of_itself_and_holds_no_secret() {
    let place = Place::new();
    let secret = "a-static-token-of-this-test";
    let server = place.home.serve(&[("CORTEXPILOT_API_TOKEN", secret), APPLY]);
    let read = |path: &str| -> (String, Value) {
        let (status, body) = Place::http(&server, secret, path);
        assert_eq!(status, 200, "{body}");
        let value = serde_json::from_str(&body).unwrap();
        (body, value)
    };
    let (body, settings) = read("/api/config");
    assert!(!body.contains(secret), "{body}");
    let setting = |name: &str| {
        let all = settings.as_array().expect("a list").iter();
        all.clone().find(|it| it["variable"] == name).unwrap_or_else(|| panic!("{name}: {body}")).clone()
    };
    let token = setting("CORTEXPILOT_API_TOKEN");
    assert_eq!(
        (&token["value"], &token["secret"], &token["origin"]),
        (&json!("(set)"), &json!(true), &json!("environment"))
    );
    assert_eq!(setting("CORTEXPILOT_LOG")["origin"], "default");
    let gate = read("/api/gate").1;
    assert_eq!((&gate["gate_set"]["by"], &gate["since"]), (&json!("environment"), &gate["gate_set"]));

    // A process of the same roots says the same of itself, with its own origins.
    let near: Value = serde_json::from_str(&place.cli(&place.alice, &["/api/config"]).expect(0).stdout).unwrap();
    let shown = place.home.json(&[(PERSONAL, &place.alice)], &["config", "show", "--origin"], 0);
    assert_eq!(near, shown);
    let (body, clients) = read("/api/config/clients");
    assert!(!body.contains(secret));
    let root = place.home.root().display().to_string();
    let of = |client: &str, scope: &str| {
        let mut all = clients.as_array().expect("a list").iter();
        all.find(|it| it["client"] == client && it["scope"] == scope)
            .unwrap_or_else(|| panic!("{client}: {body}"))
            .clone()
    };
    let text = of("claude-code", "project")["text"].as_str().unwrap().to_owned();
    assert!(text.contains("mcp-readonly-server") && text.contains(&root), "{text}");
    let printed = place.home.json(&[], &["mcp", "install", "cursor", "--scope", "project"], 0);
    let offered = of("cursor", "project");
    assert_eq!((&offered["text"], &offered["written"]), (&printed["text"], &json!(false)));
    let codex = of("codex", "project");
    assert_eq!(codex["written"], true);
    // Whoever copies it has another shell, without what this server was started with.
    let command = codex["command"].as_str().unwrap();
    let roots = format!("--runtime-root {root} --runs {}", place.home.runs().display());
    assert!(command.ends_with(&roots), "{command}");
}

#[test]
fn a_read_without_a_server_leaves_not_one_byte() {
    let place = Place::new();
    let before = place.home.snapshot();
    for operation in Place::reads() {
        place.cli(&place.alice, &[&place.path(operation)]);
    }
    let preview = ["api", "POST", "/api/queue/from-run/run_other/preview", "--role", "OPS"];
    let shown = place.home.cli(&preview).expect(0);
    assert!(shown.stdout.contains("\"validation\":\"fail-closed\""), "{shown:?}");
    assert!(place.home.snapshot() == before, "something changed");

    let empty = Home::new();
    assert_eq!(empty.cli(&["api", "GET", "/api/queue"]).expect(0).stdout, "[]");
    assert!(!empty.root().exists());
}

#[test]
fn what_changes_something_needs_a_server() {
    let place = Place::new();
    for operation in operations().iter().filter(|operation| operation.effect == Effect::Write) {
        let before = place.home.snapshot();
        let said = place.home.cli(&["api", operation.verb.as_str(), &place.path(operation), "--role", "OPS"]).expect(2);
        assert!(said.stderr.contains("--server") && said.stdout.is_empty(), "{}: {said:?}", operation.id);
        assert!(place.home.snapshot() == before, "{}", operation.id);
    }
    let server = place.home.serve(&[]);
    let pending = place.home.enqueue("run_other");
    let cancel = format!("/api/queue/{pending}/cancel");
    let words = ["api", "POST", &cancel, "-f", "reason=not needed", "--role", "OPS", "--server", &server.url];
    let item = place.home.json(&[(PERSONAL, &place.alice)], &words, 0);
    assert_eq!((item["status"].clone(), item["reason"].clone()), (json!("CANCELLED"), json!("not needed")));
    let again = place.home.cli_with(&[(PERSONAL, &place.alice)], &words, "").expect(5);
    assert!(again.stdout.starts_with("{\"detail\":{\"code\":\"QUEUE_ITEM_NOT_CANCELLABLE\""), "{again:?}");
    assert!(again.stderr.starts_with("HTTP 409: QUEUE_ITEM_NOT_CANCELLABLE — "), "{again:?}");
    let refused = place.home.json(&[(PERSONAL, &place.agent)], &words, 3);
    assert_eq!(refused["detail"]["code"], "SCOPE_FORBIDDEN", "a program gets the answer as it came: {refused}");
}

#[test]
fn pages_are_put_together_into_one_list() {
    let place = Place::new();
    let server = place.home.serve(&[]);
    for path in ["/api/runs", "/api/queue", "/api/runs/run_a/events"] {
        let whole: Value = serde_json::from_str(&place.cli(&place.alice, &[path]).expect(0).stdout).unwrap();
        for more in [&["--server", server.url.as_str()][..], &[]] {
            let words = [&[path, "-F", "limit=1", "--paginate"], more].concat();
            let pages: Value = serde_json::from_str(&place.cli(&place.alice, &words).expect(0).stdout).unwrap();
            assert_eq!(pages.to_string(), whole.to_string(), "{path}");
        }
    }
    let none = place.cli(&place.alice, &["/api/queue", "-F", "status=SUCCESS", "--paginate"]).expect(0);
    assert_eq!(none.stdout, "[]\n");
    let no_list = place.cli(&place.alice, &["/api/runs/run_a", "--paginate"]);
    assert_ne!(no_list.code, 0, "{no_list:?}");
    place.home.cli(&["api", "POST", "/api/queue/claim", "--paginate", "--server", &server.url]).expect(2);
}

#[test]
fn refusals_have_their_exit_codes_and_the_head_is_printed_on_request() {
    let place = Place::new();
    let server = place.home.serve(&[]);
    for (words, code) in [
        (&["/api/runs/nope"][..], 4),
        (&["/api/runs/a..b"], 2),
        (&["/api/runs", "-F", "limit=0"], 2),
        (&["/api/nothing"], 4),
        (&["/api/god-mode/pending"], 4),
    ] {
        for more in [&[][..], &["--server", &server.url]] {
            place.cli(&place.alice, &[words, more].concat()).expect(code);
        }
    }
    let nobody = place.home.cli(&["api", "GET", "/api/runs", "--server", &server.url]).expect(3);
    assert!(nobody.stdout.contains("AUTH_MISSING_BEARER"), "{nobody:?}");
    let head = place.cli(&place.alice, &["/health", "-i"]).expect(0).stdout;
    assert!(head.starts_with("HTTP/1.1 200 OK\n") && head.ends_with("\n\n{\"status\":\"ok\"}"), "{head}");
    let head: Value =
        serde_json::from_str(&place.cli(&place.alice, &["/health", "-i", "--output", "json"]).expect(0).stdout)
            .unwrap();
    assert_eq!((head["status"].clone(), head["body"]["status"].clone()), (json!(200), json!("ok")));
    assert!(head["headers"]["x-request-id"].is_string(), "{head}");
    let silent = place.home.cli(&["api", "HEAD", "/health"]).expect(0).stdout;
    assert!(silent.starts_with("HTTP/1.1 200 OK\n") && silent.ends_with("\n\n"), "{silent}");
    let gone = place.cli(&place.alice, &["/health", "--server", "http://127.0.0.1:1"]).expect(1);
    assert!(gone.stderr.contains("127.0.0.1:1 does not answer"), "{gone:?}");
}

/// A server that answers every request like this, and what it was sent.
fn answering(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).expect("a head") > 0, "the client is gone: {head}");
        }
        stream.get_mut().write_all(answer.as_bytes()).expect("the client reads");
        head
    });
    (url, thread)
}

#[test]
fn a_token_goes_where_it_belongs_and_no_further() {
    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let home = Home::with_run();
    let alice = home.token("operator", "alice", &["OPS"]);
    // On this machine: the personal token, else the control plane's, else the one that `up` made.
    for (environment, sent) in [
        (vec![(PERSONAL, alice.as_str()), ("CORTEXPILOT_API_TOKEN", "static-token-0123")], alice.as_str()),
        (vec![("CORTEXPILOT_API_TOKEN", "static-token-0123")], "static-token-0123"),
        (vec![], ""),
    ] {
        let (url, seen) = answering(OK);
        home.cli_with(&environment, &["api", "GET", "/api/x", "--server", &url], "").expect(0);
        let head = seen.join().expect("the server does not panic");
        let authorization = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
        assert_eq!(authorization.unwrap_or_default(), sent, "{head}");
    }
    // Elsewhere: never in clear, and never without being told so.
    let clear = home.cli_with(&[(PERSONAL, &alice)], &["api", "GET", "/x", "--server", "http://pilot.example.org"], "");
    assert!(clear.clone().expect(2).stderr.contains("https://") && !clear.stderr.contains(&alice), "{clear:?}");
    // A redirect is shown, not followed.
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    other.set_nonblocking(true).expect("a socket takes this option");
    let moved: &'static str = Box::leak(
        format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", other.local_addr().unwrap())
            .into_boxed_str(),
    );
    let (url, seen) = answering(moved);
    let shown = home.cli_with(&[(PERSONAL, &alice)], &["api", "GET", "/x", "--server", &url], "").expect(1);
    assert!(shown.stderr.starts_with("HTTP 302"), "{shown:?}");
    seen.join().expect("the server does not panic");
    assert!(other.accept().is_err(), "nobody called where the redirect led");
}

#[test]
fn a_named_token_file_is_used_if_nobody_else_could_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::with_run();
    let token = home.token("operator", "alice", &["OPS"]);
    let file = home.path().join("alice.token");
    std::fs::write(&file, format!("{token}\n")).expect("a file");
    let server = home.serve(&[]);
    let ask = ["api", "GET", "/api/queue", "--server", &server.url, "--token-file", "alice.token"];
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let loose = home.cli(&ask).expect(2);
    assert!(loose.stderr.contains("chmod 600") && !loose.stderr.contains(&token), "{loose:?}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    assert_eq!(home.cli(&ask).expect(0).stdout, "[]");
    home.cli(&["api", "GET", "/api/queue", "--token-file", "alice.token"]).expect(2);
}

/// The commands of a page's console blocks.
fn commands(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut commands = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            commands.push(command.to_owned());
        }
    }
    commands
}

#[test]
fn the_console_blocks_of_the_guide_run_as_they_stand() {
    let place = Place::new();
    let server = place.home.serve(&[]);
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/http-api.md");
    let commands = commands(&std::fs::read_to_string(guide).expect("the guide"));
    assert!(commands.len() >= 8, "{commands:?}");
    let bin = Path::new(BINARY).parent().expect("a file has a directory").display().to_string();
    for command in &commands {
        let mut shell = place.home.command::<&str>(&[(PERSONAL, &place.alice), ("URL", &server.url)], &[]);
        let environment: Vec<_> =
            shell.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        shell = Command::new("/bin/sh");
        shell.args(["-c", command]).current_dir(place.home.path()).env_clear();
        for (name, value) in environment {
            shell.envs(value.map(|value| (name, value)));
        }
        shell.env("PATH", format!("{bin}:/usr/bin:/bin"));
        let said = finish(shell, "");
        assert!(said.code == 0 && !said.stdout.is_empty(), "{command}: {said:?}");
    }
    println!("figure: {} commands of the guide run", commands.len());
}
