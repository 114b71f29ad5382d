//! The three ways in: beside a control plane, the pilot where it is asked for, and the read-only server alone.

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::support::mcp_http::{PILOT, READONLY};
use crate::support::process::Process;
use crate::support::{GATE_OPEN, Home, McpHttp, Request, STATELESS, TOKEN, VERSIONS};

/// Everything is logged.
const LOG: (&str, &str) = ("CORTEXPILOT_LOG", "debug");
/// The clock signs no checkpoint between two looks.
const UNSIGNED: (&str, &str) = ("CORTEXPILOT_CHECKPOINT_EVERY", "0");

fn home() -> Home {
    let home = Home::new();
    for run in ["run_a", "run_b"] {
        home.run(&RunFixture::new(run));
    }
    home
}

#[test]
fn without_its_flag_the_pilot_is_not_there_and_the_gate_does_not_bring_it() {
    let home = home();
    let agent = home.agent_token("robin", &["OPS"], &[]);
    let unknown = |path: &str, server: &crate::support::Server| {
        let request = Request::new("POST", path).bearer(&agent).json("{}");
        let answer = server.send(&request);
        (answer.status, answer.text())
    };
    for environment in [&[LOG][..], &[LOG, GATE_OPEN]] {
        let server = home.serve(environment);
        assert_eq!(unknown(PILOT, &server), unknown("/mcp/no-such-path", &server));
        assert_eq!(unknown(PILOT, &server).0, 404);
        let mut client = McpHttp::new(&server, READONLY, Some(&agent), STATELESS);
        assert_eq!(client.call("list_runs", "{}").answer()["runs"].as_array().map(Vec::len), Some(2));
        assert!(server.stop().status.success());
    }
}

