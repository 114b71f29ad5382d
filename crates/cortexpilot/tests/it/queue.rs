//! Previewing, queueing, cancelling, claiming and completing on the command line, in pipes.

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::support::{APPLY, Home};

const ASKED: [&str; 7] = ["--role", "OPS", "--requested-by", "Alice", "--reason", "flaky test", "--confirm"];

fn token(home: &Home, run: &str) -> String {
    // The plan makes the key, without which a preview carries no token.
    let preview = home.json(&[], &["queue", "preview", run, "-o", "token-plan.json"], 0);
    preview["preview_token"].as_str().expect("a preview has a token").to_owned()
}

#[test]
fn a_plain_preview_leaves_every_byte_as_it_was() {
    let home = Home::with_run();
    let before = home.snapshot();
    let preview = home.json(&[], &["queue", "preview", "run_ok", "--priority", "5"], 0);
    home.cli(&["queue", "preview", "run_ok"]).expect(0);
    home.cli(&["gate", "explain", "run_ok"]).expect(0);
    home.cli(&["queue", "list"]).expect(0);
    home.cli(&["audit", "verify"]).expect(0);
    assert_eq!(home.snapshot(), before);
    assert_eq!(preview["preview_token"], "", "no key was made for it");
    assert!(preview["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "PREVIEW_NOT_SEALED"));

    home.enqueue("run_ok");
    let before = home.snapshot();
    let preview = home.json(&[], &["queue", "preview", "run_ok"], 0);
    home.cli(&["queue", "list"]).expect(0);
    home.cli(&["audit", "verify"]).expect(0);
    assert_eq!(home.snapshot(), before, "also where there is a ledger");
    assert_eq!(preview["preview_token"].as_str().unwrap().len(), 64, "the key that is there is used");
    assert_eq!(preview["pending_matches"].as_array().unwrap().len(), 1);
}

#[test]
fn a_preview_shows_the_effect_first_and_counts_the_checks() {
    let home = Home::with_run();
    let text = home.cli(&["queue", "preview", "run_ok", "--priority", "7"]).expect(0).stdout;
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
    let order = [
        "What would happen",
        "The item",
        "Differs from the source run",
        "5 of 9 checks open, 1 shut",
        "NO_HUMAN_APPROVAL",
        "Next",
    ];
    assert!(order.map(at).is_sorted(), "{text}");
    assert!(
        text.contains("priority  0 → 7") && text.contains("'echo ok'") && text.contains("Agents may queue: OFF"),
        "{text}"
    );
    assert!(
        text.contains("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY=1"),
        "the operator is told what opens the gate: {text}"
    );
}

#[test]
fn the_next_step_of_an_open_preview_is_a_command_that_works() {
    let home = Home::with_run();
    let preview = ["queue", "preview", "run_ok", "--priority", "-3", "-o", "my plan.json"];
    let said = home.json(&[APPLY], &preview, 0);
    let next = said["next_step"].as_str().unwrap();
    let command = next.replace("ROLE", "OPS").replace("NAME", "Alice").replace("WHY", "because");
    let mut shell = home.command(&[APPLY], &[] as &[&str]);
    let mut words = std::process::Command::new("/bin/sh");
    words.args(["-c", &command]).current_dir(home.path()).env_clear();
    words.envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = crate::support::finish(words, "").expect(0);
    assert!(said.stdout.starts_with("Queued."), "{said:?}");
    assert_eq!(home.ledger()[0]["priority"], -3);
    shell.env_clear();
}

#[test]
fn in_a_pipe_nothing_is_asked_and_what_is_missing_is_its_own_refusal() {
    let home = Home::with_run();
    let token = token(&home, "run_ok");
    let all = [&["queue", "enqueue", "run_ok", "--preview-token", &token][..], &ASKED].concat();
    let without = |flag: &str, values: usize| {
        let at = all.iter().position(|word| *word == flag).unwrap();
        [&all[..at], &all[at + 1 + values..]].concat()
    };
    let open = &[APPLY][..];
    for (environment, arguments, code) in [
        (&[][..], all.clone(), "MUTATION_GATE_CLOSED"),
        (open, without("--confirm", 0), "CONFIRM_REQUIRED"),
        (open, without("--role", 1), "ROLE_REQUIRED"),
        (open, without("--requested-by", 1), "METADATA_REQUIRED"),
        (open, without("--reason", 1), "METADATA_REQUIRED"),
    ] {
        // Whatever stands in the pipe is not taken for an answer.
        let said = home.cli_with(environment, &arguments, "OPS\nAlice\nbecause\ntask_ok\nyes\n").expect(3);
        assert!(said.stderr.starts_with(&format!("refused: {code} — ")), "{said:?}");
        assert!(said.stdout.is_empty() && !said.stderr.contains("Type"), "{said:?}");
    }
    let codes: Vec<Value> = home.decisions().iter().map(|line| line["code"].clone()).collect();
    let wanted =
        ["MUTATION_GATE_CLOSED", "CONFIRM_REQUIRED", "ROLE_REQUIRED", "METADATA_REQUIRED", "METADATA_REQUIRED"];
    assert_eq!(codes, wanted);
    assert!(home.ledger().is_empty());
}

#[test]
fn in_a_pipe_an_apply_without_a_preview_is_refused() {
    let home = Home::with_run();
    let said = home.json(&[APPLY], &[&["queue", "enqueue", "run_ok"][..], &ASKED].concat(), 5);
    assert_eq!(said["code"], "PREVIEW_REQUIRED");
    let foreign =
        home.json(&[APPLY], &[&["queue", "enqueue", "run_ok", "--preview-token", "abc"][..], &ASKED].concat(), 5);
    assert_eq!(foreign["code"], "PREVIEW_REQUIRED");
    assert!(home.ledger().is_empty());
}

#[test]
fn a_token_of_another_principal_is_no_preview() {
    let home = Home::with_run();
    let token = token(&home, "run_ok");
    let apply = [&["queue", "enqueue", "run_ok", "--preview-token", &token][..], &ASKED].concat();
    let said = home.json(&[APPLY, ("CORTEXPILOT_PRINCIPAL", "local:bob")], &apply, 5);
    assert_eq!(said["code"], "PREVIEW_REQUIRED");
    home.json(&[APPLY], &apply, 0);
}

#[test]
fn a_plan_is_applied_as_it_was_previewed_and_once() {
    let home = Home::with_run();
    let deadline = "2099-01-31T18:00:00+02:00";
    let preview = ["queue", "preview", "run_ok", "--priority", "9", "--deadline-at", deadline, "-o", "plan.json"];
    home.cli(&preview).expect(0);
    let apply = [&["queue", "enqueue", "--plan", "plan.json"][..], &ASKED].concat();
    let first = home.json(&[APPLY], &apply, 0);
    let again = home.json(&[APPLY], &apply, 0);
    assert_eq!((&first["already_applied"], &again["already_applied"]), (&json!(false), &json!(true)));
    assert_eq!(first["queue_id"], again["queue_id"]);
    let ledger = home.ledger();
    assert_eq!(ledger.len(), 1);
    for (member, wanted) in [
        ("priority", json!(9)),
        ("deadline_at", json!(deadline)),
        ("requested_by", json!("Alice")),
        ("actor_role", json!("OPS")),
        ("approval_reason", json!("flaky test")),
        ("principal", json!("local:alice")),
        ("pilot_source", json!("cli")),
        ("approval_policy", json!("declared")),
    ] {
        assert_eq!(ledger[0][member], wanted, "{member}");
    }
}

#[test]
fn a_plan_of_another_run_or_with_other_parameters_is_refused() {
    let home = Home::with_run();
    home.run(&RunFixture::new("run_other"));
    home.cli(&["queue", "preview", "run_ok", "-o", "plan.json"]).expect(0);
    let other = [&["queue", "enqueue", "run_other", "--plan", "plan.json"][..], &ASKED].concat();
    let said = home.cli_with(&[APPLY], &other, "").expect(2);
    assert!(said.stderr.contains("the plan is about the run run_ok"), "{said:?}");
    let more = [&["queue", "enqueue", "--plan", "plan.json", "--priority", "1"][..], &ASKED].concat();
    home.cli_with(&[APPLY], &more, "").expect(2);
    let edited = std::fs::read_to_string(home.path().join("plan.json")).unwrap();
    std::fs::write(home.path().join("plan.json"), edited.replacen("\"priority\": null", "\"priority\": 100", 1))
        .unwrap();
    let said = home.json(&[APPLY], &[&["queue", "enqueue", "--plan", "plan.json"][..], &ASKED].concat(), 5);
    assert_eq!(said["code"], "PREVIEW_STALE", "an edited plan is not what was previewed");
    std::fs::write(home.path().join("plan.json"), "{}").unwrap();
    home.cli_with(&[APPLY], &[&["queue", "enqueue", "--plan", "plan.json"][..], &ASKED].concat(), "").expect(2);
    assert!(home.ledger().is_empty());
}

#[test]
fn a_contract_changed_after_the_plan_is_not_queued() {
    let home = Home::with_run();
    home.cli(&["queue", "preview", "run_ok", "-o", "plan.json"]).expect(0);
    home.run(&RunFixture::new("run_ok").task("task_ok").contract(|contract| {
        contract.insert("allowed_paths".into(), json!(["/"]));
    }));
    let said = home.json(&[APPLY], &[&["queue", "enqueue", "--plan", "plan.json"][..], &ASKED].concat(), 5);
    assert_eq!((&said["code"], &said["retry"]), (&json!("PREVIEW_STALE"), &json!("after_preview")));
    assert!(home.ledger().is_empty());
}

#[test]
fn runs_that_cannot_be_queued_say_why() {
    let home = Home::with_run();
    home.run(&RunFixture::new("run_wait").event("HUMAN_APPROVAL_REQUIRED", json!({"reason": ["wide"]})));
    let altered = home.run(&RunFixture::new("run_altered"));
    std::fs::write(altered.join("contract.json"), r#"{"task_id": "other"}"#).unwrap();
    let broken = home.run(&RunFixture::new("run_broken"));
    std::fs::write(broken.join("contract.json"), "{").unwrap();
    for (run, code, exit) in [
        ("run_none", "RUN_NOT_FOUND", 4),
        ("../x", "RUN_ID_INVALID", 2),
        ("run_broken", "RUN_UNREADABLE", 5),
        ("run_wait", "RUN_AWAITING_APPROVAL", 5),
        ("run_altered", "CONTRACT_ALTERED", 5),
    ] {
        let said = home.json(&[APPLY], &[&["queue", "enqueue", run][..], &ASKED].concat(), exit);
        assert_eq!(said["code"], code, "{run}");
    }
    // What can be derived at all can be looked at, with the check that is shut.
    for (run, code) in [("run_wait", "RUN_AWAITING_APPROVAL"), ("run_altered", "CONTRACT_ALTERED")] {
        let explained = home.json(&[APPLY], &["gate", "explain", run], 0);
        assert_eq!((&explained["can_apply"], &explained["gates"][5]["code"]), (&json!(false), &json!(code)));
    }
    assert!(home.ledger().is_empty());
}

#[test]
fn wrong_arguments_are_refused_before_any_check() {
    let home = Home::with_run();
    for arguments in [
        &["queue", "preview", "run_ok", "--scheduled-at", "next tuesday"][..],
        &["queue", "preview", "run_ok", "--deadline-at", "2030-01-01"],
        &["queue", "complete", "x", "--lease-token", "t", "--status", "DONE"],
    ] {
        assert_eq!(home.json(&[], arguments, 2)["code"], "ARGUMENTS_INVALID", "{arguments:?}");
    }
    for arguments in [
        &["queue", "preview", "run_ok", "--priority", "5.0"][..],
        &["queue", "preview"],
        &["queue", "enqueue"],
        &["queue", "claim", "--lease", "never"],
        &["queue", "list", "--limit", "0"],
        &["nothing"],
    ] {
        let said = home.cli(arguments).expect(2);
        assert!(said.stdout.is_empty() && said.stderr.contains("error:"), "{arguments:?}: {said:?}");
    }
    assert!(!home.root().exists());
}

#[test]
fn a_run_at_the_end_of_a_chain_of_reruns_is_shown_and_refused_as_too_deep() {
    let home = Home::with_run();
    let mut run = "run_ok".to_owned();
    for _ in 0..5 {
        home.enqueue(&run);
        run = home.json(&[], &["queue", "claim"], 0)["item"]["run_id"].as_str().unwrap().to_owned();
        home.run(&RunFixture::new(&run).task("task_ok"));
    }
    let preview = home.json(&[APPLY], &["queue", "preview", &run], 0);
    let gate = &preview["gates"][7];
    assert_eq!(
        (&gate["gate"], &gate["open"], &gate["code"]),
        (&json!("limits"), &json!(false), &json!("LINEAGE_LIMIT"))
    );
    assert_eq!(preview["can_apply"], false);
    let deep = preview["warnings"].as_array().unwrap().iter().find(|warning| warning["code"] == "ITEMS_DEEP").unwrap();
    assert!(deep["message"].as_str().unwrap().contains("6 deep, of at most 5"), "{deep}");
    let reason = gate["reason"].as_str().unwrap();
    let text = home.cli_with(&[APPLY], &["queue", "preview", &run], "").expect(0).stdout;
    assert!(text.contains(&format!("SHUT      LINEAGE_LIMIT: {reason}")) && text.contains("ITEMS_DEEP: "), "{text}");

    let explained = home.json(&[APPLY], &["gate", "explain", &run], 0);
    assert_eq!((&explained["can_apply"], &explained["gates"][7]["code"]), (&json!(false), &gate["code"]));
    let text = home.cli_with(&[APPLY], &["gate", "explain", &run], "").expect(0).stdout;
    let row = text.lines().find(|line| line.starts_with(" 8 ")).unwrap();
    assert!(row.contains("nobody where the run is too deep") && row.contains(reason), "{row}");
    assert!(text.contains(&format!("An apply now would be refused with LINEAGE_LIMIT: {reason}")), "{text}");

    let lines = home.ledger();
    let apply = ["queue", "enqueue", &run, "--preview-token", preview["preview_token"].as_str().unwrap()];
    let said = home.cli_with(&[APPLY], &[&apply[..], &ASKED].concat(), "").expect(3);
    assert!(said.stderr.starts_with(&format!("refused: LINEAGE_LIMIT — {reason}\nnext: ")), "{said:?}");
    assert_eq!(home.ledger(), lines);
}

#[test]
fn an_equal_item_waits_already_unless_an_operator_wants_two() {
    let home = Home::with_run();
    let id = home.enqueue("run_ok");
    let token = token(&home, "run_ok");
    let apply = [&["queue", "enqueue", "run_ok", "--preview-token", &token][..], &ASKED].concat();
    let said = home.json(&[APPLY], &apply, 5);
    assert_eq!((said["code"].as_str(), said["queue_id"].as_str()), (Some("ALREADY_PENDING"), Some(id.as_str())));
    let second = home.json(&[APPLY], &[&apply[..], &["--allow-duplicate"]].concat(), 0);
    assert_ne!(second["queue_id"], id);
    assert_eq!(home.ledger().len(), 2);
}

#[test]
fn the_same_key_gives_the_same_item_and_other_arguments_a_conflict() {
    let home = Home::with_run();
    let key = |token: &str, priority: &str| {
        let words =
            ["queue", "enqueue", "run_ok", "--preview-token", token, "--priority", priority, "--idempotency-key", "k1"];
        [&words[..], &ASKED].concat().iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    let token = token(&home, "run_ok");
    let first = home.json(&[APPLY], &key(&token, "0"), 0);
    let again = home.json(&[APPLY], &key("", "0"), 0);
    assert_eq!((&again["queue_id"], &again["already_applied"]), (&first["queue_id"], &json!(true)));
    assert_eq!(home.json(&[APPLY], &key("", "1"), 5)["code"], "IDEMPOTENCY_CONFLICT");
    assert_eq!(home.ledger().len(), 1);
}

#[test]
fn a_pending_item_is_cancelled_while_queueing_is_off_and_a_claimed_one_is_not() {
    let home = Home::with_run();
    home.run(&RunFixture::new("run_two"));
    let (first, second) = (home.enqueue("run_ok"), home.enqueue("run_two"));
    let cancelled = home.json(&[], &["queue", "cancel", &first, "--reason", "not needed"], 0);
    assert_eq!((&cancelled["status"], &cancelled["reason"]), (&json!("CANCELLED"), &json!("not needed")));
    assert!(cancelled["cancelled_by"].as_str().unwrap().starts_with("local:alice ("), "{cancelled}");
    assert_eq!(home.json(&[], &["queue", "cancel", &first], 5)["code"], "QUEUE_ITEM_NOT_CANCELLABLE");

    let claim = home.json(&[], &["queue", "claim", "--worker", "builder-1", "--lease", "1h"], 0);
    assert_eq!((&claim["ok"], &claim["item"]["queue_id"]), (&json!(true), &json!(second)));
    let said = home.cli(&["queue", "cancel", &second]).expect(5);
    assert!(said.stderr.contains("no longer a rollback"), "{said:?}");
    assert_eq!(home.json(&[], &["queue", "claim"], 0)["ok"], false, "an empty queue is no error");

    let lease = claim["lease_token"].as_str().unwrap();
    let wrong = home.json(&[], &["queue", "complete", &second, "--lease-token", "wrong", "--status", "SUCCESS"], 5);
    assert_eq!(wrong["code"], "LEASE_INVALID");
    let done = ["queue", "complete", &second, "--lease-token", "-", "--status", "success", "--output", "json"];
    let done: Value = serde_json::from_str(&home.cli_with(&[], &done, &format!("{lease}\n")).expect(0).stdout).unwrap();
    assert_eq!(done["status"], "SUCCESS");
    let events: Vec<Value> = home.ledger().iter().map(|line| line["event"].clone()).collect();
    assert_eq!(events, ["QUEUE_ENQUEUE", "QUEUE_ENQUEUE", "QUEUE_CANCEL", "QUEUE_CLAIM", "QUEUE_DONE"]);
}

#[test]
fn a_role_that_is_not_held_does_nothing() {
    let home = Home::with_run();
    let id = home.enqueue("run_ok");
    let ledger = home.ledger();
    let poor = [("CORTEXPILOT_PRINCIPAL_ROLES", "VIEWER"), APPLY];
    for arguments in [&["queue", "cancel", &id][..], &["queue", "claim"]] {
        assert_eq!(home.json(&poor, arguments, 3)["code"], "ROLE_FORBIDDEN", "{arguments:?}");
    }
    let ops = [("CORTEXPILOT_PRINCIPAL_ROLES", "OPS"), APPLY];
    assert_eq!(home.json(&ops, &["queue", "cancel", &id, "--role", "OWNER"], 3)["code"], "ROLE_MISMATCH");
    assert_eq!(home.json(&ops, &["queue", "cancel", &id, "--role", "BOSS"], 3)["code"], "ROLE_FORBIDDEN");
    assert_eq!(home.ledger(), ledger);
}

#[test]
fn items_are_listed_filtered_paged_and_shown_with_their_stamps() {
    let home = Home::with_run();
    home.run(&RunFixture::new("run_wf").workflow("wf-1"));
    let (first, second) = (home.enqueue("run_ok"), home.enqueue("run_wf"));
    home.cli(&["queue", "cancel", &first]).expect(0);
    let ids = |arguments: &[&str]| {
        let list = home.json(&[], &[&["queue", "list"], arguments].concat(), 0);
        let items = list["items"].as_array().unwrap().iter().map(|item| item["queue_id"].as_str().unwrap().to_owned());
        (items.collect::<Vec<_>>(), list["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(ids(&[]), (vec![first.clone(), second.clone()], None));
    assert_eq!(ids(&["--status", "cancelled"]).0, [first.as_str()]);
    assert_eq!(ids(&["--workflow", "wf-1"]).0, [second.as_str()]);
    let (page, next) = ids(&["--limit", "1"]);
    assert_eq!(page, [first.as_str()]);
    assert_eq!(ids(&["--limit", "1", "--cursor", &next.unwrap()]), (vec![second.clone()], None));
    let table = home.cli(&["queue", "list"]).expect(0).stdout;
    assert!(table.contains(&second) && table.contains("Alice"), "{table}");

    let shown = home.json(&[], &["queue", "show", &second], 0);
    assert_eq!((&shown["item"]["status"], &shown["enqueued"]["approval_reason"]), (&json!("PENDING"), &json!("again")));
    let text = home.cli(&["queue", "show", &first]).expect(0).stdout;
    assert!(text.contains("CANCELLED") && text.contains("Alice (OPS)"), "{text}");
    assert_eq!(home.json(&[], &["queue", "show", "nothing"], 4)["code"], "QUEUE_ITEM_NOT_FOUND");
    assert_eq!(home.json(&[], &["queue", "list", "--cursor", "x"], 2)["code"], "ARGUMENTS_INVALID");
}

#[test]
fn an_empty_queue_says_which_root_it_is_of() {
    let home = Home::new();
    let said = home.cli(&["queue", "list"]).expect(0);
    assert!(said.stdout.contains(&home.root().display().to_string()), "{said:?}");
    assert_eq!(home.json(&[], &["queue", "list"], 0), json!({"items": []}));
    assert!(!home.root().exists());
}

#[test]
fn the_checks_are_explained_with_who_can_open_each() {
    let home = Home::with_run();
    let explained = home.json(&[], &["gate", "explain", "run_ok"], 0);
    let gates = explained["gates"].as_array().unwrap();
    assert_eq!(gates.len(), 9);
    assert!(gates.iter().all(|gate| gate["opened_by"].as_str().is_some_and(|who| !who.is_empty())));
    assert_eq!((&gates[1]["open"], &gates[1]["code"]), (&json!(false), &json!("MUTATION_GATE_CLOSED")));
    assert_eq!(gates[2]["open"], Value::Null, "decided at apply");
    let text = home.cli(&["gate", "explain", "run_ok"]).expect(0).stdout;
    assert!(text.contains("who can open it") && text.contains("an operator, where this process is started"), "{text}");
    assert!(text.contains("would be refused with MUTATION_GATE_CLOSED"), "{text}");
}

#[test]
fn a_runtime_root_that_cannot_be_written_is_told_with_its_cause() {
    let home = Home::with_run();
    std::fs::write(home.root(), "a file where the directory should be").unwrap();
    let said = home.cli_with(&[APPLY], &[&["queue", "enqueue", "run_ok"][..], &ASKED].concat(), "").expect(6);
    assert!(said.stderr.starts_with("error: STORE_UNAVAILABLE — ") && said.stderr.contains("cause: "), "{said:?}");
}
