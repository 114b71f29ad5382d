//! `gate status|freeze|unfreeze|policy`: what operators decide holds in every process, also in those that run already.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{A_PERSON, APPLY, Home, McpServer, PERSONAL, TOKEN, TWO_PEOPLE};

const ASKED: [&str; 6] = ["--role", "OPS", "--requested-by", "Alice", "--reason", "again"];

/// A plan of `run_ok`, applied on the command line.
fn enqueue<'a>(plan: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["queue", "enqueue", "--plan", plan, "--confirm"], &ASKED[..], more].concat()
}

fn apply_over_http(server: &crate::support::Server) -> (u16, Value) {
    let preview = server.send("POST", "/api/queue/from-run/run_ok/preview", Some("{}")).json();
    let body = json!({
        "confirm": true, "actor_role": "OPS", "requested_by": "Alice", "approval_reason": "again",
        "preview_token": preview["preview_token"],
    });
    let response = server.send("POST", "/api/queue/from-run/run_ok", Some(&body.to_string()));
    (response.status, response.json())
}

#[test]
fn a_root_that_nobody_has_governed_is_told_and_not_touched() {
    let home = Home::new();
    let status = home.json(&[], &["gate", "status"], 0);
    assert_eq!(
        status,
        json!({
            "agents_may_queue": "OFF", "floor": "declared", "floor_set": null, "lowering": null, "frozen": null,
            "paused": null,
            "processes": [],
            "checkpoints": [
                {"file": "queue.jsonl", "signed_lines": null, "lines": 0},
                {"file": "decisions.jsonl", "signed_lines": null, "lines": null},
            ],
        })
    );
    let said = home.cli(&["gate", "status"]).expect(0);
    assert!(
        said.stdout.starts_with("Agents may queue: OFF\n") && said.stdout.contains("No process serves"),
        "{said:?}"
    );
    let policy = home.json(&[A_PERSON], &["gate", "policy", "show"], 0);
    assert_eq!(
        (policy["configured_policy"].clone(), policy["approval_policy"].clone()),
        (json!("operator"), json!("operator"))
    );
    let said = home.cli(&["gate", "policy", "show"]).expect(0);
    assert!(said.stdout.contains("nobody has set it") && said.stdout.contains("this environment"), "{said:?}");
    assert!(!home.root().exists());
}

#[test]
fn a_process_weaker_than_the_floor_does_not_start_with_the_gate_open() {
    let home = Home::with_run();
    home.cli(&["queue", "preview", "run_ok", "-o", "plan.json"]).expect(0);
    let set = home.cli(&["gate", "policy", "set", "operator", "--reason", "agents come in"]).expect(0);
    assert!(set.stdout.contains("at least as `operator` says"), "{set:?}");
    let token = [APPLY, ("CORTEXPILOT_API_TOKEN", TOKEN)];
    let apply = enqueue("plan.json", &[]);
    let commands: [&[&str]; 5] = [
        &["mcp-queue-pilot-server"],
        &["serve", "--port", "0"],
        &["up", "--port", "0"],
        &apply,
        &["approval", "approve", "apr_0123456789abcdef0123456789abcdef", "--yes"],
    ];
    for command in commands {
        let said = home.cli_with(&token, command, "").expect(2);
        assert!(said.stdout.is_empty(), "{command:?}: {said:?}");
        assert!(said.stderr.starts_with("refused: POLICY_BELOW_FLOOR"), "{command:?}: {said:?}");
        assert!(said.stderr.contains("next: Start it with CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL"), "{said:?}");
    }
    let decided: Vec<Value> = home.decisions().iter().map(|line| line["event"].clone()).collect();
    assert_eq!(decided, ["POLICY_SET"], "nothing was refused that was never asked");
    assert!(!home.root().join("keys/api.token").exists(), "no token is made for a server that does not start");
    // With the gate shut it appends nothing, so it may; and so may one that asks as many.
    for environment in [&[][..], &[APPLY, A_PERSON], &[APPLY, TWO_PEOPLE]] {
        assert_eq!(home.serve(environment).stop(Signal::INT).0, Some(0));
    }
}

