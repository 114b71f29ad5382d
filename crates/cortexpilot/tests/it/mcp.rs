//! The two stdio servers as processes: who they are, what they leave behind, how they end.

use cortexpilot_runs::fixture::RunFixture;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{APPLY, Home, McpServer, VERSIONS};

const ASKED: [(&str, &str); 3] = [("actor_role", "OPS"), ("requested_by", "Alice"), ("approval_reason", "flaky test")];

fn apply() -> Value {
    let mut arguments = json!({"run_id": "run_ok", "confirm": true});
    for (name, value) in ASKED {
        arguments[name] = value.into();
    }
    arguments
}

#[test]
fn the_read_only_server_leaves_not_one_byte() {
    let home = Home::with_run();
    let empty = home.snapshot();
    for version in VERSIONS {
        let mut client = home.mcp(McpServer::Readonly, &[APPLY]);
        client.handshake(version);
        for (tool, arguments) in [
            ("list_runs", json!({})),
            ("get_run", json!({"run_id": "run_ok"})),
            ("get_run_events", json!({"run_id": "run_ok"})),
            ("list_queue", json!({})),
            ("get_run", json!({"run_id": "run_none"})),
        ] {
            client.call(tool, arguments);
        }
        let answer = client.request("tools/call", json!({"name": "enqueue_from_run", "arguments": apply()}));
        assert_eq!(answer["error"]["code"], -32602, "{version}: {answer}");
        client.send_line("{not json");
        client.send_bytes(b"\xff\xfe\n");
        assert_eq!(client.message()["error"]["code"], -32700);
        assert_eq!(client.message()["error"]["code"], -32700);
        let (code, rest, said) = client.close();
        assert_eq!((code, rest.len(), said.as_str()), (Some(0), 0, ""), "{version}");
        assert_eq!(home.snapshot(), empty, "{version}");
    }
    home.enqueue("run_ok");
    let before = home.snapshot();
    let mut client = home.mcp(McpServer::Readonly, &[]);
    client.handshake("2025-06-18");
    assert_eq!(client.call("list_queue", json!({})).json["queue"].as_array().map(Vec::len), Some(1));
    assert_eq!(client.call("get_run", json!({"run_id": "run_none"})).code(), Some("RUN_NOT_FOUND"));
    client.close();
    assert_eq!(home.snapshot(), before);
}

#[test]
fn the_pilot_acts_as_an_agent_that_borrows_its_sponsors_roles() {
    let home = Home::with_run();
    let mut client = home.mcp(McpServer::Pilot, &[("CORTEXPILOT_PRINCIPAL_ROLES", "OPS"), APPLY]);
    client.handshake("2026-07-28");
    let preview = client.call("preview_enqueue_from_run", json!({"run_id": "run_ok"}));
    let acting = &preview.json["acting_as"];
    assert!(acting["principal"].as_str().unwrap().starts_with("agent:"), "{acting}");
    assert_eq!((&acting["kind"], &acting["roles"]), (&json!("agent"), &json!(["OPS"])));
    assert!(!preview.is_error && !preview.text.contains("CORTEXPILOT_"), "{}", preview.text);
    let applied = client.call("enqueue_from_run", apply());
    assert!(!applied.is_error, "{applied:?}");
    client.close();
    let line = &home.ledger()[0];
    assert_eq!((&line["principal"], &line["pilot_source"]), (&acting["principal"], &json!("mcp_queue_pilot_server")));
}

