//! What each MCP server offers, as it says itself: exactly the golden lists, under every protocol version.

use serde_json::{Value, json};

use crate::support::{GATE_OPEN, Home, VERSIONS};

/// A golden document, as `cargo xtask gen` keeps it.
fn golden_document(name: &str) -> Value {
    let path = format!("{}/../cortexpilot-server/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}: run `cargo xtask gen`"));
    serde_json::from_str(&text).unwrap()
}

/// A golden list of tools.
fn golden(name: &str) -> Vec<Value> {
    golden_document(name)["tools"].as_array().unwrap().clone()
}

#[test]
fn the_servers_offer_exactly_the_golden_tools_under_every_protocol_version() {
    let home = Home::new();
    for version in VERSIONS {
        for (server, name) in [("mcp-readonly-server", "tools-readonly"), ("mcp-queue-pilot-server", "tools-pilot")] {
            let golden = golden(name);
            // What is offered does not depend on whether it may be used.
            for environment in [&[][..], &[GATE_OPEN]] {
                let mut client = home.mcp(server, version, environment);
                let listed = client.request("tools/list", "");
                assert_golden(&listed["result"]["tools"], &golden, &format!("{server} under {version}"));
                assert_eq!(listed["result"].get("nextCursor"), None);
                client.finish();
            }
        }
    }
}

/// Compares member by member, so that a difference is named and not buried in two schemas.
fn assert_golden(listed: &Value, golden: &[Value], who: &str) {
    let listed = listed.as_array().unwrap();
    let names = |tools: &[Value]| tools.iter().map(|tool| tool["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(listed), names(golden), "{who}");
    for (tool, golden) in listed.iter().zip(golden) {
        let (tool, golden) = (tool.as_object().unwrap(), golden.as_object().unwrap());
        let members = |of: &serde_json::Map<String, Value>| of.keys().cloned().collect::<Vec<_>>();
        assert_eq!(members(tool), members(golden), "{who}: {}", tool["name"]);
        for (member, value) in tool {
            let meant = "run `cargo xtask gen` if the change is meant, and read what it changes";
            assert!(*value == golden[member], "{who}: {member} of {} is not the golden one: {meant}", tool["name"]);
        }
    }
}

#[test]
fn the_read_only_server_offers_exactly_the_golden_resources_and_the_pilot_none() {
    let home = Home::new();
    let golden = golden_document("resources-readonly");
    for version in VERSIONS {
        let mut client = home.readonly(version, &[]);
        let templates = client.request("resources/templates/list", "");
        assert_eq!(templates["result"]["resourceTemplates"], golden["resourceTemplates"], "{version}");
        assert_eq!(client.request("prompts/list", "")["result"]["prompts"], golden["prompts"], "{version}");
        // An empty root has nothing to list.
        assert_eq!(client.request("resources/list", "")["result"]["resources"], json!([]), "{version}");
        for completion in golden["completions"].as_array().unwrap() {
            for argument in completion["arguments"].as_array().unwrap() {
                let members = format!(r#""ref":{},"argument":{{"name":{argument},"value":""}}"#, completion["ref"]);
                let answer = client.request("completion/complete", &members);
                assert_eq!(answer["result"]["completion"]["values"], json!([]), "{version}: {answer}");
            }
        }
        client.finish();
        let mut pilot = home.pilot(version, &[GATE_OPEN]);
        for (method, members) in [
            ("resources/list", ""),
            ("resources/templates/list", ""),
            ("resources/read", r#""uri":"cortexpilot://log/checkpoint""#),
            ("prompts/list", ""),
            ("prompts/get", r#""name":"explain_run""#),
        ] {
            assert_eq!(pilot.request(method, members)["error"]["code"], -32601, "{version}: {method}");
        }
        pilot.finish();
    }
}

#[test]
fn the_pilot_has_two_tools_and_the_read_only_server_twelve_that_say_they_only_read() {
    let names: Vec<Value> = golden("tools-pilot").iter().map(|tool| tool["name"].clone()).collect();
    assert_eq!(names, ["preview_enqueue_from_run", "enqueue_from_run"].map(|name| json!(name)));
    assert_eq!(golden("tools-readonly").len(), 12);
    for tool in golden("tools-readonly") {
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
    }
}
