//! What must never be possible through MCP, tried: through both servers, under every protocol version, with every gate open
//! and every role held, under the names and methods that a client could think of. Each try is refused, and when all are
//! done not one byte has changed.

use serde_json::{Value, json};

use super::{ASKING, Scene, UNSIGNED};
use crate::support::mcp_http::{PILOT, READONLY};
use crate::support::process::Process;
use crate::support::{GATE_OPEN, Home, McpHttp, Request, STATELESS, VERSIONS};

/// One kind of change, and the tools somebody would expect to find for it.
struct Forbidden {
    kind: &'static str,
    tools: &'static [&'static str],
}

const FORBIDDEN: &[Forbidden] = &[
    Forbidden {
        kind: "arbitrary filesystem writes",
        tools: &[
            "write_file",
            "edit_file",
            "create_directory",
            "move_file",
            "delete_file",
            "filesystem/write",
            "exec",
            "shell",
        ],
    },
    Forbidden {
        kind: "role-config apply",
        tools: &["apply_role_config", "set_role_config", "role_config_apply", "set_roles"],
    },
    Forbidden {
        kind: "run rollback and reject",
        tools: &["rollback_run", "reject_run", "run_rollback", "run_reject", "cancel_run", "replay_run", "delete_run"],
    },
    Forbidden {
        kind: "approving anything",
        tools: &[
            "approve",
            "approve_run",
            "approve_request",
            "approve_enqueue",
            "approval_approve",
            "approval/approve",
            "approvals",
            "list_approvals",
            "confirm",
            "confirm_enqueue",
            "sign",
            "god_mode_approve",
            "grant_approval",
            "reject",
            "reject_approval",
            "approval_reject",
            "withdraw_approval",
            "expire_approval",
            "elicit",
            "answer_elicitation",
        ],
    },
    Forbidden {
        kind: "freezing, thawing and choosing who is asked",
        tools: &[
            "freeze",
            "unfreeze",
            "gate_freeze",
            "gate_unfreeze",
            "gate/unfreeze",
            "thaw",
            "set_policy",
            "gate_policy_set",
            "policy_set",
            "lower_floor",
            "set_floor",
            "set_approval_policy",
        ],
    },
    Forbidden {
        kind: "provider and credential changes",
        tools: &[
            "set_provider",
            "set_credential",
            "rotate_token",
            "create_token",
            "token_create",
            "token_rotate",
            "token_revoke",
            "revoke_token",
            "list_tokens",
            "token",
            "grant_role",
            "sponsor",
            "set_api_key",
            "login",
            "update_config",
        ],
    },
    Forbidden {
        kind: "workflow-case writes",
        tools: &["update_workflow", "create_workflow", "close_workflow", "set_workflow_case"],
    },
    Forbidden {
        kind: "edits of task contracts",
        tools: &["update_contract", "edit_contract", "set_task_contract", "pin_contract"],
    },
    Forbidden {
        kind: "external accounts and stores",
        tools: &[
            "github_create_pr",
            "git_push",
            "npm_publish",
            "render_deploy",
            "publish",
            "marketplace_submit",
            "store_publish",
        ],
    },
    Forbidden {
        kind: "queue cancel and the worker's half",
        tools: &[
            "cancel_queue_item",
            "queue_cancel",
            "cancel_enqueue",
            "queue_claim",
            "claim",
            "queue_complete",
            "complete",
        ],
    },
    Forbidden {
        kind: "any further pilot tool",
        tools: &[
            "enqueue",
            "queue_enqueue",
            "enqueue_from_runs",
            "Enqueue_From_Run",
            "enqueue_from_run ",
            "enqueue_from_run\u{0}",
            "cortexpilot.enqueue_from_run",
            "open_gate",
            "set_mutation_gate",
            "",
        ],
    },
];

