//! The embedded store from outside: what it answers, what it writes, what it survives.

mod support;

mod conformance;
mod parity;

mod files;
mod keys;
mod legacy;

mod damage;
mod repair;
mod tails;
mod verify;

mod document;
mod several;

mod measured;
