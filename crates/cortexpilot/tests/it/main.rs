//! The built binary from outside: every command with its refusals, the servers it starts, and what it leaves on disk.

mod support;

mod api;
mod approvals;
mod audit;
mod audit_log;
mod configuration;
mod console;
mod contract;
mod demo;
mod documents;
mod governing;
mod import;
mod installing;
mod interactive;
mod live;
mod mcp;
mod pty;
mod queue;
mod readonly;
mod receipts;
mod record;
mod replay;
mod runs;
mod second_tour;
mod segments;
mod serving;
mod stdio;
mod subscriptions;
mod tokens;
mod up;
mod webhook;
mod worker;