#[test]
fn an_agents_limit_holds_over_processes_and_not_for_the_operator() {
    let home = Home::with_run();
    home.run(&RunFixture::new("run_two").task("task_two"));
    let limited = [APPLY, ("CORTEXPILOT_AGENT_PENDING_MAX", "1"), ("CORTEXPILOT_AGENT_APPLIES_PER_HOUR", "2")];
    // Each in a process of its own.
    let try_one = |run: &str| {
        let mut client = home.mcp(McpServer::Pilot, &limited);
        client.handshake("2025-11-25");
        let preview = client.call("preview_enqueue_from_run", json!({"run_id": run}));
        let mut arguments = apply();
        arguments["run_id"] = run.into();
        let applied = client.call("enqueue_from_run", arguments);
        client.close();
        (preview.json, applied)
    };
    let (preview, applied) = try_one("run_ok");
    assert_eq!((&preview["gates"][7]["open"], applied.is_error), (&json!(true), false), "{applied:?}");
    let first = applied.json["queue_id"].as_str().unwrap().to_owned();

    let (preview, refused) = try_one("run_two");
    let gate = &preview["gates"][7];
    assert_eq!((&preview["can_apply"], &gate["code"]), (&json!(false), &json!("PENDING_LIMIT")));
    assert_eq!((refused.code(), &refused.json["retry_after_s"]), (Some("PENDING_LIMIT"), &json!(60)));
    assert_eq!((&refused.json["retry"], &refused.json["reason"]), (&json!("after_wait"), &gate["reason"]));
    assert_eq!(refused.json["next_step"], preview["next_step"]);
    let open = home.json(&limited, &["queue", "preview", "run_two"], 0);
    assert_eq!((&open["gates"][7]["open"], &open["can_apply"]), (&json!(true), &json!(true)), "for the operator");

    home.cli(&["queue", "cancel", &first, "--reason", "not that one"]).expect(0);
    let (_, applied) = try_one("run_two");
    assert!(!applied.is_error, "there is room again: {applied:?}");
    home.cli(&["queue", "cancel", applied.json["queue_id"].as_str().unwrap(), "--reason", "nor that"]).expect(0);
    let (_, refused) = try_one("run_ok");
    assert_eq!(refused.code(), Some("RATE_LIMITED"), "what was rolled back was queued all the same");
    assert!((3500..=3601).contains(&refused.json["retry_after_s"].as_u64().unwrap()), "{refused:?}");
    let codes: Vec<Value> = home.decisions().iter().map(|line| line["code"].clone()).collect();
    assert_eq!(codes, ["PENDING_LIMIT", "RATE_LIMITED"]);
}

#[test]
fn the_pilot_is_off_by_default_and_records_the_refusal() {
    let home = Home::with_run();
    let mut client = home.mcp(McpServer::Pilot, &[]);
    client.handshake("2024-11-05");
    client.call("preview_enqueue_from_run", json!({"run_id": "run_ok"}));
    let refused = client.call("enqueue_from_run", apply());
    assert_eq!(refused.code(), Some("MUTATION_GATE_CLOSED"));
    assert!(!refused.text.contains("CORTEXPILOT_"), "no variable is named to an agent: {}", refused.text);
    client.close();
    assert!(home.ledger().is_empty());
    assert_eq!(home.decisions().len(), 1);
}

#[test]
fn a_preview_over_mcp_does_not_count_for_the_command_line() {
    let home = Home::with_run();
    let mut client = home.mcp(McpServer::Pilot, &[APPLY]);
    client.handshake("2025-11-25");
    let preview = client.call("preview_enqueue_from_run", json!({"run_id": "run_ok"}));
    let token = preview.json["preview_token"].as_str().unwrap();
    let words = [
        "queue",
        "enqueue",
        "run_ok",
        "--preview-token",
        token,
        "--role",
        "OPS",
        "--requested-by",
        "A",
        "--reason",
        "b",
        "--confirm",
    ];
    assert_eq!(home.json(&[APPLY], &words, 5)["code"], "PREVIEW_REQUIRED");
    client.close();
}

#[test]
fn both_servers_end_quietly_when_they_are_told_to() {
    let home = Home::with_run();
    for server in [McpServer::Readonly, McpServer::Pilot] {
        for signal in [Signal::INT, Signal::TERM] {
            let mut client = home.mcp(server, &[]);
            client.handshake("2025-11-25");
            let (code, rest, said) = client.stop(signal);
            assert_eq!((code, rest.len(), said.as_str()), (Some(0), 0, ""), "{server:?} {signal:?}");
        }
        let client = home.mcp(server, &[]);
        assert_eq!(client.close().0, Some(0), "{server:?}, before anything was said");
    }
}

#[test]
fn logs_never_reach_the_protocols_channel() {
    let home = Home::with_run();
    for server in [McpServer::Readonly, McpServer::Pilot] {
        let mut client = home.mcp(server, &[("CORTEXPILOT_LOG", "debug"), ("CORTEXPILOT_SERVICE_HOST", "x")]);
        client.handshake("2025-11-25");
        let (code, rest, said) = client.close();
        assert_eq!((code, rest), (Some(0), vec![]));
        assert!(said.contains("warning: CORTEXPILOT_SERVICE_HOST") && said.contains("INFO"), "{said}");
    }
}
