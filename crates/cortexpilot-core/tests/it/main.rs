//! Core's tests from outside: what every surface and store may rely on.

mod applied;
mod codec;
mod codes;
mod door;
mod errors;
mod fold;
mod gates;
mod item_states;
mod limits;
mod preview;
mod support;
mod surfaces;
mod work;
