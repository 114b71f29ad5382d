//! Everything that speaks to the outside: wire types, authentication, HTTP and MCP.

pub mod wire;

pub mod mcp;

pub mod auth;

mod watch;

mod bucket;

pub mod http;