/// Methods of the protocol, past and present, and some that sound like it. None is offered, and none may do anything.
const METHODS: &[&str] = &[
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/write",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "sampling/createMessage",
    "roots/list",
    "elicitation/create",
    "tasks/list",
    "tasks/get",
    "tasks/cancel",
    "tools/register",
    "tools/enable",
    "tools/callMany",
    "server/configure",
    "server/shutdown",
    "queue/cancel",
    "approvals/list",
    "approvals/approve",
    "approvals/reject",
    "approval/approve",
    "elicitation/complete",
    "elicitation/answer",
    "gate/freeze",
    "gate/unfreeze",
    "gate/policy",
    "tokens/create",
    "tokens/revoke",
    "auth/login",
    "rpc.discover",
    "$/cancelRequest",
    "shutdown",
    "exit",
];

/// Arguments that name everything a change could want: the run, the item, a file and its content, a yes.
fn arguments(scene: &Scene) -> String {
    json!({
        "run_id": "run_sound", "queue_id": scene.waiting, "workflow_id": "wf-1", "lease_token": scene.lease_token,
        "approval_id": scene.approval, "id": scene.approval, "token_id": scene.token, "policy": "declared",
        "kind": "operator", "ttl": "30d", "action": "accept", "decision": "approve",
        "path": scene.home.runs().join("run_sound/contract.json"), "uri": "file:///etc/passwd", "content": "x",
        "confirm": true, "actor_role": "OWNER", "requested_by": "Ada", "approval_reason": "again", "reason": "again",
        "status": "SUCCESS", "approved": true, "level": "debug", "name": "x", "roles": ["OWNER"],
    })
    .to_string()
}

/// A tool of the other server, with sound arguments, is as unknown as any.
const OTHERS: [(&str, &str); 2] =
    [("mcp-readonly-server", "enqueue_from_run"), ("mcp-queue-pilot-server", "list_queue")];

#[test]
fn forbidden_changes_are_refused_by_both_mcp_servers_and_change_not_a_byte() {
    let scene = Scene::new();
    let everything = arguments(&scene);
    let mut tried = 0;
    for version in VERSIONS {
        for (server, foreign) in OTHERS {
            let mut client = scene.home.mcp(server, version, &[GATE_OPEN]);
            let before = scene.home.snapshot();
            for forbidden in FORBIDDEN {
                for tool in forbidden.tools {
                    for arguments in [everything.as_str(), "{}"] {
                        let called = client.call(tool, arguments);
                        assert_eq!(
                            called.error(),
                            Some(-32602),
                            "{}: {tool:?} on {server}: {called:?}",
                            forbidden.kind
                        );
                        tried += 1;
                    }
                }
            }
            assert_eq!(client.call(foreign, &everything).error(), Some(-32602), "{foreign} on {server}");
            let members = everything.trim_start_matches('{').trim_end_matches('}').to_owned();
            for method in METHODS {
                for members in ["", &members] {
                    let answer = client.request(method, members);
                    assert_refused_or_read(method, server == "mcp-readonly-server", &answer);
                    tried += 1;
                }
            }
            before.assert_unchanged(scene.home.root(), &format!("{server} {version}"));
            client.finish();
        }
    }
    println!("figure: {tried} tries of {} kinds of forbidden change, none of which changed a byte", FORBIDDEN.len());
}

