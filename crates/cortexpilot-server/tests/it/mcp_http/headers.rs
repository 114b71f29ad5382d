//! Hosts, origins, methods, and the headers that steer the protocol.

use serde_json::{Value, json};

use super::harness::{Endpoint, HOST, Post, STATELESS, VERSIONS};
use crate::mcp_transport::harness::call;

fn say(version: &str) -> Post {
    Post::call(1, "say", &json!({ "text": "x" }), version)
}

#[tokio::test]
async fn a_page_of_another_site_reaches_nothing_by_any_method() {
    let endpoint = Endpoint::new();
    for method in ["POST", "GET", "DELETE", "OPTIONS", "HEAD", "PUT", "PATCH"] {
        for version in VERSIONS {
            let ask = || say(version).method(method);
            // The site's own name, made to resolve to this machine.
            for host in ["evil.example", "evil.example:8000", "127.0.0.1:8000.evil.example", "localhost:80"] {
                let answer = endpoint.send(ask().header("host", host)).await;
                assert_eq!(answer.status, 421, "{method} to {host}: {answer:?}");
            }
            for origin in
                ["https://evil.example", "null", "http://127.0.0.1:8001", "http://localhost:8000.evil.example"]
            {
                let answer = endpoint.send(ask().and("origin", origin)).await;
                assert_eq!(answer.status, 403, "{method} from {origin}: {answer:?}");
            }
            let answer = endpoint.send(ask().and("sec-fetch-site", "cross-site")).await;
            assert_eq!(answer.status, 403, "{method}: {answer:?}");
        }
        let verdict =
            endpoint.send(say(STATELESS).method(method).and("origin", "https://evil.example")).await.verdict();
        assert!(verdict == "403 ORIGIN_NOT_ALLOWED" || method == "HEAD", "{method}: {verdict}");
    }
    assert_eq!(endpoint.send(say(STATELESS).header("host", "evil.example")).await.verdict(), "421 HOST_NOT_ALLOWED");
    assert_eq!(endpoint.seen.entered(), 0);
    for origin in [format!("http://{HOST}"), "http://localhost:8000".into(), "HTTP://LOCALHOST:8000".into()] {
        assert_eq!(endpoint.send(say(STATELESS).and("origin", &origin)).await.status, 200, "{origin}");
    }
}

#[tokio::test]
async fn without_sessions_only_post_is_taken() {
    let endpoint = Endpoint::new();
    for method in ["GET", "DELETE", "OPTIONS", "HEAD", "PUT", "PATCH"] {
        for version in VERSIONS {
            let answer = endpoint.send(say(version).method(method).and("mcp-session-id", "x")).await;
            assert_eq!((answer.status.as_u16(), &answer.headers["allow"]), (405, &"POST".parse().unwrap()), "{method}");
        }
    }
    for version in VERSIONS {
        let answer = endpoint.send(say(version)).await;
        assert_eq!(answer.told()["zulu"], "x", "{version}");
        assert!(!answer.headers.contains_key("mcp-session-id"), "{version}");
        if version != STATELESS {
            let answer = endpoint.send(Post::initialize(version)).await;
            assert_eq!(answer.json()["result"]["protocolVersion"], version);
            assert!(!answer.headers.contains_key("mcp-session-id"), "{version}");
        }
    }
}

#[tokio::test]
async fn a_header_that_steers_the_protocol_comes_once_or_the_message_counts_for_nothing() {
    let endpoint = Endpoint::new();
    for version in VERSIONS {
        for (name, value) in [
            ("mcp-protocol-version", version),
            ("mcp-protocol-version", "2025-03-26"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "say"),
            ("mcp-session-id", "one"),
            ("last-event-id", "1"),
            ("mcp-param-run", "x"),
        ] {
            let post = say(version).and(name, value);
            let post = if ["mcp-session-id", "last-event-id", "mcp-param-run"].contains(&name) || version != STATELESS {
                post.and(name, value)
            } else {
                post
            };
            let answer = endpoint.send(post).await;
            assert_eq!(
                (answer.verdict().as_str(), &answer.json()["id"]),
                ("400 -32020", &json!(1)),
                "{name} {version}"
            );
        }
    }
    assert_eq!(endpoint.seen.entered(), 0);
}

