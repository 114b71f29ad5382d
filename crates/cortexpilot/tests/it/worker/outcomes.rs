//! What becomes of items that are carried out.

use serde_json::{Value, json};

use super::place::{Place, names};

fn note() -> Value {
    json!([{"append": {"path": "docs/README.md", "text": "two\n"}}])
}

#[test]
fn a_queued_item_becomes_a_run_of_its_own_and_the_queue_knows_which() {
    let place = Place::new();
    let id = place.queue("run_ok", note());
    // In the best sandbox that this machine gives.
    let said = place.home.cli(&["run-next", "--output", "json", "--name", "w"]).expect(0);
    let said: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(names(&said), ["started", "claimed", "finished", "ended"], "{said:?}");
    assert_eq!((&said[2]["status"], &said[3]["outcome"]), (&json!("SUCCESS"), &json!("succeeded")));
    let item = place.item(&id);
    assert_eq!(item["status"], "SUCCESS", "{item}");
    let run = item["run_id"].as_str().unwrap();
    assert_eq!(said[1]["run_id"], run);
    let manifest = place.manifest(run);
    assert_eq!(manifest["status"], "SUCCESS");
    let queue = json!({"queue_id": id, "attempt": 1, "source_run_id": "run_ok", "worker": "w"});
    assert_eq!(manifest["queue"], queue);
    assert_eq!(manifest["evidence_hashes"]["contract.json"], place.home.ledger()[0]["contract_sha256"]);
    let patch = std::fs::read_to_string(place.home.runs().join(run).join("patch.diff")).unwrap();
    assert!(patch.contains("+two"), "{patch}");
    assert_eq!(std::fs::read_to_string(place.repo().join("docs/README.md")).unwrap(), "one\n");
    assert_eq!(place.lines(), ["QUEUE_ENQUEUE", "QUEUE_CLAIM", "QUEUE_DONE"]);
    place.home.cli(&["runs", "check", run]).expect(0);
    assert_eq!(place.workspaces(), 0, "its workspace is gone");
}

#[test]
fn work_that_leaves_its_paths_is_a_failure_that_names_them() {
    let place = Place::new();
    let id = place.queue("run_ok", json!([{"write": {"path": "src/evil.rs", "text": "x"}}]));
    place.run_next(&[]).expect(5);
    let item = place.item(&id);
    assert_eq!(item["status"], "FAILURE");
    assert!(item["reason"].as_str().unwrap().contains("src/evil.rs"), "{item}");
    let manifest = place.manifest(item["run_id"].as_str().unwrap());
    assert_eq!((&manifest["status"], &manifest["failure_code"]), (&json!("FAILURE"), &json!("DIFF_GATE")));
}

#[test]
fn run_next_ends_with_a_code_for_each_outcome() {
    let place = Place::new();
    let nothing = place.run_next(&[]).expect(4);
    assert!(nothing.stdout.contains("\"nothing\""), "{nothing:?}");
    place.queue("run_good", note());
    place.queue("run_bad", json!([{"fail": 3}]));
    place.operate(&["queue", "pause"]);
    let paused = place.run_next(&[]).expect(3);
    assert!(paused.stdout.contains("\"paused\""), "{paused:?}");
    place.operate(&["queue", "resume"]);
    place.home.cli(&["gate", "freeze"]).expect(0);
    let decided = place.home.decisions().len();
    let frozen = place.run_next(&[]).expect(3);
    assert!(frozen.stdout.contains("\"frozen\""), "{frozen:?}");
    assert_eq!(place.home.decisions().len(), decided, "nothing was tried, so nothing was refused");
    place.home.cli(&["gate", "unfreeze", "--reason", "a test"]).expect(0);
    place.run_next(&[]).expect(0);
    place.run_next(&[]).expect(5);
    place.run_next(&[]).expect(4);
    let id = place.queue("run_named", note());
    place.run_next(&["--item", &"0".repeat(32)]).expect(4);
    place.run_next(&["--item", &id]).expect(0);
    place.run_next(&["--lease", "soon"]).expect(2);
}

