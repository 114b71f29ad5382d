//! Integration tests of the server crate: one binary, one module a topic.

mod http;
mod mcp_http;
mod mcp_pilot;
mod mcp_transport;
