//! A ledger that outgrows its size, split by the binary.

use serde_json::json;

use crate::support::{APPLY, Home};

const SIZE: (&str, &str) = ("CORTEXPILOT_SEGMENT_SIZE", "1MiB");

/// What the original has left: so many items, each rolled back.
fn original(items: usize) -> String {
    (0..items)
        .map(|n| {
            let (task, id) = (format!("task_{n:06}"), format!("{n:032x}"));
            format!(
                "{{\"event\": \"QUEUE_ENQUEUE\", \"task_id\": \"{task}\", \"queue_id\": \"{id}\"}}\n\
                 {{\"event\": \"QUEUE_CANCEL\", \"task_id\": \"{task}\", \"queue_id\": \"{id}\"}}\n"
            )
        })
        .collect()
}

#[test]
fn a_ledger_that_outgrew_its_size_is_split_and_stays_one_ledger() {
    let home = Home::with_run();
    std::fs::create_dir_all(home.root()).unwrap();
    let prepared = original(8000);
    assert!(prepared.len() > 1 << 20);
    std::fs::write(home.root().join("queue.jsonl"), &prepared).unwrap();
    let id = home.enqueue("run_ok");
    let segments = || {
        let entries = std::fs::read_dir(home.root().join("segments")).into_iter().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(segments(), [""; 0], "nothing is split unless it is configured");
    home.json(&[APPLY, SIZE], &["queue", "cancel", &id], 0);
    assert_eq!(segments(), ["queue-000000000001-000000016001.jsonl"]);
    assert_eq!(home.ledger().len(), 1, "the last line stays");

    let report = home.json(&[], &["audit", "verify"], 0);
    let queue = &report["files"][0];
    assert_eq!((&report["verdict"], &queue["lines"]), (&json!("sound"), &json!(16_002)));
    let shown = home.json(&[], &["queue", "show", &id], 0);
    assert!(shown.to_string().contains(&id), "{shown}");
    let second = home.enqueue("run_ok");
    home.json(&[APPLY, SIZE], &["queue", "cancel", &second], 0);
    assert_eq!(home.json(&[], &["audit", "verify"], 0)["files"][0]["lines"], 16_004);

    let segment = home.root().join("segments").join(&segments()[0]);
    let text = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, text.replacen("task_000007", "task_00000x", 1)).unwrap();
    let report = home.json(&[], &["audit", "verify"], 11);
    let what = report["files"][0]["damage"]["what"].as_str().unwrap();
    assert!(what.contains(&segments()[0]), "{what}");
    std::fs::remove_file(&segment).unwrap();
    let text = home.cli(&["audit", "verify"]).expect(11).stdout;
    assert!(text.contains("the sealed segments before it are missing"), "{text}");
}
