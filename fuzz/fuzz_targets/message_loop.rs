//! Bytes to the message loop of an MCP server, as a client might send them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cortexpilot_fuzz::message_loop::check(data));
