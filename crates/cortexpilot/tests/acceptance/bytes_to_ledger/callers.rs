//! What callers send: each way in which a caller once got, or could hope to get, a line that nobody approved.

use cortexpilot_runs::fixture::RunFixture;
use serde_json::{Value, json};

use crate::support::{Called, GATE_OPEN, Home, Mcp, Request, STATELESS, VERSIONS, apply};

const PREVIEW: &str = "preview_enqueue_from_run";
const ENQUEUE: &str = "enqueue_from_run";

/// A home with one run that was previewed by the pilot server, whose gate is open: nothing but what the test does stands
/// between it and the queue.
fn ready() -> (Home, Mcp) {
    ready_under("2025-06-18")
}

fn ready_under(version: &'static str) -> (Home, Mcp) {
    let home = Home::new();
    home.run(&RunFixture::new("run_a"));
    let mut pilot = home.pilot(version, &[GATE_OPEN]);
    pilot.call(PREVIEW, r#"{"run_id":"run_a"}"#).answer();
    (home, pilot)
}

/// The sound apply still works after what was tried, and is the first line of the ledger.
fn still_enqueues(home: &Home, mut pilot: Mcp) {
    assert_eq!(home.queue().lines(), Vec::<String>::new());
    pilot.call(ENQUEUE, &apply("run_a", json!({}))).answer();
    assert_eq!(home.queue().lines().len(), 1);
    pilot.finish();
}

/// A refusal for the form of the arguments: answered, and no record of anybody having been refused.
fn refused_for_its_form(called: &Called, what: &str) {
    assert_eq!(called.code(), "ARGUMENTS_INVALID", "{what}: {called:?}");
}

#[test]
fn confirm_false_and_then_true_never_passes_whatever_the_protocol_version() {
    let doubles = [
        r#""confirm":false,"confirm":true"#,
        r#""confirm":true,"confirm":false"#,
        r#""confirm":true,"confirm":true"#,
        r#""confirm":false,"\u0063onfirm":true"#,
    ];
    for version in VERSIONS {
        let (home, mut pilot) = ready_under(version);
        let sound = apply("run_a", json!({}));
        for double in doubles {
            let arguments = sound.replace(r#""confirm":true"#, double);
            assert_eq!(pilot.call(ENQUEUE, &arguments).error(), Some(-32600), "{version}: {double}");
        }
        // The same one level up: which of two `arguments` would count?
        let members = format!(r#""name":"{ENQUEUE}","arguments":{{"confirm":false}},"arguments":{sound}"#);
        assert_eq!(pilot.request("tools/call", &members)["error"]["code"], -32600, "{version}");
        assert_eq!(home.decisions().lines(), Vec::<String>::new(), "{version}");
        still_enqueues(&home, pilot);
    }
    let (home, _pilot) = ready();
    let server = home.serve(&[GATE_OPEN]);
    for double in doubles {
        let body = apply("run_a", json!({})).replace(r#""confirm":true"#, double);
        let response = server.send(&Request::post("/api/queue/from-run/run_a", &body));
        assert_eq!((response.status, response.code().as_str()), (422, "REQUEST_VALIDATION_ERROR"), "{double}");
    }
    assert_eq!(home.queue().lines(), Vec::<String>::new());
}

#[test]
fn confirm_is_the_json_value_true_and_nothing_that_looks_like_it() {
    let (home, mut pilot) = ready();
    let server = home.serve(&[GATE_OPEN]);
    for lookalike in
        [json!("true"), json!("false"), json!("yes"), json!(1), json!(0), json!([true]), json!({"a": true})]
    {
        let arguments = apply("run_a", json!({ "confirm": lookalike }));
        refused_for_its_form(&pilot.call(ENQUEUE, &arguments), &arguments);
        let response = server.send(&Request::post("/api/queue/from-run/run_a", &arguments));
        assert_eq!((response.status, response.code().as_str()), (422, "REQUEST_VALIDATION_ERROR"), "{arguments}");
    }
    assert_eq!(home.decisions().lines(), Vec::<String>::new());
    // Absent, null and false are the gate's own to refuse.
    for silent in [json!(null), json!(false)] {
        let arguments = apply("run_a", json!({ "confirm": silent }));
        assert_eq!(pilot.call(ENQUEUE, &arguments).code(), "CONFIRM_REQUIRED");
        assert_eq!(server.send(&Request::post("/api/queue/from-run/run_a", &arguments)).code(), "CONFIRM_REQUIRED");
    }
    still_enqueues(&home, pilot);
}

#[test]
fn arguments_of_other_types_and_unknown_members_are_refused_and_not_recorded() {
    let (home, mut pilot) = ready();
    let server = home.serve(&[GATE_OPEN]);
    for change in [
        json!({"priority": 5.0}),
        json!({"priority": "5"}),
        json!({"priority": 9_223_372_036_854_775_808_u64}),
        json!({"requested_by": ["Ada"]}),
        json!({"approval_reason": {"text": "again"}}),
        json!({"actor_role": 1}),
        json!({"preview_token": true}),
        json!({"force": true}),
        json!({"approved": true}),
        json!({"scheduled_at": 1_767_258_000}),
    ] {
        let arguments = apply("run_a", change);
        refused_for_its_form(&pilot.call(ENQUEUE, &arguments), &arguments);
        let response = server.send(&Request::post("/api/queue/from-run/run_a", &arguments));
        assert_eq!((response.status, response.code().as_str()), (422, "REQUEST_VALIDATION_ERROR"), "{arguments}");
    }
    // What only an operator may ask for does not exist over MCP.
    refused_for_its_form(&pilot.call(ENQUEUE, &apply("run_a", json!({"allow_duplicate": true}))), "allow_duplicate");
    assert_eq!(home.decisions().lines(), Vec::<String>::new());
    still_enqueues(&home, pilot);
}

#[test]
fn a_role_that_is_stated_and_not_held_is_refused_on_every_surface() {
    let home = Home::new();
    home.run(&RunFixture::new("run_a"));
    let held = [GATE_OPEN, ("CORTEXPILOT_PRINCIPAL_ROLES", "OPS"), ("CORTEXPILOT_API_TOKEN_ROLES", "OPS")];
    let mut pilot = home.pilot("2025-06-18", &held);
    let server = home.serve(&held);
    pilot.call(PREVIEW, r#"{"run_id":"run_a"}"#).answer();
    server.send(&Request::post("/api/queue/from-run/run_a/preview", "{}")).answer();
    for (role, code) in [("OWNER", "ROLE_MISMATCH"), ("ROOT", "ROLE_FORBIDDEN"), ("ops; OWNER", "ROLE_FORBIDDEN")] {
        let arguments = apply("run_a", json!({ "actor_role": role }));
        assert_eq!(pilot.call(ENQUEUE, &arguments).code(), code, "{role}");
        let bare = Request::new("POST", "/api/queue/from-run/run_a").bearer(crate::support::TOKEN);
        let response = server.send(&bare.clone().json(&arguments));
        assert_eq!((response.status, response.code().as_str()), (403, code), "{role} in the body");
        let header = bare.header("x-cortexpilot-role", role).json(&apply("run_a", json!({"actor_role": null})));
        assert_eq!(server.send(&header).code(), code, "{role} in the header");
        let ran = home.cli(
            &["queue", "enqueue", "run_a", "--role", role, "--requested-by", "Ada", "--reason", "again", "--confirm"],
            &held,
        );
        assert_eq!((ran.exit, ran.code().as_str()), (Some(3), code), "{role}");
    }
    // Header and body must agree, also where each alone would do.
    let both = Request::post("/api/queue/from-run/run_a", &apply("run_a", json!({"actor_role": "OWNER"})));
    assert_eq!(server.send(&both).code(), "ROLE_MISMATCH");
    still_enqueues(&home, pilot);
}

#[test]
fn http_and_the_command_line_are_shut_by_the_mutation_gate_as_mcp_is() {
    let home = Home::new();
    home.run(&RunFixture::new("run_a"));
    let mut pilot = home.pilot("2025-06-18", &[]);
    let server = home.serve(&[]);
    let tokens = [
        pilot.call(PREVIEW, r#"{"run_id":"run_a"}"#).answer()["preview_token"].clone(),
        server.send(&Request::post("/api/queue/from-run/run_a/preview", "{}")).answer()["preview_token"].clone(),
    ];
    let [mcp, http] = tokens.map(|token| apply("run_a", json!({ "preview_token": token })));
    assert_eq!(pilot.call(ENQUEUE, &mcp).code(), "MUTATION_GATE_CLOSED");
    assert_eq!(server.send(&Request::post("/api/queue/from-run/run_a", &http)).code(), "MUTATION_GATE_CLOSED");
    let preview = home.cli(&["queue", "preview", "run_a"], &[]).answer();
    let token = preview["preview_token"].as_str().unwrap();
    let enqueue =
        ["queue", "enqueue", "run_a", "--role", "OPS", "--requested-by", "Ada", "--reason", "again", "--confirm"];
    let ran = home.cli(&[&enqueue[..], &["--preview-token", token]].concat(), &[]);
    assert_eq!((ran.exit, ran.code().as_str()), (Some(3), "MUTATION_GATE_CLOSED"));
    assert_eq!(home.queue().lines(), Vec::<String>::new());
    assert_eq!(home.decisions().lines().len(), 3);
}

#[test]
fn an_apply_needs_a_preview_and_a_retry_gives_the_same_item() {
    let home = Home::new();
    home.run(&RunFixture::new("run_a"));
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    assert_eq!(pilot.call(ENQUEUE, &apply("run_a", json!({}))).code(), "PREVIEW_REQUIRED");
    let token = pilot.call(PREVIEW, r#"{"run_id":"run_a"}"#).answer()["preview_token"].clone();
    let keyed = apply("run_a", json!({"idempotency_key": "once", "preview_token": token}));
    let first = pilot.call(ENQUEUE, &keyed).answer().clone();
    assert_eq!(first["already_applied"], false);
    pilot.finish();
    // Another process, by the key and by the preview; and even when the run is gone.
    std::fs::remove_dir_all(home.runs().join("run_a")).unwrap();
    let mut pilot = home.pilot(STATELESS, &[GATE_OPEN]);
    for retry in
        [keyed, apply("run_a", json!({"preview_token": token})), apply("run_a", json!({"idempotency_key": "once"}))]
    {
        let again = pilot.call(ENQUEUE, &retry).answer().clone();
        assert_eq!((&again["queue_id"], &again["already_applied"]), (&first["queue_id"], &json!(true)), "{retry}");
    }
    let other = apply("run_a", json!({"idempotency_key": "once", "priority": 1}));
    assert_eq!(pilot.call(ENQUEUE, &other).code(), "IDEMPOTENCY_CONFLICT");
    assert_eq!(home.queue().lines().len(), 1);
}

#[test]
fn a_preview_token_that_begins_with_a_hyphen_is_a_token_on_the_command_line_too() {
    let home = Home::new();
    home.run(&RunFixture::new("run_a"));
    home.make_key();
    let environment = [GATE_OPEN, ("CORTEXPILOT_PRINCIPAL", "local:ada")];
    let preview = home.cli(&["queue", "preview", "run_a"], &environment).answer();
    // One in 64 begins so by itself.
    let token = preview["preview_token"].as_str().unwrap();
    let token = home.resealed(token, "local:ada", |seen| seen.nonce[0] = 0xF8);
    assert!(token.starts_with('-'), "{token}");
    let words = ["--role", "OPS", "--requested-by", "Ada", "--reason", "again", "--confirm", "--preview-token", &token];
    home.cli(&[&["queue", "enqueue", "run_a"], &words[..]].concat(), &environment).answer();
    assert_eq!(home.queue().lines().len(), 1);
}

#[test]
fn a_run_id_that_leads_out_of_the_runs_root_is_refused_on_every_surface() {
    let home = Home::new();
    // Sound runs, in places where none may be read from.
    let outside = home.root().join("elsewhere");
    RunFixture::new("run_secret").write(&outside).unwrap();
    home.run(&RunFixture::new("run_a"));
    std::os::unix::fs::symlink(outside.join("run_secret"), home.runs().join("run_link")).unwrap();
    let mut pilot = home.pilot("2025-06-18", &[GATE_OPEN]);
    let server = home.serve(&[GATE_OPEN]);
    let absolute = outside.join("run_secret").display().to_string();
    let before = home.queue();
    for (run, code) in [
        ("../elsewhere/run_secret", "RUN_ID_INVALID"),
        (absolute.as_str(), "RUN_ID_INVALID"),
        ("run_a/../../elsewhere/run_secret", "RUN_ID_INVALID"),
        ("..", "RUN_ID_INVALID"),
        (".", "RUN_ID_INVALID"),
        ("", "RUN_ID_INVALID"),
        ("run_a\u{0}", "RUN_ID_INVALID"),
        ("run_link", "RUN_UNREADABLE"),
    ] {
        let named = json!({ "run_id": run }).to_string();
        assert_eq!(pilot.call(PREVIEW, &named).code(), code, "{run:?}");
        assert_eq!(pilot.call(ENQUEUE, &apply(run, json!({}))).code(), code, "{run:?}");
        let segment: String = run.bytes().map(|byte| format!("%{byte:02X}")).collect();
        if !segment.is_empty() {
            let path = format!("/api/queue/from-run/{segment}");
            for (path, body) in
                [(format!("{path}/preview"), "{}".to_owned()), (path, apply(run, json!({"run_id": null})))]
            {
                assert_eq!(server.send(&Request::post(&path, &body)).code(), code, "{run:?}");
            }
        }
        if !run.contains('\0') {
            let words =
                ["queue", "enqueue", "--role", "OPS", "--requested-by", "Ada", "--reason", "again", "--confirm"];
            let ran = home.cli(&[&words[..], &["--", run]].concat(), &[GATE_OPEN]);
            assert_eq!(ran.code(), code, "{run:?}");
        }
    }
    assert_eq!(home.queue(), before);
}

#[test]
fn a_reason_that_hides_or_splits_text_is_refused_and_the_item_stays_what_it_was() {
    let (home, mut pilot) = ready();
    let server = home.serve(&[GATE_OPEN]);
    let hidden =
        ['\u{2028}', '\u{2029}', '\u{85}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{1b}', '\n', '\0'];
    for c in hidden {
        let reason = format!("not{c}needed");
        for member in ["approval_reason", "requested_by"] {
            let called = pilot.call(ENQUEUE, &apply("run_a", json!({ member: reason })));
            assert_eq!(called.code(), "METADATA_REJECTED", "{c:?} in {member}");
        }
    }
    let id = pilot.call(ENQUEUE, &apply("run_a", json!({}))).answer()["queue_id"].as_str().unwrap().to_owned();
    let queue = home.queue();
    for c in hidden {
        let reason = format!("not{c}needed");
        let body = json!({ "reason": reason }).to_string();
        let response = server.send(&Request::post(&format!("/api/queue/{id}/cancel"), &body));
        assert_eq!((response.status, response.code().as_str()), (422, "METADATA_REJECTED"), "{c:?}");
        if c != '\0' {
            assert_eq!(
                home.cli(&["queue", "cancel", &id, "--reason", &reason], &[]).code(),
                "METADATA_REJECTED",
                "{c:?}"
            );
        }
    }
    assert_eq!(home.queue(), queue);
    // A record of each, and none of them carries the text.
    for refusal in home.decisions().lines() {
        assert!(!refusal.contains(hidden) && !refusal.contains("needed"), "{refusal}");
    }
    // It is what it was: pending, and a cancel that can be read takes it out of the queue for good.
    assert_eq!(server.send(&Request::get(&format!("/api/queue/{id}"))).answer()["status"], "PENDING");
    let cancel = Request::post(&format!("/api/queue/{id}/cancel"), r#"{"reason":"not needed"}"#);
    assert_eq!(server.send(&cancel).answer()["status"], "CANCELLED");
    assert_eq!(server.send(&Request::post("/api/queue/claim", "{}")).answer()["ok"], false);
}

#[test]
fn a_schedule_that_is_no_instant_is_refused_on_every_surface() {
    let (home, mut pilot) = ready();
    let server = home.serve(&[GATE_OPEN]);
    for when in ["next tuesday", "2026-01-01", "2026-01-01T09:00:00", "2026-13-01T09:00:00Z", "1767258000", "now"] {
        for member in ["scheduled_at", "deadline_at"] {
            let arguments = apply("run_a", json!({ member: when }));
            refused_for_its_form(&pilot.call(ENQUEUE, &arguments), &arguments);
            refused_for_its_form(&pilot.call(PREVIEW, &json!({"run_id": "run_a", member: when}).to_string()), when);
            let response = server.send(&Request::post("/api/queue/from-run/run_a", &arguments));
            assert_eq!((response.status, response.code().as_str()), (422, "REQUEST_VALIDATION_ERROR"), "{arguments}");
        }
        let ran = home.cli(&["queue", "preview", "run_a", "--scheduled-at", when], &[]);
        assert_eq!((ran.exit, ran.code().as_str()), (Some(2), "ARGUMENTS_INVALID"), "{when}");
    }
    still_enqueues(&home, pilot);
}

#[test]
fn a_call_without_an_id_is_neither_carried_out_nor_answered() {
    for version in VERSIONS {
        let (home, mut pilot) = ready_under(version);
        let before = home.snapshot();
        let call = format!(r#""name":"{ENQUEUE}","arguments":{}"#, apply("run_a", json!({})));
        for line in [pilot.line(None, "tools/call", &call), pilot.line(None, "ping", "")] {
            pilot.send(line.as_bytes());
        }
        // The next answer is that of the next request: nothing came for the two, and they have left nothing.
        let id = pilot.post("ping", "");
        assert_eq!(pilot.message()["id"], id, "{version}");
        before.assert_unchanged(home.root(), version);
        still_enqueues(&home, pilot);
    }
}

#[test]
fn a_reason_of_megabytes_is_refused_and_stored_nowhere() {
    let (home, mut pilot) = ready();
    let server = home.serve(&[GATE_OPEN]);
    for (length, code) in [(2_001, "METADATA_REJECTED"), (900_000, "METADATA_REJECTED")] {
        let arguments = apply("run_a", json!({"approval_reason": "x".repeat(length)}));
        assert_eq!(pilot.call(ENQUEUE, &arguments).code(), code, "{length}");
    }
    let arguments = apply("run_a", json!({"approval_reason": "x".repeat(20_000_000)}));
    // Too long to be read whole, so its id is not known.
    let line = pilot.line(Some(99), "tools/call", &format!(r#""name":"{ENQUEUE}","arguments":{arguments}"#));
    pilot.send(line.as_bytes());
    let answer = pilot.message();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32600)));
    let response = server.send(&Request::post("/api/queue/from-run/run_a", &arguments));
    assert_eq!((response.status, response.code().as_str()), (413, "BODY_TOO_LARGE"));
    assert!(home.decisions().bytes().len() < 2_000);
    still_enqueues(&home, pilot);
}

#[test]
fn lines_that_end_other_servers_leave_this_one_alive_and_its_ledger_alone() {
    let (home, mut pilot) = ready();
    let before = home.snapshot();
    let call = |arguments: &str| {
        let members = format!(r#""name":"{ENQUEUE}","arguments":{arguments}"#);
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{members}}}}}"#)
    };
    for line in [
        format!("{}{}", "[".repeat(985), "]".repeat(985)),
        call(&format!(r#"{{"priority":{}}}"#, "9".repeat(4300))),
        call(r#"{"run_id":"\ud800"}"#),
        call(&format!(r#"{{"run_id":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000))),
        call(r#"{"priority":1e400}"#),
        "\u{feff}{}".to_owned(),
        "null".to_owned(),
        format!("[{}]", call(&apply("run_a", json!({})))),
    ] {
        pilot.send(line.as_bytes());
        let code = pilot.message()["error"]["code"].clone();
        assert!([json!(-32700), json!(-32600)].contains(&code), "{code}: {}", &line[..40.min(line.len())]);
    }
    pilot.send(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"p\xff\"}");
    assert_eq!(pilot.message()["error"]["code"], -32700);
    before.assert_unchanged(home.root(), "a bad line");
    still_enqueues(&home, pilot);
}
