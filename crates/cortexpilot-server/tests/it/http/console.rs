//! The console as the server gives it out: which path gets which file, under which headers, and that it is nobody's secret.

use std::collections::BTreeMap;
use std::path::Path;

use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::serve;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::harness::{AGENT, Ask, HOST, Told, World, options};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What is checked in, by path.
fn dist() -> BTreeMap<String, Vec<u8>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packages/console/dist");
    let mut files = BTreeMap::new();
    for dir in ["", "assets/"] {
        for entry in std::fs::read_dir(top.join(dir)).expect("the console is built and checked in") {
            let entry = entry.expect("its files can be listed");
            if entry.file_type().expect("a file has a type").is_file() {
                let path = format!("{dir}{}", entry.file_name().to_str().expect("names are ASCII"));
                files.insert(path, std::fs::read(entry.path()).expect("its files can be read"));
            }
        }
    }
    // What it was made from is for those who build it.
    files.remove("made-from.txt");
    assert!(files.len() > 10 && files.contains_key("index.html"));
    files
}

fn guarded(told: &Told, shown: &str) {
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(told.header(name), value, "{shown}");
        assert_eq!(told.headers.get_all(name).iter().count(), 1, "{shown}: {name}");
    }
    assert!(!told.headers.contains_key("set-cookie"), "{shown}");
}

#[tokio::test]
async fn every_file_that_is_checked_in_is_served_byte_for_byte_to_anybody_under_the_policy() {
    let files = dist();
    for world in [World::new(), World::with(MutationGate::Shut, Auth::Off, options())] {
        for (path, bytes) in &files {
            for ask in [Ask::get(&format!("/{path}")).nobody(), Ask::get(&format!("/{path}")).token(AGENT)] {
                let told = world.send(ask).await;
                assert_eq!((told.status.as_u16(), &told.body[..] == bytes.as_slice()), (200, true), "{path}");
                guarded(&told, path);
                let kind = match path.rsplit_once('.').unwrap().1 {
                    "html" => "text/html; charset=utf-8",
                    "js" => "text/javascript; charset=utf-8",
                    "css" => "text/css; charset=utf-8",
                    "svg" => "image/svg+xml",
                    "md" => "text/plain; charset=utf-8",
                    other => panic!("{other} has no type here"),
                };
                assert_eq!(told.header("content-type"), kind, "{path}");
                let kept = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
                assert_eq!(told.header("cache-control"), kept, "{path}");
            }
        }
        assert_eq!(world.lines(), (0, 0), "looking leaves no line");
    }
}

#[tokio::test]
async fn every_page_has_an_address_and_what_is_no_page_is_told_so() {
    let (world, files) = (World::new(), dist());
    for page in [
        "/",
        "/queue",
        "/queue?tab=all",
        "/queue/0123456789abcdef0123456789abcdef",
        "/runs/run_ok/queue",
        "/cases/wf-1.2",
        "/approvals",
        "/settings",
        "/no/such/page",
        "/queue/..%2F..%2Fetc",
    ] {
        let told = world.send(Ask::get(page).nobody()).await;
        assert_eq!((told.status.as_u16(), &told.body[..] == files["index.html"].as_slice()), (200, true), "{page}");
        assert_eq!(
            (told.header("content-type"), told.header("cache-control")),
            ("text/html; charset=utf-8", "no-cache")
        );
        guarded(&told, page);
    }
    // No file of that name, and no way out of the directory.
    for nothing in [
        "/favicon.ico",
        "/assets/none.js",
        "/assets/",
        "/assets/../../Cargo.toml",
        "/.env",
        "/made-from.txt",
        "/theme.js/x",
    ] {
        let told = world.send(Ask::get(nothing).nobody()).await;
        assert_eq!((told.status.as_u16(), told.json()), (404, json!({"detail": "Not Found"})), "{nothing}");
        assert_eq!(told.header("cache-control"), "no-store", "{nothing}");
    }
    // A client that misspells a route of the interfaces is never given a page.
    for route in ["/api", "/mcp", "/mcp/readonly", "/mcp/nothing", "/health/x", "/readyz/", "/metrics/x"] {
        let told = world.send(Ask::get(route).nobody()).await;
        assert_eq!((told.status.as_u16(), told.json()), (404, json!({"detail": "Not Found"})), "{route}");
    }
    assert_eq!(world.send(Ask::get("/api/nothing").nobody()).await.verdict(), "401 AUTH_MISSING_BEARER");
    assert_eq!(world.send(Ask::get("/api/nothing")).await.verdict(), "404");
    assert_eq!(world.send(Ask::get("/api/god-mode/pending")).await.verdict(), "404 NOT_PART_OF_CORTEXPILOT");
}

