//! `cortexpilot contract`: errors that teach, and the schemas.

use std::process::{Command, Output};

fn contract(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cortexpilot"))
        .arg("contract")
        .args(args)
        .env_clear()
        .output()
        .expect("the built binary starts")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("the answer is text")
}

#[test]
fn a_contract_is_checked_with_its_places_and_repairs() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("contract.json");
    let path = file.to_str().unwrap();
    let good = r#"{"task_id": "t", "inputs": {"spec": "x"}, "allowed_paths": ["docs"],
        "acceptance_tests": [{"name": "a", "cmd": "true", "must_pass": true}],
        "tool_permissions": {"filesystem": "workspace-write", "shell": "never", "network": "deny"},
        "timeout_retry": {"timeout_sec": 1, "max_retries": 0, "retry_backoff_sec": 0},
        "rollback": {"strategy": "worktree_drop", "baseline_ref": "HEAD"}}"#;
    std::fs::write(&file, good).unwrap();
    let output = contract(&["validate", path]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    std::fs::write(&file, good.replace("\"docs\"", "\"../x\"")).unwrap();
    let output = contract(&["validate", path]);
    assert_eq!(output.status.code(), Some(5));
    assert!(stdout(&output).contains("allowed_paths[0]\n    it leads upwards with `..`\n"), "{}", stdout(&output));
    let output = contract(&["validate", path, "--output", "json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer[0]["findings"][0]["path"], "allowed_paths[0]");
    assert_eq!(contract(&["validate", "/nonexistent"]).status.code(), Some(4));
}

#[test]
fn the_schemas_are_printed() {
    for name in ["contract", "manifest"] {
        let output = contract(&["schema", name]);
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}
