//! From an empty root to a run of a run: recorded, listed over MCP, previewed, applied, carried out, and previewed again, now
//! two items deep. Everything through the built binary, and each MCP answer in a real session over its pipes.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{APPLY, Home, McpClient, McpServer};

fn git(dir: &Path, arguments: &[&str]) -> String {
    let done = Command::new("git")
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(arguments)
        .output()
        .expect("git starts");
    assert!(done.status.success(), "git {arguments:?}: {done:?}");
    String::from_utf8(done.stdout).expect("UTF-8")
}

/// A session that has agreed on a version.
fn session(home: &Home, which: McpServer, environment: &[(&str, &str)]) -> McpClient {
    let mut client = home.mcp(which, environment);
    client.handshake("2025-11-25");
    client
}

/// The runs that an agent is shown, newest first.
fn listed(home: &Home) -> Vec<Value> {
    let mut client = session(home, McpServer::Readonly, &[]);
    let answer = client.call("list_runs", json!({}));
    client.close();
    answer.json["runs"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}

#[test]
fn from_an_empty_root_a_recorded_run_is_queued_over_mcp_carried_out_and_is_a_source_again() {
    let home = Home::new();
    let repository = home.path().join("hello");
    std::fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "-q", "-b", "main"]);
    git(&repository, &["commit", "-q", "--allow-empty", "-m", "An empty repository"]);
    let before = git(&repository, &["rev-parse", "HEAD"]);
    assert!(!home.root().exists() && !home.runs().exists(), "nothing is there yet");

    // `--output` stands before the command, which takes everything behind `--`.
    let record = ["runs", "record", "--output", "json", "--repo", "hello", "--spec", "Say hello in hello.txt"];
    let work =
        ["--allow", "hello.txt", "--test", "grep -q hello hello.txt", "--", "sh", "-c", "echo hello >> hello.txt"];
    let recorded = home.cli(&[record, work].concat()).expect(0);
    let recorded: Value = serde_json::from_str(&recorded.stdout).unwrap();
    let source = text(&recorded["run_id"]).to_owned();
    let runs = listed(&home);
    assert_eq!(runs.iter().map(|run| text(&run["run_id"])).collect::<Vec<_>>(), [&source]);

    // Previewed and applied by an agent, in one session, as a person asked it to.
    let mut pilot = session(&home, McpServer::Pilot, &[APPLY]);
    let preview = pilot.call("preview_enqueue_from_run", json!({"run_id": source}));
    assert_eq!((preview.is_error, &preview.json["can_apply"]), (false, &json!(true)), "{preview:?}");
    assert!(!preview.json["warnings"].to_string().contains("ITEMS_DEEP"), "{preview:?}");
    assert_eq!(preview.json["effect"]["allowed_paths"], json!(["hello.txt"]));
    let roles = preview.json["acting_as"]["roles"].clone();
    let apply = |run: &str, preview: &Value| {
        json!({
            "run_id": run, "confirm": true, "actor_role": roles[0], "requested_by": "Alice",
            "approval_reason": "say it again", "preview_token": preview["preview_token"],
        })
    };
    let applied = pilot.call("enqueue_from_run", apply(&source, &preview.json));
    assert_eq!((applied.is_error, &applied.json["current_status"]), (false, &json!("PENDING")), "{applied:?}");
    let queue_id = text(&applied.json["queue_id"]).to_owned();

    // A worker without any gate: it finds what was queued, and nothing else.
    let worked = home.cli(&["worker", "--once", "--repo", "hello"]).expect(0);
    let lines = home.ledger();
    let events: Vec<&str> = lines.iter().map(|line| text(&line["event"])).collect();
    assert_eq!(events, ["QUEUE_ENQUEUE", "QUEUE_CLAIM", "QUEUE_DONE"], "{worked:?}");
    let done = &lines[2];
    assert_eq!((&done["status"], &done["queue_id"]), (&json!("SUCCESS"), &json!(queue_id)), "{worked:?}");

    // What came out is a run like any other, and says where it came from.
    let new = text(&done["run_id"]).to_owned();
    let runs = listed(&home);
    assert_eq!(runs.iter().map(|run| text(&run["run_id"])).collect::<Vec<_>>(), [&new, &source]);
    let dir = |run: &str| home.runs().join(run);
    let contract = |run: &str| std::fs::read(dir(run).join("contract.json")).unwrap();
    assert_eq!(contract(&new), contract(&source), "the pinned task contract, byte for byte");
    let manifest: Value = serde_json::from_slice(&std::fs::read(dir(&new).join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["status"], "SUCCESS");
    let from = &manifest["queue"];
    assert_eq!((text(&from["queue_id"]), text(&from["source_run_id"])), (queue_id.as_str(), source.as_str()));
    let patch = std::fs::read_to_string(dir(&new).join("patch.diff")).unwrap();
    assert!(patch.contains("+hello"), "{patch}");
    assert_eq!(git(&repository, &["rev-parse", "HEAD"]), before);
    assert_eq!(git(&repository, &["status", "--porcelain"]), "", "the repository itself is not touched");
    home.cli(&["runs", "check", dir(&new).to_str().unwrap()]).expect(0);
    home.cli(&["audit", "verify"]).expect(0);

    // And is the source of the next, one deeper.
    let preview = pilot.call("preview_enqueue_from_run", json!({"run_id": new}));
    let warning = preview.json["warnings"].as_array().unwrap().iter().find(|warning| warning["code"] == "ITEMS_DEEP");
    assert!(warning.is_some_and(|warning| text(&warning["message"]).contains(" 2 deep")), "{preview:?}");
    let applied = pilot.call("enqueue_from_run", apply(&new, &preview.json));
    assert!(!applied.is_error, "{applied:?}");
    assert_eq!(home.ledger().last().unwrap()["depth"], 2);
    let (code, rest, said) = pilot.close();
    assert_eq!((code, rest.len(), said.as_str()), (Some(0), 0, ""));
    let one = home.cli(&["run-next", "--repo", "hello"]).expect(0);
    assert_eq!(home.ledger().last().unwrap()["status"], "SUCCESS", "{one:?}");
    assert_eq!(listed(&home).len(), 3);
}