#[test]
fn processes_that_run_follow_a_raised_floor_and_are_listed() {
    let home = Home::with_run();
    let server = home.serve(&[APPLY]);
    let mut pilot = home.mcp(McpServer::Pilot, &[APPLY]);
    pilot.handshake("2025-11-25");
    let status = home.json(&[], &["gate", "status"], 0);
    assert_eq!(status["agents_may_queue"], "ON, nobody is asked");
    let surfaces: Vec<&str> =
        status["processes"].as_array().unwrap().iter().map(|process| process["surface"].as_str().unwrap()).collect();
    assert_eq!(surfaces, ["serve", "pilot"]);
    for (at, principal) in [(0, "local:alice"), (1, "agent:")] {
        let process = &status["processes"][at];
        assert_eq!((process["gate"].as_str(), process["policy"].as_str()), (Some("open"), Some("declared")));
        assert!(process["principal"].as_str().unwrap().starts_with(principal), "{process}");
        assert!(process["pid"].as_u64().is_some() && process["since"].is_string(), "{process}");
    }

    let set = home.cli(&["gate", "policy", "set", "operator"]).expect(0);
    assert!(set.stdout.contains("2 running processes are configured weaker"), "{set:?}");
    let (code, answer) = apply_over_http(&server);
    assert_eq!((code, answer["status"].as_str()), (200, Some("PENDING_APPROVAL")), "{answer}");
    pilot.call("preview_enqueue_from_run", json!({"run_id": "run_ok"}));
    let asked = pilot.call(
        "enqueue_from_run",
        json!({"run_id": "run_ok", "confirm": true, "actor_role": "OPS", "requested_by": "x", "approval_reason": "y"}),
    );
    assert_eq!(asked.json["status"], "PENDING_APPROVAL", "{asked:?}");
    assert!(home.ledger().is_empty());
    let status = home.json(&[], &["gate", "status"], 0);
    assert_eq!(status["agents_may_queue"], "after a person agrees");
    assert_eq!(status["processes"][0]["policy_that_holds"], "operator");
    let said = home.cli(&["gate", "status"]).expect(0);
    assert!(said.stdout.contains("declared → operator") && said.stdout.contains("set by local:alice"), "{said:?}");

    pilot.close();
    assert_eq!(server.stop(Signal::TERM).0, Some(0));
    assert_eq!(home.json(&[], &["gate", "status"], 0)["processes"], json!([]));
}

#[test]
fn a_freeze_stops_queueing_and_claiming_and_leaves_the_rollback() {
    let home = Home::with_run();
    let waiting = home.enqueue("run_ok");
    home.cli(&["queue", "preview", "run_ok", "-o", "plan.json"]).expect(0);
    let server = home.serve(&[APPLY]);
    let frozen = home.cli(&["gate", "freeze", "--reason", "ticket 4711"]).expect(0);
    assert!(frozen.stdout.starts_with("FROZEN.") && frozen.stdout.contains("ticket 4711"), "{frozen:?}");
    // Again is no error and no second line.
    home.cli(&["gate", "freeze"]).expect(0);

    let (code, answer) = apply_over_http(&server);
    assert_eq!((code, answer["detail"]["code"].as_str()), (403, Some("FROZEN")), "{answer}");
    let refused = home.json(&[APPLY], &enqueue("plan.json", &["--allow-duplicate"]), 3);
    assert_eq!(refused["code"], "FROZEN");
    assert_eq!(home.json(&[], &["queue", "claim"], 3)["code"], "FROZEN");
    assert_eq!(home.json(&[], &["queue", "cancel", &waiting], 0)["status"], "CANCELLED");

    assert_eq!(home.json(&[], &["gate", "status"], 0)["agents_may_queue"], "FROZEN");
    assert!(home.cli(&["config", "show"]).expect(0).stdout.ends_with("Agents may queue: FROZEN\n"));
    let other = home.serve(&[APPLY]);
    assert_eq!(other.ready["agents_may_queue"], "FROZEN");
    assert!(
        other.ready["frozen"].as_str().unwrap().ends_with("by local:alice (ARCHITECT): ticket 4711"),
        "{}",
        other.ready
    );

    home.cli(&["gate", "unfreeze"]).expect(2);
    assert_eq!(home.json(&[], &["gate", "unfreeze", "--reason", " "], 3)["code"], "METADATA_REQUIRED");
    assert_eq!(home.json(&[], &["gate", "unfreeze", "--reason", "mended"], 0)["frozen"], Value::Null);
    assert_eq!(apply_over_http(&server).0, 200, "from the next request on");
    let events: Vec<Value> = home.decisions().iter().map(|line| line["event"].clone()).collect();
    assert_eq!(events.iter().filter(|event| *event == "FROZEN").count(), 1, "{events:?}");
    assert_eq!(events.iter().filter(|event| *event == "UNFROZEN").count(), 1, "{events:?}");
}

