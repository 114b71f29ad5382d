//! Real connections: how they end, and that nothing a client does or leaves undone holds the server.

use std::time::Duration;

use cortexpilot_core::domain::command::MutationGate;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::{HttpOptions, ServeLimits, serve_with};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::harness::{OPERATOR, World, apply, tokens};

struct Server {
    world: World,
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(limits: ServeLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let world = World::with(MutationGate::Open, Auth::tokens(tokens()), HttpOptions::new(address, "test"));
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let served = tokio::spawn(serve_with(listener, world.plane.clone(), limits, shutdown));
        Self { world, address, stop, served }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("somebody listens")
    }

    /// A request's bytes; the connection is kept unless the head says otherwise.
    fn request(&self, line: &str, body: &str) -> String {
        format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {OPERATOR}\r\nx-cortexpilot-role: OPS\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
    }

    /// Ends the server and waits until everything that was begun is done.
    async fn end(self) {
        let _ = self.stop.send(());
        self.served.await.expect("no panic").expect("the server ends well");
        assert!(TcpStream::connect(self.address).await.is_err(), "nobody listens any more");
    }
}

/// Reads until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("read to the end");
    String::from_utf8(bytes).expect("text")
}

/// Reads as far as this text.
async fn read_until(stream: &mut TcpStream, end: &str) {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        bytes.push(stream.read_u8().await.expect("more to read"));
    }
}

#[tokio::test]
async fn a_request_and_the_next_are_answered_on_one_connection() {
    let server = Server::start(ServeLimits::default()).await;
    let mut stream = server.connect().await;
    let twice = server.request("GET /health", "") + &server.request("GET /api/nothing", "");
    stream.write_all(twice.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let told = rest(&mut stream).await;
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    assert!(told.contains("{\"status\":\"ok\"}HTTP/1.1 404 Not Found\r\n"), "{told}");
    server.end().await;
}

#[tokio::test]
async fn ending_the_server_waits_for_a_command_that_was_begun_and_answers_it() {
    let server = Server::start(ServeLimits::default()).await;
    let token = server.world.preview_at(&server.address.to_string(), "run_ok").await;
    let held = server.world.ledger.commands.acquire().await.unwrap();
    let mut stream = server.connect().await;
    let request = server.request("POST /api/queue/from-run/run_ok", &apply(&token).to_string());
    stream.write_all(request.as_bytes()).await.unwrap();
    server.world.ledger.waits_for_a_turn().await;
    let mut idle = server.connect().await;
    idle.write_all(server.request("GET /health", "").as_bytes()).await.unwrap();
    read_until(&mut idle, "{\"status\":\"ok\"}").await;

    let _ = server.stop.send(());
    assert_eq!(rest(&mut idle).await, "", "a connection without a request is closed at once");
    assert!(!server.served.is_finished());
    assert_eq!(server.world.lines(), (0, 0));
    drop(held);
    let told = rest(&mut stream).await;
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n") && told.contains("\"already_applied\":false"), "{told}");
    assert!(told.to_ascii_lowercase().contains("connection: close"), "{told}");
    server.served.await.unwrap().unwrap();
    assert_eq!(server.world.lines(), (1, 0));
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_command_whose_caller_hangs_up_is_carried_out() {
    let server = Server::start(ServeLimits::default()).await;
    let token = server.world.preview_at(&server.address.to_string(), "run_ok").await;
    let held = server.world.ledger.commands.acquire().await.unwrap();
    let mut stream = server.connect().await;
    let request = server.request("POST /api/queue/from-run/run_ok", &apply(&token).to_string());
    stream.write_all(request.as_bytes()).await.unwrap();
    server.world.ledger.waits_for_a_turn().await;
    drop(stream);
    // A request on another connection gets its answer, so the server has seen the other one go.
    let mut other = server.connect().await;
    other.write_all(server.request("GET /health", "").as_bytes()).await.unwrap();
    other.shutdown().await.unwrap();
    assert!(rest(&mut other).await.starts_with("HTTP/1.1 200 OK"));
    drop(held);
    let ledger = server.world.ledger.clone();
    server.end().await;
    assert_eq!(ledger.memory.lines().len(), 1, "the end of the server waited for it");
}