#[tokio::test]
async fn from_2026_07_28_on_the_headers_say_what_the_message_says() {
    let endpoint = Endpoint::new();
    let good = || say(STATELESS);
    assert_eq!(endpoint.send(good()).await.status, 200);
    for (what, post) in [
        ("no method", good().without("mcp-method")),
        ("another method", good().header("mcp-method", "tools/list")),
        ("no name", good().without("mcp-name")),
        ("another name", good().header("mcp-name", "boom")),
        ("no version", good().without("mcp-protocol-version")),
        ("another version", good().header("mcp-protocol-version", "2025-11-25")),
    ] {
        let answer = endpoint.send(post).await;
        assert_eq!((answer.verdict().as_str(), &answer.json()["id"]), ("400 -32020", &json!(1)), "{what}: {answer:?}");
    }
    // The version stands in the header alone: then what else a message of this version must say is missing.
    let bare = Post::raw(call(1, "say", &json!({ "text": "x" })).to_string());
    let bare = bare.and("mcp-protocol-version", STATELESS).and("mcp-method", "tools/call").and("mcp-name", "say");
    assert_eq!(endpoint.send(bare).await.verdict(), "400 -32602");
    // A version that nobody has, stated the new way and the old one.
    let unknown = Post::message(
        &crate::mcp_transport::harness::stateless(call(1, "say", &json!({})), "2099-01-01"),
        "2099-01-01",
    );
    let unknown = unknown.and("mcp-method", "tools/call").and("mcp-name", "say");
    assert_eq!(endpoint.send(unknown).await.verdict(), "400 -32022");
    let answer =
        endpoint.send(Post::raw(call(1, "say", &json!({})).to_string()).and("mcp-protocol-version", "1.0")).await;
    assert_eq!((answer.verdict().as_str(), &answer.json()["id"]), ("400 -32600", &json!(1)), "{answer:?}");
    assert_eq!(endpoint.seen.entered(), 1);
}

#[tokio::test]
async fn what_is_not_declared_as_plain_json_is_not_read_and_a_client_takes_both_kinds_of_answer() {
    let endpoint = Endpoint::new();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        let answer = endpoint.send(say(STATELESS).header("content-type", kind)).await;
        assert_eq!(answer.verdict(), "415 -32600", "{kind}");
    }
    assert_eq!(endpoint.send(say(STATELESS).without("content-type")).await.verdict(), "415 -32600");
    assert_eq!(endpoint.send(say(STATELESS).and("content-encoding", "gzip")).await.verdict(), "415 -32600");
    for accept in ["application/json", "text/event-stream", "text/html"] {
        let answer = endpoint.send(say(STATELESS).header("accept", accept)).await;
        assert_eq!((answer.verdict().as_str(), &answer.json()["id"]), ("406 -32600", &json!(1)), "{accept}");
    }
    assert_eq!(endpoint.seen.entered(), 0);
}

#[tokio::test]
async fn every_answer_carries_the_headers_and_names_of_the_control_plane() {
    let endpoint = Endpoint::new();
    let ask = |post: Post| post.and("x-request-id", "rid-1").and("x-trace-id", "tid-1");
    for post in [say(STATELESS), Post::raw("{"), say(STATELESS).method("GET"), say(STATELESS).to("/mcp/nothing")] {
        let answer = endpoint.send(ask(post)).await;
        for (name, value) in [
            ("x-request-id", "rid-1"),
            ("x-trace-id", "tid-1"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(answer.headers[name], value, "{name}: {answer:?}");
        }
    }
    let nowhere = endpoint.send(say(STATELESS).to("/mcp/nothing")).await;
    assert_eq!((nowhere.status.as_u16(), nowhere.json()), (404, json!({ "detail": "Not Found" })));
    for path in ["/mcp/", "/", "/api/runs"] {
        assert_eq!(endpoint.send(say(STATELESS).to(path)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_answer_and_the_next_call_is_served() {
    let endpoint = Endpoint::new();
    for version in VERSIONS {
        for tool in ["boom", "boom_late"] {
            let answer = endpoint.send(Post::call(1, tool, &json!({}), version)).await;
            assert_eq!(answer.told()["code"], "INTERNAL", "{version} {tool}");
            assert_eq!(answer.json()["result"]["isError"], Value::Bool(true));
        }
    }
}