#[test]
fn lowering_from_two_people_takes_two_people() {
    let home = Home::new();
    let (alice, bob) = (home.token("operator", "alice", &["OWNER"]), home.token("operator", "bob", &["OWNER"]));
    home.cli(&["gate", "policy", "set", "two-person"]).expect(0);
    let lower = |environment: &[(&str, &str)], code: i32| {
        home.json(environment, &["gate", "policy", "set", "declared", "--reason", "the trial is over"], code)
    };
    assert_eq!(lower(&[], 3)["code"], "APPROVER_UNVERIFIED", "two names are two people only where they are proven");
    let proposed = lower(&[(PERSONAL, &alice)], 0);
    assert_eq!(
        (proposed["floor"].clone(), proposed["lowering"]["by"].clone()),
        (json!("two-person"), json!("operator:alice"))
    );
    assert_eq!(lower(&[(PERSONAL, &alice)], 3)["code"], "SELF_APPROVAL");
    let shown = home.cli(&["gate", "policy", "show"]).expect(0);
    assert!(shown.stdout.contains("to declared, by operator:alice"), "{shown:?}");
    let set = lower(&[(PERSONAL, &bob)], 0);
    assert_eq!((set["floor"].clone(), set["lowering"].clone()), (json!("declared"), Value::Null));
}

#[test]
fn lowering_needs_a_reason_and_a_policy_that_exists() {
    let home = Home::new();
    home.cli(&["gate", "policy", "set", "operator"]).expect(0);
    let without = home.json(&[], &["gate", "policy", "set", "declared"], 3);
    assert_eq!(without["code"], "METADATA_REQUIRED");
    for policy in ["none", "signed", ""] {
        let said = home.cli(&["gate", "policy", "set", policy]).expect(2);
        assert!(said.stderr.starts_with("error: the policy "), "{said:?}");
    }
    assert_eq!(home.json(&[], &["gate", "policy", "set", "declared", "--reason", "done"], 0)["floor"], "declared");
}

#[test]
fn only_operators_decide_for_everybody() {
    let home = Home::new();
    let (agent, worker) = (home.token("agent", "claude", &["OWNER"]), home.token("worker", "w", &[]));
    let before = std::fs::read(home.root().join("decisions.jsonl")).unwrap();
    let mut refusals = 0;
    for token in [&agent, &worker] {
        for command in [
            &["gate", "freeze"][..],
            &["gate", "unfreeze", "--reason", "x"],
            &["gate", "policy", "set", "two-person"],
            &["token", "revoke", "0123456789ab"],
            &["approval", "reject", "apr_0123456789abcdef0123456789abcdef", "--reason", "x"],
        ] {
            let said = home.json(&[(PERSONAL, token)], command, 3);
            assert_eq!(said["code"], "SCOPE_FORBIDDEN", "{command:?}");
            refusals += 1;
        }
    }
    let after = std::fs::read(home.root().join("decisions.jsonl")).unwrap();
    assert!(after.starts_with(&before));
    let added = home.decisions().iter().filter(|line| line["event"] == "DENIED").count();
    assert_eq!(added, refusals, "each refusal is one line, and nothing else is");
    assert_eq!(home.json(&[], &["gate", "status"], 0)["frozen"], Value::Null);
}
