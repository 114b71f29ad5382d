//! The embedded store from outside: what it answers, what it writes, what it survives.

#![expect(clippy::unwrap_used, reason = "clippy excepts test functions from the rule, but not what they call")]

mod support;

mod conformance;
mod parity;

mod beside;

mod files;
mod index;
mod keys;
mod legacy;
mod lines;

mod adopt;
mod bits;
mod cuts;
mod damage;
mod repair;
mod segments;
mod tails;
mod verify;

mod document;
mod governance;
mod several;

mod log;
