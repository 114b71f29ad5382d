//! The operator HTTP control plane, from a request's bytes to the store in memory.

mod approvals;
mod authentication;
mod bodies;
mod codes;
mod connections;
mod edges;
pub(crate) mod fakes;
mod governing;
pub(crate) mod harness;
mod lifecycle;
mod lists;
mod matrix;
mod operations;
mod page;
mod receipts;
mod reviewing;
