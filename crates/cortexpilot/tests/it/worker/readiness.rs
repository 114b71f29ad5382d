//! What is not ready here is not claimed, and is said once.

use serde_json::{Value, json};

use super::place::Place;

/// Looks at the item once and gives what was said of it; it must not have been claimed.
fn refused(place: &Place, id: &str, more: &[&str]) -> String {
    let said = place.run_next(more).expect(4);
    let said: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<&Value> = said.iter().filter(|said| said["event"] == "not_taken").collect();
    assert_eq!(told.len(), 1, "{said:?}");
    assert_eq!(told[0]["queue_id"], id);
    assert_eq!(place.item(id)["status"], "PENDING");
    told[0]["reason"].as_str().expect("a reason").to_owned()
}

#[test]
fn an_item_that_cannot_be_carried_out_here_is_left_to_others() {
    let note = json!([{"append": {"path": "docs/README.md", "text": "two\n"}}]);
    let other = tempfile::tempdir().unwrap();
    let other = other.path().display().to_string();

    let place = Place::new();
    let id = place.queue("run_ok", note.clone());
    assert!(refused(&place, &id, &["--repo", &other]).contains("add --repo"));
    std::fs::rename(place.repo(), place.home.path().join("moved")).unwrap();
    assert!(refused(&place, &id, &[]).contains("not on this machine"));
    std::fs::create_dir(place.repo()).unwrap();
    assert!(refused(&place, &id, &[]).contains("no git repository"));

    let place = Place::new();
    let id = place.queue_with("run_ok", note.clone(), |contract| {
        contract["rollback"]["baseline_ref"] = json!("0123456789012345678901234567890123456789");
    });
    assert!(refused(&place, &id, &[]).contains("is no commit of"));

    let place = Place::new();
    let id = place.queue_with("run_ok", note.clone(), |contract| {
        contract.insert("runtime_options".into(), json!({"runner": "claude"}));
    });
    let why = refused(&place, &id, &[]);
    assert!(why.contains("ANTHROPIC_API_KEY") && why.contains("tool_permissions.network"), "{why}");

    let place = Place::new();
    let id = place.queue_with("run_ok", note.clone(), |contract| {
        contract["runtime_options"]["isolation"] = json!("namespaces");
    });
    assert!(refused(&place, &id, &[]).contains("the contract asks for the isolation `namespaces`"));

    let place = Place::new();
    let id = place.queue_with("run_ok", note, |contract| {
        contract.remove("runtime_options");
    });
    assert!(refused(&place, &id, &[]).contains("--runner NAME"));
    // The acceptance commands are the whole work then.
    place.run_next(&["--runner", "shell"]).expect(0);
}

#[test]
fn a_worker_says_once_what_it_cannot_take_and_takes_what_comes_after() {
    let place = Place::new();
    let never = place.queue_with("run_never", json!([]), |contract| {
        contract.insert("runtime_options".into(), json!({"runner": "codex"}));
    });
    let mut worker = place.worker("w", &[]);
    assert_eq!(worker.hears("not_taken")["queue_id"], never.as_str());
    let id = place.queue("run_ok", json!([place.wait_for_go()]));
    worker.hears("claimed");
    let listed = place.home.json(&[], &["workers", "list"], 0);
    let cannot = &listed["items"][0]["cannot"];
    assert_eq!(cannot[0]["queue_id"], never.as_str(), "{listed}");
    assert!(cannot[0]["why"].as_str().unwrap().contains("codex"), "{listed}");
    let shown = place.home.cli(&["workers", "list"]).expect(0);
    assert!(shown.stdout.contains("cannot take") && shown.stdout.contains("1 of 1 running"), "{shown:?}");
    std::fs::write(place.go(), "").unwrap();
    worker.hears("finished");
    let (code, said) = worker.stop();
    assert_eq!(code, Some(0));
    assert_eq!(said.iter().filter(|said| said["event"] == "not_taken").count(), 1, "{said:?}");
    assert_eq!((&place.item(&id)["status"], &place.item(&never)["status"]), (&json!("SUCCESS"), &json!("PENDING")));
}

#[test]
fn a_set_up_that_cannot_work_is_said_at_once() {
    let place = Place::new();
    for (args, words) in [
        (&["worker", "--repo", "nowhere"][..], "--repo nowhere"),
        (&["worker", "--runner", "agents"], "--runner"),
        (&["worker", "--lease", "0s"], "--lease"),
        (&["worker", "--server", "http://pilot.example.org"], "https://"),
        (&["worker", "--name", " "], "--name is blank"),
    ] {
        let said = place.home.cli(args).expect(2);
        assert!(said.stderr.contains(words), "{args:?}: {said:?}");
    }
    let agent = place.home.token("agent", "claude", &["OPS"]);
    for command in ["worker", "run-next"] {
        let refused = place.home.cli_with(&[("CORTEXPILOT_TOKEN", &agent)], &[command], "").expect(3);
        assert!(refused.stderr.contains("SCOPE_FORBIDDEN") && refused.stdout.is_empty(), "{refused:?}");
    }
    let worker = place.home.token("worker", "builder", &[]);
    place.queue("run_ok", json!([]));
    place.home.cli_with(&[("CORTEXPILOT_TOKEN", &worker)], &["run-next", "--sandbox", "none"], "").expect(0);
}
