//! What stands around every operation: pages of other origins, proof where a cookie signs in, compression, limits, guards.

use std::io::Read as _;
use std::process::{Command, Stdio};

use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::RequestLimits;
use serde_json::json;

use super::harness::{AGENT, Ask, OPERATOR, SetUp, World, options, preview};

const PAGE: &str = "https://pages.example.org";

fn with_pages() -> World {
    let mut options = options();
    options.hosts.allow_pages_of(PAGE).expect("an origin");
    World::of(SetUp { options, ..SetUp::default() })
}

fn by_cookie(ask: Ask) -> Ask {
    ask.nobody().header("cookie", &format!("theme=dark; cortexpilot_api_token={OPERATOR}"))
}

fn preflight(path: &str, origin: &str) -> Ask {
    Ask::new("OPTIONS", path)
        .nobody()
        .no_role()
        .header("origin", origin)
        .header("sec-fetch-site", "cross-site")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type")
}

#[tokio::test]
async fn without_configured_origins_no_answer_speaks_of_pages_elsewhere() {
    let world = World::new();
    for ask in [
        Ask::get("/api/queue").header("origin", PAGE),
        preflight("/api/queue", PAGE),
        preflight("/api/queue/x/cancel", "http://127.0.0.1:8000"),
        Ask::get("/health").header("origin", "null"),
    ] {
        let told = world.send(ask).await;
        assert!(told.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{told:?}");
        assert_ne!(told.status, 204);
    }
}

#[tokio::test]
async fn an_origin_that_is_not_listed_is_answered_as_if_there_were_no_list() {
    let world = with_pages();
    for origin in
        ["http://pages.example.org", "https://pages.example.org.evil.example", "null", "*", "https://evil.example"]
    {
        let told = world.send(preflight("/api/queue/x/cancel", origin)).await;
        assert_eq!(told.status, 405, "{origin}: {told:?}");
        assert!(told.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{origin}");
        assert_eq!(told.header("vary"), "origin", "caches must know that another origin is answered otherwise");
        let read = world.send(Ask::get("/api/queue").header("origin", origin)).await;
        assert!(!read.headers.contains_key("access-control-allow-origin"), "{origin}");
        let change = Ask::post("/api/queue/x/cancel", json!({})).header("origin", origin);
        assert_eq!(world.send(change).await.verdict(), "403 ORIGIN_NOT_ALLOWED", "{origin}");
    }
    let twice = preflight("/api/queue", PAGE).and("origin", PAGE.as_bytes());
    assert_eq!(world.send(twice).await.status, 405);
}

#[tokio::test]
async fn a_listed_page_is_told_what_it_may_send_and_may_then_send_it() {
    let world = with_pages();
    for path in ["/api/queue/x/cancel", "/api/nothing/here", "/mcp/readonly"] {
        let told = world.send(preflight(path, PAGE)).await;
        assert_eq!((told.status.as_u16(), told.body.len()), (204, 0), "{path}");
        assert_eq!(told.header("access-control-allow-origin"), PAGE);
        assert_eq!(told.header("access-control-allow-credentials"), "true");
        assert_eq!(told.header("access-control-allow-methods"), "GET, HEAD, POST, DELETE");
        let headers = told.header("access-control-allow-headers");
        for name in ["authorization", "content-type", "x-cortexpilot-role", "x-cortexpilot-csrf", "last-event-id"] {
            assert!(headers.split(", ").any(|known| known == name), "{name}: {headers}");
        }
        assert!(!headers.contains('*'));
        assert_eq!(told.header("x-content-type-options"), "nosniff");
    }
    let page = |ask: Ask| ask.header("origin", PAGE).header("sec-fetch-site", "cross-site");
    for (ask, want) in [
        (page(Ask::get("/api/queue")), "200"),
        (page(Ask::post("/api/queue/x/cancel", json!({}))), "404 QUEUE_ITEM_NOT_FOUND"),
        (by_cookie(page(Ask::post("/api/queue/x/cancel", json!({})))), "404 QUEUE_ITEM_NOT_FOUND"),
        (page(Ask::post("/api/queue/x/cancel", json!({})).nobody()), "401 AUTH_MISSING_BEARER"),
    ] {
        let told = world.send(ask).await;
        assert_eq!(told.verdict(), want);
        assert_eq!(told.header("access-control-allow-origin"), PAGE, "a script may read refusals too");
        let exposed = told.header("access-control-expose-headers");
        // A file is read to its end by what these say.
        for name in ["x-request-id", "retry-after", "x-cortexpilot-size-bytes", "x-cortexpilot-next-offset"] {
            assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}: {exposed}");
        }
    }
    // A plain question for the methods is no preflight, and its host is no name of ours.
    let plain = preflight("/api/queue", PAGE).without("access-control-request-method");
    assert_eq!(world.send(plain).await.status, 405);
    let misdirected = preflight("/api/queue", PAGE).header("host", "pages.example.org");
    assert_eq!(world.send(misdirected).await.verdict(), "421 HOST_NOT_ALLOWED");
}

#[tokio::test]
async fn a_change_by_cookie_needs_proof_of_where_it_comes_from() {
    let world = World::new();
    let refused = "403 ORIGIN_NOT_ALLOWED";
    let cancel = || by_cookie(Ask::post("/api/queue/nope/cancel", json!({})));
    for (ask, want) in [
        (cancel(), refused),
        (cancel().header("sec-fetch-site", "same-site"), refused),
        (cancel().header("sec-fetch-site", "none"), refused),
        (cancel().header("sec-fetch-site", "cross-site").header("x-cortexpilot-csrf", "1"), refused),
        (cancel().header("origin", "http://127.0.0.1:3000"), refused),
        (cancel().header("x-cortexpilot-csrf", ""), refused),
        (cancel().header("x-cortexpilot-csrf", "1"), "404 QUEUE_ITEM_NOT_FOUND"),
        (cancel().header("sec-fetch-site", "same-origin"), "404 QUEUE_ITEM_NOT_FOUND"),
        (cancel().header("origin", "http://127.0.0.1:8000"), "404 QUEUE_ITEM_NOT_FOUND"),
        // A bearer token is its own proof, whatever cookies come along.
        (cancel().token(OPERATOR), "404 QUEUE_ITEM_NOT_FOUND"),
        (cancel().token("wrong"), "401 AUTH_INVALID_TOKEN"),
        (by_cookie(Ask::get("/api/queue")), "200"),
    ] {
        let shown = format!("{ask:?}");
        assert_eq!(world.send(ask).await.verdict(), want, "{shown}");
    }
    // Not for changes of the queue alone: for whatever is no plain read.
    let lines = world.lines();
    for path in ["/api/queue/from-run/run_ok/preview", "/api/gate/freeze", "/api/queue/claim", "/mcp/readonly"] {
        let told = world.send(by_cookie(Ask::post(path, json!({})))).await;
        assert_eq!(told.verdict(), refused, "{path}");
        assert!(told.reason().contains("x-cortexpilot-csrf"), "it says what to do");
    }
    assert_eq!(world.lines(), lines, "nothing was changed, nothing was recorded");
}

/// With the system's own unpacker: what a client makes of it.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut file = tempfile::tempfile().expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("room");
    std::io::Seek::rewind(&mut file).expect("a file");
    let mut child =
        Command::new("gzip").arg("-dc").stdin(file).stdout(Stdio::piped()).spawn().expect("gzip is installed");
    let mut plain = Vec::new();
    child.stdout.take().expect("it is piped").read_to_end(&mut plain).expect("all of it");
    assert!(child.wait().expect("a child").success());
    plain
}