#[tokio::test]
async fn it_is_only_read_and_only_at_this_servers_own_names() {
    let world = World::new();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        for path in ["/", "/queue", "/theme.js"] {
            let told = world.send(Ask::new(method, path).nobody()).await;
            assert_eq!((told.status.as_u16(), told.header("allow")), (405, "GET"), "{method} {path}");
        }
        assert_eq!(world.send(Ask::new(method, "/nothing.txt").nobody()).await.status, 404, "{method}");
    }
    for path in ["/", "/queue", "/theme.js", "/nothing.txt"] {
        for host in ["evil.example", "127.0.0.1:9"] {
            let told = world.send(Ask::get(path).nobody().header("host", host)).await;
            assert_eq!(told.verdict(), "421 HOST_NOT_ALLOWED", "{path} {host}");
        }
        let elsewhere = Ask::new("POST", path).nobody().header("origin", "http://evil.example");
        assert_eq!(world.send(elsewhere).await.verdict(), "403 ORIGIN_NOT_ALLOWED", "{path}");
    }
}

#[tokio::test]
async fn whoever_has_a_file_does_not_get_it_again_and_whoever_takes_gzip_gets_less() {
    let (world, files) = (World::new(), dist());
    let mut saved = 0;
    for (path, bytes) in &files {
        let ask = |accepts: &str| Ask::get(&format!("/{path}")).nobody().header("accept-encoding", accepts);
        let (plain, zipped) = (world.send(ask("identity")).await, world.send(ask("gzip, deflate, br, zstd")).await);
        assert_eq!((plain.body.len(), plain.headers.contains_key("content-encoding")), (bytes.len(), false), "{path}");
        for told in [&plain, &zipped] {
            let tag = told.header("etag").to_owned();
            let encoding = if std::ptr::eq(told, &plain) { "identity" } else { "gzip" };
            let again = world.send(ask(encoding).header("if-none-match", &tag)).await;
            assert_eq!((again.status.as_u16(), again.body.len(), again.header("etag")), (304, 0, &*tag), "{path}");
            assert_eq!(again.header("cache-control"), told.header("cache-control"), "{path}");
            assert!(!again.headers.contains_key("content-encoding"), "{path}");
            guarded(&again, path);
        }
        if zipped.headers.contains_key("content-encoding") {
            assert_eq!(
                (zipped.header("content-encoding"), zipped.header("vary")),
                ("gzip", "accept-encoding"),
                "{path}"
            );
            assert_eq!((&zipped.body[..2], plain.header("vary")), (&[0x1f, 0x8b][..], "accept-encoding"), "{path}");
            // The last four bytes say how long it is when it is whole (RFC 1952 §2.3.1).
            let length: [u8; 4] = zipped.body[zipped.body.len() - 4..].try_into().unwrap();
            assert_eq!(u32::from_le_bytes(length) as usize, bytes.len(), "{path}");
            assert_ne!(zipped.header("etag"), plain.header("etag"), "{path}");
            saved += bytes.len() - zipped.body.len();
        } else {
            assert_eq!(zipped.body, plain.body, "{path}");
        }
    }
    assert!(saved > 100_000, "{saved} bytes saved");
}

#[tokio::test]
async fn over_a_connection_head_is_get_without_its_body() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut options = options();
    options.hosts.allow(&address.to_string()).unwrap();
    let world = World::with(MutationGate::Open, Auth::Off, options);
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(serve(listener, world.plane.clone(), async move {
        let _ = stopped.await;
    }));
    let mut heads = Vec::new();
    for method in ["GET", "HEAD"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "{method} /queue HTTP/1.1\r\nhost: {address}\r\nx-request-id: one\r\nx-trace-id: one\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.is_empty(), method == "HEAD", "{answer}");
        let lines = head.lines().filter(|line| !["date:", "traceparent:"].iter().any(|name| line.starts_with(name)));
        heads.push(lines.map(str::to_owned).collect::<Vec<_>>());
    }
    assert_eq!(heads[0], heads[1]);
    let length = format!("content-length: {}", dist()["index.html"].len());
    assert!(heads[1].contains(&length), "{heads:?}");
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_page_as_it_is_built_is_what_the_policy_lets_in() {
    let files = dist();
    let index = std::str::from_utf8(&files["index.html"]).unwrap();
    for bad in ["<style", " style=", "javascript:", "data:", "http://", "https://", "onload", "onclick"] {
        assert!(!index.contains(bad), "{bad}");
    }
    let mut linked = 0;
    for attribute in ["src=\"", "href=\""] {
        for link in index.split(attribute).skip(1) {
            let path = link.split('"').next().unwrap().strip_prefix('/').expect("a path of this origin");
            assert!(files.contains_key(path), "{path}");
            linked += 1;
        }
    }
    assert_eq!(
        index.matches("<script").count(),
        index.matches("<script ").count(),
        "no script stands in the page itself"
    );
    assert!(linked >= 4, "{index}");
    assert_eq!(World::new().send(Ask::get("/").nobody().header("host", HOST)).await.text(), index);
}