#[test]
fn forbidden_changes_are_refused_by_both_mcp_endpoints_over_http_and_change_not_a_byte() {
    let scene = Scene::new();
    let everything = arguments(&scene);
    let members = everything.trim_start_matches('{').trim_end_matches('}').to_owned();
    // So many that the limit on one agent's messages is never what refuses.
    let agents: Vec<[String; 2]> = (0..VERSIONS.len())
        .map(|number| {
            ["tools", "methods"].map(|what| scene.home.agent_token(&format!("{what}-{number}"), &["OWNER"], &[]))
        })
        .collect();
    let server = scene.home.serve_with(&["--mcp-pilot"], &[GATE_OPEN, UNSIGNED]);
    let before = scene.home.snapshot();
    let mut tried = 0;
    for (version, [of_tools, of_methods]) in VERSIONS.into_iter().zip(&agents) {
        for (path, foreign) in [(READONLY, "enqueue_from_run"), (PILOT, "list_queue")] {
            let mut client = McpHttp::new(&server, path, Some(of_tools), version);
            let tools = FORBIDDEN.iter().flat_map(|forbidden| forbidden.tools).copied();
            for tool in tools.chain([foreign]) {
                for arguments in [everything.as_str(), "{}"] {
                    let called = client.call(tool, arguments);
                    assert_eq!(called.error(), Some(-32602), "{tool:?} at {path} {version}: {called:?}");
                    tried += 1;
                }
            }
            let mut client = McpHttp::new(&server, path, Some(of_methods), version);
            for method in METHODS {
                for members in ["", &members] {
                    let answer = client.request(method, members);
                    assert_refused_or_read(method, path == READONLY, &answer);
                    tried += 1;
                }
            }
            before.assert_unchanged(scene.home.root(), &format!("{path} {version}"));
        }
    }
    assert!(server.stop().status.success());
    println!("figure: {tried} tries of forbidden changes over HTTP, none of which changed a byte");
}

/// What the read-only server answers as well: each reads, and none may be more than that.
const READING: &[&str] = &[
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
];

fn assert_refused_or_read(method: &str, readonly: bool, answer: &Value) {
    let refused = matches!(answer["error"]["code"].as_i64(), Some(-32601 | -32602));
    assert!(refused || (readonly && READING.contains(&method)), "{method}: {answer}");
}