#[tokio::test]
async fn long_plain_reads_are_compressed_for_whoever_takes_that_and_nothing_else_is() {
    let world = World::new();
    *world.runs.bulk.lock().unwrap() = 100_000;
    let takes = |ask: Ask| ask.header("accept-encoding", "br, gzip;q=0.9");
    let plain = world.send(Ask::get("/api/runs/run_ok")).await;
    assert!(plain.body.len() > 100_000 && plain.header("content-encoding").is_empty());
    let packed = world.send(takes(Ask::get("/api/runs/run_ok"))).await;
    assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding"));
    assert!(packed.body.len() < 10_000 && !packed.headers.contains_key("content-length"));
    assert_eq!(unpacked(&packed.body), plain.body);
    assert_eq!(packed.header("cache-control"), "no-store");

    let site = |ask: Ask, site| by_cookie(takes(ask)).header("sec-fetch-site", site);
    let of_ours = world.send(site(Ask::get("/api/runs/run_ok"), "same-origin")).await;
    assert_eq!(of_ours.header("content-encoding"), "gzip");
    for (why, ask) in [
        ("it was not asked for", Ask::get("/api/runs/run_ok").header("accept-encoding", "br")),
        ("it was refused", Ask::get("/api/runs/run_ok").header("accept-encoding", "gzip;q=0, identity")),
        ("it is short", takes(Ask::get("/api/queue"))),
        ("it is no JSON", takes(Ask::get("/metrics"))),
        ("it is no success", takes(Ask::get("/api/runs/nope"))),
        ("only its head is asked for", takes(Ask::new("HEAD", "/api/runs/run_ok"))),
        ("a cookie signs in, and nothing shows whose page asks", by_cookie(takes(Ask::get("/api/runs/run_ok")))),
        ("a page elsewhere asks", site(Ask::get("/api/runs/run_ok"), "cross-site")),
        ("a neighbour asks", site(Ask::get("/api/runs/run_ok"), "same-site")),
        ("it holds a token of ours", takes(preview("run_ok"))),
    ] {
        let told = world.send(ask).await;
        assert_eq!(told.header("content-encoding"), "", "{why}");
    }
}

