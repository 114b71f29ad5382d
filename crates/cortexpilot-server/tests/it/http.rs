//! The operator HTTP control plane, from a request's bytes to the store in memory.

mod authentication;
mod bodies;
mod codes;
mod connections;
mod edges;
mod fakes;
mod harness;
mod lifecycle;
mod lists;
mod operations;
mod page;
