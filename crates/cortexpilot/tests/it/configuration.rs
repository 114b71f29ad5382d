//! What a process is told, and what it refuses to be told.

use crate::support::Home;

#[test]
fn a_mistyped_variable_stops_every_command_and_names_the_right_one() {
    let home = Home::with_run();
    for arguments in [&["runs", "list"][..], &["serve"], &["mcp-readonly-server"], &["config", "show"]] {
        let said = home.cli_with(&[("CORTEXPILOT_APPROVAL_ALLOWED_ROLE", "OPS")], arguments, "").expect(2);
        assert!(said.stdout.is_empty(), "{said:?}");
        assert!(said.stderr.contains("CORTEXPILOT_APPROVAL_ALLOWED_ROLES is meant"), "{said:?}");
    }
}

#[test]
fn a_strange_variable_is_one_warning_line() {
    let home = Home::with_run();
    let strange = [("CORTEXPILOT_SERVICE_HOST", "10.0.0.1"), ("CORTEXPILOT_PORT_8000_TCP", "tcp://10.0.0.1:8000")];
    let said = home.cli_with(&strange, &["runs", "list"], "").expect(0);
    assert_eq!(said.stderr.lines().count(), 2, "{said:?}");
    assert!(said.stderr.lines().all(|line| line.starts_with("warning: CORTEXPILOT_")), "{said:?}");
}

#[test]
fn an_unreadable_switch_refuses_to_start() {
    let home = Home::with_run();
    for (name, value) in [
        ("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY", "enable"),
        ("CORTEXPILOT_API_AUTH_REQUIRED", "flase"),
        ("CORTEXPILOT_STORE", "postgres://db/queue"),
        ("CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL", "signed"),
        ("CORTEXPILOT_AGENT_PENDING_MAX", "five"),
        ("CORTEXPILOT_AGENT_APPLIES_PER_HOUR", "-1"),
        ("CORTEXPILOT_TOKEN", "personal"),
    ] {
        let said = home.cli_with(&[(name, value)], &["mcp-queue-pilot-server"], "").expect(2);
        assert!(said.stderr.contains(name) && said.stdout.is_empty(), "{said:?}");
    }
    let wrong = [("CORTEXPILOT_STORE", "sqlite")];
    let json = home.cli_with(&wrong, &["mcp-readonly-server", "--output", "json"], "").expect(2);
    assert!(json.stdout.is_empty(), "the protocol's channel stays empty: {json:?}");
    assert_eq!(home.json(&wrong, &["runs", "list"], 2)["code"], "ARGUMENTS_INVALID");
    assert!(!home.root().exists(), "nothing was started");
}

#[test]
fn every_setting_is_shown_with_its_origin_and_no_secret() {
    let home = Home::new();
    std::fs::write(home.path().join("cortexpilot.toml"), "preview_ttl = \"30m\"\n").unwrap();
    let secret = [("CORTEXPILOT_API_TOKEN", "hunter2-hunter2-hunter2")];
    let rows = home.json(&secret, &["config", "show", "--origin", "--runs", "elsewhere"], 0);
    let origin = |name: &str| {
        let row = rows.as_array().unwrap().iter().find(|row| row["variable"] == name).unwrap();
        (row["value"].as_str().unwrap().to_owned(), row["origin"].as_str().unwrap().to_owned())
    };
    let file = home.path().join("cortexpilot.toml").display().to_string();
    assert_eq!(origin("CORTEXPILOT_PREVIEW_TTL"), ("30m".into(), file));
    assert_eq!(origin("CORTEXPILOT_API_TOKEN"), ("(set)".into(), "environment".into()));
    assert_eq!(
        origin("CORTEXPILOT_RUNS_ROOT"),
        (home.path().join("elsewhere").display().to_string(), "command line".into())
    );
    assert_eq!(origin("CORTEXPILOT_STORE"), ("file".into(), "default".into()));
    let table = home.cli_with(&secret, &["config", "show", "--origin"], "").expect(0);
    assert!(!table.stdout.contains("hunter2") && table.stdout.contains("(set)"), "{table:?}");
    // A header, and after a blank line what all of it comes to.
    assert_eq!(table.stdout.lines().count(), rows.as_array().unwrap().len() + 3);
    assert!(table.stdout.ends_with("\n\nAgents may queue: OFF\n"), "{table:?}");
}

#[test]
fn an_unknown_key_of_the_file_is_an_error() {
    let home = Home::new();
    std::fs::write(home.path().join("cortexpilot.toml"), "preview_tll = \"30m\"\n").unwrap();
    let said = home.cli(&["config", "show"]).expect(2);
    assert!(said.stderr.contains("preview_tll") && said.stderr.contains("`preview_ttl` is meant"), "{said:?}");
}

#[test]
fn two_working_directories_come_to_one_ledger() {
    let home = Home::bare();
    std::fs::create_dir_all(home.path().join(".git")).unwrap();
    std::fs::create_dir_all(home.path().join("a/b")).unwrap();
    let relative = [("CORTEXPILOT_RUNTIME_ROOT", "state"), ("CORTEXPILOT_RUNS_ROOT", "agents/runs")];
    let roots = |cwd: &str| {
        let mut command = home.command(&relative, &["config", "show", "--output", "json"]);
        let said = crate::support::finish(
            {
                command.current_dir(home.path().join(cwd));
                command
            },
            "",
        )
        .expect(0);
        let rows: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        let value = |at: usize| rows[at]["value"].as_str().unwrap().to_owned();
        (value(0), value(1))
    };
    let here = roots(".");
    assert_eq!(here.0, home.path().join("state").display().to_string());
    assert_eq!(here.1, home.path().join("agents/runs").display().to_string());
    assert_eq!(roots("a"), here);
    assert_eq!(roots("a/b"), here);
}

#[test]
fn a_base_that_differs_by_working_directory_is_refused() {
    let home = Home::bare();
    let said = home.cli_with(&[("CORTEXPILOT_REPO_ROOT", "here")], &["config", "show"], "").expect(2);
    assert!(said.stderr.contains("CORTEXPILOT_REPO_ROOT must be an absolute path"), "{said:?}");
}

#[test]
fn logs_go_to_standard_error_and_hold_no_token() {
    let home = Home::with_run();
    let preview = home.json(&[], &["queue", "preview", "run_ok", "-o", "plan.json"], 0);
    let token = preview["preview_token"].as_str().unwrap();
    let loud = [("CORTEXPILOT_LOG", "debug"), crate::support::APPLY];
    let apply = [
        "queue",
        "enqueue",
        "run_ok",
        "--preview-token",
        token,
        "--role",
        "OPS",
        "--requested-by",
        "A",
        "--reason",
        "b",
    ];
    let said = home.cli_with(&loud, &[&apply[..], &["--confirm", "--output", "json"]].concat(), "").expect(0);
    assert!(serde_json::from_str::<serde_json::Value>(&said.stdout).is_ok(), "{said:?}");
    assert!(!said.stderr.contains(token), "{said:?}");
}
