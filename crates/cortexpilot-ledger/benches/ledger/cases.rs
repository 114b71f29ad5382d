//! The cases: each measures on a runtime root of its own and gives its figures.

mod claimers;
mod lone;
mod open;
mod pending;
mod processes;
mod producers;
mod receipt;
mod thread;
mod verify;
mod work;

pub(crate) use processes::child;

use crate::harness::{Case, Setting};

/// All of them, in the order in which they run.
pub(crate) const CASES: &[Case] = &[
    Case { name: "lone", run: lone::run },
    Case { name: "producers", run: producers::run },
    Case { name: "thread", run: thread::run },
    Case { name: "receipt", run: receipt::run },
    Case { name: "work", run: work::run },
    Case { name: "claimers", run: claimers::run },
    Case { name: "pending", run: pending::run },
    Case { name: "processes", run: processes::run },
    Case { name: "open", run: open::run },
    Case { name: "verify", run: verify::run },
];
