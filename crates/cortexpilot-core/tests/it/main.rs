//! Core's tests from outside: what every surface and store may rely on.

mod applied;
mod approvals;
mod codec;
mod codes;
mod decisions;
mod door;
mod errors;
mod fold;
mod gates;
mod governance;
mod item_states;
mod leases;
mod limits;
mod model;
mod preview;
mod sealed;
mod support;
mod surfaces;
mod tokens;
mod work;