#[test]
fn no_member_that_a_client_invents_opens_a_gate() {
    let scene = Scene::new();
    let mut pilot = scene.home.pilot(STATELESS, &[]);
    pilot.call("preview_enqueue_from_run", r#"{"run_id":"run_sound"}"#).answer();
    let before = scene.home.queue();
    let sound = crate::support::apply("run_sound", json!({}));
    // Beside the arguments, in the request's own `_meta`, as capabilities: a client may say of itself what it likes.
    for beside in [
        r#""approved":true"#,
        r#""principal":{"id":"local:root","roles":["OWNER"]}"#,
        r#""task":{"ttl":1}"#,
        r#""inputResponses":{"confirm":{"action":"accept"}},"requestState":"x""#,
    ] {
        let answer = pilot.request("tools/call", &format!(r#""name":"enqueue_from_run","arguments":{sound},{beside}"#));
        let code = &answer["result"]["structuredContent"]["code"];
        assert!(answer.get("error").is_some() || code == "MUTATION_GATE_CLOSED", "{beside}: {answer}");
    }
    assert_eq!(scene.home.queue(), before);
}

#[test]
fn no_member_that_a_client_invents_is_a_persons_yes() {
    let scene = Scene::new();
    let open = scene.home.queue();
    for version in VERSIONS {
        let mut pilot = scene.home.pilot(version, &[GATE_OPEN, ASKING]);
        pilot.call("preview_enqueue_from_run", r#"{"run_id":"run_sound"}"#).answer();
        let sound = crate::support::apply("run_sound", json!({}));
        for beside in [
            r#""approved":true"#,
            r#""confirm_run_id":"run_sound""#,
            r#""approvals":["operator:ada (OWNER)","operator:bob (OWNER)"]"#,
            r#""principal":{"id":"operator:ada","kind":"operator","roles":["OWNER"]}"#,
            r#""inputResponses":{"approval":{"action":"accept","content":{}}},"requestState":"x""#,
            r#""elicitation":{"action":"accept"}"#,
        ] {
            let members = format!(r#""name":"enqueue_from_run","arguments":{sound},{beside}"#);
            let answer = pilot.request("tools/call", &members);
            let asked = answer["result"]["structuredContent"]["status"] == "PENDING_APPROVAL";
            assert!(answer.get("error").is_some() || asked, "{version}: {beside}: {answer}");
        }
        // Inside the arguments, where only what the schema names may stand.
        for inside in [json!({"confirm_run_id": "run_sound"}), json!({"approved": true}), json!({"approvals": []})] {
            let called = pilot.call("enqueue_from_run", &crate::support::apply("run_sound", inside));
            assert_eq!(called.code(), "ARGUMENTS_INVALID", "{version}: {called:?}");
        }
        pilot.finish();
    }
    assert_eq!(scene.home.queue(), open);
}

#[test]
fn paths_that_a_control_plane_might_have_do_not_exist_and_change_nothing() {
    let scene = Scene::new();
    let server = scene.home.serve(&[GATE_OPEN]);
    let before = scene.home.snapshot();
    let item = &scene.waiting;
    for (method, path) in [
        ("POST", "/api/runs/run_sound/rollback".to_owned()),
        ("POST", "/api/runs/run_sound/reject".to_owned()),
        ("POST", "/api/runs/run_sound/approve".to_owned()),
        ("POST", "/api/god-mode/approve".to_owned()),
        ("POST", "/api/config/roles".to_owned()),
        ("POST", "/api/intake".to_owned()),
        ("POST", "/api/workflows/wf-1".to_owned()),
        ("POST", "/api/queue".to_owned()),
        ("POST", "/api/queue/from-run".to_owned()),
        ("POST", "/api/queue/from-run/run_sound/apply".to_owned()),
        ("POST", "/api/queue/run-next".to_owned()),
        // Requests come from applies, tokens and policies from the machine itself.
        ("POST", "/api/approvals".to_owned()),
        ("POST", format!("/api/approvals/{}", scene.approval)),
        ("PUT", format!("/api/approvals/{}/approve", scene.approval)),
        ("GET", format!("/api/approvals/{}/approve", scene.approval)),
        ("DELETE", format!("/api/approvals/{}", scene.approval)),
        ("POST", "/api/approvals/approve".to_owned()),
        ("POST", "/api/tokens".to_owned()),
        ("POST", format!("/api/tokens/{}/rotate", scene.token)),
        ("DELETE", format!("/api/tokens/{}", scene.token)),
        ("POST", "/api/gate".to_owned()),
        ("POST", "/api/gate/policy".to_owned()),
        ("PUT", "/api/gate/policy".to_owned()),
        ("POST", "/api/gate/open".to_owned()),
        ("GET", "/api/gate/unfreeze".to_owned()),
        ("PUT", "/api/queue/from-run/run_sound".to_owned()),
        ("PATCH", format!("/api/queue/{item}")),
        ("DELETE", format!("/api/queue/{item}")),
        ("DELETE", "/api/runs/run_sound".to_owned()),
        ("GET", format!("/api/queue/{item}/cancel")),
        ("POST", "/mcp/queue-pilot".to_owned()),
        ("POST", "/mcp".to_owned()),
        ("POST", "/mcp/readonly/enqueue".to_owned()),
    ] {
        let request =
            Request::new(method, &path).bearer(crate::support::TOKEN).header("x-cortexpilot-role", "OWNER").json("{}");
        let status = server.send(&request).status;
        assert!(matches!(status, 404 | 405), "{method} {path}: {status}");
    }
    before.assert_unchanged(scene.home.root(), "a path that is none");
}

#[test]
fn the_read_only_server_makes_nothing_where_there_is_nothing() {
    let home = Home::new();
    let before = home.snapshot();
    for version in VERSIONS {
        let mut client = home.readonly(version, &[GATE_OPEN]);
        for tool in ["list_runs", "list_queue", "list_workflows", "get_pending_approvals", "get_diff_gate_state"] {
            client.call(tool, "{}").answer();
        }
        client.finish();
    }
    // Nor do the commands that only look.
    for line in [&["runs", "list"][..], &["queue", "list"], &["config", "show"], &["audit", "verify"]] {
        let ran = home.cli(line, &[]);
        assert_eq!(ran.exit, Some(0), "{ran:#?}");
    }
    before.assert_unchanged(home.root(), "looking");
    // A runtime root that does not exist yet is made by whoever may write, for its owner alone.
    drop(Process::spawn(home.command(&["mcp-queue-pilot-server"], &[]), "mcp-queue-pilot-server").finish());
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(home.runtime()).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
}
