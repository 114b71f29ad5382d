//! A read over a connection does not pass the router; its answer is the router's all the same.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::{HttpOptions, Verb, operations, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tower::ServiceExt as _;

use super::harness::{AGENT, HOST, OPERATOR, WORKER, World, tokens};

/// What an answer is, as far as it is not made anew for each.
#[derive(Debug, PartialEq)]
struct Told {
    status: StatusCode,
    headers: Vec<(String, String)>,
    body: String,
}

impl Told {
    fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        // The connection's own; and a length is the transport's to say.
        let passing = ["date", "content-length", "transfer-encoding", "connection"];
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
        let mut headers: Vec<_> = headers.filter(|(name, _)| !passing.contains(&name.as_str())).collect();
        headers.sort_unstable();
        Self { status, headers, body: String::from_utf8_lossy(body).into_owned() }
    }
}

/// One request with names of its own, so that both answers are the same to the last byte.
fn head(host: &str, token: Option<&str>) -> Vec<(&'static str, String)> {
    let mut head = vec![
        ("host", host.to_owned()),
        ("x-request-id", "rid-1".to_owned()),
        ("x-trace-id", "tid-1".to_owned()),
        ("origin", format!("http://{host}")),
    ];
    head.extend(token.map(|token| ("authorization", format!("Bearer {token}"))));
    head
}

async fn over_a_connection(path: &str, host: &str, token: Option<&str>) -> Told {
    let mut stream = TcpStream::connect(host).await.expect("somebody listens");
    let lines: String = head(host, token).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("GET {path} HTTP/1.1\r\n{lines}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("read to the end");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let text = std::str::from_utf8(&answer[..end]).expect("text");
    let (status, lines) = text.split_once("\r\n").expect("a status line");
    let mut headers = HeaderMap::new();
    for line in lines.lines() {
        let (name, value) = line.split_once(": ").expect("a header");
        headers.append(name.parse::<HeaderName>().expect("a name"), value.parse().expect("a value"));
    }
    assert!(!headers.contains_key("transfer-encoding"), "{path} is no stream");
    let status = status.split(' ').nth(1).expect("a status").parse().expect("a status");
    Told::of(status, &headers, &answer[end + 4..])
}

async fn from_the_router(world: &World, path: &str, host: &str, token: Option<&str>) -> Told {
    let mut request = Request::get(path);
    for (name, value) in head(host, token) {
        request = request.header(name, value);
    }
    let answer = world.router.clone().oneshot(request.body(Body::empty()).expect("a request")).await;
    let (parts, body) = answer.expect("the router answers everything").into_parts();
    Told::of(parts.status, &parts.headers, &to_bytes(body, usize::MAX).await.expect("a body in memory"))
}

#[tokio::test]
async fn whoever_reads_gets_over_a_connection_what_the_router_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let host = address.to_string();
    let mut options = HttpOptions::new(address, "test");
    options.hosts.allow(HOST).unwrap();
    let world = World::with(MutationGate::Open, Auth::tokens(tokens()), options);
    let queue_id = world.enqueue("run_ok").await;
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(serve(listener, world.plane.clone(), async move {
        let _ = stopped.await;
    }));
    let mut paths: Vec<String> = Vec::new();
    for operation in operations().iter().filter(|operation| operation.verb == Verb::Get) {
        // Streams end when somebody hangs up, and counts count the asking.
        if operation.path.ends_with("/stream") || operation.path == "/metrics" {
            continue;
        }
        let path = operation.path.replace("{queue_id}", &queue_id).replace("{run_id}", "run_ok");
        paths.extend([path.clone(), format!("{path}?limit=0"), format!("{path}?nonsense=1")]);
    }
    paths.extend(["/api/queue/none", "/api/queue/a%20b", "/api/queue//", "/api/nothing"].map(str::to_owned));
    for path in &paths {
        // What is wrong with a query is told to whoever is signed in.
        let some = if path.contains('?') { 1 } else { 5 };
        for token in [Some(OPERATOR), Some(AGENT), Some(WORKER), Some("nobody's"), None].into_iter().take(some) {
            let told = over_a_connection(path, &host, token).await;
            assert_eq!(told, from_the_router(&world, path, &host, token).await, "{path}");
        }
    }
    for foreign in ["evil.example", "127.0.0.1"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /api/queue/{queue_id} HTTP/1.1\r\nhost: {foreign}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("HOST_NOT_ALLOWED") && answer.contains("nosniff"), "{answer}");
    }
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
}
