//! MCP over HTTP by the built binary: which endpoints there are and for whom, what the standalone server leaves behind, and
//! clients that send too much and read nothing.

mod endpoints;
mod floods;
