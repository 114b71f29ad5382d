//! `serve`: when it starts, who may do what, how it ends.

use rustix::process::Signal;
use serde_json::json;

use crate::support::{APPLY, Home, TOKEN};

const APPLY_BODY: &str =
    r#"{"confirm": true, "actor_role": "OPS", "requested_by": "Alice", "approval_reason": "again"}"#;

#[test]
fn it_serves_runs_and_queue_and_ends_with_zero() {
    let home = Home::with_run();
    let server = home.serve(&[APPLY]);
    assert_eq!(server.ready["agents_may_queue"], "ON, nobody is asked");
    assert_eq!(server.get("/api/runs").as_array().map(Vec::len), Some(1));
    let preview = server.send("POST", "/api/queue/from-run/run_ok/preview", Some("{}"));
    assert_eq!((preview.status, preview.json()["can_apply"].clone()), (200, json!(true)), "{preview:?}");
    let token = preview.json()["preview_token"].as_str().unwrap().to_owned();
    let mut body: serde_json::Value = serde_json::from_str(APPLY_BODY).unwrap();
    body["preview_token"] = token.into();
    let applied = server.send("POST", "/api/queue/from-run/run_ok", Some(&body.to_string()));
    assert_eq!(applied.status, 200, "{applied:?}");
    let id = applied.json()["queue_id"].as_str().unwrap().to_owned();
    assert_eq!(home.json(&[], &["queue", "show", &id], 0)["enqueued"]["principal"], "token:api");
    let cancelled = home.json(&[], &["queue", "cancel", &id], 0);
    assert_eq!(cancelled["status"], "CANCELLED", "another process writes while the server runs");
    assert_eq!(server.get("/api/queue")[0]["status"], "CANCELLED");
    assert_eq!(server.get("/health")["status"].is_null(), server.get("/api/health")["status"].is_null());
    assert_eq!(server.stop(Signal::TERM), (Some(0), String::new()));
}

#[test]
fn without_a_token_nobody_gets_in() {
    let home = Home::with_run();
    let server = home.serve(&[]);
    for (headers, code) in
        [(&[][..], "AUTH_MISSING_BEARER"), (&[("authorization", "Bearer wrong")], "AUTH_INVALID_TOKEN")]
    {
        let response = server.anonymous("GET", "/api/runs", headers, None);
        assert_eq!((response.status, response.json()["detail"]["code"].as_str()), (401, Some(code)));
    }
    let foreign = b"GET /health HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert_eq!(server.raw(foreign).status, 421);
    assert!(server.anonymous("GET", "/health", &[], None).header("x-request-id").is_some());
    assert!(!server.kill().contains(TOKEN));
}

#[test]
fn it_refuses_to_start_where_it_would_not_be_safe() {
    let home = Home::with_run();
    let on = [("CORTEXPILOT_API_TOKEN", TOKEN)];
    let off = [("CORTEXPILOT_API_AUTH_REQUIRED", "off")];
    for (environment, arguments, words) in [
        (&[][..], &["serve", "--port", "0"][..], "there is no token"),
        (&off, &["serve", "--port", "0", "--host", "0.0.0.0", "--behind-tls-proxy"], "is not loopback"),
        (&on, &["serve", "--port", "0", "--host", "0.0.0.0"], "--behind-tls-proxy"),
        (&on, &["serve", "--port", "0", "--host", "example.org"], "must be an IP address"),
        (
            &[("CORTEXPILOT_API_TOKEN", "short")],
            &["serve", "--port", "0", "--host", "0.0.0.0", "--behind-tls-proxy"],
            "fewer than 16",
        ),
        (&[("CORTEXPILOT_API_TOKEN", "has blanks in it")], &["serve", "--port", "0"], "visible ASCII"),
        (
            &[("CORTEXPILOT_API_TOKEN", TOKEN), ("CORTEXPILOT_API_ALLOWED_ORIGINS", "https://*.x")],
            &["serve"],
            "ALLOWED_ORIGINS",
        ),
    ] {
        let said = home.cli_with(environment, arguments, "").expect(2);
        assert!(said.stdout.is_empty() && said.stderr.contains(words), "{said:?}");
    }
    assert!(!home.root().exists(), "nothing was made");
}

#[test]
fn a_port_that_is_taken_is_said() {
    let home = Home::with_run();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = home.cli_with(&[("CORTEXPILOT_API_TOKEN", TOKEN)], &["serve", "--port", &port], "").expect(1);
    assert!(said.stderr.contains("cannot listen on") && said.stderr.contains("--port 0"), "{said:?}");
}

#[test]
fn with_authentication_off_everybody_reads_and_nobody_queues() {
    let home = Home::with_run();
    let server = home.serve(&[APPLY, ("CORTEXPILOT_API_AUTH_REQUIRED", "no")]);
    assert_eq!(server.anonymous("GET", "/api/runs", &[], None).status, 200);
    server.anonymous("POST", "/api/queue/from-run/run_ok/preview", &[], Some("{}"));
    let refused = server.anonymous("POST", "/api/queue/from-run/run_ok", &[], Some(APPLY_BODY));
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(home.ledger().is_empty());
    assert_eq!(server.stop(Signal::INT).0, Some(0));
}

#[test]
fn a_restarted_server_knows_the_tokens_of_its_previews() {
    let home = Home::with_run();
    let first = home.serve(&[APPLY]);
    let preview = first.send("POST", "/api/queue/from-run/run_ok/preview", Some("{}")).json();
    assert_eq!(first.stop(Signal::INT).0, Some(0));
    let second = home.serve(&[APPLY]);
    let mut body: serde_json::Value = serde_json::from_str(APPLY_BODY).unwrap();
    body["preview_token"] = preview["preview_token"].clone();
    assert_eq!(second.send("POST", "/api/queue/from-run/run_ok", Some(&body.to_string())).status, 200);
}
