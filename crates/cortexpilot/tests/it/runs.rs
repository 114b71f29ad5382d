//! Reading runs on the command line.

use cortexpilot_runs::fixture::RunFixture;
use serde_json::json;

use crate::support::Home;

#[test]
fn runs_are_listed_in_tables_and_as_json() {
    let home = Home::with_run();
    home.run(
        &RunFixture::new("run_wait").failed("wide paths").event("HUMAN_APPROVAL_REQUIRED", json!({"reason": ["wide"]})),
    );
    let table = home.cli(&["runs", "list"]).expect(0);
    assert!(table.stdout.contains("run_ok") && table.stdout.contains("waits for a person"), "{table:?}");
    assert!(!table.stdout.contains('─'), "no ruling in a pipe");
    let list = home.json(&[], &["runs", "list"], 0);
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(list["looked_in"], home.runs().display().to_string());
}

#[test]
fn long_lists_are_paged() {
    let home = Home::new();
    for number in 0..5 {
        home.run(&RunFixture::new(&format!("run_{number}")));
    }
    let mut seen = Vec::new();
    let mut page = home.json(&[], &["runs", "list", "--limit", "2"], 0);
    loop {
        seen.extend(page["items"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = home.json(&[], &["runs", "list", "--limit", "2", "--cursor", cursor], 0);
    }
    seen.sort();
    assert_eq!(seen, ["run_0", "run_1", "run_2", "run_3", "run_4"]);
    let said = home.json(&[], &["runs", "list", "--cursor", "nonsense"], 2);
    assert_eq!(said["code"], "ARGUMENTS_INVALID");
}

#[test]
fn an_empty_list_says_where_it_looked_and_what_a_run_is() {
    let home = Home::new();
    let missing = home.cli(&["runs", "list"]).expect(0);
    assert!(missing.stdout.contains(&format!("there is no directory {}", home.runs().display())), "{missing:?}");
    assert!(missing.stdout.contains("manifest.json") && missing.stdout.contains("docs/reference/run-directory.md"));
    std::fs::create_dir(home.runs()).unwrap();
    let empty = home.cli(&["runs", "list"]).expect(0);
    assert!(empty.stdout.contains(&format!("No runs in {}", home.runs().display())), "{empty:?}");
    assert_eq!(home.json(&[], &["runs", "list"], 0)["root"], "readable");
}

#[test]
fn what_a_terminal_would_obey_is_shown_instead() {
    let home = Home::new();
    let nasty = "task\u{1b}[2J\u{202e}evil\u{2028}line";
    home.run(
        &RunFixture::new("run_nasty")
            .task(nasty)
            .request(nasty)
            .workflow(nasty)
            .failed(nasty)
            .event("AGENT_MESSAGE", json!({"text": nasty})),
    );
    for arguments in [
        &["runs", "list"][..],
        &["runs", "show", "run_nasty"],
        &["queue", "preview", "run_nasty"],
        &["gate", "explain", "run_nasty"],
        &["runs", "list", "--output", "json"],
        &["runs", "show", "run_nasty", "--output", "json"],
        &["queue", "preview", "run_nasty", "--output", "json"],
    ] {
        let said = home.cli(arguments).expect(0);
        for hidden in ['\u{1b}', '\u{202e}', '\u{2028}'] {
            assert!(!said.stdout.contains(hidden), "{arguments:?}: {hidden:?} in {}", said.stdout);
        }
    }
    let table = home.cli(&["runs", "show", "run_nasty"]).expect(0);
    assert!(table.stdout.contains("task\\u{001B}[2J\\u{202E}evil"), "{table:?}");
}

#[test]
fn one_run_is_shown_with_its_last_events_and_reports() {
    let home = Home::new();
    let mut run = RunFixture::new("run_long").report("test_report.json", json!({"status": "PASS"}));
    for number in 0..20 {
        run = run.event(&format!("STEP_{number}"), json!({}));
    }
    home.run(&run);
    let shown = home.json(&[], &["runs", "show", "run_long", "--events", "3"], 0);
    let events: Vec<_> = shown["events"].as_array().unwrap().iter().map(|event| event["event"].clone()).collect();
    assert_eq!(events, ["STEP_17", "STEP_18", "STEP_19"]);
    assert_eq!(shown["reports"], json!(["test_report.json"]));
    assert_eq!(shown["run"]["run_id"], "run_long");
    let text = home.cli(&["runs", "show", "run_long"]).expect(0).stdout;
    assert!(text.contains("STEP_19") && text.contains("queue preview run_long"), "{text}");
    assert_eq!(home.json(&[], &["runs", "show", "run_long", "--events", "0"], 0)["events"], json!([]));
}

#[test]
fn a_run_that_is_not_there_is_not_found_and_a_strange_id_is_refused() {
    let home = Home::with_run();
    let missing = home.cli(&["runs", "show", "run_none"]).expect(4);
    assert!(missing.stderr.starts_with("refused: RUN_NOT_FOUND — "), "{missing:?}");
    assert_eq!(home.json(&[], &["runs", "show", "run_none"], 4)["code"], "RUN_NOT_FOUND");
    for strange in ["../rt", "a b", "..", ""] {
        assert_eq!(home.json(&[], &["runs", "show", strange], 2)["code"], "RUN_ID_INVALID", "{strange:?}");
    }
}

#[test]
fn a_check_names_each_problem_with_its_repair() {
    let home = Home::with_run();
    let broken = home.run(&RunFixture::new("run_broken").event("RUN_STARTED", json!({})));
    std::fs::write(broken.join("contract.json"), "{not json").unwrap();
    let whole = home.cli(&["runs", "check", "run_ok"]).expect(0);
    assert!(whole.stdout.contains("nothing is wrong"), "{whole:?}");
    for arguments in [&["runs", "check", "run_broken"][..], &["runs", "check", "./runs/run_broken"], &["runs", "check"]]
    {
        let said = home.cli(arguments).expect(5);
        assert!(said.stdout.contains("contract.json") && said.stdout.contains("repair: "), "{said:?}");
        assert!(said.stdout.contains("no queue item can be derived"), "{said:?}");
    }
    let report = home.json(&[], &["runs", "check", "./runs"], 5);
    assert_eq!(report["runs"], 2);
    assert!(report["findings"][0]["file"].as_str().unwrap().starts_with("run_broken/"), "{report}");
    home.cli(&["runs", "check", "./nowhere"]).expect(4);
    home.cli(&["runs", "check", "run_none"]).expect(4);
}
