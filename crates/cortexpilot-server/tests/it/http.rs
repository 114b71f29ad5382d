//! The operator HTTP control plane, from a request's bytes to the store in memory.

mod approvals;
mod authentication;
mod bodies;
mod codes;
mod connections;
mod console;
mod described;
mod direct;
mod document;
mod edges;
mod examples;
pub(crate) mod fakes;
mod governing;
pub(crate) mod harness;
mod lifecycle;
mod lists;
mod matrix;
mod middleware;
mod operations;
mod receipts;
mod record;
mod reviewing;
mod run_reads;
pub(crate) mod samples;
mod session;
mod streams;
mod working;