#[test]
fn with_its_flag_and_the_gate_shut_the_pilot_previews_and_refuses_under_every_version() {
    let home = home();
    let agent = home.agent_token("robin", &["OPS"], &[]);
    let server = home.serve_with(&["--mcp-pilot"], &[LOG]);
    for (number, version) in VERSIONS.into_iter().enumerate() {
        let mut client = McpHttp::new(&server, PILOT, Some(&agent), version);
        let seen = client.call("preview_enqueue_from_run", r#"{"run_id":"run_a"}"#).answer().clone();
        assert_eq!((&seen["can_apply"], &seen["mutation_gate"]), (&json!(false), &json!("default-off")), "{version}");
        assert_eq!(client.enqueue("run_a").code(), "MUTATION_GATE_CLOSED", "{version}");
        assert_eq!(home.queue().lines().len(), 0, "{version}");
        let denials = home.decisions().events().into_iter().filter(|line| line["event"] == "DENIED");
        let denials: Vec<Value> =
            denials.map(|line| json!([line["principal"], line["surface"], line["code"]])).collect();
        assert_eq!(denials.len(), number + 1, "{version}");
        assert_eq!(denials[number], json!(["agent:robin", "mcp", "MUTATION_GATE_CLOSED"]));
    }
    // The one token of the control plane is an operator's.
    let mut operator = McpHttp::new(&server, PILOT, Some(TOKEN), STATELESS);
    let request = operator.post("tools/list", "");
    let answer = operator.send(&request);
    assert_eq!((answer.status, answer.code().as_str()), (403, "SCOPE_FORBIDDEN"));
    assert!(server.stop().status.success());
}

#[test]
fn with_the_gate_open_agents_queue_as_themselves_and_a_revoked_token_ends_it() {
    let home = home();
    let agents: Vec<String> = ["robin", "wren"].map(|name| home.agent_token(name, &["OPS"], &[])).into();
    let server = home.serve_with(&["--mcp-pilot"], &[LOG, GATE_OPEN]);
    for (agent, run) in agents.iter().zip(["run_a", "run_b"]) {
        let mut client = McpHttp::new(&server, PILOT, Some(agent), STATELESS);
        assert_eq!(client.enqueue(run).answer()["status"], "PENDING");
    }
    let principals: Vec<Value> = home.queue().events().into_iter().map(|line| line["principal"].clone()).collect();
    assert_eq!(principals, ["agent:robin", "agent:wren"]);
    let id = agents[0].split('_').nth(2).expect("a token names itself");
    home.cli(&["token", "revoke", id, "--reason", "lost"], &[]).answer();
    for (agent, wanted) in agents.iter().zip([401, 200]) {
        for path in [READONLY, PILOT] {
            let mut client = McpHttp::new(&server, path, Some(agent), STATELESS);
            let request = client.post("tools/list", "");
            assert_eq!(client.send(&request).status, wanted, "{path}");
        }
    }
    assert!(server.stop().status.success());
}

#[test]
fn the_read_only_server_alone_leaves_not_one_byte() {
    let home = home();
    let untouched = home.snapshot();
    let mut tried = 0;
    for round in 0..2 {
        // The second round has a ledger, tokens and keys that could be changed.
        let before = if round == 0 {
            untouched.clone()
        } else {
            home.agent_token("robin", &["OPS"], &[]);
            let mut pilot = home.pilot(STATELESS, &[GATE_OPEN]);
            pilot.enqueue("run_a");
            pilot.finish();
            home.snapshot()
        };
        let server = home.readonly_http(&[GATE_OPEN, UNSIGNED]);
        for version in VERSIONS {
            let mut client = McpHttp::new(&server, READONLY, Some(TOKEN), version);
            for (tool, arguments) in [
                ("list_runs", "{}"),
                ("get_run", r#"{"run_id":"run_a"}"#),
                ("get_run_events", r#"{"run_id":"run_a"}"#),
                ("list_queue", "{}"),
                ("get_pending_approvals", "{}"),
                ("get_run", r#"{"run_id":"run_none"}"#),
                ("get_run", r#"{"run_id":"../../etc/passwd"}"#),
            ] {
                client.call(tool, arguments);
                tried += 1;
            }
            for noise in ["{not json", "[]", r#"{"jsonrpc":"2.0","method":"tools/call"}"#] {
                let request = client.raw(noise);
                assert!(client.send(&request).status < 500);
            }
            // A stranger's knocking is as little written down.
            let mut stranger = McpHttp::new(&server, READONLY, Some("nobody-gave-this-out"), version);
            let request = stranger.post("tools/list", "");
            assert_eq!(stranger.send(&request).status, 401);
            // Nothing of a control plane is here.
            for path in ["/api/queue", "/", "/metrics", "/health", PILOT] {
                assert_eq!(server.send(&Request::get(path)).status, 404, "{path}");
            }
        }
        before.assert_unchanged(home.root(), "the read-only server over HTTP");
        let ended = server.stop();
        assert!(ended.status.success(), "{}", ended.stderr);
        before.assert_unchanged(home.root(), "the read-only server over HTTP, ended");
    }
    println!("figure: {tried} calls of the read-only server over HTTP, no byte changed");
}

#[test]
fn the_read_only_server_alone_starts_only_where_a_control_plane_would() {
    let home = home();
    let before = home.snapshot();
    let off = ("CORTEXPILOT_API_AUTH_REQUIRED", "off");
    let token = ("CORTEXPILOT_API_TOKEN", TOKEN);
    for (words, environment, said) in [
        (&["--http", "127.0.0.1:0"][..], &[][..], "there is no token"),
        (&["--http", "0.0.0.0:0"], &[token], "--behind-tls-proxy"),
        (&["--http", "0.0.0.0:0", "--behind-tls-proxy"], &[off], "only for loopback"),
        (&["--http", "127.0.0.1"], &[token], "HOST:PORT"),
        (&["--http", "example.org:80"], &[token], "--host"),
        (&["--behind-tls-proxy"], &[], "--http"),
    ] {
        let line = [&["mcp-readonly-server"], words].concat();
        let ended = Process::spawn(home.command(&line, environment), "a server that must not start").ends();
        assert_eq!(ended.status.code(), Some(2), "{words:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{words:?}: {}", ended.stderr);
    }
    // With authentication off, on loopback, everybody may read.
    let server = home.readonly_http(&[off]);
    let mut client = McpHttp::new(&server, READONLY, None, STATELESS);
    assert_eq!(client.call("list_runs", "{}").answer()["runs"].as_array().map(Vec::len), Some(2));
    for (name, value) in [("host", "evil.example"), ("origin", "https://evil.example")] {
        let foreign = client.post("tools/list", "").header(name, value);
        assert!(matches!(server.send(&foreign).status, 403 | 421), "{name}");
    }
    assert!(server.stop().status.success());
    // An agent's personal token is enough to read.
    before.assert_unchanged(home.root(), "servers that did not start, and one that read");
    let agent = home.agent_token("robin", &["OPS"], &[]);
    let line = ["mcp-readonly-server", "--http", "127.0.0.1:0", "--output", "json"];
    let mut process = Process::spawn(home.command(&line, &[LOG]), "readonly");
    let screen: Value = serde_json::from_str(&process.expect_line()).expect("one line of JSON");
    let url = screen["mcp_readonly"].as_str().expect("where it is").to_owned();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with(READONLY), "{url}");
    let address = url.trim_start_matches("http://").trim_end_matches(READONLY).to_owned();
    let server = crate::support::Server::at(process, address);
    let mut client = McpHttp::new(&server, READONLY, Some(&agent), STATELESS);
    assert_eq!(client.call("list_runs", "{}").answer()["runs"].as_array().map(Vec::len), Some(2));
    assert!(server.stop().status.success());
}

#[test]
fn an_open_stream_ends_with_the_server_and_does_not_keep_it() {
    let home = home();
    let server = home.readonly_http(&[]);
    let mut client = McpHttp::new(&server, READONLY, Some(TOKEN), STATELESS);
    let listen = client
        .post("subscriptions/listen", r#""notifications":{"resourceSubscriptions":["cortexpilot://runs/run_a"]}"#);
    let stream = server.connect();
    let told = stream.open(&listen);
    assert_eq!(told.head.status, 200, "{:?}", told.head);
    assert_eq!(told.head.header("content-type"), Some("text/event-stream"));
    // The stream is open: the first message has come, and no end.
    let ended = server.stop();
    assert!(ended.status.success(), "{}", ended.stderr);
    told.rest();
}
