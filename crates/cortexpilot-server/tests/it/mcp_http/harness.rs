//! Messages over HTTP in memory, under any protocol version.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use cortexpilot_core::port::fake::SeqIds;
use cortexpilot_server::auth::Auth;
use cortexpilot_server::http::AllowedHosts;
use cortexpilot_server::mcp::http::{McpOptions, McpService, mcp_router, mcp_service};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::mcp_transport::harness::{Seen, call, initialize, server, stateless};

pub(super) const VERSIONS: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", STATELESS];
pub(super) const STATELESS: &str = "2026-07-28";
pub(super) const HOST: &str = "127.0.0.1:8000";

/// The endpoint of the small toolbox, without tokens.
pub(super) struct Endpoint {
    pub(super) router: Router,
    pub(super) seen: Arc<Seen>,
}

impl Endpoint {
    pub(super) fn new() -> Self {
        Self::of(McpOptions::new("test"))
    }

    pub(super) fn of(options: McpOptions) -> Self {
        let seen = Seen::new(0);
        Self { router: alone(mcp_service(server(&seen), options)), seen }
    }

    pub(super) async fn send(&self, post: Post) -> Answer {
        post.send(&self.router).await
    }
}

/// One endpoint at `/mcp`, for everybody.
pub(super) fn alone(service: McpService) -> Router {
    let hosts = AllowedHosts::bound(HOST.parse().unwrap());
    mcp_router(vec![("/mcp", service)], Auth::Off, hosts, Arc::new(SeqIds::default()))
}

/// One request under construction.
#[derive(Debug)]
pub(super) struct Post {
    method: &'static str,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Body,
}

impl Post {
    /// Bytes of any kind, under no version.
    pub(super) fn raw(body: impl Into<Body>) -> Self {
        let headers =
            [("host", HOST), ("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        Self { method: "POST", path: "/mcp".into(), headers, body: body.into() }
    }

    /// A message as a client of this version sends it: with its headers, and its `_meta` where the version has one.
    pub(super) fn message(message: &Value, version: &str) -> Self {
        let stands_alone = version == STATELESS && message["method"] != "initialize";
        let message = if stands_alone { stateless(message.clone(), version) } else { message.clone() };
        let post = Self::raw(message.to_string()).and("mcp-protocol-version", version);
        let name = message["params"]["name"].as_str().or(message["params"]["uri"].as_str());
        match (stands_alone, message["method"].as_str(), name) {
            (true, Some(method), Some(name)) => post.and("mcp-method", method).and("mcp-name", name),
            (true, Some(method), None) => post.and("mcp-method", method),
            _ => post,
        }
    }

    pub(super) fn call(id: impl Into<Value>, tool: &str, arguments: &Value, version: &str) -> Self {
        Self::message(&call(id, tool, arguments), version)
    }

    pub(super) fn ping(version: &str) -> Self {
        // The newest version has no ping; asking who is there stands for it.
        let method = if version == STATELESS { "server/discover" } else { "ping" };
        Self::message(&json!({ "jsonrpc": "2.0", "id": "ping", "method": method }), version)
    }

    pub(super) fn initialize(version: &str) -> Self {
        Self::message(&initialize(version), version)
    }

    pub(super) fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub(super) fn to(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    pub(super) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Replaces a header.
    pub(super) fn header(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// Adds a header beside any other of its name.
    pub(super) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    fn request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(self.body).unwrap()
    }

    pub(super) async fn send(self, router: &Router) -> Answer {
        let response = router.clone().oneshot(self.request()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// The answer's head, and its body as it comes.
    pub(super) async fn open(self, router: &Router) -> (StatusCode, HeaderMap, Body) {
        let (parts, body) = router.clone().oneshot(self.request()).await.unwrap().into_parts();
        (parts.status, parts.headers, body)
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json", "{self:?}");
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What a tool answered.
    pub(super) fn told(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["result"]["structuredContent"].clone()
    }

    /// `STATUS NUMBER` of a protocol error, `STATUS CODE` of a refusal before the message counts, else `STATUS`.
    pub(super) fn verdict(&self) -> String {
        let body: Value = serde_json::from_str(&self.text).unwrap_or_default();
        let status = self.status.as_u16();
        match (body["error"]["code"].as_i64(), body["detail"]["code"].as_str()) {
            (Some(number), _) => format!("{status} {number}"),
            (None, Some(code)) => format!("{status} {code}"),
            (None, None) => status.to_string(),
        }
    }
}
