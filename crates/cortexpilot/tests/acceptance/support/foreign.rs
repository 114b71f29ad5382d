//! The ledger read by a program that has nothing of ours in it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::Home;

/// What the script in `foreign.py` finds wrong with a runtime root whose ledger must hold these lines, each an event and a
/// queue id; and what it counted.
pub(crate) fn read(runtime: &Path, acknowledged: &[(String, String)]) -> (Vec<String>, Value) {
    let mut child = Command::new("python3")
        .args(["-I", "-c", include_str!("foreign.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 can be started");
    let asked = json!({"root": runtime, "acknowledged": acknowledged}).to_string();
    let mut stdin = child.stdin.take().expect("invariant: it is piped");
    stdin.write_all(asked.as_bytes()).expect("python3 reads");
    drop(stdin);
    let output = child.wait_with_output().expect("a child can be waited for");
    assert!(output.status.success(), "the script failed");
    let said: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    let problems = said["problems"].as_array().expect("a list").iter();
    (problems.map(|problem| problem.as_str().unwrap_or_default().to_owned()).collect(), said["counts"].clone())
}

/// It finds nothing wrong.
pub(crate) fn assert_agrees(home: &Home, acknowledged: &[(String, String)]) {
    let (problems, _) = read(&home.runtime(), acknowledged);
    assert_eq!(problems, [""; 0]);
}
