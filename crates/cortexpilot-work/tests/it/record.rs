//! Run directories as the run store reads them, at every moment of their writing.

use std::path::Path;

use cortexpilot_core::domain::id::RunId;
use cortexpilot_core::port::runs::{EventsQuery, PageQuery, Runs as _};
use cortexpilot_runs::{RunStore, check_path};
use cortexpilot_work::record::{Ending, Level, Opening, RecordProblem, RunRecord};
use serde_json::{Map, json};

use crate::support::clock;

fn opening() -> Opening {
    Opening {
        run_id: RunId::parse("run_1").unwrap(),
        task_id: "task_1".into(),
        contract: br#"{"task_id": "task_1"}"#.to_vec().into(),
        request: "do it".into(),
        trace_id: "0123456789abcdef0123456789abcdef".into(),
        members: Map::new(),
    }
}

async fn problems(root: &Path) -> Vec<String> {
    let store = RunStore::new(root).unwrap();
    let events = store.events(&RunId::parse("run_1").unwrap(), EventsQuery::default()).await.unwrap();
    events.problems.iter().map(|problem| format!("{problem:?}")).collect()
}

#[tokio::test]
async fn a_run_is_listed_as_running_until_it_is_finished_and_whole_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("runs");
    let record = RunRecord::begin(&root, opening(), clock()).unwrap();
    let store = RunStore::new(&root).unwrap();
    let status = async || store.list(PageQuery::all()).await.unwrap().items[0].status.clone();
    assert_eq!(status().await.as_deref(), Some("RUNNING"));
    record.event(Level::Info, "ONE", json!({"a": 1})).unwrap();
    record.event(Level::Error, "TWO", json!({"b": "ü\u{2028}\n"})).unwrap();
    record.put_json("reports/task_result.json", &json!({"x": 1})).unwrap();
    assert_eq!(problems(&root).await, Vec::<String>::new());
    record.finish(&Ending::Failure { reason: "no".into(), code: "RUNNER" }).unwrap();
    assert_eq!(status().await.as_deref(), Some("FAILURE"));
    assert_eq!(problems(&root).await, Vec::<String>::new());
    let check = check_path(&root);
    assert!(check.findings.is_empty() && check.skipped.is_empty() && check.runs == 1, "{check:?}");
    assert!(matches!(record.event(Level::Info, "LATE", json!({})), Err(RecordProblem::Broken)));
    assert!(matches!(RunRecord::begin(&root, opening(), clock()), Err(RecordProblem::Exists(_))));
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 1, "nothing is left of the second");
}

#[tokio::test]
async fn the_hash_chain_holds_after_a_kill_between_any_two_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("runs");
    let record = RunRecord::begin(&root, opening(), clock()).unwrap();
    record.event(Level::Info, "ONE", json!({"a": 1})).unwrap();
    let run = root.join("run_1");
    let (events, chain) = (run.join("events.jsonl"), run.join("events.hashchain.jsonl"));
    let before = (std::fs::read(&events).unwrap(), std::fs::read(&chain).unwrap());
    record.event(Level::Info, "TWO", json!({"b": 2})).unwrap();
    let after = (std::fs::read(&events).unwrap(), std::fs::read(&chain).unwrap());
    // What is written, in its order: the line but for its end, its entry, the line's end.
    let line = &after.0[before.0.len()..];
    let (most, end) = line.split_at(line.len() - 2);
    let entry = &after.1[before.1.len()..];
    let steps = most.len() + entry.len() + end.len();
    for cut in 0..=steps {
        let part = |bytes: &[u8], before: usize| bytes[..cut.saturating_sub(before).min(bytes.len())].to_vec();
        let (mut first, mut second) = before.clone();
        first.extend(part(most, 0));
        second.extend(part(entry, most.len()));
        first.extend(part(end, most.len() + entry.len()));
        std::fs::write(&events, first).unwrap();
        std::fs::write(&chain, second).unwrap();
        let found = problems(&root).await;
        let of_chain: Vec<&String> = found.iter().filter(|problem| problem.to_lowercase().contains("chain")).collect();
        assert!(of_chain.is_empty(), "after {cut} of {steps} bytes: {of_chain:?}");
    }
}

#[test]
fn a_context_that_does_not_fit_a_line_is_told_by_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let record = RunRecord::begin(dir.path(), opening(), clock()).unwrap();
    record.event(Level::Info, "BIG", json!({"text": "x".repeat(1 << 20)})).unwrap();
    let text = std::fs::read_to_string(record.dir().join("events.jsonl")).unwrap();
    assert!(text.len() < 1_000 && text.contains("\"too_long\": {\"bytes\": 10485"), "{text}");
}

#[test]
fn no_document_is_written_outside_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let record = RunRecord::begin(&dir.path().join("runs"), opening(), clock()).unwrap();
    for path in ["", "../x", "/x", "a/../../x", "./x/.."] {
        assert!(record.put(path, b"x").is_err() || !path.contains(".."), "{path}");
    }
    assert!(!dir.path().join("x").exists() && !dir.path().join("runs/x").exists());
}
