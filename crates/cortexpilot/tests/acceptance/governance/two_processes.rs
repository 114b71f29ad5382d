//! What an operator decides in a third process holds at once in two that were running: freeze, revocation, limits.

use std::time::{Duration, Instant};

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use super::cast::{LOG, Token, apply, assert_at_once, clerk, decisions, from_run, serve};
use crate::support::{Connection, GATE_OPEN, Home, Mcp, STATELESS, VERSIONS, apply as mcp_apply};

fn home(runs: &[&str]) -> Home {
    let home = Home::new();
    for run in runs {
        home.run(&RunFixture::new(run));
    }
    home
}

fn freeze(home: &Home) -> Instant {
    clerk(home, &["gate", "freeze", "--reason", "something is wrong"]);
    Instant::now()
}

fn claim(connection: &mut Connection, who: &Token) -> crate::support::Response {
    connection.send(&who.post("/api/queue/claim", &json!({"worker": "w"})))
}

fn preview_and_apply(pilot: &mut Mcp, run: &str) -> (Value, String) {
    let shown = pilot.call("preview_enqueue_from_run", &json!({"run_id": run}).to_string()).answer().clone();
    (shown, pilot.call("enqueue_from_run", &mcp_apply(run, json!({}))).code().to_owned())
}

#[test]
fn a_freeze_stops_applies_and_claims_in_two_running_servers_at_once_and_no_cancel() {
    let home = home(&["run_a", "run_b", "run_c"]);
    let ann = Token::operator(&home, "ann");
    let servers = [serve(&home, &[]), serve(&home, &[])];
    let mut connections = servers.each_ref().map(crate::support::Server::connect);
    // An item to claim, and for each server one to cancel.
    for run in ["run_a", "run_b"] {
        assert_eq!(apply(&mut connections[0], &ann, run, &json!({})).status, 200);
    }
    let items: Vec<String> =
        home.queue().events().iter().map(|line| line["queue_id"].as_str().unwrap().to_owned()).collect();

    let since = freeze(&home);
    for connection in &mut connections {
        let refused = apply(connection, &ann, "run_c", &json!({}));
        assert_eq!((refused.status, refused.code().as_str()), (403, "FROZEN"), "{}", refused.text());
        let refused = claim(connection, &ann);
        assert_eq!((refused.status, refused.code().as_str()), (403, "FROZEN"), "{}", refused.text());
    }
    assert_at_once(since, "FROZEN");
    let ran = home.cli(&["queue", "claim"], &[LOG]);
    assert_eq!((ran.exit, ran.code().as_str()), (Some(3), "FROZEN"), "{ran:#?}");
    for (connection, item) in connections.iter_mut().zip(&items) {
        let cancelled = connection.send(&ann.post(&format!("/api/queue/{item}/cancel"), &json!({"reason": "stop"})));
        assert_eq!((cancelled.status, &cancelled.json()["status"]), (200, &json!("CANCELLED")));
    }

    clerk(&home, &["gate", "unfreeze", "--reason", "it was nothing"]);
    let since = Instant::now();
    for (connection, run) in connections.iter_mut().zip(["run_a", "run_b"]) {
        assert_eq!(apply(connection, &ann, run, &json!({})).status, 200);
        assert_eq!(claim(connection, &ann).answer()["ok"], true);
    }
    assert_at_once(since, "the end of the freeze");
    let (frozen, unfrozen) = (decisions(&home, "FROZEN"), decisions(&home, "UNFROZEN"));
    assert_eq!((frozen.len(), unfrozen.len()), (1, 1));
    assert_eq!((&frozen[0]["principal"], &frozen[0]["reason"]), (&json!("local:clerk"), &json!("something is wrong")));
}

