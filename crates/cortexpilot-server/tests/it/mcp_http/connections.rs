//! Real connections: a client that goes away, one that reads nothing, and the end of the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cortexpilot_core::port::fake::SeqIds;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::{AllowedHosts, serve};
use cortexpilot_server::mcp::MAX_CALLS_IN_FLIGHT;
use cortexpilot_server::mcp::http::{McpLimits, McpOptions, mcp_router, mcp_service};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::harness::STATELESS;
use crate::mcp_transport::harness::{Seen, call, in_time, server, stateless};

struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

/// Nothing but the places is in the way.
fn unhurried() -> McpLimits {
    McpLimits {
        messages_per_second: 1_000_000,
        burst: 1_000_000,
        calls_per_principal: MAX_CALLS_IN_FLIGHT,
        ..McpLimits::default()
    }
}

impl Server {
    async fn start(padding: usize, calls: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Seen::new(padding);
        let limits = McpLimits { calls, ..unhurried() };
        let service = mcp_service(server(&seen), McpOptions { limits, ..McpOptions::new("test") });
        let hosts = AllowedHosts::bound(address);
        let router = mcp_router(vec![("/mcp", service)], Auth::Off, hosts, Arc::new(SeqIds::default()));
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _ = stopped.await;
        };
        Self { address, seen, stop, served: tokio::spawn(serve(listener, router, shutdown)) }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn post(&self, id: u64, tool: &str) -> String {
        let arguments = if tool == "say" { json!({ "text": "x" }) } else { json!({}) };
        let body = stateless(call(id, tool, &arguments), STATELESS).to_string();
        format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: application/json, \
             text/event-stream\r\nmcp-protocol-version: {STATELESS}\r\nmcp-method: tools/call\r\nmcp-name: {tool}\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
    }

    /// Until so many handlers run.
    async fn running(&self, wanted: usize) {
        in_time(async {
            while self.seen.running.load(Ordering::SeqCst) != wanted {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn end(self) {
        let _ = self.stop.send(());
        in_time(self.served).await.unwrap().unwrap();
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    in_time(stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_call_that_only_reads_ends_when_its_client_goes_away_and_gives_its_place_back() {
    let server = Server::start(0, MAX_CALLS_IN_FLIGHT).await;
    for _ in 0..3 {
        let mut clients = Vec::new();
        for id in 0..MAX_CALLS_IN_FLIGHT as u64 {
            let mut client = server.connect().await;
            client.write_all(server.post(id, "hold").as_bytes()).await.unwrap();
            clients.push(client);
        }
        // The toolbox counts those that began; what was dropped never counts itself out.
        server.running(MAX_CALLS_IN_FLIGHT).await;
        drop(clients);
        server.seen.running.store(0, Ordering::SeqCst);
    }
    // Were a single place lost, this one would not be answered: nobody releases what those calls waited for.
    let mut client = server.connect().await;
    client.write_all(server.post(7, "say").replace("host:", "connection: close\r\nhost:").as_bytes()).await.unwrap();
    let told = rest(&mut client).await;
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    server.end().await;
}

#[tokio::test]
async fn ending_the_server_answers_the_calls_that_were_begun() {
    let server = Server::start(0, MAX_CALLS_IN_FLIGHT).await;
    let mut client = server.connect().await;
    client.write_all(server.post(7, "hold").as_bytes()).await.unwrap();
    server.running(1).await;
    let seen = Arc::clone(&server.seen);
    let ending = tokio::spawn(server.end());
    seen.release.add_permits(1);
    let told = rest(&mut client).await;
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n") && told.contains("\"zulu\":\"held\""), "{told}");
    in_time(ending).await.unwrap();
}

#[tokio::test]
async fn clients_that_read_nothing_have_no_more_calls_carried_out_than_there_are_places() {
    // Each answer is larger than what the system keeps for a connection.
    let places = 3;
    let server = Server::start(4 * 1024 * 1024, places).await;
    let mut clients = Vec::new();
    for id in 0..2 * places as u64 {
        let mut client = server.connect().await;
        client.write_all(server.post(id, "say").as_bytes()).await.unwrap();
        clients.push(client);
    }
    // Those beyond wait a little and are refused in a few bytes.
    let mut refused = 0;
    for client in &mut clients {
        let mut head = [0; 12];
        in_time(client.read_exact(&mut head)).await.unwrap();
        refused += usize::from(&head == b"HTTP/1.1 429");
    }
    assert_eq!((server.seen.entered(), refused), (places, places));
    drop(clients);
    server.end().await;
}