#[tokio::test]
async fn compressed_bodies_are_refused_and_never_unpacked() {
    let world = World::new();
    for coding in ["gzip", "deflate", "br", "zstd", "identity, gzip", "GZIP"] {
        let ask = Ask::post("/api/queue/nope/cancel", json!({})).header("content-encoding", coding);
        assert_eq!(world.send(ask).await.verdict(), "415 UNSUPPORTED_MEDIA_TYPE", "{coding}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_too_often_waits_and_can_still_take_back_and_stop() {
    let mut options = options();
    options.requests = RequestLimits { per_second: 2, ..RequestLimits::default() };
    let world = World::of(SetUp { options, ..SetUp::default() });
    for _ in 0..10 {
        assert_eq!(world.send(Ask::get("/api/queue")).await.status, 200);
    }
    let told = world.send(Ask::get("/api/queue")).await;
    assert_eq!((told.verdict().as_str(), told.header("retry-after")), ("429 RATE_LIMITED", "1"));
    let detail = told.json()["detail"].clone();
    assert_eq!((&detail["retry"], &detail["retry_after_s"]), (&json!("after_wait"), &json!(1)));
    assert_eq!(world.send(preview("run_ok")).await.verdict(), "429 RATE_LIMITED", "whatever it asks");
    for (ask, want) in [
        (Ask::post("/api/queue/nope/cancel", json!({})), "404 QUEUE_ITEM_NOT_FOUND"),
        (Ask::get("/health"), "200"),
        (Ask::get("/readyz"), "200"),
        (Ask::get("/api/queue").token(AGENT).no_role(), "200"),
        (Ask::get("/api/queue").nobody(), "401 AUTH_MISSING_BEARER"),
        (Ask::post("/api/gate/freeze", json!({"reason": "a loop"})), "200"),
    ] {
        let shown = format!("{ask:?}");
        assert_eq!(world.send(ask).await.verdict(), want, "{shown}");
    }
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(world.send(Ask::get("/api/queue")).await.status, 200);
}

#[tokio::test]
async fn every_answer_forbids_a_browser_what_it_need_not_do() {
    for world in [World::new(), World::with(MutationGate::Open, Auth::Off, options()), with_pages()] {
        for ask in [
            Ask::get("/health"),
            Ask::get("/api/queue"),
            Ask::get("/api/nothing"),
            Ask::get("/api/queue").nobody(),
            Ask::get("/api/queue").header("host", "evil.example"),
            Ask::new("DELETE", "/api/queue"),
            Ask::get("/nothing.txt"),
            Ask::post("/api/queue/claim", json!({"unknown": 1})),
            preflight("/api/queue", PAGE),
        ] {
            let told = world.send(ask).await;
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("cache-control", "no-store"),
            ] {
                assert_eq!(told.header(name), value, "{name}: {told:?}");
            }
            assert!(told.header("content-security-policy").contains("frame-ancestors 'none'"), "{told:?}");
            assert!(
                !told.headers.contains_key("strict-transport-security"),
                "that is for the proxy that ends TLS to say"
            );
        }
    }
}