#[test]
fn a_freeze_stops_a_running_pilot_and_a_running_server_at_once() {
    let home = home(&["run_a", "run_b"]);
    let ann = Token::operator(&home, "ann");
    let server = serve(&home, &[]);
    let mut connection = server.connect();
    for version in VERSIONS {
        let mut pilot = home.pilot(version, &[GATE_OPEN, LOG]);
        assert_eq!(pilot.call("preview_enqueue_from_run", r#"{"run_id":"run_a"}"#).answer()["mutation_gate"], "open");
        let queued = apply(&mut connection, &ann, "run_b", &json!({})).answer();
        let queue = home.queue();
        let since = freeze(&home);
        // With the preview from before the freeze, and with one from after.
        assert_eq!(pilot.call("enqueue_from_run", &mcp_apply("run_a", json!({}))).code(), "FROZEN");
        let (shown, code) = preview_and_apply(&mut pilot, "run_a");
        assert_eq!(
            (&shown["mutation_gate"], &shown["can_apply"], code.as_str()),
            (&json!("frozen"), &json!(false), "FROZEN")
        );
        assert_eq!(apply(&mut connection, &ann, "run_a", &json!({})).code(), "FROZEN");
        assert_eq!(claim(&mut connection, &ann).code(), "FROZEN");
        assert_at_once(since, "FROZEN");
        assert_eq!(home.queue(), queue);
        let cancel = format!("/api/queue/{}/cancel", queued["queue_id"].as_str().unwrap());
        assert_eq!(connection.send(&ann.post(&cancel, &json!({}))).answer()["status"], "CANCELLED");
        clerk(&home, &["gate", "unfreeze", "--reason", "the next round"]);
        pilot.finish();
    }
}

#[test]
fn a_freeze_over_http_holds_in_the_other_processes_too() {
    let home = home(&["run_a"]);
    let ann = Token::operator(&home, "ann");
    let servers = [serve(&home, &[]), serve(&home, &[])];
    let mut pilot = home.pilot(STATELESS, &[GATE_OPEN, LOG]);
    assert_eq!(servers[0].send(&ann.post("/api/gate/freeze", &json!({"reason": "stop"}))).status, 200);
    let since = Instant::now();
    assert_eq!(claim(&mut servers[1].connect(), &ann).code(), "FROZEN");
    assert_eq!(preview_and_apply(&mut pilot, "run_a").1, "FROZEN");
    assert_at_once(since, "FROZEN");
    assert_eq!(servers[1].send(&ann.post("/api/gate/unfreeze", &json!({"reason": "go on"}))).status, 200);
    assert_eq!(preview_and_apply(&mut pilot, "run_a").1, "");
    assert_eq!(home.queue().lines().len(), 1);
}

#[test]
fn a_revoked_token_is_no_token_at_once_in_two_running_servers_and_in_a_pilot() {
    let home = home(&["run_a"]);
    let tokens =
        [Token::operator(&home, "ann"), Token::agent(&home, "robot"), Token::new(&home, "worker", "hand", &[])];
    let servers = [serve(&home, &[]), serve(&home, &[])];
    let mut connections = servers.each_ref().map(crate::support::Server::connect);
    let mut pilot = home.pilot(STATELESS, &[GATE_OPEN, LOG, tokens[1].environment()]);
    let shown = pilot.call("preview_enqueue_from_run", r#"{"run_id":"run_a"}"#).answer().clone();
    assert_eq!(shown["acting_as"]["principal"], "agent:robot", "{shown}");
    for token in &tokens {
        for connection in &mut connections {
            assert_ne!(connection.send(&token.get("/api/queue")).status, 401);
        }
        clerk(&home, &["token", "revoke", &token.id, "--reason", "it was lost"]);
        let since = Instant::now();
        for connection in &mut connections {
            let refused = connection.send(&token.get("/api/queue"));
            assert_eq!((refused.status, refused.code().as_str()), (401, "AUTH_INVALID_TOKEN"), "{}", refused.text());
            let refused = claim(connection, token);
            assert_eq!((refused.status, refused.code().as_str()), (401, "AUTH_INVALID_TOKEN"), "{}", refused.text());
        }
        assert_at_once(since, "401");
    }
    // The pilot holds the agent's token: it has become nobody.
    assert_eq!(pilot.call("preview_enqueue_from_run", r#"{"run_id":"run_a"}"#).code(), "UNAUTHENTICATED");
    assert_eq!(pilot.call("enqueue_from_run", &mcp_apply("run_a", json!({}))).code(), "UNAUTHENTICATED");
    assert_eq!(home.queue().lines(), Vec::<String>::new());
    assert_eq!(decisions(&home, "TOKEN_REVOKED").len(), tokens.len());
}

#[test]
fn a_token_revoked_over_http_is_no_token_at_the_other_server() {
    let home = home(&[]);
    let (ann, ben) = (Token::operator(&home, "ann"), Token::operator(&home, "ben"));
    let servers = [serve(&home, &[]), serve(&home, &[])];
    assert_eq!(servers[1].send(&ben.get("/api/queue")).status, 200);
    let revoke = format!("/api/tokens/{}/revoke", ben.id);
    assert_eq!(servers[0].send(&ann.post(&revoke, &json!({"reason": "left us"}))).status, 200);
    let since = Instant::now();
    assert_eq!(servers[1].send(&ben.get("/api/queue")).code(), "AUTH_INVALID_TOKEN");
    assert_at_once(since, "401");
    assert_eq!(servers[0].send(&ann.get("/api/queue")).status, 200);
}

#[test]
fn an_item_is_read_as_the_other_server_left_it_a_moment_ago_and_by_nobody_whose_token_it_took_back() {
    let home = home(&["run_a", "run_b", "run_c"]);
    let (ann, ben) = (Token::operator(&home, "ann"), Token::operator(&home, "ben"));
    let servers = [serve(&home, &[]), serve(&home, &[])];
    let [mut writes, mut reads] = servers.each_ref().map(crate::support::Server::connect);
    let mut read = String::new();
    for run in ["run_a", "run_b", "run_c"] {
        let queued = apply(&mut writes, &ann, run, &json!({})).answer();
        read = format!("/api/queue/{}", queued["queue_id"].as_str().unwrap());
        // For so long that reads do not look at the ledger's path any more, but at the file that is open.
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(150) {
            assert_eq!(reads.send(&ben.get(&read)).answer()["status"], "PENDING");
        }
        assert_eq!(writes.send(&ann.post(&format!("{read}/cancel"), &json!({}))).status, 200);
        assert_eq!(reads.send(&ben.get(&read)).answer()["status"], "CANCELLED", "{run}");
    }
    let revoke = format!("/api/tokens/{}/revoke", ben.id);
    assert_eq!(writes.send(&ann.post(&revoke, &json!({"reason": "left us"}))).status, 200);
    assert_eq!(reads.send(&ben.get(&read)).code(), "AUTH_INVALID_TOKEN");
}

#[test]
fn an_agents_limits_hold_across_surfaces_and_processes_and_say_when_to_come_again() {
    for (variable, code) in
        [("CORTEXPILOT_AGENT_APPLIES_PER_HOUR", "RATE_LIMITED"), ("CORTEXPILOT_AGENT_PENDING_MAX", "PENDING_LIMIT")]
    {
        let home = home(&["run_a", "run_b", "run_c"]);
        let (robot, ann) = (Token::agent(&home, "robot"), Token::operator(&home, "ann"));
        let servers = [serve(&home, &[(variable, "1")]), serve(&home, &[(variable, "1")])];
        let mut pilot = home.pilot(STATELESS, &[GATE_OPEN, LOG, (variable, "1"), robot.environment()]);
        assert_eq!(apply(&mut servers[0].connect(), &robot, "run_a", &json!({})).status, 200);
        for server in &servers {
            let refused = apply(&mut server.connect(), &robot, "run_b", &json!({}));
            assert_eq!((refused.status, refused.code().as_str()), (429, code), "{}", refused.text());
            let wait =
                refused.json()["detail"]["retry_after_s"].as_u64().unwrap_or_else(|| panic!("{}", refused.text()));
            assert!((1..=3601).contains(&wait), "{code}: {wait}");
        }
        let shown = pilot.call("preview_enqueue_from_run", r#"{"run_id":"run_b"}"#).answer().clone();
        assert_eq!(shown["can_apply"], false, "{shown}");
        let refused = pilot.call("enqueue_from_run", &mcp_apply("run_b", json!({})));
        assert_eq!((refused.code(), refused.refusal()["retry"].as_str()), (code, Some("after_wait")));
        assert!(refused.refusal()["retry_after_s"].as_u64().is_some_and(|wait| wait > 0), "{refused:?}");
        // They are an agent's limits: an operator queues on.
        for run in ["run_b", "run_c"] {
            assert_eq!(apply(&mut servers[1].connect(), &ann, run, &json!({})).status, 200);
        }
        assert_eq!(home.queue().lines().len(), 3);
    }
}

#[test]
fn an_open_approval_request_counts_as_pending() {
    let home = home(&["run_a", "run_b"]);
    let robot = Token::agent(&home, "robot");
    let environment = [super::cast::policy("operator"), ("CORTEXPILOT_AGENT_PENDING_MAX", "1")];
    let server = serve(&home, &environment);
    super::cast::request(&server, &robot, "run_a");
    let refused = apply(&mut server.connect(), &robot, "run_b", &json!({}));
    assert_eq!((refused.status, refused.code().as_str()), (429, "PENDING_LIMIT"), "{}", refused.text());
    assert_eq!(decisions(&home, "APPROVAL_REQUESTED").len(), 1);
}

#[test]
fn a_run_three_items_deep_says_so() {
    let home = home(&["run_0"]);
    let ann = Token::operator(&home, "ann");
    let server = serve(&home, &[]);
    let mut connection = server.connect();
    let mut run = "run_0".to_owned();
    for depth in 1..=3 {
        let shown = connection.send(&ann.post(&format!("{}/preview", from_run(&run)), &json!({}))).answer();
        let warned = shown["warnings"].to_string();
        assert_eq!(warned.contains(&format!("would be {depth} deep")), depth > 1, "{warned}");
        let line = apply(&mut connection, &ann, &run, &json!({})).answer();
        assert_eq!(line["depth"], depth, "{line}");
        let item = line["queue_id"].as_str().unwrap().to_owned();
        let shown = clerk(&home, &["queue", "show", &item]);
        assert!(shown.stdout.contains(&format!("\"depth\": {depth}")), "{shown:#?}");
        let claimed = claim(&mut connection, &ann).answer();
        run = claimed["item"]["run_id"].as_str().unwrap().to_owned();
        home.run(&RunFixture::new(&run));
    }
    // The limit itself is held by the gate matrix; here, that a running pilot counts the same chain.
    let mut pilot = home.pilot(VERSIONS[3], &[GATE_OPEN, LOG]);
    assert_eq!(pilot.enqueue(&run)["depth"], 4);
    let preview = connection.send(&ann.post(&format!("{}/preview", from_run(&run)), &json!({}))).answer();
    assert_eq!(preview["pending_matches"].as_array().map(Vec::len), Some(1));
}
