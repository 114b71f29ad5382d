//! What holds for every request: host, origin, names, headers, paths and methods.

use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_server::auth::Auth;
use serde_json::json;

use super::harness::{Ask, HOST, World, options, tokens};

/// A world with tokens and one without: these rules hold in both.
fn worlds() -> [(&'static str, World); 2] {
    [
        ("auth on", World::with(MutationGate::Open, Auth::tokens(tokens()), options())),
        ("auth off", World::with(MutationGate::Open, Auth::Off, options())),
    ]
}

#[tokio::test]
async fn an_unknown_host_is_misdirected_whatever_it_asks() {
    for (name, world) in worlds() {
        for path in ["/api/queue", "/health", "/", "/nothing"] {
            for host in ["evil.example", "127.0.0.1", "127.0.0.1:9", "127.0.0.1:8000.evil.example"] {
                let told = world.send(Ask::get(path).header("host", host)).await;
                assert_eq!(told.verdict(), "421 HOST_NOT_ALLOWED", "{name} {path} {host}");
            }
            assert_eq!(
                world.send(Ask::get(path).without("host")).await.verdict(),
                "421 HOST_NOT_ALLOWED",
                "{name} {path}"
            );
        }
        for host in [HOST, "localhost:8000", "[::1]:8000"] {
            assert_eq!(world.send(Ask::get("/api/queue").header("host", host)).await.status, 200, "{name} {host}");
        }
        // The host comes before everything, a wrong token and a foreign origin included.
        let wrong = Ask::post("/api/queue/claim", json!({})).header("host", "evil.example").token("wrong");
        assert_eq!(world.send(wrong.header("origin", "http://evil.example")).await.verdict(), "421 HOST_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing_even_with_a_token() {
    for (name, world) in worlds() {
        let cancel = || Ask::post("/api/queue/nope/cancel", json!({}));
        for (ask, want) in [
            (cancel().header("origin", "http://evil.example"), "403 ORIGIN_NOT_ALLOWED"),
            (cancel().header("origin", "null"), "403 ORIGIN_NOT_ALLOWED"),
            (cancel().header("origin", "http://127.0.0.1:8001"), "403 ORIGIN_NOT_ALLOWED"),
            (cancel().header("sec-fetch-site", "cross-site"), "403 ORIGIN_NOT_ALLOWED"),
            (cancel().token("wrong").header("origin", "http://evil.example"), "403 ORIGIN_NOT_ALLOWED"),
            (cancel().header("origin", "http://localhost:8000"), "404 QUEUE_ITEM_NOT_FOUND"),
            (cancel().header("sec-fetch-site", "same-origin"), "404 QUEUE_ITEM_NOT_FOUND"),
            (cancel(), "404 QUEUE_ITEM_NOT_FOUND"),
            (Ask::get("/api/queue").header("origin", "http://evil.example"), "200"),
            (Ask::get("/api/queue").header("sec-fetch-site", "cross-site"), "200"),
        ] {
            let shown = format!("{name} {ask:?}");
            let told = world.send(ask).await;
            assert_eq!(told.verdict(), want, "{shown}");
            assert!(!told.headers.contains_key("access-control-allow-origin"), "{shown}");
        }
    }
}

#[tokio::test]
async fn an_entry_of_the_allow_list_opens_its_host_and_origin() {
    let mut options = options();
    options.hosts.allow("https://pilot.example.org").unwrap();
    let world = World::with(MutationGate::Open, Auth::tokens(tokens()), options);
    let ask = Ask::post("/api/queue/nope/cancel", json!({}));
    let ask = ask.header("host", "pilot.example.org").header("origin", "https://pilot.example.org");
    assert_eq!(world.send(ask).await.verdict(), "404 QUEUE_ITEM_NOT_FOUND");
}

#[tokio::test]
async fn a_form_cannot_speak_for_anybody() {
    for (name, world) in worlds() {
        let cancel = || Ask::post("/api/queue/nope/cancel", json!({}));
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
            let told = world.send(cancel().raw(kind, "{}")).await;
            assert_eq!(told.verdict(), "415 UNSUPPORTED_MEDIA_TYPE", "{name} {kind}");
        }
        let told = world.send(cancel().header("content-encoding", "gzip")).await;
        assert_eq!(told.verdict(), "415 UNSUPPORTED_MEDIA_TYPE", "{name}");
        let told = world.send(cancel().raw("application/json; charset=utf-8", "{}")).await;
        assert_eq!(told.verdict(), "404 QUEUE_ITEM_NOT_FOUND", "{name}");
    }
    // Without a token the type of the body is nobody's business.
    let told = World::new().send(Ask::post("/api/queue/nope/cancel", json!({})).nobody().raw("text/plain", "x")).await;
    assert_eq!(told.verdict(), "401 AUTH_MISSING_BEARER");
}

#[tokio::test]
async fn requests_keep_their_names_and_get_some_where_they_have_none() {
    let world = World::new();
    let told = world.send(Ask::get("/health")).await;
    assert_eq!((told.header("x-request-id").len(), told.header("x-trace-id").len()), (32, 32));
    assert!(!told.headers.contains_key("traceparent"));

    let named = Ask::get("/api/runs/nope").header("x-request-id", "rid-1").header("x-trace-id", "tid-1");
    let told = world.send(named).await;
    assert_eq!((told.header("x-request-id"), told.header("x-trace-id")), ("rid-1", "tid-1"));
    assert_eq!(
        (&told.json()["detail"]["request_id"], &told.json()["detail"]["trace_id"]),
        (&json!("rid-1"), &json!("tid-1"))
    );

    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let told = world.send(Ask::get("/api/runs/nope").header("traceparent", parent)).await;
    assert_eq!(told.verdict(), "404 RUN_NOT_FOUND");
    assert_eq!(told.header("x-trace-id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(told.header("traceparent"), parent);
    assert_eq!(told.json()["detail"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");

    let unsound = Ask::get("/api/runs").header("x-request-id", "two words").header("x-trace-id", &"x".repeat(129));
    let told = world.send(unsound).await;
    assert_eq!((told.header("x-request-id").len(), told.header("x-trace-id").len()), (32, 32));
}

#[tokio::test]
async fn every_answer_carries_the_same_guards() {
    let world = World::new();
    for ask in [
        Ask::get("/api/queue"),
        Ask::get("/api/nothing"),
        Ask::get("/api/queue").nobody(),
        Ask::get("/api/queue").header("host", "evil.example"),
        Ask::get("/api/runs/run_panics"),
        Ask::get("/health"),
    ] {
        let shown = format!("{ask:?}");
        let told = world.send(ask).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-cortexpilot-lane", "stable"),
        ] {
            assert_eq!(told.header(name), value, "{shown}");
        }
        assert!(told.header("content-security-policy").starts_with("default-src 'none'"), "{shown}");
        assert!(told.headers.contains_key("x-request-id"), "{shown}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_as_existing_clients_know_it() {
    let world = World::new();
    for path in ["/api/nothing", "/api/runs/", "/api/queue//cancel", "/openapi.json", "/api/god-mode"] {
        let told = world.send(Ask::get(path)).await;
        assert_eq!((told.status.as_u16(), told.json()), (404, json!({"detail": "Not Found"})), "{path}");
    }
    for (method, path, allow) in [
        ("OPTIONS", "/api/queue", "GET"),
        ("POST", "/api/queue", "GET"),
        ("DELETE", "/api/queue/abc", "GET"),
        ("GET", "/api/queue/claim", "POST"),
        ("GET", "/api/queue/from-run/run_ok", "POST"),
        ("PUT", "/api/queue/abc/cancel", "POST"),
        ("PATCH", "/health", "GET"),
        ("BREW", "/api/runs", "GET"),
    ] {
        let told = world.send(Ask::new(method, path)).await;
        assert_eq!((told.status.as_u16(), told.header("allow")), (405, allow), "{method} {path}");
        assert_eq!(told.json(), json!({"detail": "Method Not Allowed"}), "{method} {path}");
    }
    for (method, target) in [("OPTIONS", "*"), ("CONNECT", HOST), ("GET", "*")] {
        assert_eq!(world.send(Ask::new(method, target)).await.status, 404, "{method} {target}");
    }
    // Only OPTIONS asks for the methods without a token.
    assert_eq!(world.send(Ask::new("OPTIONS", "/api/queue").nobody()).await.status, 405);
    assert_eq!(world.send(Ask::new("DELETE", "/api/queue").nobody()).await.verdict(), "401 AUTH_MISSING_BEARER");
    assert_eq!(world.send(Ask::new("OPTIONS", "/api/nothing").nobody()).await.status, 404);
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let world = World::new();
    let (get, head) = (world.send(Ask::get("/api/runs")).await, world.send(Ask::new("HEAD", "/api/runs")).await);
    assert_eq!((head.status, head.body.len()), (get.status, 0));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(world.send(Ask::new("HEAD", "/api/queue/claim")).await.header("allow"), "POST");
}

#[tokio::test]
async fn a_path_segment_is_decoded_once_and_names_nothing_when_it_is_no_text() {
    let world = World::new();
    for (ask, want) in [
        (Ask::get("/api/runs/run%5Fok"), "200"),
        (Ask::get("/api/runs/%20run_ok%20"), "200"),
        (Ask::get("/api/runs/run%255Fok"), "400 RUN_ID_INVALID"),
        (Ask::get("/api/runs/..%2F..%2Fetc"), "400 RUN_ID_INVALID"),
        (Ask::get("/api/runs/%2e%2e"), "400 RUN_ID_INVALID"),
        (Ask::get("/api/runs/run_ok%00"), "400 RUN_ID_INVALID"),
        (Ask::get("/api/runs/%E2%80%AE/events"), "400 RUN_ID_INVALID"),
        (Ask::get("/api/runs/%ff"), "404"),
        (Ask::get("/api/runs/%f"), "400 RUN_ID_INVALID"),
        (Ask::get("/api/workflows/wf%2F%CE%B1%201"), "200"),
        (Ask::get("/api/workflows/%ff"), "404"),
        (Ask::get("/api/queue/%ff"), "404"),
        (Ask::get("/api/queue/%20"), "404 QUEUE_ITEM_NOT_FOUND"),
        (Ask::post("/api/queue/%20/cancel", json!({})), "409 QUEUE_ITEM_NOT_CANCELLABLE"),
        (Ask::post("/api/queue/from-run/..%2fx", json!({"confirm": true})), "403 ROLE_REQUIRED"),
    ] {
        let ask = if want == "403 ROLE_REQUIRED" { ask.no_role() } else { ask };
        let shown = format!("{ask:?}");
        assert_eq!(world.send(ask).await.verdict(), want, "{shown}");
    }
    // Also with a token nobody knows: whether a segment is text is told only to who may ask.
    assert_eq!(world.send(Ask::get("/api/runs/%ff").token("wrong")).await.verdict(), "401 AUTH_INVALID_TOKEN");
}