#[test]
fn once_works_until_nothing_is_left() {
    let place = Place::new();
    let ids: Vec<String> = (0..3).map(|n| place.queue(&format!("run_{n}"), note())).collect();
    let worker = place.worker("w", &["--once", "--jobs", "2"]);
    let (code, said) = worker.ends();
    assert_eq!(code, Some(0), "{said:?}");
    assert_eq!(said.last().unwrap()["finished"], 3);
    assert!(ids.iter().all(|id| place.item(id)["status"] == "SUCCESS"));
    let listed = place.home.json(&[], &["workers", "list"], 0);
    assert_eq!(listed["items"], json!([]), "a worker that ended takes its presence with it");
}

#[test]
fn two_workers_take_one_item_each() {
    let place = Place::new();
    let ids = [0, 1].map(|n| place.queue(&format!("run_{n}"), json!([place.wait_for_go()])));
    let (mut one, mut two) = (place.worker("one", &[]), place.worker("two", &[]));
    let first = one.hears("claimed")["queue_id"].clone();
    let second = two.hears("claimed")["queue_id"].clone();
    assert_ne!(first, second);
    let listed = place.home.json(&[], &["workers", "list"], 0);
    let named: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|worker| &worker["worker"]).collect();
    assert_eq!(named, ["one", "two"], "{listed}");
    std::fs::write(place.go(), "").unwrap();
    one.hears("finished");
    two.hears("finished");
    for id in &ids {
        let item = place.item(id);
        assert_eq!((&item["status"], &item["attempts"]), (&json!("SUCCESS"), &json!(1)), "{item}");
    }
    assert_eq!((one.stop().0, two.stop().0), (Some(0), Some(0)));
}

#[test]
fn a_contract_that_was_edited_after_it_was_queued_never_runs() {
    let place = Place::new();
    let id = place.queue("run_ok", note());
    place.run("run_ok", json!([{"write": {"path": "docs/evil", "text": "x"}}]), |_| {});
    place.run_next(&[]).expect(0);
    let run = place.item(&id)["run_id"].as_str().unwrap().to_owned();
    let changed = std::fs::read_to_string(place.home.runs().join(run).join("diff_name_only.txt")).unwrap();
    assert_eq!(changed, "docs/README.md\n", "the pinned copy was carried out");
}

#[test]
fn where_the_pinned_contract_was_altered_nothing_runs() {
    let place = Place::new();
    let id = place.queue("run_ok", note());
    let pin = std::fs::read_dir(place.home.root().join("contracts")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&pin).unwrap();
    bytes.push(b'\n');
    std::fs::remove_file(&pin).unwrap();
    std::fs::write(&pin, bytes).unwrap();
    let said = place.run_next(&[]).expect(4);
    assert!(said.stdout.contains("not_taken") && said.stdout.contains("contract"), "{said:?}");
    assert_eq!(place.item(&id)["status"], "PENDING");
    assert_eq!(place.lines(), ["QUEUE_ENQUEUE"], "it was not claimed");
}

#[test]
fn a_contract_that_may_be_repeated_is_and_then_no_more() {
    let place = Place::new();
    let id = place.queue_with("run_ok", json!([{"hang": true}]), |contract| {
        contract["timeout_retry"] = json!({"timeout_sec": 1, "max_retries": 1, "retry_backoff_sec": 0});
    });
    let mut worker = place.worker("w", &[]);
    let back = worker.hears("handed_back");
    assert!(back["reason"].as_str().unwrap().contains("took longer than 1 s") && back["started"] == true, "{back}");
    assert_eq!(worker.hears("claimed")["attempt"], 2);
    worker.hears("handed_back");
    let item = place.until(&id, "DEAD_LETTER");
    assert_eq!((&item["attempts"], &item["queue_state"]), (&json!(2), &json!("held")), "{item}");
    let closed = place.operate(&["queue", "fail", &id]);
    assert_eq!(closed["status"], "FAILURE");
    assert_eq!(worker.stop().0, Some(0));
}

#[test]
fn a_contract_that_may_not_be_repeated_fails_when_its_time_is_over() {
    let place = Place::new();
    let id = place.queue_with("run_ok", json!([{"hang": true}]), |contract| {
        contract["timeout_retry"] = json!({"timeout_sec": 1, "max_retries": 0, "retry_backoff_sec": 0});
    });
    place.run_next(&[]).expect(5);
    let item = place.item(&id);
    assert_eq!(item["status"], "FAILURE");
    assert_eq!(place.manifest(item["run_id"].as_str().unwrap())["failure_code"], "TIMED_OUT");
}
