//! What registries and bundles say of the product: the read-only server, and nothing else. The queue pilot is internal, so
//! it is in neither, and a test holds that.

use serde_json::{Value, json};

use super::operations::readonly_tools;
use crate::cli::output::json;

/// The version is the product's own; a release carries it in its names.
const VERSION: &str = env!("CARGO_PKG_VERSION");

const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// At most 100 characters, by the registry's schema.
const SHORT: &str = "Reads runs of AI coding agents, their workflow cases and the work queue. Changes nothing.";

/// The registry entry, after schema 2025-12-11 of registry.modelcontextprotocol.io. It names no package: which file a
/// release consists of, and its digest, is known when a bundle is packed, and `cargo xtask dist mcpb` writes it then.
pub(super) fn registry() -> String {
    json(&json!({
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": "io.github.cortexpilot/cortexpilot-readonly",
        "title": "CortexPilot (read-only)",
        "description": SHORT,
        "repository": { "url": REPOSITORY, "source": "github" },
        "version": VERSION,
    }))
}

/// The manifest of the MCPB bundle, after version 0.3 of its format, which every client that takes a program as it is knows.
pub(super) fn bundle() -> String {
    let tools: Vec<Value> =
        readonly_tools().iter().map(|tool| json!({ "name": tool.name, "description": tool.description })).collect();
    let directory = |title: &str, description: &str| json!({ "type": "directory", "title": title, "description": description, "required": true });
    json(&json!({
        "manifest_version": "0.3",
        "name": "cortexpilot-readonly",
        "display_name": "CortexPilot (read-only)",
        "version": VERSION,
        "description": SHORT,
        "long_description": "Lets a model look at what coding agents did: runs with their events, reports and gates, the workflow cases they belong to, and the work queue. The server is built from a part of the program that has no way to change anything, and leaves not one byte in the directories that it reads.",
        "author": { "name": "CortexPilot", "url": REPOSITORY },
        "repository": { "type": "git", "url": REPOSITORY },
        "documentation": format!("{REPOSITORY}/blob/main/docs/guides/install.md"),
        "license": "MIT",
        "keywords": ["agents", "runs", "queue", "read-only"],
        "server": {
            "type": "binary",
            "entry_point": "server/cortexpilot",
            "mcp_config": {
                "command": "${__dirname}/server/cortexpilot",
                "args": [
                    "mcp-readonly-server",
                    "--runtime-root", "${user_config.runtime_root}",
                    "--runs", "${user_config.runs}",
                ],
                "env": {},
            },
        },
        "tools": tools,
        "compatibility": { "platforms": ["linux"] },
        "user_config": {
            "runtime_root": directory("Runtime root", "The directory of the queue's ledger, such as .runtime-cache/cortexpilot of a repository. It is only read."),
            "runs": directory("Runs", "The directory that holds one directory for each run. It is only read."),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::super::operations::pilot_tools;
    use super::*;

    #[test]
    fn the_queue_pilot_is_in_no_registry_and_in_no_bundle() {
        for document in [registry(), bundle()] {
            let text = document.to_lowercase();
            for tool in pilot_tools() {
                assert!(!text.contains(tool.name), "{}", tool.name);
            }
            for word in ["pilot_enable", "queue-pilot", "queue_pilot", "mcp-pilot", "enqueue", "token"] {
                assert!(!text.contains(word), "{word}: {text}");
            }
        }
    }

    #[test]
    fn the_bundle_names_the_servers_tools_and_starts_the_read_only_server_alone() {
        let manifest: Value = serde_json::from_str(&bundle()).unwrap();
        assert_eq!(manifest["tools"].as_array().unwrap().len(), readonly_tools().len());
        assert_eq!(manifest["server"]["mcp_config"]["args"][0], "mcp-readonly-server");
        assert_eq!(manifest["version"], VERSION);
        assert!(SHORT.len() <= 100);
    }
}
