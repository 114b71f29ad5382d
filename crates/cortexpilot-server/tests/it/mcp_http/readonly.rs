//! The read-only server over HTTP offers what it offers over standard input, and nothing else.

use cortexpilot_server::mcp::http::McpLimits;
use serde_json::json;

use super::harness::{Post, VERSIONS};
use crate::http::harness::{AGENT, OPERATOR, SetUp, VIEWER, WORKER, World};

fn world() -> World {
    World::of(SetUp { mcp: Some(McpLimits::default()), ..SetUp::default() })
}

#[tokio::test]
async fn it_reads_for_everybody_and_leaves_no_line() {
    let world = world();
    for version in VERSIONS {
        for token in [OPERATOR, VIEWER, AGENT, WORKER] {
            let ask = |tool, arguments| {
                let post = Post::call(1, tool, &arguments, version).to("/mcp/readonly").token(token);
                post.send(&world.router)
            };
            assert_eq!(ask("get_run", json!({ "run_id": "run_ok" })).await.told()["run_id"], "run_ok");
            assert_eq!(ask("get_run", json!({ "run_id": "run_none" })).await.told()["code"], "RUN_NOT_FOUND");
            assert_eq!(ask("list_runs", json!({ "limit": "1" })).await.told()["code"], "ARGUMENTS_INVALID");
            for foreign in ["enqueue_from_run", "preview_enqueue_from_run", "cancel_queue_item"] {
                assert_eq!(ask(foreign, json!({ "run_id": "run_ok" })).await.verdict(), "200 -32602", "{foreign}");
            }
        }
    }
    assert_eq!(world.lines(), (0, 0));
}
