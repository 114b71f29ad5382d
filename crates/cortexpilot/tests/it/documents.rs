//! Generated documents, help and completions: what they say, and that they need nothing.

use crate::support::Home;

const DOCUMENTS: [&str; 9] =
    ["env", "cli", "errors", "gates", "states", "operations", "tools-readonly", "tools-pilot", "resources-readonly"];

#[test]
fn documents_are_the_same_on_every_machine() {
    let home = Home::bare();
    // A broken configuration does not matter, and neither does the terminal's width.
    let odd = [("CORTEXPILOT_STORE", "nonsense"), ("COLUMNS", "40")];
    for name in DOCUMENTS {
        let here = home.cli(&["gen-doc", name]).expect(0);
        assert!(here.stderr.is_empty() && here.stdout.len() > 200, "{name}");
        assert_eq!(home.cli_with(&odd, &["gen-doc", name], "").expect(0), here, "{name}");
    }
    home.cli(&["gen-doc", "novel"]).expect(2);
}

#[test]
fn tool_lists_are_what_the_servers_answer() {
    use crate::support::McpServer;
    let home = Home::with_run();
    for (document, server) in [("tools-readonly", McpServer::Readonly), ("tools-pilot", McpServer::Pilot)] {
        let printed: serde_json::Value =
            serde_json::from_str(&home.cli(&["gen-doc", document]).expect(0).stdout).unwrap();
        let mut client = home.mcp(server, &[]);
        client.handshake("2025-11-25");
        assert_eq!(client.request("tools/list", serde_json::json!({}))["result"], printed, "{document}");
        client.close();
    }
}

#[test]
fn every_command_explains_itself() {
    let home = Home::bare();
    let top = home.cli(&["--help"]).expect(0).stdout;
    assert!(top.contains("Exit codes:") && top.contains("up --demo"), "{top}");
    for words in [
        &["up"][..],
        &["serve"],
        &["mcp-readonly-server"],
        &["mcp-queue-pilot-server"],
        &["runs", "list"],
        &["runs", "check"],
        &["queue", "preview"],
        &["queue", "enqueue"],
        &["queue", "complete"],
        &["gate", "explain"],
        &["audit", "verify"],
        &["config", "show"],
    ] {
        let help = home.cli(&[words, &["--help"]].concat()).expect(0);
        assert!(help.stdout.contains("Example") && help.stdout.contains("--output"), "{words:?}: {help:?}");
        assert!(help.stdout.lines().all(|line| line.chars().count() <= 120), "{words:?}: {help:?}");
    }
    let bare = home.cli(&[] as &[&str]).expect(2);
    assert!(bare.stderr.contains("Usage:"), "{bare:?}");
    assert!(home.cli(&["--version"]).expect(0).stdout.starts_with("cortexpilot "));
    assert!(home.cli(&["completions", "bash"]).expect(0).stdout.contains("_cortexpilot"));
}
