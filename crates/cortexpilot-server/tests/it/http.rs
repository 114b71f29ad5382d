//! The operator HTTP control plane, from a request's bytes to the store in memory.

mod approvals;
mod authentication;
mod bodies;
mod codes;
mod connections;
mod edges;
mod fakes;
mod governing;
mod harness;
mod lifecycle;
mod lists;
mod matrix;
mod operations;
mod page;
mod receipts;
mod reviewing;