/// Reads until the other side ends the connection, in whichever way.
async fn until_gone(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is dropped with something unread is reset.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_come_whole_in_time_ends_its_connection_and_no_other() {
    let head = Duration::from_millis(50);
    let server = Server::start(ServeLimits { head, ..ServeLimits::default() }).await;
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /health HTTP/1.1\r\nhost: ").await.unwrap();
    let mut idle = server.connect().await;
    idle.write_all(server.request("GET /health", "").as_bytes()).await.unwrap();
    read_until(&mut idle, "{\"status\":\"ok\"}").await;
    for stream in [&mut silent, &mut slow, &mut idle] {
        let told = until_gone(stream).await;
        assert!(!told.contains("200"), "{told}");
    }
    server.end().await;
}

#[tokio::test]
async fn where_all_places_are_taken_whoever_stalls_leaves_and_whoever_asks_is_served() {
    let server = Server::start(ServeLimits { connections: 4, ..ServeLimits::default() }).await;
    let token = server.world.preview_at(&server.address.to_string(), "run_ok").await;
    let held = server.world.ledger.commands.acquire().await.unwrap();
    let mut busy = server.connect().await;
    let apply = server.request("POST /api/queue/from-run/run_ok", &apply(&token).to_string());
    busy.write_all(apply.as_bytes()).await.unwrap();
    server.world.ledger.waits_for_a_turn().await;
    let mut kept = server.connect().await;
    kept.write_all(server.request("GET /health", "").as_bytes()).await.unwrap();
    read_until(&mut kept, "{\"status\":\"ok\"}").await;
    let mut stalled = Vec::new();
    for bytes in [b"".as_slice(), b"GET /health HTTP/1.1\r\nhost: "] {
        let mut stream = server.connect().await;
        stream.write_all(bytes).await.unwrap();
        stalled.push(stream);
    }
    // Whoever comes now gets the places of the two that only stall, then that of the one that is idle.
    for _ in 0..8 {
        let mut next = server.connect().await;
        next.write_all(server.request("GET /health", "").as_bytes()).await.unwrap();
        read_until(&mut next, "HTTP/1.1 200 OK").await;
        stalled.push(next);
    }
    for stream in &mut stalled[..2] {
        assert_eq!(until_gone(stream).await, "");
    }
    assert_eq!(until_gone(&mut kept).await, "", "an idle connection is closed, not cut in an answer");
    drop(held);
    read_until(&mut busy, "\"already_applied\":false").await;
    drop((busy, kept, stalled));
    server.end().await;
}

#[tokio::test]
async fn ending_the_server_does_not_wait_for_whoever_stalls() {
    let server = Server::start(ServeLimits { drain: Duration::from_secs(600), ..ServeLimits::default() }).await;
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /health HTTP/1.1\r\nhost: ").await.unwrap();
    // An answer on a later connection: the server knows of both.
    let mut last = server.connect().await;
    last.write_all(server.request("GET /health", "").as_bytes()).await.unwrap();
    read_until(&mut last, "{\"status\":\"ok\"}").await;
    let began = std::time::Instant::now();
    server.end().await;
    assert!(began.elapsed() < Duration::from_secs(30), "far less than the limits of either: {:?}", began.elapsed());
    for stream in [&mut silent, &mut slow, &mut last] {
        assert_eq!(until_gone(stream).await, "");
    }
}

#[tokio::test]
async fn a_long_answer_that_is_on_its_way_when_the_server_ends_comes_whole() {
    const BULK: usize = 8 * 1024 * 1024;
    let server = Server::start(ServeLimits::default()).await;
    *server.world.runs.bulk.lock().unwrap() = BULK;
    let mut stream = server.connect().await;
    stream.write_all(server.request("GET /api/runs/run_ok", "").as_bytes()).await.unwrap();
    read_until(&mut stream, "HTTP/1.1 200 OK").await;
    let reading = tokio::spawn(async move { rest(&mut stream).await });
    server.end().await;
    assert!(reading.await.unwrap().len() > BULK);
}

#[tokio::test]
async fn http_2_is_not_spoken_and_too_many_headers_are_refused() {
    let server = Server::start(ServeLimits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let told = until_gone(&mut stream).await;
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 4") || told.starts_with("HTTP/1.1 505"), "{told}");
    let upgrade =
        "upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nconnection: upgrade, http2-settings, close\r\n";
    let mut stream = server.connect().await;
    let request = format!("GET /health HTTP/1.1\r\nhost: {}\r\n{upgrade}\r\n", server.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 OK"), "an offer may be left aside");
    let mut stream = server.connect().await;
    let many: String = (0..101).map(|number| format!("x-{number}: 1\r\n")).collect();
    let request = format!("GET /health HTTP/1.1\r\nhost: {}\r\n{many}\r\n", server.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut stream, "HTTP/1.1 431").await;
    drop(stream);
    server.end().await;
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent() {
    let server = Server::start(ServeLimits::default()).await;
    for (name, value) in [("content-length", "1073741824"), ("transfer-encoding", "chunked")] {
        let mut stream = server.connect().await;
        let head = format!(
            "POST /api/queue/claim HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {OPERATOR}\r\n\
             content-type: application/json\r\n{name}: {value}\r\n\r\n",
            server.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        if value == "chunked" {
            // A byte more than is read.
            let body = format!("40001\r\n{}\r\n", " ".repeat(0x40001));
            stream.write_all(body.as_bytes()).await.unwrap();
        }
        let told = until_gone(&mut stream).await;
        assert!(told.starts_with("HTTP/1.1 413 ") && told.contains("BODY_TOO_LARGE"), "{name}: {told}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_client_that_takes_its_answer_in_sips_is_given_up_and_a_stream_of_small_answers_is_not() {
    const BULK: usize = 32 * 1024 * 1024;
    let stalled_write = Duration::from_millis(200);
    let server = Server::start(ServeLimits { stalled_write, ..ServeLimits::default() }).await;
    *server.world.runs.bulk.lock().unwrap() = BULK;
    let mut stream = server.connect().await;
    stream.write_all(server.request("GET /api/runs/run_ok", "").as_bytes()).await.unwrap();
    read_until(&mut stream, "HTTP/1.1 200 OK").await;
    let (mut read, mut sip, mut buffer) = (0, [0; 512], vec![0; 1024 * 1024]);
    let mut sips = tokio::time::interval(Duration::from_millis(10));
    // Each sip is taken in time; all of them together are too little.
    for _ in 0..100 {
        read += stream.read(&mut sip).await.unwrap();
        sips.tick().await;
    }
    // What was on its way is still there, and no more.
    while let Ok(some @ 1..) = stream.read(&mut buffer).await {
        read += some;
    }
    assert!(read < BULK, "{read}");
    let mut kept = server.connect().await;
    for _ in 0..30 {
        kept.write_all(server.request("GET /health", "").as_bytes()).await.unwrap();
        read_until(&mut kept, "{\"status\":\"ok\"}").await;
        sips.tick().await;
    }
    drop((stream, kept));
    server.end().await;
}

#[tokio::test]
async fn a_head_beyond_its_limit_is_refused() {
    let server = Server::start(ServeLimits { head_bytes: 8 * 1024, ..ServeLimits::default() }).await;
    let mut stream = server.connect().await;
    let request = format!("GET /health HTTP/1.1\r\nhost: {}\r\nx: {}\r\n\r\n", server.address, "x".repeat(9 * 1024));
    stream.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut stream, "HTTP/1.1 431").await;
    drop(stream);
    server.end().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_given_up() {
    const BULK: usize = 32 * 1024 * 1024;
    let stalled_write = Duration::from_millis(50);
    let server = Server::start(ServeLimits { stalled_write, ..ServeLimits::default() }).await;
    *server.world.runs.bulk.lock().unwrap() = BULK;
    let mut stream = server.connect().await;
    stream.write_all(server.request("GET /api/runs/run_ok", "").as_bytes()).await.unwrap();
    // The first bytes show that the answer was begun; the end of the server, that it was given up.
    read_until(&mut stream, "HTTP/1.1 200 OK").await;
    server.end().await;
    let mut read = 0;
    let mut buffer = vec![0; 1024 * 1024];
    // Ends with the bytes that were on their way, or with a reset.
    while let Ok(some @ 1..) = stream.read(&mut buffer).await {
        read += some;
    }
    assert!(read < BULK, "{read}");
}

#[tokio::test]
async fn hostile_bytes_end_their_connection_and_nothing_else() {
    let server = Server::start(ServeLimits::default()).await;
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /api/queue/claim HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/queue/claim HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let told = rest(&mut stream).await;
        assert!(!told.contains(" 200 ") && !told.contains(" 500 "), "{told}");
    }
    let mut stream = server.connect().await;
    stream.write_all(server.request("POST /api/queue/claim", &json!({}).to_string()).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(rest(&mut stream).await.ends_with("{\"ok\":false,\"reason\":\"queue empty\"}"));
    server.end().await;
}
