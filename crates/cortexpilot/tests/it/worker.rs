//! `cortexpilot worker` and `run-next`: queue items carried out by the built binary.

mod ends;
mod outcomes;
mod place;
mod readiness;
mod served;
