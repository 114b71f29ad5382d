//! The built binary from outside: every command with its refusals, the servers it starts, and what it leaves on disk.

mod support;

mod audit;
mod configuration;
mod documents;
mod interactive;
mod mcp;
mod queue;
mod replay;
mod runs;
mod serving;
mod up;
